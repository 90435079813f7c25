/*
 * When findings were observed last. A finding keeps the time of its last change, and a
 * delivery that confirms it does not write it. So that an older observation that arrives
 * later does not replace a confirmed state, each delivery leaves a row here for each of
 * its recommendations and each hour: the assets, and the earliest observation of one.
 *
 * The rows of a recommendation are merged now and then: those of an hour, and after a day
 * those of a day, count as its earliest, and an asset is kept only where it was observed
 * last. So a time here is never later than the observation was.
 */

-- Rows of a recommendation that is gone do no harm.
CREATE TABLE posture_internal.confirmation (
    recommendation_id integer,
    observed_at timestamptz
        CONSTRAINT "observed_at is in the years 1900 to 9999"
        CHECK (observed_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    assets assetset NOT NULL,
    is_merged boolean NOT NULL,
    PRIMARY KEY (recommendation_id, observed_at)
);
COMMENT ON TABLE posture_internal.confirmation IS
    'findings that deliveries had, at a time or later';
COMMENT ON COLUMN posture_internal.confirmation.recommendation_id IS 'id of the recommendation';
COMMENT ON COLUMN posture_internal.confirmation.observed_at IS
    'earliest observation of one of the assets';
COMMENT ON COLUMN posture_internal.confirmation.assets IS 'assets of the findings';
COMMENT ON COLUMN posture_internal.confirmation.is_merged IS
    'whether the row stands for those of several deliveries';

CREATE FUNCTION posture_internal.is_observed_since(
    recommendation_id integer, asset_id integer, observed_at timestamptz) RETURNS boolean
    LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT EXISTS (SELECT
               FROM confirmation c
               WHERE c.recommendation_id = is_observed_since.recommendation_id
                 AND c.observed_at > is_observed_since.observed_at
                 AND c.assets @> asset_id);
END;
COMMENT ON FUNCTION posture_internal.is_observed_since(integer, integer, timestamptz) IS
    'step of ingest(): whether a delivery had an observation of the finding that is later than a '
    'given one';

CREATE FUNCTION posture_internal.merge_confirmations(recommendations integer[]) RETURNS void
    LANGUAGE sql
BEGIN ATOMIC
    WITH former AS (
        DELETE FROM confirmation c
        WHERE c.recommendation_id = ANY (recommendations)
        RETURNING c.recommendation_id, c.observed_at, c.assets
    ), period AS (
        SELECT f.recommendation_id, min(f.observed_at) AS observed_at, union_agg(f.assets) AS assets
        FROM former f
        GROUP BY f.recommendation_id,
                 date_trunc(CASE WHEN f.observed_at > now() - interval '1 day' THEN 'hour'
                                 ELSE 'day' END, f.observed_at, 'UTC')
    ), latest AS (
        SELECT p.recommendation_id, p.observed_at,
               p.assets - coalesce(union_agg(p.assets) OVER (
                                       PARTITION BY p.recommendation_id ORDER BY p.observed_at DESC
                                       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), '{}')
                   AS assets
        FROM period p
    )
    INSERT INTO confirmation (recommendation_id, observed_at, assets, is_merged)
    SELECT l.recommendation_id, l.observed_at, l.assets, true
    FROM latest l
    WHERE l.assets <> '{}' AND l.observed_at > now() - interval '1 year';
END;
COMMENT ON FUNCTION posture_internal.merge_confirmations(integer[]) IS
    'step of ingest(): merges the rows of some recommendations';

CREATE FUNCTION posture_internal.keep_confirmations() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    recommendations integer[];
BEGIN
    WITH kept AS (
        INSERT INTO confirmation (recommendation_id, observed_at, assets, is_merged)
        SELECT d.recommendation_id, d.observed_at, d.assets, false
        FROM delivered_findings() d
        ORDER BY d.recommendation_id
        ON CONFLICT ON CONSTRAINT confirmation_pkey DO UPDATE
        SET assets = confirmation.assets | EXCLUDED.assets
        RETURNING recommendation_id
    )
    SELECT array_agg(DISTINCT k.recommendation_id) INTO recommendations FROM kept k;
    recommendations := ARRAY(SELECT c.recommendation_id
                             FROM unnest(recommendations) k(recommendation_id)
                             JOIN confirmation c USING (recommendation_id)
                             WHERE NOT c.is_merged
                             GROUP BY c.recommendation_id
                             HAVING count(*) > 16);
    IF recommendations <> '{}' THEN
        PERFORM merge_confirmations(recommendations);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.keep_confirmations() IS
    'step of ingest(): keeps when the findings of the delivery were observed';

-- What was observed of a finding before it was deleted says nothing of one that is inserted later.
CREATE FUNCTION posture_internal.forget_confirmations() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM confirmation;
    ELSIF EXISTS (SELECT FROM confirmation) THEN
        UPDATE confirmation c
        SET assets = c.assets - r.assets
        FROM (SELECT x.recommendation_id, assetset_agg(x.asset_id) AS assets
              FROM removed x
              GROUP BY x.recommendation_id
              ORDER BY x.recommendation_id) r
        WHERE c.recommendation_id = r.recommendation_id AND c.assets & r.assets <> '{}';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.forget_confirmations() IS
    'forgets when findings that are deleted were observed';
REVOKE EXECUTE ON FUNCTION posture_internal.forget_confirmations() FROM PUBLIC;

CREATE TRIGGER forget_confirmations AFTER DELETE ON posture.finding
    REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION forget_confirmations();
CREATE TRIGGER forget_all_confirmations AFTER TRUNCATE ON posture.finding
    FOR EACH STATEMENT EXECUTE FUNCTION forget_confirmations();
COMMENT ON TRIGGER forget_confirmations ON posture.finding IS
    'forgets when findings that are deleted were observed';
COMMENT ON TRIGGER forget_all_confirmations ON posture.finding IS
    'forgets when findings that are deleted were observed';
