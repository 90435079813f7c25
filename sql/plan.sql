-- What to remediate, in which order: compared with truly remediating step by
-- step, and with trying all others at each step, on random catalogs that overlap.
CREATE EXTENSION posture;
\pset format unaligned
\pset fieldsep ' | '
SET search_path = posture, posture_internal, public;
SET posture.timezone = 'UTC';
SET client_min_messages = warning;
SET jit = off;

-- by hand: users u1 to u4, hosts h1 to h4
INSERT INTO source (key, name) VALUES ('s', 'S');
INSERT INTO recommendation (source_id, key, title, details) VALUES
    (1, 'mfa', 'Require MFA', '{"implementationEffort": "Low"}'), (1, 'shared', 'No shared accounts', '{"implementationCost": "Moderate"}'),
    (1, 'disk', 'Encrypt disks', '{"fixes": [{"complexity": "high"}]}'), (1, 'patch', 'Patch', '{"effort": "a week"}'), (1, 'boot', 'Secure boot', '[1]');
INSERT INTO asset (key, kind, name) SELECT k || i, CASE k WHEN 'u' THEN 'user' ELSE 'host' END, k || i FROM unnest('{u,h}'::text[]) k, generate_series(1, 4) i;
INSERT INTO metric (key, name, importance) VALUES ('accounts', 'Accounts', 'critical'), ('hosts', 'Hosts', 'medium');
INSERT INTO metric_recommendation VALUES (1, 1), (1, 2), (2, 3), (2, 4), (2, 5);
INSERT INTO initiative (key, name) VALUES ('basics', 'The basics');
INSERT INTO initiative_metric SELECT 1, metric_id FROM metric;
CREATE FUNCTION pg_temp.fails(recommendation text, assets text[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO posture.finding (recommendation_id, asset_id, state)
    SELECT r.recommendation_id, a.asset_id, CASE WHEN a.key = ANY (assets) THEN 'non_compliant' ELSE 'compliant' END::posture.finding_state
    FROM posture.recommendation r, posture.asset a
    WHERE r.key = recommendation AND (a.kind = 'user') = (r.key IN ('mfa', 'shared'))
$$;
SELECT pg_temp.fails('mfa', '{u1,u2}'), pg_temp.fails('shared', '{u2,u3}'), pg_temp.fails('disk', '{h1,h2}'), pg_temp.fails('patch', '{h1,h2}'), pg_temp.fails('boot', '{h3}');
-- accounts 25, weight 10; hosts 25, weight 5: mfa mends u1 for 16.67, shared then u2 and u3 for 33.33;
-- boot mends h3 for 8.33; disk and patch gain only together
SELECT * FROM plan('basics');
SELECT rank, recommendation, gain, score FROM plan('basics', NULL, 'gain_per_asset');
-- what is not needed to get there is left out
SELECT rank, recommendation, gain, score FROM plan('basics', '75');
SELECT rank, recommendation, score FROM plan('basics', '83.333334');
SELECT what_if('basics', '{mfa,shared}') AS what_if, planned_score('basics'), achievable_score('basics');
UPDATE recommendation SET assigned_to = 'Ann' WHERE key IN ('mfa', 'disk');
SELECT planned_score('basics'), achievable_score('basics');
-- accepted: u2 stays exposed, so mfa mends u1 and shared u3; h1 stays exposed through patch; boot is accepted for all
INSERT INTO exemption (recommendation_id, asset_id, kind, reason) VALUES (1, 2, 'risk_accepted', 'x'), (4, 5, 'risk_accepted', 'x'), (5, NULL, 'risk_accepted', 'x');
SELECT rank, recommendation, gain, assets, score FROM plan('basics');
SELECT planned_score('basics'), achievable_score('basics'), what_if('basics', '{mfa,shared,disk,patch,boot}');
-- mitigated and waived: nothing to do
INSERT INTO exemption (recommendation_id, asset_id, kind, reason) VALUES (1, 1, 'mitigated', 'x'), (3, NULL, 'waived', 'x');
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
SELECT rank, recommendation, score FROM plan('basics', '99');
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
SELECT * FROM plan_order('{1,1,2}', '{7,8,9}', '{1,1,5}', '{1,1,1}', ARRAY['{1-3,70000}', '{3,70000,2147483647}', NULL]::assetset[]) ORDER BY rank, n;
SELECT * FROM plan_order('{1,1,1}', '{5,4,6}', '{1,1,1}', '{1,1,1}', ARRAY['{1}', '{2}', '{3-4}']::assetset[]) ORDER BY rank;
SELECT * FROM plan_order('{1,1,1}', '{5,4,6}', '{1,1,1}', '{1,1,4}', ARRAY['{1}', '{2}', '{3-4}']::assetset[]) ORDER BY rank;
-- none gains at first: that with the greatest share of what two gain together, then the other, and so on
SELECT * FROM plan_order('{1,1,2,2}', '{1,2,3,4}', '{1,1,1,1}', '{1,1,1,1}', ARRAY['{1-9}', '{1-9}', '{1-15}', '{1-15}']::assetset[]) ORDER BY rank, n;
-- 1 is done before it is needed: its 20 assets fail 2 and 3 too, and of those two 2 has the greater share
SELECT * FROM plan_order('{1,1,1,2,2}', '{1,2,3,2,4}', '{1,1,1,1,1}', '{1,1,1,1,1}', ARRAY['{1-20}', '{1-20}', '{1-20}', '{1-30}', '{1-30}']::assetset[]) ORDER BY rank, n;
SELECT count(*) FROM plan_order('{}', '{}', '{}', '{}', '{}');
SELECT count(*) FROM plan_order('{1}', '{1}', '{1}', '{1}', NULL);
SELECT count(*) FROM plan_order('{1,2}', '{1,2}', '{0,NaN}', '{1,1}', '{"{1-5}","{}"}');
SELECT * FROM plan_order('{1,2}', '{1}', '{1}', '{1}', '{"{1}"}');
SELECT * FROM plan_order('{1}', '{NULL}', '{1}', '{1}', '{"{1}"}');
SELECT * FROM plan_order('{1}', '{1}', '{1}', '{0}', '{"{1}"}');
SELECT * FROM plan_order('{1}', '{1}', '{1}', '{NaN}', '{"{1}"}');
\set VERBOSITY default
SET client_min_messages = warning;

CREATE PROCEDURE pg_temp.make_catalog(round integer) LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE source, asset, asset_alias, asset_group, recommendation, metric, metric_recommendation, initiative, initiative_metric,
        initiative_recommendation, finding, measure, exemption, benchmark, score_band RESTART IDENTITY;
    PERFORM setseed(round / 100.0);
    INSERT INTO source (key, name, is_active, stale_after)
    SELECT 's' || i, 'S', i <> 3, CASE WHEN i = 2 AND round % 2 = 0 THEN interval '30 days' END FROM generate_series(1, 3) i;
    INSERT INTO recommendation (source_id, key, title, max_points, is_active, assigned_to)
    SELECT 1 + i % 3, 'r' || i, 'R', CASE WHEN random() < 0.8 THEN (random() * 10)::integer END, random() > 0.1, CASE WHEN random() < 0.4 THEN 'Ann' END
    FROM generate_series(1, 14) i;
    INSERT INTO asset (key, kind, name, criticality, tags, last_seen, retired_at)
    SELECT 'a' || i, 'kind' || (random() * 2)::integer, 'A', (ARRAY['low', 'medium', 'high', 'critical'])[1 + floor(random() * 4)],
           jsonb_build_object('env', 'e' || (random() * 2)::integer), now() - random() * interval '60 days', CASE WHEN random() < 0.05 THEN now() - interval '1 day' END
    FROM generate_series(1, 60) i;
    INSERT INTO asset_group (key, name, kinds, min_criticality, tags, owner) VALUES
        ('kind', 'K', '{kind1}', NULL, NULL, 'ann'), ('critical', 'C', NULL, 'high', NULL, NULL), ('env', 'E', NULL, NULL, '{"env": "e1"}', NULL),
        ('none', 'N', '{nothing}', NULL, NULL, NULL), ('all', 'A', NULL, NULL, NULL, NULL);
    INSERT INTO finding (recommendation_id, asset_id, state, changed_at)
    SELECT r.recommendation_id, a.asset_id, (ARRAY['compliant', 'non_compliant', 'not_applicable'])[1 + floor(random() * 3)]::finding_state, now() - interval '2 days'
    FROM recommendation r, asset a WHERE random() < 0.3 AND r.recommendation_id <= 11;
    INSERT INTO measure SELECT recommendation_id, (random() * 5)::integer, 5, now() - interval '1 day' FROM recommendation WHERE recommendation_id >= 11;
    INSERT INTO metric (key, name, asset_kinds, is_active, importance)
    SELECT 'm' || i, 'M', CASE WHEN random() < 0.3 THEN ARRAY['kind0', 'kind1'] END, random() > 0.1, (ARRAY['critical', 'low', 'risk_accepted', 'high'])[1 + i % 4]::importance
    FROM generate_series(1, 7) i;
    UPDATE metric SET criticality_weights = (ARRAY['{0,0,0,1}', '{1,1,2,5}', '{0,3,0,2}'])[1 + metric_id % 3]::integer[] WHERE random() < 0.4;
    INSERT INTO metric_recommendation SELECT metric_id, recommendation_id FROM metric, recommendation WHERE random() < 0.3;
    INSERT INTO initiative (key, name, method) SELECT 'i' || i, 'I', (ARRAY['weighted', 'population', 'points'])[1 + i % 3]::initiative_method FROM generate_series(1, 6) i;
    INSERT INTO initiative_metric SELECT initiative_id, metric_id, CASE WHEN random() < 0.5 THEN (random() * 4)::integer END
    FROM initiative, metric WHERE random() < 0.5 AND initiative_id < 6;
    INSERT INTO initiative_recommendation SELECT initiative_id, recommendation_id FROM initiative, recommendation WHERE random() < 0.4 AND initiative_id IN (2, 5, 6);
    -- of all kinds, on an asset, a group, or all
    INSERT INTO exemption (recommendation_id, asset_id, asset_group_id, kind, reason)
    SELECT r.recommendation_id, CASE WHEN r.k > 0.3 THEN 1 + floor(random() * 60) END, CASE WHEN r.k BETWEEN 0.1 AND 0.3 THEN 1 + floor(random() * 3) END,
           (ARRAY['mitigated', 'waived', 'risk_accepted'])[1 + floor(random() * 3)]::exemption_kind, 'x'
    FROM (SELECT r.recommendation_id, random() AS k FROM recommendation r, generate_series(1, 4) WHERE random() < 0.4) r;
    IF random() < 0.5 THEN
        PERFORM fold();
    END IF;
    UPDATE finding SET state = 'non_compliant' WHERE random() < 0.03;
END $$;

CREATE FUNCTION pg_temp.is_accepted(of_recommendation integer, of_asset integer) RETURNS boolean LANGUAGE sql AS $$
    SELECT EXISTS (SELECT FROM posture.exemption e
                   WHERE e.recommendation_id = of_recommendation AND e.kind = 'risk_accepted'
                     AND (e.asset_id = of_asset OR num_nonnulls(e.asset_id, e.asset_group_id) = 0
                          OR EXISTS (SELECT FROM posture.asset a, posture.asset_group g
                                     WHERE a.asset_id = of_asset AND g.asset_group_id = e.asset_group_id AND posture_internal.in_group(a, g))))
$$;
CREATE FUNCTION pg_temp.remediate(chosen integer[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE posture.finding f SET state = 'compliant'
    WHERE f.state = 'non_compliant' AND f.recommendation_id = ANY (chosen) AND NOT pg_temp.is_accepted(f.recommendation_id, f.asset_id);
    UPDATE posture.measure m SET achieved = possible WHERE m.recommendation_id = ANY (chosen) AND NOT pg_temp.is_accepted(m.recommendation_id, NULL);
END $$;
CREATE FUNCTION pg_temp.id_of(label text) RETURNS integer LANGUAGE sql AS $$
    SELECT r.recommendation_id FROM posture.recommendation r WHERE r.key = label
$$;

CREATE TEMP TABLE outcome (what text, is_right boolean);
-- the whole plan, step by step
CREATE PROCEDURE pg_temp.try_plan(of_initiative text, of_basis text) LANGUAGE plpgsql AS $$
DECLARE
    id integer := (SELECT i.initiative_id FROM initiative i WHERE i.key = of_initiative);
    steps plan_step[] := ARRAY(SELECT p FROM plan(of_initiative, '100', of_basis) p);
    step plan_step;
    done integer[] := '{}';
    score_now numeric := (SELECT r.score FROM initiative_result(NULL) r WHERE r.initiative_id = id);
    best numeric;
    found outcome[] := '{}';
BEGIN
    INSERT INTO outcome VALUES ('plan ends at what is achievable', coalesce(steps[cardinality(steps)].score, score_now) IS NOT DISTINCT FROM achievable_score(of_initiative)::numeric);
    FOREACH step IN ARRAY steps LOOP
        -- all others at this point; a score has six decimals, so two gains may differ by two millionths for their rounding
        SELECT max(x.gain / CASE WHEN of_basis = 'gain' THEN 1 ELSE greatest(x.assets, 1) END) INTO best
        FROM (SELECT remediated_score(id, done || r.recommendation_id, true)::numeric - score_now AS gain, cardinality(set_difference(r.exposed, r.accepted)) AS assets
              FROM remediable(NULL) r WHERE r.recommendation_id <> ALL (done)) x;
        found := found || ROW('step gains most', step.gain / CASE WHEN of_basis = 'gain' THEN 1 ELSE greatest(step.assets, 1) END >= best - 0.000002)::outcome
            || ROW('gain is what the score gains', step.gain = step.score - score_now)::outcome
            || ROW('assets are those to touch', step.assets = (SELECT count(*) FROM exposure('infinity', false, NULL, NULL) e, members(e.exposed) a
                                                             WHERE e.object_kind = 'recommendation' AND e.object_id = pg_temp.id_of(step.recommendation)
                                                               AND NOT pg_temp.is_accepted(e.object_id, a)))::outcome;
        found := found || ROW('there is something to do', step.assets > 0
                                  OR EXISTS (SELECT FROM measured('infinity') m
                                             WHERE m.recommendation_id = pg_temp.id_of(step.recommendation) AND m.achieved < m.possible
                                               AND NOT pg_temp.is_accepted(m.recommendation_id, NULL)))::outcome;
        done := done || pg_temp.id_of(step.recommendation);
        score_now := step.score;
    END LOOP;
    found := found || ROW('each once', cardinality(done) = (SELECT count(DISTINCT d) FROM unnest(done) d))::outcome;
    BEGIN
        FOREACH step IN ARRAY steps LOOP
            PERFORM pg_temp.remediate(ARRAY[pg_temp.id_of(step.recommendation)]);
            found := found || ROW('score is that of truly remediating', step.score = (SELECT r.score FROM initiative_result(NULL) r WHERE r.initiative_id = id))::outcome;
        END LOOP;
        RAISE EXCEPTION 'undone' USING ERRCODE = 'P0099';
    EXCEPTION WHEN SQLSTATE 'P0099' THEN
        INSERT INTO outcome SELECT f.* FROM unnest(found) f;
    END;
END $$;
-- part of it: each step is needed, and the one before the last does not suffice
CREATE PROCEDURE pg_temp.try_target(of_initiative text, of_basis text, target numeric) LANGUAGE plpgsql AS $$
DECLARE
    id integer := (SELECT i.initiative_id FROM initiative i WHERE i.key = of_initiative);
    steps plan_step[] := ARRAY(SELECT p FROM plan(of_initiative, target::score, of_basis) p);
    ids integer[] := ARRAY(SELECT pg_temp.id_of(s.recommendation) FROM unnest(steps) s);
    before numeric := (SELECT r.score FROM initiative_result(NULL) r WHERE r.initiative_id = id);
    last numeric := coalesce(steps[cardinality(steps)].score, before);
BEGIN
    INSERT INTO outcome VALUES ('target is reached', last >= target),
        ('no step more', cardinality(steps) = 0 OR coalesce(steps[cardinality(steps) - 1].score, before) < target),
        ('score of these alone', remediated_score(id, ids, true)::numeric = last);
    INSERT INTO outcome
    SELECT 'each is needed', remediated_score(id, array_remove(ids, i), true)::numeric < last FROM unnest(ids) i;
END $$;
CREATE PROCEDURE pg_temp.try_scores() LANGUAGE plpgsql AS $$
DECLARE
    given jsonb := (SELECT jsonb_object_agg(i.key, jsonb_build_array(planned_score(i.key), achievable_score(i.key))) FROM initiative i);
    planned jsonb;
    achievable jsonb;
BEGIN
    INSERT INTO outcome
    SELECT 'target_report has the same', given = (SELECT jsonb_object_agg(t.initiative, jsonb_build_array(t.planned_score::score, t.achievable_score::score)) FROM target_report t);
    BEGIN
        PERFORM pg_temp.remediate(ARRAY(SELECT r.recommendation_id FROM recommendation r WHERE r.assigned_to IS NOT NULL));
        planned := (SELECT jsonb_object_agg(i.key, r.score) FROM initiative_result(NULL) r JOIN initiative i USING (initiative_id));
        PERFORM pg_temp.remediate(ARRAY(SELECT r.recommendation_id FROM recommendation r));
        achievable := (SELECT jsonb_object_agg(i.key, r.score) FROM initiative_result(NULL) r JOIN initiative i USING (initiative_id));
        RAISE EXCEPTION 'undone' USING ERRCODE = 'P0099';
    EXCEPTION WHEN SQLSTATE 'P0099' THEN
        INSERT INTO outcome
        SELECT 'planned and achievable score', g.value IS NOT DISTINCT FROM jsonb_build_array(planned -> g.key, achievable -> g.key) FROM jsonb_each(given) g;
    END;
END $$;

DO $$
DECLARE
    i record;
    b text;
BEGIN
    FOR round IN 1..3 LOOP
        CALL pg_temp.make_catalog(round);
        CALL pg_temp.try_scores();
        FOREACH b IN ARRAY ARRAY['gain', 'gain_per_asset'] LOOP
            FOR i IN SELECT x.key, r.score::numeric AS score, achievable_score(x.key)::numeric AS achievable
                     FROM initiative_result(NULL) r JOIN initiative x USING (initiative_id) WHERE r.score IS NOT NULL LOOP
                CALL pg_temp.try_plan(i.key, b);
                CALL pg_temp.try_target(i.key, b, round(i.score + (i.achievable - i.score) * 0.5, 6));
                CALL pg_temp.try_target(i.key, b, i.achievable);
            END LOOP;
        END LOOP;
    END LOOP;
END $$;
SELECT what, count(*) > CASE WHEN what LIKE 'target_report%' THEN 2 ELSE 15 END AS enough, count(*) FILTER (WHERE is_right IS NOT TRUE) AS wrong FROM outcome GROUP BY what ORDER BY what;

-- Stored sets that were damaged: one has more ids than it says, one fewer.
CREATE CAST (bytea AS assetset) WITHOUT FUNCTION;
SELECT set_config('test.head', '01000000' || '3a300000' || '01000000' || '0000' || '0010' || '10000000', false) <> '' AS set;
SELECT * FROM plan_order(ARRAY[1], ARRAY[1], ARRAY[1::float8], ARRAY[1::float8], ARRAY[decode(current_setting('test.head') || repeat('ff', 8192), 'hex')::assetset]);
SELECT * FROM plan_order(ARRAY[1], ARRAY[1], ARRAY[1::float8], ARRAY[1::float8], ARRAY[decode(current_setting('test.head') || repeat('0100', 4096), 'hex')::assetset]);
-- the library does not tell what is wrong with them
SELECT decode('0100000000000000', 'hex')::assetset | '{1}';
DROP CAST (bytea AS assetset);
DROP EXTENSION posture;
