# The dashboard for Grafana: its JSON is sound, and every query runs for a reader and an owner,
# over the example organisation and an empty database, in types that its panel can show.
# There is no Grafana here. What it does to a query is done by emulate() below:
# - ${name:sqlstring} becomes the variable's value in single quotes, which are
#   doubled in it, while a double quote gets a backslash before it
# - $__timeFilter(column) becomes: column BETWEEN 'from' AND 'to', times in UTC;
#   a macro's argument ends at the first closing parenthesis
# - nothing else may be left that Grafana would take for a variable or a macro
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use POSIX qw(strftime);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $top = "$FindBin::RealBin/../..";
my $dashboard = JSON::PP->new->utf8->decode(slurp_file("$top/grafana/dashboards/posture.json"));
my ($sources, $providers) = map { slurp_file("$top/grafana/provisioning/$_/posture.yaml") } qw(datasources dashboards);

my %source = map { $_ => $sources =~ /^\s+(?:- )?$_: *(\S+)$/m } qw(type uid url user password database);
my @panels = @{ $dashboard->{panels} };
my @shown = grep { $_->{type} ne 'row' } @panels;
my @variables = @{ $dashboard->{templating}{list} };
my @annotations = @{ $dashboard->{annotations}{list} };

# every query with a name for it: of a panel, a variable or an annotation
my @queries = (
	(map { my $panel = $_; map { [ "$panel->{title} $_->{refId}", $_->{format}, $_->{rawSql}, $panel ] } @{ $panel->{targets} } } @shown),
	(map { [ "annotation $_->{name}", $_->{target}{format}, $_->{target}{rawSql} ] } @annotations),
	(map { [ "variable $_->{name}", 'table', $_->{query} ] } @variables));

subtest 'structure' => \&check_structure;
subtest 'provisioning' => \&check_provisioning;

