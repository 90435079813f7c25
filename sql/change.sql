-- Why a score changed: the parts of any change, each kind of change alone by hand, then all
-- of them at once on random catalogs against plain SQL.
-- tests: day/attribution, score/points_change, report/explain, report/cause_sentence
-- tests: report/change_report
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set ECHO none
SET client_min_messages = warning;

-- Ten hosts; the metric has two recommendations that overlap on assets.
INSERT INTO source (key, name) VALUES ('s', 'Source'), ('t', 'Other source');
INSERT INTO recommendation (source_id, key, title, max_points) VALUES
    (1, 'mfa', 'Require MFA', 10), (1, 'admin', 'Require MFA for admins', 10), (2, 'disk', 'Encrypt disks', 5),
    (1, 'log', 'Keep logs', 5);
INSERT INTO asset (key, name, kind)
SELECT 'h' || n, 'Host ' || n, CASE WHEN n <= 8 THEN 'host' ELSE 'user' END FROM generate_series(1, 10) n;
INSERT INTO asset_group (key, name, kinds) VALUES ('users', 'Users', '{user}');
INSERT INTO metric (key, name, importance) VALUES ('m', 'Accounts without MFA', 'critical'), ('d', 'Disks', 'low');
INSERT INTO metric_recommendation VALUES (1, 1), (1, 2), (2, 3);
INSERT INTO initiative (key, name, method)
VALUES ('w', 'Weighted', 'weighted'), ('p', 'Population', 'population'), ('q', 'Points', 'points');
INSERT INTO initiative_metric
SELECT i, m, NULL FROM generate_series(1, 3) i, generate_series(1, 2) m;
INSERT INTO finding
SELECT r, a, 'compliant', '2024-03-01 10:00' FROM generate_series(1, 4) r, generate_series(1, 10) a
WHERE r <> 4 OR a <= 2;
UPDATE finding SET state = 'non_compliant', changed_at = '2024-03-01 11:00' WHERE asset_id = 1;
CREATE PROCEDURE pg_temp.fail(rec integer, VARIADIC assets integer[]) LANGUAGE sql AS $$
    UPDATE finding SET state = 'non_compliant', changed_at = '2024-03-02 10:00'
    WHERE recommendation_id = rec AND asset_id = ANY (assets) $$;
CREATE PROCEDURE pg_temp.snapshot(VARIADIC days date[]) LANGUAGE sql AS $$
    SELECT take_snapshot(d) FROM unnest(days) d $$;
-- what changed from the day before
CREATE FUNCTION pg_temp.why(of text, to_day date DEFAULT '2024-03-02')
    RETURNS TABLE (of_metric text, rec text, reason text, posture boolean, points numeric,
                   newly bigint, only_this bigint, assets assetset, message text)
    LANGUAGE sql AS $$
    SELECT c.metric, c.recommendation, c.reason, c.is_posture, c.points, c.newly_exposed,
           c.only_this, c.assets, c.message
    FROM change_report(of, to_day - 1, to_day) c $$;
-- drops that are explained alike by their number, by the number as text, and by their object
CREATE FUNCTION pg_temp.explained_alike() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*)
    FROM event_report e
    CROSS JOIN LATERAL (SELECT array_agg(x::text) AS causes FROM explain(e.event_id) x) a
    WHERE a.causes = (SELECT array_agg(x::text) FROM explain(e.event_id::text) x)
      AND a.causes = (SELECT array_agg(x::text) FROM explain(e.object) x)
      AND e.kind <> 'new_initiative' $$;
CALL pg_temp.snapshot('2024-03-01');

