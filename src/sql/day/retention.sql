CREATE FUNCTION posture_internal.purge() RETURNS bigint
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    WITH cut AS (
        SELECT today() - setting('retention_days')::integer AS day
    ), s AS (DELETE FROM snapshot x USING cut WHERE x.day < cut.day RETURNING 1
    ), h AS (DELETE FROM finding_history x USING cut WHERE x.day < cut.day RETURNING 1
    ), r AS (DELETE FROM recommendation_snapshot x USING cut WHERE x.day < cut.day RETURNING 1
    ), m AS (DELETE FROM metric_snapshot x USING cut WHERE x.day < cut.day RETURNING 1
    ), i AS (DELETE FROM initiative_snapshot x USING cut WHERE x.day < cut.day RETURNING 1
    ), b AS (DELETE FROM initiative_metric_snapshot x USING cut WHERE x.day < cut.day RETURNING 1
    ), p AS (DELETE FROM exemption_snapshot x USING cut WHERE x.day < cut.day RETURNING 1
    ), g AS (DELETE FROM asset_group_snapshot x USING cut WHERE x.day < cut.day RETURNING 1
    ), e AS (DELETE FROM event x USING cut WHERE x.day < cut.day RETURNING 1
    ), u AS (DELETE FROM run x USING cut WHERE x.day < cut.day RETURNING 1
    ), v AS (DELETE FROM verification x USING cut WHERE x.verified_at < day_end(cut.day - 1) RETURNING 1
    ), j AS (DELETE FROM rejected x USING cut WHERE x.rejected_at < day_end(cut.day - 1) RETURNING 1)
    SELECT (SELECT count(*) FROM s) + (SELECT count(*) FROM h) + (SELECT count(*) FROM r) + (SELECT count(*) FROM m) + (SELECT count(*) FROM i)
         + (SELECT count(*) FROM b) + (SELECT count(*) FROM p) + (SELECT count(*) FROM g) + (SELECT count(*) FROM e) + (SELECT count(*) FROM u) + (SELECT count(*) FROM v)
         + (SELECT count(*) FROM j);
END;
COMMENT ON FUNCTION posture_internal.purge() IS 'deletes history, events, runs and rejected rows older than posture.retention_days; returns how many rows';
