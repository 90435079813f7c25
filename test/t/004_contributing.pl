# The table of parts and their tests in CONTRIBUTING.md is as test/ci/part_tests makes
# it, and that script reads names and comments as it says. Tests have a document of each
# format. Needs no server.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename;
use File::Copy;
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use FindBin;
use lib $FindBin::RealBin;
use Test::More;
use TestDocument;
use TestRandomDocument;

my $top = abs_path("$FindBin::Bin/../..");

# what the script prints in a tree, errors as well
sub printed
{
	my ($tree) = @_;
	return scalar `'$^X' '$tree/test/ci/part_tests' 2>&1`;
}

open(my $in, '<', "$top/CONTRIBUTING.md") or die "CONTRIBUTING.md: $!";
my $guide = do { local $/; <$in> };
my ($table) = $guide =~ /^<!-- part_tests -->\n(.*)^<!-- end of part_tests -->\n/ms;
my $made = printed($top);
if ($made !~ /^\| part /)
{
	fail('each "tests:" line names parts that exist');
	diag $made;
}
elsif (!ok($table eq $made, 'the table of CONTRIBUTING.md is that of test/ci/part_tests --write'))
{
	diag 'run: test/ci/part_tests --write';
	my %is = map { $_ => 1 } split /\n/, $table;
	my %should = map { $_ => 1 } split /\n/, $made;
	diag map { "- $_\n" } grep { !$should{$_} } sort keys %is;
	diag map { "+ $_\n" } grep { !$is{$_} } sort keys %should;
}

# the formats of load(), as load_format() has them
open($in, '<', "$top/src/sql/source/document.sql") or die "src/sql/source/document.sql: $!";
my @formats = do { local $/; <$in> } =~ /^    \('([a-z0-9-]+)', '(?:json|xml)'/mg;
cmp_ok(scalar @formats, '>=', 10, 'load_format() has formats');
foreach my $case ([ TestDocument => map { $_->[0] } documents() ], [ TestRandomDocument => document_formats() ])
{
	my ($module, %has) = ($case->[0], map { $_ => 1 } @$case[ 1 .. $#$case ]);
	is(join(' ', grep { !$has{$_} } @formats), '', "test/t/$module.pm has a document of each format");
}

# a small tree
my $tree = tempdir(CLEANUP => 1);
sub add
{
	my ($file, @lines) = @_;
	make_path(dirname("$tree/$file"));
	open(my $out, '>', "$tree/$file") or die "$tree/$file: $!";
	print $out map { "$_\n" } @lines;
	close($out) or die "$tree/$file: $!";
	return;
}
make_path("$tree/test/ci");
copy("$top/test/ci/part_tests", "$tree/test/ci/part_tests") or die $!;
add("src/$_") foreach qw(fold.c other.c sql/store/fold.sql sql/store/sets.sql sql/day/fold.sql
  sql/upgrade/posture--0.2--0.3.sql sql/upgrade/posture--0.3--0.4.sql);
add('sql/fold.sql', '-- of its name');
add('sql/all.sql', '-- what is kept', '-- tests: sets, day/fold', 'SELECT 1;');
add('test/specs/sets.spec', '# tests: other.c');
add('test/t/012_fold.pl', 'use strict;');
add('test/t/013_upgrade.pl', 'use strict;');
add('test/t/014_everything.pl', 'use strict;');
is(printed($tree), <<'TABLE', 'tests are found by name and by comment');
| part | tests |
|---|---|
| day/fold | 012_fold.pl, all.sql, fold.sql |
| fold.c | 012_fold.pl, fold.sql |
| other.c | sets.spec |
| store/fold | 012_fold.pl, fold.sql |
| store/sets | all.sql, sets.spec |
| upgrade | 013_upgrade.pl |

Tests that name no part: 014_everything.pl.
TABLE
add('sql/all.sql', '-- tests: store/fold, store/fould');
is(printed($tree), "sql/all.sql, line 1: no part is named \"store/fould\"\n", 'a part that does not exist is an error');

# make, without a PostgreSQL
sub make
{
	return scalar `env -u MAKEFLAGS -u MAKELEVEL make -C '$tree' PG_CONFIG=false all 2>&1`;
}
copy("$top/Makefile", "$tree/Makefile") or die $!;
add('posture.control', "default_version = '0.4'");
add('src/sql/load_order', '# parts', 'store/fold', 'store/sets # of assets', 'day/fold');
unlike(make(), qr/load_order/, 'make takes the parts that load_order lists');
add('src/sql/load_order', 'store/fold', 'store/sets');
like(make(), qr{src/sql/load_order has no line for src/sql/day/fold\.sql}, 'it reports a part without a line');
add('src/sql/load_order', 'store/fold', 'store/sets', 'day/fold', 'day/flod');
like(make(), qr{src/sql/load_order names what does not exist: src/sql/day/flod\.sql}, 'and a line without a part');

done_testing();
