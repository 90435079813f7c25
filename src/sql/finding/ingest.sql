/*
 * ingest(): loads the inbox in a few steps, each of which processes all rows at
 * once. Rows that arrive in the inbox after ingest_batch() wait for the next call.
 * All steps are one transaction, so no row is lost after an error or a crash.
 */

CREATE FUNCTION posture_internal.ingest_batch(
    only_sources text[], arrived_at timestamptz, OUT loaded bigint, OUT rejected bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    -- The reasons in rejected contain times, which other sessions read.
    SET datestyle = 'ISO, YMD'
    SET timezone = 'UTC'
AS $$
DECLARE
    delivered text[] := delivery_sources();
    sources text[] := array(SELECT s.key FROM source s
                            WHERE delivered IS NULL OR s.key = ANY (delivered));
BEGIN
    -- recommendation and asset are the keys of objects that have no id yet.
    PERFORM working_table(
        'posture_batch',
        'source_id integer, recommendation_id integer, recommendation text, '
        'asset_id integer, asset text, asset_kind text, asset_name text, '
        'state finding_state, observed_at timestamptz, details jsonb, arrival tid, step integer');
    PERFORM working_table(
        'posture_taken',
        'source text, recommendation text, asset text, state text, observed_at timestamptz, '
        'asset_kind text, asset_name text, details jsonb, arrival tid, reason text');
    WITH moved AS (
        DELETE FROM inbox i
        WHERE only_sources IS NULL OR i.source = ANY (only_sources)
        RETURNING i.*, i.ctid, inbox_error(i, sources, arrived_at)
    )
    INSERT INTO pg_temp.posture_taken SELECT * FROM moved;
    GET DIAGNOSTICS loaded = ROW_COUNT;
    -- Do not query an empty table, which has no statistics: the session would keep
    -- a negative entry in its system caches for each such table until it ends.
    IF loaded = 0 THEN
        rejected := 0;
        RETURN;
    END IF;
    -- The number of rows, from a few to millions, decides the plans.
    ANALYZE pg_temp.posture_taken;

    INSERT INTO rejected
    SELECT t.source, t.recommendation, t.asset, t.state, t.observed_at, t.asset_kind,
           t.asset_name, t.details, t.reason, arrived_at
    FROM pg_temp.posture_taken t
    WHERE t.reason IS NOT NULL
    ORDER BY t.arrival;
    GET DIAGNOSTICS rejected = ROW_COUNT;
    PERFORM report_rejected(rejected, (SELECT t.reason
                                       FROM pg_temp.posture_taken t
                                       WHERE t.reason IS NOT NULL
                                       ORDER BY t.arrival LIMIT 1));

    INSERT INTO pg_temp.posture_batch
    SELECT s.source_id,
           r.recommendation_id, CASE WHEN r.recommendation_id IS NULL THEN t.recommendation END,
           coalesce(l.asset_id, a.asset_id),
           CASE WHEN l.asset_id IS NULL AND a.asset_id IS NULL THEN t.asset END,
           t.asset_kind, t.asset_name, t.state::finding_state,
           coalesce(t.observed_at, arrived_at), t.details, t.arrival, 0
    FROM pg_temp.posture_taken t
    JOIN source s ON s.key = t.source
    LEFT JOIN recommendation r ON r.source_id = s.source_id AND r.key = t.recommendation
    LEFT JOIN asset_alias l ON l.alias = t.asset
    LEFT JOIN asset a ON a.key = t.asset
    WHERE t.reason IS NULL;
    GET DIAGNOSTICS loaded = ROW_COUNT;
    ANALYZE pg_temp.posture_batch;
END $$;
COMMENT ON FUNCTION posture_internal.ingest_batch(text[], timestamptz) IS
    'step of ingest(): moves rows of the inbox, or those of some sources, to the batch or to '
    'rejected';

CREATE FUNCTION posture_internal.ingest_catalog() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    sources text[] := delivery_sources();
    curates boolean := has_level(caller(), 'curator');
BEGIN
    PERFORM update_last_seen(array_agg(s.source_id), array_agg(s.seen_at))
    FROM (SELECT b.source_id, max(b.observed_at) AS seen_at
          FROM pg_temp.posture_batch b
          GROUP BY b.source_id) s;

    INSERT INTO recommendation (source_id, key, title)
    SELECT DISTINCT b.source_id, b.recommendation, b.recommendation
    FROM pg_temp.posture_batch b
    WHERE b.recommendation IS NOT NULL
    -- A conflict of ids, which users may have set, is an error.
    ON CONFLICT (source_id, key) DO NOTHING;

    -- If rows of an asset differ in kind or name, max() makes the result the same
    -- for any order of rows. The first of several spellings becomes the key of the
    -- asset, and the others become aliases.
    WITH observed AS (
        -- canonical_key() needs the default collation to match the index.
        SELECT b.asset AS key, max(b.asset_kind COLLATE "C") COLLATE "default" AS kind,
               max(b.asset_name COLLATE "C") AS name,
               min(b.observed_at) AS first_seen, max(b.observed_at) AS last_seen
        FROM pg_temp.posture_batch b
        WHERE b.asset IS NOT NULL
        GROUP BY b.asset
    ), candidate AS (
        SELECT o.*, canonical_key(o.key, o.kind) AS canonical FROM observed o
    )
    INSERT INTO asset (key, kind, name, first_seen, last_seen)
    SELECT DISTINCT ON (c.canonical, is_spelling(c.canonical, c.kind, 'host'))
           c.key, coalesce(c.kind, 'unknown'), coalesce(c.name, c.key),
           c.first_seen, c.last_seen
    FROM candidate c
    LEFT JOIN asset_alias l ON l.alias = c.canonical AND c.canonical <> c.key
    LEFT JOIN asset la ON la.asset_id = l.asset_id
    LEFT JOIN asset a ON a.key = c.canonical AND c.canonical <> c.key
    -- OFFSET 0 makes the planner use asset_canonical_key, see asset_of().
    LEFT JOIN LATERAL (SELECT min(y.asset_id) AS asset_id
                       FROM (SELECT x.asset_id
                             FROM asset x
                             WHERE x.key <> canonical_key(x.key, x.kind)
                               AND canonical_key(x.key, x.kind) = c.canonical
                               -- Other keys have only one spelling.
                               AND is_spelling(c.canonical, c.kind, 'host')
                               AND is_spelling(c.canonical, c.kind, x.kind)
                             OFFSET 0) y) o ON true
    WHERE (la.asset_id IS NULL OR NOT is_spelling(c.canonical, c.kind, la.kind))
      AND (a.asset_id IS NULL OR NOT is_spelling(c.canonical, c.kind, a.kind))
      AND o.asset_id IS NULL
    ORDER BY c.canonical, is_spelling(c.canonical, c.kind, 'host'), c.key COLLATE "C"
    ON CONFLICT (key) DO NOTHING;

    INSERT INTO asset_alias (alias, asset_id, how)
    SELECT v.key, asset_of(v.key, v.kind), 'spelling'
    FROM (SELECT b.asset AS key, max(b.asset_kind COLLATE "C") COLLATE "default" AS kind
          FROM pg_temp.posture_batch b
          WHERE b.asset IS NOT NULL
            AND NOT EXISTS (SELECT FROM asset a WHERE a.key = b.asset)
          GROUP BY b.asset) v;

    UPDATE asset a
    SET kind = CASE WHEN sources IS NULL OR may_update_asset(a.asset_id, sources, curates)
                    THEN coalesce(o.kind, a.kind) ELSE a.kind END,
        name = CASE WHEN sources IS NULL OR may_update_asset(a.asset_id, sources, curates)
                    THEN coalesce(o.name, a.name) ELSE a.name END,
        last_seen = greatest(a.last_seen, o.at)
    FROM (SELECT b.asset_id, max(b.asset_kind COLLATE "C") AS kind,
                 max(b.asset_name COLLATE "C") AS name, max(b.observed_at) AS at
          FROM pg_temp.posture_batch b
          WHERE b.asset_id IS NOT NULL
          GROUP BY b.asset_id) o
    WHERE o.asset_id = a.asset_id
      AND (day_of(a.last_seen) < day_of(o.at)
           OR (o.at >= a.last_seen AND (o.kind <> a.kind OR o.name <> a.name)
               AND (sources IS NULL OR may_update_asset(a.asset_id, sources, curates))));
END $$;
COMMENT ON FUNCTION posture_internal.ingest_catalog() IS
    'step of ingest(): adds new recommendations and assets, and updates when assets were last '
    'seen, their kinds and names';

CREATE FUNCTION posture_internal.is_being_written(xmax xid) RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_is_being_written' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.is_being_written(xid) IS
    'whether the transaction in the system column xmax of a row had not ended when the statement '
    'began, so that the row may change';

-- Several observations of a finding have the effect that they would have one after the
-- other. The one that is written last has step 0, and those that are not written have no
-- step. Of each day, the last two changes of a state are written: history keeps the state
-- at the end of a day, and the second one is dated by its difference from the first.
CREATE FUNCTION posture_internal.ingest_steps() RETURNS integer
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    recommendations integer[];
    assets integer[];
BEGIN
    SELECT array_agg(k.recommendation_id), array_agg(k.asset_id) INTO recommendations, assets
    FROM (SELECT k.recommendation_id, k.asset_id
          FROM (SELECT coalesce(b.recommendation_id, r.recommendation_id) AS recommendation_id,
                       coalesce(b.asset_id, l.asset_id, a.asset_id) AS asset_id
                FROM pg_temp.posture_batch b
                LEFT JOIN recommendation r ON r.source_id = b.source_id
                                          AND r.key = b.recommendation
                LEFT JOIN asset_alias l ON l.alias = b.asset
                LEFT JOIN asset a ON a.key = b.asset) k
          GROUP BY k.recommendation_id, k.asset_id
          HAVING count(*) > 1) k;
    IF recommendations IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM FROM finding f
    JOIN unnest(recommendations, assets) k(recommendation_id, asset_id)
        USING (recommendation_id, asset_id)
    ORDER BY f.recommendation_id, f.asset_id
    FOR UPDATE OF f;
    WITH observed AS MATERIALIZED (
        SELECT b.ctid AS id, k.recommendation_id, k.asset_id, b.state, b.observed_at, b.arrival,
               b.details, f.state AS old_state,
               coalesce(b.observed_at < f.changed_at, false) AS is_old
        FROM pg_temp.posture_batch b
        LEFT JOIN recommendation r ON r.source_id = b.source_id AND r.key = b.recommendation
        LEFT JOIN asset_alias l ON l.alias = b.asset
        LEFT JOIN asset a ON a.key = b.asset
        JOIN unnest(recommendations, assets) k(recommendation_id, asset_id)
          ON k.recommendation_id = coalesce(b.recommendation_id, r.recommendation_id)
         AND k.asset_id = coalesce(b.asset_id, l.asset_id, a.asset_id)
        LEFT JOIN finding f ON f.recommendation_id = k.recommendation_id
                           AND f.asset_id = k.asset_id
    ), change AS (
        SELECT o.*, o.state IS DISTINCT FROM lag(o.state, 1, o.old_state) OVER w AS is_change
        FROM observed o
        WHERE NOT o.is_old
        WINDOW w AS (PARTITION BY o.recommendation_id, o.asset_id
                     ORDER BY o.observed_at, o.arrival)
    ), ranked AS (
        SELECT c.*, row_number() OVER (PARTITION BY c.recommendation_id, c.asset_id
                                       ORDER BY c.is_change DESC, c.observed_at DESC,
                                                c.arrival DESC) AS rank,
               row_number() OVER (PARTITION BY c.recommendation_id, c.asset_id,
                                               day_of(c.observed_at), c.is_change
                                  ORDER BY c.observed_at DESC, c.arrival DESC) AS rank_of_day
        FROM change c
    ), chosen AS (
        SELECT r.id, row_number() OVER (PARTITION BY r.recommendation_id, r.asset_id
                                        ORDER BY r.rank) - 1 AS step, d.details
        FROM ranked r
        -- no later row has other details
        LEFT JOIN (SELECT DISTINCT ON (c.recommendation_id, c.asset_id)
                          c.recommendation_id, c.asset_id, c.details
                   FROM change c
                   WHERE c.details IS NOT NULL
                   ORDER BY c.recommendation_id, c.asset_id, c.observed_at DESC, c.arrival DESC) d
          ON d.recommendation_id = r.recommendation_id AND d.asset_id = r.asset_id AND r.rank = 1
        WHERE r.rank = 1 OR (r.is_change AND r.rank_of_day <= 2)
    )
    UPDATE pg_temp.posture_batch b
    SET step = c.step, details = CASE c.step WHEN 0 THEN c.details ELSE b.details END
    FROM observed o LEFT JOIN chosen c USING (id)
    WHERE b.ctid = o.id;
    CREATE INDEX IF NOT EXISTS posture_batch_step ON pg_temp.posture_batch (step) WHERE step > 0;
    RETURN (SELECT coalesce(max(b.step), 0) FROM pg_temp.posture_batch b);
END $$;
COMMENT ON FUNCTION posture_internal.ingest_steps() IS
    'step of ingest(): puts several observations of a finding in their order; returns the number '
    'of steps before the last';

CREATE FUNCTION posture_internal.ingest_findings() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed bigint;
BEGIN
    FOR of_step IN REVERSE ingest_steps() .. 0 LOOP
        -- Rows are written in the order of the key, so that two writers cannot deadlock.
        INSERT INTO finding AS f (recommendation_id, asset_id, state, changed_at, details)
        SELECT n.recommendation_id, n.asset_id, n.state, n.observed_at, n.details
        FROM (SELECT coalesce(b.recommendation_id, r.recommendation_id) AS recommendation_id,
                     coalesce(b.asset_id, l.asset_id, a.asset_id) AS asset_id,
                     b.state, b.observed_at, b.details
              FROM pg_temp.posture_batch b
              LEFT JOIN recommendation r ON r.source_id = b.source_id AND r.key = b.recommendation
              LEFT JOIN asset_alias l ON l.alias = b.asset
              LEFT JOIN asset a ON a.key = b.asset
              WHERE b.step = of_step
              ORDER BY recommendation_id, asset_id) n
        LEFT JOIN finding o ON o.recommendation_id = n.recommendation_id
                           AND o.asset_id = n.asset_id
        WHERE o.state IS NULL
           OR (o.changed_at <= n.observed_at
               AND (o.state <> n.state
                    OR o.details IS DISTINCT FROM coalesce(n.details, o.details)))
           -- another session may be writing an older observation: wait for it, and compare then
           OR is_being_written(o.xmax)
        ON CONFLICT (recommendation_id, asset_id) DO UPDATE
        SET state = EXCLUDED.state, details = coalesce(EXCLUDED.details, f.details),
            changed_at = CASE WHEN f.state = EXCLUDED.state THEN f.changed_at
                              ELSE EXCLUDED.changed_at END
        WHERE f.changed_at <= EXCLUDED.changed_at
          AND (f.state <> EXCLUDED.state
               OR f.details IS DISTINCT FROM coalesce(EXCLUDED.details, f.details));
        GET DIAGNOSTICS changed = ROW_COUNT;
    END LOOP;
    -- each finding that changed was written in the last step
    RETURN changed;
END $$;
COMMENT ON FUNCTION posture_internal.ingest_findings() IS
    'step of ingest(): writes new and changed findings; returns their number';

CREATE FUNCTION posture_internal.ingest_close(complete_source text) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    closed bigint;
    delivered_at timestamptz;
BEGIN
    SELECT max(b.observed_at) INTO delivered_at
    FROM pg_temp.posture_batch b JOIN source s USING (source_id)
    WHERE s.key = complete_source;
    IF delivered_at IS NULL THEN
        RAISE EXCEPTION 'inbox contains no finding of source "%"', complete_source
            USING ERRCODE = 'no_data_found',
                  DETAIL = 'A complete delivery of nothing would close every finding of the '
                           'source.',
                  HINT = 'Set is_active of the source to false if it no longer reports anything.';
    END IF;

    -- A finding whose row was rejected is not missing in the delivery. load() rejects
    -- rows before ingest() begins, but in the same transaction.
    UPDATE finding f
    SET state = 'not_applicable',
        changed_at = CASE f.state WHEN 'not_applicable' THEN f.changed_at ELSE delivered_at END
    FROM recommendation r JOIN source s USING (source_id)
    WHERE s.key = complete_source AND r.recommendation_id = f.recommendation_id
      AND f.changed_at <= delivered_at
      AND (f.state <> 'not_applicable' OR is_being_written(f.xmax))
      AND NOT EXISTS (
          SELECT
          FROM pg_temp.posture_batch b
          LEFT JOIN recommendation br ON br.source_id = b.source_id AND br.key = b.recommendation
          LEFT JOIN asset_alias bl ON bl.alias = b.asset
          LEFT JOIN asset ba ON ba.key = b.asset
          WHERE coalesce(b.recommendation_id, br.recommendation_id) = f.recommendation_id
            AND coalesce(b.asset_id, bl.asset_id, ba.asset_id) = f.asset_id)
      AND NOT EXISTS (
          SELECT
          FROM rejected j
          LEFT JOIN asset_alias l ON l.alias = j.asset
          LEFT JOIN asset a ON a.key = j.asset
          WHERE j.rejected_at >= now() AND j.source = s.key AND j.recommendation = r.key
            AND coalesce(l.asset_id, a.asset_id) = f.asset_id);
    GET DIAGNOSTICS closed = ROW_COUNT;
    RETURN closed;
END $$;
COMMENT ON FUNCTION posture_internal.ingest_close(text) IS
    'step of ingest(): sets findings that are missing in a complete delivery to not_applicable; '
    'returns their number';

CREATE FUNCTION posture_internal.ingest_sources(
    complete_source text, only_sources text[],
    OUT loaded bigint, OUT changed bigint, OUT unchanged bigint, OUT rejected bigint,
    OUT closed bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
DECLARE
    arrived_at timestamptz;
BEGIN
    -- One ingest() runs at a time; COPY into the inbox is not blocked.
    LOCK TABLE inbox IN SHARE UPDATE EXCLUSIVE MODE;
    arrived_at := clock_timestamp();
    SELECT t.loaded, t.rejected INTO loaded, rejected FROM ingest_batch(only_sources, arrived_at) t;
    changed := 0;
    PERFORM progress(format('ingest: %s rows taken, %s rejected', loaded, rejected));
    IF loaded > 0 THEN
        PERFORM ingest_catalog();
        PERFORM progress(format('ingest: writing findings of %s rows', loaded));
        changed := ingest_findings();
    END IF;
    unchanged := loaded - changed;
    closed := 0;
    PERFORM progress(format('ingest: %s findings written', changed));
    IF complete_source IS NOT NULL THEN
        closed := ingest_close(complete_source);
    END IF;
    PERFORM fold_if_many();
END $$;
COMMENT ON FUNCTION posture_internal.ingest_sources(text, text[]) IS
    'step of ingest() and load(): loads the rows of the inbox, or those of some sources';

CREATE FUNCTION posture_internal.ingest(
    complete_source text, only_source text,
    OUT loaded bigint, OUT changed bigint, OUT unchanged bigint, OUT rejected bigint,
    OUT closed bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    source_key text;
BEGIN
    PERFORM require_level('loader');
    FOREACH source_key IN ARRAY array_remove(ARRAY[complete_source, only_source], NULL) LOOP
        PERFORM require_delivery(source_key);
        IF NOT EXISTS (SELECT FROM source s WHERE s.key = source_key) THEN
            RAISE EXCEPTION 'source "%" does not exist', left(source_key, 100)
                USING ERRCODE = 'undefined_object',
                      HINT = concat_ws(' ', source_hint(source_key),
                                       'Add a new one to posture.source first.');
        END IF;
    END LOOP;
    SELECT i.* INTO loaded, changed, unchanged, rejected, closed
    FROM ingest_sources(complete_source, CASE WHEN only_source IS NOT NULL
                                              THEN ARRAY[only_source]
                                              ELSE delivery_sources() END) i;
END $$;
COMMENT ON FUNCTION posture_internal.ingest(text, text) IS 'loads the inbox, see posture.ingest()';

CREATE FUNCTION posture.ingest(
    complete_source text DEFAULT NULL, only_source text DEFAULT NULL,
    OUT loaded bigint, OUT changed bigint, OUT unchanged bigint, OUT rejected bigint,
    OUT closed bigint)
    AS 'MODULE_PATHNAME', 'posture_call_definer' LANGUAGE C;
COMMENT ON FUNCTION posture.ingest(text, text) IS
    'loads the inbox, or with only_source the rows of one source; complete_source sets findings '
    'of that source that are not in the inbox to not_applicable; loaded = changed + unchanged';
