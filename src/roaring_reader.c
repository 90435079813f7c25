/*
 * roaring_reader.c: reads sets in the portable Roaring format in place.
 *
 * The format, all of it little-endian (specification: "Roaring Bitmaps Format
 * Specification", github.com/RoaringBitmap/RoaringFormatSpec):
 *
 *	without runs:	uint32 12346, uint32 number of containers
 *	with runs:		uint16 12347, uint16 number of containers - 1,
 *					a bit for each container: whether it is a run
 *	descriptors:	for each container uint16 key, uint16 cardinality - 1
 *	offsets:		for each container uint32, where it starts; left out of a
 *					set with runs that has less than 4 containers
 *	containers:		an array of uint16 values (cardinality up to 4096), a
 *					bitset of 8192 bytes (above), or a run: uint16 number of
 *					runs, for each uint16 first value, uint16 length - 1
 *
 * roaring_bytes_check() is for bytes that a client sends: it trusts nothing and
 * reads every byte. All other functions are for stored bytes, which only
 * posture writes. They check what costs little, that each container lies within
 * the bytes, and raise XX001 (data_corrupted) if not; they don't check values.
 */
#include "roaring_format.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"

static inline uint32
key_at(const RoaringReader *reader, int index)
{
	return uint16_at(reader->descriptors, 2 * index);
}

static inline int
cardinality_at(const RoaringReader *reader, int index)
{
	return uint16_at(reader->descriptors, 2 * index + 1) + 1;
}

/*
 * Reads what precedes the containers. Returns NULL if it is valid; if not, a
 * sentence that describes the error, in the current memory context.
 */
static char *
read_header(RoaringReader *reader, const char *bytes, Size size)
{
	uint32		cookie;
	uint32		containers;
	bool		with_runs;

	memset(reader, 0, sizeof(*reader));
	reader->bytes = bytes;
	reader->size = size;
	if (size < sizeof(uint32))
		return psprintf("A set has more than %zu bytes.", size);
	cookie = uint32_at(bytes, 0);
	with_runs = (cookie & 0xFFFF) == COOKIE_WITH_RUNS;
	if (!with_runs && cookie != COOKIE_WITHOUT_RUNS)
		return psprintf("A set does not start with the cookie %u.", cookie);
	if (!with_runs && size < 2 * sizeof(uint32))
		return psprintf("A set has more than %zu bytes.", size);

	reader->position = with_runs ? sizeof(uint32) : 2 * sizeof(uint32);
	containers = with_runs ? (cookie >> 16) + 1 : uint32_at(bytes, 1);
	if (containers > CONTAINERS_MAX)
		return psprintf("A set has at most %d containers, not %u.", CONTAINERS_MAX, containers);
	reader->containers = containers;
	if (with_runs)
	{
		reader->run_flags = bytes + reader->position;
		reader->position += (reader->containers + 7) / 8;
	}
	reader->descriptors = bytes + reader->position;
	reader->position += (Size) reader->containers * 2 * sizeof(uint16);
	if (!with_runs || reader->containers >= OFFSETS_FROM)
	{
		reader->offsets = bytes + reader->position;
		reader->position += (Size) reader->containers * sizeof(uint32);
	}
	if (reader->position > size)
		return psprintf("The descriptors of %d containers end at byte %zu, "
						"but the set ends at byte %zu.",
						reader->containers, reader->position, size);
	return NULL;
}

/*
 * Reads the kind and the position of the next container, which must exist, but
 * not its data. Returns like read_header().
 */
static char *
read_container(RoaringReader *reader, Container *container)
{
	int			index = reader->index;
	Size		data_size;

	container->key = key_at(reader, index);
	container->cardinality = cardinality_at(reader, index);
	container->allocated = 0;
	container->start = reader->position;
	container->data = reader->bytes + reader->position;
	if (container->key >= CONTAINERS_MAX)
		return psprintf("Key %u of container %d is for ids above %d.",
						container->key, index, ASSET_ID_MAX);
	if (reader->run_flags != NULL && (reader->run_flags[index / 8] >> (index % 8)) & 1)
	{
		container->kind = CONTAINER_RUN;
		container->units = 0;
		if (reader->position + sizeof(uint16) <= reader->size)
			container->units = uint16_at(container->data, 0);
		container->data += sizeof(uint16);
		data_size = sizeof(uint16) + container_size(container);
	}
	else if (container->cardinality <= ARRAY_MAX)
	{
		container->kind = CONTAINER_ARRAY;
		container->units = container->cardinality;
		data_size = container_size(container);
	}
	else
	{
		container->kind = CONTAINER_BITSET;
		container->units = BITSET_WORDS;
		data_size = BITSET_BYTES;
	}
	if (reader->position + data_size > reader->size)
		return psprintf("Container %d ends at byte %zu, but the set ends at byte %zu.",
						index, reader->position + data_size, reader->size);
	reader->index++;
	reader->position += data_size;
	return NULL;
}

/* ---- bytes of clients ---- */

/*
 * Check the data of a container. Return like read_header().
 */
static char *
check_array(const Container *container)
{
	for (int i = 1; i < container->units; i++)
		if (uint16_at(container->data, i) <= uint16_at(container->data, i - 1))
			return psprintf("Value %d of array %u does not ascend.", i, container->key);
	return NULL;
}

static char *
check_bitset(const Container *container)
{
	uint64		count = pg_popcount(container->data, BITSET_BYTES);

	if (count != (uint64) container->cardinality)
		return psprintf("Bitset %u has cardinality %llu, but its descriptor says %d.",
						container->key, (unsigned long long) count,
						container->cardinality);
	return NULL;
}

