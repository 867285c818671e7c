#!/usr/bin/env bats
# cloudsearch-local as a program: its command line, what survives, when a batch becomes visible, and faults to order.
bats_require_minimum_version 1.5.0
load support

x='[{"type":"add","id":"x","fields":{"grade":"gold"}}]'
x_dumped='{"id":"x","fields":{"grade":"gold"}}'

found() {
    find_hits q=matchall q.parser=structured size=0
    jq .hits.found <<<"$body"
}

@test "help, version, bad options" {
    run --separate-stderr timeout 60 "$bin/cloudsearch-local" --help
    assert_equal "$status" 0
    assert_contains "$output" "Usage: cloudsearch-local --state-dir DIR [OPTION]..."
    run --separate-stderr timeout 60 "$bin/cloudsearch-local" --version
    [[ $output =~ ^"cloudsearch-local (nightshift) "[0-9]+\.[0-9]+\.[0-9]+$ ]]
    for bad in --no-such-option '--port 65536' '--port x' '--access all' '--visible-after 5' '--max-batch 0' '--state-dir' 'argument' ''; do
        # shellcheck disable=SC2086  # several words
        run --separate-stderr timeout 60 "$bin/cloudsearch-local" $bad
        assert_equal "$status" 64
        assert_equal "$output" ""
        assert_contains "$stderr" "--help" || assert_contains "$stderr" "cannot be"
    done
}

@test "index fields that are wrong: 78, with the field's name" {
    fields=$BATS_TEST_TMPDIR/fields.json
    local bad=('{' '{}' '{"IndexFields":[{"IndexFieldName":"Title","IndexFieldType":"text"}]}' '{"IndexFields":[{"IndexFieldName":"score","IndexFieldType":"text"}]}'
        '{"IndexFields":[{"IndexFieldName":"place","IndexFieldType":"latlon-array"}]}'
        '{"IndexFields":[{"IndexFieldName":"a","IndexFieldType":"int"},{"IndexFieldName":"a","IndexFieldType":"text"}]}'
        '{"IndexFields":[{"IndexFieldName":"a","IndexFieldType":"text","TextOptions":{"SourceField":"b"}}]}'
        '{"IndexFields":[{"IndexFieldName":"a","IndexFieldType":"int"}],"Suggesters":[{"SuggesterName":"s","DocumentSuggesterOptions":{"SourceField":"a"}}]}')
    local case
    for case in "${bad[@]}"; do
        echo "$case" >"$fields"
        run --separate-stderr timeout 60 "$bin/cloudsearch-local" --state-dir "$BATS_TEST_TMPDIR/domain" --fields "$fields"
        assert_equal "$status" 78
        assert_contains "$stderr" "fields.json"
    done
    jq -nc '{IndexFields: [range(200) | {IndexFieldName: "f\(.)", IndexFieldType: "int"}]}' >"$fields"
    start
    stop
    jq -nc '{IndexFields: [range(201) | {IndexFieldName: "f\(.)", IndexFieldType: "int"}]}' >"$fields"
    run --separate-stderr timeout 60 "$bin/cloudsearch-local" --state-dir "$BATS_TEST_TMPDIR/domain" --fields "$fields"
    assert_equal "$status" 78
    assert_contains "$stderr" "at most 200"
}

@test "a default value has 1 KB, an array field 20 sources, another field one" {
    fields=$BATS_TEST_TMPDIR/fields.json
    write_fields() { # DEFAULT-BYTES SOURCES TYPE OPTIONS SOURCE-KEY
        jq -nc --arg default "$(repeat "$1" x)" --argjson sources "$2" --arg type "$3" --arg options "$4" --arg key "$5" \
            '{IndexFields: ([range(21) | {IndexFieldName: "f\(.)", IndexFieldType: "literal"}] + [{IndexFieldName: "all", IndexFieldType: $type,
                ($options): {DefaultValue: $default, ($key): ([range($sources) | "f\(.)"] | join(","))}}])}' >"$fields"
    }
    taken() {
        start
        stop
    }
    refused() {
        run --separate-stderr timeout 60 "$bin/cloudsearch-local" --state-dir "$BATS_TEST_TMPDIR/domain" --fields "$fields"
        assert_equal "$status" 78
        assert_contains "$stderr" 'index field \"all\"'
    }
    write_fields 1024 20 literal-array LiteralArrayOptions SourceFields && taken
    write_fields 1025 20 literal-array LiteralArrayOptions SourceFields && refused
    write_fields 1024 21 literal-array LiteralArrayOptions SourceFields && refused
    write_fields 1 1 literal LiteralOptions SourceField && taken
    write_fields 1 2 literal LiteralOptions SourceField && refused
}

