/*
 * fence.h: functions that run as another role on behalf of their caller.
 */
#ifndef POSTURE_FENCE_H
#define POSTURE_FENCE_H

#include "access/tupdesc.h"
#include "nodes/params.h"
#include "utils/guc.h"
#include "utils/tuplestore.h"

/* what leave_fence() restores */
typedef struct Fence
{
	Oid			role;			/* the current role before */
	int			context;		/* its security context */
	int			guc_level;
} Fence;

extern int	posture_fence_caller;

extern bool check_fence_caller(int *caller, void **extra, GucSource source);
extern void assign_fence_caller(int caller, void *extra);
extern Oid	function_owner(Oid function);
extern void enter_fence(Fence *fence, Oid role);
extern void leave_fence(Fence *fence);
extern Oid	get_fence_caller(void);
extern bool in_owner_fence(void);
extern bool role_sees_all(Oid role);
extern void run_behind_fence(const char *query, ParamListInfo params, Oid role,
							 Tuplestorestate *rows, MemoryContext context,
							 TupleDesc description);

#endif							/* POSTURE_FENCE_H */
