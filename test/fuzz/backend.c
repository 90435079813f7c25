/*
 * backend.c: memory, errors and function calls of the stand-in for the backend.
 *
 * Each chunk is allocated by malloc(), so that the address sanitizer sees where
 * it ends and whether it is used after it was freed.
 */
#include "backend.h"

#include <setjmp.h>

#include "miscadmin.h"

/* ---- memory ---- */

typedef struct Chunk
{
	struct Chunk *previous;
	struct Chunk *next;
	MemoryContext context;
	Size		size;
} Chunk;

typedef struct Context
{
	MemoryContextData base;
	Chunk		ring;			/* head of the list of its chunks */
} Context;

MemoryContext CurrentMemoryContext = NULL;
MemoryContext TopMemoryContext = NULL;
static int	allocations_left = 0;
static sigjmp_buf *catcher = NULL;

void
fail_allocation(int n)
{
	allocations_left = n;
}

MemoryContext
AllocSetContextCreateInternal(MemoryContext parent, const char *name,
							  Size minContextSize, Size initBlockSize, Size maxBlockSize)
{
	Context    *context = calloc(1, sizeof(Context));

	context->base.type = T_AllocSetContext;
	context->base.name = name;
	context->ring.previous = context->ring.next = &context->ring;
	if (parent != NULL)
	{
		context->base.parent = parent;
		context->base.nextchild = parent->firstchild;
		if (parent->firstchild != NULL)
			parent->firstchild->prevchild = &context->base;
		parent->firstchild = &context->base;
	}
	return &context->base;
}

MemoryContext
MemoryContextGetParent(MemoryContext context)
{
	return context->parent;
}

void
MemoryContextRegisterResetCallback(MemoryContext context, MemoryContextCallback *cb)
{
	cb->next = context->reset_cbs;
	context->reset_cbs = cb;
}

/* As in the backend: children first, then the callbacks, then the memory. */
void
MemoryContextDelete(MemoryContext context)
{
	Context    *self = (Context *) context;

	CHECK(context != CurrentMemoryContext);
	while (context->firstchild != NULL)
		MemoryContextDelete(context->firstchild);
	while (context->reset_cbs != NULL)
	{
		MemoryContextCallback *callback = context->reset_cbs;

		context->reset_cbs = callback->next;
		callback->func(callback->arg);
	}
	while (self->ring.next != &self->ring)
		pfree(self->ring.next + 1);
	if (context->parent != NULL)
	{
		if (context->prevchild != NULL)
			context->prevchild->nextchild = context->nextchild;
		else
			context->parent->firstchild = context->nextchild;
		if (context->nextchild != NULL)
			context->nextchild->prevchild = context->prevchild;
	}
	free(self);
}

static void *
allocate(MemoryContext context, Size size, Size limit)
{
	Chunk	   *ring = &((Context *) context)->ring;
	Chunk	   *chunk;

	if (size > limit)
		elog(ERROR, "invalid memory alloc request size %zu", size);
	if (catcher != NULL && allocations_left > 0 && --allocations_left == 0)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	chunk = malloc(sizeof(Chunk) + size);
	CHECK(chunk != NULL);
	chunk->context = context;
	chunk->size = size;
	chunk->previous = ring;
	chunk->next = ring->next;
	ring->next->previous = chunk;
	ring->next = chunk;
	return chunk + 1;
}

void *
MemoryContextAlloc(MemoryContext context, Size size)
{
	return allocate(context, size, MaxAllocSize);
}

void *
MemoryContextAllocZero(MemoryContext context, Size size)
{
	return memset(allocate(context, size, MaxAllocSize), 0, size);
}

void *
palloc(Size size)
{
	return allocate(CurrentMemoryContext, size, MaxAllocSize);
}

void *
palloc0(Size size)
{
	return MemoryContextAllocZero(CurrentMemoryContext, size);
}

void *
palloc_extended(Size size, int flags)
{
	CHECK(flags == MCXT_ALLOC_HUGE);
	return allocate(CurrentMemoryContext, size, MaxAllocHugeSize);
}

void
pfree(void *pointer)
{
	Chunk	   *chunk = (Chunk *) pointer - 1;

	chunk->previous->next = chunk->next;
	chunk->next->previous = chunk->previous;
	free(chunk);
}

void *
repalloc_huge(void *pointer, Size size)
{
	Chunk	   *chunk = (Chunk *) pointer - 1;
	void	   *result = allocate(chunk->context, size, MaxAllocHugeSize);

	memcpy(result, pointer, Min(chunk->size, size));
	pfree(pointer);
	return result;
}

void *
repalloc(void *pointer, Size size)
{
	CHECK(size <= MaxAllocSize);
	return repalloc_huge(pointer, size);
}

