/*
 * known_object.c: ids of sources, recommendations and assets by key, kept while a call of
 * ingest() runs.
 *
 * A delivery has many rows of few objects. Each object is looked up by an index once,
 * and then found in a hash table, so that the cost follows the delivery, whatever the
 * planner expects of it and however large the catalog is.
 */
#include "known_object.h"

#include "delivery.h"
#include "index_lookup.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(posture_known_source);
PG_FUNCTION_INFO_V1(posture_known_recommendation);
PG_FUNCTION_INFO_V1(posture_known_asset);

static inline uint32
hash_key(ObjectKey key)
{
	return hash_bytes((const unsigned char *) key.bytes, key.length) ^
		murmurhash32(key.source_id);
}

static inline bool
same_key(ObjectKey a, ObjectKey b)
{
	return a.source_id == b.source_id && a.length == b.length &&
		memcmp(a.bytes, b.bytes, a.length) == 0;
}

#define SH_PREFIX objects
#define SH_ELEMENT_TYPE KnownObject
#define SH_KEY_TYPE ObjectKey
#define SH_KEY key
#define SH_HASH_KEY(table, key) hash_key(key)
#define SH_EQUAL(table, a, b) same_key(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(table, object) (object)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct KnownObjects
{
	MemoryContext context;		/* of the table and what it refers to */
	FindObject	find;
	Size		max_bytes;
	Size		bytes;			/* of keys, kinds and names */
	int			generation;		/* of the objects that are not there */
	objects_hash *table;
};

/* ---- the hash table ---- */

static void
forget_objects(KnownObjects *objects)
{
	MemoryContextReset(objects->context);
	objects->table = objects_create(objects->context, 64, NULL);
	objects->bytes = 0;
}

/* Makes an empty table, which forgets all objects when they no longer fit into max_bytes. */
KnownObjects *
known_objects_make(MemoryContext parent, FindObject find, Size max_bytes)
{
	KnownObjects *objects = MemoryContextAllocZero(parent, sizeof(KnownObjects));

	objects->context = AllocSetContextCreate(parent, "known objects", ALLOCSET_DEFAULT_SIZES);
	objects->find = find;
	objects->max_bytes = max_bytes;
	forget_objects(objects);
	return objects;
}

static text *
keep_text(KnownObjects *objects, text *value)
{
	text	   *kept;

	if (value == NULL)
		return NULL;
	kept = MemoryContextAlloc(objects->context, VARSIZE_ANY(value));
	objects->bytes += GetMemoryChunkSpace(kept);
	return memcpy(kept, value, VARSIZE_ANY(value));
}

/* Adds a key without an object; its bytes are copied. */
static KnownObject *
add_key(KnownObjects *objects, ObjectKey key)
{
	char	   *bytes = MemoryContextAlloc(objects->context, Max(key.length, 1));
	KnownObject *object;
	bool		is_found;

	objects->bytes += GetMemoryChunkSpace(bytes);
	key.bytes = memcpy(bytes, key.bytes, key.length);
	object = objects_insert(objects->table, key, &is_found);
	object->id = -1;
	object->is_added = false;
	return object;
}

/*
 * Returns what a key stands for, in the active snapshot, or in that of the first call for
 * the key; for one that stood for nothing, of the first after known_objects_added(). It is
 * valid until the next call.
 */
const KnownObject *
known_object(KnownObjects *objects, int32 source_id, text *key)
{
	ObjectKey	wanted = {source_id, VARSIZE_ANY_EXHDR(key), VARDATA_ANY(key)};
	KnownObject *object = objects_lookup(objects->table, wanted);
	KnownObject found = {.key = wanted, .id = -1};

	if (object != NULL && (object->id >= 0 || object->generation == objects->generation))
		return object;
	objects->find(&found, PointerGetDatum(key));
	if (object == NULL)
	{
		if (objects->table->size * sizeof(KnownObject) + objects->bytes > objects->max_bytes)
			forget_objects(objects);
		object = add_key(objects, wanted);
	}
	else
		object->is_added = found.id >= 0;
	object->id = found.id;
	object->generation = objects->generation;
	object->kind = keep_text(objects, found.kind);
	object->name = keep_text(objects, found.name);
	object->last_seen = found.last_seen;
	return object;
}

