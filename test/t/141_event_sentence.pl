# The sentence of an event is written with its causes, and is that of its day. Roles that see
# all read it without making it again; an owner's is made of what the owner sees.
# tests: day/event, report/event_report, report/cause_sentence

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('event_sentence', "track_functions = all\n");
$node->safe_psql('postgres', "CREATE EXTENSION posture;\n" . sample_sql());
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE team LOGIN;
UPDATE posture.initiative SET owner = 'team' WHERE key = 'i2';
SELECT posture.grant_access('team', 'owner');
CREATE VIEW made AS
SELECT e.event_id, posture_internal.event_sentence(e) AS cause FROM posture.event e;
CREATE VIEW read AS SELECT event_id, cause FROM posture.event_report;
CREATE FUNCTION made_count() RETURNS bigint LANGUAGE sql AS $$
    SELECT coalesce(sum(pg_stat_get_xact_function_calls(p.oid)), 0)::bigint
    FROM pg_proc p WHERE p.proname IN ('metric_cause', 'initiative_cause') $$;
SQL
my $ask = sub { $node->safe_psql('postgres', shift) };

is($ask->(<<'SQL'), 't|0|0', 'sentences are those of the causes');
SELECT (SELECT count(*) > 0 FROM posture.event WHERE cause IS NOT NULL),
       (SELECT count(*) FROM (TABLE made EXCEPT ALL TABLE read) x),
       (SELECT count(*) FROM (TABLE read EXCEPT ALL TABLE made) x)
SQL
is($ask->(<<'SQL'), '0', 'a drop has its sentence');
SELECT count(*) FROM posture.event WHERE (cause IS NULL) <> (kind = 'new_initiative')
SQL
is($ask->(<<'SQL'), "t\n0", 'reading makes none again');
BEGIN;
SELECT count(cause) > 2 FROM posture.event_report;
SELECT made_count();
COMMIT;
SQL

my $before = $ask->('SELECT event_id, cause FROM read ORDER BY 1');
$ask->("UPDATE posture.recommendation SET title = 'Renamed ' || key");
is($ask->('SELECT event_id, cause FROM read ORDER BY 1'),
	$before, 'a new title does not change the sentence of an earlier day');
isnt($ask->('SELECT event_id, cause FROM made ORDER BY 1'),
	$before, 'which one made now would have');

# today's snapshot is taken again, and its sentences with it
$ask->(<<'SQL');
UPDATE posture.finding SET state = 'non_compliant' WHERE asset_id % 2 = 0;
SELECT FROM posture.take_snapshot();
UPDATE posture.finding SET state = 'non_compliant' WHERE asset_id % 5 = 0;
SELECT FROM posture.take_snapshot();
SQL
is($ask->(<<'SQL'), 't|0', 'an event that is recorded again has the sentence of its new causes');
SELECT count(*) > 0, count(*) FILTER (WHERE r.cause IS DISTINCT FROM m.cause)
FROM posture.event e JOIN read r USING (event_id) JOIN made m USING (event_id)
WHERE e.day = posture.today() AND e.kind <> 'new_initiative'
SQL

my ($rc, $out, $err) = query_as($node, 'postgres', 'team',
	'SELECT count(*) > 0, count(*) = count(cause), bool_or(cause LIKE \'%All%\')
	 FROM posture.event_report');
is("$rc $out", '0 t|t|f', 'an owner reads sentences, without other initiatives') or diag($err);

$node->stop;
done_testing();
