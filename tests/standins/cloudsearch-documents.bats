#!/usr/bin/env bats
# The document service of cloudsearch-local: each limit just at and just above, and each error in its form.
bats_require_minimum_version 1.5.0
load support

setup() {
    start --access open
}

@test "adds replace whole documents, deletes count even when there was nothing" {
    upload '[{"type":"add","id":"b","fields":{"nickname":"x","grade":"gold"}},{"type":"add","id":"a","fields":{"hourly_wage":1500}},
        {"type":"delete","id":"nothing"}]'
    accepts
    assert_equal "$(jq -c '[.adds, .deletes, has("warnings")]' <<<"$body")" '[2,1,false]'
    upload "$(add b prefecture '"東京都"')"
    assert_equal "$(dump)" '{"id":"a","fields":{"hourly_wage":"1500"}}
{"id":"b","fields":{"prefecture":"東京都"}}'
    upload '[{"type":"delete","id":"a"}]'
    assert_equal "$(jq -c '[.adds, .deletes]' <<<"$body")" '[0,1]'
    assert_equal "$(dump)" '{"id":"b","fields":{"prefecture":"東京都"}}'
}

@test "a batch with one bad document changes nothing, and the message says which" {
    upload "$(add keep grade '"a"')"
    upload '[{"type":"add","id":"new","fields":{"grade":"b"}},{"type":"delete","id":"keep"},
        {"type":"add","id":"9716739","fields":{"grade":["b","c"]}}]'
    refuses 400 'Field "grade" must have array type to have multiple values (near operation with index 3; document_id 9716739)'
    assert_equal "$(dump)" '{"id":"keep","fields":{"grade":"a"}}'
}

@test "all bad documents are reported, up to ten" {
    upload "[$(for i in {1..12}; do printf '%s{"type":"add","id":"d%s","fields":{"nope":"x"}}' "$([ "$i" = 1 ] || echo ,)" "$i"; done)]"
    refuses 400 'Field "nope" does not exist in domain configuration (near operation with index 1; document_id d1)'
    assert_equal "$(jq '.errors | length' <<<"$body")" 10
}

@test "what is no batch" {
    for bad in '' '{}' '[' '[1]' '["a"]' '[{"type":"delete","id":"a"}' '[{"type":"delete","id":"a"},]' '[{"type":"delete","id":"a"}] x' \
        '[{"type":"delete","id":"a"} {"type":"delete","id":"b"}]' '[{"type":"delete","id":"a","id":"b"}]' "[{'type':'delete','id':'a'}]"; do
        upload "$bad"
        refuses 400 ''
    done
    upload '[]'
    refuses 400 'at least one operation'
    upload '[[{"type":"delete","id":"a"}]]'
    refuses 400 'Operations cannot be JSON arrays (near operation with index 1)'
    assert_equal "$(dump)" ''
}

@test "operations: type, id, fields" {
    upload '[{"id":"a","fields":{"grade":"x"}}]'
    refuses 400 '"type" must be "add" or "delete"'
    upload '[{"type":"update","id":"a","fields":{"grade":"x"}}]'
    refuses 400 '"type" must be'
    upload '[{"type":"add","fields":{"grade":"x"}}]'
    refuses 400 'must have an "id"'
    upload '[{"type":"add","id":7,"fields":{"grade":"x"}}]'
    refuses 400 '"id" must be a string'
    upload '[{"type":"add","id":"a"}]'
    refuses 400 'at least one field'
    upload '[{"type":"add","id":"a","fields":{}}]'
    refuses 400 'at least one field'
    upload '[{"type":"delete","id":"a","fields":{"grade":"x"}}]'
    refuses 400 '"delete" must not have "fields"'
    upload '[{"type":"delete","id":"a"},{"type":"add","id":"a","fields":{"grade":"x"}}]'
    refuses 400 'stands twice'
}

@test "keys of the API of 2011 are warned of" {
    upload '[{"type":"add","id":"9716739","version":1,"lang":"en","fields":{"grade":"x"}}]'
    accepts
    assert_equal "$(jq -r '.warnings[0].message' <<<"$body")" \
        "\"add\" has unknown attribute(s): ['version', 'lang'] (near operation with index 1; document_id 9716739)"
}

