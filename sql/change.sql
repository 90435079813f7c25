-- Why a score changed: the parts of any change, each kind of change alone by
-- hand, then all of them at once on random catalogs against plain SQL.
CREATE EXTENSION posture;
\pset format unaligned
\pset fieldsep ' | '
SET search_path = posture, posture_internal, public;
SET timezone = 'UTC';
SET posture.timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET client_min_messages = warning;
SET jit = off;
\set SHOW_CONTEXT never

-- Ten hosts; the metric has two recommendations that overlap on assets.
INSERT INTO source (key, name) VALUES ('s', 'Source'), ('t', 'Other source');
INSERT INTO recommendation (source_id, key, title, max_points) VALUES
    (1, 'mfa', 'Require MFA', 10), (1, 'admin', 'Require MFA for admins', 10), (2, 'disk', 'Encrypt disks', 5), (1, 'log', 'Keep logs', 5);
INSERT INTO asset (key, name, kind) SELECT 'h' || n, 'Host ' || n, CASE WHEN n <= 8 THEN 'host' ELSE 'user' END FROM generate_series(1, 10) n;
INSERT INTO asset_group (key, name, kinds) VALUES ('users', 'Users', '{user}');
INSERT INTO metric (key, name, importance) VALUES ('m', 'Accounts without MFA', 'critical'), ('d', 'Disks', 'low');
INSERT INTO metric_recommendation VALUES (1, 1), (1, 2), (2, 3);
INSERT INTO initiative (key, name, method) VALUES ('w', 'Weighted', 'weighted'), ('p', 'Population', 'population'), ('q', 'Points', 'points');
INSERT INTO initiative_metric SELECT i, m, NULL FROM generate_series(1, 3) i, generate_series(1, 2) m;
INSERT INTO finding SELECT r, a, 'compliant', '2024-03-01 10:00' FROM generate_series(1, 4) r, generate_series(1, 10) a WHERE r <> 4 OR a <= 2;
UPDATE finding SET state = 'non_compliant', changed_at = '2024-03-01 11:00' WHERE asset_id = 1;
SELECT count(*) FROM take_snapshot('2024-03-01');
CREATE FUNCTION pg_temp.fail(rec integer, VARIADIC assets integer[]) RETURNS void LANGUAGE sql AS $$
    UPDATE finding SET state = 'non_compliant', changed_at = '2024-03-02 10:00' WHERE recommendation_id = rec AND asset_id = ANY (assets) $$;
CREATE FUNCTION pg_temp.why(of text) RETURNS TABLE (of_metric text, rec text, reason text, posture boolean, points numeric, newly bigint, only_this bigint, assets assetset, message text)
    LANGUAGE sql AS $$ SELECT c.metric, c.recommendation, c.reason, c.is_posture, c.points, c.newly_exposed, c.only_this, c.assets, c.message FROM change_report(of, '2024-03-01', '2024-03-02') c $$;

