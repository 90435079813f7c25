/*
 * decimal.c: exact decimals in 128 bits.
 *
 * PostgreSQL offers numeric to extensions only as an opaque value, so it
 * comes in through its text. 38 digits are enough for 10^18 assets with 12
 * decimals; what does not fit is an error, never a rounded result.
 */
#include "decimal.h"

#include <ctype.h>

#include "utils/builtins.h"

/*
 * Reads [space][sign]digits[.digits][space], without an exponent; zeros at
 * the end of the fraction don't count. False if the text is not of that form;
 * *overflow tells that it is but does not fit.
 */
bool
decimal_parse(const char *text, Decimal *result, bool *overflow)
{
	const char *p = text;
	bool		negative = false;
	bool		in_fraction = false;
	int			digits = 0;
	int			zeros = 0;		/* zeros of the fraction not yet taken in */

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
 * The numeric as a Decimal; false if it has more digits than 128 bits hold.
 * An error names the argument as "what": 22023 for NaN and infinity.
 */
bool
decimal_try_numeric(Numeric num, const char *what, Decimal *result)
{
	char	   *text;
	bool		overflow;

	text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(num)));
	if (!decimal_parse(text, result, &overflow))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a finite number, not %s", what, text)));
	pfree(text);
	return !overflow;
}

/* The same, but too many digits are an error, 22003. */
Decimal
decimal_from_numeric(Numeric num, const char *what)
{
	Decimal		result;

	if (!decimal_try_numeric(num, what, &result))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s has too many digits", what),
				 errhint("Round it first, for instance to 12 decimals.")));
	return result;
}

/* Multiplies *value by 10^(to - from), to >= from; false if it does not fit. */
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
 * dividend / divisor, rounded half away from zero; divisor > 0. Compares the
 * remainder with its complement, because twice the remainder may not fit.
 */
int128
divide_half_away(int128 dividend, int128 divisor)
{
	int128		quotient = dividend / divisor;
	int128		rest = dividend % divisor;

	if (rest < 0 && -rest >= divisor + rest)
		quotient--;
	else if (rest > 0 && rest >= divisor - rest)
		quotient++;
	return quotient;
}
