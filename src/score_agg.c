/*
 * score_agg.c: the aggregate weighted_score(score, weight).
 *
 * The state holds two sums of whole numbers in 128 bits: of
 * weight x 10^scale x millionths of the score, and of weight x 10^scale. The
 * scale is the greatest number of decimals of any weight. So the result does
 * not depend on the order of rows, and rows are removed from a moving window
 * exactly. The state is an int8[] and not internal, so that it can be sent
 * between nodes: {scale, products high, products low, weights high, weights
 * low}, where high and low are the halves of a sum.
 *
 * doc/formulas.md describes the formula. All functions are strict.
 */
#include "score.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

PG_FUNCTION_INFO_V1(weighted_score_accum);
PG_FUNCTION_INFO_V1(weighted_score_accum_inv);
PG_FUNCTION_INFO_V1(weighted_number_accum);
PG_FUNCTION_INFO_V1(weighted_number_accum_inv);
PG_FUNCTION_INFO_V1(weighted_score_combine);
PG_FUNCTION_INFO_V1(weighted_score_final);

#define STATE_LENGTH 5
#define SCALE_MAX 38			/* 128 bits hold no more digits */

typedef struct WeightedSum
{
	int			scale;
	int128		products;
	int128		weights;
} WeightedSum;

static int128
int128_from_halves(int64 high, int64 low)
{
	return (int128) (((uint128) (uint64) high << 64) | (uint64) low);
}

/* Raises 22023 for a state that the aggregate has not created. */
pg_noreturn static void
report_invalid_state(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid state for weighted_score"),
			 errdetail("Only the aggregate weighted_score() creates its states.")));
}

/* Returns the numbers of a state. Error: 22023 for any other array. */
static int64 *
get_state_numbers(ArrayType *array)
{
	int64	   *numbers;

	if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != STATE_LENGTH ||
		ARR_HASNULL(array) || ARR_ELEMTYPE(array) != INT8OID)
		report_invalid_state();
	numbers = (int64 *) ((char *) array + ARR_OVERHEAD_NONULLS(1));
	if (numbers[0] < 0 || numbers[0] > SCALE_MAX)
		report_invalid_state();
	return numbers;
}

static WeightedSum
read_state(ArrayType *array)
{
	int64	   *numbers = get_state_numbers(array);
	WeightedSum sum;

	sum.scale = (int) numbers[0];
	sum.products = int128_from_halves(numbers[1], numbers[2]);
	sum.weights = int128_from_halves(numbers[3], numbers[4]);
	return sum;
}

static void
write_state(ArrayType *array, WeightedSum sum)
{
	int64	   *numbers = get_state_numbers(array);

	numbers[0] = sum.scale;
	numbers[1] = (int64) (sum.products >> 64);
	numbers[2] = (int64) sum.products;
	numbers[3] = (int64) (sum.weights >> 64);
	numbers[4] = (int64) sum.weights;
}

/*
 * sum += sign x other, at the greater of both scales. Error: 22003 if 128 bits
 * don't hold the sum.
 */
static void
add_sum(WeightedSum *sum, WeightedSum other, int sign)
{
	int			scale = Max(sum->scale, other.scale);
	bool		fits;

	fits = scale <= SCALE_MAX &&
		decimal_rescale(&sum->products, sum->scale, scale) &&
		decimal_rescale(&sum->weights, sum->scale, scale) &&
		decimal_rescale(&other.products, other.scale, scale) &&
		decimal_rescale(&other.weights, other.scale, scale) &&
		!__builtin_add_overflow(sum->products, sign * other.products, &sum->products) &&
		!__builtin_add_overflow(sum->weights, sign * other.weights, &sum->weights);
	if (!fits)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("weights have too many digits for an exact sum"),
				 errhint("Round the weights, for instance to 6 decimals.")));
	sum->scale = scale;
}

