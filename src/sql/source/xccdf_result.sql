/*
 * Format xccdf: the results. A TestResult is one assessment of a target; its
 * rule-results are the results of the rules.
 */

CREATE FUNCTION posture_internal.xccdf_state()
    RETURNS TABLE (result text, state text, rank integer)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    VALUES ('fail', 'non_compliant', 1), ('error', 'non_compliant', 2),
           ('unknown', 'non_compliant', 3), ('fixed', 'compliant', 4), ('pass', 'compliant', 5),
           ('notchecked', 'not_applicable', 6), ('notapplicable', 'not_applicable', 7);
END;
COMMENT ON FUNCTION posture_internal.xccdf_state() IS
    'returns the results of XCCDF with the state of each, as the scoring models of XCCDF count it; '
    'of several results of a rule on a target the one with the lowest rank counts';

-- A profile says nothing of the rules that it does not select: another profile may
-- have found that the host fails them.
CREATE FUNCTION posture_internal.xccdf_left_out(result text, role text, severity text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN result = 'notselected' THEN 'a rule that the profile did not select'
                WHEN result = 'informational' OR role = 'unscored' OR severity = 'info'
                THEN 'an informational rule or result, which is not scored' END;
COMMENT ON FUNCTION posture_internal.xccdf_left_out(text, text, text) IS
    'returns why a rule-result is not meant to be loaded, from its result and the role and '
    'severity of its rule; NULL if it says whether a target complies';

-- Host names ignore letter case, and a final dot marks a name as complete.
CREATE FUNCTION posture_internal.host_key(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(rtrim(lower(btrim(name, E' \t\r\n')), '.'), '');
COMMENT ON FUNCTION posture_internal.host_key(text) IS
    'returns the key of a host for one of its names';

CREATE TYPE posture_internal.xccdf_test_result AS (
    test_result bigint,
    location text,
    source text,
    product text,
    asset text,
    asset_name text,
    ended text,
    started text,
    benchmark text,
    benchmark_version text,
    profile text,
    report text
);
COMMENT ON TYPE posture_internal.xccdf_test_result IS
    'A TestResult: what was assessed, and by what';
COMMENT ON COLUMN posture_internal.xccdf_test_result.test_result IS
    'number of the TestResult in the document';
COMMENT ON COLUMN posture_internal.xccdf_test_result.location IS
    'location in the document, an XPath';
COMMENT ON COLUMN posture_internal.xccdf_test_result.source IS 'key of the source';
COMMENT ON COLUMN posture_internal.xccdf_test_result.product IS
    'product that made the assessment, as xccdf_product() returns it';
COMMENT ON COLUMN posture_internal.xccdf_test_result.asset IS
    'key of the host; NULL if there is no target, or it names no host';
COMMENT ON COLUMN posture_internal.xccdf_test_result.asset_name IS 'name of the host';
COMMENT ON COLUMN posture_internal.xccdf_test_result.ended IS 'attribute end-time';
COMMENT ON COLUMN posture_internal.xccdf_test_result.started IS 'attribute start-time';
COMMENT ON COLUMN posture_internal.xccdf_test_result.benchmark IS 'id of the benchmark';
COMMENT ON COLUMN posture_internal.xccdf_test_result.benchmark_version IS
    'version of the benchmark';
COMMENT ON COLUMN posture_internal.xccdf_test_result.profile IS 'id of the profile';
COMMENT ON COLUMN posture_internal.xccdf_test_result.report IS
    'id of the ARF report that the TestResult is in; NULL if it is in none';

-- All functions that return rows of TestResults number these in the same way.
CREATE FUNCTION posture_internal.xccdf_test_result(document xml, namespace text, of_source text)
    RETURNS SETOF xccdf_test_result
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.test_result,
           CASE WHEN t.depth = 0 THEN '/TestResult'
                WHEN t.depth = 1 AND t.parent = 'Benchmark'
                THEN format('/Benchmark/TestResult[%s]', t.test_result)
                ELSE format('(//TestResult)[%s]', t.test_result) END,
           coalesce(of_source, xccdf_product(t.test_system)), xccdf_product(t.test_system),
           host_key(named_host(t.target)), nullif(t.target, ''), btrim(t.ended), btrim(t.started),
           coalesce(nullif(t.benchmark, ''), nullif(t.enclosing, '')),
           coalesce(nullif(btrim(t.version), ''), nullif(t.enclosing_version, '')),
           nullif(t.profile, ''), nullif(t.report, '')
    FROM xmltable(xmlnamespaces(namespace AS x,
                                'http://scap.nist.gov/schema/asset-reporting-format/1.1' AS arf),
                  '/descendant::x:TestResult' PASSING document
                  COLUMNS test_result FOR ORDINALITY,
                          depth integer PATH 'count(ancestor::*)',
                          parent text PATH 'local-name(..)',
                          test_system text PATH '@test-system',
                          target text PATH 'normalize-space(x:target[normalize-space()][1])',
                          ended text PATH '@end-time',
                          started text PATH '@start-time',
                          version text PATH '@version',
                          benchmark text PATH 'string(x:benchmark[1]/@id)',
                          enclosing text PATH 'string(ancestor::x:Benchmark[1]/@id)',
                          enclosing_version text PATH
                              'normalize-space(ancestor::x:Benchmark[1]/x:version[1])',
                          profile text PATH 'string(x:profile[1]/@idref)',
                          report text PATH 'string(ancestor::arf:report[1]/@id)') t;
END;
COMMENT ON FUNCTION posture_internal.xccdf_test_result(xml, text, text) IS
    'returns the TestResults of a document';

-- CIS begins the name of a benchmark with its version, as in
-- xccdf_org.cisecurity.benchmarks_benchmark_2.0.0_Name.
CREATE FUNCTION posture_internal.xccdf_extent(benchmark text, version text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN extent_object(
        ARRAY[extent_key(coalesce(
            regexp_replace(benchmark, '(_benchmark_)[0-9]+([.][0-9]+)+_', '\1'),
            'no benchmark'))],
        coalesce(substring(benchmark FROM '_benchmark_([0-9]+(?:[.][0-9]+)+)_'), version), true);
COMMENT ON FUNCTION posture_internal.xccdf_extent(text, text) IS
    'returns the extent of a TestResult, the benchmark whatever its version, and the version, as '
    'the object of an item';

CREATE FUNCTION posture_internal.xccdf_rule_result(document xml, namespace text)
    RETURNS TABLE (test_result bigint, n bigint, serial bigint, idref text, result text,
                   "time" text, severity text, weight text, role text, version text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.test_result, row_number() OVER (PARTITION BY r.test_result ORDER BY r.n),
           r.n - r.test_result, nullif(btrim(r.idref), ''), nullif(r.result, ''),
           nullif(btrim(r."time"), ''), r.severity, btrim(r.weight), r.role,
           nullif(btrim(r.version), '')
    FROM (SELECT x.*, count(*) FILTER (WHERE x.name = 'TestResult')
                          OVER (ORDER BY x.n) AS test_result
          FROM xmltable(xmlnamespaces(namespace AS x),
                        '/descendant::*[self::x:TestResult
                         or self::x:rule-result[parent::x:TestResult]]' PASSING document
                        COLUMNS n FOR ORDINALITY,
                                name text PATH 'local-name()',
                                idref text PATH '@idref',
                                result text PATH
                                    'normalize-space(concat(x:result[1], " ", x:result[2]))',
                                "time" text PATH '@time',
                                severity text PATH '@severity',
                                weight text PATH '@weight',
                                role text PATH '@role',
                                version text PATH '@version') x) r
    WHERE r.name = 'rule-result';
END;
COMMENT ON FUNCTION posture_internal.xccdf_rule_result(xml, text) IS
    'returns the rule-results of a document; '
    'n is the number within the TestResult, serial the number in the document';

CREATE FUNCTION posture_internal.xccdf_rule_result_element(document xml, namespace text)
    RETURNS TABLE (serial bigint, element xml)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT x.serial, x.element
    FROM xmltable(xmlnamespaces(namespace AS x),
                  '/descendant::x:rule-result[parent::x:TestResult]' PASSING document
                  COLUMNS serial FOR ORDINALITY, element xml PATH '.') x;
END;
COMMENT ON FUNCTION posture_internal.xccdf_rule_result_element(xml, text) IS
    'returns the rule-results of a document as XML';

-- The details contain no times, so that an equal result of the next scan is
-- equal in the details too.
CREATE FUNCTION posture_internal.xccdf_rule_result_details(document xml, namespace text)
    RETURNS TABLE (serial bigint, details jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.serial, jsonb_strip_nulls(jsonb_build_object(
        'instances', jsonb_agg(jsonb_build_object(
                'value', e.value, 'context', e.context, 'parent', e.parent) ORDER BY e.n)
            FILTER (WHERE e.name = 'instance'),
        'messages', jsonb_agg(jsonb_build_object(
                'severity', e.severity, 'text', e.value) ORDER BY e.n)
            FILTER (WHERE e.name = 'message' AND e.value <> ''),
        'overrides', jsonb_agg(jsonb_build_object(
                'authority', e.authority, 'remark', nullif(e.remark, ''),
                'old_result', nullif(e.old_result, ''),
                'new_result', nullif(e.new_result, '')) ORDER BY e.n)
            FILTER (WHERE e.name = 'override'),
        'fixes', jsonb_agg(jsonb_build_object(
                'id', e.id, 'system', nullif(e.system, ''), 'text', e.value) ORDER BY e.n)
            FILTER (WHERE e.name = 'fix' AND e.value <> ''),
        'imports', jsonb_agg(jsonb_build_object('name', e.content, 'value', e.value) ORDER BY e.n)
            FILTER (WHERE e.name = 'check-import'),
        'checks', jsonb_agg(jsonb_build_object(
                'system', nullif(e.system, ''), 'name', e.content, 'href', e.href) ORDER BY e.n)
            FILTER (WHERE e.name = 'check-content-ref')))
    FROM (SELECT x.n, count(*) FILTER (WHERE x.name = 'rule-result') OVER (ORDER BY x.n) AS serial,
                 x.name, btrim(x.value, E' \t\r\n') AS value, x.context, x.parent, x.severity,
                 x.authority, x.old_result, x.new_result, btrim(x.remark, E' \t\r\n') AS remark,
                 x.id, x.system, x.content, x.href
          FROM xmltable(xmlnamespaces(namespace AS x),
                        '/descendant::*[self::x:rule-result[parent::x:TestResult]
                         or parent::x:rule-result and (self::x:instance or self::x:message
                            or self::x:override or self::x:fix)
                         or (self::x:check-content-ref or self::x:check-import)
                            and ancestor::x:rule-result]' PASSING document
                        COLUMNS n FOR ORDINALITY,
                                name text PATH 'local-name()',
                                value text PATH 'string(self::*[not(self::x:rule-result
                                                                    or self::x:override)])',
                                context text PATH '@context',
                                parent text PATH '@parentContext',
                                severity text PATH '@severity',
                                authority text PATH '@authority',
                                old_result text PATH
                                    'normalize-space(self::x:override/x:old-result)',
                                new_result text PATH
                                    'normalize-space(self::x:override/x:new-result)',
                                remark text PATH 'string(self::x:override/x:remark)',
                                id text PATH '@id',
                                system text PATH 'string(@system | parent::x:check/@system)',
                                content text PATH 'string(@name | @import-name)',
                                href text PATH '@href') x) e
    WHERE e.name <> 'rule-result'
    GROUP BY e.serial;
END;
COMMENT ON FUNCTION posture_internal.xccdf_rule_result_details(xml, text) IS
    'returns what the rule-results of a document contain apart from their results: '
    'checks, instances, messages, overrides and fixes';