-- findings: h2 and h3 fail one each, h4 both; h1 is mended for one only
BEGIN;
SELECT pg_temp.fail(1, 2, 4), pg_temp.fail(2, 3, 4);
UPDATE finding SET state = 'compliant', changed_at = '2024-03-02 10:00' WHERE recommendation_id = 1 AND asset_id = 1;
SELECT events FROM take_snapshot('2024-03-02');
SELECT metric, recommendation, reason, is_posture, points, newly_exposed, only_this, assets, message FROM event e CROSS JOIN explain(e.event_id) WHERE e.metric_id = 1;
SELECT initiative, metric, recommendation, reason, points, newly_exposed, message FROM event e CROSS JOIN explain(e.event_id) WHERE e.initiative_id = 1 AND e.kind = 'initiative_score_drop';
SELECT initiative, metric, recommendation, reason, points, newly_exposed, message FROM event e CROSS JOIN explain(e.event_id) WHERE e.initiative_id = 3 AND e.kind = 'initiative_score_drop';
SELECT kind, object, cause FROM event_report WHERE kind <> 'new_initiative' ORDER BY 1, 2;
-- the same of any two days, and a change that is none
SELECT metric, reason, points, previous_score, score FROM change_report('m', '2024-03-01', '2024-03-02') WHERE points IS NOT NULL;
SELECT * FROM change_report('d', '2024-03-01', '2024-03-02');
ROLLBACK;
-- new assets, of which one fails; one is mended; a healthy one is no longer assessed
BEGIN;
INSERT INTO asset (key, name) SELECT 'n' || n, 'New ' || n FROM generate_series(1, 3) n;
INSERT INTO finding SELECT 1, asset_id, CASE WHEN key = 'n3' THEN 'non_compliant' ELSE 'compliant' END::finding_state, '2024-03-02 09:00' FROM asset WHERE key LIKE 'n%';
UPDATE finding SET state = 'compliant', changed_at = '2024-03-02 10:00' WHERE asset_id = 1;
UPDATE finding SET state = 'not_applicable', changed_at = '2024-03-02 10:00' WHERE asset_id = 2;
SELECT count(*) FROM take_snapshot('2024-03-02');
SELECT * FROM pg_temp.why('m');
ROLLBACK;
-- healthy assets retire: nothing got worse, the score drops
BEGIN;
UPDATE asset SET retired_at = '2024-03-02 10:00' WHERE asset_id BETWEEN 5 AND 8;
SELECT count(*) FROM take_snapshot('2024-03-02');
SELECT * FROM pg_temp.why('m');
SELECT * FROM pg_temp.why('w');
SELECT * FROM pg_temp.why('q');
SELECT cause FROM event_report WHERE object = 'm';
-- and come back, while another goes
UPDATE asset SET retired_at = NULL WHERE asset_id = 5;
UPDATE asset SET retired_at = '2024-03-03 10:00' WHERE asset_id = 9;
SELECT count(*) FROM take_snapshot('2024-03-03');
SELECT reason, points, assets, message FROM change_report('m', '2024-03-02', '2024-03-03');
ROLLBACK;
-- all retire and others come: what left nothing to assess has no points, and is told
BEGIN;
UPDATE asset SET retired_at = '2024-03-02 09:00';
INSERT INTO asset (key, name) SELECT 'n' || n, 'New ' || n FROM generate_series(1, 4) n;
INSERT INTO finding SELECT 1, asset_id, CASE WHEN key = 'n3' THEN 'non_compliant' ELSE 'compliant' END::finding_state, '2024-03-02 10:00' FROM asset WHERE key LIKE 'n%';
SELECT count(*) FROM take_snapshot('2024-03-02');
SELECT * FROM pg_temp.why('m');
SELECT cause FROM event_report WHERE object = 'm';
ROLLBACK;
-- stale assets
BEGIN;
UPDATE asset SET last_seen = '2024-03-01 00:00';
UPDATE asset SET last_seen = '2024-02-20 12:00' WHERE asset_id = 7;
UPDATE source SET stale_after = '11 days';
SELECT count(*) FROM take_snapshot('2024-03-02');
SELECT reason, points, assets, message FROM change_report('m', '2024-03-01', '2024-03-02');
ROLLBACK;
-- a recommendation comes, another goes; with the findings that it has
BEGIN;
INSERT INTO metric_recommendation VALUES (1, 4);
DELETE FROM metric_recommendation WHERE recommendation_id = 2;
INSERT INTO finding SELECT 4, a, 'non_compliant', '2024-03-02 10:00' FROM generate_series(3, 6) a;
SELECT count(*) FROM take_snapshot('2024-03-02');
SELECT * FROM pg_temp.why('m');
SELECT * FROM pg_temp.why('w');
SELECT cause FROM event_report WHERE object IN ('m', 'w') AND kind <> 'new_initiative';
ROLLBACK;
-- several at once: one part, and each of them
BEGIN;
INSERT INTO metric_recommendation VALUES (1, 3), (1, 4);
INSERT INTO finding SELECT 4, a, 'non_compliant', '2024-03-02 10:00' FROM generate_series(3, 6) a;
SELECT count(*) FROM take_snapshot('2024-03-02');
SELECT of_metric, rec, reason, points, newly, message FROM pg_temp.why('m');
ROLLBACK;
-- a source is switched off, and on; a metric that is left without data
BEGIN;
INSERT INTO metric_recommendation VALUES (1, 3);
SELECT pg_temp.fail(3, 2, 3);
UPDATE finding SET changed_at = '2024-03-01 10:00' WHERE recommendation_id = 3;
SELECT count(*) FROM take_snapshot('2024-03-02');
UPDATE source SET is_active = false WHERE key = 't';
SELECT count(*) FROM take_snapshot('2024-03-03');
SELECT metric, recommendation, reason, points, newly_exposed, assets, message FROM change_report('m', '2024-03-02', '2024-03-03');
SELECT metric, reason, points, message, previous_score, score FROM change_report('d', '2024-03-02', '2024-03-03');
SELECT metric, reason, points, message FROM change_report('w', '2024-03-02', '2024-03-03');
UPDATE source SET is_active = true;
SELECT count(*) FROM take_snapshot('2024-03-04');
SELECT metric, recommendation, reason, points, newly_exposed, assets, message FROM change_report('m', '2024-03-03', '2024-03-04');
SELECT metric, reason, points, message, previous_score, score FROM change_report('d', '2024-03-03', '2024-03-04');
-- over both: nothing changed
SELECT count(*) FROM change_report('w', '2024-03-02', '2024-03-04');
ROLLBACK;
-- a recommendation that was there is assessed for the first time, and then no more
BEGIN;
INSERT INTO recommendation (source_id, key, title) VALUES (1, 'new', 'New check');
INSERT INTO metric_recommendation SELECT 1, recommendation_id FROM recommendation WHERE key = 'new';
SELECT count(*) FROM take_snapshot('2024-03-02');
INSERT INTO finding SELECT recommendation_id, a, 'non_compliant', '2024-03-03 10:00' FROM recommendation, generate_series(1, 3) a WHERE key = 'new';
SELECT count(*) FROM take_snapshot('2024-03-03');
SELECT recommendation, reason, points, newly_exposed, message FROM change_report('m', '2024-03-02', '2024-03-03');
UPDATE finding SET state = 'not_applicable', changed_at = '2024-03-04 10:00' WHERE recommendation_id > 4;
SELECT count(*) FROM take_snapshot('2024-03-04');
SELECT recommendation, reason, points, message FROM change_report('m', '2024-03-03', '2024-03-04');
ROLLBACK;
-- exemptions: of an asset, a group and all; given, expired at the day's end, of two kinds at once
BEGIN;
SELECT pg_temp.fail(1, 2, 3, 9, 10), pg_temp.fail(2, 2);
UPDATE finding SET changed_at = '2024-03-01 10:00';
INSERT INTO exemption (recommendation_id, asset_id, asset_group_id, kind, reason, created_at, expires_at) VALUES
    (1, NULL, 1, 'mitigated', 'x', '2024-03-02 08:00', '2024-03-03 00:00'), (1, 3, NULL, 'waived', 'x', '2024-03-02 08:00', '2024-03-03 12:00'),
    (2, NULL, NULL, 'mitigated', 'x', '2024-03-02 08:00', '2024-03-03 12:00'), (1, 4, NULL, 'waived', 'x', '2024-03-02 08:00', '2024-03-02 12:00');
