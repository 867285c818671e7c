#!/usr/bin/env bats
# push-lancers: a domain that fails in every documented way, answers that are cut, and death at any moment.
bats_require_minimum_version 1.5.0
load support
load push

setup() {
    fresh_state
    fresh_documents
    set_key cloudsearch retry_time 60s
}

teardown() {
    stop_domain
}

# One changed row and one that is gone, for a run that has something to lose.
change_rows() {
    sql writer -e "UPDATE push_rows SET name = CONCAT(name, '+') WHERE id % 7 = 1; DELETE FROM push_rows WHERE id = (SELECT * FROM (SELECT MAX(id) FROM push_rows) m)"
}

@test "every status that may pass is tried again, whatever its body is" {
    local answer body
    for answer in 408 429 500 502 503 504 507 509; do
        for body in json html empty; do
            change_rows
            faults "[{\"status\": $answer, \"body\": \"$body\", \"times\": 1}]"
            run_job 0 push-lancers
            echo "$answer $body"
            assert_equal "$(record push-lancers .outputs.attempts)" 2
        done
    done
    assert_in_step
}

@test "a batch that was applied, and answered with an error or not at all, is sent again" {
    change_rows
    faults '[{"status": 500, "apply": true}, {"cut": "after"}, {"cut": "before"}, {"status": 200, "apply": true, "text": "<html>ok</html>", "type": "text/html"}]'
    run_job 0 push-lancers
    # The connection that was closed without an answer was one in use already, which libcurl tries again by itself.
    (($(record push-lancers .outputs.attempts) >= 4))
    assert_equal "$(posts)" 5
    assert_in_step
}

@test "an answer that is cut anywhere is no answer" {
    local at
    for ((at = 0; at < 40; at += 3)); do
        change_rows
        faults "[{\"cut_at\": $at}]"
        run_job 0 push-lancers
        assert_equal "$(record push-lancers .outputs.attempts)" 2
    done
    assert_in_step
}

@test "an acknowledgement of another batch is none" {
    change_rows
    faults '[{"status": 200, "apply": false, "text": "{\"status\":\"success\",\"adds\":1,\"deletes\":0}", "type": "application/json"}]'
    run_job 0 push-lancers
    assert_equal "$(record push-lancers .outputs.attempts)" 2
    assert_in_step
}

@test "a domain that stays away: 69, and the next run repairs" {
    run_job 0 push-lancers
    change_rows
    set_key cloudsearch retry_time 1s
    faults '[{"status": 503, "times": 100000}]'
    run_job 69 push-lancers
    faults '[]'
    change_rows
    run_job 0 push-lancers
    assert_in_step
    run_job 0 push-lancers
    assert_equal "$(record push-lancers .outputs.unchanged)" "$(table_rows | wc -l)"
}

@test "applied and never answered, then the row changes back: it is sent all the same" {
    run_job 0 push-lancers
    set_key cloudsearch retry_time 1s
    sql writer -e "UPDATE push_rows SET name = 'x' WHERE id = 3; INSERT INTO push_rows (id, name) VALUES (500, 'short-lived')"
    faults '[{"status": 500, "apply": true, "times": 100000}]'
    run_job 69 push-lancers
    faults '[]'
    sql writer -e "UPDATE push_rows SET name = 'name 3' WHERE id = 3; DELETE FROM push_rows WHERE id = 500"
    run_job 0 push-lancers
    assert_in_step
}

@test "refused access: 77, with what to look at; nothing is sent" {
    export AWS_SECRET_ACCESS_KEY=wrong
    run_job 77 push-lancers
    assert_equal "$(domain_rows | wc -l)" 0
    export AWS_SECRET_ACCESS_KEY=sandbox-secret-key
    faults '[{"status": 403, "body": "html", "times": 3}]'
    run_job 77 push-lancers
    faults '[]'
    run_job 0 push-lancers
    assert_in_step
}

@test "statuses that say that we are wrong are not tried again" {
    local answer
    for answer in 404 405 406 411 415; do
        faults "[{\"status\": $answer, \"times\": 100}]"
        run "$bin/push-lancers"
        echo "$answer: exit $status, $output"
        faults '[]'
        (($(record push-lancers .outputs.attempts) <= 3))
    done
    assert_equal "$(domain_rows | wc -l)" 0
    run_job 0 push-lancers
    assert_in_step
}

@test "a batch that is too large for a proxy on the way goes through in parts" {
    faults '[{"status": 413, "times": 1}]'
    run_job 0 push-lancers
    assert_in_step
}

@test "credentials that have expired, and nobody renews: 77 with their source, and the next run repairs" {
    # How they are renewed is tested in tests/unit/web_cloudsearch_upload_test.c.
    faults '[{"status": 403, "code": "ExpiredTokenException", "message": "The security token included in the request is expired"}]'
    run_job 77 push-lancers
    assert_contains "$stderr" "environment"
    run_job 0 push-lancers
    assert_in_step
}

@test "the domain dies in the middle and comes back" {
    set_key push-lancers max_batch 1100000
    sql writer -e "UPDATE push_rows SET body = REPEAT('x', 400000)"
    faults '[{"skip": 5, "delay_before": 2000}]'
    "$bin/push-lancers" &
    local job=$!
    wait_until 60 has_posted 5
    stop_domain KILL
    local old=$domain_url
    sleep 1
    "$standin" --port "${old##*:}" --state-dir "$BATS_TEST_TMPDIR/domain" --request-log "$BATS_TEST_TMPDIR/requests.jsonl" \
        >"$BATS_TEST_TMPDIR/domain.url" 2>>"$BATS_TEST_TMPDIR/domain.log" 3>&- &
    domain_pid=$!
    wait $job
    assert_in_step
}

has_posted() {
    (($(posts) >= $1))
}

@test "SIGTERM while a batch waits for its answer: 143, and the next run settles it" {
    faults '[{"delay": 30000}]'
    "$bin/push-lancers" &
    local job=$! code=0
    wait_until 60 test -s "$state/push-lancers.local.journal"
    wait_until 60 has_rows 40
    kill -TERM $job
    wait $job || code=$?
    assert_equal "$code" 143
    faults '[]'
    sql writer -e "DELETE FROM push_rows WHERE id <= 10"
    run_job 0 push-lancers
    assert_in_step
}

has_rows() {
    (($(domain_rows | wc -l) == $1))
}

@test "a deadline: 75, nothing lost" {
    set_key push-lancers batch_interval 10s
    set_key push-lancers max_batch 1100000
    sql writer -e "UPDATE push_rows SET body = REPEAT('x', 400000)"
    run_job 75 push-lancers --deadline 2s
    set_key push-lancers batch_interval 0s
    run_job 0 push-lancers
    assert_in_step
}

# Here for the packets that it takes: the smallest redo log of MySQL 5.6 does not hold such a row.
@test "rows that are longer than a page" {
    sql writer -e "UPDATE push_rows SET body = REPEAT('x', 6000000) WHERE id IN (1, 20, 40)"
    run_job 1 push-lancers
    assert_equal "$(domain_rows | wc -l)" 37
    assert_contains "$stderr" 'row \"20\" cannot be a document'
    assert_equal "$(record push-lancers .outputs.bad_rows)" 3
}

@test "kill -9 at any point: the next run brings the domain into step" {
    export -f sql domain_rows table_rows
    export standin BATS_TEST_TMPDIR SANDBOX
    run timeout 3600 "$root/tests/faults/kill-points" push-lancers 12
    echo "$output"
    assert_equal "$status" 0
}
