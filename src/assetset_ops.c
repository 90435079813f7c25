/*
 * assetset_ops.c: the operators of assetset, and its comparison and hash
 * functions.
 *
 * Operators that combine sets use the library and return an expanded set. Tests
 * for an id, comparison and hash read the flat form in place. All functions are
 * strict and raise XX001 for a corrupted set.
 */
#include "assetset.h"

#include "common/hashfn.h"

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

/* ---- set operations ---- */

typedef roaring_bitmap_t *(*BitmapOperation) (const roaring_bitmap_t *,
											  const roaring_bitmap_t *);
typedef bool (*BitmapTest) (const roaring_bitmap_t *, const roaring_bitmap_t *);

/* Returns a new set from the two arguments. */
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

/* Tests the first set against the second. */
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

/* assetset | assetset returns assetset: the ids that either set has. */
Datum
assetset_union(PG_FUNCTION_ARGS)
{
	return combine_sets(fcinfo, roaring_bitmap_or);
}

/* assetset & assetset returns assetset: the ids that both sets have. */
Datum
assetset_intersection(PG_FUNCTION_ARGS)
{
	return combine_sets(fcinfo, roaring_bitmap_and);
}

/* assetset - assetset returns assetset: the ids that only the first set has. */
Datum
assetset_difference(PG_FUNCTION_ARGS)
{
	return combine_sets(fcinfo, roaring_bitmap_andnot);
}

/* assetset # assetset returns assetset: the ids that exactly one set has. */
Datum
assetset_symmetric_difference(PG_FUNCTION_ARGS)
{
	return combine_sets(fcinfo, roaring_bitmap_xor);
}

/* assetset @> assetset: whether the first set has all ids of the second. */
Datum
assetset_contains(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(test_sets(PG_GETARG_DATUM(1), PG_GETARG_DATUM(0), roaring_bitmap_is_subset));
}

/* assetset <@ assetset: whether the second set has all ids of the first. */
Datum
assetset_contained(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(test_sets(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), roaring_bitmap_is_subset));
}

/* assetset && assetset: whether the sets have an id in common. */
Datum
assetset_overlaps(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(test_sets(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), roaring_bitmap_intersect));
}

/* Whether a set has an id. No set has a negative id. */
static bool
contains_id(Datum datum, int32 id)
{
	FlatAssetset *flat;
	bool		result;

	if (id < 0)
		return false;
	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		return roaring_bitmap_contains(DatumGetAssetset(datum)->bitmap, id);
	flat = DatumGetFlatAssetset(datum);
	result = roaring_bytes_contains(flat->bytes, FLAT_BYTES_SIZE(flat), id);
	assetset_release_flat(flat, datum);
	return result;
}

/* assetset @> integer: whether the set has the id. */
Datum
assetset_contains_id(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(contains_id(PG_GETARG_DATUM(0), PG_GETARG_INT32(1)));
}

/* integer <@ assetset: whether the set has the id. */
Datum
assetset_id_contained(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(contains_id(PG_GETARG_DATUM(1), PG_GETARG_INT32(0)));
}

/* ---- comparison ---- */

/* Whether the arguments are equal, which their canonical bytes show. */
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

/* Compares the arguments as roaring_bytes_compare() does. */
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

/* assetset < assetset, in the order of arrays of their ascending ids. */
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

/* assetset_cmp(assetset, assetset) returns integer: -1, 0 or 1, for btree. */
Datum
assetset_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare_sets(fcinfo));
}

/* assetset_hash(assetset) returns integer: the hash of the canonical bytes. */
Datum
assetset_hash(PG_FUNCTION_ARGS)
{
	FlatAssetset *flat = PG_GETARG_FLAT_ASSETSET(0);
	uint32		hash = hash_bytes((unsigned char *) flat->bytes, FLAT_BYTES_SIZE(flat));

	PG_RELEASE_FLAT_ASSETSET(flat, 0);
	PG_RETURN_UINT32(hash);
}

/*
 * assetset_hash_extended(assetset, seed bigint) returns bigint: the same in 64
 * bits.
 */
Datum
assetset_hash_extended(PG_FUNCTION_ARGS)
{
	FlatAssetset *flat = PG_GETARG_FLAT_ASSETSET(0);
	uint64		hash = hash_bytes_extended((unsigned char *) flat->bytes,
										   FLAT_BYTES_SIZE(flat), PG_GETARG_INT64(1));

	PG_RELEASE_FLAT_ASSETSET(flat, 0);
	PG_RETURN_UINT64(hash);
}
