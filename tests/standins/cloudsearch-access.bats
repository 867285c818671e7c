#!/usr/bin/env bats
# Signatures and access of cloudsearch-local, by clients that nobody here wrote: @smithy/signature-v4, AWS's SDKs for JavaScript, botocore,
# the aws CLI, curl.
bats_require_minimum_version 1.5.0
load support

setup_file() {
    "$root/tests/sandbox/fetch" aws-clients 3>&-
}

setup() {
    start "${options[@]}"
    export CLOUDSEARCH_URL=$url
}

signed() {
    node "$root/tests/standins/clients/signed-request.js" "$@"
}

aws_client() {
    node "$root/tests/standins/clients/aws-client.js" "$@"
}

@test "what @smithy/signature-v4 signs is accepted, and every change of it refused" {
    assert_equal "$(signed)" "good 200 ok
no-checksum-header 200 ok
more-headers 200 ok
query 200 ok
search-sorted-by-name 200 ok
configuration 200 ok
14-minutes-late 200 ok
14-minutes-early 200 ok
20-minutes-late 403 SignatureDoesNotMatch
20-minutes-early 403 SignatureDoesNotMatch
configuration-20-minutes-late 400 RequestExpired
wrong-secret 403 SignatureDoesNotMatch
configuration-wrong-secret 403 SignatureDoesNotMatch
unknown-key 403 InvalidClientTokenId
configuration-unknown-key 403 InvalidClientTokenId
wrong-region 403 SignatureDoesNotMatch
wrong-service 403 SignatureDoesNotMatch
token-for-a-lasting-key 403 InvalidClientTokenId
changed-body 403 SignatureDoesNotMatch
changed-body-without-checksum-header 403 SignatureDoesNotMatch
unsigned-payload 403 SignatureDoesNotMatch
changed-query 403 SignatureDoesNotMatch
changed-signature 403 SignatureDoesNotMatch
header-added-after-signing 403 SignatureDoesNotMatch
no-date 403 IncompleteSignature
no-signature-part 403 IncompleteSignature
other-algorithm 403 IncompleteSignature
scope-of-another-day 403 SignatureDoesNotMatch
configuration-without-signature 403 MissingAuthenticationToken
upload-without-signature 403 AccessDenied
search-without-signature 200 ok
suggest-without-signature 200 ok
search-with-wrong-secret 403 SignatureDoesNotMatch"
    assert_equal "$(dump)" '{"id":"a","fields":{"nickname":"山田 太郎"}}'
}

@test "a refusal says which of the checks it was" {
    local said
    said=$(MESSAGES=1 signed 20-minutes-late 20-minutes-early wrong-region wrong-service scope-of-another-day changed-body unsigned-payload \
        header-added-after-signing changed-signature)
    mapfile -t said <<<"$said"
    assert_contains "${said[0]}" "Signature expired: "
    assert_contains "${said[0]}" " - 15 min.)"
    assert_contains "${said[1]}" "Signature not yet current: "
    assert_contains "${said[2]}" "not 'ap-northeast-1'"
    assert_contains "${said[3]}" "correct service: 'cloudsearch'"
    assert_contains "${said[4]}" "Date in Credential scope does not match"
    assert_contains "${said[5]}" "The value of 'X-Amz-Content-Sha256' is not the hash of the payload"
    assert_contains "${said[6]}" "The value of 'X-Amz-Content-Sha256' is not the hash of the payload: 'UNSIGNED-PAYLOAD'"
    assert_contains "${said[7]}" "'x-amz-late' must be a 'SignedHeader'"
    assert_contains "${said[8]}" "The request signature we calculated does not match"
}

@test "the refusal of an anonymous upload is the one seen in the field" {
    upload '[{"type":"delete","id":"a"}]'
    assert_equal "$code" 403
    assert_equal "$(jq -c '[.__type, .message, .status, .errors[0].message, has("adds"), has("deletes")]' <<<"$body")" \
        '["#AccessDenied","User: anonymous is not authorized to perform: cloudsearch:document on resource: arn:aws:cloudsearch:us-east-1:000000000000:domain/local","error","[*Deprecated*: Use the outer message field] User: anonymous is not authorized to perform: cloudsearch:document on resource: arn:aws:cloudsearch:us-east-1:000000000000:domain/local",false,false]'
    assert_contains "$head" "x-amzn-RequestId: "
}

