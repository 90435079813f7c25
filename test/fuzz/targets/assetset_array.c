/*
 * assetset_array.c: the cast from integer[] accepts exactly the arrays without
 * NULL and negative elements, and returns the set of the elements.
 *
 * The input is a byte with the number of copies of each element (at a stride, so
 * that a short input makes a long array), a byte with flags for dimensions and
 * NULL and the stride, and elements of four bytes.
 */
#include "sets.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

static int
by_value(const void *a, const void *b)
{
	int32		value1 = *(const int32 *) a;
	int32		value2 = *(const int32 *) b;

	return value1 < value2 ? -1 : value1 > value2;
}

/* Returns an array. If with_null is set, its last element is NULL. */
static Datum
make_array(const int32 *ids, int count, bool two_dimensions, bool with_null)
{
	int			ndim = two_dimensions ? 2 : 1;
	Size		head = with_null ? ARR_OVERHEAD_WITHNULLS(ndim, count) : ARR_OVERHEAD_NONULLS(ndim);
	/* the NULL element takes no space */
	int			stored = with_null ? count - 1 : count;
	ArrayType  *array = palloc0(head + stored * sizeof(int32));

	SET_VARSIZE(array, head + stored * sizeof(int32));
	array->elemtype = INT4OID;
	array->ndim = ndim;
	array->dataoffset = with_null ? head : 0;
	ARR_DIMS(array)[0] = two_dimensions ? count / 2 : count;
	ARR_LBOUND(array)[0] = 1;
	if (two_dimensions)
	{
		ARR_DIMS(array)[1] = 2;
		ARR_LBOUND(array)[1] = -1;
	}
	for (int i = 0; with_null && i < stored; i++)
		ARR_NULLBITMAP(array)[i / 8] |= 1 << i % 8;
	memcpy(ARR_DATA_PTR(array), ids, stored * sizeof(int32));
	return PointerGetDatum(array);
}

static void
check_is_set_of(Datum set, int32 *ids, int count)
{
	Datum		flat = set_flat(set);
	int			distinct = 0;
	ArrayType  *array;

	qsort(ids, count, sizeof(int32), by_value);
	for (int i = 0; i < count; i++)
		if (i == 0 || ids[i] != ids[i - 1])
			ids[distinct++] = ids[i];
	array = DatumGetArrayTypeP(call(assetset_to_array, 1, flat));
	CHECK(distinct == (ARR_NDIM(array) == 0 ? 0 : ARR_DIMS(array)[0]));
	CHECK(memcmp(ARR_DATA_PTR(array), ids, distinct * sizeof(int32)) == 0);
	/* with many ids, the other checks would take long */
	if (distinct <= 1000)
		set_check(flat);
}

void
fuzz_input(const uint8 *data, size_t size)
{
	int			copies = size < 2 ? 1 : data[0] < 248 ? 1 + data[0] % 32 : 2500 * (data[0] - 247);
	int			flags = size >= 2 ? data[1] : 0;
	int			given = size >= 2 ? Min((int) ((size - 2) / sizeof(int32)), 20000 / copies) : 0;
	int			count = given * copies;
	int32	   *ids = palloc((count + 1) * sizeof(int32));
	bool		two_dimensions = (flags & 1) && count >= 2 && count % 2 == 0;
	bool		with_null = (flags & 2) && count > 0;
	bool		valid = !with_null;
	Datum		set;
	bool		taken;

	for (int i = 0; i < count; i++)
	{
		memcpy(&ids[i], data + 2 + i % given * sizeof(int32), sizeof(int32));
		ids[i] = (int32) ((uint32) ids[i] + (uint32) (i / given) * (flags >> 2));
		valid &= ids[i] >= 0;
	}
	taken = try_call(assetset_from_array, &set, 1,
					 make_array(ids, count, two_dimensions, with_null));
	CHECK(taken == valid);
	if (!taken)
	{
		CHECK(error_seen.sqlstate == (with_null ? ERRCODE_NULL_VALUE_NOT_ALLOWED :
									  ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE));
		return;
	}
	fuzz_taken++;
	check_is_set_of(set, ids, count);
}
