/*
 * capture.c: the triggers on finding and asset.
 *
 * A statement that changes states of findings appends one row to finding_delta
 * for the day that the changes belong to and the slice of assets that they are
 * in: which assets were toggled, that is, came to a recommendation's assessed
 * or exposed assets or left them. Toggles of one pair of recommendation and
 * asset alternate, because the row of finding is locked when it changes, so
 * that a set as it was, xor all toggles since, is the set as it is, in
 * whatever order. No shared row is touched: writers don't wait for each other.
 *
 * A statement on asset appends the assets that may count otherwise now to
 * asset_delta. A row that logical replication applies counts as a statement.
 *
 * Rows are inserted here directly, by whoever writes findings, with no right
 * of their own on the tables of deltas.
 */
#include "assetset.h"
#include "day.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(posture_capture_finding);
PG_FUNCTION_INFO_V1(posture_capture_asset);
PG_FUNCTION_INFO_V1(posture_is_applied);

/* A slice is 16 chunks: what one step of fold() takes. */
#define SLICE_BITS 20
#define SLICE_OF(asset_id) ((asset_id) >> SLICE_BITS)

/* how many changes are held in memory; a larger statement appends several rows */
#define CHANGES_MAX 1048576

/* columns of finding, asset, finding_delta and asset_delta, in their order */
enum {FINDING_RECOMMENDATION = 1, FINDING_ASSET, FINDING_STATE, FINDING_CHANGED_AT};
enum {ASSET_ID = 1, ASSET_KIND = 3, ASSET_CRITICALITY = 5, ASSET_TAGS = 7, ASSET_LAST_SEEN = 9, ASSET_RETIRED_AT = 10};
enum {DELTA_ID, DELTA_DAY, DELTA_SLICE, DELTA_CHANGES, DELTA_RECOMMENDATIONS, DELTA_ASSESSED, DELTA_EXPOSED, DELTA_LAST_CHANGED, DELTA_COLUMNS};
enum {ASSET_DELTA_ID, ASSET_DELTA_SLICE, ASSET_DELTA_CHANGES, ASSET_DELTA_ASSETS, ASSET_DELTA_COLUMNS};

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
	Relation	finding;
	Oid			compliant;		/* of finding_state */
	Oid			non_compliant;
	pg_tz	   *zone;
	DateADT		today;
	TimestampTz today_ends;
	Change	   *changes;
	int			n_changes;
	int			space;
} Capture;

/* ---- rows of the transition tables ---- */

/* Goes through a transition table, or is at the one row; NULL for both gives no row. */
typedef struct TransitionReader
{
	Tuplestorestate *rows;
	int			pointer;
	bool		has_row;
	TupleTableSlot *slot;
} TransitionReader;

static void
transition_open(TransitionReader *reader, Tuplestorestate *rows, TupleTableSlot *row, Relation relation)
{
	reader->rows = rows;
	reader->has_row = row != NULL;
	reader->slot = row;
	if (rows == NULL)
		return;
	reader->pointer = tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND);
	tuplestore_select_read_pointer(rows, reader->pointer);
	tuplestore_rescan(rows);
	reader->slot = MakeSingleTupleTableSlot(RelationGetDescr(relation), &TTSOpsMinimalTuple);
}

static bool
transition_next(TransitionReader *reader)
{
	bool		has_row = reader->has_row;

	reader->has_row = false;
	if (reader->rows == NULL)
		return has_row;
	CHECK_FOR_INTERRUPTS();
	tuplestore_select_read_pointer(reader->rows, reader->pointer);
	return tuplestore_gettupleslot(reader->rows, true, false, reader->slot);
}

static void
transition_close(TransitionReader *reader)
{
	if (reader->rows != NULL)
		ExecDropSingleTupleTableSlot(reader->slot);
}

static Datum
column(TransitionReader *reader, int attribute)
{
	bool		is_null;
	Datum		value = slot_getattr(reader->slot, attribute, &is_null);

	if (is_null)
		elog(ERROR, "column %d is null", attribute);
	return value;
}

/* ---- the tables of deltas ---- */

