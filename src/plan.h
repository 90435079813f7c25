/*
 * plan.h: the order in which recommendations are best remediated.
 *
 * A pool is a set of assets that each gain the same when they are repaired. An
 * asset is repaired when the last recommendation that it fails in its pool is
 * remediated.
 *
 * Assets of a pool that fail the same recommendations are repaired together, so
 * they are planned as one class. The parts are plan.c, the call; plan_pool.c,
 * which makes the classes of each pool; plan_search.c, which finds the order; and
 * plan_bound.c, which computes what no plan can exceed.
 */
#ifndef POSTURE_PLAN_H
#define POSTURE_PLAN_H

#include "assetset.h"

/* a row of the input: what a recommendation repairs in a pool */
typedef struct PlanRow
{
	int32		pool;
	int32		recommendation;
	double		worth;			/* of each asset; without a set, of the row */
	double		cost;
	int64		spend;
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

/* a recommendation */
typedef struct PlanStep
{
	double		gain;			/* of remediating it now, per unit of cost */
	double		potential;		/* its share of all gains, per unit of cost */
	double		gain_rounded;
	double		potential_rounded;
	int64		spend;			/* of the budget */
	double		load;			/* its share of all gains, as plan_bound() splits them */
	int			heap_index;		/* in Planning.heap; -1: not there */
	int			rank;			/* from 1; 0: none yet */
	bool		is_useless;		/* gains nothing within the limits */
	bool		is_bundle;		/* of those that gain most when one class is repaired */
	PlanRow   **rows;
	int			n_rows;
} PlanStep;

/* what comes first within limits */
typedef enum PlanOrder
{
	PLAN_GAIN,					/* what gains most for its cost */
	PLAN_LOAD,					/* what has most load for what it spends */
	PLAN_BUNDLE					/* the bundle, then as PLAN_GAIN */
} PlanOrder;

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
	int64		budget;			/* what the steps may spend; PG_INT64_MAX: no limit */
	int			max_steps;		/* PG_INT32_MAX: no limit */
	PlanOrder	order;
} Planning;

/* a point of the bound: steps that spend so much gain at most so many points */
typedef struct BoundPoint
{
	int64		spent;
	double		gain;
} BoundPoint;

extern void plan_make_classes(Planning *plan);
extern int64 *plan_class_spends(Planning *plan);
extern void plan_search(Planning *plan);
extern int	plan_needed_at(Planning *plan, PlanStep *step);
extern BoundPoint *plan_bound(Planning *plan, int *n_points);

#endif							/* POSTURE_PLAN_H */
