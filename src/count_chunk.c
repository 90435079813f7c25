/*
 * count_chunk.c: what counts in a chunk, and its counts.
 *
 * First come the recommendations: their sets without assets that are inactive
 * or exempt. A metric has the union of its recommendations, within the kinds,
 * criticalities and population that it counts, and an initiative the union of its
 * metrics.
 * The sets are in the current memory context, which the caller resets after each
 * chunk.
 */
#include "count.h"

#include "miscadmin.h"

/* Adds a container to the union of an initiative, which may not exist yet. */
static void
add_to_initiative(ContainerBuffer **buffer, const Container *set)
{
	if (set == NULL)
		return;
	if (*buffer == NULL)
	{
		*buffer = palloc(sizeof(ContainerBuffer));
		memset(&(*buffer)->container, 0, sizeof(Container));
		(*buffer)->container.kind = CONTAINER_BITSET;
		(*buffer)->container.key = set->key;
		(*buffer)->container.units = BITSET_WORDS;
		(*buffer)->container.data = (char *) (*buffer)->words;
		container_load((char *) (*buffer)->words, set);
	}
	else
		container_update_bitset((char *) (*buffer)->words, COMBINE_OR, set);
}

/* ---- recommendations ---- */

/*
 * Returns the inactive assets of a chunk: those given, and the candidates that
 * are stale, because no source that assesses them has seen them since its limit.
 */
static const Container *
find_inactive(CountRule *rule, uint32 chunk, const CollectedSet *collected, const int *slots)
{
	const Container *inactive = chunk_set_at(&rule->inactive, chunk);
	const Container *candidates = chunk_set_at(&rule->stale_candidates, chunk);
	const Container *fresh = NULL;
	ContainerBuffer *buffer;

	if (candidates == NULL)
		return inactive;
	buffer = palloc(sizeof(ContainerBuffer));
	for (int i = 0; i < rule->n_recommendations; i++)
	{
		int			source = rule->recommendations[i].source;
		const Container *assessed = chunk_collected(&collected[slots[i]].assessed);
		const Container *seen = chunk_combine(COMBINE_AND, candidates, assessed);

		if (source >= 0)
			seen = chunk_combine(COMBINE_ANDNOT, seen, chunk_set_at(&rule->unseen[source], chunk));
		fresh = chunk_union(buffer, fresh, seen);
	}
	return chunk_combine(COMBINE_OR, inactive, chunk_combine(COMBINE_ANDNOT, candidates, fresh));
}

/*
 * Whether a recommendation is counted for a group alone. The others only contribute to
 * metrics, whose unions are restricted to the group.
 */
static bool
is_of_group(const CountRule *rule, const CountedRecommendation *recommendation)
{
	return rule->n_groups == 1 &&
		(recommendation->is_counted_by_group || recommendation->writers != NULL);
}

/* Returns those assets of a set that count at all. */
static const Container *
restrict_set(CountRule *rule, CountedRecommendation *recommendation, uint32 chunk,
			 const Container *inactive, const Container *set)
{
	if (is_of_group(rule, recommendation))
		set = chunk_combine(COMBINE_AND, set, chunk_set_at(&rule->groups[0], chunk));
	if (recommendation->visible.flat != NULL)
		set = chunk_combine(COMBINE_AND, set, chunk_set_at(&recommendation->visible, chunk));
	return chunk_combine(COMBINE_ANDNOT, set, inactive);
}

