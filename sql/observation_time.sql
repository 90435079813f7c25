-- Times of observations: clocks that are ahead, and times without a zone.
-- tests: finding/inbox, source/json, catalog/source
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set ECHO none
SET client_min_messages = warning;
-- what the clock of another zone shows now, and so many minutes later
CREATE FUNCTION pg_temp.clock(zone text, minutes integer DEFAULT 0) RETURNS text LANGUAGE sql
RETURN to_char((clock_timestamp() + make_interval(mins => minutes)) AT TIME ZONE zone, 'YYYY-MM-DD"T"HH24:MI:SS');
CREATE FUNCTION pg_temp.scan(at text) RETURNS xml LANGUAGE sql
RETURN format('<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2" end-time="%s"><target>web1</target>'
              '<rule-result idref="r1"><result>fail</result></rule-result></TestResult>', at)::xml;
CREATE FUNCTION pg_temp.finding(times jsonb) RETURNS jsonb LANGUAGE sql
RETURN '{"class_uid": 2003, "metadata": {"product": {"name": "Checker"}}, 
         "resources": [{"uid": "web2"}],
         "compliance": {"status_id": 3, "control": "c1"}}'::jsonb || times;
-- how far from now the finding of an asset changed, in minutes
CREATE FUNCTION pg_temp.minutes(of_asset text) RETURNS numeric LANGUAGE sql
RETURN (SELECT round(extract(epoch FROM f.changed_at - clock_timestamp()) / 60)
        FROM finding f JOIN asset a USING (asset_id) WHERE a.key = of_asset);
INSERT INTO source (key, name) VALUES ('scanner', 'Scanner');
\set ECHO all

-- a clock that is a little ahead: the observation is of now
INSERT INTO inbox VALUES ('scanner', 'r', 'a', 'non_compliant', clock_timestamp() + interval '4 minutes'),
                         ('scanner', 'r', 'b', 'non_compliant', clock_timestamp() + interval '6 minutes');
SELECT loaded, rejected FROM ingest();
SELECT pg_temp.minutes('a'), (SELECT max(changed_at) <= clock_timestamp() FROM finding) AS past;
SELECT asset, left(reason, 28) AS reason FROM rejected;
-- the next observation of it counts
INSERT INTO inbox VALUES ('scanner', 'r', 'a', 'compliant', NULL);
SELECT changed FROM ingest();
SET posture.clock_tolerance = 0;
INSERT INTO inbox VALUES ('scanner', 'r', 'c', 'compliant', clock_timestamp() + interval '10 seconds');
SELECT loaded, rejected FROM ingest();
SET posture.clock_tolerance = '10min';
INSERT INTO inbox VALUES ('scanner', 'r', 'c', 'compliant', clock_timestamp() + interval '9 minutes');
SELECT loaded, rejected FROM ingest();
RESET posture.clock_tolerance;
SET posture.clock_tolerance = '2d';
-- the same for documents
SELECT load('ocsf', pg_temp.finding(jsonb_build_object('time_dt', pg_temp.clock('UTC', 3) || 'Z')));
SELECT load('ocsf', pg_temp.finding(jsonb_build_object('time_dt', pg_temp.clock('UTC', 9) || 'Z')));
SELECT load('graph-secure-scores', jsonb_build_object('createdDateTime', pg_temp.clock('UTC', 3)
    || 'Z', 'currentScore', 1, 'maxScore', 2,
                                                      'controlScores', '[{"controlName": "c",
                                                          "score": 1,
                                                          "scoreInPercentage": 50}]'::jsonb));
SELECT bool_and(observed_at <= clock_timestamp()) AS past FROM measure;

-- a time without a zone that is ahead by hours is of a zone further east: it is of now
TRUNCATE rejected;
SELECT load('xccdf', pg_temp.scan(pg_temp.clock('Asia/Tokyo')));
SELECT pg_temp.minutes('web1');
SELECT load('ocsf', pg_temp.finding(jsonb_build_object('time_dt', pg_temp.clock('Asia/Tokyo'))));
SELECT pg_temp.minutes('web2');
-- with a zone, or by more than zones are apart, it is wrong
SELECT load('xccdf', pg_temp.scan(pg_temp.clock('Asia/Tokyo') || 'Z'));
SELECT load('xccdf', pg_temp.scan(pg_temp.clock('UTC', 27 * 60)));
SELECT count(*) FROM rejected WHERE reason LIKE '%in the future%';

-- the zone of a source says which time it is
UPDATE source SET time_zone = 'Asia/Tokyo' WHERE key IN ('xccdf', 'checker');
DELETE FROM finding;
SELECT load('xccdf', pg_temp.scan(pg_temp.clock('Asia/Tokyo', -120)));
SELECT pg_temp.minutes('web1');
SELECT load('ocsf', pg_temp.finding(jsonb_build_object('time_dt', pg_temp.clock('Asia/Tokyo', -120))));
SELECT pg_temp.minutes('web2');
-- also west of the server, and of the source that the caller names
INSERT INTO source (key, name, time_zone) VALUES ('west', 'West', 'America/Phoenix');
DELETE FROM finding;
SELECT load('xccdf', pg_temp.scan(pg_temp.clock('America/Phoenix', -60)), 'west');
SELECT pg_temp.minutes('web1');
-- then nothing has to be guessed: what is ahead is wrong
SELECT load('xccdf', pg_temp.scan(pg_temp.clock('America/Phoenix', 60)), 'west');
-- times that are no observations are not changed
SELECT parse_time('2999-01-01'), parse_time(pg_temp.clock('UTC', 120)) > clock_timestamp() AS is_ahead;

-- the zone of a source is checked, exported and loaded
UPDATE source SET time_zone = 'Asia/Tokio' WHERE key = 'west';
SELECT load('posture', '{"type": "source", "key": "west", "time_zone": "Asia/Tokio"}');
SELECT reason FROM rejected WHERE reason LIKE '%Tokio%';
SELECT e.object ->> 'time_zone' AS zone FROM export('{source}') e(object) WHERE e.object ->> 'key' = 'west';
SELECT load('posture', '{"type": "source", "key": "west", "time_zone": "Europe/Berlin"}');
SELECT time_zone FROM source WHERE key = 'west';

DISCARD TEMP;
DROP EXTENSION posture;