@test "the fields of the last start are kept; without any the domain takes nothing" {
    start --access open
    stop
    fields=''
    start --access open
    upload "$x"
    accepts
    stop
    fields=$BATS_TEST_TMPDIR/none.json
    echo '{"IndexFields":[]}' >"$fields"
    start --access open
    upload '[{"type":"add","id":"y","fields":{"grade":"gold"}}]'
    refuses 400 'does not exist'
}

@test "TERM ends it with 0, and its documents are there again; nothing but loopback is bound" {
    start --access open
    # State 0A is LISTEN; 0100007F is 127.0.0.1.
    assert_equal "$(awk -v port="$(printf ':%04X' "$port")" '$4 == "0A" && index($2, port) { print $2 }' /proc/net/tcp /proc/net/tcp6)" \
        "0100007F:$(printf %04X "$port")"
    upload "$x"
    stop
    assert_equal "$stopped" 0
    assert_equal "$(dump)" "$x_dumped"
    start --access open
    assert_equal "$(found)" 1
}

@test "kill -9 after an acknowledgement loses nothing, twenty times" {
    local i
    start --access open
    for i in {1..20}; do
        upload "$(add "d$i" grade '"gold"')"
        accepts
        stop KILL
        start --access open
    done
    assert_equal "$(found)" 20
    assert_equal "$(dump | wc -l)" 20
}

@test "kill -9 in the middle of batches leaves each of them whole or absent" {
    local round
    start --access open
    for round in 1 2 3; do
        jq -nc --arg r "$round" '[range(3000) | {type: "add", id: "r\($r)_\(.)", fields: {profile: "プログラマー \(.)"}}]' >"$BATS_TEST_TMPDIR/batch"
        curl -sS -o "$BATS_TEST_TMPDIR/answer" -H 'Content-Type: application/json' --data-binary "@$BATS_TEST_TMPDIR/batch" "$url$batch_path" 2>/dev/null 3>&- &
        local curl_pid=$!
        sleep "0.$((RANDOM % 5))"
        stop KILL
        wait "$curl_pid" || true
        start --access open
        assert_equal "$(($(dump | wc -l) % 3000))" 0
        assert_equal "$(found)" "$(dump | wc -l)"
    done
}

@test "a state directory has one server, a port too: 75, 69" {
    start
    run --separate-stderr timeout 60 "$bin/cloudsearch-local" --state-dir "$state"
    assert_equal "$status" 75
    run --separate-stderr timeout 60 "$bin/cloudsearch-local" --state-dir "$BATS_TEST_TMPDIR/other" --port "$port"
    assert_equal "$status" 69
    assert_contains "$stderr" "127.0.0.1:$port"
}

@test "dump: sorted by id, while the server runs; 78 where there is no domain" {
    start --access open
    upload '[{"type":"add","id":"b","fields":{"skills":["b","a"],"grade":"\"q\" \\ é"}},{"type":"add","id":"a10","fields":{"grade":"x"}},
        {"type":"add","id":"a2","fields":{"grade":"x"}}]'
    assert_equal "$(dump)" '{"id":"a10","fields":{"grade":"x"}}
{"id":"a2","fields":{"grade":"x"}}
{"id":"b","fields":{"grade":"\"q\" \\ é","skills":["b","a"]}}'
    run --separate-stderr timeout 60 "$bin/cloudsearch-local" --state-dir "$BATS_TEST_TMPDIR/none" --dump
    assert_equal "$status" 78
    run bash -c "'$bin/cloudsearch-local' --state-dir '$state' --dump >/dev/full"
    assert_equal "$status" 73
}