SELECT count(*) FROM take_snapshot('2024-03-02');
SELECT kind, for_all, assets, asset_groups FROM exemption_snapshot ORDER BY recommendation_id, kind;
SELECT * FROM asset_group_snapshot;
SELECT count(*) FROM take_snapshot('2024-03-03');
SELECT recommendation, reason, is_posture, points, newly_exposed, assets, message FROM change_report('m', '2024-03-02', '2024-03-03');
SELECT metric, recommendation, reason, points, newly_exposed, message FROM change_report('w', '2024-03-02', '2024-03-03');
SELECT metric, recommendation, reason, points, newly_exposed, message FROM change_report('q', '2024-03-02', '2024-03-03');
SELECT cause FROM event_report WHERE object IN ('m', 'w') AND kind <> 'new_initiative' AND day = '2024-03-03';
INSERT INTO exemption (recommendation_id, kind, reason, created_at) VALUES (1, 'waived', 'x', '2024-03-04 08:00'), (2, 'risk_accepted', 'x', '2024-03-04 08:00');
SELECT count(*) FROM take_snapshot('2024-03-04');
SELECT recommendation, reason, points, assets, message FROM change_report('m', '2024-03-03', '2024-03-04');
ROLLBACK;
-- an exemption from what comes or goes is a part of that
BEGIN;
INSERT INTO exemption (recommendation_id, asset_id, kind, reason, created_at, expires_at) VALUES
    (1, 1, 'waived', 'x', '2024-03-02 08:00', '2024-03-03 12:00'), (2, 1, 'waived', 'x', '2024-03-02 08:00', '2024-03-03 12:00'),
    (4, 1, 'waived', 'x', '2024-03-03 08:00', NULL);
SELECT count(*) FROM take_snapshot('2024-03-02');
DELETE FROM metric_recommendation WHERE recommendation_id = 2;
INSERT INTO metric_recommendation VALUES (1, 4);
SELECT count(*) FROM take_snapshot('2024-03-03');
SELECT recommendation, reason, points, newly_exposed, assets, message FROM change_report('m', '2024-03-02', '2024-03-03');
ROLLBACK;
-- the metric measures other assets; a recommendation is worth other points
BEGIN;
SELECT pg_temp.fail(1, 9);
SELECT count(*) FROM take_snapshot('2024-03-02');
UPDATE metric SET asset_kinds = '{user}' WHERE key = 'm';
UPDATE recommendation SET max_points = 100 WHERE key = 'mfa';
SELECT count(*) FROM take_snapshot('2024-03-03');
SELECT reason, is_posture, points, message FROM change_report('m', '2024-03-02', '2024-03-03');
SELECT metric, recommendation, reason, points FROM change_report('q', '2024-03-02', '2024-03-03');
SELECT metric, reason, points FROM change_report('w', '2024-03-02', '2024-03-03');
ROLLBACK;
-- all at once: value, weight, method, members
BEGIN;
SELECT pg_temp.fail(1, 2, 3, 4), pg_temp.fail(3, 5);
UPDATE asset SET retired_at = '2024-03-02 10:00' WHERE asset_id = 8;
UPDATE metric SET importance = 'low' WHERE key = 'm';
UPDATE initiative SET method = 'population' WHERE key = 'w';
INSERT INTO metric (key, name) VALUES ('l', 'Logs');
INSERT INTO metric_recommendation VALUES (3, 4);
INSERT INTO initiative_metric VALUES (1, 3, 2);
SELECT count(*) FROM take_snapshot('2024-03-02');
SELECT metric, reason, is_posture, points, newly_exposed, message FROM change_report('w', '2024-03-01', '2024-03-02');
SELECT sum(points) = min(previous_score) - min(score) AS exact FROM change_report('w', '2024-03-01', '2024-03-02');
ROLLBACK;
-- a measure is waived, and no more
BEGIN;
INSERT INTO recommendation (source_id, key, title) VALUES (1, 'share', 'Share less'), (1, 'guest', 'Invite less');
INSERT INTO measure SELECT recommendation_id, CASE key WHEN 'share' THEN 4 ELSE 1 END, 5, '2024-03-01 10:00' FROM recommendation WHERE key IN ('share', 'guest');
INSERT INTO metric (key, name) VALUES ('tenant', 'Tenant');
INSERT INTO metric_recommendation SELECT m.metric_id, r.recommendation_id FROM metric m, recommendation r WHERE m.key = 'tenant' AND r.key IN ('share', 'guest');
INSERT INTO exemption (recommendation_id, kind, reason, created_at, expires_at)
SELECT r.recommendation_id, v.kind::exemption_kind, 'x', v.from_when::timestamptz, v.to_when::timestamptz
FROM (VALUES ('share', 'waived', '2024-03-03 08:00', '2024-03-04 12:00'), ('guest', 'waived', '2024-03-04 08:00', '2024-03-05 12:00'),
             ('guest', 'mitigated', '2024-03-05 08:00', NULL)) v(key, kind, from_when, to_when) JOIN recommendation r USING (key);
