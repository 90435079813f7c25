/*
 * count_rule.c: reads a value of the type counting_rule, which says what counts
 * (score/counting_rule.sql).
 *
 * Everything is allocated in the current memory context, in which the value
 * must stay.
 */
#include "count.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#define FIELDS_MAX 20

/* The fields of a composite value. */
typedef struct Row
{
	int			n;
	Datum		values[FIELDS_MAX];
	bool		nulls[FIELDS_MAX];
} Row;

/* Raises 22023 for rules, or rows to be counted by them, that do not fit together. */
void
report_invalid_rule(const char *message)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg_internal("%s", message)));
}

static void
read_row(Row *row, Datum datum, int n)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(datum);
	TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header),
											  HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple;

	if (desc->natts != n || n > FIELDS_MAX)
		report_invalid_rule(psprintf("counting rule has a row of %d fields, not %d",
									 desc->natts, n));
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	tuple.t_data = header;
	heap_deform_tuple(&tuple, desc, row->values, row->nulls);
	row->n = n;
	ReleaseTupleDesc(desc);
}

/* Returns the elements of an array; nulls may be NULL if no element is. */
Datum *
count_rule_array(Datum datum, int *n, bool **nulls)
{
	ArrayType  *array = DatumGetArrayTypeP(datum);
	Datum	   *elements;
	int16		length;
	bool		by_value;
	char		alignment;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &alignment);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, alignment,
					  &elements, nulls, n);
	return elements;
}

/* Returns the integers of a field that is an array, or no integer for NULL. */
static int *
read_integers(const Row *row, int field, int *n)
{
	Datum	   *elements;
	int		   *integers;

	*n = 0;
	if (row->nulls[field])
		return NULL;
	elements = count_rule_array(row->values[field], n, NULL);
	integers = palloc(Max(*n, 1) * sizeof(int));
	for (int i = 0; i < *n; i++)
		integers[i] = DatumGetInt32(elements[i]);
	pfree(elements);
	return integers;
}

/* ---- sets ---- */

static void
chunk_set_open(ChunkSet *set, Datum datum)
{
	set->flat = DatumGetFlatAssetset(datum);
	roaring_reader_open(&set->reader, set->flat->bytes, FLAT_BYTES_SIZE(set->flat));
	set->has_container = roaring_reader_next(&set->reader, &set->container);
}

/*
 * Returns the container of a set in a chunk, or NULL if it has none. The chunks
 * that are asked for must ascend.
 */
const Container *
chunk_set_at(ChunkSet *set, uint32 chunk)
{
	while (set->has_container && set->container.key < chunk)
		set->has_container = roaring_reader_next(&set->reader, &set->container);
	return set->has_container && set->container.key == chunk ? &set->container : NULL;
}

static void
read_set(const Row *row, int field, ChunkSet *set)
{
	if (!row->nulls[field])
		chunk_set_open(set, row->values[field]);
}

/* Returns the sets of a field that is an array; an element NULL is an empty set. */
static ChunkSet *
read_sets(const Row *row, int field, int *n)
{
	Datum	   *elements;
	bool	   *nulls;
	ChunkSet   *sets;

	*n = 0;
	if (row->nulls[field])
		return NULL;
	elements = count_rule_array(row->values[field], n, &nulls);
	sets = palloc0(Max(*n, 1) * sizeof(ChunkSet));
	for (int i = 0; i < *n; i++)
		if (!nulls[i])
			chunk_set_open(&sets[i], elements[i]);
	return sets;
}

static RoaringWriter *
make_writers(int n)
{
	RoaringWriter *writers = palloc(n * sizeof(RoaringWriter));

	for (int i = 0; i < n; i++)
		roaring_writer_open(&writers[i], 0);
	return writers;
}

/* Makes the writers of the sets of an object, which are those of one group or of all assets. */
static RoaringWriter *
make_object_writers(const CountRule *rule)
{
	if (rule->n_groups > 1)
		report_invalid_rule("counting rule of several groups cannot return sets");
	return make_writers(RETURNED_SETS);
}

/* ---- rows ---- */

