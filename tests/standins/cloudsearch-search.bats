#!/usr/bin/env bats
# The search service of cloudsearch-local.
bats_require_minimum_version 1.5.0
load support

setup() {
    start --access open
}

# Five lancers; l5 has next to nothing, so that missing values show.
five() {
    upload '[
        {"type":"add","id":"l1","fields":{"nickname":"山田 太郎","headline":"Web developer, PHP","profile":"ﾌﾟﾛｸﾞﾗﾏｰです。PHPが得意","prefecture":"東京都",
            "hourly_wage":"1500","evaluation":"4.5","skills":["C","PHP"],"created":"2018-01-01T00:00:00Z","grade":"gold"}},
        {"type":"add","id":"l2","fields":{"nickname":"Yamada","headline":"star wars fan","profile":"デザイナー","prefecture":"大阪府",
            "hourly_wage":"2500","evaluation":"3.25","skills":["PHP"],"created":"2018-01-02T00:00:00Z","grade":"silver"}},
        {"type":"add","id":"l3","fields":{"nickname":"佐藤","headline":"wars of the star","profile":"プログラマー <b>&</b>","prefecture":"東京都",
            "hourly_wage":"900","evaluation":"4.5","skills":["C"],"created":"2018-01-03T12:34:56.789Z","grade":"gold"}},
        {"type":"add","id":"l4","fields":{"nickname":"star star star","headline":"star","profile":"star","prefecture":"京都府",
            "hourly_wage":"10000","grade":"bronze"}},
        {"type":"add","id":"l5","fields":{"grade":"gold"}}]'
    accepts
}

hits() { # WANTED-IDS 'q=...'...: found and ids in any order
    local wanted=$1
    shift
    find_hits "$@"
    assert_equal "$code" 200
    assert_equal "$(jq -r '[.hits.hit[].id] | sort | join(" ")' <<<"$body")" "$wanted"
    assert_equal "$(jq .hits.found <<<"$body")" "$(wc -w <<<"$wanted")"
}

structured() { # WANTED-IDS QUERY
    hits "$1" "q=$2" q.parser=structured
}

search_fails() { # STATUS PART 'q=...'...
    local status=$1 part=$2
    shift 2
    find_hits "$@"
    assert_equal "$code $(jq -r .__type <<<"$body")" "$status #SearchException"
    assert_contains "$(jq -r .message <<<"$body")" "$part"
}

@test "the simple parser" {
    five
    hits "l2 l3 l4" q=star
    hits "l2 l3" 'q=star wars'
    hits "l2" 'q="star wars"'
    hits "l4" 'q=star -wars'
    hits "l1 l4" 'q=developer | (star -wars)'
    hits "l1" 'q=dev*'
    hits "" 'q=dev'
    hits "l1" q=PHP
    hits "l1" q=ｐｈｐ
    hits "l1 l2" 'q=wars yamada php' 'q.options={defaultOperator: "or", fields: ["nickname","profile"]}'
    hits "l4" q=star 'q.options={fields:["nickname"]}'
    hits "" q=東京都
    hits "l1 l3" q=東京都 'q.options={fields:["prefecture","nickname"]}'
}

@test "Japanese is found by pairs of characters, whatever the width" {
    five
    hits "l1 l3" q=プログラマー
    hits "l1 l3" q=ﾌﾟﾛｸﾞﾗﾏｰ
    hits "l1 l3" q=グラマ
    hits "" q=ログロ
    hits "" q=プマー
    hits "l1" q=太郎
    hits "l1 l3" 'q=プロ*'
    hits "" q=田
}

@test "the structured parser" {
    five
    structured "l1 l2 l3 l4 l5" matchall
    structured "l2 l3 l4" "'star'"
    structured "l4" "nickname:'star'"
    structured "l1 l3" "prefecture:'東京都'"
    structured "" "prefecture:'東京'"
    structured "l1 l3" "(prefix field=prefecture '東')"
    structured "l1 l2" "skills:'PHP'"
    structured "" "skills:'php'"
    structured "l1" "(and skills:'C' (not hourly_wage:{,1000]))"
    structured "l2" "(phrase field=headline 'star wars')"
    structured "l2 l4" "(or (range field=hourly_wage [2000,}) nickname:'nobody')"
    structured "l1 l3" "evaluation:4.5"
    structured "l1" "(term field=_id 'l1')"
    structured "l2 l3" "_id:['l2','l4'}"
    structured "l4 l5" "(range field=_id {'l3',})"
}

