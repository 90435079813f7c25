/*
 * Results of checks: what formats ocsf and asff have in common. A function for
 * each of them (ocsf_check_results(), asff_check_results()) reads a document and
 * returns a row for each resource of each finding. check_item() makes items of
 * these rows: each recommendation and each asset once, and one finding for a
 * recommendation on an asset, whatever the number of results of it.
 *
 * A document may have 100,000 findings of 3 kB each, so each value of a finding is
 * extracted once, in subqueries with OFFSET 0.
 */

CREATE TYPE posture_internal.check_result AS (
    location text,
    error text,
    source text,
    product text,
    recommendation text,
    title text,
    asset text,
    asset_kind text,
    asset_name text,
    region text,
    state text,
    observed_at timestamptz,
    uid text,
    message text,
    compliance jsonb,
    details jsonb,
    element jsonb,
    resource jsonb,
    finding_region text,
    former_asset text,
    provider text,
    extent text,
    vulnerabilities vulnerability[]
);
COMMENT ON TYPE posture_internal.check_result IS
    'result of a check on one resource, as a document reports it';
COMMENT ON COLUMN posture_internal.check_result.location IS
    'location in the document, a path of jsonpath';
COMMENT ON COLUMN posture_internal.check_result.error IS
    'why the result can''t be loaded, or is not meant to be; NULL if it can';
COMMENT ON COLUMN posture_internal.check_result.source IS
    'key of the source; NULL if the element is not one of the format, or is left out';
COMMENT ON COLUMN posture_internal.check_result.product IS 'name of the product';
COMMENT ON COLUMN posture_internal.check_result.recommendation IS 'key of the recommendation';
COMMENT ON COLUMN posture_internal.check_result.title IS 'title of the recommendation';
COMMENT ON COLUMN posture_internal.check_result.asset IS 'key of the asset';
COMMENT ON COLUMN posture_internal.check_result.asset_kind IS 'kind of the asset';
COMMENT ON COLUMN posture_internal.check_result.asset_name IS 'name of the asset';
COMMENT ON COLUMN posture_internal.check_result.region IS 'region of the asset';
COMMENT ON COLUMN posture_internal.check_result.state IS
    'compliant, non_compliant or not_applicable; left_out if it is not meant to be loaded, or is '
    'of a vulnerability that no longer counts';
COMMENT ON COLUMN posture_internal.check_result.observed_at IS
    'time of the observation by the source';
COMMENT ON COLUMN posture_internal.check_result.uid IS 'id of the finding in the source';
COMMENT ON COLUMN posture_internal.check_result.message IS 'message of the source about the result';
COMMENT ON COLUMN posture_internal.check_result.compliance IS
    'standards and requirements that the finding names; '
    'findings of one recommendation may name different ones';
COMMENT ON COLUMN posture_internal.check_result.details IS 'details of the finding';
COMMENT ON COLUMN posture_internal.check_result.element IS
    'element of the document that the result comes from; why if it is left out';
COMMENT ON COLUMN posture_internal.check_result.resource IS 'resource in that element';
COMMENT ON COLUMN posture_internal.check_result.finding_region IS
    'region that the finding is about; findings of several regions may concern one asset';
COMMENT ON COLUMN posture_internal.check_result.former_asset IS
    'key that earlier versions gave the asset';
COMMENT ON COLUMN posture_internal.check_result.provider IS
    'provider that the check is for, where its product names checks within a provider; '
    'NULL: names are unique';
COMMENT ON COLUMN posture_internal.check_result.extent IS
    'extent that reports it, such as an account; NULL if its key is too long';
COMMENT ON COLUMN posture_internal.check_result.vulnerabilities IS
    'what was found; NULL: the result is of a check';

-- A document is a list of findings, the answer of an API, or an event on a bus.
CREATE FUNCTION posture_internal.finding_list_path(page jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(page -> 'Findings') = 'array' THEN 'Findings'
                WHEN jsonb_typeof(page -> 'findings') = 'array' THEN 'findings'
                WHEN jsonb_typeof(page -> 'detail' -> 'findings') = 'array'
                THEN 'detail.findings' END;
COMMENT ON FUNCTION posture_internal.finding_list_path(jsonb) IS
    'returns the path of the list of findings in a page of a document; '
    'NULL if the page is a finding itself';

CREATE FUNCTION posture_internal.finding_element(document jsonb)
    RETURNS TABLE (location text, element jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p.location || i.path, i.element
    -- "#>" returns a copy in memory. A document in a row of a table would be
    -- decompressed again at each use.
    FROM (SELECT document #> '{}' AS document OFFSET 0) d
    CROSS JOIN LATERAL (
        SELECT s.location, s.page, finding_list_path(s.page) AS list
        FROM document_page(d.document) s
        OFFSET 0) p
    CROSS JOIN LATERAL (
        SELECT '' AS path, p.page AS element WHERE p.list IS NULL
        UNION ALL
        SELECT format('.%s[%s]', p.list, n), l.elements -> n
        FROM (SELECT p.page #> string_to_array(p.list, '.') AS elements
              WHERE p.list IS NOT NULL OFFSET 0) l
        CROSS JOIN LATERAL json_position(l.elements) n) i;
END;
COMMENT ON FUNCTION posture_internal.finding_element(jsonb) IS
    'returns the findings of a document, which is an array of findings, '
    'an object with Findings, findings or detail.findings, an array of such objects, '
    'or a finding itself';

CREATE FUNCTION posture_internal.element_location(location text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN substring(location FROM '^[$](?:[[]\d+[]])?'
                                   '(?:[.](?:Findings|findings|detail[.]findings)[[]\d+[]])?');
COMMENT ON FUNCTION posture_internal.element_location(text) IS
    'returns the location of the finding that a resource is of, from the location of the resource';

CREATE FUNCTION posture_internal.location_path(location text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN string_to_array(ltrim(translate(location, '[]$', '.'), '.'), '.');
COMMENT ON FUNCTION posture_internal.location_path(text) IS
    'returns the path, as for #>, of the location of a finding or of its resource';

CREATE FUNCTION posture_internal.check_source(product text, vendor text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN lower(product) = 'prowler' THEN 'prowler'
                WHEN product ~* '^((aws|amazon) )?security ?hub( cspm)?$' THEN 'security-hub'
                ELSE coalesce(source_key(product), source_key(vendor), 'ocsf') END;
COMMENT ON FUNCTION posture_internal.check_source(text, text) IS
    'returns the key of the source for the names of a product and its vendor';

-- A product may report the same check once for each standard, and name only that
-- standard in each report.
CREATE FUNCTION posture_internal.merge_compliance(objects jsonb[]) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT jsonb_object_agg(k.key, CASE WHEN jsonb_typeof(k.first_value) = 'array' THEN (
                       SELECT jsonb_agg(DISTINCT v.value)
                       FROM unnest(objects) o(object),
                            jsonb_array_elements(CASE jsonb_typeof(o.object -> k.key)
                                                 WHEN 'array' THEN o.object -> k.key END) v(value))
                   ELSE k.first_value END)
            FROM (SELECT e.key,
                         (array_agg(e.value ORDER BY jsonb_typeof(e.value) <> 'array', e.value))[1]
                             AS first_value
                  FROM unnest(objects) o(object), jsonb_each(o.object) e
                  GROUP BY e.key) k);
COMMENT ON FUNCTION posture_internal.merge_compliance(jsonb[]) IS
    'returns one object with the keys of several; the arrays of a key are united, '
    'and of other values the smallest is taken';