sub check_structure
{
	my %seen;
	is_deeply([ grep { $seen{ $_->{id} }++ } @panels ], [], 'panels have ids of their own');
	is_deeply([ overlaps(@panels) ], [], 'panels do not overlap, and lie within 24 columns');
	is_deeply([ map { $_->{title} // 'no title' } grep { !@{ $_->{targets} // [] } } @shown ], [], 'every panel has a query');
	is_deeply([ map { $_->[0] } grep { ($_->[2] // '') eq '' || ($_->[1] // '') !~ /^(?:table|time_series)$/ } @queries ], [], 'every query has SQL and a format');
	for my $panel (@shown)
	{
		my %refs;
		is_deeply([ grep { $refs{$_}++ } map { $_->{refId} } @{ $panel->{targets} } ], [], "$panel->{title}: queries have names of their own");
		my $defaults = $panel->{fieldConfig}{defaults};
		ok(length($defaults->{noValue} // ''), "$panel->{title}: it says so where there is nothing");
		ok(length($panel->{description} // ''), "$panel->{title}: it is described");
		next if $panel->{type} eq 'table';
		ok(length($defaults->{unit} // '') && defined $defaults->{min}, "$panel->{title}: unit and least value");
		ok(length($defaults->{custom}{axisLabel} // ''), "$panel->{title}: its axis is named") if $panel->{type} eq 'timeseries';
	}
	my @references = (@shown, (map { @{ $_->{targets} } } @shown), @variables, @annotations, map { $_->{target} } @annotations);
	is_deeply([ grep { ($_->{datasource}{uid} // '') ne $source{uid} || ($_->{datasource}{type} // '') ne $source{type} } @references ],
		[], 'all read the data source that is provisioned');
	my %is_panel = map { $_->{id} => 1 } grep { $_->{type} eq 'timeseries' } @shown;
	is_deeply([ grep { !$is_panel{$_} } map { @{ $_->{filter}{ids} } } @annotations ], [], 'annotations are drawn where time is');
	is($dashboard->{schemaVersion}, 39, 'the schema of the dashboard');
}

# panels by name that lie on one another or outside
sub overlaps
{
	my (%taken, @wrong);
	for my $panel (@_)
	{
		my ($x, $y, $w, $h) = @{ $panel->{gridPos} }{qw(x y w h)};
		push @wrong, $panel->{title} if $x < 0 || $y < 0 || $w < 1 || $h < 1 || $x + $w > 24;
		for my $column ($x .. $x + $w - 1)
		{
			push @wrong, "$panel->{title} on $taken{$_}{$column}" foreach grep { $taken{$_}{$column} } $y .. $y + $h - 1;
			$taken{$_}{$column} = $panel->{title} foreach $y .. $y + $h - 1;
		}
	}
	return @wrong;
}

sub check_provisioning
{
	is($source{type}, 'grafana-postgresql-datasource', 'the type of the data source');
	is_deeply([ @source{qw(url user database password)} ], [qw($POSTURE_HOST $POSTURE_USER $POSTURE_DATABASE $POSTURE_PASSWORD)],
		'where the database is, and as whom, comes from the environment');
	like($providers, qr/^\s+path: \$POSTURE_DASHBOARDS$/m, 'and so does the folder of the dashboard');
	unlike("$sources$providers", qr/\$\{/, 'values are not looked up twice');
	my $guide = slurp_file("$top/doc/dashboards.md");
	is_deeply([ grep { $guide !~ /\b\Q$_\E\b/ } "$sources$providers" =~ /\$(POSTURE_\w+)/g ], [], 'the guide names them all');
}

# the query as the server gets it
my ($from, $to);

sub emulate
{
	my ($sql, %value) = @_;
	$sql =~ s/\$\{(\w+):sqlstring\}/defined $value{$1} ? quoted($value{$1}) : "no value for $1"/ge;
	my $utc = sub { strftime("'%Y-%m-%dT%H:%M:%SZ'", gmtime shift) };
	$sql =~ s/\$__timeFilter\(([^)]*)\)/"$1 BETWEEN " . $utc->($from) . " AND " . $utc->($to)/ge;
	die "Grafana would replace more in: $sql" if $sql =~ /\$|\[\[/;
	return $sql;
}

sub quoted
{
	return q{'} . ($_[0] =~ s/(['"])/$1 eq '"' ? '\\"' : "''"/ger) . q{'};
}

my $node = new_node('grafana');
($from, $to) = (time - 30 * 86400, time);
$node->safe_psql('postgres', q{CREATE DATABASE example; CREATE DATABASE empty});
$node->safe_psql($_, 'CREATE EXTENSION posture') foreach qw(example empty);
# the role of the guide
my ($role) = slurp_file("$top/doc/report.md") =~ /^```sql\n(.*?)^```$/ms;
$node->safe_psql('example', $role);
$node->safe_psql('empty', q{SELECT posture.grant_access('bi', 'reader')});
$node->command_ok([ 'psql', '-X', '-q', '-d', $node->connstr('example'), '-f', "$top/demo/example.sql" ], 'there is an organisation to look at');

# As Grafana does, as a reader. Returns the rows, or an error as text.
sub ask
{
	my ($db, $sql) = @_;
	my ($rc, $out, $err) = query_as($node, $db, 'bi', $sql);
	return $rc ? "error: $err" : $out;
}

# [ name, type ] of each column
sub columns
{
	my $out = ask('example', "$_[0] \\gdesc");
	die $out if $out =~ /^error/;
	return map { [ split /\|(?=[^|]*$)/ ] } split /\n/, $out;
}

my @initiatives = map { (split /\|/)[0] } split /\n/, ask('example', emulate($variables[0]{query}));
my %chosen = (initiative => $node->safe_psql('example', q{SELECT encode('identity', 'hex')}));
ok(scalar(grep { $_ eq $chosen{initiative} } @initiatives), 'the variable lists the initiative');
like(ask('example', q{UPDATE posture.initiative SET name = 'x'}), qr/^error.*read-only/s, 'the role changes nothing');

my %has_type = map { $_ => 1 } 'text', 'numeric', 'integer', 'bigint', 'double precision', 'boolean', 'timestamp with time zone';
for my $query (@queries)
{
	my ($name, $format, $template, $panel) = @$query;
	my $sql = emulate($template, %chosen);
	my @columns = columns($sql);
	my $rows = ask('example', $sql);
	isnt($rows, '', "$name: it has rows");
	unlike($rows, qr/^error/, "$name: no error");
	# a date would be drawn at midnight UTC, so on the day before in half of the world
	is_deeply([ map { "@$_" } grep { !$has_type{ $_->[1] } } @columns ], [], "$name: types that Grafana shows");
	unlike(ask('empty', emulate($template, initiative => '')), qr/./, "$name: nothing in an empty database, and no error")
	  unless $name =~ /^(?:To look at|State) /;
	check_times($name, $sql, @columns) if $template =~ /AS "time"/ || $format eq 'time_series';
	check_series($name, $sql, @columns) if $format eq 'time_series';
	is(join(' ', map { $_->[0] } @columns), 'time text tags', "$name: what an annotation has") if $name =~ /^annotation/;
	check_fields($name, $panel, map { $_->[0] } @columns) if $panel;
}
unlike(ask('empty', emulate($_->[2], initiative => '')), qr/^error/, "$_->[0]: no error in an empty database") foreach grep { $_->[0] =~ /^(?:To look at|State) / } @queries;

# A time first, in ascending order and never unknown; a point lies at the noon of
# a day, so that it has the same date in every time zone less than half a day away.
sub check_times
{
	my ($name, $sql, @columns) = @_;
	is("@{ $columns[0] }", 'time timestamp with time zone', "$name: time comes first");
	my @times = split /\n/, ask('example', "SELECT extract(epoch FROM q.time) FROM ($sql) q");
	is_deeply(\@times, [ sort { $a <=> $b } grep { length } @times ], "$name: in the order of time");
	is(ask('example', "SELECT DISTINCT q.time - (posture.day_end(posture.day_of(q.time)) - interval '12 hours') FROM ($sql) q"), '00:00:00', "$name: at noon");
	cmp_ok($times[0], '>=', $from, "$name: not before the range");
	cmp_ok($times[-1], '<=', $to, "$name: nor after it");
}

# Then one number, and texts that tell series apart.
sub check_series
{
	my ($name, $sql, @columns) = @_;
	my @values = grep { $_->[1] eq 'numeric' } @columns;
	my @labels = map { $_->[0] } grep { $_->[1] eq 'text' } @columns;
	is(scalar(@values), 1, "$name: one value");
	ok(scalar(grep { $_ eq 'name' } @labels), "$name: a name for each series");
	is(ask('example', "SELECT count(*) FROM (SELECT 1 FROM ($sql) q GROUP BY " . join(', ', 'q.time', map { "q.\"$_\"" } @labels) . ' HAVING count(*) > 1) x'), '0', "$name: a series has one value at a time");
}

# what a panel picks by the name of a column is there
sub check_fields
{
	my ($name, $panel, @names) = @_;
	my %has = map { $_ => 1 } @names;
	is_deeply([ grep { !$has{$_} } map { $_->{matcher}{options} } @{ $panel->{fieldConfig}{overrides} } ], [], "$name: columns that are formatted");
	my $pattern = $panel->{options}{reduceOptions}{fields} // return;
	$pattern =~ s{^/(.*)/$}{$1} or die "no pattern: $pattern";
	ok(scalar(grep { /$pattern/ } @names), "$name: columns that are shown");
}

# the range is respected
($from, $to) = map { $_ - 10 * 365 * 86400 } $from, $to;
is(ask('example', emulate($_->[2], %chosen)), '', "$_->[0]: nothing ten years ago") foreach grep { $_->[2] =~ /timeFilter/ } @queries;
($from, $to) = map { $_ + 10 * 365 * 86400 } $from, $to;

# what is drawn is what the views say
my ($history) = grep { $_->[0] eq 'Scores of pinned initiatives A' } @queries;
is(ask('example', emulate($history->[2]) =~ s/^/SELECT posture.day_of(q.time), q.initiative, q.score FROM (/r . ') q ORDER BY 1, 2'),
	$node->safe_psql('example', <<'SQL'), 'the history of pinned initiatives');
SELECT h.day, h.object, h.score
FROM posture.score_history h JOIN posture.overview o ON o.initiative = h.object
WHERE h.object_kind = 'initiative' AND o.is_pinned AND h.day >= posture.today() - 29 ORDER BY 1, 2
SQL

# what is not assessed
my %answer = map { $_->[0] => ask('example', emulate($_->[2], %chosen)) } @queries;
like($answer{'All initiatives A'}, qr/^$chosen{initiative}\|Identity\|([\d.]+)\|\w+\|96\.7\d*\|(?!\g1\|)[\d.]+\|(?!\g1\|)[\d.]+\|/m, 'coverage, and the scores that are possible');
like($answer{'Drops and new initiatives A'}, qr/\|coverage drop\|Hosts with .*\|97\.2\d*\|91\.6\d*\|/, 'coverage that dropped is an event');

# colours change where posture's zones do
my $zones = $node->safe_psql('example', q{SELECT string_agg(from_score::text, ',' ORDER BY from_score) FROM posture.default_band() WHERE scheme = 'zone' AND from_score > '0'});
is(join(',', map { $_->{value} // () } @{ $_->{fieldConfig}{defaults}{thresholds}{steps} }), $zones, "$_->{title}: colours of zones")
  foreach grep { $_->{title} =~ /^(?:Pinned initiatives|Scores of|Where it stands)/ } @shown;

# a value that somebody put into the address of the page
my @varying = grep { $_->[2] =~ /\$\{initiative/ } @queries;
cmp_ok(scalar(@varying), '>', 4, 'panels about one initiative');
for my $value (q{'}, q{''; SELECT 1/0; --}, q{\\'; SELECT 1/0; --}, q{1' OR '1' = '1}, q{" OR true}, q{\\}, q{$__timeFilter(x)}, "$chosen{initiative} ")
{
	my @wrong = grep { $_ ne '' } map { my $sql = $_->[2]; $sql =~ s/\$__timeFilter\(d\.at\)/true/; $sql =~ s/\$\{initiative:sqlstring\}/quoted($value)/ge; ask('example', $sql) } @varying;
	is_deeply(\@wrong, [], "a value stays a value: $value");
}

# keys and names may hold what Grafana does not quote for PostgreSQL, and names may be shared
my $odd = $node->safe_psql('example', <<'SQL');
INSERT INTO posture.initiative (key, name) VALUES ('it''s "so" \ here', 'Identity'), ('another', 'It''s "so"');
INSERT INTO posture.initiative_metric SELECT i.initiative_id, m.metric_id
FROM posture.initiative i, posture.metric m WHERE i.key LIKE 'it''s%' AND m.key = 'account-takeover';
SELECT encode(convert_to(key, 'UTF8'), 'hex') FROM posture.initiative WHERE key LIKE 'it''s%'
SQL
my ($made_of) = grep { $_->[0] eq 'What it is made of A' } @queries;
like(ask('example', emulate($made_of->[2], initiative => $odd)), qr/^Accounts that are easy to take over\|/, 'an initiative whose key has quotes');
my @texts = map { (split /\|/, $_, 2)[1] } split /\n/, ask('example', emulate($variables[0]{query}));
is(join(' ', grep { my $text = $_; 1 < grep { $_ eq $text } @texts } @texts), '', 'the variable has a text of its own for each');
is_deeply([ sort grep { /^Identity/ } @texts ], [ 'Identity (identity)', q{Identity (it's "so" \ here)} ], 'with the key where a name is shared');

# an owner has panels of what is theirs
$node->safe_psql('example', q{CREATE ROLE team LOGIN; SELECT posture.grant_access('team', 'owner'); UPDATE posture.initiative SET owner = 'team' WHERE key = 'identity'});
my $of_team = sub { return (query_as($node, 'example', 'team', emulate($_[0], %chosen)))[ 1, 2 ] };
is(join('', map { ($of_team->($_->[2]))[1] } @queries), '', 'every query runs for an owner');
is_deeply([ $of_team->($variables[0]{query}) ], [ "$chosen{initiative}|Identity", '' ], 'who chooses among its initiatives');
$node->stop;
done_testing();
