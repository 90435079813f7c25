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
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(posture_day_of);
PG_FUNCTION_INFO_V1(posture_day_end);

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

/* The day on which a finite moment falls. Error: 22008. */
DateADT
day_of(TimestampTz at, pg_tz *zone)
{
	struct pg_tm local;
	fsec_t		fraction;
	int			offset;

	if (timestamp2tm(at, &offset, &local, &fraction, NULL, zone) != 0)
		out_of_range();
	return date2j(local.tm_year, local.tm_mon, local.tm_mday) - POSTGRES_EPOCH_JDATE;
}

/*
 * The moment at which a finite day ends and the next begins. Where clocks go
 * back over midnight it comes twice, and the first one ends the day, as
 * day_of() has it. Error: 22008.
 */
TimestampTz
day_end(DateADT day, pg_tz *zone)
{
	struct pg_tm midnight = {0};
	int			offset;
	TimestampTz end;

	if (!IS_VALID_DATE(day + 1))
		out_of_range();
	j2date(day + 1 + POSTGRES_EPOCH_JDATE,
		   &midnight.tm_year, &midnight.tm_mon, &midnight.tm_mday);
	offset = DetermineTimeZoneOffset(&midnight, zone);
	if (tm2timestamp(&midnight, 0, &offset, &end) != 0)
		out_of_range();
	if (day_of(end - USECS_PER_HOUR, zone) > day)
		end -= USECS_PER_HOUR;
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
