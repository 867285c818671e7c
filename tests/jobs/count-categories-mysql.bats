#!/usr/bin/env bats
# count-categories: databases that lag, refuse, die or are asked to stop.
bats_require_minimum_version 1.5.0
load support

setup_file() {
    start_sandbox --readers 2
}

setup() {
    fresh_state
    read -r reader1 reader2 <<<"$READER_PORTS"
    # As the last test left them, they may still be connecting.
    wait_until 60 is_healthy reader1
    wait_until 60 is_healthy reader2
}

teardown() {
    [[ ${delayed:-} != yes ]] || delay_replication 0
    start_replication reader1
    start_replication reader2
    sql writer -e "DROP TABLE IF EXISTS marketplace.lag_probe"
}

# Both dialects: REPLICA is unknown to MySQL 5.6, SLAVE to MySQL 9.
stop_replication() {
    sql "$1" -e "STOP SLAVE $2" 2>/dev/null || sql "$1" -e "STOP REPLICA $2"
}

start_replication() {
    sql "$1" -e "START SLAVE" 2>/dev/null || sql "$1" -e "START REPLICA" 2>/dev/null || true
}

replication_status() {
    sql "$1" -e 'SHOW SLAVE STATUS\G' 2>/dev/null || sql "$1" -e 'SHOW REPLICA STATUS\G'
}

is_healthy() {
    [ "$(replication_status "$1" | grep -cE '(Slave|Replica)_(IO|SQL)_Running: Yes|Seconds_Behind_(Master|Source): 0$')" = 3 ]
}

# is_behind SERVER SECONDS: at least.
is_behind() {
    replication_status "$1" | awk -v least="$2" '/Seconds_Behind_(Master|Source):/ { behind = $2 } END { exit !(behind ~ /^[0-9]+$/ && behind >= least) }'
}

# Of reader1, by so many seconds.
delay_replication() {
    sql reader1 -e "STOP SLAVE; CHANGE MASTER TO MASTER_DELAY = $1; START SLAVE" 2>/dev/null ||
        sql reader1 -e "STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_DELAY = $1; START REPLICA"
}

used_server() {
    record count-categories .inputs.server.address
}

# Does not end by itself. Nor does it look whether anybody still waits for it, as SLEEP() does.
busy_query() {
    set_key "count works_by_category" query "SELECT 1, COUNT(*) FROM works a, works b, works c WHERE a.id + b.id + c.id < 0"
    drop_key "count works_by_category" categories
    drop_key "count works_by_category" roll_up
}

busy_ids() {
    sql reader1 -N -e "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT 1, COUNT(*) FROM works a,%'"
}

is_busy() {
    [ "$(busy_ids | wc -l)" = 1 ]
}

is_not_busy() {
    [ -z "$(busy_ids)" ]
}

end_busy() {
    local id
    for id in $(busy_ids); do
        sql reader1 -e "KILL $id" || true
    done
    wait_until 60 is_not_busy
}

# A statement is stopped by one try that has a second for each step (mysql_stop.c), and a machine that stands still can miss it: then the
# statement goes on until its limit, minutes later. So one of several runs must have ended its own.
one_of_several_ends_its_statement() {
    for _ in {1..5}; do
        "$@"
        if wait_until 10 is_not_busy; then
            return
        fi
        end_busy
    done
    echo "statements go on" >&2
    return 1
}

@test "the first healthy reader is used" {
    run_job 0 count-categories
    assert_equal "$(used_server)" "127.0.0.1:$reader1"
}

@test "a reader whose replication has stopped is passed over with a warning" {
    stop_replication reader1 SQL_THREAD
    run_job 0 count-categories
    assert_contains "$stderr" "127.0.0.1:$reader1"
    assert_equal "$(used_server)" "127.0.0.1:$reader2"
    assert_equal "$(record count-categories '.inputs.server.skipped | length')" 1
}

@test "no healthy reader: 75, and nothing is published" {
    stop_replication reader1 SQL_THREAD
    stop_replication reader2 SQL_THREAD
    run_job 75 count-categories
    assert_equal "$(cached_keys)" ""
    assert_equal "$(record count-categories .result)" later
}

@test "a writer alone, without leave to count there: 78" {
    drop_key mysql readers
    run_job 78 count-categories
    assert_contains "$stderr" "nightshift.ini:"
    assert_contains "$stderr" "allow_writer = yes"
    set_key mysql allow_writer yes
    run_job 0 count-categories
}

