# The style of the sources: lines, function bodies and TAP files are short, C files
# have no trailing whitespace, and each TAP file has a number of its own. Needs no
# server.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Find;
use FindBin;
use Test::More;

my $top = abs_path("$FindBin::Bin/../..");

# a line is at most so long, or with a quoted literal of 20 characters or more so
my ($length, $length_of_literal) = (100, 120);
my $literal = qr/'(?:[^']|''){20,}'|"(?:[^"\\]|\\.){20,}"/;
my ($body_lines, $tap_lines) = (80, 250);

# the files below these folders whose names end so, as paths from the top
sub files
{
	my ($ending, @folders) = @_;
	my @files;
	find(
		sub { push @files, substr($File::Find::name, length("$top/")) if -f && /\.(?:$ending)\z/ },
		grep { -d } map { "$top/$_" } @folders);
	return sort @files;
}

sub text_of
{
	my ($file) = @_;
	open(my $in, '<:encoding(UTF-8)', "$top/$file") or die "$file: $!";
	local $/;
	return scalar <$in>;
}

# Each of the following returns what is wrong in a text, a line of it each.

sub long_lines
{
	my ($text) = @_;
	my ($number, @faults) = (0);
	foreach my $line (split /\n/, $text)
	{
		$number++;
		1 while $line =~ s/^([^\t]*)\t/$1 . ' ' x (4 - length($1) % 4)/e;
		my $limit = $line =~ $literal ? $length_of_literal : $length;
		push @faults, "$number: " . length($line) . " characters of $limit" if length $line > $limit;
	}
	return @faults;
}

sub trailing_whitespace
{
	my ($text) = @_;
	my ($number, @faults) = (0);
	foreach my $line (split /\n/, $text)
	{
		$number++;
		push @faults, "$number: trailing whitespace" if $line =~ /\s\z/;
	}
	return @faults;
}

# A body begins behind AS $$, at BEGIN ATOMIC or at RETURN. Rows of VALUES are data
# and are not counted.
my $row = qr/(?<row>\((?:[^()']++|'(?:[^']|'')*+'|(?&row))*+\))/;

sub long_bodies
{
	my ($text) = @_;
	my @faults;
	while ($text =~ /^CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE) ([\w.]+)/mg)
	{
		my ($name, $from) = ($1, $-[0]);
		next unless $text =~ /\G(?:(?!^CREATE ).)*?(?:^(?:AS )?(\$\w*\$)|\bAS (\$\w*\$)|^(BEGIN ATOMIC)\b|^\s*(RETURN) )/gcms;
		my $tag = $1 // $2;
		my $end = defined $tag ? qr/\Q$tag\E/ : $3 ? qr/^END;/m : qr/;\n/;
		next unless substr($text, pos $text) =~ /\A(.*?)$end/s;
		my $body = $1 =~ s/VALUES\K(?:(?:[\s,]|--[^\n]*\n)*+$row)+//gr;
		my $lines = $body =~ tr/\n//;
		next if $lines <= $body_lines;
		my $number = 1 + (substr($text, 0, $from) =~ tr/\n//);
		push @faults, "$number: $name() has $lines lines of $body_lines";
	}
	return @faults;
}

sub many_lines
{
	my ($text) = @_;
	my $lines = $text =~ tr/\n//;
	return $lines > $tap_lines ? "1: $lines lines of $tap_lines" : ();
}

# what is wrong in these files, listed
sub check
{
	my ($name, $faults_of, @files) = @_;
	my @faults = map { my $file = $_; map { "$file:$_" } $faults_of->(text_of($file)) } @files;
	ok(@files && !@faults, $name . (@faults ? ', and ' . @faults . ' are not' : '')) or diag join "\n", @faults;
	return;
}

my @sql = files('sql|spec', qw(src/sql sql test));
my @c = files('c|h', qw(src test));
my @tap = files('pl', 'test/t');
check("lines of SQL have at most $length characters, with a literal $length_of_literal", \&long_lines, @sql);
check("lines of C have at most $length characters, with a literal $length_of_literal", \&long_lines, @c);
check("bodies of functions have at most $body_lines lines", \&long_bodies, grep { m{^src/sql/} } @sql);
check("TAP files have at most $tap_lines lines", \&many_lines, @tap);
check('lines of C end without whitespace', \&trailing_whitespace, @c);

my %of_number;
foreach my $file (@tap)
{
	my ($number) = $file =~ m{/(\d+)_} or fail("$file has a number");
	push @{ $of_number{$number} }, $file if defined $number;
}
my @shared = map { "@$_" } grep { @$_ > 1 } map { $of_number{$_} } sort keys %of_number;
ok(!@shared, 'each TAP file has a number of its own') or diag join "\n", @shared;

# these checks find what they look for
sub body { my ($lines) = @_; return "AS \$\$\n" . "x\n" x $lines . "\$\$;\n" }
is_deeply([ long_lines('x' x 100 . "\n" . 'x' x 101) ], ['2: 101 characters of 100'], 'a line that is too long');
is_deeply([ long_lines("\t" . 'x' x 97) ], ['1: 101 characters of 100'], 'a tab counts up to four characters');
is_deeply([ long_lines(sprintf "%s'%s'\n", 'x' x 98, 'y' x 20) ], [], 'a literal allows a longer line');
is_deeply([ long_lines(sprintf "%s'%s'\n", 'x' x 98, 'y' x 19) ], ['1: 119 characters of 100'], 'a short literal does not');
is_deeply([ long_lines("'" . 'y' x 119 . "'") ], ['1: 121 characters of 120'], 'nor does it allow more');
is_deeply([ trailing_whitespace("a\nb \n") ], ['2: trailing whitespace'], 'whitespace at the end of a line');
is_deeply([ long_bodies("\nCREATE FUNCTION f() RETURNS void\n    LANGUAGE sql\n" . body(80) . "CREATE FUNCTION g()\n" . body(79)) ],
	['2: f() has 81 lines of 80'], 'a body that is too long');
is_deeply([ long_bodies("CREATE FUNCTION f()\nBEGIN ATOMIC\n" . "x\n" x 80 . "END;\n") ], ['1: f() has 81 lines of 80'], 'a bound body, too');
is_deeply([ long_bodies("CREATE FUNCTION f()\n    RETURN x\n" . "+ x\n" x 90 . "+ x;\n") ], ['1: f() has 91 lines of 80'], 'and an expression');
is_deeply([ long_bodies("CREATE FUNCTION f()\nBEGIN ATOMIC\nVALUES\n" . "-- one\n(1, 'it''s (one'),\n" x 80 . "(2);\nEND;\n") ], [], 'rows of VALUES are not counted');
is_deeply([ many_lines("x\n" x 250), many_lines("x\n" x 251) ], ['1: 251 lines of 250'], 'a TAP file that is too long');

done_testing();
