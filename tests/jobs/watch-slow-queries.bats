#!/usr/bin/env bats
# watch-slow-queries: every slow query told once, against real servers that log to the table.
bats_require_minimum_version 1.5.0
load support

setup() {
    fresh_state
    : >"$NOTICES_FILE"
    for server in reader1 writer; do
        revive "$server"
        # Sessions to come log what takes a fifth of a second; the tests need not wait for longer ones.
        sql "$server" -e "SET GLOBAL slow_query_log = OFF, GLOBAL log_queries_not_using_indexes = OFF, GLOBAL long_query_time = 0.2;
            TRUNCATE mysql.slow_log;
            DROP TABLE IF EXISTS mysql.slow_log_backup, mysql.nightshift_slow_log; SET GLOBAL slow_query_log = ON"
    done
    # What setting up has left behind is nobody's business.
    run_job 0 watch-slow-queries
    : >"$NOTICES_FILE"
    set_key suite report_dir "$state"
}

# slow SERVER [COLUMNS]: one slow query of its own shape per COLUMNS; returns when it is in the log.
slow() {
    local before
    before=$(logged "$1")
    sql "$1" -N -e "SELECT ${2:-id}, SLEEP(0.3) FROM works WHERE title <> 'Tanaka-4711' LIMIT 1" >/dev/null
    # The row is written after the client has its answer.
    wait_until 60 has_logged "$1" $((before + 1))
}

logged() {
    sql "$1" -N -e "SELECT COUNT(*) FROM mysql.slow_log"
}

has_logged() {
    (($(logged "$1") >= $2))
}

# The notices that arrived: how many, and the text of one.
notices() {
    wc -l <"$NOTICES_FILE"
}

notice() {
    sed -n "${1:-1}p" "$NOTICES_FILE" | jq -r .body
}

@test "help" {
    check_help watch-slow-queries
}

@test "version" {
    check_version watch-slow-queries
}

@test "bad option" {
    check_bad_option watch-slow-queries
}

@test "a new query is told once, with its feature and owner, and the run is silent" {
    slow writer
    run_job 0 watch-slow-queries
    assert_equal "$output$stderr" ""
    assert_equal "$(notices)" 1
    assert_contains "$(notice)" "select id, sleep(?) from works where title <> ? limit ?"
    assert_contains "$(notice)" "team-jobs"
    assert_equal "$(record watch-slow-queries .outputs.new)" 1
    assert_equal "$(record watch-slow-queries .outputs.queries)" 1
    run_job 0 watch-slow-queries
    slow writer
    run_job 0 watch-slow-queries
    assert_equal "$(record watch-slow-queries .outputs.known)" 1
    assert_equal "$(notices)" 1
}

@test "several in one notice, counted per server, and a reader's are read too" {
    slow writer
    slow reader1
    slow reader1
    slow writer "id, title"
    run_job 0 watch-slow-queries
    assert_equal "$(notices)" 1
    assert_equal "$(record watch-slow-queries .outputs.queries)" 4
    assert_equal "$(record watch-slow-queries .outputs.new)" 2
    run_job 0 watch-slow-queries --list --json
    assert_equal "$(jq '[.fingerprints[] | select(.fingerprint | contains("sleep"))] | length' <<<"$output")" 2
}

@test "the id is pt-query-digest's" {
    slow writer
    run_job 0 watch-slow-queries --json
    local id
    id=$(printf '%s' 'select id, sleep(?) from works where title <> ? limit ?' | md5sum | cut -c 1-32)
    assert_equal "$(jq -r '.findings[0].id' <<<"$output")" "${id^^}"
}

@test "no value leaves the database" {
    slow writer
    run_job 0 watch-slow-queries
    assert_equal "$(notices)" 1
    run grep -rl "Tanaka-4711" "$state" "$NOTICES_FILE"
    assert_equal "$output" ""
    run redis-cli -p "$REDIS_PORT" --raw HGET "nightshift:{watch-slow-queries}:state:ledger" blob
    [[ $output != *Tanaka* ]]
}

