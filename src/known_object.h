/*
 * known_object.h: ids of sources, recommendations and assets by key, kept while a call of
 * ingest() runs.
 */
#ifndef POSTURE_KNOWN_OBJECT_H
#define POSTURE_KNOWN_OBJECT_H

#include "posture.h"

#include "datatype/timestamp.h"

/* the key of an object: of a recommendation within its source */
typedef struct ObjectKey
{
	int32		source_id;		/* 0: of another object */
	int32		length;
	const char *bytes;			/* not terminated */
} ObjectKey;

/* what a key stands for */
typedef struct KnownObject
{
	ObjectKey	key;
	uint32		hash;
	int32		id;				/* -1: there is no such object */
	int			generation;		/* in which it was looked up */
	bool		is_added;		/* it was not there at first */
	text	   *kind;			/* of an asset */
	text	   *name;
	TimestampTz last_seen;
	char		status;			/* of simplehash */
} KnownObject;

typedef struct KnownObjects KnownObjects;
typedef void (*FindObject) (KnownObject *object, Datum key);

extern KnownObjects *known_objects_make(MemoryContext parent, FindObject find, Size max_bytes);
extern const KnownObject *known_object(KnownObjects *objects, int32 source_id, text *key);
extern void known_objects_added(KnownObjects *objects);
extern void find_source(KnownObject *object, Datum key);
extern void find_recommendation(KnownObject *object, Datum key);
extern void find_asset(KnownObject *object, Datum key);

#endif							/* POSTURE_KNOWN_OBJECT_H */
