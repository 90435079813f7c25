# posture: make && make install && make installcheck, as with every extension.

EXTENSION = posture
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" posture.control)

MODULE_big = posture
OBJS = $(patsubst %.c,%.o,$(wildcard src/*.c))
SHLIB_LINK = -lroaring
PG_CFLAGS = -Wextra

DATA_built = posture--$(EXTVERSION).sql

REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# the install script is its parts, joined in the order of their numbers
posture--$(EXTVERSION).sql: $(sort $(wildcard src/sql/*.sql))
	cat $^ > $@
