/*
 * Extents: what a delivery covers. An extent is a part of what a source assesses,
 * such as an account, a region of it, or a benchmark on a host. A document states
 * the extent of each of its findings, and a row of the inbox has the one that
 * ingest() names.
 *
 * A finding keeps the extents that report it. A delivery that is complete for some
 * of them takes these from the findings that it does not have, and a finding that
 * is left without any is closed. So a finding is closed only if all that reported
 * it no longer does. A finding that was loaded without an extent, or by a version
 * before 0.3, is closed by a delivery that is complete for its source.
 */

-- A finding refers to one row, so a row may have several extents: those of a finding that
-- several report. There are few such combinations. Findings have no foreign key to them,
-- because rows are deleted only with their source, which has no findings then.
CREATE TABLE posture.extent (
    extent_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id integer NOT NULL REFERENCES source ON DELETE CASCADE,
    keys text[] NOT NULL
        CONSTRAINT "a row has at least one extent" CHECK (cardinality(keys) > 0),
    version text,
    observed_at timestamptz
        CONSTRAINT "observed_at is in the years 1900 to 9999"
        CHECK (observed_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z')
);
CREATE INDEX extent_keys ON posture.extent USING gin (keys);
COMMENT ON TABLE posture.extent IS
    'parts of what sources assess, such as accounts, for which a delivery can be complete';
COMMENT ON COLUMN posture.extent.extent_id IS 'internal id';
COMMENT ON COLUMN posture.extent.source_id IS 'id of the source that reports it';
COMMENT ON COLUMN posture.extent.keys IS
    'the extent, such as aws/111122223333; several for findings that several extents report';
COMMENT ON COLUMN posture.extent.version IS
    'version of the benchmark, where the extent is a benchmark on a host';
COMMENT ON COLUMN posture.extent.observed_at IS 'latest observation of that version';

CREATE FUNCTION posture_internal.extent_key(VARIADIC parts text[]) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN octet_length(array_to_string(parts, '/')) <= 1024
                THEN array_to_string(parts, '/') END;
COMMENT ON FUNCTION posture_internal.extent_key(text[]) IS
    'returns the extent that has these parts, from the widest on; NULL if it is too long for a key';

CREATE FUNCTION posture_internal.extent_object(
    extents text[], version text DEFAULT NULL, of_asset boolean DEFAULT NULL) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object('extents', to_jsonb(array_remove(extents, NULL)),
                                                'version', version, 'of_asset', of_asset));
COMMENT ON FUNCTION posture_internal.extent_object(text[], text, boolean) IS
    'returns the object of an item that is a finding: its extents, the version of its benchmark, '
    'and whether the extents are of its asset alone';

CREATE FUNCTION posture_internal.states_extents(of_document boolean) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN of_document THEN has_item('finding', 'extents') OR has_item('covered')
                ELSE false END;
END $$;
COMMENT ON FUNCTION posture_internal.states_extents(boolean) IS
    'step of load() and ingest(): whether a document states extents of its findings';

-- All rules of a benchmark count as observed when the last one was. Documents may write an asset
-- under several names, which are one extent.
CREATE FUNCTION posture_internal.stated_extent()
    RETURNS TABLE (source text, asset text, stated text, key text, version text, at timestamptz)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT s.source, s.asset, s.stated,
           CASE WHEN s.asset IS NULL THEN s.stated
                ELSE extent_key(coalesce((SELECT a.key::text FROM asset a
                                          WHERE a.asset_id = asset_of(s.asset, s.asset_kind)),
                                         s.asset), s.stated) END,
           s.version, s.at
    FROM (SELECT i.source, o.asset, o.asset_kind, k.key AS stated, o.version,
                 max(coalesce(i.observed_at, clock_timestamp())) AS at
          FROM posture_item i
          CROSS JOIN LATERAL (SELECT CASE WHEN i.object ? 'of_asset' THEN i.asset END AS asset,
                                     CASE WHEN i.object ? 'of_asset' THEN i.asset_kind END
                                         AS asset_kind,
                                     i.object ->> 'version' AS version) o
          CROSS JOIN LATERAL jsonb_array_elements_text(i.object -> 'extents') k(key)
          -- covered: an extent of a document whose findings are on other databases
          WHERE i.type IN ('finding', 'covered')
          GROUP BY i.source, o.asset, o.asset_kind, k.key, o.version) s;
