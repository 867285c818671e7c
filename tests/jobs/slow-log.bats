#!/usr/bin/env bats
# Reading the slow log exactly once, on the server of this sandbox: programs that have servers, queries, rotations and deaths of their own.
bats_require_minimum_version 1.5.0
load support

setup_file() {
    start_sandbox --readers 1 --without memcached,redis,notices,cloudsearch
}

on_this_server() {
    # shellcheck source=/dev/null
    . "$SANDBOX/env"
    export MYSQL_RESTART="$root/tests/sandbox/restart $SANDBOX writer"
    run "$(dirname "$bin")/tests/$1"
    echo "$output"
    [ "$status" = 0 ]
    [[ $output != *SKIP* ]]
}

@test "rows, tables that are broken or closed, servers behind names" {
    on_this_server slow_log_test
}

@test "the position through everything that others do to the table" {
    on_this_server follow_test
}

@test "others rotate and empty the table in the middle of a run" {
    on_this_server follow_race_test
}

@test "load, restarts, and the usual ways" {
    on_this_server follow_load_test
}

@test "modes rotate and rds, and death anywhere" {
    on_this_server follow_rotate_test
}
