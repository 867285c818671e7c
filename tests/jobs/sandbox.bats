#!/usr/bin/env bats
# The sandbox itself: what every other test of a job stands on.

bats_require_minimum_version 1.5.0

setup_file() {
    # Unix socket paths hold 107 bytes; bats' own directories can be longer.
    sandbox_test_dir=$(mktemp -d /tmp/ns-sandbox.XXXXXX)
    export sandbox_test_dir
    export kind=${NIGHTSHIFT_TEST_MYSQL:-mariadb}
    export sandbox=$BATS_TEST_DIRNAME/../sandbox
    "$sandbox/up" "$sandbox_test_dir/shared" --mysql "$kind" --readers 2
}

teardown_file() {
    local dir
    for dir in "$sandbox_test_dir"/*/; do "$sandbox/down" "${dir%/}"; done
    rm -rf "$sandbox_test_dir"
}

setup() {
    shared=$sandbox_test_dir/shared
    dir=$sandbox_test_dir/$BATS_TEST_NUMBER
}

# Ids of all processes that name a directory in their arguments or work in it.
processes_of() {
    local process
    for process in /proc/[0-9]*; do
        if [[ $(readlink "$process/cwd") == "$1" ]] || tr '\0' '\n' <"$process/cmdline" 2>/dev/null | grep -qF "$1/"; then
            echo "${process##*/}"
        fi
    done 2>/dev/null
}

# A zombie that nobody has collected yet does not count.
is_running() { # PID
    grep -qs '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status"
}

# within SECONDS COMMAND...: true as soon as the command is.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.05
    done
}

reader_says() { # READER EXPECTED STATEMENT
    [[ $("$shared/sql" "$1" -BN -e "$3") == "$2" ]]
}

@test "env names every server, and each answers there" {
    local variable node port
    # shellcheck disable=SC1091
    . "$shared/env"
    for variable in MYSQL_HOST MYSQL_PORT MYSQL_SOCKET READER_PORTS READER_SOCKETS MEMCACHED_NODES REDIS_PORT \
        REDIS_SOCKET CLOUDSEARCH_URL NOTICE_URL NIGHTSHIFT_CONFIG MYSQL_KIND MYSQL_ADMIN_USER AWS_ACCESS_KEY_ID \
        AWS_SECRET_ACCESS_KEY AWS_REGION TLS_CA; do
        [[ -n ${!variable} ]] || { echo "$variable is empty" && false; }
    done
    [[ $MYSQL_KIND == "$kind" && -S $MYSQL_SOCKET && -r $TLS_CA ]]
    [[ $(wc -w <<<"$READER_PORTS") == 2 && $(wc -w <<<"$READER_SOCKETS") == 2 ]]
    for port in $MYSQL_PORT $READER_PORTS $REDIS_PORT; do
        ((port >= 10200 && port < 32768))
        : <>"/dev/tcp/127.0.0.1/$port"
    done
    [[ $MEMCACHED_NODES =~ ^127.0.0.1:[0-9]+,127.0.0.1:[0-9]+,127.0.0.1:[0-9]+$ ]]
    for node in ${MEMCACHED_NODES//,/ }; do
        # shellcheck disable=SC2016  # PHP's variables
        php -r '$m = new Memcached; $m->addServer(...explode(":", $argv[1]));
            exit($m->set("k", 1) && $m->get("k") === 1 ? 0 : 1);' "$node"
    done
    [[ $(redis-cli -p "$REDIS_PORT" ping) == PONG && $(redis-cli -s "$REDIS_SOCKET" ping) == PONG ]]
}

@test "the stand-in for CloudSearch takes what is signed with the key of env, and lets everybody search" {
    local document='[{"type":"add","id":"1","fields":{"nickname":"山田 太郎"}}]'
    # shellcheck disable=SC1091
    . "$shared/env"
    upload() {
        curl -sS --aws-sigv4 "aws:amz:$AWS_REGION:cloudsearch" --user "$AWS_ACCESS_KEY_ID:$1" -H 'Content-Type: application/json' \
            --data-binary "$document" "$CLOUDSEARCH_URL/2013-01-01/documents/batch"
    }
    [[ $(upload "$AWS_SECRET_ACCESS_KEY" | jq -c '[.status, .adds]') == '["success",1]' ]]
    [[ $(upload wrong | jq -r .__type) == '#SignatureDoesNotMatch' ]]
    [[ $(curl -sS -G --data-urlencode 'q=太郎' "$CLOUDSEARCH_URL/2013-01-01/search" | jq -r '.hits.hit[].id') == 1 ]]
    # Every column of the lancers that a search needs has a field.
    [[ $(curl -sS --aws-sigv4 "aws:amz:$AWS_REGION:cloudsearch" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
        -d 'Action=DescribeIndexFields&Version=2013-01-01&DomainName=lancers' "$CLOUDSEARCH_URL/" | grep -o '<IndexFieldName>' | wc -l) == 16 ]]
    [[ $(jq -r .status "$shared/cloudsearch-requests.jsonl" | head -n 3 | xargs) == '200 403 200' ]]
}

@test "nightshift.ini is private, its lines fit inih, and its account may read and no more" {
    local password client
    [[ $(stat -c %a "$shared/nightshift.ini") == 600 && $(stat -c %a "$shared/mysql.password") == 600 ]]
    [[ $(stat -c %a "$shared/state") == 700 ]]
    [[ $(wc -L <"$shared/nightshift.ini") -le 198 ]]
    # shellcheck disable=SC1091
    . "$shared/env"
    read -r password <"$shared/mysql.password"
    client=(env "MYSQL_PWD=$password" mariadb --no-defaults --user=nightshift --database=marketplace --protocol=tcp
        "--host=127.0.0.1" "--port=$MYSQL_PORT" -BN)
    [[ $("${client[@]}" -e 'SELECT COUNT(*) FROM categories') == 154 ]]
    "${client[@]}" -e 'SHOW PROCESSLIST' >/dev/null
    "${client[@]}" --port="${READER_PORTS%% *}" -e "$([[ $kind == mysql97 ]] && echo 'SHOW REPLICA STATUS' ||
        echo 'SHOW SLAVE STATUS')" | grep -q 127.0.0.1
    run ! "${client[@]}" -e 'DELETE FROM categories'
    env "MYSQL_PWD=$password" mariadb --no-defaults --user=nightshift --host=localhost --socket="$MYSQL_SOCKET" -e 'SELECT 1'
}

