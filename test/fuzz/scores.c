/*
 * scores.c: checks that hold for every score.
 */
#include "scores.h"

/* the defaults of posture.c, which is not part of the targets */
double		posture_drop_threshold = 2.0;
int			posture_drop_basis = DROP_POINTS;

void
score_check(Datum score)
{
	int32		millionths = DatumGetScore(score);
	char	   *text = DatumGetCString(call(score_out, 1, score));
	char	   *exact = psprintf("%d.%06d", millionths / SCORE_UNIT, millionths % SCORE_UNIT);
	bytea	   *bytes = DatumGetByteaP(call(score_send, 1, score));
	StringInfoData message = {VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ, VARSIZE(bytes), 0};

	CHECK(millionths >= 0 && millionths <= SCORE_MAX);
	CHECK(strncmp(text, exact, strlen(text)) == 0);
	CHECK(strspn(exact + strlen(text), ".0") == strlen(exact) - strlen(text));
	CHECK(call(score_in, 1, CStringGetDatum(text)) == score);
	CHECK(call(score_in, 1, CStringGetDatum(exact)) == score);
	CHECK(message.len == 4 && call(score_recv, 1, PointerGetDatum(&message)) == score);
	CHECK(call(score_from_numeric, 1, call(score_to_numeric, 1, score)) == score);
	CHECK(DatumGetFloat8(call(score_to_float8, 1, score)) == strtod(exact, NULL));
	if (millionths % SCORE_UNIT == 0)
		CHECK(call(score_from_int4, 1, Int32GetDatum(millionths / SCORE_UNIT)) == score);
}
