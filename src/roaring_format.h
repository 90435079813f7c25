/*
 * roaring_format.h: sets of ids in the portable Roaring format, as bytes.
 *
 * What the library is not asked for: to check bytes from outside, to bring
 * them into one canonical form, and to read them where they lie.
 */
#ifndef POSTURE_ROARING_FORMAT_H
#define POSTURE_ROARING_FORMAT_H

#include "posture.h"

#include "lib/stringinfo.h"

#ifdef WORDS_BIGENDIAN
#error "the portable Roaring format is little-endian, and so must the machine be"
#endif

/* ids are int4: 0 to 2^31 - 1, in containers of 2^16 */
#define ASSET_ID_MAX PG_INT32_MAX
#define CONTAINER_IDS 65536
#define CONTAINERS_MAX 32768

/* of the format, see roaring_reader.c */
#define COOKIE_WITHOUT_RUNS 12346
#define COOKIE_WITH_RUNS 12347
#define OFFSETS_FROM 4			/* containers, in a set with runs */
#define ARRAY_MAX 4096			/* cardinality */
#define BITSET_WORDS 1024
#define BITSET_BYTES 8192

typedef enum ContainerKind
{
	CONTAINER_ARRAY,			/* uint16 values, ascending, at most 4096 */
	CONTAINER_BITSET,			/* 1024 uint64 words */
	CONTAINER_RUN				/* pairs of uint16: first, length - 1 */
} ContainerKind;

/* One container where it lies; data may be unaligned. */
typedef struct Container
{
	ContainerKind kind;
	uint32		key;			/* the ids' upper 16 bits */
	int			cardinality;	/* 1 to 65536 */
	int			units;			/* values, words or runs at data */
	const char *data;
	Size		start;			/* where the container starts in the bytes */
} Container;

/* Goes through the containers of a set. */
typedef struct RoaringReader
{
	const char *bytes;
	Size		size;
	int			containers;
	const char *run_flags;		/* NULL: no container is a run */
	const char *descriptors;	/* for each container: key, cardinality - 1 */
	const char *offsets;		/* NULL: left out */
	int			index;			/* of the next container */
	Size		position;		/* where the next container starts */
} RoaringReader;

/* Goes through the ranges of consecutive ids of a set, ascending. */
typedef struct RangeReader
{
	RoaringReader reader;
	Container	container;
	int			next;			/* the next unit in container; in a bitset, bit */
	int			end;			/* of the units or bits */
	bool		pending;		/* a range was read ahead: */
	uint32		first;
	uint32		last;
} RangeReader;

/* Writes a set from ascending containers or ranges. */
typedef struct RoaringWriter
{
	struct Descriptor *descriptors;
	int			containers;
	int			space;			/* of descriptors */
	StringInfoData body;
	/* the container in the making, as runs that neither touch nor overlap */
	struct Run *runs;
	int			n_runs;
	int			runs_space;
	int			cardinality;
	uint32		key;
} RoaringWriter;

pg_noreturn extern void report_corrupted_assetset(const char *problem);
extern char *roaring_bytes_check(const char *bytes, Size size);
extern void roaring_reader_open(RoaringReader *reader, const char *bytes, Size size);
extern bool roaring_reader_next(RoaringReader *reader, Container *container);
extern int64 roaring_bytes_cardinality(const char *bytes, Size size);
extern bool roaring_bytes_contains(const char *bytes, Size size, uint32 id);
extern int	roaring_bytes_compare(const char *bytes1, Size size1,
							 const char *bytes2, Size size2);

extern void range_reader_open(RangeReader *ranges, const char *bytes, Size size);
extern void range_reader_open_container(RangeReader *ranges, const Container *container);
extern bool range_reader_next(RangeReader *ranges, uint32 *first, uint32 *last);

extern void roaring_writer_open(RoaringWriter *writer, Size size_hint);
extern void roaring_writer_add_range(RoaringWriter *writer, uint32 first, uint32 last);
extern void roaring_writer_add_container(RoaringWriter *writer, const RoaringReader *reader,
								 const Container *container);
extern void roaring_writer_add_all(RoaringWriter *writer, const char *bytes, Size size);
extern char *roaring_writer_finish(RoaringWriter *writer, Size prefix, Size *size);

#endif							/* POSTURE_ROARING_FORMAT_H */
