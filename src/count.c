/*
 * count.c: the aggregate count_assets(), which counts the assets of
 * recommendations, metrics and initiatives by rules.
 *
 * Its rows are the sets that a provider yields, chunk by chunk in ascending
 * order. Several rows of a recommendation in a chunk are XORed: a set, and
 * changes to it. A row with a day is a change on that day that is to be undone:
 * the rows of a chunk come with the latest day last known first, and rows
 * without a day before them. As soon as the changes of all days after the day of
 * a rule are undone, the chunk is counted by that rule. So the counts of many
 * days take one pass, and memory for one chunk.
 *
 * The counts of chunks add up, because chunks have no asset in common, so those
 * of nodes do, too.
 */
#include "count.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(count_assets_accum);
PG_FUNCTION_INFO_V1(count_assets_final);

typedef struct CountState
{
	MemoryContext context;		/* for the whole state */
	MemoryContext chunk_context;	/* reset after each chunk */
	int			n_rules;
	CountRule  *rules;			/* by descending day */
	int		  **slots;			/* of each rule: its recommendations in collected */
	int			n_ids;
	int32	   *ids;			/* recommendations of all rules, ascending */
	CollectedSet *collected;	/* of each id, in the current chunk */
	int			chunk;			/* -1: none yet */
	int			next_rule;		/* by which the chunk has not been counted */
} CountState;

/* ---- the rules ---- */

static int
compare_ids(const void *a, const void *b)
{
	int32		id1 = *(const int32 *) a;
	int32		id2 = *(const int32 *) b;

	return id1 < id2 ? -1 : id1 > id2;
}

/* Returns the slot of a recommendation, or -1 if no rule counts it. */
static int
find_slot(const CountState *state, int32 id)
{
	int32	   *found = bsearch(&id, state->ids, state->n_ids, sizeof(int32), compare_ids);

	return found == NULL ? -1 : found - state->ids;
}

/* Collects the recommendations of all rules, each once. */
static void
make_slots(CountState *state)
{
	int			n = 0;

	for (int i = 0; i < state->n_rules; i++)
		n += state->rules[i].n_recommendations;
	state->ids = palloc(Max(n, 1) * sizeof(int32));
	n = 0;
	for (int i = 0; i < state->n_rules; i++)
		for (int j = 0; j < state->rules[i].n_recommendations; j++)
			state->ids[n++] = state->rules[i].recommendations[j].id;
	qsort(state->ids, n, sizeof(int32), compare_ids);
	for (int i = 0; i < n; i++)
		if (i == 0 || state->ids[i] != state->ids[state->n_ids - 1])
			state->ids[state->n_ids++] = state->ids[i];
	state->collected = palloc0(Max(state->n_ids, 1) * sizeof(CollectedSet));
	state->slots = palloc(state->n_rules * sizeof(int *));
	for (int i = 0; i < state->n_rules; i++)
	{
		CountRule  *rule = &state->rules[i];

		state->slots[i] = palloc(Max(rule->n_recommendations, 1) * sizeof(int));
		for (int j = 0; j < rule->n_recommendations; j++)
			state->slots[i][j] = find_slot(state, rule->recommendations[j].id);
	}
}

