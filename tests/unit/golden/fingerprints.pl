#!/usr/bin/perl
# Fingerprints as percona-toolkit makes them: the vectors of the unit test, and a search for queries on which we differ.
#
#   fingerprints.pl make                              writes fingerprints.sample.txt and fingerprints.rules.txt beside this file
#   fingerprints.pl differ PROGRAM [COUNT [SEED]]     COUNT mutated queries (default 200000) to "PROGRAM --print", which is
#                                                     build/bench/fingerprint_bench, and to percona-toolkit; 1 when they differ
#
# Needs Debian's percona-toolkit (3.2.1); its pt-query-digest is loaded as a module, so that the real code answers. Nothing of it is here.
#
# A line of a vector file: query, fingerprint, id, with tabs between; \\ is a backslash and \xNN a byte that is not plain text. The sample is
# what a shop's slow log holds, and what the bench measures; the rules are one or more queries for each rule, and what is nasty.
use strict;
use warnings;
use utf8;
use Encode ();
use File::Basename qw(dirname);

sub load_toolkit {
    my ($path) = grep { -r } map { "$_/pt-query-digest" } split /:/, $ENV{PATH};
    die "fingerprints.pl: pt-query-digest is not installed\n" unless $path;
    { local @ARGV = (); require $path; }
    return QueryRewriter->new(QueryParser => QueryParser->new);
}

# ---- the sample ----

my @names = ('田中太郎', '山田 花子', '中古ギター', 'ヴィンテージ時計 1965年製', '未使用品☆送料無料', '東京都渋谷区1-2-3', '着物(正絹)', "ｶﾀｶﾅ", '𠮷野家', '絵文字😀つき');

sub numbers {
    my ($count, $from) = @_;
    return join ', ', map { $from + 7 * $_ } 0 .. $count - 1;
}

# As CakePHP 1.3 builds them: every name in backticks, "AS `Model`", two spaces where a clause is empty, and one or more at the end.
sub cake_queries {
    my ($i) = @_;
    my $name = $names[$i % @names];
    my $id   = 1000 + 37 * $i;
    my $day  = sprintf '2024-%02d-%02d %02d:%02d:%02d', 1 + $i % 12, 1 + $i % 28, $i % 24, (7 * $i) % 60, (11 * $i) % 60;
    return (
        "SELECT `Item`.`id`, `Item`.`user_id`, `Item`.`title`, `Item`.`price`, `Item`.`created`, `Item`.`modified` FROM `items` AS `Item`   WHERE `Item`.`id` = $id   ORDER BY `Item`.`created` DESC  LIMIT 1 ",
        "SELECT COUNT(*) AS `count` FROM `items` AS `Item` LEFT JOIN `users` AS `User` ON (`Item`.`user_id` = `User`.`id`) LEFT JOIN `categories` AS `Category` ON (`Item`.`category_id` = `Category`.`id`)  WHERE `Item`.`deleted` = '0' AND `Item`.`title` LIKE '%$name%' AND `Item`.`price` BETWEEN 100 AND " . 500 * ($i + 1) . "  ",
        "SELECT `Item`.`id`, `Item`.`title`, `User`.`nickname`, `Category`.`name` FROM `items` AS `Item` LEFT JOIN `users` AS `User` ON (`Item`.`user_id` = `User`.`id`) LEFT JOIN `categories` AS `Category` ON (`Item`.`category_id` = `Category`.`id`)  WHERE `Item`.`category_id` IN (" . numbers(3 + $i, $id) . ") AND `Item`.`status` = 'on_sale'   ORDER BY `Item`.`created` ASC, `Item`.`id` asc  LIMIT " . 20 * $i . ", 20 ",
        "UPDATE `items` SET `title` = '$name', `price` = $id, `modified` = '$day' WHERE `items`.`id` = '$id'",
        "INSERT INTO `messages` (`item_id`, `user_id`, `body`, `read`, `modified`, `created`) VALUES ($id, " . ($id + 5) . ", '${name}です。\\nよろしく「お願い」します。', 0, '$day', '$day')",
        "SELECT `User`.`id`, `User`.`mail`, `User`.`nickname` FROM `users` AS `User`   WHERE `User`.`mail` = 'user$i\@example.jp' AND `User`.`password` = '" . substr('5f4dcc3b5aa765d61d8327deb882cf99', $i % 8) . "'    LIMIT 1 ",
        "DELETE `Favorite` FROM `favorites` AS `Favorite`   WHERE `Favorite`.`id` IN ('" . join("', '", map { $id + $_ } 0 .. $i) . "')  ",
        "SELECT `ItemTag`.`tag_id`, `Tag`.`name` FROM `tags` AS `Tag` JOIN `item_tags` AS `ItemTag` ON (`ItemTag`.`item_id` IN (" . numbers(1 + $i % 5, $id) . ") AND `ItemTag`.`tag_id` = `Tag`.`id`) ",
    );
}

