-- Sources that deliver assets alone, and which of them knows an asset.
-- tests: catalog/asset_source, source/inventory, source/inventory_asset
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set ECHO none
SET client_min_messages = warning;

-- assets with the values that they were given; values equal to a default are left out
CREATE VIEW pg_temp.state AS
SELECT a.key::text AS key, nullif(a.kind, 'unknown') AS kind, nullif(a.name, a.key) AS name,
       nullif(a.criticality, 'medium') AS criticality, a.owner, nullif(a.tags, '{}') AS tags,
       a.retired_at IS NOT NULL AS retired, known_by(a.asset_id) AS known_by
FROM asset a ORDER BY a.key COLLATE "C";
-- the assets that a script appends to asset_delta
CREATE FUNCTION pg_temp.captured(script text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM asset_delta;
    EXECUTE script;
    RETURN (SELECT string_agg(a.key, ' ' ORDER BY a.key)
            FROM (SELECT union_agg(d.assets) AS assets FROM asset_delta d) d
            JOIN asset a ON d.assets @> a.asset_id);
END $$;
\set ECHO all

-- new assets are added; a list is an array, lines, or an object
SELECT * FROM load('inventory', '{"assets": [
    {"key": "web1", "kind": "host", "name": "Web 1", "criticality": "high", "owner": "web team",
     "tags": {"env": "prod"}, "aliases": ["srv-1"], "seen_at": "2026-03-01T08:00:00Z"},
    {"key": "db1", "kind": "host", "seen_at": null}, {"key": "db1", "kind": "host"}]}', 'cmdb');
