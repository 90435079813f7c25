# shellcheck shell=bash
# debug.sh: a PostgreSQL that tells faults, for the parts of make torture that
# need one. Sourced.
#
# POSTURE_PG_SOURCE names its source, of PostgreSQL 15 or later: unpacked, not
# configured, and readable for everybody; apt-get source postgresql-15 brings
# it. Where POSTURE_DEBUG_PREFIX is set, what is built stays in
# $POSTURE_DEBUG_PREFIX/PART and is not built again; it has to be a directory
# that the user of the servers may write to.

part=$(basename "$0")

skip() { printf '%s: skipped: %s\n' "$part" "$*"; exit 0; }

# debug_postgres CFLAGS [LDFLAGS]: sets prefix, where it is.
debug_postgres() {
    local build=$POSTURE_WORK/build-$part
    prefix=${POSTURE_DEBUG_PREFIX:-$POSTURE_WORK/debug}/$part
    [[ -x ${POSTURE_PG_SOURCE:-}/configure ]] || skip "POSTURE_PG_SOURCE has to name PostgreSQL's source"
    [[ ! -x $prefix/bin/postgres ]] || return 0
    mkdir -p "$build" "$prefix"
    (
        cd "$build" &&
        "$POSTURE_PG_SOURCE/configure" -q --prefix="$prefix" --enable-cassert --enable-debug --enable-tap-tests \
            --with-libxml --without-icu CFLAGS="$1" LDFLAGS="${2:-}" &&
        make -s -j"$(nproc)" world-bin &&
        make -s install-world-bin
    ) >"$build.log" 2>&1 || { tail -n 30 "$build.log"; exit 1; }
    rm -rf "$build"
}
