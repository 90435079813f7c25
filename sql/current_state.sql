-- Scores, worked out by hand: metrics, initiatives by each method, exemptions, retirement,
-- staleness.
-- tests: score/current_object_count, score/points, score/initiative_score, score/membership
-- tests: score/counting_rule, score/exempt_set, score/staleness, score/score_at, finding/finding
-- tests: finding/measure
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql

-- short forms; a recommendation is named SOURCE:KEY
\set ECHO none
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.rec(of text) RETURNS integer LANGUAGE sql AS $$
    SELECT r.recommendation_id FROM recommendation r JOIN source s USING (source_id)
    WHERE s.key || ':' || r.key = of $$;
CREATE PROCEDURE pg_temp.rec(of text, points numeric) LANGUAGE sql AS $$
    INSERT INTO recommendation (source_id, key, title, max_points)
    SELECT s.source_id, split_part(of, ':', 2), of, points FROM source s WHERE s.key = split_part(of, ':', 1) $$;
-- of the assets first .. last those up to failing fail
CREATE PROCEDURE pg_temp.found(of text, first integer, last integer, failing integer)
    LANGUAGE sql AS $$
    INSERT INTO finding (recommendation_id, asset_id, state)
    SELECT pg_temp.rec(of), a, CASE WHEN a <= failing THEN 'non_compliant'
                                    ELSE 'compliant' END::finding_state
    FROM generate_series(first, last) a $$;
\set ECHO all
CREATE PROCEDURE pg_temp.metric(of text, how importance, VARIADIC recs text[]) LANGUAGE sql AS $$
    WITH m AS (INSERT INTO metric (key, name, importance) VALUES (of, of, how) RETURNING metric_id)
    INSERT INTO metric_recommendation SELECT m.metric_id, pg_temp.rec(x) FROM m, unnest(recs) x $$;
CREATE PROCEDURE pg_temp.initiative(of text, how initiative_method,
                                    VARIADIC metrics text[] DEFAULT '{}') LANGUAGE sql AS $$
    WITH i AS (INSERT INTO initiative (key, name, method) VALUES (of, of, how)
               RETURNING initiative_id)
    INSERT INTO initiative_metric
    SELECT i.initiative_id, m.metric_id FROM i, metric m WHERE m.key = ANY (metrics) $$;
\set ECHO none
CREATE PROCEDURE pg_temp.measured(of text, achieved numeric, possible numeric) LANGUAGE sql AS $$
    INSERT INTO measure (recommendation_id, achieved, possible, observed_at)
    VALUES (pg_temp.rec(of), achieved, possible, now()) $$;
CREATE FUNCTION pg_temp.m(of text, OUT exposed numeric, OUT assessed numeric, OUT score score)
    LANGUAGE sql AS $$
    SELECT exposed, assessed, score FROM metric_state('infinity') JOIN metric USING (metric_id)
    WHERE key = of $$;
CREATE FUNCTION pg_temp.i(of text, OUT method initiative_method, OUT score score) LANGUAGE sql AS $$
    SELECT r.method, r.score FROM initiative_result(NULL) r JOIN initiative USING (initiative_id)
    WHERE key = of $$;

INSERT INTO source (key, name) VALUES ('s', 'Source'), ('t', 'Other source');
INSERT INTO asset (key, name, kind)
SELECT 'a' || n, 'Asset ' || n, 'host' FROM generate_series(1, 1200) n;
\set ECHO all

-- nothing there yet
SELECT * FROM recommendation_state('infinity');
CALL pg_temp.initiative('empty', 'weighted');
SELECT * FROM pg_temp.i('empty');

