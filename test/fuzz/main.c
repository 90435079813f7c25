/*
 * main.c: runs a target without libFuzzer.
 *
 *	TARGET [-runs=N] [-seed=N] [-whole=BYTES] FILE|DIRECTORY...
 *
 * Each file is run as it is, cut to every length, and with every bit flipped (a
 * sample of these if the file is longer than BYTES). Then the files are changed
 * at random N times. The same seed gives the same runs. An input that fails is
 * printed in hexadecimal before the process ends. Under the address sanitizer,
 * an input that leaves memory allocated fails.
 */
#include "backend.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>

#define MAX_SIZE 65536
#define MAX_SEEDS 1000

typedef struct Input
{
	uint8	   *data;
	size_t		size;
	char	   *name;
} Input;

static Input seeds[MAX_SEEDS];
static int	n_seeds = 0;
static uint64 random_state = 1;

/* the current input, for the report of a failure */
static const uint8 *running;
static size_t running_size;
static const char *running_name;

/* exists only if the address sanitizer is compiled in */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static void
show_input(int signal_number)
{
	fprintf(stderr, "signal %d, changed from %s, %zu bytes:\n", signal_number,
			running_name != NULL ? running_name : "nothing", running_size);
	for (size_t i = 0; i < running_size; i++)
		fprintf(stderr, "%02x", running[i]);
	fputc('\n', stderr);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

/* xorshift64*, so that a seed gives the same numbers on every platform */
static uint32
random_below(uint32 limit)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32) ((random_state * UINT64CONST(2685821657736338717)) >> 33) % limit;
}

static size_t
allocated(void)
{
	return __sanitizer_get_current_allocated_bytes != NULL ?
		__sanitizer_get_current_allocated_bytes() : 0;
}

static void
run(const uint8 *data, size_t size)
{
	size_t		before;

	running = data;
	running_size = size;
	/* the C library may allocate memory for good, but not each time */
	for (int again = 0; again < 3; again++)
	{
		before = allocated();
		LLVMFuzzerTestOneInput(data, size);
		if (allocated() <= before)
			return;
	}
	CHECK(!"memory is still allocated after the input");
}

static void
read_seeds(const char *path)
{
	struct stat status;
	FILE	   *file;
	Input	   *seed = &seeds[n_seeds];

	CHECK(stat(path, &status) == 0);
	if (S_ISDIR(status.st_mode))
	{
		struct dirent **entries;
		int			count = scandir(path, &entries, NULL, alphasort);
		char		inner[MAXPGPATH];

		for (int i = 0; i < count; free(entries[i++]))
			if (entries[i]->d_name[0] != '.')
			{
				snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
				read_seeds(inner);
			}
		free(entries);
		return;
	}
	CHECK(n_seeds < MAX_SEEDS && status.st_size <= MAX_SIZE);
	seed->name = strdup(path);
	seed->size = status.st_size;
	seed->data = malloc(seed->size + 1);
	file = fopen(path, "rb");
	CHECK(file != NULL && fread(seed->data, 1, seed->size, file) == seed->size);
	fclose(file);
	n_seeds++;
}

/* Runs a seed with every cut and every flipped bit, or a sample of them. */
static long
run_damaged(const Input *seed, size_t whole)
{
	size_t		every = seed->size <= whole ? 1 : Max(seed->size / 32, 1);
	size_t		bits = 8 * seed->size;
	uint8	   *data = memcpy(malloc(seed->size + 1), seed->data, seed->size);
	long		runs = 0;

	for (size_t length = every - 1; length < seed->size; length += every, runs++)
	{
		/* a copy that ends there, so that the sanitizer sees reads beyond it */
		uint8	   *cut = memcpy(malloc(length + 1), seed->data, length);

		run(cut, length);
		free(cut);
	}
	for (size_t bit = every == 1 ? 0 : random_below(8 * every); bit < bits;
		 bit += every == 1 ? 1 : 1 + random_below(8 * every), runs++)
	{
		data[bit / 8] ^= 1 << bit % 8;
		run(data, seed->size);
		data[bit / 8] ^= 1 << bit % 8;
	}
	free(data);
	return runs;
}

