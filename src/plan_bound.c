/*
 * plan_bound.c: what no plan can exceed, whatever its order.
 *
 * The worth of a class is split over the recommendations that it fails. Any split
 * gives a bound: a plan repairs the class only with all of them, so it gains at
 * most the shares of its recommendations. What the best choice of recommendations
 * with these shares gains is the fractional knapsack: those with the largest share
 * for what they spend first, the last one in part.
 *
 * The bound is lowest where the shares are as equal as possible for what is spent:
 * the split with the smallest sum of share^2 / spend is the best one for all
 * amounts at once, and its bound is that of the linear relaxation. It is
 * approached class by class: each gives to those of its recommendations that have
 * least, as water fills a vessel. A split that has not converged is a bound, too.
 *
 * A plan that spends less than a class needs does not repair it. So classes are
 * added by levels of what they spend, and each level has a bound of its own.
 */
#include "plan.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include <math.h>

/* levels: each number below 16, and 8 for each power of two from there */
#define N_LEVELS (62 * 8)

/*
 * How many shares are computed to make the split better: at most so many in the
 * levels but the last, and in the last, but there at least MIN_SWEEPS times all.
 */
#define MAX_VISITS (4 * 1024 * 1024)
#define MIN_SWEEPS 2
#define MAX_SWEEPS 200

/* more than the relative error of sums in floating point */
#define BOUND_SLACK 1e-9

/* classes that several recommendations have, by level */
typedef struct Bound
{
	Planning   *plan;
	double	   *loads;			/* of each step: what it gains alone, and its shares */
	double	   *own;			/* of each step: what it gains alone */
	double	   *worths;			/* of each class */
	Size	   *starts;			/* of each class and the end, in members */
	uint32	   *members;		/* steps of the classes */
	double	   *shares;			/* of each member in the worth of its class */
	double	   *bases;			/* of the members of one class */
	int64		from[N_LEVELS]; /* least amount of the level; 0: none */
	Size		class_end[N_LEVELS];	/* classes of the level and those before it */
	BoundPoint *points;
	int			n_points;
	int			max_points;		/* allocated */
} Bound;

/* what a recommendation gains at most for what it spends */
typedef struct BoundItem
{
	double		ratio;
	double		load;
	int64		spend;
} BoundItem;

/* Returns the level of an amount; it never falls with the amount. */
static int
level_of(int64 spend)
{
	int			bit = pg_leftmost_one_pos64((uint64) spend);

	return bit <= 3 ? (int) spend : (bit - 2) * 8 + (int) ((spend >> (bit - 3)) & 7);
}

/* ---- classes ---- */

/* Notes that plans can gain from an amount on. */
static void
add_level(Bound *bound, int64 spend)
{
	int64	   *from = &bound->from[level_of(spend)];

	if (*from == 0 || *from > spend)
		*from = spend;
}

/* Whether the limits of the plan have room for all recommendations of a class. */
static bool
has_room(Planning *plan, const int64 *spends, uint32 index)
{
	return spends[index] <= plan->budget &&
		plan->classes[index].remaining <= (uint32) plan->max_steps;
}

/*
 * Adds what each recommendation gains alone, and makes the classes that several
 * have, in the order of their levels. numbers has the number of each class in that
 * order; for others it is PG_UINT32_MAX.
 */
