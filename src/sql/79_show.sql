/*
 * show(): an initiative as text, a line a row, to paste where people talk. It
 * reads the views, and has no number of its own. Names stand at the end of
 * their lines, because nobody knows how wide a terminal draws them.
 */

-- In PL/pgSQL, so that a character is asked for only where it is drawn: a
-- database that is not in UTF-8 need not have it.
CREATE FUNCTION posture.bar(percent numeric, width integer, ascii boolean) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- what is not all does not look like all
    eighths integer := floor(width * 8 * percent / 100);
BEGIN
    IF percent IS NULL THEN
        RETURN repeat(' ', width);
    ELSIF ascii THEN
        RETURN rpad(repeat('#', eighths / 8), width, '.');
    END IF;
    -- a full block is U+2588, those of seven eighths to one follow it, and U+2591 is shade
    RETURN rpad(repeat(chr(9608), eighths / 8) || CASE WHEN eighths % 8 > 0 THEN chr(9616 - eighths % 8) ELSE '' END, width, chr(9617));
END $$;
COMMENT ON FUNCTION posture.bar(numeric, integer, boolean) IS 'a bar of so many characters, filled by so many percent of them, rounded down; blank for NULL';

CREATE FUNCTION posture.sparkline(scores numeric[], ascii boolean) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    -- what moved by a point looks like it: eight steps are eight points at least
    WITH span AS (
        SELECT min(v.score) AS low, greatest(max(v.score) - min(v.score), 8) AS high FROM unnest(scores) v(score)
    )
    SELECT string_agg(CASE WHEN v.score IS NULL THEN ' '
                           WHEN ascii THEN substr('_.-:=+*#', x.height, 1)
                           -- U+2581 is a block of one eighth, U+2588 a full one
                           ELSE chr(9600 + x.height) END, '' ORDER BY v.place)
    FROM unnest(scores) WITH ORDINALITY v(score, place)
    CROSS JOIN span s
    CROSS JOIN LATERAL (SELECT least(1 + floor(8 * (v.score - s.low) / s.high)::integer, 8) AS height) x;
END;
COMMENT ON FUNCTION posture.sparkline(numeric[], boolean) IS 'scores as a line of characters of eight heights, from the lowest to the highest of them, which are taken to be 8 points apart at least; blank for NULL';

