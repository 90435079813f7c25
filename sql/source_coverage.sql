-- A source that stops: the coverage of a metric of all that it reports drops.
-- tests: day/drop_detection
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/noon.sql
SET client_min_messages = warning;
SELECT loaded, rejected FROM load('posture', '[
    {"type": "source", "key": "scan", "name": "Scanner"},
    {"type": "source", "key": "audit", "name": "Audit"},
    {"type": "recommendation", "source": "scan", "key": "patched", "title": "Patched"},
    {"type": "recommendation", "source": "scan", "key": "hardened", "title": "Hardened"},
    {"type": "recommendation", "source": "audit", "key": "logged", "title": "Logged"},
    {"type": "asset_group", "key": "hosts", "name": "Hosts", "kinds": ["host"]},
    {"type": "metric", "key": "by scan", "name": "Reported by the scanner", "population": "hosts",
     "rule": {"source": "scan"}},
    {"type": "metric", "key": "by audit", "name": "Reported by the audit", "population": "hosts",
     "rule": {"source": "audit"}},
    {"type": "initiative", "key": "sources", "name": "What our sources reach",
     "metrics": [{"metric": "by scan"}, {"metric": "by audit"}]}
]');
INSERT INTO inbox (source, recommendation, asset, state, asset_kind)
SELECT v.source, v.recommendation, 'host-' || n, 'compliant', 'host'
FROM (VALUES ('scan', 'patched'), ('scan', 'hardened'), ('audit', 'logged'))
    v(source, recommendation)
CROSS JOIN generate_series(1, 20) n;
SELECT loaded, rejected FROM ingest();
SELECT days > 0 AS begun FROM backfill(today() - 2);

-- some hosts lack an answer of the scanner, and have another one: it still reaches them
INSERT INTO inbox (source, recommendation, asset, state)
SELECT 'scan', v.recommendation, 'host-' || n, 'compliant'
FROM (VALUES ('patched', 4), ('hardened', 1)) v(recommendation, first)
CROSS JOIN LATERAL generate_series(v.first, 20) n;
SELECT loaded, closed FROM ingest('scan');
SELECT metrics, events FROM take_snapshot();
SELECT kind, object FROM event_report;
-- now it reaches 17 of 20, and its event names the others
INSERT INTO inbox (source, recommendation, asset, state)
SELECT 'scan', v.recommendation, 'host-' || n, 'compliant'
FROM (VALUES ('patched'), ('hardened')) v(recommendation) CROSS JOIN generate_series(4, 20) n;
SELECT loaded, closed FROM ingest('scan');
SELECT metrics, events FROM take_snapshot();
SELECT kind, object, previous_score, score, drop, cause FROM event_report ORDER BY kind, object;
SELECT e.object, a.asset FROM event_report e JOIN event_asset a USING (event_id)
ORDER BY a.asset COLLATE "C";
SELECT metric, asset FROM unassessed_asset ORDER BY asset COLLATE "C";
-- at last it reaches a single one
INSERT INTO inbox (source, recommendation, asset, state)
VALUES ('scan', 'patched', 'host-20', 'compliant');
SELECT loaded, closed FROM ingest('scan');
SELECT metrics FROM take_snapshot();
SELECT kind, object, score, cause FROM event_report WHERE kind = 'coverage_drop';
DROP EXTENSION posture CASCADE;
