/*
 * assetset.h: the type assetset, a compressed set of asset ids.
 *
 * A set has two forms. The flat form is stored and canonical: equal sets have
 * equal bytes. The expanded form has a bitmap of the library CRoaring. To use
 * sets in C:
 *
 *	read:	set = PG_GETARG_ASSETSET(0); ... set->bitmap ...;
 *			PG_RELEASE_ASSETSET(set, 0);
 *	create:	set = assetset_make(CurrentMemoryContext);
 *			assetset_set_bitmap(set, roaring_bitmap_or(a->bitmap, b->bitmap));
 *			PG_RETURN_ASSETSET(set);
 *	change:	set = assetset_copy(datum, CurrentMemoryContext);
 *			bitmap = assetset_writable_bitmap(set);
 *			roaring_bitmap_add(bitmap, id);
 *
 * A bitmap belongs to its Assetset from assetset_set_bitmap() on and is freed
 * with the set's memory context, also after an error.
 *
 * Don't use these functions of the library, which are wrong in version 0.2.66:
 * roaring_bitmap_add_range(), roaring_bitmap_remove_range() and their _closed
 * variants create a bitset too small to be one, which can't be serialized;
 * roaring_bitmap_remove_run_compression() writes beyond its memory;
 * roaring_bitmap_contains_range() is wrong, too.
 */
#ifndef POSTURE_ASSETSET_H
#define POSTURE_ASSETSET_H

#include "roaring_format.h"

#include <roaring/roaring.h>

#include "utils/expandeddatum.h"

/*
 * The stored form. A later version of the format gets another number, and its
 * code still reads this one.
 */
typedef struct FlatAssetset
{
	int32		vl_len_;		/* varlena header, do not touch directly */
	uint32		version;		/* ASSETSET_VERSION */
	char		bytes[FLEXIBLE_ARRAY_MEMBER];	/* Roaring format, canonical */
} FlatAssetset;

#define ASSETSET_VERSION 1
#define FLAT_BYTES_SIZE(flat) (VARSIZE(flat) - offsetof(FlatAssetset, bytes))

typedef struct Assetset
{
	ExpandedObjectHeader header;
	uint32		magic;			/* ASSETSET_MAGIC */
	roaring_bitmap_t *bitmap;	/* malloc'd; NULL until it is set */
	FlatAssetset *flat;			/* NULL unless made since the last change */
	MemoryContextCallback release;	/* frees bitmap */
	uint32	   *pending;		/* ids not in bitmap yet, in the set's context */
	int			n_pending;
	int			max_pending;	/* allocated */
	int64		n_added;		/* ids that came through pending */
} Assetset;

#define ASSETSET_MAGIC 0x41537365

extern Assetset *assetset_make(MemoryContext parent);
extern void assetset_set_bitmap(Assetset *set, roaring_bitmap_t *bitmap);
extern Assetset *assetset_copy(Datum datum, MemoryContext parent);
extern void assetset_flush_pending(Assetset *set);
extern void assetset_add(Assetset *set, uint32 id);
extern void assetset_add_many(Assetset *set, const uint32 *ids, int count);
extern Assetset *DatumGetAssetset(Datum datum);
extern FlatAssetset *DatumGetFlatAssetset(Datum datum);
extern FlatAssetset *assetset_flat_from_writer(RoaringWriter *writer);
pg_noreturn extern void report_asset_id_out_of_range(const char *id);

/* Raises 22003 for a negative number, which is not an id. */
static inline void
check_asset_id(int32 id)
{
	if (unlikely(id < 0))
		report_asset_id_out_of_range(psprintf("%d", id));
}

/* Frees the copy that DatumGetAssetset() made, if it made one. */
static inline void
assetset_release(Assetset *set, Datum datum)
{
	if (!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		DeleteExpandedObject(EOHPGetRWDatum(&set->header));
}

/* Frees the copy that DatumGetFlatAssetset() made, if it made one. */
static inline void
assetset_release_flat(FlatAssetset *flat, Datum datum)
{
	if (!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)) &&
		(Pointer) flat != DatumGetPointer(datum))
		pfree(flat);
}

/* Whether the datum is an expanded assetset that its holder may change. */
static inline bool
assetset_is_writable(Datum datum)
{
	return VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(datum));
}

/*
 * Returns the bitmap for changes, and frees the flat form, which would be out
 * of date. The caller must have made or copied the set.
 */
static inline roaring_bitmap_t *
assetset_writable_bitmap(Assetset *set)
{
	assetset_flush_pending(set);
	if (set->flat != NULL)
	{
		pfree(set->flat);
		set->flat = NULL;
	}
	return set->bitmap;
}

#define PG_GETARG_ASSETSET(n) DatumGetAssetset(PG_GETARG_DATUM(n))
#define PG_RELEASE_ASSETSET(set, n) assetset_release(set, PG_GETARG_DATUM(n))
#define PG_RETURN_ASSETSET(set) PG_RETURN_DATUM(EOHPGetRWDatum(&(set)->header))

#define PG_GETARG_FLAT_ASSETSET(n) DatumGetFlatAssetset(PG_GETARG_DATUM(n))
#define PG_RELEASE_FLAT_ASSETSET(flat, n) assetset_release_flat(flat, PG_GETARG_DATUM(n))

#endif							/* POSTURE_ASSETSET_H */
