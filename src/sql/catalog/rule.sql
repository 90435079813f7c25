/*
 * Rules: a metric with a rule measures the recommendations whose attributes
 * match it. Triggers keep metric_recommendation equal to what the rules select,
 * so that code that reads this table needs no knowledge of rules. Users assign
 * the recommendations of a metric without a rule.
 */

CREATE FUNCTION posture_internal.rule_value(value jsonb) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(value)
        WHEN 'string' THEN ARRAY[value #>> '{}']
        WHEN 'array' THEN (SELECT array_agg(CASE WHEN jsonb_typeof(v.value) = 'string'
                                                 THEN v.value #>> '{}' END)
                           FROM jsonb_array_elements(value) v(value))
    END;
COMMENT ON FUNCTION posture_internal.rule_value(jsonb) IS
    'strings that a field of a rule allows: its string, or the elements of its array, with NULL '
    'for an element that is not a string; NULL for other values';

CREATE FUNCTION posture_internal.has_open_pattern(patterns text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN EXISTS (SELECT FROM unnest(patterns) p(pattern) WHERE p.pattern ~ '(^|[^\\])(\\\\)*\\$');
COMMENT ON FUNCTION posture_internal.has_open_pattern(text[]) IS
    'returns whether a pattern ends with its escape character, which LIKE rejects';

CREATE FUNCTION posture_internal.rule_error(rule jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN jsonb_typeof(rule) <> 'object' THEN 'expected an object'
        WHEN rule = '{}' THEN 'expected at least one field'
        ELSE (
            SELECT v.error
            FROM jsonb_each(rule) WITH ORDINALITY e(field, value, n)
            CROSS JOIN LATERAL (SELECT rule_value(e.value) AS allowed) a
            CROSS JOIN LATERAL (SELECT CASE
                WHEN e.field NOT IN ('source', 'product', 'domain', 'workload',
                                     'severity', 'min_severity', 'key') THEN
                    format('unrecognized field "%s"', left(e.field, 100))
                WHEN e.field = 'min_severity' AND jsonb_typeof(e.value) <> 'string' THEN
                    format('%s: expected a string, found %s', e.field, left(e.value::text, 100))
                WHEN a.allowed IS NULL OR array_position(a.allowed, NULL) IS NOT NULL THEN
                    format('%s: expected a string or an array of strings, found %s',
                           e.field, left(e.value::text, 100))
                WHEN e.field IN ('severity', 'min_severity')
                     AND NOT a.allowed <@ enum_range(NULL::importance)::text[] THEN
                    format('%s: expected %s, found %s', e.field,
                           array_to_string(enum_range(NULL::importance), ', '),
                           left(e.value::text, 100))
                WHEN e.field = 'key' AND has_open_pattern(a.allowed) THEN
                    format('key: a pattern ends with its escape character: %s',
                           left(e.value::text, 100))
                END AS error) v
            WHERE v.error IS NOT NULL
            ORDER BY e.n
            LIMIT 1) END;
COMMENT ON FUNCTION posture_internal.rule_error(jsonb) IS
    'error text for an invalid rule; NULL if the rule is valid';

CREATE FUNCTION posture_internal.check_rule() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    error text := rule_error(NEW.rule);
BEGIN
    IF error IS NOT NULL THEN
        RAISE EXCEPTION 'invalid rule for metric "%": %', NEW.key, error
            USING ERRCODE = 'check_violation',
                  HINT = 'Fields are source, product, domain, workload, severity and key, each a '
                         'string or an array of strings, and min_severity, a string. '
                         'In key, % and _ are wildcards as in LIKE.';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION posture_internal.check_rule() IS 'rejects an invalid rule';
REVOKE EXECUTE ON FUNCTION posture_internal.check_rule() FROM PUBLIC;
CREATE TRIGGER check_rule BEFORE INSERT OR UPDATE OF rule ON posture.metric
    FOR EACH ROW WHEN (NEW.rule IS NOT NULL) EXECUTE FUNCTION check_rule();
COMMENT ON TRIGGER check_rule ON posture.metric IS 'rejects an invalid rule';

CREATE FUNCTION posture_internal.rule_selection(rules jsonb[], of_recommendations integer[])
    RETURNS TABLE (n bigint, recommendation_id integer)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH rule AS MATERIALIZED (
        SELECT m.n,
               rule_value(m.rule -> 'source') AS sources,
               rule_value(lower((m.rule -> 'product')::text)::jsonb) AS products,
               rule_value(lower((m.rule -> 'domain')::text)::jsonb) AS domains,
               rule_value(lower((m.rule -> 'workload')::text)::jsonb) AS workloads,
               rule_value(m.rule -> 'severity')::importance[] AS severities,
               (m.rule ->> 'min_severity')::importance AS min_severity,
               rule_value(m.rule -> 'key') AS patterns
        FROM unnest(rules) WITH ORDINALITY m(rule, n)
    ), attribute AS MATERIALIZED (
        SELECT r.recommendation_id, s.key::text AS source, lower(s.product) AS product,
               lower(r.domain) AS domain, lower(r.workload) AS workload, r.severity,
               r.key::text AS key
        FROM recommendation r
        JOIN unnest(of_recommendations) o(recommendation_id)
          ON o.recommendation_id = r.recommendation_id
        JOIN source s ON s.source_id = r.source_id
    )
    SELECT u.n, a.recommendation_id
    FROM rule u
    JOIN attribute a
      ON (u.sources IS NULL OR a.source = ANY (u.sources))
     AND (u.products IS NULL OR a.product = ANY (u.products))
     AND (u.domains IS NULL OR a.domain = ANY (u.domains))
     AND (u.workloads IS NULL OR a.workload = ANY (u.workloads))
     AND (u.severities IS NULL OR a.severity = ANY (u.severities))
     AND (u.min_severity IS NULL OR a.severity >= u.min_severity)
     AND (u.patterns IS NULL OR a.key LIKE ANY (u.patterns));
END;
COMMENT ON FUNCTION posture_internal.rule_selection(jsonb[], integer[]) IS
    'recommendations that rules select, each with the number of the rule: those that match every '
    'field of the rule; the letter case of product, domain and workload is ignored';

CREATE FUNCTION posture_internal.rule_member(of_metrics integer[], of_recommendations integer[])
    RETURNS TABLE (metric_id integer, recommendation_id integer)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.metrics[s.n], s.recommendation_id
    FROM (SELECT array_agg(m.metric_id ORDER BY m.metric_id) AS metrics,
                 array_agg(m.rule ORDER BY m.metric_id) AS rules
          FROM metric m
          JOIN unnest(of_metrics) o(metric_id) ON o.metric_id = m.metric_id
          WHERE m.rule IS NOT NULL) r
    CROSS JOIN LATERAL rule_selection(r.rules, of_recommendations) s;
END;
COMMENT ON FUNCTION posture_internal.rule_member(integer[], integer[]) IS
    'recommendations that the rules of metrics select';

CREATE FUNCTION posture_internal.rule_difference(of_metrics integer[], of_recommendations integer[])
    RETURNS TABLE (metric_id integer, recommendation_id integer, joins boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(s.metric_id, m.metric_id), coalesce(s.recommendation_id, m.recommendation_id),
           m.metric_id IS NULL
    FROM rule_member(of_metrics, of_recommendations) s
    FULL JOIN (SELECT x.metric_id, x.recommendation_id
               FROM metric_recommendation x
               JOIN unnest(of_recommendations) o(recommendation_id)
                 ON o.recommendation_id = x.recommendation_id
               WHERE x.metric_id = ANY (of_metrics)) m
      ON m.metric_id = s.metric_id AND m.recommendation_id = s.recommendation_id
    WHERE m.metric_id IS NULL OR s.metric_id IS NULL;
END;
COMMENT ON FUNCTION posture_internal.rule_difference(integer[], integer[]) IS
    'recommendations that a metric with a rule must gain (joins) or lose to agree with the rule';

CREATE FUNCTION posture_internal.metrics_with_rule() RETURNS integer[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ARRAY(SELECT m.metric_id FROM metric m WHERE m.rule IS NOT NULL);
COMMENT ON FUNCTION posture_internal.metrics_with_rule() IS 'ids of the metrics that have a rule';

CREATE FUNCTION posture_internal.update_members(of_metrics integer[], of_recommendations integer[])
    RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    metrics integer[];
    recommendations integer[];
    difference record;
BEGIN
    metrics := coalesce(of_metrics, metrics_with_rule());
    recommendations := CASE WHEN metrics <> '{}' THEN
        coalesce(of_recommendations, ARRAY(SELECT r.recommendation_id FROM recommendation r)) END;
    SELECT array_agg(d.metric_id) FILTER (WHERE d.joins) AS joining_metric,
           array_agg(d.recommendation_id) FILTER (WHERE d.joins) AS joining,
           array_agg(d.metric_id) FILTER (WHERE NOT d.joins) AS leaving_metric,
           array_agg(d.recommendation_id) FILTER (WHERE NOT d.joins) AS leaving
    INTO difference
    FROM (SELECT r.*
          FROM rule_difference(metrics, recommendations) r
          ORDER BY r.metric_id, r.recommendation_id) d;
    -- Even a statement that writes no row would invalidate all counts.
    IF difference.joining IS NOT NULL THEN
        INSERT INTO metric_recommendation (metric_id, recommendation_id)
        SELECT * FROM unnest(difference.joining_metric, difference.joining)
        ON CONFLICT DO NOTHING;
    END IF;
    IF difference.leaving IS NOT NULL THEN
        DELETE FROM metric_recommendation x
        USING unnest(difference.leaving_metric, difference.leaving) o(metric_id, recommendation_id)
        WHERE x.metric_id = o.metric_id AND x.recommendation_id = o.recommendation_id;
    END IF;
    RETURN coalesce(cardinality(difference.joining), 0)
           + coalesce(cardinality(difference.leaving), 0);
END $$;
COMMENT ON FUNCTION posture_internal.update_members(integer[], integer[]) IS
    'makes metrics measure the recommendations that their rules select, see apply_rules()';

CREATE FUNCTION posture.apply_rules(
    of_metrics integer[] DEFAULT NULL, of_recommendations integer[] DEFAULT NULL)
    RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM require_level('curator');
    -- wait for changes of rules and sources, which the members have to agree with
    LOCK TABLE metric_recommendation IN ROW EXCLUSIVE MODE;
    RETURN update_members(of_metrics, of_recommendations);
END $$;
COMMENT ON FUNCTION posture.apply_rules(integer[], integer[]) IS
    'makes metrics measure the recommendations that their rules select, as triggers do after '
    'every change; NULL stands for all metrics or all recommendations; returns the number of '
    'recommendations added and removed';

-- The triggers run with the privileges of their owner, because a role that loads
-- recommendations needs none on metrics. A transaction that writes recommendations
-- and one that changes a rule, or the key or product of a source, do not see each other's
-- rows before they commit, so one of them waits for the other: their locks on
-- metric_recommendation conflict.
-- Writers of recommendations do not wait for each other.
CREATE FUNCTION posture_internal.apply_rules_to_recommendation() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed integer[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        changed := ARRAY(SELECT a.recommendation_id FROM added a);
    ELSE
        changed := ARRAY(
            SELECT c.recommendation_id
            FROM (SELECT a.recommendation_id, a.source_id, a.key, a.severity, a.domain, a.workload
                  FROM added a
                  EXCEPT
                  SELECT r.recommendation_id, r.source_id, r.key, r.severity, r.domain, r.workload
                  FROM removed r) c);
    END IF;
    IF changed <> '{}' THEN
        LOCK TABLE metric_recommendation IN ROW EXCLUSIVE MODE;
        PERFORM update_members(NULL, changed);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.apply_rules_to_recommendation() IS
    'applies rules to new and changed recommendations';
REVOKE EXECUTE ON FUNCTION posture_internal.apply_rules_to_recommendation() FROM PUBLIC;

CREATE FUNCTION posture_internal.apply_rules_to_source() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed integer[] := ARRAY(
        SELECT r.recommendation_id
        FROM (SELECT a.source_id, a.key, a.product FROM added a
              EXCEPT
              SELECT r.source_id, r.key, r.product FROM removed r) c
        JOIN recommendation r ON r.source_id = c.source_id);
BEGIN
    IF changed <> '{}' THEN
        PERFORM update_members(NULL, changed);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.apply_rules_to_source() IS
    'applies rules to the recommendations of sources whose key or product changed';
REVOKE EXECUTE ON FUNCTION posture_internal.apply_rules_to_source() FROM PUBLIC;

CREATE FUNCTION posture_internal.apply_changed_rule() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed integer[];
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        changed := metrics_with_rule();
    ELSIF TG_OP = 'INSERT' THEN
        changed := ARRAY(SELECT a.metric_id FROM added a WHERE a.rule IS NOT NULL);
    ELSE
        changed := ARRAY(
            SELECT c.metric_id
            FROM (SELECT a.metric_id, a.rule FROM added a WHERE a.rule IS NOT NULL
                  EXCEPT
                  SELECT r.metric_id, r.rule FROM removed r) c);
    END IF;
    IF changed <> '{}' THEN
        LOCK TABLE metric_recommendation IN SHARE ROW EXCLUSIVE MODE;
        PERFORM update_members(changed, NULL);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.apply_changed_rule() IS
    'applies new and changed rules, and all rules after TRUNCATE metric_recommendation';
REVOKE EXECUTE ON FUNCTION posture_internal.apply_changed_rule() FROM PUBLIC;

-- A change of a rule takes its lock before it locks the row of the metric. In
-- the other order it would deadlock with a loader that updates the same metric. The same
-- goes for a source.
CREATE FUNCTION posture_internal.lock_rules() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    LOCK TABLE metric_recommendation IN SHARE ROW EXCLUSIVE MODE;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.lock_rules() IS
    'makes a change of a rule or source wait for writers of recommendations';
REVOKE EXECUTE ON FUNCTION posture_internal.lock_rules() FROM PUBLIC;

CREATE TRIGGER lock_rules BEFORE UPDATE OF rule ON posture.metric
    FOR EACH STATEMENT EXECUTE FUNCTION lock_rules();
COMMENT ON TRIGGER lock_rules ON posture.metric IS
    'makes a change of a rule wait for writers of recommendations';
CREATE TRIGGER lock_rules BEFORE UPDATE OF key, product ON posture.source
    FOR EACH STATEMENT EXECUTE FUNCTION lock_rules();
COMMENT ON TRIGGER lock_rules ON posture.source IS
    'makes a change of a source wait for writers of recommendations';
CREATE TRIGGER rule_insert AFTER INSERT ON posture.recommendation
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION apply_rules_to_recommendation();
CREATE TRIGGER rule_update AFTER UPDATE ON posture.recommendation
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION apply_rules_to_recommendation();
CREATE TRIGGER rule_update AFTER UPDATE ON posture.source
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION apply_rules_to_source();
CREATE TRIGGER rule_insert AFTER INSERT ON posture.metric
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION apply_changed_rule();
CREATE TRIGGER rule_update AFTER UPDATE ON posture.metric
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION apply_changed_rule();
CREATE TRIGGER rule_truncate AFTER TRUNCATE ON posture.metric_recommendation
    FOR EACH STATEMENT EXECUTE FUNCTION apply_changed_rule();
COMMENT ON TRIGGER rule_insert ON posture.recommendation IS
    'applies rules to new recommendations';
COMMENT ON TRIGGER rule_update ON posture.recommendation IS
    'applies rules to changed recommendations';
COMMENT ON TRIGGER rule_update ON posture.source IS
    'applies rules to the recommendations of changed sources';
COMMENT ON TRIGGER rule_insert ON posture.metric IS 'applies the rules of new metrics';
COMMENT ON TRIGGER rule_update ON posture.metric IS 'applies changed rules';
COMMENT ON TRIGGER rule_truncate ON posture.metric_recommendation IS 'applies all rules';

-- Users may change metric_recommendation only in agreement with the rules. A row
-- that is deleted together with its metric or recommendation is in agreement,
-- because the rule no longer selects it.
CREATE FUNCTION posture_internal.member_conflict(
    metrics integer[], recommendations integer[], are_selected boolean)
    RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH pair AS (
        SELECT p.metric_id, p.recommendation_id, m.key AS metric
        FROM unnest(metrics, recommendations) p(metric_id, recommendation_id)
        JOIN metric m ON m.metric_id = p.metric_id AND m.rule IS NOT NULL
    )
    SELECT format('metric "%s" has a rule, which %s recommendation "%s" of source "%s"',
                  u.metric, CASE WHEN are_selected THEN 'selects' ELSE 'does not select' END,
                  r.key, s.key)
    FROM pair u
    JOIN recommendation r ON r.recommendation_id = u.recommendation_id
    JOIN source s ON s.source_id = r.source_id
    LEFT JOIN rule_member(ARRAY(SELECT DISTINCT d.metric_id FROM pair d),
                          ARRAY(SELECT DISTINCT d.recommendation_id FROM pair d)) w
      ON w.metric_id = u.metric_id AND w.recommendation_id = u.recommendation_id
    WHERE (w.metric_id IS NOT NULL) = are_selected
    ORDER BY u.metric COLLATE "C", s.key COLLATE "C", r.key COLLATE "C"
    LIMIT 1;
END;
COMMENT ON FUNCTION posture_internal.member_conflict(integer[], integer[], boolean) IS
    'error text for the first of several pairs of metric and recommendation that the rule of '
    'the metric selects (are_selected) or does not select; NULL if there is none';

CREATE FUNCTION posture_internal.check_member() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    error text;
BEGIN
    IF TG_OP <> 'DELETE' THEN
        error := (SELECT member_conflict(array_agg(a.metric_id),
                                         array_agg(a.recommendation_id), false)
                  FROM added a);
    END IF;
    IF TG_OP <> 'INSERT' AND error IS NULL THEN
        error := (SELECT member_conflict(array_agg(r.metric_id),
                                         array_agg(r.recommendation_id), true)
                  FROM removed r
                  WHERE NOT EXISTS (SELECT
                                    FROM metric_recommendation x
                                    WHERE x.metric_id = r.metric_id
                                      AND x.recommendation_id = r.recommendation_id));
    END IF;
    IF error IS NOT NULL THEN
        RAISE EXCEPTION '%', error
            USING ERRCODE = 'check_violation',
                  HINT = 'Change metric.rule, or set it to NULL to give the metric its '
                         'recommendations by hand.';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.check_member() IS
    'rejects a change that contradicts the rule of a metric';
REVOKE EXECUTE ON FUNCTION posture_internal.check_member() FROM PUBLIC;

CREATE TRIGGER check_insert AFTER INSERT ON posture.metric_recommendation
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_member();
CREATE TRIGGER check_update AFTER UPDATE ON posture.metric_recommendation
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION check_member();
CREATE TRIGGER check_delete AFTER DELETE ON posture.metric_recommendation
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION check_member();
COMMENT ON TRIGGER check_insert ON posture.metric_recommendation IS
    'rejects a change that contradicts the rule of a metric';
COMMENT ON TRIGGER check_update ON posture.metric_recommendation IS
    'rejects a change that contradicts the rule of a metric';
COMMENT ON TRIGGER check_delete ON posture.metric_recommendation IS
    'rejects a change that contradicts the rule of a metric';

-- A dump contains the recommendations that rules selected. Metrics and
-- recommendations are restored first, so by then the rules have added them again.
CREATE FUNCTION posture_internal.metric_recommendation_restore() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN NOT EXISTS (SELECT
                                 FROM metric_recommendation x
                                 JOIN metric m ON m.metric_id = x.metric_id
                                 WHERE x.metric_id = NEW.metric_id
                                   AND x.recommendation_id = NEW.recommendation_id
                                   AND m.rule IS NOT NULL) THEN NEW END;
END $$;
COMMENT ON FUNCTION posture_internal.metric_recommendation_restore() IS
    'skips rows of a dump that the rule of their metric has already added';
REVOKE EXECUTE ON FUNCTION posture_internal.metric_recommendation_restore() FROM PUBLIC;
CREATE TRIGGER metric_recommendation_restore BEFORE INSERT ON posture.metric_recommendation
    FOR EACH ROW EXECUTE FUNCTION metric_recommendation_restore();
COMMENT ON TRIGGER metric_recommendation_restore ON posture.metric_recommendation IS
    'skips rows of a dump that the rule of their metric has already added';
