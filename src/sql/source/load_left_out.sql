/*
 * What load() leaves out: elements that are not meant to be loaded, such as the
 * threats among the findings of a product, and whatever only elements that are not
 * loaded would bring.
 */

CREATE FUNCTION posture_internal.load_leave_out() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    left_out bigint;
    reasons text;
BEGIN
    WITH counted AS (
        SELECT i.object ->> 'reason' AS reason, count(*) AS elements
        FROM posture_item i
        WHERE i.type = 'left_out'
        GROUP BY 1
    )
    SELECT coalesce(sum(c.elements), 0),
           string_agg(format('%s: %s.', c.elements, left(c.reason, 200)), E'\n'
                      ORDER BY c.elements DESC, c.reason COLLATE "C") FILTER (WHERE c.n <= 5)
    INTO left_out, reasons
    FROM (SELECT c.*, row_number() OVER (ORDER BY c.elements DESC, c.reason COLLATE "C") AS n
          FROM counted c) c;
    IF left_out > 0
       AND NOT EXISTS (SELECT FROM posture_item i
                       WHERE i.type NOT IN ('source', 'left_out')) THEN
        RAISE NOTICE 'nothing in the document is meant to be loaded' USING DETAIL = reasons;
    END IF;
    -- one that names a finding keeps it from being missing, see name_findings()
    DELETE FROM posture_item i WHERE i.type = 'left_out' AND i.recommendation IS NULL;
    RETURN left_out;
END $$;
COMMENT ON FUNCTION posture_internal.load_leave_out() IS
    'step of load(): drops the elements that are not meant to be loaded, with a notice of their '
    'reasons if there are no others. Returns their number.';

-- What a part of a document does not name may be in another part.
CREATE FUNCTION posture_internal.load_keep_failures() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF NOT has_item('finding', 'is_absence') THEN
        RETURN;
    END IF;
    WITH absent AS MATERIALIZED (
        SELECT i.ctid AS id, r.recommendation_id, asset_of(i.asset, i.asset_kind) AS asset_id
        FROM posture_item i
        JOIN source s ON s.key = i.source
        JOIN recommendation r ON r.source_id = s.source_id AND r.key = i.recommendation
        WHERE i.type = 'finding' AND i.object ? 'is_absence'
    )
    DELETE FROM posture_item i
    USING absent a
    CROSS JOIN LATERAL (SELECT FROM finding f
                        WHERE f.recommendation_id = a.recommendation_id
                          AND f.asset_id = a.asset_id AND f.state = 'non_compliant'
                        OFFSET 0) f
    WHERE i.ctid = a.id;
END $$;
COMMENT ON FUNCTION posture_internal.load_keep_failures() IS
    'step of load(): drops the findings that only say that a document which may not be complete '
    'names no failure, where one is stored';

-- In formats of findings, recommendations and assets come from findings alone.
CREATE FUNCTION posture_internal.load_drop_unused() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    -- the number of items decides the plan
    PERFORM load_analyze();
    DELETE FROM posture_item i
    WHERE i.type IN ('recommendation', 'exemption')
          AND NOT EXISTS (SELECT FROM posture_item f
                          WHERE f.type = 'finding' AND f.source = i.source
                            AND f.recommendation
                                = i.object ->> CASE i.type WHEN 'exemption' THEN 'recommendation'
                                                           ELSE 'key' END)
       OR i.type IN ('asset', 'exemption')
          AND NOT EXISTS (SELECT FROM posture_item f
                          WHERE f.type = 'finding'
                            AND f.asset = i.object ->> CASE i.type WHEN 'exemption' THEN 'asset'
                                                                   ELSE 'key' END)
       OR i.type = 'source'
          AND NOT EXISTS (SELECT FROM posture_item f
                          WHERE f.type = 'finding' AND f.source = i.object ->> 'key');
END $$;
COMMENT ON FUNCTION posture_internal.load_drop_unused() IS
    'step of load(): drops the recommendations, assets, exemptions and sources of a document that '
    'no finding of it is about, because these were rejected or left out';
