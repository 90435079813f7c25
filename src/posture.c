/*
 * posture.c: loading of the library, the settings, and what long work asks the
 * server.
 *
 * Loading only defines the settings, so posture needs no preloading and no
 * restart of the server.
 */
#include "posture.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "fence.h"

PG_MODULE_MAGIC;

char	   *posture_timezone = NULL;
double		posture_drop_threshold = 2.0;
int			posture_drop_basis = DROP_POINTS;

/* in days; read by SQL only, through setting() */
static int	posture_retention_days = 400;

/* in seconds; read by SQL only, through setting() */
static int	posture_clock_tolerance = 300;

/* in milliseconds, see progress() */
static int	posture_progress_interval = 10000;

/* read by SQL only, through setting() */
static bool posture_partial_results = false;

static const struct config_enum_entry drop_basis_options[] = {
	{"points", DROP_POINTS, false},
	{"relative", DROP_RELATIVE, false},
	{NULL, 0, false}
};

/*
 * Accepts the empty string, which stands for the server's time zone, and the
 * names of time zones without leap seconds.
 */
static bool
check_timezone(char **newval, void **extra, GucSource source)
{
	pg_tz	   *zone;

	if (**newval == '\0')
		return true;
	zone = pg_tzset(*newval);
	if (zone == NULL)
	{
		GUC_check_errdetail("Time zone \"%s\" does not exist.", *newval);
		GUC_check_errhint("The view pg_timezone_names lists the time zones.");
		return false;
	}
	if (!pg_tz_acceptable(zone))
	{
		GUC_check_errdetail("Time zone \"%s\" uses leap seconds.", *newval);
		return false;
	}
	return true;
}

void		_PG_init(void);

void
_PG_init(void)
{
	DefineCustomStringVariable("posture.timezone",
							   "Sets the time zone in which days begin and end.",
							   "Empty means log_timezone, which no client can change.",
							   &posture_timezone, "",
							   PGC_USERSET, 0, check_timezone, NULL, NULL);
	DefineCustomRealVariable("posture.drop_threshold",
							 "Sets the minimum score drop that raises an event.",
							 "The unit is points or percent, by posture.drop_basis.",
							 &posture_drop_threshold, 2.0, 0.000001, 100.0,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("posture.drop_basis",
							 "Sets how a score drop is measured.",
							 "points: previous - current; "
							 "relative: (previous - current) / previous in percent.",
							 &posture_drop_basis, DROP_POINTS, drop_basis_options,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("posture.retention_days",
							"Sets the number of days that history, snapshots, events "
							"and runs are kept.",
							NULL,
							&posture_retention_days, 400, 1, 36500,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("posture.clock_tolerance",
							"Sets how far ahead of the server's clock an observation may be.",
							"Within it an observation counts as of now; later ones are rejected.",
							&posture_clock_tolerance, 300, 0, 86400,
							PGC_USERSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("posture.progress_interval",
							"Sets the interval between progress notices.",
							"-1 disables them.",
							&posture_progress_interval, 10000, -1, 86400000,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomBoolVariable("posture.partial_results",
							 "Shows results without the nodes that do not answer.",
							 "Their assets count as unassessed.",
							 &posture_partial_results, false,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("posture.fence_caller",
							"Internal: the role on whose behalf functions of posture run.",
							NULL,
							&posture_fence_caller, 0, INT_MIN, INT_MAX,
							PGC_SUSET,
							GUC_NO_SHOW_ALL | GUC_NO_RESET_ALL | GUC_NOT_IN_SAMPLE |
							GUC_DISALLOW_IN_FILE,
							check_fence_caller, assign_fence_caller, NULL);
	MarkGUCPrefixReserved("posture");
}

PG_FUNCTION_INFO_V1(posture_setting);

/*
 * setting(name text) returns text: the current value of the setting
 * posture.NAME; for an empty timezone, the name of the server's time zone. NULL
 * for NULL. Error: 42704 for another name.
 *
 * SQL reads settings through this function, because until the library is
 * loaded, current_setting() does not know them, or returns a value that no
 * check hook has seen.
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
 * progress(message text) returns void: raises a NOTICE with the message if
 * posture.progress_interval has passed since the client's statement began and
 * since the last such NOTICE. So only long work reports its progress. NULL does
 * nothing.
 */
Datum
posture_progress(PG_FUNCTION_ARGS)
{
	static TimestampTz last = 0;
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz since = Max(last, GetCurrentStatementStartTimestamp());

	/* after the clock was set back, count from the present */
	if (last > now)
		since = last = now;
	if (posture_progress_interval < 0 ||
		!TimestampDifferenceExceeds(since, now, posture_progress_interval))
		PG_RETURN_VOID();
	last = now;
	ereport(NOTICE, (errmsg("%s", text_to_cstring(PG_GETARG_TEXT_PP(0)))));
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(posture_is_atomic);

/*
 * is_atomic() returns boolean: whether the PL/pgSQL code that calls it cannot
 * commit. A COMMIT there would fail without saying what to do.
 */
Datum
posture_is_atomic(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!SPI_inside_nonatomic_context());
}