SELECT count(take_snapshot('2024-03-01'::date + n)) FROM generate_series(1, 4) n;
SELECT day, exposed, assessed, score FROM metric_snapshot WHERE key = 'tenant' ORDER BY day;
SELECT recommendation, reason, points, message FROM change_report('tenant', '2024-03-02', '2024-03-03');
SELECT recommendation, reason, points, message FROM change_report('tenant', '2024-03-03', '2024-03-04');
SELECT recommendation, reason, points, message FROM change_report('tenant', '2024-03-04', '2024-03-05');
ROLLBACK;
-- recommendations that are deleted, and those of past days: one is one
BEGIN;
SELECT pg_temp.fail(2, 3, 4);
SELECT count(*) FROM take_snapshot('2024-03-02');
DELETE FROM finding WHERE recommendation_id = 2;
DELETE FROM recommendation WHERE recommendation_id = 2;
SELECT recommendation, reason, points, newly_exposed, message FROM change_report('m', '2024-03-01', '2024-03-02');
SELECT cause FROM event_report WHERE kind <> 'new_initiative' ORDER BY object;
SELECT count(*) FROM take_snapshot('2024-03-03');
SELECT recommendation, reason, points, message FROM change_report('m', '2024-03-02', '2024-03-03');
SELECT metric, recommendation, reason, points, message FROM change_report('q', '2024-03-02', '2024-03-03');
ROLLBACK;
-- an event of a past day keeps its causes when the day is run again, whatever the
-- metric measures since; it is compared anew if a day before it was missing
BEGIN;
SELECT pg_temp.fail(1, 2, 3, 9);
SELECT count(*) FROM take_snapshot('2024-03-05');
CREATE TEMP TABLE told AS TABLE event_cause;
UPDATE metric SET asset_kinds = '{user}', criticality_weights = '{1,1,2,5}' WHERE key = 'm';
DELETE FROM metric WHERE key = 'd';
SELECT count(*) FROM take_snapshot('2024-03-05');
SELECT count(*) FROM (TABLE told EXCEPT ALL TABLE event_cause) x;
SELECT count(*) FROM (TABLE event_cause EXCEPT ALL TABLE told) x;
UPDATE metric SET asset_kinds = NULL, criticality_weights = NULL;
SELECT count(*) FROM take_snapshot('2024-03-01'), take_snapshot('2024-03-02') AS missed;
SELECT count(*) FROM take_snapshot('2024-03-05');
SELECT e.day, e.previous_day, e.drop, (SELECT sum(c.points) FROM explain(e.event_id) c WHERE c.reason <> 'effect') AS parts
FROM event e WHERE e.metric_id = 1 ORDER BY e.day;
ROLLBACK;
-- a day that a source reported lies between two snapshots: all are compared with the earlier one
BEGIN;
SELECT pg_temp.fail(1, 2, 3);
INSERT INTO initiative (key, name) VALUES ('reported', 'Reported');
INSERT INTO initiative_snapshot (day, initiative_id, score, method, is_reported)
SELECT d, i.initiative_id, 60, 'points', true FROM initiative i, unnest('{2024-02-28,2024-02-29,2024-03-04}'::date[]) d WHERE i.key = 'reported';
SELECT previous_day('2024-03-05') AS of_the_day, previous_day('2024-03-01') AS of_the_first, previous_day('2024-02-28') AS of_none;
SELECT count(*) FROM take_snapshot('2024-03-05');
SELECT kind, object, drop, previous_day FROM event_report WHERE day = '2024-03-05' AND kind <> 'new_initiative' ORDER BY 1, 2;
ROLLBACK;

-- the day before a drop is past retention
BEGIN;
SELECT pg_temp.fail(1, 2, 3);
SELECT count(*) FROM take_snapshot('2024-03-02');
SELECT set_config('posture.retention_days', (today() - '2024-03-02')::text, true) IS NOT NULL AS set, purge() > 0 AS purged;
SELECT min(day) FROM metric_snapshot;
SELECT cause FROM event_report WHERE kind <> 'new_initiative' ORDER BY object;
SELECT count(*) FROM take_snapshot('2024-03-02');
SELECT reason, points, newly_exposed FROM event e CROSS JOIN explain(e.event_id) WHERE e.metric_id = 1;
ROLLBACK;