/* Returns the index of a recommendation, or -1 if the rule does not count it. */
static int
find_recommendation(const CountRule *rule, int32 id)
{
	int			low = 0;
	int			high = rule->n_recommendations;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (rule->recommendations[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < rule->n_recommendations && rule->recommendations[low].id == id ? low : -1;
}

/* Returns the indexes of those recommendations of a field that count. */
static int *
read_recommendations(const CountRule *rule, const Row *row, int field, int *n)
{
	int			n_ids;
	int		   *ids = read_integers(row, field, &n_ids);

	*n = 0;
	for (int i = 0; i < n_ids; i++)
	{
		int			index = find_recommendation(rule, ids[i]);

		if (index >= 0)
			ids[(*n)++] = index;
	}
	return ids;
}

/* Returns the index of a source whose scans count, or -1 if those of none do. */
static int
find_scanner(const CountRule *rule, int32 source_id)
{
	for (int i = 0; i < rule->n_scanners; i++)
		if (rule->scanners[i].source_id == source_id)
			return i;
	return -1;
}

/* fields: recommendation_id, source, is_remediated, by_group, with_sets, visible, source_id */
static void
read_recommendation(CountRule *rule, CountedRecommendation *recommendation, Datum datum)
{
	Row			row;

	read_row(&row, datum, 7);
	recommendation->id = DatumGetInt32(row.values[0]);
	recommendation->source = row.nulls[1] ? -1 : DatumGetInt32(row.values[1]) - 1;
	if (recommendation->source >= rule->n_unseen)
		report_invalid_rule(psprintf("counting rule has no limit %d", recommendation->source + 1));
	recommendation->is_remediated = !row.nulls[2] && DatumGetBool(row.values[2]);
	recommendation->is_counted_by_group = !row.nulls[3] && DatumGetBool(row.values[3]);
	if (!row.nulls[4] && DatumGetBool(row.values[4]))
		recommendation->writers = make_object_writers(rule);
	read_set(&row, 5, &recommendation->visible);
	recommendation->scanner = row.nulls[6] ? -1 :
		find_scanner(rule, DatumGetInt32(row.values[6]));
	if (recommendation > rule->recommendations && recommendation[-1].id >= recommendation->id)
		report_invalid_rule("recommendations of a counting rule are not in order");
}

/* fields: recommendation_id, kind, for_all, assets, asset_groups (positions from 1) */
static void
read_exemption(CountRule *rule, Datum datum)
{
	Row			row;
	int			index;
	char	   *label;
	ExemptionKind kind;
	Exemption  *exemption;

	read_row(&row, datum, 5);
	index = find_recommendation(rule, DatumGetInt32(row.values[0]));
	if (index < 0)
		return;
	label = TextDatumGetCString(row.values[1]);
	kind = label[0] == 'w' ? EXEMPTION_WAIVED :
		label[0] == 'm' ? EXEMPTION_MITIGATED : EXEMPTION_RISK_ACCEPTED;
	exemption = palloc0(sizeof(Exemption));
	exemption->for_all = !row.nulls[2] && DatumGetBool(row.values[2]);
	read_set(&row, 3, &exemption->assets);
	exemption->groups = read_integers(&row, 4, &exemption->n_groups);
	for (int i = 0; i < exemption->n_groups; i++)
	{
		if (exemption->groups[i] < 1 || exemption->groups[i] > rule->n_asset_groups)
			report_invalid_rule(psprintf("counting rule has no group %d", exemption->groups[i]));
		exemption->groups[i]--;
	}
	rule->recommendations[index].exemptions[kind] = exemption;
}

/* fields of a metric: population (position from 1, 0: empty), unassessed_as, scanners */
static void
read_population(CountRule *rule, CountedMetric *metric, const Row *row)
{
	int			n;
	char	   *label;

	metric->has_population = !row->nulls[5];
	if (!metric->has_population)
		return;
	metric->population = DatumGetInt32(row->values[5]) - 1;
	if (metric->population < -1 || metric->population >= rule->n_asset_groups)
		report_invalid_rule(psprintf("counting rule has no group %d", metric->population + 1));
	label = TextDatumGetCString(row->values[6]);
	metric->unassessed_as = label[0] == 'e' && label[2] == 'p' ? UNASSESSED_EXPOSED :
		label[0] == 'c' ? UNASSESSED_COMPLIANT : UNASSESSED_EXCLUDED;
	metric->scanners = read_integers(row, 7, &n);
	for (int i = 0; i < n; i++)
	{
		int			index = find_scanner(rule, metric->scanners[i]);

		if (index >= 0)
			metric->scanners[metric->n_scanners++] = index;
	}
}

/*
 * fields: metric_id, recommendations, kinds, weights, with_sets, and those of
 * read_population()
 */
static void
read_metric(CountRule *rule, CountedMetric *metric, Datum datum)
{
	Row			row;
	int			n_weights;
	int		   *weights;

	read_row(&row, datum, 8);
	metric->id = DatumGetInt32(row.values[0]);
	metric->recommendations = read_recommendations(rule, &row, 1, &metric->n_recommendations);
	metric->has_kinds = !row.nulls[2];
	metric->kinds = read_integers(&row, 2, &metric->n_kinds);
	for (int i = 0; i < metric->n_kinds; i++)
		if (metric->kinds[i] < 1 || metric->kinds[i] > rule->n_kinds)
			report_invalid_rule(psprintf("counting rule has no kind %d", metric->kinds[i]));
	weights = read_integers(&row, 3, &n_weights);
	metric->has_weights = n_weights == CRITICALITIES;
	for (int i = 0; metric->has_weights && i < CRITICALITIES; i++)
		metric->weights[i] = weights[i];
	if (!row.nulls[4] && DatumGetBool(row.values[4]))
		metric->writers = make_object_writers(rule);
	read_population(rule, metric, &row);
}

/* fields: initiative_id, metrics (positions from 1), recommendations */
static void
read_initiative(CountRule *rule, int index, Datum datum)
{
	CountedInitiative *initiative = &rule->initiatives[index];
	Row			row;
	int			n_metrics;
	int		   *metrics;

	read_row(&row, datum, 3);
	initiative->id = DatumGetInt32(row.values[0]);
	metrics = read_integers(&row, 1, &n_metrics);
	for (int i = 0; i < n_metrics; i++)
	{
		CountedMetric *metric;

		if (metrics[i] < 1 || metrics[i] > rule->n_metrics)
			report_invalid_rule(psprintf("counting rule has no metric %d", metrics[i]));
		metric = &rule->metrics[metrics[i] - 1];
		metric->initiatives = resize_array(metric->initiatives, metric->n_initiatives + 1,
										   sizeof(int));
		metric->initiatives[metric->n_initiatives++] = index;
	}
	initiative->recommendations = read_recommendations(rule, &row, 2,
													   &initiative->n_recommendations);
}

/* ---- the rule ---- */

/* The fields of counting_rule. */
enum RuleField
{
	RULE_DAY,
	RULE_RECOMMENDATIONS,
	RULE_EXEMPTIONS,
	RULE_ASSET_GROUPS,
	RULE_METRICS,
	RULE_INITIATIVES,
	RULE_KINDS,
	RULE_CRITICALITIES,
	RULE_INACTIVE,
	RULE_STALE_CANDIDATES,
	RULE_UNSEEN,
	RULE_KEEPS_ACCEPTED,
	RULE_GROUP_IDS,
	RULE_GROUPS,
	RULE_WITH_INACTIVE,
	RULE_RETIRED,
	RULE_SCANNERS,
	RULE_FIELDS
};

static Datum *
read_rows(const Row *row, int field, int *n)
{
	*n = 0;
	return row->nulls[field] ? NULL : count_rule_array(row->values[field], n, NULL);
}

static void
read_objects(CountRule *rule, const Row *row)
{
	Datum	   *rows = read_rows(row, RULE_RECOMMENDATIONS, &rule->n_recommendations);
	int			n;
	int		   *scanners = read_integers(row, RULE_SCANNERS, &rule->n_scanners);

	rule->scanners = palloc0(Max(rule->n_scanners, 1) * sizeof(Scanner));
	for (int i = 0; i < rule->n_scanners; i++)
		rule->scanners[i].source_id = scanners[i];
	rule->recommendations = palloc0(Max(rule->n_recommendations, 1) *
									sizeof(CountedRecommendation));
	for (int i = 0; i < rule->n_recommendations; i++)
		read_recommendation(rule, &rule->recommendations[i], rows[i]);

	rule->asset_groups = read_sets(row, RULE_ASSET_GROUPS, &rule->n_asset_groups);
	rows = read_rows(row, RULE_EXEMPTIONS, &n);
	for (int i = 0; i < n; i++)
		read_exemption(rule, rows[i]);

	rows = read_rows(row, RULE_METRICS, &rule->n_metrics);
	rule->metrics = palloc0(Max(rule->n_metrics, 1) * sizeof(CountedMetric));
	for (int i = 0; i < rule->n_metrics; i++)
		read_metric(rule, &rule->metrics[i], rows[i]);

	rows = read_rows(row, RULE_INITIATIVES, &rule->n_initiatives);
	rule->initiatives = palloc0(Max(rule->n_initiatives, 1) * sizeof(CountedInitiative));
	for (int i = 0; i < rule->n_initiatives; i++)
		read_initiative(rule, i, rows[i]);
}

/*
 * Reads a rule. Kinds and criticalities, or groups, that it does not have are
 * those of the rule before it, which may be NULL. Errors: 22023 if its parts
 * do not fit together, XX001 for a corrupted set.
 */
void
count_rule_read(CountRule *rule, const CountRule *previous, Datum datum)
{
	Row			row;
	int			n;

	memset(rule, 0, sizeof(*rule));
	rule->context = CurrentMemoryContext;
	read_row(&row, datum, RULE_FIELDS);
	if (row.nulls[RULE_DAY])
		DATE_NOEND(rule->day);
	else
		rule->day = DatumGetDateADT(row.values[RULE_DAY]);
	if (previous != NULL && row.nulls[RULE_CRITICALITIES])
	{
		rule->n_kinds = previous->n_kinds;
		rule->kinds = previous->kinds;
		rule->criticalities = previous->criticalities;
	}
	else
	{
		rule->kinds = read_sets(&row, RULE_KINDS, &rule->n_kinds);
		rule->criticalities = read_sets(&row, RULE_CRITICALITIES, &n);
		if (n != CRITICALITIES)
			report_invalid_rule(psprintf("counting rule has %d criticalities", n));
	}
	read_set(&row, RULE_INACTIVE, &rule->inactive);
	read_set(&row, RULE_RETIRED, &rule->retired);
	read_set(&row, RULE_STALE_CANDIDATES, &rule->stale_candidates);
	rule->unseen = read_sets(&row, RULE_UNSEEN, &rule->n_unseen);
	rule->keeps_accepted = !row.nulls[RULE_KEEPS_ACCEPTED] &&
		DatumGetBool(row.values[RULE_KEEPS_ACCEPTED]);
	rule->groups = read_sets(&row, RULE_GROUPS, &rule->n_groups);
	if (previous != NULL && row.nulls[RULE_GROUPS] && !row.nulls[RULE_GROUP_IDS])
	{
		rule->n_groups = previous->n_groups;
		rule->groups = previous->groups;
	}
	rule->group_ids = read_integers(&row, RULE_GROUP_IDS, &n);
	if (n != rule->n_groups)
		report_invalid_rule(psprintf("counting rule has %d ids for %d groups", n, rule->n_groups));
	if (!row.nulls[RULE_WITH_INACTIVE] && DatumGetBool(row.values[RULE_WITH_INACTIVE]))
	{
		rule->inactive_writer = make_writers(1);
		rule->retired_writer = make_writers(1);
	}
	read_objects(rule, &row);
	rule->counts = palloc_extended((Size) Max(rule->n_groups, 1) * count_rule_objects(rule) *
								   sizeof(ObjectCount) + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}
