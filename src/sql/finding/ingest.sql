/*
 * ingest() in steps, each a few statements over all rows. The batch is fixed
 * by ingest_batch(): rows that others put into the inbox meanwhile stay there
 * for the next call. All of it is one transaction: after an error or a crash
 * the inbox still has everything.
 */

CREATE FUNCTION posture_internal.ingest_batch(only_source text, arrived timestamptz, OUT loaded bigint, OUT rejected bigint)
    -- reasons are kept, and read by others
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp SET datestyle = 'ISO, YMD' SET timezone = 'UTC'
AS $$
DECLARE
    sources text[] := array(SELECT s.key FROM source s);
BEGIN
    -- a key is kept only where it has no id yet
    CREATE TEMP TABLE posture_batch (
        source_id integer, recommendation_id integer, recommendation text,
        asset_id integer, asset text, asset_kind text, asset_name text,
        state finding_state, observed_at timestamptz, details jsonb, arrival tid
    ) ON COMMIT DROP;
    CREATE TEMP TABLE posture_taken (
        source text, recommendation text, asset text, state text, observed_at timestamptz,
        asset_kind text, asset_name text, details jsonb, arrival tid, reason text
    ) ON COMMIT DROP;
    WITH taken AS (
        DELETE FROM inbox i
        WHERE only_source IS NULL OR i.source = only_source
        RETURNING i.*, i.ctid, inbox_error(i, sources, arrived)
    )
    INSERT INTO pg_temp.posture_taken SELECT * FROM taken;
    GET DIAGNOSTICS loaded = ROW_COUNT;
    -- nothing is read from an empty table: what PostgreSQL then remembers of
    -- statistics that are not there, it never forgets in this session
    IF loaded = 0 THEN
        rejected := 0;
        DROP TABLE pg_temp.posture_taken;
        RETURN;
    END IF;
    -- what follows has to be planned for a few rows as well as for millions
    ANALYZE pg_temp.posture_taken;

    INSERT INTO rejected
    SELECT t.source, t.recommendation, t.asset, t.state, t.observed_at, t.asset_kind, t.asset_name, t.details, t.reason, arrived
    FROM pg_temp.posture_taken t
    WHERE t.reason IS NOT NULL
    ORDER BY t.arrival;
    GET DIAGNOSTICS rejected = ROW_COUNT;

    INSERT INTO pg_temp.posture_batch
    SELECT s.source_id,
           r.recommendation_id, CASE WHEN r.recommendation_id IS NULL THEN t.recommendation END,
           coalesce(l.asset_id, a.asset_id), CASE WHEN l.asset_id IS NULL AND a.asset_id IS NULL THEN t.asset END, t.asset_kind, t.asset_name,
           t.state::finding_state, coalesce(t.observed_at, arrived), t.details, t.arrival
    FROM pg_temp.posture_taken t
    JOIN source s ON s.key = t.source
    LEFT JOIN recommendation r ON r.source_id = s.source_id AND r.key = t.recommendation
    LEFT JOIN asset_alias l ON l.alias = t.asset
    LEFT JOIN asset a ON a.key = t.asset
    WHERE t.reason IS NULL;
    GET DIAGNOSTICS loaded = ROW_COUNT;
    DROP TABLE pg_temp.posture_taken;
    ANALYZE pg_temp.posture_batch;
END $$;
COMMENT ON FUNCTION posture_internal.ingest_batch(text, timestamptz) IS 'step of ingest(): moves the inbox to rejected and to the batch';

