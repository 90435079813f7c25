# One session works for long: its memory stays what it was.
#
# POSTURE_ROUNDS: how many times the calls given below (0.5).

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

plan skip_all => 'no /proc/PID/status here' unless -r '/proc/self/status';

my $rounds = $ENV{POSTURE_ROUNDS} // 0.5;
# In kB. With fewer calls the bounds shrink, so that a call may leave as much behind.
my $share = $rounds < 1 ? $rounds : 1;
my $tolerance = 2 * 1024 * $share;
my $sanitized = `pg_config --cflags` =~ /-fsanitize/;
# RssAnon: what it has of its own, without what it touched of shared memory
my $node = new_node('memory', "shared_buffers = 8MB\ntemp_buffers = 1MB\nautovacuum = off\nclient_min_messages = warning\n");
$node->safe_psql('postgres', 'CREATE EXTENSION posture');
$node->safe_psql('postgres', sample_sql());
$node->safe_psql('postgres', <<'SQL');
CREATE SCHEMA memory;
CREATE TABLE memory.seen (what text, calls integer, kb integer, context_kb integer);
CREATE PROCEDURE memory.look(what text, calls integer) LANGUAGE sql AS $$
    INSERT INTO memory.seen
    SELECT what, calls, (regexp_match(pg_read_file('/proc/' || pg_backend_pid() || '/status', 0, 8192), 'RssAnon:\s+(\d+) kB'))[1]::integer,
           (SELECT sum(used_bytes) / 1024 FROM pg_backend_memory_contexts WHERE name <> 'LocalBufferContext')
$$;
CREATE PROCEDURE memory.deliver(n integer) LANGUAGE sql AS $$
    INSERT INTO posture.inbox
    SELECT 'scan', 'r' || (n + a) % 4 + 1, 'a' || a, CASE WHEN (n + a) % 3 = 0 THEN 'non_compliant' ELSE 'compliant' END,
           clock_timestamp(), 'host', NULL, jsonb_build_object('n', n)
    FROM generate_series(1, 5) a
$$;
SQL

# More calls before those that count: they fill the caches of the session, and the C
# library finds out how much freed memory to keep.
my $warm_up = 30;

