# What the tests of locks, long readers and transaction ids share: a server with the
# sample, sessions, all kinds of work, and the comparison with what should be.
package TestWork;

use strict;
use warnings;
use Exporter 'import';
use Test::More;
use TestOracle;
use TestPosture;

our @EXPORT = qw($node %work work_node two_sessions is_sound truth something_to_do);
our $node;

our %work = (
	ingest => 'SELECT FROM posture.ingest()',
	fold => 'SELECT FROM posture.fold()',
	rebuild => 'SELECT FROM posture.rebuild()',
	take_snapshot => 'SELECT FROM posture.take_snapshot()',
	run_daily => 'CALL posture.run_daily()',
	load => q{SELECT FROM posture.load('posture', '{"type": "finding", "source": "scan",
		"recommendation": "r1", "asset": "a1", "state": "compliant"}')},
	merge_asset => q{SELECT FROM posture.merge_asset('a9', 'a10')},
	assess_cluster => 'SELECT FROM posture.assess_cluster()');

sub work_node
{
	my ($name) = @_;
	$node = new_node($name, <<'CONF');
autovacuum = off
max_prepared_transactions = 10
deadlock_timeout = 100ms
CONF
	$node->safe_psql('postgres', "CREATE EXTENSION posture;\n" . sample_sql() . oracle_sql());
	$node->safe_psql('postgres', <<'SQL' =~ s/FORGET/retake_day_sql(1)/er);
CREATE SCHEMA work;
CREATE VIEW work.error AS
    TABLE oracle.state_error UNION ALL TABLE oracle.set_error UNION ALL TABLE oracle.verify_error;
-- the data that could be lost or doubled
CREATE VIEW work.truth AS
    SELECT (SELECT count(*) FROM posture.inbox) AS inbox,
           (SELECT count(*) FROM posture.snapshot) AS days,
           (SELECT count(*) FROM posture.event) AS events,
           (SELECT count(*) FROM posture.run) AS runs,
           (SELECT md5(string_agg(f::text, ',' ORDER BY recommendation_id, asset_id))
            FROM posture.finding f) AS findings;
-- makes yesterday due again
CREATE PROCEDURE work.forget() LANGUAGE sql AS $$
    FORGET
$$;
SQL
	return;
}

# two psql sessions, which print the codes of errors
sub two_sessions
{
	my @sessions = (new_session($node), new_session($node));
	$_->ask("\\set VERBOSITY sqlstate\n") for @sessions;
	return @sessions;
}

sub is_sound { return is($node->safe_psql('postgres', 'TABLE work.error'), '', $_[0]) }
sub truth { return $node->safe_psql('postgres', 'TABLE work.truth') }

# fills the inbox, changes findings so that there is something to fold, makes a day due
sub something_to_do
{
	$node->safe_psql('postgres', <<'SQL');
INSERT INTO posture.inbox
SELECT 'scan', 'r1', 'a' || a, CASE WHEN random() < 0.5 THEN 'compliant' ELSE 'non_compliant' END
FROM generate_series(1, 60) a;
UPDATE posture.finding
SET state = CASE state WHEN 'compliant' THEN 'non_compliant' ELSE 'compliant' END
            ::posture.finding_state,
    changed_at = now()
WHERE asset_id % 5 = 0;
CALL work.forget();
SQL
	return;
}

1;
