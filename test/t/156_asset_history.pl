# Kinds and criticalities of assets at the end of a past day equal copies of the assets that were
# made then, whatever changes, folds and rebuilds came later, and after a restore of a dump.
# tests: store/asset_set, store/fold_slice, store/rebuild, day/retention
#
# POSTURE_ROUNDS: how many days (12). POSTURE_SEED repeats them.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $rounds = $ENV{POSTURE_ROUNDS} // 12;
my $seed = $ENV{POSTURE_SEED} // (time ^ $$);
diag("POSTURE_ROUNDS=$rounds POSTURE_SEED=$seed");
srand($seed);
my $node = new_node('asset_history');
my $session = new_session($node, 'postgres');
sub ask { return $session->ask($_[0]); }

ask(<<"SQL");
CREATE EXTENSION posture;
SELECT setseed($seed % 1000 / 1000.0);
UPDATE posture_internal.history_start SET day = posture.today() - 400;
CREATE FUNCTION change_assets(many boolean) RETURNS void LANGUAGE sql AS \$\$
    UPDATE posture.asset SET kind = 'k' || floor(random() * 3), tags = '{"a": "b"}'
    WHERE random() < CASE WHEN many THEN 0.5 ELSE 0.02 END;
    UPDATE posture.asset
    SET criticality = (ARRAY['low', 'medium', 'high', 'critical'])[1 + floor(random() * 4)]
    WHERE random() < CASE WHEN many THEN 0.5 ELSE 0.02 END;
    DELETE FROM posture.asset WHERE random() < 0.02;
    INSERT INTO posture.asset (key, kind, name)
    SELECT gen_random_uuid()::text, 'k' || i % 3, 'A' FROM generate_series(1, 10) i;
\$\$;
-- the sets of a day, and copies of the assets in plain SQL
CREATE TABLE copy (day date, attribute text, value text, asset_id integer);
CREATE FUNCTION make_copy(of_day date) RETURNS void LANGUAGE sql AS \$\$
    INSERT INTO copy
    SELECT of_day, v.* FROM posture.asset a
    CROSS JOIN LATERAL (VALUES ('kind', a.kind, a.asset_id),
                               ('criticality', a.criticality, a.asset_id)) v;
\$\$;
CREATE VIEW kept AS
SELECT d.day, a.attribute, v.value, posture.members(v.assets) AS asset_id
FROM (SELECT DISTINCT day FROM copy) d
CROSS JOIN (VALUES ('kind'), ('criticality')) a(attribute)
CROSS JOIN LATERAL posture_internal.all_asset_value(a.attribute, true, NULL, d.day) v;
CREATE VIEW wrong AS
SELECT count(*) FROM ((TABLE copy EXCEPT ALL TABLE kept) UNION ALL (TABLE kept EXCEPT ALL TABLE copy)) x;
SELECT change_assets(true), change_assets(true);
-- ids of two slices
ALTER TABLE posture.asset ALTER asset_id RESTART WITH 1048570;
SELECT change_assets(true);
SQL
# the first days of all would have nothing to keep
ask("SELECT FROM posture.take_snapshot(posture.today() - $rounds - 1);"
	  . "SELECT make_copy(posture.today() - $rounds - 1)");

for my $ago (reverse 1 .. $rounds)
{
	for (1 .. 1 + int rand 3)
	{
		ask('SELECT change_assets(' . (rand() < 0.2 ? 'true' : 'false') . ')');
		ask((('SELECT FROM posture.fold()') x 2, 'SELECT FROM posture.rebuild()', '')[ rand 4 ]);
		ask('UPDATE posture.asset_group SET kinds = NULL') if rand() < 0.2;
	}
	is(ask('TABLE wrong'), '0', "changes while no day from $ago days ago on is closed");
	ask("SELECT FROM posture.take_snapshot(posture.today() - $ago); SELECT make_copy(posture.today() - $ago)");
	is(ask('TABLE wrong'), '0', "$ago days ago");
}
is(ask('SELECT count(DISTINCT day) FROM posture_internal.asset_history'), $rounds, 'each day has its changes');

# a set that was wrong is repaired, and changes no past day
ask(q{UPDATE posture_internal.asset_set SET assets = assets OPERATOR(posture.|) '{5000}' WHERE attribute = 'kind'});
isnt(ask('TABLE wrong'), '0', 'a wrong set is wrong for past days as well');
ask('SELECT change_assets(false); SELECT FROM posture.rebuild()');
is(ask('TABLE wrong'), '0', 'rebuild() repairs it');

# the derived sets are not in a dump, but the history is
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'a dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-Xq', '-f', $dump, '-d', $node->connstr('restored') ], 'is restored');
$node->safe_psql('restored', 'SELECT FROM posture.rebuild()');
is($node->safe_psql('restored', 'TABLE wrong'), '0', 'with the assets of past days');
$node->safe_psql('restored', 'SELECT change_assets(true); SELECT FROM posture.fold()');
is($node->safe_psql('restored', 'TABLE wrong'), '0', 'which stay as they are');

# all assets at once
ask('TRUNCATE posture.asset CASCADE; SELECT FROM posture.' . (rand() < 0.5 ? 'fold()' : 'rebuild()'));
is(ask('TABLE wrong'), '0', 'TRUNCATE');
is(ask(q{SELECT coalesce(sum(posture.cardinality(v.assets)), 0)
	FROM posture_internal.all_asset_value('kind', true, NULL, posture.today()) v}), '0',
	'a day that is not closed has the assets of now');

ask("SET posture.retention_days = 3; SELECT posture_internal.purge()");
is(ask('SELECT min(day) >= posture.today() - 3 FROM posture_internal.asset_history'), 't', 'retention');
$session->end;
$node->stop;
done_testing();
