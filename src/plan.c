/*
 * plan.c: the order in which recommendations are best remediated.
 *
 * An asset of a pool is mended when the last recommendation that it fails
 * there is remediated, and that is worth the same for each asset of the pool.
 * Of each asset the recommendations still to do are counted, and the xor of
 * their indexes is kept: when one is left, the xor names it, and by this asset
 * it is that one which gains from then on. So each failing asset of each
 * recommendation is looked at a few times in all, and not at each step.
 */
#include "assetset.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(plan_order);

/* gains that differ by no more than this part are equal: sums leave that much */
#define GAIN_TOLERANCE 1e-9

/* A row of the input: what a recommendation mends in a pool. */
typedef struct PlanRow
{
	int32		pool;
	int32		recommendation;
	double		worth;			/* of an asset; of the row, where it has no set */
	double		cost;
	FlatAssetset *assets;		/* NULL: none, the worth is gained at once */
	uint32	   *members;		/* its assets, as indexes in Planning.assets */
	Size		count;
	int64		mended;			/* assets, at the place of the recommendation */
	int			step;			/* index in Planning.steps */
	int			n;				/* which element of the arrays it is, from 1 */
} PlanRow;

/* An asset of a pool. */
typedef struct PlanAsset
{
	uint32		left;			/* recommendations still to do */
	uint32		which;			/* xor of their indexes; of a mended one, the place */
} PlanAsset;

/* A recommendation. */
typedef struct PlanStep
{
	double		gain;			/* of remediating it now, for each unit of cost */
	double		potential;		/* its share of all that can be gained, likewise */
	int			place;			/* from 1; 0: not yet */
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
	PlanAsset  *assets;			/* the first is none */
} Planning;

/* ---- what is given ---- */

/* The elements of an array argument; "count" of them, unless that is -1. */
static int
array_argument(FunctionCallInfo fcinfo, int argument, int count, Datum **values, bool **nulls)
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
				 errmsg("arrays must have as many elements as each other")));
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
	/* a recommendation may have both, assets and points */
	return (row1->assets == NULL) - (row2->assets == NULL);
}

static int
compare_recommendations(const void *a, const void *b)
{
	const PlanRow *row1 = *(PlanRow *const *) a;
	const PlanRow *row2 = *(PlanRow *const *) b;

	if (row1->recommendation != row2->recommendation)
		return row1->recommendation < row2->recommendation ? -1 : 1;
	return (row1 > row2) - (row1 < row2);
}

static void
read_rows(FunctionCallInfo fcinfo, Planning *plan)
{
	Datum	   *values[5];
	bool	   *nulls[5];

	plan->n_rows = array_argument(fcinfo, 0, -1, &values[0], &nulls[0]);
	for (int i = 1; i < 5; i++)
		array_argument(fcinfo, i, plan->n_rows, &values[i], &nulls[i]);
	plan->rows = palloc_extended((plan->n_rows + 1) * sizeof(PlanRow),
								 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < plan->n_rows; i++)
	{
		PlanRow    *row = &plan->rows[i];

		CHECK_FOR_INTERRUPTS();
		if (nulls[0][i] || nulls[1][i] || nulls[2][i] || nulls[3][i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("array must not contain nulls"),
					 errdetail("Only the set of assets may be null.")));
		row->n = i + 1;
		row->pool = DatumGetInt32(values[0][i]);
		row->recommendation = DatumGetInt32(values[1][i]);
		row->worth = DatumGetFloat8(values[2][i]);
		row->cost = DatumGetFloat8(values[3][i]);
		if (!(row->cost > 0))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cost must be positive")));
		if (!nulls[4][i])
		{
			row->assets = DatumGetFlatAssetset(values[4][i]);
			row->count = roaring_bytes_cardinality(row->assets->bytes, FLAT_BYTES_SIZE(row->assets));
		}
	}
	qsort(plan->rows, plan->n_rows, sizeof(PlanRow), compare_pools);
}

/* Makes a step of each recommendation. */
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

/* ---- the assets of pools ---- */

/* Goes through the sets of the rows of a pool, container by container. */
typedef struct RowReader
{
	PlanRow    *row;
	RoaringReader reader;
	Container	container;
	bool		more;
	uint32	   *next;			/* of the row's members */
} RowReader;

/*
 * Takes in what the row has in its container. Where an asset is, is in
 * index_of, if that is not before "start": then the asset is new. Error: XX001
 * where a stored set has more assets than it says.
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
				plan->assets[*index].left = 0;
				plan->assets[*index].which = 0;
			}
			plan->assets[*index].left++;
			plan->assets[*index].which ^= from->row->step;
			*from->next++ = *index;
		}
	}
}

/* Finds the assets of the pool whose rows these are. */
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

