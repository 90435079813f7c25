/*
 * assetset_members.c: the ids of a set: cardinality(), members(), chunks() and
 * the casts from and to integer[].
 *
 * All of these functions are strict. Those that return ids read the flat form in
 * place.
 */
#include "assetset.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "utils/array.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(assetset_cardinality);
PG_FUNCTION_INFO_V1(assetset_members);
PG_FUNCTION_INFO_V1(assetset_members_support);
PG_FUNCTION_INFO_V1(assetset_chunks);
PG_FUNCTION_INFO_V1(assetset_to_array);
PG_FUNCTION_INFO_V1(assetset_from_array);

/* ids of an array that are checked and added together, between interrupts */
#define ARRAY_PART 1048576

/* ---- cardinality ---- */

/* cardinality(assetset) returns bigint: the number of ids. Error: XX001. */
Datum
assetset_cardinality(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(assetset_count(PG_GETARG_DATUM(0)));
}

/* ---- a row for each id or chunk ---- */

/*
 * Returns the datum's flat form in the current memory context, for use between
 * calls: the datum itself may not live as long.
 */
static FlatAssetset *
copy_flat(Datum datum)
{
	FlatAssetset *flat = DatumGetFlatAssetset(datum);
	void	   *copy;

	if (!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)) &&
		(Pointer) flat != DatumGetPointer(datum))
		return flat;
	copy = palloc(VARSIZE(flat));
	return memcpy(copy, flat, VARSIZE(flat));
}

/* the state of members() between calls */
typedef struct MembersState
{
	RangeReader ranges;
	bool		has_next;
	uint32		next;			/* the next id to return */
	uint32		last;			/* the end of its range */
} MembersState;

static MembersState *
members_start(Datum datum)
{
	FlatAssetset *flat = copy_flat(datum);
	MembersState *state = palloc(sizeof(MembersState));

	range_reader_open(&state->ranges, flat->bytes, FLAT_BYTES_SIZE(flat));
	state->has_next = range_reader_next(&state->ranges, &state->next, &state->last);
	return state;
}

/*
 * members(assetset) returns setof integer: the ids in ascending order. Error:
 * XX001. Interruptible.
 */
Datum
assetset_members(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	MembersState *state;
	uint32		id;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext caller;

		call = SRF_FIRSTCALL_INIT();
		caller = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		call->user_fctx = members_start(PG_GETARG_DATUM(0));
		MemoryContextSwitchTo(caller);
	}
	call = SRF_PERCALL_SETUP();
	state = call->user_fctx;
	if (!state->has_next)
		SRF_RETURN_DONE(call);
	id = state->next;
	if (id < state->last)
		state->next++;
	else
		state->has_next = range_reader_next(&state->ranges, &state->next, &state->last);
	SRF_RETURN_NEXT(call, Int32GetDatum((int32) id));
}

/*
 * members_support(internal) returns internal: tells the planner how many rows
 * members() returns, if the set is a constant.
 */
Datum
assetset_members_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestRows *rows = (SupportRequestRows *) request;
	Node	   *argument;

	if (!IsA(request, SupportRequestRows) || !is_funcclause(rows->node))
		PG_RETURN_POINTER(NULL);
	argument = linitial(((FuncExpr *) rows->node)->args);
	if (!IsA(argument, Const) || ((Const *) argument)->constisnull)
		PG_RETURN_POINTER(NULL);
	rows->rows = assetset_count(((Const *) argument)->constvalue);
	PG_RETURN_POINTER(request);
}

static RoaringReader *
chunks_start(Datum datum)
{
	FlatAssetset *flat = copy_flat(datum);
	RoaringReader *reader = palloc(sizeof(RoaringReader));

	roaring_reader_open(reader, flat->bytes, FLAT_BYTES_SIZE(flat));
	return reader;
}

/*
 * chunks(assetset) returns setof (chunk integer, assets assetset): the ids by
 * id / 65536, in ascending order. A chunk is a container. Error: XX001.
 * Interruptible.
 */
