/* Every way in which an INI file can be read wrongly without a word: each must be a message with file and line, or read as it stands. */
#include "support.h"

#include "nightshift/run/ini.h"

/* What one file says: its entries as "section/argument.key=value;" and its messages without the directory's name. */
struct reading {
    int status;
    size_t problems;
    struct text entries;
    char *said;
};

static struct reading read_path(const char *path) {
    struct reading reading = {0};
    struct ini ini = {0};
    struct capture capture = capture_start();
    reading.status = ini_read(&ini, path);
    reading.said = capture_end(&capture);
    reading.problems = ini.problems;
    for (size_t i = 0; i < ini.entry_count; i++) {
        const struct ini_section *section = &ini.sections[ini.entries[i].section];
        text_printf(&reading.entries, "%s%s%s.%s=%s%s;", section->name, section->argument != NULL ? "/" : "",
                    section->argument != NULL ? section->argument : "", ini.entries[i].key, ini.entries[i].value,
                    ini.entries[i].continued ? "..." : "");
    }
    ini_free(&ini);
    return reading;
}

static struct reading read_bytes(void *const *state, const char *bytes, size_t length) {
    char *path = scene_put_bytes(state, "x.ini", bytes, length);
    struct reading reading = read_path(path);
    free(path);
    return reading;
}

static void reading_free(struct reading *reading) {
    text_free(&reading->entries);
    free(reading->said);
}

static void assert_entries(void *const *state, const char *content, const char *entries) {
    struct reading reading = read_bytes(state, content, strlen(content));
    assert_string_equal(reading.said, "");
    assert_int_equal(reading.status, 0);
    assert_int_equal(reading.problems, 0);
    assert_string_equal(text_string(&reading.entries), entries);
    reading_free(&reading);
}

static void assert_problems(void *const *state, const char *bytes, size_t length, size_t count, const char *message) {
    struct reading reading = read_bytes(state, bytes, length);
    assert_int_equal(reading.status, 0);
    assert_contains(reading.said, message);
    assert_int_equal(reading.problems, count);
    reading_free(&reading);
}

static void assert_problem(void *const *state, const char *content, const char *message) {
    assert_problems(state, content, strlen(content), 1, message);
}

static void sections_and_keys(void **state) {
    assert_entries(state, "", "");
    assert_entries(state, "\n\n# a comment\n; another\n", "");
    assert_entries(state, "[a]\nk = v\nl=w\nm : x\n[b c]\nk =  spaced out  \n", "a.k=v;a.l=w;a.m=x;b/c.k=spaced out;");
    assert_entries(state, "[ a ]\nk=v\n[b\tc]\nk=v\n", "a.k=v;b/c.k=v;");
    assert_entries(state, "[a]\nk = x = y : z\n", "a.k=x = y : z;");
    assert_entries(state, "[a]\nk = v", "a.k=v;"); /* no line break at the end */
    assert_entries(state, "[a]\nk\t  = v\na;b = w\ntwo words = x\n", "a.k=v;a.a;b=w;a.two words=x;");
}

static void an_empty_value_is_an_empty_value(void **state) {
    assert_entries(state, "[a]\nk =\nl = \nm = ; comment\n", "a.k=;a.l=;a.m=;");
}

static void quotes_are_part_of_the_value(void **state) {
    assert_entries(state, "[a]\nk = \"v\"\nl = 'v w'\n", "a.k=\"v\";a.l='v w';");
}

static void a_comment_needs_a_semicolon_behind_white_space(void **state) {
    assert_entries(state, "[a] ; why\nk = v ; why\nl = a;b\nm = a #b\nn = a\t; why\n", "a.k=v;a.l=a;b;a.m=a #b;a.n=a;");
}

static void dos_line_ends_and_byte_order_marks_are_read_over(void **state) {
    assert_entries(state, "[a]\r\nk = v\r\n\r\nl = w\r\n  x\r\n", "a.k=v;a.l=w\nx...;");
    assert_entries(state, "\xEF\xBB\xBF[a]\nk = v\n", "a.k=v;");
}

