-- load() whatever the format, the format posture, and export().
-- tests: source/object_field, source/load_object, source/item, source/json, source/native
-- tests: source/export, source/load_alias, source/load_catalog, source/load_member
-- tests: source/load_state
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/load.sql
SET client_min_messages = warning;
\set VERBOSITY terse

-- every format says what it is; every object of format posture what it holds
SELECT format, document, counted, expects FROM load_format();
SELECT count(*) AS mappings FROM load_format() f
JOIN pg_proc p ON p.proname = f.mapping
    AND p.pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace);
SELECT type, string_agg(field || CASE WHEN is_required THEN '!' ELSE '' END, ' ' ORDER BY field)
FROM object_field() GROUP BY type ORDER BY type;
-- and holds what the tables do, but for what is internal
SELECT f.type, f.field FROM object_field() f
WHERE NOT EXISTS (SELECT FROM information_schema.columns c
WHERE c.table_schema IN ('posture', 'posture_internal') AND c.column_name = f.field
                  AND c.table_name = CASE f.type WHEN 'finding' THEN 'inbox' ELSE f.type END)
ORDER BY 1, 2;
SELECT c.table_name, c.column_name FROM information_schema.columns c
WHERE c.table_schema IN ('posture', 'posture_internal') AND c.table_name IN (SELECT type
FROM object_field())
  AND NOT EXISTS (SELECT FROM object_field() f
  WHERE f.type = c.table_name AND f.field = c.column_name)
ORDER BY 1, c.ordinal_position;

-- a catalog and findings in lines, in no good order
SELECT * FROM load('posture', replace(:'lines', '\n', E'\n'));
SELECT reason FROM rejected;
SELECT * FROM load('posture', replace(:'lines', '\n', E'\n'));
SELECT export - CASE export ->> 'kind' WHEN 'risk_accepted' THEN 'created_at' ELSE '' END AS export
FROM export();
SELECT asset, state
FROM (SELECT a.key AS asset, f.state FROM finding f JOIN asset a USING (asset_id)) x ORDER BY 1;
SELECT initiative, metric, state, score, weight FROM metric_report ORDER BY 2;
-- what is not said stays; what is said changes; what a list does not have leaves
SELECT * FROM load('posture',
    '[{"type": "recommendation", "source": "s", "key": "mfa", "title": "Require MFA for all",
    "details": {"more": 1}},
    {"type": "metric", "key": "accounts", "recommendations": []}, {"type": "initiative",
        "key": "basics", "metrics": [{"metric": "hosts", "weight": 1}],
        "recommendations": [{"source": "m", "recommendation": "points"}]},
    {"type": "asset", "key": "uid-1", "tags": {"team": "x"}}, {"type": "asset", "key": "new"},
        {"type": "source", "key": "s", "is_active": false}]'::jsonb);
SELECT title, description, markup, details FROM recommendation WHERE key = 'mfa';
SELECT key, importance FROM metric ORDER BY 1;
SELECT count(*) AS members FROM metric_recommendation;
SELECT m.key, im.weight FROM initiative_metric im JOIN metric m USING (metric_id);
SELECT key, name, tags FROM asset ORDER BY 1;
SELECT key, name, is_active FROM source ORDER BY 1;
-- the last of several counts
SELECT * FROM load('posture',
    '[{"type": "metric", "key": "twice", "name": "First"},
    {"type": "metric", "key": "twice", "name": "Second"}]'::jsonb);
SELECT name FROM metric WHERE key = 'twice';
-- a band is named anew; another begins elsewhere
SELECT * FROM load('posture',
    '[{"type": "score_band", "scheme": "zone", "from_score": 62.5, "name": "good enough"},
    {"type": "score_band", "initiative": "basics", "scheme": "maturity", "from_score": "7.0",
    "name": "Under way"}, {"type": "score_band", "scheme": "zone", "from_score": 1,
    "name": "x"}]'::jsonb);
SELECT * FROM export('score_band');
-- an exemption that begins later does, however often it is loaded
SELECT * FROM load('posture',
    '{"type": "exemption", "source": "s", "recommendation": "mfa", "kind": "waived",
    "reason": "Next century", "created_at": "2100-01-01T00:00:00Z"}');
SELECT * FROM load('posture',
    '{"type": "exemption", "source": "s", "recommendation": "mfa", "kind": "waived",
    "reason": "Next century", "created_at": "2100-01-01T00:00:00Z"}');
SELECT count(*), min(created_at) FROM exemption WHERE reason = 'Next century';
-- and one that nobody approved is as its source says
SELECT * FROM load('posture',
    '{"type": "exemption", "source": "s", "recommendation": "mfa", "kind": "risk_accepted",
    "reason": "Blank", "approved_by": " ", "expires_at": "2026-01-05T00:00:00Z"}');
