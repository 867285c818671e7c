# What the tests of cloudsearch-local share: a server for each test, requests to it, and what it then holds.
#
#   NIGHTSHIFT_BIN  directory of the executables (default: build/bin)
# shellcheck shell=bash disable=SC2034  # variables are read by the tests

root=$(cd "${BATS_TEST_DIRNAME:?}/../.." && pwd)
bin=${NIGHTSHIFT_BIN:-$root/build/bin}
clients=$root/build/servers/aws-clients
fields=$root/tests/sandbox/lancers.json
batch_path=/2013-01-01/documents/batch
search_path=/2013-01-01/search

# Nothing of the caller's own account, and no request to anywhere else.
unset "${!AWS_@}" "${!http_proxy@}" "${!HTTP_PROXY@}"
export AWS_ACCESS_KEY_ID=TESTKEY AWS_SECRET_ACCESS_KEY=test/secret+key AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_PAGER=
export NODE_PATH=$clients/node_modules NODE_NO_WARNINGS=1 AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE=1

# start [OPTION...]: a server on $url with $state as its directory and $fields, if that is not empty; a second call starts it again with the
# same data.
start() {
    local attempt
    state=${state:-$BATS_TEST_TMPDIR/domain}
    for attempt in {1..20}; do
        port=$((10200 + SRANDOM % 22560))
        : >"$BATS_TEST_TMPDIR/url"
        "$bin/cloudsearch-local" --port "$port" --state-dir "$state" ${fields:+--fields "$fields"} "$@" \
            >"$BATS_TEST_TMPDIR/url" 2>>"$BATS_TEST_TMPDIR/log" 3>&- &
        pid=$!
        # The line is written when requests are taken.
        until read -r url <"$BATS_TEST_TMPDIR/url" || ! kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
        [[ -z $url ]] || return 0
        wait "$pid" || grep -q 'in use' "$BATS_TEST_TMPDIR/log" || break
    done
    cat "$BATS_TEST_TMPDIR/log" >&2
    return 1
}

# stop [SIGNAL]: sets $stopped to the exit code.
# shellcheck disable=SC2120  # tests give it
stop() {
    stopped=0
    [[ -n ${pid:-} ]] || return 0
    kill "-${1:-TERM}" "$pid"
    wait "$pid" || stopped=$?
    pid=''
    url=''
}

teardown() {
    # shellcheck disable=SC2119
    stop
}

# ask CURL-ARGUMENT...: sets $code (000 when there was no answer), $body, and $head to the header lines.
ask() {
    local curl_code=0
    code=$(curl -sS -o "$BATS_TEST_TMPDIR/body" -D "$BATS_TEST_TMPDIR/head" -w '%{http_code}' "$@" 2>"$BATS_TEST_TMPDIR/curl") || curl_code=$?
    body=$(cat "$BATS_TEST_TMPDIR/body" 2>/dev/null || true)
    head=$(tr -d '\r' <"$BATS_TEST_TMPDIR/head" 2>/dev/null || true)
    asked=$curl_code
    rm -f "$BATS_TEST_TMPDIR/body"
}

# upload JSON|@FILE [CURL-ARGUMENT...]: without a signature, as --access open allows.
upload() {
    local data=$1
    shift
    ask -H 'Content-Type: application/json' --data-binary "$data" "$@" "$url$batch_path"
}

# find_hits 'q=...' ['size=...'...]: a search by GET.
find_hits() {
    local -a arguments=(--get)
    local parameter
    for parameter; do arguments+=(--data-urlencode "$parameter"); done
    ask "${arguments[@]}" "$url$search_path"
}

# The ids of the last search, in order.
ids() {
    jq -r '[.hits.hit[].id] | join(" ")' <<<"$body"
}

dump() {
    "$bin/cloudsearch-local" --state-dir "$state" --dump
}

faults() { # JSON
    ask -X POST --data-binary "$1" "$url/_faults"
    assert_equal "$code" 200
}

assert_contains() {
    [[ $1 == *"$2"* ]] || {
        printf 'expected to find: %s\nin: %s\n' "$2" "${1:0:2000}" >&2
        return 1
    }
}

assert_equal() {
    [[ $1 == "$2" ]] || {
        printf 'got:      %s\nexpected: %s\nbody: %s\n' "${1:0:2000}" "$2" "${body:0:2000}" >&2
        return 1
    }
}

# accepts WHAT...: the last upload was taken. refuses CODE PART: it was refused, in the error form of the document service, and changed nothing.
accepts() {
    assert_equal "$code" 200
    assert_equal "$(jq -r .status <<<"$body")" success
}

refuses() {
    assert_equal "$code" "$1"
    assert_equal "$(jq -r '[.status, .adds, .deletes, .__type] | join(" ")' <<<"$body")" "error 0 0 #DocumentServiceException"
    assert_contains "$(jq -r .message <<<"$body")" "${2//\"/\\\"}"
    assert_contains "$(jq -r '.errors[0].message' <<<"$body")" "[*Deprecated*: Use the outer message field] "
}

# An add of one document with one field: add ID NAME VALUE-AS-JSON
add() {
    printf '[{"type":"add","id":"%s","fields":{"%s":%s}}]' "$1" "$2" "$3"
}

# repeat COUNT TEXT
repeat() {
    perl -e 'print $ARGV[1] x $ARGV[0]' -- "$1" "$2"
}
