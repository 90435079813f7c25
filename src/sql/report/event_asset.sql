/*
 * event_asset: the assets behind the causes of the events.
 */

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
JOIN asset a USING (asset_id);
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
