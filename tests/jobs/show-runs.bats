#!/usr/bin/env bats
# What ran, what failed, what is overdue: from records that real runs leave, here and on another host.
bats_require_minimum_version 1.5.0
load support

setup() {
    revive redis
    fresh_state
    drop_section "count lancers_by_category"
}

teardown() {
    end_background
}

# The value at a jq path of a job in show-runs --json.
job_json() {
    "$bin/show-runs" --json | jq -r --arg job "$1" ".jobs[] | select(.job == \$job) | $2"
}

# make_old JOB MILLISECONDS: all that the job has recorded happened so much earlier.
make_old() {
    local file
    for file in "$state/runs/$1.jsonl" "$state/runs/$1.last.json"; do
        jq -c "(.started_at_ms, .ended_at_ms, .success_at_ms) -= $2" "$file" >"$file.new"
        mv "$file.new" "$file"
    done
    redis-cli -p "$REDIS_PORT" flushall >/dev/null
}

# on_host NAME command...: with another name of the host.
on_host() {
    local namespaces=-u
    [ "$(id -u)" = 0 ] || namespaces=-Uru
    # shellcheck disable=SC2016
    unshare $namespaces bash -c 'hostname "$0" && exec "$@"' "$@"
}

@test "help, version, bad option" {
    check_help show-runs
    assert_contains "$output" "[JOB]"
    check_version show-runs
    check_bad_option show-runs
    run_job 64 show-runs count-categoires
    assert_contains "$stderr" "did you mean count-categories?"
    run_job 64 show-runs count-categories --run x
    run_job 64 show-runs --html "$state" --json
    run_job 64 show-runs --check --json
    run_job 64 show-runs --check no-such-job
}

@test "without any run: all jobs never ran, and nothing is made; MySQL is not needed" {
    printf '[suite]\nstate_dir = %s/none\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/small.ini"
    run_job 0 show-runs --config "$BATS_TEST_TMPDIR/small.ini"
    assert_equal "$(grep -c '^[a-z-]* *never ran' <<<"$output")" 8
    assert_contains "$output" "8 never ran"
    assert_equal "$stderr" ""
    run_job 0 show-runs --check --config "$BATS_TEST_TMPDIR/small.ini"
    assert_equal "$output$stderr" ""
    [ ! -e "$BATS_TEST_TMPDIR/none" ]
}

@test "a good run: table, history, record, JSON; --check is silent, and nothing is changed" {
    run_job 0 count-categories --trigger cron
    local id before
    id=$(record count-categories .run_id)
    before=$(cd "$state" && find . -type f -exec md5sum {} + | sort)
    run_job 0 show-runs
    [[ $output =~ (^|$'\n')"count-categories "+"ok ".*" 0 done"($|$'\n') ]]
    assert_contains "$output" "1 ok, 7 never ran"
    run_job 0 show-runs count-categories
    [[ $output =~ "0 done".*"155  █".*$id ]]
    run_job 0 show-runs --run "$id"
    assert_equal "$(jq -S . <<<"$output")" "$(jq -S . "$state/runs/count-categories.last.json")"
    run_job 0 show-runs --json
    assert_equal "$(jq -r '.jobs[0] | [.job, .state, .failing, .last.run_id, .last.exit_code, .last.outputs.verified] | @tsv' <<<"$output")" \
        "$(printf 'count-categories\tok\tfalse\t%s\t0\t155' "$id")"
    run_job 0 show-runs count-categories --json
    assert_equal "$(jq -r '.runs[].run_id' <<<"$output")" "$id"
    run_job 0 show-runs --check
    assert_equal "$output$stderr" ""
    run_job 0 show-runs --check -v
    assert_contains "$output" "ok  count-categories ok, data of"
    assert_contains "$output" "ok  Redis"
    assert_equal "$(cd "$state" && find . -type f -exec md5sum {} + | sort)" "$before"
}

@test "a run that nobody has: 64" {
    run_job 0 count-categories
    run_job 64 show-runs --run 01a20b82-b32b-725c-9746-a1baf9cb6909
    assert_contains "$stderr" "there is no record"
}

@test "a failed run: the reason, the server to bring back, and --check says it in one line: 1" {
    set_key mysql readers 127.0.0.1:1
    run_job 69 count-categories
    run_job 0 show-runs
    [[ $output =~ "count-categories "+"failing ".*"69 unavailable" ]]
    assert_contains "$output" "exit 69 (a server or service cannot be reached or failed after all retries): "
    assert_contains "$output" "127.0.0.1:1"
    assert_contains "$output" "show-runs --run $(record count-categories .run_id)"
    run_job 1 show-runs --check
    assert_equal "$output" ""
    assert_equal "$(wc -l <<<"$stderr")" 1
    assert_contains "$stderr" "count-categories is failing: exit 69"
    assert_contains "$stderr" "next: "
    run_job 0 show-runs --check watch-slow-queries
    run_job 1 show-runs count-categories --check
}

