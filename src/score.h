/*
 * score.h: the type score, a number from 0 to 100 with six decimals.
 */
#ifndef POSTURE_SCORE_H
#define POSTURE_SCORE_H

#include "decimal.h"

/* a score in millionths of a point, passed by value */
typedef int32 Score;

#define SCORE_DECIMALS 6
#define SCORE_UNIT 1000000
#define SCORE_MAX (100 * SCORE_UNIT)

#define DatumGetScore(X) ((Score) DatumGetInt32(X))
#define PG_GETARG_SCORE(n) DatumGetScore(PG_GETARG_DATUM(n))
#define PG_RETURN_SCORE(x) PG_RETURN_INT32(x)

/*
 * Returns the score that a number is, rounded half away from zero. Errors: 22003
 * outside 0 to 100, 22023 for NaN and infinity.
 */
extern Score score_from_number(Numeric number);

#endif							/* POSTURE_SCORE_H */