-- Defender for Cloud: 6 of 78 healthy at max 4 gives 0.31 points
CALL pg_temp.rec('s:mfa', 4);
CALL pg_temp.found('s:mfa', 1, 78, 72);
SELECT round(achieved, 6) AS achieved, possible, exposed, assessed, failing
FROM recommendation_state('infinity') WHERE recommendation_id = pg_temp.rec('s:mfa');
-- its secure score: controls weighted by their max scores; one with only
-- not-applicable assets leaves the denominator: (4 x 7.692308 + 6 x 100) / 10
\set ECHO none
CALL pg_temp.rec('s:patch', 6);
CALL pg_temp.found('s:patch', 1, 10, 0);
CALL pg_temp.rec('s:none', 90);
INSERT INTO finding SELECT pg_temp.rec('s:none'), n, 'not_applicable' FROM generate_series(1, 5) n;
CALL pg_temp.metric('mfa', 'medium', 's:mfa');
CALL pg_temp.metric('patch', 'medium', 's:patch');
CALL pg_temp.metric('none', 'medium', 's:none');
CALL pg_temp.initiative('defender', 'weighted', 'mfa', 'patch', 'none');
UPDATE initiative_metric SET weight = CASE metric_id WHEN 1 THEN 4 WHEN 2 THEN 6 ELSE 90 END;
\set ECHO all
SELECT m.key, (pg_temp.m(m.key)).* FROM metric m ORDER BY metric_id;
SELECT * FROM pg_temp.i('defender');
-- by points the same controls give (0.307692 + 6) / 10
UPDATE initiative SET method = 'points' WHERE key = 'defender';
SELECT * FROM pg_temp.i('defender');
-- all unavailable: NULL, never 0
UPDATE initiative SET method = 'weighted' WHERE key = 'defender';
UPDATE finding SET state = 'not_applicable';
SELECT * FROM pg_temp.i('defender');
UPDATE initiative SET method = 'population' WHERE key = 'defender';
SELECT * FROM pg_temp.i('defender');
UPDATE initiative SET method = 'points' WHERE key = 'defender';
SELECT * FROM pg_temp.i('defender');
DELETE FROM finding;
SELECT * FROM pg_temp.i('defender');

-- an asset that fails three recommendations of a metric counts once
\set ECHO none
CALL pg_temp.rec('s:a', NULL);
CALL pg_temp.rec('s:b', NULL);
CALL pg_temp.rec('t:a', NULL);
CALL pg_temp.metric('once', 'critical', 's:a', 's:b', 't:a');
CALL pg_temp.found('s:a', 1, 3, 1);
CALL pg_temp.found('s:b', 1, 3, 1);
CALL pg_temp.found('t:a', 1, 2, 1);
\set ECHO all
SELECT * FROM pg_temp.m('once');
-- 100 assets, 37 exposed
CALL pg_temp.rec('s:c', NULL);
CALL pg_temp.metric('hundred', 'critical', 's:c');
CALL pg_temp.found('s:c', 1, 100, 37);
SELECT * FROM pg_temp.m('hundred');
SELECT cardinality(metric_assets('hundred')), metric_assets('once');
\set ECHO none
DELETE FROM finding;

-- weights 1, 2, 3 with scores 1, 2, 3: measures make any score
CALL pg_temp.rec('s:m1', NULL); CALL pg_temp.measured('s:m1', 1, 100); CALL pg_temp.metric('m1', 'low', 's:m1');
CALL pg_temp.rec('s:m2', NULL); CALL pg_temp.measured('s:m2', 2, 100); CALL pg_temp.metric('m2', 'low', 's:m2');
CALL pg_temp.rec('s:m3', NULL); CALL pg_temp.measured('s:m3', 3, 100); CALL pg_temp.metric('m3', 'low', 's:m3');
CALL pg_temp.initiative('thirds', 'weighted', 'm1', 'm2', 'm3');
\set ECHO all
SELECT * FROM pg_temp.i('thirds');
UPDATE initiative_metric SET weight = right(m.key, 1)::numeric
FROM metric m, initiative i
WHERE m.metric_id = initiative_metric.metric_id
  AND i.initiative_id = initiative_metric.initiative_id AND i.key = 'thirds';
SELECT * FROM pg_temp.i('thirds');
-- weights 0 add up to nothing
UPDATE initiative_metric SET weight = 0;
SELECT * FROM pg_temp.i('thirds');
-- the metric's score as shown is what is weighed: three times 33.333333 and
-- not a third of 100
UPDATE measure SET achieved = 1, possible = 3;
UPDATE initiative_metric SET weight = 1;
SELECT * FROM pg_temp.m('m1');
SELECT * FROM pg_temp.i('thirds');
UPDATE initiative SET method = 'population' WHERE key = 'thirds';
UPDATE measure SET achieved = 2 WHERE recommendation_id = pg_temp.rec('s:m3');
SELECT * FROM pg_temp.i('thirds');

