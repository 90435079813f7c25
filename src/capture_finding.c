/*
 * capture_finding.c: the trigger on finding.
 *
 * A statement that changes states of findings appends rows to finding_delta,
 * one for each day that the changes belong to and each slice of assets. A row
 * holds, for each recommendation, the assets that were toggled: those that
 * entered or left its assessed or its exposed assets. A row that logical
 * replication applies counts as a statement.
 *
 * XORing a stored set with every later toggle gives the current set, in any
 * order. That holds because the toggles of a recommendation and an asset
 * alternate: the row of finding is locked when it changes.
 *
 * A finding says since when it has had its state. So a row of finding replaces
 * what was known of that time and of all time after it. A row of an earlier day
 * does so even if it toggles nothing, and its delta names the asset as
 * unchanged. Deltas are read in the order of their ids
 * (store/finding_history.sql). A statement changes a finding on one day only.
 *
 * Statements write no shared row, so writers don't wait for each other.
 *
 * The same pass collects the recommendations and assets that new rows refer to,
 * which foreign_key.c checks.
 */
#include "assetset.h"
#include "capture_trigger.h"
#include "day.h"
#include "foreign_key.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(posture_capture_finding);
PG_FUNCTION_INFO_V1(posture_check_and_capture_finding);

/* changes held in memory (24 MB); a larger statement appends more rows */
#define CHANGES_MAX 1048576

/* columns of finding, by attribute number */
enum
{
	FINDING_RECOMMENDATION = 1,
	FINDING_ASSET,
	FINDING_STATE,
	FINDING_CHANGED_AT
};

/* columns of finding_delta, in their order from 0 */
enum
{
	DELTA_ID,
	DELTA_DAY,
	DELTA_SLICE,
	DELTA_CHANGES,
	DELTA_RECOMMENDATIONS,
	DELTA_ASSESSED,
	DELTA_EXPOSED,
	DELTA_LAST_CHANGED,
	DELTA_UNCHANGED,
	DELTA_COLUMNS
};

/* bits: the sets that a finding is in by its state, or that it was toggled in */
#define IS_ASSESSED 1
#define IS_EXPOSED 2
/* bit: the finding was toggled in no set, but may replace what was known of later days */
#define IS_UNCHANGED 4

/* a change of one finding */
typedef struct Change
{
	DateADT		day;
	int32		recommendation_id;
	int32		asset_id;
	int32		toggled;		/* bits */
	TimestampTz changed_at;
} Change;

/* the changes of a statement that are not appended yet, and what they need */
typedef struct Capture
{
	FunctionCallInfo fcinfo;	/* of the trigger */
	References	references;		/* of the rows that were read */
	Oid			compliant;		/* values of finding_state */
	Oid			non_compliant;
	pg_tz	   *zone;
	DateADT		today;
	TimestampTz today_end;
	Change	   *changes;
	int			n_changes;
	int			max_changes;	/* allocated */
} Capture;

/* ---- appending ---- */

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

/* Counts the sorted changes that have the day and slice of the first one. */
static int
count_of_slice(const Change *changes, int count)
{
	int			n = 1;

	while (n < count && changes[n].day == changes->day &&
		   SLICE_OF(changes[n].asset_id) == SLICE_OF(changes->asset_id))
		n++;
	return n;
}

/* The same for the recommendation of the first one within a day and slice. */
static int
count_of_recommendation(const Change *changes, int count)
{
	int			n = 1;

	while (n < count && changes[n].recommendation_id == changes->recommendation_id)
		n++;
	return n;
}

/*
 * Returns the assets that the sorted changes of a recommendation toggled in the
 * set of one bit. An asset that is toggled twice, because a row of finding
 * takes the key that another row had, has not changed.
 */
static Datum
toggled_set(const Change *changes, int count, int bit)
{
	RoaringWriter writer;
	bool		is_odd = false;

	roaring_writer_open(&writer, 0);
	for (int i = 0; i < count; i++)
	{
		is_odd ^= (changes[i].toggled & bit) != 0;
		if (i + 1 < count && changes[i + 1].asset_id == changes[i].asset_id)
			continue;
		if (is_odd)
			roaring_writer_add_range(&writer, changes[i].asset_id, changes[i].asset_id);
		is_odd = false;
	}
	return PointerGetDatum(assetset_flat_from_writer(&writer));
}

