-- Metrics that weight assets by their criticality, worked out by hand.
-- tests: store/asset_set, store/fold, score/membership
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/noon.sql

\set ECHO none
INSERT INTO source (key, name) VALUES ('s', 'Source');
INSERT INTO recommendation (source_id, key, title, max_points)
VALUES (1, 'r1', 'R1', 10), (1, 'r2', 'R2', NULL), (1, 'points', 'P', NULL);
INSERT INTO asset (key, name, kind, criticality) VALUES
    ('low1', 'a', 'host', 'low'), ('low2', 'a', 'user', 'low'), ('medium', 'a', 'host', 'medium'),
    ('high', 'a', 'user', 'high'), ('critical', 'a', 'host', 'critical');
INSERT INTO metric (key, name, asset_kinds, criticality_weights) VALUES
    ('plain', 'Plain', NULL, NULL), ('once', 'Once', NULL, '{1,1,1,1}'),
    ('weighed', 'Weighed', NULL, '{1,1,2,5}'),
    ('critical', 'Critical alone', NULL, '{0,0,0,1}'), ('middle', 'Middle', NULL, '{0,3,7,0}'),
    ('hosts', 'Hosts', '{host}', '{2,0,0,1000}'),
    ('none', 'None', '{user}', '{0,0,0,4}');
INSERT INTO metric_recommendation SELECT m, r FROM generate_series(1, 7) m, generate_series(1, 2) r;
INSERT INTO initiative (key, name, method)
VALUES ('w', 'A', 'weighted'), ('p', 'B', 'population'), ('c', 'C', 'weighted'),
       ('o', 'D', 'points');
INSERT INTO initiative_metric VALUES (1, 1, 1), (1, 2, 1), (1, 3, 1), (1, 4, 1), (1, 5, 1),
                                     (1, 6, 1), (1, 7, 1), (2, 1, 1), (2, 3, 2), (2, 4, 10),
                                     (3, 4, 1), (4, 7, 1);
-- r1 fails on low1 and critical, r2 on critical again
INSERT INTO finding (recommendation_id, asset_id, state, changed_at)
SELECT 1, n, CASE WHEN n IN (1, 5) THEN 'non_compliant' ELSE 'compliant' END::finding_state,
       day_end(today() - 4) + interval '1 hour' FROM generate_series(1, 5) n
UNION ALL
SELECT 2, n, CASE n WHEN 5 THEN 'non_compliant' WHEN 2 THEN 'not_applicable'
                    ELSE 'compliant' END::finding_state, day_end(today() - 4) + interval '1 hour'
FROM generate_series(2, 5) n;

CREATE TEMP VIEW quick AS SELECT object_count_is_current() AS quick;
CREATE TEMP VIEW shown AS
SELECT metric, state, score, exposed_assets AS exposed, assessed_assets AS assessed,
       critical_assets AS critical, metric_assets(metric)::text AS assets
FROM metric_report WHERE initiative = 'w' ORDER BY metric;
CREATE TEMP VIEW scores AS SELECT initiative, score, exposed_assets, critical_assets FROM overview
ORDER BY initiative;
-- no row when what is kept is what is in the tables, and reports agree
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
SELECT 'scenario', i.key || ': ' || coalesce(what_if(i.key, '{}')::text, 'NULL') FROM initiative_result(NULL) r
JOIN initiative i USING (initiative_id)
WHERE what_if(i.key, '{}') IS DISTINCT FROM r.score;
\set ECHO all

-- weighed: 1 + 1 + 1 + 2 + 5 = 10 assessed, 1 + 5 = 6 exposed, 40; middle: 3 + 7 = 10, 100;
-- hosts: 2 + 0 + 1000, of which low1 and critical, 0;
-- p: (1 x 3 + 2 x 4 + 10 x 0) / (1 x 5 + 2 x 10 + 10 x 1)
TABLE shown;
TABLE scores;
TABLE error;
SELECT deltas, changes FROM fold();
TABLE shown;
TABLE scores;
TABLE error;
SELECT object_kind, object_id, assessed, exposed, critical FROM object_count ORDER BY 1, 2;

-- what the metrics show must be the same before the sets are folded and after
\set ECHO none
CREATE PROCEDURE pg_temp.step() LANGUAGE plpgsql AS $$
DECLARE
    before text[] := ARRAY(SELECT s::text FROM shown s) || ARRAY(SELECT s::text FROM scores s);
    wrong text[] := ARRAY(SELECT f::text FROM error f);
BEGIN
    PERFORM fold();
    wrong := wrong || ARRAY(SELECT f::text FROM error f);
    IF wrong <> '{}' OR before <> ARRAY(SELECT s::text FROM shown s)
        || ARRAY(SELECT s::text FROM scores s) THEN
        RAISE WARNING 'differs: % %', before, wrong;
    END IF;
