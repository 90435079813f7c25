/*
 * The door for findings: COPY into inbox, then ingest().
 */

CREATE TABLE posture.inbox (
    source text,
    recommendation text,
    asset text,
    state text,
    observed_at timestamptz,
    asset_kind text,
    asset_name text,
    details jsonb
);
COMMENT ON TABLE posture.inbox IS 'COPY findings here, then call ingest()';
COMMENT ON COLUMN posture.inbox.source IS 'key of a source';
COMMENT ON COLUMN posture.inbox.recommendation IS 'the source''s key of a recommendation; a new one becomes a recommendation';
COMMENT ON COLUMN posture.inbox.asset IS 'key of an asset; a new one becomes an asset';
COMMENT ON COLUMN posture.inbox.state IS 'compliant, non_compliant or not_applicable';
COMMENT ON COLUMN posture.inbox.observed_at IS 'when the source saw it; NULL: now';
COMMENT ON COLUMN posture.inbox.asset_kind IS 'kind of the asset; NULL: no word on it';
COMMENT ON COLUMN posture.inbox.asset_name IS 'name of the asset; NULL: no word on it';
COMMENT ON COLUMN posture.inbox.details IS 'what else the source says; NULL: no word on it';

CREATE TABLE posture.rejected (
    source text,
    recommendation text,
    asset text,
    state text,
    observed_at timestamptz,
    asset_kind text,
    asset_name text,
    details jsonb,
    reason text NOT NULL,
    rejected_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE posture.rejected IS 'what was in the inbox and could not be loaded, with the reason; to try again, put it back into the inbox';
COMMENT ON COLUMN posture.rejected.source IS 'as it was in the inbox';
COMMENT ON COLUMN posture.rejected.recommendation IS 'as it was in the inbox';
COMMENT ON COLUMN posture.rejected.asset IS 'as it was in the inbox';
COMMENT ON COLUMN posture.rejected.state IS 'as it was in the inbox';
COMMENT ON COLUMN posture.rejected.observed_at IS 'as it was in the inbox';
COMMENT ON COLUMN posture.rejected.asset_kind IS 'as it was in the inbox';
COMMENT ON COLUMN posture.rejected.asset_name IS 'as it was in the inbox';
COMMENT ON COLUMN posture.rejected.details IS 'as it was in the inbox';
COMMENT ON COLUMN posture.rejected.reason IS 'why it could not be loaded';
COMMENT ON COLUMN posture.rejected.rejected_at IS 'when';

CREATE FUNCTION posture.key_fault(what text, key text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN key IS NULL OR key = '' THEN 'missing ' || what
        WHEN octet_length(key) > 1024 THEN
            format('key of %s has %s bytes, more than 1024: "%s..."', what, octet_length(key), left(key, 40))
    END;
COMMENT ON FUNCTION posture.key_fault(text, text) IS 'why a key is none; NULL: it is one';

CREATE FUNCTION posture.kind_fault(kind text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN octet_length(kind) > 1024 THEN format('kind of asset has %s bytes, more than 1024: "%s..."', octet_length(kind), left(kind, 40)) END;
COMMENT ON FUNCTION posture.kind_fault(text) IS 'why a kind of assets is none; NULL: it is one';

CREATE FUNCTION posture.inbox_fault(item posture.inbox, sources text[], arrived timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN item.source IS NULL OR item.source = '' THEN 'missing source'
        WHEN item.source <> ALL (sources) THEN format('unknown source "%s"', left(item.source, 100))
        WHEN posture.key_fault('recommendation', item.recommendation) IS NOT NULL
            THEN posture.key_fault('recommendation', item.recommendation)
        WHEN posture.key_fault('asset', item.asset) IS NOT NULL THEN posture.key_fault('asset', item.asset)
        WHEN posture.kind_fault(item.asset_kind) IS NOT NULL THEN posture.kind_fault(item.asset_kind)
        WHEN item.state IS NULL THEN 'missing state'
        WHEN item.state NOT IN ('compliant', 'non_compliant', 'not_applicable')
            THEN format('unknown state "%s"', left(item.state, 100))
        WHEN item.observed_at > arrived THEN format('observed in the future, at %s', item.observed_at)
        WHEN item.observed_at = '-infinity' THEN 'observed at no time, -infinity'
    END;
COMMENT ON FUNCTION posture.inbox_fault(posture.inbox, text[], timestamptz) IS 'why a row of the inbox can''t be loaded, naming the value; NULL: it can';

/*
 * ingest() in steps, each a few statements over all rows. The batch is fixed
 * by ingest_take(): rows that others put into the inbox meanwhile stay there
 * for the next call. All of it is one transaction: after an error or a crash
 * the inbox still has everything.
 */

CREATE FUNCTION posture.ingest_take(only_source text, arrived timestamptz, OUT loaded bigint, OUT rejected bigint)
    -- reasons are kept, and read by others
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' SET timezone = 'UTC'
AS $$
DECLARE
    sources text[] := array(SELECT s.key FROM posture.source s);
BEGIN
    -- a key is kept only where it has no id yet
    CREATE TEMP TABLE posture_batch (
        source_id integer, recommendation_id integer, recommendation text,
        asset_id integer, asset text, asset_kind text, asset_name text,
        state posture.finding_state, observed_at timestamptz, details jsonb, arrival tid
    ) ON COMMIT DROP;
    CREATE TEMP TABLE posture_taken (
        source text, recommendation text, asset text, state text, observed_at timestamptz,
        asset_kind text, asset_name text, details jsonb, arrival tid, reason text
    ) ON COMMIT DROP;
    WITH taken AS (
        DELETE FROM posture.inbox i
        WHERE only_source IS NULL OR i.source = only_source
        RETURNING i.*, i.ctid, posture.inbox_fault(i, sources, arrived)
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

    INSERT INTO posture.rejected
    SELECT t.source, t.recommendation, t.asset, t.state, t.observed_at, t.asset_kind, t.asset_name, t.details, t.reason, arrived
    FROM pg_temp.posture_taken t
    WHERE t.reason IS NOT NULL
    ORDER BY t.arrival;
    GET DIAGNOSTICS rejected = ROW_COUNT;

    INSERT INTO pg_temp.posture_batch
    SELECT s.source_id,
           r.recommendation_id, CASE WHEN r.recommendation_id IS NULL THEN t.recommendation END,
           coalesce(l.asset_id, a.asset_id), CASE WHEN l.asset_id IS NULL AND a.asset_id IS NULL THEN t.asset END, t.asset_kind, t.asset_name,
           t.state::posture.finding_state, coalesce(t.observed_at, arrived), t.details, t.arrival
    FROM pg_temp.posture_taken t
    JOIN posture.source s ON s.key = t.source
    LEFT JOIN posture.recommendation r ON r.source_id = s.source_id AND r.key = t.recommendation
    LEFT JOIN posture.asset_alias l ON l.alias = t.asset
    LEFT JOIN posture.asset a ON a.key = t.asset
    WHERE t.reason IS NULL;
    GET DIAGNOSTICS loaded = ROW_COUNT;
    DROP TABLE pg_temp.posture_taken;
    ANALYZE pg_temp.posture_batch;
END $$;
COMMENT ON FUNCTION posture.ingest_take(text, timestamptz) IS 'step of ingest(): moves the inbox to rejected and to the batch';

-- an unchanged delivery writes this once a day, and no more
CREATE FUNCTION posture.see_sources(source_ids integer[], seen_at timestamptz[]) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    UPDATE posture.source s
    SET last_seen = n.seen_at
    FROM unnest(source_ids, seen_at) n(source_id, seen_at)
    WHERE s.source_id = n.source_id
      AND (s.last_seen IS NULL OR posture.day_of(s.last_seen) < posture.day_of(n.seen_at));
END;
COMMENT ON FUNCTION posture.see_sources(integer[], timestamptz[]) IS 'step of ingest() and load(): notes when sources last observed something';

CREATE FUNCTION posture.ingest_catalog() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM posture.see_sources(array_agg(s.source_id), array_agg(s.seen_at))
    FROM (SELECT b.source_id, max(b.observed_at) AS seen_at FROM pg_temp.posture_batch b GROUP BY b.source_id) s;

    INSERT INTO posture.recommendation (source_id, key, title)
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
        SELECT s.*, posture.canonical_key(s.key, s.kind) AS canonical FROM seen s
    )
    INSERT INTO posture.asset (key, kind, name, first_seen, last_seen)
    SELECT DISTINCT ON (w.canonical) w.key, coalesce(w.kind, 'unknown'), coalesce(w.name, w.key), w.first_seen, w.last_seen
    FROM written w
    LEFT JOIN posture.asset_alias l ON l.alias = w.canonical AND w.canonical <> w.key
    LEFT JOIN posture.asset a ON a.key = w.canonical AND w.canonical <> w.key
    -- by the index of spellings, not by that of ids, which min() would take
    LEFT JOIN LATERAL (SELECT min(y.asset_id) AS asset_id
                       FROM (SELECT x.asset_id
                             FROM posture.asset x
                             WHERE x.key <> posture.canonical_key(x.key::text, x.kind)
                               AND posture.canonical_key(x.key::text, x.kind) = w.canonical
                               -- nothing else is written in several ways
                               AND (w.canonical LIKE '/%' OR w.canonical LIKE 'arn:aws:iam::%' OR coalesce(w.kind, 'host') = 'host')
                             OFFSET 0) y) o ON true
    WHERE l.asset_id IS NULL AND a.asset_id IS NULL AND o.asset_id IS NULL
    ORDER BY w.canonical, w.key COLLATE "C"
    ON CONFLICT (key) DO NOTHING;

    INSERT INTO posture.asset_alias (alias, asset_id, how)
    SELECT v.key, posture.asset_of(v.key, v.kind), 'spelling'
    FROM (SELECT b.asset AS key, max(b.asset_kind COLLATE "C") COLLATE "default" AS kind
          FROM pg_temp.posture_batch b
          WHERE b.asset IS NOT NULL AND NOT EXISTS (SELECT FROM posture.asset a WHERE a.key = b.asset)
          GROUP BY b.asset) v;

    UPDATE posture.asset a
    SET kind = coalesce(seen.kind, a.kind), name = coalesce(seen.name, a.name),
        last_seen = greatest(a.last_seen, seen.at)
    FROM (SELECT b.asset_id, max(b.asset_kind COLLATE "C") AS kind, max(b.asset_name COLLATE "C") AS name,
                 max(b.observed_at) AS at
          FROM pg_temp.posture_batch b
          WHERE b.asset_id IS NOT NULL
          GROUP BY b.asset_id) seen
    WHERE seen.asset_id = a.asset_id
      AND (posture.day_of(a.last_seen) < posture.day_of(seen.at)
           OR (seen.at >= a.last_seen AND (seen.kind <> a.kind OR seen.name <> a.name)));
END $$;
COMMENT ON FUNCTION posture.ingest_catalog() IS 'step of ingest(): new recommendations and assets, and when and how assets were seen';

CREATE FUNCTION posture.ingest_findings() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed bigint;
BEGIN
    -- the newest observation of a finding wins, of several at one time the last
    -- to arrive; in the order of the key, so that two writers can't deadlock
    INSERT INTO posture.finding AS f (recommendation_id, asset_id, state, changed_at, details)
    SELECT n.recommendation_id, n.asset_id, n.state, n.observed_at, n.details
    FROM (SELECT DISTINCT ON (recommendation_id, asset_id)
                 coalesce(b.recommendation_id, r.recommendation_id) AS recommendation_id,
                 coalesce(b.asset_id, l.asset_id, a.asset_id) AS asset_id, b.state, b.observed_at, b.details
          FROM pg_temp.posture_batch b
          LEFT JOIN posture.recommendation r ON r.source_id = b.source_id AND r.key = b.recommendation
          LEFT JOIN posture.asset_alias l ON l.alias = b.asset
          LEFT JOIN posture.asset a ON a.key = b.asset
          ORDER BY recommendation_id, asset_id, b.observed_at DESC, b.arrival DESC) n
    LEFT JOIN posture.finding o ON o.recommendation_id = n.recommendation_id AND o.asset_id = n.asset_id
    WHERE o.state IS NULL
       OR (o.changed_at <= n.observed_at AND (o.state <> n.state OR o.details IS DISTINCT FROM coalesce(n.details, o.details)))
    ON CONFLICT (recommendation_id, asset_id) DO UPDATE
    SET state = EXCLUDED.state, details = coalesce(EXCLUDED.details, f.details),
        changed_at = CASE WHEN f.state = EXCLUDED.state THEN f.changed_at ELSE EXCLUDED.changed_at END
    WHERE f.changed_at <= EXCLUDED.changed_at;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END $$;
COMMENT ON FUNCTION posture.ingest_findings() IS 'step of ingest(): writes the findings that are new or changed';

CREATE FUNCTION posture.ingest_close(complete_source text, arrived timestamptz) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    closed bigint;
    delivered timestamptz;
BEGIN
    SELECT max(b.observed_at) INTO delivered
    FROM pg_temp.posture_batch b JOIN posture.source s USING (source_id)
    WHERE s.key = complete_source;
    IF delivered IS NULL THEN
        RAISE EXCEPTION 'no finding of source "%" in the inbox', complete_source
            USING ERRCODE = 'no_data_found',
                  DETAIL = 'A complete delivery of nothing would close every finding of the source.',
                  HINT = 'Set is_active of the source to false if it has nothing to report any more.';
    END IF;

    -- a row that was rejected was delivered all the same
    UPDATE posture.finding f
    SET state = 'not_applicable', changed_at = delivered
    FROM posture.recommendation r JOIN posture.source s USING (source_id)
    WHERE s.key = complete_source AND r.recommendation_id = f.recommendation_id
      AND f.state <> 'not_applicable' AND f.changed_at <= delivered
      AND NOT EXISTS (
          SELECT
          FROM pg_temp.posture_batch b
          LEFT JOIN posture.recommendation br ON br.source_id = b.source_id AND br.key = b.recommendation
          LEFT JOIN posture.asset_alias bl ON bl.alias = b.asset
          LEFT JOIN posture.asset ba ON ba.key = b.asset
          WHERE coalesce(b.recommendation_id, br.recommendation_id) = f.recommendation_id
            AND coalesce(b.asset_id, bl.asset_id, ba.asset_id) = f.asset_id)
      AND NOT EXISTS (
          SELECT
          FROM posture.rejected j
          LEFT JOIN posture.asset_alias l ON l.alias = j.asset
          LEFT JOIN posture.asset a ON a.key = j.asset
          WHERE j.rejected_at = arrived AND j.source = s.key AND j.recommendation = r.key
            AND coalesce(l.asset_id, a.asset_id) = f.asset_id);
    GET DIAGNOSTICS closed = ROW_COUNT;
    RETURN closed;
END $$;
COMMENT ON FUNCTION posture.ingest_close(text, timestamptz) IS 'step of ingest(): a finding that a complete delivery does not have no longer applies';

CREATE FUNCTION posture.ingest(
    complete_source text DEFAULT NULL, only_source text DEFAULT NULL,
    OUT loaded bigint, OUT changed bigint, OUT unchanged bigint, OUT rejected bigint, OUT closed bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    -- its statements move rows: compiling their few expressions costs more than it gains
    SET jit = off
AS $$
DECLARE
    arrived timestamptz;
    named text;
BEGIN
    FOREACH named IN ARRAY array_remove(ARRAY[complete_source, only_source], NULL) LOOP
        IF NOT EXISTS (SELECT FROM posture.source s WHERE s.key = named) THEN
            RAISE EXCEPTION 'unknown source "%"', named
                USING ERRCODE = 'undefined_object', HINT = 'Add it to posture.source first.';
        END IF;
    END LOOP;

    -- one ingest at a time; COPY into the inbox goes on beside it
    LOCK TABLE posture.inbox IN SHARE UPDATE EXCLUSIVE MODE;
    arrived := clock_timestamp();
    SELECT t.loaded, t.rejected INTO loaded, rejected FROM posture.ingest_take(only_source, arrived) t;
    changed := 0;
    PERFORM posture.progress(format('ingest: %s rows taken, %s rejected', loaded, rejected));
    IF loaded > 0 THEN
        PERFORM posture.ingest_catalog();
        PERFORM posture.progress(format('ingest: writing findings of %s rows', loaded));
        changed := posture.ingest_findings();
    END IF;
    unchanged := loaded - changed;
    closed := 0;
    PERFORM posture.progress(format('ingest: %s findings written', changed));
    IF complete_source IS NOT NULL THEN
        closed := posture.ingest_close(complete_source, arrived);
    END IF;
    DROP TABLE pg_temp.posture_batch;
    PERFORM posture.fold_many();
END $$;
COMMENT ON FUNCTION posture.ingest(text, text) IS 'loads the inbox, only the rows of one source if only_source is given; complete_source closes the findings of that source that are absent. loaded = changed + unchanged';
