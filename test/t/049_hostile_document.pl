# Text in a document is data: hostile text in each of its strings, and numbers and times
# beyond everything, in a document of each format. Nothing of it is run, and what is
# stored of it is stored to the letter.
# tests: source/load, source/native, source/ocsf, source/asff, source/xccdf
# tests: source/azure_assessment, source/azure_control, source/prowler_check
# tests: source/graph_profile, source/graph_score, source/compliance_framework

use strict;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDocument;
use TestHostile;
use TestPosture;

# A document with a mark in each of its strings, in turn, and then with hostile
# text there: where the mark is stored, the text is, to the letter.
# In a database with little in it, because all that is stored is read each time.
my $node = hostile_node('hostile_document');
hostile_database($node, 'documents');
$node->safe_psql('documents', <<'SQL');
CREATE FUNCTION public.leaf(node jsonb, at text[] DEFAULT '{}') RETURNS SETOF text[]
LANGUAGE plpgsql AS $$
BEGIN
    IF jsonb_typeof(node) = 'object' THEN
        RETURN QUERY SELECT l FROM jsonb_each(node) e, public.leaf(e.value, at || e.key) l;
        -- a field more, whose name is the text
        RETURN NEXT at || '?'::text;
    ELSIF jsonb_typeof(node) = 'array' THEN
        RETURN QUERY SELECT l FROM jsonb_array_elements(node) WITH ORDINALITY e(value, n),
                                   public.leaf(e.value, at || (e.n - 1)::text) l;
    ELSIF jsonb_typeof(node) IN ('string', 'number') THEN
        RETURN NEXT at;
    END IF;
END $$;
-- all that there is, in JSON
CREATE FUNCTION public.kept() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(x::text, E'\n')
    FROM (SELECT to_jsonb(r) - 'reason' FROM posture.rejected r
          UNION ALL SELECT e FROM posture.export() e) x(x) $$;
