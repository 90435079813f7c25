-- Text of XCCDF can have elements in it: XHTML, and <sub/> for a value. Escaped
-- as in XML, it has a "<" exactly where it has a tag.
CREATE FUNCTION posture_internal.xccdf_text(plain text, markup xml, "values" jsonb) RETURNS text
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
COMMENT ON FUNCTION posture_internal.xccdf_text(text, xml, jsonb) IS 'a text of XCCDF, escaped as in XML, XHTML in it without prefixes, <sub/> with the value that was set';

CREATE FUNCTION posture_internal.xccdf_unescape(escaped text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN replace(replace(replace(replace(replace(replace(
        escaped, '&lt;', '<'), '&gt;', '>'), '&quot;', '"'), '&#13;', E'\r'), '&#x0d;', E'\r'), '&amp;', '&');
COMMENT ON FUNCTION posture_internal.xccdf_unescape(text) IS 'a text without tags as it reads, from how it is written in XML';

CREATE FUNCTION posture_internal.xccdf_rule(document xml, namespace text)
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
COMMENT ON FUNCTION posture_internal.xccdf_rule(xml, text) IS 'the rules of a document';

CREATE FUNCTION posture_internal.xccdf_rule_details(document xml, namespace text) RETURNS TABLE (n bigint, details jsonb)
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
COMMENT ON FUNCTION posture_internal.xccdf_rule_details(xml, text) IS 'what the rules of a document say beside their texts: idents, references, warnings, fixes, ...';

-- the object of a recommendation; several texts share how they are written, so
-- where one of them has XHTML the others are given as such too
CREATE FUNCTION posture_internal.xccdf_recommendation(
    key text, title text, description text, fixtext text, rationale text, severity importance, max_points numeric,
    workload text, domain text, details jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'key', key, 'title', title, 'severity', severity, 'max_points', max_points, 'workload', workload, 'domain', domain,
        'description', CASE WHEN m.is_html THEN description ELSE xccdf_unescape(description) END,
        'remediation', CASE WHEN m.is_html THEN fixtext ELSE xccdf_unescape(fixtext) END,
        'markup', CASE WHEN m.is_html THEN 'html' WHEN coalesce(description, fixtext) IS NOT NULL THEN 'plain' END,
        'details', nullif(details || jsonb_strip_nulls(jsonb_build_object(
            'rationale', CASE WHEN m.is_html THEN rationale ELSE xccdf_unescape(rationale) END)), '{}')))
    FROM (SELECT concat(description, fixtext, rationale) ~ '<' AS is_html) m;
END;
COMMENT ON FUNCTION posture_internal.xccdf_recommendation(text, text, text, text, text, importance, numeric, text, text, jsonb) IS 'the object of a recommendation, of texts as xccdf_text() gives them';

CREATE FUNCTION posture_internal.xccdf_weight(weight text) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN weight ~ '^[+]?([0-9]{1,15}([.][0-9]{0,15})?|[.][0-9]{1,15})$' THEN trim_scale(weight::numeric) END;
COMMENT ON FUNCTION posture_internal.xccdf_weight(text) IS 'a weight as XCCDF writes it; NULL: it is none';