-- one point, and points of measures
BEGIN;
SET LOCAL posture.drop_threshold = 0.5;
INSERT INTO recommendation (source_id, key, title) VALUES (1, 'share', 'Share less');
INSERT INTO measure SELECT recommendation_id, 50, 100, '2024-03-01 10:00' FROM recommendation WHERE key = 'share';
INSERT INTO metric (key, name) VALUES ('tenant', 'Tenant');
INSERT INTO metric_recommendation SELECT m.metric_id, r.recommendation_id FROM metric m, recommendation r WHERE m.key = 'tenant' AND r.key = 'share';
INSERT INTO initiative (key, name) VALUES ('o', 'One');
INSERT INTO initiative_metric SELECT i.initiative_id, m.metric_id, 1 FROM metric m, initiative i WHERE m.key = 'tenant' AND i.key = 'o';
SELECT count(*) FROM take_snapshot('2024-03-02');
UPDATE measure SET achieved = 49, observed_at = '2024-03-03 10:00';
SELECT count(*) FROM take_snapshot('2024-03-03');
SELECT cause FROM event_report WHERE day = '2024-03-03' ORDER BY object;
SELECT summary FROM day_report WHERE day = '2024-03-03';
UPDATE measure SET achieved = 60, observed_at = '2024-03-04 10:00';
SELECT count(*) FROM take_snapshot('2024-03-04');
SELECT reason, points, message FROM change_report('tenant', '2024-03-03', '2024-03-04');
ROLLBACK;

-- a baseline of now, before anything was known: the next day is compared with it
BEGIN;
TRUNCATE snapshot, metric_snapshot, initiative_snapshot, initiative_metric_snapshot, recommendation_snapshot;
SELECT count(*) FROM take_snapshot('2024-02-01');
SELECT members(metric_assets('m', '2024-02-01'));
SELECT pg_temp.fail(1, 2);
SELECT count(*) FROM take_snapshot('2024-03-02');
SELECT recommendation, reason, points, newly_exposed, assets FROM change_report('m', '2024-02-01', '2024-03-02');
ROLLBACK;
-- the history of later days that have a snapshot stays
BEGIN;
SELECT pg_temp.fail(1, 2);
SELECT count(*) FROM take_snapshot('2024-03-02');
SELECT count(*) FROM take_snapshot('2024-02-01');
SELECT metric_assets('m', '2024-03-01') AS before, metric_assets('m', '2024-03-02') AS after;
SELECT recommendation, reason, points, assets FROM change_report('m', '2024-03-01', '2024-03-02');
ROLLBACK;

-- what can't be asked
\set VERBOSITY default
SELECT * FROM explain(0);
SELECT * FROM change_report('nothing', '2024-03-01', '2024-03-02');
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
SELECT (SELECT count(*) FROM change_report(NULL, '2024-03-01', '2024-03-02')) AS of_nothing, (SELECT count(*) FROM change_report('w', NULL, '2024-03-02')) AS from_nothing;
\set VERBOSITY terse

-- Random days. What was, as plain rows: findings, members that counted, assets
-- that were gone, exemptions in force.
CREATE TEMP TABLE day_finding (day date, recommendation_id integer, asset_id integer, state finding_state);
CREATE TEMP TABLE day_member (day date, metric_id integer, recommendation_id integer);
CREATE TEMP TABLE day_gone (day date, asset_id integer);
CREATE TEMP TABLE day_exempt (day date, recommendation_id integer, asset_id integer, kind exemption_kind);
CREATE TEMP TABLE outcome (round integer, what text, differs bigint, cases bigint);

CREATE PROCEDURE pg_temp.begin_round(round integer) LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE source, asset, asset_alias, asset_group, recommendation, metric, metric_recommendation, initiative, initiative_metric,
        initiative_recommendation, finding, measure, exemption, benchmark, score_band, snapshot, exemption_snapshot, asset_group_snapshot, recommendation_snapshot,
        metric_snapshot, initiative_snapshot, initiative_metric_snapshot, finding_history, event, event_cause RESTART IDENTITY;
    PERFORM rebuild();
    TRUNCATE finding_history, day_finding, day_member, day_gone, day_exempt;
    PERFORM setseed(round / 100.0);
    INSERT INTO source (key, name, stale_after) SELECT 's' || i, 'S', CASE WHEN i = 2 AND round % 3 = 0 THEN interval '20 days' END FROM generate_series(1, 4) i;
    INSERT INTO recommendation (source_id, key, title, max_points) SELECT 1 + i % 4, 'r' || i, 'R', CASE WHEN random() < 0.8 THEN (random() * 10)::integer END FROM generate_series(1, 14) i;
    INSERT INTO asset (key, kind, name, last_seen)
    SELECT 'a' || i, 'kind' || (random() * 2)::integer, 'A', '2024-03-01'::timestamptz - random() * interval '40 days' FROM generate_series(1, 60) i;
    INSERT INTO asset_group (key, name, kinds) SELECT 'g' || i, 'G', ARRAY['kind' || i] FROM generate_series(0, 2) i;
    INSERT INTO metric (key, name, asset_kinds, importance, criticality_weights)
    SELECT 'm' || i, 'M', CASE WHEN random() < 0.3 THEN ARRAY['kind0', 'kind1'] END, (ARRAY['critical', 'low', 'medium', 'high'])[1 + i % 4]::importance,
           CASE WHEN random() < 0.3 THEN '{1,2,3,10}'::integer[] END FROM generate_series(1, 6) i;
    UPDATE asset SET criticality = (ARRAY['low', 'medium', 'high', 'critical'])[1 + floor(random() * 4)];
    INSERT INTO metric_recommendation SELECT metric_id, recommendation_id FROM metric, recommendation WHERE random() < 0.3;
    INSERT INTO initiative (key, name, method) SELECT 'i' || i, 'I', (ARRAY['weighted', 'population', 'points'])[1 + i % 3]::initiative_method FROM generate_series(1, 6) i;
    INSERT INTO initiative_metric SELECT initiative_id, metric_id, CASE WHEN random() < 0.5 THEN (random() * 4)::integer END FROM initiative, metric WHERE random() < 0.6 AND initiative_id < 6;
    INSERT INTO initiative_recommendation SELECT initiative_id, recommendation_id FROM initiative, recommendation WHERE random() < 0.4 AND initiative_id IN (2, 5, 6);
    INSERT INTO finding SELECT r.recommendation_id, a.asset_id, (ARRAY['compliant', 'non_compliant', 'not_applicable'])[1 + floor(random() * 3)]::finding_state, '2024-03-01 08:00'
    FROM recommendation r, asset a WHERE random() < 0.3 AND r.recommendation_id <= 11;
    INSERT INTO measure SELECT recommendation_id, (random() * 5)::integer, 5, '2024-03-01 08:00' FROM recommendation WHERE recommendation_id BETWEEN 11 AND 13;
