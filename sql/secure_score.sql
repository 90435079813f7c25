-- Points by day, domain and workload, from one day to another, and beside what others score.
-- tests: score/points_change, score/initiative_score, catalog/benchmark
-- tests: report/benchmark_report
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
SET client_min_messages = warning;
\i :include/noon.sql

\set ECHO none
INSERT INTO source (key, name) VALUES ('scan', 'Scanner'), ('cloud', 'Cloud');
INSERT INTO asset (key, name, kind) SELECT 'a' || n, 'A', 'host' FROM generate_series(1, 6) n;
INSERT INTO recommendation (source_id, key, title, domain, workload, max_points) VALUES
    (1, 'mfa', 'MFA', 'identity', 'login', 10), (1, 'patch', 'Patch', 'device', 'login', 6),
    (1, 'disk', 'Disk', 'device', NULL, NULL),
    (1, 'shared', 'In two metrics', NULL, NULL, 3), (1, 'none', 'Applies to nothing', 'data', NULL, 8),
    (2, 'mfa', 'MFA', 'identity', 'cloud', 99),
    (1, 'light', 'Of a metric without weight', 'data', NULL, 7);
CREATE FUNCTION pg_temp.fail(rec integer, assets integer, failing integer, ago integer) RETURNS void
    LANGUAGE sql AS $$
    INSERT INTO finding
    SELECT rec, n, CASE WHEN n <= failing THEN 'non_compliant' ELSE 'compliant' END::finding_state,
           day_end(today() - ago - 1) + interval '1 hour'
    FROM generate_series(1, assets) n
    ON CONFLICT (recommendation_id, asset_id) DO UPDATE SET state = EXCLUDED.state,
        changed_at = EXCLUDED.changed_at WHERE finding.state <> EXCLUDED.state $$;
\set ECHO all
SELECT pg_temp.fail(1, 6, 3, 5), pg_temp.fail(2, 6, 4, 5), pg_temp.fail(3, 6, 1, 5),
       pg_temp.fail(4, 3, 1, 5), pg_temp.fail(7, 2, 2, 5);
\set ECHO none
INSERT INTO measure VALUES (6, 2.5, 10, day_end(today() - 6));
INSERT INTO metric (key, name)
VALUES ('one', 'One'), ('two', 'Two'), ('empty', 'Nothing to measure'), ('light', 'Without weight');
INSERT INTO metric_recommendation VALUES (1, 1), (1, 4), (2, 2), (2, 3), (2, 4), (3, 5), (4, 7);
INSERT INTO initiative (key, name, method) VALUES
    ('metrics', 'Through metrics', 'points'), ('both', 'Both ways', 'points'),
    ('none', 'Without metrics', 'weighted'), ('other', 'By another method', 'weighted'),
    ('empty', 'Empty', 'points');
