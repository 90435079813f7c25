/*
 * node.c: whether this database is a head, which asks nodes, and what it asks them.
 */
#include "posture.h"

#include "access/genam.h"
#include "access/parallel.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "nodes/makefuncs.h"
#include "nodes/supportnodes.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"

#include "node.h"

PG_FUNCTION_INFO_V1(posture_has_nodes);
PG_FUNCTION_INFO_V1(posture_has_nodes_support);
PG_FUNCTION_INFO_V1(posture_replan_nodes);
PG_FUNCTION_INFO_V1(posture_question);

/* Returns whether the table posture.node has a row. */
bool
has_nodes(void)
{
	Oid			table = get_relname_relid("node", get_namespace_oid("posture", false));
	Relation	relation;
	SysScanDesc scan;
	bool		found;

	if (!OidIsValid(table))
		return false;
	relation = table_open(table, AccessShareLock);
	scan = systable_beginscan(relation, InvalidOid, false, NULL, 0, NULL);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return found;
}

/*
 * has_nodes() returns whether this database has nodes. A parallel worker cannot ask
 * them, so there it raises an error on a head.
 */
Datum
posture_has_nodes(PG_FUNCTION_ARGS)
{
	bool		found = has_nodes();

	if (found && IsParallelWorker())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot ask nodes in a parallel worker"),
				 errhint("SET max_parallel_workers_per_gather = 0;")));
	PG_RETURN_BOOL(found);
}

/* A plan that was made without nodes, or with them, must not outlive that. */
static Oid	node_table = InvalidOid;

static void
forget_plans(Datum arg, Oid relation)
{
	if (relation == node_table || relation == InvalidOid)
		ResetPlanCache();
}

/* The support function of planned_has_nodes(): its value is a constant of the plan. */
Datum
posture_has_nodes_support(PG_FUNCTION_ARGS)
{
	static bool watches = false;
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (!IsA(request, SupportRequestSimplify))
		PG_RETURN_POINTER(NULL);
	if (!watches)
		CacheRegisterRelcacheCallback(forget_plans, (Datum) 0);
	watches = true;
	node_table = get_relname_relid("node", get_namespace_oid("posture", false));
	PG_RETURN_POINTER(makeBoolConst(has_nodes(), false));
}

/* A trigger on node: has queries planned again, in all sessions. */
Datum
posture_replan_nodes(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function must be called as a trigger")));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	return PointerGetDatum(NULL);
}

/*
 * From here on, a value has a text that a session with other settings reads as the
 * same value. Returns the level for AtEOXact_GUC(), which ends that.
 */
int
begin_portable_text(void)
{
	int			guc_level = NewGUCNestLevel();

	(void) set_config_option("datestyle", "ISO", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	(void) set_config_option("intervalstyle", "postgres", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("extra_float_digits", "3", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	return guc_level;
}

/*
 * question(template text, VARIADIC arguments "any") returns text: what format()
 * returns, with values as text that a node reads as the same values.
 */
Datum
posture_question(PG_FUNCTION_ARGS)
{
	int			guc_level = begin_portable_text();
	Datum		result = text_format(fcinfo);

	AtEOXact_GUC(true, guc_level);
	return result;
}
