-- load() whatever the format, the format posture, and export().
CREATE EXTENSION posture;
\pset format unaligned
\pset fieldsep ' | '
SET search_path = posture, posture_internal, public;
SET posture.timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET timezone = 'UTC';
SET client_min_messages = warning;
\set VERBOSITY terse

-- every format says what it is; every object of format posture what it holds
SELECT format, document, counted, expects FROM load_format();
SELECT count(*) AS mappings FROM load_format() f JOIN pg_proc p ON p.proname = f.mapping AND p.pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace);
SELECT type, string_agg(field || CASE WHEN is_required THEN '!' ELSE '' END, ' ' ORDER BY field) FROM object_field() GROUP BY type ORDER BY type;
-- and holds what the tables do, but for what is internal
SELECT f.type, f.field FROM object_field() f
WHERE NOT EXISTS (SELECT FROM information_schema.columns c WHERE c.table_schema IN ('posture', 'posture_internal') AND c.column_name = f.field
                  AND c.table_name = CASE f.type WHEN 'finding' THEN 'inbox' ELSE f.type END)
ORDER BY 1, 2;
SELECT c.table_name, c.column_name FROM information_schema.columns c
WHERE c.table_schema IN ('posture', 'posture_internal') AND c.table_name IN (SELECT type FROM object_field())
  AND NOT EXISTS (SELECT FROM object_field() f WHERE f.type = c.table_name AND f.field = c.column_name)
ORDER BY 1, c.ordinal_position;

-- a catalog and findings in lines, in no good order
\set lines '{"type": "initiative", "key": "basics", "name": "The basics", "kind": "area", "description": "What everybody does", "method": "population", "target_score": 90, "target_on": "2027-12-31", "cooldown_days": 7, "is_pinned": true, "owner": "postgres", "drop_threshold": 3.5, "metrics": [{"metric": "accounts", "weight": 4.5}, {"metric": "hosts"}], "details": {"of": "ours"}}\n{"type": "finding", "source": "s", "recommendation": "mfa", "asset": "alice", "state": "non_compliant", "observed_at": "2026-01-02T03:04:05Z", "asset_kind": "user", "details": {"method": null, "since": [1, null]}}\n{"type": "finding", "source": "s", "recommendation": "mfa", "asset": "bob", "state": "compliant", "observed_at": "2026-01-02T03:04:05Z"}\n{"type": "metric", "key": "accounts", "name": "Accounts", "description": "Easy to take over", "importance": "critical", "asset_kinds": ["user"], "criticality_weights": [1, 2, 4, 8], "drop_threshold": 1, "cooldown_days": 3, "recommendations": [{"source": "s", "recommendation": "mfa"}, {"source": "s", "recommendation": "later"}]}\n{"type": "exemption", "source": "s", "recommendation": "mfa", "asset": "bob", "kind": "waived", "reason": "A robot", "approved_by": "ciso", "created_at": "2026-01-03T00:00:00Z", "expires_at": "2099-01-01T00:00:00Z"}\n{"type": "exemption", "source": "s", "recommendation": "mfa", "asset_group": "critical", "kind": "risk_accepted", "reason": "Known"}\n{"type": "recommendation", "source": "s", "key": "mfa", "title": "Require MFA", "description": "a", "remediation": "**do**", "markup": "markdown", "severity": "high", "workload": "login", "domain": "identity", "max_points": 2.5, "manage_url": "https://example.com", "assigned_to": "team", "due_on": "2026-12-31", "details": {"n": null}}\n{"type": "asset", "key": "alice", "kind": "user", "name": "Alice", "criticality": "critical", "owner": "team", "tags": {"env": "prod"}, "aliases": ["alice@example.com", "uid-1"], "first_seen": "2025-01-01T00:00:00Z"}\n{"type": "asset_group", "key": "critical", "name": "What matters", "kinds": ["user", "host"], "min_criticality": "high", "tags": {"env": "prod"}, "owner": "postgres"}\n{"type": "source", "key": "s", "name": "Scanner", "product": "Scan", "stale_after": "30 days"}\n{"type": "measure", "source": "m", "recommendation": "points", "achieved": 3, "possible": 4.5, "observed_at": "2026-01-01T00:00:00Z"}\n{"type": "benchmark", "initiative": "basics", "key": "all", "name": "All others", "day": "2026-01-01", "score": 55.5, "details": {"n": 3}}\n{"type": "importance_weight", "importance": "low", "weight": 3}\n{"type": "score_band", "scheme": "zone", "from_score": 62.5, "name": "fine"}\n{"type": "score_band", "initiative": "basics", "scheme": "maturity", "from_score": 7, "name": "Under way"}\n\n'
SELECT * FROM load('posture', replace(:'lines', '\n', E'\n'));
SELECT reason FROM rejected;
SELECT * FROM load('posture', replace(:'lines', '\n', E'\n'));
SELECT export - CASE export ->> 'kind' WHEN 'risk_accepted' THEN 'created_at' ELSE '' END AS export FROM export();
SELECT asset, state FROM (SELECT a.key AS asset, f.state FROM finding f JOIN asset a USING (asset_id)) x ORDER BY 1;
SELECT initiative, metric, state, score, weight FROM metric_report ORDER BY 2;
-- what is not said stays; what is said changes; what a list does not have leaves
SELECT * FROM load('posture', '[{"type": "recommendation", "source": "s", "key": "mfa", "title": "Require MFA for all", "details": {"more": 1}},
    {"type": "metric", "key": "accounts", "recommendations": []}, {"type": "initiative", "key": "basics", "metrics": [{"metric": "hosts", "weight": 1}], "recommendations": [{"source": "m", "recommendation": "points"}]},
    {"type": "asset", "key": "uid-1", "tags": {"team": "x"}}, {"type": "asset", "key": "new"}, {"type": "source", "key": "s", "is_active": false}]'::jsonb);
