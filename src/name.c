/*
 * name.c: how much two names differ, for hints that suggest a name.
 */
#include "posture.h"

#include "utils/varlena.h"

PG_FUNCTION_INFO_V1(posture_name_distance);

/*
 * name_distance(a text, b text) returns integer: the number of characters to
 * insert, delete or replace to make a of b. The time grows with the product of
 * their lengths, so callers cut long names.
 */
Datum
posture_name_distance(PG_FUNCTION_ARGS)
{
	text	   *a = PG_GETARG_TEXT_PP(0);
	text	   *b = PG_GETARG_TEXT_PP(1);

	PG_RETURN_INT32(varstr_levenshtein(VARDATA_ANY(a), VARSIZE_ANY_EXHDR(a),
									   VARDATA_ANY(b), VARSIZE_ANY_EXHDR(b),
									   1, 1, 1, true));
}
