-- Exemptions and assignments: what they do to scores, when they begin and end,
-- and what exemption_report and assignment_report say of them, against plain SQL.
CREATE EXTENSION posture;
\pset format unaligned
\pset fieldsep ' | '
SET search_path = posture, posture_internal, public;
SET timezone = 'UTC';
SET client_min_messages = warning;
SET jit = off;
SELECT set_config('posture.timezone', 'Etc/GMT' || to_char(extract(hour FROM now() AT TIME ZONE 'UTC') - 12, 'FMSG99'), false) <> '' AS noon;

INSERT INTO source (key, name) VALUES ('scan', 'Scanner'), ('cloud', 'Cloud');
INSERT INTO asset (key, name, kind, criticality)
SELECT 'a' || n, 'A', CASE WHEN n <= 4 THEN 'host' ELSE 'user' END, CASE WHEN n % 2 = 0 THEN 'critical' ELSE 'low' END FROM generate_series(1, 10) n;
INSERT INTO asset_group (key, name, kinds) VALUES ('hosts', 'Hosts', '{host}'), ('nothing', 'Nothing', '{none}');
INSERT INTO recommendation (source_id, key, title, max_points) VALUES (1, 'patch', 'Patch', 10), (2, 'mfa', 'MFA', NULL), (1, 'mfa', 'MFA', NULL);
INSERT INTO finding
SELECT 1, n, CASE WHEN n <= 6 THEN 'non_compliant' ELSE 'compliant' END::finding_state, day_end(today() - 11) + interval '1 hour' FROM generate_series(1, 10) n;
INSERT INTO metric (key, name) VALUES ('m', 'M');
INSERT INTO metric_recommendation VALUES (1, 1);
INSERT INTO initiative (key, name, method) VALUES ('points', 'Points', 'points');
INSERT INTO initiative_metric VALUES (1, 1);
SELECT slices FROM fold();
CREATE VIEW v_now AS
SELECT m.score, m.exposed_assets || '/' || m.assessed_assets AS exposed, r.state, o.score AS points
FROM metric_report m, recommendation_report r, overview o WHERE r.recommendation = 'patch';
CREATE VIEW v_exemption AS
SELECT scope, coalesce(asset, asset_group) AS "of", kind, state, failing_assets, days_left FROM exemption_report;

-- 6 of 10 fail. By hand, what each kind does to each scope
TABLE v_now;
BEGIN;
INSERT INTO exemption (recommendation_id, asset_id, kind, reason) VALUES (1, 1, 'mitigated', 'x');
TABLE v_now;
INSERT INTO exemption (recommendation_id, asset_id, kind, reason) VALUES (1, 2, 'waived', 'x'), (1, 3, 'risk_accepted', 'x'), (1, 9, 'waived', 'complies');
TABLE v_now;
TABLE v_exemption;
-- the group holds a1 to a4, of which two are exempt by a stronger kind and one by the same
INSERT INTO exemption (recommendation_id, asset_group_id, kind, reason) VALUES (1, 1, 'mitigated', 'x'), (1, 2, 'waived', 'an empty group');
TABLE v_now;
TABLE v_exemption;
INSERT INTO exemption (recommendation_id, kind, reason) VALUES (1, 'risk_accepted', 'x'), (1, 'mitigated', 'x');
TABLE v_now;
TABLE v_exemption;
INSERT INTO exemption (recommendation_id, kind, reason) VALUES (1, 'waived', 'x');
TABLE v_now;
TABLE v_exemption;
-- ended in the order of their strength
UPDATE exemption SET expires_at = now() WHERE asset_id IS NULL AND asset_group_id IS NULL AND kind = 'waived';
TABLE v_now;
DELETE FROM exemption WHERE asset_id IS NULL AND asset_group_id IS NULL AND kind = 'mitigated';
TABLE v_now;
TABLE v_exemption;
-- changed
UPDATE exemption SET kind = 'waived' WHERE asset_id = 1;
TABLE v_now;
UPDATE exemption SET recommendation_id = 2 WHERE asset_id = 1;
UPDATE exemption SET asset_group_id = NULL, asset_id = 5 WHERE asset_group_id = 1;
TABLE v_now;
TABLE v_exemption;
ROLLBACK;
TABLE v_now;

