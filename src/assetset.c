/*
 * assetset.c: the type assetset: its two forms, its text and its bytes.
 *
 * Text and bytes of clients become the flat form directly, without the
 * library; see roaring_reader.c for what is checked and what is trusted.
 */
#include "assetset.h"

#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(assetset_in);
PG_FUNCTION_INFO_V1(assetset_out);
PG_FUNCTION_INFO_V1(assetset_recv);
PG_FUNCTION_INFO_V1(assetset_send);

/* how many ids may wait to be put into the bitmap: always, in a large set */
#define PENDING_SMALL 1024
#define PENDING_MAX 1048576
/* how many ids are worth to be grouped by container first */
#define GROUP_FROM 16384

/* ---- the expanded form ---- */

static void
release_bitmap(void *arg)
{
	Assetset   *set = arg;

	if (set->bitmap != NULL)
		roaring_bitmap_free(set->bitmap);
	set->bitmap = NULL;
}

/* The flat form of an expanded set; belongs to the set, until it changes. */
static FlatAssetset *
get_flat(Assetset *set)
{
	RoaringWriter writer;
	Size		size;
	char	   *bytes;
	MemoryContext caller;

	Assert(set->magic == ASSETSET_MAGIC);
	if (set->flat != NULL)
		return set->flat;

	/*
	 * In the set's own context, also what is needed on the way: a sort has its
	 * tuples formed in a context in which, from PostgreSQL 17 on, nothing can
	 * be freed.
	 */
	caller = MemoryContextSwitchTo(set->header.eoh_context);
	assetset_flush_pending(set);
	size = roaring_bitmap_portable_size_in_bytes(set->bitmap);
	bytes = palloc_extended(size, MCXT_ALLOC_HUGE);
	roaring_bitmap_portable_serialize(set->bitmap, bytes);
	roaring_writer_open(&writer, size);
	roaring_writer_add_all(&writer, bytes, size);
	pfree(bytes);
	set->flat = assetset_flat_from_writer(&writer);
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
 * A new expanded set in a memory context of its own below "parent". It has no
 * bitmap yet: give it one with assetset_set_bitmap() before anything else. So what
 * frees the bitmap is there before the bitmap is.
 */
Assetset *
assetset_make(MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "assetset",
												  ALLOCSET_START_SMALL_SIZES);
	Assetset   *set = MemoryContextAllocZero(context, sizeof(Assetset));

	EOH_init_header(&set->header, &assetset_methods, context);
	set->magic = ASSETSET_MAGIC;
	set->release.func = release_bitmap;
	set->release.arg = set;
	MemoryContextRegisterResetCallback(context, &set->release);
	return set;
}

/* Gives the set the bitmap that the library made. Error: 53200 for NULL. */
void
assetset_set_bitmap(Assetset *set, roaring_bitmap_t *bitmap)
{
	Assert(set->magic == ASSETSET_MAGIC && set->bitmap == NULL);
	if (bitmap == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("The Roaring library could not make a set.")));
	set->bitmap = bitmap;
}

/*
 * The ids by container, ascending, in the order they came within one; a new
 * array in the current memory context, or NULL if they are so already.
 */
