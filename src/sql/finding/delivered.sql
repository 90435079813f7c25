/*
 * The rows of a delivery. They stay in the inbox until ingest() ends. Each is one of
 * three kinds:
 *
 * - confirmed: it says what is stored, as most rows of most deliveries do. ingest() sorts
 *   these out by the stored sets and touches no finding for them.
 * - loaded: the steps of ingest() read it. So is a confirmed row after all, if another row
 *   is about the same finding, or gives the asset another kind or name.
 * - rejected: it cannot be loaded.
 *
 * The functions here belong to the call of ingest() that is in progress.
 */

CREATE FUNCTION posture_internal.delivery_begin(
    arrived_at timestamptz, recommendations integer[], toggled assetset[]) RETURNS void
    AS 'MODULE_PATHNAME', 'posture_delivery_begin' LANGUAGE C;
COMMENT ON FUNCTION posture_internal.delivery_begin(timestamptz, integer[], assetset[]) IS
    'step of ingest(): begins a delivery, with the assets that deltas toggled for each '
    'recommendation; NULL: nothing is confirmed';

CREATE FUNCTION posture_internal.delivery_end() RETURNS void
    AS 'MODULE_PATHNAME', 'posture_delivery_end' LANGUAGE C;
COMMENT ON FUNCTION posture_internal.delivery_end() IS 'step of ingest(): forgets the delivery';

CREATE FUNCTION posture_internal.delivery_time() RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'posture_delivery_time' LANGUAGE C STABLE;
COMMENT ON FUNCTION posture_internal.delivery_time() IS
    'step of ingest(): returns the time until which the rows of the delivery arrived';

CREATE FUNCTION posture_internal.delivery_state(
    OUT loaded bigint, OUT confirmed bigint, OUT rejected bigint, OUT has_unknown boolean,
    OUT has_repeated boolean, OUT has_disputed boolean)
    AS 'MODULE_PATHNAME', 'posture_delivery_state' LANGUAGE C STABLE;
COMMENT ON FUNCTION posture_internal.delivery_state() IS
    'step of ingest(): returns the number of rows of each kind, and whether some name objects '
    'that are not there, are about one finding, or give an asset another kind or name';

CREATE FUNCTION posture_internal.confirms(
    source_id integer, recommendation_id integer, asset text, state text,
    observed_at timestamptz, asset_kind text, asset_name text, id tid) RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_confirms' LANGUAGE C COST 100;
COMMENT ON FUNCTION posture_internal.confirms(
    integer, integer, text, text, timestamptz, text, text, tid) IS
    'step of ingest(): whether a row of the inbox without details says what is stored; keeps it';

CREATE FUNCTION posture_internal.take_row(
    id tid, source_id integer, recommendation_id integer, asset text, observed_at timestamptz,
    is_rejected boolean) RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_take_row' LANGUAGE C COST 100;
COMMENT ON FUNCTION posture_internal.take_row(
    tid, integer, integer, text, timestamptz, boolean) IS
    'step of ingest(): takes a row that is not confirmed; returns is_rejected';

