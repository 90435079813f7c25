/*
 * index_lookup.c: rows of a table, looked up by a unique index, as the active snapshot
 * sees them. A query would take several times as long for a row.
 */
#include "index_lookup.h"

#include "access/tableam.h"
#include "catalog/pg_index.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

/*
 * Returns the unique index of a table whose first column is this one. Error: XX000 if
 * there is none.
 */
Oid
unique_index_of(Relation table, const char *column)
{
	AttrNumber	number = get_attnum(RelationGetRelid(table), column);
	List	   *indexes = RelationGetIndexList(table);
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Oid			id = lfirst_oid(cell);
		Relation	index = index_open(id, AccessShareLock);
		Form_pg_index form = index->rd_index;
		bool		is_it = form->indisunique && form->indisvalid &&
			form->indkey.values[0] == number && RelationGetIndexPredicate(index) == NIL;

		index_close(index, NoLock);
		if (is_it)
		{
			list_free(indexes);
			return id;
		}
	}
	elog(ERROR, "table \"%s\" has no unique index on \"%s\"", RelationGetRelationName(table),
		 column);
}

/* Begins lookups in an open table. Each column is compared by the equality of the index. */
void
index_lookup_open(IndexLookup *lookup, Relation table, Oid index)
{
	lookup->table = table;
	lookup->index = index_open(index, AccessShareLock);
	lookup->columns = IndexRelationGetNumberOfKeyAttributes(lookup->index);
	if (lookup->columns > LOOKUP_COLUMNS_MAX)
		elog(ERROR, "index \"%s\" has too many columns", RelationGetRelationName(lookup->index));
	for (int i = 0; i < lookup->columns; i++)
	{
		Oid			type = lookup->index->rd_opcintype[i];
		Oid			equality = get_opfamily_member(lookup->index->rd_opfamily[i], type, type,
												   BTEqualStrategyNumber);

		ScanKeyEntryInitialize(&lookup->keys[i], 0, i + 1, BTEqualStrategyNumber, InvalidOid,
							   lookup->index->rd_indcollation[i], get_opcode(equality), (Datum) 0);
	}
	lookup->slot = table_slot_create(table, NULL);
	lookup->scan = begin_index_scan(table, lookup->index, GetActiveSnapshot(), lookup->columns);
}

/*
 * Finds the row with a key, of one column or two, and puts it into the slot; false if
 * there is none. Interruptible.
 */
bool
index_lookup_find(IndexLookup *lookup, Datum first, Datum second)
{
	CHECK_FOR_INTERRUPTS();
	lookup->keys[0].sk_argument = first;
	if (lookup->columns > 1)
		lookup->keys[1].sk_argument = second;
	index_rescan(lookup->scan, lookup->keys, lookup->columns, NULL, 0);
	return index_getnext_slot(lookup->scan, ForwardScanDirection, lookup->slot);
}

/* Ends the lookups. The table stays open. */
void
index_lookup_close(IndexLookup *lookup)
{
	index_endscan(lookup->scan);
	ExecDropSingleTupleTableSlot(lookup->slot);
	index_close(lookup->index, NoLock);
}
