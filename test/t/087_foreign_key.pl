# Statements on finding, whatever they write, have the outcome that they have on like tables with
# foreign keys that PostgreSQL checks row by row; and what enables the checks of rows again.
# tests: foreign_key.c, store/capture_delta
#
# POSTURE_ROUNDS: how many rounds (20). POSTURE_SEED repeats them.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $rounds = $ENV{POSTURE_ROUNDS} // 20;
my $seed = $ENV{POSTURE_SEED} // (time ^ $$);
diag("POSTURE_ROUNDS=$rounds POSTURE_SEED=$seed");
srand($seed);
my $node = new_node('foreign_key');
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION posture;
INSERT INTO posture.source (key, name) VALUES ('s', 'S');
INSERT INTO posture.recommendation (source_id, key, title) SELECT 1, 'r' || n, 'R' FROM generate_series(1, 6) n;
INSERT INTO posture.asset (key, name) SELECT 'a' || n, 'A' FROM generate_series(1, 8) n;
-- the same with foreign keys of PostgreSQL alone
CREATE SCHEMA model;
CREATE TABLE model.recommendation (recommendation_id integer PRIMARY KEY);
CREATE TABLE model.asset (asset_id integer PRIMARY KEY);
CREATE TABLE model.finding (
    recommendation_id integer
        CONSTRAINT "a recommendation with findings is made inactive, not deleted" REFERENCES model.recommendation,
    asset_id integer
        CONSTRAINT "an asset with findings is retired by retired_at, not deleted" REFERENCES model.asset,
    state posture.finding_state NOT NULL, changed_at timestamptz NOT NULL DEFAULT now(), details jsonb,
    PRIMARY KEY (recommendation_id, asset_id));
