# What the tests of non-interference share: two databases that differ only in what is
# hidden from some roles, and the answers that a role gets to the same statements in both.
package TestInterference;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

our @EXPORT = qw($node @roles @databases interference_node both_answers same_answers);
our $node;

# An owner of initiatives and an owner of a group, members of them that inherit their rows
# and that do not, a loader of a source, and a role without a level. Theirs are i1, i3, the
# group g1, and the source scan.
our @roles = qw(alice bob member fleet courier nolevel);
our @databases = qw(few many);

# Starts a server. Database postgres has what the roles see, the others are copies of it with
# hidden data. So what is seen has the same ids and times in both. One of them may have changes
# that are not folded: they are counted in another way.
sub interference_node
{
	my ($name, $is_unfolded) = @_;
	$node = new_node($name, <<'CONF');
autovacuum = off
log_min_messages = fatal
CONF
	$node->safe_psql('postgres', <<'SQL' . sample_sql() . seen_sql());
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN IN ROLE alice;
CREATE ROLE fleet LOGIN;
CREATE ROLE member LOGIN NOINHERIT IN ROLE alice, fleet;
CREATE ROLE courier LOGIN;
CREATE ROLE nolevel LOGIN;
CREATE ROLE stranger LOGIN;
CREATE ROLE reader LOGIN;
CREATE EXTENSION posture;
SQL
	my %size = (few => 1, many => 20);
	for my $database (@databases)
	{
		$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE postgres");
		$node->safe_psql($database, hidden_sql($size{$database}));
		$node->safe_psql($database, 'SELECT FROM posture.fold()');
		$node->safe_psql($database, unfolded_sql()) if $is_unfolded && $database eq 'many';
		$node->safe_psql($database, 'ANALYZE');
	}
	return;
}

