/*
 * Formats of findings: OCSF and ASFF. A function for each tells what an
 * element says of each of its resources; what follows from that is the same
 * for both: a recommendation and an asset once for a document, and one finding
 * for a recommendation on an asset, however many the document has.
 *
 * Documents have 100,000 elements of 3 kB. OFFSET 0 keeps what was taken from
 * an element from being taken again at each use.
 */

CREATE TYPE posture.check_result AS (
    location text,
    fault text,
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
COMMENT ON TYPE posture.check_result IS 'what an element of a document says of one resource';
COMMENT ON COLUMN posture.check_result.location IS 'where in the document';
COMMENT ON COLUMN posture.check_result.fault IS 'why it can''t be loaded; NULL: it can';
COMMENT ON COLUMN posture.check_result.source IS 'key of the source; NULL: nothing of the format';
COMMENT ON COLUMN posture.check_result.product IS 'name of the product';
COMMENT ON COLUMN posture.check_result.recommendation IS 'key of the recommendation';
COMMENT ON COLUMN posture.check_result.title IS 'title of the recommendation';
COMMENT ON COLUMN posture.check_result.asset IS 'key of the asset';
COMMENT ON COLUMN posture.check_result.asset_kind IS 'kind of the asset';
COMMENT ON COLUMN posture.check_result.asset_name IS 'name of the asset';
COMMENT ON COLUMN posture.check_result.region IS 'region of the asset';
COMMENT ON COLUMN posture.check_result.state IS 'compliant, non_compliant or not_applicable';
COMMENT ON COLUMN posture.check_result.observed_at IS 'when the source saw it';
COMMENT ON COLUMN posture.check_result.uid IS 'the source''s id of the finding';
COMMENT ON COLUMN posture.check_result.message IS 'what the source says of the result';
COMMENT ON COLUMN posture.check_result.compliance IS 'where elements of one recommendation may differ: the standards that they name';
COMMENT ON COLUMN posture.check_result.details IS 'details of the finding';
COMMENT ON COLUMN posture.check_result.element IS 'the element';
COMMENT ON COLUMN posture.check_result.resource IS 'the resource';

-- Findings come as they are, as an answer of an API, or as events on a bus.
CREATE FUNCTION posture.finding_list(page jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(page -> 'Findings') = 'array' THEN 'Findings'
                WHEN jsonb_typeof(page -> 'findings') = 'array' THEN 'findings'
                WHEN jsonb_typeof(page -> 'detail' -> 'findings') = 'array' THEN 'detail.findings' END;
COMMENT ON FUNCTION posture.finding_list(jsonb) IS 'where a page of a document has its list of findings; NULL: it is a finding itself';

CREATE FUNCTION posture.finding_element(document jsonb) RETURNS TABLE (location text, element jsonb)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p.location || i.path, i.element
    -- as #> hands it on, it is in memory, and not read from its row at each use
    FROM (SELECT document #> '{}' AS document OFFSET 0) d
    CROSS JOIN LATERAL (
        SELECT s.location, s.page, posture.finding_list(s.page) AS list
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
COMMENT ON FUNCTION posture.finding_element(jsonb) IS 'the findings of a document: of an array, of Findings, findings or detail.findings, of an array of such pages, or itself';

CREATE FUNCTION posture.said(value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(value) IN ('string', 'number', 'boolean')
           THEN nullif(btrim(value #>> '{}', E' \t\r\n'), '') END;
COMMENT ON FUNCTION posture.said(jsonb) IS 'a string, number or boolean as text; NULL: none, or empty';

CREATE FUNCTION posture.text_of(object jsonb, key text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(object ->> key, '');
COMMENT ON FUNCTION posture.text_of(jsonb, text) IS 'what an object has under a key, as text whatever it is; NULL: nothing, or empty';

CREATE FUNCTION posture.without_empty(object jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT jsonb_object_agg(e.key, e.value)
            FROM jsonb_each(CASE jsonb_typeof(object) WHEN 'object' THEN object END) e
            WHERE e.value NOT IN ('null', '""', '[]', '{}'));
COMMENT ON FUNCTION posture.without_empty(jsonb) IS 'an object without what is null or empty in it; NULL: nothing is left';

CREATE FUNCTION posture.filled(value jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(nullif(nullif(value, '""'), '[]'), '{}');
COMMENT ON FUNCTION posture.filled(jsonb) IS 'a value of a document; NULL: none, or empty';

CREATE FUNCTION posture.not_object(value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(value) WHEN 'object' THEN NULL
                WHEN 'null' THEN 'expected an object, found null'
                WHEN 'array' THEN 'expected an object, found an array'
                ELSE 'expected an object, found a ' || jsonb_typeof(value) END;
COMMENT ON FUNCTION posture.not_object(jsonb) IS 'that something is no object, and what it is; NULL: it is one';

-- all days but those that only some months have: the few that are left, and
-- what is no time at all, cost more to read
CREATE FUNCTION posture.finding_time(value text) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN value ~ '^(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-](0\d|1[0-4]):[0-5]\d)$'
                THEN value::timestamptz ELSE posture.moment(value) END;
COMMENT ON FUNCTION posture.finding_time(text) IS 'a time as ISO 8601 writes it, of UTC where it names no zone; NULL: it is no time';

-- One check may be told for several standards, each time with those of one.
CREATE FUNCTION posture.merged_compliance(told jsonb[]) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT jsonb_object_agg(k.key, CASE WHEN jsonb_typeof(k.least) = 'array' THEN (
                       SELECT jsonb_agg(DISTINCT v.value)
                       FROM unnest(told) o(object),
                            jsonb_array_elements(CASE jsonb_typeof(o.object -> k.key) WHEN 'array' THEN o.object -> k.key END) v(value))
                   ELSE k.least END)
            FROM (SELECT e.key, (array_agg(e.value ORDER BY jsonb_typeof(e.value) <> 'array', e.value))[1] AS least
                  FROM unnest(told) o(object), jsonb_each(o.object) e
                  GROUP BY e.key) k);
COMMENT ON FUNCTION posture.merged_compliance(jsonb[]) IS 'one object of several: an array in it has what the arrays have, another value is the least';

/*
 * OCSF: compliance findings (class 2003) and detection findings that tell the
 * result of a check (class 2004, as Prowler writes it).
 */

CREATE FUNCTION posture.ocsf_source(name text, vendor text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN lower(name) = 'prowler' THEN 'prowler'
                WHEN name ~* '^((aws|amazon) )?security ?hub( cspm)?$' THEN 'security-hub'
                ELSE coalesce(posture.source_key(name), posture.source_key(vendor), 'ocsf') END;
COMMENT ON FUNCTION posture.ocsf_source(text, text) IS 'key of a source by the names of a product and of its vendor';

-- A warning is by the schema a check without a result, for want of information.
CREATE FUNCTION posture.ocsf_result(result text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE lower(replace(left(result, 40), ' ', '_'))
        WHEN 'pass' THEN 'compliant' WHEN 'passed' THEN 'compliant' WHEN 'compliant' THEN 'compliant'
        WHEN 'fail' THEN 'non_compliant' WHEN 'failed' THEN 'non_compliant' WHEN 'non_compliant' THEN 'non_compliant'
        WHEN 'noncompliant' THEN 'non_compliant'
        WHEN 'warning' THEN 'not_applicable' WHEN 'manual' THEN 'not_applicable' WHEN 'muted' THEN 'not_applicable'
        WHEN 'info' THEN 'not_applicable' WHEN 'unknown' THEN 'not_applicable' WHEN 'other' THEN 'not_applicable'
        WHEN 'not_available' THEN 'not_applicable' WHEN 'not_applicable' THEN 'not_applicable'
    END;
COMMENT ON FUNCTION posture.ocsf_result(text) IS 'the state that the name of a result means; NULL: not known';

-- The id is the normalized one, so it goes before the name.
CREATE FUNCTION posture.ocsf_state(status_id text, status text, status_code text, other_code text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE status_id WHEN '1' THEN 'compliant' WHEN '2' THEN 'not_applicable' WHEN '3' THEN 'non_compliant'
           ELSE coalesce(posture.ocsf_result(status), posture.ocsf_result(status_code), posture.ocsf_result(other_code),
                         CASE WHEN status_id IN ('0', '99') THEN 'not_applicable' END) END;
COMMENT ON FUNCTION posture.ocsf_state(text, text, text, text) IS 'the state by compliance.status_id, compliance.status or a status_code; NULL: none of them tells';

-- A host may be told as the device, an account by the cloud alone.
CREATE FUNCTION posture.ocsf_resource(element jsonb, resources jsonb) RETURNS TABLE (path text, resource jsonb)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT '.resources[0]', resources -> 0
    WHERE jsonb_typeof(resources) = 'array' AND resources -> 0 IS NOT NULL
    UNION ALL
    SELECT '.resources[' || n || ']', resources -> n
    FROM generate_series(1, CASE jsonb_typeof(resources) WHEN 'array' THEN jsonb_array_length(resources) END - 1) n
    WHERE jsonb_typeof(resources) = 'array' AND resources -> 1 IS NOT NULL
    UNION ALL
    SELECT CASE WHEN jsonb_typeof(resources) = 'object' THEN '.resources'
                WHEN jsonb_typeof(element -> 'resource') = 'object' THEN '.resource'
                WHEN jsonb_typeof(element -> 'device') = 'object' THEN '.device'
                WHEN posture.said(element -> 'cloud' -> 'account' -> 'uid') IS NOT NULL THEN '.cloud.account'
                ELSE '' END,
           CASE WHEN jsonb_typeof(resources) = 'object' THEN resources
                WHEN jsonb_typeof(element -> 'resource') = 'object' THEN element -> 'resource'
                WHEN jsonb_typeof(element -> 'device') = 'object' THEN '{"type": "device"}' || (element -> 'device')
                WHEN posture.said(element -> 'cloud' -> 'account' -> 'uid') IS NOT NULL
                    THEN '{"type": "account"}' || (element -> 'cloud' -> 'account') END
    WHERE coalesce(jsonb_typeof(resources) <> 'array' OR resources = '[]', true);
END;
COMMENT ON FUNCTION posture.ocsf_resource(jsonb, jsonb) IS 'what an event of OCSF is about: its resources, else its device, else its cloud account; resource is NULL where there is none';

-- what Prowler doesn't write of a finding
CREATE FUNCTION posture.ocsf_more_details(element jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'labels', nullif(element -> 'metadata' -> 'labels', '[]'),
        'unmapped', CASE WHEN jsonb_typeof(element -> 'unmapped') = 'object'
                    THEN nullif((element -> 'unmapped') - 'compliance', '{}') END,
        'compliance', CASE WHEN jsonb_typeof(element -> 'compliance') = 'object'
                      THEN nullif((element -> 'compliance') - '{control,requirements,standards,compliance_references,compliance_standards,category,desc,status_id}'::text[], '{}') END,
        'finding_info', CASE WHEN jsonb_typeof(element -> 'finding_info') = 'object'
                        THEN nullif((element -> 'finding_info') - '{uid,title,desc,types,analytic,product,product_uid,name,created_time,created_time_dt,modified_time,modified_time_dt,first_seen_time,first_seen_time_dt,last_seen_time,last_seen_time_dt}'::text[], '{}') END));
COMMENT ON FUNCTION posture.ocsf_more_details(jsonb) IS 'details of a finding of OCSF from where it tells more of its recommendation than of itself';

CREATE FUNCTION posture.ocsf_compliance(compliance jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(jsonb_strip_nulls(jsonb_build_object(
        'control', compliance -> 'control', 'requirements', compliance -> 'requirements',
        'standards', compliance -> 'standards', 'category', compliance -> 'category',
        'compliance_references', compliance -> 'compliance_references',
        'compliance_standards', compliance -> 'compliance_standards')), '{}');
COMMENT ON FUNCTION posture.ocsf_compliance(jsonb) IS 'what compliance of OCSF says of the recommendation';

CREATE FUNCTION posture.ocsf_details(element jsonb, data jsonb, is_prowler boolean, message text, more jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(
        CASE WHEN message IS NULL THEN '{}' ELSE jsonb_build_object('message', message) END
        || coalesce(more, '{}')
        || CASE WHEN is_prowler THEN '{}' ELSE posture.ocsf_more_details(element) END
        -- what no other place takes
        || (element - '{message,status_detail,status,status_id,status_code,activity_id,activity_name,metadata,unmapped,compliance,finding_info,severity,severity_id,resources,resource,cloud,remediation,risk_details,class_uid,class_name,category_uid,category_name,type_uid,type_name,time,time_dt,event_time,start_time,start_time_dt,end_time,end_time_dt,timezone_offset}'::text[])
        || CASE WHEN data IS NULL OR data IN ('null', '""', '{}', '{"details": ""}', '{"details": "", "metadata": {}}')
                THEN '{}' ELSE jsonb_build_object('data', data) END,
        '{}');
COMMENT ON FUNCTION posture.ocsf_details(jsonb, jsonb, boolean, text, jsonb) IS 'details of a finding of OCSF: what is not of its recommendation or asset, without times and ids of one scan';

CREATE FUNCTION posture.ocsf_result_of(document jsonb, of_source text) RETURNS SETOF posture.check_result
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.location || CASE WHEN f.fault IS NULL THEN coalesce(r.path, '') ELSE '' END,
           coalesce(f.fault, a.fault),
           CASE WHEN jsonb_typeof(e.element) = 'object' AND o.class IS NOT NULL
                THEN coalesce(of_source, posture.ocsf_source(o.product, o.vendor)) END,
           coalesce(o.product, o.vendor), k.recommendation, o.title, coalesce(a.uid, a.qualified),
           lower(posture.text_of(r.resource, 'type')), a.name, a.region, k.state, k.observed_at,
           coalesce(o.uid, e.location), o.message, c.compliance,
           CASE WHEN coalesce(f.fault, a.fault) IS NULL
                THEN posture.ocsf_details(w.element, a.data, o.is_prowler, o.message, k.more) END,
           CASE WHEN a.fault IS NULL OR w.element ? 'resources' THEN w.element
                ELSE w.element || jsonb_build_object('resources', jsonb_build_array(r.resource)) END,
           r.resource
    FROM posture.finding_element(document) e
    CROSS JOIN LATERAL (
        SELECT e.element -> 'metadata' AS metadata, e.element -> 'metadata' -> 'product' AS product,
               e.element -> 'compliance' AS compliance, e.element -> 'finding_info' AS info, e.element -> 'cloud' AS cloud,
               e.element -> 'resources' AS resources
        OFFSET 0) p
    CROSS JOIN LATERAL (
        SELECT posture.text_of(e.element, 'class_uid') AS class,
               posture.text_of(p.product, 'name') AS product,
               posture.text_of(p.product, 'vendor_name') AS vendor,
               coalesce(p.product ->> 'name' ILIKE 'prowler', false) AS is_prowler,
               posture.said(p.metadata -> 'event_code') AS event_code,
               posture.text_of(e.element, 'status_code') AS status_code,
               CASE e.element ->> 'status_id' WHEN '3' THEN 'Suppressed' WHEN '4' THEN 'Resolved' WHEN '5' THEN 'Archived'
                   WHEN '6' THEN 'Deleted' ELSE posture.text_of(e.element, 'status') END AS status,
               CASE e.element ->> 'activity_id' WHEN '3' THEN 'Close' ELSE posture.text_of(e.element, 'activity_name') END AS activity,
               coalesce(posture.text_of(e.element, 'message'), posture.text_of(e.element, 'status_detail'),
                        posture.text_of(p.compliance, 'status_detail')) AS message,
               posture.text_of(e.element, 'status_detail') AS status_detail,
               posture.text_of(p.info, 'title') AS title,
               posture.text_of(p.info, 'uid') AS uid,
               posture.text_of(p.cloud -> 'account', 'uid') AS account,
               posture.text_of(p.cloud, 'region') AS region,
               e.element -> 'time' AS "time"
        OFFSET 0) o
    CROSS JOIN LATERAL (
        SELECT posture.text_of(p.compliance, 'status_id') AS status_id,
               posture.text_of(p.compliance, 'status') AS status,
               posture.text_of(p.compliance, 'status_code') AS status_code,
               CASE WHEN jsonb_typeof(p.compliance) = 'object' THEN posture.ocsf_compliance(p.compliance) END AS compliance
        OFFSET 0) c
    CROSS JOIN LATERAL (
        SELECT CASE WHEN o.class = '2003' AND NOT o.is_prowler
                    THEN coalesce(posture.said(p.compliance -> 'control'),
                                  CASE WHEN p.compliance -> 'checks' -> 1 IS NULL THEN posture.said(p.compliance -> 'checks' -> 0 -> 'uid') END,
                                  posture.said(p.info -> 'analytic' -> 'uid'), o.event_code,
                                  posture.said(p.info -> 'analytic' -> 'name'), o.title)
                    ELSE coalesce(o.event_code, posture.said(p.info -> 'analytic' -> 'uid'), posture.said(p.compliance -> 'control'),
                                  posture.said(p.info -> 'analytic' -> 'name'), o.title) END AS recommendation,
               CASE WHEN o.class = '2003' THEN coalesce(c.status, o.status_code, c.status_code, c.status_id)
                    ELSE coalesce(o.status_code, c.status, c.status_code, c.status_id) END AS result,
               CASE WHEN o.class = '2003' THEN posture.ocsf_state(c.status_id, c.status, o.status_code, c.status_code)
                    WHEN o.status_code IS NOT NULL THEN posture.ocsf_state(NULL, NULL, o.status_code, NULL)
                    ELSE posture.ocsf_state(c.status_id, c.status, c.status_code, NULL) END AS told,
               coalesce(CASE jsonb_typeof(o.time) WHEN 'number' THEN posture.moment(o.time::numeric)
                                                  WHEN 'string' THEN posture.finding_time(o.time #>> '{}') END,
                        posture.finding_time(posture.text_of(e.element, 'time_dt')),
                        posture.finding_time(posture.text_of(e.element, 'event_time')),
                        posture.finding_time(posture.text_of(p.info, 'modified_time_dt')),
                        posture.finding_time(posture.text_of(p.info, 'created_time_dt'))) AS observed_at
        OFFSET 0) s
    CROSS JOIN LATERAL (
        SELECT s.recommendation, s.observed_at, s.result,
               CASE WHEN s.told = 'not_applicable' OR o.status <> 'New' OR o.activity = 'Close' OR o.status_detail <> o.message
                    THEN jsonb_strip_nulls(jsonb_build_object(
                             'status_detail', nullif(o.status_detail, o.message),
                             'result', CASE WHEN s.told = 'not_applicable' OR lower(o.status) IN ('suppressed', 'archived', 'deleted') OR o.activity = 'Close'
                                       THEN s.result END,
                             'status', nullif(o.status, 'New'),
                             'activity', CASE WHEN o.activity = 'Close' THEN o.activity END)) END AS more,
               -- a finding that was closed no longer tells of a failure; one that a person
               -- calls resolved fails until the check says otherwise
               CASE WHEN lower(o.status) IN ('suppressed', 'archived', 'deleted') THEN 'not_applicable'
                    WHEN o.activity = 'Close' AND s.told = 'non_compliant' THEN 'not_applicable'
                    WHEN s.result IS NULL AND (o.activity = 'Close' OR lower(o.status) = 'resolved') THEN 'compliant'
                    ELSE s.told END AS state
        OFFSET 0) k
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN jsonb_typeof(e.element) <> 'object' THEN posture.not_object(e.element)
            WHEN o.class IS NULL THEN 'no class_uid: not an OCSF event'
            WHEN o.class NOT IN ('2003', '2004') THEN
                format('class_uid %s%s is not a compliance or detection finding', left(o.class, 20),
                       ' (' || left(posture.text_of(e.element, 'class_name'), 60) || ')')
            WHEN k.state IS NULL AND k.result IS NULL THEN
                CASE o.class WHEN '2003' THEN 'missing compliance.status_id' ELSE 'missing status_code: not the result of a check' END
            WHEN k.state IS NULL THEN
                format('unknown %s "%s"', CASE WHEN o.class = '2003' OR o.status_code IS NULL THEN 'compliance.status' ELSE 'status_code' END,
                       left(k.result, 100))
            WHEN k.recommendation IS NULL THEN
                CASE o.class WHEN '2003' THEN 'missing compliance.control' ELSE 'missing metadata.event_code' END
            WHEN k.observed_at IS NULL AND jsonb_typeof(o.time) <> 'null' THEN
                format('time %s is no time', left(o.time::text, 40)) END AS fault
        OFFSET 0) f
    CROSS JOIN LATERAL (
        -- with all its resources for each of them it would grow with their square
        SELECT CASE WHEN f.fault IS NULL AND p.resources -> 1 IS NOT NULL AND jsonb_typeof(p.resources) = 'array'
                    THEN e.element - 'resources' ELSE e.element END AS element
        OFFSET 0) w
    LEFT JOIN LATERAL posture.ocsf_resource(e.element, p.resources) r ON f.fault IS NULL
    CROSS JOIN LATERAL (
        SELECT i.uid, i.name, i.region, i.data,
               CASE WHEN i.name IS NOT NULL THEN concat_ws('/', o.account, i.region, i.namespace, i.name) END AS qualified,
               CASE WHEN f.fault IS NOT NULL THEN NULL
                    WHEN r.resource IS NULL THEN 'missing resources'
                    WHEN jsonb_typeof(r.resource) <> 'object' THEN substr(r.path, 2) || ': ' || posture.not_object(r.resource)
                    WHEN i.uid IS NULL AND i.name IS NULL THEN 'missing ' || substr(r.path, 2) || '.uid' END AS fault
        FROM (SELECT posture.said(r.resource -> 'uid') AS uid,
                     coalesce(posture.said(r.resource -> 'name'), posture.said(r.resource -> 'hostname')) AS name,
                     coalesce(posture.text_of(r.resource, 'region'), o.region) AS region,
                     posture.text_of(r.resource, 'namespace') AS namespace,
                     r.resource -> 'data' AS data
              OFFSET 0) i
        OFFSET 0) a;
END;
COMMENT ON FUNCTION posture.ocsf_result_of(jsonb, text) IS 'what a document of OCSF says of each resource of each of its findings';

CREATE FUNCTION posture.ocsf_severity(severity_id text, severity text) RETURNS posture.importance
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE severity_id WHEN '1' THEN 'low' WHEN '2' THEN 'low' WHEN '3' THEN 'medium' WHEN '4' THEN 'high' WHEN '5' THEN 'critical'
               WHEN '6' THEN 'critical' ELSE posture.severity(severity) END;
COMMENT ON FUNCTION posture.ocsf_severity(text, text) IS 'a severity of OCSF, by its id, else by its name; NULL: not known';

-- the arguments are parts of the element: the finding's info, its remediation, what is unmapped of it
CREATE FUNCTION posture.ocsf_recommendation(
    key text, element jsonb, info jsonb, remedy jsonb, unmapped jsonb, is_prowler boolean,
    severity posture.importance, service jsonb, compliance jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'key', key, 'title', coalesce(posture.text_of(info, 'title'), key),
        'description', coalesce(posture.text_of(info, 'desc'), posture.text_of(element -> 'compliance', 'desc')),
        'remediation', posture.text_of(remedy, 'desc'),
        'markup', posture.markup(concat_ws(E'\n', coalesce(info ->> 'desc', element -> 'compliance' ->> 'desc'), remedy ->> 'desc'),
                                 CASE WHEN is_prowler THEN 'markdown' ELSE 'plain' END),
        'severity', severity,
        'workload', CASE WHEN is_prowler THEN posture.text_of(service, 'name') END,
        'manage_url', jsonb_path_query_first(remedy -> 'references', '$[*] ? (@ like_regex "^https?://" flag "i")'),
        'details', nullif(
            CASE WHEN is_prowler AND jsonb_typeof(unmapped) = 'object' THEN
                jsonb_strip_nulls(jsonb_build_object(
                    'related_url', posture.text_of(unmapped, 'related_url'), 'notes', posture.text_of(unmapped, 'notes'),
                    'check_type', posture.text_of(unmapped, 'check_type'), 'categories', posture.filled(unmapped -> 'categories'),
                    'depends_on', posture.filled(unmapped -> 'depends_on'), 'related_to', posture.filled(unmapped -> 'related_to'),
                    'additional_urls', posture.filled(unmapped -> 'additional_urls')))
                || (unmapped - '{related_url,notes,check_type,categories,depends_on,related_to,additional_urls,compliance}'::text[])
            ELSE '{}' END
            || jsonb_strip_nulls(jsonb_build_object(
                'severity', nullif(lower(posture.text_of(element, 'severity')), severity::text),
                'risk', posture.text_of(element, 'risk_details'),
                'references', posture.filled(remedy -> 'references'),
                'remediation', CASE WHEN jsonb_typeof(remedy) = 'object' THEN posture.filled(remedy - '{desc,references}'::text[]) END,
                'types', posture.filled(info -> 'types'),
                'analytic', posture.filled(info -> 'analytic'),
                'feature', posture.filled(element -> 'metadata' -> 'product' -> 'feature'),
                'compliance', posture.filled(coalesce(compliance, '{}') || CASE jsonb_typeof(unmapped -> 'compliance')
                              WHEN 'object' THEN unmapped -> 'compliance' ELSE '{}' END))), '{}')));
COMMENT ON FUNCTION posture.ocsf_recommendation(text, jsonb, jsonb, jsonb, jsonb, boolean, posture.importance, jsonb, jsonb) IS 'the recommendation that a finding of OCSF tells, as an object of format posture';

CREATE FUNCTION posture.ocsf_tags(element jsonb, cloud jsonb, account jsonb, resource jsonb, region text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object(
            'account', posture.text_of(account, 'uid'),
            'account_name', posture.text_of(account, 'name'),
            'account_labels', nullif(account -> 'labels', '[]'),
            'account_tags', nullif(account -> 'tags', '[]'),
            'org', posture.text_of(cloud -> 'org', 'uid'),
            'org_name', posture.text_of(cloud -> 'org', 'name'),
            'org_unit', posture.text_of(cloud -> 'org', 'ou_name'),
            'tenant', posture.text_of(element -> 'metadata', 'tenant_uid'),
            'project', posture.text_of(cloud, 'project_uid'),
            'provider', posture.text_of(cloud, 'provider'),
            'partition', coalesce(posture.text_of(resource, 'cloud_partition'), posture.text_of(cloud, 'cloud_partition')),
            'region', region,
            'namespace', posture.text_of(resource, 'namespace'),
            'labels', nullif(resource -> 'labels', '[]'),
            'tags', nullif(nullif(resource -> 'tags', '[]'), '{}'),
            'group', CASE WHEN element -> 'metadata' -> 'product' ->> 'name' ILIKE 'prowler' THEN NULL ELSE nullif(resource -> 'group', '{}') END))
        || (resource - '{uid,name,type,type_id,region,namespace,labels,tags,group,data,cloud_partition,created_time,created_time_dt,modified_time,modified_time_dt,first_seen_time,first_seen_time_dt,last_seen_time,last_seen_time_dt,boot_time,boot_time_dt}'::text[]);
COMMENT ON FUNCTION posture.ocsf_tags(jsonb, jsonb, jsonb, jsonb, text) IS 'tags of the asset that a finding of OCSF is about';

/*
 * ASFF: findings of AWS Security Hub, its own and those that products send it.
 */

-- Products call themselves in several places; a product that was not made for
-- Security Hub is its product "default" (company "Personal").
CREATE FUNCTION posture.asff_product(element jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(posture.said(element -> 'ProductFields' -> 'ProviderName'),
                    nullif(posture.said(element -> 'ProductName'), 'Default'),
                    nullif(posture.said(element -> 'ProductFields' -> 'aws/securityhub/ProductName'), 'Default'),
                    nullif(substring(posture.said(element -> 'ProductArn') FROM ':product/[^/]+/([^/]+)$'), 'default'),
                    nullif(posture.said(element -> 'CompanyName'), 'Personal'));
COMMENT ON FUNCTION posture.asff_product(jsonb) IS 'name of the product that sent a finding of ASFF; NULL: it has none of its own';

-- Security Hub's own control is the last part where it has a letter (S3.1);
-- a bare number (1.3) is one only within its ruleset.
CREATE FUNCTION posture.asff_control(generator text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN generator ~ '^(security-control|[^/]+/v/[^/]+)/[^/]*[A-Za-z][^/]*$' THEN substring(generator FROM '[^/]+$')
        WHEN generator ~ ':ruleset/.*/rule/[^/]*[A-Za-z][^/]*$' THEN substring(generator FROM '[^/]+$')
        WHEN generator ~ '^arn:[^/]*:ruleset/.' THEN substring(generator FROM ':ruleset/(.*)$')
        WHEN generator ~ '^prowler-.' THEN substr(generator, 9)
        ELSE generator END;
COMMENT ON FUNCTION posture.asff_control(text) IS 'the control that a GeneratorId of ASFF names; all of it where it has no known form';

-- WARNING is a check that could not tell: Security Hub takes it for a control
-- of unknown status, and Prowler writes it of a finding that was muted.
CREATE FUNCTION posture.asff_state(status text, record_state text, workflow text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN status NOT IN ('PASSED', 'FAILED', 'WARNING', 'NOT_AVAILABLE') THEN NULL
                WHEN record_state = 'ARCHIVED' OR workflow = 'SUPPRESSED' THEN 'not_applicable'
                WHEN status = 'PASSED' THEN 'compliant'
                WHEN status = 'FAILED' THEN 'non_compliant'
                WHEN status IS NOT NULL THEN 'not_applicable' END;
COMMENT ON FUNCTION posture.asff_state(text, text, text) IS 'the state by Compliance.Status, unless the finding was archived or suppressed; NULL: not known';

CREATE FUNCTION posture.asff_details(element jsonb, resource jsonb, message text, state text, workflow text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(
        jsonb_strip_nulls(jsonb_build_object(
            'message', message,
            'status', CASE WHEN state = 'not_applicable' THEN element -> 'Compliance' -> 'Status' END,
            'status_reasons', element -> 'Compliance' -> 'StatusReasons',
            'parameters', element -> 'Compliance' -> 'SecurityControlParameters',
            'record_state', nullif(posture.said(element -> 'RecordState'), 'ACTIVE'),
            'workflow', nullif(workflow, 'NEW'),
            'role', resource -> 'ResourceRole',
            'product_fields', CASE WHEN jsonb_typeof(element -> 'ProductFields') = 'object'
                              THEN nullif((element -> 'ProductFields') - '{ProviderName,ProviderVersion,aws/securityhub/FindingId,aws/securityhub/ProductName,aws/securityhub/CompanyName,aws/securityhub/SeverityLabel,aws/securityhub/annotation}'::text[], '{}') END,
            'provider_fields', CASE WHEN jsonb_typeof(element -> 'FindingProviderFields') = 'object'
                               THEN nullif(CASE WHEN element -> 'FindingProviderFields' -> 'Types' = element -> 'Types'
                                                THEN (element -> 'FindingProviderFields') - '{Severity,Types}'::text[]
                                                ELSE (element -> 'FindingProviderFields') - 'Severity' END, '{}') END))
        -- what no other place takes
        || (element - '{SchemaVersion,Id,ProductArn,ProductName,CompanyName,Region,GeneratorId,AwsAccountId,AwsAccountName,Types,FirstObservedAt,LastObservedAt,CreatedAt,UpdatedAt,ProcessedAt,Severity,Title,Description,Remediation,Resources,Compliance,Workflow,WorkflowState,RecordState,ProductFields,FindingProviderFields}'::text[])
        || CASE WHEN resource -> 'Details' IN ('null', '{}') OR NOT resource ? 'Details'
                THEN '{}' ELSE jsonb_build_object('details', resource -> 'Details') END
        || CASE WHEN resource ? 'DataClassification' THEN jsonb_build_object('data_classification', resource -> 'DataClassification') ELSE '{}' END,
        '{}');
COMMENT ON FUNCTION posture.asff_details(jsonb, jsonb, text, text, text) IS 'details of a finding of ASFF: what is not of its recommendation or asset, without times and ids of one scan';

CREATE FUNCTION posture.asff_result_of(document jsonb, of_source text) RETURNS SETOF posture.check_result
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.location || CASE WHEN f.fault IS NULL THEN '.Resources[' || r.n || ']' ELSE '' END,
           coalesce(f.fault, a.fault),
           CASE WHEN o.is_finding THEN coalesce(of_source, o.source) END,
           o.product, o.recommendation, o.title, a.asset,
           lower(posture.said(r.resource -> 'Type')), NULL, a.region, k.state, k.observed_at,
           coalesce(o.uid, e.location), k.message, c.compliance,
           CASE WHEN coalesce(f.fault, a.fault) IS NULL THEN posture.asff_details(w.element, r.resource, k.message, k.state, c.workflow) END,
           CASE WHEN a.fault IS NULL OR w.element ? 'Resources' THEN w.element
                ELSE w.element || jsonb_build_object('Resources', jsonb_build_array(r.resource)) END,
           r.resource
    FROM posture.finding_element(document) e
    CROSS JOIN LATERAL (
        SELECT e.element ?| '{SchemaVersion,ProductArn,GeneratorId,Resources,Compliance}' AND jsonb_typeof(e.element) = 'object' AS is_finding,
               p.product,
               coalesce(CASE WHEN p.product IS NOT NULL THEN posture.ocsf_source(p.product, NULL) END, 'asff') AS source,
               coalesce(posture.said(e.element -> 'Compliance' -> 'SecurityControlId'),
                        posture.asff_control(posture.said(e.element -> 'GeneratorId'))) AS recommendation,
               posture.said(e.element -> 'Title') AS title,
               posture.said(e.element -> 'Id') AS uid,
               posture.said(e.element -> 'Description') AS description,
               posture.said(e.element -> 'ProductFields' -> 'aws/securityhub/annotation') AS annotation,
               posture.said(e.element -> 'LastObservedAt') AS seen,
               posture.said(e.element -> 'UpdatedAt') AS updated,
               posture.said(e.element -> 'CreatedAt') AS created,
               e.element -> 'Compliance' AS compliance
        FROM (SELECT posture.asff_product(e.element) AS product OFFSET 0) p
        OFFSET 0) o
    CROSS JOIN LATERAL (
        SELECT posture.said(o.compliance -> 'Status') AS status,
               CASE WHEN e.element ->> 'WorkflowState' = 'SUPPRESSED' THEN 'SUPPRESSED'
                    ELSE coalesce(posture.text_of(e.element -> 'Workflow', 'Status'), posture.text_of(e.element, 'WorkflowState')) END AS workflow,
               CASE WHEN jsonb_typeof(o.compliance) = 'object' THEN nullif(jsonb_strip_nulls(jsonb_build_object(
                   'RelatedRequirements', o.compliance -> 'RelatedRequirements',
                   'AssociatedStandards', o.compliance -> 'AssociatedStandards')), '{}') END AS compliance
        OFFSET 0) c
    CROSS JOIN LATERAL (
        SELECT posture.asff_state(c.status, posture.text_of(e.element, 'RecordState'), c.workflow) AS state,
               -- the one is when the resource was seen to change, the other when the
               -- record was written: the state was known at the later
               coalesce(greatest(posture.finding_time(o.seen), posture.finding_time(o.updated)),
                        posture.finding_time(o.created)) AS observed_at,
               -- Security Hub's own description is of the control, that of others of the finding
               coalesce(o.annotation, CASE WHEN o.source <> 'security-hub' THEN o.description END) AS message
        OFFSET 0) k
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN jsonb_typeof(e.element) <> 'object' THEN posture.not_object(e.element)
            WHEN NOT o.is_finding THEN 'no SchemaVersion, ProductArn or GeneratorId: not a finding of ASFF'
            WHEN c.status IS NULL THEN 'missing Compliance.Status: not a compliance finding'
            WHEN k.state IS NULL THEN format('unknown Compliance.Status "%s"', left(c.status, 100))
            WHEN o.recommendation IS NULL THEN 'missing GeneratorId'
            WHEN k.observed_at IS NULL AND coalesce(o.seen, o.updated, o.created) IS NOT NULL THEN
                format('time "%s" is no time', left(coalesce(o.seen, o.updated, o.created), 40))
            WHEN jsonb_typeof(e.element -> 'Resources') IS DISTINCT FROM 'array' OR e.element -> 'Resources' = '[]' THEN 'missing Resources'
            END AS fault
        OFFSET 0) f
    CROSS JOIN LATERAL (
        SELECT CASE WHEN f.fault IS NULL AND e.element -> 'Resources' -> 1 IS NOT NULL THEN e.element - 'Resources' ELSE e.element END AS element,
               e.element -> 'Resources' AS resources
        OFFSET 0) w
    LEFT JOIN LATERAL (
        SELECT n, w.resources -> n AS resource
        FROM generate_series(0, CASE jsonb_typeof(w.resources) WHEN 'array' THEN jsonb_array_length(w.resources) END - 1) n
        OFFSET 0) r ON f.fault IS NULL
    CROSS JOIN LATERAL (
        SELECT posture.said(r.resource -> 'Id') AS asset,
               coalesce(posture.said(r.resource -> 'Region'), posture.said(e.element -> 'Region')) AS region,
               CASE WHEN f.fault IS NOT NULL THEN NULL
                    WHEN jsonb_typeof(r.resource) <> 'object' THEN format('Resources[%s]: %s', r.n, posture.not_object(r.resource))
                    WHEN posture.said(r.resource -> 'Id') IS NULL THEN format('missing Resources[%s].Id', r.n) END AS fault
        OFFSET 0) a;
END;
COMMENT ON FUNCTION posture.asff_result_of(jsonb, text) IS 'what a document of ASFF says of each resource of each of its findings';

-- by the ranges that AWS documents for Normalized; Product is of the same scale where Security Hub sets it
CREATE FUNCTION posture.asff_severity(severity jsonb, told_label text) RETURNS posture.importance
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(
        posture.severity(severity ->> 'Label'),
        CASE width_bucket(coalesce(posture.number_at(severity, 'Normalized'), posture.number_at(severity, 'Product')), '{0,40,70,90,101}'::numeric[])
            WHEN 1 THEN 'low' WHEN 2 THEN 'medium' WHEN 3 THEN 'high' WHEN 4 THEN 'critical' END::posture.importance,
        posture.severity(told_label), posture.severity(severity ->> 'Original'));
COMMENT ON FUNCTION posture.asff_severity(jsonb, text) IS 'severity of a finding of ASFF by its label, else by its score of 0 to 100, else as its provider told it; NULL: not known';

-- Prowler's description is of the finding: who has no second factor
CREATE FUNCTION posture.asff_recommendation(
    key text, element jsonb, remedy jsonb, is_prowler boolean, severity posture.importance, compliance jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'key', key, 'title', coalesce(posture.said(element -> 'Title'), key),
        'description', CASE WHEN NOT is_prowler THEN posture.said(element -> 'Description') END,
        'remediation', posture.text_of(remedy, 'Text'),
        'markup', posture.markup(concat_ws(E'\n', CASE WHEN NOT is_prowler THEN element ->> 'Description' END, remedy ->> 'Text')),
        'severity', severity,
        'manage_url', CASE WHEN remedy ->> 'Url' ~* '^https?://' THEN remedy ->> 'Url' END,
        'details', nullif(jsonb_strip_nulls(jsonb_build_object(
            'severity', nullif(lower(posture.text_of(element -> 'Severity', 'Label')), severity::text),
            'references', CASE WHEN posture.text_of(remedy, 'Url') IS NOT NULL THEN jsonb_build_array(remedy -> 'Url') END,
            'remediation', CASE WHEN jsonb_typeof(element -> 'Remediation') = 'object'
                           THEN posture.filled((element -> 'Remediation') - 'Recommendation') END,
            'types', posture.filled(element -> 'Types'),
            'generator', posture.filled(element -> 'GeneratorId'),
            'compliance', compliance)), '{}')));
COMMENT ON FUNCTION posture.asff_recommendation(text, jsonb, jsonb, boolean, posture.importance, jsonb) IS 'the recommendation that a finding of ASFF tells, as an object of format posture';

CREATE FUNCTION posture.asff_tags(element jsonb, resource jsonb, region text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object(
            'account', posture.text_of(element, 'AwsAccountId'),
            'account_name', posture.text_of(element, 'AwsAccountName'),
            'provider', 'aws',
            'partition', posture.text_of(resource, 'Partition'),
            'region', region,
            'tags', nullif(resource -> 'Tags', '{}'),
            'application', posture.text_of(resource, 'ApplicationName'),
            'application_arn', posture.text_of(resource, 'ApplicationArn')))
        || (resource - '{Id,Type,Partition,Region,Tags,ApplicationName,ApplicationArn,ResourceRole,Details,DataClassification}'::text[]);
COMMENT ON FUNCTION posture.asff_tags(jsonb, jsonb, text) IS 'tags of the asset that a finding of ASFF is about';

/*
 * What is the same for both. Of several results of one recommendation on one
 * asset the worst wins, for the asset fails it; but of one finding (by its uid)
 * only the newest counts, for a document can tell how it went. Nothing depends
 * on the order of elements, so that tomorrow's document in another order
 * changes nothing.
 */
CREATE FUNCTION posture.finding_format_item(format text, document jsonb, of_source text) RETURNS SETOF posture.item
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH told AS MATERIALIZED (
        SELECT o.* FROM posture.ocsf_result_of(document, of_source) o WHERE format = 'ocsf'
        UNION ALL
        SELECT a.* FROM posture.asff_result_of(document, of_source) a WHERE format = 'asff'
    ), asset AS MATERIALIZED (
        -- products call one asset by several kinds, of which "other" says the least
        SELECT DISTINCT ON (t.asset COLLATE "C") t.asset, t.asset_kind, t.asset_name, t.location
        FROM told t
        WHERE t.fault IS NULL
        ORDER BY t.asset COLLATE "C", coalesce(t.asset_kind, 'other') = 'other', t.asset_kind COLLATE "C",
                 t.asset_name COLLATE "C", t.region COLLATE "C", octet_length(t.location), t.location COLLATE "C"
    ), recommendation AS (
        SELECT DISTINCT ON (t.source COLLATE "C", t.recommendation COLLATE "C") t.location
        FROM told t
        WHERE t.fault IS NULL
        ORDER BY t.source COLLATE "C", t.recommendation COLLATE "C", t.title COLLATE "C",
                 CASE format WHEN 'asff' THEN t.message END COLLATE "C", octet_length(t.location), t.location COLLATE "C"
    ), standard AS (
        SELECT v.source, v.recommendation, posture.merged_compliance(array_agg(v.compliance)) AS compliance
        FROM (SELECT DISTINCT t.source, t.recommendation, t.compliance
              FROM told t
              WHERE t.fault IS NULL AND t.compliance IS NOT NULL) v
        GROUP BY v.source, v.recommendation
    ), repeated AS MATERIALIZED (
        SELECT t.source, t.recommendation, t.asset
        FROM told t
        WHERE t.fault IS NULL
        GROUP BY t.source, t.recommendation, t.asset
        HAVING count(*) > 1
    ), single AS (
        SELECT t.location, t.source, t.recommendation, t.asset, t.state, t.observed_at, t.details
        FROM told t
        WHERE t.fault IS NULL
          AND NOT EXISTS (SELECT FROM repeated r
                          WHERE r.source = t.source AND r.recommendation = t.recommendation AND r.asset = t.asset)
    ), placed AS (
        SELECT t.location, t.source, t.recommendation, t.asset, t.state, t.observed_at, t.details, t.message,
               row_number() OVER (PARTITION BY t.source, t.recommendation, t.asset
                                  ORDER BY t.badness, t.message COLLATE "C", t.details, t.location COLLATE "C") AS place,
               dense_rank() OVER (PARTITION BY t.source, t.recommendation, t.asset
                                  ORDER BY t.badness, t.message COLLATE "C") AS rank
        FROM (SELECT t.*, array_position('{non_compliant,compliant,not_applicable}', t.state) AS badness,
                     max(coalesce(t.observed_at, 'infinity')) OVER (PARTITION BY t.source, t.recommendation, t.asset, t.uid) AS newest
              FROM told t
              JOIN repeated r ON r.source = t.source AND r.recommendation = t.recommendation AND r.asset = t.asset
              WHERE t.fault IS NULL) t
        WHERE coalesce(t.observed_at, 'infinity') = t.newest
    ), folded AS (
        SELECT max(p.location) FILTER (WHERE p.place = 1) AS location, p.source, p.recommendation, p.asset,
               max(p.state) FILTER (WHERE p.place = 1) AS state, max(p.observed_at) AS observed_at,
               nullif(coalesce((array_agg(p.details) FILTER (WHERE p.place = 1))[1], '{}')
                      || CASE max(p.rank) WHEN 1 THEN '{}' ELSE jsonb_build_object('others', jsonb_agg(DISTINCT jsonb_strip_nulls(
                             jsonb_build_object('state', p.state, 'message', p.message))) FILTER (WHERE p.rank > 1)) END, '{}') AS details
        FROM placed p
        GROUP BY p.source, p.recommendation, p.asset
    )
    SELECT NULL::text, NULL::text, 'source', s.source, NULL::text, NULL::text, NULL::text, NULL::timestamptz, NULL::text, NULL::text, NULL::jsonb,
           jsonb_strip_nulls(jsonb_build_object('key', s.source, 'name', coalesce(s.product, s.source), 'product', s.product))
    FROM (SELECT t.source, min(t.product COLLATE "C") AS product FROM told t WHERE t.source IS NOT NULL GROUP BY t.source) s
    UNION ALL
    SELECT t.location, NULL, 'recommendation', t.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           CASE format WHEN 'ocsf' THEN posture.ocsf_recommendation(t.recommendation, t.element, p.info, p.remedy, p.unmapped, p.is_prowler,
                                                                    p.severity, p.service, s.compliance)
                       ELSE posture.asff_recommendation(t.recommendation, t.element, p.remedy, p.is_prowler, p.severity, s.compliance) END
    FROM (SELECT t.* FROM recommendation r JOIN told t USING (location) OFFSET 0) t
    LEFT JOIN standard s ON s.source = t.source AND s.recommendation = t.recommendation
    CROSS JOIN LATERAL (
        SELECT t.element -> 'finding_info' AS info, t.element -> 'unmapped' AS unmapped, t.resource -> 'group' AS service,
               coalesce(t.product ILIKE 'prowler', false) AS is_prowler,
               CASE format WHEN 'ocsf' THEN t.element -> 'remediation' ELSE t.element -> 'Remediation' -> 'Recommendation' END AS remedy,
               CASE format WHEN 'ocsf' THEN posture.ocsf_severity(t.element ->> 'severity_id', t.element ->> 'severity')
                           ELSE posture.asff_severity(t.element -> 'Severity', t.element -> 'FindingProviderFields' -> 'Severity' ->> 'Label') END AS severity
        OFFSET 0) p
    UNION ALL
    SELECT t.location, NULL, 'asset', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_strip_nulls(jsonb_build_object('key', t.asset, 'kind', t.asset_kind, 'name', t.asset_name))
           || jsonb_build_object('tags', CASE format WHEN 'ocsf' THEN posture.ocsf_tags(t.element, p.cloud, p.account, t.resource, t.region)
                                                     ELSE posture.asff_tags(t.element, t.resource, t.region) END)
    FROM (SELECT t.* FROM asset a JOIN told t USING (location) OFFSET 0) t
    CROSS JOIN LATERAL (SELECT t.element -> 'cloud' AS cloud, t.element -> 'cloud' -> 'account' AS account OFFSET 0) p
    UNION ALL
    SELECT f.location, NULL, 'finding', f.source, f.recommendation, f.asset, f.state, f.observed_at, a.asset_kind, a.asset_name, f.details, NULL
    FROM (SELECT * FROM single UNION ALL SELECT * FROM folded) f
    JOIN asset a ON a.asset = f.asset
    UNION ALL
    SELECT t.location, t.fault, CASE WHEN t.source IS NOT NULL THEN 'finding' END, t.source,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, t.element
    FROM told t
    WHERE t.fault IS NOT NULL;
END;
COMMENT ON FUNCTION posture.finding_format_item(text, jsonb, text) IS 'items of a document of findings, of format ocsf or asff';

-- Its many expressions cost more to compile than to run, whole elements are no
-- keys to remember a result by, and a document that is in memory already may
-- stay there while it is taken apart.
CREATE FUNCTION posture.ocsf_item(document jsonb, of_source text) RETURNS SETOF posture.item
    LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_memoize = off SET work_mem = '256MB'
BEGIN ATOMIC
    SELECT i.* FROM posture.finding_format_item('ocsf', document, of_source) i;
END;
COMMENT ON FUNCTION posture.ocsf_item(jsonb, text) IS 'items of a document of OCSF: compliance findings and detection findings that are results of checks';

CREATE FUNCTION posture.asff_item(document jsonb, of_source text) RETURNS SETOF posture.item
    LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_memoize = off SET work_mem = '256MB'
BEGIN ATOMIC
    SELECT i.* FROM posture.finding_format_item('asff', document, of_source) i;
END;
COMMENT ON FUNCTION posture.asff_item(jsonb, text) IS 'items of a document of ASFF: compliance findings of AWS Security Hub and of products that write its format';