/* ---- errors ---- */

volatile sig_atomic_t InterruptPending = false;
static int	interrupts_left = 0;

ErrorSeen	error_seen;
static char *error_hint;

void
check_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what);
	if (error_seen.message != NULL)
		fprintf(stderr, "the last error was: %s (%s)\n", error_seen.message,
				error_seen.detail != NULL ? error_seen.detail : "");
	abort();
}

void
fail_interrupt(int n)
{
	interrupts_left = n;
	InterruptPending = n > 0;
}

void
ProcessInterrupts(void)
{
	if (catcher != NULL && interrupts_left > 0 && --interrupts_left == 0)
	{
		InterruptPending = false;
		ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED), errmsg("canceling statement")));
	}
}

bool
errstart(int elevel, const char *domain)
{
	/* the error report itself must not fail */
	allocations_left = 0;
	CHECK(elevel == ERROR);
	memset(&error_seen, 0, sizeof(error_seen));
	error_seen.sqlstate = ERRCODE_INTERNAL_ERROR;
	error_hint = NULL;
	return true;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

int
errcode(int sqlerrcode)
{
	error_seen.sqlstate = sqlerrcode;
	return 0;
}

static char *
formatted(const char *format, va_list args)
{
	va_list		again;
	int			length;
	char	   *result;

	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	result = palloc(length + 1);
	vsnprintf(result, length + 1, format, args);
	return result;
}

#define FORMAT_INTO(target) \
	do { \
		va_list		args; \
		va_start(args, fmt); \
		target = formatted(fmt, args); \
		va_end(args); \
	} while (0)

char *
psprintf(const char *fmt,...)
{
	char	   *result;

	FORMAT_INTO(result);
	return result;
}

int
errmsg(const char *fmt,...)
{
	FORMAT_INTO(error_seen.message);
	return 0;
}

int
errmsg_internal(const char *fmt,...)
{
	FORMAT_INTO(error_seen.message);
	return 0;
}

int
errdetail(const char *fmt,...)
{
	FORMAT_INTO(error_seen.detail);
	return 0;
}

int
errdetail_internal(const char *fmt,...)
{
	FORMAT_INTO(error_seen.detail);
	return 0;
}

int
errhint(const char *fmt,...)
{
	FORMAT_INTO(error_hint);
	return 0;
}

static bool
is_sentence(const char *string)
{
	return string == NULL ||
		(is_database_text(string) && string[0] != '\0' && string[strlen(string) - 1] == '.');
}

/* Checks that the error is one that a client may see, and ends the call. */
void
errfinish(const char *filename, int lineno, const char *funcname)
{
	CHECK(catcher != NULL);
	CHECK(error_seen.sqlstate != ERRCODE_INTERNAL_ERROR);
	CHECK(error_seen.message != NULL && is_database_text(error_seen.message));
	CHECK(is_sentence(error_seen.detail));
	CHECK(is_sentence(error_hint));
	siglongjmp(*catcher, 1);
}

#if PG_VERSION_NUM >= 160000
void
ExceptionalCondition(const char *conditionName, const char *fileName, int lineNumber)
#else
void
ExceptionalCondition(const char *conditionName, const char *errorType,
					 const char *fileName, int lineNumber)
#endif
{
	check_failed(conditionName, fileName, lineNumber);
}

/* ---- calls ---- */

MemoryContext aggregate_context;
bool		call_was_null;
long		fuzz_taken = 0;

int
AggCheckCallContext(FunctionCallInfo fcinfo, MemoryContext *aggcontext)
{
	if (fcinfo->context == NULL)
		return 0;
	if (aggcontext != NULL)
		*aggcontext = aggregate_context;
	return AGG_CONTEXT_AGGREGATE;
}

/* Calls a function; after an error, restores the memory context. */
static bool
invoke(FunctionCallInfo fcinfo, PGFunction function, Datum *result)
{
	MemoryContext context = CurrentMemoryContext;
	sigjmp_buf *outer = catcher;
	sigjmp_buf	here;
	bool		done = false;

	if (sigsetjmp(here, 0) == 0)
	{
		catcher = &here;
		fcinfo->isnull = false;
		*result = function(fcinfo);
		call_was_null = fcinfo->isnull;
		CHECK(CurrentMemoryContext == context);
		done = true;
	}
	catcher = outer;
	CurrentMemoryContext = context;
	return done;
}

#define MAX_ARGUMENTS 4

#define TAKE_ARGUMENTS(fcinfo, from) \
	do { \
		va_list		args; \
		CHECK(nargs <= MAX_ARGUMENTS); \
		va_start(args, nargs); \
		for (int i = from; i < nargs; i++) \
		{ \
			(fcinfo)->args[i].value = va_arg(args, Datum); \
			(fcinfo)->args[i].isnull = false; \
		} \
		va_end(args); \
	} while (0)

bool
try_call(PGFunction function, Datum *result, int nargs,...)
{
	LOCAL_FCINFO(fcinfo, MAX_ARGUMENTS);

	InitFunctionCallInfoData(*fcinfo, NULL, nargs, InvalidOid, NULL, NULL);
	TAKE_ARGUMENTS(fcinfo, 0);
	return invoke(fcinfo, function, result);
}

Datum
call(PGFunction function, int nargs,...)
{
	LOCAL_FCINFO(fcinfo, MAX_ARGUMENTS);
	Datum		result;
	bool		done;

	InitFunctionCallInfoData(*fcinfo, NULL, nargs, InvalidOid, NULL, NULL);
	TAKE_ARGUMENTS(fcinfo, 0);
	done = invoke(fcinfo, function, &result);
	CHECK(done);
	return result;
}

bool
try_transit(PGFunction function, NullableDatum *state, int nargs,...)
{
	LOCAL_FCINFO(fcinfo, MAX_ARGUMENTS);
	Node		aggregate = {T_AggState};
	Datum		result;

	InitFunctionCallInfoData(*fcinfo, NULL, nargs, InvalidOid, &aggregate, NULL);
	fcinfo->args[0] = *state;
	TAKE_ARGUMENTS(fcinfo, 1);
	if (!invoke(fcinfo, function, &result))
		return false;
	state->value = result;
	state->isnull = call_was_null;
	return true;
}

Datum
DirectFunctionCall1Coll(PGFunction func, Oid collation, Datum arg1)
{
	LOCAL_FCINFO(fcinfo, 1);
	Datum		result;

	InitFunctionCallInfoData(*fcinfo, NULL, 1, collation, NULL, NULL);
	fcinfo->args[0].value = arg1;
	fcinfo->args[0].isnull = false;
	result = func(fcinfo);
	CHECK(!fcinfo->isnull);
	return result;
}

Datum
DirectFunctionCall2Coll(PGFunction func, Oid collation, Datum arg1, Datum arg2)
{
	LOCAL_FCINFO(fcinfo, 2);
	Datum		result;

	InitFunctionCallInfoData(*fcinfo, NULL, 2, collation, NULL, NULL);
	fcinfo->args[0].value = arg1;
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = arg2;
	fcinfo->args[1].isnull = false;
	result = func(fcinfo);
	CHECK(!fcinfo->isnull);
	return result;
}

void
set_start(SetCall *set, PGFunction function, Datum argument)
{
	memset(set, 0, sizeof(*set));
	set->flinfo.fn_addr = function;
	set->flinfo.fn_mcxt = CurrentMemoryContext;
	set->flinfo.fn_retset = true;
	set->rsinfo.type = T_ReturnSetInfo;
	set->argument = argument;
}

bool
set_next(SetCall *set, Datum *result)
{
	LOCAL_FCINFO(fcinfo, 1);
	bool		done;

	InitFunctionCallInfoData(*fcinfo, &set->flinfo, 1, InvalidOid, NULL, (Node *) &set->rsinfo);
	fcinfo->args[0].value = set->argument;
	fcinfo->args[0].isnull = false;
	done = invoke(fcinfo, set->flinfo.fn_addr, result);
	CHECK(done);
	return set->rsinfo.isDone == ExprMultipleResult;
}

/*
 * Options of the sanitizers, which call these functions if they are compiled in:
 * an input that fails ends in abort(), and millions of allocations are cheap.
 */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *
__asan_default_options(void)
{
	return "abort_on_error=1:handle_abort=0:handle_segv=0:handle_sigfpe=0:"
		"malloc_context_size=4:quarantine_size_mb=8";
}

const char *
__ubsan_default_options(void)
{
	return "abort_on_error=1:print_stacktrace=1";
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	TopMemoryContext = AllocSetContextCreate(NULL, "top", ALLOCSET_DEFAULT_SIZES);
	CurrentMemoryContext = AllocSetContextCreate(TopMemoryContext, "input",
												 ALLOCSET_DEFAULT_SIZES);
	aggregate_context = AllocSetContextCreate(TopMemoryContext, "aggregate",
											  ALLOCSET_DEFAULT_SIZES);
	error_seen.message = NULL;
	fuzz_input(data, size);
	fail_allocation(0);
	fail_interrupt(0);
	CurrentMemoryContext = NULL;
	MemoryContextDelete(TopMemoryContext);
	return 0;
}
