# shellcheck shell=bash
# shellcheck disable=SC2154  # paths come from common.sh, choices from the caller
# Starting, finding and ending servers. A server NAME of the sandbox DIR leaves four files in DIR/run:
#   NAME.command   its argument vector, one word per line, so that `restart` can start it again
#   NAME.pid       its process id, for tests that stop or kill it
#   NAME.started   the kernel's start time of that process: pid and start time together name one process for good, so
#                  that a recycled pid is never signalled
#   NAME.port      its TCP port
# The same identities go into a registry below build/, so that servers whose DIR was removed under them can be ended.

# Sets start_time to that of a process, in clock ticks since boot (field 22 of proc(5) stat), or to nothing when it is gone.
# The second field may hold blanks and parentheses; everything after its last ')' is safe to split.
find_start_time() { # PID
    local stat=''
    local -a fields
    start_time=''
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
    read -ra fields <<<"${stat##*) }"
    [[ ${fields[0]} == Z ]] || start_time=${fields[19]}
}

# is_same_process PID START_TIME
is_same_process() {
    local start_time
    [[ -n $1 && -n $2 ]] && find_start_time "$1" && [[ $start_time == "$2" ]]
}

server_is_alive() { # DIR NAME
    local recorded_pid recorded_start
    read_into recorded_pid "$1/run/$2.pid"
    read_into recorded_start "$1/run/$2.started"
    is_same_process "$recorded_pid" "$recorded_start"
}

registry_file() { # DIR
    printf '%s/running/%s' "$sandbox_cache" "$(printf '%s' "$1" | sha256sum | cut -c1-16)"
}