Datum
assetset_chunks(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	RoaringReader *reader;
	Container	container;
	RoaringWriter writer;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext caller;

		call = SRF_FIRSTCALL_INIT();
		caller = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &call->tuple_desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		call->user_fctx = chunks_start(PG_GETARG_DATUM(0));
		MemoryContextSwitchTo(caller);
	}
	call = SRF_PERCALL_SETUP();
	reader = call->user_fctx;
	if (!roaring_reader_next(reader, &container))
		SRF_RETURN_DONE(call);
	roaring_writer_open(&writer, 0);
	roaring_writer_copy_container(&writer, &container);
	values[0] = UInt32GetDatum(container.key);
	values[1] = PointerGetDatum(assetset_flat_from_writer(&writer));
	SRF_RETURN_NEXT(call, HeapTupleGetDatum(heap_form_tuple(call->tuple_desc, values, nulls)));
}

/* ---- arrays ---- */

/* Creates an integer[] for count ids, which the caller fills in. */
static ArrayType *
make_array(int64 count)
{
	Size		size = ARR_OVERHEAD_NONULLS(1) + count * sizeof(int32);
	ArrayType  *array = palloc(size);

	memset(array, 0, ARR_OVERHEAD_NONULLS(1));
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = INT4OID;
	ARR_DIMS(array)[0] = count;
	ARR_LBOUND(array)[0] = 1;
	return array;
}

/*
 * Cast from assetset to integer[], in ascending order. Errors: XX001; 54000 if
 * the array would exceed 1 GB. Interruptible.
 */
Datum
assetset_to_array(PG_FUNCTION_ARGS)
{
	FlatAssetset *flat = PG_GETARG_FLAT_ASSETSET(0);
	int64		count = roaring_bytes_cardinality(flat->bytes, FLAT_BYTES_SIZE(flat));
	int64		max_count = (MaxAllocSize - ARR_OVERHEAD_NONULLS(1)) / sizeof(int32);
	RangeReader ranges;
	ArrayType  *array;
	int32	   *out;
	uint32		first;
	uint32		last;

	if (count == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(INT4OID));
	if (count > max_count)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("assetset is too large for an array"),
				 errdetail("The set has %lld ids, but an array has at most %lld.",
						   (long long) count, (long long) max_count),
				 errhint("Use the function members().")));
	array = make_array(count);
	out = (int32 *) ((char *) array + ARR_OVERHEAD_NONULLS(1));
	range_reader_open(&ranges, flat->bytes, FLAT_BYTES_SIZE(flat));
	while (range_reader_next(&ranges, &first, &last))
	{
		/* a corrupted set may have more ids than there is room for */
		if ((count -= (int64) last - first + 1) < 0)
			break;
		while (first <= last)
			*out++ = (int32) first++;
	}
	if (count != 0)
		report_wrong_cardinality(count < 0);
	PG_RELEASE_FLAT_ASSETSET(flat, 0);
	PG_RETURN_ARRAYTYPE_P(array);
}

/*
 * Cast from integer[] to assetset: all elements, in any dimensions and order.
 * Errors: 22004 for a NULL element, 22003 for a negative one. Interruptible.
 */
Datum
assetset_from_array(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int			count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const int32 *ids;
	Size		offset;
	Assetset   *set = assetset_make(CurrentMemoryContext);

	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("array must not contain nulls"),
				 errdetail("Each element is the id of an asset.")));
	/* not by ARR_DATA_PTR(), because -Wextra reports its mix of signs */
	offset = ARR_OVERHEAD_NONULLS(ARR_NDIM(array));
	if (ARR_HASNULL(array))
		offset = array->dataoffset;
	ids = (int32 *) ((char *) array + offset);
	for (int start = 0, end; start < count; start = end)
	{
		end = start + Min(count - start, ARRAY_PART);
		for (int i = start; i < end; i++)
			check_asset_id(ids[i]);
		CHECK_FOR_INTERRUPTS();
		assetset_add_many(set, (const uint32 *) ids + start, end - start);
	}
	PG_FREE_IF_COPY(array, 0);
	PG_RETURN_ASSETSET(set);
}
