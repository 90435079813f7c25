-- The views for BI tools.
-- tests: report/overview, report/metric_report, report/recommendation_report, report/event_report
-- tests: report/score_history, report/cause_sentence, score/recommendation_status
-- tests: score/last_change
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/noon.sql

\set ECHO none
INSERT INTO source (key, name, is_active)
VALUES ('scan', 'Scanner', true), ('cloud', 'Cloud', true), ('off', 'Switched off', false);
INSERT INTO asset (key, name, kind, criticality)
SELECT 'h' || n, 'Host ' || n, CASE WHEN n <= 8 THEN 'host' ELSE 'user' END,
       CASE WHEN n IN (1, 2, 9) THEN 'critical' ELSE 'medium' END
FROM generate_series(1, 10) n;
INSERT INTO recommendation (source_id, key, title, severity, workload, domain, max_points,
                            remediation, manage_url, assigned_to, due_on) VALUES
    (1, 'ssh', 'No root over SSH', 'high', 'Linux', 'device', 8, 'PermitRootLogin no', 'https://example.org/ssh', 'ops',
     '2030-01-01'),
    (2, 'ssh', 'SSH closed in the cloud', 'critical', NULL, 'network', NULL, NULL, NULL, NULL, NULL),
    (1, 'tls', 'TLS 1.2', 'low', NULL, NULL, 2, NULL, NULL, NULL, NULL),
    (1, 'mfa', 'MFA', 'medium', NULL, 'identity', 10, NULL, NULL, NULL, NULL),
    (1, 'exempt', 'All that fails is exempt', 'medium', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (1, 'none', 'Applies to nothing', 'medium', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (1, 'new', 'Never reported', 'medium', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (3, 'inactive', 'Of an inactive source', 'medium', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (3, 'tls', 'TLS, of an inactive source', 'medium', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE FUNCTION pg_temp.found(rec integer, assets integer, failing integer) RETURNS void
    LANGUAGE sql AS $$
    INSERT INTO finding
    SELECT rec, n, CASE WHEN n <= failing THEN 'non_compliant' ELSE 'compliant' END::finding_state,
                               day_end(today() - 31) - interval '12 hours'
    FROM generate_series(1, assets) n $$;
\set ECHO all
SELECT pg_temp.found(1, 4, 2), pg_temp.found(2, 5, 3), pg_temp.found(3, 8, 0),
       pg_temp.found(5, 5, 1), pg_temp.found(8, 5, 5), pg_temp.found(9, 5, 5);
\set ECHO none
INSERT INTO finding VALUES (6, 1, 'not_applicable', day_end(today() - 31));
INSERT INTO measure VALUES (4, 2.5, 10, day_end(today() - 31));
INSERT INTO exemption (recommendation_id, asset_id, kind, reason, created_at)
VALUES (5, 1, 'mitigated', 'firewall', day_end(today() - 31));
INSERT INTO metric (key, name, importance) VALUES
    ('attention', 'Needs attention', 'high'), ('fine', 'Nothing exposed', 'medium'),
    ('points', 'Measured', 'low'),
    ('nothing', 'Nothing to measure', 'critical'), ('accepted', 'Accepted', 'risk_accepted'),
    ('off', 'Of an inactive source', 'high'),
    ('inactive', 'Inactive', 'critical');
INSERT INTO metric_recommendation
VALUES (1, 1), (1, 2), (2, 3), (2, 5), (3, 4), (4, 6), (4, 7), (5, 1), (6, 8), (7, 1);
INSERT INTO initiative (key, name, kind, method, is_pinned, target_score, owner) VALUES
    ('a', 'Alpha', 'threat', 'weighted', false, 80, 'ciso'),
    ('b', 'Beta', NULL, 'population', true, NULL, NULL),
    ('c', 'Gamma', 'score', 'points', false, NULL, NULL), ('d', 'Delta', NULL, 'weighted', false, NULL, NULL),
    ('e', 'Inactive', NULL, 'weighted', true, NULL, NULL);
INSERT INTO initiative_metric
SELECT i, m, NULL FROM generate_series(1, 3) i, generate_series(1, 7) m;
INSERT INTO initiative_metric VALUES (4, 4, NULL), (5, 1, NULL);
UPDATE initiative_metric SET weight = 1 WHERE initiative_id = 2 AND metric_id = 2;
INSERT INTO initiative_recommendation VALUES (3, 1), (3, 8);
UPDATE metric SET is_active = false WHERE key = 'inactive';
UPDATE initiative SET is_active = false WHERE key = 'e';

-- a quiet fortnight with some days missing, then a fall and a partial recovery
CREATE FUNCTION pg_temp.fail(rec integer, failing integer, ago integer) RETURNS void
    LANGUAGE sql AS $$
    UPDATE finding SET state = CASE WHEN asset_id <= failing THEN 'non_compliant'
                                    ELSE 'compliant' END::finding_state,
                       changed_at = day_end(today() - ago - 1) + interval '10 hours'
    WHERE recommendation_id = rec AND (state = 'non_compliant') <> (asset_id <= failing) $$;
\set ECHO all
SELECT count(take_snapshot(today() - ago)) FROM generate_series(16, 10, -2) ago;
SELECT pg_temp.fail(1, 4, 3);
SELECT count(take_snapshot(today() - 3));
SELECT pg_temp.fail(1, 3, 1);
SELECT count(take_snapshot(today() - 1));
SELECT pg_temp.fail(3, 1, 0);

-- pinned first, then by name; what is inactive is not there
SELECT initiative, name, kind, is_pinned, owner, score, target_score, metrics, exposed_assets,
       critical_assets, open_events FROM overview;
SELECT initiative, change_1d, change_14d, trend_14d FROM overview;

-- the four states; unavailable is NULL and says so
SELECT initiative, metric, name, state, score, exposed_assets, assessed_assets, exposed_pct
FROM metric_report;
SELECT initiative, metric, importance, weight, score_impact FROM metric_report;
-- mitigated: nothing is exposed, here with the help of an exemption
BEGIN;
UPDATE finding SET state = 'compliant' WHERE recommendation_id = 3;
SELECT metric, state, score, exposed_assets, assessed_assets, exposed_pct, score_impact
FROM metric_report WHERE initiative = 'a' AND metric = 'fine';
DELETE FROM exemption;
SELECT metric, state, score, exposed_assets, assessed_assets FROM metric_report
WHERE initiative = 'a' AND metric = 'fine';
ROLLBACK;
SELECT metric, change_1d, trend_14d FROM metric_report WHERE initiative = 'a' ORDER BY metric;
-- score_impact is what the initiative gains
BEGIN;
SELECT score FROM overview WHERE initiative = 'b';
UPDATE finding SET state = 'compliant' WHERE recommendation_id IN (1, 2);
SELECT score FROM overview WHERE initiative = 'b';
ROLLBACK;

-- the four states; a key that two sources share; one of an inactive source is not there
SELECT source, recommendation, title, state, exposed_assets, assessed_assets, metrics, initiatives
FROM recommendation_report ORDER BY source, recommendation;
SELECT recommendation, severity, workload, domain, assigned_to, due_on, remediation, manage_url
FROM recommendation_report ORDER BY source, recommendation;
SELECT recommendation, today() - day_of(last_changed) AS ago FROM recommendation_report
ORDER BY source, recommendation;
-- a waiver that leaves nothing to assess, and a source switched on
BEGIN;
INSERT INTO exemption (recommendation_id, kind, reason)
VALUES (3, 'waived', 'test'), (4, 'mitigated', 'test'), (1, 'risk_accepted', 'test');
SELECT recommendation, state, exposed_assets, assessed_assets FROM recommendation_report
ORDER BY source, recommendation;
UPDATE source SET is_active = true;
SELECT recommendation, state, exposed_assets, assessed_assets FROM recommendation_report
WHERE source = 'off' ORDER BY recommendation;
SELECT metric, state, score FROM metric_report WHERE initiative = 'a' AND metric = 'off';
ROLLBACK;

-- events in a sentence
SELECT kind, today() - day AS ago, object, name, previous_score, score, "drop", weight, status,
       today() - previous_day AS previous
FROM event_report WHERE kind <> 'new_initiative' ORDER BY day, kind, object;
SELECT object, cause FROM event_report WHERE kind <> 'new_initiative' ORDER BY kind, object;
SELECT object, cause FROM event_report WHERE kind = 'new_initiative' ORDER BY object;
-- many causes: three and how many more
SELECT string_agg(concat_ws(' ', format_number(x), format_change(-x), format_count(x)), ', ')
FROM unnest('{0,0.04,0.05,12.35,99.94,99.96,100}'::numeric[]) x;
\set ECHO none
BEGIN;
INSERT INTO initiative (key, name) VALUES ('many', 'Many');
INSERT INTO metric (key, name) SELECT 'x' || n, 'X' || n FROM generate_series(1, 6) n;
INSERT INTO recommendation (source_id, key, title)
SELECT 1, 'x' || n, 'X' || n FROM generate_series(1, 6) n;
INSERT INTO metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM metric m JOIN recommendation r USING (key)
WHERE m.key LIKE 'x%';
INSERT INTO initiative_metric
SELECT i.initiative_id, m.metric_id, 1 FROM metric m, initiative i
WHERE m.key LIKE 'x%' AND i.key = 'many';
INSERT INTO measure
SELECT r.recommendation_id, 50, 100, now() FROM recommendation r WHERE r.key LIKE 'x%';
\set ECHO all
SELECT count(take_snapshot());
\set ECHO none
UPDATE metric_snapshot SET day = today() - 1, score = 10 * right(key, 1)::numeric + 50,
    exposed = 50 - 10 * right(key, 1)::numeric WHERE day = today() AND key LIKE 'x%' AND key < 'x6';
UPDATE metric_snapshot SET day = today() - 1, score = 0, exposed = 100
WHERE day = today() AND key = 'x6';
UPDATE recommendation_snapshot s
SET day = today() - 1, achieved = CASE r.key WHEN 'x6' THEN 0
                                             ELSE 10 * right(r.key, 1)::numeric + 50 END
FROM recommendation r WHERE r.recommendation_id = s.recommendation_id AND s.day = today()
  AND r.key LIKE 'x%';
UPDATE initiative_snapshot SET day = today() - 1, score = 66.666667
WHERE day = today() AND key = 'many';
UPDATE initiative_metric_snapshot b SET day = today() - 1 FROM initiative i
WHERE i.initiative_id = b.initiative_id AND i.key = 'many' AND b.day = today();
\set ECHO all
SELECT count(take_snapshot());
SELECT object, "drop", cause FROM event_report
WHERE object = 'many' AND day = today() AND kind = 'initiative_score_drop';
ROLLBACK;

SELECT today() - day AS ago, object_kind, object, score FROM score_history
WHERE object IN ('a', 'd', 'attention') ORDER BY 1, 2, 3;

-- the columns that reports rely on
SELECT c.relname, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'posture'::regnamespace
  AND c.relname IN ('overview', 'metric_report', 'recommendation_report', 'event_report', 'score_history')
GROUP BY c.relname ORDER BY 1;

DISCARD TEMP;
DROP EXTENSION posture;
