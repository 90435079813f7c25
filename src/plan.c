/*
 * plan.c: the order in which recommendations are best remediated.
 *
 * A pool is a set of assets that each gain the same when they are repaired. An
 * asset is repaired when the last recommendation that it fails in its pool is
 * remediated.
 *
 * The order is found greedily: each rank goes to the recommendation that gains
 * most for its cost at that rank. For each asset, the recommendations that
 * remain are counted, and their indexes are XORed. When one remains, the XOR is
 * its index, and from then on the asset adds to the gain of that
 * recommendation. So the assets of a recommendation are visited a few times in
 * all, not at each rank.
 */
#include "assetset.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(plan_order);

/*
 * Gains whose relative difference is at most this are equal: sums in floating
 * point differ by less.
 */
#define GAIN_TOLERANCE 1e-9

/* a row of the input: what a recommendation repairs in a pool */
typedef struct PlanRow
{
	int32		pool;
	int32		recommendation;
	double		worth;			/* of each asset; without a set, of the row */
	double		cost;
	FlatAssetset *assets;		/* NULL: the worth is gained at once */
	uint32	   *members;		/* the assets, as indexes in Planning.assets */
	Size		count;			/* of members */
	int64		repaired;		/* assets, by its recommendation at its rank */
	int			step;			/* index in Planning.steps */
	int			n;				/* index in the input arrays, from 1 */
} PlanRow;

/* an asset of a pool */
typedef struct PlanAsset
{
	uint32		remaining;		/* recommendations that it still fails */
	union
	{
		uint32		steps_xor;	/* XOR of their indexes in Planning.steps */
		uint32		rank;		/* if none remains: where it is repaired */
	}			u;
} PlanAsset;

