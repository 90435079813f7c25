# The documents can't drift from what they are about: the reference is made anew
# and compared, links lead somewhere, and names and files that are set as code exist.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDocs;
use TestPosture;

my $top = top();
my $node = new_node('reference');
$node->safe_psql('postgres', 'CREATE EXTENSION posture');

# the reference
my ($made, $err) = ('', '');
run_log([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', "$top/doc/reference.sql" ], '>', \$made, '2>', \$err);
is($err, '', 'the reference can be made');
unlike($made, qr/^## Forgotten$/m, 'it has every table, view and type');
my $reference = slurp_file("$top/doc/reference.md");
my @made = split /\n/, $made;
my @kept = split /\n/, $reference;
my ($first) = grep { ($made[$_] // '') ne ($kept[$_] // '') } 0 .. (@made > @kept ? $#made : $#kept);
ok($made eq $reference, 'doc/reference.md is as the comments say')
	or diag 'psql -XAtq -f doc/reference.sql > doc/reference.md makes it anew. Line ' . ($first + 1) . ":\nis:     " . ($kept[$first] // '') . "\nshould: " . ($made[$first] // '');

# links
my %text = map { $_ => slurp_file("$top/$_") } documents(), 'test/RELIABILITY.md', 'test/bench/RESULTS.md';
my %anchors = map { my $file = $_; $file => { map { $_ => 1 } headings($text{$file}) } } keys %text;
foreach my $file (sort keys %text)
{
	my @lost;
	foreach my $link (links($text{$file}))
	{
		my ($path, $anchor) = split /#/, $link, 2;
		my $folder = $file =~ s{[^/]*$}{}r;
		my $to = $path eq '' ? $file : "$folder$path";
		1 while $to =~ s{[^/.][^/]*/\.\./}{};
		push @lost, $link unless -e "$top/$to" && (!defined $anchor || $anchors{$to}{$anchor});
	}
	is("@lost", '', "$file: its links lead somewhere");
}

# names: those of posture, and of PostgreSQL where they could be meant
sub names
{
	my ($sql) = @_;
	return map { $_ => 1 } split /\n/, $node->safe_psql('postgres', "LOAD 'posture'; $sql");
}
my $ours = q{= 'posture'::regnamespace};
my %relation = names("SELECT relname FROM pg_class WHERE relnamespace $ours");
my %function = names("SELECT proname FROM pg_proc WHERE pronamespace $ours");
my %type = names("SELECT typname FROM pg_type WHERE typnamespace $ours");
my %setting = names(q{SELECT substr(name, 9) FROM pg_settings WHERE name LIKE 'posture.%'});
my %column = names("SELECT relname || '.' || attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid WHERE relnamespace $ours");
my %builtin = names('SELECT proname FROM pg_proc WHERE pronamespace = \'pg_catalog\'::regnamespace');
my %word = (%relation, %function, %type, %setting, %builtin, names(<<SQL));
SELECT split_part(c, '.', 2) FROM unnest('{@{[ join ',', keys %column ]}}'::text[]) c
UNION SELECT unnest(proargnames) FROM pg_proc WHERE pronamespace $ours
UNION SELECT enumlabel FROM pg_enum
UNION SELECT field FROM posture.object_field()
UNION SELECT reason FROM posture.change_reason()
UNION SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace
UNION SELECT name FROM pg_settings
SQL
# fields of documents, rules and messages
my $source = join '', map { slurp_file($_) } glob "$top/src/sql/*.sql";
$word{$_} = 1 foreach $source =~ /\b([a-z]+(?:_[a-z0-9]+)+)\b/g;
# other programs and extensions
$word{$_} = 1 foreach qw(pg_dump pg_dumpall pg_restore pg_upgrade pg_cron pg_config pg_regress pg_buildext);

foreach my $file (documents())
{
	my $text = $text{$file};
	my %unknown;
	# posture.something, wherever it stands
	foreach my $name ($text =~ /(?<![\w.\/-])posture\.([a-z]\w*)/g)
	{
		$unknown{"posture.$name"} = 1
			unless $relation{$name} || $function{$name} || $type{$name} || $setting{$name} || $name =~ /^(?:control|so|c)$/;
	}
	foreach my $span (code_spans($text))
	{
		my $name = $span =~ s/^posture\.//r;
		if ($name =~ /^([a-z]\w*)\(.*\)$/)
		{
			$unknown{$span} = 1 unless $function{$1} || $builtin{$1};
			$unknown{"$1() is not in the reference"} = 1 if $function{$1} && $reference !~ /^### $1$/m;
		}
		elsif ($name =~ /^([a-z]\w*)\.(\w+)$/ && $relation{$1})
		{
			$unknown{$span} = 1 unless $column{$name};
		}
		elsif ($name =~ m{^(?:src|sql|test|doc|expected)(?:/[\w.-]+)*$})
		{
			$unknown{$span} = 1 unless -e "$top/$name" || $name eq 'sql';
		}
		elsif ($name =~ /^[a-z]+(?:_[a-z0-9]+)+$/)
		{
			$unknown{$span} = 1 unless $word{$name};
		}
	}
	is(join(', ', sort keys %unknown), '', "$file: names in it exist");
}

$node->stop;
done_testing();
