# The longest texts: what has no limit is stored in full, and what has one is refused with
# an error of its own. A NUL is in no text.
# tests: source/load, source/load_object, finding/inbox, catalog/key, day/notification

use strict;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('long_text');
for my $db (qw(documents warehouse))
{
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, 'CREATE EXTENSION posture');
}
$node->safe_psql('warehouse', sample_sql());
my $ask = sub { $node->safe_psql('documents', shift) };

# NUL is in no text of PostgreSQL; a megabyte is in no field, or in full
for my $call (
	q{posture.load('posture', '{"type": "source", "key": "a\u0000b"}')},
	q{posture.load('ocsf', E'{"a": "\\\\u0000"}')})
{
	my ($rc, $out, $err) = query_as($node, 'documents', superuser(), "SELECT * FROM $call");
	like($err, qr/ERROR:  unsupported Unicode escape sequence/, "a NUL: $call");
}
is($ask->(<<'SQL'), "1\n1|has 1048703 bytes, more than 1048576\n1000000\n1000000", 'long texts');
SELECT rejected
FROM posture.load('posture', jsonb_build_object('type', 'source', 'key', 'long',
    'name', (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 32768) n),
    'product', repeat('x', 77)));
SELECT count(*), split_part(min(reason), ': ', 2) FROM posture.rejected;
INSERT INTO posture.source (key, name, product)
VALUES ('much', repeat('n', 1000000), repeat('p', 1000000));
INSERT INTO posture.inbox
VALUES ('much', 'r', 'a', 'compliant', now(), 'host', repeat('n', 1000000),
        to_jsonb(repeat('d', 1000000)));
SELECT FROM posture.ingest();
SELECT length(name) FROM posture.asset WHERE key = 'a';
SELECT length(f.details #>> '{}')
FROM posture.finding f JOIN posture.recommendation r USING (recommendation_id) WHERE r.key = 'r';
SQL

# A kind is what sets are stored by: one that is too long for that is told, wherever it
# comes from.
is($ask->(<<'SQL'), "0|1\n0|1\n1|1024\nt", 'long kinds');
CREATE TEMP TABLE kind AS
SELECT string_agg(md5(n::text), '') AS long FROM generate_series(1, 33) n;
INSERT INTO posture.inbox SELECT 'much', 'r', 'b', 'compliant', now(), long FROM kind;
SELECT loaded, rejected FROM posture.ingest();
SELECT loaded, rejected
FROM kind,
     posture.load('posture', jsonb_build_object('type', 'asset', 'key', 'c', 'kind', long));
INSERT INTO posture.inbox
SELECT 'much', 'r', 'd' || n, 'compliant', now(), left(long, 1024)
FROM kind, generate_series(1, 3) n;
SELECT FROM posture.ingest();
SELECT FROM posture.load('ocsf', (
    SELECT jsonb_build_array(jsonb_build_object(
               'class_uid', 2003, 'compliance', '{"status_id": 1}'::jsonb,
               'metadata', '{"product": {"name": "P"}}'::jsonb,
               'finding_info', '{"title": "T", "uid": "u"}'::jsonb,
               'resources', jsonb_build_array(jsonb_build_object('uid', 'e', 'type', long))))
    FROM kind));
SELECT FROM posture.fold();
SELECT count(*), max(octet_length(value)) FROM posture_internal.asset_set
WHERE attribute = 'kind' AND octet_length(value) > 100;
SELECT count(*) = 0 FROM posture.verify();
SQL

# cut off to 63 bytes, the name would be that of another role
is($ask->(<<'SQL'), '', 'rejected is told after the load');
SELECT l.rejected, r.reason
FROM posture.load('posture', jsonb_build_object('type', 'asset_group', 'key', 'long owner',
                                                'owner', repeat('o', 64))) l,
     posture.rejected r
WHERE r.reason LIKE '%owner%'
SQL
like($ask->(q{SELECT reason FROM posture.rejected WHERE reason LIKE '%owner%'}),
	qr/^\$: owner: name of a role has 64 bytes, more than 63: "o{40}\.\.\."$/,
	'a name that is too long owns nothing');

# The longest keys, of characters that JSON writes in six bytes, fit a notification.
is($node->safe_psql('warehouse', <<'SQL'), '2|2', 'events of the longest keys are notified');
\set key 'repeat(E''\\x01'', 1024)'
INSERT INTO posture.metric (key, name) VALUES (:key, repeat('m', 100000));
INSERT INTO posture.initiative (key, name) VALUES (:key, repeat('i', 100000));
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM posture.metric m, posture.recommendation r
WHERE m.key = :key AND r.key = 'r3';
INSERT INTO posture.initiative_metric
SELECT i.initiative_id, m.metric_id
FROM posture.initiative i JOIN posture.metric m USING (key) WHERE key = :key;
UPDATE posture.finding
SET state = 'compliant', changed_at = posture.day_end(posture.today() - 3)
WHERE recommendation_id IN (SELECT recommendation_id FROM posture.recommendation WHERE key = 'r3');
DELETE FROM posture.snapshot;
DELETE FROM posture.metric_snapshot;
DELETE FROM posture.initiative_snapshot;
DELETE FROM posture.event;
SELECT FROM posture.take_snapshot(posture.today() - 2);
UPDATE posture.finding
SET state = 'non_compliant', changed_at = posture.day_end(posture.today() - 2)
WHERE recommendation_id IN (SELECT recommendation_id FROM posture.recommendation WHERE key = 'r3');
CALL posture.run_daily();
SELECT count(*), count(*) FILTER (WHERE octet_length(cause) > 100000)
FROM posture.event_report WHERE object = :key AND drop > 0;
SQL

$node->stop;
done_testing();