@test "a wrong signature is told what should have been signed" {
    ask --aws-sigv4 aws:amz:us-east-1:cloudsearch --user TESTKEY:wrong -H 'Content-Type: application/json' \
        --data-binary '[{"type":"delete","id":"a"}]' "$url$batch_path"
    assert_equal "$code" 403
    assert_contains "$(jq -r .message <<<"$body")" "The Canonical String for this request should have been
'POST
$batch_path
"
    assert_contains "$(jq -r .message <<<"$body")" "The String-to-Sign should have been
'AWS4-HMAC-SHA256
"
}

@test "what libcurl signs is accepted: a batch over 1 MiB, a form, the configuration" {
    local -a sign=(--aws-sigv4 aws:amz:us-east-1:cloudsearch --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY")
    jq -nc '[range(20) | {type: "add", id: "d\(.)", fields: {profile: ("x" * 99999)}}]' >"$BATS_TEST_TMPDIR/batch"
    upload "@$BATS_TEST_TMPDIR/batch" "${sign[@]}"
    accepts
    assert_equal "$(jq .adds <<<"$body")" 20
    ask "${sign[@]}" --data-binary 'q=matchall&q.parser=structured&size=0' "$url$search_path"
    assert_equal "$(jq .hits.found <<<"$body")" 20
    ask "${sign[@]}" --data-binary 'Action=DescribeDomains&Version=2013-01-01' "$url/"
    assert_contains "$body" "<Endpoint>${url#http://}</Endpoint>"
}

@test "policies: open lets anonymous clients upload, none keeps them from searching" {
    stop
    start --access open
    upload '[{"type":"delete","id":"a"}]'
    accepts
    ask -X POST -d 'Action=DescribeDomains&Version=2013-01-01' "$url/"
    assert_contains "$body" "<Code>MissingAuthenticationToken</Code>"
    stop
    start --access none
    find_hits q=x
    assert_equal "$code $(jq -r .__type <<<"$body")" "403 #AccessDenied"
    assert_contains "$body" "cloudsearch:search"
    ask "$url/2013-01-01/suggest?q=x&suggester=nicknames"
    assert_contains "$body" "cloudsearch:suggest"
}

@test "keys from a file: several, with session tokens, and expired ones" {
    local file=$BATS_TEST_TMPDIR/credentials
    printf '%s\n' '[lasting]' 'aws_access_key_id = ONE' 'aws_secret_access_key = s1' '[session]' 'aws_access_key_id = TWO' \
        'aws_secret_access_key = s2' 'aws_session_token = t2' 'expiration = 2099-01-01T00:00:00Z' '[old]' \
        'aws_access_key_id = THREE' 'aws_secret_access_key = s3' 'aws_session_token = t3' 'expiration = 2020-01-01T00:00:00Z' >"$file"
    stop
    chmod 644 "$file"
    run --separate-stderr timeout 60 "$bin/cloudsearch-local" --state-dir "$state" --credentials "$file"
    assert_equal "$status" 77
    chmod 600 "$file"
    start --credentials "$file"
    export CLOUDSEARCH_URL=$url
    assert_equal "$(AWS_ACCESS_KEY_ID=ONE AWS_SECRET_ACCESS_KEY=s1 signed good)" "good 200 ok"
    assert_equal "$(AWS_ACCESS_KEY_ID=TWO AWS_SECRET_ACCESS_KEY=s2 AWS_SESSION_TOKEN=t2 signed good)" "good 200 ok"
    assert_equal "$(AWS_ACCESS_KEY_ID=TWO AWS_SECRET_ACCESS_KEY=s2 AWS_SESSION_TOKEN=t3 signed good)" "good 403 InvalidClientTokenId"
    assert_equal "$(AWS_ACCESS_KEY_ID=TWO AWS_SECRET_ACCESS_KEY=s2 signed good)" "good 403 InvalidClientTokenId"
    assert_equal "$(AWS_ACCESS_KEY_ID=THREE AWS_SECRET_ACCESS_KEY=s3 AWS_SESSION_TOKEN=t3 signed good)" "good 403 ExpiredToken"
    assert_equal "$(signed good)" "good 403 InvalidClientTokenId"
}

documents='[{"type":"add","id":"l1","fields":{"nickname":"山田 太郎","profile":"プログラマーです","hourly_wage":"1500","skills":["C","PHP"]}},
    {"type":"add","id":"l2","fields":{"nickname":"Yamada","profile":"デザイナー","hourly_wage":"2500","skills":["PHP"]}}]'