/* a recommendation */
typedef struct PlanStep
{
	double		gain;			/* of remediating it now, per unit of cost */
	double		potential;		/* its share of all gains, per unit of cost */
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
	PlanAsset  *assets;			/* from index 1 */
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
	row->count = roaring_bytes_cardinality(row->assets->bytes, FLAT_BYTES_SIZE(row->assets));
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

/* ---- assets of pools ---- */

/* reads the set of a row, along with those of the other rows of its pool */
typedef struct RowReader
{
	PlanRow    *row;
	RoaringReader reader;
	Container	container;
	bool		more;
	uint32	   *next;			/* where its next member goes */
} RowReader;

/*
 * Adds the assets that the row has in its current container. index_of has the
 * index of each asset of the container in Planning.assets, if that is "start"
 * or more; if not, the asset is new and gets the next index. Error: XX001 if a
 * stored set has more ids than its descriptors say.
 */
static void
add_container(Planning *plan, RowReader *from, uint32 *index_of, uint32 start, uint32 *n_assets)
{
	RangeReader ranges;
	uint32		first;
	uint32		last;

	range_reader_open_container(&ranges, &from->container);
	while (range_reader_next(&ranges, &first, &last))
	{
		if (last - first >= from->row->members + from->row->count - from->next)
			report_wrong_cardinality(true);
		for (uint32 id = first; id <= last; id++)
		{
			uint32	   *index = &index_of[id % CONTAINER_IDS];

			if (*index < start)
			{
				*index = (*n_assets)++;
				plan->assets[*index].remaining = 0;
				plan->assets[*index].u.steps_xor = 0;
			}
			plan->assets[*index].remaining++;
			plan->assets[*index].u.steps_xor ^= from->row->step;
			*from->next++ = *index;
		}
	}
}

/*
 * Adds the assets of a pool, one container after the other in all of its rows,
 * so that index_of need only have room for one container.
 */
static void
make_pool(Planning *plan, PlanRow *rows, int n_rows, uint32 *index_of, uint32 *n_assets)
{
	RowReader  *readers = palloc(n_rows * sizeof(RowReader));
	int			n_readers = 0;
	uint32		key;

	for (int i = 0; i < n_rows; i++)
	{
		RowReader  *from = &readers[n_readers];

		if (rows[i].assets == NULL)
			continue;
		from->row = &rows[i];
		from->next = rows[i].members;
		roaring_reader_open(&from->reader, rows[i].assets->bytes, FLAT_BYTES_SIZE(rows[i].assets));
		from->more = roaring_reader_next(&from->reader, &from->container);
		n_readers++;
	}
	do
	{
		uint32		start = *n_assets;

		key = CONTAINERS_MAX;
		for (int i = 0; i < n_readers; i++)
			if (readers[i].more)
				key = Min(key, readers[i].container.key);
		for (int i = 0; i < n_readers; i++)
			if (readers[i].more && readers[i].container.key == key)
			{
				add_container(plan, &readers[i], index_of, start, n_assets);
				readers[i].more = roaring_reader_next(&readers[i].reader, &readers[i].container);
			}
	} while (key < CONTAINERS_MAX);
	for (int i = 0; i < n_readers; i++)
		if (readers[i].next != readers[i].row->members + readers[i].row->count)
			report_wrong_cardinality(false);
	pfree(readers);
}

/*
 * Makes the assets of all pools, and the members of each row. Error: 54000 if
 * an index of 32 bits is too small for them.
 */
static void
make_assets(Planning *plan)
{
	uint32	   *index_of = palloc0(CONTAINER_IDS * sizeof(uint32));
	Size		total = 0;
	uint32		n_assets = 1;
	uint32	   *members;

	for (int i = 0; i < plan->n_rows; i++)
		total += plan->rows[i].count;
	if (total >= PG_UINT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many failing assets to plan"),
				 errdetail("Assets fail recommendations %zu times, at most %u can be planned.",
						   total, PG_UINT32_MAX - 1)));
	members = palloc_extended((total + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	plan->assets = palloc_extended((total + 1) * sizeof(PlanAsset), MCXT_ALLOC_HUGE);
	for (int i = 0; i < plan->n_rows; i++)
	{
		plan->rows[i].members = members;
		members += plan->rows[i].count;
	}
	for (int start = 0, end; start < plan->n_rows; start = end)
	{
		for (end = start + 1; end < plan->n_rows; end++)
			if (plan->rows[end].pool != plan->rows[start].pool)
				break;
		make_pool(plan, &plan->rows[start], end - start, index_of, &n_assets);
	}
	pfree(index_of);
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
		for (Size j = 0; j < row->count; j++)
		{
			uint32		remaining = plan->assets[row->members[j]].remaining;

			step->potential += worth / remaining;
			if (remaining == 1)
				step->gain += worth;
		}
	}
}

/*
 * Returns the recommendation without a rank that gains most; among equals the
 * one with the greatest potential, and among those the first. NULL if none
 * remains that could gain.
 */
static PlanStep *
best_step(Planning *plan)
{
	double		gain = 0;
	PlanStep   *best = NULL;

	for (int i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].rank == 0)
			gain = Max(gain, plan->steps[i].gain);
	for (int i = 0; i < plan->n_steps; i++)
	{
		PlanStep   *step = &plan->steps[i];

		if (step->rank == 0 && step->potential > 0 &&
			step->gain >= gain * (1 - GAIN_TOLERANCE) &&
			(best == NULL || step->potential > best->potential * (1 + GAIN_TOLERANCE)))
			best = step;
	}
	return best;
}

/*
 * Remediates a recommendation at a rank: each of its assets is repaired, or
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
		for (Size j = 0; j < row->count; j++)
		{
			PlanAsset  *asset = &plan->assets[row->members[j]];

			asset->remaining--;
			asset->u.steps_xor ^= index;
			if (asset->remaining == 0)
			{
				row->repaired++;
				asset->u.rank = rank;
			}
			else if (asset->remaining == 1)
			{
				PlanStep   *other = &plan->steps[asset->u.steps_xor];

				other->gain += row->worth / other->rows[0]->cost;
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
			for (Size j = 0; j < row->count; j++)
				first = Min(first, (int) plan->assets[row->members[j]].u.rank);
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
 * is not a set, 22023 for a cost of 0 or less, 54000, XX001. Interruptible.
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
	make_assets(&plan);
	make_gains(&plan);
	while ((step = best_step(&plan)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		take_step(&plan, step, ++rank);
	}
	for (step = plan.steps; step < plan.steps + plan.n_steps; step++)
		if (step->rank > 0)
			put_step(&plan, step, result);
	return (Datum) 0;
}