static uint32 *
group_by_container(const uint32 *ids, int count)
{
	int		   *next = palloc0((CONTAINERS_MAX + 1) * sizeof(int));
	uint32	   *grouped = NULL;
	bool		ascending = true;

	for (int i = 0; i < count; i++)
	{
		next[ids[i] / CONTAINER_IDS + 1]++;
		ascending &= i == 0 || ids[i - 1] / CONTAINER_IDS <= ids[i] / CONTAINER_IDS;
	}
	if (!ascending)
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

/*
 * Adds ids in any order to a set of one's own. In a set of many containers an
 * id by itself misses the processor's caches several times, so many ids are
 * first put together by container.
 */
void
assetset_add_many(Assetset *set, const uint32 *ids, int count)
{
	uint32	   *grouped = NULL;

	Assert(set->magic == ASSETSET_MAGIC && set->bitmap != NULL);
	if (count >= GROUP_FROM)
		grouped = group_by_container(ids, count);
	roaring_bitmap_add_many(set->bitmap, count, grouped != NULL ? grouped : ids);
	if (grouped != NULL)
		pfree(grouped);
}

/* Puts pending ids into the bitmap. The set stays the same. */
void
assetset_flush_pending(Assetset *set)
{
	Assert(set->magic == ASSETSET_MAGIC && set->bitmap != NULL);
	if (set->n_pending > 0)
		assetset_add_many(set, set->pending, set->n_pending);
	set->n_pending = 0;
}

/* Makes room for another id: more, the more ids there were so far. */
static void
make_room(Assetset *set)
{
	set->n_added += set->n_pending;
	assetset_flush_pending(set);
	if (set->pending_space < PENDING_SMALL ||
		(set->pending_space < PENDING_MAX && set->n_added / 16 >= set->pending_space))
	{
		int			space = Max(16, 4 * set->pending_space);
		uint32	   *larger = MemoryContextAlloc(set->header.eoh_context,
												space * sizeof(uint32));

		if (set->pending != NULL)
			pfree(set->pending);
		set->pending = larger;
		set->pending_space = space;
	}
}

/*
 * Adds an id to a set of one's own. Ids are put into the bitmap by the
 * thousand, or more: with many sets in the making at once, as in a grouped
 * aggregate, each id would otherwise miss the processor's caches.
 */
void
assetset_add(Assetset *set, uint32 id)
{
	Assert(set->magic == ASSETSET_MAGIC && id <= ASSET_ID_MAX);
	if (set->flat != NULL)
		assetset_writable_bitmap(set);
	if (set->n_pending >= set->pending_space)
		make_room(set);
	set->pending[set->n_pending++] = id;
}

/* The flat form of a datum that is not expanded, of a version that is known. */
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
 * The datum's flat form. It belongs to the datum where that is expanded or
 * flat, and otherwise is a copy in the current memory context; don't change
 * it. Error: XX001.
 */
FlatAssetset *
DatumGetFlatAssetset(Datum datum)
{
	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		return get_flat((Assetset *) DatumGetEOHP(datum));
	return detoast_flat(datum);
}

/* The library's form of a flat set; NULL without memory. Error: XX001. */
static roaring_bitmap_t *
bitmap_from_flat(const FlatAssetset *flat)
{
	roaring_bitmap_t *bitmap = roaring_bitmap_portable_deserialize_safe(flat->bytes, FLAT_BYTES_SIZE(flat));

	/* the library doesn't say why */
	if (bitmap == NULL)
	{
		char	   *problem = roaring_bytes_check(flat->bytes, FLAT_BYTES_SIZE(flat));

		if (problem != NULL)
			report_corrupted_assetset(problem);
	}
	return bitmap;
}

/*
 * The datum's expanded form, for reading. An expanded datum is used as it is;
 * of another an expanded copy is made in the current memory context, which
 * assetset_release() frees. Errors: XX001, 53200.
 */
Assetset *
DatumGetAssetset(Datum datum)
{
	Assetset   *set;
	FlatAssetset *flat;

	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
	{
		set = (Assetset *) DatumGetEOHP(datum);
		assetset_flush_pending(set);
		return set;
	}
	flat = detoast_flat(datum);
	set = assetset_make(CurrentMemoryContext);
	assetset_set_bitmap(set, bitmap_from_flat(flat));
	if ((Pointer) flat != DatumGetPointer(datum))
		pfree(flat);
	return set;
}

/*
 * A copy of the datum to change, in a memory context below "parent".
 * Errors: XX001, 53200.
 */
Assetset *
assetset_copy(Datum datum, MemoryContext parent)
{
	Assetset   *set = assetset_make(parent);

	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		assetset_set_bitmap(set, roaring_bitmap_copy(DatumGetAssetset(datum)->bitmap));
	else
	{
		FlatAssetset *flat = detoast_flat(datum);

		assetset_set_bitmap(set, bitmap_from_flat(flat));
		if ((Pointer) flat != DatumGetPointer(datum))
			pfree(flat);
	}
	return set;
}

/* Ends the writer; its set in flat form, in the current memory context. */
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

/* Error 22003 for a number that is no id. */
void
report_asset_id_out_of_range(int32 id)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("asset id %d is out of range", id),
			 errdetail("An asset id is a whole number from 0 to %d.", ASSET_ID_MAX)));
}

