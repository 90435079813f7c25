# Psql processes that run scripts beside a test. None of them outlives the test, also
# when a signal ends it.
package TestWorkers;

use strict;
use warnings;
use POSIX ':sys_wait_h';
use PostgreSQL::Test::Utils;

my @all;
@SIG{qw(INT TERM HUP)} = (sub { exit 1 }) x 3;
END { $_->stop foreach @all }

sub new
{
	my ($class, $node, $db) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $self = bless { node => $node, db => $db, dir => $dir, running => {} }, $class;
	push @all, $self;
	return $self;
}

# Starts psql with a script. The name of the worker is its application_name.
sub start
{
	my ($self, $name, $script, @options) = @_;
	my $file = "$self->{dir}/" . ($name =~ s/ /_/gr);
	open my $sql, '>', "$file.sql" or die "$file.sql: $!";
	print $sql $script;
	close $sql;
	$self->spawn($name, 'psql', '-XAtq', @options, '-d', $self->{node}->connstr($self->{db}),
		'-f', "$file.sql");
	return;
}

# Starts any program.
sub spawn
{
	my ($self, $name, @command) = @_;
	my $file = "$self->{dir}/" . ($name =~ s/ /_/gr);
	my $pid = fork // die "fork: $!";
	if (!$pid)
	{
		@SIG{qw(INT TERM HUP)} = ('DEFAULT') x 3;
		$ENV{PGAPPNAME} = $name;
		open STDOUT, '>', "$file.out" or POSIX::_exit(126);
		open STDERR, '>', "$file.err" or POSIX::_exit(126);
		exec @command or POSIX::_exit(127);
	}
	$self->{running}{$name} = { pid => $pid, file => $file };
	return $pid;
}

sub names { return sort keys %{ $_[0]{running} } }

# Is the worker still at work?
sub is_running
{
	my ($self, $name) = @_;
	my $worker = $self->{running}{$name} // return 0;
	if (!defined $worker->{status} && waitpid($worker->{pid}, WNOHANG) == $worker->{pid})
	{
		$worker->{status} = $?;
	}
	return !defined $worker->{status};
}

# Waits for a worker. Returns its output, its errors and its wait status.
sub finish
{
	my ($self, $name) = @_;
	my $worker = delete $self->{running}{$name} // return ('', '', 0);
	if (!defined $worker->{status})
	{
		waitpid $worker->{pid}, 0;
		$worker->{status} = $?;
	}
	return ((map { slurp_file("$worker->{file}.$_") } qw(out err)), $worker->{status});
}

# Ends a worker that is at work.
sub kill
{
	my ($self, $name, $signal) = @_;
	my $worker = $self->{running}{$name} // return ('', '', 0);
	CORE::kill($signal // 'TERM', $worker->{pid}) if $self->is_running($name);
	return $self->finish($name);
}

sub stop
{
	my ($self) = @_;
	my @running = grep { !defined $_->{status} } values %{ $self->{running} };
	CORE::kill('TERM', map { $_->{pid} } @running) if @running;
	return;
}

1;
