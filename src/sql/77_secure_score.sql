/*
 * Points: how many of those that are possible an initiative has achieved, on
 * each day, by domain and workload, and from one day to another; and what
 * others score. Points are shown with six decimals, as scores are.
 */

-- What initiative_term() has of one day, of all days at once. A recommendation
-- counts once, however many metrics measure it: sets of ids say so fastest.
CREATE FUNCTION posture.points_term()
    RETURNS TABLE (day date, initiative_id integer, recommendation_id integer, achieved numeric, possible numeric)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT o.day, o.initiative_id, o.recommendation_id, r.achieved, r.possible
    FROM (SELECT x.day, x.initiative_id, posture.members(posture.union_agg(x.recommendations)) AS recommendation_id
          FROM (SELECT s.day, s.initiative_id, s.recommendations::posture.assetset AS recommendations
                FROM posture.initiative_snapshot s
                WHERE s.method = 'points' AND s.day <> posture.today()
                UNION ALL
                SELECT s.day, s.initiative_id, m.recommendations::posture.assetset
                FROM posture.initiative_snapshot s
                JOIN posture.initiative_metric_snapshot b ON b.day = s.day AND b.initiative_id = s.initiative_id
                JOIN posture.metric_snapshot m ON m.day = b.day AND m.metric_id = b.metric_id
                WHERE s.method = 'points' AND s.day <> posture.today() AND b.weight > 0 AND m.score IS NOT NULL) x
          GROUP BY x.day, x.initiative_id) o
    JOIN posture.recommendation_snapshot r ON r.day = o.day AND r.recommendation_id = o.recommendation_id
    WHERE r.possible IS NOT NULL
    UNION ALL
    SELECT posture.today(), t.initiative_id, t.recommendation_id, t.healthy, t.mass
    FROM posture.initiative_term(NULL) t
    WHERE t.method = 'points' AND t.mass IS NOT NULL;
END;
COMMENT ON FUNCTION posture.points_term() IS 'the points of each recommendation in each initiative that is scored by points: on past days from their snapshots, today as they are now';

