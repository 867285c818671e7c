/*
 * marketplace: writes the rows of the sample marketplace, one table per call, as tab-separated lines for LOAD DATA.
 *
 * Every value is a pure function of (table, row, field): mix() hashes the three into 64 bits and the writers pick from
 * word lists with them. So a table can be written without having written the others, rows of two tables still agree
 * (the first category of a work is the same in works and in categorizations), memory does not grow with the number of
 * rows, and two runs on two machines give the same bytes. Only integer arithmetic decides anything, for the same
 * reason.
 *
 * Time ends at NOW, the morning of the talk's access-log line. Rows get denser towards it, as on a growing site.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define SECONDS_PER_DAY 86400
#define NOW 1518694733           /* 2018-02-15 11:38:53 Japan time, counted as if it were UTC */
#define FEATURES_DIED 1356998400 /* 2013-01-01 */

/* The order is the salt of the hash: append, never reorder. */
enum field {
    F_CATEGORY,
    F_CREATED,
    F_MODIFIED,
    F_DELETED,
    F_STATUS,
    F_TYPE,
    F_TEXT,
    F_LENGTH,
    F_NAME,
    F_AMOUNT,
    F_LANCER,
    F_OTHER,
    F_GRADE,
    F_PLACE,
    F_SCORE,
    F_LOGIN,
    F_SKILL,
};

enum scale { SMALL, LARGE };

/* One table: how many rows at each scale, since when it is in use, and who writes one row. */
struct table {
    const char *name;
    uint64_t rows[2];
    int64_t first_day;
    int64_t last_day;
    void (*write_row)(const struct table *table, enum scale scale, uint64_t row);
};

/* Categories, depth first; each '-' is one level down. '!' marks what nobody offers any more: it stays empty. */
static const char *const categories[] = {
    "システム開発・運用",
    "-Webシステム開発",
    "--ECサイト・ネットショップ構築",
    "--予約システム開発",
    "--CMS構築・WordPress導入",
    "-スマホアプリ開発",
    "--iPhoneアプリ開発",
    "--Androidアプリ開発",
    "-業務システム開発",
    "-データベース設計・構築",
    "-サーバー構築・保守",
    "-クラウド構築・AWS導入",
    "-Excelマクロ・VBA作成",
    "-スクレイピング・データ収集",
    "-機械学習・AI開発",
    "-組み込み・IoT開発",
    "-ゲーム制作・開発",
    "-テスト・品質管理",
    "-技術サポート",
    "-!ガラケーサイト開発",
    "Web制作・Webデザイン",
    "-ホームページ制作",
    "--コーポレートサイト制作",
    "--店舗サイト制作",
    "--採用サイト制作",
    "-ランディングページ制作",
    "-HTML・CSSコーディング",
    "-JavaScript・フロントエンド開発",
    "-Webデザイン",
    "-バナー作成",
    "--広告バナー作成",
    "-スマホサイト制作",
    "-UI・UXデザイン",
    "-アイコン・ボタン制作",
    "-ECサイト商品ページ制作",
    "-ブログデザイン・カスタマイズ",
    "-サイト更新・修正",
    "-Facebookページ制作",
    "デザイン制作",
    "-ロゴ作成",
    "--会社ロゴ作成",
    "--店舗ロゴ作成",
    "-名刺デザイン",
    "-チラシ・フライヤー作成",
    "-パンフレット・カタログ作成",
    "-ポスターデザイン",
    "-看板・のぼりデザイン",
    "-パッケージ・包装デザイン",
    "-イラスト制作",
    "--似顔絵作成",
    "--アイコンイラスト制作",
    "-キャラクターデザイン",
    "-マンガ・アニメ制作",
    "-POP・メニュー表デザイン",
    "-はがき・年賀状デザイン",
    "-Tシャツデザイン",
    "-LINEスタンプ作成",
    "-DTP・InDesign編集",
    "-インテリア・建築パース制作",
    "ライティング・記事作成",
    "-Web記事作成",
    "--美容・健康の記事作成",
    "--旅行・グルメの記事作成",
    "--金融・不動産の記事作成",
    "-ブログ記事作成",
    "-レビュー・口コミ作成",
    "-コピーライティング",
    "--キャッチコピー作成",
    "--ネーミング募集",
    "-セールスレター作成",
    "-シナリオ・脚本作成",
    "-小説・電子書籍執筆",
    "-取材・インタビュー",
    "-編集・校正",
    "-リライト",
    "-メールマガジン作成",
    "-プレスリリース作成",
    "-商品説明文作成",
    "-体験談募集",
    "翻訳・通訳",
    "-英語翻訳",
    "--英日翻訳",
    "--日英翻訳",
    "-中国語翻訳",
    "-韓国語翻訳",
    "-フランス語翻訳",
    "-ドイツ語翻訳",
    "-スペイン語翻訳",
    "-ポルトガル語翻訳",
    "-タイ語翻訳",
    "-ベトナム語翻訳",
    "-映像字幕翻訳",
    "-論文・契約書翻訳",
    "-通訳",
    "タスク・作業",
    "-データ入力",
    "--名刺データ入力",
    "--商品データ登録",
    "-アンケート・質問",
    "-情報収集・リサーチ",
    "-テープ起こし・文字起こし",
    "-モニター・覆面調査",
    "-画像加工・写真編集",
    "-リスト作成",
    "-シール貼り・軽作業",
    "-会員登録・口コミ投稿",
    "-検品・発送代行",
    "-!着うた・着メロ登録",
    "マーケティング・企画",
    "-SEO対策",
    "-リスティング広告運用",
    "-SNS運用",
    "--Instagram運用",
    "--Twitter運用",
    "-アクセス解析",
    "-市場調査",
    "-商品企画・アイデア募集",
    "-プレゼン資料作成",
    "-販促・集客支援",
    "-営業代行・テレアポ",
    "-ネットショップ運営",
    "-広報・PR支援",
    "-事業計画書作成",
    "写真・動画・音楽",
    "-動画編集",
    "--YouTube動画編集",
    "-動画撮影",
    "-写真撮影",
    "-CM・プロモーション動画制作",
    "-モーショングラフィックス",
    "-ナレーション・声優",
    "-作曲・編曲",
    "-BGM・効果音制作",
    "-歌・演奏",
    "-スライドショー制作",
    "-ドローン空撮",
    "-!着うた制作",
    "事務・カスタマーサポート",
    "-経理・財務",
    "-秘書・オンラインアシスタント",
    "-カスタマーサポート",
    "-電話応対",
    "-人事・採用支援",
    "-書類作成",
    "-資料整理・スキャン",
    "-メール対応",
    "相談・専門職",
    "-弁護士・法務",
    "-税理士・会計",
    "-社会保険労務士",
    "-行政書士",
    "-中小企業診断士",
    "-キャリア相談",
    "-占い",
};
#define CATEGORIES COUNT_OF(categories)
_Static_assert(CATEGORIES == 154, "the talk's index list shows 154 categories");

