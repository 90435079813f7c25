/*
 * overview: the initiatives as they stand now.
 */

CREATE FUNCTION posture_internal.initiative_trend(days integer)
    RETURNS TABLE (initiative_id integer, scores numeric[])
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT i.initiative_id, array_agg(s.score::numeric ORDER BY ago DESC)
    FROM initiative i
    CROSS JOIN generate_series(1, days) ago
    LEFT JOIN initiative_snapshot s ON s.initiative_id = i.initiative_id AND s.day = today() - ago
    GROUP BY i.initiative_id;
END;
COMMENT ON FUNCTION posture_internal.initiative_trend(integer) IS
    'returns the scores of each initiative on the given number of days before today, oldest first; '
    'an element is NULL if there is no snapshot or the score is unavailable';

CREATE FUNCTION posture_internal.read_overview()
    RETURNS TABLE (initiative text, name text, kind text, is_pinned boolean, owner text,
                   score numeric, target_score numeric, change_1d numeric, change_14d numeric,
                   trend_14d numeric[], metrics bigint, exposed_assets bigint,
                   critical_assets bigint, open_events bigint, raw_score numeric,
                   population bigint, unassessed_assets bigint, coverage_pct numeric,
                   score_low numeric, score_high numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH result AS MATERIALIZED (
        SELECT r.initiative_id, r.score, r.exposed::bigint AS exposed, r.critical,
               r.population::bigint AS population, r.unassessed::bigint AS unassessed,
               r.score_low, r.score_high
        FROM report_row(NULL, NULL, NULL) r
        WHERE r.metric_id IS NULL
    ), member AS MATERIALIZED (
        SELECT b.initiative_id, count(*) AS metrics
        FROM initiative_member(NULL) b
        GROUP BY b.initiative_id
    ), dropped AS (
        SELECT x.initiative_id, count(DISTINCT x.event_id) AS events
        FROM (SELECT v.event_id, v.initiative_id
              FROM event v
              WHERE v.status = 'open' AND v.kind = 'initiative_score_drop'
              UNION ALL
              SELECT v.event_id, b.initiative_id
              FROM event v JOIN initiative_member(NULL) b ON b.metric_id = v.metric_id
              WHERE v.status = 'open'
                AND v.kind::text IN ('metric_score_drop', 'coverage_drop')) x
        GROUP BY x.initiative_id
    )
    SELECT i.key::text, i.name, i.kind, i.is_pinned, i.owner::text,
           n.score::numeric, i.target_score::numeric,
           n.score - day_1.score, n.score - day_14.score,
           t.scores || n.score::numeric,
           coalesce(m.metrics, 0), n.exposed, n.critical,
           coalesce(d.events, 0),
           -- without exemptions, both are the same
           CASE WHEN raw.is_asked THEN raw.score ELSE n.score END::numeric,
           n.population, n.unassessed, coverage_pct(n.population, n.unassessed),
           n.score_low::numeric, n.score_high::numeric
    FROM result n
    JOIN initiative i ON i.initiative_id = n.initiative_id
    LEFT JOIN member m ON m.initiative_id = n.initiative_id
    LEFT JOIN initiative_trend(13) t ON t.initiative_id = n.initiative_id
    LEFT JOIN LATERAL (SELECT s.score
                       FROM initiative_snapshot s
                       WHERE s.initiative_id = n.initiative_id AND s.day <= today() - 1
                       ORDER BY s.day DESC
                       LIMIT 1) day_1 ON true
    LEFT JOIN LATERAL (SELECT s.score
                       FROM initiative_snapshot s
                       WHERE s.initiative_id = n.initiative_id AND s.day <= today() - 14
                       ORDER BY s.day DESC
                       LIMIT 1) day_14 ON true
    LEFT JOIN dropped d ON d.initiative_id = n.initiative_id
    -- nodes have exemptions of their assets
    LEFT JOIN (SELECT r.initiative_id, r.score, true AS is_asked
               FROM initiative_result(NULL, without_exemptions()) r
               WHERE has_exemptions() OR has_nodes()) raw ON raw.initiative_id = n.initiative_id
    ORDER BY i.is_pinned DESC, i.name, i.key;
END $$;
COMMENT ON FUNCTION posture_internal.read_overview() IS 'returns the rows of the view overview';

CREATE VIEW posture.overview WITH (security_invoker = true) AS
SELECT * FROM read_overview();
COMMENT ON VIEW posture.overview IS 'each active initiative as it stands now, pinned ones first';
COMMENT ON COLUMN posture.overview.initiative IS 'key of the initiative';
COMMENT ON COLUMN posture.overview.name IS 'name of the initiative';
COMMENT ON COLUMN posture.overview.kind IS 'kind of initiative: workload, standard, threat, ...';
COMMENT ON COLUMN posture.overview.is_pinned IS 'whether the initiative is shown first';
COMMENT ON COLUMN posture.overview.owner IS 'role that owns the initiative; NULL: none';
COMMENT ON COLUMN posture.overview.score IS 'current score, 0 to 100; NULL: unavailable';
COMMENT ON COLUMN posture.overview.target_score IS 'score to reach; NULL: none';
COMMENT ON COLUMN posture.overview.change_1d IS
    'points since yesterday''s snapshot, or the latest earlier one, positive if better; NULL if '
    'either score is missing';
COMMENT ON COLUMN posture.overview.change_14d IS
    'points since the snapshot of 14 days ago, or the latest earlier one, positive if better; NULL '
    'if either score is missing';
COMMENT ON COLUMN posture.overview.trend_14d IS
    'scores of the 13 days before today, oldest first, and the current score; an element is NULL '
    'if there is no snapshot or the score is unavailable';
COMMENT ON COLUMN posture.overview.metrics IS 'number of active metrics in the initiative';
COMMENT ON COLUMN posture.overview.exposed_assets IS
    'number of distinct assets exposed by its metrics, or by recommendations that it scores '
    'without a metric';
COMMENT ON COLUMN posture.overview.critical_assets IS
    'number of these assets that are critical';
COMMENT ON COLUMN posture.overview.open_events IS
    'number of open drops of the initiative and its active metrics, of their scores or coverage';
COMMENT ON COLUMN posture.overview.raw_score IS
    'score if no exemption counted: the difference from score is the part that exemptions raise it '
    'by';
COMMENT ON COLUMN posture.overview.population IS
    'number of distinct assets that its metrics are about, assessed or not';
COMMENT ON COLUMN posture.overview.unassessed_assets IS
    'number of these that a metric of the initiative is about and that it does not assess';
COMMENT ON COLUMN posture.overview.coverage_pct IS
    'share of the population that every metric assesses which is about it, in percent; NULL: the '
    'population is empty';
COMMENT ON COLUMN posture.overview.score_low IS
    'score if all unassessed assets were exposed; NULL: nothing is known';
COMMENT ON COLUMN posture.overview.score_high IS
    'score if none of the unassessed assets were exposed; NULL: nothing is known';
