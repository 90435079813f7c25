/*
 * compat.h: the one place that knows how PostgreSQL 15 to 18 differ.
 */
#ifndef POSTURE_COMPAT_H
#define POSTURE_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "posture needs PostgreSQL 15 or later"
#endif

/* varatt.h was split out of postgres.h in 16 */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 18 has pg_noreturn, which goes first, in the place of pg_attribute_noreturn() */
#ifndef pg_noreturn
#define pg_noreturn pg_attribute_noreturn()
#endif

/* the sequence of an identity column is asked for by the relation from 17 on */
#if PG_VERSION_NUM >= 170000
#define identity_sequence(relation, column) getIdentitySequence(relation, column, false)
#else
#define identity_sequence(relation, column) getIdentitySequence(RelationGetRelid(relation), column, false)
#endif

#endif							/* POSTURE_COMPAT_H */
