\set ECHO none
-- Small documents of accounts, regions, subscriptions and benchmarks, and what becomes of them. Ids
-- of resources are global, so that several accounts report one.

-- a file of Prowler: of a provider and an account, with findings such as "check/resource/FAIL"
CREATE FUNCTION pg_temp.scan(provider text, account text, day date, VARIADIC results text[])
    RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'class_uid', 2004, 'time', extract(epoch FROM day)::bigint,
        'metadata', jsonb_build_object('event_code', p[1], 'product', '{"name": "Prowler"}'::jsonb),
        'finding_info', jsonb_build_object('uid', r, 'title', p[1]), 'status_code', p[3],
        'resources', jsonb_build_array(jsonb_build_object('uid', '//h/' || p[2], 'type', 'thing')))
        || CASE WHEN account IS NULL
                THEN jsonb_build_object('unmapped', jsonb_build_object('provider', provider))
                ELSE jsonb_build_object('cloud', jsonb_build_object(
                    'provider', provider, 'region', 'r1',
                    'account', jsonb_build_object('uid', account))) END), '[]')
    FROM unnest(results) r, string_to_array(r, '/') p $$;

-- findings of Security Hub: "account/region/control/resource/FAILED"
CREATE FUNCTION pg_temp.hub(day timestamptz, VARIADIC results text[]) RETURNS jsonb
    LANGUAGE sql AS $$
    SELECT jsonb_build_object('Findings', jsonb_agg(jsonb_build_object(
        'SchemaVersion', '2018-10-08', 'ProductName', 'Security Hub', 'Id', r,
        'AwsAccountId', p[1], 'Region', p[2],
        'GeneratorId', 'security-control/' || p[3], 'Title', p[3], 'UpdatedAt', day,
        'Compliance', jsonb_build_object('Status', p[5]),
        'Resources', jsonb_build_array(jsonb_build_object('Id', '//h/' || p[4], 'Type', 'Thing')))))
    FROM unnest(results) r, string_to_array(r, '/') p $$;

-- assessments of Defender for Cloud: "subscription/name/resource/Healthy"
CREATE FUNCTION pg_temp.assessments(VARIADIC results text[]) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('value', jsonb_agg(jsonb_build_object(
        'id', format('/subscriptions/%s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/%s'
                     '/providers/Microsoft.Security/assessments/%s', p[1], p[3], p[2]),
        'name', p[2], 'properties', jsonb_build_object('status', jsonb_build_object('code', p[4])))))
    FROM unnest(results) r, string_to_array(r, '/') p $$;

-- a TestResult in its benchmark, with results such as "r1/fail"
CREATE FUNCTION pg_temp.benchmark(target text, id text, version text, day date,
                                  VARIADIC results text[])
    RETURNS xml LANGUAGE sql AS $$
    SELECT xmlelement(name "Benchmark",
                      xmlattributes('http://checklists.nist.gov/xccdf/1.2' AS xmlns, id),
                      CASE WHEN version IS NOT NULL THEN xmlelement(name version, version) END,
                      xmlelement(name "TestResult", xmlattributes(day || 'T00:00:00Z' AS "end-time",
                                     'cpe:/a:redhat:openscap:1.3' AS "test-system"),
                                 xmlelement(name target, target),
                                 xmlagg(xmlelement(name "rule-result", xmlattributes(p[1] AS idref),
                                                   xmlelement(name result, p[2])))))
    FROM unnest(results) r, string_to_array(r, '/') p $$;

-- what comes of loading such documents, with or without complete
CREATE FUNCTION pg_temp.load_text(format text, document text, source text DEFAULT NULL,
                                  complete boolean DEFAULT false) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(', ', l.loaded || ' loaded', l.changed || ' changed',
                     nullif(l.rejected, 0) || ' rejected', nullif(l.left_out, 0) || ' left out',
                     nullif(l.closed, 0) || ' closed') || coalesce(' in ' || l.extent, '')
    FROM posture.load(format, document, source, complete) l $$;
CREATE FUNCTION pg_temp.complete(format text, source text, document jsonb) RETURNS text LANGUAGE sql
    RETURN pg_temp.load_text(format, document::text, source, true);
