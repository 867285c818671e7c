#!/usr/bin/env bats
# Who may run: the lease on one host, and with Redis across hosts. Two hosts are two state directories with one Redis.
bats_require_minimum_version 1.5.0
load support

setup() {
    revive redis
    fresh_state
    drop_section "count lancers_by_category"
    make_host b
}

teardown() {
    end_background
}

@test "a second run on the same host: 75, without waiting for the first, which is not disturbed" {
    drop_section redis
    slow_query "$gated_one"
    make_host b
    "$bin/count-categories" &
    local first=$!
    wait_until 60 is_running
    run_job 75 count-categories
    assert_contains "$stderr" "pid $first"
    open_gate
    wait "$first"
}

@test "a second run on another host: 75" {
    slow_query "$gated_one"
    make_host b
    "$bin/count-categories" &
    local first=$!
    wait_until 60 is_running
    run_job 75 count-categories --config "$BATS_TEST_TMPDIR/b.ini"
    assert_contains "$stderr" "holds the lease"
    open_gate
    wait "$first"
    run_job 0 count-categories --config "$BATS_TEST_TMPDIR/b.ini"
}

@test "two hosts race for one slot: one works, both exit 0" {
    local round first second worked
    for round in 1 2 3 4 5; do
        "$bin/count-categories" --slot "round-$round" 3>&- &
        first=$!
        "$bin/count-categories" --slot "round-$round" --config "$BATS_TEST_TMPDIR/b.ini" 3>&- &
        second=$!
        wait "$first"
        wait "$second"
        worked=$(cat "$state/runs/count-categories.jsonl" "$BATS_TEST_TMPDIR/state-b/runs/count-categories.jsonl" |
            jq -r "select(.slot == \"round-$round\") | .result" | sort | tr '\n' ' ')
        assert_equal "$worked" "done skipped "
    done
}

@test "a slot that is done stays done; the next slot runs" {
    run_job 0 count-categories --slot monday
    run_job 0 count-categories --slot monday --config "$BATS_TEST_TMPDIR/b.ini"
    assert_equal "$output$stderr" ""
    assert_equal "$(jq -r .result "$BATS_TEST_TMPDIR/state-b/runs/count-categories.last.json")" skipped
    run_job 0 count-categories --slot tuesday --config "$BATS_TEST_TMPDIR/b.ini"
    assert_equal "$(jq -r .result "$BATS_TEST_TMPDIR/state-b/runs/count-categories.last.json")" done
}

@test "auto is the minute: the second host's run in the same minute is skipped" {
    local minute=''
    # Once more if the minute turned meanwhile.
    while [[ $minute != "$(date -u +%Y-%m-%dT%H:%MZ)" ]]; do
        redis-cli -p "$REDIS_PORT" flushall >/dev/null
        minute=$(date -u +%Y-%m-%dT%H:%MZ)
        run_job 0 count-categories --slot auto
        run_job 0 count-categories --slot auto --config "$BATS_TEST_TMPDIR/b.ini"
    done
    assert_equal "$(record count-categories '"\(.slot) \(.result)"')" "$minute done"
    assert_equal "$(jq -r .result "$BATS_TEST_TMPDIR/state-b/runs/count-categories.last.json")" skipped
}

@test "a failed slot is taken over by the other host" {
    local good=$ini
    cp "$ini" "$BATS_TEST_TMPDIR/bad.ini"
    ini=$BATS_TEST_TMPDIR/bad.ini
    set_key mysql readers 127.0.0.1:1
    run_job 69 count-categories --slot monday --config "$ini"
    ini=$good
    run_job 0 count-categories --slot monday --config "$BATS_TEST_TMPDIR/b.ini"
    assert_equal "$(jq -r .result "$BATS_TEST_TMPDIR/state-b/runs/count-categories.last.json")" done
}

scripts_run() {
    redis-cli -p "$REDIS_PORT" info commandstats | awk -F '[=,]' '/^cmdstat_eval/ { calls += $2 } END { print calls + 0 }'
}

has_asked() {
    (($(scripts_run) >= $1))
}