static void values_go_on_over_indented_lines(void **state) {
    assert_entries(state, "[a]\nq = SELECT 1\n    FROM t\n\n\tWHERE x = 3\nk = v\n",
                   "a.q=SELECT 1\nFROM t\nWHERE x = 3...;a.k=v;");
    assert_entries(state, "[a]\nq =\n    SELECT 1\n    ; a comment\n    # another\n    FROM t\n",
                   "a.q=SELECT 1\nFROM t...;");
    assert_entries(state, "[a]\nq = x\n    [b]\n    k = v\n", "a.q=x\n[b]\nk = v...;");
}

/* Unlike behind a key: so an SQL text may hold one. */
static void a_semicolon_in_a_continued_line_begins_no_comment(void **state) {
    assert_entries(state, "[a]\nq = SELECT 1 ; why\n    WHERE x = ' ; '\n", "a.q=SELECT 1\nWHERE x = ' ; '...;");
}

/* inih's buffer has 200 bytes: what is longer would be cut and its rest read as another line. */
static void a_line_of_198_bytes_is_whole_and_a_longer_one_is_refused(void **state) {
    static const size_t lengths[] = {197, 198, 199, 200, 201, 250, 400, 5000};
    for (size_t i = 0; i < LENGTH_OF(lengths); i++) {
        struct text content = {0};
        text_add(&content, "[a]\nk=");
        while (content.length < 4 + lengths[i])
            text_add(&content, content.length == 4 + 195 ? "=" : "x");
        text_add(&content, "\nl=w\n");
        struct reading reading = read_bytes(state, content.data, content.length);
        char *message = xasprintf("x.ini:2: line of %zu bytes; the longest allowed has 198\n", lengths[i]);
        bool fits = lengths[i] <= 198;
        assert_int_equal(reading.problems, fits ? 0 : 1);
        if (fits)
            assert_int_equal(reading.entries.length, strlen("a.") + lengths[i] + strlen(";a.l=w;"));
        else {
            assert_contains(reading.said, message);
            assert_string_equal(text_string(&reading.entries), "a.l=w;");
        }
        free(message);
        reading_free(&reading);
        text_free(&content);
    }
}

static void line_numbers_stay_right_after_a_long_line(void **state) {
    char content[600] = "[a]\n";
    memset(content + 4, 'x', 450);
    memcpy(content + 454, "\n\nstray\n", 9);
    assert_problems(state, content, strlen(content), 2, "x.ini:4: neither a [section] nor a key = value");
}

static void what_is_not_text_is_refused(void **state) {
    assert_problems(state, "[a]\nk = v\0w\n", 12, 1, "x.ini:2: not UTF-8 text");
    assert_problem(state, "[a]\nk = caf\xE9\n", "x.ini:2: not UTF-8 text");
    assert_problem(state, "# caf\xE9\n[a]\n", "x.ini:1: not UTF-8 text");
    assert_problems(state, "\xFF\xFE[\0a\0]\0\n\0", 10, 2, "x.ini:1: not UTF-8 text");
}

static void a_line_cut_by_a_nul_byte_sets_nothing(void **state) {
    struct reading reading = read_bytes(state, "[a]\nk = v\0w\n", 12);
    assert_string_equal(text_string(&reading.entries), "");
    reading_free(&reading);
}

static void what_is_no_file_is_an_error_and_does_not_hang(void **state) {
    char *fifo = scene_path(state, "fifo");
    char *missing = scene_path(state, "missing.ini");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    const char *const paths[] = {fifo, *state, missing, "/dev/null"};
    for (size_t i = 0; i < LENGTH_OF(paths); i++) {
        struct reading reading = read_path(paths[i]);
        assert_int_equal(reading.status, EXIT_SETTINGS);
        assert_contains(reading.said, paths[i]);
        reading_free(&reading);
    }
    free(fifo);
    free(missing);
}

static void an_indented_line_with_nothing_to_go_on_with(void **state) {
    static const char message[] = "an indented line goes on with the value above, and there is none";
    assert_problem(state, "  k = v\n", message);
    assert_problem(state, "[a]\n  k = v\n", message);
    assert_problem(state, "[a]\nk = v\n[b]\n  l = w\n", message);
    assert_problem(state, "[a]\nk = v\n\n[b]\n\n\tl\n", "x.ini:6: an indented line");
}

