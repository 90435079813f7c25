/*
 * Days that have passed, written straight into the history and the snapshots:
 * that many updates would take hours. On each day 1 % of the findings change:
 * a fortieth of those that fail is repaired, and a 160th of the others begins
 * to fail, so that a fifth fails on every day. The history is exact: a walk back
 * from the current sets. The snapshots of the first and the last day are taken
 * from it. Those between are copies, with their scores, because what reading a
 * day costs does not depend on its scores.
 */
CREATE TABLE bench.share AS
SELECT parts, part, posture.assetset_agg(asset_id) AS assets
FROM posture.asset
CROSS JOIN (VALUES (40), (160)) p(parts)
CROSS JOIN LATERAL (SELECT (hashint4extended(asset_id, parts) & 65535) % parts AS part) x
GROUP BY parts, part;

-- the changes on the days from first_day to last_day, before which there is no history
CREATE PROCEDURE bench.make_past(first_day date, last_day date) LANGUAGE plpgsql AS $$
DECLARE
    repaired posture.assetset[] :=
        ARRAY(SELECT assets FROM bench.share WHERE parts = 40 ORDER BY part);
    failing posture.assetset[] :=
        ARRAY(SELECT assets FROM bench.share WHERE parts = 160 ORDER BY part);
    r record;
    turn bigint;
    exposed posture.assetset;
    changed posture.assetset;
BEGIN
    FOR r IN
        SELECT s.recommendation_id, posture.union_agg(s.assessed) AS assessed,
               posture.xor_agg(s.exposed) AS exposed
        FROM (SELECT f.recommendation_id, f.assessed, f.exposed
              FROM posture_internal.finding_set f
              UNION ALL
              SELECT h.recommendation_id, NULL, h.exposed
              FROM posture_internal.finding_history h) s
        GROUP BY s.recommendation_id
    LOOP
        exposed := r.exposed;
        FOR day IN REVERSE last_day - first_day .. 0 LOOP
            -- at random, but the same in each run
            turn := abs(hashint8(day * 100000 + r.recommendation_id)::bigint);
            changed := exposed OPERATOR(posture.&) repaired[1 + turn % 40]
                OPERATOR(posture.|) ((r.assessed OPERATOR(posture.&) failing[1 + turn % 160])
                                     OPERATOR(posture.-) exposed);
            INSERT INTO posture_internal.finding_history (day, recommendation_id, assessed, exposed)
            VALUES (first_day + day, r.recommendation_id, '{}', changed);
            exposed := exposed OPERATOR(posture.#) changed;
        END LOOP;
    END LOOP;
END $$;

-- copies the snapshot of a day to the days from first_day to last_day
CREATE PROCEDURE bench.copy_snapshot(of_day date, first_day date, last_day date)
    LANGUAGE plpgsql AS $$
DECLARE
    snapshot record;
BEGIN
    FOR snapshot IN
        SELECT a.attrelid::regclass AS name,
               string_agg(format('%I', a.attname), ', ')
                   FILTER (WHERE a.attname <> 'day') AS columns
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)
          AND c.relkind = 'r'
          AND c.relname ~ 'snapshot$'
        GROUP BY a.attrelid
    LOOP
        EXECUTE format('INSERT INTO %1$s (day, %2$s) SELECT $2 + n, %2$s FROM %1$s, '
                       'generate_series(0, $3 - $2) n WHERE day = $1', snapshot.name, snapshot.columns)
        USING of_day, first_day, last_day;
    END LOOP;
    UPDATE posture.snapshot SET ends_at = posture.day_end(day)
    WHERE day BETWEEN first_day AND last_day;
END $$;

-- takes history back to a day that is so many days ago, from the first snapshot that there is
CREATE PROCEDURE bench.extend_past(days integer) LANGUAGE plpgsql AS $$
DECLARE
    begins date := (SELECT min(s.day) FROM posture.snapshot s);
    first_day date := posture.today() - days;
BEGIN
    IF first_day < begins THEN
        CALL bench.make_past(first_day + 1, begins);
        PERFORM posture.take_snapshot(first_day);
        CALL bench.copy_snapshot(first_day, first_day + 1, begins - 1);
    END IF;
END $$;
