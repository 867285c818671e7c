/* The domain that is served: its options, and what the services share. */
#ifndef CLOUDSEARCH_DOMAIN_H
#define CLOUDSEARCH_DOMAIN_H

#include <pthread.h>
#include <stdatomic.h>

#include "access.h"
#include "faults.h"
#include "schema.h"
#include "store.h"

struct options {
    int64_t port;
    const char *state_dir;
    const char *fields_file;      /* NULL: those of the last start */
    const char *credentials_file; /* NULL: the environment */
    const char *faults_file;      /* NULL: none */
    const char *log_file;         /* NULL: requests are not recorded */
    const char *region;
    const char *name;       /* of the domain */
    int64_t batch_interval; /* milliseconds; 0: not enforced */
    int64_t visible_after;  /* milliseconds */
    int64_t max_batch;      /* bytes */
    int64_t max_document;   /* bytes */
    int64_t max_skew;       /* milliseconds */
    enum policy policy;
    bool refuse_non_bmp, refuse_numbers;
    bool dump;
};

struct domain {
    struct options options;
    struct schema schema;
    struct access access;
    struct store *store;
    struct faults *faults;
    pthread_mutex_t lock; /* held while a request is carried out */
    uint64_t requests;    /* so far, for their ids */
    atomic_bool stopping; /* ends the delays of faults */
};

/* The services. Each fills the reply; the caller has checked the access and holds the lock. */
void documents_serve(struct domain *domain, const struct request *request, struct reply *reply);
void search_serve(struct domain *domain, const struct request *request, struct reply *reply);
void suggest_serve(struct domain *domain, const struct request *request, struct reply *reply);
void configuration_serve(struct domain *domain, const struct request *request, struct reply *reply);

/* What a front proxy checks before anybody looks at the signature: a batch has a Content-Length. False after answering 411. */
bool documents_check_length(const struct request *request, struct reply *reply);

/* For tests: /_health, /_faults, /_visible, /_forget. */
void control_serve(struct domain *domain, const struct request *request, struct reply *reply);

#endif
