# A copy of the installed PostgreSQL, into which a test can put scripts of posture that the
# installed one must not have.
package TestInstall;

use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(dirname);
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(private_install);

# Returns the path for install_path of a cluster, and the directory of the scripts. All of
# it moves as a whole.
sub private_install
{
	my %dir = map { chomp(my $path = `pg_config --$_`); $_ => abs_path($path) }
	  qw(bindir pkglibdir sharedir);
	my $root = PostgreSQL::Test::Utils::tempdir_short();
	foreach my $path (values %dir)
	{
		make_path("$root$path");
		# bitcode is most of it, and not needed without JIT
		system_or_bail('sh', '-c',
			'tar -C "$1" -cf - --exclude=bitcode --exclude=pgxs . | tar -C "$2" -xf -',
			'sh', $path, "$root$path");
	}
	return ($root . dirname($dir{bindir}), "$root$dir{sharedir}/extension");
}

1;
