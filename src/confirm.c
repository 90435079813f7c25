/*
 * confirm.c: rows of the inbox that say what is stored.
 *
 * Most rows of a delivery confirm a finding: its state is the one that the stored sets
 * have. ingest() sorts them out before it does anything else, and touches no finding for
 * them, unless another row turns out to be about the same finding or asset.
 */
#include "delivery.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(posture_confirms);

/* The memory of the delivery is measured each time after so many rows. */
#define ROWS_BETWEEN_CHECKS 4096

static bool
is_text(text *value, const char *word)
{
	return VARSIZE_ANY_EXHDR(value) == strlen(word) &&
		memcmp(VARDATA_ANY(value), word, strlen(word)) == 0;
}

/* Whether a state is the one that the stored sets have. They don't have not_applicable. */
static bool
is_state(DeliveredFindings *findings, int32 asset_id, text *state)
{
	bool		is_assessed;
	bool		is_exposed;

	if (findings->toggled != NULL && assetset_has(PointerGetDatum(findings->toggled), asset_id))
		return false;
	stored_state(delivery->states, findings->recommendation_id, asset_id, &is_assessed,
				 &is_exposed);
	return is_assessed && is_text(state, is_exposed ? "non_compliant" : "compliant");
}

/* Keeps a row that confirms a finding. */
static void
keep(DeliveredFindings *findings, const KnownObject *asset, int32 source_id, TimestampTz at,
	 ItemPointer row)
{
	add_finding(findings, &findings->confirmed, asset->id, at);
	row_set_add(delivery->confirmed_rows, row);
	see_source(source_id, at);
	see_asset(asset, at);
	if (row_set_count(delivery->confirmed_rows) % ROWS_BETWEEN_CHECKS == 0)
		delivery->is_full = MemoryContextMemAllocated(delivery->context, true) >
			5 * (maintenance_work_mem * (Size) 1024);
}

/*
 * confirms(source_id integer, recommendation_id integer, asset text, state text,
 * observed_at timestamptz, asset_kind text, asset_name text, id tid) returns boolean:
 * whether a row of the inbox, which has no details, says no more than what is stored. It
 * is kept then, as confirmed. id is its place in the inbox. False also where there is no
 * memory for more rows: several times maintenance_work_mem. Never NULL.
 */
Datum
posture_confirms(PG_FUNCTION_ARGS)
{
	const KnownObject *asset;
	DeliveredFindings *findings;

	if (delivery == NULL || delivery->states == NULL || delivery->is_full || PG_ARGISNULL(0) ||
		PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		PG_RETURN_BOOL(false);
	asset = known_object(delivery->known_assets, 0, PG_GETARG_TEXT_PP(2));
	if (asset->id < 0 || !is_said(fcinfo, 5, asset->kind) || !is_said(fcinfo, 6, asset->name))
		PG_RETURN_BOOL(false);
	findings = findings_of(PG_GETARG_INT32(1));
	if (!is_state(findings, asset->id, PG_GETARG_TEXT_PP(3)))
		PG_RETURN_BOOL(false);
	keep(findings, asset, PG_GETARG_INT32(0),
		 PG_ARGISNULL(4) ? delivery->arrived_at : PG_GETARG_TIMESTAMPTZ(4),
		 (ItemPointer) PG_GETARG_POINTER(7));
	PG_RETURN_BOOL(true);
}
