/*
 * capture_finding.c: the trigger on finding.
 *
 * A statement that changes states of findings appends one row to finding_delta
 * for the day that the changes belong to and the slice of assets that they are
 * in: which assets were toggled, that is, came to a recommendation's assessed
 * or exposed assets or left them. Toggles of one pair of recommendation and
 * asset alternate, because the row of finding is locked when it changes, so
 * that a set as it was, xor all toggles since, is the set as it is, in
 * whatever order. No shared row is touched: writers don't wait for each other.
 * A row that logical replication applies counts as a statement.
 *
 * Rows are inserted here directly, by whoever writes findings, with no right
 * of their own on the tables of deltas.
 */
#include "assetset.h"
#include "day.h"
#include "capture_trigger.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(posture_capture_finding);
PG_FUNCTION_INFO_V1(posture_is_applied);

/* how many changes are held in memory; a larger statement appends several rows */
#define CHANGES_MAX 1048576

/* columns of finding and finding_delta, in their order */
enum {FINDING_RECOMMENDATION = 1, FINDING_ASSET, FINDING_STATE, FINDING_CHANGED_AT};
enum {DELTA_ID, DELTA_DAY, DELTA_SLICE, DELTA_CHANGES, DELTA_RECOMMENDATIONS, DELTA_ASSESSED, DELTA_EXPOSED, DELTA_LAST_CHANGED, DELTA_COLUMNS};

/* what a state says: bits, also of what was toggled */
#define IS_ASSESSED 1
#define IS_EXPOSED 2

typedef struct Change
{
	DateADT		day;
	int32		recommendation_id;
	int32		asset_id;
	int32		toggled;
	TimestampTz changed_at;
} Change;

/* What a statement on finding changed, so far. */
typedef struct Capture
{
	FunctionCallInfo fcinfo;	/* of the trigger */
	Oid			compliant;		/* of finding_state */
	Oid			non_compliant;
	pg_tz	   *zone;
	DateADT		today;
	TimestampTz today_ends;
	Change	   *changes;
	int			n_changes;
	int			space;
} Capture;

static int
compare_changes(const Change *a, const Change *b)
{
	if (a->day != b->day)
		return a->day < b->day ? -1 : 1;
	if (SLICE_OF(a->asset_id) != SLICE_OF(b->asset_id))
		return SLICE_OF(a->asset_id) < SLICE_OF(b->asset_id) ? -1 : 1;
	if (a->recommendation_id != b->recommendation_id)
		return a->recommendation_id < b->recommendation_id ? -1 : 1;
	return a->asset_id < b->asset_id ? -1 : a->asset_id > b->asset_id;
}

#define ST_SORT sort_changes
#define ST_ELEMENT_TYPE Change
#define ST_COMPARE(a, b) compare_changes(a, b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/* The set of the assets that the changes toggled so; the changes are sorted. */
static Datum
toggled_set(const Change *changes, int count, int toggled)
{
	RoaringWriter writer;
	bool		odd = false;

	roaring_writer_open(&writer, 0);
	for (int i = 0; i < count; i++)
	{
		/* a row that gave its key to another: the asset was toggled twice */
		odd ^= (changes[i].toggled & toggled) != 0;
		if (i + 1 < count && changes[i + 1].asset_id == changes[i].asset_id)
			continue;
		if (odd)
			roaring_writer_add_range(&writer, changes[i].asset_id, changes[i].asset_id);
		odd = false;
	}
	return PointerGetDatum(assetset_flat_from_writer(&writer));
}

/* How many of the changes, which are sorted, are about the same recommendation, or day and slice. */
static int
count_alike(const Change *changes, int count, bool same_recommendation)
{
	int			alike = 1;

	while (alike < count && changes[alike].day == changes->day &&
		   SLICE_OF(changes[alike].asset_id) == SLICE_OF(changes->asset_id) &&
		   (!same_recommendation || changes[alike].recommendation_id == changes->recommendation_id))
		alike++;
	return alike;
}

