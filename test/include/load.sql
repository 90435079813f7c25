\set ECHO none
-- Functions and documents of the test load.
-- One object a line: the lines that are broken here are joined again.
SELECT regexp_replace('{"type": "initiative", "key": "basics", "name": "The basics", "kind": "area",
    "description": "What everybody does", "method": "population", "target_score": 90,
    "target_on": "2027-12-31", "cooldown_days": 7, "is_pinned": true, "owner": "postgres",
    "drop_threshold": 3.5, "metrics": [{"metric": "accounts", "weight": 4.5}, {"metric": "hosts"}],
    "details": {"of": "ours"}}
{"type": "finding", "source": "s", "recommendation": "mfa", "asset": "alice",
    "state": "non_compliant", "observed_at": "2026-01-02T03:04:05Z", "asset_kind": "user",
    "details": {"method": null, "since": [1, null]}}
{"type": "finding", "source": "s", "recommendation": "mfa", "asset": "bob", "state": "compliant",
    "observed_at": "2026-01-02T03:04:05Z"}
{"type": "metric", "key": "accounts", "name": "Accounts", "description": "Easy to take over",
    "importance": "critical", "asset_kinds": ["user"], "criticality_weights": [1, 2, 4, 8],
    "drop_threshold": 1, "cooldown_days": 3, "recommendations": [{"source": "s",
    "recommendation": "mfa"}, {"source": "s", "recommendation": "later"}]}
{"type": "exemption", "source": "s", "recommendation": "mfa", "asset": "bob", "kind": "waived",
    "reason": "A robot", "approved_by": "ciso", "created_at": "2026-01-03T00:00:00Z",
    "expires_at": "2099-01-01T00:00:00Z"}
{"type": "exemption", "source": "s", "recommendation": "mfa", "asset_group": "critical",
    "kind": "risk_accepted", "reason": "Known"}
{"type": "recommendation", "source": "s", "key": "mfa", "title": "Require MFA", "description": "a",
    "remediation": "**do**", "markup": "markdown", "severity": "high", "workload": "login",
    "domain": "identity", "max_points": 2.5, "manage_url": "https://example.com",
    "assigned_to": "team", "due_on": "2026-12-31", "details": {"n": null}}
{"type": "asset", "key": "alice", "kind": "user", "name": "Alice", "criticality": "critical",
    "owner": "team", "tags": {"env": "prod"}, "aliases": ["alice@example.com", "uid-1"],
    "first_seen": "2025-01-01T00:00:00Z"}
{"type": "asset_group", "key": "critical", "name": "What matters", "kinds": ["user", "host"],
    "min_criticality": "high", "tags": {"env": "prod"}, "owner": "postgres"}
{"type": "source", "key": "s", "name": "Scanner", "product": "Scan", "stale_after": "30 days"}
{"type": "measure", "source": "m", "recommendation": "points", "achieved": 3, "possible": 4.5,
    "observed_at": "2026-01-01T00:00:00Z"}
{"type": "benchmark", "initiative": "basics", "key": "all", "name": "All others",
    "day": "2026-01-01", "score": 55.5, "details": {"n": 3}}
{"type": "importance_weight", "importance": "low", "weight": 3}
{"type": "score_band", "scheme": "zone", "from_score": 62.5, "name": "fine"}
{"type": "score_band", "initiative": "basics", "scheme": "maturity", "from_score": 7,
    "name": "Under way"}