-- findings: h2 and h3 fail one each, h4 both; h1 is remediated for one only
BEGIN;
CALL pg_temp.fail(1, 2, 4);
CALL pg_temp.fail(2, 3, 4);
UPDATE finding SET state = 'compliant', changed_at = '2024-03-02 10:00'
WHERE recommendation_id = 1 AND asset_id = 1;
\set ECHO all
SELECT events FROM take_snapshot('2024-03-02');
SELECT metric, recommendation, reason, is_posture, points, newly_exposed, only_this, assets, message
FROM event e CROSS JOIN explain(e.event_id) WHERE e.metric_id = 1;
SELECT initiative, metric, recommendation, reason, points, newly_exposed, message FROM event e
CROSS JOIN explain(e.event_id) WHERE e.initiative_id = 1 AND e.kind = 'initiative_score_drop';
SELECT initiative, metric, recommendation, reason, points, newly_exposed, message FROM event e
CROSS JOIN explain(e.event_id) WHERE e.initiative_id = 3 AND e.kind = 'initiative_score_drop';
SELECT kind, object, cause FROM event_report WHERE kind <> 'new_initiative' ORDER BY 1, 2;
SELECT pg_temp.explained_alike();
-- of any two days, and a change that is none
SELECT metric, reason, points, previous_score, score
FROM change_report('m', '2024-03-01', '2024-03-02') WHERE points IS NOT NULL;
SELECT * FROM change_report('d', '2024-03-01', '2024-03-02');
\set ECHO none
ROLLBACK;
-- new assets, one of which fails; one is remediated; a healthy one is no longer assessed
BEGIN;
INSERT INTO asset (key, name) SELECT 'n' || n, 'New ' || n FROM generate_series(1, 3) n;
INSERT INTO finding
SELECT 1, asset_id, CASE WHEN key = 'n3' THEN 'non_compliant' ELSE 'compliant' END::finding_state, '2024-03-02 09:00'
FROM asset WHERE key LIKE 'n%';
UPDATE finding SET state = 'compliant', changed_at = '2024-03-02 10:00' WHERE asset_id = 1;
UPDATE finding SET state = 'not_applicable', changed_at = '2024-03-02 10:00' WHERE asset_id = 2;
CALL pg_temp.snapshot('2024-03-02');
\set ECHO all
SELECT * FROM pg_temp.why('m');
ROLLBACK;
-- healthy assets retire: nothing got worse, the score drops
BEGIN;
UPDATE asset SET retired_at = '2024-03-02 10:00' WHERE asset_id BETWEEN 5 AND 8;
CALL pg_temp.snapshot('2024-03-02');
SELECT * FROM pg_temp.why('m');
SELECT * FROM pg_temp.why('w');
SELECT * FROM pg_temp.why('q');
SELECT cause FROM event_report WHERE object = 'm';
-- and come back, while another goes
UPDATE asset SET retired_at = NULL WHERE asset_id = 5;
UPDATE asset SET retired_at = '2024-03-03 10:00' WHERE asset_id = 9;
CALL pg_temp.snapshot('2024-03-03');
SELECT reason, points, assets, message FROM pg_temp.why('m', '2024-03-03');
\set ECHO none
ROLLBACK;
-- All retire and others come: the part that leaves nothing to assess has no points.
BEGIN;
UPDATE asset SET retired_at = '2024-03-02 09:00';
INSERT INTO asset (key, name) SELECT 'n' || n, 'New ' || n FROM generate_series(1, 4) n;
INSERT INTO finding
SELECT 1, asset_id, CASE WHEN key = 'n3' THEN 'non_compliant' ELSE 'compliant' END::finding_state, '2024-03-02 10:00'
FROM asset WHERE key LIKE 'n%';
CALL pg_temp.snapshot('2024-03-02');
\set ECHO all
SELECT * FROM pg_temp.why('m');
SELECT cause FROM event_report WHERE object = 'm';
ROLLBACK;
-- stale assets
BEGIN;
UPDATE asset SET last_seen = '2024-03-01 00:00';
UPDATE asset SET last_seen = '2024-02-20 12:00' WHERE asset_id = 7;
UPDATE source SET stale_after = '11 days';
CALL pg_temp.snapshot('2024-03-02');
SELECT reason, points, assets, message FROM pg_temp.why('m');
\set ECHO none
ROLLBACK;
-- a recommendation is added, another removed, each with its findings
BEGIN;
INSERT INTO metric_recommendation VALUES (1, 4);
DELETE FROM metric_recommendation WHERE recommendation_id = 2;
INSERT INTO finding SELECT 4, a, 'non_compliant', '2024-03-02 10:00' FROM generate_series(3, 6) a;
CALL pg_temp.snapshot('2024-03-02');
\set ECHO all
SELECT * FROM pg_temp.why('m');
SELECT * FROM pg_temp.why('w');
SELECT cause FROM event_report WHERE object IN ('m', 'w') AND kind <> 'new_initiative';
ROLLBACK;
-- several at once are one part, beside a row for each of them
BEGIN;
INSERT INTO metric_recommendation VALUES (1, 3), (1, 4);
INSERT INTO finding SELECT 4, a, 'non_compliant', '2024-03-02 10:00' FROM generate_series(3, 6) a;
CALL pg_temp.snapshot('2024-03-02');
SELECT of_metric, rec, reason, points, newly, message FROM pg_temp.why('m');
\set ECHO none
ROLLBACK;
-- a source is switched off, and on; a metric is left without data
BEGIN;
INSERT INTO metric_recommendation VALUES (1, 3);
CALL pg_temp.fail(3, 2, 3);
UPDATE finding SET changed_at = '2024-03-01 10:00' WHERE recommendation_id = 3;
CALL pg_temp.snapshot('2024-03-02');
UPDATE source SET is_active = false WHERE key = 't';
CALL pg_temp.snapshot('2024-03-03');
\set ECHO all
SELECT of_metric, rec, reason, points, newly, assets, message FROM pg_temp.why('m', '2024-03-03');
SELECT metric, reason, points, message, previous_score, score
FROM change_report('d', '2024-03-02', '2024-03-03');
SELECT of_metric, reason, points, message FROM pg_temp.why('w', '2024-03-03');
UPDATE source SET is_active = true;
CALL pg_temp.snapshot('2024-03-04');
SELECT of_metric, rec, reason, points, newly, assets, message FROM pg_temp.why('m', '2024-03-04');
SELECT metric, reason, points, message, previous_score, score
FROM change_report('d', '2024-03-03', '2024-03-04');
-- over both days nothing changed
SELECT count(*) FROM change_report('w', '2024-03-02', '2024-03-04');
\set ECHO none
ROLLBACK;
-- an existing recommendation is assessed for the first time, and then no longer
BEGIN;
INSERT INTO recommendation (source_id, key, title) VALUES (1, 'new', 'New check');
INSERT INTO metric_recommendation SELECT 1, recommendation_id FROM recommendation WHERE key = 'new';
CALL pg_temp.snapshot('2024-03-02');
INSERT INTO finding
SELECT recommendation_id, a, 'non_compliant', '2024-03-03 10:00'
FROM recommendation, generate_series(1, 3) a WHERE key = 'new';
CALL pg_temp.snapshot('2024-03-03');
\set ECHO all
SELECT rec, reason, points, newly, message FROM pg_temp.why('m', '2024-03-03');
UPDATE finding SET state = 'not_applicable', changed_at = '2024-03-04 10:00'
WHERE recommendation_id > 4;
CALL pg_temp.snapshot('2024-03-04');
SELECT rec, reason, points, message FROM pg_temp.why('m', '2024-03-04');
\set ECHO none
ROLLBACK;
-- exemptions of an asset, a group and all: given, expired at the end of the day, of two kinds
BEGIN;
CALL pg_temp.fail(1, 2, 3, 9, 10);
CALL pg_temp.fail(2, 2);
UPDATE finding SET changed_at = '2024-03-01 10:00';
INSERT INTO exemption (recommendation_id, asset_id, asset_group_id, kind, reason, created_at,
                       expires_at) VALUES
    (1, NULL, 1, 'mitigated', 'x', '2024-03-02 08:00', '2024-03-03 00:00'),
    (1, 3, NULL, 'waived', 'x', '2024-03-02 08:00', '2024-03-03 12:00'),
    (2, NULL, NULL, 'mitigated', 'x', '2024-03-02 08:00', '2024-03-03 12:00'),
    (1, 4, NULL, 'waived', 'x', '2024-03-02 08:00', '2024-03-02 12:00');
