/*
 * A node that is added counts from the day after the last one that its head has
 * closed. It gets that day as a day without assets: so changes of the first day
 * are attributed on it as on all others, and what it later gets of earlier days
 * does not change days that are closed.
 */

CREATE FUNCTION posture_internal.empty_day(of_day date)
    RETURNS TABLE (relation name, day_rows jsonb)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
BEGIN ATOMIC
    SELECT 'snapshot'::name, jsonb_agg(to_jsonb(s) || '{"inactive": "{}", "retired": "{}"}')
    FROM snapshot s WHERE s.day = of_day
    UNION ALL
    SELECT 'metric_snapshot', jsonb_agg(to_jsonb(s) || '{"exposed": 0, "assessed": 0, "score": null,
        "population": 0, "unassessed": 0, "score_low": null, "score_high": null}')
    FROM metric_snapshot s WHERE s.day = of_day
    UNION ALL
    SELECT 'initiative_snapshot',
           jsonb_agg(to_jsonb(s) || '{"score": null, "score_low": null, "score_high": null,
                     "exposed": 0, "assessed": 0, "population": 0, "unassessed": 0}')
    FROM initiative_snapshot s WHERE s.day = of_day AND NOT s.is_reported
    UNION ALL
    SELECT 'initiative_metric_snapshot', jsonb_agg(s)
    FROM initiative_metric_snapshot s WHERE s.day = of_day
    UNION ALL
    SELECT 'exemption_snapshot', jsonb_agg(to_jsonb(s) || '{"assets": "{}"}')
    FROM exemption_snapshot s
    WHERE s.day = of_day AND (s.for_all OR s.asset_groups <> '{}')
    UNION ALL
    SELECT 'asset_group_snapshot', jsonb_agg(to_jsonb(s) || '{"assets": "{}"}')
    FROM asset_group_snapshot s WHERE s.day = of_day;
END;
COMMENT ON FUNCTION posture_internal.empty_day(date) IS
    'returns the rows that a day of this head has on a node without assets, by table';

CREATE FUNCTION posture_internal.take_empty_day(of_relation name, day_rows jsonb)
    RETURNS SETOF applied
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    EXECUTE format('INSERT INTO %1$I SELECT * FROM jsonb_populate_recordset(NULL::%1$I, $1) '
                   'ON CONFLICT DO NOTHING', of_relation)
    USING day_rows;
    RETURN QUERY SELECT jsonb_array_length(day_rows)::bigint;
END $$;
COMMENT ON FUNCTION posture_internal.take_empty_day(name, jsonb) IS
    'writes on a new node rows of empty_day()';

CREATE FUNCTION posture_internal.send_last_day(to_node integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    sent record;
BEGIN
    FOR sent IN
        SELECT e.*
        FROM empty_day((SELECT max(s.day) FROM snapshot s
                        WHERE s.day < today() AND has_snapshot(s.day))) e
        WHERE e.day_rows IS NOT NULL
    LOOP
        PERFORM FROM ask_nodes(NULL::applied,
                               format('take_empty_day(%L, %L)', sent.relation, sent.day_rows),
                               ARRAY[to_node], writes => true);
    END LOOP;
END $$;
COMMENT ON FUNCTION posture_internal.send_last_day(integer) IS
    'step of add_node(): sends the last day that the head has closed to a node, as one without '
    'assets';