/* Appends the changes of a day and slice. */
static void
append_changes(Relation delta, const Change *changes, int count)
{
	Datum		values[DELTA_COLUMNS];
	Datum	   *entries[4];
	int			n_entries = 0;
	Oid			set_type = get_element_type(TupleDescAttr(RelationGetDescr(delta), DELTA_ASSESSED)->atttypid);

	for (int i = 0; i < 4; i++)
		entries[i] = palloc(count * sizeof(Datum));
	for (int i = 0, alike; i < count; i += alike)
	{
		TimestampTz last_changed = changes[i].changed_at;

		alike = count_alike(changes + i, count - i, true);
		for (int j = i + 1; j < i + alike; j++)
			last_changed = Max(last_changed, changes[j].changed_at);
		entries[0][n_entries] = Int32GetDatum(changes[i].recommendation_id);
		entries[1][n_entries] = toggled_set(changes + i, alike, IS_ASSESSED);
		entries[2][n_entries] = toggled_set(changes + i, alike, IS_EXPOSED);
		entries[3][n_entries++] = TimestampTzGetDatum(last_changed);
	}
	values[DELTA_DAY] = DateADTGetDatum(changes->day);
	values[DELTA_SLICE] = Int32GetDatum(SLICE_OF(changes->asset_id));
	values[DELTA_CHANGES] = Int32GetDatum(count);
	values[DELTA_RECOMMENDATIONS] = PointerGetDatum(construct_array(entries[0], n_entries, INT4OID, sizeof(int32), true, TYPALIGN_INT));
	values[DELTA_ASSESSED] = PointerGetDatum(construct_array(entries[1], n_entries, set_type, -1, false, TYPALIGN_INT));
	values[DELTA_EXPOSED] = PointerGetDatum(construct_array(entries[2], n_entries, set_type, -1, false, TYPALIGN_INT));
	values[DELTA_LAST_CHANGED] = PointerGetDatum(construct_array(entries[3], n_entries, TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	append_delta(delta, values, DELTA_COLUMNS);
}

/* Appends all changes so far, a row for each day and slice. */
static void
flush_changes(Capture *capture)
{
	Relation	delta;
	MemoryContext context;
	MemoryContext caller;

	if (capture->n_changes == 0)
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "finding_delta", ALLOCSET_DEFAULT_SIZES);
	sort_changes(capture->changes, capture->n_changes);
	delta = open_delta_table(capture->fcinfo, "finding_delta");
	for (int i = 0, alike; i < capture->n_changes; i += alike)
	{
		alike = count_alike(capture->changes + i, capture->n_changes - i, false);
		caller = MemoryContextSwitchTo(context);
		append_changes(delta, capture->changes + i, alike);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(context);
	}
	table_close(delta, NoLock);
	MemoryContextDelete(context);
	capture->n_changes = 0;
}

/*
 * The day that a change belongs to: that of its changed_at, but none that is
 * still to come. One that has its snapshot already is told from others where
 * deltas are read: here it would be a race.
 */
static DateADT
day_of_change(Capture *capture, TimestampTz changed_at)
{
	if (TIMESTAMP_NOT_FINITE(changed_at) || changed_at >= capture->today_ends)
		return capture->today;
	return day_of(changed_at, capture->zone);
}

static void
add_change(Capture *capture, DateADT day, int32 recommendation_id, int32 asset_id,
		   int toggled, TimestampTz changed_at)
{
	Change	   *change;

	if (capture->n_changes >= CHANGES_MAX)
		flush_changes(capture);
	if (capture->n_changes >= capture->space)
	{
		capture->space = Max(16, 4 * capture->space);
		capture->changes = capture->changes == NULL ?
			palloc(capture->space * sizeof(Change)) :
			repalloc(capture->changes, capture->space * sizeof(Change));
	}
	/* a foreign key says so too, but not to who has triggers off */
	if (asset_id < 0)
		assetset_id_out_of_range(asset_id);
	change = &capture->changes[capture->n_changes++];
	change->day = day;
	change->recommendation_id = recommendation_id;
	change->asset_id = asset_id;
	change->toggled = toggled;
	change->changed_at = changed_at;
}

/* What the state of the reader's row says, in bits. */
static int
state_bits(const Capture *capture, TransitionReader *row)
{
	Oid			state = DatumGetObjectId(column(row, FINDING_STATE));

	return state == capture->non_compliant ? IS_ASSESSED | IS_EXPOSED :
		state == capture->compliant ? IS_ASSESSED : 0;
}

/* Takes in a row that was, one that is, or one that was changed. */
static void
capture_row(Capture *capture, TransitionReader *old, TransitionReader *new)
{
	int			was = 0;
	int			is = 0;
	int32		old_recommendation = 0;
	int32		old_asset = 0;
	int32		recommendation;
	int32		asset;
	TimestampTz changed_at;

	if (old != NULL)
	{
		old_recommendation = DatumGetInt32(column(old, FINDING_RECOMMENDATION));
		old_asset = DatumGetInt32(column(old, FINDING_ASSET));
		was = state_bits(capture, old);
	}
	if (new == NULL)
	{
		/* a row that goes has no time: it goes today */
		if (was != 0)
			add_change(capture, capture->today, old_recommendation, old_asset, was,
					   DatumGetTimestampTz(column(old, FINDING_CHANGED_AT)));
		return;
	}
	recommendation = DatumGetInt32(column(new, FINDING_RECOMMENDATION));
	asset = DatumGetInt32(column(new, FINDING_ASSET));
	changed_at = DatumGetTimestampTz(column(new, FINDING_CHANGED_AT));
	is = state_bits(capture, new);
	if (old != NULL && (recommendation != old_recommendation || asset != old_asset))
	{
		if (was != 0)
			add_change(capture, capture->today, old_recommendation, old_asset, was, changed_at);
		was = 0;
	}
	/* a new finding that does not apply toggles nothing, and has a time */
	if (is != was || old == NULL)
		add_change(capture, day_of_change(capture, changed_at), recommendation, asset, is ^ was, changed_at);
}

static Oid
enum_value(Oid type, const char *label)
{
	HeapTuple	tuple = SearchSysCache2(ENUMTYPOIDNAME, ObjectIdGetDatum(type), CStringGetDatum(label));
	Oid			oid;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "enum has no value \"%s\"", label);
	oid = ((Form_pg_enum) GETSTRUCT(tuple))->oid;
	ReleaseSysCache(tuple);
	return oid;
}

