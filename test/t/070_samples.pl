# Real documents, where they are beside the project: loaded as they are, twice,
# in both orders, and the counts that are known of them.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $samples = $ENV{POSTURE_SAMPLES} // "$FindBin::RealBin/../../../shared/data";
plan skip_all => "no real documents in $samples" unless -d $samples;

my $node = new_node('samples');
my @documents = (
	[ 'graph-secure-scores', 'graph/secure_scores.json' ],
	[ 'graph-secure-score-profiles', 'graph/secure_score_control_profiles.json' ],
	[ 'azure-assessments', 'azure/assessments.json' ],
	[ 'azure-secure-score-controls', 'azure/secure_score_controls.json' ],
	[ 'ocsf', 'ocsf/example_output_aws.ocsf.json' ],
	[ 'ocsf', 'ocsf/example_output_kubernetes.ocsf.json' ],
	[ 'asff', 'asff/prowler_sample.json' ],
	[ 'asff', 'asff/rhel7_V-71931_asff.json' ],
	[ 'prowler-checks', 'prowler/checks_azure.ndjson' ],
	[ 'compliance-framework', 'prowler/hipaa_azure.json' ],
	[ 'compliance-framework', 'prowler/prowler_threatscore_azure.json' ],
	[ 'xccdf', 'xccdf/openscap-rhel7.xml' ],
	[ 'xccdf', 'xccdf/scc-rhel7.xml' ]);

# as a person loads a file in psql
sub load
{
	my ($db, $format, $file) = @_;
	my ($out, $err) = ('', '');
	my $rc = $node->psql($db, "\\set document `cat '$samples/$file'`\nSELECT * FROM posture.load('$format', :'document');",
		stdout => \$out, stderr => \$err, on_error_stop => 1);
	return $rc ? $err : $out;
}

sub value { return $node->safe_psql($_[0], $_[1]) }

