/*
 * XCCDF results: a TestResult alone, in its Benchmark, or in a report of ARF,
 * also several in one document. Namespaces count, prefixes don't; XCCDF 1.2
 * and 1.1 are read alike.
 *
 * A document can have 100,000 elements. So each function goes over all of it
 * once and numbers what it finds; nothing is looked up by a path for each row,
 * and no path counts siblings.
 */

-- Some programs begin a file with a byte order mark, which is no part of XML.
-- xmlconcat() leaves a document as it is, but in memory: from a table it would
-- be fetched and decompressed anew for each function that goes over it.
CREATE FUNCTION posture.xccdf_document(document xml) RETURNS xml
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN convert_to(left(document::text, 1), 'UTF8') = decode('efbbbf', 'hex')
           THEN xmlparse(CONTENT substr(document::text, 2)) ELSE xmlconcat(document) END;
COMMENT ON FUNCTION posture.xccdf_document(xml) IS 'a document without the byte order mark that it may begin with';

-- what the text of a document does not have, it has no namespace of
CREATE FUNCTION posture.xccdf_namespace(document xml) RETURNS SETOF text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT v.namespace
    FROM (VALUES ('http://checklists.nist.gov/xccdf/1.2'), ('http://checklists.nist.gov/xccdf/1.1')) v(namespace)
    WHERE strpos(document::text, v.namespace) > 0;
END;
COMMENT ON FUNCTION posture.xccdf_namespace(xml) IS 'the namespaces of XCCDF that a document may use';

