# shellcheck shell=bash
# shellcheck disable=SC2154  # paths come from common.sh, choices from the caller
# Prepared data directories. Loading the sample takes seconds to minutes, copying the files of a cleanly stopped server a
# fraction of that: so each (server, scale) is loaded once, below build/sandbox, and every sandbox starts from a copy.
# The name of a prepared directory holds a hash of all that went into it.

# A server certificate for 127.0.0.1 and localhost from a private authority, made once.
ensure_tls() {
    local lock='' tls=$sandbox_cache/tls
    take_lock "$sandbox_cache/tls.lock" lock
    if ! [[ -e $tls/server.pem ]]; then
        rm -rf "$tls.partial"
        mkdir -p "$tls.partial"
        (
            cd "$tls.partial"
            openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj '/CN=nightshift sandbox authority' \
                -keyout ca.key -out ca.pem
            openssl req -newkey rsa:2048 -nodes -subj '/CN=localhost' -keyout server.key -out server.csr
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -out server.pem \
                -extfile <(printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n')
        ) >"$sandbox_cache/tls.log" 2>&1 || die 70 "cannot make a certificate, see $sandbox_cache/tls.log"
        mv "$tls.partial" "$tls"
    fi
    release_lock lock
}

# The generator, compiled when its source is newer.
ensure_generator() {
    local lock='' program=$sandbox_cache/marketplace source=$sandbox_source/marketplace.c
    take_lock "$sandbox_cache/marketplace.lock" lock
    if ! [[ $program -nt $source ]]; then
        need_command cc
        cc -std=c17 -D_GNU_SOURCE -O2 -Wall -Wextra -o "$program.new" "$source"
        mv "$program.new" "$program"
    fi
    release_lock lock
}

datadir_key() {
    {
        "${mysqld[@]}" --no-defaults --version
        cat "$sandbox_source/"{marketplace.c,schema.sql,indexes.sql,lib/datadir.sh,lib/mysql.sh}
    } | sha256sum | cut -c1-12
}

# A data directory with system tables and a root account without password.
create_empty_datadir() { # DATADIR LOG
    local -a places
    mapfile -t places < <(place_options | sed 's/^/--/')
    mkdir -p "$1"
    case $mysql_kind in
    mariadb) mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$1" --skip-test-db --skip-name-resolve --force \
        --auth-root-authentication-method=normal ;;
    mysql56) cp -a "$servers_dir/mysql56/data/mysql/." "$1" ;;
    mysql97) "${mysqld[@]}" --no-defaults "${places[@]}" --user="$(id -un)" --datadir="$1" --initialize-insecure ;;
    esac >>"$2" 2>&1 || {
        tail -n 20 "$2" >&2
        die 69 "cannot create an empty $mysql_kind data directory"
    }
}

# Streams one table into the server; nothing is kept on disk in between.
load_table() { # DIR TABLE
    "$sandbox_cache/marketplace" --scale "$scale" "$2" |
        admin "$1" prepare --local-infile=1 --database=marketplace --execute="SET unique_checks = 0, foreign_key_checks = 0;
            LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE $2 CHARACTER SET utf8mb4"
}

add_indexes() { # DIR STATEMENT
    admin "$1" prepare --database=marketplace --execute="$2"
}

# two_at_a_time FUNCTION DIR WORD...: FUNCTION DIR WORD for each word, on two cores.
two_at_a_time() {
    local function=$1 dir=$2 word running=0
    shift 2
    for word; do
        if ((running == 2)); then
            wait -n
            running=1
        fi
        "$function" "$dir" "$word" &
        running=$((running + 1))
    done
    for ((; running > 0; running--)); do wait -n; done
}

load_marketplace() { # DIR
    local -a tables statements
    mapfile -t tables < <("$sandbox_cache/marketplace" --list | cut -f1)
    mapfile -t -d ';' statements < <(grep -v '^--' "$sandbox_source/indexes.sql" | tr '\n' ' ' | sed 's/; *$//')
    ask "$1" prepare 'CREATE DATABASE marketplace CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci'
    admin "$1" prepare --database=marketplace <"$sandbox_source/schema.sql"
    two_at_a_time load_table "$1" "${tables[@]}"
    two_at_a_time add_indexes "$1" "${statements[@]}"
    ask "$1" prepare "USE marketplace; ANALYZE TABLE $(IFS=, && echo "${tables[*]}")" >/dev/null
}

# Accounts every server of a sandbox has: root over the socket only, and the one replicas log in with.
create_accounts() { # DIR
    ask "$1" prepare "DELETE FROM mysql.user WHERE User = '' OR (User = 'root' AND Host <> 'localhost')" 2>/dev/null ||
        ask "$1" prepare "DROP USER IF EXISTS ''@'localhost'" # mysql.user is a view in MariaDB
    ask "$1" prepare "FLUSH PRIVILEGES; CREATE USER 'replicator'@'127.0.0.1' IDENTIFIED BY 'replicator';
        GRANT REPLICATION SLAVE ON *.* TO 'replicator'@'127.0.0.1'"
    [[ $mysql_kind != mysql56 ]] || ask "$1" prepare 'DELETE FROM mysql.db; FLUSH PRIVILEGES'
}

# Runs a server without network and without binary log on DATADIR, fills it, and stops it cleanly.
fill_datadir() { # DIR DATADIR
    local dir=$1 pid started buffer_pool=128M
    [[ $scale == small ]] || buffer_pool=4G
    write_options "$dir/prepare.cnf" "$dir" prepare "$2" "$buffer_pool"
    printf '%s\n' skip-networking skip-log-bin server-id=1 local-infile=1 >>"$dir/prepare.cnf"
    save_command "$dir" prepare "${mysqld[@]}" "--defaults-file=$dir/prepare.cnf"
    echo mysqld >"$dir/run/prepare.kind"
    start_server "$dir" prepare
    await_ready "$dir" prepare
    create_accounts "$dir"
    load_marketplace "$dir"
    pid=$(read_value "$dir/run/prepare.pid") started=$(read_value "$dir/run/prepare.started")
    kill -TERM "$pid" # a clean stop; there is no statement for it that 5.6 knows
    wait_until 120 is_gone "$pid" "$started" || die 69 "the loading server does not stop"
    rm -f "$dir/run/prepare".* "$dir/prepare.cnf" "$2/auto.cnf" "$2"/*.log "$2"/*.err
}

build_datadir() { # DIR TARGET
    local partial=$2.partial
    echo "${0##*/}: loading the $scale marketplace into $mysql_kind, once" >&2
    rm -rf "$partial"
    ensure_generator
    create_empty_datadir "$partial" "$1/log/prepare.log"
    fill_datadir "$1" "$partial"
    mv "$partial" "$2"
}

# Copies the prepared data directory, made first if need be, to DIR/data/NAME for each NAME. One builder or copier at a
# time per (server, scale); older versions are removed when a new one has been built.
copy_datadirs() { # DIR NAME...
    # shellcheck disable=SC2034  # the lock is set and closed by name
    local dir=$1 name prefix=$sandbox_cache/data/$mysql_kind-$scale target lock=''
    shift
    find_mysqld
    target=$prefix-$(datadir_key)
    mkdir -p "$dir/data"
    take_lock "$prefix.lock" lock
    if ! [[ -d $target ]]; then
        build_datadir "$dir" "$target"
        find "$sandbox_cache/data" -maxdepth 1 -type d -name "$mysql_kind-$scale-*" ! -path "$target" -exec rm -rf {} +
    fi
    for name; do
        cp -a --reflink=auto "$target" "$dir/data/$name"
    done
    release_lock lock
}
