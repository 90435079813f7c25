# Documents with several sources: a complete delivery is of one source and closes no finding of
# another, and locks do not grow with the number of sources, nor with that of loads in a
# transaction.
# tests: source/load, finding/ingest, admin/working_table

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDocument;
use TestPosture;

my $node = new_node('sources', "client_min_messages = warning\n");
$node->safe_psql('postgres', 'CREATE EXTENSION posture');
$node->safe_psql('postgres', sample_sql());

sub value { return $node->safe_psql('postgres', @_) }

my $states = q{SELECT s.key, f.state, count(*) FROM posture.finding f JOIN posture.recommendation r USING (recommendation_id)
	JOIN posture.source s USING (source_id) GROUP BY 1, 2 ORDER BY 1, 2};

# ---- a document that names another source ----

my ($asff) = map { $_->[1] } grep { $_->[0] eq 'asff' } documents();
my $stranger = $asff =~ s/"ProductFields": \{/"ProductFields": {"ProviderName": "scan", /r;
my $before = value($states);
my ($rc, $out, $err) = query_as($node, 'postgres', superuser(), "SELECT FROM posture.load('asff', \$d\$$stranger\$d\$, complete => true)");
like($err, qr/ERROR:  a complete delivery requires its source/, 'a complete delivery without a source is an error');
is(value($states), $before, 'and closes nothing');

my $mixed = <<'JSON';
[{"type": "source", "key": "hub", "name": "Hub"}, {"type": "source", "key": "scan", "name": "Renamed"},
 {"type": "finding", "recommendation": "r1", "asset": "a1", "state": "compliant"},
 {"type": "finding", "source": "hub", "recommendation": "r2", "asset": "a1", "state": "compliant"},
 {"type": "finding", "source": "scan", "recommendation": "r1", "asset": "a1", "state": "compliant"},
 {"type": "recommendation", "source": "cloud", "key": "r5", "title": "Renamed"},
 {"type": "measure", "source": "cloud", "recommendation": "p1", "achieved": 20, "possible": 20},
 {"type": "exemption", "source": "scan", "recommendation": "r1", "kind": "waived", "reason": "all"},
 {"type": "asset", "key": "a1", "owner": "of the document"},
 {"type": "metric", "key": "mixed", "recommendations": [{"source": "scan", "recommendation": "r1"}]}]
JSON
my $others = q{SELECT string_agg(x, E'\n' ORDER BY x) FROM (
	SELECT f::text FROM posture.finding f JOIN posture.recommendation r USING (recommendation_id)
		JOIN posture.source s USING (source_id) WHERE s.key <> 'hub'
	UNION ALL SELECT r::text FROM posture.recommendation r JOIN posture.source s USING (source_id) WHERE s.key <> 'hub'
	UNION ALL SELECT s::text FROM posture.source s WHERE key <> 'hub'
	UNION ALL SELECT m::text FROM posture.measure m UNION ALL SELECT e::text FROM posture.exemption e) t(x)};
$before = value($others);
value(q{SELECT FROM posture.load('posture', '{"type": "finding", "source": "hub", "recommendation": "old", "asset": "a1", "state": "non_compliant"}'); TRUNCATE posture.rejected});
is(value("SELECT * FROM posture.load('posture', '$mixed', 'hub', true)"), '5|5|0|5|1|0|source hub',
	'a complete delivery loads what is of its source, and closes the finding that it does not have');
is(value($others), $before, 'what other sources have is as it was');
is(value(q{SELECT string_agg(DISTINCT regexp_replace(reason, '^\S+: ', ''), E'\n' ORDER BY regexp_replace(reason, '^\S+: ', '')) FROM posture.rejected}),
	<<'OUT' =~ s/\n\z//r, 'and is in rejected, with the reason');
is of source "cloud", and the delivery is complete for source "hub"
is of source "scan", and the delivery is complete for source "hub"
OUT
is(value("SELECT * FROM posture.load('asff', \$d\$$stranger\$d\$, 'hub', true)"), '4|4|0|0|0|0|aws/111122223333/eu-west-1', 'the source that the caller gives is that of all findings');
is(value($others), $before, 'whatever the document says');
for (grep { $_->[0] =~ /^(?:azure-assessments|ocsf|asff|xccdf)$/ } documents())
{
	my ($format, $text) = @$_;
	is(value("SELECT rejected, closed FROM posture.load('$format', \$d\$$text\$d\$, 'of $format', true)"), '0|0', "$format is all of the source that the caller gives");
}
is(value('SELECT * FROM posture.verify()'), '', 'the sets are as they should be');

# ---- many sources ----

# the locks that a load of findings of so many sources holds
sub locks
{
	my ($sources) = @_;
	return value(<<"SQL");
BEGIN;
SELECT loaded FROM posture.load('posture', (SELECT jsonb_agg(jsonb_build_object('type', 'finding', 'source', 'n' || i,
	'recommendation', 'r', 'asset', 'a', 'state', 'compliant')) FROM generate_series(1, $sources) i));
SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid();
ROLLBACK;
SQL
}
value('SELECT FROM posture.fold()');
locks(2);
my ($one) = locks(1) =~ /\A1\n(\d+)\z/;
my ($many) = locks(1500) =~ /\A1500\n(\d+)\z/;
cmp_ok($one, '>', 20, 'a load takes locks');
cmp_ok($many, '<', $one + 20, 'and hardly more for 1,500 sources');

# ---- many documents in a transaction ----

sub locks_of_loads
{
	my ($loads) = @_;
	my $all = join ';', map { "SELECT FROM posture.load('$_->[0]', \$d\$$_->[1]\$d\$)" } documents();
	return value('BEGIN;' . "$all;" x $loads . 'SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid(); ROLLBACK');
}

locks_of_loads(2);
my $once = locks_of_loads(1);
cmp_ok($once, '>', 20, 'a document of each format takes locks');
cmp_ok(locks_of_loads(4), '<', $once + 20, 'and hardly more the second to fourth time in a transaction');
is(value(q{BEGIN; SELECT FROM posture.load('posture', '{"type": "asset", "key": "kept"}'); SAVEPOINT s;
	SELECT FROM posture.load('posture', '{"type": "asset", "key": "undone"}'); ROLLBACK TO s;
	SELECT FROM posture.load('posture', '{"type": "asset", "key": "more"}'); COMMIT;
	BEGIN; SAVEPOINT s; SELECT FROM posture.load('posture', '{"type": "asset", "key": "undone"}'); ROLLBACK TO s;
	SELECT FROM posture.load('posture', '{"type": "asset", "key": "again"}'); COMMIT;
	SELECT string_agg(key, ' ' ORDER BY key) FROM posture.asset WHERE key IN ('kept', 'undone', 'more', 'again')}),
	'again kept more', 'a part of a transaction can be rolled back');
is(value(q{SELECT FROM posture.load('posture', '{"type": "asset", "key": "a"}');
	SELECT count(*) FROM pg_class WHERE relname LIKE 'posture\_%' AND relpersistence = 't'}), '0', 'no table stays after it');

$node->stop;
done_testing();
