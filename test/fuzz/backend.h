/*
 * backend.h: what stands in for PostgreSQL's backend, and what a target uses.
 *
 * A target is a file with fuzz_input(); it gives bytes to the functions of
 * src/ as SQL would, and checks with CHECK() what must hold. The input fails
 * with the process. All memory of an input is in contexts that end with it.
 */
#ifndef FUZZ_BACKEND_H
#define FUZZ_BACKEND_H

#include "posture.h"

#include "nodes/execnodes.h"
#include "utils/errcodes.h"
#include "utils/memutils.h"

/* The target: everything about one input. */
extern void fuzz_input(const uint8 *data, size_t size);

/* How many inputs the code under test took, for the driver's report. */
extern long fuzz_taken;

/* LibFuzzer's name for what runs one input. */
extern int	LLVMFuzzerTestOneInput(const uint8 *data, size_t size);

pg_noreturn extern void check_failed(const char *what, const char *file, int line);

#define CHECK(condition) \
	((condition) ? (void) 0 : check_failed(#condition, __FILE__, __LINE__))

/* What the last function that ended with an error reported. */
typedef struct ErrorSeen
{
	int			sqlstate;
	char	   *message;
	char	   *detail;			/* NULL: none */
} ErrorSeen;

extern ErrorSeen error_seen;

/* Calls an SQL function; false if it ended with an error. No argument is NULL. */
extern bool try_call(PGFunction function, Datum *result, int nargs, ...);
/* The same where an error would be a fault. */
extern Datum call(PGFunction function, int nargs, ...);
/* Whether the last call gave NULL. */
extern bool call_was_null;

/* A transition function, called as an aggregate does; changes *state. */
extern bool try_transit(PGFunction function, NullableDatum *state, int nargs, ...);
/* Where aggregates keep their states, in the stand-in. */
extern MemoryContext aggregate_context;

/* A function that returns a set: start it, then take each result. */
typedef struct SetCall
{
	FmgrInfo	flinfo;
	ReturnSetInfo rsinfo;
	Datum		argument;
} SetCall;

extern void set_start(SetCall *set, PGFunction function, Datum argument);
extern bool set_next(SetCall *set, Datum *result);

/*
 * With n > 0 the n-th allocation or check for interrupts within a call fails,
 * as out of memory or canceled.
 */
extern void fail_allocation(int n);
extern void fail_interrupt(int n);

/* The two columns of a row that a function made. */
extern Datum row_column(Datum row, int column);

/* Numerics are their text, in the stand-in. */
extern Datum numeric_of(const char *text);
extern Datum text_of(const char *string);

/* A terminated copy of the part of the input that may be text in a database. */
extern char *text_input(const uint8 *data, size_t size);

/* for backend.c from backend_types.c */
extern bool is_database_text(const char *string);

#endif							/* FUZZ_BACKEND_H */
