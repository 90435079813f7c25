/*
 * log_change.c: whether a statement changed what the log of decisions records.
 *
 * Most statements on the logged tables change nothing that is logged: a delivery
 * updates last_seen of all its assets. So the trigger log_change() compares the
 * logged columns here, and runs write_change() only after a statement that
 * changed one of them.
 */
#include "capture_trigger.h"

#include "access/sysattr.h"
#include "catalog/pg_proc.h"
#include "nodes/bitmapset.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(posture_log_change);

/* Returns the columns that are the trigger's arguments, or all columns if it has none. */
static Bitmapset *
logged_columns(TriggerData *data)
{
	TupleDesc	columns = RelationGetDescr(data->tg_relation);
	Trigger    *trigger = data->tg_trigger;
	Bitmapset  *result = NULL;

	for (int n = 1; n <= columns->natts; n++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, n - 1);
		bool		is_logged = trigger->tgnargs == 0 && !column->attisdropped;

		for (int i = 0; i < trigger->tgnargs; i++)
			is_logged |= strcmp(NameStr(column->attname), trigger->tgargs[i]) == 0;
		if (is_logged)
			result = bms_add_member(result, n);
	}
	return result;
}

/*
 * Whether the statement sets one of the columns. A trigger that runs before each
 * row can set columns that the statement doesn't.
 */
static bool
may_set(TriggerData *data, Bitmapset *columns)
{
	if (data->tg_relation->trigdesc->trig_update_before_row)
		return true;
	for (int n = -1; (n = bms_next_member(columns, n)) >= 0;)
		if (bms_is_member(n - FirstLowInvalidHeapAttributeNumber, data->tg_updatedcols))
			return true;
	return false;
}

static bool
column_differs(TupleTableSlot *old, TupleTableSlot *new, int n)
{
	Form_pg_attribute column = TupleDescAttr(old->tts_tupleDescriptor, n - 1);
	bool		old_is_null;
	bool		new_is_null;
	Datum		old_value = slot_getattr(old, n, &old_is_null);
	Datum		new_value = slot_getattr(new, n, &new_is_null);

	if (old_is_null || new_is_null)
		return old_is_null != new_is_null;
	return !datum_image_eq(old_value, new_value, column->attbyval, column->attlen);
}

/*
 * Whether an UPDATE changed one of the columns in some row. Both transition
 * tables have the versions of a row at the same position.
 */
static bool
update_differs(TriggerData *data)
{
	Bitmapset  *columns = logged_columns(data);
	bool		differs = false;
	TransitionReader old;
	TransitionReader new;

	if (!may_set(data, columns))
		return false;
	open_reader(&old, data->tg_oldtable, NULL, data->tg_relation);
	open_reader(&new, data->tg_newtable, NULL, data->tg_relation);
	while (!differs && next_transition(&old) && next_transition(&new))
		for (int n = -1; !differs && (n = bms_next_member(columns, n)) >= 0;)
			differs = column_differs(old.slot, new.slot, n);
	close_transitions(&old, &new);
	return differs;
}

/*
 * Whether a transition table has a row, and for a row trigger, whether it was
 * called for the first one. The first column identifies a row.
 */
static bool
is_first(TriggerData *data, Tuplestorestate *rows)
{
	TransitionReader reader;
	bool		result;

	open_reader(&reader, rows, NULL, data->tg_relation);
	result = next_transition(&reader);
	if (result && TRIGGER_FIRED_FOR_ROW(data->tg_event))
		result = !column_differs(reader.slot, data->tg_trigslot, 1);
	close_reader(&reader);
	return result;
}

static bool
is_logged(TriggerData *data)
{
	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		return true;
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		return update_differs(data);
	return is_first(data, TRIGGER_FIRED_BY_INSERT(data->tg_event) ? data->tg_newtable
					: data->tg_oldtable);
}

/*
 * log_change() runs write_change(), a trigger function in the schema of its own,
 * if the statement changed a column that is logged. As a row trigger on DELETE
 * it does so once for each statement, for the first row.
 *
 * Error: 39P01 unless it runs as a trigger with the transition tables of its
 * event.
 */
Datum
posture_log_change(PG_FUNCTION_ARGS)
{
	LOCAL_FCINFO(call, 0);
	TriggerData *data = (TriggerData *) fcinfo->context;
	FmgrInfo	function;
	oidvector  *no_arguments;
	Oid			write_change;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		(!TRIGGER_FIRED_BY_TRUNCATE(data->tg_event) &&
		 ((data->tg_newtable == NULL && !TRIGGER_FIRED_BY_DELETE(data->tg_event)) ||
		  (data->tg_oldtable == NULL && !TRIGGER_FIRED_BY_INSERT(data->tg_event)))))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called by a trigger with transition tables")));
	if (!is_logged(data))
		return PointerGetDatum(NULL);

	no_arguments = buildoidvector(NULL, 0);
	write_change = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
								   CStringGetDatum("write_change"),
								   PointerGetDatum(no_arguments),
								   ObjectIdGetDatum(get_func_namespace(fcinfo->flinfo->fn_oid)));
	if (!OidIsValid(write_change))
		elog(ERROR, "function write_change() does not exist");
	fmgr_info(write_change, &function);
	InitFunctionCallInfoData(*call, &function, 0, InvalidOid, fcinfo->context, NULL);
	return FunctionCallInvoke(call);
}
