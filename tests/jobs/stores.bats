#!/usr/bin/env bats
# The MySQL store by itself, on the server of this sandbox: sessions, TLS, plans, snapshots, stopping, replicas. (On MariaDB it has many more
# tests among the unit tests.)
bats_require_minimum_version 1.5.0
load support

@test "the MySQL store on this kind of server" {
    # shellcheck source=/dev/null
    . "$SANDBOX/env"
    run "$(dirname "$bin")/tests/mysql_kinds_test"
    echo "$output"
    [ "$status" = 0 ]
    [[ $output != *SKIP* ]]
}