END $$;

-- the critical asset becomes low: 6 assessed, 2 exposed; critical has nothing to measure
UPDATE asset SET criticality = 'low' WHERE key = 'critical';
\set ECHO all
TABLE quick;
TABLE shown;
TABLE scores;
CALL pg_temp.step();
-- and the medium one critical: it complies
UPDATE asset SET criticality = 'critical' WHERE key = 'medium';
TABLE quick;
SELECT * FROM shown WHERE metric IN ('weighed', 'critical', 'middle', 'hosts');
CALL pg_temp.step();
-- several times in one transaction, with findings, a part of it taken back
BEGIN;
UPDATE asset SET criticality = 'high' WHERE key IN ('critical', 'medium');
UPDATE finding SET state = 'non_compliant' WHERE asset_id = 3;
SELECT * FROM shown WHERE metric = 'weighed';
TABLE error;
SAVEPOINT s;
UPDATE asset SET criticality = 'critical' WHERE criticality = 'high';
UPDATE finding SET state = 'compliant' WHERE asset_id = 5;
SELECT * FROM shown WHERE metric = 'weighed';
TABLE error;
ROLLBACK TO s;
UPDATE asset SET criticality = CASE key WHEN 'critical' THEN 'critical' ELSE 'medium' END
WHERE key IN ('critical', 'medium');
TABLE error;
SELECT * FROM shown WHERE metric = 'weighed';
COMMIT;
TABLE quick;
CALL pg_temp.step();
UPDATE finding SET state = 'compliant' WHERE asset_id = 3;
CALL pg_temp.step();
TABLE shown;

-- an asset that is new, one of another kind, one that retires, one that goes
\set ECHO none
INSERT INTO asset (asset_id, key, name, kind, criticality) OVERRIDING SYSTEM VALUE
VALUES (1048576, 'far', 'a', 'host', 'critical'), (6, 'new', 'a', 'host', 'high');
INSERT INTO finding VALUES (1, 1048576, 'non_compliant'), (2, 6, 'non_compliant');
UPDATE asset SET kind = 'user', criticality = 'high' WHERE key = 'low1';
\set ECHO all
TABLE quick;
TABLE shown;
CALL pg_temp.step();
UPDATE asset SET retired_at = now() WHERE key = 'critical';
DELETE FROM finding WHERE asset_id = 6;
ALTER TABLE asset ALTER asset_id SET GENERATED BY DEFAULT;
UPDATE asset SET asset_id = 7 WHERE key = 'new';
TABLE quick;
SELECT * FROM shown WHERE metric IN ('weighed', 'hosts');
CALL pg_temp.step();
UPDATE asset SET retired_at = NULL, criticality = 'critical' WHERE key = 'critical';
UPDATE asset SET kind = 'host', criticality = 'low' WHERE key = 'low1';
DELETE FROM finding WHERE asset_id = 1048576;
TABLE quick;
CALL pg_temp.step();
DELETE FROM asset WHERE key IN ('far', 'new');
CALL pg_temp.step();
TABLE shown;

-- the weights: felt at once, also what was pending; a name is not felt
UPDATE metric SET name = key WHERE key <> 'w';
TABLE quick;
UPDATE asset SET criticality = 'medium' WHERE key = 'low1';
UPDATE metric SET criticality_weights = '{1,2,3,4}' WHERE key IN ('weighed', 'plain');
TABLE quick;
SELECT * FROM shown WHERE metric IN ('weighed', 'plain');
CALL pg_temp.step();
TABLE quick;
UPDATE metric SET criticality_weights = NULL WHERE key = 'plain';
UPDATE metric SET criticality_weights = '{1,1,2,5}' WHERE key = 'weighed';
UPDATE asset SET criticality = 'low' WHERE key = 'low1';
CALL pg_temp.step();
SELECT * FROM shown WHERE metric IN ('weighed', 'plain');

-- exemptions: of one asset, of what is critical
\set ECHO none
INSERT INTO asset_group (key, name, min_criticality, kinds)
VALUES ('much', 'M', 'high', NULL), ('users', 'U', NULL, '{user}');
INSERT INTO exemption (recommendation_id, asset_id, kind, reason)
VALUES (1, 1, 'mitigated', 'test');
INSERT INTO exemption (recommendation_id, asset_group_id, kind, reason)
VALUES (1, 1, 'waived', 'test'), (2, 1, 'waived', 'test');
\set ECHO all
SELECT * FROM shown WHERE metric IN ('weighed', 'critical');
CALL pg_temp.step();
UPDATE asset SET criticality = 'medium' WHERE key = 'critical';
TABLE quick;
SELECT * FROM shown WHERE metric IN ('weighed', 'critical');
CALL pg_temp.step();
UPDATE asset SET criticality = 'critical' WHERE key = 'critical';
DELETE FROM exemption;
CALL pg_temp.step();

