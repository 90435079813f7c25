-- Names of scores: the default bands, bands for all initiatives, and those of one initiative.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set ECHO none
SET client_min_messages = warning;

INSERT INTO initiative (key, name) VALUES ('a', 'A'), ('b', 'B');
CREATE VIEW v_band AS
SELECT scheme, s.score, band_of(NULL, scheme, s.score) AS "all", band_of('a', scheme, s.score) AS a,
       band_of('b', scheme, s.score) AS b
FROM unnest('{zone,maturity}'::text[]) scheme,
    unnest('{NULL,0,29.999999,30,49.999999,50,79.999999,80,90,100}'::numeric[]) s(score);
\set ECHO all
SELECT * FROM default_band();
TABLE v_band;
-- for all initiatives; a score below the first band has no name
INSERT INTO score_band (scheme, from_score, name)
VALUES ('zone', 30, 'amber'), ('zone', 80, 'green');
SELECT * FROM v_band WHERE scheme = 'zone';
-- of an initiative, in one scheme alone
INSERT INTO score_band (initiative_id, scheme, from_score, name)
VALUES (1, 'zone', 49.9999995, 'fine'), (1, 'maturity', 0, 'one'), (1, 'maturity', 90, 'five');
TABLE v_band;
SELECT * FROM initiative_band('zone') ORDER BY 1 NULLS LAST, 3;
-- they go with it; those of the others stay
DELETE FROM initiative WHERE key = 'a';
SELECT * FROM score_band ORDER BY 1 NULLS FIRST, 2, 3;
DELETE FROM score_band;
SELECT band_of('b', 'zone', 79.999999), band_of('b', 'maturity', 90);
-- what it can't be
SELECT band_of('nobody', 'zone', 1);
SELECT band_of('b', 'colour', 1);
SELECT band_of('b', NULL, 1);
SELECT band_of('b', 'zone', 100.1);
SELECT band_of('b', 'zone', 'NaN');
\set VERBOSITY sqlstate
INSERT INTO score_band (scheme, from_score, name) VALUES ('zone', 101, 'x');
INSERT INTO score_band (scheme, from_score, name) VALUES ('colour', 1, 'x');
INSERT INTO score_band (scheme, from_score, name) VALUES ('zone', 1, ' ');
INSERT INTO score_band (scheme, from_score, name) VALUES ('zone', NULL, 'x');
INSERT INTO score_band (scheme, from_score, name) VALUES ('zone', 1, NULL);
INSERT INTO score_band (scheme, from_score, name) VALUES ('zone', 1, 'x'), ('zone', 1.0000001, 'y');
INSERT INTO score_band (initiative_id, scheme, from_score, name) VALUES (9, 'zone', 1, 'x');
\set VERBOSITY default

-- random bands against the greatest that is not above
SELECT setseed(0.5);
DO $$
DECLARE
    differences bigint := 0;
BEGIN
    FOR round IN 1 .. 30 LOOP
        DELETE FROM score_band;
        INSERT INTO score_band (initiative_id, scheme, from_score, name)
        SELECT CASE WHEN random() < 0.5 THEN 2 END,
               CASE WHEN random() < 0.7 THEN 'zone' ELSE 'maturity' END, (floor(random() * 20) * 5)::numeric, 'n' || g
        FROM generate_series(1, floor(random() * 9)::integer) g ON CONFLICT DO NOTHING;
        differences := differences + (
            SELECT count(*)
            FROM generate_series(0, 100, 2.5) s(score), unnest('{zone,maturity}'::text[]) k(scheme),
                                      unnest('{b,NULL}'::text[]) i(key)
            CROSS JOIN LATERAL (SELECT CASE WHEN i.key = 'b'
                                                 AND EXISTS (SELECT FROM score_band b
        WHERE b.initiative_id = 2 AND b.scheme = k.scheme) THEN 'own'
                                            WHEN EXISTS (SELECT FROM score_band b
        WHERE b.initiative_id IS NULL AND b.scheme = k.scheme) THEN 'all'
                                            ELSE 'default' END AS whose) w
            WHERE band_of(i.key, k.scheme, s.score) IS DISTINCT FROM
                  (SELECT x.name
                   FROM (SELECT b.name, b.from_score FROM score_band b
                         WHERE b.scheme = k.scheme
                           AND (w.whose = 'own' AND b.initiative_id = 2 OR w.whose = 'all' AND b.initiative_id IS NULL)
                                       UNION ALL SELECT d.name, d.from_score FROM default_band() d
                                                 WHERE d.scheme = k.scheme
                                                   AND w.whose = 'default') x
                   WHERE x.from_score::numeric <= s.score ORDER BY x.from_score DESC LIMIT 1));
    END LOOP;
    RAISE WARNING 'differences: %', differences;
END $$;

DROP VIEW v_band;
DROP EXTENSION posture;