static void
number_classes(Bound *bound, const int64 *spends, uint32 *numbers)
{
	Planning   *plan = bound->plan;
	Size		next[N_LEVELS] = {0};

	for (uint32 i = 0; i < plan->n_classes; i++)
		if (plan->classes[i].remaining > 1 && has_room(plan, spends, i))
		{
			add_level(bound, spends[i]);
			bound->class_end[level_of(spends[i])]++;
		}
	for (int i = 1; i < N_LEVELS; i++)
	{
		next[i] = bound->class_end[i - 1];
		bound->class_end[i] += next[i];
	}
	bound->starts = palloc_extended((bound->class_end[N_LEVELS - 1] + 2) * sizeof(Size),
									MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	bound->worths = palloc_extended((bound->class_end[N_LEVELS - 1] + 1) * sizeof(double),
									MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint32 i = 0; i < plan->n_classes; i++)
	{
		numbers[i] = PG_UINT32_MAX;
		if (plan->classes[i].remaining > 1 && has_room(plan, spends, i))
		{
			numbers[i] = next[level_of(spends[i])]++;
			/* two further on, so that filling in the members moves it to its place */
			bound->starts[numbers[i] + 2] = plan->classes[i].remaining;
		}
	}
	for (Size i = 2; i <= bound->class_end[N_LEVELS - 1] + 1; i++)
		bound->starts[i] += bound->starts[i - 1];
}

/* Fills in the members of the classes, and what recommendations gain alone. */
static void
make_members(Bound *bound)
{
	Planning   *plan = bound->plan;
	int64	   *spends = plan_class_spends(plan);
	uint32	   *numbers = palloc_extended((plan->n_classes + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	Size		n_members;

	number_classes(bound, spends, numbers);
	n_members = bound->starts[bound->class_end[N_LEVELS - 1] + 1];
	bound->members = palloc_extended((n_members + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	bound->shares = palloc_extended((n_members + 1) * sizeof(double),
									MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < plan->n_rows; i++)
	{
		PlanRow    *row = &plan->rows[i];

		CHECK_FOR_INTERRUPTS();
		if (row->worth > 0 && row->spend <= plan->budget)
			add_level(bound, row->spend);
		if (row->assets == NULL)
			bound->own[row->step] += row->worth;
		for (Size j = 0; j < row->n_classes; j++)
		{
			uint32		number = numbers[row->classes[j]];
			PlanClass  *class = &plan->classes[row->classes[j]];

			if (class->remaining == 1)
				bound->own[row->step] += row->worth * class->count;
			if (number == PG_UINT32_MAX)
				continue;
			bound->worths[number] = row->worth * class->count;
			bound->members[bound->starts[number + 1]++] = row->step;
		}
	}
	pfree(numbers);
	pfree(spends);
}

/* ---- the split ---- */

/*
 * Splits the worth of a class anew, so that those of its recommendations that get
 * a share have the same load for what they spend, and the others have more. Returns
 * how much of it moved.
 */
static double
split_class(Bound *bound, Size class)
{
	const uint32 *members = bound->members + bound->starts[class];
	double	   *shares = bound->shares + bound->starts[class];
	int			n = bound->starts[class + 1] - bound->starts[class];
	double		worth = bound->worths[class];
	double		level = INFINITY;
	double		sum = 0;
	double		moved = 0;

	for (int i = 0; i < n; i++)
		bound->bases[i] = bound->loads[members[i]] - shares[i];

	/* those above the level leave, which lowers it, until none is left above it */
	for (double last = 0; level != last;)
	{
		double		base_sum = worth;
		double		spend_sum = 0;

		last = level;
		for (int i = 0; i < n; i++)
		{
			int64		spend = bound->plan->steps[members[i]].spend;

			if (!(bound->bases[i] < last * spend))
				continue;
			base_sum += bound->bases[i];
			spend_sum += spend;
		}
		if (spend_sum == 0)
			break;
		level = Min(level, base_sum / spend_sum);
	}
	for (int i = 0; i < n; i++)
		sum += Max(0, level * bound->plan->steps[members[i]].spend - bound->bases[i]);
	for (int i = 0; i < n; i++)
	{
		double		share = Max(0, level * bound->plan->steps[members[i]].spend - bound->bases[i]);

		/* the shares are the worth, also where they are lost in rounding */
		share = sum > 0 ? share / sum * worth : worth / n;
		moved += fabs(share - shares[i]);
		bound->loads[members[i]] += share - shares[i];
		shares[i] = share;
	}
	return moved;
}

/* Splits the first classes anew, each once. Returns how much moved. */
static double
sweep(Bound *bound, Size n_classes)
{
	int			n_steps = bound->plan->n_steps;
	double		moved = 0;

	for (Size i = 0; i < n_classes; i++)
	{
		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		moved += split_class(bound, i);
	}
	/* the loads again from the shares, without the errors of many small changes */
	memcpy(bound->loads, bound->own, n_steps * sizeof(double));
	for (Size i = 0; i < bound->starts[n_classes]; i++)
		bound->loads[bound->members[i]] += bound->shares[i];
	return moved;
}

/* ---- the points of the bound ---- */

static void
add_point(Bound *bound, int64 spent, double gain)
{
	if (bound->n_points == bound->max_points)
	{
		bound->max_points = Max(64, 2 * bound->max_points);
		bound->points = bound->points == NULL
			? palloc_extended(bound->max_points * sizeof(BoundPoint), MCXT_ALLOC_HUGE)
			: repalloc_huge(bound->points, bound->max_points * sizeof(BoundPoint));
	}
	bound->points[bound->n_points].spent = spent;
	bound->points[bound->n_points++].gain = gain * (1 + BOUND_SLACK);
}

static int
compare_items(const void *a, const void *b)
{
	const BoundItem *item1 = a;
	const BoundItem *item2 = b;

	return (item1->ratio < item2->ratio) - (item1->ratio > item2->ratio);
}

/*
 * Adds the points of a level, from its least amount to that of the next one, or to
 * PG_INT64_MAX.
 */
static void
add_points(Bound *bound, BoundItem *items, int level, int64 end)
{
	int64		from = bound->from[level];
	int64		spent = 0;
	double		gain = 0;
	int			n_items = 0;

	for (int i = 0; i < bound->plan->n_steps; i++)
	{
		BoundItem  *item = &items[n_items];

		item->spend = bound->plan->steps[i].spend;
		item->load = bound->loads[i];
		item->ratio = item->load / item->spend;
		if (item->load > 0 && level_of(item->spend) <= level)
			n_items++;
	}
	qsort(items, n_items, sizeof(BoundItem), compare_items);
	for (BoundItem *item = items; item < items + n_items && spent < end; item++)
	{
		if (spent <= from && from - spent < item->spend)
			add_point(bound, from, gain + item->ratio * (from - spent));
		if (spent + item->spend >= end)
			add_point(bound, end, gain + item->ratio * (end - spent));
		spent += item->spend;
		gain += item->load;
		if (spent > from && spent < end)
			add_point(bound, spent, gain);
	}
	if (spent <= from)
		add_point(bound, from, gain);
	if (spent < end && end < PG_INT64_MAX)
		add_point(bound, end, gain);
}

/*
 * Marks the steps that gain most together by what they gain alone and by one class
 * that all of them have.
 */
static void
mark_bundle(Bound *bound)
{
	Planning   *plan = bound->plan;
	double		most = 0;
	Size		best = 0;

	for (Size i = 0; i < bound->class_end[N_LEVELS - 1]; i++)
	{
		double		gain = bound->worths[i];

		for (Size j = bound->starts[i]; j < bound->starts[i + 1]; j++)
			gain += bound->own[bound->members[j]];
		if (gain > most)
		{
			most = gain;
			best = i;
		}
	}
	if (most > 0)
		for (Size j = bound->starts[best]; j < bound->starts[best + 1]; j++)
			plan->steps[bound->members[j]].is_bundle = true;
}

/*
 * Returns the points of the bound, between which it is linear, in ascending order
 * of what is spent; of two with the same amount, the latter holds from there on. A
 * bound of plans within the limits, called before plan_search(). No point if a
 * worth is not finite. Sets the loads of the steps in the last level, and marks
 * the bundle.
 */
BoundPoint *
plan_bound(Planning *plan, int *n_points)
{
	Bound	   *bound = palloc0(sizeof(Bound));
	BoundItem  *items = palloc_extended((plan->n_steps + 1) * sizeof(BoundItem), MCXT_ALLOC_HUGE);
	int			levels[N_LEVELS];
	int			n_levels = 0;
	double		total = 0;

	bound->plan = plan;
	bound->own = palloc_extended((plan->n_steps + 1) * sizeof(double),
								 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	bound->loads = palloc_extended((plan->n_steps + 1) * sizeof(double), MCXT_ALLOC_HUGE);
	bound->bases = palloc_extended((plan->n_steps + 1) * sizeof(double), MCXT_ALLOC_HUGE);
	make_members(bound);
	memcpy(bound->loads, bound->own, plan->n_steps * sizeof(double));
	for (int i = 0; i < plan->n_steps; i++)
		total += bound->own[i];
	for (Size i = 0; i < bound->class_end[N_LEVELS - 1]; i++)
		total += bound->worths[i];
	for (int i = 0; i < N_LEVELS; i++)
		if (bound->from[i] > 0)
			levels[n_levels++] = i;
	*n_points = 0;
	if (!isfinite(total) || n_levels == 0)
		return NULL;

	add_point(bound, 0, 0);
	add_point(bound, bound->from[levels[0]], 0);
	for (int i = 0; i < n_levels; i++)
	{
		bool		is_last = i == n_levels - 1;
		Size		n_classes = bound->class_end[levels[i]];
		Size		n_visits = MAX_VISITS / (is_last ? 1 : n_levels);
		Size		n_sweeps = n_visits / (bound->starts[n_classes] + 1);

		for (Size class = i == 0 ? 0 : bound->class_end[levels[i - 1]]; class < n_classes; class++)
			split_class(bound, class);
		n_sweeps = Min(Max(n_sweeps, is_last ? MIN_SWEEPS : 0), MAX_SWEEPS);
		for (Size j = 0; j < n_sweeps; j++)
			if (sweep(bound, n_classes) <= total * 1e-12)
				break;
		add_points(bound, items, levels[i], is_last ? PG_INT64_MAX : bound->from[levels[i + 1]]);
	}
	for (int i = 0; i < plan->n_steps; i++)
		plan->steps[i].load = bound->loads[i];
	mark_bundle(bound);
	*n_points = bound->n_points;
	return bound->points;
}
