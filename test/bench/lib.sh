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
        -v findings="$findings" -v assets=$((findings / 10)) -v new="$new" -v days="$days" \
        -v rows="$work/socket/rows" "$@"
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

# deliveries a second by sessions that each have a source of their own
sessions() { # SESSIONS
    as_client pgbench -n -f "$(bench_sql session)" -D assets=$((findings / 10)) -c "$1" -j 2 -T 15 bench 2>/dev/null |
        sed -n 's/^tps = \([0-9.]*\).*/\1/p'
}
compare_sessions() {
    local one='' eight='' order
    psql -c "INSERT INTO posture.source (key, name) SELECT 'session' || n, 'Session ' || n FROM generate_series(0, 7) n"
    sessions 8 >/dev/null
    for order in A B B A A B; do
        if [[ $order == A ]]; then eight+=,$(sessions 8); else one+=,$(sessions 1); fi
        psql -c 'SELECT FROM posture.fold()' -c 'VACUUM'
    done
    psql -c "
        INSERT INTO bench.result (what, compared_with, measured, compared, unit, reach)
        VALUES ('deliveries of 1000 findings, 8 sessions with a source each', '1 session',
                bench.median('{${eight#,}}'), bench.median('{${one#,}}'), 'a second',
                'at least 3 where there are cores')"
}

# Growth: from one fleet, one dimension after the other grows to its sizes. The
# small sizes take minutes, those of GROW=full hours.
grow_number() { # DIMENSION: its number in the fleet from which all grow
    case $1 in
        recommendations) echo 500 ;; metrics) echo 76 ;; initiatives) echo 12 ;; groups) echo 5 ;;
        exemptions) echo 20 ;; events) echo 100 ;; days) echo 30 ;; *) echo 0 ;;
    esac
}
grow_sizes() { # DIMENSION
    if [[ ${GROW:-} == full ]]; then
        case $1 in
            recommendations) echo 2000 8000 ;; metrics) echo 500 2000 ;; initiatives) echo 100 500 ;;
            groups) echo 100 1000 ;; exemptions) echo 2000 20000 ;; events) echo 1000 50000 ;;
            days) echo 100 400 ;; pending) echo 100 1000 10000 ;;
        esac
    else
        case $1 in
            recommendations) echo 2000 ;; metrics) echo 304 ;; initiatives) echo 48 ;; groups) echo 20 ;;
            exemptions) echo 200 ;; events) echo 1000 ;; days) echo 120 ;; pending) echo 100 400 ;;
        esac
    fi
}
grow_dimensions=(recommendations metrics initiatives groups exemptions events days pending)

# grow_fleet [DIMENSION=SIZE ...]: grows the fleet of the database
grow_fleet() {
    local dimension variables=()
    for dimension in "${grow_dimensions[@]}"; do variables+=(-v "$dimension=$(grow_number "$dimension")"); done
    psql "${variables[@]}" "${@/#/-v}" -f "$(bench_sql growth)"
}
# grow_measure DIMENSION SIZE: measures all screens of the database
grow_measure() {
    say "growth: $1 $2" >&2
    psql -v dimension="$1" -v size="$2" -v seconds="${GROW_SECONDS:-60}s" -f "$(bench_sql screens)"
}
growth() {
    local dimension size sizes all=() database=grow findings=${GROW_FINDINGS:-100000}
    local csv=$work/growth.csv one
    as_client createdb grow
    psql -f "$(bench_sql fleet)" -f "$(bench_sql measure)" -f "$(bench_sql fill)"
    grow_fleet
    grow_measure base 0 >"$work/base.csv"
    cp "$work/base.csv" "$csv"
    for dimension in ${GROW_DIMENSIONS-${grow_dimensions[*]} all}; do
        sizes=$(grow_sizes "$dimension")
        if [[ $dimension == all ]]; then
            for one in "${grow_dimensions[@]}"; do
                size=$(grow_sizes "$one")
                all+=("$one=${size##* }")
            done
            sizes=1
        elif (($(grow_number "$dimension"))); then
            sed "s/^base,0/$dimension,$(grow_number "$dimension")/" "$work/base.csv" >>"$csv"
        fi
        as_client createdb -T grow grown
        database=grown
        for size in $sizes; do
            if [[ $dimension == all ]]; then grow_fleet "${all[@]}"; else grow_fleet "$dimension=$size"; fi
            grow_measure "$dimension" "$size" >>"$csv"
        done
        database=grow
        as_client dropdb grown
    done
    as_client dropdb grow
    database=bench psql -v csv="$csv" -f "$(bench_sql growth_result)"
}

# Heads with 1, 2 and 4 nodes, databases of the same server.
nodes() {
    local count n findings=${NODE_FINDINGS:-1000000}
    psql -f "$(bench_sql tally)"
    for count in 1 2 4; do
        as_client createdb head
        database=head psql -f "$(bench_sql nodes_begin)"
        for ((n = 1; n <= count; n++)); do
            as_client createdb "node$n"
            database=node$n psql -c 'CREATE EXTENSION posture'
            database=head psql -c "CREATE SERVER node$n FOREIGN DATA WRAPPER dblink_fdw
                OPTIONS (host '$work/socket', dbname 'node$n')" \
                -c "CREATE USER MAPPING FOR CURRENT_USER SERVER node$n OPTIONS (user '$server_user')"
        done
        database=head psql -c "SELECT posture.federate(ARRAY(SELECT 'node' || n FROM generate_series(1, $count) n))" >/dev/null
        database=head psql -f "$(bench_sql catalog)" >/dev/null
        database=head psql -v nodes="$count" -v findings="$findings" -v assets=$((findings / 10)) \
            -f "$(bench_sql nodes)" >"$work/socket/nodes.csv"
        psql -c "\\copy bench.result (what, compared_with, measured, compared, unit, reach) FROM '$work/socket/nodes.csv' csv"
        as_client dropdb head
        for ((n = 1; n <= count; n++)); do as_client dropdb "node$n"; done
    done
}

# The parts, in their order. New rows and updates are of today, so the days come
# before them: changes after the end of a day are undone one by one.
bench_parts=(fleet deliveries reads changes history day drill access new writes updates sessions part plan nodes documents growth)
# PARTS chooses some. "figures" are those that need no delivery.
if [[ ${PARTS:-} == figures ]]; then PARTS='fleet fill reads changes history day plan'; fi
if [[ -n ${PARTS:-} ]]; then read -r -a bench_parts <<<"$PARTS"; fi

bench_part() { # NAME
    case $1 in
        fleet)
            as_client createdb bench
            psql -f "$(bench_sql fleet)" -f "$(bench_sql measure)" ;;
        nodes)
            nodes ;;
        growth)
            growth ;;
        updates)
            compare_updates 1
            compare_updates 8 ;;
        sessions)
            compare_sessions ;;
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