-- overridden by several together, by a wider group; not by the same kind, nor by what is over
BEGIN;
INSERT INTO exemption (recommendation_id, asset_group_id, kind, reason) VALUES (1, 1, 'risk_accepted', 'x');
INSERT INTO exemption (recommendation_id, asset_id, kind, reason) SELECT 1, n, CASE WHEN n < 3 THEN 'waived' ELSE 'mitigated' END::exemption_kind, 'x' FROM generate_series(1, 4) n;
TABLE v_exemption;
UPDATE exemption SET expires_at = now() WHERE asset_id = 4;
TABLE v_exemption;
UPDATE exemption SET kind = 'waived' WHERE asset_group_id = 1;
TABLE v_exemption;
-- a group whose rule changes, with the sets folded or not; a retired asset
UPDATE asset_group SET kinds = '{user}' WHERE key = 'hosts';
TABLE v_now;
TABLE v_exemption;
SELECT slices FROM fold();
TABLE v_now;
UPDATE asset SET retired_at = now() WHERE asset_id IN (2, 5);
TABLE v_now;
TABLE v_exemption;
UPDATE asset SET kind = 'user' WHERE asset_id = 3;
TABLE v_now;
ROLLBACK;

-- of a measure only an exemption of all is one
BEGIN;
INSERT INTO measure VALUES (2, 3, 10, now());
CREATE TEMP VIEW v_measure AS SELECT recommendation, state, exposed_assets, assessed_assets, assignment FROM recommendation_report WHERE source = 'cloud';
INSERT INTO exemption (recommendation_id, asset_group_id, kind, reason) VALUES (2, 1, 'waived', 'x');
TABLE v_measure;
INSERT INTO exemption (recommendation_id, kind, reason) VALUES (2, 'risk_accepted', 'x');
UPDATE recommendation SET assigned_to = 'team' WHERE recommendation_id = 2;
TABLE v_measure;
UPDATE exemption SET kind = 'mitigated' WHERE asset_group_id IS NULL;
TABLE v_measure;
SELECT source, recommendation, title, scope, asset, asset_group, kind, state, failing_assets FROM exemption_report;
UPDATE exemption SET kind = 'waived' WHERE asset_group_id IS NULL;
TABLE v_measure;
ROLLBACK;

-- one that is over has no effect, at once, whatever was folded and without any
-- job; nor has one that is to come, until it does
INSERT INTO exemption (recommendation_id, kind, reason, expires_at) VALUES (1, 'waived', 'short', clock_timestamp() + interval '2 seconds');
SELECT slices FROM fold();
SELECT object_count_is_current();
TABLE v_now;
SELECT reason, state, failing_assets, days_left FROM exemption_report;
SELECT FROM exemption e, pg_sleep(extract(epoch FROM e.expires_at - clock_timestamp()));
SELECT object_count_is_current();
TABLE v_now;
SELECT reason, state, failing_assets, days_left FROM exemption_report;
INSERT INTO exemption (recommendation_id, asset_id, kind, reason, created_at) VALUES (1, 1, 'mitigated', 'later', clock_timestamp() + interval '2 seconds');
SELECT slices FROM fold();
SELECT object_count_is_current();
TABLE v_now;
SELECT reason, state, failing_assets FROM exemption_report WHERE reason = 'later';
SELECT FROM exemption e, pg_sleep(extract(epoch FROM e.created_at - clock_timestamp())) WHERE e.reason = 'later';
TABLE v_now;
SELECT reason, state, failing_assets FROM exemption_report WHERE reason = 'later';
SELECT slices FROM fold();
SELECT object_count_is_current();
TABLE v_now;
SELECT * FROM verify();
DELETE FROM exemption;