for my $order ('as listed', 'backwards')
{
	my $db = $order eq 'backwards' ? 'backwards' : 'listed';
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, 'CREATE EXTENSION posture');
	# packs before the documents, or after them
	my $packs = q{SELECT i.* FROM posture.pack() p, posture.install_pack(p.pack) i WHERE p.pack <> 'postgresql'};
	$node->safe_psql($db, $packs) if $order eq 'backwards';
	my @files = $order eq 'backwards' ? reverse @documents : @documents;
	my %first = map { $_->[1] => load($db, @$_) } @files;
	is(value($db, q{SELECT count(*) FROM posture.rejected}), '0', "$order: nothing is rejected") or diag explain \%first;
	like($first{'asff/rhel7_V-71931_asff.json'}, qr/\|1\|$/, "$order: the finding that is none of compliance is left out");
	my @changes = grep { load($db, @$_) !~ /^\d+\|0\|/ } @files;
	is(scalar @changes, 0, "$order: loading again changes nothing") or diag explain \@changes;
	is($first{'prowler/checks_azure.ndjson'}, '191|191|0|0|0|0|', "$order: 191 checks");
	is($first{'graph/secure_score_control_profiles.json'}, '200|200|0|0|0|0|', "$order: 200 profiles");
	like($first{'graph/secure_scores.json'}, qr/^68\|68\|0\|0\|0\|0\|$/, "$order: 68 controls");

	is(value($db, q{SELECT sum(m.achieved), sum(m.possible)::float8 FROM posture.measure m JOIN posture.recommendation USING (recommendation_id) JOIN posture.source s USING (source_id)
		WHERE s.key = 'microsoft-secure-score'}), '128|274', "$order: 128 of the tenant's 274 points");
	is(value($db, q{SELECT score FROM posture.overview WHERE initiative = 'microsoft-secure-score'}), '46.715328', "$order: in percent");
	is(value($db, q{SELECT round(sum(weight * score) / 100, 2), sum(weight) FROM posture.metric_report WHERE initiative = 'defender-for-cloud' AND score IS NOT NULL}),
		'23.53|39', "$order: 23.53 of 39 points of the controls");
	is(value($db, q{SELECT round(score, 2) FROM posture.overview WHERE initiative = 'defender-for-cloud'}), '60.34', "$order: which is 60.3 percent");
	for my $scan ([ 'openscap', 43, 180 ], [ 'scc', 172, 178 ])
	{
		my ($source, $passed, $all) = @$scan;
		is(value($db, qq{SELECT count(*) FILTER (WHERE f.state = 'compliant'), count(*) FILTER (WHERE f.state <> 'not_applicable')
			FROM posture.finding f JOIN posture.recommendation USING (recommendation_id) JOIN posture.source s USING (source_id) WHERE s.key = '$source'}),
			"$passed|$all", "$order: $source passed $passed of $all");
		$node->safe_psql($db, qq{
			INSERT INTO posture.initiative (key, name) VALUES ('$source', '$source');
			INSERT INTO posture.initiative_recommendation
			SELECT i.initiative_id, r.recommendation_id FROM posture.initiative i, posture.recommendation r JOIN posture.source s USING (source_id)
			WHERE i.key = '$source' AND s.key = '$source'});
		is(value($db, qq{SELECT score FROM posture.overview WHERE initiative = '$source'}),
			value($db, qq{SELECT posture.score($all - $passed, $all)}), "$order: as a score of points");
	}
	is(value($db, q{SELECT i.key, count(*), count(DISTINCT im.weight) > 1 FROM posture.initiative i JOIN posture.initiative_metric im USING (initiative_id)
		WHERE i.key ~ 'azure' GROUP BY 1 ORDER BY 1}), "hipaa-azure|34|f\nprowlerthreatscore-1.0-azure|76|t", "$order: requirements as metrics");
	$node->safe_psql($db, $packs);
	is(value($db, q{SELECT string_agg(key, ' ' ORDER BY key) FROM posture.metric m
		WHERE rule IS NOT NULL AND NOT EXISTS (SELECT FROM posture.metric_recommendation x WHERE x.metric_id = m.metric_id)}),
		'secure-score-device secure-score-infrastructure', "$order: the metrics of packs pick something, but where no document has anything");
	is(value($db, q{SELECT count(*) FROM posture.verify()}), '0', "$order: kept as recomputed");
}

# both orders end in the same
for my $what ('recommendation_report', 'metric_report', 'overview')
{
	my $columns = $what eq 'recommendation_report' ? 'source, recommendation, title, state, severity, workload, domain, exposed_assets, assessed_assets, metrics, remediation, markup'
	  : $what eq 'metric_report' ? 'initiative, metric, name, state, score, exposed_assets, assessed_assets, weight' : 'initiative, name, kind, score, metrics';
	is(value('listed', "SELECT $columns FROM posture.$what ORDER BY 1, 2"), value('backwards', "SELECT $columns FROM posture.$what ORDER BY 1, 2"), "$what is the same in whatever order");
}

# and an export moves all of it
$node->safe_psql('postgres', 'CREATE DATABASE moved');
$node->safe_psql('moved', 'CREATE EXTENSION posture');
my $file = PostgreSQL::Test::Utils::tempdir() . '/catalog.ndjson';
append_to_file($file, value('listed', 'SELECT posture.export()') . "\n");
my ($out, $err) = ('', '');
$node->psql('moved', "\\set document `cat '$file'`\nSET client_min_messages = warning; SELECT rejected FROM posture.load('posture', :'document');", stdout => \$out, stderr => \$err);
is("$out$err", '0', 'an export loads');
is(value('moved', 'SELECT posture.export()'), value('listed', 'SELECT posture.export()'), 'and exports the same');
is(value('moved', 'SELECT initiative, score FROM posture.overview ORDER BY 1'), value('listed', 'SELECT initiative, score FROM posture.overview ORDER BY 1'), 'with the same scores');

$node->stop;
done_testing();
