-- Rules: which recommendations a metric measures, by their attributes.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql

\set ECHO none
INSERT INTO source (key, name, product)
VALUES ('cloud', 'Cloud', 'Defender'), ('scan', 'Scanner', NULL);
INSERT INTO recommendation (source_id, key, title, domain, workload, severity) VALUES
    (1, 'mfa', 'MFA', 'Identity', 'Entra', 'critical'),
    (1, 'mfa_admin', 'MFA of admins', 'identity', NULL, 'high'),
    (1, 'backup%daily', 'Backup', 'RECOVERY', 'VM', 'medium'),
    (2, 'mfa', 'MFA', 'identity', 'VPN', 'low'),
    (2, 'tls', 'TLS', NULL, 'vm', 'high'), (2, 'odd', 'Odd', '', 'a"b\c', 'risk_accepted');
-- what each metric measures
CREATE VIEW pg_temp.members AS
SELECT m.key AS metric, string_agg(s.key || ':' || r.key, ' ' ORDER BY s.key,
                                   r.key) AS recommendations
FROM metric m LEFT JOIN metric_recommendation USING (metric_id)
LEFT JOIN recommendation r USING (recommendation_id) LEFT JOIN source s USING (source_id)
GROUP BY m.key ORDER BY m.key;
\set ECHO all

-- what is no rule is refused, with what is wrong
INSERT INTO metric (key, name, rule) VALUES ('bad', 'Bad', '{"colour": "red"}');
\set VERBOSITY terse
DO $$
DECLARE
    odd text;
    code text;
    message text;
BEGIN
    FOREACH odd IN ARRAY ARRAY['{}', '[]', '"identity"', '5', 'null', '{"domain": null}',
                               '{"domain": []}', '{"domain": 5}', '{"domain": {"a": "b"}}', '{"domain": ["a", 5]}',
                               '{"domain": ["a", ["b"]]}', '{"domain": ["a", null]}', '{"severity": "grave"}',
                               '{"severity": ["low", "Low"]}', '{"min_severity": ["low"]}', '{"min_severity": "grave"}',
                               '{"min_severity": null}', '{"key": "a\\"}', '{"key": ["a", "b\\\\\\"]}',
                               '{"domain": "a", "Source": "b"}', '{"source": true}'] LOOP
        BEGIN
            INSERT INTO posture.metric (key, name, rule) VALUES ('bad', 'Bad', odd::jsonb);
            RAISE NOTICE '% is taken', odd;
            DELETE FROM posture.metric WHERE key = 'bad';
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
            RAISE NOTICE '%: % %', odd, code, message;
        END;
    END LOOP;
END $$;
INSERT INTO metric (key, name) VALUES ('m', 'M');
UPDATE metric SET rule = '{"domain": 1}' WHERE key = 'm';
\set ECHO none
SET client_min_messages = warning;
DELETE FROM metric;

-- by hand: each field alone, in its ways to be written, and all of them
INSERT INTO metric (key, name, rule) VALUES
    ('01 source', 'M', '{"source": "scan"}'), ('02 sources', 'M', '{"source": ["scan", "cloud", "none"]}'),
    ('03 Source', 'M', '{"source": "Scan"}'),
    ('04 product', 'M', '{"product": "DEFENDER"}'), ('05 domain', 'M', '{"domain": "identity"}'),
    ('06 domains', 'M', '{"domain": ["Recovery", ""]}'),
    ('07 workload', 'M', '{"workload": ["VM", "A\"B\\C"]}'),
    ('08 severity', 'M', '{"severity": ["critical", "risk_accepted"]}'), ('09 min', 'M', '{"min_severity": "high"}'),
    ('10 key', 'M', '{"key": "mfa"}'), ('11 prefix', 'M', '{"key": "mfa%"}'),
    ('12 escape', 'M', '{"key": ["backup\\%%", "t_s"]}'),
    ('13 all', 'M', '{"source": "cloud", "product": "defender", "domain": "identity",
                      "workload": "entra", "severity": ["high", "critical"],
                      "min_severity": "critical", "key": "m%"}'),
    ('14 none', 'M', '{"domain": "identity", "workload": "vm"}'), ('15 hand', 'M', NULL);
INSERT INTO metric_recommendation SELECT metric_id, 5 FROM metric WHERE key = '15 hand';
\set ECHO all
TABLE pg_temp.members;

