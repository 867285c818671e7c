<?php
/*
 * A strict stand-in for the services that notices go to, run by `php -S`. It refuses what the real ones refuse:
 *
 *   POST /v2/rooms/ROOM/messages         ChatWork: token, form encoding, only "body", its length, 10 posts in 10 s per room and
 *   GET  /v2/rooms/ROOM/messages?force=1 300 requests in 5 min per token, both told in X-RateLimit-* headers
 *   POST /services/T0/B0/KEY             Slack's incoming webhook: JSON with "text", its length, a burst of 5, then 1 a second
 *   POST /hook/...                       a webhook: JSON, an Idempotency-Key, and counts each key once
 *
 * NOTICES_DIR holds what it keeps: requests.jsonl (all requests with the status given), told.jsonl (what a reader of the room or
 * channel would see, with the time), times.json. NOTICES_SECRET is the token and Slack's KEY, NOTICES_ROOM the room. For the limits, time
 * stands still while there is a NOTICES_DIR/clock, which holds it in seconds since 1970.
 *
 * NOTICES_DIR/script says what goes wrong: one line for each request to come, an empty line for nothing:
 *   status=503        answers this instead; nothing is told, unless "told" stands there too
 *   told              the message is stored all the same
 *   delay=2000        waits so many milliseconds, after storing, before the answer
 *   cut=3             the answer's body ends after so many bytes, though more are announced
 *   Header:value      a header to add, such as Retry-After:7
 *   body=text         the answer's body, percent-encoded
 */
$dir = getenv('NOTICES_DIR');
$secret = getenv('NOTICES_SECRET');
$room = getenv('NOTICES_ROOM');
$method = $_SERVER['REQUEST_METHOD'];
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$body = file_get_contents('php://input');
$type = strtolower(trim(explode(';', $_SERVER['CONTENT_TYPE'] ?? '')[0]));

function characters(string $text): int
{
    return preg_match_all('/./us', $text); // false, so 0, for what is not UTF-8
}

function json(array $value): string
{
    return json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE);
}

/** Takes the first line of the script. */
function next_fault(string $dir): array
{
    $lines = is_file("$dir/script") ? file("$dir/script", FILE_IGNORE_NEW_LINES) : [];
    $fault = ['headers' => []];
    foreach (preg_split('/ +/', array_shift($lines) ?? '', -1, PREG_SPLIT_NO_EMPTY) as $word) {
        if (preg_match('/^([A-Za-z-]+):(.*)$/', $word, $match)) {
            $fault['headers'][] = "$match[1]: " . rawurldecode($match[2]);
        } else {
            [$name, $value] = explode('=', "$word=");
            $fault[$name] = rawurldecode($value);
        }
    }
    file_put_contents("$dir/script", implode("\n", $lines));
    return $fault;
}

function clock(string $dir): float
{
    return is_file("$dir/clock") ? (float) file_get_contents("$dir/clock") : microtime(true);
}

/** How many uses of $name lie in the last $seconds, this one included. */
function count_use(string $dir, string $name, float $seconds): int
{
    $times = is_file("$dir/times.json") ? json_decode(file_get_contents("$dir/times.json"), true) : [];
    $now = clock($dir);
    $times[$name][] = $now;
    $times[$name] = array_values(array_filter($times[$name], fn($time) => $time > $now - $seconds));
    file_put_contents("$dir/times.json", json_encode($times));
    return count($times[$name]);
}

function told(string $dir): array
{
    $lines = is_file("$dir/told.jsonl") ? file("$dir/told.jsonl", FILE_IGNORE_NEW_LINES) : [];
    return array_map(fn($line) => json_decode($line, true), $lines);
}

