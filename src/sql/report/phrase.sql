/*
 * Numbers as sentences show them.
 */

CREATE FUNCTION posture_internal.format_number(number numeric) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN trim_scale(CASE WHEN abs(number) >= 0.1 THEN round(number, 1)
                           ELSE round(number, 6) END)::text;
COMMENT ON FUNCTION posture_internal.format_number(numeric) IS
    'returns a number with one decimal, or with up to six if it is below 0.1';

CREATE FUNCTION posture_internal.format_change(points numeric) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN points > 0 THEN '+' ELSE '' END || format_number(points);
COMMENT ON FUNCTION posture_internal.format_change(numeric) IS
    'returns a change in points with its sign';

CREATE FUNCTION posture_internal.count_phrase(n bigint, noun text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN n || ' ' || noun || CASE WHEN n <> 1 THEN 's' ELSE '' END;
COMMENT ON FUNCTION posture_internal.count_phrase(bigint, text) IS
    'returns a number with its noun in singular or plural; NULL if the number is NULL';

CREATE FUNCTION posture_internal.points_phrase(number numeric) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN format_number(number) || ' point'
           || CASE WHEN format_number(number) <> '1' THEN 's' ELSE '' END;
COMMENT ON FUNCTION posture_internal.points_phrase(numeric) IS
    'returns a number of points with the word; NULL if the number is NULL';
