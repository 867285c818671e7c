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
}

teardown() {
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

used_server() {
    record count-categories .inputs.server.address
}

slow_query() {
    set_key "count works_by_category" query "SELECT 1, 5 + SLEEP($1)"
    drop_key "count works_by_category" categories
    drop_key "count works_by_category" roll_up
}

sleeping() {
    sql reader1 -N -e "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT 1, 5 + SLEEP%'"
}

is_sleeping() {
    [ "$(sleeping)" = 1 ]
}

is_not_sleeping() {
    [ "$(sleeping)" = 0 ]
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

@test "no healthy reader, but allow_writer: the writer counts" {
    stop_replication reader1 SQL_THREAD
    stop_replication reader2 SQL_THREAD
    set_key mysql allow_writer yes
    run_job 0 count-categories
    assert_equal "$(used_server)" "127.0.0.1:$MYSQL_PORT"
}

@test "a reader that is too far behind is passed over" {
    # A delayed replica is behind by as much as it waits, once the writer has something for it.
    sql reader1 -e "STOP SLAVE; CHANGE MASTER TO MASTER_DELAY = 60; START SLAVE" 2>/dev/null ||
        sql reader1 -e "STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 60; START REPLICA"
    set_key mysql max_replica_lag 1s
    sql writer -e "CREATE TABLE marketplace.lag_probe (id INT PRIMARY KEY)"
    sleep 3
    run_job 0 count-categories
    assert_contains "$stderr" "behind"
    assert_equal "$(used_server)" "127.0.0.1:$reader2"
    sql reader1 -e "STOP SLAVE; CHANGE MASTER TO MASTER_DELAY = 0; START SLAVE" 2>/dev/null ||
        sql reader1 -e "STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 0; START REPLICA"
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
    wait_until 10 bash -c "'$SANDBOX/sql' reader1 -N -e \"SELECT 1 FROM mysql.user WHERE user = 'clerk'\" | grep -q 1"
    printf clerk-secret >"$BATS_TEST_TMPDIR/password"
    chmod 600 "$BATS_TEST_TMPDIR/password"
    set_key mysql password_file "$BATS_TEST_TMPDIR/password"
    set_key mysql user clerk
    run_job 77 count-categories
    assert_contains "$stderr" "hint"
    # It may ask for the lag, but not read works.
    sql writer -e "GRANT REPLICATION CLIENT ON *.* TO 'clerk'@'127.0.0.1'"
    sql writer -e "GRANT SLAVE MONITOR ON *.* TO 'clerk'@'127.0.0.1'" 2>/dev/null || true
    wait_until 10 bash -c "'$SANDBOX/sql' reader1 -N -e \"SHOW GRANTS FOR 'clerk'@'127.0.0.1'\" | grep -qE 'REPLICATION CLIENT|BINLOG MONITOR'"
    sleep 0.5
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

@test "SIGTERM in mid-query: 143, and the statement is gone from the server" {
    slow_query 60
    "$bin/count-categories" 2>"$BATS_TEST_TMPDIR/stderr" &
    local job=$! status=0
    wait_until 5 is_sleeping
    kill -TERM "$job"
    local began=$SECONDS
    wait "$job" || status=$?
    assert_equal "$status" 143
    ((SECONDS - began < 6))
    wait_until 2 is_not_sleeping
    assert_equal "$(record count-categories .exit_code)" 143
    assert_equal "$(record count-categories .signal)" 15
    assert_equal "$(cached_keys)" ""
}

@test "Ctrl-C in mid-query: 130" {
    slow_query 60
    # Job control gives the run a process group of its own, as a shell does; SIGINT goes to all of it.
    setsid "$bin/count-categories" 2>/dev/null 3>&- &
    local job=$! status=0
    wait_until 5 is_sleeping
    kill -INT -- "-$job"
    wait "$job" || status=$?
    assert_equal "$status" 130
    wait_until 2 is_not_sleeping
}

@test "a passed deadline: 75, and the statement is gone from the server" {
    slow_query 60
    local began=$SECONDS
    run_job 75 count-categories --deadline 1s
    ((SECONDS - began < 7))
    assert_contains "$stderr" "deadline"
    wait_until 2 is_not_sleeping
    assert_equal "$(record count-categories .result)" later
}

@test "a server that is killed in mid-query: 69, nothing published, and the next run is fine" {
    slow_query 60
    "$bin/count-categories" 2>"$BATS_TEST_TMPDIR/stderr" &
    local job=$! status=0
    wait_until 5 is_sleeping
    kill -9 "$(cat "$SANDBOX/run/reader1.pid")"
    wait "$job" || status=$?
    "$root/tests/sandbox/restart" "$SANDBOX" reader1 3>&-
    assert_equal "$status" 69
    assert_equal "$(cached_keys)" ""
    fresh_state
    run_job 0 count-categories
}

@test "a connection cut in the middle of the rows is an error, not an end" {
    # The result is larger than all buffers on the way, so the server is still sending when it is told to stop.
    drop_key "count works_by_category" categories
    drop_key "count works_by_category" roll_up
    set_key "count works_by_category" query "SELECT CONCAT(w.id, '-', c.id, REPEAT('x', 200)), SLEEP(IF(w.id = 7, 2, 0)) FROM works w, categories c ORDER BY w.id"
    "$bin/count-categories" 2>"$BATS_TEST_TMPDIR/stderr" &
    local job=$! status=0
    wait_until 10 bash -c "'$SANDBOX/sql' reader1 -N -e \"SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT CONCAT(w.id%'\" | grep -q ."
    sql reader1 -e "KILL $(sql reader1 -N -e "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT CONCAT(w.id%' LIMIT 1")"
    wait "$job" || status=$?
    assert_equal "$status" 69
    assert_equal "$(cached_keys)" ""
}

@test "kill -9 of the job: its statement ends with the statement limit" {
    slow_query 30
    set_key mysql statement_limit 2s
    "$bin/count-categories" &
    local job=$!
    wait_until 5 is_sleeping
    kill -9 "$job"
    wait "$job" || true
    if [ "$MYSQL_KIND" = mysql56 ]; then
        # No server-side limit there (facts: since MySQL 5.7.8): the statement goes on, and a person has to end it.
        is_sleeping
        sql reader1 -e "KILL $(sql reader1 -N -e "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT 1, 5 + SLEEP%'")"
    else
        wait_until 5 is_not_sleeping
    fi
}

@test "the statement limit: 75" {
    # Not SLEEP(): on MySQL it returns early when the limit strikes, and the statement succeeds.
    set_key "count works_by_category" query "SELECT 1, COUNT(*) FROM works a, works b, works c WHERE a.id + b.id + c.id > 0"
    drop_key "count works_by_category" categories
    drop_key "count works_by_category" roll_up
    set_key mysql statement_limit 1s
    if [ "$MYSQL_KIND" = mysql56 ]; then
        # It has no limit of its own; there the read timeout ends the statement, here and on the server.
        set_key mysql statement_limit 0
        set_key mysql read_timeout 1s
        run_job 69 count-categories
    else
        run_job 75 count-categories
        assert_contains "$stderr" "limit"
    fi
    wait_until 3 bash -c "'$SANDBOX/sql' reader1 -N -e \"SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT 1, COUNT%'\" | grep -qx 0"
}
