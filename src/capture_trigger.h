/*
 * capture_trigger.h: what the triggers share that read the rows that a statement
 * changed.
 *
 * A capture trigger appends what changed to a table of deltas, from which fold()
 * updates the stored sets.
 */
#ifndef POSTURE_CAPTURE_TRIGGER_H
#define POSTURE_CAPTURE_TRIGGER_H

#include "posture.h"

#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

/* A slice is 2^20 asset ids, or 16 chunks. One step of fold() takes a slice. */
#define SLICE_BITS 20
#define SLICE_OF(asset_id) ((asset_id) >> SLICE_BITS)

/*
 * Reads the rows of a transition table, or the one row of a row trigger. With
 * neither, there are no rows.
 */
typedef struct TransitionReader
{
	Tuplestorestate *rows;		/* the transition table, or NULL */
	int			pointer;		/* read pointer in rows */
	bool		has_row;		/* the single row in slot is still to be read */
	TupleTableSlot *slot;		/* the current row */
} TransitionReader;

extern void open_reader(TransitionReader *reader, Tuplestorestate *rows, TupleTableSlot *row,
						Relation relation);
extern void close_reader(TransitionReader *reader);
extern TriggerData *open_transitions(FunctionCallInfo fcinfo, TransitionReader *old,
									 TransitionReader *new);
extern bool next_transition(TransitionReader *reader);
extern void close_transitions(TransitionReader *old, TransitionReader *new);
extern Relation open_delta_table(FunctionCallInfo fcinfo, const char *name);
extern void append_delta(Relation delta, Datum *values, int n_values);

/*
 * Returns a column of the current row, which must not be NULL. Inline, because
 * it runs for every row of every statement.
 */
static inline Datum
transition_column(TransitionReader *reader, int attribute)
{
	bool		is_null;
	Datum		value = slot_getattr(reader->slot, attribute, &is_null);

	if (is_null)
		elog(ERROR, "column %d is null", attribute);
	return value;
}

#endif							/* POSTURE_CAPTURE_TRIGGER_H */
