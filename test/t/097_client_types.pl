# What doc/report.md says of types that drivers don't know holds: values of posture's
# types come out as text, and as numbers by a cast.
# tests: type/score, type/assetset
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestClients;

my $node = clients_node('client_types');
$node->safe_psql('posture', <<'SQL');
CREATE VIEW public.own AS
SELECT i.key, i.method, '66.5'::posture.score AS score, '{1,5-9}'::posture.assetset AS assets,
       3::posture.threshold AS threshold, '66.5'::posture.score::numeric AS number,
       '{1,5-9}'::posture.assetset::integer[] AS ids
FROM posture.initiative i WHERE i.key = 'identity';
GRANT SELECT ON public.own TO bi;
SELECT format('COMMENT ON COLUMN public.own.%I IS %L', attname, 'a column')
FROM pg_attribute WHERE attrelid = 'public.own'::regclass \gexec
SQL

# the columns and the values that a client printed of the view
sub own_columns
{
	my $own = parts(shift)->{'public.own'};
	return join ', ', map({ s/\t/ /r } @{ $own->{columns} }), @{ $own->{rows} };
}

my $values = "identity\tweighted\t66.5\t{1,5-9}\t3\t66.5\t{1,5,6,7,8,9}";
SKIP:
{
	skip $missing{psycopg}, 2 if $missing{psycopg};
	is(own_columns(run_client($python{psycopg}, "$programs/read.py", 'public.own')),
		'key text, method unknown,str, score unknown,str, assets unknown,str, threshold number, '
		  . "number number, ids array, $values", 'psycopg');
	# which sends a small whole number as smallint
	my $takes = run_client($python{psycopg}, '-c', <<'PYTHON');
import psycopg
query = "SELECT max(score) >= 90 FROM posture.plan(%s, %s::posture.score)"
print(psycopg.connect("").execute(query, ["identity", 90]).fetchone()[0])
PYTHON
	is($takes, "True\n", 'and takes a score');
}
SKIP:
{
	skip $missing{odbc}, 1 if $missing{odbc};
	my @read = ($python{pyodbc}, "$programs/read_odbc.py", $odbc_string);
	is(own_columns(run_client(@read, 'public.own')),
		'key text, method text, score text, assets text, threshold number, '
		  . "number number, ids text, $values", 'ODBC');
}
SKIP:
{
	skip $missing{jdbc}, 1 if $missing{jdbc};
	is(own_columns(run_java("$programs/Read.java", $url, 'public.own')),
		'key text or DISTINCT, method text, score OTHER, assets OTHER, '
		  . "threshold number or DISTINCT, number number, ids array, $values", 'JDBC');
}
SKIP:
{
	skip $missing{r}, 1 if $missing{r};
	is(own_columns(run_client('Rscript', '--vanilla', "$programs/read.R", 'public.own')),
		'key text, method text, score text, assets text, threshold number, '
		  . "number number, ids text, $values", 'R');
}

$node->stop;
done_testing();
