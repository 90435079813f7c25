/*
 * From 0.2 to 0.3, completed by upgrade.awk: definitions stand in the parts
 * alone. It runs as the install script does, as the bootstrap superuser for the
 * role that owns the extension.
 */
-- complain if the script is sourced in psql rather than by ALTER EXTENSION
\echo Use "ALTER EXTENSION posture UPDATE" to load this file. \quit
SET LOCAL search_path TO pg_catalog, pg_temp;
--@ DO $setting$
--@ LOCK TABLE pg_default_acl

-- The script of 0.2 did not set default privileges aside. They may have opened its tables, or
-- have closed functions and types that it left to PUBLIC. So PUBLIC, the owner of the objects,
-- and the roles that have exactly what default privileges grant now, get what they have after
-- an installation without any. What the script of 0.2 granted or revoked itself is in
-- pg_init_privs.
DO $$
DECLARE
    change record;
    losers text[];
    is_opened boolean := false;
BEGIN
    FOR change IN
        WITH member AS (
            SELECT d.classid, d.objid
            FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
            WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
              AND e.extname = 'posture'
            UNION
            SELECT 'pg_namespace'::regclass, e.extnamespace
            FROM pg_extension e WHERE e.extname = 'posture'
        ), object AS (
            SELECT m.classid, m.objid, o.*,
                   acldefault(CASE o.type WHEN 'S' THEN 's' ELSE o.type END, o.owner) AS initial
            FROM member m
            CROSS JOIN LATERAL (
                SELECT 'SCHEMA' AS kind, 'n'::"char" AS type, 0::oid AS schema,
                       n.nspowner AS owner, n.nspacl AS acl
                FROM pg_namespace n
                WHERE m.classid = 'pg_namespace'::regclass AND n.oid = m.objid
                UNION ALL
                SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
                       CASE c.relkind WHEN 'S' THEN 'S'::"char" ELSE 'r' END,
                       c.relnamespace, c.relowner, c.relacl
                FROM pg_class c
                WHERE m.classid = 'pg_class'::regclass AND c.oid = m.objid
                UNION ALL
                SELECT 'ROUTINE', 'f', p.pronamespace, p.proowner, p.proacl
                FROM pg_proc p
                WHERE m.classid = 'pg_proc'::regclass AND p.oid = m.objid
                UNION ALL
                SELECT 'TYPE', 'T', t.typnamespace, t.typowner, t.typacl
                FROM pg_type t
                WHERE m.classid = 'pg_type'::regclass AND t.oid = m.objid) o
            WHERE o.acl IS NOT NULL
        )
        SELECT 'REVOKE %s ON %s %s FROM %s CASCADE' AS command, x.grantee, x.privilege_type,
               o.kind, o.classid, o.objid
        FROM object o CROSS JOIN LATERAL aclexplode(o.acl) x
        WHERE x.grantor = o.owner AND x.grantee <> o.owner
          AND (x.grantee = 0 AND (o.kind, x.privilege_type) <> ('SCHEMA', 'USAGE')
               AND NOT EXISTS (SELECT FROM aclexplode(o.initial) i
                               WHERE (i.grantee, i.privilege_type) = (0, x.privilege_type))
               OR x.grantee <> 0
                  AND EXISTS (SELECT
                              FROM pg_default_acl a CROSS JOIN LATERAL aclexplode(a.defaclacl) y
                              WHERE a.defaclrole = o.owner AND a.defaclobjtype = o.type
                                AND a.defaclnamespace IN (0, o.schema)
                                AND (y.grantee, y.privilege_type, y.is_grantable)
                                    = (x.grantee, x.privilege_type, x.is_grantable)))
        UNION ALL
        SELECT 'GRANT %s ON %s %s TO %s', i.grantee, i.privilege_type, o.kind, o.classid, o.objid
        FROM object o CROSS JOIN LATERAL aclexplode(o.initial) i
        WHERE NOT EXISTS (SELECT FROM aclexplode(o.acl) x
                          WHERE (x.grantee, x.privilege_type) = (i.grantee, i.privilege_type))
          AND (i.grantee <> 0
               OR NOT EXISTS (SELECT FROM pg_init_privs p
                              WHERE (p.classoid, p.objoid) = (o.classid, o.objid)))
    LOOP
        EXECUTE format(change.command, change.privilege_type, change.kind,
                       (pg_identify_object(change.classid, change.objid, 0)).identity,
                       CASE change.grantee WHEN 0 THEN 'PUBLIC'
                                           ELSE quote_ident(pg_get_userbyid(change.grantee)) END);
        IF change.command LIKE 'REVOKE%' THEN
            losers := losers || CASE change.grantee WHEN 0 THEN 'PUBLIC'
                                                    ELSE pg_get_userbyid(change.grantee)::text END;
        ELSIF change.grantee = 0 THEN
            is_opened := true;
        END IF;
    END LOOP;
    IF losers IS NOT NULL THEN
        RAISE WARNING 'privileges on objects of posture are revoked from %',
            (SELECT string_agg(DISTINCT l, ', ') FROM unnest(losers) l)
            USING DETAIL = 'Default privileges granted them, or they were granted to PUBLIC.',
                  HINT = 'Use posture.grant_access() to grant levels of access.';
    END IF;
    IF is_opened THEN
        RAISE WARNING 'functions and types of posture are granted to PUBLIC again'
            USING DETAIL = 'Every level needs them. Tables and views have privileges of their own.';
    END IF;
END $$;
--@ UPDATE pg_default_acl
SET LOCAL search_path TO pg_catalog, posture, posture_internal, pg_temp;

-- The name of a constraint is a sentence, which the error of PostgreSQL quotes.
ALTER DOMAIN posture.band_scheme RENAME CONSTRAINT band_scheme_known
    TO "a scheme is zone or maturity";
ALTER DOMAIN posture.criticality_weights RENAME CONSTRAINT criticality_weights_range
    TO "the weights are four whole numbers from 0 to 1000, not all 0";
ALTER DOMAIN posture.day_count RENAME CONSTRAINT day_count_range
    TO "a number of days is from 0 to 36500";
ALTER DOMAIN posture.object_key RENAME CONSTRAINT object_key_length
    TO "a key has 1 to 1024 bytes";
ALTER TABLE posture.asset RENAME CONSTRAINT asset_asset_id_check
    TO "asset_id is not negative";
ALTER TABLE posture.asset RENAME CONSTRAINT asset_kind_length
    TO "kind has at most 1024 bytes";
ALTER TABLE posture.asset RENAME CONSTRAINT asset_criticality_check
    TO "criticality is low, medium, high or critical";
ALTER TABLE posture.asset RENAME CONSTRAINT asset_tags_check
    TO "tags are a JSON object";
