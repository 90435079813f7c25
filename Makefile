# posture: make && make install && make installcheck, as with every extension.
# make demo and make check also work on a bare Debian or Ubuntu.

CI_GOALS = check torture matrix package dist demo demo-stop dashboard dashboard-build dashboard-check $(if $(wildcard test/bench/run),bench)

# These goals install PostgreSQL themselves, so this part works without PGXS. PGXS has a
# goal "check" of its own, which only reports that it is not supported.
ifneq ($(filter $(CI_GOALS),$(MAKECMDGOALS)),)

.PHONY: $(MAKECMDGOALS)
.NOTPARALLEL:

# TEST="score fold 010_job" runs only these tests
check:
	@test/ci/check
matrix:
	@test/ci/matrix
package:
	@test/ci/package
torture:
	@test/ci/torture
demo:
	@demo/run
demo-stop:
	@demo/stop
# the archive of the last commit for PGXN
DISTRIBUTION = posture-$(shell sed -n 's/^    "version": "\(.*\)",/\1/p' META.json)
dist:
	@mkdir -p dist
	git archive --format=zip --prefix=$(DISTRIBUTION)/ --output=dist/$(DISTRIBUTION).zip HEAD
dashboard:
	@dashboard/run
dashboard-build:
	@dashboard/run build
dashboard-check:
	@dashboard/test/check
ifneq ($(filter bench,$(CI_GOALS)),)
bench:
	@test/bench/run
endif

# other goals on the same command line: make clean check
$(filter-out $(CI_GOALS),$(MAKECMDGOALS)):
	@$(MAKE) --no-print-directory $@

else

EXTENSION = posture
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" posture.control)

MODULE_big = posture
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c)))
PG_CFLAGS = -Wextra

PARTS = $(patsubst %,src/sql/%.sql,$(shell sed 's/\#.*//' src/sql/load_order))
# a part without a line would be left out of the install script
PART_FILES = $(filter-out src/sql/upgrade/%,$(wildcard src/sql/*/*.sql))
ifneq ($(filter-out $(PARTS),$(PART_FILES)),)
$(error src/sql/load_order has no line for $(filter-out $(PARTS),$(PART_FILES)))
endif
ifneq ($(filter-out $(PART_FILES),$(PARTS)),)
$(error src/sql/load_order names what does not exist: $(filter-out $(PART_FILES),$(PARTS)))
endif
PART_DATA = $(sort $(wildcard src/sql/*/*.txt))
UPGRADES = $(sort $(wildcard src/sql/upgrade/posture--*--*.sql))
DATA_built = posture--$(EXTVERSION).sql $(notdir $(UPGRADES))

# a test is added by adding its files; each creates the extension and drops it
# (:= so that PGXS, which tests these variables with ifdef, finds an empty list undefined)
REGRESS := $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
ISOLATION := $(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --load-extension=posture
PROVE_TESTS := $(sort $(wildcard test/t/*.pl))
TAP_TESTS := $(if $(PROVE_TESTS),1)

EXTRA_CLEAN = results regression.diffs regression.out output_iso tmp_check log posture--*.sql

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

ifneq ($(PGXS),)
include $(PGXS)
else
all install installcheck clean: ; @echo "$(PG_CONFIG) is not there: name your PostgreSQL's with PG_CONFIG=..., or let make check or make demo install one" >&2; exit 1
endif

# the install script is its parts, joined in the order of src/sql/load_order,
# with the rows of the data files that they name
posture--$(EXTVERSION).sql: src/sql/load_order $(PARTS) $(PART_DATA) src/sql/values.awk
	awk -v copy=1 -f src/sql/values.awk $(PARTS) > $@

# every upgrade script contains the code of this version and ends like the install
# script, so it upgrades to this version, whichever version it starts from
posture--%--$(EXTVERSION).sql: src/sql/upgrade/posture--%--$(EXTVERSION).sql src/sql/load_order $(PARTS) $(PART_DATA) src/sql/values.awk src/sql/upgrade/upgrade.awk
	awk -f src/sql/values.awk -f src/sql/upgrade/upgrade.awk $(PARTS) $< > $@
	cat src/sql/admin/install_end.sql >> $@

$(OBJS) $(OBJS:.o=.bc): $(sort $(wildcard src/*.h))

.DELETE_ON_ERROR:

endif
