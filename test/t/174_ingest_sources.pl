# Sessions that each ingest a source of their own do not wait for each other, unless both
# bring new assets, and load what one session would have loaded: the newest observation of
# each finding, and one asset for all spellings of its key.
# tests: finding/ingest, finding/inbox, finding/delivered
#
# POSTURE_SECONDS: how long four sessions ingest (5).

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $seconds = $ENV{POSTURE_SECONDS} // 5;
my $node = new_node('ingest_sources', "deadlock_timeout = 50ms\n");
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION posture;
INSERT INTO posture.source (key, name) SELECT 's' || n, 'S' FROM generate_series(1, 4) n;
INSERT INTO posture.metric (key, name) VALUES ('m', 'M');
CREATE SCHEMA sim;
CREATE TABLE sim.delivered (n bigint GENERATED ALWAYS AS IDENTITY, source text, recommendation text,
    asset text, state text, observed_at timestamptz);
CREATE TABLE sim.result (loaded bigint, changed bigint, unchanged bigint, rejected bigint, closed bigint);
-- rows of one source, of assets that all share, new ones now and then, in two spellings
CREATE PROCEDURE sim.deliver(client integer, until timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    assets integer := 20;
    started timestamptz;
BEGIN
    WHILE clock_timestamp() < until LOOP
        started := clock_timestamp() - interval '60 microseconds';
        WITH d AS (
            INSERT INTO sim.delivered (source, recommendation, asset, state, observed_at)
            SELECT 's' || client, 'r' || ceil(random() * 3),
                   (ARRAY['h', 'H'])[1 + (random() < 0.2)::integer] || ceil(random() * assets),
                   (ARRAY['compliant', 'compliant', 'compliant', 'non_compliant', 'not_applicable'])[ceil(random() * 5)],
                   -- no two at the same time, of which either could be the newest
                   started + n * interval '1 microsecond'
            FROM generate_series(1, 60) n
            RETURNING *)
        INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at, asset_kind)
        SELECT d.source, d.recommendation, d.asset, d.state, d.observed_at, 'host' FROM d;
        INSERT INTO sim.result SELECT * FROM posture.ingest(only_source => 's' || client);
        COMMIT;
        assets := assets + (random() < 0.3)::integer;
        IF random() < 0.2 THEN
            PERFORM posture.fold();
            COMMIT;
        END IF;
    END LOOP;
END $$;
CREATE VIEW sim.expected AS
SELECT DISTINCT ON (source, recommendation, lower(asset)) source, recommendation, lower(asset) AS asset, state
FROM sim.delivered ORDER BY source, recommendation, lower(asset), n DESC;
CREATE VIEW sim.stored AS
SELECT s.key::text AS source, r.key::text AS recommendation, lower(a.key) AS asset, f.state::text
FROM posture.finding f JOIN posture.asset a USING (asset_id)
JOIN posture.recommendation r USING (recommendation_id) JOIN posture.source s USING (source_id)
WHERE a.key ~* '^h[0-9]';
SQL

# what waits
my @session = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 2;
my $deliver = 'INSERT INTO posture.inbox (source, recommendation, asset, state) VALUES';
$_->query("SET lock_timeout = '200ms'") foreach @session;
$session[0]->query("BEGIN; $deliver ('s1', 'r1', 'h1', 'compliant'); SELECT FROM posture.ingest(only_source => 's1'); COMMIT");
$session[0]->query("BEGIN; $deliver ('s1', 'r1', 'h1', 'non_compliant'); SELECT FROM posture.ingest(only_source => 's1')");
is($session[1]->query("BEGIN; $deliver ('s2', 'r1', 'h1', 'compliant'); SELECT loaded FROM posture.ingest(only_source => 's2'); COMMIT"),
	'1', 'another source does not wait');
foreach my $call ("posture.ingest(only_source => 's1')", 'posture.ingest()', "posture.load('posture', '[]'::jsonb)",
	"posture.merge_asset('h1', 'h1')")
{
	$session[1]->query("SELECT FROM $call");
	like($session[1]->{stderr}, qr/lock timeout/, "$call waits");
	$session[1]->{stderr} = '';
}
$session[0]->query("$deliver ('s1', 'r1', 'new1', 'compliant'); SELECT FROM posture.ingest(only_source => 's1')");
$session[1]->query("$deliver ('s2', 'r1', 'new2', 'compliant'); SELECT FROM posture.ingest(only_source => 's2')");
like($session[1]->{stderr}, qr/lock timeout/, 'two that bring new assets wait');
$session[0]->query('COMMIT');
$_->quit foreach @session;

# four sessions
$node->safe_psql('postgres', 'TRUNCATE posture.inbox; DELETE FROM posture.finding; SELECT FROM posture.fold()');
my @err = ('') x 5;
my @client = map {
	IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-v', 'ON_ERROR_STOP=1', '-c',
		"CALL sim.deliver($_, now() + interval '$seconds seconds')" ], '>', '/dev/null', '2>', \$err[$_])
} 1 .. 4;
$_->finish foreach @client;
is(join('', @err), '', 'no session has an error');
$node->safe_psql('postgres', 'ANALYZE');
is($node->safe_psql('postgres', <<'SQL'), '0|0|0|t|t|0', 'what was delivered is loaded, once');
SELECT (SELECT count(*) FROM posture.inbox),
       (SELECT count(*) FROM ((TABLE sim.expected EXCEPT ALL TABLE sim.stored)
                              UNION ALL (TABLE sim.stored EXCEPT ALL TABLE sim.expected)) d),
       (SELECT count(*) FROM (SELECT FROM posture.asset GROUP BY lower(key) HAVING count(*) > 1) a),
       (SELECT sum(loaded) = (SELECT count(*) FROM sim.delivered) AND sum(rejected) = 0 FROM sim.result),
       (SELECT sum(unchanged) > 100 FROM sim.result),
       (SELECT count(*) FROM posture.verify());
SQL
diag($node->safe_psql('postgres', 'SELECT count(*), sum(loaded), sum(changed) FROM sim.result'));
$node->stop;
done_testing();