CREATE FUNCTION posture_internal.ingest_catalog() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM update_last_seen(array_agg(s.source_id), array_agg(s.seen_at))
    FROM (SELECT b.source_id, max(b.observed_at) AS seen_at FROM pg_temp.posture_batch b GROUP BY b.source_id) s;

    INSERT INTO recommendation (source_id, key, title)
    SELECT DISTINCT b.source_id, b.recommendation, b.recommendation
    FROM pg_temp.posture_batch b
    WHERE b.recommendation IS NOT NULL
    -- another clash, of an id that was given by hand, is told
    ON CONFLICT (source_id, key) DO NOTHING;

    -- kind and name should be the same on all rows of an asset; where they are
    -- not, the greatest is as good as any and the same at every call. Of
    -- several spellings the first makes the asset, the others are aliases
    WITH seen AS (
        -- back to the collation that indexes have
        SELECT b.asset AS key, max(b.asset_kind COLLATE "C") COLLATE "default" AS kind, max(b.asset_name COLLATE "C") AS name,
               min(b.observed_at) AS first_seen, max(b.observed_at) AS last_seen
        FROM pg_temp.posture_batch b
        WHERE b.asset IS NOT NULL
        GROUP BY b.asset
    ), written AS (
        SELECT s.*, canonical_key(s.key, s.kind) AS canonical FROM seen s
    )
    INSERT INTO asset (key, kind, name, first_seen, last_seen)
    SELECT DISTINCT ON (w.canonical) w.key, coalesce(w.kind, 'unknown'), coalesce(w.name, w.key), w.first_seen, w.last_seen
    FROM written w
    LEFT JOIN asset_alias l ON l.alias = w.canonical AND w.canonical <> w.key
    LEFT JOIN asset a ON a.key = w.canonical AND w.canonical <> w.key
    -- by the index of spellings, not by that of ids, which min() would take
    LEFT JOIN LATERAL (SELECT min(y.asset_id) AS asset_id
                       FROM (SELECT x.asset_id
                             FROM asset x
                             WHERE x.key <> canonical_key(x.key, x.kind)
                               AND canonical_key(x.key, x.kind) = w.canonical
                               -- nothing else is written in several ways
                               AND (w.canonical LIKE '/%' OR w.canonical LIKE 'arn:aws:iam::%' OR coalesce(w.kind, 'host') = 'host')
                             OFFSET 0) y) o ON true
    WHERE l.asset_id IS NULL AND a.asset_id IS NULL AND o.asset_id IS NULL
    ORDER BY w.canonical, w.key COLLATE "C"
    ON CONFLICT (key) DO NOTHING;

    INSERT INTO asset_alias (alias, asset_id, how)
    SELECT v.key, asset_of(v.key, v.kind), 'spelling'
    FROM (SELECT b.asset AS key, max(b.asset_kind COLLATE "C") COLLATE "default" AS kind
          FROM pg_temp.posture_batch b
          WHERE b.asset IS NOT NULL AND NOT EXISTS (SELECT FROM asset a WHERE a.key = b.asset)
          GROUP BY b.asset) v;

    UPDATE asset a
    SET kind = coalesce(seen.kind, a.kind), name = coalesce(seen.name, a.name),
        last_seen = greatest(a.last_seen, seen.at)
    FROM (SELECT b.asset_id, max(b.asset_kind COLLATE "C") AS kind, max(b.asset_name COLLATE "C") AS name,
                 max(b.observed_at) AS at
          FROM pg_temp.posture_batch b
          WHERE b.asset_id IS NOT NULL
          GROUP BY b.asset_id) seen
    WHERE seen.asset_id = a.asset_id
      AND (day_of(a.last_seen) < day_of(seen.at)
           OR (seen.at >= a.last_seen AND (seen.kind <> a.kind OR seen.name <> a.name)));
END $$;
COMMENT ON FUNCTION posture_internal.ingest_catalog() IS 'step of ingest(): new recommendations and assets, and when and how assets were seen';

