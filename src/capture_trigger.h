/*
 * capture_trigger.h: what the triggers that capture changes share: the rows that
 * they go through, and the tables of deltas that they append to.
 */
#ifndef POSTURE_CAPTURE_TRIGGER_H
#define POSTURE_CAPTURE_TRIGGER_H

#include "posture.h"

#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

/* A slice is 16 chunks: what one step of fold() takes. */
#define SLICE_BITS 20
#define SLICE_OF(asset_id) ((asset_id) >> SLICE_BITS)

/* Goes through a transition table, or is at the one row; NULL for both gives no row. */
typedef struct TransitionReader
{
	Tuplestorestate *rows;
	int			pointer;
	bool		has_row;
	TupleTableSlot *slot;
} TransitionReader;

extern TriggerData *trigger_data(FunctionCallInfo fcinfo, TransitionReader *old, TransitionReader *new);
extern bool transition_next(TransitionReader *reader);
extern void transition_close(TransitionReader *reader);
extern Relation open_delta_table(FunctionCallInfo fcinfo, const char *name);
extern void append_delta(Relation delta, Datum *values, int n_values);

/* A column of the row that the reader is at; here, because it is read for every row. */
static inline Datum
column(TransitionReader *reader, int attribute)
{
	bool		is_null;
	Datum		value = slot_getattr(reader->slot, attribute, &is_null);

	if (is_null)
		elog(ERROR, "column %d is null", attribute);
	return value;
}

#endif							/* POSTURE_CAPTURE_TRIGGER_H */
