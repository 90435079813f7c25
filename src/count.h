/*
 * count.h: the counting core. It takes the sets of recommendations chunk by
 * chunk, and counts the assets of recommendations, metrics and initiatives by
 * rules that say what counts.
 *
 * count_rule.c reads a rule, count_chunk.c counts a chunk by it, with
 * count_population.c for the assets that a metric is about and count_set.c for
 * sets, and count.c is the aggregate that collects the sets of a chunk.
 */
#ifndef POSTURE_COUNT_H
#define POSTURE_COUNT_H

#include "assetset.h"

#include "utils/date.h"

/* A set that is read one chunk after another. */
typedef struct ChunkSet
{
	FlatAssetset *flat;			/* NULL: there is no set */
	RoaringReader reader;
	Container	container;		/* the next one that has not been passed */
	bool		has_container;
} ChunkSet;

/* kinds of exemptions, in the order in which they take precedence */
typedef enum ExemptionKind
{
	EXEMPTION_WAIVED,
	EXEMPTION_MITIGATED,
	EXEMPTION_RISK_ACCEPTED
} ExemptionKind;

#define EXEMPTION_KINDS 3
#define CRITICALITIES 4
#define CRITICAL 3				/* index of the critical assets */

/* The assets that exemptions of one kind exempt from a recommendation. */
typedef struct Exemption
{
	bool		for_all;
	ChunkSet	assets;
	int			n_groups;
	int		   *groups;			/* indexes in asset_groups */
} Exemption;

/* The containers of an object in the current chunk; NULL: empty. */
typedef struct ObjectSets
{
	const Container *assessed;
	const Container *exposed;
	const Container *failing;	/* exposed, whether exempt or not */
	const Container *accepted;	/* exposed, with the risk accepted */
	const Container *unassessed;	/* members of populations that nothing assesses */
	const Container *known;		/* of a recommendation: assessed, exempt or not */
} ObjectSets;

typedef struct ObjectCount
{
	int64		assessed;
	int64		exposed;
	int64		failing;
	int64		critical;
	int64		population;		/* assessed or unassessed */
	int64		unassessed;
} ObjectCount;

/* Sets of an object that are returned, in the order of the result's columns. */
typedef enum ReturnedSet
{
	RETURNED_ASSESSED,
	RETURNED_EXPOSED,
	RETURNED_FAILING,
	RETURNED_ACCEPTED,
	RETURNED_UNASSESSED
} ReturnedSet;

#define RETURNED_SETS 5

typedef struct CountedRecommendation
{
	int32		id;
	int			source;			/* index in CountRule.unseen; -1: never stale */
	int			scanner;		/* index in CountRule.scanners; -1: none */
	bool		is_remediated;
	bool		is_counted_by_group;
	ChunkSet	visible;		/* flat NULL: all assets */
	Exemption  *exemptions[EXEMPTION_KINDS];	/* NULL: none */
	RoaringWriter *writers;		/* NULL: no sets are returned */
	ObjectSets	sets;
	const Container *members;	/* of the populations of its metrics, in the current chunk */
	int64		n_members;
} CountedRecommendation;

/* what a member of a metric's population counts as that nothing assesses */
typedef enum UnassessedAs
{
	UNASSESSED_EXCLUDED,
	UNASSESSED_EXPOSED,
	UNASSESSED_COMPLIANT		/* if a source of the metric scanned it */
} UnassessedAs;

typedef struct CountedMetric
{
	int32		id;
	int			n_recommendations;
	int		   *recommendations;	/* indexes in CountRule.recommendations */
	bool		has_kinds;
	int			n_kinds;
	int		   *kinds;			/* indexes in CountRule.kinds */
	bool		has_weights;
	int			weights[CRITICALITIES];
	bool		has_population;
	int			population;		/* index in CountRule.asset_groups; -1: empty */
	UnassessedAs unassessed_as;
	int			n_scanners;
	int		   *scanners;		/* indexes in CountRule.scanners */
	int			n_initiatives;
	int		   *initiatives;	/* indexes in CountRule.initiatives */
	RoaringWriter *writers;
} CountedMetric;

