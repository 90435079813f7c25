/*
 * plan.c: the order in which recommendations are best remediated.
 *
 * A pool is a set of assets that each gain the same when they are repaired. An
 * asset is repaired when the last recommendation that it fails in its pool is
 * remediated.
 *
 * Assets of a pool that fail the same recommendations are repaired together, so
 * they are planned as one class. Where there are too many classes to look up all
 * of them, several have the same recommendations. So memory depends on how
 * different assets are, and not on their number.
 *
 * The order is found greedily: each rank goes to the recommendation that gains
 * most for its cost at that rank. For each class, the recommendations that
 * remain are counted, and their indexes are XORed. When one remains, the XOR is
 * its index, and from then on the class adds to the gain of that
 * recommendation. So the classes of a recommendation are visited a few times in
 * all, not at each rank. Gains only grow until a recommendation has its rank; a
 * heap has the greatest one on top.
 */
#include "assetset.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include <math.h>

PG_FUNCTION_INFO_V1(plan_order);

/*
 * Bits to which gains are rounded before they are compared, so that they are
 * equal where sums in floating point differ by less than a billionth.
 */
#define GAIN_BITS 30

/* a row of the input: what a recommendation repairs in a pool */
typedef struct PlanRow
{
	int32		pool;
	int32		recommendation;
	double		worth;			/* of each asset; without a set, of the row */
	double		cost;
	FlatAssetset *assets;		/* NULL: the worth is gained at once */
	int64		cardinality;	/* of assets */
	uint32	   *classes;		/* of its assets, as indexes in Planning.classes */
	Size		n_classes;
	Size		max_classes;	/* allocated */
	int64		repaired;		/* assets, by its recommendation at its rank */
	int			step;			/* index in Planning.steps */
	int			n;				/* index in the input arrays, from 1 */
} PlanRow;

/* assets of a pool that fail the same recommendations */
typedef struct PlanClass
{
	uint32		count;			/* of assets */
	uint32		remaining;		/* recommendations that they still fail */
	union
	{
		uint32		steps_xor;	/* XOR of their indexes in Planning.steps */
		uint32		rank;		/* if none remains: where they are repaired */
	}			u;
} PlanClass;

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

/* a recommendation */
typedef struct PlanStep
{
	double		gain;			/* of remediating it now, per unit of cost */
	double		potential;		/* its share of all gains, per unit of cost */
	double		gain_rounded;
	double		potential_rounded;
	int			heap_index;		/* in Planning.heap; -1: not there */
	int			rank;			/* from 1; 0: none yet */
	PlanRow   **rows;
	int			n_rows;
} PlanStep;

typedef struct Planning
{
	PlanRow    *rows;			/* by pool and recommendation */
	PlanRow   **rows_of_steps;	/* by recommendation and pool */
	int			n_rows;
	PlanStep   *steps;			/* by recommendation */
	int			n_steps;
	PlanStep  **heap;			/* steps without a rank, the best one first */
	int			n_heap;
	PlanClass  *classes;
	uint32		n_classes;
	Size		max_classes;	/* allocated */
} Planning;

/* ---- input ---- */

/*
 * Returns the number of elements of an array argument, and the elements. Error:
 * 2202E unless there are "count" elements; -1 accepts any number.
 */
static int
get_array_argument(FunctionCallInfo fcinfo, int argument, int count, Datum **values, bool **nulls)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(argument);
	int16		length;
	bool		by_value;
	char		alignment;
	int			found;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &alignment);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, alignment,
					  values, nulls, &found);
	if (count >= 0 && found != count)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("arrays must have the same number of elements")));
	return found;
}

static int
compare_pools(const void *a, const void *b)
{
	const PlanRow *row1 = a;
	const PlanRow *row2 = b;

	if (row1->pool != row2->pool)
		return row1->pool < row2->pool ? -1 : 1;
	if (row1->recommendation != row2->recommendation)
		return row1->recommendation < row2->recommendation ? -1 : 1;
	/* a recommendation may have both a set of assets and points */
	return (row1->assets == NULL) - (row2->assets == NULL);
}

/* The order of rows within a recommendation is that of Planning.rows. */
static int
compare_recommendations(const void *a, const void *b)
{
	const PlanRow *row1 = *(PlanRow *const *) a;
	const PlanRow *row2 = *(PlanRow *const *) b;

	if (row1->recommendation != row2->recommendation)
		return row1->recommendation < row2->recommendation ? -1 : 1;
	return (row1 > row2) - (row1 < row2);
}

