/*
 * Packs: predefined initiatives. Their metrics have rules, so they measure what
 * sources report, now or later. A metric that selects no recommendation is
 * unavailable and does not count in its initiative. Rules name domains and
 * workloads as products call them and load() keeps them. The metrics are in
 * pack_metric.txt.
 */

CREATE FUNCTION posture.pack() RETURNS TABLE (pack text, title text, description text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
VALUES
    ('postgresql', 'This PostgreSQL cluster',
     'What assess_cluster() measures: identity, network, data, logging and hardening of the '
     'cluster that posture runs in.'),
    ('secure-score', 'Microsoft Secure Score by area',
     'The points of Microsoft Secure Score for identity, devices, apps, data and '
     'infrastructure, each an initiative.'),
    ('ransomware', 'Ransomware readiness',
     'How well intruders who encrypt and extort are kept out, contained, noticed and recovered '
     'from.'),
    ('zero-trust', 'Zero trust',
     'Each pillar of an organisation that trusts nobody for where they are: identity, devices, '
     'applications, data, infrastructure, networks, visibility.'),
    ('critical-assets', 'Critical assets',
     'How critical assets stand, other assets left out, by how severe it is what they fail. '
     'Points that a source reports for the whole organisation count too.');
END;
COMMENT ON FUNCTION posture.pack() IS 'returns the packs that install_pack() accepts';

CREATE FUNCTION posture_internal.pack_initiative()
    RETURNS TABLE (
        pack text, initiative text, name text, kind text, method initiative_method,
        target_score score, description text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT v.pack, v.initiative, v.name, v.kind, v.method::initiative_method,
       v.target_score::numeric::score, v.description
FROM (VALUES
    ('secure-score', 'secure-score-identity', 'Secure Score: identity', 'area', 'points', NULL,
     'Risk that accounts are taken over or have more privileges than they need.'),
    ('secure-score', 'secure-score-device', 'Secure Score: devices', 'area', 'points', NULL,
     'Risk that devices run unwanted software or are not maintained.'),
    ('secure-score', 'secure-score-apps', 'Secure Score: apps', 'area', 'points', NULL,
     'Risk that mail, documents and cloud apps let attacks in.'),
    ('secure-score', 'secure-score-data', 'Secure Score: data', 'area', 'points', NULL,
     'Risk that data leaves the organisation unnoticed.'),
    ('secure-score', 'secure-score-infrastructure', 'Secure Score: infrastructure', 'area',
     'points', NULL, 'Risk that servers and networks are open to attack.'),
    ('ransomware', 'ransomware', 'Ransomware readiness', 'threat', 'weighted', '90',
     'Risk that intruders encrypt or steal data and stop the business.'),
    ('zero-trust', 'zero-trust', 'Zero trust', 'strategy', 'weighted', '85',
     'Risk that an intruder who is inside once is trusted everywhere.'),
    ('critical-assets', 'critical-assets', 'Critical assets', 'assets', 'weighted', '95',
     'Risk that systems which the organisation depends on fail.')
) v(pack, initiative, name, kind, method, target_score, description);
END;
COMMENT ON FUNCTION posture_internal.pack_initiative() IS
    'returns the initiatives of packs; those of pack postgresql are in cluster_initiative()';

CREATE FUNCTION posture_internal.pack_metric()
    RETURNS TABLE (
        initiative text, metric text, name text, importance importance,
        criticality_weights integer[], rule jsonb, description text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT v.initiative, v.metric, v.name, v.importance::importance, NULL::integer[], v.rule::jsonb,
       v.description
FROM (VALUES
--@ values pack_metric.txt initiative metric name importance rule description
) v(initiative, metric, name, importance, rule, description)
UNION ALL
SELECT 'critical-assets', 'critical-assets-' || s.severity,
       format('Critical assets that fail recommendations of %s severity', s.severity),
       s.severity::importance, '{0,0,0,1}', jsonb_build_object('severity', s.severity),
           'Of all sources; other assets are not counted, points that a source reports for the '
           'whole organisation are.'
FROM (VALUES ('critical'), ('high'), ('medium'), ('low')) s(severity)
UNION ALL
SELECT 'secure-score-' || a.area, 'secure-score-' || a.area,
       format('Secure Score: points missing for %s', a.words),
       'medium', NULL, jsonb_build_object('product', 'Microsoft Secure Score', 'domain', a.area),
           'The controls of Microsoft Secure Score of this category.'
FROM (VALUES ('identity', 'identity'), ('device', 'devices'), ('apps', 'apps'), ('data', 'data'),
      ('infrastructure', 'infrastructure')) a(area, words);
END;
COMMENT ON FUNCTION posture_internal.pack_metric() IS
    'returns the metrics of the initiatives in pack_initiative(), each with the rule that selects '
    'its recommendations';

-- Existing rows may have been edited: an initiative that exists keeps its metrics
-- and weights, and a metric that exists is not changed. Deleted ones are added
-- again.
CREATE FUNCTION posture_internal.install_pack(
    pack text, OUT initiatives bigint, OUT metrics bigint, OUT changed bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    new_initiatives integer[];
BEGIN
    PERFORM require_level('curator');
    IF NOT EXISTS (SELECT FROM pack() p WHERE p.pack = install_pack.pack) THEN
        RAISE EXCEPTION 'pack "%" does not exist', left(pack, 100)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = name_hint('Packs', ARRAY(SELECT p.pack FROM pack() p), pack);
    END IF;
    IF pack = 'postgresql' THEN
        changed := (SELECT count(*) FROM initiative) + (SELECT count(*) FROM metric);
        PERFORM cluster_catalog();
        changed := (SELECT count(*) FROM initiative) + (SELECT count(*) FROM metric) - changed;
        initiatives := (SELECT count(*) FROM cluster_initiative());
        metrics := (SELECT count(*) FROM cluster_metric());
        RETURN;
    END IF;

    -- not beside load(), which may bring the same metrics
    PERFORM lock_delivery();
    WITH added AS (
        INSERT INTO initiative (key, name, kind, description, method, target_score)
        SELECT i.initiative, i.name, i.kind, i.description, i.method, i.target_score
        FROM pack_initiative() i
        WHERE i.pack = install_pack.pack
          AND NOT EXISTS (SELECT FROM initiative o WHERE o.key = i.initiative)
        ON CONFLICT (key) DO NOTHING
        RETURNING initiative_id
    )
    SELECT array_agg(a.initiative_id) INTO new_initiatives FROM added a;
    INSERT INTO metric (key, name, description, importance, criticality_weights, rule)
    SELECT m.metric, m.name, m.description, m.importance, m.criticality_weights, m.rule
    FROM pack_metric() m
    JOIN initiative i ON i.key = m.initiative
    WHERE i.initiative_id = ANY (new_initiatives)
      AND NOT EXISTS (SELECT FROM metric o WHERE o.key = m.metric)
    ON CONFLICT (key) DO NOTHING;
    GET DIAGNOSTICS changed = ROW_COUNT;
    changed := changed + coalesce(cardinality(new_initiatives), 0);
    IF new_initiatives IS NOT NULL THEN
        INSERT INTO initiative_metric (initiative_id, metric_id)
        SELECT i.initiative_id, c.metric_id
        FROM pack_metric() m
        JOIN initiative i ON i.key = m.initiative
        JOIN metric c ON c.key = m.metric
        WHERE i.initiative_id = ANY (new_initiatives);
    END IF;
    SELECT count(DISTINCT i.initiative), count(m.metric) INTO initiatives, metrics
    FROM pack_initiative() i
    JOIN pack_metric() m USING (initiative)
    WHERE i.pack = install_pack.pack;
END $$;
COMMENT ON FUNCTION posture_internal.install_pack(text) IS
    'adds the initiatives of a pack, see posture.install_pack()';

CREATE FUNCTION posture.install_pack(
    pack text, OUT initiatives bigint, OUT metrics bigint, OUT changed bigint)
    AS 'MODULE_PATHNAME', 'posture_call_definer' LANGUAGE C;
COMMENT ON FUNCTION posture.install_pack(text) IS
    'adds the initiatives of a pack with their metrics, as far as they are missing. Returns how '
    'many initiatives and metrics the pack has, and how many of both were added.';
