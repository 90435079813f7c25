# assess_cluster() reports what is wrong with the files of the server, and does not fail: an
# installed extension whose files are gone or broken, configuration files that are gone, that
# can't be read or have errors.
# tests: source/assess_cluster, source/cluster_object, source/cluster_hba, source/cluster_server

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestInstall;

my ($install, $extensions) = private_install();
my $node = PostgreSQL::Test::Cluster->new('cluster_files', install_path => $install);
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\n");
$node->start;
for my $name (qw(gone broken unscripted))
{
	append_to_file("$extensions/$name.control", "default_version = '1'\nrelocatable = true\n");
	append_to_file("$extensions/${name}--1.sql", "SELECT 1;\n");
	$node->safe_psql('postgres', "CREATE EXTENSION $name");
}
$node->safe_psql('postgres', 'CREATE EXTENSION posture');

# the states of recommendations whose keys match, and what is said of them
sub assessed
{
	my ($like) = @_;
	my ($out, $err) = ('', '');
	my $rc = $node->psql('postgres', <<"SQL", stdout => \$out, stderr => \$err, on_error_stop => 1);
SET client_min_messages = warning;
SELECT loaded > 40, rejected FROM posture.assess_cluster();
SELECT DISTINCT f.state, f.details::jsonb ->> 'reason'
FROM posture.finding_report f
WHERE f.recommendation LIKE '$like' AND (f.asset !~ '/extension/' OR f.asset ~ '/(gone|broken|unscripted)\$')
ORDER BY 1, 2;
SQL
	return join "\n", grep { $_ ne '' } $err, $out;
}

is(assessed('extension-%'), "t|0\ncompliant|", 'all files are there');
unlink glob("$extensions/gone*") or die;
is(assessed('extension-current'), "t|0\ncompliant|\nnot_applicable|the server has no files of the extension",
	'the files of an extension are gone');
unlink "$extensions/unscripted--1.sql" or die;
append_to_file("$extensions/broken.control", "what is this\n");
like(assessed('extension-current'),
	qr{^t\|0\nnot_applicable\|the files of extensions could not be read: syntax error in file "[^"]*broken.control"[^\n]*$},
	'a control file is broken');
unlink "$extensions/broken.control" or die;
is(assessed('extension-outside'), "t|0\ncompliant|", 'the other checks of extensions need no file');

my $data = $node->data_dir;
my $rules = slurp_file("$data/pg_hba.conf");
append_to_file("$data/pg_hba.conf", "host all all all no-such-method\nhost\n");
like(assessed('configuration-valid'), qr/^t\|0\nnon_compliant\|/, 'rules have errors');
unlink "$data/pg_hba.conf" or die;
like(assessed('hba-%'), qr{^t\|0\nnot_applicable\|the file of the rules could not be read: could not open},
	'the file of the rules is gone');
mkdir "$data/pg_hba.conf" or die;
like(assessed('hba-%'), qr{^t\|0\nnot_applicable\|the file of the rules could not be read: },
	'or is no file');
rmdir "$data/pg_hba.conf" or die;
append_to_file("$data/pg_hba.conf", $rules);
like(assessed('hba-%'), qr{^t\|0\n(?!not_applicable\|the file)}, 'and is back');
for my $file (qw(pg_ident.conf postgresql.auto.conf postgresql.conf))
{
	rename "$data/$file", "$data/$file.away" or die;
	like(assessed('configuration-valid'), qr/^t\|0\n/, "$file is gone");
	rename "$data/$file.away", "$data/$file" or die;
}
append_to_file("$data/postgresql.conf", "include 'missing.conf'\nno_such_setting = 1\nwork_mem =\n");
like(assessed('configuration-valid'), qr/^t\|0\nnon_compliant\|/, 'settings have errors');

$node->stop;
done_testing();