@test "ids: 128 characters of a set" {
    upload "$(add "$(repeat 128 a)" grade '"x"')"
    accepts
    upload "$(add "$(repeat 129 a)" grade '"x"')"
    refuses 400 '"id" must be less than 128 characters'
    upload "$(add 'Az09_-=#;:/?@&' grade '"x"')"
    accepts
    for bad in '' 'a b' 'a.b' 'a+b' 'あ' 'a\u0000b'; do
        upload "$(add "$bad" grade '"x"')"
        refuses 400 '"id"'
    done
}

@test "characters: XML 1.0, and on request only the BMP" {
    upload "$(add a profile '"tab\t lf\n cr\r del\u007f \ud7ff \ue000 \ufffd"')"
    accepts
    for point in 0 7 B 1F FFFE FFFF; do
        upload "$(add a profile "\"x\\u$(printf %04x "0x$point")\"")"
        refuses 400 "Validation error for field 'profile': Invalid codepoint $point"
    done
    upload "$(add a profile '"\ud800"')"
    refuses 400 'Invalid JSON'
    upload "$(add a profile $'"\xff"')"
    refuses 400 'not valid in its charset'
    upload "$(add a profile '"😀"')"
    accepts
    stop
    start --access open --refuse-non-bmp
    upload "$(add a profile '"😀"')"
    refuses 400 'Invalid codepoint 1F600'
    upload "$(add a profile '"\uffee"')"
    accepts
}

@test "numbers, dates and arrays by their types" {
    local good=('hourly_wage "9223372036854775807"' 'hourly_wage "-9223372036854775808"' 'hourly_wage 5' 'hourly_wage ["5"]'
        'evaluation "4.75"' 'evaluation 4.75' 'evaluation "-1e3"' 'last_login "2018-02-15T02:38:53Z"'
        'last_login "2018-02-15T02:38:53.123Z"' 'categories ["1","2"]' 'categories "1"' 'grade ""' 'nickname ""')
    local bad=('hourly_wage "9223372036854775808"' 'hourly_wage "-9223372036854775809"' 'hourly_wage ""' 'hourly_wage "1.5"'
        'hourly_wage "x"' 'hourly_wage 1e400' 'hourly_wage 1.5' 'hourly_wage true' 'hourly_wage null' 'hourly_wage ["1","2"]' 'evaluation "NaN"'
        'evaluation ""' 'evaluation "1e999"' 'last_login "2018-02-15 02:38:53"' 'last_login "2018-02-15T02:38:53+09:00"'
        'last_login "2018-02-30T00:00:00Z"' 'last_login "0000-00-00T00:00:00Z"' 'last_login ""' 'categories []' 'categories ["1","x"]'
        'categories [["1"]]' 'nickname {"a":"b"}' 'nickname null' 'skills [null]')
    local case
    for case in "${good[@]}"; do
        upload "$(add a "${case%% *}" "${case#* }")"
        accepts
    done
    for case in "${bad[@]}"; do
        upload "$(add a "${case%% *}" "${case#* }")"
        refuses 400 ''
    done
    assert_equal "$(dump)" '{"id":"a","fields":{"nickname":""}}'
    stop
    start --access open --refuse-numbers
    upload "$(add a hourly_wage 5)"
    refuses 400 'must have string values'
}

@test "a literal holds 4096 characters, not bytes" {
    upload "$(add a grade "\"$(repeat 4096 あ)\"")"
    accepts
    upload "$(add a grade "\"$(repeat 4097 a)\"")"
    refuses 400 'longer than 4096 characters'
    upload "$(add a skills "[\"$(repeat 4097 a)\"]")"
    refuses 400 'longer than 4096 characters'
    upload "$(add a profile "\"$(repeat 4097 a)\"")"
    accepts
}

@test "an array field holds 1000 values" {
    upload "$(add a skills "[$(repeat 999 '"x",')\"y\"]")"
    accepts
    upload "$(add a skills "[$(repeat 1000 '"x",')\"y\"]")"
    refuses 400 'must not have more than 1000 values'
}

@test "a document has 200 fields, and a dynamic field fits by its longest pattern" {
    echo '{"IndexFields":[{"IndexFieldName":"*_l","IndexFieldType":"literal"},{"IndexFieldName":"*_x_l","IndexFieldType":"int"}]}' \
        >"$BATS_TEST_TMPDIR/fields.json"
    fields=$BATS_TEST_TMPDIR/fields.json
    stop
    start --access open
    many() { # COUNT
        jq -nc --argjson n "$1" '[{type: "add", id: "a", fields: ([range($n) | {key: "f\(.)_l", value: "x"}] | from_entries)}]'
    }
    upload "$(many 200)"
    accepts
    upload "$(many 201)"
    refuses 400 'must not have more than 200 fields'
    upload "$(add b a_x_l '"7"')"
    accepts
    upload "$(add b a_x_l '"seven"')"
    refuses 400 'of type int'
    upload "$(add b _l '"x"')"
    refuses 400 'does not exist'
    upload "$(add b "$(repeat 62 a)_l" '"x"')"
    accepts
    upload "$(add b "$(repeat 63 a)_l" '"x"')"
    refuses 400 'does not exist'
}

