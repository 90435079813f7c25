\set ECHO none
\i :include/recomputed.sql
-- What plan() must return: the remediation is done step by step, and all other steps are tried at
-- some of the points, or at each one if there are many rounds. Needs random.sql and catalog.sql.
CREATE TEMP TABLE outcome (what text, is_right boolean);

CREATE FUNCTION pg_temp.is_accepted(of_recommendation integer, of_asset integer) RETURNS boolean
    LANGUAGE sql AS $$
    SELECT EXISTS (
        SELECT FROM exemption e
        WHERE e.recommendation_id = of_recommendation AND e.kind = 'risk_accepted'
          AND (e.asset_id = of_asset OR num_nonnulls(e.asset_id, e.asset_group_id) = 0
               OR EXISTS (SELECT FROM asset a, asset_group g
                          WHERE a.asset_id = of_asset AND g.asset_group_id = e.asset_group_id
                            AND pg_temp.in_group(a, g)))) $$;
CREATE PROCEDURE pg_temp.remediate(chosen integer[]) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE finding f SET state = 'compliant'
    WHERE f.state = 'non_compliant' AND f.recommendation_id = ANY (chosen)
      AND NOT pg_temp.is_accepted(f.recommendation_id, f.asset_id);
    UPDATE measure m SET achieved = possible
    WHERE m.recommendation_id = ANY (chosen) AND NOT pg_temp.is_accepted(m.recommendation_id, NULL);
END $$;
CREATE FUNCTION pg_temp.id_of(label text) RETURNS integer LANGUAGE sql AS $$
    SELECT r.recommendation_id FROM recommendation r WHERE r.key = label $$;

-- the whole plan, step by step
CREATE PROCEDURE pg_temp.try_plan(of_initiative text, of_basis text, every integer)
    LANGUAGE plpgsql AS $$
DECLARE
    id integer := (SELECT i.initiative_id FROM initiative i WHERE i.key = of_initiative);
    steps plan_step[] := ARRAY(SELECT p FROM plan(of_initiative, '100', of_basis) p);
    step plan_step;
    done integer[] := '{}';
    score_now numeric := (SELECT r.score FROM initiative_result(NULL) r WHERE r.initiative_id = id);
    best numeric;
    found outcome[] := '{}';
BEGIN
    INSERT INTO outcome VALUES
        ('plan ends at what is achievable',
         coalesce(steps[cardinality(steps)].score, score_now)
             IS NOT DISTINCT FROM achievable_score(of_initiative)::numeric);
    FOREACH step IN ARRAY steps LOOP
        IF cardinality(done) % every = 0 THEN
            -- all others at this point; scores have six decimals, so that two gains may differ by
            -- two millionths only because they are rounded
            SELECT max(x.gain / CASE WHEN of_basis = 'gain' THEN 1 ELSE greatest(x.assets, 1) END)
            INTO best
            FROM (SELECT remediated_score(id, done || r.recommendation_id, true)::numeric
                             - score_now AS gain,
                         coalesce(cardinality(set_difference(a.exposed, a.accepted)), 0) AS assets
                  FROM recommendation r
                  LEFT JOIN recommendation_assets(NULL::integer[]) a USING (recommendation_id)
                  WHERE r.recommendation_id <> ALL (done)) x;
            found := found
                || ROW('step gains most',
                       step.gain / CASE WHEN of_basis = 'gain' THEN 1
                                        ELSE greatest(step.assets, 1) END
                           >= best - 0.000002)::outcome;
        END IF;
        found := found
            || ROW('gain is what the score gains', step.gain = step.score - score_now)::outcome
            || ROW('assets are those to touch',
                   step.assets = (SELECT count(*)
                                  FROM pg_temp.recomputed e,
                                       members(e.exposed) a
                                  WHERE e.object_kind = 'recommendation'
                                    AND e.object_id = pg_temp.id_of(step.recommendation)
                                    AND NOT pg_temp.is_accepted(e.object_id, a)))::outcome
            || ROW('there is something to do',
                   step.assets > 0
                   OR EXISTS (SELECT FROM measured('infinity') m
                              WHERE m.recommendation_id = pg_temp.id_of(step.recommendation)
                                AND m.achieved < m.possible
                                AND NOT pg_temp.is_accepted(m.recommendation_id, NULL)))::outcome;
        done := done || pg_temp.id_of(step.recommendation);
        score_now := step.score;
    END LOOP;
    found := found
        || ROW('each once',
               cardinality(done) = (SELECT count(DISTINCT d) FROM unnest(done) d))::outcome;
    BEGIN
        FOREACH step IN ARRAY steps LOOP
            CALL pg_temp.remediate(ARRAY[pg_temp.id_of(step.recommendation)]);
            found := found
                || ROW('score is that of remediating',
                       step.score = (SELECT r.score FROM initiative_result(NULL) r
                                     WHERE r.initiative_id = id))::outcome;
        END LOOP;
        RAISE EXCEPTION 'undone' USING ERRCODE = 'P0099';
    EXCEPTION WHEN SQLSTATE 'P0099' THEN
        INSERT INTO outcome SELECT f.* FROM unnest(found) f;
    END;
