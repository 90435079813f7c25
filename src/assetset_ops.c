/*
 * assetset_ops.c: operators, comparison, casts and functions of assetset.
 *
 * What combines sets asks the library; what only looks at one, or compares,
 * reads the flat form where it lies. Results are expanded where the library
 * made them. All of it is strict.
 */
#include "assetset.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "utils/array.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(assetset_union);
PG_FUNCTION_INFO_V1(assetset_intersection);
PG_FUNCTION_INFO_V1(assetset_difference);
PG_FUNCTION_INFO_V1(assetset_symmetric_difference);
PG_FUNCTION_INFO_V1(assetset_contains);
PG_FUNCTION_INFO_V1(assetset_contained);
PG_FUNCTION_INFO_V1(assetset_overlaps);
PG_FUNCTION_INFO_V1(assetset_contains_id);
PG_FUNCTION_INFO_V1(assetset_id_contained);
PG_FUNCTION_INFO_V1(assetset_eq);
PG_FUNCTION_INFO_V1(assetset_ne);
PG_FUNCTION_INFO_V1(assetset_lt);
PG_FUNCTION_INFO_V1(assetset_le);
PG_FUNCTION_INFO_V1(assetset_gt);
PG_FUNCTION_INFO_V1(assetset_ge);
PG_FUNCTION_INFO_V1(assetset_cmp);
PG_FUNCTION_INFO_V1(assetset_hash);
PG_FUNCTION_INFO_V1(assetset_hash_extended);
PG_FUNCTION_INFO_V1(assetset_cardinality);
PG_FUNCTION_INFO_V1(assetset_members);
PG_FUNCTION_INFO_V1(assetset_members_support);
PG_FUNCTION_INFO_V1(assetset_chunks);
PG_FUNCTION_INFO_V1(assetset_to_array);
PG_FUNCTION_INFO_V1(assetset_from_array);

/* ---- two sets to one, or to a truth ---- */

typedef roaring_bitmap_t *(*BitmapOperation) (const roaring_bitmap_t *,
											  const roaring_bitmap_t *);
typedef bool (*BitmapTest) (const roaring_bitmap_t *, const roaring_bitmap_t *);

/* A new set from the two arguments. */
static Datum
combine_sets(FunctionCallInfo fcinfo, BitmapOperation operation)
{
	Assetset   *set1 = PG_GETARG_ASSETSET(0);
	Assetset   *set2 = PG_GETARG_ASSETSET(1);
	Assetset   *result = assetset_make(CurrentMemoryContext);

	assetset_set_bitmap(result, operation(set1->bitmap, set2->bitmap));
	PG_RELEASE_ASSETSET(set1, 0);
	PG_RELEASE_ASSETSET(set2, 1);
	PG_RETURN_ASSETSET(result);
}

/* What holds for the first set and the second. */
static bool
test_sets(Datum datum1, Datum datum2, BitmapTest bitmap_test)
{
	Assetset   *set1 = DatumGetAssetset(datum1);
	Assetset   *set2 = DatumGetAssetset(datum2);
	bool		result = bitmap_test(set1->bitmap, set2->bitmap);

	assetset_release(set1, datum1);
	assetset_release(set2, datum2);
	return result;
}

/* assetset | assetset: ids that either has. */
Datum
assetset_union(PG_FUNCTION_ARGS)
{
	return combine_sets(fcinfo, roaring_bitmap_or);
}

/* assetset & assetset: ids that both have. */
Datum
assetset_intersection(PG_FUNCTION_ARGS)
{
	return combine_sets(fcinfo, roaring_bitmap_and);
}

/* assetset - assetset: ids that the first has and the second has not. */
Datum
assetset_difference(PG_FUNCTION_ARGS)
{
	return combine_sets(fcinfo, roaring_bitmap_andnot);
}

/* assetset # assetset: ids that exactly one has. */
Datum
assetset_symmetric_difference(PG_FUNCTION_ARGS)
{
	return combine_sets(fcinfo, roaring_bitmap_xor);
}

/* assetset @> assetset */
Datum
assetset_contains(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(test_sets(PG_GETARG_DATUM(1), PG_GETARG_DATUM(0), roaring_bitmap_is_subset));
}

/* assetset <@ assetset */
Datum
assetset_contained(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(test_sets(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), roaring_bitmap_is_subset));
}

/* assetset && assetset: whether they have an id in common. */
Datum
assetset_overlaps(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(test_sets(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), roaring_bitmap_intersect));
}

/* A number that is no id, because it is negative, is in no set. */
static bool
has_id(Datum datum, int32 id)
{
	FlatAssetset *flat;
	bool		result;

	if (id < 0)
		return false;
	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		return roaring_bitmap_contains(DatumGetAssetset(datum)->bitmap, id);
	flat = DatumGetFlatAssetset(datum);
	result = roaring_bytes_contains(flat->bytes, FLAT_BYTES_SIZE(flat), id);
	if ((Pointer) flat != DatumGetPointer(datum))
		pfree(flat);
	return result;
}

