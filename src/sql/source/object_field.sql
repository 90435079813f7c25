/*
 * The objects of format posture, to which all other formats are translated.
 * object_field() is the only list of their fields and of what these may hold:
 * checks and load() follow it.
 */

CREATE FUNCTION posture.object_field()
    RETURNS TABLE (type text, field text, holds text, is_required boolean, meaning text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
VALUES
    ('source', 'key', 'object_key', true, 'key'),
    ('source', 'name', 'text', false, 'name; the key where it is new'),
    ('source', 'product', 'text', false, 'the product behind it'),
    ('source', 'is_active', 'boolean', false, 'whether its recommendations count'),
    ('source', 'stale_after', 'interval', false, 'how long an asset counts that it has not seen'),
    ('source', 'last_seen', 'timestamptz', false, 'latest observation'),
    ('source', 'time_zone', 'time_zone', false, 'time zone of times in its documents without one'),
    ('source', 'reports', 'reporting', false, 'states of findings, or failures alone'),
    ('asset', 'key', 'object_key', true, 'key'),
    ('asset', 'kind', 'text', false, 'kind'),
    ('asset', 'name', 'text', false, 'name'),
    ('asset', 'criticality', 'text', false, 'low, medium, high or critical'),
    ('asset', 'owner', 'text', false, 'who answers for it'),
    ('asset', 'tags', 'object', false, 'tags; they are added to those that are there'),
    ('asset', 'aliases', 'array', false, 'further keys'),
    ('asset', 'first_seen', 'timestamptz', false, 'first observation'),
    ('asset', 'last_seen', 'timestamptz', false, 'latest observation'),
    ('asset', 'retired_at', 'timestamptz', false, 'since when it no longer counts'),
    ('asset_source', 'source', 'object_key', true, 'source that knows an asset, as an inventory'),
    ('asset_source', 'asset', 'object_key', true, 'the asset'),
    ('asset_source', 'first_seen', 'timestamptz', false, 'when the source saw it first'),
    ('asset_source', 'last_seen', 'timestamptz', false, 'when the source saw it last'),
    ('asset_group', 'key', 'object_key', true, 'key'),
    ('asset_group', 'name', 'text', false, 'name'),
    ('asset_group', 'owner', 'name', false, 'role that answers for it'),
    ('asset_group', 'kinds', 'array', false, 'kinds of assets in it'),
    ('asset_group', 'min_criticality', 'text', false, 'least criticality in it'),
    ('asset_group', 'tags', 'object', false, 'tags of the assets in it'),
    ('asset_group', 'rule', 'object', false, 'attributes, keys and sources of the assets in it'),
    ('recommendation', 'source', 'object_key', true, 'source'),
    ('recommendation', 'key', 'object_key', true, 'key'),
    ('recommendation', 'title', 'text', false, 'title'),
    ('recommendation', 'description', 'text', false, 'what it is about'),
    ('recommendation', 'remediation', 'text', false, 'what to do'),
    ('recommendation', 'markup', 'text', false,
     'how these two are written: plain, html or markdown'),
    ('recommendation', 'severity', 'importance', false, 'critical, high, medium or low'),
    ('recommendation', 'workload', 'text', false, 'service'),
    ('recommendation', 'domain', 'text', false, 'area'),
    ('recommendation', 'max_points', 'points', false, 'points that it is worth'),
    ('recommendation', 'manage_url', 'text', false, 'where it is dealt with'),
    ('recommendation', 'assigned_to', 'text', false, 'who has it to do'),
    ('recommendation', 'due_on', 'date', false, 'by when'),
    ('recommendation', 'effort_hours', 'hours', false, 'hours of work to remediate it'),
    ('recommendation', 'is_active', 'boolean', false, 'whether it counts'),
    ('recommendation', 'reports', 'reporting', false,
     'states or failures, where it is not as the others of its source'),
    ('recommendation', 'is_manual', 'boolean', false, 'whether a person attests it'),
    ('recommendation', 'details', 'object', false, 'anything else; added to what is there'),
    ('finding', 'source', 'object_key', true, 'source'),
    ('finding', 'recommendation', 'object_key', true, 'recommendation'),
    ('finding', 'asset', 'object_key', true, 'asset'),
    ('finding', 'state', 'text', true, 'compliant, non_compliant or not_applicable'),
    ('finding', 'observed_at', 'timestamptz', false,
     'when it was seen, of an export: since when it has this state'),
    ('finding', 'asset_kind', 'text', false, 'kind of the asset'),
    ('finding', 'asset_name', 'text', false, 'name of the asset'),
    ('finding', 'details', 'object', false, 'anything else'),
    ('measure', 'source', 'object_key', true, 'source'),
    ('measure', 'recommendation', 'object_key', true, 'recommendation'),
    ('measure', 'achieved', 'points', true, 'points achieved'),
    ('measure', 'possible', 'points', true, 'points possible'),
    ('measure', 'observed_at', 'timestamptz', false, 'when the source said so'),
    ('exemption', 'source', 'object_key', true, 'source'),
    ('exemption', 'recommendation', 'object_key', true, 'recommendation'),
    ('exemption', 'asset', 'object_key', false,
     'the asset that is exempt; without it and a group: all'),
    ('exemption', 'asset_group', 'object_key', false, 'the group that is exempt'),
    ('exemption', 'kind', 'exemption_kind', false,
     'mitigated, waived or risk_accepted; none where a source says that there is none'),
    ('exemption', 'reason', 'text', false, 'why'),
    ('exemption', 'approved_by', 'text', false, 'who approved it'),
    ('exemption', 'created_at', 'timestamptz', false, 'since when it has effect'),
    ('exemption', 'expires_at', 'timestamptz', false, 'from when it has none'),
    ('exemption', 'is_reported', 'boolean', false, 'whether a document of its source said so'),
    ('attestation', 'source', 'object_key', true, 'source'),
    ('attestation', 'recommendation', 'object_key', true, 'recommendation, a manual one'),
    ('attestation', 'asset', 'object_key', true, 'the asset that it is attested of'),
    ('attestation', 'state', 'text', true, 'compliant or non_compliant'),
    ('attestation', 'evidence', 'text', false, 'where the evidence is'),
    ('attestation', 'note', 'text', false, 'remark'),
    ('attestation', 'attested_by', 'text', false, 'who attested it'),
    ('attestation', 'attested_at', 'timestamptz', false, 'when'),
    ('attestation', 'valid_until', 'date', false, 'last day on which it counts'),
    ('metric', 'key', 'object_key', true, 'key'),
    ('metric', 'name', 'text', false, 'name'),
    ('metric', 'description', 'text', false, 'what it measures'),
    ('metric', 'importance', 'importance', false, 'critical, high, medium, low or risk_accepted'),
    ('metric', 'asset_kinds', 'array', false, 'kinds of assets that it measures'),
    ('metric', 'criticality_weights', 'array', false,
     'how many times an asset counts: low, medium, high, critical'),
    ('metric', 'rule', 'object', false, 'attributes of the recommendations that it measures'),
    ('metric', 'population', 'object_key', false,
     'group of the assets that it is about, whether they are assessed or not'),
    ('metric', 'unassessed', 'text', false,
     'what a member that is not assessed counts as: excluded, exposed or compliant'),
    ('metric', 'drop_threshold', 'threshold', false, 'least fall that is an event'),
    ('metric', 'cooldown_days', 'day_count', false,
     'days after a notified drop without another notification'),
    ('metric', 'is_active', 'boolean', false, 'whether it counts'),
    ('metric', 'recommendations', 'array', false,
     'all that it measures: objects of source and recommendation; a rule overrules it'),
    ('metric', 'details', 'object', false, 'anything else'),
    ('initiative', 'key', 'object_key', true, 'key'),
    ('initiative', 'name', 'text', false, 'name'),
    ('initiative', 'kind', 'text', false, 'kind'),
    ('initiative', 'description', 'text', false, 'the risk that it measures'),
    ('initiative', 'method', 'initiative_method', false, 'weighted, population or points'),
    ('initiative', 'target_score', 'score', false, 'score to reach'),
    ('initiative', 'target_on', 'date', false, 'by when'),
    ('initiative', 'is_pinned', 'boolean', false, 'whether it is shown first'),
    ('initiative', 'owner', 'name', false, 'role that answers for it'),
    ('initiative', 'drop_threshold', 'threshold', false, 'least fall that is an event'),
    ('initiative', 'cooldown_days', 'day_count', false,
     'days after a notified drop without another notification'),
    ('initiative', 'is_active', 'boolean', false, 'whether it is shown'),
    ('initiative', 'metrics', 'array', false,
     'all its metrics: objects of metric and, if it has one here, weight'),
    ('initiative', 'recommendations', 'array', false,
     'all that it scores without a metric between: objects of source and recommendation'),
    ('initiative', 'details', 'object', false, 'anything else'),
    ('benchmark', 'initiative', 'object_key', true, 'initiative'),
    ('benchmark', 'key', 'object_key', true, 'key'),
    ('benchmark', 'name', 'text', false, 'name'),
    ('benchmark', 'day', 'date', true, 'day'),
    ('benchmark', 'score', 'score', true, 'score of the others'),
    ('benchmark', 'details', 'object', false, 'anything else'),
    ('score_band', 'initiative', 'object_key', false,
     'the initiative whose scores are called so; without it: all that have no bands of their own'),
    ('score_band', 'scheme', 'band_scheme', true, 'zone or maturity'),
    ('score_band', 'from_score', 'score', true, 'the least score that is called so'),
    ('score_band', 'name', 'text', true, 'what it is called'),
    ('importance_weight', 'importance', 'importance', true,
     'critical, high, medium, low or risk_accepted'),
    ('importance_weight', 'weight', 'weight', true, 'its weight');
END;
COMMENT ON FUNCTION posture.object_field() IS
    'returns the fields of the objects of format posture, with what each holds';

CREATE FUNCTION posture_internal.is_input(value text, type_name text) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    EXECUTE format('SELECT $1::%s', type_name::regtype) USING value;
    RETURN true;
EXCEPTION WHEN data_exception OR check_violation THEN
    RETURN false;
END $$;
COMMENT ON FUNCTION posture_internal.is_input(text, text) IS
    'returns whether a text is a valid value of a type that object_field() names';

-- A subtransaction for each of these would take most of the time of a large document.
CREATE FUNCTION posture_internal.is_plain_input(value jsonb, type_name text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE type_name
        WHEN 'boolean' THEN jsonb_typeof(value) = 'boolean'
        WHEN 'timestamptz' THEN is_plain_time(value #>> '{}')
        WHEN 'importance' THEN value #>> '{}' IN ('critical', 'high', 'medium', 'low')
        WHEN 'points' THEN CASE jsonb_typeof(value)
                           WHEN 'number' THEN value::numeric BETWEEN 0 AND 1e15 ELSE false END
        ELSE false END;
COMMENT ON FUNCTION posture_internal.is_plain_input(jsonb, text) IS
    'returns whether a value is one of the common forms of a type, which is_input() need not try';

CREATE FUNCTION posture_internal.member_error(field text, members jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE field
               WHEN 'recommendations' THEN
                   format('%s[%s] is not an object with source and recommendation', field, m.n - 1)
               WHEN 'metrics' THEN
                   CASE WHEN key_error('metric', json_text(m.member -> 'metric')) IS NULL
                        THEN format('%s[%s]: invalid weight: "%s"', field, m.n - 1,
                                    left(m.member ->> 'weight', 100))
                        ELSE format('%s[%s] is not an object with metric and weight', field, m.n - 1)
                   END
               ELSE format('%s[%s] is not a string', field, m.n - 1) END
    FROM jsonb_array_elements(members) WITH ORDINALITY m(member, n)
    WHERE CASE field
              WHEN 'recommendations' THEN
                  key_error('recommendation', json_text(m.member -> 'recommendation')) IS NOT NULL
                  OR key_error('source', json_text(m.member -> 'source')) IS NOT NULL
              WHEN 'metrics' THEN
                  key_error('metric', json_text(m.member -> 'metric')) IS NOT NULL
                  OR coalesce(jsonb_typeof(m.member -> 'weight'), 'null') NOT IN ('null', 'number')
                  OR json_number(m.member -> 'weight') NOT BETWEEN 0 AND 1e15
              ELSE jsonb_typeof(m.member) <> 'string' END
    ORDER BY m.n
    LIMIT 1;
END;
COMMENT ON FUNCTION posture_internal.member_error(text, jsonb) IS
    'returns why an array of an object can''t be loaded; NULL if it can';

CREATE FUNCTION posture_internal.field_suggestion(of_type text, missing text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(', here perhaps '
                    || similar_name(ARRAY(SELECT f.field FROM object_field() f
                                          WHERE f.type = of_type), missing), '');
COMMENT ON FUNCTION posture_internal.field_suggestion(text, text) IS
    'returns the end of an error about an unrecognized field: the field that was probably meant';

CREATE FUNCTION posture_internal.enum_suggestion(of_type text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(': expected ' || (SELECT string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder)
                                      FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
                                      WHERE t.typname = of_type
                                        AND t.typnamespace = 'posture'::regnamespace), '');
COMMENT ON FUNCTION posture_internal.enum_suggestion(text) IS
    'returns the end of an error about an invalid value: the values of the type if it is an enum';

-- It has no subqueries, so that PostgreSQL inlines it: it is called for each field.
CREATE FUNCTION posture_internal.field_error(type text, field text, value jsonb, holds text)
    RETURNS text
    LANGUAGE sql STABLE
    RETURN CASE
        WHEN holds IS NULL THEN
            format('unrecognized field "%s"', left(field, 100)) || field_suggestion(type, field)
        WHEN holds IN ('object', 'array') AND jsonb_typeof(value) <> holds THEN
            format('%s: expected an %s, found %s', field, holds, json_type_name(value))
        WHEN field = 'criticality_weights' THEN
            CASE WHEN NOT is_input(translate(value::text, '[]', '{}'), 'criticality_weights')
                 THEN format('%s: expected four whole numbers from 0 to 1000, not all 0, found %s',
                             field, left(value::text, 100)) END
        WHEN holds = 'array' THEN member_error(field, value)
        WHEN type = 'metric' AND field = 'rule' THEN 'rule: ' || rule_error(value)
        WHEN type = 'asset_group' AND field = 'rule' THEN 'rule: ' || group_rule_error(value)
        WHEN holds = 'object' THEN NULL
        WHEN jsonb_typeof(value) NOT IN ('string', 'number', 'boolean') THEN
            format('%s: expected a value, found %s', field, json_type_name(value))
        WHEN holds = 'object_key' THEN key_error(CASE field WHEN 'key' THEN type
                                                            WHEN 'population' THEN 'asset_group'
                                                            ELSE field END, value #>> '{}')
        WHEN type = 'asset' AND field = 'kind' THEN kind_error(value #>> '{}')
        -- a truncated name may be the name of another role
        WHEN holds = 'name' AND octet_length(value #>> '{}') > 63 THEN
            format('%s: name of a role has %s bytes, more than 63: "%s..."', field,
                   octet_length(value #>> '{}'), left(value #>> '{}', 40))
        -- a date begins with its year: words such as tomorrow are not accepted
        WHEN holds <> 'text' AND NOT is_plain_input(value, holds)
             AND (NOT is_input(round_number(value) #>> '{}', holds)
                  OR holds IN ('timestamptz', 'date') AND value #>> '{}' !~ '^\d{4}') THEN
            format('invalid %s: "%s"',
                   CASE holds WHEN field THEN field
                              ELSE replace(holds, '_', ' ') || ' for ' || field END,
                   left(value #>> '{}', 100))
            || enum_suggestion(holds)
        WHEN holds IN ('timestamptz', 'date')
             AND supported_time((value #>> '{}')::timestamptz) IS NULL THEN
            format('%s is not in the years 1900 to 9999: "%s"', field, left(value #>> '{}', 100))
        WHEN type = 'source' AND field = 'stale_after'
             AND NOT ((value #>> '{}')::interval >= interval '1 day'
                      AND (value #>> '{}')::interval <= interval '36500 days') THEN
            format('stale_after: expected 1 to 36500 days, such as "30 days", found "%s"',
                   left(value #>> '{}', 100))
        WHEN type = 'recommendation' AND field = 'markup'
             AND value #>> '{}' NOT IN ('plain', 'html', 'markdown')
            OR field IN ('criticality', 'min_criticality')
                AND value #>> '{}' NOT IN ('low', 'medium', 'high', 'critical')
            OR type = 'metric' AND field = 'unassessed'
                AND value #>> '{}' NOT IN ('excluded', 'exposed', 'compliant') THEN
            format('invalid %s "%s"', field, left(value #>> '{}', 100))
    END;
COMMENT ON FUNCTION posture_internal.field_error(text, text, jsonb, text) IS
    'returns why a field of an object can''t be loaded; NULL if it can';

-- What checks the objects of a document makes it once, however many they are.
CREATE FUNCTION posture_internal.object_types() RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT jsonb_object_agg(t.type, jsonb_strip_nulls(jsonb_build_object(
               'fields', t.fields, 'required', t.required, 'rounded', t.rounded)))
    FROM (SELECT f.type, jsonb_object_agg(f.field, f.holds) AS fields,
                 jsonb_agg(f.field ORDER BY f.n) FILTER (WHERE f.is_required) AS required,
                 jsonb_agg(f.field ORDER BY f.n)
                     FILTER (WHERE f.holds IN ('points', 'threshold', 'weight')) AS rounded
          FROM object_field() WITH ORDINALITY f(type, field, holds, is_required, meaning, n)
          GROUP BY f.type) t;
END;
COMMENT ON FUNCTION posture_internal.object_types() IS
    'returns the types of objects, each with what its fields hold, those that it requires, and '
    'those whose numbers are rounded';

CREATE FUNCTION posture_internal.round_fields(of_type text, object jsonb, types jsonb)
    RETURNS TABLE (rounded jsonb)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE WHEN types -> of_type ? 'rounded' THEN
               object || coalesce(
                   (SELECT jsonb_object_agg(f.field, round_number(object -> f.field))
                    FROM jsonb_array_elements_text(types -> of_type -> 'rounded') f(field)
                    WHERE object ? f.field), '{}')
           ELSE object END;
END;
COMMENT ON FUNCTION posture_internal.round_fields(text, jsonb, jsonb) IS
    'returns an object with its numbers rounded as their columns hold them';

-- It returns a row, so that PostgreSQL inlines it: it is called for each object of a document.
CREATE FUNCTION posture_internal.object_error(of_type text, object jsonb, types jsonb)
    RETURNS TABLE (error text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce(
        (SELECT 'missing ' || f.field
         FROM jsonb_array_elements_text(o.type -> 'required') f(field)
         WHERE coalesce(jsonb_typeof(o.object -> f.field), 'null') = 'null'
         LIMIT 1),
        (SELECT v.error
         FROM (SELECT f.field, f.value, f.n, o.type -> 'fields' ->> f.field AS holds
               FROM jsonb_each(o.object) WITH ORDINALITY f(field, value, n)
               OFFSET 0) e
         CROSS JOIN LATERAL (SELECT field_error(of_type, e.field, e.value, e.holds) AS error) v
         WHERE e.value <> 'null' AND v.error IS NOT NULL
         ORDER BY e.n
         LIMIT 1),
        -- here every field is of its type
        CASE WHEN of_type = 'measure'
             AND (o.object ->> 'achieved')::numeric > (o.object ->> 'possible')::numeric
                 THEN format('achieved %s of possible %s', o.object ->> 'achieved',
                             o.object ->> 'possible')
             WHEN of_type = 'exemption' AND o.object ->> 'asset' <> ''
                  AND o.object ->> 'asset_group' <> ''
                 THEN 'both an asset and an asset_group'
             WHEN of_type = 'exemption'
                  AND (o.object ->> 'expires_at')::timestamptz
                     < (o.object ->> 'created_at')::timestamptz
                 THEN 'expires_at before created_at'
             WHEN of_type = 'exemption' AND o.object ->> 'kind' <> ''
                  AND coalesce(o.object ->> 'reason', '') !~ '\S'
                 THEN 'missing reason'
             WHEN of_type = 'attestation'
                  AND o.object ->> 'state' NOT IN ('compliant', 'non_compliant')
                 THEN format('invalid state: "%s"', left(o.object ->> 'state', 100))
             WHEN of_type = 'attestation' AND o.object ->> 'attested_by' !~ '\S'
                 THEN 'missing attested_by'
             WHEN of_type = 'score_band' AND o.object ->> 'name' !~ '\S'
                 THEN 'missing name'
        END)
    FROM (SELECT types -> of_type AS type, object AS object OFFSET 0) o;
END;
COMMENT ON FUNCTION posture_internal.object_error(text, jsonb, jsonb) IS
    'returns why an object of format posture can''t be loaded, by object_types(); NULL if it can';
