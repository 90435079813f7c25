/*
 * OCSF: compliance findings (class 2003) and detection findings that tell the
 * result of a check (class 2004, as Prowler writes it).
 */

CREATE FUNCTION posture_internal.ocsf_source(name text, vendor text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN lower(name) = 'prowler' THEN 'prowler'
                WHEN name ~* '^((aws|amazon) )?security ?hub( cspm)?$' THEN 'security-hub'
                ELSE coalesce(source_key(name), source_key(vendor), 'ocsf') END;
COMMENT ON FUNCTION posture_internal.ocsf_source(text, text) IS 'key of a source by the names of a product and of its vendor';

-- A warning is by the schema a check without a result, for want of information.
CREATE FUNCTION posture_internal.ocsf_result(result text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE lower(replace(left(result, 40), ' ', '_'))
        WHEN 'pass' THEN 'compliant' WHEN 'passed' THEN 'compliant' WHEN 'compliant' THEN 'compliant'
        WHEN 'fail' THEN 'non_compliant' WHEN 'failed' THEN 'non_compliant' WHEN 'non_compliant' THEN 'non_compliant'
        WHEN 'noncompliant' THEN 'non_compliant'
        WHEN 'warning' THEN 'not_applicable' WHEN 'manual' THEN 'not_applicable' WHEN 'muted' THEN 'not_applicable'
        WHEN 'info' THEN 'not_applicable' WHEN 'unknown' THEN 'not_applicable' WHEN 'other' THEN 'not_applicable'
        WHEN 'not_available' THEN 'not_applicable' WHEN 'not_applicable' THEN 'not_applicable'
    END;
COMMENT ON FUNCTION posture_internal.ocsf_result(text) IS 'the state that the name of a result means; NULL: not known';

-- The id is the normalized one, so it goes before the name.
CREATE FUNCTION posture_internal.ocsf_state(status_id text, status text, status_code text, other_code text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE status_id WHEN '1' THEN 'compliant' WHEN '2' THEN 'not_applicable' WHEN '3' THEN 'non_compliant'
           ELSE coalesce(ocsf_result(status), ocsf_result(status_code), ocsf_result(other_code),
                         CASE WHEN status_id IN ('0', '99') THEN 'not_applicable' END) END;
COMMENT ON FUNCTION posture_internal.ocsf_state(text, text, text, text) IS 'the state by compliance.status_id, compliance.status or a status_code; NULL: none of them tells';

-- A host may be told as the device, an account by the cloud alone.
CREATE FUNCTION posture_internal.ocsf_resource(element jsonb, resources jsonb) RETURNS TABLE (path text, resource jsonb)
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
                WHEN json_text(element -> 'cloud' -> 'account' -> 'uid') IS NOT NULL THEN '.cloud.account'
                ELSE '' END,
           CASE WHEN jsonb_typeof(resources) = 'object' THEN resources
                WHEN jsonb_typeof(element -> 'resource') = 'object' THEN element -> 'resource'
                WHEN jsonb_typeof(element -> 'device') = 'object' THEN '{"type": "device"}' || (element -> 'device')
                WHEN json_text(element -> 'cloud' -> 'account' -> 'uid') IS NOT NULL
                    THEN '{"type": "account"}' || (element -> 'cloud' -> 'account') END
    WHERE coalesce(jsonb_typeof(resources) <> 'array' OR resources = '[]', true);
END;
COMMENT ON FUNCTION posture_internal.ocsf_resource(jsonb, jsonb) IS 'what an event of OCSF is about: its resources, else its device, else its cloud account; resource is NULL where there is none';

-- what Prowler doesn't write of a finding
CREATE FUNCTION posture_internal.ocsf_more_details(element jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'labels', nullif(element -> 'metadata' -> 'labels', '[]'),
        'unmapped', CASE WHEN jsonb_typeof(element -> 'unmapped') = 'object'
                    THEN nullif((element -> 'unmapped') - 'compliance', '{}') END,
        'compliance', CASE WHEN jsonb_typeof(element -> 'compliance') = 'object'
                      THEN nullif((element -> 'compliance') - '{control,requirements,standards,compliance_references,compliance_standards,category,desc,status_id}'::text[], '{}') END,
        'finding_info', CASE WHEN jsonb_typeof(element -> 'finding_info') = 'object'
                        THEN nullif((element -> 'finding_info') - '{uid,title,desc,types,analytic,product,product_uid,name,created_time,created_time_dt,modified_time,modified_time_dt,first_seen_time,first_seen_time_dt,last_seen_time,last_seen_time_dt}'::text[], '{}') END));
COMMENT ON FUNCTION posture_internal.ocsf_more_details(jsonb) IS 'details of a finding of OCSF from where it tells more of its recommendation than of itself';

CREATE FUNCTION posture_internal.ocsf_compliance(compliance jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(jsonb_strip_nulls(jsonb_build_object(
        'control', compliance -> 'control', 'requirements', compliance -> 'requirements',
        'standards', compliance -> 'standards', 'category', compliance -> 'category',
        'compliance_references', compliance -> 'compliance_references',
        'compliance_standards', compliance -> 'compliance_standards')), '{}');
COMMENT ON FUNCTION posture_internal.ocsf_compliance(jsonb) IS 'what compliance of OCSF says of the recommendation';

CREATE FUNCTION posture_internal.ocsf_details(element jsonb, data jsonb, is_prowler boolean, message text, more jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(
        CASE WHEN message IS NULL THEN '{}' ELSE jsonb_build_object('message', message) END
        || coalesce(more, '{}')
        || CASE WHEN is_prowler THEN '{}' ELSE ocsf_more_details(element) END
        -- what no other place takes
        || (element - '{message,status_detail,status,status_id,status_code,activity_id,activity_name,metadata,unmapped,compliance,finding_info,severity,severity_id,resources,resource,cloud,remediation,risk_details,class_uid,class_name,category_uid,category_name,type_uid,type_name,time,time_dt,event_time,start_time,start_time_dt,end_time,end_time_dt,timezone_offset}'::text[])
        || CASE WHEN data IS NULL OR data IN ('null', '""', '{}', '{"details": ""}', '{"details": "", "metadata": {}}')
                THEN '{}' ELSE jsonb_build_object('data', data) END,
        '{}');
COMMENT ON FUNCTION posture_internal.ocsf_details(jsonb, jsonb, boolean, text, jsonb) IS 'details of a finding of OCSF: what is not of its recommendation or asset, without times and ids of one scan';

CREATE FUNCTION posture_internal.ocsf_result_of(document jsonb, of_source text) RETURNS SETOF check_result
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT e.location || CASE WHEN f.error IS NULL THEN coalesce(r.path, '') ELSE '' END,
           coalesce(f.error, a.error),
           CASE WHEN jsonb_typeof(e.element) = 'object' AND o.class IS NOT NULL
                THEN coalesce(of_source, ocsf_source(o.product, o.vendor)) END,
           coalesce(o.product, o.vendor), k.recommendation, o.title, coalesce(a.uid, a.qualified),
           lower(nullif(r.resource ->> 'type', '')), a.name, a.region, k.state, k.observed_at,
           coalesce(o.uid, e.location), o.message, c.compliance,
           CASE WHEN coalesce(f.error, a.error) IS NULL
                THEN ocsf_details(w.element, a.data, o.is_prowler, o.message, k.more) END,
           CASE WHEN a.error IS NULL OR w.element ? 'resources' THEN w.element
                ELSE w.element || jsonb_build_object('resources', jsonb_build_array(r.resource)) END,
           r.resource
    FROM finding_element(document) e
    CROSS JOIN LATERAL (
        SELECT e.element -> 'metadata' AS metadata, e.element -> 'metadata' -> 'product' AS product,
               e.element -> 'compliance' AS compliance, e.element -> 'finding_info' AS info, e.element -> 'cloud' AS cloud,
               e.element -> 'resources' AS resources
        OFFSET 0) p
    CROSS JOIN LATERAL (
        SELECT nullif(e.element ->> 'class_uid', '') AS class,
               nullif(p.product ->> 'name', '') AS product,
               nullif(p.product ->> 'vendor_name', '') AS vendor,
               coalesce(p.product ->> 'name' ILIKE 'prowler', false) AS is_prowler,
               json_text(p.metadata -> 'event_code') AS event_code,
               nullif(e.element ->> 'status_code', '') AS status_code,
               CASE e.element ->> 'status_id' WHEN '3' THEN 'Suppressed' WHEN '4' THEN 'Resolved' WHEN '5' THEN 'Archived'
                   WHEN '6' THEN 'Deleted' ELSE nullif(e.element ->> 'status', '') END AS status,
               CASE e.element ->> 'activity_id' WHEN '3' THEN 'Close' ELSE nullif(e.element ->> 'activity_name', '') END AS activity,
               coalesce(nullif(e.element ->> 'message', ''), nullif(e.element ->> 'status_detail', ''),
                        nullif(p.compliance ->> 'status_detail', '')) AS message,
               nullif(e.element ->> 'status_detail', '') AS status_detail,
               nullif(p.info ->> 'title', '') AS title,
               nullif(p.info ->> 'uid', '') AS uid,
               nullif(p.cloud -> 'account' ->> 'uid', '') AS account,
               nullif(p.cloud ->> 'region', '') AS region,
               e.element -> 'time' AS "time"
        OFFSET 0) o
    CROSS JOIN LATERAL (
        SELECT nullif(p.compliance ->> 'status_id', '') AS status_id,
               nullif(p.compliance ->> 'status', '') AS status,
               nullif(p.compliance ->> 'status_code', '') AS status_code,
               CASE WHEN jsonb_typeof(p.compliance) = 'object' THEN ocsf_compliance(p.compliance) END AS compliance
        OFFSET 0) c
    CROSS JOIN LATERAL (
        SELECT CASE WHEN o.class = '2003' AND NOT o.is_prowler
                    THEN coalesce(json_text(p.compliance -> 'control'),
                                  CASE WHEN p.compliance -> 'checks' -> 1 IS NULL THEN json_text(p.compliance -> 'checks' -> 0 -> 'uid') END,
                                  json_text(p.info -> 'analytic' -> 'uid'), o.event_code,
                                  json_text(p.info -> 'analytic' -> 'name'), o.title)
                    ELSE coalesce(o.event_code, json_text(p.info -> 'analytic' -> 'uid'), json_text(p.compliance -> 'control'),
                                  json_text(p.info -> 'analytic' -> 'name'), o.title) END AS recommendation,
               CASE WHEN o.class = '2003' THEN coalesce(c.status, o.status_code, c.status_code, c.status_id)
                    ELSE coalesce(o.status_code, c.status, c.status_code, c.status_id) END AS result,
               CASE WHEN o.class = '2003' THEN ocsf_state(c.status_id, c.status, o.status_code, c.status_code)
                    WHEN o.status_code IS NOT NULL THEN ocsf_state(NULL, NULL, o.status_code, NULL)
                    ELSE ocsf_state(c.status_id, c.status, c.status_code, NULL) END AS given,
               coalesce(CASE jsonb_typeof(o.time) WHEN 'number' THEN parse_epoch(o.time::numeric)
                                                  WHEN 'string' THEN parse_time(o.time #>> '{}') END,
                        parse_time(nullif(e.element ->> 'time_dt', '')),
                        parse_time(nullif(e.element ->> 'event_time', '')),
                        parse_time(nullif(p.info ->> 'modified_time_dt', '')),
                        parse_time(nullif(p.info ->> 'created_time_dt', ''))) AS observed_at
        OFFSET 0) s
    CROSS JOIN LATERAL (
        SELECT s.recommendation, s.observed_at, s.result,
               CASE WHEN s.given = 'not_applicable' OR o.status <> 'New' OR o.activity = 'Close' OR o.status_detail <> o.message
                    THEN jsonb_strip_nulls(jsonb_build_object(
                             'status_detail', nullif(o.status_detail, o.message),
                             'result', CASE WHEN s.given = 'not_applicable' OR lower(o.status) IN ('suppressed', 'archived', 'deleted') OR o.activity = 'Close'
                                       THEN s.result END,
                             'status', nullif(o.status, 'New'),
                             'activity', CASE WHEN o.activity = 'Close' THEN o.activity END)) END AS more,
               -- a finding that was closed no longer tells of a failure; one that a person
               -- calls resolved fails until the check says otherwise
               CASE WHEN lower(o.status) IN ('suppressed', 'archived', 'deleted') THEN 'not_applicable'
                    WHEN o.activity = 'Close' AND s.given = 'non_compliant' THEN 'not_applicable'
                    WHEN s.result IS NULL AND (o.activity = 'Close' OR lower(o.status) = 'resolved') THEN 'compliant'
                    ELSE s.given END AS state
        OFFSET 0) k
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN jsonb_typeof(e.element) <> 'object' THEN not_object_error(e.element)
            WHEN o.class IS NULL THEN 'no class_uid: not an OCSF event'
            WHEN o.class NOT IN ('2003', '2004') THEN
                format('class_uid %s%s is not a compliance or detection finding', left(o.class, 20),
                       ' (' || left(nullif(e.element ->> 'class_name', ''), 60) || ')')
            WHEN k.state IS NULL AND k.result IS NULL THEN
                CASE o.class WHEN '2003' THEN 'missing compliance.status_id' ELSE 'missing status_code: not the result of a check' END
            WHEN k.state IS NULL THEN
                format('invalid %s "%s"', CASE WHEN o.class = '2003' OR o.status_code IS NULL THEN 'compliance.status' ELSE 'status_code' END,
                       left(k.result, 100))
            WHEN k.recommendation IS NULL THEN
                CASE o.class WHEN '2003' THEN 'missing compliance.control' ELSE 'missing metadata.event_code' END
            WHEN k.observed_at IS NULL AND jsonb_typeof(o.time) <> 'null' THEN
                format('time %s is no time', left(o.time::text, 40)) END AS error
        OFFSET 0) f
    CROSS JOIN LATERAL (
        -- with all its resources for each of them it would grow with their square
        SELECT CASE WHEN f.error IS NULL AND p.resources -> 1 IS NOT NULL AND jsonb_typeof(p.resources) = 'array'
                    THEN e.element - 'resources' ELSE e.element END AS element
        OFFSET 0) w
    LEFT JOIN LATERAL ocsf_resource(e.element, p.resources) r ON f.error IS NULL
    CROSS JOIN LATERAL (
        SELECT i.uid, i.name, i.region, i.data,
               CASE WHEN i.name IS NOT NULL THEN concat_ws('/', o.account, i.region, i.namespace, i.name) END AS qualified,
               CASE WHEN f.error IS NOT NULL THEN NULL
                    WHEN r.resource IS NULL THEN 'missing resources'
                    WHEN jsonb_typeof(r.resource) <> 'object' THEN substr(r.path, 2) || ': ' || not_object_error(r.resource)
                    WHEN i.uid IS NULL AND i.name IS NULL THEN 'missing ' || substr(r.path, 2) || '.uid' END AS error
        FROM (SELECT json_text(r.resource -> 'uid') AS uid,
                     coalesce(json_text(r.resource -> 'name'), json_text(r.resource -> 'hostname')) AS name,
                     coalesce(nullif(r.resource ->> 'region', ''), o.region) AS region,
                     nullif(r.resource ->> 'namespace', '') AS namespace,
                     r.resource -> 'data' AS data
              OFFSET 0) i
        OFFSET 0) a;
END;
COMMENT ON FUNCTION posture_internal.ocsf_result_of(jsonb, text) IS 'what a document of OCSF says of each resource of each of its findings';

CREATE FUNCTION posture_internal.ocsf_severity(severity_id text, severity text) RETURNS importance
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE severity_id WHEN '1' THEN 'low' WHEN '2' THEN 'low' WHEN '3' THEN 'medium' WHEN '4' THEN 'high' WHEN '5' THEN 'critical'
               WHEN '6' THEN 'critical' ELSE severity(severity) END;
COMMENT ON FUNCTION posture_internal.ocsf_severity(text, text) IS 'a severity of OCSF, by its id, else by its name; NULL: not known';

-- the arguments are parts of the element: the finding's info, its remediation, what is unmapped of it
CREATE FUNCTION posture_internal.ocsf_recommendation(
    key text, element jsonb, info jsonb, remedy jsonb, unmapped jsonb, is_prowler boolean,
    severity importance, service jsonb, compliance jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'key', key, 'title', coalesce(nullif(info ->> 'title', ''), key),
        'description', coalesce(nullif(info ->> 'desc', ''), nullif(element -> 'compliance' ->> 'desc', '')),
        'remediation', nullif(remedy ->> 'desc', ''),
        'markup', markup(concat_ws(E'\n', coalesce(info ->> 'desc', element -> 'compliance' ->> 'desc'), remedy ->> 'desc'),
                                 CASE WHEN is_prowler THEN 'markdown' ELSE 'plain' END),
        'severity', severity,
        'workload', CASE WHEN is_prowler THEN nullif(service ->> 'name', '') END,
        'manage_url', jsonb_path_query_first(remedy -> 'references', '$[*] ? (@ like_regex "^https?://" flag "i")'),
        'details', nullif(
            CASE WHEN is_prowler AND jsonb_typeof(unmapped) = 'object' THEN
                jsonb_strip_nulls(jsonb_build_object(
                    'related_url', nullif(unmapped ->> 'related_url', ''), 'notes', nullif(unmapped ->> 'notes', ''),
                    'check_type', nullif(unmapped ->> 'check_type', ''), 'categories', nonempty(unmapped -> 'categories'),
                    'depends_on', nonempty(unmapped -> 'depends_on'), 'related_to', nonempty(unmapped -> 'related_to'),
                    'additional_urls', nonempty(unmapped -> 'additional_urls')))
                || (unmapped - '{related_url,notes,check_type,categories,depends_on,related_to,additional_urls,compliance}'::text[])
            ELSE '{}' END
            || jsonb_strip_nulls(jsonb_build_object(
                'severity', nullif(lower(nullif(element ->> 'severity', '')), severity::text),
                'risk', nullif(element ->> 'risk_details', ''),
                'references', nonempty(remedy -> 'references'),
                'remediation', CASE WHEN jsonb_typeof(remedy) = 'object' THEN nonempty(remedy - '{desc,references}'::text[]) END,
                'types', nonempty(info -> 'types'),
                'analytic', nonempty(info -> 'analytic'),
                'feature', nonempty(element -> 'metadata' -> 'product' -> 'feature'),
                'compliance', nonempty(coalesce(compliance, '{}') || CASE jsonb_typeof(unmapped -> 'compliance')
                              WHEN 'object' THEN unmapped -> 'compliance' ELSE '{}' END))), '{}')));
COMMENT ON FUNCTION posture_internal.ocsf_recommendation(text, jsonb, jsonb, jsonb, jsonb, boolean, importance, jsonb, jsonb) IS 'the recommendation that a finding of OCSF tells, as an object of format posture';

CREATE FUNCTION posture_internal.ocsf_tags(element jsonb, cloud jsonb, account jsonb, resource jsonb, region text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object(
            'account', nullif(account ->> 'uid', ''),
            'account_name', nullif(account ->> 'name', ''),
            'account_labels', nullif(account -> 'labels', '[]'),
            'account_tags', nullif(account -> 'tags', '[]'),
            'org', nullif(cloud -> 'org' ->> 'uid', ''),
            'org_name', nullif(cloud -> 'org' ->> 'name', ''),
            'org_unit', nullif(cloud -> 'org' ->> 'ou_name', ''),
            'tenant', nullif(element -> 'metadata' ->> 'tenant_uid', ''),
            'project', nullif(cloud ->> 'project_uid', ''),
            'provider', nullif(cloud ->> 'provider', ''),
            'partition', coalesce(nullif(resource ->> 'cloud_partition', ''), nullif(cloud ->> 'cloud_partition', '')),
            'region', region,
            'namespace', nullif(resource ->> 'namespace', ''),
            'labels', nullif(resource -> 'labels', '[]'),
            'tags', nullif(nullif(resource -> 'tags', '[]'), '{}'),
            'group', CASE WHEN element -> 'metadata' -> 'product' ->> 'name' ILIKE 'prowler' THEN NULL ELSE nullif(resource -> 'group', '{}') END))
        || (resource - '{uid,name,type,type_id,region,namespace,labels,tags,group,data,cloud_partition,created_time,created_time_dt,modified_time,modified_time_dt,first_seen_time,first_seen_time_dt,last_seen_time,last_seen_time_dt,boot_time,boot_time_dt}'::text[]);
COMMENT ON FUNCTION posture_internal.ocsf_tags(jsonb, jsonb, jsonb, jsonb, text) IS 'tags of the asset that a finding of OCSF is about';
