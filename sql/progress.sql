-- Long work reports its progress at intervals; short work does not.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
INSERT INTO posture.source (key, name) VALUES ('scan', 'S');
INSERT INTO posture.inbox VALUES ('scan', 'r1', 'a1', 'compliant', now()),
                                 ('scan', 'r1', 'a2', 'compliant', now());
SELECT * FROM posture.ingest();

\set VERBOSITY terse
SET posture.progress_interval = 0;
INSERT INTO posture.inbox VALUES ('scan', 'r1', 'a1', 'non_compliant', now()),
                                 ('scan', 'r1', 'a2', 'bad', now());
SELECT * FROM posture.ingest('scan');
SELECT changed FROM posture.load('posture',
                                 '{"type": "finding", "source": "scan", "recommendation": "r1",
                                   "asset": "a3", "state": "compliant"}');
SELECT slices FROM posture.fold();
SELECT sets, repaired FROM posture.rebuild();
SELECT * FROM posture.verify();
SELECT posture_internal.progress(NULL);

SET posture.progress_interval = '1h';
SELECT posture_internal.progress('not yet');
SET posture.progress_interval = -1;
SELECT posture_internal.progress('never'), pg_sleep(0.01);
\set VERBOSITY sqlstate
SET posture.progress_interval = -2;
\set VERBOSITY default
-- since the statement began, and since the last one
SET posture.progress_interval = '2s';
SELECT pg_sleep(2.1), posture_internal.progress('said'), posture_internal.progress('said already');
DROP EXTENSION posture;
