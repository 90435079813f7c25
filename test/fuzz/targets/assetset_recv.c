/*
 * assetset_recv.c: a binary message is rejected with a reason, or read as a set.
 *
 * A second reader of the format, written without that of posture, reads the same
 * ids from the message.
 */
#include "sets.h"

static uint32
number_at(const uint8 *data, int size)
{
	uint32		number = 0;

	while (size-- > 0)
		number = number << 8 | data[size];
	return number;
}

/* Checks that the set has these values of a container, and counts them. */
static int64
check_values(const uint8 *values, uint32 cardinality, char kind, uint32 base, Datum set)
{
	int64		count = 0;
	uint32		runs = kind == 'r' ? number_at(values, 2) : 0;
	uint32		every = 1 + cardinality / 256;

	for (uint32 i = 0; kind == 'a' && i < cardinality; i++, count++)
		if (i % every == 0)
			CHECK(call(assetset_contains_id, 2, set, base + number_at(values + 2 * i, 2)));
	for (uint32 i = 0; kind == 'b' && i < 65536; i++)
	{
		bool		is_in = values[i / 8] >> i % 8 & 1;

		count += is_in;
		if (i % every == 0)
			CHECK(DatumGetBool(call(assetset_contains_id, 2, set, base + i)) == is_in);
	}
	for (uint32 i = 0; i < runs; i++)
	{
		uint32		first = base + number_at(values + 2 + 4 * i, 2);
		uint32		more = number_at(values + 4 + 4 * i, 2);

		count += more + 1;
		CHECK(call(assetset_contains_id, 2, set, first));
		CHECK(call(assetset_contains_id, 2, set, first + more));
	}
	return count;
}

static void
check_same_ids(const uint8 *data, Datum set)
{
	bool		with_runs = number_at(data, 2) == 12347;
	uint32		containers = with_runs ? number_at(data + 2, 2) + 1 : number_at(data + 4, 4);
	const uint8 *flags = data + 4;
	const uint8 *descriptors = with_runs ? flags + (containers + 7) / 8 : data + 8;
	const uint8 *values = descriptors + 4 * containers;
	int64		count = 0;

	if (!with_runs || containers >= 4)
		values += 4 * containers;
	for (uint32 i = 0; i < containers; i++)
	{
		uint32		base = number_at(descriptors + 4 * i, 2) << 16;
		uint32		cardinality = number_at(descriptors + 4 * i + 2, 2) + 1;
		char		kind = cardinality <= 4096 ? 'a' : 'b';

		if (with_runs && flags[i / 8] >> i % 8 & 1)
			kind = 'r';
		count += check_values(values, cardinality, kind, base, set);
		values += kind == 'a' ? 2 * cardinality :
			kind == 'b' ? 8192 : 2 + 4 * number_at(values, 2);
	}
	CHECK(DatumGetInt64(call(assetset_cardinality, 1, set)) == count);
}

void
fuzz_input(const uint8 *data, size_t size)
{
	Datum		set;

	if (!set_received(data, size, &set))
	{
		CHECK(error_seen.sqlstate == ERRCODE_INVALID_BINARY_REPRESENTATION);
		CHECK(error_seen.detail != NULL);
		return;
	}
	fuzz_taken++;
	check_same_ids(data, set);
	set_check(set);
}