/*
 * Returns the sum of one row. Errors: 22023 for a negative or infinite weight,
 * 22003 if 128 bits don't hold it.
 */
static WeightedSum
sum_of_row(Score score, Numeric weight)
{
	Decimal		decimal = decimal_from_numeric(weight, "weight");
	WeightedSum row;

	if (decimal.value < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("weight must not be negative")));
	row.scale = decimal.scale;
	row.weights = decimal.value;
	if (__builtin_mul_overflow(decimal.value, (int128) score, &row.products))
		report_too_many_digits("weight");
	return row;
}

/*
 * Returns the first argument in a form that may be changed: the argument itself
 * in an aggregate, which owns its state, and a copy for any other caller.
 */
static ArrayType *
state_argument(FunctionCallInfo fcinfo)
{
	return AggCheckCallContext(fcinfo, NULL) ?
		PG_GETARG_ARRAYTYPE_P(0) : PG_GETARG_ARRAYTYPE_P_COPY(0);
}

/* Adds a sum to the state, which is the first argument, or subtracts it. */
static Datum
accumulate(FunctionCallInfo fcinfo, WeightedSum other, int sign)
{
	ArrayType  *array = state_argument(fcinfo);
	WeightedSum sum = read_state(array);

	add_sum(&sum, other, sign);
	write_state(array, sum);
	PG_RETURN_ARRAYTYPE_P(array);
}

/*
 * weighted_score_accum(state int8[], score score, weight numeric) returns
 * int8[]: adds a row. Errors: 22003, 22023.
 */
Datum
weighted_score_accum(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, sum_of_row(PG_GETARG_SCORE(1), PG_GETARG_NUMERIC(2)), 1);
}

/*
 * weighted_number_accum(state int8[], score numeric, weight numeric) returns
 * int8[]: as weighted_score_accum(), of a score that is given as a number.
 */
Datum
weighted_number_accum(PG_FUNCTION_ARGS)
{
	Score		score = score_from_number(PG_GETARG_NUMERIC(1));

	return accumulate(fcinfo, sum_of_row(score, PG_GETARG_NUMERIC(2)), 1);
}

/*
 * weighted_score_accum_inv(state int8[], score score, weight numeric) returns
 * int8[]: removes a row that was added, for moving windows. Errors: 22003,
 * 22023.
 */
Datum
weighted_score_accum_inv(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, sum_of_row(PG_GETARG_SCORE(1), PG_GETARG_NUMERIC(2)), -1);
}

/*
 * weighted_number_accum_inv(state int8[], score numeric, weight numeric) returns
 * int8[]: as weighted_score_accum_inv(), of a score that is given as a number.
 */
Datum
weighted_number_accum_inv(PG_FUNCTION_ARGS)
{
	Score		score = score_from_number(PG_GETARG_NUMERIC(1));

	return accumulate(fcinfo, sum_of_row(score, PG_GETARG_NUMERIC(2)), -1);
}

/*
 * weighted_score_combine(state int8[], state int8[]) returns int8[]: adds the
 * state of another worker. Errors: 22003, 22023.
 */
Datum
weighted_score_combine(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, read_state(PG_GETARG_ARRAYTYPE_P(1)), 1);
}

/*
 * weighted_score_final(state int8[]) returns score: sum(weight x score) /
 * sum(weight), rounded half away from zero; NULL if the weights add up to 0.
 * Error: 22023 for sums that no rows can give. Source: doc/formulas.md.
 */
Datum
weighted_score_final(PG_FUNCTION_ARGS)
{
	WeightedSum sum = read_state(PG_GETARG_ARRAYTYPE_P(0));
	int128		result;

	if (sum.weights == 0)
		PG_RETURN_NULL();
	if (sum.weights < 0 || sum.products < 0)
		report_invalid_state();
	result = divide_half_away(sum.products, sum.weights);
	if (result > SCORE_MAX)
		report_invalid_state();
	PG_RETURN_SCORE((Score) result);
}
