/*
 * scores.h: what the targets for score share.
 */
#ifndef FUZZ_SCORES_H
#define FUZZ_SCORES_H

#include "backend.h"

#include "score.h"

extern Datum score_in(PG_FUNCTION_ARGS);
extern Datum score_out(PG_FUNCTION_ARGS);
extern Datum score_recv(PG_FUNCTION_ARGS);
extern Datum score_send(PG_FUNCTION_ARGS);
extern Datum score_from_numeric(PG_FUNCTION_ARGS);
extern Datum score_from_int4(PG_FUNCTION_ARGS);
extern Datum score_to_numeric(PG_FUNCTION_ARGS);
extern Datum score_to_float8(PG_FUNCTION_ARGS);
extern Datum score_minus(PG_FUNCTION_ARGS);
extern Datum score_of_exposed(PG_FUNCTION_ARGS);
extern Datum score_drop(PG_FUNCTION_ARGS);
extern Datum is_drop(PG_FUNCTION_ARGS);
extern Datum weighted_score_accum(PG_FUNCTION_ARGS);
extern Datum weighted_score_accum_inv(PG_FUNCTION_ARGS);
extern Datum weighted_score_combine(PG_FUNCTION_ARGS);
extern Datum weighted_score_final(PG_FUNCTION_ARGS);

/* Checks that a score is from 0 to 100 and that each of its forms can be read. */
extern void score_check(Datum score);

#endif							/* FUZZ_SCORES_H */
