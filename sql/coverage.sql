-- What each source has assessed lately, of the assets that are known.
-- tests: report/coverage_report
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/random.sql
\set ECHO none
SET client_min_messages = warning;

INSERT INTO source (key, name) VALUES ('agent', 'Agent'), ('cloud', 'Cloud'), ('idle', 'Idle');
INSERT INTO asset (key, name, kind) SELECT 'm' || n, 'M', 'macos' FROM generate_series(1, 5) n;
INSERT INTO asset (key, name, kind) SELECT 'b' || n, 'B', 'bucket' FROM generate_series(1, 2) n;
UPDATE asset SET retired_at = now() - interval '1 day' WHERE key = 'm5';
INSERT INTO asset_group (key, name, kinds) VALUES ('macs', 'Macs', '{macos}'), ('none', 'N', '{x}');
INSERT INTO inbox (source, recommendation, asset, state, observed_at)
VALUES ('agent', 'installed', 'm1', 'compliant', now() - interval '40 days'),
       ('agent', 'installed', 'm5', 'compliant', now() - interval '2 hours');
SELECT FROM ingest();
INSERT INTO inbox (source, recommendation, asset, state, observed_at)
VALUES ('agent', 'installed', 'm2', 'compliant', now() - interval '3 days'),
       ('agent', 'installed', 'm3', 'not_applicable', now() - interval '3 hours'),
       ('cloud', 'public', 'b1', 'non_compliant', NULL);
SELECT FROM ingest();
\set ECHO all

SELECT * FROM coverage_report ORDER BY source, asset_kind;
SELECT a.key FROM members(unassessed_assets('agent')) m(id) JOIN asset a ON a.asset_id = m.id;
SELECT a.key FROM members(unassessed_assets('agent', '7 days')) m(id)
JOIN asset a ON a.asset_id = m.id ORDER BY 1;
SELECT unassessed_assets('idle'), unassessed_assets(NULL);
SELECT unassessed_assets('agnet');
-- a confirmation is an assessment, also of a complete delivery
SELECT FROM fold();
INSERT INTO inbox (source, recommendation, asset, state)
VALUES ('agent', 'installed', 'm1', 'compliant');
SELECT loaded, changed FROM ingest('agent', extent => 'office');
SELECT assessed_1d, assessed_7d, never_assessed FROM coverage_report
WHERE source = 'agent' AND asset_group = 'macs';
-- a finding that was written without a delivery was assessed at some time
INSERT INTO finding SELECT recommendation_id, asset_id, 'compliant', now()
FROM recommendation r, asset a WHERE r.key = 'installed' AND a.key = 'm4';
SELECT assessed_1d, never_assessed FROM coverage_report
WHERE source = 'agent' AND asset_kind = 'macos';
UPDATE source SET is_active = false WHERE key = 'agent';
SELECT source, asset_kind FROM coverage_report;
UPDATE source SET is_active = true;

-- random deliveries, against plain SQL over all that was delivered
\set ECHO none
CREATE TABLE delivered (source text, asset text, age numeric);
CREATE PROCEDURE pg_temp.deliver_at_random(deliveries integer) LANGUAGE plpgsql AS $$
DECLARE
    of_source text;
    of_age numeric;
BEGIN
    FOR n IN 1 .. deliveries LOOP
        of_source := (ARRAY['agent', 'cloud', 'r'])[1 + pg_temp.n(3)];
        of_age := (ARRAY[0.5, 3, 10, 20, 40, 100])[1 + pg_temp.n(6)];
        WITH d AS (
            INSERT INTO delivered
            SELECT DISTINCT of_source, 'x' || pg_temp.n(40), of_age FROM generate_series(1, 6)
            RETURNING *
        )
        INSERT INTO inbox (source, recommendation, asset, state, observed_at, asset_kind)
        SELECT d.source, 'r' || pg_temp.n(2), d.asset,
               (ARRAY['compliant', 'non_compliant', 'not_applicable'])[1 + pg_temp.n(3)],
               now() - d.age * interval '1 day', 'kind' || substr(d.asset, 2)::integer % 3
        FROM d;
        PERFORM ingest();
        IF pg_temp.n(8) = 0 THEN
            PERFORM fold();
        ELSIF pg_temp.n(8) = 0 THEN
            UPDATE asset SET retired_at = now() WHERE key = 'x' || pg_temp.n(40);
        END IF;
    END LOOP;
END $$;
INSERT INTO source (key, name) VALUES ('r', 'R');
INSERT INTO asset_group (key, name, kinds) VALUES ('two', 'T', '{kind0,kind2}');
CALL pg_temp.deliver_at_random(120);
CREATE VIEW pg_temp.expected AS
WITH known AS (
    SELECT a.key::text AS asset, a.kind, NULL::text AS asset_group FROM asset a
    WHERE a.kind LIKE 'kind%' AND a.retired_at IS NULL
    UNION ALL
    SELECT a.key::text, NULL, 'two' FROM asset a
    WHERE a.kind IN ('kind0', 'kind2') AND a.retired_at IS NULL
)
SELECT s.source, k.kind, k.asset_group, count(*) AS known,
       count(*) FILTER (WHERE d.age < 1) AS d1, count(*) FILTER (WHERE d.age < 7) AS d7,
       count(*) FILTER (WHERE d.age < 30) AS d30, count(*) FILTER (WHERE d.age IS NULL) AS never
FROM known k
CROSS JOIN (SELECT DISTINCT source FROM delivered) s
LEFT JOIN LATERAL (SELECT min(x.age) AS age FROM delivered x
                   WHERE x.source = s.source AND x.asset = k.asset) d ON true
GROUP BY s.source, k.kind, k.asset_group
HAVING count(d.age) > 0;
CREATE VIEW pg_temp.got AS
SELECT source, asset_kind, asset_group, known_assets, assessed_1d, assessed_7d, assessed_30d,
       never_assessed
FROM coverage_report WHERE asset_kind LIKE 'kind%' OR asset_group = 'two';
\set ECHO all
SELECT count(*) > 8 AS enough, bool_or(d7 > d1 AND never > 0) AS varied FROM pg_temp.expected;
SELECT * FROM pg_temp.expected EXCEPT ALL SELECT * FROM pg_temp.got;
SELECT * FROM pg_temp.got EXCEPT ALL SELECT * FROM pg_temp.expected;