END $$;
CREATE PROCEDURE pg_temp.change_day(round integer, at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    IF round > 12 THEN
        -- what is measured changes in ways that no step knows
        UPDATE asset SET kind = 'kind' || (random() * 2)::integer, criticality = 'high' WHERE random() < 0.1;
        UPDATE metric SET asset_kinds = CASE WHEN random() < 0.5 THEN ARRAY['kind1'] END, criticality_weights = NULL WHERE random() < 0.2;
    END IF;
    UPDATE finding SET state = (ARRAY['compliant', 'non_compliant', 'not_applicable'])[1 + floor(random() * 3)]::finding_state, changed_at = at WHERE random() < 0.05;
    INSERT INTO asset (key, kind, name, last_seen) SELECT 'n' || at || i, 'kind' || (random() * 2)::integer, 'N', at FROM generate_series(1, 2) i;
    INSERT INTO finding SELECT r.recommendation_id, a.asset_id, (ARRAY['compliant', 'non_compliant'])[1 + floor(random() * 2)]::finding_state, at
    FROM recommendation r, asset a WHERE random() < 0.02 AND r.recommendation_id <> 14 ON CONFLICT DO NOTHING;
    IF random() < 0.3 THEN
        INSERT INTO finding SELECT 14, a.asset_id, 'non_compliant', at FROM asset a WHERE random() < 0.2 ON CONFLICT DO NOTHING;
    END IF;
    UPDATE measure SET achieved = (random() * 5)::integer, observed_at = at WHERE random() < 0.4;
    UPDATE asset SET retired_at = CASE WHEN retired_at IS NULL THEN at END WHERE random() < 0.04;
    UPDATE asset SET last_seen = at WHERE random() < 0.2;
    DELETE FROM metric_recommendation WHERE random() < 0.06;
    INSERT INTO metric_recommendation SELECT metric_id, recommendation_id FROM metric, recommendation WHERE random() < 0.03 ON CONFLICT DO NOTHING;
    DELETE FROM initiative_metric WHERE random() < 0.06;
    INSERT INTO initiative_metric SELECT initiative_id, metric_id, 1 FROM initiative, metric WHERE random() < 0.05 AND initiative_id < 6 ON CONFLICT DO NOTHING;
    UPDATE initiative_metric SET weight = (random() * 5)::integer WHERE random() < 0.1;
    UPDATE metric SET importance = 'critical' WHERE random() < 0.1;
    UPDATE initiative SET method = (ARRAY['weighted', 'population', 'points'])[1 + floor(random() * 3)]::initiative_method WHERE random() < 0.1;
    UPDATE source SET is_active = NOT is_active WHERE random() < 0.1;
    UPDATE recommendation SET is_active = NOT is_active WHERE random() < 0.05;
    UPDATE recommendation SET max_points = 7 WHERE random() < 0.05;
    INSERT INTO exemption (recommendation_id, asset_id, kind, reason, created_at, expires_at)
    SELECT r.recommendation_id, CASE WHEN random() < 0.7 THEN 1 + floor(random() * 60) END, (ARRAY['mitigated', 'waived', 'risk_accepted'])[1 + floor(random() * 3)]::exemption_kind, 'x',
           at, CASE WHEN random() < 0.7 THEN at + interval '1 day' * ceil(random() * 3) END FROM recommendation r WHERE random() < 0.15;
    INSERT INTO exemption (recommendation_id, asset_group_id, kind, reason, created_at, expires_at)
    SELECT r.recommendation_id, 1 + floor(random() * 3), 'waived', 'x', at, at + interval '2 days' FROM recommendation r WHERE random() < 0.06;
END $$;
CREATE PROCEDURE pg_temp.keep_day(of_day date) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM take_snapshot(of_day);
    INSERT INTO day_finding SELECT of_day, recommendation_id, asset_id, state FROM finding;
    INSERT INTO day_member SELECT of_day, mr.metric_id, mr.recommendation_id
    FROM metric_recommendation mr JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id) WHERE r.is_active AND s.is_active;
    INSERT INTO day_gone SELECT of_day, a.asset_id FROM asset a
    WHERE a.retired_at < day_end(of_day)
       OR NOT EXISTS (SELECT FROM finding f JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id)
                      WHERE f.asset_id = a.asset_id AND f.state <> 'not_applicable' AND s.is_active AND r.is_active
                        AND (s.stale_after IS NULL OR a.last_seen >= day_end(of_day) - s.stale_after))
          AND EXISTS (SELECT FROM source s WHERE s.is_active AND a.last_seen < day_end(of_day) - s.stale_after);
    INSERT INTO day_exempt SELECT DISTINCT of_day, e.recommendation_id, a.asset_id, e.kind
    FROM exemption e JOIN asset a ON CASE WHEN e.asset_id IS NOT NULL THEN a.asset_id = e.asset_id
                                          WHEN e.asset_group_id IS NOT NULL THEN a.kind = (SELECT g.kinds[1] FROM asset_group g WHERE g.asset_group_id = e.asset_group_id)
                                          ELSE true END
    WHERE e.created_at < day_end(of_day) AND coalesce(e.expires_at >= day_end(of_day), true);