INSERT INTO initiative_metric VALUES (1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (4, 1);
UPDATE initiative_metric SET weight = 0 WHERE metric_id = 4;
INSERT INTO initiative_recommendation VALUES (2, 1), (2, 5), (2, 6), (3, 6), (3, 2), (3, 7);
\set ECHO all

-- metrics: mfa 3 of 6 is 5 of 10, patch 2 of 6 is 2 of 6, shared 2 of 3 is 2 of 3; disk and none
-- are worth nothing, light has no weight
-- both: mfa once, shared, and 2.5 of 10 measured; none: 2.5, 2 of 6 and 0 of 7
SELECT initiative, today() - day AS ago, achieved, possible, percentage, benchmark, zone, name
FROM secure_score ORDER BY 1, 2;
SELECT initiative, part, value, achieved, possible, percentage, recommendations
FROM secure_score_part ORDER BY 1, 2, 3;
SELECT initiative, score FROM overview ORDER BY 1;

-- days: two snapshots, then today, in the transaction that changed it and before
SELECT count(take_snapshot(today() - 5));
SELECT pg_temp.fail(1, 6, 6, 3), pg_temp.fail(2, 6, 0, 3);
SELECT count(take_snapshot(today() - 3));
SELECT count(take_snapshot());
BEGIN;
SELECT pg_temp.fail(1, 6, 0, 0);
SELECT initiative, today() - day AS ago, achieved, possible, percentage FROM secure_score
WHERE initiative = 'metrics' ORDER BY 2 DESC;
ROLLBACK;
SELECT initiative, today() - day AS ago, achieved, possible, percentage FROM secure_score
WHERE initiative = 'metrics' ORDER BY 2 DESC;
-- what changed since: a metric without weight gets one, another method, a recommendation that
-- leaves; the past stays
\set ECHO none
BEGIN;
UPDATE initiative_metric SET weight = 1 WHERE metric_id = 4;
DELETE FROM metric_recommendation WHERE recommendation_id = 4;
UPDATE initiative SET method = 'points' WHERE key = 'other';
UPDATE initiative SET method = 'population' WHERE key = 'both';
\set ECHO all
SELECT initiative, today() - day AS ago, achieved, possible, percentage FROM secure_score
WHERE initiative <> 'empty' ORDER BY 1, 2 DESC;
ROLLBACK;
-- unavailable: no points possible
BEGIN;
UPDATE source SET is_active = false;
SELECT initiative, achieved, possible, percentage, zone FROM secure_score WHERE day = today()
ORDER BY 1;
SELECT count(*) FROM secure_score_part WHERE day = today();
ROLLBACK;
-- an initiative that is no more, or not active
BEGIN;
UPDATE initiative SET is_active = false WHERE key = 'both';
DELETE FROM initiative WHERE key = 'metrics';
SELECT initiative, name, today() - day AS ago, achieved, percentage, zone FROM secure_score
WHERE initiative IN ('both', 'metrics') ORDER BY 1, 3 DESC;
SELECT DISTINCT initiative FROM secure_score_part WHERE day < today() ORDER BY 1;
ROLLBACK;

-- mfa lost its 5, patch won 4
SELECT * FROM points_change('metrics', today() - 5, today() - 3);
SELECT * FROM points_change('metrics', today() - 3, today());
SELECT recommendation, previous_achieved, achieved, previous_possible, possible, change
FROM points_change('both', today(), today());
BEGIN;
SELECT pg_temp.fail(1, 6, 2, 0);
INSERT INTO metric_recommendation VALUES (1, 6);
DELETE FROM metric_recommendation WHERE recommendation_id IN (2, 4);
DELETE FROM measure;
SELECT recommendation, previous_achieved, achieved, previous_possible, possible, change
FROM points_change('metrics', today() - 3, today());
SELECT recommendation, previous_achieved, achieved, previous_possible, possible, change
FROM points_change('none', today() - 5, today());
ROLLBACK;
SELECT count(*) FROM points_change(NULL, today(), today());
-- the errors say what is there
DO $$
DECLARE
    c record;
    message text; hint text; code text;
BEGIN
    FOR c IN SELECT * FROM (VALUES ('nobody', 5, 3), ('metrics', 4, 3), ('metrics', 5, 2),
                                   ('metrics', 7, 0), ('metrics', 3, 5), ('metrics', 0, -1),
                                   ('other', 5, 3), ('metrics', NULL, 3),
                                   ('metrics', 5, NULL)) v(initiative, was, "is") LOOP
        BEGIN
            PERFORM points_change(c.initiative, today() - c.was, today() - c."is");
        EXCEPTION WHEN others THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT,
                code = RETURNED_SQLSTATE;
            FOR ago IN -1 .. 7 LOOP
                message := replace(message, (today() - ago)::text, 'T-' || ago);
                hint := replace(hint, (today() - ago)::text, 'T-' || ago);
            END LOOP;
            RAISE WARNING '% % to %: % % %', c.initiative, c.was, c."is", code, message, hint;
        END;
    END LOOP;
END $$;

-- benchmarks: the first by key of those there are by then, as it was last
\set ECHO none
INSERT INTO benchmark SELECT v.key, upper(v.key), today() - v.ago, v.i, v.score FROM (VALUES
    ('own', 9, 1, 30), ('own', 4, 1, 40), ('all', 3, 1, 50), ('all', 1, 1, 55), ('size', 3, 1, 60),
    ('all', 0, 4, 70), ('all', -1, 3, 99)) v(key, ago, i, score);
\set ECHO all
SELECT initiative, today() - day AS ago, percentage, benchmark, benchmark_percentage
FROM secure_score WHERE initiative IN ('metrics', 'none') ORDER BY 1, 2 DESC;
SELECT initiative, today() - day AS ago, benchmark, name, score, own_score, difference
FROM benchmark_report ORDER BY 1, 2 DESC, 3;

-- as a product reports its points, with other averages, among days that have snapshots
SELECT loaded, rejected FROM load('graph-secure-scores', jsonb_build_array(
    jsonb_build_object('id', 'x', 'createdDateTime', (today() - 4) || 'T00:00:00Z', 'currentScore',
                       17, 'maxScore', 40,
        'controlScores', '[{"controlName": "Mfa", "controlCategory": "Identity", "score": 8,
                            "scoreInPercentage": 80},
                           {"controlName": "Dlp", "controlCategory": "Data", "score": 9,
                            "scoreInPercentage": 75}]'::jsonb,
        'averageComparativeScores', '[{"basis": "AllTenants", "averageScore": 21}]'::jsonb),
    jsonb_build_object('id', 'x', 'createdDateTime', (today() - 2) || 'T00:00:00Z', 'currentScore',
                       12, 'maxScore', 40,
        'controlScores', '[{"controlName": "Mfa", "controlCategory": "Identity", "score": 3,
                            "scoreInPercentage": 30}]'::jsonb)));
