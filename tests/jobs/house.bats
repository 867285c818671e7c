#!/usr/bin/env bats
# What every job inherits: settings, environment, logs, records, pings. count-categories stands for all.
bats_require_minimum_version 1.5.0
load support

setup() {
    fresh_state
}

@test "every problem of the settings at once, with file and line: 78" {
    set_key suite time_zone Mars/Olympus
    set_key mysql max_replica_lag fast
    set_key memcached cleint ext-memcached
    set_key redis server 127.0.0.1:1
    echo "[memchached]" >>"$ini"
    run_job 78 count-categories
    assert_contains "$stderr" "not a duration"
    assert_contains "$stderr" 'did you mean \"client\"?'
    assert_contains "$stderr" 'did you mean \"memcached\"?'
    [[ $stderr =~ nightshift.ini:[0-9]+: ]]
    [ ! -e "$state/runs" ]
}

@test "settings that are not there, a directory, empty" {
    run_job 78 count-categories --config /nonexistent/nightshift.ini
    run_job 78 count-categories --config "$BATS_TEST_TMPDIR"
    assert_contains "$stderr" "not a regular file"
    : >"$BATS_TEST_TMPDIR/empty.ini"
    run_job 78 count-categories --config "$BATS_TEST_TMPDIR/empty.ini"
}

@test "a duplicate key names both lines" {
    local first
    printf '\n[ping]\ntimeout = 1s\ntimeout = 2s\n' >>"$ini"
    first=$(grep -n '^timeout = 1s' "$ini" | cut -d: -f1)
    run_job 78 count-categories
    assert_contains "$stderr" "nightshift.ini:$((first + 1))"
    assert_contains "$stderr" "nightshift.ini:$first"
}

@test "print-config: values with their origin, secrets masked" {
    printf '\n[ping]\nend = http://127.0.0.1:1/very-secret/{code}\n' >>"$ini"
    run_job 0 count-categories --print-config
    [[ $output =~ "time_zone = Asia/Tokyo"\ +";"\ .*"nightshift.ini:"[0-9]+ ]]
    [[ $output =~ "standby = 0"\ +"; default" ]]
    assert_contains "$output" "end = ********"
    [[ $output != *very-secret* ]]
}

@test "a settings file with a secret that others can read: 77" {
    printf '\n[ping]\nend = http://127.0.0.1:1/very-secret/{code}\n' >>"$ini"
    chmod 644 "$ini"
    run_job 77 count-categories
    assert_contains "$stderr" "chmod 600"
}

@test "a hostile environment changes nothing" {
    MYSQL_PWD=wrong MYSQL_HOST=wrong HOME=/nonexistent LC_ALL=tr_TR.UTF-8 TZ=Pacific/Auckland http_proxy=http://127.0.0.1:1 \
        SSL_CERT_FILE=/nonexistent OPENSSL_CONF=/nonexistent MYSQL_TEST_LOGIN_FILE=/nonexistent run_job 0 count-categories
    assert_equal "$stderr" ""
    [[ $(record count-categories .started_at) == *+09:00 ]]
    run env -i "NIGHTSHIFT_CONFIG=$ini" "$bin/count-categories"
    assert_equal "$status" 0
}

@test "closed standard descriptors do no harm" {
    "$bin/count-categories" <&- >&- 2>&-
    assert_equal "$(record count-categories .outputs.verified)" 310
}

@test "a full standard output: 73" {
    run --separate-stderr bash -c "'$bin/count-categories' --dry-run >/dev/full"
    assert_equal "$status" 73
    run --separate-stderr bash -c "'$bin/count-categories' --help >/dev/full"
    assert_equal "$status" 73
}

@test "a closed pipe does not kill the run" {
    "$bin/count-categories" --dry-run 2>/dev/null | true
    run_job 0 count-categories
}

@test "a state directory that cannot be written: 73" {
    set_key suite state_dir /proc/nightshift
    run_job 73 count-categories
    assert_contains "$stderr" state_dir
}

@test "a full disk for the state: 73, the old state stays, and a rerun repairs" {
    run_job 0 count-categories
    cp "$state/count-categories.published.state" "$BATS_TEST_TMPDIR/before"
    # A file system of our own that is full but for a few bytes.
    local namespaces=-m
    [ "$(id -u)" = 0 ] || namespaces=-Urm
    unshare $namespaces bash -c "
        set -e
        cp -a '$state' '$BATS_TEST_TMPDIR/copy'
        mount -t tmpfs -o size=64k tmpfs '$state'
        cp -a '$BATS_TEST_TMPDIR/copy/.' '$state/'
        dd if=/dev/zero of='$state/filler' bs=1k count=64 2>/dev/null || true
        set +e
        '$bin/count-categories' 2>'$BATS_TEST_TMPDIR/stderr'
        echo \$? >'$BATS_TEST_TMPDIR/status'
        cp '$state/count-categories.published.state' '$BATS_TEST_TMPDIR/after'
        rm '$state/filler'
        '$bin/count-categories'
        echo \$? >>'$BATS_TEST_TMPDIR/status'
        ls -a '$state' >'$BATS_TEST_TMPDIR/files'"
    assert_equal "$(cat "$BATS_TEST_TMPDIR/status")" $'73\n0'
    cmp "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
    # Nothing half-written is left behind.
    ! grep -E '^\.[a-z].*\.[A-Za-z0-9]{6}$' "$BATS_TEST_TMPDIR/files"
}

