#!/usr/bin/env bats
# push-lancers: what it sends, and what it then does not send again.
bats_require_minimum_version 1.5.0
load support
load push

setup() {
    fresh_state
    fresh_documents
}

teardown() {
    stop_domain
}

@test "help" {
    check_help push-lancers
}

@test "version" {
    check_version push-lancers
}

@test "bad option" {
    check_bad_option push-lancers
}

@test "all rows become documents, silently; the next night sends nothing" {
    run_job 0 push-lancers
    assert_equal "$output$stderr" ""
    assert_equal "$(domain_rows | wc -l)" 40
    assert_in_step
    assert_equal "$(record push-lancers .changes.added)" 40
    assert_equal "$(posts)" 1
    run_job 0 push-lancers
    assert_equal "$(posts)" 1
    assert_equal "$(record push-lancers .outputs.unchanged)" 40
}

@test "changed, new, deleted and re-added rows, and one that changes back" {
    set_key push-lancers any_id yes
    run_job 0 push-lancers
    sql writer -e "UPDATE push_rows SET name = 'other' WHERE id IN (3, 4); DELETE FROM push_rows WHERE id IN (7, 40);
        INSERT INTO push_rows (id, name) VALUES (100, 'new'), (-5, 'negative'), (9223372036854775807, 'last')"
    run_job 0 push-lancers
    assert_in_step
    assert_equal "$(record push-lancers '[.changes.added, .changes.changed, .changes.deleted] | join(" ")')" "3 2 2"
    sql writer -e "UPDATE push_rows SET name = 'name 3' WHERE id = 3; INSERT INTO push_rows (id, name) VALUES (7, 'again'); DELETE FROM push_rows WHERE id = 100"
    run_job 0 push-lancers
    assert_in_step
    assert_equal "$(record push-lancers '[.changes.added, .changes.changed, .changes.deleted] | join(" ")')" "1 1 1"
}

@test "pages of one row, and batches of few documents, end in the same" {
    set_key push-lancers page_rows 1
    set_key push-lancers max_batch 1100000
    sql writer -e "UPDATE push_rows SET body = REPEAT('あ', 100000)"
    run_job 0 push-lancers
    assert_in_step
    # 40 documents of 300,000 bytes, three in a batch.
    assert_equal "$(record push-lancers .outputs.batches)" 14
}

@test "no rows at all: 65, and nothing is deleted" {
    run_job 0 push-lancers
    sql writer -e "DELETE FROM push_rows"
    run_job 65 push-lancers
    assert_contains "$stderr" 'guard \"min_rows\"'
    assert_contains "$stderr" 'guard \"max_delete\"'
    assert_equal "$(domain_rows | wc -l)" 40
    run_job 0 push-lancers --accept min_rows,max_delete
    assert_equal "$(domain_rows | wc -l)" 0
    run_job 0 push-lancers --accept min_rows
}

@test "too many deletes, too many changes: 65, nothing sent, --accept lets them pass once" {
    run_job 0 push-lancers
    sql writer -e "DELETE FROM push_rows WHERE id > 15; UPDATE push_rows SET name = 'x'"
    set_key push-lancers max_change 5
    run_job 65 push-lancers
    assert_contains "$stderr" 'guard \"max_delete\"'
    assert_contains "$stderr" 'guard \"max_change\"'
    assert_contains "$stderr" '--accept max_delete,max_change'
    assert_equal "$(posts)" 1
    run_job 65 push-lancers --accept max_delete
    run_job 0 push-lancers --accept max_delete --accept max_change
    assert_in_step
}

@test "--full sends all again, --only-ids looks at those rows alone" {
    run_job 0 push-lancers
    sql writer -e "UPDATE push_rows SET name = 'x'; DELETE FROM push_rows WHERE id IN (1, 2)"
    run_job 0 push-lancers --only-ids 2,5 --only-ids 999
    assert_equal "$(record push-lancers '[.changes.added, .changes.changed, .changes.deleted] | join(" ")')" "0 1 1"
    assert_equal "$(domain_rows | wc -l)" 39
    run_job 64 push-lancers --only-ids five
    run_job 0 push-lancers --accept max_change
    assert_in_step
    run_job 0 push-lancers --full
    assert_equal "$(record push-lancers .outputs.sent_adds)" 38
    assert_in_step
}

