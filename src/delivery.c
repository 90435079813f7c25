/*
 * delivery.c: what a call of ingest() knows of the rows that it loads.
 *
 * The rows stay in the inbox until ingest() ends. Each is confirmed (confirm.c), loaded or
 * rejected (delivery_row.c). The steps of ingest() read the loaded ones as often as they
 * need, look up the keys in tables that all steps share, and ask here which findings have
 * several observations. So a delivery needs no working table.
 *
 * This is kept for one call: delivery_begin(), confirms() and take_row() for each row,
 * note_row() for each that is loaded, the functions that read the result, and
 * delivery_end().
 */
#include "delivery.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(posture_delivery_begin);
PG_FUNCTION_INFO_V1(posture_delivery_end);
PG_FUNCTION_INFO_V1(posture_delivery_time);
PG_FUNCTION_INFO_V1(posture_delivery_state);
PG_FUNCTION_INFO_V1(posture_objects_added);
PG_FUNCTION_INFO_V1(posture_report_finding);
PG_FUNCTION_INFO_V1(posture_is_reported);
PG_FUNCTION_INFO_V1(posture_is_repeated);
PG_FUNCTION_INFO_V1(posture_is_disputed);
PG_FUNCTION_INFO_V1(posture_may_be_stored);
PG_FUNCTION_INFO_V1(posture_delivered_findings);
PG_FUNCTION_INFO_V1(posture_delivered_source);
PG_FUNCTION_INFO_V1(posture_delivered_asset);

/* the findings of a recommendation that were observed in one hour */
typedef struct ObservedFindings
{
	uint64		key;			/* recommendation and hour */
	char		status;			/* of simplehash */
	TimestampTz since;			/* earliest observation */
	Assetset   *assets;
} ObservedFindings;

/* a source or an asset */
typedef struct Seen
{
	int32		id;
	char		status;			/* of simplehash */
	TimestampTz at;				/* latest observation */
} Seen;

#define SH_PREFIX findings
#define SH_ELEMENT_TYPE DeliveredFindings
#define SH_KEY_TYPE int32
#define SH_KEY recommendation_id
#define SH_HASH_KEY(table, key) murmurhash32(key)
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#define SH_PREFIX observed
#define SH_ELEMENT_TYPE ObservedFindings
#define SH_KEY_TYPE uint64
#define SH_KEY key
#define SH_HASH_KEY(table, key) \
	hash_combine(murmurhash32((uint32) ((key) >> 32)), murmurhash32((uint32) (key)))
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#define SH_PREFIX seen
#define SH_ELEMENT_TYPE Seen
#define SH_KEY_TYPE int32
#define SH_KEY id
#define SH_HASH_KEY(table, key) murmurhash32(key)
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

Delivery   *delivery = NULL;

/* ---- the beginning and the end ---- */

static void
forget_delivery(void *context)
{
	if (delivery != NULL && delivery->context == context)
		delivery = NULL;
}

/* Takes the assets that deltas toggled, an assetset for each recommendation. */
static void
read_toggled(ArrayType *recommendations, ArrayType *toggled)
{
	Datum	   *ids;
	Datum	   *sets;
	int			n_ids;
	int			n_sets;

	deconstruct_array(recommendations, INT4OID, sizeof(int32), true, TYPALIGN_INT, &ids, NULL,
					  &n_ids);
	deconstruct_array(toggled, ARR_ELEMTYPE(toggled), -1, false, TYPALIGN_INT, &sets, NULL,
					  &n_sets);
	for (int i = 0; i < Min(n_ids, n_sets); i++)
		findings_of(DatumGetInt32(ids[i]))->toggled =
			(FlatAssetset *) PG_DETOAST_DATUM_COPY(sets[i]);
}

/* Makes an empty delivery, which ends with the subtransaction at the latest. */
static Delivery *
make_delivery(TimestampTz arrived_at)
{
	MemoryContext context = AllocSetContextCreate(CurTransactionContext, "delivery",
												  ALLOCSET_DEFAULT_SIZES);
	Delivery   *result = MemoryContextAllocZero(context, sizeof(Delivery));
	MemoryContextCallback *callback = MemoryContextAllocZero(context,
															 sizeof(MemoryContextCallback));
	Size		memory = maintenance_work_mem * (Size) 1024;

	callback->func = forget_delivery;
	callback->arg = context;
	MemoryContextRegisterResetCallback(context, callback);
	result->context = context;
	result->arrived_at = arrived_at;
	result->known_sources = known_objects_make(context, find_source, memory / 2);
	result->known_recommendations = known_objects_make(context, find_recommendation, memory / 2);
	result->known_assets = known_objects_make(context, find_asset, memory / 2);
	result->findings = findings_create(context, 64, NULL);
	result->observed = observed_create(context, 64, NULL);
	result->sources = seen_create(context, 16, NULL);
	result->assets = seen_create(context, 64, NULL);
	result->disputed = assetset_make(context);
	result->confirmed_rows = row_set_make(context);
	result->loaded_rows = row_set_make(context);
	result->rejected_rows = row_set_make(context);
	return result;
}

