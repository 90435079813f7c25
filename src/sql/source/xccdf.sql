/*
 * Format xccdf: results of XCCDF 1.2 and 1.1. The parts of a document are read
 * in xccdf_document.sql, xccdf_result.sql, xccdf_target.sql and xccdf_rule.sql.
 */

CREATE FUNCTION posture_internal.xccdf_reported_result(
    document xml, namespace text, test_results xccdf_test_result[])
    RETURNS TABLE (source text, asset text, asset_name text, benchmark text, benchmark_version text,
                   test_result bigint, n bigint, serial bigint, idref text, result text,
                   "time" text, severity text, weight text, role text, version text,
                   location text, time_text text, left_out text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT DISTINCT ON (r.serial)
           t.source, t.asset, t.asset_name, t.benchmark, t.benchmark_version, r.*,
           format('%s/rule-result[%s]', t.location, r.n),
           coalesce(r."time", nullif(t.ended, ''), nullif(t.started, '')),
           xccdf_left_out(r.result, coalesce(r.role, u.role), coalesce(r.severity, u.severity))
    FROM xccdf_rule_result(document, namespace) r
    JOIN unnest(test_results) t USING (test_result)
    LEFT JOIN xccdf_rule_role(document, namespace) u ON u.id = r.idref
    ORDER BY r.serial, u.benchmark = t.benchmark DESC NULLS LAST, u.n;
END;
COMMENT ON FUNCTION posture_internal.xccdf_reported_result(xml, text, xccdf_test_result[]) IS
    'returns the rule-results of a document with what their TestResults say; '
    'left_out is why one is not meant to be loaded, or NULL';

-- The document is read once for each kind of element. TestResults, targets and
-- rules are passed to the functions of assets and recommendations as arrays, since
-- they are few compared with the results. Several results of one rule in one
-- TestResult are one finding. What is left out names its finding where a rule was
-- not selected: it may have failed where it was, and must not be closed.
CREATE FUNCTION posture_internal.xccdf_namespace_item(document xml, namespace text, of_source text)
    RETURNS SETOF item
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH target AS (SELECT * FROM xccdf_target(document, namespace)
    ), test_result AS (
        SELECT h.* FROM xccdf_host(document, namespace, of_source,
                                   (SELECT array_agg(t::xccdf_target) FROM target t)) h
    ), reported AS MATERIALIZED (
        SELECT * FROM xccdf_reported_result(
            document, namespace, (SELECT array_agg(t::xccdf_test_result) FROM test_result t))
    ), result AS (
        SELECT * FROM reported WHERE left_out IS NULL
    ), assessed_rule AS (
        SELECT DISTINCT ON (r.source, r.idref)
               r.source, r.idref, r.location, r.test_result, r.benchmark, r.benchmark_version,
               r.severity, r.weight, r.role, r.version
        FROM result r WHERE r.idref IS NOT NULL
        ORDER BY r.source, r.idref, r.serial
    ), "time" AS (
        SELECT t.source, t.time_text, parse_time(t.time_text, t.zone, t.source) AS observed_at
        FROM (SELECT DISTINCT r.source, r.time_text, setting('timezone') AS zone
              FROM result r WHERE r.time_text IS NOT NULL) t
    ), observation AS (
        SELECT r.*, t.observed_at, s.state, s.rank,
               jsonb_strip_nulls(jsonb_build_object('result', r.result))
               || coalesce(d.details, '{}') AS details,
               CASE WHEN r.idref IS NULL THEN 'missing rule-result/@idref'
                    WHEN r.asset IS NULL THEN xccdf_target_error(r.asset_name)
                    WHEN r.result IS NULL THEN 'missing result'
                    WHEN s.state IS NULL
                    THEN format('unrecognized result "%s"', left(r.result, 100))
                    WHEN t.observed_at IS NULL AND r.time_text IS NOT NULL
                    THEN format('invalid time: "%s"', left(r.time_text, 100)) END AS error
        FROM result r
        LEFT JOIN "time" t USING (source, time_text)
        LEFT JOIN xccdf_rule_result_details(document, namespace) d USING (serial)
        LEFT JOIN xccdf_state() s USING (result)
    ), finding AS (
        SELECT o.source, o.asset, o.idref, o.benchmark, o.benchmark_version,
               max(o.asset_name) AS asset_name, max(o.observed_at) AS observed_at,
               (array_agg(o.location ORDER BY o.rank, o.n))[1] AS location,
               (array_agg(o.state ORDER BY o.rank))[1] AS state,
               CASE count(*) WHEN 1 THEN (array_agg(o.details))[1]
                             ELSE jsonb_build_object(
                                 'result', (array_agg(o.result ORDER BY o.rank))[1],
                                 'results', jsonb_agg(o.details ORDER BY o.n)) END AS details
        FROM observation o WHERE o.error IS NULL
        GROUP BY o.source, o.asset, o.test_result, o.idref, o.benchmark, o.benchmark_version
    )
    SELECT DISTINCT ON (t.source)
           t.location, NULL::text, 'source', t.source, NULL::text, NULL::text, NULL::text,
           NULL::timestamptz, NULL::text, NULL::text, NULL::jsonb,
           jsonb_strip_nulls(jsonb_build_object(
               'key', t.source,
               'name', CASE t.source WHEN t.product THEN xccdf_source_name(t.product)
                                     ELSE t.source END,
               'product', CASE WHEN t.product <> 'xccdf' THEN xccdf_source_name(t.product) END))
    FROM (SELECT * FROM test_result t ORDER BY t.source, t.test_result) t
    UNION ALL
    SELECT i.*
    FROM xccdf_asset_item(
        document, (SELECT array_agg(t::xccdf_test_result) FROM test_result t),
        (SELECT array_agg(t::xccdf_target) FROM target t)) i
    UNION ALL
    SELECT i.*
    FROM xccdf_recommendation_item(
        document, namespace, (SELECT array_agg(a::xccdf_assessed_rule) FROM assessed_rule a),
        (SELECT array_agg(t::xccdf_target) FROM target t WHERE t.name = 'set-value')) i
    UNION ALL
    SELECT f.location, NULL, 'finding', f.source, f.idref, f.asset, f.state, f.observed_at,
           'host', f.asset_name, f.details, xccdf_extent(f.benchmark, f.benchmark_version)
    FROM finding f
    UNION ALL
    SELECT r.location, NULL, 'left_out', r.source, CASE WHEN r.result = 'notselected' THEN r.idref
           END, r.asset, NULL, NULL, NULL, NULL, NULL, jsonb_build_object('reason', r.left_out)
    FROM reported r WHERE r.left_out IS NOT NULL
    UNION ALL
    SELECT o.location, o.error, 'finding', o.source, o.idref, o.asset, o.state, o.observed_at,
           'host', o.asset_name, NULL, to_jsonb(e.element::text)
    FROM observation o JOIN xccdf_rule_result_element(document, namespace) e USING (serial)
    WHERE o.error IS NOT NULL AND EXISTS (SELECT FROM observation x WHERE x.error IS NOT NULL);
END;
COMMENT ON FUNCTION posture_internal.xccdf_namespace_item(xml, text, text) IS
    'returns the items of what a document contains in one namespace of XCCDF';

CREATE FUNCTION posture_internal.xccdf_item(document xml, of_source text) RETURNS SETOF item
    LANGUAGE sql STABLE
    -- The planner can't know how much a document contains. It may estimate one row
    -- where there are 100,000, which makes a nested loop slow.
    SET enable_nestloop = off SET jit = off
    -- Parts of a document are not documents themselves.
    SET xmloption = content
BEGIN ATOMIC
    WITH checked AS (
        SELECT d.document, xml_error(d.document) AS error
        FROM (SELECT strip_byte_order_mark(document) AS document OFFSET 0) d
        WHERE document IS NOT NULL
    )
    SELECT '/', c.error, NULL::text, of_source, NULL::text, NULL::text, NULL::text,
           NULL::timestamptz, NULL::text, NULL::text, NULL::jsonb, NULL::jsonb
    FROM checked c WHERE c.error IS NOT NULL
    UNION ALL
    SELECT i.*
    FROM checked c, LATERAL xccdf_namespace(c.document) n(namespace),
         LATERAL xccdf_namespace_item(c.document, n.namespace, of_source) i
    WHERE c.error IS NULL;
END;
COMMENT ON FUNCTION posture_internal.xccdf_item(xml, text) IS
    'returns the items of a document of XCCDF results';