CREATE FUNCTION posture_internal.ingest_findings() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed bigint;
BEGIN
    -- the newest observation of a finding wins, of several at one time the last
    -- to arrive; in the order of the key, so that two writers can't deadlock
    INSERT INTO finding AS f (recommendation_id, asset_id, state, changed_at, details)
    SELECT n.recommendation_id, n.asset_id, n.state, n.observed_at, n.details
    FROM (SELECT DISTINCT ON (recommendation_id, asset_id)
                 coalesce(b.recommendation_id, r.recommendation_id) AS recommendation_id,
                 coalesce(b.asset_id, l.asset_id, a.asset_id) AS asset_id, b.state, b.observed_at, b.details
          FROM pg_temp.posture_batch b
          LEFT JOIN recommendation r ON r.source_id = b.source_id AND r.key = b.recommendation
          LEFT JOIN asset_alias l ON l.alias = b.asset
          LEFT JOIN asset a ON a.key = b.asset
          ORDER BY recommendation_id, asset_id, b.observed_at DESC, b.arrival DESC) n
    LEFT JOIN finding o ON o.recommendation_id = n.recommendation_id AND o.asset_id = n.asset_id
    WHERE o.state IS NULL
       OR (o.changed_at <= n.observed_at AND (o.state <> n.state OR o.details IS DISTINCT FROM coalesce(n.details, o.details)))
    ON CONFLICT (recommendation_id, asset_id) DO UPDATE
    SET state = EXCLUDED.state, details = coalesce(EXCLUDED.details, f.details),
        changed_at = CASE WHEN f.state = EXCLUDED.state THEN f.changed_at ELSE EXCLUDED.changed_at END
    WHERE f.changed_at <= EXCLUDED.changed_at;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END $$;
COMMENT ON FUNCTION posture_internal.ingest_findings() IS 'step of ingest(): writes the findings that are new or changed';

CREATE FUNCTION posture_internal.ingest_close(complete_source text, arrived timestamptz) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    closed bigint;
    delivered timestamptz;
BEGIN
    SELECT max(b.observed_at) INTO delivered
    FROM pg_temp.posture_batch b JOIN source s USING (source_id)
    WHERE s.key = complete_source;
    IF delivered IS NULL THEN
        RAISE EXCEPTION 'inbox contains no finding of source "%"', complete_source
            USING ERRCODE = 'no_data_found',
                  DETAIL = 'A complete delivery of nothing would close every finding of the source.',
                  HINT = 'Set is_active of the source to false if it no longer reports anything.';
    END IF;

    -- a row that was rejected was delivered all the same
    UPDATE finding f
    SET state = 'not_applicable', changed_at = delivered
    FROM recommendation r JOIN source s USING (source_id)
    WHERE s.key = complete_source AND r.recommendation_id = f.recommendation_id
      AND f.state <> 'not_applicable' AND f.changed_at <= delivered
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
          WHERE j.rejected_at = arrived AND j.source = s.key AND j.recommendation = r.key
            AND coalesce(l.asset_id, a.asset_id) = f.asset_id);
    GET DIAGNOSTICS closed = ROW_COUNT;
    RETURN closed;
END $$;
COMMENT ON FUNCTION posture_internal.ingest_close(text, timestamptz) IS 'step of ingest(): a finding that a complete delivery does not have no longer applies';

CREATE FUNCTION posture.ingest(
    complete_source text DEFAULT NULL, only_source text DEFAULT NULL,
    OUT loaded bigint, OUT changed bigint, OUT unchanged bigint, OUT rejected bigint, OUT closed bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    -- its statements move rows: compiling their few expressions costs more than it gains
    SET jit = off
AS $$
DECLARE
    arrived timestamptz;
    named text;
BEGIN
    FOREACH named IN ARRAY array_remove(ARRAY[complete_source, only_source], NULL) LOOP
        IF NOT EXISTS (SELECT FROM source s WHERE s.key = named) THEN
            RAISE EXCEPTION 'source "%" does not exist', named
                USING ERRCODE = 'undefined_object', HINT = 'Add it to posture.source first.';
        END IF;
    END LOOP;

    -- one ingest at a time; COPY into the inbox goes on beside it
    LOCK TABLE inbox IN SHARE UPDATE EXCLUSIVE MODE;
    arrived := clock_timestamp();
    SELECT t.loaded, t.rejected INTO loaded, rejected FROM ingest_batch(only_source, arrived) t;
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
        closed := ingest_close(complete_source, arrived);
    END IF;
    DROP TABLE pg_temp.posture_batch;
    PERFORM fold_if_many();
END $$;
COMMENT ON FUNCTION posture.ingest(text, text) IS 'loads the inbox, only the rows of one source if only_source is given; complete_source closes the findings of that source that are absent. loaded = changed + unchanged';
