-- Sources that report failures alone: what a complete delivery no longer has was fixed.
-- tests: finding/extent, catalog/source
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set ECHO none
SET client_min_messages = warning;

INSERT INTO source (key, name, reports) VALUES ('scan', 'S', 'failures'), ('audit', 'A', 'states');
INSERT INTO recommendation (source_id, key, title, reports)
SELECT source_id, r.key, 'R', r.reports::reporting
FROM source, (VALUES ('patch', NULL), ('agent', 'states')) r(key, reports) WHERE source.key = 'scan';
INSERT INTO metric (key, name, rule) VALUES ('m', 'M', '{"source": "scan", "key": "patch"}');
INSERT INTO initiative (key, name) VALUES ('i', 'I');
INSERT INTO initiative_metric SELECT initiative_id, metric_id FROM initiative, metric;
-- a delivery: ago/recommendation/asset, with * for an exception
CREATE FUNCTION pg_temp.deliver(of_source text, of_extent text, VARIADIC rows text[])
    RETURNS TABLE (loaded bigint, changed bigint, closed bigint, states text)
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO inbox (source, recommendation, asset, state, observed_at)
    SELECT of_source, split_part(r, '/', 2), rtrim(split_part(r, '/', 3), '*'),
           CASE WHEN r LIKE '%*' THEN 'not_applicable' ELSE 'non_compliant' END,
           now() - split_part(r, '/', 1)::interval
    FROM unnest(rows) r WHERE r <> '';
    SELECT i.loaded, i.changed, i.closed INTO loaded, changed, closed
    FROM ingest(of_source, extent => of_extent) i;
    states := (SELECT string_agg(format('%s %s %s', r.key, a.key, left(f.state::text, 3)), ', '
                                 ORDER BY r.key COLLATE "C", a.key COLLATE "C")
               FROM finding f JOIN recommendation r USING (recommendation_id)
               JOIN source s USING (source_id) JOIN asset a USING (asset_id)
               WHERE s.key = of_source);
    RETURN NEXT;
END $$;
\set ECHO all

-- compliant where failures are reported, not applicable where states are
SELECT * FROM pg_temp.deliver('scan', NULL,
                              '9 days/patch/h1', '9 days/patch/h2', '9 days/agent/h1');
SELECT * FROM pg_temp.deliver('scan', NULL, '8 days/patch/h2');
SELECT metric, score, exposed_assets, assessed_assets FROM metric_report;
SELECT * FROM pg_temp.deliver('scan', NULL, '7 days/patch/h1', '7 days/patch/h2*');
-- neither fails, nor does an exception stay
SELECT * FROM pg_temp.deliver('scan', NULL, '6 days/patch/h3');
-- an older delivery fixes nothing that failed since
SELECT * FROM pg_temp.deliver('scan', NULL, '7 days/patch/h4');
SELECT * FROM pg_temp.deliver('audit', NULL, '9 days/r/h1', '9 days/r/h2');
SELECT * FROM pg_temp.deliver('audit', NULL, '8 days/r/h2');

-- extents: what two report is fixed when neither has it
SELECT * FROM pg_temp.deliver('scan', 'a',
                              '5 days/patch/h1', '5 days/patch/both', '5 days/agent/h1');
SELECT * FROM pg_temp.deliver('scan', 'b', '5 days/patch/both');
SELECT * FROM pg_temp.deliver('scan', 'a', '4 days/patch/h1');
-- that nothing is left is a result
SELECT * FROM pg_temp.deliver('scan', 'b', '');
SELECT * FROM pg_temp.deliver('scan', 'a', '');
-- what was fixed is still of its extent, and may fail again
SELECT r.key, a.key, f.state, e.keys
FROM finding f JOIN recommendation r USING (recommendation_id) JOIN asset a USING (asset_id)
LEFT JOIN extent e USING (extent_id)
WHERE a.key IN ('h1', 'both') ORDER BY 1, 2;
SELECT * FROM pg_temp.deliver('scan', 'a', '0 days/patch/h1');
SELECT * FROM pg_temp.deliver('scan', 'a', '');
-- of a whole source it is a mistake
SELECT * FROM pg_temp.deliver('scan', NULL, '');
SELECT * FROM ingest(complete_source => 'nobody', extent => 'a');
SELECT count(*) FROM verify();

-- documents
SELECT loaded, changed FROM load('posture', '[
    {"type": "source", "key": "audit", "reports": "failures"},
    {"type": "recommendation", "source": "audit", "key": "r", "reports": "states"}]'::jsonb);
SELECT loaded, rejected FROM load('posture', '[{"type": "source", "key": "audit", "reports": "some"}]'::jsonb);
SELECT reason FROM rejected;
SELECT x.type, x.reports FROM export() e, jsonb_to_record(e.e) x(type text, key text, reports text)
WHERE x.reports IS NOT NULL ORDER BY 1, 2;
