\set ECHO none
-- A framework with sections and requirements without checks, in the shape of those of Prowler, and
-- random manual controls with the reports that follow from them, in plain SQL. The latter need
-- random.sql, catalog.sql and compare.sql.
CREATE FUNCTION pg_temp.framework() RETURNS jsonb LANGUAGE sql AS $$ SELECT '
    {"Framework": "CIS", "Name": "CIS Foundations", "Version": "7.0", "Provider": "AWS",
     "Description": "Foundations", "Requirements": [
     {"Id": "1.1", "Description": "Contact details are current", "Checks": [],
      "Attributes": [{"Section": "1 Identity", "Profile": "Level 1", "AssessmentStatus": "Manual",
                      "AuditProcedure": "Ask the owner of the account."}]},
     {"Id": "1.2", "Description": "Users have MFA", "Checks": ["mfa"],
      "Attributes": [{"Section": "1 Identity", "AssessmentStatus": "Automated"}]},
     {"Id": "2.1", "Description": "Buckets are private", "Checks": ["private", "policy"],
      "Attributes": [{"Section": "2 Storage"}]},
     {"Id": "2.2", "Description": "Data is classified",
      "Attributes": [{"Section": "2 Storage", "SubSection": "2.2 Data"}]},
     {"Id": "3.1", "Description": "Trails are on", "Checks": ["trail"],
      "Attributes": [{"Section": "3 Logging"}]},
     {"Id": "4", "Name": "A policy exists", "Attributes": []}]}'::jsonb $$;
-- the same as of a version that left them out
CREATE FUNCTION pg_temp.checked_framework() RETURNS jsonb LANGUAGE sql AS $$
    SELECT f || jsonb_build_object('Requirements', jsonb_path_query_array(
        f, '$.Requirements[*] ? (exists (@.Checks[*]))'))
    FROM pg_temp.framework() f $$;

-- Manual controls among the recommendations of a catalog, with attestations of which some have
-- expired; of these some are closed.
CREATE PROCEDURE pg_temp.make_attestations() LANGUAGE plpgsql AS $$
BEGIN
    UPDATE recommendation SET is_manual = pg_temp.chance(0.5);
    UPDATE metric SET details = jsonb_build_object('section', pg_temp.one('a', 'b', 'c'))
    WHERE pg_temp.chance(0.8);
    INSERT INTO attestation (recommendation_id, asset_id, state, evidence, attested_by,
                             attested_at, valid_until)
    SELECT r.recommendation_id, a.asset_id,
           pg_temp.one('compliant', 'non_compliant')::finding_state,
           CASE WHEN pg_temp.chance(0.5) THEN 'https://example.com/' || pg_temp.n(100) END,
           pg_temp.one('ann', 'ben'), now() - random() * interval '9 days',
           CASE WHEN pg_temp.chance(0.7) THEN today() - 4 + pg_temp.n(7) END
    FROM recommendation r
    CROSS JOIN LATERAL (SELECT x.asset_id FROM asset x WHERE pg_temp.chance(0.05)
                        AND x.asset_id + r.recommendation_id > 0) a
    CROSS JOIN generate_series(1, 2)
    WHERE r.is_manual AND pg_temp.chance(0.6);
    PERFORM apply_attestations(ARRAY(SELECT r.recommendation_id FROM recommendation r));
    IF pg_temp.chance(0.5) THEN
        PERFORM expire_attestations();
    END IF;
END $$;

CREATE VIEW pg_temp.v_member AS
SELECT b.metric_id, r.*
FROM metric_recommendation b
JOIN recommendation r USING (recommendation_id)
JOIN source s USING (source_id)
WHERE r.is_active AND s.is_active;
CREATE VIEW pg_temp.v_attested AS
SELECT a.*, a.valid_until IS NULL OR a.valid_until >= today() AS in_force
FROM attestation a
WHERE NOT EXISTS (SELECT FROM attestation o
                  WHERE o.recommendation_id = a.recommendation_id AND o.asset_id = a.asset_id
                    AND (o.attested_at, o.attestation_id) > (a.attested_at, a.attestation_id));