@test "values: NULL, empty, control characters, emoji, arrays, zero dates" {
    sql writer -e "SET sql_mode = '';
        UPDATE push_rows SET name = NULL, body = NULL, tags = NULL, wage = NULL, rating = NULL, seen = NULL, stamp = NULL WHERE id = 1;
        UPDATE push_rows SET body = CONCAT('a', CHAR(1), 'b', CHAR(9), '😀') WHERE id = 2;
        UPDATE push_rows SET tags = '', seen = '0000-00-00 00:00:00' WHERE id = 3;
        UPDATE push_rows SET wage = -9223372036854775808 WHERE id = 4;
        UPDATE push_rows SET name = REPEAT('文', 60), tags = REPEAT('あ,', 900) WHERE id = 5"
    # A row of nothing but NULLs cannot be a document: an add needs a field.
    run_job 1 push-lancers
    assert_contains "$stderr" 'row \"1\" cannot be a document'
    assert_equal "$(domain_rows | wc -l)" 39
    assert_equal "$(domain_rows | grep -P '^row_2\t' | cut -f3)" $'ab\\t😀'
    assert_equal "$(domain_rows | grep -P '^row_3\t' | cut -f4,7)" $'-\t-'
    assert_equal "$(domain_rows | grep -P '^row_4\t' | cut -f5)" "-9223372036854775808"
    assert_equal "$(domain_rows | grep -P '^row_5\t' | cut -f4 | tr -cd , | wc -c)" 899
    assert_equal "$(record push-lancers .inputs.characters_removed)" 1
    assert_equal "$(record push-lancers .inputs.zero_dates)" 1
    set_key push-lancers wide drop
    run_job 1 push-lancers
    assert_equal "$(domain_rows | grep -P '^row_2\t' | cut -f3)" $'ab\\t'
}

@test "bytes that are not UTF-8 are removed; 4,096 characters are a literal, 4,097 are none" {
    drop_key push-lancers field.tags
    set_key push-lancers field.body text
    set_key push-lancers query "SELECT id, X'61FF62E38182F0' AS body, REPEAT('文', 4090 + id) AS name FROM push_rows\\n  WHERE id > {after} ORDER BY id LIMIT {limit}"
    run_job 1 push-lancers
    assert_equal "$(domain_rows | wc -l)" 6
    assert_equal "$(domain_rows | cut -f3 | sort -u)" "abあ"
    assert_equal "$(record push-lancers .outputs.bad_rows)" 34
    assert_equal "$(record push-lancers '.bad_rows[0] | [.key, .field, .reason] | join(" ")')" "7 name is longer than 4096 characters"
}

@test "a query that is wrong: 78 with the reason, and nothing is deleted" {
    run_job 0 push-lancers
    set_key push-lancers query "SELECT id, name FROM push_rows WHERE id > {after} ORDER BY name LIMIT {limit}"
    run_job 78 push-lancers
    set_key push-lancers query "SELECT id, name FROM push_rows WHERE id >= {after} ORDER BY id LIMIT {limit}"
    set_key push-lancers page_rows 10
    run_job 78 push-lancers
    set_key push-lancers query "SELECT id, name FROM push_rows WHERE id > {after} ORDER BY id"
    run_job 78 push-lancers
    assert_contains "$stderr" '{limit}'
    set_key push-lancers query "SELECT id, no_such_column FROM push_rows WHERE id > {after} ORDER BY id LIMIT {limit}"
    run_job 78 push-lancers
    assert_contains "$stderr" 'no_such_column'
    set_key push-lancers query "SELECT name FROM push_rows WHERE id > {after} ORDER BY id LIMIT {limit}"
    run_job 78 push-lancers
    assert_contains "$stderr" 'no column \"id\"'
    assert_in_step
}

