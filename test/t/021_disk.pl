# A full disk while findings arrive, are folded, and snapshots are taken; then a full disk
# of the write-ahead log. A statement that does not fit fails with a clear error, leaves
# nothing half done, and succeeds as soon as there is room.
#
# The test needs two small file systems. POSTURE_TMPFS names a directory that has them
# mounted as data and wal, of some ten megabytes each. Without it the test mounts them in
# a mount namespace of its own; it is skipped where the kernel does not allow that, or if
# POSTURE_TMPFS is empty.
#
# POSTURE_DISK_PAGES: pages of room at the second try (12). If it is less than 12, the
# room grows in small steps.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use File::Temp qw(tempdir);

# before the modules below redirect stdout
BEGIN
{
	if (!defined $ENV{POSTURE_TMPFS})
	{
		my $disks = tempdir(CLEANUP => 1);
		mkdir "$disks/$_" or die "$disks/$_: $!" for qw(data wal);
		# root in the namespace can mount, but can't run a server
		my $mount = q{mount -t tmpfs -o size=40m tmpfs "$1/data" &&
			mount -t tmpfs -o size=24m tmpfs "$1/wal" && uid=$2 gid=$3 && shift 3 &&
			exec unshare -U --map-user="$uid" --map-group="$gid" -- "$@"};
		my @inside = ('unshare', '-rm', 'sh', '-c', $mount, 'sh', $disks, $<, $( + 0);
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
use TestDisk;
use TestPosture;

my $disks = $ENV{POSTURE_TMPFS};
plan skip_all => 'no small file systems can be mounted' unless $disks;
my $pages = $ENV{POSTURE_DISK_PAGES} // 12;

# [ name, SQL ]: each fails on a full disk and succeeds with some room
sub work
{
	return (
		[ 'INSERT into the inbox' => 'INSERT INTO posture.inbox ' . delivery() ],
		[ 'ingest()' => 'SELECT FROM posture.ingest()' ],
		[ 'UPDATE of findings' => <<'SQL' ],
UPDATE posture.finding
SET state = (ARRAY['compliant', 'non_compliant'])[1 + (asset_id / 1000 + recommendation_id) % 2]
            ::posture.finding_state,
    changed_at = posture.day_end(posture.today() - 2) + interval '1 hour'
WHERE asset_id % 3000 > 0
SQL
		[ 'fold()' => 'SELECT FROM posture.fold()' ],
		[ 'run_daily()' => 'CALL posture.run_daily()' ],
		[ 'DELETE of findings' =>
			'DELETE FROM posture.finding WHERE recommendation_id > 8 OR asset_id % 7000 = 0' ],
		[ 'rebuild()' => 'SELECT FROM posture.rebuild()' ],
		[ 'load()' => <<'SQL' ]);
SELECT FROM posture.load('posture', (
    SELECT jsonb_agg(jsonb_build_object('type', 'finding', 'source', 'scan',
        'recommendation', 'r' || r, 'asset', 'b' || a, 'state', 'non_compliant'))
    FROM generate_series(1, 1000) a, generate_series(1, 10) r))
SQL
}

# Leaves so many bytes of room; undef: all.
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
my $node = new_node('disk', disk_conf(), extra => [ '--wal-segsize=1', '-X', "$disks/wal/pg_wal" ]);
mkdir "$disks/data/space" or die "$disks/data/space: $!";
$node->safe_psql('postgres', "CREATE TABLESPACE small LOCATION '$disks/data/space'");
$node->safe_psql('postgres', 'CREATE DATABASE small TABLESPACE small');
$node->safe_psql('small', disk_setup_sql());

my $full = join '', 'ERROR:  (?:53100: could not|P0001: the run for .* failed: could not)',
  '.*(?:No space left on device|wrote only)';
my %refused;
for my $work (work())
{
	my ($what, $sql) = @$work;
	my ($room, $error, $fault, $now) = (0);
	my @wrong;
	my $truth = $node->safe_psql('small', 'TABLE disk.truth');
	for (;;)
	{
		leave('data', $room);
		($error, $fault, $now) = try_it($node, 'small', $sql);
		push @wrong, "with $room bytes: $fault" if $fault ne '';
		last if $error eq '' || $room > 64_000_000;
		$refused{$what}++;
		push @wrong, "with $room bytes: $error" if $error !~ /$full/;
		# the job may have taken snapshots that fit
		push @wrong, "with $room bytes: $now, was $truth"
		  if $what eq 'run_daily()'
		  ? $now =~ s/.*\|//sr ne $truth =~ s/.*\|//sr
		  : $now ne $truth;
		$room = int(($pages < 12 ? 1.2 : 4) * $room / 8192 + $pages) * 8192;
		leave('data', undef);
		# the failed statement left pages behind, and the first connection after VACUUM
		# writes a file
		$node->safe_psql('small', $_) for 'VACUUM', 'SELECT';
	}
	is($error, '', "$what succeeds with room");
	is(join("\n", @wrong), '', "$what on a full disk fails with a clear error and is undone");
	leave('data', undef);
	$node->safe_psql('small', $_) for 'VACUUM', 'SELECT';
}
is(join(' ', grep { !$refused{$_} } map { $_->[0] } work()), '', 'each failed at least once');
diag('failed: ' . join ', ', map { "$_ $refused{$_} times" } sort keys %refused);
is($node->safe_psql('small',
		'SELECT count(*) FILTER (WHERE day < posture.today()) FROM posture.snapshot'),
	'2', 'every day has its snapshot once there is room');

# ---- the disk of the write-ahead log ----

my $all = 'INSERT INTO posture.inbox ' . delivery() . '; SELECT FROM posture.ingest();'
  . 'SELECT FROM posture.fold(); SELECT FROM posture.take_snapshot()';
my $truth = $node->safe_psql('small', 'TABLE disk.truth');
# until the existing segments are full
$node->safe_psql('small', 'CHECKPOINT');
leave('wal', 0);
my $error = '';
for (1 .. 50)
{
	($error) = try_it($node, 'small', "BEGIN; $all; ROLLBACK");
	last if $error ne '';
}
like($error, qr/PANIC|closed the connection|No space left/,
	q{the server stops when it can't write the log});
$node->stop('immediate', fail_ok => 1);
like(slurp_file($node->logfile), qr/could not write to file "pg_wal.*No space left on device/,
	'and logs why');
leave('wal', undef);
$node->start;
is($node->safe_psql('small', 'TABLE disk.truth'), $truth, 'with room it starts, and has all data');
is($node->safe_psql('small', 'TABLE disk.error'), '', 'and nothing is wrong');
$node->safe_psql('small', $all);
is($node->safe_psql('small', 'TABLE disk.error'), '', 'it goes on');

$node->stop;
done_testing();