# A test runner keeps descriptors of its own open (bats: 3 and up) and waits until every holder has closed them.
close_inherited_descriptors() {
    local path descriptor
    for path in "/proc/$BASHPID/fd/"*; do
        descriptor=${path##*/}
        ((descriptor > 2)) && exec {descriptor}>&-
    done
    return 0
}

# The script's signal handler. A signal that arrives between the birth of a server and the note of its pid has to wait.
starting='' interrupted_with=''
interrupted() { # STATUS
    [[ -n $starting ]] || exit "$1"
    interrupted_with=$1
}

save_command() { # DIR NAME WORD...
    local dir=$1 name=$2
    shift 2
    printf '%s\n' "$@" >"$dir/run/$name.command"
}

# Starts DIR/run/NAME.command detached (setsid), output to DIR/log/NAME.log, and returns at once. Further words are
# added to the command for this one start.
start_server() { # DIR NAME [WORD...]
    local dir=$1 name=$2 pid start_time registry
    local -a command
    shift 2
    registry=$(registry_file "$dir")
    mkdir -p "$sandbox_cache/running"
    mapfile -t command <"$dir/run/$name.command"
    starting=yes
    (
        close_inherited_descriptors
        cd "$dir" || exit
        exec setsid "${command[@]}" "$@" </dev/null >>"$dir/log/$name.log" 2>&1
    ) &
    pid=$!
    disown "$pid" # bash would announce its end
    find_start_time "$pid"
    echo "$start_time" >"$dir/run/$name.started"
    echo "$pid" >"$dir/run/$name.pid"
    echo "$pid $start_time $dir" >>"$registry"
    starting=''
    [[ -z $interrupted_with ]] || exit "$interrupted_with"
}

# wait_until SECONDS COMMAND...: polls; fails when the time is up.
wait_until() {
    local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
    shift
    until "$@"; do
        ((${EPOCHREALTIME/[.,]/} < deadline)) || return 1
        sleep 0.03
    done
}

is_gone() { # PID START_TIME
    ! is_same_process "$1" "$2"
}

# Ends processes given as "PID START_TIME" lines on stdin. Nothing a sandbox holds is worth a slow shutdown, and only
# KILL ends a process that a test has stopped.
end_processes() {
    local pid started
    local -a ours=()
    while read -r pid started _; do
        is_same_process "$pid" "$started" || continue
        kill -KILL "$pid" 2>/dev/null || true
        ours+=("$pid $started")
    done
    for pid in "${ours[@]}"; do
        # shellcheck disable=SC2086  # two words
        wait_until 60 is_gone $pid || die 71 "process ${pid% *} survives SIGKILL"
    done
}

stop_server() { # DIR NAME
    echo "$(read_value "$1/run/$2.pid") $(read_value "$1/run/$2.started")" | end_processes
    # MySQL refuses to start while the pid in its socket's lock file exists, even as a zombie.
    rm -f "$1/run/$2.pid" "$1/run/$2.started" "$1/$2.sock" "$1/$2.sock.lock"
}

# Ends every process of a sandbox, known from its directory or from the registry.
stop_sandbox() { # DIR
    local dir=$1 registry pid_file name
    registry=$(registry_file "$dir")
    {
        for pid_file in "$dir"/run/*.pid; do
            [[ -e $pid_file ]] || continue
            name=${pid_file##*/}
            echo "$(read_value "$pid_file") $(read_value "$dir/run/${name%.pid}.started")"
        done
        [[ ! -e $registry ]] || cat "$registry"
    } | sort -u | end_processes
    rm -f "$registry" "$dir"/run/*.pid "$dir"/run/*.started
}

# Ends the servers of sandboxes whose directory is gone: a test run that was killed cannot call `down`.
end_orphans() {
    local registry dir
    for registry in "$sandbox_cache"/running/*; do
        [[ -e $registry ]] || continue
        read -r _ _ dir <"$registry" || true
        [[ -n $dir && ! -d $dir ]] || continue
        end_processes <"$registry"
        rm -f "$registry"
    done
}

# True when something is bound to the port on any address.
port_is_taken() {
    local hexadecimal
    printf -v hexadecimal ':%04X ' "$1"
    grep -qs "^ *[0-9]*: [0-9A-F]*$hexadecimal" /proc/net/tcp /proc/net/tcp6
}

# A random free port below the range the kernel takes outgoing ports from. Another process may be faster: see launch.
pick_port() {
    local port
    while :; do
        port=$((10200 + SRANDOM % 22560))
        port_is_taken "$port" || break
    done
    echo "$port"
}

lost_its_port() { # DIR NAME
    grep -qiE 'address already in use|bind: .*in use|port: .* in use' "$1/log/$2.log"
}

show_log_tail() { # DIR NAME
    echo "--- last lines of $1/log/$2.log" >&2
    tail -n 20 "$1/log/$2.log" >&2 || true
}

# launch DIR NAME KIND: picks a port, writes the command (command_of_KIND DIR NAME PORT) and starts it.
launch() {
    local dir=$1 name=$2 kind=$3 port
    port=$(pick_port)
    echo "$port" >"$dir/run/$name.port"
    echo "$kind" >"$dir/run/$name.kind"
    : >"$dir/log/$name.log"
    "command_of_$kind" "$dir" "$name" "$port"
    start_server "$dir" "$name"
}

is_ready_or_dead() { # DIR NAME KIND
    ! server_is_alive "$1" "$2" || "is_ready_$3" "$1" "$2"
}

# Waits until a launched server answers (is_ready_KIND DIR NAME) and is still the process we started. A server that
# lost its port to another process gets another one.
await_ready() { # DIR NAME
    local dir=$1 name=$2 kind attempt
    kind=$(read_value "$dir/run/$name.kind")
    for attempt in 1 2 3 4 5; do
        if wait_until "${NIGHTSHIFT_SANDBOX_PATIENCE:-60}" is_ready_or_dead "$dir" "$name" "$kind" &&
            server_is_alive "$dir" "$name"; then
            return 0
        fi
        if server_is_alive "$dir" "$name" || ! lost_its_port "$dir" "$name"; then
            break
        fi
        echo "${0##*/}: $name lost port $(read_value "$dir/run/$name.port") to another process, attempt $attempt" >&2
        launch "$dir" "$name" "$kind"
    done
    show_log_tail "$dir" "$name"
    die 69 "server \"$name\" did not come up"
}
