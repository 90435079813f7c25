# Files that may not grow: INSERT into the inbox and ingest() fail with a clear error,
# leave nothing, and succeed once the limit is gone.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDisk;
use TestPosture;

my $node = new_node('limit', disk_conf(), extra => ['--wal-segsize=1']);
$node->safe_psql('postgres', disk_setup_sql());
my $truth = $node->safe_psql('postgres', 'TABLE disk.truth');
$node->stop;
my @start = map { s/'/'\\''/gr } 'pg_ctl', '-w', '-s', '-D', $node->data_dir,
  '-l', $node->logfile, 'start';
# in units of 512 bytes
is(system("ulimit -f 2048 && " . join ' ', map { "'$_'" } @start),
	0, 'started with files of 1 MB at most');
$node->_update_pid(1);
# findings of more than 1 MB
my $delivery = delivery() =~ s/generate_series\(1, 10\) r/generate_series(1, 16) r/r;
like((try_it($node, 'postgres', "INSERT INTO posture.inbox $delivery"))[0],
	qr/could not extend file .*File too large/, 'INSERT fails with a clear error');
is($node->safe_psql('postgres', 'TABLE disk.truth'), $truth, 'and leaves nothing');
$node->restart;
$node->safe_psql('postgres', "INSERT INTO posture.inbox $delivery");
$truth = $node->safe_psql('postgres', 'TABLE disk.truth');
$node->stop;
system("ulimit -f 2048 && " . join ' ', map { "'$_'" } @start);
$node->_update_pid(1);
like((try_it($node, 'postgres', 'SELECT FROM posture.ingest()'))[0],
	qr/could not extend file .*File too large/, 'so does ingest()');
is($node->safe_psql('postgres', 'TABLE disk.truth'), $truth, 'the inbox has all rows');
is($node->safe_psql('postgres', 'TABLE disk.error'), '', 'nothing is wrong');
$node->restart;
$node->safe_psql('postgres',
	'SELECT FROM posture.ingest(); SELECT FROM posture.fold(); CALL posture.run_daily()');
is($node->safe_psql('postgres',
		'SELECT (SELECT count(*) FROM posture.inbox), (SELECT count(*) FROM posture.finding)'),
	'0|19200', 'it goes on with room');
is($node->safe_psql('postgres', 'TABLE disk.error'), '', 'and nothing is wrong');
$node->stop;
done_testing();
