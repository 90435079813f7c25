# Mistakes of people who load: each has an error or a notice that says what to do, without
# the context of internal functions.
# tests: source/document, source/load, catalog/name, finding/inbox, call.c, name.c

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDocument;
use TestPosture;

my $node = new_node('mistakes');
$node->safe_psql('postgres', 'CREATE EXTENSION posture');
my $files = PostgreSQL::Test::Utils::tempdir();

# What psql prints of an error or a notice, as people see it.
sub answer
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql('postgres', "BEGIN;\n$sql\nROLLBACK;", stdout => \$out, stderr => \$err,
		on_error_stop => 1);
	return $err =~ s/^psql:<stdin>:\d+: //gmr;
}

# ---- a document as each format ----

my @documents = documents();
my $formats = $node->safe_psql('postgres',
	q{SELECT string_agg(format, ' ' ORDER BY format) FROM posture.load_format()});
is(join(' ', sort map { $_->[0] } @documents), $formats, 'there is a document of each format');
for my $document (@documents)
{
	my ($is, $text) = @$document;
	for my $format (map { $_->[0] } @documents)
	{
		my $answer = answer("SELECT FROM posture.load('$format', \$d\$$text\$d\$);");
		my $error =
		    $format eq $is ? undef
		  : $is eq 'xccdf' ? 'document is not JSON: it begins like XML'
		  : $format eq 'xccdf' ? 'document is not XML: it begins like JSON'
		  : qq{document is not of format "$format"};
		if (!defined $error) { unlike($answer, qr/ERROR|rejected/, "$is is loaded"); next; }
		like($answer, qr/^ERROR:  \Q$error\E\n(DETAIL:  .*\n)?HINT:  It looks like a document of format "\Q$is\E"\.$/m,
			"$is as $format");
		unlike($answer, qr/CONTEXT/, "$is as $format: without context");
	}
}
my ($ocsf) = map { $_->[1] } grep { $_->[0] eq 'ocsf' } @documents;
like(answer("SELECT FROM posture.load('azure-assessments', \$d\$$ocsf\$d\$::jsonb);"),
	qr/^ERROR:  document is not of format "azure-assessments"$/m, 'and as jsonb');

# ---- arguments ----

my $prowler = q{[{"CheckID": "a", "CheckTitle": "b"}]};
my $asff = q~{"SchemaVersion": "2018-10-08", "Id": "a", "GeneratorId": "g", "ProductArn": "p", "Title": "t",
	"Compliance": {"Status": "PASSED"}, "Resources": [{"Type": "t", "Id": "r"}]}~ =~ s/\s+/ /gr;
