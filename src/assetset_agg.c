/*
 * assetset_agg.c: assetset_agg, union_agg, intersect_agg and xor_agg.
 *
 * Their state is an assetset. Within an aggregate it is expanded, below the
 * aggregate's memory context, and changed in place: the executor leaves an
 * expanded object that lives there alone. A state that comes flat (the first
 * value, or one from a worker) is expanded once. Called outside an aggregate,
 * the functions change nothing that they were given.
 */
#include "assetset.h"

#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(assetset_agg_accum);
PG_FUNCTION_INFO_V1(union_agg_accum);
PG_FUNCTION_INFO_V1(intersect_agg_accum);
PG_FUNCTION_INFO_V1(xor_agg_accum);

#ifdef USE_ASSERT_CHECKING
/* What is true of every state. */
static bool
state_is_valid(Assetset *set)
{
	return set->magic == ASSETSET_MAGIC && set->bitmap != NULL &&
		(roaring_bitmap_is_empty(set->bitmap) ||
		 roaring_bitmap_maximum(set->bitmap) <= ASSET_ID_MAX);
}
#endif

/*
 * The state in the first argument, to be changed; a new and empty set if that
 * is NULL. In place, if this is an aggregate and the state lives in it.
 */
static Assetset *
state_argument(FunctionCallInfo fcinfo)
{
	MemoryContext context = CurrentMemoryContext;
	bool		in_aggregate = AggCheckCallContext(fcinfo, &context) != 0;
	Assetset   *state;

	if (PG_ARGISNULL(0))
	{
		state = assetset_make(context);
		assetset_set_bitmap(state, roaring_bitmap_create());
		return state;
	}
	if (in_aggregate && assetset_is_writable(PG_GETARG_DATUM(0)))
	{
		state = (Assetset *) DatumGetEOHP(PG_GETARG_DATUM(0));
		Assert(state->magic == ASSETSET_MAGIC);
		if (MemoryContextGetParent(state->header.eoh_context) == context)
			return state;
	}
	return assetset_copy(PG_GETARG_DATUM(0), context);
}

/*
 * assetset_agg_accum(state assetset, id integer): takes an id in; a NULL id
 * leaves the state as it is, and NULL if it is. Error: 22003.
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
	if (id < 0)
		report_asset_id_out_of_range(id);
	state = state_argument(fcinfo);
	assetset_add(state, id);
	PG_RETURN_ASSETSET(state);
}

/* union_agg_accum(state, set): adds a set's ids; joins states of workers. */
Datum
union_agg_accum(PG_FUNCTION_ARGS)
{
	Assetset   *state = state_argument(fcinfo);
	Assetset   *set = PG_GETARG_ASSETSET(1);

	roaring_bitmap_or_inplace(assetset_writable_bitmap(state), set->bitmap);
	Assert(state_is_valid(state));
	PG_RELEASE_ASSETSET(set, 1);
	PG_RETURN_ASSETSET(state);
}

/* intersect_agg_accum(state, set): leaves the ids that the set has, too. */
Datum
intersect_agg_accum(PG_FUNCTION_ARGS)
{
	Assetset   *state = state_argument(fcinfo);
	Assetset   *set = PG_GETARG_ASSETSET(1);

	roaring_bitmap_and_inplace(assetset_writable_bitmap(state), set->bitmap);
	Assert(state_is_valid(state));
	PG_RELEASE_ASSETSET(set, 1);
	PG_RETURN_ASSETSET(state);
}

/* xor_agg_accum(state, set): leaves the ids that exactly one of them has. */
Datum
xor_agg_accum(PG_FUNCTION_ARGS)
{
	Assetset   *state = state_argument(fcinfo);
	Assetset   *set = PG_GETARG_ASSETSET(1);

	roaring_bitmap_xor_inplace(assetset_writable_bitmap(state), set->bitmap);
	Assert(state_is_valid(state));
	PG_RELEASE_ASSETSET(set, 1);
	PG_RETURN_ASSETSET(state);
}
