/*
 * score.c: the type score and the formulas on single scores.
 *
 * A score is a whole number of millionths, so that equal input gives equal bits
 * whatever the plan. Comparison and hash functions are those of int4, which SQL
 * declares for the type; text, bytes, casts and formulas are here. All
 * functions but is_drop() are strict. doc/formulas.md describes the formulas.
 */
#include "score.h"

#include "libpq/pqformat.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(score_in);
PG_FUNCTION_INFO_V1(score_out);
PG_FUNCTION_INFO_V1(score_recv);
PG_FUNCTION_INFO_V1(score_send);
PG_FUNCTION_INFO_V1(score_from_numeric);
PG_FUNCTION_INFO_V1(score_from_int4);
PG_FUNCTION_INFO_V1(score_to_numeric);
PG_FUNCTION_INFO_V1(score_to_float8);
PG_FUNCTION_INFO_V1(score_minus);
PG_FUNCTION_INFO_V1(score_of_exposed);
PG_FUNCTION_INFO_V1(score_drop);
PG_FUNCTION_INFO_V1(is_drop);

/* Raises 22003 with the score as it was given. */
static void
report_score_out_of_range(const char *text)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("score %s is out of range", text),
			 errdetail("A score is a number from 0 to 100.")));
}

/* Returns millionths as a numeric without trailing zeros: 63, 66.666667. */
static Numeric
numeric_from_millionths(int64 millionths)
{
	Numeric		exact = int64_div_fast_to_numeric(millionths, SCORE_DECIMALS);

	return DatumGetNumeric(DirectFunctionCall1(numeric_trim_scale,
											   NumericGetDatum(exact)));
}

/* Whether a decimal is from 0 to 100: the exact number, not only the rounded one. */
static bool
is_in_range(Decimal decimal)
{
	int128		limit = 100;

	return decimal.value >= 0 &&
		(!decimal_rescale(&limit, 0, decimal.scale) || decimal.value <= limit);
}

/* Returns the score that a decimal from 0 to 100 is, rounded half away from zero. */
static Score
score_from_decimal(Decimal decimal)
{
	if (decimal.scale > SCORE_DECIMALS)
	{
		int128		divisor = 1;

		/* where the divisor does not fit, the score is below half a millionth */
		if (!decimal_rescale(&divisor, SCORE_DECIMALS, decimal.scale))
			return 0;
		return (Score) divide_half_away(decimal.value, divisor);
	}
	decimal_rescale(&decimal.value, decimal.scale, SCORE_DECIMALS);
	return (Score) decimal.value;
}

/*
 * score_in(cstring) returns score: reads a decimal number from 0 to 100,
 * without an exponent. More than six decimals are rounded half away from zero.
 * Errors: 22P02, 22003.
 */
Datum
score_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	Decimal		decimal;
	bool		overflow;

	if (!decimal_parse(text, &decimal, &overflow))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"", "score", text),
				 errdetail("A score is a number from 0 to 100, such as 66.5.")));
	if (overflow)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("score \"%s\" has too many digits", text),
				 errdetail("A score is a number from 0 to 100 with six decimals.")));
	if (!is_in_range(decimal))
		report_score_out_of_range(text);
	PG_RETURN_SCORE(score_from_decimal(decimal));
}

/* score_out(score) returns cstring: as many decimals as needed, at most six. */
Datum
score_out(PG_FUNCTION_ARGS)
{
	Numeric		num = numeric_from_millionths(PG_GETARG_SCORE(0));

	PG_RETURN_DATUM(DirectFunctionCall1(numeric_out, NumericGetDatum(num)));
}

/*
 * score_recv(internal) returns score: reads the millionths, four bytes. Error:
 * 22P03.
 */
Datum
score_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int32		value = pq_getmsgint(buf, 4);

	if (value < 0 || value > SCORE_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary score"),
				 errdetail("%d millionths are not in the range from 0 to %d.", value, SCORE_MAX)));
	PG_RETURN_SCORE(value);
}

