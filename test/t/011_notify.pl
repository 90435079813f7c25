# What a listener hears on channel posture_event: after commit, once, nothing of
# what was rolled back, nothing of a drop within a quiet period.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('notify');
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION posture;
INSERT INTO posture.source (key, name) VALUES ('scan', 'Scanner');
INSERT INTO posture.recommendation (source_id, key, title) SELECT source_id, 'r' || n, 'R' FROM posture.source, generate_series(1, 2) n;
INSERT INTO posture.asset (key, name) SELECT 'a' || n, 'A' FROM generate_series(1, 10) n;
INSERT INTO posture.metric (key, name, cooldown_days) VALUES ('told', 'Told', NULL), ('quiet', 'Quiet', 3);
INSERT INTO posture.metric_recommendation SELECT m.metric_id, r.recommendation_id FROM posture.metric m JOIN posture.recommendation r ON r.key = CASE m.key WHEN 'told' THEN 'r1' ELSE 'r2' END;
INSERT INTO posture.initiative (key, name, drop_threshold) VALUES ('all', 'All "of" it', 50);
INSERT INTO posture.initiative_metric SELECT i.initiative_id, m.metric_id FROM posture.initiative i, posture.metric m;
-- six days ago all complied; on each day since, one asset more fails both
INSERT INTO posture.finding
SELECT r.recommendation_id, a.asset_id, 'compliant', posture.day_end(posture.today() - 7) + interval '1 hour' FROM posture.recommendation r, posture.asset a;
UPDATE posture.finding SET state = 'non_compliant', changed_at = posture.day_end(posture.today() - 7 + asset_id) + interval '1 hour' WHERE asset_id <= 5;
SQL

my $listener = $node->background_psql('postgres');
$listener->query_safe('LISTEN posture_event');

# what came since it was asked last, as "kind object days-ago ..." in order
sub heard
{
	my @payloads = $listener->query_safe('SELECT 1') =~ /^Asynchronous notification "posture_event" with payload "(.*)" received/mg;
	return join("\n", map { $node->safe_psql('postgres', <<"SQL") } @payloads);
SELECT concat_ws(' ', p ->> 'kind', coalesce(p ->> 'metric', p ->> 'initiative'), posture.today() - (p ->> 'day')::date, p ->> 'drop',
                 (SELECT string_agg(key || '=' || value, ' ' ORDER BY key) FROM jsonb_each_text(p - '{kind,day}'::text[]) WHERE p ->> 'kind' = 'day_summary' AND value <> '0'))
FROM (SELECT \$payload\$$_\$payload\$::jsonb AS p) x
SQL
}

is(heard(), '', 'nothing yet');
$node->safe_psql('postgres', 'BEGIN; SELECT posture.take_snapshot(posture.today() - 6); ROLLBACK');
is(heard(), '', 'nothing of what was rolled back');

my $writer = $node->background_psql('postgres');
$writer->query_safe('BEGIN');
$writer->query_safe('SELECT posture.take_snapshot(posture.today() - 6)');
is(heard(), '', 'nothing before commit');
$writer->query_safe('COMMIT');
is(heard(), "new_initiative all 6\nday_summary 6 initiatives=1 metrics=2 new_initiatives=1", 'an event and the summary of the day after it');
$writer->quit;
$node->safe_psql('postgres', 'SELECT posture.take_snapshot(posture.today() - 6)');
is(heard(), '', 'nothing when a day is taken again');

# a day of which something is quiet
$node->safe_psql('postgres', 'SELECT posture.take_snapshot(posture.today() - 5)');
is(heard(), "metric_score_drop told 5 10\nmetric_score_drop quiet 5 10\nday_summary 5 initiatives=1 metric_drops=2 metrics=2", 'the first drop of each metric');
$node->safe_psql('postgres', 'SELECT posture.take_snapshot(posture.today() - 3)');
is(heard(), "metric_score_drop told 3 20\nday_summary 3 initiatives=1 metric_drops=2 metrics=2 quiet=1", 'the second of one of them is quiet');

# the job: each day that is due has its summary, a late one too, and what failed has none
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not yet'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON posture.metric_snapshot FOR EACH ROW WHEN (NEW.day = posture.today() - 2) EXECUTE FUNCTION public.refuse();
SQL
my ($rc, $out, $err) = ('', '', '');
$rc = $node->psql('postgres', 'CALL posture.run_daily()', stdout => \$out, stderr => \$err);
like($err, qr/not yet/, 'a day fails');
is(heard(), "metric_score_drop told 4 10\nday_summary 4 initiatives=1 metric_drops=2 metrics=2 quiet=1", 'the one that was missing is told, the one that failed is not');
$node->safe_psql('postgres', 'DROP FUNCTION public.refuse() CASCADE');
$node->safe_psql('postgres', 'CALL posture.run_daily()');
is(heard(), <<'TXT' =~ s/\n\z//r, 'and then it is, with the days after it');
metric_score_drop told 2 10
day_summary 2 initiatives=1 metric_drops=2 metrics=2 quiet=1
metric_score_drop told 1 10
metric_score_drop quiet 1 10
day_summary 1 initiatives=1 metric_drops=2 metrics=2
TXT
$node->safe_psql('postgres', 'CALL posture.run_daily()');
is(heard(), '', 'a run without anything due says nothing');
is($node->safe_psql('postgres', q{SELECT string_agg((posture.today() - day)::text, ' ' ORDER BY day) FROM posture.event JOIN posture.metric USING (metric_id) WHERE key = 'quiet' AND in_cooldown}),
	'4 3 2', 'what was not told is recorded');

# today so far: events, but no summary before it has ended
$node->safe_psql('postgres', q{UPDATE posture.finding SET state = 'non_compliant', changed_at = now() WHERE asset_id > 5});
$node->safe_psql('postgres', 'SELECT posture.take_snapshot()');
is(heard(), "initiative_score_drop all 0 50\nmetric_score_drop told 0 50", 'today so far has events and no summary');

$listener->quit;
$node->stop;
done_testing();
