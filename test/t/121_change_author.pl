# Causes name who made the decision: weights, members, rules, switches, exemptions, scope and
# method, in explain(), change_report() and the cause of event_report, between the compared
# days alone, and to nobody who may not read the log.
# tests: report/cause_author, report/cause_sentence

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('change_author');
$node->safe_psql('postgres', $_)
  for 'CREATE ROLE risk_lead SUPERUSER LOGIN', 'CREATE ROLE kim SUPERUSER LOGIN',
  'CREATE ROLE bi LOGIN', 'CREATE ROLE team LOGIN';
# three metrics: m1 complies by half, m2 wholly, m3 not at all
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION posture;
SELECT FROM posture.backfill(posture.today() - 3);
INSERT INTO posture.source (key, name) VALUES ('scan', 'Scanner'), ('other', 'Other');
INSERT INTO posture.recommendation (source_id, key, title)
SELECT CASE n WHEN 4 THEN 2 ELSE 1 END, 'r' || n, 'R' || n FROM generate_series(1, 4) n;
INSERT INTO posture.asset (key, name, kind)
SELECT 'a' || n, 'A', CASE WHEN n <= 5 THEN 'host' ELSE 'user' END FROM generate_series(1, 10) n;
INSERT INTO posture.finding
SELECT r.recommendation_id, a.asset_id,
       CASE WHEN r.key = 'r3' OR r.key <> 'r2' AND a.asset_id <= 5 THEN 'non_compliant'
            ELSE 'compliant' END::posture.finding_state,
       posture.day_end(posture.today() - 3) - interval '1 hour'
FROM posture.recommendation r, posture.asset a;
INSERT INTO posture.metric (key, name, importance)
VALUES ('m1', 'One', 'low'), ('m2', 'Two', 'low'), ('m3', 'Three', 'low');
INSERT INTO posture.metric_recommendation VALUES (1, 1), (2, 2), (3, 3);
INSERT INTO posture.initiative (key, name, owner) VALUES ('i', 'I', 'team');
INSERT INTO posture.initiative_metric VALUES (1, 1, NULL), (1, 2, 5);
SELECT posture.grant_access('bi', 'reader'), posture.grant_access('team', 'owner');
SQL

# Makes the change of today one between yesterday and today, whose snapshots it takes. Returns
# the causes of object with a reason.
my $today = $node->safe_psql('postgres', q{SELECT to_char(posture.today(), 'FMDD FMMonth YYYY')});

sub causes
{
	my ($object, $sql, %option) = @_;
	my $undo = $option{undo} // '';
	$node->safe_psql('postgres', 'SELECT FROM posture.take_snapshot(posture.today() - 1);
		-- as the job would have taken it, just after midnight
		UPDATE posture.snapshot SET taken_at = ends_at + interval \'1 second\'
		WHERE day = posture.today() - 1;
		UPDATE posture.change_log SET changed_at = changed_at - interval \'2 days\'');
	$node->safe_psql('postgres', $sql, extra_params => [ '-U', 'risk_lead' ]);
	$node->safe_psql('postgres', 'SELECT FROM posture.take_snapshot()');
	my $query = "SELECT reason, message FROM posture.change_report('$object',
		posture.today() - 1, posture.today()) WHERE reason <> 'value_change' ORDER BY 1, 2";
	my $causes = $node->safe_psql('postgres', $query, extra_params => [ '-U', 'bi' ]);
	my $event = $node->safe_psql('postgres', "SELECT cause FROM posture.event_report
		WHERE object = '$object' AND day = posture.today() AND drop > 0",
		extra_params => [ '-U', 'bi' ]);
	my $owner = $node->safe_psql('postgres', $query, extra_params => [ '-U', 'team' ]);
	unlike($owner, qr/risk_lead|kim/, 'an owner is not told the author');
	$node->safe_psql('postgres', "$undo; SELECT FROM posture.take_snapshot(posture.today() - 2);
		DELETE FROM posture.event; DELETE FROM posture.snapshot;
		DELETE FROM posture.metric_snapshot; DELETE FROM posture.initiative_snapshot;
		DELETE FROM posture.initiative_metric_snapshot;
		DELETE FROM posture.recommendation_snapshot;
		DELETE FROM posture_internal.exemption_snapshot;
		DELETE FROM posture_internal.asset_group_snapshot");
	return wantarray ? ($causes, $event) : $causes;
}

my ($causes, $event) = causes('i', 'UPDATE posture.initiative_metric SET weight = 2 WHERE metric_id = 2',
	undo => 'UPDATE posture.initiative_metric SET weight = 5 WHERE metric_id = 2');
