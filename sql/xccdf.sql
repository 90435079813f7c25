-- XCCDF results, taken apart into items.
-- tests: source/xccdf_document, source/xccdf_result, source/xccdf_rule, source/xccdf_target
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set VERBOSITY terse
SET posture.timezone = 'Europe/Berlin';
\i :include/item.sql
\i :include/xccdf.sql

-- all items of the documents; what is expected stands beside them in test/include/xccdf.sql
SELECT name, d.* FROM doc CROSS JOIN LATERAL
    pg_temp.differences('xccdf_item', body::xml, pg_temp.expected(name)) d;
-- with the source that the caller gives
SELECT source, object FROM xccdf_item(pg_temp.doc('every')::xml, 'scans') WHERE type = 'source';
-- a time without a zone is one of posture.timezone
SET posture.timezone = 'America/New_York';
SELECT recommendation, source, observed_at FROM xccdf_item(pg_temp.doc('every')::xml, 'scans')
WHERE type = 'finding' ORDER BY location LIMIT 3;
SET posture.timezone = 'Europe/Berlin';
-- without an end-time the start-time, without both the time of the load, which is NULL here
SELECT observed_at FROM xccdf_item(replace(pg_temp.doc('every'), ' end-time', ' xml:base')::xml,
                                   NULL)
WHERE recommendation = 'r_fixed';
SELECT observed_at FROM xccdf_item(regexp_replace(pg_temp.doc('every'), '(start|end)-time="[^"]*"', '', 'g')::xml, NULL)
WHERE recommendation = 'r_fixed';
-- names of test systems
SELECT v AS test_system, xccdf_product(v), xccdf_source_name(xccdf_product(v))
FROM unnest('{cpe:/a:redhat:openscap:1.2.17, cpe:2.3:a:redhat:openscap:1.3.9:*:*:*:*:*:*:*,
              cpe:/a:spawar:scc:5.4, cpe:/a:cisecurity:cis-cat:4, cpe:/a:example:Some_Scanner%21:1,
              a scanner, cpe:/a:example, "", NULL}'::text[]) v;

-- another prefix and the older namespace mean the same; without a namespace it is no XCCDF
CREATE FUNCTION pg_temp.differ(document text) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM pg_temp.differences('xccdf_item', document::xml, pg_temp.expected('bench')) $$;
SELECT jsonb_array_length(pg_temp.expected('bench')) AS items;
SELECT pg_temp.differ(replace(replace(pg_temp.doc('bench'), '<c:', '<'), '</c:', '</'));
SELECT pg_temp.differ(replace(replace(replace(pg_temp.doc('bench'), '<c:', '<'), '</c:', '</'),
                              'xmlns:c', 'xmlns'));
SELECT pg_temp.differ(replace(pg_temp.doc('bench'), 'xccdf/1.2', 'xccdf/1.1'));
-- a byte order mark, a declaration, comments and instructions before the document change nothing
SELECT pg_temp.differ(xmlparse(CONTENT convert_from('\xefbbbf', 'UTF8')
                               || pg_temp.doc('bench'))::text);
SELECT pg_temp.differ('<?xml version="1.0"?> <!-- <!DOCTYPE a - - <b>--><?p <!DOCTYPE a?>'
                      || pg_temp.doc('bench'));

-- several results of one rule are one finding: the worst of them, with the others in its details
\set ECHO none
CREATE FUNCTION pg_temp.results(VARIADIC results text[]) RETURNS xml LANGUAGE sql AS $$
    SELECT xmlelement(name "TestResult", xmlattributes('http://checklists.nist.gov/xccdf/1.2' AS xmlns,
                                                       '2024-03-01T10:00:00Z' AS "end-time"),
                      '<target>h1</target>'::xml,
                      xmlagg(format('<rule-result idref="r" time="2024-03-01T09:00:0%sZ"><result>%s</result>'
                                    '<instance>i%s</instance></rule-result>', n, r, n)::xml ORDER BY n))
    FROM unnest(results) WITH ORDINALITY u(r, n) $$;
