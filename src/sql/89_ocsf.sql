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
    LANGUAGE sql STABLE PARALLEL SAFE
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
    LANGUAGE sql STABLE PARALLEL SAFE
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
    LANGUAGE sql STABLE
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
    LANGUAGE sql STABLE PARALLEL SAFE
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
    LANGUAGE sql STABLE PARALLEL SAFE
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
