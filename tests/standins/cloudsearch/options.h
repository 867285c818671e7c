/* The command line of cloudsearch-local. */
#ifndef CLOUDSEARCH_OPTIONS_H
#define CLOUDSEARCH_OPTIONS_H

#include "domain.h"

/* 0 or EXIT_USAGE after saying why; *done is set when --help or --version was all that was asked for. */
int options_read(struct options *options, int argc, char **argv, bool *done);

#endif
