/*
 * score.c: the type score and the formulas on single scores.
 *
 * A score is a whole number of millionths, so that equal input gives equal
 * bits whatever the plan. Comparison and hashing are those of int4 (see
 * src/sql/10_score.sql); what is here is text, bytes, casts and formulas.
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

static void
score_out_of_range(const char *text)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("score %s is out of range", text),
			 errdetail("A score is a number from 0 to 100.")));
}

/* Millionths as a numeric without zeros at the end: 63, 66.666667. */
static Numeric
numeric_from_millionths(int64 millionths)
{
	Numeric		exact = int64_div_fast_to_numeric(millionths, SCORE_DECIMALS);

	return DatumGetNumeric(DirectFunctionCall1(numeric_trim_scale,
											   NumericGetDatum(exact)));
}

/* The text is for the error message only. */
static Score
score_from_decimal(Decimal decimal, const char *text)
{
	int128		limit = 100;

	/* the bound holds for the number as given, not only for its rounding */
	if (decimal.value < 0 ||
		(decimal_rescale(&limit, 0, decimal.scale) && decimal.value > limit))
		score_out_of_range(text);
	if (decimal.scale > SCORE_DECIMALS)
	{
		int128		divisor = 1;

		/* with a divisor beyond 128 bits, the number is below any millionth */
		if (!decimal_rescale(&divisor, SCORE_DECIMALS, decimal.scale))
			return 0;
		return (Score) divide_half_away(decimal.value, divisor);
	}
	decimal_rescale(&decimal.value, decimal.scale, SCORE_DECIMALS);
	return (Score) decimal.value;
}

/*
 * score_in(cstring): a decimal number from 0 to 100; further decimals are
 * rounded half away from zero. Errors: 22P02, 22003.
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
				 errmsg("invalid input syntax for type %s: \"%s\"", "score", text)));
	if (overflow)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("score \"%s\" has too many digits", text),
				 errdetail("A score is a number from 0 to 100 with six decimals.")));
	PG_RETURN_SCORE(score_from_decimal(decimal, text));
}

/* score_out(score): decimals as needed, at most six. */
Datum
score_out(PG_FUNCTION_ARGS)
{
	Numeric		num = numeric_from_millionths(PG_GETARG_SCORE(0));

	PG_RETURN_DATUM(DirectFunctionCall1(numeric_out, NumericGetDatum(num)));
}

/* score_recv(internal): four bytes, the millionths. Error: 22P03. */
Datum
score_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int32		value = pq_getmsgint(buf, 4);

	if (value < 0 || value > SCORE_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary score"),
				 errdetail("%d millionths are outside 0 to %d.", value, SCORE_MAX)));
	PG_RETURN_SCORE(value);
}

/* score_send(score): four bytes, the millionths. */
Datum
score_send(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint32(&buf, PG_GETARG_SCORE(0));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* Cast numeric to score, rounding half away from zero. Errors: 22003, 22023. */
Datum
score_from_numeric(PG_FUNCTION_ARGS)
{
	Numeric		num = PG_GETARG_NUMERIC(0);
	char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out,
														   NumericGetDatum(num)));

	PG_RETURN_SCORE(score_from_decimal(decimal_from_numeric(num, "score"), text));
}

/* Cast integer to score. Error: 22003. */
Datum
score_from_int4(PG_FUNCTION_ARGS)
{
	int32		value = PG_GETARG_INT32(0);

	if (value < 0 || value > 100)
		score_out_of_range(psprintf("%d", value));
	PG_RETURN_SCORE(value * SCORE_UNIT);
}

/* Cast score to numeric, exact. */
Datum
score_to_numeric(PG_FUNCTION_ARGS)
{
	PG_RETURN_NUMERIC(numeric_from_millionths(PG_GETARG_SCORE(0)));
}

/* Cast score to double precision, the nearest one. */
Datum
score_to_float8(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8((double) PG_GETARG_SCORE(0) / SCORE_UNIT);
}

/* score - score: numeric points, exact, negative where the score rose. */
Datum
score_minus(PG_FUNCTION_ARGS)
{
	PG_RETURN_NUMERIC(numeric_from_millionths((int64) PG_GETARG_SCORE(0) -
											  PG_GETARG_SCORE(1)));
}

/* The part of score(exposed, assessed) that says what can't be scored. */
static void
check_exposed(bool ordered)
{
	if (!ordered)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("exposed must be between 0 and assessed")));
}

/*
 * score(exposed, assessed) where 128 bits don't hold the product:
 * floor((2 x healthy + assessed) / (2 x assessed)) in numeric, whose integer
 * division is exact. A report must not fail on a weight with many decimals.
 */
