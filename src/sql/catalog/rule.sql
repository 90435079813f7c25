/*
 * Rules: which recommendations a metric measures, by their attributes, so that
 * new ones join by themselves. What a rule picks is kept in
 * metric_recommendation by triggers, so that nothing that reads members knows
 * of rules: a metric with a rule has exactly the members that the rule picks,
 * and one without has those that a person gave it.
 */

CREATE FUNCTION posture_internal.rule_value(value jsonb) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(value)
        WHEN 'string' THEN ARRAY[value #>> '{}']
        WHEN 'array' THEN (SELECT array_agg(CASE WHEN jsonb_typeof(v.value) = 'string' THEN v.value #>> '{}' END)
                           FROM jsonb_array_elements(value) v(value)) END;
COMMENT ON FUNCTION posture_internal.rule_value(jsonb) IS 'what a field of a rule allows: a text, or each of an array; NULL where it is no text, and altogether where there is none';

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
                WHEN e.field NOT IN ('source', 'product', 'domain', 'workload', 'severity', 'min_severity', 'key') THEN
                    format('unrecognized field "%s"', left(e.field, 100))
                WHEN e.field = 'min_severity' AND jsonb_typeof(e.value) <> 'string' THEN
                    format('%s: expected a string, found %s', e.field, left(e.value::text, 100))
                WHEN a.allowed IS NULL OR array_position(a.allowed, NULL) IS NOT NULL THEN
                    format('%s: expected a string or an array of strings, found %s', e.field, left(e.value::text, 100))
                WHEN e.field IN ('severity', 'min_severity') AND NOT a.allowed <@ enum_range(NULL::importance)::text[] THEN
                    format('%s: expected %s, found %s', e.field, array_to_string(enum_range(NULL::importance), ', '), left(e.value::text, 100))
                WHEN e.field = 'key' AND EXISTS (SELECT FROM unnest(a.allowed) p(pattern) WHERE p.pattern ~ '(^|[^\\])(\\\\)*\\$') THEN
                    format('key: a pattern ends with its escape character: %s', left(e.value::text, 100))
                END AS error) v
            WHERE v.error IS NOT NULL
            ORDER BY e.n
            LIMIT 1) END;
COMMENT ON FUNCTION posture_internal.rule_error(jsonb) IS 'why a rule is none; NULL: it is one';

CREATE FUNCTION posture_internal.check_rule() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    error text := rule_error(NEW.rule);
BEGIN
    IF error IS NOT NULL THEN
        RAISE EXCEPTION 'invalid rule for metric "%": %', NEW.key, error
            USING ERRCODE = 'check_violation',
                  HINT = 'Fields are source, product, domain, workload, severity and key, each a string or an array of strings, and min_severity, a string. '
                         'In key, % and _ are wildcards as in LIKE.';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION posture_internal.check_rule() IS 'refuses a rule that is none';
REVOKE EXECUTE ON FUNCTION posture_internal.check_rule() FROM PUBLIC;
CREATE TRIGGER check_rule BEFORE INSERT OR UPDATE OF rule ON posture.metric
    FOR EACH ROW WHEN (NEW.rule IS NOT NULL) EXECUTE FUNCTION check_rule();
COMMENT ON TRIGGER check_rule ON posture.metric IS 'refuses a rule that is none';

CREATE FUNCTION posture_internal.rule_member(of_metrics integer[], of_recommendations integer[])
    RETURNS TABLE (metric_id integer, recommendation_id integer)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH rule AS MATERIALIZED (
        SELECT m.metric_id,
               rule_value(m.rule -> 'source') AS sources,
               rule_value(lower((m.rule -> 'product')::text)::jsonb) AS products,
               rule_value(lower((m.rule -> 'domain')::text)::jsonb) AS domains,
               rule_value(lower((m.rule -> 'workload')::text)::jsonb) AS workloads,
               rule_value(m.rule -> 'severity')::importance[] AS severities,
               (m.rule ->> 'min_severity')::importance AS min_severity,
               rule_value(m.rule -> 'key') AS patterns
        FROM metric m
        JOIN unnest(of_metrics) o(metric_id) ON o.metric_id = m.metric_id
        WHERE m.rule IS NOT NULL
    ), attribute AS MATERIALIZED (
        SELECT r.recommendation_id, s.key::text AS source, lower(s.product) AS product, lower(r.domain) AS domain,
               lower(r.workload) AS workload, r.severity, r.key::text AS key
        FROM recommendation r
        JOIN unnest(of_recommendations) o(recommendation_id) ON o.recommendation_id = r.recommendation_id
        JOIN source s ON s.source_id = r.source_id
    )
    SELECT u.metric_id, a.recommendation_id
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
COMMENT ON FUNCTION posture_internal.rule_member(integer[], integer[]) IS 'which of some recommendations the rules of some metrics pick: those of which all that the rule names matches, product, domain and workload in any letter case';

