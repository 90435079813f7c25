# Databases that are not in UTF-8: text in their encoding is stored and read, and drawings
# use characters of ASCII.
# tests: report/show

use strict;
use warnings;
use File::Find;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('encoding');
# the bytes of a letter of each encoding
my %letter = (UTF8 => "\xc3\xa4", SQL_ASCII => "\xe4", LATIN1 => "\xe4", EUC_JP => "\xb0\xa1");

foreach my $encoding (sort keys %letter)
{
	my $name = "N$letter{$encoding}me";
	my $mark = $encoding =~ /UTF8|SQL_ASCII/ ? "\xef\xbb\xbf" : '';
	my $db = lc $encoding;
	$node->safe_psql('postgres',
		"CREATE DATABASE $db ENCODING '$encoding' LOCALE 'C' TEMPLATE template0");
	my $ask = sub {
		$node->safe_psql($db,
			"SET client_encoding = '$encoding'; SET client_min_messages = warning; $_[0]")
	};
	$ask->('CREATE EXTENSION posture; UPDATE posture_internal.history_start SET day = day - 1');
	# one element a line
	my $document = join "\n",
	  qq({"type": "source", "key": "s", "name": "$name"}),
	  qq({"type": "recommendation", "source": "s", "key": "r", "title": "$name"}),
	  qq({"type": "metric", "key": "m", "name": "$name", )
	  . '"recommendations": [{"source": "s", "recommendation": "r"}]}',
	  qq({"type": "initiative", "key": "i", "name": "$name", "metrics": [{"metric": "m"}]}),
	  qq({"type": "finding", "source": "s", "recommendation": "r", "asset": "$name", )
	  . '"state": "non_compliant"}';
	is($ask->("SELECT loaded, rejected FROM posture.load('posture', '$mark$document\n')"),
		'5|0', "$encoding: a document is loaded");
	is($ask->('CALL posture.run_daily(); SELECT * FROM posture.verify()'),
		'', "$encoding: the job runs");
	is($ask->('SELECT name, score FROM posture.overview'), "$name|0", "$encoding: views show it");
	my $shown = $ask->(q{SELECT posture.show('i')});
	like($shown, qr/^\Q$name\E: 0.0 of 100, bad\n(\.{40}|(\xe2\x96\x91){40})\n/,
		"$encoding: show() draws it");
	is($shown =~ /\xe2\x96/ ? 'blocks' : 'plain', $encoding eq 'UTF8' ? 'blocks' : 'plain',
		"$encoding: with characters of the encoding");
	unlike($ask->(q{SELECT item, message FROM posture.status()}), qr/^$/,
		"$encoding: status() has messages");
	is($ask->('DROP EXTENSION posture CASCADE'), '', "$encoding: the extension is dropped");
}

# the encoding of the database applies to the install script
my (@files, @other);
find(sub { push @files, $File::Find::name if /\.sql\z/ }, "$FindBin::RealBin/../../src/sql");
@other = grep { slurp_file($_) =~ /[^\x00-\x7f]/ } @files;
cmp_ok(scalar(@files), '>', 50, 'the install script has many files');
is("@other", '', 'all are in ASCII');

$node->stop;
done_testing();