# The same calls through both SDKs; what they make of the answers must be the same.
sdk_calls() {
    local upload
    upload=$(jq -nc --arg documents "$documents" '{contentType: "application/json", $documents}')
    aws_client "$1" uploadDocuments "$upload" \
        uploadDocuments '{"contentType":"application/json","documents":"[{\"type\":\"add\",\"id\":\"x\",\"fields\":{\"nope\":\"1\"}}]"}' \
        search '{"query":"プログラマー","highlight":"{\"profile\":{}}","return":"nickname,_score"}' \
        search '{"query":"matchall","queryParser":"structured","sort":"hourly_wage desc","facet":"{\"skills\":{}}","return":"_no_fields"}' \
        search '{"query":"nope:1","queryParser":"structured"}' \
        suggest '{"query":"yam","suggester":"nicknames"}' \
        listDomainNames '{}' \
        describeDomains '{"DomainNames":["local"]}' \
        describeIndexFields '{"DomainName":"local","Deployed":true}' \
        describeIndexFields '{"DomainName":"other"}' \
        indexDocuments '{"DomainName":"local"}' >"$BATS_TEST_TMPDIR/calls"
    mapfile -t calls <"$BATS_TEST_TMPDIR/calls"
    assert_equal "$(jq -c '[.status, .adds, .deletes]' <<<"${calls[0]}")" '["success",2,0]'
    assert_equal "$(jq -c '[.error, .status]' <<<"${calls[1]}")" '["DocumentServiceException",400]'
    assert_contains "${calls[1]}" 'document_id x'
    assert_equal "$(jq -c '.hits | [.found, .hit[0].id, .hit[0].fields.nickname, .hit[0].highlights.profile]' <<<"${calls[2]}")" \
        '[1,"l1",["山田 太郎"],"<em>プログラマー</em>です"]'
    [[ $(jq -r '.hits.hit[0].fields._score[0]' <<<"${calls[2]}") =~ ^[0-9.e-]+$ ]]
    assert_equal "$(jq -c '[.hits.found, [.hits.hit[].id], .facets.skills.buckets]' <<<"${calls[3]}")" \
        '[2,["l2","l1"],[{"value":"PHP","count":2},{"value":"C","count":1}]]'
    assert_equal "$(jq -c '[.error, .status, .message]' <<<"${calls[4]}")" \
        '["SearchException",400,"Syntax error in query: field (nope) does not exist."]'
    assert_equal "$(jq -c '.suggest | [.found, .suggestions[0].suggestion, .suggestions[0].id]' <<<"${calls[5]}")" '[1,"Yamada","l2"]'
    assert_equal "$(jq -c .DomainNames <<<"${calls[6]}")" '{"local":"2013-01-01"}'
    assert_equal "$(jq -c '.DomainStatusList[0] | [.DomainName, .Created, .Processing, .RequiresIndexDocuments]' <<<"${calls[7]}")" \
        '["local",true,false,false]'
    assert_contains "$(jq -r '.DomainStatusList[0].DocService.Endpoint' <<<"${calls[7]}")" ":$port"
    # What it tells of the fields is what it was given.
    assert_equal "$(jq -c '[.IndexFields[].Options | [.IndexFieldName, .IndexFieldType]]' <<<"${calls[8]}")" \
        "$(jq -c '[.IndexFields[].Options | [.IndexFieldName, .IndexFieldType]]' "$fields")"
    assert_equal "$(jq -c '.IndexFields[2].Options.TextOptions | [.AnalysisScheme, .SortEnabled, .HighlightEnabled]' <<<"${calls[8]}")" \
        '["_mul_default_",false,true]'
    assert_contains "$(jq -r '[.error, .status] | join(" ")' <<<"${calls[9]}")" 409
    assert_contains "${calls[9]}" "Domain not found: other"
    assert_contains "$(jq -r '[.error, .status] | join(" ")' <<<"${calls[10]}")" 409
    assert_contains "${calls[10]}" "does not serve IndexDocuments"
}