-- days: in force to the end of the day as which it ends; begun as the day ends, from the next one
INSERT INTO exemption (recommendation_id, asset_id, kind, reason, approved_by, created_at, expires_at) VALUES
    (1, 1, 'mitigated', 'to the end of day 8', 'ciso', day_end(today() - 10) + interval '1 hour', day_end(today() - 8)),
    (1, 2, 'mitigated', 'to noon of day 8', 'ciso', day_end(today() - 10) + interval '1 hour', day_end(today() - 8) - interval '12 hours'),
    (1, 3, 'waived', 'from day 8', 'board', day_end(today() - 9), NULL),
    (1, 4, 'waived', 'at noon of day 7, for an hour', 'board', day_end(today() - 7) - interval '12 hours', day_end(today() - 7) - interval '11 hours'),
    (1, 5, 'waived', 'to the end of today', 'board', now(), day_end(today())),
    (1, 6, 'waived', 'into tomorrow', 'board', now(), day_end(today()) + interval '1 microsecond'),
    (1, 7, 'risk_accepted', 'for good', 'board', '-infinity', 'infinity'),
    (1, 8, 'risk_accepted', 'never', 'board', 'infinity', 'infinity'),
    (1, 9, 'risk_accepted', 'the latest there is', 'board', now(), '294276-12-30');
SELECT count(take_snapshot(today() - ago)) FROM generate_series(10, 1, -1) ago;
SELECT today() - s.day AS day, s.exposed, s.assessed, s.score FROM metric_snapshot s ORDER BY 1 DESC;
SELECT exemption_id AS id, reason, approved_by, state, CASE WHEN days_left < 100000 THEN days_left::text ELSE 'many' END AS days_left, failing_assets FROM exemption_report;
SELECT count(*) AS kept FROM exemption_report v JOIN exemption e USING (exemption_id) WHERE v.created_at = e.created_at AND v.expires_at IS NOT DISTINCT FROM e.expires_at;
DELETE FROM exemption;

-- nonsense is refused; who gave it is whoever did
\set VERBOSITY sqlstate
INSERT INTO exemption (recommendation_id, kind, reason) VALUES (1, 'waived', '');
INSERT INTO exemption (recommendation_id, kind, reason) VALUES (1, 'waived', E' \n\t');
INSERT INTO exemption (recommendation_id, kind) VALUES (1, 'waived');
INSERT INTO exemption (recommendation_id, kind, reason, approved_by) VALUES (1, 'waived', 'x', NULL);
INSERT INTO exemption (recommendation_id, kind, reason, approved_by) VALUES (1, 'waived', 'x', ' ');
INSERT INTO exemption (recommendation_id, kind, reason, created_at) VALUES (1, 'waived', 'x', NULL);
INSERT INTO exemption (recommendation_id, kind, reason, expires_at) VALUES (1, 'waived', 'x', now() - interval '1 second');
INSERT INTO exemption (recommendation_id, asset_id, asset_group_id, kind, reason) VALUES (1, 1, 1, 'waived', 'x');
\set VERBOSITY default
INSERT INTO exemption (recommendation_id, kind, reason) VALUES (1, 'waived', 'x');
SELECT approved_by = current_user AS who, created_at = (SELECT max(created_at) FROM exemption) AS "when" FROM exemption_report;
DELETE FROM exemption;
-- what two sources share is named with the source
INSERT INTO exemption (recommendation_id, kind, reason) VALUES (2, 'waived', 'x');
SELECT source, recommendation FROM exemption_report;
DELETE FROM exemption;

-- assignments by hand
INSERT INTO recommendation (source_id, key, title, assigned_to, due_on) VALUES
    (1, 'past', 'Past', 'team', today() - 1), (1, 'today', 'Today', 'team', today()), (1, 'some day', 'Some day', 'team', NULL),
    (1, 'done', 'Done', 'team', today() - 9), (1, 'exempt', 'Exempt', 'team', today() - 9), (1, 'nothing', 'Applies to nothing', 'team', today() - 9),
    (1, 'free', 'Nobody''s', NULL, today() - 1), (1, 'other', 'Of another', 'other', today() + 3);
