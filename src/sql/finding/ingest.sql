/*
 * ingest(): loads the inbox in a few steps, each of which processes all rows at
 * once. Rows that arrive in the inbox after take_rows() wait for the next call. All
 * steps are one transaction, so no row is lost after an error or a crash. None makes a
 * temporary table, except for extents, so that the transaction can be prepared.
 */

CREATE FUNCTION posture_internal.add_objects() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    -- assets are looked up by an index, one by one, however many there are
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    INSERT INTO recommendation (source_id, key, title)
    SELECT DISTINCT b.source_id, b.recommendation, b.recommendation
    FROM delivered() b
    WHERE b.recommendation_id IS NULL
    -- A conflict of ids, which users may have set, is an error.
    ON CONFLICT (source_id, key) DO NOTHING;

    -- Two deliveries may bring one asset in two spellings.
    IF EXISTS (SELECT FROM delivered() b WHERE b.asset_id IS NULL) THEN
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
        FROM delivered() b
        WHERE b.asset_id IS NULL
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
          FROM delivered() b
          WHERE b.asset_id IS NULL
          GROUP BY b.asset) v
    WHERE NOT EXISTS (SELECT FROM asset a WHERE a.key = v.key)
    ON CONFLICT (alias) DO NOTHING;
    PERFORM objects_added();
END $$;
COMMENT ON FUNCTION posture_internal.add_objects() IS
    'step of ingest(): adds the recommendations and assets of a delivery that are new';

-- Of the kinds and names that rows of a delivery give an asset, the last in the alphabet is taken.
CREATE FUNCTION posture_internal.update_disputed() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    -- as in add_objects()
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    sources text[] := delivery_sources();
    curates boolean := has_level(caller(), 'curator');
BEGIN
    UPDATE asset a
    SET kind = coalesce(o.kind, a.kind), name = coalesce(o.name, a.name), last_seen = o.at
    FROM (SELECT b.asset_id, max(b.asset_kind COLLATE "C") AS kind,
                 max(b.asset_name COLLATE "C") AS name, max(b.observed_at) AS at
          FROM delivered() b
          WHERE is_disputed(b.asset_id)
          GROUP BY b.asset_id
          -- in one order, so that two deliveries cannot deadlock
          ORDER BY b.asset_id) o
    WHERE o.asset_id = a.asset_id AND o.at >= a.last_seen
      AND (o.kind <> a.kind OR o.name <> a.name)
      AND (sources IS NULL OR may_update_asset(a.asset_id, sources, curates));
END $$;
COMMENT ON FUNCTION posture_internal.update_disputed() IS
    'step of ingest(): updates the assets to which a delivery gives another kind or name';

CREATE FUNCTION posture_internal.update_seen() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    -- as in add_objects()
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    UPDATE asset a
    SET last_seen = d.seen_at
    -- in one order, so that two deliveries cannot deadlock
    FROM (SELECT x.asset_id, x.seen_at FROM delivered_asset() x ORDER BY x.asset_id) d
    WHERE a.asset_id = d.asset_id AND day_of(a.last_seen) < day_of(d.seen_at);
END $$;
COMMENT ON FUNCTION posture_internal.update_seen() IS
    'step of ingest(): updates when the assets of a delivery were last seen';

-- Only the head of a node adds to the catalog.
CREATE FUNCTION posture_internal.unknown_recommendation(source text, key text) RETURNS text
    LANGUAGE sql STABLE
    RETURN CASE WHEN known_recommendation(source, key) IS NULL
                THEN format('recommendation "%s" of source "%s" does not exist, and this is node '
                            '"%s": load it on the head, which adds it', left(key, 100),
                            left(source, 100), (SELECT p.node FROM place p)) END;
COMMENT ON FUNCTION posture_internal.unknown_recommendation(text, text) IS
    'error text for a row of the inbox of a node whose recommendation its head does not have; NULL '
    'if it does';