/** [status, body, text to tell or null, headers] */
function chatwork(): array
{
    global $dir, $secret, $room, $method, $path, $body, $type;
    $error = fn(int $status, string $text, array $more = []) =>
        [$status, json(['errors' => [$text]]), null, array_merge(['Content-Type: application/json'], $more)];
    if (($_SERVER['HTTP_X_CHATWORKTOKEN'] ?? '') !== $secret) {
        return $error(401, 'Invalid API token');
    }
    $used = count_use($dir, 'token', 300);
    $limits = ['X-RateLimit-Limit: 300', 'X-RateLimit-Remaining: ' . max(0, 300 - $used), 'X-RateLimit-Reset: ' . ((int) clock($dir) + 300)];
    if ($used > 300) {
        return $error(429, 'Rate limit exceeded', $limits);
    }
    if ($path !== "/v2/rooms/$room/messages") {
        return $error(403, "You don't have permission to see this room", $limits);
    }
    if ($method === 'GET') {
        $all = array_slice(told($dir), -100);
        $list = array_map(fn($one) => ['message_id' => $one['id'], 'body' => $one['text'], 'send_time' => $one['time']], $all);
        return $list === [] ? [204, '', null, $limits] : [200, json($list), null, $limits];
    }
    if ($method !== 'POST' || $type !== 'application/x-www-form-urlencoded') {
        return $error(400, 'Content-Type must be application/x-www-form-urlencoded', $limits);
    }
    $fields = [];
    foreach (explode('&', $body) as $pair) {
        [$name, $value] = explode('=', "$pair=");
        $fields[urldecode($name)] = urldecode($value);
    }
    $text = $fields['body'] ?? '';
    if (array_keys($fields) !== ['body'] || $text === '' || preg_match('//u', $text) !== 1) {
        return $error(400, 'body is required, and nothing else', $limits);
    }
    if (characters($text) > 40000 || strlen($text) > 65535) {
        return $error(400, 'body is too long', $limits);
    }
    if (count_use($dir, 'room', 10) > 10) {
        $limits[2] = 'X-RateLimit-Reset: ' . ((int) clock($dir) + 10);
        return $error(429, 'Rate limit for message posting per room exceeded.', $limits);
    }
    return [200, json(['message_id' => (string) (count(told($dir)) + 1)]), $text, array_merge(['Content-Type: application/json'], $limits)];
}

function slack(): array
{
    global $dir, $secret, $method, $path, $body, $type;
    if ($path !== "/services/T0/B0/$secret") {
        return [404, 'no_service', null, []];
    }
    if ($method !== 'POST') {
        return [405, 'method_not_allowed', null, []];
    }
    $payload = $type === 'application/json' && preg_match('//u', $body) === 1 ? json_decode($body, true) : null;
    if (!is_array($payload)) {
        return [400, 'invalid_payload', null, []];
    }
    if (!is_string($payload['text'] ?? null) || trim($payload['text']) === '') {
        return [400, 'no_text', null, []];
    }
    if (characters($payload['text']) > 40000) {
        return [400, 'msg_too_long', null, []];
    }
    if (count_use($dir, 'channel', 5) > 5) {
        return [429, 'rate_limited', null, ['Retry-After: 1']];
    }
    return [200, 'ok', $payload['text'], []];
}

function webhook(): array
{
    global $dir, $method, $body, $type;
    $key = $_SERVER['HTTP_IDEMPOTENCY_KEY'] ?? '';
    if ($method !== 'POST' || $type !== 'application/json' || !is_array(json_decode($body, true)) || $key === '') {
        return [400, 'JSON with an Idempotency-Key is needed', null, []];
    }
    $known = in_array($key, array_column(told($dir), 'key'), true);
    return [200, '', $known ? null : $body, []];
}

if ($path === '/ready') {
    echo $dir;
    return true;
}
$fault = next_fault($dir);
[$status, $answer, $text, $headers] =
    match (true) {
        str_starts_with($path, '/v2/') => chatwork(),
        str_starts_with($path, '/services/') => slack(),
        str_starts_with($path, '/hook') => webhook(),
        default => [404, 'not found', null, []],
    };
if (isset($fault['status'])) {
    $status = (int) $fault['status'];
    $text = isset($fault['told']) ? $text : null;
}
$answer = $fault['body'] ?? $answer;
if ($text !== null && $status !== 404) {
    $one = ['id' => (string) (count(told($dir)) + 1), 'text' => $text, 'time' => time(), 'key' => $_SERVER['HTTP_IDEMPOTENCY_KEY'] ?? ''];
    file_put_contents("$dir/told.jsonl", json($one) . "\n", FILE_APPEND | LOCK_EX);
}
$request = ['method' => $method, 'path' => $_SERVER['REQUEST_URI'], 'type' => $type, 'key' => $_SERVER['HTTP_IDEMPOTENCY_KEY'] ?? '',
    'authorization' => $_SERVER['HTTP_AUTHORIZATION'] ?? '', 'body' => $body, 'status' => $status];
file_put_contents("$dir/requests.jsonl", json($request) . "\n", FILE_APPEND | LOCK_EX);
usleep((int) ($fault['delay'] ?? 0) * 1000);
http_response_code($status);
foreach (array_merge($headers, $fault['headers']) as $header) {
    header($header);
}
header('Content-Length: ' . (strlen($answer) + (isset($fault['cut']) ? 50 : 0)));
echo isset($fault['cut']) ? substr($answer, 0, (int) $fault['cut']) : $answer;
return true;