/* Finds the assets of all pools, and where those of each row are. */
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
				 errdetail("Recommendations fail %zu times, at most %u can be planned.",
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

/* ---- the order ---- */

/* What each recommendation gains if it is the first, and its share of all. */
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
			uint32		left = plan->assets[row->members[j]].left;

			step->potential += worth / left;
			if (left == 1)
				step->gain += worth;
		}
	}
}

/*
 * The recommendation that gains most: of several, that with the greatest
 * potential, and of several with that, the first. NULL: none is left that
 * could gain.
 */
static PlanStep *
best_step(Planning *plan)
{
	double		gain = 0;
	PlanStep   *best = NULL;

	for (int i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].place == 0)
			gain = Max(gain, plan->steps[i].gain);
	for (int i = 0; i < plan->n_steps; i++)
	{
		PlanStep   *step = &plan->steps[i];

		if (step->place == 0 && step->potential > 0 &&
			step->gain >= gain * (1 - GAIN_TOLERANCE) &&
			(best == NULL || step->potential > best->potential * (1 + GAIN_TOLERANCE)))
			best = step;
	}
	return best;
}

/* Remediates: what is left to do of an asset gains now, or the asset is mended. */
static void
take_step(Planning *plan, PlanStep *step, int place)
{
	uint32		which = step - plan->steps;

	step->place = place;
	for (int i = 0; i < step->n_rows; i++)
	{
		PlanRow    *row = step->rows[i];

		CHECK_FOR_INTERRUPTS();
		for (Size j = 0; j < row->count; j++)
		{
			PlanAsset  *asset = &plan->assets[row->members[j]];

			asset->left--;
			asset->which ^= which;
			if (asset->left == 0)
			{
				row->mended++;
				asset->which = place;
			}
			else if (asset->left == 1)
			{
				PlanStep   *other = &plan->steps[asset->which];

				other->gain += row->worth / other->rows[0]->cost;
			}
		}
	}
}

/* The first place at which something is mended that needed the recommendation. */
static int
needed_at(Planning *plan, PlanStep *step)
{
	int			first = PG_INT32_MAX;

	for (int i = 0; i < step->n_rows; i++)
	{
		PlanRow    *row = step->rows[i];

		CHECK_FOR_INTERRUPTS();
		if (row->assets == NULL && row->worth > 0)
			first = Min(first, step->place);
		else if (row->worth > 0)
			for (Size j = 0; j < row->count; j++)
				first = Min(first, (int) plan->assets[row->members[j]].which);
	}
	return first;
}

/* Puts out the rows of a recommendation. */
static void
put_step(Planning *plan, PlanStep *step, ReturnSetInfo *result)
{
	int			needed = needed_at(plan, step);

	for (int i = 0; i < step->n_rows; i++)
	{
		Datum		values[4] = {
			Int32GetDatum(step->place),
			Int32GetDatum(step->rows[i]->n),
			Int64GetDatum(step->rows[i]->mended),
			Int32GetDatum(needed)
		};
		bool		nulls[4] = {false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/*
 * plan_order(pools integer[], recommendations integer[], worths float8[],
 * costs float8[], assets assetset[]) returns table (place integer,
 * n integer, mended bigint, needed_at integer).
 *
 * The arrays are rows: remediating the recommendation mends these assets of
 * the pool, as far as they fail no other of it, and each is worth so much; or,
 * without a set, is worth so much at once. A recommendation costs the same in
 * all its rows, and an asset is worth the same in all rows of its pool. At each
 * place is what then gains most for its cost; what can't gain is left out. Each
 * row that is left comes back as n, from 1, with the place of its
 * recommendation, the assets mended then, and the first place at which
 * something is mended, or gained, that needed the recommendation.
 *
 * Strict. Errors: 2202E for arrays of different lengths, 22004 for a NULL that
 * is no set, 22023 for a cost that is not positive, 54000. Interruptible.
 */
Datum
plan_order(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Planning	plan = {0};
	PlanStep   *step;
	int			place = 0;

	InitMaterializedSRF(fcinfo, 0);
	read_rows(fcinfo, &plan);
	make_steps(&plan);
	make_assets(&plan);
	make_gains(&plan);
	while ((step = best_step(&plan)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		take_step(&plan, step, ++place);
	}
	for (step = plan.steps; step < plan.steps + plan.n_steps; step++)
		if (step->place > 0)
			put_step(&plan, step, result);
	return (Datum) 0;
}
