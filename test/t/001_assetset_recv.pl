# An assetset that a client sends in binary: every truncated and bit-flipped form of
# several sets, and forged ones. The server must accept a valid message in its canonical
# form, refuse any other with a reason, and not crash. TestRoaring.pm decides which
# messages are valid and what is canonical.
# tests: type/assetset
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestRoaring;

srand(20240229);
my %set = (
	empty => [],
	zero => [0],
	largest => [2147483647],
	mixed => [ 1, 5 .. 9, 70000 ],
	run => [ 1 .. 4 ],
	tie => [ 1, 2, 11, 12 ],
	'five containers' =>
	  [ 7, 65536 .. 65545, 131072 + 65535, 196608 .. 196700, 2147483646, 2147483647 ],
	# more run flags than a byte holds, and containers of all three kinds
	'ten containers' =>
	  [ map { my $key = $_ << 16; map { $key + $_ } $_ % 2 ? (1, 9) : (5 .. 9) } 0 .. 9 ],
	'nine containers' => [
		(map { 2 * $_ } 0 .. 4999),
		map { my $key = $_ << 16; map { $key + $_ } $_ % 3 ? 1 : (5 .. 9) } 1 .. 8 ],
	'eight runs' => [ map { my $key = $_ << 16; map { $key + $_ } 5 .. 9 } 0 .. 7 ],
	'five arrays' => [ map { $_ * 65536 + 65535 } 0 .. 4 ],
	'full container' => [ 0 .. 65535 ],
	bitset => [ map { 2 * $_ } 0 .. 9999 ],
	'array of 4096' => [ map { 2 * $_ } 0 .. 4095 ],
	'bitset of 4097' => [ map { 2 * $_ } 0 .. 4096 ],
	'bitset, run, array' => [ (map { 3 * $_ } 0 .. 9999), 65536 .. 70000, 131079 ]);
for my $n (1 .. 40)
{
	my %ids;
	for (0 .. rand 6)
	{
		my ($first, $step) = (int rand 200000, 1 + int rand 3);
		$ids{ $first + $_ * $step } = 1 for 0 .. rand(10**rand 4);
	}
	$set{"random $n"} = [ sort { $a <=> $b } keys %ids ];
}

my @candidates;    # [what, bytes]
for my $name (sort keys %set)
{
	my $bytes = encode(@{ $set{$name} });
	my $length = length $bytes;
	push @candidates, [ $name, $bytes ], [ "$name, one byte more", $bytes . "\0" ];
	next if $name =~ /random/ && $length > 400;
	my @lengths = $length <= 400 ? 0 .. $length - 1 : (0 .. 40, map { int rand $length } 1 .. 40);
	push @candidates, [ "$name, cut to $_", substr($bytes, 0, $_) ] for @lengths;
	my @bits =
	  $length <= 150
	  ? 0 .. 8 * $length - 1
	  : (0 .. 8 * 40 - 1, map { int rand 8 * $length } 1 .. 100);
	for my $bit (@bits)
	{
		my $flipped = $bytes;
		vec($flipped, $bit, 1) ^= 1;
		push @candidates, [ "$name, bit $bit flipped", $flipped ];
	}
}

# valid, but posture chooses other containers
push @candidates,
  [ 'array where a run is shorter', assemble(array_of(0, 1 .. 100)) ],
  [ 'run where an array is shorter', assemble(runs_of(0, [ 1, 1 ], [ 3, 3 ])) ],
  [ 'run of the same size as an array', assemble(runs_of(0, [ 1, 2 ])) ],
  [ 'run where a bitset is shorter',
	assemble(runs_of(1, map { [ 4 * $_, 4 * $_ + 1 ] } 0 .. 9999)) ],
  [ 'bitset where a run is shorter', assemble(bitset_of(3, 0 .. 65535)) ],
  [ 'runs that touch', assemble(runs_of(0, [ 1, 2 ], [ 3, 4 ], [ 5, 100 ])) ],
  [ 'runs that touch, of a full container',
	assemble(runs_of(0, [ 0, 32767 ], [ 32768, 65535 ])) ],
  [ 'last value in a run', assemble(runs_of(0, [ 65535, 65535 ])) ],
  [ 'cookie for runs without runs', pack('vvCvvv', 12347, 0, 0, 0, 0, 5) ];
