/*
 * Items of the results of checks, for formats ocsf and asff. If several results
 * of one recommendation concern one asset, the worst counts, because the asset
 * fails it; but of the results of one finding (with one uid) only the newest
 * counts, because a document may contain the history of a finding. Nothing
 * depends on the order of elements, so the same results in another order change
 * nothing.
 */

CREATE FUNCTION posture_internal.check_results(format text, document jsonb, of_source text)
    RETURNS SETOF check_result
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT o.* FROM ocsf_check_results(document, of_source) o WHERE format = 'ocsf'
    UNION ALL
    SELECT a.* FROM asff_check_results(document, of_source) a WHERE format = 'asff';
END;
COMMENT ON FUNCTION posture_internal.check_results(text, jsonb, text) IS
    'returns the results of checks in a document of format ocsf or asff';

CREATE FUNCTION posture_internal.check_recommendation(
    format text, key text, element jsonb, resource jsonb, product text, compliance jsonb)
    RETURNS TABLE (object jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE format
               WHEN 'ocsf'
               THEN ocsf_recommendation(key, element, p.finding_info, p.remediation, p.unmapped,
                                        p.is_prowler, p.severity, p.service, compliance)
               ELSE asff_recommendation(key, element, p.remediation, p.is_prowler, p.severity,
                                        compliance) END
    FROM (SELECT element -> 'finding_info' AS finding_info, element -> 'unmapped' AS unmapped,
                 resource -> 'group' AS service,
                 coalesce(product ILIKE 'prowler', false) AS is_prowler,
                 CASE format WHEN 'ocsf' THEN element -> 'remediation'
                             ELSE element -> 'Remediation' -> 'Recommendation' END AS remediation,
                 CASE format
                     WHEN 'ocsf'
                     THEN ocsf_severity(element ->> 'severity_id', element ->> 'severity')
                     ELSE asff_severity(
                         element -> 'Severity',
                         element -> 'FindingProviderFields' -> 'Severity' ->> 'Label')
                 END AS severity
          OFFSET 0) p;
END;
COMMENT ON FUNCTION posture_internal.check_recommendation(text, text, jsonb, jsonb, text, jsonb) IS
    'returns the recommendation of a check as an object of format posture';

CREATE FUNCTION posture_internal.check_asset(
    format text, key text, kind text, name text, element jsonb, resource jsonb, region text)
    RETURNS TABLE (object jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT jsonb_strip_nulls(jsonb_build_object('key', key, 'kind', kind, 'name', name))
           || jsonb_build_object('tags', CASE format
                  WHEN 'ocsf' THEN ocsf_tags(element, p.cloud, p.account, resource, region)
                  ELSE asff_tags(element, resource, region) END)
    FROM (SELECT element -> 'cloud' AS cloud, element -> 'cloud' -> 'account' AS account
          OFFSET 0) p;
END;
COMMENT ON FUNCTION posture_internal.check_asset(text, text, text, text, jsonb, jsonb, text) IS
    'returns the asset of a check as an object of format posture';

CREATE FUNCTION posture_internal.check_state_rank(state text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN array_position('{non_compliant,compliant,not_applicable}', state);
COMMENT ON FUNCTION posture_internal.check_state_rank(text) IS
    'returns the rank of a state: of several results the one with the lowest rank counts';

CREATE FUNCTION posture_internal.add_other_results(details jsonb, other_results jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(coalesce(details, '{}')
                  || CASE WHEN other_results IS NULL THEN '{}'
                          ELSE jsonb_build_object('others', other_results) END, '{}');
COMMENT ON FUNCTION posture_internal.add_other_results(jsonb, jsonb) IS
    'returns the details of a finding with the results that did not count; NULL if both are empty';

-- Products report one asset with several kinds; "other" is taken only if no
-- result names another.
CREATE FUNCTION posture_internal.check_item(format text, document jsonb, of_source text)
    RETURNS SETOF item
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH result AS (
        SELECT r.* FROM check_results(format, document, of_source) r
    ), valid AS NOT MATERIALIZED (
        SELECT * FROM result r WHERE r.error IS NULL
    ), asset AS (
        SELECT DISTINCT ON (v.asset COLLATE "C") v.asset, v.asset_kind, v.asset_name, v.location
        FROM valid v
        ORDER BY v.asset COLLATE "C", coalesce(v.asset_kind, 'other') = 'other',
                 v.asset_kind COLLATE "C", v.asset_name COLLATE "C", v.region COLLATE "C",
                 octet_length(v.location), v.location COLLATE "C"
    ), recommendation AS (
        SELECT DISTINCT ON (v.source COLLATE "C", v.recommendation COLLATE "C") v.location
        FROM valid v
        ORDER BY v.source COLLATE "C", v.recommendation COLLATE "C", v.title COLLATE "C",
                 CASE format WHEN 'asff' THEN v.message END COLLATE "C",
                 octet_length(v.location), v.location COLLATE "C"
    ), standard AS (
        SELECT d.source, d.recommendation, merge_compliance(array_agg(d.compliance)) AS compliance
        FROM (SELECT DISTINCT v.source, v.recommendation, v.compliance
              FROM valid v WHERE v.compliance IS NOT NULL) d
        GROUP BY d.source, d.recommendation
    ), repeated AS (
        SELECT v.source, v.recommendation, v.asset
        FROM valid v
        GROUP BY v.source, v.recommendation, v.asset HAVING count(*) > 1
    ), ranked AS (
        SELECT n.*,
               row_number() OVER (finding ORDER BY n.state_rank, n.message COLLATE "C", n.details,
                                                   n.location COLLATE "C") AS row_rank,
               dense_rank() OVER (finding ORDER BY n.state_rank, n.message COLLATE "C") AS rank
        FROM (SELECT v.*, check_state_rank(v.state) AS state_rank,
                     max(coalesce(v.observed_at, 'infinity'))
                         OVER (PARTITION BY v.source, v.recommendation, v.asset, v.uid) AS newest
              FROM valid v JOIN repeated r USING (source, recommendation, asset)) n
        WHERE coalesce(n.observed_at, 'infinity') = n.newest
        WINDOW finding AS (PARTITION BY n.source, n.recommendation, n.asset)
    ), finding AS (
        SELECT v.location, v.source, v.recommendation, v.asset, v.state, v.observed_at, v.details
        FROM valid v
        WHERE NOT EXISTS (SELECT FROM repeated r
                          WHERE r.source = v.source AND r.recommendation = v.recommendation
                            AND r.asset = v.asset)
        UNION ALL
        SELECT max(r.location) FILTER (WHERE r.row_rank = 1), r.source, r.recommendation, r.asset,
               max(r.state) FILTER (WHERE r.row_rank = 1), max(r.observed_at),
               add_other_results((array_agg(r.details) FILTER (WHERE r.row_rank = 1))[1],
                                 jsonb_agg(DISTINCT jsonb_strip_nulls(jsonb_build_object(
                                     'state', r.state, 'message', r.message)))
                                     FILTER (WHERE r.rank > 1))
        FROM ranked r
        GROUP BY r.source, r.recommendation, r.asset
    )
    SELECT NULL::text, NULL::text, 'source', s.source, NULL::text, NULL::text, NULL::text,
           NULL::timestamptz, NULL::text, NULL::text, NULL::jsonb,
           jsonb_strip_nulls(jsonb_build_object('key', s.source, 'product', s.product,
                                                'name', coalesce(s.product, s.source)))
    FROM (SELECT r.source, min(r.product COLLATE "C") AS product
          FROM result r WHERE r.source IS NOT NULL GROUP BY r.source) s
    UNION ALL
    SELECT r.location, NULL, 'recommendation', r.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           o.object
    FROM (SELECT r.* FROM recommendation c JOIN result r USING (location) OFFSET 0) r
    LEFT JOIN standard s ON s.source = r.source AND s.recommendation = r.recommendation
    CROSS JOIN LATERAL check_recommendation(format, r.recommendation, r.element, r.resource,
                                            r.product, s.compliance) o
    UNION ALL
    SELECT r.location, NULL, 'asset', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, o.object
    FROM (SELECT r.* FROM asset a JOIN result r USING (location) OFFSET 0) r
    CROSS JOIN LATERAL check_asset(format, r.asset, r.asset_kind, r.asset_name, r.element,
                                   r.resource, r.region) o
    UNION ALL
    SELECT f.location, NULL, 'finding', f.source, f.recommendation, f.asset, f.state, f.observed_at,
           a.asset_kind, a.asset_name, f.details, NULL
    FROM finding f JOIN asset a ON a.asset = f.asset
    UNION ALL
    SELECT r.location, r.error, CASE WHEN r.source IS NOT NULL THEN 'finding' END, r.source,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, r.element
    FROM result r WHERE r.error IS NOT NULL;
END;
COMMENT ON FUNCTION posture_internal.check_item(text, jsonb, text) IS
    'returns the items of a document of format ocsf or asff';

-- Memoize would take whole elements as keys. work_mem lets the results of a large
-- document stay in memory, where the document already is.
CREATE FUNCTION posture_internal.ocsf_item(document jsonb, of_source text) RETURNS SETOF item
    LANGUAGE sql STABLE SET jit = off SET enable_memoize = off SET work_mem = '256MB'
BEGIN ATOMIC
    SELECT i.* FROM check_item('ocsf', document, of_source) i;
END;
COMMENT ON FUNCTION posture_internal.ocsf_item(jsonb, text) IS
    'returns the items of an OCSF document: compliance findings, '
    'and detection findings that are results of checks';

CREATE FUNCTION posture_internal.asff_item(document jsonb, of_source text) RETURNS SETOF item
    LANGUAGE sql STABLE SET jit = off SET enable_memoize = off SET work_mem = '256MB'
BEGIN ATOMIC
    SELECT i.* FROM check_item('asff', document, of_source) i;
END;
COMMENT ON FUNCTION posture_internal.asff_item(jsonb, text) IS
    'returns the items of an ASFF document: compliance findings of AWS Security Hub '
    'and of the products that send it theirs';
