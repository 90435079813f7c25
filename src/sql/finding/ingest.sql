/*
 * ingest(): loads the inbox in a few steps, each of which processes all rows at
 * once. Rows that arrive in the inbox after ingest_batch() wait for the next call.
 * All steps are one transaction, so no row is lost after an error or a crash.
 */

CREATE FUNCTION posture_internal.add_objects() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    -- assets are looked up by an index, one by one, however many there are
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    INSERT INTO recommendation (source_id, key, title)
    SELECT DISTINCT b.source_id, b.recommendation, b.recommendation
    FROM pg_temp.posture_batch b
    WHERE b.recommendation IS NOT NULL
    -- A conflict of ids, which users may have set, is an error.
    ON CONFLICT (source_id, key) DO NOTHING;

    -- Two deliveries may bring one asset in two spellings.
    IF EXISTS (SELECT FROM pg_temp.posture_batch b WHERE b.asset IS NOT NULL) THEN
        LOCK TABLE delivery IN SHARE UPDATE EXCLUSIVE MODE;
    END IF;
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
    ), candidate AS MATERIALIZED (
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
      -- another delivery may have brought it since the keys of this one were looked up
      AND NOT EXISTS (SELECT FROM asset_alias x WHERE x.alias = c.key)
    ORDER BY c.canonical, is_spelling(c.canonical, c.kind, 'host'), c.key COLLATE "C"
    ON CONFLICT (key) DO NOTHING;

    INSERT INTO asset_alias (alias, asset_id, how)
    SELECT v.key, asset_of(v.key, v.kind), 'spelling'
    FROM (SELECT b.asset AS key, max(b.asset_kind COLLATE "C") COLLATE "default" AS kind
          FROM pg_temp.posture_batch b
          WHERE b.asset IS NOT NULL
          GROUP BY b.asset) v
    WHERE NOT EXISTS (SELECT FROM asset a WHERE a.key = v.key)
    ON CONFLICT (alias) DO NOTHING;
END $$;
COMMENT ON FUNCTION posture_internal.add_objects() IS
    'step of ingest(): adds the recommendations and assets of the batch that are new';

CREATE FUNCTION posture_internal.update_assets() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    -- as in add_objects()
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    sources text[] := delivery_sources();
    curates boolean := has_level(caller(), 'curator');
BEGIN
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
          GROUP BY b.asset_id
          -- in one order, so that two deliveries cannot deadlock
          ORDER BY b.asset_id) o
    WHERE o.asset_id = a.asset_id
      AND (day_of(a.last_seen) < day_of(o.at)
           OR (o.at >= a.last_seen AND (o.kind <> a.kind OR o.name <> a.name)
               AND (sources IS NULL OR may_update_asset(a.asset_id, sources, curates))));
END $$;
COMMENT ON FUNCTION posture_internal.update_assets() IS
    'step of ingest(): updates when the assets of the batch were last seen, their kinds and names';

CREATE FUNCTION posture_internal.move_rows(
    only_sources text[], sources text[], arrived_at timestamptz,
    repeated bigint[], disputed integer[], OUT rejected bigint, OUT first_reason text)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    -- The reasons in rejected contain times, which other sessions read.
    SET datestyle = 'ISO, YMD'
    SET timezone = 'UTC'
AS $$
BEGIN
    WITH moved AS (
        DELETE FROM inbox i
        WHERE CASE WHEN repeated IS NULL
                   THEN (only_sources IS NULL OR i.source = ANY (only_sources))
                        AND NOT (i.details IS NULL AND i.source = ANY (sources)
                                 AND coalesce(i.observed_at BETWEEN '1900-01-01 00:00Z'
                                                                AND arrived_at, true)
                                 AND confirms(known_source(i.source),
                                              known_recommendation(known_source(i.source),
                                                                   i.recommendation),
                                              i.asset, i.state, i.observed_at, i.asset_kind,
                                              i.asset_name, i.ctid))
                   ELSE is_confirmed_row(i.ctid)
                        AND (known_asset(i.asset) = ANY (disputed)
                             OR finding_number(known_recommendation(known_source(i.source),
                                                                    i.recommendation),
                                               known_asset(i.asset)) = ANY (repeated)) END
        RETURNING i.*, i.ctid AS arrival, inbox_error(i, sources, arrived_at) AS reason
    ), batch AS (
        INSERT INTO pg_temp.posture_batch
        SELECT k.source_id,
               k.recommendation_id, CASE WHEN k.recommendation_id IS NULL THEN k.recommendation END,
               k.asset_id, CASE WHEN k.asset_id IS NULL THEN k.asset END,
               k.asset_kind, k.asset_name, k.state,
               -- the clock of the source may be ahead
               least(k.observed_at, arrived_at), k.details, k.arrival, 0
        FROM (SELECT s.*, known_recommendation(s.source_id, s.recommendation) AS recommendation_id,
                     known_asset(s.asset) AS asset_id
              FROM (SELECT m.*, known_source(m.source) AS source_id
                    FROM moved m
                    WHERE m.reason IS NULL
                    OFFSET 0) s
              OFFSET 0) k
    ), refused AS (
        INSERT INTO rejected
        SELECT m.source, m.recommendation, m.asset, m.state, m.observed_at, m.asset_kind,
               m.asset_name, m.details, m.reason, arrived_at
        FROM moved m
        WHERE m.reason IS NOT NULL
        ORDER BY m.arrival
        RETURNING reason
    )
    SELECT count(*), (array_agg(r.reason))[1] INTO rejected, first_reason FROM refused r;
