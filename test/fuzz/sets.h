/*
 * sets.h: what the targets for assetset share.
 */
#ifndef FUZZ_SETS_H
#define FUZZ_SETS_H

#include "backend.h"

#include "assetset.h"

extern Datum assetset_in(PG_FUNCTION_ARGS);
extern Datum assetset_out(PG_FUNCTION_ARGS);
extern Datum assetset_recv(PG_FUNCTION_ARGS);
extern Datum assetset_send(PG_FUNCTION_ARGS);
extern Datum assetset_union(PG_FUNCTION_ARGS);
extern Datum assetset_intersection(PG_FUNCTION_ARGS);
extern Datum assetset_difference(PG_FUNCTION_ARGS);
extern Datum assetset_symmetric_difference(PG_FUNCTION_ARGS);
extern Datum assetset_contains(PG_FUNCTION_ARGS);
extern Datum assetset_contained(PG_FUNCTION_ARGS);
extern Datum assetset_overlaps(PG_FUNCTION_ARGS);
extern Datum assetset_contains_id(PG_FUNCTION_ARGS);
extern Datum assetset_id_contained(PG_FUNCTION_ARGS);
extern Datum assetset_eq(PG_FUNCTION_ARGS);
extern Datum assetset_ne(PG_FUNCTION_ARGS);
extern Datum assetset_lt(PG_FUNCTION_ARGS);
extern Datum assetset_le(PG_FUNCTION_ARGS);
extern Datum assetset_gt(PG_FUNCTION_ARGS);
extern Datum assetset_ge(PG_FUNCTION_ARGS);
extern Datum assetset_cmp(PG_FUNCTION_ARGS);
extern Datum assetset_hash(PG_FUNCTION_ARGS);
extern Datum assetset_hash_extended(PG_FUNCTION_ARGS);
extern Datum assetset_cardinality(PG_FUNCTION_ARGS);
extern Datum assetset_members(PG_FUNCTION_ARGS);
extern Datum assetset_chunks(PG_FUNCTION_ARGS);
extern Datum assetset_to_array(PG_FUNCTION_ARGS);
extern Datum assetset_from_array(PG_FUNCTION_ARGS);
extern Datum assetset_agg_accum(PG_FUNCTION_ARGS);
extern Datum union_agg_accum(PG_FUNCTION_ARGS);
extern Datum intersect_agg_accum(PG_FUNCTION_ARGS);
extern Datum xor_agg_accum(PG_FUNCTION_ARGS);

/* Calls assetset_recv(); false if it raises an error. */
extern bool set_received(const void *bytes, size_t size, Datum *set);

/* Returns the flat form of a set, in a chunk of its own. */
extern Datum set_flat(Datum set);

/* Returns an expanded copy of a set. */
extern Datum set_expanded(Datum set);

/* Whether two sets, in any forms, have the same flat form. */
extern bool set_same(Datum set1, Datum set2);

/* Returns an integer[] of these ids. */
extern Datum array_of(const int32 *ids, int count);

/* Checks everything that must hold for a flat set. */
extern void set_check(Datum flat);

#endif							/* FUZZ_SETS_H */
