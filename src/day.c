/*
 * day.c: the local days of posture.timezone.
 *
 * In C and not by AT TIME ZONE, which takes a text like CET for the
 * abbreviation, an offset without summer time, where the setting names the
 * zone.
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

/* The zone in force: the setting's, or the server's where that is empty. */
pg_tz *
day_zone(void)
{
	pg_tz	   *zone = *posture_timezone == '\0' ? log_timezone : pg_tzset(posture_timezone);

	/* the check hook has let no other name pass */
	if (zone == NULL)
		elog(ERROR, "unknown time zone \"%s\"", posture_timezone);
	return zone;
}

static void
out_of_range(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			 errmsg("day is out of range")));
}

/*
 * The first moment at which the clock of a zone shows a day later than this one,
 * in microseconds, whether that is a timestamp or not. Clocks may leave
 * midnight out, or go back over it, so that it comes twice: so it is looked
 * for between one change of the clock and the next.
 */
static int64
first_after(DateADT day, pg_tz *zone)
{
	/* midnight, were there no offset; none is as much as a week, also of a zone that a person makes up */
	pg_time_t	midnight = ((pg_time_t) day + 1 + POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
	pg_time_t	from = midnight - 7 * SECS_PER_DAY;
	pg_time_t	until;
	pg_time_t	found;
	long		offset;
	long		offset_then;
	int			is_dst;
	int			changes;

	for (;;)
	{
		changes = pg_next_dst_boundary(&from, &offset, &is_dst, &until, &offset_then, &is_dst, zone);
		if (changes < 0)
			out_of_range();
		found = Max(midnight - offset, from);
		if (changes == 0 || found < until)
			break;
		from = until;
	}
	return (found - (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY) * USECS_PER_SEC;
}

/*
 * The day on which a finite moment falls: the date on the clock, but a day that
 * has begun goes on where the clock goes back to the day before. Error: 22008.
 */
DateADT
day_of(TimestampTz at, pg_tz *zone)
{
	/* what is asked is mostly about the same day */
	static pg_tz *known_zone = NULL;
	static DateADT known_day;
	static TimestampTz known_from;
	static TimestampTz known_until;
	struct pg_tm local;
	fsec_t		fraction;
	int			offset;
	DateADT		day;
	int64		until;

	if (zone == known_zone && at >= known_from && at < known_until)
		return known_day;
	if (timestamp2tm(at, &offset, &local, &fraction, NULL, zone) != 0)
		out_of_range();
	day = date2j(local.tm_year, local.tm_mon, local.tm_mday) - POSTGRES_EPOCH_JDATE;
	/* west of Greenwich there are moments before the first date that there is */
	day = Max(day, DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE);
	while ((until = first_after(day, zone)) <= at)
		day++;
	known_from = zone == known_zone && until == known_until ? Min(at, known_from) : at;
	known_zone = zone;
	known_day = day;
	known_until = until;
	return day;
}

/*
 * The moment at which a finite day ends and the next begins; a day that was
 * left out ends as it begins. Error: 22008.
 */
TimestampTz
day_end(DateADT day, pg_tz *zone)
{
	TimestampTz end;

	if (!IS_VALID_DATE(day) || day >= TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
		out_of_range();
	end = first_after(day, zone);
	if (!IS_VALID_TIMESTAMP(end))
		out_of_range();
	return end;
}

/*
 * day_of(at timestamptz) returns date: the day on which a moment falls;
 * infinite for infinity, NULL for NULL. Error: 22008.
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
 * day_end(day date) returns timestamptz: the moment at which a day ends and
 * the next begins; infinity for an infinite day, NULL for NULL. Error: 22008.
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
 * minute_of(at timestamptz) returns text: the minute that the clock shows at a
 * moment, as YYYY-MM-DD HH:MI; infinity as such, NULL for NULL. Error: 22008.
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
		out_of_range();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%04d-%02d-%02d %02d:%02d", local.tm_year, local.tm_mon, local.tm_mday,
											  local.tm_hour, local.tm_min)));
}