@test "samples = yes shows the query as it was, once and only in the notice" {
    set_key watch-slow-queries samples yes
    slow writer
    run_job 0 watch-slow-queries
    assert_contains "$(notice)" "Tanaka-4711"
    run grep -rl "Tanaka-4711" "$state"/*.state "$state"/*.html
    assert_equal "$output" ""
}

@test "tell = known tells of every query" {
    set_key watch-slow-queries tell "new, worse, known"
    slow writer
    run_job 0 watch-slow-queries
    slow writer
    run_job 0 watch-slow-queries
    assert_equal "$(notices)" 2
}

@test "a muted query is counted and not told, until its day has passed" {
    local id
    id=$(printf '%s' 'select id, sleep(?) from works where title <> ? limit ?' | md5sum | cut -c 1-32)
    printf '\n[mute %s]\nreason = known to all\nuntil = %s\n' "$id" "$(date -d '+1 day' +%F)" >>"$ini"
    slow writer
    run_job 0 watch-slow-queries
    assert_equal "$(notices)" 0
    assert_equal "$(record watch-slow-queries .outputs.muted)" 1
    sed -i "s/^until = .*/until = $(date -d '-2 days' +%F)/" "$ini"
    set_key watch-slow-queries tell "new, worse, known"
    slow writer
    run_job 0 watch-slow-queries
    assert_equal "$(notices)" 1
}

@test "a mute without an end, or of no id: 78 with its line" {
    printf '\n[mute 1234]\nreason = x\nuntil = 2030-01-01\n' >>"$ini"
    run_job 78 watch-slow-queries
    assert_contains "$stderr" "nightshift.ini:"
    sed -i "s/^\[mute .*/[mute ${id:-0123456789abcdef0123456789ABCDEF}]/; s/^until = .*/until = 2030-02-30/" "$ini"
    run_job 78 watch-slow-queries
    assert_contains "$stderr" "until"
}

@test "an emptied table is a gap: told, exit 1, and the run after that is quiet" {
    slow writer
    run_job 0 watch-slow-queries
    sql writer -e "SET GLOBAL slow_query_log = OFF; TRUNCATE mysql.slow_log; SET GLOBAL slow_query_log = ON"
    slow writer "id, 2"
    run_job 1 watch-slow-queries
    assert_equal "$(record watch-slow-queries .outputs.gaps)" 1
    assert_equal "$(notices)" 2
    grep -q "Gap:" "$state/slow-queries.html"
    assert_equal "$(record watch-slow-queries .outputs.new)" 1
    run_job 0 watch-slow-queries
    assert_equal "$(notices)" 2
}

@test "somebody else's rotation loses nothing" {
    slow writer
    run_job 0 watch-slow-queries
    slow writer "id, 2"
    sql writer -e "GRANT SELECT ON mysql.* TO 'nightshift'@'%'; CREATE TABLE mysql.slow_log_next LIKE mysql.slow_log;
        RENAME TABLE mysql.slow_log TO mysql.slow_log_backup, mysql.slow_log_next TO mysql.slow_log"
    slow writer "id, 3"
    run_job 0 watch-slow-queries
    assert_equal "$(record watch-slow-queries .outputs.queries)" 2
    run_job 0 watch-slow-queries
    assert_equal "$(notices)" 2
    sql writer -e "REVOKE SELECT ON mysql.* FROM 'nightshift'@'%'"
}

@test "a server that is down: 69, the other is read, and nothing is lost" {
    slow writer
    slow reader1
    kill "$(cat "$SANDBOX/run/reader1.pid")"
    wait_until 60 is_down reader1
    run_job 69 watch-slow-queries
    assert_equal "$(record watch-slow-queries .outputs.queries)" 1
    assert_equal "$(notices)" 1
    revive reader1
    run_job 0 watch-slow-queries
    assert_equal "$(record watch-slow-queries .outputs.queries)" 1
}

