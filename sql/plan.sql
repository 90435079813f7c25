-- What to remediate, in which order: compared with remediating step by step, and with trying
-- all others at each step, on random catalogs that overlap.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set ECHO none
SET client_min_messages = warning;

-- by hand: users u1 to u4, hosts h1 to h4
INSERT INTO source (key, name) VALUES ('s', 'S');
INSERT INTO recommendation (source_id, key, title, details) VALUES
    (1, 'mfa', 'Require MFA', '{"implementationEffort": "Low"}'),
    (1, 'shared', 'No shared accounts', '{"implementationCost": "Moderate"}'),
    (1, 'disk', 'Encrypt disks', '{"fixes": [{"complexity": "high"}]}'),
    (1, 'patch', 'Patch', '{"effort": "a week"}'),
    (1, 'boot', 'Secure boot', '[1]');
INSERT INTO asset (key, kind, name)
SELECT k || i, CASE k WHEN 'u' THEN 'user' ELSE 'host' END, k || i
FROM unnest('{u,h}'::text[]) k, generate_series(1, 4) i;
INSERT INTO metric (key, name, importance)
VALUES ('accounts', 'Accounts', 'critical'), ('hosts', 'Hosts', 'medium');
INSERT INTO metric_recommendation VALUES (1, 1), (1, 2), (2, 3), (2, 4), (2, 5);
INSERT INTO initiative (key, name) VALUES ('basics', 'The basics');
INSERT INTO initiative_metric SELECT 1, metric_id FROM metric;
INSERT INTO finding (recommendation_id, asset_id, state)
SELECT r.recommendation_id, a.asset_id,
       CASE WHEN a.key = ANY (v.failing) THEN 'non_compliant' ELSE 'compliant' END::finding_state
FROM (VALUES ('mfa', 'user', '{u1,u2}'::text[]), ('shared', 'user', '{u2,u3}'),
             ('disk', 'host', '{h1,h2}'), ('patch', 'host', '{h1,h2}'), ('boot', 'host', '{h3}'))
    v(recommendation, kind, failing)
JOIN recommendation r ON r.key = v.recommendation JOIN asset a ON a.kind = v.kind;
\set ECHO all
-- Accounts scores 25 at weight 10, hosts 25 at weight 5. mfa makes u1 compliant for 16.67 points,
-- shared then u2 and u3 for 33.33; boot makes h3 compliant for 8.33; disk and patch gain only
-- together.
SELECT * FROM plan('basics');
SELECT rank, recommendation, gain, score FROM plan('basics', NULL, 'gain_per_asset');
-- steps that the target does not need are left out
SELECT rank, recommendation, gain, score FROM plan('basics', 75);
SELECT rank, recommendation, score FROM plan('basics', 83.333334);
SELECT what_if('basics', '{mfa,shared}'), planned_score('basics'), achievable_score('basics');
UPDATE recommendation SET assigned_to = 'Ann' WHERE key IN ('mfa', 'disk');
SELECT planned_score('basics'), achievable_score('basics');
-- Accepted risks stay: u2 is exposed, so mfa helps u1 and shared u3; h1 is exposed through patch;
-- boot is accepted for all.
INSERT INTO exemption (recommendation_id, asset_id, kind, reason)
VALUES (1, 2, 'risk_accepted', 'x'), (4, 5, 'risk_accepted', 'x'), (5, NULL, 'risk_accepted', 'x');
SELECT rank, recommendation, gain, assets, score FROM plan('basics');
SELECT planned_score('basics'), achievable_score('basics'),
       what_if('basics', '{mfa,shared,disk,patch,boot}');
-- mitigated and waived: nothing is left to do
INSERT INTO exemption (recommendation_id, asset_id, kind, reason)
VALUES (1, 1, 'mitigated', 'x'), (3, NULL, 'waived', 'x');
SELECT rank, recommendation, gain, assets, score FROM plan('basics');
-- a measure touches no asset
INSERT INTO recommendation (source_id, key, title) VALUES (1, 'tenant', 'Tenant');
INSERT INTO measure VALUES (6, 2, 6, now());
INSERT INTO metric_recommendation VALUES (1, 6);
SELECT rank, recommendation, gain, assets, effort, score FROM plan('basics');
SELECT rank, recommendation, gain, assets, score FROM plan('basics', NULL, 'gain_per_asset');

