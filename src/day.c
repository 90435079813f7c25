/*
 * day.c: days in the time zone of posture.timezone.
 *
 * AT TIME ZONE would read a text like CET as an abbreviation, which is an
 * offset without summer time. The setting names a zone, so these functions look
 * it up as a zone, also for the times of documents.
 */
#include "day.h"

#include "datatype/timestamp.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(posture_day_of);
PG_FUNCTION_INFO_V1(posture_day_end);
PG_FUNCTION_INFO_V1(posture_minute_of);
PG_FUNCTION_INFO_V1(posture_is_time_zone);
PG_FUNCTION_INFO_V1(posture_zone_time);

/* from PostgreSQL's epoch, which dates count from, to Unix's, in days */
#define EPOCH_DAYS (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)

/*
 * Returns the zone of posture.timezone, or log_timezone where that is empty.
 * The check hook of the setting accepts existing zones only.
 */
pg_tz *
day_zone(void)
{
	pg_tz	   *zone = *posture_timezone == '\0' ? log_timezone : pg_tzset(posture_timezone);

	if (zone == NULL)
		elog(ERROR, "time zone \"%s\" not recognized", posture_timezone);
	return zone;
}

static void
report_day_out_of_range(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			 errmsg("day is out of range")));
}

/*
 * Returns the first moment at which the clock of a zone shows a later day than
 * this one, as a timestamp that may be outside the range of the type. Error:
 * 22008.
 *
 * Clocks may skip midnight, or be set back over it so that it comes twice. So
 * the moment is searched for in each period between two changes of the clock,
 * from a week before midnight UTC on: no zone is that far from UTC, not even a
 * user-defined one.
 */
static int64
end_of_day(DateADT day, pg_tz *zone)
{
	pg_time_t	midnight = ((pg_time_t) day + 1 + EPOCH_DAYS) * SECS_PER_DAY;
	pg_time_t	from = midnight - 7 * SECS_PER_DAY;
	pg_time_t	until;
	pg_time_t	found;
	long		offset;
	long		next_offset;
	int			is_dst;
	int			changes;

	for (;;)
	{
		changes = pg_next_dst_boundary(&from, &offset, &is_dst, &until, &next_offset, &is_dst,
									   zone);
		if (changes < 0)
			report_day_out_of_range();
		found = Max(midnight - offset, from);
		if (changes == 0 || found < until)
			break;
		from = until;
	}
	return (found - EPOCH_DAYS * SECS_PER_DAY) * USECS_PER_SEC;
}

/*
 * Returns the day of a finite moment: the date that the clock shows. If the
 * clock is set back to the day before, the day that has begun continues. Error:
 * 22008.
 *
 * The last day found is cached, because consecutive calls mostly ask for the
 * same day.
 */
DateADT
day_of(TimestampTz at, pg_tz *zone)
{
	static pg_tz *cached_zone = NULL;
	static DateADT cached_day;
	static TimestampTz cached_from; /* earliest moment known to be in it */
	static TimestampTz cached_end;
	struct pg_tm local;
	fsec_t		fraction;
	int			offset;
	DateADT		day;
	int64		end;

	if (zone == cached_zone && at >= cached_from && at < cached_end)
		return cached_day;
	if (timestamp2tm(at, &offset, &local, &fraction, NULL, zone) != 0)
		report_day_out_of_range();
	day = date2j(local.tm_year, local.tm_mon, local.tm_mday) - POSTGRES_EPOCH_JDATE;
	/* west of Greenwich, the first moments are on a day before the first date */
	day = Max(day, DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE);
	while ((end = end_of_day(day, zone)) <= at)
		day++;
	cached_from = zone == cached_zone && end == cached_end ? Min(at, cached_from) : at;
	cached_zone = zone;
	cached_day = day;
	cached_end = end;
	return day;
}

/*
 * Returns the moment at which a finite day ends and the next one begins. A day
 * that the clock skipped ends when it begins. Error: 22008.
 */
