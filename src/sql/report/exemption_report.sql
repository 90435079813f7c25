/*
 * exemption_report: the exemptions, with the person who approved each, its last
 * day, and whether it has an effect.
 */

CREATE TYPE posture_internal.exemption_effect AS (
    exemption_id integer,
    recommendation_id integer,
    asset text,
    asset_group_id integer,
    kind exemption_kind,
    reason text,
    approved_by text,
    created_at timestamptz,
    expires_at timestamptz,
    state text,
    covered bigint,
    overridden bigint,
    failing bigint
);
COMMENT ON TYPE posture_internal.exemption_effect IS
    'an exemption, and what it exempts in a database';
COMMENT ON COLUMN posture_internal.exemption_effect.exemption_id IS 'id of the exemption';
COMMENT ON COLUMN posture_internal.exemption_effect.recommendation_id IS 
    'id of the recommendation';
COMMENT ON COLUMN posture_internal.exemption_effect.asset IS 
    'key of the exempt asset; NULL for another scope';
COMMENT ON COLUMN posture_internal.exemption_effect.asset_group_id IS 
    'id of the exempt group; NULL for another scope';
COMMENT ON COLUMN posture_internal.exemption_effect.kind IS 'mitigated, waived or risk_accepted';
COMMENT ON COLUMN posture_internal.exemption_effect.reason IS 'why it was approved';
COMMENT ON COLUMN posture_internal.exemption_effect.approved_by IS 'person who approved it';
COMMENT ON COLUMN posture_internal.exemption_effect.created_at IS 
    'time from which it has an effect';
COMMENT ON COLUMN posture_internal.exemption_effect.expires_at IS 
    'time from which it has no effect; NULL: never';
COMMENT ON COLUMN posture_internal.exemption_effect.state IS 
    'expired, future, or overridden for all assets; NULL: none of these';
COMMENT ON COLUMN posture_internal.exemption_effect.covered IS 
    'number of exempt assets; NULL: all';
COMMENT ON COLUMN posture_internal.exemption_effect.overridden IS 
    'number of exempt assets that a stronger kind exempts';
COMMENT ON COLUMN posture_internal.exemption_effect.failing IS 
    'number of exempt assets that fail, without those that a stronger kind exempts';

CREATE FUNCTION posture_internal.exemption_here() RETURNS SETOF exemption_effect
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH exempt AS (
        SELECT x.recommendation_id, x.kind, x.for_all, x.assets
        FROM exempt_set('infinity', true, NULL) x
    ), member AS (
        SELECT g.asset_group_id, g.assets
        FROM asset_group_set(true, NULL) g
        WHERE EXISTS (SELECT FROM exemption e WHERE e.asset_group_id IS NOT NULL)
    ), failing AS (
        SELECT f.recommendation_id, f.failing
        FROM recommendation_assets(ARRAY(SELECT DISTINCT x.recommendation_id FROM exempt x),
                                   true) f
    ), listed AS (
        -- covered: the exempt assets, NULL for all
        SELECT e.*, coalesce(e.expires_at <= now(), false) AS is_expired,
               e.created_at > now() AS is_future,
               CASE WHEN e.asset_id IS NOT NULL THEN ARRAY[e.asset_id]::assetset
                    WHEN e.asset_group_id IS NOT NULL THEN coalesce(g.assets, '{}') END AS covered
        FROM exemption e LEFT JOIN member g ON g.asset_group_id = e.asset_group_id
    ), stronger AS (
        SELECT k.recommendation_id, k.kind, bool_or(x.for_all) AS for_all,
               union_agg(x.assets) AS assets
        FROM exempt k
        JOIN exempt x ON x.recommendation_id = k.recommendation_id AND x.kind <> k.kind
                     AND (x.kind = 'waived' OR k.kind = 'risk_accepted')
        GROUP BY k.recommendation_id, k.kind
    ), compared AS (
        SELECT l.*, coalesce(x.for_all, false) AS all_stronger, x.assets AS stronger
        FROM listed l
        LEFT JOIN stronger x ON x.recommendation_id = l.recommendation_id AND x.kind = l.kind
    )
    SELECT b.exemption_id, b.recommendation_id, a.key::text, b.asset_group_id, b.kind, b.reason,
           b.approved_by, b.created_at, b.expires_at,
           CASE WHEN b.is_expired THEN 'expired'
                WHEN b.is_future THEN 'future'
                WHEN b.all_stronger THEN 'overridden' END,
           cardinality(b.covered), cardinality(b.covered & b.stronger),
           CASE WHEN b.is_expired OR b.is_future OR b.all_stronger OR f.failing IS NULL THEN 0
                ELSE cardinality(set_difference(
                    CASE WHEN b.covered IS NULL THEN f.failing ELSE f.failing & b.covered END,
                    b.stronger)) END
    FROM compared b
    LEFT JOIN asset a ON a.asset_id = b.asset_id
    LEFT JOIN failing f ON f.recommendation_id = b.recommendation_id;