-- missing points count as exposed, possible ones as assessed, beside assets
CALL pg_temp.metric('mixed', 'low', 's:m3', 's:a');
CALL pg_temp.found('s:a', 1, 7, 2);
SELECT * FROM pg_temp.m('mixed');
-- a measure of nothing
UPDATE measure SET achieved = 0, possible = 0 WHERE recommendation_id = pg_temp.rec('s:m3');
SELECT * FROM pg_temp.m('m3');
SELECT * FROM pg_temp.m('mixed');
\set ECHO none
DELETE FROM measure;
DELETE FROM finding;

-- population, from counts: (500 x 4 x 200 + 800 x 3 x 300) / (2000 x 700 + 2400 x 400)
CALL pg_temp.found('s:a', 1, 700, 500);
CALL pg_temp.found('s:c', 701, 1100, 800);
CALL pg_temp.metric('users', 'low', 's:a');
CALL pg_temp.initiative('population', 'population', 'users', 'hundred');
UPDATE initiative_metric SET weight = CASE metric_id WHEN (SELECT metric_id FROM metric
        WHERE key = 'users') THEN 2000 ELSE 2400 END
WHERE initiative_id = (SELECT initiative_id FROM initiative WHERE key = 'population');
\set ECHO all
SELECT * FROM pg_temp.m('users');
SELECT * FROM pg_temp.m('hundred');
SELECT * FROM pg_temp.i('population');
DELETE FROM finding;

-- points: 50 of 100 users at 10 points is 5; without metrics points are used
-- whatever the method says
CALL pg_temp.rec('s:users', 10);
CALL pg_temp.rec('s:more', 30);
CALL pg_temp.found('s:users', 1, 100, 50);
SELECT round(achieved, 6) AS achieved, possible FROM recommendation_state('infinity')
WHERE recommendation_id = pg_temp.rec('s:users');
CALL pg_temp.initiative('secure', 'weighted');
INSERT INTO initiative_recommendation
SELECT i.initiative_id, pg_temp.rec(r) FROM initiative i, unnest('{s:users,s:more,s:c}'::text[]) r
WHERE i.key = 'secure';
SELECT * FROM pg_temp.i('secure');
CALL pg_temp.measured('s:more', 7, 20);
SELECT * FROM pg_temp.i('secure');
-- assets that no recommendation of it gives points for change nothing
CALL pg_temp.found('s:c', 1, 5, 5);
SELECT * FROM pg_temp.i('secure');
-- one that is inactive is as if there were none
INSERT INTO initiative_metric
SELECT i.initiative_id, m.metric_id, NULL FROM initiative i, metric m
WHERE i.key = 'secure' AND m.key = 'hundred';
SELECT * FROM pg_temp.i('secure');
UPDATE metric SET is_active = false WHERE key = 'hundred';
SELECT * FROM pg_temp.i('secure');
SELECT count(*) FROM metric_state('infinity') JOIN metric USING (metric_id) WHERE key = 'hundred';
UPDATE metric SET is_active = true WHERE key = 'hundred';
UPDATE initiative SET is_active = false WHERE key = 'secure';
SELECT count(*) FROM initiative_result(NULL) JOIN initiative USING (initiative_id)
WHERE key = 'secure';
\set ECHO none
DELETE FROM initiative WHERE key = 'secure';
DELETE FROM measure;
DELETE FROM finding;

-- points are exact: three thirds are one, and 100 x 1 / 512 is 0.1953125,
-- which rounds up
CALL pg_temp.rec('s:third1', 1);
CALL pg_temp.rec('s:third2', 1);
CALL pg_temp.rec('s:third3', 1);
CALL pg_temp.rec('s:rest', 509);
CALL pg_temp.found('s:third1', 1, 3, 2);
CALL pg_temp.found('s:third2', 1, 3, 2);
CALL pg_temp.found('s:third3', 1, 3, 2);
CALL pg_temp.found('s:rest', 1, 3, 3);
CALL pg_temp.initiative('exact', 'points');
INSERT INTO initiative_recommendation
SELECT i.initiative_id, pg_temp.rec(r) FROM initiative i, unnest('{s:third1,s:third2,s:third3,s:rest}'::text[]) r
WHERE i.key = 'exact';
\set ECHO all
SELECT * FROM pg_temp.i('exact');
\set ECHO none
DELETE FROM initiative WHERE key = 'exact';
DELETE FROM finding;

