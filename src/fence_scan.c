/*
 * fence_scan.c: the foreign-data wrapper through which owners read the views.
 *
 * A foreign table posture_internal.owner_VIEW has those rows of
 * posture_internal.VIEW that belong to its reader. The scan runs the query of the
 * view behind the fence (fence.c), so nothing of its plan, of the tables or of their
 * statistics is in the plan of the reader. Unlike a function, a scan gets the
 * conditions of the reader on columns, so that a lookup does not read everything.
 */
#include "posture.h"

#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "executor/executor.h"
#include "foreign/fdwapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "fence.h"

#define OWNER_PREFIX "owner_"

PG_FUNCTION_INFO_V1(posture_fence_handler);

/* the state of a scan */
typedef struct FenceScan
{
	char	   *query;			/* with a parameter for each comparand */
	List	   *comparands;		/* ExprState */
	Tuplestorestate *rows;		/* NULL until the query has run */
	TupleTableSlot *slot;
} FenceScan;

/*
 * If a clause compares a column of the relation with a value by an operator of
 * PostgreSQL that an index could use, returns the value and sets the column and the
 * text of the comparison. Other clauses are evaluated by the executor alone.
 */
static Expr *
comparand_of(Expr *clause, RelOptInfo *relation, AttrNumber *column, char **comparison)
{
	bool		is_array = IsA(clause, ScalarArrayOpExpr);
	List	   *args;
	Oid			operator;
	Oid			collation;
	Var		   *var;
	Expr	   *value;

	if (is_array)
	{
		ScalarArrayOpExpr *expr = (ScalarArrayOpExpr *) clause;

		if (!expr->useOr)
			return NULL;
		args = expr->args;
		operator = expr->opno;
		collation = expr->inputcollid;
	}
	else if (IsA(clause, OpExpr))
	{
		OpExpr	   *expr = (OpExpr *) clause;

		args = expr->args;
		operator = expr->opno;
		collation = expr->inputcollid;
	}
	else
		return NULL;
	if (list_length(args) != 2)
		return NULL;
	var = linitial(args);
	value = lsecond(args);
	if (!is_array && !IsA(var, Var))
	{
		var = lsecond(args);
		value = linitial(args);
		operator = get_commutator(operator);
	}
	if (!IsA(var, Var) || var->varno != (int) relation->relid || var->varattno <= 0 ||
		var->varlevelsup != 0 ||
		!OidIsValid(operator) || operator >= FirstUnpinnedObjectId ||
		!is_btree_operator(operator) ||
		(OidIsValid(collation) && collation != var->varcollid) ||
		contain_var_clause((Node *) value) || contain_subplans((Node *) value) ||
		contain_volatile_functions((Node *) value))
		return NULL;
	*column = var->varattno;
	*comparison = psprintf(is_array ? "OPERATOR(pg_catalog.%s) ANY (" :
						   "OPERATOR(pg_catalog.%s) (", get_opname(operator));
	return value;
}

static void
fence_rel_size(PlannerInfo *root, RelOptInfo *relation, Oid table)
{
	/* a constant, which says nothing of what is hidden */
	relation->rows = 100;
}

static void
fence_paths(PlannerInfo *root, RelOptInfo *relation, Oid table)
{
	add_path(relation, (Path *)
			 foreign_scan_path(root, relation, relation->rows, 0.01,
							   relation->rows * cpu_tuple_cost));
}

/*
 * The conditions that the query takes over are in fdw_private, as column and text,
 * and their values in fdw_exprs. The executor checks all of them again.
 */
static ForeignScan *
fence_plan(PlannerInfo *root, RelOptInfo *relation, Oid table, ForeignPath *path,
		   List *targets, List *clauses, Plan *outer)
{
	List	   *conditions = NIL;
	List	   *comparands = NIL;
	ListCell   *cell;

	clauses = extract_actual_clauses(clauses, false);
	foreach(cell, clauses)
	{
		AttrNumber	column;
		char	   *comparison;
		Expr	   *value = comparand_of(lfirst(cell), relation, &column, &comparison);

		if (value != NULL)
		{
			comparands = lappend(comparands, value);
			conditions = lappend(conditions, list_make2(makeInteger(column),
														makeString(comparison)));
		}
	}
	return make_foreignscan(targets, clauses, relation->relid, comparands, conditions, NIL, NIL,
							outer);
}

