# Statements that a role could use to find out what is hidden from it: queries of every
# table and view with conditions on their columns, plans of them, errors, cursors, prepared
# statements; and calls of every function.
package TestCorpus;

use strict;
use warnings;
use Exporter 'import';
use List::Util qw(shuffle);
use PostgreSQL::Test::Cluster;
use Test::More;
use TestCalls;
use TestPosture;
use TestValue;

our @EXPORT = qw(read_corpus relation_statements random_statement call_statements);

my @relation;    # all tables and views
my %readable;    # by role, those of which it may read columns: name, and names and types of these
my %operator;    # by type, operators that compare it: operator, type of the other side

# constants by type
my @key = qw(i1 i2 i3 m1 m3 r1 r7 p1 a1 a3 g1 g scan cloud scan:r1 hi1 hi2 hi hm1 hm2 hr1 hr2 hr
  ha1 ha5 ha200 hg1 hg2 hscan1 hscan2 hidden alice stranger nobody open weighted waived metric
  initiative host critical zone);
my @name = ('Hidden 1', 'Hidden 50', 'Hidden 1 3', 'All', 'Patches', 'Asset 3', '', '%', 'h%', '^h');
my %constant = (
	text => [ @key, @name ],
	name => [qw(alice stranger nolevel fleet)],
	boolean => [qw(true false)],
	date => [ map { "posture.today() - $_" } 0 .. 4 ],
	'timestamp with time zone' => [ map { "posture.day_end(posture.today() - $_)" } 0 .. 4 ],
	interval => [ '1 day', '30 days', '90 days' ],
	jsonb => [ '{}', '{"hidden": 1}', '{"hidden": 50}', '{"port": 3}' ],
	oid => [qw(1259 10)],
	'text[]' => [ '{}', '{scan}', '{hscan1}', '{m1,hm1}', '{hi1,i1}' ],
	'integer[]' => [ '{}', '{1,2,3}', '{7,8}' ],
	'numeric[]' => [ '{}', '{50}' ],
	'posture.score' => [qw(0 1 50 75 80 99 100)],
	'posture.assetset' => [ '{}', '{3,60-64}', '{1-300}' ],
	map { $_ => [qw(0 1 2 3 5 9 30 50 60 61 62 99 150 1000 -1)] }
	  qw(integer bigint smallint numeric), 'double precision');

sub pick { return $_[ rand @_ ] }

sub read_corpus
{
	my ($node, @roles) = @_;
	read_types($node);
	@relation = (tables($node, 'postgres'), views($node, 'postgres'));
	for my $role (@roles)
	{
		my %column;
		push @{ $column{ $_->[0] } }, [ @$_[ 1, 2 ] ] for rows($node, <<"SQL");
SELECT c.oid::regclass, quote_ident(a.attname),
       CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END::regtype
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relnamespace $schemas AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped
  AND has_column_privilege('$role', c.oid, a.attnum, 'SELECT')
ORDER BY 1, a.attnum
SQL
		$readable{$role} = [ map { [ $_, @{ $column{$_} } ] } sort keys %column ];
		# a role that may read nothing tries to
		$readable{$role} = $readable{ $roles[0] } if !%column;
	}
	push @{ $constant{ $_->[0] } }, $_->[1] for rows($node, <<"SQL");
SELECT e.enumtypid::regtype, e.enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
WHERE t.typnamespace $schemas ORDER BY 1, e.enumsortorder
SQL
	push @{ $operator{ $_->[0] } }, [ @$_[ 1, 2 ] ]
	  for grep { $constant{ $_->[0] } && $constant{ $_->[2] } } rows($node, <<'SQL');
SELECT o.oprleft::regtype, format('OPERATOR(%s.%s)', o.oprnamespace::regnamespace, o.oprname),
       o.oprright::regtype
FROM pg_operator o WHERE o.oprresult = 'bool'::regtype AND o.oprkind = 'b' ORDER BY o.oid
SQL
	# those of enums and arrays are polymorphic
	for my $type (keys %constant)
	{
		$operator{$type} //= [ map { [ $_, $type ] } qw(= <> < <=) ];
	}
	return;
}

