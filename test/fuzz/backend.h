/*
 * backend.h: the stand-in for PostgreSQL's backend.
 *
 * A target is a file that defines fuzz_input(). It passes bytes to the functions
 * of src/ as SQL would and checks the results with CHECK(); a check that fails
 * ends the process. All memory of an input is freed after it.
 */
#ifndef FUZZ_BACKEND_H
#define FUZZ_BACKEND_H

#include "posture.h"

#include "nodes/execnodes.h"
#include "utils/errcodes.h"
#include "utils/memutils.h"

/* Runs one input; defined by the target. */
extern void fuzz_input(const uint8 *data, size_t size);

/* The number of inputs that the code under test accepted, for the report. */
extern long fuzz_taken;

/* Runs one input; libFuzzer calls it by this name. */
extern int	LLVMFuzzerTestOneInput(const uint8 *data, size_t size);

pg_noreturn extern void check_failed(const char *what, const char *file, int line);

#define CHECK(condition) \
	((condition) ? (void) 0 : check_failed(#condition, __FILE__, __LINE__))

/* the error of the last function that raised one */
typedef struct ErrorSeen
{
	int			sqlstate;
	char	   *message;
	char	   *detail;			/* NULL if it has none */
} ErrorSeen;

extern ErrorSeen error_seen;

/* Calls an SQL function; false if it raises an error. No argument is NULL. */
extern bool try_call(PGFunction function, Datum *result, int nargs, ...);
/* The same for a call that must not raise an error. */
extern Datum call(PGFunction function, int nargs, ...);
/* Whether the last call returned NULL. */
extern bool call_was_null;

/* Calls a transition function as an aggregate does, and updates *state. */
extern bool try_transit(PGFunction function, NullableDatum *state, int nargs, ...);
/* The memory context of the aggregate that calls transition functions. */
extern MemoryContext aggregate_context;

/* a call of a function that returns a set */
typedef struct SetCall
{
	FmgrInfo	flinfo;
	ReturnSetInfo rsinfo;
	Datum		argument;
} SetCall;

extern void set_start(SetCall *set, PGFunction function, Datum argument);
extern bool set_next(SetCall *set, Datum *result);

/*
 * With n > 0, the n-th allocation within a call fails for lack of memory, or the
 * n-th check for interrupts cancels the call.
 */
extern void fail_allocation(int n);
extern void fail_interrupt(int n);

/* Returns one of the two columns of a row that a function returned. */
extern Datum row_column(Datum row, int column);

/* Returns a numeric, which the stand-in represents by its text, or a text. */
extern Datum numeric_of(const char *text);
extern Datum text_of(const char *string);

/* Returns the beginning of the input that is valid text in a database. */
extern char *text_input(const uint8 *data, size_t size);

/* Whether the string is valid text in a database. */
extern bool is_database_text(const char *string);

#endif							/* FUZZ_BACKEND_H */