@test "no healthy reader, but allow_writer: the writer counts" {
    stop_replication reader1 SQL_THREAD
    stop_replication reader2 SQL_THREAD
    set_key mysql allow_writer yes
    run_job 0 count-categories
    assert_equal "$(used_server)" "127.0.0.1:$MYSQL_PORT"
}

@test "a reader that is too far behind is passed over" {
    # A delayed replica is behind by as much as it waits, once the writer has something for it.
    delayed=yes
    delay_replication 3600
    set_key mysql max_replica_lag 1s
    sql writer -e "CREATE TABLE marketplace.lag_probe (id INT PRIMARY KEY)"
    wait_until 60 is_behind reader1 3
    run_job 0 count-categories
    assert_contains "$stderr" "behind"
    assert_equal "$(used_server)" "127.0.0.1:$reader2"
}

@test "no reader can be reached: 69" {
    set_key mysql readers "127.0.0.1:1"
    run_job 69 count-categories
    assert_contains "$stderr" "127.0.0.1:1"
}

@test "wrong password: 77, at once" {
    printf wrong >"$BATS_TEST_TMPDIR/password"
    chmod 600 "$BATS_TEST_TMPDIR/password"
    set_key mysql password_file "$BATS_TEST_TMPDIR/password"
    run_job 77 count-categories
    assert_contains "$stderr" "nightshift"
    [[ $stderr != *wrong* ]]
}

@test "a password file open to others: 77" {
    cp "$MYSQL_PASSWORD_FILE" "$BATS_TEST_TMPDIR/password"
    chmod 644 "$BATS_TEST_TMPDIR/password"
    set_key mysql password_file "$BATS_TEST_TMPDIR/password"
    run_job 77 count-categories
    assert_contains "$stderr" "chmod 600"
}

@test "the password by an inherited descriptor" {
    set_key mysql password_file fd:7
    run_job 0 count-categories 7<"$MYSQL_PASSWORD_FILE"
}

@test "a missing privilege: 77 with a hint" {
    sql writer -e "CREATE USER 'clerk'@'127.0.0.1' IDENTIFIED BY 'clerk-secret'; GRANT SELECT ON marketplace.categories TO 'clerk'@'127.0.0.1'"
    wait_until 60 bash -c "'$SANDBOX/sql' reader1 -N -e \"SELECT 1 FROM mysql.user WHERE user = 'clerk'\" | grep -q 1"
    printf clerk-secret >"$BATS_TEST_TMPDIR/password"
    chmod 600 "$BATS_TEST_TMPDIR/password"
    set_key mysql password_file "$BATS_TEST_TMPDIR/password"
    set_key mysql user clerk
    run_job 77 count-categories
    assert_contains "$stderr" "hint"
    # It may ask for the lag, but not read works.
    local privilege='REPLICATION CLIENT'
    [[ $MYSQL_KIND != mariadb ]] || privilege='SLAVE MONITOR'
    sql writer -e "GRANT $privilege ON *.* TO 'clerk'@'127.0.0.1'"
    wait_until 60 bash -c "'$SANDBOX/sql' reader1 -N -e \"SHOW GRANTS FOR 'clerk'@'127.0.0.1'\" | grep -q '$privilege'"
    run_job 77 count-categories
    assert_contains "$stderr" "works"
    sql writer -e "DROP USER 'clerk'@'127.0.0.1'"
}

@test "a statement that is wrong: 78, with the statement's place" {
    set_key "count works_by_category" query "SELECT no_such_column, COUNT(*) FROM works GROUP BY 1"
    run_job 78 count-categories
    assert_contains "$stderr" "[count works_by_category] query"
    set_key "count works_by_category" query "SELECT COUNT(*) FROM works"
    run_job 78 count-categories
    assert_contains "$stderr" "1 columns"
    set_key "count works_by_category" query "SELECT category_id, -1 FROM works LIMIT 1"
    run_job 78 count-categories
    assert_contains "$stderr" "whole number"
    assert_equal "$(cached_keys)" ""
}

terminated() {
    "$bin/count-categories" 2>"$BATS_TEST_TMPDIR/stderr" &
    local job=$! status=0
    wait_until 60 is_busy
    kill -TERM "$job"
    wait "$job" || status=$?
    assert_equal "$status" 143
}