CALL pg_temp.snapshot('2024-03-02');
\set ECHO all
SELECT kind, for_all, assets, asset_groups FROM exemption_snapshot ORDER BY recommendation_id, kind;
SELECT * FROM asset_group_snapshot;
CALL pg_temp.snapshot('2024-03-03');
SELECT rec, reason, posture, points, newly, assets, message FROM pg_temp.why('m', '2024-03-03');
SELECT of_metric, rec, reason, points, newly, message FROM pg_temp.why('w', '2024-03-03');
SELECT of_metric, rec, reason, points, newly, message FROM pg_temp.why('q', '2024-03-03');
SELECT cause FROM event_report
WHERE object IN ('m', 'w') AND kind <> 'new_initiative' AND day = '2024-03-03';
INSERT INTO exemption (recommendation_id, kind, reason, created_at)
VALUES (1, 'waived', 'x', '2024-03-04 08:00'), (2, 'risk_accepted', 'x', '2024-03-04 08:00');
CALL pg_temp.snapshot('2024-03-04');
SELECT rec, reason, points, assets, message FROM pg_temp.why('m', '2024-03-04');
\set ECHO none
ROLLBACK;
-- An exemption from a recommendation that is added or removed belongs to that part.
BEGIN;
INSERT INTO exemption (recommendation_id, asset_id, kind, reason, created_at, expires_at) VALUES
    (1, 1, 'waived', 'x', '2024-03-02 08:00', '2024-03-03 12:00'),
    (2, 1, 'waived', 'x', '2024-03-02 08:00', '2024-03-03 12:00'),
    (4, 1, 'waived', 'x', '2024-03-03 08:00', NULL);
