# shellcheck shell=bash
# lib.sh: what run and pair share: one server of the benchmarks and the parts that
# run on it. Sourced after test/ci/lib.sh. Needs work, bindir and server_user.

findings=${FINDINGS:-10000000}
days=${DAYS:-365}
new=$((findings < 1000000 ? findings : 1000000))

# the SQL of the checkout that was built in the work directory
bench_sql() { printf '%s/posture/test/bench/%s.sql\n' "$work" "$1"; }

start_bench_cluster() {
    start_cluster "$server_user" bench trust <<'SETTINGS'
shared_buffers = 2GB
max_wal_size = 8GB
work_mem = 64MB
maintenance_work_mem = 512MB
max_parallel_workers_per_gather = 2
autovacuum = off
SETTINGS
}

as_client() { run_as_server "$bindir/$1" -h "$work/socket" -U "$server_user" "${@:2}"; }
psql() {
    as_client psql -X -q -v ON_ERROR_STOP=1 -d "${database:-bench}" \
        -v findings="$findings" -v assets=$((findings / 10)) -v new="$new" -v days="$days" "$@"
}

# transactions a second of single-asset updates, with the triggers or without
updates() { # ENABLE|DISABLE clients
    psql -c "ALTER TABLE posture.finding $1 TRIGGER capture_update"
    as_client pgbench -n -f "$(bench_sql update)" -D assets=$((findings / 10)) -c "$2" -j 2 -T 10 bench 2>/dev/null |
        sed -n 's/^tps = \([0-9.]*\).*/\1/p'
}

# in turn, so that other work of the machine affects both
compare_updates() { # clients
    local with='' without='' order
    for order in A B B A A B; do
        if [[ $order == A ]]; then with+=,$(updates ENABLE "$1"); else without+=,$(updates DISABLE "$1"); fi
        psql -c 'CHECKPOINT'
    done
    psql -c 'ALTER TABLE posture.finding ENABLE TRIGGER capture_update' -c "
        INSERT INTO bench.result (what, compared_with, measured, compared, unit, reach)
        VALUES ('single-asset updates of 10 findings, $1 clients', 'the same table without the triggers',
                bench.median('{${with#,}}'), bench.median('{${without#,}}'), 'a second', 'at least 0.85')"
}

# The parts, in their order. New rows and updates are of today, so the days come
# before them: changes after the end of a day are undone one by one.
bench_parts=(fleet deliveries reads changes history day drill access new writes updates plan documents)
# PARTS chooses some. "figures" are those that need no delivery.
if [[ ${PARTS:-} == figures ]]; then PARTS='fleet fill reads changes history day plan'; fi
if [[ -n ${PARTS:-} ]]; then read -r -a bench_parts <<<"$PARTS"; fi

bench_part() { # NAME
    case $1 in
        fleet)
            as_client createdb bench
            psql -f "$(bench_sql fleet)" -f "$(bench_sql measure)" ;;
        updates)
            compare_updates 1
            compare_updates 8 ;;
        documents)
            as_client createdb documents
            database=documents psql -c 'CREATE SCHEMA bench' -f "$(bench_sql measure)" -f "$(bench_sql documents)"
            psql -c "$(database=documents psql -At -c "
                SELECT format('INSERT INTO bench.result (what, compared_with, measured, compared, unit, reach) '
                              'VALUES (%L, %L, %s, %s, %L, %L);', what, compared_with, measured, compared, unit, reach)
                FROM bench.result ORDER BY place")"
            as_client dropdb documents ;;
        *)
            psql -f "$(bench_sql "$1")" ;;
    esac
}
