/*
 * count_chunk.c: what counts in a chunk, and its counts.
 *
 * First come the recommendations: their sets without assets that are inactive
 * or exempt. A metric has the union of its recommendations, within the kinds
 * and criticalities that it counts, and an initiative the union of its metrics.
 * Containers that are not changed stay where they are. The others are allocated
 * in the current memory context, which the caller resets after each chunk.
 */
#include "count.h"

#include "miscadmin.h"

/*
 * Returns the result of an operation on two containers, of which each may be
 * NULL for empty, as the result may be.
 */
static const Container *
combine(CombineOp operation, const Container *first, const Container *second)
{
	ContainerBuffer buffer;
	const Container *result;
	Container  *copy;
	Size		size;

	if (first == NULL)
		return KEEPS_SECOND(operation) ? second : NULL;
	if (second == NULL)
		return KEEPS_FIRST(operation) ? first : NULL;
	if (container_is_trivial(operation, first, second, &result))
		return result;
	container_combine(&buffer, operation, first, second);
	if (container_is_empty(&buffer.container))
		return NULL;
	size = container_size(&buffer.container);
	copy = palloc(sizeof(Container) + size);
	*copy = buffer.container;
	copy->data = memcpy((char *) (copy + 1), buffer.words, size);
	return copy;
}

static int64
count_set(const Container *set)
{
	return set == NULL ? 0 : set->cardinality > 0 ? set->cardinality : container_count(set);
}

/* Returns the number of ids that two containers share. */
static int64
count_common(const Container *first, const Container *second)
{
	ContainerBuffer buffer;
	const Container *result;

	if (first == NULL || second == NULL)
		return 0;
	if (container_is_trivial(COMBINE_AND, first, second, &result))
		return count_set(result);
	container_combine(&buffer, COMBINE_AND, first, second);
	return container_count(&buffer.container);
}

/* Adds a container to a union, whose bits are in the buffer from the second one on. */
static const Container *
add_to_union(ContainerBuffer *buffer, const Container *sum, const Container *set)
{
	if (sum == NULL || set == NULL)
		return sum == NULL ? set : sum;
	if (sum != &buffer->container)
	{
		container_load((char *) buffer->words, sum);
		memset(&buffer->container, 0, sizeof(Container));
		buffer->container.kind = CONTAINER_BITSET;
		buffer->container.key = sum->key;
		buffer->container.units = BITSET_WORDS;
		buffer->container.data = (char *) buffer->words;
	}
	container_update_bitset((char *) buffer->words, COMBINE_OR, set);
	return &buffer->container;
}

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

static const Container *
as_container(const Container *collected)
{
	return collected->units > 0 ? collected : NULL;
}

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
		const Container *assessed = as_container(&collected[slots[i]].assessed);
		const Container *seen = combine(COMBINE_AND, candidates, assessed);

		if (source >= 0)
			seen = combine(COMBINE_ANDNOT, seen, chunk_set_at(&rule->unseen[source], chunk));
		fresh = add_to_union(buffer, fresh, seen);
	}
	return combine(COMBINE_OR, inactive, combine(COMBINE_ANDNOT, candidates, fresh));
}

/* Returns a set without the assets that an exemption exempts. */
static const Container *
without_exempt(CountRule *rule, uint32 chunk, Exemption *exemption, const Container *set)
{
	if (exemption == NULL || set == NULL)
		return set;
	if (exemption->for_all)
		return NULL;
	set = combine(COMBINE_ANDNOT, set, chunk_set_at(&exemption->assets, chunk));
	for (int i = 0; i < exemption->n_groups; i++)
		set = combine(COMBINE_ANDNOT, set,
					  chunk_set_at(&rule->exempt_groups[exemption->groups[i]], chunk));
	return set;
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
		set = combine(COMBINE_AND, set, chunk_set_at(&rule->groups[0], chunk));
	if (recommendation->visible.flat != NULL)
		set = combine(COMBINE_AND, set, chunk_set_at(&recommendation->visible, chunk));
	return combine(COMBINE_ANDNOT, set, inactive);
}

