-- The catalog: keys, references and checks, what a deletion takes along, and what every object of
-- the extension must have.
-- tests: catalog/key, catalog/source, catalog/asset, catalog/asset_group, catalog/recommendation
-- tests: catalog/metric, catalog/initiative, catalog/importance_weight, catalog/cascade
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql

\set ECHO none
INSERT INTO source (key, name) VALUES ('scan', 'Scanner'), ('cloud', 'Cloud');
INSERT INTO asset (key, kind, name)
VALUES ('h1', 'host', 'Host 1'), ('h2', 'host', 'Host 2'), ('spare', 'host', 'Never assessed');
INSERT INTO asset_group (key, name) VALUES ('all', 'All');
INSERT INTO recommendation (source_id, key, title)
VALUES (1, 'ssh', 'SSH'), (2, 'ssh', 'SSH in the cloud'), (1, 'tls', 'TLS');
INSERT INTO metric (key, name, importance)
VALUES ('m1', 'Metric 1', 'high'), ('m2', 'Metric 2', 'low');
INSERT INTO metric_recommendation VALUES (1, 1), (1, 2), (2, 3);
INSERT INTO initiative (key, name) VALUES ('i1', 'Initiative 1'), ('i2', 'Initiative 2');
INSERT INTO initiative_metric VALUES (1, 1), (1, 2), (2, 1), (2, 2);
INSERT INTO finding VALUES (1, 1, 'compliant', '2024-03-01'), (1, 2, 'compliant', '2024-03-01'),
                           (3, 1, 'compliant', '2024-03-01');
\set ECHO all

-- nonsense is refused; only the SQLSTATE is shown: 23502 null, 23503 reference,
-- 23505 key, 23514 check
\set VERBOSITY sqlstate
-- keys
INSERT INTO source (key, name) VALUES ('scan', 'Again');
INSERT INTO source (key, name) VALUES ('', 'Empty');
INSERT INTO source (key, name) VALUES (NULL, 'Null');
INSERT INTO source (key, name) VALUES (repeat('k', 1025), 'Long');
INSERT INTO source (key, name) VALUES ('nameless', NULL);
INSERT INTO asset (key, name) VALUES ('h1', 'Again');
INSERT INTO asset (key, name) VALUES (repeat('k', 1025), 'Long');
INSERT INTO asset_group (key, name) VALUES ('all', 'Again');
INSERT INTO recommendation (source_id, key, title) VALUES (1, 'ssh', 'Again');
INSERT INTO metric (key, name) VALUES ('m1', 'Again');
INSERT INTO metric_recommendation VALUES (1, 1);
INSERT INTO initiative (key, name) VALUES ('i1', 'Again');
INSERT INTO initiative_metric VALUES (1, 1);
INSERT INTO finding VALUES (1, 1, 'compliant');
-- references
INSERT INTO recommendation (source_id, key, title) VALUES (9, 'x', 'X');
INSERT INTO metric_recommendation VALUES (9, 1);
INSERT INTO metric_recommendation VALUES (1, 9);
INSERT INTO initiative_metric VALUES (9, 1);
INSERT INTO initiative_metric VALUES (1, 9);
INSERT INTO initiative_recommendation VALUES (1, 9);
INSERT INTO initiative_recommendation VALUES (9, 1);
INSERT INTO finding VALUES (9, 1, 'compliant');
INSERT INTO finding VALUES (1, 9, 'compliant');
INSERT INTO measure VALUES (9, 1, 2, now());
INSERT INTO exemption (recommendation_id, kind, reason) VALUES (9, 'waived', 'test');
INSERT INTO exemption (recommendation_id, asset_id, kind, reason) VALUES (1, 9, 'waived', 'test');
INSERT INTO exemption (recommendation_id, asset_group_id, kind, reason)
VALUES (1, 9, 'waived', 'test');
INSERT INTO benchmark VALUES ('all', 'All', '2024-03-01', 9, 50);
-- values
INSERT INTO source (key, name, stale_after) VALUES ('s', 'S', '30');
INSERT INTO source (key, name, stale_after) VALUES ('s', 'S', '-1 day');
INSERT INTO source (key, name, stale_after) VALUES ('s', 'S', '36501 days');
INSERT INTO asset (key, name, kind) VALUES ('a', 'A', repeat('k', 1025));
INSERT INTO asset (asset_id, key, name) OVERRIDING SYSTEM VALUE VALUES (-1, 'a', 'A');
INSERT INTO asset (key, name, criticality) VALUES ('a', 'A', 'huge');
INSERT INTO asset (key, name, tags) VALUES ('a', 'A', '[]');
INSERT INTO asset_group (key, name, min_criticality) VALUES ('g', 'G', 'huge');
INSERT INTO asset_group (key, name, tags) VALUES ('g', 'G', '1');
INSERT INTO recommendation (source_id, key, title, max_points) VALUES (1, 'x', 'X', -1);
INSERT INTO recommendation (source_id, key, title, max_points) VALUES (1, 'x', 'X', 'NaN');
INSERT INTO recommendation (source_id, key, title, max_points) VALUES (1, 'x', 'X', 'Infinity');
INSERT INTO recommendation (source_id, key, title, severity) VALUES (1, 'x', 'X', 'grave');
INSERT INTO metric (key, name, drop_threshold) VALUES ('m', 'M', 0);
INSERT INTO metric (key, name, drop_threshold) VALUES ('m', 'M', 100.1);
INSERT INTO metric (key, name, drop_threshold) VALUES ('m', 'M', 'NaN');
INSERT INTO initiative (key, name, method) VALUES ('i', 'I', 'guess');
INSERT INTO initiative (key, name, target_score) VALUES ('i', 'I', 101);
INSERT INTO initiative (key, name, drop_threshold) VALUES ('i', 'I', -1);
UPDATE initiative_metric SET weight = -1;
UPDATE initiative_metric SET weight = 'NaN';
UPDATE initiative_metric SET weight = 'Infinity';
UPDATE importance_weight SET weight = -1;
UPDATE importance_weight SET weight = NULL;
INSERT INTO finding VALUES (1, 3, 'fine');
INSERT INTO finding VALUES (1, 3, NULL);
INSERT INTO finding VALUES (1, 3, 'compliant', 'infinity');
INSERT INTO finding VALUES (1, 3, 'compliant', '-infinity');
INSERT INTO measure VALUES (1, -1, 2, now());
INSERT INTO measure VALUES (1, 3, 2, now());
INSERT INTO measure VALUES (1, 1, 'NaN', now());
INSERT INTO measure VALUES (1, 1, 'Infinity', now());
INSERT INTO measure VALUES (1, NULL, 2, now());
INSERT INTO exemption (recommendation_id, asset_id, asset_group_id, kind, reason)
VALUES (1, 1, 1, 'waived', 'both');
INSERT INTO exemption (recommendation_id, kind, reason) VALUES (1, 'waived', NULL);
INSERT INTO exemption (recommendation_id, kind, reason) VALUES (1, 'waived', ' ');
INSERT INTO exemption (recommendation_id, kind, reason) VALUES (1, 'forgiven', 'test');
INSERT INTO exemption (recommendation_id, kind, reason, expires_at)
VALUES (1, 'waived', 'test', now() - interval '1 day');
INSERT INTO benchmark VALUES ('all', 'All', '2024-03-01', 1, NULL);
\set VERBOSITY default
-- what is at the edge is fine
\set ECHO none
BEGIN;
INSERT INTO source (key, name, stale_after) VALUES (repeat('k', 1024), 'Long', '1 day');
INSERT INTO metric (key, name, drop_threshold) VALUES ('m', 'M', 100), ('n', 'N', 0.000001);
INSERT INTO measure VALUES (1, 0, 0, now());
INSERT INTO exemption (recommendation_id, kind, reason) VALUES (1, 'waived', 'test');
\set ECHO all
SELECT approved_by = current_user AS approved_by, created_at = now() AS created_at, expires_at
FROM exemption;
INSERT INTO asset (asset_id, key, name) OVERRIDING SYSTEM VALUE
VALUES (0, 'zero', 'Zero'), (2147483647, 'last', 'Last');
ROLLBACK;
-- a message names what is wrong, because constraints are sentences
SELECT count(*) FROM pg_constraint
WHERE connamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)
  AND contype = 'c' AND conname !~ ' ';
