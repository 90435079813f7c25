/*
 * assetset.c: the flat and the expanded form of the type assetset.
 */
#include "assetset.h"

#include "utils/memutils.h"

/* how many ids may be pending in every set, and in the largest ones */
#define PENDING_SMALL 1024
#define PENDING_MAX 1048576
/* number of ids from which grouping them by container first is faster */
#define GROUP_FROM 16384

/* ---- the expanded form ---- */

static void
release_bitmap(void *arg)
{
	Assetset   *set = arg;

	if (set->bitmap != NULL)
		roaring_bitmap_free(set->bitmap);
	set->bitmap = NULL;
}

/*
 * Returns the flat form of an expanded set. It belongs to the set and is valid
 * until the set changes.
 *
 * All memory is allocated in the set's own context: while a sort forms its
 * tuples, the current context is one in which nothing can be freed, from
 * PostgreSQL 17 on.
 */
static FlatAssetset *
get_flat(Assetset *set)
{
	RoaringWriter writer;
	Size		size;
	char	   *bytes;
	MemoryContext caller;

	Assert(set->magic == ASSETSET_MAGIC);
	if (set->flat != NULL)
		return set->flat;
	caller = MemoryContextSwitchTo(set->header.eoh_context);
	assetset_flush_pending(set);
	size = roaring_bitmap_portable_size_in_bytes(set->bitmap);
	bytes = palloc_extended(size, MCXT_ALLOC_HUGE);
	roaring_bitmap_portable_serialize(set->bitmap, bytes);
	roaring_writer_open(&writer, size);
	roaring_writer_add_all(&writer, bytes, size);
	pfree(bytes);
	set->flat = assetset_flat_from_writer(&writer);
	MemoryContextSwitchTo(caller);
	return set->flat;
}

static Size
assetset_get_flat_size(ExpandedObjectHeader *header)
{
	return VARSIZE(get_flat((Assetset *) header));
}

static void
assetset_flatten_into(ExpandedObjectHeader *header, void *result, Size allocated_size)
{
	FlatAssetset *flat = get_flat((Assetset *) header);

	Assert(allocated_size == VARSIZE(flat));
	memcpy(result, flat, allocated_size);
}

static const ExpandedObjectMethods assetset_methods = {
	assetset_get_flat_size,
	assetset_flatten_into
};

/*
 * Creates an expanded set in a memory context of its own below "parent". It has
 * no bitmap yet: call assetset_set_bitmap() before anything else. In this
 * order, the callback that frees the bitmap is registered before the bitmap
 * exists.
 */
Assetset *
assetset_make(MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "assetset",
												  ALLOCSET_START_SMALL_SIZES);
	Assetset   *set = MemoryContextAllocZero(context, sizeof(Assetset));

	EOH_init_header(&set->header, &assetset_methods, context);
	set->magic = ASSETSET_MAGIC;
	set->release.func = release_bitmap;
	set->release.arg = set;
	MemoryContextRegisterResetCallback(context, &set->release);
	return set;
}

/*
 * Gives the set the bitmap that the library made. Error: 53200 for NULL, which
 * the library returns when it is out of memory.
 */
void
assetset_set_bitmap(Assetset *set, roaring_bitmap_t *bitmap)
{
	Assert(set->magic == ASSETSET_MAGIC && set->bitmap == NULL);
	if (bitmap == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("The Roaring library could not create a set.")));
	set->bitmap = bitmap;
}

/*
 * Returns the ids ordered by container, and within a container in the order
 * given, as a new array in the current memory context; NULL if they are already
 * in that order.
 */
static uint32 *
group_by_container(const uint32 *ids, int count)
{
	int		   *next = palloc0((CONTAINERS_MAX + 1) * sizeof(int));
	uint32	   *grouped = NULL;
	bool		is_ascending = true;

	for (int i = 0; i < count; i++)
	{
		next[ids[i] / CONTAINER_IDS + 1]++;
		is_ascending &= i == 0 || ids[i - 1] / CONTAINER_IDS <= ids[i] / CONTAINER_IDS;
	}
	if (!is_ascending)
	{
		for (int key = 1; key < CONTAINERS_MAX; key++)
			next[key] += next[key - 1];
		grouped = palloc(count * sizeof(uint32));
		for (int i = 0; i < count; i++)
			grouped[next[ids[i] / CONTAINER_IDS]++] = ids[i];
	}
	pfree(next);
	return grouped;
}

/*
 * Adds ids in any order to a set that the caller has made or copied. Many ids
 * are grouped by container first: in a set of many containers, each id alone
 * would miss the processor's caches several times.
 */
void
assetset_add_many(Assetset *set, const uint32 *ids, int count)
{
	uint32	   *grouped = NULL;

	Assert(set->magic == ASSETSET_MAGIC && set->bitmap != NULL);
	if (count >= GROUP_FROM)
		grouped = group_by_container(ids, count);
	roaring_bitmap_add_many(set->bitmap, count, grouped != NULL ? grouped : ids);
	if (grouped != NULL)
		pfree(grouped);
}

