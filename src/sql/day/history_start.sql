/*
 * Where history begins, and which of its days were forgotten. run_daily() takes
 * the snapshots of all other days. History begins on the day of installation, so
 * that findings with old dates do not give scores to days that nobody observed.
 * backfill() moves the beginning back.
 */

CREATE TABLE posture_internal.history_start (
    is_only_row boolean PRIMARY KEY DEFAULT true
        CONSTRAINT "history has one beginning" CHECK (is_only_row),
    day date NOT NULL
        CONSTRAINT "day is in the years 1900 to 9999"
        CHECK (day BETWEEN '1900-01-01' AND '9999-12-31')
);
COMMENT ON TABLE posture_internal.history_start IS
    'one row: the beginning of history, which is the day of installation unless backfill() moved '
    'it back';
COMMENT ON COLUMN posture_internal.history_start.is_only_row IS 'true';
COMMENT ON COLUMN posture_internal.history_start.day IS
    'first day that run_daily() takes a snapshot of';

INSERT INTO posture_internal.history_start (day) VALUES (posture.today());

-- A dump contains this row, and CREATE EXTENSION inserts it as well. So the day of
-- installation survives a restore.
CREATE FUNCTION posture_internal.history_start_restore() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    DELETE FROM history_start;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION posture_internal.history_start_restore() IS
    'lets the row of a dump replace the row that CREATE EXTENSION inserted';
REVOKE EXECUTE ON FUNCTION posture_internal.history_start_restore() FROM PUBLIC;
CREATE TRIGGER history_start_restore BEFORE INSERT ON posture_internal.history_start
    FOR EACH ROW EXECUTE FUNCTION history_start_restore();
-- A restore that sets session_replication_role to replica fires only such triggers.
ALTER TABLE posture_internal.history_start ENABLE ALWAYS TRIGGER history_start_restore;
COMMENT ON TRIGGER history_start_restore ON posture_internal.history_start IS
    'lets the row of a dump replace the row that CREATE EXTENSION inserted';

CREATE TABLE posture_internal.forgotten_day (
    day date PRIMARY KEY
);
COMMENT ON TABLE posture_internal.forgotten_day IS
    'days that forget_day() removed; run_daily() does not take them again';
COMMENT ON COLUMN posture_internal.forgotten_day.day IS 'day that has ended';

CREATE FUNCTION posture_internal.oldest_kept_day() RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN today() - setting('retention_days')::integer;
COMMENT ON FUNCTION posture_internal.oldest_kept_day() IS
    'returns the oldest day that retention keeps';

CREATE FUNCTION posture_internal.nearest_days_hint(days date[], of_day date, no_day text)
    RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN count(*) = 0 THEN no_day
                WHEN of_day IS NULL THEN format('The latest day is %s.', max(d.day))
                ELSE format(CASE WHEN of_day < max(d.day) AND of_day > min(d.day)
                                 THEN 'The nearest days are %s.' ELSE 'The nearest day is %s.' END,
                            concat_ws(' and ', max(d.day) FILTER (WHERE d.day < of_day),
                                               min(d.day) FILTER (WHERE d.day > of_day))) END
    FROM unnest(days) d(day);
END;
COMMENT ON FUNCTION posture_internal.nearest_days_hint(date[], date, text) IS
    'returns the hint of the error that a day has no snapshot: the nearest of the days that have '
    'one, or no_day if there is none';