# A document of exactly so many bytes.
sized() { # BYTES ID
    local begin="{\"type\":\"add\",\"id\":\"$2\",\"fields\":{\"profile\":\"" end='"}}'
    printf '%s%s%s' "$begin" "$(repeat $(($1 - ${#begin} - ${#end})) x)" "$end"
}

@test "a document is 1 MB, counted on the whole operation" {
    printf '[ %s ]' "$(sized 1000000 a)" >"$BATS_TEST_TMPDIR/batch"
    upload "@$BATS_TEST_TMPDIR/batch"
    accepts
    printf '[%s]' "$(sized 1000001 a)" >"$BATS_TEST_TMPDIR/batch"
    upload "@$BATS_TEST_TMPDIR/batch"
    refuses 400 'Document size exceeded: 1000001 bytes'
}

@test "a batch is 5 MB: 413" {
    for extra in 0 1; do
        printf '[%s,%s,%s,%s,%s]' "$(sized 900000 a)" "$(sized 900000 b)" "$(sized 900000 c)" "$(sized 900000 d)" \
            "$(sized 700000 e)" >"$BATS_TEST_TMPDIR/batch"
        printf "%$((5000000 + extra - $(stat -c %s "$BATS_TEST_TMPDIR/batch")))s" '' >>"$BATS_TEST_TMPDIR/batch"
        upload "@$BATS_TEST_TMPDIR/batch"
        if ((extra)); then refuses 413 'The Content-Length is too long'; else accepts; fi
    done
    stop
    start --access open --max-batch 5MiB
    upload "@$BATS_TEST_TMPDIR/batch"
    accepts
}

@test "a body over 20 MiB meets the front proxy: HTML" {
    truncate -s 20971521 "$BATS_TEST_TMPDIR/batch"
    upload "@$BATS_TEST_TMPDIR/batch"
    assert_equal "$code" 413
    assert_contains "$body" "Request size exceeded 20971520 bytes"
    assert_contains "$head" "Content-Type: text/html"
}

@test "content type, charset, coding, Accept" {
    local json='[{"type":"delete","id":"a"}]'
    ask -H 'Content-Type:' --data-binary "$json" "$url$batch_path"
    refuses 400 'Content-Type header is required'
    ask -H 'Content-Type: application/octet-stream' --data-binary "$json" "$url$batch_path"
    refuses 415 "Content-Type header must be one of ['application/xml', 'application/json'] (was application/octet-stream)"
    for charset in utf-8 UTF-8 '"utf-8"' us-ascii iso-8859-1; do
        ask -H "Content-Type: application/json; charset=$charset" --data-binary "$json" "$url$batch_path"
        accepts
    done
    ask -H 'Content-Type: application/json; charset=Shift_JIS' --data-binary "$json" "$url$batch_path"
    refuses 415 'charset'
    ask -H 'Content-Type: application/json; charset=iso-8859-1' --data-binary "$(add a grade $'"\xe9"')" "$url$batch_path"
    accepts
    assert_equal "$(dump)" '{"id":"a","fields":{"grade":"é"}}'
    ask -H 'Content-Type: application/json; charset=ascii' --data-binary "$(add a grade '"é"')" "$url$batch_path"
    refuses 400 'not valid in its charset'
    gzip -c <<<"$json" >"$BATS_TEST_TMPDIR/gz"
    upload "@$BATS_TEST_TMPDIR/gz" -H 'Content-Encoding: gzip'
    refuses 415 'Content-Encoding "gzip" is not accepted'
    upload "$json" -H 'Accept: text/plain'
    refuses 406 'Accept'
    upload "$json" -H 'Accept: application/json, text/plain'
    accepts
}

@test "no Content-Length: 411, so no chunked body" {
    upload '[{"type":"delete","id":"a"}]' -H 'Transfer-Encoding: chunked'
    refuses 411 'Content-Length'
    upload '[{"type":"delete","id":"a"}]' -H 'Transfer-Encoding: chunked' -H 'Content-Length: 28'
    refuses 411 'Content-Length'
    ask -X POST -H 'Content-Type: application/json' "$url$batch_path"
    refuses 411 'Content-Length'
}

