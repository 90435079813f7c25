/*
 * Checks of host-based access rules.
 */

-- The key of a rule is its content rather than its line number, which changes
-- when a line before it is added or removed. Equal rules are one asset. Secrets
-- are left out of the key.
CREATE FUNCTION posture_internal.cluster_hba_finding(cluster text, server jsonb)
    RETURNS TABLE (
        recommendation text, asset text, asset_kind text, asset_name text, state text,
        details jsonb)
    LANGUAGE sql VOLATILE PARALLEL SAFE
BEGIN ATOMIC
WITH rule AS MATERIALIZED (
    SELECT DISTINCT h.type, h.auth_method, h.database, h.user_name, h.address, h.netmask,
           coalesce('clientcert=verify-full' = ANY (h.options), false) AS has_certificate,
           concat_ws(' ', h.type, array_to_string(h.database, ','),
                     array_to_string(h.user_name, ','),
                     h.address, h.netmask, h.auth_method,
                     (SELECT string_agg(o, ' ' ORDER BY o) FROM unnest(h.options) o
                      WHERE o !~* '^(ldapbindpasswd|radiussecrets)=')) AS content,
           CASE WHEN h.type = 'local' THEN 'the rule is for the Unix socket'
                WHEN h.auth_method = 'reject' THEN 'the rule lets nobody in'
                WHEN server ->> 'listen_addresses' = ''
                    THEN 'the server doesn''t listen on the network'
                WHEN h.address IN ('samehost', 'localhost')
                     OR (h.address ~ '^127\.' AND h.netmask ~ '^255\.')
                     OR (h.address = '::1'
                         AND h.netmask = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')
                    THEN 'the rule is for the server''s own machine' END AS is_near
    FROM pg_catalog.pg_hba_file_rules h
    WHERE h.type IS NOT NULL
)
SELECT c.recommendation, cluster_asset(cluster || '/hba/' || r.content), 'hba_rule', r.content,
       cluster_state(c.met, c.hidden), cluster_details(c.hidden, c.found)
FROM rule r
CROSS JOIN LATERAL (VALUES
    -- trust is safe in a rule that requires a certificate for the role
    ('hba-trust', r.auth_method <> 'trust' OR r.has_certificate,
     jsonb_build_object('method', r.auth_method), NULL),
    ('hba-weak-method', r.auth_method NOT IN ('password', 'md5', 'ident'),
     jsonb_build_object('method', r.auth_method),
     CASE WHEN r.auth_method IN ('trust', 'reject')
              THEN 'the rule asks for no proof of identity' END),
    ('hba-tls', r.type IN ('hostssl', 'hostgssenc'), jsonb_build_object('type', r.type), r.is_near),
    ('hba-any-address', NOT (r.address = 'all' OR coalesce(r.netmask IN ('0.0.0.0', '::'), false)),
     jsonb_build_object('address', r.address, 'netmask', r.netmask), r.is_near),
    ('hba-everyone', NOT ('all' = ANY (r.database) AND 'all' = ANY (r.user_name)),
     jsonb_build_object('databases', to_jsonb(r.database), 'roles', to_jsonb(r.user_name)),
         r.is_near)
) c(recommendation, met, found, hidden);
END;
COMMENT ON FUNCTION posture_internal.cluster_hba_finding(text, jsonb) IS
    'checks the rules in pg_hba.conf, given the settings of the server; needs the right to read '
    'pg_hba_file_rules';
