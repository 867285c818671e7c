// Writes signatures.json: requests signed by @smithy/signature-v4, which AWS's own JavaScript SDK signs with. The C code that
// checks our requests' signatures in the unit tests is checked against them first.
//
//   tests/sandbox/fetch aws-clients
//   NODE_PATH=build/servers/aws-clients/node_modules node tests/unit/golden/make-signatures.js >tests/unit/golden/signatures.json
'use strict';

const { SignatureV4 } = require('@smithy/signature-v4');
const { Sha256 } = require('@aws-crypto/sha256-js');

const cases = [
    { body: '[{"type":"delete","id":"a"}]' },
    { body: '[{"type":"add","id":"a","fields":{"name":"山田 太郎 & Söhne %41+\\u0007"}}]', type: 'application/json; charset=UTF-8' },
    { body: 'q=matchall&q.parser=structured&size=0', path: '/2013-01-01/search', type: 'application/x-www-form-urlencoded', token: 'dG9rZW4/+=' },
    { body: 'Action=DescribeDomains&Version=2013-01-01', path: '/', type: 'application/x-www-form-urlencoded', host: '127.0.0.1:8080' },
    { body: 'x'.repeat(5000), region: 'us-east-1', service: 'es', checksum: true, token: 't' },
];

async function main() {
    const vectors = [];
    for (const [index, wish] of cases.entries()) {
        const region = wish.region || 'ap-northeast-1', service = wish.service || 'cloudsearch';
        const accessKeyId = 'AKIDEXAMPLE' + index, secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' + index;
        const path = wish.path || '/2013-01-01/documents/batch';
        const host = wish.host || 'doc-lancers-abc.ap-northeast-1.cloudsearch.amazonaws.com';
        const signer = new SignatureV4({ service, region, sha256: Sha256, applyChecksum: wish.checksum === true,
            credentials: { accessKeyId, secretAccessKey, sessionToken: wish.token } });
        const request = { method: 'POST', protocol: 'https:', hostname: host.split(':')[0], path, query: {}, body: wish.body,
            headers: { host, 'content-type': wish.type || 'application/json' } };
        const signed = await signer.sign(request, { signingDate: new Date(Date.UTC(2026, 10, 24, 3, 4, 5) + index * 86400000) });
        const lines = Object.entries(signed.headers).map(([name, value]) => `${name}: ${value}`);
        const raw = [`POST ${path} HTTP/1.1`, ...lines, `content-length: ${Buffer.byteLength(wish.body)}`, '', wish.body].join('\r\n');
        vectors.push({ region, service, access_key: accessKeyId, secret_key: secretAccessKey, raw });
    }
    console.log(JSON.stringify(vectors, null, 1));
}

main();
