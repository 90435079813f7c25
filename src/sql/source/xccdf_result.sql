CREATE FUNCTION posture_internal.xccdf_state() RETURNS TABLE (result text, state text, rank integer)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    VALUES ('fail', 'non_compliant', 1), ('error', 'non_compliant', 2), ('unknown', 'non_compliant', 3),
           ('fixed', 'compliant', 4), ('pass', 'compliant', 5),
           ('notchecked', 'not_applicable', 6), ('informational', 'not_applicable', 7),
           ('notapplicable', 'not_applicable', 8), ('notselected', 'not_applicable', 9);
END;
COMMENT ON FUNCTION posture_internal.xccdf_state() IS 'the results of XCCDF: the state that each means, as its scoring models count it, and its rank: of several results of one rule on one target the lowest is that of the rule';

-- host names have no letter case, and a final dot only says that they are whole
CREATE FUNCTION posture_internal.host_key(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(rtrim(lower(btrim(name, E' \t\r\n')), '.'), '');
COMMENT ON FUNCTION posture_internal.host_key(text) IS 'the key of a host by a name of it';

-- one row for each TestResult, numbered as xccdf_result() and xccdf_target() do
CREATE FUNCTION posture_internal.xccdf_run(document xml, namespace text, of_source text)
    RETURNS TABLE (run bigint, location text, source text, product text, asset text, asset_name text,
                   ended text, started text, benchmark text, benchmark_version text, profile text, report text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.run,
           CASE WHEN t.depth = 0 THEN '/TestResult'
                WHEN t.depth = 1 AND t.parent = 'Benchmark' THEN format('/Benchmark/TestResult[%s]', t.run)
                ELSE format('(//TestResult)[%s]', t.run) END,
           coalesce(of_source, xccdf_product(t.test_system)), xccdf_product(t.test_system),
           host_key(t.target), nullif(t.target, ''), btrim(t.ended), btrim(t.started),
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
COMMENT ON FUNCTION posture_internal.xccdf_run(xml, text, text) IS 'the TestResults of a document: what was assessed with what';

CREATE FUNCTION posture_internal.xccdf_result(document xml, namespace text)
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
COMMENT ON FUNCTION posture_internal.xccdf_result(xml, text) IS 'the rule-results of a document: n counts in the TestResult, serial in the document';

CREATE FUNCTION posture_internal.xccdf_result_element(document xml, namespace text) RETURNS TABLE (serial bigint, element xml)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT x.serial, x.element
    FROM xmltable(xmlnamespaces(namespace AS x), '/descendant::x:rule-result[parent::x:TestResult]' PASSING document
                  COLUMNS serial FOR ORDINALITY, element xml PATH '.') x;
END;
COMMENT ON FUNCTION posture_internal.xccdf_result_element(xml, text) IS 'the rule-results of a document as they are in it';

-- times are left out: an equal result of the next scan has to be equal
CREATE FUNCTION posture_internal.xccdf_result_details(document xml, namespace text) RETURNS TABLE (serial bigint, details jsonb)
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
COMMENT ON FUNCTION posture_internal.xccdf_result_details(xml, text) IS 'what the rule-results of a document say beside their results: checks, instances, messages, overrides, ...';

-- what the TestResults of a document say of their targets, in the order of the document
CREATE FUNCTION posture_internal.xccdf_target(document xml, namespace text)
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
COMMENT ON FUNCTION posture_internal.xccdf_target(xml, text) IS 'what the TestResults of a document say of their targets: names, addresses, facts, ...';

-- a report of ARF names its assets apart, and says which result is about which
CREATE FUNCTION posture_internal.xccdf_device(document xml)
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
COMMENT ON FUNCTION posture_internal.xccdf_device(xml) IS 'what a report of ARF says of its assets, and under the name report which reports are about them';

-- Short names of facts, whoever states them. Addresses that every host has are
-- no facts of one, and neither is what is different in each scan.
CREATE FUNCTION posture_internal.xccdf_tag(name text, value text) RETURNS text
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
COMMENT ON FUNCTION posture_internal.xccdf_tag(text, text) IS 'the tag that a fact of a host becomes; NULL: none';

-- localhost is a name of every host, so of none
CREATE FUNCTION posture_internal.xccdf_alias(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN host_key(name) ~ '^([[:alnum:]_-]{1,63}[.])+[[:alpha:]][[:alnum:]-]{0,62}$'
                 AND host_key(name) !~ '^localhost[0-9]*[.]' THEN host_key(name) END;
COMMENT ON FUNCTION posture_internal.xccdf_alias(text) IS 'a name as another key of a host where it is a fully qualified one; NULL: it is not';
