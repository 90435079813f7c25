# What the tests of days share: a warehouse whose changes are all recorded, and functions
# of schema sim that compute snapshots from them in plain SQL. sim.fault has the
# differences.
package TestDays;

use strict;
use warnings;
use Exporter 'import';
use TestPosture;

our @EXPORT = qw(days_node);

sub days_node
{
	my ($name) = @_;
	my $node = new_node($name, "posture.retention_days = 36500\n");
	$node->safe_psql('postgres', "CREATE EXTENSION posture;\nSELECT FROM posture.backfill('2000-01-01');\n" . simulation_sql());
	return $node;
}

sub simulation_sql
{
	return <<'SQL';
INSERT INTO posture.source (key, name) VALUES ('s', 'S');
INSERT INTO posture.asset (key, name, kind)
SELECT 'a' || n, 'A', CASE WHEN n % 3 = 0 THEN 'user' ELSE 'host' END
FROM generate_series(1, 15) n;
INSERT INTO posture.recommendation (source_id, key, title)
SELECT source_id, 'r' || n, 'R' FROM posture.source, generate_series(1, 3) n
WHERE source.key = 's';
INSERT INTO posture.metric (key, name, importance, asset_kinds)
VALUES ('m1', 'M', 'high', NULL), ('m2', 'M', 'low', '{host}'), ('m3', 'M', 'critical', NULL);
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM posture.metric m, posture.recommendation r
WHERE (m.key, r.key)
      IN (('m1', 'r1'), ('m1', 'r2'), ('m2', 'r2'), ('m2', 'r3'), ('m3', 'r3'));
INSERT INTO posture.initiative (key, name, method)
VALUES ('i1', 'I', 'weighted'), ('i2', 'I', 'population');
INSERT INTO posture.initiative_metric
SELECT i.initiative_id, m.metric_id FROM posture.initiative i, posture.metric m;

CREATE SCHEMA sim;
CREATE FUNCTION sim.array_of(assets posture.assetset) RETURNS integer[]
    LANGUAGE sql AS $$ SELECT assets::integer[] $$;
CREATE TABLE sim.change (n bigint GENERATED ALWAYS AS IDENTITY, recommendation_id integer,
    asset_id integer, state posture.finding_state, at timestamptz);
CREATE TABLE sim.seen (day date, metric_id integer, assets posture.assetset,
    exposed numeric, assessed numeric);
CREATE TABLE sim.assessed (day date, recommendation_id integer, asset_id integer);
CREATE TABLE sim.fault (round integer, what text);
CREATE FUNCTION sim.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR OLD.state <> NEW.state THEN
        INSERT INTO sim.change (recommendation_id, asset_id, state, at)
        VALUES (NEW.recommendation_id, NEW.asset_id, NEW.state, NEW.changed_at);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON posture.finding
    FOR EACH ROW EXECUTE FUNCTION sim.note();

-- each finding at a moment, by the changes known now
CREATE FUNCTION sim.finding_at(moment timestamptz) RETURNS SETOF sim.change LANGUAGE sql AS $$
    SELECT DISTINCT ON (c.recommendation_id, c.asset_id) c.*
    FROM sim.change c WHERE c.at < moment
    ORDER BY c.recommendation_id, c.asset_id, c.at DESC, c.n DESC $$;

-- the counts and assets of each metric at a moment
CREATE FUNCTION sim.state_at(moment timestamptz)
    RETURNS TABLE (metric_id integer, exposed bigint, assessed bigint, assets integer[])
    LANGUAGE sql AS $$
    WITH state AS (SELECT * FROM sim.finding_at(moment))
    SELECT m.metric_id,
           count(DISTINCT s.asset_id) FILTER (WHERE s.state = 'non_compliant'),
           count(DISTINCT s.asset_id) FILTER (WHERE s.state <> 'not_applicable'),
           coalesce(array_agg(DISTINCT s.asset_id) FILTER (WHERE s.state = 'non_compliant'), '{}')
    FROM posture.metric m
    LEFT JOIN (posture.metric_recommendation b
               JOIN state s USING (recommendation_id) JOIN posture.asset a USING (asset_id))
           ON b.metric_id = m.metric_id
              AND (m.asset_kinds IS NULL OR a.kind = ANY (m.asset_kinds))
    GROUP BY m.metric_id $$;

-- the first moment at which a clock of the zone shows a later day
CREATE FUNCTION sim.ends(zone text, day date) RETURNS timestamptz LANGUAGE sql AS $$
    SELECT min(t)
    FROM generate_series(day::timestamp AT TIME ZONE 'UTC',
                         (day + 3)::timestamp AT TIME ZONE 'UTC', '15 minutes') t
    WHERE (t AT TIME ZONE zone)::date > day $$;

CREATE PROCEDURE sim.take(round integer, zone text, of_day date) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM posture.take_snapshot(of_day);
    INSERT INTO sim.fault
    SELECT round, format('%s %s metric %s: %s of %s, not %s of %s; assets %s, not %s', zone, of_day,
                         o.metric_id, s.exposed, s.assessed, o.exposed, o.assessed,
                         posture.metric_assets(m.key, of_day), o.assets)
    FROM sim.state_at(sim.ends(zone, of_day)) o JOIN posture.metric m USING (metric_id)
    LEFT JOIN posture.metric_snapshot s ON s.metric_id = o.metric_id AND s.day = of_day
    WHERE (s.exposed, s.assessed, sim.array_of(posture.metric_assets(m.key, of_day)))
          IS DISTINCT FROM (o.exposed, o.assessed, o.assets);
    DELETE FROM sim.assessed a WHERE a.day = of_day;
    INSERT INTO sim.assessed
    SELECT of_day, f.recommendation_id, f.asset_id
    FROM sim.finding_at(sim.ends(zone, of_day)) f WHERE f.state <> 'not_applicable';
    INSERT INTO sim.seen
    SELECT of_day, m.metric_id, posture.metric_assets(m.key, of_day), s.exposed, s.assessed
    FROM posture.metric m
    LEFT JOIN posture.metric_snapshot s ON s.metric_id = m.metric_id AND s.day = of_day;
END $$;

CREATE PROCEDURE sim.begin_again() LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM posture.finding;
    PERFORM posture.fold();
    DELETE FROM posture_internal.finding_history;
    DELETE FROM posture.snapshot;
    DELETE FROM posture.metric_snapshot;
    DELETE FROM posture.initiative_snapshot;
    DELETE FROM posture.initiative_metric_snapshot;
    DELETE FROM posture.recommendation_snapshot;
    DELETE FROM posture.event;
    DELETE FROM posture.run;
    DELETE FROM sim.change;
    DELETE FROM sim.seen;
    DELETE FROM sim.assessed;
END $$;

CREATE PROCEDURE sim.check_events(round integer, zone text) LANGUAGE plpgsql AS $$
BEGIN
    -- a drop by the threshold or more is one event, and its causes sum to it
    INSERT INTO sim.fault
    SELECT round, format('%s %s %s %s: drop %s, event %s', zone, d.day, d.kind, d.object_id,
                         d.drop, e.drop)
    FROM (SELECT 'metric_score_drop' AS kind, s.day, s.metric_id AS object_id,
                 p.score::numeric - s.score::numeric AS drop
          FROM posture.metric_snapshot s
          JOIN posture.metric_snapshot p ON p.metric_id = s.metric_id AND p.day = s.day - 1
          UNION ALL
          SELECT 'initiative_score_drop', s.day, s.initiative_id,
                 p.score::numeric - s.score::numeric
          FROM posture.initiative_snapshot s
          JOIN posture.initiative_snapshot p
            ON p.initiative_id = s.initiative_id AND p.day = s.day - 1) d
    FULL JOIN (SELECT * FROM posture.event WHERE kind <> 'new_initiative') e
      ON e.kind::text = d.kind AND e.day = d.day
         AND coalesce(e.metric_id, e.initiative_id) = d.object_id
    WHERE (d.drop >= 2) IS DISTINCT FROM (e.event_id IS NOT NULL)
          AND (d.drop IS NOT NULL OR e.event_id IS NOT NULL)
       OR e.drop <> d.drop;
    INSERT INTO sim.fault
    SELECT round, format('%s causes of event %s sum to %s, not %s', zone, e.event_id,
                         sum(c.points), -e.drop)
    FROM posture.event e
    LEFT JOIN posture.event_cause c
      ON c.event_id = e.event_id AND (e.initiative_id IS NOT NULL OR c.initiative_id IS NULL)
    WHERE e.kind <> 'new_initiative'
    GROUP BY e.event_id, e.drop HAVING sum(c.points) IS DISTINCT FROM -e.drop;
END $$;

-- a number of days from a day on: random findings, some of them late, and snapshots
CREATE PROCEDURE sim.live(round integer, seed double precision, zone text, from_day date,
    days integer) LANGUAGE plpgsql AS $$
DECLARE
    start timestamptz;
    clock timestamptz;
    due date := from_day;
    lazy boolean;
BEGIN
    PERFORM setseed(seed), set_config('posture.timezone', zone, false);
    CALL sim.begin_again();
    start := sim.ends(zone, from_day - 1);
    lazy := random() < 0.4;
    INSERT INTO posture.inbox
    SELECT 's', 'r' || r, 'a' || a, 'compliant', start - interval '1 hour',
           CASE WHEN a % 3 = 0 THEN 'user' ELSE 'host' END
    FROM generate_series(1, 3) r, generate_series(1, 15) a WHERE random() < 0.8;
    PERFORM posture.ingest();
    clock := start;
    WHILE clock < sim.ends(zone, from_day + days) LOOP
        clock := clock + random() * interval '14 hours';
        -- a snapshot is taken when its day has ended, or later together with others
        IF NOT lazy OR random() < 0.1 THEN
            WHILE clock >= sim.ends(zone, due) LOOP
                CALL sim.take(round, zone, due);
                due := due + 1;
            END LOOP;
        END IF;
        INSERT INTO posture.inbox
        SELECT 's', 'r' || 1 + floor(random() * 3), 'a' || 1 + floor(random() * 15),
               (ARRAY['compliant', 'non_compliant', 'non_compliant',
                      'not_applicable'])[1 + floor(random() * 4)],
               CASE WHEN random() < 0.15
                    THEN (SELECT max(e)
                          FROM unnest(ARRAY[start, sim.ends(zone, due - 1),
                                            sim.ends(zone, due - 2)]) e WHERE e <= clock)
                    ELSE clock - random() ^ 4 * interval '60 hours' END
               - CASE WHEN random() < 0.1 THEN interval '1 microsecond' ELSE '0' END
        FROM generate_series(1, 1 + floor(random() * 12)::integer);
        PERFORM posture.ingest();
        IF random() < 0.3 THEN
            PERFORM posture.fold();
        END IF;
        -- what is measured changes, too, so that scores come back without any fix
        IF random() < 0.3 THEN
            UPDATE posture.initiative_metric SET weight = 1 + floor(random() * 9)
            WHERE random() < 0.3;
            DELETE FROM posture.initiative_metric i
            USING posture.initiative o
            WHERE o.initiative_id = i.initiative_id AND o.key = 'i1' AND random() < 0.2;
            INSERT INTO posture.initiative_metric
            SELECT o.initiative_id, m.metric_id FROM posture.initiative o, posture.metric m
            WHERE random() < 0.5
            ON CONFLICT DO NOTHING;
        END IF;
    END LOOP;
    WHILE due <= from_day + days LOOP
        CALL sim.take(round, zone, due);
        due := due + 1;
    END LOOP;
    INSERT INTO sim.fault
    SELECT round, format('%s %s metric %s is %s, was %s', zone, k.day, k.metric_id,
                         posture.metric_assets(m.key, k.day), k.assets)
    FROM sim.seen k JOIN posture.metric m USING (metric_id)
    WHERE posture.metric_assets(m.key, k.day) OPERATOR(posture.<>) k.assets;
    INSERT INTO sim.fault
    SELECT round, zone || ' verify: ' || v::text FROM posture.verify() v;
    INSERT INTO sim.fault
    SELECT round, format('%s live metric %s', zone, o.metric_id)
    FROM sim.state_at('infinity') o JOIN posture.metric m USING (metric_id)
    WHERE sim.array_of(posture.metric_assets(m.key)) <> o.assets;
    CALL sim.check_events(round, zone);
END $$;
SQL
}

1;
