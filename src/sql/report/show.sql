/*
 * show(): an initiative as lines of text, to paste into a chat. It formats what
 * the views return and computes no figure itself. Names stand at the end of
 * their lines, because the width that a terminal gives them is unknown.
 */

-- In PL/pgSQL, so that chr() runs only for characters that are drawn: a database
-- that is not in UTF-8 may not have them.
CREATE FUNCTION posture_internal.bar(percent numeric, width integer, ascii boolean) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    -- rounded down, so that only 100 % looks full
    eighths integer := floor(width * 8 * percent / 100);
BEGIN
    IF percent IS NULL THEN
        RETURN repeat(' ', width);
    ELSIF ascii THEN
        RETURN rpad(repeat('#', eighths / 8), width, '.');
    END IF;
    -- U+2588 is a full block, the code points after it are seven eighths to one; U+2591 is shade
    RETURN rpad(repeat(chr(9608), eighths / 8)
                || CASE WHEN eighths % 8 > 0 THEN chr(9616 - eighths % 8) ELSE '' END,
                width, chr(9617));
END $$;
COMMENT ON FUNCTION posture_internal.bar(numeric, integer, boolean) IS
    'returns a bar of the given width in characters, filled to a percentage, rounded down; blank '
    'if the percentage is NULL';

CREATE FUNCTION posture_internal.sparkline(scores numeric[], ascii boolean) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    -- the eight heights span at least 8 points, so that a change of a point looks small
    WITH span AS (
        SELECT min(v.score) AS low, greatest(max(v.score) - min(v.score), 8) AS high
        FROM unnest(scores) v(score)
    )
    SELECT string_agg(CASE WHEN v.score IS NULL THEN ' '
                           WHEN ascii THEN substr('_.-:=+*#', x.height, 1)
                           -- U+2581 is a block of one eighth, U+2588 a full one
                           ELSE chr(9600 + x.height) END, '' ORDER BY v.rank)
    FROM unnest(scores) WITH ORDINALITY v(score, rank)
    CROSS JOIN span s
    CROSS JOIN LATERAL (
        SELECT least(1 + floor(8 * (v.score - s.low) / s.high)::integer, 8) AS height) x;
END;
COMMENT ON FUNCTION posture_internal.sparkline(numeric[], boolean) IS
    'returns scores as a line of characters of eight heights, from the lowest score to the '
    'highest, which are taken to be at least 8 points apart; blank for NULL';