static CountState *
make_state(MemoryContext parent, Datum rules)
{
	MemoryContext context = AllocSetContextCreate(parent, "count_assets",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	CountState *state = palloc0(sizeof(CountState));
	Datum	   *elements;

	state->context = context;
	state->chunk_context = AllocSetContextCreate(context, "count_assets chunk",
												 ALLOCSET_DEFAULT_SIZES);
	state->chunk = -1;
	elements = count_rule_array(PointerGetDatum(PG_DETOAST_DATUM_COPY(rules)), &state->n_rules,
								NULL);
	state->rules = palloc(Max(state->n_rules, 1) * sizeof(CountRule));
	for (int i = 0; i < state->n_rules; i++)
	{
		count_rule_read(&state->rules[i], i > 0 ? &state->rules[i - 1] : NULL, elements[i]);
		if (i > 0 && state->rules[i].day > state->rules[i - 1].day)
			report_invalid_rule("counting rules are not in descending order of days");
	}
	make_slots(state);
	MemoryContextSwitchTo(caller);
	return state;
}

/* ---- the sets of a chunk ---- */

/* Counts the chunk by the rules whose day is not before a day. */
static void
count_until(CountState *state, DateADT day)
{
	MemoryContext caller = MemoryContextSwitchTo(state->chunk_context);

	while (state->next_rule < state->n_rules && state->rules[state->next_rule].day >= day)
	{
		count_chunk(&state->rules[state->next_rule], state->chunk, state->collected,
					state->slots[state->next_rule]);
		state->next_rule++;
	}
	MemoryContextSwitchTo(caller);
}

static void
finish_chunk(CountState *state)
{
	if (state->chunk < 0)
		return;
	count_until(state, DATEVAL_NOBEGIN);
	MemoryContextReset(state->chunk_context);
	memset(state->collected, 0, state->n_ids * sizeof(CollectedSet));
}

static void
begin_chunk(CountState *state, int32 chunk)
{
	if (chunk == state->chunk)
		return;
	if (chunk < state->chunk)
		report_invalid_rule(psprintf("chunk %d comes after chunk %d", chunk, state->chunk));
	finish_chunk(state);
	state->chunk = chunk;
	state->next_rule = 0;
}

/* XORs a container with a set that has no ids outside the chunk. */
static void
collect_set(CountState *state, Container *collected, Datum datum)
{
	FlatAssetset *flat = DatumGetFlatAssetset(datum);
	RoaringReader reader;
	Container	container;

	roaring_reader_open(&reader, flat->bytes, FLAT_BYTES_SIZE(flat));
	if (!roaring_reader_next(&reader, &container))
		return;
	if (container.key != (uint32) state->chunk || reader.containers != 1)
		report_invalid_rule(psprintf("set of chunk %d has ids of another one", state->chunk));
	if (collected->units == 0)
	{
		Size		size = container_size(&container);

		*collected = container;
		collected->data = memcpy(MemoryContextAlloc(state->chunk_context, size),
								 container.data, size);
		return;
	}
	if (collected->allocated == 0)
	{
		char	   *bits = MemoryContextAlloc(state->chunk_context, BITSET_BYTES);

		container_load(bits, collected);
		collected->kind = CONTAINER_BITSET;
		collected->units = BITSET_WORDS;
		collected->data = bits;
		collected->allocated = BITSET_BYTES;
		collected->cardinality = 0;
	}
	container_update_bitset((char *) collected->data, COMBINE_XOR, &container);
	if (flat != (FlatAssetset *) DatumGetPointer(datum))
		assetset_release_flat(flat, datum);
}

/* Collects the sets of one recommendation. */
static void
collect_row(CountState *state, FunctionCallInfo fcinfo)
{
	int			slot = find_slot(state, PG_GETARG_INT32(4));

	if (slot < 0)
		return;
	if (!PG_ARGISNULL(5))
		collect_set(state, &state->collected[slot].assessed, PG_GETARG_DATUM(5));
	if (!PG_ARGISNULL(6))
		collect_set(state, &state->collected[slot].exposed, PG_GETARG_DATUM(6));
}

/*
 * count_assets_accum(state, rules counting_rule[], chunk, day,
 * recommendation_id, assessed, exposed) returns internal: adds a row, which has
 * sets of one recommendation. A row with chunk NULL has none. Errors: 22023 for
 * rows or rules that are out of order, XX001 for a corrupted set.
 */
Datum
count_assets_accum(PG_FUNCTION_ARGS)
{
	MemoryContext aggregate;
	CountState *state;

	if (!AggCheckCallContext(fcinfo, &aggregate))
		report_invalid_rule("count_assets_accum called in non-aggregate context");
	if (!PG_ARGISNULL(0))
		state = (CountState *) PG_GETARG_POINTER(0);
	else if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	else
		state = make_state(aggregate, PG_GETARG_DATUM(1));
	if (!PG_ARGISNULL(2))
	{
		begin_chunk(state, PG_GETARG_INT32(2));
		if (!PG_ARGISNULL(3))
			count_until(state, PG_GETARG_DATEADT(3));
		if (!PG_ARGISNULL(4))
			collect_row(state, fcinfo);
	}
	PG_RETURN_POINTER(state);
}

/* ---- the result ---- */

#define RESULT_FIELDS (10 + RETURNED_SETS)

/* The rows that count_assets_final() returns. */
typedef struct CountResult
{
	TupleDesc	desc;
	int			rule;			/* position of the rule, from 1 */
	Datum	   *rows;
	int			n_rows;
	int			max_rows;		/* allocated */
} CountResult;

/* Adds a row unless all its counts are 0. writers may be NULL, as may each count. */
static void
add_result(CountResult *result, const CountRule *rule, int group, const char *kind, int32 id,
		   const ObjectCount *count, RoaringWriter *writers)
{
	Datum		values[RESULT_FIELDS];
	bool		nulls[RESULT_FIELDS] = {false};

	if (writers == NULL && count->assessed == 0 && count->failing == 0 && count->exposed == 0 &&
		count->population == 0)
		return;
	values[0] = Int32GetDatum(result->rule);
	nulls[1] = rule->n_groups == 0;
	values[1] = Int32GetDatum(nulls[1] ? 0 : rule->group_ids[group]);
	values[2] = CStringGetTextDatum(kind);
	values[3] = Int32GetDatum(id);
	values[4] = Int64GetDatum(count->assessed);
	values[5] = Int64GetDatum(count->exposed);
	values[6] = Int64GetDatum(count->failing);
	values[7] = Int64GetDatum(count->critical);
	values[8] = Int64GetDatum(count->population);
	values[9] = Int64GetDatum(count->unassessed);
	for (int i = 0; i < RETURNED_SETS; i++)
	{
		nulls[10 + i] = writers == NULL;
		if (writers != NULL)
			values[10 + i] = PointerGetDatum(assetset_flat_from_writer(&writers[i]));
	}
	if (result->n_rows == result->max_rows)
	{
		result->max_rows = Max(2 * result->max_rows, 64);
		result->rows = resize_array(result->rows, result->max_rows, sizeof(Datum));
	}
	result->rows[result->n_rows++] =
		HeapTupleGetDatum(heap_form_tuple(result->desc, values, nulls));
}

static void
add_results_of_rule(CountResult *result, CountRule *rule, int group)
{
	ObjectCount *counts = rule->counts + (Size) group * count_rule_objects(rule);

	for (int i = 0; i < rule->n_recommendations; i++)
		add_result(result, rule, group, "recommendation", rule->recommendations[i].id, counts++,
				   rule->recommendations[i].writers);
	for (int i = 0; i < rule->n_metrics; i++)
		add_result(result, rule, group, "metric", rule->metrics[i].id, counts++,
				   rule->metrics[i].writers);
	for (int i = 0; i < rule->n_initiatives; i++)
		add_result(result, rule, group, "initiative", rule->initiatives[i].id, counts++, NULL);
}

/* Adds the inactive assets as the exposed ones of an object, and those retired as assessed. */
static void
add_inactive(CountResult *result, CountRule *rule)
{
	RoaringWriter writers[RETURNED_SETS];
	ObjectCount none = {0};

	for (int i = 0; i < RETURNED_SETS; i++)
		if (i == RETURNED_EXPOSED)
			writers[i] = *rule->inactive_writer;
		else if (i == RETURNED_ASSESSED)
			writers[i] = *rule->retired_writer;
		else
			roaring_writer_open(&writers[i], 0);
	add_result(result, rule, 0, "inactive", 0, &none, writers);
}

/*
 * count_assets_final(state) returns counted_object[]: a row for each object of
 * each rule and group that has assets, and for each one whose sets are
 * returned. NULL if no row had rules.
 */
Datum
count_assets_final(PG_FUNCTION_ARGS)
{
	Oid			type = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	CountState *state;
	CountResult		result = {0};

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (CountState *) PG_GETARG_POINTER(0);
	finish_chunk(state);
	state->chunk = -1;
	result.desc = lookup_rowtype_tupdesc_copy(type, -1);
	for (int i = 0; i < state->n_rules; i++)
	{
		CountRule  *rule = &state->rules[i];

		result.rule = i + 1;
		for (int group = 0; group < Max(rule->n_groups, 1); group++)
			add_results_of_rule(&result, rule, group);
		if (rule->inactive_writer != NULL)
			add_inactive(&result, rule);
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(result.rows, result.n_rows, type, -1, false,
										  TYPALIGN_DOUBLE));
}