@test "ranges: closed, open, numbers, dates, strings" {
    five
    structured "l1 l3" "hourly_wage:[900,1500]"
    structured "l1" "hourly_wage:{900,1500]"
    structured "l3" "hourly_wage:[900,1500}"
    structured "" "hourly_wage:{900,1500}"
    structured "l4" "hourly_wage:[2501,}"
    structured "l2 l3" "created:['2018-01-02T00:00:00Z',}"
    structured "l3" "created:{'2018-01-02T00:00:00Z','2018-01-03T12:34:56.789Z']"
    structured "l4" "grade:['bronze','gold'}"
    structured "l1 l2 l3" "evaluation:[3,4.5]"
}

@test "fq filters and does not score" {
    five
    find_hits q=star fq="hourly_wage:{,3000]" return=_score
    local filtered=$body
    find_hits q=star return=_score
    assert_equal "$(jq '.hits.hit[] | select(.id == "l2") | .fields._score' <<<"$body")" \
        "$(jq '.hits.hit[] | select(.id == "l2") | .fields._score' <<<"$filtered")"
    assert_equal "$(jq -r '[.hits.hit[].id] | sort | join(" ")' <<<"$filtered")" "l2 l3"
}

@test "sort: direction, several, missing values last, by code point; the default is the score" {
    five
    local matchall=('q=matchall' q.parser=structured)
    find_hits "${matchall[@]}" 'sort=hourly_wage asc'
    assert_equal "$(ids)" "l3 l1 l2 l4 l5"
    find_hits "${matchall[@]}" 'sort=hourly_wage desc'
    assert_equal "$(ids)" "l4 l2 l1 l3 l5"
    find_hits "${matchall[@]}" 'sort=grade desc, hourly_wage desc'
    assert_equal "$(ids)" "l2 l1 l3 l5 l4"
    find_hits "${matchall[@]}" 'sort=_id desc'
    assert_equal "$(ids)" "l5 l4 l3 l2 l1"
    find_hits "${matchall[@]}" 'sort=nickname asc'
    assert_equal "$(ids)" "l2 l4 l3 l1 l5"
    find_hits q=star 'q.options={fields:["nickname^10","headline"]}'
    assert_equal "$(jq -r '.hits.hit[0].id' <<<"$body")" l4
    find_hits q=star 'sort=_score asc' return=_score
    [[ $(jq -c '[.hits.hit[].fields._score | tonumber]' <<<"$body") == "$(jq -c '[.hits.hit[].fields._score | tonumber] | sort' <<<"$body")" ]]
    search_fails 400 'asc or desc expected' "${matchall[@]}" sort=grade
    search_fails 400 'not sort enabled' "${matchall[@]}" 'sort=skills asc'
    search_fails 400 'not sort enabled' "${matchall[@]}" 'sort=profile asc'
    search_fails 400 'does not exist' "${matchall[@]}" 'sort=nope asc'
    local ten='_id asc'
    for _ in {1..9}; do ten+=',grade asc'; done
    find_hits "${matchall[@]}" "sort=$ten"
    assert_equal "$code" 200
    search_fails 400 'at most 10' "${matchall[@]}" "sort=$ten,grade asc"
}

