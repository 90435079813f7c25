-- Manual controls: what a framework makes of requirements without checks, attestations and their
-- end, and the reports by requirement and section, against plain SQL.
-- tests: finding/attestation, report/framework_report, source/compliance_framework
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
SET client_min_messages = warning;
\set VERBOSITY terse
\i :include/noon.sql
\i :include/attestation.sql

-- a framework whose manual requirements were left out, and what its checks found
\set ECHO none
CREATE TEMP VIEW v_report AS
SELECT section, requirement, status, score, exposed_assets || '/' || assessed_assets AS exposed,
       valid_until - today() AS days, evidence
FROM framework_report;
CREATE TEMP VIEW v_section AS
SELECT section, requirements, pass, fail, manual, not_assessed, score FROM framework_section;
CREATE TEMP VIEW v_finding AS
SELECT r.key, a.key AS asset, f.state, day_of(f.changed_at) - today() AS changed
FROM finding f JOIN recommendation r USING (recommendation_id) JOIN asset a USING (asset_id)
WHERE r.is_manual;
-- days ago for the attestations of a control, and since when it has had its finding
CREATE PROCEDURE pg_temp.age(control text, days integer) LANGUAGE sql AS $$
    UPDATE attestation a SET attested_at = attested_at - days * interval '1 day',
                             valid_until = valid_until - days
    FROM recommendation r WHERE r.recommendation_id = a.recommendation_id AND r.key = control;
    UPDATE finding f SET changed_at = changed_at - days * interval '1 day'
    FROM recommendation r WHERE r.recommendation_id = f.recommendation_id AND r.key = control $$;
CREATE PROCEDURE pg_temp.forget() LANGUAGE sql AS $$
    DELETE FROM attestation;
    DELETE FROM finding f USING recommendation r
    WHERE r.recommendation_id = f.recommendation_id AND r.is_manual $$;
CREATE TEMP VIEW v_contacts AS SELECT * FROM v_report WHERE requirement = 'cis-7.0-aws:1.1';
\set ECHO all
SELECT loaded, left_out FROM load('compliance-framework', pg_temp.checked_framework());
INSERT INTO inbox (source, recommendation, asset, state)
VALUES ('prowler', 'mfa', 'ann', 'compliant'), ('prowler', 'mfa', 'ben', 'non_compliant'),
    ('prowler', 'private', 'logs', 'compliant'), ('prowler', 'policy', 'logs', 'compliant');
SELECT loaded FROM ingest();
SELECT score FROM overview;
-- with them: the framework is complete, and no score differs
SELECT loaded, left_out FROM load('compliance-framework', pg_temp.framework());
SELECT changed FROM load('compliance-framework', pg_temp.framework());
SELECT score, metrics, exposed_assets FROM overview;
SELECT s.key AS source, s.name, s.product, r.key, r.title
FROM recommendation r JOIN source s USING (source_id) WHERE is_manual ORDER BY r.key;
TABLE v_report;
TABLE v_section;

-- a person attests
SELECT attest('cis-7.0-aws:1.1', 'compliant', 'https://example.com/contacts', today() + 30);
SELECT attest('cis-7.0-aws:2.2', 'non_compliant', note => 'no labels yet');
TABLE v_report;
TABLE v_section;
SELECT score, metrics, exposed_assets FROM overview;
TABLE v_finding;
SELECT attested_by = session_user AS by_me, attested_at <= clock_timestamp() AS now, evidence, note
FROM attestation ORDER BY attestation_id;
SELECT kind, name FROM asset WHERE key = 'organisation';
-- the latest attestation counts, and what is attested again has had its state since then
SELECT attest('cis-7.0-aws:2.2', 'compliant', valid_until => '9999-12-31'),
       attest('cis-7.0-aws:1.1', 'compliant');
SELECT requirement, status, score, evidence FROM v_report WHERE status = 'pass';
SELECT count(*), count(DISTINCT changed_at) AS times FROM finding f
JOIN recommendation r USING (recommendation_id) WHERE is_manual;
-- of an asset of its own; the requirement fails as long as one does
BEGIN;
SELECT attest('cis-7.0-aws:1.1', 'non_compliant', asset => 'ann');
SELECT status, score, exposed FROM v_contacts;
ROLLBACK;
-- two attestations of one transaction
BEGIN;
SELECT attest('cis-7.0-aws:1.1', 'non_compliant'), attest('cis-7.0-aws:1.1', 'compliant');
SELECT status FROM v_contacts;
ROLLBACK;
SELECT object, field, regexp_replace(regexp_replace(new, 'from \S+ [0-9:.+]+', 'from TIME'),
                                     'until [0-9-]+, attested by \w+', 'until DAY, attested by ROLE')
FROM change_log
WHERE field LIKE 'attestation%' AND new LIKE '%until%' ORDER BY change_id;

-- what cannot be attested
\set VERBOSITY default
SELECT attest('mfa', 'compliant');
SELECT attest('cis-7.0-aws:1.2', 'compliant');
SELECT attest('cis-7.0-aws:1.1', 'fine');
SELECT attest('cis-7.0-aws:1.1', NULL);
SELECT attest('cis-7.0-aws:1.1', 'compliant', asset => 'nowhere');
SELECT attest(NULL, 'compliant');
\set VERBOSITY terse
\set VERBOSITY sqlstate
SELECT attest('cis-7.0-aws:1.1', 'compliant', valid_until => today() - 1);
\set VERBOSITY terse
SELECT attest('cis-7.0-aws:1.1', 'compliant', valid_until => 'infinity');
SELECT attest('cis-7.0-aws:1.1', 'compliant', valid_until => today());

