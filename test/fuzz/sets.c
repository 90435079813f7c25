/*
 * sets.c: checks that hold for every assetset.
 */
#include "sets.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

/* the ids of larger sets are not checked one by one */
#define MANY_IDS 5000

bool
set_received(const void *bytes, size_t size, Datum *set)
{
	/* in a chunk of its own, so that the sanitizer sees reads beyond it */
	StringInfoData message = {memcpy(palloc(size), bytes, size), size, size, 0};
	bool		taken = try_call(assetset_recv, set, 1, PointerGetDatum(&message));

	CHECK(!taken || message.cursor == message.len);
	pfree(message.data);
	return taken;
}

Datum
set_flat(Datum set)
{
	return PointerGetDatum(PG_DETOAST_DATUM_COPY(set));
}

Datum
set_expanded(Datum set)
{
	Assetset   *copy = assetset_copy(set, CurrentMemoryContext);

	return EOHPGetRWDatum(&copy->header);
}

bool
set_same(Datum set1, Datum set2)
{
	void	   *flat1 = PG_DETOAST_DATUM_COPY(set1);
	void	   *flat2 = PG_DETOAST_DATUM_COPY(set2);
	bool		same = VARSIZE(flat1) == VARSIZE(flat2) &&
	memcmp(flat1, flat2, VARSIZE(flat1)) == 0;

	CHECK(same == DatumGetBool(call(assetset_eq, 2, set1, set2)));
	pfree(flat1);
	pfree(flat2);
	return same;
}

Datum
array_of(const int32 *ids, int count)
{
	ArrayType  *array = palloc0(ARR_OVERHEAD_NONULLS(1) + count * sizeof(int32));

	SET_VARSIZE(array, ARR_OVERHEAD_NONULLS(1) + count * sizeof(int32));
	array->elemtype = INT4OID;
	array->ndim = 1;
	ARR_DIMS(array)[0] = count;
	ARR_LBOUND(array)[0] = 1;
	memcpy(ARR_DATA_PTR(array), ids, count * sizeof(int32));
	return PointerGetDatum(array);
}

static int64
cardinality_of(Datum set)
{
	return DatumGetInt64(call(assetset_cardinality, 1, set));
}

static bool
has(Datum set, int64 id)
{
	bool		result;

	if (id < 0 || id > ASSET_ID_MAX)
		return false;
	result = DatumGetBool(call(assetset_contains_id, 2, set, Int32GetDatum((int32) id)));
	CHECK(DatumGetBool(call(assetset_id_contained, 2, Int32GetDatum((int32) id), set)) == result);
	return result;
}

/* Checks that the text and the bytes of a set are read as the same set. */
static void
check_forms(Datum flat)
{
	char	   *text = DatumGetCString(call(assetset_out, 1, flat));
	bytea	   *bytes = DatumGetByteaP(call(assetset_send, 1, flat));
	Datum		again;
	bool		taken;

	CHECK(set_same(call(assetset_in, 1, CStringGetDatum(text)), flat));
	taken = set_received(VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ, &again);
	CHECK(taken && set_same(again, flat));
}

/* Checks that functions return the same for the expanded form. */
static void
check_expanded(Datum flat)
{
	Datum		expanded = set_expanded(flat);

	CHECK(set_same(expanded, flat));
	CHECK(strcmp(DatumGetCString(call(assetset_out, 1, expanded)),
				 DatumGetCString(call(assetset_out, 1, flat))) == 0);
	CHECK(call(assetset_cardinality, 1, expanded) == call(assetset_cardinality, 1, flat));
	CHECK(call(assetset_hash, 1, expanded) == call(assetset_hash, 1, flat));
	CHECK(call(assetset_hash_extended, 2, expanded, Int64GetDatum(7)) ==
		  call(assetset_hash_extended, 2, flat, Int64GetDatum(7)));
	CHECK(DatumGetInt32(call(assetset_cmp, 2, expanded, flat)) == 0);
	DeleteExpandedObject(expanded);
}

/* Checks that members() and the array have the same ids, and both forms too. */
static void
check_members(Datum flat, int count)
{
	ArrayType  *array = DatumGetArrayTypeP(call(assetset_to_array, 1, flat));
	int32	   *ids = (int32 *) ARR_DATA_PTR(array);
	Datum		expanded = set_expanded(flat);
	SetCall		members;
	Datum		member;

	CHECK((ARR_NDIM(array) == 0 && count == 0) || ARR_DIMS(array)[0] == count);
	set_start(&members, assetset_members, flat);
	for (int i = 0; i < count; i++)
	{
		bool		next_is_in = i + 1 < count && ids[i + 1] == (int64) ids[i] + 1;
		bool		more = set_next(&members, &member);

		CHECK(more && DatumGetInt32(member) == ids[i]);
		CHECK(ids[i] >= 0 && (i == 0 || ids[i] > ids[i - 1]));
		/* of many ids, test a sample */
		if (i % (1 + count / 64) != 0)
			continue;
		CHECK(has(flat, ids[i]) && has(expanded, ids[i]));
		CHECK(has(flat, (int64) ids[i] + 1) == next_is_in);
		CHECK(has(expanded, (int64) ids[i] + 1) == next_is_in);
	}
	CHECK(!set_next(&members, &member));
	CHECK(!has(flat, -1) && (count == 0 || ids[0] == 0 || !has(flat, ids[0] - 1)));
	CHECK(set_same(call(assetset_from_array, 1, PointerGetDatum(array)), flat));
	DeleteExpandedObject(expanded);
}