@test "standby: the host that waits takes over when the working one fails" {
    slow_query "SLEEP(600)"
    make_host b
    sed -i '/^\[suite\]/a standby = 10m' "$BATS_TEST_TMPDIR/b.ini"
    sed -i 's/SLEEP(600)/SLEEP(0)/' "$BATS_TEST_TMPDIR/b.ini"
    "$bin/count-categories" --slot monday 3>&- 2>/dev/null &
    local first=$! status=0 asked
    wait_until 60 is_running
    asked=$(scripts_run)
    "$bin/count-categories" --slot monday --config "$BATS_TEST_TMPDIR/b.ini" 3>&- &
    local second=$!
    # It has asked for the slot, and asked again. (A renewal by the first may count too: then the second comes to a slot that failed.)
    wait_until 60 has_asked "$((asked + 2))"
    kill -TERM "$first"
    wait "$first" || status=$?
    assert_equal "$status" 143
    wait "$second"
    assert_equal "$(jq -r .result "$BATS_TEST_TMPDIR/state-b/runs/count-categories.last.json")" done
}

@test "fence: a run that has lost its lease cannot write its state over a newer one" {
    run_job 0 count-categories
    make_host c
    slow_query "$gated_one"
    make_host b
    "$bin/count-categories" --accept drop --accept zero --accept changed 2>"$BATS_TEST_TMPDIR/stderr" &
    local first=$! status=0
    wait_until 60 is_running
    # As after a failover of Redis: the mutex is forgotten, another host takes it and finishes first.
    redis-cli -p "$REDIS_PORT" del 'nightshift:{count-categories}:lease' >/dev/null
    run_job 0 count-categories --config "$BATS_TEST_TMPDIR/c.ini"
    local mirrored
    mirrored=$(redis-cli -p "$REDIS_PORT" hget 'nightshift:{count-categories}:state:published' blob)
    [ -n "$mirrored" ]
    open_gate
    wait "$first" || status=$?
    assert_equal "$status" 75
    # When it writes its state; or, on a machine that stands still, at the next renewal.
    grep -qE 'another run has taken the lease|the lease was lost' "$BATS_TEST_TMPDIR/stderr"
    # The mirror still holds the second host's state.
    assert_equal "$(redis-cli -p "$REDIS_PORT" hget 'nightshift:{count-categories}:state:published' blob)" "$mirrored"
}

@test "state follows the work from host to host, and a lost Redis loses nothing" {
    run_job 0 count-categories
    # Host b has never run, yet knows what was published.
    sed -i "s/status = 'open'/status = 'open' AND id < 100/" "$BATS_TEST_TMPDIR/b.ini"
    run_job 65 count-categories --config "$BATS_TEST_TMPDIR/b.ini"
    assert_contains "$stderr" 'guard \"drop\"'
    # Redis is emptied: host a still has its file.
    redis-cli -p "$REDIS_PORT" flushall >/dev/null
    sed -i "s/status = 'open'/status = 'open' AND id < 100/" "$ini"
    run_job 65 count-categories
    assert_contains "$stderr" 'guard \"drop\"'
}

@test "Redis down: 69 by default, and with when_down = local the job runs" {
    kill -9 "$(cat "$SANDBOX/run/redis.pid")"
    run_job 69 count-categories
    assert_contains "$stderr" "cannot take the lease"
    assert_equal "$(record count-categories .result)" unavailable
    set_key redis when_down local
    run_job 0 count-categories
    assert_contains "$stderr" "this host alone"
}

@test "a Redis that never answers: 69 within its timeout" {
    kill -STOP "$(cat "$SANDBOX/run/redis.pid")"
    set_key redis timeout 1s
    run_job 69 count-categories
    assert_contains "$stderr" "timed out"
    kill -CONT "$(cat "$SANDBOX/run/redis.pid")"
}

@test "without [redis] a slot is no obstacle" {
    drop_section redis
    run_job 0 count-categories --slot monday
    run_job 0 count-categories --slot monday
    assert_equal "$(wc -l <"$state/runs/count-categories.jsonl")" 2
}

only_one_left() {
    local pid left=0
    for pid; do
        ! kill -0 "$pid" 2>/dev/null || left=$((left + 1))
    done
    ((left == 1))
}

@test "twenty starts at once on one host: one works, the others exit 75" {
    drop_section redis
    slow_query "$gated_one"
    make_host b
    local i status pids=() zero=0 later=0
    for i in {1..20}; do
        "$bin/count-categories" 2>/dev/null 3>&- &
        pids+=($!)
    done
    # The one that works waits until the others are through.
    wait_until 60 only_one_left "${pids[@]}"
    open_gate
    for i in "${pids[@]}"; do
        status=0
        wait "$i" || status=$?
        ((status != 0)) || zero=$((zero + 1))
        ((status != 75)) || later=$((later + 1))
    done
    assert_equal "$zero $later" "1 19"
}
