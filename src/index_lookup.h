/*
 * index_lookup.h: rows of a table, looked up by a unique index.
 */
#ifndef POSTURE_INDEX_LOOKUP_H
#define POSTURE_INDEX_LOOKUP_H

#include "posture.h"

#include "access/genam.h"
#include "executor/tuptable.h"
#include "utils/rel.h"

#define LOOKUP_COLUMNS_MAX 2

typedef struct IndexLookup
{
	Relation	table;
	Relation	index;
	IndexScanDesc scan;
	TupleTableSlot *slot;		/* the row that was found last */
	int			columns;		/* of the index */
	ScanKeyData keys[LOOKUP_COLUMNS_MAX];
} IndexLookup;

extern Oid	unique_index_of(Relation table, const char *column);
extern void index_lookup_open(IndexLookup *lookup, Relation table, Oid index);
extern bool index_lookup_find(IndexLookup *lookup, Datum first, Datum second);
extern void index_lookup_close(IndexLookup *lookup);

#endif							/* POSTURE_INDEX_LOOKUP_H */