@test "the sample has the talk's tree, the talk's indexes and Japanese text" {
    local indexes expected
    indexes=$("$shared/sql" reader1 -BN -e "SELECT CONCAT_WS(' ', index_name, seq_in_index, column_name)
        FROM information_schema.statistics WHERE table_schema = 'marketplace' AND table_name = 'categorizations'
        ORDER BY index_name <> 'PRIMARY', index_name, seq_in_index")
    expected='PRIMARY 1 id
categorization_type 1 categorization_type
categorization_type_categorization_id 1 category_id
categorization_type_categorization_id 2 categorization_type
categorization_type_categorization_id 3 categorization_id
category_id 1 category_id'
    [[ $indexes == "$expected" ]] || diff <(echo "$expected") <(echo "$indexes")
    reader_says reader1 60000 'SELECT COUNT(*) FROM categorizations'
    reader_says reader1 'システム開発・運用' 'SELECT name FROM categories WHERE id = 1'
    reader_says reader1 3 'SELECT COUNT(*) FROM categories c WHERE NOT EXISTS (SELECT 1 FROM works WHERE category_id = c.id)
        AND NOT EXISTS (SELECT 1 FROM categorizations WHERE category_id = c.id)'
}

@test "the generator writes the same bytes every time" {
    local generator=$BATS_TEST_DIRNAME/../../build/sandbox/marketplace table
    for table in $("$generator" --list | cut -f1); do "$generator" "$table"; done | sha256sum >"$sandbox_test_dir/sum1"
    for table in $("$generator" --list | cut -f1); do "$generator" "$table"; done | sha256sum >"$sandbox_test_dir/sum2"
    cmp "$sandbox_test_dir/sum1" "$sandbox_test_dir/sum2"
    "$generator" --help | grep -q '^usage: marketplace'
    run -64 "$generator" no_such_table
}

@test "what is written on the writer arrives on every reader" {
    "$shared/sql" writer -e "CREATE TABLE arrival (id INT PRIMARY KEY, name VARCHAR(20)) DEFAULT CHARSET=utf8mb4"
    "$shared/sql" writer -e "INSERT INTO arrival VALUES (1, '届いた🌸')"
    within 60 reader_says reader1 '届いた🌸' 'SELECT name FROM arrival'
    within 60 reader_says reader2 '届いた🌸' 'SELECT name FROM arrival'
    [[ $("$shared/sql" reader2 -BN -e 'SELECT @@read_only, @@server_id, @@binlog_format') == $'1\t12\tROW' ]]
}

@test "a server that a test killed comes back on the same port with its data" {
    "$shared/sql" writer -e 'CREATE TABLE survivor (id INT PRIMARY KEY); INSERT INTO survivor VALUES (7)'
    kill -KILL "$(<"$shared/run/writer.pid")" "$(<"$shared/run/memcached2.pid")"
    "$sandbox/restart" "$shared" writer
    "$sandbox/restart" "$shared" memcached2
    # shellcheck disable=SC1091
    . "$shared/env"
    [[ $("$shared/sql" writer -BN -e 'SELECT id, @@port FROM survivor') == $'7\t'"$MYSQL_PORT" ]]
    "$shared/sql" writer -e 'INSERT INTO survivor VALUES (8)'
    within 60 reader_says reader1 2 'SELECT COUNT(*) FROM survivor'
}

@test "the notice sink records requests and refuses when told to" {
    # shellcheck disable=SC1091
    . "$shared/env"
    [[ $(curl -sS -H 'X-Token: t' -d 'body=遅い' "$NOTICE_URL/rooms/1?a=b") == OK ]]
    [[ $(curl -sS -o /dev/null -w '%{http_code}' "$NOTICE_URL/status/503") == 503 ]]
    jq -es '.[0] | .method == "POST" and .path == "/rooms/1" and .query == "a=b" and .body == "body=遅い"
        and .headers["x-token"] == "t"' "$NOTICES_FILE"
    jq -es '.[1].path == "/status/503"' "$NOTICES_FILE"
}

@test "two sandboxes run side by side" {
    "$sandbox/up" "$dir" --mysql "$kind" --readers 0
    "$dir/sql" writer -e 'DROP TABLE works'
    reader_says writer 20000 'SELECT COUNT(*) FROM works'
    [[ -z $(comm -12 <(cat "$shared"/run/*.port | sort) <(cat "$dir"/run/*.port | sort)) ]]
    "$sandbox/down" "$dir"
    [[ -z $(processes_of "$dir") ]]
    reader_says writer 20000 'SELECT COUNT(*) FROM works'
}

@test "down leaves no process behind, keeps the logs, and may be called again" {
    "$sandbox/up" "$dir" --mysql "$kind" --without redis
    [[ $(processes_of "$dir" | wc -l) == 7 ]] # writer, reader, 3 memcached, cloudsearch, notices
    kill -STOP "$(<"$dir/run/memcached1.pid")"
    "$sandbox/down" "$dir"
    [[ -z $(processes_of "$dir") && ! -e $dir/data && -s $dir/log/writer.log ]]
    "$sandbox/down" "$dir"
    "$sandbox/down" "$dir-that-never-was"
}

@test "down never signals a process that took over a recorded pid" {
    local stranger
    mkdir -p "$dir/run"
    : >"$dir/.nightshift-sandbox"
    sleep 300 3>&- &
    stranger=$!
    echo "$stranger" >"$dir/run/writer.pid"
    echo 1 >"$dir/run/writer.started"
    "$sandbox/down" "$dir"
    is_running "$stranger"
    kill "$stranger"
}

@test "a server that does not come up fails up, with its log, and leaves nothing running" {
    mkdir -p "$dir-bin"
    printf '#!/bin/sh\necho "this memcached is broken" >&2\nexit 1\n' >"$dir-bin/memcached"
    chmod 755 "$dir-bin/memcached"
    PATH=$dir-bin:$PATH run -69 "$sandbox/up" "$dir" --mysql "$kind"
    [[ $output == *'this memcached is broken'* && $output == *'server "memcached1" did not come up'* ]]
    [[ -z $(processes_of "$dir") && ! -e $dir/env ]]
    "$sandbox/down" "$dir"
}

@test "a server that loses its port to another process gets another one" {
    mkdir -p "$dir-bin"
    cat >"$dir-bin/memcached" <<END
#!/bin/sh
if mkdir "$dir-bin/lost" 2>/dev/null; then echo "failed to listen on TCP port \$4: Address already in use" >&2; exit 71; fi
exec $(command -v memcached) "\$@"
END
    chmod 755 "$dir-bin/memcached"
    PATH=$dir-bin:$PATH run -0 "$sandbox/up" "$dir" --mysql "$kind" --readers 0
    [[ $output == *'lost port'* && -d $dir-bin/lost ]]
    "$sandbox/down" "$dir"
    [[ -z $(processes_of "$dir") ]]
}

@test "a server that is not installed is named" {
    local program
    mkdir -p "$dir-bin"
    for program in /bin/* /usr/bin/*; do
        [[ ${program##*/} == memcached ]] || ln -sf "$program" "$dir-bin/"
    done
    PATH=$dir-bin run -69 "$sandbox/up" "$dir" --mysql "$kind"
    [[ $output == *'cannot find "memcached"'* ]]
}

@test "an interrupted up leaves nothing running" {
    local pid status=0
    "$sandbox/up" "$dir" --mysql "$kind" 3>&- &
    pid=$!
    within 60 test -s "$dir/run/writer.pid"
    kill -TERM "$pid"
    wait "$pid" || status=$?
    ((status > 0))
    [[ -z $(processes_of "$dir") ]]
}

@test "servers whose directory was removed are ended by the next up" {
    local pid
    "$sandbox/up" "$dir" --mysql "$kind" --readers 0
    pid=$(<"$dir/run/writer.pid")
    rm -rf "$dir"
    "$sandbox/up" "$dir-next" --mysql "$kind" --readers 0
    run ! is_running "$pid"
    "$sandbox/down" "$dir-next"
}

@test "up refuses a directory that is in use or is not a sandbox's, and unknown options" {
    run -75 "$sandbox/up" "$shared" --mysql "$kind"
    reader_says writer 1 'SELECT 1'
    mkdir -p "$dir"
    echo precious >"$dir/file"
    run -73 "$sandbox/up" "$dir" --mysql "$kind"
    [[ $(<"$dir/file") == precious ]]
    run -64 "$sandbox/up" "$dir" --mysql oracle
    run -64 "$sandbox/up" "$dir" --no-such-option
    run -64 "$sandbox/up"
    run -64 "$sandbox/up" "/tmp/$(printf 'x%.0s' {1..100})"
}
