# All files that give the version give the same one, META.json meets PGXN's
# specification 1.0.0, and generated files of the Debian package are up to date.
# Needs no server.
use strict;
use warnings;
use Cwd qw(abs_path);
use FindBin;
use JSON::PP;
use Test::More;

my $top = abs_path("$FindBin::Bin/../..");

sub text_of
{
	my ($file) = @_;
	open(my $in, '<:raw', "$top/$file") or die "$file: $!";
	local $/;
	return scalar <$in>;
}

# the part of a file that the pattern captures
sub part_of
{
	my ($file, $pattern) = @_;
	my ($part) = text_of($file) =~ $pattern;
	return $part // "nothing in $file";
}

# --- META.json, by the specification of each field

my $number = qr/(?:0|[1-9][0-9]*)/;
my $semantic = qr/\A$number\.$number\.$number(?:-[0-9A-Za-z][0-9A-Za-z.-]*)?\z/;
my $range = qr/\A(?:0|(?:[<>]=?|==|!=)?\s*$number\.$number\.$number)\z/;
my $term = qr{\A[^\s/\\[:cntrl:]]{2,}\z};
my $tag = qr{\A[^/\\[:cntrl:]]{1,256}\z};
my %license = map { $_ => 1 } qw(agpl_3 apache_1_1 apache_2_0 artistic_1 artistic_2 bsd freebsd
  gfdl_1_2 gfdl_1_3 gpl_1 gpl_2 gpl_3 lgpl_2_1 lgpl_3_0 mit mozilla_1_0 mozilla_1_1 openssl
  perl_5 postgresql qpl_1_0 ssleay sun zlib open_source restricted unrestricted unknown);
my %known = map { $_ => 1 } qw(abstract description generated_by license maintainer meta-spec
  name no_index prereqs provides release_status resources tags version);

my $meta = eval { JSON::PP->new->utf8->decode(text_of('META.json')) };
is(ref $meta, 'HASH', 'META.json is a JSON object') or BAIL_OUT($@);

sub is_text { return defined $_[0] && !ref $_[0] && length $_[0] }