END $$;
COMMENT ON FUNCTION posture_internal.stated_extent() IS
    'step of load(): returns the extents of a document, with the version and time of each';

-- A version of a benchmark replaces the one that was observed before it. Results of an earlier
-- one, which arrive late or in the same document, would bring back the rules that it had.
CREATE FUNCTION posture_internal.leave_out_superseded() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF NOT has_item('finding', 'version') THEN
        RETURN;
    END IF;
    WITH stated AS MATERIALIZED (
        SELECT s.* FROM stated_extent() s WHERE s.version IS NOT NULL
    ), stored AS (
        SELECT d.source, d.key, e.version, e.observed_at
        FROM (SELECT DISTINCT s.source, s.key FROM stated s) d
        JOIN source o ON o.key = d.source
        CROSS JOIN LATERAL (SELECT x.version, x.observed_at
                            FROM extent x
                            WHERE x.source_id = o.source_id AND x.keys = ARRAY[d.key]
                            OFFSET 0) e
        WHERE e.version IS NOT NULL
    ), superseded AS (
        SELECT s.source, s.asset, s.stated, s.version
        FROM stated s
        JOIN (SELECT o.source, o.key, o.version, o.at FROM stated o
              UNION ALL
              TABLE stored) n USING (source, key)
        WHERE n.version <> s.version AND n.at > s.at
    )
    -- without its recommendation, an item does not say that the finding is still reported
    UPDATE posture_item i
    SET type = 'left_out', recommendation = NULL,
        object = '{"reason": "a result of a version of the benchmark that a later one replaced"}'
    WHERE i.type = 'finding'
      AND EXISTS (SELECT FROM superseded s
                  WHERE s.source = i.source AND coalesce(s.asset = i.asset, true)
                    AND s.version = i.object ->> 'version' AND i.object -> 'extents' ? s.stated);
END $$;
COMMENT ON FUNCTION posture_internal.leave_out_superseded() IS
    'step of load(): leaves out the results of versions of a benchmark that a later one replaced';

-- Other deliveries of the source ended before this one had its lock, and so arrived.
CREATE FUNCTION posture_internal.unloaded_finding(of_document boolean)
    RETURNS TABLE (source_id integer, recommendation_id integer, asset_id integer)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT DISTINCT n.source_id, n.recommendation_id, n.asset_id
    FROM (SELECT known_source(x.source) AS source_id,
                 known_recommendation(x.source, x.recommendation) AS recommendation_id,
                 known_asset(x.asset) AS asset_id
          FROM rejected x
          WHERE x.rejected_at >= delivery_time()
          OFFSET 0) n
    WHERE n.recommendation_id IS NOT NULL AND n.asset_id IS NOT NULL;
    IF of_document THEN
        RETURN QUERY
        SELECT DISTINCT n.source_id, n.recommendation_id, n.asset_id
        FROM (SELECT known_source(x.source) AS source_id,
                     known_recommendation(x.source, x.recommendation) AS recommendation_id,
                     known_asset(x.asset) AS asset_id
              FROM posture_item x
              WHERE x.type = 'left_out'
              OFFSET 0) n
        WHERE n.recommendation_id IS NOT NULL AND n.asset_id IS NOT NULL;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.unloaded_finding(boolean) IS
    'step of ingest(): returns the findings that a delivery names in rows that were rejected or '
    'left out, which are not missing';

