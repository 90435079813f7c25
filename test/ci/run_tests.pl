# run_tests.pl: runs tests concurrently and reports each as it ends.
#
#   run_tests.pl --find NAME...           prints the files of these tests
#   run_tests.pl --work DIR --bindir DIR --pgxs DIR --jobs N TEST...
#
# A test is a file: sql/*.sql for pg_regress, test/specs/*.spec for
# pg_isolation_regress, test/t/*.pl for TAP. Each of the first two kinds gets a
# server of its own, a copy of the cluster in DIR/data, so that no test sees the
# roles and settings of another. TAP files start their servers themselves.
#
# Run in the top directory of a copy of the tree, where posture is installed.
# DIR/passed_failed gets the number of tests that passed and that failed; a test
# of pg_regress counts as one, a TAP file as its assertions.
use strict;
use warnings;
use File::Basename;
use Getopt::Long;
use POSIX ();
use TAP::Parser;
use Time::HiRes qw(time);

# About how many seconds the longest tests take. They start first, so that no long
# test runs alone at the end. An outdated entry does no harm.
my %seconds = (
	'sql/capture.sql' => 16,
	'sql/exemption.sql' => 17,
	'sql/oracle.sql' => 40,
	'sql/plan.sql' => 31,
	'sql/scenario.sql' => 28,
	'test/specs/fold.spec' => 23,
	'test/t/001_assetset_recv.pl' => 18,
	'test/t/010_job.pl' => 52,
	'test/t/020_crash_backend.pl' => 24,
	'test/t/022_lock.pl' => 21,
	'test/t/025_soak.pl' => 20,
	'test/t/027_subscriber.pl' => 27,
	'test/t/030_dump.pl' => 29,
	'test/t/047_settings.pl' => 65,
	'test/t/049_hostile_document.pl' => 60,
	'test/t/050_memory.pl' => 55,
	'test/t/057_planted_path.pl' => 50,
	'test/t/060_docs.pl' => 41,
	'test/t/061_dashboard.pl' => 23,
	'test/t/071_mistakes.pl' => 55,
	'test/t/085_calls.pl' => 28,
	'test/t/095_clients.pl' => 25,
	'test/t/096_client_examples.pl' => 19,
	'test/t/097_client_types.pl' => 23,
	'test/t/112_value_bounds.pl' => 65,
	'test/t/192_nodes_load.pl' => 35,
	'test/t/193_move_assets.pl' => 80,
	'test/t/194_node_days.pl' => 65,
	'test/t/195_node_causes.pl' => 55,
	'test/t/199_node_dst.pl' => 30,
	'test/t/200_node_log.pl' => 30);

GetOptions(\my %option, 'find', 'work=s', 'bindir=s', 'pgxs=s', 'jobs=i') or exit 2;
if ($option{find})
{
	print map { "$_\n" } find_tests(@ARGV);
	exit;
}

my ($passed, $failed) = (0, 0);
my (@failing, %running);
STDOUT->autoflush;

