# Statements that call everything of posture with values of TestValue: each function,
# operator, cast, aggregate and procedure, and writes to each table.
package TestCalls;

use strict;
use warnings;
use Exporter 'import';
use List::Util qw(min shuffle uniq);
use PostgreSQL::Test::Cluster;
use Test::More;
use TestPosture;
use TestRandomDocument;
use TestValue;

our @EXPORT = qw(calls_node callable statement);

# Returns a server whose database postgres has the sample, and shows the seed.
sub calls_node
{
	my ($name, $calls) = @_;
	my $seed = $ENV{POSTURE_SEED} // time;
	diag "POSTURE_CALLS=$calls POSTURE_SEED=$seed";
	srand $seed;
	my $node = new_node($name, "log_min_messages = fatal\n");
	$node->safe_psql('postgres', 'CREATE EXTENSION posture');
	$node->safe_psql('postgres', sample_sql());
	read_types($node);
	return $node;
}

# What each can be called with: template, types, names of arguments, and its definition,
# whose words it knows.
sub callable
{
	my ($node) = @_;
	return rows($node, <<"SQL");
SELECT CASE WHEN p.prorettype = 'void'::regtype
                 OR NOT p.proretset AND p.prorettype <> 'record'::regtype
            THEN format('SELECT %s(%s)', p.oid::regproc, a.places)
            ELSE format('SELECT count(t::text) FROM %s(%s) t', p.oid::regproc, a.places) END,
       a.types, array_to_string(p.proargnames[1:p.pronargs], ';'),
       translate(pg_get_functiondef(p.oid), E'\\n\\t', '  ')
FROM pg_proc p
CROSS JOIN LATERAL (
    SELECT coalesce(string_agg(CASE WHEN p.provariadic <> 0 AND n = p.pronargs THEN 'VARIADIC ?'
                                    ELSE '?' END, ', ' ORDER BY n), '') AS places,
           coalesce(string_agg(t::regtype::text, ';' ORDER BY n), '') AS types
    FROM unnest(p.proargtypes) WITH ORDINALITY u(t, n)) a
WHERE p.pronamespace $schemas
  AND p.prokind = 'f' AND 'internal'::regtype <> ALL (p.proargtypes)
UNION ALL
SELECT format('SELECT %s(%s) %s FROM (VALUES (1, %s), (2, %4\$s), (3, %4\$s)) v(n, %2\$s)',
              p.oid::regproc, a.names, how, a.places),
       concat_ws(';', a.types, a.types, a.types), '', ''
FROM pg_proc p
CROSS JOIN LATERAL (
    SELECT string_agg('a' || n, ', ' ORDER BY n) AS names, string_agg('?', ', ') AS places,
           string_agg(t::regtype::text, ';' ORDER BY n) AS types
    FROM unnest(p.proargtypes) WITH ORDINALITY u(t, n)) a
CROSS JOIN (VALUES (''), ('OVER (ORDER BY n ROWS 1 PRECEDING)')) h(how)
WHERE p.pronamespace $schemas AND p.prokind = 'a'
UNION ALL
SELECT format('SELECT ? OPERATOR(%s.%s) ?', oprnamespace::regnamespace, oprname),
       format('%s;%s', oprleft::regtype, oprright::regtype), '', ''
FROM pg_operator WHERE oprnamespace $schemas
UNION ALL
SELECT format('SELECT CAST(? AS %s)', casttarget::regtype), castsource::regtype::text, '', ''
FROM pg_cast c JOIN pg_type s ON s.oid = c.castsource JOIN pg_type t ON t.oid = c.casttarget
WHERE s.typnamespace $schemas OR t.typnamespace $schemas
UNION ALL
SELECT format('SELECT CAST(? AS %s)', oid::regtype), 'text', '', ''
FROM pg_type
WHERE typnamespace $schemas AND typtype IN ('b', 'd', 'e') AND typcategory <> 'A'
UNION ALL
SELECT format('CALL %s()', oid::regproc), '', '', ''
FROM pg_proc WHERE pronamespace $schemas AND prokind = 'p'
UNION ALL
SELECT format('%s %s', verb, oid::regclass), '', '', ''
FROM pg_class, unnest('{INSERT,INSERT,UPDATE,UPDATE,DELETE}'::text[]) verb
WHERE relnamespace $schemas AND relkind = 'r'
SQL
}

# a statement for something callable
sub statement
{
	my ($template, $types, $names, $definition) = @_;
	return write_to($2, $1) if $template =~ /^(INSERT|UPDATE|DELETE) (.*)/;
	my @word = uniq $definition =~ /'([^'\s]{1,40})'/g;
	my @name = split /;/, $names;
	if ($definition =~ /^CREATE OR REPLACE FUNCTION posture\.load\(.*document jsonb/ && rand(4) < 3)
	{
		my $format = document_format();
		return "SELECT posture.load('$format', " . literal(document($format)) . '::jsonb)';
	}
	my @argument = map { value($_, 0, shift @name // '', @word) } split /;/, $types;
	return $template =~ s{\?}{shift @argument}ger;
}

# a statement that writes to a table
sub write_to
{
	my ($table, $verb) = @_;
	my @column = shuffle @{ $column{$table} };
	my $some = int rand(1 + min(3, scalar @column));
	my @set = $verb eq 'UPDATE' ? @column[ 0 .. min($some, $#column) ]
	  : grep { $_->[2] eq 't' || $some-- > 0 } @column;
	my $where = rand(3) < 1 ? ''
	  : " WHERE ctid IN (SELECT ctid FROM $table ORDER BY random() LIMIT 2)";
	return "DELETE FROM $table$where" if $verb eq 'DELETE';
	my @names = map { $_->[0] } @set;
	my @values = map { value($_->[1], 0, $_->[0]) } @set;
	return "UPDATE $table SET " . join(', ', map { "$names[$_] = $values[$_]" } 0 .. $#set) . $where
	  if $verb eq 'UPDATE';
	return "INSERT INTO $table DEFAULT VALUES" if !@set;
	return "INSERT INTO $table (" . join(', ', @names) . ') VALUES (' . join(', ', @values) . ')';
}

1;