SELECT title, description, markup, details FROM recommendation WHERE key = 'mfa';
SELECT key, importance FROM metric ORDER BY 1;
SELECT count(*) AS members FROM metric_recommendation;
SELECT m.key, im.weight FROM initiative_metric im JOIN metric m USING (metric_id);
SELECT key, name, tags FROM asset ORDER BY 1;
SELECT key, name, is_active FROM source ORDER BY 1;
-- the last of several counts
SELECT * FROM load('posture', '[{"type": "metric", "key": "twice", "name": "First"}, {"type": "metric", "key": "twice", "name": "Second"}]'::jsonb);
SELECT name FROM metric WHERE key = 'twice';
-- a band is named anew; another begins elsewhere
SELECT * FROM load('posture', '[{"type": "score_band", "scheme": "zone", "from_score": 62.5, "name": "good enough"}, {"type": "score_band", "initiative": "basics", "scheme": "maturity", "from_score": "7.0", "name": "Under way"}, {"type": "score_band", "scheme": "zone", "from_score": 1, "name": "x"}]'::jsonb);
SELECT * FROM export('{score_band}');
-- an exemption that begins later does, however often it is loaded
SELECT * FROM load('posture', '{"type": "exemption", "source": "s", "recommendation": "mfa", "kind": "waived", "reason": "Next century", "created_at": "2100-01-01T00:00:00Z"}');
SELECT * FROM load('posture', '{"type": "exemption", "source": "s", "recommendation": "mfa", "kind": "waived", "reason": "Next century", "created_at": "2100-01-01T00:00:00Z"}');
SELECT count(*), min(created_at) FROM exemption WHERE reason = 'Next century';
-- and one that nobody approved is as its source says
SELECT * FROM load('posture', '{"type": "exemption", "source": "s", "recommendation": "mfa", "kind": "risk_accepted", "reason": "Blank", "approved_by": " ", "expires_at": "2026-01-05T00:00:00Z"}');
SELECT * FROM load('posture', '{"type": "exemption", "source": "s", "recommendation": "mfa", "kind": "risk_accepted", "reason": "Blank", "approved_by": " ", "expires_at": "2026-01-05T00:00:00Z"}');
SELECT approved_by, created_at FROM exemption WHERE reason = 'Blank';
-- parts of it; what is not there
SELECT count(*) FROM export('{metric,source}');
SELECT export('{metric,nothing}');
-- findings by their own source
SELECT * FROM load('posture', '[{"type": "finding", "recommendation": "r", "asset": "a", "state": "compliant"}, {"type": "recommendation", "key": "r", "title": "R"}]'::jsonb, 'given');
SELECT s.key, r.key, r.title FROM recommendation r JOIN source s USING (source_id) WHERE s.key = 'given';
-- complete: what is absent is closed
SELECT * FROM load('posture', '{"type": "finding", "recommendation": "other", "asset": "a", "state": "compliant"}'::jsonb, 'given', complete => true);
SELECT r.key, f.state FROM finding f JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id) WHERE s.key = 'given' ORDER BY 1;
SELECT * FROM load('posture', '{"type": "metric", "key": "x"}', complete => true);
SELECT * FROM load('prowler-checks', '[]'::jsonb, complete => true);

