# What all job tests share. A test file starts one sandbox for itself and gives every test a fresh state directory, flushed caches and a
# settings file of its own that it can change.
#
#   NIGHTSHIFT_BIN         directory of the executables (default: build/bin)
#   NIGHTSHIFT_TEST_MYSQL  mariadb, mysql56 or mysql97 (default: mariadb)
# shellcheck shell=bash

root=$(cd "${BATS_TEST_DIRNAME:?}/../.." && pwd)
bin=${NIGHTSHIFT_BIN:-$root/build/bin}
standin=$root/build/bin/cloudsearch-local # the same for all: it has nothing to do with how the jobs are built

start_sandbox() {
    export SANDBOX=$BATS_FILE_TMPDIR/sb
    "$root/tests/sandbox/up" "$SANDBOX" --mysql "${NIGHTSHIFT_TEST_MYSQL:-mariadb}" "$@" 3>&-
}

stop_sandbox() {
    "$root/tests/sandbox/down" "$SANDBOX" 3>&-
}

# A test file that needs another sandbox has a setup_file() of its own.
setup_file() {
    start_sandbox --readers 1
}

teardown_file() {
    stop_sandbox
}

# Called from setup(): a clean slate, and $ini as this test's settings. A test of a timeout sets it; the others must not meet one because the
# machine stands still for some seconds.
fresh_state() {
    # shellcheck source=/dev/null
    . "$SANDBOX/env"
    state=$BATS_TEST_TMPDIR/state
    ini=$BATS_TEST_TMPDIR/nightshift.ini
    install -d -m 700 "$state"
    (umask 077 && sed -e "s|^state_dir = .*|state_dir = $state|; s|^metrics_dir = .*|metrics_dir = $state|" \
        -e '/^\[mysql\]$/a connect_timeout = 60s' -e '/^\[redis\]$/a timeout = 60s' \
        -e '/^\[memcached\]$/a connect_timeout = 60s\ntimeout = 60s' "$NIGHTSHIFT_CONFIG" >"$ini")
    export NIGHTSHIFT_CONFIG=$ini
    redis-cli -p "$REDIS_PORT" flushall >/dev/null
    for node in ${MEMCACHED_NODES//,/ }; do
        memcached_say "$node" flush_all >/dev/null
    done
}

# The sandbox's CloudSearch domain without a document, and without faults that another test has ordered.
fresh_domain() {
    curl -sS --fail -o /dev/null -X DELETE "$CLOUDSEARCH_URL/_faults"
    curl -sS --fail -o /dev/null -X POST "$CLOUDSEARCH_URL/_forget"
}

# All its documents, as JSON lines sorted by id.
domain_documents() {
    "$standin" --state-dir "$SANDBOX/cloudsearch" --dump
}

# set_key SECTION KEY VALUE...: replaces a key of this test's settings, or adds it. Sections with a name: "count works_by_category".
set_key() {
    local section=$1 key=$2 value=$3
    drop_key "$section" "$key"
    grep -qxF "[$section]" "$ini" || printf '\n[%s]\n' "$section" >>"$ini"
    sed -i "/^\[$section\]\$/a $key = $value" "$ini"
}

# drop_key SECTION KEY: removes the key with its continued lines.
drop_key() {
    awk -v section="[$1]" -v key="$2" '
        /^\[/ { inside = ($0 == section); dropping = 0 }
        inside && $1 == key && $2 == "=" { dropping = 1; next }
        dropping && /^[ \t]/ { next }
        { dropping = 0; print }' "$ini" >"$ini.new"
    chmod 600 "$ini.new"
    mv "$ini.new" "$ini"
}

drop_section() {
    awk -v section="[$1]" '/^\[/ { inside = ($0 == section) } !inside' "$ini" >"$ini.new"
    chmod 600 "$ini.new"
    mv "$ini.new" "$ini"
}

# One line of the text protocol to a node, and its answer.
memcached_say() {
    local host=${1%:*} port=${1##*:}
    shift
    exec {socket}<>"/dev/tcp/$host/$port"
    printf '%b\r\n' "$*" >&"$socket"
    local line
    while IFS= read -r -t 60 -u "$socket" line; do
        line=${line%$'\r'}
        printf '%s\n' "$line"
        [[ $line =~ ^(END|OK|STORED|NOT_FOUND|DELETED|ERROR|CLIENT_ERROR|SERVER_ERROR|VERSION) ]] && break
    done
    exec {socket}>&-
}

# The values of all nodes together: "key flags value" per line, sorted.
cached_keys() {
    local node
    for node in ${MEMCACHED_NODES//,/ }; do
        memcached_dump "$node"
    done | sort
}

# The dump walks the hash table. The other kind walks the lists of least recent use, which memcached's own thread reorders meanwhile, and may pass
# over half of a cache, the same half twice in a row.
memcached_dump() {
    # shellcheck disable=SC2016  # PHP's variables, not the shell's
    php -r '
        [$host, $port] = explode(":", $argv[1]);
        $s = fsockopen($host, (int)$port);
        $keys = [];
        do {
            fwrite($s, "lru_crawler metadump hash\r\n");
            while (($line = rtrim((string)fgets($s))) !== "END" && strncmp($line, "BUSY", 4) !== 0 && $line !== "") {
                preg_match("/^key=(\S+)/", $line, $m) && $keys[urldecode($m[1])] = true;
            }
        } while ($line !== "END" && usleep(20000) === null);
        $keys = array_map("strval", array_keys($keys));
        foreach ($keys as $key) {
            fwrite($s, "get $key\r\n");
            $head = explode(" ", rtrim(fgets($s)));
            if ($head[0] !== "VALUE") continue;
            $value = stream_get_contents($s, (int)$head[3] + 2);
            fgets($s);
            echo $key, " ", $head[2], " ", rtrim($value), "\n";
        }' -- "$1"
}

# revive NAME: lets a stopped server of the sandbox go on, and starts a killed one again.
revive() {
    local pid state
    pid=$(cat "$SANDBOX/run/$1.pid")
    kill -CONT "$pid" 2>/dev/null || true
    state=$(awk '/^State:/ { print $2 }' "/proc/$pid/status" 2>/dev/null || true)
    # A zombie is killed too, though it still has its number.
    [[ -n $state && $state != Z ]] || "$root/tests/sandbox/restart" "$SANDBOX" "$1" 3>&-
}

sql() {
    "$SANDBOX/sql" "$@"
}

# The value at a jq path of the job's last record.
record() {
    jq -r "$2" "$state/runs/$1.last.json"
}

# run_job EXPECTED_CODE job [option...]: runs it and checks the exit code; $output, $stderr as with run --separate-stderr.
run_job() {
    local expected=$1 job=$2
    shift 2
    # Nothing takes that long but what hangs.
    run --separate-stderr timeout --foreground --kill-after=30 300 "$bin/$job" "$@"
    # shellcheck disable=SC2154
    if [ "$status" != "$expected" ]; then
        printf 'exit code %s instead of %s\nstdout: %s\nstderr: %s\n' "$status" "$expected" "$output" "$stderr" >&2
        return 1
    fi
}

assert_contains() {
    [[ $1 == *"$2"* ]] || {
        printf 'expected to find: %s\nin: %s\n' "$2" "$1" >&2
        return 1
    }
}

assert_equal() {
    [[ $1 == "$2" ]] || {
        if [[ $1$2 == *$'\n'* ]]; then
            diff -U0 --label expected --label got <(printf '%s\n' "$2") <(printf '%s\n' "$1") >&2
        else
            printf 'got:      %s\nexpected: %s\n' "$1" "$2" >&2
        fi
        return 1
    }
}

# The three checks that every job's tests begin with.
check_help() {
    run_job 0 "$1" --help
    assert_contains "$output" "Usage: $1 [OPTION]..."
    for code in 0 1 64 65 69 70 71 73 75 77 78; do
        [[ $output =~ (^|$'\n')"  $code " ]] || {
            echo "exit code $code is missing in --help" >&2
            return 1
        }
    done
    assert_equal "$stderr" ""
}

check_version() {
    run_job 0 "$1" --version
    [[ $output =~ ^"$1 (nightshift) "[0-9]+\.[0-9]+\.[0-9]+$ ]]
}

check_bad_option() {
    run_job 64 "$1" --no-such-option
    assert_contains "$stderr" "--no-such-option"
    assert_contains "$stderr" "--help"
    run_job 64 "$1" argument
    assert_equal "$output" ""
}

# close_gate: on reader1, a statement with gated_one stops there until open_gate, however long that takes.
# shellcheck disable=SC2034
gated_one="GET_LOCK('gate', 600)"

close_gate() {
    exec {gate}> >(exec "$SANDBOX/sql" reader1 --unbuffered -N >"$BATS_TEST_TMPDIR/gate" 2>&1 3>&-)
    echo "SELECT CONCAT('closed ', GET_LOCK('gate', 60));" >&"$gate"
    wait_until 60 grep -qx 'closed 1' "$BATS_TEST_TMPDIR/gate"
}

# A background job may have inherited the descriptor: closing it here is not enough.
open_gate() {
    echo "DO RELEASE_LOCK('gate');" >&"$gate"
    exec {gate}>&-
}

# make_host NAME: another host's settings in $ini_NAME's file.
make_host() {
    install -d -m 700 "$BATS_TEST_TMPDIR/state-$1"
    (umask 077 && sed -E "s#^(state_dir|metrics_dir) = .*#\1 = $BATS_TEST_TMPDIR/state-$1#" "$ini" >"$BATS_TEST_TMPDIR/$1.ini")
}

# slow_query WHAT: what count-categories is to wait for, the gate or SLEEP(600).
slow_query() {
    [[ $1 != "$gated_one" ]] || close_gate
    set_key "count works_by_category" query "SELECT 1, 5 + 0 * $1"
    drop_key "count works_by_category" categories
    drop_key "count works_by_category" roll_up
}

is_running() {
    sql reader1 -N -e "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT 1, 5 + 0 * %'" | grep -qx 1
}

# Background runs of a failed test.
end_background() {
    local job
    for job in $(jobs -p); do
        kill -9 "$job" 2>/dev/null || true
    done
}

# wait_until SECONDS command...: polls. The seconds are no measurement: so many that only what never comes takes them all.
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.05
    done
}