CREATE FUNCTION posture.figure_points(points numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN trim_scale(round(points, 6));
COMMENT ON FUNCTION posture.figure_points(numeric) IS 'points as reports show them: six decimals, as scores have';

CREATE VIEW posture.secure_score WITH (security_invoker = true) AS
WITH total AS (
    SELECT t.day, t.initiative_id, sum(t.achieved) AS achieved, sum(t.possible) AS possible
    FROM posture.points_term() t
    GROUP BY t.day, t.initiative_id
), own AS (
    SELECT s.day, s.initiative_id, s.key, s.name, s.score, t.achieved, t.possible
    FROM posture.initiative_snapshot s
    LEFT JOIN total t ON t.day = s.day AND t.initiative_id = s.initiative_id
    WHERE s.method = 'points' AND s.day <> posture.today()
    UNION ALL
    SELECT posture.today(), d.initiative_id, NULL, NULL, posture.score(round(t.possible - t.achieved, 30), t.possible), t.achieved, t.possible
    FROM posture.initiative_definition(NULL) d
    LEFT JOIN total t ON t.day = posture.today() AND t.initiative_id = d.initiative_id
    WHERE d.method = 'points'
), band AS MATERIALIZED (
    SELECT z.* FROM posture.initiative_band('zone') z
)
SELECT coalesce(i.key::text, o.key, o.initiative_id::text) AS initiative,
       o.day,
       posture.figure_points(o.achieved) AS achieved,
       posture.figure_points(o.possible) AS possible,
       o.score::numeric AS percentage,
       f.key::text AS benchmark,
       b.score::numeric AS benchmark_percentage,
       coalesce(i.name, o.name) AS name,
       z.name AS zone
FROM own o
LEFT JOIN posture.initiative i USING (initiative_id)
LEFT JOIN band z ON z.initiative_id IS NOT DISTINCT FROM i.initiative_id AND z.from_score OPERATOR(posture.<=) o.score
                AND (z.below IS NULL OR o.score OPERATOR(posture.<) z.below)
LEFT JOIN LATERAL (SELECT x.key
                   FROM posture.benchmark x
                   WHERE x.initiative_id = o.initiative_id AND x.day <= o.day
                   ORDER BY x.key
                   LIMIT 1) f ON true
LEFT JOIN LATERAL (SELECT x.score
                   FROM posture.benchmark x
                   WHERE x.initiative_id = o.initiative_id AND x.key = f.key AND x.day <= o.day
                   ORDER BY x.day DESC
                   LIMIT 1) b ON true;
COMMENT ON VIEW posture.secure_score IS 'each initiative on each day on which it was scored by points, of deleted ones too; today as it stands now';
COMMENT ON COLUMN posture.secure_score.initiative IS 'key of the initiative';
COMMENT ON COLUMN posture.secure_score.day IS 'the day at whose end it was so; today: so far';
COMMENT ON COLUMN posture.secure_score.achieved IS 'points achieved';
COMMENT ON COLUMN posture.secure_score.possible IS 'points possible';
COMMENT ON COLUMN posture.secure_score.percentage IS 'the score as shown on that day: 100 x achieved / possible; NULL: unavailable';
COMMENT ON COLUMN posture.secure_score.benchmark IS 'key of the benchmark that is first by key among those of the initiative by that day; all are in benchmark_report';
COMMENT ON COLUMN posture.secure_score.benchmark_percentage IS 'the latest score of that benchmark by that day';
COMMENT ON COLUMN posture.secure_score.name IS 'name of the initiative';
COMMENT ON COLUMN posture.secure_score.zone IS 'the zone of the score, by the bands of now; NULL: none';

CREATE VIEW posture.secure_score_part WITH (security_invoker = true) AS
SELECT coalesce(i.key::text, (SELECT s.key FROM posture.initiative_snapshot s WHERE s.day = p.day AND s.initiative_id = p.initiative_id),
                p.initiative_id::text) AS initiative,
       p.day,
       p.part,
       p.value,
       posture.figure_points(p.achieved) AS achieved,
       posture.figure_points(p.possible) AS possible,
       posture.score(round(p.possible - p.achieved, 30), p.possible)::numeric AS percentage,
       p.recommendations
FROM (SELECT t.day, t.initiative_id, CASE grouping(r.domain) WHEN 0 THEN 'domain' ELSE 'workload' END AS part,
             CASE grouping(r.domain) WHEN 0 THEN r.domain ELSE r.workload END AS value,
             sum(t.achieved) AS achieved, sum(t.possible) AS possible, count(*) AS recommendations
      FROM posture.points_term() t
      LEFT JOIN posture.recommendation r USING (recommendation_id)
      GROUP BY GROUPING SETS ((t.day, t.initiative_id, r.domain), (t.day, t.initiative_id, r.workload))) p
LEFT JOIN posture.initiative i USING (initiative_id);
COMMENT ON VIEW posture.secure_score_part IS 'the points of an initiative on a day, by domain and again by workload; the parts of either kind sum to secure_score';
COMMENT ON COLUMN posture.secure_score_part.initiative IS 'key of the initiative';
COMMENT ON COLUMN posture.secure_score_part.day IS 'the day at whose end it was so; today: so far';
COMMENT ON COLUMN posture.secure_score_part.part IS 'domain or workload';
COMMENT ON COLUMN posture.secure_score_part.value IS 'the domain or workload that its recommendations have now; NULL: those that have none';
COMMENT ON COLUMN posture.secure_score_part.achieved IS 'points achieved';
COMMENT ON COLUMN posture.secure_score_part.possible IS 'points possible';
COMMENT ON COLUMN posture.secure_score_part.percentage IS '100 x achieved / possible; NULL: none possible';
COMMENT ON COLUMN posture.secure_score_part.recommendations IS 'how many recommendations are worth points in it';

CREATE VIEW posture.benchmark_report WITH (security_invoker = true) AS
SELECT i.key::text AS initiative,
       b.day,
       b.key::text AS benchmark,
       b.name,
       b.score::numeric AS score,
       o.score::numeric AS own_score,
       o.score OPERATOR(posture.-) b.score AS difference
FROM posture.benchmark b
JOIN posture.initiative i USING (initiative_id)
LEFT JOIN (SELECT s.day, s.initiative_id, s.score
           FROM posture.initiative_snapshot s
           WHERE s.day <> posture.today()
           UNION ALL
           SELECT posture.today(), r.initiative_id, r.score
           FROM posture.initiative_result(NULL) r) o USING (day, initiative_id);
COMMENT ON VIEW posture.benchmark_report IS 'what others scored on each initiative, by each benchmark on each of its days, beside its own score of that day';
COMMENT ON COLUMN posture.benchmark_report.initiative IS 'key of the initiative';
COMMENT ON COLUMN posture.benchmark_report.day IS 'the day that the benchmark is about';
COMMENT ON COLUMN posture.benchmark_report.benchmark IS 'key of the benchmark';
COMMENT ON COLUMN posture.benchmark_report.name IS 'name of the benchmark';
COMMENT ON COLUMN posture.benchmark_report.score IS 'the score of the others';
COMMENT ON COLUMN posture.benchmark_report.own_score IS 'the initiative''s own score on that day, today as it stands now; NULL: no snapshot, or unavailable';
COMMENT ON COLUMN posture.benchmark_report.difference IS 'own_score - score, in points; positive: better than the others';

CREATE FUNCTION posture.points_on(of_initiative integer, on_day date)
    RETURNS TABLE (recommendation_id integer, achieved numeric, possible numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    days date[] := ARRAY(SELECT s.day FROM posture.initiative_snapshot s
                         WHERE s.initiative_id = of_initiative AND s.method = 'points' AND s.day <> posture.today()
                         UNION ALL
                         SELECT posture.today() FROM posture.initiative_definition(NULL::date) d
                         WHERE d.initiative_id = of_initiative AND d.method = 'points');
    nearest text;
BEGIN
    IF on_day IS NULL OR on_day <> ALL (days) THEN
        SELECT concat_ws(', ', max(d.day) FILTER (WHERE d.day < on_day) || ' before it', min(d.day) FILTER (WHERE d.day > on_day) || ' after it',
                         max(d.day) FILTER (WHERE on_day IS NULL))
        INTO nearest FROM unnest(days) d(day);
        RAISE EXCEPTION 'initiative "%" has no points on day %', (SELECT i.key FROM posture.initiative i WHERE i.initiative_id = of_initiative),
                coalesce(on_day::text, 'NULL')
            USING ERRCODE = 'no_data_found',
                  DETAIL = CASE WHEN cardinality(days) = 0 THEN 'It has points on no day.'
                                ELSE format('The nearest days with points: %s.', nearest) END;
    END IF;
    RETURN QUERY
    SELECT t.recommendation_id, t.healthy, t.mass
    FROM posture.initiative_term(nullif(on_day, posture.today())) t
    WHERE t.initiative_id = of_initiative AND t.method = 'points' AND t.mass IS NOT NULL;
END $$;
COMMENT ON FUNCTION posture.points_on(integer, date) IS 'the points of each recommendation of an initiative on a day, today as they are now; an error where it was not scored by points';

CREATE FUNCTION posture.points_change(initiative text, from_day date, to_day date)
    RETURNS TABLE (recommendation text, title text, domain text, workload text, previous_achieved numeric, achieved numeric,
                   previous_possible numeric, possible numeric, gained numeric, regressed numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    wanted integer := posture.initiative_of(points_change.initiative);
BEGIN
    IF wanted IS NULL THEN
        RETURN;
    ELSIF from_day > to_day THEN
        RAISE EXCEPTION 'from_day % is after to_day %', from_day, to_day USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY
    SELECT coalesce(posture.recommendation_label(x.recommendation_id), x.recommendation_id::text), r.title, r.domain, r.workload,
           x.previous_achieved, x.achieved, x.previous_possible, x.possible, greatest(x.change, 0), greatest(-x.change, 0)
    FROM (SELECT recommendation_id, posture.figure_points(p.achieved) AS previous_achieved, posture.figure_points(n.achieved) AS achieved,
                 posture.figure_points(p.possible) AS previous_possible, posture.figure_points(n.possible) AS possible,
                 posture.figure_points(coalesce(posture.figure_points(n.achieved), 0) - coalesce(posture.figure_points(p.achieved), 0)) AS change
          FROM posture.points_on(wanted, from_day) p
          FULL JOIN posture.points_on(wanted, to_day) n USING (recommendation_id)) x
    LEFT JOIN posture.recommendation r USING (recommendation_id)
    ORDER BY x.change, 1;
END $$;
COMMENT ON FUNCTION posture.points_change(text, date, date) IS 'the points of each recommendation of an initiative on two days, and what it gained or lost between them; NULL: not worth points on that day. Today is as it stands now';
