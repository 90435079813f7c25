# A disk that is full: while findings arrive, are folded, and a day is kept.
# What does not fit is refused with a clear error and leaves nothing half done,
# and works as soon as there is room. Then the disk of the write-ahead log.
#
# It needs two small file systems: POSTURE_TMPFS names a directory that has them
# mounted as data and wal, of some ten megabytes each. By itself it makes them in
# a mount namespace of its own; where the kernel does not allow that, or with
# POSTURE_TMPFS= empty, files that may not grow take their place.
#
# POSTURE_DISK_PAGES: how many pages of room there are at the second try (12); with
# less than 12, more comes in small steps.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use File::Temp qw(tempdir);

# before the modules below take stdout
BEGIN
{
	if (!defined $ENV{POSTURE_TMPFS})
	{
		my $disks = tempdir(CLEANUP => 1);
		mkdir "$disks/$_" or die "$disks/$_: $!" for qw(data wal);
		# root in there may mount, but not run a server
		my @inside = ('unshare', '-rm', 'sh', '-c', q{mount -t tmpfs -o size=40m tmpfs "$1/data" && mount -t tmpfs -o size=24m tmpfs "$1/wal" &&
uid=$2 gid=$3 && shift 3 && exec unshare -U --map-user="$uid" --map-group="$gid" -- "$@"}, 'sh', $disks, $<, $( + 0);
		if (system('sh', '-c', 'exec "$@" 2>/dev/null', 'sh', @inside, 'true') == 0)
		{
			local $ENV{POSTURE_TMPFS} = $disks;
			my $status = system(@inside, $^X, (map { "-I$_" } @INC), $0);
			exit($status > 255 ? $status >> 8 : $status);
		}
	}
}
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $disks = $ENV{POSTURE_TMPFS};
my $pages = $ENV{POSTURE_DISK_PAGES} // 12;

# ---- what is done there, and what has to be so whatever happens ----

my $conf = "fsync = off\njit = off\nautovacuum = off\nmax_wal_size = 4MB\nmin_wal_size = 2MB\nwal_level = minimal\nmax_wal_senders = 0\nlog_min_messages = warning\n";
my $setup = <<'SQL';
CREATE EXTENSION posture;
INSERT INTO posture.source (key, name) VALUES ('scan', 'Scanner');
-- in 19 chunks and two slices
INSERT INTO posture.asset (asset_id, key, name) SELECT a * 1000, 'a' || a, 'A' FROM generate_series(1, 1200) a;
ALTER TABLE posture.asset ALTER asset_id RESTART WITH 3000000;
INSERT INTO posture.recommendation (source_id, key, title) SELECT s.source_id, 'r' || r, 'R' FROM posture.source s, generate_series(1, 10) r;
INSERT INTO posture.metric (key, name) VALUES ('m1', 'M'), ('m2', 'M');
INSERT INTO posture.metric_recommendation SELECT m.metric_id, r.recommendation_id FROM posture.metric m, posture.recommendation r WHERE m.key = 'm1' OR r.recommendation_id % 2 = 0;
INSERT INTO posture.initiative (key, name) VALUES ('i', 'I');
INSERT INTO posture.initiative_metric SELECT i.initiative_id, m.metric_id FROM posture.initiative i, posture.metric m;
CREATE SCHEMA disk;
CREATE VIEW disk.oracle AS
    SELECT metric_id, count(DISTINCT asset_id) FILTER (WHERE state = 'non_compliant') AS exposed,
           count(DISTINCT asset_id) FILTER (WHERE state <> 'not_applicable') AS assessed
    FROM posture.metric LEFT JOIN posture.metric_recommendation USING (metric_id) LEFT JOIN posture.finding USING (recommendation_id)
    GROUP BY metric_id;
CREATE VIEW disk.fault AS
    SELECT 'kept' AS fault, x::text FROM (SELECT metric_id, exposed, assessed FROM posture_internal.metric_state('infinity') EXCEPT ALL TABLE disk.oracle) x
    UNION ALL
    SELECT 'recomputed', x::text FROM (TABLE disk.oracle EXCEPT ALL SELECT metric_id, exposed, assessed FROM posture_internal.metric_state('infinity')) x
    UNION ALL
    SELECT 'verify', v::text FROM posture.verify() v
    UNION ALL
    SELECT 'half a snapshot', s.day::text FROM posture.snapshot s
    WHERE (SELECT count(*) FROM posture.metric_snapshot m WHERE m.day = s.day) <> 2
       OR (SELECT count(*) FROM posture.initiative_snapshot i WHERE i.day = s.day) <> 1
    UNION ALL
    SELECT 'temporary table', relname FROM pg_class WHERE relpersistence = 't';
-- all that is there to be lost or doubled
CREATE VIEW disk.truth AS
    SELECT (SELECT count(*) FROM posture.inbox) AS inbox, (SELECT count(*) FROM posture.rejected) AS rejected, (SELECT count(*) FROM posture.snapshot) AS days,
           (SELECT count(*) FROM posture.event) AS events, (SELECT count(*) FROM posture.asset) AS assets,
           (SELECT md5(string_agg(f::text, ',' ORDER BY recommendation_id, asset_id)) FROM posture.finding f) AS findings;
SQL

# a delivery of everything, each another one
my $n = 0;
sub delivery
{
	$n++;
	return "SELECT 'scan', 'r' || r, 'a' || a, (ARRAY['compliant', 'non_compliant', 'not_applicable'])[1 + (a * r + $n) % 3],
		posture.day_end(posture.today() - 3) + interval '$n minutes', 'host', 'A', jsonb_build_object('n', a) FROM generate_series(1, 1200) a, generate_series(1, 10) r";
}

# [ what, SQL ]: with a full disk each fails, and with some room works
sub work
{
	return (
		[ 'what arrives' => 'INSERT INTO posture.inbox ' . delivery() ],
		[ 'ingest()' => 'SELECT FROM posture.ingest()' ],
		[ 'findings that change' => 'UPDATE posture.finding SET state = (ARRAY[\'compliant\', \'non_compliant\'])[1 + (asset_id / 1000 + recommendation_id) % 2]::posture.finding_state, changed_at = posture.day_end(posture.today() - 2) + interval \'1 hour\' WHERE asset_id % 3000 > 0' ],
		[ 'fold()' => 'SELECT FROM posture.fold()' ],
		[ 'run_daily()' => 'CALL posture.run_daily()' ],
		[ 'findings that go' => 'DELETE FROM posture.finding WHERE recommendation_id > 8 OR asset_id % 7000 = 0' ],
		[ 'rebuild()' => 'SELECT FROM posture.rebuild()' ],
		[ 'load()' => q{SELECT FROM posture.load('posture', (SELECT jsonb_agg(jsonb_build_object('type', 'finding', 'source', 'scan', 'recommendation', 'r' || r, 'asset', 'b' || a, 'state', 'non_compliant'))
			FROM generate_series(1, 1000) a, generate_series(1, 10) r))} ]);
}

# Runs it: what an error says, '' for none; and, while the disk is as it is, what
# is at fault, and the truth.
sub try_it
{
	my ($node, $db, $sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql($db, "\\set VERBOSITY verbose\n$sql;\n\\echo == fault\nTABLE disk.fault;\n\\echo == truth\nTABLE disk.truth;\n",
		stderr => \$err, stdout => \$out, on_error_stop => 0);
	my ($fault, $truth) = $out =~ /^== fault\n(.*)^== truth\n(.*)/ms;
	return ($err =~ /((?:ERROR|PANIC|FATAL):.*|.*server closed the connection.*)/ ? $1 : '', $fault // "none: $err", $truth // "none: $err");
}

# ---- files that may not grow ----

if (!$disks)
{
	diag('no small file system: files that may not grow instead');
	my $node = new_node('disk', $conf, extra => ['--wal-segsize=1']);
	$node->safe_psql('postgres', $setup);
	my $truth = $node->safe_psql('postgres', 'TABLE disk.truth');
	$node->stop;
	my @start = map { s/'/'\\''/gr } 'pg_ctl', '-w', '-s', '-D', $node->data_dir, '-l', $node->logfile, 'start';
	# 512 bytes each
	is(system("ulimit -f 2048 && " . join ' ', map { "'$_'" } @start), 0, 'started with files of 1 MB at most');
	$node->_update_pid(1);
	my $delivery = delivery();
	like((try_it($node, 'postgres', "INSERT INTO posture.inbox $delivery"))[0], qr/could not extend file .*File too large/, 'what does not fit is refused with a clear error');
	is($node->safe_psql('postgres', 'TABLE disk.truth'), $truth, 'and nothing of it is there');
	$node->restart;
	$node->safe_psql('postgres', "INSERT INTO posture.inbox $delivery");
	$truth = $node->safe_psql('postgres', 'TABLE disk.truth');
	$node->stop;
	system("ulimit -f 2048 && " . join ' ', map { "'$_'" } @start);
	$node->_update_pid(1);
	like((try_it($node, 'postgres', 'SELECT FROM posture.ingest()'))[0], qr/could not extend file .*File too large/, 'nor is ingest()');
	is($node->safe_psql('postgres', 'TABLE disk.truth'), $truth, 'the inbox has everything');
	is($node->safe_psql('postgres', 'TABLE disk.fault'), '', 'what is kept is what is recomputed');
	$node->restart;
	$node->safe_psql('postgres', 'SELECT FROM posture.ingest(); SELECT FROM posture.fold(); CALL posture.run_daily()');
	is($node->safe_psql('postgres', 'SELECT (SELECT count(*) FROM posture.inbox), (SELECT count(*) FROM posture.finding)'), '0|12000', 'with room it goes on');
	is($node->safe_psql('postgres', 'TABLE disk.fault'), '', 'and all is as it should be');
	$node->stop;
	done_testing();
	exit;
}

# ---- small file systems ----

# Leaves so much room, in bytes.
sub leave
{
	my ($disk, $room) = @_;
	unlink "$disks/$disk/filler";
	return if !defined $room;
	open my $file, '>', "$disks/$disk/filler" or die "filler: $!";
	binmode $file;
	my ($size, $page) = (0, "\0" x 4096);
	while (defined(my $written = syswrite $file, $page))
	{
		$size += $written;
	}
	truncate $file, $size > $room ? $size - $room : 0;
	close $file;
	return;
}

unlink glob "$disks/*/filler";
my $wal = "$disks/wal/pg_wal";
my $node = new_node('disk', $conf, extra => [ '--wal-segsize=1', '-X', $wal ]);
mkdir "$disks/data/space" or die "$disks/data/space: $!";
$node->safe_psql('postgres', "CREATE TABLESPACE small LOCATION '$disks/data/space'");
$node->safe_psql('postgres', 'CREATE DATABASE small TABLESPACE small');
$node->safe_psql('small', $setup);

my %refused;
for my $work (work())
{
	my ($what, $sql) = @$work;
	my ($room, $error, $fault, $now) = (0);
	my @otherwise;
	my $truth = $node->safe_psql('small', 'TABLE disk.truth');
	for (;;)
	{
		leave('data', $room);
		($error, $fault, $now) = try_it($node, 'small', $sql);
		push @otherwise, "with $room bytes: $fault" if $fault ne '';
		last if $error eq '' || $room > 64_000_000;
		$refused{$what}++;
		push @otherwise, "with $room bytes: $error" if $error !~ /ERROR:  (?:53100: could not|P0001: the run for .* failed: could not).*(?:No space left on device|wrote only)/;
		# the job keeps what it had room for
		push @otherwise, "with $room bytes: $now, was $truth"
		  if $what eq 'run_daily()' ? $now =~ s/.*\|//sr ne $truth =~ s/.*\|//sr : $now ne $truth;
		$room = int(($pages < 12 ? 1.2 : 4) * $room / 8192 + $pages) * 8192;
		leave('data', undef);
		# what failed left its pages behind; and PostgreSQL writes a file when the first connects after that
		$node->safe_psql('small', $_) for 'VACUUM', 'SELECT';
	}
	is($error, '', "$what works with room");
	is(join("\n", @otherwise), '', "$what without is refused with a clear error, and undone");
	leave('data', undef);
	$node->safe_psql('small', $_) for 'VACUUM', 'SELECT';
}
my @never = grep { !$refused{$_} } map { $_->[0] } work();
is("@never", '', 'and all of it was refused at some time');
diag('refused: ' . join ', ', map { "$_ $refused{$_} times" } sort keys %refused);
is($node->safe_psql('small', q{SELECT count(*) FILTER (WHERE day < posture.today()) FROM posture.snapshot}), '2', 'every day was kept once there was room');

# ---- the disk of the write-ahead log ----

my $all = "INSERT INTO posture.inbox " . delivery() . "; SELECT FROM posture.ingest(); SELECT FROM posture.fold(); SELECT FROM posture.take_snapshot()";
my $truth = $node->safe_psql('small', 'TABLE disk.truth');
# until the segments that are there are full
$node->safe_psql('small', 'CHECKPOINT');
leave('wal', 0);
my $error = '';
for (1 .. 50)
{
	($error) = try_it($node, 'small', "BEGIN; $all; ROLLBACK");
	last if $error ne '';
}
like($error, qr/PANIC|closed the connection|No space left/, q{where the log can't be written, the server ends});
$node->stop('immediate', fail_ok => 1);
like(slurp_file($node->logfile), qr/could not write to file "pg_wal.*No space left on device/, 'and says why');
leave('wal', undef);
$node->start;
is($node->safe_psql('small', 'TABLE disk.truth'), $truth, 'with room it is back, and nothing lost');
is($node->safe_psql('small', 'TABLE disk.fault'), '', 'and all as it should be');
$node->safe_psql('small', $all);
is($node->safe_psql('small', 'TABLE disk.fault'), '', 'it goes on');

$node->stop;
done_testing();
