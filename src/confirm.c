/*
 * confirm.c: rows of the inbox that say what is stored.
 *
 * Most rows of a delivery confirm a finding: its state is the one that the stored sets
 * have. ingest() sorts them out before it does anything else, and touches no finding for
 * them. They stay in the inbox until ingest() ends, because one may turn out to be one of
 * several observations of a finding, which are processed together.
 *
 * What is confirmed is kept for one call of ingest(): confirm_begin(), confirms() for
 * each row, the functions that read the result, and confirm_end().
 */
#include "assetset.h"
#include "day.h"
#include "known_object.h"
#include "stored_state.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(posture_confirm_begin);
PG_FUNCTION_INFO_V1(posture_confirms);
PG_FUNCTION_INFO_V1(posture_is_confirmed_row);
PG_FUNCTION_INFO_V1(posture_is_confirmed);
PG_FUNCTION_INFO_V1(posture_confirmed_source);
PG_FUNCTION_INFO_V1(posture_confirmed_asset);
PG_FUNCTION_INFO_V1(posture_confirm_end);

/* The memory of the result is measured each time after so many rows. */
#define ROWS_BETWEEN_CHECKS 4096

/* a recommendation */
typedef struct Confirmed
{
	int32		id;
	FlatAssetset *toggled;		/* by deltas that are not folded yet, or NULL */
	Assetset   *assets;			/* confirmed, or NULL */
	char		status;			/* of simplehash */
} Confirmed;

/* a source or an asset */
typedef struct Seen
{
	int32		id;
	TimestampTz at;				/* latest observation */
	char		status;			/* of simplehash */
} Seen;

#define SH_PREFIX confirmed
#define SH_ELEMENT_TYPE Confirmed
#define SH_KEY_TYPE int32
#define SH_KEY id
#define SH_HASH_KEY(table, key) murmurhash32(key)
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

typedef struct Confirmation
{
	MemoryContext context;		/* of all that follows */
	TimestampTz arrived_at;
	pg_tz	   *zone;
	KnownObjects *known_assets;
	StoredStates *states;
	confirmed_hash *recommendations;
	seen_hash  *sources;
	seen_hash  *assets;			/* those not seen on that day before */
	Assetset   *rows;			/* by row_number() */
	int64		n_rows;
	bool		is_full;		/* there is no memory for more */
} Confirmation;

static Confirmation *current = NULL;

static void
forget_current(void *context)
{
	if (current != NULL && current->context == context)
		current = NULL;
}

/* ---- the beginning ---- */

static Confirmed *
recommendation_of(int32 id)
{
	bool		is_found;
	Confirmed  *recommendation = confirmed_insert(current->recommendations, id, &is_found);

	if (!is_found)
	{
		recommendation->toggled = NULL;
		recommendation->assets = NULL;
	}
	return recommendation;
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
		recommendation_of(DatumGetInt32(ids[i]))->toggled =
			(FlatAssetset *) PG_DETOAST_DATUM_COPY(sets[i]);
}

/*
 * confirm_begin(arrived_at timestamptz, recommendations integer[], toggled assetset[])
 * returns void: begins, at the time at which the rows arrived; toggled are the assets that
 * deltas toggled for each recommendation, whose stored sets are not their states. Nothing
 * is confirmed above READ COMMITTED: there, a state that another transaction has changed
 * has to be an error. NULL, without effect, if an argument is NULL.
 */
Datum
posture_confirm_begin(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	MemoryContext caller;
	MemoryContextCallback *callback;
	pg_tz	   *zone = day_zone();

	if (current != NULL)
		MemoryContextDelete(current->context);
	if (IsolationUsesXactSnapshot())
		PG_RETURN_VOID();
	context = AllocSetContextCreate(TopTransactionContext, "confirmed rows",
									ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(context);
	current = palloc0(sizeof(Confirmation));
	current->context = context;
	callback = palloc0(sizeof(MemoryContextCallback));
	callback->func = forget_current;
	callback->arg = context;
	MemoryContextRegisterResetCallback(context, callback);
	current->arrived_at = PG_GETARG_TIMESTAMPTZ(0);
	current->zone = zone;
	current->known_assets = known_objects_make(context, find_asset,
											   maintenance_work_mem * (Size) 1024 / 2);
	current->states = stored_states_make(context, maintenance_work_mem * (Size) 1024 / 2);
	current->recommendations = confirmed_create(context, 64, NULL);
	current->sources = seen_create(context, 16, NULL);
	current->assets = seen_create(context, 64, NULL);
	current->rows = assetset_make(context);
	read_toggled(PG_GETARG_ARRAYTYPE_P(1), PG_GETARG_ARRAYTYPE_P(2));
	MemoryContextSwitchTo(caller);
	PG_RETURN_VOID();
}

/* ---- rows ---- */

/* Returns a number for the place of a row in the inbox; false if there is none. */
static bool
row_number(ItemPointer row, uint32 *number)
{
	uint64		result = (uint64) ItemPointerGetBlockNumber(row) * (MaxHeapTuplesPerPage + 1) +
		ItemPointerGetOffsetNumber(row);

	*number = (uint32) result;
	return result <= PG_INT32_MAX;
}

/* Whether a column says nothing, or what is stored. */
static bool
is_same(FunctionCallInfo fcinfo, int argument, text *stored)
{
	text	   *value;

	if (PG_ARGISNULL(argument))
		return true;
	value = PG_GETARG_TEXT_PP(argument);
	return VARSIZE_ANY_EXHDR(value) == VARSIZE_ANY_EXHDR(stored) &&
		memcmp(VARDATA_ANY(value), VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored)) == 0;
}

