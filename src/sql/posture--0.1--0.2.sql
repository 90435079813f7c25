/*
 * From 0.1 to 0.2. Made complete by src/sql/upgrade.awk: definitions stand in
 * the parts alone. It runs as whoever may install, with the rights of the
 * bootstrap superuser, as the install script does.
 */
-- complain if the script is sourced in psql rather than by ALTER EXTENSION
\echo Use "ALTER EXTENSION posture UPDATE" to load this file. \quit
SET LOCAL search_path TO pg_catalog, pg_temp;

ALTER TABLE posture.source ADD COLUMN last_seen timestamptz;
ALTER TABLE posture.snapshot ADD COLUMN ends_at timestamptz;

-- what is no longer taken, where it was
UPDATE posture.source SET stale_after = '36500 days' WHERE stale_after > '36500 days';
ALTER TABLE posture.source DROP CONSTRAINT source_stale_after_check;
ALTER TABLE posture.source ADD CHECK (stale_after > '0' AND stale_after <= '36500 days');
UPDATE posture.asset SET kind = pg_catalog.left(kind, 256) WHERE pg_catalog.octet_length(kind) > 1024;
ALTER TABLE posture.asset ADD CONSTRAINT asset_kind_length CHECK (pg_catalog.octet_length(kind) <= 1024);

--@ CREATE TABLE posture.verification
--@ CREATE TYPE posture.status_item
--@ CREATE FUNCTION posture.score_from_int2
--@ CREATE FUNCTION posture.score_from_int8
--@ CREATE CAST (smallint AS posture.score)
--@ CREATE CAST (bigint AS posture.score)

--@ code
--@ DO 47_replica.sql

-- as far as is known now: who has been heard of is silent only from then on
UPDATE posture.snapshot SET ends_at = posture.day_end(day);
UPDATE posture.source s
SET last_seen = k.seen_at
FROM (SELECT r.source_id, pg_catalog.max(o.seen_at) AS seen_at
      FROM (SELECT f.recommendation_id, pg_catalog.max(a.last_seen) AS seen_at
            FROM posture.finding f JOIN posture.asset a ON a.asset_id = f.asset_id
            GROUP BY f.recommendation_id
            UNION ALL
            SELECT m.recommendation_id, pg_catalog.max(m.observed_at) FROM posture.measure m GROUP BY m.recommendation_id) o
      JOIN posture.recommendation r ON r.recommendation_id = o.recommendation_id
      GROUP BY r.source_id) k
WHERE k.source_id = s.source_id;

-- 0.1 did not, where another role had installed it before
DO $$
BEGIN
    IF NOT pg_catalog.has_schema_privilege('@extowner@'::pg_catalog.regrole, 'posture', 'USAGE') THEN
        GRANT USAGE ON SCHEMA posture TO @extowner@ WITH GRANT OPTION;
    END IF;
END $$;

-- whoever may read or write what the job did, the same for what verify() found
DO $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT r.rolname, pg_catalog.string_agg(x.privilege_type, ', ') AS privileges
        FROM pg_catalog.pg_class c
        CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) x
        JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
        WHERE c.oid = 'posture.run'::pg_catalog.regclass
          AND x.grantee NOT IN (c.relowner, (SELECT e.extowner FROM pg_catalog.pg_extension e WHERE e.extname = 'posture'))
        GROUP BY r.rolname
    LOOP
        EXECUTE pg_catalog.format('GRANT %s ON posture.verification TO %I', granted.privileges, granted.rolname);
    END LOOP;
    -- columns that are new, and policies
    PERFORM posture.grant_access(g.role, text 'owner') FROM posture.granted_role() g WHERE NOT g.sees_all;
END $$;