# One session, a statement a call as a client makes them. Before the last four fifths of
# the calls it has had all the memory that it needs, at one moment or another.
sub flat
{
	my ($what, $calls, $statement, $pieces, $kept) = @_;
	$calls *= $rounds;
	# of each temporary table that was, PostgreSQL keeps some 240 bytes in the
	# caches of the session: that many kB for each call that the long form has more
	$kept = $rounds > 1 ? ($kept // 0) * ($calls - $calls / $rounds) : 0;
	my $first_calls = $warm_up + int($calls / 5);
	my $last_call = $warm_up + $calls;
	my $script = '';
	for my $n (1 .. $last_call)
	{
		$script .= sprintf($statement, $n) . ";\n";
		$script .= "CALL memory.look('$what', $n);\n"
		  if $n == $first_calls || $n == $last_call || $n % int($calls / 10) == 0;
		# what is dead must not grow the tables that are read
		$script .= "VACUUM posture.inbox, posture.finding, posture.metric_snapshot, posture.initiative_snapshot, posture.recommendation_snapshot, posture_internal.finding_delta, posture_internal.finding_set, posture_internal.finding_history, posture_internal.object_count, pg_class, pg_attribute, pg_type, pg_depend;\n"
		  if ($n - $warm_up) % 500 == 0;
	}
	my ($out, $err) = ('', '');
	my $rc = $node->psql('postgres', $script, stdout => \$out, stderr => \$err, on_error_stop => 1);
	is("$rc$err", '0', "$calls calls: $what");
	my ($first, $first_context, $last, $last_context) = split /\|/, $node->safe_psql('postgres', <<SQL);
SELECT max(kb) FILTER (WHERE calls <= $first_calls), max(context_kb) FILTER (WHERE calls <= $first_calls),
       max(kb) FILTER (WHERE calls = $last_call), max(context_kb) FILTER (WHERE calls = $last_call)
FROM memory.seen WHERE what = '$what'
SQL
	diag("$what: $first kB in the first $first_calls calls, $last kB after $last_call; of it in contexts $first_context and $last_context kB");
	cmp_ok($last_context - $first_context, '<', $tolerance + $kept, "memory contexts stay: $what");
	# a sanitizer holds on to what was freed, to find who still uses it
	return if $sanitized;
	# what is freed and in pieces grows for a while, where a call makes many plans
	cmp_ok($last - $first, '<', (defined $pieces ? $pieces * $share : $tolerance) + $kept, "memory stays: $what");
	return;
}

# it folds by itself now and then: with a fold each time, the peak comes early
flat('ingest()', 1000, "CALL memory.deliver(%d);\nSELECT FROM posture.ingest();\nSELECT FROM posture.fold()", 8 * 1024, 0.8);
flat('ingest() of nothing', 2500, 'SELECT FROM posture.ingest() /* %d */', undef, 0.8);
flat('ingest(), rolled back', 500, "BEGIN;\nCALL memory.deliver(%d);\nSELECT FROM posture.ingest();\nROLLBACK", undef, 1.2);
flat('ingest() that fails', 1000, q{DO $$ BEGIN PERFORM posture.ingest('nobody %d'); EXCEPTION WHEN undefined_object THEN NULL; END $$});
flat('load() of JSON', 300, q{SELECT FROM posture.load('ocsf', jsonb_build_array(jsonb_build_object('class_uid', 2004, 'status_code', CASE WHEN %d %% 2 = 0 THEN 'FAIL' ELSE 'PASS' END,
    'metadata', '{"event_code": "c", "product": {"name": "Prowler"}}'::jsonb, 'resources', '[{"uid": "arn:aws:s3:::bucket", "data": {"a": [1, 2, 3]}}]'::jsonb), 5))}, 4 * 1024, 2.4);
flat('load() of XML', 300, q{SELECT FROM posture.load('xccdf', format('<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2" end-time="2026-01-01T00:00:00Z"><target>h</target><rule-result idref="r"><result>%%s</result></rule-result></TestResult>',
    CASE WHEN %d %% 2 = 0 THEN 'fail' ELSE 'pass' END))}, 4 * 1024, 3.2);
flat('load() that fails', 500, q{DO $$ BEGIN PERFORM posture.load('xccdf', '<a>%d</b>'); EXCEPTION WHEN OTHERS THEN NULL; END $$});
flat('export()', 200, 'SELECT count(*) FROM posture.export() /* %d */');
flat('a statement on finding', 10000, q{UPDATE posture.finding SET state = CASE state WHEN 'compliant' THEN 'non_compliant' ELSE 'compliant' END::posture.finding_state
    WHERE asset_id = 1 + %d %% 4});
flat('fold()', 200, q{UPDATE posture.finding SET state = CASE state WHEN 'compliant' THEN 'non_compliant' ELSE 'compliant' END::posture.finding_state;
    SELECT FROM posture.fold() /* %d */});
flat('rebuild()', 100, 'SELECT FROM posture.rebuild() /* %d */');
# folded now and then, because what is not takes memory to read
flat('reading what is not folded', 300, q{UPDATE posture.finding SET state = CASE state WHEN 'compliant' THEN 'non_compliant' ELSE 'compliant' END::posture.finding_state
    WHERE asset_id = 1 + %1$d %% 4;
    SELECT count(*) FROM posture.overview;
    SELECT FROM posture.fold() WHERE %1$d %% 20 = 0}, 8 * 1024);
flat('take_snapshot()', 100, 'SELECT FROM posture.take_snapshot() /* %d */');
flat('overview', 300, 'SELECT count(*) FROM posture.overview /* %d */');
flat('plan()', 200, q{SELECT count(*) FROM posture.initiative i CROSS JOIN LATERAL posture.plan(i.key, '100') p /* %d */});
flat('group_report', 200, 'SELECT count(*) FROM posture.group_report /* %d */');
flat('assetset', 1500, q{SELECT posture.cardinality(posture.assetset_agg(g %% 70000)) FROM generate_series(%d, %1$d + 3000) g});
flat('operators on sets', 1000, q{SELECT count(*) FROM generate_series(%d, %1$d + 1000) g
    WHERE ((ARRAY[g, g + 5]::posture.assetset OPERATOR(posture.|) '{1-70000}') OPERATOR(posture.&) ARRAY[g, 7]::posture.assetset)
        OPERATOR(posture.@>) ('{7,8}'::posture.assetset OPERATOR(posture.-) '{8}' OPERATOR(posture.#) ARRAY[g]::posture.assetset)});

$node->stop;
done_testing();
