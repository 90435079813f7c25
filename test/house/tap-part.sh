# shellcheck shell=bash
# tap-part.sh: what the parts of torture share that run TAP tests in their long
# form. Sourced, in the top directory, after set -euo pipefail.

tests=0 faults=0

# tap FILE: one test; what it says of itself, what fails, and how long it took.
tap() {
    local out began=$SECONDS ok not_ok
    out=$(mktemp "$POSTURE_WORK/tap.XXXXXX")
    say "$1:"
    perl "test/t/$1" >"$out" 2>&1 || true
    grep -v '^ok' "$out" || true
    ok=$(grep -c '^ok' "$out" || true)
    not_ok=$(grep -c '^not ok' "$out" || true)
    # without a plan at its end it died on the way
    grep -q '^1\.\.' "$out" || not_ok=$((not_ok + 1))
    tests=$((tests + ok + not_ok)) faults=$((faults + not_ok))
    say "$1: $ok passed, $not_ok failed, $((SECONDS - began)) s"
    rm -f "$out"
}

say() { printf '%s\n' "$*"; }

# finish PART: the last line, and how it ended.
finish() {
    say "$1: $tests comparisons, faults: $faults"
    ((faults == 0)) || exit 1
}