@test "all documents can be forgotten, visible or not, and put again" {
    start --access open
    upload "$x"
    upload "$(add y profile '"プログラマー"')"
    stop
    start --access open --visible-after 1h
    upload "$(add z grade '"gold"')"
    assert_equal "$(dump | wc -l)" 3
    ask "$url/_forget"
    assert_equal "$code" 404
    ask -X POST "$url/_forget"
    assert_equal "$code" 200
    assert_equal "$(dump)" ""
    assert_equal "$(found)" 0
    ask -X POST "$url/_visible"
    assert_equal "$(found)" 0
    upload "$(add y grade '"gold"')"
    ask -X POST "$url/_visible"
    find_hits q=プログ
    assert_equal "$(ids)" ""
    find_hits "q=grade:'gold'" q.parser=structured
    assert_equal "$(ids)" "y"
}

@test "a batch is acknowledged before it is visible, and comes of age in order" {
    start --access open --visible-after 1h
    upload '[{"type":"add","id":"x","fields":{"grade":"silver"}}]'
    accepts
    upload '[{"type":"delete","id":"x"},{"type":"add","id":"y","fields":{"grade":"gold"}}]'
    upload "$x"
    assert_equal "$(found)" 0
    assert_equal "$(dump | jq -rs 'map(.id) | join(" ")')" "x y"
    stop KILL
    start --access open --visible-after 1h
    assert_equal "$(found)" 0
    ask -X POST "$url/_visible"
    assert_equal "$code" 200
    find_hits "q=grade:'gold'" q.parser=structured 'sort=_id asc'
    assert_equal "$(ids)" "x y"
    upload '[{"type":"delete","id":"y"}]'
    assert_equal "$(found)" 2
    assert_equal "$(dump)" "$x_dumped"
    stop
    # Behind what still waits, whatever it was told itself.
    start --access open --visible-after 1ms
    upload '[{"type":"delete","id":"x"}]'
    assert_equal "$(found)" 2
    ask -X POST "$url/_visible"
    assert_equal "$(found)" 0
    upload "$x"
    local tries=0
    until [[ $(found) == 1 ]] || ((tries++ > 1000)); do sleep 0.05; done
    assert_equal "$(found)" 1
}

