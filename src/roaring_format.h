/*
 * roaring_format.h: sets of asset ids as bytes in the portable Roaring format.
 *
 * These functions check every byte that a client sends, read a stored set in
 * place, combine sets container by container, and write one canonical form of a
 * set. All memory is allocated in memory contexts. roaring_reader.c describes
 * the format.
 */
#ifndef POSTURE_ROARING_FORMAT_H
#define POSTURE_ROARING_FORMAT_H

#include "posture.h"

#include "lib/stringinfo.h"

#ifdef WORDS_BIGENDIAN
#error "the portable Roaring format is little-endian, and so must the machine be"
#endif

/* ids are int4: 0 to 2^31 - 1, in containers of 2^16 ids */
#define ASSET_ID_MAX PG_INT32_MAX
#define CONTAINER_IDS 65536
#define CONTAINERS_MAX 32768

/* constants of the format */
#define COOKIE_WITHOUT_RUNS 12346
#define COOKIE_WITH_RUNS 12347
#define OFFSETS_FROM 4			/* containers, in a set with runs */
#define ARRAY_MAX 4096			/* cardinality of an array */
#define BITSET_WORDS 1024
#define BITSET_BYTES 8192

typedef enum ContainerKind
{
	CONTAINER_ARRAY,			/* uint16 values, ascending, at most 4096 */
	CONTAINER_BITSET,			/* 1024 uint64 words */
	CONTAINER_RUN				/* pairs of uint16: first, length - 1 */
} ContainerKind;

/* A container in place; data may be unaligned. */
typedef struct Container
{
	ContainerKind kind;
	uint32		key;			/* the upper 16 bits of its ids */
	int			cardinality;	/* 1 to 65536; 0: has changed since it was read */
	int			units;			/* values, words or runs at data */
	const char *data;
	uint32		start;			/* offset in the set's bytes, if it was read */
	uint32		allocated;		/* bytes at data, if they are memory of its own */
} Container;

/* A container that an operation returns. */
typedef struct ContainerBuffer
{
	Container	container;		/* its data are the words */
	uint64		words[BITSET_WORDS];	/* aligned for every kind */
} ContainerBuffer;

/*
 * An operation on two sets, as its truth table: bit (in first) + 2 * (in second)
 * is set if the result has an id.
 */
typedef enum CombineOp
{
	COMBINE_OR = 0xE,
	COMBINE_AND = 0x8,
	COMBINE_ANDNOT = 0x2,
	COMBINE_XOR = 0x6
} CombineOp;

/* Whether the result has the ids that only one of the sets has. */
#define KEEPS_FIRST(operation) (((operation) & 0x2) != 0)
#define KEEPS_SECOND(operation) (((operation) & 0x4) != 0)

/* Reads the containers of a set in ascending order of their keys. */
typedef struct RoaringReader
{
	const char *bytes;
	Size		size;
	int			containers;
	const char *run_flags;		/* NULL if no container is a run */
	const char *descriptors;	/* for each container: key, cardinality - 1 */
	const char *offsets;		/* NULL if the set has none */
	int			index;			/* of the next container */
	Size		position;		/* where the next container starts */
} RoaringReader;

/* Reads the ranges of consecutive ids of a set in ascending order. */
typedef struct RangeReader
{
	RoaringReader reader;
	Container	container;
	int			next;			/* next unit of container, or bit of a bitset */
	int			end;			/* number of units or bits */
	bool		has_pending;	/* first to last was read ahead */
	uint32		first;
	uint32		last;
} RangeReader;

/* A run as it is stored. */
typedef struct Run
{
	uint16		first;
	uint16		more;			/* length - 1 */
} Run;

/* Writes a set from ascending containers or ranges. */
typedef struct RoaringWriter
{
	struct Descriptor *descriptors;
	int			containers;
	int			max_containers; /* allocated */
	StringInfoData body;		/* the containers that are written */
	/* the current container, as runs that neither touch nor overlap */
	Run		   *runs;
	int			n_runs;
	int			max_runs;		/* allocated */
	int			cardinality;
	uint32		key;
} RoaringWriter;

/* Return the number at an index of an array that may be unaligned. */
static inline uint16
uint16_at(const char *data, int index)
{
	uint16		value;

	memcpy(&value, data + (Size) index * sizeof(value), sizeof(value));
	return value;
}

static inline uint32
uint32_at(const char *data, int index)
{
	uint32		value;

	memcpy(&value, data + (Size) index * sizeof(value), sizeof(value));
	return value;
}

static inline uint64
uint64_at(const char *data, int index)
{
	uint64		value;

	memcpy(&value, data + (Size) index * sizeof(value), sizeof(value));
	return value;
}

static inline void
set_uint64_at(char *data, int index, uint64 value)
{
	memcpy(data + (Size) index * sizeof(value), &value, sizeof(value));
}

/* Returns the last value of a run; a corrupted one ends with its container. */
static inline int
run_end(const char *data, int index)
{
	return Min(uint16_at(data, 2 * index) + uint16_at(data, 2 * index + 1), CONTAINER_IDS - 1);
}

/* Returns the size of a container's data, without the number of its runs. */
static inline Size
container_size(const Container *container)
{
	Size		unit_size = container->kind == CONTAINER_ARRAY ? sizeof(uint16) :
		container->kind == CONTAINER_RUN ? sizeof(Run) : sizeof(uint64);

	return container->units * unit_size;
}

/* roaring_reader.c */
pg_noreturn extern void report_corrupted_assetset(const char *detail);
pg_noreturn extern void report_wrong_cardinality(bool has_more);
extern char *roaring_bytes_check(const char *bytes, Size size);
extern int64 roaring_bytes_cardinality(const char *bytes, Size size);
extern bool roaring_bytes_contains(const char *bytes, Size size, uint32 id);
extern void roaring_reader_open(RoaringReader *reader, const char *bytes, Size size);
extern bool roaring_reader_next(RoaringReader *reader, Container *container);

/* range_reader.c */
extern int	roaring_bytes_compare(const char *bytes1, Size size1,
								  const char *bytes2, Size size2);
extern void range_reader_open(RangeReader *ranges, const char *bytes, Size size);
extern void range_reader_open_container(RangeReader *ranges, const Container *container);
extern bool range_reader_next(RangeReader *ranges, uint32 *first, uint32 *last);

/* container.c */
extern bool container_contains(const Container *container, int value);
extern void container_load(char *bitset, const Container *container);
extern void container_update_bitset(char *bitset, CombineOp operation, const Container *other);
extern bool container_is_trivial(CombineOp operation, const Container *first,
								 const Container *second, const Container **result);
extern void container_combine(ContainerBuffer *result, CombineOp operation,
							  const Container *first, const Container *second);
extern bool container_is_empty(const Container *container);

/* container_write.c */
extern int	container_count(const Container *container);
extern int	container_count_runs(const Container *container, int limit);
extern void container_convert(const Container *container, ContainerKind kind, char *out);

/* roaring_writer.c */
extern void roaring_writer_open(RoaringWriter *writer, Size size_hint);
extern void roaring_writer_add_range(RoaringWriter *writer, uint32 first, uint32 last);
extern void roaring_writer_add_container(RoaringWriter *writer, const Container *container);
extern void roaring_writer_copy_container(RoaringWriter *writer, const Container *container);
extern void roaring_writer_add_all(RoaringWriter *writer, const char *bytes, Size size);
extern char *roaring_writer_finish(RoaringWriter *writer, Size prefix, Size *size);

#endif							/* POSTURE_ROARING_FORMAT_H */
