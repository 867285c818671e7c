#!/usr/bin/env bats
# count-categories: what it publishes, and what it shows.
bats_require_minimum_version 1.5.0
load support

setup() {
    fresh_state
}

# The open works of one category and all below it, counted the way the pages did.
works_below() {
    sql writer -N -e "
        SELECT COUNT(*) FROM works w JOIN categories c ON c.id = w.category_id
        LEFT JOIN categories p ON p.id = c.parent_id
        WHERE w.deleted = 0 AND w.status = 'open' AND (c.id = $1 OR c.parent_id = $1 OR p.parent_id = $1)"
}

@test "help" {
    check_help count-categories
}

@test "version" {
    check_version count-categories
}

@test "bad option" {
    check_bad_option count-categories
}

@test "publishes every count, silently, and PHP reads them as int" {
    run_job 0 count-categories
    assert_equal "$output$stderr" ""
    # 154 categories and a map, for each of the two counts.
    assert_equal "$(cached_keys | wc -l)" 310
    assert_equal "$(record count-categories .outputs.verified)" 310
    local id
    for id in $(sql writer -N -e "SELECT id FROM categories ORDER BY RAND(7) LIMIT 12"); do
        assert_equal "$("$root/tests/jobs/php-read" memcached "$MEMCACHED_NODES" "app_category__count_$id")" \
            "app_category__count_$id integer $(works_below "$id")"
    done
}

@test "every key is read back by ext-memcached as int, and the map as array" {
    run_job 0 count-categories
    local keys
    keys=$(sql writer -N -e "SELECT CONCAT('app_category__count_', id) FROM categories")
    # shellcheck disable=SC2086
    run "$root/tests/jobs/php-read" memcached "$MEMCACHED_NODES" $keys
    assert_equal "$(grep -c ' integer ' <<<"$output")" 154
    run "$root/tests/jobs/php-read" memcached "$MEMCACHED_NODES" app_category__count_map
    assert_contains "$output" "app_category__count_map array {"
    assert_equal "$(sed 's/.* array //' <<<"$output" | jq length)" 154
}

@test "every key is read back by ext-memcache, with both strategies" {
    local strategy keys
    keys=$(sql writer -N -e "SELECT CONCAT('app_category__count_', id) FROM categories")
    for strategy in standard consistent; do
        fresh_state
        set_key memcached client "ext-memcache-$strategy"
        run_job 0 count-categories
        # shellcheck disable=SC2086
        run "$root/tests/jobs/php-read" "memcache-$strategy" "$MEMCACHED_NODES" $keys
        assert_equal "$(grep -c ' integer ' <<<"$output")" 154
        run "$root/tests/jobs/php-read" "memcache-$strategy" "$MEMCACHED_NODES" app_category__count_map
        assert_equal "$(sed 's/.* array //' <<<"$output" | jq length)" 154
    done
}

@test "ketama and consistent placement are PHP's" {
    local client keys
    keys=$(sql writer -N -e "SELECT CONCAT('app_category__count_', id) FROM categories")
    for client in ketama consistent; do
        fresh_state
        set_key memcached client "ext-memcached-$client"
        run_job 0 count-categories
        # shellcheck disable=SC2086
        run "$root/tests/jobs/php-read" "memcached-$client" "$MEMCACHED_NODES" $keys
        assert_equal "$(grep -c ' integer ' <<<"$output")" 154
    done
}