CREATE FUNCTION pg_temp.complete(format text, source text, document xml) RETURNS text LANGUAGE sql
    RETURN pg_temp.load_text(format, document::text, source, true);
CREATE FUNCTION pg_temp.scanned(provider text, account text, day date, VARIADIC results text[])
    RETURNS text LANGUAGE sql
    RETURN pg_temp.complete('ocsf', 'prowler',
                            pg_temp.scan(provider, account, day, VARIADIC results));
CREATE FUNCTION pg_temp.result(target text, id text, version text, day date,
                               VARIADIC results text[])
    RETURNS text LANGUAGE sql
    RETURN pg_temp.load_text('xccdf', pg_temp.benchmark(target, id, version, day,
                                                        VARIADIC results)::text);
-- rows of source scan, all of an extent
CREATE FUNCTION pg_temp.rows(day date, extent text, VARIADIC results text[]) RETURNS text
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
    SELECT 'scan', p[1], p[2], p[3], day FROM unnest(results) r, string_to_array(r, '/') p;
    RETURN (SELECT format('%s changed, %s closed', i.changed, i.closed)
            FROM posture.ingest('scan', extent => rows.extent) i);
END $$;

-- the findings that apply
CREATE FUNCTION pg_temp.applies(of_source text, asset text DEFAULT '%') RETURNS text
    LANGUAGE sql AS $$
    SELECT string_agg(concat_ws('/', r.key, split_part(a.key, '/', -1), left(f.state::text, 1)), ' '
                      ORDER BY r.key COLLATE "C", a.key COLLATE "C")
    FROM posture.finding f JOIN posture.recommendation r USING (recommendation_id)
    JOIN posture.source s USING (source_id) JOIN posture.asset a USING (asset_id)
    WHERE s.key = of_source AND f.state <> 'not_applicable' 
      AND split_part(a.key, '/', -1) LIKE applies.asset $$;

CREATE FUNCTION pg_temp.error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'none';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, detail, hint);
END $$;

-- A model of the rule: what each extent reports, a row a report. A finding is closed when nothing
-- reports it any longer that did before.
CREATE TEMP TABLE report (recommendation text, asset text, extent text);
CREATE TEMP TABLE state (recommendation text, asset text, state text);
CREATE TEMP TABLE delivery (recommendation text, asset text, extent text, state text);
-- the findings that something reported, and those that nothing does any longer
CREATE TEMP TABLE before (recommendation text, asset text);
CREATE TEMP TABLE missing (recommendation text, asset text);

-- One random delivery of source s: by rows or as a document, complete or not. Returns what differs
-- from the model.
CREATE FUNCTION pg_temp.deliver(round integer) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := '2026-01-01 00:00Z'::timestamptz + round * interval '1 hour';
    by_rows boolean := random() < 0.3;
    complete boolean := random() < 0.7;
    covered text[];
    closed bigint;
    must_close bigint;
