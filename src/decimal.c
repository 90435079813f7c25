/*
 * decimal.c: exact decimals in 128 bits.
 *
 * PostgreSQL offers numeric to extensions only as an opaque value, so a numeric
 * is read through its text. 128 bits hold 38 digits, enough for 10^18 assets
 * with 12 decimals. A number that does not fit is never rounded: it is an
 * error, or the caller computes with numeric.
 */
#include "decimal.h"

#include <ctype.h>

#include "utils/builtins.h"

/*
 * Reads [space][sign]digits[.digits][space], without an exponent. Zeros at the
 * end of the fraction don't add to the scale. Returns false if the text does
 * not have that form; if it has but the number does not fit, returns true and
 * sets *overflow.
 */
bool
decimal_parse(const char *text, Decimal *result, bool *overflow)
{
	const char *p = text;
	bool		negative = false;
	bool		in_fraction = false;
	int			digits = 0;
	int			zeros = 0;		/* of the fraction, not in value yet */

	result->value = 0;
	result->scale = 0;
	*overflow = false;

	while (isspace((unsigned char) *p))
		p++;
	if (*p == '+' || *p == '-')
		negative = (*p++ == '-');
	for (; isdigit((unsigned char) *p) || (*p == '.' && !in_fraction); p++)
	{
		if (*p == '.')
		{
			in_fraction = true;
			continue;
		}
		digits++;
		if (in_fraction && *p == '0')
		{
			zeros++;
			continue;
		}
		if (in_fraction)
		{
			*overflow |= !decimal_rescale(&result->value, result->scale,
										  result->scale + zeros + 1);
			result->scale += zeros + 1;
			zeros = 0;
		}
		else
			*overflow |= __builtin_mul_overflow(result->value, 10, &result->value);
		*overflow |= __builtin_add_overflow(result->value, *p - '0', &result->value);
	}
	while (isspace((unsigned char) *p))
		p++;
	if (negative && !*overflow)
		result->value = -result->value;
	return digits > 0 && *p == '\0';
}

/*
 * Converts a numeric; returns false if 128 bits don't hold it. Error: 22023 for
 * NaN and infinity, with the name of the argument.
 */
bool
decimal_try_numeric(Numeric num, const char *argument, Decimal *result)
{
	char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(num)));
	bool		overflow;

	if (!decimal_parse(text, result, &overflow))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a finite number, not %s", argument, text)));
	pfree(text);
	return !overflow;
}

/* The same, but too many digits are an error: 22003. */
Decimal
decimal_from_numeric(Numeric num, const char *argument)
{
	Decimal		result;

	if (!decimal_try_numeric(num, argument, &result))
		report_too_many_digits(argument);
	return result;
}

/* Raises 22003 for an argument that 128 bits don't hold. */
void
report_too_many_digits(const char *argument)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("%s has too many digits", argument),
			 errhint("Round it first, for instance to 12 decimals.")));
}

/*
 * Multiplies *value by 10^(to - from), with to >= from; returns false if the
 * product does not fit.
 */
bool
decimal_rescale(int128 *value, int from, int to)
{
	if (*value == 0)
		return true;
	for (; from < to; from++)
		if (__builtin_mul_overflow(*value, 10, value))
			return false;
	return true;
}

/*
 * Returns dividend / divisor, rounded half away from zero; divisor > 0. The
 * remainder is compared with the divisor minus the remainder, because twice the
 * remainder may not fit.
 */
int128
divide_half_away(int128 dividend, int128 divisor)
{
	int128		quotient = dividend / divisor;
	int128		remainder = dividend % divisor;

	if (remainder < 0 && -remainder >= divisor + remainder)
		quotient--;
	else if (remainder > 0 && remainder >= divisor - remainder)
		quotient++;
	return quotient;
}
