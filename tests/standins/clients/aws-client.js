// AWS's own SDKs as commands: aws-client.js v2|v3 OPERATION JSON-PARAMETERS [OPERATION JSON-PARAMETERS ...]
// prints for each operation one line of JSON: the result, or {"error": name, "status": HTTP status, "message": ...}.
// The server is CLOUDSEARCH_URL, the key that of the environment, CLOCK_OFFSET_MS how far this client's clock is off.
'use strict';

const endpoint = process.env.CLOUDSEARCH_URL;
const region = process.env.AWS_REGION;
const offset = Number(process.env.CLOCK_OFFSET_MS || 0);
const credentials = {
    accessKeyId: process.env.AWS_ACCESS_KEY_ID,
    secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
    sessionToken: process.env.AWS_SESSION_TOKEN || undefined,
};
const domainOperations = ['search', 'suggest', 'uploadDocuments'];
const capital = (name) => name[0].toUpperCase() + name.slice(1);

function v3() {
    const domain = require('@aws-sdk/client-cloudsearch-domain');
    const configuration = require('@aws-sdk/client-cloudsearch');
    const options = { endpoint, region, credentials, maxAttempts: 1, systemClockOffset: offset };
    const clients = [new domain.CloudSearchDomainClient(options), new configuration.CloudSearchClient(options)];
    return (operation, parameters) =>
        domainOperations.includes(operation)
            ? clients[0].send(new domain[capital(operation) + 'Command'](parameters))
            : clients[1].send(new configuration[capital(operation) + 'Command'](parameters));
}

function v2() {
    const AWS = require('aws-sdk/global');
    // It takes the region from the second label of the host, and that of an address is a number.
    const options = { endpoint: endpoint.replace('127.0.0.1', 'localhost'), region, credentials, maxRetries: 0, systemClockOffset: offset };
    const clients = [new (require('aws-sdk/clients/cloudsearchdomain'))(options), new (require('aws-sdk/clients/cloudsearch'))(options)];
    return (operation, parameters) => clients[domainOperations.includes(operation) ? 0 : 1][operation](parameters).promise();
}

async function main([sdk, ...words]) {
    const call = sdk === 'v2' ? v2() : v3();
    for (let i = 0; i < words.length; i += 2) {
        try {
            const result = await call(words[i], JSON.parse(words[i + 1]));
            delete result.$metadata;
            console.log(JSON.stringify(result));
        } catch (error) {
            const status = error.statusCode || (error.$metadata && error.$metadata.httpStatusCode) || 0;
            console.log(JSON.stringify({ error: error.code || error.name, status, message: error.message }));
        }
    }
}

main(process.argv.slice(2));