SELECT today() - day AS ago, achieved, possible, percentage, benchmark, benchmark_percentage, zone
FROM secure_score WHERE initiative = 'microsoft-secure-score' ORDER BY 1 DESC;
SELECT today() - day AS ago, part, value, achieved, possible, percentage, recommendations
FROM secure_score_part WHERE initiative = 'microsoft-secure-score' ORDER BY 1 DESC, 2, 3;
SELECT recommendation, previous_achieved, achieved, change
FROM points_change('microsoft-secure-score', today() - 4, today() - 2);

/*
 * Random histories: against initiative_term(), a day at a time, and plain sums.
 */
SELECT setseed(0.23);
\set ECHO none
TRUNCATE snapshot, recommendation_snapshot, metric_snapshot, initiative_snapshot,
    initiative_metric_snapshot;
INSERT INTO recommendation_snapshot (day, recommendation_id, exposed, assessed, achieved, possible)
SELECT today() - d, r.recommendation_id, 0, 0,
       CASE WHEN n.points < 9 THEN round(n.points * n.share, 1 + 20 * (d % 2)) END,
       CASE WHEN n.points < 9 THEN n.points END
FROM generate_series(1, 60) d, recommendation r
CROSS JOIN LATERAL (SELECT floor(random() * 11 + 0 * d)::numeric AS points,
                           (random() + 0 * r.recommendation_id)::numeric AS share OFFSET 0) n
WHERE random() < 0.9;
INSERT INTO metric_snapshot (day, metric_id, exposed, assessed, score, importance, recommendations)
SELECT today() - d, m, 0, 0, CASE WHEN random() < 0.8 THEN 50 END, 'low',
       ARRAY(SELECT r.recommendation_id FROM recommendation r WHERE random() + 0 * d * m < 0.3)
FROM generate_series(1, 60) d, generate_series(1, 5) m;
INSERT INTO initiative_metric_snapshot
SELECT today() - d, i, m, floor(random() * 3)
FROM generate_series(1, 60) d, generate_series(1, 6) i, generate_series(1, 5) m
WHERE random() < 0.4;
INSERT INTO initiative_snapshot (day, initiative_id, method, recommendations)
SELECT today() - d, i, CASE WHEN random() < 0.8 THEN 'points'
                            ELSE 'weighted' END::initiative_method,
       ARRAY(SELECT r.recommendation_id FROM recommendation r WHERE random() + 0 * d * i < 0.15)
FROM generate_series(1, 60) d, generate_series(1, 6) i;
UPDATE initiative_snapshot s SET score = r.score
FROM (SELECT DISTINCT day FROM initiative_snapshot) d CROSS JOIN LATERAL initiative_result(d.day) r
WHERE s.day = d.day AND s.initiative_id = r.initiative_id;

CREATE TEMP TABLE outcome (what text, cases bigint, differences bigint);
CREATE PROCEDURE pg_temp.compare(about text, said text, plain text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO outcome WITH said AS MATERIALIZED (%s), plain AS MATERIALIZED (%s)
        SELECT %L, (SELECT count(*) FROM plain),
               (SELECT count(*) FROM (SELECT * FROM said EXCEPT ALL SELECT * FROM plain) x)
               + (SELECT count(*) FROM (SELECT * FROM plain EXCEPT ALL SELECT * FROM said) x)',
                   said, plain, about);
END $$;
CREATE TEMP TABLE term AS
SELECT s.day, t.initiative_id, t.recommendation_id, t.healthy AS achieved, t.mass AS possible
FROM (SELECT DISTINCT o.day FROM initiative_snapshot o) d
CROSS JOIN LATERAL initiative_term(d.day) t
JOIN initiative_snapshot s ON s.day = d.day AND s.initiative_id = t.initiative_id
    AND s.method = 'points'
WHERE t.method = 'points' AND t.mass IS NOT NULL;
CALL pg_temp.compare('points_term',
    'SELECT d.day, t.* FROM points_day() d(day), points_term(d.day) t WHERE d.day < today()',
    'TABLE term');