my $state = sub { qq({"type": "finding", "source": "s", "recommendation": "r", "asset": "a", "state": "$_[0]"}) };
for my $case (
	[ q{load('oscap', '<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2"/>')},
		'format "oscap" does not exist', 'It looks like a document of format "xccdf".' ],
	[ "load('prowler', '$prowler')", 'format "prowler" does not exist',
		'It looks like a document of format "prowler-checks".' ],
	[ q{load('OCSF', '<')}, 'format "OCSF" does not exist', 'Perhaps you meant "ocsf". Formats are ' ],
	[ q{load('azure', NULL)}, 'format "azure" does not exist', 'Perhaps you meant "azure-resources". ' ],
	[ q{load('azure-asessments', '[]')}, 'format "azure-asessments" does not exist',
		'Perhaps you meant "azure-assessments". ' ],
	[ q{load(NULL, '[]')}, 'format "<NULL>" does not exist', 'Formats are ' ],
	[ q{load('ocsf', NULL)}, 'document must not be null', 'Was the file found?' ],
	[ q{load('ocsf', '')}, 'document is empty', 'Was the file found? ' ],
	[ q{load('xccdf', E' \r\n')}, 'document is empty', 'Was the file found? ' ],
	[ q{load('ocsf', convert_from('\xefbbbf', 'UTF8'))}, 'document is empty', 'Was the file found? ' ],
	[ q{load('ocsf', '<!DOCTYPE html><html>')}, 'document is not JSON: it begins like HTML', 'A server ' ],
	[ q{load('xccdf', '<!doctype html>')}, 'document is not XML: it begins like HTML', 'A server ' ],
	[ q{load('ocsf', E'AUTH_METHOD;TIMESTAMP;ACCOUNT_UID\n;;\n')}, 'document is not JSON: it begins like CSV',
		'Have its product write JSON, or COPY the rows into posture.inbox.' ],
	[ q{load('xccdf', E'"Host"\t"Plugin ID"\t"State"\r\n')}, 'document is not XML: it begins like CSV',
		'Have its product write XML, or COPY the rows into posture.inbox.' ],
	[ q{load('ocsf', '<NessusClientData_v2/>')}, 'document is not JSON: it begins like XML', 'Formats are ' ],
	[ q{load('ocsf', '/tmp/prowler.json')}, 'document is not JSON: it looks like the name of a file', 'Pass what the file contains.' ],
	[ q{load('ocsf', ':document')}, 'document is not JSON: it looks like the name of a psql variable',
		q{Put the colon before the quotes, as in :'document'.} ],
	[ q{load('xccdf', 'results.xml')}, 'document is not XML: it looks like the name of a file', 'Pass ' ],
	[ q{load('[]', 'ocsf')}, 'format "[]" does not exist', 'The format is the first argument, the document the second.' ],
	[ q{load('[' || repeat('x', 1000000), 'ocsf')}, 'format "[' . 'x' x 99 . '" does not exist', 'The format is the first' ],
	[ q{load('ocsf', 'ERROR: Please run ''az login''.')}, 'document is not valid JSON',
		'The file may contain a message in place of the document.' ],
	[ q~load('ocsf', '[{"a": 1}, {"b":')~, 'document is not valid JSON', 'The document may be cut off.' ],
	[ q{load('posture', E'[{"type": "metric", "key": "m"},\n{"type": "metric", "key": "n"}\n')},
		'document is not valid JSON', 'The document may be cut off.' ],
	[ q{load('ocsf', '[{"a" 1}]')}, 'document is not valid JSON', 'Look at this place in the document.' ],
	[ q{load('ocsf', '{"a": "\u0000"}')}, 'unsupported Unicode escape sequence', 'Remove it from the document.' ],
	[ q{load('xccdf', '<a>')}, 'invalid XML document', undef ],
	[ q{load('xccdf', '<!DOCTYPE a><a/>')}, 'document type declarations are not accepted', 'Remove ' ],
	[ "load('xccdf', '$prowler'::jsonb)", 'format "xccdf" requires a document in XML',
		'It looks like a document of format "prowler-checks".' ],
	[ q{load('ocsf', '<a/>'::xml)}, 'document is not JSON: it begins like XML', 'Formats are ' ],
	[ "load('prowler-checks', '$prowler', complete => true)",
		'format "prowler-checks" does not support complete deliveries', 'Omit ' ],
	[ qq~load('asff', '$asff', complete => true)~, 'a complete delivery requires its source', 'Give ' ],
	[ q~load('ocsf', E'{"a": 1}\n{"a": "b', 'prowler', complete => true)~, 'document is not of format "ocsf"', 'Formats ' ],
	[ qq~load('asff', E'$asff\\n{"Id": "b', 'hub', complete => true)~, 'document is not complete',
		'The document may be cut off. Produce it again.' ],
	(map { [ qq~load('asff', '$_', 'hub', complete => true)~, 'document is not complete',
		'Load all pages as one document, each on a line of its own or in an array, or omit the argument "complete".' ] }
	  qq~{"Findings": [$asff], "NextToken": "n"}~, qq~[{"Findings": [$asff]}, {"Findings": [$asff], "nextLink": "n"}]~),
	[ "load('prowler-checks', '$prowler', '')", 'missing source', undef ],
	[ q{ingest('prowlr')}, 'source "prowlr" does not exist', 'Perhaps you meant "prowler". Sources are cloud, prowler. ' ],
	[ q{ingest(only_source => 'x')}, 'source "x" does not exist', 'Sources are cloud, prowler. Add ' ],
	[ q{ingest('cloud')}, 'inbox contains no finding of source "cloud"', 'Set is_active ' ],
	[ q{install_pack('ransomeware')}, 'pack "ransomeware" does not exist', 'Perhaps you meant "ransomware". Packs are ' ],
	[ q{forget_source('Prowler')}, 'source "Prowler" does not exist', 'Perhaps you meant "prowler". Sources are ' ],
	[ q{forget_source(NULL)}, 'source "<NULL>" does not exist', 'Sources are ' ])
{
	my ($call, $error, $hint) = @$case;
	my $answer = answer("INSERT INTO posture.source (key, name) VALUES ('prowler', 'P'), ('cloud', 'C');\n"
		  . "SELECT FROM posture.$call;");
	like($answer, qr/^ERROR:  \Q$error\E$/m, $call);
	like($answer, qr/^HINT:  \Q$hint\E/m, "$call: what to do") if $hint;
	unlike($answer, qr/CONTEXT/, "$call: without context");
}
like(answer(q~SELECT FROM posture.load('ocsf', E'[{"a": 1},\n{"b" 2}]');~),
	qr/DETAIL: .*"2"\.\nJSON data, line 2: \{"b" 2/, 'an error of JSON says where');
like(answer(q{SELECT FROM posture.load('ocsf', repeat('x', 1000000));}), qr/^.{1,800}\z/s, 'and is short');

like(answer(q{SET TRANSACTION READ ONLY; SELECT FROM posture.load('ocsf', '[]');}),
	qr/^ERROR:  cannot execute CREATE TABLE in a read-only transaction\z/, 'in a transaction that only reads');

is($node->safe_psql('postgres', <<"SQL"), <<'OUT' =~ s/\n\z//r, 'a line that is cut off is rejected, and a last page is complete');
BEGIN;
SELECT loaded, rejected FROM posture.load('asff', E'$asff\\n{"Id": "b');
SELECT reason FROM posture.rejected;
SELECT loaded FROM posture.load('asff', '[{"Findings": [$asff], "nextLink": "n"}, {"Findings": [$asff], "nextLink": null}]', 'hub', complete => true);
ROLLBACK;
SQL
1|1
$[1]: not valid JSON: the line may be cut off
1
OUT

is($node->safe_psql('postgres', <<"SQL"), <<'OUT' =~ s/\n\z//r, 'a complete document does not close what was rejected in it');
BEGIN;
SELECT FROM posture.load('posture', '[{"type": "source", "key": "s", "name": "S"}, @{[ join ', ', $state->('non_compliant'),
	$state->('compliant') =~ s/"a"/"b"/r, $state->('compliant') =~ s/"a"/"c"/r ]}]');
SELECT loaded, rejected, closed
FROM posture.load('posture', '[@{[ $state->('broken') ]}, @{[ $state->('compliant') =~ s/"a"/"b"/r ]}]', 's', complete => true);
SELECT a.key, f.state FROM posture.finding f JOIN posture.asset a USING (asset_id) ORDER BY a.key;
ROLLBACK;
SQL
1|1|1
a|non_compliant
b|compliant
c|not_applicable
OUT

# the context of callers stays, and that of an error which is not about what was passed
like(answer(q{DO $$ BEGIN PERFORM FROM posture.load('ocsf', 'x'); END $$;}),
	qr/^CONTEXT:  SQL statement "SELECT FROM posture.load\('ocsf', 'x'\)"\nPL\/pgSQL function inline_code_block line 1 at PERFORM$/m,
	'a caller is told where it called');
like(answer(q{ALTER TABLE posture.rejected RENAME TO other; SELECT FROM posture.load('posture', '[{"type": "metric"}]');}),
	qr/^ERROR:  relation "rejected" does not exist(.*\n)+CONTEXT:  (.*\n)*PL\/pgSQL function load_document/m,
	'an internal error has its context');
is($node->safe_psql('postgres', <<'SQL'), '', 'what runs a function of its name is marked as that');
SELECT p.oid::regprocedure
FROM pg_proc p
LEFT JOIN pg_proc i ON i.proname = p.proname AND i.proargtypes = p.proargtypes
  AND i.pronamespace = 'posture_internal'::regnamespace
WHERE p.prosrc LIKE 'posture\_call\_%' AND p.pronamespace = 'posture'::regnamespace
  AND (i.provolatile, i.proparallel, i.prosecdef, i.proisstrict, i.proretset, i.prorettype, i.proallargtypes)
      IS DISTINCT FROM (p.provolatile, p.proparallel, p.prosecdef, p.proisstrict, p.proretset, p.prorettype, p.proallargtypes)
SQL

# ---- notices ----

for my $case (
	[ 'PASS', 'compliant' ], [ 'Failed', 'non_compliant' ], [ 'COMPLIANT', 'compliant' ],
	[ 'non-compliant', 'non_compliant' ], [ 'Not Applicable', 'not_applicable' ], [ 'true', undef ])
{
	my ($word, $is) = @$case;
	my $perhaps = $is ? ", here perhaps $is" : '';
	my $expected = qr/^NOTICE:  1 of the elements could not be loaded\n.*invalid state "$word": expected compliant, non_compliant or not_applicable$perhaps\.\nHINT:  The table posture.rejected has all of them\.$/m;
	like(answer("SELECT FROM posture.load('posture', '" . $state->($word) . "');"), $expected, "$word in a document");
	like(answer("INSERT INTO posture.source (key, name) VALUES ('s', 'S');
		INSERT INTO posture.inbox VALUES ('s', 'r', 'a', '$word'); SELECT FROM posture.ingest();"), $expected, "$word in the inbox");
}
for my $case (
	[ '"type": "metrics"', 'type "metrics" not recognized, here perhaps metric' ],
	[ '"type": "metric", "imporance": "high"', 'unrecognized field "imporance", here perhaps importance' ],
	[ '"type": "metric", "importance": "High"', 'invalid importance: "High": expected risk_accepted, low, medium, high, critical' ],
	[ '"type": "initiative", "metrics": ["n"]', 'metrics[0] is not an object with metric and weight' ],
	[ '"type": "initiative", "metrics": [{"metric": "n", "weight": "a lot"}]', 'metrics[0]: invalid weight: "a lot"' ])
{
	my ($object, $reason) = @$case;
	like(answer(qq(SELECT FROM posture.load('posture', '[{"type": "metric", "key": "n"}, {"key": "m", $object}]');)),
		qr/^DETAIL:  First reason: \$\[1\]: \Q$reason\E\.$/m, $object);
}
like(answer("INSERT INTO posture.source (key, name) VALUES ('scan', 'S'); INSERT INTO posture.inbox VALUES ('Scan', 'r', 'a', 'compliant');
	SELECT FROM posture.ingest();"),
	qr/^DETAIL:  First reason: source "Scan" does not exist, here perhaps scan\.$/m, 'a source in another letter case');
my $initiative = sub { join ', ', '{"type": "metric", "key": "accounts"}',
	'{"type": "initiative", "key": "i", "metrics": [' . join(', ', map { qq({"metric": "$_"}) } @_) . ']}' };
is(answer("SELECT FROM posture.load('posture', '[" . $initiative->(qw(accounts acounts)) . "]');"), <<'OUT' =~ s/\n\z//r, 'a metric that only an initiative names');
NOTICE:  metric "acounts" is new and measures nothing yet
DETAIL:  An initiative names it.
HINT:  Perhaps you meant "accounts". Metrics are accounts.
OUT
is(answer("SELECT FROM posture.load('posture', '[" . $initiative->('accounts') . "]');"), '', 'and none that is there');
my $check = sub { "SELECT FROM posture.load('prowler-checks', '$prowler', '$_[0]');" };
is(answer($check->('cloud') . $check->('cloud')), <<'OUT' =~ s/\n\z//r, 'a new source, and once what measures it');
NOTICE:  source "cloud" is new
HINT:  If it is a mistake: SELECT posture.forget_source('cloud').
NOTICE:  packs measure what source "cloud" reports: critical-assets
HINT:  SELECT posture.install_pack('critical-assets') adds its initiatives.
OUT
is(answer(q{SELECT FROM posture.install_pack('critical-assets');} . $check->(q{o''hara}) . $check->('ohara')),
	<<'OUT' =~ s/\n\z//r, 'not what is installed, but the sources that are known');
NOTICE:  source "o'hara" is new
HINT:  If it is a mistake: SELECT posture.forget_source('o''hara').
NOTICE:  source "ohara" is new
HINT:  Perhaps you meant "o'hara". Sources are o'hara. If it is a mistake: SELECT posture.forget_source('ohara').
OUT
like(answer("INSERT INTO posture.source (key, name) SELECT 's' || n, 's' FROM generate_series(1, 10000) n;" . $check->('s77777')),
	qr/^HINT:  Perhaps you meant "s7777". Sources are s7777, s1777, (s\d+, ){9}s\d+ and 9988 more\. If/m, 'of many the most similar');
like(answer("SELECT FROM posture.load('graph-secure-score-profiles', '[{\"id\": \"x\", \"maxScore\": 1, \"controlCategory\": \"Identity\"}]');"),
	qr/^NOTICE:  packs measure what source "microsoft-secure-score" reports: secure-score, ransomware, zero-trust, critical-assets\nHINT:  SELECT posture.install_pack\('secure-score'\) adds its initiatives\.$/m,
	'a product leads to its pack');

# as a person loads files in psql
append_to_file("$files/lines.json", "$prowler\n");
like(answer("\\set document `cat $files/missing.json 2> $files/err`\nSELECT FROM posture.load('ocsf', :'document');"),
	qr/^ERROR:  document is empty$/m, 'a file that is missing');
is(answer("SET client_min_messages = warning;\n\\set document `cat $files/lines.json`\nSELECT FROM posture.load('prowler-checks', :'document');"),
	'', 'one that is there');
is(answer("SET client_min_messages = warning; SELECT FROM posture.load(format => 'prowler-checks', document => pg_read_file('$files/lines.json'));"),
	'', 'and on the server');
for my $type (qw(unknown text varchar jsonb xml))
{
	my $call = $type eq 'xml' ? "'xccdf', \$1" : "'prowler-checks', document => \$1, complete => false";
	my ($document) = $type eq 'xml' ? map { $_->[1] } grep { $_->[0] eq 'xccdf' } @documents : $prowler;
	is(answer("SET client_min_messages = warning; PREPARE p ($type) AS SELECT FROM posture.load($call); EXECUTE p(\$d\$$document\$d\$);"),
		'', "a parameter of type $type");
}

$node->stop;
done_testing();