typedef struct CountedInitiative
{
	int32		id;
	int			n_recommendations;
	int		   *recommendations;	/* that it scores without a metric */
	ContainerBuffer *assessed;	/* in the current chunk; NULL: empty */
	ContainerBuffer *exposed;
	ContainerBuffer *unassessed;
} CountedInitiative;

/* A source, with the assets that any of its recommendations assesses. */
typedef struct Scanner
{
	int32		source_id;
	ContainerBuffer *buffer;	/* NULL: not allocated */
	const Container *assets;	/* in the current chunk; NULL: empty */
} Scanner;

typedef struct CountRule
{
	MemoryContext context;		/* of the rule, and of what is returned */
	DateADT		day;			/* counts its end; not finite: see counting_rule */
	int			n_recommendations;
	CountedRecommendation *recommendations; /* by ascending id */
	int			n_metrics;
	CountedMetric *metrics;
	int			n_initiatives;
	CountedInitiative *initiatives;
	int			n_kinds;
	ChunkSet   *kinds;
	ChunkSet   *criticalities;	/* as many as CRITICALITIES */
	int			n_scanners;
	Scanner    *scanners;		/* sources of metrics that count what they scanned */
	int			n_asset_groups;
	ChunkSet   *asset_groups;	/* of exemptions and populations */
	ChunkSet	retired;		/* flat NULL: inactive has no others */
	ChunkSet	inactive;
	ChunkSet	stale_candidates;	/* assets seen before the limit of any source */
	int			n_unseen;
	ChunkSet   *unseen;			/* assets seen before the limit of a source */
	bool		keeps_accepted; /* remediation leaves accepted risks */
	int			n_groups;		/* 0: counts all assets */
	int32	   *group_ids;
	ChunkSet   *groups;
	RoaringWriter *inactive_writer; /* NULL: not returned */
	RoaringWriter *retired_writer;
	ObjectCount *counts;		/* of each group: recommendations, metrics, initiatives */
} CountRule;

/* The sets of a recommendation in the current chunk. */
typedef struct CollectedSet
{
	Container	assessed;
	Container	exposed;
} CollectedSet;

/* count_rule.c */
pg_noreturn extern void report_invalid_rule(const char *message);
extern void count_rule_read(CountRule *rule, const CountRule *previous, Datum datum);
extern const Container *chunk_set_at(ChunkSet *set, uint32 chunk);
extern Datum *count_rule_array(Datum array, int *n, bool **nulls);

/* count_set.c */
extern const Container *chunk_combine(CombineOp operation, const Container *first,
									  const Container *second);
extern const Container *chunk_union(ContainerBuffer *buffer, const Container *sum,
									const Container *set);
extern int64 chunk_count(const Container *set);
extern int64 chunk_count_common(const Container *first, const Container *second);
extern const Container *chunk_collected(const Container *collected);
extern const Container *chunk_without_exempt(CountRule *rule, uint32 chunk, Exemption *exemption,
											 const Container *set);

/* count_population.c */
#define POPULATION_BUFFERS 6
extern const Container *population_filter(CountRule *rule, CountedMetric *metric, uint32 chunk,
										  ContainerBuffer *buffers, const Container *set);
extern void population_scan(CountRule *rule, uint32 chunk, const Container *inactive,
							const CollectedSet *collected, const int *slots);
extern const Container *population_retired(CountRule *rule, uint32 chunk);
extern void population_apply(CountRule *rule, CountedMetric *metric, uint32 chunk,
							 ContainerBuffer *buffers, ObjectSets *sets);
extern const Container *population_unassessed(CountRule *rule,
											  CountedRecommendation *recommendation,
											  uint32 chunk);

/* count_chunk.c */
extern void count_chunk(CountRule *rule, uint32 chunk, const CollectedSet *collected,
						const int *slots);

static inline int
count_rule_objects(const CountRule *rule)
{
	return rule->n_recommendations + rule->n_metrics + rule->n_initiatives;
}

#endif							/* POSTURE_COUNT_H */