@test "SIGTERM in mid-query: 143, and the statement is gone from the server" {
    busy_query
    one_of_several_ends_its_statement terminated
    assert_equal "$(record count-categories .exit_code)" 143
    assert_equal "$(record count-categories .signal)" 15
    assert_equal "$(cached_keys)" ""
}

interrupted_by_ctrl_c() {
    # Job control gives the run a process group of its own, as a shell does; SIGINT goes to all of it.
    setsid "$bin/count-categories" 2>/dev/null 3>&- &
    local job=$! status=0
    wait_until 60 is_busy
    kill -INT -- "-$job"
    wait "$job" || status=$?
    assert_equal "$status" 130
}

@test "Ctrl-C in mid-query: 130" {
    busy_query
    one_of_several_ends_its_statement interrupted_by_ctrl_c
}

# A deadline that passes before the statement has begun proves nothing: then with a later one.
past_its_deadline() {
    local job status seen=no seconds
    for ((seconds = 2; seconds <= 64; seconds *= 2)); do
        status=0
        "$bin/count-categories" --deadline "${seconds}s" 2>"$BATS_TEST_TMPDIR/stderr" &
        job=$!
        while [[ $seen = no ]] && kill -0 "$job" 2>/dev/null; do
            ! is_busy || seen=yes
        done
        wait "$job" || status=$?
        assert_equal "$status" 75
        assert_contains "$(cat "$BATS_TEST_TMPDIR/stderr")" "deadline"
        [[ $seen = no ]] || return 0
    done
    return 1
}

@test "a passed deadline: 75, and the statement is gone from the server" {
    busy_query
    one_of_several_ends_its_statement past_its_deadline
    assert_equal "$(record count-categories .result)" later
}

@test "a server that is killed in mid-query: 69, nothing published, and the next run is fine" {
    busy_query
    "$bin/count-categories" 2>"$BATS_TEST_TMPDIR/stderr" &
    local job=$! status=0
    wait_until 60 is_busy
    kill -9 "$(cat "$SANDBOX/run/reader1.pid")"
    wait "$job" || status=$?
    "$root/tests/sandbox/restart" "$SANDBOX" reader1 3>&-
    assert_equal "$status" 69
    assert_equal "$(cached_keys)" ""
    fresh_state
    run_job 0 count-categories
}

@test "a connection cut in the middle of the rows is an error, not an end" {
    # The first rows are on their way when the server begins to sleep.
    drop_key "count works_by_category" categories
    drop_key "count works_by_category" roll_up
    set_key "count works_by_category" query "SELECT CONCAT(w.id, '-', c.id, REPEAT('x', 200)), SLEEP(IF(w.id = 70, 600, 0)) FROM works w, categories c ORDER BY w.id"
    "$bin/count-categories" 2>"$BATS_TEST_TMPDIR/stderr" &
    local job=$! status=0
    local sleeper="SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT CONCAT(w.id%' AND state = 'User sleep' LIMIT 1"
    wait_until 60 bash -c "'$SANDBOX/sql' reader1 -N -e \"$sleeper\" | grep -q ."
    sql reader1 -e "KILL $(sql reader1 -N -e "$sleeper")"
    wait "$job" || status=$?
    assert_equal "$status" 69
    assert_equal "$(cached_keys)" ""
}

@test "kill -9 of the job: its statement ends with the statement limit" {
    busy_query
    set_key mysql statement_limit 10s
    "$bin/count-categories" &
    local job=$!
    wait_until 60 is_busy
    kill -9 "$job"
    wait "$job" || true
    if [ "$MYSQL_KIND" = mysql56 ]; then
        # No server-side limit there (facts: since MySQL 5.7.8): the statement goes on, and a person has to end it.
        is_busy
        end_busy
    else
        wait_until 60 is_not_busy
    fi
}

@test "the statement limit: 75" {
    # Not SLEEP(): on MySQL it returns early when the limit strikes, and the statement succeeds.
    busy_query
    set_key mysql statement_limit 1s
    if [ "$MYSQL_KIND" = mysql56 ]; then
        # It has no limit of its own; there the read timeout ends the statement, here and on the server.
        set_key mysql statement_limit 0
        set_key mysql read_timeout 1s
        one_of_several_ends_its_statement run_job 69 count-categories
    else
        run_job 75 count-categories
        assert_contains "$stderr" "limit"
        wait_until 60 is_not_busy
    fi
}
