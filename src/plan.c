/*
 * plan.c: the call that plans what to remediate; see plan.h.
 */
#include "plan.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(plan_order);

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

/* Reads element i of the arrays; without spends, each recommendation spends 1. */
static void
read_row(PlanRow *row, int i, Datum **values, bool **nulls)
{
	if (nulls[0][i] || nulls[1][i] || nulls[2][i] || nulls[3][i] ||
		(nulls[5] != NULL && nulls[5][i]))
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
	row->spend = values[5] == NULL ? 1 : DatumGetInt64(values[5][i]);
	if (row->spend <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("spend must be greater than 0")));
	if (nulls[4][i])
		return;
	row->assets = DatumGetFlatAssetset(values[4][i]);
	row->cardinality = roaring_bytes_cardinality(row->assets->bytes,
												 FLAT_BYTES_SIZE(row->assets));
}

static void
read_rows(FunctionCallInfo fcinfo, Planning *plan)
{
	Datum	   *values[6] = {NULL};
	bool	   *nulls[6] = {NULL};

	plan->n_rows = get_array_argument(fcinfo, 0, -1, &values[0], &nulls[0]);
	for (int i = 1; i < (PG_ARGISNULL(5) ? 5 : 6); i++)
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
		plan->steps[plan->n_steps - 1].spend = row[0]->spend;
		(*row)->step = plan->n_steps - 1;
	}
}

/* Returns the rows of a recommendation to the caller. */
static void
put_step(Planning *plan, PlanStep *step, ReturnSetInfo *result)
{
	int			needed_at = plan_needed_at(plan, step);

	for (int i = 0; i < step->n_rows; i++)
	{
		Datum		values[6] = {
			Int32GetDatum(step->rank),
			Int32GetDatum(step->rows[i]->n),
			Int64GetDatum(step->rows[i]->repaired),
			Int32GetDatum(needed_at), 0, 0
		};
		bool		nulls[6] = {false, false, false, false, true, true};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/* Returns the points of the bound to the caller. */
static void
put_points(const BoundPoint *points, int n_points, ReturnSetInfo *result)
{
	for (int i = 0; i < n_points; i++)
	{
		Datum		values[6] = {
			0, Int32GetDatum(i + 1), 0, 0,
			Int64GetDatum(points[i].spent),
			Float8GetDatum(points[i].gain)
		};
		bool		nulls[6] = {true, false, true, true, false, false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/*
 * plan_order(pools integer[], recommendations integer[], worths float8[],
 * costs float8[], assets assetset[], spends bigint[], budget bigint,
 * max_steps integer) returns table (rank integer, n integer, repaired bigint,
 * needed_at integer, spent bigint, gain float8).
 *
 * The elements of the arrays with the same index are a row: remediating the
 * recommendation helps to repair these assets of the pool, and each repaired
 * asset is worth so many points of a score; or, where the set is NULL, the
 * recommendation is worth so many points at once. A recommendation costs and
 * spends the same in all its rows, and an asset is worth the same in all rows of
 * its pool.
 *
 * Each rank, from 1, goes to the recommendation that gains most points for its
 * cost at that rank. Recommendations that cannot gain are left out. With a budget
 * or max_steps, so are those that no longer fit, and those that gain nothing
 * within these limits. Each row of the others is returned as n, from 1, with the
 * rank of its recommendation, the number of assets that are repaired by it at that
 * rank, and the first rank at which something is repaired or gained that needs the
 * recommendation.
 *
 * With spends or a limit, rows without a rank follow: the points n, from 1, of a bound. A
 * plan that spends so much gains at most so many points, with straight lines
 * between the points; of two points with the same amount, the latter holds from
 * there on.
 *
 * No row if one of the first five arguments is NULL; NULL for another: none.
 * Errors: 2202E for arrays of different lengths, 22004 for a NULL that is not a
 * set, 22023 for a cost or spend of 0 or less, XX001. Interruptible.
 */
Datum
plan_order(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Planning	plan = {0};
	BoundPoint *points = NULL;
	int			n_points = 0;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < 5; i++)
		if (PG_ARGISNULL(i))
			return (Datum) 0;
	plan.budget = PG_ARGISNULL(6) ? PG_INT64_MAX : PG_GETARG_INT64(6);
	plan.max_steps = PG_ARGISNULL(7) ? PG_INT32_MAX : Max(PG_GETARG_INT32(7), 0);
	read_rows(fcinfo, &plan);
	make_steps(&plan);
	plan_make_classes(&plan);
	if (!PG_ARGISNULL(5) || !PG_ARGISNULL(6) || !PG_ARGISNULL(7))
		points = plan_bound(&plan, &n_points);
	plan_search(&plan);
	for (PlanStep *step = plan.steps; step < plan.steps + plan.n_steps; step++)
		if (step->rank > 0)
			put_step(&plan, step, result);
	put_points(points, n_points, result);
	return (Datum) 0;
}
