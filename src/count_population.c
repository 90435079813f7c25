/*
 * count_population.c: the assets that a metric is about.
 *
 * A metric counts assets of its kinds and criticalities. It may be about the
 * members of a group, its population, whether they are assessed or not.
 */
#include "count.h"

#include "miscadmin.h"

/*
 * Returns those assets of a set that a metric can count, by their kinds and criticalities. The
 * result may be in the two buffers.
 */
const Container *
population_filter(CountRule *rule, CountedMetric *metric, uint32 chunk, ContainerBuffer *buffers,
				  const Container *set)
{
	const Container *mask = NULL;
	bool		drops_some = false;

	if (set == NULL)
		return NULL;
	if (metric->has_kinds)
	{
		for (int i = 0; i < metric->n_kinds; i++)
			mask = chunk_union(&buffers[0], mask,
							   chunk_set_at(&rule->kinds[metric->kinds[i] - 1], chunk));
		set = chunk_combine(COMBINE_AND, set, mask);
	}
	for (int i = 0; metric->has_weights && i < CRITICALITIES; i++)
		drops_some = drops_some || metric->weights[i] == 0;
	if (drops_some)
	{
		mask = NULL;
		for (int i = 0; i < CRITICALITIES; i++)
			if (metric->weights[i] > 0)
				mask = chunk_union(&buffers[1], mask,
								   chunk_set_at(&rule->criticalities[i], chunk));
		set = chunk_combine(COMBINE_AND, set, mask);
	}
	return set;
}

/* Sets the assets that each source whose scans count assesses in a chunk. */
void
population_scan(CountRule *rule, uint32 chunk, const Container *inactive,
				const CollectedSet *collected, const int *slots)
{
	if (rule->n_scanners == 0)
		return;
	for (int i = 0; i < rule->n_scanners; i++)
	{
		rule->scanners[i].assets = NULL;
		rule->scanners[i].buffer = palloc(sizeof(ContainerBuffer));
	}
	for (int i = 0; i < rule->n_recommendations; i++)
	{
		int			index = rule->recommendations[i].scanner;
		Scanner    *scanner = index < 0 ? NULL : &rule->scanners[index];

		CHECK_FOR_INTERRUPTS();
		if (scanner != NULL)
			scanner->assets = chunk_union(scanner->buffer, scanner->assets,
										  chunk_collected(&collected[slots[i]].assessed));
	}
	for (int i = 0; i < rule->n_scanners; i++)
		rule->scanners[i].assets = chunk_combine(COMBINE_ANDNOT, rule->scanners[i].assets,
												 inactive);
}

/* Returns the retired assets. */
const Container *
population_retired(CountRule *rule, uint32 chunk)
{
	return chunk_set_at(rule->retired.flat != NULL ? &rule->retired : &rule->inactive, chunk);
}

/*
 * Returns the population of a metric: its group without retired assets, as far as the
 * metric can count them. Stale assets are members.
 */
static const Container *
find_population(CountRule *rule, CountedMetric *metric, uint32 chunk, ContainerBuffer *buffers)
{
	const Container *members;
	ChunkSet   *visible = NULL;

	if (metric->population < 0)
		return NULL;
	members = chunk_combine(COMBINE_ANDNOT,
							chunk_set_at(&rule->asset_groups[metric->population], chunk),
							population_retired(rule, chunk));
	if (rule->n_groups == 1)
		members = chunk_combine(COMBINE_AND, members, chunk_set_at(&rule->groups[0], chunk));
	/* who sees all assets of any of its recommendations sees all members */
	for (int i = 0; i < metric->n_recommendations; i++)
	{
		visible = &rule->recommendations[metric->recommendations[i]].visible;
		if (visible->flat == NULL)
			break;
	}
	if (visible != NULL && visible->flat != NULL)
		members = chunk_combine(COMBINE_AND, members, chunk_set_at(visible, chunk));
	return population_filter(rule, metric, chunk, buffers, members);
}

/*
 * Splits unassessed members by the exemptions of the metric's recommendations, as if each
 * member failed all of them. *open: those that are exposed; *settled: others that are not waived
 * everywhere, which count as compliant. What a scenario remediates is not assessed by that.
 */
