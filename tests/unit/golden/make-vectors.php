<?php
/*
 * Makes the golden vectors in this folder: what PHP's two memcached extensions really do, recorded from real memcached nodes.
 *
 *   php make-vectors.php
 *
 * Needs memcached, php-memcached and php-memcache. Starts its own nodes; these addresses must be free, because the placement of a key
 * depends on how its nodes are called: 127.0.0.1:11211, 127.0.0.2:11211, localhost:21212, [::1]:21213, /tmp/nightshift-golden.sock.
 *
 *   keys.txt       the keys of placement.txt, one per line
 *   placement.txt  client, hash, prefix ("-", or one that was set by OPT_PREFIX_KEY), nodes, and for each key the index of its node,
 *                  or "-" if the extension refuses the key (ext-memcached 3.0 to 3.2 take printable ASCII only)
 *   values.txt     extension, what was stored, flags, bytes
 *   keyrules.txt   rule, key as the application names it, key that reaches the extension (both percent-encoded)
 */

const MIXED = ['127.0.0.1:11211:1', '127.0.0.2:11211:1', 'localhost:21212:1'];
const WEIGHTED = ['127.0.0.1:11211:1', '127.0.0.2:11211:3', 'localhost:21212:2'];
const ODD = ['/tmp/nightshift-golden.sock', '[::1]:21213:1', '127.0.0.1:11211:1'];
const BARE_PREFIX = 'golden:';

error_reporting(E_ALL & ~E_DEPRECATED); /* ext-memcache itself is deprecated code to PHP 8.2 */
set_error_handler(function ($number, $message, $file, $line) {
    throw new ErrorException("$message at line $line");
}, E_ALL & ~E_DEPRECATED);
ini_set('memcache.allow_failover', '0');

/* ---- nodes ---- */

function start_nodes(): array
{
    $processes = [];
    $arguments = [
        ['-l', '127.0.0.1', '-p', '11211'],
        ['-l', '127.0.0.2', '-p', '11211'],
        ['-l', 'localhost', '-p', '21212'],
        ['-l', '::1', '-p', '21213'],
        ['-s', '/tmp/nightshift-golden.sock'],
    ];
    foreach ($arguments as $list) {
        $user = posix_geteuid() === 0 ? ['-u', 'nobody'] : [];
        $processes[] = proc_open(array_merge(['memcached', '-U', '0', '-a', '0777'], $user, $list), [], $pipes);
    }
    usleep(500000);
    return $processes;
}

/* [host, port, weight], as the application would have them in its configuration. */
function split_node(string $node): array
{
    if ($node[0] === '/') {
        return [$node, 0, 1];
    }
    preg_match('/^(.*):(\d+):(\d+)$/', $node, $parts);
    return [$parts[1], (int)$parts[2], (int)$parts[3]];
}

function connect(string $node)
{
    [$host, $port] = split_node($node);
    return $port === 0 ? stream_socket_client("unix://$host") : stream_socket_client("tcp://$host:$port");
}

/* The keys that are on a node, as a set. */
function keys_on(string $node, array $keys): array
{
    $socket = connect($node);
    $there = [];
    foreach (array_chunk($keys, 50) as $chunk) {
        fwrite($socket, 'get ' . implode(' ', $chunk) . "\r\n");
        while (($line = rtrim(fgets($socket), "\r\n")) !== 'END') {
            [, $key, , $length] = explode(' ', $line);
            stream_get_contents($socket, (int)$length + 2);
            $there[$key] = true;
        }
    }
    fclose($socket);
    return $there;
}

/* [flags, bytes] */
function raw_value(string $node, string $key): array
{
    $socket = connect($node);
    fwrite($socket, "get $key\r\n");
    [, , $flags, $length] = explode(' ', rtrim(fgets($socket)));
    $bytes = $length > 0 ? stream_get_contents($socket, (int)$length) : '';
    fclose($socket);
    return [(int)$flags, $bytes];
}

function flush_nodes(array $nodes): void
{
    foreach ($nodes as $node) {
        $socket = connect($node);
        fwrite($socket, "flush_all\r\n");
        fgets($socket);
        fclose($socket);
    }
}

/* ---- clients ---- */

