/*
 * roaring_reader.c: reads sets of ids in the portable Roaring format where they lie.
 *
 * The format, all of it little-endian:
 *
 *	without runs:	uint32 12346, uint32 number of containers
 *	with runs:		uint16 12347, uint16 number of containers - 1,
 *					a bit for each container that tells whether it is a run
 *	descriptors:	for each container uint16 key, uint16 cardinality - 1
 *	offsets:		uint32 for each container, where it starts; left out of a
 *					set with runs that has less than 4 containers
 *	containers:		an array of uint16 values (cardinality up to 4096), a
 *					bitset of 8192 bytes (above), or a run: uint16 number of
 *					runs, for each uint16 first value, uint16 length - 1
 *
 * What is trusted: roaring_bytes_check() trusts nothing and reads every byte; it
 * is for what a client sends. The other functions are for stored bytes, which
 * only posture's own functions write. They check what costs nothing, that
 * each container lies inside the bytes, and report XX001 (data corrupted)
 * otherwise, but not each value.
 */
#include "roaring_format.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"

static inline uint16
uint16_at(const char *data, int index)
{
	uint16		value;

	memcpy(&value, data + (Size) index * sizeof(value), sizeof(value));
	return value;
}

static inline uint32
uint32_at(const char *data, int index)
{
	uint32		value;

	memcpy(&value, data + (Size) index * sizeof(value), sizeof(value));
	return value;
}

static inline uint64
uint64_at(const char *data, int index)
{
	uint64		value;

	memcpy(&value, data + (Size) index * sizeof(value), sizeof(value));
	return value;
}

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
 * Reads what comes before the containers. NULL, or what is wrong with it as
 * a sentence in the current memory context.
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
		return psprintf("%zu bytes are too few for a set.", size);
	cookie = uint32_at(bytes, 0);
	with_runs = (cookie & 0xFFFF) == COOKIE_WITH_RUNS;
	if (!with_runs && cookie != COOKIE_WITHOUT_RUNS)
		return psprintf("A set does not start with the cookie %u.", cookie);
	if (!with_runs && size < 2 * sizeof(uint32))
		return psprintf("%zu bytes are too few for a set.", size);

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
		return psprintf("The descriptions of %d containers end at byte %zu, the set at byte %zu.",
						reader->containers, reader->position, size);
	return NULL;
}

/*
 * Reads where and what the next container is, not its data; there must be
 * one. NULL, or what is wrong as a sentence in the current memory context.
 */
static char *
read_container(RoaringReader *reader, Container *container)
{
	int			index = reader->index;
	Size		data_size;

	container->key = key_at(reader, index);
	container->cardinality = cardinality_at(reader, index);
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
		data_size = sizeof(uint16) * (1 + 2 * (Size) container->units);
	}
	else if (container->cardinality <= ARRAY_MAX)
	{
		container->kind = CONTAINER_ARRAY;
		container->units = container->cardinality;
		data_size = sizeof(uint16) * (Size) container->units;
	}
	else
	{
		container->kind = CONTAINER_BITSET;
		container->units = BITSET_WORDS;
		data_size = BITSET_BYTES;
	}
	if (reader->position + data_size > reader->size)
		return psprintf("Container %d ends at byte %zu, the set at byte %zu.",
						index, reader->position + data_size, reader->size);
	reader->index++;
	reader->position += data_size;
	return NULL;
}

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
		return psprintf("Bitset %u has cardinality %llu, its description says %d.",
						container->key, (unsigned long long) count,
						container->cardinality);
	return NULL;
}

static char *
check_runs(const Container *container)
{
	int			end = -1;		/* of the run before */
	int			count = 0;

	for (int i = 0; i < container->units; i++)
	{
		int			first = uint16_at(container->data, 2 * i);
		int			last = first + uint16_at(container->data, 2 * i + 1);

		if (first <= end)
			return psprintf("Run %d of container %u starts at %d, the run before ends at %d.",
							i, container->key, first, end);
		if (last >= CONTAINER_IDS)
			return psprintf("Run %d of container %u ends at %d, beyond the container.",
							i, container->key, last);
		count += last - first + 1;
		end = last;
	}
	if (count != container->cardinality)
		return psprintf("Runs of container %u have cardinality %d, its description says %d.",
						container->key, count, container->cardinality);
	return NULL;
}