/* A relation of the schema that the other one is in. */
static Oid
sibling(Relation relation, const char *name)
{
	Oid			oid = get_relname_relid(name, RelationGetNamespace(relation));

	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s\" does not exist beside \"%s\"",
						name, RelationGetRelationName(relation))));
	return oid;
}

/* Appends a row whose first column is the next value of the sequence. */
static void
append_delta(Relation delta, const char *sequence, Datum *values)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(delta), &TTSOpsVirtual);

	values[0] = Int64GetDatum(nextval_internal(sibling(delta, sequence), false));
	ExecClearTuple(slot);
	for (int i = 0; i < RelationGetDescr(delta)->natts; i++)
	{
		slot->tts_values[i] = values[i];
		slot->tts_isnull[i] = false;
	}
	ExecStoreVirtualTuple(slot);
	simple_table_tuple_insert(delta, slot);
	ExecDropSingleTupleTableSlot(slot);
}

/* ---- finding ---- */

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
	PortableWriter writer;
	bool		odd = false;

	writer_open(&writer, 0);
	for (int i = 0; i < count; i++)
	{
		/* a row that gave its key to another: the asset was toggled twice */
		odd ^= (changes[i].toggled & toggled) != 0;
		if (i + 1 < count && changes[i + 1].asset_id == changes[i].asset_id)
			continue;
		if (odd)
			writer_add_range(&writer, changes[i].asset_id, changes[i].asset_id);
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
	append_delta(delta, "finding_delta_delta_id_seq", values);
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
	delta = table_open(sibling(capture->finding, "finding_delta"), RowExclusiveLock);
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
 * The trigger's data, and what it is to go through: the transition tables of a
 * statement, or a row that was written by no statement. That is how logical
 * replication applies changes. A row trigger that has transition tables leaves
 * its row to the trigger of the statement. Error 39P01 where the function is
 * not called as such a trigger.
 */
static TriggerData *
trigger_data(FunctionCallInfo fcinfo, TransitionReader *old, TransitionReader *new)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	TupleTableSlot *old_row = NULL;
	TupleTableSlot *new_row = NULL;
	bool		is_for_row;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
		(data->tg_trigger->tgnewtable == NULL && data->tg_trigger->tgoldtable == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called by a trigger with transition tables")));
	is_for_row = TRIGGER_FIRED_FOR_ROW(data->tg_event);
	if (is_for_row && data->tg_newtable == NULL && data->tg_oldtable == NULL)
	{
		bool		is_insert = TRIGGER_FIRED_BY_INSERT(data->tg_event);

		old_row = is_insert ? NULL : data->tg_trigslot;
		new_row = is_insert ? data->tg_trigslot : data->tg_newslot;
	}
	transition_open(old, is_for_row ? NULL : data->tg_oldtable, old_row, data->tg_relation);
	transition_open(new, is_for_row ? NULL : data->tg_newtable, new_row, data->tg_relation);
	return data;
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

	capture.finding = data->tg_relation;
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

/* ---- asset ---- */

/*
 * The moment before which an asset that was seen last may be stale; -infinity:
 * none is. A day more than now, because others may count it as stale as long
 * as this transaction is not committed.
 */
static TimestampTz
stale_before(void)
{
	bool		is_null;
	Datum		moment;

	SPI_connect();
	if (SPI_execute("SELECT pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.min(s.stale_after)"
					" OPERATOR(pg_catalog.+) INTERVAL '1 day' FROM posture.source s WHERE s.is_active", true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read source");
	moment = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
	SPI_finish();
	return is_null ? DT_NOBEGIN : DatumGetTimestampTz(moment);
}

/* Whether a column has other bytes in the two rows. */
static bool
differs(TransitionReader *old, TransitionReader *new, int attribute)
{
	bool		old_null;
	bool		new_null;
	Datum		old_value = slot_getattr(old->slot, attribute, &old_null);
	Datum		new_value = slot_getattr(new->slot, attribute, &new_null);
	Form_pg_attribute form = TupleDescAttr(old->slot->tts_tupleDescriptor, attribute - 1);

	if (old_null || new_null)
		return old_null != new_null;
	if (form->attlen != -1)
		return !datumIsEqual(old_value, new_value, form->attbyval, form->attlen);
	return !datum_image_eq(old_value, new_value, form->attbyval, form->attlen);
}

/* Whether an asset may count otherwise, in whatever way, since the change. */
static bool
counts_otherwise(TransitionReader *old, TransitionReader *new, TimestampTz *stale_moment)
{
	TimestampTz seen;

	if (differs(old, new, ASSET_ID) || differs(old, new, ASSET_KIND) || differs(old, new, ASSET_CRITICALITY) ||
		differs(old, new, ASSET_TAGS) || differs(old, new, ASSET_RETIRED_AT))
		return true;
	if (!differs(old, new, ASSET_LAST_SEEN))
		return false;
	if (*stale_moment == DT_NOEND)
		*stale_moment = stale_before();
	/* what was seen lately, and is seen again, was fresh and is */
	seen = Min(DatumGetTimestampTz(column(old, ASSET_LAST_SEEN)), DatumGetTimestampTz(column(new, ASSET_LAST_SEEN)));
	return seen < *stale_moment;
}

/* Appends the assets to asset_delta, a row for each slice. */
static void
append_assets(Relation asset, Assetset *assets)
{
	FlatAssetset *flat = DatumGetFlatAssetset(EOHPGetRODatum(&assets->header));
	Relation	delta = table_open(sibling(asset, "asset_delta"), RowExclusiveLock);
	PortableReader reader;
	Container	container;
	PortableWriter writer;
	Datum		values[ASSET_DELTA_COLUMNS];
	int			slice = -1;
	int			changes = 0;
	bool		more;

	portable_open(&reader, flat->bytes, FLAT_BYTES_SIZE(flat));
	do
	{
		more = portable_next(&reader, &container);
		if (slice >= 0 && (!more || (int) (container.key >> (SLICE_BITS - 16)) != slice))
		{
			values[ASSET_DELTA_SLICE] = Int32GetDatum(slice);
			values[ASSET_DELTA_CHANGES] = Int32GetDatum(changes);
			values[ASSET_DELTA_ASSETS] = PointerGetDatum(assetset_flat_from_writer(&writer));
			append_delta(delta, "asset_delta_delta_id_seq", values);
			slice = -1;
		}
		if (more)
		{
			if (slice < 0)
			{
				writer_open(&writer, 0);
				slice = container.key >> (SLICE_BITS - 16);
				changes = 0;
			}
			writer_add_container(&writer, &reader, &container);
			changes += container.cardinality;
		}
	} while (more);
	table_close(delta, NoLock);
}

/*
 * The trigger after INSERT, UPDATE or DELETE on asset, with transition tables.
 * Appends to asset_delta the assets that are new, gone, or may count
 * otherwise: by kind, criticality, tags, retirement, or because they were seen
 * again after they may have been stale.
 */
Datum
posture_capture_asset(PG_FUNCTION_ARGS)
{
	TransitionReader old;
	TransitionReader new;
	TriggerData *data = trigger_data(fcinfo, &old, &new);
	Assetset   *touched = assetset_make(CurrentMemoryContext);
	TimestampTz stale_moment = DT_NOEND;
	bool		any = false;
	bool		has_old;
	bool		has_new;

	assetset_own(touched, roaring_bitmap_create());
	for (;;)
	{
		has_old = transition_next(&old);
		has_new = transition_next(&new);
		if (!has_old && !has_new)
			break;
		if (has_old && has_new && !counts_otherwise(&old, &new, &stale_moment))
			continue;
		if (has_old)
			assetset_add(touched, DatumGetInt32(column(&old, ASSET_ID)));
		if (has_new)
			assetset_add(touched, DatumGetInt32(column(&new, ASSET_ID)));
		any = true;
	}
	transition_close(&old);
	transition_close(&new);
	if (any)
		append_assets(data->tg_relation, touched);
	return PointerGetDatum(NULL);
}

/* is_applied() returns boolean: whether a worker of logical replication is at work. */
Datum
posture_is_applied(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_BOOL(IsLogicalWorker());
}
