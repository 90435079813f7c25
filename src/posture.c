/*
 * posture.c: loading and settings.
 *
 * Nothing happens at load but the definition of the settings, so posture
 * needs no preloading and no restart.
 */
#include "posture.h"

#include "access/xact.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

PG_MODULE_MAGIC;

char	   *posture_timezone = NULL;
double		posture_drop_threshold = 2.0;
int			posture_drop_basis = DROP_POINTS;

/* read by SQL alone, through setting() */
static int	posture_retention_days = 400;

/* milliseconds, see progress() */
static int	posture_progress_interval = 10000;

static const struct config_enum_entry drop_basis_options[] = {
	{"points", DROP_POINTS, false},
	{"relative", DROP_RELATIVE, false},
	{NULL, 0, false}
};

/* Accepts the empty string (the server's zone) or a zone of the tz database. */
static bool
check_timezone(char **newval, void **extra, GucSource source)
{
	pg_tz	   *zone;

	if (**newval == '\0')
		return true;
	zone = pg_tzset(*newval);
	if (zone == NULL)
	{
		GUC_check_errdetail("The time zone \"%s\" is not known.", *newval);
		GUC_check_errhint("The view pg_timezone_names lists the time zones.");
		return false;
	}
	if (!pg_tz_acceptable(zone))
	{
		GUC_check_errdetail("The time zone \"%s\" uses leap seconds.", *newval);
		return false;
	}
	return true;
}

void		_PG_init(void);

void
_PG_init(void)
{
	DefineCustomStringVariable("posture.timezone",
							   "Time zone whose local days posture's snapshots describe.",
							   "Empty means the server's own: log_timezone, which no client can change.",
							   &posture_timezone, "",
							   PGC_USERSET, 0, check_timezone, NULL, NULL);
	DefineCustomRealVariable("posture.drop_threshold",
							 "The least fall of a score that is an event.",
							 "In the unit that posture.drop_basis names.",
							 &posture_drop_threshold, 2.0, 0.000001, 100.0,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("posture.drop_basis",
							 "How the fall of a score is measured.",
							 "points: previous - current; relative: (previous - current) / previous in percent.",
							 &posture_drop_basis, DROP_POINTS, drop_basis_options,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("posture.retention_days",
							"For how many days history, snapshots, events and runs are kept.",
							NULL,
							&posture_retention_days, 400, 1, 36500,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("posture.progress_interval",
							"How often long work says how far it is.",
							"In a NOTICE; -1 turns it off.",
							&posture_progress_interval, 10000, -1, 86400000,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	MarkGUCPrefixReserved("posture");
}

PG_FUNCTION_INFO_V1(posture_setting);

/*
 * setting(name text) returns text: the value in force of the setting
 * posture.NAME; for the time zone the server's where none is set.
 *
 * SQL reads settings through this function and not through current_setting(),
 * which knows them only once the library is loaded and would take a value
 * that was never checked. An unknown name is an error; NULL gives NULL.
 */
Datum
posture_setting(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *value;

	value = GetConfigOption(psprintf("posture.%s", name), false, false);
	if (strcmp(name, "timezone") == 0 && *value == '\0')
		value = pg_get_timezone_name(log_timezone);
	PG_RETURN_TEXT_P(cstring_to_text(value));
}

PG_FUNCTION_INFO_V1(posture_progress);

/*
 * progress(says text) returns void: a NOTICE of how far long work is, if
 * posture.progress_interval has passed since the statement that the client
 * sent began, and since the last such NOTICE. What takes less says nothing.
 * NULL says nothing.
 */
Datum
posture_progress(PG_FUNCTION_ARGS)
{
	static TimestampTz last = 0;
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz since = Max(last, GetCurrentStatementStartTimestamp());

	/* a clock that was set back must not silence it for long */
	if (last > now)
		since = last = now;
	if (posture_progress_interval < 0 || !TimestampDifferenceExceeds(since, now, posture_progress_interval))
		PG_RETURN_VOID();
	last = now;
	ereport(NOTICE, (errmsg("%s", text_to_cstring(PG_GETARG_TEXT_PP(0)))));
	PG_RETURN_VOID();
}
