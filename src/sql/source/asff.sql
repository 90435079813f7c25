/*
 * ASFF: findings of AWS Security Hub, its own and those that products send it.
 */

-- Products call themselves in several places; a product that was not made for
-- Security Hub is its product "default" (company "Personal").
CREATE FUNCTION posture_internal.asff_product(element jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(json_text(element -> 'ProductFields' -> 'ProviderName'),
                    nullif(json_text(element -> 'ProductName'), 'Default'),
                    nullif(json_text(element -> 'ProductFields' -> 'aws/securityhub/ProductName'), 'Default'),
                    nullif(substring(json_text(element -> 'ProductArn') FROM ':product/[^/]+/([^/]+)$'), 'default'),
                    nullif(json_text(element -> 'CompanyName'), 'Personal'));
COMMENT ON FUNCTION posture_internal.asff_product(jsonb) IS 'name of the product that sent a finding of ASFF; NULL: it has none of its own';

-- Security Hub's own control is the last part where it has a letter (S3.1);
-- a bare number (1.3) is one only within its ruleset.
CREATE FUNCTION posture_internal.asff_control(generator text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN generator ~ '^(security-control|[^/]+/v/[^/]+)/[^/]*[A-Za-z][^/]*$' THEN substring(generator FROM '[^/]+$')
        WHEN generator ~ ':ruleset/.*/rule/[^/]*[A-Za-z][^/]*$' THEN substring(generator FROM '[^/]+$')
        WHEN generator ~ '^arn:[^/]*:ruleset/.' THEN substring(generator FROM ':ruleset/(.*)$')
        WHEN generator ~ '^prowler-.' THEN substr(generator, 9)
        ELSE generator END;
COMMENT ON FUNCTION posture_internal.asff_control(text) IS 'the control that a GeneratorId of ASFF names; all of it where it has no known form';

-- WARNING is a check that could not tell: Security Hub takes it for a control
-- of unknown status, and Prowler writes it of a finding that was muted.
CREATE FUNCTION posture_internal.asff_state(status text, record_state text, workflow text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN status NOT IN ('PASSED', 'FAILED', 'WARNING', 'NOT_AVAILABLE') THEN NULL
                WHEN record_state = 'ARCHIVED' OR workflow = 'SUPPRESSED' THEN 'not_applicable'
                WHEN status = 'PASSED' THEN 'compliant'
                WHEN status = 'FAILED' THEN 'non_compliant'
                WHEN status IS NOT NULL THEN 'not_applicable' END;
COMMENT ON FUNCTION posture_internal.asff_state(text, text, text) IS 'the state by Compliance.Status, unless the finding was archived or suppressed; NULL: not known';

CREATE FUNCTION posture_internal.asff_details(element jsonb, resource jsonb, message text, state text, workflow text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(
        jsonb_strip_nulls(jsonb_build_object(
            'message', message,
            'status', CASE WHEN state = 'not_applicable' THEN element -> 'Compliance' -> 'Status' END,
            'status_reasons', element -> 'Compliance' -> 'StatusReasons',
            'parameters', element -> 'Compliance' -> 'SecurityControlParameters',
            'record_state', nullif(json_text(element -> 'RecordState'), 'ACTIVE'),
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
COMMENT ON FUNCTION posture_internal.asff_details(jsonb, jsonb, text, text, text) IS 'details of a finding of ASFF: what is not of its recommendation or asset, without times and ids of one scan';

CREATE FUNCTION posture_internal.asff_result_of(document jsonb, of_source text) RETURNS SETOF check_result
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT e.location || CASE WHEN f.error IS NULL THEN '.Resources[' || r.n || ']' ELSE '' END,
           coalesce(f.error, a.error),
           CASE WHEN o.is_finding THEN coalesce(of_source, o.source) END,
           o.product, o.recommendation, o.title, a.asset,
           lower(json_text(r.resource -> 'Type')), NULL, a.region, k.state, k.observed_at,
           coalesce(o.uid, e.location), k.message, c.compliance,
           CASE WHEN coalesce(f.error, a.error) IS NULL THEN asff_details(w.element, r.resource, k.message, k.state, c.workflow) END,
           CASE WHEN a.error IS NULL OR w.element ? 'Resources' THEN w.element
                ELSE w.element || jsonb_build_object('Resources', jsonb_build_array(r.resource)) END,
           r.resource
    FROM finding_element(document) e
    CROSS JOIN LATERAL (
        SELECT e.element ?| '{SchemaVersion,ProductArn,GeneratorId,Resources,Compliance}' AND jsonb_typeof(e.element) = 'object' AS is_finding,
               p.product,
               coalesce(CASE WHEN p.product IS NOT NULL THEN ocsf_source(p.product, NULL) END, 'asff') AS source,
               coalesce(json_text(e.element -> 'Compliance' -> 'SecurityControlId'),
                        asff_control(json_text(e.element -> 'GeneratorId'))) AS recommendation,
               json_text(e.element -> 'Title') AS title,
               json_text(e.element -> 'Id') AS uid,
               json_text(e.element -> 'Description') AS description,
               json_text(e.element -> 'ProductFields' -> 'aws/securityhub/annotation') AS annotation,
               json_text(e.element -> 'LastObservedAt') AS seen,
               json_text(e.element -> 'UpdatedAt') AS updated,
               json_text(e.element -> 'CreatedAt') AS created,
               e.element -> 'Compliance' AS compliance
        FROM (SELECT asff_product(e.element) AS product OFFSET 0) p
        OFFSET 0) o
    CROSS JOIN LATERAL (
        SELECT json_text(o.compliance -> 'Status') AS status,
               CASE WHEN e.element ->> 'WorkflowState' = 'SUPPRESSED' THEN 'SUPPRESSED'
                    ELSE coalesce(nullif(e.element -> 'Workflow' ->> 'Status', ''), nullif(e.element ->> 'WorkflowState', '')) END AS workflow,
               CASE WHEN jsonb_typeof(o.compliance) = 'object' THEN nullif(jsonb_strip_nulls(jsonb_build_object(
                   'RelatedRequirements', o.compliance -> 'RelatedRequirements',
                   'AssociatedStandards', o.compliance -> 'AssociatedStandards')), '{}') END AS compliance
        OFFSET 0) c
    CROSS JOIN LATERAL (
        SELECT asff_state(c.status, nullif(e.element ->> 'RecordState', ''), c.workflow) AS state,
               -- the one is when the resource was seen to change, the other when the
               -- record was written: the state was known at the later
               coalesce(greatest(parse_time(o.seen), parse_time(o.updated)),
                        parse_time(o.created)) AS observed_at,
               -- Security Hub's own description is of the control, that of others of the finding
               coalesce(o.annotation, CASE WHEN o.source <> 'security-hub' THEN o.description END) AS message
        OFFSET 0) k
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN jsonb_typeof(e.element) <> 'object' THEN not_object_error(e.element)
            WHEN NOT o.is_finding THEN 'no SchemaVersion, ProductArn or GeneratorId: not a finding of ASFF'
            WHEN c.status IS NULL THEN 'missing Compliance.Status: not a compliance finding'
            WHEN k.state IS NULL THEN format('unrecognized Compliance.Status "%s"', left(c.status, 100))
            WHEN o.recommendation IS NULL THEN 'missing GeneratorId'
            WHEN k.observed_at IS NULL AND coalesce(o.seen, o.updated, o.created) IS NOT NULL THEN
                format('time "%s" is no time', left(coalesce(o.seen, o.updated, o.created), 40))
            WHEN jsonb_typeof(e.element -> 'Resources') IS DISTINCT FROM 'array' OR e.element -> 'Resources' = '[]' THEN 'missing Resources'
            END AS error
        OFFSET 0) f
    CROSS JOIN LATERAL (
        SELECT CASE WHEN f.error IS NULL AND e.element -> 'Resources' -> 1 IS NOT NULL THEN e.element - 'Resources' ELSE e.element END AS element,
               e.element -> 'Resources' AS resources
        OFFSET 0) w
    LEFT JOIN LATERAL (
        SELECT n, w.resources -> n AS resource
        FROM generate_series(0, CASE jsonb_typeof(w.resources) WHEN 'array' THEN jsonb_array_length(w.resources) END - 1) n
        OFFSET 0) r ON f.error IS NULL
    CROSS JOIN LATERAL (
        SELECT json_text(r.resource -> 'Id') AS asset,
               coalesce(json_text(r.resource -> 'Region'), json_text(e.element -> 'Region')) AS region,
               CASE WHEN f.error IS NOT NULL THEN NULL
                    WHEN jsonb_typeof(r.resource) <> 'object' THEN format('Resources[%s]: %s', r.n, not_object_error(r.resource))
                    WHEN json_text(r.resource -> 'Id') IS NULL THEN format('missing Resources[%s].Id', r.n) END AS error
        OFFSET 0) a;
END;
COMMENT ON FUNCTION posture_internal.asff_result_of(jsonb, text) IS 'what a document of ASFF says of each resource of each of its findings';

-- by the ranges that AWS documents for Normalized; Product is of the same scale where Security Hub sets it
CREATE FUNCTION posture_internal.asff_severity(severity jsonb, told_label text) RETURNS importance
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(
        severity(severity ->> 'Label'),
        CASE width_bucket(coalesce(json_number(severity -> 'Normalized'), json_number(severity -> 'Product')), '{0,40,70,90,101}'::numeric[])
            WHEN 1 THEN 'low' WHEN 2 THEN 'medium' WHEN 3 THEN 'high' WHEN 4 THEN 'critical' END::importance,
        severity(told_label), severity(severity ->> 'Original'));
COMMENT ON FUNCTION posture_internal.asff_severity(jsonb, text) IS 'severity of a finding of ASFF by its label, else by its score of 0 to 100, else as its provider told it; NULL: not known';

-- Prowler's description is of the finding: who has no second factor
CREATE FUNCTION posture_internal.asff_recommendation(
    key text, element jsonb, remedy jsonb, is_prowler boolean, severity importance, compliance jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'key', key, 'title', coalesce(json_text(element -> 'Title'), key),
        'description', CASE WHEN NOT is_prowler THEN json_text(element -> 'Description') END,
        'remediation', nullif(remedy ->> 'Text', ''),
        'markup', markup(concat_ws(E'\n', CASE WHEN NOT is_prowler THEN element ->> 'Description' END, remedy ->> 'Text')),
        'severity', severity,
        'manage_url', CASE WHEN remedy ->> 'Url' ~* '^https?://' THEN remedy ->> 'Url' END,
        'details', nullif(jsonb_strip_nulls(jsonb_build_object(
            'severity', nullif(lower(nullif(element -> 'Severity' ->> 'Label', '')), severity::text),
            'references', CASE WHEN nullif(remedy ->> 'Url', '') IS NOT NULL THEN jsonb_build_array(remedy -> 'Url') END,
            'remediation', CASE WHEN jsonb_typeof(element -> 'Remediation') = 'object'
                           THEN nonempty((element -> 'Remediation') - 'Recommendation') END,
            'types', nonempty(element -> 'Types'),
            'generator', nonempty(element -> 'GeneratorId'),
            'compliance', compliance)), '{}')));
COMMENT ON FUNCTION posture_internal.asff_recommendation(text, jsonb, jsonb, boolean, importance, jsonb) IS 'the recommendation that a finding of ASFF tells, as an object of format posture';

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
        || (resource - '{Id,Type,Partition,Region,Tags,ApplicationName,ApplicationArn,ResourceRole,Details,DataClassification}'::text[]);
COMMENT ON FUNCTION posture_internal.asff_tags(jsonb, jsonb, text) IS 'tags of the asset that a finding of ASFF is about';
