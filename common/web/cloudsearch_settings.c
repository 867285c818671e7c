/* The [cloudsearch] section. */
#include <stdlib.h>
#include <string.h>

#include "cloudsearch_private.h"

#define AT(member) offsetof(struct cloudsearch_settings, member)

static const struct setting settings[] = {
    {.key = "document_endpoint",
     .type = SETTING_TEXT,
     .offset = AT(document_endpoint),
     .help =
         "The domain's document endpoint, doc-NAME-ID.REGION.cloudsearch.amazonaws.com, or a URL of scheme, host and "
         "port."},
    {.key = "search_endpoint",
     .type = SETTING_TEXT,
     .offset = AT(search_endpoint),
     .help =
         "The domain's search endpoint, search-NAME-ID.REGION.cloudsearch.amazonaws.com, or a URL as above. Needed to "
         "verify and to reconcile."},
    {.key = "config_endpoint",
     .type = SETTING_TEXT,
     .offset = AT(config_endpoint),
     .help = "Where --check asks for the index fields. Default: cloudsearch.REGION.amazonaws.com."},
    {.key = "domain",
     .type = SETTING_TEXT,
     .offset = AT(domain),
     .help = "The domain's name, if the document endpoint does not have it in it."},
    {.key = "region",
     .type = SETTING_TEXT,
     .offset = AT(region),
     .help = "Region that requests are signed for. Default: the one in the document endpoint, then AWS_REGION, "
             "AWS_DEFAULT_REGION, and the profile in ~/.aws/config."},
    {.key = "credentials",
     .type = SETTING_CHOICE,
     .offset = AT(credentials),
     .fallback = "auto",
     .choices = "auto|environment|file|container|ec2|none",
     .help =
         "Where the AWS keys come from. auto: the first of environment, ~/.aws, container, EC2 instance role (metadata "
         "version 2); with a profile or credentials_file here, the files alone. none: requests are not signed."},
    {.key = "profile",
     .type = SETTING_TEXT,
     .offset = AT(profile),
     .help = "Profile of the files, instead of AWS_PROFILE or default."},
    {.key = "credentials_file",
     .type = SETTING_PATH,
     .offset = AT(credentials_file),
     .help = "File with AWS keys in the form of ~/.aws/credentials, mode 0600."},
    {.key = "tls_ca",
     .type = SETTING_PATH,
     .offset = AT(tls_ca),
     .help = "File of PEM certificates to trust instead of the system's."},
    {.key = "proxy",
     .type = SETTING_TEXT,
     .offset = AT(proxy),
     .flags = SETTING_SECRET,
     .help = "URL of a proxy. Those of the environment are not used."},
    {.key = "connect_timeout",
     .type = SETTING_DURATION,
     .offset = AT(connect_timeout),
     .fallback = "10s",
     .min = 100,
     .max = 120000,
     .help = "How long a connection may take, name and TLS included."},
    {.key = "timeout",
     .type = SETTING_DURATION,
     .offset = AT(timeout),
     .fallback = "2m",
     .min = 1000,
     .max = 3600000,
     .help = "How long one request may take. A batch of 5 MB can keep a small instance busy for a minute."},
    {.key = "retry_time",
     .type = SETTING_DURATION,
     .offset = AT(retry_time),
     .fallback = "10m",
     .min = 0,
     .max = 86400000,
     .help = "How long a request that the service is too busy for, or that is not answered, is tried again."},
    {.key = NULL},
};

char *cloudsearch_base_url(const char *endpoint) {
    static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
    bool whole = strncmp(endpoint, "https://", 8) == 0 || strncmp(endpoint, "http://", 7) == 0;
    const char *host = whole ? strstr(endpoint, "://") + 3 : endpoint;
    size_t length = strspn(host, characters);
    if (length == 0 || (host[length] != '\0' && strcmp(host + length, "/") != 0))
        return NULL;
    char *url = xasprintf("%s%.*s", whole ? "" : "https://", (int)(host - endpoint) + (int)length, endpoint);
    char *shown = http_host(url);
    bool good = *shown != '(';
    free(shown);
    if (good)
        return url;
    free(url);
    return NULL;
}

/* Splits the host of a domain's endpoint: "doc-", name, "-", id, ".", region, ".cloudsearch.". */
static bool split_endpoint(const char *endpoint, char **domain, char **region) {
    const char *scheme = strstr(endpoint, "://");
    const char *host = scheme != NULL ? scheme + 3 : endpoint;
    const char *name = strncmp(host, "doc-", 4) == 0 ? host + 4 : strncmp(host, "search-", 7) == 0 ? host + 7 : NULL;
    const char *service = strstr(host, ".cloudsearch.amazonaws.com");
    const char *dot = name != NULL ? strchr(name, '.') : NULL;
    if (dot == NULL || service == NULL || dot >= service)
        return false;
    const char *hyphen = memrchr(name, '-', (size_t)(dot - name));
    if (hyphen == NULL || hyphen == name)
        return false;
    *domain = xstrndup(name, (size_t)(hyphen - name));
    *region = xstrndup(dot + 1, (size_t)(service - dot - 1));
    return true;
}

char *cloudsearch_domain_of(const char *endpoint) {
    char *domain = NULL, *region = NULL;
    split_endpoint(endpoint, &domain, &region);
    free(region);
    return domain;
}

char *cloudsearch_region_of(const char *endpoint) {
    char *domain = NULL, *region = NULL;
    split_endpoint(endpoint, &domain, &region);
    free(domain);
    return region;
}

static char *check(const void *pointer) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    const struct cloudsearch_settings *values = pointer;
    const struct {
        const char *key, *value;
    } endpoints[] = {{"document_endpoint", values->document_endpoint},
                     {"search_endpoint", values->search_endpoint},
                     {"config_endpoint", values->config_endpoint}};
    for (size_t i = 0; i < LENGTH_OF(endpoints); i++) {
        if (endpoints[i].value == NULL)
            continue;
        char *url = cloudsearch_base_url(endpoints[i].value);
        if (url == NULL)
            return xasprintf("\"%s\" must be a host, or a URL of scheme, host and port", endpoints[i].key);
        free(url);
    }
    if (values->region != NULL && values->region[strspn(values->region, letters)] != '\0')
        return xstrdup("\"region\" must be one such as ap-northeast-1");
    bool files = values->credentials == AWS_FROM_CHAIN || values->credentials == AWS_FROM_FILE;
    if (!files && (values->profile != NULL || values->credentials_file != NULL))
        return xstrdup("\"profile\" and \"credentials_file\" need credentials = auto or file");
    if (values->timeout < values->connect_timeout)
        return xstrdup("\"timeout\" must not be shorter than \"connect_timeout\"");
    return NULL;
}

const struct section cloudsearch_section = {
    .name = "cloudsearch",
    .size = sizeof(struct cloudsearch_settings),
    .settings = settings,
    .help = "An Amazon CloudSearch domain.",
    .check = check,
};
