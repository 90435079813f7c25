-- What statements append, what readers see of it, and what fold() makes of it.
-- tests: store/fold, store/verify, store/rebuild, store/finding_history, store/asset_set
-- tests: store/finding_set, store/capture_delta, store/object_count_table, score/counted
-- tests: score/staleness, capture_finding.c, capture_asset.c, capture_trigger.c
-- tests: store/finding_set_table, store/asset_set_table, store/delta_table, store/fold_slice
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/noon.sql

\set ECHO none
INSERT INTO source (key, name) VALUES ('s', 'Source'), ('t', 'Other');
INSERT INTO recommendation (source_id, key, title)
VALUES (1, 'r1', 'R1'), (1, 'r2', 'R2'), (2, 'r3', 'R3');
INSERT INTO metric (key, name, asset_kinds) VALUES ('m1', 'M1', NULL), ('m2', 'M2', '{host}');
INSERT INTO metric_recommendation VALUES (1, 1), (1, 2), (2, 2), (2, 3);
INSERT INTO initiative (key, name) VALUES ('i1', 'I1');
INSERT INTO initiative_metric VALUES (1, 1), (1, 2);
INSERT INTO asset (key, name, kind, criticality)
SELECT 'a' || n, 'a', CASE WHEN n % 3 = 0 THEN 'user' ELSE 'host' END,
       CASE WHEN n % 4 = 0 THEN 'critical' ELSE 'low' END
FROM generate_series(1, 9) n;
-- where chunks and slices begin and end
INSERT INTO asset (asset_id, key, name, kind) OVERRIDING SYSTEM VALUE
SELECT n, 'a' || n, 'a', 'host' FROM unnest(ARRAY[0, 65535, 65536, 1048575, 1048576, 2147483647]) n;

CREATE TEMP VIEW delta AS
SELECT today() - d.day AS ago, d.slice, d.changes, r.key AS recommendation, e.assessed, e.exposed,
       today() - day_of(e.last_changed) AS changed
FROM finding_delta d
CROSS JOIN LATERAL unnest(d.recommendations, d.assessed, d.exposed,
                          d.last_changed) e(recommendation_id, assessed, exposed, last_changed)
JOIN recommendation r USING (recommendation_id)
ORDER BY d.delta_id, r.key;
-- no row when what is kept is what is in the tables
CREATE TEMP VIEW error AS
SELECT 'verify' AS error, v::text AS row FROM verify() v
UNION ALL
SELECT 'kept', x::text FROM (SELECT * FROM current_state('infinity') EXCEPT ALL SELECT *
        FROM current_state('infinity', false)) x
UNION ALL
SELECT 'recomputed', x::text FROM (SELECT * FROM current_state('infinity', false) EXCEPT ALL SELECT *
        FROM current_state('infinity')) x
UNION ALL
SELECT 'sets', x::text
FROM (SELECT * FROM counted_state('infinity', NULL, '{}', NULL, true)
      EXCEPT ALL SELECT * FROM counted_state('infinity', NULL, NULL, NULL, false)) x