-- it follows: new ones join, changed ones join and leave, and so by their source
DELETE FROM metric WHERE key NOT IN ('04 product', '05 domain', '09 min', '15 hand');
INSERT INTO recommendation (source_id, key, title, domain, severity)
VALUES (1, 'new', 'New', 'identity', 'low');
TABLE pg_temp.members;
UPDATE recommendation SET domain = 'data', severity = 'critical' WHERE key IN ('new', 'mfa');
UPDATE recommendation SET source_id = 2 WHERE key = 'mfa_admin';
TABLE pg_temp.members;
UPDATE source SET product = CASE key WHEN 'scan' THEN 'defender' END;
TABLE pg_temp.members;
UPDATE metric SET rule = '{"source": "nowhere"}' WHERE key = '05 domain';
UPDATE source SET key = 'nowhere' WHERE key = 'cloud';
SELECT * FROM pg_temp.members WHERE metric = '05 domain';
UPDATE source SET key = 'cloud' WHERE key = 'nowhere';
SELECT * FROM pg_temp.members WHERE metric = '05 domain';
-- without its rule a metric keeps what it has, for a person to change; with one again it has
-- what that picks
UPDATE metric SET rule = NULL WHERE key = '09 min';
UPDATE recommendation SET severity = 'low' WHERE key = 'new';
DELETE FROM metric_recommendation
WHERE metric_id = (SELECT metric_id FROM metric WHERE key = '09 min') AND recommendation_id = 1;
SELECT * FROM pg_temp.members WHERE metric = '09 min';
UPDATE metric SET rule = '{"min_severity": "high"}' WHERE key = '09 min';
SELECT * FROM pg_temp.members WHERE metric = '09 min';

-- what a person writes against the rule is refused
\set VERBOSITY default
INSERT INTO metric_recommendation SELECT metric_id, 3 FROM metric WHERE key = '09 min';
DELETE FROM metric_recommendation
WHERE metric_id = (SELECT metric_id FROM metric WHERE key = '09 min');
\set VERBOSITY terse
UPDATE metric_recommendation SET recommendation_id = 3
WHERE metric_id = (SELECT metric_id FROM metric WHERE key = '09 min') AND recommendation_id = 1;
UPDATE metric_recommendation SET metric_id = (SELECT metric_id FROM metric WHERE key = '05 domain')
WHERE metric_id = (SELECT metric_id FROM metric WHERE key = '15 hand');
-- what changes nothing is not
UPDATE metric_recommendation SET recommendation_id = recommendation_id;
INSERT INTO metric_recommendation TABLE metric_recommendation;
INSERT INTO metric_recommendation
SELECT m.metric_id, m.recommendation_id FROM metric_recommendation m JOIN metric USING (metric_id)
WHERE key <> '15 hand';
TABLE pg_temp.members;
-- and emptied, the table has at once what rules pick
TRUNCATE metric_recommendation;
TABLE pg_temp.members;
-- with a recommendation or a metric its membership goes
DELETE FROM recommendation WHERE key = 'tls';
DELETE FROM metric WHERE key = '04 product';
TABLE pg_temp.members;

-- nothing is written where nothing changes, so that all stays counted
SELECT fold() IS NOT NULL AS folded;
INSERT INTO recommendation (source_id, key, title, severity) VALUES (1, 'other', 'Other', 'low');
UPDATE recommendation SET title = title || '!', severity = severity;
SELECT changed, count(*) FROM catalog_delta GROUP BY 1;
UPDATE recommendation SET severity = 'medium' WHERE key = 'other';
UPDATE metric SET name = 'N', importance = 'low';
UPDATE metric SET rule = '{"severity": ["critical", "high"]}' WHERE key = '09 min';
UPDATE source SET name = 'N';
SELECT apply_rules();
SELECT changed, count(*) FROM catalog_delta GROUP BY 1;

-- a score is current in the very transaction that brought a recommendation
\set ECHO none
BEGIN;
INSERT INTO initiative (key, name) VALUES ('i', 'I');
INSERT INTO initiative_metric
SELECT initiative_id, metric_id FROM initiative, metric WHERE metric.key = '09 min';
INSERT INTO asset (key, name) SELECT 'a' || n, 'A' FROM generate_series(1, 4) n;
INSERT INTO finding SELECT 1, n, 'compliant' FROM generate_series(1, 4) n;
\set ECHO all
SELECT score, assessed_assets FROM metric_report;
INSERT INTO recommendation (source_id, key, title, severity) VALUES (2, 'late', 'Late', 'high');
INSERT INTO finding SELECT recommendation_id, 1, 'non_compliant' FROM recommendation WHERE key = 'late';
SELECT score, assessed_assets FROM metric_report;
UPDATE recommendation SET severity = 'low' WHERE key = 'late';
SELECT score, assessed_assets FROM metric_report;
SELECT * FROM verify();
ROLLBACK;

