-- Extents: what a complete delivery is complete for.
-- tests: finding/extent
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/random.sql
\i :include/extent.sql
SET client_min_messages = warning;

-- two accounts of one provider, another provider, and a cluster without an account
SELECT pg_temp.scanned('aws', '111', '2026-03-01', 'c1/a1/FAIL', 'c2/a1/PASS');
SELECT pg_temp.scanned('aws', '222', '2026-03-01', 'c1/b1/FAIL');
SELECT pg_temp.scanned('azure', '111', '2026-03-01', 'z1/z/FAIL');
SELECT pg_temp.scanned('kubernetes', NULL, '2026-03-01', 'k1/k/FAIL');
SELECT pg_temp.applies('prowler');
SELECT pg_temp.scanned('aws', '111', '2026-03-02', 'c2/a1/PASS');
SELECT pg_temp.applies('prowler');
-- the same again writes nothing
SELECT pg_temp.scanned('aws', '111', '2026-03-02', 'c2/a1/PASS');
-- a rejected finding of another account closes nothing of that account
SELECT pg_temp.complete('ocsf', 'prowler',
                        pg_temp.scan('aws', '111', '2026-03-03', 'c2/a1/PASS')
                        || pg_temp.scan('aws', '222', '2026-03-03', 'c9/b1/ODD'));
-- an asset that two accounts report stays until both no longer do
SELECT pg_temp.scanned('aws', '111', '2026-03-04', 'c2/a1/PASS', 'c3/shared/FAIL');
SELECT pg_temp.scanned('aws', '222', '2026-03-04', 'c1/b1/FAIL', 'c3/shared/FAIL');
SELECT pg_temp.scanned('aws', '111', '2026-03-05', 'c2/a1/PASS');
SELECT pg_temp.applies('prowler', 'shared');
SELECT pg_temp.scanned('aws', '222', '2026-03-05', 'c1/b1/FAIL');
SELECT pg_temp.applies('prowler', 'shared');
-- an older document closes nothing that is known since
SELECT pg_temp.scanned('aws', '111', '2026-03-07', 'c2/a1/PASS', 'c4/a2/FAIL');
SELECT pg_temp.scanned('aws', '111', '2026-03-06', 'c2/a1/PASS');
SELECT pg_temp.applies('prowler', 'a%');
-- a source that exists, but is the wrong one, loses nothing
SELECT pg_temp.complete('ocsf', 'gcp', pg_temp.scan('gcp', 'p', '2026-03-07', 'g1/g/FAIL'));
SELECT pg_temp.complete('ocsf', 'gcp', pg_temp.scan('aws', '111', '2026-03-08', 'c2/a1/PASS'));
SELECT pg_temp.applies('gcp');
-- a format that states no extent is complete for its source, and says so
SELECT pg_temp.complete('posture', 'gcp', '{"type": "finding", "recommendation": "g2", "asset": "g",
                                            "state": "compliant"}'::jsonb);
SELECT pg_temp.applies('gcp');
-- of many accounts the result names some
SELECT pg_temp.complete('ocsf', 'many',
    (SELECT jsonb_agg(pg_temp.scan('aws', n::text, '2026-03-01', 'c/x/PASS') -> 0)
     FROM generate_series(101, 112) n));

-- Security Hub: an account and a region
SELECT pg_temp.complete('asff', 'hub', pg_temp.hub('2026-03-01Z',
    '1/e/S1/b1/FAILED', '1/w/S1/b2/FAILED', '1/w/S2/b2/FAILED', '2/e/S1/b3/FAILED',
    '1/e/G1/account1/PASSED', '1/w/G1/account1/FAILED'));
SELECT pg_temp.complete('asff', 'hub', pg_temp.hub('2026-03-02Z', '1/w/S1/b2/FAILED'));
SELECT pg_temp.applies('hub');
SELECT pg_temp.complete('asff', 'hub', pg_temp.hub('2026-03-03Z', '1/e/S2/b1/PASSED'));
SELECT pg_temp.applies('hub');
-- the new Security Hub, too; without a Region that of the product counts
SELECT i.object FROM ocsf_item('{"class_uid": 2003, "compliance": {"control": "S1", "status_id": 1},
    "metadata": {"product": {"name": "Security Hub CSPM"}}, "resources": [{"uid": "b"}],
    "cloud": {"provider": "AWS", "region": "e", "account": {"uid": "1"}}}', NULL) i
WHERE i.type = 'finding';
SELECT i.object FROM asff_item('{"SchemaVersion": "1", "AwsAccountId": "1", "GeneratorId": "g",
    "ProductArn": "arn:aws:securityhub:e::product/p/p", "Compliance": {"Status": "PASSED"},
    "Resources": [{"Id": "b", "Region": "w"}]}', NULL) i
WHERE i.type = 'finding';

-- Defender for Cloud: a subscription
SELECT pg_temp.complete('azure-assessments', 'defender', pg_temp.assessments(
    'S-1/a1/vm1/Healthy', 'S-1/a2/vm1/Unhealthy', 's-2/a1/vm2/Unhealthy'));
