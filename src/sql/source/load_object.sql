/*
 * What items do, the same for every format: steps of load(), each a few
 * statements over pg_temp.posture_item. An object says what is to be; what it
 * doesn't say stays as it is. Each returns how many of its objects made a
 * change. Of several objects with one key the last in the document counts.
 */

CREATE FUNCTION posture_internal.load_source(renames boolean) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    added bigint;
    changed bigint := 0;
BEGIN
    INSERT INTO source (key, name, product, is_active, stale_after, last_seen)
    SELECT DISTINCT ON (n.key) n.key, coalesce(n.name, n.key), n.product, coalesce(n.is_active, true), n.stale_after, n.last_seen
    FROM pg_temp.posture_item i
    CROSS JOIN LATERAL jsonb_populate_record(NULL::source, i.object) n
    WHERE i.type = 'source'
    ORDER BY n.key, i.ctid DESC
    ON CONFLICT (key) DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;
    INSERT INTO source (key, name)
    SELECT DISTINCT i.source, i.source FROM pg_temp.posture_item i WHERE i.source IS NOT NULL
    ON CONFLICT (key) DO NOTHING;
    IF renames THEN
        UPDATE source s
        SET name = n.name, product = n.product, is_active = n.is_active, stale_after = n.stale_after, last_seen = n.last_seen
        FROM (SELECT DISTINCT ON (i.object ->> 'key') i.object ->> 'key' AS key, i.object
              FROM pg_temp.posture_item i WHERE i.type = 'source' ORDER BY 1, i.ctid DESC) i
        JOIN source o ON o.key = i.key
        CROSS JOIN LATERAL jsonb_populate_record(o, strip_null_fields(i.object)) n
        WHERE s.source_id = o.source_id AND n IS DISTINCT FROM o;
        GET DIAGNOSTICS changed = ROW_COUNT;
    END IF;
    RETURN added + changed;
END $$;
COMMENT ON FUNCTION posture_internal.load_source(boolean) IS 'step of load(): sources that are new; one that is there is changed only by format posture';

CREATE FUNCTION posture_internal.load_recommendation() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed bigint;
    added bigint;
BEGIN
    WITH given AS (
        SELECT DISTINCT ON (i.source, i.object ->> 'key') i.source, i.object ->> 'key' AS key, i.object
        FROM pg_temp.posture_item i
        WHERE i.type = 'recommendation'
        ORDER BY 1, 2, i.ctid DESC
    ), was AS (
        SELECT o, i.object || strip_null_fields(jsonb_build_object('details', coalesce(o.details, '{}') || (i.object -> 'details'))) AS object
        FROM given i
        JOIN source s ON s.key = i.source
        JOIN recommendation o ON o.source_id = s.source_id AND o.key = i.key
    )
    UPDATE recommendation r
    SET title = n.title, description = n.description, remediation = n.remediation, markup = n.markup, severity = n.severity,
        workload = n.workload, domain = n.domain, max_points = n.max_points, manage_url = n.manage_url,
        assigned_to = n.assigned_to, due_on = n.due_on, is_active = n.is_active, details = n.details
    FROM was CROSS JOIN LATERAL jsonb_populate_record(was.o, strip_null_fields(was.object)) n
    WHERE r.recommendation_id = (was.o).recommendation_id AND n IS DISTINCT FROM was.o;
    GET DIAGNOSTICS changed = ROW_COUNT;

    INSERT INTO recommendation (source_id, key, title, description, remediation, markup, severity, workload, domain,
                                        max_points, manage_url, assigned_to, due_on, is_active, details)
    SELECT DISTINCT ON (s.source_id, n.key)
           s.source_id, n.key, coalesce(n.title, n.key), n.description, n.remediation, coalesce(n.markup, 'plain'),
           coalesce(n.severity, 'medium'), n.workload, n.domain, n.max_points, n.manage_url, n.assigned_to, n.due_on,
           coalesce(n.is_active, true), n.details
    FROM pg_temp.posture_item i
    JOIN source s ON s.key = i.source
    CROSS JOIN LATERAL jsonb_populate_record(NULL::recommendation, i.object) n
    WHERE i.type = 'recommendation'
    ORDER BY s.source_id, n.key, i.ctid DESC
    ON CONFLICT (source_id, key) DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;

    -- what others name is there, if only by its key
    INSERT INTO recommendation (source_id, key, title)
    SELECT DISTINCT s.source_id, m.key, m.key
    FROM (SELECT i.source, i.object ->> 'recommendation' AS key
          FROM pg_temp.posture_item i
          WHERE i.type = 'measure' OR (i.type = 'exemption' AND i.object ->> 'kind' IS NOT NULL)
          UNION ALL
          SELECT b.source, b.recommendation FROM load_member() b) m
    JOIN source s ON s.key = m.source
    ON CONFLICT (source_id, key) DO NOTHING;
    RETURN changed + added;