/* Sets what counts of a recommendation. */
static void
find_sets(CountRule *rule, CountedRecommendation *recommendation, uint32 chunk,
		  const Container *inactive, const CollectedSet *collected)
{
	ObjectSets *sets = &recommendation->sets;
	Exemption **exemptions = recommendation->exemptions;
	const Container *assessed = chunk_collected(&collected->assessed);
	const Container *exposed = chunk_collected(&collected->exposed);

	/*
	 * A finding that was deleted and inserted again with an earlier time may be
	 * exposed and not assessed on the days in between. Folded sets may be so,
	 * too, while another transaction has a delta of it, and are counted as they are.
	 */
	if (!DATE_NOT_FINITE(rule->day))
		exposed = chunk_combine(COMBINE_AND, exposed, assessed);
	assessed = restrict_set(rule, recommendation, chunk, inactive, assessed);
	exposed = restrict_set(rule, recommendation, chunk, inactive, exposed);
	sets->failing = exposed;
	sets->known = assessed;
	sets->unassessed = NULL;
	recommendation->members = NULL;
	sets->assessed = chunk_without_exempt(rule, chunk, exemptions[EXEMPTION_WAIVED], assessed);
	exposed = chunk_without_exempt(rule, chunk, exemptions[EXEMPTION_WAIVED], exposed);
	sets->exposed = chunk_without_exempt(rule, chunk, exemptions[EXEMPTION_MITIGATED], exposed);
	sets->accepted = NULL;
	if (exemptions[EXEMPTION_RISK_ACCEPTED] != NULL &&
		(recommendation->writers != NULL || recommendation->is_remediated))
		sets->accepted = chunk_combine(COMBINE_ANDNOT, sets->exposed,
									   chunk_without_exempt(rule, chunk,
															exemptions[EXEMPTION_RISK_ACCEPTED],
															sets->exposed));
	if (recommendation->is_remediated)
		sets->exposed = rule->keeps_accepted ? sets->accepted : NULL;
}

/* ---- counts ---- */

/* Returns where the counts of an object are, for a group or for all assets. */
static ObjectCount *
count_of(CountRule *rule, int group, int object)
{
	return &rule->counts[(Size) group * count_rule_objects(rule) + object];
}

/* Returns a number of assets, each times its weight by criticality. */
static int64
count_weighted(CountRule *rule, uint32 chunk, const int *weights, const Container *set)
{
	int64		count = 0;

	for (int i = 0; set != NULL && i < CRITICALITIES; i++)
		if (weights[i] > 0)
			count += weights[i] *
				chunk_count_common(set, chunk_set_at(&rule->criticalities[i], chunk));
	return count;
}

/* Returns a number of assets. weights: NULL: each asset counts once. */
static int64
count_in(CountRule *rule, uint32 chunk, const int *weights, const Container *set)
{
	return weights == NULL ? chunk_count(set) : count_weighted(rule, chunk, weights, set);
}

/* Adds the counts of sets. weights: as in count_in(). */
static void
add_counts(CountRule *rule, uint32 chunk, ObjectCount *count, const int *weights,
		   const ObjectSets *sets)
{
	int64		assessed = count_in(rule, chunk, weights, sets->assessed);

	count->assessed += assessed;
	count->exposed += count_in(rule, chunk, weights, sets->exposed);
	count->failing += chunk_count(sets->failing);
	count->population += assessed;
	if (sets->unassessed != NULL)
	{
		count->unassessed += count_in(rule, chunk, weights, sets->unassessed);
		count->population += count_in(rule, chunk, weights,
									  chunk_combine(COMBINE_ANDNOT, sets->unassessed,
													sets->assessed));
	}
}

