-- Metrics about a group of assets, whether they are assessed or not.
-- tests: count_population.c, count_set.c, score/metric_filter
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/noon.sql
SELECT loaded, changed, rejected FROM load('posture', '[
    {"type": "source", "key": "edr", "name": "EDR"},
    {"type": "recommendation", "source": "edr", "key": "agent", "title": "Agent runs"},
    {"type": "recommendation", "source": "edr", "key": "current", "title": "Agent is current"},
    {"type": "asset_group", "key": "macs", "name": "Macs", "kinds": ["mac"]},
    {"type": "metric", "key": "out", "name": "Excluded", "population": "macs",
     "recommendations": [{"source": "edr", "recommendation": "agent"}]},
    {"type": "metric", "key": "bad", "name": "Exposed", "population": "macs",
     "unassessed": "exposed",
     "recommendations": [{"source": "edr", "recommendation": "agent"}]},
    {"type": "metric", "key": "good", "name": "Compliant", "population": "macs",
     "unassessed": "compliant",
     "recommendations": [{"source": "edr", "recommendation": "agent"}]},
    {"type": "initiative", "key": "agents", "name": "Agents",
     "metrics": [{"metric": "out"}, {"metric": "bad"}, {"metric": "good"}]}
]');
SELECT key, unassessed, population_group_id IS NOT NULL AS has_population FROM metric ORDER BY key;
SELECT o ->> 'key' AS key, o ->> 'population' AS population, o ->> 'unassessed' AS unassessed
FROM export('metric') o ORDER BY 1;
SELECT loaded, rejected FROM load('posture', '[
    {"type": "metric", "key": "none", "population": "nobody"},
    {"type": "metric", "key": "none", "unassessed": "ignored"}]');
SELECT reason FROM rejected ORDER BY reason;
TRUNCATE rejected;
UPDATE metric SET unassessed = 'ignored' WHERE key = 'out';
DELETE FROM asset_group;

-- ten Macs, of which 7 to 10 have no agent and 7 reports that it is current, and another host
INSERT INTO asset (asset_id, key, name, kind) OVERRIDING SYSTEM VALUE
SELECT i, 'mac-' || i, 'Mac', 'mac' FROM generate_series(1, 10) i
UNION ALL
SELECT 11, 'server', 'Server', 'host';
INSERT INTO finding (recommendation_id, asset_id, state, changed_at)
SELECT 1, i, CASE WHEN i > 2 THEN 'compliant' ELSE 'non_compliant' END::finding_state,
       now() - interval '5 days'
FROM unnest('{1,2,3,4,5,6,11}'::integer[]) i
UNION ALL
SELECT 2, 7, 'compliant', now() - interval '5 days';
CREATE TEMP VIEW report AS
SELECT metric, round(score, 1) AS score, exposed_assets AS exposed, assessed_assets AS assessed,
       population, unassessed_assets AS unassessed, round(coverage_pct, 1) AS coverage,
       round(score_low, 1) AS low, round(score_high, 1) AS high
FROM metric_report ORDER BY metric;
TABLE pg_temp.report;
SELECT FROM fold();
TABLE pg_temp.report;
SELECT population, unassessed_assets, coverage_pct, round(score, 1) AS score,
       round(score_low, 1) AS low, round(score_high, 1) AS high
FROM overview;
SELECT recommendation, assessed_assets, population, unassessed_assets, coverage_pct
FROM recommendation_report ORDER BY 1;
SELECT unassessed_at('out') AS out, unassessed_at('bad') AS bad, unassessed_at('good') AS good,
       assets_at('bad') AS exposed;
SELECT metric, asset, name, kind FROM unassessed_asset ORDER BY metric, asset;
SELECT * FROM show('agents') WITH ORDINALITY s(line, n) WHERE line ~ 'not assessed';

-- an exemption counts as if the member failed: waived, it is no member; mitigated, compliant
INSERT INTO exemption (recommendation_id, asset_id, kind, reason)
VALUES (1, 9, 'waived', 'r'), (1, 10, 'mitigated', 'r');
TABLE pg_temp.report;
SELECT FROM fold();
TABLE pg_temp.report;
SELECT * FROM verify();
DELETE FROM exemption;
-- what is stale is unassessed, what is retired is gone
UPDATE source SET stale_after = '10 days';
UPDATE asset SET last_seen = now() - interval '11 days' WHERE asset_id IN (3, 4);
UPDATE asset SET retired_at = now() - interval '1 hour' WHERE asset_id = 8;
TABLE pg_temp.report;
SELECT FROM fold();
TABLE pg_temp.report;
SELECT * FROM verify();
UPDATE asset SET last_seen = now(), retired_at = NULL;
SELECT * FROM verify();

-- a scanner that stops: its assets are an event, and the rise of a score is no improvement
SELECT days > 0 AS begun FROM backfill(today() - 3);
DELETE FROM finding WHERE asset_id IN (1, 2, 6) AND recommendation_id = 1;
SELECT metrics, events FROM take_snapshot();
TABLE pg_temp.report;
SELECT kind, object, previous_score, score, drop, status, is_certain, cause
FROM event_report ORDER BY kind, object;
SELECT e.kind, e.object, a.reason, array_agg(a.asset ORDER BY a.asset) AS assets
FROM event_report e JOIN event_asset a USING (event_id)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT reason, points, message
FROM explain((SELECT event_id FROM event_report WHERE kind = 'coverage_drop' AND object = 'out'));
SELECT metric, reason, is_posture, points, message
FROM change_report('out', today() - 1, today());
SELECT summary, coverage_drops FROM day_report WHERE day = today();
SELECT s.population, s.unassessed, s.score_low, s.score_high
FROM metric_snapshot s JOIN metric m USING (metric_id) WHERE m.key = 'out' ORDER BY s.day;
INSERT INTO finding
SELECT 1, i, CASE WHEN i > 2 THEN 'compliant' ELSE 'non_compliant' END::finding_state
FROM unnest('{1,2,6}'::integer[]) i;
SELECT metrics, recovered FROM take_snapshot();
SELECT kind, object, status, superseded_by FROM event_report ORDER BY kind, object;
-- a drop whatever the unassessed members are
UPDATE finding SET state = 'non_compliant' WHERE recommendation_id = 1;
SELECT metrics FROM take_snapshot();
SELECT kind, object, drop, is_certain
FROM event_report WHERE kind LIKE '%score_drop' ORDER BY kind, object;
DROP EXTENSION posture CASCADE;
