/*
 * The figures of growth (file csv), as lines of a table: those of the smallest
 * fleet and of all dimensions at once that take too long, and those of one
 * dimension that grow too fast, or that take too long because of it.
 */
CREATE TABLE bench.growth (
    dimension text, size bigint, place int, screen text, kind text, reader text,
    seconds double precision, mb double precision, left_out text);
COPY bench.growth FROM :'csv' (FORMAT csv);

CREATE VIEW bench.growth_row AS
WITH step AS (
    SELECT g.*, lag(g.size) OVER w AS smaller, lag(g.seconds) OVER w AS before
    FROM bench.growth g
    WHERE g.seconds IS NOT NULL
    WINDOW w AS (PARTITION BY g.dimension, g.screen, g.reader ORDER BY g.size)
), figure AS (
    SELECT dimension, min(place) AS place, screen, kind, reader,
           string_agg(size::text, ' / ' ORDER BY size) AS sizes,
           string_agg(round(seconds::numeric, 3)::text, ' / ' ORDER BY size) AS seconds,
           (array_agg(seconds ORDER BY size))[1] AS first,
           (array_agg(seconds ORDER BY size DESC))[1] AS last,
           -- less than 10 ms is not measured well enough
           max(ln(greatest(seconds, 0.01) / greatest(before, 0.01)) / ln(size / smaller::float8))
               FILTER (WHERE smaller > 0) AS exponent,
           max(mb) AS mb, bool_or(left_out = 'stopped') AS is_stopped
    FROM step
    GROUP BY dimension, screen, kind, reader
)
SELECT f.*,
       concat_ws(', ',
                 CASE WHEN is_stopped THEN 'stopped' END,
                 CASE WHEN exponent > 1.1 THEN 'exponent' END,
                 CASE WHEN kind = 'screen' AND last > 0.2 THEN '> 200 ms'
                      WHEN kind = 'change' AND last > 0.06 THEN '> 60 ms' END) AS missed,
       coalesce(exponent > 1.1, false) OR (dimension IN ('base', 'all') OR last > 1.3 * first)
                         AND (kind = 'screen' AND last > 0.2 OR kind = 'change' AND last > 0.06
                              OR kind = 'job' AND dimension IN ('base', 'all')) AS is_shown
FROM figure f;

CREATE VIEW bench.growth_line AS
SELECT format('| %s | %s | %s | %s | %s | %s | %s | %s |',
              dimension, screen, reader, sizes, seconds,
              coalesce(round(exponent::numeric, 2)::text, ''), round(mb::numeric), missed) AS line
FROM bench.growth_row
WHERE is_shown
ORDER BY array_position('{base,all}', dimension) DESC NULLS LAST, dimension, last DESC;