@test "only POST, only this path, no unknown parameter" {
    ask "$url$batch_path"
    refuses 405 'POST'
    assert_contains "$head" 'Allow: POST'
    for path in /2011-02-01/documents/batch /2013-01-01/documents /2013-01-01/documents/batch/ /x; do
        ask -H 'Content-Type: application/json' --data-binary '[]' "$url$path"
        assert_equal "$code" 403
        assert_contains "$body" "Request forbidden by administrative rules"
        assert_contains "$head" "Content-Type: text/html"
    done
    ask -H 'Content-Type: application/json' --data-binary '[{"type":"delete","id":"a"}]' "$url$batch_path?format=sdk"
    accepts
    ask -H 'Content-Type: application/json' --data-binary '[{"type":"delete","id":"a"}]' "$url$batch_path?format=xml"
    refuses 400 'Unknown query parameter'
}

xml() { # BATCH [CURL-ARGUMENT...]
    local data=$1
    shift
    ask -H 'Content-Type: application/xml' --data-binary "$data" "$@" "$url$batch_path"
}

@test "XML: the same checks, and answers in XML" {
    xml '<?xml version="1.0" encoding="UTF-8"?>
        <batch><add id="a"><field name="nickname">A &amp; <![CDATA[<B>]]></field><field name="skills">C</field><field name="skills">PHP</field></add>
        <delete id="b"/></batch>'
    assert_equal "$code" 200
    assert_contains "$body" '<response status="success" adds="1" deletes="1">'
    assert_contains "$head" 'Content-Type: application/xml'
    assert_equal "$(dump)" '{"id":"a","fields":{"nickname":"A & <B>","skills":["C","PHP"]}}'
    xml '<batch><add id="a"><field name="nope">x</field></add></batch>'
    assert_equal "$code" 400
    assert_contains "$body" '<response status="error" adds="0" deletes="0"><errors><error>Field &quot;nope&quot; does not exist'
    xml '<batch><add id="a" lang="en"><field name="grade">x</field></add></batch>'
    assert_contains "$body" "<warning>&quot;add&quot; has unknown attribute(s): [&#39;lang&#39;]"
    xml '<batch><delete id="a"/></batch>' -H 'Accept: application/json'
    accepts
    ask -H 'Content-Type: application/xml; charset=iso-8859-1' --data-binary \
        $'<?xml version="1.0" encoding="ISO-8859-1"?><batch><add id="l"><field name="grade">\xe9</field></add></batch>' "$url$batch_path"
    assert_equal "$code" 200
    assert_equal "$(dump | tail -n 1)" '{"id":"l","fields":{"grade":"é"}}'
    xml '<batch><delete id="l"/></batch>'
    for bad in '<batch>' '<batch/>' '<batch></batch>' '<b/>' '<batch><put id="a"/></batch>' '<batch><delete id="a">x</delete></batch>' \
        '<batch><add id="a"><f/></add></batch>' '<batch><add id="a"><field name="grade"><b/></field></add></batch>' 'x' \
        '<!DOCTYPE b [<!ENTITY e "x">]><batch><delete id="a"/></batch>' '<batch><add id="a"><field name="grade">&#7;</field></add></batch>'; do
        xml "$bad"
        assert_equal "$code" 400
        assert_contains "$body" 'status="error"'
    done
    assert_equal "$(dump)" ''
}

@test "XML: the size of a document is that of its element" {
    local begin='<add id="a"><field name="profile">' end='</field></add>'
    for bytes in 1000000 1000001; do
        printf '<batch>\n%s%s%s</batch>' "$begin" "$(repeat $((bytes - ${#begin} - ${#end})) x)" "$end" >"$BATS_TEST_TMPDIR/batch"
        xml "@$BATS_TEST_TMPDIR/batch"
        if ((bytes == 1000000)); then assert_equal "$code" 200; else assert_contains "$body" 'Document size exceeded: 1000001 bytes'; fi
    done
}

@test "one batch in an interval, across a restart: 507" {
    stop
    start --access open --batch-interval 1h
    upload "$(add a grade '"x"')"
    accepts
    upload "$(add b grade '"x"')"
    refuses 507 'One batch in'
    stop
    start --access open --batch-interval 1h
    upload "$(add b grade '"x"')"
    refuses 507 'One batch in'
    stop
    start --access open
    upload "$(add b grade '"x"')"
    accepts
}
