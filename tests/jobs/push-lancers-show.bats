#!/usr/bin/env bats
# push-lancers: what --dry-run shows, what --verify finds, what --check says.
bats_require_minimum_version 1.5.0
load support

setup() {
    fresh_state
    empty_domain
    drop_section push-lancers
    cat >>"$ini" <<'EOT'

[push-lancers]
query = SELECT 1
document_id = lancer_{id}
field.skills = literal-array split |
field.created = date
batch_interval = 0s
verify_time = 0s
max_delete = 100%
max_change = 100%
EOT
    rows_are "1, 'Ann', 1000, 4.50, '2026-11-23 03:04:05', 'php|mysql'" "2, 'Bob', 2000, 3.00, NULL, 'c'" \
        "3, '山田', 3000, 0.10, '2026-11-23 03:04:05', NULL"
}

# The domain without documents, and the stand-in with these options, as without any.
empty_domain() {
    if (($# > 0)) || [[ -e $BATS_FILE_TMPDIR/optional ]]; then
        restart_domain "$@"
    fi
    fresh_domain
    : >"$SANDBOX/cloudsearch-requests.jsonl"
}

restart_domain() {
    "$root/tests/sandbox/restart" "$SANDBOX" cloudsearch "$@" 3>&-
    rm -f "$BATS_FILE_TMPDIR/optional"
    (($# == 0)) || touch "$BATS_FILE_TMPDIR/optional"
}


# What somebody else does in the domain.
upload() {
    local answer
    answer=$(curl -sS --aws-sigv4 "aws:amz:$AWS_REGION:cloudsearch" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
        -H 'Content-Type: application/json' --data-binary "$1" "$CLOUDSEARCH_URL/2013-01-01/documents/batch")
    assert_equal "$(jq -r .status <<<"$answer")" success
}

# The rows of the query: "ID, NICKNAME, WAGE, EVALUATION, CREATED, SKILLS" each, a line per row.
rows_are() {
    local rows="SELECT 0 AS id, '' AS nickname, 0 AS hourly_wage, 0.00 AS evaluation, NOW() AS created,\n    '' AS skills FROM dual WHERE 1 = 0"
    local row
    for row; do
        rows+="\n    UNION ALL SELECT $row"
    done
    set_key push-lancers query "SELECT * FROM ($rows) AS r\n    WHERE id > {after} ORDER BY id LIMIT {limit}"
}

# Requests to the document service since the last fresh_domain.
uploads() {
    grep -c '"/2013-01-01/documents/batch"' "$SANDBOX/cloudsearch-requests.jsonl" || true
}

# The number that a dry run shows.
shown() {
    sed -n "s/^$1  *\([0-9,]*\)\$/\1/p" <<<"$output"
}

faults() {
    curl -sS -X POST --data-binary "$1" "$CLOUDSEARCH_URL/_faults" >/dev/null
}

@test "dry run of a first push: counts and new documents, and nothing is sent" {
    run_job 0 push-lancers --dry-run
    assert_equal "$(shown "new")" 3
    assert_contains "$output" "new, 3 of 3:"
    assert_contains "$output" "document  nickname  created               evaluation  hourly_wage"
    assert_contains "$output" "lancer_1  Ann       2026-11-22T18:04:05Z  4.50        1000"
    assert_contains "$output" "lancer_3  山田      2026-11-22T18:04:05Z  0.10        3000"
    [[ $output != *changed,* && $output != *deleted,* ]]
    assert_equal "$(uploads)" 0
    assert_equal "$(domain_documents)" ""
    [[ ! -e $state/push-lancers.lancers.manifest ]]
}

@test "dry run of changes: field by field against the domain, deleted ones, rows that are no document" {
    run_job 0 push-lancers
    assert_equal "$(uploads)" 1
    # Numbers and dates that are written in another way are no change of theirs.
    rows_are "1, 'Anne', 1000, 4.5, '2026-11-23 03:04:05.000', 'mysql|php'" "3, '山田', NULL, 0.10, '2026-11-23 03:04:05', 'go'" \
        "4, REPEAT('x', 1100000), 1, 1, NULL, ''"
    run_job 0 push-lancers --dry-run
    assert_equal "$(shown "changed")" 2
    assert_equal "$(shown "deleted")" 1
    assert_equal "$(shown "rows that are no document")" 1
    assert_contains "$output" "changed, 2 of 2:"
    assert_contains "$output" "lancer_1  nickname     Ann            ->  Anne"
    assert_contains "$output" "lancer_3  hourly_wage  3000           ->  (not sent)"
    assert_contains "$output" "          skills       (none)         ->  go"
    [[ $output != *evaluation* && $output != *created* ]]
    assert_contains "$output" $'deleted, 1 of 1:\nlancer_2'
    assert_contains "$output" "4    nickname  is larger than a document may be"
    assert_equal "$(uploads)" 1
    assert_equal "$(domain_documents | wc -l)" 3
}

@test "dry run: a long value is shown where it changes, and nothing in it controls the terminal" {
    local long="REPEAT('あ', 100)"
    rows_are "1, CONCAT($long, '前', CHAR(10 USING utf8mb4), $long), 1, 1, NULL, NULL"
    run_job 0 push-lancers
    rows_are "1, CONCAT($long, '後', CHAR(13 USING utf8mb4), 'え', $long), 1, 1, NULL, NULL"
    run_job 0 push-lancers --dry-run
    assert_contains "$output" "…あああああああああ前"
    assert_contains "$output" "…あああああああああ後\\x0D"
    [[ $output != *$'\r'* ]]
    # Not wider than a terminal.
    (($(LC_ALL=C.UTF-8 wc -L <<<"$output") < 110))
}

@test "dry run of what a guard would refuse: 65, and the changes are shown all the same" {
    run_job 0 push-lancers
    set_key push-lancers max_delete 1
    rows_are "1, 'Anne', 1000, 4.50, '2026-11-23 03:04:05', 'php|mysql'"
    run_job 65 push-lancers --dry-run
    assert_contains "$stderr" "guard \\\"max_delete\\\""
    assert_contains "$output" "lancer_1  nickname  Ann            ->  Anne"
    assert_contains "$output" $'deleted, 2 of 2:\nlancer_2\nlancer_3'
}

@test "dry run of a column that is gone: what the domain would lose" {
    run_job 0 push-lancers
    set_key push-lancers field.skills skip
    run_job 0 push-lancers --dry-run
    assert_equal "$(shown "changed")" 2
    assert_contains "$output" "lancer_1  skills  php, mysql     ->  (not sent)"
    assert_contains "$output" "lancer_2  skills  c              ->  (not sent)"
}

@test "dry run without a search endpoint, or one that fails: the new values, and why there are no old ones" {
    run_job 0 push-lancers
    rows_are "1, 'Anne', 1000, 4.5, NULL, NULL"
    faults '[{"service": "search", "status": 503, "times": 1000}]'
    run_job 0 push-lancers --dry-run
    assert_contains "$output" "(the old values are not known: the domain could not be searched)"
    assert_contains "$output" "lancer_1  evaluation   (not found)    ->  4.5"
    assert_contains "$output" "deleted, 2 of 2:"
    faults '[]'
    drop_key cloudsearch search_endpoint
    run_job 0 push-lancers --dry-run
    assert_contains "$output" "(the old values are not known: [cloudsearch] search_endpoint is not set)"
}

@test "verify: all that was sent or is unchanged is found, numbers and dates by value" {
    run_job 0 push-lancers --verify 10 -v
    assert_equal "$output" ""
    assert_contains "$stderr" "looked up 3 documents: 3 are as sent"
    assert_equal "$(record push-lancers '[.outputs.verified, .outputs.missing, .outputs.different, .outputs.not_yet_visible] | join(" ")')" "3 0 0 0"
    assert_equal "$(record push-lancers .outputs.verified_fields)" 13
    upload '[{"type": "add", "id": "lancer_1", "fields": {"nickname": "Ann", "hourly_wage": 1000, "evaluation": 4.5,
        "created": "2026-11-22T18:04:05.000Z", "skills": ["mysql", "php"]}}]'
    run_job 0 push-lancers --verify 10
    assert_equal "$stderr" ""
    assert_equal "$(record push-lancers .outputs.verified)" 3
    run_job 0 push-lancers --verify 2
    assert_equal "$(record push-lancers .outputs.verified)" 2
}

@test "verify: twenty documents with each search, and the rest with the last" {
    local -a rows=()
    local i
    for i in {1..45}; do rows+=("$i, 'n$i', $i, 1, NULL, NULL"); done
    rows_are "${rows[@]}"
    run_job 0 push-lancers --verify 100
    assert_equal "$(record push-lancers .outputs.verified)" 45
    assert_equal "$(grep -c '"/2013-01-01/search"' "$SANDBOX/cloudsearch-requests.jsonl")" 4 # one, whether the domain is empty
    upload '[{"type": "delete", "id": "lancer_20"}, {"type": "delete", "id": "lancer_21"}, {"type": "delete", "id": "lancer_45"}]'
    run_job 1 push-lancers --verify 100
    assert_equal "$(record push-lancers '[.unverified[].document] | sort | join(" ")')" "lancer_20 lancer_21 lancer_45"
}

@test "verify: what becomes visible late is waited for, and if it takes longer, only reported" {
    empty_domain --visible-after 1h
    run_job 0 push-lancers --verify 10 -v
    assert_contains "$stderr" "3 not yet visible"
    assert_equal "$(record push-lancers '[.outputs.verified, .outputs.not_yet_visible] | join(" ")')" "0 3"
    assert_equal "$(record push-lancers '[.unverified[].finding] | unique | join(" ")')" "not yet visible"
    empty_domain --visible-after 1s
    set_key push-lancers verify_time 5m
    run_job 0 push-lancers --verify 10 --full
    assert_equal "$(record push-lancers '[.outputs.verified, .outputs.not_yet_visible] | join(" ")')" "3 0"
}

@test "verify: a document with its old content still is not yet visible" {
    run_job 0 push-lancers
    restart_domain --visible-after 1h
    rows_are "1, 'Anne', 1000, 4.50, '2026-11-23 03:04:05', 'php|mysql'"
    run_job 0 push-lancers --verify 10 -v
    assert_contains "$stderr" "document \\\"lancer_1\\\" is not yet visible with its new nickname"
    assert_equal "$(record push-lancers '[.outputs.verified, .outputs.not_yet_visible] | join(" ")')" "0 1"
}

@test "verify: documents changed or deleted behind our back are named, exit 1" {
    run_job 0 push-lancers
    upload '[{"type": "delete", "id": "lancer_2"},
        {"type": "add", "id": "lancer_3", "fields": {"nickname": "田中", "hourly_wage": "3000", "evaluation": "0.1"}}]'
    run_job 1 push-lancers --verify 10
    assert_contains "$stderr" "document \\\"lancer_2\\\" is missing in the domain"
    assert_contains "$stderr" "document \\\"lancer_3\\\" has another content in the domain than it has acknowledged: created, nickname"
    assert_contains "$stderr" "of 3 documents looked up, 1 are missing in the domain and 1 have another content"
    assert_equal "$(record push-lancers '[.outputs.verified, .outputs.missing, .outputs.different] | join(" ")')" "1 1 1"
    assert_equal "$(record push-lancers '[.unverified[] | .document + " " + .finding] | join(", ")')" "lancer_2 missing, lancer_3 different"
}

