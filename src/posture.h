/*
 * posture.h: what every C file of posture includes first.
 */
#ifndef POSTURE_H
#define POSTURE_H

/*
 * With -Wextra, the compiler reports unused parameters, which SQL-callable
 * functions and inline functions in PostgreSQL's headers must have.
 */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#include "postgres.h"
#include "fmgr.h"

#include "compat.h"

/* how a drop is measured: the values of posture.drop_basis */
typedef enum DropBasis
{
	DROP_POINTS,				/* previous - current */
	DROP_RELATIVE				/* (previous - current) / previous, in percent */
} DropBasis;

/* settings that C code reads, see posture.c */
extern char *posture_timezone;
extern double posture_drop_threshold;
extern int	posture_drop_basis;

/* Allocates an array for n elements, or enlarges one. array may be NULL. */
static inline void *
resize_array(void *array, int n, Size element_size)
{
	return array == NULL ? palloc(n * element_size) : repalloc(array, n * element_size);
}

#endif							/* POSTURE_H */