/* Moves pending ids to the bitmap. The members of the set do not change. */
void
assetset_flush_pending(Assetset *set)
{
	Assert(set->magic == ASSETSET_MAGIC && set->bitmap != NULL);
	if (set->n_pending > 0)
		assetset_add_many(set, set->pending, set->n_pending);
	set->n_pending = 0;
}

/*
 * Makes room for another pending id. The more ids a set has received, the more
 * may be pending, so that small sets stay small.
 */
static void
extend_pending(Assetset *set)
{
	set->n_added += set->n_pending;
	assetset_flush_pending(set);
	if (set->max_pending < PENDING_SMALL ||
		(set->max_pending < PENDING_MAX && set->n_added / 16 >= set->max_pending))
	{
		int			max_pending = Max(16, 4 * set->max_pending);
		uint32	   *larger = MemoryContextAlloc(set->header.eoh_context,
												max_pending * sizeof(uint32));

		if (set->pending != NULL)
			pfree(set->pending);
		set->pending = larger;
		set->max_pending = max_pending;
	}
}

/*
 * Adds an id to a set that the caller has made or copied. Ids go to the bitmap
 * by the thousand or more: where many sets grow at once, as in a grouped
 * aggregate, each id alone would miss the processor's caches.
 */
void
assetset_add(Assetset *set, uint32 id)
{
	Assert(set->magic == ASSETSET_MAGIC && id <= ASSET_ID_MAX);
	if (set->flat != NULL)
		assetset_writable_bitmap(set);
	if (set->n_pending >= set->max_pending)
		extend_pending(set);
	set->pending[set->n_pending++] = id;
}

/* ---- from one form to the other ---- */

/* Returns the flat form of a datum that is not expanded. Error: XX001. */
static FlatAssetset *
detoast_flat(Datum datum)
{
	FlatAssetset *flat = (FlatAssetset *) PG_DETOAST_DATUM(datum);

	if (VARSIZE(flat) < offsetof(FlatAssetset, bytes) ||
		flat->version != ASSETSET_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("assetset is corrupted or of a later version of posture")));
	return flat;
}

/*
 * Returns the datum's flat form, which must not be changed. It belongs to the
 * datum if that is expanded or flat; if not, it is a copy in the current memory
 * context, which assetset_release_flat() frees. Error: XX001.
 */
FlatAssetset *
DatumGetFlatAssetset(Datum datum)
{
	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		return get_flat((Assetset *) DatumGetEOHP(datum));
	return detoast_flat(datum);
}

/*
 * Returns the library's form of a flat set, or NULL if it is out of memory.
 * Error: XX001, for which the bytes are checked again: the library does not say
 * why it returned NULL.
 */
static roaring_bitmap_t *
bitmap_from_flat(const FlatAssetset *flat)
{
	Size		size = FLAT_BYTES_SIZE(flat);
	roaring_bitmap_t *bitmap = roaring_bitmap_portable_deserialize_safe(flat->bytes, size);

	if (bitmap == NULL)
	{
		char	   *problem = roaring_bytes_check(flat->bytes, size);

		if (problem != NULL)
			report_corrupted_assetset(problem);
	}
	return bitmap;
}

/*
 * Creates an expanded set from a datum that is not expanded, in a memory
 * context below "parent".
 */
static Assetset *
expand_flat(Datum datum, MemoryContext parent)
{
	FlatAssetset *flat = detoast_flat(datum);
	Assetset   *set = assetset_make(parent);

	assetset_set_bitmap(set, bitmap_from_flat(flat));
	assetset_release_flat(flat, datum);
	return set;
}

/*
 * Returns the datum's expanded form for reading: the datum itself if it is
 * expanded; if not, a copy in the current memory context, which
 * assetset_release() frees. Errors: XX001, 53200.
 */
Assetset *
DatumGetAssetset(Datum datum)
{
	Assetset   *set;

	if (!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		return expand_flat(datum, CurrentMemoryContext);
	set = (Assetset *) DatumGetEOHP(datum);
	assetset_flush_pending(set);
	return set;
}

/*
 * Returns an expanded copy of the datum that the caller may change, in a memory
 * context below "parent". Errors: XX001, 53200.
 */
Assetset *
assetset_copy(Datum datum, MemoryContext parent)
{
	Assetset   *set;

	if (!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		return expand_flat(datum, parent);
	set = assetset_make(parent);
	assetset_set_bitmap(set, roaring_bitmap_copy(DatumGetAssetset(datum)->bitmap));
	return set;
}

/*
 * Ends the writer and returns its set in flat form, in the current memory
 * context.
 */
FlatAssetset *
assetset_flat_from_writer(RoaringWriter *writer)
{
	Size		size;
	FlatAssetset *flat;

	flat = (FlatAssetset *) roaring_writer_finish(writer, offsetof(FlatAssetset, bytes), &size);
	SET_VARSIZE(flat, size);
	flat->version = ASSETSET_VERSION;
	Assert(roaring_bytes_check(flat->bytes, FLAT_BYTES_SIZE(flat)) == NULL);
	return flat;
}

/* Raises 22003 with the number that was given for an id. */
void
report_asset_id_out_of_range(const char *id)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("asset id %s is out of range", id),
			 errdetail("An asset id is a whole number from 0 to %d.", ASSET_ID_MAX)));
}