/* Counts an object, for each group if there are several. */
static void
count_object(CountRule *rule, uint32 chunk, int object, const int *weights, bool by_group,
			 const ObjectSets *sets)
{
	bool		has_critical = object >= rule->n_recommendations;
	bool		has_assets = sets->assessed != NULL || sets->unassessed != NULL;
	const Container *critical = has_critical ?
		chunk_combine(COMBINE_AND, sets->exposed,
					  chunk_set_at(&rule->criticalities[CRITICAL], chunk)) :
		NULL;

	if (rule->n_groups <= 1)
	{
		ObjectCount *count = count_of(rule, 0, object);

		add_counts(rule, chunk, count, weights, sets);
		count->critical += chunk_count(critical);
		return;
	}
	for (int i = 0; by_group && has_assets && i < rule->n_groups; i++)
	{
		const Container *group = chunk_set_at(&rule->groups[i], chunk);
		ObjectCount *count = count_of(rule, i, object);
		ObjectSets	within = {0};

		if (group == NULL)
			continue;
		if (weights == NULL && sets->unassessed == NULL)
		{
			int64		assessed = chunk_count_common(sets->assessed, group);

			count->assessed += assessed;
			count->exposed += chunk_count_common(sets->exposed, group);
			count->population += assessed;
		}
		else
		{
			within.assessed = chunk_combine(COMBINE_AND, sets->assessed, group);
			within.exposed = chunk_combine(COMBINE_AND, sets->exposed, group);
			within.unassessed = chunk_combine(COMBINE_AND, sets->unassessed, group);
			add_counts(rule, chunk, count, weights, &within);
		}
		count->critical += chunk_count_common(critical, group);
	}
}

/* Adds a container to a set that is returned. */
static void
write_set(CountRule *rule, RoaringWriter *writer, const Container *set)
{
	MemoryContext caller = MemoryContextSwitchTo(rule->context);

	roaring_writer_add_container(writer, set);
	MemoryContextSwitchTo(caller);
}

static void
write_sets(CountRule *rule, RoaringWriter *writers, const ObjectSets *sets)
{
	const Container *containers[RETURNED_SETS] = {
		sets->assessed, sets->exposed, sets->failing, sets->accepted, sets->unassessed
	};

	for (int i = 0; writers != NULL && i < RETURNED_SETS; i++)
		if (containers[i] != NULL)
			write_set(rule, &writers[i], containers[i]);
}

/* ---- metrics and initiatives ---- */

/* buffers of a metric: of its unions and of its filters, then those of population_apply() */
#define METRIC_BUFFERS (4 + POPULATION_BUFFERS)

/* Adds the members of populations that a recommendation does not assess. */
static void
count_unassessed(CountRule *rule, int index, uint32 chunk)
{
	CountedRecommendation *recommendation = &rule->recommendations[index];
	ObjectSets	sets = {0};

	if (recommendation->members == NULL ||
		(rule->n_groups == 1 && !is_of_group(rule, recommendation)))
		return;
	if (rule->n_groups == 0 && recommendation->exemptions[EXEMPTION_WAIVED] == NULL &&
		recommendation->exemptions[EXEMPTION_MITIGATED] == NULL)
	{
		/* the set itself is not needed */
		ObjectCount *count = count_of(rule, 0, index);
		int64		unassessed = recommendation->n_members -
			chunk_count_common(recommendation->members, recommendation->sets.known);

		count->population += unassessed;
		count->unassessed += unassessed;
		return;
	}
	sets.unassessed = population_unassessed(rule, recommendation, chunk);
	if (sets.unassessed != NULL)
		count_object(rule, chunk, index, NULL, recommendation->is_counted_by_group, &sets);
}

static void
count_metric(CountRule *rule, int index, uint32 chunk, ContainerBuffer *buffers)
{
	CountedMetric *metric = &rule->metrics[index];
	ObjectSets	sets = {0};

	for (int i = 0; i < metric->n_recommendations; i++)
	{
		ObjectSets *of = &rule->recommendations[metric->recommendations[i]].sets;

		sets.assessed = chunk_union(&buffers[0], sets.assessed, of->assessed);
		sets.exposed = chunk_union(&buffers[1], sets.exposed, of->exposed);
	}
	if (rule->n_groups == 1)
	{
		const Container *group = chunk_set_at(&rule->groups[0], chunk);

		sets.assessed = chunk_combine(COMBINE_AND, sets.assessed, group);
		sets.exposed = chunk_combine(COMBINE_AND, sets.exposed, group);
	}
	sets.assessed = population_filter(rule, metric, chunk, buffers + 2, sets.assessed);
	sets.exposed = population_filter(rule, metric, chunk, buffers + 2, sets.exposed);
	if (metric->has_population)
		population_apply(rule, metric, chunk, buffers + 4, &sets);
	count_object(rule, chunk, rule->n_recommendations + index,
				 metric->has_weights ? metric->weights : NULL, true, &sets);
	write_sets(rule, metric->writers, &sets);
	for (int i = 0; i < metric->n_initiatives; i++)
	{
		CountedInitiative *initiative = &rule->initiatives[metric->initiatives[i]];

		add_to_initiative(&initiative->assessed, sets.assessed);
		add_to_initiative(&initiative->exposed, sets.exposed);
		add_to_initiative(&initiative->unassessed, sets.unassessed);
	}
}