CALL pg_temp.snapshot('2024-03-02');
DELETE FROM metric_recommendation WHERE recommendation_id = 2;
INSERT INTO metric_recommendation VALUES (1, 4);
CALL pg_temp.snapshot('2024-03-03');
\set ECHO all
SELECT rec, reason, points, newly, assets, message FROM pg_temp.why('m', '2024-03-03');
ROLLBACK;
-- the metric measures other assets; a recommendation is worth other points
BEGIN;
CALL pg_temp.fail(1, 9);
CALL pg_temp.snapshot('2024-03-02');
UPDATE metric SET asset_kinds = '{user}' WHERE key = 'm';
UPDATE recommendation SET max_points = 100 WHERE key = 'mfa';
CALL pg_temp.snapshot('2024-03-03');
SELECT reason, posture, points, message FROM pg_temp.why('m', '2024-03-03');
SELECT of_metric, rec, reason, points FROM pg_temp.why('q', '2024-03-03');
SELECT of_metric, reason, points FROM pg_temp.why('w', '2024-03-03');
\set ECHO none
ROLLBACK;
-- all at once: value, weight, method, members
BEGIN;
CALL pg_temp.fail(1, 2, 3, 4);
CALL pg_temp.fail(3, 5);
UPDATE asset SET retired_at = '2024-03-02 10:00' WHERE asset_id = 8;
UPDATE metric SET importance = 'low' WHERE key = 'm';
UPDATE initiative SET method = 'population' WHERE key = 'w';
INSERT INTO metric (key, name) VALUES ('l', 'Logs');
INSERT INTO metric_recommendation VALUES (3, 4);
INSERT INTO initiative_metric VALUES (1, 3, 2);
CALL pg_temp.snapshot('2024-03-02');
\set ECHO all
SELECT of_metric, reason, posture, points, newly, message FROM pg_temp.why('w');
SELECT sum(points) = min(score) - min(previous_score) AS exact
FROM change_report('w', '2024-03-01', '2024-03-02');
\set ECHO none
ROLLBACK;
-- a measure is waived, and no longer
BEGIN;
INSERT INTO recommendation (source_id, key, title)
VALUES (1, 'share', 'Share less'), (1, 'guest', 'Invite less');
INSERT INTO measure
SELECT recommendation_id, CASE key WHEN 'share' THEN 4 ELSE 1 END, 5, '2024-03-01 10:00' FROM recommendation
WHERE key IN ('share', 'guest');
INSERT INTO metric (key, name) VALUES ('tenant', 'Tenant');
INSERT INTO metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM metric m, recommendation r
WHERE m.key = 'tenant' AND r.key IN ('share', 'guest');
INSERT INTO exemption (recommendation_id, kind, reason, created_at, expires_at)
SELECT r.recommendation_id, v.kind::exemption_kind, 'x', v.from_when::timestamptz,
       v.to_when::timestamptz
FROM (VALUES ('share', 'waived', '2024-03-03 08:00', '2024-03-04 12:00'),
      ('guest', 'waived', '2024-03-04 08:00', '2024-03-05 12:00'),
             ('guest', 'mitigated', '2024-03-05 08:00', NULL)) v(key, kind, from_when, to_when)
