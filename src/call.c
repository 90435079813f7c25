/*
 * call.c: functions of the contract whose errors carry no internal context.
 *
 * An error that a PL/pgSQL function raises carries a line of CONTEXT for each
 * function on the way to it. psql shows these lines with every error, although
 * they say nothing about what the user has to correct. A function that is
 * declared with posture_call() runs the function of its own name and arguments
 * in posture_internal, and removes the context that it adds to an error.
 */
#include "posture.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(posture_call);

/* Returns the function in posture_internal that a function runs. */
static Oid
internal_function(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc proc;
	Oid			result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	result = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
							 CStringGetDatum(NameStr(proc->proname)),
							 PointerGetDatum(&proc->proargtypes),
							 ObjectIdGetDatum(get_namespace_oid("posture_internal", false)));
	if (!OidIsValid(result))
		elog(ERROR, "function posture_internal.%s does not exist", NameStr(proc->proname));
	ReleaseSysCache(tuple);
	return result;
}

/*
 * Whether an error is about what the user passed, or may do. Of all others, such
 * as an internal error, a cancelled query or a lack of memory, the context helps
 * to find the cause.
 */
static bool
is_of_user(int code)
{
	int			category = ERRCODE_TO_CATEGORY(code);

	return category == ERRCODE_DATA_EXCEPTION || category == ERRCODE_FEATURE_NOT_SUPPORTED ||
		category == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE ||
		category == ERRCODE_INVALID_TRANSACTION_STATE ||
		code == ERRCODE_NO_DATA_FOUND || code == ERRCODE_UNDEFINED_OBJECT ||
		code == ERRCODE_INSUFFICIENT_PRIVILEGE;
}

/*
 * NAME(arguments) returns what posture_internal.NAME(arguments) returns. An error
 * that is_of_user() keeps only the context of the functions that called NAME.
 */
Datum
posture_call(PG_FUNCTION_ARGS)
{
	LOCAL_FCINFO(call, FUNC_MAX_ARGS);
	FmgrInfo   *function = fcinfo->flinfo->fn_extra;
	MemoryContext context = CurrentMemoryContext;
	Datum		result = (Datum) 0;

	if (function == NULL)
	{
		function = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(FmgrInfo));
		fmgr_info_cxt(internal_function(fcinfo->flinfo->fn_oid), function,
					  fcinfo->flinfo->fn_mcxt);
		fmgr_info_set_expr(fcinfo->flinfo->fn_expr, function);
		fcinfo->flinfo->fn_extra = function;
	}
	InitFunctionCallInfoData(*call, function, fcinfo->nargs, fcinfo->fncollation,
							 fcinfo->context, fcinfo->resultinfo);
	memcpy(call->args, fcinfo->args, fcinfo->nargs * sizeof(NullableDatum));

	PG_TRY();
	{
		result = FunctionCallInvoke(call);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (!is_of_user(error->sqlerrcode))
			PG_RE_THROW();
		FlushErrorState();
		error->context = NULL;
		/* unlike ReThrowError(), this adds the context of the callers */
		ThrowErrorData(error);
	}
	PG_END_TRY();
	fcinfo->isnull = call->isnull;
	return result;
}