static const char *const root_slugs[] = {"system", "web",       "design", "writing", "translation",
                                         "task",   "marketing", "media",  "office",  "consulting"};

static const char *const skill_names[] = {
    "PHP",
    "CakePHP",
    "Laravel",
    "Ruby",
    "Ruby on Rails",
    "Python",
    "Django",
    "Java",
    "Spring",
    "C言語",
    "C++",
    "C#",
    "Go",
    "Perl",
    "JavaScript",
    "TypeScript",
    "jQuery",
    "React",
    "Vue.js",
    "Node.js",
    "HTML5",
    "CSS3",
    "Sass",
    "Swift",
    "Objective-C",
    "Kotlin",
    "Unity",
    "MySQL",
    "PostgreSQL",
    "Oracle",
    "SQL Server",
    "Redis",
    "memcached",
    "AWS",
    "GCP",
    "Azure",
    "Linux",
    "Docker",
    "Ansible",
    "Apache",
    "nginx",
    "WordPress",
    "EC-CUBE",
    "Movable Type",
    "Shopify",
    "Excel VBA",
    "Access",
    "R言語",
    "MATLAB",
    "Photoshop",
    "Illustrator",
    "InDesign",
    "Dreamweaver",
    "Fireworks",
    "XD",
    "Sketch",
    "After Effects",
    "Premiere Pro",
    "Final Cut Pro",
    "Maya",
    "Blender",
    "AutoCAD",
    "Vectorworks",
    "SketchUp",
    "CLIP STUDIO",
    "SAI",
    "ロゴデザイン",
    "イラスト",
    "似顔絵",
    "マンガ",
    "キャラクターデザイン",
    "写真撮影",
    "写真加工",
    "動画編集",
    "作曲",
    "編曲",
    "ナレーション",
    "英語",
    "中国語",
    "韓国語",
    "フランス語",
    "ドイツ語",
    "スペイン語",
    "TOEIC 900点以上",
    "ライティング",
    "校正",
    "取材",
    "コピーライティング",
    "SEO",
    "リスティング広告",
    "Google Analytics",
    "SNS運用",
    "データ入力",
    "文字起こし",
    "簿記2級",
    "秘書検定",
    "電話応対",
    "資料作成",
    "宅地建物取引士",
    "ファイナンシャルプランナー",
};
#define SKILLS COUNT_OF(skill_names)

static const char *const prefectures[] = {
    "北海道", "青森県", "岩手県", "宮城県",   "秋田県", "山形県",   "福島県", "茨城県", "栃木県", "群馬県",
    "埼玉県", "千葉県", "東京都", "神奈川県", "新潟県", "富山県",   "石川県", "福井県", "山梨県", "長野県",
    "岐阜県", "静岡県", "愛知県", "三重県",   "滋賀県", "京都府",   "大阪府", "兵庫県", "奈良県", "和歌山県",
    "鳥取県", "島根県", "岡山県", "広島県",   "山口県", "徳島県",   "香川県", "愛媛県", "高知県", "福岡県",
    "佐賀県", "長崎県", "熊本県", "大分県",   "宮崎県", "鹿児島県", "沖縄県",
};