-- A document type can declare entities that grow without end or name files. Its
-- declaration stands before the root element, where else only comments and
-- processing instructions may be; "<!DOCTYPE" in a comment or in character data
-- is none.
CREATE FUNCTION posture.xml_declares_type(content text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN strpos(content, '<!DOCTYPE') > 0
       AND content !~ '^\s*(?:<\?(?:[^?]|\?+[^?>])*\?+>\s*|<!--(?:[^-]|-[^-])*-->\s*)*<[^!?]';
COMMENT ON FUNCTION posture.xml_declares_type(text) IS 'whether a text in XML has a document type declaration';

CREATE FUNCTION posture.xml_fault(document xml) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN posture.xml_declares_type(d.document::text)
            THEN 'document type declaration: not taken, since it could define entities'
        WHEN d.document IS NOT DOCUMENT THEN 'not an XML document with one root element'
        WHEN NOT EXISTS (
            SELECT
            FROM xmltable(xmlnamespaces('http://checklists.nist.gov/xccdf/1.2' AS a, 'http://checklists.nist.gov/xccdf/1.1' AS b),
                          '/descendant::*[self::a:TestResult or self::b:TestResult][1]' PASSING d.document COLUMNS n FOR ORDINALITY)) THEN
            (SELECT 'expected XCCDF results (TestResult), found '
                    || CASE WHEN r.name IN ('Benchmark', 'asset-report-collection', 'data-stream-collection', 'Tailoring')
                                 AND r.namespace ~ '^http://(checklists|scap)[.]nist[.]gov/' THEN r.name || ' without one'
                            WHEN r.namespace = '' THEN r.name || ' without a namespace'
                            ELSE format('%s of namespace "%s"', r.name, left(r.namespace, 100)) END
             FROM xmltable('/*' PASSING d.document COLUMNS name text PATH 'local-name()', namespace text PATH 'namespace-uri()') x,
                  LATERAL (SELECT left(x.name, 100) AS name, coalesce(x.namespace, '') AS namespace) r)
    END
    FROM (SELECT posture.xccdf_document(document) AS document OFFSET 0) d;
END;
COMMENT ON FUNCTION posture.xml_fault(xml) IS 'why an XML document is not taken; NULL: it has XCCDF results';

CREATE FUNCTION posture.xccdf_state() RETURNS TABLE (result text, state text, rank integer)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    VALUES ('fail', 'non_compliant', 1), ('error', 'non_compliant', 2), ('unknown', 'non_compliant', 3),
           ('fixed', 'compliant', 4), ('pass', 'compliant', 5),
           ('notchecked', 'not_applicable', 6), ('informational', 'not_applicable', 7),
           ('notapplicable', 'not_applicable', 8), ('notselected', 'not_applicable', 9);
END;
COMMENT ON FUNCTION posture.xccdf_state() IS 'the results of XCCDF: the state that each means, as its scoring models count it, and its rank: of several results of one rule on one target the lowest is that of the rule';

-- the product of a CPE name in either of its forms
CREATE FUNCTION posture.xccdf_product(test_system text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(posture.source_key(CASE
        WHEN test_system ~* '^\s*cpe:/[aoh]:' THEN split_part(test_system, ':', 4)
        WHEN test_system ~* '^\s*cpe:2[.]3:[aoh]:' THEN split_part(test_system, ':', 5) END), 'xccdf');
COMMENT ON FUNCTION posture.xccdf_product(text) IS 'key of a source by what TestResult/@test-system names: cpe:/a:redhat:openscap:1.2.17 is openscap';

-- host names have no letter case, and a final dot only says that they are whole
CREATE FUNCTION posture.host_key(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(rtrim(lower(btrim(name, E' \t\r\n')), '.'), '');
COMMENT ON FUNCTION posture.host_key(text) IS 'the key of a host by a name of it';

-- one row for each TestResult, numbered as xccdf_result() and xccdf_target() do
CREATE FUNCTION posture.xccdf_run(document xml, namespace text, of_source text)
    RETURNS TABLE (run bigint, location text, source text, product text, asset text, asset_name text,
                   ended text, started text, benchmark text, benchmark_version text, profile text, report text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.run,
           CASE WHEN t.depth = 0 THEN '/TestResult'
                WHEN t.depth = 1 AND t.parent = 'Benchmark' THEN format('/Benchmark/TestResult[%s]', t.run)
                ELSE format('(//TestResult)[%s]', t.run) END,
           coalesce(of_source, posture.xccdf_product(t.test_system)), posture.xccdf_product(t.test_system),
           posture.host_key(t.target), nullif(t.target, ''), btrim(t.ended), btrim(t.started),
           coalesce(nullif(t.benchmark, ''), nullif(t.enclosing, '')), t.version, nullif(t.profile, ''), nullif(t.report, '')
    FROM xmltable(xmlnamespaces(namespace AS x, 'http://scap.nist.gov/schema/asset-reporting-format/1.1' AS arf),
                  '/descendant::x:TestResult' PASSING document
                  COLUMNS run FOR ORDINALITY,
                          depth integer PATH 'count(ancestor::*)',
                          parent text PATH 'local-name(..)',
                          test_system text PATH '@test-system',
                          target text PATH 'normalize-space(x:target[normalize-space()][1])',
                          ended text PATH '@end-time',
                          started text PATH '@start-time',
                          version text PATH '@version',
                          benchmark text PATH 'string(x:benchmark[1]/@id)',
                          enclosing text PATH 'string(ancestor::x:Benchmark[1]/@id)',
                          profile text PATH 'string(x:profile[1]/@idref)',
                          report text PATH 'string(ancestor::arf:report[1]/@id)') t;
END;
COMMENT ON FUNCTION posture.xccdf_run(xml, text, text) IS 'the TestResults of a document: what was assessed with what';

CREATE FUNCTION posture.xccdf_result(document xml, namespace text)
    RETURNS TABLE (run bigint, n bigint, serial bigint, idref text, result text, "time" text, severity text, weight text,
                   role text, version text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.run, row_number() OVER (PARTITION BY r.run ORDER BY r.n), r.n - r.run, nullif(btrim(r.idref), ''),
           nullif(r.result, ''), nullif(btrim(r."time"), ''), r.severity, btrim(r.weight), r.role, nullif(btrim(r.version), '')
    FROM (SELECT x.*, count(*) FILTER (WHERE x.name = 'TestResult') OVER (ORDER BY x.n) AS run
          FROM xmltable(xmlnamespaces(namespace AS x),
                        '/descendant::*[self::x:TestResult or self::x:rule-result[parent::x:TestResult]]' PASSING document
                        COLUMNS n FOR ORDINALITY,
                                name text PATH 'local-name()',
                                idref text PATH '@idref',
                                result text PATH 'normalize-space(concat(x:result[1], " ", x:result[2]))',
                                "time" text PATH '@time',
                                severity text PATH '@severity',
                                weight text PATH '@weight',
                                role text PATH '@role',
                                version text PATH '@version') x) r
    WHERE r.name = 'rule-result';
END;
COMMENT ON FUNCTION posture.xccdf_result(xml, text) IS 'the rule-results of a document: n counts in the TestResult, serial in the document';

CREATE FUNCTION posture.xccdf_result_element(document xml, namespace text) RETURNS TABLE (serial bigint, element xml)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT x.serial, x.element
    FROM xmltable(xmlnamespaces(namespace AS x), '/descendant::x:rule-result[parent::x:TestResult]' PASSING document
                  COLUMNS serial FOR ORDINALITY, element xml PATH '.') x;
END;
COMMENT ON FUNCTION posture.xccdf_result_element(xml, text) IS 'the rule-results of a document as they are in it';

-- times are left out: an equal result of the next scan has to be equal
CREATE FUNCTION posture.xccdf_result_details(document xml, namespace text) RETURNS TABLE (serial bigint, details jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.serial, jsonb_strip_nulls(jsonb_build_object(
        'instances', jsonb_agg(jsonb_build_object('value', e.value, 'context', e.context, 'parent', e.parent) ORDER BY e.n)
            FILTER (WHERE e.name = 'instance'),
        'messages', jsonb_agg(jsonb_build_object('severity', e.severity, 'text', e.value) ORDER BY e.n)
            FILTER (WHERE e.name = 'message' AND e.value <> ''),
        'overrides', jsonb_agg(jsonb_build_object('authority', e.authority, 'old_result', nullif(e.old_result, ''),
                                                  'new_result', nullif(e.new_result, ''), 'remark', nullif(e.remark, '')) ORDER BY e.n)
            FILTER (WHERE e.name = 'override'),
        'fixes', jsonb_agg(jsonb_build_object('id', e.id, 'system', nullif(e.system, ''), 'text', e.value) ORDER BY e.n)
            FILTER (WHERE e.name = 'fix' AND e.value <> ''),
        'imports', jsonb_agg(jsonb_build_object('name', e.of, 'value', e.value) ORDER BY e.n) FILTER (WHERE e.name = 'check-import'),
        'checks', jsonb_agg(jsonb_build_object('system', nullif(e.system, ''), 'name', e.of, 'href', e.href) ORDER BY e.n)
            FILTER (WHERE e.name = 'check-content-ref')))
    FROM (SELECT x.n, count(*) FILTER (WHERE x.name = 'rule-result') OVER (ORDER BY x.n) AS serial, x.name,
                 btrim(x.value, E' \t\r\n') AS value, x.context, x.parent, x.severity, x.authority, x.old_result, x.new_result,
                 btrim(x.remark, E' \t\r\n') AS remark, x.id, x.system, x.of, x.href
          FROM xmltable(xmlnamespaces(namespace AS x),
                        '/descendant::*[self::x:rule-result[parent::x:TestResult]
                         or parent::x:rule-result and (self::x:instance or self::x:message or self::x:override or self::x:fix)
                         or (self::x:check-content-ref or self::x:check-import) and ancestor::x:rule-result]' PASSING document
                        COLUMNS n FOR ORDINALITY,
                                name text PATH 'local-name()',
                                value text PATH 'string(self::*[not(self::x:rule-result or self::x:override)])',
                                context text PATH '@context',
                                parent text PATH '@parentContext',
                                severity text PATH '@severity',
                                authority text PATH '@authority',
                                old_result text PATH 'normalize-space(self::x:override/x:old-result)',
                                new_result text PATH 'normalize-space(self::x:override/x:new-result)',
                                remark text PATH 'string(self::x:override/x:remark)',
                                id text PATH '@id',
                                system text PATH 'string(@system | parent::x:check/@system)',
                                of text PATH 'string(@name | @import-name)',
                                href text PATH '@href') x) e
    WHERE e.name <> 'rule-result'
    GROUP BY e.serial;
END;
COMMENT ON FUNCTION posture.xccdf_result_details(xml, text) IS 'what the rule-results of a document say beside their results: checks, instances, messages, overrides, ...';

-- what the TestResults of a document say of their targets, in the order of the document
CREATE FUNCTION posture.xccdf_target(document xml, namespace text)
    RETURNS TABLE (run bigint, n bigint, name text, key text, value text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.* FROM (
        SELECT count(*) FILTER (WHERE x.name = 'TestResult') OVER (ORDER BY x.n) AS run, x.n, x.name, x.key, x.value
        FROM xmltable(xmlnamespaces(namespace AS x),
                      '/descendant::*[self::x:TestResult or parent::x:target-facts or parent::x:TestResult and (self::x:target
                       or self::x:target-address or self::x:target-id-ref or self::x:organization or self::x:platform
                       or self::x:set-value)]' PASSING document
                      COLUMNS n FOR ORDINALITY,
                              name text PATH 'local-name()',
                              key text PATH 'string(@name | @idref)',
                              value text PATH 'normalize-space(self::*[not(self::x:TestResult)])') x) t
    WHERE t.name <> 'TestResult';
END;
COMMENT ON FUNCTION posture.xccdf_target(xml, text) IS 'what the TestResults of a document say of their targets: names, addresses, facts, ...';

-- a report of ARF names its assets apart, and says which result is about which
CREATE FUNCTION posture.xccdf_device(document xml)
    RETURNS TABLE (device text, n bigint, name text, value text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT x.device, x.n, x.name, x.value
    FROM xmltable(xmlnamespaces('http://scap.nist.gov/schema/asset-reporting-format/1.1' AS arf,
                                'http://scap.nist.gov/schema/asset-identification/1.1' AS ai),
                  '/*/arf:assets/arf:asset/ai:*/descendant::ai:*[not(*)]' PASSING document
                  COLUMNS device text PATH 'string(ancestor::arf:asset[1]/@id)',
                          n FOR ORDINALITY,
                          name text PATH 'local-name()',
                          value text PATH 'normalize-space(.)') x
    WHERE x.value <> ''
    UNION ALL
    SELECT x.device, x.n, 'report', x.report
    FROM xmltable(xmlnamespaces('http://scap.nist.gov/schema/reporting-core/1.1' AS core),
                  '/*/core:relationships/core:relationship[contains(@type, "isAbout")]/core:ref' PASSING document
                  COLUMNS device text PATH 'normalize-space(.)',
                          n FOR ORDINALITY,
                          report text PATH 'string(../@subject)') x;
END;
COMMENT ON FUNCTION posture.xccdf_device(xml) IS 'what a report of ARF says of its assets, and under the name report which reports are about them';

-- Short names of facts, whoever states them. Addresses that every host has are
-- no facts of one, and neither is what is different in each scan.
CREATE FUNCTION posture.xccdf_tag(name text, value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN coalesce(value, '') = '' OR t.tag IN ('', 'processor_mhz')
                     OR t.tag = 'addresses' AND value ~ '^(127[.]|[0:]*:0*1$|0[.]0[.]0[.]0$)'
                     OR t.tag = 'mac' AND value ~ '^[0:.-]+$' THEN NULL
                ELSE t.tag END
    FROM (SELECT CASE WHEN name IN ('target-address', 'ipv4', 'ipv6', 'ip-v4', 'ip-v6') THEN 'addresses'
                      WHEN name = 'mac-address' THEN 'mac'
                      WHEN name = 'hostname' THEN 'host_name'
                      WHEN name = 'cpe' THEN 'platform'
                      ELSE replace(name, '-', '_') END AS tag OFFSET 0) t;
END;
COMMENT ON FUNCTION posture.xccdf_tag(text, text) IS 'the tag that a fact of a host becomes; NULL: none';

-- localhost is a name of every host, so of none
CREATE FUNCTION posture.xccdf_alias(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN posture.host_key(name) ~ '^([[:alnum:]_-]{1,63}[.])+[[:alpha:]][[:alnum:]-]{0,62}$'
                 AND posture.host_key(name) !~ '^localhost[0-9]*[.]' THEN posture.host_key(name) END;
COMMENT ON FUNCTION posture.xccdf_alias(text) IS 'a name as another key of a host where it is a fully qualified one; NULL: it is not';

-- Text of XCCDF can have elements in it: XHTML, and <sub/> for a value. Escaped
-- as in XML, it has a "<" exactly where it has a tag.
CREATE FUNCTION posture.xccdf_text(plain text, markup xml, "values" jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT nullif(btrim(CASE
        WHEN markup IS NULL THEN replace(replace(replace(plain, '&', '&amp;'), '<', '&lt;'), '>', '&gt;')
        ELSE (SELECT regexp_replace(string_agg(p.piece || coalesce(f.value, s.found[1], ''), '' ORDER BY p.n), '(</?)[^\s<>/:]+:', '\1', 'g')
              FROM regexp_replace(markup::text, '\sxmlns(:[^\s=]+)?="http://(www[.]w3[.]org/1999/xhtml|checklists[.]nist[.]gov/xccdf/1[.][12])"',
                                  '', 'g') t
              CROSS JOIN regexp_split_to_table(t, '<(?:[^\s<>/:]+:)?sub\s[^<>]*(?:/>|></(?:[^\s<>/:]+:)?sub>)')
                         WITH ORDINALITY p(piece, n)
              LEFT JOIN regexp_matches(t, '(<(?:[^\s<>/:]+:)?sub\s[^<>]*(?:/>|></(?:[^\s<>/:]+:)?sub>))', 'g')
                         WITH ORDINALITY s(found, n) USING (n)
              CROSS JOIN LATERAL (SELECT replace(replace("values" ->> substring(s.found[1], 'idref="([^"]*)"'),
                                                         '&', '&amp;'), '<', '&lt;') AS value) f)
    END, E' \t\r\n'), '');
END;
COMMENT ON FUNCTION posture.xccdf_text(text, xml, jsonb) IS 'a text of XCCDF, escaped as in XML, XHTML in it without prefixes, <sub/> with the value that was set';

CREATE FUNCTION posture.xccdf_unescape(escaped text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN replace(replace(replace(replace(replace(replace(
        escaped, '&lt;', '<'), '&gt;', '>'), '&quot;', '"'), '&#13;', E'\r'), '&#x0d;', E'\r'), '&amp;', '&');
COMMENT ON FUNCTION posture.xccdf_unescape(text) IS 'a text without tags as it reads, from how it is written in XML';

CREATE FUNCTION posture.xccdf_rule(document xml, namespace text)
    RETURNS TABLE (n bigint, id text, benchmark text, severity text, weight text, role text, version text, title text,
                   description text, description_markup xml, fixtext text, fixtext_markup xml, rationale text, rationale_markup xml,
                   group_id text, group_title text, area text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT x.n, btrim(x.id), x.benchmark, x.severity, btrim(x.weight), x.role, nullif(x.version, ''), nullif(x.title, ''),
           x.description, x.description_markup, x.fixtext, x.fixtext_markup, x.rationale, x.rationale_markup,
           nullif(x.group_id, ''), nullif(x.group_title, ''), nullif(x.area, '')
    FROM xmltable(xmlnamespaces(namespace AS x), '/descendant::x:Rule' PASSING document
                  COLUMNS n FOR ORDINALITY,
                          id text PATH '@id',
                          benchmark text PATH 'string(ancestor::x:Benchmark[1]/@id)',
                          severity text PATH '@severity',
                          weight text PATH '@weight',
                          role text PATH '@role',
                          version text PATH 'normalize-space(x:version[1])',
                          title text PATH 'normalize-space(x:title[1])',
                          description text PATH 'string(x:description[1])',
                          description_markup xml PATH 'x:description[1][*]/node()',
                          fixtext text PATH 'string(x:fixtext[1])',
                          fixtext_markup xml PATH 'x:fixtext[1][*]/node()',
                          rationale text PATH 'string(x:rationale[1])',
                          rationale_markup xml PATH 'x:rationale[1][*]/node()',
                          group_id text PATH 'string(parent::x:Group/@id)',
                          group_title text PATH 'normalize-space(parent::x:Group/x:title[1])',
                          area text PATH 'normalize-space(parent::x:Group/ancestor::x:Group[last()]/x:title[1])') x;
END;
COMMENT ON FUNCTION posture.xccdf_rule(xml, text) IS 'the rules of a document';

CREATE FUNCTION posture.xccdf_rule_details(document xml, namespace text) RETURNS TABLE (n bigint, details jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.serial, jsonb_strip_nulls(jsonb_build_object(
        'idents', jsonb_agg(jsonb_build_object('system', e.of, 'id', e.value) ORDER BY e.n) FILTER (WHERE e.name = 'ident'),
        'references', jsonb_agg(jsonb_build_object('href', nullif(e.of, ''), 'text', nullif(e.value, '')) ORDER BY e.n)
            FILTER (WHERE e.name = 'reference'),
        'warnings', jsonb_agg(jsonb_build_object('category', nullif(e.of, ''), 'text', e.value) ORDER BY e.n)
            FILTER (WHERE e.name = 'warning' AND e.value <> ''),
        'fixes', jsonb_agg(jsonb_build_object('id', e.id, 'system', nullif(e.of, ''), 'strategy', e.strategy, 'complexity', e.complexity,
                                              'disruption', e.disruption, 'reboot', e.reboot, 'text', nullif(e.value, '')) ORDER BY e.n)
            FILTER (WHERE e.name = 'fix' AND e.value <> ''),
        'fixtexts', CASE WHEN count(*) FILTER (WHERE e.name = 'fixtext') > 1 THEN
            jsonb_agg(e.value ORDER BY e.n) FILTER (WHERE e.name = 'fixtext') END,
        'platforms', jsonb_agg(e.of ORDER BY e.n) FILTER (WHERE e.name = 'platform'),
        'requires', jsonb_agg(e.of ORDER BY e.n) FILTER (WHERE e.name = 'requires'),
        'conflicts', jsonb_agg(e.of ORDER BY e.n) FILTER (WHERE e.name = 'conflicts'),
        'questions', jsonb_agg(e.value ORDER BY e.n) FILTER (WHERE e.name = 'question'),
        'profile_notes', jsonb_agg(e.value ORDER BY e.n) FILTER (WHERE e.name = 'profile-note'),
        'impact_metric', min(e.value) FILTER (WHERE e.name = 'impact-metric')))
    FROM (SELECT x.n, count(*) FILTER (WHERE x.name = 'Rule') OVER (ORDER BY x.n) AS serial, x.name, x.of, btrim(CASE x.name WHEN 'fix' THEN x.value ELSE regexp_replace(x.value, '\s+', ' ', 'g') END, E' \t\r\n') AS value,
                 x.id, x.strategy, x.complexity, x.disruption, x.reboot
          FROM xmltable(xmlnamespaces(namespace AS x),
                        '/descendant::*[self::x:Rule or parent::x:Rule and not(self::x:title or self::x:description or self::x:rationale
                         or self::x:check or self::x:complex-check or self::x:signature or self::x:metadata)]' PASSING document
                        COLUMNS n FOR ORDINALITY,
                                name text PATH 'local-name()',
                                of text PATH 'string(@system | @href | @category | @idref)',
                                value text PATH 'string(self::*[not(self::x:Rule)])',
                                id text PATH '@id',
                                strategy text PATH '@strategy',
                                complexity text PATH '@complexity',
                                disruption text PATH '@disruption',
                                reboot text PATH '@reboot') x) e
    WHERE e.name <> 'Rule'
    GROUP BY e.serial;
END;
COMMENT ON FUNCTION posture.xccdf_rule_details(xml, text) IS 'what the rules of a document say beside their texts: idents, references, warnings, fixes, ...';

-- the object of a recommendation; several texts share how they are written, so
-- where one of them has XHTML the others are given as such too
CREATE FUNCTION posture.xccdf_recommendation(
    key text, title text, description text, fixtext text, rationale text, severity posture.importance, max_points numeric,
    workload text, domain text, details jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'key', key, 'title', title, 'severity', severity, 'max_points', max_points, 'workload', workload, 'domain', domain,
        'description', CASE WHEN m.is_html THEN description ELSE posture.xccdf_unescape(description) END,
        'remediation', CASE WHEN m.is_html THEN fixtext ELSE posture.xccdf_unescape(fixtext) END,
        'markup', CASE WHEN m.is_html THEN 'html' WHEN coalesce(description, fixtext) IS NOT NULL THEN 'plain' END,
        'details', nullif(details || jsonb_strip_nulls(jsonb_build_object(
            'rationale', CASE WHEN m.is_html THEN rationale ELSE posture.xccdf_unescape(rationale) END)), '{}')))
    FROM (SELECT concat(description, fixtext, rationale) ~ '<' AS is_html) m;
END;
COMMENT ON FUNCTION posture.xccdf_recommendation(text, text, text, text, text, posture.importance, numeric, text, text, jsonb) IS 'the object of a recommendation, of texts as xccdf_text() gives them';

CREATE FUNCTION posture.xccdf_weight(weight text) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN weight ~ '^[+]?([0-9]{1,15}([.][0-9]{0,15})?|[.][0-9]{1,15})$' THEN trim_scale(weight::numeric) END;
COMMENT ON FUNCTION posture.xccdf_weight(text) IS 'a weight as XCCDF writes it; NULL: it is none';

CREATE FUNCTION posture.xccdf_source_name(product text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE product WHEN 'openscap' THEN 'OpenSCAP' WHEN 'oscap' THEN 'OpenSCAP' WHEN 'scc' THEN 'SCAP Compliance Checker'
                        WHEN 'cis-cat' THEN 'CIS-CAT' WHEN 'joval' THEN 'jOVAL' WHEN 'xccdf' THEN 'XCCDF' ELSE product END;
COMMENT ON FUNCTION posture.xccdf_source_name(text) IS 'what people call a product that publishes XCCDF results';

-- What a document says of one host as often as it was scanned comes from its
-- last TestResult. Severity and weight of a result are those of its rule as the
-- profile refined them.
CREATE FUNCTION posture.xccdf_part_item(document xml, namespace text, of_source text) RETURNS SETOF posture.item
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH run AS MATERIALIZED (SELECT * FROM posture.xccdf_run(document, namespace, of_source)),
    target AS MATERIALIZED (SELECT * FROM posture.xccdf_target(document, namespace)),
    result AS MATERIALIZED (
        SELECT u.source, u.asset, u.asset_name, u.benchmark, u.benchmark_version, s.*,
               format('%s/rule-result[%s]', u.location, s.n) AS location,
               coalesce(s."time", nullif(u.ended, ''), nullif(u.started, '')) AS said
        FROM posture.xccdf_result(document, namespace) s
        JOIN run u USING (run)
    ),
    -- assets: facts from target-facts and from assets of ARF, lists where a host can have several
    device AS MATERIALIZED (
        SELECT * FROM posture.xccdf_device(document) WHERE EXISTS (SELECT FROM run WHERE run.report IS NOT NULL)
    ), about AS (
        SELECT t.run, t.key AS device FROM target t WHERE t.name = 'target-id-ref'
        UNION SELECT r.run, d.device FROM run r JOIN device d ON d.value = r.report WHERE d.name = 'report'
        UNION SELECT r.run, d.device FROM run r JOIN device d ON posture.host_key(d.value) = r.asset WHERE d.name IN ('fqdn', 'hostname')
    ), fact AS (
        SELECT DISTINCT f.run, posture.xccdf_tag(f.name, f.value) AS tag, f.value
        FROM (SELECT t.run, CASE t.name WHEN 'fact' THEN lower(regexp_replace(t.key, '^.*[:/]', '')) ELSE t.name END AS name,
                     CASE t.name WHEN 'platform' THEN t.key ELSE t.value END AS value
              FROM target t WHERE t.name NOT IN ('set-value', 'target-id-ref') AND t.key !~ ':scanner:'
              UNION ALL SELECT a.run, d.name, d.value FROM about a JOIN device d USING (device) WHERE d.name <> 'report'
              UNION ALL SELECT r.run, 'profile', r.profile FROM run r) f
    ), tag AS (
        SELECT f.run, f.tag, CASE WHEN count(*) > 1 OR f.tag IN ('addresses', 'mac', 'platform', 'profile')
                                  THEN jsonb_agg(f.value ORDER BY f.value COLLATE "C") ELSE to_jsonb(min(f.value)) END AS value
        FROM fact f WHERE f.tag IS NOT NULL
        GROUP BY f.run, f.tag
        -- one name of a host is the name of its asset
        HAVING f.tag <> 'target' OR count(*) > 1
    ), asset AS (
        SELECT DISTINCT ON (r.asset) r.*
        FROM run r WHERE r.asset IS NOT NULL
        ORDER BY r.asset, coalesce(r.ended, r.started) COLLATE "C" DESC NULLS LAST, r.run
    ),
    -- recommendations: the rules that there are results of
    used AS MATERIALIZED (
        SELECT DISTINCT ON (s.source, s.idref) s.*
        FROM result s WHERE s.idref IS NOT NULL
        ORDER BY s.source, s.idref, s.result IS NOT DISTINCT FROM 'notselected', s.serial
    ), rule AS MATERIALIZED (
        SELECT DISTINCT ON (u.source, u.idref) u.source, u.idref, r.*, d.details
        FROM used u JOIN posture.xccdf_rule(document, namespace) r ON r.id = u.idref
        LEFT JOIN posture.xccdf_rule_details(document, namespace) d ON d.n = r.n
        ORDER BY u.source, u.idref, r.benchmark = u.benchmark DESC NULLS LAST, r.n
    ), benchmark AS (
        SELECT DISTINCT ON (b.id) b.id, nullif(b.title, '') AS title, nullif(b.version, '') AS version
        FROM xmltable(xmlnamespaces(namespace AS x), '/descendant::x:Benchmark' PASSING document
                      COLUMNS n FOR ORDINALITY, id text PATH '@id', title text PATH 'normalize-space(x:title[1])',
                              version text PATH 'normalize-space(x:version[1])') b
        ORDER BY b.id, b.n
    ), setting AS (
        SELECT t.run, jsonb_object_agg(t.key, t.value) AS "values" FROM target t WHERE t.name = 'set-value' GROUP BY t.run
    ), ident AS (
        SELECT i.idref, jsonb_agg(DISTINCT jsonb_strip_nulls(jsonb_build_object('system', i.system, 'id', i.id))) AS idents
        FROM xmltable(xmlnamespaces(namespace AS x), '/descendant::x:rule-result/x:ident' PASSING document
                      COLUMNS idref text PATH 'normalize-space(../@idref)', system text PATH '@system', id text PATH 'normalize-space(.)') i
        WHERE EXISTS (SELECT u.source, u.idref FROM used u EXCEPT SELECT r.source, r.idref FROM rule r)
        GROUP BY i.idref
    ),
    -- findings: several results of one rule in one TestResult are one
    "time" AS (
        SELECT t.said, posture.moment(t.said, t.zone) AS at
        FROM (SELECT DISTINCT s.said, posture.setting('timezone') AS zone FROM result s WHERE s.said IS NOT NULL) t
    ), observed AS MATERIALIZED (
        SELECT s.*, t.at, m.state, m.rank, jsonb_strip_nulls(jsonb_build_object('result', s.result)) || coalesce(d.details, '{}') AS details,
               CASE WHEN s.idref IS NULL THEN 'missing rule-result/@idref'
                    WHEN s.asset IS NULL THEN 'missing target'
                    WHEN s.result IS NULL THEN 'missing result'
                    WHEN m.state IS NULL THEN format('unknown result "%s"', left(s.result, 100))
                    WHEN t.at IS NULL AND s.said IS NOT NULL THEN format('no time: "%s"', left(s.said, 100)) END AS fault
        FROM result s
        LEFT JOIN "time" t USING (said)
        LEFT JOIN posture.xccdf_result_details(document, namespace) d USING (serial)
        LEFT JOIN posture.xccdf_state() m USING (result)
    ), folded AS (
        SELECT o.source, o.asset, o.idref, max(o.asset_name) AS asset_name, max(o.at) AS at,
               (array_agg(o.location ORDER BY o.rank, o.n))[1] AS location, (array_agg(o.state ORDER BY o.rank))[1] AS state,
               CASE count(*) WHEN 1 THEN (array_agg(o.details))[1]
                             ELSE jsonb_build_object('result', (array_agg(o.result ORDER BY o.rank))[1],
                                                     'results', jsonb_agg(o.details ORDER BY o.n)) END AS details,
               -- what one TestResult did not select, another one of the host may have assessed
               bool_and(o.result = 'notselected')
               AND bool_or(bool_or(o.result <> 'notselected')) OVER (PARTITION BY o.source, o.asset, o.idref) AS is_elsewhere
        FROM observed o WHERE o.fault IS NULL
        GROUP BY o.source, o.asset, o.run, o.idref
    )
    SELECT DISTINCT ON (r.source)
           r.location, NULL::text, 'source', r.source, NULL::text, NULL::text, NULL::text, NULL::timestamptz, NULL::text, NULL::text, NULL::jsonb,
           jsonb_strip_nulls(jsonb_build_object(
               'key', r.source, 'name', CASE r.source WHEN r.product THEN posture.xccdf_source_name(r.product) ELSE r.source END,
               'product', CASE WHEN r.product <> 'xccdf' THEN posture.xccdf_source_name(r.product) END))
    FROM (SELECT * FROM run ORDER BY run.source, run.run) r
    UNION ALL
    SELECT a.location, NULL, 'asset', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_strip_nulls(jsonb_build_object('key', a.asset, 'kind', 'host', 'name', a.asset_name, 'tags', t.tags, 'aliases', n.aliases))
    FROM asset a
    LEFT JOIN (SELECT t.run, jsonb_object_agg(t.tag, t.value) AS tags FROM tag t GROUP BY t.run) t USING (run)
    LEFT JOIN (SELECT r.asset, jsonb_agg(DISTINCT posture.xccdf_alias(f.value)) AS aliases
               FROM fact f JOIN run r USING (run)
               WHERE f.tag IN ('fqdn', 'target') AND posture.xccdf_alias(f.value) <> r.asset
               GROUP BY r.asset) n USING (asset)
    UNION ALL
    SELECT u.location, NULL, 'recommendation', u.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           posture.xccdf_recommendation(
               u.idref, r.title,
               posture.xccdf_text(r.description, r.description_markup, v."values"),
               posture.xccdf_text(r.fixtext, r.fixtext_markup, v."values"),
               posture.xccdf_text(r.rationale, r.rationale_markup, v."values"),
               coalesce(posture.severity(u.severity), posture.severity(r.severity)),
               CASE WHEN coalesce(u.role, r.role) = 'unscored' THEN 0
                    -- a rule of which nothing is said is worth 1, unless more is known of it
                    ELSE coalesce(posture.xccdf_weight(u.weight), posture.xccdf_weight(r.weight),
                                  CASE WHEN r.benchmark IS NOT NULL OR k.max_points IS NULL THEN 1 END) END,
               b.title, r.area,
               coalesce(r.details, jsonb_strip_nulls(jsonb_build_object('idents', i.idents))) || jsonb_strip_nulls(jsonb_build_object(
                   'version', coalesce(r.version, u.version),
                   'role', nullif(coalesce(u.role, r.role), 'full'),
                   'group', nullif(jsonb_strip_nulls(jsonb_build_object('id', r.group_id, 'title', r.group_title)), '{}'),
                   'benchmark', nullif(jsonb_strip_nulls(jsonb_build_object(
                       'id', coalesce(nullif(r.benchmark, ''), u.benchmark), 'title', b.title,
                       'version', coalesce(b.version, u.benchmark_version))), '{}'))))
    FROM used u
    LEFT JOIN rule r USING (source, idref)
    LEFT JOIN (SELECT s.key::text AS source, m.key::text AS idref, m.max_points
               FROM posture.recommendation m JOIN posture.source s USING (source_id)) k USING (source, idref)
    LEFT JOIN benchmark b ON b.id = coalesce(nullif(r.benchmark, ''), u.benchmark)
    LEFT JOIN setting v USING (run)
    LEFT JOIN ident i USING (idref)
    UNION ALL
    SELECT f.location, NULL, 'finding', f.source, f.idref, f.asset, f.state, f.at, 'host', f.asset_name, f.details, NULL
    FROM folded f
    WHERE NOT f.is_elsewhere
    UNION ALL
    SELECT o.location, o.fault, 'finding', o.source, o.idref, o.asset, o.state, o.at, 'host', o.asset_name, NULL, to_jsonb(e.element::text)
    FROM observed o JOIN posture.xccdf_result_element(document, namespace) e USING (serial)
    WHERE o.fault IS NOT NULL AND EXISTS (SELECT FROM observed WHERE observed.fault IS NOT NULL);
END;
COMMENT ON FUNCTION posture.xccdf_part_item(xml, text, text) IS 'takes what a document has in one namespace of XCCDF apart into items';

CREATE FUNCTION posture.xccdf_item(document xml, of_source text) RETURNS SETOF posture.item
    LANGUAGE sql STABLE
    -- The planner can't know how much a document holds. It may guess one row
    -- where there are 100,000, which a nested loop would pay for, and compile
    -- for what is over in a moment.
    SET enable_nestloop = off SET jit = off
    -- parts of a document are no documents
    SET xmloption = content
BEGIN ATOMIC
    WITH checked AS MATERIALIZED (
        SELECT d.document, posture.xml_fault(d.document) AS fault
        FROM (SELECT posture.xccdf_document(document) AS document OFFSET 0) d
        WHERE document IS NOT NULL
    )
    SELECT '/', c.fault, NULL::text, of_source, NULL::text, NULL::text, NULL::text, NULL::timestamptz, NULL::text, NULL::text,
           NULL::jsonb, NULL::jsonb
    FROM checked c WHERE c.fault IS NOT NULL
    UNION ALL
    SELECT i.*
    FROM checked c, LATERAL posture.xccdf_namespace(c.document) n(namespace),
         LATERAL posture.xccdf_part_item(c.document, n.namespace, of_source) i
    WHERE c.fault IS NULL;
END;
COMMENT ON FUNCTION posture.xccdf_item(xml, text) IS 'takes XCCDF results apart into items';