/* The rules for a container that was read; previous is the key before, or -1. */
static char *
check_container(const RoaringReader *reader, const Container *container, int64 previous)
{
	int			index = reader->index - 1;

	if ((int64) container->key <= previous)
		return psprintf("Key %u of container %d does not ascend.", container->key, index);
	if (reader->offsets != NULL && uint32_at(reader->offsets, index) != container->start)
		return psprintf("Container %d starts at byte %zu, its offset says %u.",
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
 * Checks bytes from outside: every one of them. NULL if they are a valid set
 * of ids up to ASSET_ID_MAX, in whatever choice of containers; otherwise what
 * is wrong as a sentence, in the current memory context. Interruptible.
 */
char *
roaring_bytes_check(const char *bytes, Size size)
{
	RoaringReader reader;
	Container	container;
	int64		previous = -1;
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
			problem = check_container(&reader, &container, previous);
		if (problem != NULL)
			return problem;
		previous = container.key;
	}
	if (reader.position != size)
		return psprintf("The set ends at byte %zu, the message at byte %zu.",
						reader.position, size);
	return NULL;
}

/* Error XX001: what is wrong with stored bytes. */
void
report_corrupted_assetset(const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("assetset is corrupted"),
			 errdetail_internal("%s", problem)));
}

/* Starts to read stored bytes, which must stay in place. Error: XX001. */
void
roaring_reader_open(RoaringReader *reader, const char *bytes, Size size)
{
	char	   *problem = read_header(reader, bytes, size);

	if (problem != NULL)
		report_corrupted_assetset(problem);
}

/* The next container; false after the last one. Error: XX001. Interruptible. */
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
	return true;
}

/* The number of ids, from the descriptors alone. */
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

/* Whether a value is in a container. */
static bool
container_has(const Container *container, int value)
{
	int			low = 0;
	int			high = container->units;
	int			stride = container->kind == CONTAINER_RUN ? 2 : 1;

	if (container->kind == CONTAINER_BITSET)
		return (uint64_at(container->data, value / 64) >> (value % 64)) & 1;

	/* the first value or run that starts above */
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (uint16_at(container->data, middle * stride) <= value)
			low = middle + 1;
		else
			high = middle;
	}
	if (low-- == 0)
		return false;
	if (container->kind == CONTAINER_ARRAY)
		return uint16_at(container->data, low) == value;
	return value - uint16_at(container->data, 2 * low) <= uint16_at(container->data, 2 * low + 1);
}

/* Whether the set has the id. */
bool
roaring_bytes_contains(const char *bytes, Size size, uint32 id)
{
	RoaringReader reader;
	Container	container;
	int			low = 0;
	int			high;

	roaring_reader_open(&reader, bytes, size);
	high = reader.containers;
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (key_at(&reader, middle) < id / CONTAINER_IDS)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == reader.containers || key_at(&reader, low) != id / CONTAINER_IDS)
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
	} while (container.key != id / CONTAINER_IDS);
	return container_has(&container, id % CONTAINER_IDS);
}

/* Starts to read the ranges of stored bytes, which must stay in place. */
void
range_reader_open(RangeReader *ranges, const char *bytes, Size size)
{
	memset(ranges, 0, sizeof(*ranges));
	roaring_reader_open(&ranges->reader, bytes, size);
}

static void
enter_container(RangeReader *ranges)
{
	ranges->next = 0;
	ranges->end = ranges->container.kind == CONTAINER_BITSET ?
		CONTAINER_IDS : ranges->container.units;
}

/* Starts to read the ranges of one container, which must stay in place. */
void
range_reader_open_container(RangeReader *ranges, const Container *container)
{
	memset(ranges, 0, sizeof(*ranges));
	ranges->container = *container;
	enter_container(ranges);
}

/*
 * The first bit from "from" on that is set (or, with clear, is not) in the
 * bitset; CONTAINER_IDS if there is none.
 */
static int
next_bit(const char *bitset, int from, bool clear)
{
	uint64		flip = clear ? ~UINT64CONST(0) : 0;
	uint64		word;

	if (from >= CONTAINER_IDS)
		return CONTAINER_IDS;
	word = (uint64_at(bitset, from / 64) ^ flip) & (~UINT64CONST(0) << (from % 64));
	for (int i = from / 64;;)
	{
		if (word != 0)
			return 64 * i + pg_rightmost_one_pos64(word);
		if (++i == BITSET_WORDS)
			return CONTAINER_IDS;
		word = uint64_at(bitset, i) ^ flip;
	}
}