-- written with triggers off, members are not what rules pick: verify() says so, apply_rules()
-- repairs them
SET session_replication_role = replica;
DELETE FROM metric_recommendation WHERE recommendation_id = 1;
INSERT INTO metric_recommendation SELECT metric_id, 3 FROM metric WHERE key = '09 min';
SET session_replication_role = origin;
SELECT * FROM verify();
SELECT apply_rules();
SELECT * FROM verify();

-- a role that writes recommendations needs no privilege on metrics
\set ECHO none
CREATE ROLE regress_posture_loader;
GRANT USAGE ON SCHEMA posture, posture_internal TO regress_posture_loader;
GRANT SELECT, INSERT, UPDATE ON source, recommendation TO regress_posture_loader;
-- row security lets a role write rows if it sees all
GRANT SELECT ON finding_set TO regress_posture_loader;
SET ROLE regress_posture_loader;
INSERT INTO recommendation (source_id, key, title, severity)
VALUES (1, 'theirs', 'Theirs', 'critical');
\set ECHO all
SELECT count(*) FROM metric_recommendation;
RESET ROLE;
SELECT * FROM pg_temp.members WHERE metric = '09 min';
DROP OWNED BY regress_posture_loader;
DROP ROLE regress_posture_loader;

-- documents: the rule overrides what is named beside it, and comes back from an export
SELECT loaded, changed, rejected
FROM load('posture', '[{"type": "metric", "key": "doc", "rule": {"domain": "identity"},
                        "recommendations": [{"source": "cloud", "recommendation": "other"}]},
    {"type": "recommendation", "source": "cloud", "key": "joined", "domain": "Identity"},
    {"type": "metric", "key": "bad", "rule": {"colour": "red"}},
                       {"type": "metric", "key": "bad", "rule": {"key": "\\"}}]'::jsonb);
SELECT reason FROM rejected ORDER BY 1;
SELECT * FROM pg_temp.members WHERE metric = 'doc';
CREATE TEMP TABLE before AS SELECT * FROM pg_temp.members;
SELECT jsonb_agg(e) AS catalog FROM export('{source,recommendation,metric}') e \gset
SELECT loaded > 10 AS loaded, changed FROM load('posture', :'catalog'::jsonb);
DELETE FROM metric;
DELETE FROM recommendation;
DELETE FROM source;
SELECT loaded = changed AS all_new FROM load('posture', :'catalog'::jsonb);
SELECT count(*) AS differ FROM ((TABLE before EXCEPT ALL TABLE pg_temp.members)
                                UNION ALL (TABLE pg_temp.members EXCEPT ALL TABLE before)) x;
SELECT loaded, changed FROM load('posture', '[{"type": "metric", "key": "doc", "recommendations": []}]'::jsonb);
SELECT * FROM pg_temp.members WHERE metric = 'doc';

