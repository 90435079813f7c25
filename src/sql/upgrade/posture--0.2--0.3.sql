/*
 * From 0.2 to 0.3, completed by upgrade.awk: definitions stand in the parts
 * alone. It runs as the install script does, as the bootstrap superuser for the
 * role that owns the extension.
 */
-- complain if the script is sourced in psql rather than by ALTER EXTENSION
\echo Use "ALTER EXTENSION posture UPDATE" to load this file. \quit
SET LOCAL search_path TO pg_catalog, posture, posture_internal, pg_temp;

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

--@ code
