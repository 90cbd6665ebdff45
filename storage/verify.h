/* verify.h - structures shared by the files of store_verify.
 * Always true: everything is read from one snapshot. The first error ends the run with
 * STORAGE_CORRUPT and a message that names it. History up to the horizon may be dropped or not, in
 * one direction or both; neither is an error.
 * Threads: one per verifier, concurrent with readers and the writer. */
#ifndef BEHALF_STORAGE_VERIFY_H
#define BEHALF_STORAGE_VERIFY_H

#include "storage/store_internal.h"

struct verify_count {
    struct edge_variant variant;
    uint64_t edges;
};

struct verifier {
    struct store *store;
    const struct store_snapshot *snapshot;
    uint64_t horizon; /* read after the snapshot: dropped entries are at or below */
    struct buffer value;
    struct buffer other;
    const struct store_progress *progress; /* NULL = not shown */

    /* Edges counted in forward, by variant. */
    struct verify_count *counts;
    size_t count_count;
    size_t count_capacity;
    size_t counts_stored; /* "count/" records seen */

    /* The previous history entry, for the order of intervals. */
    char last_key[HISTORY_KEY_SIZE_MAX];
    size_t last_size; /* 0 = none */
    uint64_t last_deleted;

    uint64_t next_revision; /* of the changelog walk */
    uint8_t chain[DIGEST_SIZE];
};

typedef enum status verify_visit(struct verifier *verifier, struct slice key, struct slice value,
                                 struct error *error);

/* Calls `visit` for every entry of a keyspace until it fails. */
enum status verify_each(struct verifier *verifier, enum kv_keyspace keyspace, verify_visit *visit,
                        struct error *error) BEHALF_MUST_USE;
/* Reads into verifier->other. */
enum status verify_get(struct verifier *verifier, enum kv_keyspace keyspace, struct slice key,
                       bool *found, struct error *error) BEHALF_MUST_USE;
/* STORAGE_CORRUPT: "<family>: <edge> <what>". */
enum status verify_edge_wrong(struct error *error, const char *family, const struct edge_key *key,
                              const char *what) BEHALF_MUST_USE;

/* Whether the interval [created, deleted) can be that of a value in history, after the one given
 * last; `versions` is the key without its revision. NULL, or what is wrong. */
const char *verify_interval(struct verifier *verifier, struct slice versions, uint64_t created,
                            uint64_t deleted) BEHALF_MUST_USE;

/* STORAGE_CORRUPT: "<family>: the record <kind> <id> <what>". */
enum status verify_record_wrong(struct error *error, const char *family,
                                const struct store_record_key *key,
                                const char *what) BEHALF_MUST_USE;
/* A superseded record in history. */
enum status verify_record_version(struct verifier *verifier, struct slice key, struct slice value,
                                  struct error *error) BEHALF_MUST_USE;
/* A change of a record in the changelog. */
enum status verify_record_change(struct verifier *verifier, uint64_t revision,
                                 const struct changelog_record *change,
                                 struct error *error) BEHALF_MUST_USE;

enum status verify_names(struct verifier *verifier, struct error *error) BEHALF_MUST_USE;
enum status verify_edges(struct verifier *verifier, struct error *error) BEHALF_MUST_USE;
enum status verify_records(struct verifier *verifier, struct error *error) BEHALF_MUST_USE;
enum status verify_changelog(struct verifier *verifier, struct error *error) BEHALF_MUST_USE;

#endif