function ext_memcached(string $client, string $hash, string $prefix, array $nodes): Memcached
{
    $cache = new Memcached();
    if ($client === 'ext-memcached-consistent') {
        $cache->setOption(Memcached::OPT_DISTRIBUTION, Memcached::DISTRIBUTION_CONSISTENT);
    }
    if ($client === 'ext-memcached-ketama') {
        $cache->setOption(Memcached::OPT_LIBKETAMA_COMPATIBLE, true);
    }
    if ($hash !== 'default') {
        $cache->setOption(Memcached::OPT_HASH, $hash === 'md5' ? Memcached::HASH_MD5 : Memcached::HASH_CRC);
    }
    if ($prefix !== '-') {
        $cache->setOption(Memcached::OPT_PREFIX_KEY, $prefix);
    }
    /* Not addServer(): libmemcached names a socket differently on its ring then. CakePHP calls addServers(). */
    $cache->addServers(array_map(function ($node) {
        [$host, $port, $weight] = split_node($node);
        return [trim($host, '[]'), $port, $weight];
    }, $nodes));
    return $cache;
}

function ext_memcache(string $client, string $hash, array $nodes): Memcache
{
    ini_set('memcache.hash_strategy', substr($client, strlen('ext-memcache-')));
    ini_set('memcache.hash_function', $hash);
    $cache = new Memcache();
    foreach ($nodes as $node) {
        [$host, $port, $weight] = split_node($node);
        $cache->addServer($port === 0 ? "unix://$host" : $host, $port, false, $weight);
    }
    return $cache;
}

/* ---- vectors ---- */

function fnv1a(string $key): int
{
    $hash = 0x811c9dc5;
    foreach (unpack('C*', $key) as $byte) {
        $hash = (($hash ^ $byte) * 0x01000193) & 0xffffffff;
    }
    return $hash;
}

function make_keys(): array
{
    $keys = [];
    for ($i = 0; $i < 700; $i++) {
        $keys[] = "app_category_count_$i";
        $keys[] = substr(hash('sha512', "a$i") . hash('sha512', "b$i"), 0, $i % 100 === 99 ? 230 : 1 + $i % 50);
        $keys[] = "カテゴリ:$i";
    }
    /* Keys whose hash comes out as 0, for which ext-memcache's standard strategy has a rule of its own. */
    foreach (['crc32', 'fnv1a'] as $hash) {
        for ($i = 0, $wanted = 3; $wanted > 0; $i++) {
            if ((($hash("zero$i") >> 16) & 0x7fff) === 0) {
                $keys[] = "zero$i";
                $wanted--;
            }
        }
    }
    return array_values(array_unique($keys));
}

function place(string $client, string $hash, string $prefix, array $nodes, array $keys): string
{
    flush_nodes($nodes);
    $old = str_starts_with($client, 'ext-memcache-');
    $cache = $old ? ext_memcache($client, $hash, $nodes) : ext_memcached($client, $hash, $prefix, $nodes);
    $refused = [];
    foreach ($keys as $key) {
        if ($old ? $cache->set($key, 'x', 0, 0) : $cache->set($key, 'x')) {
            continue;
        }
        if ($old || $cache->getResultCode() !== Memcached::RES_BAD_KEY_PROVIDED) {
            throw new Exception("cannot set $key with $client $hash");
        }
        $refused[$key] = true;
    }
    $bare = $prefix === '-' ? '' : $prefix;
    $there = array_map(fn($node) => keys_on($node, array_map(fn($key) => $bare . $key, $keys)), $nodes);
    $digits = '';
    foreach ($keys as $key) {
        if (isset($refused[$key])) {
            $digits .= '-';
            continue;
        }
        $homes = array_keys(array_filter($there, fn($set) => isset($set[$bare . $key])));
        if (count($homes) !== 1) {
            throw new Exception("$key is on " . count($homes) . ' nodes');
        }
        $digits .= $homes[0];
    }
    return implode("\t", [$client, $hash, $prefix, implode(',', $nodes), $digits]) . "\n";
}

function make_placement(array $keys): string
{
    $text = '';
    foreach (['ext-memcached', 'ext-memcached-consistent', 'ext-memcached-ketama'] as $client) {
        foreach (['default', 'md5', 'crc'] as $hash) {
            $text .= place($client, $hash, '-', MIXED, $keys);
            $text .= place($client, $hash, '-', WEIGHTED, $keys);
        }
        $text .= place($client, 'default', BARE_PREFIX, MIXED, $keys);
        $text .= place($client, 'default', '-', ODD, $keys);
    }
    foreach (['ext-memcache-standard', 'ext-memcache-consistent'] as $client) {
        foreach (['crc32', 'fnv'] as $hash) {
            foreach ([MIXED, WEIGHTED, ODD] as $nodes) {
                $text .= place($client, $hash, '-', $nodes, $keys);
            }
        }
    }
    return $text;
}