@test "string keys, in the order of their bytes" {
    sql writer -e "ALTER TABLE push_rows ADD code VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '';
        UPDATE push_rows SET code = CONCAT(IF(id % 2, 'a', 'b'), id)"
    set_key push-lancers query "SELECT code, name FROM push_rows WHERE code > {after} ORDER BY code LIMIT {limit}"
    set_key push-lancers document_id "code_{code}"
    drop_key push-lancers field.tags
    set_key push-lancers page_rows 7
    run_job 0 push-lancers
    assert_equal "$(domain_rows | wc -l)" 40
    assert_equal "$(domain_rows | cut -f1,2 | head -2)" $'code_a1\tname 1\ncode_a11\tname 11'
    sql writer -e "DELETE FROM push_rows WHERE code = 'a11'"
    run_job 0 push-lancers
    assert_equal "$(domain_rows | wc -l)" 39
    assert_equal "$(record push-lancers .outputs.unchanged)" 39
}

@test "a list that GROUP_CONCAT makes is not cut" {
    drop_key push-lancers field.name
    set_key push-lancers query "SELECT id, \\n  (SELECT GROUP_CONCAT(name ORDER BY id) FROM push_rows p, (SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4) f) AS tags\\n  FROM push_rows WHERE id > {after} ORDER BY id LIMIT {limit}"
    run_job 0 push-lancers
    assert_equal "$(domain_rows | grep -P '^row_1\t' | cut -f4 | tr -cd , | wc -c)" 159
}

@test "a document that the domain refuses: the others go through, exit 1, and it is not sent again until it changes" {
    start_domain --max-document 5000
    sql writer -e "UPDATE push_rows SET body = REPEAT('x', 6000) WHERE id IN (5, 17)"
    run_job 1 push-lancers
    assert_equal "$(domain_rows | wc -l)" 38
    assert_contains "$stderr" 'the domain refuses document \"row_5\"'
    assert_contains "$stderr" 'the domain refuses document \"row_17\"'
    assert_equal "$(record push-lancers '[.refusals[].document] | sort | join(" ")')" "row_17 row_5"
    local before
    before=$(posts)
    run_job 1 push-lancers
    assert_equal "$(posts)" "$before"
    assert_equal "$(record push-lancers .outputs.still_refused)" 2
    sql writer -e "UPDATE push_rows SET body = 'short' WHERE id = 5"
    run_job 1 push-lancers
    assert_equal "$(domain_rows | wc -l)" 39
    sql writer -e "DELETE FROM push_rows WHERE id = 17"
    run_job 0 push-lancers
    assert_in_step
}

@test "a mapping that the domain refuses altogether: 78, and soon" {
    sed -i '/"wage"/d' "$BATS_TEST_TMPDIR/fields.json"
    rm -rf "$BATS_TEST_TMPDIR/domain"
    start_domain
    run_job 78 push-lancers
    assert_contains "$stderr" "--check"
    assert_equal "$(domain_rows | wc -l)" 0
    (($(posts) < 10))
    # Nothing is held against the documents, once the domain takes them.
    set_key push-lancers field.wage skip
    run_job 0 push-lancers
    assert_equal "$(domain_rows | wc -l)" 40
}

@test "one batch in so many seconds" {
    set_key push-lancers max_batch 1100000
    set_key push-lancers batch_interval 1500ms
    start_domain --batch-interval 1s
    sql writer -e "UPDATE push_rows SET body = REPEAT('x', 400000) WHERE id <= 6"
    run_job 0 push-lancers
    assert_equal "$(record push-lancers .outputs.batches)" 3
    # A batch that came too soon would have been answered 507 and sent again.
    assert_equal "$(record push-lancers .outputs.attempts)" 3
    assert_in_step
}

@test "two runs at a time: the second ends with 75" {
    faults '[{"delay_before": 5000}]'
    "$bin/push-lancers" &
    local first=$!
    wait_until 60 test -s "$state/push-lancers.local.journal"
    run_job 75 push-lancers
    wait $first
    assert_in_step
}
