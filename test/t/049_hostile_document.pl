# Hostile text in every string of a document of each format, and numbers and times beyond
# everything: nothing of it runs, and the text is stored as it is where a mark in its place
# is stored, or refused with a clear error.
# tests: source/load, source/native, source/ocsf, source/asff, source/xccdf
# tests: source/azure_assessment, source/azure_control, source/prowler_check
# tests: source/inventory, source/inventory_asset, source/device_inventory
# tests: source/cloud_inventory, source/servicenow
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

# with little in it, because all that is stored is read each time
my $node = hostile_node('hostile_document');
hostile_database($node, 'documents');
$node->safe_psql('documents', <<'SQL');
-- the paths of strings and numbers, and of a new field in each object, whose name is a text
CREATE FUNCTION public.leaf(node jsonb, at text[] DEFAULT '{}') RETURNS SETOF text[]
    LANGUAGE plpgsql AS $$
BEGIN
    IF jsonb_typeof(node) = 'object' THEN
        RETURN QUERY SELECT l FROM jsonb_each(node) e, public.leaf(e.value, at || e.key) l;
        RETURN NEXT at || '?'::text;
    ELSIF jsonb_typeof(node) = 'array' THEN
        RETURN QUERY SELECT l FROM jsonb_array_elements(node) WITH ORDINALITY e(value, n),
                                   public.leaf(e.value, at || (e.n - 1)::text) l;
    ELSIF jsonb_typeof(node) IN ('string', 'number') THEN
        RETURN NEXT at;
    END IF;
END $$;
-- all that is stored, in JSON
CREATE FUNCTION public.stored() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(x::text, E'\n')
    FROM (SELECT to_jsonb(r) - 'reason' FROM posture.rejected r
          UNION ALL SELECT e FROM posture.export() e) x(x) $$;
-- loads a document that has a text, and notes whether the text is stored
CREATE FUNCTION public.try(what text, format text, document text, text text) RETURNS boolean
    LANGUAGE plpgsql AS $$
DECLARE
    stored text;
    found boolean;
BEGIN
    BEGIN
        PERFORM FROM posture.load(format, document);
        stored := public.stored();
        found := position(trim('"' FROM to_jsonb(text)::text) IN stored) > 0;
        IF format = 'xccdf' AND NOT found THEN
            -- XML is stored as such, with its texts escaped
            text := replace(replace(replace(text, '&', '&amp;'), '<', '&lt;'), '>', '&gt;');
            found := position(trim('"' FROM to_jsonb(text)::text) IN stored) > 0;
        END IF;
        RAISE EXCEPTION '%', found USING ERRCODE = 'ZZ001';
    EXCEPTION WHEN OTHERS THEN
        INSERT INTO public.answer VALUES (what, text, SQLSTATE, SQLERRM);
        RETURN SQLSTATE = 'ZZ001' AND NOT found;
    END;
END $$;
-- tries texts at a place of a document, and a mark if one of them is not stored
CREATE FUNCTION public.try_json(format text, body jsonb, path text[], texts text[]) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    changed jsonb;
    text text;
    is_missing boolean := false;
BEGIN
    FOREACH text IN ARRAY texts || 'zzmark'::text LOOP
        CONTINUE WHEN text = 'zzmark' AND NOT is_missing;
        changed := CASE WHEN path[cardinality(path)] = '?'
                        THEN jsonb_set(body, path[:cardinality(path) - 1] || text, '"x"')
                        ELSE jsonb_set(body, path, to_jsonb(text)) END;
        is_missing := public.try(format || ' ' || path::text, format, changed::text, text)
                      OR is_missing;
    END LOOP;
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

$node->safe_psql('documents', join '', $set_seed,
	map { $_->[0] eq 'xccdf' ? xml_sql($_->[1]) : json_sql($_->[0], literal($_->[1])) }
	  documents());
my $ask = sub { $node->safe_psql('documents', shift) };
cmp_ok($ask->('SELECT count(DISTINCT what) FROM public.answer'),
	'>', 300, 'strings of documents were replaced');
is($ask->($sprung), 'f', 'nothing in a document runs');
# an element that is wrong is rejected, and the rest is loaded; a document is refused if
# nothing in it is of its format
is($ask->(<<'SQL'), '', 'there is no error');
SELECT DISTINCT what, text, state, message FROM public.answer
WHERE state <> 'ZZ001'
  AND NOT (state = '22023' AND message LIKE 'document is not of format %')
