/*
 * delivery_row.c: the rows of a delivery, which stay in the inbox until ingest() ends.
 *
 * ingest() takes each row once, which makes it loaded or rejected unless it is confirmed
 * (confirm.c). When all objects are there, it notes each loaded row, and loads the
 * confirmed ones that turn out to be about the same finding or asset. Its steps then read
 * the loaded rows by their places.
 */
#include "delivery.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(posture_take_row);
PG_FUNCTION_INFO_V1(posture_note_row);
PG_FUNCTION_INFO_V1(posture_load_confirmed);
PG_FUNCTION_INFO_V1(posture_is_loaded_row);
PG_FUNCTION_INFO_V1(posture_is_confirmed_row);
PG_FUNCTION_INFO_V1(posture_is_taken_row);
PG_FUNCTION_INFO_V1(posture_reads_inbox);
PG_FUNCTION_INFO_V1(posture_loaded_rows);

/* Raises an error if one of the first arguments of a function is NULL. */
static void
require_arguments(FunctionCallInfo fcinfo, int n)
{
	for (int i = 0; i < n; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument %d must not be null", i + 1)));
}

/* ---- taking and noting ---- */

/* Whether an argument says nothing, or what is stored. */
bool
is_said(FunctionCallInfo fcinfo, int argument, text *stored)
{
	text	   *value;

	if (PG_ARGISNULL(argument))
		return true;
	value = PG_GETARG_TEXT_PP(argument);
	return VARSIZE_ANY_EXHDR(value) == VARSIZE_ANY_EXHDR(stored) &&
		memcmp(VARDATA_ANY(value), VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored)) == 0;
}

/*
 * take_row(id tid, source_id integer, recommendation_id integer, asset text,
 * observed_at timestamptz, is_rejected boolean) returns boolean: takes a row of the inbox
 * that is not confirmed, with its place; returns is_rejected. recommendation_id is NULL if
 * there is no such recommendation.
 */
Datum
posture_take_row(PG_FUNCTION_ARGS)
{
	ItemPointer row = (ItemPointer) PG_GETARG_POINTER(0);
	bool		is_rejected = PG_GETARG_BOOL(5);

	require_delivery();
	if (PG_ARGISNULL(0) || PG_ARGISNULL(5) ||
		(!is_rejected && (PG_ARGISNULL(1) || PG_ARGISNULL(3) || PG_ARGISNULL(4))))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a row that is loaded has a place, a source, an asset and a time")));
	if (is_rejected)
		row_set_add(delivery->rejected_rows, row);
	else
	{
		row_set_add(delivery->loaded_rows, row);
		see_source(PG_GETARG_INT32(1), PG_GETARG_TIMESTAMPTZ(4));
		if (PG_ARGISNULL(2) ||
			known_object(delivery->known_assets, 0, PG_GETARG_TEXT_PP(3))->id < 0)
			delivery->has_unknown = true;
	}
	PG_RETURN_BOOL(is_rejected);
}

/*
 * Notes a row that is loaded: the recommendation, and from an argument on, the key, the
 * time, the kind and the name of the asset.
 */
static void
note_row(FunctionCallInfo fcinfo, int32 recommendation_id, int argument)
{
	const KnownObject *asset = known_object(delivery->known_assets, 0,
											PG_GETARG_TEXT_PP(argument));
	DeliveredFindings *findings = findings_of(recommendation_id);
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(argument + 1);

	if (asset->id < 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("an asset of the delivery is gone")));
	if (has_asset(findings->loaded, asset->id) || has_asset(findings->confirmed, asset->id))
	{
		add_asset(&findings->repeated, asset->id);
		delivery->has_repeated = true;
	}
	add_finding(findings, &findings->loaded, asset->id, at);
	see_asset(asset, at);
	if (!is_said(fcinfo, argument + 2, asset->kind) || !is_said(fcinfo, argument + 3, asset->name))
		add_asset(&delivery->disputed, asset->id);
}

/*
 * note_row(recommendation_id integer, asset text, observed_at timestamptz, asset_kind text,
 * asset_name text) returns boolean: notes a row that is loaded, when all objects are there.
 * True.
 */
Datum
posture_note_row(PG_FUNCTION_ARGS)
{
	require_delivery();
	require_arguments(fcinfo, 3);
	note_row(fcinfo, PG_GETARG_INT32(0), 1);
	PG_RETURN_BOOL(true);
}

/*
 * load_confirmed(id tid, recommendation_id integer, asset text, observed_at timestamptz,
 * asset_kind text, asset_name text) returns boolean: loads a confirmed row after all, if a
 * loaded one is about the same finding, or gives the asset another kind or name; whether
 * it did so.
 */
Datum
posture_load_confirmed(PG_FUNCTION_ARGS)
{
	ItemPointer row = (ItemPointer) PG_GETARG_POINTER(0);
	int32		recommendation_id = PG_GETARG_INT32(1);
	int32		asset_id;

	require_delivery();
	require_arguments(fcinfo, 4);
	asset_id = known_object(delivery->known_assets, 0, PG_GETARG_TEXT_PP(2))->id;
	if (!has_asset(findings_of(recommendation_id)->repeated, asset_id) &&
		!has_asset(delivery->disputed, asset_id))
		PG_RETURN_BOOL(false);
	row_set_remove(delivery->confirmed_rows, row);
	row_set_add(delivery->loaded_rows, row);
	note_row(fcinfo, recommendation_id, 2);
	PG_RETURN_BOOL(true);
}

/* ---- reading ---- */

/* is_loaded_row(id tid) returns boolean: whether the row is loaded. NULL for NULL. */
Datum
posture_is_loaded_row(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(row_set_has(require_delivery()->loaded_rows,
							   (ItemPointer) PG_GETARG_POINTER(0)));
}

/* is_confirmed_row(id tid) returns boolean: whether the row is confirmed. NULL for NULL. */
Datum
posture_is_confirmed_row(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(row_set_has(require_delivery()->confirmed_rows,
							   (ItemPointer) PG_GETARG_POINTER(0)));
}

/* is_taken_row(id tid) returns boolean: whether the row is of the delivery. NULL for NULL. */
Datum
posture_is_taken_row(PG_FUNCTION_ARGS)
{
	ItemPointer row = (ItemPointer) PG_GETARG_POINTER(0);

	require_delivery();
	PG_RETURN_BOOL(row_set_has(delivery->confirmed_rows, row) ||
				   row_set_has(delivery->loaded_rows, row) ||
				   row_set_has(delivery->rejected_rows, row));
}

/*
 * reads_inbox() returns boolean: whether the loaded rows are so many of the inbox that it
 * is read as a whole. A block has some 70 rows, and a row that is looked up costs as much
 * as five that are read.
 */
Datum
posture_reads_inbox(PG_FUNCTION_ARGS)
{
	Relation	inbox = table_open(get_relname_relid("inbox", get_namespace_oid("posture", false)),
								   AccessShareLock);
	BlockNumber blocks = RelationGetNumberOfBlocks(inbox);

	table_close(inbox, NoLock);
	PG_RETURN_BOOL(row_set_count(require_delivery()->loaded_rows) > 15 * (int64) blocks);
}

/* loaded_rows() returns tid[]: the places of the rows that are loaded, in any order. */
Datum
posture_loaded_rows(PG_FUNCTION_ARGS)
{
	PG_RETURN_ARRAYTYPE_P(row_set_array(require_delivery()->loaded_rows));
}
