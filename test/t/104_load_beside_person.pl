# A document changes only the fields that it has: what a person changed in other fields of
# the same row stays, also if that was while the document was loaded.
# tests: source/load_object, source/load_member, source/load_state, finding/ingest

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('beside', "client_min_messages = warning\n");
$node->safe_psql('postgres', 'CREATE EXTENSION posture');
my $json = JSON::PP->new->canonical->allow_nonref;
my ($true, $false) = (JSON::PP::true, JSON::PP::false);

# Of each field: what it is, what a person makes of it, and what the document has.
my %text = map { $_ => [ 'first', 'of a person', 'of the document' ] }
  qw(name product owner title description remediation workload domain manage_url assigned_to);
my %levels = map { $_ => [qw(low medium high)] } qw(criticality min_criticality severity importance);
my %days = map { $_ => [ '2030-01-01', '2030-02-02', '2030-03-03' ] } qw(due_on target_on);
my %times = map { $_ => [ map { "2026-0$_-01T00:00:00+00:00" } 1 .. 3 ] }
  qw(first_seen last_seen retired_at);
my %value = (
	%text, %levels, %days, %times,
	kind => [qw(host user bucket)],
	kinds => [ ['host'], ['user'], ['bucket'] ],
	asset_kinds => [ ['host'], ['user'], ['bucket'] ],
	criticality_weights => [ [ 1, 1, 1, 1 ], [ 1, 2, 3, 4 ], [ 0, 0, 0, 1 ] ],
	rule => [ { source => 'a' }, { source => 'b' }, { source => 'c' } ],
	tags => [ { a => 1 }, { a => 1, b => 2 }, { c => 3 } ],
	details => [ { a => 1 }, { a => 1, b => 2 }, { c => 3 } ],
	is_active => [ $true, $false, $false ],
	is_pinned => [ $true, $false, $false ],
	stale_after => [ '10 days', '20 days', '30 days' ],
	time_zone => [qw(UTC Asia/Tokyo Europe/Berlin)],
	markup => [qw(plain html markdown)],
	reports => [qw(states failures failures)],
	max_points => [ 1, 2, 3 ],
	effort_hours => [ 1, 2, 3 ],
	drop_threshold => [ 1, 2, 3 ],
	cooldown_days => [ 1, 2, 3 ],
	method => [qw(weighted population points)],
	unassessed => [qw(excluded exposed compliant)],
	is_manual => [ $true, $false, $false ],
	target_score => [ '10', '20', '30' ],
	score => [ '10', '20', '30' ],
);
my %key = (
	source => { key => 's' },
	asset => { key => 'a' },
	asset_group => { key => 'g' },
	recommendation => { source => 's', key => 'r' },
	metric => { key => 'm' },
	initiative => { key => 'i' },
	benchmark => { initiative => 'i', key => 'b', day => '2026-01-01' },
);
# these are added to those that are there
my %merged = map { $_ => 1 } qw(asset.tags recommendation.details);

sub sql
{
	my ($value) = @_;
	return '$j$' . $json->encode($value) . '$j$';
}

sub load_sql
{
	return 'SELECT FROM posture.load(\'posture\', ' . sql(shift) . '::jsonb)';
}

