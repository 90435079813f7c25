/*
 * fence_scan.c: the foreign-data wrapper through which owners read the views, and a
 * head those of its nodes.
 *
 * A foreign table posture_internal.owner_VIEW has those rows of
 * posture_internal.VIEW that belong to its reader. The scan runs the query of the
 * view behind the fence (fence.c), so nothing of its plan, of the tables or of their
 * statistics is in the plan of the reader. Unlike a function, a scan gets the
 * conditions of the reader on columns, so that a lookup does not read everything.
 *
 * A foreign table posture_internal.node_VIEW has the rows of posture.VIEW on all
 * nodes, for a reader that sees all rows. The conditions are part of the text that
 * the nodes are asked, with their values as literals.
 */
#include "posture.h"

#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "commands/explain.h"
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
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "fence.h"
#include "node.h"

#define OWNER_PREFIX "owner_"
#define NODE_PREFIX "node_"

PG_FUNCTION_INFO_V1(posture_fence_handler);

/* the state of a scan */
typedef struct FenceScan
{
	bool		of_nodes;		/* whether the table is a node_VIEW */
	char	   *view;
	List	   *conditions;		/* see fence_plan() */
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
	else if (IsA(clause, Var) || is_notclause(clause))
	{
		/* a column of type boolean, or its negation */
		args = list_make2(IsA(clause, Var) ? clause : (Expr *) get_notclausearg(clause),
						  makeBoolConst(IsA(clause, Var), false));
		operator = BooleanEqualOperator;
		collation = InvalidOid;
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

/* Whether a table has the rows of the nodes, and not those of an owner. */
static bool
is_of_nodes(Relation table)
{
	return strncmp(RelationGetRelationName(table), NODE_PREFIX, strlen(NODE_PREFIX)) == 0;
}

/*
 * Adds the conditions of a scan to a query. Comparands are parameters, or the
 * literals that are given.
 */
static void
add_conditions(StringInfo query, Relation table, List *conditions, char **literals)
{
	ListCell   *cell;
	int			n = 0;

	foreach(cell, conditions)
	{
		AttrNumber	column = intVal(linitial(lfirst(cell)));

		appendStringInfo(query, "%s %s %s", n == 0 ? " WHERE" : " AND",
						 quote_identifier(NameStr(TupleDescAttr(RelationGetDescr(table),
																column - 1)->attname)),
						 strVal(lsecond(lfirst(cell))));
		if (literals == NULL)
			appendStringInfo(query, "$%d)", n + 1);
		else
			appendStringInfo(query, "%s)", literals[n]);
		n++;
	}
}

/* Checks that the caller may read the view, which the privileges on the table do not. */
static void
fence_begin(ForeignScanState *node, int flags)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	Relation	table = node->ss.ss_currentRelation;
	bool		of_nodes = is_of_nodes(table);
	char	   *view = RelationGetRelationName(table) +
		strlen(of_nodes ? NODE_PREFIX : OWNER_PREFIX);
	FenceScan  *scan;
	AclResult	acl;

	if (flags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	acl = pg_class_aclcheck(get_relname_relid(view, get_namespace_oid("posture", false)),
							get_fence_caller(), ACL_SELECT);
	if (acl != ACLCHECK_OK)
		aclcheck_error(acl, OBJECT_VIEW, view);
	scan = palloc0(sizeof(FenceScan));
	scan->of_nodes = of_nodes;
	scan->view = view;
	scan->conditions = plan->fdw_private;
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

/*
 * Returns comparands as literals, which have the same value in a session with other
 * settings.
 */
static char **
literals_of(ParamListInfo params)
{
	char	  **literals = palloc(Max(params->numParams, 1) * sizeof(char *));
	int			guc_level = begin_portable_text();

	for (int n = 0; n < params->numParams; n++)
	{
		ParamExternData *param = &params->params[n];
		char	   *type = format_type_be_qualified(param->ptype);
		Oid			output;
		bool		is_varlena;

		getTypeOutputInfo(param->ptype, &output, &is_varlena);
		literals[n] = param->isnull ? psprintf("NULL::%s", type) :
			psprintf("%s::%s",
					 quote_literal_cstr(OidOutputFunctionCall(output, param->value)), type);
	}
	AtEOXact_GUC(true, guc_level);
	return literals;
}

/* Reads the rows of the nodes, as the current role. */
static void
ask_nodes(Relation table, FenceScan *scan, ParamListInfo comparands, MemoryContext context)
{
	char	   *view = psprintf("posture.%s", quote_identifier(scan->view));
	ParamListInfo params = makeParamList(1);
	StringInfoData relation;

	initStringInfo(&relation);
	appendStringInfoString(&relation, view);
	add_conditions(&relation, table, scan->conditions, literals_of(comparands));
	params->params[0].value = CStringGetTextDatum(relation.data);
	params->params[0].isnull = false;
	params->params[0].pflags = PARAM_FLAG_CONST;
	params->params[0].ptype = TEXTOID;
	run_behind_fence(psprintf("SELECT * FROM posture_internal.ask_nodes(NULL::%s, $1)", view),
					 params, InvalidOid, scan->rows, context, RelationGetDescr(table));
}

static void
run_query(ForeignScanState *node, FenceScan *scan)
{
	MemoryContext context = node->ss.ps.state->es_query_cxt;
	MemoryContext before = MemoryContextSwitchTo(context);
	Relation	table = node->ss.ss_currentRelation;
	ParamListInfo comparands = evaluate_comparands(node, scan);
	StringInfoData query;

	scan->rows = tuplestore_begin_heap(true, false, work_mem);
	if (scan->of_nodes)
		ask_nodes(table, scan, comparands, context);
	else
	{
		initStringInfo(&query);
		appendStringInfo(&query, "SELECT * FROM %s",
						 quote_qualified_identifier("posture_internal", scan->view));
		add_conditions(&query, table, scan->conditions, NULL);
		run_behind_fence(query.data, comparands, ROLE_PG_READ_ALL_DATA, scan->rows, context,
						 RelationGetDescr(table));
	}
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

/* EXPLAIN shows what the nodes are asked, with a parameter for each value. */
static void
fence_explain(ForeignScanState *node, ExplainState *es)
{
	Relation	table = node->ss.ss_currentRelation;
	StringInfoData relation;

	if (!is_of_nodes(table))
		return;
	initStringInfo(&relation);
	appendStringInfo(&relation, "posture.%s", RelationGetRelationName(table) + strlen(NODE_PREFIX));
	add_conditions(&relation, table, ((ForeignScan *) node->ss.ps.plan)->fdw_private, NULL);
	ExplainPropertyText("Nodes", relation.data, es);
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
	routine->ExplainForeignScan = fence_explain;
	PG_RETURN_POINTER(routine);
}
