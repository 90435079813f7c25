# What reads bytes and text from outside, by itself and under the compiler's
# sanitizers: every kept input as it is, cut, with bits flipped, and changed at
# random. What must hold of an input is in test/fuzz/targets.
#
# POSTURE_FUZZ_RUNS: random changes for each target (10000). POSTURE_SEED:
# repeats those of a run.

use strict;
use warnings;
use File::Basename;
use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;

my $runs = $ENV{POSTURE_FUZZ_RUNS} // 10000;
my $seed = $ENV{POSTURE_SEED} // (time ^ $$);
my $fuzz = "$FindBin::RealBin/../fuzz";
my $build = PostgreSQL::Test::Utils::tempdir;

chomp(my $headers = `pg_config --includedir-server`);
plan skip_all => 'PostgreSQL came without its headers' unless -e "$headers/postgres.h";

# Whether a program that does nothing can be made and run with a sanitizer,
# each time: where the kernel spreads addresses widely some fail now and then.
sub works
{
	my ($sanitize) = @_;
	append_to_file("$build/nothing.c", "int main(void) { return 0; }\n") unless -e "$build/nothing.c";
	my $make = "cc -fsanitize=$sanitize -o $build/nothing $build/nothing.c";
	my $run = "for i in `seq 30`; do $build/nothing || exit 1; done";
	return system("($make && $run) >$build/nothing.log 2>&1") == 0;
}

my $sanitize = works('address,undefined') ? 'address,undefined' : '';
diag("POSTURE_FUZZ_RUNS=$runs POSTURE_SEED=$seed" . ($sanitize ? '' : ', no sanitizers here'));
my $said = `make -s -j2 -f "$fuzz/Makefile" BUILD="$build" SANITIZE=$sanitize 2>&1`;
is($?, 0, 'the targets are built') or die $said;

# these take ten times as long as the others
my %slow = (assetset_array => 10, assetset_ops => 10);

foreach my $target (map { basename($_, '.c') } sort glob "$fuzz/targets/*.c")
{
	my $n = int($runs / ($slow{$target} // 1));
	$said = `"$build/$target" -runs=$n -seed=$seed "$fuzz/seeds/$target" 2>&1`;
	is($?, 0, "$target: no fault") or diag($said);
	# nor would there be one if nothing got through
	like($said, qr/^seeds [1-9]\d*, cut or flipped [1-9]\d*, mutated $n, taken [1-9]/m, "$target: it ran")
	  and note("$target: $said");
}
done_testing();
