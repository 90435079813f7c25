/*
 * fence.c: what an owner of initiatives or asset groups reads.
 *
 * An owner has no privilege on the tables. A row security policy alone does not
 * hide rows: an operator that is leakproof, such as the comparison of two scores,
 * may be evaluated before the policy, and EXPLAIN shows how many rows passed it.
 * Therefore an owner reads what a query returns that it does not see:
 * the views through foreign tables (fence_scan.c), functions of the contract through
 * posture_call_reader() (call.c).
 *
 * Such a function runs as the predefined role pg_read_all_data, which may read
 * every table and is subject to row security, and remembers its caller. The
 * policies for that role show the rows of the caller. Functions declared with
 * posture_owner() read the stored sets, of which these policies show nothing, and
 * return the caller's part.
 *
 * The caller cannot be found out in SQL. In a SECURITY DEFINER function,
 * current_user is the function's owner, session_user does not follow SET ROLE,
 * and an argument could name any role.
 */
#include "posture.h"

#include "access/htup_details.h"
#include "access/parallel.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/params.h"
#include "nodes/supportnodes.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/syscache.h"

#include "fence.h"
#include "node.h"

PG_FUNCTION_INFO_V1(posture_caller);
PG_FUNCTION_INFO_V1(posture_sees_all);
PG_FUNCTION_INFO_V1(posture_sees_all_support);
PG_FUNCTION_INFO_V1(posture_policy_support);
PG_FUNCTION_INFO_V1(posture_owner);
PG_FUNCTION_INFO_V1(posture_owner_rows);

/*
 * The setting posture.fence_caller: the oid of the role that called the outermost
 * function that runs as another one, or 0. As a setting it has its value in
 * parallel workers, too, and after an error the one from before.
 */
int			posture_fence_caller = 0;

/* whether enter_fence() is setting it: nobody else may */
static bool entering_fence = false;

/* what owner_rows() returned since the outermost enter_fence(), see there */
static MemoryContext owned_context = NULL;
static List *owned_names = NIL;
static List *owned_sets = NIL;

bool
check_fence_caller(int *caller, void **extra, GucSource source)
{
	if (entering_fence || *caller == 0 || InitializingParallelWorker)
		return true;
	GUC_check_errdetail("Only functions of posture set it.");
	return false;
}

/* Forgets what owner_rows() returned when the outermost fence ends, also by an error. */
void
assign_fence_caller(int caller, void *extra)
{
	if (caller != 0 || owned_context == NULL)
		return;
	MemoryContextDelete(owned_context);
	owned_context = NULL;
	owned_names = owned_sets = NIL;
}

/*
 * Raises an error on a head. The rows that a role owns are not told from others on
 * the nodes, and those of the head alone are not all of them.
 */
static void
require_no_nodes(void)
{
	if (has_nodes())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("role \"%s\" does not see all rows, and cannot read through a head that has "
						"nodes", GetUserNameFromId(get_fence_caller(), false)),
				 errhint("Grant it the level reader by posture.grant_access(), or have it read the "
						 "nodes.")));
}

/* Raises an error if a table has no row security, which the fence relies on. */
static void
require_row_security(void)
{
	List	   *name = list_make2(makeString("posture_internal"),
								  makeString("require_row_security"));

	OidFunctionCall0(LookupFuncName(name, 0, NULL, false));
}

/*
 * Begins to run as another role on behalf of the current one, which caller()
 * returns until leave_fence(). Inside a fence the caller stays that of the
 * outermost one. Messages below NOTICE, which a session can ask for and which
 * show plans, are not sent to the client. After an error, the end of the
 * (sub)transaction restores all of this.
 */