ALTER TABLE posture.asset_alias RENAME CONSTRAINT asset_alias_how_check
    TO "how is given, spelling, reported or merged";
ALTER TABLE posture.asset_group RENAME CONSTRAINT asset_group_min_criticality_check
    TO "min_criticality is low, medium, high or critical";
ALTER TABLE posture.asset_group RENAME CONSTRAINT asset_group_tags_check
    TO "tags are a JSON object";
ALTER TABLE posture.event RENAME CONSTRAINT event_check
    TO "an event is of a metric or of an initiative";
ALTER TABLE posture.exemption RENAME CONSTRAINT exemption_reason_check
    TO "reason is not empty";
ALTER TABLE posture.exemption RENAME CONSTRAINT exemption_approved_by_check
    TO "approved_by is not empty";
ALTER TABLE posture.exemption RENAME CONSTRAINT exemption_check
    TO "an exemption is for an asset or a group, not both";
ALTER TABLE posture.exemption RENAME CONSTRAINT exemption_check1
    TO "expires_at is not before created_at";
ALTER TABLE posture.finding RENAME CONSTRAINT finding_recommendation_id_fkey
    TO "a recommendation with findings is made inactive, not deleted";
ALTER TABLE posture.finding RENAME CONSTRAINT finding_asset_id_fkey
    TO "an asset with findings is retired by retired_at, not deleted";
ALTER TABLE posture.measure RENAME CONSTRAINT measure_check
    TO "achieved is not more than possible";
ALTER TABLE posture.metric RENAME CONSTRAINT metric_rule_check
    TO "rule is a JSON object";
ALTER TABLE posture.recommendation RENAME CONSTRAINT recommendation_recommendation_id_check
    TO "recommendation_id is not negative";
ALTER TABLE posture.recommendation RENAME CONSTRAINT recommendation_source_id_fkey
    TO "a source with recommendations is made inactive, not deleted";
ALTER TABLE posture.recommendation RENAME CONSTRAINT recommendation_markup_check
    TO "markup is plain, html or markdown";
ALTER TABLE posture.run RENAME CONSTRAINT run_outcome_check
    TO "outcome is ok or failed";
ALTER TABLE posture.score_band RENAME CONSTRAINT score_band_name_check
    TO "name is not empty";
ALTER TABLE posture_internal.asset_set RENAME CONSTRAINT asset_set_attribute_check
    TO "attribute is kind, criticality, group or inactive";
ALTER TABLE posture_internal.object_count RENAME CONSTRAINT object_count_object_kind_check
    TO "object_kind is recommendation, metric or initiative";

-- 0.2 accepted '30', which is 30 seconds.
DO $$
DECLARE
    changed record;
BEGIN
    FOR changed IN SELECT s.source_id, s.key, s.stale_after
                   FROM posture.source s WHERE s.stale_after < interval '1 day'
    LOOP
        UPDATE posture.source SET stale_after = interval '1 day'
        WHERE source_id = changed.source_id;
        RAISE WARNING 'source "%" had stale_after %, which is now 1 day',
            changed.key, changed.stale_after
            USING HINT = 'Update stale_after if it was meant to be a number of days.';
    END LOOP;
END $$;
ALTER TABLE posture.source DROP CONSTRAINT source_stale_after_check,
    ADD CONSTRAINT "stale_after is 1 to 36500 days, written as '30 days'"
        CHECK (stale_after >= interval '1 day' AND stale_after <= interval '36500 days');

-- 0.2 accepted values that views can't compute with. Those of people are named by key.
UPDATE posture.exemption SET expires_at = NULL WHERE expires_at = 'infinity';
UPDATE posture.asset SET retired_at = NULL WHERE retired_at = 'infinity';
DO $$
DECLARE
    of_recommendation text := '(SELECT r.key FROM posture.recommendation r '
                              'WHERE r.recommendation_id = x.recommendation_id)';
    brought record;
    labels text[];
BEGIN
    FOR brought IN
        SELECT v.relation::regclass, v.label,
               string_agg(a.attname, ', ' ORDER BY a.attnum) AS names,
               string_agg(format(CASE WHEN a.atttypid = 'date'::regtype THEN
                   $f$CASE WHEN %1$I IS NOT NULL
                      THEN least(greatest(%1$I, '1900-01-01'), '9999-12-31') END$f$
                                      WHEN a.atttypid = 'timestamptz'::regtype THEN
                   $f$CASE WHEN %1$I IS NOT NULL
                      THEN least(greatest(%1$I, '1900-01-01 00:00Z'),
                                 '9999-12-31 23:59:59.999999Z') END$f$
                                      ELSE
                   $f$CASE WHEN %1$I > 0 THEN greatest(round(%1$I, 12), 1e-12)
                           ELSE %1$I::numeric END$f$
                                 END, a.attname), ', ' ORDER BY a.attnum) AS bounded
        FROM (VALUES ('posture.source', 'x.key', '{last_seen}'::name[]),
                     ('posture.asset', 'x.key', '{first_seen,last_seen,retired_at}'),
                     ('posture.asset_alias', 'x.alias', '{added_at}'),
                     ('posture.recommendation', 'x.key', '{due_on,max_points}'),
                     ('posture.metric', 'x.key', '{drop_threshold}'),
                     ('posture.initiative', 'x.key', '{target_on,drop_threshold}'),
                     ('posture.initiative_metric',
                      '(SELECT m.key FROM posture.metric m WHERE m.metric_id = x.metric_id)',
                      '{weight}'),
                     ('posture.importance_weight', 'x.importance::text', '{weight}'),
                     ('posture.benchmark', 'x.key', '{day}'),
                     ('posture.finding', of_recommendation, '{changed_at}'),
                     ('posture.measure', of_recommendation, '{achieved,possible,observed_at}'),
                     ('posture.exemption', of_recommendation, '{created_at,expires_at}'),
                     ('posture.event', 'x.event_id::text',
                      '{day,previous_day,acknowledged_at,recovered_on,reopened_at,weight}'),
                     ('posture.run', 'x.run_id::text', '{day,started_at,finished_at}'),
                     ('posture.snapshot', 'x.day::text', '{day,taken_at,ends_at}'),
                     ('posture.recommendation_snapshot', 'x.day::text', '{day,possible}'),
                     ('posture.metric_snapshot', 'x.day::text', '{day,exposed,assessed}'),
                     ('posture.initiative_snapshot', 'x.day::text', '{day}'),
                     ('posture.initiative_metric_snapshot', 'x.day::text', '{day,weight}'))
             v(relation, label, columns)
        JOIN pg_attribute a ON a.attrelid = v.relation::regclass AND a.attname = ANY (v.columns)
        GROUP BY v.relation, v.label
    LOOP
        EXECUTE format('WITH changed AS (
                            UPDATE %1$s x SET (%2$s) = ROW(%3$s)
                            WHERE (%2$s) IS DISTINCT FROM (%3$s) RETURNING %4$s AS label)
                        SELECT array_agg(DISTINCT label) FROM changed',
                       brought.relation, brought.names, brought.bounded, brought.label)
        INTO labels;
        IF cardinality(labels) > 0 THEN
            RAISE WARNING '% "%" had values that are out of range',
                split_part(brought.relation::text, '.', -1),
                array_to_string(labels[1:20], '", "')
                || CASE WHEN cardinality(labels) > 20
                        THEN format('" and %s more "', cardinality(labels) - 20) ELSE '' END
                USING DETAIL = format('Each of these columns has the nearest value that is '
                                      'accepted: %s.', brought.names);
        END IF;
    END LOOP;
    UPDATE posture.recommendation_snapshot SET achieved = possible WHERE achieved > possible;