sub marketplace_queries {
    my ($i) = @_;
    my $name = $names[(3 * $i) % @names];
    my $id   = 50000 + 911 * $i;
    return (
        "SELECT /* ItemsController::index */ i.id, i.title, COUNT(f.id) AS likes FROM items i LEFT JOIN favorites f ON f.item_id = i.id WHERE i.category_id = $i AND i.deleted IS NULL GROUP BY i.id ORDER BY likes DESC LIMIT 50 OFFSET " . 50 * $i,
        "SELECT c.id, c.name,\n       COUNT(*) AS items\n  FROM categories c\n  JOIN items i ON i.category_id = c.id\n WHERE i.status = 'on_sale'\n   AND i.created >= '2024-0" . (1 + $i % 9) . "-01 00:00:00'\n GROUP BY c.id, c.name",
        "SELECT SUM(amount) FROM orders WHERE seller_id = $id AND paid_at BETWEEN '2024-01-01' AND '2024-01-31 23:59:59' AND state IN ('paid','sent','done')",
        "INSERT INTO access_log_2024" . sprintf('%02d', 1 + $i % 12) . " (user_id, uri, ua, created) VALUES ($id, '/items/$id', 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)', NOW()), (" . ($id + 1) . ", '/', NULL, NOW())",
        "UPDATE wallets SET coins = coins - " . (100 + $i) . ", version = version+1 WHERE user_id = $id AND coins >= " . (100 + $i),
        "select user_id, max(created) from logins where ip = '10.0." . ($i % 256) . ".7' and ok = true group by user_id having max(created) < now() - interval $i day",
        "REPLACE INTO counts (name, value) VALUES ('$name', $id)",
        "SELECT * FROM `search_words` WHERE `word` = \"$name\" AND `hits` > $i ORDER BY `hits` DESC, `word` ASC LIMIT 10",
    );
}

sub sample_queries {
    my @queries;
    push @queries, cake_queries($_), marketplace_queries($_) for 0 .. 11;
    return @queries;
}

# ---- the rules, and what is nasty ----

