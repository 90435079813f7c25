# What the tests of a full disk share: a warehouse, a delivery that needs room, and what
# must hold whatever happens.
package TestDisk;

use strict;
use warnings;
use Exporter 'import';
use TestOracle;

our @EXPORT = qw(disk_conf disk_setup_sql delivery try_it);

sub disk_conf
{
	return <<'CONF';
autovacuum = off
max_wal_size = 4MB
min_wal_size = 2MB
wal_level = minimal
max_wal_senders = 0
log_min_messages = warning
CONF
}

sub disk_setup_sql
{
	return "CREATE EXTENSION posture;\n" . oracle_sql() . <<'SQL';
UPDATE posture_internal.history_start SET day = day - 9;
INSERT INTO posture.source (key, name) VALUES ('scan', 'Scanner');
-- in 19 chunks and two slices
INSERT INTO posture.asset (asset_id, key, name) OVERRIDING SYSTEM VALUE
SELECT a * 1000, 'a' || a, 'A' FROM generate_series(1, 1200) a;
ALTER TABLE posture.asset ALTER asset_id RESTART WITH 3000000;
INSERT INTO posture.recommendation (source_id, key, title)
SELECT s.source_id, 'r' || r, 'R' FROM posture.source s, generate_series(1, 10) r;
INSERT INTO posture.metric (key, name) VALUES ('m1', 'M'), ('m2', 'M');
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM posture.metric m, posture.recommendation r
WHERE m.key = 'm1' OR r.recommendation_id % 2 = 0;
INSERT INTO posture.initiative (key, name) VALUES ('i', 'I');
INSERT INTO posture.initiative_metric
SELECT i.initiative_id, m.metric_id FROM posture.initiative i, posture.metric m;
CREATE SCHEMA disk;
CREATE VIEW disk.error AS
    TABLE oracle.count_error
    UNION ALL
    TABLE oracle.verify_error
    UNION ALL
    SELECT 'half a snapshot', s.day::text FROM posture.snapshot s
    WHERE (SELECT count(*) FROM posture.metric_snapshot m WHERE m.day = s.day) <> 2
       OR (SELECT count(*) FROM posture.initiative_snapshot i WHERE i.day = s.day) <> 1
    UNION ALL
    TABLE oracle.temporary_table;
-- the data that could be lost or doubled
CREATE VIEW disk.truth AS
    SELECT (SELECT count(*) FROM posture.inbox) AS inbox,
           (SELECT count(*) FROM posture.rejected) AS rejected,
           (SELECT count(*) FROM posture.snapshot) AS days,
           (SELECT count(*) FROM posture.event) AS events,
           (SELECT count(*) FROM posture.asset) AS assets,
           (SELECT md5(string_agg(f::text, ',' ORDER BY recommendation_id, asset_id))
            FROM posture.finding f) AS findings;
SQL
}

# returns a query for a delivery of all findings, a new one each time
my $n = 0;

sub delivery
{
	$n++;
	return <<"SQL";
SELECT 'scan', 'r' || r, 'a' || a,
       (ARRAY['compliant', 'non_compliant', 'not_applicable'])[1 + (a * r + $n) % 3],
       posture.day_end(posture.today() - 3) + interval '$n minutes', 'host', 'A',
       jsonb_build_object('n', a)
FROM generate_series(1, 1200) a, generate_series(1, 10) r
SQL
}

# Runs SQL. Returns its error or '', and, while the disk is as it is, the rows of
# disk.error and of disk.truth.
sub try_it
{
	my ($node, $db, $sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql($db, "\\set VERBOSITY verbose\n$sql;\n\\echo == error\nTABLE disk.error;\n"
		  . "\\echo == truth\nTABLE disk.truth;\n",
		stderr => \$err, stdout => \$out, on_error_stop => 0);
	my ($fault, $truth) = $out =~ /^== error\n(.*)^== truth\n(.*)/ms;
	my ($error) = $err =~ /((?:ERROR|PANIC|FATAL):.*|.*server closed the connection.*)/;
	return ($error // '', $fault // "none: $err", $truth // "none: $err");
}

1;
