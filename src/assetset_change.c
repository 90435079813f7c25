/*
 * assetset_change.c: changes of expanded sets, by single ids and by other sets.
 */
#include "assetset.h"

#include "port/pg_bitutils.h"
#include "utils/memutils.h"

/* how many ids may be pending in every set, and in the largest ones */
#define PENDING_SMALL 1024
#define PENDING_MAX 1048576
/* how many ids may be pending that are toggled, in every set, and for each container */
#define TOGGLES_SMALL 32768
#define TOGGLES_OF_CONTAINER 1024
/* how many ids of a container, on average, are toggled and not merged */
#define TOGGLED_MAX 128
/* number of ids from which grouping them by container first is faster */
#define GROUP_FROM 16384
/* number of ids of a container that are collected in a bitset first */
#define COLLECT_FROM 128

/* ---- containers ---- */

/*
 * Returns the memory of a container for "size" bytes of new data, which replace
 * the others: where they are now, if they fit, which may be in the flat form.
 */
static char *
data_memory(Assetset *set, Container *container, Size size)
{
	if (Max(container_size(container), container->allocated) < size)
	{
		/* a bitset is a block of its own: pooled ones grow by doubling the pool */
		uint32		allocated = size == BITSET_BYTES ? BITSET_BYTES + MAXIMUM_ALIGNOF :
			Max(pg_nextpower2_32(size), 16);
		char	   *data = MemoryContextAlloc(set->header.eoh_context, allocated);

		assetset_empty_container(container);
		container->data = data;
		container->allocated = allocated;
	}
	return unconstify(char *, container->data);
}

/* Replaces what a container of the set has by what another one has. */
static void
replace_container(Assetset *set, Container *container, const Container *other)
{
	Size		size = container_size(other);

	if (size == 0)
	{
		assetset_empty_container(container);
		return;
	}
	memcpy(data_memory(set, container, size), other->data, size);
	container->kind = other->kind;
	container->units = other->units;
	container->cardinality = other->cardinality;
}

static void
update_container(Assetset *set, Container *container, CombineOp operation,
				 const Container *other)
{
	ContainerBuffer combined;
	const Container *result;

	if (container_is_trivial(operation, container, other, &result))
	{
		if (result == NULL)
			assetset_empty_container(container);
		else if (result == other)
			replace_container(set, container, other);
	}
	else if (container->kind == CONTAINER_BITSET &&
		(operation != COMBINE_AND || other->kind != CONTAINER_ARRAY))
	{
		container_update_bitset(unconstify(char *, container->data), operation, other);
		container->cardinality = 0;
	}
	else
	{
		container_combine(&combined, operation, container, other);
		replace_container(set, container, &combined.container);
	}
}

static void
remove_empty_containers(Assetset *set)
{
	int			n = 0;

	for (int i = 0; i < set->n_containers; i++)
		if (set->containers[i].kind == CONTAINER_BITSET || set->containers[i].units > 0)
			set->containers[n++] = set->containers[i];
		else
			assetset_empty_container(&set->containers[i]);
	set->n_containers = n;
}

/* ---- adding ids ---- */

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

/* Adds ids to a bitset, or if "toggles" removes those that it has. */
static void
change_bitset(char *bitset, const uint32 *ids, int count, bool toggles)
{
	for (int i = 0; i < count; i++)
	{
		int			value = ids[i] % CONTAINER_IDS;
		uint64		word = uint64_at(bitset, value / 64);
		uint64		bit = UINT64CONST(1) << value % 64;

		set_uint64_at(bitset, value / 64, toggles ? word ^ bit : word | bit);
	}
}

/* Adds an id to an array, which has room for it. */
static void
add_to_array(Container *container, uint16 value)
{
	uint16	   *values = (uint16 *) container->data;
	int			low = 0;
	int			high = container->units;

	if (high > 0 && values[high - 1] < value)
		low = high;
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (values[middle] < value)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < container->units && values[low] == value)
		return;
	memmove(values + low + 1, values + low, (container->units - low) * sizeof(uint16));
	values[low] = value;
	container->units++;
}

