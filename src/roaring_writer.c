/*
 * roaring_writer.c: writes sets of ids in the portable Roaring format.
 *
 * What is written is canonical: equal sets have equal bytes, whatever library,
 * version or order of additions they come from. So bytes can be compared and
 * hashed instead of sets. The rules, by the bytes that a container's data
 * takes: a run if that is smaller than both others, where runs neither touch
 * nor overlap; else an array up to cardinality 4096, else a bitset. The
 * library's own roaring_bitmap_run_optimize() does not do: where run and
 * array take the same space it leaves what there was.
 */
#include "roaring_format.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"

/* Within a container, both ends included. */
typedef struct Run
{
	uint16		first;
	uint16		last;
} Run;

/* A container that was written to the body. */
typedef struct Descriptor
{
	uint16		key;
	uint16		cardinality_minus_1;
	bool		is_run;
	uint32		size;
} Descriptor;

/* What kind of container is canonical for so many runs and ids. */
static ContainerKind
best_kind(int n_runs, int cardinality)
{
	int			run_size = sizeof(uint16) * (1 + 2 * n_runs);
	int			array_size = sizeof(uint16) * cardinality;

	if (run_size < Min(array_size, BITSET_BYTES))
		return CONTAINER_RUN;
	return cardinality <= ARRAY_MAX ? CONTAINER_ARRAY : CONTAINER_BITSET;
}

/* Starts a set; size_hint is how many bytes it may take, 0 if not known. */
void
roaring_writer_open(RoaringWriter *writer, Size size_hint)
{
	memset(writer, 0, sizeof(*writer));
	initStringInfo(&writer->body);
	if (size_hint > 0)
		enlargeStringInfo(&writer->body,
						  (int) Min(size_hint, (Size) CONTAINERS_MAX * BITSET_BYTES));
}

static void
add_descriptor(RoaringWriter *writer, uint32 key, int cardinality, bool is_run, Size size)
{
	Descriptor *descriptor;

	if (writer->containers >= writer->space)
	{
		writer->space = Max(8, 2 * writer->space);
		writer->descriptors = writer->descriptors == NULL ?
			palloc(writer->space * sizeof(Descriptor)) :
			repalloc(writer->descriptors, writer->space * sizeof(Descriptor));
	}
	Assert(writer->containers == 0 ||
		   writer->descriptors[writer->containers - 1].key < key);
	descriptor = &writer->descriptors[writer->containers++];
	descriptor->key = key;
	descriptor->cardinality_minus_1 = cardinality - 1;
	descriptor->is_run = is_run;
	descriptor->size = size;
}

static void
write_uint16(StringInfo body, uint16 value)
{
	appendBinaryStringInfo(body, (char *) &value, sizeof(value));
}

static void
write_bitset(StringInfo body, const Run *runs, int n_runs)
{
	uint64		words[BITSET_WORDS] = {0};

	for (int i = 0; i < n_runs; i++)
	{
		int			from = runs[i].first / 64;
		int			to = runs[i].last / 64;
		uint64		head = ~UINT64CONST(0) << (runs[i].first % 64);
		uint64		tail = ~UINT64CONST(0) >> (63 - runs[i].last % 64);

		if (from == to)
		{
			words[from] |= head & tail;
			continue;
		}
		words[from] |= head;
		for (int word = from + 1; word < to; word++)
			words[word] = ~UINT64CONST(0);
		words[to] |= tail;
	}
	appendBinaryStringInfo(body, (char *) words, sizeof(words));
}

/* Writes the container in the making, if there is one, and starts a new one. */
static void
flush_runs(RoaringWriter *writer)
{
	StringInfo	body = &writer->body;
	int			start = body->len;
	ContainerKind kind = best_kind(writer->n_runs, writer->cardinality);

	CHECK_FOR_INTERRUPTS();
	if (writer->n_runs == 0)
		return;
	switch (kind)
	{
		case CONTAINER_ARRAY:
			for (int i = 0; i < writer->n_runs; i++)
				for (int id = writer->runs[i].first; id <= writer->runs[i].last; id++)
					write_uint16(body, id);
			break;
		case CONTAINER_RUN:
			write_uint16(body, writer->n_runs);
			for (int i = 0; i < writer->n_runs; i++)
			{
				write_uint16(body, writer->runs[i].first);
				write_uint16(body, writer->runs[i].last - writer->runs[i].first);
			}
			break;
		case CONTAINER_BITSET:
			write_bitset(body, writer->runs, writer->n_runs);
			break;
	}
	add_descriptor(writer, writer->key, writer->cardinality, kind == CONTAINER_RUN,
				   body->len - start);
	writer->n_runs = 0;
	writer->cardinality = 0;
}

/* Adds values of one container, which come after all that were added. */
static void
add_run(RoaringWriter *writer, uint32 key, uint16 first, uint16 last)
{
	if (writer->n_runs > 0 && writer->key != key)
		flush_runs(writer);
	writer->key = key;
	writer->cardinality += last - first + 1;
	if (writer->n_runs > 0 && writer->runs[writer->n_runs - 1].last + 1 == first)
	{
		writer->runs[writer->n_runs - 1].last = last;
		return;
	}
	if (writer->n_runs >= writer->runs_space)
	{
		writer->runs_space = Max(64, 2 * writer->runs_space);
		writer->runs = writer->runs == NULL ?
			palloc(writer->runs_space * sizeof(Run)) :
			repalloc(writer->runs, writer->runs_space * sizeof(Run));
	}
	writer->runs[writer->n_runs].first = first;
	writer->runs[writer->n_runs++].last = last;
}

/*
 * Adds the ids from first to last, both included, which come after all that
 * were added. Interruptible.
 */