SQL
# but for keys of letters and digits, tags, and fields of which another has the text
my $changed = join '|', 'compliance-framework \{Framework\}',
  'trivy \{ArtifactType\}', 'grype \{source,type\}',
  'azure-assessments \{value,\d,(name|type|properties,resourceDetails,id)\}',
  'azure-secure-score-controls .*assessmentDefinitions,\d,id\}',
  'xccdf \d+ <(fact name="|set-value idref="v1">|sub idref=")';
is($ask->(<<"SQL"), '', 'a text is stored as it is');
SELECT DISTINCT a.what, a.text, a.message, m.message
FROM public.answer a
JOIN public.answer m ON m.what = a.what
  AND m.text = 'zzmark' AND m.state = 'ZZ001' AND m.message = 't'
WHERE a.state = 'ZZ001' AND a.message <> 't'
  AND a.what !~ '^($changed)\$'
SQL
cmp_ok($ask->(q{SELECT count(DISTINCT what) FROM public.answer WHERE message = 't'}),
	'>', 200, 'most are stored');
note 'tried: ', $ask->('SELECT count(*) FROM public.answer'), ' documents';

$node->stop;
done_testing();

# Calls with texts in each string of a JSON document, and with extreme
# values in each number and time.
sub json_sql
{
	my ($format, $json) = @_;
	return <<"SQL";
SELECT count(public.try_json('$format', d.body, l.path, ARRAY(
    SELECT h.text FROM public.hostile h WHERE l.path IS NOT NULL
    ORDER BY random() LIMIT $texts_each)))
FROM (SELECT $json\::jsonb) d(body) CROSS JOIN LATERAL public.leaf(d.body) l(path)
WHERE jsonb_typeof(d.body #> l.path) IS DISTINCT FROM 'number';
SELECT count(public.extreme('$format ' || l.path::text || ' ' || left(v.value::text, 30),
                            '$format', jsonb_set(d.body, l.path, v.value)))
FROM (SELECT $json\::jsonb) d(body) CROSS JOIN LATERAL public.leaf(d.body) l(path)
CROSS JOIN LATERAL (
    SELECT u.value
    FROM (SELECT x.value
          FROM unnest('{1e300,-1,1e16,1e-300,0,1709280000000000}'::numeric[]) n,
               to_jsonb(n) x(value)
          WHERE jsonb_typeof(d.body #> l.path) = 'number'
          UNION ALL
          SELECT x.value
          FROM unnest('{infinity,-infinity,294276-12-31T23:59:59Z,9999-12-31,0001-01-01,
              2024-02-30,24:00,P290000Y,PT0S,P36501D}'::text[]) t, to_jsonb(t) x(value)
          WHERE d.body #>> l.path ~ '^(\\d{4}-\\d\\d-|P\\d)') u
    ORDER BY random() LIMIT $texts_each) v;
SQL
}

# The same in the values of attributes and the texts of elements of an XML document, which
# has no control characters.
sub xml_sql
{
	my ($body) = @_;
	my $sql = '';
	while ($body =~ /(?<==")[^"]*(?=")|(?<=>)[^<>]+(?=<)/g)
	{
		my ($start, $length) = ($-[0], $+[0] - $-[0]);
		next if substr($body, 0, $start) =~ /xmlns(:\w+)?="\z/;
		# the name of the place is the last of what stands before it
		my ($place) = substr($body, 0, $start) =~ /(<[^<]*)\z/;
		for my $text ((map { $texts[ rand @texts ] } 1 .. $texts_each), 'zzmark')
		{
			next if $text =~ /[\x00-\x1f]/;
			my $changed = $body;
			substr($changed, $start, $length) =
			  $text =~ s/&/&amp;/gr =~ s/</&lt;/gr =~ s/>/&gt;/gr =~ s/"/&quot;/gr;
			my $what = "xccdf $start $place";
			$sql .= "SELECT public.try('$what', 'xccdf', "
			  . literal($changed) . ', ' . literal($text) . ')';
			$sql .= " WHERE EXISTS (SELECT FROM public.answer WHERE what = '$what' "
			  . "AND state = 'ZZ001' AND message <> 't')" if $text eq 'zzmark';
			$sql .= ";\n";
		}
	}
	return $sql;
}