/* Adds a few ids to an array, which does not become too large for an array. */
static void
add_few(Assetset *set, Container *container, const uint32 *ids, int count)
{
	Size		size = (container->units + count) * sizeof(uint16);

	/* an array in the flat form may be unaligned, and has no room */
	if (container->allocated < size)
	{
		Container	larger = {0};
		char	   *data = data_memory(set, &larger, size);

		if (container->units > 0)
			memcpy(data, container->data, container_size(container));
		larger.key = container->key;
		larger.units = container->units;
		assetset_empty_container(container);
		*container = larger;
	}
	container->cardinality = 0;
	for (int i = 0; i < count; i++)
		add_to_array(container, ids[i] % CONTAINER_IDS);
}

/*
 * Adds ids to a container of the set, or toggles them. A container is a bitset where it
 * may have more ids than an array, until the set is written.
 */
static void
change_container(Assetset *set, Container *container, const uint32 *ids, int count)
{
	ContainerBuffer collected;
	int			cardinality;

	if (container->kind == CONTAINER_BITSET)
	{
		change_bitset(unconstify(char *, container->data), ids, count, set->toggles);
		container->cardinality = 0;
		return;
	}
	if (!set->toggles && container->kind == CONTAINER_ARRAY &&
		container->units + count <= ARRAY_MAX && count < COLLECT_FROM)
	{
		add_few(set, container, ids, count);
		return;
	}
	container_load((char *) collected.words, container);
	change_bitset((char *) collected.words, ids, count, set->toggles);
	memset(&collected.container, 0, sizeof(Container));
	collected.container.kind = CONTAINER_BITSET;
	collected.container.units = BITSET_WORDS;
	collected.container.data = (char *) collected.words;
	cardinality = container_count(&collected.container);
	if (cardinality > ARRAY_MAX)
		replace_container(set, container, &collected.container);
	else
	{
		char	   *data = data_memory(set, container, cardinality * sizeof(uint16));

		container_convert(&collected.container, CONTAINER_ARRAY, data);
		container->kind = CONTAINER_ARRAY;
		container->units = cardinality;
		container->cardinality = 0;
	}
}

/*
 * Adds or toggles ids in any order. Many ids are grouped by container first: in a set of
 * many containers, each id alone would miss the processor's caches several times.
 */
static void
change_many(Assetset *set, const uint32 *ids, int count)
{
	uint32	   *grouped = NULL;

	assetset_open(set);
	if (count >= GROUP_FROM || set->toggles)
		grouped = group_by_container(ids, count);
	if (grouped != NULL)
		ids = grouped;
	for (int i = 0, n; i < count; i += n)
	{
		uint32		key = ids[i] / CONTAINER_IDS;
		int			index = assetset_find_container(set, 0, key);

		for (n = 1; i + n < count && ids[i + n] / CONTAINER_IDS == key;)
			n++;
		if (index == set->n_containers || set->containers[index].key != key)
		{
			assetset_insert_containers(set, index, 1);
			set->containers[index].key = key;
		}
		change_container(set, &set->containers[index], ids + i, n);
	}
	if (grouped != NULL)
		pfree(grouped);
	if (set->toggles)
		remove_empty_containers(set);
}

/* Moves pending ids to the containers. The members of the set do not change. */
void
assetset_flush_pending(Assetset *set)
{
	if (set->n_pending > 0)
		change_many(set, set->pending, set->n_pending);
	set->n_pending = 0;
	set->toggles = false;
}

