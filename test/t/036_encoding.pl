# Databases that are not in UTF-8: what is in their encoding goes in and comes
# out, and what is drawn is drawn plainly.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('encoding', "fsync = off\n");
# a letter, as bytes: one that the encoding has
my %letter = (UTF8 => "\xc3\xa4", SQL_ASCII => "\xe4", LATIN1 => "\xe4", EUC_JP => "\xb0\xa1");

foreach my $encoding (sort keys %letter)
{
	my $name = "N$letter{$encoding}me";
	my $mark = $encoding =~ /UTF8|SQL_ASCII/ ? "\xef\xbb\xbf" : '';
	my $db = lc $encoding;
	$node->safe_psql('postgres', "CREATE DATABASE $db ENCODING '$encoding' LOCALE 'C' TEMPLATE template0");
	my $ask = sub { $node->safe_psql($db, "SET client_encoding = '$encoding'; SET client_min_messages = warning; $_[0]") };
	$ask->('CREATE EXTENSION posture');
	is($ask->(<<"SQL"), '5|0', "$encoding: a document is loaded");
SELECT loaded, rejected FROM posture.load('posture', '$mark'
	'{"type": "source", "key": "s", "name": "$name"}
{"type": "recommendation", "source": "s", "key": "r", "title": "$name"}
{"type": "metric", "key": "m", "name": "$name", "recommendations": [{"source": "s", "recommendation": "r"}]}
{"type": "initiative", "key": "i", "name": "$name", "metrics": [{"metric": "m"}]}
{"type": "finding", "source": "s", "recommendation": "r", "asset": "$name", "state": "non_compliant"}
')
SQL
	is($ask->('CALL posture.run_daily(); SELECT * FROM posture.verify()'), '', "$encoding: the job runs");
	is($ask->('SELECT name, score FROM posture.overview'), "$name|0", "$encoding: and is read");
	my $shown = $ask->(q{SELECT posture.show('i')});
	like($shown, qr/^\Q$name\E: 0 of 100, bad\n(\.{40}|(\xe2\x96\x91){40})\n/, "$encoding: and shown");
	is($shown =~ /\xe2\x96/ ? 'blocks' : 'plain', $encoding eq 'UTF8' ? 'blocks' : 'plain', "$encoding: with the characters that it has");
	unlike($ask->(q{SELECT item, says FROM posture.status()}), qr/^$/, "$encoding: and its state told");
	is($ask->('DROP EXTENSION posture'), '', "$encoding: and dropped");
}

# what is installed is read in the encoding of the database
my @files = glob "$FindBin::RealBin/../../src/sql/*";
is(join(' ', grep { slurp_file($_) =~ /[^\x00-\x7f]/ } @files), '', 'the parts of the extension are in ASCII');

$node->stop;
done_testing();