TimestampTz
day_end(DateADT day, pg_tz *zone)
{
	TimestampTz end;

	if (!IS_VALID_DATE(day) || day >= TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
		report_day_out_of_range();
	end = end_of_day(day, zone);
	if (!IS_VALID_TIMESTAMP(end))
		report_day_out_of_range();
	return end;
}

/*
 * day_of(at timestamptz) returns date: the day of a moment; infinity for
 * infinity, -infinity for -infinity, NULL for NULL. Error: 22008.
 */
Datum
posture_day_of(PG_FUNCTION_ARGS)
{
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(0);

	if (TIMESTAMP_IS_NOBEGIN(at))
		PG_RETURN_DATEADT(DATEVAL_NOBEGIN);
	if (TIMESTAMP_IS_NOEND(at))
		PG_RETURN_DATEADT(DATEVAL_NOEND);
	PG_RETURN_DATEADT(day_of(at, day_zone()));
}

/*
 * day_end(day date) returns timestamptz: the moment at which a day ends and the
 * next one begins; infinity for infinity, -infinity for -infinity, NULL for
 * NULL. Error: 22008.
 */
Datum
posture_day_end(PG_FUNCTION_ARGS)
{
	DateADT		day = PG_GETARG_DATEADT(0);

	if (DATE_IS_NOBEGIN(day))
		PG_RETURN_TIMESTAMPTZ(DT_NOBEGIN);
	if (DATE_IS_NOEND(day))
		PG_RETURN_TIMESTAMPTZ(DT_NOEND);
	PG_RETURN_TIMESTAMPTZ(day_end(day, day_zone()));
}

/*
 * minute_of(at timestamptz) returns text: the date and minute that the clock
 * shows at a moment, as YYYY-MM-DD HH:MI; infinity and -infinity as such, NULL
 * for NULL. Error: 22008.
 */
Datum
posture_minute_of(PG_FUNCTION_ARGS)
{
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(0);
	struct pg_tm local;
	fsec_t		fraction;
	int			offset;

	if (TIMESTAMP_NOT_FINITE(at))
		PG_RETURN_TEXT_P(cstring_to_text(TIMESTAMP_IS_NOEND(at) ? "infinity" : "-infinity"));
	if (timestamp2tm(at, &offset, &local, &fraction, NULL, day_zone()) != 0)
		report_day_out_of_range();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%04d-%02d-%02d %02d:%02d",
											  local.tm_year, local.tm_mon, local.tm_mday,
											  local.tm_hour, local.tm_min)));
}

/*
 * is_time_zone(name text) returns boolean: whether zone_time() takes it: whether
 * the time zone exists and has no leap seconds. NULL for NULL.
 */
Datum
posture_is_time_zone(PG_FUNCTION_ARGS)
{
	pg_tz	   *zone = pg_tzset(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	PG_RETURN_BOOL(zone != NULL && pg_tz_acceptable(zone));
}

/*
 * zone_time(local timestamp, zone text) returns timestamptz: the moment at which
 * the clock of a time zone shows a time. A time that it shows twice or never is
 * read as by AT TIME ZONE: in standard time. Infinity and -infinity as such, NULL
 * for NULL. Errors: 22023 for a zone that does not exist, 22008.
 */
Datum
posture_zone_time(PG_FUNCTION_ARGS)
{
	Timestamp	at = PG_GETARG_TIMESTAMP(0);
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	pg_tz	   *zone = pg_tzset(name);
	struct pg_tm local;
	fsec_t		fraction;
	TimestampTz result;
	int			offset;

	if (zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" not recognized", name)));
	if (TIMESTAMP_NOT_FINITE(at))
		PG_RETURN_TIMESTAMPTZ(at);
	if (timestamp2tm(at, NULL, &local, &fraction, NULL, NULL) != 0)
		report_day_out_of_range();
	offset = DetermineTimeZoneOffset(&local, zone);
	if (tm2timestamp(&local, fraction, &offset, &result) != 0)
		report_day_out_of_range();
	PG_RETURN_TIMESTAMPTZ(result);
}
