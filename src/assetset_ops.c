/*
 * assetset_ops.c: the operators of assetset, and its comparison and hash
 * functions.
 *
 * Operators that combine sets return an expanded set, which the next operator of
 * an expression changes in place. The others read their arguments in place, and
 * comparison and hash need the flat forms. All functions are strict and raise
 * XX001 for a corrupted set.
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

/* Returns a set from the two arguments. */
static Datum
combine_sets(FunctionCallInfo fcinfo, CombineOp operation)
{
	Datum		first = PG_GETARG_DATUM(0);
	Datum		second = PG_GETARG_DATUM(1);
	Assetset   *result;

	/* change the one that may be changed in place, if the order does not matter */
	if (operation != COMBINE_ANDNOT && !assetset_is_writable(first) &&
		assetset_is_writable(second))
	{
		first = second;
		second = PG_GETARG_DATUM(0);
	}
	result = assetset_writable(first);
	assetset_update(result, operation, second);
	PG_RETURN_ASSETSET(result);
}

/* Whether the operation on two sets returns an empty set. */
static bool
combines_to_empty(Datum datum1, Datum datum2, CombineOp operation)
{
	SetReader	reader1;
	SetReader	reader2;
	Container	container1;
	Container	container2;
	const Container *result;
	ContainerBuffer combined;
	bool		more2;
	bool		is_empty = true;

	Assert(!KEEPS_SECOND(operation));
	set_reader_open(&reader1, datum1);
	set_reader_open(&reader2, datum2);
	more2 = set_reader_next(&reader2, &container2);
	while (is_empty && set_reader_next(&reader1, &container1))
	{
		while (more2 && container2.key < container1.key)
			more2 = set_reader_next(&reader2, &container2);
		if (more2 && container2.key == container1.key)
		{
			if (!container_is_trivial(operation, &container1, &container2, &result))
			{
				container_combine(&combined, operation, &container1, &container2);
				result = &combined.container;
			}
			is_empty = result == NULL || container_is_empty(result);
		}
		else if (KEEPS_FIRST(operation))
			is_empty = container_is_empty(&container1);
	}
	set_reader_close(&reader1);
	set_reader_close(&reader2);
	return is_empty;
}

/* assetset | assetset returns assetset: the ids that either set has. */
Datum
assetset_union(PG_FUNCTION_ARGS)
{
	return combine_sets(fcinfo, COMBINE_OR);
}

/* assetset & assetset returns assetset: the ids that both sets have. */
Datum
assetset_intersection(PG_FUNCTION_ARGS)
{
	return combine_sets(fcinfo, COMBINE_AND);
}

/* assetset - assetset returns assetset: the ids that only the first set has. */
Datum
assetset_difference(PG_FUNCTION_ARGS)
{
	return combine_sets(fcinfo, COMBINE_ANDNOT);
}

/* assetset # assetset returns assetset: the ids that exactly one set has. */
Datum
assetset_symmetric_difference(PG_FUNCTION_ARGS)
{
	return combine_sets(fcinfo, COMBINE_XOR);
}

/* assetset @> assetset: whether the first set has all ids of the second. */
Datum
assetset_contains(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(combines_to_empty(PG_GETARG_DATUM(1), PG_GETARG_DATUM(0), COMBINE_ANDNOT));
}

/* assetset <@ assetset: whether the second set has all ids of the first. */
Datum
assetset_contained(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(combines_to_empty(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), COMBINE_ANDNOT));
}

/* assetset && assetset: whether the sets have an id in common. */
Datum
assetset_overlaps(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!combines_to_empty(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), COMBINE_AND));
}

/* Whether a set has an id. No set has a negative id. */
static bool
contains_id(Datum datum, int32 id)
{
	return id >= 0 && assetset_has(datum, id);
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
