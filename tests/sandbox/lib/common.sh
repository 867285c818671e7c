# shellcheck shell=bash
# Paths, messages and small helpers that every script of the sandbox shares. Sourced, never run.

sandbox_source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
project_root=$(cd "$sandbox_source/../.." && pwd)
build_dir=$project_root/build
# shellcheck disable=SC2034  # used by the files that source this one
sandbox_cache=$build_dir/sandbox servers_dir=$build_dir/servers

# Debian keeps servers where an ordinary user's PATH does not look.
PATH=$PATH:/usr/sbin:/sbin

# DIR/env exports some names that the mysql client obeys; a sandbox is started from a shell that has sourced another's.
unset MYSQL_HOST MYSQL_TCP_PORT MYSQL_UNIX_PORT MYSQL_PWD

# die STATUS MESSAGE: one line on stderr, then exit with a code of sysexits(3).
die() {
    echo "${0##*/}: $2" >&2
    exit "$1"
}

need_command() {
    command -v "$1" >/dev/null || die 69 "cannot find \"$1\"; hint: tests/deps sandbox installs what the sandbox needs"
}

# absolute_path PATH: like realpath -m, with the last part allowed to be missing.
absolute_path() {
    realpath -m -- "$1"
}

# read_value FILE: prints its first line, or nothing when there is no such file.
read_value() {
    local value
    read_into value "$1"
    printf '%s' "$value"
}

# read_into VARIABLE FILE: the same without a subshell, for loops that poll.
read_into() {
    local -n variable=$1
    variable=''
    # shellcheck disable=SC2034  # the caller's
    [[ ! -r $2 ]] || read -r variable <"$2" || true
}

# Takes a lock for as long as the descriptor named by VARIABLE stays open: take_lock FILE VARIABLE.
take_lock() {
    local -n descriptor=$2
    mkdir -p "$(dirname "$1")"
    exec {descriptor}>"$1"
    flock --timeout 2 "$descriptor" || {
        echo "${0##*/}: waiting for another process that holds $1" >&2
        flock "$descriptor"
    }
}

release_lock() {
    local -n descriptor=$1
    exec {descriptor}>&-
}