@test "verify: what the domain refuses is not looked for, and does not count as missing" {
    faults '[{"service": "document", "status": 400, "times": 1000, "text":
        "{\"__type\":\"#DocumentServiceException\",\"status\":\"error\",\"adds\":0,\"deletes\":0,\"message\":\"no\",\"errors\":[{\"message\":\"no (near operation with index 1; document_id lancer_2)\"}]}",
        "type": "application/json"}]'
    rows_are "2, 'Bob', 2000, 3.00, NULL, 'c'"
    run_job 1 push-lancers --verify 10 -v
    assert_contains "$stderr" "1 documents of the sample were not acknowledged by the domain"
    assert_equal "$(record push-lancers '[.outputs.verified, .outputs.missing, .outputs.not_yet_visible] | join(" ")')" "0 0 0"
}

@test "verify needs a search endpoint and something that is sent" {
    run_job 64 push-lancers --verify 10 --dry-run
    assert_contains "$stderr" "--dry-run sends nothing"
    drop_key cloudsearch search_endpoint
    run_job 78 push-lancers --verify 10
    assert_contains "$stderr" "search_endpoint"
    assert_equal "$(uploads)" 0
}

@test "check: everything is right, nothing is changed, no key is shown" {
    run_job 0 push-lancers --check
    assert_contains "$output" "ok  MySQL server "
    assert_contains "$output" " behind"
    assert_contains "$output" 'ok  [push-lancers] query: documents "lancer_{id}" with 5 fields'
    assert_contains "$output" "      id                       is not sent"
    assert_contains "$output" "      skills                   literal-array"
    assert_contains "$output" "ok  credentials: the environment, region us-east-1"
    assert_contains "$output" "ok  may upload to $CLOUDSEARCH_URL"
    assert_contains "$output" "ok  may search in $CLOUDSEARCH_URL: 0 documents"
    assert_contains "$output" "ok  domain lancers: partitions 1"
    assert_contains "$output" "ok  the domain has an index field for each of the 5 fields"
    assert_contains "$output" "ok  state directory"
    assert_equal "$stderr" ""
    [[ $output != *"$AWS_SECRET_ACCESS_KEY"* && $output != *"$AWS_ACCESS_KEY_ID"* ]]
    assert_equal "$(uploads)" 1
    assert_equal "$(domain_documents)" ""
}