void
enter_fence(Fence *fence, Oid role)
{
	char		caller[12];

	if (role == ROLE_PG_READ_ALL_DATA)
	{
		require_no_nodes();
		require_row_security();
	}
	GetUserIdAndSecContext(&fence->role, &fence->context);
	fence->guc_level = NewGUCNestLevel();
	if (client_min_messages < NOTICE)
		(void) set_config_option("client_min_messages", "notice", PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	snprintf(caller, sizeof(caller), "%d", (int) get_fence_caller());
	entering_fence = true;
	(void) set_config_option("posture.fence_caller", caller, PGC_SUSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	entering_fence = false;
	SetUserIdAndSecContext(role, fence->context | SECURITY_LOCAL_USERID_CHANGE);
}

/* Ends what enter_fence() began. */
void
leave_fence(Fence *fence)
{
	SetUserIdAndSecContext(fence->role, fence->context);
	AtEOXact_GUC(false, fence->guc_level);
}

/* Returns the role on whose behalf the current function runs. */
Oid
get_fence_caller(void)
{
	return posture_fence_caller != 0 ? (Oid) posture_fence_caller : GetUserId();
}

/* Whether the current function already runs for an owner. */
bool
in_owner_fence(void)
{
	return posture_fence_caller != 0 && GetUserId() == ROLE_PG_READ_ALL_DATA;
}

static Oid
relation_oid(const char *schema, const char *name)
{
	Oid			relation = get_relname_relid(name, get_namespace_oid(schema, false));

	if (!OidIsValid(relation))
		elog(ERROR, "relation %s.%s does not exist", schema, name);
	return relation;
}

/* Whether a role may read finding_set, and with it all rows. */
bool
role_sees_all(Oid role)
{
	/* pg_read_all_data itself is the role of the fence: it sees what the caller owns */
	return role != ROLE_PG_READ_ALL_DATA &&
		pg_class_aclcheck(relation_oid("posture_internal", "finding_set"), role,
						  ACL_SELECT) == ACLCHECK_OK;
}

/* caller() returns the oid of the role on whose behalf the function runs that calls it. */
Datum
posture_caller(PG_FUNCTION_ARGS)
{
	PG_RETURN_OID(get_fence_caller());
}

/* sees_all() returns whether the current role sees all rows. */
Datum
posture_sees_all(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(role_sees_all(GetUserId()));
}

/* A plan that was made for a member of a role must not outlive the membership. */
static void
forget_plans(Datum arg, int cache, uint32 hash)
{
	ResetPlanCache();
}

/* Nor must it outlive a privilege on finding_set, which is in the row of the table. */
static Oid	finding_set = InvalidOid;

static void
forget_plans_of_privilege(Datum arg, Oid relation)
{
	if (relation == finding_set || relation == InvalidOid)
		ResetPlanCache();
}

/* Returns sees_all() as a constant. A plan with it is made again for another role. */
static Node *
plan_sees_all(void)
{
	static bool watches = false;

	finding_set = relation_oid("posture_internal", "finding_set");
	if (!watches)
	{
		CacheRegisterRelcacheCallback(forget_plans_of_privilege, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, forget_plans, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHOID, forget_plans, (Datum) 0);
		watches = true;
	}
	return makeBoolConst(role_sees_all(GetUserId()), false);
}

/*
 * The support function of planned_sees_all(): replaces a call by its value when a
 * query is planned, so that what the role does not read is not in the plan. This is
 * right only where PostgreSQL plans the query again for another role, as it does for
 * tables with row security.
 */
Datum
posture_sees_all_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	PG_RETURN_POINTER(IsA(request, SupportRequestSimplify) ? plan_sees_all() : NULL);
}

/*
 * The support function of policy_sees_all(), which the policies call. A policy that
 * lets all rows pass is not in the plan. A role to which a privilege on the table was
 * granted by hand, and which does not see all, gets an error: a policy that is false
 * would hide the rows, but leakproof conditions come before it, and EXPLAIN ANALYZE
 * shows how many rows fulfil these.
 */
Datum
posture_policy_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	Oid			role = GetUserId();

	if (!IsA(request, SupportRequestSimplify))
		PG_RETURN_POINTER(NULL);
	if (role != ROLE_PG_READ_ALL_DATA && !role_sees_all(role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied: role \"%s\" does not see all rows",
						GetUserNameFromId(role, false)),
				 errdetail("Tables of posture are read by roles that may read all of them."),
				 errhint("The views of posture show a role what it may see.")));
	PG_RETURN_POINTER(plan_sees_all());
}

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
 * Runs a query as a role behind the fence, or as the current role if that is not
 * valid, with the snapshot of the statement, and adds its rows, of the given
 * description, to a tuplestore, whose memory context is needed, too. Parameters may
 * be NULL.
 */
