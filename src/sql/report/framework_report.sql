/*
 * framework_report and framework_section: the requirements of each initiative, with
 * what passes and fails, what a person has to attest, and what nobody assesses; and
 * these by section. A section is the field section of a metric's details.
 */

-- Of several manual controls in a metric, the attestation that is shown is the latest in force, or
-- if there is none, the latest that expired. The finding of one that expired is closed with the
-- snapshot of its last day (finding/attestation.sql): until then it counts as unassessed here.
CREATE FUNCTION posture_internal.metric_attestation()
    RETURNS TABLE (metric_id integer, is_manual boolean, missing bigint, in_force bigint,
                   attestation attestation)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN QUERY
    WITH attested AS (
        SELECT a::attestation AS attestation, a.recommendation_id, a.attestation_id, a.attested_at,
               coalesce(a.valid_until >= today(), true) AS in_force
        FROM (SELECT * FROM latest_attestation()
              UNION ALL
              -- nodes have attestations of their assets
              SELECT * FROM ask_nodes(NULL::posture.attestation, 'latest_attestation()')
              WHERE has_nodes()) a
    )
    SELECT b.metric_id, bool_and(r.is_manual),
           count(DISTINCT r.recommendation_id) FILTER (WHERE r.is_manual)
               - count(DISTINCT r.recommendation_id) FILTER (WHERE r.is_manual AND a.in_force),
           count(DISTINCT r.recommendation_id) FILTER (WHERE r.is_manual AND a.in_force),
           (array_agg(a.attestation
                      ORDER BY a.in_force DESC, a.attested_at DESC, a.attestation_id DESC)
                FILTER (WHERE r.is_manual AND a.attestation_id IS NOT NULL))[1]
    FROM metric_member(NULL) b
    JOIN recommendation r ON r.recommendation_id = b.recommendation_id
    LEFT JOIN attested a ON a.recommendation_id = r.recommendation_id
    GROUP BY b.metric_id
    HAVING bool_or(r.is_manual);
END $$;
COMMENT ON FUNCTION posture_internal.metric_attestation() IS
    'returns the metrics that measure a manual control: whether they measure nothing else, how '
    'many of their controls have no attestation in force and how many have one, and the '
    'attestation to show';

CREATE FUNCTION posture_internal.requirement_state()
    RETURNS TABLE (initiative_id integer, metric_id integer, section text, weight numeric,
                   status text, score score, exposed numeric, assessed numeric,
                   attestation attestation)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT m.initiative_id, m.metric_id, c.details ->> 'section', m.weight,
           CASE WHEN u.is_unattested THEN 'manual'
                WHEN m.exposed > 0 THEN 'fail'
                WHEN a.missing > 0 THEN 'manual'
                WHEN m.score IS NULL THEN 'not_assessed'
                ELSE 'pass' END,
           CASE WHEN NOT u.is_unattested THEN m.score END,
           CASE WHEN u.is_unattested THEN 0 ELSE m.exposed END,
           CASE WHEN u.is_unattested THEN 0 ELSE m.assessed END,
           a.attestation
    FROM report_row(NULL, NULL, NULL) m
    JOIN metric c USING (metric_id)
    LEFT JOIN metric_attestation() a USING (metric_id)
    CROSS JOIN LATERAL (SELECT coalesce(a.is_manual AND a.in_force = 0, false)) u(is_unattested)
    WHERE m.initiative_id IS NOT NULL;
END $$;
COMMENT ON FUNCTION posture_internal.requirement_state() IS
    'returns each active metric of each active initiative as a requirement';

