# Times of documents that name no time zone: XCCDF's are local times of posture.timezone,
# which names a zone also where its name is an abbreviation such as CET; those of all other
# formats are UTC, whatever the zone of the session is.
# tests: source/json, source/xccdf, source/load, source/native, day/day_boundary, day.c

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('document_zone');
$node->safe_psql('postgres', 'CREATE EXTENSION posture');
my $ask = sub { $node->safe_psql('postgres', "SET client_min_messages = warning;\n" . shift) };

my $result = sub {
	my ($time) = @_;
	return qq{'<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2" id="t"><target>h</target>
		<rule-result idref="r" time="$time"><result>pass</result></rule-result></TestResult>'};
};
for my $case (
	[ 'CET', '2026-07-01T12:00:00', '2026-07-01 10:00:00+00' ],
	[ 'CET', '2026-01-01T12:00:00', '2026-01-01 11:00:00+00' ],
	[ 'cet', '2026-07-01T12:00:00', '2026-07-01 10:00:00+00' ],
	[ 'MET', '2026-07-01T12:00:00', '2026-07-01 10:00:00+00' ],
	[ 'EET', '2026-07-01T12:00:00', '2026-07-01 09:00:00+00' ],
	[ 'WET', '2026-07-01T12:00:00', '2026-07-01 11:00:00+00' ],
	[ 'EST5EDT', '2026-07-01T12:00:00', '2026-07-01 16:00:00+00' ],
	[ '<far>-3', '2026-07-01T12:00:00', '2026-07-01 09:00:00+00' ],
	[ 'CET', '2026-07-01T12:00:00Z', '2026-07-01 12:00:00+00' ],
	[ 'CET', '2026-07-01T12:00:00+05:00', '2026-07-01 07:00:00+00' ])
{
	my ($zone, $time, $moment) = @$case;
	is($ask->(<<"SQL"), $moment, "xccdf: $time in $zone");
SET posture.timezone = '$zone'; SET timezone = 'UTC';
SELECT observed_at FROM posture_internal.xccdf_item(@{[ $result->($time) ]}, NULL)
WHERE type = 'finding'
SQL
}

# the clock of the zone shows the time that was read; names of zones that are
# abbreviations are among them
is($ask->(<<'SQL'), '0|t', 'in every zone a time is read as its clock shows it');
CREATE FUNCTION pg_temp.wrong() RETURNS TABLE (zone text, at timestamp, back text)
    LANGUAGE plpgsql AS $$
DECLARE
    zone text;
BEGIN
    FOR zone IN SELECT n.name FROM pg_timezone_names n WHERE n.name !~ '^(posix|right)/' LOOP
        PERFORM set_config('posture.timezone', zone, false);
        RETURN QUERY
        SELECT zone, t, posture_internal.minute_of(posture_internal.zone_time(t, zone))
        FROM generate_series(timestamp '2025-01-15 12:00', '2026-12-15', interval '1 month') t
        WHERE posture_internal.minute_of(posture_internal.zone_time(t, zone))
              <> to_char(t, 'YYYY-MM-DD HH24:MI');
    END LOOP;
END $$;
SELECT count(*), (SELECT count(*) > 5 FROM pg_timezone_names n
                  JOIN pg_timezone_abbrevs a ON upper(n.name) = a.abbrev)
FROM pg_temp.wrong()
SQL
# elsewhere as AT TIME ZONE reads it, also where the clock skips or repeats it
is($ask->(<<'SQL'), '0', 'a time that a clock skips or shows twice is read as AT TIME ZONE does');
SELECT count(*)
FROM unnest('{Europe/Berlin,America/New_York,Australia/Lord_Howe,Asia/Kathmandu}'::text[]) zone,
     generate_series(timestamp '2026-01-01', '2026-12-31', interval '15 minutes') t
WHERE posture_internal.zone_time(t, zone) <> t AT TIME ZONE zone
SQL

# formats in JSON
my $documents = <<'SQL';
SELECT FROM posture.load('posture', $$[
    {"type": "source", "key": "s"}, {"type": "recommendation", "source": "s", "key": "r"},
    {"type": "finding", "source": "s", "recommendation": "r", "asset": "a",
     "state": "compliant", "observed_at": "2026-07-01 12:00:00"},
    {"type": "measure", "source": "s", "recommendation": "r", "achieved": 1, "possible": 2,
     "observed_at": "2026-07-01 12:00:00"},
    {"type": "exemption", "source": "s", "recommendation": "r", "kind": "waived", "reason": "x",
     "created_at": "2026-07-01 12:00:00", "expires_at": "2026-07-02 12:00:00"},
    {"type": "asset", "key": "b", "retired_at": "2026-07-01 12:00:00"}]$$::jsonb);
SELECT FROM posture.load('ocsf', $$[{"class_uid": 2003, "time_dt": "2026-07-01T12:00:00",
    "finding_info": {"uid": "u"}, "compliance": {"control": "c", "status": "Pass"},
    "metadata": {"product": {"name": "p"}}, "resources": [{"uid": "a"}]}]$$::jsonb);
SELECT DISTINCT extract(epoch FROM t) FROM (
    SELECT changed_at FROM posture.finding UNION SELECT observed_at FROM posture.measure
    UNION SELECT created_at FROM posture.exemption
    UNION SELECT expires_at - interval '1 day' FROM posture.exemption
    UNION SELECT retired_at FROM posture.asset WHERE retired_at IS NOT NULL) x(t);
ROLLBACK;
SQL
for my $zone ('UTC', 'Asia/Kathmandu', 'CET')
{
	is($ask->("BEGIN; SET timezone = '$zone'; SET posture.timezone = '$zone';\n$documents"),
		'1782907200.000000', "JSON: a time without a zone is UTC in a session in $zone");
}

$node->stop;
done_testing();