@test "return, and the two forms of JSON" {
    five
    find_hits q=太郎
    assert_equal "$(jq -c '.hits.hit[0].fields | [.hourly_wage, .skills, (keys | length)]' <<<"$body")" '["1500",["C","PHP"],9]'
    [[ $(jq -c '[.status | keys[]]' <<<"$body") == '["rid","time-ms"]' ]]
    find_hits q=太郎 return=_no_fields
    assert_equal "$(jq -c '.hits' <<<"$body")" '{"found":1,"start":0,"hit":[{"id":"l1"}]}'
    find_hits q=太郎 return=hourly_wage,_score
    assert_equal "$(jq -c '.hits.hit[0].fields | keys' <<<"$body")" '["_score","hourly_wage"]'
    find_hits q=太郎 return=hourly_wage format=sdk pretty=true
    assert_equal "$(jq -c '[.hits.hit[0].fields, (.status | keys)]' <<<"$body")" '[{"hourly_wage":["1500"]},["rid","timems"]]'
    search_fails 400 'does not exist' q=x return=nope
    search_fails 400 'not served' q=x return=_version
}

@test "size and start: the first 10,000 hits" {
    five
    find_hits q=matchall q.parser=structured 'sort=_id asc' size=2 start=2
    assert_equal "$(ids) $(jq -c '[.hits.found, .hits.start]' <<<"$body")" "l3 l4 [5,2]"
    find_hits q=matchall q.parser=structured size=0
    assert_equal "$(jq -c .hits <<<"$body")" '{"found":5,"start":0,"hit":[]}'
    find_hits q=x size=10000
    assert_equal "$code" 200
    search_fails 400 "'size'" q=x size=10001
    search_fails 400 "'size'" q=x size=-1
    find_hits q=x size=1 start=9999
    assert_equal "$code" 200
    search_fails 400 'above 10000' q=x size=2 start=9999
    search_fails 400 'exclude' q=x start=0 cursor=initial
}

# All ids by cursor, in the order they came; $1 is the sort, more words are parameters.
walk() {
    local sort=$1 cursor=initial seen='' pages=0
    shift
    while ((pages++ < 50)); do
        find_hits q=matchall q.parser=structured "sort=$sort" size=2 return=_no_fields "cursor=$cursor" "$@"
        assert_equal "$code" 200
        [[ -n $(ids) ]] || break
        seen+="${seen:+ }$(ids)"
        cursor=$(jq -r .hits.cursor <<<"$body")
    done
    echo "$seen"
}

@test "cursors walk through all hits once, in any order, and hold while documents change" {
    five
    assert_equal "$(walk '_id asc')" "l1 l2 l3 l4 l5"
    assert_equal "$(walk '_id desc')" "l5 l4 l3 l2 l1"
    assert_equal "$(walk 'hourly_wage asc')" "l3 l1 l2 l4 l5"
    assert_equal "$(walk 'evaluation desc')" "l1 l3 l2 l4 l5"
    assert_equal "$(walk 'evaluation desc,hourly_wage asc')" "l3 l1 l2 l4 l5"
    assert_equal "$(walk '_score desc')" "l1 l2 l3 l4 l5"
    assert_equal "$(walk 'grade asc' "fq=_id:['l2','l5']")" "l4 l3 l5 l2"
    find_hits q=matchall q.parser=structured 'sort=_id asc' size=2 return=_no_fields cursor=initial
    local cursor
    cursor=$(jq -r .hits.cursor <<<"$body")
    upload '[{"type":"delete","id":"l1"},{"type":"delete","id":"l3"},{"type":"add","id":"l0","fields":{"grade":"x"}}]'
    find_hits q=matchall q.parser=structured 'sort=_id asc' size=2 return=_no_fields "cursor=$cursor"
    assert_equal "$(ids)" "l4 l5"
    search_fails 400 'another query' q=matchall q.parser=structured 'sort=_id desc' "cursor=$cursor"
    search_fails 400 "'cursor'" q=x cursor=nonsense
}

@test "a cursor is given on every page, also behind the last hit" {
    find_hits q=matchall q.parser=structured 'sort=_id asc' cursor=initial
    assert_equal "$(jq -c '[.hits.found, (.hits.cursor | length > 0), .hits.hit]' <<<"$body")" '[0,true,[]]'
}

facet() { # WANTED 'facet.F=...'
    find_hits q=matchall q.parser=structured size=0 "$2"
    assert_equal "$code" 200
    assert_equal "$(jq -c '.facets[].buckets | map([.value, .count])' <<<"$body")" "$1"
}

