# What the tests of push-lancers share: a small table whose rows are documents, a domain of its own for each test, and what both hold.
# shellcheck shell=bash disable=SC2034,SC2119,SC2120,SC2154

# Called from setup() after fresh_state: rows with everything that documents can have, settings for them, an empty domain.
fresh_documents() {
    unset "${!http_proxy@}" "${!HTTP_PROXY@}"
    export AWS_EC2_METADATA_DISABLED=true
    sql writer -e "
        DROP TABLE IF EXISTS push_rows;
        CREATE TABLE push_rows (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(60) NULL, body MEDIUMTEXT NULL, tags VARCHAR(4000) NULL,
            wage BIGINT NULL, rating DECIMAL(5,2) NULL, seen DATETIME NULL, stamp TIMESTAMP NULL DEFAULT NULL)
            ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
        INSERT INTO push_rows SELECT n.n, CONCAT('name ', n.n), CONCAT('本文 ', n.n), 'one,two', n.n * 10, n.n / 4,
            '2026-11-24 09:00:00', '2026-11-24 00:00:00'
        FROM (SELECT a.d + 10 * b.d + 1 AS n FROM
            (SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7
             UNION SELECT 8 UNION SELECT 9) a,
            (SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3) b) n"
    drop_key mysql readers
    set_key mysql allow_writer yes
    drop_section push-lancers
    drop_section cloudsearch
    cat >>"$ini" <<'EOT'

[push-lancers]
query = SELECT id, name, body, tags, wage, rating, seen, stamp FROM push_rows
  WHERE id > {after} ORDER BY id LIMIT {limit}
document_id = row_{id}
field.name = literal
field.tags = literal-array split ,
time_zone = Asia/Tokyo
batch_interval = 0s
max_delete = 50%
EOT
    cat >"$BATS_TEST_TMPDIR/fields.json" <<'EOT'
{"IndexFields": [
 {"Options": {"IndexFieldName": "name", "IndexFieldType": "literal"}},
 {"Options": {"IndexFieldName": "body", "IndexFieldType": "text"}},
 {"Options": {"IndexFieldName": "tags", "IndexFieldType": "literal-array"}},
 {"Options": {"IndexFieldName": "wage", "IndexFieldType": "int"}},
 {"Options": {"IndexFieldName": "rating", "IndexFieldType": "double"}},
 {"Options": {"IndexFieldName": "seen", "IndexFieldType": "date"}},
 {"Options": {"IndexFieldName": "stamp", "IndexFieldType": "date"}}
]}
EOT
    start_domain
}

# start_domain [OPTION...]: starts the domain, or starts it again with the same documents; on a port that the settings get.
start_domain() {
    local attempt port
    stop_domain
    for attempt in {1..20}; do
        port=$((10200 + SRANDOM % 22560))
        : >"$BATS_TEST_TMPDIR/domain.url"
        "$standin" --port "$port" --state-dir "$BATS_TEST_TMPDIR/domain" --fields "$BATS_TEST_TMPDIR/fields.json" \
            --request-log "$BATS_TEST_TMPDIR/requests.jsonl" "$@" \
            >"$BATS_TEST_TMPDIR/domain.url" 2>>"$BATS_TEST_TMPDIR/domain.log" 3>&- &
        domain_pid=$!
        until read -r domain_url <"$BATS_TEST_TMPDIR/domain.url" || ! kill -0 "$domain_pid" 2>/dev/null; do sleep 0.05; done
        [[ -z $domain_url ]] || break
        wait "$domain_pid" || grep -q 'in use' "$BATS_TEST_TMPDIR/domain.log" || break
    done
    [[ -n $domain_url ]] || {
        cat "$BATS_TEST_TMPDIR/domain.log" >&2
        return 1
    }
    local endpoint
    for endpoint in document search config; do
        set_key cloudsearch "${endpoint}_endpoint" "$domain_url"
    done
    set_key cloudsearch domain local
    set_key cloudsearch region us-east-1
}

# stop_domain [SIGNAL]
stop_domain() {
    [[ -n ${domain_pid:-} ]] || return 0
    kill "-${1:-TERM}" "$domain_pid" 2>/dev/null || true
    wait "$domain_pid" 2>/dev/null || true
    domain_pid=''
}

# faults JSON-LIST
faults() {
    curl -sS -o /dev/null -d "$1" "$domain_url/_faults"
}

# The documents as lines "id TAB name TAB body TAB tags TAB wage TAB rating TAB seen TAB stamp", sorted by id as text; "-" for what is not there.
domain_rows() {
    "$standin" --state-dir "$BATS_TEST_TMPDIR/domain" --dump |
        jq -r '[.id, (.fields | (.name, .body, (.tags // ["-"] | if type == "array" then join(",") else . end), .wage, .rating, .seen, .stamp))]
            | map(. // "-") | @tsv' | LC_ALL=C sort
}

# The same from the table, by SQL.
table_rows() {
    sql writer -N -e "SET time_zone = '+00:00'; SELECT CONCAT('row_', id), IFNULL(name, '-'), IFNULL(body, '-'), IFNULL(tags, '-'), IFNULL(wage, '-'),
        IFNULL(rating, '-'), IFNULL(DATE_FORMAT(seen - INTERVAL 9 HOUR, '%Y-%m-%dT%H:%i:%sZ'), '-'),
        IFNULL(DATE_FORMAT(stamp, '%Y-%m-%dT%H:%i:%sZ'), '-') FROM push_rows ${1:-}" | LC_ALL=C sort
}

# The domain holds exactly the rows of the table.
assert_in_step() {
    assert_equal "$(domain_rows)" "$(table_rows)"
}

# How many batches were posted so far.
posts() {
    jq -s '[.[] | select(.path | contains("documents/batch"))] | length' "$BATS_TEST_TMPDIR/requests.jsonl" 2>/dev/null || echo 0
}
