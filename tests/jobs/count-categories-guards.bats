#!/usr/bin/env bats
# count-categories: when it must not believe its counts, and keeps what is published.
bats_require_minimum_version 1.5.0
load support

# Counts that a test can change by changing the statement: numbers as given, under ids 1, 2, ...
counts_are() {
    local rows='' id=0 number
    for number; do
        id=$((id + 1))
        rows+="${rows:+ UNION ALL SELECT }$id, $number"
    done
    set_key "count numbers" query "SELECT $rows"
}

setup() {
    fresh_state
    drop_section "count works_by_category"
    drop_section "count lancers_by_category"
    cat >>"$ini" <<'EOT'

[count numbers]
query = SELECT 1, 1
categories = SELECT 1 UNION SELECT 2 UNION SELECT 3
key = Number/{id}
map_key = Numbers
EOT
}

published() {
    cached_keys | sed -n 's/^app_number_\([0-9]*\) [0-9]* /\1=/p' | tr '\n' ' '
}

# guard_refuses NAME COUNTS...: 65, the guard is named, nothing has changed in the cache; and --accept publishes.
guard_refuses() {
    local name=$1 before
    shift
    before=$(cached_keys)
    counts_are "$@"
    run_job 65 count-categories
    assert_contains "$stderr" "guard \\\"$name\\\""
    assert_contains "$stderr" "nothing was published"
    assert_contains "$stderr" "--accept $name"
    assert_equal "$(cached_keys)" "$before"
    assert_equal "$(record count-categories '.result')" guard
    assert_contains "$(cat "$state/count-categories.prom")" "guard=\"$name\"} 1"
}

@test "drop: refused beyond max_drop, allowed at it" {
    set_key "count numbers" changed_by 1000%
    counts_are 100 100 100
    run_job 0 count-categories
    counts_are 100 100 40
    run_job 0 count-categories
    guard_refuses drop 100 51 40
    run_job 0 count-categories --accept drop
    assert_equal "$(published)" "1=100 2=51 3=40 "
    assert_equal "$(record count-categories '[.guards[] | select(.name == "drop")][0].accepted')" true
}

@test "rise: refused beyond max_rise" {
    counts_are 100 100 100
    run_job 0 count-categories
    set_key "count numbers" changed_by 1000%
    guard_refuses rise 251 100 100
    run_job 0 count-categories --accept rise
    assert_equal "$(published)" "1=251 2=100 3=100 "
}

@test "minimum: holds on the first run too" {
    set_key "count numbers" min_total 50
    guard_refuses minimum 10 20 19
    counts_are 10 20 20
    run_job 0 count-categories
}

@test "an empty table trips the minimum by default" {
    set_key "count numbers" query "SELECT category_id, COUNT(*) FROM works WHERE id < 0 GROUP BY category_id"
    run_job 65 count-categories
    assert_contains "$stderr" 'minimum'
    assert_equal "$(cached_keys)" ""
}

@test "zero: a category with many must not become empty" {
    set_key "count numbers" max_changed 100%
    counts_are 1000 10 1000
    run_job 0 count-categories
    guard_refuses zero 1000 0 1000
    run_job 0 count-categories --accept zero
    assert_equal "$(published)" "1=1000 2=0 3=1000 "
}

@test "changed: too many categories at once" {
    counts_are 100 100 100
    run_job 0 count-categories
    guard_refuses changed 30 170 100
    counts_are 100 160 100
    guard_refuses changed 40 160 100
    run_job 0 count-categories --accept changed
}

@test "unknown category ids" {
    counts_are 10 10 10
    run_job 0 count-categories
    guard_refuses unknown 10 10 10 1
    set_key "count numbers" max_unknown 1
    run_job 0 count-categories
    assert_equal "$(published)" "1=10 2=10 3=10 "
}

@test "a NULL category is unknown" {
    set_key "count numbers" query "SELECT NULL, 4 UNION ALL SELECT 1, 5"
    run_job 65 count-categories
    assert_contains "$stderr" "NULL"
}

@test "total: an independent total must agree" {
    set_key "count numbers" total "SELECT 30"
    counts_are 10 10 10
    run_job 0 count-categories
    guard_refuses total 10 10 11
    set_key "count numbers" max_total_difference 5%
    run_job 0 count-categories
}

@test "circle: categories below themselves" {
    set_key "count numbers" roll_up yes
    set_key "count numbers" categories "SELECT 1, 3 UNION SELECT 2, 1 UNION SELECT 3, 2"
    counts_are 10 10 10
    run_job 65 count-categories
    assert_contains "$stderr" "circle"
}

@test "one refused count keeps all others from being published" {
    cat >>"$ini" <<'EOT'

[count second]
query = SELECT 1, 5
key = Second/{id}
EOT
    counts_are 100 100 100
    run_job 0 count-categories
    set_key "count second" query "SELECT 1, 6"
    counts_are 1 1 1
    run_job 65 count-categories
    assert_contains "$(cached_keys)" "app_second_1 1 5"
}

@test "the baseline is what was published, not what the cache happens to hold" {
    counts_are 100 100 100
    run_job 0 count-categories
    local node
    for node in ${MEMCACHED_NODES//,/ }; do
        memcached_say "$node" flush_all >/dev/null
    done
    guard_refuses drop 10 10 10
}

@test "a damaged state counts as a first run, and is kept" {
    counts_are 100 100 100
    run_job 0 count-categories
    redis-cli -p "$REDIS_PORT" flushall >/dev/null
    printf 'garbage' >"$state/count-categories.published.state"
    counts_are 100 100 10
    run_job 0 count-categories
    assert_contains "$stderr" "cannot be used"
    assert_equal "$(cat "$state/count-categories.published.state.bad")" garbage
}

@test "an unknown guard name is a usage error" {
    run_job 64 count-categories --accept everything
    assert_contains "$stderr" "minimum"
}
