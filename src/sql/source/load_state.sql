/*
 * Measures, exemptions and attestations of a document.
 */

CREATE FUNCTION posture_internal.load_measure() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM update_last_seen(array_agg(m.source_id), array_agg(m.seen_at))
    FROM (SELECT s.source_id,
          max(coalesce((i.object ->> 'observed_at')::timestamptz, now())) AS seen_at
          FROM posture_item i JOIN source s ON s.key = i.source
          WHERE i.type = 'measure'
          GROUP BY s.source_id) m;
    RETURN insert_objects('measure');
END $$;
COMMENT ON FUNCTION posture_internal.load_measure() IS
    'step of load(): writes points that are newer than the stored ones. Returns the number of '
    'measures changed.';

CREATE FUNCTION posture_internal.load_exemption() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed bigint;
BEGIN
    IF NOT has_item('exemption') THEN
        RETURN 0;
    END IF;
    INSERT INTO asset (key, name)
    SELECT DISTINCT i.object ->> 'asset', i.object ->> 'asset'
    FROM posture_item i
    WHERE i.type = 'exemption' AND asset_of(i.object ->> 'asset', NULL) IS NULL
      AND i.object ->> 'asset' IS NOT NULL;
    PERFORM working_table(
        'posture_exempt',
        'recommendation_id integer, asset_id integer, asset_group_id integer, '
        'kind exemption_kind, reason text, approved_by text, created_at timestamptz, '
        'expires_at timestamptz, is_dated boolean, is_reported boolean');
    INSERT INTO posture_exempt
    SELECT DISTINCT r.recommendation_id, a.asset_id, g.asset_group_id, n.kind,
           n.reason, CASE WHEN n.approved_by ~ E'\\S' THEN n.approved_by WHEN s.name ~ E'\\S'
                              THEN s.name ELSE s.key END AS approved_by,
           coalesce(n.created_at, least(n.expires_at, now())) AS created_at, n.expires_at,
               n.created_at IS NOT NULL AS is_dated,
           coalesce(n.is_reported, true) AS is_reported
    FROM posture_item i
    JOIN source s ON s.key = i.source
    JOIN recommendation r ON r.source_id = s.source_id AND r.key = i.object ->> 'recommendation'
    LEFT JOIN asset_group g ON g.key = i.object ->> 'asset_group'
    CROSS JOIN LATERAL asset_of(i.object ->> 'asset', NULL) a(asset_id)
    CROSS JOIN LATERAL jsonb_populate_record(NULL::exemption, i.object) n
    WHERE i.type = 'exemption' AND require_id('asset', i.object ->> 'asset', a.asset_id)
      AND require_id('asset group', i.object ->> 'asset_group', g.asset_group_id);
    ANALYZE posture_exempt;

    WITH same AS (
        SELECT e.exemption_id, n.ctid AS item
        FROM posture_exempt n
        JOIN exemption e
          ON (e.recommendation_id, e.kind, e.reason, e.approved_by,
              e.is_reported) = (n.recommendation_id, n.kind, n.reason, n.approved_by, n.is_reported)
         AND (e.asset_id, e.asset_group_id,
              e.expires_at) IS NOT DISTINCT FROM (n.asset_id, n.asset_group_id, n.expires_at)
         AND (e.created_at = n.created_at OR NOT n.is_dated)
    ), ended AS (
        -- exemptions that their source reported earlier and no longer reports
        UPDATE exemption e
        SET expires_at = greatest(now(), e.created_at)
        WHERE e.is_reported AND (e.expires_at IS NULL OR e.expires_at > now())
          AND EXISTS (SELECT FROM posture_exempt n
                      WHERE n.is_reported AND n.recommendation_id = e.recommendation_id
                        AND (n.asset_id, n.asset_group_id) IS NOT DISTINCT FROM (e.asset_id,
                                                                                 e.asset_group_id))
          AND NOT EXISTS (SELECT FROM same s WHERE s.exemption_id = e.exemption_id)
        RETURNING 1
    ), added AS (
        INSERT INTO exemption (recommendation_id, asset_id, asset_group_id, kind, reason,
                               approved_by, created_at, expires_at, is_reported)
        SELECT n.recommendation_id, n.asset_id, n.asset_group_id, n.kind, n.reason, n.approved_by,
               n.created_at,
               n.expires_at, n.is_reported
        FROM posture_exempt n
        WHERE n.kind IS NOT NULL AND NOT EXISTS (SELECT FROM same s WHERE s.item = n.ctid)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM ended) + (SELECT count(*) FROM added) INTO changed;
    RETURN changed;
