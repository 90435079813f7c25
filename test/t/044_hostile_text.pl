# Hostile text in every column of the inbox and in the names of the catalog is data: it is
# stored and reported as it is, and nothing of it runs.
# tests: finding/ingest

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my @texts = (
	q{'; DROP TABLE posture.finding; --}, q{"; DELETE FROM posture.asset; --},
	q{$$; SELECT 1/0; $$}, q{%s %I %L %1$s %%}, q{\\'; \\x00 \\n \\.},
	q{Robert'); DROP SCHEMA posture CASCADE;--}, q{<script>alert(1)</script>}, "a,b;c|d\te",
	"two\nlines", "\x{e9}t\x{e9} \x{1F512}", 'NULL', '{1-4}', q{$1 :x :'x' ${x}}, ' ');
my $n = 0;
my $values = join ', ', map {
	my $bytes = $_;
	utf8::encode($bytes);
	sprintf q{(%d, convert_from('\\x%s', 'UTF8'))}, ++$n, unpack('H*', $bytes)
} @texts;

my $node = new_node('text');
$node->safe_psql('postgres', 'CREATE ROLE risk_owner LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE warehouse OWNER risk_owner');
my $ask = sub { return query_as($node, 'warehouse', 'risk_owner', $_[0]) };
my ($rc, $out, $err) = $ask->("CREATE EXTENSION posture;\n" . sample_sql());
is($rc, 0, 'a warehouse') or diag $err;

($rc, $out, $err) = $ask->(<<"SQL");
CREATE TABLE public.hostile_text (n integer, t text);
INSERT INTO public.hostile_text VALUES $values;
INSERT INTO posture.source (key, name) SELECT t, t FROM public.hostile_text;
SELECT FROM posture.ingest();
INSERT INTO posture.inbox
SELECT t, t, t, 'non_compliant', now(), t, t, to_jsonb(t) FROM public.hostile_text;
INSERT INTO posture.inbox
SELECT 'no ' || t, t, t, 'compliant', now(), t, t, to_jsonb(t) FROM public.hostile_text;
INSERT INTO posture.inbox SELECT t, t, t, t, now(), t, t, to_jsonb(t) FROM public.hostile_text;
SQL
is($err, '', 'hostile text in every column of the inbox');
is(($ask->('SELECT loaded, changed, rejected FROM posture.ingest()'))[1],
	join('|', scalar(@texts), scalar(@texts), 2 * @texts), 'is loaded or rejected');
same_rows($node, 'warehouse', <<'SQL', <<'SQL', 'findings have it as it is');
SELECT s.key::text, r.key::text, r.title, a.key::text, a.kind, a.name, f.state::text, f.details
FROM posture.finding f JOIN posture.recommendation r USING (recommendation_id)
JOIN posture.source s USING (source_id) JOIN posture.asset a USING (asset_id)
WHERE s.key NOT IN ('scan', 'cloud')
SQL
SELECT t, t, t, t, t, t, 'non_compliant', to_jsonb(t) FROM public.hostile_text
SQL
same_rows($node, 'warehouse', <<'SQL', <<'SQL', 'so have rejected rows');
SELECT source, recommendation, asset, state, asset_kind, asset_name, details
FROM posture.rejected WHERE source NOT IN ('scan', 'cloud', 'nobody')
SQL
SELECT 'no ' || t, t, t, 'compliant', t, t, to_jsonb(t) FROM public.hostile_text
UNION ALL
SELECT t, t, t, t, t, t, to_jsonb(t) FROM public.hostile_text
SQL
like(($ask->(q{SELECT sum(closed) FROM public.hostile_text, posture.source s,
		LATERAL posture.ingest(s.key, s.key) WHERE s.key = t}))[2],
	qr/no finding of source/, 'it is data as an argument');

($rc, $out, $err) = $ask->(<<'SQL');
INSERT INTO posture.metric (key, name) SELECT t, t FROM public.hostile_text;
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id
FROM posture.metric m JOIN posture.recommendation r ON r.key = m.key
JOIN public.hostile_text ON t = m.key;
INSERT INTO posture.initiative (key, name) SELECT t, t FROM public.hostile_text;
INSERT INTO posture.initiative_metric
SELECT initiative_id, metric_id
FROM posture.metric m JOIN posture.initiative i ON i.key = m.key
JOIN public.hostile_text ON t = m.key;
UPDATE posture.finding
SET state = 'compliant', changed_at = posture.day_end(posture.today() - 1)
WHERE recommendation_id IN (
    SELECT recommendation_id FROM posture.metric_recommendation
    JOIN posture.metric USING (metric_id) JOIN public.hostile_text ON t = key);
SELECT FROM posture.take_snapshot();
UPDATE posture.metric_snapshot SET day = day - 1 WHERE key IN (SELECT t FROM public.hostile_text);
UPDATE posture.initiative_snapshot SET day = day - 1
WHERE key IN (SELECT t FROM public.hostile_text);
UPDATE posture.initiative_metric_snapshot SET day = day - 1
WHERE day = posture.today() AND initiative_id IN (
    SELECT initiative_id FROM posture.initiative JOIN public.hostile_text ON t = key);
INSERT INTO posture.inbox SELECT t, t, t, 'non_compliant' FROM public.hostile_text;
SELECT FROM posture.ingest();
SELECT FROM posture.take_snapshot();
SQL
is("$rc$err", '0', 'metrics and initiatives of such names drop');
same_rows($node, 'warehouse', <<'SQL', <<'SQL', 'the sentence of the cause has the name as it is');
SELECT object, name, drop FROM posture.event_report
WHERE object IN (SELECT t FROM public.hostile_text) AND kind = 'initiative_score_drop'
  AND starts_with(cause, format('100.0 points lost: 100.0 by ''%s''', name))
SQL
SELECT t, t, 100.000000 FROM public.hostile_text
SQL
is(($ask->(q{SELECT count(*) FROM public.hostile_text, posture.metric_assets(t) s
		WHERE posture.cardinality(s) = 1}))[1], scalar(@texts), 'metric_assets() finds the key');

$node->stop;
done_testing();
