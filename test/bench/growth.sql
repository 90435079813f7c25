/*
 * A fleet that can grow (psql variables of catalog.sql, and events, days and
 * pending): called again with greater numbers, it adds what is missing. Makes
 * the fleet when it is called first, after fleet.sql, measure.sql and fill.sql.
 */
SET client_min_messages = error;
SELECT to_regclass('bench.share') IS NULL AS is_first \gset
\if :is_first
UPDATE posture.asset
SET criticality = (ARRAY['low', 'medium', 'medium', 'high', 'critical'])[1 + asset_id / 7 % 5],
    tags = jsonb_build_object('team', 'team' || asset_id / 3 % 50);
CREATE ROLE bench_owner;
SELECT posture.grant_access('bench_owner', 'owner') \g /dev/null
SELECT posture.fold(), posture.take_snapshot(posture.today() - 2) \g /dev/null
\ir past.sql
-- a day with drops of nearly all metrics, which are copied to earlier days
UPDATE posture.finding
SET state = 'non_compliant', changed_at = posture.day_end(posture.today() - 1) - interval '1 hour'
WHERE (asset_id * 7 + recommendation_id) % 100 = 0;
SET posture.drop_threshold = 0.0001;
SELECT posture.take_snapshot(posture.today() - 1) \g /dev/null

CREATE PROCEDURE bench.copy_events(number integer) LANGUAGE plpgsql AS $$
DECLARE
    on_day date := posture.today() - 1;
    columns text := (SELECT string_agg(format('%I', a.attname), ', ')
                     FROM pg_attribute a
                     WHERE a.attrelid = 'posture.event'::regclass AND a.attnum > 0
                       AND NOT a.attisdropped
                       AND a.attname NOT IN ('event_id', 'day', 'previous_day', 'status',
                                             'recovered_on'));
    of_cause text := (SELECT string_agg(format('c.%I', a.attname), ', ' ORDER BY a.attnum)
                      FROM pg_attribute a
                      WHERE a.attrelid = 'posture.event_cause'::regclass AND a.attnum > 0
                        AND NOT a.attisdropped AND a.attname <> 'event_id');
    oldest date := (SELECT min(e.day) FROM posture.event e);
    missing integer := number - (SELECT count(*) FROM posture.event);
    a_day integer := (SELECT count(*) FROM posture.event e
                      WHERE e.day = on_day AND e.kind <> 'new_initiative');
BEGIN
    IF missing <= 0 THEN
        RETURN;
    END IF;
    -- of ten events nine have recovered
    EXECUTE format('INSERT INTO posture.event (day, previous_day, status, recovered_on, %1$s)
                    SELECT $2 - n, $2 - n - 1,
                           CASE WHEN event_id %% 10 = 0 THEN ''open'' ELSE ''recovered'' END,
                           CASE WHEN event_id %% 10 > 0 THEN $2 - n + 1 END, %1$s
                    FROM posture.event, generate_series(1, $3 / $4 + 1) n
                    WHERE day = $1 AND kind <> ''new_initiative''', columns)
    USING on_day, oldest, missing, a_day;
    EXECUTE format('INSERT INTO posture.event_cause (event_id, %s)
                    SELECT n.event_id, %s
                    FROM posture.event n
                    JOIN posture.event e USING (kind, metric_id)
                    JOIN posture.event_cause c ON c.event_id = e.event_id
                    WHERE n.day < $2 AND e.day = $1', replace(of_cause, 'c.', ''), of_cause)
    USING on_day, oldest;
END $$;
\endif

\ir catalog.sql
-- recommendations that are new have findings, too
INSERT INTO posture.finding (recommendation_id, asset_id, state, changed_at)
SELECT r.recommendation_id, 1 + (r.recommendation_id * 7919::bigint + n * 1999) % :assets,
       CASE WHEN (r.recommendation_id + n) % 5 = 0 THEN 'non_compliant'
            ELSE 'compliant' END::posture.finding_state, now()
FROM posture.recommendation r
CROSS JOIN generate_series(1, greatest(:assets / 2000, 1)) n
WHERE r.recommendation_id > 500
  AND NOT EXISTS (SELECT FROM posture.finding f WHERE f.recommendation_id = r.recommendation_id);
-- the owner has a quarter
UPDATE posture.initiative SET owner = 'bench_owner' WHERE initiative_id % 4 = 1 AND owner IS NULL;
UPDATE posture.asset_group SET owner = 'bench_owner' WHERE asset_group_id % 4 = 1 AND owner IS NULL;
SELECT posture.fold() \g /dev/null
CALL bench.extend_past(:days);
CALL bench.copy_events(:events);
VACUUM ANALYZE;
SELECT :pending > 0 AS is_pending \gset
\if :is_pending
UPDATE posture.finding f
SET state = CASE f.state WHEN 'compliant' THEN 'non_compliant'
                         ELSE 'compliant' END::posture.finding_state,
    changed_at = now()
FROM (SELECT x.recommendation_id, x.asset_id
      FROM posture.finding x
      ORDER BY hashint8(x.recommendation_id * 10000000::bigint + x.asset_id)
      LIMIT :pending) t
WHERE f.recommendation_id = t.recommendation_id AND f.asset_id = t.asset_id;
\endif