', '\n +', ' ', 'g') AS lines \gset
-- Only the first object is valid.
SELECT '[
    {"type": "metric", "key": "good"},
    {"type": "metric"},
    {"type": "metric", "key": ""},
    {"type": "metric", "key": null},
    {"type": "metric", "key": {"a": 1}},
    {"type": "metric", "key": ["a"]},
    {"type": "metric", "key": "m", "importance": "huge"},
    {"type": "metric", "key": "m", "importance": 5},
    {"type": "metric", "key": "m", "is_active": "perhaps"},
    {"type": "metric", "key": "m", "drop_threshold": -1},
    {"type": "metric", "key": "m", "asset_kinds": "user"},
    {"type": "metric", "key": "m", "asset_kinds": ["user", 5]},
    {"type": "metric", "key": "m", "colour": "red"},
    {"type": "metric", "key": "m", "criticality_weights": [1, 2, 3]},
    {"type": "metric", "key": "m", "criticality_weights": [0, 0, 0, -1]},
    {"type": "metric", "key": "m", "rule": "identity"},
    {"type": "metric", "key": "m", "cooldown_days": -1},
    {"type": "metric", "key": "m", "recommendations": [{"recommendation": "r"}]},
    {"type": "metric", "key": "m", "recommendations": ["r"]},
    {"type": "initiative", "key": "i", "metrics": [{"metric": "m", "weight": "x"}]},
    {"type": "initiative", "key": "i", "metrics": [{"metric": "m", "weight": -1}]},
    {"type": "initiative", "key": "i", "metrics": [7]},
    {"type": "initiative", "key": "i", "method": "best"},
    {"type": "initiative", "key": "i", "target_score": 101},
    {"type": "initiative", "key": "i", "target_score": "x"},
    {"type": "recommendation", "key": "r"},
    {"type": "recommendation", "source": "s", "key": "r", "severity": "odd"},
    {"type": "recommendation", "source": "s", "key": "r", "due_on": "tomorrow?"},
    {"type": "recommendation", "source": "s", "key": "r", "max_points": "many"},
    {"type": "recommendation", "source": "s", "key": "r", "max_points": 1e300},
    {"type": "recommendation", "source": "s", "key": "r", "markup": "rtf"},
    {"type": "recommendation", "source": "s", "key": "r", "title": ["a"]},
    {"type": "recommendation", "source": "s", "key": "r", "details": 5},
    {"type": "asset", "key": "a", "criticality": "very"},
    {"type": "asset", "key": "a", "tags": []},
    {"type": "asset", "key": "a", "aliases": {"b": 1}},
    {"type": "asset", "key": "a", "retired_at": "2026-02-30"},
    {"type": "asset_group", "key": "g", "min_criticality": "none"},
    {"type": "asset_group", "key": "g", "kinds": "x"},
    {"type": "source", "key": "q", "stale_after": "a while"},
    {"type": "measure", "source": "s", "recommendation": "r", "achieved": 2, "possible": 1},
    {"type": "measure", "source": "s", "recommendation": "r", "achieved": -2, "possible": 1},
    {"type": "measure", "source": "s", "recommendation": "r", "possible": 1},
    {"type": "exemption", "source": "s", "recommendation": "r", "kind": "ignored", "reason": "x"},
    {"type": "exemption", "source": "s", "recommendation": "r", "kind": "waived"},
    {"type": "exemption", "source": "s", "recommendation": "r", "kind": "waived", "reason": " "},
    {"type": "exemption", "source": "s", "recommendation": "r", "kind": "waived", "reason": "x",
    "asset": "a", "asset_group": "g"},
    {"type": "exemption", "source": "s", "recommendation": "r", "kind": "waived", "reason": "x",
    "created_at": "2026-02-01", "expires_at": "2026-01-01"},
    {"type": "exemption", "source": "s", "recommendation": "r", "kind": "waived", "reason": "x",
    "asset_group": "no such group"},
    {"type": "benchmark", "initiative": "i", "key": "b", "day": "2026-01-01"},
    {"type": "benchmark", "initiative": "i", "key": "b", "day": "never", "score": 1},
    {"type": "importance_weight", "importance": "low", "weight": -1},
    {"type": "score_band", "scheme": "zone", "name": "x"},
    {"type": "score_band", "scheme": "colour", "from_score": 1, "name": "x"},
    {"type": "score_band", "scheme": "zone", "from_score": 101, "name": "x"},
    {"type": "score_band", "scheme": "zone", "from_score": 1, "name": " "},
    {"type": "score_band", "initiative": "", "scheme": "zone", "from_score": 1, "name": "x"},
    {"type": "finding", "source": "s", "recommendation": "r", "asset": "a"},
    {"type": "finding", "source": "s", "recommendation": "r", "asset": "a", "state": "fine"},
    {"type": "finding", "source": "s", "recommendation": "r", "asset": "a", "state": "compliant",
    "observed_at": "2999-01-01"},
    {"type": "finding", "source": "s", "recommendation": "r", "asset": "a", "state": "compliant",
    "observed_at": "-infinity"},
    {"type": "finding", "source": "s", "recommendation": "r", "asset": "a", "state": "compliant",
    "details": "text"},
    {"type": "unknown", "key": "x"},
    {"key": "no type"},
    {"type": 5},
    5, "text", null, [],
    {"type": "finding", "source": "s", "recommendation": "r", "asset": "a", "state": "compliant",
    "observed_at": "soon"},
    {"type": "measure", "source": "s", "recommendation": "r", "achieved": 1, "possible": 1,
    "observed_at": "soon"},
    {"type": "source", "key": "q", "stale_after": "PT0S"},
    {"type": "source", "key": "q", "stale_after": "290000 years"},
    {"type": "initiative", "key": "i", "metrics": [{"metric": "m", "weight": 1e16}]},
    {"type": "asset_group", "key": "g",
    "owner": "o23456789o123456789o123456789o123456789o123456789o123456789o1234"}]' AS bad_objects \gset
-- Returns the error that load() raises.
CREATE FUNCTION pg_temp.load_error(of_format text, of_document text,
                                   OUT code text, OUT message text, OUT detail text, OUT hint text)
    LANGUAGE plpgsql AS $$
BEGIN
    message := 'no error: ' || (SELECT l::text FROM posture.load(of_format, of_document) l);
EXCEPTION WHEN others THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
                            hint = PG_EXCEPTION_HINT, code = RETURNED_SQLSTATE;
    hint := left(hint, 30);
    detail := split_part(detail, E'\n', 1);
END $$;
CREATE TABLE pg_temp.error_document (
    n integer GENERATED ALWAYS AS IDENTITY, format text, document text);
INSERT INTO error_document (format, document)
VALUES
    ('posture', '[]'), ('posture', '5'), ('posture', '"x"'), ('posture', 'null'),
    ('posture', '{}'), ('posture', '[[{"type": "metric", "key": "x"}]]'),
    ('posture', '{"value": [{"id": 1}]}'), ('posture', 'not json'),
    ('posture', ''),
    ('posture', '{"type": "metric", "key": "cut'),
    ('posture', E'first line\nsecond line'),
    ('Posture', '[]'), (NULL, '[]'), ('posture', NULL),
    ('posture', '"\u0000"'), ('xccdf', '<a>'), ('xccdf', '{}'),
    ('xccdf', '<!DOCTYPE a><a/>');
\set ECHO all