-- Exemptions. Assets 1 .. 10 of 20 fail; 1 .. 4 are buckets, 11 .. 12 too.
UPDATE asset SET kind = 'bucket', tags = '{"env": "prod", "zone": 1}' WHERE asset_id IN (1, 2, 3, 4, 11, 12);
UPDATE asset SET criticality = 'critical' WHERE asset_id IN (4, 5);
UPDATE asset SET criticality = 'low' WHERE asset_id IN (3, 12);
INSERT INTO asset_group (key, name, kinds, min_criticality, tags) VALUES
    ('buckets', 'Buckets', '{bucket,none}', NULL, NULL),
    ('prod', 'Production', NULL, 'medium', '{"env": "prod"}'),
    ('critical', 'Critical', NULL, 'high', NULL), ('every', 'Everything', NULL, NULL, NULL),
    ('nothing', 'Nothing', '{}', NULL, NULL);
CALL pg_temp.rec('s:x', 10);
CALL pg_temp.found('s:x', 1, 20, 10);
CALL pg_temp.metric('x', 'high', 's:x');
CREATE FUNCTION pg_temp.exempt(kind exemption_kind, scope text, begins interval DEFAULT '0',
                               ends interval DEFAULT NULL,
                               OUT exposed numeric, OUT assessed numeric, OUT score score,
                               OUT points numeric)
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO exemption (recommendation_id, kind, reason, asset_id, asset_group_id, created_at,
                           expires_at)
    VALUES (pg_temp.rec('s:x'), kind, 'test', CASE WHEN scope ~ '^\d+$' THEN scope::integer END,
            (SELECT asset_group_id FROM asset_group WHERE key = scope), now() + begins,
            now() + ends);
    SELECT m.* INTO exposed, assessed, score FROM pg_temp.m('x') m;
    points := (SELECT round(achieved, 6) FROM recommendation_state('infinity')
               WHERE recommendation_id = pg_temp.rec('s:x'));
END $$;
\set ECHO all
SELECT * FROM pg_temp.m('x');
-- each kind and scope, each alone
\set ECHO none
BEGIN; SELECT * FROM pg_temp.exempt('mitigated', '1'); ROLLBACK;
BEGIN; SELECT * FROM pg_temp.exempt('mitigated', 'buckets'); ROLLBACK;
BEGIN; SELECT * FROM pg_temp.exempt('mitigated', 'all'); ROLLBACK;
BEGIN; SELECT * FROM pg_temp.exempt('waived', '1'); ROLLBACK;
BEGIN; SELECT * FROM pg_temp.exempt('waived', 'buckets'); ROLLBACK;
BEGIN; SELECT * FROM pg_temp.exempt('waived', 'all'); ROLLBACK;
BEGIN; SELECT * FROM pg_temp.exempt('risk_accepted', '1'); ROLLBACK;
BEGIN; SELECT * FROM pg_temp.exempt('risk_accepted', 'buckets'); ROLLBACK;
BEGIN; SELECT * FROM pg_temp.exempt('risk_accepted', 'all'); ROLLBACK;
-- all that is set of a group must match
BEGIN; SELECT * FROM pg_temp.exempt('waived', 'prod'); ROLLBACK;
BEGIN; SELECT * FROM pg_temp.exempt('waived', 'critical'); ROLLBACK;
BEGIN; SELECT * FROM pg_temp.exempt('waived', 'every'); ROLLBACK;
BEGIN; SELECT * FROM pg_temp.exempt('waived', 'nothing'); ROLLBACK;
-- overlapping: waived before mitigated before risk_accepted
BEGIN;
\set ECHO all
SELECT * FROM pg_temp.exempt('risk_accepted', 'all');
SELECT * FROM pg_temp.exempt('mitigated', 'critical');
SELECT * FROM pg_temp.exempt('mitigated', '4');
SELECT * FROM pg_temp.exempt('waived', '4');
SELECT * FROM pg_temp.exempt('waived', '20');
SELECT * FROM pg_temp.exempt('mitigated', 'all');
SELECT * FROM pg_temp.exempt('waived', 'all');
\set ECHO none
ROLLBACK;
-- over, as of this very moment too, and not yet over
BEGIN; SELECT * FROM pg_temp.exempt('waived', '1', '-2 hours', '-1 hour'); ROLLBACK;
BEGIN; SELECT * FROM pg_temp.exempt('waived', '1', '-2 hours', '0'); ROLLBACK;
BEGIN; SELECT * FROM pg_temp.exempt('waived', '1', '-2 hours', '1 hour'); ROLLBACK;
-- not yet begun
BEGIN; SELECT * FROM pg_temp.exempt('waived', '1', '1 hour'); ROLLBACK;
BEGIN; SELECT * FROM pg_temp.exempt('mitigated', 'all', '1 hour', '2 hours'); ROLLBACK;
-- it is about its recommendation only
BEGIN;
CALL pg_temp.found('s:a', 1, 2, 2);
INSERT INTO metric_recommendation SELECT metric_id, pg_temp.rec('s:a') FROM metric WHERE key = 'x';
\set ECHO all
SELECT * FROM pg_temp.exempt('waived', 'all');
ROLLBACK;
-- of a measure: for all of it
BEGIN;
DELETE FROM finding;
CALL pg_temp.measured('s:x', 3, 12);
SELECT * FROM pg_temp.exempt('risk_accepted', 'all');
SELECT * FROM pg_temp.exempt('waived', '1');
SELECT * FROM pg_temp.exempt('mitigated', 'all');
SELECT * FROM pg_temp.exempt('waived', 'all');
ROLLBACK;
-- a measure says the points, and not the assets
BEGIN;
CALL pg_temp.measured('s:x', 3, 12);
SELECT * FROM pg_temp.exempt('mitigated', '1');
\set ECHO none
ROLLBACK;