END $$;
COMMENT ON FUNCTION posture_internal.load_recommendation() IS 'step of load(): recommendations, and stubs of those that are named only';

CREATE FUNCTION posture_internal.load_member() RETURNS TABLE (type text, key text, source text, recommendation text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT DISTINCT i.type, i.object ->> 'key', m.member ->> 'source', m.member ->> 'recommendation'
    FROM pg_temp.posture_item i
    CROSS JOIN LATERAL jsonb_array_elements(array_or_empty(i.object -> 'recommendations')) m(member)
    WHERE i.type IN ('metric', 'initiative') AND jsonb_typeof(m.member) = 'object';
END $$;
COMMENT ON FUNCTION posture_internal.load_member() IS 'step of load(): the recommendations that metrics and initiatives of the document name';

-- All names of an asset are of one asset: where one of them is known, the
-- others are aliases. Names of two assets are not ours to join.
CREATE FUNCTION posture_internal.load_alias(tells boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    clash record;
BEGIN
    -- nothing is read from an empty table, see ingest_batch()
    IF NOT EXISTS (SELECT FROM pg_temp.posture_item i WHERE i.type = 'asset' AND i.object ? 'aliases') THEN
        RETURN;
    END IF;
    CREATE TEMP TABLE posture_name ON COMMIT DROP AS
    SELECT n.key, n.name, asset_of(n.name, n.kind) AS asset_id
    FROM (SELECT i.object ->> 'key' AS key, i.object ->> 'kind' AS kind, i.object ->> 'key' AS name
          FROM pg_temp.posture_item i
          WHERE i.type = 'asset' AND i.object ? 'aliases'
          UNION
          SELECT i.object ->> 'key', i.object ->> 'kind', a.name
          FROM pg_temp.posture_item i
          CROSS JOIN LATERAL jsonb_array_elements_text(array_or_empty(i.object -> 'aliases')) a(name)
          WHERE i.type = 'asset') n
    WHERE key_error('alias', n.name) IS NULL;
    ANALYZE pg_temp.posture_name;

    INSERT INTO asset_alias (alias, asset_id, how)
    SELECT DISTINCT ON (n.name) n.name, k.asset_id, 'reported'
    FROM pg_temp.posture_name n
    JOIN (SELECT x.key, min(x.asset_id) AS asset_id
          FROM pg_temp.posture_name x
          GROUP BY x.key
          HAVING count(DISTINCT x.asset_id) = 1) k ON k.key = n.key
    WHERE n.asset_id IS NULL
    ORDER BY n.name, k.asset_id
    ON CONFLICT (alias) DO NOTHING;

    IF tells THEN
        SELECT x.key, min(a.key) AS one, max(a.key) AS other, count(*) OVER () AS clashes INTO clash
        FROM pg_temp.posture_name x JOIN asset a ON a.asset_id = x.asset_id
        GROUP BY x.key
        HAVING count(DISTINCT x.asset_id) > 1
        ORDER BY x.key
        LIMIT 1;
        IF FOUND THEN
            RAISE NOTICE 'names of asset "%" belong to several assets, such as "%" and "%" (% such cases)', clash.key, clash.one, clash.other, clash.clashes
                USING HINT = 'If they are one asset, merge them: SELECT posture.merge_asset(asset, into_asset).';
        END IF;
    END IF;
    DROP TABLE pg_temp.posture_name;
END $$;
COMMENT ON FUNCTION posture_internal.load_alias(boolean) IS 'step of load(): further names of assets; tells of names that are of several';

CREATE FUNCTION posture_internal.load_asset() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed bigint;
    added bigint;
BEGIN
    INSERT INTO asset (key, kind, name, criticality, owner, tags, first_seen, last_seen, retired_at)
    SELECT DISTINCT ON (canonical_key(n.key, n.kind))
           n.key, coalesce(n.kind, 'unknown'), coalesce(n.name, n.key), coalesce(n.criticality, 'medium'), n.owner,
           coalesce(n.tags, '{}'), coalesce(n.first_seen, n.last_seen, now()), coalesce(n.last_seen, n.first_seen, now()), n.retired_at
    FROM pg_temp.posture_item i
    CROSS JOIN LATERAL jsonb_populate_record(NULL::asset, i.object) n
    WHERE i.type = 'asset' AND asset_of(n.key, n.kind) IS NULL
    ORDER BY canonical_key(n.key, n.kind), i.ctid DESC
    ON CONFLICT (key) DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;

    WITH given AS (
        SELECT DISTINCT ON (t.asset_id) t.asset_id, t.object
        FROM (SELECT asset_of(i.object ->> 'key', i.object ->> 'kind') AS asset_id, i.object, i.ctid AS arrival
              FROM pg_temp.posture_item i
              WHERE i.type = 'asset') t
        ORDER BY t.asset_id, t.arrival DESC
    ), was AS (
        -- an asset keeps its key, and tags that others gave it
        SELECT o, (i.object - 'key') || strip_null_fields(jsonb_build_object('tags', o.tags || (i.object -> 'tags'))) AS object
        FROM given i JOIN asset o ON o.asset_id = i.asset_id
    )
    UPDATE asset a
    SET kind = n.kind, name = n.name, criticality = n.criticality, owner = n.owner, tags = n.tags,
        first_seen = n.first_seen, last_seen = n.last_seen, retired_at = n.retired_at
    FROM was CROSS JOIN LATERAL jsonb_populate_record(was.o, strip_null_fields(was.object)) n
    WHERE a.asset_id = (was.o).asset_id AND n IS DISTINCT FROM was.o;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed + added;
END $$;
COMMENT ON FUNCTION posture_internal.load_asset() IS 'step of load(): assets, and what is told of them';

CREATE FUNCTION posture_internal.load_asset_group() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed bigint;
BEGIN
    WITH given AS (
        SELECT DISTINCT ON (i.object ->> 'key') i.object
        FROM pg_temp.posture_item i
        WHERE i.type = 'asset_group'
        ORDER BY i.object ->> 'key', i.ctid DESC
    )
    INSERT INTO asset_group AS g (key, name, owner, kinds, min_criticality, tags)
    SELECT t.object ->> 'key', coalesce(n.name, o.name, t.object ->> 'key'), n.owner, n.kinds, n.min_criticality, n.tags
    FROM given t
    LEFT JOIN asset_group o ON o.key = t.object ->> 'key'
    CROSS JOIN LATERAL jsonb_populate_record(o, strip_null_fields(t.object)) n
    ON CONFLICT (key) DO UPDATE
    SET name = EXCLUDED.name, owner = EXCLUDED.owner, kinds = EXCLUDED.kinds, min_criticality = EXCLUDED.min_criticality, tags = EXCLUDED.tags
    WHERE (g.name, g.owner, g.kinds, g.min_criticality, g.tags)
          IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.owner, EXCLUDED.kinds, EXCLUDED.min_criticality, EXCLUDED.tags);
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END $$;
COMMENT ON FUNCTION posture_internal.load_asset_group() IS 'step of load(): groups of assets';

CREATE FUNCTION posture_internal.load_metric() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    added integer[];
    touched integer[];
    members integer[];
BEGIN
    -- a statement that could write a rule waits for others that do, and they for it
    IF NOT EXISTS (SELECT FROM pg_temp.posture_item i WHERE i.type IN ('metric', 'initiative')) THEN
        RETURN 0;
    END IF;
    WITH stub AS (
        INSERT INTO metric (key, name)
        SELECT DISTINCT k.key, k.key
        FROM (SELECT i.object ->> 'key' AS key FROM pg_temp.posture_item i WHERE i.type = 'metric'
              UNION ALL
              SELECT m.member ->> 'metric'
              FROM pg_temp.posture_item i
              CROSS JOIN LATERAL jsonb_array_elements(array_or_empty(i.object -> 'metrics')) m(member)
              WHERE i.type = 'initiative') k
        ON CONFLICT (key) DO NOTHING
        RETURNING metric_id, key
    )
    SELECT array_agg(s.metric_id) INTO added
    FROM stub s
    WHERE EXISTS (SELECT FROM pg_temp.posture_item i WHERE i.type = 'metric' AND i.object ->> 'key' = s.key);

    WITH given AS (
        SELECT DISTINCT ON (i.object ->> 'key') i.object
        FROM pg_temp.posture_item i
        WHERE i.type = 'metric'
        ORDER BY i.object ->> 'key', i.ctid DESC
    ), changed AS (
        UPDATE metric m
        SET name = n.name, description = n.description, importance = n.importance, asset_kinds = n.asset_kinds,
            criticality_weights = n.criticality_weights, rule = n.rule, drop_threshold = n.drop_threshold, cooldown_days = n.cooldown_days,
            is_active = n.is_active, details = n.details
        FROM given t
        JOIN metric o ON o.key = t.object ->> 'key'
        CROSS JOIN LATERAL jsonb_populate_record(o, strip_null_fields(t.object)) n
        WHERE m.metric_id = o.metric_id AND n IS DISTINCT FROM o
        RETURNING m.metric_id
    )
    SELECT array_agg(c.metric_id) INTO touched FROM changed c;

    -- a metric with a rule measures what that picks, whatever is named
    WITH named AS MATERIALIZED (
        SELECT m.metric_id, r.recommendation_id
        FROM load_member() b
        JOIN metric m ON m.key = b.key
        JOIN source s ON s.key = b.source
        JOIN recommendation r ON r.source_id = s.source_id AND r.key = b.recommendation
        WHERE b.type = 'metric' AND m.rule IS NULL
    ), removed AS (
        DELETE FROM metric_recommendation x
        USING metric m, pg_temp.posture_item i
        WHERE i.type = 'metric' AND i.object ? 'recommendations' AND m.key = i.object ->> 'key' AND x.metric_id = m.metric_id
          AND m.rule IS NULL
          AND NOT EXISTS (SELECT FROM named n WHERE n.metric_id = x.metric_id AND n.recommendation_id = x.recommendation_id)
        RETURNING x.metric_id
    ), added AS (
        INSERT INTO metric_recommendation (metric_id, recommendation_id)
        SELECT n.metric_id, n.recommendation_id FROM named n
        ON CONFLICT DO NOTHING
        RETURNING metric_id
    )
    SELECT array_agg(c.metric_id) INTO members
    FROM (SELECT r.metric_id FROM removed r UNION SELECT a.metric_id FROM added a) c;
    RETURN (SELECT count(DISTINCT t.id) FROM unnest(added || touched || members) t(id));
END $$;
COMMENT ON FUNCTION posture_internal.load_metric() IS 'step of load(): metrics and what they measure';

CREATE FUNCTION posture_internal.load_initiative() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    added integer[];
    touched integer[];
    members integer[];
    metrics integer[];
BEGIN
    WITH stub AS (
        INSERT INTO initiative (key, name)
        SELECT DISTINCT k.key, k.key
        FROM (SELECT i.object ->> CASE i.type WHEN 'initiative' THEN 'key' ELSE 'initiative' END AS key
              FROM pg_temp.posture_item i WHERE i.type IN ('initiative', 'benchmark', 'score_band', 'report')) k
        WHERE k.key IS NOT NULL
        ON CONFLICT (key) DO NOTHING
        RETURNING initiative_id, key
    )
    SELECT array_agg(s.initiative_id) INTO added
    FROM stub s
    WHERE EXISTS (SELECT FROM pg_temp.posture_item i WHERE i.type = 'initiative' AND i.object ->> 'key' = s.key);

    WITH given AS (
        SELECT DISTINCT ON (i.object ->> 'key') i.object
        FROM pg_temp.posture_item i
        WHERE i.type = 'initiative'
        ORDER BY i.object ->> 'key', i.ctid DESC
    ), changed AS (
        UPDATE initiative m
        SET name = n.name, kind = n.kind, description = n.description, method = n.method, target_score = n.target_score,
            target_on = n.target_on, is_pinned = n.is_pinned, owner = n.owner, drop_threshold = n.drop_threshold,
            cooldown_days = n.cooldown_days, is_active = n.is_active, details = n.details
        FROM given t
        JOIN initiative o ON o.key = t.object ->> 'key'
        CROSS JOIN LATERAL jsonb_populate_record(o, strip_null_fields(t.object)) n
        WHERE m.initiative_id = o.initiative_id AND n IS DISTINCT FROM o
        RETURNING m.initiative_id
    )
    SELECT array_agg(c.initiative_id) INTO touched FROM changed c;

    WITH named AS MATERIALIZED (
        SELECT m.initiative_id, r.recommendation_id
        FROM load_member() b
        JOIN initiative m ON m.key = b.key
        JOIN source s ON s.key = b.source
        JOIN recommendation r ON r.source_id = s.source_id AND r.key = b.recommendation
        WHERE b.type = 'initiative'
    ), removed AS (
        DELETE FROM initiative_recommendation x
        USING initiative m, pg_temp.posture_item i
        WHERE i.type = 'initiative' AND i.object ? 'recommendations' AND m.key = i.object ->> 'key' AND x.initiative_id = m.initiative_id
          AND NOT EXISTS (SELECT FROM named n WHERE n.initiative_id = x.initiative_id AND n.recommendation_id = x.recommendation_id)
        RETURNING x.initiative_id
    ), added AS (
        INSERT INTO initiative_recommendation (initiative_id, recommendation_id)
        SELECT n.initiative_id, n.recommendation_id FROM named n
        ON CONFLICT DO NOTHING
        RETURNING initiative_id
    )
    SELECT array_agg(c.initiative_id) INTO members
    FROM (SELECT r.initiative_id FROM removed r UNION SELECT a.initiative_id FROM added a) c;

    WITH named AS MATERIALIZED (
        SELECT DISTINCT ON (o.initiative_id, m.metric_id) o.initiative_id, m.metric_id, (b.member ->> 'weight')::numeric AS weight
        FROM pg_temp.posture_item i
        JOIN initiative o ON o.key = i.object ->> 'key'
        CROSS JOIN LATERAL jsonb_array_elements(array_or_empty(i.object -> 'metrics')) WITH ORDINALITY b(member, n)
        JOIN metric m ON m.key = b.member ->> 'metric'
        WHERE i.type = 'initiative'
        ORDER BY o.initiative_id, m.metric_id, i.ctid DESC, b.n DESC
    ), removed AS (
        DELETE FROM initiative_metric x
        USING initiative m, pg_temp.posture_item i
        WHERE i.type = 'initiative' AND i.object ? 'metrics' AND m.key = i.object ->> 'key' AND x.initiative_id = m.initiative_id
          AND NOT EXISTS (SELECT FROM named n WHERE n.initiative_id = x.initiative_id AND n.metric_id = x.metric_id)
        RETURNING x.initiative_id
    ), added AS (
        INSERT INTO initiative_metric AS x (initiative_id, metric_id, weight)
        SELECT n.initiative_id, n.metric_id, n.weight FROM named n
        ON CONFLICT (initiative_id, metric_id) DO UPDATE SET weight = EXCLUDED.weight
        WHERE x.weight IS DISTINCT FROM EXCLUDED.weight
        RETURNING x.initiative_id
    )
    SELECT array_agg(c.initiative_id) INTO metrics
    FROM (SELECT r.initiative_id FROM removed r UNION SELECT a.initiative_id FROM added a) c;
    RETURN (SELECT count(DISTINCT t.id) FROM unnest(added || touched || members || metrics) t(id));
END $$;
COMMENT ON FUNCTION posture_internal.load_initiative() IS 'step of load(): initiatives, their metrics with their weights, and what they score without a metric between';

CREATE FUNCTION posture_internal.load_measure() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed bigint;
BEGIN
    PERFORM update_last_seen(array_agg(m.source_id), array_agg(m.seen_at))
    FROM (SELECT s.source_id, max(coalesce((i.object ->> 'observed_at')::timestamptz, now())) AS seen_at
          FROM pg_temp.posture_item i JOIN source s ON s.key = i.source
          WHERE i.type = 'measure'
          GROUP BY s.source_id) m;

    -- the same points again are not told: since when they are is what a late
    -- snapshot asks
    INSERT INTO measure AS m (recommendation_id, achieved, possible, observed_at)
    SELECT DISTINCT ON (r.recommendation_id)
           r.recommendation_id, n.achieved, n.possible, coalesce(n.observed_at, now())
    FROM pg_temp.posture_item i
    JOIN source s ON s.key = i.source
    JOIN recommendation r ON r.source_id = s.source_id AND r.key = i.object ->> 'recommendation'
    CROSS JOIN LATERAL jsonb_populate_record(NULL::measure, i.object) n
    WHERE i.type = 'measure'
    ORDER BY r.recommendation_id, coalesce(n.observed_at, now()) DESC, i.ctid DESC
    ON CONFLICT (recommendation_id) DO UPDATE
    SET achieved = EXCLUDED.achieved, possible = EXCLUDED.possible, observed_at = EXCLUDED.observed_at
    WHERE m.observed_at <= EXCLUDED.observed_at AND (m.achieved, m.possible) IS DISTINCT FROM (EXCLUDED.achieved, EXCLUDED.possible);
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END $$;
COMMENT ON FUNCTION posture_internal.load_measure() IS 'step of load(): points that are newer than those that are there';

CREATE FUNCTION posture_internal.load_exemption() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_temp.posture_item i WHERE i.type = 'exemption') THEN
        RETURN 0;
    END IF;
    INSERT INTO asset (key, name)
    SELECT DISTINCT i.object ->> 'asset', i.object ->> 'asset'
    FROM pg_temp.posture_item i
    WHERE i.type = 'exemption' AND asset_of(i.object ->> 'asset', NULL) IS NULL AND i.object ->> 'asset' IS NOT NULL;
    CREATE TEMP TABLE posture_exempt ON COMMIT DROP AS
    SELECT DISTINCT r.recommendation_id, asset_of(i.object ->> 'asset', NULL) AS asset_id, g.asset_group_id, n.kind,
           n.reason, CASE WHEN n.approved_by ~ E'\\S' THEN n.approved_by WHEN s.name ~ E'\\S' THEN s.name ELSE s.key END AS approved_by,
           coalesce(n.created_at, least(n.expires_at, now())) AS created_at, n.expires_at, n.created_at IS NOT NULL AS is_dated,
           coalesce(n.is_reported, true) AS is_reported
    FROM pg_temp.posture_item i
    JOIN source s ON s.key = i.source
    JOIN recommendation r ON r.source_id = s.source_id AND r.key = i.object ->> 'recommendation'
    LEFT JOIN asset_group g ON g.key = i.object ->> 'asset_group'
    CROSS JOIN LATERAL jsonb_populate_record(NULL::exemption, i.object) n
    WHERE i.type = 'exemption';
    ANALYZE pg_temp.posture_exempt;

    WITH same AS MATERIALIZED (
        SELECT e.exemption_id, n.ctid AS item
        FROM pg_temp.posture_exempt n
        JOIN exemption e
          ON (e.recommendation_id, e.kind, e.reason, e.approved_by, e.is_reported) = (n.recommendation_id, n.kind, n.reason, n.approved_by, n.is_reported)
         AND (e.asset_id, e.asset_group_id, e.expires_at) IS NOT DISTINCT FROM (n.asset_id, n.asset_group_id, n.expires_at)
         AND (e.created_at = n.created_at OR NOT n.is_dated)
    ), ended AS (
        -- what its source reported once and does not report any more
        UPDATE exemption e
        SET expires_at = greatest(now(), e.created_at)
        WHERE e.is_reported AND (e.expires_at IS NULL OR e.expires_at > now())
          AND EXISTS (SELECT FROM pg_temp.posture_exempt n
                      WHERE n.is_reported AND n.recommendation_id = e.recommendation_id
                        AND (n.asset_id, n.asset_group_id) IS NOT DISTINCT FROM (e.asset_id, e.asset_group_id))
          AND NOT EXISTS (SELECT FROM same s WHERE s.exemption_id = e.exemption_id)
        RETURNING 1
    ), added AS (
        INSERT INTO exemption (recommendation_id, asset_id, asset_group_id, kind, reason, approved_by, created_at, expires_at, is_reported)
        SELECT n.recommendation_id, n.asset_id, n.asset_group_id, n.kind, n.reason, n.approved_by, n.created_at,
               n.expires_at, n.is_reported
        FROM pg_temp.posture_exempt n
        WHERE n.kind IS NOT NULL AND NOT EXISTS (SELECT FROM same s WHERE s.item = n.ctid)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM ended) + (SELECT count(*) FROM added) INTO changed;
    DROP TABLE pg_temp.posture_exempt;
    RETURN changed;