/* assetset @> integer */
Datum
assetset_contains_id(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(has_id(PG_GETARG_DATUM(0), PG_GETARG_INT32(1)));
}

/* integer <@ assetset */
Datum
assetset_id_contained(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(has_id(PG_GETARG_DATUM(1), PG_GETARG_INT32(0)));
}

/* ---- comparison ---- */

/* Whether the two arguments are the same set. */
static bool
equal_sets(FunctionCallInfo fcinfo)
{
	FlatAssetset *flat1 = PG_GETARG_FLAT_ASSETSET(0);
	FlatAssetset *flat2 = PG_GETARG_FLAT_ASSETSET(1);
	bool		result;

	result = VARSIZE(flat1) == VARSIZE(flat2) &&
		memcmp(flat1->bytes, flat2->bytes, FLAT_BYTES_SIZE(flat1)) == 0;
	PG_RELEASE_FLAT_ASSETSET(flat1, 0);
	PG_RELEASE_FLAT_ASSETSET(flat2, 1);
	return result;
}

/* The order of the two arguments: negative, 0, positive. */
static int
compare_sets(FunctionCallInfo fcinfo)
{
	FlatAssetset *flat1 = PG_GETARG_FLAT_ASSETSET(0);
	FlatAssetset *flat2 = PG_GETARG_FLAT_ASSETSET(1);
	int			result;

	result = roaring_bytes_compare(flat1->bytes, FLAT_BYTES_SIZE(flat1),
							  flat2->bytes, FLAT_BYTES_SIZE(flat2));
	PG_RELEASE_FLAT_ASSETSET(flat1, 0);
	PG_RELEASE_FLAT_ASSETSET(flat2, 1);
	return result;
}

/* assetset = assetset */
Datum
assetset_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(equal_sets(fcinfo));
}

/* assetset <> assetset */
Datum
assetset_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!equal_sets(fcinfo));
}

/* assetset < assetset, as arrays of their ascending ids compare. */
Datum
assetset_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_sets(fcinfo) < 0);
}

/* assetset <= assetset */
Datum
assetset_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_sets(fcinfo) <= 0);
}

/* assetset > assetset */
Datum
assetset_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_sets(fcinfo) > 0);
}

/* assetset >= assetset */
Datum
assetset_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_sets(fcinfo) >= 0);
}

/* The btree comparison: -1, 0, 1. */
Datum
assetset_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare_sets(fcinfo));
}

/* The hash of the canonical bytes. */
Datum
assetset_hash(PG_FUNCTION_ARGS)
{
	FlatAssetset *flat = PG_GETARG_FLAT_ASSETSET(0);
	uint32		hash = hash_bytes((unsigned char *) flat->bytes, FLAT_BYTES_SIZE(flat));

	PG_RELEASE_FLAT_ASSETSET(flat, 0);
	PG_RETURN_UINT32(hash);
}

/* The same in 64 bits, with a seed. */
Datum
assetset_hash_extended(PG_FUNCTION_ARGS)
{
	FlatAssetset *flat = PG_GETARG_FLAT_ASSETSET(0);
	uint64		hash = hash_bytes_extended((unsigned char *) flat->bytes,
										   FLAT_BYTES_SIZE(flat), PG_GETARG_INT64(1));

	PG_RELEASE_FLAT_ASSETSET(flat, 0);
	PG_RETURN_UINT64(hash);
}

/* ---- one set to numbers, and back ---- */

static int64
cardinality(Datum datum)
{
	FlatAssetset *flat;
	int64		count;

	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		return roaring_bitmap_get_cardinality(DatumGetAssetset(datum)->bitmap);
	flat = DatumGetFlatAssetset(datum);
	count = roaring_bytes_cardinality(flat->bytes, FLAT_BYTES_SIZE(flat));
	if ((Pointer) flat != DatumGetPointer(datum))
		pfree(flat);
	return count;
}

/* cardinality(assetset) returns bigint: the number of ids. */
Datum
assetset_cardinality(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(cardinality(PG_GETARG_DATUM(0)));
}

/* Where members() is: in the range of ids that starts with next. */
typedef struct MembersState
{
	RangeReader ranges;
	uint32		next;
	uint32		last;
	bool		more;
} MembersState;

/* The datum's flat form to keep between calls, when the datum may go away. */
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

static MembersState *
members_start(Datum datum)
{
	FlatAssetset *flat = copy_flat(datum);
	MembersState *state = palloc(sizeof(MembersState));

	range_reader_open(&state->ranges, flat->bytes, FLAT_BYTES_SIZE(flat));
	state->more = range_reader_next(&state->ranges, &state->next, &state->last);
	return state;
}