/* ---- text ---- */

typedef struct IdRange
{
	uint32		first;
	uint32		last;
} IdRange;

/* Ranges in the order of the text, joined where they ascend and touch. */
typedef struct IdRanges
{
	IdRange    *ranges;
	Size		count;
	Size		space;
	bool		ascending;
} IdRanges;

#define ST_SORT sort_ranges
#define ST_ELEMENT_TYPE IdRange
#define ST_COMPARE(a, b) ((a)->first < (b)->first ? -1 : (a)->first > (b)->first)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/* Puts the ranges in ascending order and joins what touches or overlaps. */
static void
normalize_ranges(IdRanges *list)
{
	Size		count = 0;

	if (list->ascending)
		return;
	sort_ranges(list->ranges, list->count);
	for (Size i = 0; i < list->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (count > 0 && list->ranges[i].first <= list->ranges[count - 1].last + 1)
			list->ranges[count - 1].last = Max(list->ranges[count - 1].last,
											   list->ranges[i].last);
		else
			list->ranges[count++] = list->ranges[i];
	}
	list->count = count;
	list->ascending = true;
}

static void
append_range(IdRanges *list, uint32 first, uint32 last)
{
	/* first, because it may change which range is the last one */
	if (list->count >= list->space)
	{
		/* a text that repeats itself must not take more memory than its set */
		normalize_ranges(list);
		if (list->count > list->space / 2)
		{
			list->space *= 2;
			list->ranges = repalloc_huge(list->ranges, list->space * sizeof(IdRange));
		}
	}
	if (list->count > 0)
	{
		IdRange    *previous = &list->ranges[list->count - 1];

		if (first == previous->last + 1)
		{
			previous->last = last;
			return;
		}
		list->ascending &= first > previous->last;
	}
	list->ranges[list->count].first = first;
	list->ranges[list->count++].last = last;
}

static void
malformed(const char *text, const char *detail)
{
	int			length = strlen(text);
	int			shown = pg_mbcliplen(text, length, 60);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%.*s%s\"", "assetset",
					shown, text, shown < length ? "..." : ""),
			 errdetail_internal("%s", detail)));
}

static void
expected(const char *text, const char *at, const char *what)
{
	if (*at == '\0')
		malformed(text, psprintf("Expected %s at the end of the text.", what));
	malformed(text, psprintf("Expected %s at position %zu, not \"%.*s\".",
							 what, (Size) (at - text) + 1, pg_mblen(at), at));
}

static const char *
skip_space(const char *p)
{
	while (scanner_isspace(*p))
		p++;
	return p;
}

/* Reads [space]digits[space] and moves *p behind it. */
static uint32
parse_id(const char *text, const char **p)
{
	const char *start = skip_space(*p);
	const char *end = start;
	uint64		id = 0;

	if (*end < '0' || *end > '9')
		expected(text, end, "an asset id");
	for (; *end >= '0' && *end <= '9'; end++)
		id = Min(id * 10 + (*end - '0'), (uint64) ASSET_ID_MAX + 1);
	if (id > ASSET_ID_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("asset id %.*s%s is out of range",
						(int) Min(end - start, 60), start, end - start > 60 ? "..." : ""),
				 errdetail("An asset id is a whole number from 0 to %d.", ASSET_ID_MAX)));
	*p = skip_space(end);
	return (uint32) id;
}