JOIN recommendation r USING (key);
CALL pg_temp.snapshot('2024-03-02', '2024-03-03', '2024-03-04', '2024-03-05');
\set ECHO all
SELECT day, exposed, assessed, score FROM metric_snapshot WHERE key = 'tenant' ORDER BY day;
SELECT rec, reason, points, message FROM pg_temp.why('tenant', '2024-03-03');
SELECT rec, reason, points, message FROM pg_temp.why('tenant', '2024-03-04');
SELECT rec, reason, points, message FROM pg_temp.why('tenant', '2024-03-05');
ROLLBACK;
-- deleted recommendations are named as they were
BEGIN;
CALL pg_temp.fail(2, 3, 4);
CALL pg_temp.snapshot('2024-03-02');
DELETE FROM finding WHERE recommendation_id = 2;
DELETE FROM recommendation WHERE recommendation_id = 2;
SELECT rec, reason, points, newly, message FROM pg_temp.why('m');
SELECT cause FROM event_report WHERE kind <> 'new_initiative' ORDER BY object;
CALL pg_temp.snapshot('2024-03-03');
SELECT rec, reason, points, message FROM pg_temp.why('m', '2024-03-03');
SELECT of_metric, rec, reason, points, message FROM pg_temp.why('q', '2024-03-03');
\set ECHO none
ROLLBACK;
-- An event of a past day keeps its causes when the day is run again, whatever the metric
-- measures since. It is compared again if a day before it was missing.
BEGIN;
CALL pg_temp.fail(1, 2, 3, 9);
CALL pg_temp.snapshot('2024-03-05');
CREATE TEMP TABLE causes AS TABLE event_cause;
UPDATE metric SET asset_kinds = '{user}', criticality_weights = '{1,1,2,5}' WHERE key = 'm';
DELETE FROM metric WHERE key = 'd';
CALL pg_temp.snapshot('2024-03-05');
\set ECHO all
SELECT count(*) FROM (TABLE causes EXCEPT ALL TABLE event_cause) x;
SELECT count(*) FROM (TABLE event_cause EXCEPT ALL TABLE causes) x;
UPDATE metric SET asset_kinds = NULL, criticality_weights = NULL;
CALL pg_temp.snapshot('2024-03-01', '2024-03-02');
CALL pg_temp.snapshot('2024-03-05');
SELECT e.day, e.previous_day, e.drop, (SELECT sum(c.points) FROM explain(e.event_id) c
                                       WHERE c.reason <> 'effect') AS parts,
       event_id = event_of('m') AS last
FROM event e WHERE e.metric_id = 1 ORDER BY e.day;
\set ECHO none
ROLLBACK;
-- A day that a source reported lies between two snapshots: only what it reported is compared with
-- that day, all else with the earlier snapshot.
BEGIN;
CALL pg_temp.fail(1, 2, 3);
INSERT INTO initiative (key, name) VALUES ('reported', 'Reported');
INSERT INTO initiative_snapshot (day, initiative_id, score, method, is_reported)
SELECT d, i.initiative_id, 60, 'points', true FROM initiative i, unnest('{2024-02-28,2024-02-29,2024-03-04}'::date[]) d
WHERE i.key = 'reported';
\set ECHO all
SELECT previous_day('2024-03-05') AS any, previous_day('2024-03-05', i) AS reported,
       previous_day('2024-03-01', i) AS first, previous_day('2024-02-28', i) AS none
FROM initiative_of('reported') i;
CALL pg_temp.snapshot('2024-03-05');
SELECT kind, object, drop, previous_day FROM event_report
WHERE day = '2024-03-05' AND kind <> 'new_initiative' ORDER BY 1, 2;
ROLLBACK;

-- the day before a drop is past retention
BEGIN;
CALL pg_temp.fail(1, 2, 3);
CALL pg_temp.snapshot('2024-03-02');
SELECT set_config('posture.retention_days', (today() - '2024-03-02')::text, true) IS NOT NULL AS set,
       purge() > 0 AS purged;
SELECT min(day) FROM metric_snapshot;
SELECT cause FROM event_report WHERE kind <> 'new_initiative' ORDER BY object;
CALL pg_temp.snapshot('2024-03-02');
SELECT reason, points, newly_exposed FROM event e CROSS JOIN explain(e.event_id)
WHERE e.metric_id = 1;
\set ECHO none
ROLLBACK;