sub rule_queries {
    my $long = 'a' x 300;
    return (
        # whole queries
        'SELECT /*!40001 SQL_NO_CACHE */ * FROM `items`', 'SELECT /*!40001 SQL_NO_CACHE */ * FROM items', 'select /*!40001 SQL_NO_CACHE */ * FROM `items`',
        ' SELECT /*!40001 SQL_NO_CACHE */ * FROM `items`',
        'REPLACE /*shop.items:3/4*/ INTO checksum.checksum SELECT 1', 'SELECT 1 /*a.b:1/2*/', 'SELECT 1 /*a.b:10/2*/', 'SELECT 1 /* a.b:1/2 */',
        "SELECT '/*a.b:1/2*/'", '/*/*a.b:1/2*/', '/*a_1.b_2:1/2*/', '/*a.b.c:1/2*/', '/*.b:1/2*/', '/*a.:1/2*/', '/*a.b:1/2', '/*a.b:x/2*/', '/*a.b:1/x*/', '/*a.b:1-2*/',
        'administrator command: Ping', 'administrator command: Init DB 12', 'Administrator command: Ping', 'administrator command:', '# administrator command: Quit;',
        'CALL foo(1, 2)', 'call foo.BAR(1)', "  CALL  Foo(1,'x')", 'call foo(bar(1),2)', 'call foo (1)', 'call (1)', 'call', 'call f', 'CALLf(1)', "call\nf(", 'call f(a b(c',
        'call f(1) /* x(y) */',
        'use shop', 'USE `shop_1`', "use shop\n", 'use shop ', ' use shop', 'use  shop', 'use a b', 'use', 'use ', "use a\n\n", '/* x */use shop', "-- x\nuse shop",
        # several rows
        'INSERT INTO t VALUES (1),(2)', 'INSERT INTO t (a,b) VALUES (1,2), (3,4) ON DUPLICATE KEY UPDATE a = 1', 'INSERT INTO t (a,b) VALUES (1,2) ON DUPLICATE KEY UPDATE a = VALUES(a)',
        'insert ignore into t values (1) , (2)', 'INSERT  IGNORE INTO t VALUES (1),(2)', 'INSERT LOW_PRIORITY INTO t VALUES (1),(2),(3)', "REPLACE INTO t VALUES ('a), (b', 2)",
        'INSERT INTO t VALUES (f(1), (2)), (3)', 'INSERT INTO values (a) VALUES (1),(2)', 'INSERT INTO t VALUES (1) , ( 2 ) , (3)', 'INSERT INTO t SELECT 1, (2), (3)',
        'INSERT INTO t(v) VALUE (1),(2)', 'INSERT INTO myvalues (a), (b)', "INSERT\nINTO\nt\nVALUES\n(1)\n,\n(2)", ' INSERT INTO t VALUES (1),(2)', 'INSERT INTOvalues(1),(2)',
        'INSERT INTO values(1),(2)', 'insert into t values (1),(2)', 'replace ignore into t values (1),(2)', 'REPLACE INTO t (a) VALUES (1)', 'insert into t values ()', 'insert into t values (),()', 'insert ignorx into t values (1),(2)',
        "insert into t values ('x', null, true, -1.5e3)", 'INSERT INTO t SET a = 1, b = \'x\'', 'insert into t(a) values((1)),((2))', 'VALUES (1),(2)', 'VALUES ROW(1,2), ROW(3,4)',
        # comments
        'select 1 /* one */ + /* two */ 2', 'select /*! straight_join */ a from t', 'select /*!40000 a */ b', 'select /**/ 1', 'select /**/ 1 /* x */ 2', 'select /*/ 1 */ 2',
        'select 1 /* open', 'select /*', '/* a */', '/*a*//*b*/select/*c*/1', "select 'a /* b */ c'", 'select "/*" , 1, "*/"', "select 1 /* it's */ , 'b'", '/*+ hint */ select 1',
        "select 1 -- one\n, 2", 'select 1 -- end', "select 1 # end", "select 1 -- it's\n, 2", "select 1 # don't\n# do\n, 3", 'select 5--3', "select 5--3\n, 4", "select '#fff' , 1", "select 'a -- b', 1",
        "select 1 --\r\n, 2", "select a#b\rc", "select '-- x\n', 2", '-/* x */- gone', "/* a */ -- b\n select 1", '#', '--', '---', "--'", "#'", "-- '#'", "#\n", "--\n--\n", "# a\n\n", "select /* a */ /*!b*/ /* c */",
        "select /* x\ny */ 1", '/*!', '/*!*/', '/*!50003 select 1 */ /* x */', '*/', '/* x */ */', '/*x*/ */ /*y*/',
        # literals
        "select 'a'", 'select "a"', "select 'a''b'", 'select "a""b"', "select 'a\\'b'", "select 'a\\\\'", "select 'a\\\\', 'b'", 'select "a\\"b"', "select '19\"', '21\"'", "select \"it's\"", "select 'open",
        'select "open', "select '', \"\"", "select 'a' 'b'", "select _utf8'あ', N'い'", "select 'あ', 'a' from `表` where `列` = 'い'", "select * from t where a = 'x\ny'", "select x'4f', X'4F', b'01', B'01'",
        "select 'a' 'b", "select '''", "select ''''", "\\'", "\\", "\\\"", "'\\", "select '\\", "select `it's`, `that's`", "select a, 'b' from `x'y`", "'a", "a'", "\"'\"'\"'", "'\"'\"'\"", "a='b'c", "select 'a\\nb'",
        # booleans, null
        'select true, FALSE, True', 'select trues, istrue, true1, 1true, _true', 'select t.true, -false, +true, .false', 'select 1.false, 1.5false, 5-false, 5-falsey, 5.falsef', 'where a is true and not false',
        'select null, NULL, Null', 'select nulls, isnull(a), ifnull(a, null)', 'select null5, 5null, nullx\'4f\', anull, t.null, null.a', 'where a is not null', '-true', 'xtrue', 'true', 'null', 'false', 'nulltrue', 'true\'a\'', "'a'true",
        'あtrue', 'trueあ', 'nullあ', 'あnull',
        # numbers
        'select 1, 12, 1.5, .5, -1, +1, 1e10, 1E10, 1e-5, 1.5E+3', 'select 0x1f, 0x1F, 0xCAFE, 0b01, 0B01', 'select a-1, a+1, a - 1, a -1', 'select a-b, a+bc, a-z', 'select col1, t2.c3, utf8mb4', 'select foo_1, foo_2024_01',
        "select '1', 1", 'select 1abc, 1xyz, 1g', 'select 1.2.3.4', 'select 1.', 'select 1..2', '1+1', '1e+5', 'a+1+b', '+x', '1-1', '1.5.e', 'select a.1, x1, b2, xb3, bx4, xx5, a.x6', 'select X1, B1', 'select t.1.2', 'select -', 'select + -', '-', '+', '5', '.', 'x', 'b?', 'x?', '.?', '..?',
        'bb?', 'xb1', 'a.b.1', '1?2', '? ?', 'select ?', '??', 'x??', 'x1x2', 'f1e2d3', 'select 5a5g5', "select 2024-01-01", 'select 1--1', 'deadbeef', '0deadbeef', 'd0deadbeefg', 'limit-1', '5b', '5 b', 'b 5', 'x.5', 'select a.`1`',
        # white space, case
        "select\t1,\n\n2\r\n", "  select 1", "\n\tselect 1", "select 1 ", "select 1  ", "select 1\n", "select 1\n\n", "select 1 \n", "\x0bselect 1", "select\x0b1", "select \x0b 1", "select 1\x0b", "\n", " ", '', "\n\n", " \n ", "\f\r\f", 'SELECT Ａ, É',
        "SELECT \xc3\x89", 'sElEcT A_B', "a\x00b", "\x00", "select '\x00', 1", "select\xa01", "select\x851",
        # lists
        'in (1)', 'in(1,2,3)', 'in ( 1 , 2 , 3 )', 'IN (1),(2)', 'in ((1))', 'in (1), a', 'in (1) , (2) , (a)', 'in ()', 'in()', 'in()in()in()', 'in (select 1)', 'in (a, 1)', 'in (1, 2', 'in', 'in (', 'in )', 'in,(1)', 'in ,, (1)(2)',
        'not in (1)', 'join (1)', 'xin (1)', '_in (1)', '.in (1)', '1in (1)', '?in (?)', 'values (1)', 'value (1)', 'values(1),(2),(3)', 'values (1) as new', 'values (1), (a), (2)', 'values,', 'valuess (1)', 'myvalues (1)', 'values(a)',
        "in ('a','b',null,true,x'4f',-1)", "in (1)\x0b(2)", 'in (1) and b in (2,3) or c in (4)', 'in (1)in (2)', '(a,b) in ((1,2),(3,4))', 'in(?+)', 'in (?,?)', 'in (1.5, .5)', 'in (1 , ', 'in (1) (', 'in (1),', 'in (1), (1,1', 'あin (1)', 'in (1), xin (1), myvalues (1), _in (1), x_value (2)',
        'values ' . join(',', map { "($_)" } 1 .. 60), 'in (' . join(',', 1 .. 400) . ')', 'in (' . join(',', map { "'$_'" } 1 .. 200), 'select find_in_set(1, a)', 'field in (now(), 1)', 'values (now())', 'interval (1)', 'in-(1)', 'in?(1)',
        # unions
        'select 1 union select 2', 'select 1 union all select 2', 'select 1 union select 2 union all select 3', 'select a union select b', 'select a union select ab', 'select a union select a b', 'select a union all select a union select a from t',
        'select union select', 'select  union select ', "select \x0bunion select \x0b", 'select 1 union distinct select 2', '(select 1) union (select 2)', 'select 1 union  select 2', "select 1\nunion\nselect 2", 'select a from t union select a from u',
        'select a from t where b in (select 1 union select 2)', 'select a union select b union select a union select b', 'select a union select b union select a union select b union select c', 'select 1 union select 2 union select a',
        'x select 1 union select 2', 'xselect 1 union select 2', 'select 1 unionselect 2', 'select 1 union allselect 2', 'select a union all select a union all select a, b', 'select select 1 union select 1', 'select 1 union select 2 select 1 union select 2',
        'select a union select aselect b union select b', 'union select 1', 'select 1 union', 'select 1 union ', 'union', 'select ? union select ?', "select 'a' union all select 'b' union all select 'c'", 'select 1 as union union select 1 as union',
        # limit
        'select 1 limit 5', 'select 1 limit 5, 10', 'select 1 limit 5,10', 'select 1 limit 5 offset 10', 'select 1 limit 5 , 10', 'limit 1, 2 limit 3, 4', 'limit ?', 'limit a', 'xlimit 1, 2', 'limit  1,2', 'limit 1,  2', 'limit 1  offset 2', 'limit 1 offset',
        'limit 1 offset a', "limit\n1,\n2", 'limit(1,2)', 'limit', 'limit 1,a', '_limit 1,2 limit 3,4', 'limit null, null', "limit 'a', 'b'", 'limit 5, ?', "limit 1 offset\x0b2",
        # order by
        'select a from t order by a asc', 'order by a ASC, b ASC', 'order by a, ascii', 'order by asc', 'order by  asc', 'order by a asc asc', 'order by a desc, b asc', 'order by a asc limit 5', 'order by a', 'ORDER BY a Asc', 'order  by a asc',
        'xorder by a asc', 'order by a ascending', "order by a \x0basc", "order by \x0b asc", "order by \x0b\x0basc", 'order bya asc', 'a asc order by b asc', 'order by a asc) union (select b order by c asc)', 'order by field(a, 1, 2) asc', 'order', 'order by ',
        'order by a asc order by b asc', "order by a\nasc", 'order by `asc` asc', "order by a \x0b", 'order by aasc',
        # whole statements of other kinds
        'BEGIN', 'COMMIT', 'START TRANSACTION', 'SET NAMES utf8', 'SET @a := 1, @b=\'x\'', 'SHOW TABLES', 'SHOW FULL COLUMNS FROM `items`', "SHOW VARIABLES LIKE 'max_%'", 'SET autocommit=0', 'FLUSH TABLES', 'LOCK TABLES a READ, b WRITE', 'XA START \'abc\'',
        'CREATE TABLE t1 (id INT(11) NOT NULL DEFAULT \'0\', PRIMARY KEY (id)) ENGINE=InnoDB DEFAULT CHARSET=utf8', 'ALTER TABLE `t` ADD COLUMN c VARCHAR(255) DEFAULT NULL AFTER b', 'DROP TABLE IF EXISTS `_vt_1`', 'TRUNCATE t', 'OPTIMIZE TABLE t1, t2',
        'LOAD DATA INFILE \'/tmp/a.csv\' INTO TABLE t FIELDS TERMINATED BY \',\'', 'KILL 1234', 'EXPLAIN SELECT 1', 'DELETE FROM t WHERE id = 1 LIMIT 10', 'GRANT ALL ON *.* TO \'a\'@\'b\' IDENTIFIED BY \'c\'', 'PREPARE s FROM \'select ?\'', 'EXECUTE s USING @a',
        'SELECT SLEEP(0.1)', "select json_extract(a, '\$.b[0]') from t", 'select a->"$.b", c->>\'$.d\' from t', 'select `a`.`b` from `c`.`d`', 'select * from t1 as x1, t2 as x2 where x1.id=x2.id and x1.a<>x2.b', 'select a /*c*/, b from t; drop table t',
        'select case when a = 1 then "x" else null end', 'select a from t where b like "%x%" escape "\\\\"', 'with recursive c as (select 1 union all select n+1 from c) select * from c', 'do sleep(1)', 'hello world',
        # bytes
        "select '\xe3\x81', 1", "select \xff\xfe, 1", "\xe3\x81\x82", "select '\x83\x5c', 1", "select '\x95\x5c', 'b'", "select 'caf\xe9', \"\xa4\xa2\" from t", "\x80select 1 union select 2", "in\xe3(1)", "select 'あ\\'い', 'う'", 'select "あ「い」", `日本語_1` from `商品2`',
        # long ones
        "select '$long', $long, `$long`", 'select ' . join(', ', map { "c$_" } 1 .. 200) . ' from t', 'select * from t where ' . join(' or ', map { "(a = $_ and b = 'x$_')" } 1 .. 60), join(' union all ', map { "select a, $_ from t where b = '$_'" } 1 .. 40),
        join(' union ', map { "select $_ from t" . chr(97 + $_ % 26) } 1 .. 40), '(' x 200, ')' x 200, "'" x 201, '"' x 201, '\\' x 201, '-' x 201, '#' x 201, '/*' x 101, '?' x 100, 'x' x 200 . '1', ' ' x 200 . 'a', "a" . ' ' x 200, "in (" x 50, "in (1) " x 50,
        'select ' x 40, 'union ' x 40, 'select 1 union ' x 40, 'limit 1,2 ' x 20, 'order by a asc ' x 20, 'null ' x 40, 'true,' x 40,
    );
}

