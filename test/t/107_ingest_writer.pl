# The newest observation of a finding is kept, also if another session is writing an older one
# when ingest() reads the finding.
# tests: finding/ingest, writer.c

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('writer', "client_min_messages = warning\n");
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION posture;
INSERT INTO posture.source (key, name) VALUES ('s', 'S');
INSERT INTO posture.inbox SELECT 's', 'r' || i, 'a', 'compliant', '2026-01-01', NULL, NULL, '{"n": 1}' FROM generate_series(1, 3) i;
INSERT INTO posture.inbox VALUES ('s', 'gone', 'a', 'not_applicable', '2026-01-01');
SELECT FROM posture.ingest();
SQL

my ($writer, $loader) = map { new_session($node) } 1 .. 2;
$_->ask("SET timezone = 'UTC'") foreach $writer, $loader;
my $id = q{(SELECT recommendation_id FROM posture.recommendation WHERE key = '%s')};
my $r1 = sprintf $id, 'r1';

# Runs ingest() of an observation of 3 January beside a statement, which then ends in this way.
# Returns what ingest() counts, and the finding.
sub ingest_beside
{
	my ($statement, $end, $state, $recommendation, $complete) = @_;
	$node->safe_psql('postgres', q{UPDATE posture.finding f SET changed_at = '2026-01-01', details = '{"n": 1}',
			state = CASE WHEN r.key = 'gone' THEN 'not_applicable' ELSE 'compliant' END::posture.finding_state
		FROM posture.recommendation r WHERE r.recommendation_id = f.recommendation_id});
	$node->safe_psql('postgres', "INSERT INTO posture.inbox VALUES ('s', 'r1', 'a', '$state', '2026-01-03')");
	$node->safe_psql('postgres', "INSERT INTO posture.inbox SELECT 's', 'r' || i, 'a', 'compliant', '2026-01-03' FROM generate_series(2, 3) i");
	$writer->ask("BEGIN; $statement");
	$loader->begin('SELECT loaded, changed, unchanged, closed FROM posture.ingest(' . ($complete ? "'s'" : '') . ')');
	$node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)})
	  or die 'ingest() does not wait';
	my $said = $writer->ask($end);
	$said .= $loader->finish;
	return "$said " . $node->safe_psql('postgres', "SET timezone = 'UTC'; SELECT state, changed_at::date, details
		FROM posture.finding WHERE recommendation_id = " . sprintf $id, $recommendation // 'r1');
}

my $older = "SET state = 'non_compliant', changed_at = '2026-01-02' WHERE recommendation_id = ";
is(ingest_beside("UPDATE posture.finding $older $r1", 'COMMIT', 'compliant'), '3|1|2|0 compliant|2026-01-03|{"n": 1}',
	'an older observation loses against one that says what was stored before');
is(ingest_beside("UPDATE posture.finding $older $r1", 'ROLLBACK', 'compliant'), '3|0|3|0 compliant|2026-01-01|{"n": 1}',
	'one that is rolled back changes nothing');
is(ingest_beside("UPDATE posture.finding $older $r1", 'COMMIT', 'non_compliant'), '3|0|3|0 non_compliant|2026-01-02|{"n": 1}',
	'one with the same state keeps its time');
is(ingest_beside("UPDATE posture.finding SET state = 'non_compliant', changed_at = '2026-01-04' WHERE recommendation_id = $r1", 'COMMIT', 'compliant'),
	'3|0|3|0 non_compliant|2026-01-04|{"n": 1}', 'a newer observation wins');
is(ingest_beside("SAVEPOINT s; UPDATE posture.finding $older $r1", 'COMMIT', 'compliant'), '3|1|2|0 compliant|2026-01-03|{"n": 1}',
	'an older observation of a subtransaction loses');
is(ingest_beside("DELETE FROM posture.finding WHERE recommendation_id = $r1", 'COMMIT', 'compliant'), '3|1|2|0 compliant|2026-01-03|',
	'a finding that is deleted is inserted');
is(ingest_beside("SELECT FROM posture.finding WHERE recommendation_id = $r1 FOR UPDATE", 'COMMIT', 'compliant'), '3|0|3|0 compliant|2026-01-01|{"n": 1}',
	'a finding that is locked stays as it is');

# ---- complete deliveries ----

my $gone = sprintf $id, 'gone';
is(ingest_beside("UPDATE posture.finding $older $gone", 'COMMIT', 'compliant', 'gone', 1), '3|0|3|1 not_applicable|2026-01-03|{"n": 1}',
	'an older observation of what a complete delivery does not have is closed');
like(ingest_beside("UPDATE posture.finding $older $gone", 'ROLLBACK', 'compliant', 'gone', 1), qr/ not_applicable\|2026-01-01\|/,
	'what was closed before keeps its time');
is($node->safe_psql('postgres', 'SELECT * FROM posture.verify()'), '', 'the sets are as they should be');

$_->end foreach $writer, $loader;
$node->stop;
done_testing();
