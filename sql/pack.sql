-- Packs: predefined initiatives over whatever sources there are.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql

SELECT pack, title FROM pack();
SELECT install_pack('everything');
\set VERBOSITY terse
SELECT install_pack(NULL);

-- what packs hold fits together: no key twice, every rule is one, every
-- initiative has metrics and every metric an initiative, every pack something
SELECT initiative FROM pack_initiative() GROUP BY 1 HAVING count(*) > 1;
SELECT metric FROM pack_metric() GROUP BY 1 HAVING count(*) > 1;
SELECT metric, rule_error(rule) FROM pack_metric() WHERE rule_error(rule) IS NOT NULL;
SELECT initiative FROM pack_initiative() FULL JOIN pack_metric() m USING (initiative)
WHERE pack IS NULL OR m.metric IS NULL;
SELECT pack FROM pack() WHERE pack <> 'postgresql' EXCEPT SELECT pack FROM pack_initiative();
SELECT pack FROM pack_initiative() EXCEPT SELECT pack FROM pack();
-- and says in a sentence of its own what it is about
SELECT count(*) AS texts, count(*) - count(DISTINCT description) AS twice FROM pack_initiative()
WHERE description ~ '\.$';

-- before there is any source: initiatives without data
SELECT i.* FROM pack() p, install_pack(p.pack) i WHERE p.pack <> 'postgresql';
SELECT initiative, score, metrics FROM overview ORDER BY 1;
SELECT state, count(*) FROM metric_report GROUP BY 1;
SELECT metrics, initiatives, events FROM take_snapshot('2024-03-01');
SELECT kind, object, cause FROM event_report ORDER BY object;

-- again: nothing is written
\set ECHO none
SET client_min_messages = warning;
CREATE VIEW pg_temp.written AS
SELECT 'initiative' AS what, x.xmin::text AS writer, x::text AS row FROM initiative x
UNION ALL SELECT 'metric', x.xmin::text, x::text FROM metric x
UNION ALL SELECT 'initiative_metric', x.xmin::text, x::text FROM initiative_metric x
UNION ALL SELECT 'metric_recommendation', x.xmin::text, x::text FROM metric_recommendation x;
CREATE TEMP TABLE before AS TABLE pg_temp.written;
\set ECHO all
SELECT fold() IS NOT NULL AS folded;
SELECT i.* FROM pack() p, install_pack(p.pack) i WHERE p.pack <> 'postgresql';
SELECT count(*) AS changed FROM (TABLE pg_temp.written EXCEPT ALL TABLE before) x;
SELECT count(*) AS to_count_anew FROM catalog_delta;

-- sources arrive: their recommendations join by themselves
\i :include/pack.sql
SELECT m.key AS metric, string_agg(r.key, ' ' ORDER BY r.key) AS recommendations
FROM metric m JOIN metric_recommendation USING (metric_id)
JOIN recommendation r USING (recommendation_id) GROUP BY m.key ORDER BY m.key;
SELECT key, criticality_weights FROM metric WHERE criticality_weights IS NOT NULL ORDER BY key;
-- points of an area: identity 13 of 18, apps 3 of 12
SELECT initiative, score FROM overview WHERE initiative LIKE 'secure-score-%' ORDER BY 1;
-- identity 13 of 18 at 10, recovery 3 of 4 at 10, hosts 0 of 2, mail 3 of 12 and
-- network 2 of 4 at 7.5, the rest has no data
SELECT metric, score, weight FROM metric_report
WHERE initiative = 'ransomware' AND score IS NOT NULL ORDER BY 1;
SELECT score, round((10 * 72.222222 + 10 * 75 + 7.5 * 0 + 7.5 * 25 + 7.5 * 50) / 42.5, 6) AS by_hand
FROM overview WHERE initiative = 'ransomware';
SELECT events FROM take_snapshot('2024-03-02');

-- what a person changed stays, and what they took out stays out
\set ECHO none
UPDATE initiative SET name = 'Ours', target_score = 70, is_active = false WHERE key = 'ransomware';
UPDATE metric SET name = 'Ours', importance = 'low', is_active = false
WHERE key = 'ransomware-email';
UPDATE metric SET rule = '{"domain": "identity"}' WHERE key = 'ransomware-identity';
UPDATE metric SET rule = NULL WHERE key = 'ransomware-network';
DELETE FROM metric_recommendation x USING metric m
WHERE m.metric_id = x.metric_id AND m.key = 'ransomware-network';
UPDATE initiative_metric SET weight = 3
WHERE metric_id = (SELECT metric_id FROM metric WHERE key = 'ransomware-device');
DELETE FROM initiative_metric
WHERE metric_id = (SELECT metric_id FROM metric WHERE key = 'ransomware-data');
DELETE FROM metric WHERE key = 'ransomware-host';
DELETE FROM before;
INSERT INTO before TABLE pg_temp.written;
\set ECHO all
SELECT * FROM install_pack('ransomware');
SELECT count(*) AS changed FROM (TABLE pg_temp.written EXCEPT ALL TABLE before) x;
-- an initiative that was deleted comes back, with the metrics as they are
DELETE FROM initiative WHERE key = 'ransomware';
SELECT * FROM install_pack('ransomware');
SELECT m.key, m.name, m.importance, m.is_active, x.weight FROM initiative_metric x
JOIN metric m USING (metric_id) JOIN initiative i USING (initiative_id) WHERE i.key = 'ransomware'
ORDER BY 1;
SELECT events FROM take_snapshot('2024-03-03');
SELECT kind, object FROM event_report WHERE day = '2024-03-03' AND kind = 'new_initiative';

-- that of the cluster itself: what assess_cluster() brings along
SELECT initiatives, metrics, changed = initiatives + metrics AS all_new
FROM install_pack('postgresql');
SELECT (SELECT count(*) FROM initiative WHERE key LIKE 'postgresql%') AS initiatives,
    (SELECT count(*) FROM metric WHERE key LIKE 'postgresql-%') AS metrics;
SELECT changed FROM install_pack('postgresql');
-- its recommendations join other packs
SELECT count(DISTINCT r.recommendation_id) > 30 AS many FROM metric m
JOIN metric_recommendation USING (metric_id) JOIN recommendation r USING (recommendation_id)
JOIN source s USING (source_id)
WHERE s.key = 'postgresql' AND m.key LIKE 'zero-trust-%';
-- a metric of it that got a rule is measured by that, and the cluster is assessed all the same
\set ECHO none
DELETE FROM metric_recommendation
WHERE recommendation_id IN (SELECT recommendation_id FROM recommendation WHERE key = 'fsync')
    AND metric_id IN (SELECT metric_id FROM metric WHERE rule IS NULL);
DELETE FROM recommendation WHERE key = 'fsync';
UPDATE metric SET rule = '{"source": "postgresql", "domain": "data"}'
WHERE key = 'postgresql-durability';
\set ECHO all
SELECT changed FROM install_pack('postgresql');
SELECT count(*) FILTER (WHERE r.domain = 'data') = count(*) AS by_rule, count(*) > 10 AS many
FROM metric m JOIN metric_recommendation USING (metric_id)
JOIN recommendation r USING (recommendation_id) WHERE m.key = 'postgresql-durability';
SELECT * FROM verify();

DISCARD TEMP;
DROP EXTENSION posture;
