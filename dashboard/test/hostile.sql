-- Keys, names and texts that would break a page which took them for markup,
-- for a path or for short; initiatives and metrics without data; a drop.
SET client_min_messages = warning;
SET search_path = posture, posture_internal, pg_catalog;

CREATE TEMP TABLE evil (n integer GENERATED ALWAYS AS IDENTITY, said text);
INSERT INTO evil (said) VALUES
    ('<img src=x onerror="breached=true">'), ('<script>breached=true</script>'), ('"><b onmouseover=''breached=true''>'),
    ('../../etc/passwd'), ('a/b'), ('index'), ('[slug]'), ('.hidden'), ('50 % off? #1 & more'), ('${breached=true}'), ('`x`'),
    ('Ünïcode 漢字 🙂'), ('A'), ('a'), ('</title><script>breached=true</script>'), (repeat('endless', 40));

INSERT INTO source (key, name, product) SELECT 'source ' || said, said, said FROM evil;
INSERT INTO inbox (source, recommendation, asset, state, observed_at, asset_kind, asset_name)
SELECT 'source ' || e.said, 'fails ' || e.said, e.said || a, CASE WHEN a <= 1 THEN 'non_compliant' ELSE 'compliant' END,
       day_end(today() - 3), e.said, e.said || a
FROM evil e, generate_series(1, 4) a;
SELECT FROM ingest();
UPDATE recommendation SET title = substr(key, 7), domain = substr(key, 7), workload = substr(key, 7), assigned_to = substr(key, 7), due_on = '9999-12-31',
    remediation = '<p>Do <b>this</b></p><img src=x onerror="parent.breached=true"><script>breached=true</script>' || substr(key, 7),
    markup = CASE WHEN recommendation_id % 2 = 0 THEN 'html' ELSE 'plain' END, manage_url = 'javascript:breached=true';
UPDATE asset SET owner = name, criticality = CASE asset_id % 4 WHEN 0 THEN 'critical' WHEN 1 THEN 'low' WHEN 2 THEN 'high' ELSE 'medium' END;

INSERT INTO metric (key, name, description) SELECT said, said, said FROM evil;
INSERT INTO metric (key, name) VALUES ('nothing', 'Nothing is measured');
INSERT INTO recommendation (source_id, key, title) SELECT min(source_id), 'nothing', 'Nothing is measured' FROM source;
-- an asset of each kind that nothing assesses; below, one more
INSERT INTO asset (key, kind, name, owner) SELECT 'unseen ' || said, said, said, said FROM evil;
INSERT INTO asset_group (key, name, kinds) SELECT said, said, ARRAY[said] FROM evil;
UPDATE metric m SET population_group_id = g.asset_group_id, unassessed = CASE WHEN m.metric_id % 2 = 0 THEN 'exposed' ELSE 'excluded' END
FROM asset_group g WHERE g.key = CASE m.key WHEN 'nothing' THEN 'A' ELSE m.key END AND m.metric_id % 4 > 0;
INSERT INTO metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM metric m JOIN recommendation r ON r.title = m.name;
INSERT INTO initiative (key, name, kind, description, owner, is_pinned, target_score, target_on)
SELECT said, said, said, said, left(said, 20), n % 2 = 0, 90, today() + 30 FROM evil;
INSERT INTO initiative (key, name, is_pinned) VALUES ('no metrics', 'No metrics', true), ('no data', 'No data', false);
INSERT INTO initiative_metric
SELECT i.initiative_id, m.metric_id FROM initiative i JOIN metric m ON m.key = i.key OR m.key = 'nothing' WHERE i.key <> 'no metrics';
INSERT INTO initiative (key, name, method) VALUES ('points', '<i onclick="breached=true">points</i>', 'points');
INSERT INTO initiative_recommendation
SELECT i.initiative_id, r.recommendation_id FROM initiative i, recommendation r WHERE i.key = 'points';
UPDATE recommendation SET max_points = 3;
INSERT INTO score_band (scheme, from_score, name) VALUES ('zone', 10, '<img src=x onerror="breached=true">'), ('zone', 60, 'a zone with a rather long name');
INSERT INTO benchmark (key, name, day, initiative_id, score)
SELECT said, said, today() - d, initiative_id, 40 + n FROM evil, generate_series(1, 2) d, initiative WHERE key = 'points' AND n < 4;

SELECT FROM take_snapshot(today() - 2);
INSERT INTO inbox (source, recommendation, asset, state, observed_at)
SELECT 'source ' || e.said, 'fails ' || e.said, e.said || a, 'non_compliant', day_end(today() - 2) + interval '1 hour'
FROM evil e, generate_series(1, 3) a;
SELECT FROM ingest();
INSERT INTO asset (key, kind, name, first_seen, last_seen)
SELECT 'unseen too ' || said, said, said, day_end(today() - 2) + interval '1 hour', day_end(today() - 2) + interval '1 hour' FROM evil;
SELECT FROM take_snapshot(today() - 1);
SELECT acknowledge(event_id, '<img src=x onerror="breached=true">') FROM event WHERE event_id % 3 = 0;
