/*
 * row_set.h: sets of rows of a table, by their place.
 */
#ifndef POSTURE_ROW_SET_H
#define POSTURE_ROW_SET_H

#include "posture.h"

#include "storage/itemptr.h"
#include "utils/array.h"

typedef struct RowSet RowSet;

extern RowSet *row_set_make(MemoryContext parent);
extern bool row_set_add(RowSet *set, ItemPointer row);
extern bool row_set_remove(RowSet *set, ItemPointer row);
extern bool row_set_has(RowSet *set, ItemPointer row);
extern int64 row_set_count(RowSet *set);
extern ArrayType *row_set_array(RowSet *set);

#endif							/* POSTURE_ROW_SET_H */