CREATE VIEW pg_temp.v_expected AS
SELECT m.initiative, c.details ->> 'section' AS section, m.metric AS requirement, m.name,
       CASE WHEN e.unattested THEN 'manual' WHEN m.exposed_assets > 0 THEN 'fail'
            WHEN e.waits THEN 'manual' WHEN m.score IS NULL THEN 'not_assessed'
            ELSE 'pass' END AS status,
       CASE WHEN NOT e.unattested THEN m.score END AS score,
       CASE WHEN e.unattested THEN 0 ELSE m.exposed_assets END AS exposed_assets,
       CASE WHEN e.unattested THEN 0 ELSE m.assessed_assets END AS assessed_assets, m.weight,
       t.attested_by, t.attested_at, t.valid_until, t.evidence, t.note
FROM metric_report m
JOIN metric c ON c.key = m.metric
CROSS JOIN LATERAL (
    SELECT coalesce(bool_and(v.is_manual), false)
               AND NOT EXISTS (SELECT FROM pg_temp.v_attested x
                               JOIN pg_temp.v_member w USING (recommendation_id)
                               WHERE w.metric_id = c.metric_id AND x.in_force) AS unattested,
           EXISTS (SELECT FROM pg_temp.v_member w
                   WHERE w.metric_id = c.metric_id AND w.is_manual
                     AND NOT EXISTS (SELECT FROM pg_temp.v_attested x
                                     WHERE x.recommendation_id = w.recommendation_id
                                       AND x.in_force)) AS waits
    FROM pg_temp.v_member v
    WHERE v.metric_id = c.metric_id) e
LEFT JOIN LATERAL (
    SELECT x.*
    FROM pg_temp.v_attested x JOIN pg_temp.v_member w USING (recommendation_id)
    WHERE w.metric_id = c.metric_id AND w.is_manual
    ORDER BY x.in_force DESC, x.attested_at DESC, x.attestation_id DESC
    LIMIT 1) t ON true;
CREATE VIEW pg_temp.v_expected_section AS
SELECT e.initiative, e.section, count(*) AS requirements,
       sum((e.status = 'pass')::integer) AS pass, sum((e.status = 'fail')::integer) AS fail,
       sum((e.status = 'manual')::integer) AS manual,
       sum((e.status = 'not_assessed')::integer) AS not_assessed,
       CASE min(i.method::text)
       WHEN 'population' THEN
           100 * sum(e.weight * (e.assessed_assets - e.exposed_assets))
                   FILTER (WHERE e.score IS NOT NULL)
               / nullif(sum(e.weight * e.assessed_assets) FILTER (WHERE e.score IS NOT NULL), 0)
       ELSE sum(e.weight * e.score) / nullif(sum(e.weight) FILTER (WHERE e.score IS NOT NULL), 0)
       END AS score
FROM pg_temp.v_expected e JOIN initiative i ON i.key = e.initiative
GROUP BY e.initiative, e.section;

CREATE PROCEDURE pg_temp.try_frameworks(rounds integer) LANGUAGE plpgsql AS $$
BEGIN
    FOR round IN 1 .. rounds LOOP
        CALL pg_temp.make_days(now() - interval '2 days');
        CALL pg_temp.make_attestations();
        CALL pg_temp.compare('requirements', 'SELECT * FROM framework_report',
                             'SELECT * FROM pg_temp.v_expected');
        CALL pg_temp.compare('sections',
            'SELECT initiative, section, requirements, pass, fail, manual, not_assessed,
                    round(score, 6) FROM framework_section',
            'SELECT initiative, section, requirements, pass, fail, manual, not_assessed,
                    round(score, 6) FROM pg_temp.v_expected_section');
        INSERT INTO outcome
        SELECT 'requirements that ' || status, count(*), 0 FROM framework_report GROUP BY status;
        -- an initiative of one section has the score of the section
        UPDATE metric SET details = '{"section": "all"}';
        UPDATE recommendation SET is_manual = false;
        CALL pg_temp.compare('one section',
            $q$SELECT s.initiative, s.score FROM framework_section s$q$,
            $q$SELECT o.initiative, o.score
               FROM overview o JOIN initiative i ON i.key = o.initiative
               WHERE EXISTS (SELECT FROM metric_report m WHERE m.initiative = o.initiative)
                 AND i.method <> 'points'
               UNION ALL SELECT s.initiative, s.score FROM framework_section s
               JOIN initiative i ON i.key = s.initiative WHERE i.method = 'points'$q$);
    END LOOP;
END $$;
\set ECHO all
