/*
 * plan_search.c: the order of a plan, found greedily.
 *
 * Each rank goes to the recommendation that gains most for its cost at that rank.
 * For each class, the recommendations that remain are counted, and their indexes
 * are XORed. When one remains, the XOR is its index, and from then on the class
 * adds to the gain of that recommendation. So the classes of a recommendation are
 * visited a few times in all, not at each rank. Gains only grow until a
 * recommendation has its rank; a heap has the greatest one on top.
 *
 * Within a budget or a length, a recommendation can be chosen for assets that the
 * rest of the plan then has no room to repair. Such ones are taken back, and what
 * they spent goes to others. The largest gains first can also leave out many
 * recommendations that gain much together. So a second plan takes those first
 * that have most load for what they spend, which assets that fail several have in
 * common; a third one begins with the bundle that gains most. The best of the
 * three remains.
 */
#include "plan.h"

#include "miscadmin.h"

#include <math.h>

/*
 * Bits to which gains are rounded before they are compared, so that they are
 * equal where sums in floating point differ by less than a billionth.
 */
#define GAIN_BITS 30

/* how many times steps without effect are taken back */
#define MAX_RETRIES 16

static bool
is_limited(Planning *plan)
{
	return plan->budget < PG_INT64_MAX || plan->max_steps < PG_INT32_MAX;
}

/*
 * Sets what each recommendation gains if it is the first, and its potential: an
 * asset that fails several recommendations adds an equal share to each. Within
 * limits, it is the load, which with PLAN_LOAD is for what the step spends.
 */