CREATE FUNCTION posture_internal.read_framework_report()
    RETURNS TABLE (initiative text, section text, requirement text, name text, status text,
                   score numeric, exposed_assets numeric, assessed_assets numeric, weight numeric,
                   attested_by text, attested_at timestamptz, valid_until date, evidence text,
                   note text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT i.key::text, s.section, c.key::text, c.name, s.status, s.score::numeric, s.exposed,
           s.assessed, s.weight, (s.attestation).attested_by, (s.attestation).attested_at,
           (s.attestation).valid_until, (s.attestation).evidence, (s.attestation).note
    FROM requirement_state() s
    JOIN initiative i USING (initiative_id)
    JOIN metric c USING (metric_id)
    ORDER BY i.is_pinned DESC, i.name, i.key, s.section, c.key;
END $$;
COMMENT ON FUNCTION posture_internal.read_framework_report() IS
    'returns the rows of the view framework_report';

CREATE VIEW posture.framework_report WITH (security_invoker = true) AS
SELECT * FROM read_framework_report();
COMMENT ON VIEW posture.framework_report IS
    'each requirement of each framework as it stands now: each active metric of each active '
    'initiative';
COMMENT ON COLUMN posture.framework_report.initiative IS 'key of the initiative';
COMMENT ON COLUMN posture.framework_report.section IS
    'section of the requirement: section in the details of the metric; NULL: none';
COMMENT ON COLUMN posture.framework_report.requirement IS
    'key of the metric; for a manual control, the recommendation that attest() takes';
COMMENT ON COLUMN posture.framework_report.name IS 'name of the metric';
COMMENT ON COLUMN posture.framework_report.status IS
    'pass: all that is assessed complies; fail: something is exposed; manual: a person has to '
    'attest it, because nobody has or the attestation expired; not_assessed: its checks have no '
    'data';
COMMENT ON COLUMN posture.framework_report.score IS
    'current score, 0 to 100; NULL: nothing is assessed';
COMMENT ON COLUMN posture.framework_report.exposed_assets IS
    'number of distinct assets exposed, as in metric_report';
COMMENT ON COLUMN posture.framework_report.assessed_assets IS
    'number of distinct assets assessed, as in metric_report';
COMMENT ON COLUMN posture.framework_report.weight IS 'weight of the metric in the initiative';
COMMENT ON COLUMN posture.framework_report.attested_by IS
    'person who attested it last; NULL: nobody, or it is no manual control';
COMMENT ON COLUMN posture.framework_report.attested_at IS 'time of that attestation';
COMMENT ON COLUMN posture.framework_report.valid_until IS
    'last day on which that attestation counts; NULL: it does not expire';
COMMENT ON COLUMN posture.framework_report.evidence IS
    'where the evidence is, such as a link; NULL: none';
COMMENT ON COLUMN posture.framework_report.note IS 'remark on that attestation; NULL: none';

CREATE FUNCTION posture_internal.read_framework_section()
    RETURNS TABLE (initiative text, section text, requirements bigint, pass bigint, fail bigint,
                   manual bigint, not_assessed bigint, score numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT i.key::text, s.section, count(*), count(*) FILTER (WHERE s.status = 'pass'),
           count(*) FILTER (WHERE s.status = 'fail'),
           count(*) FILTER (WHERE s.status = 'manual'),
           count(*) FILTER (WHERE s.status = 'not_assessed'),
           score(round(sum(s.weight * (t.mass - t.healthy)), 30), sum(s.weight * t.mass))::numeric
    FROM requirement_state() s
    JOIN initiative i USING (initiative_id)
    JOIN metric_term(s.score, s.exposed, s.assessed, s.assessed, 0) t
      ON t.method = CASE i.method WHEN 'population' THEN i.method ELSE 'weighted' END
    GROUP BY i.initiative_id, s.section
    ORDER BY i.is_pinned DESC, i.name, i.key, s.section;
END $$;
COMMENT ON FUNCTION posture_internal.read_framework_section() IS
    'returns the rows of the view framework_section';

CREATE VIEW posture.framework_section WITH (security_invoker = true) AS
SELECT * FROM read_framework_section();
COMMENT ON VIEW posture.framework_section IS
    'the requirements of each section of each framework, counted by status, with the score of the '
    'section';
COMMENT ON COLUMN posture.framework_section.initiative IS 'key of the initiative';
COMMENT ON COLUMN posture.framework_section.section IS
    'section; NULL: requirements without one';
COMMENT ON COLUMN posture.framework_section.requirements IS 'number of requirements';
COMMENT ON COLUMN posture.framework_section.pass IS
    'number of requirements of which all that is assessed complies';
COMMENT ON COLUMN posture.framework_section.fail IS
    'number of requirements of which something is exposed';
COMMENT ON COLUMN posture.framework_section.manual IS
    'number of requirements that a person has to attest';
COMMENT ON COLUMN posture.framework_section.not_assessed IS
    'number of requirements whose checks have no data';
COMMENT ON COLUMN posture.framework_section.score IS
    'score of the section, 0 to 100: that of an initiative of its requirements, by the method of '
    'the framework, by weighted for method points; NULL: nothing is assessed';