CREATE FUNCTION posture_internal.rule_difference(of_metrics integer[], of_recommendations integer[])
    RETURNS TABLE (metric_id integer, recommendation_id integer, joins boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(w.metric_id, h.metric_id), coalesce(w.recommendation_id, h.recommendation_id), h.metric_id IS NULL
    FROM rule_member(of_metrics, of_recommendations) w
    FULL JOIN (SELECT x.metric_id, x.recommendation_id
               FROM metric_recommendation x
               JOIN unnest(of_recommendations) o(recommendation_id) ON o.recommendation_id = x.recommendation_id
               WHERE x.metric_id = ANY (of_metrics)) h
      ON h.metric_id = w.metric_id AND h.recommendation_id = w.recommendation_id
    WHERE h.metric_id IS NULL OR w.metric_id IS NULL;
END;
COMMENT ON FUNCTION posture_internal.rule_difference(integer[], integer[]) IS 'which of some recommendations are to join metrics with a rule, and which are to leave them';

CREATE FUNCTION posture_internal.metrics_with_rule() RETURNS integer[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ARRAY(SELECT m.metric_id FROM metric m WHERE m.rule IS NOT NULL);
COMMENT ON FUNCTION posture_internal.metrics_with_rule() IS 'the metrics that have a rule';

CREATE FUNCTION posture.apply_rules(of_metrics integer[] DEFAULT NULL, of_recommendations integer[] DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    metrics integer[] := coalesce(of_metrics, metrics_with_rule());
    recommendations integer[] := CASE WHEN metrics <> '{}' THEN
        coalesce(of_recommendations, ARRAY(SELECT r.recommendation_id FROM recommendation r)) END;
    differ record;
BEGIN
    SELECT array_agg(d.metric_id) FILTER (WHERE d.joins) AS joining_metric,
           array_agg(d.recommendation_id) FILTER (WHERE d.joins) AS joining,
           array_agg(d.metric_id) FILTER (WHERE NOT d.joins) AS leaving_metric,
           array_agg(d.recommendation_id) FILTER (WHERE NOT d.joins) AS leaving
    INTO differ
    FROM (SELECT r.* FROM rule_difference(metrics, recommendations) r ORDER BY r.metric_id, r.recommendation_id) d;
    -- a statement that writes nothing would still have everything counted anew
    IF differ.joining IS NOT NULL THEN
        INSERT INTO metric_recommendation (metric_id, recommendation_id)
        SELECT * FROM unnest(differ.joining_metric, differ.joining)
        ON CONFLICT DO NOTHING;
    END IF;
    IF differ.leaving IS NOT NULL THEN
        DELETE FROM metric_recommendation x
        USING unnest(differ.leaving_metric, differ.leaving) o(metric_id, recommendation_id)
        WHERE x.metric_id = o.metric_id AND x.recommendation_id = o.recommendation_id;
    END IF;
    RETURN coalesce(cardinality(differ.joining), 0) + coalesce(cardinality(differ.leaving), 0);
END $$;
COMMENT ON FUNCTION posture.apply_rules(integer[], integer[]) IS 'has all metrics with a rule, or some, measure what it picks, of all recommendations or some; triggers call it. Returns how many recommendations joined a metric or left one';

-- The triggers run with the rights of their owner: who loads recommendations
-- needs none on metrics. Who writes recommendations and who changes a rule
-- don't see each other's rows before they commit, so one waits for the other;
-- writers of recommendations don't wait among themselves.
CREATE FUNCTION posture_internal.apply_rules_to_recommendation() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed integer[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        changed := ARRAY(SELECT a.recommendation_id FROM added a);
    ELSE
        changed := ARRAY(
            SELECT c.recommendation_id
            FROM (SELECT a.recommendation_id, a.source_id, a.key, a.severity, a.domain, a.workload FROM added a
                  EXCEPT
                  SELECT r.recommendation_id, r.source_id, r.key, r.severity, r.domain, r.workload FROM removed r) c);
    END IF;
    IF changed <> '{}' THEN
        LOCK TABLE metric_recommendation IN ROW EXCLUSIVE MODE;
        PERFORM apply_rules(NULL, changed);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.apply_rules_to_recommendation() IS 'has recommendations that are new or changed join the metrics whose rule picks them, and leave others';
REVOKE EXECUTE ON FUNCTION posture_internal.apply_rules_to_recommendation() FROM PUBLIC;

CREATE FUNCTION posture_internal.apply_rules_to_source() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, posture, posture_internal, pg_temp
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
        LOCK TABLE metric_recommendation IN ROW EXCLUSIVE MODE;
        PERFORM apply_rules(NULL, changed);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.apply_rules_to_source() IS 'does the same when the key or the product of their source changed';
REVOKE EXECUTE ON FUNCTION posture_internal.apply_rules_to_source() FROM PUBLIC;

CREATE FUNCTION posture_internal.apply_changed_rule() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, posture, posture_internal, pg_temp
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
        PERFORM apply_rules(changed, NULL);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.apply_changed_rule() IS 'has metrics whose rule is new or changed measure what it picks';
REVOKE EXECUTE ON FUNCTION posture_internal.apply_changed_rule() FROM PUBLIC;

-- before it locks the row of a metric, which a loader that it is about to wait
-- for may want to write as well
CREATE FUNCTION posture_internal.lock_rules() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    LOCK TABLE metric_recommendation IN SHARE ROW EXCLUSIVE MODE;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.lock_rules() IS 'has who changes a rule wait for who writes recommendations';
REVOKE EXECUTE ON FUNCTION posture_internal.lock_rules() FROM PUBLIC;

CREATE TRIGGER lock_rules BEFORE UPDATE OF rule ON posture.metric
    FOR EACH STATEMENT EXECUTE FUNCTION lock_rules();
COMMENT ON TRIGGER lock_rules ON posture.metric IS 'has who changes a rule wait for who writes recommendations';
CREATE TRIGGER follow_insert AFTER INSERT ON posture.recommendation
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION apply_rules_to_recommendation();
CREATE TRIGGER follow_update AFTER UPDATE ON posture.recommendation
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION apply_rules_to_recommendation();
CREATE TRIGGER follow_update AFTER UPDATE ON posture.source
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION apply_rules_to_source();
CREATE TRIGGER follow_insert AFTER INSERT ON posture.metric
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION apply_changed_rule();
CREATE TRIGGER follow_update AFTER UPDATE ON posture.metric
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION apply_changed_rule();
CREATE TRIGGER follow_truncate AFTER TRUNCATE ON posture.metric_recommendation
    FOR EACH STATEMENT EXECUTE FUNCTION apply_changed_rule();
COMMENT ON TRIGGER follow_insert ON posture.recommendation IS 'applies the rules of metrics';
COMMENT ON TRIGGER follow_update ON posture.recommendation IS 'applies the rules of metrics';
COMMENT ON TRIGGER follow_update ON posture.source IS 'applies the rules of metrics';
COMMENT ON TRIGGER follow_insert ON posture.metric IS 'applies the rules of metrics';
COMMENT ON TRIGGER follow_update ON posture.metric IS 'applies the rules of metrics';
COMMENT ON TRIGGER follow_truncate ON posture.metric_recommendation IS 'applies the rules of metrics';

-- What a person writes must be what the rule says. What goes together with its
-- metric or recommendation is no longer picked.
CREATE FUNCTION posture_internal.member_conflict(metrics integer[], recommendations integer[], are_picked boolean) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH ruled AS MATERIALIZED (
        SELECT p.metric_id, p.recommendation_id, m.key AS metric
        FROM unnest(metrics, recommendations) p(metric_id, recommendation_id)
        JOIN metric m ON m.metric_id = p.metric_id AND m.rule IS NOT NULL
    )
    SELECT format('metric "%s" has a rule, which %s recommendation "%s" of source "%s"',
                  u.metric, CASE WHEN are_picked THEN 'selects' ELSE 'does not select' END, r.key, s.key)
    FROM ruled u
    JOIN recommendation r ON r.recommendation_id = u.recommendation_id
    JOIN source s ON s.source_id = r.source_id
    LEFT JOIN rule_member(ARRAY(SELECT DISTINCT d.metric_id FROM ruled d), ARRAY(SELECT DISTINCT d.recommendation_id FROM ruled d)) w
      ON w.metric_id = u.metric_id AND w.recommendation_id = u.recommendation_id
    WHERE (w.metric_id IS NOT NULL) = are_picked
    ORDER BY u.metric COLLATE "C", s.key COLLATE "C", r.key COLLATE "C"
    LIMIT 1;
END;
COMMENT ON FUNCTION posture_internal.member_conflict(integer[], integer[], boolean) IS 'the first of some recommendations of metrics, pair by pair, that the metric''s rule picks, or does not pick, in a sentence; NULL: none';

CREATE FUNCTION posture_internal.check_member() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    error text;
BEGIN
    IF TG_OP <> 'DELETE' THEN
        error := (SELECT member_conflict(array_agg(a.metric_id), array_agg(a.recommendation_id), false) FROM added a);
    END IF;
    IF TG_OP <> 'INSERT' AND error IS NULL THEN
        error := (SELECT member_conflict(array_agg(r.metric_id), array_agg(r.recommendation_id), true) FROM removed r
                  WHERE NOT EXISTS (SELECT FROM metric_recommendation x
                                    WHERE x.metric_id = r.metric_id AND x.recommendation_id = r.recommendation_id));
    END IF;
    IF error IS NOT NULL THEN
        RAISE EXCEPTION '%', error
            USING ERRCODE = 'check_violation',
                  HINT = 'Change metric.rule, or set it to NULL to give the metric its recommendations by hand.';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.check_member() IS 'refuses what is not as the rule of a metric says';
REVOKE EXECUTE ON FUNCTION posture_internal.check_member() FROM PUBLIC;

CREATE TRIGGER check_insert AFTER INSERT ON posture.metric_recommendation
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_member();
CREATE TRIGGER check_update AFTER UPDATE ON posture.metric_recommendation
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_member();
CREATE TRIGGER check_delete AFTER DELETE ON posture.metric_recommendation
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION check_member();
COMMENT ON TRIGGER check_insert ON posture.metric_recommendation IS 'refuses what is not as the rule of a metric says';
COMMENT ON TRIGGER check_update ON posture.metric_recommendation IS 'refuses what is not as the rule of a metric says';
COMMENT ON TRIGGER check_delete ON posture.metric_recommendation IS 'refuses what is not as the rule of a metric says';

-- A dump holds what the rule had picked, and when it comes to that, the rule
-- has picked it again: metrics and recommendations are restored first.
CREATE FUNCTION posture_internal.metric_recommendation_restore() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN NOT EXISTS (SELECT
                                 FROM metric_recommendation x
                                 JOIN metric m ON m.metric_id = x.metric_id
                                 WHERE x.metric_id = NEW.metric_id AND x.recommendation_id = NEW.recommendation_id
                                   AND m.rule IS NOT NULL) THEN NEW END;
END $$;
COMMENT ON FUNCTION posture_internal.metric_recommendation_restore() IS 'lets a dump bring what the rule of a metric has picked already';
REVOKE EXECUTE ON FUNCTION posture_internal.metric_recommendation_restore() FROM PUBLIC;
CREATE TRIGGER metric_recommendation_restore BEFORE INSERT ON posture.metric_recommendation
    FOR EACH ROW EXECUTE FUNCTION metric_recommendation_restore();
COMMENT ON TRIGGER metric_recommendation_restore ON posture.metric_recommendation IS 'lets a dump bring what the rule of a metric has picked already';
