# After whatever the tables that people write let in, from the edge of the types of their
# columns, everything can still be read, the day's snapshot is taken, and the sets that are
# stored are right. A round of writes for each hundred of POSTURE_CALLS, POSTURE_SEED for
# the same ones again.
# tests: store/verify, store/capture_delta, day/snapshot

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestCalls;
use TestPosture;
use TestRandomDocument;

my $calls = $ENV{POSTURE_CALLS} // 1500;
my $node = calls_node('writes', $calls);

my $tables = join '|', qw(source asset asset_alias asset_source asset_group recommendation metric
  metric_recommendation initiative initiative_metric initiative_recommendation finding measure
  exemption attestation benchmark inbox asset_inbox importance_weight score_band);
my @written = grep { $_->[0] =~ /^(?:INSERT|UPDATE|DELETE) posture\.(?:$tables)$/ } callable($node);
my $reads = join "\n", map { "PERFORM count(v::text) FROM $_ v;" } views($node, 'postgres'),
  'posture.ingest()', 'posture.fold()', 'posture.take_snapshot()', 'posture.export()',
  q{(SELECT p.*, posture.planned_score(i.key), posture.achievable_score(i.key)
     FROM posture.initiative i CROSS JOIN LATERAL posture.plan(i.key, '100') p)},
  q{(SELECT posture.score_of(i.key, g.key)
     FROM posture.initiative i CROSS JOIN posture.asset_group g)},
  q{(SELECT e.event_id, x.*
     FROM posture.event e CROSS JOIN LATERAL posture.explain(e.event_id) x)};

# a statement, in a block that takes the errors that a write may have
sub in_block
{
	my ($statement) = @_;
	return 'BEGIN ' . ($statement =~ s/\n/ /gr) . <<'SQL';
; EXCEPTION WHEN data_exception OR integrity_constraint_violation OR generated_always
            OR undefined_object OR object_not_in_prerequisite_state THEN NULL; END;
SQL
}

my @broken;
for my $round (1 .. $calls / 100)
{
	my $writes = join '', map { in_block(statement(@$_)) } map { pick(@written) } 0 .. rand 5;
	my ($rc, $out, $err) = query_as($node, 'postgres', superuser(), <<"SQL");
BEGIN;
DO \$write\$ BEGIN
$writes
$reads
IF EXISTS (SELECT FROM posture.verify()) THEN RAISE 'verify() finds a difference'; END IF;
END \$write\$;
SQL
	push @broken, "$err\n$writes" if $rc;
}
is(scalar(@broken), 0, 'whatever was let in, all can be read')
  or diag join "\n", @broken > 5 ? @broken[ 0 .. 4 ] : @broken;

$node->stop;
done_testing();
