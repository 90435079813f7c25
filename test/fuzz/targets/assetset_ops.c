/*
 * assetset_ops.c: two sets are built in several ways, and whatever combines or
 * compares them returns the same as the operation on arrays of bits.
 *
 * The input is two bytes that select the forms of the sets and what fails on the
 * way, and steps of eight bytes: which set, how it is changed, which container,
 * first id, number of ids, stride.
 */
#include "sets.h"

#include "port/pg_bitutils.h"

#define KEYS 3
static const uint32 keys[KEYS] = {0, 1, 32767};

#define WORDS (KEYS * BITSET_WORDS)
typedef struct Bits
{
	uint64		words[WORDS];
} Bits;

typedef uint64 (*WordOperation) (uint64, uint64);

static uint64 word_or(uint64 a, uint64 b) { return a | b; }
static uint64 word_and(uint64 a, uint64 b) { return a & b; }
static uint64 word_andnot(uint64 a, uint64 b) { return a & ~b; }
static uint64 word_xor(uint64 a, uint64 b) { return a ^ b; }

static const struct
{
	PGFunction	function;
	PGFunction	transition;		/* NULL if no aggregate does this */
	WordOperation operation;
}			operations[] = {
	{assetset_union, union_agg_accum, word_or},
	{assetset_intersection, intersect_agg_accum, word_and},
	{assetset_difference, NULL, word_andnot},
	{assetset_symmetric_difference, xor_agg_accum, word_xor},
};

/* two sets: the expected bits, and the flat and expanded forms */
typedef struct Pair
{
	Bits		bits[2];
	Datum		sets[2][2];
} Pair;

static Bits *
combined(const Bits *a, const Bits *b, WordOperation operation)
{
	Bits	   *result = palloc(sizeof(Bits));

	for (int i = 0; i < WORDS; i++)
		result->words[i] = operation(a->words[i], b->words[i]);
	return result;
}

static int
count_bits(const Bits *set)
{
	return pg_popcount((const char *) set->words, sizeof(Bits));
}

static void
set_bits(uint64 *words, int from, int to)
{
	for (int at = from; at <= to;)
	{
		if (at % 64 == 0 && to - at >= 63)
		{
			words[at / 64] = ~UINT64CONST(0);
			at += 64;
			continue;
		}
		words[at / 64] |= UINT64CONST(1) << at % 64;
		at++;
	}
}

/* Sets the bits of a valid container. */
static void
read_container_bits(const Container *container, uint64 *words)
{
	const uint16 *values = (const uint16 *) container->data;
	int			step = container->kind == CONTAINER_RUN ? 2 : 1;

	if (container->kind == CONTAINER_BITSET)
	{
		memcpy(words, container->data, BITSET_BYTES);
		return;
	}
	for (int i = 0; i < container->units; i++)
	{
		uint16		first;
		uint16		more = 0;

		memcpy(&first, values + i * step, sizeof(first));
		if (step == 2)
			memcpy(&more, values + i * step + 1, sizeof(more));
		set_bits(words, first, first + more);
	}
}

/* Checks that the set has the ids of these bits and no others. */
static void
check_is(Datum set, const Bits *expected)
{
	FlatAssetset *flat = (FlatAssetset *) DatumGetPointer(set_flat(set));
	Bits	   *found = palloc0(sizeof(Bits));
	int			key = 0;
	RoaringReader reader;
	Container	container;

	CHECK(roaring_bytes_check(flat->bytes, FLAT_BYTES_SIZE(flat)) == NULL);
	roaring_reader_open(&reader, flat->bytes, FLAT_BYTES_SIZE(flat));
	while (roaring_reader_next(&reader, &container))
	{
		while (key < KEYS && keys[key] < container.key)
			key++;
		CHECK(key < KEYS && keys[key] == container.key);
		read_container_bits(&container, found->words + key * BITSET_WORDS);
	}
	CHECK(memcmp(found, expected, sizeof(Bits)) == 0);
	pfree(flat);
	pfree(found);
}

/* Compares by the first bit in which the sets differ. */
static int
order_of_bits(const Bits *set1, const Bits *set2)
{
	int			at = 0;
	int			bit;
	bool		in_first;
	const Bits *other;

	while (at < WORDS && set1->words[at] == set2->words[at])
		at++;
	if (at == WORDS)
		return 0;
	bit = pg_rightmost_one_pos64(set1->words[at] ^ set2->words[at]);
	in_first = (set1->words[at] >> bit) & 1;
	/* the set that has this id is smaller, unless the other has none after it */
	other = in_first ? set2 : set1;
	if (other->words[at] >> bit != 0)
		return in_first ? -1 : 1;
	while (++at < WORDS)
		if (other->words[at] != 0)
			return in_first ? -1 : 1;
	return in_first ? 1 : -1;
}

