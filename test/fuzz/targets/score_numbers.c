/*
 * score_numbers.c: the formulas on numerics: score(exposed, assessed),
 * is_drop() and the aggregate weighted_score, with its state.
 *
 * The input is a byte that selects what to try, and ten numbers of eight bytes
 * for two states of the aggregate or, for the others, lines with numbers.
 */
#include "scores.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#define MAX_NUMBERS 8

/* Whether a text is one that numeric_out() may return. */
static bool
is_numeric_text(const char *text)
{
	size_t		sign = *text == '-';
	size_t		whole = sign + strspn(text + sign, "0123456789");
	size_t		decimals = 0;

	if (strcmp(text, "NaN") == 0 || strcmp(text, "Infinity") == 0 ||
		strcmp(text, "-Infinity") == 0)
		return true;
	if (whole == sign)
		return false;
	if (text[whole] == '\0')
		return true;
	if (text[whole] == '.')
		decimals = strspn(text + whole + 1, "0123456789");
	return decimals > 0 && text[whole + 1 + decimals] == '\0';
}

/* Reads the lines that are numbers, as numerics; returns how many. */
static int
read_numbers(const uint8 *data, size_t size, Datum *numbers)
{
	char	   *text = text_input(data, size);
	char	   *rest = NULL;
	int			count = 0;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL && count < MAX_NUMBERS;
		 line = strtok_r(NULL, "\n", &rest))
		if (is_numeric_text(line))
			numbers[count++] = numeric_of(line);
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

/* Whether the difference is at most half a millionth, and the error of long double. */
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

/* Returns the score that goes with a weight. */
static Datum
some_score(int seed, int i)
{
	return Int32GetDatum((int32) ((uint64) (seed + 1) * (i + 1) * 7654321 % (SCORE_MAX + 1)));
}

static bool
try_accum(Datum *state, Datum score, Datum weight)
{
	return try_call(weighted_score_accum, state, 3, *state, score, weight);
}

/*
 * Tries rows in their order, in reverse, in two parts that are combined, and with
 * one more row that leaves again: the score must be the same.
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
	Datum		extra;

	for (int i = 0; i < count; i++)
	{
		int			j = count - 1 - i;

		if (!try_accum(&forwards, some_score(seed, i), numbers[i]) ||
			!try_accum(&backwards, some_score(seed, j), numbers[j]) ||
			!try_accum(&parts[i % 2], some_score(seed, i), numbers[i]))
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

	/* a row that is added and removed changes nothing, if 128 bits hold the sum */
	extra = some_score(seed, 9);
	if (!try_call(weighted_score_accum, &backwards, 3, forwards, extra, numbers[0]))
	{
		check_refused();
		return;
	}
	backwards = call(weighted_score_accum_inv, 3, backwards, extra, numbers[0]);
	CHECK(same_state(backwards, forwards));
}

/* Tries states that no aggregate has created. */
static void
try_state(const uint8 *data, size_t size)
{
	int64		numbers[10] = {0};
	Datum		state;
	Datum		score;

	memcpy(numbers, data, Min(size, sizeof(numbers)));
	if (!try_call(weighted_score_combine, &state, 2, state_of(numbers), state_of(numbers + 5)) ||
		!try_accum(&state, Int32GetDatum(SCORE_MAX), numeric_of("12.5")) ||
		!try_call(weighted_score_accum_inv, &state, 3, state, Int32GetDatum(0),
				  numeric_of("0.001")) ||
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
	Datum		drop = call(score_drop, 3, previous, current, basis);
	bool		no_drop = call_was_null;
	long double threshold = value_of(numbers[0]);
	Datum		result;

	CHECK(no_drop == (relative && DatumGetScore(previous) == 0));
	if (!try_call(is_drop, &result, 4, previous, current, numbers[0], basis))
	{
		check_refused();
		return;
	}
	fuzz_taken++;
	CHECK(threshold > 0);
	/* a relative drop is rounded to a millionth */
	if (no_drop || fabsl(value_of(drop) - threshold) > 1e-6L)
		CHECK(DatumGetBool(result) == (!no_drop && value_of(drop) > threshold));
	/* a drop in points is exact: it is a drop of that size */
	if (!no_drop && !relative && value_of(drop) > 0)
		CHECK(DatumGetBool(call(is_drop, 4, previous, current, drop, basis)));
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