UNION ALL
SELECT 'members', m.key || ': ' || (metric_assets(m.key) # p.assets)::text
FROM metric m
CROSS JOIN LATERAL (SELECT coalesce(assetset_agg(f.asset_id), '{}') AS assets
                    FROM metric_recommendation mr JOIN recommendation r USING (recommendation_id)
                    JOIN source s USING (source_id)
                    JOIN finding f USING (recommendation_id) JOIN asset a USING (asset_id)
                    WHERE mr.metric_id = m.metric_id AND f.state = 'non_compliant' AND s.is_active
                      AND (m.asset_kinds IS NULL OR a.kind = ANY (m.asset_kinds))
                      AND NOT coalesce(a.retired_at <= now(), false)
                      AND NOT coalesce(a.last_seen < (now() AT TIME ZONE 'UTC' - s.stale_after) AT TIME ZONE 'UTC',
                                       false)
                      AND NOT EXISTS (SELECT FROM exemption e
                                      JOIN asset_group g USING (asset_group_id)
                                      WHERE e.recommendation_id = f.recommendation_id
                                        AND a.tags @> g.tags)) p
WHERE metric_assets(m.key) <> p.assets;
-- quick: by the tally and a look at what was touched
CREATE TEMP VIEW quick AS SELECT object_count_is_current() AS quick;
\set ECHO all
\set show 'TABLE delta; TABLE error; SELECT deltas, changes, sets FROM fold(); TABLE error;'
SELECT slices, deltas, changes FROM fold();

-- inserts: a row, many, none, one that does not apply
\set ECHO none
INSERT INTO finding VALUES (1, 1, 'non_compliant');
INSERT INTO finding VALUES (1, 2, 'compliant'), (1, 3, 'non_compliant'), (2, 3, 'not_applicable'),
                           (3, 3, 'compliant');
INSERT INTO finding SELECT 1, 4, 'compliant' WHERE false;
INSERT INTO finding VALUES (2, 4, 'not_applicable');
\set ECHO all
:show
-- updates: of nothing, of no row, of no state, of state
UPDATE finding SET state = state;
UPDATE finding SET state = 'compliant' WHERE asset_id = 77;
UPDATE finding SET details = '{"a": 1}', changed_at = now();
TABLE delta;
UPDATE finding SET state = 'non_compliant' WHERE asset_id = 3;
UPDATE finding SET state = 'not_applicable' WHERE recommendation_id = 3;
:show
-- of the key: the pair that was goes today, and the pair that is comes today
UPDATE finding SET recommendation_id = 2, changed_at = now() - interval '2 days' WHERE asset_id = 1;
UPDATE finding SET asset_id = 5, state = 'non_compliant'
WHERE (recommendation_id, asset_id) = (1, 2);
UPDATE finding SET asset_id = 6 WHERE (recommendation_id, asset_id) = (2, 4);
:show
-- rows that pass their keys on within a statement
INSERT INTO finding VALUES (3, 1, 'non_compliant'), (3, 2, 'compliant'), (3, 4, 'not_applicable');
ALTER TABLE finding DROP CONSTRAINT finding_pkey,
    ADD CONSTRAINT finding_pkey PRIMARY KEY (recommendation_id, asset_id) DEFERRABLE;
SELECT deltas, changes, sets FROM fold();
UPDATE finding SET asset_id = 3 - asset_id WHERE recommendation_id = 3 AND asset_id < 3;
UPDATE finding SET asset_id = CASE asset_id WHEN 1 THEN 2 WHEN 2 THEN 4 ELSE 1 END
WHERE recommendation_id = 3 AND asset_id IN (1, 2, 4);
:show
ALTER TABLE finding DROP CONSTRAINT finding_pkey,
    ADD CONSTRAINT finding_pkey PRIMARY KEY (recommendation_id, asset_id);
-- deletes
DELETE FROM finding WHERE state = 'not_applicable';
DELETE FROM finding WHERE recommendation_id = 3;
DELETE FROM finding WHERE recommendation_id = 3;
:show

-- COPY
COPY finding (recommendation_id, asset_id, state) FROM STDIN;
2	7	non_compliant
3	7	compliant
3	8	non_compliant
\.
COPY finding (recommendation_id, asset_id, state) FROM STDIN;
\.
:show
-- MERGE: an update, an insert, a delete
MERGE INTO finding f USING (VALUES (2, 7, 'compliant'), (3, 7, NULL), (3, 9, 'non_compliant'),
                                   (3, 8, 'non_compliant')) v(r, a, s)
ON f.recommendation_id = v.r AND f.asset_id = v.a
WHEN MATCHED AND v.s IS NULL THEN DELETE
WHEN MATCHED THEN UPDATE SET state = v.s::finding_state
WHEN NOT MATCHED THEN INSERT (recommendation_id, asset_id, state)
VALUES (v.r, v.a, v.s::finding_state);
:show
-- ON CONFLICT
INSERT INTO finding VALUES (3, 9, 'compliant'), (3, 7, 'compliant') ON CONFLICT DO NOTHING;
INSERT INTO finding VALUES (3, 9, 'compliant'), (3, 1, 'compliant'), (3, 8, 'compliant')
ON CONFLICT (recommendation_id, asset_id) DO UPDATE SET state = EXCLUDED.state
WHERE finding.asset_id <> 8;
:show
-- several writes of one statement, on other rows and on one row
WITH d AS (DELETE FROM finding WHERE recommendation_id = 3 RETURNING *),
     u AS (UPDATE finding SET state = 'compliant' WHERE recommendation_id = 1 AND state = 'non_compliant' RETURNING *),
     i AS (INSERT INTO finding VALUES (1, 9, 'non_compliant'), (2, 9, 'non_compliant'))
INSERT INTO finding SELECT 2, asset_id + 65534, 'compliant' FROM d WHERE asset_id < 3;
WITH i AS (INSERT INTO finding VALUES (3, 2, 'non_compliant') RETURNING asset_id)
UPDATE finding f SET state = 'non_compliant' FROM i
WHERE f.recommendation_id = 2 AND f.asset_id = 9 - i.asset_id;
:show

-- a transaction reads its own, and takes all or a part of it back
BEGIN;
UPDATE finding SET state = 'non_compliant' WHERE recommendation_id = 1;
TABLE error;
UPDATE finding SET state = 'compliant' WHERE recommendation_id = 1 AND asset_id < 5;
SAVEPOINT s;
DELETE FROM finding WHERE recommendation_id = 1;
TABLE error;
ROLLBACK TO s;
UPDATE finding SET state = 'not_applicable' WHERE recommendation_id = 1 AND asset_id < 4;
SAVEPOINT t;
UPDATE finding SET state = 'compliant' WHERE recommendation_id = 1 AND asset_id < 4;
RELEASE t;
DO $$
BEGIN
    DELETE FROM posture.finding;
    RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
    UPDATE posture.finding SET state = 'non_compliant' WHERE recommendation_id = 1 AND asset_id = 3;
END $$;
TABLE error;
COMMIT;
:show
BEGIN;
DELETE FROM finding;
SELECT deltas, changes, sets FROM fold();
TABLE error;
ROLLBACK;
TABLE delta;
TABLE error;

-- days: of several in one statement, of none that is still to come
\set ECHO none
UPDATE finding SET state = CASE state WHEN 'compliant' THEN 'non_compliant'
                                      ELSE 'compliant' END::finding_state,
                   changed_at = now() + (5 - asset_id) * interval '1 day'
WHERE asset_id BETWEEN 1 AND 9;
INSERT INTO finding VALUES
    (3, 6, 'compliant', day_end(today() - 3)), (3, 7, 'compliant', day_end(today() - 3) - interval '1 microsecond');
\set ECHO all
:show
-- the first moment that there is, and the last
INSERT INTO finding VALUES (3, 4, 'compliant', '1900-01-01 00:00+00'),
                           (3, 5, 'compliant', '9999-12-31 23:59:59.999999+00');
SELECT d.day = day_of(d.last_changed[1]) AS first, d.day = today() AS today, d.assessed
FROM finding_delta d ORDER BY d.delta_id;
TABLE error;
SELECT deltas, changes, sets FROM fold();
DELETE FROM finding WHERE recommendation_id = 3;
SELECT ago, assessed, exposed FROM delta;
TABLE error;
SELECT deltas, changes, sets FROM fold();

-- chunks and slices
INSERT INTO finding
SELECT 3, asset_id, CASE WHEN asset_id % 2 = 1 THEN 'non_compliant'
                         ELSE 'compliant' END::finding_state
FROM asset WHERE asset_id IN (0, 65535, 65536, 1048575, 1048576, 2147483647);
:show
SELECT recommendation_id, chunk, assessed, exposed FROM finding_set ORDER BY 1, 2;
SELECT slice, object_kind, object_id, assessed, exposed, failing, critical FROM object_count
ORDER BY 1, 2, 3;
UPDATE finding SET state = 'not_applicable' WHERE recommendation_id = 3 AND asset_id >= 1048575;
:show
SELECT recommendation_id, chunk, assessed, exposed FROM finding_set ORDER BY 1, 2;

-- TRUNCATE, of what is folded and what is not
INSERT INTO finding VALUES (3, 7, 'compliant'), (2, 2147483647, 'non_compliant');
DELETE FROM finding WHERE recommendation_id = 1 AND asset_id > 4;
SELECT deltas, changes, sets FROM fold();
INSERT INTO finding VALUES (1, 8, 'compliant'), (2, 1048576, 'non_compliant');
UPDATE finding SET state = 'compliant' WHERE recommendation_id = 2;
BEGIN;
TRUNCATE finding;
TABLE error;
INSERT INTO finding VALUES (1, 1, 'compliant');
TABLE error;
ROLLBACK;
TABLE error;
SELECT deltas, changes, sets FROM fold();
INSERT INTO finding VALUES (1, 7, 'compliant');
TRUNCATE finding;
TRUNCATE finding;
:show
SELECT count(*) FROM finding_set;
-- of assets, with findings, exemptions and ids
INSERT INTO finding VALUES (1, 1, 'non_compliant'), (2, 2, 'compliant'),
                           (3, 1048576, 'non_compliant');
SELECT deltas, changes, sets FROM fold();
UPDATE finding SET state = 'compliant';
SET client_min_messages = warning;
TRUNCATE asset RESTART IDENTITY CASCADE;
RESET client_min_messages;
TABLE error;
-- ids begin anew: whoever has one now is of another kind
\set ECHO none
INSERT INTO asset (key, name, kind, criticality)
SELECT 'b' || n, 'b', CASE WHEN n % 3 = 0 THEN 'host' ELSE 'user' END,
       CASE WHEN n % 4 = 0 THEN 'low' ELSE 'critical' END
FROM generate_series(1, 9) n;
INSERT INTO finding
SELECT r, a, CASE WHEN (r + a) % 3 = 0 THEN 'compliant' ELSE 'non_compliant' END::finding_state
FROM generate_series(1, 3) r, generate_series(1, 8) a;
\set ECHO all
TABLE error;
SELECT slices, deltas, changes, sets FROM fold();
TABLE error;
SELECT attribute, value, chunk, assets FROM asset_set ORDER BY 1, 2, 3;

-- Assets. What may count otherwise is noted, what is only told anew is not.
CREATE TEMP VIEW asset_noted AS SELECT slice, changes, assets FROM asset_delta ORDER BY delta_id;
UPDATE asset SET name = 'c', owner = owner, key = key, kind = kind, tags = tags, last_seen = now(),
    first_seen = now();
TABLE asset_noted;
UPDATE asset SET kind = CASE kind WHEN 'host' THEN 'user' ELSE 'host' END WHERE asset_id < 4;
UPDATE asset SET kind = 'bucket' WHERE asset_id = 5;
UPDATE asset SET criticality = 'critical' WHERE asset_id IN (4, 6);
TABLE asset_noted;
TABLE quick;
:show
UPDATE asset SET retired_at = now() - interval '1 day' WHERE asset_id IN (1, 2);
UPDATE asset SET retired_at = now() + interval '1 day' WHERE asset_id IN (3, 4);
TABLE asset_noted;
TABLE quick;
:show
TABLE quick;
UPDATE asset SET retired_at = NULL WHERE asset_id IN (2, 3);
UPDATE asset SET retired_at = now() WHERE asset_id = 7;
TABLE quick;
:show
-- when its time comes, an asset retires by itself
UPDATE asset SET retired_at = clock_timestamp() + interval '1 s' WHERE asset_id = 8;
SELECT deltas FROM fold();
TABLE error;
SELECT pg_sleep(1.1);
TABLE quick;
TABLE error;
SELECT slices, deltas FROM fold();
TABLE quick;
TABLE error;
-- new, gone, another id
\set ECHO none
INSERT INTO asset (asset_id, key, name, kind, criticality) OVERRIDING SYSTEM VALUE
VALUES (10, 'a10', 'a', 'host', 'critical'), (1048577, 'far', 'a', 'host', 'low');
INSERT INTO finding VALUES (2, 10, 'non_compliant'), (2, 1048577, 'non_compliant');
DELETE FROM asset WHERE asset_id = 9;
\set ECHO all
TABLE asset_noted;
TABLE quick;
:show
DELETE FROM finding WHERE asset_id = 10;
ALTER TABLE asset ALTER asset_id SET GENERATED BY DEFAULT;
UPDATE asset SET asset_id = 9 WHERE asset_id = 10;
INSERT INTO finding VALUES (3, 9, 'non_compliant');
TABLE asset_noted;
TABLE quick;
:show
-- groups: who was touched may have come to one that is exempt
INSERT INTO asset_group (key, name, tags) VALUES ('g', 'G', '{"env": "test"}');
INSERT INTO exemption (recommendation_id, asset_group_id, kind, reason)
VALUES (1, 1, 'mitigated', 'test'), (2, 1, 'waived', 'test');
TABLE quick;
:show
UPDATE asset SET tags = '{"env": "test", "a": 1}' WHERE asset_id IN (2, 3, 1048577);
TABLE asset_noted;
TABLE quick;
:show
TABLE quick;
UPDATE finding SET state = 'non_compliant' WHERE asset_id = 3;
TABLE quick;
UPDATE asset SET tags = '{"a": 1}' WHERE asset_id = 2;
:show
UPDATE asset_group SET tags = '{"a": 1}';
TABLE quick;
:show
DELETE FROM exemption;
-- stale: not seen lately, seen again
UPDATE source SET stale_after = '10 days';
:show
UPDATE asset SET last_seen = now() - interval '8 days' WHERE asset_id IN (2, 3);
TABLE asset_noted;
UPDATE asset SET last_seen = now() - interval '11 days' WHERE asset_id IN (3, 4);
TABLE asset_noted;
TABLE quick;
:show
SELECT assets FROM asset_set WHERE attribute = 'inactive';
UPDATE asset SET last_seen = now() WHERE asset_id IN (3, 5);
TABLE asset_noted;
TABLE quick;
:show
-- becomes stale by itself
UPDATE asset SET last_seen = now() - interval '10 days' + interval '0.5 s' WHERE asset_id = 6;
SELECT deltas FROM fold();
SELECT pg_sleep(0.6);
TABLE quick;
TABLE error;
SELECT deltas FROM fold();
TABLE error;
SELECT assets FROM asset_set WHERE attribute = 'inactive';
-- a year is less than 361 days, and goes further back
\set ECHO none
UPDATE source SET stale_after = CASE key WHEN 's' THEN interval '1 year'
                                         ELSE interval '361 days' END;
DELETE FROM finding WHERE asset_id = 6 AND recommendation_id < 3;
INSERT INTO finding VALUES (3, 6, 'non_compliant') ON CONFLICT DO NOTHING;
UPDATE asset SET last_seen = now() - interval '362 days 12 hours' WHERE asset_id = 6;
\set ECHO all
:show
UPDATE asset SET last_seen = now() WHERE asset_id = 6;
TABLE asset_noted;
:show
-- sessions of other time zones agree, with a change of the clock in between
UPDATE source SET stale_after = '183 days';
UPDATE asset SET last_seen = now() - interval '183 days' + n * interval '30 minutes'
FROM unnest(ARRAY[-1, 1]) WITH ORDINALITY v(n, rank) WHERE asset_id = 3 + rank;
SELECT FROM fold();
SET timezone = 'Pacific/Auckland';
TABLE error;
SET timezone = 'America/Los_Angeles';
TABLE error;
SET timezone = 'UTC';
UPDATE source SET stale_after = '10 days';
:show
UPDATE source SET is_active = false WHERE key = 't';
:show
UPDATE source SET stale_after = NULL, is_active = true;
:show

-- verify() says where what is kept is wrong, rebuild() mends it
INSERT INTO asset (asset_id, key, name) OVERRIDING SYSTEM VALUE
SELECT 65530 + n, 'e' || n, 'e' FROM generate_series(1, 9) n;
INSERT INTO finding
SELECT 1, asset_id, 'non_compliant' FROM asset WHERE asset_id BETWEEN 65531 AND 65539;
SELECT deltas FROM fold();
SELECT sets, repaired, slices FROM rebuild();
\set ECHO none
UPDATE finding_set SET assessed = assessed - '{65537}', exposed = exposed - '{65537-65538}'
WHERE (recommendation_id, chunk) = (1, 1);
UPDATE finding_set SET exposed = exposed | '{77}', assessed = assessed | '{77,78}'
WHERE (recommendation_id, chunk) = (2, 0);
DELETE FROM finding_set WHERE (recommendation_id, chunk) = (3, 0);
INSERT INTO finding_set VALUES (77, 3, '{196608}', '{196608}');
\set ECHO all
SELECT part, recommendation, chunk, difference FROM verify() WHERE part = 'finding_set';
-- also where something is not folded yet
UPDATE finding SET state = 'compliant' WHERE asset_id = 65537;
SELECT part, recommendation, chunk, difference FROM verify() WHERE part = 'finding_set';
SELECT sets, repaired, slices FROM rebuild();
TABLE error;
SELECT sets, repaired, slices FROM rebuild();
\set ECHO none
UPDATE asset_set SET assets = assets - '{2}' WHERE (attribute, value, chunk) = ('kind', 'host', 0);
UPDATE asset_set SET assets = assets | '{77}' WHERE (attribute, value, chunk) = ('criticality', 'critical', 0);
DELETE FROM asset_set WHERE (attribute, value, chunk) = ('kind', 'unknown', 1);
\set ECHO all
SELECT part, recommendation, chunk, difference FROM verify() WHERE part = 'asset_set';
SELECT repaired FROM rebuild();
TABLE error;
\set ECHO none
UPDATE object_count SET exposed = exposed + 1
WHERE (slice, object_kind, object_id) IN ((0, 'recommendation', 3), (0, 'metric', 2));
UPDATE object_count SET critical = critical + 1
WHERE (slice, object_kind, object_id) = (0, 'initiative', 1);
UPDATE object_count SET failing = 0
WHERE (slice, object_kind, object_id) = (0, 'recommendation', 1);
DELETE FROM object_count WHERE (slice, object_kind, object_id) = (1, 'recommendation', 2);
\set ECHO all
SELECT part, recommendation, chunk, difference FROM verify();
SELECT repaired FROM rebuild();
TABLE error;
UPDATE asset_set SET assets = assets - '{1}' WHERE attribute = 'inactive';
-- only whom somebody touches is looked at
UPDATE finding SET state = 'compliant' WHERE asset_id = 1;
SELECT part, recommendation, chunk, difference FROM verify();
SELECT repaired FROM rebuild();
TABLE error;
TRUNCATE finding_set, finding_delta, asset_set, asset_delta, catalog_delta, object_count,
    counted_slice;
SELECT count(*) > 0 AS wrong FROM verify();
SELECT sets, repaired, slices FROM rebuild();
TABLE error;

-- many at once, in any order
\set ECHO none
INSERT INTO asset (asset_id, key, name, kind) OVERRIDING SYSTEM VALUE
SELECT 100000 + n, 'n' || n, 'n', 'host' FROM generate_series(1, 40000) n;
-- the plans of foreign keys, made when there were few, are made anew
ANALYZE asset;
INSERT INTO finding
SELECT r, 100000 + (n * 7919) % 40000 + 1,
       (ARRAY['compliant', 'non_compliant', 'not_applicable'])[1 + (n + r) % 3]::finding_state,
       now() - r * interval '1 day'
FROM generate_series(1, 40000) n, generate_series(1, 3) r;
\set ECHO all
SELECT ago, slice, changes, recommendation, cardinality(assessed) AS assessed,
       cardinality(exposed) AS exposed FROM delta;
TABLE quick;
TABLE error;
UPDATE finding SET state = 'compliant' WHERE asset_id > 100000 AND asset_id % 5 = 0;
DELETE FROM finding WHERE asset_id > 100000 AND asset_id % 7 = 0;
TABLE error;
SELECT changes, sets FROM fold();
TABLE error;
TABLE quick;

-- What changes nothing that is counted is not noted, also by statements that
-- change no row; what does is, once a statement.
\set ECHO none
UPDATE recommendation SET title = 'other', is_active = is_active;
UPDATE source SET name = 'other';
UPDATE metric SET name = 'other', asset_kinds = asset_kinds;
UPDATE initiative SET name = 'other', is_pinned = true;
UPDATE initiative_metric SET weight = 3;
UPDATE asset_group SET owner = 'other';
UPDATE exemption SET reason = 'other';
UPDATE metric SET is_active = false WHERE false;
DELETE FROM metric_recommendation WHERE false;
DELETE FROM exemption WHERE false;
INSERT INTO metric_recommendation SELECT * FROM metric_recommendation ON CONFLICT DO NOTHING;
INSERT INTO initiative_metric SELECT * FROM initiative_metric ON CONFLICT DO NOTHING;
\set ECHO all
SELECT changed FROM catalog_delta;
TABLE quick;
\set ECHO none
INSERT INTO metric (key, name) VALUES ('noted', 'N');
INSERT INTO metric_recommendation
SELECT metric_id, r FROM metric, generate_series(1, 2) r WHERE key = 'noted';
UPDATE metric SET asset_kinds = '{host}' WHERE key = 'noted';
UPDATE metric SET criticality_weights = '{0,0,0,1}' WHERE key = 'noted';
UPDATE source SET stale_after = '400 days' WHERE source_id = 1;
DELETE FROM metric WHERE key = 'noted';
\set ECHO all
SELECT changed, count(*) FROM catalog_delta GROUP BY changed ORDER BY 1;
TABLE quick;
TABLE error;
SELECT fold() IS NOT NULL AS folded;
TABLE quick;
TABLE error;

-- A table of deltas that somebody changed: a column is left empty, an index is
-- refused, since it would not know of what is appended. And what is no id.
\set ECHO none
ALTER TABLE finding_delta ADD COLUMN note text;
ALTER TABLE asset_delta ADD COLUMN note text, ADD COLUMN dropped int;
ALTER TABLE asset_delta DROP COLUMN dropped;
UPDATE finding SET state = 'non_compliant' WHERE asset_id = 100001;
UPDATE asset SET criticality = 'critical' WHERE asset_id = 100001;
\set ECHO all
SELECT changes, note FROM finding_delta UNION ALL SELECT changes, note FROM asset_delta;
TABLE error;
ALTER TABLE finding_delta DROP COLUMN note, ADD PRIMARY KEY (delta_id);
UPDATE finding SET state = 'compliant' WHERE asset_id = 100001;
ALTER TABLE finding_delta DROP CONSTRAINT finding_delta_pkey;
UPDATE finding SET state = 'compliant' WHERE asset_id = 100001;
TABLE error;
SET session_replication_role = replica;
INSERT INTO finding VALUES (2, -1, 'non_compliant');
RESET session_replication_role;
TABLE error;

DISCARD TEMP;
DROP EXTENSION posture;
