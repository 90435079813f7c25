/*
 * assetset.h: the type assetset, a compressed set of asset ids.
 *
 * A set has two forms. The flat form is stored and canonical: equal sets have
 * equal bytes. The expanded form is for changes: aggregates have it as their
 * state. All its memory is in a context of its own, so that PostgreSQL accounts
 * for it, and an allocation that fails is an error. To use sets in C:
 *
 *	read:	flat = PG_GETARG_FLAT_ASSETSET(0); ... flat->bytes ...;
 *			PG_RELEASE_FLAT_ASSETSET(flat, 0);
 *	create:	set = assetset_make(CurrentMemoryContext);
 *			assetset_add(set, id);
 *			PG_RETURN_ASSETSET(set);
 *	change:	set = assetset_copy(datum, CurrentMemoryContext);
 *			assetset_update(set, COMBINE_OR, other_datum);
 *
 * A set whose ids come in ascending order is written by a RoaringWriter and
 * assetset_flat_from_writer().
 */
#ifndef POSTURE_ASSETSET_H
#define POSTURE_ASSETSET_H

#include "roaring_format.h"

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
	bool		is_open;		/* the containers are the set; if not, flat is */
	FlatAssetset *flat;			/* of an open set: memory of containers */
	Container  *containers;		/* by ascending key; some may be empty */
	int			n_containers;
	int			max_containers; /* allocated */
	uint32	   *pending;		/* ids not in containers yet */
	bool		toggles;		/* pending ids are toggled, not added */
	int			n_pending;
	int			max_pending;	/* allocated */
	int64		n_added;		/* ids that came through pending */
} Assetset;

#define ASSETSET_MAGIC 0x41537365

/* Reads the containers of a set in either form. */
typedef struct SetReader
{
	Datum		datum;
	FlatAssetset *flat;			/* NULL if the set is open */
	RoaringReader reader;		/* of flat */
	Assetset   *set;			/* the expanded set */
	int			next;			/* container of an open set */
} SetReader;

/* assetset.c */
extern Assetset *assetset_make(MemoryContext parent);
extern Assetset *assetset_copy(Datum datum, MemoryContext parent);
extern Assetset *assetset_writable(Datum datum);
extern int64 assetset_count(Datum datum);
extern bool assetset_has(Datum datum, uint32 id);
extern FlatAssetset *DatumGetFlatAssetset(Datum datum);
extern FlatAssetset *assetset_flat_from_writer(RoaringWriter *writer);
extern void set_reader_open(SetReader *reader, Datum datum);
extern bool set_reader_next(SetReader *reader, Container *container);
extern void set_reader_close(SetReader *reader);
extern int	set_reader_containers(const SetReader *reader);
extern void assetset_open(Assetset *set);
extern void assetset_insert_containers(Assetset *set, int index, int n);
extern int	assetset_find_container(const Assetset *set, int from, uint32 key);
extern void assetset_empty_container(Container *container);

/* assetset_change.c */
extern void assetset_add(Assetset *set, uint32 id);
extern void assetset_add_many(Assetset *set, const uint32 *ids, int count);
extern void assetset_flush_pending(Assetset *set);
extern void assetset_update(Assetset *set, CombineOp operation, Datum other);

pg_noreturn extern void report_asset_id_out_of_range(const char *id);

/* Raises 22003 for a negative number, which is not an id. */
static inline void
check_asset_id(int32 id)
{
	if (unlikely(id < 0))
		report_asset_id_out_of_range(psprintf("%d", id));
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

#define PG_RETURN_ASSETSET(set) PG_RETURN_DATUM(EOHPGetRWDatum(&(set)->header))

#define PG_GETARG_FLAT_ASSETSET(n) DatumGetFlatAssetset(PG_GETARG_DATUM(n))
#define PG_RELEASE_FLAT_ASSETSET(flat, n) assetset_release_flat(flat, PG_GETARG_DATUM(n))

#endif							/* POSTURE_ASSETSET_H */