static void
make_gains(Planning *plan)
{
	for (PlanStep *step = plan->steps; step < plan->steps + plan->n_steps; step++)
	{
		step->gain = 0;
		step->potential = 0;
		step->heap_index = -1;
	}
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
	if (!is_limited(plan))
		return;
	for (PlanStep *step = plan->steps; step < plan->steps + plan->n_steps; step++)
	{
		double		cost = plan->order == PLAN_LOAD ? (double) step->spend : step->rows[0]->cost;

		step->potential = step->load / cost;
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
 * greater potential, and among those it is the first. With PLAN_LOAD, it has the
 * greater potential.
 */
static bool
is_better(const Planning *plan, const PlanStep *step, const PlanStep *other)
{
	if (plan->order == PLAN_LOAD && step->potential_rounded != other->potential_rounded)
		return step->potential_rounded > other->potential_rounded;
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

	for (; index > 0 && is_better(plan, step, plan->heap[(index - 1) / 2]); index = (index - 1) / 2)
		put_in_heap(plan, plan->heap[(index - 1) / 2], index);
	put_in_heap(plan, step, index);
}

/* Makes the heap of all steps that can gain and have no rank. */
static void
make_heap(Planning *plan)
{
	plan->n_heap = 0;
	for (PlanStep *step = plan->steps; step < plan->steps + plan->n_steps; step++)
	{
		step->heap_index = -1;
		/* false for NaN, too */
		if (!(step->potential > 0) || step->rank > 0 || step->is_useless)
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
		if (child + 1 < plan->n_heap && is_better(plan, plan->heap[child + 1], plan->heap[child]))
			child++;
		if (!is_better(plan, plan->heap[child], last))
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
 * the recommendation; PG_INT32_MAX if nothing is.
 */
int
plan_needed_at(Planning *plan, PlanStep *step)
{
	int			first = PG_INT32_MAX;

	for (int i = 0; i < step->n_rows; i++)
	{
		PlanRow    *row = step->rows[i];

		CHECK_FOR_INTERRUPTS();
		if (!(row->worth > 0))
			continue;
		if (row->assets == NULL)
			first = Min(first, step->rank);
		for (Size j = 0; j < row->n_classes; j++)
		{
			PlanClass  *class = &plan->classes[row->classes[j]];

			if (class->remaining == 0)
				first = Min(first, (int) class->u.rank);
		}
	}
	return first;
}

/*
 * Takes back a step that repairs nothing: each class of its assets fails it again,
 * and no longer adds to the gain of the only other recommendation that it failed.
 */
static void
take_back(Planning *plan, PlanStep *step)
{
	uint32		index = step - plan->steps;

	step->rank = 0;
	step->is_useless = true;
	for (int i = 0; i < step->n_rows; i++)
	{
		PlanRow    *row = step->rows[i];

		CHECK_FOR_INTERRUPTS();
		if (!(row->worth > 0))
			continue;
		for (Size j = 0; j < row->n_classes; j++)
		{
			PlanClass  *class = &plan->classes[row->classes[j]];

			if (class->remaining++ == 1)
			{
				PlanStep   *other = &plan->steps[class->u.steps_xor];

				other->gain -= row->worth * class->count / other->rows[0]->cost;
			}
			class->u.steps_xor ^= index;
		}
	}
}

/* Gives the steps that have a rank the ranks from 1, without gaps. */
static void
number_ranks(Planning *plan, int last_rank)
{
	int		   *ranks = palloc0((last_rank + 1) * sizeof(int));
	int			rank = 0;

	for (int i = 0; i < plan->n_steps; i++)
		ranks[plan->steps[i].rank] = 1;
	ranks[0] = 0;
	for (int i = 1; i <= last_rank; i++)
		ranks[i] = ranks[i] ? ++rank : 0;
	for (int i = 0; i < plan->n_steps; i++)
		plan->steps[i].rank = ranks[plan->steps[i].rank];
	for (uint32 i = 0; i < plan->n_classes; i++)
		if (plan->classes[i].remaining == 0)
			plan->classes[i].u.rank = ranks[plan->classes[i].u.rank];
	pfree(ranks);
}

/*
 * Gives recommendations that are not useless their ranks, as long as the limits
 * have room for them.
 */
static void
rank_steps(Planning *plan)
{
	int64		left = plan->budget;
	int			n_taken = 0;
	int			last_rank = 0;

	make_gains(plan);
	for (PlanStep *step = plan->steps; step < plan->steps + plan->n_steps; step++)
		if (plan->order == PLAN_BUNDLE && step->is_bundle)
		{
			left -= step->spend;
			n_taken++;
			take_step(plan, step, ++last_rank);
		}
	for (int try = 0; try <= MAX_RETRIES; try++)
	{
		PlanStep   *step;
		bool		any_useless = false;

		make_heap(plan);
		while (n_taken < plan->max_steps && (step = take_best(plan)) != NULL)
		{
			CHECK_FOR_INTERRUPTS();
			if (step->spend > left)
				continue;
			left -= step->spend;
			n_taken++;
			take_step(plan, step, ++last_rank);
		}
		if (!is_limited(plan))
			return;
		for (step = plan->steps; step < plan->steps + plan->n_steps; step++)
			if (step->rank > 0 && plan_needed_at(plan, step) == PG_INT32_MAX)
			{
				take_back(plan, step);
				left += step->spend;
				n_taken--;
				any_useless = true;
			}
		if (!any_useless)
			break;
	}
	number_ranks(plan, last_rank);
}

/* Returns what all steps that have a rank gain. */
static double
total_gain(Planning *plan)
{
	double		gain = 0;

	for (int i = 0; i < plan->n_rows; i++)
	{
		PlanRow    *row = &plan->rows[i];

		if (row->assets != NULL)
			gain += row->worth * row->repaired;
		else if (plan->steps[row->step].rank > 0)
			gain += row->worth;
	}
	return gain;
}

/*
 * Makes a plan again, of the steps in "chosen", or all if it is NULL. classes has
 * the classes as they are without any step.
 */
static void
rank_again(Planning *plan, const PlanClass *classes, const bool *chosen)
{
	memcpy(plan->classes, classes, plan->n_classes * sizeof(PlanClass));
	for (int i = 0; i < plan->n_rows; i++)
		plan->rows[i].repaired = 0;
	for (int i = 0; i < plan->n_steps; i++)
	{
		plan->steps[i].rank = 0;
		plan->steps[i].is_useless = chosen != NULL && !chosen[i];
	}
	rank_steps(plan);
}

/*
 * Gives each recommendation its rank. Those that cannot gain have none, and those
 * that the limits of the plan leave out.
 */
void
plan_search(Planning *plan)
{
	PlanClass  *classes;
	bool	   *chosen;
	double		most = -1;

	plan->heap = palloc_extended((plan->n_steps + 1) * sizeof(PlanStep *), MCXT_ALLOC_HUGE);
	if (!is_limited(plan))
	{
		rank_steps(plan);
		return;
	}
	classes = palloc_extended((plan->n_classes + 1) * sizeof(PlanClass), MCXT_ALLOC_HUGE);
	memcpy(classes, plan->classes, plan->n_classes * sizeof(PlanClass));
	chosen = palloc0(plan->n_steps + 1);
	for (PlanOrder order = PLAN_GAIN; order <= PLAN_BUNDLE; order++)
	{
		double		gain;

		plan->order = order;
		rank_again(plan, classes, NULL);
		gain = rounded(total_gain(plan));
		if (!(gain > most))
			continue;
		most = gain;
		for (int i = 0; i < plan->n_steps; i++)
			chosen[i] = plan->steps[i].rank > 0;
	}
	/* the steps of the best plan, in the order of what they gain */
	plan->order = PLAN_GAIN;
	rank_again(plan, classes, chosen);
	pfree(classes);
	pfree(chosen);
}