CREATE FUNCTION posture_internal.note_row(
    recommendation_id integer, asset text, observed_at timestamptz, asset_kind text,
    asset_name text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_note_row' LANGUAGE C COST 100;
COMMENT ON FUNCTION posture_internal.note_row(integer, text, timestamptz, text, text) IS
    'step of ingest(): notes a row that is loaded, when all objects are there; true';

CREATE FUNCTION posture_internal.load_confirmed(
    id tid, recommendation_id integer, asset text, observed_at timestamptz, asset_kind text,
    asset_name text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_load_confirmed' LANGUAGE C COST 100;
COMMENT ON FUNCTION posture_internal.load_confirmed(
    tid, integer, text, timestamptz, text, text) IS
    'step of ingest(): whether a confirmed row has to be loaded after all; loads it';

CREATE FUNCTION posture_internal.objects_added() RETURNS void
    AS 'MODULE_PATHNAME', 'posture_objects_added' LANGUAGE C;
COMMENT ON FUNCTION posture_internal.objects_added() IS
    'step of ingest(): has the objects that were not there looked up once more';

CREATE FUNCTION posture_internal.report_finding(recommendation_id integer, asset_id integer)
    RETURNS void
    AS 'MODULE_PATHNAME', 'posture_report_finding' LANGUAGE C STRICT;
COMMENT ON FUNCTION posture_internal.report_finding(integer, integer) IS
    'step of ingest(): notes a finding that the delivery has, although its row is not loaded';

CREATE FUNCTION posture_internal.is_loaded_row(id tid) RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_is_loaded_row' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION posture_internal.is_loaded_row(tid) IS
    'step of ingest(): whether a row of the inbox is loaded';

CREATE FUNCTION posture_internal.is_confirmed_row(id tid) RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_is_confirmed_row' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION posture_internal.is_confirmed_row(tid) IS
    'step of ingest(): whether a row of the inbox is confirmed';

CREATE FUNCTION posture_internal.is_taken_row(id tid) RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_is_taken_row' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION posture_internal.is_taken_row(tid) IS
    'step of ingest(): whether a row of the inbox is of the delivery';

CREATE FUNCTION posture_internal.reads_inbox() RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_reads_inbox' LANGUAGE C STABLE;
COMMENT ON FUNCTION posture_internal.reads_inbox() IS
    'step of ingest(): whether the loaded rows are so many of the inbox that it is read as a whole';

CREATE FUNCTION posture_internal.loaded_rows() RETURNS tid[]
    AS 'MODULE_PATHNAME', 'posture_loaded_rows' LANGUAGE C STABLE;
COMMENT ON FUNCTION posture_internal.loaded_rows() IS
    'step of ingest(): returns the places of the rows that are loaded';

CREATE FUNCTION posture_internal.is_reported(recommendation_id integer, asset_id integer)
    RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_is_reported' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION posture_internal.is_reported(integer, integer) IS
    'step of ingest(): whether the delivery has the finding';

CREATE FUNCTION posture_internal.is_repeated(recommendation_id integer, asset_id integer)
    RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_is_repeated' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION posture_internal.is_repeated(integer, integer) IS
    'step of ingest(): whether several rows are about the finding';

CREATE FUNCTION posture_internal.is_disputed(asset_id integer) RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_is_disputed' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION posture_internal.is_disputed(integer) IS
    'step of ingest(): whether a row gives the asset another kind or name';

CREATE FUNCTION posture_internal.may_be_stored(
    source_id integer, recommendation text, asset text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_may_be_stored' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION posture_internal.may_be_stored(integer, text, text) IS
    'step of ingest(): false if the delivery added the recommendation or the asset';

CREATE FUNCTION posture_internal.delivered_findings()
    RETURNS TABLE (recommendation_id integer, observed_at timestamptz, assets assetset)
    AS 'MODULE_PATHNAME', 'posture_delivered_findings' LANGUAGE C STABLE;
COMMENT ON FUNCTION posture_internal.delivered_findings() IS
    'step of ingest(): returns the assets of the findings of the delivery for each recommendation '
    'and hour, with the earliest observation';

CREATE FUNCTION posture_internal.delivered_source()
    RETURNS TABLE (source_id integer, seen_at timestamptz)
    AS 'MODULE_PATHNAME', 'posture_delivered_source' LANGUAGE C STABLE ROWS 10;
COMMENT ON FUNCTION posture_internal.delivered_source() IS
    'step of ingest(): returns the sources of the delivery, with their latest observation';

CREATE FUNCTION posture_internal.delivered_asset()
    RETURNS TABLE (asset_id integer, seen_at timestamptz)
    AS 'MODULE_PATHNAME', 'posture_delivered_asset' LANGUAGE C STABLE;
COMMENT ON FUNCTION posture_internal.delivered_asset() IS
    'step of ingest(): returns the assets of the delivery that were not seen on that day before, '
    'with their latest observation';

REVOKE EXECUTE ON FUNCTION
    posture_internal.delivery_begin(timestamptz, integer[], assetset[]),
    posture_internal.delivery_end(),
    posture_internal.delivery_time(),
    posture_internal.delivery_state(),
    posture_internal.confirms(integer, integer, text, text, timestamptz, text, text, tid),
    posture_internal.take_row(tid, integer, integer, text, timestamptz, boolean),
    posture_internal.note_row(integer, text, timestamptz, text, text),
    posture_internal.load_confirmed(tid, integer, text, timestamptz, text, text),
    posture_internal.objects_added(),
    posture_internal.report_finding(integer, integer),
    posture_internal.is_loaded_row(tid),
    posture_internal.is_confirmed_row(tid),
    posture_internal.is_taken_row(tid),
    posture_internal.reads_inbox(),
    posture_internal.loaded_rows(),
    posture_internal.is_reported(integer, integer),
    posture_internal.is_repeated(integer, integer),
    posture_internal.is_disputed(integer),
    posture_internal.may_be_stored(integer, text, text),
    posture_internal.delivered_findings(),
    posture_internal.delivered_source(),
    posture_internal.delivered_asset()
    FROM PUBLIC;

CREATE FUNCTION posture_internal.delivered()
    RETURNS TABLE (id tid, source_id integer, recommendation_id integer, asset_id integer,
                   recommendation text, asset text, asset_kind text, asset_name text,
                   state text, observed_at timestamptz, details jsonb)
    LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT i.id, known_source(i.source), known_recommendation(i.source, i.recommendation),
       known_asset(i.asset), i.recommendation, i.asset, i.asset_kind, i.asset_name, i.state,
       least(i.observed_at, delivery_time()), i.details
FROM (SELECT x.ctid AS id, x.*
      FROM inbox x
      WHERE (SELECT reads_inbox()) AND is_loaded_row(x.ctid)
      UNION ALL
      SELECT x.ctid AS id, x.*
      FROM inbox x
      WHERE NOT (SELECT reads_inbox()) AND x.ctid = ANY ((SELECT loaded_rows())::tid[])) i;
END;
COMMENT ON FUNCTION posture_internal.delivered() IS
    'step of ingest(): returns the rows that are loaded; an id is NULL until the object is added';

CREATE FUNCTION posture_internal.begin_delivery(arrived_at timestamptz, confirms boolean)
    RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    -- confirmed rows touch no finding, and TRUNCATE has to wait for them too
    LOCK TABLE finding IN ACCESS SHARE MODE;
    IF confirms THEN
        PERFORM delivery_begin(arrived_at, coalesce(array_agg(t.recommendation_id), '{}'),
                               coalesce(array_agg(t.assessed | t.exposed), '{}'))
        FROM finding_toggle('infinity', NULL) t;
    ELSE
        PERFORM delivery_begin(arrived_at, NULL, NULL);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.begin_delivery(timestamptz, boolean) IS
    'step of ingest(): begins a delivery, whose rows may be confirmed or not';