sub seen_sql
{
	return <<'SQL';
INSERT INTO posture.recommendation (source_id, key, title)
SELECT source_id, 'r7', 'Of users' FROM posture.source WHERE key = 'scan';
INSERT INTO posture.finding
SELECT r.recommendation_id, a.asset_id, 'non_compliant',
       posture.day_end(posture.today() - 4) + interval '1 hour'
FROM posture.recommendation r, posture.asset a WHERE r.key = 'r7' AND a.asset_id < 20;
UPDATE posture.initiative SET owner = 'alice', target_score = 90, target_on = posture.today() + 9
WHERE key IN ('i1', 'i3');
UPDATE posture.asset_group SET owner = 'fleet' WHERE key = 'g1';
SELECT posture.grant_access(r, 'owner') FROM unnest('{alice,fleet,stranger}'::name[]) r;
SELECT posture.grant_access('reader', 'reader'),
       posture.grant_access('courier', 'loader', 'scan');
-- shows what it is called with, and looks cheap, so that it is called before other conditions
CREATE FUNCTION public.told(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
    AS $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$;
SELECT FROM posture.fold();
SQL
}

# Of most things N, with names and numbers that depend on N. Whatever the roles see of
# assets and recommendations, hidden findings and metrics share with it.
sub hidden_sql
{
	my ($n) = @_;
	return <<'SQL' =~ s/\bN\b/$n/gr;
INSERT INTO posture.source (key, name, product, stale_after, last_seen)
SELECT 'hscan' || n, 'Hidden N', 'Product N', '90 days', posture.day_end(posture.today() - 2)
FROM generate_series(1, N) n;
INSERT INTO posture.asset (key, kind, name, criticality, owner, tags)
SELECT 'ha' || n, CASE n % 3 WHEN 0 THEN 'hidden' ELSE 'host' END, 'Hidden N ' || n,
       CASE WHEN N > 9 THEN 'critical' ELSE 'low' END, 'someone', '{"hidden": N}'
FROM generate_series(1, 4 * N) n;
INSERT INTO posture.asset_alias (alias, asset_id)
SELECT 'hidden alias ' || n, a.asset_id
FROM generate_series(1, N) n JOIN posture.asset a ON a.key = 'ha' || n;
INSERT INTO posture.asset_source (source_id, asset_id)
SELECT s.source_id, a.asset_id
FROM generate_series(1, N) n JOIN posture.asset a ON a.key = 'ha' || n
JOIN posture.source s ON s.key = 'hscan' || n;
INSERT INTO posture.asset_inbox (source, asset)
SELECT 'hscan' || n, 'ha' || n FROM generate_series(1, N) n;
INSERT INTO posture.asset_group (key, name, kinds, owner)
SELECT 'hg' || n, 'Hidden N', '{host,hidden}', 'stranger' FROM generate_series(1, N) n;
INSERT INTO posture.recommendation
    (source_id, key, title, severity, max_points, workload, assigned_to, due_on)
SELECT s.source_id, 'hr' || n, 'Hidden N', 'critical', N, 'hidden', 'someone', posture.today() - N
FROM generate_series(1, N) n JOIN posture.source s ON s.key = 'hscan1';
INSERT INTO posture.recommendation (source_id, key, title)
SELECT s.source_id, 'r1', 'Namesake N' FROM posture.source s WHERE s.key = 'hscan1';
INSERT INTO posture.metric (key, name, importance, drop_threshold)
SELECT 'hm' || n, 'Hidden N', 'critical', N FROM generate_series(1, N) n;
INSERT INTO posture.asset (key, kind, name)
SELECT 'hidden unseen ' || n, 'host', 'Hidden N' FROM generate_series(1, N) n;
UPDATE posture.metric
SET population_group_id = (SELECT asset_group_id FROM posture.asset_group WHERE key = 'hg1'),
    unassessed = 'exposed'
WHERE key LIKE 'hm%';
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id
FROM posture.metric m, posture.recommendation r
WHERE m.key LIKE 'hm%' AND (r.key = 'hr' || substr(m.key, 3) OR r.key IN ('r1', 'r4'));
INSERT INTO posture.initiative
    (key, name, kind, method, owner, is_pinned, target_score, target_on)
SELECT 'hi' || n, 'Hidden N', 'hidden',
       (ARRAY['weighted', 'population', 'points'])[1 + n % 3]::posture.initiative_method,
       CASE n % 2 WHEN 1 THEN 'stranger' ELSE 'nolevel' END, true, N, posture.today() - N
FROM generate_series(1, N) n;
INSERT INTO posture.initiative_metric
SELECT i.initiative_id, m.metric_id, N
FROM posture.initiative i, posture.metric m
WHERE i.key LIKE 'hi%' AND (m.key = 'hm' || substr(i.key, 3) OR m.key IN ('m1', 'm3'));
UPDATE posture.initiative_metric x SET weight = N
FROM posture.initiative i WHERE i.initiative_id = x.initiative_id AND i.key = 'i2';
INSERT INTO posture.initiative_recommendation
SELECT i.initiative_id, r.recommendation_id
FROM posture.initiative i, posture.recommendation r
WHERE i.key LIKE 'hi%' AND i.key IN ('hi1', 'hi7') AND r.key IN ('hr1', 'r6', 'p1');
INSERT INTO posture.finding
SELECT r.recommendation_id, a.asset_id,
       CASE WHEN (a.asset_id + N) % 3 = 0 THEN 'compliant' ELSE 'non_compliant' END
       ::posture.finding_state,
       posture.day_end(posture.today() - 4) + interval '1 hour' * ((a.asset_id + N) % 40),
       '{"hidden": N}'
FROM posture.recommendation r, posture.asset a
-- on assets that nobody sees, and on hosts, which fleet does not see
WHERE (r.key LIKE 'hr%' OR r.title LIKE 'Namesake%')
      AND (a.key LIKE 'ha%' OR a.kind = 'host' AND (a.asset_id + N) % 2 = 0)
   OR r.key = 'r7' AND a.key LIKE 'ha%' AND a.kind <> 'user';
INSERT INTO posture.recommendation (source_id, key, title)
SELECT s.source_id, 'no-critical-vulnerability', 'Hidden N' FROM posture.source s WHERE s.key = 'hscan1';
INSERT INTO posture.finding
SELECT r.recommendation_id, a.asset_id, 'non_compliant', posture.day_end(posture.today() - 4),
       '{"vulnerabilities": [{"id": "CVE-N", "package": "p"}]}'
FROM posture.recommendation r, posture.asset a
WHERE r.key = 'no-critical-vulnerability' AND a.key LIKE 'ha%';
INSERT INTO posture.measure
SELECT recommendation_id, N / 2.0, N, posture.day_end(posture.today() - 3)
FROM posture.recommendation WHERE key IN ('hr1', 'hr9');
INSERT INTO posture.attestation (recommendation_id, asset_id, state, evidence)
SELECT r.recommendation_id, a.asset_id, 'compliant', 'Hidden N'
FROM posture.recommendation r, posture.asset a WHERE r.key IN ('hr1', 'hr9') AND a.key = 'ha1';
INSERT INTO posture.exemption
    (recommendation_id, asset_id, asset_group_id, kind, reason, approved_by, created_at)
SELECT r.recommendation_id, CASE WHEN r.key <> 'hr2' THEN a.asset_id END,
       CASE r.key WHEN 'hr2' THEN g.asset_group_id END, 'waived', 'Hidden N', 'someone N',
       posture.day_end(posture.today() - 4)
FROM posture.recommendation r, posture.asset a, posture.asset_group g
WHERE r.key IN ('hr1', 'hr2', 'r7') AND a.key = 'ha1' AND g.key = 'hg1';
INSERT INTO posture.benchmark
SELECT 'hidden', 'Hidden N', posture.today() - 1, initiative_id, N
FROM posture.initiative WHERE key NOT IN ('i1', 'i3');
INSERT INTO posture.score_band
SELECT initiative_id, 'zone', N, 'Hidden N' FROM posture.initiative WHERE key LIKE 'hi%';
SELECT FROM posture.fold();
INSERT INTO posture.recommendation_snapshot
SELECT posture.today() - d, recommendation_id, N, 3 * N
FROM posture.recommendation, generate_series(1, 3) d WHERE key LIKE 'hr%'
ON CONFLICT DO NOTHING;
INSERT INTO posture.metric_snapshot (day, metric_id, exposed, assessed, score, importance)
SELECT posture.today() - d, metric_id, N, 3 * N, N, 'low'
FROM posture.metric, generate_series(1, 3) d WHERE key LIKE 'hm%';
INSERT INTO posture.initiative_snapshot (day, initiative_id, score, method, name)
SELECT posture.today() - d, initiative_id, N + d, 'weighted', 'Hidden N'
FROM posture.initiative, generate_series(1, 3) d WHERE key LIKE 'hi%';
UPDATE posture.initiative_snapshot s SET score = N
FROM posture.initiative i WHERE i.initiative_id = s.initiative_id AND i.key = 'i2';
INSERT INTO posture.initiative_metric_snapshot
SELECT posture.today() - d, x.initiative_id, x.metric_id, N
FROM posture.initiative i JOIN posture.initiative_metric x USING (initiative_id),
     generate_series(1, 3) d WHERE i.key LIKE 'hi%';
INSERT INTO posture.event (kind, day, previous_day, metric_id, previous_score, score, drop,
                           weight, note)
SELECT 'metric_score_drop', posture.today() - 1, posture.today() - 2, metric_id, 99, N, 99 - N, N,
       'Hidden N'
FROM posture.metric WHERE key LIKE 'hm%';
INSERT INTO posture.event (kind, day, previous_day, initiative_id, previous_score, score, drop)
SELECT 'initiative_score_drop', posture.today() - 1, posture.today() - 2, initiative_id, 99, N,
       99 - N
FROM posture.initiative WHERE key LIKE 'hi%' OR key = 'i2';
INSERT INTO posture.event_cause
    (event_id, metric_id, recommendation_id, initiative_id, reason, points, newly_exposed, assets)
SELECT e.event_id, e.metric_id, r.recommendation_id, NULL, 'new_exposure', N - 99, N,
       '{60-70}'
FROM posture.event e, posture.recommendation r WHERE e.note LIKE 'Hidden%' AND r.key = 'hr1';
INSERT INTO posture.event_cause (event_id, metric_id, initiative_id, reason, points)
SELECT e.event_id, e.metric_id, i.initiative_id, 'effect', -N
FROM posture.event e, posture.initiative i
WHERE e.kind = 'metric_score_drop' AND (i.key = 'i2' OR i.key LIKE 'hi%');
-- of the greatest weight in any initiative
UPDATE posture.event SET weight = 100 + N WHERE kind = 'metric_score_drop';
UPDATE posture.event_cause c SET points = -N
FROM posture.initiative i WHERE i.initiative_id = c.initiative_id AND i.key = 'i2';
UPDATE posture.run SET message = 'hidden N', counts = '{"hidden": N}';
INSERT INTO posture.inbox
SELECT 'hscan1', 'hr1', 'ha' || n, 'hidden N' FROM generate_series(1, N) n;
INSERT INTO posture.rejected (source, asset, reason)
SELECT 'hscan1', 'ha' || n, 'hidden N' FROM generate_series(1, N) n;
INSERT INTO posture_internal.verification (verified_at, differences, message)
VALUES (now(), N, 'hidden N');
INSERT INTO posture.extent (source_id, keys)
SELECT min(s.source_id), ARRAY['hidden ' || n] FROM posture.source s, generate_series(1, N) n GROUP BY n;
SELECT FROM posture.take_snapshot();
UPDATE posture.snapshot SET taken_at = posture.day_end(day) - interval '12 hours'
WHERE day = posture.today();
SQL
}

sub unfolded_sql
{
	return <<'SQL';
UPDATE posture.finding f SET state = 'non_compliant', changed_at = now() - interval '1 second'
FROM posture.recommendation r
WHERE r.recommendation_id = f.recommendation_id AND r.key LIKE 'hr%' AND f.state = 'compliant'
  AND f.asset_id % 2 = 0;
UPDATE posture.asset SET criticality = 'medium' WHERE key IN ('ha1', 'ha9', 'ha13');
UPDATE posture.metric SET asset_kinds = '{hidden}' WHERE key = 'hm3';
-- values at the ends of what is allowed
UPDATE posture.initiative_metric x SET weight = CASE i.key WHEN 'hi1' THEN 0 ELSE 1e15 END
FROM posture.initiative i WHERE i.initiative_id = x.initiative_id AND i.key IN ('hi1', 'hi2');
UPDATE posture.recommendation SET max_points = CASE key WHEN 'hr1' THEN 0 ELSE 1e15 END
WHERE key IN ('hr1', 'hr9');
UPDATE posture.asset SET name = repeat('x', 100000) WHERE key = 'ha2';
SQL
}

# The answers of a role to statements in each database: rows, errors with their details,
# notices. Each statement is a transaction that is rolled back; begin: SQL before it.
sub both_answers
{
	my ($role, $statements, $begin) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . "/statements.sql";
	open(my $out, '>:raw', $file) or die "$file: $!";
	print $out "\\set VERBOSITY verbose\n\\set SHOW_CONTEXT always\n";
	print $out "SET statement_timeout = '10s';\n", $begin // '';
	print $out "\\echo == $_\n\\warn == $_\nBEGIN;\n$statements->[$_];\nROLLBACK;\n"
	  for 0 .. $#$statements;
	close $out;
	return map { [ answers($role, $_, $file, scalar @$statements) ] } @databases;
}

sub answers
{
	my ($role, $database, $file, $number) = @_;
	# the same name, because messages may have it
	$node->safe_psql('postgres', "ALTER DATABASE $database RENAME TO warehouse");
	my ($out, $err) = ('', '');
	run_log([ 'psql', '-XAtq', '-U', $role, '-d', $node->connstr('warehouse'), '-f', $file ],
		'>', \$out, '2>', \$err);
	$node->safe_psql('postgres', "ALTER DATABASE warehouse RENAME TO $database");
	my @answer;
	for my $text ($err, $out)
	{
		# who counts a part is decided by who is free
		$text =~ s/^parallel worker\n//mg;
		my (undef, @parts) = split /^(?:psql:\S+: )?== (\d+)\n/m, $text;
		$answer[ shift @parts ] .= shift @parts while @parts;
	}
	die "no answer to some of $number statements: $err" if grep { !defined $answer[$_] } 0 .. $number - 1;
	return @answer;
}

# Tests that a role gets the same answers in both databases. Returns how many of the
# statements were answered without an error.
sub same_answers
{
	my ($role, $statements, $name, $begin) = @_;
	my ($few, $many) = both_answers($role, $statements, $begin);
	# how long a statement takes depends on the machine
	my @ended = grep { ($few->[$_] . $many->[$_]) !~ /ERROR:  57014:/ } 0 .. $#$statements;
	my @differ = grep { $few->[$_] ne $many->[$_] } @ended;
	is(scalar(@differ), 0, "$name: $role gets the same answers to " . @$statements . ' statements');
	diag difference($statements->[$_], $few->[$_], $many->[$_])
	  for @differ > 12 ? @differ[ 0 .. 11 ] : @differ;
	diag @$statements - @ended, ' took too long' if @ended < @$statements;
	return scalar grep { $few->[$_] !~ /ERROR:  / } @ended;
}

# a statement and the first lines in which its answers differ
sub difference
{
	my ($statement, @answers) = @_;
	my @lines = map { [ split(/\n/, $_, -1), '(end)' ] } @answers;
	my $n = 0;
	$n++ while $lines[0][$n] eq $lines[1][$n];
	return join "\n", $statement,
	  map { "  $databases[$_] line $n: " . substr($lines[$_][$n], 0, 300) } 0, 1;
}

1;
