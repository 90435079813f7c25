/*
 * day.h: days in the time zone of posture.timezone.
 */
#ifndef POSTURE_DAY_H
#define POSTURE_DAY_H

#include "posture.h"

#include "pgtime.h"
#include "utils/date.h"

extern pg_tz *day_zone(void);
extern DateADT day_of(TimestampTz at, pg_tz *zone);
extern TimestampTz day_end(DateADT day, pg_tz *zone);

#endif							/* POSTURE_DAY_H */