CREATE FUNCTION posture.one_line(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN regexp_replace(name, '[[:cntrl:]]+', ' ', 'g');
COMMENT ON FUNCTION posture.one_line(text) IS 'a text without what would break a line or move a cursor';

CREATE FUNCTION posture.signed_figure(points numeric) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN points > 0 THEN '+' ELSE '' END || posture.figure(points);
COMMENT ON FUNCTION posture.signed_figure(numeric) IS 'a change as a sentence shows it';

CREATE FUNCTION posture.show_head(of_initiative text, ascii boolean) RETURNS SETOF text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH own AS MATERIALIZED (
        SELECT o.*, t.missing, t.target_on, t.zone FROM posture.overview o JOIN posture.target_report t USING (initiative)
        WHERE o.initiative = of_initiative
    ), past AS (
        SELECT min(v.score) AS low, max(v.score) AS high FROM own o CROSS JOIN LATERAL unnest(o.trend_14d) v(score)
    )
    SELECT l.line
    FROM own o CROSS JOIN past p CROSS JOIN LATERAL (VALUES
        (1, posture.one_line(o.name) || ': ' || coalesce(posture.figure(o.score) || ' of 100' || coalesce(', ' || o.zone, ''), 'no data')),
        (2, CASE WHEN o.score IS NOT NULL THEN posture.bar(o.score, 40, ascii) END),
        (3, CASE WHEN p.low < p.high THEN format('%s  14 days from %s to %s', posture.sparkline(o.trend_14d, ascii), posture.figure(p.low), posture.figure(p.high)) END
            || coalesce(', ' || posture.signed_figure(o.change_14d) || ' in all', '') || coalesce(', ' || posture.signed_figure(o.change_1d) || ' since yesterday', '')),
        (4, 'target ' || posture.figure(o.target_score) || coalesce(' by ' || to_char(o.target_on, 'YYYY-MM-DD'), '')
            || CASE WHEN o.missing = 0 THEN ': reached' ELSE coalesce(': ' || posture.figure(o.missing) || ' to go', '') END)) l(place, line)
    WHERE l.line IS NOT NULL
    ORDER BY l.place;
END;
COMMENT ON FUNCTION posture.show_head(text, boolean) IS 'step of show(): the score, its past and its target';

-- Metrics, the one that would gain most first, or domains where points are added up.
CREATE FUNCTION posture.show_part(of_initiative text, ascii boolean) RETURNS SETOF text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH metric AS MATERIALIZED (
        SELECT r.* FROM posture.metric_report r WHERE r.initiative = of_initiative
    ), part AS MATERIALIZED (
        SELECT row_number() OVER (ORDER BY m.score_impact DESC NULLS LAST, m.metric) AS place, 'metric' AS kind, m.score,
               rpad(coalesce(posture.sparkline(m.trend_14d, ascii), ''), 14) || to_char(round(m.score_impact, 1), 'S9990.0') AS more,
               trim_scale(m.exposed_assets) || ' of ' || trim_scale(m.assessed_assets) AS exposed, posture.one_line(m.name) AS name
        FROM metric m
        UNION ALL
        SELECT row_number() OVER (ORDER BY s.possible - s.achieved DESC, s.value), 'domain', s.percentage, '',
               posture.figure(s.possible - s.achieved) || ' of ' || posture.figure(s.possible), coalesce(posture.one_line(s.value), 'others')
        FROM posture.secure_score_part s
        WHERE s.initiative = of_initiative AND s.day = posture.today() AND s.part = 'domain'
          AND NOT EXISTS (SELECT FROM metric m)
    ), line AS (
        SELECT p.place, coalesce(to_char(round(p.score, 1), '990.0'), '     -') AS score, posture.bar(p.score, 10, ascii) AS bar,
               p.more, coalesce(p.exposed, '') AS exposed, p.name
        FROM part p
        WHERE p.place <= 12
        UNION ALL
        SELECT DISTINCT 0, ' score', repeat(' ', 10), CASE p.kind WHEN 'metric' THEN '14 days           gain' ELSE '' END,
               CASE p.kind WHEN 'metric' THEN 'exposed' ELSE 'missing' END, p.kind
        FROM part p
    ), column_width AS (
        SELECT max(length(l.more)) AS more, max(length(l.exposed)) AS exposed FROM line l
    )
    SELECT x.line
    FROM (SELECT l.place, concat_ws(' ', l.score, l.bar, nullif(rpad(coalesce(l.more, ''), w.more), ''), lpad(l.exposed, w.exposed), ' ' || l.name) AS line
          FROM line l CROSS JOIN column_width w
          UNION ALL
          SELECT 13, format(' and %s more', count(*) - 12) FROM part p HAVING count(*) > 12) x
    ORDER BY x.place;
END;
COMMENT ON FUNCTION posture.show_part(text, boolean) IS 'step of show(): what the score is made of';

CREATE FUNCTION posture.show_rest(of_initiative text) RETURNS SETOF text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('%s exposed, %s critical', posture.counted(o.exposed_assets, text 'asset'), o.critical_assets)
           || CASE WHEN o.open_events > 0 THEN ', ' || posture.counted(o.open_events, text 'open event') ELSE '' END
    FROM posture.overview o
    WHERE o.initiative = of_initiative AND o.metrics > 0
    UNION ALL
    -- the last one that nobody has taken in hand
    (SELECT to_char(e.day, 'YYYY-MM-DD') || ': ' || posture.one_line(e.cause)
     FROM posture.event_report e
     WHERE e.kind = 'initiative_score_drop' AND e.object = of_initiative AND e.status = 'open'
     ORDER BY e.day DESC
     LIMIT 1);
END;
COMMENT ON FUNCTION posture.show_rest(text) IS 'step of show(): assets exposed, and the last drop that is open';

CREATE FUNCTION posture.show(initiative text, ascii boolean DEFAULT false) RETURNS SETOF text
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    plain boolean := coalesce(ascii, false) OR getdatabaseencoding() <> 'UTF8';
BEGIN
    PERFORM posture.initiative_of(initiative);
    RETURN QUERY SELECT posture.show_head(initiative, plain);
    RETURN QUERY SELECT posture.show_part(initiative, plain);
    RETURN QUERY SELECT posture.show_rest(initiative);
END $$;
COMMENT ON FUNCTION posture.show(text, boolean) IS 'an initiative as lines of text, to paste where people talk: score, trend and target, what it is made of, and the last drop; ascii: bars and lines of plain characters, as in a database that is not in UTF-8; names stay as they are';
