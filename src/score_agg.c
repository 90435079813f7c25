/*
 * score_agg.c: the aggregate weighted_score(score, weight).
 *
 * The state is an int8[] and not internal, so that it travels between nodes:
 * {scale, products high, products low, weights high, weights low}, two 128-bit
 * sums of whole numbers: of weight x 10^scale x millionths, and of
 * weight x 10^scale. scale is the most decimals that any weight had. Sums of
 * whole numbers are the same in any order, and rows can leave a moving window
 * exactly as they came.
 */
#include "score.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

PG_FUNCTION_INFO_V1(weighted_score_accum);
PG_FUNCTION_INFO_V1(weighted_score_accum_inv);
PG_FUNCTION_INFO_V1(weighted_score_combine);
PG_FUNCTION_INFO_V1(weighted_score_final);

#define STATE_LENGTH 5
#define SCALE_MAX 38			/* more decimals than 128 bits have digits */

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

pg_noreturn static void
invalid_state(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid state for weighted_score"),
			 errhint("Only the aggregate weighted_score makes such states.")));
}

/* The numbers of a state array; error 22023 for an array that is none. */
static int64 *
state_numbers(ArrayType *array)
{
	int64	   *numbers;

	if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != STATE_LENGTH ||
		ARR_HASNULL(array) || ARR_ELEMTYPE(array) != INT8OID)
		invalid_state();
	numbers = (int64 *) ((char *) array + ARR_OVERHEAD_NONULLS(1));
	if (numbers[0] < 0 || numbers[0] > SCALE_MAX)
		invalid_state();
	return numbers;
}

static WeightedSum
state_read(ArrayType *array)
{
	int64	   *numbers = state_numbers(array);
	WeightedSum sum;

	sum.scale = (int) numbers[0];
	sum.products = int128_from_halves(numbers[1], numbers[2]);
	sum.weights = int128_from_halves(numbers[3], numbers[4]);
	return sum;
}

static void
state_write(ArrayType *array, WeightedSum sum)
{
	int64	   *numbers = state_numbers(array);

	numbers[0] = sum.scale;
	numbers[1] = (int64) (sum.products >> 64);
	numbers[2] = (int64) sum.products;
	numbers[3] = (int64) (sum.weights >> 64);
	numbers[4] = (int64) sum.weights;
}

/* sum += sign x other, both brought to the finer scale. */
static void
sum_add(WeightedSum *sum, WeightedSum other, int sign)
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

/* One row's score and weight as a sum; error 22023 for a negative weight. */
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
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("weight has too many digits")));
	return row;
}

/* An aggregate may change its own state in place; any other caller may not. */
static ArrayType *
state_argument(FunctionCallInfo fcinfo)
{
	return AggCheckCallContext(fcinfo, NULL) ?
		PG_GETARG_ARRAYTYPE_P(0) : PG_GETARG_ARRAYTYPE_P_COPY(0);
}

static Datum
accumulate(FunctionCallInfo fcinfo, WeightedSum other, int sign)
{
	ArrayType  *array = state_argument(fcinfo);
	WeightedSum sum = state_read(array);

	sum_add(&sum, other, sign);
	state_write(array, sum);
	PG_RETURN_ARRAYTYPE_P(array);
}

/* weighted_score_accum(state int8[], score, weight numeric): takes a row in. */
Datum
weighted_score_accum(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, sum_of_row(PG_GETARG_SCORE(1), PG_GETARG_NUMERIC(2)), 1);
}

/* weighted_score_accum_inv: takes a row out again, for moving windows. */
Datum
weighted_score_accum_inv(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, sum_of_row(PG_GETARG_SCORE(1), PG_GETARG_NUMERIC(2)), -1);
}

/* weighted_score_combine(state, state): of two workers. */
Datum
weighted_score_combine(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, state_read(PG_GETARG_ARRAYTYPE_P(1)), 1);
}

/*
 * weighted_score_final(state) returns score: sum(weight x score) /
 * sum(weight), rounded half away from zero; NULL where the weights add up to
 * 0. Source: the project's design, "Scores".
 */
Datum
weighted_score_final(PG_FUNCTION_ARGS)
{
	WeightedSum sum = state_read(PG_GETARG_ARRAYTYPE_P(0));
	int128		result;

	if (sum.weights == 0)
		PG_RETURN_NULL();
	/* only a state that no row made can be otherwise */
	if (sum.weights < 0 || sum.products < 0 ||
		(result = divide_half_away(sum.products, sum.weights)) > SCORE_MAX)
		invalid_state();
	PG_RETURN_SCORE((Score) result);
}