-- a target: the initiative's own, one that is reached, one that can't be
SET client_min_messages = notice;
UPDATE initiative SET target_score = 50 WHERE key = 'basics';
SELECT rank, recommendation, score FROM plan('basics');
SELECT rank, recommendation, score FROM plan('basics', 99::smallint);
SELECT rank, recommendation, score FROM plan('basics', '76.7');
SELECT rank, recommendation, score FROM plan('basics', '30');
UPDATE initiative SET target_score = NULL WHERE key = 'basics';
INSERT INTO initiative (key, name, is_active) VALUES ('empty', 'E', true), ('inactive', 'G', false);
SELECT * FROM plan('empty');
SELECT * FROM plan('inactive', '10');
-- only in metrics without weight: gains nothing
UPDATE metric SET importance = 'risk_accepted' WHERE key = 'accounts';
SELECT rank, recommendation, score FROM plan('basics');
UPDATE metric SET importance = 'risk_accepted';
SELECT rank, recommendation, score FROM plan('basics');
-- bad input, and none
\set VERBOSITY terse
SELECT * FROM plan('nothing');
SELECT * FROM plan('basics', '50', 'cost');
SELECT * FROM plan('basics', '50', NULL);
SELECT * FROM plan('basics', '101');
SELECT count(*), (SELECT planned_score(NULL)), (SELECT achievable_score(NULL)) FROM plan(NULL);
SELECT planned_score('nothing');
SELECT achievable_score('nothing');

-- the order itself: pools, ties, sets of several containers
SELECT * FROM plan_order('{1,1,2}', '{7,8,9}', '{1,1,5}', '{1,1,1}',
                         ARRAY['{1-3,70000}', '{3,70000,2147483647}', NULL]::assetset[])
ORDER BY rank, n;
SELECT * FROM plan_order('{1,1,1}', '{5,4,6}', '{1,1,1}', '{1,1,1}',
                         ARRAY['{1}', '{2}', '{3-4}']::assetset[]) ORDER BY rank;
SELECT * FROM plan_order('{1,1,1}', '{5,4,6}', '{1,1,1}', '{1,1,4}',
                         ARRAY['{1}', '{2}', '{3-4}']::assetset[]) ORDER BY rank;
-- None gains anything alone: first the one with the greatest share of what two gain together,
-- then the other, and so on.
SELECT * FROM plan_order('{1,1,2,2}', '{1,2,3,4}', '{1,1,1,1}', '{1,1,1,1}',
                         ARRAY['{1-9}', '{1-9}', '{1-15}', '{1-15}']::assetset[])
ORDER BY rank, n;
-- 1 comes before it is needed: its 20 assets fail 2 and 3 as well, and 2 has the greater share of
-- those two.
SELECT * FROM plan_order('{1,1,1,2,2}', '{1,2,3,2,4}', '{1,1,1,1,1}', '{1,1,1,1,1}',
                         ARRAY['{1-20}', '{1-20}', '{1-20}', '{1-30}', '{1-30}']::assetset[])
ORDER BY rank, n;
SELECT count(*) FROM plan_order('{}', '{}', '{}', '{}', '{}');
SELECT count(*) FROM plan_order('{1}', '{1}', '{1}', '{1}', NULL);
SELECT count(*) FROM plan_order('{1,2}', '{1,2}', '{0,NaN}', '{1,1}', '{"{1-5}","{}"}');
SELECT * FROM plan_order('{1,2}', '{1}', '{1}', '{1}', '{"{1}"}');
SELECT * FROM plan_order('{1}', '{NULL}', '{1}', '{1}', '{"{1}"}');
SELECT * FROM plan_order('{1}', '{1}', '{1}', '{0}', '{"{1}"}');
SELECT * FROM plan_order('{1}', '{1}', '{1}', '{NaN}', '{"{1}"}');
\set VERBOSITY default
SET client_min_messages = warning;

-- random catalogs
\i :include/random.sql
\i :include/catalog.sql
\i :include/plan.sql
CALL pg_temp.try_plans(:rounds);
SELECT what,
       count(*) >= CASE WHEN what LIKE 'target_report%' THEN 1 ELSE 2 END * :rounds AS enough,
       count(*) FILTER (WHERE is_right IS NOT TRUE) AS wrong
FROM outcome GROUP BY what ORDER BY what;

-- damaged sets: one has more ids than its header says, one has fewer
CREATE CAST (bytea AS assetset) WITHOUT FUNCTION;
\set head '''01000000'' || ''3a300000'' || ''01000000'' || ''0000'' || ''0010'' || ''10000000'''
SELECT plan_order('{1}', '{1}', '{1}', '{1}',
                  ARRAY[decode(:head || repeat('ff', 8192), 'hex')::assetset]);
SELECT plan_order('{1}', '{1}', '{1}', '{1}',
                  ARRAY[decode(:head || repeat('0100', 4096), 'hex')::assetset]);
-- the error says what is wrong with a set
SELECT decode('0100000000000000', 'hex')::assetset | '{1}';
DROP CAST (bytea AS assetset);

DISCARD TEMP;
DROP EXTENSION posture;
