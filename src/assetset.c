/*
 * assetset.c: the flat and the expanded form of the type assetset.
 */
#include "assetset.h"

#include "miscadmin.h"
#include "utils/memutils.h"

/* ---- containers of an expanded set ---- */

/*
 * Makes room at an index for n more containers, which the caller fills in.
 */
void
assetset_insert_containers(Assetset *set, int index, int n)
{
	Container  *at;

	if (n == 0)
		return;
	if (set->n_containers + n > set->max_containers)
	{
		int			max_containers = Max(set->n_containers + n, 2 * set->max_containers);
		Container  *larger = MemoryContextAlloc(set->header.eoh_context,
												max_containers * sizeof(Container));

		if (set->containers != NULL)
		{
			memcpy(larger, set->containers, set->n_containers * sizeof(Container));
			pfree(set->containers);
		}
		set->containers = larger;
		set->max_containers = max_containers;
	}
	at = set->containers + index;
	memmove(at + n, at, (set->n_containers - index) * sizeof(Container));
	memset(at, 0, n * sizeof(Container));
	set->n_containers += n;
}

/* Returns the index of the first container from "from" on with at least the key. */
int
assetset_find_container(const Assetset *set, int from, uint32 key)
{
	int			low = from;
	int			high = set->n_containers;

	/* often it is the next one, or the set ends before it */
	if (low < high && set->containers[low].key >= key)
		return low;
	if (low < high && set->containers[high - 1].key < key)
		return high;
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (set->containers[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Removes all ids of a container. */
void
assetset_empty_container(Container *container)
{
	if (container->allocated > 0)
		pfree(unconstify(char *, container->data));
	container->allocated = 0;
	container->kind = CONTAINER_ARRAY;
	container->cardinality = 0;
	container->units = 0;
}

/* ---- the expanded form ---- */

/*
 * Prepares a set for changes. Its containers have their data in the flat form,
 * which changes overwrite.
 */
void
assetset_open(Assetset *set)
{
	RoaringReader reader;
	int			n = 0;

	Assert(set->magic == ASSETSET_MAGIC);
	if (set->is_open)
		return;
	roaring_reader_open(&reader, set->flat->bytes, FLAT_BYTES_SIZE(set->flat));
	set->n_containers = 0;
	assetset_insert_containers(set, 0, reader.containers);
	while (roaring_reader_next(&reader, &set->containers[n]))
		n++;
	set->is_open = true;
}

/* ---- the flat form of an expanded set ---- */

/* Ends changes: the flat form is the set from now on. */
static void
close_set(Assetset *set, FlatAssetset *flat)
{
	for (int i = 0; i < set->n_containers; i++)
		assetset_empty_container(&set->containers[i]);
	if (set->containers != NULL)
		pfree(set->containers);
	set->containers = NULL;
	set->n_containers = set->max_containers = 0;
	if (set->flat != NULL)
		pfree(set->flat);
	set->flat = flat;
	set->is_open = false;
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
	Size		size = 0;
	MemoryContext caller;

	Assert(set->magic == ASSETSET_MAGIC);
	if (!set->is_open)
		return set->flat;
	caller = MemoryContextSwitchTo(set->header.eoh_context);
	assetset_flush_pending(set);
	for (int i = 0; i < set->n_containers; i++)
		size += sizeof(uint16) + container_size(&set->containers[i]);
	roaring_writer_open(&writer, size);
	for (int i = 0; i < set->n_containers; i++)
		if (set->containers[i].cardinality > 0)
			roaring_writer_copy_container(&writer, &set->containers[i]);
		else
			roaring_writer_add_container(&writer, &set->containers[i]);
	close_set(set, assetset_flat_from_writer(&writer));
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
 * Creates an empty expanded set in a memory context of its own below "parent".
 */
Assetset *
assetset_make(MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "assetset",
												  ALLOCSET_START_SMALL_SIZES);
	Assetset   *set = MemoryContextAllocZero(context, sizeof(Assetset));

	EOH_init_header(&set->header, &assetset_methods, context);
	set->magic = ASSETSET_MAGIC;
	set->is_open = true;
	return set;
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
 * Returns an expanded copy of the datum that the caller may change, in a memory
 * context below "parent". Error: XX001.
 */
Assetset *
assetset_copy(Datum datum, MemoryContext parent)
{
	Assetset   *set = assetset_make(parent);
	MemoryContext caller = MemoryContextSwitchTo(set->header.eoh_context);
	FlatAssetset *flat = DatumGetFlatAssetset(datum);

	if ((Pointer) flat == DatumGetPointer(datum) ||
		VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		flat = memcpy(palloc(VARSIZE(flat)), flat, VARSIZE(flat));
	set->flat = flat;
	set->is_open = false;
	MemoryContextSwitchTo(caller);
	return set;
}

/*
 * Returns a set that the caller may change, for an argument of an operator: a
 * result that no one else refers to is changed in place, as PostgreSQL allows
 * for read-write pointers. Error: XX001.
 */
Assetset *
assetset_writable(Datum datum)
{
	if (assetset_is_writable(datum))
		return (Assetset *) DatumGetEOHP(datum);
	return assetset_copy(datum, CurrentMemoryContext);
}

/* ---- reading both forms ---- */

/*
 * Starts to read the containers of a set in either form, which must not change
 * meanwhile. Error: XX001.
 */
void
set_reader_open(SetReader *reader, Datum datum)
{
	memset(reader, 0, sizeof(*reader));
	reader->datum = datum;
	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
	{
		reader->set = (Assetset *) DatumGetEOHP(datum);
		assetset_flush_pending(reader->set);
		if (reader->set->is_open)
			return;
	}
	reader->flat = DatumGetFlatAssetset(datum);
	roaring_reader_open(&reader->reader, reader->flat->bytes, FLAT_BYTES_SIZE(reader->flat));
}

/*
 * Reads the next container; false after the last one. Its cardinality is not
 * set. Error: XX001. Interruptible.
 */
bool
set_reader_next(SetReader *reader, Container *container)
{
	if (reader->flat != NULL)
		return roaring_reader_next(&reader->reader, container);
	CHECK_FOR_INTERRUPTS();
	if (reader->next >= reader->set->n_containers)
		return false;
	*container = reader->set->containers[reader->next++];
	return true;
}

void
set_reader_close(SetReader *reader)
{
	if (reader->flat != NULL)
		assetset_release_flat(reader->flat, reader->datum);
}

/* Returns the number of containers, of which some may be empty. */
int
set_reader_containers(const SetReader *reader)
{
	return reader->flat != NULL ? reader->reader.containers : reader->set->n_containers;
}

/* Returns the number of ids of a set in either form. Error: XX001. */
int64
assetset_count(Datum datum)
{
	SetReader	reader;
	int64		count = 0;

	set_reader_open(&reader, datum);
	if (reader.flat != NULL)
		count = roaring_bytes_cardinality(reader.flat->bytes, FLAT_BYTES_SIZE(reader.flat));
	else
		for (int i = 0; i < reader.set->n_containers; i++)
		{
			const Container *container = &reader.set->containers[i];

			CHECK_FOR_INTERRUPTS();
			count += container->cardinality > 0 ? container->cardinality :
				container_count(container);
		}
	set_reader_close(&reader);
	return count;
}

/* Whether a set in either form has an id. Error: XX001. */
bool
assetset_has(Datum datum, uint32 id)
{
	SetReader	reader;
	bool		result;

	set_reader_open(&reader, datum);
	if (reader.flat != NULL)
		result = roaring_bytes_contains(reader.flat->bytes, FLAT_BYTES_SIZE(reader.flat), id);
	else
	{
		int			index = assetset_find_container(reader.set, 0, id / CONTAINER_IDS);

		result = index < reader.set->n_containers &&
			reader.set->containers[index].key == id / CONTAINER_IDS &&
			container_contains(&reader.set->containers[index], id % CONTAINER_IDS);
	}
	set_reader_close(&reader);
	return result;
}

/* ---- flat sets ---- */

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