# ---- vector files ----

sub bytes_of {
    my ($query) = @_;
    return $query =~ /[^\x00-\xff]/ || ($query =~ /[^\x00-\x7f]/ && $query !~ /^[\x00-\xff]*\z/) ? Encode::encode('UTF-8', $query) : $query;
}

sub escape {
    my ($bytes) = @_;
    my $copy = $bytes;
    my $text = eval { Encode::decode('UTF-8', $copy, Encode::FB_CROAK); 1 };
    $bytes =~ s/\\/\\\\/g;
    $bytes =~ s/([\x00-\x1f\x7f])/sprintf '\\x%02X', ord $1/ge;
    $bytes =~ s/([\x80-\xff])/sprintf '\\x%02X', ord $1/ge unless $text && $bytes !~ /\xc2[\x80-\x9f]/;
    $bytes =~ s/^#/\\x23/;
    return $bytes;
}

sub write_vectors {
    my ($toolkit, $name, $what, @queries) = @_;
    my $path = dirname(__FILE__) . "/$name";
    my (%seen, $count);
    open my $file, '>:raw', $path or die "fingerprints.pl: cannot write \"$path\": $!\n";
    print $file "# $what, made by fingerprints.pl with percona-toolkit $Percona::Toolkit::VERSION: query, fingerprint, id\n";
    for my $query (map { bytes_of($_) } @queries) {
        next if $seen{$query}++;
        my $fingerprint = $toolkit->fingerprint($query);
        print $file join("\t", escape($query), escape($fingerprint), Transformers::make_checksum($fingerprint)), "\n";
        $count++;
    }
    close $file or die "fingerprints.pl: cannot write \"$path\": $!\n";
    print "$count queries in $name\n";
}

