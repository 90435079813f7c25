/*
 * compat.h: the differences between PostgreSQL 15 and 18. No other source file
 * checks the version.
 */
#ifndef POSTURE_COMPAT_H
#define POSTURE_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "posture needs PostgreSQL 15 or later"
#endif

/* from 16 on, varatt.h is not part of postgres.h */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* pg_noreturn is new in 18 and precedes the declaration */
#ifndef pg_noreturn
#define pg_noreturn pg_attribute_noreturn()
#endif

/* from 16 on, one function checks the owner of any object */
#if PG_VERSION_NUM >= 160000
#define extension_ownercheck(extension, role) \
	object_ownercheck(ExtensionRelationId, extension, role)
#else
#define extension_ownercheck(extension, role) pg_extension_ownercheck(extension, role)
#endif

/* from 17 on, getIdentitySequence() takes the relation and not its oid */
#if PG_VERSION_NUM >= 170000
#define identity_sequence(relation, column) \
	getIdentitySequence(relation, column, false)
#else
#define identity_sequence(relation, column) \
	getIdentitySequence(RelationGetRelid(relation), column, false)
#endif

#endif							/* POSTURE_COMPAT_H */
