# Values from the edge of every type, as SQL: what the tests of calls put into arguments and
# into columns.
package TestValue;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use TestPosture;
use TestRandomDocument;

our @EXPORT = qw(read_types rows value literal %column);

my %type;      # by name, its kind, and what it is of: element, base type
our %column;   # by row type, its columns: name, type, whether an INSERT has to name it
my %table;     # row types that are tables'
my %label;     # by enum, its labels
my @known;     # what an argument or a column of a name may well hold: pattern, words

sub literal { return "E'" . ($_[0] =~ s/(['\\])/\\$1/gr) . "'" }

# the rows of a query, each a list
sub rows
{
	my ($node, $sql) = @_;
	return map { [ split /\t/, $_, -1 ] }
	  split /\n/, $node->safe_psql('postgres', $sql, extra_params => [ '-F', "\t" ]);
}

# Reads what there is in database postgres, which has the sample.
sub read_types
{
	my ($node) = @_;
	$type{ $_->[0] } = [ @$_[ 1 .. 2 ] ] foreach rows($node, <<'SQL');
SELECT t.oid::regtype,
       CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN 'array'
            WHEN t.typtype = 'd' THEN 'domain' WHEN t.typtype = 'c' THEN 'row'
            WHEN t.typtype = 'e' THEN 'enum' ELSE 'plain' END,
       CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem::regtype::text
            WHEN t.typtype = 'd' THEN t.typbasetype::regtype::text ELSE '' END
FROM pg_type t
SQL
	push @{ $column{ $_->[0] } }, [ @$_[ 1 .. 3 ] ] foreach rows($node, <<"SQL");
SELECT t.oid::regtype, quote_ident(a.attname), a.atttypid::regtype,
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
FROM pg_type t JOIN pg_attribute a ON a.attrelid = t.typrelid
WHERE t.typnamespace $schemas AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, a.attnum
SQL
	$table{$_} = 1 foreach tables($node, 'postgres');
	push @{ $label{ $_->[0] } }, $_->[1]
	  foreach rows($node, 'SELECT enumtypid::regtype, enumlabel FROM pg_enum');
	my $words = sub { [ map { $_->[0] } rows($node, shift) ] };
	@known = (
		[ qr/initiative$/ => [qw(i1 i2 i3)] ],
		[ qr/metric$/ => [qw(m1 m2 m3 m4 m5)] ],
		[ qr/^recommendations?$/ => [qw(r1 r2 r5 p1 cloud:r6)] ],
		[ qr/source$/ => [qw(scan cloud)] ],
		[ qr/asset_group$/ => ['g1'] ],
		[ qr/asset$/ => [ 'a1', 'a4', 'inventory 1' ] ],
		[ qr/^object$/ => [qw(i1 i2 i3 m1 m2)] ],
		[ qr/format$/ => $words->('SELECT format FROM posture.load_format()') ],
		[ qr/^pack$/ => $words->('SELECT pack FROM posture.pack()') ],
		[ qr/basis$/ => [qw(points relative gain gain_per_asset)] ],
		[ qr/^level$/ => [qw(reader owner loader operator)] ],
		[ qr/^scheme$/ => [qw(zone maturity)] ],
		[ qr/^state$/ => [qw(compliant non_compliant not_applicable)] ],
		[ qr/^cron$/ => [ '5 * * * *', '* * * *' ] ],
		[ qr/^types?$/ => $words->('SELECT DISTINCT type FROM posture.object_field()') ]);
	return;
}

my @number = (qw(0 1 2 -1 50 100 99.999999 0.0000005 1e-300 1e38 -1e38 1e131071 NaN Infinity),
	qw(-Infinity 12345678901234567890123456789012345678.123456789));
my @moment = qw(-infinity infinity 2026-01-01 2024-02-29 0001-01-01 9999-12-31 1970-01-01);
my %pool = (
	boolean => [qw(true false)],
	smallint => [qw(0 1 -1 32767 -32768)],
	integer => [qw(0 1 2 3 5 60 -1 65535 65536 1000000 2147483647 -2147483648)],
	bigint => [qw(0 1 2 -1 65536 9223372036854775807 -9223372036854775808)],
	numeric => \@number,
	'double precision' => [qw(0 1 -1 0.5 1e308 1e-308 NaN Infinity -Infinity)],
	date => [ @moment, qw(4714-11-24BC 5874897-12-31) ],
	'timestamp with time zone' =>
	  [ @moment, '4714-11-24 00:00 BC', '294276-12-31 23:59:59.999999+00' ],
	interval => [ '0', '1 day', '-1 day', '178000000 years', '-178000000 years', '2 months' ],
	oid => [qw(0 1 10 1259 4294967295)],
	'"char"' => [ '', 'a' ],
	bytea => [ '', '\x00', '\x3a300000', '\xff' ],
	regclass => [qw(pg_class posture.finding 0)],
	regprocedure => [ 'now()', '0' ],
	name => [ 'postgres', 'nobody', '', 'x' x 63 ],
	'posture.score' => [qw(0 100 50 33.333333 0.000001 99.999999)],
	'posture.assetset' => [ qw({} {1} {0} {1-60} {2147483647} {0-2147483647}), '{65535,65536}',
		'{1,3,5,7,70000-80000,2000000}' ]);

# An expression of the type, for what is called so. NULL now and then, more of
# it within others.
sub value
{
	my ($name, $depth, $called, @word) = @_;
	my ($kind, $of) = @{ $type{$name} // [ 'plain', '' ] };
	my ($known) = map { $_->[1] } grep { $called =~ $_->[0] } @known;
	return "NULL::$name" if rand(12) < 1 + $depth;
	return 'CAST(' . value($of, $depth, $called, @word) . " AS $name)" if $kind eq 'domain';
	return literal(pick(@{ $label{$name} })) . "::$name" if $kind eq 'enum';
	return literal(xml()) . '::xml' if $name eq 'xml';
	return literal(rand(3) < 1 ? document() : json(0, @word)) . "::$name" if $name =~ /^jsonb?$/;
	return literal(document()) . '::text'
	  if $name eq 'text' && $called eq 'document' && rand(3) < 2;
	return literal(pick(@$known)) . "::$name" if $name eq 'text' && $known && rand(3) < 2;
	if ($name =~ /^(text|cstring)$/)
	{
		my @any = (@key, @number, @moment, xml(), '{}', '{1,5-9}');
		return literal(pick(rand(2) < 1 && @word ? @word : @any)) . "::$name";
	}
	if ($kind eq 'array')
	{
		return "'{}'::$name" if rand(5) < 1;
		my $elements = join ', ', map { value($of, $depth + 1, $called, @word) } 0 .. rand 4;
		my $array = "ARRAY[$elements]::$name";
		# several dimensions, a part, and numbers that don't begin with 1
		return $array if rand(6) > 1;
		return pick("ARRAY[$array, $array]", "(($array)[1:2])",
			"('[-3:-2]={NULL,NULL}'::$name)");
	}
	if ($kind eq 'row' && $column{$name})
	{
		return "(SELECT t FROM $name t ORDER BY random() LIMIT 1)" if rand(2) < 1 && $table{$name};
		my @fields = map { value($_->[1], $depth, $_->[0], @word) } @{ $column{$name} };
		return 'ROW(' . join(', ', @fields) . ")::$name";
	}
	return 'current_date - ' . int(rand 6) if $name eq 'date' && rand(2) < 1;
	return 'now() - ' . literal(int(rand 100) . ' hours') . '::interval'
	  if $name eq 'timestamp with time zone' && rand(2) < 1;
	return literal(pick(@{ $pool{$name} // [ '', '0' ] })) . "::$name";
}

1;
