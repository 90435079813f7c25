/*
 * capture_asset.c: the trigger on asset. A statement appends the assets that
 * may count otherwise now to asset_delta. A row that logical replication
 * applies counts as a statement.
 */
#include "assetset.h"
#include "day.h"
#include "capture_trigger.h"

#include "access/table.h"
#include "executor/spi.h"
#include "utils/datum.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(posture_capture_asset);

/* columns of asset and asset_delta, in their order */
enum {ASSET_ID = 1, ASSET_KIND = 3, ASSET_CRITICALITY = 5, ASSET_TAGS = 7, ASSET_LAST_SEEN = 9, ASSET_RETIRED_AT = 10};
enum {ASSET_DELTA_ID, ASSET_DELTA_SLICE, ASSET_DELTA_CHANGES, ASSET_DELTA_ASSETS, ASSET_DELTA_COLUMNS};

/*
 * The moment before which an asset that was seen last may be stale; -infinity:
 * none is. A day more than now, because others may count it as stale as long
 * as this transaction is not committed. The latest moment, and not that of the
 * least stale_after: by their order, months have 30 days.
 */
static TimestampTz
stale_before(void)
{
	bool		is_null;
	Datum		moment;

	SPI_connect();
	/* stale_before(), which need not be there before an update */
	if (SPI_execute("SELECT pg_catalog.max(pg_catalog.timezone('UTC', pg_catalog.timezone('UTC', pg_catalog.clock_timestamp())"
					" OPERATOR(pg_catalog.-) s.stale_after))"
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
append_assets(FunctionCallInfo fcinfo, Assetset *assets)
{
	FlatAssetset *flat = DatumGetFlatAssetset(EOHPGetRODatum(&assets->header));
	Relation	delta = open_delta_table(fcinfo, "asset_delta");
	RoaringReader reader;
	Container	container;
	RoaringWriter writer;
	Datum		values[ASSET_DELTA_COLUMNS];
	int			slice = -1;
	int			changes = 0;
	bool		more;

	roaring_reader_open(&reader, flat->bytes, FLAT_BYTES_SIZE(flat));
	do
	{
		more = roaring_reader_next(&reader, &container);
		if (slice >= 0 && (!more || (int) (container.key >> (SLICE_BITS - 16)) != slice))
		{
			values[ASSET_DELTA_SLICE] = Int32GetDatum(slice);
			values[ASSET_DELTA_CHANGES] = Int32GetDatum(changes);
			values[ASSET_DELTA_ASSETS] = PointerGetDatum(assetset_flat_from_writer(&writer));
			append_delta(delta, values, ASSET_DELTA_COLUMNS);
			slice = -1;
		}
		if (more)
		{
			if (slice < 0)
			{
				roaring_writer_open(&writer, 0);
				slice = container.key >> (SLICE_BITS - 16);
				changes = 0;
			}
			roaring_writer_add_container(&writer, &reader, &container);
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
	Assetset   *touched = assetset_make(CurrentMemoryContext);
	TimestampTz stale_moment = DT_NOEND;
	bool		any = false;
	bool		has_old;
	bool		has_new;

	trigger_data(fcinfo, &old, &new);
	assetset_set_bitmap(touched, roaring_bitmap_create());
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
		append_assets(fcinfo, touched);
	return PointerGetDatum(NULL);
}
