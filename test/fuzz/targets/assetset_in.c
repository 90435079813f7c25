/*
 * assetset_in.c: a text is accepted exactly if the parser in this file accepts
 * it, and then read as the same set.
 */
#include "sets.h"

typedef struct Range
{
	uint64		first;
	uint64		last;
} Range;

static const char *
after_space(const char *p)
{
	return p + strspn(p, " \t\n\r\f\v");
}

/* Reads an id and returns what follows it; NULL if there is no id. */
static const char *
read_id(const char *p, uint64 *id)
{
	size_t		digits;
	size_t		zeros;

	p = after_space(p);
	digits = strspn(p, "0123456789");
	zeros = strspn(p, "0");
	if (digits == 0 || digits - Min(zeros, digits) > 10)
		return NULL;
	*id = strtoull(p, NULL, 10);
	return *id > ASSET_ID_MAX ? NULL : after_space(p + digits);
}

static int
by_first(const void *a, const void *b)
{
	const Range *range1 = a;
	const Range *range2 = b;

	return range1->first < range2->first ? -1 : range1->first > range2->first;
}

/* Reads the ranges of a text in its order; returns -1 if it is not a set. */
static int
read_ranges(const char *text, Range *ranges)
{
	const char *p = after_space(text);
	int			count = 0;

	if (*p++ != '{')
		return -1;
	if (*after_space(p) == '}')
		return *after_space(after_space(p) + 1) == '\0' ? 0 : -1;
	do
	{
		Range	   *range = &ranges[count++];

		if ((p = read_id(p, &range->first)) == NULL)
			return -1;
		range->last = range->first;
		if (*p == '-' && (p = read_id(p + 1, &range->last)) == NULL)
			return -1;
		if (range->last < range->first)
			return -1;
	} while (*p++ == ',');
	return p[-1] == '}' && *after_space(p) == '\0' ? count : -1;
}

/* Returns the canonical text of ranges. */
static char *
write_ranges(Range *ranges, int count)
{
	char	   *text = palloc(24 * (Size) count + 3);
	char	   *p = text;

	qsort(ranges, count, sizeof(Range), by_first);
	*p++ = '{';
	for (int i = 0; i < count;)
	{
		Range		range = ranges[i++];

		for (; i < count && ranges[i].first <= range.last + 1; i++)
			range.last = Max(range.last, ranges[i].last);
		p += sprintf(p, "%s%llu", p > text + 1 ? "," : "", (unsigned long long) range.first);
		if (range.last > range.first)
			p += sprintf(p, "-%llu", (unsigned long long) range.last);
	}
	strcpy(p, "}");
	return text;
}

void
fuzz_input(const uint8 *data, size_t size)
{
	char	   *text = text_input(data, size);
	Range	   *ranges = palloc((strlen(text) + 1) * sizeof(Range));
	int			count = read_ranges(text, ranges);
	Datum		set;
	bool		taken = try_call(assetset_in, &set, 1, CStringGetDatum(text));

	CHECK(taken == (count >= 0));
	if (!taken)
	{
		CHECK(error_seen.sqlstate == ERRCODE_INVALID_TEXT_REPRESENTATION ||
			  error_seen.sqlstate == ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE);
		CHECK(error_seen.detail != NULL);
		return;
	}
	fuzz_taken++;
	CHECK(strcmp(DatumGetCString(call(assetset_out, 1, set)), write_ranges(ranges, count)) == 0);
	set_check(set);
}