/* Adds ids in any order to a set that the caller has made or copied. */
void
assetset_add_many(Assetset *set, const uint32 *ids, int count)
{
	if (set->toggles)
		assetset_flush_pending(set);
	change_many(set, ids, count);
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
 * Adds an id to a set that the caller has made or copied. Ids go to the
 * containers by the thousand or more: where many sets grow at once, as in a grouped
 * aggregate, each id alone would miss the processor's caches.
 */
void
assetset_add(Assetset *set, uint32 id)
{
	Assert(set->magic == ASSETSET_MAGIC && id <= ASSET_ID_MAX);
	if (set->toggles)
		assetset_flush_pending(set);
	assetset_open(set);
	if (set->n_pending >= set->max_pending)
		extend_pending(set);
	set->pending[set->n_pending++] = id;
}

/* ---- updates with another set ---- */

/* Inserts an empty container for each key that only the other set has. */
static void
insert_missing(Assetset *set, SetReader reader)
{
	Container	container;
	uint32	   *keys;
	int			n = 0;
	int			next = 0;
	int			from = set->n_containers;

	keys = palloc((set_reader_containers(&reader) + 1) * sizeof(uint32));
	while (set_reader_next(&reader, &container))
	{
		next = assetset_find_container(set, next, container.key);
		if (next == set->n_containers || set->containers[next].key != container.key)
			keys[n++] = container.key;
		else
			next++;
	}
	assetset_insert_containers(set, from, n);
	/* from the last to the first, so that each container moves once */
	for (int to = set->n_containers - 1; n > 0; to--)
	{
		Container  *container = &set->containers[to];

		if (from > 0 && set->containers[from - 1].key > keys[n - 1])
			*container = set->containers[--from];
		else
		{
			memset(container, 0, sizeof(Container));
			container->key = keys[--n];
		}
	}
	pfree(keys);
}

/* Makes room for more pending toggles. */
static void
extend_toggles(Assetset *set, int n)
{
	int			limit = Max(TOGGLES_SMALL, TOGGLES_OF_CONTAINER * set->n_containers);
	int			max_pending;

	if (set->n_pending + n > set->max_pending && set->n_pending + n > limit)
		assetset_flush_pending(set);
	if (set->n_pending + n <= set->max_pending)
		return;
	max_pending = pg_nextpower2_32(Max(set->n_pending + n, 16));
	if (set->pending == NULL)
		set->pending = MemoryContextAlloc(set->header.eoh_context, max_pending * sizeof(uint32));
	else
		set->pending = repalloc(set->pending, max_pending * sizeof(uint32));
	set->max_pending = max_pending;
}

/* Makes the ids of a set, n in arrays, pending toggles. */
static void
toggle_arrays(Assetset *set, SetReader *reader, int n)
{
	Container	container;

	if (!set->toggles)
		assetset_flush_pending(set);
	extend_toggles(set, n);
	set->toggles = true;
	while (set_reader_next(reader, &container))
		for (int i = 0; i < container.units; i++)
			set->pending[set->n_pending++] =
				container.key * CONTAINER_IDS + uint16_at(container.data, i);
}

/* Returns how many ids a reader has, if all are in arrays of few; -1 if not. */
static int
count_few(SetReader reader)
{
	Container	container;
	int			n = 0;
	int			containers = 0;

	while (set_reader_next(&reader, &container))
	{
		if (container.kind != CONTAINER_ARRAY)
			return -1;
		n += container.units;
		containers++;
	}
	return n <= TOGGLED_MAX * containers ? n : -1;
}

/*
 * Updates a set that the caller may change with another set, as the first
 * operand of the operation. After an error the set must not be used. Error:
 * XX001. Interruptible.
 */
void
assetset_update(Assetset *set, CombineOp operation, Datum other)
{
	SetReader	reader;
	Container	container;
	int			next = 0;
	int			few;

	assetset_open(set);
	set_reader_open(&reader, other);
	/* where many small sets toggle, each alone would copy the arrays of the set */
	if (operation == COMBINE_XOR && (few = count_few(reader)) >= 0)
	{
		toggle_arrays(set, &reader, few);
		set_reader_close(&reader);
		return;
	}
	assetset_flush_pending(set);
	if (KEEPS_SECOND(operation))
		insert_missing(set, reader);
	while (set_reader_next(&reader, &container))
	{
		int			index = assetset_find_container(set, next, container.key);

		if (!KEEPS_FIRST(operation))
			while (next < index)
				assetset_empty_container(&set->containers[next++]);
		next = index;
		if (next < set->n_containers && set->containers[next].key == container.key)
			update_container(set, &set->containers[next++], operation, &container);
	}
	if (!KEEPS_FIRST(operation))
		while (next < set->n_containers)
			assetset_empty_container(&set->containers[next++]);
	if (operation != COMBINE_OR)
		remove_empty_containers(set);
	set_reader_close(&reader);
}
