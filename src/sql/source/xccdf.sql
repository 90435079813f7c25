-- What a document says of one host as often as it was scanned comes from its
-- last TestResult. Severity and weight of a result are those of its rule as the
-- profile refined them.
CREATE FUNCTION posture_internal.xccdf_part_item(document xml, namespace text, of_source text) RETURNS SETOF item
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH run AS MATERIALIZED (SELECT * FROM xccdf_run(document, namespace, of_source)),
    target AS MATERIALIZED (SELECT * FROM xccdf_target(document, namespace)),
    result AS MATERIALIZED (
        SELECT u.source, u.asset, u.asset_name, u.benchmark, u.benchmark_version, s.*,
               format('%s/rule-result[%s]', u.location, s.n) AS location,
               coalesce(s."time", nullif(u.ended, ''), nullif(u.started, '')) AS said
        FROM xccdf_result(document, namespace) s
        JOIN run u USING (run)
    ),
    -- assets: facts from target-facts and from assets of ARF, lists where a host can have several
    device AS MATERIALIZED (
        SELECT * FROM xccdf_device(document) WHERE EXISTS (SELECT FROM run WHERE run.report IS NOT NULL)
    ), about AS (
        SELECT t.run, t.key AS device FROM target t WHERE t.name = 'target-id-ref'
        UNION SELECT r.run, d.device FROM run r JOIN device d ON d.value = r.report WHERE d.name = 'report'
        UNION SELECT r.run, d.device FROM run r JOIN device d ON host_key(d.value) = r.asset WHERE d.name IN ('fqdn', 'hostname')
    ), fact AS (
        SELECT DISTINCT f.run, xccdf_tag(f.name, f.value) AS tag, f.value
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
        FROM used u JOIN xccdf_rule(document, namespace) r ON r.id = u.idref
        LEFT JOIN xccdf_rule_details(document, namespace) d ON d.n = r.n
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
        SELECT t.said, parse_time(t.said, t.zone) AS at
        FROM (SELECT DISTINCT s.said, setting('timezone') AS zone FROM result s WHERE s.said IS NOT NULL) t
    ), observed AS MATERIALIZED (
        SELECT s.*, t.at, m.state, m.rank, jsonb_strip_nulls(jsonb_build_object('result', s.result)) || coalesce(d.details, '{}') AS details,
               CASE WHEN s.idref IS NULL THEN 'missing rule-result/@idref'
                    WHEN s.asset IS NULL THEN 'missing target'
                    WHEN s.result IS NULL THEN 'missing result'
                    WHEN m.state IS NULL THEN format('unrecognized result "%s"', left(s.result, 100))
                    WHEN t.at IS NULL AND s.said IS NOT NULL THEN format('invalid time: "%s"', left(s.said, 100)) END AS error
        FROM result s
        LEFT JOIN "time" t USING (said)
        LEFT JOIN xccdf_result_details(document, namespace) d USING (serial)
        LEFT JOIN xccdf_state() m USING (result)
    ), folded AS (
        SELECT o.source, o.asset, o.idref, max(o.asset_name) AS asset_name, max(o.at) AS at,
               (array_agg(o.location ORDER BY o.rank, o.n))[1] AS location, (array_agg(o.state ORDER BY o.rank))[1] AS state,
               CASE count(*) WHEN 1 THEN (array_agg(o.details))[1]
                             ELSE jsonb_build_object('result', (array_agg(o.result ORDER BY o.rank))[1],
                                                     'results', jsonb_agg(o.details ORDER BY o.n)) END AS details,
               -- what one TestResult did not select, another one of the host may have assessed
               bool_and(o.result = 'notselected')
               AND bool_or(bool_or(o.result <> 'notselected')) OVER (PARTITION BY o.source, o.asset, o.idref) AS is_elsewhere
        FROM observed o WHERE o.error IS NULL
        GROUP BY o.source, o.asset, o.run, o.idref
    )
    SELECT DISTINCT ON (r.source)
           r.location, NULL::text, 'source', r.source, NULL::text, NULL::text, NULL::text, NULL::timestamptz, NULL::text, NULL::text, NULL::jsonb,
           jsonb_strip_nulls(jsonb_build_object(
               'key', r.source, 'name', CASE r.source WHEN r.product THEN xccdf_source_name(r.product) ELSE r.source END,
               'product', CASE WHEN r.product <> 'xccdf' THEN xccdf_source_name(r.product) END))
    FROM (SELECT * FROM run ORDER BY run.source, run.run) r
    UNION ALL
    SELECT a.location, NULL, 'asset', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_strip_nulls(jsonb_build_object('key', a.asset, 'kind', 'host', 'name', a.asset_name, 'tags', t.tags, 'aliases', n.aliases))
    FROM asset a
    LEFT JOIN (SELECT t.run, jsonb_object_agg(t.tag, t.value) AS tags FROM tag t GROUP BY t.run) t USING (run)
    LEFT JOIN (SELECT r.asset, jsonb_agg(DISTINCT xccdf_alias(f.value)) AS aliases
               FROM fact f JOIN run r USING (run)
               WHERE f.tag IN ('fqdn', 'target') AND xccdf_alias(f.value) <> r.asset
               GROUP BY r.asset) n USING (asset)
    UNION ALL
    SELECT u.location, NULL, 'recommendation', u.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           xccdf_recommendation(
               u.idref, r.title,
               xccdf_text(r.description, r.description_markup, v."values"),
               xccdf_text(r.fixtext, r.fixtext_markup, v."values"),
               xccdf_text(r.rationale, r.rationale_markup, v."values"),
               coalesce(severity(u.severity), severity(r.severity)),
               CASE WHEN coalesce(u.role, r.role) = 'unscored' THEN 0
                    -- a rule of which nothing is said is worth 1, unless more is known of it
                    ELSE coalesce(xccdf_weight(u.weight), xccdf_weight(r.weight),
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
               FROM recommendation m JOIN source s USING (source_id)) k USING (source, idref)
    LEFT JOIN benchmark b ON b.id = coalesce(nullif(r.benchmark, ''), u.benchmark)
    LEFT JOIN setting v USING (run)
    LEFT JOIN ident i USING (idref)
    UNION ALL
    SELECT f.location, NULL, 'finding', f.source, f.idref, f.asset, f.state, f.at, 'host', f.asset_name, f.details, NULL
    FROM folded f
    WHERE NOT f.is_elsewhere
    UNION ALL
    SELECT o.location, o.error, 'finding', o.source, o.idref, o.asset, o.state, o.at, 'host', o.asset_name, NULL, to_jsonb(e.element::text)
    FROM observed o JOIN xccdf_result_element(document, namespace) e USING (serial)
    WHERE o.error IS NOT NULL AND EXISTS (SELECT FROM observed WHERE observed.error IS NOT NULL);
END;
COMMENT ON FUNCTION posture_internal.xccdf_part_item(xml, text, text) IS 'takes what a document has in one namespace of XCCDF apart into items';

CREATE FUNCTION posture_internal.xccdf_item(document xml, of_source text) RETURNS SETOF item
    LANGUAGE sql STABLE
    -- The planner can't know how much a document holds. It may guess one row
    -- where there are 100,000, which a nested loop would pay for, and compile
    -- for what is over in a moment.
    SET enable_nestloop = off SET jit = off
    -- parts of a document are no documents
    SET xmloption = content
BEGIN ATOMIC
    WITH checked AS MATERIALIZED (
        SELECT d.document, xml_error(d.document) AS error
        FROM (SELECT xccdf_document(document) AS document OFFSET 0) d
        WHERE document IS NOT NULL
    )
    SELECT '/', c.error, NULL::text, of_source, NULL::text, NULL::text, NULL::text, NULL::timestamptz, NULL::text, NULL::text,
           NULL::jsonb, NULL::jsonb
    FROM checked c WHERE c.error IS NOT NULL
    UNION ALL
    SELECT i.*
    FROM checked c, LATERAL xccdf_namespace(c.document) n(namespace),
         LATERAL xccdf_part_item(c.document, n.namespace, of_source) i
    WHERE c.error IS NULL;
END;
COMMENT ON FUNCTION posture_internal.xccdf_item(xml, text) IS 'takes XCCDF results apart into items';