SELECT pg_temp.complete('azure-assessments', 'defender', pg_temp.assessments('s-1/a1/vm1/Healthy'));
SELECT pg_temp.applies('defender');

-- a page that names a next one is not complete, whatever the name is
SELECT p.page, split_part(e.error, ' | ', 1) AS code, split_part(e.error, ' | ', 3) AS detail
FROM unnest(ARRAY['{"NextToken": "t"}', '{"nextToken": "t"}', '{"@odata.nextLink": "https://x"}',
                  '{"nextLink": "https://x"}', '{"$skipToken": "t"}', '{"skip_token": "t"}',
                  '{"skipToken": "t"}', '{"nextPageToken": "t"}', '{"resultTruncated": "true"}'])
     p(page),
     pg_temp.error_of(format($$SELECT load('asff', %L::jsonb, 'hub', complete => true)$$,
                             pg_temp.hub('2026-03-04Z', '1/e/S1/b1/FAILED') || p.page::jsonb))
     e(error);
SELECT split_part(pg_temp.error_of(format($$SELECT load('asff', %L::jsonb, 'hub', true)$$,
           pg_temp.hub('2026-03-04Z', '1/e/S1/b1/FAILED') || '{"NextToken": "t"}')),
                  ' | ', 4) AS hint;
-- pages that are joined are
SELECT pg_temp.complete('asff', 'hub', jsonb_build_array(
    pg_temp.hub('2026-03-04Z', '1/e/S2/b1/PASSED') || '{"NextToken": "t"}',
    pg_temp.hub('2026-03-04Z', '1/w/S1/b2/FAILED')
    || '{"NextToken": null, "skip_token": "", "resultTruncated": "false"}'));
SELECT loaded, extent
FROM load('asff', pg_temp.hub('2026-03-04Z', '1/e/S2/b1/PASSED') || '{"NextToken": "t"}', 'hub');

-- a result that is rejected leaves its finding as it was; an element that can't be read might
-- be of any finding
SELECT pg_temp.complete('asff', 'hub', pg_temp.hub('2026-03-05Z', '1/e/S2/b1/BROKEN',
                                                   '1/e/S1/b1/FAILED'));
SELECT pg_temp.applies('hub');
SELECT pg_temp.complete('ocsf', 'prowler-r',
                        pg_temp.scan('aws', '1', '2026-03-01', 'c1/o1/FAIL', 'c2/o1/FAIL'));
SELECT pg_temp.complete('ocsf', 'prowler-r',
                        pg_temp.scan('aws', '1', '2026-03-02', 'c1/o1/BROKEN', 'c3/o1/FAIL'));
SELECT pg_temp.applies('prowler-r');
SELECT pg_temp.error_of(format($$SELECT load('asff', %L, 'hub', true)$$,
    replace(pg_temp.hub('2026-03-05Z', '1/e/S1/b1/FAILED', '1/e/S2/MARK/FAILED')::text,
            'MARK', '\u0000')));

-- a release of a benchmark: the rules that it no longer has leave its target alone
SELECT pg_temp.result('h1', 'b', '1.0', '2026-03-01', 'r1/fail', 'r2/pass', 'r3/fail');
SELECT pg_temp.result('h2', 'b', '1.0', '2026-03-01', 'r1/fail', 'r2/pass', 'r3/fail');
SELECT pg_temp.result('h1', 'other', '7', '2026-03-01', 'r1/fail', 'r8/fail');
SELECT pg_temp.result('h1', 'b', '1.0', '2026-03-02', 'r1/fail', 'r2/pass');
SELECT pg_temp.result('h1', 'b', '1.1', '2026-03-03', 'r2/pass', 'r4/pass');
SELECT pg_temp.applies('openscap', 'h1'), pg_temp.applies('openscap', 'h2');
-- an earlier release that arrives late is left out
SELECT pg_temp.result('h1', 'b', '1.0', '2026-03-01', 'r3/fail', 'r5/fail');
SELECT pg_temp.applies('openscap', 'h1');
-- with complete, also in the same release
SELECT pg_temp.complete('xccdf', 'openscap',
                        pg_temp.benchmark('h1', 'b', '1.1', '2026-03-04', 'r2/pass'));
SELECT pg_temp.applies('openscap', 'h1'), pg_temp.applies('openscap', 'h2');
-- a rule that another profile did not select stays, also in the next release
SELECT pg_temp.complete('xccdf', 'openscap',
                        pg_temp.benchmark('h5', 'b', '1.1', '2026-03-04', 'r2/fail', 'r6/fail'));
SELECT pg_temp.complete('xccdf', 'openscap',
    pg_temp.benchmark('h5', 'b', '1.2', '2026-03-05', 'r2/notselected', 'r7/pass'));
SELECT pg_temp.applies('openscap', 'h5');
-- two releases in one document
SELECT pg_temp.load_text('xccdf', '<r>'
    || pg_temp.benchmark('h3', 'b', '1.1', '2026-03-04', 'r2/pass')::text
    || pg_temp.benchmark('h3', 'b', '1.0', '2026-03-01', 'r1/fail', 'r2/fail')::text || '</r>');
