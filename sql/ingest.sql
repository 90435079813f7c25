-- From the inbox to findings.
-- tests: finding/inbox
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set ECHO none
SET posture.timezone = 'Europe/Berlin';
SET client_min_messages = warning;

INSERT INTO source (key, name) VALUES ('scan', 'Scanner'), ('cloud', 'Cloud'), ('idle', 'Idle');
CREATE VIEW pg_temp.f AS
SELECT s.key::text AS source, r.key::text AS recommendation, a.key::text AS asset, f.state,
       f.changed_at, f.details
FROM finding f JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id)
JOIN asset a USING (asset_id)
ORDER BY s.key COLLATE "C", r.key COLLATE "C", a.key COLLATE "C";
-- which row versions there are
CREATE VIEW pg_temp.version AS
SELECT 'finding' AS of, f.ctid AS place, f.xmin::text AS writer, f.recommendation_id, f.asset_id
FROM finding f
UNION ALL SELECT 'asset', a.ctid, a.xmin::text, a.asset_id, NULL FROM asset a
UNION ALL SELECT 'recommendation', r.ctid, r.xmin::text, r.recommendation_id, NULL
FROM recommendation r;
\set ECHO all

-- an empty inbox
SELECT * FROM ingest();

-- COPY and ingest in one transaction
\set ECHO none
BEGIN;
COPY posture.inbox FROM stdin;
scan	ssh	h1	non_compliant	2024-03-01 08:00+00	host	Host 1	{"port": 22}
scan	ssh	h2	compliant	2024-03-01 08:00+00	host	\N	\N
scan	tls	h1	not_applicable	2024-03-01 08:00+00	host	Host 1	\N
cloud	ssh	u1	compliant	2024-03-01 08:00+00	\N	\N	\N
\.
\set ECHO all
SELECT * FROM ingest();
SELECT * FROM pg_temp.f;
COMMIT;
SELECT count(*) FROM inbox;
SELECT key, kind, name, criticality, tags, first_seen, last_seen, retired_at FROM asset
ORDER BY key;
SELECT source_id, key, title, severity, max_points FROM recommendation ORDER BY 1, 2;
-- and all of it rolled back
BEGIN;
COPY posture.inbox FROM stdin;
scan	new	h9	non_compliant	2024-03-01 09:00+00	host	\N	\N
\.
SELECT * FROM ingest();
ROLLBACK;
SELECT (SELECT count(*) FROM inbox) AS inbox, (SELECT count(*) FROM finding) AS findings,
       (SELECT count(*) FROM asset) AS assets;

-- the same again in two transactions: nothing is written
\set ECHO none
CREATE TEMP TABLE before AS SELECT * FROM pg_temp.version;
COPY posture.inbox FROM stdin;
scan	ssh	h1	non_compliant	2024-03-01 08:00+00	host	Host 1	{"port": 22}
scan	ssh	h2	compliant	2024-03-01 08:00+00	host	\N	\N
scan	tls	h1	not_applicable	2024-03-01 08:00+00	host	Host 1	\N
cloud	ssh	u1	compliant	2024-03-01 08:00+00	\N	\N	\N
\.
\set ECHO all
SELECT * FROM ingest();
-- nor by a later observation of the same on the same day, without details too
COPY posture.inbox FROM stdin;
scan	ssh	h1	non_compliant	2024-03-01 10:00+00	host	Host 1	\N
scan	ssh	h2	compliant	2024-03-01 10:00+00	host	\N	\N
\.
SELECT * FROM ingest();
SELECT count(*) FROM (TABLE before EXCEPT TABLE pg_temp.version) x;
SELECT count(*) FROM (TABLE pg_temp.version EXCEPT TABLE before) x;

-- the newest observation wins, in a batch too; of equal times the last to arrive
\set ECHO none
COPY posture.inbox FROM stdin;
scan	ssh	h1	compliant	2024-03-01 12:00+00	\N	\N	\N
scan	ssh	h1	not_applicable	2024-03-01 11:00+00	\N	\N	\N
scan	ssh	h2	compliant	2024-03-01 12:00+00	\N	\N	{"n": 1}
scan	ssh	h2	not_applicable	2024-03-01 12:00+00	\N	\N	{"n": 2}
scan	ssh	h2	non_compliant	2024-03-01 12:00+00	\N	\N	{"n": 3}
scan	ssh	h3	compliant	2024-03-01 12:00+00	\N	\N	\N
scan	ssh	h3	non_compliant	2024-03-01 12:00+00	\N	\N	\N
\.
\set ECHO all
SELECT * FROM ingest();
SELECT * FROM pg_temp.f WHERE recommendation = 'ssh' AND source = 'scan';
-- at an equal time what arrives in a later batch wins, what is older loses
COPY posture.inbox FROM stdin;
scan	ssh	h1	non_compliant	2024-03-01 12:00+00	\N	\N	\N
scan	ssh	h2	compliant	2024-03-01 11:59:59+00	\N	\N	{"n": 4}
\.
SELECT * FROM ingest();
SELECT * FROM pg_temp.f WHERE recommendation = 'ssh' AND source = 'scan';
-- details alone change without a new changed_at
COPY posture.inbox FROM stdin;
scan	ssh	h1	non_compliant	2024-03-01 13:00+00	\N	\N	{"port": 2222}
\.
SELECT * FROM ingest();
SELECT * FROM pg_temp.f WHERE recommendation = 'ssh' AND asset = 'h1';
-- without a time: now
COPY posture.inbox (source, recommendation, asset, state) FROM stdin;
scan	now	h1	compliant
\.
BEGIN;
SELECT * FROM ingest();
SELECT changed_at BETWEEN now() AND clock_timestamp() AS is_now FROM pg_temp.f
WHERE recommendation = 'now';
ROLLBACK;
DELETE FROM inbox;