CREATE FUNCTION posture_internal.report_left(only_sources text[]) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    assets text[] := ARRAY(SELECT e FROM assets_elsewhere(only_sources) e ORDER BY e);
BEGIN
    IF assets <> '{}' THEN
        RAISE NOTICE 'rows of the inbox about % assets that this node does not have are left, such '
            'as of "%"', cardinality(assets), left(assets[1], 100)
            USING HINT = 'SELECT * FROM posture.ingest(); on the head takes them over.';
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.report_left(text[]) IS
    'step of ingest() on a node: gives notice of rows that wait for the head';

CREATE FUNCTION posture_internal.take_rows(only_sources text[], arrived_at timestamptz)
    RETURNS void
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
    of_node boolean := is_node();
    shares boolean := shares_assets();
    rejected bigint;
    first_reason text;
BEGIN
    WITH refused AS (
        INSERT INTO rejected
        SELECT r.source, r.recommendation, r.asset, r.state, r.observed_at, r.asset_kind,
               r.asset_name, r.details, r.reason, arrived_at
        FROM (SELECT i.*, i.ctid AS id,
                     coalesce(inbox_error(i, sources, arrived_at),
                              CASE WHEN of_node
                              THEN unknown_recommendation(i.source, i.recommendation) END) AS reason
              FROM inbox i
              WHERE (only_sources IS NULL OR i.source = ANY (only_sources))
                AND NOT (shares AND NOT is_sent(i.xmin)
                         AND i.asset IN (SELECT assets_elsewhere(only_sources)))
                AND NOT (i.details IS NULL AND i.source = ANY (sources)
                         AND coalesce(i.observed_at BETWEEN '1900-01-01 00:00Z' AND arrived_at,
                                      true)
                         AND confirms(known_source(i.source),
                                      known_recommendation(i.source, i.recommendation),
                                      i.asset, i.state, i.observed_at, i.asset_kind,
                                      i.asset_name, i.ctid))
              OFFSET 0) r
        WHERE take_row(r.id, known_source(r.source),
                       known_recommendation(r.source, r.recommendation), r.asset,
                       least(r.observed_at, arrived_at), r.reason IS NOT NULL)
        ORDER BY r.id
        RETURNING reason
    )
    SELECT count(*), (array_agg(r.reason))[1] INTO rejected, first_reason FROM refused r;
    PERFORM report_rejected(rejected, first_reason);
    IF shares THEN
        PERFORM report_left(only_sources);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.take_rows(text[], timestamptz) IS
    'step of ingest(): takes the rows of the inbox, or those of some sources: sorts out those that '
    'confirm what is stored, and rejects those that cannot be loaded';

