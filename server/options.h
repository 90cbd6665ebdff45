/* options.h - what behalfd was told, from four places.
 * Always true: the command line beats the environment, the environment beats the configuration
 * file, the file beats the default. Nothing is ignored: an unknown flag, key or BEHALF_ variable
 * and a value that does not fit are refused, with the place they came from.
 * Memory: texts of the configuration file are owned by the struct; others are borrowed from the
 * arguments and the environment. Threads: none. */
#ifndef BEHALF_SERVER_OPTIONS_H
#define BEHALF_SERVER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "engine/audit.h"

#define OPTIONS_UNSET UINT64_MAX /* a number that was not given and has no default */

struct options {
#define OPTION_TEXT(member) const char *member;
#define OPTION_NUMBER(member) uint64_t member;
#define OPTION_THREADS(member) uint64_t member;
#define OPTION_SIZE(member) uint64_t member;
#define OPTION_HOURS(member) uint64_t member; /* in seconds */
#define OPTION_LEVEL(member) enum log_level member;
#define OPTION_WARM(member) enum engine_warm member;
#define OPTION_AUDIT(member) enum engine_audit_mode member;
#define OPTION_CONTEXT(member) bool member; /* in full */
#define OPTION_MODE(member) uint64_t member;
#define OPTION_FLAG(member) bool member;
#define OPTION_ACTION(member) bool member;
#define X(flag, environment, member, kind, fallback, value, help) OPTION_##kind(member)
#include "server/options.def"
#undef X
#undef OPTION_TEXT
#undef OPTION_NUMBER
#undef OPTION_THREADS
#undef OPTION_SIZE
#undef OPTION_HOURS
#undef OPTION_LEVEL
#undef OPTION_WARM
#undef OPTION_AUDIT
#undef OPTION_CONTEXT
#undef OPTION_MODE
#undef OPTION_FLAG
#undef OPTION_ACTION
    char *file; /* bytes of the configuration file */
};

/* `environment` is NULL-terminated, "NAME=value". On failure nothing has to be released. */
enum status options_read(struct options *options, int count, char *const *arguments,
                         char *const *environment, struct error *error) BEHALF_MUST_USE;
void options_release(struct options *options);

void options_print_help(FILE *out);

#endif
