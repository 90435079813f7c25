/*
 * decimal.h: exact decimals in 128 bits, for the formulas of scores.
 */
#ifndef POSTURE_DECIMAL_H
#define POSTURE_DECIMAL_H

#include "posture.h"

#include "utils/numeric.h"

/* value / 10^scale */
typedef struct Decimal
{
	int128		value;
	int			scale;
} Decimal;

extern bool decimal_parse(const char *text, Decimal *result, bool *overflow);
extern bool decimal_try_numeric(Numeric num, const char *argument, Decimal *result);
extern Decimal decimal_from_numeric(Numeric num, const char *argument);
extern bool decimal_rescale(int128 *value, int from, int to);
extern int128 divide_half_away(int128 dividend, int128 divisor);
pg_noreturn extern void report_too_many_digits(const char *argument);

#endif							/* POSTURE_DECIMAL_H */
