/*
 * score_numbers.c: the formulas on numerics: score(exposed, assessed),
 * is_drop() and the aggregate weighted_score, with its state.
 *
 * The input: a byte that tells what to try, then for the state of an
 * aggregate five numbers of eight bytes, or else texts of numbers, by line.
 */
#include "scores.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#define MAX_NUMBERS 8

/* The lines of a text that numeric_out may give, as numerics. */
static int
read_numbers(const uint8 *data, size_t size, Datum *numbers)
{
	char	   *text = text_input(data, size);
	char	   *rest = NULL;
	int			count = 0;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL && count < MAX_NUMBERS;
		 line = strtok_r(NULL, "\n", &rest))
	{
		size_t		whole = strspn(line + (*line == '-'), "0123456789") + (*line == '-');
		size_t		decimals = line[whole] == '.' ? strspn(line + whole + 1, "0123456789") : 0;

		if (strcmp(line, "NaN") != 0 && strcmp(line, "Infinity") != 0 && strcmp(line, "-Infinity") != 0 &&
			(whole == (size_t) (*line == '-') || line[whole + (line[whole] == '.' ? 1 + decimals : 0)] != '\0' ||
			 (line[whole] == '.' && decimals == 0)))
			continue;
		numbers[count++] = numeric_of(line);
	}
	return count;
}

static void
check_refused(void)
{
	CHECK(error_seen.sqlstate == ERRCODE_INVALID_PARAMETER_VALUE ||
		  error_seen.sqlstate == ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE ||
		  error_seen.sqlstate == ERRCODE_FEATURE_NOT_SUPPORTED);
}

static long double
value_of(Datum number)
{
	return strtold(DatumGetCString(DirectFunctionCall1(numeric_out, number)), NULL);
}

/* Within half a millionth, and what long double may be off. */
static bool
is_rounded(Score score, long double exact)
{
	return fabsl(score - exact) <= 0.5L + 1e-6L;
}

static void
try_exposed(const Datum *numbers)
{
	Datum		score;
	long double exposed = value_of(numbers[0]);
	long double assessed = value_of(numbers[1]);

	if (!try_call(score_of_exposed, &score, 2, numbers[0], numbers[1]))
	{
		check_refused();
		return;
	}
	fuzz_taken++;
	if (call_was_null)
	{
		CHECK(assessed == 0);
		return;
	}
	CHECK(exposed >= 0 && exposed <= assessed);
	CHECK(is_rounded(DatumGetScore(score), SCORE_MAX * ((assessed - exposed) / assessed)));
	score_check(score);
}

static Datum
state_of(const int64 *numbers)
{
	ArrayType  *array = palloc0(ARR_OVERHEAD_NONULLS(1) + 5 * sizeof(int64));

	SET_VARSIZE(array, ARR_OVERHEAD_NONULLS(1) + 5 * sizeof(int64));
	array->elemtype = INT8OID;
	array->ndim = 1;
	ARR_DIMS(array)[0] = 5;
	ARR_LBOUND(array)[0] = 1;
	memcpy(ARR_DATA_PTR(array), numbers, 5 * sizeof(int64));
	return PointerGetDatum(array);
}

static bool
same_state(Datum state1, Datum state2)
{
	return memcmp(DatumGetPointer(state1), DatumGetPointer(state2),
				  VARSIZE(DatumGetPointer(state1))) == 0;
}

/* The scores that go with the weights. */
static Datum
some_score(int seed, int i)
{
	return Int32GetDatum((int32) ((uint64) (seed + 1) * (i + 1) * 7654321 % (SCORE_MAX + 1)));
}

/*
 * Weights in their order, backwards, in two parts that are combined, and with
 * one that leaves again: the same score.
 */
