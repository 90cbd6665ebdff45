/* test_record_support.h - small words for tests of records. */
#ifndef BEHALF_TESTS_RECORD_SUPPORT_H
#define BEHALF_TESTS_RECORD_SUPPORT_H

#include "tests/unit/test_store_support.h"

#define RECORD_TEXT_MAX 64

/* A record as tests compare it. */
struct record_seen {
    bool found;
    uint64_t created;
    int64_t ends;
    size_t entries;
    char body[RECORD_TEXT_MAX];
};

/* The key of a kind whose id consists of `fill`. */
struct store_record_key record_test_key(enum record_kind kind, uint8_t fill);

/* Puts a record in an open transaction. A session is indexed by principal `fill` and agent 7, a
 * grant by the session of `fill` and delegatee 7, both with `ends` as their expiration; others by
 * their end alone. */
void record_test_put(struct store_transaction *transaction, enum record_kind kind, uint8_t fill,
                     int64_t ends, const char *body);
void record_test_remove(struct store_transaction *transaction, enum record_kind kind, uint8_t fill);

/* One record in a transaction of its own; the revision. */
uint64_t record_test_write(struct store *store, enum record_kind kind, uint8_t fill, int64_t ends,
                           const char *body);
uint64_t record_test_drop(struct store *store, enum record_kind kind, uint8_t fill);

struct record_seen record_test_read(struct store *store, uint64_t revision, enum record_kind kind,
                                    uint8_t fill);

/* Entries of an index with a prefix, from `from` on: the first id bytes of their records. */
size_t record_test_scan(struct store *store, enum record_index index, struct slice prefix,
                        struct slice from, char fills[RECORD_TEXT_MAX]);

#endif