CALL pg_temp.compare('secure_score',
    'SELECT initiative, day, achieved, possible, percentage FROM secure_score WHERE day < today()',
    'SELECT coalesce(i.key, s.initiative_id::text), s.day, round(t.achieved, 6), t.possible,
            s.score::numeric
     FROM initiative_snapshot s
     LEFT JOIN initiative i USING (initiative_id)
     LEFT JOIN (SELECT day, initiative_id, sum(achieved) AS achieved, sum(possible) AS possible
                FROM term
                GROUP BY 1, 2) t ON t.day = s.day AND t.initiative_id = s.initiative_id
     WHERE s.method = ''points''');
CALL pg_temp.compare('percentage',
    'SELECT initiative, day, percentage FROM secure_score WHERE day < today() AND possible > 0',
    'SELECT coalesce(i.key, t.initiative_id::text), t.day,
            round(100 * sum(t.achieved) / sum(t.possible), 6)
     FROM term t
     LEFT JOIN initiative i USING (initiative_id)
     GROUP BY 1, 2 HAVING sum(t.possible) > 0');
CALL pg_temp.compare('secure_score_part',
    'SELECT initiative, day, part, value, achieved, possible, percentage, recommendations
     FROM secure_score_part
     WHERE day < today()',
    'SELECT coalesce(i.key, t.initiative_id::text), t.day, p.part, p.value,
            round(sum(t.achieved), 6), sum(t.possible),
            round(100 * sum(t.achieved) / nullif(sum(t.possible), 0), 6), count(*)
     FROM term t
     JOIN recommendation r USING (recommendation_id)
     LEFT JOIN initiative i USING (initiative_id)
     CROSS JOIN LATERAL (VALUES (''domain'', r.domain), (''workload'', r.workload)) p(part, value)
     GROUP BY 1, 2, 3, 4');
CALL pg_temp.compare('points_change',
    'SELECT i.key, s.day, c.recommendation, c.previous_achieved, c.achieved, c.previous_possible,
            c.possible, c.change
     FROM initiative_snapshot s
     JOIN initiative_snapshot n ON n.initiative_id = s.initiative_id AND n.day = s.day + 1
     JOIN initiative i ON i.initiative_id = s.initiative_id
     CROSS JOIN LATERAL points_change(i.key, s.day, n.day) c
     WHERE s.method = ''points'' AND n.method = ''points'' AND s.day > today() - 30',
    'SELECT i.key, s.day, recommendation_label(r.recommendation_id), round(p.achieved, 6),
            round(c.achieved, 6), p.possible, c.possible,
            coalesce(round(c.achieved, 6), 0) - coalesce(round(p.achieved, 6), 0)
     FROM initiative_snapshot s
     JOIN initiative_snapshot n ON n.initiative_id = s.initiative_id AND n.day = s.day + 1
     JOIN initiative i ON i.initiative_id = s.initiative_id
     CROSS JOIN recommendation r
     LEFT JOIN term p ON p.day = s.day
         AND p.initiative_id = s.initiative_id
         AND p.recommendation_id = r.recommendation_id
     LEFT JOIN term c ON c.day = n.day
         AND c.initiative_id = s.initiative_id
         AND c.recommendation_id = r.recommendation_id
     WHERE s.method = ''points'' AND n.method = ''points'' AND s.day > today() - 30
         AND num_nonnulls(p.achieved, c.achieved) > 0');
INSERT INTO benchmark (initiative_id, key, name, day, score)
SELECT 1 + floor(random() * 5), chr(97 + floor(random() * 5)::integer), 'x',
       today() - floor(random() * 70)::integer, round((random() * 100)::numeric, 2)
FROM generate_series(1, 150) ON CONFLICT DO NOTHING;
CALL pg_temp.compare('benchmark',
    'SELECT initiative, day, benchmark, benchmark_percentage FROM secure_score',
    'SELECT v.initiative, v.day, b.key, b.score
     FROM secure_score v
     LEFT JOIN LATERAL (SELECT DISTINCT ON (v.day) x.key, x.score::numeric
                        FROM benchmark x
                        JOIN initiative i USING (initiative_id)
                        WHERE i.key = v.initiative AND x.day <= v.day
                        ORDER BY v.day, x.key, x.day DESC) b ON true');
CALL pg_temp.compare('benchmark_report',
    'SELECT initiative, benchmark, day, score, own_score, difference FROM benchmark_report',
    'SELECT i.key, b.key, b.day, b.score::numeric, o.score, o.score - b.score::numeric
     FROM benchmark b
     JOIN initiative i USING (initiative_id)
     LEFT JOIN LATERAL (SELECT s.score::numeric
                        FROM initiative_snapshot s
                        WHERE s.initiative_id = b.initiative_id
                            AND s.day = b.day
                            AND b.day < today()
                        UNION ALL
                        SELECT v.score
                        FROM overview v
                        WHERE v.initiative = i.key AND b.day = today()) o ON true');
\set ECHO all
SELECT what, cases > 50 AS enough, differences FROM outcome ORDER BY what;

-- the columns that reports rely on
SELECT c.relname, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'posture'::regnamespace
  AND c.relname IN ('secure_score', 'secure_score_part', 'benchmark_report')
GROUP BY c.relname ORDER BY 1;

DISCARD TEMP;
DROP EXTENSION posture;
