-- Past days: the job was down for five days with writes in each. Afterwards every day has exactly
-- what plain SQL counts from a copy of finding at its end.
-- tests: score/counted, store/finding_set, store/capture_delta
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/noon.sql

\set ECHO none
INSERT INTO source (key, name) VALUES ('s', 'Source');
INSERT INTO recommendation (source_id, key, title)
SELECT 1, 'r' || g, 'R' || g FROM generate_series(1, 6) g;
INSERT INTO asset (key, name, kind)
SELECT 'a' || g, 'A' || g, CASE WHEN g % 3 = 0 THEN 'user' ELSE 'host' END FROM generate_series(1, 60) g;
INSERT INTO metric (key, name, asset_kinds)
VALUES ('m1', 'M1', NULL), ('m2', 'M2', '{host}'), ('m3', 'M3', NULL);
INSERT INTO metric_recommendation VALUES (1, 1), (1, 2), (1, 3), (2, 3), (2, 4), (3, 5), (3, 6);
INSERT INTO initiative (key, name) VALUES ('i', 'I');
INSERT INTO initiative_metric SELECT 1, metric_id, 1 FROM metric;

CREATE TEMP TABLE copy (ago integer, recommendation_id integer, asset_id integer,
                        state finding_state);
CREATE FUNCTION pg_temp.one_of(VARIADIC of text[]) RETURNS text LANGUAGE sql VOLATILE
    AS 'SELECT of[1 + floor(random() * array_length(of, 1))::integer]';
-- a moment of the day
CREATE FUNCTION pg_temp.at(ago integer) RETURNS timestamptz LANGUAGE sql VOLATILE
    AS $$ SELECT posture.day_end(posture.today() - $1 - 1) + random() * interval '23 hours' $$;
CREATE PROCEDURE pg_temp.live(ago integer) LANGUAGE plpgsql AS $$
BEGIN
    FOR statement IN 1 .. 4 LOOP
        UPDATE finding SET state = pg_temp.one_of('compliant', 'non_compliant',
                                                  'not_applicable')::finding_state,
            changed_at = pg_temp.at(ago)
        WHERE random() < 0.15;
        INSERT INTO finding
        SELECT DISTINCT ON (r, a) r, a, pg_temp.one_of('compliant', 'non_compliant',
                                                       'not_applicable')::finding_state,
            pg_temp.at(ago)
        FROM (SELECT 1 + floor(random() * 6)::integer AS r, 1 + floor(random() * 50)::integer AS a
              FROM generate_series(1, 15)) x
        ON CONFLICT (recommendation_id, asset_id) DO UPDATE SET state = EXCLUDED.state,
            changed_at = EXCLUDED.changed_at;
        IF random() < 0.3 THEN
            PERFORM fold();
        END IF;
    END LOOP;
    INSERT INTO copy SELECT ago, f.recommendation_id, f.asset_id, f.state FROM finding f;
END $$;

-- what a copy says, and what posture says
CREATE TEMP VIEW plain AS
SELECT c.ago, m.metric_id, c.asset_id, bool_or(c.state = 'non_compliant') AS exposed
FROM copy c JOIN metric_recommendation mr USING (recommendation_id) JOIN metric m USING (metric_id)
JOIN asset a USING (asset_id)
WHERE c.state <> 'not_applicable' AND (m.asset_kinds IS NULL OR a.kind = ANY (m.asset_kinds))
GROUP BY 1, 2, 3;
CREATE TEMP TABLE outcome (round integer, about text, cases bigint, differences bigint);
CREATE PROCEDURE pg_temp.compare(round integer, about text) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outcome
    WITH said AS MATERIALIZED (
        SELECT d.ago, m.metric_id, members(metric_assets(m.key, today() - d.ago)) AS asset_id
        FROM metric m, (SELECT DISTINCT ago FROM copy) d
    ), plain_exposed AS MATERIALIZED (SELECT p.ago, p.metric_id, p.asset_id FROM pg_temp.plain p
                                      WHERE p.exposed)
    SELECT round, about, (SELECT count(*) FROM plain_exposed),
           (SELECT count(*) FROM (TABLE said EXCEPT ALL TABLE plain_exposed) x)
               + (SELECT count(*) FROM (TABLE plain_exposed EXCEPT ALL TABLE said) x);
    INSERT INTO outcome SELECT round, 'verify', 1, (SELECT count(*) FROM verify());
