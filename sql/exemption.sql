-- Exemptions and assignments: what they do to scores, when they begin and end, and what
-- exemption_report and assignment_report say of them, against plain SQL.
-- tests: report/exemption_report, report/assignment_report, score/exempt_set
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
SET client_min_messages = warning;
\i :include/noon.sql

\set ECHO none
INSERT INTO source (key, name) VALUES ('scan', 'Scanner'), ('cloud', 'Cloud');
INSERT INTO asset (key, name, kind, criticality)
SELECT 'a' || n, 'A', CASE WHEN n <= 4 THEN 'host' ELSE 'user' END, CASE WHEN n % 2 = 0 THEN 'critical' ELSE 'low' END
FROM generate_series(1, 10) n;
INSERT INTO asset_group (key, name, kinds)
VALUES ('hosts', 'Hosts', '{host}'), ('nothing', 'Nothing', '{none}');
INSERT INTO recommendation (source_id, key, title, max_points)
VALUES (1, 'patch', 'Patch', 10), (2, 'mfa', 'MFA', NULL), (1, 'mfa', 'MFA', NULL);
INSERT INTO finding
SELECT 1, n, CASE WHEN n <= 6 THEN 'non_compliant' ELSE 'compliant' END::finding_state,
       day_end(today() - 11) + interval '1 hour' FROM generate_series(1, 10) n;
INSERT INTO metric (key, name) VALUES ('m', 'M');
INSERT INTO metric_recommendation VALUES (1, 1);
INSERT INTO initiative (key, name, method) VALUES ('points', 'Points', 'points');
INSERT INTO initiative_metric VALUES (1, 1);
\set ECHO all
SELECT slices FROM fold();
\set ECHO none
CREATE TEMP VIEW v_now AS
SELECT m.score, m.exposed_assets || '/' || m.assessed_assets AS exposed, r.state, o.score AS points
FROM metric_report m, recommendation_report r, overview o WHERE r.recommendation = 'patch';
CREATE TEMP VIEW v_exemption AS
SELECT scope, coalesce(asset, asset_group) AS "of", kind, state, failing_assets, days_left
FROM exemption_report;
\set ECHO all

-- 6 of 10 fail: what each kind does with each scope
TABLE v_now;
BEGIN;
INSERT INTO exemption (recommendation_id, asset_id, kind, reason) VALUES (1, 1, 'mitigated', 'x');
TABLE v_now;
INSERT INTO exemption (recommendation_id, asset_id, kind, reason)
VALUES (1, 2, 'waived', 'x'), (1, 3, 'risk_accepted', 'x'), (1, 9, 'waived', 'complies');
TABLE v_now;
TABLE v_exemption;
-- the group holds a1 to a4, two of which are exempt by a stronger kind and one by the same
INSERT INTO exemption (recommendation_id, asset_group_id, kind, reason)
VALUES (1, 1, 'mitigated', 'x'), (1, 2, 'waived', 'an empty group');
TABLE v_now;
TABLE v_exemption;
INSERT INTO exemption (recommendation_id, kind, reason)
VALUES (1, 'risk_accepted', 'x'), (1, 'mitigated', 'x');
TABLE v_now;
TABLE v_exemption;
INSERT INTO exemption (recommendation_id, kind, reason) VALUES (1, 'waived', 'x');
TABLE v_now;
TABLE v_exemption;
-- ended in the order of their strength
UPDATE exemption SET expires_at = now()
WHERE asset_id IS NULL AND asset_group_id IS NULL AND kind = 'waived';
TABLE v_now;
DELETE FROM exemption WHERE asset_id IS NULL AND asset_group_id IS NULL AND kind = 'mitigated';
TABLE v_now;
TABLE v_exemption;
-- changed
UPDATE exemption SET kind = 'waived' WHERE asset_id = 1;
TABLE v_now;
UPDATE exemption SET recommendation_id = 2 WHERE asset_id = 1;
UPDATE exemption SET asset_group_id = NULL, asset_id = 5 WHERE asset_group_id = 1;
TABLE v_now;
TABLE v_exemption;
ROLLBACK;
TABLE v_now;

-- overridden by several together, or by a wider group; not by the same kind, nor after its end
\set ECHO none
BEGIN;
INSERT INTO exemption (recommendation_id, asset_group_id, kind, reason)
VALUES (1, 1, 'risk_accepted', 'x');
INSERT INTO exemption (recommendation_id, asset_id, kind, reason)
SELECT 1, n, CASE WHEN n < 3 THEN 'waived' ELSE 'mitigated' END::exemption_kind, 'x' FROM generate_series(1, 4) n;
\set ECHO all
TABLE v_exemption;
UPDATE exemption SET expires_at = now() WHERE asset_id = 4;
TABLE v_exemption;
UPDATE exemption SET kind = 'waived' WHERE asset_group_id = 1;
TABLE v_exemption;
-- a group whose rule changes, before and after a fold; a retired asset
UPDATE asset_group SET kinds = '{user}' WHERE key = 'hosts';
TABLE v_now;
TABLE v_exemption;
SELECT slices FROM fold();
TABLE v_now;
UPDATE asset SET retired_at = now() WHERE asset_id IN (2, 5);
TABLE v_now;
TABLE v_exemption;
UPDATE asset SET kind = 'user' WHERE asset_id = 3;
TABLE v_now;
\set ECHO none
ROLLBACK;

