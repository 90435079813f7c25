# Text is data: hostile text in every text argument of every function, in every
# string of a document of each format, in names of the cluster that is assessed,
# and of roles. Nothing of it is run, and it comes back as it went in, or is
# refused with a clear error.

use strict;
use warnings;
use utf8;
use Encode;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;
use TestDocument;

my $seed = $ENV{POSTURE_SEED} // 4711;
# how many of the texts go into each place
my $texts_each = $ENV{POSTURE_TEXTS} // 1;
diag "POSTURE_SEED=$seed POSTURE_TEXTS=$texts_each";
srand $seed;

# In lower case and without white space around it, which some fields do away
# with. sprung() is what is run if anything is: no rollback undoes it.
my @texts = (
	q{'||public.sprung()||'}, q{'); select public.sprung(); --}, q{"; select public.sprung(); --}, q{") ; select public.sprung(); /*}, q{$$||public.sprung()||$$},
	q{\\'||public.sprung()||\\'}, q{e'\\''||public.sprung()--}, q{(select public.sprung())}, q{'::text||public.sprung()::text||'}, q{%s %i %l %1$s %% %n}, q{$1 $2 :x :'x' ${x} `id`},
	q{\\}, q{\\\\}, q{'}, q{''}, q{"}, q{""}, q{x\\u0041\\x41\\n\\.}, q{[[:<:]]((((.*)*)*)*(}, q{%_\\%}, q{$.** ? (@ == 1)}, q{//*[1]|/}, q{{"a":"b"}}, q{{1-4}}, q{null}, q{&amp;&lt;}, q{]]>},
	q{<b onload="x">}, q{<!--}, "two\nlines\r\nand\ta tab", "\x{430}dmin\x{200b}\x{202e}\x{feff}x", "e\x{301} \x{1F512}", 'long ' . 'x' x 90, "a,b;c|d", q{--}, q{/*}, "\x{7f}\x{1b}[31m", q{now}, q{public.sprung()});
sub literal
{
	my ($text) = @_;
	utf8::encode($text);
	return sprintf q{convert_from('\\x%s', 'UTF8')}, unpack('H*', $text);
}
my $array = 'ARRAY[' . join(', ', map { literal($_) } @texts) . ']';

my $node = new_node('injection', "fsync = off\n");
my $superuser = $ENV{PGUSER} || getpwuid($<);
$node->safe_psql('postgres', 'CREATE DATABASE warehouse');
$node->safe_psql('warehouse', 'CREATE EXTENSION posture');
$node->safe_psql('warehouse', sample_sql());
my $canary = <<SQL;
CREATE SEQUENCE public.canary;
CREATE FUNCTION public.sprung() RETURNS text LANGUAGE sql AS \$\$ SELECT nextval('public.canary')::text \$\$;
CREATE TABLE public.hostile AS SELECT text FROM unnest($array) text;
CREATE TABLE public.answer (what text, text text, state text, message text);
SQL
$node->safe_psql('warehouse', $canary);
my $sprung = 'SELECT is_called FROM public.canary';
# what an error may be: of data, of a constraint, of what is not there or not in a state for it, of a right or a limit
my $legal = q{'^(22|23|02|55|0A|54)|^(42704|42501|P0002)$'};

# Every text, name and array of texts of every function, each in turn, the
# other arguments NULL, or what is most likely to get further.
my $calls = $node->safe_psql('warehouse', <<SQL);
SELECT setseed(@{[ ($seed % 1000) / 1000 ]});
DO \$body\$
DECLARE
    f record;
    calls bigint := 0;
BEGIN
    FOR f IN
        SELECT p.oid::regprocedure AS routine, a.n, a.type, h.text, p.prokind,
               (SELECT string_agg(CASE WHEN b.n = p.pronargs AND p.provariadic <> 0 THEN 'VARIADIC ' ELSE '' END
                                  || CASE WHEN b.n = a.n THEN format(CASE b.type WHEN 'text[]' THEN 'ARRAY[\$1]' ELSE '\$1::%s' END, b.type)
                                       WHEN b.n <= p.pronargs - p.pronargdefaults AND b.type IN ('text', 'name') THEN format('%L::%s', CASE WHEN p.proname = 'load' THEN 'posture' WHEN b.name = 'asset' THEN 'a1' ELSE 'i1' END, b.type)
                                       WHEN b.type = 'jsonb' THEN '''{}''::jsonb' WHEN b.type = 'date' THEN 'posture.today()'
                                       ELSE 'NULL::' || b.type END, ', ' ORDER BY b.n)
                FROM (SELECT x.n, format_type(x.type, NULL) AS type, p.proargnames[x.n] AS name FROM unnest(p.proargtypes) WITH ORDINALITY x(type, n)) b) AS arguments
        FROM pg_proc p
        CROSS JOIN LATERAL (SELECT x.n, format_type(x.type, NULL) AS type FROM unnest(p.proargtypes) WITH ORDINALITY x(type, n)) a
        CROSS JOIN LATERAL (SELECT h.text FROM public.hostile h WHERE a.n IS NOT NULL ORDER BY random() LIMIT 4 * $texts_each) h
        WHERE p.pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND p.prokind = 'f' AND a.type IN ('text', 'name', 'text[]', 'jsonb')
          AND 'internal'::regtype <> ALL (p.proargtypes)
    LOOP
        calls := calls + 1;
        BEGIN
            EXECUTE format('SELECT count(*) FROM posture.%s(%s)', split_part(split_part(f.routine::text, '.', 2), '(', 1),
                           CASE WHEN f.type = 'jsonb' THEN replace(f.arguments, '\$1::jsonb', 'jsonb_build_object(\$1, \$1, ''type'', \$1)') ELSE f.arguments END) USING f.text;
            RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZ001';
        EXCEPTION WHEN OTHERS THEN
            INSERT INTO public.answer VALUES (f.routine::text || ' ' || f.n, f.text, SQLSTATE, SQLERRM);
        END;
    END LOOP;
END \$body\$;
SELECT count(*) FROM public.answer;
SQL
cmp_ok(($calls =~ /(\d+)\s*\z/)[0], '>', 1000, 'functions were called');
is($node->safe_psql('warehouse', $sprung), 'f', 'no function runs what its arguments say');
# steps that are called alone: without the temporary table of load() or ingest(), with no function or type of that name
is($node->safe_psql('warehouse', "SELECT DISTINCT what, state, message FROM public.answer
	WHERE state !~ $legal AND state <> 'ZZ001'
	AND NOT (state = '42P01' AND message LIKE 'relation \"pg_temp.posture\\_%' OR state = '42883' AND what LIKE '%load_take(%' OR state = '42601' AND what LIKE '%is_input(% 2')"), '', 'and each error is a clear one');
cmp_ok($node->safe_psql('warehouse', q{SELECT count(*) FROM public.answer WHERE state = 'ZZ001'}), '>', 500, 'most are no error');

# A document with a mark in each of its strings, in turn, and then with hostile
# text there: where the mark is kept, the text is, to the letter.
# In a database with little in it, because all that is kept is read each time.
$node->safe_psql('postgres', 'CREATE DATABASE documents');
$node->safe_psql('documents', "CREATE EXTENSION posture;\n$canary" . <<'SQL');
CREATE FUNCTION public.leaf(node jsonb, at text[] DEFAULT '{}') RETURNS SETOF text[] LANGUAGE plpgsql AS $$
BEGIN
    IF jsonb_typeof(node) = 'object' THEN
        RETURN QUERY SELECT l FROM jsonb_each(node) e, public.leaf(e.value, at || e.key) l;
        -- a field more, whose name is the text
        RETURN NEXT at || '?'::text;
    ELSIF jsonb_typeof(node) = 'array' THEN
        RETURN QUERY SELECT l FROM jsonb_array_elements(node) WITH ORDINALITY e(value, n), public.leaf(e.value, at || (e.n - 1)::text) l;
    ELSIF jsonb_typeof(node) IN ('string', 'number') THEN
        RETURN NEXT at;
    END IF;
END $$;
-- all that there is, in JSON
CREATE FUNCTION public.kept() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(x::text, E'\n') FROM (SELECT to_jsonb(r) - 'reason' FROM posture.rejected r UNION ALL SELECT e FROM posture.export() e) x(x) $$;
CREATE FUNCTION public.try(what text, format text, document text, text text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    found boolean;
BEGIN
    BEGIN
        PERFORM FROM posture.load(format, document);
        -- XML is kept as such: what is a text in it stays escaped
        found := EXISTS (SELECT FROM unnest(ARRAY[text, CASE format WHEN 'xccdf' THEN replace(replace(replace(text, '&', '&amp;'), '<', '&lt;'), '>', '&gt;') END]) t(kept)
                         WHERE position(trim('"' FROM to_jsonb(t.kept)::text) IN public.kept()) > 0);
        RAISE EXCEPTION '%', found USING ERRCODE = 'ZZ001';
    EXCEPTION WHEN OTHERS THEN
        INSERT INTO public.answer VALUES (what, text, SQLSTATE, SQLERRM);
    END;
END $$;
SQL
$node->safe_psql('documents', <<'SQL');
CREATE FUNCTION public.extreme(what text, format text, document jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        PERFORM FROM posture.load(format, document);
        PERFORM FROM posture.fold();
        PERFORM FROM posture.take_snapshot();
        PERFORM FROM posture.overview;
        PERFORM FROM posture.target_report;
        RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZ001';
    EXCEPTION WHEN OTHERS THEN
        INSERT INTO public.answer VALUES (what, NULL, SQLSTATE, SQLERRM);
    END;
END $$;
SQL
my $load = "SELECT setseed(@{[ ($seed % 1000) / 1000 ]});\n";
for my $document (documents())
{
	my ($format, $body) = @$document;
	if ($format ne 'xccdf')
	{
		my $json = literal($body);
		$load .= <<SQL;
SELECT count(public.try('$format ' || l.path::text, '$format', CASE WHEN l.path[cardinality(l.path)] = '?' THEN jsonb_set(d.body, l.path[:cardinality(l.path) - 1] || t.text, '"x"')
                                                                ELSE jsonb_set(d.body, l.path, to_jsonb(t.text)) END::text, t.text))
FROM (SELECT $json\::jsonb) d(body) CROSS JOIN LATERAL public.leaf(d.body) l(path)
CROSS JOIN LATERAL ((SELECT 'zzmark' WHERE jsonb_typeof(d.body #> l.path) IS DISTINCT FROM 'number') UNION ALL (SELECT h.text FROM public.hostile h WHERE jsonb_typeof(d.body #> l.path) IS DISTINCT FROM 'number' ORDER BY random() LIMIT $texts_each)) t(text);
-- numbers and times that are beyond everything
SELECT count(public.extreme('$format ' || l.path::text || ' ' || left(v.value::text, 30), '$format', jsonb_set(d.body, l.path, v.value)))
FROM (SELECT $json\::jsonb) d(body) CROSS JOIN LATERAL public.leaf(d.body) l(path)
CROSS JOIN LATERAL (SELECT u.value FROM (
                    SELECT x.value
                    FROM unnest('{1e300,-1,1e16,1e-300,0,1709280000000000}'::numeric[]) n, to_jsonb(n) x(value)
                    WHERE jsonb_typeof(d.body #> l.path) = 'number'
                    UNION ALL
                    SELECT x.value
                    FROM unnest('{infinity,-infinity,294276-12-31T23:59:59Z,9999-12-31,0001-01-01,2024-02-30,24:00,P290000Y,PT0S,P36501D}'::text[]) t, to_jsonb(t) x(value)
                    WHERE d.body #>> l.path ~ '^(\\d{4}-\\d\\d-|P\\d)'
                    ) u ORDER BY random() LIMIT $texts_each) v;
SQL
		next;
	}
	# of XML the values of attributes and the texts of elements; control characters have no place there
	my $n = 0;
	# where it is: the last of what stands before it
	while ($body =~ /(?<==")[^"]*(?=")|(?<=>)[^<>]+(?=<)/g)
	{
		my ($start, $length) = ($-[0], $+[0] - $-[0]);
		next if substr($body, 0, $start) =~ /xmlns(:\w+)?="\z/;
		for my $text ('zzmark', map { $texts[ rand @texts ] } 1 .. $texts_each)
		{
			next if $text =~ /[\x00-\x1f]/;
			my $changed = $body;
			substr($changed, $start, $length) = $text =~ s/&/&amp;/gr =~ s/</&lt;/gr =~ s/>/&gt;/gr =~ s/"/&quot;/gr;
			my ($place) = substr($body, 0, $start) =~ /(<[^<]*)\z/;
			$load .= "SELECT public.try('xccdf $start $place', 'xccdf', " . literal($changed) . ', ' . literal($text) . ");\n";
		}
	}
}
$node->safe_psql('documents', $load);
cmp_ok($node->safe_psql('documents', 'SELECT count(DISTINCT what) FROM public.answer'), '>', 300, 'strings of documents were replaced');
is($node->safe_psql('documents', $sprung), 'f', 'nothing that a document says is run');
# an element is told, and the rest is loaded; where a document is refused, it is because nothing in it is of its format
is($node->safe_psql('documents', "SELECT DISTINCT what, text, state, message FROM public.answer WHERE state <> 'ZZ001' AND NOT (state = '22023' AND message LIKE 'document is not of format %')"), '', 'nor is there an error');
is($node->safe_psql('documents', <<'SQL'), '', 'what is kept is kept to the letter');
SELECT DISTINCT a.what, a.text, a.message, m.message
FROM public.answer a JOIN public.answer m ON m.what = a.what AND m.text = 'zzmark' AND m.state = 'ZZ001' AND m.message = 't'
WHERE a.state = 'ZZ001' AND a.message <> 't'
  -- what makes a key of letters and digits, or a tag, or is none and another field has it
  AND a.what !~ '^(compliance-framework \{Framework\}|azure-assessments \{value,\d,(name|type|properties,resourceDetails,id)\}|xccdf \d+ <(fact name="|set-value idref="v1">|sub idref="))$'
SQL
cmp_ok($node->safe_psql('documents', q{SELECT count(DISTINCT what) FROM public.answer WHERE text = 'zzmark' AND message = 't'}), '>', 200, 'and most is kept');
note 'tried: ' . join ', ', $node->safe_psql('warehouse', 'SELECT count(*) FROM public.answer') . ' calls of functions',
	$node->safe_psql('documents', 'SELECT count(*) FROM public.answer') . ' documents';

# NUL is in no text of PostgreSQL; a megabyte is in no field, or in full
for my $call (q{posture.load('posture', '{"type": "source", "key": "a\u0000b"}')}, q{posture.load('ocsf', E'[{"a": "\\\\u0000"}]')})
{
	like((query_as($node, 'documents', $superuser, "SELECT * FROM $call"))[2], qr/ERROR:  unsupported Unicode escape sequence/, "a NUL: $call");
}
is($node->safe_psql('documents', <<'SQL'), "1\n1|has 1048703 bytes, more than 1048576\n1000000\n1000000", 'long texts');
SELECT rejected FROM posture.load('posture', jsonb_build_object('type', 'source', 'key', 'long', 'name', (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 32768) n), 'product', repeat('x', 77)));
SELECT count(*), split_part(min(reason), ': ', 2) FROM posture.rejected;
INSERT INTO posture.source (key, name, product) VALUES ('much', repeat('n', 1000000), repeat('p', 1000000));
INSERT INTO posture.inbox VALUES ('much', 'r', 'a', 'compliant', now(), 'host', repeat('n', 1000000), to_jsonb(repeat('d', 1000000)));
SELECT FROM posture.ingest();
SELECT length(name) FROM posture.asset WHERE key = 'a';
SELECT length(f.details #>> '{}') FROM posture.finding f JOIN posture.recommendation r USING (recommendation_id) WHERE r.key = 'r';
SQL

# A kind is what sets are kept by: one that is too long for that is told, wherever it comes from.
is($node->safe_psql('documents', <<'SQL'), "0|1\n0|1\n1|1024\nt", 'long kinds');
CREATE TEMP TABLE kind AS SELECT string_agg(md5(n::text), '') AS long FROM generate_series(1, 33) n;
INSERT INTO posture.inbox SELECT 'much', 'r', 'b', 'compliant', now(), long FROM kind;
SELECT loaded, rejected FROM posture.ingest();
SELECT loaded, rejected FROM kind, posture.load('posture', jsonb_build_object('type', 'asset', 'key', 'c', 'kind', long));
INSERT INTO posture.inbox SELECT 'much', 'r', 'd' || n, 'compliant', now(), left(long, 1024) FROM kind, generate_series(1, 3) n;
SELECT FROM posture.ingest();
SELECT FROM posture.load('ocsf', (SELECT jsonb_build_array(jsonb_build_object('class_uid', 2003, 'compliance', '{"status_id": 1}'::jsonb, 'metadata', '{"product": {"name": "P"}}'::jsonb, 'finding_info', '{"title": "T", "uid": "u"}'::jsonb, 'resources', jsonb_build_array(jsonb_build_object('uid', 'e', 'type', long)))) FROM kind));
SELECT FROM posture.fold();
SELECT count(*), max(octet_length(value)) FROM posture_internal.asset_set WHERE attribute = 'kind' AND octet_length(value) > 100;
SELECT count(*) = 0 FROM posture.verify();
SQL

# What a superuser assesses has such names, and what it says of itself.
my @names = map { my $name = $_; chop $name while length(Encode::encode('UTF-8', $name)) > 63; $name } @texts;
my $name_array = 'ARRAY[' . join(', ', map { literal($_) } @names) . ']';
$node->safe_psql('warehouse', <<SQL);
DO \$body\$
DECLARE
    n text;
    i bigint;
BEGIN
    FOR n, i IN SELECT * FROM unnest($name_array) WITH ORDINALITY LOOP
        EXECUTE format('CREATE ROLE %I LOGIN PASSWORD %L VALID UNTIL ''infinity''', n, n);
        EXECUTE format('ALTER ROLE %I SET posture.hostile = %L', n, n);
        EXECUTE format('ALTER ROLE %I SET log_min_messages = ''PANIC''', n);
        EXECUTE format('CREATE SCHEMA %I AUTHORIZATION %1\$I', n);
        EXECUTE format('CREATE TABLE %I.%1\$I (%1\$I text)', n);
        EXECUTE format('ALTER TABLE %I.%1\$I OWNER TO %1\$I', n);
        EXECUTE format('CREATE POLICY %I ON %1\$I.%1\$I', n);
        EXECUTE format('CREATE VIEW %I.%I AS SELECT %1\$I AS %1\$I FROM %1\$I.%1\$I', n, 'v' || left(n, 20));
        EXECUTE format('CREATE FUNCTION %I.%1\$I(%1\$I %1\$I.%1\$I, VARIADIC %1\$I.%1\$I[]) RETURNS void LANGUAGE sql SECURITY DEFINER AS %L', n, 'SELECT ' || quote_literal(n));
        EXECUTE format('GRANT SELECT ON %I.%1\$I TO PUBLIC', n);
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %1\$I GRANT SELECT ON TABLES TO PUBLIC', n);
        EXECUTE format('COMMENT ON TABLE %I.%1\$I IS %L', n, n);
    END LOOP;
END \$body\$;
SQL
$node->safe_psql('warehouse', 'DELETE FROM posture.rejected');
my ($rc, $out, $err) = query_as($node, 'warehouse', $superuser, 'SELECT rejected, closed FROM posture.assess_cluster()');
is("$out$err", '0|0', 'a cluster of such names is assessed');
is($node->safe_psql('warehouse', $sprung), 'f', 'and runs nothing of them');
same_rows($node, 'warehouse', q{SELECT name FROM posture.asset WHERE kind = 'role'}, q{SELECT rolname::text FROM pg_roles WHERE rolcanlogin}, 'each role is an asset of its name');
same_rows($node, 'warehouse', q{SELECT name FROM posture.asset WHERE kind = 'schema'},
	q{SELECT nspname::text FROM pg_namespace n WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND nspname <> 'posture' OR nspname = 'posture' AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = n.oid AND deptype = 'e')}, 'each schema too');
for my $kind ([ 'table', q{FROM pg_class c JOIN pg_namespace s ON s.oid = relnamespace WHERE relkind IN ('r', 'v')} ], [ 'function', 'FROM pg_proc c JOIN pg_namespace s ON s.oid = pronamespace WHERE true' ])
{
	is($node->safe_psql('warehouse', "SELECT count(*) FROM posture.asset WHERE kind = '$kind->[0]'"),
		$node->safe_psql('warehouse', "SELECT count(*) $kind->[1] AND nspname !~ '^pg_' AND nspname <> 'information_schema' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"), "and each $kind->[0]");
}

# Roles of such names own initiatives and groups, and are let in and out.
$node->safe_psql('warehouse', 'CREATE ROLE warden LOGIN');
$node->safe_psql('warehouse', "INSERT INTO posture.initiative (key, name, owner) SELECT 'of ' || n, n, n FROM unnest($name_array) n; INSERT INTO posture.asset_group (key, name, owner) SELECT 'of ' || n, n, n FROM unnest($name_array) n");
($rc, $out, $err) = query_as($node, 'warehouse', $superuser, "SELECT count(posture.grant_access(n, l)) FROM unnest($name_array) n, unnest('{owner,reader,loader,operator}'::text[]) l WHERE n NOT LIKE '%a,b%' OR l = 'owner'");
is($rc, 0, 'access is granted to roles of such names') or diag $err;
is($node->safe_psql('warehouse', 'SELECT count(*) FROM posture_internal.granted_role() WHERE sees_all'), @names - 1, 'to each');
is((query_as($node, 'warehouse', 'a,b;c|d', q{SELECT string_agg(initiative, '') FROM posture.overview}))[1], 'of a,b;c|d', 'an owner sees their initiative');
($rc, $out, $err) = query_as($node, 'warehouse', $superuser, "SELECT count(posture.revoke_access(n)) FROM unnest($name_array) n");
is($rc . $node->safe_psql('warehouse', 'SELECT count(*) FROM posture_internal.granted_role()'), '00', 'and taken back') or diag $err;
is($node->safe_psql('warehouse', $sprung), 'f', 'nothing is run by that');
# cut off to 63 bytes, the name would be that of another role
is($node->safe_psql('documents', q{SELECT l.rejected, r.reason FROM posture.load('posture', jsonb_build_object('type', 'asset_group', 'key', 'long owner', 'owner', repeat('o', 64))) l, posture.rejected r WHERE r.reason LIKE '%owner%'}),
	'', 'rejected is told after the load');
like($node->safe_psql('documents', q{SELECT reason FROM posture.rejected WHERE reason LIKE '%owner%'}), qr/^\$: owner: name of a role has 64 bytes, more than 63: "o{40}\.\.\."$/, 'a name that is too long owns nothing');

# The longest keys, of characters that JSON writes in six bytes, fit a notification.
is($node->safe_psql('warehouse', <<'SQL'), '2|2', 'events of the longest keys are notified');
INSERT INTO posture.metric (key, name) VALUES (repeat(E'\x01', 1024), repeat('m', 100000));
INSERT INTO posture.initiative (key, name) VALUES (repeat(E'\x01', 1024), repeat('i', 100000));
INSERT INTO posture.metric_recommendation SELECT m.metric_id, r.recommendation_id FROM posture.metric m, posture.recommendation r WHERE m.key = repeat(E'\x01', 1024) AND r.key = 'r3';
INSERT INTO posture.initiative_metric SELECT i.initiative_id, m.metric_id FROM posture.initiative i JOIN posture.metric m USING (key) WHERE key = repeat(E'\x01', 1024);
UPDATE posture.finding SET state = 'compliant', changed_at = posture.day_end(posture.today() - 3) WHERE recommendation_id IN (SELECT recommendation_id FROM posture.recommendation WHERE key = 'r3');
DELETE FROM posture.snapshot; DELETE FROM posture.metric_snapshot; DELETE FROM posture.initiative_snapshot; DELETE FROM posture.event;
SELECT FROM posture.take_snapshot(posture.today() - 2);
UPDATE posture.finding SET state = 'non_compliant', changed_at = posture.day_end(posture.today() - 2) WHERE recommendation_id IN (SELECT recommendation_id FROM posture.recommendation WHERE key = 'r3');
CALL posture.run_daily();
SELECT count(*), count(*) FILTER (WHERE octet_length(cause) > 100000) FROM posture.event_report WHERE object = repeat(E'\x01', 1024) AND drop > 0;
SQL

$node->stop;
done_testing();