is($causes, "weight_change|weight lowered from 5 to 2 by role risk_lead on $today",
	'a weight in an initiative');
like($event, qr/^\S+ points lost: \S+ by 'Two' \(weight lowered from 5 to 2 by role risk_lead on $today\)$/,
	'also in the sentence of its event');
is(causes('i', "UPDATE posture.metric SET importance = 'critical' WHERE key = 'm1'"),
	"weight_change|weight raised from 2.5 to 10 by role risk_lead on $today", 'the importance of a metric');
is(causes('i', "UPDATE posture.importance_weight SET weight = 20 WHERE importance = 'critical'"),
	"weight_change|weight raised from 10 to 20 by role risk_lead on $today", 'the weight of an importance');
($causes, $event) = causes('i', 'SET ROLE kim; INSERT INTO posture.initiative_metric VALUES (1, 3)');
is($causes, "metric_added|the metric was added by role risk_lead as kim on $today", 'a metric that was added');
like($event, qr/ by 'Three' \(added by role risk_lead as kim on $today\)/, 'also in the sentence');
is(causes('i', 'DELETE FROM posture.metric WHERE metric_id = 3'),
	"metric_removed|the metric was removed by role risk_lead on $today", 'a metric that was deleted');
is(causes('i', "UPDATE posture.initiative SET method = 'population'"),
	"method_change|the method was changed by role risk_lead on $today", 'the method');
is(causes('m1', 'INSERT INTO posture.metric_recommendation VALUES (1, 3), (1, 4)'),
	join("\n", (map { "recommendation_added|'R$_' was added by role risk_lead on $today" } 3, 4),
		"recommendation_added|several recommendations were added by role risk_lead on $today (5 assets newly exposed)"),
	'recommendations of a metric');
is(causes('m1', 'DELETE FROM posture.metric_recommendation WHERE recommendation_id = 3'),
	"recommendation_removed|'R3' was removed by role risk_lead on $today", 'one that was removed');
is(causes('m1', "UPDATE posture.source SET is_active = false WHERE key = 'other'"),
	"switched_off|'R4' was switched off by role risk_lead on $today", 'a source that was switched off');
is(causes('m1', "UPDATE posture.source SET is_active = true WHERE key = 'other'"),
	"switched_on|'R4' was switched on by role risk_lead on $today", 'and on');
is(causes('m1', "INSERT INTO posture.exemption (recommendation_id, kind, reason, created_at)
		VALUES (4, 'waived', 'x', now() - interval '1 minute')",
		undo => "UPDATE posture.exemption SET created_at = now() - interval '9 days'"),
	"exemption_given|an exemption from 'R4' was given by role risk_lead on $today", 'an exemption');
is(causes('m1', 'UPDATE posture.exemption SET expires_at = now()'),
	"exemption_ended|an exemption from 'R4' was ended by role risk_lead on $today", 'its end');
is(causes('m1', q{UPDATE posture.metric SET rule = '{"source": "scan", "key": "r1"}' WHERE key = 'm1'}),
	"recommendation_removed|'R4' was removed by role risk_lead on $today", 'a rule');

# several decide, and one who takes the decision back
is(causes('i', "UPDATE posture.initiative_metric SET weight = 7 WHERE metric_id = 2; SET ROLE kim;
	UPDATE posture.initiative_metric SET weight = 8 WHERE metric_id = 2"),
	"weight_change|weight raised from 5 to 8 by roles risk_lead and risk_lead as kim", 'two authors');

# what the log has of other days is no answer
is(causes('i', "UPDATE posture.initiative_metric SET weight = 9 WHERE metric_id = 2;
	UPDATE posture.change_log SET changed_at = changed_at - interval '1 day'
	WHERE changed_at = (SELECT max(changed_at) FROM posture.change_log)"),
	'weight_change|weight raised from 8 to 9', 'a change of another day has no author');
is(causes('i', "UPDATE posture.initiative_metric SET weight = 5 WHERE metric_id = 2;
	DELETE FROM posture.change_log"), 'weight_change|weight lowered from 9 to 5', 'nor has one that was not logged');
is(causes('i', "UPDATE posture.initiative_metric SET weight = 6 WHERE metric_id = 2;
	INSERT INTO posture.initiative OVERRIDING SYSTEM VALUE VALUES (7, 'j', 'J');
	INSERT INTO posture.initiative_metric VALUES (7, 2, 1);
	UPDATE posture.change_log SET changed_at = changed_at - interval '1 day'
	WHERE new = 'weight 6'"),
	'weight_change|weight raised from 5 to 6', 'nor one that is about another initiative');

$node->stop;
done_testing();