CREATE FUNCTION posture_internal.one_line(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN regexp_replace(name, '[[:cntrl:]]+', ' ', 'g');
COMMENT ON FUNCTION posture_internal.one_line(text) IS
    'returns a text with each control character replaced by a space, because it could break a '
    'line or move the cursor';

CREATE FUNCTION posture_internal.show_head(of_initiative text, ascii boolean) RETURNS SETOF text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH shown AS (
        SELECT o.*, t.missing, t.target_on, t.zone
        FROM overview o JOIN target_report t USING (initiative)
        WHERE o.initiative = of_initiative
    ), past AS (
        SELECT min(v.score) AS low, max(v.score) AS high
        FROM shown o CROSS JOIN LATERAL unnest(o.trend_14d) v(score)
    )
    SELECT l.line
    FROM shown o CROSS JOIN past p CROSS JOIN LATERAL (VALUES
        (1, one_line(o.name) || ': '
            || coalesce(format_number(o.score) || ' of 100' || coalesce(', ' || o.zone, ''),
                        'no data')),
        (2, CASE WHEN o.score IS NOT NULL THEN bar(o.score, 40, ascii) END),
        (3, CASE WHEN p.low < p.high
                 THEN format('%s  between %s and %s', sparkline(o.trend_14d, ascii),
                             format_number(p.low), format_number(p.high)) END
            || coalesce(', ' || format_change(o.change_14d) || ' since 14 days ago', '')
            || coalesce(', ' || format_change(o.change_1d) || ' since yesterday', '')),
        (4, 'target ' || format_number(o.target_score)
            || coalesce(CASE WHEN o.target_on < today() AND o.missing > 0
                             THEN ' was due on ' ELSE ' by ' END
                        || to_char(o.target_on, 'YYYY-MM-DD'), '')
            || CASE WHEN o.missing = 0 THEN ': reached'
                    ELSE coalesce(': ' || format_number(o.missing) || ' to go', '') END))
        l(rank, line)
    WHERE l.line IS NOT NULL
    ORDER BY l.rank;
END;
COMMENT ON FUNCTION posture_internal.show_head(text, boolean) IS
    'returns the lines of show() about the score, its past and its target';

CREATE FUNCTION posture_internal.show_part(of_initiative text, ascii boolean) RETURNS SETOF text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH metric AS (
        SELECT r.* FROM metric_report r WHERE r.initiative = of_initiative
    ), part AS (
        SELECT row_number() OVER (ORDER BY m.score_impact DESC NULLS LAST, m.metric) AS rank,
               'metric' AS kind, m.score,
               rpad(coalesce(sparkline(m.trend_14d, ascii), ''), 14)
                   || lpad(format_change(m.score_impact), 7) AS more,
               format_count(m.exposed_assets) || ' of ' || format_count(m.assessed_assets)
                   AS exposed,
               one_line(m.name) AS name
        FROM metric m
        UNION ALL
        SELECT row_number() OVER (ORDER BY s.possible - s.achieved DESC, s.value), 'domain',
               s.percentage, '',
               format_count(s.possible - s.achieved) || ' of ' || format_count(s.possible),
               coalesce(one_line(s.value), 'others')
        FROM secure_score_part s
        WHERE s.initiative = of_initiative AND s.day = today() AND s.part = 'domain'
          AND NOT EXISTS (SELECT FROM metric m)
    ), line AS (
        SELECT p.rank, lpad(coalesce(format_number(p.score), '-'), 6) AS score,
               bar(p.score, 10, ascii) AS bar, p.more, coalesce(p.exposed, '') AS exposed, p.name
        FROM part p
        WHERE p.rank <= 12
        UNION ALL
        SELECT DISTINCT 0, ' score', repeat(' ', 10),
               CASE p.kind WHEN 'metric' THEN rpad('14 days', 17) || 'gain' ELSE '' END,
               CASE p.kind WHEN 'metric' THEN 'exposed' ELSE 'missing' END, p.kind
        FROM part p
    ), column_width AS (
        SELECT max(length(l.more)) AS more, max(length(l.exposed)) AS exposed FROM line l
    )
    SELECT x.line
    FROM (SELECT l.rank,
                 concat_ws(' ', l.score, l.bar, nullif(rpad(coalesce(l.more, ''), w.more), ''),
                           lpad(l.exposed, w.exposed), ' ' || l.name) AS line
          FROM line l CROSS JOIN column_width w
          UNION ALL
          SELECT 13, format(' and %s more', count(*) - 12) FROM part p HAVING count(*) > 12) x
    ORDER BY x.rank;
END;
COMMENT ON FUNCTION posture_internal.show_part(text, boolean) IS
    'returns the lines of show() about the parts of the score: metrics, the one with the greatest '
    'gain first, or domains if there is no metric';

CREATE FUNCTION posture_internal.show_rest(of_initiative text) RETURNS SETOF text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('%s exposed, %s critical', count_phrase(o.exposed_assets, 'asset'),
                  o.critical_assets)
           || CASE WHEN o.open_events > 0 THEN ', ' || count_phrase(o.open_events, 'open event')
                   ELSE '' END
    FROM overview o
    WHERE o.initiative = of_initiative AND o.metrics > 0
    UNION ALL
    SELECT format('%s of %s assets not assessed: the score is from %s to %s',
                  format_count(o.unassessed_assets), format_count(o.population),
                  format_number(o.score_low), format_number(o.score_high))
    FROM overview o
    WHERE o.initiative = of_initiative AND o.unassessed_assets > 0
    UNION ALL
    -- the latest open drop
    (SELECT to_char(e.day, 'YYYY-MM-DD') || ': ' || one_line(e.cause)
     FROM event_report e
     WHERE e.kind = 'initiative_score_drop' AND e.object = of_initiative AND e.status = 'open'
     ORDER BY e.day DESC
     LIMIT 1);
END;
COMMENT ON FUNCTION posture_internal.show_rest(text) IS
    'returns the lines of show() about exposed and unassessed assets and the latest open drop';

CREATE FUNCTION posture.show(initiative text, ascii boolean DEFAULT false) RETURNS SETOF text
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    plain boolean := coalesce(ascii, false) OR getdatabaseencoding() <> 'UTF8';
BEGIN
    PERFORM initiative_of(initiative);
    RETURN QUERY SELECT show_head(initiative, plain);
    RETURN QUERY SELECT show_part(initiative, plain);
    RETURN QUERY SELECT show_rest(initiative);
END $$;
COMMENT ON FUNCTION posture.show(text, boolean) IS
    'returns an initiative as lines of text, to paste into a chat: score, trend and target, its '
    'parts, what is not assessed, and the latest open drop; ascii: whether bars and lines are drawn with ASCII '
    'characters, as they always are in a database that is not in UTF-8; names do not change';