-- points have no criticality: 6 + 3 of 10 + 8
INSERT INTO metric_recommendation VALUES (3, 3);
INSERT INTO measure VALUES (3, 5, 8, now());
SELECT * FROM shown WHERE metric = 'weighed';
CALL pg_temp.step();
DELETE FROM measure;
CALL pg_temp.step();

-- r1 remediated, what is critical still fails r2: plain and once have 1 of 5 exposed, weighed
-- 5 of 10, critical 1 of 1, middle 0 of 10, hosts 1000 of 1002; by the assets from high on:
-- plain 1 of 2, weighed 5 of 7, critical 1 of 1
SELECT what_if('w', 'r1'), what_if('p', '{r1}'), what_if('p', '{r1,r2}'), what_if('c', ARRAY['r1']),
       what_if('o', '{r1}');
SELECT score_of('p', 'much'), score_of('c', 'much'), score_of('c', 'users'), score_of('o', 'much');

-- days: in force are the weights and criticalities of now, also in a late snapshot; what became
-- exposed today is not in it
SELECT metrics, initiatives FROM take_snapshot(today() - 3);
\set ECHO none
UPDATE finding SET state = 'non_compliant', changed_at = day_end(today() - 3) + interval '1 hour'
WHERE (recommendation_id, asset_id) = (1, 4);
UPDATE finding SET state = 'non_compliant', changed_at = now()
WHERE (recommendation_id, asset_id) = (1, 3);
\set ECHO all
SELECT * FROM shown WHERE metric IN ('weighed', 'middle');
UPDATE asset SET criticality = 'critical' WHERE key = 'low2';
SELECT metrics, initiatives FROM take_snapshot(today() - 2);
SELECT today() - day AS ago, key, score, exposed, assessed FROM metric_snapshot ORDER BY 1 DESC, 2;
SELECT today() - day AS ago, key, score FROM initiative_snapshot ORDER BY 1 DESC, 2;
SELECT object, previous_score, score, drop, cause FROM event_report WHERE drop > 0
ORDER BY kind, object;
SELECT metric_assets('weighed', today() - 3), metric_assets('critical', today() - 3),
       metric_assets('middle', today() - 3), metric_assets('middle', today() - 2), metric_assets('middle');
CALL pg_temp.step();

-- the greatest numbers: a slice of assets that weigh 1000 each fits its tally
SELECT weighted_count('{0-1048575}', '{1000,1000,1000,1000}',
                      ARRAY['{0-9}', NULL, '{10-99}', '{100-1048575}']::assetset[]) AS slice,
       weighted_count('{0-2147483647}', '{0,0,0,1000}', ARRAY[NULL, NULL, NULL, '{0-2147483647}']::assetset[]) AS all,
       weighted_count(NULL, '{1,1,1,1}', ARRAY['{1}', '{2}', '{3}', '{4}']::assetset[]) AS none,
       weighted_count('{1-9}', NULL, NULL) AS plain;

-- what is kept wrong is told, also of an asset that was touched since, and mended
UPDATE asset_set SET assets = assets | '{5}' WHERE (attribute, value, chunk) = ('criticality', 'low', 0);
UPDATE asset_set SET assets = assets | '{5}' WHERE (attribute, value, chunk) = ('kind', 'user', 0);
SELECT part, difference FROM verify();
UPDATE asset SET criticality = 'medium' WHERE key = 'critical';
SELECT part, difference FROM verify();
UPDATE asset SET criticality = 'critical' WHERE key = 'critical';
SELECT repaired FROM rebuild();
TABLE error;
UPDATE object_count SET assessed = assessed + 5
WHERE (slice, object_kind, object_id) = (0, 'metric', 3);
SELECT part, difference FROM verify();
SELECT repaired FROM rebuild();
TABLE error;

-- weights that are none
\set VERBOSITY terse
UPDATE metric SET criticality_weights = '{}';
\set VERBOSITY sqlstate
UPDATE metric SET criticality_weights = '{1,2,3}';
UPDATE metric SET criticality_weights = '{1,2,3,4,5}';
UPDATE metric SET criticality_weights = '{0,0,0,0}';
UPDATE metric SET criticality_weights = '{0,NULL,0,1}';
UPDATE metric SET criticality_weights = '{0,0,0,-1}';
UPDATE metric SET criticality_weights = '{0,0,0,1001}';
UPDATE metric SET criticality_weights = '{{1},{2},{3},{4}}';
UPDATE metric SET criticality_weights = '{{1,2,3,4}}';
UPDATE metric SET criticality_weights = '[0:3]={1,2,3,4}';
SELECT count(*) FROM catalog_delta;

DISCARD TEMP;
DROP EXTENSION posture;