SELECT loaded, changed FROM load('inventory', '{"key": "a"}
{"key": "b"}', 'list');
SELECT * FROM pg_temp.state;
SELECT a.key, x.first_seen, x.last_seen FROM asset_source x JOIN asset a USING (asset_id)
WHERE x.last_seen < now() - interval '1 day';
-- the source has no name of a product, and its latest observation
SELECT key, name, product, last_seen > now() - interval '1 hour' AS is_seen FROM source ORDER BY 1;
-- the same once more changes nothing; fields that are given do, and others stay
SELECT loaded, changed, unchanged FROM load('inventory', '[
    {"key": "web1", "kind": "host", "name": "Web 1", "criticality": "high", "owner": "web team",
     "tags": {"env": "prod"}, "aliases": ["srv-1"], "seen_at": "2026-03-01T08:00:00Z"},
    {"key": "db1", "kind": "host"}]', 'cmdb');
SELECT loaded, changed, unchanged FROM load('inventory', '[
    {"key": "web1", "owner": "shop team", "tags": {"zone": "2"}}, {"key": "db1"}]', 'cmdb');
SELECT * FROM pg_temp.state WHERE key = 'web1';
-- when an asset was seen last is updated once a day; that does not say that it was assessed
UPDATE asset SET last_seen = '2026-01-01 00:00Z' WHERE key = 'web1';
UPDATE asset_source SET last_seen = '2026-03-01 08:00Z' FROM asset a
WHERE a.asset_id = asset_source.asset_id AND a.key = 'web1';
SELECT FROM load('inventory', '{"key": "web1", "seen_at": "2026-03-01T09:00:00Z"}', 'cmdb');
SELECT FROM load('inventory', '{"key": "web1", "seen_at": "2026-02-01T09:00:00Z"}', 'cmdb');
SELECT x.last_seen, a.last_seen FROM asset_source x JOIN asset a USING (asset_id)
WHERE a.key = 'web1';
SELECT FROM load('inventory', '{"key": "web1", "seen_at": "2026-03-02T00:00:00Z"}', 'cmdb');
SELECT x.last_seen, a.last_seen FROM asset_source x JOIN asset a USING (asset_id)
WHERE a.key = 'web1';

-- an asset of two inventories is one: by its key in any spelling, or by an alias
SELECT loaded, changed FROM load('inventory', '[{"key": "WEB1", "kind": "host"},
    {"key": "77", "aliases": ["srv-1", "10.0.0.1"]}, {"key": "78", "aliases": ["db1"]}]', 'agents');
SELECT key, known_by FROM pg_temp.state;
SELECT l.alias, a.key, l.how FROM asset_alias l JOIN asset a USING (asset_id) ORDER BY 1;
-- and of findings: they name the asset by any of its keys
INSERT INTO inbox (source, recommendation, asset, state)
VALUES ('agents', 'patched', '78', 'compliant'), ('agents', 'patched', 'srv-1', 'non_compliant');
SELECT loaded, changed FROM ingest();
SELECT asset, sources, known_by FROM asset_report WHERE findings > 0 ORDER BY 1;
SELECT count(*) FROM asset;

-- an asset that a complete delivery does not have leaves its inventory, and retires if no other
-- one knows it
SELECT * FROM load('inventory', '{"key": "web1"}', 'cmdb', true);
SELECT key, retired, known_by FROM pg_temp.state;
SELECT * FROM load('inventory', '{"key": "web1"}', 'agents', true);
SELECT key, retired, known_by FROM pg_temp.state;
SELECT a.key, l.retired_at = a.retired_at AS same FROM left_inventory l
    JOIN asset a USING (asset_id);
-- it counts again when an inventory has it again, a finding is not enough
INSERT INTO inbox (source, recommendation, asset, state)
VALUES ('agents', 'patched', 'db1', 'non_compliant');
SELECT loaded, changed FROM ingest();
SELECT key, retired FROM pg_temp.state WHERE key = 'db1';
SELECT loaded, changed FROM load('inventory', '{"key": "78"}', 'list');
SELECT key, retired, known_by FROM pg_temp.state WHERE key = 'db1';
SELECT count(*) FROM left_inventory;
-- what a person retired stays retired, also after it left
UPDATE asset SET retired_at = '2026-01-01' WHERE key = 'a';
SELECT FROM load('inventory', '{"key": "a"}', 'list');
SELECT closed FROM load('inventory', '[{"key": "b"}, {"key": "db1"}]', 'list', true);
SELECT FROM load('inventory', '{"key": "a"}', 'list');
SELECT a.key, a.retired_at, known_by(a.asset_id) FROM asset a WHERE a.key = 'a';
SELECT FROM load('inventory', '{"key": "a"}', 'list', true);
UPDATE asset SET retired_at = '2026-01-02' WHERE key = 'b';
SELECT FROM load('inventory', '{"key": "b"}', 'list');
SELECT a.key, a.retired_at, known_by(a.asset_id) FROM asset a WHERE a.key = 'b';
-- one that is to retire later retires now
SELECT FROM load('inventory', '[{"key": "later"}, {"key": "b"}]', 'list');
UPDATE asset SET retired_at = '2999-01-01' WHERE key = 'later';
SELECT closed FROM load('inventory', '[{"key": "b"}]', 'list', true);
SELECT retired_at <= now() FROM asset WHERE key = 'later';

-- a complete delivery of nothing is an error, and so is one without a source or with more pages
\set VERBOSITY default
SELECT load('inventory', '[]', 'cmdb', true);
SELECT load('inventory', '{"key": "web1"}', complete => true);
SELECT load('inventory', '{"assets": [{"key": "web1"}], "nextLink": "https://example.com/2"}',
    'cmdb', true);
SELECT load('inventory', '{"class_uid": 2003}', 'cmdb');
\set VERBOSITY terse

-- what can't be loaded is kept with its reason, and is not gone
SELECT loaded, changed, rejected, closed FROM load('inventory', '[
    {"key": "web1", "criticality": "huge"}, {"key": "web2", "kind": "host"}, {"key": ""},
    {"key": "c", "retired_at": "2026-01-01"}, {"key": "c", "nmae": "C"}, {"name": "no key"}, 7,
    {"key": "c", "seen_at": "soon"}, {"key": "c", "seen_at": "2999-01-01"},
    {"key": "c", "aliases": [1]}, {"key": "c", "tags": []}, {"key": ["c"]},
    {"key": "c", "seen_at": "0001-01-01T00:00:00Z"}]', 'cmdb', true);
SELECT source, asset, reason, details FROM rejected ORDER BY reason COLLATE "C";
SELECT key, retired, known_by FROM pg_temp.state WHERE key LIKE 'web%';
DELETE FROM rejected;

-- rows in asset_inbox are loaded the same way
INSERT INTO asset_inbox (source, asset, kind, name, criticality, owner, tags, seen_at, aliases)
VALUES ('cmdb', 'web1', 'host', 'Web one', 'low', 'web', '{"rack": 7}', now() - interval '1 day',
    '{w1}'),
       ('cmdb', 'web3', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
       ('list', 'w1', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
       ('list', '79', NULL, NULL, NULL, NULL, NULL, NULL, '{web3}');
SELECT what, items FROM (SELECT (s).* FROM status() s) s(what, state, items) WHERE what = 'inbox';
SELECT * FROM ingest_assets(only_source => 'cmdb');
SELECT * FROM ingest_assets();
SELECT * FROM pg_temp.state WHERE key LIKE 'web%';
SELECT count(*) FROM asset_inbox;
INSERT INTO asset_inbox (source, asset, kind, tags, criticality, seen_at, aliases)
VALUES (NULL, 'x', NULL, NULL, NULL, NULL, NULL), ('nowhere', 'x', NULL, NULL, NULL, NULL, NULL),
       ('cmdb', NULL, NULL, NULL, NULL, NULL, NULL), ('cmdb', '', NULL, NULL, NULL, NULL, NULL),
       ('cmdb', 'web1', repeat('x', 1025), NULL, NULL, NULL, NULL),
       ('cmdb', 'web3', NULL, '7', NULL, NULL, NULL), ('cmdb', 'x', NULL, NULL, 'huge', NULL, NULL),
       ('cmdb', 'x', NULL, NULL, NULL, 'infinity', NULL), ('cmdb', 'x', NULL, NULL, NULL,
           '1800-01-01', NULL),
       ('cmdb', 'new', NULL, NULL, NULL, NULL, ARRAY[NULL, '', 'new', repeat('x', 1025)]);
SELECT * FROM ingest_assets('cmdb');
SELECT source, asset, left(reason, 90) AS reason FROM rejected ORDER BY 1, 2, 3;
SELECT key, retired, known_by FROM pg_temp.state WHERE 'cmdb' = ANY (known_by);
DELETE FROM rejected;
INSERT INTO asset_inbox (source, asset) VALUES ('cmdb', 'web1');
SELECT closed, retired FROM ingest_assets('cmdb');
SELECT ingest_assets('cmdb');
SELECT ingest_assets('nowhere');
SELECT * FROM ingest_assets();

-- the sets are told which assets a source knows since, or no longer; times are nothing to them
SELECT pg_temp.captured($$INSERT INTO asset_source SELECT s.source_id, a.asset_id, now(), now()
    FROM source s, asset a WHERE s.key = 'agents' AND a.key IN ('web2', 'web3')$$);
SELECT pg_temp.captured($$UPDATE asset_source SET last_seen = now() + interval '1 day'$$) IS NULL;
SELECT pg_temp.captured($$UPDATE asset_source SET asset_id = (SELECT asset_id FROM asset
    WHERE key = 'later')
    FROM asset a WHERE a.asset_id = asset_source.asset_id AND a.key = 'web3'$$);
SELECT pg_temp.captured($$DELETE FROM asset_source USING asset a
    WHERE a.asset_id = asset_source.asset_id AND a.key IN ('later', 'web2')$$);
DELETE FROM catalog_delta;
CREATE TEMP TABLE kept AS TABLE asset_source;
TRUNCATE asset_source;
SELECT changed FROM catalog_delta;
INSERT INTO asset_source TABLE kept;
DROP TABLE kept;

-- an asset that is merged into another one takes what knows it along
SELECT FROM load('inventory', '[{"key": "old", "seen_at": "2026-01-01T00:00:00Z"},
                                {"key": "new", "seen_at": "2026-02-01T00:00:00Z"}]', 'cmdb');
SELECT FROM load('inventory', '{"key": "old"}', 'agents');
SELECT FROM merge_asset('old', 'new');
SELECT key, retired, known_by FROM pg_temp.state WHERE key IN ('old', 'new');
SELECT s.key, x.first_seen FROM asset_source x JOIN source s USING (source_id)
JOIN asset a USING (asset_id) WHERE a.key = 'new' AND s.key = 'cmdb';

-- export() writes what inventories know, and load() reads it
CREATE TEMP TABLE exported AS SELECT e FROM export() e;
CREATE TEMP TABLE known AS
SELECT s.key::text AS source, a.key::text AS asset, x.first_seen, x.last_seen
FROM asset_source x JOIN source s USING (source_id) JOIN asset a USING (asset_id);
SELECT count(*) = (SELECT count(*) FROM known) FROM export('asset_source');
DELETE FROM asset_source;
SELECT changed > 0 FROM load('posture', (SELECT string_agg(e::text, E'\n') FROM exported));
SELECT count(*) FROM ((TABLE known EXCEPT ALL
    SELECT s.key::text, a.key::text, x.first_seen, x.last_seen
    FROM asset_source x JOIN source s USING (source_id) JOIN asset a USING (asset_id))
    UNION ALL
    (SELECT s.key::text, a.key::text, x.first_seen, x.last_seen
     FROM asset_source x JOIN source s USING (source_id) JOIN asset a USING (asset_id)
     EXCEPT ALL TABLE known)) d;
SELECT loaded, changed, rejected FROM load('posture', '[
    {"type": "asset_source", "source": "cmdb", "asset": "named"}, {"type": "asset_source",
        "asset": "web1"}]');
SELECT key, known_by FROM pg_temp.state WHERE key = 'named';

-- a source that is forgotten takes what it alone knows
SELECT FROM load('inventory', '[{"key": "only"}, {"key": "web1"}]', 'gone');
INSERT INTO asset_inbox (source, asset) VALUES ('gone', 'x');
SELECT assets, rejected FROM forget_source('gone');
SELECT key, known_by FROM pg_temp.state WHERE key IN ('only', 'web1');
SELECT count(*) FROM asset_inbox;

-- any deliveries leave what plain SQL makes of them: of each inventory the assets that a delivery
-- named since the last complete one that did not, and retired what was known and is not
TRUNCATE asset CASCADE;
INSERT INTO source (key, name) SELECT 's' || n, 's' || n FROM generate_series(1, 3) n;
CREATE TEMP TABLE named (n int, source text, asset text, owner text, seen_at timestamptz);
CREATE TEMP TABLE delivered (n int, source text, is_complete boolean, closed bigint, retired int,
                             wrong bigint);
CREATE TEMP VIEW stay AS
SELECT m.source, m.asset, min(m.seen_at) AS first_seen, max(m.seen_at) AS last_seen
FROM named m
WHERE NOT EXISTS (SELECT FROM delivered d
                  WHERE d.source = m.source AND d.is_complete AND d.n > m.n
                    AND NOT EXISTS (SELECT FROM named x WHERE x.n = d.n AND x.asset = m.asset))
GROUP BY m.source, m.asset;
CREATE TEMP VIEW stored AS
SELECT s.key::text AS source, a.key::text AS asset, x.first_seen, x.last_seen
FROM asset_source x JOIN source s USING (source_id) JOIN asset a USING (asset_id);
CREATE TEMP VIEW expected_asset AS
SELECT m.asset,
       (array_agg(m.owner ORDER BY m.n DESC) FILTER (WHERE m.owner IS NOT NULL))[1] AS owner,
       NOT EXISTS (SELECT FROM stay s WHERE s.asset = m.asset) AS is_retired
FROM named m GROUP BY m.asset;
CREATE TEMP VIEW stored_asset AS
SELECT a.key::text, a.owner, a.retired_at IS NOT NULL FROM asset a;
CREATE FUNCTION pg_temp.wrong() RETURNS bigint LANGUAGE sql AS $$
SELECT (SELECT count(*) FROM (TABLE stay EXCEPT ALL TABLE stored) x)
     + (SELECT count(*) FROM (TABLE stored EXCEPT ALL TABLE stay) x)
     + (SELECT count(*) FROM (TABLE expected_asset EXCEPT ALL TABLE stored_asset) x)
     + (SELECT count(*) FROM (TABLE stored_asset EXCEPT ALL TABLE expected_asset) x) $$;
CREATE FUNCTION pg_temp.deliver(i int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    src text := 's' || 1 + floor(random() * 3);
    is_complete boolean := random() < 0.5;
    gone bigint;
BEGIN
    INSERT INTO named
    SELECT DISTINCT ON (x.asset) i, src, x.asset, CASE WHEN random() < 0.3 THEN 'o' || i END,
           timestamptz '2026-01-01 00:00Z' + i * interval '1 hour'
    FROM (SELECT 'a' || floor(random() * 20) AS asset
          FROM generate_series(1, 1 + floor(random() * 8)::int)) x;
    UPDATE named SET seen_at = date_trunc('day', seen_at) WHERE n = i;
    IF random() < 0.5 THEN
        gone := (SELECT closed FROM load('inventory',
                     (SELECT jsonb_agg(jsonb_build_object('key', m.asset, 'owner', m.owner,
                                                          'seen_at', m.seen_at))
                      FROM named m WHERE m.n = i), src, is_complete));
    ELSE
        INSERT INTO asset_inbox (source, asset, owner, seen_at)
        SELECT m.source, m.asset, m.owner, m.seen_at FROM named m WHERE m.n = i;
        gone := (SELECT closed FROM ingest_assets(CASE WHEN is_complete THEN src END));
    END IF;
    INSERT INTO delivered
    VALUES (i, src, is_complete, gone, (SELECT count(retired_at) FROM asset));
    UPDATE delivered SET wrong = pg_temp.wrong() WHERE n = i;
END $$;
SELECT count(pg_temp.deliver(i)) FROM generate_series(1, 120 * :rounds) i;
SELECT sum(wrong) AS wrong, sum(closed) > 100 AS many_left, max(retired) > 1 AS some_retired,
       min(retired) FILTER (WHERE n > 40) < max(retired) AS some_returned
FROM delivered;
-- and the stored sets are those of the tables
SELECT FROM fold();
SELECT count(*) FROM verify();

DROP VIEW stay, expected_asset, stored_asset, stored CASCADE;
DISCARD TEMP;
DROP EXTENSION posture;
