/*
 * plan_pool.c: the classes of assets that fail the same recommendations of a pool.
 *
 * Where there are too many classes to look up all of them, several have the same
 * recommendations. So memory depends on how different assets are, and not on
 * their number.
 */
#include "plan.h"

#include "miscadmin.h"

/*
 * What identifies a class of the current pool: the XOR of random numbers, one
 * for each row that has the asset. With 128 bits, no two classes are the same.
 */
typedef struct Signature
{
	uint64		low;
	uint64		high;
} Signature;

/* a class that was found lately */
typedef struct FoundClass
{
	Signature	signature;		/* 0: none */
	uint32		index;			/* in Planning.classes */
} FoundClass;

/* number of classes that are looked up; assets of others get one each time */
#define FOUND_CLASSES 16384

/* reads the set of a row, along with those of the other rows of its pool */
typedef struct RowReader
{
	PlanRow    *row;
	Signature	signature;
	RoaringReader reader;
	Container	container;
	bool		more;
	bool		is_current;		/* has the container that is being read */
	int64		count;			/* ids that were read */
} RowReader;

/* the container of a pool that is being read */
typedef struct PoolContainer
{
	RowReader  *readers;
	int			n_readers;
	FoundClass	found[FOUND_CLASSES];	/* by signature */
	uint16		values[CONTAINER_IDS];	/* of one row */
	Signature	signatures[CONTAINER_IDS];
	uint32		new_class[CONTAINER_IDS];	/* of the first asset of a class, + 1 */
} PoolContainer;

/* Returns pseudorandom bits for a number, by the finalizer of MurmurHash3. */
static uint64
scramble(uint64 number)
{
	number ^= number >> 33;
	number *= UINT64CONST(0xFF51AFD7ED558CCD);
	number ^= number >> 33;
	number *= UINT64CONST(0xC4CEB9FE1A85EC53);
	return number ^ number >> 33;
}

/* Makes room for another element of an array; returns the array. */
static void *
extend(void *array, Size count, Size *max_count, Size element_size)
{
	if (count < *max_count)
		return array;
	*max_count = Max(16, 2 * *max_count);
	if (array == NULL)
		return palloc_extended(*max_count * element_size, MCXT_ALLOC_HUGE);
	return repalloc_huge(array, *max_count * element_size);
}

/*
 * Reads the values of the row's container and returns their number. Error: XX001
 * for a corrupted container.
 */
static int
read_values(PoolContainer *pool, RowReader *from)
{
	int			count = container_count(&from->container);

	if (count > CONTAINER_IDS)
		report_wrong_cardinality(true);
	container_convert(&from->container, CONTAINER_ARRAY, (char *) pool->values);
	return count;
}

/* Adds the row's signature to those of its assets in the container. */
static void
sign_assets(PoolContainer *pool, RowReader *from)
{
	Signature	signature = from->signature;
	int			count = read_values(pool, from);

	for (int i = 0; i < count; i++)
	{
		pool->signatures[pool->values[i]].low ^= signature.low;
		pool->signatures[pool->values[i]].high ^= signature.high;
	}
	from->count += count;
}

/*
 * Counts the assets of the container in their classes; returns whether there are
 * new classes.
 */
static bool
count_assets(Planning *plan, PoolContainer *pool)
{
	bool		any_new = false;

	for (int i = 0; i < CONTAINER_IDS; i++)
	{
		Signature	signature = pool->signatures[i];
		FoundClass *found = &pool->found[signature.low % FOUND_CLASSES];

		if (signature.low == 0 && signature.high == 0)
			continue;
		if (found->signature.low != signature.low || found->signature.high != signature.high)
		{
			plan->classes = extend(plan->classes, plan->n_classes, &plan->max_classes,
								   sizeof(PlanClass));
			memset(&plan->classes[plan->n_classes], 0, sizeof(PlanClass));
			found->signature = signature;
			found->index = plan->n_classes++;
			pool->new_class[i] = plan->n_classes;
			any_new = true;
		}
		plan->classes[found->index].count++;
	}
	return any_new;
}

