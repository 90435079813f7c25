# The portable Roaring format, written down a second time: a test compares what the
# server accepts and sends with what this module reads and writes.
package TestRoaring;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(decode encode assemble array_of bitset_of runs_of);

# Returns the ids of a portable Roaring bitmap, or undef if it is not valid.
sub decode
{
	my ($bytes) = @_;
	my ($size, $pos, $count, $flags, @ids) = (length $bytes);
	my $take = sub {
		my ($n) = @_;
		return if $pos + $n > $size;
		$pos += $n;
		return substr($bytes, $pos - $n, $n);
	};

	$pos = 0;
	my $cookie = unpack('V', $take->(4) // return undef);
	if (($cookie & 0xFFFF) == 12347)
	{
		$count = ($cookie >> 16) + 1;
		$flags = $take->(int(($count + 7) / 8)) // return undef;
		return undef if substr(unpack('b*', $flags), $count) =~ /1/;
	}
	elsif ($cookie == 12346)
	{
		$count = unpack('V', $take->(4) // return undef);
		return undef if $count > 32768;
	}
	else { return undef; }
	my @descriptors = unpack('v*', $take->(4 * $count) // return undef);
	my @offsets;
	@offsets = unpack('V*', $take->(4 * $count) // return undef) if !defined $flags || $count >= 4;

	my $previous = -1;
	for my $i (0 .. $count - 1)
	{
		my ($key, $cardinality) = ($descriptors[ 2 * $i ], $descriptors[ 2 * $i + 1 ] + 1);
		return undef if $key <= $previous || $key >= 32768;
		return undef if @offsets && $offsets[$i] != $pos;
		$previous = $key;
		my @values;
		if (defined $flags && vec($flags, $i, 1))
		{
			my $n = unpack('v', $take->(2) // return undef);
			my @runs = unpack('v*', $take->(4 * $n) // return undef);
			my $end = -1;
			while (my ($first, $more) = splice(@runs, 0, 2))
			{
				return undef if $first <= $end || $first + $more > 65535;
				$end = $first + $more;
				push @values, $first .. $end;
			}
		}
		elsif ($cardinality <= 4096)
		{
			@values = unpack('v*', $take->(2 * $cardinality) // return undef);
			$values[ $_ - 1 ] < $values[$_] or return undef for 1 .. $#values;
		}
		else
		{
			my $bits = unpack('b*', $take->(8192) // return undef);
			push @values, pos($bits) - 1 while $bits =~ /1/g;
		}
		return undef if @values != $cardinality;
		push @ids, map { $key * 65536 + $_ } @values;
	}
	return $pos == $size ? \@ids : undef;
}

# Makes a bitmap of containers: [key, cardinality, data, is run], ...
sub assemble
{
	my @containers = @_;
	my $runs = grep { $_->[3] } @containers;
	my $count = @containers;
	my $head =
	  $runs
	  ? pack('vv', 12347, $count - 1) . pack('b*', join '', map { $_->[3] ? 1 : 0 } @containers)
	  : pack('VV', 12346, $count);
	$head .= join '', map { pack('vv', $_->[0], $_->[1] - 1) } @containers;
	if (!$runs || $count >= 4)
	{
		my $offset = length($head) + 4 * $count;
		for my $container (@containers)
		{
			$head .= pack('V', $offset);
			$offset += length $container->[2];
		}
	}
	return $head . join '', map { $_->[2] } @containers;
}

# Containers of one kind for the ids of one key.
sub array_of { my ($key, @v) = @_; return [ $key, scalar(@v), pack('v*', @v), 0 ]; }

sub bitset_of
{
	my ($key, @v) = @_;
	my $bits = "\0" x 8192;
	vec($bits, $_, 1) = 1 for @v;
	return [ $key, scalar(@v), $bits, 0 ];
}

# a container of runs: pairs of first and last
sub runs_of
{
	my ($key, @r) = @_;
	my $cardinality = 0;
	$cardinality += $_->[1] - $_->[0] + 1 for @r;
	my @lengths = map { ($_->[0], $_->[1] - $_->[0]) } @r;
	return [ $key, $cardinality, pack('v*', scalar(@r), @lengths), 1 ];
}

# Returns the canonical form of ascending ids.
sub encode
{
	my (%values, @containers);
	push @{ $values{ $_ >> 16 } }, $_ & 0xFFFF for @_;
	for my $key (sort { $a <=> $b } keys %values)
	{
		my @v = @{ $values{$key} };
		my @runs;
		for (@v)
		{
			if (@runs && $runs[-1][1] + 1 == $_) { $runs[-1][1] = $_; }
			else { push @runs, [ $_, $_ ]; }
		}
		my $other = @v <= 4096 ? 2 * @v : 8192;
		push @containers,
		    2 + 4 * @runs < $other ? runs_of($key, @runs)
		  : @v <= 4096             ? array_of($key, @v)
		  :                          bitset_of($key, @v);
	}
	return assemble(@containers);
}

1;