/* ---- making the sets ---- */

typedef struct Step
{
	int			set;
	int			way;
	int			key;
	int			first;
	int			count;
	int			stride;
} Step;

static Step
read_step(const uint8 *data)
{
	Step		step;

	step.set = data[0] & 1;
	step.way = (data[0] >> 1) % 3;
	step.key = data[1] % KEYS;
	step.first = data[2] | data[3] << 8;
	step.stride = 1 + data[6] % 4;
	step.count = data[4] | data[5] << 8;
	/* mostly a few ids, for speed */
	if (data[7] != 0)
		step.count %= data[7] < 8 ? 5000 : 64;
	step.count = Min(step.count, (CONTAINER_IDS - 1 - step.first) / step.stride + 1);
	return step;
}

/* Returns the step's ids as a text. */
static char *
text_of_ids(const int32 *ids, int count)
{
	char	   *text = palloc(12 * (Size) count + 3);
	char	   *p = text;

	*p++ = '{';
	for (int i = 0; i < count; i++)
		p += sprintf(p, "%s%d", i > 0 ? "," : "", ids[i]);
	strcpy(p, "}");
	return text;
}

/* Adds the step's ids to a state: one by one, as an array, or as a text. */
static bool
try_step(const Step *step, NullableDatum *state)
{
	int32	   *ids = palloc((step->count + 1) * sizeof(int32));
	Datum		set;

	/* a few ids come in descending order, which is the harder one */
	for (int i = 0; i < step->count; i++)
		ids[step->count < 64 ? step->count - 1 - i : i] =
			keys[step->key] * CONTAINER_IDS + step->first + i * step->stride;
	if (step->way == 0)
	{
		for (int i = 0; i < step->count; i++)
			if (!try_transit(assetset_agg_accum, state, 2, Int32GetDatum(ids[i])))
				return false;
		return true;
	}
	if (step->way == 1)
		return try_call(assetset_from_array, &set, 1, array_of(ids, step->count)) &&
			try_transit(union_agg_accum, state, 2, set);
	return try_call(assetset_in, &set, 1, CStringGetDatum(text_of_ids(ids, step->count))) &&
		try_transit(union_agg_accum, state, 2, set);
}

static bool
try_make(Pair *pair, const uint8 *data, size_t size)
{
	NullableDatum states[2] = {{(Datum) 0, true}, {(Datum) 0, true}};

	for (int steps = 0; size >= 8 && steps < 8; data += 8, size -= 8, steps++)
	{
		Step		step = read_step(data);

		if (!try_step(&step, &states[step.set]))
			return false;
		for (int i = 0; i < step.count; i++)
		{
			int			bit = step.key * CONTAINER_IDS + step.first + i * step.stride;

			pair->bits[step.set].words[bit / 64] |= UINT64CONST(1) << bit % 64;
		}
	}
	for (int i = 0; i < 2; i++)
	{
		/* an aggregate without rows */
		if (states[i].isnull && !try_call(assetset_in, &states[i].value, 1, CStringGetDatum("{}")))
			return false;
		/* read-only, because an aggregate would change it in place */
		if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(states[i].value)))
			states[i].value = EOHPGetRODatum(DatumGetEOHP(states[i].value));
		pair->sets[i][1] = states[i].value;
	}
	return true;
}

/* ---- using them ---- */

/*
 * Tries an operator on two results of it, which nothing has written as bytes yet,
 * and which are the arguments in the other order. The first one is changed in
 * place.
 */
static bool
try_combine_results(Pair *pair, int i, Datum set1, Datum set2)
{
	WordOperation operation = operations[i].operation;
	const Bits *bits1 = combined(&pair->bits[0], &pair->bits[1], operation);
	const Bits *bits2 = combined(&pair->bits[1], &pair->bits[0], operation);
	const Bits *both = combined(bits1, bits2, word_and);
	Datum		result1;
	Datum		result2;
	Datum		is_within;
	Datum		overlaps;
	Datum		count;

	if (!try_call(operations[i].function, &result1, 2, set1, set2) ||
		!try_call(operations[i].function, &result2, 2, set2, set1) ||
		!try_call(assetset_cardinality, &count, 1, result1) ||
		!try_call(assetset_contained, &is_within, 2, result1, result2) ||
		!try_call(assetset_overlaps, &overlaps, 2, result1, result2))
		return false;
	CHECK(DatumGetInt64(count) == count_bits(bits1));
	CHECK(DatumGetBool(is_within) == (count_bits(both) == count_bits(bits1)));
	CHECK(DatumGetBool(overlaps) == (count_bits(both) > 0));
	for (int bit = 0; bit < 64 * WORDS; bit += 4093)
	{
		int32		id = keys[bit / CONTAINER_IDS] * CONTAINER_IDS + bit % CONTAINER_IDS;
		bool		is_in = bits1->words[bit / 64] >> bit % 64 & 1;

		CHECK(DatumGetBool(call(assetset_contains_id, 2, result1, Int32GetDatum(id))) == is_in);
	}
	if (!try_call(operations[i].function, &result1, 2, result1, result2))
		return false;
	check_is(result1, combined(bits1, bits2, operation));
	check_is(result2, bits2);
	return true;
}

