-- XCCDF results, taken apart into items.
-- tests: source/xccdf_document, source/xccdf_result, source/xccdf_rule
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/xccdf.sql
\set VERBOSITY terse
SET posture.timezone = 'Europe/Berlin';

-- every result, in a bare TestResult, some with a time of their own
SELECT * FROM pg_temp.finding(:'every');
SELECT DISTINCT asset_kind, asset_name FROM xccdf_item(:'every', NULL) WHERE type = 'finding';
SELECT * FROM pg_temp.object(:'every', 'source');
SELECT * FROM pg_temp.object(:'every', 'asset');
SELECT * FROM pg_temp.object(:'every', 'recommendation') LIMIT 2;
-- a source that the caller names; a time is of posture.timezone where it names no zone
SELECT source, object FROM pg_temp.object(:'every', 'source', 'scans');
SET posture.timezone = 'America/New_York';
SELECT recommendation, source, observed_at FROM pg_temp.finding(:'every', 'scans') LIMIT 3;
SET posture.timezone = 'Europe/Berlin';
-- without an end the start, without either now, which is no time here
SELECT observed_at FROM pg_temp.finding(replace(:'every', ' end-time', ' xml:base')::xml)
WHERE recommendation = 'r_fixed';
SELECT observed_at
FROM pg_temp.finding(regexp_replace(:'every', '(start|end)-time="[^"]*"', '', 'g')::xml)
WHERE recommendation = 'r_fixed';
-- names of test systems
SELECT v AS test_system, xccdf_product(v), xccdf_source_name(xccdf_product(v))
FROM unnest('{cpe:/a:redhat:openscap:1.2.17,cpe:2.3:a:redhat:openscap:1.3.9:*:*:*:*:*:*:*,
    cpe:/a:spawar:scc:5.4,cpe:/a:cisecurity:cis-cat:4,
    cpe:/a:example:Some_Scanner%21:1,a scanner,cpe:/a:example,"",NULL}'::text[])
    v;

-- a Benchmark with its rules; another prefix, and the older namespace, say the same
SELECT * FROM pg_temp.finding(:'bench');
SELECT details FROM xccdf_item(:'bench', NULL) WHERE type = 'finding' AND recommendation = 'ssh';
SELECT details FROM xccdf_item(:'bench', NULL) WHERE type = 'finding' AND recommendation = 'pw';
SELECT object FROM pg_temp.object(:'bench', 'asset');
SELECT object FROM pg_temp.object(:'bench', 'source');
SELECT location, source, object FROM pg_temp.object(:'bench', 'recommendation');
SELECT object ->> 'description' AS description, object ->> 'remediation' AS remediation,
    object #>> '{details,rationale}' AS rationale
FROM pg_temp.object(:'bench', 'recommendation') WHERE object ->> 'description' IS NOT NULL;
CREATE TEMP TABLE item AS SELECT * FROM xccdf_item(:'bench', NULL);
SELECT count(*) FROM item;
SELECT count(*) AS differ FROM (
    SELECT i.* FROM xccdf_item(replace(replace(:'bench', '<c:', '<'), '</c:', '</')::text::xml,
        NULL) i
    EXCEPT SELECT * FROM item) x; -- without its namespace it is none
SELECT count(*) AS differ FROM (
    (SELECT i.* FROM xccdf_item(replace(replace(replace(:'bench', '<c:', '<'), '</c:', '</'),
        'xmlns:c', 'xmlns')::xml, NULL) i EXCEPT SELECT * FROM item)
    UNION ALL (SELECT * FROM item EXCEPT SELECT i.*
    FROM xccdf_item(replace(replace(replace(:'bench', '<c:', '<'), '</c:', '</'), 'xmlns:c',
        'xmlns')::xml, NULL) i)) x;
SELECT count(*) AS differ FROM (
    SELECT i.* FROM xccdf_item(replace(:'bench', 'xccdf/1.2', 'xccdf/1.1')::xml, NULL) i EXCEPT
    SELECT * FROM item) x;
-- and so do a byte order mark, a declaration, comments and instructions before it
SELECT count(*) AS differ FROM (
    SELECT i.* FROM xccdf_item(xmlparse(CONTENT convert_from('\xefbbbf', 'UTF8') || :'bench'),
        NULL) i EXCEPT SELECT * FROM item) x;
SELECT count(*) AS differ FROM (
    SELECT i.* FROM xccdf_item(('<?xml version="1.0"?> <!-- <!DOCTYPE a - - <b>--><?p <!DOCTYPE a?>'
        || :'bench')::xml, NULL) i EXCEPT SELECT * FROM item) x;

-- several results of one rule are one finding: the worst of them, the others in its details
SELECT location, state, observed_at, details
FROM xccdf_item(pg_temp.results('pass', 'fail', 'notapplicable'), NULL) WHERE type = 'finding';
SELECT r, (SELECT concat_ws(' ', state, details ->> 'result', error)
FROM xccdf_item(pg_temp.results(VARIADIC r), NULL) WHERE type = 'finding' ORDER BY error LIMIT 1)
FROM (VALUES ('{error,fail}'::text[]), ('{unknown,error}'), ('{pass,unknown}'), ('{pass,fixed}'),
    ('{notchecked,pass}'), ('{notselected,notapplicable,notchecked}'), ('{pass,passed}'),
    ('{notselected}')) v(r);

