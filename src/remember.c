/*
 * remember.c: results of a query, kept while a statement runs.
 *
 * A delivery has many rows of few keys. Each key is looked up once by an index, and
 * then found in a hash table, so that the cost of looking keys up follows the delivery,
 * whatever the planner expects of it and however large the catalog is.
 */
#include "posture.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(posture_remember);

/* the arguments of the query */
typedef struct Question
{
	int32		scope;
	int32		length;
	const char *key;			/* not terminated */
} Question;

typedef struct Answer
{
	Question	question;
	uint32		hash;
	int32		id;
	bool		is_null;
	char		status;			/* of simplehash */
} Answer;

static inline uint32
hash_question(Question question)
{
	return hash_bytes((const unsigned char *) question.key, question.length) ^
		murmurhash32(question.scope);
}

static inline bool
same_question(Question a, Question b)
{
	return a.scope == b.scope && a.length == b.length && memcmp(a.key, b.key, a.length) == 0;
}

#define SH_PREFIX answers
#define SH_ELEMENT_TYPE Answer
#define SH_KEY_TYPE Question
#define SH_KEY question
#define SH_HASH_KEY(table, key) hash_question(key)
#define SH_EQUAL(table, a, b) same_question(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(table, answer) (answer)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* What is kept for a place in a statement that calls the function. */
typedef struct Memory
{
	SPIPlanPtr	plan;
	MemoryContext context;		/* of answers and their keys */
	answers_hash *answers;
	Size		key_bytes;
} Memory;

static void
free_plan(void *plan)
{
	SPI_freeplan((SPIPlanPtr) plan);
}

static void
forget_answers(Memory *memory)
{
	MemoryContextReset(memory->context);
	memory->answers = answers_create(memory->context, 64, NULL);
	memory->key_bytes = 0;
}

/*
 * Prepares the query. The plan is made now, and not kept for later statements, by when
 * the tables may have grown.
 */
static Memory *
make_memory(FmgrInfo *function, const char *query)
{
	Memory	   *memory = MemoryContextAllocZero(function->fn_mcxt, sizeof(Memory));
	MemoryContextCallback *callback = MemoryContextAllocZero(function->fn_mcxt,
															 sizeof(MemoryContextCallback));
	Oid			types[] = {INT4OID, TEXTOID};

	SPI_connect();
	memory->plan = SPI_prepare(query, 2, types);
	if (memory->plan == NULL || SPI_keepplan(memory->plan) != 0)
		elog(ERROR, "could not prepare a query: %s", SPI_result_code_string(SPI_result));
	SPI_finish();
	callback->func = free_plan;
	callback->arg = memory->plan;
	MemoryContextRegisterResetCallback(function->fn_mcxt, callback);
	memory->context = AllocSetContextCreate(function->fn_mcxt, "remembered ids",
											ALLOCSET_DEFAULT_SIZES);
	forget_answers(memory);
	return memory;
}

/* Runs the query in the snapshot of the statement. */
static void
ask(SPIPlanPtr plan, Answer *answer, Datum key)
{
	Datum		values[] = {Int32GetDatum(answer->question.scope), key};

	SPI_connect();
	if (SPI_execute_plan(plan, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "query does not return rows");
	answer->is_null = true;
	answer->id = 0;
	if (SPI_processed > 0)
		answer->id = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
												 &answer->is_null));
	SPI_finish();
}

/*
 * remember(query text, scope integer, key text) returns integer: the integer that the
 * query returns for scope ($1) and key ($2), or NULL if it returns no row. Runs the
 * query once for each scope and key of a statement, as long as they fit into work_mem.
 * The query is the same in all calls from one place of a statement. NULL if an argument
 * is NULL. Errors: those of the query.
 */
Datum
posture_remember(PG_FUNCTION_ARGS)
{
	Memory	   *memory = fcinfo->flinfo->fn_extra;
	text	   *key = PG_GETARG_TEXT_PP(2);
	Question	question = {PG_GETARG_INT32(1), VARSIZE_ANY_EXHDR(key), VARDATA_ANY(key)};
	Answer	   *answer;
	bool		found;

	if (memory == NULL)
	{
		memory = make_memory(fcinfo->flinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)));
		fcinfo->flinfo->fn_extra = memory;
	}
	answer = answers_lookup(memory->answers, question);
	if (answer == NULL)
	{
		Answer		asked = {.question = question};

		ask(memory->plan, &asked, PointerGetDatum(key));
		if (memory->answers->size * sizeof(Answer) + memory->key_bytes > work_mem * (Size) 1024)
			forget_answers(memory);
		asked.question.key = memcpy(MemoryContextAlloc(memory->context, Max(question.length, 1)),
									question.key, question.length);
		memory->key_bytes += GetMemoryChunkSpace((void *) asked.question.key);
		answer = answers_insert(memory->answers, asked.question, &found);
		answer->id = asked.id;
		answer->is_null = asked.is_null;
	}
	PG_FREE_IF_COPY(key, 2);
	if (answer->is_null)
		PG_RETURN_NULL();
	PG_RETURN_INT32(answer->id);
}
