#!/usr/bin/env bats
# push-lancers when what it remembers is lost, damaged, or not the whole truth: the domain is asked what it holds, and the end is that of a run
# which nothing ever happened to.
bats_require_minimum_version 1.5.0
load support
load push

setup() {
    fresh_state
    fresh_documents
    manifest=$state/push-lancers.local.manifest
    journal=$state/push-lancers.local.journal
}

teardown() {
    local job
    for job in $(jobs -p); do
        kill -9 "$job" 2>/dev/null || true
    done
    stop_domain
}

# Rows and documents that the manifest of an earlier moment does not know.
drift() {
    sql writer -e "DELETE FROM push_rows WHERE id IN (3, 30); UPDATE push_rows SET name = 'drifted' WHERE id IN (4, 31);
        INSERT INTO push_rows (id, name) VALUES (${1:-200}, 'new')"
}

# What a run that had nothing to do says.
assert_idle() {
    local before
    before=$(posts)
    run_job 0 push-lancers "$@"
    assert_equal "$stderr" ""
    assert_equal "$(posts)" "$before"
    assert_in_step
}

# put_documents ID...: by somebody else, with a row of the job's kind.
put_documents() {
    jq -nc '[$ARGS.positional[] | {type: "add", id: ., fields: {name: "stray"}}]' --args "$@" | send_batch
}

take_documents() {
    jq -nc '[$ARGS.positional[] | {type: "delete", id: .}]' --args "$@" | send_batch
}

send_batch() {
    curl -sS --fail --aws-sigv4 aws:amz:us-east-1:cloudsearch --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
        -H 'Content-Type: application/json' --data-binary @- -o /dev/null "$domain_url/2013-01-01/documents/batch"
}

has_document() {
    "$standin" --state-dir "$BATS_TEST_TMPDIR/domain" --dump | jq -r .id | grep -qx "$1"
}

# One bit of the byte at an offset.
flip() { # FILE OFFSET
    perl -e 'open my $f, "+<", $ARGV[0] or die; seek $f, $ARGV[1], 0; read $f, my $b, 1; seek $f, $ARGV[1], 0; print $f chr(ord($b) ^ 0x10)' "$1" "$2"
}

# start_stuck FAULT [OPTION...]: a run, as $job, that the domain puts off again and again from some request on.
start_stuck() {
    : >"$BATS_TEST_TMPDIR/requests.jsonl"
    set_key cloudsearch retry_time 1h
    faults "[$1]"
    shift
    setsid "$bin/push-lancers" "$@" 3>&- &
    job=$!
    wait_until 60 is_put_off
}

is_put_off() {
    [[ $(jq -n '[inputs | select(.status == 503)] | length' "$BATS_TEST_TMPDIR/requests.jsonl") -gt 0 ]]
}

# The second page of the ids.
start_reconcile() {
    start_stuck '{"service": "search", "skip": 1, "status": 503, "times": 100000}' --reconcile
}

# A run that is killed with a batch under way; then, as if it had been killed before that, the journal has no more than its header.
kill_before_sending() {
    local job
    start_stuck '{"status": 503, "times": 100000}'
    kill -9 -- "-$job"
    wait "$job" || true
    faults '[]'
    truncate -s 72 "$journal"
}

# make_host_b: settings of another host with the same Redis in $b.
make_host_b() {
    b=$BATS_TEST_TMPDIR/b.ini
    install -d -m 700 "$BATS_TEST_TMPDIR/state-b"
    (umask 077 && sed -E "s#^(state_dir|metrics_dir) = .*#\1 = $BATS_TEST_TMPDIR/state-b#" "$ini" >"$b")
}

@test "a lost manifest is rebuilt from the domain; rows that went meanwhile are deleted" {
    run_job 0 push-lancers
    drift
    rm "$manifest"
    run_job 1 push-lancers
    assert_contains "$stderr" "cannot be believed: it is missing"
    assert_equal "$(record push-lancers '.reconciled | "\(.ids) \(.foreign) \(.unknown) \(.absent)"')" "40 0 40 0"
    assert_equal "$(record push-lancers '[.changes.deleted, .outputs.sent_adds] | join(" ")')" "2 39"
    assert_in_step
    assert_idle
}

@test "manifest and state lost together: the domain tells a first run from a loss" {
    run_job 0 push-lancers
    drift
    rm "$manifest" "$state"/push-lancers.local.state
    redis-cli -p "$REDIS_PORT" flushall
    run_job 1 push-lancers
    assert_contains "$stderr" "there is none, and the domain is not empty"
    assert_in_step
    assert_idle
}

