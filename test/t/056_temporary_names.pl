# Temporary objects whose names load(), ingest() and triggers use for tables of their own:
# they are not used, nothing of them runs, and no data is lost.
# tests: finding/ingest, source/load

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDocument;
use TestPosture;

my $node = new_node('temporary');
$node->safe_psql('postgres', "CREATE EXTENSION posture;\n" . sample_sql());
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE attacker;
CREATE FUNCTION public.spring() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE 'sprung'; END $$;
CREATE FUNCTION public.sprung() RETURNS integer LANGUAGE plpgsql
    AS $$ BEGIN RAISE 'sprung'; END $$;
SQL
my $waiting = 'SELECT count(*) FROM posture.inbox';
my $rows = $node->safe_psql('postgres', $waiting);
my ($load) = map { "posture.load('posture', '" . ($_->[1] =~ s/'/''/gr) . "')" } (documents())[0];
for my $name (qw(posture_item posture_name posture_exempt))
{
	my %trap = (
		table => "CREATE TEMP TABLE $name (source text, n integer DEFAULT public.sprung());
			CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON pg_temp.$name
			FOR EACH ROW EXECUTE FUNCTION public.spring()",
		view => "CREATE TEMP VIEW $name AS SELECT public.sprung()",
		sequence => "CREATE TEMP SEQUENCE $name",
		type => "CREATE TYPE pg_temp.$name AS (x integer)");
	for my $kind (sort keys %trap)
	{
		my ($out, $err) = ('', '');
		# another role creates it in the session of a superuser
		$node->psql('postgres', <<"SQL", stdout => \$out, stderr => \$err, on_error_stop => 0);
\\set VERBOSITY terse
SET ROLE attacker;
$trap{$kind};
RESET ROLE;
BEGIN; SELECT FROM $load; ROLLBACK;
BEGIN; SELECT FROM posture.ingest(); ROLLBACK;
SQL
		unlike($err, qr/sprung/, "nothing runs of a temporary $kind $name");
		like($err, qr/ERROR:  (relation|type) "$name" already exists/, 'it is an error');
	}
}
is($node->safe_psql('postgres', $waiting), $rows, 'no row of the inbox is lost');

# triggers find the transition tables of their statement
$node->psql('postgres', <<'SQL', stdout => \my $seen, stderr => \my $error, on_error_stop => 0);
CREATE TEMP TABLE added AS SELECT public.sprung() WHERE false;
CREATE TEMP TABLE removed AS SELECT 1 AS metric_id;
SET search_path = pg_temp;
BEGIN;
UPDATE posture.metric SET rule = '{"source": "cloud", "key": "r6"}' WHERE key = 'm5';
UPDATE posture.source SET product = 'another' WHERE key = 'scan';
DELETE FROM posture.metric_recommendation
WHERE metric_id = (SELECT metric_id FROM posture.metric WHERE key = 'm1');
SELECT count(*) FROM posture.metric_recommendation JOIN posture.metric USING (metric_id)
WHERE key IN ('m1', 'm5');
SELECT count(*) FROM posture_internal.catalog_delta
WHERE changed IN ('metric', 'source', 'metric_recommendation');
ROLLBACK;
SQL
is("$seen$error", "1\n2", 'a temporary table is not taken for a transition table');

$node->stop;
done_testing();