@test "empty categories are published as 0, not left out" {
    local empty
    empty=$(sql writer -N -e "SELECT c.id FROM categories c LEFT JOIN works w ON w.category_id = c.id
        LEFT JOIN categories d ON d.parent_id = c.id WHERE w.id IS NULL AND d.id IS NULL LIMIT 1")
    [ -n "$empty" ]
    run_job 0 count-categories
    assert_equal "$("$root/tests/jobs/php-read" memcached "$MEMCACHED_NODES" "app_category__count_$empty")" \
        "app_category__count_$empty integer 0"
}

@test "value formats: string, serialized and json come back as such" {
    set_key "count works_by_category" value string
    set_key "count lancers_by_category" value json
    run_job 0 count-categories
    run "$root/tests/jobs/php-read" memcached "$MEMCACHED_NODES" app_category__count_1
    assert_contains "$output" "app_category__count_1 string '"
    run "$root/tests/jobs/php-read" memcached "$MEMCACHED_NODES" app_category__lancer_count_map
    [[ $output =~ "app_category__lancer_count_map string '{\"1\":" ]]
    fresh_state
    set_key "count works_by_category" value serialized
    run_job 0 count-categories
    run "$root/tests/jobs/php-read" memcached "$MEMCACHED_NODES" app_category__count_1
    assert_contains "$output" "app_category__count_1 integer "
}

@test "key rules: cake2, cake4, raw" {
    set_key memcached key_rule cake2
    run_job 0 count-categories
    assert_contains "$(cached_keys)" "app_category_count_12 "
    fresh_state
    set_key memcached key_rule raw
    run_job 0 count-categories
    assert_contains "$(cached_keys)" "app_Category.Count/12 "
}

@test "a key with the time of the counts" {
    set_key "count works_by_category" generated_at Category.GeneratedAt
    run_job 0 count-categories
    local at
    at=$("$root/tests/jobs/php-read" memcached "$MEMCACHED_NODES" app_category__generated_at | awk '{ print $3 }')
    ((at > $(date +%s) - 900 && at <= $(date +%s) + 1)) # no time zone away
}

@test "a ttl over 30 days does not make values vanish" {
    set_key "count works_by_category" ttl 45d
    run_job 0 count-categories
    assert_contains "$(cached_keys)" "app_category__count_1 "
}

@test "dry run shows old and new, and writes nothing" {
    run_job 0 count-categories --dry-run
    assert_contains "$output" "app_category__count_1 "
    assert_contains "$output" "310 of 310 keys would change"
    assert_equal "$(cached_keys | wc -l)" 0
    [ ! -e "$state/runs" ]
    run_job 0 count-categories
    run_job 0 count-categories --dry-run
    assert_equal "$output" "0 of 310 keys would change"
    echo 'set app_category__count_1 1 0 2\r\n-1' >/dev/null
    local node
    node=$("$bin/count-categories" --explain Category.Count/1 | awk '$1 == "node" { print $2 }')
    memcached_say "$node" 'set app_category__count_1 0 0 3\r\n777' >/dev/null
    run_job 0 count-categories --dry-run
    assert_contains "$output" "777 (flags 0)"
    assert_contains "$output" "1 of 310 keys would change"
}

@test "verify: 0 when the cache is right, 1 when it has drifted" {
    run_job 0 count-categories
    run_job 0 count-categories --verify
    assert_equal "$output" "0 of 310 keys differ from fresh counts"
    local node
    node=$("$bin/count-categories" --explain Category.Count/2 | awk '$1 == "node" { print $2 }')
    memcached_say "$node" 'delete app_category__count_2' >/dev/null
    run_job 1 count-categories --verify
    assert_contains "$output" "app_category__count_2"
    assert_contains "$output" "1 of 310 keys differ"
    # A later run repairs.
    run_job 0 count-categories
    run_job 0 count-categories --verify
}

@test "explain shows key, node, flags and value" {
    run_job 0 count-categories
    run_job 0 count-categories --explain Category.Count/1
    assert_contains "$output" "key    app_category__count_1"
    # The hash is that of ext-memcached: Jenkins' one-at-a-time.
    assert_contains "$output" "hash   $(php -r 'echo hash("joaat", "app_category__count_1");')"
    assert_contains "$output" "flags  1"
    assert_contains "$output" "value  $(works_below 1)"
    run_job 0 count-categories --explain No.Such.Key
    assert_contains "$output" "value  (missing)"
}

@test "only one of the counts" {
    run_job 0 count-categories --only works_by_category
    assert_equal "$(cached_keys | wc -l)" 155
    run_job 64 count-categories --only no_such_count
    assert_contains "$stderr" "no_such_count"
}

@test "check names what it reached and changes nothing" {
    run_job 0 count-categories --check
    assert_contains "$output" "ok  MySQL server"
    assert_contains "$output" "ok  [count works_by_category] query"
    assert_equal "$(grep -c 'ok  memcached node' <<<"$output")" 3
    assert_contains "$output" "ok  Redis"
    assert_equal "$(cached_keys | wc -l)" 0
}

@test "the record tells time, rows and plan of every statement" {
    run_job 0 count-categories
    assert_equal "$(record count-categories '.inputs.queries | length')" 4
    assert_equal "$(record count-categories '.inputs.queries[] | select(.name == "[count works_by_category] categories") | .rows')" 154
    local examined
    examined=$(record count-categories '.inputs.queries[] | select(.name == "[count lancers_by_category] query") | .rows_examined')
    ((examined > 1000))
    [[ $(record count-categories '[.inputs.queries[].plan_warnings[]] | join("; ")') == *"temporary table"* ]]
    assert_equal "$(record count-categories .result)" done
    assert_equal "$(record count-categories '.phases | map(.name) | join(" ")')" "connect count guards publish state"
    assert_equal "$(record count-categories '[.phases[].ms | numbers] | length')" 5
}

@test "metrics: readable by all, complete, without timestamps" {
    run_job 0 count-categories
    assert_equal "$(stat -c %a "$state/count-categories.prom")" 644
    local metrics
    metrics=$(cat "$state/count-categories.prom")
    assert_contains "$metrics" 'batch_last_run_exit_code{batch="count-categories"} 0'
    assert_contains "$metrics" 'batch_last_run_items{batch="count-categories",outcome="verified"} 310'
    assert_contains "$metrics" 'batch_guard_tripped{batch="count-categories",guard="minimum"} 0'
    ! grep -vE '^(# (HELP|TYPE) [a-z_]+ .*|[a-z_]+\{batch="count-categories"(,[a-z]+="[a-z_-]+")?\} [0-9.e+]+)$' <<<"$metrics"
}

have_moved() {
    sql reader1 -N -e "SELECT COUNT(*) FROM works WHERE id <= 1000 AND category_id <> $1" | grep -qx 0
}

is_counting_slowly() {
    sql reader1 -N -e "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT category_id%SLEEP(%'" | grep -qx 1
}

@test "all counts of a run are of one moment" {
    # While the first count is being made, works move from one category to another; a later statement must not see it.
    set_key "count works_by_category" query "SELECT category_id, COUNT(*) FROM works WHERE id <= 1000 AND SLEEP(0.004) = 0 GROUP BY category_id"
    set_key "count lancers_by_category" query "SELECT category_id, COUNT(*) FROM works WHERE id <= 1000 GROUP BY category_id"
    local target
    target=$(sql writer -N -e "SELECT id FROM categories WHERE parent_id IS NOT NULL LIMIT 1")
    "$bin/count-categories" &
    local job=$!
    wait_until 60 is_counting_slowly
    sql writer -e "CREATE TABLE works_backup AS SELECT id, category_id FROM works WHERE id <= 1000;
        UPDATE works SET category_id = $target WHERE id <= 1000"
    # Should the move arrive after the run, which only a machine that stands still can bring about, this proves nothing, and is right.
    wait_until 60 have_moved "$target"
    wait $job
    sql writer -e "UPDATE works w JOIN works_backup b ON b.id = w.id SET w.category_id = b.category_id; DROP TABLE works_backup"
    local works lancers
    works=$(cached_keys | grep '^app_category__count_[0-9]' | sed 's/.*_//' | sort)
    lancers=$(cached_keys | grep '^app_category__lancer_count_[0-9]' | sed 's/.*_//' | sort)
    assert_equal "$works" "$lancers"
}
