/*
 * Items of the results of checks, for formats ocsf and asff; those of vulnerabilities
 * are in vulnerability_result, but for their assets. If several results
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
    SELECT r.location, r.error, r.source, r.product, r.recommendation, r.title, r.asset,
           r.asset_kind, r.asset_name, r.region, r.state, r.observed_at, r.uid, r.message,
           r.compliance, r.details, CASE WHEN r.error IS NOT NULL THEN r.element END, NULL::jsonb,
           r.finding_region, r.former_asset, r.provider, r.extent, r.vulnerabilities
    FROM (SELECT o.* FROM ocsf_check_results(document, of_source) o WHERE format = 'ocsf'
          UNION ALL
          SELECT v.* FROM ocsf_vulnerability_results(document, of_source) v WHERE format = 'ocsf'
          UNION ALL
          SELECT a.* FROM asff_check_results(document, of_source) a WHERE format = 'asff'
          UNION ALL
          SELECT v.* FROM asff_vulnerability_results(document, of_source) v
          WHERE format = 'asff') r;
END;
COMMENT ON FUNCTION posture_internal.check_results(text, jsonb, text) IS
    'returns the results of checks, and those of vulnerabilities, in a document of format ocsf or '
    'asff, without the elements of those that can be loaded, see check_element()';

-- Of most elements only the result is kept, so the few that are needed are read again. An element
-- comes without its resources if these are several, as from check_results().
CREATE FUNCTION posture_internal.check_element(format text, document jsonb, locations text[])
    RETURNS TABLE (location text, element jsonb, resource jsonb)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT l.location, e.element,
           CASE WHEN substr(l.location, length(p.location) + 1) ~* '^[.]resources[[]'
                THEN d.document #> location_path(l.location)
                ELSE (SELECT r.resource
                      FROM ocsf_resources(e.element, e.element -> 'resources') r) END
    -- a copy in memory, see finding_element()
    FROM (SELECT document #> '{}' AS document OFFSET 0) d
    CROSS JOIN (SELECT element_location(l.location) AS location, array_agg(l.location) AS locations,
                       CASE format WHEN 'ocsf' THEN 'resources' ELSE 'Resources' END AS field
                FROM unnest(locations) l(location)
                GROUP BY 1) p
    CROSS JOIN LATERAL (
        SELECT CASE format WHEN 'ocsf' THEN ocsf_element(d.document #> location_path(p.location))
                           ELSE d.document #> location_path(p.location) END AS element
        OFFSET 0) w
    CROSS JOIN LATERAL (
        SELECT CASE WHEN w.element -> p.field -> 1 IS NULL
                    THEN w.element ELSE w.element - p.field END AS element
        OFFSET 0) e
    CROSS JOIN LATERAL unnest(p.locations) l(location);
END;
COMMENT ON FUNCTION posture_internal.check_element(text, jsonb, text[]) IS
    'returns the element and the resource at each of these locations of results of checks';

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
    format text, key text, former_key text, kind text, name text, element jsonb, resource jsonb,
    region text, regions jsonb)
    RETURNS TABLE (object jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT jsonb_strip_nulls(jsonb_build_object('key', key, 'kind', kind, 'name', name))
           || jsonb_build_object('tags', t.tags) || former_asset(former_key, key, t.tags)
    FROM (SELECT ocsf_cloud(element) AS cloud, ocsf_cloud(element) -> 'account' AS account,
                 CASE WHEN NOT is_account_key(key) THEN region END AS region
          OFFSET 0) p
    CROSS JOIN LATERAL (
        SELECT CASE format
                   WHEN 'ocsf' THEN ocsf_tags(element, p.cloud, p.account, resource, p.region)
                   ELSE asff_tags(element, resource, p.region) END
               || CASE WHEN regions IS NULL THEN '{}'
                       ELSE jsonb_build_object('region', regions) END AS tags
        OFFSET 0) t;
END;
COMMENT ON FUNCTION posture_internal.check_asset(
    text, text, text, text, text, jsonb, jsonb, text, jsonb) IS
    'returns the asset of a check as an object of format posture; regions are those that report on '
    'it if it is more than one';

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

-- A document of Prowler that has standards has those of one framework alone.
CREATE FUNCTION posture_internal.check_compliance(
    of_source text, of_recommendation text, is_prowler boolean, objects jsonb[]) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT CASE WHEN (SELECT bool_and(k.known @> o.object) FROM unnest(objects) o(object))
                        THEN k.known ELSE merge_compliance(objects || k.known) END
            FROM (SELECT (SELECT r.details -> 'compliance'
                          FROM recommendation r JOIN source s USING (source_id)
                          WHERE is_prowler AND s.key = of_source AND r.key = of_recommendation
                            AND jsonb_typeof(r.details -> 'compliance') = 'object')) k(known));
COMMENT ON FUNCTION posture_internal.check_compliance(text, text, boolean, jsonb[]) IS
    'returns one object with the keys of several, and of Prowler with those that are known of the '
    'recommendation';

CREATE FUNCTION posture_internal.add_region(details jsonb, region text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN region IS NULL THEN details
                ELSE coalesce(details, '{}') || jsonb_build_object('region', region) END;
COMMENT ON FUNCTION posture_internal.add_region(jsonb, text) IS
    'returns the details of a finding with the region that it is about, if one is given';

CREATE TYPE posture_internal.asset_region AS (asset text, region text, finding_region text);
COMMENT ON TYPE posture_internal.asset_region IS
    'key of an asset, with a region that it is in and one that a finding about it is of';
COMMENT ON COLUMN posture_internal.asset_region.asset IS 'key of the asset';
COMMENT ON COLUMN posture_internal.asset_region.region IS 'region that the asset is in';
COMMENT ON COLUMN posture_internal.asset_region.finding_region IS 'region of a finding about it';

-- With the estimate of 1000 rows, the planner would sort all results of a document.
CREATE FUNCTION posture_internal.asset_spread(results asset_region[])
    RETURNS TABLE (asset text, key text, is_account boolean, is_reported boolean, regions jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 50
BEGIN ATOMIC
    WITH result AS (
        SELECT r.* FROM unnest(results) r
    ), spelling AS (
        SELECT d.asset,
               min(d.asset COLLATE "C") OVER (PARTITION BY canonical_key(d.asset, NULL)) AS key
        FROM (SELECT DISTINCT r.asset FROM result r
              -- only these have several spellings
              WHERE r.asset ~~* ANY ('{/%,AWS::::Account:%,arn:aws:iam::%}')) d
    ), spread AS (
        SELECT coalesce(s.key, r.asset) AS key,
               is_account_key(coalesce(s.key, r.asset)) AS is_account,
               count(DISTINCT r.finding_region) > 1 AS is_reported,
               CASE WHEN count(DISTINCT r.region) > 1
                    THEN jsonb_agg(DISTINCT r.region COLLATE "C") END AS regions
        FROM result r LEFT JOIN spelling s USING (asset)
        GROUP BY 1
    )
    SELECT a.asset, s.key, s.is_account, s.is_reported, s.regions
    FROM (SELECT DISTINCT r.asset FROM result r) a
    LEFT JOIN spelling p USING (asset)
    JOIN spread s ON s.key = coalesce(p.key, a.asset)
    WHERE a.asset <> s.key OR s.is_account OR s.is_reported OR s.regions IS NOT NULL;
END;
COMMENT ON FUNCTION posture_internal.asset_spread(asset_region[]) IS
    'returns the assets of a document that it spells in several ways, each with the key that they '
    'have in common, that are accounts of AWS, or that findings of several regions are about '
    '(is_reported); regions are those of the asset if it has several';

-- Security Hub reports on an account from each region, and its regions may come in documents of
-- their own. A region that the document does not have still counts as long as its extent reports
-- the finding. The time of the finding is that of the latest region, unless the region of the
-- document is known: an older result of it changes nothing.
CREATE FUNCTION posture_internal.add_known_regions(results check_result[]) RETURNS check_result[]
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT results || array_agg(ROW(
               g.location, NULL, g.source, NULL, g.recommendation, NULL, g.asset, NULL, NULL, NULL,
               o.state, CASE WHEN NOT k.is_known THEN f.changed_at END, 'region ' || o.region,
               o.message, NULL, o.details, NULL, NULL, o.region, NULL, NULL, NULL,
               NULL)::check_result)
    FROM (SELECT r.source, r.recommendation, r.asset, min(r.location COLLATE "C") AS location,
                 array_agg(r.finding_region) AS regions
          FROM unnest(results) r
          WHERE r.finding_region IS NOT NULL AND r.provider IS NULL AND is_account_key(r.asset)
          GROUP BY r.source, r.recommendation, r.asset) g
    JOIN source s ON s.key = g.source
    JOIN recommendation c ON c.source_id = s.source_id AND c.key = g.recommendation
    CROSS JOIN LATERAL (
        SELECT x.state, x.details, x.changed_at, e.keys
        FROM finding x JOIN extent e USING (extent_id)
        WHERE x.recommendation_id = c.recommendation_id AND x.asset_id = asset_of(g.asset)
          AND x.details ? 'region'
        OFFSET 0) f
    CROSS JOIN LATERAL (
        SELECT f.details ->> 'region' = ANY (g.regions)
               OR EXISTS (SELECT
                          FROM jsonb_array_elements(array_or_empty(f.details -> 'others')) p(other)
                          WHERE p.other ->> 'region' = ANY (g.regions)) AS is_known) k
    CROSS JOIN LATERAL (
        SELECT f.state::text, f.details ->> 'message' AS message, f.details ->> 'region' AS region,
               f.details - '{region,others}'::text[] AS details
        UNION ALL
        SELECT p.other ->> 'state', p.other ->> 'message', p.other ->> 'region',
               nullif(p.other - '{state,region}'::text[], '{}')
        FROM jsonb_array_elements(array_or_empty(f.details -> 'others')) p(other)) o
    WHERE o.region <> ALL (g.regions)
      AND EXISTS (SELECT FROM unnest(f.keys) e(key)
                  WHERE right(e.key, length(o.region) + 1) = '/' || o.region);
END;
COMMENT ON FUNCTION posture_internal.add_known_regions(check_result[]) IS
    'returns results of checks with those that are known of other regions about the same findings';

CREATE FUNCTION posture_internal.merge_results(results check_result[])
    RETURNS TABLE (location text, source text, recommendation text, asset text, state text,
                   observed_at timestamptz, details jsonb, extents text[])
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT max(r.location) FILTER (WHERE r.row_rank = 1), r.source, r.recommendation, r.asset,
           max(r.state) FILTER (WHERE r.row_rank = 1), max(r.observed_at),
           add_other_results(
               (array_agg(add_region(r.details, r.finding_region))
                    FILTER (WHERE r.row_rank = 1))[1],
               jsonb_agg(DISTINCT jsonb_strip_nulls(jsonb_build_object(
                   'state', r.state, 'message', r.message, 'region', r.finding_region)))
                   FILTER (WHERE r.rank > 1)),
           array_agg(DISTINCT r.extent)
    FROM (SELECT n.*,
                 row_number() OVER (finding ORDER BY n.state_rank, n.message COLLATE "C",
                                                     n.finding_region COLLATE "C", n.details,
                                                     n.location COLLATE "C") AS row_rank,
                 dense_rank() OVER (finding ORDER BY n.state_rank, n.message COLLATE "C",
                                                     n.finding_region COLLATE "C") AS rank
          FROM (SELECT v.*, check_state_rank(v.state) AS state_rank,
                       max(coalesce(v.observed_at, 'infinity'))
                           OVER (PARTITION BY v.source, v.recommendation, v.asset, v.uid) AS newest
                FROM unnest(results) v) n
          WHERE coalesce(n.observed_at, 'infinity') = n.newest
          WINDOW finding AS (PARTITION BY n.source, n.recommendation, n.asset)) r
    GROUP BY r.source, r.recommendation, r.asset;
END;
COMMENT ON FUNCTION posture_internal.merge_results(check_result[]) IS
    'returns one finding for the results of a recommendation on an asset: the worst of the newest '
    'of each uid, with the others in its details';

CREATE FUNCTION posture_internal.check_source_item(source text, product text) RETURNS SETOF item
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT NULL::text, NULL::text, 'source', source, NULL::text, NULL::text, NULL::text,
           NULL::timestamptz, NULL::text, NULL::text, NULL::jsonb,
           jsonb_strip_nulls(jsonb_build_object('key', source, 'product', product,
                                                'name', coalesce(product, source)));
END;
COMMENT ON FUNCTION posture_internal.check_source_item(text, text) IS
    'returns the item of the source of a product';

-- An item of a rejected result names its finding, so that a complete delivery does not close it.
CREATE FUNCTION posture_internal.check_error_item(result check_result) RETURNS SETOF item
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT (result).location, CASE WHEN NOT o.is_left_out THEN (result).error END,
           CASE WHEN o.is_left_out THEN 'left_out'
                WHEN (result).source IS NOT NULL THEN 'finding' END,
           (result).source, CASE WHEN (result).source IS NOT NULL THEN (result).recommendation END,
           CASE WHEN (result).source IS NOT NULL THEN (result).asset END,
           NULL::text, NULL::timestamptz, NULL::text, NULL::text, NULL::jsonb, (result).element
    FROM (SELECT (result).state IS NOT DISTINCT FROM 'left_out' AS is_left_out) o
    WHERE (result).error IS NOT NULL;
END;
COMMENT ON FUNCTION posture_internal.check_error_item(check_result) IS
    'returns the item of a result that is left out or can''t be loaded; no row without an error';

-- Products report one asset with several kinds; "other" is taken only if no
-- result names another. Results of vulnerabilities have no recommendation. Names of
-- checks are few, so their keys are looked up once.
CREATE FUNCTION posture_internal.check_item(format text, document jsonb, of_source text)
    RETURNS SETOF item
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH result AS MATERIALIZED (
        SELECT r.* FROM check_results(format, document, of_source) r
    ), shared AS MATERIALIZED (
        SELECT c.*, check_key(c.source, c.provider, c.recommendation,
                              count(*) OVER (PARTITION BY c.source, c.recommendation) > 1) AS key
        FROM (SELECT DISTINCT r.source, r.recommendation, r.provider
              FROM result r WHERE r.error IS NULL AND r.provider IS NOT NULL) c
    ), spread AS MATERIALIZED (
        SELECT s.* FROM asset_spread((SELECT array_agg(d::asset_region)
                                      FROM (SELECT DISTINCT r.asset, r.region, r.finding_region
                                            FROM result r WHERE r.error IS NULL) d)) s
    ), valid AS NOT MATERIALIZED (
        SELECT r.location, r.source, r.product, coalesce(k.key, r.recommendation) AS recommendation,
               r.title, coalesce(s.key, r.asset) AS asset, r.asset_kind, r.asset_name, r.region,
               r.state, r.observed_at, r.uid, r.message, r.compliance, r.details, r.extent,
               s.regions, s.is_account, r.provider, CASE WHEN s.is_reported OR s.is_account
                   AND r.provider IS NULL THEN r.finding_region END AS finding_region
        FROM result r LEFT JOIN shared k USING (source, recommendation, provider)
        LEFT JOIN spread s USING (asset) WHERE r.error IS NULL
    ), asset AS (
        SELECT DISTINCT ON (v.asset COLLATE "C")
               v.asset AS key, v.asset_kind, v.asset_name, v.regions, v.location FROM valid v
        ORDER BY v.asset COLLATE "C", coalesce(v.asset_kind, 'other') = 'other',
                 v.asset_kind COLLATE "C", v.asset_name COLLATE "C", v.region COLLATE "C",
                 octet_length(v.location), v.location COLLATE "C"
    ), recommendation AS (
        SELECT DISTINCT ON (v.source COLLATE "C", v.recommendation COLLATE "C")
               v.recommendation AS key, v.location FROM valid v WHERE v.recommendation IS NOT NULL
        ORDER BY v.source COLLATE "C", v.recommendation COLLATE "C", v.title COLLATE "C",
                 CASE format WHEN 'asff' THEN v.message END COLLATE "C", octet_length(v.location),
                 v.location COLLATE "C"
    ), named AS MATERIALIZED (
        SELECT r.*, e.element AS origin, e.resource AS part
        FROM check_element(format, document, ARRAY(SELECT location FROM asset UNION
                 SELECT location FROM recommendation)) e JOIN result r USING (location)
    ), standard AS (
        SELECT d.source, d.key, check_compliance(
                   d.source, d.key, bool_or(d.product ILIKE 'prowler'), array_agg(d.compliance)
               ) AS compliance
        FROM (SELECT DISTINCT v.source, v.recommendation AS key, v.product, v.compliance
              FROM valid v WHERE v.compliance IS NOT NULL) d GROUP BY d.source, d.key
    ), repeated AS (
        SELECT v.source, v.recommendation, v.asset, count(*) AS n FROM valid v
        WHERE v.recommendation IS NOT NULL GROUP BY v.source, v.recommendation, v.asset
        HAVING count(*) > 1 OR bool_or(v.is_account AND v.provider IS NULL)
    ), finding AS (
        SELECT v.location, v.source, v.recommendation, v.asset, v.state, v.observed_at,
               add_region(v.details, v.finding_region) AS details, ARRAY[v.extent] AS extents
        FROM valid v LEFT JOIN repeated r USING (source, recommendation, asset) WHERE r.n IS NULL
        UNION ALL
        SELECT m.* FROM merge_results(add_known_regions((
            SELECT array_agg(ROW(v.location, NULL, v.source, NULL, v.recommendation, NULL, v.asset,
                NULL, NULL, NULL, v.state, v.observed_at, v.uid, v.message, NULL, v.details, NULL,
                NULL, v.finding_region, NULL, v.provider, v.extent, NULL)::check_result)
            FROM (TABLE valid OFFSET 0) v JOIN repeated USING (source, recommendation, asset)))) m
    )
    SELECT i.*
    FROM (SELECT r.source, min(r.product COLLATE "C") AS product FROM result r
          WHERE r.source IS NOT NULL GROUP BY r.source) s, check_source_item(s.source, s.product) i
    UNION ALL
    SELECT r.location, NULL, 'recommendation', r.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           add_provider(o.object, r.provider) || former_check(r.provider, r.recommendation, r.key)
    FROM (SELECT r.*, c.key FROM recommendation c JOIN named r USING (location) OFFSET 0) r
    LEFT JOIN standard s USING (source, key)
    CROSS JOIN check_recommendation(format, r.key, r.origin, r.part, r.product, s.compliance) o
    UNION ALL
    SELECT r.location, NULL, 'asset', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, o.object
    FROM (SELECT r.*, a.key, a.regions FROM asset a JOIN named r USING (location) OFFSET 0) r
    CROSS JOIN check_asset(format, r.key, r.former_asset, r.asset_kind, r.asset_name,
                           r.origin, r.part, r.region, r.regions) o
    UNION ALL
    SELECT f.location, NULL, 'finding', f.source, f.recommendation, f.asset, f.state, f.observed_at,
           a.asset_kind, a.asset_name, f.details, extent_object(f.extents)
    FROM finding f JOIN asset a ON a.key = f.asset WHERE f.recommendation IS NOT NULL
    UNION ALL
    SELECT i.* FROM vulnerability_result_item((SELECT array_agg(r::check_result) FROM result r
                                               WHERE r.vulnerabilities IS NOT NULL)) i
    UNION ALL
    SELECT i.* FROM result r, check_error_item(r::check_result) i WHERE r.error IS NOT NULL;
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
    'returns the items of an OCSF document: compliance findings, vulnerability findings, '
    'and detection findings that are results of checks';

CREATE FUNCTION posture_internal.asff_item(document jsonb, of_source text) RETURNS SETOF item
    LANGUAGE sql STABLE SET jit = off SET enable_memoize = off SET work_mem = '256MB'
BEGIN ATOMIC
    SELECT i.* FROM check_item('asff', document, of_source) i;
END;
COMMENT ON FUNCTION posture_internal.asff_item(jsonb, text) IS
    'returns the items of an ASFF document: compliance findings of AWS Security Hub '
    'and of the products that send it theirs, and findings of vulnerabilities';
