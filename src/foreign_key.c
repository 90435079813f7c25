/*
 * foreign_key.c: the foreign keys of finding, checked once for each statement.
 *
 * PostgreSQL checks a foreign key row by row, which takes most of the time of a bulk
 * write. The rows of a statement refer to few recommendations and assets, so the
 * trigger that captures the rows collects the distinct ids, and each referenced row is
 * looked up and locked once.
 *
 * The constraints themselves are PostgreSQL's. Their triggers on recommendation and
 * asset refuse to delete what findings refer to, as ever. Only their triggers on
 * finding are disabled (store/capture_delta.sql). Where those are enabled, the check
 * here finds nothing to object to.
 *
 * What PostgreSQL guarantees, holds: the check runs at the end of the statement, sees
 * what has been committed by then, or at REPEATABLE READ what the transaction sees, and
 * takes the same lock, FOR KEY SHARE. So a referenced row that another transaction is
 * deleting is waited for, and one that is locked is not deleted before this transaction
 * ends. As PostgreSQL's triggers, the check does not run where session_replication_role
 * is replica.
 */
#include "foreign_key.h"

#include "assetset.h"
#include "index_lookup.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

/* a foreign key of finding, of one column */
typedef struct Reference
{
	Relation	finding;
	Relation	referenced;
	Oid			constraint;
	AttrNumber	column;			/* of finding */
} Reference;

/* Raises 23503, as PostgreSQL does. The key is shown to a role that may read it. */
pg_noreturn static void
report_missing(const Reference *reference, int32 id)
{
	Oid			finding = RelationGetRelid(reference->finding);
	const char *constraint = get_constraint_name(reference->constraint);
	const char *referenced = RelationGetRelationName(reference->referenced);
	bool		may_read = check_enable_rls(finding, InvalidOid, true) != RLS_ENABLED &&
		pg_class_aclcheck(finding, GetUserId(), ACL_SELECT) == ACLCHECK_OK;

	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("insert or update on table \"%s\" violates foreign key constraint \"%s\"",
					RelationGetRelationName(reference->finding), constraint),
			 may_read ? errdetail("Key (%s)=(%d) is not present in table \"%s\".",
								  get_attname(finding, reference->column, false), id, referenced) :
			 errdetail("Key is not present in table \"%s\".", referenced),
			 errtableconstraint(reference->finding, constraint)));
}

/* Raises 40001. */
pg_noreturn static void
report_concurrent_change(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent update")));
}

/*
 * Locks the row in slot FOR KEY SHARE, after waiting for a transaction that is deleting
 * it; false if it is deleted, or has another id since. Error: 40001 at REPEATABLE READ
 * if the row has changed so.
 */
static bool
lock_row(Relation referenced, Snapshot snapshot, TupleTableSlot *slot, AttrNumber column, int32 id)
{
	ItemPointerData place = slot->tts_tid;
	uint8		flags = TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS;
	TM_FailureData failure;
	TM_Result	result;
	bool		is_null;

	if (!IsolationUsesXactSnapshot())
		flags |= TUPLE_LOCK_FLAG_FIND_LAST_VERSION;
	result = table_tuple_lock(referenced, &place, snapshot, slot, GetCurrentCommandId(true),
							  LockTupleKeyShare, LockWaitBlock, flags, &failure);
	switch (result)
	{
		case TM_Ok:
			return !failure.traversed ||
				DatumGetInt32(slot_getattr(slot, column, &is_null)) == id;
		case TM_SelfModified:
			return false;
		case TM_Updated:
		case TM_Deleted:
			if (IsolationUsesXactSnapshot())
				report_concurrent_change();
			return false;
		default:
			elog(ERROR, "unexpected result of locking a row: %d", result);
	}
}

