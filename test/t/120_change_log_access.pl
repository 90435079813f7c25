# The log of decisions is append-only: it has the name of the role that logged in, nobody but
# posture can write, change or delete its rows, and retention deletes old ones.
# tests: catalog/change_log, day/retention

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('change_log');
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE installer LOGIN;
CREATE ROLE kim LOGIN;
CREATE ROLE risk_lead;
CREATE ROLE operator LOGIN;
CREATE ROLE bi LOGIN;
CREATE ROLE outsider LOGIN;
GRANT risk_lead TO kim;
CREATE DATABASE d OWNER installer;
SQL
$node->safe_psql('d', 'CREATE EXTENSION posture', extra_params => [ '-U', 'installer' ]);

# ---- in whose name ----

$node->safe_psql('d', <<'SQL', extra_params => [ '-U', 'installer' ]);
SELECT posture.grant_access('operator', 'operator'), posture.grant_access('bi', 'reader');
GRANT SELECT, UPDATE ON posture.importance_weight TO kim, risk_lead;
GRANT SELECT ON posture_internal.finding_set TO kim, risk_lead;
SQL

sub author
{
	my ($role, $sql) = @_;
	$node->safe_psql('d', $sql, extra_params => [ '-U', $role ]);
	return $node->safe_psql('d', q{SELECT changed_by, coalesce(as_role, '-')
		FROM posture.change_log ORDER BY change_id DESC LIMIT 1});
}
my $update = 'UPDATE posture.importance_weight SET weight = weight + 1';
is(author('kim', $update), 'kim|-', 'the role that logged in');
is(author('kim', "SET ROLE risk_lead; $update"), 'kim|risk_lead', 'and the role that it took');
$node->safe_psql('d', "CREATE FUNCTION public.change() RETURNS void LANGUAGE sql SECURITY DEFINER
	BEGIN ATOMIC UPDATE posture.importance_weight SET weight = weight + 1; END");
is(author('outsider', 'SELECT public.change()'), 'outsider|-', 'not the owner of a function');

# ---- nobody else writes it ----

my %attempt = (
	insert => "INSERT INTO posture.change_log (changed_by, object_kind, object, field)
		VALUES ('kim', 'metric', 'm', 'key')",
	update => "UPDATE posture.change_log SET changed_by = 'kim'",
	delete => 'DELETE FROM posture.change_log',
	truncate => 'TRUNCATE posture.change_log',
	copy => "COPY posture.change_log FROM STDIN;\n1\t2026-01-01\tkim\t\\N\tmetric\tm\tkey\t\\N\t\\N\n\\.",
	start => 'DELETE FROM posture_internal.change_log_start',
	trigger => 'ALTER TABLE posture.metric DISABLE TRIGGER ALL',
	'as in a restore' => "SET check_function_bodies = off;
		INSERT INTO posture.change_log (changed_by, object_kind, object, field)
		VALUES ('kim', 'metric', 'm', 'key')");
my $before = $node->safe_psql('d', 'SELECT * FROM posture.change_log ORDER BY 1');
for my $role (qw(installer operator kim bi outsider))
{
	for my $how (sort keys %attempt)
	{
		my ($rc, $out, $err) = query_as($node, 'd', $role, $attempt{$how});
		like($err, qr/permission denied|must be owner of table|row-level security/, "$role cannot $how");
	}
}
is($node->safe_psql('d', 'SELECT * FROM posture.change_log ORDER BY 1'), $before, 'it is as before');
is(author('kim', "SET check_function_bodies = off; $update"),
	'kim|-', 'nor can a session with the settings of a restore write unlogged');
for my $role (qw(bi operator installer))
{
	is($node->safe_psql('d', 'SELECT count(*) > 10 FROM posture.change_log', extra_params => [ '-U', $role ]),
		't', "$role reads it");
}
my ($rc, $out, $err) = query_as($node, 'd', 'outsider', 'SELECT * FROM posture.change_log');
like($err, qr/permission denied/, 'a role without a level does not');

# ---- a database where nothing was logged yet, as after a restore ----

$node->safe_psql('postgres', 'CREATE DATABASE restored OWNER installer');
$node->safe_psql('restored', 'CREATE EXTENSION posture;
	GRANT SELECT, UPDATE ON posture.importance_weight TO kim;
	GRANT SELECT ON posture_internal.finding_set TO kim', extra_params => [ '-U', 'installer' ]);
my $restores = 'SET check_function_bodies = off';
my $count = sub { $node->safe_psql('restored', 'SELECT count(*) FROM posture.change_log') };
($rc, $out, $err) = query_as($node, 'restored', 'installer', $attempt{insert});
like($err, qr/only posture writes change_log/, 'only a restore may insert');
for my $sql ($update, $attempt{insert} =~ s/^/$restores; /r)
{
	($rc, $out, $err) = query_as($node, 'restored', 'installer', "$restores; $sql");
	is("$rc$err", '0', 'the owner of the extension restores a dump');
}
is($count->(), '1', 'which is not logged itself');
$node->safe_psql('restored', "$restores; $update", extra_params => [ '-U', 'kim' ]);
is($count->(), '6', 'but what others write is');
($rc, $out, $err) = query_as($node, 'restored', 'installer', "$restores; $attempt{insert}");
like($err, qr/only posture writes change_log/, 'and from then on nobody restores');
$node->safe_psql('restored', "$restores; $update", extra_params => [ '-U', 'installer' ]);
is($count->(), '11', 'nor writes unlogged');

# ---- retention ----

# a role and a session can only lengthen what the server and the database set
sub left_after
{
	my ($begin) = @_;
	$node->safe_psql('d', <<'SQL');
DELETE FROM posture.change_log;
INSERT INTO posture.change_log (changed_at, changed_by, object_kind, object, field)
SELECT posture.day_end(posture.today() - n) - interval '1 second', 'kim', 'metric', 'm' || n, 'key'
FROM unnest('{1,30,31,399,400,401,500,501}'::int[]) n;
DELETE FROM posture.snapshot;
SQL
	$node->safe_psql('d', "$begin SELECT FROM posture.take_snapshot()",
		extra_params => [ '-U', 'operator' ]);
	return $node->safe_psql('d', q{SELECT string_agg(object, ' ' ORDER BY changed_at DESC)
		FROM posture.change_log});
}
is(left_after(''), 'm1 m30 m31 m399 m400', 'rows older than 400 days are deleted');
is(left_after('SET posture.retention_days = 30;'), 'm1 m30 m31 m399 m400', 'a session cannot shorten that');
is(left_after('SET posture.retention_days = 500;'),
	'm1 m30 m31 m399 m400 m401 m500', 'but lengthen it');
$node->safe_psql('postgres', 'ALTER ROLE operator SET posture.retention_days = 1');
is(left_after(''), 'm1 m30 m31 m399 m400', 'nor can a role');
$node->safe_psql('postgres', 'ALTER ROLE operator RESET posture.retention_days;
	ALTER DATABASE d SET posture.retention_days = 30');
is(left_after(''), 'm1 m30', 'the database can');
is(left_after('SET posture.retention_days = 1;'), 'm1 m30 m31 m399 m400', 'and a session not more');

$node->stop;
done_testing();
