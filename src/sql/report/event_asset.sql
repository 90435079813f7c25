/*
 * event_asset: the assets behind the causes of the events.
 */

CREATE TYPE posture_internal.asset_label AS (
    asset_id integer,
    asset text,
    name text,
    kind text
);
COMMENT ON TYPE posture_internal.asset_label IS 'an asset as reports show it';
COMMENT ON COLUMN posture_internal.asset_label.asset_id IS 'id of the asset';
COMMENT ON COLUMN posture_internal.asset_label.asset IS 'key of the asset';
COMMENT ON COLUMN posture_internal.asset_label.name IS 'name of the asset';
COMMENT ON COLUMN posture_internal.asset_label.kind IS 'kind of the asset';

-- of an array the planner expects few elements, and looks the assets up by their ids
CREATE FUNCTION posture_internal.labelled_asset(assets assetset) RETURNS SETOF asset_label
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT a.asset_id, a.key::text, a.name, a.kind
    FROM unnest(assets::integer[]) m(asset_id)
    JOIN asset a USING (asset_id);
END;
COMMENT ON FUNCTION posture_internal.labelled_asset(assetset) IS
    'returns those of the assets that this database has';

CREATE FUNCTION posture_internal.asset_of_nodes(assets assetset) RETURNS SETOF asset_label
    LANGUAGE sql STABLE PARALLEL SAFE
    SET jit = off
BEGIN ATOMIC
    SELECT n.* FROM ask_nodes(NULL::asset_label, format('labelled_asset(%L)', assets)) n
    WHERE assets <> '{}';
END;
COMMENT ON FUNCTION posture_internal.asset_of_nodes(assetset) IS
    'returns those of the assets that the nodes of a head have';

CREATE VIEW posture.event_asset WITH (security_invoker = true) AS
SELECT c.event_id,
       c.reason,
       r.source,
       r.recommendation,
       r.title,
       a.key::text AS asset,
       a.name AS asset_name,
       a.kind AS asset_kind
FROM event_cause c
LEFT JOIN labelled_recommendation() r USING (recommendation_id)
-- of an array the planner expects few elements, and looks the assets up by their ids
CROSS JOIN LATERAL unnest(c.assets::integer[]) m(asset_id)
JOIN asset a USING (asset_id)
UNION ALL
SELECT c.event_id, c.reason, r.source, r.recommendation, r.title, a.asset, a.name, a.kind
FROM event_cause c
LEFT JOIN labelled_recommendation() r USING (recommendation_id)
CROSS JOIN LATERAL asset_of_nodes(c.assets) a
WHERE planned_has_nodes();
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