@test "a lost state beside a manifest: the manifest is not believed" {
    run_job 0 push-lancers
    drift
    rm "$state"/push-lancers.local.state
    redis-cli -p "$REDIS_PORT" flushall
    run_job 1 push-lancers
    assert_contains "$stderr" "the state of this job was lost"
    assert_in_step
    assert_idle
}

@test "without search_endpoint a lost or damaged manifest is 65, and nothing is sent or touched" {
    run_job 0 push-lancers
    drift
    drop_key cloudsearch search_endpoint
    cp "$manifest" "$BATS_TEST_TMPDIR/kept"
    rm "$manifest"
    run_job 65 push-lancers
    assert_contains "$stderr" "search_endpoint"
    flip "$BATS_TEST_TMPDIR/kept" 150
    cp "$BATS_TEST_TMPDIR/kept" "$manifest"
    run_job 65 push-lancers
    run_job 65 push-lancers
    assert_contains "$stderr" "search_endpoint"
    cmp "$manifest" "$BATS_TEST_TMPDIR/kept"
    run_job 65 push-lancers --dry-run
    flip "$manifest" 150
    run_job 78 push-lancers --reconcile
    assert_equal "$(posts)" 1
    run_job 0 push-lancers
    assert_in_step
}

@test "a manifest with a byte flipped is found out, set aside and rebuilt; documents are never deleted for it" {
    sql writer -e "DELETE FROM push_rows WHERE id > 6"
    run_job 0 push-lancers
    cp "$manifest" "$BATS_TEST_TMPDIR/whole"
    cp "$state"/push-lancers.local.state "$BATS_TEST_TMPDIR/known"
    local size offset
    size=$(stat -c %s "$manifest")
    for ((offset = 0; offset < size; offset += 7)); do
        cp "$BATS_TEST_TMPDIR/whole" "$manifest"
        cp "$BATS_TEST_TMPDIR/known" "$state"/push-lancers.local.state
        redis-cli -p "$REDIS_PORT" flushall >/dev/null
        flip "$manifest" "$offset"
        cp "$manifest" "$BATS_TEST_TMPDIR/flipped"
        run_job 1 push-lancers
        assert_contains "$stderr" "cannot be believed: it is damaged"
        assert_equal "$(record push-lancers '"\(.reconciled.ids) \(.changes.deleted)"')" "6 0"
        cmp "$manifest.bad" "$BATS_TEST_TMPDIR/flipped"
    done
    assert_in_step
    assert_idle
}

@test "a manifest that was cut is found out, wherever" {
    sql writer -e "DELETE FROM push_rows WHERE id > 6"
    run_job 0 push-lancers
    cp "$manifest" "$BATS_TEST_TMPDIR/whole"
    local size kept
    size=$(stat -c %s "$manifest")
    for kept in 0 1 63 64 100 $((size - 81)) $((size - 80)) $((size - 1)); do
        head -c "$kept" "$BATS_TEST_TMPDIR/whole" >"$manifest"
        run_job 1 push-lancers
        assert_contains "$stderr" "it is damaged"
        assert_equal "$(record push-lancers .changes.deleted)" 0
    done
    assert_in_step
}

@test "a manifest of another domain, or of ids of another form, is not used" {
    run_job 0 push-lancers
    cp "$manifest" "$BATS_TEST_TMPDIR/old"
    # Another port is another domain.
    start_domain
    sql writer -e "DELETE FROM push_rows WHERE id = 9"
    run_job 1 push-lancers
    assert_contains "$stderr" "belongs to another domain"
    cmp "$manifest.bad" "$BATS_TEST_TMPDIR/old"
    assert_equal "$(record push-lancers .changes.deleted)" 1
    assert_in_step
    set_key push-lancers document_id "item_{id}"
    run_job 1 push-lancers
    assert_equal "$(record push-lancers '.reconciled | "\(.ids) \(.foreign) \(.unknown)"')" "39 39 0"
    assert_contains "$stderr" "39 documents of the domain have ids that this job does not make"
    assert_equal "$(domain_rows | wc -l)" 78
}

@test "an old manifest brought back: not believed, though it is whole" {
    run_job 0 push-lancers
    cp "$manifest" "$BATS_TEST_TMPDIR/old"
    sql writer -e "INSERT INTO push_rows (id, name) VALUES (300, 'orphan to be'); UPDATE push_rows SET name = 'changed' WHERE id = 5"
    run_job 0 push-lancers
    # As the old manifest has it; what the domain holds is another content.
    sql writer -e "DELETE FROM push_rows WHERE id = 300; UPDATE push_rows SET name = 'name 5' WHERE id = 5"
    cp "$BATS_TEST_TMPDIR/old" "$manifest"
    run_job 1 push-lancers
    assert_contains "$stderr" "an old file was brought back"
    assert_in_step
    assert_idle
}

