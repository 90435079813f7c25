/*
 * call.c: functions of the contract that run a function of posture_internal.
 *
 * A function that is declared with one of the functions below runs the function
 * of its own name and arguments in posture_internal, or if it is there itself, that
 * of the name NAME_body:
 *
 * - posture_call_reader(): as its caller if that sees all rows, or else in the
 *   fence (fence.c), where it reads what its caller owns;
 * - posture_call_definer(): as the owner of the function. It must check first what
 *   its caller may do, which caller() tells.
 *
 * An error that a PL/pgSQL function raises carries a line of CONTEXT for each
 * function on the way to it. psql shows these lines with every error, although
 * they say nothing about what the user has to correct. The functions here remove
 * the context that they add to an error.
 */
#include "posture.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "fence.h"

PG_FUNCTION_INFO_V1(posture_call_reader);
PG_FUNCTION_INFO_V1(posture_call_definer);
PG_FUNCTION_INFO_V1(posture_document_item);

/* Returns the function that a function runs. */
static Oid
internal_function(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			schema = get_namespace_oid("posture_internal", false);
	Form_pg_proc proc;
	char	   *name;
	Oid			result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	name = psprintf("%s%s", NameStr(proc->proname), proc->pronamespace == schema ? "_body" : "");
	result = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
							 PointerGetDatum(&proc->proargtypes), ObjectIdGetDatum(schema));
	if (!OidIsValid(result))
		elog(ERROR, "function posture_internal.%s does not exist", name);
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

/* Runs a function as a role, or as the current one if the role is not valid. */
static Datum
run_as(Oid role, FunctionCallInfo call)
{
	Fence		fence;
	Datum		result;

	if (!OidIsValid(role))
		return FunctionCallInvoke(call);
	enter_fence(&fence, role);
	result = FunctionCallInvoke(call);
	leave_fence(&fence);
	return result;
}

/*
 * NAME(arguments) returns what posture_internal.NAME(arguments) returns. An error
 * that is_of_user() keeps only the context of the functions that called NAME.
 */
static Datum
call_as(Oid role, FunctionCallInfo fcinfo)
{
	LOCAL_FCINFO(call, FUNC_MAX_ARGS);
	FmgrInfo   *function = fcinfo->flinfo->fn_extra;
	MemoryContext context = CurrentMemoryContext;
	volatile Datum result = (Datum) 0;

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
		result = run_as(role, call);
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

Datum
posture_call_reader(PG_FUNCTION_ARGS)
{
	bool		plain = in_owner_fence() || role_sees_all(GetUserId());

	return call_as(plain ? InvalidOid : ROLE_PG_READ_ALL_DATA, fcinfo);
}

Datum
posture_call_definer(PG_FUNCTION_ARGS)
{
	return call_as(function_owner(fcinfo->flinfo->fn_oid), fcinfo);
}

/*
 * NAME(function, document, argument) returns the rows that posture_internal.function
 * (document, argument) returns. EXECUTE, which could name the function, would make its
 * arguments constants of the plan, each a copy of the document.
 */
Datum
posture_document_item(PG_FUNCTION_ARGS)
{
	LOCAL_FCINFO(call, 2);
	FmgrInfo   *function = fcinfo->flinfo->fn_extra;
	Datum		result;

	if (function == NULL)
	{
		Oid			types[2] = {get_fn_expr_argtype(fcinfo->flinfo, 1), TEXTOID};
		char	   *name;
		Oid			mapping;

		if (PG_ARGISNULL(0))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("name of the function must not be null")));
		name = text_to_cstring(PG_GETARG_TEXT_PP(0));
		mapping = LookupFuncName(list_make2(makeString("posture_internal"), makeString(name)), 2,
								 types, false);
		if (get_func_rettype(mapping) != get_func_rettype(fcinfo->flinfo->fn_oid) ||
			!get_func_retset(mapping))
			ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
							errmsg("function %s does not return items", name)));
		function = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(FmgrInfo));
		fmgr_info_cxt(mapping, function, fcinfo->flinfo->fn_mcxt);
		fcinfo->flinfo->fn_extra = function;
	}
	InitFunctionCallInfoData(*call, function, 2, fcinfo->fncollation, fcinfo->context,
							 fcinfo->resultinfo);
	memcpy(call->args, fcinfo->args + 1, 2 * sizeof(NullableDatum));
	result = FunctionCallInvoke(call);
	fcinfo->isnull = call->isnull;
	return result;
}