/* score_send(score) returns bytea: the millionths, four bytes. */
Datum
score_send(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint32(&buf, PG_GETARG_SCORE(0));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

Score
score_from_number(Numeric number)
{
	Decimal		decimal = decimal_from_numeric(number, "score");

	if (!is_in_range(decimal))
		report_score_out_of_range(DatumGetCString(DirectFunctionCall1(numeric_out,
																	  NumericGetDatum(number))));
	return score_from_decimal(decimal);
}

/* Cast from numeric to score, rounded half away from zero. Errors: 22003, 22023. */
Datum
score_from_numeric(PG_FUNCTION_ARGS)
{
	PG_RETURN_SCORE(score_from_number(PG_GETARG_NUMERIC(0)));
}

/* Cast from integer to score. Error: 22003 outside 0 to 100. */
Datum
score_from_int4(PG_FUNCTION_ARGS)
{
	int32		value = PG_GETARG_INT32(0);

	if (value < 0 || value > 100)
		report_score_out_of_range(psprintf("%d", value));
	PG_RETURN_SCORE(value * SCORE_UNIT);
}

/* Cast from score to numeric, exact. */
Datum
score_to_numeric(PG_FUNCTION_ARGS)
{
	PG_RETURN_NUMERIC(numeric_from_millionths(PG_GETARG_SCORE(0)));
}

/* Cast from score to double precision, the nearest number. */
Datum
score_to_float8(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8((double) PG_GETARG_SCORE(0) / SCORE_UNIT);
}

/* score - score returns numeric: points, exact; negative if the second is higher. */
Datum
score_minus(PG_FUNCTION_ARGS)
{
	PG_RETURN_NUMERIC(numeric_from_millionths((int64) PG_GETARG_SCORE(0) -
											  PG_GETARG_SCORE(1)));
}

/* Raises 22023 unless 0 <= exposed <= assessed. */
static void
check_exposed(bool is_in_range)
{
	if (!is_in_range)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("exposed must be between 0 and assessed")));
}

/*
 * score(exposed, assessed) for numbers that 128 bits don't hold, because a
 * report must not fail on a weight with many decimals. With
 * healthy = assessed - exposed, computes
 *
 *	floor((2 x SCORE_MAX x healthy + assessed) / (2 x assessed))
 *
 * in numeric, whose integer division is exact.
 */
static Score
score_of_numeric(Datum exposed, Datum assessed)
{
	Datum		zero = DirectFunctionCall1(int4_numeric, Int32GetDatum(0));
	Datum		two = DirectFunctionCall1(int4_numeric, Int32GetDatum(2));
	Datum		unit = DirectFunctionCall1(int4_numeric, Int32GetDatum(2 * SCORE_MAX));
	Datum		healthy = DirectFunctionCall2(numeric_sub, assessed, exposed);
	Datum		dividend;
	Datum		divisor;
	Datum		quotient;

	check_exposed(DatumGetBool(DirectFunctionCall2(numeric_le, zero, exposed)) &&
				  DatumGetBool(DirectFunctionCall2(numeric_le, exposed, assessed)));
	dividend = DirectFunctionCall2(numeric_mul, healthy, unit);
	dividend = DirectFunctionCall2(numeric_add, dividend, assessed);
	divisor = DirectFunctionCall2(numeric_mul, assessed, two);
	quotient = DirectFunctionCall2(numeric_div_trunc, dividend, divisor);
	return DatumGetScore(DirectFunctionCall1(numeric_int4, quotient));
}

/*
 * Computes SCORE_MAX x (assessed - exposed) and assessed at the same scale.
 * Returns false if 128 bits don't hold them. Error: 22023 for NaN and infinity.
 */
static bool
scale_exposed(Numeric exposed_num, Numeric assessed_num, Decimal *exposed, Decimal *assessed,
			  int128 *healthy)
{
	int			scale;
	bool		exposed_fits = decimal_try_numeric(exposed_num, "exposed", exposed);
	bool		assessed_fits = decimal_try_numeric(assessed_num, "assessed", assessed);

	if (!exposed_fits || !assessed_fits)
		return false;
	scale = Max(exposed->scale, assessed->scale);
	return decimal_rescale(&exposed->value, exposed->scale, scale) &&
		decimal_rescale(&assessed->value, assessed->scale, scale) &&
		!__builtin_sub_overflow(assessed->value, exposed->value, healthy) &&
		!__builtin_mul_overflow(*healthy, (int128) SCORE_MAX, healthy);
}