INSERT INTO finding
SELECT r.recommendation_id, n, CASE WHEN n <= 2 AND r.key <> 'done' THEN 'non_compliant' ELSE 'compliant' END::finding_state
FROM recommendation r, generate_series(1, 5) n WHERE r.key IN ('past', 'today', 'some day', 'done', 'exempt', 'free', 'other');
INSERT INTO exemption (recommendation_id, asset_id, kind, reason) SELECT r.recommendation_id, 1, 'mitigated', 'x' FROM recommendation r WHERE r.key = 'exempt';
INSERT INTO exemption (recommendation_id, asset_id, kind, reason) SELECT r.recommendation_id, 2, 'waived', 'x' FROM recommendation r WHERE r.key = 'exempt';
SELECT recommendation, state, assignment FROM recommendation_report ORDER BY source, recommendation;
SELECT assigned_to, recommendations, completed, on_time, overdue, exposed_assets, next_due - today() AS next_due FROM assignment_report ORDER BY 1;
-- a risk that is accepted is not to do, where it is: on a1, then on both
INSERT INTO exemption (recommendation_id, asset_id, kind, reason) SELECT r.recommendation_id, 1, 'risk_accepted', 'x' FROM recommendation r WHERE r.assigned_to = 'team';
SELECT assigned_to, recommendations, completed, on_time, overdue, exposed_assets FROM assignment_report ORDER BY 1;
INSERT INTO exemption (recommendation_id, asset_id, kind, reason) SELECT r.recommendation_id, 2, 'risk_accepted', 'x' FROM recommendation r WHERE r.key = 'past';
SELECT assigned_to, recommendations, completed, on_time, overdue, exposed_assets FROM assignment_report ORDER BY 1;
SELECT recommendation, state, exposed_assets, assignment FROM recommendation_report WHERE recommendation IN ('past', 'today');

/*
 * Random exemptions against plain SQL.
 */
CREATE TEMP VIEW p_live AS
SELECT a.* FROM asset a
WHERE (a.retired_at IS NULL OR a.retired_at > now())
  AND EXISTS (SELECT FROM finding f JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id)
              WHERE f.asset_id = a.asset_id AND f.state <> 'not_applicable' AND s.is_active AND r.is_active
                AND (s.stale_after IS NULL OR a.last_seen >= now() - s.stale_after));
CREATE TEMP VIEW p_pair AS
SELECT f.recommendation_id, f.asset_id, f.state
FROM finding f JOIN p_live USING (asset_id) JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id)
WHERE s.is_active AND r.is_active AND f.state <> 'not_applicable';
-- each exemption with each asset that it exempts
CREATE TEMP VIEW p_covered AS
SELECT e.exemption_id, e.recommendation_id, e.kind, e.created_at <= now() AND (e.expires_at IS NULL OR e.expires_at > now()) AS in_force,
       CASE e.kind WHEN 'waived' THEN 3 WHEN 'mitigated' THEN 2 ELSE 1 END AS strength, a.asset_id,
       e.asset_id IS NULL AND e.asset_group_id IS NULL AS for_all
FROM exemption e
LEFT JOIN asset_group g USING (asset_group_id)
JOIN asset a ON CASE WHEN e.asset_id IS NOT NULL THEN a.asset_id = e.asset_id
                     WHEN g.asset_group_id IS NULL THEN true
                     ELSE (g.kinds IS NULL OR a.kind = ANY (g.kinds)) AND (g.tags IS NULL OR a.tags @> g.tags)
                          AND (g.min_criticality IS NULL OR g.min_criticality = 'low' OR a.criticality = 'critical') END;