BEGIN
    covered := ARRAY(SELECT concat('aws/', a, '/', e)
                     FROM unnest('{1,2}'::text[]) a, unnest('{e,w}'::text[]) e
                     WHERE random() < 0.5 LIMIT CASE WHEN by_rows THEN 1 END);
    IF by_rows AND random() < 0.2 THEN
        covered := '{}';
    END IF;
    TRUNCATE delivery;
    INSERT INTO delivery
    SELECT DISTINCT ON (1, 2, 3) 'c' || ceil(random() * 4), 'x' || ceil(random() * 5),
           covered[ceil(random() * cardinality(covered))],
           (ARRAY['compliant', 'non_compliant', 'not_applicable'])[ceil(random() * 2.3)]
    FROM generate_series(1, 1 + (random() * 8)::integer);
    IF by_rows THEN
        DELETE FROM delivery d USING delivery o
        WHERE (d.recommendation, d.asset) = (o.recommendation, o.asset) AND d.ctid > o.ctid;
        INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
        SELECT 's', d.recommendation, '//h/' || d.asset, d.state, at FROM delivery d;
        closed := (SELECT i.closed
                   FROM posture.ingest(CASE WHEN complete THEN 's' END, extent => covered[1]) i);
    ELSE
        DELETE FROM delivery WHERE extent IS NULL;
        IF NOT EXISTS (SELECT FROM delivery) THEN
            RETURN;
        END IF;
        closed := (SELECT l.closed FROM posture.load('asff', pg_temp.hub(at, VARIADIC ARRAY(
            SELECT concat_ws('/', substr(d.extent, 5), d.recommendation, d.asset,
                             CASE d.state WHEN 'compliant' THEN 'PASSED'
                                          WHEN 'non_compliant' THEN 'FAILED' ELSE 'WARNING' END)
            FROM delivery d)), 's', complete) l);
        -- a document is complete for what it has findings of
        covered := ARRAY(SELECT DISTINCT d.extent FROM delivery d);
    END IF;
    -- the model
    TRUNCATE before, missing;
    INSERT INTO before SELECT DISTINCT r.recommendation, r.asset FROM report r;
    IF complete THEN
        -- rows without an extent do not say that others no longer report the finding
        DELETE FROM report r
        WHERE r.extent = ANY (covered)
           OR covered = '{}'
              AND NOT EXISTS (SELECT FROM delivery d
                              WHERE (d.recommendation, d.asset) = (r.recommendation, r.asset));
    END IF;
    INSERT INTO report
    SELECT d.recommendation, d.asset, d.extent FROM delivery d WHERE d.extent IS NOT NULL
    EXCEPT SELECT * FROM report;
    INSERT INTO missing
    SELECT s.recommendation, s.asset
    FROM state s
    WHERE complete
      AND NOT EXISTS (SELECT FROM delivery d
                      WHERE (d.recommendation, d.asset) = (s.recommendation, s.asset))
      AND NOT EXISTS (SELECT FROM report r
                      WHERE (r.recommendation, r.asset) = (s.recommendation, s.asset))
      AND (covered = '{}'
           OR EXISTS (SELECT FROM before b
                      WHERE (b.recommendation, b.asset) = (s.recommendation, s.asset)));
    UPDATE state s SET state = 'not_applicable' FROM missing m
    WHERE (m.recommendation, m.asset) = (s.recommendation, s.asset) AND s.state <> 'not_applicable';
    GET DIAGNOSTICS must_close = ROW_COUNT;
    DELETE FROM state s USING delivery d
    WHERE (d.recommendation, d.asset) = (s.recommendation, s.asset);
    INSERT INTO state
    SELECT d.recommendation, d.asset,
           (array_agg(d.state ORDER BY d.state <> 'non_compliant', d.state))[1]
    FROM delivery d GROUP BY 1, 2;
    RETURN QUERY SELECT format('round %s: closed %s, must be %s', round, closed, must_close)
    WHERE closed <> must_close;
    RETURN QUERY
    WITH stored AS MATERIALIZED (
        SELECT r.key::text AS recommendation, split_part(a.key, '/', -1) AS asset, f.state::text,
               e.keys
        FROM posture.finding f
        JOIN posture.recommendation r USING (recommendation_id)
        JOIN posture.source s USING (source_id)
        JOIN posture.asset a USING (asset_id)
        LEFT JOIN posture.extent e USING (extent_id)
        WHERE s.key = 's'
    ), reports AS (
        SELECT t.recommendation, t.asset, k FROM stored t, unnest(t.keys) k
    )
    SELECT format('round %s: %s', round, x) FROM (
        (SELECT 'wrong ' || d::text
         FROM (SELECT t.recommendation, t.asset, t.state FROM stored t EXCEPT ALL TABLE state) d)
        UNION ALL
        (SELECT 'missing ' || d::text
         FROM (TABLE state EXCEPT ALL SELECT t.recommendation, t.asset, t.state FROM stored t) d)
        UNION ALL
        (SELECT 'wrong ' || d::text FROM (TABLE reports EXCEPT ALL TABLE report) d)
        UNION ALL
        (SELECT 'missing ' || d::text FROM (TABLE report EXCEPT ALL TABLE reports) d)) y(x);
END $$;
\set ECHO all