-- only an exemption of all assets applies to a measure
BEGIN;
INSERT INTO measure VALUES (2, 3, 10, now());
CREATE TEMP VIEW v_measure AS SELECT recommendation, state, exposed_assets, assessed_assets,
                                     assignment FROM recommendation_report WHERE source = 'cloud';
INSERT INTO exemption (recommendation_id, asset_group_id, kind, reason)
VALUES (2, 1, 'waived', 'x');
\set ECHO all
TABLE v_measure;
INSERT INTO exemption (recommendation_id, kind, reason) VALUES (2, 'risk_accepted', 'x');
UPDATE recommendation SET assigned_to = 'team' WHERE recommendation_id = 2;
TABLE v_measure;
UPDATE exemption SET kind = 'mitigated' WHERE asset_group_id IS NULL;
TABLE v_measure;
SELECT source, recommendation, title, scope, asset, asset_group, kind, state, failing_assets
FROM exemption_report;
UPDATE exemption SET kind = 'waived' WHERE asset_group_id IS NULL;
TABLE v_measure;
ROLLBACK;

-- An exemption that has ended has no effect at once, whatever was folded and without any job.
-- One that begins later has an effect from then on.
INSERT INTO exemption (recommendation_id, kind, reason, expires_at)
VALUES (1, 'waived', 'short', clock_timestamp() + interval '2 seconds');
SELECT slices FROM fold();
SELECT object_count_is_current();
TABLE v_now;
SELECT reason, state, failing_assets, days_left FROM exemption_report;
SELECT FROM exemption e, pg_sleep(extract(epoch FROM e.expires_at - clock_timestamp()));
SELECT object_count_is_current();
TABLE v_now;
SELECT reason, state, failing_assets, days_left FROM exemption_report;
INSERT INTO exemption (recommendation_id, asset_id, kind, reason, created_at)
VALUES (1, 1, 'mitigated', 'later', clock_timestamp() + interval '2 seconds');
SELECT slices FROM fold();
SELECT object_count_is_current();
TABLE v_now;
SELECT reason, state, failing_assets FROM exemption_report WHERE reason = 'later';
SELECT FROM exemption e, pg_sleep(extract(epoch FROM e.created_at - clock_timestamp()))
WHERE e.reason = 'later';
TABLE v_now;
SELECT reason, state, failing_assets FROM exemption_report WHERE reason = 'later';
SELECT slices FROM fold();
SELECT object_count_is_current();
TABLE v_now;
SELECT * FROM verify();
\set ECHO none
DELETE FROM exemption;

-- Days: an exemption that ends as a day ends is in force on that day; one that begins then is in
-- force from the next day.
INSERT INTO exemption (recommendation_id, asset_id, kind, reason, approved_by, created_at,
                       expires_at) VALUES
    (1, 1, 'mitigated', 'to the end of day 8', 'ciso', day_end(today() - 10) + interval '1 hour', day_end(today() - 8)),
    (1, 2, 'mitigated', 'to noon of day 8', 'ciso', day_end(today() - 10) + interval '1 hour',
     day_end(today() - 8) - interval '12 hours'),
    (1, 3, 'waived', 'from day 8', 'board', day_end(today() - 9), NULL),
    (1, 4, 'waived', 'at noon of day 7, for an hour', 'board', day_end(today() - 7) - interval '12 hours',
     day_end(today() - 7) - interval '11 hours'),
    (1, 5, 'waived', 'to the end of today', 'board', now(), day_end(today())),
    (1, 6, 'waived', 'into tomorrow', 'board', now(), day_end(today()) + interval '1 microsecond'),
    (1, 7, 'risk_accepted', 'for good', 'board', '1900-01-01', NULL),
    (1, 8, 'risk_accepted', 'never', 'board', '9999-12-31', '9999-12-31'),
    (1, 9, 'risk_accepted', 'the latest there is', 'board', now(), '9999-12-31');
\set ECHO all
SELECT count(take_snapshot(today() - ago)) FROM generate_series(10, 1, -1) ago;
SELECT today() - s.day AS day, s.exposed, s.assessed, s.score FROM metric_snapshot s
ORDER BY 1 DESC;
SELECT exemption_id AS id, reason, approved_by, state,
       CASE WHEN days_left < 100000 THEN days_left::text ELSE 'many' END AS days_left,
       failing_assets FROM exemption_report;
