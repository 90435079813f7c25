/*
 * posture.h: what the parts of posture share.
 */
#ifndef POSTURE_H
#define POSTURE_H

/*
 * PostgreSQL's headers and calling convention have parameters that a build
 * without assertions does not use; -Wextra would tell of those and no other.
 */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#include "postgres.h"
#include "fmgr.h"

#include "compat.h"

/* the settings, see posture.c */
extern char *posture_timezone;
extern double posture_drop_threshold;
extern int	posture_drop_basis;

/* how a drop is measured: posture.drop_basis */
typedef enum DropBasis
{
	DROP_POINTS,				/* previous - current */
	DROP_RELATIVE				/* (previous - current) / previous, in percent */
} DropBasis;

#endif							/* POSTURE_H */