# not valid
push @candidates,
  [ 'keys descend', assemble(array_of(2, 1), array_of(1, 1)) ],
  [ 'keys repeat', assemble(array_of(1, 1), array_of(1, 2)) ],
  [ 'id above int4', assemble(array_of(32768, 1)) ],
  [ 'largest key', assemble(array_of(65535, 65535)) ],
  [ 'values descend', assemble(array_of(0, 2, 1)) ],
  [ 'values repeat', assemble(array_of(0, 2, 2)) ],
  [ 'runs overlap', assemble(runs_of(0, [ 1, 5 ], [ 5, 9 ])) ],
  [ 'runs descend', assemble(runs_of(0, [ 10, 15 ], [ 1, 2 ])) ],
  [ 'run beyond the container', assemble([ 0, 10, pack('vvv', 1, 65530, 9), 1 ]) ],
  [ 'no run', assemble([ 0, 1, pack('v', 0), 1 ]) ],
  [ 'cardinality of runs', assemble([ 0, 9, pack('vvv', 1, 1, 9), 1 ]) ],
  [ 'cardinality of a bitset', assemble([ 0, 5000, bitset_of(0, 0 .. 5000)->[2], 0 ]) ],
  [ 'a bitset that should be an array', assemble([ 0, 4097, bitset_of(0, 0 .. 4095)->[2], 0 ]) ],
  [ 'too many containers', pack('VV', 12346, 65536) . "\0" x 1000 ],
  [ 'very many containers', pack('VV', 12346, 0xFFFFFFFF) ],
  [ 'all containers of runs', pack('vv', 12347, 65535) . "\xFF" x 8192 ],
  [ 'all ones', "\xFF" x 100 ],
  [ 'text', '{1,2,3}' ];

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', q(
	CREATE EXTENSION posture;
	CREATE TABLE received (s posture.assetset);
	CREATE FUNCTION receive(path text) RETURNS text LANGUAGE plpgsql
		SET search_path = public, posture, posture_internal AS $$
	DECLARE
		detail text;
		result text;
	BEGIN
		EXECUTE format('COPY received FROM %L (FORMAT binary)', path);
		DELETE FROM received
		RETURNING 'taken ' || encode(assetset_send(s), 'hex') || ' ' ||
			(s::text::posture.assetset = s AND s::int[]::posture.assetset = s AND (s | '{}') = s AND
			 (s & '{0-2147483647}') = s AND posture.cardinality(s) = cardinality(s::int[]) AND
			 (s - s) = '{}' AND (s # '{3-70000}' # '{3-70000}') = s AND
			 ((s & '{3-70000}') | (s - '{3-70000}')) = s AND s @> (s & '{3-70000}') AND
			 ARRAY(SELECT posture.members(s)) = s::int[] AND s >= '{}' AND
			 s @> ALL ((s::int[])[:100]) AND assetset_hash(s) = assetset_hash(s | s))
		INTO STRICT result;
		RETURN result;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
		RETURN concat_ws(' ', 'refused', SQLSTATE, SQLERRM, '|', detail);
	END $$;
));

# the server's answer to each message
my $dir = $node->basedir;
my $n = 0;
for my $candidate (@candidates)
{
	open my $file, '>:raw', "$dir/candidate" . $n++ or die $!;
	print $file "PGCOPY\n\xFF\r\n\0", pack('NN', 0, 0),
	  pack('nN', 1, length $candidate->[1]), $candidate->[1], pack('n', 0xFFFF);
	close $file;
}
my @answer = split /\n/, $node->safe_psql('postgres',
	"SELECT receive('$dir/candidate' || n) FROM generate_series(0, $n - 1) n ORDER BY n");
is(scalar(@answer), $n, "the server answers each of $n messages");

my (@wrong, %count);
for my $i (0 .. $n - 1)
{
	my ($what, $bytes) = @{ $candidates[$i] };
	my $ids = decode($bytes);
	my $right = defined $ids ? 'taken ' . unpack('H*', encode(@$ids)) . ' true'
	  : qr/^refused 22P03 invalid binary assetset \| \S.*\.$/;
	$count{ defined $ids ? 'valid' : 'invalid' }++;
	push @wrong, "$what: $answer[$i]"
	  unless defined $ids ? $answer[$i] eq $right : $answer[$i] =~ $right;
}
is(join("\n", map { substr $_, 0, 200 } @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ]), '',
	"$count{valid} valid messages are accepted, $count{invalid} others refused with a reason");

# every reason to refuse occurs
my %reason = map { /\| (.*)$/ ? (($1 =~ s/\d+/N/gr) => 1) : () } @answer;
cmp_ok(scalar(keys %reason), '>=', 14, 'reasons') or diag(join "\n", sort keys %reason);
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|Failed assertion/, 'no crash');

# a set that only the binary format can carry
open my $file, '>:raw', "$dir/large" or die $!;
my $large = assemble(map { [ $_, 32768, "\x55" x 8192, 0 ] } 0 .. 16383);
print $file "PGCOPY\n\xFF\r\n\0", pack('NN', 0, 0),
  pack('nN', 1, length $large), $large, pack('n', 0xFFFF);
close $file;
$node->safe_psql('postgres', "COPY received FROM '$dir/large' (FORMAT binary)");
is($node->safe_psql('postgres', q{SELECT posture.cardinality(s),
		length(posture_internal.assetset_send(s)) FROM received}),
	16384 * 32768 . '|' . length $large, 'half a billion ids');
for my $type ('text', 'int[]')
{
	my (undef, undef, $stderr) =
	  $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT s::$type IS NULL FROM received");
	like($stderr, qr/54000:\s+assetset is too large/, "which do not fit $type");
}

$node->stop;
done_testing();