CREATE TEMP TABLE covered AS TABLE p_covered;
CREATE TEMP TABLE pair AS TABLE p_pair;
CREATE TEMP VIEW p_exemption AS
SELECT e.exemption_id, e.kind::text,
       CASE WHEN e.asset_id IS NOT NULL THEN 'asset' WHEN e.asset_group_id IS NOT NULL THEN 'asset_group' ELSE 'all' END AS scope,
       CASE WHEN e.expires_at <= now() THEN 'expired' WHEN e.created_at > now() THEN 'future'
            WHEN EXISTS (SELECT FROM covered o WHERE o.recommendation_id = e.recommendation_id AND o.in_force AND o.for_all
                                                 AND o.strength > CASE e.kind WHEN 'waived' THEN 3 WHEN 'mitigated' THEN 2 ELSE 1 END) THEN 'overridden'
            WHEN num_nonnulls(e.asset_id, e.asset_group_id) = 1 AND EXISTS (SELECT FROM covered c WHERE c.exemption_id = e.exemption_id)
             AND NOT EXISTS (SELECT FROM covered c WHERE c.exemption_id = e.exemption_id
                                AND NOT EXISTS (SELECT FROM covered o WHERE o.recommendation_id = c.recommendation_id AND o.asset_id = c.asset_id
                                                                        AND o.in_force AND o.strength > c.strength)) THEN 'overridden'
            ELSE 'in_force' END AS state,
       (SELECT count(*) FROM covered c JOIN pair p USING (recommendation_id, asset_id)
        WHERE c.exemption_id = e.exemption_id AND c.in_force AND p.state = 'non_compliant'
          AND NOT EXISTS (SELECT FROM covered o WHERE o.recommendation_id = c.recommendation_id AND o.asset_id = c.asset_id
                                                  AND o.in_force AND o.strength > c.strength)) AS failing_assets
FROM exemption e;
-- each recommendation: what is exposed, and what of it is to do
CREATE TEMP VIEW p_status AS
SELECT r.recommendation_id, r.assigned_to, r.due_on, x.assessed, x.exposed, x.hint,
       CASE WHEN x.assessed = 0 THEN NULL WHEN x.hint = 0 THEN 'completed' WHEN r.due_on < today() THEN 'overdue' ELSE 'on_time' END AS progress
FROM recommendation r JOIN source s USING (source_id)
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE t.strength IS DISTINCT FROM 3) AS assessed,
           count(*) FILTER (WHERE p.state = 'non_compliant' AND coalesce(t.strength, 1) = 1) AS exposed,
           count(*) FILTER (WHERE p.state = 'non_compliant' AND t.strength IS NULL) AS hint
    FROM pair p
    LEFT JOIN LATERAL (SELECT max(c.strength) AS strength FROM covered c
                       WHERE c.recommendation_id = p.recommendation_id AND c.asset_id = p.asset_id AND c.in_force) t ON true
    WHERE p.recommendation_id = r.recommendation_id) x
WHERE s.is_active AND r.is_active;