# returns what in a META.json differs from the specification
sub faults
{
	my ($meta) = @_;
	my %is_list = map { $_ => ref $meta->{$_} eq 'ARRAY' } qw(maintainer license tags);
	my @faults = map { "unknown field $_" } grep { !$known{$_} && !/\Ax_/i } sort keys %$meta;
	push @faults, map { "no $_" } grep { !defined $meta->{$_} }
	  qw(abstract license maintainer meta-spec name provides version);
	push @faults, map { "$_ is no text" }
	  grep { defined $meta->{$_} && !is_text($meta->{$_}) } qw(abstract description generated_by);
	push @faults, 'name' unless ($meta->{name} // '') =~ $term;
	push @faults, 'version' unless ($meta->{version} // '') =~ $semantic;
	my ($maintainers, $licenses) = map { $is_list{$_} ? $meta->{$_} : [ $meta->{$_} ] }
	  qw(maintainer license);
	push @faults, 'maintainer' if grep { !is_text($_) } @$maintainers;
	push @faults, 'license'
	  if ref $meta->{license} ne 'HASH' && grep { !$license{ $_ // '' } } @$licenses;
	push @faults, 'release_status'
	  unless ($meta->{release_status} // 'stable') =~ /\A(?:stable|testing|unstable)\z/;
	push @faults, 'meta-spec' unless ($meta->{'meta-spec'}{version} // '') eq '1.0.0';
	push @faults, 'tags'
	  if defined $meta->{tags} && (!$is_list{tags} || grep { $_ !~ $tag } @{ $meta->{tags} });
	push @faults, 'provides nothing' unless %{ $meta->{provides} // {} };
	while (my ($extension, $about) = each %{ $meta->{provides} // {} })
	{
		push @faults, "provides $extension: name" unless $extension =~ $term;
		push @faults, "provides $extension: version" unless ($about->{version} // '') =~ $semantic;
		push @faults, map { "provides $extension: $_" }
		  grep { !/\A(?:file|version|abstract|docfile|x_.*)\z/i } keys %$about;
		push @faults, map { "provides $extension: no such $_" }
		  grep { ($_ eq 'file' || defined $about->{$_}) && !-f "$top/" . ($about->{$_} // 'none') }
		  qw(file docfile);
	}
	while (my ($phase, $relations) = each %{ $meta->{prereqs} // {} })
	{
		push @faults, "prereqs $phase"
		  unless $phase =~ /\A(?:configure|build|test|runtime|develop|x_.*)\z/i;
		while (my ($relation, $needs) = each %$relations)
		{
			push @faults, "prereqs $phase $relation"
			  unless $relation =~ /\A(?:requires|recommends|suggests|conflicts|x_.*)\z/i;
			foreach my $name (keys %$needs)
			{
				my @ranges = split /,\s*/, $needs->{$name}, -1;
				push @faults, "prereqs $phase $relation $name"
				  if $name !~ $term || grep { $_ !~ $range } @ranges;
			}
		}
	}
	return join('; ', @faults);
}

is(faults($meta), '', 'META.json meets the specification of PGXN');

# the checks above find these errors
my %wrong = (
	'no abstract' => sub { delete $_[0]{abstract} },
	'version' => sub { $_[0]{version} = '0.2' },
	'license' => sub { $_[0]{license} = 'PostgreSQL' },
	'provides posture: no such file' => sub { $_[0]{provides}{posture}{file} = 'sql/posture.sql' },
	'provides posture: version' => sub { $_[0]{provides}{posture}{version} = '0.2' },
	'prereqs runtime requires PostgreSQL' =>
	  sub { $_[0]{prereqs}{runtime}{requires}{PostgreSQL} = '15' },
	'unknown field keywords' => sub { $_[0]{keywords} = ['security'] },
	'tags' => sub { $_[0]{tags} = ['a/b'] });
foreach my $fault (sort keys %wrong)
{
	my $copy = decode_json(encode_json($meta));
	$wrong{$fault}->($copy);
	is(faults($copy), $fault, "the check finds: $fault");
}

# --- one version, in three forms

my $extension = part_of('posture.control', qr/^default_version = '(.*)'$/m);
my $release = $meta->{version};
is($release =~ s/\.0\z//r, $extension,
	'the PGXN release is the version of the extension and a third number');
is($meta->{provides}{posture}{version}, $release, 'the extension that it provides has it, too');
is(part_of('CHANGELOG.md', qr/^## ([0-9.]+)/m), $extension, 'CHANGELOG.md begins with it');
my ($package, $upstream) = text_of('debian/changelog') =~ /\A(\S+) \(([^)]+)-[^-)]+\) /;
is("$package $upstream", "$meta->{name} $release", 'debian/changelog begins with it');

# the version is released in all places or in none
my $is_open = text_of('CHANGELOG.md') =~ /^## \Q$extension\E \(not released\)$/m;
my ($suite) = text_of('debian/changelog') =~ /\A\S+ \(\S+\) (\S+);/;
is($suite eq 'UNRELEASED', !!$is_open, 'both changelogs say whether it is released');
my @versions = text_of('CHANGELOG.md') =~ /^## ([0-9.]+)/mg;
ok(-f "$top/src/sql/upgrade/posture--$versions[1]--$extension.sql",
	'an upgrade script leads from the version before, by CHANGELOG.md');
ok(-f "$top/test/upgrade/posture--$versions[1].sql.gz",
	'the test of upgrades has the install script of that version');

# --- debian

my $control = text_of('debian/control');
my @majors = $control =~ /^Package: postgresql-([0-9]+)-posture$/mg;
my $made = '';
foreach my $paragraph (split /\n\n/, text_of('debian/control.in') =~ s/\n+\z//r)
{
	$made .= "\n\n" if length $made;
	$made .= $paragraph =~ /^Package: .*PGVERSION/m
	  ? join("\n\n", map { $paragraph =~ s/PGVERSION/$_/gr } @majors)
	  : $paragraph;
}
is($control, "$made\n", 'debian/control is made from debian/control.in');
is(part_of('debian/control', qr/^Maintainer: (.*) <.*>$/m),
	$meta->{maintainer}, 'META.json has the same maintainer');
my $least = part_of('debian/pgversions', qr/^([0-9]+)\+$/m);
is($meta->{prereqs}{runtime}{requires}{PostgreSQL}, "$least.0.0", 'and the same PostgreSQL');
my ($terms) = text_of('debian/copyright') =~ /^License: PostgreSQL\n( .*)\z/ms;
is($terms =~ s/^ \.?//mgr, text_of('LICENSE') =~ s/\A.*?(?=Permission)//sr,
	'debian/copyright has the terms of LICENSE');

done_testing();