/*
 * score(exposed numeric, assessed numeric) returns score:
 * 100 x (assessed - exposed) / assessed, rounded half away from zero. The
 * arguments are numbers of assets, or points missing and possible. NULL if
 * assessed is 0, because there is nothing to score. Error: 22023 unless
 * 0 <= exposed <= assessed < infinity. Source: doc/formulas.md.
 */
Datum
score_of_exposed(PG_FUNCTION_ARGS)
{
	Decimal		exposed;
	Decimal		assessed;
	int128		healthy;

	if (!scale_exposed(PG_GETARG_NUMERIC(0), PG_GETARG_NUMERIC(1), &exposed, &assessed, &healthy))
		PG_RETURN_SCORE(score_of_numeric(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)));
	check_exposed(exposed.value >= 0 && healthy >= 0);
	if (assessed.value == 0)
		PG_RETURN_NULL();
	PG_RETURN_SCORE(divide_half_away(healthy, assessed.value));
}

/*
 * Returns a basis by its name, which is a value of posture.drop_basis. Error:
 * 22023 for any other name.
 */
static DropBasis
drop_basis_from_text(text *basis)
{
	char	   *name = text_to_cstring(basis);

	if (strcmp(name, "points") == 0)
		return DROP_POINTS;
	if (strcmp(name, "relative") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized drop basis \"%s\"", name),
				 errhint("Valid values are \"points\" and \"relative\".")));
	return DROP_RELATIVE;
}

/*
 * score_drop(previous score, current score, basis text) returns numeric: how
 * much the score dropped, negative if it rose. By basis:
 *
 *	points:		previous - current
 *	relative:	100 x (previous - current) / previous, in percent, rounded half
 *				away from zero to six decimals; NULL if previous is 0
 *
 * NULL for any NULL. Error: 22023 for another basis. Source: doc/formulas.md.
 */
Datum
score_drop(PG_FUNCTION_ARGS)
{
	int64		previous = PG_GETARG_SCORE(0);
	int64		current = PG_GETARG_SCORE(1);
	int128		percent;

	if (drop_basis_from_text(PG_GETARG_TEXT_PP(2)) == DROP_POINTS)
		PG_RETURN_NUMERIC(numeric_from_millionths(previous - current));
	if (previous == 0)
		PG_RETURN_NULL();
	percent = divide_half_away((int128) (previous - current) * SCORE_MAX, previous);
	PG_RETURN_NUMERIC(numeric_from_millionths((int64) percent));
}

/*
 * is_drop(previous score, current score, threshold numeric, basis text) returns
 * boolean: whether the score dropped by the threshold or more, compared as
 * exact fractions and not as rounded numbers. A NULL threshold or basis stands
 * for the setting. Never NULL: there is no drop if either score is NULL or the
 * previous one is 0. Errors: 22023 for another basis or a threshold of 0 or
 * less, 22003 if 128 bits don't hold the threshold. Source: doc/formulas.md.
 *
 * With the threshold as T / 10^scale and the drop d in millionths, compares
 *
 *	points:		d x 10^scale >= T x SCORE_UNIT
 *	relative:	100 x d x 10^scale >= T x previous, in millionths
 */
Datum
is_drop(PG_FUNCTION_ARGS)
{
	DropBasis	basis = posture_drop_basis;
	Datum		threshold_num;
	Decimal		threshold;
	int128		drop;
	int128		min_drop;
	int128		unit = SCORE_UNIT;

	if (!PG_ARGISNULL(3))
		basis = drop_basis_from_text(PG_GETARG_TEXT_PP(3));
	threshold_num = PG_ARGISNULL(2) ?
		DirectFunctionCall1(float8_numeric, Float8GetDatum(posture_drop_threshold)) :
		PG_GETARG_DATUM(2);
	threshold = decimal_from_numeric(DatumGetNumeric(threshold_num), "threshold");
	if (threshold.value <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("threshold must be greater than 0")));
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_BOOL(false);

	drop = PG_GETARG_SCORE(0) - PG_GETARG_SCORE(1);
	if (drop <= 0)
		PG_RETURN_BOOL(false);
	if (basis == DROP_RELATIVE)
	{
		drop *= 100;
		unit = PG_GETARG_SCORE(0);
	}
	if (!decimal_rescale(&drop, 0, threshold.scale) ||
		__builtin_mul_overflow(threshold.value, unit, &min_drop))
		report_too_many_digits("threshold");
	PG_RETURN_BOOL(drop >= min_drop);
}