/* What is stored is written as in values.txt: "int 42", "string 42", "map int 12=5 012=6". */
function parse_value(string $text)
{
    $words = explode(' ', $text);
    if ($words[0] === 'int') {
        return (int)$words[1];
    }
    if ($words[0] === 'string') {
        return $words[1];
    }
    $map = [];
    foreach (array_slice($words, 2) as $pair) {
        [$id, $count] = explode('=', $pair);
        $map[$id] = $words[1] === 'int' ? (int)$count : $count;
    }
    return $map;
}

function make_values(): string
{
    $ids = '1=42 12=0 012=1 0=2 -1=3 -0=4 +1=5 1.5=6 cat=7 カテゴリ=8 9223372036854775807=9 9223372036854775808=10 ' .
        '-9223372036854775807=11 -9223372036854775808=12 -9223372036854775809=13 00=14 99999999999999999999=15 1e3=16 -=17 "=18';
    $text = '';
    foreach (['int 42', 'int 0', 'int -7', 'int 9223372036854775807', 'string 42', 'string 0', 'map int', "map int $ids", "map string $ids"] as $value) {
        $new = ext_memcached('ext-memcached', 'default', '-', [MIXED[0]]);
        $new->set('value', parse_value($value));
        $text .= implode("\t", array_merge(['ext-memcached', $value], raw_value(MIXED[0], 'value'))) . "\n";
        $old = ext_memcache('ext-memcache-standard', 'crc32', [MIXED[0]]);
        $old->set('value', parse_value($value), 0, 0);
        $text .= implode("\t", array_merge(['ext-memcache', $value], raw_value(MIXED[0], 'value'))) . "\n";
    }
    return $text;
}

/* The expressions of CakePHP's own sources: Inflector::underscore and CacheEngine::key of 1.3 to 2.1, CacheEngine::key of 2.2 to 3,
 * CacheEngine::_key of 4 and 5. */
function make_keyrules(): string
{
    $rules = [
        'cake1' => fn($key) => strtolower(preg_replace('/(?<=\\w)([A-Z])/', '_\\1', str_replace(['/', '/', '.'], '_', strval($key)))),
        'cake2' => fn($key) => preg_replace('/[\s]+/', '_', strtolower(trim(str_replace(['/', '/', '.'], '_', strval($key))))),
        'cake4' => fn($key) => preg_replace('/[\s]+/', '_', $key),
    ];
    $keys = ['Category.Count/12', 'category_count_12', 'CategoryCount', 'ABCdef', 'aB', '-A', '.A', '/A/B', ' A', "A b\tC", '  two  spaces  ',
        "\ttab\n", "\x0bvertical\x0c", 'カテゴリ/カウント.12', 'éÀ', 'ÀB', '0', 'a..b//c', 'X', '_X', '9X', "a \t\r\n b", 'mixedCase.and/Slashes 1'];
    for ($i = 0; $i < 200; $i++) {
        $key = '';
        for ($j = 0; $j < 1 + $i % 25; $j++) {
            $key .= 'aB.C/d eF_9G-  日'[hexdec(substr(md5("$i,$j"), 0, 4)) % 18];
        }
        $keys[] = $key;
    }
    $text = '';
    foreach ($rules as $name => $rule) {
        foreach ($keys as $key) {
            $text .= $name . "\t" . rawurlencode($key) . "\t" . rawurlencode($rule($key)) . "\n";
        }
    }
    return $text;
}

$processes = start_nodes();
try {
    $keys = make_keys();
    $head = '# made by make-vectors.php with ext-memcached ' . phpversion('memcached') . ', ext-memcache ' . phpversion('memcache') . ", PHP " .
        PHP_VERSION . "\n";
    file_put_contents(__DIR__ . '/keys.txt', implode("\n", $keys) . "\n");
    file_put_contents(__DIR__ . '/placement.txt', $head . make_placement($keys));
    file_put_contents(__DIR__ . '/values.txt', $head . make_values());
    file_put_contents(__DIR__ . '/keyrules.txt', $head . make_keyrules());
} finally {
    foreach ($processes as $process) {
        proc_terminate($process);
        proc_close($process);
    }
    @unlink('/tmp/nightshift-golden.sock');
}
