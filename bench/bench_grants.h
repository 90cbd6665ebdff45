/* bench_grants.h - the sessions and chains of grants that questions name, made in a server.
 *
 * A question names a chain by what it is: the principal, the agents one after the other, and one
 * selector with one permission. Each such chain is made once for an endpoint, with a session of its
 * own, and kept by its words; the ids are the server's.
 * Always true: an id is NUL-terminated text and stays where it is until release.
 * Threads: making belongs to one thread; then any number may look ids up.
 * Errors: false, after saying on standard error why. */
#ifndef BEHALF_BENCH_BENCH_GRANTS_H
#define BEHALF_BENCH_BENCH_GRANTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/slice.h"
#include "client/behalf.h"

#define BENCH_GRANT_ID_SIZE 32

/* A chain in its words, as they stand in a question. */
struct bench_grant_words {
    struct slice principal;
    struct slice agents; /* from the session's agent on, separated by commas */
    struct slice selector;
    struct slice action;
    uint64_t uses; /* of the last grant; 0 = any number */
};

/* What was made of it. */
struct bench_grant {
    char session[BENCH_GRANT_ID_SIZE];
    char grant[BENCH_GRANT_ID_SIZE]; /* the last of the chain */
    char root[BENCH_GRANT_ID_SIZE];
    struct bench_grant_words words; /* point into memory of their own */
};

struct bench_grants;

struct bench_grants *bench_grants_new(void);
void bench_grants_free(struct bench_grants *grants); /* accepts NULL */

/* Notes that the chain is wanted; twice is once. */
void bench_grants_want(struct bench_grants *grants, const struct bench_grant_words *words);
/* Makes those that were noted and are not there yet. */
bool bench_grants_make(struct bench_grants *grants, const char *endpoint,
                       const struct behalf_options *connect) BEHALF_MUST_USE;
/* One that was made. */
const struct bench_grant *bench_grants_find(const struct bench_grants *grants,
                                            const struct bench_grant_words *words);
/* All that were made, in the order in which they were noted. */
uint64_t bench_grants_count(const struct bench_grants *grants);
const struct bench_grant *bench_grants_at(const struct bench_grants *grants, uint64_t index);

/* The arguments of a grants.create in the session: one more root grant of the same words. */
void bench_grants_put_root(struct behalf_writer *writer, const struct bench_grant *grant,
                           uint32_t deadline_ms);

#endif
