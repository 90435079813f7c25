/*
 * score_recv.c: a binary message is accepted exactly if it begins with a number
 * of four bytes from 0 to 100 million.
 */
#include "scores.h"

void
fuzz_input(const uint8 *data, size_t size)
{
	StringInfoData message = {memcpy(palloc(size), data, size), size, size, 0};
	int64		expected = -1;
	Datum		score;

	if (size >= 4)
		expected = (int64) data[0] << 24 | data[1] << 16 | data[2] << 8 | data[3];
	if (!try_call(score_recv, &score, 1, PointerGetDatum(&message)))
	{
		CHECK(error_seen.sqlstate == (size < 4 ? ERRCODE_PROTOCOL_VIOLATION :
									  ERRCODE_INVALID_BINARY_REPRESENTATION));
		CHECK(expected < 0 || expected > SCORE_MAX);
		return;
	}
	fuzz_taken++;
	CHECK(expected == DatumGetScore(score) && expected <= SCORE_MAX);
	/* the server rejects a message that is longer */
	CHECK(message.cursor == 4);
	score_check(score);
}
