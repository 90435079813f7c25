# Calls of every function, operator, cast and aggregate with arguments from the
# edge of their types, and writes of such values to every table, each in a
# transaction that is rolled back: no crash, and no error that is not meant for
# whoever reads it. POSTURE_CALLS calls, POSTURE_SEED for the same ones again.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use JSON::PP ();
use List::Util qw(min shuffle uniq);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $calls = $ENV{POSTURE_CALLS} // 1500;
my $seed = $ENV{POSTURE_SEED} // time;
diag "POSTURE_CALLS=$calls POSTURE_SEED=$seed";
srand $seed;

my $node = new_node('calls', "log_min_messages = fatal\n");
$node->safe_psql('postgres', 'CREATE EXTENSION posture');
$node->safe_psql('postgres', sample_sql());

sub pick { return $_[ rand @_ ] }
sub literal { return "E'" . ($_[0] =~ s/(['\\])/\\$1/gr) . "'" }
sub rows { return map { [ split /\t/, $_, -1 ] } split /\n/, $node->safe_psql('postgres', $_[0], extra_params => [ '-F', "\t" ]) }

# ---- what there is ----

my %type;     # name => [kind, what it is of: element, base type]
$type{ $_->[0] } = [ @$_[ 1 .. 2 ] ] foreach rows(<<'SQL');
SELECT t.oid::regtype, CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN 'array' WHEN t.typtype = 'd' THEN 'domain'
                       WHEN t.typtype = 'c' THEN 'row' WHEN t.typtype = 'e' THEN 'enum' ELSE 'plain' END,
       CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem::regtype::text WHEN t.typtype = 'd' THEN t.typbasetype::regtype::text ELSE '' END
FROM pg_type t
SQL
my %column;    # row type => its columns: name, type, whether an INSERT has to name it
push @{ $column{ $_->[0] } }, [ @$_[ 1 .. 3 ] ] foreach rows(<<'SQL');
SELECT t.oid::regtype, quote_ident(a.attname), a.atttypid::regtype, a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' FROM pg_type t JOIN pg_attribute a ON a.attrelid = t.typrelid
WHERE t.typnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, a.attnum
SQL
my %table = map { $_->[0] => 1 } rows(q{SELECT oid::regclass FROM pg_class WHERE relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND relkind = 'r'});
my %label;
push @{ $label{ $_->[0] } }, $_->[1] foreach rows('SELECT enumtypid::regtype, enumlabel FROM pg_enum');

# what each can be called with: template, types, and words that it knows
my @callable = rows(<<'SQL');
SELECT CASE WHEN p.prorettype = 'void'::regtype OR NOT p.proretset AND p.prorettype <> 'record'::regtype
            THEN format('SELECT %s(%s)', p.oid::regproc, a.places) ELSE format('SELECT count(t::text) FROM %s(%s) t', p.oid::regproc, a.places) END,
       a.types, array_to_string(p.proargnames[1:p.pronargs], ';'), translate(pg_get_functiondef(p.oid), E'\n\t', '  ')
FROM pg_proc p
CROSS JOIN LATERAL (SELECT coalesce(string_agg(CASE WHEN p.provariadic <> 0 AND n = p.pronargs THEN 'VARIADIC ?' ELSE '?' END, ', ' ORDER BY n), '') AS places,
                           coalesce(string_agg(t::regtype::text, ';' ORDER BY n), '') AS types
                    FROM unnest(p.proargtypes) WITH ORDINALITY u(t, n)) a
WHERE p.pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND p.prokind = 'f' AND 'internal'::regtype <> ALL (p.proargtypes)
UNION ALL
SELECT format('SELECT %s(%s) %s FROM (VALUES (1, %s), (2, %4$s), (3, %4$s)) v(n, %2$s)', p.oid::regproc, a.names, how, a.places),
       concat_ws(';', a.types, a.types, a.types), '', ''
FROM pg_proc p
CROSS JOIN LATERAL (SELECT string_agg('a' || n, ', ' ORDER BY n) AS names, string_agg('?', ', ') AS places,
                           string_agg(t::regtype::text, ';' ORDER BY n) AS types
                    FROM unnest(p.proargtypes) WITH ORDINALITY u(t, n)) a
CROSS JOIN (VALUES (''), ('OVER (ORDER BY n ROWS 1 PRECEDING)')) h(how)
WHERE p.pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND p.prokind = 'a'
UNION ALL
SELECT format('SELECT ? OPERATOR(posture.%s) ?', oprname), format('%s;%s', oprleft::regtype, oprright::regtype), '', ''
FROM pg_operator WHERE oprnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)
UNION ALL
SELECT format('SELECT CAST(? AS %s)', casttarget::regtype), castsource::regtype::text, '', ''
FROM pg_cast c JOIN pg_type s ON s.oid = c.castsource JOIN pg_type t ON t.oid = c.casttarget
WHERE 'posture'::regnamespace IN (s.typnamespace, t.typnamespace)
UNION ALL
SELECT format('SELECT CAST(? AS %s)', oid::regtype), 'text', '', '' FROM pg_type WHERE typnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND typtype IN ('b', 'd', 'e') AND typcategory <> 'A'
UNION ALL
SELECT format('CALL %s()', oid::regproc), '', '', '' FROM pg_proc WHERE pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND prokind = 'p'
UNION ALL
SELECT format('%s %s', verb, oid::regclass), '', '', ''
FROM pg_class, unnest('{INSERT,INSERT,UPDATE,UPDATE,DELETE}'::text[]) verb WHERE relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND relkind = 'r'
SQL

# ---- values ----

# what an argument or a column of that name may well hold
my @known = (
	[ qr/initiative$/ => [qw(i1 i2 i3)] ],
	[ qr/metric$/ => [qw(m1 m2 m3 m4 m5)] ],
	[ qr/^recommendations?$/ => [qw(r1 r2 r5 p1 cloud:r6)] ],
	[ qr/source$/ => [qw(scan cloud)] ],
	[ qr/asset_group$/ => ['g1'] ],
	[ qr/asset$/ => [ 'a1', 'a4', 'inventory 1' ] ],
	[ qr/^object$/ => [qw(i1 i2 i3 m1 m2)] ],
	[ qr/format$/ => [ map { $_->[0] } rows('SELECT format FROM posture.load_format()') ] ],
	[ qr/^pack$/ => [ map { $_->[0] } rows('SELECT pack FROM posture.pack()') ] ],
	[ qr/basis$/ => [qw(points relative gain gain_per_asset)] ],
	[ qr/^level$/ => [qw(reader owner loader operator)] ],
	[ qr/^scheme$/ => [qw(zone maturity)] ],
	[ qr/^state$/ => [qw(compliant non_compliant not_applicable)] ],
	[ qr/^cron$/ => [ '5 * * * *', '* * * *' ] ],
	[ qr/^types?$/ => [ map { $_->[0] } rows('SELECT DISTINCT type FROM posture.object_field()') ] ]);

# keys and the like, of the sample and of nobody
my @key = (qw(scan cloud r1 r2 r4 p1 a1 a4 m1 m2 m4 i1 i2 i3 g1 host user zone cloud:p1 zz),
	"\x{c3}\x{9c}ber\x{e2}\x{82}\x{ac}\x{f0}\x{9f}\x{94}\x{92}", "it's", 'a"b', 'a\\b', '', ' ', '%', '$1', 'x' x 3000);
my @number = qw(0 1 2 -1 50 100 99.999999 0.0000005 1e-300 1e38 -1e38 1e131071 NaN Infinity -Infinity 12345678901234567890123456789012345678.123456789);
my @moment = qw(-infinity infinity 2026-01-01 2024-02-29 0001-01-01 9999-12-31 1970-01-01);
my %pool = (
	boolean => [qw(true false)],
	smallint => [qw(0 1 -1 32767 -32768)],
	integer => [qw(0 1 2 3 5 60 -1 65535 65536 1000000 2147483647 -2147483648)],
	bigint => [qw(0 1 2 -1 65536 9223372036854775807 -9223372036854775808)],
	numeric => \@number,
	'double precision' => [qw(0 1 -1 0.5 1e308 1e-308 NaN Infinity -Infinity)],
	date => [ @moment, qw(4714-11-24BC 5874897-12-31) ],
	'timestamp with time zone' => [ @moment, '4714-11-24 00:00 BC', '294276-12-31 23:59:59.999999+00' ],
	interval => [ '0', '1 day', '-1 day', '178000000 years', '-178000000 years', '2 months' ],
	oid => [qw(0 1 10 1259 4294967295)],
	'"char"' => [ '', 'a' ],
	bytea => [ '', '\x00', '\x3a300000', '\xff' ],
	regclass => [qw(pg_class posture.finding 0)],
	regprocedure => [ 'now()', '0' ],
	name => [ 'postgres', 'nobody', '', 'x' x 63 ],
	'posture.score' => [qw(0 100 50 33.333333 0.000001 99.999999)],
	'posture.assetset' => [ '{}', '{1}', '{0}', '{1-60}', '{2147483647}', '{0-2147483647}', '{65535,65536}', '{1,3,5,7,70000-80000,2000000}' ],
);

my $deep = '[' x 200 . ']' x 200;
my %xml = (
	rule => '<Rule id="r" severity="high" weight="1"><title>t</title><description>d &amp; <b xmlns="http://www.w3.org/1999/xhtml">x</b></description></Rule>',
	result => '<rule-result idref="r" time="2026-01-01T00:00:00" weight="x"><result>fail</result><message>m</message></rule-result>',
	target => '<target>a1</target><target-facts><fact name="urn:xccdf:fact:asset:identifier:fqdn">a1</fact></target-facts>');
sub xml
{
	my ($inner, $ns) = (join('', map { pick(values %xml) } 0 .. rand 4), pick('', ' xmlns="http://checklists.nist.gov/xccdf/1.2"', ' xmlns="urn:x"'));
	return pick('<a/>', 'text', '', "<Benchmark$ns id='b'>$inner<TestResult id='t' end-time='x'>$inner</TestResult></Benchmark>",
		"<TestResult$ns id='t' end-time='2026-01-01T00:00:00'>$inner</TestResult>", "<x$ns>" x 50 . $inner . '</x>' x 50);
}

# documents as the formats have them
my %document = (
	'graph-secure-score-profiles' => '{"value": [{"id": "Mfa", "title": "t", "maxScore": 10, "service": "s", "controlCategory": "c", "actionUrl": "https://example.com", "remediation": "<p>x</p>", "tier": "Core", "rank": 1, "threats": ["x"], "deprecated": false, "controlStateUpdates": [{"state": "Default"}, {"state": "ignored", "comment": "c", "updatedBy": "u", "updatedDateTime": "2026-02-01T10:00:00Z", "assignedTo": "a"}]}]}',
	'graph-secure-scores' => '[{"id": "t_1", "azureTenantId": "t", "createdDateTime": "2026-03-02T00:00:00Z", "currentScore": 17, "maxScore": 40, "averageComparativeScores": [{"basis": "AllTenants", "averageScore": 3}], "controlScores": [{"controlName": "Mfa", "controlCategory": "c", "score": 8, "scoreInPercentage": 80, "description": "d", "count": "8", "total": "10"}]}]',
	'azure-assessments' => '{"value": [{"id": "/subscriptions/s1/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/w/providers/Microsoft.Security/assessments/a", "name": "a", "type": "Microsoft.Security/assessments", "properties": {"displayName": "d", "resourceDetails": {"Source": "Azure", "Id": "/subscriptions/s1/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/w"}, "status": {"code": "NotApplicable", "cause": "Exempt", "description": "x", "statusChangeDate": "2024-01-03T00:00:00Z"}, "additionalData": {"exemption": {"exemptionCategory": "Mitigated", "displayName": "d", "expiresOn": "2124-01-01T00:00:00Z"}}, "metadata": {"displayName": "d", "severity": "High", "categories": ["Compute"], "threats": ["x"]}}}]}',
	'azure-secure-score-controls' => '{"value": [{"id": "/subscriptions/s1/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/C", "name": "C", "properties": {"displayName": "d", "healthyResourceCount": 1, "unhealthyResourceCount": 2, "score": {"max": 4}, "weight": 3, "definition": {"name": "c", "properties": {"maxScore": 4, "assessmentDefinitions": [{"id": "/providers/Microsoft.Security/assessmentMetadata/a"}]}}}}]}',
	ocsf => '[{"class_uid": 2004, "status_code": "FAIL", "message": "m", "time": 1709280000, "severity_id": 4, "severity": "High", "metadata": {"event_code": "e", "product": {"name": "P", "version": "1"}}, "finding_info": {"uid": "u", "title": "t", "desc": "d"}, "compliance": {"status_id": 3, "control": "c", "standards": ["S"], "requirements": ["1"]}, "remediation": {"desc": "d", "references": ["https://example.com"]}, "resources": [{"uid": "a1", "type": "t", "name": "n", "region": "r", "labels": ["k:v"], "tags": [{"name": "k", "value": "v"}], "data": {"metadata": {}}}], "unmapped": {"compliance": {"X": ["1"]}}}]',
	asff => '[{"Id": "i", "ProductArn": "arn:aws:securityhub:x::product/aws/securityhub", "GeneratorId": "security-control/S3.8", "AwsAccountId": "1", "UpdatedAt": "2024-03-01T08:00:00.000Z", "Severity": {"Label": "HIGH", "Normalized": 70}, "Title": "t", "Remediation": {"Recommendation": {"Text": "x", "Url": "https://example.com"}}, "ProductFields": {"a": "b"}, "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::l", "Tags": {"a": "b"}}], "Compliance": {"Status": "FAILED", "SecurityControlId": "S3.8", "RelatedRequirements": ["x"], "AssociatedStandards": [{"StandardsId": "s"}]}, "Workflow": {"Status": "NEW"}, "RecordState": "ACTIVE"}]',
	'prowler-checks' => '[{"Provider": "azure", "CheckID": "c", "CheckTitle": "t", "ServiceName": "s", "Severity": "high", "Description": "d", "Remediation": {"Code": {"CLI": "x"}, "Recommendation": {"Text": "t", "Url": "https://example.com"}}, "Categories": ["c"]}]',
	'compliance-framework' => '{"Framework": "F", "Name": "N", "Version": "1", "Provider": "Azure", "Requirements": [{"Id": "1", "Description": "d", "Attributes": [{"Section": "s", "LevelOfRisk": 4, "Weight": 100}], "Checks": ["c", "r1"]}]}',
	posture => '[{"type": "initiative", "key": "i", "method": "population", "target_score": 90, "target_on": "2027-12-31", "metrics": [{"metric": "m1", "weight": 4.5}]}, {"type": "finding", "source": "scan", "recommendation": "r1", "asset": "a1", "state": "compliant", "observed_at": "2026-01-02T03:04:05Z", "details": {"a": [1, null]}}, {"type": "metric", "key": "m1", "importance": "critical", "asset_kinds": ["user"], "criticality_weights": [1, 2, 4, 8], "recommendations": [{"source": "scan", "recommendation": "r1"}], "rule": {"source": "scan", "key": "r%"}}, {"type": "exemption", "source": "scan", "recommendation": "r1", "asset": "a1", "kind": "waived", "reason": "r", "created_at": "2026-01-03T00:00:00Z", "expires_at": "2099-01-01T00:00:00Z"}, {"type": "asset", "key": "a1", "kind": "user", "criticality": "critical", "tags": {"a": "b"}, "aliases": ["b"]}, {"type": "asset_group", "key": "g1", "kinds": ["user"], "min_criticality": "high", "tags": {"a": "b"}}, {"type": "measure", "source": "cloud", "recommendation": "p1", "achieved": 3, "possible": 4.5}, {"type": "benchmark", "initiative": "i1", "key": "all", "day": "2026-01-01", "score": 55.5}, {"type": "score_band", "scheme": "zone", "from_score": 62.5, "name": "n"}]',
	xccdf => '{}');

# one of them, with a few of its parts replaced or left out
sub document
{
	my ($format) = @_;
	my $json = JSON::PP->new->allow_nonref->canonical;
	my $document = $json->decode($document{ $format // pick(sort keys %document) } // '{}');
	foreach (0 .. rand 3)
	{
		my ($at, $in, $key) = $document;
		while (ref $at eq 'HASH' && %$at || ref $at eq 'ARRAY' && @$at)
		{
			$key = ref $at eq 'HASH' ? pick(sort keys %$at) : int rand @$at;
			($in, $at) = ($at, ref $at eq 'HASH' ? $at->{$key} : $at->[$key]);
			last if rand(6) < 1;
		}
		next unless defined $in;
		if (rand(4) < 1) { ref $in eq 'HASH' ? delete $in->{$key} : splice @$in, $key, 1 }
		else
		{
			my $new = $json->decode(json(2, 'r1'));
			ref $in eq 'HASH' ? $in->{$key} = $new : ($in->[$key] = $new);
		}
	}
	return $json->encode($document);
}

# a JSON value that knows the words of the function that gets it
sub json
{
	my ($depth, @word) = @_;
	my $kind = int rand($depth > 3 ? 7 : 12);
	my $text = sub { '"' . (pick(@word, @key) =~ s/(["\\])/\\$1/gr) . '"' };
	return pick('null', 'true', 'false') if $kind == 0;
	return pick(qw(0 1 -1 7.5 1e400 1e-400 123456789012345678901234567890 50)) if $kind == 1;
	return pick('{}', '[]', '""', '"\u00e9\ud83d\ude00"', '"2026-01-01T00:00:00Z"', '"294276-12-31T00:00:00Z"', $deep) if $kind == 2;
	return $text->() if $kind < 7;
	return '[' . join(',', map { json($depth + 1, @word) } 1 .. rand 4) . ']' if $kind == 7;
	return '{' . join(',', map { $text->() . ':' . json($depth + 1, @word) } 0 .. rand 9) . '}';
}

# An expression of the type, for what is called so. NULL now and then, more of
# it within others.
sub value
{
	my ($name, $depth, $called, @word) = @_;
	my ($kind, $of) = @{ $type{$name} // [ 'plain', '' ] };
	my ($known) = map { $_->[1] } grep { $called =~ $_->[0] } @known;
	return "NULL::$name" if rand(12) < 1 + $depth;
	return 'CAST(' . value($of, $depth, $called, @word) . " AS $name)" if $kind eq 'domain';
	return literal(pick(@{ $label{$name} })) . "::$name" if $kind eq 'enum';
	return literal(xml()) . '::xml' if $name eq 'xml';
	return literal(rand(3) < 1 ? document() : json(0, @word)) . "::$name" if $name =~ /^jsonb?$/;
	return literal(document()) . '::text' if $name eq 'text' && $called eq 'document' && rand(3) < 2;
	return literal(pick(@$known)) . "::$name" if $name eq 'text' && $known && rand(3) < 2;
	return literal(pick(rand(2) < 1 && @word ? @word : (@key, @number, @moment, xml(), '{}', '{1,5-9}'))) . "::$name" if $name =~ /^(text|cstring)$/;
	if ($kind eq 'array')
	{
		return "'{}'::$name" if rand(5) < 1;
		my $array = 'ARRAY[' . join(', ', map { value($of, $depth + 1, $called, @word) } 0 .. rand 4) . "]::$name";
		# several dimensions, a part, and numbers that don't begin with 1
		return rand(6) > 1 ? $array : pick("ARRAY[$array, $array]", "(($array)[1:2])", "('[-3:-2]={NULL,NULL}'::$name)");
	}
	if ($kind eq 'row' && $column{$name})
	{
		return "(SELECT t FROM $name t ORDER BY random() LIMIT 1)" if rand(2) < 1 && $table{$name};
		return 'ROW(' . join(', ', map { value($_->[1], $depth, $_->[0], @word) } @{ $column{$name} }) . ")::$name";
	}
	return 'current_date - ' . int(rand 6) if $name eq 'date' && rand(2) < 1;
	return 'now() - ' . literal(int(rand 100) . ' hours') . '::interval' if $name eq 'timestamp with time zone' && rand(2) < 1;
	return literal(pick(@{ $pool{$name} // [ '', '0' ] })) . "::$name";
}

# a statement for something callable
sub statement
{
	my ($template, $types, $names, $definition) = @_;
	my ($verb, $table) = $template =~ /^(INSERT|UPDATE|DELETE) (.*)/;
	my @word = uniq $definition =~ /'([^'\s]{1,40})'/g;
	my @name = split /;/, $names;
	if (!$verb && $definition =~ /^CREATE OR REPLACE FUNCTION posture\.load\(.*document jsonb/ && rand(4) < 3)
	{
		my $format = pick(sort keys %document);
		return "SELECT posture.load('$format', " . literal(document($format)) . '::jsonb)';
	}
	if (!$verb)
	{
		my @argument = map { value($_, 0, shift @name // '', @word) } split /;/, $types;
		return $template =~ s{\?}{shift @argument}ger;
	}
	my @column = shuffle @{ $column{$table} };
	my $some = int rand(1 + min(3, scalar @column));
	my @set = $verb eq 'UPDATE' ? @column[ 0 .. min($some, $#column) ] : grep { $_->[2] eq 't' || $some-- > 0 } @column;
	my $where = rand(3) < 1 ? '' : " WHERE ctid IN (SELECT ctid FROM $table ORDER BY random() LIMIT 2)";
	return "DELETE FROM $table$where" if $verb eq 'DELETE';
	return "UPDATE $table SET " . join(', ', map { "$_->[0] = " . value($_->[1], 0, $_->[0]) } @set) . $where if $verb eq 'UPDATE';
	return "INSERT INTO $table DEFAULT VALUES" if !@set;
	return "INSERT INTO $table (" . join(', ', map { $_->[0] } @set) . ') VALUES (' . join(', ', map { value($_->[1], 0, $_->[0]) } @set) . ')';
}

# ---- calls ----

my @load = grep { $_->[3] =~ /^CREATE OR REPLACE FUNCTION posture\.load\(.*document jsonb/ } @callable;
my @statement;
push @statement, map { statement(@$_) } shuffle(@callable, (@load) x 20) while @statement < $calls;
$#statement = $calls - 1;

# a statement's line is its place and what comes before the first one
my @before = ('\set VERBOSITY verbose', '\o /dev/null', 'SET client_min_messages = error;', "SET statement_timeout = '3s';");
my $file = "$PostgreSQL::Test::Utils::tmp_check/calls.sql";
open(my $out, '>:raw', $file) or die "$file: $!";
print $out "$_\n" foreach @before, map { 'BEGIN; ' . s/\n/ /gr . '; ROLLBACK;' } @statement;
close $out;
my ($stdout, $stderr) = ('', '');
my $done = run_log([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-f', $file ], '>', \$stdout, '2>', \$stderr);

# ---- errors ----

# what the reference has is for users
my $for_users = join '|', uniq slurp_file("$FindBin::RealBin/../../doc/reference.md") =~ /^(?:Function|Procedure) `(\w+)\(/mg;
die 'doc/reference.md names no function' unless $for_users =~ /\bload\b/;

# Whether an error is one that whoever made the statement can do something
# about. A step of something larger, called by itself, may miss what the steps
# before it make; what is for everybody says in its own words what is wrong.
sub is_clear
{
	my ($statement, $state, $message) = @_;
	return 0 if $state =~ /^(XX|P0001|P0003|P0004|08|58)/ || $message =~ /cache lookup failed|could not find|unrecognized (?!config)|unexpected/;
	return 1 unless $statement =~ /posture\.($for_users)\(/;
	return $state =~ /^(22|23514|42501|42704|0A000|2D000|54000|55000|P0002)/
	  && $message !~ /violates|null value|relation|function|column|cannot (call|extract|delete|cast)|must not be null/;
}

my (%count, @unclear);
while ($stderr =~ /^psql:\S+?:(\d+): (?:ERROR|FATAL|PANIC):  (\w+): (.*)\n((?:(?!psql:).*\n)*)/mg)
{
	my ($statement, $state, $message, $more) = ($statement[ $1 - 1 - @before ], $2, $3, $4);
	$count{$state}++;
	# how long a call may take depends on the machine, and an interrupted ROLLBACK is felt by the next one
	push @unclear, "$state: $message\n$more$statement\n" unless $state =~ /^(57014|25P02)$/ || is_clear($statement, $state, $message);
}
diag scalar(@statement), ' calls, errors: ', join ', ', map { "$_ $count{$_}" } sort keys %count;
ok($done, "$calls calls and the server is alive") or diag substr($stderr, -3000);
is(scalar(@unclear), 0, 'every error is a clear one') or diag join "\n", @unclear > 20 ? @unclear[ 0 .. 19 ] : @unclear;
is($node->safe_psql('postgres', 'SELECT count(*) FROM posture.verify()'), '0', 'and nothing of it is left');

# ---- what was let in ----

# After whatever the tables that people write let in, everything can still be
# read, the day's snapshot is taken, and what is kept is right.
my @written = grep { $_->[0] =~ /^(?:INSERT|UPDATE|DELETE) posture\.(?:source|asset|asset_alias|asset_group|recommendation|metric|metric_recommendation|initiative|initiative_metric|initiative_recommendation|finding|measure|exemption|benchmark|inbox|importance_weight|score_band)$/ } @callable;
my $reads = join "\n", map { "PERFORM count(v::text) FROM $_ v;" } (map { $_->[0] } rows(q{SELECT oid::regclass FROM pg_class WHERE relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND relkind = 'v' ORDER BY 1})),
	'posture.ingest()', 'posture.fold()', 'posture.take_snapshot()', 'posture.export()',
	q{(SELECT p.*, posture.planned_score(i.key), posture.achievable_score(i.key) FROM posture.initiative i CROSS JOIN LATERAL posture.plan(i.key, '100') p)},
	q{(SELECT posture.score_of(i.key, g.key) FROM posture.initiative i CROSS JOIN posture.asset_group g)},
	q{(SELECT e.event_id, x.* FROM posture.event e CROSS JOIN LATERAL posture.explain(e.event_id) x)};
my @broken;
for my $round (1 .. $calls / 100)
{
	my $writes = join "\n", map { 'BEGIN ' . s/\n/ /gr . '; EXCEPTION WHEN data_exception OR integrity_constraint_violation OR generated_always OR undefined_object OR object_not_in_prerequisite_state THEN NULL; END;' }
	  map { statement(@$_) } map { pick(@written) } 0 .. rand 5;
	my ($rc, $out, $err) = query_as($node, 'postgres', $ENV{PGUSER} || scalar(getpwuid($<)), <<"SQL");
BEGIN;
DO \$write\$ BEGIN
$writes
$reads
IF EXISTS (SELECT FROM posture.verify()) THEN RAISE 'verify() finds a difference'; END IF;
END \$write\$;
SQL
	push @broken, "$err\n$writes" if $rc;
}
is(scalar(@broken), 0, 'whatever was let in, all can be read') or diag join "\n", @broken > 5 ? @broken[ 0 .. 4 ] : @broken;

done_testing();
