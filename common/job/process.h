/* The process as every job wants to find it. Private to job/. */
#ifndef NIGHTSHIFT_JOB_PROCESS_H
#define NIGHTSHIFT_JOB_PROCESS_H

/* Descriptors 0 to 2 open, environment cut down to an allow-list, umask 077, SIGPIPE and SIGXFSZ ignored, no core files. */
void process_prepare(void);

/* The host's name; valid until the next call. "unknown" if it cannot be told. */
const char *process_host(void);

#endif