/*
 * delivery_begin(arrived_at timestamptz, recommendations integer[], toggled assetset[])
 * returns void: begins a delivery of rows that arrived until a time. toggled are the
 * assets that deltas toggled for each recommendation, whose stored sets are not their
 * states; NULL: nothing is confirmed. Nor is it above READ COMMITTED: there, a state that
 * another transaction has changed has to be an error.
 */
Datum
posture_delivery_begin(PG_FUNCTION_ARGS)
{
	pg_tz	   *zone = day_zone();
	MemoryContext caller;

	if (PG_ARGISNULL(0) || (PG_ARGISNULL(1) && !PG_ARGISNULL(2)))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a delivery requires its time, and the recommendations of its sets")));
	if (delivery != NULL)
		MemoryContextDelete(delivery->context);
	delivery = make_delivery(PG_GETARG_TIMESTAMPTZ(0));
	delivery->zone = zone;
	if (!PG_ARGISNULL(2) && !IsolationUsesXactSnapshot())
	{
		caller = MemoryContextSwitchTo(delivery->context);
		delivery->states = stored_states_make(delivery->context,
											  maintenance_work_mem * (Size) 1024 / 2);
		read_toggled(PG_GETARG_ARRAYTYPE_P(1), PG_GETARG_ARRAYTYPE_P(2));
		MemoryContextSwitchTo(caller);
	}
	PG_RETURN_VOID();
}

/* delivery_end() returns void: forgets the delivery. */
Datum
posture_delivery_end(PG_FUNCTION_ARGS)
{
	if (delivery != NULL)
		MemoryContextDelete(delivery->context);
	PG_RETURN_VOID();
}

/* Returns the delivery in progress; without one, an error. */
Delivery *
require_delivery(void)
{
	if (delivery == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no delivery is in progress")));
	return delivery;
}

/* ---- findings, sources and assets ---- */

/* Returns what the delivery has of a recommendation. */
DeliveredFindings *
findings_of(int32 recommendation_id)
{
	bool		is_found;
	DeliveredFindings *findings = findings_insert(delivery->findings, recommendation_id,
												  &is_found);

	if (!is_found)
	{
		findings->toggled = NULL;
		findings->confirmed = NULL;
		findings->loaded = NULL;
		findings->repeated = NULL;
	}
	return findings;
}

static void
see(seen_hash *objects, int32 id, TimestampTz at)
{
	bool		is_found;
	Seen	   *object = seen_insert(objects, id, &is_found);

	object->at = is_found ? Max(object->at, at) : at;
}

/* Notes an observation by a source. */
void
see_source(int32 source_id, TimestampTz at)
{
	see(delivery->sources, source_id, at);
}

/* Notes an observation of an asset, if it is of a later day than all before. */
void
see_asset(const KnownObject *asset, TimestampTz at)
{
	if (day_of(asset->last_seen, delivery->zone) < day_of(at, delivery->zone))
		see(delivery->assets, asset->id, at);
}

/* Adds an asset to a set, which is made if it is NULL. */
void
add_asset(Assetset **set, int32 asset_id)
{
	if (*set == NULL)
		*set = assetset_make(delivery->context);
	assetset_add(*set, asset_id);
}

/* Whether a set, which may be NULL, has an asset. */
bool
has_asset(Assetset *set, int32 asset_id)
{
	return set != NULL && assetset_has(EOHPGetRODatum(&set->header), asset_id);
}

/* Adds an observation of a finding to one of the sets of its recommendation. */
void
add_finding(DeliveredFindings *findings, Assetset **set, int32 asset_id, TimestampTz at)
{
	/* hours since 2000, or before, of which the years to 9999 have fewer than 2^31 */
	uint32		hour = (uint32) (at / USECS_PER_HOUR);
	bool		is_found;
	ObservedFindings *observed =
		observed_insert(delivery->observed,
						(uint64) (uint32) findings->recommendation_id << 32 | hour, &is_found);

	if (!is_found)
	{
		observed->since = at;
		observed->assets = NULL;
	}
	observed->since = Min(observed->since, at);
	add_asset(&observed->assets, asset_id);
	add_asset(set, asset_id);
}

/* objects_added() returns void: the objects that were unknown have been added. */
Datum
posture_objects_added(PG_FUNCTION_ARGS)
{
	require_delivery();
	known_objects_added(delivery->known_recommendations);
	known_objects_added(delivery->known_assets);
	PG_RETURN_VOID();
}

/*
 * report_finding(recommendation_id integer, asset_id integer) returns void: notes a finding
 * that the delivery has, although its row is not loaded. NULL, without effect, if an
 * argument is NULL.
 */
Datum
posture_report_finding(PG_FUNCTION_ARGS)
{
	require_delivery();
	add_asset(&findings_of(PG_GETARG_INT32(0))->loaded, PG_GETARG_INT32(1));
	PG_RETURN_VOID();
}

/* ---- what the delivery has ---- */

/* delivery_time() returns timestamptz: the time until which its rows arrived. */
Datum
posture_delivery_time(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(require_delivery()->arrived_at);
}

/*
 * delivery_state(OUT loaded bigint, OUT confirmed bigint, OUT rejected bigint,
 * OUT has_unknown boolean, OUT has_repeated boolean, OUT has_disputed boolean): the number
 * of rows of each kind; whether some name objects that are not there, are about one
 * finding, or give an asset another kind or name.
 */
Datum
posture_delivery_state(PG_FUNCTION_ARGS)
{
	TupleDesc	descriptor;
	Datum		values[6];
	bool		nulls[6] = {false};

	require_delivery();
	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Int64GetDatum(row_set_count(delivery->loaded_rows));
	values[1] = Int64GetDatum(row_set_count(delivery->confirmed_rows));
	values[2] = Int64GetDatum(row_set_count(delivery->rejected_rows));
	values[3] = BoolGetDatum(delivery->has_unknown);
	values[4] = BoolGetDatum(delivery->has_repeated);
	values[5] = BoolGetDatum(assetset_count(EOHPGetRODatum(&delivery->disputed->header)) > 0);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values,
													  nulls)));
}