-- several TestResults: a rule that one of them did not select is that of the other;
-- of a host the last one tells
SELECT * FROM pg_temp.finding(:'two');
SELECT * FROM pg_temp.object(:'two', 'source');
SELECT * FROM pg_temp.object(:'two', 'asset');
SELECT location, source, object ->> 'key' AS key, object -> 'max_points' AS max_points,
    object -> 'title' AS title FROM pg_temp.object(:'two', 'recommendation');

-- a report of ARF: rules in the request, results in the reports, hosts among the assets
SELECT * FROM pg_temp.finding(:'arf');
SELECT * FROM pg_temp.object(:'arf', 'asset');
SELECT * FROM pg_temp.object(:'arf', 'recommendation');
-- target names the asset, or the reference does, where no relationship says it
SELECT object FROM pg_temp.object(replace(:'arf', 'isAbout', 'other')::xml, 'asset');

-- results that can't be loaded
SELECT o.error, o.recommendation, o.asset, o.state, o.observed_at, o.element
FROM one_result r, pg_temp.one(r.result, r.target, r.attributes) WITH ORDINALITY o
ORDER BY r.n, o.ordinality;
SELECT left(error, 40), length(error)
FROM pg_temp.one('<rule-result idref="r"><result>' || repeat('x', 5000)
                 || '</result></rule-result>');
-- weights and severities that are none
SELECT left(w, 10) AS weight, s AS severity,
    (SELECT concat_ws(' ', object -> 'max_points', object -> 'severity')
    FROM xccdf_item(format('<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"><target>h</target>
        <rule-result idref="r" weight="%s" severity="%s"><result>pass</result></rule-result></TestResult>',
    w, s)::xml, NULL) WHERE type = 'recommendation')
FROM (VALUES ('10.000000', 'high'), ('0', 'info'), ('.5', 'low'), ('-1', 'grave'), ('1e9', ''),
    ('NaN', 'unknown'), (repeat('9', 500), 'medium'), ('', 'critical')) v(w, s);
-- nothing in it; deep; wide
SELECT type, object
FROM xccdf_item('<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"/>', NULL);
SELECT type, location, state
FROM xccdf_item((repeat('<a>', 200) || :'every' || repeat('</a>', 200))::xml, NULL)
WHERE state = 'compliant';
SELECT count(*) FILTER (WHERE type = 'finding') AS findings,
    count(*) FILTER (WHERE type = 'recommendation') AS recommendations
FROM xccdf_item((SELECT xmlelement(name "TestResult",
    xmlattributes('http://checklists.nist.gov/xccdf/1.2' AS xmlns), '<target>h</target>'::xml,
    xmlagg(xmlelement(name "rule-result", xmlattributes(lpad(n::text, 5, '0') AS idref),
        '<result>pass</result>'::xml))) FROM generate_series(10001, 13000) n), NULL);

-- documents that are no XCCDF results
SELECT v AS document, x.*
FROM unnest(pg_temp.other_documents()) v,
    LATERAL (SELECT location, type, error FROM xccdf_item(v::xml, NULL)) x;
SELECT * FROM xccdf_item(NULL, NULL);
-- a document type declaration, wherever it may stand, is refused; text of one isn't
SELECT v AS document, xml_error(v::xml) FROM unnest(pg_temp.declarations()) v;
SELECT * FROM pg_temp.finding('<!DOCTYPE TestResult [<!ENTITY e SYSTEM "file:///etc/hostname">]>
<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"><target>&e;</target>
<rule-result idref="r"><result>pass</result></rule-result></TestResult>');

-- and loaded
SELECT * FROM load('xccdf', :'bench'::xml);
SELECT * FROM pg_temp.f;
SELECT key, name, product FROM source;
SELECT key, kind, name, tags ->> 'os_name' AS os, first_seen FROM asset;
SELECT alias FROM asset_alias;
SELECT key, title, severity, max_points, workload, domain, markup FROM recommendation ORDER BY key;
-- the same again, and the equal scan of the next day under the other name of the host
SELECT * FROM load('xccdf', :'bench'::xml);
SELECT * FROM load('xccdf',
    replace(replace(:'bench', '2024-03-01', '2024-03-02'), 'WEB1</c:target',
    'web1.example.com</c:target')::xml);
SELECT key FROM asset;
-- a points initiative over the rules is the flat model: of 5 + 1 + 0.5 points 1.5
INSERT INTO initiative (key, name, method) VALUES ('guide', 'Guide', 'points');
INSERT INTO initiative_recommendation SELECT i.initiative_id, r.recommendation_id
FROM initiative i, recommendation r;
SELECT score, score(5, 6.5) AS flat FROM overview WHERE initiative = 'guide';
-- a rule that the next scan does not have is closed by a complete one
SELECT * FROM load('xccdf',
    replace(replace(:'bench', '2024-03-01', '2024-03-03'),
    '<c:rule-result idref="pw"><c:result>pass</c:result></c:rule-result>', '')::xml,
    complete => true);
SELECT * FROM pg_temp.f;
-- what can't be loaded is kept with its element
SELECT * FROM load('xccdf',
    replace(replace(:'bench', '2024-03-01', '2024-03-04'), '<c:result>fixed</c:result>',
    '<c:result>repaired</c:result>')::xml);
SELECT source, recommendation, asset, reason, details FROM rejected;
SELECT * FROM load('xccdf', :'arf'::xml, 'scans');
SELECT * FROM pg_temp.f WHERE source = 'scans';
\set VERBOSITY default
SELECT * FROM load('xccdf', '<html/>'::xml);
SELECT * FROM load('xccdf', '<!DOCTYPE a><a/>'::xml);

DISCARD TEMP;
DROP EXTENSION posture;