END $$;

-- a part of the plan: each step is needed, and without the last one it does not suffice
CREATE PROCEDURE pg_temp.try_target(of_initiative text, of_basis text, target numeric)
    LANGUAGE plpgsql AS $$
DECLARE
    id integer := (SELECT i.initiative_id FROM initiative i WHERE i.key = of_initiative);
    steps plan_step[] := ARRAY(SELECT p FROM plan(of_initiative, target::score, of_basis) p);
    ids integer[] := ARRAY(SELECT pg_temp.id_of(s.recommendation) FROM unnest(steps) s);
    before numeric := (SELECT r.score FROM initiative_result(NULL) r WHERE r.initiative_id = id);
    last numeric := coalesce(steps[cardinality(steps)].score, before);
BEGIN
    INSERT INTO outcome VALUES
        ('target is reached', last >= target),
        ('no step more',
         cardinality(steps) = 0 OR coalesce(steps[cardinality(steps) - 1].score, before) < target),
        ('score of these alone', remediated_score(id, ids, true)::numeric = last);
    INSERT INTO outcome
    SELECT 'each is needed', remediated_score(id, array_remove(ids, i), true)::numeric < last
    FROM unnest(ids) i;
END $$;

CREATE FUNCTION pg_temp.scores() RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(i.key, r.score)
    FROM initiative_result(NULL) r JOIN initiative i USING (initiative_id) $$;
CREATE PROCEDURE pg_temp.try_scores() LANGUAGE plpgsql AS $$
DECLARE
    given jsonb := (SELECT jsonb_object_agg(i.key, jsonb_build_array(planned_score(i.key),
                                                                     achievable_score(i.key)))
                    FROM initiative i WHERE i.is_active);
    assigned integer[] := ARRAY(SELECT recommendation_id FROM recommendation
                                WHERE assigned_to IS NOT NULL);
    recommendations integer[] := ARRAY(SELECT recommendation_id FROM recommendation);
    planned jsonb;
    achievable jsonb;
BEGIN
    INSERT INTO outcome
    SELECT 'target_report has the same',
           given = (SELECT jsonb_object_agg(
                               t.initiative,
                               jsonb_build_array(t.planned_score::score, t.achievable_score::score))
                    FROM target_report t);
    BEGIN
        CALL pg_temp.remediate(assigned);
        planned := pg_temp.scores();
        CALL pg_temp.remediate(recommendations);
        achievable := pg_temp.scores();
        RAISE EXCEPTION 'undone' USING ERRCODE = 'P0099';
    EXCEPTION WHEN SQLSTATE 'P0099' THEN
        INSERT INTO outcome
        SELECT 'planned and achievable score',
               g.value IS NOT DISTINCT FROM jsonb_build_array(planned -> g.key, achievable -> g.key)
        FROM jsonb_each(given) g;
    END;
END $$;

-- Each round has a catalog. Two of its initiatives are planned, one by gain, one by gain per asset.
CREATE PROCEDURE pg_temp.try_plans(rounds integer) LANGUAGE plpgsql AS $$
DECLARE
    i record;
    basis text;
BEGIN
    FOR round IN 1 .. rounds LOOP
        CALL pg_temp.make_catalog(round);
        CALL pg_temp.try_scores();
        FOR i IN SELECT x.initiative_id, x.key, r.score::numeric AS score,
                        achievable_score(x.key)::numeric AS achievable
                 FROM initiative_result(NULL) r JOIN initiative x USING (initiative_id)
                 WHERE r.score IS NOT NULL
        LOOP
            basis := CASE WHEN (round + i.initiative_id) % 2 = 0 THEN 'gain'
                ELSE 'gain_per_asset' END;
            CALL pg_temp.try_plan(i.key, basis, CASE rounds WHEN 1 THEN 3 ELSE 1 END);
            CALL pg_temp.try_target(i.key, basis,
                                    round(i.score + (i.achievable - i.score) * 0.5, 6));
            CALL pg_temp.try_target(i.key, basis, i.achievable);
        END LOOP;
    END LOOP;
END $$;
\set ECHO all