-- names of one asset meet; names of two are told, and merged by a person
INSERT INTO asset (key, name) VALUES ('web1.example.com', 'web1'), ('i-0abc', 'instance');
SELECT * FROM load('posture', '[{"type": "asset", "key": "web1-new", "aliases": ["web1.example.com"]}, {"type": "finding", "source": "given", "recommendation": "r", "asset": "web1-new", "state": "compliant"}]'::jsonb);
SELECT a.key, f.state FROM finding f JOIN asset a USING (asset_id) WHERE a.key LIKE 'web1%';
SET client_min_messages = notice;
\set VERBOSITY default
SELECT * FROM load('posture', '[{"type": "asset", "key": "web1-new", "aliases": ["i-0abc"]}]'::jsonb);
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT * FROM merge_asset('i-0abc', 'web1-new');
SELECT a.key, l.alias, l.how FROM asset_alias l JOIN asset a USING (asset_id) WHERE a.key LIKE 'web1%' ORDER BY 2;

-- what can't be loaded, with where it is and why; the rest is
DELETE FROM rejected;
SELECT * FROM load('posture', '[
    {"type": "metric", "key": "good"}, {"type": "metric"}, {"type": "metric", "key": ""}, {"type": "metric", "key": null}, {"type": "metric", "key": {"a": 1}}, {"type": "metric", "key": ["a"]},
    {"type": "metric", "key": "m", "importance": "huge"}, {"type": "metric", "key": "m", "importance": 5}, {"type": "metric", "key": "m", "is_active": "perhaps"},
    {"type": "metric", "key": "m", "drop_threshold": -1}, {"type": "metric", "key": "m", "asset_kinds": "user"}, {"type": "metric", "key": "m", "asset_kinds": ["user", 5]},
    {"type": "metric", "key": "m", "colour": "red"}, {"type": "metric", "key": "m", "criticality_weights": [1, 2, 3]}, {"type": "metric", "key": "m", "criticality_weights": [0, 0, 0, -1]}, {"type": "metric", "key": "m", "rule": "identity"}, {"type": "metric", "key": "m", "cooldown_days": -1}, {"type": "metric", "key": "m", "recommendations": [{"recommendation": "r"}]}, {"type": "metric", "key": "m", "recommendations": ["r"]},
    {"type": "initiative", "key": "i", "metrics": [{"metric": "m", "weight": "x"}]}, {"type": "initiative", "key": "i", "metrics": [{"metric": "m", "weight": -1}]}, {"type": "initiative", "key": "i", "metrics": [7]},
    {"type": "initiative", "key": "i", "method": "best"}, {"type": "initiative", "key": "i", "target_score": 101}, {"type": "initiative", "key": "i", "target_score": "x"},
    {"type": "recommendation", "key": "r"}, {"type": "recommendation", "source": "s", "key": "r", "severity": "odd"}, {"type": "recommendation", "source": "s", "key": "r", "due_on": "tomorrow?"},
    {"type": "recommendation", "source": "s", "key": "r", "max_points": "many"}, {"type": "recommendation", "source": "s", "key": "r", "max_points": 1e300}, {"type": "recommendation", "source": "s", "key": "r", "markup": "rtf"},
    {"type": "recommendation", "source": "s", "key": "r", "title": ["a"]}, {"type": "recommendation", "source": "s", "key": "r", "details": 5},
    {"type": "asset", "key": "a", "criticality": "very"}, {"type": "asset", "key": "a", "tags": []}, {"type": "asset", "key": "a", "aliases": {"b": 1}}, {"type": "asset", "key": "a", "retired_at": "2026-02-30"},
    {"type": "asset_group", "key": "g", "min_criticality": "none"}, {"type": "asset_group", "key": "g", "kinds": "x"}, {"type": "source", "key": "q", "stale_after": "a while"},
    {"type": "measure", "source": "s", "recommendation": "r", "achieved": 2, "possible": 1}, {"type": "measure", "source": "s", "recommendation": "r", "achieved": -2, "possible": 1}, {"type": "measure", "source": "s", "recommendation": "r", "possible": 1},
    {"type": "exemption", "source": "s", "recommendation": "r", "kind": "ignored", "reason": "x"}, {"type": "exemption", "source": "s", "recommendation": "r", "kind": "waived"}, {"type": "exemption", "source": "s", "recommendation": "r", "kind": "waived", "reason": " "},
    {"type": "exemption", "source": "s", "recommendation": "r", "kind": "waived", "reason": "x", "asset": "a", "asset_group": "g"}, {"type": "exemption", "source": "s", "recommendation": "r", "kind": "waived", "reason": "x", "created_at": "2026-02-01", "expires_at": "2026-01-01"},
    {"type": "exemption", "source": "s", "recommendation": "r", "kind": "waived", "reason": "x", "asset_group": "no such group"},
    {"type": "benchmark", "initiative": "i", "key": "b", "day": "2026-01-01"}, {"type": "benchmark", "initiative": "i", "key": "b", "day": "never", "score": 1}, {"type": "importance_weight", "importance": "low", "weight": -1},
    {"type": "score_band", "scheme": "zone", "name": "x"}, {"type": "score_band", "scheme": "colour", "from_score": 1, "name": "x"}, {"type": "score_band", "scheme": "zone", "from_score": 101, "name": "x"}, {"type": "score_band", "scheme": "zone", "from_score": 1, "name": " "}, {"type": "score_band", "initiative": "", "scheme": "zone", "from_score": 1, "name": "x"},
    {"type": "finding", "source": "s", "recommendation": "r", "asset": "a"}, {"type": "finding", "source": "s", "recommendation": "r", "asset": "a", "state": "fine"}, {"type": "finding", "source": "s", "recommendation": "r", "asset": "a", "state": "compliant", "observed_at": "2999-01-01"},
    {"type": "finding", "source": "s", "recommendation": "r", "asset": "a", "state": "compliant", "observed_at": "-infinity"}, {"type": "finding", "source": "s", "recommendation": "r", "asset": "a", "state": "compliant", "details": "text"},
    {"type": "unknown", "key": "x"}, {"key": "no type"}, {"type": 5}, 5, "text", null, [],
    {"type": "finding", "source": "s", "recommendation": "r", "asset": "a", "state": "compliant", "observed_at": "soon"}, {"type": "measure", "source": "s", "recommendation": "r", "achieved": 1, "possible": 1, "observed_at": "soon"},
    {"type": "source", "key": "q", "stale_after": "PT0S"}, {"type": "source", "key": "q", "stale_after": "290000 years"}, {"type": "initiative", "key": "i", "metrics": [{"metric": "m", "weight": 1e16}]},
    {"type": "asset_group", "key": "g", "owner": "o23456789o123456789o123456789o123456789o123456789o123456789o1234"}]'::jsonb);