END $$;
COMMENT ON FUNCTION posture_internal.move_rows(text[], text[], timestamptz, bigint[], integer[]) IS
    'step of ingest(): moves rows of the inbox, or those of some sources, to the batch or to '
    'rejected, but those that confirm what is stored; then, of these, the rows of repeated '
    'findings and disputed assets';

CREATE FUNCTION posture_internal.ingest_batch(
    only_sources text[], arrived_at timestamptz, OUT rejected bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    delivered text[] := delivery_sources();
    sources text[] := array(SELECT s.key FROM source s
                            WHERE delivered IS NULL OR s.key = ANY (delivered));
    disputed integer[] := '{}';
    repeated bigint[] := '{}';
    has_confirmed boolean;
    first_reason text;
BEGIN
    -- recommendation and asset are the keys of objects that have no id yet.
    PERFORM working_table(
        'posture_batch',
        'source_id integer, recommendation_id integer, recommendation text, '
        'asset_id integer, asset text, asset_kind text, asset_name text, '
        'state text, observed_at timestamptz, details jsonb, arrival tid, step integer', true);
    SELECT m.rejected, m.first_reason INTO rejected, first_reason
    FROM move_rows(only_sources, sources, arrived_at, NULL, NULL) m;
    PERFORM report_rejected(rejected, first_reason);
    IF NOT EXISTS (SELECT FROM pg_temp.posture_batch) THEN
        RETURN;
    END IF;
    -- The number of rows, from a few to millions, decides the plans.
    ANALYZE pg_temp.posture_batch;
    has_confirmed := EXISTS (SELECT FROM confirmed_source());
    IF has_confirmed THEN
        disputed := disputed_assets();
        IF disputed <> '{}' THEN
            PERFORM move_rows(NULL, sources, arrived_at, '{}', disputed);
        END IF;
    END IF;
    PERFORM add_objects();
    PERFORM update_assets();
    IF has_confirmed THEN
        repeated := repeated_findings();
        IF repeated <> '{}' THEN
            PERFORM move_rows(NULL, sources, arrived_at, repeated, '{}');
        END IF;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.ingest_batch(text[], timestamptz) IS
    'step of ingest(): moves rows of the inbox, or those of some sources, to the batch or to '
    'rejected, and adds the objects that they name';

CREATE FUNCTION posture_internal.is_being_written(xmax xid) RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_is_being_written' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.is_being_written(xid) IS
    'whether the transaction in the system column xmax of a row had not ended when the statement '
    'began, so that the row may change';

CREATE FUNCTION posture_internal.ingest_repeated(
    OUT recommendations integer[], OUT assets integer[])
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    -- as in ingest_findings()
    SET enable_seqscan = off
AS $$
BEGIN
    WITH observed AS (
        SELECT coalesce(b.recommendation_id,
                        known_recommendation(b.source_id, b.recommendation)) AS recommendation_id,
               coalesce(b.asset_id, known_asset(b.asset)) AS asset_id
        FROM pg_temp.posture_batch b
        OFFSET 0
    ), repeated AS (
        -- a set for each recommendation is much smaller than a group for each finding
        SELECT o.recommendation_id
        FROM observed o
        GROUP BY o.recommendation_id
        HAVING count(*) > cardinality(assetset_agg(o.asset_id))
    )
    SELECT array_agg(k.recommendation_id ORDER BY k.recommendation_id, k.asset_id),
           array_agg(k.asset_id ORDER BY k.recommendation_id, k.asset_id)
    INTO recommendations, assets
    FROM (SELECT o.recommendation_id, o.asset_id
          FROM observed o JOIN repeated USING (recommendation_id)
          GROUP BY o.recommendation_id, o.asset_id
          HAVING count(*) > 1) k;
    PERFORM FROM unnest(recommendations, assets) k(recommendation_id, asset_id)
    CROSS JOIN LATERAL (SELECT
                        FROM finding f
                        WHERE f.recommendation_id = k.recommendation_id AND f.asset_id = k.asset_id
                        OFFSET 0
                        FOR UPDATE) f;
END $$;
COMMENT ON FUNCTION posture_internal.ingest_repeated() IS
    'step of ingest(): returns the keys of findings that have several observations, in order, and '
    'locks these findings';

-- Several observations of a finding have the effect that they would have one after the
-- other. The one that is written last has step 0, and those that are not written have no
-- step. Of each day, the last two changes of a state are written: history keeps the state
-- at the end of a day, and the second one is dated by its difference from the first.
CREATE FUNCTION posture_internal.ingest_steps() RETURNS integer
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    -- as in ingest_findings()
    SET enable_seqscan = off
AS $$
DECLARE
    recommendations integer[];
    assets integer[];
BEGIN
    SELECT r.* INTO recommendations, assets FROM ingest_repeated() r;
    IF recommendations IS NULL THEN
        RETURN 0;
    END IF;
    WITH observed AS MATERIALIZED (
        SELECT b.id, k.recommendation_id, k.asset_id, b.state, b.observed_at, b.arrival,
               b.details, f.state::text AS old_state,
               coalesce(b.observed_at < f.changed_at, false) AS is_old
        FROM (SELECT x.ctid AS id, x.state, x.observed_at, x.arrival, x.details,
                     coalesce(x.recommendation_id,
                              known_recommendation(x.source_id, x.recommendation))
                         AS recommendation_id,
                     coalesce(x.asset_id, known_asset(x.asset)) AS asset_id
              FROM pg_temp.posture_batch x
              OFFSET 0) b
        JOIN unnest(recommendations, assets) k(recommendation_id, asset_id)
            USING (recommendation_id, asset_id)
        LEFT JOIN LATERAL (SELECT x.state, x.changed_at
                           FROM finding x
                           WHERE x.recommendation_id = k.recommendation_id
                             AND x.asset_id = k.asset_id
                           OFFSET 0) f ON true
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
    IF to_regclass('pg_temp.posture_batch_step') IS NULL THEN
        CREATE INDEX posture_batch_step ON pg_temp.posture_batch (step) WHERE step > 0;
    END IF;
    RETURN (SELECT coalesce(max(b.step), 0) FROM pg_temp.posture_batch b);
END $$;
COMMENT ON FUNCTION posture_internal.ingest_steps() IS
    'step of ingest(): puts several observations of a finding in their order; returns the number '
    'of steps before the last';

-- Stored findings are looked up by the key one by one, in its order. A delivery of much of the
-- table reads it instead, which costs about as much as the delivery itself.
CREATE FUNCTION posture_internal.ingest_findings() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    is_large boolean := pg_relation_size('finding') < 3 * pg_relation_size('pg_temp.posture_batch');
    changed bigint;
BEGIN
    FOR of_step IN REVERSE ingest_steps() .. 0 LOOP
        PERFORM set_config(s, 'on', true)
        FROM unnest('{enable_seqscan, enable_hashjoin, enable_mergejoin}'::text[]) s
        WHERE is_large AND of_step = 0;
        -- Rows are written in the order of the key, so that two writers cannot deadlock, and that
        -- neighbours in the index are written one after the other. EXECUTE plans for the tables as
        -- they are now. Of what the delivery adds, nothing is stored: the key is NULL.
        EXECUTE format($query$
            INSERT INTO finding AS f (recommendation_id, asset_id, state, changed_at, details,
                                      extent_id)
            SELECT n.recommendation_id, n.asset_id, n.state, n.observed_at, n.details, x.extent_id
            FROM (SELECT coalesce(b.recommendation_id,
                                  known_recommendation(b.source_id, b.recommendation))
                             AS recommendation_id,
                         coalesce(b.asset_id, known_asset(b.asset)) AS asset_id,
                         CASE WHEN b.recommendation IS NULL THEN b.asset_id END AS stored_id,
                         b.state::finding_state AS state, b.observed_at, b.details
                  FROM pg_temp.posture_batch b
                  WHERE b.step = $1
                  %s OFFSET 0) n
            LEFT JOIN finding o ON o.recommendation_id = n.recommendation_id
                               AND o.asset_id = n.stored_id
            LEFT JOIN pg_temp.posture_extent x ON x.recommendation_id = n.recommendation_id
                                              AND x.asset_id = n.asset_id
                                              AND x.extent_id IS NOT NULL
            WHERE o.state IS NULL
               OR (o.changed_at <= n.observed_at
                   AND (o.state <> n.state
                        OR o.details IS DISTINCT FROM coalesce(n.details, o.details)
                        OR o.extent_id IS DISTINCT FROM coalesce(x.extent_id, o.extent_id)))
               -- another session may be writing an older observation: wait for it, and compare then
               OR is_being_written(o.xmax)
            ORDER BY n.recommendation_id, n.asset_id
            ON CONFLICT (recommendation_id, asset_id) DO UPDATE
            SET state = EXCLUDED.state, details = coalesce(EXCLUDED.details, f.details),
                changed_at = CASE WHEN f.state = EXCLUDED.state THEN f.changed_at
                                  ELSE EXCLUDED.changed_at END,
                extent_id = coalesce(EXCLUDED.extent_id, f.extent_id)
            WHERE f.changed_at <= EXCLUDED.changed_at
              AND (f.state <> EXCLUDED.state
                   OR f.details IS DISTINCT FROM coalesce(EXCLUDED.details, f.details)
                   OR f.extent_id IS DISTINCT FROM coalesce(EXCLUDED.extent_id, f.extent_id))
            $query$,
            CASE WHEN is_large THEN '' ELSE 'ORDER BY 1, 2' END)
        USING of_step;
        GET DIAGNOSTICS changed = ROW_COUNT;
    END LOOP;
    -- each finding that changed was written in the last step
    RETURN changed;
END $$;
COMMENT ON FUNCTION posture_internal.ingest_findings() IS
    'step of ingest(): writes new and changed findings; returns their number';

CREATE FUNCTION posture_internal.require_delivered(complete_source text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF complete_source IS NOT NULL
       AND NOT EXISTS (SELECT
                       FROM delivered_source() d JOIN source s USING (source_id)
                       WHERE s.key = complete_source) THEN
        RAISE EXCEPTION 'inbox contains no finding of source "%"', complete_source
            USING ERRCODE = 'no_data_found',
                  DETAIL = 'A complete delivery of nothing would close every finding of the '
                           'source.',
                  HINT = 'Set is_active of the source to false if it no longer reports anything.';
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.require_delivered(text) IS
    'step of ingest(): raises an error if a complete delivery has no finding of its source';

CREATE FUNCTION posture_internal.ingest_sources(
    complete_source text, only_sources text[], of_extent text, of_document boolean,
    OUT loaded bigint, OUT changed bigint, OUT unchanged bigint, OUT rejected bigint,
    OUT closed bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
DECLARE
    arrived_at timestamptz;
BEGIN
    PERFORM lock_delivery(only_sources);
    arrived_at := clock_timestamp();
    changed := 0;
    closed := 0;
    PERFORM confirm_end();
    -- the stored sets don't have the extents of findings
    IF of_extent IS NULL AND NOT states_extents(of_document) THEN
        PERFORM begin_confirming(arrived_at);
    END IF;
    rejected := ingest_batch(only_sources, arrived_at);
    loaded := (SELECT count(*) FROM pg_temp.posture_batch);
    PERFORM progress(format('ingest: %s rows taken, %s rejected', loaded, rejected));
    PERFORM update_last_seen(array_agg(d.source_id), array_agg(d.seen_at))
    FROM delivered_source() d;
    PERFORM require_delivered(complete_source);
    IF loaded > 0 OR complete_source IS NOT NULL THEN
        PERFORM ingest_extent(complete_source, of_extent, of_document);
        PERFORM progress(format('ingest: writing findings of %s rows', loaded));
        changed := ingest_findings();
        PERFORM progress(format('ingest: %s findings written', changed));
        closed := ingest_close();
    END IF;
    loaded := loaded + forget_confirmed();
    unchanged := loaded - changed;
    PERFORM fold_if_many();
END $$;
COMMENT ON FUNCTION posture_internal.ingest_sources(text, text[], text, boolean) IS
    'step of ingest() and load(): loads the rows of the inbox, or those of some sources; they are '
    'of an extent, or of those that the items of load() state';

CREATE FUNCTION posture_internal.ingest(
    complete_source text, only_source text, extent text,
    OUT loaded bigint, OUT changed bigint, OUT unchanged bigint, OUT rejected bigint,
    OUT closed bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    source_key text;
BEGIN
    PERFORM require_level('loader');
    IF extent IS NOT NULL AND key_error('extent', extent) IS NOT NULL THEN
        RAISE EXCEPTION '%', key_error('extent', extent)
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
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
                                              ELSE delivery_sources() END, extent, false) i;
END $$;
COMMENT ON FUNCTION posture_internal.ingest(text, text, text) IS
    'loads the inbox, see posture.ingest()';

CREATE FUNCTION posture.ingest(
    complete_source text DEFAULT NULL, only_source text DEFAULT NULL, extent text DEFAULT NULL,
    OUT loaded bigint, OUT changed bigint, OUT unchanged bigint, OUT rejected bigint,
    OUT closed bigint)
    AS 'MODULE_PATHNAME', 'posture_call_definer' LANGUAGE C;
COMMENT ON FUNCTION posture.ingest(text, text, text) IS
    'loads the inbox, or with only_source the rows of one source; complete_source sets findings '
    'of that source that are not in the inbox to not_applicable; with extent, such as an account '
    'or a site, the rows are those of this part of their source, and only findings of it are set; '
    'loaded = changed + unchanged';
