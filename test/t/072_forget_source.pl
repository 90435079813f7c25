# forget_source(): a document that was loaded with a wrong source is forgotten, and loaded
# right it leaves the same as if that had been the only time.
# tests: source/forget_source, source/load_member

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDocument;
use TestPosture;

my $node = new_node('forget', "client_min_messages = warning\n");
my @documents = documents();

sub value { return $node->safe_psql(@_) }

# all documents, with a source or with their own; format posture names the source in each object
sub load_sql
{
	my ($source) = @_;
	return join "\n", map {
		my ($format, $text) = @$_;
		my $given = $source ? ", '$source'" : '';
		$source && $format eq 'posture' ? () : "SELECT FROM posture.load('$format', \$d\$$text\$d\$$given);"
	} @documents;
}

# what reports show, and what an export has, without ids and the times of this test
sub reports
{
	my ($db) = @_;
	my @from = (views($node, $db), q{posture.export('{source,asset,asset_group,recommendation,metric,initiative,measure,benchmark,score_band}')});
	my $all = join "\n", map {
		value($db, "SELECT j - '{event_id,exemption_id}'::text[] FROM (SELECT to_jsonb(x) FROM $_ x) x(j) ORDER BY 1")
	} @from;
	return $all =~ s/"[\d-]+T[\d:]+\.\d+\+00:00"/"now"/gr;
}

# tests that both are the same
sub same
{
	my ($got, $expected, $name) = @_;
	my (%got, %expected);
	$got{$_}++ foreach split /\n/, $got;
	$expected{$_}++ foreach split /\n/, $expected;
	my @differences = ((map { "+ $_" } grep { !$expected{$_} } sort keys %got), (map { "- $_" } grep { !$got{$_} } sort keys %expected));
	return ok($got eq $expected, $name) || diag join "\n", map { substr $_, 0, 1000 } @differences;
}

$node->safe_psql('postgres', 'CREATE DATABASE once');
$node->safe_psql('once', 'CREATE EXTENSION posture');
$node->safe_psql('once', sample_sql());
$node->safe_psql('postgres', 'CREATE DATABASE retried TEMPLATE once');
$node->safe_psql('once', load_sql());

# ---- wrong, forgotten, right ----

my $before = reports('retried');
my $history = q{SELECT count(*), sum(hashtext(x::text)::numeric) FROM (
	SELECT s::text FROM posture.metric_snapshot s UNION ALL SELECT s::text FROM posture.initiative_snapshot s WHERE NOT is_reported
	UNION ALL SELECT s::text FROM posture.recommendation_snapshot s WHERE NOT is_reported
	UNION ALL SELECT e::text FROM posture.event e UNION ALL SELECT e::text FROM posture.event_cause e) x};
my $past = value('retried', $history);
$node->safe_psql('retried', load_sql('wrong'));
$node->safe_psql('retried', q{INSERT INTO posture.inbox VALUES ('wrong', 'r', 'a', 'compliant');
	INSERT INTO posture.rejected (source, reason) VALUES ('wrong', 'x')});
isnt(reports('retried'), $before, 'a source that is wrong is in the reports');
cmp_ok(value('retried', q{SELECT count(*) FROM posture.metric WHERE loaded_source_id IS NOT NULL}), '>', 0, 'metrics of documents are marked');
my @counts = split /\|/, value('retried', q{SELECT * FROM posture.forget_source('wrong')});
is(scalar(grep { $_ > 0 } @counts), 6, 'something of everything is deleted') or diag "@counts";
same(reports('retried'), $before, 'afterwards nothing is left of it');
is(value('retried', q{SELECT * FROM posture.verify()}), '', 'and the sets are as they should be');
is(value('retried', 'SELECT FROM posture.fold(); SELECT * FROM posture.verify()'), '', 'also when folded');
is(value('retried', $history), $past, 'snapshots and events of past days are as they were');
$node->safe_psql('retried', load_sql());
same(reports('retried'), reports('once'), 'loaded right it is as if it had been right at once');
$node->safe_psql($_, q{SELECT FROM posture.take_snapshot()}) foreach qw(once retried);
same(reports('retried'), reports('once'), 'and so is the day');

# ---- what others have stays ----

$node->safe_psql('postgres', 'CREATE DATABASE shared');
$node->safe_psql('shared', 'CREATE EXTENSION posture');
$node->safe_psql('shared', <<'SQL');
SELECT FROM posture.load('posture', '[
    {"type": "finding", "source": "old", "recommendation": "r", "asset": "both", "state": "compliant"},
    {"type": "finding", "source": "new", "recommendation": "r", "asset": "both", "state": "compliant"},
    {"type": "finding", "source": "new", "recommendation": "r", "asset": "alone", "state": "compliant"},
    {"type": "finding", "source": "new", "recommendation": "r", "asset": "owned", "state": "compliant"},
    {"type": "finding", "source": "new", "recommendation": "r", "asset": "critical", "state": "compliant"},
    {"type": "finding", "source": "new", "recommendation": "r", "asset": "renamed", "state": "compliant"},
    {"type": "asset", "key": "inventory"},
    {"type": "asset", "key": "owned", "owner": "team"}, {"type": "asset", "key": "critical", "criticality": "critical"},
    {"type": "measure", "source": "new", "recommendation": "m", "achieved": 1, "possible": 2},
    {"type": "exemption", "source": "new", "recommendation": "r", "asset": "alone", "kind": "waived", "reason": "x"},
    {"type": "metric", "key": "mine", "recommendations": [{"source": "new", "recommendation": "r"}]},
    {"type": "metric", "key": "mixed", "recommendations": [{"source": "new", "recommendation": "r"}, {"source": "old", "recommendation": "r"}]},
    {"type": "metric", "key": "ruled", "rule": {"source": "new"}},
    {"type": "initiative", "key": "plan", "metrics": [{"metric": "mine"}]}]');