my @tests = sort { ($seconds{$b} // 0) <=> ($seconds{$a} // 0) || $a cmp $b } @ARGV;
run($option{jobs}, @tests);

# again, because a CI service may show no more than the end
print "--- $_ failed\n", first_of(reason($_), 40) foreach @failing;
print "failed: @failing\n" if @failing;
open(my $out, '>', "$option{work}/passed_failed") or die "$option{work}/passed_failed: $!";
print $out "$passed $failed\n";
close($out) or die "$option{work}/passed_failed: $!";

# Returns the tests with these names. A name is a path, or the name of a file with or
# without its ending and the number before it. Several tests may have the same name.
sub find_tests
{
	my @names = @_;
	my @all = map { glob } qw(sql/*.sql test/specs/*.spec test/t/*.pl);
	my (%of, %found, @errors);
	foreach my $test (@all)
	{
		my $name = $test =~ s{.*/|\.\w+\z}{}gr;
		push @{ $of{$_} }, $test foreach $test, basename($test), $name, $name =~ /^[0-9]+_(.+)/;
	}
	foreach my $name (@names)
	{
		my $tests = $of{ $name =~ s{\A\./}{}r };
		$found{$_} = 1 foreach @{ $tests // [] };
		next if $tests;
		my @near = grep { !m{[/.]} && is_near($name, $_) } sort keys %of;
		push @errors, "posture: no test is named \"$name\"" . (@near ? "; near it: @near" : '') . "\n";
	}
	if (@errors)
	{
		print STDERR @errors, "posture: the tests are in sql, test/specs and test/t\n";
		exit 1;
	}
	return sort keys %found;
}

# Whether one name contains the other, or differs from it by one or two characters.
sub is_near
{
	my ($one, $other) = map { lc s{.*/|\.\w+\z}{}gr } @_;
	return 1 if length $one > 2 && index($other, $one) >= 0 || length $other > 2 && index($one, $other) >= 0;
	my @row = (0 .. length $other);
	foreach my $i (1 .. length $one)
	{
		my ($diagonal, $left) = (shift @row, $i);
		my @next = ($left);
		foreach my $j (1 .. length $other)
		{
			my $above = shift @row;
			my $cost = $diagonal + (substr($one, $i - 1, 1) ne substr($other, $j - 1, 1));
			($left) = sort { $a <=> $b } $cost, $above + 1, $left + 1;
			push @next, $left;
			$diagonal = $above;
		}
		@row = @next;
	}
	return $row[-1] <= (length($one) < 6 ? 1 : 2);
}

# Runs the tests, at most $jobs at a time.
sub run
{
	my ($jobs, @queue) = @_;
	while (@queue || %running)
	{
		while (@queue && keys %running < $jobs)
		{
			my $test = shift @queue;
			my $pid = fork // die "fork: $!";
			if (!$pid)
			{
				start($test);
				POSIX::_exit(127);
			}
			$running{$pid} = [ $test, time ];
		}
		my $pid = wait;
		my $status = $?;
		report(@{ delete $running{$pid} }, $status) if $running{$pid};
	}
	return;
}

# the directory for the output of a test
sub directory
{
	my ($test) = @_;
	return "$option{work}/tests/" . $test =~ tr{/}{.}r;
}

# In a child: runs a test and exits with its status.
sub start
{
	my ($test) = @_;
	my $dir = directory($test);
	system('mkdir', '-p', $dir);
	open(STDOUT, '>', "$dir/out") or die "$dir/out: $!";
	open(STDERR, '>', "$dir/err") or die "$dir/err: $!";
	exec { $^X } $^X, $test if $test =~ m{\Atest/t/};

	# pg_regress runs the test on a server of its own
	my $name = $test =~ s{.*/|\.\w+\z}{}gr;
	my @pg_ctl = ("$option{bindir}/pg_ctl", '-s', '-D', "$dir/data", '-l', "$dir/server.log");
	my @regress =
	  $test =~ m{\Asql/}
	  ? ("$option{pgxs}/src/test/regress/pg_regress", '--inputdir=.', '--dbname=contrib_regression')
	  : ("$option{pgxs}/src/test/isolation/pg_isolation_regress", '--inputdir=test', '--dbname=isolation_regression',
		'--load-extension=posture');
	# the path of a socket has to be short
	my $socket = "$option{work}/$$";
	@ENV{qw(PGHOST PGPORT PGDATABASE)} = ($socket, 5432, 'postgres');
	my $ok = mkdir($socket) && system('cp', '-a', "$option{work}/data", "$dir/data") == 0
	  && system(@pg_ctl, '-w', '-o', "-k $socket", 'start') == 0;
	$ok &&= system(@regress, "--outputdir=$dir", "--bindir=$option{bindir}", $name) == 0;
	# the test also fails if its server does not stop cleanly
	$ok = system(@pg_ctl, '-m', 'fast', 'stop') == 0 && $ok;
	system('rm', '-rf', "$dir/data", $socket);
	POSIX::_exit($ok ? 0 : 1);
}

# Counts and prints the result of a test, with its output if it failed.
sub report
{
	my ($test, $started, $status) = @_;
	my ($dir, $took) = (directory($test), time - $started);
	my ($ok, $not_ok, $what) = $test =~ m{\Atest/t/} ? tap($dir, $status) : (!$status, !!$status, '');
	$passed += $ok;
	$failed += $not_ok;
	printf "%-6s %5.1f s  %s%s\n", $not_ok ? 'not ok' : 'ok', $took, $test, $what;
	# what failed comes last, below the logs, where it is seen
	if ($not_ok && $test =~ m{\Atest/t/})
	{
		my $name = basename($test, '.pl');
		print end_of($_, 40) foreach glob("tmp_check/log/${name}_*.log"), "tmp_check/log/regress_log_$name";
		print "--- what failed in $test\n";
	}
	my $expected = expected($test);
	my $is_new = $expected ne '' && !-e $expected;
	print first_of("$dir/err", 200) unless $is_new;
	return unless $not_ok;
	push @failing, $test;
	if ($is_new)
	{
		print "$expected does not exist: ACCEPT=1 writes it; read what it has\n";
	}
	elsif (-e "$dir/regression.diffs")
	{
		print first_of("$dir/regression.diffs", 500);
	}
	elsif ($expected ne '')
	{
		print end_of("$dir/$_", 30) foreach qw(out server.log);
	}
	return;
}

# the file that says why a test failed
sub reason
{
	my ($test) = @_;
	my $dir = directory($test);
	return -e "$dir/regression.diffs" ? "$dir/regression.diffs" : "$dir/err";
}

# the file with the expected output of a test; empty for TAP
sub expected
{
	my ($test) = @_;
	my $name = $test =~ s{.*/|\.\w+\z}{}gr;
	return $test =~ m{\Asql/} ? "expected/$name.out" : $test =~ m{\Atest/specs/} ? "test/expected/$name.out" : '';
}

# Returns how many assertions of a TAP file passed, how many failed, and the same in
# words. A file that dies or stops before its plan has one more failed assertion.
sub tap
{
	my ($dir, $status) = @_;
	my $tap = lines("$dir/out");
	return (0, 1, ': no output') if $tap eq '';
	my $parser = TAP::Parser->new({ tap => $tap });
	$parser->run;
	my ($ok, $not_ok) = (scalar $parser->passed, scalar $parser->failed);
	$not_ok++ if $parser->parse_errors || !$not_ok && ($status || $parser->has_problems);
	my $what = defined $parser->skip_all ? ': skipped: ' . ($parser->skip_all || 'no reason given') : ": $ok passed";
	$what .= ", $not_ok failed" if $not_ok;
	$what .= ', ' . join '; ', $parser->parse_errors if $parser->parse_errors;
	$what .= ', ended by signal ' . ($status & 127) if $status & 127;
	return ($ok, $not_ok, $what);
}

sub lines
{
	my ($file) = @_;
	open(my $in, '<', $file) or return '';
	local $/;
	return <$in> // '';
}

sub first_of
{
	my ($file, $count) = @_;
	my @lines = split /^/, lines($file);
	return @lines if @lines <= $count;
	return (@lines[ 0 .. $count - 1 ], '... and ' . (@lines - $count) . " lines more\n");
}

sub end_of
{
	my ($file, $count) = @_;
	my @lines = split /^/, lines($file);
	return '' unless @lines;
	splice @lines, 0, -$count if @lines > $count;
	return ('--- end of ', basename($file), "\n", @lines);
}
