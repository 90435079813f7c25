# The label of a recommendation is looked up by index: a catalog of thousands is not read
# once for each label.
# tests: catalog/recommendation

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('label_index');
$node->safe_psql('postgres', 'CREATE EXTENSION posture');
$node->safe_psql('postgres', <<'SQL');
INSERT INTO posture.source (key, name) VALUES ('s1', 'One'), ('s2', 'Two');
INSERT INTO posture.recommendation (source_id, key, title)
SELECT s.source_id, 'r' || n, 'R' FROM posture.source s, generate_series(1, 5000) n
WHERE s.key = 's1' OR n <= 100;
ANALYZE posture.recommendation;
SQL
my $ask = sub { $node->safe_psql('postgres', shift) };

is($ask->(<<'SQL'), "5100|200\nt", 'labels of all recommendations, without reading all for each');
BEGIN;
SELECT count(DISTINCT l), count(*) FILTER (WHERE l LIKE '%:%')
FROM posture.recommendation r, posture_internal.recommendation_label(r.recommendation_id) l;
SELECT pg_stat_get_xact_tuples_returned('posture.recommendation'::regclass) < 10 * 5100;
COMMIT;
SQL
for my $names ("'{r4999,s1:r7}'", "'{r4999}'")
{
	is($ask->(<<"SQL"), "t\nt", "recommendations named $names are found by index");
BEGIN;
SELECT cardinality(posture_internal.recommendations_of($names)) > 0;
SELECT pg_stat_get_xact_tuples_returned('posture.recommendation'::regclass) < 100;
COMMIT;
SQL
}

$node->stop;
done_testing();