/* To isspace(), and so to inih, these are white space too; to a person they are invisible. */
static void a_form_feed_does_not_hide_a_key(void **state) {
    assert_problem(state, "[a]\n\fk = v\n", "x.ini:2: an indented line");
    assert_problem(state, "[a]\n\vk = v\n", "x.ini:2: an indented line");
    assert_entries(state, "[a]\nk = v\n\f\n\fw\n", "a.k=v\nw...;");
}

static void a_key_given_twice_names_both_lines(void **state) {
    assert_problem(state, "[a]\nk = v\nl = w\nk = x\n", "x.ini:4: \"k\" is already set at ");
    assert_problem(state, "[a]\nk = v\nl = w\nk = x\n", "x.ini:2\n");
    assert_entries(state, "[a]\nk = v\n[b]\nk = x\n", "a.k=v;b.k=x;");
}

static void a_key_given_twice_does_not_lend_its_lines_to_the_first(void **state) {
    struct reading reading = read_bytes(state, "[a]\nk = v\nk = x\n  y\n", 21);
    assert_string_equal(text_string(&reading.entries), "a.k=v;");
    reading_free(&reading);
}

static void a_section_opened_again_names_both_lines(void **state) {
    assert_problem(state, "[a]\nk = v\n[b]\n[a]\nl = w\n", "x.ini:4: section [a] is already at ");
    assert_problem(state, "[a]\nk = v\n[b]\n[a]\nl = w\n", "x.ini:1\n");
    assert_problem(state, "[c x]\n[c y]\n[ c   x ]\n", "x.ini:3: section [ c   x ] is already at");
    assert_entries(state, "[c]\nk=1\n[c x]\nk=2\n[c y]\nk=3\n", "c.k=1;c/x.k=2;c/y.k=3;");
}

static void a_key_before_the_first_section(void **state) {
    assert_problem(state, "k = v\n[a]\n", "x.ini:1: \"k\" stands before the first [section]");
}

static void a_section_line_that_is_none(void **state) {
    assert_problem(state, "[a\n", "x.ini:1: the ] of the section is missing");
    assert_problem(state, "[]\n", "x.ini:1: a section is written [name] or [name NAME]");
    assert_problem(state, "[  ]\n", "x.ini:1: a section is written");
    assert_problem(state, "[a b c]\n", "x.ini:1: a section is written");
    assert_problem(state, "[a;b]\n", "x.ini:1: a section is written");
    assert_problem(state, "[a ;b]\n", "x.ini:1: a section is written"); /* inih takes ;b] for a comment */
}

/* inih looks at nothing behind the bracket. */
static void what_stands_behind_a_section_is_not_lost(void **state) {
    assert_problem(state, "[a] k = v\n", "x.ini:1: ");
    assert_problem(state, "[a]]\n", "x.ini:1: ");
    assert_problem(state, "[a]\rk = v\rl = w\r", "x.ini:1: "); /* the line ends of an old Macintosh */
    assert_entries(state, "[a]  \nk=v\n[b] # why\nk=v\n[c];why\nk=v\n", "a.k=v;b.k=v;c.k=v;");
}

static void a_section_name_too_long_for_inih(void **state) {
    char name[49];
    memset(name, 'n', 48);
    for (size_t length = 46; length <= 48; length++) {
        char *content = xasprintf("[%.*s]\nk = v\n", (int)length, name);
        char *wanted = xasprintf("%.*s.k=v;", (int)length, name);
        if (length <= 47)
            assert_entries(state, content, wanted);
        else
            assert_problems(state, content, strlen(content), 2, "x.ini:1: the section's name is longer than 47 bytes");
        free(wanted);
        free(content);
    }
}

