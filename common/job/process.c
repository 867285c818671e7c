/* Closing the doors through which a hostile or careless environment could change what a job does: MYSQL_PWD, proxies, OPENSSL_CONF, locales,
 * LD_* of programs started later, missing descriptors (a data file would become "standard error"), a umask of 0. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/memory.h"
#include "process.h"

/* AWS's are those that the chain of web/aws_credentials.h asks for, keys among them: by environment is how schedulers and
 * containers hand those over. They go no further: a notice's command gets an environment of its own. */
static const char *const kept_variables[] = {
    "NIGHTSHIFT_CONFIG",
    "TERM",
    "NO_COLOR",
    "JOURNAL_STREAM",
    "CREDENTIALS_DIRECTORY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
};

static void open_standard_descriptors(void) {
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        if (fcntl(descriptor, F_GETFD) < 0 && open("/dev/null", descriptor == 0 ? O_RDONLY : O_WRONLY) != descriptor)
            _exit(EXIT_SYSTEM);
}

static void cut_environment(void) {
    char *values[LENGTH_OF(kept_variables)] = {NULL};
    for (size_t i = 0; i < LENGTH_OF(kept_variables); i++) {
        const char *value = getenv(kept_variables[i]);
        values[i] = value != NULL ? xstrdup(value) : NULL;
    }
    clearenv();
    for (size_t i = 0; i < LENGTH_OF(kept_variables); i++) {
        if (values[i] != NULL)
            setenv(kept_variables[i], values[i], 1);
        free(values[i]);
    }
    setenv("PATH", "/usr/bin:/bin", 1);
    setenv("LC_ALL", "C", 1);
    setenv("TZ", "UTC", 1);
}

void process_prepare(void) {
    open_standard_descriptors();
    cut_environment();
    umask(077);
    /* A closed pipe or a file-size limit is an error to report, not a reason to die without a word. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    /* Passwords are in memory; the sanitizers, though, look at their own process from outside. */
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

const char *process_host(void) {
    static char name[256];
    if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0')
        snprintf(name, sizeof name, "unknown");
    return name;
}