@test "check: a field that the domain does not have, one of another type, several values for one: 78, a line for each" {
    set_key push-lancers query "SELECT 1 AS id, 'x' AS hourly_wage, 1.5 AS salary, 'a' AS nickname, 'b' AS grade, 1 AS evaluation FROM dual WHERE 1 > {after} LIMIT {limit}"
    drop_key push-lancers field.skills
    drop_key push-lancers field.created
    set_key push-lancers field.nickname "text-array split ,"
    run_job 78 push-lancers --check
    assert_contains "$stderr" 'field \"salary\": the domain has no index field for it (ours is double)'
    assert_contains "$stderr" 'field \"hourly_wage\" is text, but the domain'"'"'s index field \"hourly_wage\" is int'
    assert_contains "$stderr" 'field \"nickname\" is text-array, but the domain'"'"'s index field \"nickname\" is text'
    assert_contains "$stderr" 'field \"grade\" is text and the domain'"'"'s is literal'
    [[ $stderr != *evaluation* ]]
    assert_equal "$(grep -c 'level=error' <<<"$stderr")" 3
}

@test "check: an account that may not describe the domain is no failure, and said" {
    faults '[{"service": "configuration", "status": 403, "body": "xml", "code": "AccessDenied", "message": "no", "times": 2}]'
    run_job 0 push-lancers --check
    assert_contains "$output" "not checked: the domain's state and endpoints (needs cloudsearch:DescribeDomains)"
    assert_contains "$output" "not checked: the domain's index fields (needs cloudsearch:DescribeIndexFields)"
    assert_equal "$stderr" ""
}

