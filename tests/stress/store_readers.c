/* store_readers.c - one writer, several readers on snapshots of their own, and one they share.
 *
 * Always true of what is written: revision r puts the edges of round r and removes those of round
 * r - 1, WIDTH each, so that at every revision from 1 on exactly WIDTH edges are in force, all of
 * them created at that revision. A reader that sees anything else has seen half a transaction.
 * Runs in memory, so that ThreadSanitizer sees all of it; a directory as argument runs it there. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/store.h"

#define WIDTH 16
#define READERS 3
#define ROUNDS 400
#define HISTORY_KEPT 30

static struct store *store;
static atomic_bool stopped;
static _Atomic uint64_t reads;
static _Atomic uint64_t expired;

static _Noreturn void
fail(const char *what, const struct error *error)
{
    fprintf(stderr, "store_readers: %s: %s\n", what, error->message);
    abort();
}

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != BEHALF_OK)                                                                   \
            fail(#call, &error);                                                                   \
    } while (0)

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail(#condition, &error);                                                              \
    } while (0)

/* All edges at a revision; BEHALF_REVISION_EXPIRED is the only failure allowed. */
static void
read_all(const struct store_snapshot *snapshot, uint64_t revision, enum edge_direction direction)
{
    const struct edge_range all = {.direction = direction, .unbounded = true};
    struct error error = {.message = ""};
    struct store_scan *scan = NULL;
    struct edge edge;
    uint64_t count = 0;
    enum status status = store_scan_open(snapshot, revision, &all, &scan, &error);

    while (status == BEHALF_OK && (status = store_scan_next(scan, &edge, &error)) == BEHALF_OK) {
        EXPECT(edge.created_revision == revision);
        count++;
    }
    store_scan_close(scan);
    if (status == BEHALF_REVISION_EXPIRED) {
        atomic_fetch_add(&expired, 1);
        return;
    }
    EXPECT(status == BEHALF_DONE);
    EXPECT(count == WIDTH);
    atomic_fetch_add(&reads, 1);
}

static void *
reader(void *context)
{
    const struct store_snapshot *shared = context;
    uint64_t shared_head = store_snapshot_head(shared);
    struct error error = {.message = ""};
    uint64_t step = 0;

    while (!atomic_load(&stopped)) {
        struct store_snapshot *snapshot;
        uint64_t horizon = store_horizon(store);
        uint64_t head;

        MUST(store_snapshot_open(store, &snapshot, &error));
        head = store_snapshot_head(snapshot);
        EXPECT(head >= shared_head);
        read_all(snapshot, head, step % 2 == 0 ? EDGE_FORWARD : EDGE_REVERSE);
        if (horizon > 0 && horizon < head)
            read_all(snapshot, horizon + step % (head - horizon), EDGE_REVERSE);
        store_snapshot_close(snapshot);
        read_all(shared, shared_head, EDGE_FORWARD);
        EXPECT(store_label_find(store, LABEL_TYPE, slice_of("user")) != LABEL_NONE);
        step++;
    }
    return NULL;
}

static void
write_round(uint64_t round)
{
    struct store_transaction *transaction;
    struct error error = {.message = ""};
    struct edge edge = {.created_revision = 0};
    uint64_t revision;
    uint16_t type;
    char name[32];
    struct store_previous previous;

    MUST(store_transaction_begin(store, &transaction, &error));
    MUST(store_transaction_label(transaction, LABEL_TYPE, slice_of("user"), &type, &error));
    /* A new label each time: readers look labels up while they are added. */
    (void)snprintf(name, sizeof name, "relation%" PRIu64, round);
    MUST(store_transaction_label(transaction, LABEL_RELATION, slice_of(name), &edge.key.relation,
                                 &error));
    for (uint64_t index = 0; index < WIDTH; index++) {
        (void)snprintf(name, sizeof name, "u%" PRIu64, (round + index) % 40);
        MUST(store_transaction_node(transaction, type, slice_of(name), &edge.key.subject, &error));
        edge.key.resource = edge.key.subject;
        MUST(store_transaction_put(transaction, &edge, &previous, &error));
        EXPECT(!previous.existed);
    }
    if (round > 1) {
        (void)snprintf(name, sizeof name, "relation%" PRIu64, round - 1);
        MUST(store_transaction_label(transaction, LABEL_RELATION, slice_of(name),
                                     &edge.key.relation, &error));
    }
    for (uint64_t index = 0; round > 1 && index < WIDTH; index++) {
        (void)snprintf(name, sizeof name, "u%" PRIu64, (round - 1 + index) % 40);
        MUST(store_transaction_node(transaction, type, slice_of(name), &edge.key.subject, &error));
        edge.key.resource = edge.key.subject;
        MUST(store_transaction_remove(transaction, &edge.key, &previous, &error));
        EXPECT(previous.existed);
    }
    MUST(store_transaction_commit(transaction, (int64_t)round, &revision, &error));
    EXPECT(revision == round);
    if (round % 8 == 0)
        MUST(store_sync(store, &error));
    if (round % 16 == 0 && round > HISTORY_KEPT)
        MUST(store_set_horizon(store, round - HISTORY_KEPT, &error));
}

int
main(int argc, char **argv)
{
    const struct store_options options = {.path = argc > 1 ? argv[1] : NULL, .env = env_system()};
    struct error error = {.message = ""};
    struct store_snapshot *shared;
    pthread_t threads[READERS];

    MUST(store_open(&options, &store, &error));
    EXPECT(store_head_revision(store) == 0);
    write_round(1);
    MUST(store_snapshot_open(store, &shared, &error));
    for (size_t index = 0; index < READERS; index++)
        EXPECT(pthread_create(&threads[index], NULL, reader, shared) == 0);
    for (uint64_t round = 2; round <= ROUNDS; round++)
        write_round(round);
    atomic_store(&stopped, true);
    for (size_t index = 0; index < READERS; index++)
        EXPECT(pthread_join(threads[index], NULL) == 0);
    store_snapshot_close(shared);
    MUST(store_verify(store, &error));
    store_close(store);
    printf("store_readers: %" PRIu64 " states read whole, %" PRIu64 " expired\n",
           atomic_load(&reads), atomic_load(&expired));
    return 0;
}
