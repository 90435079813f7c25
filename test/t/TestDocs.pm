# What the tests of the documents share: their blocks of code, headings, links and names.
package TestDocs;

use strict;
use warnings;
use Cwd qw(realpath);
use Exporter 'import';
use FindBin;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(top documents blocks prose headings links code_spans);

# the folder of the project
sub top
{
	return realpath("$FindBin::RealBin/../..");
}

# the documents, as paths from there
sub documents
{
	my $top = top();
	return map { substr $_, length("$top/") } sort grep { -e } map { glob "$top/$_" } qw(README.md CONTRIBUTING.md SECURITY.md CHANGELOG.md doc/*.md dashboard/*.md grafana/*.md);
}

# The blocks of a document in order: what its fence says, its text, the line it
# begins at, where its text begins, whether it comes directly behind another; and by
# the last comment before it the database that it is for, or the test that runs it.
sub blocks
{
	my ($text) = @_;
	my ($database, $test, $named, $end) = ('made', undef, 0, -1);
	my @blocks;
	while ($text =~ /^(?:<!-- (database|run by): (\S+) -->|(```+)([^\n`]*)\n(.*?)^\3)(?:\n|\z)/msg)
	{
		if (defined $1)
		{
			($database, $test) = $1 eq 'database' ? ($2, undef) : ($database, $2);
			$named++;
			next;
		}
		my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
		push @blocks,
			{
			says => $4, text => $5, from => $-[5], line => $line, follows => $end == $-[0],
			database => $database, session => $named, test => $test
			};
		$end = $+[0];
	}
	return @blocks;
}

# a document without its blocks
sub prose
{
	my ($text) = @_;
	$text =~ s/^(```+)[^\n`]*\n.*?^\1\n?/\n/msg;
	return $text;
}

# the anchors of its headings, as the web pages that show Markdown make them
sub headings
{
	my ($text) = @_;
	my (%seen, @anchors);
	foreach my $heading (prose($text) =~ /^#+\s+(.*?)\s*$/mg)
	{
		my $anchor = lc($heading =~ s/\[([^\]]*)\]\([^)]*\)/$1/gr);
		$anchor =~ s/[^\w\- ]//g;
		$anchor =~ tr/ /-/;
		push @anchors, $seen{$anchor}++ ? $anchor . '-' . ($seen{$anchor} - 1) : $anchor;
	}
	return @anchors;
}

# what it links to, but for other sites
sub links
{
	my ($text) = @_;
	my $prose = prose($text) =~ s/(`+)[^`]+\1//gr;
	return grep { !/^[a-z]+:/ } $prose =~ /\]\(<?([^)\s>]+)>?\)/g;
}

# the words in it that are set as code
sub code_spans
{
	my ($text) = @_;
	return map { s/\s+/ /gr } prose($text) =~ /(?<!`)`([^`]+)`(?!`)/g;
}

1;