-- ids are dense however often the same is loaded
COPY posture.inbox FROM stdin;
scan	ssh	h1	non_compliant	2024-03-01 13:00+00	\N	\N	\N
scan	last	h4	non_compliant	2024-03-01 13:00+00	\N	\N	\N
\.
SELECT * FROM ingest();
-- (the rolled back transactions took h9, "new" and "now")
SELECT key, asset_id > 4 AS later FROM asset ORDER BY key;
SELECT array_agg(asset_id ORDER BY asset_id) FROM asset;
SELECT array_agg(recommendation_id ORDER BY recommendation_id) FROM recommendation;

-- what can't be loaded goes to rejected with a reason that names it; the rest is loaded
\set ECHO none
INSERT INTO inbox (source, recommendation, asset, state, observed_at, details) VALUES
    ('unheard', 'ssh', 'h1', 'compliant', '2024-03-02', NULL),
    (NULL, 'ssh', 'h1', 'compliant', '2024-03-02', NULL),
    ('', 'ssh', 'h1', 'compliant', '2024-03-02', NULL),
    ('scan', NULL, 'h1', 'compliant', '2024-03-02', NULL),
    ('scan', '', 'h1', 'compliant', '2024-03-02', NULL),
    ('scan', 'ssh', NULL, 'compliant', '2024-03-02', NULL),
    ('scan', 'ssh', '', 'compliant', '2024-03-02', NULL),
    ('scan', repeat('r', 1025), 'h1', 'compliant', '2024-03-02', NULL),
    ('scan', 'ssh', repeat('a', 1025), 'compliant', '2024-03-02', NULL),
    ('scan', 'ssh', 'h1', NULL, '2024-03-02', NULL),
    ('scan', 'ssh', 'h1', 'failed', '2024-03-02', '{"kept": true}'),
    ('scan', 'ssh', 'h1', 'COMPLIANT', '2024-03-02', NULL),
    ('scan', 'ssh', 'h1', 'compliant', now() + interval '1 hour', NULL),
    ('scan', 'ssh', 'h1', 'compliant', 'infinity', NULL),
    ('scan', 'ssh', 'h1', 'compliant', '-infinity', NULL),
    ('scan', repeat('q', 1024), 'h1', 'compliant', '2024-03-02', NULL),
    ('scan', 'tls', 'h1', 'compliant', '2024-03-02', NULL);
\set ECHO all
SELECT * FROM ingest();
SELECT source, left(recommendation, 5) AS recommendation, left(asset, 5) AS asset, state, details,
       regexp_replace(reason, ': \d{4}.*', ': (a time)') AS reason
FROM rejected ORDER BY reason COLLATE "C", source NULLS FIRST, recommendation NULLS FIRST,
    asset NULLS FIRST, state;
SELECT left(recommendation, 5) AS recommendation, octet_length(recommendation), asset, state
FROM pg_temp.f WHERE changed_at >= '2024-03-02';
SELECT count(*) FROM inbox;
-- to try again, put it back
UPDATE rejected SET state = 'compliant' WHERE reason LIKE 'invalid state "f%';
INSERT INTO inbox
SELECT source, recommendation, asset, state, observed_at, asset_kind, asset_name, details
FROM rejected WHERE reason LIKE 'invalid state "f%';
SELECT * FROM ingest();
SELECT * FROM pg_temp.f WHERE recommendation = 'ssh' AND asset = 'h1';

-- kind, name and last_seen of an asset; last_seen moves at most once a day, and
-- a day is one of posture.timezone: 23:00 here is midnight there
CREATE VIEW pg_temp.a AS SELECT key, kind, name, first_seen, last_seen FROM asset
WHERE key IN ('h1', 'h2', 'u1') ORDER BY key;
TABLE pg_temp.a;
INSERT INTO inbox VALUES ('scan', 'ssh', 'h2', 'compliant', '2024-03-01 22:59:59+00');
SELECT * FROM ingest();
TABLE pg_temp.a;
INSERT INTO inbox VALUES ('scan', 'ssh', 'h2', 'compliant', '2024-03-01 23:00:00+00', NULL, NULL),
    ('scan', 'ssh', 'h1', 'compliant', '2024-02-01', 'older', 'Older'),
    ('cloud', 'ssh', 'u1', 'compliant', '2024-03-01 08:30+00', 'user', NULL);