# The next answer about the domain: created, deleted, waits for IndexDocuments.
domain_is() {
    local host=${CLOUDSEARCH_URL#http://}
    faults "$(jq -n --arg text "<DescribeDomainsResponse><DescribeDomainsResult><DomainStatusList><member>
        <DomainName>lancers</DomainName><Created>$1</Created><Deleted>$2</Deleted><Processing>$3</Processing>
        <RequiresIndexDocuments>$3</RequiresIndexDocuments><DocService><Endpoint>$host</Endpoint></DocService>
        <SearchService><Endpoint>$host</Endpoint></SearchService></member></DomainStatusList></DescribeDomainsResult>
        </DescribeDomainsResponse>" '[{service: "configuration", status: 200, type: "text/xml", text: $text}]')"
}

@test "check: a domain that is being made or deleted: 78; one that waits for indexing: a warning" {
    domain_is false false false
    run_job 78 push-lancers --check
    assert_contains "$stderr" 'the CloudSearch domain \"lancers\" is still being made'
    domain_is true true false
    run_job 78 push-lancers --check
    assert_contains "$stderr" 'the CloudSearch domain \"lancers\" is being deleted'
    domain_is true false true
    run_job 0 push-lancers --check
    assert_contains "$stderr" "changes that wait for IndexDocuments"
    assert_contains "$output" ", processing"
}

@test "check: what cannot be checked for lack of settings is said" {
    drop_key cloudsearch search_endpoint
    drop_key cloudsearch domain
    drop_key mysql readers
    set_key mysql allow_writer yes
    run_job 0 push-lancers --check
    assert_contains "$output" "), the writer"
    assert_contains "$output" "not set: search_endpoint"
    assert_contains "$output" "not checked: the domain and its index fields (needs [cloudsearch] domain and region)"
    assert_contains "$output" "ok  may upload to"
}

@test "check: wrong domain, wrong endpoint: 78" {
    set_key cloudsearch domain clients
    run_job 78 push-lancers --check
    assert_contains "$stderr" 'there is no CloudSearch domain \"clients\"'
    set_key cloudsearch domain lancers
    set_key cloudsearch search_endpoint "${CLOUDSEARCH_URL/127.0.0.1/localhost}"
    run_job 78 push-lancers --check
    assert_contains "$stderr" "[cloudsearch] search_endpoint is"
    assert_contains "$stderr" "but the domain's is"
}

@test "check: wrong secret key: 77, and it is not shown" {
    AWS_SECRET_ACCESS_KEY=no-such-secret run_job 77 push-lancers --check
    assert_contains "$output" "ok  credentials: the environment"
    assert_contains "$stderr" "SignatureDoesNotMatch"
    [[ $output$stderr != *no-such-secret* ]]
}

@test "check: without credentials: 78; where anonymous clients may search, they may not upload: 77" {
    set_key cloudsearch credentials file
    set_key cloudsearch credentials_file "$BATS_TEST_TMPDIR/none"
    run_job 78 push-lancers --check
    assert_contains "$stderr" "there are no AWS keys"
    drop_key cloudsearch credentials_file
    set_key cloudsearch credentials none
    run_job 77 push-lancers --check
    assert_contains "$stderr" "status 403"
}

@test "check: nobody listens: 69" {
    # The discard port.
    set_key cloudsearch document_endpoint http://127.0.0.1:9
    run_job 69 push-lancers --check
    assert_contains "$stderr" "cannot upload documents to"
}

@test "check: no SELECT privilege: 77, and the domain is looked at all the same" {
    sql writer -e "CREATE USER IF NOT EXISTS 'reader'@'%'; GRANT REPLICATION CLIENT ON *.* TO 'reader'@'%'"
    [[ $MYSQL_KIND != mariadb ]] || sql writer -e "GRANT REPLICA MONITOR ON *.* TO 'reader'@'%'"
    sql writer -e "GRANT SELECT ON marketplace.works TO 'reader'@'%'"
    wait_until 60 sql reader1 -e "SHOW GRANTS FOR 'reader'@'%'" >/dev/null 2>&1
    wait_until 60 bash -c "'$SANDBOX/sql' reader1 -e \"SHOW GRANTS FOR 'reader'@'%'\" | grep -q works"
    set_key mysql user reader
    drop_key mysql password_file
    set_key push-lancers query "SELECT id, nickname FROM lancers WHERE id > {after} ORDER BY id LIMIT {limit}"
    drop_key push-lancers field.skills
    drop_key push-lancers field.created
    run_job 77 push-lancers --check
    assert_contains "$stderr" "SELECT"
    assert_contains "$output" "ok  may upload to"
}