/* Objects that were not there have been added: their keys are looked up once more. */
void
known_objects_added(KnownObjects *objects)
{
	objects->generation++;
}

/* ---- lookups ---- */

static Relation
open_table(const char *name)
{
	return table_open(get_relname_relid(name, get_namespace_oid("posture", false)),
					  AccessShareLock);
}

static Datum
column_of(IndexLookup *lookup, const char *column)
{
	bool		is_null;

	return slot_getattr(lookup->slot, get_attnum(RelationGetRelid(lookup->table), column),
						&is_null);
}

/* Looks an object up; -1 if there is none. index_column is the first of the index. */
static int32
find_id(const char *table, const char *index_column, Datum first, Datum second, const char *id)
{
	Relation	relation = open_table(table);
	IndexLookup lookup;
	int32		result = -1;

	index_lookup_open(&lookup, relation, unique_index_of(relation, index_column));
	if (index_lookup_find(&lookup, first, second))
		result = DatumGetInt32(column_of(&lookup, id));
	index_lookup_close(&lookup);
	table_close(relation, NoLock);
	return result;
}

/* Looks a source up. */
void
find_source(KnownObject *object, Datum key)
{
	object->id = find_id("source", "key", key, (Datum) 0, "source_id");
}

/* Looks a recommendation up, of the source of the key. */
void
find_recommendation(KnownObject *object, Datum key)
{
	object->id = find_id("recommendation", "source_id", Int32GetDatum(object->key.source_id), key,
						 "recommendation_id");
}

/* Looks an asset up by an alias, or else by its key. Kind and name are copies. */
void
find_asset(KnownObject *object, Datum key)
{
	int32		aliased = find_id("asset_alias", "alias", key, (Datum) 0, "asset_id");
	Relation	table = open_table("asset");
	const char *column = aliased < 0 ? "key" : "asset_id";
	IndexLookup lookup;

	index_lookup_open(&lookup, table, unique_index_of(table, column));
	if (index_lookup_find(&lookup, aliased < 0 ? key : Int32GetDatum(aliased), (Datum) 0))
	{
		object->id = DatumGetInt32(column_of(&lookup, "asset_id"));
		object->kind = DatumGetTextPCopy(column_of(&lookup, "kind"));
		object->name = DatumGetTextPCopy(column_of(&lookup, "name"));
		object->last_seen = DatumGetTimestampTz(column_of(&lookup, "last_seen"));
	}
	index_lookup_close(&lookup);
	table_close(table, NoLock);
}

/* ---- functions ---- */

/* Returns an id; NULL for -1. */
static Datum
return_id(FunctionCallInfo fcinfo, int32 id)
{
	if (id < 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(id);
}

/* known_source(key text) returns integer: id of a source. NULL for NULL, and if there is none. */
Datum
posture_known_source(PG_FUNCTION_ARGS)
{
	return return_id(fcinfo, known_object(require_delivery()->known_sources, 0,
										  PG_GETARG_TEXT_PP(0))->id);
}

/*
 * known_recommendation(source text, key text) returns integer: id of a recommendation of a
 * source. NULL if an argument is NULL, and if there is none.
 */
Datum
posture_known_recommendation(PG_FUNCTION_ARGS)
{
	int32		source_id = known_object(require_delivery()->known_sources, 0,
										 PG_GETARG_TEXT_PP(0))->id;
	int32		id = -1;

	if (source_id >= 0)
		id = known_object(delivery->known_recommendations, source_id, PG_GETARG_TEXT_PP(1))->id;
	return return_id(fcinfo, id);
}

/*
 * known_asset(key text) returns integer: id of the asset that has an alias or a key. NULL
 * for NULL, and if there is none.
 */
Datum
posture_known_asset(PG_FUNCTION_ARGS)
{
	return return_id(fcinfo, known_object(require_delivery()->known_assets, 0,
										  PG_GETARG_TEXT_PP(0))->id);
}