/* Replaces "old" bytes at "at" by "size" others; returns the new length. */
static size_t
replace(uint8 *data, size_t length, size_t at, size_t old, const uint8 *bytes, size_t size)
{
	if (length - old + size > MAX_SIZE)
		return length;
	memmove(data + at + size, data + at + old, length - at - old);
	memcpy(data + at, bytes, size);
	return length - old + size;
}

/* Changes data at random; returns the new size. */
static size_t
mutate(uint8 *data, size_t size)
{
	static const int64 numbers[] = {0, 1, 2, 3, 4, 7, 8, 100, 255, 4095, 4096, 4097, 8192, 12346,
		12347, 32767, 32768, 65534, 65535, 65536, 2147483647, 2147483648, 4294967295, -1};
	size_t		at = random_below(size + 1);
	size_t		some = random_below(Min(size - at, 64) + 1);
	const Input *other = &seeds[random_below(n_seeds)];
	int64		number = numbers[random_below(lengthof(numbers))];
	uint8		bytes[64];
	char		text[24];

	switch (random_below(8))
	{
		case 0:
			if (at < size)
				data[at] ^= 1 << random_below(8);
			return size;
		case 1:
			if (at < size)
				data[at] = random_below(256);
			return size;
		case 2:
			bytes[0] = random_below(256);
			return replace(data, size, at, 0, bytes, 1);
		case 3:
			return replace(data, size, at, some, bytes, 0);
		case 4:					/* a copy elsewhere */
			memcpy(bytes, data + at, some);
			return replace(data, size, random_below(size + 1), 0, bytes, some);
		case 5:					/* a number of two or four bytes */
			some = 2 << random_below(2);
			some = Min(some, size - at);
			return replace(data, size, at, some, (uint8 *) &number, some);
		case 6:					/* a number in digits */
			for (some = 0; at + some < size && data[at + some] >= '0' && data[at + some] <= '9';)
				some++;
			snprintf(text, sizeof(text), "%lld", (long long) number);
			return replace(data, size, at, some, (uint8 *) text, strlen(text));
		default:				/* a piece of another seed */
			{
				size_t		from = random_below(other->size + 1);
				size_t		length = random_below(Min(other->size - from, 256) + 1);

				return replace(data, size, at, some, other->data + from, length);
			}
	}
}

static void
run_mutated(void)
{
	const Input *seed = &seeds[random_below(n_seeds)];
	static uint8 space[MAX_SIZE];
	size_t		size = seed->size;
	uint8	   *data;

	running_name = seed->name;
	memcpy(space, seed->data, size);
	for (int changes = 1 + random_below(4); changes > 0; changes--)
		size = mutate(space, size);
	data = memcpy(malloc(size + 1), space, size);
	run(data, size);
	free(data);
}

int
main(int argc, char **argv)
{
	long		runs = 0;
	long		damaged = 0;
	long		whole = 512;
	unsigned long long seed = 1;

	for (int i = 1; i < argc; i++)
		if (sscanf(argv[i], "-runs=%ld", &runs) != 1 && sscanf(argv[i], "-seed=%llu", &seed) != 1 &&
			sscanf(argv[i], "-whole=%ld", &whole) != 1)
			read_seeds(argv[i]);
	CHECK(n_seeds > 0);
	random_state = (seed + 1) * UINT64CONST(0x9E3779B97F4A7C15) | 1;
	signal(SIGABRT, show_input);
	signal(SIGSEGV, show_input);
	signal(SIGFPE, show_input);

	for (int i = 0; i < n_seeds; i++)
	{
		running_name = seeds[i].name;
		run(seeds[i].data, seeds[i].size);
		damaged += run_damaged(&seeds[i], whole);
	}
	for (long i = 0; i < runs; i++)
		run_mutated();
	printf("seeds %d, cut or flipped %ld, mutated %ld, taken %ld\n",
		   n_seeds, damaged, runs, fuzz_taken);
	return 0;
}
