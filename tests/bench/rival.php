#!/usr/bin/env php
<?php
// What a site would write without nightshift, to be measured against it: the grouped counts by mysqli, and the keys through ext-memcached.
// No guards, no snapshot, no read-back unless it says so.
//
//   rival.php night           the counts of the sandbox's settings, key by key; environment as in a sandbox's env
//   rival.php cheap           154 rows that cost nothing to count, and a set for each
//   rival.php one-by-one N    N keys set one by one and read back with getMulti; prints milliseconds
//   rival.php multi N         the same with setMulti
//   rival.php map KEY         what a page does: connect and get one map; prints milliseconds
const TTL = 2 * 86400;

function cache(): Memcached
{
    $cache = new Memcached();
    foreach (explode(',', getenv('MEMCACHED_NODES')) as $node) {
        [$host, $port] = explode(':', $node);
        $cache->addServer($host, (int)$port);
    }
    return $cache;
}

function fail(string $message): void
{
    fwrite(STDERR, "rival.php: $message\n");
    exit(1);
}

// Rolled up along the tree: every category counts for itself and for all above it.
function count_categories(mysqli $database, string $query): array
{
    $parents = array_column($database->query('SELECT id, parent_id FROM categories')->fetch_all(), 1, 0);
    $counts = array_fill_keys(array_keys($parents), 0);
    foreach ($database->query($query)->fetch_all() as [$id, $count]) {
        for (; $id !== null; $id = $parents[$id]) {
            $counts[$id] += (int)$count;
        }
    }
    return $counts;
}

function reader(): mysqli
{
    $password = rtrim(file_get_contents(getenv('MYSQL_PASSWORD_FILE')));
    $port = (int)preg_split('/[ ,]/', getenv('READER_PORTS'))[0];
    return new mysqli('127.0.0.1', getenv('MYSQL_USER'), $password, getenv('MYSQL_DATABASE'), $port);
}

function cheap(): void
{
    $cache = cache();
    foreach (reader()->query('SELECT id, 1 FROM categories')->fetch_all() as [$id, $count]) {
        $cache->set("app_category__count_$id", (int)$count, TTL) || fail("cannot set $id");
    }
}

function night(): void
{
    $database = reader();
    $cache = cache();
    $queries = [
        'count' => "SELECT category_id, COUNT(*) FROM works WHERE deleted = 0 AND status = 'open' GROUP BY category_id",
        'lancer_count' => "SELECT category_id, COUNT(*) FROM categorizations WHERE categorization_type = 'User' GROUP BY category_id",
    ];
    foreach ($queries as $name => $query) {
        $counts = count_categories($database, $query);
        foreach ($counts as $id => $count) {
            $cache->set("app_category__{$name}_$id", $count, TTL) || fail("cannot set $name $id");
        }
        $cache->set("app_category__{$name}_map", $counts, TTL) || fail("cannot set the map of $name");
    }
}

function publish(int $count, bool $multi): void
{
    $values = [];
    for ($i = 0; $i < $count; $i++) {
        $values["rival_category__count_$i"] = $i;
    }
    $began = hrtime(true);
    $cache = cache();
    if ($multi) {
        $cache->setMulti($values, TTL) || fail('setMulti failed');
    } else {
        foreach ($values as $key => $value) {
            $cache->set($key, $value, TTL) || fail("cannot set $key");
        }
    }
    $cache->getMulti(array_keys($values)) == $values || fail('getMulti returns something else');
    printf("%.2f\n", (hrtime(true) - $began) / 1e6);
}

function read_map(string $key): void
{
    $began = hrtime(true);
    $map = cache()->get($key);
    is_array($map) && count($map) > 0 || fail("$key is no map");
    printf("%.3f\n", (hrtime(true) - $began) / 1e6);
}

switch ($argv[1] ?? '') {
    case 'night':
        night();
        break;
    case 'cheap':
        cheap();
        break;
    case 'one-by-one':
    case 'multi':
        publish((int)$argv[2], $argv[1] === 'multi');
        break;
    case 'map':
        read_map($argv[2]);
        break;
    default:
        fail('see the beginning of this file');
}