void
run_behind_fence(const char *query, ParamListInfo params, Oid role,
				 Tuplestorestate *rows, MemoryContext context, TupleDesc description)
{
	SPIExecuteOptions options = {0};
	Fence		fence;
	int			code;

	SPI_connect();
	options.params = params;
	options.read_only = true;
	options.dest = CreateDestReceiver(DestTuplestore);
	SetTuplestoreDestReceiverParams(options.dest, rows, context, false, description,
									"the query of a fence returns different columns");
	if (OidIsValid(role))
		enter_fence(&fence, role);
	code = SPI_execute_extended(query, &options);
	if (OidIsValid(role))
		leave_fence(&fence);
	if (code < 0)
		elog(ERROR, "SPI_execute_extended failed: %s", SPI_result_code_string(code));
	SPI_finish();
}

/* Returns the owner of a function. */
Oid
function_owner(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* Returns owner_row_set(caller, what), allocated in the current context. */
static Datum
compute_owner_rows(const char *what, Oid role)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			types[] = {OIDOID, TEXTOID};
	Datum		values[] = {ObjectIdGetDatum(get_fence_caller()), CStringGetTextDatum(what)};
	Fence		fence;
	Datum		set;
	bool		is_null;

	SPI_connect();
	enter_fence(&fence, role);
	if (SPI_execute_with_args("SELECT posture_internal.owner_row_set($1, $2)", 2, types, values,
							  NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "owner_row_set() returned no set");
	leave_fence(&fence);
	set = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
	MemoryContextSwitchTo(context);
	set = PointerGetDatum(PG_DETOAST_DATUM_COPY(set));
	SPI_finish();
	return set;
}

/*
 * owner_rows(what text) returns assetset: the ids that the caller of the fence owns;
 * NULL outside of a fence. Policies ask for the same sets again and again,
 * so each is computed once in the outermost fence, which is one statement.
 */
Datum
posture_owner_rows(PG_FUNCTION_ARGS)
{
	char	   *what = text_to_cstring(PG_GETARG_TEXT_PP(0));
	MemoryContext context;
	ListCell   *name;
	ListCell   *set;
	Datum		result;

	if (posture_fence_caller == 0)
		PG_RETURN_NULL();
	forboth(name, owned_names, set, owned_sets)
		if (strcmp(lfirst(name), what) == 0)
			return PointerGetDatum(PG_DETOAST_DATUM_COPY(PointerGetDatum(lfirst(set))));
	if (owned_context == NULL)
		owned_context = AllocSetContextCreate(TopMemoryContext, "posture: rows of an owner",
											  ALLOCSET_DEFAULT_SIZES);
	result = compute_owner_rows(what, function_owner(fcinfo->flinfo->fn_oid));
	context = MemoryContextSwitchTo(owned_context);
	owned_sets = lappend(owned_sets, PG_DETOAST_DATUM_COPY(result));
	owned_names = lappend(owned_names, pstrdup(what));
	MemoryContextSwitchTo(context);
	return result;
}

/*
 * NAME(arguments) returns the rows of NAME_of(oid of the caller, arguments), run
 * as the owner of NAME with the snapshot of the calling statement; no row outside
 * a fence. NULL arguments are passed on.
 */
Datum
posture_owner(PG_FUNCTION_ARGS)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	Form_pg_proc proc;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", fcinfo->flinfo->fn_oid);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	/* also checks that the calling query accepts a set */
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (in_owner_fence())
	{
		ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

		run_behind_fence(build_query(proc), build_params(fcinfo, proc, get_fence_caller()),
						 proc->proowner, result->setResult,
						 result->econtext->ecxt_per_query_memory, result->setDesc);
	}
	ReleaseSysCache(tuple);
	return (Datum) 0;
}
