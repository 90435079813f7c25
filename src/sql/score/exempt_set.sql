CREATE FUNCTION posture_internal.exempt_set(
    as_of timestamptz, from_store boolean, of_slice integer)
    RETURNS TABLE (recommendation_id integer, kind exemption_kind, for_all boolean,
                   assets assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH exempt AS (
        SELECT e.* FROM exemption_in_force(as_of) e
    ), member AS (
        SELECT g.asset_group_id, g.assets
        FROM asset_group_set(from_store, of_slice) g
        WHERE EXISTS (SELECT FROM exempt e WHERE e.asset_group_id IS NOT NULL)
    )
    SELECT x.recommendation_id, x.kind, bool_or(x.for_all), coalesce(union_agg(x.assets), '{}')
    FROM (SELECT e.recommendation_id, e.kind, bool_or(e.asset_id IS NULL) AS for_all,
                 assetset_agg(e.asset_id) AS assets
          FROM exempt e
          WHERE e.asset_group_id IS NULL
          GROUP BY e.recommendation_id, e.kind
          UNION ALL
          SELECT e.recommendation_id, e.kind, false, g.assets
          FROM exempt e LEFT JOIN member g USING (asset_group_id)
          WHERE e.asset_group_id IS NOT NULL) x
    GROUP BY x.recommendation_id, x.kind;
END;
COMMENT ON FUNCTION posture_internal.exempt_set(timestamptz, boolean, integer) IS
    'returns the assets that exemptions in force exempt, by recommendation and kind; for_all: '
    'whether one of them exempts all assets';

CREATE FUNCTION posture_internal.exempt_on(on_day date)
    RETURNS TABLE (recommendation_id integer, kind exemption_kind, for_all boolean,
                   assets assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.recommendation_id, e.kind, e.for_all,
           (SELECT union_agg(x.assets)
            FROM (SELECT e.assets
                  UNION ALL
                  SELECT g.assets FROM asset_group_snapshot g
                  WHERE g.day = on_day AND g.asset_group_id = ANY (e.asset_groups)) x)
    FROM exemption_snapshot e
    WHERE e.day = on_day;
END;
COMMENT ON FUNCTION posture_internal.exempt_on(date) IS
    'returns the rows of exempt_set() at the end of a day, from the snapshot of the day';