@test "the log of requests tells what came, with the hash of its body" {
    start --access open --request-log "$BATS_TEST_TMPDIR/requests"
    upload "$x"
    upload '[]'
    find_hits q=x
    assert_equal "$(jq -rc '[.method, .path, .status, .bytes]' "$BATS_TEST_TMPDIR/requests")" "[\"POST\",\"$batch_path\",200,${#x}]
[\"POST\",\"$batch_path\",400,2]
[\"GET\",\"$search_path\",200,0]"
    assert_equal "$(head -n 1 "$BATS_TEST_TMPDIR/requests" | jq -r .sha256)" "$(printf '%s' "$x" | sha256sum | cut -d' ' -f1)"
}

@test "a fault answers a status instead, as JSON, XML, HTML, nothing or any text, and the batch is not applied" {
    start --access open
    faults '[{"status":500},{"status":503,"body":"xml"},{"status":502,"body":"html"},{"status":504,"body":"empty"},
        {"status":507,"text":"half of {\"a","type":"application/json","headers":{"Retry-After":"7"}},{"status":200,"text":"{\"status\":\"success\"}"}]'
    upload "$x"
    refuses_plainly 500
    upload "$x"
    assert_equal "$code" 503
    assert_contains "$body" "<Code>DocumentServiceException</Code>"
    assert_contains "$head" "Content-Type: application/xml"
    upload "$x"
    assert_equal "$code" 502
    assert_contains "$body" "<html>"
    upload "$x"
    assert_equal "$code$body" 504
    upload "$x"
    assert_equal "$code$body" '507half of {"a'
    assert_contains "$head" "Retry-After: 7"
    upload "$x"
    assert_equal "$code$body" '200{"status":"success"}'
    assert_equal "$(dump)" ""
    upload "$x"
    accepts
    assert_equal "$(dump)" "$x_dumped"
}

refuses_plainly() {
    assert_equal "$code $(jq -r .__type <<<"$body")" "$1 #DocumentServiceException"
}

@test "a fault may come after the batch was applied" {
    start --access open
    faults '[{"status":504,"apply":true,"body":"html"}]'
    upload "$x"
    assert_equal "$code" 504
    assert_equal "$(dump)" "$x_dumped"
}

@test "a connection may be cut before, after, or inside of the answer" {
    start --access open
    faults '[{"cut":"before"},{"cut":"after"},{"cut_at":0},{"cut_at":10}]'
    upload "$x"
    assert_equal "$code $asked" "000 52"
    assert_equal "$(dump)" ""
    upload "$x"
    assert_equal "$code $asked" "000 52"
    assert_equal "$(dump)" "$x_dumped"
    upload '[{"type":"delete","id":"x"}]'
    assert_equal "$code $asked $body" "200 18 "
    assert_equal "$(dump)" ""
    upload "$x"
    assert_equal "$code $asked $body" '200 18 {"status":'
    assert_equal "$(dump)" "$x_dumped"
}

@test "faults are for a service, skip requests, and hold for several; what is left can be read and taken away" {
    start --access open
    faults '[{"service":"search","status":507},{"skip":1,"times":2,"status":429},{"service":"any","status":509}]'
    upload "$x"
    accepts
    find_hits q=x
    assert_equal "$code $(jq -r .__type <<<"$body")" "507 #SearchException"
    upload "$x"
    assert_equal "$code" 429
    upload "$x"
    assert_equal "$code" 429
    ask "$url/_faults"
    assert_equal "$(jq -c . <<<"$body")" '[{"service":"any","status":509}]'
    ask "$url/2013-01-01/suggest?q=x&suggester=nicknames"
    assert_equal "$code" 509
    find_hits q=x
    assert_equal "$code" 200
    faults '[{"times":5,"status":500}]'
    ask -X DELETE "$url/_faults"
    upload "$x"
    accepts
    for bad in '{}' '[1]' '[{"status":99}]' '[{"status":"x"}]' '[{"service":"all"}]' '[{"cut":"never"}]' '[{"stauts":500}]' '[{"delay":-1}]' 'x'; do
        ask -X POST --data-binary "$bad" "$url/_faults"
        assert_equal "$code" 400
    done
}

@test "a delayed answer holds nobody else up" {
    start --access open
    faults '[{"delay":600000}]'
    upload "$x" --max-time 1
    assert_equal "$code $asked" "000 28"
    find_hits q=matchall q.parser=structured
    assert_equal "$code" 200
    # It does not hold up the end of the server either.
    stop
    assert_equal "$stopped" 0
    start --access open
    faults '[{"delay":1,"delay_before":1}]'
    upload "$x"
    accepts
}

@test "faults from a file hold from the start" {
    echo '[{"status":500}]' >"$BATS_TEST_TMPDIR/faults.json"
    start --access open --faults "$BATS_TEST_TMPDIR/faults.json"
    upload "$x"
    assert_equal "$code" 500
    echo '[{"status":1}]' >"$BATS_TEST_TMPDIR/faults.json"
    run --separate-stderr timeout 60 "$bin/cloudsearch-local" --state-dir "$BATS_TEST_TMPDIR/other" --faults "$BATS_TEST_TMPDIR/faults.json"
    assert_equal "$status" 78
}

@test "health names the service and its state; other control paths are 404" {
    start
    ask "$url/_health"
    assert_equal "$(jq -c . <<<"$body")" "{\"service\":\"cloudsearch-local\",\"domain\":\"local\",\"state_dir\":\"$state\",\"documents\":0}"
    ask "$url/_nothing"
    assert_equal "$code" 404
}

@test "batches and searches side by side" {
    start --access open
    local -a pids=()
    local i bad=0
    for i in {1..8}; do
        (
            for j in {1..10}; do
                curl -sS -f -H 'Content-Type: application/json' --data-binary "$(add "w${i}_$j" nickname "\"star $j\"")" "$url$batch_path" >/dev/null &&
                    curl -sS -f "$url$search_path?q=star&size=100" >/dev/null || exit 1
            done
        ) 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i" || bad=1; done
    assert_equal "$bad" 0
    assert_equal "$(found)" 80
    find_hits q=star size=0
    assert_equal "$(jq .hits.found <<<"$body")" 80
}
