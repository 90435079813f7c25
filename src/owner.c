/*
 * owner.c: what a role may see that owns initiatives or groups of assets.
 *
 * Such a role may not read the sets that scores are counted from, because
 * they hold the assets of all. A function declared with posture_own() reads
 * them for it: it runs the function of its own name and "_of", with the oid
 * of its caller in front of its arguments, with the rights of whom both
 * belong to, and hands back what that one finds the caller may see.
 *
 * In C, because only so the caller can't be somebody else: to a function that
 * is SECURITY DEFINER, current_user is the one who defined it, session_user
 * has not heard of SET ROLE, and an argument could name anybody.
 */
#include "posture.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/params.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(posture_own);

static void
set_param(ParamListInfo params, int n, Oid type, Datum value, bool is_null)
{
	params->params[n].value = value;
	params->params[n].isnull = is_null;
	params->params[n].pflags = PARAM_FLAG_CONST;
	params->params[n].ptype = type;
}

/* SELECT of all from schema.NAME_of($1, ...), with every name quoted. */
static char *
query_of(Form_pg_proc proc)
{
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfo(&query, "SELECT * FROM %s($1",
					 quote_qualified_identifier(get_namespace_name(proc->pronamespace),
												psprintf("%s_of", NameStr(proc->proname))));
	for (int n = 0; n < proc->pronargs; n++)
		appendStringInfo(&query, ", $%d", n + 2);
	appendStringInfoChar(&query, ')');
	return query.data;
}

/*
 * NAME(arguments) returns rows: those of NAME_of(oid of current_user,
 * arguments), run as the owner of NAME; as the statement that calls it sees
 * the tables. NULL is passed on. An error leaves the caller who they were,
 * because the end of a (sub)transaction resets that.
 */
Datum
posture_own(PG_FUNCTION_ARGS)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	Form_pg_proc proc;
	ParamListInfo params;
	SPIExecuteOptions options = {0};
	ReturnSetInfo *result;
	Oid			caller;
	int			context;
	int			code;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", fcinfo->flinfo->fn_oid);
	proc = (Form_pg_proc) GETSTRUCT(tuple);

	/* also checks that the caller takes a set */
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	GetUserIdAndSecContext(&caller, &context);
	params = makeParamList(proc->pronargs + 1);
	set_param(params, 0, OIDOID, ObjectIdGetDatum(caller), false);
	for (int n = 0; n < proc->pronargs; n++)
		set_param(params, n + 1, proc->proargtypes.values[n], PG_GETARG_DATUM(n), PG_ARGISNULL(n));

	SPI_connect();
	options.params = params;
	options.read_only = true;
	options.dest = CreateDestReceiver(DestTuplestore);
	SetTuplestoreDestReceiverParams(options.dest, result->setResult,
									result->econtext->ecxt_per_query_memory, false,
									result->setDesc, "function and what it runs give different columns");
	SetUserIdAndSecContext(proc->proowner, context | SECURITY_LOCAL_USERID_CHANGE);
	code = SPI_execute_extended(query_of(proc), &options);
	SetUserIdAndSecContext(caller, context);
	if (code < 0)
		elog(ERROR, "SPI_execute_extended failed: %s", SPI_result_code_string(code));
	SPI_finish();
	ReleaseSysCache(tuple);
	return (Datum) 0;
}