sub constant
{
	my ($type) = @_;
	my $value = pick(@{ $constant{$type} // [''] });
	return $value if $value =~ /^posture\./;
	return "'" . ($value =~ s/'/''/gr) . "'::$type";
}

sub relation { return pick(@{ $readable{ $_[0] } }) }

# a column of a relation, of a type that has constants if possible
sub column
{
	my ($relation) = @_;
	my (undef, @columns) = @$relation;
	return pick(@columns);
}

sub condition
{
	my ($relation) = @_;
	my ($name, $type) = @{ column($relation) };
	my $kind = int rand 10;
	return "$name IS " . pick('NULL', 'NOT NULL') if $kind == 0 || !$constant{$type};
	return "$name IN (" . join(', ', map { constant($type) } 1 .. 3) . ')' if $kind == 1;
	return "$name BETWEEN " . constant($type) . ' AND ' . constant($type)
	  if $kind == 2 && $type !~ /jsonb|assetset/;
	return "${name}::text LIKE " . constant('text') if $kind == 3;
	return condition($relation) . ' ' . pick('AND', 'OR') . ' ' . condition($relation) if $kind == 4;
	my ($operator, $other) = @{ pick(@{ $operator{$type} }) };
	return "$name $operator " . constant($other);
}

my $analyze = 'ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF';

sub plan_of
{
	my $options = pick($analyze, $analyze, $analyze, "$analyze, VERBOSE", "$analyze, FORMAT JSON",
		'COSTS OFF, VERBOSE', 'COSTS OFF', 'COSTS ON', 'COSTS ON, VERBOSE', 'COSTS ON, FORMAT JSON',
		'ANALYZE, TIMING OFF, SUMMARY OFF, BUFFERS OFF', 'COSTS ON, GENERIC_PLAN');
	return "EXPLAIN ($options)";
}

# a query of a relation or two
sub query
{
	my ($role) = @_;
	my $relation = relation($role);
	my ($from, $column, $type) = ($relation->[0], @{ column($relation) });
	my $where = 'WHERE ' . condition($relation);
	my $other = relation($role);
	my ($join) = shuffle(grep { $_->[1] eq $type } @$other[ 1 .. $#$other ]);
	my @kinds = (
		"SELECT FROM $from $where",
		"SELECT * FROM $from $where",
		"SELECT * FROM $from $where",
		"SELECT count(*) FROM $from $where",
		"SELECT $column, count(*) FROM $from GROUP BY 1 HAVING count(*) > " . int(rand 20),
		"SELECT DISTINCT $column FROM $from $where",
		"SELECT $column, row_number() OVER (ORDER BY $column) FROM $from",
		"SELECT $column FROM $from $where ORDER BY 1 " . pick('', 'DESC ') . 'LIMIT 3',
		"SELECT md5(string_agg(x::text, ',' ORDER BY x::text)) FROM $from x",
		"SELECT (SELECT count(*) FROM $from y WHERE y.${column}::text <= x.${column}::text) FROM $from x",
		"SELECT * FROM $from x WHERE EXISTS (SELECT FROM $from y WHERE y.$column < x.$column)");
	push @kinds, "SELECT $column FROM $from "
	  . pick('UNION', 'UNION ALL', 'INTERSECT', 'EXCEPT', 'EXCEPT ALL') . " SELECT $join->[0] FROM $other->[0]",
	  "SELECT count(*) FROM $from x "
	  . pick('', 'LEFT ', 'FULL ', 'RIGHT ')
	  . "JOIN $other->[0] y ON x.$column = y.$join->[0]",
	  "SELECT x FROM $from x WHERE x.$column NOT IN (SELECT y.$join->[0] FROM $other->[0] y WHERE "
	  . condition($other) . ')'
	  if $join;
	return pick(@kinds);
}

# a query that shows rows which it is run on by an error or a notice
sub revealing
{
	my ($role) = @_;
	my $relation = relation($role);
	my ($from, $column, $type) = ($relation->[0], @{ column($relation) });
	my $where = 'WHERE ' . condition($relation);
	my $as = pick(qw(integer numeric date jsonb xml uuid boolean integer[] posture.score posture.assetset));
	return pick(
		"SELECT CAST(${column}::text AS $as) FROM $from $where",
		"SELECT count(*) FROM $from WHERE CAST(${column}::text AS $as) IS NULL AND " . condition($relation),
		"SELECT 1 / (length(${column}::text) - " . int(rand 12) . ") FROM $from $where",
		"SELECT count(*) FROM $from WHERE public.told(${column}::text)",
		"SELECT count(*) FROM $from $where AND public.told(" . join(" || ' '|| ",
			map { "coalesce($_->[0]::text, '')" } @$relation[ 1 .. $#$relation ]) . ')',
		"SELECT count(*) FROM $from x WHERE public.told(x::text) OR " . condition($relation),
		"SELECT x.$column FROM $from x, LATERAL (SELECT public.told(x.${column}::text)) y $where");
}

my @setting = (
	(map { "plan_cache_mode = force_$_" } qw(generic_plan custom_plan)),
	(map { "enable_$_ = off" } qw(seqscan indexscan hashjoin nestloop mergejoin sort hashagg material
		memoize bitmapscan)),
	(map { "client_min_messages = log; SET LOCAL $_ = on" }
		  qw(debug_print_plan debug_print_rewritten debug_print_parse)),
	'client_min_messages = debug2', 'work_mem = 64', 'row_security = off', 'geqo_threshold = 2',
	'from_collapse_limit = 1; SET LOCAL join_collapse_limit = 1', 'constraint_exclusion = on',
	'parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; '
	  . 'SET LOCAL min_parallel_table_scan_size = 0',
	'cursor_tuple_fraction = 0', 'random_page_cost = 1000', 'plpgsql.print_strict_params = on',
	'standard_conforming_strings = off', 'transform_null_equals = on', 'array_nulls = off',
	'search_path = pg_temp', "posture.timezone = 'Pacific/Apia'", "posture.timezone = 'Etc/GMT+12'",
	'posture.drop_threshold = 0.5', 'posture.retention_days = 1', "datestyle = 'SQL, DMY'",
	"intervalstyle = 'iso_8601'", 'extra_float_digits = -15');

# SQL of a statement of the role, or several in a line. Where the role is a member of others,
# it becomes one of them, after it has prepared the statement.
sub random_statement
{
	my ($role, @others) = @_;
	my $become = @others ? 'SET LOCAL ROLE ' . pick(@others) . '; ' : '';
	my $query = rand(5) < 1 ? revealing($role) : query($role);
	my $relation = relation($role);
	my ($column, $type) = @{ column($relation) };
	my ($operator, $other) = @{ pick(@{ $operator{$type} // [ [ '=', $type ] ] }) };
	my $where = "WHERE $column $operator";
	my $kind = int rand 14;
	return $become . $query if $kind < 3;
	return $become . plan_of() . " $query" if $kind < 7;
	return $become . 'SET LOCAL ' . pick(@setting) . '; ' . pick('', plan_of() . ' ') . $query
	  if $kind < 9;
	return "${become}COPY ($query) TO STDOUT" if $kind == 9;
	return "${become}DECLARE c " . pick('SCROLL ', '') . "CURSOR FOR $query; FETCH 2 FROM c; "
	  . (@others ? 'SET LOCAL ROLE ' . pick(@others, 'none') . '; ' : '')
	  . 'MOVE 2 FROM c; MOVE BACKWARD ALL FROM c; FETCH ALL FROM c; FETCH ABSOLUTE 3 FROM c'
	  if $kind == 10;
	return "PREPARE q($other) AS SELECT * FROM $relation->[0] $where \$1; $become"
	  . 'SET LOCAL plan_cache_mode = ' . pick(qw(force_generic_plan force_custom_plan auto)) . '; '
	  . pick('', plan_of() . ' ') . 'EXECUTE q(' . constant($other) . '); DEALLOCATE q'
	  if $kind == 11;
	return "${become}CREATE TEMP TABLE made AS $query; SELECT * FROM made"
	  if $kind == 12 && $query !~ /^SELECT FROM/;
	return "${become}CREATE TEMP VIEW made AS SELECT * FROM $relation->[0] $where "
	  . constant($other) . '; ' . plan_of() . ' SELECT * FROM made';
}

# what is asked of every table and view
sub relation_statements
{
	return map {
		(   "SELECT * FROM $_",
			"EXPLAIN ($analyze) SELECT FROM $_",
			"EXPLAIN (VERBOSE) SELECT * FROM $_",
			"SELECT * FROM $_ TABLESAMPLE SYSTEM (100)",
			"SELECT * FROM $_ FOR UPDATE",
			"SELECT ctid, xmin, tableoid FROM $_",
			"DELETE FROM $_ RETURNING *")
	} @relation;
}

# So many calls of functions, operators and casts, and writes to tables, each of them before
# any a second time.
sub call_statements
{
	my ($node, $number) = @_;
	# not those that read the server's catalog, sizes or a clock, which all roles can
	my $common = qr/\.(cluster_\w+|size_status|late_message|stale_limit|stale_before)\(/;
	my @callable = grep { $_->[0] !~ $common } callable($node);
	my @calls;
	push @calls, map { statement(@$_) } shuffle(@callable) while @calls < $number;
	$#calls = $number - 1;
	for (@calls)
	{
		s/\n/ /g;
		s/^SELECT count\(t::text\) FROM/SELECT t FROM/;
		# the same in both databases
		s/ ORDER BY random\(\)//g;
		s/\bcurrent_date\b/posture.today()/g;
		s/\bnow\(\)/posture.day_end(posture.today() - 1)/g;
		# a key of hidden data: h before it, and some are only in one of the databases
		s/E'(?=[imrag]\d'|scan')/E'h/g if rand(3) < 1;
		s/E'hscan'/"E'hscan" . pick(1, 2) . "'"/ge;
		$_ = plan_of() . " $_" if rand(4) < 1 && !/^CALL/;
	}
	return @calls;
}

1;