\set ECHO all
SELECT location, state, observed_at, details
FROM xccdf_item(pg_temp.results('pass', 'fail', 'notapplicable'), NULL) WHERE type = 'finding';
SELECT r, (SELECT concat_ws(' ', state, details ->> 'result', error) FROM xccdf_item(pg_temp.results(VARIADIC r), NULL)
           WHERE type = 'finding' ORDER BY error LIMIT 1)
FROM (VALUES ('{error,fail}'::text[]), ('{unknown,error}'), ('{pass,unknown}'), ('{pass,fixed}'),
             ('{notchecked,pass}'), ('{notselected,notapplicable,notchecked}'), ('{pass,passed}'),
             ('{notselected}')) v(r);

-- without a relationship the target or its reference names the asset
SELECT * FROM pg_temp.differences('xccdf_item', replace(pg_temp.doc('arf'), 'isAbout', 'other')::xml,
                                  pg_temp.expected('arf'));

-- lists of cases in test/include/xccdf.sql: those that are not as expected
SELECT about, count(*) FROM cases GROUP BY about ORDER BY about;
\set ECHO none
CREATE FUNCTION pg_temp.result(content text) RETURNS xml LANGUAGE sql
RETURN format('<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2" %s>%s</TestResult>',
              substring(content FROM '^([^<]*)\|'), regexp_replace(content, '^[^<]*\|', ''))::xml;
\set ECHO all
SELECT * FROM pg_temp.wrong('result', 'xccdf_item', 'pg_temp.result(input)', $$
    concat_ws(' ', error,
              '(' || concat_ws(' ', left(recommendation, 20), left(asset, 20), state, observed_at) || ')',
              CASE WHEN position(replace(object #>> '{}', ' xmlns="http://checklists.nist.gov/xccdf/1.2"', '')
                                 in input) > 0 THEN 'kept' END) $$);
SELECT * FROM pg_temp.wrong('document', 'xccdf_item', 'input::xml', $$concat_ws(' ', location,
                                                                                    error)$$,
                            'all');
SELECT input, expected, xml_error(input::xml) AS actual FROM cases
WHERE about = 'doctype' AND xml_error(input::xml) IS DISTINCT FROM expected;
SELECT left(error, 40), length(error)
FROM xccdf_item(pg_temp.result('<target>h1</target><rule-result idref="r"><result>' || repeat('x', 5000)
                               || '</result></rule-result>'), NULL)
WHERE type = 'finding';
-- the mapping does not shorten keys
SELECT error, length(recommendation), length(asset), state
FROM xccdf_item(pg_temp.result(format('<target>%s</target><rule-result idref="%s"><result>pass</result>'
                                      '</rule-result>', repeat('t', 5000), repeat('k', 5000))),
                NULL)
WHERE type = 'finding';
-- invalid weights and severities
SELECT left(w, 10) AS weight, s AS severity, 
       (SELECT concat_ws(' ', object -> 'max_points', object -> 'severity')
        FROM xccdf_item(pg_temp.result(format('<target>h</target><rule-result idref="r" weight="%s" '
                                              'severity="%s"><result>pass</result></rule-result>', w, s)),
                        NULL)
        WHERE type = 'recommendation')
FROM (VALUES ('10.000000', 'high'), ('0', 'info'), ('.5', 'low'), ('-1', 'grave'), ('1e9', ''),
             ('NaN', 'unknown'), (repeat('9', 500), 'medium'), ('', 'critical')) v(w, s);
-- an empty, a deep and a wide document
SELECT type, object FROM xccdf_item('<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"/>', NULL);
SELECT type, location, state FROM xccdf_item((repeat('<a>', 200) || pg_temp.doc('every') || repeat('</a>', 200))::xml,
                                             NULL) WHERE state = 'compliant';
SELECT count(*) FILTER (WHERE type = 'finding') AS findings,
       count(*) FILTER (WHERE type = 'recommendation') AS recommendations
FROM xccdf_item((SELECT xmlelement(name "TestResult", xmlattributes('http://checklists.nist.gov/xccdf/1.2' AS xmlns),
                                   '<target>h</target>'::xml,
    xmlagg(xmlelement(name "rule-result", xmlattributes(lpad(n::text, 5, '0') AS idref), '<result>pass</result>'::xml)))
                 FROM generate_series(10001, 13000) n), NULL);

SELECT * FROM xccdf_item(NULL, NULL);
SELECT location, error
FROM xccdf_item('<!DOCTYPE TestResult [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
                '<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"><target>&e;</target>'
                '<rule-result idref="r"><result>pass</result></rule-result></TestResult>', NULL);

-- loaded
\set ECHO none
CREATE TEMP VIEW f AS
SELECT s.key::text AS source, r.key::text AS recommendation, a.key::text AS asset, f.state,
       f.changed_at
FROM finding f JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id)
JOIN asset a USING (asset_id)
ORDER BY 1, 2, 3;
\set ECHO all
SELECT * FROM load('xccdf', pg_temp.doc('bench')::xml);
SELECT * FROM pg_temp.f;
SELECT key, name, product FROM source;
SELECT key, kind, name, tags ->> 'os_name' AS os, first_seen FROM asset;
SELECT alias FROM asset_alias;
SELECT key, title, severity, max_points, workload, domain, markup FROM recommendation ORDER BY key;
-- the same document again, and the same results of the next day under the other name of the host
SELECT load('xccdf', pg_temp.doc('bench')::xml);
SELECT load('xccdf', replace(replace(pg_temp.doc('bench'), '2024-03-01', '2024-03-02'), 'WEB1</c:target',
                             'web1.example.com</c:target')::xml);
