# shellcheck shell=bash
# shellcheck disable=SC2034 # the scripts that source this use its variables
# lib.sh: functions that the scripts in test/ci, demo, dashboard and test/bench
# share. Sourced, after set -euo pipefail.
#
# PG_CONFIG=/path/to/pg_config chooses your own PostgreSQL; otherwise
# PG_MAJOR chooses the version among the distribution's packages.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# the throwaway servers must not use the caller's connection settings and make flags
for name in "${!PG@}"; do
    [[ $name == PG_CONFIG || $name == PG_MAJOR || $name == PG_TEST_* ]] || unset "$name"
done
unset name MAKEFLAGS MFLAGS MAKELEVEL CDPATH

say() { printf '%s\n' "$*"; }
die() { printf 'posture: %s\n' "$*" >&2; exit 1; }

# as_root COMMAND: runs a command as root. Asks for a password only at a terminal.
as_root() {
    local ask=-n
    if [[ -t 0 ]]; then ask=-p"posture needs root to install; password for %u: "; fi
    if [[ $EUID == 0 ]]; then
        "$@"
    elif ! command -v sudo >/dev/null; then
        say "this needs root, and sudo is missing: $*" >&2
        return 1
    elif ! sudo "$ask" true; then
        say "this needs root, and sudo did not allow it: $*" >&2
        return 1
    else
        sudo "$@"
    fi
}

# PostgreSQL refuses to run as root: root's servers and tests belong to postgres
server_user=$(id -un)
if [[ $EUID == 0 ]]; then server_user=postgres; fi

# exec_as_server COMMAND: replaces this process; call it in a subshell.
exec_as_server() {
    if [[ $EUID == 0 ]]; then
        set -- setpriv --reuid="$server_user" --regid="$(id -g "$server_user")" --init-groups -- "$@"
    fi
    exec env HOME="$work" TMPDIR="$work" "$@" </dev/null
}

# run_as_server COMMAND: runs it in the work directory, because the servers' user may
# not be able to enter the caller's.
run_as_server() { (cd "$work" && exec_as_server "$@"); }

# make_work: sets work, a new directory that belongs to the servers' user. It is not in
# TMPDIR if that user cannot enter TMPDIR, or if TMPDIR is long: the path of a socket
# holds 107 bytes, and those of the tests are some levels deeper.
make_work() {
    work=${TMPDIR:-/tmp}
    if ((${#work} > 40)) || ! run_as_server test -w . -a -x . 2>/dev/null; then work=/tmp; fi
    work=$(mktemp -d "$(realpath "$work")/posture.XXXXXX")
    if [[ $EUID == 0 ]]; then chown "$server_user": "$work"; fi
}

# remove_work DIRECTORY: stops all servers below a work directory, then removes it.
remove_work() {
    local work=$1 pidfile
    while IFS= read -r pidfile; do
        run_as_server "$bindir/pg_ctl" stop -s -m immediate -D "${pidfile%/postmaster.pid}" >/dev/null 2>&1 || true
    done < <(find "$work" -name postmaster.pid 2>/dev/null)
    rm -rf "$work"
}

# find_postgres: sets pg_config, bindir, libdir and pgxs.
find_postgres() {
    pg_config=${PG_CONFIG:-/usr/lib/postgresql/$PG_MAJOR/bin/pg_config}
    pg_config=$(command -v "$pg_config") || die "$pg_config does not exist"
    bindir=$("$pg_config" --bindir)
    libdir=$("$pg_config" --pkglibdir)
    pgxs=$(dirname "$("$pg_config" --pgxs)")/../..
}

# copy_checkout DIRECTORY: copies the checkout, without the files built in it.
copy_checkout() {
    mkdir -p "$1"
    tar -C "$top" -cf - --exclude=./.git --exclude=./.demo --exclude=./dist --exclude=./results --exclude=./tmp_check \
        --exclude=./dashboard/node_modules --exclude='./dashboard/dist*' --exclude=./dashboard/src/.observablehq --exclude=./dashboard/shots \
        --exclude='*.o' --exclude='*.bc' --exclude='*.so' --exclude='./posture--*.sql' . |
        tar -C "$1" -xf - --no-same-owner --no-same-permissions
}

# build: builds and installs a copy of the checkout, so that the checkout gets no files
# of another user or another PostgreSQL.
build() {
    local sudo=(as_root)
    say "building with $("$pg_config" --version)"
    copy_checkout "$work/posture"
    if [[ $EUID == 0 ]]; then chown -R "$server_user": "$work/posture"; fi
    # without bitcode for the JIT, which would only cost time
    set -- -s -C "$work/posture" PG_CONFIG="$pg_config" COPT=-Werror with_llvm=no
    run_as_server make -j"$(nproc)" "$@" all >"$work/build.log" 2>&1 ||
        { cat "$work/build.log" >&2; die "the build failed"; }
    if [[ -w $libdir && -w $("$pg_config" --sharedir)/extension ]]; then sudo=(); fi
    "${sudo[@]}" make "$@" install >"$work/build.log" 2>&1 ||
        { cat "$work/build.log" >&2; die "the installation failed"; }
}

# init_cluster SUPERUSER CRON_DATABASE AUTH: makes a cluster in the work directory
# that listens on a socket there and on no port. Reads more settings from stdin.
init_cluster() {
    mkdir -p "$work/socket"
    if [[ $EUID == 0 ]]; then chown "$server_user": "$work/socket"; fi
    run_as_server "$bindir/initdb" -D "$work/data" -N -U "$1" --auth-local="$3" --auth-host=scram-sha-256 \
        --data-checksums --encoding=UTF8 --locale=C.UTF-8 >"$work/server.log" 2>&1 ||
        { cat "$work/server.log" >&2; die "initdb failed"; }
    {
        echo "listen_addresses = ''"
        echo "port = 5432"
        echo "unix_socket_directories = '$work/socket'"
        if [[ -e $libdir/pg_cron.so ]]; then
            # its workers connect inside the server: jobs need no pg_hba entry
            echo "shared_preload_libraries = 'pg_cron'"
            echo "cron.database_name = '$2'"
            echo "cron.use_background_workers = on"
            echo "max_worker_processes = 24"
        fi
        cat
    } >>"$work/data/postgresql.conf"
}

# start_cluster SUPERUSER CRON_DATABASE AUTH: makes that cluster and starts it.
start_cluster() {
    init_cluster "$@"
    run_as_server "$bindir/pg_ctl" start -s -w -D "$work/data" -l "$work/data/server.log" ||
        { tail -n 20 "$work/data/server.log" >&2; die "the server did not start"; }
}

child=

# run_tests COMMAND: runs it as the servers' user in a process group of its own, in the
# background, because bash handles a signal only while it waits. A signal ends the group.
run_tests() {
    local status=0
    set -m
    (cd "$work/posture" && exec_as_server "$@") &
    child=$!
    set +m
    wait "$child" || status=$?
    child=
    return "$status"
}

# stop_tests: ends that group. Tests have ten seconds to stop their own servers.
stop_tests() {
    kill -TERM -- "-$child" 2>/dev/null || return 0
    for _ in {1..100}; do
        kill -0 -- "-$child" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL -- "-$child" 2>/dev/null || true
}