/* Looks each id up in the primary key and locks its row. Interruptible. */
static void
lock_rows(const Reference *reference, RangeReader *ids)
{
	Relation	referenced = reference->referenced;
	Snapshot	snapshot = GetActiveSnapshot();
	IndexLookup lookup;
	AttrNumber	column;
	uint32		first;
	uint32		last;

	index_lookup_open(&lookup, referenced, referenced->rd_pkindex);
	column = lookup.index->rd_index->indkey.values[0];
	while (range_reader_next(ids, &first, &last))
		for (int64 id = first; id <= last; id++)
			if (!index_lookup_find(&lookup, Int32GetDatum((int32) id), (Datum) 0) ||
				!lock_row(referenced, snapshot, lookup.slot, column, (int32) id))
				report_missing(reference, (int32) id);
	index_lookup_close(&lookup);
}

/*
 * Opens the foreign key of a column of finding that refers to a table of its schema;
 * false if there is none.
 */
static bool
open_reference(Reference *reference, Relation finding, const char *column, const char *table)
{
	Oid			referenced = get_relname_relid(table, RelationGetNamespace(finding));
	ListCell   *cell;

	reference->finding = finding;
	reference->column = get_attnum(RelationGetRelid(finding), column);
	foreach(cell, RelationGetFKeyList(finding))
	{
		const ForeignKeyCacheInfo *found = lfirst_node(ForeignKeyCacheInfo, cell);

		if (found->confrelid == referenced && found->nkeys == 1 &&
			found->conkey[0] == reference->column)
		{
			reference->constraint = found->conoid;
			reference->referenced = table_open(referenced, RowShareLock);
			list_free(RelationGetIndexList(reference->referenced));	/* finds the primary key */
			if (!OidIsValid(reference->referenced->rd_pkindex))
				elog(ERROR, "table \"%s\" has no primary key", table);
			return true;
		}
	}
	return false;
}

/* Checks the ids of one foreign key. */
static void
check_ids(Relation finding, const char *column, const char *table, Assetset *ids)
{
	Reference	reference;
	FlatAssetset *flat;
	RangeReader ranges;

	if (!open_reference(&reference, finding, column, table))
		return;
	flat = DatumGetFlatAssetset(EOHPGetRODatum(&ids->header));
	range_reader_open(&ranges, flat->bytes, FLAT_BYTES_SIZE(flat));
	lock_rows(&reference, &ranges);
	table_close(reference.referenced, NoLock);
}

/* Begins to collect what a statement on finding refers to. */
void
references_open(References *references, Relation finding)
{
	memset(references, 0, sizeof(References));
	references->recommendation = references->asset = -1;
	if (SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA)
		references->finding = finding;
}

/* Raises 23503 for a negative id, which no row has and no set holds. */
static void
refuse_negative(Relation finding, const char *column, const char *table, int32 id)
{
	Reference	reference;

	if (id < 0 && open_reference(&reference, finding, column, table))
		report_missing(&reference, id);
}

/* Adds the references of a row that was inserted or whose key was updated. Error: 23503. */
void
references_add(References *references, int32 recommendation, int32 asset)
{
	if (references->finding == NULL)
		return;
	if (recommendation < 0 || asset < 0)
	{
		refuse_negative(references->finding, "recommendation_id", "recommendation",
						recommendation);
		refuse_negative(references->finding, "asset_id", "asset", asset);
		return;
	}
	if (references->assets == NULL)
	{
		references->recommendations = assetset_make(CurrentMemoryContext);
		references->assets = assetset_make(CurrentMemoryContext);
	}
	if (recommendation != references->recommendation)
		assetset_add(references->recommendations, recommendation);
	if (asset != references->asset)
		assetset_add(references->assets, asset);
	references->recommendation = recommendation;
	references->asset = asset;
}

/*
 * Locks the rows that the statement refers to, in the order of their ids. Errors: 23503
 * if one does not exist, 40001.
 */
void
references_check(References *references)
{
	if (references->assets == NULL)
		return;
	/* sees what the statement itself wrote, as a query in a trigger does */
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	check_ids(references->finding, "recommendation_id", "recommendation",
			  references->recommendations);
	check_ids(references->finding, "asset_id", "asset", references->assets);
	PopActiveSnapshot();
}
