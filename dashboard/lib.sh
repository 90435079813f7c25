# shellcheck shell=bash
# lib.sh: what run and test/check share. Sourced after test/ci/lib.sh.

dashboard=${top:?}/dashboard
# neither the build nor npm tells anybody of it
export OBSERVABLE_TELEMETRY_DISABLE=true NO_UPDATE_NOTIFIER=1

# Node.js 18 or later and npm, from the distribution where they lack.
need_node() {
    local version
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        "$top/test/ci/install" nodejs npm >/dev/null
    fi
    version=$(node -p 'process.versions.node.split(".")[0]')
    ((version >= 18)) || die "the dashboard needs Node.js 18 or later, and $(command -v node) is $version"
}

# need_packages run|dev: the packages of package-lock.json, exactly as it has
# them, with dev those of the tests too. What is there already is left, and none of
# their scripts is run.
need_packages() {
    local kept=$dashboard/node_modules/.posture lock omit=(--omit=dev)
    lock=$(<"$dashboard/package-lock.json")
    if [[ -e $kept ]] && { [[ $(<"$kept") == "dev $lock" ]] || [[ $1 == run && $(<"$kept") == "run $lock" ]]; }; then return; fi
    if [[ $1 == dev ]]; then omit=(); fi
    say "installing the packages of the dashboard"
    (cd "$dashboard" && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error "${omit[@]}") ||
        die "npm could not install them"
    printf '%s\n' "$1 $lock" >"$kept"
}

# build_pages DIRECTORY OUTPUT: what read.js read, as pages.
build_pages() {
    local log
    log=$(mktemp)
    # the Framework finds its files from where it runs
    if ! (cd "$1" && DASHBOARD_OUTPUT=$2 node node_modules/@observablehq/framework/dist/bin/observable.js build) >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "the pages could not be built"
    fi
    rm -f "$log"
}
