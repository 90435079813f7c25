/*
 * stored_state.c: whether assets are assessed and exposed, from the stored sets.
 *
 * The sets of a recommendation and a chunk are read once, when the first of their assets
 * is asked for. Deltas that are not folded yet are not in them.
 */
#include "stored_state.h"

#include "assetset.h"
#include "index_lookup.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* the sets of a recommendation in a chunk; NULL: there are none */
typedef struct StoredSet
{
	uint64		key;			/* recommendation and chunk */
	FlatAssetset *assessed;
	FlatAssetset *exposed;
	char		status;			/* of simplehash */
} StoredSet;

#define SH_PREFIX sets
#define SH_ELEMENT_TYPE StoredSet
#define SH_KEY_TYPE uint64
#define SH_KEY key
#define SH_HASH_KEY(table, key) \
	hash_combine(murmurhash32((uint32) ((key) >> 32)), murmurhash32((uint32) (key)))
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct StoredStates
{
	MemoryContext context;		/* of the table and the sets */
	Size		max_bytes;
	Size		bytes;			/* of the sets */
	sets_hash  *table;
};

static void
forget_sets(StoredStates *states)
{
	MemoryContextReset(states->context);
	states->table = sets_create(states->context, 64, NULL);
	states->bytes = 0;
}

/* Makes an empty table, which forgets all sets when they no longer fit into max_bytes. */
StoredStates *
stored_states_make(MemoryContext parent, Size max_bytes)
{
	StoredStates *states = MemoryContextAllocZero(parent, sizeof(StoredStates));

	states->context = AllocSetContextCreate(parent, "stored states", ALLOCSET_DEFAULT_SIZES);
	states->max_bytes = max_bytes;
	forget_sets(states);
	return states;
}

/* Returns a copy of a set in a column of the row that was found. */
static FlatAssetset *
copy_set(StoredStates *states, IndexLookup *lookup, const char *column)
{
	bool		is_null;
	Datum		set = slot_getattr(lookup->slot,
								   get_attnum(RelationGetRelid(lookup->table), column), &is_null);
	MemoryContext caller = MemoryContextSwitchTo(states->context);
	FlatAssetset *copy = (FlatAssetset *) PG_DETOAST_DATUM_COPY(set);

	MemoryContextSwitchTo(caller);
	states->bytes += GetMemoryChunkSpace(copy);
	return copy;
}

/* Reads the sets of a recommendation and a chunk, as the active snapshot sees them. */
static StoredSet *
read_set(StoredStates *states, int32 recommendation_id, int32 chunk, uint64 key)
{
	Oid			schema = get_namespace_oid("posture_internal", false);
	Relation	table = table_open(get_relname_relid("finding_set", schema), AccessShareLock);
	IndexLookup lookup;
	StoredSet  *set;
	bool		is_found;

	if (states->bytes + states->table->size * sizeof(StoredSet) > states->max_bytes)
		forget_sets(states);
	index_lookup_open(&lookup, table, unique_index_of(table, "chunk"));
	is_found = index_lookup_find(&lookup, Int32GetDatum(chunk), Int32GetDatum(recommendation_id));
	set = sets_insert(states->table, key, &(bool) {false});
	set->assessed = is_found ? copy_set(states, &lookup, "assessed") : NULL;
	set->exposed = is_found ? copy_set(states, &lookup, "exposed") : NULL;
	index_lookup_close(&lookup);
	table_close(table, NoLock);
	return set;
}

/* Sets *is_assessed and *is_exposed to what the stored sets say. Error: XX001. */
void
stored_state(StoredStates *states, int32 recommendation_id, int32 asset_id,
			 bool *is_assessed, bool *is_exposed)
{
	int32		chunk = asset_id / CONTAINER_IDS;
	uint64		key = ((uint64) recommendation_id << 32) | (uint32) chunk;
	StoredSet  *set = sets_lookup(states->table, key);

	if (set == NULL)
		set = read_set(states, recommendation_id, chunk, key);
	*is_assessed = set->assessed != NULL && assetset_has(PointerGetDatum(set->assessed), asset_id);
	*is_exposed = set->exposed != NULL && assetset_has(PointerGetDatum(set->exposed), asset_id);
}