static void
count_initiative(CountRule *rule, int index, uint32 chunk)
{
	CountedInitiative *initiative = &rule->initiatives[index];
	ObjectSets	sets = {0};

	for (int i = 0; i < initiative->n_recommendations; i++)
	{
		ObjectSets *of = &rule->recommendations[initiative->recommendations[i]].sets;

		add_to_initiative(&initiative->assessed, of->assessed);
		add_to_initiative(&initiative->exposed, of->exposed);
	}
	if (initiative->assessed != NULL)
		sets.assessed = &initiative->assessed->container;
	if (initiative->exposed != NULL)
		sets.exposed = &initiative->exposed->container;
	if (initiative->unassessed != NULL)
		sets.unassessed = &initiative->unassessed->container;
	count_object(rule, chunk, rule->n_recommendations + rule->n_metrics + index, NULL, true,
				 &sets);
	initiative->assessed = NULL;
	initiative->exposed = NULL;
	initiative->unassessed = NULL;
}

/* Returns the inactive assets, and those of them that are retired. */
static void
write_inactive(CountRule *rule, uint32 chunk, const Container *inactive)
{
	const Container *retired = population_retired(rule, chunk);

	write_set(rule, rule->inactive_writer, inactive);
	if (retired != NULL)
		write_set(rule, rule->retired_writer, retired);
}

/*
 * Counts a chunk by a rule. collected[slots[i]] has the sets of the rule's
 * recommendation i. Chunks must ascend. Interruptible. Error: XX001.
 */
void
count_chunk(CountRule *rule, uint32 chunk, const CollectedSet *collected, const int *slots)
{
	const Container *inactive = find_inactive(rule, chunk, collected, slots);
	ContainerBuffer *buffers = palloc(METRIC_BUFFERS * sizeof(ContainerBuffer));
	bool		has_members = false;

	if (inactive != NULL && rule->inactive_writer != NULL)
		write_inactive(rule, chunk, inactive);
	population_scan(rule, chunk, inactive, collected, slots);
	for (int i = 0; i < rule->n_recommendations; i++)
	{
		CountedRecommendation *recommendation = &rule->recommendations[i];

		CHECK_FOR_INTERRUPTS();
		find_sets(rule, recommendation, chunk, inactive, &collected[slots[i]]);
		if (rule->n_groups != 1 || is_of_group(rule, recommendation))
			count_object(rule, chunk, i, NULL, recommendation->is_counted_by_group,
						 &recommendation->sets);
		write_sets(rule, recommendation->writers, &recommendation->sets);
	}
	for (int i = 0; i < rule->n_metrics; i++)
	{
		CHECK_FOR_INTERRUPTS();
		count_metric(rule, i, chunk, buffers);
		has_members = has_members || rule->metrics[i].has_population;
	}
	for (int i = 0; has_members && i < rule->n_recommendations; i++)
	{
		CHECK_FOR_INTERRUPTS();
		count_unassessed(rule, i, chunk);
	}
	for (int i = 0; i < rule->n_initiatives; i++)
	{
		CHECK_FOR_INTERRUPTS();
		count_initiative(rule, i, chunk);
	}
}