@test "a guard: its name and how to accept it" {
    run_job 0 count-categories
    set_key "count works_by_category" query "SELECT category_id, 1 FROM works GROUP BY category_id"
    run_job 65 count-categories
    run_job 0 show-runs count-categories
    assert_contains "$output" "failing"
    assert_contains "$output" "guard"
    [[ $output =~ next:\ .*--accept ]]
}

@test "expected by the settings and never ran: 1; every = 0 expects nothing" {
    set_key "expect push-lancers" every 24h
    run_job 1 show-runs --check
    assert_contains "$stderr" "push-lancers never ran: a run is expected every 1 d 00 h"
    assert_equal "$(job_json push-lancers '"\(.state) \(.failing)"')" "never ran true"
    set_key "expect push-lancers" every 0
    run_job 0 show-runs --check
    drop_section "expect push-lancers"
    set_key "expect push-lancer" every 24h
    run_job 78 show-runs
    assert_contains "$stderr" 'did you mean \"push-lancers\"?'
}

@test "data older than two runs: 1, by the settings or by how cron has run it" {
    run_job 0 count-categories --trigger cron
    make_old count-categories 172000000
    run_job 0 show-runs --check
    set_key "expect count-categories" every 24h
    run_job 0 show-runs --check
    make_old count-categories 1000000
    run_job 1 show-runs --check
    assert_contains "$stderr" "count-categories is overdue: its data is 2 d 00 h old, and a run is expected every 1 d 00 h"
    # Without the setting: five runs an hour apart, the last of them three hours ago.
    drop_section "expect count-categories"
    local i now
    now=$(date +%s%3N)
    for i in 7 6 5 4 3; do
        jq -c --argjson hours $i --argjson now "$now" '.run_id = "run\($hours)" | .started_at_ms = $now - $hours * 3600000 |
            .ended_at_ms = .started_at_ms + .duration_ms | .success_at_ms = .ended_at_ms' "$state/runs/count-categories.last.json"
    done >"$state/runs/count-categories.jsonl"
    run_job 1 show-runs --check
    assert_contains "$stderr" "a run is expected every 1 h 00 min"
    assert_equal "$(job_json count-categories '"\(.state) \(.interval | floor) \(.expected_by_settings)"')" "overdue 3600 false"
}

@test "a run that is going on, and what is left when it is killed with -9" {
    slow_query "$gated_one"
    "$bin/count-categories" 3>&- 2>/dev/null &
    local first=$! id
    wait_until 60 is_running
    id=$(sed 's/.* run //' "$state/count-categories.lock")
    run_job 0 show-runs
    [[ $output =~ "count-categories "+"first run " ]]
    assert_contains "$output" "running since"
    assert_equal "$(job_json count-categories .running.run_id)" "$id"
    run_job 0 show-runs --check
    # Looking does not get in the way of a second run, which has the first in its way; that is no failure.
    run_job 75 count-categories
    run_job 0 show-runs --check
    kill -9 "$first"
    wait "$first" || true
    open_gate
    run_job 1 show-runs --check
    assert_contains "$stderr" "count-categories is killed: run $id began at"
    assert_equal "$(job_json count-categories '"\(.state) \(.killed_run)"')" "killed $id"
}

@test "broken and cut lines, later formats and a large history: counted and passed over" {
    run_job 0 count-categories
    local file=$state/runs/count-categories.jsonl first
    first=$(record count-categories .run_id)
    {
        head -n 1 "$file"
        # More than is read, in lines that are not short.
        head -c 9000000 /dev/zero | tr '\0' x | fold -w 30000
        printf '\n{"schema":1,"run_id":\n\xff\xfe\n'
        jq -c '.run_id = "later" | .schema = 9 | .ended_at_ms += 1000 | .exit_code = 1 | .host = {}' "$file"
        head -n 1 "$file" | head -c 300
    } >"$file.new"
    mv "$file.new" "$file"
    redis-cli -p "$REDIS_PORT" flushall >/dev/null
    run_job 0 show-runs count-categories
    assert_contains "$output" "attention"
    [[ $output =~ note:\ [0-9]+\ lines\ of\ its\ history\ are\ no\ run\ records ]]
    assert_contains "$output" "newer nightshift"
    (($(job_json count-categories .unreadable_lines) > 100))
    # One record is found in all of the file.
    rm "$state/runs/count-categories.last.json"
    run_job 0 show-runs --run "$first"
    assert_equal "$(jq -r .run_id <<<"$output")" "$first"
}