END $$;

-- a metric's assets with the findings of was_day for recommendations that were
-- measured before, those of is_day for the others, and all else as on at_day
CREATE FUNCTION pg_temp.mixed(was_day date, is_day date, members date, at_day date)
    RETURNS TABLE (metric_id integer, recommendation_id integer, asset_id integer, exposed boolean) LANGUAGE sql AS $$
    SELECT b.metric_id, b.recommendation_id, f.asset_id, f.state = 'non_compliant' AND m.asset_id IS NULL
    FROM day_member b
    JOIN metric c USING (metric_id)
    CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM day_member o WHERE o.day = was_day AND o.metric_id = b.metric_id AND o.recommendation_id = b.recommendation_id)
                           AND (EXISTS (SELECT FROM day_finding g WHERE g.day = was_day AND g.recommendation_id = b.recommendation_id AND g.state <> 'not_applicable')
                                OR EXISTS (SELECT FROM measure x WHERE x.recommendation_id = b.recommendation_id)) AS was) k
    JOIN day_finding f ON f.day = CASE WHEN k.was THEN was_day ELSE is_day END AND f.recommendation_id = b.recommendation_id AND f.state <> 'not_applicable'
    JOIN asset a USING (asset_id)
    LEFT JOIN day_exempt w ON w.day = at_day AND w.recommendation_id = b.recommendation_id AND w.asset_id = f.asset_id AND w.kind = 'waived'
    LEFT JOIN day_exempt m ON m.day = at_day AND m.recommendation_id = b.recommendation_id AND m.asset_id = f.asset_id AND m.kind = 'mitigated'
    WHERE b.day = members AND w.asset_id IS NULL AND (c.asset_kinds IS NULL OR a.kind = ANY (c.asset_kinds))
      AND NOT EXISTS (SELECT FROM day_gone g WHERE g.day = at_day AND g.asset_id = f.asset_id) $$;

CREATE PROCEDURE pg_temp.check_days(round integer, was_day date, is_day date) LANGUAGE plpgsql AS $$
DECLARE
    metrics integer[] := ARRAY(SELECT metric_id FROM metric);
    initiatives integer[] := ARRAY(SELECT initiative_id FROM initiative);
