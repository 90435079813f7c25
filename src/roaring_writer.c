/*
 * roaring_writer.c: writes sets in the portable Roaring format.
 *
 * The written form is canonical: equal sets have equal bytes, whichever
 * library, version or order of additions they come from. So stored sets are
 * compared and hashed as bytes. The kind of a container follows from the bytes
 * that its data would take: a run if that takes fewer than both other kinds,
 * with runs that neither touch nor overlap; if not, an array up to cardinality
 * 4096 and a bitset above. The library's roaring_bitmap_run_optimize() is not
 * canonical: it keeps the kind that a container has where a run and an array
 * take the same space.
 */
#include "roaring_format.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"

/* values of a container, both ends included */
typedef struct Run
{
	uint16		first;
	uint16		last;
} Run;

/* a container that is in the body */
typedef struct Descriptor
{
	uint16		key;
	uint16		cardinality_minus_1;
	bool		is_run;
	uint32		size;			/* bytes in the body */
} Descriptor;

/* Returns the canonical kind of a container. */
static ContainerKind
canonical_kind(int n_runs, int cardinality)
{
	int			run_size = sizeof(uint16) * (1 + 2 * n_runs);
	int			array_size = sizeof(uint16) * cardinality;

	if (run_size < Min(array_size, BITSET_BYTES))
		return CONTAINER_RUN;
	return cardinality <= ARRAY_MAX ? CONTAINER_ARRAY : CONTAINER_BITSET;
}

/*
 * Starts a set, in the current memory context. size_hint is the number of bytes
 * that it may take, or 0 if that is not known.
 */
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

	if (writer->containers >= writer->max_containers)
	{
		writer->max_containers = Max(8, 2 * writer->max_containers);
		writer->descriptors = resize_array(writer->descriptors, writer->max_containers,
										   sizeof(Descriptor));
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

/* Writes the current container to the body, if it has values. */
static void
flush_runs(RoaringWriter *writer)
{
	StringInfo	body = &writer->body;
	int			start = body->len;
	ContainerKind kind = canonical_kind(writer->n_runs, writer->cardinality);

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

/* Adds values of one container, above all that were added before. */
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
	if (writer->n_runs >= writer->max_runs)
	{
		writer->max_runs = Max(64, 2 * writer->max_runs);
		writer->runs = resize_array(writer->runs, writer->max_runs, sizeof(Run));
	}
	writer->runs[writer->n_runs].first = first;
	writer->runs[writer->n_runs++].last = last;
}

/*
 * Adds the ids from first to last, both included, which must be above all that
 * were added before. Interruptible.
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

/* Counts the runs that a container would have if none touched another. */
static int
count_runs(const Container *container)
{
	const char *data = container->data;
	uint16		value;
	uint16		length = 0;		/* minus 1 */
	int64		end = -2;
	uint64		carry = 0;		/* the last bit of the previous word */
	int			count = 0;

	for (int i = 0; i < container->units; i++)
	{
		if (container->kind == CONTAINER_BITSET)
		{
			uint64		word = uint64_at(data, i);

			/* a run starts at each bit that is set after one that is not */
			count += pg_popcount64(word & ~((word << 1) | carry));
			carry = word >> 63;
			continue;
		}
		if (container->kind == CONTAINER_ARRAY)
			value = uint16_at(data, i);
		else
		{
			value = uint16_at(data, 2 * i);
			length = uint16_at(data, 2 * i + 1);
		}
		count += value != end + 1;
		end = value + length;
	}
	return count;
}

static bool
is_canonical(const Container *container)
{
	int			n_runs = count_runs(container);

	return canonical_kind(n_runs, container->cardinality) == container->kind &&
		(container->kind != CONTAINER_RUN || n_runs == container->units);
}

/*
 * Adds the container that the reader read last, of any kind. Its ids must be
 * above all that were added before. Interruptible.
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
 * Adds a whole set, in any choice of containers. Its ids must be above all that
 * were added before. Error: XX001. Interruptible.
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
		report_corrupted_assetset(psprintf("The set ends at byte %zu of %zu.",
										   reader.position, size));
}

/*
 * Writes what precedes the containers and returns where it ends. start is the
 * offset of the first container in the set.
 */
static char *
write_header(const RoaringWriter *writer, char *out, bool with_runs, bool with_offsets,
			 Size start)
{
	uint32		cookie = COOKIE_WITHOUT_RUNS;
	uint32		offset = start;

	if (with_runs)
		cookie = COOKIE_WITH_RUNS | (writer->containers - 1) << 16;
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
 * Ends the set and frees the writer's memory. Returns the set's bytes in the
 * current memory context, after "prefix" zero bytes for the caller's use, and
 * sets *size to the number of bytes with the prefix.
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
