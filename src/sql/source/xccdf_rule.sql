/*
 * Format xccdf: the rules, which become recommendations.
 */

-- A text of XCCDF may contain elements: XHTML, and <sub/> for a value. It is
-- returned escaped as in XML, so each "<" in it begins a tag.
CREATE FUNCTION posture_internal.xccdf_text(plain text, markup xml, "values" jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT nullif(btrim(CASE
        WHEN markup IS NULL
        THEN replace(replace(replace(plain, '&', '&amp;'), '<', '&lt;'), '>', '&gt;')
        ELSE (SELECT regexp_replace(string_agg(p.piece || coalesce(v.value, s.found[1], ''), ''
                                               ORDER BY p.n),
                                    '(</?)[^\s<>/:]+:', '\1', 'g')
              FROM regexp_replace(markup::text,
                                  '\sxmlns(:[^\s=]+)?="http://(www[.]w3[.]org/1999/xhtml'
                                  '|checklists[.]nist[.]gov/xccdf/1[.][12])"', '', 'g') t
              CROSS JOIN regexp_split_to_table(
                  t, '<(?:[^\s<>/:]+:)?sub\s[^<>]*(?:/>|></(?:[^\s<>/:]+:)?sub>)')
                  WITH ORDINALITY p(piece, n)
              LEFT JOIN regexp_matches(
                  t, '(<(?:[^\s<>/:]+:)?sub\s[^<>]*(?:/>|></(?:[^\s<>/:]+:)?sub>))', 'g')
                  WITH ORDINALITY s(found, n) USING (n)
              CROSS JOIN LATERAL (
                  SELECT replace(replace("values" ->> substring(s.found[1], 'idref="([^"]*)"'),
                                         '&', '&amp;'), '<', '&lt;') AS value) v)
    END, E' \t\r\n'), '');
END;
COMMENT ON FUNCTION posture_internal.xccdf_text(text, xml, jsonb) IS
    'returns a text of XCCDF, escaped as in XML: '
    'its XHTML without prefixes, and each <sub/> replaced by the value that was set';

CREATE FUNCTION posture_internal.xccdf_unescape(escaped text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN replace(replace(replace(replace(replace(replace(
        escaped, '&lt;', '<'), '&gt;', '>'), '&quot;', '"'), '&#13;', E'\r'), '&#x0d;', E'\r'),
        '&amp;', '&');
COMMENT ON FUNCTION posture_internal.xccdf_unescape(text) IS
    'returns a text without tags as plain text, from its form in XML';

CREATE FUNCTION posture_internal.xccdf_rule_details(document xml, namespace text)
    RETURNS TABLE (n bigint, details jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.serial, jsonb_strip_nulls(jsonb_build_object(
        'idents', jsonb_agg(jsonb_build_object('system', e.attribute, 'id', e.value) ORDER BY e.n)
            FILTER (WHERE e.name = 'ident'),
        'references', jsonb_agg(jsonb_build_object(
                'href', nullif(e.attribute, ''), 'text', nullif(e.value, '')) ORDER BY e.n)
            FILTER (WHERE e.name = 'reference'),
        'warnings', jsonb_agg(jsonb_build_object(
                'category', nullif(e.attribute, ''), 'text', e.value) ORDER BY e.n)
            FILTER (WHERE e.name = 'warning' AND e.value <> ''),
        'fixes', jsonb_agg(jsonb_build_object(
                'id', e.id, 'system', nullif(e.attribute, ''), 'strategy', e.strategy,
                'complexity', e.complexity, 'disruption', e.disruption, 'reboot', e.reboot,
                'text', nullif(e.value, '')) ORDER BY e.n)
            FILTER (WHERE e.name = 'fix' AND e.value <> ''),
        'fixtexts', CASE WHEN count(*) FILTER (WHERE e.name = 'fixtext') > 1 THEN
            jsonb_agg(e.value ORDER BY e.n) FILTER (WHERE e.name = 'fixtext') END,
        'platforms', jsonb_agg(e.attribute ORDER BY e.n) FILTER (WHERE e.name = 'platform'),
        'requires', jsonb_agg(e.attribute ORDER BY e.n) FILTER (WHERE e.name = 'requires'),
        'conflicts', jsonb_agg(e.attribute ORDER BY e.n) FILTER (WHERE e.name = 'conflicts'),
        'questions', jsonb_agg(e.value ORDER BY e.n) FILTER (WHERE e.name = 'question'),
        'profile_notes', jsonb_agg(e.value ORDER BY e.n) FILTER (WHERE e.name = 'profile-note'),
        'impact_metric', min(e.value) FILTER (WHERE e.name = 'impact-metric')))
    FROM (SELECT x.n, count(*) FILTER (WHERE x.name = 'Rule') OVER (ORDER BY x.n) AS serial,
                 x.name, x.attribute,
                 btrim(CASE x.name WHEN 'fix' THEN x.value
                                   ELSE regexp_replace(x.value, '\s+', ' ', 'g') END,
                       E' \t\r\n') AS value,
                 x.id, x.strategy, x.complexity, x.disruption, x.reboot
          FROM xmltable(xmlnamespaces(namespace AS x),
                        '/descendant::*[self::x:Rule or parent::x:Rule and not(self::x:title
                         or self::x:description or self::x:rationale or self::x:check
                         or self::x:complex-check or self::x:signature or self::x:metadata)]'
                        PASSING document
                        COLUMNS n FOR ORDINALITY,
                                name text PATH 'local-name()',
                                attribute text PATH 'string(@system | @href | @category | @idref)',
                                value text PATH 'string(self::*[not(self::x:Rule)])',
                                id text PATH '@id',
                                strategy text PATH '@strategy',
                                complexity text PATH '@complexity',
                                disruption text PATH '@disruption',
                                reboot text PATH '@reboot') x) e
    WHERE e.name <> 'Rule'
    GROUP BY e.serial;
END;
COMMENT ON FUNCTION posture_internal.xccdf_rule_details(xml, text) IS
    'returns what the rules of a document contain apart from their texts: '
    'idents, references, warnings, fixes and so on; n is the number of the rule';

CREATE FUNCTION posture_internal.xccdf_rule(document xml, namespace text)
    RETURNS TABLE (n bigint, id text, benchmark text, severity text, weight text, role text,
                   version text, title text, description text, description_markup xml,
                   fixtext text, fixtext_markup xml, rationale text, rationale_markup xml,
                   group_id text, group_title text, area text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT x.n, btrim(x.id), x.benchmark, x.severity, btrim(x.weight), x.role,
           nullif(x.version, ''), nullif(x.title, ''), x.description, x.description_markup,
           x.fixtext, x.fixtext_markup, x.rationale, x.rationale_markup,
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
                          area text PATH 'normalize-space(parent::x:Group/ancestor::x:Group[last()]
                                                          /x:title[1])') x;
END;
COMMENT ON FUNCTION posture_internal.xccdf_rule(xml, text) IS
    'returns the rules of a document; area is the title of the outermost group';

CREATE FUNCTION posture_internal.xccdf_rule_role(document xml, namespace text)
    RETURNS TABLE (n bigint, id text, benchmark text, role text, severity text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT x.n, btrim(x.id), x.benchmark, x.role, x.severity
    FROM xmltable(xmlnamespaces(namespace AS x), '/descendant::x:Rule' PASSING document
                  COLUMNS n FOR ORDINALITY,
                          id text PATH '@id',
                          benchmark text PATH 'string(ancestor::x:Benchmark[1]/@id)',
                          role text PATH '@role',
                          severity text PATH '@severity') x;
END;
COMMENT ON FUNCTION posture_internal.xccdf_rule_role(xml, text) IS
    'returns what decides whether the rules of a document are scored';

CREATE FUNCTION posture_internal.xccdf_benchmark(document xml, namespace text)
    RETURNS TABLE (id text, title text, version text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT DISTINCT ON (x.id) x.id, nullif(x.title, ''), nullif(x.version, '')
    FROM xmltable(xmlnamespaces(namespace AS x), '/descendant::x:Benchmark' PASSING document
                  COLUMNS n FOR ORDINALITY,
                          id text PATH '@id',
                          title text PATH 'normalize-space(x:title[1])',
                          version text PATH 'normalize-space(x:version[1])') x
    ORDER BY x.id, x.n;
END;
COMMENT ON FUNCTION posture_internal.xccdf_benchmark(xml, text) IS
    'returns the benchmarks of a document; of several with one id the first';

CREATE FUNCTION posture_internal.xccdf_ident(document xml, namespace text)
    RETURNS TABLE (idref text, idents jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT x.idref, jsonb_agg(DISTINCT jsonb_strip_nulls(
                        jsonb_build_object('system', x.system, 'id', x.id)))
    FROM xmltable(xmlnamespaces(namespace AS x), '/descendant::x:rule-result/x:ident'
                  PASSING document
                  COLUMNS idref text PATH 'normalize-space(../@idref)',
                          system text PATH '@system',
                          id text PATH 'normalize-space(.)') x
    GROUP BY x.idref;
END;
COMMENT ON FUNCTION posture_internal.xccdf_ident(xml, text) IS
    'returns the idents of rules as rule-results give them';

-- The texts of a recommendation share one markup. So if one of them has XHTML,
-- all of them are written as HTML.
CREATE FUNCTION posture_internal.xccdf_recommendation(
    key text, title text, description text, fixtext text, rationale text, severity importance,
    max_points numeric, workload text, domain text, details jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'key', key, 'title', title, 'severity', severity, 'max_points', max_points,
        'workload', workload, 'domain', domain,
        'description', CASE WHEN m.is_html THEN description ELSE xccdf_unescape(description) END,
        'remediation', CASE WHEN m.is_html THEN fixtext ELSE xccdf_unescape(fixtext) END,
        'markup', CASE WHEN m.is_html THEN 'html'
                       WHEN coalesce(description, fixtext) IS NOT NULL THEN 'plain' END,
        'details', nullif(details || jsonb_strip_nulls(jsonb_build_object(
            'rationale', CASE WHEN m.is_html THEN rationale
                              ELSE xccdf_unescape(rationale) END)), '{}')))
    FROM (SELECT concat(description, fixtext, rationale) ~ '<' AS is_html) m;
END;
COMMENT ON FUNCTION posture_internal.xccdf_recommendation(
    text, text, text, text, text, importance, numeric, text, text, jsonb) IS
    'returns a recommendation as an object of format posture, '
    'from texts as xccdf_text() returns them';

CREATE FUNCTION posture_internal.xccdf_weight(weight text) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN weight ~ '^[+]?([0-9]{1,15}([.][0-9]{0,15})?|[.][0-9]{1,15})$'
           THEN trim_scale(weight::numeric) END;
COMMENT ON FUNCTION posture_internal.xccdf_weight(text) IS
    'returns a weight as XCCDF writes it; NULL if the text is not a weight';

CREATE TYPE posture_internal.xccdf_assessed_rule AS (
    source text,
    idref text,
    location text,
    test_result bigint,
    benchmark text,
    benchmark_version text,
    severity text,
    weight text,
    role text,
    version text
);
COMMENT ON TYPE posture_internal.xccdf_assessed_rule IS
    'A rule that has results, as one of its rule-results describes it';
COMMENT ON COLUMN posture_internal.xccdf_assessed_rule.source IS 'key of the source';
COMMENT ON COLUMN posture_internal.xccdf_assessed_rule.idref IS 'id of the rule';
COMMENT ON COLUMN posture_internal.xccdf_assessed_rule.location IS
    'location of the rule-result in the document';
COMMENT ON COLUMN posture_internal.xccdf_assessed_rule.test_result IS
    'number of the TestResult in the document';
COMMENT ON COLUMN posture_internal.xccdf_assessed_rule.benchmark IS 'id of the benchmark';
COMMENT ON COLUMN posture_internal.xccdf_assessed_rule.benchmark_version IS
    'version of the benchmark';
COMMENT ON COLUMN posture_internal.xccdf_assessed_rule.severity IS
    'severity, as the profile refined it';
COMMENT ON COLUMN posture_internal.xccdf_assessed_rule.weight IS
    'weight, as the profile refined it';
COMMENT ON COLUMN posture_internal.xccdf_assessed_rule.role IS 'role, as the profile refined it';
COMMENT ON COLUMN posture_internal.xccdf_assessed_rule.version IS 'version of the rule';

-- Severity, weight and role of a rule-result take precedence, because they are
-- those of the rule as the profile refined them.
CREATE FUNCTION posture_internal.xccdf_recommendation_item(
    document xml, namespace text, assessed_rules xccdf_assessed_rule[], targets xccdf_target[])
    RETURNS SETOF item
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH assessed_rule AS (
        SELECT * FROM unnest(assessed_rules)
    ), rule AS (
        SELECT DISTINCT ON (a.source, a.idref) a.source, a.idref, r.*, d.details
        FROM assessed_rule a JOIN xccdf_rule(document, namespace) r ON r.id = a.idref
        LEFT JOIN xccdf_rule_details(document, namespace) d ON d.n = r.n
        ORDER BY a.source, a.idref, r.benchmark = a.benchmark DESC NULLS LAST, r.n
    ), benchmark AS (
        SELECT * FROM xccdf_benchmark(document, namespace)
    ), set_value AS (
        SELECT t.test_result, jsonb_object_agg(t.key, t.value) AS "values"
        FROM unnest(targets) t WHERE t.name = 'set-value' GROUP BY t.test_result
    ), ident AS (
        SELECT * FROM xccdf_ident(document, namespace)
        WHERE EXISTS (SELECT a.source, a.idref FROM assessed_rule a
                      EXCEPT SELECT r.source, r.idref FROM rule r)
    )
    SELECT a.location, NULL::text, 'recommendation', a.source, NULL::text, NULL::text, NULL::text,
           NULL::timestamptz, NULL::text, NULL::text, NULL::jsonb,
           xccdf_recommendation(
               a.idref, r.title,
               xccdf_text(r.description, r.description_markup, v."values"),
               xccdf_text(r.fixtext, r.fixtext_markup, v."values"),
               xccdf_text(r.rationale, r.rationale_markup, v."values"),
               coalesce(severity(a.severity), severity(r.severity)),
               -- The default weight is 1. A document without the rule does not
               -- replace points that are known already.
               coalesce(xccdf_weight(a.weight), xccdf_weight(r.weight),
                        CASE WHEN r.benchmark IS NOT NULL OR k.max_points IS NULL THEN 1 END),
               b.title, r.area,
               coalesce(r.details, jsonb_strip_nulls(jsonb_build_object('idents', i.idents)))
               || jsonb_strip_nulls(jsonb_build_object(
                   'version', coalesce(r.version, a.version),
                   'role', nullif(coalesce(a.role, r.role), 'full'),
                   'group', nullif(jsonb_strip_nulls(jsonb_build_object(
                       'id', r.group_id, 'title', r.group_title)), '{}'),
                   'benchmark', nullif(jsonb_strip_nulls(jsonb_build_object(
                       'id', coalesce(nullif(r.benchmark, ''), a.benchmark), 'title', b.title,
                       'version', coalesce(b.version, a.benchmark_version))), '{}'))))
    FROM assessed_rule a
    LEFT JOIN rule r USING (source, idref)
    LEFT JOIN (SELECT s.key::text AS source, m.key::text AS idref, m.max_points
               FROM recommendation m JOIN source s USING (source_id)) k USING (source, idref)
    LEFT JOIN benchmark b ON b.id = coalesce(nullif(r.benchmark, ''), a.benchmark)
    LEFT JOIN set_value v USING (test_result)
    LEFT JOIN ident i USING (idref);
END;
COMMENT ON FUNCTION posture_internal.xccdf_recommendation_item(
    xml, text, xccdf_assessed_rule[], xccdf_target[]) IS
    'returns the items of the rules that have results';