/* Appends a row with the sorted changes of a day and slice. */
static void
append_changes(Relation delta, const Change *changes, int count)
{
	Datum		values[DELTA_COLUMNS];
	Datum	   *recommendations = palloc(count * sizeof(Datum));
	Datum	   *assessed = palloc(count * sizeof(Datum));
	Datum	   *exposed = palloc(count * sizeof(Datum));
	Datum	   *last_changed = palloc(count * sizeof(Datum));
	Datum	   *unchanged = palloc(count * sizeof(Datum));
	bool		has_unchanged = false;
	int			n = 0;
	Oid			sets = TupleDescAttr(RelationGetDescr(delta), DELTA_ASSESSED)->atttypid;
	Oid			set = get_element_type(sets);

	for (int i = 0, group; i < count; i += group, n++)
	{
		TimestampTz latest = changes[i].changed_at;

		group = count_of_recommendation(changes + i, count - i);
		for (int j = i; j < i + group; j++)
		{
			latest = Max(latest, changes[j].changed_at);
			has_unchanged |= changes[j].toggled == IS_UNCHANGED;
		}
		recommendations[n] = Int32GetDatum(changes[i].recommendation_id);
		assessed[n] = toggled_set(changes + i, group, IS_ASSESSED);
		exposed[n] = toggled_set(changes + i, group, IS_EXPOSED);
		last_changed[n] = TimestampTzGetDatum(latest);
		unchanged[n] = toggled_set(changes + i, group, IS_UNCHANGED);
	}
	values[DELTA_DAY] = DateADTGetDatum(changes->day);
	values[DELTA_SLICE] = Int32GetDatum(SLICE_OF(changes->asset_id));
	values[DELTA_CHANGES] = Int32GetDatum(count);
	values[DELTA_RECOMMENDATIONS] =
		PointerGetDatum(construct_array(recommendations, n, INT4OID, sizeof(int32), true,
										TYPALIGN_INT));
	values[DELTA_ASSESSED] =
		PointerGetDatum(construct_array(assessed, n, set, -1, false, TYPALIGN_INT));
	values[DELTA_EXPOSED] =
		PointerGetDatum(construct_array(exposed, n, set, -1, false, TYPALIGN_INT));
	values[DELTA_LAST_CHANGED] =
		PointerGetDatum(construct_array(last_changed, n, TIMESTAMPTZOID, sizeof(TimestampTz),
										FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[DELTA_UNCHANGED] =
		PointerGetDatum(construct_array(unchanged, has_unchanged ? n : 0, set, -1, false,
										TYPALIGN_INT));
	append_delta(delta, values, DELTA_COLUMNS);
}

/* Appends all changes that are held, one row for each day and slice. */
static void
flush_changes(Capture *capture)
{
	Relation	delta;
	MemoryContext context;
	MemoryContext caller;

	if (capture->n_changes == 0)
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "finding_delta",
									ALLOCSET_DEFAULT_SIZES);
	sort_changes(capture->changes, capture->n_changes);
	delta = open_delta_table(capture->fcinfo, "finding_delta");
	for (int i = 0, group; i < capture->n_changes; i += group)
	{
		group = count_of_slice(capture->changes + i, capture->n_changes - i);
		caller = MemoryContextSwitchTo(context);
		append_changes(delta, capture->changes + i, group);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(context);
	}
	table_close(delta, NoLock);
	MemoryContextDelete(context);
	capture->n_changes = 0;
}

/* ---- reading ---- */

/*
 * Returns the day that a change belongs to: the day of its changed_at, or today
 * if that is in the future. Readers of deltas check whether the day already has
 * its snapshot: a check here would race with that snapshot.
 */
static DateADT
day_of_change(Capture *capture, TimestampTz changed_at)
{
	if (TIMESTAMP_NOT_FINITE(changed_at) || changed_at >= capture->today_end)
		return capture->today;
	return day_of(changed_at, capture->zone);
}

/*
 * Holds a change of a finding, after appending the others if there is no more
 * room. Error: 22003 for a negative asset_id, which only a session without
 * foreign keys (session_replication_role = replica) can insert.
 */
static void
add_change(Capture *capture, DateADT day, int32 recommendation_id, int32 asset_id,
		   int toggled, TimestampTz changed_at)
{
	Change	   *change;

	if (capture->n_changes >= CHANGES_MAX)
		flush_changes(capture);
	if (capture->n_changes >= capture->max_changes)
	{
		capture->max_changes = Max(16, 4 * capture->max_changes);
		capture->changes = resize_array(capture->changes, capture->max_changes, sizeof(Change));
	}
	check_asset_id(asset_id);
	change = &capture->changes[capture->n_changes++];
	change->day = day;
	change->recommendation_id = recommendation_id;
	change->asset_id = asset_id;
	change->toggled = toggled;
	change->changed_at = changed_at;
}

/* Returns the sets that a finding is in by its state, as bits. */
static int
state_bits(const Capture *capture, TransitionReader *row)
{
	Oid			state = DatumGetObjectId(transition_column(row, FINDING_STATE));

	if (state == capture->non_compliant)
		return IS_ASSESSED | IS_EXPOSED;
	return state == capture->compliant ? IS_ASSESSED : 0;
}

/*
 * Holds the change of a row: inserted (old is NULL), deleted (new is NULL) or
 * updated. The time of a deletion is not recorded, so a deleted finding leaves
 * its sets today. A finding whose key was updated leaves those of the old key
 * and joins those of the new one today: on the days before, it was under the
 * old key.
 *
 * A new finding that is not applicable toggles no set, but its delta carries
 * the time at which its recommendation last changed.
 */
static void
capture_row(Capture *capture, TransitionReader *old, TransitionReader *new)
{
	int			old_bits = 0;
	int			new_bits;
	int32		old_recommendation = 0;
	int32		old_asset = 0;
	int32		recommendation;
	int32		asset;
	TimestampTz changed_at;
	DateADT		day;

	if (old != NULL)
	{
		old_recommendation = DatumGetInt32(transition_column(old, FINDING_RECOMMENDATION));
		old_asset = DatumGetInt32(transition_column(old, FINDING_ASSET));
		old_bits = state_bits(capture, old);
	}
	if (new == NULL)
	{
		changed_at = DatumGetTimestampTz(transition_column(old, FINDING_CHANGED_AT));
		if (old_bits != 0)
			add_change(capture, capture->today, old_recommendation, old_asset, old_bits,
					   changed_at);
		return;
	}
	recommendation = DatumGetInt32(transition_column(new, FINDING_RECOMMENDATION));
	asset = DatumGetInt32(transition_column(new, FINDING_ASSET));
	changed_at = DatumGetTimestampTz(transition_column(new, FINDING_CHANGED_AT));
	day = day_of_change(capture, changed_at);
	new_bits = state_bits(capture, new);
	if (old == NULL || recommendation != old_recommendation || asset != old_asset)
		references_add(&capture->references, recommendation, asset);
	if (old == NULL)
		add_change(capture, day, recommendation, asset,
				   new_bits != 0 ? new_bits : IS_UNCHANGED, changed_at);
	else if (recommendation != old_recommendation || asset != old_asset)
	{
		if (old_bits != 0)
			add_change(capture, capture->today, old_recommendation, old_asset, old_bits,
					   changed_at);
		if (new_bits != 0)
			add_change(capture, capture->today, recommendation, asset, new_bits, changed_at);
	}
	else if (new_bits != old_bits)
		add_change(capture, day, recommendation, asset, new_bits ^ old_bits, changed_at);
	else if (day < capture->today &&
			 changed_at != DatumGetTimestampTz(transition_column(old, FINDING_CHANGED_AT)))
		add_change(capture, day, recommendation, asset, IS_UNCHANGED, changed_at);
}

/* Returns the oid of an enum's value. */
static Oid
enum_value(Oid type, const char *label)
{
	HeapTuple	tuple = SearchSysCache2(ENUMTYPOIDNAME, ObjectIdGetDatum(type),
										CStringGetDatum(label));
	Oid			oid;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "enum %u has no value \"%s\"", type, label);
	oid = ((Form_pg_enum) GETSTRUCT(tuple))->oid;
	ReleaseSysCache(tuple);
	return oid;
}