# ---- mutants ----

my @fragments = (
    "'", '"', '`', '\\', "\\'", '\\"', '/*', '*/', '/*!', '/**/', '--', '-- ', '#', "\n", "\r\n", "\t", "\x0b", "\f", ' ', '  ', "\0", ',', ', ', '(', ')', '()', '(1)', '(?,?)', '),(', ') , (', '?', '.', '-', '+', 'x', 'b', 'X', 'f', 'e', '_', '0', '1', '42',
    '0x1F', '1e5', "x'4f'", 'null', ' NULL ', 'true', ' FALSE', 'false', 'in', ' in (', 'in(1,2)', ' IN ()', 'values', ' VALUES (', 'value(', ' values (1),(2)', ' union ', ' UNION ALL ', ' union all select ', 'select ', 'SELECT a', ' limit 1', ' LIMIT 5, 10',
    ' offset 5', 'limit ?', ',?', ' order by ', 'ORDER BY a ASC', ' asc', ' ASC, ', 'call f(', 'use db', 'insert into t values (1)', 'INSERT INTO t ', 'REPLACE IGNORE INTO ', 'administrator command: ', '/*a.b:1/2*/', "\xe3\x81\x82", "\xff", "\x85", "\xa0", ';', '*', '=',
    'SELECT /*!40001 SQL_NO_CACHE */ * FROM `',
);