-- An attestation counts until the end of its last day. Here that was three days ago, and the job
-- has not run since: reports say that it expired.
\set ECHO none
CALL pg_temp.forget();
UPDATE finding SET changed_at = changed_at - interval '9 days';
SELECT attest('cis-7.0-aws:1.1', 'compliant', valid_until => today() + 2);
CALL pg_temp.age('cis-7.0-aws:1.1', 5);
CREATE TEMP VIEW v_day AS
SELECT s.day - today() AS day, s.score, i.score AS initiative
FROM metric_snapshot s JOIN metric m USING (metric_id) JOIN initiative_snapshot i USING (day)
WHERE m.key = 'cis-7.0-aws:1.1' AND s.day >= today() - 6 ORDER BY s.day;
\set ECHO all
SELECT status, score, exposed, days FROM v_contacts;
TABLE v_finding;
-- the days that are closed are those of before, and the last one is the first without it
SELECT take_snapshot(today() - 5) IS NOT NULL AS before;
CALL run_daily();
TABLE v_day;
TABLE v_finding;
SELECT status, score, exposed, days FROM v_contacts;
SELECT score FROM overview;
SELECT count(*) AS differences FROM verify();
-- attested again before the job saw that it had expired: the days between have no attestation
\set ECHO none
DELETE FROM snapshot;
TRUNCATE finding_history;
CALL pg_temp.forget();
SELECT attest('cis-7.0-aws:1.1', 'compliant', valid_until => today() + 2);
CALL pg_temp.age('cis-7.0-aws:1.1', 5);
\set ECHO all
SELECT attest('cis-7.0-aws:1.1', 'compliant');
TABLE v_finding;
CALL run_daily();
TABLE v_day;
SELECT score FROM metric_report WHERE metric = 'cis-7.0-aws:1.1';
-- a day that is closed is not changed by an end that comes later
SELECT attest('cis-7.0-aws:4', 'non_compliant', valid_until => today() + 1);
CALL pg_temp.age('cis-7.0-aws:4', 2);
\set ECHO none
DELETE FROM snapshot WHERE day >= today() - 2;
\set ECHO all
CALL run_daily();
SELECT day - today() AS day, exposed, score FROM metric_snapshot s JOIN metric m USING (metric_id)
WHERE m.key = 'cis-7.0-aws:4' AND day >= today() - 3 ORDER BY day;
SELECT state, changed FROM v_finding WHERE key = 'cis-7.0-aws:4';
-- today it is gone: the last day was yesterday
SELECT attested_by IS NOT NULL AS attested, status FROM framework_report
WHERE requirement = 'cis-7.0-aws:4';
SELECT take_snapshot() IS NOT NULL AS today;
SELECT state, changed FROM v_finding WHERE key = 'cis-7.0-aws:4';
SELECT day - today() AS day, exposed, score FROM metric_snapshot s JOIN metric m USING (metric_id)
WHERE m.key = 'cis-7.0-aws:4' AND day >= today() - 1 ORDER BY day;

SELECT count(*) AS differences FROM verify();

-- to another database and back
\set ECHO none
CREATE TEMP TABLE exported AS SELECT jsonb_agg(e) AS document FROM export('attestation') e;
CREATE TEMP TABLE before AS SELECT * FROM framework_report;
CALL pg_temp.forget();
\set ECHO all
SELECT loaded, changed, rejected FROM exported, load('posture', document);
SELECT count(*) AS differences FROM (TABLE before EXCEPT ALL SELECT * FROM framework_report) d;
SELECT loaded, changed FROM exported, load('posture', document);
SELECT loaded, rejected FROM load('posture', '[
    {"type": "attestation", "source": "prowler", "recommendation": "mfa", "asset": "ann",
     "state": "compliant"},
    {"type": "attestation", "source": "new", "recommendation": "x", "asset": "ann",
     "state": "compliant"},
    {"type": "attestation", "source": "own", "recommendation": "x", "asset": "o",
     "state": "not_applicable"},
    {"type": "attestation", "source": "own", "recommendation": "x", "asset": "o",
     "state": "compliant", "attested_by": " "},
    {"type": "recommendation", "source": "own", "key": "x", "is_manual": true},
    {"type": "attestation", "source": "own", "recommendation": "x", "asset": "o",
     "state": "compliant"}]');
SELECT reason FROM rejected ORDER BY reason;
SELECT asset, state FROM v_finding WHERE key = 'x';
-- With its asset, and with its source. A framework that measures another source, too, stays.
SELECT merge_asset('o', 'organisation');
SELECT count(*) FROM attestation a JOIN asset USING (asset_id) WHERE key = 'organisation';
BEGIN;
UPDATE metric_recommendation SET recommendation_id = (SELECT recommendation_id FROM recommendation
                                                      WHERE key = 'x')
WHERE recommendation_id = (SELECT recommendation_id FROM recommendation WHERE key = 'mfa');
SELECT recommendations, metrics, initiatives FROM forget_source('prowler');
ROLLBACK;
SELECT recommendations, metrics, initiatives FROM forget_source('prowler');
SELECT s.key, count(*) FROM attestation JOIN recommendation USING (recommendation_id)
JOIN source s USING (source_id) GROUP BY s.key;

-- random catalogs
\i :include/random.sql
\i :include/catalog.sql
\i :include/days.sql
\i :include/compare.sql
\set ECHO none
SELECT setseed(0.5);
CALL pg_temp.try_frameworks(5 * :rounds);
\set ECHO all
SELECT about, sum(cases) >= 3 * :rounds AS enough, sum(differences) AS differences
FROM outcome GROUP BY about ORDER BY about;

DISCARD TEMP;
DROP EXTENSION posture;