BEGIN
    CREATE TEMP TABLE ours AS SELECT * FROM metric_change(was_day, is_day, metrics);
    -- the parts of a metric sum to its change, and nothing is left unexplained
    INSERT INTO outcome
    SELECT round, 'metric parts', count(*) FILTER (WHERE coalesce(x.points, 0) <> (p.score - n.score)), count(*)
    FROM metric_snapshot n JOIN metric_snapshot p USING (metric_id) LEFT JOIN (SELECT metric_id, sum(o.points) AS points FROM ours o GROUP BY metric_id) x USING (metric_id)
    WHERE n.day = is_day AND p.day = was_day AND n.score IS NOT NULL AND p.score IS NOT NULL;
    IF round <= 12 THEN
        INSERT INTO outcome SELECT round, 'unexplained', count(*) FILTER (WHERE reason = 'scope_change'), count(*) FROM ours;
    ELSE
        INSERT INTO outcome SELECT round, 'scope changed', 0, count(*) FILTER (WHERE reason = 'scope_change') FROM ours;
    END IF;
    -- those of an initiative too, taken apart or not; of each metric the same
    INSERT INTO outcome
    SELECT round, 'initiative parts', count(*) FILTER (WHERE coalesce(x.points, 0) <> (p.score - n.score) OR coalesce(y.points, 0) <> (p.score - n.score)), count(*)
    FROM initiative_snapshot n JOIN initiative_snapshot p USING (initiative_id)
    LEFT JOIN (SELECT initiative_id, sum(c.points) AS points FROM initiative_change(was_day, is_day, initiatives) c GROUP BY 1) x USING (initiative_id)
    LEFT JOIN (SELECT initiative_id, sum(c.points) AS points FROM initiative_change(was_day, is_day, NULL) c GROUP BY 1) y USING (initiative_id)
    WHERE n.day = is_day AND p.day = was_day AND n.score IS NOT NULL AND p.score IS NOT NULL;
    INSERT INTO outcome
    SELECT round, 'apart', count(*) FILTER (WHERE abs(coalesce(x.exact, 0) - coalesce(y.exact, 0)) > 1e-15), count(*)
    FROM (SELECT initiative_id, coalesce(metric_id, 0) AS m, coalesce(CASE WHEN metric_id IS NULL THEN recommendation_id ELSE 0 END, 0) AS r, sum(exact) AS exact FROM initiative_change_part(was_day, is_day, initiatives) GROUP BY 1, 2, 3) x
    FULL JOIN (SELECT initiative_id, coalesce(metric_id, 0) AS m, coalesce(CASE WHEN metric_id IS NULL THEN recommendation_id ELSE 0 END, 0) AS r, sum(exact) AS exact FROM initiative_change_part(was_day, is_day, NULL) GROUP BY 1, 2, 3) y USING (initiative_id, m, r);

    IF round > 12 THEN
        DROP TABLE ours;
        RETURN;
    END IF;
    -- newly exposed assets by recommendation, against plain rows: exposed now, and
    -- not if the findings were those of before
    CREATE TEMP TABLE now_pair AS SELECT * FROM pg_temp.mixed(NULL, is_day, is_day, is_day);
    CREATE TEMP TABLE then_pair AS SELECT * FROM pg_temp.mixed(was_day, is_day, is_day, is_day);
    CREATE TEMP TABLE theirs AS
    WITH fresh AS (
        SELECT DISTINCT n.metric_id, n.asset_id FROM now_pair n
        WHERE n.exposed AND NOT EXISTS (SELECT FROM then_pair t WHERE t.metric_id = n.metric_id AND t.asset_id = n.asset_id AND t.exposed)
    ), failed AS (
        SELECT n.metric_id, n.recommendation_id, n.asset_id, count(*) OVER (PARTITION BY n.metric_id, n.asset_id) AS fails
        FROM now_pair n JOIN fresh USING (metric_id, asset_id) WHERE n.exposed
    )
    SELECT metric_id, recommendation_id, count(*) AS newly, count(*) FILTER (WHERE fails = 1) AS only_this, array_agg(asset_id ORDER BY asset_id) AS assets
    FROM failed WHERE metric_id IN (SELECT s.metric_id FROM metric_snapshot s WHERE s.day = was_day) GROUP BY 1, 2;
    INSERT INTO outcome
    SELECT round, 'newly exposed', (SELECT count(*) FROM (
        (SELECT metric_id, recommendation_id, newly_exposed, o.only_this, assets::integer[] FROM ours o WHERE reason = 'newly_exposed' AND points IS NULL EXCEPT ALL TABLE theirs)
        UNION ALL
        (TABLE theirs EXCEPT ALL SELECT metric_id, recommendation_id, newly_exposed, o.only_this, assets::integer[] FROM ours o WHERE reason = 'newly_exposed' AND points IS NULL)) x),
        (SELECT count(*) FROM theirs);
    -- assets that went, of those that counted before
    INSERT INTO outcome
    SELECT round, 'retired', count(*) FILTER (WHERE coalesce(x.assets, '{}') <> coalesce(y.assets, '{}')), count(*)
    FROM (SELECT metric_id, assets::integer[] AS assets FROM ours WHERE reason = 'assets_retired') x
    FULL JOIN (SELECT p.metric_id, array_agg(DISTINCT p.asset_id ORDER BY p.asset_id) AS assets
               FROM pg_temp.mixed(was_day, was_day, was_day, was_day) p JOIN day_gone g ON g.day = is_day AND g.asset_id = p.asset_id
               WHERE p.metric_id IN (SELECT s.metric_id FROM metric_snapshot n JOIN metric_snapshot s USING (metric_id)
                                     WHERE n.day = is_day AND s.day = was_day AND n.score IS NOT NULL AND s.score IS NOT NULL) GROUP BY 1) y USING (metric_id);
    DROP TABLE ours, theirs, now_pair, then_pair;
END $$;
DO $$
DECLARE
    on_day date;
BEGIN
    FOR round IN 1..18 LOOP
        CALL pg_temp.begin_round(round);
        FOR i IN 1..5 LOOP
            on_day := '2024-03-01'::date + i - 1;
            IF i > 1 THEN
                CALL pg_temp.change_day(round, on_day + interval '10 hours');
            END IF;
            CALL pg_temp.keep_day(on_day);
            IF i > 1 THEN
                CALL pg_temp.check_days(round, on_day - 1, on_day);
            END IF;
        END LOOP;
        CALL pg_temp.check_days(round, '2024-03-01', '2024-03-05');
        -- causes of events sum to their drops
        INSERT INTO outcome
        SELECT round, 'events', count(*) FILTER (WHERE x.points IS DISTINCT FROM e.drop), count(*)
        FROM event e LEFT JOIN LATERAL (SELECT sum(c.points) AS points FROM explain(e.event_id) c WHERE c.reason <> 'effect') x ON true
        WHERE e.kind <> 'new_initiative';
        INSERT INTO outcome SELECT round, 'sentences', count(*) FILTER (WHERE cause IS NULL), count(*) FROM event_report;
    END LOOP;
END $$;
SELECT what, sum(cases) >= 50 AS enough, sum(differs) AS differ FROM outcome GROUP BY what ORDER BY what;
SELECT * FROM verify();

DISCARD TEMP;
DROP EXTENSION posture;