SELECT reason FROM rejected ORDER BY substring(reason, '\[(\d+)')::integer;
SELECT count(*) AS lost FROM rejected WHERE details IS NULL AND asset IS NULL;
SELECT key FROM metric WHERE key IN ('good', 'm') UNION ALL SELECT key FROM initiative WHERE key = 'i' UNION ALL SELECT key FROM asset WHERE key = 'a' AND kind <> 'unknown';

-- documents that are none of the format: one error
\set VERBOSITY default
SET posture.timezone = 'UTC';
DO $$
DECLARE
    d record;
    message text; detail text; hint text; code text;
BEGIN
    FOR d IN SELECT * FROM (VALUES ('posture', '[]'), ('posture', '5'), ('posture', '"x"'), ('posture', 'null'), ('posture', '{}'), ('posture', '[[{"type": "metric", "key": "x"}]]'),
                                   ('posture', '{"value": [{"id": 1}]}'), ('posture', 'not json'), ('posture', ''), ('posture', '{"type": "metric", "key": "cut'), ('posture', E'first line\nsecond line'),
                                   ('Posture', '[]'), (NULL, '[]'), ('posture', NULL), ('posture', '"\u0000"'), ('xccdf', '<a>'), ('xccdf', '{}'), ('xccdf', '<!DOCTYPE a><a/>')) v(format, document) LOOP
        BEGIN
            RAISE NOTICE '% %: %', d.format, d.document, (SELECT l FROM load(d.format, d.document) l);
        EXCEPTION WHEN others THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, code = RETURNED_SQLSTATE;
            RAISE WARNING E'% %: % %\n%\n%', d.format, d.document, code, message, detail, left(hint, 30);
        END;
    END LOOP;