static Score
score_of_long_numbers(Datum exposed, Datum assessed)
{
	Datum		two = DirectFunctionCall1(int4_numeric, Int32GetDatum(2));
	Datum		unit = DirectFunctionCall1(int4_numeric, Int32GetDatum(2 * SCORE_MAX));
	Datum		healthy = DirectFunctionCall2(numeric_sub, assessed, exposed);
	Datum		dividend = DirectFunctionCall2(numeric_add,
											   DirectFunctionCall2(numeric_mul, healthy, unit),
											   assessed);
	Datum		divisor = DirectFunctionCall2(numeric_mul, assessed, two);
	Datum		quotient = DirectFunctionCall2(numeric_div_trunc, dividend, divisor);

	return DatumGetScore(DirectFunctionCall1(numeric_int4, quotient));
}

/*
 * score(exposed numeric, assessed numeric) returns score:
 * 100 x (assessed - exposed) / assessed, rounded half away from zero; the
 * arguments are numbers of assets, or points. NULL where assessed is 0: there
 * is nothing to score. Error: 22023 unless 0 <= exposed <= assessed < infinity.
 * Source: the project's design, "Scores".
 */
Datum
score_of_exposed(PG_FUNCTION_ARGS)
{
	Datum		arguments[2] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};
	Decimal		exposed;
	Decimal		assessed;
	int			scale;
	int128		healthy;

	if (!decimal_try_numeric(DatumGetNumeric(arguments[0]), "exposed", &exposed) ||
		!decimal_try_numeric(DatumGetNumeric(arguments[1]), "assessed", &assessed) ||
		(scale = Max(exposed.scale, assessed.scale),
		 !decimal_rescale(&exposed.value, exposed.scale, scale) ||
		 !decimal_rescale(&assessed.value, assessed.scale, scale) ||
		 __builtin_sub_overflow(assessed.value, exposed.value, &healthy) ||
		 __builtin_mul_overflow(healthy, (int128) SCORE_MAX, &healthy)))
	{
		Datum		zero = DirectFunctionCall1(int4_numeric, Int32GetDatum(0));

		/* exposed may have been too long already */
		(void) decimal_try_numeric(DatumGetNumeric(arguments[1]), "assessed", &assessed);
		check_exposed(DatumGetBool(DirectFunctionCall2(numeric_le, zero, arguments[0])) &&
					  DatumGetBool(DirectFunctionCall2(numeric_le, arguments[0], arguments[1])));
		PG_RETURN_SCORE(score_of_long_numbers(arguments[0], arguments[1]));
	}
	check_exposed(exposed.value >= 0 && healthy >= 0);
	if (assessed.value == 0)
		PG_RETURN_NULL();
	PG_RETURN_SCORE(divide_half_away(healthy, assessed.value));
}

/* A basis by its name, as the setting posture.drop_basis has it. */
static DropBasis
drop_basis_from_text(text *basis)
{
	char	   *name = text_to_cstring(basis);

	if (strcmp(name, "points") == 0)
		return DROP_POINTS;
	if (strcmp(name, "relative") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown drop basis \"%s\"", name),
				 errhint("A drop is measured in \"points\" or is \"relative\".")));
	return DROP_RELATIVE;
}

/*
 * score_drop(previous score, current score, basis text) returns numeric: how
 * far the score fell, negative where it rose. points: previous - current;
 * relative: (previous - current) / previous in percent, rounded to six
 * decimals half away from zero, and NULL where previous is 0. NULL for any
 * NULL. Error: 22023 for an unknown basis.
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
 * is_drop(previous score, current score, threshold numeric, basis text)
 * returns bool: whether the score fell by the threshold or more, compared as
 * exact fractions and not as rounded ones. A threshold or basis of NULL means
 * the setting. Never NULL: a score that was or became NULL is no drop, and
 * from 0 nothing falls. Errors: 22023 for an unknown basis or a threshold
 * that is not above 0, 22003 where 128 bits don't hold it.
 */
Datum
is_drop(PG_FUNCTION_ARGS)
{
	DropBasis	basis = posture_drop_basis;
	Datum		setting;
	Decimal		threshold;
	int128		fall;
	int128		needed;

	if (!PG_ARGISNULL(3))
		basis = drop_basis_from_text(PG_GETARG_TEXT_PP(3));
	setting = PG_ARGISNULL(2) ?
		DirectFunctionCall1(float8_numeric, Float8GetDatum(posture_drop_threshold)) :
		PG_GETARG_DATUM(2);
	threshold = decimal_from_numeric(DatumGetNumeric(setting), "threshold");
	if (threshold.value <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("threshold must be above 0")));
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_BOOL(false);

	/* both sides in millionths of a point, or of a point x 100, x 10^scale */
	fall = PG_GETARG_SCORE(0) - PG_GETARG_SCORE(1);
	if (fall <= 0)
		PG_RETURN_BOOL(false);
	if (basis == DROP_RELATIVE)
		fall *= 100;
	if (!decimal_rescale(&fall, 0, threshold.scale) ||
		__builtin_mul_overflow(threshold.value,
							   (int128) (basis == DROP_POINTS ? SCORE_UNIT : PG_GETARG_SCORE(0)),
							   &needed))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("threshold has too many digits")));
	PG_RETURN_BOOL(fall >= needed);
}
