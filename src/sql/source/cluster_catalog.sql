/*
 * The catalog of the cluster that posture runs in: recommendations, metrics over
 * the recommendations, and initiatives over the metrics. The texts are in
 * cluster_recommendation.txt, cluster_metric.txt and cluster_initiative.txt.
 *
 * assess_cluster() and install_pack() insert the rows. CREATE EXTENSION does not,
 * because the rows would conflict with those of a dump that is restored. The
 * checks are in the other files cluster_*.sql.
 */

CREATE FUNCTION posture_internal.cluster_recommendation(
    OUT key text, OUT domain text, OUT severity importance, OUT title text,
    OUT description text, OUT remediation text, OUT manage_url text
) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT v.key, v.domain, v.severity::importance, v.title, v.description, v.remediation,
       'https://www.postgresql.org/docs/current/' || v.page
FROM (VALUES
--@ values cluster_recommendation.txt key domain severity title description remediation page
) v(key, domain, severity, title, description, remediation, page);
END;
COMMENT ON FUNCTION posture_internal.cluster_recommendation() IS
    'returns the recommendations of the source postgresql';

CREATE FUNCTION posture_internal.cluster_metric(
    OUT key text, OUT name text, OUT importance importance, OUT asset_kinds text[],
    OUT recommendations text[], OUT description text
) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT 'postgresql-' || v.key, v.name, v.importance::importance,
       string_to_array(v.asset_kinds, ', '), string_to_array(v.recommendations, ', '),
       v.description
FROM (VALUES
--@ values cluster_metric.txt key name importance asset_kinds recommendations description
) v(key, name, importance, asset_kinds, recommendations, description);
END;
COMMENT ON FUNCTION posture_internal.cluster_metric() IS
    'returns the predefined metrics over the recommendations of the source postgresql';

CREATE FUNCTION posture_internal.cluster_initiative(
    OUT key text, OUT name text, OUT kind text, OUT target_score score, OUT is_pinned boolean,
    OUT metrics text[], OUT description text
) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT v.key, v.name, v.kind, v.target_score::score, v.is_pinned::boolean,
       coalesce((SELECT array_agg('postgresql-' || m.key ORDER BY m.key)
                 FROM string_to_table(v.metrics, ', ') m(key)),
                (SELECT array_agg(c.key ORDER BY c.key) FROM cluster_metric() c)),
       v.description
FROM (VALUES
--@ values cluster_initiative.txt key name kind target_score is_pinned metrics description
) v(key, name, kind, target_score, is_pinned, metrics, description);
END;
COMMENT ON FUNCTION posture_internal.cluster_initiative() IS
    'returns the predefined initiatives over the metrics of the source postgresql; the first '
    'contains all metrics';

CREATE FUNCTION posture_internal.cluster_source() RETURNS integer
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    INSERT INTO source (key, name, product)
    SELECT 'postgresql', 'This PostgreSQL cluster', 'PostgreSQL'
    WHERE NOT EXISTS (SELECT FROM source s WHERE s.key = 'postgresql')
    ON CONFLICT DO NOTHING;
    SELECT s.source_id FROM source s WHERE s.key = 'postgresql';
END;
COMMENT ON FUNCTION posture_internal.cluster_source() IS
    'adds the source postgresql if it is missing; returns its id';

-- A metric is added only together with a new recommendation, and an initiative
-- only together with a new metric, so that each is added once: what users rename,
-- change, remove or delete afterwards stays that way. Users may also change
-- severities; a new release of posture updates only texts.
CREATE FUNCTION posture_internal.cluster_catalog() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    source_of integer;
    new_recommendations integer[];
    new_metrics integer[];
    new_initiatives integer[];
BEGIN
    PERFORM require_level('loader or curator');
    PERFORM require_delivery('postgresql') WHERE NOT has_level(caller(), 'curator');
    -- one load at a time
    PERFORM lock_delivery();
    source_of := cluster_source();
    UPDATE recommendation r
    SET title = c.title, description = c.description, remediation = c.remediation,
        workload = 'PostgreSQL', domain = c.domain, manage_url = c.manage_url
    FROM cluster_recommendation() c
    WHERE r.source_id = source_of AND r.key = c.key
      AND (r.title, r.description, r.remediation, r.workload, r.domain, r.manage_url)
          IS DISTINCT FROM (c.title, c.description, c.remediation, 'PostgreSQL', c.domain,
                            c.manage_url);

    WITH added AS (
        INSERT INTO recommendation
            (source_id, key, title, description, remediation, severity, workload, domain,
             manage_url)
        SELECT source_of, c.key, c.title, c.description, c.remediation, c.severity, 'PostgreSQL',
               c.domain, c.manage_url
        FROM cluster_recommendation() c
        WHERE NOT EXISTS (SELECT FROM recommendation r WHERE r.source_id = source_of
                          AND r.key = c.key)
        ON CONFLICT DO NOTHING
        RETURNING recommendation_id
    )
    SELECT array_agg(a.recommendation_id) INTO new_recommendations FROM added a;
    IF new_recommendations IS NULL THEN
        RETURN;
    END IF;

    WITH added AS (
        INSERT INTO metric (key, name, description, importance, asset_kinds)
        SELECT c.key, c.name, c.description, c.importance, c.asset_kinds
        FROM cluster_metric() c
        WHERE EXISTS (SELECT FROM recommendation r
                      WHERE r.recommendation_id = ANY (new_recommendations)
                        AND r.key = ANY (c.recommendations))
          AND NOT EXISTS (SELECT FROM metric m WHERE m.key = c.key)
        ON CONFLICT DO NOTHING
        RETURNING metric_id
    )
    SELECT array_agg(a.metric_id) INTO new_metrics FROM added a;

    -- a later release may also add a recommendation to an existing metric
    INSERT INTO metric_recommendation (metric_id, recommendation_id)
    SELECT m.metric_id, r.recommendation_id
    FROM cluster_metric() c
    JOIN metric m ON m.key = c.key
    JOIN recommendation r ON r.source_id = source_of AND r.key = ANY (c.recommendations)
    WHERE m.rule IS NULL AND (m.metric_id = ANY (new_metrics)
                              OR r.recommendation_id = ANY (new_recommendations))
    ON CONFLICT DO NOTHING;

    WITH added AS (
        INSERT INTO initiative (key, name, kind, description, method, target_score, is_pinned)
        SELECT c.key, c.name, c.kind, c.description, 'weighted', c.target_score, c.is_pinned
        FROM cluster_initiative() c
        WHERE EXISTS (SELECT FROM metric m
                      WHERE m.metric_id = ANY (new_metrics) AND m.key = ANY (c.metrics))
          AND NOT EXISTS (SELECT FROM initiative i WHERE i.key = c.key)
        ON CONFLICT DO NOTHING
        RETURNING initiative_id
    )
    SELECT array_agg(a.initiative_id) INTO new_initiatives FROM added a;

    INSERT INTO initiative_metric (initiative_id, metric_id)
    SELECT i.initiative_id, m.metric_id
    FROM cluster_initiative() c
    JOIN initiative i ON i.key = c.key
    JOIN metric m ON m.key = ANY (c.metrics)
    WHERE i.initiative_id = ANY (new_initiatives) OR m.metric_id = ANY (new_metrics)
    ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION posture_internal.cluster_catalog() IS
    'adds the source postgresql with its recommendations, metrics and initiatives to the catalog, '
    'as far as they are missing';