# Queries of these alone go deep into one rule each.
my @themes = (
    ['select ', 'select', ' union ', ' union all ', 'union', ' ', "\x0b", 'a', 'b', ' from t', '(', ')', ',', 'x'],
    ['order by ', ' asc', 'asc', ' ', "\x0b", 'a', ',', ', b', ' desc', 'limit 1', ', 2', ' offset 3', ' limit 4', 'x', "\n"],
    ['in', 'in ', 'values', 'value', '(', ')', '()', ',', '1', "'a'", ' ', "\x0b", 'null', 'a', '?', '_', 'true', ' (1,2)'],
    ['0', '7', '+', '-', '.', 'x', 'b', 'X', 'e', 'f', 'false', 'true', 'null', 'g', '_', '?', "'a'", ' ', 'False', "\xe3"],
    ['"', "'", '\\', "\\'", '\\"', 'a', 'x', '#', '--', '-', '/*', '*/', '/*!', '!', "\n", "\r", ' ', '1', '*', '/'],
    ['insert into t', 'INSERT ', 'REPLACE ', ' IGNORE', "\tINTO ", ' values', 'VALUES ', '(', ')', ',', '),(', ') , (', "'", '1', ' ', "\n", 'a', 'call ', 'use ', "\x0b"],
);

sub one_of { return $_[int rand @_] }

