/*
 * owner.c: what an owner of initiatives or asset groups may see.
 *
 * An owner may not read the stored sets, because they hold the assets of the
 * whole organisation. A function that is declared with posture_owner() reads
 * them for its caller: it runs the function NAME_of(), which takes the oid of
 * the caller before its own arguments and returns what that role may see, with
 * the privileges of the role that owns both functions.
 *
 * Only C code can identify the caller reliably. In a SECURITY DEFINER function,
 * current_user is the function's owner, session_user does not follow SET ROLE,
 * and an argument could name any role.
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

PG_FUNCTION_INFO_V1(posture_owner);

static void
set_param(ParamListInfo params, int n, Oid type, Datum value, bool is_null)
{
	params->params[n].value = value;
	params->params[n].isnull = is_null;
	params->params[n].pflags = PARAM_FLAG_CONST;
	params->params[n].ptype = type;
}

/* Returns the query that runs NAME_of(): it is in the schema of NAME. */
static char *
build_query(Form_pg_proc proc)
{
	StringInfoData query;
	char	   *schema = get_namespace_name(proc->pronamespace);
	char	   *function = psprintf("%s_of", NameStr(proc->proname));

	initStringInfo(&query);
	appendStringInfo(&query, "SELECT * FROM %s($1", quote_qualified_identifier(schema, function));
	for (int n = 0; n < proc->pronargs; n++)
		appendStringInfo(&query, ", $%d", n + 2);
	appendStringInfoChar(&query, ')');
	return query.data;
}

/* Returns the parameters of that query: the caller and the arguments of NAME. */
static ParamListInfo
build_params(FunctionCallInfo fcinfo, Form_pg_proc proc, Oid caller)
{
	ParamListInfo params = makeParamList(proc->pronargs + 1);

	set_param(params, 0, OIDOID, ObjectIdGetDatum(caller), false);
	for (int n = 0; n < proc->pronargs; n++)
		set_param(params, n + 1, proc->proargtypes.values[n], PG_GETARG_DATUM(n),
				  PG_ARGISNULL(n));
	return params;
}

/*
 * NAME(arguments) returns the rows of NAME_of(oid of current_user, arguments),
 * run as the owner of NAME with the snapshot of the calling statement. NULL
 * arguments are passed on. After an error, the end of the (sub)transaction
 * restores the current user.
 */
Datum
posture_owner(PG_FUNCTION_ARGS)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	Form_pg_proc proc;
	SPIExecuteOptions options = {0};
	ReturnSetInfo *result;
	Oid			caller;
	int			context;
	int			code;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", fcinfo->flinfo->fn_oid);
	proc = (Form_pg_proc) GETSTRUCT(tuple);

	/* also checks that the calling query accepts a set */
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	GetUserIdAndSecContext(&caller, &context);

	SPI_connect();
	options.params = build_params(fcinfo, proc, caller);
	options.read_only = true;
	options.dest = CreateDestReceiver(DestTuplestore);
	SetTuplestoreDestReceiverParams(options.dest, result->setResult,
									result->econtext->ecxt_per_query_memory, false,
									result->setDesc,
									"function and its _of function return different columns");
	SetUserIdAndSecContext(proc->proowner, context | SECURITY_LOCAL_USERID_CHANGE);
	code = SPI_execute_extended(build_query(proc), &options);
	SetUserIdAndSecContext(caller, context);
	if (code < 0)
		elog(ERROR, "SPI_execute_extended failed: %s", SPI_result_code_string(code));
	SPI_finish();
	ReleaseSysCache(tuple);
	return (Datum) 0;
}
