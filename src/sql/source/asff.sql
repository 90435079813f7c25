/*
 * Format asff: findings of AWS Security Hub, its own and those that other
 * products send to it. Those of vulnerabilities are in vulnerability_result.
 */

-- Products name themselves in several fields. Security Hub calls a product that
-- was not made for it "default", of company "Personal".
CREATE FUNCTION posture_internal.asff_product(element jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(json_text(element -> 'ProductFields' -> 'ProviderName'),
                    nullif(json_text(element -> 'ProductName'), 'Default'),
                    nullif(json_text(element -> 'ProductFields' -> 'aws/securityhub/ProductName'),
                           'Default'),
                    nullif(substring(json_text(element -> 'ProductArn')
                                     FROM ':product/[^/]+/([^/]+)$'), 'default'),
                    nullif(json_text(element -> 'CompanyName'), 'Personal'));
COMMENT ON FUNCTION posture_internal.asff_product(jsonb) IS
    'returns the name of the product that sent an ASFF finding; NULL if the finding names none';

-- The last part of a GeneratorId is a control of Security Hub if it has a letter
-- (S3.1). A bare number (1.3) means something only within its ruleset.
CREATE FUNCTION posture_internal.asff_control(generator text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN generator ~ '^(security-control|[^/]+/v/[^/]+)/[^/]*[A-Za-z][^/]*$'
        THEN substring(generator FROM '[^/]+$')
        WHEN generator ~ ':ruleset/.*/rule/[^/]*[A-Za-z][^/]*$'
        THEN substring(generator FROM '[^/]+$')
        WHEN generator ~ '^arn:[^/]*:ruleset/.' THEN substring(generator FROM ':ruleset/(.*)$')
        WHEN generator ~ '^prowler-.' THEN substr(generator, 9)
        ELSE generator END;
COMMENT ON FUNCTION posture_internal.asff_control(text) IS
    'returns the control that a GeneratorId of ASFF names; '
    'the whole id if it has none of the known forms';

-- WARNING is a check without a result: in Security Hub a control of unknown
-- status, in Prowler a muted finding. INFOED is what Prowler 3 writes for INFO.
CREATE FUNCTION posture_internal.asff_state(status text, record_state text, workflow text)
    RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN status NOT IN ('PASSED', 'FAILED', 'WARNING', 'NOT_AVAILABLE', 'INFOED')
                THEN NULL
                WHEN record_state = 'ARCHIVED' OR workflow = 'SUPPRESSED' THEN 'not_applicable'
                WHEN status = 'PASSED' THEN 'compliant'
                WHEN status = 'FAILED' THEN 'non_compliant'
                WHEN status IS NOT NULL THEN 'not_applicable' END;
COMMENT ON FUNCTION posture_internal.asff_state(text, text, text) IS
    'returns the state for a Compliance.Status, '
    'not_applicable if the finding is archived or suppressed; NULL if the status is not known';

CREATE FUNCTION posture_internal.asff_is_other(element jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN element ?| '{SchemaVersion,ProductArn,GeneratorId}'
           AND jsonb_typeof(element) = 'object'
           AND coalesce(element -> 'Compliance', 'null') IN ('null', '{}');
COMMENT ON FUNCTION posture_internal.asff_is_other(jsonb) IS
    'whether an ASFF finding is not of a check, but of a threat or a vulnerability';

CREATE FUNCTION posture_internal.asff_is_vulnerability(element jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN asff_is_other(element)
           AND coalesce(jsonb_typeof(element -> 'Vulnerabilities' -> 0) = 'object', false);
COMMENT ON FUNCTION posture_internal.asff_is_vulnerability(jsonb) IS
    'whether an ASFF finding is of vulnerabilities, such as one of Inspector';

CREATE FUNCTION posture_internal.asff_workflow(element jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN element ->> 'WorkflowState' = 'SUPPRESSED' THEN 'SUPPRESSED'
                ELSE coalesce(nullif(element -> 'Workflow' ->> 'Status', ''),
                              nullif(element ->> 'WorkflowState', '')) END;
COMMENT ON FUNCTION posture_internal.asff_workflow(jsonb) IS
    'returns what became of an ASFF finding, such as SUPPRESSED; NULL if it does not say';

-- LastObservedAt is when the resource changed, UpdatedAt when the record was written. The state
-- is known to hold at the later of them.
CREATE FUNCTION posture_internal.asff_time(
    last_observed text, updated text, created text, of_source text) RETURNS timestamptz
    LANGUAGE sql STABLE
    RETURN coalesce(greatest(parse_time(last_observed, 'UTC', of_source),
                             parse_time(updated, 'UTC', of_source)),
                    parse_time(created, 'UTC', of_source));
COMMENT ON FUNCTION posture_internal.asff_time(text, text, text, text) IS
    'returns the time of an ASFF finding; NULL if it has none that can be read';

CREATE FUNCTION posture_internal.asff_finding(element jsonb, of_source text)
    RETURNS TABLE (error text, is_finding boolean, source text, product text, recommendation text,
                   title text, uid text, state text, observed_at timestamptz, message text,
                   workflow text, compliance jsonb)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE
               WHEN jsonb_typeof(element) <> 'object' THEN not_object_error(element)
               WHEN NOT f.is_finding
               THEN 'no SchemaVersion, ProductArn or GeneratorId: not a finding of ASFF'
               WHEN f.is_left_out
               THEN 'without Compliance: not a compliance finding'
                    || coalesce(' but one of ' || left(f.product, 60), '')
               WHEN c.status IS NULL THEN 'missing Compliance.Status'
               WHEN s.state IS NULL
               THEN format('unrecognized Compliance.Status "%s"', left(c.status, 100))
               WHEN f.recommendation IS NULL THEN 'missing GeneratorId'
               WHEN s.observed_at IS NULL
                    AND coalesce(f.last_observed, f.updated, f.created) IS NOT NULL
               THEN format('invalid time: "%s"',
                           left(coalesce(f.last_observed, f.updated, f.created), 40))
               WHEN jsonb_typeof(element -> 'Resources') IS DISTINCT FROM 'array'
                    OR element -> 'Resources' = '[]' THEN 'missing Resources' END,
           f.is_finding AND NOT f.is_left_out, f.source, f.product, f.recommendation, f.title,
           f.uid, CASE WHEN f.is_left_out THEN 'left_out' ELSE s.state END, s.observed_at,
           s.message, c.workflow, c.compliance
    FROM (SELECT element ?| '{SchemaVersion,ProductArn,GeneratorId,Resources,Compliance}'
                 AND jsonb_typeof(element) = 'object' AS is_finding,
                 asff_is_other(element) AS is_left_out,
                 p.product,
                 coalesce(of_source, p.product_source, 'asff') AS source,
                 coalesce(p.product_source = 'security-hub', false) AS is_hub,
                 coalesce(json_text(element -> 'Compliance' -> 'SecurityControlId'),
                          asff_control(json_text(element -> 'GeneratorId'))) AS recommendation,
                 json_text(element -> 'Title') AS title,
                 json_text(element -> 'Id') AS uid,
                 json_text(element -> 'Description') AS description,
                 json_text(element -> 'ProductFields' -> 'aws/securityhub/annotation')
                     AS annotation,
                 json_text(element -> 'LastObservedAt') AS last_observed,
                 json_text(element -> 'UpdatedAt') AS updated,
                 json_text(element -> 'CreatedAt') AS created,
                 element -> 'Compliance' AS compliance
          FROM (SELECT n.product, CASE WHEN n.product IS NOT NULL
                                       THEN check_source(n.product, NULL) END AS product_source
                FROM (SELECT asff_product(element) AS product OFFSET 0) n
                OFFSET 0) p
          OFFSET 0) f
    CROSS JOIN LATERAL (
        SELECT json_text(f.compliance -> 'Status') AS status,
               asff_workflow(element) AS workflow,
               CASE WHEN jsonb_typeof(f.compliance) = 'object' THEN
                   nullif(jsonb_strip_nulls(jsonb_build_object(
                       'RelatedRequirements', f.compliance -> 'RelatedRequirements',
                       'AssociatedStandards', f.compliance -> 'AssociatedStandards')), '{}')
               END AS compliance
        OFFSET 0) c
    CROSS JOIN LATERAL (
        SELECT asff_state(c.status, nullif(element ->> 'RecordState', ''), c.workflow) AS state,
               asff_time(f.last_observed, f.updated, f.created, f.source) AS observed_at,
               -- Security Hub describes the control, other products the finding.
               coalesce(f.annotation, CASE WHEN NOT f.is_hub THEN f.description END) AS message
        OFFSET 0) s
    OFFSET 0;
END;
COMMENT ON FUNCTION posture_internal.asff_finding(jsonb, text) IS
    'returns what an ASFF finding reports, apart from its resources; '
    'error is why it can''t be loaded, or is not meant to be if state is left_out; or NULL';

-- The converter of MITRE SAF adds the source code of a control as a resource of its own.
CREATE FUNCTION posture_internal.asff_is_code(resource jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(resource ->> 'Type' = 'AwsIamRole'
                    AND resource ->> 'Id' LIKE '% Validation Code', false);
COMMENT ON FUNCTION posture_internal.asff_is_code(jsonb) IS
    'whether a resource of ASFF is the source code of a control, which is not an asset';

CREATE FUNCTION posture_internal.asff_region(element jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(json_text(element -> 'Region'),
                    substring(json_text(element -> 'ProductArn')
                              FROM '^arn:[^:]*:securityhub:([^:]+):'));
COMMENT ON FUNCTION posture_internal.asff_region(jsonb) IS
    'returns the region of the Security Hub that has an ASFF finding; NULL if it names none';

CREATE FUNCTION posture_internal.asff_resource(element jsonb, resources jsonb)
    RETURNS TABLE (n integer, error text, asset text, kind text, region text, resource jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.n,
           CASE WHEN jsonb_typeof(r.resource) <> 'object'
                THEN format('Resources[%s]: %s', r.n, not_object_error(r.resource))
                WHEN i.id IS NULL THEN format('missing Resources[%s].Id', r.n)
                WHEN named_host(i.id) IS NULL AND i.account IS NULL
                THEN no_host_error(format('Resources[%s]', r.n), i.id) END,
           asset_key(i.id, i.kind, 'aws', i.account, i.region), i.kind, i.region, r.resource
    FROM (SELECT n, resources -> n AS resource
          FROM generate_series(0, CASE jsonb_typeof(resources)
                                  WHEN 'array' THEN jsonb_array_length(resources) END - 1) n
          OFFSET 0) r
    CROSS JOIN LATERAL (
        SELECT json_text(r.resource -> 'Id') AS id,
               resource_kind(json_text(r.resource -> 'Type')) AS kind,
               json_text(element -> 'AwsAccountId') AS account,
               coalesce(json_text(r.resource -> 'Region'), asff_region(element)) AS region
        OFFSET 0) i
    WHERE NOT asff_is_code(r.resource) OR resources -> 1 IS NULL
    OFFSET 0;
END;
COMMENT ON FUNCTION posture_internal.asff_resource(jsonb, jsonb) IS
    'returns the resources of an ASFF finding, each with the key, the kind and the region of its '
    'asset; error is why a resource is not an asset, or NULL';

CREATE FUNCTION posture_internal.asff_details(
    element jsonb, resource jsonb, message text, state text, workflow text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(
        jsonb_strip_nulls(jsonb_build_object(
            'message', message,
            'status', CASE WHEN state = 'not_applicable'
                      THEN element -> 'Compliance' -> 'Status' END,
            'status_reasons', element -> 'Compliance' -> 'StatusReasons',
            'parameters', element -> 'Compliance' -> 'SecurityControlParameters',
            'record_state', nullif(json_text(element -> 'RecordState'), 'ACTIVE'),
            'workflow', nullif(workflow, 'NEW'),
            'role', resource -> 'ResourceRole',
            'product_fields', CASE WHEN jsonb_typeof(element -> 'ProductFields') = 'object'
                              THEN nullif((element -> 'ProductFields')
                                          - '{ProviderName,ProviderVersion,'
                                            'aws/securityhub/FindingId,aws/securityhub/ProductName,'
                                            'aws/securityhub/CompanyName,'
                                            'aws/securityhub/SeverityLabel,'
                                            'aws/securityhub/annotation}'::text[], '{}') END,
            'provider_fields', CASE WHEN jsonb_typeof(element -> 'FindingProviderFields') = 'object'
                               THEN nullif(
                                   CASE WHEN element -> 'FindingProviderFields' -> 'Types'
                                             = element -> 'Types'
                                        THEN (element -> 'FindingProviderFields')
                                             - '{Severity,Types}'::text[]
                                        ELSE (element -> 'FindingProviderFields') - 'Severity'
                                   END, '{}') END))
        -- The rest are fields that no other function reads.
        || (element - '{SchemaVersion,Id,ProductArn,ProductName,CompanyName,Region,GeneratorId,'
                      'AwsAccountId,AwsAccountName,Types,FirstObservedAt,LastObservedAt,CreatedAt,'
                      'UpdatedAt,ProcessedAt,Severity,Title,Description,Remediation,Resources,'
                      'Compliance,Workflow,WorkflowState,RecordState,ProductFields,'
                      'FindingProviderFields}'::text[])
        || CASE WHEN resource -> 'Details' IN ('null', '{}') OR NOT resource ? 'Details'
                THEN '{}' ELSE jsonb_build_object('details', resource -> 'Details') END
        || CASE WHEN resource ? 'DataClassification'
                THEN jsonb_build_object('data_classification', resource -> 'DataClassification')
                ELSE '{}' END,
        '{}');
COMMENT ON FUNCTION posture_internal.asff_details(jsonb, jsonb, text, text, text) IS
    'returns the details of an ASFF finding: what is not about its recommendation or its asset, '
    'without the times and ids of one scan';

-- The region is the one of the Security Hub that has the finding, which may be about an account.
CREATE FUNCTION posture_internal.asff_extent(element jsonb, resource_region text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN extent_key(
        'aws', coalesce(json_text(element -> 'AwsAccountId'), 'no account'),
        coalesce(asff_region(element), resource_region));
COMMENT ON FUNCTION posture_internal.asff_extent(jsonb, text) IS
    'returns the extent of an ASFF finding: its account and region';

CREATE FUNCTION posture_internal.asff_check_results(document jsonb, of_source text)
    RETURNS SETOF check_result
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT e.location || CASE WHEN f.error IS NULL THEN '.Resources[' || r.n || ']' ELSE '' END,
           coalesce(f.error, r.error),
           CASE WHEN f.is_finding THEN f.source END,
           f.product, f.recommendation, f.title, r.asset, r.kind, NULL, r.region, f.state,
           f.observed_at,
           coalesce(f.uid, e.location), f.message, f.compliance,
           CASE WHEN coalesce(f.error, r.error) IS NULL
                THEN asff_details(o.element, r.resource, f.message, f.state, f.workflow) END,
           CASE WHEN f.state = 'left_out' THEN jsonb_build_object('reason', f.error)
                WHEN r.error IS NULL OR o.element ? 'Resources' THEN o.element
                ELSE o.element
                     || jsonb_build_object('Resources', jsonb_build_array(r.resource)) END,
           r.resource, coalesce(asff_region(o.element), r.region),
           json_text(r.resource -> 'Id'), CASE WHEN f.product ILIKE 'prowler' THEN 'aws' END,
           asff_extent(e.element, r.region), NULL::vulnerability[]
    FROM finding_element(document) e
    CROSS JOIN LATERAL asff_finding(e.element, of_source) f
    CROSS JOIN LATERAL (
        -- An element is returned once for each of its resources, and without
        -- them: the size of the result would grow with the square of their number.
        SELECT CASE WHEN f.error IS NULL AND e.element -> 'Resources' -> 1 IS NOT NULL
                    THEN e.element - 'Resources' ELSE e.element END AS element,
               e.element -> 'Resources' AS resources
        OFFSET 0) o
    -- of an element with an error, the first resource says what it is about
    LEFT JOIN LATERAL asff_resource(e.element, o.resources) r
        ON f.error IS NULL OR f.is_finding AND r.n = 0
    WHERE NOT asff_is_vulnerability(e.element);
END;
COMMENT ON FUNCTION posture_internal.asff_check_results(jsonb, text) IS
    'returns a row for each resource of each finding in an ASFF document but of vulnerabilities';

-- The ranges are those that AWS documents for Normalized. Product has the same
-- scale where Security Hub sets it.
CREATE FUNCTION posture_internal.asff_severity(severity jsonb, provider_label text)
    RETURNS importance
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(
        severity(severity ->> 'Label'),
        CASE width_bucket(coalesce(json_number(severity -> 'Normalized'),
                                   json_number(severity -> 'Product')),
                          '{0,40,70,90,101}'::numeric[])
            WHEN 1 THEN 'low' WHEN 2 THEN 'medium' WHEN 3 THEN 'high'
            WHEN 4 THEN 'critical' END::importance,
        severity(provider_label), severity(severity ->> 'Original'));
COMMENT ON FUNCTION posture_internal.asff_severity(jsonb, text) IS
    'returns the severity of an ASFF finding: by its label, else by its score of 0 to 100, '
    'else by the label of its provider; NULL if none is known';

-- Prowler's Description is about the finding, not about the check.
CREATE FUNCTION posture_internal.asff_recommendation(
    key text, element jsonb, remediation jsonb, is_prowler boolean, severity importance,
    compliance jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'key', key, 'title', coalesce(json_text(element -> 'Title'), key),
        'description', CASE WHEN NOT is_prowler THEN json_text(element -> 'Description') END,
        'remediation', nullif(remediation ->> 'Text', ''),
        'markup', markup(concat_ws(
            E'\n', CASE WHEN NOT is_prowler THEN element ->> 'Description' END,
            remediation ->> 'Text')),
        'severity', severity,
        'manage_url', CASE WHEN remediation ->> 'Url' ~* '^https?://'
                      THEN remediation ->> 'Url' END,
        'details', nullif(jsonb_strip_nulls(jsonb_build_object(
            'severity', nullif(lower(nullif(element -> 'Severity' ->> 'Label', '')),
                               severity::text),
            'references', CASE WHEN nullif(remediation ->> 'Url', '') IS NOT NULL
                          THEN jsonb_build_array(remediation -> 'Url') END,
            'remediation', CASE WHEN jsonb_typeof(element -> 'Remediation') = 'object'
                           THEN nonempty((element -> 'Remediation') - 'Recommendation') END,
            'types', nonempty(element -> 'Types'),
            'generator', nonempty(element -> 'GeneratorId'),
            'compliance', compliance)), '{}')));
COMMENT ON FUNCTION posture_internal.asff_recommendation(
    text, jsonb, jsonb, boolean, importance, jsonb) IS
    'returns the recommendation of an ASFF finding as an object of format posture';

CREATE FUNCTION posture_internal.asff_tags(element jsonb, resource jsonb, region text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object(
            'account', nullif(element ->> 'AwsAccountId', ''),
            'account_name', nullif(element ->> 'AwsAccountName', ''),
            'provider', 'aws',
            'partition', nullif(resource ->> 'Partition', ''),
            'region', region,
            'tags', nullif(resource -> 'Tags', '{}'),
            'application', nullif(resource ->> 'ApplicationName', ''),
            'application_arn', nullif(resource ->> 'ApplicationArn', '')))
        || (resource - '{Id,Type,Partition,Region,Tags,ApplicationName,ApplicationArn,ResourceRole,'
                       'Details,DataClassification}'::text[]);
COMMENT ON FUNCTION posture_internal.asff_tags(jsonb, jsonb, text) IS
    'returns the tags of the asset that an ASFF finding is about';