static void a_stray_line(void **state) {
    assert_problem(state, "[a]\nk = v\nstray\n", "x.ini:3: neither a [section] nor a key = value");
    assert_problem(state, "[a]\n\xE3\x80\x80k\n", "x.ini:2: neither"); /* an ideographic space is no indent */
    assert_problem(state, "[a]\n= v\n", "x.ini:2: ");
    assert_problem(state, "[a]\nk ; = v\n", "x.ini:2: ");
}

static void all_problems_are_told_at_once(void **state) {
    static const char content[] = "k = v\n[a\n[b]\nstray\nl = 1\nl = 2\n[b]\n";
    struct reading reading = read_bytes(state, content, strlen(content));
    static const char *const messages[] = {"x.ini:1: ", "x.ini:2: ", "x.ini:4: ", "x.ini:6: ", "x.ini:7: "};
    assert_int_equal(reading.problems, LENGTH_OF(messages));
    for (size_t i = 0; i < LENGTH_OF(messages); i++)
        assert_contains(reading.said, messages[i]);
    reading_free(&reading);
}

static void several_files_make_one(void **state) {
    char *first = scene_put(state, "1.ini", "[a]\nk = v\n");
    char *second = scene_put(state, "2.ini", "  stray\nk = w\n[b]\nk = v\n[a]\n");
    struct ini ini = {0};
    struct capture capture = capture_start();
    int status = ini_read(&ini, first) | ini_read(&ini, second);
    char *said = capture_end(&capture);
    assert_int_equal(status, 0);
    assert_int_equal(ini.problems, 3);
    assert_contains(said, "2.ini:1: an indented line");
    assert_contains(said, "2.ini:2: \"k\" stands before the first [section]");
    assert_contains(said, "2.ini:5: section [a] is already at ");
    assert_contains(said, "1.ini:1\n");
    assert_int_equal(ini.file_count, 2);
    assert_int_equal(ini.entry_count, 2);
    free(said);
    free(first);
    free(second);
    ini_free(&ini);
}

static void digest_of(void *const *state, const char *content, char out[33]) {
    char *path = scene_put(state, "x.ini", content);
    struct ini ini = {0};
    assert_int_equal(ini_read(&ini, path), 0);
    ini_digest(&ini, out);
    ini_free(&ini);
    free(path);
}

static void the_digest_tells_files_apart(void **state) {
    char a[33], b[33], again[33];
    digest_of(state, "[a]\nk = v\n", a);
    digest_of(state, "[a]\nk = w\n", b);
    digest_of(state, "[a]\nk = v\n", again);
    assert_string_equal(a, again);
    assert_string_not_equal(a, b);
    assert_int_equal(strspn(a, "0123456789abcdef"), 32);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        scene_test(sections_and_keys),
        scene_test(an_empty_value_is_an_empty_value),
        scene_test(quotes_are_part_of_the_value),
        scene_test(a_comment_needs_a_semicolon_behind_white_space),
        scene_test(dos_line_ends_and_byte_order_marks_are_read_over),
        scene_test(values_go_on_over_indented_lines),
        scene_test(a_semicolon_in_a_continued_line_begins_no_comment),
        scene_test(a_line_of_198_bytes_is_whole_and_a_longer_one_is_refused),
        scene_test(line_numbers_stay_right_after_a_long_line),
        scene_test(what_is_not_text_is_refused),
        scene_test(a_line_cut_by_a_nul_byte_sets_nothing),
        scene_test(what_is_no_file_is_an_error_and_does_not_hang),
        scene_test(an_indented_line_with_nothing_to_go_on_with),
        scene_test(a_form_feed_does_not_hide_a_key),
        scene_test(a_key_given_twice_names_both_lines),
        scene_test(a_key_given_twice_does_not_lend_its_lines_to_the_first),
        scene_test(a_section_opened_again_names_both_lines),
        scene_test(a_key_before_the_first_section),
        scene_test(a_section_line_that_is_none),
        scene_test(what_stands_behind_a_section_is_not_lost),
        scene_test(a_section_name_too_long_for_inih),
        scene_test(a_stray_line),
        scene_test(all_problems_are_told_at_once),
        scene_test(several_files_make_one),
        scene_test(the_digest_tells_files_apart),
    };
    end_when_it_hangs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
