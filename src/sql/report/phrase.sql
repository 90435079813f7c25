/*
 * Numbers as sentences and show() write them: scores and points with one decimal,
 * counts without decimals. What is not 0 never reads as 0, and what is below 100
 * never as 100. A sentence has the size of a change, with a word for its direction.
 */

CREATE FUNCTION posture_internal.format_number(number numeric) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN number > 0 AND number < 0.05 THEN '<0.1'
                WHEN number >= 99.95 AND number < 100 THEN '>99.9'
                ELSE round(number, 1)::text END;
COMMENT ON FUNCTION posture_internal.format_number(numeric) IS
    'returns a score or a number of points, 0 or more, with one decimal; <0.1 or >99.9 where that '
    'would round to 0.0 or 100.0';

CREATE FUNCTION posture_internal.format_change(points numeric) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE sign(points) WHEN 1 THEN '+' WHEN -1 THEN '-' ELSE '' END
           || format_number(abs(points));
COMMENT ON FUNCTION posture_internal.format_change(numeric) IS
    'returns a change in points with its sign, otherwise as format_number()';

CREATE FUNCTION posture_internal.format_count(number numeric) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN number = trunc(number) THEN trunc(number)::text
                ELSE format_number(number) END;
COMMENT ON FUNCTION posture_internal.format_count(numeric) IS
    'returns a number of assets, or of points of measures: as format_number(), but without a '
    'decimal if it is whole';

CREATE FUNCTION posture_internal.count_phrase(n bigint, noun text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN n || ' ' || noun || CASE WHEN n <> 1 THEN 's' ELSE '' END;
COMMENT ON FUNCTION posture_internal.count_phrase(bigint, text) IS
    'returns a number with its noun in singular or plural; NULL if the number is NULL';

CREATE FUNCTION posture_internal.points_phrase(number numeric) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN format_number(abs(number)) || ' points';
COMMENT ON FUNCTION posture_internal.points_phrase(numeric) IS
    'returns the size of a number of points with the word; NULL if the number is NULL';