END $$;
COMMENT ON FUNCTION posture_internal.load_exemption() IS 'step of load(): exemptions that are new, and the end of those that their source no longer reports';

CREATE FUNCTION posture_internal.load_benchmark() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed bigint;
BEGIN
    INSERT INTO benchmark AS b (initiative_id, key, name, day, score, details)
    SELECT DISTINCT ON (o.initiative_id, n.key, n.day) o.initiative_id, n.key, coalesce(n.name, n.key), n.day, n.score, n.details
    FROM pg_temp.posture_item i
    JOIN initiative o ON o.key = i.object ->> 'initiative'
    CROSS JOIN LATERAL jsonb_populate_record(NULL::benchmark, i.object) n
    WHERE i.type = 'benchmark'
    ORDER BY o.initiative_id, n.key, n.day, i.ctid DESC
    ON CONFLICT (initiative_id, key, day) DO UPDATE
    SET name = EXCLUDED.name, score = EXCLUDED.score, details = EXCLUDED.details
    WHERE (b.name, b.details) IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.details) OR b.score <> EXCLUDED.score;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END $$;
COMMENT ON FUNCTION posture_internal.load_benchmark() IS 'step of load(): what others score';

CREATE FUNCTION posture_internal.load_band() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed bigint;
BEGIN
    INSERT INTO score_band AS b (initiative_id, scheme, from_score, name)
    SELECT DISTINCT ON (o.initiative_id, n.scheme, n.from_score::numeric) o.initiative_id, n.scheme, n.from_score, n.name
    FROM pg_temp.posture_item i
    LEFT JOIN initiative o ON o.key = i.object ->> 'initiative'
    CROSS JOIN LATERAL jsonb_populate_record(NULL::score_band, i.object) n
    WHERE i.type = 'score_band'
    ORDER BY o.initiative_id, n.scheme, n.from_score::numeric, i.ctid DESC
    ON CONFLICT (initiative_id, scheme, from_score) DO UPDATE
    SET name = EXCLUDED.name
    WHERE b.name <> EXCLUDED.name;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END $$;
COMMENT ON FUNCTION posture_internal.load_band() IS 'step of load(): what scores are called';

CREATE FUNCTION posture_internal.load_weight() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed bigint;
BEGIN
    UPDATE importance_weight w
    SET weight = n.weight
    FROM (SELECT DISTINCT ON (i.object ->> 'importance') i.object
          FROM pg_temp.posture_item i
          WHERE i.type = 'importance_weight'
          ORDER BY i.object ->> 'importance', i.ctid DESC) t
    CROSS JOIN LATERAL jsonb_populate_record(NULL::importance_weight, t.object) n
    WHERE w.importance = n.importance AND w.weight::numeric <> n.weight::numeric;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END $$;
COMMENT ON FUNCTION posture_internal.load_weight() IS 'step of load(): the weights of importance';
