/*
 * Bands: names for ranges of scores, such as a zone or a level of maturity. The
 * bands of an initiative take precedence over those for all initiatives, which
 * take precedence over default_band().
 */

CREATE DOMAIN posture.band_scheme AS text
    CONSTRAINT "a scheme is zone or maturity" CHECK (VALUE IN ('zone', 'maturity'));
COMMENT ON DOMAIN posture.band_scheme IS 'scheme of names for ranges of scores: zone or maturity';

-- Bands for all initiatives have initiative_id NULL, so the table has a unique
-- constraint instead of a primary key, and no shorter replica identity.
CREATE TABLE posture.score_band (
    initiative_id integer REFERENCES initiative ON DELETE CASCADE,
    scheme band_scheme NOT NULL,
    from_score score NOT NULL,
    name text NOT NULL CONSTRAINT "name is not empty" CHECK (name ~ '\S'),
    UNIQUE NULLS NOT DISTINCT (initiative_id, scheme, from_score)
);
ALTER TABLE posture.score_band REPLICA IDENTITY FULL;
COMMENT ON TABLE posture.score_band IS
    'names for ranges of scores that replace those of default_band(): all bands of a scheme, '
    'for one initiative or for all that have no bands of their own';
COMMENT ON COLUMN posture.score_band.initiative_id IS
    'id of the initiative; NULL: all that have no bands of the scheme of their own';
COMMENT ON COLUMN posture.score_band.scheme IS 'zone or maturity';
COMMENT ON COLUMN posture.score_band.from_score IS
    'lowest score of the band, which ends where the next one begins; a score below the first '
    'band has no name';
COMMENT ON COLUMN posture.score_band.name IS 'name of the band';

CREATE FUNCTION posture.default_band() RETURNS TABLE (scheme text, from_score score, name text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 8
BEGIN ATOMIC
    SELECT v.scheme, v.from_score::score, v.name
    FROM (VALUES ('zone', 0, 'bad'), ('zone', 50, 'okay'), ('zone', 80, 'good'),
                 ('maturity', 0, 'beginning'), ('maturity', 30, 'basic'), ('maturity', 55, 'solid'),
                 ('maturity', 75, 'strong'), ('maturity', 90, 'leading'))
         v(scheme, from_score, name);
END;
COMMENT ON FUNCTION posture.default_band() IS
    'returns the bands of schemes that have none in score_band; the names and limits follow no '
    'standard';

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
          AND NOT EXISTS (SELECT
                          FROM score_band b
                          WHERE b.initiative_id IS NULL AND b.scheme = of_scheme)
    ), band AS (
        SELECT b.initiative_id, b.name, b.from_score
        FROM score_band b
        WHERE b.initiative_id IS NOT NULL AND b.scheme = of_scheme
        UNION ALL
        SELECT i.initiative_id, g.name, g.from_score
        FROM (SELECT o.initiative_id FROM initiative o UNION ALL SELECT NULL) i
        CROSS JOIN general g
        WHERE NOT EXISTS (SELECT
                          FROM score_band b
                          WHERE b.initiative_id = i.initiative_id AND b.scheme = of_scheme)
    )
    -- Ordered as numeric, because pg_upgrade creates this function before the
    -- operator class of score.
    SELECT b.initiative_id, b.name, b.from_score,
           lead(b.from_score) OVER (PARTITION BY b.initiative_id ORDER BY b.from_score::numeric)
    FROM band b;
END;
COMMENT ON FUNCTION posture_internal.initiative_band(text) IS
    'bands of a scheme for each initiative, and for deleted ones with initiative_id NULL; below '
    'is where the next band begins';

CREATE FUNCTION posture.band_of(initiative text, scheme text, score numeric) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    of_initiative integer := initiative_of(initiative);
BEGIN
    IF scheme IS NULL OR scheme NOT IN ('zone', 'maturity') THEN
        RAISE EXCEPTION 'band scheme "%" not recognized', coalesce(scheme, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Schemes are zone and maturity.';
    END IF;
    RETURN (SELECT b.name
            FROM initiative_band(scheme) b
            WHERE b.initiative_id IS NOT DISTINCT FROM of_initiative
              AND b.from_score <= score::score
            ORDER BY b.from_score DESC
            LIMIT 1);
END $$;
COMMENT ON FUNCTION posture.band_of(text, text, numeric) IS
    'returns the name of a score in a scheme, zone or maturity, by the bands of an initiative, or '
    'by those for all if initiative is NULL; NULL if there is no score or it is below the first '
    'band';