SELECT count(*) AS kept FROM exemption_report v JOIN exemption e USING (exemption_id)
WHERE v.created_at = e.created_at AND v.expires_at IS NOT DISTINCT FROM e.expires_at;
DELETE FROM exemption;

-- errors, and the defaults of approved_by and created_at
\set VERBOSITY sqlstate
INSERT INTO exemption (recommendation_id, kind, reason) VALUES (1, 'waived', '');
INSERT INTO exemption (recommendation_id, kind, reason) VALUES (1, 'waived', E' \n\t');
INSERT INTO exemption (recommendation_id, kind) VALUES (1, 'waived');
INSERT INTO exemption (recommendation_id, kind, reason, approved_by)
VALUES (1, 'waived', 'x', NULL);
INSERT INTO exemption (recommendation_id, kind, reason, approved_by) VALUES (1, 'waived', 'x', ' ');
INSERT INTO exemption (recommendation_id, kind, reason, created_at) VALUES (1, 'waived', 'x', NULL);
INSERT INTO exemption (recommendation_id, kind, reason, expires_at)
VALUES (1, 'waived', 'x', now() - interval '1 second');
INSERT INTO exemption (recommendation_id, asset_id, asset_group_id, kind, reason)
VALUES (1, 1, 1, 'waived', 'x');
\set VERBOSITY default
INSERT INTO exemption (recommendation_id, kind, reason) VALUES (1, 'waived', 'x');
SELECT approved_by = current_user AS who, created_at
           = (SELECT max(created_at) FROM exemption) AS "when" FROM exemption_report;
DELETE FROM exemption;
-- a key of two sources is shown with the source
INSERT INTO exemption (recommendation_id, kind, reason) VALUES (2, 'waived', 'x');
SELECT source, recommendation FROM exemption_report;
\set ECHO none
DELETE FROM exemption;

-- assignments
INSERT INTO recommendation (source_id, key, title, assigned_to, due_on) VALUES
    (1, 'past', 'Past', 'team', today() - 1), (1, 'today', 'Today', 'team', today()),
    (1, 'some day', 'Some day', 'team', NULL),
    (1, 'done', 'Done', 'team', today() - 9), (1, 'exempt', 'Exempt', 'team', today() - 9),
    (1, 'nothing', 'Applies to nothing', 'team', today() - 9),
    (1, 'free', 'Nobody''s', NULL, today() - 1), (1, 'other', 'Of another', 'other', today() + 3);
INSERT INTO finding
SELECT r.recommendation_id, n, CASE WHEN n <= 2 AND r.key <> 'done' THEN 'non_compliant'
                                    ELSE 'compliant' END::finding_state
FROM recommendation r, generate_series(1, 5) n
WHERE r.key IN ('past', 'today', 'some day', 'done', 'exempt', 'free', 'other');
INSERT INTO exemption (recommendation_id, asset_id, kind, reason)
SELECT r.recommendation_id, 1, 'mitigated', 'x' FROM recommendation r WHERE r.key = 'exempt';
INSERT INTO exemption (recommendation_id, asset_id, kind, reason)
SELECT r.recommendation_id, 2, 'waived', 'x' FROM recommendation r WHERE r.key = 'exempt';
\set ECHO all
SELECT recommendation, state, assignment FROM recommendation_report ORDER BY source, recommendation;
SELECT assigned_to, recommendations, completed, on_time, overdue, exposed_assets,
       next_due - today() AS next_due FROM assignment_report ORDER BY 1;
-- an accepted risk leaves nothing to do where it is accepted: on a1, then on both assets
INSERT INTO exemption (recommendation_id, asset_id, kind, reason)
SELECT r.recommendation_id, 1, 'risk_accepted', 'x' FROM recommendation r WHERE r.assigned_to = 'team';
SELECT assigned_to, recommendations, completed, on_time, overdue, exposed_assets
FROM assignment_report ORDER BY 1;
INSERT INTO exemption (recommendation_id, asset_id, kind, reason)
SELECT r.recommendation_id, 2, 'risk_accepted', 'x' FROM recommendation r WHERE r.key = 'past';
SELECT assigned_to, recommendations, completed, on_time, overdue, exposed_assets
FROM assignment_report ORDER BY 1;
SELECT recommendation, state, exposed_assets, assignment FROM recommendation_report
WHERE recommendation IN ('past', 'today') ORDER BY recommendation;

-- random exemptions
\i :include/random.sql
\i :include/compare.sql
\i :include/exemption.sql
CALL pg_temp.try_exemptions(2 * :rounds);
SELECT about, sum(cases) >= 2 * :rounds AS enough, sum(differences) AS differences
FROM outcome GROUP BY about ORDER BY about;

-- the columns that reports rely on
SELECT c.relname, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'posture'::regnamespace
  AND c.relname IN ('exemption_report', 'assignment_report')
GROUP BY c.relname ORDER BY 1;

DISCARD TEMP;
DROP EXTENSION posture;