static void
try_weighted(const Datum *numbers, int count, int seed)
{
	int64		zero[5] = {0};
	Datum		forwards = state_of(zero);
	Datum		backwards = state_of(zero);
	Datum		parts[2] = {state_of(zero), state_of(zero)};
	long double products = 0;
	long double weights = 0;
	Datum		score;

	for (int i = 0; i < count; i++)
	{
		int			j = count - 1 - i;

		if (!try_call(weighted_score_accum, &forwards, 3, forwards, some_score(seed, i), numbers[i]) ||
			!try_call(weighted_score_accum, &backwards, 3, backwards, some_score(seed, j), numbers[j]) ||
			!try_call(weighted_score_accum, &parts[i % 2], 3, parts[i % 2], some_score(seed, i), numbers[i]))
		{
			check_refused();
			return;
		}
		CHECK(value_of(numbers[i]) >= 0);
		products += value_of(numbers[i]) * DatumGetScore(some_score(seed, i));
		weights += value_of(numbers[i]);
	}
	CHECK(same_state(forwards, backwards));
	CHECK(same_state(call(weighted_score_combine, 2, parts[0], parts[1]), forwards));
	CHECK(same_state(call(weighted_score_combine, 2, parts[1], parts[0]), forwards));
	score = call(weighted_score_final, 1, forwards);
	CHECK(call_was_null == (weights == 0));
	if (call_was_null)
		return;
	fuzz_taken++;
	CHECK(is_rounded(DatumGetScore(score), products / weights));
	score_check(score);

	/* a row that comes and leaves changes nothing, if there is room for it */
	if (!try_call(weighted_score_accum, &backwards, 3, forwards, some_score(seed, 9), numbers[0]))
		check_refused();
	else
		CHECK(same_state(call(weighted_score_accum_inv, 3, backwards, some_score(seed, 9), numbers[0]),
						 forwards));
}

/* A state that anyone may have made up. */
static void
try_state(const uint8 *data, size_t size)
{
	int64		numbers[10] = {0};
	Datum		state;
	Datum		score;

	memcpy(numbers, data, Min(size, sizeof(numbers)));
	if (!try_call(weighted_score_combine, &state, 2, state_of(numbers), state_of(numbers + 5)) ||
		!try_call(weighted_score_accum, &state, 3, state, Int32GetDatum(SCORE_MAX), numeric_of("12.5")) ||
		!try_call(weighted_score_accum_inv, &state, 3, state, Int32GetDatum(0), numeric_of("0.001")) ||
		!try_call(weighted_score_final, &score, 1, state))
		check_refused();
	else if (!call_was_null)
	{
		fuzz_taken++;
		score_check(score);
	}
}

static void
try_drop(const Datum *numbers, int seed)
{
	Datum		previous = some_score(seed, 2);
	Datum		current = some_score(seed, 5);
	bool		relative = seed % 2 == 0;
	Datum		basis = text_of(relative ? "relative" : "points");
	Datum		fall = call(score_drop, 3, previous, current, basis);
	bool		no_fall = call_was_null;
	long double threshold = value_of(numbers[0]);
	Datum		result;

	CHECK(no_fall == (relative && DatumGetScore(previous) == 0));
	if (!try_call(is_drop, &result, 4, previous, current, numbers[0], basis))
	{
		check_refused();
		return;
	}
	fuzz_taken++;
	CHECK(threshold > 0);
	/* the fall is rounded to a millionth, where it is relative */
	if (no_fall || fabsl(value_of(fall) - threshold) > 1e-6L)
		CHECK(DatumGetBool(result) == (!no_fall && value_of(fall) > threshold));
	/* what it fell by is a drop of that size, where it is exact */
	if (!no_fall && !relative && value_of(fall) > 0)
		CHECK(DatumGetBool(call(is_drop, 4, previous, current, fall, basis)));
}

void
fuzz_input(const uint8 *data, size_t size)
{
	Datum		numbers[MAX_NUMBERS];
	int			count;

	if (size == 0)
		return;
	if (data[0] % 4 == 3)
	{
		try_state(data + 1, size - 1);
		return;
	}
	count = read_numbers(data + 1, size - 1, numbers);
	if (data[0] % 4 == 0 && count >= 2)
		try_exposed(numbers);
	else if (data[0] % 4 == 1 && count >= 1)
		try_weighted(numbers, count, data[0] / 4);
	else if (data[0] % 4 == 2 && count >= 1)
		try_drop(numbers, data[0] / 4);
}