CREATE FUNCTION posture_internal.name_findings(of_extent text, of_document boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF of_document THEN
        INSERT INTO posture_extent (source_id, recommendation_id, asset_id, keys)
        SELECT n.source_id, n.recommendation_id, n.asset_id,
               array_agg(DISTINCT CASE WHEN n.object ? 'of_asset'
                                       THEN extent_key((SELECT a.key FROM asset a
                                                        WHERE a.asset_id = n.asset_id), k.key)
                                       ELSE k.key END COLLATE "C") FILTER (WHERE k.key IS NOT NULL)
        FROM (SELECT x.object, known_source(x.source) AS source_id,
                     known_recommendation(x.source, x.recommendation) AS recommendation_id,
                     known_asset(x.asset) AS asset_id
              FROM posture_item x
              WHERE x.type = 'finding'
              OFFSET 0) n
        LEFT JOIN LATERAL jsonb_array_elements_text(n.object -> 'extents') k(key) ON true
        WHERE n.recommendation_id IS NOT NULL AND n.asset_id IS NOT NULL
        GROUP BY n.source_id, n.recommendation_id, n.asset_id;
    ELSE
        INSERT INTO posture_extent (source_id, recommendation_id, asset_id, keys)
        SELECT DISTINCT b.source_id, b.recommendation_id, b.asset_id, ARRAY[of_extent]
        FROM delivered() b;
    END IF;
    INSERT INTO posture_extent (source_id, recommendation_id, asset_id)
    SELECT u.source_id, u.recommendation_id, u.asset_id FROM unloaded_finding(of_document) u;
END $$;
COMMENT ON FUNCTION posture_internal.name_findings(text, boolean) IS
    'step of ingest(): puts the findings that a delivery names into a working table, with the '
    'extents that it states; NULL: none, or the finding was rejected or left out';

-- The id of a rule of DISA ends in its revision, as in SV-204392r603261_rule.
CREATE FUNCTION posture_internal.rule_without_revision(key text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN substring(key FROM '^(.*SV-[0-9]+)r[0-9]+_rule$');
COMMENT ON FUNCTION posture_internal.rule_without_revision(text) IS
    'returns the id of a rule of DISA without its revision; NULL if it is not such a rule';

CREATE FUNCTION posture_internal.superseded_revision()
    RETURNS TABLE (source_id integer, recommendation_id integer, asset_id integer, key text,
                   at timestamptz)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH named AS MATERIALIZED (
        SELECT n.source_id, n.asset_id, k.key, rule_without_revision(r.key) AS rule
        FROM posture_extent n
        JOIN recommendation r USING (recommendation_id)
        CROSS JOIN LATERAL unnest(n.keys) k(key)
        WHERE rule_without_revision(r.key) IS NOT NULL
    )
    SELECT n.source_id, f.recommendation_id, f.asset_id, n.key, s.at
    FROM named n
    JOIN source x ON x.source_id = n.source_id
    JOIN stated_extent() s ON s.source = x.key AND s.key = n.key
    JOIN recommendation o ON o.source_id = n.source_id AND rule_without_revision(o.key) = n.rule
    JOIN finding f ON f.recommendation_id = o.recommendation_id AND f.asset_id = n.asset_id
    WHERE f.state <> 'not_applicable' AND f.changed_at <= s.at
      AND NOT EXISTS (SELECT FROM posture_extent x
                      WHERE x.recommendation_id = f.recommendation_id AND x.asset_id = f.asset_id);
END $$;
COMMENT ON FUNCTION posture_internal.superseded_revision() IS
    'returns the findings of earlier revisions of the rules that a document names, with the extent '
    'and the time of the result that replaces each';

CREATE FUNCTION posture_internal.cover_extents(
    complete_source text, of_extent text, of_document boolean, complete_at timestamptz)
    RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF complete_source IS NOT NULL AND of_document THEN
        INSERT INTO posture_covered (source_id, key, at)
        SELECT o.source_id, s.key, max(s.at)
        FROM stated_extent() s JOIN source o ON o.key = s.source
        WHERE s.source = complete_source
        GROUP BY o.source_id, s.key;
    ELSIF complete_source IS NOT NULL THEN
        INSERT INTO posture_covered (source_id, key, at)
        SELECT s.source_id, of_extent, coalesce(complete_at, d.seen_at, delivery_time())
        FROM source s LEFT JOIN delivered_source() d USING (source_id)
        WHERE s.key = complete_source;
    ELSIF of_document THEN
        -- A later version of a benchmark is complete for it. Some documents give only the rules
        -- another revision.
        INSERT INTO posture_covered (source_id, key, at)
        SELECT v.source_id, v.key, max(v.at)
        FROM (SELECT r.source_id, r.key, r.at FROM superseded_revision() r
              UNION ALL
              SELECT o.source_id, s.key, s.at
              FROM stated_extent() s JOIN source o ON o.key = s.source
              CROSS JOIN LATERAL (SELECT e.version, e.observed_at
                                  FROM extent e
                                  WHERE e.source_id = o.source_id AND e.keys = ARRAY[s.key]
                                  OFFSET 0) e
              WHERE e.version <> s.version AND e.observed_at <= s.at) v
        GROUP BY v.source_id, v.key;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.cover_extents(text, text, boolean, timestamptz) IS
    'step of ingest(): puts the extents that a delivery is complete for into a working table';

CREATE FUNCTION posture_internal.extents_left(of_source_id integer, keys text[]) RETURNS text[]
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN nullif(ARRAY(SELECT k.key
                        FROM unnest(keys) k(key)
                        WHERE NOT EXISTS (SELECT FROM posture_covered c
                                          WHERE c.source_id = of_source_id
                                            AND c.key = k.key)
                        ORDER BY k.key COLLATE "C"), '{}');
END $$;
COMMENT ON FUNCTION posture_internal.extents_left(integer, text[]) IS
    'returns those of the extents of a finding that a delivery is not complete for; NULL: none';

-- The findings of an extent are found by their index, so that the cost is that of the extent.
CREATE FUNCTION posture_internal.miss_findings(of_document boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    WITH covered AS MATERIALIZED (
        SELECT e.extent_id, c.source_id, max(c.at) AS at,
               extents_left(c.source_id, e.keys) AS keys
        FROM posture_covered c
        CROSS JOIN LATERAL (SELECT x.extent_id, x.keys
                            FROM extent x
                            WHERE x.source_id = c.source_id AND x.keys @> ARRAY[c.key]
                            OFFSET 0) e
        GROUP BY e.extent_id, e.keys, c.source_id
    ), candidate AS (
        SELECT c.source_id, f.recommendation_id, f.asset_id, c.keys, c.at
        FROM covered c JOIN finding f USING (extent_id)
        UNION ALL
        -- of an earlier revision nothing is left, also where it was loaded without an extent
        SELECT r.source_id, r.recommendation_id, r.asset_id, NULL, r.at
        FROM superseded_revision() r
        WHERE of_document
    )
    INSERT INTO posture_extent (source_id, recommendation_id, asset_id, keys, missing_at)
    SELECT DISTINCT ON (c.recommendation_id, c.asset_id)
           c.source_id, c.recommendation_id, c.asset_id, c.keys, c.at
    FROM candidate c
    WHERE NOT EXISTS (SELECT FROM posture_extent n
                      WHERE n.recommendation_id = c.recommendation_id
                        AND n.asset_id = c.asset_id)
    ORDER BY c.recommendation_id, c.asset_id, c.keys NULLS FIRST, c.at DESC;
END $$;
COMMENT ON FUNCTION posture_internal.miss_findings(boolean) IS
    'step of ingest(): adds the findings that a complete delivery does not name to the working '
    'table, with the extents that still report them';

CREATE FUNCTION posture_internal.store_extents(of_document boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    has_versions boolean := CASE WHEN of_document THEN has_item('finding', 'version')
                                 ELSE false END;
BEGIN
    -- extents that reported a finding before still do, unless the delivery is complete for them
    UPDATE posture_extent p
    SET keys = ARRAY(SELECT unnest(p.keys) COLLATE "C" AS key
                     UNION SELECT unnest(extents_left(p.source_id, e.keys)) ORDER BY key)
    FROM finding f JOIN extent e USING (extent_id)
    WHERE p.missing_at IS NULL AND p.keys IS NOT NULL AND e.keys <> p.keys
      AND f.recommendation_id = p.recommendation_id AND f.asset_id = p.asset_id;

    INSERT INTO extent (source_id, keys)
    SELECT w.source_id, w.keys
    FROM (SELECT p.source_id, p.keys
          FROM posture_extent p WHERE p.keys IS NOT NULL
          UNION
          SELECT p.source_id, ARRAY[k.key]
          FROM posture_extent p CROSS JOIN LATERAL unnest(p.keys) k(key)
          WHERE has_versions) w
    CROSS JOIN LATERAL (SELECT count(*)
                        FROM extent e
                        WHERE e.source_id = w.source_id AND e.keys = w.keys) e(rows)
    WHERE e.rows = 0
    ORDER BY w.source_id, w.keys;

    UPDATE posture_extent p
    SET extent_id = e.extent_id
    FROM (SELECT DISTINCT d.source_id, d.keys
          FROM posture_extent d WHERE d.keys IS NOT NULL) w
    CROSS JOIN LATERAL (SELECT x.extent_id
                        FROM extent x
                        WHERE x.source_id = w.source_id AND x.keys = w.keys
                        OFFSET 0) e
    WHERE p.source_id = w.source_id AND p.keys = w.keys;

    IF has_versions THEN
        UPDATE extent e
        SET version = n.version, observed_at = n.at
        FROM (SELECT DISTINCT ON (o.source_id, s.key) o.source_id, s.key, s.version, s.at
              FROM stated_extent() s JOIN source o ON o.key = s.source
              WHERE s.version IS NOT NULL
              ORDER BY o.source_id, s.key, s.at DESC, s.version COLLATE "C" DESC) n
        WHERE e.source_id = n.source_id AND e.keys = ARRAY[n.key]
          AND (e.observed_at IS NULL OR e.observed_at <= n.at)
          AND (e.version, e.observed_at) IS DISTINCT FROM (n.version, n.at);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.store_extents(boolean) IS
    'step of ingest(): adds the extents that are new, and gives their ids to the working table';

CREATE FUNCTION posture_internal.ingest_extent(
    complete_source text, of_extent text, of_document boolean, complete_at timestamptz)
    RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM working_table('posture_extent',
                          'source_id integer, recommendation_id integer, asset_id integer, '
                          'keys text[], missing_at timestamptz, extent_id integer', true);
    PERFORM working_table('posture_covered', 'source_id integer, key text, at timestamptz');
    PERFORM name_findings(of_extent, of_document);
    ANALYZE posture_extent;
    PERFORM cover_extents(complete_source, of_extent, of_document, complete_at);
    IF EXISTS (SELECT FROM posture_covered) THEN
        PERFORM miss_findings(of_document);
    END IF;
    PERFORM store_extents(of_document);
    -- ingest_findings() looks each finding up
    IF to_regclass('posture_extent_finding') IS NULL THEN
        CREATE INDEX posture_extent_finding
            ON posture_extent (recommendation_id, asset_id) WHERE extent_id IS NOT NULL;
    END IF;
    ANALYZE posture_extent;
END $$;
COMMENT ON FUNCTION posture_internal.ingest_extent(text, text, boolean, timestamptz) IS
    'step of ingest(): finds out which extents report each finding of a delivery, and each '
    'finding that it should have and does not; the items of load() state them if of_document';

-- Where a source reports failures alone, what it no longer has was fixed.
CREATE FUNCTION posture_internal.closed_state(of_recommendation integer) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT CASE coalesce(r.reports, s.reports) WHEN 'failures' THEN 'compliant'
                                                       ELSE 'not_applicable' END
            FROM recommendation r JOIN source s USING (source_id)
            WHERE r.recommendation_id = of_recommendation);
COMMENT ON FUNCTION posture_internal.closed_state(integer) IS
    'returns the state of a finding of a recommendation that a complete delivery no longer has';

CREATE FUNCTION posture_internal.ingest_close() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    closed bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM posture_extent m WHERE m.missing_at IS NOT NULL) THEN
        RETURN 0;
    END IF;
    UPDATE finding f
    SET state = m.closed_state,
        -- what was fixed is still of its extents
        extent_id = CASE m.closed_state WHEN 'compliant' THEN f.extent_id END,
        changed_at = CASE f.state WHEN m.closed_state THEN f.changed_at ELSE m.missing_at END
    FROM (SELECT p.*, closed_state(p.recommendation_id)::finding_state AS closed_state
          FROM posture_extent p
          WHERE p.keys IS NULL AND p.missing_at IS NOT NULL
          OFFSET 0) m
    WHERE m.missing_at >= f.changed_at
      AND f.recommendation_id = m.recommendation_id AND f.asset_id = m.asset_id
      AND (f.state <> m.closed_state OR is_being_written(f.xmax))
      AND NOT is_observed_since(f.recommendation_id, f.asset_id, m.missing_at);
    GET DIAGNOSTICS closed = ROW_COUNT;
    UPDATE finding f
    SET extent_id = m.extent_id
    FROM posture_extent m
    WHERE m.missing_at >= f.changed_at AND f.extent_id IS DISTINCT FROM m.extent_id
      AND (m.keys IS NOT NULL OR f.state = 'not_applicable')
      AND f.recommendation_id = m.recommendation_id AND f.asset_id = m.asset_id
      AND NOT is_observed_since(f.recommendation_id, f.asset_id, m.missing_at);
    RETURN closed;
END $$;
COMMENT ON FUNCTION posture_internal.ingest_close() IS
    'step of ingest(): closes findings that no extent reports any longer; returns their number';

CREATE FUNCTION posture_internal.close_source(
    complete_source text, of_document boolean, complete_at timestamptz) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    missing_at timestamptz := coalesce(complete_at,
                                       (SELECT d.seen_at
                                        FROM delivered_source() d JOIN source s USING (source_id)
                                        WHERE s.key = complete_source));
    of_state finding_state;
    recommendations integer[];
    n bigint;
    closed bigint := 0;
BEGIN
    PERFORM report_finding(u.recommendation_id, u.asset_id) FROM unloaded_finding(of_document) u;
    FOR of_state, recommendations IN
        SELECT closed_state(r.recommendation_id), array_agg(r.recommendation_id)
        FROM recommendation r JOIN source s USING (source_id)
        WHERE s.key = complete_source
        GROUP BY 1
    LOOP
        UPDATE finding f
        SET state = of_state, extent_id = CASE of_state WHEN 'compliant' THEN f.extent_id END,
            changed_at = CASE f.state WHEN of_state THEN f.changed_at ELSE missing_at END
        WHERE f.recommendation_id = ANY (recommendations) AND f.changed_at <= missing_at
          AND (f.state <> of_state OR is_being_written(f.xmax))
          AND NOT is_reported(f.recommendation_id, f.asset_id)
          AND NOT is_observed_since(f.recommendation_id, f.asset_id, missing_at);
        GET DIAGNOSTICS n = ROW_COUNT;
        closed := closed + n;
        UPDATE finding f
        SET extent_id = NULL
        WHERE f.recommendation_id = ANY (recommendations) AND f.changed_at <= missing_at
          AND f.state = 'not_applicable' AND f.extent_id IS NOT NULL
          AND NOT is_reported(f.recommendation_id, f.asset_id)
          AND NOT is_observed_since(f.recommendation_id, f.asset_id, missing_at);
    END LOOP;
    RETURN closed;
END $$;
COMMENT ON FUNCTION posture_internal.close_source(text, boolean, timestamptz) IS
    'step of ingest(): closes the findings of a source that a complete delivery does not have; '
    'returns their number; complete_at: see ingest_sources()';

-- A target has the name that the document gives it: its key would tell a loader more.
CREATE FUNCTION posture_internal.covered_extent(complete_source text) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF NOT states_extents(true) THEN
        RETURN 'source ' || complete_source;
    END IF;
    RETURN (SELECT string_agg(k.name, ', ' ORDER BY k.n) FILTER (WHERE k.n <= 5)
                   || CASE WHEN count(*) > 5 THEN format(' and %s more', count(*) - 5) ELSE '' END
            FROM (SELECT x.name, row_number() OVER (ORDER BY x.name COLLATE "C") AS n
                  FROM (SELECT DISTINCT extent_key(t.asset, t.stated) AS name
                        FROM posture_covered c
                        JOIN source s USING (source_id)
                        LEFT JOIN stated_extent() t ON t.source = s.key AND t.key = c.key) x) k);
END $$;
COMMENT ON FUNCTION posture_internal.covered_extent(text) IS
    'step of load(): returns the extents that a document was complete for, of many the first five, '
    'or the source; NULL: none';