static const char *const surnames[] = {
    "佐藤", "鈴木",   "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "小林",   "加藤", "吉田",
    "山田", "佐々木", "山口", "松本", "井上", "木村", "林",   "斎藤", "清水",   "山崎", "森",
    "池田", "橋本",   "阿部", "石川", "前田", "藤田", "後藤", "岡田", "長谷川", "村上",
};

static const char *const given_names[] = {
    "さくら",   "ゆい",   "ひなた", "あおい", "みさき", "はるか", "なつみ", "けんた",
    "だいすけ", "しょう", "ゆうき", "たくや", "まさと", "ひろし", "かずき", "りょう",
    "えり",     "あや",   "ともこ", "まい",   "kenji",  "yuki",   "hana",   "taro",
};

static const char *const name_styles[] = {"デザイン", "工房",    "企画",     "ライター", "翻訳",
                                          "_works",   "_office", "スタジオ", "制作所",   ""};

/* Names as people type them: emoji outside the BMP, half-width kana, wave dash, circled digits. */
static const char *const odd_names[] = {"🌸%s🌸", "★%s★", "ﾃﾞｻﾞｲﾅｰ%s", "%s〜①", "𠮷野%s", "%s♪", "(株)%s", "Ｗｅｂ屋%s"};

static const char *const industries[] = {
    "飲食店",       "美容室",       "歯科医院",       "不動産会社", "学習塾",   "アパレルブランド",
    "旅行会社",     "整体院",       "工務店",         "農園",       "結婚式場", "スポーツジム",
    "人材派遣会社", "税理士事務所", "ペットショップ", "カフェ",     "雑貨店",   "ネットショップ",
    "IT企業",       "製造業",       "介護施設",       "保育園",     "ホテル",   "化粧品メーカー",
};

/* What is asked for, by root category. */
static const char *const tasks[][4] = {
    {"予約管理システムの開発", "スマホアプリの不具合修正", "社内ツールの改修", "サーバー移行作業"},
    {"ホームページのリニューアル", "ランディングページの制作", "WordPressのカスタマイズ", "バナー10点の作成"},
    {"ロゴデザイン", "チラシのデザイン", "キャラクターの作成", "名刺とショップカードの作成"},
    {"記事作成（2000文字×10本）", "商品紹介文の作成", "キャッチコピーの募集", "コラムの執筆"},
    {"会社案内の日英翻訳", "契約書の英日翻訳", "商品ページの中国語翻訳", "動画字幕の翻訳"},
    {"名刺500枚のデータ入力", "商品登録作業", "アンケートのご協力", "会議音声の文字起こし"},
    {"SEO対策のご相談", "SNSアカウントの運用", "プレゼン資料の作成", "市場調査レポートの作成"},
    {"紹介動画の編集", "商品写真の撮影", "テーマソングの作曲", "ナレーション収録"},
    {"経理業務のサポート", "メール対応の代行", "採用業務の補助", "書類のスキャンと整理"},
    {"契約書のレビュー", "確定申告のご相談", "助成金申請の支援", "キャリアのご相談"},
};

static const char *const title_styles[] = {
    "%sの%sをお願いします",   "【急募】%sの%s", "%sの%s（初心者歓迎）",
    "【継続依頼あり】%sの%s", "%sの%sを募集",   "≪高単価≫%sの%s",
};

static const char *const sentences[] = {
    "はじめまして、プロフィールをご覧いただきありがとうございます。",
    "東京の制作会社で8年間勤務した後、フリーランスとして独立しました。",
    "迅速で丁寧な対応を心がけております。",
    "平日は9時から18時まで、土日も対応可能です。",
    "これまでに200件以上の案件を担当いたしました。",
    "お客様のご要望をしっかりとヒアリングし、最適なご提案をいたします。",
    "修正は納得いただけるまで何度でも対応いたします。",
    "連絡は24時間以内に必ずお返しします。",
    "PHPとMySQLを用いたWebアプリケーションの開発が得意です。",
    "ロゴ、名刺、チラシなど紙媒体のデザインを中心に活動しています。",
    "美容・健康・旅行ジャンルの記事を月に30本ほど執筆しています。",
    "TOEIC 920点、海外在住経験が5年あります。",
    "WordPressのテーマ制作やプラグインのカスタマイズもお任せください。",
    "子育てをしながら在宅で働いています。",
    "秘密保持契約の締結にも対応しております。",
    "納期厳守でお仕事をさせていただきます。",
    "使用ソフト：Photoshop CC、Illustrator CC、XD",
    "まずはお気軽にご相談ください。",
    "実績はポートフォリオをご参照ください。",
    "チームでの開発、ディレクションの経験もございます。",
    "参考サイトのURLは別途お伝えします。",
    "ご不明な点がございましたら、メッセージにてお問い合わせください。",
    "原稿と写真はこちらで用意いたします。",
    "長期でお付き合いいただける方を希望します。",
    "クオリティを重視しますので、過去の作品をご提示ください。",
    "どうぞよろしくお願いいたします。",
};

static uint64_t table_salt(const struct table *table);