\set VERBOSITY terse
INSERT INTO source (key, name, stale_after) VALUES ('s', 'S', '30');
\set VERBOSITY default
INSERT INTO metric (key, name, drop_threshold) VALUES ('m', 'M', 0);

-- importance_weight can be changed and every initiative feels it
SELECT importance, weight FROM importance_weight ORDER BY importance;
UPDATE finding SET state = 'non_compliant', changed_at = '2024-03-02' WHERE recommendation_id = 3;
SELECT initiative, score FROM overview;
UPDATE importance_weight SET weight = 7.5 WHERE importance = 'low';
SELECT initiative, score FROM overview;
-- so does the importance of a metric; but not where the initiative has its own weight
UPDATE initiative_metric SET weight = 1 WHERE initiative_id = 2;
UPDATE metric SET importance = 'risk_accepted' WHERE key = 'm2';
SELECT initiative, score FROM overview;
UPDATE metric SET importance = 'low' WHERE key = 'm2';
UPDATE initiative_metric SET weight = NULL;
-- a row of a dump replaces the one that CREATE EXTENSION made
INSERT INTO importance_weight VALUES ('low', 2.5);
SELECT importance, weight FROM importance_weight ORDER BY importance;

-- deleting a metric takes its memberships and not its history
UPDATE finding SET state = 'compliant', changed_at = '2024-03-01';
SELECT * FROM take_snapshot('2024-03-03');
UPDATE finding SET state = 'non_compliant', changed_at = '2024-03-04 10:00+00' WHERE asset_id = 1;
SELECT * FROM take_snapshot('2024-03-04');
SELECT event_id, kind, object, name, cause FROM event_report WHERE kind <> 'new_initiative'
ORDER BY event_id;
DELETE FROM metric WHERE key = 'm1';
SET client_min_messages = warning;
SELECT * FROM metric_recommendation;
SELECT * FROM initiative_metric ORDER BY 1;
SELECT day, key, name, score, importance, recommendations FROM metric_snapshot
ORDER BY day, metric_id;
SELECT day, object_kind, object, score FROM score_history WHERE day < today() ORDER BY 1, 2, 3;
SELECT event_id, kind, object, name, cause FROM event_report WHERE kind <> 'new_initiative'
ORDER BY event_id;
-- an initiative the same
DELETE FROM initiative WHERE key = 'i2';
SELECT * FROM initiative_metric ORDER BY 1;
SELECT day, object, score FROM score_history
WHERE object_kind = 'initiative' AND day < today() ORDER BY 1, 2;
SELECT kind, object, name FROM event_report WHERE object = 'i2' ORDER BY event_id;

