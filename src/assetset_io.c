/*
 * assetset_io.c: the text and the binary form of the type assetset.
 *
 * Input of clients becomes the flat form directly, without the library.
 * roaring_reader.c describes how bytes are checked.
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

/* ---- ranges of a text ---- */

/* both ends included */
typedef struct IdRange
{
	uint32		first;
	uint32		last;
} IdRange;

/* ranges in the order of the text, joined where they ascend and touch */
typedef struct IdRanges
{
	IdRange    *ranges;
	Size		count;
	Size		max_count;		/* allocated */
	bool		is_ascending;
} IdRanges;

#define ST_SORT sort_ranges
#define ST_ELEMENT_TYPE IdRange
#define ST_COMPARE(a, b) ((a)->first < (b)->first ? -1 : (a)->first > (b)->first)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/* Sorts the ranges and joins those that touch or overlap. */
static void
normalize_ranges(IdRanges *list)
{
	Size		count = 0;

	if (list->is_ascending)
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
	list->is_ascending = true;
}

/*
 * Makes room for another range. Ranges that repeat are joined before memory is
 * allocated, so that a text never takes more memory than its set needs.
 */
static void
extend_ranges(IdRanges *list)
{
	normalize_ranges(list);
	if (list->count > list->max_count / 2)
	{
		list->max_count *= 2;
		list->ranges = repalloc_huge(list->ranges, list->max_count * sizeof(IdRange));
	}
}

static void
append_range(IdRanges *list, uint32 first, uint32 last)
{
	/* this comes first, because it may change which range is the last one */
	if (list->count >= list->max_count)
		extend_ranges(list);
	if (list->count > 0)
	{
		IdRange    *previous = &list->ranges[list->count - 1];

		if (first == previous->last + 1)
		{
			previous->last = last;
			return;
		}
		list->is_ascending &= first > previous->last;
	}
	list->ranges[list->count].first = first;
	list->ranges[list->count++].last = last;
}

/* ---- text ---- */

/* Raises 22P02 with the beginning of the text; detail is a sentence. */
static void
report_invalid_text(const char *text, const char *detail)
{
	int			length = strlen(text);
	int			shown = pg_mbcliplen(text, length, 60);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%.*s%s\"", "assetset",
					shown, text, shown < length ? "..." : ""),
			 errdetail_internal("%s", detail)));
}

/* Returns the position of a character in the text, in bytes from 1. */
static Size
position_in(const char *text, const char *at)
{
	return 1 + (Size) (at - text);
}

/* Raises 22P02 for a character, or the end of the text, that can't be there. */
static void
report_unexpected(const char *text, const char *at, const char *expected)
{
	if (*at == '\0')
		report_invalid_text(text, psprintf("Expected %s at the end of the text.", expected));
	report_invalid_text(text, psprintf("Expected %s at position %zu, not \"%.*s\".",
									   expected, position_in(text, at), pg_mblen(at), at));
}

static const char *
skip_space(const char *p)
{
	while (scanner_isspace(*p))
		p++;
	return p;
}

/*
 * Reads an id, with space before and after it, and moves *p behind that.
 * Errors: 22P02, 22003.
 */
static uint32
parse_id(const char *text, const char **p)
{
	const char *start = skip_space(*p);
	const char *end = start;
	uint64		id = 0;

	if (*end < '0' || *end > '9')
		report_unexpected(text, end, "an asset id");
	for (; *end >= '0' && *end <= '9'; end++)
		id = Min(id * 10 + (*end - '0'), (uint64) ASSET_ID_MAX + 1);
	if (id > ASSET_ID_MAX)
		report_asset_id_out_of_range(psprintf("%.*s%s", (int) Min(end - start, 60), start,
											  end - start > 60 ? "..." : ""));
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
		report_invalid_text(text, psprintf("The range %u-%u at position %zu does not ascend.",
										   first, last, position_in(text, start)));
	append_range(list, first, last);
}

/*
 * assetset_in(cstring) returns assetset: reads ids and ranges of ids in braces,
 * like {1,5-9,70000}, in any order. They may repeat and overlap, and have space
 * around numbers. Errors: 22P02; 22003 for an id above ASSET_ID_MAX.
 * Interruptible.
 */
Datum
assetset_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	const char *p = skip_space(text);
	IdRanges	list = {palloc(64 * sizeof(IdRange)), 0, 64, true};
	RoaringWriter writer;

	if (*p++ != '{')
		report_unexpected(text, p - 1, "\"{\"");
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
		report_unexpected(text, p, "\",\" or \"}\"");
	p = skip_space(p + 1);
	if (*p != '\0')
		report_invalid_text(text, psprintf("Junk after closing brace at position %zu.",
										   position_in(text, p)));

	normalize_ranges(&list);
	roaring_writer_open(&writer, 0);
	for (Size i = 0; i < list.count; i++)
		roaring_writer_add_range(&writer, list.ranges[i].first, list.ranges[i].last);
	pfree(list.ranges);
	PG_RETURN_POINTER(assetset_flat_from_writer(&writer));
}

/*
 * assetset_out(assetset) returns cstring: the ids in ascending order, two or
 * more consecutive ones as a range. Error: 54000 if the text would exceed 1 GB.
 * Interruptible.
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
					 errdetail("The text would exceed 1 GB."),
					 errhint("Use the binary format or the function members().")));
		appendBinaryStringInfo(&text, number, length);
	}
	appendStringInfoChar(&text, '}');
	PG_RELEASE_FLAT_ASSETSET(flat, 0);
	PG_RETURN_CSTRING(text.data);
}

/* ---- bytes ---- */

/*
 * assetset_recv(internal) returns assetset: reads the portable Roaring format,
 * in any valid choice of containers. Error: 22P03. Interruptible.
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

/*
 * assetset_send(assetset) returns bytea: the portable Roaring format, in the
 * canonical choice of containers.
 */
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