-- Random rules and recommendations, and random changes of all, against plain SQL
-- that says what each rule picks.
DELETE FROM metric;
DELETE FROM recommendation;
DELETE FROM source;
SELECT setseed(0.43);
\set ECHO none
CREATE FUNCTION pg_temp.any_of(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
        SELECT choices[1 + floor(random() * cardinality(choices))::integer] $$;
CREATE FUNCTION pg_temp.some(field text, in_rule boolean) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT CASE field
        WHEN 'source' THEN pg_temp.any_of('s1', 's2', 's3', 'S1')
        WHEN 'product' THEN pg_temp.any_of('Azure', 'azure', 'AWS', CASE WHEN in_rule THEN 'none' END)
        WHEN 'domain' THEN pg_temp.any_of('identity', 'Identity', 'data', 'net', CASE WHEN in_rule THEN 'none' END)
        WHEN 'workload' THEN pg_temp.any_of('vm', 'VM', 'sql', '', CASE WHEN in_rule THEN 'none' END)
        WHEN 'severity' THEN pg_temp.any_of('risk_accepted', 'low', 'medium', 'high', 'critical')
        WHEN 'key' THEN pg_temp.any_of('r1%', '%5', 'r_', 'r12', 'R%', '%') END $$;
CREATE FUNCTION pg_temp.some_rule() RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    rule jsonb := '{}';
    field text;
BEGIN
    WHILE rule = '{}' LOOP
        FOREACH field IN ARRAY ARRAY['source', 'product', 'domain', 'workload', 'severity',
                                     'key'] LOOP
            IF random() < 0.35 THEN
                rule := rule || jsonb_build_object(
                    field,
                    CASE WHEN random() < 0.5 THEN to_jsonb(pg_temp.some(field, true))
                         ELSE jsonb_build_array(pg_temp.some(field, true),
                                                pg_temp.some(field, true)) END);
            END IF;
        END LOOP;
        IF random() < 0.2 THEN
            rule := rule || jsonb_build_object('min_severity', pg_temp.some('severity', true));
        END IF;
    END LOOP;
    RETURN rule;
END $$;
CREATE FUNCTION pg_temp.picks(rule jsonb, field text, given text) RETURNS boolean LANGUAGE sql AS $$
    SELECT NOT rule ? field OR coalesce((
        SELECT bool_or(CASE WHEN field = 'key' THEN given ~ ('^' || replace(replace(v, '%', '.*'), '_', '.') || '$')
                            WHEN field IN ('source', 'severity') THEN given = v
                            ELSE lower(given) = lower(v) END)
        FROM jsonb_array_elements_text(CASE jsonb_typeof(rule -> field)
                                           WHEN 'array' THEN rule -> field
                                           ELSE jsonb_build_array(rule -> field) END) v), false) $$;
CREATE VIEW pg_temp.recomputed AS
SELECT m.metric_id, r.recommendation_id
FROM metric m, recommendation r JOIN source s USING (source_id)
WHERE m.rule IS NOT NULL
  AND pg_temp.picks(m.rule, 'source', s.key) AND pg_temp.picks(m.rule, 'product', s.product)
  AND pg_temp.picks(m.rule, 'domain', r.domain)
  AND pg_temp.picks(m.rule, 'workload', r.workload) AND pg_temp.picks(m.rule, 'severity', r.severity::text)
  AND pg_temp.picks(m.rule, 'key', r.key)
  AND (NOT m.rule ? 'min_severity' OR array_position('{risk_accepted,low,medium,high,critical}', r.severity::text)
                                      >= array_position('{risk_accepted,low,medium,high,critical}',
                                                        m.rule ->> 'min_severity'));
CREATE VIEW pg_temp.kept AS SELECT metric_id, recommendation_id FROM metric_recommendation
JOIN metric m USING (metric_id) WHERE m.rule IS NOT NULL;
CREATE TEMP TABLE round (n integer, members bigint, differ bigint);
INSERT INTO source (key, name, product)
SELECT 's' || n, 'S', pg_temp.some('product', false) FROM generate_series(1, 3) n;
DO $$
DECLARE
    ids integer[];
BEGIN
    FOR n IN 1 .. 24 LOOP
        SELECT array_agg(source_id ORDER BY source_id) INTO ids FROM posture.source;
        CASE 1 + n % 8
        WHEN 1, 5 THEN
            INSERT INTO posture.recommendation (source_id, key, title, domain, workload, severity)
            SELECT ids[1 + floor(random() * 3)::integer], 'r' || n || i, 'R',
                   pg_temp.some('domain', false), pg_temp.some('workload', false),
                   pg_temp.some('severity', false)::posture.importance
            FROM generate_series(1, 25) i ON CONFLICT DO NOTHING;
        WHEN 2, 6 THEN
            INSERT INTO posture.metric (key, name, rule)
            SELECT 'm' || n || ' ' || i, 'M', CASE WHEN random() < 0.9 THEN pg_temp.some_rule() END
            FROM generate_series(1, 6) i;
        WHEN 3 THEN
            UPDATE posture.recommendation
            SET domain = pg_temp.some('domain', false), severity = pg_temp.some('severity', false)::posture.importance
            WHERE random() < 0.3;
        WHEN 4 THEN
            UPDATE posture.metric SET rule = CASE WHEN random() < 0.9 THEN pg_temp.some_rule() END
            WHERE random() < 0.3;
        WHEN 7 THEN
            UPDATE posture.source
            SET product = pg_temp.some('product', false),
                key = CASE upper(key) WHEN 'S1' THEN pg_temp.any_of('s1', 'S1') ELSE key END;
        ELSE
            DELETE FROM posture.recommendation WHERE random() < 0.05;
            DELETE FROM posture.metric WHERE random() < 0.05;
            UPDATE posture.recommendation
            SET source_id = ids[1 + floor(random() * 3)::integer],
                workload = pg_temp.some('workload', false) WHERE random() < 0.1;
        END CASE;
        INSERT INTO pg_temp.round
        SELECT n, (SELECT count(*) FROM pg_temp.kept),
               (SELECT count(*)
                FROM ((TABLE pg_temp.kept EXCEPT ALL TABLE pg_temp.recomputed)
                      UNION ALL (TABLE pg_temp.recomputed EXCEPT ALL TABLE pg_temp.kept)) x);
    END LOOP;
END $$;
\set ECHO all
SELECT count(*) AS rounds, max(members) > 1000 AS many, sum(differ) AS differ FROM round;
SELECT count(DISTINCT metric_id) > 20 AS metrics FROM metric_recommendation;
SELECT apply_rules();

DISCARD TEMP;
DROP EXTENSION posture;