/* Reads an id or a range of ids and moves *p behind it. */
static void
parse_range(const char *text, const char **p, IdRanges *list)
{
	const char *start = skip_space(*p);
	uint32		first = parse_id(text, p);
	uint32		last = first;

	if (**p == '-')
	{
		(*p)++;
		last = parse_id(text, p);
	}
	if (last < first)
		malformed(text, psprintf("The range %u-%u at position %zu does not ascend.",
								 first, last, (Size) (start - text) + 1));
	append_range(list, first, last);
}

/*
 * assetset_in(cstring): ids and ranges of ids in braces, like {1,5-9,70000},
 * in any order; they may repeat and overlap, with space around numbers.
 * Errors: 22P02, 22003 for an id above ASSET_ID_MAX. Interruptible.
 */
Datum
assetset_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	const char *p = skip_space(text);
	IdRanges	list = {palloc(64 * sizeof(IdRange)), 0, 64, true};
	RoaringWriter writer;

	if (*p++ != '{')
		expected(text, p - 1, "\"{\"");
	p = skip_space(p);
	if (*p != '}')
	{
		parse_range(text, &p, &list);
		while (*p == ',')
		{
			CHECK_FOR_INTERRUPTS();
			p++;
			parse_range(text, &p, &list);
		}
	}
	if (*p != '}')
		expected(text, p, "\",\" or \"}\"");
	p = skip_space(p + 1);
	if (*p != '\0')
		malformed(text, psprintf("There is more after the closing brace, at position %zu.",
								 (Size) (p - text) + 1));

	normalize_ranges(&list);
	roaring_writer_open(&writer, 0);
	for (Size i = 0; i < list.count; i++)
		roaring_writer_add_range(&writer, list.ranges[i].first, list.ranges[i].last);
	pfree(list.ranges);
	PG_RETURN_POINTER(assetset_flat_from_writer(&writer));
}

/*
 * assetset_out(assetset): ascending, two or more consecutive ids as a range.
 * Error: 54000 where the text would take more than 1 GB. Interruptible.
 */
Datum
assetset_out(PG_FUNCTION_ARGS)
{
	FlatAssetset *flat = PG_GETARG_FLAT_ASSETSET(0);
	StringInfoData text;
	RangeReader ranges;
	uint32		first;
	uint32		last;
	char		number[sizeof("2147483647-2147483647,")];

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	range_reader_open(&ranges, flat->bytes, FLAT_BYTES_SIZE(flat));
	while (range_reader_next(&ranges, &first, &last))
	{
		int			length = 0;

		if (text.len > 1)
			number[length++] = ',';
		length += pg_ultoa_n(first, number + length);
		if (last > first)
		{
			number[length++] = '-';
			length += pg_ultoa_n(last, number + length);
		}
		if ((Size) text.len + length + sizeof("}") > MaxAllocSize)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("assetset is too large for its text form"),
					 errdetail("The text would take more than 1 GB."),
					 errhint("Use the binary format, or the function members.")));
		appendBinaryStringInfo(&text, number, length);
	}
	appendStringInfoChar(&text, '}');
	PG_RELEASE_FLAT_ASSETSET(flat, 0);
	PG_RETURN_CSTRING(text.data);
}

/* ---- bytes ---- */

/*
 * assetset_recv(internal): the portable Roaring format in any valid choice of
 * containers. Error: 22P03. Interruptible.
 */
Datum
assetset_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	Size		size = buf->len - buf->cursor;
	const char *bytes = pq_getmsgbytes(buf, size);
	char	   *problem = roaring_bytes_check(bytes, size);
	RoaringWriter writer;

	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary assetset"),
				 errdetail_internal("%s", problem)));
	roaring_writer_open(&writer, size);
	roaring_writer_add_all(&writer, bytes, size);
	PG_RETURN_POINTER(assetset_flat_from_writer(&writer));
}

/* assetset_send(assetset): the portable Roaring format, canonical. */
Datum
assetset_send(PG_FUNCTION_ARGS)
{
	FlatAssetset *flat = PG_GETARG_FLAT_ASSETSET(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbytes(&buf, flat->bytes, FLAT_BYTES_SIZE(flat));
	PG_RELEASE_FLAT_ASSETSET(flat, 0);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}