/* Reads element i of the arrays, of which the last one has the sets. */
static void
read_row(PlanRow *row, int i, Datum **values, bool **nulls)
{
	if (nulls[0][i] || nulls[1][i] || nulls[2][i] || nulls[3][i])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("array must not contain nulls"),
				 errdetail("Only a set of assets may be null.")));
	row->n = i + 1;
	row->pool = DatumGetInt32(values[0][i]);
	row->recommendation = DatumGetInt32(values[1][i]);
	row->worth = DatumGetFloat8(values[2][i]);
	row->cost = DatumGetFloat8(values[3][i]);
	/* written so that NaN is rejected, too */
	if (!(row->cost > 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cost must be greater than 0")));
	if (nulls[4][i])
		return;
	row->assets = DatumGetFlatAssetset(values[4][i]);
	row->cardinality = roaring_bytes_cardinality(row->assets->bytes,
												 FLAT_BYTES_SIZE(row->assets));
}

static void
read_rows(FunctionCallInfo fcinfo, Planning *plan)
{
	Datum	   *values[5];
	bool	   *nulls[5];

	plan->n_rows = get_array_argument(fcinfo, 0, -1, &values[0], &nulls[0]);
	for (int i = 1; i < 5; i++)
		get_array_argument(fcinfo, i, plan->n_rows, &values[i], &nulls[i]);
	plan->rows = palloc_extended((plan->n_rows + 1) * sizeof(PlanRow),
								 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < plan->n_rows; i++)
	{
		CHECK_FOR_INTERRUPTS();
		read_row(&plan->rows[i], i, values, nulls);
	}
	qsort(plan->rows, plan->n_rows, sizeof(PlanRow), compare_pools);
}

/* Makes a step of each recommendation, with its rows. */
static void
make_steps(Planning *plan)
{
	plan->steps = palloc_extended((plan->n_rows + 1) * sizeof(PlanStep),
								  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	plan->rows_of_steps = palloc_extended((plan->n_rows + 1) * sizeof(PlanRow *), MCXT_ALLOC_HUGE);
	for (int i = 0; i < plan->n_rows; i++)
		plan->rows_of_steps[i] = &plan->rows[i];
	qsort(plan->rows_of_steps, plan->n_rows, sizeof(PlanRow *), compare_recommendations);
	for (int i = 0; i < plan->n_rows; i++)
	{
		PlanRow   **row = &plan->rows_of_steps[i];

		if (i == 0 || row[-1]->recommendation != row[0]->recommendation)
			plan->steps[plan->n_steps++].rows = row;
		plan->steps[plan->n_steps - 1].n_rows++;
		(*row)->step = plan->n_steps - 1;
	}
}

/* ---- classes of assets ---- */

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
static void
make_classes(Planning *plan)
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

/* ---- order ---- */

/*
 * Sets what each recommendation gains if it is the first, and its potential: an
 * asset that fails several recommendations adds an equal share to each.
 */
static void
make_gains(Planning *plan)
{
	for (int i = 0; i < plan->n_rows; i++)
	{
		PlanRow    *row = &plan->rows[i];
		PlanStep   *step = &plan->steps[row->step];
		double		worth = row->worth / row->cost;

		CHECK_FOR_INTERRUPTS();
		if (row->assets == NULL)
		{
			step->gain += worth;
			step->potential += worth;
		}
		for (Size j = 0; j < row->n_classes; j++)
		{
			PlanClass  *class = &plan->classes[row->classes[j]];

			step->potential += worth * class->count / class->remaining;
			if (class->remaining == 1)
				step->gain += worth * class->count;
		}
	}
}

/* Rounds a gain to GAIN_BITS. */
static double
rounded(double gain)
{
	int			exponent;
	double		fraction = frexp(gain, &exponent);

	return ldexp(rint(ldexp(fraction, GAIN_BITS)), exponent - GAIN_BITS);
}

/*
 * Whether a step is better than another: it gains more; among equals it has the
 * greater potential, and among those it is the first.
 */
static bool
is_better(const PlanStep *step, const PlanStep *other)
{
	if (step->gain_rounded != other->gain_rounded)
		return step->gain_rounded > other->gain_rounded;
	if (step->potential_rounded != other->potential_rounded)
		return step->potential_rounded > other->potential_rounded;
	return step < other;
}

static void
put_in_heap(Planning *plan, PlanStep *step, int index)
{
	plan->heap[index] = step;
	step->heap_index = index;
}

/* Moves a step of the heap up to where it belongs. */
static void
move_up(Planning *plan, PlanStep *step)
{
	int			index = step->heap_index;

	for (; index > 0 && is_better(step, plan->heap[(index - 1) / 2]); index = (index - 1) / 2)
		put_in_heap(plan, plan->heap[(index - 1) / 2], index);
	put_in_heap(plan, step, index);
}

/* Makes the heap of all steps that can gain. */
static void
make_heap(Planning *plan)
{
	plan->heap = palloc_extended((plan->n_steps + 1) * sizeof(PlanStep *), MCXT_ALLOC_HUGE);
	for (PlanStep *step = plan->steps; step < plan->steps + plan->n_steps; step++)
	{
		step->heap_index = -1;
		/* false for NaN, too */
		if (!(step->potential > 0))
			continue;
		step->gain_rounded = rounded(step->gain);
		step->potential_rounded = rounded(step->potential);
		put_in_heap(plan, step, plan->n_heap++);
		move_up(plan, step);
	}
}

/* Takes the best step from the heap; NULL if there is none. */
static PlanStep *
take_best(Planning *plan)
{
	PlanStep   *best = plan->heap[0];
	PlanStep   *last;
	int			index = 0;

	if (plan->n_heap == 0)
		return NULL;
	best->heap_index = -1;
	last = plan->heap[--plan->n_heap];
	for (int child; (child = 2 * index + 1) < plan->n_heap; index = child)
	{
		if (child + 1 < plan->n_heap && is_better(plan->heap[child + 1], plan->heap[child]))
			child++;
		if (!is_better(plan->heap[child], last))
			break;
		put_in_heap(plan, plan->heap[child], index);
	}
	if (plan->n_heap > 0)
		put_in_heap(plan, last, index);
	return best;
}

static void
add_gain(Planning *plan, PlanStep *step, double gain)
{
	step->gain += gain;
	if (step->heap_index < 0)
		return;
	step->gain_rounded = rounded(step->gain);
	move_up(plan, step);
}

/*
 * Remediates a recommendation at a rank: each class of its assets is repaired, or
 * adds to the gain of the one recommendation that it still fails.
 */
static void
take_step(Planning *plan, PlanStep *step, int rank)
{
	uint32		index = step - plan->steps;

	step->rank = rank;
	for (int i = 0; i < step->n_rows; i++)
	{
		PlanRow    *row = step->rows[i];

		CHECK_FOR_INTERRUPTS();
		for (Size j = 0; j < row->n_classes; j++)
		{
			PlanClass  *class = &plan->classes[row->classes[j]];

			class->remaining--;
			class->u.steps_xor ^= index;
			if (class->remaining == 0)
			{
				row->repaired += class->count;
				class->u.rank = rank;
			}
			else if (class->remaining == 1)
			{
				PlanStep   *other = &plan->steps[class->u.steps_xor];

				add_gain(plan, other, row->worth * class->count / other->rows[0]->cost);
			}
		}
	}
}

/*
 * Returns the first rank at which something is repaired or gained that needs
 * the recommendation.
 */
static int
get_needed_at(Planning *plan, PlanStep *step)
{
	int			first = PG_INT32_MAX;

	for (int i = 0; i < step->n_rows; i++)
	{
		PlanRow    *row = step->rows[i];

		CHECK_FOR_INTERRUPTS();
		if (row->assets == NULL && row->worth > 0)
			first = Min(first, step->rank);
		else if (row->worth > 0)
			for (Size j = 0; j < row->n_classes; j++)
				first = Min(first, (int) plan->classes[row->classes[j]].u.rank);
	}
	return first;
}

/* Returns the rows of a recommendation to the caller. */
static void
put_step(Planning *plan, PlanStep *step, ReturnSetInfo *result)
{
	int			needed_at = get_needed_at(plan, step);

	for (int i = 0; i < step->n_rows; i++)
	{
		Datum		values[4] = {
			Int32GetDatum(step->rank),
			Int32GetDatum(step->rows[i]->n),
			Int64GetDatum(step->rows[i]->repaired),
			Int32GetDatum(needed_at)
		};
		bool		nulls[4] = {false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/*
 * plan_order(pools integer[], recommendations integer[], worths float8[],
 * costs float8[], assets assetset[]) returns table (rank integer, n integer,
 * repaired bigint, needed_at integer).
 *
 * The elements of the arrays with the same index are a row: remediating the
 * recommendation helps to repair these assets of the pool, and each repaired
 * asset is worth so many points of a score; or, where the set is NULL, the
 * recommendation is worth so many points at once. A recommendation costs the
 * same in all its rows, and an asset is worth the same in all rows of its pool.
 *
 * Each rank, from 1, goes to the recommendation that gains most points for its
 * cost at that rank. Recommendations that cannot gain are left out. Each row of
 * the others is returned as n, from 1, with the rank of its recommendation, the
 * number of assets that are repaired by it at that rank, and the first rank at
 * which something is repaired or gained that needs the recommendation.
 *
 * Strict. Errors: 2202E for arrays of different lengths, 22004 for a NULL that
 * is not a set, 22023 for a cost of 0 or less, XX001. Interruptible.
 */
Datum
plan_order(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Planning	plan = {0};
	PlanStep   *step;
	int			rank = 0;

	InitMaterializedSRF(fcinfo, 0);
	read_rows(fcinfo, &plan);
	make_steps(&plan);
	make_classes(&plan);
	make_gains(&plan);
	make_heap(&plan);
	while ((step = take_best(&plan)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		take_step(&plan, step, ++rank);
	}
	for (step = plan.steps; step < plan.steps + plan.n_steps; step++)
		if (step->rank > 0)
			put_step(&plan, step, result);
	return (Datum) 0;
}
