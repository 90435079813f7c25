# What the tests of doc/dba.md share: its sentences, each of which has to be shown, and a
# database with a role of each level.
package TestDba;

use strict;
use warnings;
use Exporter 'import';
use Test::More;
use TestDocs;
use TestPosture;
use PostgreSQL::Test::Utils;

our @EXPORT = qw($node dba_node as sections shows all_shown);
our $node;
my (@claims, %shown);

# The sentences of doc/dba.md below its first heading, by section. A row of a table and an
# item of a list are a sentence, and so are those that one item has. Headings of tables, and
# lines that end in a colon, say nothing by themselves.
sub claims_by_section
{
	my ($text) = @_;
	my (%claims, $section);
	$text =~ s/^```.*?^```\n//msg;
	foreach my $block (split /\n(?=[-|#])|\n\n+/, $text)
	{
		$section = $1 if $block =~ /^## (.*)/;
		next if !defined $section || $block =~ /^#|^\|[-|]+\|$|^\s*$/;
		if ($block =~ /^\|/)
		{
			push @{ $claims{$section} }, $block;
			next;
		}
		$block =~ s/^- //;
		$block =~ s/\s+/ /g;
		push @{ $claims{$section} }, grep { !/:$/ } split /(?<=\.) (?=[A-Z`])/, $block;
	}
	foreach my $claims (values %claims)
	{
		# the heading of a table
		@$claims = grep { !/^\| (?:role|when) \|/ } @$claims;
	}
	return %claims;
}

# Chooses the sections that a test shows.
sub sections
{
	my @sections = @_;
	my %claims = claims_by_section(slurp_file(top() . '/doc/dba.md'));
	foreach my $section (@sections)
	{
		ok($claims{$section}, "doc/dba.md has: $section");
		push @claims, @{ $claims{$section} // [] };
	}
	return sort keys %claims;
}

# Tests that an answer is as the sentence with this beginning says.
sub shows
{
	my ($begin, $got, $expected) = @_;
	my @found = grep { index($_, $begin) == 0 } @claims;
	return fail("doc/dba.md has one sentence that begins: $begin") if @found != 1;
	$shown{ $found[0] } = 1;
	return ref $expected ? like($got, $expected, $found[0]) : is($got, $expected, $found[0]);
}

# Tests that no sentence of the chosen sections was left out.
sub all_shown
{
	return is(join("\n", grep { !$shown{$_} } @claims), '', 'every sentence is shown by a test');
}

# Starts a server whose database posture has the sample, was installed by the role
# installer, and has a role of each level that is named for it.
sub dba_node
{
	my ($name, %init) = @_;
	$node = new_node($name, "", %init);
	$node->safe_psql('postgres', <<'SQL');
CREATE ROLE nobody LOGIN;
CREATE ROLE reader LOGIN;
CREATE ROLE owner LOGIN;
CREATE ROLE loader LOGIN;
CREATE ROLE curator LOGIN;
CREATE ROLE operator LOGIN;
CREATE ROLE installer LOGIN;
CREATE ROLE keeper LOGIN;
CREATE DATABASE posture OWNER keeper;
GRANT CREATE ON DATABASE posture TO installer;
SQL
	is(as('installer', 'CREATE EXTENSION posture'), '', 'posture is installed');
	$node->safe_psql('posture', sample_sql() . <<'SQL');
UPDATE posture.initiative SET owner = 'owner' WHERE key = 'i1';
UPDATE posture.asset_group SET owner = 'owner' WHERE key = 'g1';
SELECT posture.grant_access('loader', 'loader', 'scan');
SELECT posture.grant_access(l, l) FROM unnest('{reader, owner, curator, operator}'::text[]) l;
SQL
	return;
}

# What a role gets in the database, output and errors together.
sub as
{
	my ($role, $sql) = @_;
	my ($rc, $out, $err) = query_as($node, 'posture', $role, $sql);
	$err =~ s/^psql:<stdin>:\d+: //mg;
	return $err . $out;
}

1;