@test "killed, or failed by the system, at any of its calls: nothing is lost, and the next run repairs" {
    # Every 4th of some 400 points; tests/faults/kill-points count-categories 1 tries them all.
    run timeout 3600 "$root/tests/faults/kill-points" count-categories 4
    echo "$output"
    [ "$status" = 0 ]
}

@test "pings at start and end, with exit code and run id" {
    : >"$NOTICES_FILE"
    printf '\n[ping]\ntimeout = 60s\nstart = %s/hook/{job}/start?rid={run_id}\nend = %s/hook/{job}/{code}?rid={run_id}\n' "$NOTICE_URL" "$NOTICE_URL" >>"$ini"
    run_job 0 count-categories
    local id
    id=$(record count-categories .run_id)
    assert_equal "$(jq -r .path "$NOTICES_FILE" | tr '\n' ' ')" "/hook/count-categories/start /hook/count-categories/0 "
    assert_equal "$(jq -r .query "$NOTICES_FILE" | sort -u)" "rid=$id"
}

@test "a monitor that is down is a warning and no failure, and its key is not shown" {
    printf '\n[ping]\nend = http://127.0.0.1:1/very-secret/{code}\n' >>"$ini"
    run_job 0 count-categories
    assert_contains "$stderr" "cannot ping 127.0.0.1:1"
    [[ $stderr != *very-secret* ]]
}

@test "the history grows by one line per run, failed ones too, each a whole JSON object" {
    run_job 0 count-categories
    cp "$ini" "$ini.bad"
    sed -i 's/^readers = .*/readers = 127.0.0.1:1/' "$ini.bad"
    run_job 69 count-categories --config "$ini.bad"
    run_job 0 count-categories
    assert_equal "$(jq -r .exit_code "$state/runs/count-categories.jsonl" | tr '\n' ' ')" "0 69 0 "
    assert_equal "$(jq -r 'select(.exit_code == 69) | .reason | length > 10' "$state/runs/count-categories.jsonl")" true
    # Sorted by id is sorted by time.
    jq -r .run_id "$state/runs/count-categories.jsonl" | sort -c
}

@test "a line that was cut by a crash spoils only itself" {
    run_job 0 count-categories
    printf '{"torn":' >>"$state/runs/count-categories.jsonl"
    run_job 0 count-categories
    assert_equal "$(tail -n 1 "$state/runs/count-categories.jsonl" | jq -r .result)" done
}

@test "logfmt without a terminal, priorities under journald, plain words on a terminal" {
    run_job 0 count-categories -v
    [[ $stderr =~ ^ts=[0-9T:.+-]+" level=info job=count-categories run="[0-9a-f-]+" msg=\"" ]]
    local device
    # JOURNAL_STREAM names the device and inode of standard error.
    run --separate-stderr bash -c "exec 2>'$BATS_TEST_TMPDIR/journal'; export JOURNAL_STREAM=\$(stat -Lc %d:%i /dev/stderr); exec '$bin/count-categories' -v"
    device=$(head -n 1 "$BATS_TEST_TMPDIR/journal")
    assert_equal "${device:0:6}" "<6>ts="
    script -qec "$bin/count-categories" "$BATS_TEST_TMPDIR/typescript" >/dev/null
    assert_contains "$(cat "$BATS_TEST_TMPDIR/typescript")" "count-categories: 310 of 310 keys published"
}

@test "the splay is waited for" {
    local first second began ended
    run_job 0 count-categories --splay 2s -vv
    first=$(grep -o 'waiting [0-9]* ms' <<<"$stderr")
    # In seconds since boot, with two decimals.
    read -r began _ </proc/uptime
    run_job 0 count-categories --splay 2s -vv
    read -r ended _ </proc/uptime
    second=$(grep -o 'waiting [0-9]* ms' <<<"$stderr")
    # The same host waits the same time.
    assert_equal "$first" "$second"
    second=${second//[!0-9]/}
    ((10 * (10#${ended/./} - 10#${began/./}) >= second - 20))
}

@test "no secret appears in records, logs or arguments" {
    run_job 0 count-categories -vv
    local password
    password=$(cat "$MYSQL_PASSWORD_FILE")
    [ ${#password} -ge 8 ]
    ! grep -rF "$password" "$state"
    [[ $stderr != *"$password"* ]]
    run_job 0 count-categories --print-config
    [[ $output != *"$password"* ]]
}