END $$;
\set ECHO all

SELECT setseed(0.7);
\set ECHO none
DO $$
BEGIN
    FOR round IN 1 .. 5 LOOP
        -- another world
        TRUNCATE finding, snapshot, metric_snapshot, recommendation_snapshot, initiative_snapshot,
            initiative_metric_snapshot, event, event_cause, run, copy;
        PERFORM fold();
        TRUNCATE finding_history;
        FOR ago IN REVERSE 5 .. 1 LOOP
            CALL pg_temp.live(ago);
        END LOOP;
        -- written today, but it has been so since three days ago
        INSERT INTO finding VALUES (1, 53, 'non_compliant'), (5, 53, 'compliant');
        UPDATE finding SET changed_at = pg_temp.at(3) WHERE asset_id = 53;
        INSERT INTO copy
        SELECT ago, f.recommendation_id, 53, f.state FROM finding f, generate_series(1, 3) ago
        WHERE f.asset_id = 53;
        -- deleted, and there again as it was
        CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM finding WHERE asset_id % 7 = 0;
        DELETE FROM finding WHERE asset_id % 7 = 0;
        IF round % 2 = 0 THEN
            PERFORM fold();
        END IF;
        INSERT INTO finding TABLE kept;
        DROP TABLE kept;
        -- gone today: on the days before it was there
        DELETE FROM finding WHERE asset_id % 11 = 0;
        CALL pg_temp.compare(round, 'before the snapshots');
        COMMIT;
        FOR ago IN REVERSE 5 .. 1 LOOP
            PERFORM take_snapshot(today() - ago);
        END LOOP;
        INSERT INTO outcome
        SELECT round, 'snapshots', count(*),
               count(*) FILTER (WHERE (s.exposed, s.assessed) IS DISTINCT FROM (p.exposed,
                                                                                    p.assessed))
        FROM metric_snapshot s
        FULL JOIN (SELECT today() - ago AS day, metric_id,
                          count(*) FILTER (WHERE exposed)::numeric AS exposed,
                          count(*)::numeric AS assessed
                   FROM pg_temp.plain GROUP BY 1, 2) p USING (day, metric_id);
        CALL pg_temp.compare(round, 'after them');
        -- what becomes known later belongs to later days
        UPDATE finding SET state = pg_temp.one_of('compliant', 'non_compliant')::finding_state
        WHERE random() < 0.3;
        DELETE FROM finding WHERE random() < 0.1;
        INSERT INTO finding
        SELECT 1 + floor(random() * 6)::integer, 1 + floor(random() * 60)::integer, 'non_compliant',
               pg_temp.at(2) FROM generate_series(1, 20)
        ON CONFLICT DO NOTHING;
        CALL pg_temp.compare(round, 'closed days stay, not folded');
        PERFORM fold();
        CALL pg_temp.compare(round, 'closed days stay, folded');
        PERFORM rebuild();
        CALL pg_temp.compare(round, 'closed days stay, rebuilt');
    END LOOP;
END $$;
\set ECHO all
SELECT about, sum(cases) > 4 AS enough, sum(differences) AS differences FROM outcome GROUP BY about
ORDER BY about;

-- history past retention is purged; the days after it stay as they were
SELECT count(*) > 0 AS older FROM finding_history WHERE day < today() - 3;
CREATE TEMP TABLE before AS SELECT ago, m.key, metric_assets(m.key, today() - ago) AS assets
FROM metric m, generate_series(0, 3) ago;
SET posture.retention_days = 3;
SELECT purge() > 0 AS purged;
SELECT count(*) AS older FROM finding_history WHERE day < today() - 3;
SELECT count(*) AS differences FROM before b
WHERE b.assets <> metric_assets(b.key, today() - b.ago);

DISCARD TEMP;
DROP EXTENSION posture;