INSERT INTO model.recommendation SELECT generate_series(1, 6);
INSERT INTO model.asset SELECT generate_series(1, 8);
-- what a statement does in a schema: rows, or the error. A statement may violate several constraints,
-- and PostgreSQL names the first in the order of its rows.
CREATE FUNCTION model.outcome(schema text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE replace(statement, 'IN.', schema || '.');
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
EXCEPTION WHEN integrity_constraint_violation OR cardinality_violation THEN
    RETURN SQLSTATE;
END $$;
CREATE FUNCTION model.state(schema text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT concat_ws('' '', recommendation_id, asset_id, state) FROM %I.finding
        UNION ALL SELECT ''r'' || recommendation_id FROM %1$I.recommendation
        UNION ALL SELECT ''a'' || asset_id FROM %1$I.asset ORDER BY 1', schema);
END $$;
SQL

sub pick { return $_[ int rand @_ ] }

# ids of rows, sometimes of none
sub key
{
	my ($recommendation, $asset) = map { 1 + int rand $_ } 6, 8;
	$recommendation = pick(-1, 0, 7, 2147483647) if rand() < 0.03;
	$asset = pick(-5, 0, 9, 2147483647) if rand() < 0.03;
	return ($recommendation, $asset);
}
sub row { return sprintf q{(%d, %d, '%s'::posture.finding_state)}, key(), pick('compliant', 'non_compliant') }
sub rows { return join ', ', map { row() } 0 .. rand 3 }

sub statement
{
	my ($recommendation, $asset) = key();
	my $columns = '(recommendation_id, asset_id, state)';
	return pick(
		sub { "INSERT INTO IN.finding $columns VALUES " . rows() },
		sub { "INSERT INTO IN.finding $columns VALUES " . rows() . ' ON CONFLICT DO NOTHING' },
		sub { "INSERT INTO IN.finding $columns VALUES " . row() . " ON CONFLICT (recommendation_id, asset_id)
				DO UPDATE SET asset_id = $asset" },
		sub { "MERGE INTO IN.finding f USING (VALUES " . rows() . ") v(r, a, s) ON f.recommendation_id = v.r AND f.asset_id = v.a
				WHEN MATCHED THEN UPDATE SET recommendation_id = $recommendation
				WHEN NOT MATCHED THEN INSERT $columns VALUES (v.r, v.a, v.s)" },
		sub { "UPDATE IN.finding SET asset_id = $asset WHERE recommendation_id = $recommendation" },
		sub { "UPDATE IN.finding SET recommendation_id = $recommendation WHERE asset_id = $asset" },
		sub { "UPDATE IN.finding SET recommendation_id = 7 - recommendation_id WHERE asset_id = $asset" },
		sub { "UPDATE IN.finding SET state = 'not_applicable' WHERE asset_id = $asset" },
		sub { "DELETE FROM IN.finding WHERE asset_id = $asset" },
		sub { "DELETE FROM IN.asset WHERE asset_id = $asset" },
		sub { "DELETE FROM IN.recommendation WHERE recommendation_id = $recommendation" },
		sub { "WITH d AS (DELETE FROM IN.asset WHERE asset_id = $asset) INSERT INTO IN.finding $columns VALUES " . rows() },
		sub { "WITH d AS (DELETE FROM IN.finding WHERE asset_id = $asset) DELETE FROM IN.asset WHERE asset_id = $asset" }
	)->();
}

my (@differing, %outcome);
for my $round (1 .. $rounds)
{
	my $level = pick('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');
	my @statements = map { statement() } 1 .. 40;
	my $calls = join '', map { "SELECT posture, model FROM (SELECT model.outcome('posture', s) AS posture, model.outcome('model', s) AS model
			FROM (VALUES (\$s\$$_\$s\$)) v(s)) o;\n" } @statements;
	my ($rc, $out, $err) = query_as($node, 'postgres', superuser(), <<"SQL");
BEGIN ISOLATION LEVEL $level;
SET client_min_messages = error;
$calls
SELECT 'rows', x FROM (SELECT model.state('posture') EXCEPT ALL SELECT model.state('model')) x;
SELECT 'rows', x FROM (SELECT model.state('model') EXCEPT ALL SELECT model.state('posture')) x;
SELECT 'verify', v FROM posture.verify() v;
ROLLBACK;
SQL
	for my $line (split /\n/, $out)
	{
		my ($ours, $model) = split /\|/, $line, 2;
		$outcome{ $ours =~ s/^\d\d?\z/rows/r }++;
		push @differing, "$line\n" . join ";\n", @statements if $ours ne $model;
	}
	push @differing, $err if $rc;
}
is(scalar(@differing), 0, 'statements have the outcome that they have with foreign keys of PostgreSQL')
  or diag join "\n", @differing[ 0 .. ($#differing < 2 ? $#differing : 2) ];
cmp_ok($outcome{23503}, '>', $rounds, 'and the random statements violate them');

my $violate = sub { return (query_as($node, 'postgres', superuser(), "\\set VERBOSITY verbose\n$_[0]"))[2] };
my %name = (asset => 'an asset with findings is retired by retired_at, not deleted',
	recommendation => 'a recommendation with findings is made inactive, not deleted');
for my $id (9, -9)
{
	my %key = (asset => "1, $id", recommendation => "$id, 1");
	for my $table (qw(asset recommendation))
	{
		my $err = $violate->("INSERT INTO posture.finding VALUES ($key{$table}, 'compliant')");
		like($err, qr/ERROR:  23503: insert or update on table "finding" violates foreign key constraint "$name{$table}"/,
			"the error names the constraint on $table");
		like($err, qr/DETAIL:  Key \(${table}_id\)=\($id\) is not present in table "$table"\.\n.*CONSTRAINT NAME:  $name{$table}\n/s,
			"and the key $id");
	}
}

# ---- what PostgreSQL itself does with the constraints and their triggers ----

my $checks = q{SELECT string_agg(DISTINCT t.tgenabled::text, ' ') FROM pg_trigger t WHERE t.tgrelid = 'posture.finding'::regclass
	AND t.tgfoid IN ('"RI_FKey_check_ins"'::regproc, '"RI_FKey_check_upd"'::regproc)};
is($node->safe_psql('postgres', $checks), 'D', 'rows are not checked one by one');
is($node->safe_psql('postgres', q{SELECT count(*), bool_and(convalidated) FROM pg_constraint
	WHERE conrelid = 'posture.finding'::regclass AND contype = 'f'}), '2|t', 'the catalog shows the foreign keys');
$node->safe_psql('postgres', 'ALTER TABLE posture.finding DISABLE TRIGGER ALL; ALTER TABLE posture.finding ENABLE TRIGGER ALL');
is($node->safe_psql('postgres', $checks), 'O', 'ENABLE TRIGGER ALL enables the checks of rows');
$node->safe_psql('postgres', q{INSERT INTO posture.finding VALUES (1, 1, 'compliant')});
$node->safe_psql('postgres', 'SELECT FROM posture.rebuild()');
is($node->safe_psql('postgres', "$checks; SELECT * FROM posture.verify()"), 'D', 'rebuild() disables them again');
is($node->safe_psql('postgres', <<'SQL'), '1', 'session_replication_role = replica checks nothing, as with foreign keys');
SET session_replication_role = replica;
INSERT INTO posture.finding VALUES (1, 99, 'compliant');
DELETE FROM posture.finding WHERE asset_id = 99 RETURNING 1;
SQL
$node->safe_psql('postgres', q{CREATE TABLE public.own (asset_id integer PRIMARY KEY);
	ALTER TABLE posture.finding ADD CONSTRAINT own FOREIGN KEY (asset_id) REFERENCES public.own NOT VALID});
my ($rc, $out, $err) = query_as($node, 'postgres', superuser(),
	q{SELECT FROM posture.rebuild(); INSERT INTO posture.finding VALUES (2, 2, 'compliant')});
like($err, qr/violates foreign key constraint "own"/, 'a foreign key of a user to another table is checked by PostgreSQL');

$node->stop;
done_testing();
