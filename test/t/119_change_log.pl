# The log of decisions: what a change of each table writes.
# tests: access/log_change, log_change.c

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('change_log');
$node->safe_psql('postgres', 'CREATE EXTENSION posture');
is($node->safe_psql('postgres', 'SELECT count(*) FROM posture.change_log'), '0', 'it begins empty');

# Runs SQL. Returns what it logged: object_kind|object|field|old|new.
my $seen = 0;

sub logged
{
	my ($sql) = @_;
	$node->safe_psql('postgres', $sql);
	my $rows = $node->safe_psql('postgres', <<"SQL");
SET timezone = 'UTC';
SELECT object_kind, object, field, coalesce(old, '-'), coalesce(new, '-')
FROM posture.change_log WHERE change_id > $seen ORDER BY change_id
SQL
	$seen = $node->safe_psql('postgres', 'SELECT max(change_id) FROM posture.change_log') || 0;
	return $rows;
}

# ---- each table ----

logged(<<'SQL');
INSERT INTO posture.source (key, name) VALUES ('scan', 'Scanner');
INSERT INTO posture.recommendation (source_id, key, title)
SELECT source_id, 'r' || n, 'R' FROM posture.source, generate_series(1, 3) n;
INSERT INTO posture.asset (key, name, criticality) VALUES ('a1', 'A', 'high'), ('a2', 'A', 'low');
SQL
is(logged("INSERT INTO posture.metric (key, name) VALUES ('mfa', 'MFA'), ('edr', 'EDR')"), <<'TXT' =~ s/\n\z//r, 'metrics');
metric|mfa|key|-|mfa
metric|mfa|importance|-|medium
metric|mfa|is_active|-|true
metric|mfa|unassessed|-|excluded
metric|edr|key|-|edr
metric|edr|importance|-|medium
metric|edr|is_active|-|true
metric|edr|unassessed|-|excluded
TXT
is(logged("UPDATE posture.metric SET importance = 'high', asset_kinds = '{user}',
	drop_threshold = 3, name = 'M' WHERE key = 'mfa'"), <<'TXT' =~ s/\n\z//r, 'and what is set of them');
metric|mfa|importance|medium|high
metric|mfa|asset_kinds|-|{user}
metric|mfa|drop_threshold|-|3
TXT
logged("INSERT INTO posture.initiative (key, name) VALUES ('ransomware', 'R'), ('other', 'O')");

# a statement, and what it logs
my @cases = (
	[ "UPDATE posture.initiative SET target_score = 90, target_on = '2027-01-02', owner = 'kim'
	   WHERE key = 'ransomware'", <<'TXT' ],
initiative|ransomware|target_score|-|90
initiative|ransomware|target_on|-|2027-01-02
initiative|ransomware|owner|-|kim
TXT
	[ "UPDATE posture.initiative SET name = 'X', description = 'y', is_pinned = true", '' ],
	[ "INSERT INTO posture.initiative_metric SELECT i.initiative_id, m.metric_id,
	   CASE m.key WHEN 'mfa' THEN 5 END FROM posture.initiative i, posture.metric m
	   WHERE i.key = 'ransomware' ORDER BY m.key DESC", <<'TXT' ],
initiative|ransomware|metric mfa|-|weight 5
initiative|ransomware|metric edr|-|weight of its importance
TXT
	[ 'UPDATE posture.initiative_metric SET weight = 10', <<'TXT' ],
initiative|ransomware|metric mfa|weight 5|weight 10
initiative|ransomware|metric edr|weight of its importance|weight 10
TXT
	[ "UPDATE posture.initiative_metric SET initiative_id = 2 WHERE metric_id = 2", <<'TXT' ],
initiative|ransomware|metric edr|weight 10|-
initiative|other|metric edr|-|weight 10
TXT
	[ "INSERT INTO posture.metric_recommendation SELECT m.metric_id, r.recommendation_id
	   FROM posture.metric m, posture.recommendation r WHERE m.key = 'mfa' AND r.key < 'r3'", <<'TXT' ],
metric|mfa|recommendation scan:r1|-|measured
metric|mfa|recommendation scan:r2|-|measured
TXT
	[ "DELETE FROM posture.metric_recommendation WHERE recommendation_id = 1", <<'TXT' ],
metric|mfa|recommendation scan:r1|measured|-
TXT
	[ "INSERT INTO posture.initiative_recommendation VALUES (2, 3)",
		"initiative|other|recommendation scan:r3|-|scored\n" ],
	# of the recommendations that a rule selects, only the rule is a decision
	[ q{UPDATE posture.metric SET rule = '{"source": "scan"}' WHERE key = 'edr'}, <<'TXT' ],
metric|edr|rule|-|{"source": "scan"}
TXT
	[ "UPDATE posture.importance_weight SET weight = 8 WHERE importance IN ('high', 'low')", <<'TXT' ],
importance|high|weight|7.5|8
importance|low|weight|2.5|8
TXT
	[ "UPDATE posture.source SET is_active = false, stale_after = '30 days'", <<'TXT' ],
source|scan|is_active|true|false
source|scan|stale_after|-|30 days
TXT
	[ "UPDATE posture.recommendation SET assigned_to = 'kim', due_on = '2027-02-03', effort_hours = 2.5,
	   is_active = false WHERE key = 'r2'", <<'TXT' ],
recommendation|scan:r2|is_active|true|false
recommendation|scan:r2|assigned_to|-|kim
recommendation|scan:r2|due_on|-|2027-02-03
recommendation|scan:r2|effort_hours|-|2.5
TXT
	[ "UPDATE posture.recommendation SET title = 'x', details = '{}'", '' ],
	[ "UPDATE posture.asset SET criticality = 'critical', owner = 'web team',
	   retired_at = '2026-05-03 12:00+02', last_seen = now() WHERE key = 'a1'", <<'TXT' ],
asset|a1|owner|-|web team
asset|a1|criticality|high|critical
asset|a1|retired_at|-|2026-05-03 10:00:00+00
TXT
	[ "UPDATE posture.asset SET last_seen = now()", '' ],
	[ q{INSERT INTO posture.asset_group (key, name, kinds, tags) VALUES ('g', 'G', '{host}', '{"a": 1}')}, <<'TXT' ],
asset_group|g|key|-|g
asset_group|g|kinds|-|{host}
asset_group|g|tags|-|{"a": 1}
TXT
	[ q{UPDATE posture.asset_group SET rule = '{"not": {"owner": "web"}}'}, <<'TXT' ],
asset_group|g|rule|-|{"not": {"owner": "web"}}
TXT
	[ q{UPDATE posture.asset_group SET rule = NULL}, <<'TXT' ],
asset_group|g|rule|{"not": {"owner": "web"}}|-
TXT
	[ "INSERT INTO posture.exemption (recommendation_id, asset_id, kind, reason, approved_by,
	   created_at) VALUES (1, 2, 'waived', 'test host', 'ciso', '2026-05-03 00:00+00')", <<'TXT' ],
recommendation|scan:r1|exemption 1|-|waived for asset a2 from 2026-05-03 00:00:00+00, approved by ciso: test host
TXT
	[ "UPDATE posture.exemption SET expires_at = '2026-06-01 00:00+00'", <<'TXT' ],
recommendation|scan:r1|exemption 1|waived for asset a2 from 2026-05-03 00:00:00+00, approved by ciso: test host|waived for asset a2 from 2026-05-03 00:00:00+00 until 2026-06-01 00:00:00+00, approved by ciso: test host
TXT
	[ "INSERT INTO posture.attestation (recommendation_id, asset_id, state, evidence, attested_by,
	   attested_at, valid_until)
	   VALUES (1, 2, 'compliant', 'https://example.com/1', 'kim', '2026-05-03 00:00+00', '2027-05-03')", <<'TXT' ],
recommendation|scan:r1|attestation 1|-|compliant for asset a2 from 2026-05-03 00:00:00+00 until 2027-05-03, attested by kim: https://example.com/1
TXT
	[ "DELETE FROM posture.attestation", <<'TXT' ],
recommendation|scan:r1|attestation 1|compliant for asset a2 from 2026-05-03 00:00:00+00 until 2027-05-03, attested by kim: https://example.com/1|-
TXT
	[ "UPDATE posture.recommendation SET is_manual = true WHERE key = 'r1'", <<'TXT' ],
recommendation|scan:r1|is_manual|false|true
TXT
	[ "INSERT INTO posture.score_band VALUES (NULL, 'zone', 70, 'fine'), (1, 'zone', 60, 'ok')", <<'TXT' ],
score_band|zone|from 70|-|fine
score_band|zone of ransomware|from 60|-|ok
TXT
	# what a DELETE takes along is logged with it
	[ "INSERT INTO posture.exemption (recommendation_id, asset_group_id, kind, reason, approved_by,
	   created_at) VALUES (1, 1, 'mitigated', 'proxy', 'ciso', '2026-05-03 00:00+00');
	   DELETE FROM posture.asset_group", <<'TXT' ],
recommendation|scan:r1|exemption 2|-|mitigated for group g from 2026-05-03 00:00:00+00, approved by ciso: proxy
recommendation|scan:r1|exemption 2|mitigated for group g from 2026-05-03 00:00:00+00, approved by ciso: proxy|-
asset_group|g|key|g|-
asset_group|g|kinds|{host}|-
asset_group|g|tags|{"a": 1}|-
TXT
	[ "DELETE FROM posture.metric WHERE key = 'mfa'", <<'TXT' ],
initiative|ransomware|metric mfa|weight 10|-
metric|mfa|recommendation scan:r2|measured|-
metric|mfa|key|mfa|-
metric|mfa|importance|high|-
metric|mfa|asset_kinds|{user}|-
metric|mfa|drop_threshold|3|-
metric|mfa|is_active|true|-
metric|mfa|unassessed|excluded|-
TXT
	[ "INSERT INTO posture.asset_group (key, name) VALUES ('macs', 'Macs');
	   UPDATE posture.metric SET population_group_id = (SELECT asset_group_id FROM posture.asset_group WHERE key = 'macs'),
	                             unassessed = 'exposed' WHERE key = 'edr'",
		"asset_group|macs|key|-|macs\nmetric|edr|population|-|macs\nmetric|edr|unassessed|excluded|exposed\n" ],
	[ "DELETE FROM posture.recommendation WHERE key = 'r3'",
		"initiative|other|recommendation scan:r3|scored|-\n" ],
	[ "TRUNCATE posture.initiative_metric", "initiative|other|metric edr|weight 10|-\n" ],
	[ "BEGIN; UPDATE posture.importance_weight SET weight = 1; ROLLBACK", '' ],
	[ "INSERT INTO posture.importance_weight AS w VALUES ('low', 4) ON CONFLICT (importance)
	   DO UPDATE SET weight = EXCLUDED.weight", <<'TXT' ]);
importance|low|weight|8|-
importance|low|weight|-|4
TXT
for my $case (@cases)
{
	my ($sql, $expected) = @$case;
	is(logged($sql), $expected =~ s/\n\z//r, $sql =~ s/\s+/ /gr);
}
is(logged(<<'SQL'), <<'TXT' =~ s/\n\z//r, 'texts do not depend on settings');
SET datestyle = 'SQL, DMY'; SET timezone = 'Asia/Tokyo'; SET intervalstyle = 'iso_8601';
UPDATE posture.asset SET retired_at = '2026-05-03 10:00+00' WHERE key = 'a2';
UPDATE posture.source SET stale_after = '40 days';
SQL
asset|a2|retired_at|-|2026-05-03 10:00:00+00
source|scan|stale_after|30 days|40 days
TXT

# ---- all tables ----

is($node->safe_psql('postgres', <<'SQL'), '', 'a new table is logged, or listed here because no person decides what is in it');
SELECT string_agg(c.relname, ' ' ORDER BY c.relname)
FROM pg_class c
WHERE c.relnamespace = 'posture'::regnamespace AND c.relkind = 'r'
  AND c.relname NOT IN (SELECT l.relation FROM posture_internal.logged_table() l)
  AND c.relname <> ALL ('{asset_alias,asset_inbox,asset_source,benchmark,change_log,event,event_cause,extent,finding,inbox,
      initiative_metric_snapshot,initiative_snapshot,measure,metric_snapshot,node,
      recommendation_snapshot,rejected,run,snapshot}')
SQL

$node->stop;
done_testing();