INSERT INTO posture.asset_alias (alias, asset_id) SELECT 'other', asset_id FROM posture.asset WHERE key = 'renamed';
SQL
is(value('shared', q{SELECT * FROM posture.forget_source('new')}), '2|5|1|0|0|0', 'what a source alone brought');
is(value('shared', q{SELECT string_agg(key, ' ' ORDER BY key) FROM posture.asset}), 'both critical inventory owned renamed',
	'assets stay that another source knows, or a person described');
is(value('shared', q{SELECT string_agg(key, ' ' ORDER BY key) FROM posture.metric}), 'mine mixed ruled', 'what a person made stays');
is(value('shared', q{SELECT count(*) FROM posture.metric_recommendation}), '1', 'with the recommendations of others');
is(value('shared', q{SELECT count(*) FROM posture.initiative_metric}), '1', 'and its metrics');
is(value('shared', q{SELECT s.key, count(*) FROM posture.finding JOIN posture.recommendation USING (recommendation_id) JOIN posture.source s USING (source_id) GROUP BY 1}),
	'old|1', 'findings of others stay');
is(value('shared', q{SELECT count(*) FROM posture.verify()}), '0', 'and the sets are as they should be');

# a user adds to what a document made
my ($controls) = map { $_->[1] } grep { $_->[0] eq 'azure-secure-score-controls' } @documents;
is(value('shared', <<"SQL"), "0|0|1\n1", 'an initiative stays as long as it has a metric');
SELECT FROM posture.load('azure-secure-score-controls', \$d\$$controls\$d\$, 'typo');
INSERT INTO posture.initiative_metric SELECT initiative_id, metric_id FROM posture.initiative i, posture.metric m WHERE i.key = 'typo' AND m.key = 'mixed';
SELECT findings, initiatives, metrics FROM posture.forget_source('typo');
SELECT count(*) FROM posture.initiative WHERE key = 'typo';
SQL

# ---- who may ----

$node->safe_psql('postgres', 'CREATE ROLE installer LOGIN; CREATE DATABASE theirs OWNER installer; CREATE ROLE loads LOGIN');
is((query_as($node, 'theirs', 'installer', q{CREATE EXTENSION posture;
	SELECT FROM posture.load('posture', '{"type": "finding", "source": "s", "recommendation": "r", "asset": "a", "state": "compliant"}');
	SELECT posture.grant_access('loads', 'loader', 's'), posture.grant_access('loads', 'curator'), posture.grant_access('loads', 'operator');}))[0], 0, 'an ordinary role installs');
my ($rc, $out, $err) = query_as($node, 'theirs', 'loads', q{SELECT * FROM posture.forget_source('s')});
like($err, qr/permission denied for function forget_source/, 'a role that loads, curates and operates may not forget');
($rc, $out, $err) = query_as($node, 'theirs', 'installer', q{SELECT * FROM posture.forget_source('s')});
is("$err$out", '1|1|1|0|0|0', 'the installer may');

# ---- beside writers ----

my ($forget, $write) = map { new_session($node, 'shared') } 1 .. 2;
$node->safe_psql('shared', q{SELECT FROM posture.load('posture', '[
	{"type": "finding", "source": "gone", "recommendation": "r", "asset": "here", "state": "compliant"},
	{"type": "finding", "source": "gone", "recommendation": "r", "asset": "there", "state": "compliant"}]')});
my $finding = q{SELECT recommendation_id, asset_id, 'compliant' FROM posture.recommendation r JOIN posture.source s USING (source_id), posture.asset a};
$write->ask("BEGIN; INSERT INTO posture.finding $finding WHERE s.key = 'old' AND a.key = 'there';
	INSERT INTO posture.finding $finding WHERE s.key = 'gone' AND a.key = 'both'");
$forget->begin(q{SELECT * FROM posture.forget_source('gone')});
ok($node->poll_query_until('shared', q{SELECT count(*) > 0 FROM pg_locks WHERE NOT granted}), 'it waits for who writes findings');
$write->ask('COMMIT');
is($forget->finish, '1|3|1|0|0|0', 'deletes the finding, and leaves the asset that has another');
is(value('shared', q{SELECT count(*) FROM posture.verify()}), '0', 'and the sets are as they should be');
$forget->ask(q{BEGIN; SELECT FROM posture.forget_source('old')});
$write->begin(q{SELECT FROM posture.load('posture', '{"type": "finding", "source": "old", "recommendation": "r", "asset": "b", "state": "compliant"}')});
ok($node->poll_query_until('shared', q{SELECT count(*) > 0 FROM pg_locks WHERE NOT granted}), 'a load waits for it');
$forget->ask('COMMIT');
is($write->finish, '', 'and brings the source again');
is(value('shared', q{SELECT key FROM posture.source}), 'old', 'which is there');
$_->end foreach $forget, $write;

$node->stop;
done_testing();
