/*
 * assetset_recv.c: a binary message is rejected with a reason, or read as a set.
 *
 * The library reads the same ids from the message as posture.
 */
#include "sets.h"

static void
check_library_agrees(const uint8 *data, size_t size, Datum set)
{
	roaring_bitmap_t *bitmap = roaring_bitmap_portable_deserialize_safe((const char *) data, size);
	Assetset   *as_sent = assetset_make(CurrentMemoryContext);

	assetset_set_bitmap(as_sent, bitmap);
	CHECK(set_same(EOHPGetRWDatum(&as_sent->header), set));
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
	check_library_agrees(data, size, set);
	set_check(set);
}
