/* --check of watch-slow-queries. */
#include "check.h"

#include <stdio.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/job/check.h"
#include "nightshift/run/suite.h"
#include "nightshift/web/notify.h"
#include "settings.h"

/* Rotation needs more than reading. Roles are not looked through, so that a missing privilege is a question and no error. */
static const char rotation_privileges[] =
    "SELECT COUNT(DISTINCT privilege_type) FROM ("
    "SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = "
    "CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''') UNION ALL "
    "SELECT privilege_type FROM information_schema.schema_privileges WHERE table_schema = 'mysql' AND grantee = "
    "CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')) AS held "
    "WHERE privilege_type IN ('SELECT', 'INSERT', 'CREATE', 'ALTER', 'DROP')";

static const char rds_procedure[] = "SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = 'mysql' "
                                    "AND routine_name = 'rds_rotate_slow_log'";

static int check_rotation(struct database *database, const char *server, int mode) {
    int64_t found = 0;
    if (mode == WATCH_POSITION)
        return 0;
    int status =
        database_single_integer(database, mode == WATCH_RDS ? rds_procedure : rotation_privileges, NULL, &found);
    if (status != 0)
        return status;
    if (mode == WATCH_RDS && found == 0)
        return fail(EXIT_DENIED, "cannot see the procedure mysql.rds_rotate_slow_log on %s", server);
    if (mode == WATCH_ROTATE && found < 5)
        log_warning("%s: this account may lack SELECT, INSERT, CREATE, ALTER or DROP on mysql.*, which rotation needs",
                    server);
    return 0;
}

int check_logging(const struct instance *instance) {
    if (instance->enabled && instance->to_table)
        return 0;
    fail(EXIT_ATTENTION, "%s does not write its slow log to a table", instance->server);
    log_hint("set slow_query_log = ON and log_output = TABLE there");
    return EXIT_ATTENTION;
}

static int check_instance(const struct instance *instance, int mode) {
    struct rows *rows = NULL;
    int status = database_query(instance->database, "SELECT start_time FROM mysql.slow_log LIMIT 0", NULL, &rows);
    rows_close(rows);
    if (status == 0)
        status = check_rotation(instance->database, instance->server, mode);
    if (status != 0)
        return status;
    status = check_logging(instance);
    if (status != 0)
        return status;
    struct text line = {0};
    text_printf(&line, "ok  MySQL server %s (%s): logs queries from ", instance->server,
                database_identity(instance->database)->version_text);
    clock_add_span(&line, instance->long_query_time / 1000);
    if (instance->rate_limit > 1)
        text_printf(&line, ", one in %lld", (long long)instance->rate_limit);
    puts(text_string(&line));
    text_free(&line);
    return 0;
}

int watch_check(struct run *run) {
    const struct watch_settings *settings = settings_of(run->settings, &watch_section);
    const struct suite_settings *suite = settings_of(run->settings, &suite_section);
    struct instances instances = {0};
    int worst = 0;
    int first = instances_open(run, &instances, &worst);
    if (first == 0)
        first = worst;
    for (size_t i = 0; i < instances.count; i++) {
        int status = check_instance(&instances.items[i], settings->mode);
        first = exit_combine(first, status);
    }
    instances_close(&instances);
    const int others[] = {notify_check(settings_of(run->settings, &notify_section)),
                          check_directory("report directory", suite->report_dir, true), check_house(run)};
    for (size_t i = 0; i < LENGTH_OF(others); i++)
        first = exit_combine(first, others[i]);
    return first;
}
