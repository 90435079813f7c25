/*
 * What is the same for OCSF and ASFF. Of several results of one recommendation on one
 * asset the worst wins, for the asset fails it; but of one finding (by its uid)
 * only the newest counts, for a document can tell how it went. Nothing depends
 * on the order of elements, so that tomorrow's document in another order
 * changes nothing.
 */

CREATE FUNCTION posture_internal.check_item(format text, document jsonb, of_source text) RETURNS SETOF item
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH given AS MATERIALIZED (
        SELECT o.* FROM ocsf_result_of(document, of_source) o WHERE format = 'ocsf'
        UNION ALL
        SELECT a.* FROM asff_result_of(document, of_source) a WHERE format = 'asff'
    ), asset AS MATERIALIZED (
        -- products call one asset by several kinds, of which "other" says the least
        SELECT DISTINCT ON (t.asset COLLATE "C") t.asset, t.asset_kind, t.asset_name, t.location
        FROM given t
        WHERE t.error IS NULL
        ORDER BY t.asset COLLATE "C", coalesce(t.asset_kind, 'other') = 'other', t.asset_kind COLLATE "C",
                 t.asset_name COLLATE "C", t.region COLLATE "C", octet_length(t.location), t.location COLLATE "C"
    ), recommendation AS (
        SELECT DISTINCT ON (t.source COLLATE "C", t.recommendation COLLATE "C") t.location
        FROM given t
        WHERE t.error IS NULL
        ORDER BY t.source COLLATE "C", t.recommendation COLLATE "C", t.title COLLATE "C",
                 CASE format WHEN 'asff' THEN t.message END COLLATE "C", octet_length(t.location), t.location COLLATE "C"
    ), standard AS (
        SELECT v.source, v.recommendation, merged_compliance(array_agg(v.compliance)) AS compliance
        FROM (SELECT DISTINCT t.source, t.recommendation, t.compliance
              FROM given t
              WHERE t.error IS NULL AND t.compliance IS NOT NULL) v
        GROUP BY v.source, v.recommendation
    ), repeated AS MATERIALIZED (
        SELECT t.source, t.recommendation, t.asset
        FROM given t
        WHERE t.error IS NULL
        GROUP BY t.source, t.recommendation, t.asset
        HAVING count(*) > 1
    ), single AS (
        SELECT t.location, t.source, t.recommendation, t.asset, t.state, t.observed_at, t.details
        FROM given t
        WHERE t.error IS NULL
          AND NOT EXISTS (SELECT FROM repeated r
                          WHERE r.source = t.source AND r.recommendation = t.recommendation AND r.asset = t.asset)
    ), placed AS (
        SELECT t.location, t.source, t.recommendation, t.asset, t.state, t.observed_at, t.details, t.message,
               row_number() OVER (PARTITION BY t.source, t.recommendation, t.asset
                                  ORDER BY t.badness, t.message COLLATE "C", t.details, t.location COLLATE "C") AS row_rank,
               dense_rank() OVER (PARTITION BY t.source, t.recommendation, t.asset
                                  ORDER BY t.badness, t.message COLLATE "C") AS rank
        FROM (SELECT t.*, array_position('{non_compliant,compliant,not_applicable}', t.state) AS badness,
                     max(coalesce(t.observed_at, 'infinity')) OVER (PARTITION BY t.source, t.recommendation, t.asset, t.uid) AS newest
              FROM given t
              JOIN repeated r ON r.source = t.source AND r.recommendation = t.recommendation AND r.asset = t.asset
              WHERE t.error IS NULL) t
        WHERE coalesce(t.observed_at, 'infinity') = t.newest
    ), folded AS (
        SELECT max(p.location) FILTER (WHERE p.row_rank = 1) AS location, p.source, p.recommendation, p.asset,
               max(p.state) FILTER (WHERE p.row_rank = 1) AS state, max(p.observed_at) AS observed_at,
               nullif(coalesce((array_agg(p.details) FILTER (WHERE p.row_rank = 1))[1], '{}')
                      || CASE max(p.rank) WHEN 1 THEN '{}' ELSE jsonb_build_object('others', jsonb_agg(DISTINCT jsonb_strip_nulls(
                             jsonb_build_object('state', p.state, 'message', p.message))) FILTER (WHERE p.rank > 1)) END, '{}') AS details
        FROM placed p
        GROUP BY p.source, p.recommendation, p.asset
    )
    SELECT NULL::text, NULL::text, 'source', s.source, NULL::text, NULL::text, NULL::text, NULL::timestamptz, NULL::text, NULL::text, NULL::jsonb,
           jsonb_strip_nulls(jsonb_build_object('key', s.source, 'name', coalesce(s.product, s.source), 'product', s.product))
    FROM (SELECT t.source, min(t.product COLLATE "C") AS product FROM given t WHERE t.source IS NOT NULL GROUP BY t.source) s
    UNION ALL
    SELECT t.location, NULL, 'recommendation', t.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           CASE format WHEN 'ocsf' THEN ocsf_recommendation(t.recommendation, t.element, p.info, p.remedy, p.unmapped, p.is_prowler,
                                                                    p.severity, p.service, s.compliance)
                       ELSE asff_recommendation(t.recommendation, t.element, p.remedy, p.is_prowler, p.severity, s.compliance) END
    FROM (SELECT t.* FROM recommendation r JOIN given t USING (location) OFFSET 0) t
    LEFT JOIN standard s ON s.source = t.source AND s.recommendation = t.recommendation
    CROSS JOIN LATERAL (
        SELECT t.element -> 'finding_info' AS info, t.element -> 'unmapped' AS unmapped, t.resource -> 'group' AS service,
               coalesce(t.product ILIKE 'prowler', false) AS is_prowler,
               CASE format WHEN 'ocsf' THEN t.element -> 'remediation' ELSE t.element -> 'Remediation' -> 'Recommendation' END AS remedy,
               CASE format WHEN 'ocsf' THEN ocsf_severity(t.element ->> 'severity_id', t.element ->> 'severity')
                           ELSE asff_severity(t.element -> 'Severity', t.element -> 'FindingProviderFields' -> 'Severity' ->> 'Label') END AS severity
        OFFSET 0) p
    UNION ALL
    SELECT t.location, NULL, 'asset', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_strip_nulls(jsonb_build_object('key', t.asset, 'kind', t.asset_kind, 'name', t.asset_name))
           || jsonb_build_object('tags', CASE format WHEN 'ocsf' THEN ocsf_tags(t.element, p.cloud, p.account, t.resource, t.region)
                                                     ELSE asff_tags(t.element, t.resource, t.region) END)
    FROM (SELECT t.* FROM asset a JOIN given t USING (location) OFFSET 0) t
    CROSS JOIN LATERAL (SELECT t.element -> 'cloud' AS cloud, t.element -> 'cloud' -> 'account' AS account OFFSET 0) p
    UNION ALL
    SELECT f.location, NULL, 'finding', f.source, f.recommendation, f.asset, f.state, f.observed_at, a.asset_kind, a.asset_name, f.details, NULL
    FROM (SELECT * FROM single UNION ALL SELECT * FROM folded) f
    JOIN asset a ON a.asset = f.asset
    UNION ALL
    SELECT t.location, t.error, CASE WHEN t.source IS NOT NULL THEN 'finding' END, t.source,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, t.element
    FROM given t
    WHERE t.error IS NOT NULL;
