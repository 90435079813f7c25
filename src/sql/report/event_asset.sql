/*
 * event_asset: the assets behind the causes of the events.
 */

CREATE TYPE posture_internal.asset_label AS (
    asset_id integer,
    key text,
    name text,
    kind text
);
COMMENT ON TYPE posture_internal.asset_label IS 'an asset with which a node answers';
COMMENT ON COLUMN posture_internal.asset_label.asset_id IS 'id of the asset';
COMMENT ON COLUMN posture_internal.asset_label.key IS 'key of the asset';
COMMENT ON COLUMN posture_internal.asset_label.name IS 'name of the asset';
COMMENT ON COLUMN posture_internal.asset_label.kind IS 'kind of the asset';

CREATE FUNCTION posture_internal.labelled_asset(assets assetset) RETURNS SETOF asset_label
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT a.asset_id, a.key::text, a.name, a.kind
    -- of an array the planner expects few elements, and looks the assets up by their ids
    FROM unnest(assets::integer[]) m(asset_id)
    JOIN asset a USING (asset_id);
    IF has_nodes() AND assets <> '{}' THEN
        PERFORM refuse_owner_on_head('assets of events');
        RETURN QUERY
        SELECT * FROM ask_nodes(NULL::asset_label, format('labelled_asset(%L)', assets));
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.labelled_asset(assetset) IS
    'returns the keys and names of assets, on a head also of those that nodes have';

CREATE VIEW posture.event_asset WITH (security_invoker = true) AS
SELECT c.event_id,
       c.reason,
       r.source,
       r.recommendation,
       r.title,
       a.key AS asset,
       a.name AS asset_name,
       a.kind AS asset_kind
FROM event_cause c
LEFT JOIN labelled_recommendation() r USING (recommendation_id)
CROSS JOIN LATERAL labelled_asset(c.assets) a;
COMMENT ON VIEW posture.event_asset IS
    'each asset behind each cause of a metric''s drop; the causes of an initiative''s drop are '
    'metrics, whose own events have the assets';
COMMENT ON COLUMN posture.event_asset.event_id IS 'id of the event, as in event_report';
COMMENT ON COLUMN posture.event_asset.reason IS
    'reason of the cause, one of change_reason()';
COMMENT ON COLUMN posture.event_asset.source IS
    'key of the recommendation''s source; NULL if recommendation is NULL';
COMMENT ON COLUMN posture.event_asset.recommendation IS
    'key of the recommendation, as source:key if two sources share it; NULL: the cause is not a '
    'single one, or it was deleted';
COMMENT ON COLUMN posture.event_asset.title IS
    'title of the recommendation; NULL if recommendation is NULL';
COMMENT ON COLUMN posture.event_asset.asset IS 'key of the asset';
COMMENT ON COLUMN posture.event_asset.asset_name IS 'name of the asset';
COMMENT ON COLUMN posture.event_asset.asset_kind IS 'kind of the asset: host, user, ...';
