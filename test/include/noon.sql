\set ECHO none
-- Sets posture.timezone to a zone where it is about noon, so that no day ends while the test
-- runs.
SELECT set_config('posture.timezone',
                  'Etc/GMT' || to_char(extract(hour FROM now() AT TIME ZONE 'UTC') - 12, 'FMSG99'),
                  false) AS noon \gset
\set ECHO all