/* Returns the query of a scan. */
static char *
build_query(Relation table, const char *view, List *conditions)
{
	StringInfoData query;
	ListCell   *cell;
	int			n = 0;

	initStringInfo(&query);
	appendStringInfo(&query, "SELECT * FROM %s",
					 quote_qualified_identifier("posture_internal", view));
	foreach(cell, conditions)
	{
		AttrNumber	column = intVal(linitial(lfirst(cell)));

		appendStringInfo(&query, "%s %s %s$%d)", n == 0 ? " WHERE" : " AND",
						 quote_identifier(NameStr(TupleDescAttr(RelationGetDescr(table),
																column - 1)->attname)),
						 strVal(lsecond(lfirst(cell))), n + 1);
		n++;
	}
	return query.data;
}

/* Checks that the caller may read the view, which the privileges on the table do not. */
static void
fence_begin(ForeignScanState *node, int flags)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	Relation	table = node->ss.ss_currentRelation;
	char	   *view = RelationGetRelationName(table) + strlen(OWNER_PREFIX);
	FenceScan  *scan;
	AclResult	acl;

	if (flags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	acl = pg_class_aclcheck(get_relname_relid(view, get_namespace_oid("posture", false)),
							get_fence_caller(), ACL_SELECT);
	if (acl != ACLCHECK_OK)
		aclcheck_error(acl, OBJECT_VIEW, view);
	scan = palloc0(sizeof(FenceScan));
	scan->query = build_query(table, view, plan->fdw_private);
	scan->comparands = ExecInitExprList(plan->fdw_exprs, (PlanState *) node);
	scan->slot = ExecInitExtraTupleSlot(node->ss.ps.state, RelationGetDescr(table),
										&TTSOpsMinimalTuple);
	node->fdw_state = scan;
}

/* Returns the values of the comparands, as parameters of the query. */
static ParamListInfo
evaluate_comparands(ForeignScanState *node, FenceScan *scan)
{
	ExprContext *context = node->ss.ps.ps_ExprContext;
	ParamListInfo params = makeParamList(list_length(scan->comparands));
	ListCell   *cell;
	int			n = 0;

	foreach(cell, scan->comparands)
	{
		ExprState  *state = lfirst(cell);
		ParamExternData *param = &params->params[n++];

		param->value = ExecEvalExprSwitchContext(state, context, &param->isnull);
		param->ptype = exprType((Node *) state->expr);
		param->pflags = PARAM_FLAG_CONST;
	}
	return params;
}

static void
run_query(ForeignScanState *node, FenceScan *scan)
{
	MemoryContext context = node->ss.ps.state->es_query_cxt;
	MemoryContext before = MemoryContextSwitchTo(context);

	scan->rows = tuplestore_begin_heap(true, false, work_mem);
	run_behind_fence(scan->query, evaluate_comparands(node, scan), ROLE_PG_READ_ALL_DATA,
					 scan->rows, context, RelationGetDescr(node->ss.ss_currentRelation));
	MemoryContextSwitchTo(before);
}

static TupleTableSlot *
fence_next(ForeignScanState *node)
{
	FenceScan  *scan = node->fdw_state;

	if (scan->rows == NULL)
		run_query(node, scan);
	(void) tuplestore_gettupleslot(scan->rows, true, false, scan->slot);
	return scan->slot;
}

static void
fence_rescan(ForeignScanState *node)
{
	FenceScan  *scan = node->fdw_state;

	if (scan->rows == NULL)
		return;
	if (node->ss.ps.chgParam == NULL)
		tuplestore_rescan(scan->rows);
	else
	{
		tuplestore_end(scan->rows);
		scan->rows = NULL;
	}
}

static void
fence_end(ForeignScanState *node)
{
	FenceScan  *scan = node->fdw_state;

	if (scan != NULL && scan->rows != NULL)
		tuplestore_end(scan->rows);
}

/* fence_handler() returns the functions of the foreign-data wrapper. */
Datum
posture_fence_handler(PG_FUNCTION_ARGS)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = fence_rel_size;
	routine->GetForeignPaths = fence_paths;
	routine->GetForeignPlan = fence_plan;
	routine->BeginForeignScan = fence_begin;
	routine->IterateForeignScan = fence_next;
	routine->ReScanForeignScan = fence_rescan;
	routine->EndForeignScan = fence_end;
	PG_RETURN_POINTER(routine);
}