/* The next range within the container; false after the last one. */
static bool
next_in_container(RangeReader *ranges, uint32 *first, uint32 *last)
{
	const char *data = ranges->container.data;

	if (ranges->next >= ranges->end)
		return false;
	switch (ranges->container.kind)
	{
		case CONTAINER_ARRAY:
			*first = *last = uint16_at(data, ranges->next++);
			while (ranges->next < ranges->end && uint16_at(data, ranges->next) == *last + 1)
			{
				(*last)++;
				ranges->next++;
			}
			break;
		case CONTAINER_RUN:
			*first = uint16_at(data, 2 * ranges->next);
			*last = *first + uint16_at(data, 2 * ranges->next + 1);
			ranges->next++;
			break;
		case CONTAINER_BITSET:
			*first = next_bit(data, ranges->next, false);
			if (*first == CONTAINER_IDS)
				return false;
			ranges->next = next_bit(data, *first + 1, true);
			*last = ranges->next - 1;
			break;
	}
	*first += ranges->container.key * CONTAINER_IDS;
	*last += ranges->container.key * CONTAINER_IDS;
	return true;
}

/* The next range of a container or of the one after; false after the last. */
static bool
next_piece(RangeReader *ranges, uint32 *first, uint32 *last)
{
	while (!next_in_container(ranges, first, last))
	{
		if (!roaring_reader_next(&ranges->reader, &ranges->container))
			return false;
		enter_container(ranges);
	}
	return true;
}

/*
 * The next range of consecutive ids, as long as it can be; false after the
 * last one. Interruptible.
 */
bool
range_reader_next(RangeReader *ranges, uint32 *first, uint32 *last)
{
	if (!ranges->pending && !next_piece(ranges, &ranges->first, &ranges->last))
		return false;
	*first = ranges->first;
	*last = ranges->last;
	while ((ranges->pending = next_piece(ranges, &ranges->first, &ranges->last)) &&
		   ranges->first == *last + 1)
		*last = ranges->last;
	return true;
}

/* Goes past the containers that both sets start with. */
static void
skip_equal(RoaringReader *reader1, RoaringReader *reader2)
{
	RoaringReader next1 = *reader1;
	RoaringReader next2 = *reader2;
	Container	container1;
	Container	container2;

	while (roaring_reader_next(&next1, &container1) && roaring_reader_next(&next2, &container2) &&
		   container1.key == container2.key &&
		   container1.kind == container2.kind &&
		   container1.cardinality == container2.cardinality &&
		   next1.position - container1.start == next2.position - container2.start &&
		   memcmp(reader1->bytes + container1.start, reader2->bytes + container2.start,
				  next1.position - container1.start) == 0)
	{
		*reader1 = next1;
		*reader2 = next2;
	}
}

/*
 * Compares as arrays of the ascending ids compare: negative, 0, positive.
 *
 * The first id that only one of the two sets has decides: that set is the
 * smaller one, unless the other set has nothing after it and so is its start.
 */
int
roaring_bytes_compare(const char *bytes1, Size size1, const char *bytes2, Size size2)
{
	RangeReader ranges1;
	RangeReader ranges2;

	range_reader_open(&ranges1, bytes1, size1);
	range_reader_open(&ranges2, bytes2, size2);
	skip_equal(&ranges1.reader, &ranges2.reader);
	for (;;)
	{
		uint32		first1;
		uint32		first2;
		uint32		last1;
		uint32		last2;
		bool		more1 = range_reader_next(&ranges1, &first1, &last1);
		bool		more2 = range_reader_next(&ranges2, &first2, &last2);

		if (!more1 || !more2)
			return (int) more1 - (int) more2;
		if (first1 != first2)
			return first1 < first2 ? -1 : 1;
		if (last1 < last2)
			return range_reader_next(&ranges1, &first1, &last1) ? 1 : -1;
		if (last1 > last2)
			return range_reader_next(&ranges2, &first2, &last2) ? -1 : 1;
	}
}
