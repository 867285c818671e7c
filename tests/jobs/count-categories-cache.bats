#!/usr/bin/env bats
# count-categories: memcached nodes that fail in every way, and garbage that must not reach them.
bats_require_minimum_version 1.5.0
load support

setup() {
    for name in memcached1 memcached2 memcached3; do
        revive "$name"
    done
    fresh_state
}

node_pid() {
    cat "$SANDBOX/run/memcached$1.pid"
}

node_address() {
    cut -d, -f"$1" <<<"$MEMCACHED_NODES"
}

stop_node() {
    kill -9 "$(node_pid "$1")"
    wait_until 60 bash -c "! kill -0 $(node_pid "$1") 2>/dev/null"
}

@test "a refused port: its keys are named, the others published, exit 1, and the next run repairs" {
    stop_node 2
    run_job 1 count-categories
    assert_contains "$stderr" "$(node_address 2)"
    assert_contains "$stderr" "app_category__count_"
    local unreachable verified
    unreachable=$(record count-categories .outputs.unreachable)
    verified=$(record count-categories .outputs.verified)
    ((unreachable > 50 && verified + unreachable == 310))
    assert_equal "$(record count-categories '[.problems[] | select(.state == "unreachable")] | length')" "$unreachable"
    "$root/tests/sandbox/restart" "$SANDBOX" memcached2 3>&-
    run_job 0 count-categories
    run_job 0 count-categories --verify
}

@test "all nodes down: 69" {
    for node in 1 2 3; do
        stop_node "$node"
    done
    run_job 69 count-categories
    assert_equal "$(record count-categories .outputs.verified)" 0
    # What was not published is no baseline.
    [ ! -e "$state/count-categories.published.state" ]
    run_job 69 count-categories --verify
    run_job 69 count-categories --check
}

# stat_of NODE NAME
stat_of() {
    # memcached closes the connection after "quit", and awk ends.
    exec {stats}<>"/dev/tcp/127.0.0.1/${1##*:}"
    printf 'stats\r\nquit\r\n' >&"$stats"
    awk -v name="$2" '$2 == name { print $3 + 0 }' <&"$stats"
    exec {stats}>&-
}

@test "a node that never answers costs a few timeouts, not one per key" {
    local before
    before=$(stat_of "$(node_address 3)" total_connections)
    set_key memcached timeout 1s
    kill -STOP "$(node_pid 3)"
    run_job 1 count-categories
    assert_contains "$stderr" "$(node_address 3)"
    kill -CONT "$(node_pid 3)"
    # Each attempt that timed out has a connection of its own: some for each of 8 workers, whatever the number of keys.
    (($(record count-categories .outputs.unreachable) > 50))
    (($(stat_of "$(node_address 3)" total_connections) - before <= 40))
    set_key memcached timeout 60s
    run_job 0 count-categories
}

@test "a value too large: reported, and the old value is reported as missing, not as stale" {
    set_key "count works_by_category" query "SELECT 1, 1"
    drop_key "count works_by_category" categories
    drop_key "count works_by_category" roll_up
    run_job 0 count-categories --only works_by_category
    # 154 * 154 * 4 ids make a map of more than 1 MiB. MySQL 5.6 has no CTEs.
    set_key "count works_by_category" query "SELECT CONCAT(a.id, 'abcdefghijkl', b.id, '-', d.n), 1 FROM categories a, categories b, (SELECT 1 n UNION SELECT 2 UNION SELECT 3) d"
    drop_key "count works_by_category" key
    run_job 1 count-categories --only works_by_category --accept rise
    assert_contains "$stderr" "larger than the node's limit"
    assert_equal "$(record count-categories '.problems[0].key')" app_category__count_map
    assert_equal "$(cached_keys | grep -c map)" 0
}

@test "the node list changes between two runs: everything is where PHP looks for it" {
    run_job 0 count-categories
    set_key memcached nodes "$(node_address 1), $(node_address 3)"
    run_job 0 count-categories
    run_job 0 count-categories --verify
    local two
    two="$(node_address 1),$(node_address 3)"
    run "$root/tests/jobs/php-read" memcached "$two" app_category__count_1 app_category__count_7 app_category__count_99
    assert_equal "$(grep -c ' integer ' <<<"$output")" 3
}

@test "category ids cannot inject commands: refused one by one, the others go through" {
    set_key "count works_by_category" query "SELECT CONCAT('a', CHAR(13, 10), 'set evil 0 0 1', CHAR(13, 10), 'x'), 5 UNION ALL SELECT 'good', 6 UNION ALL SELECT REPEAT('x', 300), 7"
    drop_key "count works_by_category" categories
    drop_key "count works_by_category" roll_up
    drop_key "count works_by_category" map_key
    run_job 1 count-categories --only works_by_category
    assert_equal "$(cached_keys)" "app_category__count_good 1 6"
    assert_contains "$stderr" 'set evil'
    assert_equal "$(record count-categories .outputs.refused)" 2
}

has_more_sets() {
    (($(stat_of "$1" cmd_set) > $2))
}

is_gone() {
    [[ ! -e /proc/$1 ]] || grep -q '^State:[[:space:]]*[ZX]' "/proc/$1/status"
}

@test "killed between two sets and before the map key: the next run repairs at once" {
    local before worker status=0
    before=$(stat_of "$(node_address 2)" cmd_set)
    kill -STOP "$(node_pid 1)"
    # The job now waits for node 1, with the others' keys set and no map yet.
    "$bin/count-categories" &
    local job=$!
    wait_until 60 has_more_sets "$(node_address 2)" "$((before + 50))"
    worker=$(pgrep -P "$job")
    kill -9 "$job"
    wait "$job" || status=$?
    assert_equal "$status" 137
    # The worker dies with its supervisor.
    wait_until 60 is_gone "$worker"
    kill -CONT "$(node_pid 1)"
    assert_equal "$(cached_keys | grep -c map)" 0
    # The lease of the dead run does not have to run out first.
    run_job 0 count-categories
    run_job 0 count-categories --verify
    assert_equal "$(cached_keys | grep -c map)" 2
}

@test "two values under one key are refused before anything is written" {
    set_key "count lancers_by_category" key "Category.Count/{id}"
    run_job 78 count-categories
    assert_contains "$stderr" "same key"
    assert_equal "$(cached_keys)" ""
}

@test "nodes by ElastiCache discovery" {
    # A real memcached that holds the old discovery key stands in for the configuration endpoint.
    local payload address
    payload="1\n"
    for address in ${MEMCACHED_NODES//,/ }; do
        payload+="127.0.0.1|127.0.0.1|${address##*:} "
    done
    payload=${payload% }$'\n'
    local bytes
    bytes=$(printf '%b' "$payload" | wc -c)
    memcached_say "$(node_address 1)" "set AmazonElastiCache:cluster 0 0 $bytes\r\n${payload%$'\n'}\n" >/dev/null
    drop_key memcached nodes
    set_key memcached discovery "$(node_address 1)"
    run_job 0 count-categories
    assert_equal "$(record count-categories .outputs.verified)" 310
    run "$root/tests/jobs/php-read" memcached "$MEMCACHED_NODES" app_category__count_1
    assert_contains "$output" integer
}
