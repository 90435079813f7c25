/*
 * Format ocsf: compliance findings (class 2003) and those detection findings
 * (class 2004) that are results of checks, as Prowler writes them. Vulnerability
 * findings (class 2002) are in vulnerability_result.
 */

-- The id is normalized, so it takes precedence over the name.
CREATE FUNCTION posture_internal.ocsf_state(
    status_id text, status text, status_code text, other_code text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE status_id WHEN '1' THEN 'compliant' WHEN '2' THEN 'not_applicable'
                          WHEN '3' THEN 'non_compliant'
           ELSE coalesce(result_state(status), result_state(status_code),
                         result_state(other_code),
                         CASE WHEN status_id IN ('0', '99') THEN 'not_applicable' END) END;
COMMENT ON FUNCTION posture_internal.ocsf_state(text, text, text, text) IS
    'returns the state for a compliance.status_id, a compliance.status or a status_code, '
    'the first that is known; NULL if none is';

CREATE FUNCTION posture_internal.ocsf_compliance(compliance jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(jsonb_strip_nulls(jsonb_build_object(
        'control', compliance -> 'control', 'requirements', compliance -> 'requirements',
        'standards', compliance -> 'standards', 'category', compliance -> 'category',
        'compliance_references', compliance -> 'compliance_references',
        'compliance_standards', compliance -> 'compliance_standards')), '{}');
COMMENT ON FUNCTION posture_internal.ocsf_compliance(jsonb) IS
    'returns the fields of an OCSF compliance object that describe the recommendation';

CREATE FUNCTION posture_internal.ocsf_cloud(element jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(element -> 'cloud') = 'object' THEN element -> 'cloud'
                ELSE element -> 'unmapped' -> 'cloud' END;
COMMENT ON FUNCTION posture_internal.ocsf_cloud(jsonb) IS
    'returns the cloud that an OCSF event is about, which Prowler may put under unmapped';

-- Prowler always names the provider in the id of a finding.
CREATE FUNCTION posture_internal.ocsf_provider(element jsonb, cloud jsonb, finding_info jsonb)
    RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN lower(coalesce(
        json_text(cloud -> 'provider'), json_text(element -> 'unmapped' -> 'provider'),
        substring(json_text(finding_info -> 'uid') FROM '^prowler-([a-z0-9]+)-')));
COMMENT ON FUNCTION posture_internal.ocsf_provider(jsonb, jsonb, jsonb) IS
    'returns the provider that an OCSF event is about, in lower case; NULL if it names none';

CREATE FUNCTION posture_internal.ocsf_event(element jsonb)
    RETURNS TABLE (class text, product text, vendor text, is_prowler boolean, event_code text,
                   status_code text, status text, activity text, message text, status_detail text,
                   title text, uid text, provider text, account text, region text, "time" jsonb,
                   compliance jsonb, finding_info jsonb, resources jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT nullif(element ->> 'class_uid', ''),
           nullif(p.product ->> 'name', ''),
           nullif(p.product ->> 'vendor_name', ''),
           coalesce(p.product ->> 'name' ILIKE 'prowler', false),
           json_text(p.metadata -> 'event_code'),
           nullif(element ->> 'status_code', ''),
           CASE element ->> 'status_id'
               WHEN '3' THEN 'Suppressed' WHEN '4' THEN 'Resolved' WHEN '5' THEN 'Archived'
               WHEN '6' THEN 'Deleted' ELSE nullif(element ->> 'status', '') END,
           CASE element ->> 'activity_id' WHEN '3' THEN 'Close'
                                          ELSE nullif(element ->> 'activity_name', '') END,
           coalesce(nullif(element ->> 'message', ''), nullif(element ->> 'status_detail', ''),
                    nullif(p.compliance ->> 'status_detail', '')),
           nullif(element ->> 'status_detail', ''),
           nullif(p.finding_info ->> 'title', ''),
           nullif(p.finding_info ->> 'uid', ''),
           ocsf_provider(element, p.cloud, p.finding_info),
           coalesce(nullif(p.cloud -> 'account' ->> 'uid', ''),
                    json_text(element -> 'unmapped' -> 'provider_uid'),
                    nullif(p.metadata ->> 'tenant_uid', '')),
           nullif(p.cloud ->> 'region', ''),
           element -> 'time',
           p.compliance, p.finding_info, element -> 'resources'
    FROM (SELECT element -> 'metadata' AS metadata, element -> 'metadata' -> 'product' AS product,
                 element -> 'compliance' AS compliance, element -> 'finding_info' AS finding_info,
                 ocsf_cloud(element) AS cloud
          OFFSET 0) p
    OFFSET 0;
END;
COMMENT ON FUNCTION posture_internal.ocsf_event(jsonb) IS
    'returns the fields of an OCSF event that a finding is made of';

-- Prowler also writes a compliance finding for each requirement that a check maps to.
-- Its status and title are those of the requirement, which may fail where the check
-- passed. The result of the check is in compliance.checks.
CREATE FUNCTION posture_internal.ocsf_prowler_check(element jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT element - 'status_code'
           || jsonb_build_object(
               'metadata', (element -> 'metadata') || jsonb_build_object('event_code',
                                                                         c."check" -> 'uid'),
               'compliance', jsonb_strip_nulls(jsonb_build_object(
                   'status_id', c."check" -> 'status_id', 'status', c."check" -> 'status')),
               'finding_info', object_or_empty(element -> 'finding_info')
                   || jsonb_build_object('title', c."check" -> 'name', 'desc', c."check" -> 'desc'),
               'cloud', coalesce(element -> 'cloud', element -> 'unmapped' -> 'cloud'),
               'unmapped', jsonb_build_object('compliance', (
                   SELECT coalesce(jsonb_object_agg(
                              s.standard, array_or_empty(element #> '{compliance,requirements}')),
                                   '{}')
                   FROM jsonb_array_elements_text(
                            array_or_empty(element #> '{compliance,standards}')) s(standard)
                   WHERE s.standard IS NOT NULL)))
    FROM jsonb_array_elements(element #> '{compliance,checks}') WITH ORDINALITY c("check", n)
    WHERE json_text(c."check" -> 'uid') IS NOT NULL
    ORDER BY c."check" -> 'uid' = element #> '{metadata,event_code}' DESC NULLS LAST, c.n
    LIMIT 1;
END;
COMMENT ON FUNCTION posture_internal.ocsf_prowler_check(jsonb) IS
    'returns a compliance finding of Prowler with the result and the texts of the check instead of '
    'those of the requirement; NULL if it names no check';

CREATE FUNCTION posture_internal.ocsf_element(element jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(element -> 'compliance' -> 'checks') = 'array'
                     AND element -> 'metadata' -> 'product' ->> 'name' ILIKE 'prowler'
                THEN coalesce(ocsf_prowler_check(element), element)
                ELSE element END;
COMMENT ON FUNCTION posture_internal.ocsf_element(jsonb) IS
    'returns an OCSF event; a compliance finding of Prowler with the result of the check';

-- A compliance finding is of a control. Prowler and detection findings name the
-- check in metadata.event_code.
CREATE FUNCTION posture_internal.ocsf_recommendation_key(
    is_control boolean, compliance jsonb, finding_info jsonb, event_code text, title text)
    RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN is_control
                THEN coalesce(json_text(compliance -> 'control'),
                              CASE WHEN compliance -> 'checks' -> 1 IS NULL
                                   THEN json_text(compliance -> 'checks' -> 0 -> 'uid') END,
                              json_text(finding_info -> 'analytic' -> 'uid'), event_code,
                              json_text(finding_info -> 'analytic' -> 'name'), title)
                ELSE coalesce(event_code, json_text(finding_info -> 'analytic' -> 'uid'),
                              json_text(compliance -> 'control'),
                              json_text(finding_info -> 'analytic' -> 'name'), title) END;
COMMENT ON FUNCTION posture_internal.ocsf_recommendation_key(boolean, jsonb, jsonb, text, text) IS
    'returns the key of the recommendation of an OCSF finding; NULL if the finding names none';

CREATE FUNCTION posture_internal.ocsf_time(
    element jsonb, "time" jsonb, finding_info jsonb, of_source text) RETURNS timestamptz
    LANGUAGE sql STABLE
    RETURN coalesce(CASE WHEN json_number("time") IS NOT NULL THEN parse_epoch(json_number("time"))
                         WHEN jsonb_typeof("time") = 'string'
                         THEN parse_time("time" #>> '{}', 'UTC', of_source) END,
                    parse_time(nullif(element ->> 'time_dt', ''), 'UTC', of_source),
                    parse_time(nullif(element ->> 'event_time', ''), 'UTC', of_source),
                    parse_time(nullif(finding_info ->> 'modified_time_dt', ''), 'UTC', of_source),
                    parse_time(nullif(finding_info ->> 'created_time_dt', ''), 'UTC', of_source));
COMMENT ON FUNCTION posture_internal.ocsf_time(jsonb, jsonb, jsonb, text) IS
    'returns the time of an OCSF event; NULL if it has none that can be read';

-- Threats and inventories are events of OCSF, too. Vulnerabilities are read elsewhere.
CREATE FUNCTION posture_internal.ocsf_left_out(
    class text, class_name text, is_prowler boolean, event_code text, result text, state text,
    is_of_check boolean) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN class NOT IN ('2003', '2004') AND class ~ '^[0-9]{1,9}$'
        THEN format('class_uid %s%s is not a compliance, vulnerability or detection finding',
                    class, ' (' || left(nullif(class_name, ''), 60) || ')')
        WHEN is_prowler AND event_code = 'manual' THEN 'a requirement without a check'
        WHEN class = '2004' AND state IS NULL AND (result IS NULL OR NOT is_of_check)
        THEN 'a detection that is not the result of a check' END;
COMMENT ON FUNCTION posture_internal.ocsf_left_out(
    text, text, boolean, text, text, text, boolean) IS
    'returns why an OCSF event is not meant to be loaded; NULL if it is the result of a check. '
    'state is what its result stands for, NULL if that is not known.';

CREATE FUNCTION posture_internal.ocsf_finding(element jsonb, of_source text)
    RETURNS TABLE (error text, class text, source text, product text, is_prowler boolean,
                   recommendation text, title text, uid text, state text, observed_at timestamptz,
                   message text, status_details jsonb, compliance jsonb,
                   provider text, account text, region text, resources jsonb)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE
               WHEN jsonb_typeof(element) <> 'object' THEN not_object_error(element)
               WHEN o.class IS NULL THEN 'no class_uid: not an OCSF event'
               WHEN l.reason IS NOT NULL THEN l.reason
               WHEN o.class NOT IN ('2003', '2004')
               THEN format('invalid class_uid "%s"', left(o.class, 20))
               WHEN s.state IS NULL AND r.result IS NULL THEN 'missing compliance.status_id'
               WHEN s.state IS NULL
               THEN format('invalid %s "%s"',
                           CASE WHEN o.class = '2003' OR o.status_code IS NULL
                                THEN 'compliance.status' ELSE 'status_code' END,
                           left(r.result, 100))
               WHEN r.recommendation IS NULL
               THEN CASE o.class WHEN '2003' THEN 'missing compliance.control'
                                 ELSE 'missing metadata.event_code' END
               WHEN r.observed_at IS NULL AND jsonb_typeof(o.time) <> 'null'
               THEN format('invalid time: %s', left(o.time::text, 40)) END,
           o.class, c.source, coalesce(o.product, o.vendor), o.is_prowler, r.recommendation,
           o.title, o.uid, CASE WHEN l.reason IS NULL THEN s.state ELSE 'left_out' END,
           r.observed_at, o.message, s.status_details, c.compliance, o.provider, o.account,
           o.region, o.resources
    FROM ocsf_event(element) o
    CROSS JOIN LATERAL (
        SELECT coalesce(of_source, check_source(o.product, o.vendor)) AS source,
               nullif(o.compliance ->> 'status_id', '') AS status_id,
               nullif(o.compliance ->> 'status', '') AS status,
               nullif(o.compliance ->> 'status_code', '') AS status_code,
               CASE WHEN jsonb_typeof(o.compliance) IS DISTINCT FROM 'object' THEN NULL
                    WHEN o.is_prowler AND o.compliance ->> 'control' IS NULL
                    THEN nonempty(element -> 'unmapped' -> 'compliance')
                    ELSE ocsf_compliance(o.compliance) END AS compliance
        OFFSET 0) c
    CROSS JOIN LATERAL (
        SELECT ocsf_recommendation_key(o.class = '2003' AND NOT o.is_prowler, o.compliance,
                                       o.finding_info, o.event_code, o.title) AS recommendation,
               CASE WHEN o.class = '2003'
                    THEN coalesce(c.status, o.status_code, c.status_code, c.status_id)
                    ELSE coalesce(o.status_code, c.status, c.status_code, c.status_id)
               END AS result,
               CASE WHEN o.class = '2003'
                    THEN ocsf_state(c.status_id, c.status, o.status_code, c.status_code)
                    WHEN o.status_code IS NOT NULL
                    THEN ocsf_state(NULL, NULL, o.status_code, NULL)
                    ELSE ocsf_state(c.status_id, c.status, c.status_code, NULL) END AS state,
               ocsf_time(element, o.time, o.finding_info, c.source) AS observed_at
        OFFSET 0) r
    CROSS JOIN LATERAL ocsf_left_out(
        o.class, element ->> 'class_name', o.is_prowler, o.event_code, r.result, r.state,
        o.is_prowler OR o.compliance IS NOT NULL) l(reason)
    CROSS JOIN LATERAL (
        -- A closed finding no longer reports a failure. A finding that a person
        -- marked as resolved fails until the check passes.
        SELECT CASE WHEN lower(o.status) IN ('suppressed', 'archived', 'deleted')
                    THEN 'not_applicable'
                    WHEN o.activity = 'Close' AND r.state = 'non_compliant' THEN 'not_applicable'
                    WHEN r.result IS NULL AND (o.activity = 'Close' OR lower(o.status) = 'resolved')
                    THEN 'compliant'
                    ELSE r.state END AS state,
               CASE WHEN r.state = 'not_applicable' OR o.status <> 'New' OR o.activity = 'Close'
                         OR o.status_detail <> o.message
                    THEN jsonb_strip_nulls(jsonb_build_object(
                        'status_detail', nullif(o.status_detail, o.message),
                        'result', CASE
                            WHEN r.state = 'not_applicable' OR o.activity = 'Close'
                                 OR lower(o.status) IN ('suppressed', 'archived', 'deleted')
                            THEN r.result END,
                        'status', nullif(o.status, 'New'),
                        'activity', CASE WHEN o.activity = 'Close'
                                         THEN o.activity END)) END AS status_details
        OFFSET 0) s
    OFFSET 0;
END;
COMMENT ON FUNCTION posture_internal.ocsf_finding(jsonb, text) IS
    'returns what an OCSF event reports, apart from its resources; '
    'error is why it can''t be loaded, or is not meant to be if state is left_out; or NULL';

-- A host may come as the device, and an account only as the account of the cloud.
CREATE FUNCTION posture_internal.ocsf_resources(element jsonb, resources jsonb)
    RETURNS TABLE (path text, resource jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT '.resources[0]', resources -> 0
    WHERE jsonb_typeof(resources) = 'array' AND resources -> 0 IS NOT NULL
    UNION ALL
    SELECT '.resources[' || n || ']', resources -> n
    FROM generate_series(1, CASE jsonb_typeof(resources)
                            WHEN 'array' THEN jsonb_array_length(resources) END - 1) n
    WHERE jsonb_typeof(resources) = 'array' AND resources -> 1 IS NOT NULL
    UNION ALL
    SELECT CASE WHEN jsonb_typeof(resources) = 'object' THEN '.resources'
                WHEN jsonb_typeof(element -> 'resource') = 'object' THEN '.resource'
                WHEN jsonb_typeof(element -> 'device') = 'object' THEN '.device'
                WHEN json_text(element -> 'cloud' -> 'account' -> 'uid') IS NOT NULL
                THEN '.cloud.account'
                ELSE '' END,
           CASE WHEN jsonb_typeof(resources) = 'object' THEN resources
                WHEN jsonb_typeof(element -> 'resource') = 'object' THEN element -> 'resource'
                WHEN jsonb_typeof(element -> 'device') = 'object'
                THEN '{"type": "device"}' || (element -> 'device')
                WHEN json_text(element -> 'cloud' -> 'account' -> 'uid') IS NOT NULL
                THEN '{"type": "account"}' || (element -> 'cloud' -> 'account') END
    WHERE coalesce(jsonb_typeof(resources) <> 'array' OR resources = '[]', true);
END;
COMMENT ON FUNCTION posture_internal.ocsf_resources(jsonb, jsonb) IS
    'returns the resources that an OCSF event is about, else its device, '
    'else its cloud account; resource is NULL if it has none of them';

-- A name identifies a resource within its namespace. A host that has no other name than localhost
-- is told apart by what else it has.
CREATE FUNCTION posture_internal.ocsf_asset(
    path text, resource jsonb, provider text, account text, event_region text)
    RETURNS TABLE (error text, asset text, former_asset text, kind text, name text, region text,
                   data jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN resource IS NULL THEN 'missing resources'
                WHEN jsonb_typeof(resource) <> 'object'
                THEN substr(path, 2) || ': ' || not_object_error(resource)
                WHEN i.uid IS NULL AND i.name IS NULL
                THEN 'missing ' || substr(path, 2) || '.uid'
                WHEN k.id IS NULL THEN no_host_error(substr(path, 2), coalesce(i.uid, i.name)) END,
           asset_key(k.id, i.kind, provider, account, i.region),
           coalesce(i.uid, CASE WHEN i.name IS NOT NULL
                                THEN concat_ws('/', account, i.region, i.namespace, i.name) END),
           i.kind, i.name, i.region, i.data
    FROM (SELECT json_text(resource -> 'uid') AS uid,
                 coalesce(json_text(resource -> 'name'), json_text(resource -> 'hostname')) AS name,
                 json_text(resource -> 'hostname') AS hostname,
                 coalesce(json_text(resource -> 'instance_uid'), json_text(resource -> 'uid_alt'),
                          json_text(resource -> 'mac'),
                          json_text(resource #> '{network_interfaces,0,mac}'),
                          named_host(json_text(resource -> 'ip'))) AS address,
                 CASE WHEN provider = 'aws' AND lower(resource ->> 'type') = 'account'
                      THEN 'awsaccount' ELSE resource_kind(resource ->> 'type') END AS kind,
                 coalesce(nullif(resource ->> 'region', ''), event_region) AS region,
                 nullif(resource ->> 'namespace', '') AS namespace,
                 resource -> 'data' AS data
          OFFSET 0) i
    CROSS JOIN LATERAL (
        SELECT coalesce(named_host(i.uid),
                        CASE WHEN n.name IS NOT NULL
                             THEN concat_ws('/', CASE WHEN account IS NULL THEN i.region END,
                                            i.namespace, n.name) END,
                        coalesce(i.uid, i.name) || '/' || i.address,
                        CASE WHEN account IS NOT NULL THEN coalesce(i.uid, i.name) END) AS id
        FROM (SELECT coalesce(named_host(i.name), named_host(i.hostname)) AS name) n
        OFFSET 0) k
    OFFSET 0;
END;
COMMENT ON FUNCTION posture_internal.ocsf_asset(text, jsonb, text, text, text) IS
    'returns the asset that a resource of OCSF is: its uid, or its name within its namespace, as '
    'asset_key() makes a key of it, and the key that earlier versions gave it; '
    'error is why the resource is not an asset, or NULL';

-- Prowler writes none of these fields about a finding.
CREATE FUNCTION posture_internal.ocsf_nested_details(element jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'labels', nullif(element -> 'metadata' -> 'labels', '[]'),
        'unmapped', CASE WHEN jsonb_typeof(element -> 'unmapped') = 'object'
                    THEN nullif((element -> 'unmapped') - 'compliance', '{}') END,
        'compliance', CASE WHEN jsonb_typeof(element -> 'compliance') = 'object'
                      THEN nullif((element -> 'compliance')
                                  - '{control,requirements,standards,compliance_references,'
                                    'compliance_standards,category,desc,status_id}'::text[],
                                  '{}') END,
        'finding_info', CASE WHEN jsonb_typeof(element -> 'finding_info') = 'object'
                        THEN nullif((element -> 'finding_info')
                                    - '{uid,title,desc,types,analytic,product,product_uid,name,'
                                      'created_time,created_time_dt,modified_time,modified_time_dt,'
                                      'first_seen_time,first_seen_time_dt,'
                                      'last_seen_time,last_seen_time_dt}'::text[], '{}') END));
COMMENT ON FUNCTION posture_internal.ocsf_nested_details(jsonb) IS
    'returns the details of an OCSF finding that are in objects about its recommendation';

CREATE FUNCTION posture_internal.ocsf_details(
    element jsonb, data jsonb, is_prowler boolean, message text, status_details jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(
        CASE WHEN message IS NULL THEN '{}' ELSE jsonb_build_object('message', message) END
        || coalesce(status_details, '{}')
        || CASE WHEN is_prowler THEN '{}' ELSE ocsf_nested_details(element) END
        -- The rest are fields that no other function reads.
        || (element - '{message,status_detail,status,status_id,status_code,activity_id,'
                      'activity_name,metadata,unmapped,compliance,finding_info,severity,'
                      'severity_id,resources,resource,cloud,remediation,risk_details,class_uid,'
                      'class_name,category_uid,category_name,type_uid,type_name,time,time_dt,'
                      'event_time,start_time,start_time_dt,end_time,end_time_dt,'
                      'timezone_offset,count,duration,raw_data,raw_data_hash,'
                      'raw_data_size}'::text[])
        || CASE WHEN data IS NULL OR data IN ('null', '""', '{}', '{"details": ""}',
                                              '{"details": "", "metadata": {}}')
                THEN '{}' ELSE jsonb_build_object('data', data) END,
        '{}');
COMMENT ON FUNCTION posture_internal.ocsf_details(jsonb, jsonb, boolean, text, jsonb) IS
    'returns the details of an OCSF finding: what is not about its recommendation or its asset, '
    'without the times and ids of one scan';

-- A file of Prowler is of a whole account. Security Hub reports the findings of one region, unless
-- regions are aggregated, and so does Inspector. Prowler has no cloud object for Kubernetes, and
-- names the provider and the context among unmapped fields.
CREATE FUNCTION posture_internal.ocsf_extent(
    element jsonb, product text, account text, region text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN extent_key(
        lower(coalesce(json_text(element -> 'cloud' -> 'provider'),
                       json_text(element -> 'unmapped' -> 'provider'))),
        coalesce(account, json_text(element -> 'unmapped' -> 'provider_uid'), 'no account'),
        CASE WHEN check_source(product, NULL) ~ '^(security-hub|((aws|amazon)-)?inspector)$'
             THEN region END);
COMMENT ON FUNCTION posture_internal.ocsf_extent(jsonb, text, text, text) IS
    'returns the extent of an OCSF finding: its account, and for Security Hub and Inspector its '
    'region';

CREATE FUNCTION posture_internal.ocsf_is_vulnerability(element jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(element ->> 'class_uid' = '2002', false);
COMMENT ON FUNCTION posture_internal.ocsf_is_vulnerability(jsonb) IS
    'whether an OCSF event is a vulnerability finding';

CREATE FUNCTION posture_internal.ocsf_check_results(document jsonb, of_source text)
    RETURNS SETOF check_result
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT e.location || CASE WHEN f.error IS NULL THEN coalesce(r.path, '') ELSE '' END,
           coalesce(f.error, a.error),
           CASE WHEN jsonb_typeof(e.element) = 'object' AND f.class IS NOT NULL
                     AND f.state IS DISTINCT FROM 'left_out'
                THEN f.source END,
           f.product, f.recommendation, f.title, a.asset, a.kind, a.name, a.region, f.state,
           f.observed_at,
           coalesce(f.uid, e.location), f.message, f.compliance,
           CASE WHEN coalesce(f.error, a.error) IS NULL
                THEN ocsf_details(o.element, a.data, f.is_prowler, f.message, f.status_details) END,
           CASE WHEN f.state = 'left_out' THEN jsonb_build_object('reason', f.error)
                WHEN f.error IS NOT NULL OR a.error IS NULL OR o.element ? 'resources'
                THEN o.element
                ELSE o.element
                     || jsonb_build_object('resources', jsonb_build_array(r.resource)) END,
           r.resource, coalesce(f.region, a.region), a.former_asset,
           CASE WHEN f.is_prowler THEN f.provider END,
           ocsf_extent(e.element, f.product, f.account, coalesce(f.region, a.region)),
           NULL::vulnerability[]
    FROM finding_element(document) d
    CROSS JOIN LATERAL (
        SELECT d.location, ocsf_element(d.element) AS element
        WHERE NOT ocsf_is_vulnerability(d.element) OFFSET 0) e
    CROSS JOIN LATERAL ocsf_finding(e.element, of_source) f
    CROSS JOIN LATERAL (
        -- An element is returned once for each of its resources, and without
        -- them: the size of the result would grow with the square of their number.
        SELECT CASE WHEN f.error IS NOT NULL THEN d.element
                    WHEN f.resources -> 1 IS NOT NULL AND jsonb_typeof(f.resources) = 'array'
                    THEN e.element - 'resources' ELSE e.element END AS element
        OFFSET 0) o
    -- of an element with an error, the first resource says what it is about
    LEFT JOIN LATERAL ocsf_resources(e.element, f.resources) r
        ON f.error IS NULL OR f.state IS DISTINCT FROM 'left_out' AND r.path !~ '[1-9]'
    CROSS JOIN LATERAL ocsf_asset(r.path, r.resource, f.provider, f.account, f.region) a;
END;
COMMENT ON FUNCTION posture_internal.ocsf_check_results(jsonb, text) IS
    'returns a row for each resource of each finding in an OCSF document but of vulnerabilities';

CREATE FUNCTION posture_internal.ocsf_severity(severity_id text, severity text) RETURNS importance
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE severity_id WHEN '1' THEN 'low' WHEN '2' THEN 'low' WHEN '3' THEN 'medium'
                            WHEN '4' THEN 'high' WHEN '5' THEN 'critical' WHEN '6' THEN 'critical'
                            ELSE severity(severity) END;
COMMENT ON FUNCTION posture_internal.ocsf_severity(text, text) IS
    'returns the severity for a severity_id of OCSF, else for a name; NULL if it is not known';

-- Most arguments are parts of the element, which the caller extracts once.
CREATE FUNCTION posture_internal.ocsf_recommendation(
    key text, element jsonb, finding_info jsonb, remediation jsonb, unmapped jsonb,
    is_prowler boolean, severity importance, service jsonb, compliance jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'key', key, 'title', coalesce(nullif(finding_info ->> 'title', ''), key),
        'description', coalesce(nullif(finding_info ->> 'desc', ''),
                                nullif(element -> 'compliance' ->> 'desc', '')),
        'remediation', nullif(remediation ->> 'desc', ''),
        'markup', markup(concat_ws(E'\n', coalesce(finding_info ->> 'desc',
                                                   element -> 'compliance' ->> 'desc'),
                                   remediation ->> 'desc'),
                         CASE WHEN is_prowler THEN 'markdown' ELSE 'plain' END),
        'severity', severity,
        'workload', CASE WHEN is_prowler THEN nullif(service ->> 'name', '') END,
        'manage_url', jsonb_path_query_first(
            remediation -> 'references', '$[*] ? (@ like_regex "^https?://" flag "i")'),
        'details', nullif(
            CASE WHEN is_prowler AND jsonb_typeof(unmapped) = 'object' THEN
                -- Other fields are of the scan or of the account, not of the check.
                jsonb_strip_nulls(jsonb_build_object(
                    'related_url', nullif(unmapped ->> 'related_url', ''),
                    'notes', nullif(unmapped ->> 'notes', ''),
                    'check_type', nullif(unmapped ->> 'check_type', ''),
                    'categories', nonempty(unmapped -> 'categories'),
                    'depends_on', nonempty(unmapped -> 'depends_on'),
                    'related_to', nonempty(unmapped -> 'related_to'),
                    'additional_urls', nonempty(unmapped -> 'additional_urls')))
            ELSE '{}' END
            || jsonb_strip_nulls(jsonb_build_object(
                'severity', nullif(lower(nullif(element ->> 'severity', '')), severity::text),
                'risk', nullif(element ->> 'risk_details', ''),
                'references', nonempty(remediation -> 'references'),
                'remediation', CASE WHEN jsonb_typeof(remediation) = 'object'
                               THEN nonempty(remediation - '{desc,references}'::text[]) END,
                'types', nonempty(finding_info -> 'types'),
                'analytic', nonempty(finding_info -> 'analytic'),
                'feature', nonempty(element -> 'metadata' -> 'product' -> 'feature'),
                'compliance', nonempty(CASE jsonb_typeof(unmapped -> 'compliance')
                                       WHEN 'object' THEN unmapped -> 'compliance'
                                       ELSE '{}' END || coalesce(compliance, '{}')))), '{}')));
COMMENT ON FUNCTION posture_internal.ocsf_recommendation(
    text, jsonb, jsonb, jsonb, jsonb, boolean, importance, jsonb, jsonb) IS
    'returns the recommendation of an OCSF finding as an object of format posture';

CREATE FUNCTION posture_internal.ocsf_tags(
    element jsonb, cloud jsonb, account jsonb, resource jsonb, region text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object(
            'account', coalesce(nullif(account ->> 'uid', ''),
                                json_text(element -> 'unmapped' -> 'provider_uid')),
            'account_name', nullif(account ->> 'name', ''),
            'account_labels', nullif(account -> 'labels', '[]'),
            'account_tags', nullif(account -> 'tags', '[]'),
            'org', nullif(cloud -> 'org' ->> 'uid', ''),
            'org_name', nullif(cloud -> 'org' ->> 'name', ''),
            'org_unit', nullif(cloud -> 'org' ->> 'ou_name', ''),
            'tenant', nullif(element -> 'metadata' ->> 'tenant_uid', ''),
            'project', nullif(cloud ->> 'project_uid', ''),
            'provider', ocsf_provider(element, cloud, element -> 'finding_info'),
            'partition', coalesce(nullif(resource ->> 'cloud_partition', ''),
                                  nullif(cloud ->> 'cloud_partition', '')),
            'region', region,
            'namespace', nullif(resource ->> 'namespace', ''),
            'labels', nullif(resource -> 'labels', '[]'),
            'tags', nullif(nullif(resource -> 'tags', '[]'), '{}'),
            'group', CASE WHEN element -> 'metadata' -> 'product' ->> 'name' ILIKE 'prowler'
                          THEN NULL ELSE nullif(resource -> 'group', '{}') END))
        || (resource - '{uid,name,type,type_id,region,namespace,labels,tags,group,data,'
                       'cloud_partition,created_time,created_time_dt,'
                       'modified_time,modified_time_dt,first_seen_time,first_seen_time_dt,'
                       'last_seen_time,last_seen_time_dt,boot_time,boot_time_dt}'::text[]);
COMMENT ON FUNCTION posture_internal.ocsf_tags(jsonb, jsonb, jsonb, jsonb, text) IS
    'returns the tags of the asset that an OCSF finding is about';