CREATE FUNCTION posture_internal.note_rows(has_confirmed boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM count(*) FROM delivered() b
    WHERE note_row(b.recommendation_id, b.asset, b.observed_at, b.asset_kind, b.asset_name);
    IF has_confirmed AND (SELECT s.has_repeated OR s.has_disputed FROM delivery_state() s) THEN
        PERFORM count(*) FROM inbox i
        WHERE is_confirmed_row(i.ctid)
          AND load_confirmed(i.ctid, known_recommendation(i.source, i.recommendation), i.asset,
                             least(i.observed_at, delivery_time()), i.asset_kind, i.asset_name);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.note_rows(boolean) IS
    'step of ingest(): finds out which findings of a delivery have several rows, and what is '
    'disputed; these rows are loaded together, also where they confirm what is stored';

CREATE FUNCTION posture_internal.is_being_written(xmax xid) RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_is_being_written' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.is_being_written(xid) IS
    'whether the transaction in the system column xmax of a row had not ended when the statement '
    'began, so that the row may change';

CREATE FUNCTION posture_internal.lock_repeated() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    -- as in write_findings()
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    PERFORM FROM (SELECT DISTINCT b.recommendation_id, b.asset_id
                  FROM delivered() b
                  WHERE is_repeated(b.recommendation_id, b.asset_id)
                  ORDER BY b.recommendation_id, b.asset_id) k
    CROSS JOIN LATERAL (SELECT
                        FROM finding f
                        WHERE f.recommendation_id = k.recommendation_id AND f.asset_id = k.asset_id
                        OFFSET 0
                        FOR UPDATE) f;
END $$;
COMMENT ON FUNCTION posture_internal.lock_repeated() IS
    'step of ingest(): locks the findings that have several observations, in order';

-- Several observations of a finding have the effect that they would have one after the
-- other. The one that is written last has step 0, and those that are not written have no
-- step. Of each day, the last two changes of a state are written: history keeps the state
-- at the end of a day, and the second one is dated by its difference from the first.
CREATE FUNCTION posture_internal.ingest_steps()
    RETURNS TABLE (step integer, ids tid[], details_ids tid[])
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    -- as in write_findings()
    SET enable_seqscan = off
AS $$
BEGIN
    IF NOT (SELECT s.has_repeated FROM delivery_state() s) THEN
        RETURN;
    END IF;
    PERFORM lock_repeated();
    RETURN QUERY
    WITH observed AS (
        SELECT b.id, b.recommendation_id, b.asset_id, b.state, b.observed_at,
               CASE WHEN b.details IS NOT NULL THEN b.id END AS details_id,
               f.state::text AS old_state
        FROM delivered() b
        LEFT JOIN LATERAL (SELECT x.state, x.changed_at
                           FROM finding x
                           WHERE x.recommendation_id = b.recommendation_id
                             AND x.asset_id = b.asset_id
                           OFFSET 0) f ON true
        WHERE is_repeated(b.recommendation_id, b.asset_id)
          AND coalesce(b.observed_at >= f.changed_at, true)
          AND NOT is_observed_since(b.recommendation_id, b.asset_id, b.observed_at)
    ), change AS (
        SELECT o.*, o.state IS DISTINCT FROM lag(o.state, 1, o.old_state) OVER w AS is_change,
               -- no later row has other details
               first_value(o.details_id) OVER (
                   PARTITION BY o.recommendation_id, o.asset_id
                   ORDER BY (o.details_id IS NULL), o.observed_at DESC, o.id DESC)
                   AS latest_details_id
        FROM observed o
        WINDOW w AS (PARTITION BY o.recommendation_id, o.asset_id ORDER BY o.observed_at, o.id)
    ), ranked AS (
        SELECT c.*, row_number() OVER (PARTITION BY c.recommendation_id, c.asset_id
                                       ORDER BY c.is_change DESC, c.observed_at DESC,
                                                c.id DESC) AS rank,
               row_number() OVER (PARTITION BY c.recommendation_id, c.asset_id,
                                               day_of(c.observed_at), c.is_change
                                  ORDER BY c.observed_at DESC, c.id DESC) AS rank_of_day
        FROM change c
    ), chosen AS (
        SELECT r.*, (row_number() OVER (PARTITION BY r.recommendation_id, r.asset_id
                                        ORDER BY r.rank))::integer - 1 AS step
        FROM ranked r
        WHERE r.rank = 1 OR (r.is_change AND r.rank_of_day <= 2)
    )
    SELECT c.step, array_agg(c.id),
           array_agg(CASE c.step WHEN 0 THEN c.latest_details_id ELSE c.details_id END)
    FROM chosen c
    GROUP BY c.step
    ORDER BY c.step DESC;
END $$;
COMMENT ON FUNCTION posture_internal.ingest_steps() IS
    'step of ingest(): puts several observations of a finding in their order; returns those to '
    'write in each step, with the rows that have their details';

-- Stored findings are looked up by the key one by one, in its order. A delivery of much of the
-- table reads it instead, which costs about as much as the delivery itself.
CREATE FUNCTION posture_internal.write_findings(
    ids tid[], details_ids tid[], has_extents boolean, is_large boolean) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    changed bigint;
BEGIN
    PERFORM set_config(s, 'on', true)
    FROM unnest('{enable_seqscan, enable_hashjoin, enable_mergejoin}'::text[]) s
    WHERE is_large;
    -- Rows are written in the order of the key, so that two writers cannot deadlock, and that
    -- neighbours in the index are written one after the other. EXECUTE plans for the tables as
    -- they are now. Of what the delivery adds, nothing is stored: the key is NULL.
    EXECUTE format($query$
        INSERT INTO finding AS f (recommendation_id, asset_id, state, changed_at, details,
                                  extent_id)
        SELECT n.recommendation_id, n.asset_id, n.state, n.observed_at, n.details, %3$s
        FROM (%1$s %2$s OFFSET 0) n
        LEFT JOIN finding o ON o.recommendation_id = n.recommendation_id
                           AND o.asset_id = n.stored_id
        %4$s
        WHERE o.state IS NULL
           OR (o.changed_at <= n.observed_at
               AND (o.state <> n.state
                    OR o.details IS DISTINCT FROM coalesce(n.details, o.details)
                    OR o.extent_id IS DISTINCT FROM coalesce(%3$s, o.extent_id)))
           -- another session may be writing an older observation: wait for it, and compare then
           OR is_being_written(o.xmax)
        ORDER BY n.recommendation_id, n.asset_id
        ON CONFLICT (recommendation_id, asset_id) DO UPDATE
        SET state = EXCLUDED.state, details = coalesce(EXCLUDED.details, f.details),
            changed_at = CASE WHEN f.state = EXCLUDED.state THEN f.changed_at
                              ELSE EXCLUDED.changed_at END,
            extent_id = coalesce(EXCLUDED.extent_id, f.extent_id)
        WHERE f.changed_at <= EXCLUDED.changed_at
          AND NOT is_observed_since(f.recommendation_id, f.asset_id, EXCLUDED.changed_at)
          AND (f.state <> EXCLUDED.state
               OR f.details IS DISTINCT FROM coalesce(EXCLUDED.details, f.details)
               OR f.extent_id IS DISTINCT FROM coalesce(EXCLUDED.extent_id, f.extent_id))
        $query$,
        CASE WHEN ids IS NULL
             THEN 'SELECT b.recommendation_id, b.asset_id,
                          CASE WHEN may_be_stored(b.source_id, b.recommendation, b.asset)
                               THEN b.asset_id END AS stored_id,
                          b.state::finding_state AS state, b.observed_at, b.details
                   FROM delivered() b
                   WHERE NOT is_repeated(b.recommendation_id, b.asset_id)'
             ELSE 'SELECT known_recommendation(i.source, i.recommendation) AS recommendation_id,
                          known_asset(i.asset) AS asset_id, known_asset(i.asset) AS stored_id,
                          i.state::finding_state AS state,
                          least(i.observed_at, delivery_time()) AS observed_at, d.details
                   FROM unnest($1, $2) c(id, details_id)
                   JOIN inbox i ON i.ctid = c.id
                   LEFT JOIN inbox d ON d.ctid = c.details_id' END,
        CASE WHEN is_large THEN '' ELSE 'ORDER BY 1, 2' END,
        CASE WHEN has_extents THEN 'x.extent_id' ELSE 'NULL::integer' END,
        CASE WHEN has_extents
             THEN 'LEFT JOIN posture_extent x ON x.recommendation_id = n.recommendation_id
                                                     AND x.asset_id = n.asset_id
                                                     AND x.extent_id IS NOT NULL'
             ELSE '' END)
    USING ids, details_ids;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END $$;
COMMENT ON FUNCTION posture_internal.write_findings(tid[], tid[], boolean, boolean) IS
    'step of ingest(): writes the new and changed findings of rows with details from others, or of '
    'all rows that are not repeated; returns their number';

CREATE FUNCTION posture_internal.ingest_findings(loaded bigint, has_extents boolean)
    RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    -- a row of finding takes some 70 bytes
    is_large boolean := pg_relation_size('finding') < 300 * loaded;
    of_step record;
    changed bigint := 0;
BEGIN
    FOR of_step IN SELECT s.* FROM ingest_steps() s LOOP
        -- each of these findings that changed is written in the last step
        changed := write_findings(of_step.ids, of_step.details_ids, has_extents, false);
    END LOOP;
    RETURN changed + write_findings(NULL, NULL, has_extents, is_large);
END $$;
COMMENT ON FUNCTION posture_internal.ingest_findings(bigint, boolean) IS
    'step of ingest(): writes the new and changed findings of a delivery; returns their number';

CREATE FUNCTION posture_internal.require_delivered(complete_source text, of_extent text)
    RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    -- that nothing is left of a part of a source is a result
    IF complete_source IS NOT NULL AND of_extent IS NULL
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
COMMENT ON FUNCTION posture_internal.require_delivered(text, text) IS
    'step of ingest(): raises an error if a complete delivery has no finding of its source';

CREATE FUNCTION posture_internal.ingest_sources(
    complete_source text, only_sources text[], of_extent text, of_document boolean,
    arrived_at timestamptz DEFAULT NULL, complete_at timestamptz DEFAULT NULL,
    OUT loaded bigint, OUT changed bigint, OUT unchanged bigint, OUT rejected bigint,
    OUT closed bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
DECLARE
    has_extents boolean := of_extent IS NOT NULL OR states_extents(of_document);
    taken record;
    is_routed boolean := NOT of_document AND has_nodes();
    on_nodes node_delivery;
BEGIN
    PERFORM lock_delivery(only_sources);
    arrived_at := coalesce(arrived_at, clock_timestamp());
    IF is_routed THEN
        complete_at := route_inbox(complete_source, only_sources, arrived_at);
    END IF;
    -- the stored sets don't have the extents of findings
    PERFORM begin_delivery(arrived_at, NOT has_extents);
    PERFORM take_rows(only_sources, arrived_at);
    SELECT s.* INTO taken FROM delivery_state() s;
    loaded := taken.loaded + taken.confirmed;
    rejected := taken.rejected;
    PERFORM progress(format('ingest: %s rows taken, %s rejected', loaded, rejected));
    IF complete_at IS NULL THEN
        PERFORM require_delivered(complete_source, of_extent);
    END IF;
    IF taken.has_unknown THEN
        PERFORM add_objects();
    END IF;
    -- after new recommendations, so that the locks are in the order of lock_rules()
    PERFORM update_last_seen(array_agg(d.source_id), array_agg(d.seen_at))
    FROM delivered_source() d;
    IF taken.loaded > 0 THEN
        PERFORM note_rows(taken.confirmed > 0);
        SELECT s.* INTO taken FROM delivery_state() s;
    END IF;
    IF taken.has_disputed THEN
        PERFORM update_disputed();
    END IF;
    PERFORM update_seen();
    IF has_extents THEN
        PERFORM ingest_extent(complete_source, of_extent, of_document, complete_at);
    END IF;
    changed := 0;
    IF taken.loaded > 0 THEN
        PERFORM progress(format('ingest: writing findings of %s rows', taken.loaded));
        changed := ingest_findings(taken.loaded, has_extents);
        PERFORM progress(format('ingest: %s findings written', changed));
    END IF;
    PERFORM keep_confirmations();
    closed := CASE WHEN NOT has_extents AND complete_source IS NOT NULL
                   THEN close_source(complete_source, of_document, complete_at)
                   WHEN has_extents THEN ingest_close()
                   ELSE 0 END;
    DELETE FROM inbox i WHERE is_taken_row(i.ctid);
    PERFORM delivery_end();
    PERFORM fold_if_many();
    IF is_routed THEN
        on_nodes := ingest_on_nodes(complete_source, of_extent, complete_at, arrived_at);
        loaded := loaded + on_nodes.loaded;
        changed := changed + on_nodes.changed;
        rejected := rejected + on_nodes.rejected;
        closed := closed + on_nodes.closed;
    END IF;
    unchanged := loaded - changed;
END $$;
COMMENT ON FUNCTION posture_internal.ingest_sources(
    text, text[], text, boolean, timestamptz, timestamptz) IS
    'step of ingest() and load(): loads the rows of the inbox, or those of some sources; they are '
    'of an extent, or of those that the items of load() state; arrived_at: when load() took the '
    'lock; complete_at: latest observation of a complete delivery of which this database, a head '
    'or a node, has a part';

CREATE FUNCTION posture_internal.ingest(
    complete_source text, only_source text, extent text,
    OUT loaded bigint, OUT changed bigint, OUT unchanged bigint, OUT rejected bigint,
    OUT closed bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM require_level('loader');
    PERFORM require_deliveries(ARRAY[complete_source, only_source]);
    IF extent IS NOT NULL AND key_error('extent', extent) IS NOT NULL THEN
        RAISE EXCEPTION '%', key_error('extent', extent)
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
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