/*
 * capture_finding() returns trigger: checks the foreign keys of the rows that a
 * statement wrote, and appends to finding_delta the findings whose state it
 * changed, if there are any.
 *
 * Runs after INSERT, UPDATE or DELETE on finding; see open_transitions() for
 * the kinds of triggers. Errors: 39P01, 42P01, 55000, 22003, 23503, 40001.
 */
Datum
posture_check_and_capture_finding(PG_FUNCTION_ARGS)
{
	TransitionReader old;
	TransitionReader new;
	TriggerData *data = open_transitions(fcinfo, &old, &new);
	TupleDesc	columns = RelationGetDescr(data->tg_relation);
	Oid			state_type = TupleDescAttr(columns, FINDING_STATE - 1)->atttypid;
	Capture		capture = {0};

	capture.fcinfo = fcinfo;
	references_open(&capture.references, data->tg_relation);
	capture.compliant = enum_value(state_type, "compliant");
	capture.non_compliant = enum_value(state_type, "non_compliant");
	capture.zone = day_zone();
	capture.today = day_of(GetCurrentTimestamp(), capture.zone);
	capture.today_end = day_end(capture.today, capture.zone);
	for (;;)
	{
		bool		has_old = next_transition(&old);
		bool		has_new = next_transition(&new);

		if (!has_old && !has_new)
			break;
		capture_row(&capture, has_old ? &old : NULL, has_new ? &new : NULL);
	}
	close_transitions(&old, &new);
	references_check(&capture.references);
	flush_changes(&capture);
	return PointerGetDatum(NULL);
}

/*
 * The function under the name that 0.2 gave it. A session that has loaded the library
 * of 0.2, which checks no foreign keys, does not find the new name after
 * ALTER EXTENSION UPDATE: it gets an error rather than a finding of no asset.
 */
Datum
posture_capture_finding(PG_FUNCTION_ARGS)
{
	return posture_check_and_capture_finding(fcinfo);
}
