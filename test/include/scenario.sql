\set ECHO none
-- What what_if() and score_of() must return: the remediation is done, or all assets outside a
-- group are retired. Needs random.sql and catalog.sql.
CREATE TEMP TABLE outcome (what text, differs integer, is_scored boolean);
CREATE FUNCTION pg_temp.scores() RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(i.key, r.score)
    FROM initiative_result(NULL) r JOIN initiative i USING (initiative_id) $$;

-- findings of the chosen recommendations comply, measures have all points that are possible
CREATE PROCEDURE pg_temp.try_remediation(chosen integer[]) LANGUAGE plpgsql AS $$
DECLARE
    names text[] := ARRAY(SELECT s.key || ':' || r.key FROM recommendation r
                          JOIN source s USING (source_id)
                          WHERE r.recommendation_id = ANY (chosen));
    expected jsonb := (SELECT jsonb_object_agg(i.key, what_if(i.key, names))
                       FROM initiative i WHERE i.is_active);
    found jsonb;
BEGIN
    BEGIN
        UPDATE finding SET state = 'compliant'
        WHERE state = 'non_compliant' AND recommendation_id = ANY (chosen);
        UPDATE measure SET achieved = possible WHERE recommendation_id = ANY (chosen);
        found := pg_temp.scores();
        RAISE EXCEPTION 'undone' USING ERRCODE = 'P0099';
    EXCEPTION WHEN SQLSTATE 'P0099' THEN
        INSERT INTO outcome
        SELECT CASE WHEN chosen = '{}' THEN 'nothing' ELSE 'what_if' END,
               (e.value <> found -> e.key)::integer, e.value <> 'null'
        FROM jsonb_each(expected) e;
    END;
END $$;

CREATE PROCEDURE pg_temp.try_group(of_group text) LANGUAGE plpgsql AS $$
DECLARE
    expected jsonb := (SELECT jsonb_object_agg(i.key, score_of(i.key, of_group))
                       FROM initiative i WHERE i.is_active);
    found jsonb;
BEGIN
    BEGIN
        UPDATE asset a SET retired_at = coalesce(a.retired_at, now() - interval '1 hour')
        FROM asset_group g WHERE g.key = of_group AND NOT pg_temp.in_group(a, g);
        DELETE FROM measure;
        found := pg_temp.scores();
        RAISE EXCEPTION 'undone' USING ERRCODE = 'P0099';
    EXCEPTION WHEN SQLSTATE 'P0099' THEN
        INSERT INTO outcome
        SELECT 'score_of', (e.value <> found -> e.key)::integer, e.value <> 'null'
        FROM jsonb_each(expected) e;
    END;
END $$;

CREATE PROCEDURE pg_temp.try_scenarios(rounds integer) LANGUAGE plpgsql AS $$
DECLARE
    g text;
    chosen integer[];
BEGIN
    FOR round IN 1 .. rounds LOOP
        CALL pg_temp.make_catalog(round);
        CALL pg_temp.try_remediation('{}');
        FOR i IN 1 .. 3 LOOP
            chosen := ARRAY(SELECT recommendation_id FROM recommendation WHERE random() < 0.1 * i);
            CALL pg_temp.try_remediation(chosen);
        END LOOP;
        chosen := ARRAY(SELECT recommendation_id FROM recommendation);
        CALL pg_temp.try_remediation(chosen);
        FOREACH g IN ARRAY ARRAY['kind', 'critical', 'env', 'none', 'all'] LOOP
            CALL pg_temp.try_group(g);
        END LOOP;
    END LOOP;
END $$;
\set ECHO all