END $$;
ALTER DOMAIN posture.points DROP CONSTRAINT points_range;
ALTER DOMAIN posture.points ADD CONSTRAINT "points are from 0 to 10^15 with at most 12 decimals"
    CHECK (VALUE >= 0 AND VALUE <= 1e15 AND VALUE = round(VALUE, 12));
ALTER DOMAIN posture.threshold DROP CONSTRAINT threshold_range;
ALTER DOMAIN posture.threshold
    ADD CONSTRAINT "a threshold is above 0, at most 100, with at most 12 decimals"
    CHECK (VALUE > 0 AND VALUE <= 100 AND VALUE = round(VALUE, 12));
ALTER DOMAIN posture.weight DROP CONSTRAINT weight_range;
ALTER DOMAIN posture.weight ADD CONSTRAINT "a weight is from 0 to 10^15 with at most 12 decimals"
    CHECK (VALUE >= 0 AND VALUE <= 1e15 AND VALUE = round(VALUE, 12));
ALTER TABLE posture.asset
    ADD CONSTRAINT "first_seen is in the years 1900 to 9999"
        CHECK (first_seen BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    ADD CONSTRAINT "last_seen is in the years 1900 to 9999"
        CHECK (last_seen BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    ADD CONSTRAINT "retired_at is in the years 1900 to 9999"
        CHECK (retired_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z');
ALTER TABLE posture.asset_alias
    ADD CONSTRAINT "added_at is in the years 1900 to 9999"
        CHECK (added_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z');
ALTER TABLE posture.source
    ADD CONSTRAINT "last_seen is in the years 1900 to 9999"
        CHECK (last_seen BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z');
ALTER TABLE posture.recommendation
    ADD CONSTRAINT "due_on is in the years 1900 to 9999"
        CHECK (due_on BETWEEN '1900-01-01' AND '9999-12-31');
ALTER TABLE posture.initiative
    ADD CONSTRAINT "target_on is in the years 1900 to 9999"
        CHECK (target_on BETWEEN '1900-01-01' AND '9999-12-31');
ALTER TABLE posture.benchmark
    ADD CONSTRAINT "day is in the years 1900 to 9999"
        CHECK (day BETWEEN '1900-01-01' AND '9999-12-31');
ALTER TABLE posture.finding DROP CONSTRAINT finding_changed_at_check,
    ADD CONSTRAINT "changed_at is in the years 1900 to 9999"
        CHECK (changed_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z');
ALTER TABLE posture.measure DROP CONSTRAINT measure_observed_at_check,
    ADD CONSTRAINT "observed_at is in the years 1900 to 9999"
        CHECK (observed_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z');
ALTER TABLE posture.exemption
    ADD CONSTRAINT "created_at is in the years 1900 to 9999"
        CHECK (created_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    ADD CONSTRAINT "expires_at is in the years 1900 to 9999"
        CHECK (expires_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z');
ALTER TABLE posture.snapshot
    ADD CONSTRAINT "day is in the years 1900 to 9999"
        CHECK (day BETWEEN '1900-01-01' AND '9999-12-31'),
    ADD CONSTRAINT "taken_at is in the years 1900 to 9999"
        CHECK (taken_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    ADD CONSTRAINT "ends_at is in the years 1900 to 9999"
        CHECK (ends_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z');
ALTER TABLE posture.recommendation_snapshot
    ADD CONSTRAINT "day is in the years 1900 to 9999"
        CHECK (day BETWEEN '1900-01-01' AND '9999-12-31'),
    ADD CONSTRAINT "exposed is not negative"
        CHECK (exposed >= 0),
    ADD CONSTRAINT "assessed is not negative"
        CHECK (assessed >= 0),
    ADD CONSTRAINT "achieved is from 0 to 10^15"
        CHECK (achieved >= 0 AND achieved <= 1e15),
    ADD CONSTRAINT "possible is from 0 to 10^15 with at most 12 decimals"
        CHECK (possible >= 0 AND possible <= 1e15 AND possible = round(possible, 12)),
    ADD CONSTRAINT "exposed is not more than assessed"
        CHECK (exposed <= assessed),
    ADD CONSTRAINT "achieved is not more than possible"
        CHECK (achieved <= possible);
ALTER TABLE posture.metric_snapshot
    ADD CONSTRAINT "day is in the years 1900 to 9999"
        CHECK (day BETWEEN '1900-01-01' AND '9999-12-31'),
    ADD CONSTRAINT "exposed is from 0 to 10^30 with at most 12 decimals"
        CHECK (exposed >= 0 AND exposed <= 1e30 AND exposed = round(exposed, 12)),
    ADD CONSTRAINT "assessed is from 0 to 10^30 with at most 12 decimals"
        CHECK (assessed >= 0 AND assessed <= 1e30 AND assessed = round(assessed, 12)),
    ADD CONSTRAINT "exposed is not more than assessed"
        CHECK (exposed <= assessed);
ALTER TABLE posture.initiative_snapshot
    ADD CONSTRAINT "day is in the years 1900 to 9999"
        CHECK (day BETWEEN '1900-01-01' AND '9999-12-31');
ALTER TABLE posture.initiative_metric_snapshot
    ADD CONSTRAINT "day is in the years 1900 to 9999"
        CHECK (day BETWEEN '1900-01-01' AND '9999-12-31'),
    ADD CONSTRAINT "weight is from 0 to 10^15 with at most 12 decimals"
        CHECK (weight >= 0 AND weight <= 1e15 AND weight = round(weight, 12));
ALTER TABLE posture.event
    ADD CONSTRAINT "day is in the years 1900 to 9999"
        CHECK (day BETWEEN '1900-01-01' AND '9999-12-31'),
    ADD CONSTRAINT "previous_day is in the years 1900 to 9999"
        CHECK (previous_day BETWEEN '1900-01-01' AND '9999-12-31'),
    ADD CONSTRAINT "drop is from 0 to 100"
        CHECK (drop >= 0 AND drop <= 100),
    ADD CONSTRAINT "weight is from 0 to 10^15 with at most 12 decimals"
        CHECK (weight >= 0 AND weight <= 1e15 AND weight = round(weight, 12)),
    ADD CONSTRAINT "acknowledged_at is in the years 1900 to 9999"
        CHECK (acknowledged_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    ADD CONSTRAINT "recovered_on is in the years 1900 to 9999"
        CHECK (recovered_on BETWEEN '1900-01-01' AND '9999-12-31'),
    ADD CONSTRAINT "reopened_at is in the years 1900 to 9999"
        CHECK (reopened_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z');
ALTER TABLE posture.event_cause
    ADD CONSTRAINT "points are from -10^100 to 10^100"
        CHECK (abs(points) <= 1e100),
    ADD CONSTRAINT "newly_exposed is not negative"
        CHECK (newly_exposed >= 0),
    ADD CONSTRAINT "only_this is not negative"
        CHECK (only_this >= 0);
ALTER TABLE posture.run
    ADD CONSTRAINT "day is in the years 1900 to 9999"
        CHECK (day BETWEEN '1900-01-01' AND '9999-12-31'),
    ADD CONSTRAINT "started_at is in the years 1900 to 9999"
        CHECK (started_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    ADD CONSTRAINT "finished_at is in the years 1900 to 9999"
        CHECK (finished_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z');

-- people enter the effort of a recommendation
--@ CREATE DOMAIN posture.hours
ALTER TABLE posture.recommendation ADD COLUMN effort_hours hours;
ALTER TYPE posture.plan_step ADD ATTRIBUTE hours numeric, ADD ATTRIBUTE total_hours numeric,
    ADD ATTRIBUTE bound numeric, ADD ATTRIBUTE shortfall numeric;

-- The formulas and plan() take numeric. Views of users keep the functions that they call.
ALTER FUNCTION posture.score_drop(score, score, text) RENAME TO drop_between;
ALTER FUNCTION posture.drop_between(score, score, text) SET SCHEMA posture_internal;
ALTER FUNCTION posture.is_drop(score, score, numeric, text) RENAME TO is_drop_between;
ALTER FUNCTION posture.is_drop_between(score, score, numeric, text) SET SCHEMA posture_internal;
ALTER FUNCTION posture.plan(text, score, text) RENAME TO plan_to;
ALTER FUNCTION posture.plan_to(text, score, text) SET SCHEMA posture_internal;
--@ CREATE FUNCTION posture_internal.weighted_number_accum
--@ CREATE FUNCTION posture_internal.weighted_number_accum_inv
--@ CREATE AGGREGATE posture.weighted_score(score numeric
--@ CREATE FUNCTION posture_internal.repeated_agg_accum
--@ CREATE FUNCTION posture_internal.repeated_agg_final
--@ CREATE AGGREGATE posture_internal.repeated_agg
--@ CREATE FUNCTION posture_internal.score_from_float4
--@ CREATE FUNCTION posture_internal.score_from_float8
--@ CREATE FUNCTION posture_internal.score_to_int4
--@ CREATE CAST (real AS score)
--@ CREATE CAST (double precision AS score)
--@ CREATE CAST (score AS integer)

-- Levels are rows of a table, row security is always on, and owners read through a fence.
DROP TRIGGER check_event ON posture.event;
DO $$
DECLARE
    policy record;
BEGIN
    FOR policy IN SELECT p.polname AS name, p.polrelid::regclass AS relation
                  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
                  WHERE c.relnamespace IN ('posture'::regnamespace,
                                           'posture_internal'::regnamespace)
    LOOP
        EXECUTE format('DROP POLICY %I ON %s', policy.name, policy.relation);
    END LOOP;
END $$;
DROP FUNCTION posture.grant_access(name, text), posture.access_rule(),
    posture_internal.set_row_security(), posture_internal.lock_access(),
    posture_internal.row_security_error(), posture_internal.granted_role(),
    posture_internal.check_event(), posture_internal.fold_next(timestamptz),
    posture_internal.owner_rows(text), posture_internal.owner_rows_of(oid, text),
    posture_internal.access_privilege(text), posture_internal.fold_status();
--@ CREATE FUNCTION posture_internal.caller
--@ CREATE FUNCTION posture_internal.planned_sees_all_support
--@ CREATE FUNCTION posture_internal.planned_sees_all
--@ CREATE FUNCTION posture_internal.policy_support
--@ CREATE FUNCTION posture_internal.policy_sees_all
--@ CREATE TABLE posture.access
--@ CREATE FUNCTION posture_internal.check_drop
--@ CREATE EVENT TRIGGER posture_check_drop

-- The history has what became known late, too. Until now findings themselves showed it: a row
-- of finding that is dated before its toggles replaces them when it is folded.
ALTER TABLE posture_internal.finding_delta
    ADD COLUMN unchanged assetset[] NOT NULL DEFAULT '{}',
    ALTER unchanged SET STORAGE EXTERNAL;
ALTER TABLE posture_internal.finding_history
    ADD COLUMN late_assessed assetset NOT NULL DEFAULT '{}',
    ADD COLUMN late_exposed assetset NOT NULL DEFAULT '{}';
-- verify() compares the history of days that are closed from now on
ALTER TABLE posture_internal.counted_slice
    ADD COLUMN built_at timestamptz NOT NULL DEFAULT now();
--@ CREATE FUNCTION posture_internal.redate_findings
SELECT redate_findings('-infinity');

-- History of an upgraded database began with its first snapshot.
--@ CREATE TABLE posture_internal.history_start
INSERT INTO posture_internal.history_start (day)
SELECT coalesce(min(day), posture.today()) FROM posture.snapshot;
--@ CREATE FUNCTION posture_internal.history_start_restore
--@ CREATE TRIGGER history_start_restore
--@ ALTER TABLE posture_internal.history_start
--@ CREATE TABLE posture_internal.forgotten_day
--@ CREATE FUNCTION posture_internal.snapshot_delete
--@ CREATE TRIGGER snapshot_delete

-- What a past day was made of. Days before the upgrade get the filters of metrics that counted on
-- them until now, those of today; and a weight is an initiative's own if it is not that of the
-- importance.
ALTER TABLE posture.snapshot ADD COLUMN inactive_sources integer[] NOT NULL DEFAULT '{}',
    ADD COLUMN inactive_recommendations integer[] NOT NULL DEFAULT '{}';
ALTER TABLE posture.metric_snapshot ADD COLUMN asset_kinds text[],
    ADD COLUMN criticality_weights integer[];
ALTER TABLE posture.initiative_snapshot ADD COLUMN switched_off integer[],
    ADD COLUMN chosen_method initiative_method;
ALTER TABLE posture.initiative_metric_snapshot ADD COLUMN is_own boolean NOT NULL DEFAULT false;
--@ CREATE TABLE posture_internal.measure_snapshot
--@ CREATE TABLE posture_internal.asset_history
UPDATE posture.snapshot s
SET inactive_recommendations = x.ids
FROM (SELECT m.day, array_agg(DISTINCT o.id) AS ids
      FROM posture.metric_snapshot m CROSS JOIN LATERAL unnest(m.switched_off) o(id)
      GROUP BY m.day) x
WHERE x.day = s.day;
UPDATE posture.metric_snapshot s
SET asset_kinds = m.asset_kinds, criticality_weights = m.criticality_weights
FROM posture.metric m
WHERE m.metric_id = s.metric_id AND num_nonnulls(m.asset_kinds, m.criticality_weights) > 0;
UPDATE posture.initiative_metric_snapshot s
SET is_own = true
FROM posture.metric_snapshot m LEFT JOIN posture.importance_weight w USING (importance)
WHERE m.day = s.day AND m.metric_id = s.metric_id AND w.weight IS DISTINCT FROM s.weight;
INSERT INTO posture_internal.measure_snapshot (day, recommendation_id, achieved, possible)
SELECT s.day, s.recommendation_id, s.achieved, s.possible
FROM posture.recommendation_snapshot s
WHERE s.is_measured AND NOT s.is_reported;

-- events end as superseded, too
ALTER TABLE posture.event DROP CONSTRAINT event_status_check;
ALTER TABLE posture.event ADD CONSTRAINT "status is open, acknowledged, recovered or superseded"
    CHECK (status IN ('open', 'acknowledged', 'recovered', 'superseded'));
ALTER TABLE posture.event ADD COLUMN superseded_on date, ADD COLUMN superseded_by text;
ALTER TABLE posture.event
    ADD CONSTRAINT "superseded_on is in the years 1900 to 9999"
        CHECK (superseded_on BETWEEN '1900-01-01' AND '9999-12-31');

-- Functions with other arguments or results than before. The view keeps its privileges.
CREATE OR REPLACE VIEW posture.day_report WITH (security_invoker = true) AS
SELECT NULL::date AS day, NULL::bigint AS initiatives, NULL::bigint AS metrics,
       NULL::bigint AS metric_drops, NULL::bigint AS initiative_drops,
       NULL::bigint AS new_initiatives, NULL::bigint AS recovered, NULL::bigint AS in_cooldown,
       NULL::text AS worst, NULL::numeric AS worst_drop, NULL::text AS summary;

-- a change is signed as the score moves
DROP FUNCTION posture.points_change(text, date, date);
DROP FUNCTION posture.change_report(text, date, date),
    posture_internal.change_part(integer, integer, date, date),
    posture_internal.step_sets(date, date, integer[], integer[], integer[], assetset, assetset),
    posture_internal.inactive_by_step(integer, assetset, assetset),
    posture_internal.member_sets(integer, integer, assetset, assetset, assetset, assetset,
                                 assetset, assetset, assetset, assetset);
UPDATE posture.event_cause SET points = -points WHERE points <> 0;

-- forget_source() removes the metrics and initiatives that a source's documents made
ALTER TABLE posture.metric ADD COLUMN loaded_source_id integer;
ALTER TABLE posture.initiative ADD COLUMN loaded_source_id integer;
-- what documents made before, by the keys that their formats give it
UPDATE posture.metric m
SET loaded_source_id = s.source_id
FROM posture.source s
JOIN posture.recommendation r ON r.source_id = s.source_id AND r.key LIKE 'control:%'
WHERE m.key = s.key || substr(r.key, 8) AND m.rule IS NULL;
UPDATE posture.initiative i
SET loaded_source_id = s.source_id
FROM posture.source s
WHERE s.key = i.key AND i.kind = 'secure score';
CREATE INDEX ON posture.exemption (asset_id);
CREATE INDEX ON posture.recommendation (key);
--@ CREATE INDEX rejected_rejected_at

-- the log of decisions begins with the upgrade
--@ CREATE TABLE posture.change_log
--@ CREATE INDEX change_log_object
--@ CREATE INDEX change_log_changed_at
--@ CREATE TABLE posture_internal.change_log_start
--@ CREATE FUNCTION posture_internal.is_restoring
--@ CREATE FUNCTION posture_internal.check_change_log
--@ CREATE TRIGGER check_change_log
--@ CREATE FUNCTION posture_internal.purge_change_log
--@ CREATE TRIGGER purge_change_log
CREATE TRIGGER skip_replicated BEFORE INSERT OR UPDATE OR DELETE
    ON posture_internal.change_log_start FOR EACH ROW
    WHEN (pg_trigger_depth() = 0 AND is_apply_worker()) EXECUTE FUNCTION skip_replicated();
ALTER TABLE posture_internal.change_log_start ENABLE REPLICA TRIGGER skip_replicated;
COMMENT ON TRIGGER skip_replicated ON posture_internal.change_log_start IS
    'skips replicated rows: each database derives its own';

-- An id far above the others would make sets of assets sparse, and one ahead of the sequence
-- would be an error of a later load. Dumps and replication keep the ids that they bring.
--@ CREATE FUNCTION posture_internal.is_time_zone
--@ CREATE DOMAIN posture.time_zone
ALTER TABLE posture.source ADD time_zone posture.time_zone;
--@ CREATE TYPE posture.reporting
ALTER TABLE posture.source ADD reports posture.reporting NOT NULL DEFAULT 'states';
ALTER TABLE posture.recommendation ADD reports posture.reporting;
ALTER TABLE posture.recommendation ADD is_manual boolean NOT NULL DEFAULT false;
ALTER TABLE posture.source ALTER source_id SET GENERATED ALWAYS;
ALTER TABLE posture.asset ALTER asset_id SET GENERATED ALWAYS;
ALTER TABLE posture.asset_group ALTER asset_group_id SET GENERATED ALWAYS;
ALTER TABLE posture.recommendation ALTER recommendation_id SET GENERATED ALWAYS;
ALTER TABLE posture.metric ALTER metric_id SET GENERATED ALWAYS;
ALTER TABLE posture.initiative ALTER initiative_id SET GENERATED ALWAYS;
ALTER TABLE posture.exemption ALTER exemption_id SET GENERATED ALWAYS;
ALTER TABLE posture.event ALTER event_id SET GENERATED ALWAYS;
ALTER TABLE posture.run ALTER run_id SET GENERATED ALWAYS;
ALTER TABLE posture_internal.verification ALTER verification_id SET GENERATED ALWAYS;

-- loaders deliver for their sources
--@ CREATE FUNCTION posture_internal.check_delivery
--@ CREATE TRIGGER check_delivery AFTER INSERT ON posture.inbox
--@ CREATE TRIGGER lock_rules BEFORE UPDATE OF key, product ON posture.source

-- owners read the views behind a fence
--@ CREATE FUNCTION posture_internal.fence_handler
--@ CREATE FOREIGN DATA WRAPPER posture_fence
--@ CREATE SERVER posture_fence

--@ CREATE FUNCTION posture_internal.announce_cascade()
--@ CREATE TRIGGER "CASCADE" AFTER DELETE ON posture.metric
--@ CREATE TRIGGER "CASCADE" AFTER DELETE ON posture.initiative
--@ CREATE TRIGGER "CASCADE" AFTER DELETE ON posture.recommendation
--@ CREATE TRIGGER "CASCADE" AFTER DELETE ON posture.asset_group

-- Sets are read chunk by chunk. The assessed assets of initiatives are counted, too, and all
-- without exemptions: the row lets fold() count everything again.
ALTER TABLE posture_internal.finding_set DROP CONSTRAINT finding_set_pkey,
    ADD PRIMARY KEY (chunk, recommendation_id);
ALTER TABLE posture_internal.object_count ADD COLUMN is_raw boolean DEFAULT false,
    ADD COLUMN population integer NOT NULL DEFAULT 0,
    ADD COLUMN unassessed integer NOT NULL DEFAULT 0,
    DROP CONSTRAINT object_count_pkey,
    ADD PRIMARY KEY (slice, object_kind, object_id, is_raw);
ALTER TABLE posture_internal.object_count ALTER population DROP DEFAULT,
    ALTER unassessed DROP DEFAULT;
INSERT INTO posture_internal.catalog_delta (changed) VALUES ('initiative');

-- a metric can be about a group of assets, whether they are assessed or not
ALTER TYPE posture.event_kind ADD VALUE 'coverage_drop';
ALTER TABLE posture.metric ADD COLUMN population_group_id integer REFERENCES posture.asset_group,
    ADD COLUMN unassessed text NOT NULL DEFAULT 'excluded'
        CONSTRAINT "unassessed is excluded, exposed or compliant"
        CHECK (unassessed IN ('excluded', 'exposed', 'compliant'));
CREATE INDEX ON posture.metric (population_group_id);
ALTER TABLE posture.snapshot ADD COLUMN retired assetset,
    ADD COLUMN scanner_recommendations integer[], ADD COLUMN scanners integer[];
ALTER TABLE posture.snapshot ALTER retired SET STORAGE EXTERNAL;
ALTER TABLE posture.metric_snapshot
    ADD COLUMN population numeric
        CONSTRAINT "population is from 0 to 10^30 with at most 12 decimals"
        CHECK (population >= 0 AND population <= 1e30 AND population = round(population, 12)),
    ADD COLUMN unassessed numeric
        CONSTRAINT "unassessed is from 0 to 10^30 with at most 12 decimals"
        CHECK (unassessed >= 0 AND unassessed <= 1e30 AND unassessed = round(unassessed, 12)),
    ADD COLUMN population_group_id integer, ADD COLUMN unassessed_as text,
    ADD COLUMN score_low score, ADD COLUMN score_high score,
    ADD CONSTRAINT "unassessed is not more than population" CHECK (unassessed <= population);
ALTER TABLE posture.initiative_snapshot ADD COLUMN score_low score, ADD COLUMN score_high score,
    ADD COLUMN exposed bigint, ADD COLUMN assessed bigint, ADD COLUMN population bigint,
    ADD COLUMN unassessed bigint;

-- what is counted, and by which rule
--@ CREATE TYPE posture_internal.recommendation_rule
--@ CREATE TYPE posture_internal.exemption_rule
--@ CREATE TYPE posture_internal.metric_rule
--@ CREATE TYPE posture_internal.initiative_rule
--@ CREATE TYPE posture_internal.counting_rule
--@ CREATE TYPE posture_internal.counted_object
--@ CREATE FUNCTION posture_internal.count_assets_accum
--@ CREATE FUNCTION posture_internal.count_assets_final
--@ CREATE AGGREGATE posture_internal.count_assets
--@ CREATE TYPE posture_internal.asset_rule
--@ CREATE TYPE posture_internal.counting_scope

-- A finding keeps the extents that report it, and load() says for which it was complete.
--@ CREATE TABLE posture.extent
--@ CREATE INDEX extent_keys
ALTER TABLE posture.finding ADD COLUMN extent_id integer;
CREATE INDEX finding_extent_id ON posture.finding (extent_id) WHERE extent_id IS NOT NULL;
DROP FUNCTION posture.load(text, jsonb, text, boolean), posture.load(text, xml, text, boolean),
    posture.load(text, text, text, boolean), posture.ingest(text, text), posture.assess_cluster();

-- Internal functions in SQL and PL/pgSQL, and the wrappers by which owners called them, are
-- created anew, whatever their arguments and results were. Until then, functions and views of 0.2
-- keep those that they call. One that something outside the extension uses stays what it is.
DO $$
DECLARE
    function record;
BEGIN
    FOR function IN
        WITH member AS (
            SELECT d.classid, d.objid
            FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
            WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
              AND e.extname = 'posture'
        )
        SELECT p.oid::regprocedure AS name, p.proname || '_0_2' AS new_name
        FROM member m
        JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
        JOIN pg_language l ON l.oid = p.prolang
        JOIN pg_roles o ON o.oid = p.proowner
        WHERE p.pronamespace = 'posture_internal'::regnamespace
          AND (l.lanname IN ('sql', 'plpgsql') OR p.prosrc = 'posture_owner') AND o.rolsuper
          AND NOT EXISTS (
              SELECT
              FROM pg_depend d
              LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
              LEFT JOIN member u ON (u.classid, u.objid) IN ((d.classid, d.objid),
                                                             ('pg_class'::regclass, r.ev_class))
              WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid
                AND coalesce(u.classid NOT IN ('pg_proc'::regclass, 'pg_class'::regclass), true))
    LOOP
        EXECUTE format('ALTER ROUTINE %s RENAME TO %I', function.name, function.new_name);
    END LOOP;
END $$;

--@ CREATE TYPE posture_internal.vulnerability
-- a result of a check is of a region and a provider, and its asset had another key
ALTER TYPE posture_internal.check_result ADD ATTRIBUTE finding_region text,
    ADD ATTRIBUTE former_asset text, ADD ATTRIBUTE provider text, ADD ATTRIBUTE extent text,
    ADD ATTRIBUTE vulnerabilities posture_internal.vulnerability[];
--@ CREATE TYPE posture_internal.asset_region
--@ CREATE TYPE posture_internal.vulnerability_scan

-- people attest manual controls
--@ CREATE TABLE posture.attestation
--@ CREATE INDEX attestation_latest
--@ CREATE INDEX attestation_asset_id

-- views read the sentences of events
ALTER TABLE posture.event ADD cause text;

--@ CREATE TABLE posture_internal.former_key
--@ CREATE TABLE posture_internal.delivery
CREATE TRIGGER skip_replicated BEFORE INSERT OR UPDATE OR DELETE
    ON posture_internal.delivery FOR EACH ROW
    WHEN (pg_trigger_depth() = 0 AND is_apply_worker()) EXECUTE FUNCTION skip_replicated();
ALTER TABLE posture_internal.delivery ENABLE REPLICA TRIGGER skip_replicated;
COMMENT ON TRIGGER skip_replicated ON posture_internal.delivery IS
    'skips replicated rows: each database derives its own';
--@ CREATE TABLE posture_internal.confirmation
--@ CREATE FUNCTION posture_internal.forget_confirmations()
--@ CREATE TRIGGER forget_confirmations
--@ CREATE TRIGGER forget_all_confirmations

-- inventories
--@ CREATE TYPE posture_internal.inventory_asset
--@ CREATE TABLE posture.asset_source
--@ CREATE INDEX ON posture.asset_source
--@ CREATE TABLE posture_internal.left_inventory
--@ CREATE TABLE posture.asset_inbox
ALTER TABLE posture.asset_inbox REPLICA IDENTITY FULL;
--@ CREATE TRIGGER check_delivery AFTER INSERT ON posture.asset_inbox

-- groups have rules, which also name owners, keys, aliases and sources
ALTER TABLE posture.asset_group ADD COLUMN rule jsonb
    CONSTRAINT "rule is a JSON object" CHECK (jsonb_typeof(rule) = 'object');
--@ CREATE FUNCTION posture_internal.check_group_rule
--@ CREATE TRIGGER check_rule BEFORE INSERT OR UPDATE OF rule ON posture.asset_group
--@ CREATE FUNCTION posture_internal.rule_agg_accum
--@ CREATE FUNCTION posture_internal.rule_agg_final
--@ CREATE AGGREGATE posture_internal.rule_agg
--@ CREATE FUNCTION posture_internal.capture_reference
--@ DO $reference$
--@ CREATE FUNCTION posture_internal.capture_groups
--@ CREATE TRIGGER capture_truncate AFTER TRUNCATE ON posture.asset_alias
--@ CREATE TRIGGER capture_truncate AFTER TRUNCATE ON posture.asset_source
--@ CREATE TRIGGER capture_key
DO $$
DECLARE
    capture record;
BEGIN
    FOR capture IN
        SELECT v.relation, v.field
        FROM (VALUES ('asset_source', 'source_id'), ('asset_alias', 'alias')) v(relation, field)
    LOOP
        EXECUTE format('CREATE TRIGGER capture_row AFTER INSERT OR UPDATE OR DELETE ON posture.%I '
                       'FOR EACH ROW WHEN (is_apply_worker()) '
                       'EXECUTE FUNCTION capture_reference(%L)', capture.relation, capture.field);
        EXECUTE format('COMMENT ON TRIGGER capture_row ON posture.%I IS %L', capture.relation,
                       'keeps the sets current where logical replication writes');
        EXECUTE format('ALTER TABLE posture.%I ENABLE REPLICA TRIGGER capture_row, '
                       'ENABLE ALWAYS TRIGGER capture_insert, '
                       'ENABLE ALWAYS TRIGGER capture_update, '
                       'ENABLE ALWAYS TRIGGER capture_delete, '
                       'ENABLE ALWAYS TRIGGER capture_truncate', capture.relation);
    END LOOP;
END $$;
ALTER TABLE posture.source ENABLE ALWAYS TRIGGER capture_key;
DO $$
DECLARE
    capture record;
BEGIN
    -- what counts by further columns, too
    FOR capture IN
        SELECT t.tgrelid::regclass AS relation, t.tgname AS name,
               replace(replace(pg_get_triggerdef(t.oid), c.old_columns, c.columns),
                       'CREATE TRIGGER', 'CREATE OR REPLACE TRIGGER') AS definition,
               CASE t.tgenabled WHEN 'A' THEN 'ALWAYS' ELSE 'REPLICA' END AS enabled
        FROM (VALUES ('posture.metric'::regclass, 'criticality_weights, is_active',
                      'criticality_weights, population_group_id, unassessed, is_active'),
                     ('posture.asset_group', 'min_criticality, tags',
                      'min_criticality, tags, rule')) c(relation, old_columns, columns)
        JOIN pg_trigger t ON t.tgrelid = c.relation
        WHERE t.tgfoid = 'posture_internal.capture_catalog()'::regprocedure AND t.tgnargs > 0
    LOOP
        EXECUTE capture.definition;
        EXECUTE format('ALTER TABLE %s ENABLE %s TRIGGER %I', capture.relation, capture.enabled,
                       capture.name);
    END LOOP;
END $$;

-- databases that have assets of their own
--@ CREATE TABLE posture.node
--@ CREATE TABLE posture_internal.place
--@ CREATE TABLE posture_internal.bucket
--@ CREATE TABLE posture_internal.catalog_push
--@ CREATE TABLE posture_internal.node_count
--@ CREATE TABLE posture_internal.alias_route
--@ CREATE TABLE posture_internal.routed
--@ CREATE TABLE posture_internal.handed_over
--@ CREATE TABLE posture_internal.asset_move
--@ CREATE TABLE posture_internal.kept_piece
--@ CREATE TYPE posture_internal.data_flag
--@ CREATE TYPE posture_internal.step_count
--@ CREATE TYPE posture_internal.known_day
--@ CREATE TYPE posture_internal.fold_count
--@ CREATE TYPE posture_internal.applied
--@ CREATE TYPE posture_internal.forgotten_count
--@ CREATE TYPE posture_internal.waiting_slice
--@ CREATE TYPE posture_internal.node_delivery
--@ CREATE TYPE posture_internal.known_name
--@ CREATE TYPE posture_internal.merged_asset
--@ CREATE TYPE posture_internal.node_result
--@ CREATE TYPE posture_internal.told_row
--@ CREATE TYPE posture_internal.known_move
--@ CREATE TYPE posture_internal.held_bucket
--@ CREATE TYPE posture_internal.moved_count
--@ CREATE TYPE posture_internal.moved_piece
--@ CREATE TYPE posture_internal.node_fact
--@ CREATE TYPE posture_internal.difference
--@ CREATE TYPE posture_internal.coverage_tally
--@ CREATE TYPE posture_internal.asset_list
--@ CREATE TYPE posture_internal.asset_label
--@ CREATE TYPE posture_internal.exemption_effect
--@ CREATE TYPE posture_internal.metric_share
--@ CREATE TYPE posture_internal.dated_count
--@ CREATE TYPE posture_internal.object_tally
--@ CREATE TYPE posture_internal.change_time
--@ CREATE TYPE posture_internal.plan_asset
--@ CREATE TYPE posture_internal.accepted_tally
--@ CREATE TYPE posture_internal.assignee_tally
--@ CREATE TYPE posture_internal.asset_id_of_key
--@ CREATE TYPE posture_internal.past_count
--@ CREATE FUNCTION posture_internal.replan_nodes
--@ CREATE TRIGGER replan
--@ CREATE FUNCTION posture_internal.log_move
--@ CREATE TRIGGER log_move
--@ CREATE FUNCTION posture_internal.flush_at_commit
--@ CREATE CONSTRAINT TRIGGER flush_at_commit
--@ CREATE FUNCTION posture_internal.has_nodes
--@ CREATE FUNCTION posture_internal.route_row
--@ CREATE TRIGGER route_row BEFORE INSERT ON posture.exemption
--@ CREATE TRIGGER route_row BEFORE INSERT ON posture.asset_alias

--@ code
--@ DO $push$
--@ DO $refuse$
--@ part access/row_security
--@ part access/view_fence
--@ part access/function_fence

--@ DO $log_change$

-- Roles get the levels that their privileges say they had, and the privileges of this version.
-- A privilege that only one level has shows who was granted the level.
DO $$
DECLARE
    had record;
BEGIN
    FOR had IN
        WITH granted AS (
            SELECT r.rolname AS role, r.oid, l.level
            FROM (VALUES ('posture_internal.finding_set'::regclass, NULL, 'SELECT', 'reader'),
                         ('posture.snapshot', 'day', 'SELECT', 'owner'),
                         ('posture.asset_alias', NULL, 'INSERT', 'loader'),
                         ('posture.snapshot', NULL, 'INSERT', 'operator'))
                     l(relation, attribute, privilege, level)
            JOIN pg_class c ON c.oid = l.relation
            LEFT JOIN pg_attribute a ON a.attrelid = l.relation AND a.attname = l.attribute
            CROSS JOIN LATERAL aclexplode(CASE WHEN l.attribute IS NULL THEN c.relacl
                                               ELSE a.attacl END) x
            JOIN pg_roles r ON r.oid = x.grantee
            WHERE x.privilege_type = l.privilege AND x.grantee <> c.relowner
              AND NOT pg_has_role(r.oid, (SELECT e.extowner FROM pg_extension e
                                          WHERE e.extname = 'posture'), 'USAGE')
        )
        SELECT g.role, CASE g.level WHEN 'loader' THEN 'curator' ELSE g.level END AS level,
               NULL AS source
        FROM granted g
        -- all of them read
        WHERE g.level <> 'reader'
           OR NOT EXISTS (SELECT FROM granted h
                          WHERE h.role = g.role AND h.level IN ('loader', 'operator'))
        UNION
        SELECT g.role, 'loader', s.key::text
        FROM granted g CROSS JOIN posture.source s
        WHERE g.level = 'loader'
        UNION
        -- an owner that others are members of needs the level itself
        SELECT r.rolname, 'owner', NULL
        FROM (SELECT i.owner FROM posture.initiative i
              UNION
              SELECT p.owner FROM posture.asset_group p) o
        JOIN pg_roles r ON r.rolname = o.owner
        JOIN granted g ON g.level = 'owner' AND pg_has_role(g.oid, r.oid, 'USAGE')
        ORDER BY 1, 2, 3
    LOOP
        IF NOT EXISTS (SELECT FROM posture.access a WHERE a.role = had.role) THEN
            EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA posture, posture_internal FROM %I',
                           had.role);
        END IF;
        PERFORM posture.grant_access(had.role, had.level, had.source);
        IF had.level = 'curator' THEN
            RAISE WARNING 'role "%" had level loader, and is a loader of each source that there is, and a curator',
                had.role
                USING HINT = format('Where it only delivers: SELECT posture.revoke_access(%L), and '
                                    'posture.grant_access(%1$L, ''loader'', source) for each '
                                    'of its sources.', had.role);
        END IF;
    END LOOP;
END $$;

-- Keys of 0.2 are replaced when a document says what they are (source/load_former.sql). A kind has
-- one spelling, in what people chose, too.
INSERT INTO posture_internal.former_key (asset_id)
SELECT a.asset_id FROM posture.asset a
WHERE a.retired_at IS NULL AND NOT posture_internal.is_global_id(a.key)
  AND EXISTS (SELECT FROM posture.finding f WHERE f.asset_id = a.asset_id);
UPDATE posture.asset SET kind = posture_internal.resource_kind(kind) WHERE kind ~ '^aws[: ]';
UPDATE posture.metric m
SET asset_kinds = ARRAY(SELECT DISTINCT CASE WHEN k ~ '^aws[: ]'
                                             THEN posture_internal.resource_kind(k) ELSE k END
                        FROM unnest(m.asset_kinds) k)
WHERE EXISTS (SELECT FROM unnest(m.asset_kinds) k WHERE k ~ '^aws[: ]');
UPDATE posture.asset_group g
SET kinds = ARRAY(SELECT DISTINCT CASE WHEN k ~ '^aws[: ]'
                                       THEN posture_internal.resource_kind(k) ELSE k END
                  FROM unnest(g.kinds) k)
WHERE EXISTS (SELECT FROM unnest(g.kinds) k WHERE k ~ '^aws[: ]');
-- the source code of a control, which the converter of MITRE SAF reports as a resource
SELECT posture_internal.end_assets(
    ARRAY(SELECT a.asset_id FROM posture.asset a
          WHERE a.kind = 'awsiamrole' AND a.key LIKE '% Validation Code'),
    ARRAY(SELECT s.key::text FROM posture.source s));

DO $$
BEGIN
    EXECUTE (SELECT 'DROP ROUTINE ' || string_agg(p.oid::regprocedure::text, ', ')
             FROM pg_proc p
             WHERE p.pronamespace = 'posture_internal'::regnamespace AND p.proname LIKE '%\_0\_2');
END $$;
SELECT posture_internal.check_by_statement();
UPDATE posture.event e SET cause = posture_internal.event_sentence(e)
WHERE e.kind <> 'new_initiative';

DROP FUNCTION posture_internal.plan_order(
    integer[], integer[], double precision[], double precision[], assetset[]);