SELECT * FROM ingest();
TABLE pg_temp.a;
INSERT INTO inbox VALUES ('cloud', 'ssh', 'u1', 'compliant', '2024-03-01 09:00+00', NULL,
                          'User One');
SELECT * FROM ingest();
TABLE pg_temp.a;

-- complete_source: what a complete delivery does not have no longer applies
SELECT source, left(recommendation, 5) AS recommendation, asset, state, changed_at FROM pg_temp.f;
\set ECHO none
COPY posture.inbox FROM stdin;
scan	ssh	h2	compliant	2024-03-03 08:00+00	\N	\N	\N
scan	first	h7	non_compliant	2024-03-03 07:00+00	\N	\N	\N
scan	tls	h1	broken	2024-03-03 08:00+00	\N	\N	\N
\.
-- newer than the delivery: stays
INSERT INTO finding SELECT recommendation_id, asset_id, 'non_compliant', '2024-03-03 08:00:01+00'
FROM recommendation r, asset a WHERE r.key = 'tls' AND a.key = 'h2';
\set ECHO all
SELECT * FROM ingest('scan');
SELECT source, left(recommendation, 5) AS recommendation, asset, state, changed_at FROM pg_temp.f;
-- again: nothing
INSERT INTO inbox VALUES ('scan', 'ssh', 'h2', 'compliant', '2024-03-03 08:00+00'),
                         ('scan', 'first', 'h7', 'non_compliant', '2024-03-03 07:00+00'),
    ('scan', 'tls', 'h1', 'compliant', '2024-03-02');
SELECT * FROM ingest('scan');
-- and back
INSERT INTO inbox VALUES ('scan', 'ssh', 'h1', 'non_compliant', '2024-03-04');
SELECT * FROM ingest();
SELECT state, changed_at FROM pg_temp.f WHERE source = 'scan' AND recommendation = 'ssh' AND asset = 'h1';
-- a delivery of nothing, or of nothing that can be loaded, is refused
SELECT * FROM ingest('scan');
INSERT INTO inbox VALUES ('scan', 'ssh', 'h1', 'broken', '2024-03-04'),
                         ('cloud', 'ssh', 'u1', 'non_compliant', '2024-03-04');
SELECT * FROM ingest('scan');
SELECT * FROM ingest('unheard of');
SELECT * FROM ingest(only_source => 'unheard of');
SELECT count(*) FROM inbox;

-- only_source leaves what others put there
SELECT * FROM ingest(only_source => 'scan');
SELECT source, state FROM inbox;
SELECT * FROM ingest(complete_source => 'cloud', only_source => 'cloud');
SELECT count(*) FROM inbox;
SELECT * FROM ingest(only_source => 'cloud');

-- an error in the middle leaves the inbox whole
\set ECHO none
CREATE FUNCTION public.refuse() RETURNS trigger
    LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not today'; END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON finding
    FOR EACH ROW WHEN (NEW.details @> '{"refuse": true}') EXECUTE FUNCTION public.refuse();
TRUNCATE rejected;
TRUNCATE before;
INSERT INTO before SELECT * FROM pg_temp.version;
INSERT INTO inbox VALUES ('scan', 'ssh', 'h1', 'compliant', '2024-03-05', NULL, NULL,
                          '{"refuse": true}'),
    ('scan', 'ssh', 'h2', 'broken', '2024-03-05', NULL, NULL, NULL),
    ('scan', 'other', 'h8', 'compliant', '2024-03-05', NULL, NULL, NULL);
\set ECHO all
\set VERBOSITY terse
SELECT * FROM ingest();
\set VERBOSITY default
SELECT (SELECT count(*) FROM inbox) AS inbox, (SELECT count(*) FROM rejected) AS rejected,
       (SELECT count(*) FROM (TABLE before EXCEPT TABLE pg_temp.version) x) AS lost,
       (SELECT count(*) FROM (TABLE pg_temp.version EXCEPT TABLE before) x) AS gained;
DROP TRIGGER refuse ON finding;
DROP FUNCTION public.refuse();
SELECT * FROM ingest();
SELECT (SELECT count(*) FROM inbox) AS inbox, (SELECT count(*) FROM rejected) AS rejected;

-- more than one page, all kinds of keys
INSERT INTO inbox
SELECT 'idle', 'r"' || n % 7, E'a\\ \'\t' || n, CASE WHEN n % 3 = 0 THEN 'non_compliant' ELSE 'compliant' END,
       '2024-03-06', 'k', NULL, NULL
FROM generate_series(1, 5000) n;
SELECT * FROM ingest('idle');
SELECT count(*), count(DISTINCT recommendation), count(*) FILTER (WHERE state = 'non_compliant')
FROM pg_temp.f WHERE source = 'idle';
SELECT max(asset_id) - min(asset_id) + 1 AS dense FROM asset WHERE kind = 'k';

DISCARD TEMP;
DROP EXTENSION posture;
