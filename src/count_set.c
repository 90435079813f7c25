/*
 * count_set.c: operations on the sets of a chunk.
 *
 * A set is a container, NULL if it is empty. Containers that are not changed stay
 * where they are. The others are allocated in the current memory context, which
 * the caller resets after each chunk.
 */
#include "count.h"

/*
 * Returns the result of an operation on two containers, of which each may be
 * NULL for empty, as the result may be.
 */
const Container *
chunk_combine(CombineOp operation, const Container *first, const Container *second)
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

int64
chunk_count(const Container *set)
{
	return set == NULL ? 0 : set->cardinality > 0 ? set->cardinality : container_count(set);
}

/* Returns the number of ids that two containers share. */
int64
chunk_count_common(const Container *first, const Container *second)
{
	ContainerBuffer buffer;
	const Container *result;

	if (first == NULL || second == NULL)
		return 0;
	if (container_is_trivial(COMBINE_AND, first, second, &result))
		return chunk_count(result);
	container_combine(&buffer, COMBINE_AND, first, second);
	return container_count(&buffer.container);
}

/* Adds a container to a union, whose bits are in the buffer from the second one on. */
const Container *
chunk_union(ContainerBuffer *buffer, const Container *sum, const Container *set)
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

/* Returns a collected set, or NULL if it is empty. */
const Container *
chunk_collected(const Container *collected)
{
	return collected->units > 0 ? collected : NULL;
}

/* Returns a set without the assets that an exemption exempts. */
const Container *
chunk_without_exempt(CountRule *rule, uint32 chunk, Exemption *exemption, const Container *set)
{
	if (exemption == NULL || set == NULL)
		return set;
	if (exemption->for_all)
		return NULL;
	set = chunk_combine(COMBINE_ANDNOT, set, chunk_set_at(&exemption->assets, chunk));
	for (int i = 0; i < exemption->n_groups; i++)
		set = chunk_combine(COMBINE_ANDNOT, set,
							chunk_set_at(&rule->asset_groups[exemption->groups[i]], chunk));
	return set;
}
