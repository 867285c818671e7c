/* What a job does to its process before anything else. */
#include "support.h"

#include <sys/wait.h>

#include "../../common/job/process.h"

/* process_prepare() changes the whole process, so a child says what it found. */
static int look_in_child(void) {
    setenv("MYSQL_PWD", "x", 1);
    setenv("https_proxy", "http://192.0.2.1", 1);
    setenv("AWS_CA_BUNDLE", "/x", 1);
    setenv("AWS_ENDPOINT_URL", "http://192.0.2.1", 1);
    setenv("HOME", "/x", 1);
    setenv("AWS_ACCESS_KEY_ID", "key", 1);
    setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2", 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    setenv("NIGHTSHIFT_CONFIG", "/c", 1);
    unsetenv("AWS_PROFILE");
    process_prepare();
    static const char *const gone[] = {"MYSQL_PWD",        "https_proxy", "AWS_CA_BUNDLE",
                                       "AWS_ENDPOINT_URL", "HOME",        "AWS_PROFILE"};
    static const char *const kept[][2] = {{"AWS_ACCESS_KEY_ID", "key"},
                                          {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2"},
                                          {"AWS_EC2_METADATA_DISABLED", "true"},
                                          {"NIGHTSHIFT_CONFIG", "/c"},
                                          {"TZ", "UTC"}};
    for (size_t i = 0; i < LENGTH_OF(gone); i++)
        if (getenv(gone[i]) != NULL)
            return 1 + (int)i;
    for (size_t i = 0; i < LENGTH_OF(kept); i++)
        if (getenv(kept[i][0]) == NULL || strcmp(getenv(kept[i][0]), kept[i][1]) != 0)
            return 100 + (int)i;
    return 0;
}

static void the_environment_is_cut_to_what_is_listed(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(look_in_child());
    int result = -1;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(WEXITSTATUS(result), 0);
    assert_true(WIFEXITED(result));
}

/* The manual page lists what may be given, so it must know all of them. */
static void every_variable_is_in_the_manual(void **state) {
    (void)state;
    char *source = scene_read("common/job/process.c");
    char *manual = scene_read("cron/nightshift.7");
    assert_non_null(source);
    assert_non_null(manual);
    int count = 0;
    for (const char *at = source; (at = strstr(at, "\"AWS_")) != NULL; count++) {
        at++;
        char *name = xstrndup(at, strcspn(at, "\""));
        assert_contains(manual, name);
        free(name);
    }
    assert_int_equal(count, 16);
    free(source);
    free(manual);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_is_cut_to_what_is_listed),
        cmocka_unit_test(every_variable_is_in_the_manual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
