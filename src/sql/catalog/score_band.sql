/*
 * What scores are called: a zone, or a level of maturity, from a score up to
 * where the next begins. An initiative's own bands of a scheme take the place
 * of those for all initiatives, and these the place of posture's own choice.
 */

CREATE DOMAIN posture.band_scheme AS text
    CONSTRAINT band_scheme_known CHECK (VALUE IN ('zone', 'maturity'));
COMMENT ON DOMAIN posture.band_scheme IS 'what bands of scores tell: zone or maturity';

-- No band has to begin at 0: what is below the first has no name. No primary
-- key, because bands for all initiatives have none.
CREATE TABLE posture.score_band (
    initiative_id integer REFERENCES initiative ON DELETE CASCADE,
    scheme band_scheme NOT NULL,
    from_score score NOT NULL,
    name text NOT NULL CHECK (name ~ '\S'),
    UNIQUE NULLS NOT DISTINCT (initiative_id, scheme, from_score)
);
ALTER TABLE posture.score_band REPLICA IDENTITY FULL;
COMMENT ON TABLE posture.score_band IS 'what scores are called, where default_band() does not fit: all bands of a scheme, for an initiative or for all that have none of their own';
COMMENT ON COLUMN posture.score_band.initiative_id IS 'the initiative; NULL: all that have no band of this scheme of their own';
COMMENT ON COLUMN posture.score_band.scheme IS 'zone or maturity';
COMMENT ON COLUMN posture.score_band.from_score IS 'the least score that is called so; the next higher one ends it. Below the first band a score has no name';
COMMENT ON COLUMN posture.score_band.name IS 'what a score from here on is called';

-- Words and limits are posture's own choice, after no standard.
CREATE FUNCTION posture.default_band() RETURNS TABLE (scheme text, from_score score, name text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 8
BEGIN ATOMIC
    SELECT v.scheme, v.from_score::score, v.name
    FROM (VALUES ('zone', 0, 'bad'), ('zone', 50, 'okay'), ('zone', 80, 'good'),
                 ('maturity', 0, 'beginning'), ('maturity', 30, 'basic'), ('maturity', 55, 'solid'),
                 ('maturity', 75, 'strong'), ('maturity', 90, 'leading')) v(scheme, from_score, name);
END;
COMMENT ON FUNCTION posture.default_band() IS 'what scores are called where score_band has no bands of a scheme: posture''s own choice of words and limits, by no standard';

CREATE FUNCTION posture_internal.initiative_band(of_scheme text)
    RETURNS TABLE (initiative_id integer, name text, from_score score, below score)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 50
BEGIN ATOMIC
    WITH general AS (
        SELECT b.name, b.from_score
        FROM score_band b
        WHERE b.initiative_id IS NULL AND b.scheme = of_scheme
        UNION ALL
        SELECT d.name, d.from_score
        FROM default_band() d
        WHERE d.scheme = of_scheme
          AND NOT EXISTS (SELECT FROM score_band b WHERE b.initiative_id IS NULL AND b.scheme = of_scheme)
    ), band AS (
        SELECT b.initiative_id, b.name, b.from_score
        FROM score_band b
        WHERE b.initiative_id IS NOT NULL AND b.scheme = of_scheme
        UNION ALL
        SELECT i.initiative_id, g.name, g.from_score
        FROM (SELECT o.initiative_id FROM initiative o UNION ALL SELECT NULL) i
        CROSS JOIN general g
        WHERE NOT EXISTS (SELECT FROM score_band b WHERE b.initiative_id = i.initiative_id AND b.scheme = of_scheme)
    )
    -- as numeric: pg_upgrade makes functions before the operator class that sorting by a score takes
    SELECT b.initiative_id, b.name, b.from_score, lead(b.from_score) OVER (PARTITION BY b.initiative_id ORDER BY b.from_score::numeric)
    FROM band b;
END;
COMMENT ON FUNCTION posture_internal.initiative_band(text) IS 'the bands of a scheme that are in force for each initiative, and with NULL for one that is there no more; below: where the next begins';

CREATE FUNCTION posture.band_of(initiative text, scheme text, score numeric) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    wanted integer := initiative_of(initiative);
BEGIN
    IF scheme IS NULL OR scheme NOT IN ('zone', 'maturity') THEN
        RAISE EXCEPTION 'band scheme "%" not recognized', coalesce(scheme, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Schemes are zone and maturity.';
    END IF;
    RETURN (SELECT b.name
            FROM initiative_band(scheme) b
            WHERE b.initiative_id IS NOT DISTINCT FROM wanted AND b.from_score <= score::score
            ORDER BY b.from_score DESC
            LIMIT 1);
END $$;
COMMENT ON FUNCTION posture.band_of(text, text, numeric) IS 'what a score of an initiative is called by a scheme, zone or maturity; initiative NULL: by the bands for all. NULL: no score, or below the first band';
