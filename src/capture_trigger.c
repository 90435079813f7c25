/*
 * capture_trigger.c: the rows that a capture trigger reads, and the table of
 * deltas that it appends to.
 */
#include "capture_trigger.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/dependency.h"
#include "commands/sequence.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(posture_is_apply_worker);

/* ---- changed rows ---- */

/*
 * Opens a reader of a transition table, or if rows is NULL, of one row. With
 * neither, it reads nothing.
 */
void
open_reader(TransitionReader *reader, Tuplestorestate *rows, TupleTableSlot *row,
			Relation relation)
{
	reader->rows = rows;
	reader->has_row = row != NULL;
	reader->slot = row;
	if (rows == NULL)
		return;
	reader->pointer = tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND);
	tuplestore_select_read_pointer(rows, reader->pointer);
	tuplestore_rescan(rows);
	reader->slot = MakeSingleTupleTableSlot(RelationGetDescr(relation), &TTSOpsMinimalTuple);
}

/*
 * Opens readers of the rows before and after the change, and returns the
 * trigger's data.
 *
 * A statement trigger reads its transition tables. A row trigger is declared
 * with transition tables, too. Where they exist, it reads nothing, because a
 * statement trigger reads the same rows. Where they don't, logical replication
 * has applied a row without a statement, and the trigger reads that row.
 *
 * Error: 39P01 unless the function runs as an AFTER trigger that is declared
 * with transition tables.
 */
TriggerData *
open_transitions(FunctionCallInfo fcinfo, TransitionReader *old, TransitionReader *new)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	TupleTableSlot *old_row = NULL;
	TupleTableSlot *new_row = NULL;
	bool		is_for_row;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
		(data->tg_trigger->tgnewtable == NULL && data->tg_trigger->tgoldtable == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called by an AFTER trigger with transition tables")));
	is_for_row = TRIGGER_FIRED_FOR_ROW(data->tg_event);
	if (is_for_row && data->tg_newtable == NULL && data->tg_oldtable == NULL)
	{
		bool		is_insert = TRIGGER_FIRED_BY_INSERT(data->tg_event);

		old_row = is_insert ? NULL : data->tg_trigslot;
		new_row = is_insert ? data->tg_trigslot : data->tg_newslot;
	}
	open_reader(old, is_for_row ? NULL : data->tg_oldtable, old_row, data->tg_relation);
	open_reader(new, is_for_row ? NULL : data->tg_newtable, new_row, data->tg_relation);
	return data;
}

/*
 * Moves to the next row; false after the last one. Interruptible.
 *
 * Both transition tables of an UPDATE have the versions of a row at the same
 * position, so two readers that move together read old and new version.
 */
bool
next_transition(TransitionReader *reader)
{
	bool		has_row = reader->has_row;

	reader->has_row = false;
	if (reader->rows == NULL)
		return has_row;
	CHECK_FOR_INTERRUPTS();
	tuplestore_select_read_pointer(reader->rows, reader->pointer);
	return tuplestore_gettupleslot(reader->rows, true, false, reader->slot);
}

/* Frees a reader. The row of a row trigger belongs to its trigger. */
void
close_reader(TransitionReader *reader)
{
	if (reader->rows != NULL)
		ExecDropSingleTupleTableSlot(reader->slot);
}

void
close_transitions(TransitionReader *old, TransitionReader *new)
{
	close_reader(old);
	close_reader(new);
}

/* ---- tables of deltas ---- */

/*
 * Opens a table of deltas to insert into it; close it with NoLock.
 *
 * The table is in the schema of the trigger function, because both are
 * internal, while the trigger's table is in the schema of the contract. Error:
 * 42P01 if there is no such table.
 */
Relation
open_delta_table(FunctionCallInfo fcinfo, const char *name)
{
	Oid			schema = get_func_namespace(fcinfo->flinfo->fn_oid);
	Oid			table;

	if (!OidIsValid(schema))
		elog(ERROR, "cache lookup failed for function %u", fcinfo->flinfo->fn_oid);
	table = get_relname_relid(name, schema);
	if (!OidIsValid(table))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s.%s\" does not exist", get_namespace_name(schema), name),
				 errdetail("The table of deltas must be in the schema of trigger function %s().",
						   get_func_name(fcinfo->flinfo->fn_oid))));
	return table_open(table, RowExclusiveLock);
}

/*
 * Appends a row to a table of deltas, as part of the trigger. The role that
 * writes findings or assets needs no privilege on that table.
 *
 * values[0] is set to the next id. Columns beyond n_values, which were added to
 * the table later, become NULL. Error: 55000 if the table has an index, which
 * would not be maintained.
 */
void
append_delta(Relation delta, Datum *values, int n_values)
{
	TupleTableSlot *slot;

	if (RelationGetIndexList(delta) != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" must not have indexes", RelationGetRelationName(delta)),
				 errdetail("Deltas are inserted without index maintenance."),
				 errhint("Drop the index or the constraint that it belongs to.")));
	slot = MakeSingleTupleTableSlot(RelationGetDescr(delta), &TTSOpsVirtual);
	values[0] = Int64GetDatum(nextval_internal(identity_sequence(delta, 1), false));
	ExecClearTuple(slot);
	for (int i = 0; i < RelationGetDescr(delta)->natts; i++)
	{
		slot->tts_isnull[i] = i >= n_values;
		slot->tts_values[i] = i < n_values ? values[i] : (Datum) 0;
	}
	ExecStoreVirtualTuple(slot);
	simple_table_tuple_insert(delta, slot);
	ExecDropSingleTupleTableSlot(slot);
}

/* ---- logical replication ---- */

/*
 * is_apply_worker() returns boolean: whether the caller is a worker of logical
 * replication. Never NULL. Triggers ask it in WHEN, to run for replicated rows
 * only.
 */
Datum
posture_is_apply_worker(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(IsLogicalWorker());
}
