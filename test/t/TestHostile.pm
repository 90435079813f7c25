# Text that would do harm where it is not taken as data, and a database that shows
# whether any of it was run: what the tests of hostile text share.
#
# POSTURE_SEED: the same texts again. POSTURE_TEXTS: how many of them go into each place.
package TestHostile;

use strict;
use warnings;
use utf8;
use Encode;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use Test::More;
use TestPosture;

our @EXPORT = qw(@texts @names $texts_each $sprung $set_seed literal text_array hostile_node
  hostile_database);

my $seed = $ENV{POSTURE_SEED} // 4711;
our $texts_each = $ENV{POSTURE_TEXTS} // 1;
our $set_seed = sprintf "SELECT setseed(%s);\n", ($seed % 1000) / 1000;

# In lower case and without white space around it, which some fields do away
# with. sprung() is what is run if anything is: no rollback undoes it.
our @texts = (
	q{'||public.sprung()||'}, q{'); select public.sprung(); --}, q{"; select public.sprung(); --},
	q{") ; select public.sprung(); /*}, q{$$||public.sprung()||$$},
	q{\\'||public.sprung()||\\'}, q{e'\\''||public.sprung()--}, q{(select public.sprung())},
	q{'::text||public.sprung()::text||'}, q{%s %i %l %1$s %% %n}, q{$1 $2 :x :'x' ${x} `id`},
	q{\\}, q{\\\\}, q{'}, q{''}, q{"}, q{""}, q{x\\u0041\\x41\\n\\.}, q{[[:<:]]((((.*)*)*)*(},
	q{%_\\%}, q{$.** ? (@ == 1)}, q{//*[1]|/}, q{{"a":"b"}}, q{{1-4}}, q{null}, q{&amp;&lt;},
	q{]]>}, q{<b onload="x">}, q{<!--}, "two\nlines\r\nand\ta tab",
	"\x{430}dmin\x{200b}\x{202e}\x{feff}x", "e\x{301} \x{1F512}", 'long ' . 'x' x 90, "a,b;c|d",
	q{--}, q{/*}, "\x{7f}\x{1b}[31m", q{now}, q{public.sprung()});

# the same, as long as a name can be
our @names = map {
	my $name = $_;
	chop $name while length(Encode::encode('UTF-8', $name)) > 63;
	$name
} @texts;

# a text, and an array of texts, in SQL
sub literal
{
	my ($text) = @_;
	utf8::encode($text);
	return sprintf q{convert_from('\\x%s', 'UTF8')}, unpack('H*', $text);
}
sub text_array { return 'ARRAY[' . join(', ', map { literal($_) } @_) . ']' }

# whether any text was run
our $sprung = 'SELECT is_called FROM public.canary';

# Returns a server, and shows what the texts are chosen with.
sub hostile_node
{
	my ($name) = @_;
	diag "POSTURE_SEED=$seed POSTURE_TEXTS=$texts_each";
	srand $seed;
	return new_node($name);
}

# Creates a database with the extension, the texts in table hostile, a table for what the
# calls answer, and what is run if anything is.
sub hostile_database
{
	my ($node, $db, $sql) = @_;
	my $array = text_array(@texts);
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, 'CREATE EXTENSION posture');
	$node->safe_psql($db, $sql) if defined $sql;
	$node->safe_psql($db, <<"SQL");
CREATE SEQUENCE public.canary;
CREATE FUNCTION public.sprung() RETURNS text LANGUAGE sql
AS \$\$ SELECT nextval('public.canary')::text \$\$;
CREATE TABLE public.hostile AS SELECT text FROM unnest($array) text;
CREATE TABLE public.answer (what text, text text, state text, message text);
SQL
	return;
}

1;
