/*
 * Asset groups: assets selected by their attributes.
 */

CREATE TABLE posture.asset_group (
    asset_group_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key object_key NOT NULL UNIQUE,
    name text NOT NULL,
    owner name,
    kinds text[],
    min_criticality text
        CONSTRAINT "min_criticality is low, medium, high or critical"
        CHECK (min_criticality IN ('low', 'medium', 'high', 'critical')),
    tags jsonb CONSTRAINT "tags are a JSON object" CHECK (jsonb_typeof(tags) = 'object'),
    rule jsonb CONSTRAINT "rule is a JSON object" CHECK (jsonb_typeof(rule) = 'object')
);
COMMENT ON TABLE posture.asset_group IS
    'groups of assets; an asset is in a group if it matches kinds, min_criticality, tags and rule';
COMMENT ON COLUMN posture.asset_group.asset_group_id IS 'internal id';
COMMENT ON COLUMN posture.asset_group.key IS 'key of the group in functions and views';
COMMENT ON COLUMN posture.asset_group.name IS 'display name';
COMMENT ON COLUMN posture.asset_group.owner IS 'role responsible for the group';
COMMENT ON COLUMN posture.asset_group.kinds IS 'kinds of assets in the group; NULL: all kinds';
COMMENT ON COLUMN posture.asset_group.min_criticality IS
    'minimum criticality of assets in the group; NULL: any';
COMMENT ON COLUMN posture.asset_group.tags IS
    'tags that an asset in the group must have; NULL: none';
COMMENT ON COLUMN posture.asset_group.rule IS
    'attributes, keys and sources of assets in the group, such as {"owner": "web", "not": '
    '{"kind": "printer"}}; NULL: any';