@test "the AWS SDK for JavaScript v3" {
    sdk_calls v3
    local call
    call=$(CLOCK_OFFSET_MS=-1200000 aws_client v3 uploadDocuments '{"contentType":"application/json","documents":"[]"}')
    assert_contains "$call" 'Signature expired'
}

@test "the AWS SDK for JavaScript v2" {
    sdk_calls v2
}

@test "the AWS SDK for JavaScript v3 with a stream sends a chunked body, and is refused" {
    run node -e "
        const { CloudSearchDomainClient, UploadDocumentsCommand } = require('@aws-sdk/client-cloudsearch-domain');
        const client = new CloudSearchDomainClient({ endpoint: process.env.CLOUDSEARCH_URL, region: 'us-east-1', maxAttempts: 1 });
        const documents = require('stream').Readable.from([Buffer.from('[{\"type\":\"delete\",\"id\":\"a\"}]')]);
        client.send(new UploadDocumentsCommand({ contentType: 'application/json', documents }))
            .then(() => console.log('taken'), (error) => console.log('refused', error.\$metadata.httpStatusCode));"
    assert_equal "${lines[-1]}" "refused 411"
}

@test "botocore" {
    run --separate-stderr python3 - "$url" "$documents" <<'PYTHON'
import sys, botocore.session, botocore.config, botocore.exceptions
session = botocore.session.get_session()
config = botocore.config.Config(retries={'max_attempts': 0})
url, documents = sys.argv[1:]
domain = session.create_client('cloudsearchdomain', endpoint_url=url, config=config)
service = session.create_client('cloudsearch', endpoint_url=url, config=config)
answer = domain.upload_documents(contentType='application/json', documents=documents.encode())
print(answer['status'], answer['adds'], answer['deletes'])
answer = domain.search(query='プログラマー', queryParser='simple', queryOptions='{"fields":["profile^2"]}', returnFields='nickname')
print(answer['hits']['found'], answer['hits']['hit'][0]['fields']['nickname'][0])
answer = domain.search(query="(and skills:'PHP' (range field=hourly_wage [2000,}))", queryParser='structured')
print(answer['hits']['found'], answer['hits']['hit'][0]['id'])
answer = domain.suggest(query='山田', suggester='nicknames')
print(answer['suggest']['suggestions'][0]['id'])
print(service.describe_domains()['DomainStatusList'][0]['DomainName'])
print(len(service.describe_index_fields(DomainName='local', FieldNames=['skills', 'nickname'])['IndexFields']))
for call in (lambda: domain.upload_documents(contentType='application/json', documents=b'[{"type":"add","id":"x","fields":{}}]'),
             lambda: domain.search(query='x', queryParser='lucene'),
             lambda: service.describe_index_fields(DomainName='other')):
    try:
        call()
    except botocore.exceptions.ClientError as error:
        print(error.response['Error']['Code'], error.response['ResponseMetadata']['HTTPStatusCode'])
PYTHON
    assert_equal "$stderr" ""
    assert_equal "$output" "success 2 0
1 山田 太郎
1 l2
l1
local
2
DocumentServiceException 400
SearchException 400
ResourceNotFound 409"
}

@test "the aws CLI" {
    echo "$documents" >"$BATS_TEST_TMPDIR/documents"
    run aws --endpoint-url "$url" --output text cloudsearchdomain upload-documents --content-type application/json \
        --documents "$BATS_TEST_TMPDIR/documents" --query '[status, adds, deletes]'
    assert_equal "$output" $'success\t2\t0'
    run aws --endpoint-url "$url" --output text cloudsearchdomain search --search-query 太郎 --query 'hits.hit[].id'
    assert_equal "$output" l1
    run aws --endpoint-url "$url" --output text cloudsearchdomain suggest --suggest-query yama --suggester nicknames --query 'suggest.found'
    assert_equal "$output" 1
    run aws --endpoint-url "$url" --output text cloudsearch describe-domains --query 'DomainStatusList[].DomainName'
    assert_equal "$output" local
    # What the CLI prints is what --fields reads.
    stop
    start
    aws --endpoint-url "$url" --output json cloudsearch describe-index-fields --domain-name local >"$BATS_TEST_TMPDIR/fields.json"
    stop
    fields=$BATS_TEST_TMPDIR/fields.json
    start
    aws --endpoint-url "$url" --output json cloudsearch describe-index-fields --domain-name local | cmp - "$fields"
}