-- Retired: from that moment on.
BEGIN; UPDATE asset SET retired_at = now() WHERE asset_id = 1; SELECT *
        FROM pg_temp.m('x'); ROLLBACK;
BEGIN; UPDATE asset SET retired_at = now() - interval '1 year' WHERE asset_id IN (1, 20); SELECT *
        FROM pg_temp.m('x'); ROLLBACK;
BEGIN; UPDATE asset SET retired_at = now() + interval '1 hour' WHERE asset_id = 1; SELECT *
        FROM pg_temp.m('x'); ROLLBACK;

-- Stale: when none of the sources that assess it has seen it for its stale_after.
BEGIN;
UPDATE source SET stale_after = '7 days' WHERE key = 's';
UPDATE asset SET last_seen = now() - interval '8 days' WHERE asset_id IN (1, 2, 3);
UPDATE asset SET last_seen = now() - interval '7 days' WHERE asset_id = 4;
\set ECHO all
SELECT * FROM pg_temp.m('x');
-- a source that waits longer keeps 1 and 2; with not_applicable only it does not assess 3
UPDATE source SET stale_after = '30 days' WHERE key = 't';
CALL pg_temp.found('t:a', 1, 2, 0);
INSERT INTO finding VALUES (pg_temp.rec('t:a'), 3, 'not_applicable');
SELECT * FROM pg_temp.m('x');
-- seen too long ago for both
UPDATE asset SET last_seen = now() - interval '31 days' WHERE asset_id = 1;
SELECT * FROM pg_temp.m('x');
-- one that never gives up
UPDATE source SET stale_after = NULL WHERE key = 't';
SELECT * FROM pg_temp.m('x');
-- unless it is inactive
UPDATE source SET is_active = false WHERE key = 't';
SELECT * FROM pg_temp.m('x');
\set ECHO none
ROLLBACK;

-- Months: a year is equal to 360 days, and goes further back.
BEGIN;
DELETE FROM finding;
UPDATE source SET stale_after = CASE key WHEN 's' THEN interval '1 year'
                                         ELSE interval '360 days' END;
