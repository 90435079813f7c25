/*
 * assetset_stored.c: stored bytes are not checked value by value, but functions
 * that read them in place never read or write beyond their memory.
 *
 * Functions that use the library are left out: it trusts that bytes are a set.
 */
#include "sets.h"

static const PGFunction readers[] = {
	assetset_out, assetset_send, assetset_cardinality, assetset_hash, assetset_to_array
};

static void
may_be_corrupted(bool done)
{
	CHECK(done || error_seen.sqlstate == ERRCODE_DATA_CORRUPTED ||
		  error_seen.sqlstate == ERRCODE_PROGRAM_LIMIT_EXCEEDED);
	if (done)
		fuzz_taken++;
}

/* The input is the length of the first stored set, and two stored sets. */
void
fuzz_input(const uint8 *data, size_t size)
{
	Size		first = size > 0 ? Min((Size) data[0], size - 1) : 0;
	Datum		sets[2];
	Datum		result;

	if (size == 0)
		return;
	for (int i = 0; i < 2; i++)
	{
		Size		length = i == 0 ? first : size - 1 - first;
		struct varlena *stored = palloc(VARHDRSZ + length);

		SET_VARSIZE(stored, VARHDRSZ + length);
		memcpy(VARDATA(stored), data + 1 + (i == 0 ? 0 : first), length);
		sets[i] = PointerGetDatum(stored);
		for (int reader = 0; reader < (int) lengthof(readers); reader++)
			may_be_corrupted(try_call(readers[reader], &result, 1, sets[i]));
		may_be_corrupted(try_call(assetset_contains_id, &result, 2, sets[i], Int32GetDatum(70000)));
		may_be_corrupted(try_call(assetset_contains_id, &result, 2, sets[i], Int32GetDatum(5)));
	}
	may_be_corrupted(try_call(assetset_cmp, &result, 2, sets[0], sets[1]));
	may_be_corrupted(try_call(assetset_eq, &result, 2, sets[0], sets[1]));
}
