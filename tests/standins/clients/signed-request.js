// Signs requests with @smithy/signature-v4, breaks them as told, and prints "NAME STATUS CODE" for each; with MESSAGES=1 the message too.
// CLOUDSEARCH_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_REGION are taken from the environment.
'use strict';

const http = require('http');
const { SignatureV4 } = require('@smithy/signature-v4');
const { Sha256 } = require('@aws-crypto/sha256-js');

const url = new URL(process.env.CLOUDSEARCH_URL);
const batch = JSON.stringify([{ type: 'add', id: 'a', fields: { nickname: '山田 太郎' } }]);
const minute = 60000;

async function sign(change) {
    const wish = { path: '/2013-01-01/documents/batch', method: 'POST', body: batch, query: {}, headers: {}, at: 0, ...change };
    const signer = new SignatureV4({
        service: wish.service || 'cloudsearch',
        region: wish.region || process.env.AWS_REGION,
        sha256: Sha256,
        credentials: {
            accessKeyId: wish.key || process.env.AWS_ACCESS_KEY_ID,
            secretAccessKey: wish.secret || process.env.AWS_SECRET_ACCESS_KEY,
            sessionToken: wish.token || process.env.AWS_SESSION_TOKEN || undefined,
        },
        applyChecksum: wish.applyChecksum !== false,
    });
    const headers = { host: url.host, ...wish.headers };
    if (wish.body !== undefined) headers['content-type'] = wish.type || 'application/json';
    const request = { method: wish.method, protocol: 'http:', hostname: url.hostname, port: Number(url.port), path: wish.path, query: wish.query, headers, body: wish.body };
    const signed = await signer.sign(request, { signingDate: new Date(Date.now() + wish.at) });
    if (wish.after) wish.after(signed);
    return signed;
}

function send(request, rawQuery) {
    const query = rawQuery !== undefined ? rawQuery : new URLSearchParams(request.query).toString();
    const path = request.path + (query ? '?' + query : '');
    const headers = { ...request.headers };
    if (request.body !== undefined) headers['content-length'] = Buffer.byteLength(request.body);
    return new Promise((resolve, reject) => {
        const sent = http.request({ host: url.hostname, port: url.port, method: request.method, path, headers }, (response) => {
            let body = '';
            response.on('data', (part) => (body += part));
            response.on('end', () => resolve({ status: response.statusCode, body }));
        });
        sent.on('error', reject);
        sent.end(request.body);
    });
}

function codeOf(body) {
    const xml = /<Code>([^<]*)</.exec(body);
    if (xml) return xml[1];
    try {
        const parsed = JSON.parse(body);
        return (parsed.__type || '-').replace('#', '');
    } catch {
        return '-';
    }
}

const last = (text, from, to) => text.slice(0, -1) + (text.endsWith(from) ? to : from);
const form = 'application/x-www-form-urlencoded';
const describe = { path: '/', body: 'Action=DescribeDomains&Version=2013-01-01', type: form };
const search = { method: 'GET', path: '/2013-01-01/search', body: undefined };
const cases = {
    good: {},
    'no-checksum-header': { applyChecksum: false },
    'more-headers': { headers: { 'x-amz-meta': '  two   words ', accept: 'application/json' } },
    'query': { query: { format: 'sdk', pretty: 'true' } },
    'search-sorted-by-name': { ...search, query: { q: "it's ~ ä+b", 'q.parser': 'simple', size: '3' } },
    'configuration': describe,
    '14-minutes-late': { at: -14 * minute },
    '14-minutes-early': { at: 14 * minute },
    '20-minutes-late': { at: -20 * minute },
    '20-minutes-early': { at: 20 * minute },
    'configuration-20-minutes-late': { ...describe, at: -20 * minute },
    'wrong-secret': { secret: 'x' },
    'configuration-wrong-secret': { ...describe, secret: 'x' },
    'unknown-key': { key: 'NOBODY' },
    'configuration-unknown-key': { ...describe, key: 'NOBODY' },
    'wrong-region': { region: 'ap-northeast-1' },
    'wrong-service': { service: 'es' },
    'token-for-a-lasting-key': { token: 'token' },
    'changed-body': { after: (r) => (r.body = r.body.replace('太郎', '次郎')) },
    'changed-body-without-checksum-header': { applyChecksum: false, after: (r) => (r.body = r.body.replace('太郎', '次郎')) },
    'unsigned-payload': { headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } },
    'changed-query': { query: { format: 'sdk' }, after: (r) => (r.query = { pretty: 'true' }) },
    'changed-signature': { after: (r) => (r.headers.authorization = last(r.headers.authorization, '0', '1')) },
    'header-added-after-signing': { after: (r) => (r.headers['x-amz-late'] = '1') },
    'no-date': { after: (r) => delete r.headers['x-amz-date'] },
    'no-signature-part': { after: (r) => (r.headers.authorization = r.headers.authorization.replace(/, Signature=.*/, '')) },
    'other-algorithm': { after: (r) => (r.headers.authorization = 'Basic Zm9v') },
    'scope-of-another-day': { after: (r) => (r.headers.authorization = r.headers.authorization.replace(/\/\d{8}\//, '/20130101/')) },
    'configuration-without-signature': { ...describe, after: (r) => delete r.headers.authorization },
    'upload-without-signature': { after: (r) => delete r.headers.authorization },
    'search-without-signature': { ...search, query: { q: 'x' }, after: (r) => delete r.headers.authorization },
    'suggest-without-signature': { ...search, path: '/2013-01-01/suggest', query: { q: 'x', suggester: 'nicknames' }, after: (r) => delete r.headers.authorization },
    'search-with-wrong-secret': { ...search, query: { q: 'x' }, secret: 'x' },
};

async function main(names) {
    for (const name of names.length > 0 ? names : Object.keys(cases)) {
        const { status, body } = await send(await sign(cases[name]));
        const message = process.env.MESSAGES ? ' ' + JSON.parse(body).message.split('\n')[0] : '';
        console.log(name + ' ' + status + ' ' + (status === 200 ? 'ok' : codeOf(body)) + message);
    }
}

main(process.argv.slice(2));
