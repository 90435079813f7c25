/*
 * assetset_agg.c: the aggregates assetset_agg(), union_agg(), intersect_agg(),
 * xor_agg() and repeated_agg().
 *
 * The state is an assetset. Within an aggregate it is expanded, below the
 * aggregate's memory context, and changed in place: the executor does not copy
 * an expanded object that lives there. A state that comes flat, as the first
 * value and those from parallel workers do, is expanded once. When called
 * outside an aggregate, the functions change none of their arguments.
 */
#include "assetset.h"

#include "access/detoast.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(assetset_agg_accum);
PG_FUNCTION_INFO_V1(union_agg_accum);
PG_FUNCTION_INFO_V1(intersect_agg_accum);
PG_FUNCTION_INFO_V1(xor_agg_accum);
PG_FUNCTION_INFO_V1(repeated_agg_accum);
PG_FUNCTION_INFO_V1(repeated_agg_final);

/* state of repeated_agg() */
typedef struct RepeatedState
{
	Assetset   *seen;			/* ids of any set so far */
	Assetset   *repeated;		/* ids of more than one */
} RepeatedState;

/*
 * Returns a set that may be changed, for the first argument: the argument
 * itself if this is an aggregate and the state lives in its memory context, a
 * copy if not, and a new empty set for NULL.
 */
static Assetset *
state_argument(FunctionCallInfo fcinfo)
{
	MemoryContext context = CurrentMemoryContext;
	bool		in_aggregate = AggCheckCallContext(fcinfo, &context) != 0;
	Assetset   *state;

	if (PG_ARGISNULL(0))
		return assetset_make(context);
	if (in_aggregate && assetset_is_writable(PG_GETARG_DATUM(0)))
	{
		state = (Assetset *) DatumGetEOHP(PG_GETARG_DATUM(0));
		Assert(state->magic == ASSETSET_MAGIC);
		if (MemoryContextGetParent(state->header.eoh_context) == context)
			return state;
	}
	return assetset_copy(PG_GETARG_DATUM(0), context);
}

static bool
is_toasted_large(Datum datum)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(datum);
	struct varatt_external toast;

	if (!VARATT_IS_EXTERNAL_ONDISK(value))
		return false;
	VARATT_EXTERNAL_GET_POINTER(toast, value);
	return toast.va_rawsize > BITSET_BYTES;
}

/*
 * Updates the state, which is the first argument, with the set in the second.
 *
 * Without a state, the set becomes the state. A small one need not be expanded
 * yet. A large one is, because hash aggregation begins new groups as long as it
 * sees room in memory, and a toasted set would not show what its group will take.
 */
static Datum
accumulate_set(FunctionCallInfo fcinfo, CombineOp operation)
{
	MemoryContext context = CurrentMemoryContext;
	Assetset   *state;

	if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	if (!PG_ARGISNULL(0))
	{
		state = state_argument(fcinfo);
		assetset_update(state, operation, PG_GETARG_DATUM(1));
		PG_RETURN_ASSETSET(state);
	}
	if (AggCheckCallContext(fcinfo, &context) != 0 && is_toasted_large(PG_GETARG_DATUM(1)))
		PG_RETURN_ASSETSET(assetset_copy(PG_GETARG_DATUM(1), context));
	PG_RETURN_DATUM(PG_GETARG_DATUM(1));
}

/*
 * assetset_agg_accum(state assetset, id integer) returns assetset: adds an id.
 * A NULL id is ignored; the result is NULL as long as all ids are. Error: 22003
 * for a negative id.
 */
Datum
assetset_agg_accum(PG_FUNCTION_ARGS)
{
	Assetset   *state;
	int32		id;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	id = PG_GETARG_INT32(1);
	check_asset_id(id);
	state = state_argument(fcinfo);
	assetset_add(state, id);
	PG_RETURN_ASSETSET(state);
}

/*
 * union_agg_accum(state assetset, set assetset) returns assetset: adds the ids
 * of a set. NULL is ignored. Also the combine function of assetset_agg() and
 * union_agg().
 */
Datum
union_agg_accum(PG_FUNCTION_ARGS)
{
	return accumulate_set(fcinfo, COMBINE_OR);
}

/*
 * intersect_agg_accum(state assetset, set assetset) returns assetset: removes
 * the ids that the set does not have. NULL is ignored.
 */
Datum
intersect_agg_accum(PG_FUNCTION_ARGS)
{
	return accumulate_set(fcinfo, COMBINE_AND);
}

/*
 * xor_agg_accum(state assetset, set assetset) returns assetset: toggles the ids
 * of a set, so that those remain that exactly one of the two has. NULL is
 * ignored.
 */
Datum
xor_agg_accum(PG_FUNCTION_ARGS)
{
	return accumulate_set(fcinfo, COMBINE_XOR);
}

/*
 * repeated_agg_accum(state internal, set assetset) returns internal: notes the
 * ids of a set that an earlier one had, too. NULL is ignored. Each step takes
 * time for the set that it adds, not for those before it.
 */
Datum
repeated_agg_accum(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	RepeatedState *state;
	Assetset   *again;

	if (AggCheckCallContext(fcinfo, &context) == 0)
		elog(ERROR, "aggregate function called in non-aggregate context");
	state = PG_ARGISNULL(0) ? NULL : (RepeatedState *) PG_GETARG_POINTER(0);
	if (state == NULL)
	{
		state = MemoryContextAlloc(context, sizeof(RepeatedState));
		state->seen = assetset_make(context);
		state->repeated = assetset_make(context);
	}
	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(state);
	again = assetset_copy(PG_GETARG_DATUM(1), CurrentMemoryContext);
	assetset_update(again, COMBINE_AND, EOHPGetRODatum(&state->seen->header));
	assetset_update(state->repeated, COMBINE_OR, EOHPGetRODatum(&again->header));
	DeleteExpandedObject(EOHPGetRWDatum(&again->header));
	assetset_update(state->seen, COMBINE_OR, PG_GETARG_DATUM(1));
	PG_RETURN_POINTER(state);
}

/* repeated_agg_final(state internal) returns assetset */
Datum
repeated_agg_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(EOHPGetRODatum(&((RepeatedState *) PG_GETARG_POINTER(0))->repeated->header));
}
