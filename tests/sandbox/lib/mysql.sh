# shellcheck shell=bash
# shellcheck disable=SC2154  # paths come from common.sh, choices from the caller
# The three MySQL servers: how each is found, configured, asked and made a replica. Uses two variables of the caller:
#   mysql_kind   mariadb | mysql56 | mysql97
#   scale        small | large

# The words that run mysqld. MySQL 9.7 lives in a Debian sid tree of its own, with a newer libc than ours: it is started
# through that tree's dynamic loader, which needs neither chroot nor mounts.
find_mysqld() {
    case $mysql_kind in
    mariadb)
        need_command mariadbd
        mysqld=(mariadbd)
        ;;
    mysql56) mysqld=(env "LD_LIBRARY_PATH=$servers_dir/mysql56" "$servers_dir/mysql56/mysqld") ;;
    mysql97) mysqld=("$servers_dir/sid/lib64/ld-linux-x86-64.so.2" --library-path
        "$servers_dir/sid/usr/lib/x86_64-linux-gnu" "$servers_dir/sid/usr/sbin/mysqld") ;;
    esac
}

admin() { # DIR NAME [CLIENT_OPTION...]
    local dir=$1 name=$2
    shift 2
    mariadb --no-defaults --default-character-set=utf8mb4 --user=root --socket="$dir/$name.sock" "$@"
}

ask() { # DIR NAME STATEMENT: rows without names, tabs between columns
    admin "$1" "$2" --batch --skip-column-names --execute="$3"
}

# Where messages and character sets are: compiled-in places for Debian's own, told to the others.
place_options() {
    case $mysql_kind in
    mysql56) printf '%s\n' "lc-messages-dir=$servers_dir/mysql56/share" \
        "character-sets-dir=$servers_dir/mysql56/share/charsets" ;;
    mysql97) printf '%s\n' "basedir=$servers_dir/sid/usr" "plugin-dir=$servers_dir/sid/usr/lib/mysql/plugin" \
        "lc-messages-dir=$servers_dir/sid/usr/share/mysql" \
        "character-sets-dir=$servers_dir/sid/usr/share/mysql/charsets" ;;
    esac
}

tls_options() {
    [[ $mysql_kind == mysql56 ]] || # its yaSSL knows nothing newer than TLS 1.0
        printf '%s\n' "ssl-ca=$sandbox_cache/tls/ca.pem" "ssl-cert=$sandbox_cache/tls/server.pem" \
            "ssl-key=$sandbox_cache/tls/server.key"
}

kind_options() {
    local redo=$1
    place_options
    case $mysql_kind in
    mariadb) printf '%s\n' "innodb-log-file-size=$redo" innodb-stats-persistent=1 performance-schema=ON ;;
    mysql56) printf '%s\n' "innodb-log-file-size=$redo" explicit-defaults-for-timestamp performance-schema=ON \
        relay-log-info-repository=TABLE master-info-repository=TABLE ;;
    mysql97) printf '%s\n' "innodb-redo-log-capacity=$redo" mysqlx=OFF performance-schema=ON ;;
    esac
}

# Fast and small: a committed row survives kill -9 (flush-log 2 leaves it to the kernel), not a power cut.
write_options() { # FILE DIR NAME DATADIR BUFFER_POOL
    local file=$1 dir=$2 name=$3 datadir=$4 buffer_pool=$5 redo=16M
    [[ $scale == small ]] || redo=512M
    {
        echo '[mysqld]'
        [[ $(id -u) != 0 ]] || echo 'user=root'
        printf '%s\n' "datadir=$datadir" "socket=$dir/$name.sock" "pid-file=$dir/run/$name.own-pid" "tmpdir=$dir/tmp" "secure-file-priv=$dir/tmp" \
            skip-name-resolve character-set-server=utf8mb4 collation-server=utf8mb4_general_ci \
            default-time-zone=+09:00 "innodb-buffer-pool-size=$buffer_pool" innodb-flush-log-at-trx-commit=2 \
            innodb-doublewrite=0 table-definition-cache=400 table-open-cache=400 log-output=TABLE slow-query-log=0
        kind_options "$redo"
    } >"$file"
}

# Server ids: 1 for the writer, 11 and up for the readers.
command_of_mysqld() { # DIR NAME PORT
    local dir=$1 name=$2 port=$3 buffer_pool=64M server_id=1 read_only=0
    [[ $name == writer ]] || server_id=$((10 + ${name#reader})) read_only=1
    [[ $scale == small ]] || buffer_pool=$([[ $name == writer ]] && echo 2G || echo 1G)
    write_options "$dir/$name.cnf" "$dir" "$name" "$dir/data/$name" "$buffer_pool"
    {
        printf '%s\n' bind-address=127.0.0.1 "port=$port" "server-id=$server_id" "read-only=$read_only" \
            log-bin=binlog binlog-format=ROW sync-binlog=0 relay-log=relay relay-log-recovery=ON \
            slow-query-log=1 long-query-time=1
        tls_options
    } >>"$dir/$name.cnf"
    find_mysqld
    save_command "$dir" "$name" "${mysqld[@]}" "--defaults-file=$dir/$name.cnf"
}

is_ready_mysqld() { # DIR NAME
    [[ -S $1/$2.sock ]] && ask "$1" "$2" 'SELECT 1' >/dev/null 2>&1
}

# Readers were copied from the same data directory as the writer, so each reads the writer's log from its start.
start_replication() { # DIR NAME
    local port
    port=$(read_value "$1/run/writer.port")
    if [[ $mysql_kind == mysql97 ]]; then
        ask "$1" "$2" "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=$port,
            SOURCE_USER='replicator', SOURCE_PASSWORD='replicator', SOURCE_LOG_FILE='binlog.000001',
            SOURCE_LOG_POS=4, SOURCE_CONNECT_RETRY=1, SOURCE_RETRY_COUNT=86400, GET_SOURCE_PUBLIC_KEY=1;
            START REPLICA"
    else
        ask "$1" "$2" "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=$port,
            MASTER_USER='replicator', MASTER_PASSWORD='replicator', MASTER_LOG_FILE='binlog.000001',
            MASTER_LOG_POS=4, MASTER_CONNECT_RETRY=1;
            START SLAVE"
    fi
}

await_replication() { # DIR NAME
    local file position waited show='SHOW MASTER STATUS' wait_function=MASTER_POS_WAIT
    [[ $mysql_kind != mysql97 ]] || show='SHOW BINARY LOG STATUS' wait_function=SOURCE_POS_WAIT
    read -r file position _ < <(ask "$1" writer "$show")
    waited=$(ask "$1" "$2" "SELECT $wait_function('$file', $position, 60)")
    [[ $waited != NULL && $waited != -1 ]] || {
        show_log_tail "$1" "$2"
        die 69 "\"$2\" does not replicate"
    }
}

# The account of the jobs. Made on the writer after replication began, so that seeing it on a reader proves replication.
create_job_account() { # DIR
    local password monitor='REPLICATION CLIENT'
    password=$(read_value "$1/mysql.password")
    # MariaDB split the right to see SHOW REPLICA STATUS from the one to see the binary log (10.5).
    [[ $mysql_kind != mariadb ]] || monitor='BINLOG MONITOR, REPLICA MONITOR'
    ask "$1" writer "CREATE USER 'nightshift'@'%' IDENTIFIED BY '$password';
        GRANT SELECT ON marketplace.* TO 'nightshift'@'%';
        GRANT SELECT ON mysql.slow_log TO 'nightshift'@'%';
        GRANT PROCESS, $monitor ON *.* TO 'nightshift'@'%'"
}