/* Sets what counts of a recommendation. */
static void
find_sets(CountRule *rule, CountedRecommendation *recommendation, uint32 chunk,
		  const Container *inactive, const CollectedSet *collected)
{
	ObjectSets *sets = &recommendation->sets;
	Exemption **exemptions = recommendation->exemptions;
	const Container *assessed = as_container(&collected->assessed);
	const Container *exposed = as_container(&collected->exposed);

	/*
	 * A finding that was deleted and inserted again with an earlier time may be
	 * exposed and not assessed on the days in between. Folded sets may be so,
	 * too, while another transaction has a delta of it, and are counted as they are.
	 */
	if (!DATE_NOT_FINITE(rule->day))
		exposed = combine(COMBINE_AND, exposed, assessed);
	assessed = restrict_set(rule, recommendation, chunk, inactive, assessed);
	exposed = restrict_set(rule, recommendation, chunk, inactive, exposed);
	sets->failing = exposed;
	sets->assessed = without_exempt(rule, chunk, exemptions[EXEMPTION_WAIVED], assessed);
	exposed = without_exempt(rule, chunk, exemptions[EXEMPTION_WAIVED], exposed);
	sets->exposed = without_exempt(rule, chunk, exemptions[EXEMPTION_MITIGATED], exposed);
	sets->accepted = NULL;
	if (exemptions[EXEMPTION_RISK_ACCEPTED] != NULL &&
		(recommendation->writers != NULL || recommendation->is_remediated))
		sets->accepted = combine(COMBINE_ANDNOT, sets->exposed,
								 without_exempt(rule, chunk, exemptions[EXEMPTION_RISK_ACCEPTED],
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
			count += weights[i] * count_common(set, chunk_set_at(&rule->criticalities[i], chunk));
	return count;
}

/* Adds the counts of sets. weights: NULL: each asset counts once. */
static void
add_counts(CountRule *rule, uint32 chunk, ObjectCount *count, const int *weights,
		   const ObjectSets *sets)
{
	if (weights == NULL)
	{
		count->assessed += count_set(sets->assessed);
		count->exposed += count_set(sets->exposed);
	}
	else
	{
		count->assessed += count_weighted(rule, chunk, weights, sets->assessed);
		count->exposed += count_weighted(rule, chunk, weights, sets->exposed);
	}
	count->failing += count_set(sets->failing);
}

/* Counts an object, for each group if there are several. */
static void
count_object(CountRule *rule, uint32 chunk, int object, const int *weights, bool by_group,
			 const ObjectSets *sets)
{
	bool		has_critical = object >= rule->n_recommendations;
	const Container *critical = has_critical ?
		combine(COMBINE_AND, sets->exposed, chunk_set_at(&rule->criticalities[CRITICAL], chunk)) :
		NULL;

	if (rule->n_groups <= 1)
	{
		ObjectCount *count = count_of(rule, 0, object);

		add_counts(rule, chunk, count, weights, sets);
		count->critical += count_set(critical);
		return;
	}
	for (int i = 0; by_group && sets->assessed != NULL && i < rule->n_groups; i++)
	{
		const Container *group = chunk_set_at(&rule->groups[i], chunk);
		ObjectCount *count = count_of(rule, i, object);
		ObjectSets	within = {0};

		if (group == NULL)
			continue;
		if (weights == NULL)
		{
			count->assessed += count_common(sets->assessed, group);
			count->exposed += count_common(sets->exposed, group);
		}
		else
		{
			within.assessed = combine(COMBINE_AND, sets->assessed, group);
			within.exposed = combine(COMBINE_AND, sets->exposed, group);
			add_counts(rule, chunk, count, weights, &within);
		}
		count->critical += count_common(critical, group);
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
		sets->assessed, sets->exposed, sets->failing, sets->accepted
	};

	for (int i = 0; writers != NULL && i < RETURNED_SETS; i++)
		if (containers[i] != NULL)
			write_set(rule, &writers[i], containers[i]);
}

/* ---- metrics and initiatives ---- */

/* Returns the assets that a metric can count. The result may be in the buffers. */
static const Container *
filter_set(CountRule *rule, CountedMetric *metric, uint32 chunk, ContainerBuffer *buffers,
		   const Container *set)
{
	const Container *mask = NULL;
	bool		drops_some = false;

	if (set == NULL)
		return NULL;
	if (metric->has_kinds)
	{
		for (int i = 0; i < metric->n_kinds; i++)
			mask = add_to_union(&buffers[0], mask,
								chunk_set_at(&rule->kinds[metric->kinds[i] - 1], chunk));
		set = combine(COMBINE_AND, set, mask);
	}
	for (int i = 0; metric->has_weights && i < CRITICALITIES; i++)
		drops_some = drops_some || metric->weights[i] == 0;
	if (drops_some)
	{
		mask = NULL;
		for (int i = 0; i < CRITICALITIES; i++)
			if (metric->weights[i] > 0)
				mask = add_to_union(&buffers[1], mask,
									chunk_set_at(&rule->criticalities[i], chunk));
		set = combine(COMBINE_AND, set, mask);
	}
	return set;
}

static void
count_metric(CountRule *rule, int index, uint32 chunk, ContainerBuffer *buffers)
{
	CountedMetric *metric = &rule->metrics[index];
	ObjectSets	sets = {0};

	for (int i = 0; i < metric->n_recommendations; i++)
	{
		ObjectSets *of = &rule->recommendations[metric->recommendations[i]].sets;

		sets.assessed = add_to_union(&buffers[0], sets.assessed, of->assessed);
		sets.exposed = add_to_union(&buffers[1], sets.exposed, of->exposed);
	}
	if (rule->n_groups == 1)
	{
		const Container *group = chunk_set_at(&rule->groups[0], chunk);

		sets.assessed = combine(COMBINE_AND, sets.assessed, group);
		sets.exposed = combine(COMBINE_AND, sets.exposed, group);
	}
	sets.assessed = filter_set(rule, metric, chunk, buffers + 2, sets.assessed);
	sets.exposed = filter_set(rule, metric, chunk, buffers + 2, sets.exposed);
	count_object(rule, chunk, rule->n_recommendations + index,
				 metric->has_weights ? metric->weights : NULL, true, &sets);
	write_sets(rule, metric->writers, &sets);
	for (int i = 0; i < metric->n_initiatives; i++)
	{
		CountedInitiative *initiative = &rule->initiatives[metric->initiatives[i]];

		add_to_initiative(&initiative->assessed, sets.assessed);
		add_to_initiative(&initiative->exposed, sets.exposed);
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
	count_object(rule, chunk, rule->n_recommendations + rule->n_metrics + index, NULL, true,
				 &sets);
	initiative->assessed = NULL;
	initiative->exposed = NULL;
}

/*
 * Counts a chunk by a rule. collected[slots[i]] has the sets of the rule's
 * recommendation i. Chunks must ascend. Interruptible. Error: XX001.
 */
void
count_chunk(CountRule *rule, uint32 chunk, const CollectedSet *collected, const int *slots)
{
	const Container *inactive = find_inactive(rule, chunk, collected, slots);
	ContainerBuffer *buffers = palloc(4 * sizeof(ContainerBuffer));

	if (inactive != NULL && rule->inactive_writer != NULL)
		write_set(rule, rule->inactive_writer, inactive);
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
	}
	for (int i = 0; i < rule->n_initiatives; i++)
	{
		CHECK_FOR_INTERRUPTS();
		count_initiative(rule, i, chunk);
	}
}