/* members(assetset) returns setof integer: the ids, ascending. */
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
	if (!state->more)
		SRF_RETURN_DONE(call);
	id = state->next;
	if (id < state->last)
		state->next++;
	else
		state->more = range_reader_next(&state->ranges, &state->next, &state->last);
	SRF_RETURN_NEXT(call, Int32GetDatum((int32) id));
}

/* Tells the planner how many rows members() of a constant gives. */
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
	rows->rows = cardinality(((Const *) argument)->constvalue);
	PG_RETURN_POINTER(request);
}

/*
 * chunks(assetset) returns setof (chunk integer, assets assetset): the set in
 * chunks of CONTAINER_IDS ids, ascending. Interruptible.
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
		FlatAssetset *flat;

		call = SRF_FIRSTCALL_INIT();
		caller = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &call->tuple_desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		flat = copy_flat(PG_GETARG_DATUM(0));
		reader = palloc(sizeof(RoaringReader));
		roaring_reader_open(reader, flat->bytes, FLAT_BYTES_SIZE(flat));
		call->user_fctx = reader;
		MemoryContextSwitchTo(caller);
	}
	call = SRF_PERCALL_SETUP();
	reader = call->user_fctx;
	if (!roaring_reader_next(reader, &container))
		SRF_RETURN_DONE(call);
	roaring_writer_open(&writer, 0);
	roaring_writer_add_container(&writer, reader, &container);
	values[0] = UInt32GetDatum(container.key);
	values[1] = PointerGetDatum(assetset_flat_from_writer(&writer));
	SRF_RETURN_NEXT(call, HeapTupleGetDatum(heap_form_tuple(call->tuple_desc, values, nulls)));
}

/*
 * Cast assetset to integer[], ascending. Error: 54000 where the array would
 * take more than 1 GB. Interruptible.
 */
Datum
assetset_to_array(PG_FUNCTION_ARGS)
{
	FlatAssetset *flat = PG_GETARG_FLAT_ASSETSET(0);
	int64		count = roaring_bytes_cardinality(flat->bytes, FLAT_BYTES_SIZE(flat));
	int64		most = (MaxAllocSize - ARR_OVERHEAD_NONULLS(1)) / sizeof(int32);
	Size		size = ARR_OVERHEAD_NONULLS(1) + count * sizeof(int32);
	RangeReader ranges;
	ArrayType  *array;
	int32	   *out;
	uint32		first;
	uint32		last;

	if (count == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(INT4OID));
	if (count > most)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("assetset is too large for an array"),
				 errdetail("It has %lld ids, an array at most %lld.",
						   (long long) count, (long long) most),
				 errhint("Use the function members.")));
	array = palloc(size);
	memset(array, 0, ARR_OVERHEAD_NONULLS(1));
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = INT4OID;
	ARR_DIMS(array)[0] = count;
	ARR_LBOUND(array)[0] = 1;
	out = (int32 *) ((char *) array + ARR_OVERHEAD_NONULLS(1));
	range_reader_open(&ranges, flat->bytes, FLAT_BYTES_SIZE(flat));
	while (range_reader_next(&ranges, &first, &last))
	{
		if ((count -= (int64) last - first + 1) < 0)
			break;
		while (first <= last)
			*out++ = (int32) first++;
	}
	if (count != 0)
		report_corrupted_assetset("It has not as many ids as its descriptions say.");
	PG_RELEASE_FLAT_ASSETSET(flat, 0);
	PG_RETURN_ARRAYTYPE_P(array);
}

/*
 * Cast integer[] to assetset: all elements, of whatever dimensions, in any
 * order. Errors: 22004 for a NULL element, 22003 for a negative one.
 * Interruptible.
 */
Datum
assetset_from_array(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int			count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	Size		offset = ARR_HASNULL(array) ? (Size) array->dataoffset :
		ARR_OVERHEAD_NONULLS(ARR_NDIM(array));
	const int32 *ids = (int32 *) ((char *) array + offset);
	Assetset   *set = assetset_make(CurrentMemoryContext);

	assetset_set_bitmap(set, roaring_bitmap_create());
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("array must not contain nulls"),
				 errdetail("An assetset has ids only.")));
	for (int start = 0, end; start < count; start = end)
	{
		end = start + Min(count - start, 1048576);
		for (int i = start; i < end; i++)
			if (ids[i] < 0)
				report_asset_id_out_of_range(ids[i]);
		CHECK_FOR_INTERRUPTS();
		assetset_add_many(set, (const uint32 *) ids + start, end - start);
	}
	PG_FREE_IF_COPY(array, 0);
	PG_RETURN_ASSETSET(set);
}