static DeliveredFindings *
find_findings(int32 recommendation_id)
{
	return findings_lookup(require_delivery()->findings, recommendation_id);
}

/*
 * is_reported(recommendation_id integer, asset_id integer) returns boolean: whether the
 * delivery has the finding. NULL if an argument is NULL.
 */
Datum
posture_is_reported(PG_FUNCTION_ARGS)
{
	DeliveredFindings *findings = find_findings(PG_GETARG_INT32(0));

	PG_RETURN_BOOL(findings != NULL && (has_asset(findings->confirmed, PG_GETARG_INT32(1)) ||
										has_asset(findings->loaded, PG_GETARG_INT32(1))));
}

/*
 * is_repeated(recommendation_id integer, asset_id integer) returns boolean: whether several
 * rows are about the finding. NULL if an argument is NULL.
 */
Datum
posture_is_repeated(PG_FUNCTION_ARGS)
{
	DeliveredFindings *findings = find_findings(PG_GETARG_INT32(0));

	PG_RETURN_BOOL(findings != NULL && has_asset(findings->repeated, PG_GETARG_INT32(1)));
}

/*
 * is_disputed(asset_id integer) returns boolean: whether a row gives the asset another kind
 * or name. NULL for NULL.
 */
Datum
posture_is_disputed(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(has_asset(require_delivery()->disputed, PG_GETARG_INT32(0)));
}

/*
 * may_be_stored(source_id integer, recommendation text, asset text) returns boolean: false
 * if the delivery added one of the two objects, so that nothing is stored of the finding.
 * NULL if an argument is NULL.
 */
Datum
posture_may_be_stored(PG_FUNCTION_ARGS)
{
	require_delivery();
	PG_RETURN_BOOL(!known_object(delivery->known_recommendations, PG_GETARG_INT32(0),
								 PG_GETARG_TEXT_PP(1))->is_added &&
				   !known_object(delivery->known_assets, 0, PG_GETARG_TEXT_PP(2))->is_added);
}

/* Returns the rows (id, time) of a table of sources or assets. */
static Datum
return_seen(FunctionCallInfo fcinfo, seen_hash *objects)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	seen_iterator iterator;
	Seen	   *object;

	InitMaterializedSRF(fcinfo, 0);
	seen_start_iterate(objects, &iterator);
	while ((object = seen_iterate(objects, &iterator)) != NULL)
	{
		Datum		values[] = {Int32GetDatum(object->id), TimestampTzGetDatum(object->at)};
		bool		nulls[] = {false, false};

		CHECK_FOR_INTERRUPTS();
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * delivered_findings() returns table (recommendation_id integer, observed_at timestamptz,
 * assets assetset): the assets of the findings of the rows that are not rejected, for each
 * recommendation and hour, with the earliest observation.
 */
Datum
posture_delivered_findings(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	observed_iterator iterator;
	ObservedFindings *observed;

	InitMaterializedSRF(fcinfo, 0);
	observed_start_iterate(require_delivery()->observed, &iterator);
	while ((observed = observed_iterate(delivery->observed, &iterator)) != NULL)
	{
		Datum		values[] = {
			Int32GetDatum((int32) (observed->key >> 32)),
			TimestampTzGetDatum(observed->since),
			EOHPGetRODatum(&observed->assets->header)
		};
		bool		nulls[] = {false, false, false};

		CHECK_FOR_INTERRUPTS();
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * delivered_source() returns table (source_id integer, seen_at timestamptz): the sources of
 * the rows that are not rejected, and the latest observation of each.
 */
Datum
posture_delivered_source(PG_FUNCTION_ARGS)
{
	return return_seen(fcinfo, require_delivery()->sources);
}

/*
 * delivered_asset() returns table (asset_id integer, seen_at timestamptz): the assets of
 * the rows that are not rejected, if they were last seen on an earlier day, and the latest
 * observation of each.
 */
Datum
posture_delivered_asset(PG_FUNCTION_ARGS)
{
	return return_seen(fcinfo, require_delivery()->assets);
}
