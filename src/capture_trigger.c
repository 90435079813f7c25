/*
 * capture_trigger.c: the rows that a trigger which captures changes goes through,
 * and how it appends to a table of deltas.
 */
#include "capture_trigger.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/dependency.h"
#include "commands/sequence.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"

/* ---- rows of the transition tables ---- */

static void
transition_open(TransitionReader *reader, Tuplestorestate *rows, TupleTableSlot *row, Relation relation)
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

bool
transition_next(TransitionReader *reader)
{
	bool		has_row = reader->has_row;

	reader->has_row = false;
	if (reader->rows == NULL)
		return has_row;
	CHECK_FOR_INTERRUPTS();
	tuplestore_select_read_pointer(reader->rows, reader->pointer);
	return tuplestore_gettupleslot(reader->rows, true, false, reader->slot);
}

void
transition_close(TransitionReader *reader)
{
	if (reader->rows != NULL)
		ExecDropSingleTupleTableSlot(reader->slot);
}

/*
 * The trigger's data, and what it is to go through: the transition tables of a
 * statement, or a row that was written by no statement. That is how logical
 * replication applies changes. A row trigger that has transition tables leaves
 * its row to the trigger of the statement. Error 39P01 where the function is
 * not called as such a trigger.
 */
TriggerData *
trigger_data(FunctionCallInfo fcinfo, TransitionReader *old, TransitionReader *new)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	TupleTableSlot *old_row = NULL;
	TupleTableSlot *new_row = NULL;
	bool		is_for_row;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
		(data->tg_trigger->tgnewtable == NULL && data->tg_trigger->tgoldtable == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called by a trigger with transition tables")));
	is_for_row = TRIGGER_FIRED_FOR_ROW(data->tg_event);
	if (is_for_row && data->tg_newtable == NULL && data->tg_oldtable == NULL)
	{
		bool		is_insert = TRIGGER_FIRED_BY_INSERT(data->tg_event);

		old_row = is_insert ? NULL : data->tg_trigslot;
		new_row = is_insert ? data->tg_trigslot : data->tg_newslot;
	}
	transition_open(old, is_for_row ? NULL : data->tg_oldtable, old_row, data->tg_relation);
	transition_open(new, is_for_row ? NULL : data->tg_newtable, new_row, data->tg_relation);
	return data;
}

/* ---- the tables of deltas ---- */

/*
 * Opens a table of deltas to insert into it; close it with NoLock.
 *
 * The table is in the schema of the trigger function, wherever the trigger's
 * own table is: the functions and the tables that are derived from findings
 * and assets are posture's internal ones. Error: 42P01 if there is none.
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
 * Appends a row of so many values, the first of which is the next id. What the
 * table was given besides, or lost again, is NULL. Error 55000 where it was
 * given an index, which would not know of the row.
 */
void
append_delta(Relation delta, Datum *values, int n_values)
{
	TupleTableSlot *slot;

	if (RelationGetIndexList(delta) != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has an index", RelationGetRelationName(delta)),
				 errdetail("Changes are appended to it in a way that takes none."),
				 errhint("Drop the index, or the constraint that made it.")));
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
