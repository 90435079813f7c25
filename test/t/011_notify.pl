# What a listener on channel posture_event receives: events once, after commit, nothing
# of a transaction that was rolled back, and no drop during a cooldown.
# tests: day/notification

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
SELECT FROM posture.backfill(posture.today() - 9);
INSERT INTO posture.source (key, name) VALUES ('scan', 'Scanner');
INSERT INTO posture.recommendation (source_id, key, title)
SELECT source_id, 'r' || n, 'R' FROM posture.source, generate_series(1, 2) n;
INSERT INTO posture.asset (key, name) SELECT 'a' || n, 'A' FROM generate_series(1, 10) n;
INSERT INTO posture.metric (key, name, cooldown_days)
VALUES ('told', 'Told', NULL), ('quiet', 'Quiet', 3);
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id
FROM posture.metric m
JOIN posture.recommendation r ON r.key = CASE m.key WHEN 'told' THEN 'r1' ELSE 'r2' END;
INSERT INTO posture.initiative (key, name, drop_threshold) VALUES ('all', 'All "of" it', 50);
INSERT INTO posture.initiative_metric
SELECT i.initiative_id, m.metric_id FROM posture.initiative i, posture.metric m;
-- six days ago all assets complied; on each day since, one more asset fails both
INSERT INTO posture.finding
SELECT r.recommendation_id, a.asset_id, 'compliant',
       posture.day_end(posture.today() - 7) + interval '1 hour'
FROM posture.recommendation r, posture.asset a;
UPDATE posture.finding
SET state = 'non_compliant',
    changed_at = posture.day_end(posture.today() - 7 + asset_id) + interval '1 hour'
WHERE asset_id <= 5;
SQL

my $listener = $node->background_psql('postgres');
$listener->query_safe('LISTEN posture_event');

# returns notifications since the last call, in order: kind, object, days ago, ...
sub received
{
	my @payloads = $listener->query_safe('SELECT 1') =~
	  /^Asynchronous notification "posture_event" with payload "(.*)" received/mg;
	return join("\n", map { $node->safe_psql('postgres', <<"SQL") } @payloads);
SELECT concat_ws(' ', p ->> 'kind', coalesce(p ->> 'metric', p ->> 'initiative'),
                 posture.today() - (p ->> 'day')::date, p ->> 'drop',
                 (SELECT string_agg(key || '=' || value, ' ' ORDER BY key)
                  FROM jsonb_each_text(p - '{kind,day}'::text[])
                  WHERE p ->> 'kind' = 'day_summary' AND value <> '0'))
FROM (SELECT \$payload\$$_\$payload\$::jsonb AS p) x
SQL
}

is(received(), '', 'nothing at the start');
$node->safe_psql('postgres', 'BEGIN; SELECT posture.take_snapshot(posture.today() - 6); ROLLBACK');
is(received(), '', 'nothing of a transaction that was rolled back');

my $writer = $node->background_psql('postgres');
$writer->query_safe('BEGIN');
$writer->query_safe('SELECT posture.take_snapshot(posture.today() - 6)');
is(received(), '', 'nothing before commit');
$writer->query_safe('COMMIT');
is(received(), <<'TXT' =~ s/\n\z//r, 'after commit, an event and the summary of the day');
new_initiative all 6
day_summary 6 initiatives=1 metrics=2 new_initiatives=1
TXT
$writer->quit;
$node->safe_psql('postgres', 'SELECT posture.take_snapshot(posture.today() - 6)');
is(received(), '', 'nothing when a snapshot is taken again');

# a day in the cooldown of a metric
$node->safe_psql('postgres', 'SELECT posture.take_snapshot(posture.today() - 5)');
is(received(), <<'TXT' =~ s/\n\z//r, 'the first drop of each metric');
metric_score_drop told 5 10
metric_score_drop quiet 5 10
day_summary 5 initiatives=1 metric_drops=2 metrics=2
TXT
$node->safe_psql('postgres', 'SELECT posture.take_snapshot(posture.today() - 3)');
is(received(), <<'TXT' =~ s/\n\z//r, 'no second drop of the metric that is in cooldown');
metric_score_drop told 3 20
day_summary 3 in_cooldown=1 initiatives=1 metric_drops=2 metrics=2
TXT

# the job sends a summary of each day that was due, and none of a day that failed
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE 'not yet'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON posture.metric_snapshot
    FOR EACH ROW WHEN (NEW.day = posture.today() - 2) EXECUTE FUNCTION public.refuse();
SQL
my ($out, $err) = ('', '');
$node->psql('postgres', 'CALL posture.run_daily()', stdout => \$out, stderr => \$err);
like($err, qr/not yet/, 'a day fails');
is(received(), <<'TXT' =~ s/\n\z//r, 'the missing day is reported, the failed one is not');
metric_score_drop told 4 10
day_summary 4 in_cooldown=1 initiatives=1 metric_drops=2 metrics=2
TXT
$node->safe_psql('postgres', 'DROP FUNCTION public.refuse() CASCADE');
$node->safe_psql('postgres', 'CALL posture.run_daily()');
is(received(), <<'TXT' =~ s/\n\z//r, 'the next run reports it and the days after it');
metric_score_drop told 2 10
day_summary 2 in_cooldown=1 initiatives=1 metric_drops=2 metrics=2
metric_score_drop told 1 10
metric_score_drop quiet 1 10
day_summary 1 initiatives=1 metric_drops=2 metrics=2
TXT
$node->safe_psql('postgres', 'CALL posture.run_daily()');
is(received(), '', 'nothing from a run without a due day');
is($node->safe_psql('postgres', <<'SQL'), '4 3 2', 'drops during a cooldown are recorded');
SELECT string_agg((posture.today() - day)::text, ' ' ORDER BY day)
FROM posture.event JOIN posture.metric USING (metric_id) WHERE key = 'quiet' AND in_cooldown
SQL

# today has events, and a summary only when it has ended
$node->safe_psql('postgres', q{UPDATE posture.finding
	SET state = 'non_compliant', changed_at = now() WHERE asset_id > 5});
$node->safe_psql('postgres', 'SELECT posture.take_snapshot()');
is(received(), "initiative_score_drop all 0 50\nmetric_score_drop told 0 50",
	'today has events and no summary');

$listener->quit;
$node->stop;
done_testing();
