# Dump and restore: the truth and the history travel, ids go on, scores stay.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('dump', "fsync = off\n");
my $dir = PostgreSQL::Test::Utils::tempdir();
$node->safe_psql('postgres', 'CREATE ROLE risk_owner LOGIN CREATEDB');
$node->safe_psql('postgres', 'CREATE DATABASE origin OWNER risk_owner');
$node->safe_psql('origin', 'CREATE EXTENSION posture', extra_params => [ '-U', 'risk_owner' ]);
$node->safe_psql('origin', sample_sql(), extra_params => [ '-U', 'risk_owner' ]);

# the history of what is not folded yet would stay behind
$node->safe_psql('origin', 'SELECT posture.fold()', extra_params => [ '-U', 'risk_owner' ]);

my $derived = qr/^(finding_set|asset_set|tally|tally_slice|verification|(finding|asset|catalog)_delta)$/;
my @tables = grep { $_ !~ $derived } tables($node, 'origin');
# what an answer depends on besides tables
my %scores = (
	overview => 'SELECT * FROM posture.overview',
	metric_report => 'SELECT * FROM posture.metric_report',
	recommendation_report => 'SELECT * FROM posture.recommendation_report',
	event_report => 'SELECT * FROM posture.event_report',
	group_report => 'SELECT * FROM posture.group_report',
	score_history => 'SELECT * FROM posture.score_history',
	secure_score => 'SELECT * FROM posture.secure_score',
	target_report => 'SELECT * FROM posture.target_report',
	exemption_report => 'SELECT * FROM posture.exemption_report',
	assignment_report => 'SELECT * FROM posture.assignment_report',
	plan => 'SELECT i.key, p.* FROM posture.initiative i CROSS JOIN LATERAL posture.plan(i.key) p',
	metric_state => q{SELECT metric_id, exposed, assessed, score FROM posture_internal.metric_state('infinity')},
	metric_assets => q{SELECT m.key, d.day, posture.metric_assets(m.key, d.day)
		FROM posture.metric m, (SELECT day FROM posture_internal.finding_history UNION SELECT day - 1 FROM posture_internal.finding_history UNION SELECT NULL) d(day)});
my @empty = grep { $node->safe_psql('origin', "SELECT count(*) FROM posture.$_") eq '0' } @tables;
is("@empty", '', 'every table of the sample has rows');
is($node->safe_psql('origin', q{SELECT weight FROM posture.importance_weight WHERE importance = 'high'}), '8', 'and a weight that was changed');

# what differs between two databases, both ways: rows as text, counted
sub rows_of
{
	my ($db, $sql) = @_;
	return $node->safe_psql($db, "SELECT count(*), x FROM (SELECT q::text AS x FROM ($sql) q) q GROUP BY x ORDER BY x COLLATE \"C\"");
}

sub compare
{
	my ($db, $how) = @_;
	my (@differ, @scores_differ);
	my ($status, $sets, $error) = query_as($node, $db, 'risk_owner', 'SELECT repaired > 0, slices > 0 FROM posture.rebuild()');
	is("$sets$error", 't|t', "$how: one call makes the sets");
	is($node->safe_psql($db, 'SELECT * FROM posture.verify()'), '', "$how: as they should be");
	for my $table (@tables)
	{
		push @differ, $table if rows_of('origin', "SELECT * FROM posture.$table") ne rows_of($db, "SELECT * FROM posture.$table");
	}
	is("@differ", '', "$how: all tables are equal");
	for my $name (sort keys %scores)
	{
		push @scores_differ, $name if rows_of('origin', $scores{$name}) ne rows_of($db, $scores{$name});
	}
	is("@scores_differ", '', "$how: all reports are equal");
	is( $node->safe_psql($db, q{SELECT extowner::regrole || ' ' || has_table_privilege(extowner, 'posture.finding', 'INSERT WITH GRANT OPTION') FROM pg_extension WHERE extname = 'posture'}),
		'risk_owner true', "$how: it is theirs who restored");

	# life goes on: the next ids, loads, scores, snapshots
	my $next = <<'SQL';
SELECT 'asset', nextval(pg_get_serial_sequence('posture.asset', 'asset_id')) UNION ALL
SELECT 'recommendation', nextval(pg_get_serial_sequence('posture.recommendation', 'recommendation_id')) UNION ALL
SELECT 'source', nextval(pg_get_serial_sequence('posture.source', 'source_id')) UNION ALL
SELECT 'metric', nextval(pg_get_serial_sequence('posture.metric', 'metric_id')) UNION ALL
SELECT 'initiative', nextval(pg_get_serial_sequence('posture.initiative', 'initiative_id')) UNION ALL
SELECT 'asset_group', nextval(pg_get_serial_sequence('posture.asset_group', 'asset_group_id')) UNION ALL
SELECT 'exemption', nextval(pg_get_serial_sequence('posture.exemption', 'exemption_id')) UNION ALL
SELECT 'event', nextval(pg_get_serial_sequence('posture.event', 'event_id')) UNION ALL
SELECT 'run', nextval(pg_get_serial_sequence('posture.run', 'run_id'))
SQL
	# on a copy, so that the origin's sequences stay for the next comparison
	$node->safe_psql('postgres', 'CREATE DATABASE twin TEMPLATE origin OWNER risk_owner');
	is($node->safe_psql($db, $next), $node->safe_psql('twin', $next), "$how: identity sequences go on");
	my $more = <<'SQL';
INSERT INTO posture.inbox SELECT 'scan', 'r' || r, 'new', 'non_compliant', '2020-02-02' FROM generate_series(1, 7) r;
SELECT * FROM posture.ingest();
SELECT * FROM posture.take_snapshot();
CALL posture.run_daily();
SELECT max(asset_id) FROM posture.asset;
SELECT event_id, kind, status, drop FROM posture.event ORDER BY 1;
SELECT initiative, score, change_1d, open_events FROM posture.overview;
UPDATE posture.importance_weight SET weight = 7.5 WHERE importance = 'high';
SELECT initiative, score FROM posture.overview;
SQL
	my ($rc, $out, $err) = query_as($node, $db, 'risk_owner', $more);
	my ($twin_rc, $twin_out, $twin_err) = query_as($node, 'twin', 'risk_owner', $more);
	is("$rc$err\n$out", "$twin_rc$twin_err\n$twin_out", "$how: life goes on as in the origin");
	is($node->safe_psql($db, 'SELECT * FROM posture.verify()'), '', "$how: and the sets with it");
	$node->safe_psql('postgres', 'DROP DATABASE twin');
	return;
}