/* splitmix64's finaliser over the three coordinates of a value. */
static uint64_t mix(uint64_t salt, uint64_t row, enum field field) {
    uint64_t z = salt * 0x9e3779b97f4a7c15u + row * 0xd1342543de82ef95u + ((uint64_t)field + 1) * 0x2545f4914f6cdd1du;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t draw(const struct table *table, uint64_t row, enum field field, uint64_t below) {
    return mix(table_salt(table), row, field) % below;
}

/* True for `per_10000` of ten thousand rows. */
static bool happens(const struct table *table, uint64_t row, enum field field, uint64_t per_10000) {
    return draw(table, row, field, 10000) < per_10000;
}

#define PICK(list, table, row, field) ((list)[draw((table), (row), (field), COUNT_OF(list))])

/* --- Skewed choice -------------------------------------------------------------------------------------------------
 */

/* Running sums of weights 1/rank, the ranks shuffled: a few categories hold most of the rows. */
struct choice {
    uint64_t sums[CATEGORIES > SKILLS ? CATEGORIES : SKILLS];
    size_t size;
};

static size_t choose(const struct choice *choice, uint64_t hash) {
    uint64_t target = hash % choice->sums[choice->size - 1];
    size_t low = 0, high = choice->size - 1;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (choice->sums[middle] > target)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* The slot-th choice of an owner, different from all of its earlier ones: hash again until it is. */
static size_t choose_distinct(const struct choice *choice, uint64_t salt, uint64_t owner, unsigned slot) {
    size_t chosen[16];
    uint64_t hash = mix(salt, owner, F_CATEGORY);

    if (slot >= COUNT_OF(chosen))
        slot = COUNT_OF(chosen) - 1;
    for (unsigned i = 0; i <= slot; i++) {
        bool repeated;

        do {
            repeated = false;
            chosen[i] = choose(choice, hash);
            hash = mix(hash, owner, F_OTHER);
            for (unsigned j = 0; j < i; j++)
                repeated = repeated || chosen[j] == chosen[i];
        } while (repeated);
    }
    return chosen[slot];
}

static unsigned category_depth(size_t index) {
    return (unsigned)strspn(categories[index], "-");
}

static bool category_has_children(size_t index) {
    return index + 1 < CATEGORIES && category_depth(index + 1) > category_depth(index);
}

static const struct choice *category_choice(void) {
    static struct choice choice;
    uint64_t sum = 0;

    if (choice.size != 0)
        return &choice;
    for (size_t i = 0; i < CATEGORIES; i++) {
        uint64_t weight = 1000000 / (1 + mix(1, i, F_CATEGORY) % CATEGORIES);

        if (strchr(categories[i], '!') != NULL)
            weight = 0;
        else if (category_has_children(i))
            weight /= 20; /* what fits no child */
        sum += weight;
        choice.sums[i] = sum;
    }
    choice.size = CATEGORIES;
    return &choice;
}

static const struct choice *skill_choice(void) {
    static struct choice choice;
    uint64_t sum = 0;

    if (choice.size != 0)
        return &choice;
    for (size_t i = 0; i < SKILLS; i++) {
        sum += 1000000 / (1 + mix(2, i, F_SKILL) % SKILLS);
        choice.sums[i] = sum;
    }
    choice.size = SKILLS;
    return &choice;
}

/* Index of the root that category `index` descends from, counted among the roots. */
static size_t root_of(size_t index) {
    size_t root = 0;

    for (size_t i = 1; i <= index; i++)
        root += category_depth(i) == 0;
    return root;
}

/* --- Cells ---------------------------------------------------------------------------------------------------------
 */

static void put_tab(void) {
    putchar_unlocked('\t');
}

static void put_text(const char *text) {
    fputs_unlocked(text, stdout);
    put_tab();
}

static void put_number(uint64_t number) {
    char digits[24];
    char *at = digits + sizeof(digits) - 1;

    *at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    put_text(at);
}

static void put_null(void) {
    put_text("\\N");
}

static char *write_two(char *at, unsigned number) {
    at[0] = (char)('0' + number / 10 % 10);
    at[1] = (char)('0' + number % 10);
    return at + 2;
}

/* Howard Hinnant's civil_from_days, for days since 1970; strftime is too slow for 25 million cells. */
static void put_time(int64_t seconds) {
    char text[24];
    char *at = text;
    int64_t days = seconds / SECONDS_PER_DAY + 719468;
    unsigned clock = (unsigned)(seconds % SECONDS_PER_DAY);
    unsigned era_day = (unsigned)(days % 146097);
    unsigned era_year = (era_day - era_day / 1460 + era_day / 36524 - era_day / 146096) / 365;
    unsigned year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
    unsigned shifted_month = (5 * year_day + 2) / 153;
    unsigned month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    unsigned year = (unsigned)(days / 146097) * 400 + era_year + (month <= 2);

    at = write_two(at, year / 100);
    at = write_two(at, year % 100);
    *at++ = '-';
    at = write_two(at, month);
    *at++ = '-';
    at = write_two(at, year_day - (153 * shifted_month + 2) / 5 + 1);
    *at++ = ' ';
    at = write_two(at, clock / 3600);
    *at++ = ':';
    at = write_two(at, clock / 60 % 60);
    *at++ = ':';
    at = write_two(at, clock % 60);
    *at = '\0';
    put_text(text);
}

static uint64_t integer_root(uint64_t number) {
    uint64_t root = 0;

    for (uint64_t bit = (uint64_t)1 << 31; bit != 0; bit >>= 1)
        if ((root + bit) * (root + bit) <= number)
            root += bit;
    return root;
}

/*
 * When a row was created: in the order of ids, denser towards the end (the square root of a straight line). One row in
 * two thousand was imported from elsewhere and carries an older date, so ORDER BY created is not quite ORDER BY id.
 */
static int64_t created_at(const struct table *table, enum scale scale, uint64_t row) {
    uint64_t position = integer_root((row << 40) / table->rows[scale]); /* 0 .. 2^20 */
    int64_t seconds = table->first_day + (int64_t)(((uint64_t)(table->last_day - table->first_day) * position) >> 20);

    if (happens(table, row, F_CREATED, 5))
        seconds -= (int64_t)(30 + draw(table, row, F_MODIFIED, 370)) * SECONDS_PER_DAY;
    return seconds;
}

static int64_t modified_at(const struct table *table, enum scale scale, uint64_t row) {
    int64_t created = created_at(table, scale, row);
    int64_t modified = created + (int64_t)draw(table, row, F_MODIFIED, 40 * SECONDS_PER_DAY);

    if (happens(table, row, F_MODIFIED, 5000))
        return created; /* never touched again */
    return modified < table->last_day ? modified : table->last_day;
}

/* The three columns every table ends with. */
static void put_ending(const struct table *table, enum scale scale, uint64_t row, uint64_t deleted_per_10000) {
    put_time(created_at(table, scale, row));
    put_time(modified_at(table, scale, row));
    putchar_unlocked(happens(table, row, F_DELETED, deleted_per_10000) ? '1' : '0');
    putchar_unlocked('\n');
}

static void put_sentences(const struct table *table, uint64_t row, uint64_t least, uint64_t most) {
    uint64_t count = least + draw(table, row, F_LENGTH, most - least + 1);
    uint64_t hash = mix(table_salt(table), row, F_TEXT);

    for (uint64_t i = 0; i < count; i++) {
        fputs_unlocked(sentences[hash % COUNT_OF(sentences)], stdout);
        if (i + 1 < count && hash % 3 == 0)
            fputs_unlocked("\\n", stdout);
        hash = mix(hash, i, F_TEXT);
    }
    put_tab();
}

static uint64_t rows_of(const char *name, enum scale scale);

static uint64_t some_lancer(const struct table *table, enum scale scale, uint64_t row, enum field field) {
    uint64_t lancers = rows_of("lancers", scale);
    uint64_t hash = mix(table_salt(table), row, field);
    uint64_t active = lancers / 20; /* one in twenty does half of the work */

    return 1 + (hash % 2 == 0 ? (hash >> 8) % active * 20 : (hash >> 8) % lancers);
}

/* A work that was there when this row was written. */
static uint64_t recent_work(const struct table *table, enum scale scale, uint64_t row) {
    uint64_t works = rows_of("works", scale);
    uint64_t at = row * works / table->rows[scale];
    uint64_t back = draw(table, row, F_OTHER, 200);

    return 1 + (at > back ? at - back : 0);
}

/* --- Tables: one function writes one row; `row` counts from 0, the id from 1 ----------------------------------------
 */

static void write_category(const struct table *table, enum scale scale, uint64_t row) {
    unsigned depth = category_depth(row);
    size_t parent = row;

    while (depth > 0 && category_depth(parent) >= depth)
        parent--;
    put_number(row + 1);
    if (depth == 0)
        put_null();
    else
        put_number(parent + 1);
    put_text(categories[row] + strspn(categories[row], "-!"));
    if (depth == 0) {
        put_text(root_slugs[root_of(row)]);
    } else {
        printf("%s-%u", root_slugs[root_of(row)], (unsigned)row + 1);
        put_tab();
    }
    put_number((row + 1) * 10);
    put_ending(table, scale, 0, 0);
}

static size_t category_of_work(uint64_t work) {
    return choose_distinct(category_choice(), 'W', work, 0);
}

static void write_work_title(const struct table *table, uint64_t row) {
    const char *style = PICK(title_styles, table, row, F_NAME);
    const char *cut = strstr(style, "%sの%s");
    size_t root = root_of(category_of_work(row + 1));

    fwrite_unlocked(style, 1, (size_t)(cut - style), stdout);
    fputs_unlocked(PICK(industries, table, row, F_PLACE), stdout);
    fputs_unlocked("の", stdout);
    fputs_unlocked(PICK(tasks[root], table, row, F_TEXT), stdout);
    put_text(cut + strlen("%sの%s"));
}

/* Most works are over; the newest tenth is still open for applications. */
static const char *work_status(const struct table *table, enum scale scale, uint64_t row) {
    uint64_t age = (table->rows[scale] - row) * 100 / table->rows[scale];
    uint64_t luck = draw(table, row, F_STATUS, 100);

    if (age < 10)
        return luck < 70 ? "open" : luck < 80 ? "draft" : luck < 90 ? "working" : "closed";
    return luck < 2 ? "open" : luck < 4 ? "draft" : luck < 60 ? "finished" : luck < 90 ? "closed" : "canceled";
}

static void write_work(const struct table *table, enum scale scale, uint64_t row) {
    static const char *const types[] = {"project", "project", "task", "competition"};
    uint64_t budget = (1 + draw(table, row, F_AMOUNT, 60)) * 5000;

    put_number(row + 1);
    put_number(some_lancer(table, scale, row, F_LANCER));
    put_number(category_of_work(row + 1) + 1);
    write_work_title(table, row);
    put_sentences(table, row, 1, 3);
    put_text(PICK(types, table, row, F_TYPE));
    put_text(work_status(table, scale, row));
    if (happens(table, row, F_AMOUNT, 500)) {
        put_null(); /* "please quote" */
        put_null();
    } else {
        put_number(budget);
        put_number(budget * 2);
    }
    put_number(draw(table, row, F_SCORE, 12) * draw(table, row, F_GRADE, 5));
    put_time(created_at(table, scale, row) + (int64_t)(3 + draw(table, row, F_LOGIN, 28)) * SECONDS_PER_DAY);
    put_ending(table, scale, row, 60);
}

static void write_nickname(const struct table *table, uint64_t row) {
    const char *given = PICK(given_names, table, row, F_NAME);

    if (happens(table, row, F_PLACE, 150)) {
        const char *style = PICK(odd_names, table, row, F_TEXT);
        const char *cut = strstr(style, "%s");

        fwrite_unlocked(style, 1, (size_t)(cut - style), stdout);
        fputs_unlocked(given, stdout);
        fputs_unlocked(cut + 2, stdout);
    } else {
        if (draw(table, row, F_OTHER, 3) == 0)
            fputs_unlocked(PICK(surnames, table, row, F_LANCER), stdout);
        fputs_unlocked(given, stdout);
        fputs_unlocked(PICK(name_styles, table, row, F_TYPE), stdout);
    }
    if (draw(table, row, F_AMOUNT, 4) != 0)
        put_number(draw(table, row, F_SCORE, 10000));
    else
        put_tab();
}

static void write_lancer(const struct table *table, enum scale scale, uint64_t row) {
    static const char *const grades[] = {"regular", "regular", "regular", "regular", "regular",
                                         "bronze",  "bronze",  "silver",  "gold",    "certified"};
    static const char *const types[] = {"individual", "individual", "individual", "sole_proprietor", "corporation"};
    const char *status = happens(table, row, F_STATUS, 150)   ? "suspended"
                         : happens(table, row, F_STATUS, 900) ? "withdrawn"
                                                              : "active";
    int64_t created = created_at(table, scale, row);
    uint64_t since = (uint64_t)(table->last_day - created);
    size_t category = choose_distinct(category_choice(), 'U', row + 1, 0);

    put_number(row + 1);
    write_nickname(table, row);
    fputs_unlocked(categories[category] + strspn(categories[category], "-!"), stdout);
    put_text("が得意です");
    if (happens(table, row, F_TEXT, 2000)) {
        put_null();
    } else {
        if (row % 5003 ==
            17) /* pasted from a spreadsheet: a vertical tab, which XML and JSON documents must not hold */
            putchar_unlocked('\v');
        put_sentences(table, row, 1, 6);
    }
    if (happens(table, row, F_GRADE, 700))
        put_null();
    else /* a third lives around Tokyo */
        put_text(draw(table, row, F_GRADE, 3) == 0 ? "東京都" : PICK(prefectures, table, row, F_LOGIN));
    put_text(PICK(types, table, row, F_TYPE));
    put_text(PICK(grades, table, row, F_SCORE));
    if (draw(table, row, F_AMOUNT, 3) == 0)
        put_null();
    else
        put_number(900 + draw(table, row, F_AMOUNT, 60) * 50);
    if (draw(table, row, F_OTHER, 2) == 0) {
        put_null();
    } else {
        unsigned hundredths = 300 + (unsigned)draw(table, row, F_SKILL, 201);

        printf("%u.%02u", hundredths / 100, hundredths % 100);
        put_tab();
    }
    put_number(draw(table, row, F_LENGTH, 30) * draw(table, row, F_OTHER, 10));
    put_number(draw(table, row, F_LANCER, 2));
    put_text(status);
    if (happens(table, row, F_LOGIN, 500) || since == 0)
        put_null(); /* registered and never seen again */
    else
        put_time(created + (int64_t)(mix(table_salt(table), row, F_LOGIN) % since));
    put_ending(table, scale, row, 30);
}

/* What is linked to categories, and how often among twenty rows. */
struct link {
    const char *type;
    const char *table; /* NULL: as many as `owners`, in a table the sample does not have */
    uint64_t owners;
    unsigned share;
};

static const struct link links[] = {
    {"User", "lancers", 0, 8},  {"Work", "works", 0, 6},    {"Portfolio", "portfolios", 0, 4},
    {"Package", NULL, 5000, 1}, {"Magazine", NULL, 800, 1},
};
static const char link_pattern[] = "01201012010201203014"; /* indexes into links, interleaved as they were entered */

static uint64_t link_owners(const struct link *link, enum scale scale) {
    return link->table != NULL ? rows_of(link->table, scale) : link->owners;
}

/* Rows of one kind among the first `rows` of the pattern. */
static uint64_t links_before(size_t kind, uint64_t rows) {
    uint64_t count = rows / 20 * links[kind].share;

    for (uint64_t i = 0; i < rows % 20; i++)
        count += (size_t)(link_pattern[i] - '0') == kind;
    return count;
}

/* Spreads the links of a kind evenly over its owners; an owner with several gets several different categories. */
static void write_categorization(const struct table *table, enum scale scale, uint64_t row) {
    static uint64_t totals[COUNT_OF(links)];
    size_t kind = (size_t)(link_pattern[row % 20] - '0');
    uint64_t owners = link_owners(&links[kind], scale);
    uint64_t sequence = links_before(kind, row);

    if (totals[kind] == 0)
        totals[kind] = links_before(kind, table->rows[scale]);
    uint64_t owner = sequence * owners / totals[kind];
    uint64_t first = (owner * totals[kind] + owners - 1) / owners;

    put_number(row + 1);
    put_number(
        choose_distinct(category_choice(), (uint64_t)links[kind].type[0], owner + 1, (unsigned)(sequence - first)) + 1);
    put_text(links[kind].type);
    put_number(owner + 1);
    put_ending(table, scale, row, 0);
}

static void write_proposal(const struct table *table, enum scale scale, uint64_t row) {
    static const char *const statuses[] = {"applied",  "applied",  "applied",  "declined",
                                           "declined", "accepted", "withdrawn"};

    put_number(row + 1);
    put_number(recent_work(table, scale, row));
    put_number(some_lancer(table, scale, row, F_LANCER));
    put_number((1 + draw(table, row, F_AMOUNT, 80)) * 2500);
    put_sentences(table, row, 1, 4);
    put_text(PICK(statuses, table, row, F_STATUS));
    put_ending(table, scale, row, 100);
}

static void write_portfolio(const struct table *table, enum scale scale, uint64_t row) {
    put_number(row + 1);
    put_number(some_lancer(table, scale, row, F_LANCER));
    fputs_unlocked(PICK(industries, table, row, F_PLACE), stdout);
    fputs_unlocked("様 ", stdout);
    put_text(PICK(tasks[draw(table, row, F_TYPE, COUNT_OF(tasks))], table, row, F_NAME));
    if (draw(table, row, F_OTHER, 5) == 0)
        put_null();
    else
        put_sentences(table, row, 1, 2);
    put_number(draw(table, row, F_SCORE, 40));
    put_ending(table, scale, row, 40);
}

static void write_skill(const struct table *table, enum scale scale, uint64_t row) {
    put_number(row + 1);
    put_text(skill_names[row]);
    put_ending(table, scale, 0, 0);
}

static void write_lancer_skill(const struct table *table, enum scale scale, uint64_t row) {
    uint64_t lancers = rows_of("lancers", scale);
    uint64_t lancer = row * lancers / table->rows[scale];
    uint64_t first = (lancer * table->rows[scale] + lancers - 1) / lancers;

    put_number(row + 1);
    put_number(lancer + 1);
    put_number(choose_distinct(skill_choice(), 'S', lancer + 1, (unsigned)(row - first)) + 1);
    put_number(1 + draw(table, row, F_GRADE, 5));
    put_number(draw(table, row, F_LENGTH, 20));
    put_ending(table, scale, row, 20);
}

static void write_message(const struct table *table, enum scale scale, uint64_t row) {
    put_number(row + 1);
    put_number(recent_work(table, scale, row));
    put_number(some_lancer(table, scale, row, F_LANCER));
    put_number(some_lancer(table, scale, row, F_NAME));
    put_sentences(table, row, 1, 5);
    put_number(happens(table, row, F_STATUS, 9300));
    put_ending(table, scale, row, 50);
}

static void write_time_card(const struct table *table, enum scale scale, uint64_t row) {
    int64_t started = created_at(table, scale, row);

    put_number(row + 1);
    put_number(recent_work(table, scale, row));
    put_number(some_lancer(table, scale, row, F_LANCER));
    put_time(started);
    if (happens(table, row, F_STATUS, 100))
        put_null(); /* forgot to stop the clock */
    else
        put_time(started + (int64_t)(600 + draw(table, row, F_LENGTH, 8 * 3600)));
    if (draw(table, row, F_OTHER, 3) == 0)
        put_null();
    else
        put_text(PICK(tasks[draw(table, row, F_TYPE, COUNT_OF(tasks))], table, row, F_TEXT));
    put_ending(table, scale, row, 20);
}

static void write_help(const struct table *table, enum scale scale, uint64_t row) {
    put_number(row + 1);
    fputs_unlocked(PICK(tasks[draw(table, row, F_TYPE, COUNT_OF(tasks))], table, row, F_NAME), stdout);
    put_text("の依頼方法");
    put_sentences(table, row, 5, 12);
    put_ending(table, scale, row, 300);
}

static void write_barter(const struct table *table, enum scale scale, uint64_t row) {
    static const char *const statuses[] = {"offered", "agreed", "expired"};

    put_number(row + 1);
    put_number(some_lancer(table, scale, row, F_LANCER));
    put_text(PICK(tasks[draw(table, row, F_TYPE, COUNT_OF(tasks))], table, row, F_NAME));
    put_text(PICK(statuses, table, row, F_STATUS));
    put_ending(table, scale, row, 100);
}

static void write_campaign_entry(const struct table *table, enum scale scale, uint64_t row) {
    static const char *const campaigns[] = {"お友達紹介キャンペーン2011", "震災復興支援クリエイティブ",
                                            "夏のロゴ祭り2012"};

    put_number(row + 1);
    put_number(some_lancer(table, scale, row, F_LANCER));
    put_text(PICK(campaigns, table, row, F_TYPE));
    put_text(PICK(sentences, table, row, F_TEXT));
    put_ending(table, scale, row, 0);
}

static void write_mobile_address(const struct table *table, enum scale scale, uint64_t row) {
    static const char *const carriers[] = {"docomo", "au", "softbank", "willcom"};
    const char *carrier = PICK(carriers, table, row, F_TYPE);

    put_number(row + 1);
    put_number(some_lancer(table, scale, row, F_LANCER));
    put_text(carrier);
    printf("user%u.%s@example.jp", (unsigned)draw(table, row, F_NAME, 1000000), carrier);
    put_tab();
    put_ending(table, scale, row, 900);
}

#define OPENED 1229299200 /* 2008-12-15, the site's first day */
#define HOURLY 1388534400 /* 2014-01-01, time cards arrive */

/* In the order in which they can be loaded. */
static const struct table tables[] = {
    {"categories", {CATEGORIES, CATEGORIES}, OPENED, NOW, write_category},
    {"skills", {SKILLS, SKILLS}, OPENED, NOW, write_skill},
    {"categorizations", {60000, 12672606}, OPENED, NOW, write_categorization},
    {"lancers", {10000, 1000000}, OPENED, NOW, write_lancer},
    {"works", {20000, 1500000}, OPENED, NOW, write_work},
    {"lancer_skills", {30000, 2000000}, OPENED, NOW, write_lancer_skill},
    {"proposals", {20000, 1000000}, OPENED, NOW, write_proposal},
    {"portfolios", {10000, 500000}, OPENED, NOW, write_portfolio},
    {"messages", {15000, 1000000}, OPENED, NOW, write_message},
    {"time_cards", {10000, 500000}, HOURLY, NOW, write_time_card},
    {"helps", {200, 200}, OPENED, NOW, write_help},
    {"barters", {800, 20000}, OPENED, FEATURES_DIED, write_barter},
    {"campaign_entries", {1500, 60000}, OPENED, FEATURES_DIED, write_campaign_entry},
    {"mobile_addresses", {2000, 200000}, OPENED, FEATURES_DIED, write_mobile_address},
};

static uint64_t table_salt(const struct table *table) {
    return 1000 + (uint64_t)(table - tables);
}

static const struct table *find_table(const char *name) {
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        if (strcmp(tables[i].name, name) == 0)
            return &tables[i];
    return NULL;
}

static uint64_t rows_of(const char *name, enum scale scale) {
    return find_table(name)->rows[scale];
}

static int usage(FILE *to, int status) {
    fputs("usage: marketplace [--scale small|large] TABLE | --list\n"
          "Writes the rows of one table of the sample marketplace to stdout, as LOAD DATA reads them by default.\n"
          "  --scale SCALE  small (default) or large (12,672,606 categorizations, 1,000,000 lancers)\n"
          "  --list         names of the tables in the order in which they can be loaded, with their numbers of rows\n"
          "  --help         this text\n",
          to);
    return status;
}

static int list_tables(enum scale scale) {
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        printf("%s\t%llu\n", tables[i].name, (unsigned long long)tables[i].rows[scale]);
    return fflush(stdout) == 0 ? 0 : 74;
}

static int write_table(const struct table *table, enum scale scale) {
    static char buffer[1 << 18];

    setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
    for (uint64_t row = 0; row < table->rows[scale]; row++)
        table->write_row(table, scale, row);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("marketplace: cannot write");
        return 74;
    }
    return 0;
}

int main(int argc, char **argv) {
    enum scale scale = SMALL;
    int i = 1;

    if (i + 1 < argc && strcmp(argv[i], "--scale") == 0) {
        if (strcmp(argv[i + 1], "large") == 0)
            scale = LARGE;
        else if (strcmp(argv[i + 1], "small") != 0)
            return usage(stderr, 64);
        i += 2;
    }
    if (i + 1 != argc)
        return usage(stderr, 64);
    if (strcmp(argv[i], "--help") == 0)
        return usage(stdout, 0);
    if (strcmp(argv[i], "--list") == 0)
        return list_tables(scale);
    if (find_table(argv[i]) == NULL) {
        fprintf(stderr, "marketplace: no table \"%s\"; see --list\n", argv[i]);
        return 64;
    }
    return write_table(find_table(argv[i]), scale);
}