-- what has findings can't be deleted: an asset is retired instead
\set VERBOSITY sqlstate
DELETE FROM asset WHERE key = 'h1';
DELETE FROM recommendation WHERE key = 'tls';
DELETE FROM source WHERE key = 'scan';
\set VERBOSITY default
DELETE FROM asset WHERE key = 'spare';
UPDATE asset SET retired_at = now() WHERE key = 'h1';
SELECT metric, score, assessed_assets FROM metric_report;
-- what hangs on nothing else goes
INSERT INTO exemption (recommendation_id, asset_group_id, kind, reason)
VALUES (1, 1, 'waived', 'test');
DELETE FROM asset_group WHERE key = 'all';
SELECT count(*) FROM exemption;

-- Of every object of the extension: a comment. From PostgreSQL 17 on the types
-- of arrays and of rows are objects of it, too.
SELECT i.type, i.identity
FROM pg_depend d
CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) i
WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'posture')
  AND d.deptype = 'e' AND i.type NOT IN ('sequence', 'schema')
  AND NOT EXISTS (SELECT FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
                  WHERE d.classid = 'pg_type'::regclass AND t.oid = d.objid
                    AND (t.typcategory = 'A' OR c.relkind <> 'c'))
  AND coalesce(obj_description(d.objid, d.classid::regclass::text::name), '') = '';
-- how many there are, so that the above looks at something
SELECT count(*) > 150 AS many, count(DISTINCT classid) >= 6 AS kinds
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'posture')
  AND deptype = 'e';
-- of every column of a table or view
SELECT c.relname, a.attname
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)
  AND c.relkind IN ('r', 'v', 'm', 'p', 'c') AND a.attnum > 0 AND NOT a.attisdropped
  AND coalesce(col_description(c.oid, a.attnum), '') = '';
-- of every operator, function, type and trigger of the schema, member or not
SELECT o.oid::regoperator FROM pg_operator o
WHERE o.oprnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)
  AND obj_description(o.oid, 'pg_operator') IS NULL;
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)
  AND obj_description(p.oid, 'pg_proc') IS NULL;
SELECT t.typname FROM pg_type t
WHERE t.typnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)
  AND t.typrelid = 0 AND t.typelem = 0 AND obj_description(t.oid, 'pg_type') IS NULL;
SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)
  AND NOT t.tgisinternal AND obj_description(t.oid, 'pg_trigger') IS NULL;
SELECT obj_description('posture'::regnamespace, 'pg_namespace') IS NOT NULL AS schema;

-- A view of posture shows an owner the rows of the fence, which reads the view of that name in
-- posture_internal with the privileges of its reader. Views have plain columns only.
SELECT v.name, p.relname AS public, i.relname AS internal, p.reloptions, i.reloptions
FROM (SELECT DISTINCT c.relname AS name FROM pg_class c
      WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)
        AND c.relkind = 'v') v
LEFT JOIN pg_class p ON p.relname = v.name AND p.relnamespace = 'posture'::regnamespace
LEFT JOIN pg_class i ON i.relname = v.name AND i.relnamespace = 'posture_internal'::regnamespace
WHERE p.oid IS NULL OR i.oid IS NULL
   OR coalesce(p.reloptions, '{}') @> '{security_invoker=true}'
   OR NOT coalesce(i.reloptions, '{}') @> '{security_invoker=true}'
   OR pg_get_viewdef(p.oid) !~ ('\mowner_' || v.name || '\M');
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND c.relkind = 'v' AND a.attnum > 0
  AND regexp_replace(format_type(a.atttypid, a.atttypmod), '\[\]$', '')
      NOT IN ('text', 'numeric', 'bigint', 'integer', 'boolean', 'date', 'timestamp with time zone');
SELECT count(*) >= 5 AS views FROM pg_class c
WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND c.relkind = 'v';

-- access_rule() says who may do what with each table, and names no other
SELECT c.relname, r.relation
FROM (SELECT relname, oid FROM pg_class
      WHERE relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)
        AND relkind IN ('r', 'p', 'm')) c
FULL JOIN access_rule() r ON r.relation = c.oid
WHERE c.relname IS NULL OR r.relation IS NULL;
-- of all that is in the schema nothing was left behind
SELECT c.relname FROM pg_class c
WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND c.relkind IN ('r', 'v')
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e');

DROP EXTENSION posture;
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname ~ '^posture';
