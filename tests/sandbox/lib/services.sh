# shellcheck shell=bash
# shellcheck disable=SC2154  # paths come from common.sh, choices from the caller
# Everything that is not MySQL: memcached, Redis, the notice sink and the CloudSearch stand-in. For each kind one function
# that writes its command and one that tells whether it answers.

command_of_memcached() { # DIR NAME PORT
    save_command "$1" "$2" memcached -l 127.0.0.1 -p "$3" -U 0 -m 64 -c 512 -t 2 -u "$(id -un)"
}

# Asks for the pid, so that a foreign server on a port we lost is not taken for ours.
is_ready_memcached() { # DIR NAME
    local line='' port pid connection
    read_into port "$1/run/$2.port"
    read_into pid "$1/run/$2.pid"
    { exec {connection}<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || return 1
    printf 'stats\r\n' >&"$connection"
    while IFS= read -r -t 2 line <&"$connection"; do
        line=${line%$'\r'}
        [[ $line != "STAT pid "* ]] || break
    done
    exec {connection}>&-
    [[ $line == "STAT pid $pid" ]]
}

command_of_redis() { # DIR NAME PORT
    save_command "$1" "$2" redis-server --bind 127.0.0.1 --port "$3" --unixsocket "$1/redis.sock" --unixsocketperm 700 \
        --dir "$1" --save '' --appendonly no --daemonize no --maxmemory 128mb
}

is_ready_redis() { # DIR NAME
    [[ $(redis-cli -s "$1/redis.sock" ping 2>/dev/null) == PONG ]]
}

command_of_notices() { # DIR NAME PORT
    save_command "$1" "$2" env "NOTICES_FILE=$1/notices.jsonl" \
        php -n -S "127.0.0.1:$3" "$sandbox_source/notices.php"
}

is_ready_notices() { # DIR NAME
    [[ $(http_get "$(read_value "$1/run/$2.port")" /which-sandbox) == *"$1/notices.jsonl" ]]
}

# The stand-in is one of our own executables and may not have been built. It has keys and fields of its own; access is as it is by default:
# anonymous clients may search.
cloudsearch_standin() {
    echo "$build_dir/bin/cloudsearch-local"
}

# The key that DIR/env gives to clients.
# shellcheck disable=SC2034  # used by settings.sh
sandbox_access_key=SANDBOXACCESSKEY sandbox_secret_key=sandbox-secret-key sandbox_region=us-east-1

command_of_cloudsearch() { # DIR NAME PORT
    save_command "$1" "$2" env -u AWS_SESSION_TOKEN "AWS_ACCESS_KEY_ID=$sandbox_access_key" "AWS_SECRET_ACCESS_KEY=$sandbox_secret_key" \
        "$(cloudsearch_standin)" --port "$3" --state-dir "$1/cloudsearch" --fields "$sandbox_source/lancers.json" \
        --region "$sandbox_region" --domain lancers --request-log "$1/cloudsearch-requests.jsonl"
}

is_ready_cloudsearch() { # DIR NAME
    [[ $(http_get "$(read_value "$1/run/$2.port")" /_health) == *"\"$1/cloudsearch\""* ]]
}

# http_get PORT PATH: the whole answer; no curl needed for one line of HTTP.
http_get() {
    local connection
    { exec {connection}<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
    printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&"$connection"
    timeout 2 cat <&"$connection" || true
    exec {connection}>&-
}
