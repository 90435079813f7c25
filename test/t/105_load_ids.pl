# A delivery that brings nothing new takes no id of any table, and one that brings a row takes
# one: ids are integers, and hourly deliveries must not use them up.
# Only posture chooses ids.
# tests: source/load_object, source/load_catalog, source/load_member, source/graph_report,
# tests: catalog/pack, source/cluster_catalog, finding/ingest, day/event

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDocument;
use TestPosture;

my $node = new_node('ids', "client_min_messages = warning\n");
$node->safe_psql('postgres', 'CREATE EXTENSION posture');
$node->safe_psql('postgres', sample_sql());

# the next id of each table
sub next_ids
{
	my $next = join ' UNION ALL ', map { "SELECT '$_', last_value + is_called::int FROM $_" } split /\n/,
	  $node->safe_psql('postgres', "SELECT c.oid::regclass FROM pg_class c
		WHERE c.relkind = 'S' AND c.relnamespace $schemas ORDER BY 1");
	return $node->safe_psql('postgres', "$next ORDER BY 1");
}

# tests that SQL takes no ids the second and third time
sub takes_none
{
	my ($name, $sql) = @_;
	$node->safe_psql('postgres', $sql);
	my $before = next_ids();
	$node->safe_psql('postgres', "$sql; $sql");
	return is(next_ids(), $before, "$name takes no ids again");
}

like(next_ids(), qr/posture\.recommendation_recommendation_id_seq\|\d/, 'there are ids to take');
my @documents = documents();
for (@documents)
{
	my ($format, $text) = @$_;
	takes_none($format, "SELECT FROM posture.load('$format', \$d\$$text\$d\$)");
	takes_none("$format of another source", "SELECT FROM posture.load('$format', \$d\$$text\$d\$, 'other')");
}
takes_none('all formats', join ';', map { "SELECT FROM posture.load('$_->[0]', \$d\$$_->[1]\$d\$)" } @documents);
takes_none('an inbox', q{INSERT INTO posture.inbox VALUES ('scan', 'r1', 'a1', 'compliant', '2026-01-01', 'host', 'A'),
	('scan', 'r9', 'A9', 'compliant', '2026-01-01', 'host', 'A'), ('scan', 'r9', 'a9', 'compliant', '2026-01-01', 'host', 'A');
	SELECT FROM posture.ingest('scan')});
takes_none('assess_cluster()', 'SELECT FROM posture.assess_cluster()');
takes_none("pack $_", "SELECT FROM posture.install_pack('$_')")
  foreach split /\n/, $node->safe_psql('postgres', 'SELECT pack FROM posture.pack() ORDER BY 1');
takes_none('a rejected document', q{SELECT FROM posture.load('posture', '[{"type": "metric", "key": ""}, {"type": "metric", "key": "stays"}]')});
takes_none('an export', q{DO $$ BEGIN PERFORM posture.load('posture', (SELECT jsonb_agg(e) FROM posture.export() e)); END $$});
takes_none('a snapshot', 'SELECT FROM posture.take_snapshot(); SELECT FROM posture.take_snapshot(posture.today() - 1)');

# ---- one more ----

my $more = q{SELECT FROM posture.load('posture', (SELECT jsonb_agg(e) FROM posture.export() e) || '[
	{"type": "source", "key": "n"}, {"type": "asset", "key": "n"}, {"type": "asset_group", "key": "n"},
	{"type": "recommendation", "source": "n", "key": "n"}, {"type": "metric", "key": "n"},
	{"type": "initiative", "key": "n"}, {"type": "exemption", "source": "n", "recommendation": "n", "asset": "n", "kind": "waived", "reason": "x"},
	{"type": "recommendation", "source": "scan", "key": "r1", "is_manual": true}, {"type": "attestation", "source": "scan", "recommendation": "r1", "asset": "n", "state": "compliant"}]')};
my %before = map { split /\|/ } split /\n/, next_ids();
$node->safe_psql('postgres', $more);
my %after = map { split /\|/ } split /\n/, next_ids();
is(join(' ', map { s/.*\.|_id_seq//gr . ' ' . ($after{$_} - $before{$_}) }
	grep { $after{$_} != $before{$_} && !/delta|change_log/ } sort keys %after),
	join(' ', map { "${_}_$_ 1" } qw(asset asset_group attestation exemption initiative metric recommendation source)),
	'a document that adds one row of each takes one id of each');

# ---- ids that a user chooses ----

is($node->safe_psql('postgres', "SELECT string_agg(format('%s.%s', c.oid::regclass, a.attname), ' ')
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
	WHERE c.relnamespace $schemas AND a.attidentity <> '' AND a.attidentity <> 'a'"), '', 'posture chooses each id');
like((query_as($node, 'postgres', superuser(), $_))[2], qr/cannot insert a non-DEFAULT value into column "asset_id"|can only be updated to DEFAULT/, $_)
  foreach q{INSERT INTO posture.asset (asset_id, key, name) VALUES (1073741824, 'far', 'Far')}, 'UPDATE posture.asset SET asset_id = asset_id + 1048576';
is($node->safe_psql('postgres', <<'SQL'), "1048576\n1048577", 'a restore, and a superuser who insists, can bring their own');
COPY posture.asset (asset_id, key, name) FROM STDIN;
1048576	copied	Copied
\.
INSERT INTO posture.asset (asset_id, key, name) OVERRIDING SYSTEM VALUE VALUES (1048577, 'overridden', 'Overridden');
SELECT asset_id FROM posture.asset WHERE asset_id > 1000000 ORDER BY 1;
SQL

$node->stop;
done_testing();
