/*
 * Formats of findings: OCSF and ASFF. A function for each (89_ocsf.sql,
 * 90_asff.sql) tells what an element says of each of its resources; what
 * follows from that is the same for both (91_check_item.sql): a recommendation
 * and an asset once for a document, and one finding for a recommendation on an
 * asset, however many the document has.
 *
 * Documents have 100,000 elements of 3 kB. OFFSET 0 keeps what was taken from
 * an element from being taken again at each use.
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
    resource jsonb
);
COMMENT ON TYPE posture_internal.check_result IS 'what an element of a document says of one resource';
COMMENT ON COLUMN posture_internal.check_result.location IS 'where in the document';
COMMENT ON COLUMN posture_internal.check_result.error IS 'why it can''t be loaded; NULL: it can';
COMMENT ON COLUMN posture_internal.check_result.source IS 'key of the source; NULL: not an element of the format';
COMMENT ON COLUMN posture_internal.check_result.product IS 'name of the product';
COMMENT ON COLUMN posture_internal.check_result.recommendation IS 'key of the recommendation';
COMMENT ON COLUMN posture_internal.check_result.title IS 'title of the recommendation';
COMMENT ON COLUMN posture_internal.check_result.asset IS 'key of the asset';
COMMENT ON COLUMN posture_internal.check_result.asset_kind IS 'kind of the asset';
COMMENT ON COLUMN posture_internal.check_result.asset_name IS 'name of the asset';
COMMENT ON COLUMN posture_internal.check_result.region IS 'region of the asset';
COMMENT ON COLUMN posture_internal.check_result.state IS 'compliant, non_compliant or not_applicable';
COMMENT ON COLUMN posture_internal.check_result.observed_at IS 'when the source saw it';
COMMENT ON COLUMN posture_internal.check_result.uid IS 'the source''s id of the finding';
COMMENT ON COLUMN posture_internal.check_result.message IS 'what the source says of the result';
COMMENT ON COLUMN posture_internal.check_result.compliance IS 'where elements of one recommendation may differ: the standards that they name';
COMMENT ON COLUMN posture_internal.check_result.details IS 'details of the finding';
COMMENT ON COLUMN posture_internal.check_result.element IS 'the element';
COMMENT ON COLUMN posture_internal.check_result.resource IS 'the resource';

-- Findings come as they are, as an answer of an API, or as events on a bus.
CREATE FUNCTION posture_internal.finding_list(page jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(page -> 'Findings') = 'array' THEN 'Findings'
                WHEN jsonb_typeof(page -> 'findings') = 'array' THEN 'findings'
                WHEN jsonb_typeof(page -> 'detail' -> 'findings') = 'array' THEN 'detail.findings' END;
COMMENT ON FUNCTION posture_internal.finding_list(jsonb) IS 'where a page of a document has its list of findings; NULL: it is a finding itself';

CREATE FUNCTION posture_internal.finding_element(document jsonb) RETURNS TABLE (location text, element jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p.location || i.path, i.element
    -- as #> hands it on, it is in memory, and not read from its row at each use
    FROM (SELECT document #> '{}' AS document OFFSET 0) d
    CROSS JOIN LATERAL (
        SELECT s.location, s.page, finding_list(s.page) AS list
        FROM (SELECT '$' AS location, d.document AS page WHERE jsonb_typeof(d.document) <> 'array'
              UNION ALL
              SELECT '$[' || a.n - 1 || ']', a.page
              FROM jsonb_array_elements(CASE jsonb_typeof(d.document) WHEN 'array' THEN d.document END)
                   WITH ORDINALITY a(page, n)) s
        OFFSET 0) p
    CROSS JOIN LATERAL (
        SELECT '' AS path, p.page AS element WHERE p.list IS NULL
        UNION ALL
        SELECT format('.%s[%s]', p.list, l.n - 1), l.element
        FROM jsonb_array_elements(p.page #> string_to_array(p.list, '.')) WITH ORDINALITY l(element, n)
        WHERE p.list IS NOT NULL) i;
END;
COMMENT ON FUNCTION posture_internal.finding_element(jsonb) IS 'the findings of a document: of an array, of Findings, findings or detail.findings, of an array of such pages, or itself';

-- One check may be told for several standards, each time with those of one.
CREATE FUNCTION posture_internal.merged_compliance(given jsonb[]) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT jsonb_object_agg(k.key, CASE WHEN jsonb_typeof(k.least) = 'array' THEN (
                       SELECT jsonb_agg(DISTINCT v.value)
                       FROM unnest(given) o(object),
                            jsonb_array_elements(CASE jsonb_typeof(o.object -> k.key) WHEN 'array' THEN o.object -> k.key END) v(value))
                   ELSE k.least END)
            FROM (SELECT e.key, (array_agg(e.value ORDER BY jsonb_typeof(e.value) <> 'array', e.value))[1] AS least
                  FROM unnest(given) o(object), jsonb_each(o.object) e
                  GROUP BY e.key) k);
COMMENT ON FUNCTION posture_internal.merged_compliance(jsonb[]) IS 'one object of several: an array in it has what the arrays have, another value is the least';
