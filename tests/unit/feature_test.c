/* Which feature a table belongs to. */
#include "support.h"

#include "nightshift/run/feature.h"
#include "nightshift/run/suite.h"

static const struct section *const sections[] = {&suite_section, &feature_section, NULL};

static const char file[] = "[feature jobs]\nowner = team-jobs\ntables = works, proposals\n"
                           "[feature profiles]\ntables = lancer*, site.users\n"
                           "[feature old]\nowner = nobody\ntables = works, work_?\n"
                           "[feature idea]\nwhy = it has no tables yet\n";

static void a_table_belongs_to_the_first_feature_that_names_it(void **state) {
    static const struct {
        const char *tables; /* commas between */
        const char *feature, *owner;
    } cases[] = {
        {"works", "jobs", "team-jobs"},
        {"marketplace.works", "jobs", "team-jobs"},
        {"work_1", "old", "nobody"},
        {"work_12", NULL, NULL},
        {"lancers", "profiles", NULL},
        {"lancer_skills", "profiles", NULL},
        {"other.lancers", "profiles", NULL},
        {"freelancers", NULL, NULL},
        {"site.users", "profiles", NULL},
        {"users", NULL, NULL}, /* perhaps of another database */
        {"other.users", NULL, NULL},
        {"Works", NULL, NULL},
        {"helps, work_1, works", "old", "nobody"},
        {"", NULL, NULL},
    };
    struct settings *settings = NULL;
    char *path = scene_put(state, "x.ini", file);
    assert_int_equal(settings_load(path, sections, &settings), 0);
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        const char *feature = "";
        const char *owner = "";
        struct strings tables = {0};
        strings_split(&tables, cases[i].tables, ",");
        feature_of_tables(settings, &tables, &feature, &owner);
        print_message("%s\n", cases[i].tables);
        assert_string_equal(feature != NULL ? feature : "none", cases[i].feature != NULL ? cases[i].feature : "none");
        assert_string_equal(owner != NULL ? owner : "none", cases[i].owner != NULL ? cases[i].owner : "none");
        strings_free(&tables);
    }
    settings_free(settings);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        scene_test(a_table_belongs_to_the_first_feature_that_names_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