SELECT pg_temp.applies('openscap', 'h3');
-- a revision of a rule of DISA replaces the one before it, also without a version and an extent
SELECT pg_temp.result(t, 'stig', NULL, '2026-03-01', 'x_rule_SV-11r1_rule/fail',
                      'x_rule_SV-12r1_rule/pass', 'x_rule_SV-13r1_rule/fail')
FROM unnest('{s1,s2}'::text[]) t;
UPDATE finding SET extent_id = NULL
WHERE recommendation_id IN (SELECT recommendation_id FROM recommendation WHERE key ~ 'SV-11');
SELECT pg_temp.result('s1', 'stig', NULL, '2026-06-01', 'x_rule_SV-11r2_rule/pass',
                      'x_rule_SV-12r1_rule/pass');
SELECT pg_temp.applies('openscap', 's1');
SELECT pg_temp.applies('openscap', 's2');
-- a target under another name is the same
INSERT INTO asset_alias (alias, asset_id)
SELECT 'h4.example.com', asset_id FROM asset WHERE key = 'h2';
SELECT pg_temp.result('H2', 'b', '1.2', '2026-03-05', 'r2/pass', 'r9/fail');
SELECT pg_temp.result('h4.example.com', 'b', '1.3', '2026-03-06', 'r2/pass');
SELECT pg_temp.result('h2', 'b', '1.2', '2026-03-05', 'r9/fail');
SELECT pg_temp.applies('openscap', 'h2');
-- CIS has the version in the id of the benchmark
SELECT pg_temp.result('c1', 'x_benchmark_1.0.0_Linux', NULL, '2026-03-01', 'x1/fail', 'x2/pass');
SELECT pg_temp.result('c1', 'x_benchmark_2.0.0_Linux', NULL, '2026-06-01', 'x3/fail', 'x2/pass');
SELECT pg_temp.applies('openscap', 'c1');

-- rows: the caller names the extent
INSERT INTO source (key, name) VALUES ('scan', 'Scanner');
SELECT pg_temp.rows('2026-03-01', 'site 1', 'tls/w1/non_compliant', 'ssh/w1/compliant');
SELECT pg_temp.rows('2026-03-01', 'site 2', 'tls/w2/non_compliant');
SELECT pg_temp.rows('2026-03-02', 'site 1', 'ssh/w1/compliant');
SELECT pg_temp.applies('scan');
-- without one all of the source, as before
SELECT pg_temp.rows('2026-03-03', NULL, 'ssh/w1/compliant');
SELECT pg_temp.applies('scan');
SELECT pg_temp.error_of($$SELECT ingest('scan', extent => '')$$);
SELECT left(pg_temp.error_of(format($$SELECT ingest('scan', extent => %L)$$,
                                    repeat('x', 1025))), 50);
SELECT left(pg_temp.error_of($$SELECT ingest('scan', extent => 'site 9')$$), 50);

-- what was loaded without an extent is closed by no document, until one reports it
SELECT pg_temp.complete('ocsf', 'old',
                        pg_temp.scan('aws', '1', '2026-03-01', 'c1/o1/FAIL', 'c2/o1/FAIL'));
UPDATE finding SET extent_id = NULL
WHERE recommendation_id IN (SELECT r.recommendation_id
                            FROM recommendation r JOIN source s USING (source_id)
                            WHERE s.key = 'old');
SELECT pg_temp.complete('ocsf', 'old', pg_temp.scan('aws', '1', '2026-03-02', 'c1/o1/FAIL'));
SELECT pg_temp.applies('old');
SELECT pg_temp.complete('ocsf', 'old', pg_temp.scan('aws', '1', '2026-03-03', 'c3/o1/PASS'));
SELECT pg_temp.applies('old');
-- an extent too long for a key closes nothing
SELECT pg_temp.complete('ocsf', 'old',
                        pg_temp.scan('aws', repeat('9', 2000), '2026-03-03', 'c3/o1/PASS'));
SELECT pg_temp.applies('old');
-- a source is forgotten with its extents
SELECT findings FROM forget_source('hub');
SELECT count(*) FROM extent e
WHERE NOT EXISTS (SELECT FROM source s WHERE s.source_id = e.source_id);

-- random deliveries, compared with the model: a row for each difference
INSERT INTO source (key, name) VALUES ('s', 'S');
\set ECHO none
\pset tuples_only on
SELECT setseed(0.5) \g /dev/null
SELECT format('SELECT d FROM pg_temp.deliver(%s) d', n)
FROM generate_series(1, 40 * :rounds) n \gexec
\pset tuples_only off
\set ECHO all
SELECT count(*) > 10 AS findings, count(DISTINCT f.extent_id) > 3 AS extents
FROM finding f JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id)
WHERE s.key = 's';
SELECT * FROM verify();

DROP EXTENSION posture;