END $$;
\set VERBOSITY terse
SELECT * FROM load('posture', '[]'::jsonb, source => repeat('x', 2000));
SELECT * FROM load('ocsf', '<a/>'::xml);
SELECT * FROM load('xccdf', '{}'::jsonb);
SELECT * FROM load('xccdf', NULL::xml);

-- text is data, however much: an element of 10 MB is refused, one beside it is loaded
DELETE FROM rejected;
SELECT * FROM load('posture', jsonb_build_array(jsonb_build_object('type', 'metric', 'key', 'long', 'name', repeat('x', 10000000)), '{"type": "metric", "key": "short", "name": "'';<script>DROP TABLE posture.metric;--"}'::jsonb,
    jsonb_build_object('type', 'finding', 'source', 's', 'recommendation', 'r', 'asset', 'a', 'state', 'compliant', 'details', jsonb_build_object('x', repeat('x', 2000000))), jsonb_build_object('type', 'metric', 'key', repeat('k', 5000)),
    -- a kind that is no key of an index
    jsonb_build_object('type', 'asset', 'key', 'odd', 'kind', repeat('x', 1025)), jsonb_build_object('type', 'asset', 'key', 'even', 'kind', repeat('x', 1024)),
    jsonb_build_object('type', 'finding', 'source', 's', 'recommendation', 'r', 'asset', 'odd', 'state', 'compliant', 'asset_kind', repeat('x', 1025))));
SELECT left(reason, 80), pg_column_size(details) > 0 AS kept FROM rejected ORDER BY reason;
SELECT name FROM metric WHERE key IN ('short', 'long');
SELECT key, length(kind) FROM asset WHERE key IN ('odd', 'even');
SELECT load('posture', repeat('[', 1000000));
SELECT load('posture', repeat('[', 5000) || repeat(']', 5000));

DROP EXTENSION posture;