void
roaring_writer_add_range(RoaringWriter *writer, uint32 first, uint32 last)
{
	Assert(first <= last && last <= ASSET_ID_MAX);
	for (uint32 key = first / CONTAINER_IDS; key <= last / CONTAINER_IDS; key++)
		add_run(writer, key,
				key == first / CONTAINER_IDS ? first % CONTAINER_IDS : 0,
				key == last / CONTAINER_IDS ? last % CONTAINER_IDS : CONTAINER_IDS - 1);
}

/* How many runs a container has that neither touch nor overlap. */
static int
count_runs(const Container *container)
{
	uint16		value;
	uint16		length = 0;
	int64		end = -2;
	uint64		carry = 0;
	int			count = 0;

	for (int i = 0; i < container->units; i++)
	{
		const char *data = container->data;

		if (container->kind == CONTAINER_BITSET)
		{
			uint64		word;

			memcpy(&word, data + i * sizeof(word), sizeof(word));
			count += pg_popcount64(word & ~((word << 1) | carry));
			carry = word >> 63;
			continue;
		}
		if (container->kind == CONTAINER_ARRAY)
			memcpy(&value, data + i * sizeof(value), sizeof(value));
		else
		{
			memcpy(&value, data + 2 * i * sizeof(value), sizeof(value));
			memcpy(&length, data + (2 * i + 1) * sizeof(value), sizeof(value));
		}
		count += value != end + 1;
		end = value + length;
	}
	return count;
}

/* Whether the container may be copied as it is. */
static bool
is_canonical(const Container *container)
{
	int			n_runs = count_runs(container);

	return best_kind(n_runs, container->cardinality) == container->kind &&
		(container->kind != CONTAINER_RUN || n_runs == container->units);
}

/*
 * Adds the container that the reader gave last, in whatever form it has; it
 * comes after all that were added. Interruptible.
 */
void
roaring_writer_add_container(RoaringWriter *writer, const RoaringReader *reader,
					 const Container *container)
{
	Size		data_size = reader->position - container->start;
	RangeReader ranges;
	uint32		first;
	uint32		last;

	flush_runs(writer);
	if (is_canonical(container))
	{
		appendBinaryStringInfo(&writer->body, reader->bytes + container->start, data_size);
		add_descriptor(writer, container->key, container->cardinality,
					   container->kind == CONTAINER_RUN, data_size);
		return;
	}
	range_reader_open_container(&ranges, container);
	while (range_reader_next(&ranges, &first, &last))
		roaring_writer_add_range(writer, first, last);
}

/*
 * Adds a whole set of valid bytes, in whatever choice of containers; its ids
 * come after all that were added. Error: XX001. Interruptible.
 */
void
roaring_writer_add_all(RoaringWriter *writer, const char *bytes, Size size)
{
	RoaringReader reader;
	Container	container;

	roaring_reader_open(&reader, bytes, size);
	while (roaring_reader_next(&reader, &container))
		roaring_writer_add_container(writer, &reader, &container);
	if (reader.position != size)
		report_corrupted_assetset(psprintf("The set ends at byte %zu of %zu.", reader.position, size));
}

/* Writes what comes before the containers; returns where it ends. */
static char *
write_header(const RoaringWriter *writer, char *out, bool with_runs, bool with_offsets, Size start)
{
	uint32		cookie = with_runs ?
		COOKIE_WITH_RUNS | (writer->containers - 1) << 16 : COOKIE_WITHOUT_RUNS;
	uint32		offset = start;

	memcpy(out, &cookie, sizeof(cookie));
	out += sizeof(cookie);
	if (with_runs)
	{
		memset(out, 0, (writer->containers + 7) / 8);
		for (int i = 0; i < writer->containers; i++)
			out[i / 8] |= writer->descriptors[i].is_run << (i % 8);
		out += (writer->containers + 7) / 8;
	}
	else
	{
		memcpy(out, &writer->containers, sizeof(uint32));
		out += sizeof(uint32);
	}
	for (int i = 0; i < writer->containers; i++, out += 2 * sizeof(uint16))
	{
		memcpy(out, &writer->descriptors[i].key, sizeof(uint16));
		memcpy(out + sizeof(uint16), &writer->descriptors[i].cardinality_minus_1, sizeof(uint16));
	}
	for (int i = 0; with_offsets && i < writer->containers; i++, out += sizeof(uint32))
	{
		memcpy(out, &offset, sizeof(offset));
		offset += writer->descriptors[i].size;
	}
	return out;
}

/*
 * Ends the set and frees the writer's memory. Returns the bytes in the
 * current memory context, after "prefix" zero bytes for the caller's use;
 * *size tells how many they are together.
 */
char *
roaring_writer_finish(RoaringWriter *writer, Size prefix, Size *size)
{
	bool		with_runs = false;
	bool		with_offsets;
	Size		start;
	char	   *result;
	char	   *out;

	flush_runs(writer);
	for (int i = 0; i < writer->containers && !with_runs; i++)
		with_runs = writer->descriptors[i].is_run;
	with_offsets = !with_runs || writer->containers >= OFFSETS_FROM;
	start = sizeof(uint32) +
		(with_runs ? (Size) (writer->containers + 7) / 8 : sizeof(uint32)) +
		(Size) writer->containers * (with_offsets ? 8 : 4);

	*size = prefix + start + writer->body.len;
	result = palloc(*size);
	memset(result, 0, prefix);
	out = write_header(writer, result + prefix, with_runs, with_offsets, start);
	Assert(out == result + prefix + start);
	memcpy(out, writer->body.data, writer->body.len);

	pfree(writer->body.data);
	if (writer->descriptors != NULL)
		pfree(writer->descriptors);
	if (writer->runs != NULL)
		pfree(writer->runs);
	return result;
}
