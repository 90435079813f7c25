/*
 * Confirmations: rows of the inbox that say what is stored, which are most rows of most
 * deliveries. ingest() sorts them out by the stored sets and touches no finding for
 * them. They stay in the inbox until it ends: if another row is about the same finding,
 * or gives the asset another kind or name, they are loaded together after all.
 */

CREATE FUNCTION posture_internal.confirm_begin(
    arrived_at timestamptz, recommendations integer[], toggled assetset[]) RETURNS void
    AS 'MODULE_PATHNAME', 'posture_confirm_begin' LANGUAGE C STRICT;
COMMENT ON FUNCTION posture_internal.confirm_begin(timestamptz, integer[], assetset[]) IS
    'step of ingest(): begins to sort out what is confirmed, with the assets that deltas toggled '
    'for each recommendation';
REVOKE EXECUTE ON FUNCTION posture_internal.confirm_begin(timestamptz, integer[], assetset[])
    FROM PUBLIC;

CREATE FUNCTION posture_internal.confirms(
    source_id integer, recommendation_id integer, asset text, state text,
    observed_at timestamptz, asset_kind text, asset_name text, id tid) RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_confirms' LANGUAGE C COST 100;
COMMENT ON FUNCTION posture_internal.confirms(
    integer, integer, text, text, timestamptz, text, text, tid) IS
    'step of ingest(): whether a row of the inbox without details says what is stored; remembers it';
REVOKE EXECUTE ON FUNCTION posture_internal.confirms(
    integer, integer, text, text, timestamptz, text, text, tid) FROM PUBLIC;

CREATE FUNCTION posture_internal.is_confirmed_row(id tid) RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_is_confirmed_row' LANGUAGE C STRICT;
COMMENT ON FUNCTION posture_internal.is_confirmed_row(tid) IS
    'step of ingest(): whether a row of the inbox was sorted out';
REVOKE EXECUTE ON FUNCTION posture_internal.is_confirmed_row(tid) FROM PUBLIC;

CREATE FUNCTION posture_internal.is_confirmed(recommendation_id integer, asset_id integer)
    RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_is_confirmed' LANGUAGE C STRICT;
COMMENT ON FUNCTION posture_internal.is_confirmed(integer, integer) IS
    'step of ingest(): whether a row about the finding was sorted out';
REVOKE EXECUTE ON FUNCTION posture_internal.is_confirmed(integer, integer) FROM PUBLIC;

CREATE FUNCTION posture_internal.confirmed_source()
    RETURNS TABLE (source_id integer, seen_at timestamptz)
    AS 'MODULE_PATHNAME', 'posture_confirmed_source' LANGUAGE C ROWS 10;
COMMENT ON FUNCTION posture_internal.confirmed_source() IS
    'step of ingest(): returns the sources of the rows that were sorted out, with their latest '
    'observation';
REVOKE EXECUTE ON FUNCTION posture_internal.confirmed_source() FROM PUBLIC;

CREATE FUNCTION posture_internal.confirmed_asset()
    RETURNS TABLE (asset_id integer, seen_at timestamptz)
    AS 'MODULE_PATHNAME', 'posture_confirmed_asset' LANGUAGE C;
COMMENT ON FUNCTION posture_internal.confirmed_asset() IS
    'step of ingest(): returns the assets of the rows that were sorted out, if they were not seen '
    'on that day before, with their latest observation';
REVOKE EXECUTE ON FUNCTION posture_internal.confirmed_asset() FROM PUBLIC;

CREATE FUNCTION posture_internal.confirm_end() RETURNS void
    AS 'MODULE_PATHNAME', 'posture_confirm_end' LANGUAGE C;
COMMENT ON FUNCTION posture_internal.confirm_end() IS
    'step of ingest(): forgets the rows that were sorted out';
REVOKE EXECUTE ON FUNCTION posture_internal.confirm_end() FROM PUBLIC;

CREATE FUNCTION posture_internal.begin_confirming(arrived_at timestamptz) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM confirm_begin(arrived_at, coalesce(array_agg(t.recommendation_id), '{}'),
                          coalesce(array_agg(t.assessed | t.exposed), '{}'))
    FROM finding_toggle('infinity', NULL) t;
END $$;
COMMENT ON FUNCTION posture_internal.begin_confirming(timestamptz) IS
    'step of ingest(): begins to sort out what is confirmed';

-- Of the kinds and names that rows of a delivery give an asset, the last in the alphabet is taken.
CREATE FUNCTION posture_internal.disputed_assets() RETURNS integer[]
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    RETURN ARRAY(SELECT DISTINCT b.asset_id
                 FROM pg_temp.posture_batch b JOIN asset a USING (asset_id)
                 WHERE b.asset_kind <> a.kind OR b.asset_name <> a.name);
END $$;
COMMENT ON FUNCTION posture_internal.disputed_assets() IS
    'step of ingest(): returns the assets of the batch to which it gives another kind or name';

CREATE FUNCTION posture_internal.finding_number(recommendation_id integer, asset_id integer)
    RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN recommendation_id::bigint << 32 | asset_id;
COMMENT ON FUNCTION posture_internal.finding_number(integer, integer) IS
    'returns a number that stands for a finding';

CREATE FUNCTION posture_internal.repeated_findings() RETURNS bigint[]
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN ARRAY(SELECT DISTINCT finding_number(o.recommendation_id, o.asset_id)
                 FROM (SELECT coalesce(b.recommendation_id,
                                       known_recommendation(b.source_id, b.recommendation))
                                  AS recommendation_id,
                              coalesce(b.asset_id, known_asset(b.asset)) AS asset_id
                       FROM pg_temp.posture_batch b
                       OFFSET 0) o
                 WHERE is_confirmed(o.recommendation_id, o.asset_id));
END $$;
COMMENT ON FUNCTION posture_internal.repeated_findings() IS
    'step of ingest(): returns the findings of the batch that a row which was sorted out confirms';

CREATE FUNCTION posture_internal.delivered_source()
    RETURNS TABLE (source_id integer, seen_at timestamptz)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT d.source_id, max(d.seen_at)
    FROM (SELECT b.source_id, b.observed_at AS seen_at FROM pg_temp.posture_batch b
          UNION ALL
          SELECT c.source_id, c.seen_at FROM confirmed_source() c) d
    GROUP BY d.source_id;
END $$;
COMMENT ON FUNCTION posture_internal.delivered_source() IS
    'step of ingest(): returns the sources of a delivery, with their latest observation';

CREATE FUNCTION posture_internal.forget_confirmed() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    -- assets are looked up by an index, one by one, however many there are
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    confirmed bigint := 0;
BEGIN
    IF EXISTS (SELECT FROM confirmed_source()) THEN
        UPDATE asset a
        SET last_seen = c.seen_at
        -- in one order, so that two deliveries cannot deadlock
        FROM (SELECT x.asset_id, x.seen_at FROM confirmed_asset() x ORDER BY x.asset_id) c
        WHERE a.asset_id = c.asset_id AND day_of(a.last_seen) < day_of(c.seen_at);
        DELETE FROM inbox i WHERE is_confirmed_row(i.ctid);
        GET DIAGNOSTICS confirmed = ROW_COUNT;
    END IF;
    PERFORM confirm_end();
    RETURN confirmed;
END $$;
COMMENT ON FUNCTION posture_internal.forget_confirmed() IS
    'step of ingest(): deletes the rows that were sorted out, and updates when their assets were '
    'last seen; returns the number of rows';