sub fresh
{
	$node->safe_psql('postgres', $_) for 'DROP DATABASE IF EXISTS restored', 'CREATE DATABASE restored OWNER risk_owner';
	return;
}
my @as = ('-U', 'risk_owner');
# the schema belongs to the superuser, whom they can't give it to; whoever restores gets it so again
my @dump = (@as, '--no-owner');

fresh();
$node->command_ok([ 'pg_dump', @dump, '-f', "$dir/plain.sql", 'origin' ], 'pg_dump, plain');
$node->command_ok([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', @as, '-d', 'restored', '-f', "$dir/plain.sql" ], 'restored by psql');
compare('restored', 'plain');
unlike(slurp_file("$dir/plain.sql"), qr/(finding_set|asset_set|tally|_delta)/, 'what is derived is not in a dump');

# over what is there already, with other rows in it
$node->safe_psql('restored', q{INSERT INTO posture.source (key, name) VALUES ('stray', 'Stray')});
$node->command_ok([ 'pg_dump', @dump, '--clean', '--if-exists', '-f', "$dir/clean.sql", 'origin' ], 'pg_dump --clean');
# nor can they drop it, but all that is in it
$node->command_checks_all([ 'psql', '-XAtq', @as, '-d', 'restored', '-f', "$dir/clean.sql" ], 0, [qr/^/],
	[ qr/\A[^\n]*ERROR:  must be owner of schema posture\n[^\n]*ERROR:  schema "posture" already exists\n[^\n]*ERROR:  must be owner of schema posture\n\z/ ], 'restored over what was there');
compare('restored', 'clean');

fresh();
$node->command_ok([ 'pg_dump', @dump, '-Fc', '-f', "$dir/custom", 'origin' ], 'pg_dump -Fc');
$node->command_ok([ 'pg_restore', @dump, '--exit-on-error', '-d', 'restored', "$dir/custom" ], 'pg_restore');
compare('restored', 'custom');

fresh();
$node->command_ok([ 'pg_dump', @dump, '-Fd', '-j2', '-f', "$dir/directory", 'origin' ], 'pg_dump -Fd -j2');
$node->command_ok([ 'pg_restore', @dump, '--exit-on-error', '-d', 'restored', "$dir/directory" ], 'pg_restore of it');
compare('restored', 'directory');

# A parallel restore loads tables in any order: pg_dump notes no dependencies
# between the data of an extension's tables, whose foreign keys are there
# before the data. So it needs foreign keys put aside.
fresh();
$node->safe_psql('postgres', 'GRANT SET ON PARAMETER session_replication_role TO risk_owner');
{
	local $ENV{PGOPTIONS} = '-c session_replication_role=replica';
	$node->command_ok([ 'pg_restore', @dump, '--exit-on-error', '-j2', '-d', 'restored', "$dir/directory" ], 'pg_restore -j2');
}
compare('restored', 'parallel');

fresh();
$node->command_ok([ 'pg_dump', @dump, '--schema-only', '-f', "$dir/schema.sql", 'origin' ], 'pg_dump --schema-only');
$node->command_ok([ 'pg_dump', @dump, '--data-only', '-f', "$dir/data.sql", 'origin' ], 'pg_dump --data-only');
$node->command_ok([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', @as, '-d', 'restored', '-f', "$dir/schema.sql" ], 'schema first');
is($node->safe_psql('restored', 'SELECT count(*) FROM posture.finding'), '0', 'brings no finding');
$node->command_ok([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', @as, '-d', 'restored', '-f', "$dir/data.sql" ], 'then data');
compare('restored', 'schema, then data');

fresh();
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/inserts", '--inserts', '--rows-per-insert=10', 'origin' ], 'pg_dump --inserts as superuser');
$node->command_ok([ 'pg_restore', @as, '--exit-on-error', '--single-transaction', '--no-owner', '-d', 'restored', "$dir/inserts" ], 'restored in one transaction');
compare('restored', 'inserts');

$node->stop;
done_testing();