static void
split_unassessed(CountRule *rule, CountedMetric *metric, uint32 chunk, ContainerBuffer *buffers,
				 const Container *unassessed, const Container **open, const Container **settled)
{
	const Container *counting = NULL;

	*open = NULL;
	*settled = NULL;
	for (int i = 0; i < metric->n_recommendations && *open != unassessed; i++)
	{
		Exemption **exemptions =
			rule->recommendations[metric->recommendations[i]].exemptions;
		const Container *part = chunk_without_exempt(rule, chunk, exemptions[EXEMPTION_WAIVED],
													 unassessed);

		counting = chunk_union(&buffers[0], counting, part);
		part = chunk_without_exempt(rule, chunk, exemptions[EXEMPTION_MITIGATED], part);
		if (part == unassessed)
			*open = part;
		else
			*open = chunk_union(&buffers[1], *open, part);
	}
	if (*open != unassessed)
		*settled = chunk_combine(COMBINE_ANDNOT, counting, *open);
}

/* Notes the members of a metric for its recommendations. */
static void
note_members(CountRule *rule, CountedMetric *metric, const Container *members)
{
	Container  *copy;
	Size		size;
	int64		n;

	if (members == NULL)
		return;
	size = container_size(members);
	copy = palloc(sizeof(Container) + size);
	*copy = *members;
	copy->data = memcpy((char *) (copy + 1), members->data, size);
	n = chunk_count(copy);
	for (int i = 0; i < metric->n_recommendations; i++)
	{
		CountedRecommendation *recommendation =
			&rule->recommendations[metric->recommendations[i]];

		if (recommendation->members == NULL)
		{
			recommendation->members = copy;
			recommendation->n_members = n;
		}
		else
		{
			recommendation->members = chunk_combine(COMBINE_OR, recommendation->members, copy);
			recommendation->n_members = chunk_count(recommendation->members);
		}
	}
}

/*
 * Restricts the sets of a metric to its population, and adds the members that none of its
 * recommendations assesses. The result may be in the buffers, as many as POPULATION_BUFFERS.
 */
void
population_apply(CountRule *rule, CountedMetric *metric, uint32 chunk, ContainerBuffer *buffers,
				 ObjectSets *sets)
{
	const Container *members = find_population(rule, metric, chunk, buffers);
	const Container *known = NULL;
	const Container *scanned = NULL;
	const Container *settled;

	note_members(rule, metric, members);
	sets->assessed = chunk_combine(COMBINE_AND, sets->assessed, members);
	sets->exposed = chunk_combine(COMBINE_AND, sets->exposed, members);
	for (int i = 0; i < metric->n_recommendations; i++)
		known = chunk_union(&buffers[2], known,
							rule->recommendations[metric->recommendations[i]].sets.known);
	split_unassessed(rule, metric, chunk, buffers + 3,
					 chunk_combine(COMBINE_ANDNOT, members, known), &sets->unassessed, &settled);
	for (int i = 0; i < metric->n_scanners; i++)
		scanned = chunk_union(&buffers[5], scanned, rule->scanners[metric->scanners[i]].assets);
	if (metric->unassessed_as == UNASSESSED_COMPLIANT)
	{
		settled = chunk_combine(COMBINE_OR, settled,
								chunk_combine(COMBINE_AND, sets->unassessed, scanned));
		sets->unassessed = chunk_combine(COMBINE_ANDNOT, sets->unassessed, scanned);
	}
	sets->assessed = chunk_combine(COMBINE_OR, sets->assessed, settled);
	if (metric->unassessed_as == UNASSESSED_EXPOSED)
	{
		sets->assessed = chunk_combine(COMBINE_OR, sets->assessed, sets->unassessed);
		sets->exposed = chunk_combine(COMBINE_OR, sets->exposed, sets->unassessed);
	}
}

/*
 * Returns the members of the populations of a recommendation's metrics that it does not
 * assess, and that are not exempt from it.
 */
const Container *
population_unassessed(CountRule *rule, CountedRecommendation *recommendation, uint32 chunk)
{
	const Container *set = chunk_combine(COMBINE_ANDNOT, recommendation->members,
										 recommendation->sets.known);

	set = chunk_without_exempt(rule, chunk, recommendation->exemptions[EXEMPTION_WAIVED], set);
	return chunk_without_exempt(rule, chunk, recommendation->exemptions[EXEMPTION_MITIGATED],
								set);
}