@test "two hosts in turn, with one Redis: each finds out that the other has pushed" {
    make_host_b
    run_job 0 push-lancers
    drift 201
    run_job 1 push-lancers --config "$b"
    assert_contains "$stderr" "it is missing"
    assert_in_step
    assert_idle --config "$b"
    # Only b knows this one.
    sql writer -e "INSERT INTO push_rows (id, name) VALUES (202, 'by b')"
    run_job 0 push-lancers --config "$b"
    sql writer -e "DELETE FROM push_rows WHERE id = 202"
    run_job 1 push-lancers
    assert_contains "$stderr" "another host has pushed since"
    assert_in_step
    assert_idle
    run_job 1 push-lancers --config "$b"
    assert_contains "$stderr" "another host has pushed since"
    assert_in_step
}

@test "--reconcile: strays are deleted, what was deleted behind our back is added, foreign ids are left alone" {
    run_job 0 push-lancers
    put_documents row_999 row_07 other_1 row_
    take_documents row_8 row_9
    assert_idle_but_wrong
    run_job 0 push-lancers --reconcile
    assert_contains "$stderr" "3 documents of the domain have ids that this job does not make"
    assert_equal "$(record push-lancers '.reconciled | "\(.ids) \(.foreign) \(.unknown) \(.absent)"')" "42 3 1 2"
    assert_equal "$(record push-lancers '[.changes.deleted, .outputs.sent_adds] | join(" ")')" "1 2"
    has_document row_07 && has_document other_1 && has_document row_
    take_documents row_07 other_1 row_
    assert_in_step
    # A second time there is nothing to mend, and the new manifest is believed.
    run_job 0 push-lancers --reconcile
    assert_equal "$(record push-lancers '.reconciled | "\(.ids) \(.foreign) \(.unknown) \(.absent)"')" "40 0 0 0"
    assert_idle
    run_job 64 push-lancers --reconcile --only-ids 1
}

# Nobody has told it.
assert_idle_but_wrong() {
    run_job 0 push-lancers
    assert_equal "$(posts)" 3
    has_document row_999
}

@test "--reconcile: a refused document stays refused, and is deleted with its row if it is there after all" {
    start_domain --refuse-non-bmp
    sql writer -e "UPDATE push_rows SET name = '😀' WHERE id = 5"
    run_job 1 push-lancers
    put_documents row_5
    local before
    before=$(posts)
    run_job 1 push-lancers --reconcile
    assert_equal "$(record push-lancers '"\(.reconciled.ids) \(.reconciled.unknown) \(.reconciled.absent) \(.outputs.still_refused)"')" "40 1 0 1"
    assert_equal "$(posts)" "$before"
    sql writer -e "DELETE FROM push_rows WHERE id = 5"
    run_job 0 push-lancers
    assert_in_step
    assert_idle
}

@test "what is not visible yet is sent again, and only that" {
    start_domain --visible-after 1h
    run_job 0 push-lancers
    curl -sS -o /dev/null -X POST "$domain_url/_visible"
    sql writer -e "INSERT INTO push_rows (id, name) VALUES (300, 'new'); DELETE FROM push_rows WHERE id = 2"
    run_job 0 push-lancers
    run_job 0 push-lancers --reconcile
    assert_equal "$(record push-lancers '.reconciled | "\(.ids) \(.unknown) \(.absent)"')" "40 1 1"
    assert_equal "$(record push-lancers '[.changes.deleted, .outputs.sent_adds] | join(" ")')" "1 1"
    assert_in_step
    curl -sS -o /dev/null -X POST "$domain_url/_visible"
    assert_in_step
}

@test "a search service that fails in the middle of the walk: 69, manifest as before, nothing sent" {
    run_job 0 push-lancers
    put_documents row_999
    drift
    set_key cloudsearch retry_time 0s
    local before
    before=$(sha256sum "$manifest")
    for fault in '{"service": "search", "skip": 1, "status": 503, "times": 9}' '{"service": "search", "skip": 1, "cut_at": 20, "times": 9}' \
        '{"service": "search", "status": 504, "body": "html", "times": 9}'; do
        faults "[$fault]"
        run_job 69 push-lancers --reconcile
        assert_equal "$(sha256sum "$manifest")" "$before"
        assert_equal "$(posts)" 2
    done
    faults '[]'
    rm "$manifest"
    faults '[{"service": "search", "skip": 1, "status": 503, "times": 9}]'
    run_job 69 push-lancers
    [[ ! -e $manifest ]]
    assert_equal "$(posts)" 2
    faults '[]'
    run_job 1 push-lancers
    assert_in_step
}

