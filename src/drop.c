/*
 * drop.c: DROP EXTENSION posture needs CASCADE while its tables hold data.
 */
#include "posture.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_extension.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(posture_check_drop);

/* Tables without which the others hold nothing that a user entered or loaded. */
static const char *const tables[] = {
	"source", "asset", "asset_group", "metric", "initiative"
};

/* Whether a statement drops this extension, perhaps among others, without CASCADE. */
static bool
drops_posture(const Node *statement)
{
	const DropStmt *drop = (const DropStmt *) statement;
	ListCell   *cell;

	if (!IsA(statement, DropStmt) || drop->removeType != OBJECT_EXTENSION ||
		drop->behavior != DROP_RESTRICT)
		return false;
	foreach(cell, drop->objects)
	{
		if (strcmp(strVal(lfirst(cell)), "posture") == 0)
			return true;
	}
	return false;
}

/* The schema of an extension, whatever its name is now. */
static Oid
extension_schema(Oid extension)
{
	Relation	relation = table_open(ExtensionRelationId, AccessShareLock);
	Oid			schema = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(extension));
	scan = systable_beginscan(relation, ExtensionOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		schema = ((Form_pg_extension) GETSTRUCT(tuple))->extnamespace;
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return schema;
}

/* Whether a table has rows, whoever may read them. */
static bool
has_rows(Oid table)
{
	Relation	relation = table_open(table, AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(relation, snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	bool		found = table_scan_getnextslot(scan, ForwardScanDirection, slot);

	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(relation, AccessShareLock);
	return found;
}

/*
 * check_drop() returns event_trigger: raises 2BP01 for DROP EXTENSION posture
 * without CASCADE if there are data. A role that may not drop the extension gets
 * PostgreSQL's own error. The script of a dump, which turns
 * check_function_bodies off, drops the extension to create it again.
 */
Datum
posture_check_drop(PG_FUNCTION_ARGS)
{
	Oid			extension = get_extension_oid("posture", true);
	Oid			schema;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("check_drop() must be called by an event trigger")));
	if (!check_function_bodies || !OidIsValid(extension) ||
		!drops_posture(((EventTriggerData *) fcinfo->context)->parsetree) ||
		!extension_ownercheck(extension, GetUserId()))
		PG_RETURN_NULL();
	schema = extension_schema(extension);
	for (Size i = 0; i < lengthof(tables); i++)
	{
		Oid			table = get_relname_relid(tables[i], schema);

		if (OidIsValid(table) && has_rows(table))
			ereport(ERROR,
					(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					 errmsg("cannot drop extension posture because its tables hold data"),
					 errhint("Save the data with pg_dump, or use DROP EXTENSION ... CASCADE "
							 "to drop them too.")));
	}
	PG_RETURN_NULL();
}