# Its process has ended, or is a zombie.
is_down() {
    ! grep -q '^State:[[:space:]]*[^Z]' "/proc/$(cat "$SANDBOX/run/$1.pid")/status" 2>/dev/null
}

# After such a death MariaDB goes on. MySQL 9.7 finds the table damaged, and neither reads nor writes it before it is repaired. MySQL 5.6 can lose
# rows of it: a gap, which is told.
@test "a server that was killed: it goes on, or the hint leads to where it does" {
    slow reader1
    run_job 0 watch-slow-queries
    slow reader1 "id, 2"
    kill -9 "$(cat "$SANDBOX/run/reader1.pid")"
    wait_until 60 is_down reader1
    revive reader1
    run --separate-stderr "$bin/watch-slow-queries"
    if [ "$status" = 1 ]; then
        assert_contains "$stderr" "rows may be lost"
        run_job 0 watch-slow-queries
    elif [ "$status" != 0 ]; then
        assert_equal "$status" 69
        assert_contains "$stderr" "REPAIR TABLE"
        sql reader1 -e "REPAIR TABLE mysql.slow_log" >/dev/null
        run_job 0 watch-slow-queries
    fi
    assert_equal "$(notices)" 2
}

@test "kill -9 at any point: every query is counted once and told once" {
    # Every 15th of some 450 points; tests/faults/kill-points watch-slow-queries 1 tries them all.
    run timeout 3600 "$root/tests/faults/kill-points" watch-slow-queries 15
    echo "$output"
    assert_equal "$status" 0
}

@test "a server that does not log to the table: 1, with the setting" {
    sql writer -e "SET GLOBAL slow_query_log = OFF"
    run_job 1 watch-slow-queries
    assert_contains "$stderr" "slow_query_log"
    run_job 1 watch-slow-queries --check
    sql writer -e "SET GLOBAL slow_query_log = ON"
    run_job 0 watch-slow-queries
}

@test "check says what is logged, and changes nothing" {
    slow writer
    run_job 0 watch-slow-queries --check
    assert_contains "$output" "logs queries from 200 ms"
    assert_equal "$(notices)" 0
    run_job 0 watch-slow-queries
    assert_equal "$(notices)" 1
}

@test "no privilege on the table: 77 with the GRANT" {
    sql writer -e "REVOKE SELECT ON mysql.slow_log FROM 'nightshift'@'%'"
    run_job 77 watch-slow-queries --check
    run_job 77 watch-slow-queries
    assert_contains "$stderr" "SELECT"
    sql writer -e "GRANT SELECT ON mysql.slow_log TO 'nightshift'@'%'"
    run_job 0 watch-slow-queries
}

@test "json: a document even when there is nothing to tell" {
    run_job 0 watch-slow-queries --json
    assert_equal "$(jq -r '.kind, (.findings | length), (.instances | length)' <<<"$output" | paste -sd' ')" "findings 0 2"
}

@test "a dry run shows and keeps everything" {
    slow writer
    run_job 0 watch-slow-queries --dry-run
    assert_contains "$output" "select id, sleep(?)"
    assert_equal "$(notices)" 0
    run_job 0 watch-slow-queries
    assert_equal "$(notices)" 1
}

@test "a service that is down: 69, the notice waits and is told once when it is back" {
    slow writer
    local url
    url=$(sed -n 's/^webhook_url = //p' "$ini")
    set_key notify webhook_url "${NOTICE_URL}/status/503"
    run_job 69 watch-slow-queries
    : >"$NOTICES_FILE"
    set_key notify webhook_url "$url"
    assert_equal "$(find "$state/outbox" -maxdepth 1 -name '*.notice.state' | wc -l)" 1
    # The next attempt is due in a minute; until then there is nothing to complain about.
    run_job 0 watch-slow-queries
    assert_equal "$(notices)" 0
    assert_equal "$(record watch-slow-queries .outputs.notices_waiting)" 1
}

