#!/usr/bin/env node
// What a site would write without nightshift, to be measured against it: all rows of the bench's table into a CloudSearch domain, with mysql2
// and AWS's SDK, both as their manuals show them. Pages by key, batches of 5 MB, the next page is fetched while a batch is on its way; no
// manifest, no journal, no guards, no retries of its own.
//
//   push-rival.js PORT USER PASSWORD_FILE PAGE_ROWS ENDPOINT QUERY
'use strict';
const fs = require('fs');
const mysql = require('mysql2/promise');
const { CloudSearchDomainClient, UploadDocumentsCommand } = require('@aws-sdk/client-cloudsearch-domain');

const MAX_BATCH = 5000000;
const [port, user, passwordFile, pageRows, endpoint, query] = process.argv.slice(2);

function documentOf(row) {
    const fields = {};
    for (const [name, value] of Object.entries(row)) {
        if (name === 'id' || value === null) continue;
        if (name === 'skills') fields[name] = value.split('|');
        else if (value instanceof Date) fields[name] = value.toISOString();
        else fields[name] = typeof value === 'string' ? value.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '') : String(value);
    }
    return JSON.stringify({ type: 'add', id: `lancer_${row.id}`, fields });
}

async function main() {
    const database = await mysql.createConnection({
        host: '127.0.0.1', port: Number(port), user, password: fs.readFileSync(passwordFile, 'utf8').trim(), timezone: '+09:00',
    });
    const domain = new CloudSearchDomainClient({ endpoint, region: 'us-east-1' });
    let documents = [], bytes = 2, sent = 0, upload = Promise.resolve();

    async function flush() {
        await upload;
        const count = documents.length, body = `[${documents.join(',')}]`;
        documents = [];
        bytes = 2;
        upload = domain.send(new UploadDocumentsCommand({ contentType: 'application/json', documents: Buffer.from(body) })).then((answer) => {
            if (answer.status !== 'success' || answer.adds !== count) throw new Error(`${answer.adds} of ${count} were added`);
            sent += count;
        });
    }

    const page = (after) => database.query(query.replace('{after}', after).replace('{limit}', pageRows)).then(([rows]) => rows);
    for (let next = page(-1); ;) {
        const rows = await next;
        if (rows.length === 0) break;
        next = page(rows[rows.length - 1].id);
        for (const row of rows) {
            const document = documentOf(row), length = Buffer.byteLength(document) + 1;
            if (bytes + length > MAX_BATCH) await flush();
            documents.push(document);
            bytes += length;
        }
    }
    if (documents.length > 0) await flush();
    await upload;
    await database.end();
    console.log(sent);
}

main().catch((error) => {
    console.error(`push-rival.js: ${error.message}`);
    process.exit(1);
});