@test "kill -9 while the domain is asked: nothing is lost, and nothing left behind" {
    run_job 0 push-lancers
    drift
    put_documents row_999
    local before job
    before=$(sha256sum "$manifest")
    start_reconcile
    kill -9 -- "-$job"
    wait "$job" || true
    assert_equal "$(sha256sum "$manifest")" "$before"
    faults '[]'
    run_job 0 push-lancers --reconcile
    assert_equal "$(record push-lancers .reconciled.unknown)" 1
    assert_in_step
    assert_equal "$(find "$state" -maxdepth 1 -name '*push-lancers.local.*' | sort)" "$manifest"$'\n'"$state/push-lancers.local.state"
    assert_idle
}

@test "TERM while the domain is asked: the manifest stays, and the next run does it" {
    run_job 0 push-lancers
    put_documents row_999
    local before job
    before=$(sha256sum "$manifest")
    start_reconcile
    kill -TERM "$job"
    local ended=0
    wait "$job" || ended=$?
    assert_equal "$ended" 143
    assert_equal "$(sha256sum "$manifest")" "$before"
    faults '[]'
    run_job 0 push-lancers --reconcile
    assert_in_step
}

@test "killed before anything was sent, and before or after others were told: no reason to doubt the manifest" {
    drop_section redis
    # It could not be rebuilt.
    drop_key cloudsearch search_endpoint
    run_job 0 push-lancers
    cp "$state/push-lancers.local.state" "$BATS_TEST_TMPDIR/known"
    drift
    kill_before_sending
    run_job 0 push-lancers
    assert_in_step
    assert_idle
    drift 201
    cp "$state/push-lancers.local.state" "$BATS_TEST_TMPDIR/known"
    kill_before_sending
    cp "$BATS_TEST_TMPDIR/known" "$state/push-lancers.local.state"
    run_job 0 push-lancers
    assert_in_step
    assert_idle
}

@test "killed after sending, and a state from before that brought back: what was sent is not forgotten" {
    run_job 0 push-lancers
    cp "$state/push-lancers.local.state" "$BATS_TEST_TMPDIR/known"
    sql writer -e "INSERT INTO push_rows (id, name) VALUES (300, 'orphan to be')"
    local job
    start_stuck '{"status": 503, "apply": true, "times": 100000}'
    kill -9 -- "-$job"
    wait "$job" || true
    faults '[]'
    has_document row_300
    cp "$BATS_TEST_TMPDIR/known" "$state/push-lancers.local.state"
    redis-cli -p "$REDIS_PORT" flushall
    sql writer -e "DELETE FROM push_rows WHERE id = 300"
    run_job 1 push-lancers
    assert_in_step
    assert_idle
}

@test "another host has pushed since a run was killed before it had sent anything: the manifest is not believed" {
    run_job 0 push-lancers
    cp "$state/push-lancers.local.state" "$BATS_TEST_TMPDIR/known"
    drift
    kill_before_sending
    cp "$BATS_TEST_TMPDIR/known" "$state/push-lancers.local.state"
    # The killed run's lease must not hold up the other host.
    redis-cli -p "$REDIS_PORT" flushall
    make_host_b
    cp "$BATS_TEST_TMPDIR/known" "$BATS_TEST_TMPDIR/state-b/push-lancers.local.state"
    sql writer -e "INSERT INTO push_rows (id, name) VALUES (202, 'by b')"
    run_job 1 push-lancers --config "$b"
    sql writer -e "DELETE FROM push_rows WHERE id = 202"
    run_job 1 push-lancers
    assert_contains "$stderr" "another host has pushed since"
    assert_in_step
}

@test "both hosts pushed, one of them unseen by Redis: it does not believe its manifest" {
    run_job 0 push-lancers
    make_host_b
    cp "$manifest" "$state/push-lancers.local.state" "$BATS_TEST_TMPDIR/state-b"
    sql writer -e "INSERT INTO push_rows (id, name) VALUES (202, 'by b')"
    run_job 0 push-lancers --config "$b"
    sql writer -e "DELETE FROM push_rows WHERE id = 202; UPDATE push_rows SET name = 'other' WHERE id = 1"
    local server
    server=$(awk '/^\[redis\]/ { inside = 1 } inside && $1 == "server" { print $3; exit }' "$ini")
    drop_section redis
    run_job 0 push-lancers
    set_key redis server "$server"
    run_job 1 push-lancers
    assert_contains "$stderr" "another host may have pushed since"
    assert_in_step
}
