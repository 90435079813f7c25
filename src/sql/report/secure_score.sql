/*
 * secure_score: initiatives that are scored by points, day by day.
 * secure_score_part: their points by domain and by workload.
 */

CREATE VIEW posture.secure_score WITH (security_invoker = true) AS
WITH shown AS (
    SELECT s.day, s.initiative_id, s.key, s.name, s.score
    FROM initiative_snapshot s
    WHERE s.method = 'points' AND s.day <> today()
    UNION ALL
    SELECT today(), d.initiative_id, NULL, NULL, NULL
    FROM initiative_definition(NULL) d
    WHERE d.method = 'points'
), scored AS (
    SELECT s.day, s.initiative_id, s.key, s.name, t.achieved, t.possible,
           CASE WHEN s.day = today() THEN score(round(t.possible - t.achieved, 30), t.possible)
                ELSE s.score END AS score
    FROM shown s
    LEFT JOIN (SELECT d.day, t.initiative_id, sum(t.achieved) AS achieved,
                      sum(t.possible) AS possible
               FROM points_day() d(day) CROSS JOIN LATERAL points_term(d.day) t
               GROUP BY d.day, t.initiative_id) t
           ON t.day = s.day AND t.initiative_id = s.initiative_id
), band AS MATERIALIZED (
    SELECT z.* FROM initiative_band('zone') z
)
SELECT coalesce(i.key::text, o.key, o.initiative_id::text) AS initiative,
       o.day,
       round_points(o.achieved) AS achieved,
       round_points(o.possible) AS possible,
       o.score::numeric AS percentage,
       f.key::text AS benchmark,
       b.score::numeric AS benchmark_percentage,
       coalesce(i.name, o.name) AS name,
       z.name AS zone,
       b.name AS benchmark_name
FROM scored o
LEFT JOIN initiative i USING (initiative_id)
LEFT JOIN band z ON z.initiative_id IS NOT DISTINCT FROM i.initiative_id
                AND z.from_score <= o.score AND (z.below IS NULL OR o.score < z.below)
LEFT JOIN LATERAL (SELECT x.key
                   FROM benchmark x
                   WHERE x.initiative_id = o.initiative_id AND x.day <= o.day
                   ORDER BY x.key
                   LIMIT 1) f ON true
LEFT JOIN LATERAL (SELECT x.name, x.score
                   FROM benchmark x
                   WHERE x.initiative_id = o.initiative_id AND x.key = f.key AND x.day <= o.day
                   ORDER BY x.day DESC
                   LIMIT 1) b ON true;
COMMENT ON VIEW posture.secure_score IS
    'each initiative on each day on which it was scored by points, including deleted initiatives; '
    'for today as it stands now';
COMMENT ON COLUMN posture.secure_score.initiative IS 'key of the initiative';
COMMENT ON COLUMN posture.secure_score.day IS
    'day whose end the row shows; for today, the current state';
COMMENT ON COLUMN posture.secure_score.achieved IS 'points achieved; NULL if none are possible';
COMMENT ON COLUMN posture.secure_score.possible IS 'points possible; NULL if there are none';
COMMENT ON COLUMN posture.secure_score.percentage IS
    'score of that day, 100 x achieved / possible; NULL: unavailable';
COMMENT ON COLUMN posture.secure_score.benchmark IS
    'key of the first benchmark, by key, that the initiative has on or before that day; '
    'benchmark_report has all; NULL: none';
COMMENT ON COLUMN posture.secure_score.benchmark_percentage IS
    'latest score of that benchmark on or before that day, 0 to 100; NULL: none';
COMMENT ON COLUMN posture.secure_score.name IS 'name of the initiative';
COMMENT ON COLUMN posture.secure_score.zone IS
    'zone of the score, by the current bands; NULL: none';
COMMENT ON COLUMN posture.secure_score.benchmark_name IS 'name of the benchmark; NULL: none';

CREATE VIEW posture.secure_score_part WITH (security_invoker = true) AS
SELECT coalesce(i.key::text,
                (SELECT s.key
                 FROM initiative_snapshot s
                 WHERE s.day = p.day AND s.initiative_id = p.initiative_id),
                p.initiative_id::text) AS initiative,
       p.day,
       p.part,
       p.value,
       round_points(p.achieved) AS achieved,
       round_points(p.possible) AS possible,
       score(round(p.possible - p.achieved, 30), p.possible)::numeric AS percentage,
       p.recommendations,
       coalesce(i.name,
                (SELECT s.name
                 FROM initiative_snapshot s
                 WHERE s.day = p.day AND s.initiative_id = p.initiative_id)) AS name
FROM (SELECT d.day, t.initiative_id, v.part, v.value,
             sum(t.achieved) AS achieved, sum(t.possible) AS possible,
             count(*) AS recommendations
      FROM points_day() d(day)
      CROSS JOIN LATERAL points_term(d.day) t
      LEFT JOIN recommendation r USING (recommendation_id)
      -- grouping sets would keep conditions on the day from points_term()
      CROSS JOIN LATERAL (VALUES ('domain', r.domain), ('workload', r.workload)) v(part, value)
      GROUP BY d.day, t.initiative_id, v.part, v.value) p
LEFT JOIN initiative i USING (initiative_id);
COMMENT ON VIEW posture.secure_score_part IS
    'points of an initiative on a day by domain, and again by workload; the parts of either kind '
    'sum to secure_score';
COMMENT ON COLUMN posture.secure_score_part.initiative IS 'key of the initiative';
COMMENT ON COLUMN posture.secure_score_part.day IS
    'day whose end the row shows; for today, the current state';
COMMENT ON COLUMN posture.secure_score_part.part IS 'kind of the part: domain or workload';
COMMENT ON COLUMN posture.secure_score_part.value IS
    'domain or workload that the recommendations have now; NULL: recommendations without one';
COMMENT ON COLUMN posture.secure_score_part.achieved IS 'points achieved';
COMMENT ON COLUMN posture.secure_score_part.possible IS 'points possible';
COMMENT ON COLUMN posture.secure_score_part.percentage IS
    'score of the part, 100 x achieved / possible; NULL if no points are possible';
COMMENT ON COLUMN posture.secure_score_part.recommendations IS
    'number of recommendations in the part that are worth points';
COMMENT ON COLUMN posture.secure_score_part.name IS 'name of the initiative';