@test "a notice that is refused for good: 1, and it is kept aside" {
    slow writer
    set_key notify webhook_url "${NOTICE_URL}/status/422"
    run_job 1 watch-slow-queries
    assert_equal "$(find "$state/outbox/rejected" -type f | wc -l)" 1
}

@test "without [notify] the queries are counted and shown" {
    drop_section notify
    slow writer
    run_job 0 watch-slow-queries --json
    assert_equal "$(jq '.findings | length' <<<"$output")" 1
    [ ! -e "$state/outbox" ] || [ -z "$(find "$state/outbox" -name '*.notice.state')" ]
}

@test "two names of one server are one server" {
    set_key mysql readers "$MYSQL_SOCKET"
    slow writer
    run_job 0 watch-slow-queries
    assert_equal "$(record watch-slow-queries .outputs.queries)" 1
    assert_equal "$(record watch-slow-queries '.outputs.instances | length')" 1
}

@test "the watcher does not watch itself" {
    sql writer -e "SET GLOBAL log_queries_not_using_indexes = ON, GLOBAL long_query_time = 0"
    for _ in 1 2 3; do
        run_job 0 watch-slow-queries
    done
    sql writer -e "SET GLOBAL log_queries_not_using_indexes = OFF, GLOBAL long_query_time = 0.2"
    run_job 0 watch-slow-queries
    # MySQL 9.7 lets only SESSION_VARIABLES_ADMIN keep all its scans out of the log: what gets in is known by its mark and passed over.
    [[ $MYSQL_KIND == mysql97 ]] ||
        assert_equal "$(sql writer -N -e "SELECT COUNT(*) FROM mysql.slow_log WHERE user_host LIKE 'nightshift[%'")" 0
    run_job 0 watch-slow-queries --list --json
    assert_equal "$(jq '[.fingerprints[] | select(.fingerprint | contains("slow_log") and contains("from"))] | length' <<<"$output")" 0
}

@test "a second run meanwhile: 75" {
    mkfifo "$BATS_TEST_TMPDIR/gate"
    flock "$state/watch-slow-queries.lock" cat "$BATS_TEST_TMPDIR/gate" 3>&- &
    local holder=$!
    wait_until 60 lock_is_taken
    run_job 75 watch-slow-queries
    : >"$BATS_TEST_TMPDIR/gate"
    wait "$holder"
}

lock_is_taken() {
    ! flock -n "$state/watch-slow-queries.lock" true
}

@test "a state that cannot be understood: 65, and nothing is read" {
    slow writer
    run_job 0 watch-slow-queries
    redis-cli -p "$REDIS_PORT" flushall >/dev/null
    local file=$state/watch-slow-queries.ledger.state
    "$root/tests/jobs/write-state" "$file" watch-slow-queries ledger 99 "something else"
    run_job 65 watch-slow-queries
    assert_contains "$stderr" "cannot use the state"
}

@test "a damaged state is set aside, and the mirror in Redis takes its place" {
    slow writer
    run_job 0 watch-slow-queries
    printf 'x' | dd of="$state/watch-slow-queries.ledger.state" bs=1 seek=100 conv=notrunc status=none
    run_job 0 watch-slow-queries
    assert_equal "$(notices)" 1
}

@test "the page: one file, everything in it, and hostile SQL is only text" {
    sql writer -N -e "SELECT SLEEP(0.3) AS \`<script>alert(1)</script>\`" >/dev/null
    wait_until 60 has_logged writer 1
    run_job 0 watch-slow-queries
    local page=$state/slow-queries.html
    [ -s "$page" ]
    run grep -cE '<script>alert|src=|href="http' "$page"
    assert_equal "$output" 0
    assert_contains "$(<"$page")" "&lt;script&gt;alert"
}