static bool
is_text(text *value, const char *word)
{
	return VARSIZE_ANY_EXHDR(value) == strlen(word) &&
		memcmp(VARDATA_ANY(value), word, strlen(word)) == 0;
}

/* Whether a state is the one that the stored sets have. They don't have not_applicable. */
static bool
is_state(Confirmed *recommendation, int32 asset_id, text *state)
{
	bool		is_assessed;
	bool		is_exposed;

	if (recommendation->toggled != NULL &&
		assetset_has(PointerGetDatum(recommendation->toggled), asset_id))
		return false;
	stored_state(current->states, recommendation->id, asset_id, &is_assessed, &is_exposed);
	return is_assessed && is_text(state, is_exposed ? "non_compliant" : "compliant");
}

static void
see(seen_hash *objects, int32 id, TimestampTz at)
{
	bool		is_found;
	Seen	   *object = seen_insert(objects, id, &is_found);

	object->at = is_found ? Max(object->at, at) : at;
}

/* Keeps a row that confirms a finding. */
static void
keep(Confirmed *recommendation, const KnownObject *asset, int32 source_id, TimestampTz at,
	 uint32 row)
{
	MemoryContext caller = MemoryContextSwitchTo(current->context);

	if (recommendation->assets == NULL)
		recommendation->assets = assetset_make(current->context);
	assetset_add(recommendation->assets, asset->id);
	assetset_add(current->rows, row);
	see(current->sources, source_id, at);
	if (day_of(asset->last_seen, current->zone) < day_of(at, current->zone))
		see(current->assets, asset->id, at);
	if (++current->n_rows % ROWS_BETWEEN_CHECKS == 0)
		current->is_full = MemoryContextMemAllocated(current->context, true) >
			5 * (maintenance_work_mem * (Size) 1024);
	MemoryContextSwitchTo(caller);
}

/*
 * confirms(source_id integer, recommendation_id integer, asset text, state text,
 * observed_at timestamptz, asset_kind text, asset_name text, id tid) returns boolean:
 * whether a row of the inbox, which has no details, says no more than what is stored. It
 * is kept then, for the functions below. id is its place in the inbox. False also where
 * there is no memory for more rows: several times maintenance_work_mem. Never NULL.
 */
Datum
posture_confirms(PG_FUNCTION_ARGS)
{
	const KnownObject *asset;
	Confirmed  *recommendation;
	uint32		row;

	if (current == NULL || current->is_full || PG_ARGISNULL(0) || PG_ARGISNULL(1) ||
		PG_ARGISNULL(2) || PG_ARGISNULL(3) ||
		!row_number((ItemPointer) PG_GETARG_POINTER(7), &row))
		PG_RETURN_BOOL(false);
	asset = known_object(current->known_assets, 0, PG_GETARG_TEXT_PP(2));
	if (asset->id < 0 || !is_same(fcinfo, 5, asset->kind) || !is_same(fcinfo, 6, asset->name))
		PG_RETURN_BOOL(false);
	recommendation = recommendation_of(PG_GETARG_INT32(1));
	if (!is_state(recommendation, asset->id, PG_GETARG_TEXT_PP(3)))
		PG_RETURN_BOOL(false);
	keep(recommendation, asset, PG_GETARG_INT32(0),
		 PG_ARGISNULL(4) ? current->arrived_at : PG_GETARG_TIMESTAMPTZ(4), row);
	PG_RETURN_BOOL(true);
}

/* ---- what was confirmed ---- */

/*
 * is_confirmed_row(id tid) returns boolean: whether confirms() was true of the row at a
 * place in the inbox. NULL for NULL.
 */
Datum
posture_is_confirmed_row(PG_FUNCTION_ARGS)
{
	uint32		row;

	PG_RETURN_BOOL(current != NULL && row_number((ItemPointer) PG_GETARG_POINTER(0), &row) &&
				   assetset_has(EOHPGetRODatum(&current->rows->header), row));
}

/*
 * is_confirmed(recommendation_id integer, asset_id integer) returns boolean: whether
 * confirms() was true of an observation of a finding. NULL if an argument is NULL.
 */
Datum
posture_is_confirmed(PG_FUNCTION_ARGS)
{
	Confirmed  *recommendation = current == NULL ? NULL :
		confirmed_lookup(current->recommendations, PG_GETARG_INT32(0));

	PG_RETURN_BOOL(recommendation != NULL && recommendation->assets != NULL &&
				   assetset_has(EOHPGetRODatum(&recommendation->assets->header),
								PG_GETARG_INT32(1)));
}

/* Returns the rows (id, time) of a table of sources or assets. */
static Datum
return_seen(FunctionCallInfo fcinfo, seen_hash *objects)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	seen_iterator iterator;
	Seen	   *object;

	InitMaterializedSRF(fcinfo, 0);
	if (objects == NULL)
		return (Datum) 0;
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
 * confirmed_source() returns table (source_id integer, seen_at timestamptz): the sources of
 * the rows, and the latest observation of each.
 */
Datum
posture_confirmed_source(PG_FUNCTION_ARGS)
{
	return return_seen(fcinfo, current == NULL ? NULL : current->sources);
}

/*
 * confirmed_asset() returns table (asset_id integer, seen_at timestamptz): the assets of
 * the rows that were last seen on an earlier day, and the latest observation of each.
 */
Datum
posture_confirmed_asset(PG_FUNCTION_ARGS)
{
	return return_seen(fcinfo, current == NULL ? NULL : current->assets);
}

/* confirm_end() returns void: forgets the rows. */
Datum
posture_confirm_end(PG_FUNCTION_ARGS)
{
	if (current != NULL)
		MemoryContextDelete(current->context);
	PG_RETURN_VOID();
}
