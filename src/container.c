/*
 * container.c: operations on containers of a set.
 *
 * Operands stay in place and may be unaligned. Results have any kind that is
 * fast to make, and may be empty; the writer chooses the canonical kind. No
 * operation allocates memory.
 *
 * Operands may come from stored bytes, whose values nobody has checked: with
 * wrong values, a result is wrong, but nothing is read or written out of bounds.
 */
#include "roaring_format.h"

/* number of runs and values up to which two operands are merged as runs */
#define MERGED_RUNS_MAX 1024

/* how many times longer an array must be to be searched and not merged */
#define SEARCH_FACTOR 32

/* how many times longer it must be to be copied between the values of the other */
#define COPY_FACTOR 12

/* ---- single values ---- */

/*
 * Returns the index of the first value of an array, or run of a run container,
 * that is above the value. "stride" is the number of uint16 from one to the next.
 */
static inline int
first_above(const Container *container, int stride, int value)
{
	int			low = 0;
	int			high = container->units;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (uint16_at(container->data, middle * stride) <= value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Whether a container has a value, the lower 16 bits of an id. */
bool
container_contains(const Container *container, int value)
{
	int			index;

	switch (container->kind)
	{
		case CONTAINER_ARRAY:
			index = first_above(container, 1, value) - 1;
			return index >= 0 && uint16_at(container->data, index) == value;
		case CONTAINER_BITSET:
			return (uint64_at(container->data, value / 64) >> (value % 64)) & 1;
		case CONTAINER_RUN:
			index = first_above(container, 2, value) - 1;
			return index >= 0 && value <= run_end(container->data, index);
	}
	pg_unreachable();
}

/* ---- bitsets ---- */

/* Updates a word of a bitset, which may be unaligned. */
static pg_attribute_always_inline void
update_word(char *bitset, int index, CombineOp operation, uint64 other)
{
	uint64		word = uint64_at(bitset, index);

	switch (operation)
	{
		case COMBINE_OR:
			word |= other;
			break;
		case COMBINE_AND:
			word &= other;
			break;
		case COMBINE_ANDNOT:
			word &= ~other;
			break;
		case COMBINE_XOR:
			word ^= other;
			break;
	}
	set_uint64_at(bitset, index, word);
}

/*
 * Updates a bitset with the values from first to last, both included. Not for
 * intersections.
 */
static pg_attribute_always_inline void
update_range(char *bitset, CombineOp operation, int first, int last)
{
	int			from = first / 64;
	int			to = last / 64;
	uint64		head = ~UINT64CONST(0) << (first % 64);
	uint64		tail = ~UINT64CONST(0) >> (63 - last % 64);

	if (from == to)
	{
		update_word(bitset, from, operation, head & tail);
		return;
	}
	update_word(bitset, from, operation, head);
	if (operation == COMBINE_XOR)
		for (int i = from + 1; i < to; i++)
			update_word(bitset, i, operation, ~UINT64CONST(0));
	else
		memset(bitset + (from + 1) * sizeof(uint64), operation == COMBINE_OR ? 0xFF : 0,
			   (to - from - 1) * sizeof(uint64));
	update_word(bitset, to, operation, tail);
}

/* Removes all values from a bitset that the run container does not have. */
static void
remove_gaps(char *bitset, const Container *runs)
{
	int			next = 0;		/* the first value after the previous run */

	for (int i = 0; i < runs->units; i++)
	{
		int			first = uint16_at(runs->data, 2 * i);

		if (first > next)
			update_range(bitset, COMBINE_ANDNOT, next, first - 1);
		next = run_end(runs->data, i) + 1;
	}
	if (next < CONTAINER_IDS)
		update_range(bitset, COMBINE_ANDNOT, next, CONTAINER_IDS - 1);
}

/* Compiled for each operation, which must be a constant. */
static pg_attribute_always_inline void
update_bitset(char *pg_restrict bitset, CombineOp operation, const Container *other)
{
	const char *pg_restrict data = other->data;
	int			units = other->units;

	switch (other->kind)
	{
		case CONTAINER_ARRAY:
			Assert(operation != COMBINE_AND);
			for (int i = 0; i < units; i++)
			{
				uint32		value = uint16_at(data, i);

				update_word(bitset, value >> 6, operation, UINT64CONST(1) << (value & 63));
			}
			break;
		case CONTAINER_BITSET:
			for (int i = 0; i < BITSET_WORDS; i++)
				update_word(bitset, i, operation, uint64_at(data, i));
			break;
		case CONTAINER_RUN:
			if (operation == COMBINE_AND)
				remove_gaps(bitset, other);
			else
				for (int i = 0; i < units; i++)
					update_range(bitset, operation, uint16_at(data, 2 * i), run_end(data, i));
			break;
	}
}

/*
 * Updates a bitset with a container, as the first operand of the operation. An
 * intersection with an array is not possible in this way.
 */
void
container_update_bitset(char *bitset, CombineOp operation, const Container *other)
{
	switch (operation)
	{
		case COMBINE_OR:
			update_bitset(bitset, COMBINE_OR, other);
			break;
		case COMBINE_AND:
			update_bitset(bitset, COMBINE_AND, other);
			break;
		case COMBINE_ANDNOT:
			update_bitset(bitset, COMBINE_ANDNOT, other);
			break;
		case COMBINE_XOR:
			update_bitset(bitset, COMBINE_XOR, other);
			break;
	}
}

/* Sets a bitset to the values of a container. */
void
container_load(char *bitset, const Container *container)
{
	if (container->kind == CONTAINER_BITSET)
		memcpy(bitset, container->data, BITSET_BYTES);
	else
	{
		memset(bitset, 0, BITSET_BYTES);
		update_bitset(bitset, COMBINE_OR, container);
	}
}

/* ---- arrays ---- */

/*
 * Writes the values of an array that the other container has, or those that it
 * does not have, and returns their number. Most loops have no branches that
 * depend on values, because a processor could not predict them.
 */
static int
filter_array(uint16 *pg_restrict out, const Container *array, const Container *other, bool keep)
{
	const char *values = array->data;
	const char *data = other->data;
	int			units = array->units;
	int			other_units = other->units;
	uint64		flip = keep ? 0 : ~UINT64CONST(0);
	int			n = 0;
	int			i = 0;
	int			j = 0;

	if (other->kind == CONTAINER_BITSET)
	{
		uint16		copy[ARRAY_MAX];

		/* faster than values that the loop itself would wait for */
		memcpy(copy, values, units * sizeof(uint16));
		for (; i < units; i++)
		{
			uint32		value = copy[i];

			out[n] = value;
			n += ((uint64_at(data, value >> 6) ^ flip) >> (value & 63)) & 1;
		}
	}
	else if (other_units / SEARCH_FACTOR > units)
		for (; i < units; i++)
		{
			out[n] = uint16_at(values, i);
			n += container_contains(other, out[n]) == keep;
		}
	else if (other->kind == CONTAINER_ARRAY)
		while (i < units && j < other_units)
		{
			uint16		value1 = uint16_at(values, i);
			uint16		value2 = uint16_at(data, j);

			out[n] = value1;
			n += keep ? value1 == value2 : value1 < value2;
			i += value1 <= value2;
			j += value2 <= value1;
		}
	else
		while (i < units && j < other_units)
		{
			uint16		value = uint16_at(values, i);
			bool		is_before = value < uint16_at(data, 2 * j);
			bool		is_in = !is_before && value <= run_end(data, j);

			out[n] = value;
			n += keep ? is_in : is_before;
			i += is_in | is_before;
			j += !(is_in | is_before);
		}
	/* beyond the last value of the other one */
	for (; !keep && i < units; i++)
		out[n++] = uint16_at(values, i);
	return n;
}

/* Returns how many values of an array are below a value, which are expected to be few. */
static inline int
count_below(const char *values, int units, int value)
{
	int			n = 0;
	int			below = 0;
	int			end;

	while (n + 8 <= units && uint16_at(values, n + 7) < value)
		n += 8;
	end = Min(n + 8, units);
	for (int i = n; i < end; i++)
		below += uint16_at(values, i) < value;
	return n + below;
}

/*
 * Merges an array with a much shorter one, copying what is between two values of
 * that one, and returns the number of values.
 */
static int
merge_few(uint16 *pg_restrict out, CombineOp operation,
		  const Container *many, const Container *few)
{
	const char *rest = many->data;
	int			units = many->units;
	int			n = 0;

	for (int j = 0; j < few->units; j++)
	{
		uint16		value = uint16_at(few->data, j);
		int			below = count_below(rest, units, value);
		bool		is_in_both = below < units && uint16_at(rest, below) == value;

		memcpy(out + n, rest, below * sizeof(uint16));
		n += below;
		rest += (below + is_in_both) * sizeof(uint16);
		units -= below + is_in_both;
		out[n] = value;
		n += operation == COMBINE_OR || !is_in_both;
	}
	memcpy(out + n, rest, units * sizeof(uint16));
	return n + units;
}

/* Merges two arrays in the same way and returns the number of values. */
static int
merge_arrays(uint16 *pg_restrict out, CombineOp operation,
			 const Container *first, const Container *second)
{
	const char *values1 = first->data;
	const char *values2 = second->data;
	int			units1 = first->units;
	int			units2 = second->units;
	bool		keeps_both = operation == COMBINE_OR;
	int			n = 0;
	int			i = 0;
	int			j = 0;

	Assert(KEEPS_FIRST(operation) && KEEPS_SECOND(operation));
	if (units1 / COPY_FACTOR > units2)
		return merge_few(out, operation, first, second);
	if (units2 / COPY_FACTOR > units1)
		return merge_few(out, operation, second, first);
	while (i < units1 && j < units2)
	{
		uint16		value1 = uint16_at(values1, i);
		uint16		value2 = uint16_at(values2, j);

		out[n] = Min(value1, value2);
		n += keeps_both | (value1 != value2);
		i += value1 <= value2;
		j += value2 <= value1;
	}
	while (i < units1)
		out[n++] = uint16_at(values1, i++);
	while (j < units2)
		out[n++] = uint16_at(values2, j++);
	return n;
}

/* ---- runs ---- */

/* the places where the values of an array or run container begin and end */
typedef struct Borders
{
	const Container *container;
	int			next;			/* index of the next value or run */
	bool		is_inside;
	int			at;				/* the next place; CONTAINER_IDS + 1: none */
} Borders;

static inline int
border_after(Borders *borders)
{
	const Container *container = borders->container;
	int			index = borders->next;

	if (borders->is_inside)
	{
		borders->next++;
		return container->kind == CONTAINER_ARRAY ? uint16_at(container->data, index) + 1 :
			run_end(container->data, index) + 1;
	}
	if (index >= container->units)
		return CONTAINER_IDS + 1;
	return uint16_at(container->data, container->kind == CONTAINER_ARRAY ? index : 2 * index);
}

static inline void
borders_open(Borders *borders, const Container *container)
{
	borders->container = container;
	borders->next = 0;
	borders->is_inside = false;
	borders->at = border_after(borders);
}

static inline void
pass_borders(Borders *borders, int at)
{
	while (borders->at == at)
	{
		borders->is_inside = !borders->is_inside;
		borders->at = border_after(borders);
	}
}

/*
 * Writes the runs of the operation on two arrays or run containers, and returns
 * their number, which is at most that of both.
 */
static int
merge_runs(Run *out, CombineOp operation, const Container *first, const Container *second)
{
	Borders		borders1;
	Borders		borders2;
	bool		is_inside = false;
	int			start = 0;
	int			n = 0;

	borders_open(&borders1, first);
	borders_open(&borders2, second);
	for (;;)
	{
		int			at = Min(borders1.at, borders2.at);
		bool		was_inside = is_inside;

		if (at > CONTAINER_IDS)
			return n;
		pass_borders(&borders1, at);
		pass_borders(&borders2, at);
		is_inside = (operation >> (borders1.is_inside + 2 * borders2.is_inside)) & 1;
		if (is_inside && !was_inside)
			start = at;
		else if (was_inside && !is_inside)
		{
			out[n].first = start;
			out[n++].more = at - start - 1;
		}
	}
}

/* ---- operations ---- */

/* Whether a container has all values, as many containers of large sets have. */
static inline bool
is_full(const Container *container)
{
	return container->kind == CONTAINER_RUN && container->units == 1 &&
		uint16_at(container->data, 1) == CONTAINER_IDS - 1;
}

/*
 * Whether an operation on two containers returns one of them or an empty one,
 * because one of them is empty or full. Sets *result, to NULL if it is empty.
 */
bool
container_is_trivial(CombineOp operation, const Container *first, const Container *second,
					 const Container **result)
{
	if (first->units == 0)
		*result = KEEPS_SECOND(operation) ? second : NULL;
	else if (second->units == 0)
		*result = KEEPS_FIRST(operation) ? first : NULL;
	else if (is_full(first) && operation != COMBINE_ANDNOT && operation != COMBINE_XOR)
		*result = operation == COMBINE_OR ? first : second;
	else if (is_full(second) && operation != COMBINE_XOR)
		*result = operation == COMBINE_AND ? first : operation == COMBINE_OR ? second : NULL;
	else
		return false;
	return true;
}

/*
 * Sets the result of an operation on two containers. The result's key is that of
 * the first.
 */
void
container_combine(ContainerBuffer *result, CombineOp operation,
				  const Container *first, const Container *second)
{
	Container  *container = &result->container;
	int			units = first->units + second->units;
	bool		is_array1 = first->kind == CONTAINER_ARRAY;
	bool		is_array2 = second->kind == CONTAINER_ARRAY;

	memset(container, 0, sizeof(Container));
	container->key = first->key;
	container->data = (char *) result->words;
	container->kind = CONTAINER_ARRAY;
	if (operation == COMBINE_AND && is_array2 && (!is_array1 || second->units < first->units))
		container->units = filter_array((uint16 *) result->words, second, first, true);
	else if (is_array1 && !KEEPS_SECOND(operation))
		container->units = filter_array((uint16 *) result->words, first, second,
										operation == COMBINE_AND);
	else if (is_array1 && is_array2 && units <= ARRAY_MAX)
		container->units = merge_arrays((uint16 *) result->words, operation, first, second);
	else if (first->kind != CONTAINER_BITSET && second->kind != CONTAINER_BITSET &&
			 units <= MERGED_RUNS_MAX)
	{
		container->kind = CONTAINER_RUN;
		container->units = merge_runs((Run *) result->words, operation, first, second);
	}
	else
	{
		container->kind = CONTAINER_BITSET;
		container->units = BITSET_WORDS;
		container_load((char *) result->words, first);
		container_update_bitset((char *) result->words, operation, second);
	}
}

bool
container_is_empty(const Container *container)
{
	if (container->kind != CONTAINER_BITSET)
		return container->units == 0;
	for (int i = 0; i < BITSET_WORDS; i++)
		if (uint64_at(container->data, i) != 0)
			return false;
	return true;
}