@test "two hosts: what ran and what failed on the other one" {
    make_host b
    on_host batch1 "$bin/count-categories"
    set_key mysql readers 127.0.0.1:1
    make_host b
    on_host batch2 "$bin/count-categories" --config "$BATS_TEST_TMPDIR/b.ini" 2>/dev/null || true
    run_job 0 show-runs count-categories
    [[ $output =~ "69 unavailable ".*batch2.*"0 done ".*batch1 ]]
    assert_equal "$(wc -l <"$state/runs/count-categories.jsonl")" 1
    run_job 1 show-runs --check
    run_job 0 show-runs --run "$(job_json count-categories .last.run_id)"
    assert_equal "$(jq -r .host <<<"$output")" batch2
    # Both hosts see the same.
    assert_equal "$("$bin/show-runs" count-categories --json | jq -c '[.runs[].run_id]')" \
        "$("$bin/show-runs" --config "$BATS_TEST_TMPDIR/b.ini" count-categories --json | jq -c '[.runs[].run_id]')"
}

@test "a run that is going on on the other host" {
    slow_query "$gated_one"
    make_host b
    on_host batch2 "$bin/count-categories" --config "$BATS_TEST_TMPDIR/b.ini" 3>&- &
    wait_until 60 is_running
    run_job 0 show-runs
    assert_contains "$output" "on batch2"
    open_gate
    wait
    assert_equal "$(job_json count-categories '"\(.state) \(.running) \(.last.host)"')" "ok null batch2"
}

@test "Redis down: this host's runs and a warning; with none here 69; --check 69" {
    run_job 0 count-categories
    kill -9 "$(cat "$SANDBOX/run/redis.pid")"
    set_key redis timeout 2s
    run_job 0 show-runs
    assert_contains "$output" "1 ok"
    assert_contains "$stderr" "the records of other hosts cannot be read"
    run_job 69 show-runs --check
    run_job 0 show-runs --json
    [[ $(jq -r .redis_problem <<<"$output") == *"cannot connect to Redis"* ]]
    rm -r "$state/runs"
    run_job 69 show-runs
    assert_contains "$stderr" "there are no records here"
}

@test "the copy in Redis is bounded, ends by itself, and is no reason to fail" {
    local list='nightshift:{count-categories}:runs:'
    list+=$(hostname)
    seq 60 | sed "s/.*/RPUSH $list junk&/" | redis-cli -p "$REDIS_PORT" >/dev/null
    run_job 0 count-categories
    assert_equal "$(redis-cli -p "$REDIS_PORT" llen "$list")" 50
    assert_equal "$(redis-cli -p "$REDIS_PORT" lindex "$list" 0 | jq -r .run_id)" "$(record count-categories .run_id)"
    (($(redis-cli -p "$REDIS_PORT" ttl "$list") > 3000000))
    (($(redis-cli -p "$REDIS_PORT" ttl 'nightshift:{count-categories}:runs') > 3000000))
    assert_equal "$(job_json count-categories .unreadable_lines)" 49
    redis-cli -p "$REDIS_PORT" set "$list" "a string" >/dev/null
    run_job 0 count-categories
    assert_contains "$stderr" "cannot put the run record where other hosts see it"
    run_job 0 count-categories --slot once
    redis-cli -p "$REDIS_PORT" del "$list" >/dev/null
    run_job 0 count-categories --slot once
    assert_equal "$(record count-categories .result)" skipped
    assert_equal "$(redis-cli -p "$REDIS_PORT" exists "$list")" 0
}

@test "--html: one page, for all to read, without a network, linking the pages that exist" {
    local report=$BATS_TEST_TMPDIR/report
    set_key suite report_dir "$report"
    install -d "$report" "$BATS_TEST_TMPDIR/elsewhere"
    touch "$report/slow-queries.html"
    run_job 0 count-categories
    run_job 0 show-runs --html "$report"
    assert_equal "$output$stderr" ""
    assert_equal "$(stat -c %a "$report/index.html")" 644
    assert_contains "$(<"$report/index.html")" '<a href="slow-queries.html">Slow queries</a>'
    ! grep -qE 'https?:|features.html|indexes.html|src=|@import|url\(' "$report/index.html"
    run_job 0 show-runs --html "$BATS_TEST_TMPDIR/elsewhere"
    assert_contains "$(<"$BATS_TEST_TMPDIR/elsewhere/index.html")" '<a href="../report/slow-queries.html">'
    run_job 73 show-runs --html /proc/none
}