/* Tries operators and aggregates on flat and expanded arguments. */
static bool
try_combine(Pair *pair, Datum set1, Datum set2)
{
	for (int i = 0; i < (int) lengthof(operations); i++)
	{
		const Bits *expected = combined(&pair->bits[0], &pair->bits[1], operations[i].operation);
		NullableDatum state = {set1, false};
		Datum		result;

		if (!try_call(operations[i].function, &result, 2, set1, set2))
			return false;
		check_is(result, expected);
		if (!try_combine_results(pair, i, set1, set2))
			return false;
		if (operations[i].transition == NULL)
			continue;
		/* on a state that is not the aggregate's own, then on one that is */
		if (!try_transit(operations[i].transition, &state, 2, set2))
			return false;
		check_is(state.value, expected);
		if (!try_transit(operations[i].transition, &state, 2, set2))
			return false;
		check_is(state.value, combined(expected, &pair->bits[1], operations[i].operation));
	}
	return true;
}

/* Tries functions that do not return a set. */
static bool
try_tests(Pair *pair, Datum set1, Datum set2)
{
	int			count1 = count_bits(&pair->bits[0]);
	int			count2 = count_bits(&pair->bits[1]);
	int			both = count_bits(combined(&pair->bits[0], &pair->bits[1], word_and));
	bool		are_equal = memcmp(&pair->bits[0], &pair->bits[1], sizeof(Bits)) == 0;
	Datum		result;

	return try_call(assetset_cardinality, &result, 1, set1) &&
		(CHECK(DatumGetInt64(result) == count1), true) &&
		try_call(assetset_contains, &result, 2, set1, set2) &&
		(CHECK(DatumGetBool(result) == (both == count2)), true) &&
		try_call(assetset_contained, &result, 2, set1, set2) &&
		(CHECK(DatumGetBool(result) == (both == count1)), true) &&
		try_call(assetset_overlaps, &result, 2, set1, set2) &&
		(CHECK(DatumGetBool(result) == (both > 0)), true) &&
		try_call(assetset_cmp, &result, 2, set1, set2) &&
		(CHECK(DatumGetInt32(result) == order_of_bits(&pair->bits[0], &pair->bits[1])), true) &&
		try_call(assetset_eq, &result, 2, set1, set2) &&
		(CHECK(DatumGetBool(result) == are_equal), true);
}

static bool
try_use(Pair *pair, int forms)
{
	Datum		set1 = pair->sets[0][forms & 1];
	Datum		set2 = pair->sets[1][(forms >> 1) & 1];

	return try_combine(pair, set1, set2) && try_tests(pair, set1, set2);
}

static void
check_pair(Pair *pair)
{
	for (int i = 0; i < 2; i++)
		for (int form = 0; form < 2; form++)
			check_is(pair->sets[i][form], &pair->bits[i]);
}

void
fuzz_input(const uint8 *data, size_t size)
{
	Pair	   *pair = palloc0(sizeof(Pair));
	int			fails;
	bool		done;

	if (size < 2)
		return;
	/* an allocation fails in a quarter of the inputs, an interrupt in another */
	fails = data[0] >> 6;
	fail_allocation(fails == 2 ? 1 + (data[0] >> 2) % 16 * 256 + data[1] : 0);
	fail_interrupt(fails == 3 ? 1 + (data[0] >> 2) % 16 * 256 + data[1] : 0);
	done = try_make(pair, data + 2, size - 2);
	if (done)
	{
		int			left = fails == 2 ? data[1] : 0;

		/* the flat forms are made by the target itself, and must not fail */
		fail_allocation(0);
		for (int i = 0; i < 2; i++)
			pair->sets[i][0] = set_flat(pair->sets[i][1]);
		check_pair(pair);
		fail_allocation(left);
		done = try_use(pair, data[0]);
	}
	CHECK(done || (fails == 2 && error_seen.sqlstate == ERRCODE_OUT_OF_MEMORY) ||
		  (fails == 3 && error_seen.sqlstate == ERRCODE_QUERY_CANCELED));
	fail_allocation(0);
	fail_interrupt(0);
	/* after a failure, too, the arguments are unchanged */
	if (pair->sets[1][0] != (Datum) 0)
		check_pair(pair);
	fuzz_taken += done;
}
