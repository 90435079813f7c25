/*
 * row_set.c: sets of rows of a table, by their place: a bitmap for each block that has
 * some of them.
 */
#include "row_set.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

/* places are numbered from 1 */
#define BLOCK_WORDS (MaxHeapTuplesPerPage / 64 + 1)

/* the rows of a block */
typedef struct BlockRows
{
	BlockNumber block;
	char		status;			/* of simplehash */
	uint64		words[BLOCK_WORDS];
} BlockRows;

#define SH_PREFIX blocks
#define SH_ELEMENT_TYPE BlockRows
#define SH_KEY_TYPE BlockNumber
#define SH_KEY block
#define SH_HASH_KEY(table, key) murmurhash32(key)
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct RowSet
{
	blocks_hash *blocks;
	int64		count;
};

/* Makes an empty set in a memory context. */
RowSet *
row_set_make(MemoryContext parent)
{
	RowSet	   *set = MemoryContextAllocZero(parent, sizeof(RowSet));

	set->blocks = blocks_create(parent, 16, NULL);
	return set;
}

/* Returns the word of a place and its bit in it; NULL if its block is not there. */
static uint64 *
find_word(RowSet *set, ItemPointer row, bool is_added, uint64 *bit)
{
	OffsetNumber place = ItemPointerGetOffsetNumberNoCheck(row);
	BlockNumber number = ItemPointerGetBlockNumberNoCheck(row);
	BlockRows  *block;
	bool		is_found = true;

	if (place > MaxHeapTuplesPerPage)
		return NULL;
	block = is_added ? blocks_insert(set->blocks, number, &is_found) :
		blocks_lookup(set->blocks, number);
	if (block == NULL)
		return NULL;
	if (!is_found)
		memset(block->words, 0, sizeof(block->words));
	*bit = UINT64CONST(1) << (place % 64);
	return &block->words[place / 64];
}

/* Adds a row; returns whether it was not there. */
bool
row_set_add(RowSet *set, ItemPointer row)
{
	uint64		bit;
	uint64	   *word = find_word(set, row, true, &bit);

	if (word == NULL || (*word & bit) != 0)
		return false;
	*word |= bit;
	set->count++;
	return true;
}

/* Takes a row out; returns whether it was there. */
bool
row_set_remove(RowSet *set, ItemPointer row)
{
	uint64		bit;
	uint64	   *word = find_word(set, row, false, &bit);

	if (word == NULL || (*word & bit) == 0)
		return false;
	*word &= ~bit;
	set->count--;
	return true;
}

/* Whether a row is there. */
bool
row_set_has(RowSet *set, ItemPointer row)
{
	uint64		bit;
	uint64	   *word = find_word(set, row, false, &bit);

	return word != NULL && (*word & bit) != 0;
}

/* Returns the number of rows. */
int64
row_set_count(RowSet *set)
{
	return set->count;
}

static int
write_rows(const BlockRows *block, ItemPointerData *rows)
{
	int			n = 0;

	for (int i = 0; i < BLOCK_WORDS; i++)
		for (uint64 word = block->words[i]; word != 0; word &= word - 1)
		{
			ItemPointerSet(&rows[n], block->block,
						   (OffsetNumber) (i * 64 + pg_rightmost_one_pos64(word)));
			n++;
		}
	return n;
}

/* Returns the places of all rows as an array of the type tid, in any order. */
ArrayType *
row_set_array(RowSet *set)
{
	Size		size = ARR_OVERHEAD_NONULLS(1) + sizeof(ItemPointerData) * (Size) set->count;
	ArrayType  *result;
	ItemPointerData *rows;
	blocks_iterator iterator;
	BlockRows  *block;

	if (set->count == 0)
		return construct_empty_array(TIDOID);
	result = palloc0(size);
	SET_VARSIZE(result, size);
	result->ndim = 1;
	result->elemtype = TIDOID;
	ARR_DIMS(result)[0] = (int) set->count;
	ARR_LBOUND(result)[0] = 1;
	rows = (ItemPointerData *) ((char *) result + ARR_OVERHEAD_NONULLS(1));
	blocks_start_iterate(set->blocks, &iterator);
	while ((block = blocks_iterate(set->blocks, &iterator)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		rows += write_rows(block, rows);
	}
	return result;
}