/* Checks that each chunk is one container and that all chunks are the set. */
static void
check_chunks(Datum flat)
{
	NullableDatum state = {(Datum) 0, true};
	int64		cardinality = 0;
	int			last = -1;
	SetCall		chunks;
	Datum		row;

	set_start(&chunks, assetset_chunks, flat);
	while (set_next(&chunks, &row))
	{
		int			key = DatumGetInt32(row_column(row, 0));
		Datum		part = row_column(row, 1);
		FlatAssetset *bytes = DatumGetFlatAssetset(part);
		RoaringReader reader;
		Container	container;
		bool		taken;

		roaring_reader_open(&reader, bytes->bytes, FLAT_BYTES_SIZE(bytes));
		CHECK(reader.containers == 1 && roaring_reader_next(&reader, &container));
		CHECK((int) container.key == key && key > last);
		last = key;
		cardinality += cardinality_of(part);
		taken = try_transit(union_agg_accum, &state, 2, part);
		CHECK(taken);
	}
	CHECK(cardinality == cardinality_of(flat));
	CHECK(state.isnull ? cardinality == 0 : set_same(state.value, flat));
}

/* Returns the result of an operator, which no other operator may change. */
static Datum
combined(PGFunction operator, Datum set1, Datum set2)
{
	return EOHPGetRODatum(DatumGetEOHP(call(operator, 2, set1, set2)));
}

/* Checks operators on a set with itself, the empty set, and another set. */
static void
check_operators(Datum flat)
{
	Datum		none = call(assetset_in, 1, CStringGetDatum("{}"));
	const char *text = "{0,2,10-65000,65535-65540,131072-140000,2147483647}";
	Datum		other = call(assetset_in, 1, CStringGetDatum(text));
	Datum		either = combined(assetset_union, flat, other);
	Datum		both = combined(assetset_intersection, flat, other);
	Datum		first = combined(assetset_difference, flat, other);
	Datum		second = combined(assetset_difference, other, flat);
	Datum		one = combined(assetset_symmetric_difference, flat, other);
	bool		is_empty = cardinality_of(flat) == 0;
	int			order = DatumGetInt32(call(assetset_cmp, 2, flat, other));

	CHECK(set_same(call(assetset_union, 2, flat, flat), flat));
	CHECK(set_same(call(assetset_intersection, 2, flat, flat), flat));
	CHECK(set_same(call(assetset_difference, 2, flat, flat), none));
	CHECK(set_same(call(assetset_symmetric_difference, 2, flat, flat), none));
	CHECK(set_same(call(assetset_union, 2, none, flat), flat));
	CHECK(set_same(call(assetset_union, 2, first, both), flat));
	CHECK(set_same(call(assetset_union, 2, first, second), one));
	CHECK(set_same(call(assetset_difference, 2, either, both), one));
	CHECK(set_same(call(assetset_symmetric_difference, 2, one, other), flat));
	CHECK(cardinality_of(either) + cardinality_of(both) ==
		  cardinality_of(flat) + cardinality_of(other));
	CHECK(DatumGetBool(call(assetset_contains, 2, flat, both)));
	CHECK(DatumGetBool(call(assetset_contained, 2, flat, either)));
	CHECK(DatumGetBool(call(assetset_contains, 2, flat, other)) == set_same(both, other));
	CHECK(DatumGetBool(call(assetset_overlaps, 2, flat, other)) == !set_same(both, none));
	CHECK(DatumGetBool(call(assetset_overlaps, 2, flat, flat)) == !is_empty);
	CHECK(order == -DatumGetInt32(call(assetset_cmp, 2, other, flat)));
	CHECK((order == 0) == set_same(flat, other));
	CHECK(DatumGetBool(call(assetset_ne, 2, flat, other)) == (order != 0));
	CHECK(DatumGetBool(call(assetset_lt, 2, flat, other)) == (order < 0));
	CHECK(DatumGetBool(call(assetset_le, 2, flat, other)) == (order <= 0));
	CHECK(DatumGetBool(call(assetset_gt, 2, flat, other)) == (order > 0));
	CHECK(DatumGetBool(call(assetset_ge, 2, flat, other)) == (order >= 0));
	CHECK(DatumGetInt32(call(assetset_cmp, 2, none, flat)) == (is_empty ? 0 : -1));
}

void
set_check(Datum flat)
{
	FlatAssetset *stored = (FlatAssetset *) DatumGetPointer(flat);
	int64		count = cardinality_of(flat);
	int			containers;
	RoaringReader reader;
	MemoryContext caller = CurrentMemoryContext;

	CurrentMemoryContext = AllocSetContextCreate(caller, "check", ALLOCSET_DEFAULT_SIZES);
	CHECK(stored->version == ASSETSET_VERSION);
	CHECK(roaring_bytes_check(stored->bytes, FLAT_BYTES_SIZE(stored)) == NULL);
	check_forms(flat);
	roaring_reader_open(&reader, stored->bytes, FLAT_BYTES_SIZE(stored));
	containers = reader.containers;
	if (containers <= 64)
	{
		check_expanded(flat);
		check_chunks(flat);
		check_operators(flat);
		if (count <= MANY_IDS)
			check_members(flat, count);
	}
	MemoryContextDelete(MemoryContextSwitchTo(caller));
}
