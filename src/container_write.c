/*
 * container_write.c: counting and converting containers, for the writer of sets.
 */
#include "roaring_format.h"

#include "port/pg_bitutils.h"

/* ---- counting ---- */

/* Adds bits at each of 64 positions: *low is the sum, and *high the carry. */
static pg_attribute_always_inline void
add_bits(uint64 *high, uint64 *low, uint64 a, uint64 b)
{
	uint64		sum = *low ^ a;

	*high = (*low & a) | (sum & b);
	*low = sum ^ b;
}

/* Returns word i of a bitset, or of one that has the bits at which runs start. */
static pg_attribute_always_inline uint64
counted_word(const char *data, int i, bool are_starts)
{
	uint64		word = uint64_at(data, i);
	uint64		previous = are_starts && i > 0 ? uint64_at(data, i - 1) : 0;

	return are_starts ? word & ~(word << 1 | previous >> 63) : word;
}

/*
 * Counts the bits of a bitset, or its runs if are_starts. Stops counting above
 * the limit. Eight words are added to one before their bits are counted, which
 * is several times as fast on any processor.
 */
static pg_attribute_always_inline int
count_bits(const char *data, bool are_starts, int limit)
{
	uint64		ones = 0;
	uint64		twos = 0;
	uint64		fours = 0;
	int			eights = 0;

	for (int i = 0; i < BITSET_WORDS && 8 * eights <= limit; i += 8)
	{
		uint64		twos1;
		uint64		twos2;
		uint64		fours1;
		uint64		fours2;
		uint64		carry;

		add_bits(&twos1, &ones, counted_word(data, i, are_starts),
				 counted_word(data, i + 1, are_starts));
		add_bits(&twos2, &ones, counted_word(data, i + 2, are_starts),
				 counted_word(data, i + 3, are_starts));
		add_bits(&fours1, &twos, twos1, twos2);
		add_bits(&twos1, &ones, counted_word(data, i + 4, are_starts),
				 counted_word(data, i + 5, are_starts));
		add_bits(&twos2, &ones, counted_word(data, i + 6, are_starts),
				 counted_word(data, i + 7, are_starts));
		add_bits(&fours2, &twos, twos1, twos2);
		add_bits(&carry, &fours, fours1, fours2);
		eights += pg_popcount64(carry);
	}
	return 8 * eights + 4 * pg_popcount64(fours) + 2 * pg_popcount64(twos) + pg_popcount64(ones);
}

/* Returns the number of values of a container of any kind, which may be 0. */
int
container_count(const Container *container)
{
	int			count = 0;

	switch (container->kind)
	{
		case CONTAINER_ARRAY:
			count = container->units;
			break;
		case CONTAINER_BITSET:
			count = count_bits(container->data, false, PG_INT32_MAX);
			break;
		case CONTAINER_RUN:
			for (int i = 0; i < container->units; i++)
				count += run_end(container->data, i) - uint16_at(container->data, 2 * i) + 1;
			break;
	}
	return count;
}

/*
 * Returns the number of runs that a container would have if none touched
 * another. Above the limit, the result may be any number above it.
 */
int
container_count_runs(const Container *container, int limit)
{
	const char *data = container->data;
	bool		is_array = container->kind == CONTAINER_ARRAY;
	int			runs = 0;
	int			end = -2;

	if (container->kind == CONTAINER_BITSET)
		return count_bits(data, true, limit);
	for (int i = 0; i < container->units && runs <= limit; i++)
	{
		runs += uint16_at(data, is_array ? i : 2 * i) != end + 1;
		end = is_array ? uint16_at(data, i) : run_end(data, i);
	}
	return runs;
}

/* ---- writing ---- */

/* Writes the values of a container as an array. */
static void
write_array(const Container *container, char *out)
{
	RangeReader ranges;
	uint32		first;
	uint32		last;

	if (container->kind == CONTAINER_BITSET)
	{
		for (int i = 0; i < BITSET_WORDS; i++)
			for (uint64 word = uint64_at(container->data, i); word != 0; word &= word - 1)
			{
				uint16		value = 64 * i + pg_rightmost_one_pos64(word);

				memcpy(out, &value, sizeof(value));
				out += sizeof(value);
			}
		return;
	}
	range_reader_open_container(&ranges, container);
	while (range_reader_next(&ranges, &first, &last))
		for (uint32 id = first; id <= last; id++)
		{
			uint16		value = id;

			memcpy(out, &value, sizeof(value));
			out += sizeof(value);
		}
}

/*
 * Writes the data of a container in another kind, or runs without those that
 * touch. The caller has measured it, and out has room for the data.
 */
void
container_convert(const Container *container, ContainerKind kind, char *out)
{
	RangeReader ranges;
	uint32		first;
	uint32		last;

	switch (kind)
	{
		case CONTAINER_ARRAY:
			write_array(container, out);
			break;
		case CONTAINER_BITSET:
			container_load(out, container);
			break;
		case CONTAINER_RUN:
			range_reader_open_container(&ranges, container);
			while (range_reader_next(&ranges, &first, &last))
			{
				Run			run = {first, last - first};

				memcpy(out, &run, sizeof(run));
				out += sizeof(run);
			}
			break;
	}
}