END;
COMMENT ON FUNCTION posture_internal.check_item(text, jsonb, text) IS 'items of a document of findings, of format ocsf or asff';

-- Its many expressions cost more to compile than to run, whole elements are no
-- keys to remember a result by, and a document that is in memory already may
-- stay there while it is taken apart.
CREATE FUNCTION posture_internal.ocsf_item(document jsonb, of_source text) RETURNS SETOF item
    LANGUAGE sql STABLE SET jit = off SET enable_memoize = off SET work_mem = '256MB'
BEGIN ATOMIC
    SELECT i.* FROM check_item('ocsf', document, of_source) i;
END;
COMMENT ON FUNCTION posture_internal.ocsf_item(jsonb, text) IS 'items of a document of OCSF: compliance findings and detection findings that are results of checks';

CREATE FUNCTION posture_internal.asff_item(document jsonb, of_source text) RETURNS SETOF item
    LANGUAGE sql STABLE SET jit = off SET enable_memoize = off SET work_mem = '256MB'
BEGIN ATOMIC
    SELECT i.* FROM check_item('asff', document, of_source) i;
END;
COMMENT ON FUNCTION posture_internal.asff_item(jsonb, text) IS 'items of a document of ASFF: compliance findings of AWS Security Hub and of products that write its format';