CREATE TEMP TABLE status AS TABLE p_status;
CREATE TEMP TABLE outcome (what text, cases bigint, differences bigint);
CREATE PROCEDURE pg_temp.compare(about text, said text, plain text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO outcome WITH said AS MATERIALIZED (%s), plain AS MATERIALIZED (%s)
        SELECT %L, (SELECT count(*) FROM plain),
               (SELECT count(*) FROM (SELECT * FROM said EXCEPT ALL SELECT * FROM plain) x)
               + (SELECT count(*) FROM (SELECT * FROM plain EXCEPT ALL SELECT * FROM said) x)', said, plain, about);
END $$;
CREATE PROCEDURE pg_temp.compare_all() LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE covered, pair;
    INSERT INTO covered SELECT * FROM p_covered;
    INSERT INTO pair SELECT * FROM p_pair;
    ANALYZE covered, pair;
    TRUNCATE status;
    INSERT INTO status SELECT * FROM p_status;
    INSERT INTO outcome SELECT 'of them ' || state, count(*), 0 FROM p_exemption GROUP BY state;
    INSERT INTO outcome SELECT 'of them all of the risk accepted', count(*), 0 FROM status WHERE exposed > 0 AND hint = 0;
    CALL pg_temp.compare('exemption_report', 'SELECT exemption_id, kind, scope, state, failing_assets FROM exemption_report', 'SELECT * FROM p_exemption');
    CALL pg_temp.compare('recommendation_report',
        'SELECT source || recommendation, exposed_assets, assessed_assets, assignment FROM recommendation_report',
        'SELECT s.key || r.key, p.exposed, p.assessed, CASE WHEN p.progress IS NOT NULL AND p.assigned_to IS NULL THEN ''unassigned'' ELSE p.progress END
         FROM status p JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id)');
    CALL pg_temp.compare('assignment_report', 'SELECT * FROM assignment_report',
        'SELECT p.assigned_to, count(*), count(*) FILTER (WHERE p.progress = ''completed''), count(*) FILTER (WHERE p.progress = ''on_time''),
                count(*) FILTER (WHERE p.progress = ''overdue''),
                (SELECT count(DISTINCT x.asset_id) FROM pair x JOIN status o USING (recommendation_id)
                 WHERE x.state = ''non_compliant'' AND o.assigned_to IS NOT DISTINCT FROM p.assigned_to
                   AND NOT EXISTS (SELECT FROM covered c WHERE c.recommendation_id = x.recommendation_id AND c.asset_id = x.asset_id AND c.in_force)),
                min(p.due_on) FILTER (WHERE p.progress = ''on_time'')
         FROM status p WHERE p.progress IS NOT NULL GROUP BY p.assigned_to');
END $$;

CREATE FUNCTION pg_temp.n(below integer) RETURNS integer LANGUAGE sql VOLATILE AS 'SELECT floor(random() * below)::integer';
CREATE FUNCTION pg_temp.one(VARIADIC of text[]) RETURNS text LANGUAGE sql VOLATILE
    AS 'SELECT of[1 + floor(random() * array_length(of, 1))::integer]';
CREATE PROCEDURE pg_temp.exempt(rows integer) LANGUAGE sql AS $$
    INSERT INTO exemption (recommendation_id, asset_id, asset_group_id, kind, reason, created_at, expires_at)
    SELECT 1 + pg_temp.n(8), CASE WHEN e.scope < 4 THEN 1 + pg_temp.n(12) END, CASE WHEN e.scope BETWEEN 4 AND 7 THEN 1 + pg_temp.n(4) END,
           pg_temp.one('mitigated', 'waived', 'risk_accepted')::exemption_kind, 'x', e.begins,
           CASE WHEN random() < 0.5 THEN e.begins + pg_temp.n(4) * interval '1 day' END
    FROM (SELECT pg_temp.n(9) AS scope, now() + (pg_temp.n(5) - 3) * interval '1 day' AS begins FROM generate_series(1, rows) OFFSET 0) e
$$;
CREATE PROCEDURE pg_temp.make_world() LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE finding, exemption, measure, metric_recommendation, initiative_recommendation, asset, asset_alias, asset_group, recommendation, source RESTART IDENTITY;
    INSERT INTO source (key, name, is_active, stale_after) VALUES ('s1', 's', true, NULL), ('s2', 's', random() < 0.8, CASE WHEN random() < 0.5 THEN interval '9 days' END);
    INSERT INTO asset (key, name, kind, criticality, tags, last_seen)
    SELECT 'a' || n, 'a', pg_temp.one('host', 'user', 'bucket'), pg_temp.one('low', 'critical'), CASE WHEN random() < 0.5 THEN '{"env": "prod"}' ELSE '{}' END::jsonb,
           now() - pg_temp.n(14) * interval '1 day' FROM generate_series(1, 12) n;
    INSERT INTO asset_group (key, name, kinds, min_criticality, tags) VALUES
        ('g1', 'g', '{host}', NULL, NULL), ('g2', 'g', '{host,user}', NULL, NULL), ('g3', 'g', NULL, 'critical', NULL), ('g4', 'g', '{none}', NULL, '{"env": "prod"}');
    INSERT INTO recommendation (source_id, key, title, assigned_to, due_on)
    SELECT 1 + n % 2, 'r' || n, 'r', CASE WHEN random() < 0.7 THEN pg_temp.one('x', 'y') END, CASE WHEN random() < 0.8 THEN today() + pg_temp.n(7) - 3 END
    FROM generate_series(1, 8) n;
    INSERT INTO finding SELECT r, a, pg_temp.one('compliant', 'non_compliant', 'non_compliant', 'not_applicable')::finding_state, now() - interval '1 day'
    FROM generate_series(1, 8) r, generate_series(1, 12) a WHERE random() < 0.4;
    CALL pg_temp.exempt(20);
END $$;
DELETE FROM exemption;
DELETE FROM metric;
DELETE FROM initiative;
SELECT setseed(0.17);
DO $$
BEGIN
    FOR round IN 1 .. 10 LOOP
        COMMIT;
        CALL pg_temp.make_world();
        CALL pg_temp.compare_all();
        IF round % 2 = 0 THEN
            PERFORM fold();
        END IF;
        FOR step IN 1 .. 10 LOOP
            CASE pg_temp.n(13)
                WHEN 0 THEN CALL pg_temp.exempt(2);
                WHEN 1 THEN UPDATE exemption SET kind = pg_temp.one('mitigated', 'waived', 'risk_accepted')::exemption_kind WHERE random() < 0.3;
                WHEN 2 THEN UPDATE exemption SET expires_at = greatest(now(), created_at) WHERE random() < 0.3;
                WHEN 3 THEN DELETE FROM exemption WHERE random() < 0.2;
                WHEN 4 THEN UPDATE asset_group SET kinds = CASE WHEN random() < 0.7 THEN ARRAY[pg_temp.one('host', 'user', 'bucket')] END WHERE random() < 0.5;
                WHEN 5 THEN UPDATE asset SET retired_at = CASE WHEN retired_at IS NULL THEN now() END, kind = pg_temp.one('host', 'user', 'bucket') WHERE random() < 0.2;
                WHEN 6 THEN UPDATE finding SET state = pg_temp.one('compliant', 'non_compliant', 'not_applicable')::finding_state WHERE random() < 0.3;
                WHEN 7 THEN UPDATE asset SET tags = CASE WHEN random() < 0.5 THEN '{"env": "prod"}' ELSE '{}' END::jsonb, criticality = pg_temp.one('low', 'critical') WHERE random() < 0.4;
                WHEN 8 THEN UPDATE asset_group SET tags = CASE WHEN random() < 0.5 THEN '{"env": "prod"}'::jsonb END, min_criticality = CASE WHEN random() < 0.5 THEN 'critical' END WHERE random() < 0.5;
                WHEN 9 THEN
                    DELETE FROM asset_group WHERE asset_group_id = 1 + pg_temp.n(4);
                    INSERT INTO asset_group (asset_group_id, key, name, kinds) SELECT g, 'g' || g, 'g', '{user}' FROM generate_series(1, 4) g ON CONFLICT DO NOTHING;
                WHEN 10 THEN
                    INSERT INTO asset (key, name, kind) SELECT 'new' || round || '/' || step, 'n', 'host';
                    INSERT INTO finding SELECT n, max(asset_id), 'non_compliant' FROM asset, generate_series(1, 8) n GROUP BY n;
                    DELETE FROM finding WHERE random() < 0.1;
                WHEN 11 THEN
                    UPDATE source SET is_active = random() < 0.8, stale_after = CASE WHEN random() < 0.5 THEN interval '9 days' END WHERE source_id = 2;
                    UPDATE recommendation SET is_active = random() < 0.9, assigned_to = CASE WHEN random() < 0.7 THEN 'x' END WHERE random() < 0.3;
                ELSE PERFORM fold();
            END CASE;
            CALL pg_temp.compare_all();
        END LOOP;
        INSERT INTO outcome SELECT 'verify', 1, (SELECT count(*) FROM verify());
    END LOOP;
END $$;
SELECT what, sum(cases) >= 10 AS enough, sum(differences) AS differences FROM outcome GROUP BY what ORDER BY what;

-- the columns that reports rely on
SELECT c.relname, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND c.relname IN ('exemption_report', 'assignment_report')
GROUP BY c.relname ORDER BY 1;

DROP VIEW v_now, v_exemption;
DISCARD TEMP;
DROP EXTENSION posture;