SELECT * FROM load('posture',
    '{"type": "exemption", "source": "s", "recommendation": "mfa", "kind": "risk_accepted",
    "reason": "Blank", "approved_by": " ", "expires_at": "2026-01-05T00:00:00Z"}');
SELECT approved_by, created_at FROM exemption WHERE reason = 'Blank';
-- parts of it; what is not there
SELECT count(*) FROM export('{metric,source}');
SELECT export('{metric,nothing}');
-- findings by their own source
SELECT * FROM load('posture',
    '[{"type": "finding", "recommendation": "r", "asset": "a", "state": "compliant"},
    {"type": "recommendation", "key": "r", "title": "R"}]'::jsonb, 'given');
SELECT s.key, r.key, r.title FROM recommendation r JOIN source s USING (source_id)
WHERE s.key = 'given';
-- complete: what is absent is closed
SELECT * FROM load('posture',
    '{"type": "finding", "recommendation": "other", "asset": "a", "state": "compliant"}'::jsonb,
    'given', complete => true);
SELECT r.key, f.state FROM finding f JOIN recommendation r USING (recommendation_id)
JOIN source s USING (source_id) WHERE s.key = 'given' ORDER BY 1;
SELECT * FROM load('posture', '{"type": "metric", "key": "x"}', 'given', complete => true);
SELECT * FROM load('prowler-checks', '[]'::jsonb, complete => true);

-- names of one asset meet; names of two are told, and merged by a person
INSERT INTO asset (key, name) VALUES ('web1.example.com', 'web1'), ('i-0abc', 'instance');
SELECT * FROM load('posture',
    '[{"type": "asset", "key": "web1-new", "aliases": ["web1.example.com"]},
    {"type": "finding", "source": "given", "recommendation": "r", "asset": "web1-new",
    "state": "compliant"}]'::jsonb);
SELECT a.key, f.state FROM finding f JOIN asset a USING (asset_id) WHERE a.key LIKE 'web1%';
SET client_min_messages = notice;
\set VERBOSITY default
SELECT * FROM load('posture',
    '[{"type": "asset", "key": "web1-new", "aliases": ["i-0abc"]}]'::jsonb);
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT * FROM merge_asset('i-0abc', 'web1-new');
SELECT a.key, l.alias, l.how FROM asset_alias l JOIN asset a USING (asset_id)
WHERE a.key LIKE 'web1%' ORDER BY 2;

-- what can't be loaded, with where it is and why; the rest is
DELETE FROM rejected;
SELECT * FROM load('posture', :'bad_objects'::jsonb);
SELECT reason FROM rejected ORDER BY substring(reason, '\[(\d+)')::integer;
SELECT count(*) AS lost FROM rejected WHERE details IS NULL AND asset IS NULL;
SELECT key FROM metric WHERE key IN ('good', 'm') UNION ALL SELECT key FROM initiative
WHERE key = 'i' UNION ALL SELECT key FROM asset WHERE key = 'a' AND kind <> 'unknown';

-- documents that are none of the format: one error
SELECT d.format, d.document, e.*
FROM error_document d, pg_temp.load_error(d.format, d.document) e ORDER BY d.n;
SELECT * FROM load('posture', '[]'::jsonb, source => repeat('x', 2000));
SELECT * FROM load('ocsf', '<a/>'::xml);
SELECT * FROM load('xccdf', '{}'::jsonb);
SELECT * FROM load('xccdf', NULL::xml);

-- text is data, however much: an element of 10 MB is refused, one beside it is loaded
DELETE FROM rejected;
SELECT * FROM load('posture',
    jsonb_build_array(jsonb_build_object('type', 'metric', 'key', 'long', 'name',
    repeat('x', 10000000)),
    '{"type": "metric", "key": "short", "name": "'';<script>DROP TABLE posture.metric;--"}'::jsonb,
    jsonb_build_object('type', 'finding', 'source', 's', 'recommendation', 'r', 'asset', 'a',
        'state', 'compliant', 'details', jsonb_build_object('x', repeat('x', 2000000))),
        jsonb_build_object('type', 'metric', 'key', repeat('k', 5000)),
    -- a kind that is no key of an index
    jsonb_build_object('type', 'asset', 'key', 'odd', 'kind', repeat('x', 1025)),
        jsonb_build_object('type', 'asset', 'key', 'even', 'kind', repeat('x', 1024)),
    jsonb_build_object('type', 'finding', 'source', 's', 'recommendation', 'r', 'asset', 'odd',
        'state', 'compliant', 'asset_kind', repeat('x', 1025))));
SELECT left(reason, 80), pg_column_size(details) > 0 AS kept FROM rejected ORDER BY reason;
SELECT name FROM metric WHERE key IN ('short', 'long');
SELECT key, length(kind) FROM asset WHERE key IN ('odd', 'even');
SELECT load('posture', repeat('[', 1000000));
SELECT load('posture', repeat('[', 5000) || repeat(']', 5000));

DROP EXTENSION posture;
