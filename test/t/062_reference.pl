# Checks that the documents agree with the code: the reference is generated and
# compared, links have a target, and names and files that are set as code exist.
# A user's document names the objects of schema posture; one of posture_internal
# needs its schema there, and no schema in a document for contributors.
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
my ($forgotten) = $made =~ /^## Forgotten\n(.*)/ms;
is(join(' ', ($forgotten // '') =~ /^- \S+ (\S+)/mg), '', 'doc/reference.sql lists every object of schema posture')
  or diag 'add it to a section there, or create it in schema posture_internal';
my $reference = slurp_file("$top/doc/reference.md");
my @made = split /\n/, $made;
my @kept = split /\n/, $reference;
my ($first) = grep { ($made[$_] // '') ne ($kept[$_] // '') } 0 .. (@made > @kept ? $#made : $#kept);
ok($made eq $reference, 'doc/reference.md is as the comments say')
	or diag 'psql -XAtq -f doc/reference.sql > doc/reference.md generates it. Line ' . ($first + 1) . ":\nis:     " . ($kept[$first] // '') . "\nshould: " . ($made[$first] // '');

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

# The messages of posture that doc/troubleshoot.md quotes are those of the sources. … stands
# for what a message is about.
my $messages = join '', map { slurp_file($_) } glob("$top/src/sql/*/*.sql"), glob("$top/src/*.c");
$messages =~ s/(['"])\s*\n\s*\1//g;
$messages =~ s/''/'/g;
$messages =~ s/\\"/"/g;
$messages =~ s/%(?:\d+\$)?(?:\.\*s|lld|zu|[sILdu])?/…/g;
my ($quoted) = slurp_file("$top/doc/troubleshoot.md") =~ /^## Messages\n(.*?)^### Messages of PostgreSQL\n/ms;
my @quoted = map { code_spans($_) } $quoted =~ /^\| (`[^|]*) \|/mg;
ok(@quoted > 40, 'doc/troubleshoot.md quotes messages');
is(join("\n", grep { index($messages, $_) < 0 } @quoted), '', 'they are in the sources');

# names: those of both schemas, and of PostgreSQL where they could be meant
sub names
{
	my ($sql) = @_;
	return map { $_ => 1 } split /\n/, $node->safe_psql('postgres', "LOAD 'posture'; $sql");
}

# The relations, columns, functions and types of schemas.
sub objects
{
	my $in = 'IN (' . join(', ', map { "'$_'::regnamespace" } @_) . ')';
	return {
		relation => { names("SELECT relname FROM pg_class WHERE relnamespace $in") },
		function => { names("SELECT proname FROM pg_proc WHERE pronamespace $in") },
		type => { names("SELECT typname FROM pg_type WHERE typnamespace $in") },
		column => {
			names("SELECT relname || '.' || attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid WHERE relnamespace $in")
		}
	};
}

# whether the schema of these objects has a relation, a function or a type of this name
sub has
{
	my ($objects, $name) = @_;
	return grep { $objects->{$_}{$name} } qw(relation function type);
}
my $contract = objects('posture');
my $internal = objects('posture_internal');
my $both = objects('posture', 'posture_internal');
my %contributor = map { $_ => 1 } qw(CHANGELOG.md CONTRIBUTING.md doc/contributing.md doc/inside.md doc/release.md);
# names that the changelog says were replaced
my %removed = ('CHANGELOG.md' => { map { $_ => 1 } qw(is_quiet own_rows quiet_days to_do) });

my %setting = names(q{SELECT substr(name, 9) FROM pg_settings WHERE name LIKE 'posture.%'});
my %builtin = names('SELECT proname FROM pg_proc WHERE pronamespace = \'pg_catalog\'::regnamespace');
# those of Citus
$builtin{$_} = 1 foreach qw(citus_add_node citus_create_restore_point citus_set_coordinator_host citus_update_node recover_prepared_transactions);
# names of columns, arguments, values and fields
sub words
{
	my ($schema) = @_;
	return names(<<SQL);
SELECT attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid WHERE relnamespace = '$schema'::regnamespace
UNION SELECT unnest(proargnames) FROM pg_proc WHERE pronamespace = '$schema'::regnamespace
UNION SELECT enumlabel FROM pg_enum
UNION SELECT field FROM posture.object_field()
UNION SELECT reason FROM posture.change_reason()
UNION SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace
UNION SELECT name FROM pg_settings
UNION SELECT word FROM pg_get_keywords()
SQL
}
my %contract_word = (words('posture'), day_summary => 1);    # a kind of notification
my %word = (%contract_word, words('posture_internal'), %setting, %builtin, map { %{ $both->{$_} } } qw(relation function type));
# fields of documents, rules and messages
my $source = join '', map { slurp_file($_) } glob "$top/src/sql/*/*.sql";
$word{$_} = 1 foreach $source =~ /\b([a-z]+(?:_[a-z0-9]+)+)\b/g;
# other programs and extensions
$word{$_} = 1 foreach qw(pg_basebackup pg_dump pg_dumpall pg_restore pg_upgrade pg_cron pg_config pg_regress pg_buildext);
# options of libpq
$word{connect_timeout} = 1;
# roles of PostgreSQL
$word{$_} = 1 foreach names('SELECT rolname FROM pg_roles');

foreach my $file (documents())
{
	my $text = $text{$file};
	my %unknown;
	my $named = $contributor{$file} ? $both : $contract;
	# what the document itself creates, in examples
	my %made = map { $_ => 1 } $text =~ /^CREATE \w+ (posture(?:_internal)?\.\w+)/mg;
	# posture.NAME and posture_internal.NAME, also within blocks of code
	foreach my $name ($text =~ /(?<![\w.\/-])posture\.([a-z]\w*)/g)
	{
		$unknown{"posture.$name"} = 1
			unless has($contract, $name) || $setting{$name} || $name =~ /^(?:control|so|c)$/;
	}
	foreach my $name ($text =~ /(?<![\w.\/-])posture_internal\.([a-z]\w*)/g)
	{
		$unknown{"posture_internal.$name"} = 1 unless has($internal, $name) || $made{"posture_internal.$name"};
	}
	foreach my $span (code_spans($text))
	{
		next if $span =~ /^posture_internal\./;
		my $name = $span =~ s/^posture\.//r;
		if ($name =~ /^([a-z]\w*)\(.*\)$/)
		{
			$unknown{$span} = 1 unless $named->{function}{$1} || $builtin{$1};
			$unknown{"$1() is not in the reference"} = 1 if $contract->{function}{$1} && $reference !~ /^### $1$/m;
		}
		elsif ($name =~ /^([a-z]\w*)\.(\w+)$/ && $named->{relation}{$1})
		{
			$unknown{$span} = 1 unless $named->{column}{$name};
		}
		elsif ($name =~ m{^(?:src|sql|test|doc|expected)(?:/[\w.-]+)*$})
		{
			$unknown{$span} = 1 unless -e "$top/$name" || $name eq 'sql';
		}
		elsif ($name =~ /^[a-z]+(?:_[a-z0-9]+)+$/ && !$removed{$file}{$name})
		{
			$unknown{$span} = 1 unless $word{$name};
			$unknown{"$span without its schema"} = 1 if has($internal, $name) && !has($named, $name) && !$contract_word{$name};
		}
	}
	is(join(', ', sort keys %unknown), '', "$file: names in it exist");
}

$node->stop;
done_testing();