# the statement that sets fields of the one row of a type
sub set_sql
{
	my ($type, $object) = @_;
	my $columns = join ', ', sort keys %$object;
	return "UPDATE posture.$type t SET ($columns) = (SELECT $columns
		FROM jsonb_populate_record(t, " . sql($object) . '))';
}

# Runs a statement of a person, and before it ends loads a document, which has to wait.
my ($person, $loader) = map { new_session($node) } 1 .. 2;
$_->ask("SET timezone = 'UTC'") foreach $person, $loader;

sub load_beside
{
	my ($sql, $load) = @_;
	my $said = $person->ask("BEGIN; $sql");
	$loader->begin($load);
	$node->poll_query_until('postgres', 'SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)')
	  or die 'the document does not wait';
	return $said . $person->ask('COMMIT') . $loader->finish;
}

$node->safe_psql('postgres', load_sql([ map { { type => $_, %{ $key{$_} },
	$_ eq 'benchmark' ? (score => 10) : () } } qw(source asset asset_group recommendation metric initiative benchmark) ]));

for my $type (sort keys %key)
{
	my @fields = split /\n/, $node->safe_psql('postgres', <<"SQL");
SELECT f.field FROM posture.object_field() f JOIN pg_attribute a ON a.attname = f.field
WHERE f.type = '$type' AND a.attrelid = 'posture.$type'::regclass ORDER BY 1
SQL
	@fields = grep { !exists $key{$type}{$_} } @fields;
	is(join(' ', grep { !$value{$_} } @fields), '', "the test has values for each field of $type");
	my @lost;
	for my $field (@fields)
	{
		# a benchmark has its score in every document
		my %has = ($field => $value{$field}[2], $type eq 'benchmark' ? (score => '30') : ());
		my %sets = map { $_ => $value{$_}[1] } grep { !exists $has{$_} } @fields;
		$node->safe_psql('postgres', set_sql($type, { map { $_ => $value{$_}[0] } @fields }));
		my $said = load_beside(%sets ? set_sql($type, \%sets) : "SELECT FROM posture.$type FOR UPDATE",
			load_sql({ type => $type, %{ $key{$type} }, %has }));
		my %want = (%sets, %has);
		$want{$field} = { a => 1, c => 3 } if $merged{"$type.$field"};
		my $columns = join ', ', map { "t.$_" } @fields;
		my $got = $node->safe_psql('postgres', "SET timezone = 'UTC';
			SELECT to_jsonb(x) FROM (SELECT $columns FROM posture.$type t) x");
		my $row = $json->decode($got);
		push @lost, map { "$field: $_ is " . $json->encode($row->{$_}) }
		  grep { $json->encode($row->{$_}) ne $json->encode($want{$_}) } sort keys %want;
		push @lost, "$field: $said" if $said ne '';
	}
	is("@lost", '', "a document with a field of $type leaves the others");
}

# ---- tags of both are added ----

$node->safe_psql('postgres', q{UPDATE posture.asset SET tags = '{"first": 1}', retired_at = NULL});
load_beside(q{UPDATE posture.asset SET tags = tags || '{"person": 2}'},
	load_sql({ type => 'asset', key => 'a', tags => { document => 3 } }));
is($node->safe_psql('postgres', 'SELECT tags FROM posture.asset'), '{"first": 1, "person": 2, "document": 3}',
	'tags are added to those that a person added meanwhile');

# ---- what a document does not say ----

$node->safe_psql('postgres', q{UPDATE posture.benchmark SET name = 'All tenants', details = '{"x": 1}'});
$node->safe_psql('postgres', load_sql({ type => 'benchmark', %{ $key{benchmark} }, score => 44 }));
is($node->safe_psql('postgres', 'SELECT name, details, score FROM posture.benchmark'), 'All tenants|{"x": 1}|44',
	'a benchmark without a name leaves the name');
my %with_metrics = (type => 'initiative', key => 'i');
$node->safe_psql('postgres', load_sql({ %with_metrics, metrics => [ { metric => 'm' }, { metric => 'n', weight => 3 } ] }));
$node->safe_psql('postgres', 'UPDATE posture.initiative_metric SET weight = 7');
my $weights = q{SELECT string_agg(coalesce(x.weight::text, 'none'), ' ' ORDER BY m.key)
	FROM posture.initiative_metric x JOIN posture.metric m USING (metric_id)};
is($node->safe_psql('postgres', load_sql({ %with_metrics, metrics => [ { metric => 'm' }, { metric => 'n', weight => 3 } ] }) . ";$weights"),
	'7 3', 'a metric without a weight keeps that of a person');
is($node->safe_psql('postgres', load_sql({ %with_metrics, metrics => [ { metric => 'm', weight => undef }, { metric => 'n' } ] }) . ";$weights"),
	'none 3', 'and loses it where the document says that it has none');

# ---- findings ----

my $finding = load_sql({ type => 'finding', source => 's', recommendation => 'r', asset => 'a', state => 'compliant', asset_name => 'Named' });
load_beside(q{UPDATE posture.asset SET owner = 'of a person', criticality = 'critical', retired_at = '2026-01-01'}, $finding);
is($node->safe_psql('postgres', q{SELECT owner, criticality, retired_at IS NOT NULL, name FROM posture.asset}),
	'of a person|critical|t|Named', 'a finding leaves what a person changes in its asset');

# ---- exemptions ----

my $exempt = sub { return load_sql({ type => 'exemption', source => 's', recommendation => 'r', asset => 'a', is_reported => $true, @_ }) };
$node->safe_psql('postgres', $exempt->(kind => 'waived', reason => 'x'));
load_beside(q{UPDATE posture.exemption SET approved_by = 'a person', reason = 'of a person'}, $exempt->());
is($node->safe_psql('postgres', 'SELECT approved_by, reason, expires_at <= now() FROM posture.exemption'),
	'a person|of a person|t', 'an exemption that ends keeps what a person wrote');

$_->end foreach $person, $loader;
$node->stop;
done_testing();