/* Adds the row to the new classes of the container that have it. */
static void
join_new_classes(Planning *plan, PoolContainer *pool, RowReader *from)
{
	PlanRow    *row = from->row;
	int			count = read_values(pool, from);

	for (int i = 0; i < count; i++)
	{
		uint32		new_class = pool->new_class[pool->values[i]];
		PlanClass  *class;

		if (new_class == 0)
			continue;
		class = &plan->classes[new_class - 1];
		class->remaining++;
		class->u.steps_xor ^= row->step;
		row->classes = extend(row->classes, row->n_classes, &row->max_classes, sizeof(uint32));
		row->classes[row->n_classes++] = new_class - 1;
	}
}

/*
 * Reads the next container of the pool, of all rows that have it; false if there
 * is none.
 */
static bool
read_pool_container(Planning *plan, PoolContainer *pool)
{
	uint32		key = CONTAINERS_MAX;

	for (RowReader *from = pool->readers; from < pool->readers + pool->n_readers; from++)
		if (from->more)
			key = Min(key, from->container.key);
	if (key == CONTAINERS_MAX)
		return false;
	memset(pool->signatures, 0, sizeof(pool->signatures));
	for (RowReader *from = pool->readers; from < pool->readers + pool->n_readers; from++)
	{
		from->is_current = from->more && from->container.key == key;
		if (from->is_current)
			sign_assets(pool, from);
	}
	if (count_assets(plan, pool))
	{
		for (RowReader *from = pool->readers; from < pool->readers + pool->n_readers; from++)
			if (from->is_current)
				join_new_classes(plan, pool, from);
		memset(pool->new_class, 0, sizeof(pool->new_class));
	}
	for (RowReader *from = pool->readers; from < pool->readers + pool->n_readers; from++)
		if (from->is_current)
			from->more = roaring_reader_next(&from->reader, &from->container);
	return true;
}

/*
 * Makes the classes of a pool. Error: XX001 if a stored set has more or fewer ids
 * than its descriptors say.
 */
static void
make_pool(Planning *plan, PoolContainer *pool, PlanRow *rows, int n_rows)
{
	pool->readers = palloc(n_rows * sizeof(RowReader));
	pool->n_readers = 0;
	memset(pool->found, 0, sizeof(pool->found));
	for (int i = 0; i < n_rows; i++)
	{
		RowReader  *from = &pool->readers[pool->n_readers];

		if (rows[i].assets == NULL)
			continue;
		from->row = &rows[i];
		from->signature.low = scramble(2 * (uint64) (i + 1));
		from->signature.high = scramble(2 * (uint64) (i + 1) + 1);
		from->count = 0;
		roaring_reader_open(&from->reader, rows[i].assets->bytes, FLAT_BYTES_SIZE(rows[i].assets));
		from->more = roaring_reader_next(&from->reader, &from->container);
		pool->n_readers++;
	}
	while (read_pool_container(plan, pool))
		CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < pool->n_readers; i++)
		if (pool->readers[i].count != pool->readers[i].row->cardinality)
			report_wrong_cardinality(pool->readers[i].count > pool->readers[i].row->cardinality);
	pfree(pool->readers);
}

/* Makes the classes of all pools. */
void
plan_make_classes(Planning *plan)
{
	PoolContainer *pool = palloc0(sizeof(PoolContainer));

	for (int start = 0, end; start < plan->n_rows; start = end)
	{
		for (end = start + 1; end < plan->n_rows; end++)
			if (plan->rows[end].pool != plan->rows[start].pool)
				break;
		make_pool(plan, pool, &plan->rows[start], end - start);
	}
	pfree(pool);
}

/* Returns what the recommendations of each class spend; palloc'd. */
int64 *
plan_class_spends(Planning *plan)
{
	int64	   *spends = palloc_extended((plan->n_classes + 1) * sizeof(int64),
										 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (int i = 0; i < plan->n_rows; i++)
	{
		PlanRow    *row = &plan->rows[i];

		CHECK_FOR_INTERRUPTS();
		for (Size j = 0; j < row->n_classes; j++)
			spends[row->classes[j]] += row->spend;
	}
	return spends;
}
