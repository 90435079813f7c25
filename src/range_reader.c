/*
 * range_reader.c: reads the ranges of consecutive ids of a stored set in place.
 *
 * A range may extend over several containers. Errors are those of
 * roaring_reader.c.
 */
#include "roaring_format.h"

#include "port/pg_bitutils.h"

static void
enter_container(RangeReader *ranges)
{
	ranges->next = 0;
	ranges->end = ranges->container.kind == CONTAINER_BITSET ?
		CONTAINER_IDS : ranges->container.units;
}

/*
 * Starts to read the ranges of stored bytes, which must stay in place. Error:
 * XX001.
 */
void
range_reader_open(RangeReader *ranges, const char *bytes, Size size)
{
	memset(ranges, 0, sizeof(*ranges));
	roaring_reader_open(&ranges->reader, bytes, size);
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
 * Returns the first bit at or after "from" that is set in the bitset, or that
 * is clear; CONTAINER_IDS if there is none.
 */
static int
next_bit(const char *bitset, int from, bool is_clear)
{
	uint64		flip = is_clear ? ~UINT64CONST(0) : 0;
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

/* Reads the next range within the container; false after the last one. */
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
			*last = run_end(data, ranges->next);
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

/*
 * Reads the next range of this container, or of the next one that has a range;
 * false after the last container.
 */
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
 * Reads the next range of consecutive ids, both ends included, joined with all
 * that follow it without a gap; false after the last one. Error: XX001.
 * Interruptible.
 */
bool
range_reader_next(RangeReader *ranges, uint32 *first, uint32 *last)
{
	if (!ranges->has_pending && !next_piece(ranges, &ranges->first, &ranges->last))
		return false;
	*first = ranges->first;
	*last = ranges->last;
	while ((ranges->has_pending = next_piece(ranges, &ranges->first, &ranges->last)) &&
		   ranges->first == *last + 1)
		*last = ranges->last;
	return true;
}

/* Moves both readers past the containers that both sets start with. */
static void
skip_equal(RoaringReader *reader1, RoaringReader *reader2)
{
	RoaringReader next1 = *reader1;
	RoaringReader next2 = *reader2;
	Container	container1;
	Container	container2;

	while (roaring_reader_next(&next1, &container1) &&
		   roaring_reader_next(&next2, &container2) &&
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
 * Compares two stored sets in the order of arrays of their ascending ids:
 * negative, 0 or positive. Error: XX001. Interruptible.
 *
 * The smallest id that only one of the sets has decides. The set that has it is
 * the smaller one, unless the other set has no id after it: then the other set
 * is the beginning of this one, and smaller.
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