@test "facets: by count, by value, in buckets" {
    five
    facet '[["gold",3],["bronze",1],["silver",1]]' 'facet.grade={}'
    facet '[["bronze",1],["gold",3],["silver",1]]' 'facet.grade={sort:"bucket"}'
    facet '[["gold",3]]' 'facet.grade={sort:"count",size:1}'
    facet '[["900",1],["1500",1],["2500",1],["10000",1]]' 'facet.hourly_wage={sort:"bucket"}'
    facet '[["C",2],["PHP",2]]' 'facet.skills={}'
    facet '[["2018-01-01T00:00:00Z",1],["2018-01-02T00:00:00Z",1],["2018-01-03T12:34:56.789Z",1]]' 'facet.created={sort:"bucket"}'
    facet '[["[0,1500]",2],["{1500,}",2]]' 'facet.hourly_wage={buckets:["[0,1500]","{1500,}"],method:"interval"}'
    facet '[["gold",3],["none",0]]' 'facet.grade={buckets:["gold","none"]}'
    find_hits q=star size=0 'facet={"grade":{},"skills":{"size":1}}' format=sdk
    assert_equal "$(jq -c '[.facets.grade.buckets[].value]' <<<"$body")" '["bronze","gold","silver"]'
    assert_equal "$(jq '.facets.skills.buckets | length' <<<"$body")" 1
    search_fails 400 'not facet enabled' q=x 'facet.nickname={}'
    search_fails 400 'does not exist' q=x 'facet.nope={}'
    search_fails 400 'sort and size go without buckets' q=x 'facet.grade={sort:"count",buckets:["a"]}'
    search_fails 400 'Unknown option' q=x 'facet.grade={top:3}'
    search_fails 400 'not a JSON object' q=x 'facet.grade=5'
    search_fails 400 'Invalid bucket' q=x 'facet.hourly_wage={buckets:["[1,2"]}'
}

@test "highlights mark the words of the query, as HTML or text" {
    five
    find_hits 'q=プログラマー' 'highlight.profile={}' return=_no_fields 'sort=_id asc'
    assert_equal "$(jq -r '.hits.hit[].highlights.profile' <<<"$body")" '<em>ﾌﾟﾛｸﾞﾗﾏｰ</em>です。PHPが得意
<em>プログラマー</em> &#60;b&#62;&#38;&#60;&#47;b&#62;'
    find_hits q=star 'highlight.nickname={format:"text",max_phrases:2,pre_tag:"*",post_tag:"*"}' "fq=_id:'l4'"
    assert_equal "$(jq -r '.hits.hit[].highlights.nickname' <<<"$body")" '*star* *star* star'
    search_fails 400 'max_phrases is 1 to 5' q=x 'highlight.nickname={max_phrases:6}'
    search_fails 400 'format is' q=x 'highlight.nickname={format:"xml"}'
    search_fails 400 'not highlight enabled' q=x 'highlight.grade={}'
}

@test "suggest: from the beginning of the field, folded" {
    five
    suggest() {
        ask --get --data-urlencode "q=$1" --data-urlencode suggester=nicknames "${@:2}" "$url/2013-01-01/suggest"
    }
    suggest ＹＡＭ
    assert_equal "$(jq -c .suggest <<<"$body")" '{"query":"ＹＡＭ","found":1,"suggestions":[{"suggestion":"Yamada","score":0,"id":"l2"}]}'
    suggest 山田
    assert_equal "$(jq -r '.suggest.suggestions[].id' <<<"$body")" l1
    suggest 太郎
    assert_equal "$(jq .suggest.found <<<"$body")" 0
    suggest a -d size=101
    assert_equal "$code" 400
    ask "$url/2013-01-01/suggest?q=a&suggester=nope"
    assert_contains "$(jq -r .message <<<"$body")" "Suggester 'nope' does not exist"
    ask "$url/2013-01-01/suggest?q=a"
    assert_equal "$code" 400
    upload '[{"type":"delete","id":"l2"}]'
    suggest yam
    assert_equal "$(jq .suggest.found <<<"$body")" 0
}