sub mutate {
    my ($query, $corpus) = @_;
    for (1 .. 1 + int rand 6) {
        my $at    = int rand(1 + length $query);
        my $count = int rand(1 + (rand() < 0.8 ? 4 : length($query) - $at));
        $count = length($query) - $at if $count > length($query) - $at;
        my $kind = int rand 10;
        if    ($kind < 4) { substr($query, $at, 0) = one_of(@fragments) }
        elsif ($kind < 5) { substr($query, $at, $count) = '' }
        elsif ($kind < 6) { my $part = substr $query, $at, 40 * rand; substr($query, $at, 0) = $part }
        elsif ($kind < 7) { my $other = one_of(@$corpus); substr($query, $at) = substr $other, int rand(1 + length $other) }
        elsif ($kind < 8) { substr($query, $at, $count) = chr int rand 256 }
        elsif ($kind < 9) { substr($query, $at, $count) = rand() < 0.5 ? uc substr($query, $at, $count) : lc substr($query, $at, $count) }
        else              { substr($query, $at, 0) = one_of(@fragments) x (1 + int rand 3) }
    }
    return $query;
}

sub differ {
    my ($toolkit, $program, $count, $seed) = @_;
    my @corpus = grep { length $_ < 2000 } map { bytes_of($_) } sample_queries(), rule_queries();
    my ($different, $died, $done) = (0, 0, 0);
    srand $seed;
    while ($done < $count) {
        my @queries = map { my $from = rand() < 0.3 ? \@fragments : rand() < 0.4 ? one_of(@themes) : undef; $from ? join '', map { one_of(@$from) } 1 .. 1 + rand 14 : mutate(one_of(@corpus), \@corpus) } 1 .. 5000;
        my $path = "/tmp/fingerprints.$$";
        open my $in, '>:raw', $path or die "fingerprints.pl: cannot write \"$path\": $!\n";
        print $in pack('V/a', $_) for @queries;
        close $in;
        open my $out, '-|:raw', "'$program' --print <'$path'" or die "fingerprints.pl: cannot run \"$program\": $!\n";
        for my $query (@queries) {
            read($out, my $length, 4) == 4 or die "fingerprints.pl: \"$program\" ended early\n";
            my $ours = '';
            read $out, $ours, unpack('V', $length) if unpack 'V', $length;
            my $theirs = eval { $toolkit->fingerprint($query) };
            if (!defined $theirs) { $died++; next }
            next if $ours eq $theirs;
            print 'query  ', escape($query), "\nours   ", escape($ours), "\ntheirs ", escape($theirs), "\n\n" if $different++ < 20;
        }
        close $out;
        unlink $path;
        $done += @queries;
    }
    print "$done queries, seed $seed: $different differ, percona-toolkit died of $died\n";
    return $different > 0;
}

my ($task, @rest) = @ARGV;
my $toolkit = load_toolkit();
if (($task // '') eq 'make') {
    write_vectors($toolkit, 'fingerprints.sample.txt', "What a shop's slow log holds", sample_queries());
    write_vectors($toolkit, 'fingerprints.rules.txt', 'Each rule, and what is nasty', rule_queries());
}
elsif (($task // '') eq 'differ' && @rest) {
    exit differ($toolkit, $rest[0], $rest[1] // 200_000, $rest[2] // time);
}
else {
    print STDERR "usage: fingerprints.pl make | differ PROGRAM [COUNT [SEED]]\n";
    exit 64;
}