CREATE FUNCTION public.try(what text, format text, document text, text text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    found boolean;
BEGIN
    BEGIN
        PERFORM FROM posture.load(format, document);
        -- XML is stored as such: what is a text in it stays escaped
        found := EXISTS (
            SELECT FROM unnest(ARRAY[text, CASE format WHEN 'xccdf' THEN
                replace(replace(replace(text, '&', '&amp;'), '<', '&lt;'), '>', '&gt;') END])
                t(kept)
            WHERE position(trim('"' FROM to_jsonb(t.kept)::text) IN public.kept()) > 0);
        RAISE EXCEPTION '%', found USING ERRCODE = 'ZZ001';
    EXCEPTION WHEN OTHERS THEN
        INSERT INTO public.answer VALUES (what, text, SQLSTATE, SQLERRM);
    END;
END $$;
CREATE FUNCTION public.extreme(what text, format text, document jsonb) RETURNS void
LANGUAGE plpgsql AS $$
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

# of JSON, each string, number and object
sub json_sql
{
	my ($format, $body) = @_;
	my $json = literal($body);
	return <<"SQL";
SELECT count(public.try('$format ' || l.path::text, '$format',
                        CASE WHEN l.path[cardinality(l.path)] = '?'
                             THEN jsonb_set(d.body, l.path[:cardinality(l.path) - 1] || t.text,
                                            '"x"')
                             ELSE jsonb_set(d.body, l.path, to_jsonb(t.text)) END::text, t.text))
FROM (SELECT $json\::jsonb) d(body) CROSS JOIN LATERAL public.leaf(d.body) l(path)
CROSS JOIN LATERAL ((SELECT 'zzmark'
                     WHERE jsonb_typeof(d.body #> l.path) IS DISTINCT FROM 'number')
                    UNION ALL
                    (SELECT h.text FROM public.hostile h
                     WHERE jsonb_typeof(d.body #> l.path) IS DISTINCT FROM 'number'
                     ORDER BY random() LIMIT $texts_each)) t(text);
-- numbers and times that are beyond everything
SELECT count(public.extreme('$format ' || l.path::text || ' ' || left(v.value::text, 30),
                            '$format', jsonb_set(d.body, l.path, v.value)))
FROM (SELECT $json\::jsonb) d(body) CROSS JOIN LATERAL public.leaf(d.body) l(path)
CROSS JOIN LATERAL (SELECT u.value FROM (
                    SELECT x.value
                    FROM unnest('{1e300,-1,1e16,1e-300,0,1709280000000000}'::numeric[]) n,
                         to_jsonb(n) x(value)
                    WHERE jsonb_typeof(d.body #> l.path) = 'number'
                    UNION ALL
                    SELECT x.value
                    FROM unnest('{infinity,-infinity,294276-12-31T23:59:59Z,9999-12-31,
                                  0001-01-01,2024-02-30,24:00,P290000Y,PT0S,P36501D}'::text[]) t,
                         to_jsonb(t) x(value)
                    WHERE d.body #>> l.path ~ '^(\\d{4}-\\d\\d-|P\\d)'
                    ) u ORDER BY random() LIMIT $texts_each) v;
SQL
}

# of XML the values of attributes and the texts of elements; control characters have no
# place there
sub xml_sql
{
	my ($body) = @_;
	my $sql = '';
	# where it is: the last of what stands before it
	while ($body =~ /(?<==")[^"]*(?=")|(?<=>)[^<>]+(?=<)/g)
	{
		my ($start, $length) = ($-[0], $+[0] - $-[0]);
		next if substr($body, 0, $start) =~ /xmlns(:\w+)?="\z/;
		for my $text ('zzmark', map { $texts[ rand @texts ] } 1 .. $texts_each)
		{
			next if $text =~ /[\x00-\x1f]/;
			my $changed = $body;
			substr($changed, $start, $length) =
			  $text =~ s/&/&amp;/gr =~ s/</&lt;/gr =~ s/>/&gt;/gr =~ s/"/&quot;/gr;
			my ($place) = substr($body, 0, $start) =~ /(<[^<]*)\z/;
			$sql .= "SELECT public.try('xccdf $start $place', 'xccdf', "
			  . literal($changed) . ', ' . literal($text) . ");\n";
		}
	}
	return $sql;
}

$node->safe_psql('documents', join '', $set_seed,
	map { my ($format, $body) = @$_; $format eq 'xccdf' ? xml_sql($body) : json_sql(@$_) }
	  documents());
my $ask = sub { $node->safe_psql('documents', shift) };
cmp_ok($ask->('SELECT count(DISTINCT what) FROM public.answer'),
	'>', 300, 'strings of documents were replaced');
is($ask->($sprung), 'f', 'nothing that a document says is run');
# an element is told, and the rest is loaded; where a document is refused, it is because
# nothing in it is of its format
is($ask->(<<'SQL'), '', 'nor is there an error');
SELECT DISTINCT what, text, state, message FROM public.answer
WHERE state <> 'ZZ001'
  AND NOT (state = '22023' AND message LIKE 'document is not of format %')
SQL
# but for what makes a key of letters and digits, or a tag, or is none and another field
# has it
my $changed = join '|', 'compliance-framework \{Framework\}',
  'azure-assessments \{value,\d,(name|type|properties,resourceDetails,id)\}',
  'xccdf \d+ <(fact name="|set-value idref="v1">|sub idref=")';
is($ask->(<<"SQL"), '', 'what is stored is stored to the letter');
SELECT DISTINCT a.what, a.text, a.message, m.message
FROM public.answer a
JOIN public.answer m ON m.what = a.what
  AND m.text = 'zzmark' AND m.state = 'ZZ001' AND m.message = 't'
WHERE a.state = 'ZZ001' AND a.message <> 't'
  AND a.what !~ '^($changed)\$'
SQL
cmp_ok($ask->(<<'SQL'), '>', 200, 'and most is stored');
SELECT count(DISTINCT what) FROM public.answer WHERE text = 'zzmark' AND message = 't'
SQL
note 'tried: ', $ask->('SELECT count(*) FROM public.answer'), ' documents';

$node->stop;
done_testing();