@test "POST takes a form, and nothing else beside it" {
    five
    ask --data-urlencode q=star --data-urlencode return=_no_fields "$url$search_path"
    assert_equal "$(jq .hits.found <<<"$body")" 3
    ask --data-urlencode q=star "$url$search_path?size=1"
    assert_equal "$code" 403
    assert_contains "$body" "URL cannot include query-string parameters (after '?')"
    ask -H 'Content-Type: application/json' -d '{"q":"star"}' "$url$search_path"
    assert_equal "$code" 400
    assert_contains "$body" "Search requests cannot accept content streams"
    ask -X PUT "$url$search_path?q=x"
    assert_equal "$code" 405
}

@test "a request line of 8190 bytes passes, one more is 413; a form may be longer" {
    local -i room=$((8190 - $(printf 'GET %s?q= HTTP/1.1' "$search_path" | wc -c)))
    ask "$url$search_path?q=$(repeat "$room" a)"
    assert_equal "$code" 200
    ask "$url$search_path?q=$(repeat $((room + 1)) a)"
    assert_equal "$code" 413
    assert_contains "$head" "Content-Type: text/html"
    ask --data-urlencode "q=$(repeat 20000 a)" "$url$search_path"
    assert_equal "$code" 200
}

@test "what is not served or known is refused by name" {
    search_fails 400 "Parameter 'q' is required" size=1
    search_fails 400 "does not serve q.parser=lucene" q=x q.parser=lucene
    search_fails 400 "does not serve q.parser=dismax" q=x q.parser=dismax
    search_fails 400 "Invalid value 'x' for parameter 'q.parser'" q=x q.parser=x
    search_fails 400 "'expr.rank'" q=x 'expr.rank=_score'
    search_fails 400 "'stats.hourly_wage'" q=x 'stats.hourly_wage={}'
    search_fails 400 "Replace 'bq=query' with 'q.parser=structured&q=query'" q=x bq=y
    search_fails 400 "Unknown parameter 'rank'" q=x rank=-year
    search_fails 400 "must not be repeated" q=x q=y
    search_fails 400 "format=xml" q=x format=xml
    search_fails 400 "fuzzy" 'q=star~1'
    search_fails 400 "sloppy" 'q="star wars"~2'
    search_fails 400 "does not serve near" "q=(near field=headline distance=2 'a b')" q.parser=structured
    search_fails 400 "phraseFields" q=x 'q.options={phraseFields:["nickname"]}'
    search_fails 400 "Syntax error in query: field (location) does not exist." "q=location:'x'" q.parser=structured
    search_fails 400 "takes no range" "q=nickname:['a','b']" q.parser=structured
    search_fails 400 "no number" "q=hourly_wage:'x'" q.parser=structured
    search_fails 400 "no date" "q=created:'yesterday'" q.parser=structured
    search_fails 400 "(in fq)" q=x fq='(and'
    ask "$url$search_path?q=%zz"
    assert_equal "$code" 400
    assert_contains "$body" InvalidQueryString
}

@test "default values, copied fields, fields that are not returned or searched; a change of the fields indexes again" {
    fields=$BATS_TEST_TMPDIR/fields.json
    echo '{"IndexFields":[{"IndexFieldName":"title","IndexFieldType":"text"},{"IndexFieldName":"body","IndexFieldType":"text"}]}' >"$fields"
    stop
    start --access open
    upload '[{"type":"add","id":"a","fields":{"title":"star","body":"wars"}}]'
    accepts
    hits a q=wars
    echo '{"IndexFields":[{"IndexFieldName":"title","IndexFieldType":"text","TextOptions":{"ReturnEnabled":false}},
        {"IndexFieldName":"body","IndexFieldType":"literal","LiteralOptions":{"SearchEnabled":false}},
        {"IndexFieldName":"all_text","IndexFieldType":"text-array","TextArrayOptions":{"SourceFields":"title,body"}},
        {"IndexFieldName":"year","IndexFieldType":"int","IntOptions":{"DefaultValue":"2013"}}]}' >"$fields"
    stop
    start --access open
    structured a "all_text:'wars'"
    structured a "year:2013"
    assert_equal "$(jq -cS '.hits.hit[0].fields' <<<"$body")" '{"all_text":["star","wars"],"body":"wars","year":"2013"}'
    structured "" "title:'wars'"
    search_fails 400 "not search enabled" "q=body:'wars'" q.parser=structured
    assert_equal "$(dump)" '{"id":"a","fields":{"body":"wars","title":"star"}}'
}