/*
 * The trigger after INSERT, UPDATE or DELETE on finding, with transition
 * tables. Appends to finding_delta; nothing where no state changed.
 */
Datum
posture_capture_finding(PG_FUNCTION_ARGS)
{
	TransitionReader old;
	TransitionReader new;
	TriggerData *data = trigger_data(fcinfo, &old, &new);
	Capture		capture = {0};
	bool		has_old;
	bool		has_new;
	Oid			state_type = TupleDescAttr(RelationGetDescr(data->tg_relation), FINDING_STATE - 1)->atttypid;

	capture.fcinfo = fcinfo;
	capture.compliant = enum_value(state_type, "compliant");
	capture.non_compliant = enum_value(state_type, "non_compliant");
	capture.zone = day_zone();
	capture.today = day_of(GetCurrentTimestamp(), capture.zone);
	capture.today_ends = day_end(capture.today, capture.zone);
	for (;;)
	{
		/* of an updated row, both tables have their version at the same place */
		has_old = transition_next(&old);
		has_new = transition_next(&new);
		if (!has_old && !has_new)
			break;
		capture_row(&capture, has_old ? &old : NULL, has_new ? &new : NULL);
	}
	transition_close(&old);
	transition_close(&new);
	flush_changes(&capture);
	return PointerGetDatum(NULL);
}

/* is_applied() returns boolean: whether a worker of logical replication is at work. */
Datum
posture_is_applied(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_BOOL(IsLogicalWorker());
}