SELECT key FROM asset;
-- an initiative by points over the rules is the flat model: 1.5 of 5 + 1 + 0.5 points
INSERT INTO initiative (key, name, method) VALUES ('guide', 'Guide', 'points');
INSERT INTO initiative_recommendation
SELECT i.initiative_id, r.recommendation_id FROM initiative i, recommendation r;
SELECT score, score(5, 6.5) AS flat FROM overview WHERE initiative = 'guide';
-- a complete scan closes a rule that it does not have
SELECT load('xccdf', replace(replace(pg_temp.doc('bench'), '2024-03-01', '2024-03-03'),
                             '<c:rule-result idref="pw"><c:result>pass</c:result></c:rule-result>', '')::xml,
            'scc', complete => true);
SELECT * FROM pg_temp.f;
-- a result that can't be loaded is kept with its element
SELECT load('xccdf', replace(replace(pg_temp.doc('bench'), '2024-03-01', '2024-03-04'), '<c:result>fixed</c:result>',
                             '<c:result>repaired</c:result>')::xml);
SELECT source, recommendation, asset, reason, details FROM rejected;
SELECT load('xccdf', pg_temp.doc('arf')::xml, 'scans');
SELECT * FROM pg_temp.f WHERE source = 'scans';
\set VERBOSITY default
SELECT load('xccdf', '<html/>'::xml);
SELECT load('xccdf', '<!DOCTYPE a><a/>'::xml);

DISCARD TEMP;
-- a target without a name has that of a fact
SELECT i.asset, i.asset_name, i.error FROM xccdf_item(xmlparse(DOCUMENT
    '<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2" id="t"><target/>'
    '<target-facts><fact name="urn:xccdf:fact:asset:identifier:fqdn">Web5.example.com</fact>'
    '</target-facts><rule-result idref="r"><result>pass</result></rule-result></TestResult>'), NULL) i
WHERE i.type = 'finding';

DROP EXTENSION posture;
