/*
 * capture_asset.c: the trigger on asset.
 *
 * A statement appends to asset_delta the assets that may have to be counted
 * differently. A row that logical replication applies counts as a statement.
 */
#include "assetset.h"
#include "capture_trigger.h"
#include "day.h"

#include "access/table.h"
#include "executor/spi.h"
#include "utils/datum.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(posture_capture_asset);

/* columns of asset, by attribute number */
enum
{
	ASSET_ID = 1,
	ASSET_KEY = 2,
	ASSET_KIND = 3,
	ASSET_CRITICALITY = 5,
	ASSET_OWNER = 6,
	ASSET_TAGS = 7,
	ASSET_LAST_SEEN = 9,
	ASSET_RETIRED_AT = 10
};

/* columns of asset_delta, in their order from 0 */
enum
{
	DELTA_ID,
	DELTA_SLICE,
	DELTA_CHANGES,
	DELTA_ASSETS,
	DELTA_COLUMNS
};

/* the slice of a container's 2^16 ids */
#define SLICE_OF_CONTAINER(key) ((int) ((key) >> (SLICE_BITS - 16)))

/*
 * Returns the time before which an asset must have been last seen to be stale,
 * or -infinity if no source lets assets become stale.
 *
 * The result is that of the SQL function stale_before() plus one day, because
 * readers count with a later clock until this transaction commits. The query
 * repeats that function, because an installed version of posture may not have
 * it before ALTER EXTENSION UPDATE. It takes the latest time, not the time of
 * the shortest stale_after, because intervals compare a month as 30 days.
 */
static TimestampTz
stale_before(void)
{
	bool		is_null;
	Datum		moment;

	SPI_connect();
	if (SPI_execute("SELECT pg_catalog.max(pg_catalog.timezone('UTC',"
					" pg_catalog.timezone('UTC', pg_catalog.clock_timestamp())"
					" OPERATOR(pg_catalog.-) s.stale_after))"
					" OPERATOR(pg_catalog.+) INTERVAL '1 day'"
					" FROM posture.source s WHERE s.is_active", true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read table \"posture.source\"");
	moment = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
	SPI_finish();
	return is_null ? DT_NOBEGIN : DatumGetTimestampTz(moment);
}

/*
 * Whether a column has other bytes in the two rows. Equal values with other
 * bytes only cause a delta that changes nothing.
 */
static bool
column_differs(TransitionReader *old, TransitionReader *new, int attribute)
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

/*
 * Whether a changed asset may have to be counted differently. *stale_time
 * caches the result of stale_before() for the statement; it is infinity until
 * the result is needed.
 */
static bool
may_change_counts(TransitionReader *old, TransitionReader *new, TimestampTz *stale_time)
{
	TimestampTz last_seen;

	if (column_differs(old, new, ASSET_ID) ||
		column_differs(old, new, ASSET_KEY) ||
		column_differs(old, new, ASSET_KIND) ||
		column_differs(old, new, ASSET_CRITICALITY) ||
		column_differs(old, new, ASSET_OWNER) ||
		column_differs(old, new, ASSET_TAGS) ||
		column_differs(old, new, ASSET_RETIRED_AT))
		return true;
	if (!column_differs(old, new, ASSET_LAST_SEEN))
		return false;
	if (*stale_time == DT_NOEND)
		*stale_time = stale_before();
	/* an asset whose old and new times are both recent is not stale in either */
	last_seen = Min(DatumGetTimestampTz(transition_column(old, ASSET_LAST_SEEN)),
					DatumGetTimestampTz(transition_column(new, ASSET_LAST_SEEN)));
	return last_seen < *stale_time;
}

/* Appends a set of assets to asset_delta, one row for each slice. */
static void
append_assets(FunctionCallInfo fcinfo, Assetset *assets)
{
	FlatAssetset *flat = DatumGetFlatAssetset(EOHPGetRODatum(&assets->header));
	Relation	delta = open_delta_table(fcinfo, "asset_delta");
	RoaringReader reader;
	Container	container;
	RoaringWriter writer;
	Datum		values[DELTA_COLUMNS];
	int			slice = -1;		/* of the row that is being built; -1: none */
	int			changes = 0;
	bool		more;

	roaring_reader_open(&reader, flat->bytes, FLAT_BYTES_SIZE(flat));
	do
	{
		more = roaring_reader_next(&reader, &container);
		if (slice >= 0 && (!more || SLICE_OF_CONTAINER(container.key) != slice))
		{
			values[DELTA_SLICE] = Int32GetDatum(slice);
			values[DELTA_CHANGES] = Int32GetDatum(changes);
			values[DELTA_ASSETS] = PointerGetDatum(assetset_flat_from_writer(&writer));
			append_delta(delta, values, DELTA_COLUMNS);
			slice = -1;
		}
		if (more)
		{
			if (slice < 0)
			{
				roaring_writer_open(&writer, 0);
				slice = SLICE_OF_CONTAINER(container.key);
				changes = 0;
			}
			roaring_writer_copy_container(&writer, &container);
			changes += container.cardinality;
		}
	} while (more);
	table_close(delta, NoLock);
}

/*
 * capture_asset() returns trigger: appends to asset_delta the assets that a
 * statement inserted or deleted, and those that it updated so that they may
 * have to be counted differently: by their kind, criticality, tags or
 * retirement, by their key or owner, which rules of groups name, or because
 * they were seen again after they may have become stale.
 *
 * Runs after INSERT, UPDATE or DELETE on asset; see open_transitions() for the
 * kinds of triggers. Errors: 39P01, 42P01, 55000.
 */
Datum
posture_capture_asset(PG_FUNCTION_ARGS)
{
	TransitionReader old;
	TransitionReader new;
	Assetset   *changed = assetset_make(CurrentMemoryContext);
	TimestampTz stale_time = DT_NOEND;
	bool		any = false;

	open_transitions(fcinfo, &old, &new);
	for (;;)
	{
		bool		has_old = next_transition(&old);
		bool		has_new = next_transition(&new);

		if (!has_old && !has_new)
			break;
		if (has_old && has_new && !may_change_counts(&old, &new, &stale_time))
			continue;
		if (has_old)
			assetset_add(changed, DatumGetInt32(transition_column(&old, ASSET_ID)));
		if (has_new)
			assetset_add(changed, DatumGetInt32(transition_column(&new, ASSET_ID)));
		any = true;
	}
	close_transitions(&old, &new);
	if (any)
		append_assets(fcinfo, changed);
	return PointerGetDatum(NULL);
}