END $$;
COMMENT ON FUNCTION posture_internal.load_exemption() IS
    'step of load(): inserts exemptions that are new, and ends those that their source no longer '
    'reports. Returns the number of exemptions inserted or ended.';

CREATE FUNCTION posture_internal.reject_attestation() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    UPDATE posture_item i
    SET error = format('recommendation "%s" of source "%s" is not a manual control',
                       left(i.object ->> 'recommendation', 100), left(i.source, 100))
    WHERE i.type = 'attestation' AND i.error IS NULL
      AND NOT EXISTS (SELECT
                      FROM recommendation r JOIN source s USING (source_id)
                      WHERE s.key = i.source AND r.key = i.object ->> 'recommendation'
                        AND r.is_manual)
      AND NOT EXISTS (SELECT FROM posture_item r
                      WHERE r.type = 'recommendation' AND r.error IS NULL AND r.source = i.source
                        AND r.object ->> 'key' = i.object ->> 'recommendation'
                        AND (r.object ->> 'is_manual')::boolean);
END $$;
COMMENT ON FUNCTION posture_internal.reject_attestation() IS
    'step of load(): marks attestations of recommendations that are no manual controls';

CREATE FUNCTION posture_internal.load_attestation() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    attested integer[];
BEGIN
    IF NOT has_item('attestation') THEN
        RETURN 0;
    END IF;
    INSERT INTO asset (key, name)
    SELECT DISTINCT i.object ->> 'asset', i.object ->> 'asset'
    FROM posture_item i
    WHERE i.type = 'attestation' AND asset_of(i.object ->> 'asset', NULL) IS NULL;
    WITH given AS (
        SELECT DISTINCT r.recommendation_id, asset_of(i.object ->> 'asset', NULL) AS asset_id,
               n.state, n.evidence, n.note, coalesce(n.attested_by, session_user) AS attested_by,
               coalesce(n.attested_at, now()) AS attested_at, n.valid_until
        FROM posture_item i
        JOIN source s ON s.key = i.source
        JOIN recommendation r ON r.source_id = s.source_id AND r.key = i.object ->> 'recommendation'
        CROSS JOIN LATERAL jsonb_populate_record(NULL::attestation, i.object) n
        WHERE i.type = 'attestation' AND r.is_manual
    ), added AS (
        INSERT INTO attestation (recommendation_id, asset_id, state, evidence, note, attested_by,
                                 attested_at, valid_until)
        SELECT g.*
        FROM given g
        WHERE NOT EXISTS (SELECT FROM attestation o
                          WHERE (o.recommendation_id, o.asset_id, o.state, o.attested_by,
                                 o.attested_at)
                                = (g.recommendation_id, g.asset_id, g.state, g.attested_by,
                                   g.attested_at)
                            AND (o.evidence, o.note, o.valid_until)
                                IS NOT DISTINCT FROM (g.evidence, g.note, g.valid_until))
        ORDER BY g.attested_at, g.recommendation_id, g.asset_id
        RETURNING recommendation_id
    )
    SELECT array_agg(a.recommendation_id) INTO attested FROM added a;
    PERFORM apply_attestations(attested);
    RETURN coalesce(cardinality(attested), 0);
END $$;
COMMENT ON FUNCTION posture_internal.load_attestation() IS
    'step of load(): inserts attestations that are new, and writes the findings that follow from '
    'them. Returns the number of attestations inserted.';