@test "queries of a thousand clauses, and of a thousand words" {
    five
    local text
    for join in and or; do
        text="($join 'star'$(repeat 1022 " 'wars'"))"
        ask --data-urlencode "q=$text" -d q.parser=structured "$url$search_path"
        assert_equal "$code" 200
        [[ $(jq .hits.found <<<"$body") == $([ $join = and ] && echo 2 || echo 3) ]]
        text="($join 'star'$(repeat 1023 " 'wars'"))"
        ask --data-urlencode "q=$text" -d q.parser=structured "$url$search_path"
        assert_equal "$code" 400
        assert_contains "$body" "too many clauses"
    done
    ask --data-urlencode "q='star $(repeat 1000 'wars ')'" -d q.parser=structured "$url$search_path"
    assert_equal "$(jq .hits.found <<<"$body")" 2
    ask --data-urlencode "q=$(repeat 500 'star|')wars" "$url$search_path"
    assert_equal "$(jq .hits.found <<<"$body")" 3
    ask --data-urlencode "q=(phrase field=headline '$(repeat 1000 'star ')')" -d q.parser=structured "$url$search_path"
    assert_equal "$(jq .hits.found <<<"$body")" 0
}

@test "a phrase does not reach from one value of an array into the next; changes and deletes leave nothing behind" {
    fields=$BATS_TEST_TMPDIR/fields.json
    echo '{"IndexFields":[{"IndexFieldName":"titles","IndexFieldType":"text-array"},{"IndexFieldName":"grade","IndexFieldType":"literal"}]}' >"$fields"
    stop
    start --access open
    upload '[{"type":"add","id":"a","fields":{"titles":["star wars","東京 大阪"]}},{"type":"add","id":"b","fields":{"grade":"x","titles":["old star","wars"]}}]'
    accepts
    hits "a b" 'q=star wars'
    hits a 'q="star wars"'
    find_hits 'q=大阪' 'highlight.titles={}'
    assert_equal "$(jq -r '.hits.hit[].highlights.titles' <<<"$body")" 'star wars 東京 <em>大阪</em>'
    upload '[{"type":"add","id":"a","fields":{"titles":["nothing"]}},{"type":"delete","id":"b"}]'
    hits "" q=star
    hits a q=nothing
    upload '[{"type":"add","id":"b","fields":{"titles":["star"],"grade":"y"}}]'
    hits b q=star
    structured b "grade:'y'"
    structured "" "grade:'x'"
    upload '[{"type":"add","id":"b","fields":{"grade":"z"}}]'
    structured "" "grade:'y'"
    facet '[["z",1]]' 'facet.grade={}'
    find_hits q=matchall q.parser=structured 'sort=_version desc'
    assert_equal "$(ids)" "b a"
}

@test "locations are found in a box" {
    fields=$BATS_TEST_TMPDIR/fields.json
    echo '{"IndexFields":[{"IndexFieldName":"place","IndexFieldType":"latlon"}]}' >"$fields"
    stop
    start --access open
    upload '[{"type":"add","id":"tokyo","fields":{"place":"35.68,139.76"}},{"type":"add","id":"osaka","fields":{"place":"34.69,135.50"}}]'
    accepts
    structured tokyo "place:['36,139','35,140']"
    structured "osaka tokyo" "place:['36,135','34,140']"
    upload '[{"type":"add","id":"x","fields":{"place":"91,0"}}]'
    refuses 400 'location'
}
