/* test_store_support.h - small words for tests of the store.
 * Always true: a call that must work is asserted here, with the message of its failure. */
#ifndef BEHALF_TESTS_STORE_SUPPORT_H
#define BEHALF_TESTS_STORE_SUPPORT_H

#include <criterion/criterion.h>

#include "storage/store_internal.h"

extern struct error store_error; /* of the last call */

#define OK(call)                                                                                   \
    do {                                                                                           \
        enum status status_of_call = (call);                                                       \
        cr_assert_eq(status_of_call, BEHALF_OK, "%s: %s: %s", #call, status_name(status_of_call),  \
                     store_error.message);                                                         \
    } while (0)

#define FAILS(call, expected)                                                                      \
    do {                                                                                           \
        enum status status_of_call = (call);                                                       \
        cr_assert_eq(status_of_call, expected, "%s: %s: %s", #call, status_name(status_of_call),   \
                     store_error.message);                                                         \
    } while (0)

/* A clock that stands where a test puts it. */
extern int64_t store_test_wall_ns;
extern int64_t store_test_monotonic_ns;
const struct env *store_test_env(void);

/* A directory under /tmp that does not hold a store yet; remove it with all in it. */
void store_test_directory(char path[64]);
void store_test_directory_remove(const char *path);

struct store *store_test_open(const char *path); /* NULL = in memory */

struct store_transaction *store_test_begin(struct store *store);
uint64_t store_test_commit(struct store_transaction *transaction);

uint16_t store_test_type(struct store_transaction *transaction, const char *name);
uint16_t store_test_relation(struct store_transaction *transaction, const char *name);
uint64_t store_test_node(struct store_transaction *transaction, const char *type, const char *id);

/* resource "document:readme", relation "viewer", subject "user:ann" or "user:*". */
struct edge_key store_test_key(struct store_transaction *transaction, const char *resource,
                               const char *relation, const char *subject);
bool store_test_put(struct store_transaction *transaction, const char *resource,
                    const char *relation, const char *subject); /* whether it was there */

/* One edge in a transaction of its own; the revision. */
uint64_t store_test_write(struct store *store, const char *resource, const char *relation,
                          const char *subject);

/* Edges in force at a revision, by one scan over all. */
size_t store_test_count(struct store *store, enum edge_direction direction, uint64_t revision);

#endif
