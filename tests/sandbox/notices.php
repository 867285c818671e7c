<?php
/*
 * The notice sink: a webhook receiver for tests, run by `php -S`. Appends every request as one JSON line to NOTICES_FILE
 * and answers 200 "OK"; a path that begins with /status/NNN answers NNN instead, so that tests can rehearse refusals.
 */
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
header('Content-Type: text/plain');
if ($path === '/which-sandbox') { // asked by `up`, not recorded
    echo getenv('NOTICES_FILE');
    return true;
}
$headers = [];
foreach ($_SERVER as $name => $value) {
    if (strncmp($name, 'HTTP_', 5) === 0) {
        $headers[strtolower(strtr(substr($name, 5), '_', '-'))] = $value;
    } elseif ($name === 'CONTENT_TYPE' || $name === 'CONTENT_LENGTH') {
        $headers[strtolower(strtr($name, '_', '-'))] = $value;
    }
}
$notice = [
    'method' => $_SERVER['REQUEST_METHOD'],
    'path' => $path,
    'query' => (string) ($_SERVER['QUERY_STRING'] ?? ''),
    'headers' => (object) $headers,
    'body' => file_get_contents('php://input'),
];
$line = json_encode($notice, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE);
file_put_contents(getenv('NOTICES_FILE'), $line . "\n", FILE_APPEND | LOCK_EX);
http_response_code(preg_match('#^/status/([1-5][0-9][0-9])(/|$)#', $path, $match) ? (int) $match[1] : 200);
echo "OK\n";
return true;
