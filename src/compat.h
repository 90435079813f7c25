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

/* from 18 on, ExplainPropertyText() has a header of its own */
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
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

/* create_foreignscan_path() got an argument in 17 and one more in 18 */
#if PG_VERSION_NUM >= 180000
#define foreign_scan_path(root, relation, rows, startup, total) \
	create_foreignscan_path(root, relation, NULL, rows, 0, startup, total, NIL, \
							(relation)->lateral_relids, NULL, NIL, NIL)
#elif PG_VERSION_NUM >= 170000
#define foreign_scan_path(root, relation, rows, startup, total) \
	create_foreignscan_path(root, relation, NULL, rows, startup, total, NIL, \
							(relation)->lateral_relids, NULL, NIL, NIL)
#else
#define foreign_scan_path(root, relation, rows, startup, total) \
	create_foreignscan_path(root, relation, NULL, rows, startup, total, NIL, \
							(relation)->lateral_relids, NULL, NIL)
#endif

/* in 18 the function is for all kinds of indexes */
#if PG_VERSION_NUM >= 180000
#define is_btree_operator(operator) (get_op_index_interpretation(operator) != NIL)
#else
#define is_btree_operator(operator) (get_op_btree_interpretation(operator) != NIL)
#endif

/* from 18 on, index_beginscan() can count what it does */
#if PG_VERSION_NUM >= 180000
#define begin_index_scan(table, index, snapshot, keys) \
	index_beginscan(table, index, snapshot, NULL, keys, 0)
#else
#define begin_index_scan(table, index, snapshot, keys) \
	index_beginscan(table, index, snapshot, keys, 0)
#endif

#endif							/* POSTURE_COMPAT_H */
