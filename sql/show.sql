-- An initiative as lines of text.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\pset tuples_only on
SET client_min_messages = warning;
\set VERBOSITY terse

-- what is not all does not look like all, what is nothing is blank
SELECT quote_literal(bar(v, 4, false)), quote_literal(bar(v, 4, true))
FROM unnest('{0,0.1,3.125,50,74.999999,99.999999,100,NULL}'::numeric[]) v;
-- eight points or more from the lowest to the highest
SELECT quote_literal(sparkline(v, false)), quote_literal(sparkline(v, true))
FROM (VALUES ('{0,10,20,30,40,50,60,70,80}'::numeric[]), ('{50,51,52,49,NULL,49}'), ('{70}'), ('{NULL,70.5,NULL}'),
             ('{NULL,NULL}'), ('{}'), (NULL)) s(v);

SELECT show('x');
-- nothing assessed yet
INSERT INTO initiative (key, name, target_score)
VALUES ('basics', E'The\nbasics', 90), ('points', 'By points', NULL);
UPDATE initiative SET method = 'points' WHERE key = 'points';
SELECT show('basics');
\set ECHO none
INSERT INTO metric (key, name, importance)
SELECT 'm' || i, 'Metric ' || i, (ARRAY['critical', 'low', 'medium'])[1 + i % 3]::importance
FROM generate_series(1, 3) i;
INSERT INTO initiative_metric (initiative_id, metric_id)
SELECT i.initiative_id, m.metric_id FROM initiative i, metric m WHERE i.key = 'basics';
\set ECHO all
SELECT show('basics');

-- three days and today: a drop, and what came since
\set ECHO none
CREATE PROCEDURE pg_temp.live_through(ago integer, failing integer) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO inbox (source, recommendation, asset, state, observed_at)
    SELECT 'scan', 'r' || r, 'a' || a, CASE WHEN (a + 7 * r) % 20 < failing + r THEN 'non_compliant'
                                            ELSE 'compliant' END,
           least(day_end(today() - ago - 1) + interval '1 minute', now())
    FROM generate_series(1, 20) a, generate_series(1, 2) r;
    PERFORM FROM ingest();
    IF ago > 0 THEN
        PERFORM FROM take_snapshot(today() - ago);
    END IF;
END $$;
INSERT INTO source (key, name) VALUES ('scan', 'Scanner');
INSERT INTO recommendation (source_id, key, title)
SELECT source_id, 'r' || r, 'R' FROM source, generate_series(1, 2) r;
INSERT INTO metric_recommendation
SELECT metric_id, recommendation_id FROM metric m
JOIN recommendation r ON substr(m.key, 2) = substr(r.key, 2);
CALL pg_temp.live_through(3, 1);
UPDATE asset SET criticality = 'critical' WHERE key = 'a14';
CALL pg_temp.live_through(2, 0);
CALL pg_temp.live_through(1, 8);
CALL pg_temp.live_through(0, 6);
UPDATE initiative SET target_on = today() + 9;
INSERT INTO initiative_snapshot (day, initiative_id, score, method)
SELECT today() - 20, initiative_id, 75.45, method FROM initiative WHERE key = 'basics';
CREATE VIEW pg_temp.as_of_today AS
SELECT i.key, a.ascii, replace(replace(s.line, to_char(today() - 1, 'YYYY-MM-DD'), 'YESTERDAY'),
                               to_char(today() + 9, 'YYYY-MM-DD'), 'IN 9 DAYS') AS line
FROM initiative i CROSS JOIN (VALUES (false), (true)) a(ascii)
CROSS JOIN LATERAL show(i.key, a.ascii) s(line);
\set ECHO all
SELECT line FROM pg_temp.as_of_today WHERE key = 'basics' AND NOT ascii;
SELECT line FROM pg_temp.as_of_today WHERE key = 'basics' AND ascii AND line ~ '#';
-- plain characters and nothing else, where names have no other
SELECT count(*) FROM show('basics', true) s(line) WHERE line ~ '[^ -~]';

-- a number on the card is one of the views
SELECT count(*), bool_and(s.line LIKE format('%% %s of %s  %s', trim_scale(m.exposed_assets),
                                             trim_scale(m.assessed_assets), m.name))
FROM metric_report m JOIN show('basics') s(line) ON s.line LIKE '%  ' || m.name
WHERE m.initiative = 'basics' AND m.score IS NOT NULL;

-- points have domains; a target that is reached; many metrics
\set ECHO none
INSERT INTO recommendation (source_id, key, title, domain)
SELECT source_id, 'p' || i, 'P', (ARRAY['identity', 'devices', NULL])[i]
FROM source, generate_series(1, 3) i;
INSERT INTO measure
SELECT recommendation_id, substr(key, 2)::integer, 4, now() FROM recommendation WHERE key LIKE 'p_';
INSERT INTO initiative_recommendation
SELECT i.initiative_id, r.recommendation_id FROM initiative i, recommendation r
WHERE i.key = 'points' AND r.key LIKE 'p_';
UPDATE initiative SET target_score = 50, target_on = NULL WHERE key = 'points';
\set ECHO all
SELECT show('points');
\set ECHO none
INSERT INTO metric (key, name) SELECT 'n' || i, 'N ' || i FROM generate_series(1, 20) i;
INSERT INTO initiative_metric (initiative_id, metric_id)
SELECT i.initiative_id, m.metric_id FROM initiative i, metric m
WHERE i.key = 'basics' AND m.key LIKE 'n%';
\set ECHO all
SELECT count(*), max(s.line) FILTER (WHERE s.line ~ 'more$') FROM show('basics') s(line);

SELECT show('nothing');
SELECT count(*) FROM show(NULL);
SELECT count(*) > 5 FROM show('points', NULL);
DROP EXTENSION posture CASCADE;
