/*
 * roaring_writer.c: writes sets in the portable Roaring format.
 *
 * The written form is canonical: equal sets have equal bytes, whichever
 * client, version or order of additions they come from. So stored sets are
 * compared and hashed as bytes. The kind of a container follows from the bytes
 * that its data would take: a run if that takes fewer than both other kinds,
 * with runs that neither touch nor overlap; if not, an array up to cardinality
 * 4096 and a bitset above.
 */
#include "roaring_format.h"

#include "miscadmin.h"

/* a container that is in the body */
typedef struct Descriptor
{
	uint16		key;
	uint16		cardinality_minus_1;
	bool		is_run;
	uint32		size;			/* bytes in the body */
} Descriptor;

/*
 * Returns the size of the smallest kind of a container that is not a run. A run
 * that takes less is canonical.
 */
static int
size_without_runs(int cardinality)
{
	return Min(sizeof(uint16) * cardinality, BITSET_BYTES);
}

/* Returns the canonical kind of a container. */
static ContainerKind
canonical_kind(int n_runs, int cardinality)
{
	int			run_size = sizeof(uint16) + sizeof(Run) * n_runs;

	if (run_size < size_without_runs(cardinality))
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

/*
 * Writes a container to the body with the kind, cardinality and units of
 * "canonical".
 */
static void
write_as(RoaringWriter *writer, const Container *canonical, const Container *container)
{
	StringInfo	body = &writer->body;
	int			start = body->len;
	Size		size = container_size(canonical);
	uint16		n_runs = canonical->units;

	enlargeStringInfo(body, sizeof(n_runs) + size);
	if (canonical->kind == CONTAINER_RUN)
		appendBinaryStringInfo(body, (char *) &n_runs, sizeof(n_runs));
	if (container->kind == canonical->kind && container->units == canonical->units)
		appendBinaryStringInfo(body, container->data, size);
	else
	{
		container_convert(container, canonical->kind, body->data + body->len);
		body->len += size;
	}
	add_descriptor(writer, container->key, canonical->cardinality,
				   canonical->kind == CONTAINER_RUN, body->len - start);
}

/* Writes a container in its canonical kind, if it has values. */
static void
write_container(RoaringWriter *writer, const Container *container, int cardinality, int n_runs)
{
	Container	canonical = {0};

	CHECK_FOR_INTERRUPTS();
	if (cardinality == 0)
		return;
	canonical.kind = canonical_kind(n_runs, cardinality);
	canonical.cardinality = cardinality;
	canonical.units = canonical.kind == CONTAINER_ARRAY ? cardinality :
		canonical.kind == CONTAINER_RUN ? n_runs : BITSET_WORDS;
	write_as(writer, &canonical, container);
}

/* Writes the current container, if it has values. */
static void
flush_runs(RoaringWriter *writer)
{
	Container	runs = {0};

	runs.kind = CONTAINER_RUN;
	runs.key = writer->key;
	runs.units = writer->n_runs;
	runs.data = (char *) writer->runs;
	write_container(writer, &runs, writer->cardinality, writer->n_runs);
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
	if (writer->n_runs > 0)
	{
		Run		   *run = &writer->runs[writer->n_runs - 1];

		if (run->first + run->more + 1 == first)
		{
			run->more = last - run->first;
			return;
		}
	}
	if (writer->n_runs >= writer->max_runs)
	{
		writer->max_runs = Max(64, 2 * writer->max_runs);
		writer->runs = resize_array(writer->runs, writer->max_runs, sizeof(Run));
	}
	writer->runs[writer->n_runs].first = first;
	writer->runs[writer->n_runs++].more = last - first;
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

/*
 * Adds a container of any kind, which may be empty. Its ids must be above all
 * that were added before. Interruptible.
 */
void
roaring_writer_add_container(RoaringWriter *writer, const Container *container)
{
	int			cardinality = container_count(container);
	int			limit = size_without_runs(cardinality) / sizeof(Run);

	flush_runs(writer);
	write_container(writer, container, cardinality, container_count_runs(container, limit));
}

/*
 * The same for a container of a stored set, which is canonical. Its values are
 * not read.
 */
void
roaring_writer_copy_container(RoaringWriter *writer, const Container *container)
{
	flush_runs(writer);
	CHECK_FOR_INTERRUPTS();
	write_as(writer, container, container);
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
		roaring_writer_add_container(writer, &container);
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