END $$;
COMMENT ON FUNCTION posture_internal.exemption_here() IS
    'returns the exemptions of this database with what they exempt in it';

-- Exemptions of a group or of all assets are on each node, under the same id.
CREATE FUNCTION posture_internal.read_exemption_report()
    RETURNS TABLE (exemption_id integer, source text, recommendation text, title text, scope text,
                   asset text, asset_group text, kind text, reason text, approved_by text,
                   created_at timestamptz, expires_at timestamptz, days_left integer,
                   state text, failing_assets bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH exempt AS (
        SELECT x.exemption_id, x.recommendation_id, x.asset, x.asset_group_id, x.kind, x.reason,
               x.approved_by, x.created_at, x.expires_at, x.state, sum(x.covered) AS covered,
               sum(x.overridden) AS overridden, sum(x.failing)::bigint AS failing
        FROM (SELECT * FROM exemption_here()
              UNION ALL
              SELECT * FROM ask_nodes(NULL::exemption_effect, 'exemption_here()')
              WHERE has_nodes()) x
        GROUP BY x.exemption_id, x.recommendation_id, x.asset, x.asset_group_id, x.kind, x.reason,
                 x.approved_by, x.created_at, x.expires_at, x.state
    ), labelled AS (
        SELECT r.recommendation_id, r.source_id, r.title,
               recommendation_label(r.recommendation_id) AS label
        FROM recommendation r
        WHERE r.recommendation_id IN (SELECT e.recommendation_id FROM exempt e)
    )
    SELECT b.exemption_id, s.key::text, r.label, r.title,
           CASE WHEN b.asset IS NOT NULL THEN 'asset'
                WHEN b.asset_group_id IS NOT NULL THEN 'asset_group' ELSE 'all' END,
           b.asset, g.key::text, b.kind::text, b.reason, b.approved_by, b.created_at, b.expires_at,
           day_of(b.expires_at - interval '1 microsecond') - today(),
           CASE WHEN b.state IS NOT NULL THEN b.state
                WHEN b.covered > 0 AND b.covered = b.overridden THEN 'overridden'
                ELSE 'in_force' END,
           b.failing
    FROM exempt b
    JOIN labelled r ON r.recommendation_id = b.recommendation_id
    JOIN source s ON s.source_id = r.source_id
    LEFT JOIN asset_group g ON g.asset_group_id = b.asset_group_id
    ORDER BY b.exemption_id;
END $$;
COMMENT ON FUNCTION posture_internal.read_exemption_report() IS
    'returns the rows of the view exemption_report';

CREATE VIEW posture.exemption_report WITH (security_invoker = true) AS
SELECT * FROM read_exemption_report();
COMMENT ON VIEW posture.exemption_report IS 'each exemption, including expired and future ones';
COMMENT ON COLUMN posture.exemption_report.exemption_id IS 'id of the exemption';
COMMENT ON COLUMN posture.exemption_report.source IS 'key of the recommendation''s source';
COMMENT ON COLUMN posture.exemption_report.recommendation IS
    'key of the recommendation, as source:key if two sources share it';
COMMENT ON COLUMN posture.exemption_report.title IS 'title of the recommendation';
COMMENT ON COLUMN posture.exemption_report.scope IS 'what is exempt: asset, asset_group or all';
COMMENT ON COLUMN posture.exemption_report.asset IS
    'key of the exempt asset; NULL for another scope';
COMMENT ON COLUMN posture.exemption_report.asset_group IS
    'key of the exempt group; NULL for another scope';
COMMENT ON COLUMN posture.exemption_report.kind IS
    'mitigated: counts as compliant; waived: leaves the score; risk_accepted: stays exposed, with '
    'nothing to do';
COMMENT ON COLUMN posture.exemption_report.reason IS 'reason for the exemption; NULL: unknown';
COMMENT ON COLUMN posture.exemption_report.approved_by IS
    'person who approved it; NULL: unknown';
COMMENT ON COLUMN posture.exemption_report.created_at IS 'time from which it has effect';
COMMENT ON COLUMN posture.exemption_report.expires_at IS
    'time from which it has no effect; NULL: never';
COMMENT ON COLUMN posture.exemption_report.days_left IS
    'local days of posture.timezone from today to the last day with effect; 0: ends today; '
    'negative: has ended; NULL: never ends';
COMMENT ON COLUMN posture.exemption_report.state IS
    'expired; future: has no effect yet; overridden: a stronger kind exempts all that it exempts '
    '(waived is stronger than mitigated, mitigated than risk_accepted); else in_force';
COMMENT ON COLUMN posture.exemption_report.failing_assets IS
    'number of exempt assets that fail the recommendation now, without those that a stronger kind '
    'exempts; 0 if the exemption is not in force';
