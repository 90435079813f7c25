/*
 * writer.c: whether another transaction is writing a row.
 */
#include "posture.h"

#include "access/transam.h"
#include "access/xact.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(posture_is_being_written);
PG_FUNCTION_INFO_V1(posture_is_written_here);

/*
 * is_being_written(xmax xid) returns boolean: whether the transaction that updates,
 * deletes or locks a row had not ended when the statement began, so that the statement
 * reads the row as it is before. A row that several transactions lock has the id
 * of their group instead, which may be missed.
 */
Datum
posture_is_being_written(PG_FUNCTION_ARGS)
{
	TransactionId xmax = DatumGetTransactionId(PG_GETARG_DATUM(0));

	PG_RETURN_BOOL(TransactionIdIsNormal(xmax) &&
				   !TransactionIdIsCurrentTransactionId(xmax) &&
				   XidInMVCCSnapshot(xmax, GetActiveSnapshot()));
}

/*
 * is_written_here(xmin xid) returns boolean: whether the current transaction, or a
 * subtransaction of it, inserted the row or wrote this version of it.
 */
Datum
posture_is_written_here(PG_FUNCTION_ARGS)
{
	TransactionId xmin = DatumGetTransactionId(PG_GETARG_DATUM(0));

	PG_RETURN_BOOL(TransactionIdIsCurrentTransactionId(xmin));
}
