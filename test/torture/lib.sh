# shellcheck shell=bash
# lib.sh: functions that the parts of make torture share. Sourced, in the top
# directory, after set -euo pipefail.

part=$(basename "$0")
tests=0 faults=0

say() { printf '%s\n' "$*"; }
skip() { say "$part: skipped: $*"; exit 0; }

# tap FILE: runs one TAP test in its long form and shows its notes, its failures
# and its time.
tap() {
    local out began=$SECONDS ok not_ok
    out=$(mktemp "$POSTURE_WORK/tap.XXXXXX")
    say "$1:"
    perl "test/t/$1" >"$out" 2>&1 || true
    grep -v '^ok' "$out" || true
    ok=$(grep -c '^ok' "$out" || true)
    not_ok=$(grep -c '^not ok' "$out" || true)
    # a test without a plan at its end died on the way
    grep -q '^1\.\.' "$out" || not_ok=$((not_ok + 1))
    tests=$((tests + ok + not_ok)) faults=$((faults + not_ok))
    say "$1: $ok passed, $not_ok failed, $((SECONDS - began)) s"
    rm -f "$out"
}

# finish: prints the last line of a part that used tap, and exits.
finish() {
    say "$part: $tests comparisons, faults: $faults"
    ((faults == 0)) || exit 1
}

# debug_postgres CFLAGS [LDFLAGS]: builds PostgreSQL with assertions and sets
# prefix, the directory where it is installed.
#
# POSTURE_PG_SOURCE names the source of PostgreSQL 15 or later: unpacked, not
# configured, and readable by everybody, as apt-get source postgresql-15 leaves
# it. If POSTURE_DEBUG_PREFIX is set, the build stays in
# $POSTURE_DEBUG_PREFIX/PART and the next run uses it; the servers' user must be
# able to write to that directory.
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
