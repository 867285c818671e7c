# shellcheck shell=bash
# shellcheck disable=SC2154  # paths come from common.sh, choices from the caller
# What a sandbox tells its users: DIR/env, DIR/nightshift.ini and DIR/sql.

# endpoints DIR NAME...: host:port of each server, comma and SEPARATOR between.
endpoints() {
    local dir=$1 separator=$2 name list=
    shift 2
    for name; do
        list+="${list:+,$separator}127.0.0.1:$(read_value "$dir/run/$name.port")"
    done
    printf '%s' "$list"
}

server_ports() { # DIR NAME...
    local dir=$1 name
    local -a ports=()
    shift
    for name; do ports+=("$(read_value "$dir/run/$name.port")"); done
    printf '%s' "${ports[*]}"
}

url_of() { # DIR NAME: empty for a server that was not started
    [[ ! -e $1/run/$2.port ]] || printf 'http://127.0.0.1:%s' "$(read_value "$1/run/$2.port")"
}

# Plain assignments, so that other languages can read the file, and one export, so that `. DIR/env` suffices in a shell.
write_environment() { # DIR
    local dir=$1
    local -a sockets=("${readers[@]/#/$dir/}")
    {
        print_variable MYSQL_KIND "$mysql_kind"
        print_variable MYSQL_HOST 127.0.0.1
        print_variable MYSQL_PORT "$(server_ports "$dir" writer)"
        print_variable MYSQL_SOCKET "$dir/writer.sock"
        print_variable READER_PORTS "$(server_ports "$dir" "${readers[@]}")"
        print_variable READER_SOCKETS "${sockets[*]/%/.sock}"
        print_variable MYSQL_ADMIN_USER root
        print_variable MYSQL_USER nightshift
        print_variable MYSQL_PASSWORD_FILE "$dir/mysql.password"
        print_variable MYSQL_DATABASE marketplace
        print_variable TLS_CA "$sandbox_cache/tls/ca.pem"
        print_variable MEMCACHED_NODES "$(endpoints "$dir" '' "${memcached_nodes[@]}")"
        print_variable REDIS_PORT "$(server_ports "$dir" "${redis_servers[@]}")"
        print_variable REDIS_SOCKET "${redis_servers[0]:+$dir/redis.sock}"
        print_variable CLOUDSEARCH_URL "$(url_of "$dir" cloudsearch)"
        print_variable NOTICE_URL "$(url_of "$dir" notices)"
        print_variable NOTICES_FILE "$dir/notices.jsonl"
        print_variable NIGHTSHIFT_CONFIG "$dir/nightshift.ini"
        print_variable AWS_ACCESS_KEY_ID "$sandbox_access_key"
        print_variable AWS_SECRET_ACCESS_KEY "$sandbox_secret_key"
        print_variable AWS_REGION "$sandbox_region"
    } >"$dir/env.new"
    sed -n 's/^\([A-Z_]*\)=.*/\1/p' "$dir/env.new" | { echo "export $(tr '\n' ' ')"; } >>"$dir/env.new.export"
    cat "$dir/env.new.export" >>"$dir/env.new"
    rm "$dir/env.new.export"
    mv "$dir/env.new" "$dir/env"
}

print_variable() {
    printf "%s='%s'\n" "$1" "$2"
}

# Mode 0600 as it stands beside a password; lines stay under the 198 bytes that inih reads.
write_settings() { # DIR
    local dir=$1
    (
        umask 077
        mkdir -p "$dir/state" "$dir/report" "$dir/metrics"
        {
            print_common_settings "$dir"
            print_count_settings
            print_push_settings "$dir"
            print_features
        } >"$dir/nightshift.ini"
    )
}

print_common_settings() { # DIR
    local reader_line=''
    ((${#readers[@]} == 0)) || reader_line="readers = $(endpoints "$1" ' ' "${readers[@]}")"
    cat <<EOT
[suite]
state_dir = $1/state
report_dir = $1/report
metrics_dir = $1/metrics
time_zone = Asia/Tokyo

[mysql]
writer = $(endpoints "$1" ' ' writer)
$reader_line
database = marketplace
user = nightshift
password_file = $1/mysql.password
max_replica_lag = 30s
EOT
    ((${#memcached_nodes[@]} == 0)) || cat <<EOT

[memcached]
nodes = $(endpoints "$1" ' ' "${memcached_nodes[@]}")
client = ext-memcached
key_prefix = app_
key_rule = cake1
EOT
    ((${#redis_servers[@]} == 0)) || cat <<EOT

[redis]
server = $(endpoints "$1" ' ' redis)
EOT
    [[ ! -e $1/run/notices.port ]] || cat <<EOT

[notify]
via = webhook
webhook_url = $(url_of "$1" notices)/webhook
EOT
}

# One domain serves documents, searches and configuration.
print_push_settings() { # DIR
    local url
    url=$(url_of "$1" cloudsearch)
    [[ -n $url ]] || return 0
    cat <<EOT

[cloudsearch]
document_endpoint = $url
search_endpoint = $url
config_endpoint = $url
domain = lancers
region = $sandbox_region

[push-lancers]
query = SELECT l.id, l.nickname, l.headline, l.profile, l.prefecture, l.user_type, l.grade,
    l.hourly_wage, l.evaluation, l.completed_works, l.identified, l.status, l.last_login, l.created, l.modified,
    (SELECT GROUP_CONCAT(s.name ORDER BY s.name SEPARATOR '|') FROM lancer_skills k JOIN skills s ON s.id = k.skill_id
      WHERE k.lancer_id = l.id AND s.deleted = 0) AS skills
  FROM lancers l
  WHERE l.id > {after} AND l.deleted = 0
  ORDER BY l.id LIMIT {limit}
document_id = lancer_{id}
field.skills = literal-array split |
field.user_type = literal
field.prefecture = literal
field.grade = literal
field.status = literal
time_zone = Asia/Tokyo
batch_interval = 0s
EOT
}

print_features() {
    cat <<'EOT'

[feature jobs]
owner = team-jobs
why = clients post works, lancers propose
tables = works, proposals

[feature profiles]
owner = team-lancers
why = lancers show what they can do
tables = lancers, categorizations
EOT
}

print_count_settings() {
    cat <<'EOT'

[count works_by_category]
query = SELECT category_id, COUNT(*) FROM works WHERE deleted = 0 AND status = 'open'
  GROUP BY category_id
categories = SELECT id, parent_id FROM categories
roll_up = yes
key = Category.Count/{id}
map_key = Category.CountMap
value = int
ttl = 2d

[count lancers_by_category]
query = SELECT category_id, COUNT(*) FROM categorizations WHERE categorization_type = 'User'
  GROUP BY category_id
categories = SELECT id, parent_id FROM categories
roll_up = yes
key = Category.LancerCount/{id}
map_key = Category.LancerCountMap
value = int
ttl = 2d
EOT
}

# DIR/sql SERVER ...: the client as administrator.
write_sql_script() { # DIR
    cat >"$1/sql" <<EOT
#!/bin/sh
# sql writer|reader1|... [mysql client option...]: asks a server of this sandbox as root.
server=\${1:?"usage: sql SERVER [mysql client option...]"}
shift
unset MYSQL_HOST MYSQL_PWD # the client obeys them
exec mariadb --no-defaults --default-character-set=utf8mb4 --user=root --database=marketplace \\
    --socket="$1/\$server.sock" "\$@"
EOT
    chmod 755 "$1/sql"
}