UPDATE asset SET last_seen = now() - interval '362 days' WHERE asset_id IN (1, 2);
CALL pg_temp.found('s:a', 1, 1, 1);
CALL pg_temp.found('t:a', 2, 2, 2);
\set ECHO all
SELECT * FROM pg_temp.m('once');
SELECT object_id = pg_temp.rec('s:a') AS is_a, exposed
FROM counted_state('infinity', NULL, NULL, NULL, false)
WHERE object_kind = 'recommendation' AND assessed > 0;
\set ECHO none
ROLLBACK;

-- An inactive source counts nowhere.
BEGIN;
CALL pg_temp.initiative('x', 'weighted', 'x');
CALL pg_temp.initiative('y', 'weighted');
INSERT INTO initiative_recommendation SELECT initiative_id, pg_temp.rec('s:x') FROM initiative WHERE key = 'y';
CALL pg_temp.measured('s:m1', 3, 12);
\set ECHO all
SELECT * FROM pg_temp.i('x');
SELECT * FROM pg_temp.i('y');
SELECT * FROM pg_temp.m('m1');
UPDATE source SET is_active = false WHERE key = 's';
SELECT * FROM pg_temp.i('x');
SELECT * FROM pg_temp.i('y');
SELECT * FROM pg_temp.m('m1');
SELECT count(*) FROM recommendation_state('infinity');
SELECT metric_assets('x');
ROLLBACK;

-- asset_kinds: only these; a kind that there is not; none at all
BEGIN;
UPDATE metric SET asset_kinds = '{bucket}' WHERE key = 'x';
SELECT *, metric_assets('x') FROM pg_temp.m('x');
UPDATE metric SET asset_kinds = '{bucket,host}' WHERE key = 'x';
SELECT * FROM pg_temp.m('x');
UPDATE metric SET asset_kinds = '{toaster}' WHERE key = 'x';
SELECT *, metric_assets('x') FROM pg_temp.m('x');
UPDATE metric SET asset_kinds = '{}' WHERE key = 'x';
SELECT * FROM pg_temp.m('x');
ROLLBACK;

-- importance: 10, 7.5, 5, 2.5 and 0; an initiative's own weight goes before
CALL pg_temp.rec('s:y', 1);
CALL pg_temp.found('s:y', 1, 10, 0);
CALL pg_temp.metric('y', 'low', 's:y');
CALL pg_temp.initiative('i', 'weighted', 'x', 'y');
CALL pg_temp.initiative('j', 'population', 'x', 'y');
SELECT i.key, (pg_temp.i(i.key)).* FROM initiative i WHERE i.key IN ('i', 'j') ORDER BY 1;
UPDATE metric SET importance = 'critical' WHERE key = 'y';
SELECT i.key, (pg_temp.i(i.key)).* FROM initiative i WHERE i.key IN ('i', 'j') ORDER BY 1;
UPDATE metric SET importance = 'risk_accepted' WHERE key = 'y';
SELECT i.key, (pg_temp.i(i.key)).* FROM initiative i WHERE i.key IN ('i', 'j') ORDER BY 1;
UPDATE metric SET importance = 'risk_accepted' WHERE key = 'x';
SELECT i.key, (pg_temp.i(i.key)).* FROM initiative i WHERE i.key IN ('i', 'j') ORDER BY 1;
UPDATE initiative_metric SET weight = 3
WHERE initiative_id = (SELECT initiative_id FROM initiative WHERE key = 'i');
SELECT i.key, (pg_temp.i(i.key)).* FROM initiative i WHERE i.key IN ('i', 'j') ORDER BY 1;
-- by points a metric without weight brings no recommendation
UPDATE initiative SET method = 'points';
SELECT i.key, (pg_temp.i(i.key)).* FROM initiative i WHERE i.key IN ('i', 'j') ORDER BY 1;

-- metric_assets: at the end of a day, and of what
UPDATE finding SET changed_at = '2024-03-05 10:00+00' WHERE asset_id <= 2;
UPDATE finding SET changed_at = '2024-03-06 00:00+00' WHERE asset_id = 3;
UPDATE exemption SET created_at = '2024-03-01';
SELECT metric_assets('x', '2024-03-04'), metric_assets('x', '2024-03-05'),
       metric_assets('x', '2024-03-06'), metric_assets(NULL);
\set VERBOSITY sqlstate
SELECT metric_assets('unheard of');
\set VERBOSITY default

DISCARD TEMP;
DROP EXTENSION posture;