static char *
check_runs(const Container *container)
{
	int			previous_end = -1;
	int			count = 0;

	for (int i = 0; i < container->units; i++)
	{
		int			first = uint16_at(container->data, 2 * i);
		int			last = first + uint16_at(container->data, 2 * i + 1);

		if (first <= previous_end)
			return psprintf("Run %d of container %u starts at %d, "
							"but the previous run ends at %d.",
							i, container->key, first, previous_end);
		if (last >= CONTAINER_IDS)
			return psprintf("Run %d of container %u ends at %d, beyond the container.",
							i, container->key, last);
		count += last - first + 1;
		previous_end = last;
	}
	if (count != container->cardinality)
		return psprintf("Runs of container %u have cardinality %d, but their descriptor says %d.",
						container->key, count, container->cardinality);
	return NULL;
}

/*
 * Checks the order, the offset and the data of the container that was read last.
 * previous_key is the key of the container before it, or -1. Returns like
 * read_header().
 */
static char *
check_container(const RoaringReader *reader, const Container *container, int64 previous_key)
{
	int			index = reader->index - 1;

	if ((int64) container->key <= previous_key)
		return psprintf("Key %u of container %d does not ascend.", container->key, index);
	if (reader->offsets != NULL && uint32_at(reader->offsets, index) != container->start)
		return psprintf("Container %d starts at byte %u, but its offset says %u.",
						index, container->start, uint32_at(reader->offsets, index));
	switch (container->kind)
	{
		case CONTAINER_ARRAY:
			return check_array(container);
		case CONTAINER_BITSET:
			return check_bitset(container);
		case CONTAINER_RUN:
			return check_runs(container);
	}
	pg_unreachable();
}

/*
 * Checks every byte of a set that a client sent. Returns NULL if the bytes are a
 * valid set of ids up to ASSET_ID_MAX, in any choice of containers; if not, a
 * sentence that describes the error, in the current memory context.
 * Interruptible.
 */
char *
roaring_bytes_check(const char *bytes, Size size)
{
	RoaringReader reader;
	Container	container;
	int64		previous_key = -1;
	char	   *problem = read_header(&reader, bytes, size);

	if (problem != NULL)
		return problem;
	if (reader.run_flags != NULL && reader.containers % 8 != 0 &&
		((unsigned char) reader.run_flags[reader.containers / 8]) >> (reader.containers % 8) != 0)
		return pstrdup("Run flags are set beyond the last container.");
	while (reader.index < reader.containers)
	{
		CHECK_FOR_INTERRUPTS();
		problem = read_container(&reader, &container);
		if (problem == NULL)
			problem = check_container(&reader, &container, previous_key);
		if (problem != NULL)
			return problem;
		previous_key = container.key;
	}
	if (reader.position != size)
		return psprintf("The set ends at byte %zu, but the message ends at byte %zu.",
						reader.position, size);
	return NULL;
}

/* ---- stored bytes ---- */

/* Raises XX001 for stored bytes that are not a set; detail is a sentence. */
void
report_corrupted_assetset(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("assetset is corrupted"),
			 errdetail_internal("%s", detail)));
}

/* Raises XX001 for a set with more or fewer ids than its descriptors say. */
void
report_wrong_cardinality(bool has_more)
{
	report_corrupted_assetset(has_more ? "It has more ids than its descriptors say." :
							  "It has fewer ids than its descriptors say.");
}

/* Starts to read stored bytes, which must stay in place. Error: XX001. */
void
roaring_reader_open(RoaringReader *reader, const char *bytes, Size size)
{
	char	   *problem = read_header(reader, bytes, size);

	if (problem != NULL)
		report_corrupted_assetset(problem);
}

/*
 * Reads the next container; false after the last one. Error: XX001.
 * Interruptible.
 */
bool
roaring_reader_next(RoaringReader *reader, Container *container)
{
	char	   *problem;

	CHECK_FOR_INTERRUPTS();
	if (reader->index >= reader->containers)
		return false;
	problem = read_container(reader, container);
	if (problem != NULL)
		report_corrupted_assetset(problem);
	if (reader->index > 1 && container->key <= key_at(reader, reader->index - 2))
		report_corrupted_assetset("Its keys do not ascend.");
	return true;
}

/*
 * Returns the number of ids, which is the sum of the cardinalities in the
 * descriptors: no container is read. Error: XX001.
 */
int64
roaring_bytes_cardinality(const char *bytes, Size size)
{
	RoaringReader reader;
	int64		count = 0;

	roaring_reader_open(&reader, bytes, size);
	for (int i = 0; i < reader.containers; i++)
		count += cardinality_at(&reader, i);
	return count;
}

/*
 * Whether a set has an id. Finds the container by its descriptor and, if the
 * set has offsets, reads no other one. Error: XX001.
 */
bool
roaring_bytes_contains(const char *bytes, Size size, uint32 id)
{
	RoaringReader reader;
	Container	container;
	uint32		key = id / CONTAINER_IDS;
	int			low = 0;
	int			high;

	roaring_reader_open(&reader, bytes, size);
	high = reader.containers;
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (key_at(&reader, middle) < key)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == reader.containers || key_at(&reader, low) != key)
		return false;
	if (reader.offsets != NULL)
	{
		reader.index = low;
		reader.position = uint32_at(reader.offsets, low);
	}
	do
	{
		if (!roaring_reader_next(&reader, &container))
			return false;
	} while (container.key != key);
	return container_contains(&container, id % CONTAINER_IDS);
}