-- one point, and points of measures
BEGIN;
SET LOCAL posture.drop_threshold = 0.5;
INSERT INTO recommendation (source_id, key, title) VALUES (1, 'share', 'Share less');
INSERT INTO measure SELECT recommendation_id, 50, 100, '2024-03-01 10:00' FROM recommendation WHERE key = 'share';
INSERT INTO metric (key, name) VALUES ('tenant', 'Tenant');
INSERT INTO metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM metric m, recommendation r
WHERE m.key = 'tenant' AND r.key = 'share';
INSERT INTO initiative (key, name) VALUES ('o', 'One');
INSERT INTO initiative_metric
SELECT i.initiative_id, m.metric_id, 1 FROM metric m, initiative i
WHERE m.key = 'tenant' AND i.key = 'o';
CALL pg_temp.snapshot('2024-03-02');
UPDATE measure SET achieved = 49, observed_at = '2024-03-03 10:00';
CALL pg_temp.snapshot('2024-03-03');
\set ECHO all
SELECT cause FROM event_report WHERE day = '2024-03-03' ORDER BY object;
SELECT summary FROM day_report WHERE day = '2024-03-03';
UPDATE measure SET achieved = 60, observed_at = '2024-03-04 10:00';
CALL pg_temp.snapshot('2024-03-04');
SELECT reason, points, message FROM pg_temp.why('tenant', '2024-03-04');
ROLLBACK;

-- a snapshot of a day before the first finding is a baseline for the next day
BEGIN;
TRUNCATE snapshot, metric_snapshot, initiative_snapshot, initiative_metric_snapshot,
    recommendation_snapshot;
CALL pg_temp.snapshot('2024-02-01');
SELECT members(metric_assets('m', '2024-02-01'));
CALL pg_temp.fail(1, 2);
CALL pg_temp.snapshot('2024-03-02');
SELECT recommendation, reason, points, newly_exposed, assets
FROM change_report('m', '2024-02-01', '2024-03-02');
ROLLBACK;
-- the history of later days with a snapshot stays
BEGIN;
CALL pg_temp.fail(1, 2);
CALL pg_temp.snapshot('2024-03-02');
CALL pg_temp.snapshot('2024-02-01');
SELECT metric_assets('m', '2024-03-01') AS before, metric_assets('m', '2024-03-02') AS after;
SELECT rec, reason, points, assets FROM pg_temp.why('m');
ROLLBACK;

-- errors
\set VERBOSITY default
SELECT * FROM explain('0');
SELECT * FROM explain('w');
SELECT * FROM change_report('mm', '2024-03-01', '2024-03-02');
SELECT * FROM change_report('m', '2024-03-02', '2024-03-01');
SELECT * FROM change_report('m', '2024-03-01', '2024-03-01');
SELECT * FROM change_report('m', '2024-03-01', '2024-03-05');
SELECT * FROM change_report('m', '2024-02-01', '2024-03-01');
DO $$
DECLARE
    hint text;
BEGIN
    PERFORM change_report('m', '2024-03-01', today());
EXCEPTION WHEN no_data_found THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RAISE WARNING 'of today: %', hint;
END $$;
INSERT INTO initiative (key, name) VALUES ('m', 'The same key');
SELECT * FROM change_report('m', '2024-03-01', '2024-03-02');
SELECT count(*) FROM change_report('metric:m', '2024-02-01', '2024-03-01');
SELECT count(*) FROM change_report('initiative:m', '2024-02-01', '2024-03-01');
SELECT count(*) FROM explain(NULL);
SELECT (SELECT count(*) FROM change_report(NULL, '2024-03-01', '2024-03-02')) AS of_nothing,
       (SELECT count(*) FROM change_report('w', NULL, '2024-03-02')) AS from_nothing;

-- random catalogs over five days
\set VERBOSITY terse
\i :include/random.sql
\i :include/catalog.sql
\i :include/change.sql
CALL pg_temp.try_changes(3 * :rounds);
SELECT what, sum(cases) >= 10 * :rounds AS enough, sum(differs) AS differ
FROM outcome GROUP BY what ORDER BY what;
SELECT * FROM verify();

DISCARD TEMP;
DROP EXTENSION posture;
