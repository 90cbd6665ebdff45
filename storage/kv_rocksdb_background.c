/* kv_rocksdb_background.c - background work of RocksDB: requested compactions, and the priority of
 * its threads.
 * A requested compaction runs on a thread of its own, because RocksDB's call blocks until it is
 * done, which can take minutes. The writer only leaves a range and goes on. */
#include "storage/kv_rocksdb_background.h"

#include "base/memory.h"
#include "base/priority.h"

/* --- requested compactions --- */

void
compactor_ask(struct compactor *compactor, enum kv_keyspace keyspace, struct slice from,
              struct slice to, uint64_t bytes_max)
{
    struct compaction *compaction = &compactor->compactions[keyspace];

    pthread_mutex_lock(&compactor->lock);
    /* Requests for one keyspace are merged into one range that covers them, so the queue is bounded
     * by the number of keyspaces. Their byte bounds add up: each request allows the rewriting of
     * its own part. */
    if (!compaction->wanted || slice_compare(from, buffer_slice(&compaction->from)) < 0) {
        buffer_clear(&compaction->from);
        buffer_add_slice(&compaction->from, from);
    }
    if (!compaction->wanted || to.size == 0 ||
        (compaction->to.size > 0 && slice_compare(to, buffer_slice(&compaction->to)) > 0)) {
        buffer_clear(&compaction->to);
        buffer_add_slice(&compaction->to, to);
    }
    if (!compaction->wanted)
        compaction->bytes_max = 0;
    compaction->bytes_max += bytes_max < UINT64_MAX - compaction->bytes_max
                                 ? bytes_max
                                 : UINT64_MAX - compaction->bytes_max;
    compaction->wanted = true;
    pthread_cond_signal(&compactor->wake);
    pthread_mutex_unlock(&compactor->lock);
}

/* Takes the next keyspace, lowest first; false when the database is being closed. The slot is free
 * for the next request from here on; `compacting` keeps this one visible in compactor_pending. */
static bool
compaction_take(struct compactor *compactor, struct compaction *next, size_t *keyspace)
{
    bool found = false;

    pthread_mutex_lock(&compactor->lock);
    compactor->compacting = KV_KEYSPACE_COUNT;
    while (!found && !compactor->closing) {
        for (size_t index = 0; index < KV_KEYSPACE_COUNT && !found; index++) {
            struct compaction *compaction = &compactor->compactions[index];

            if (!compaction->wanted)
                continue;
            buffer_clear(&next->from);
            buffer_clear(&next->to);
            buffer_add_slice(&next->from, buffer_slice(&compaction->from));
            buffer_add_slice(&next->to, buffer_slice(&compaction->to));
            next->bytes_max = compaction->bytes_max;
            compaction->wanted = false;
            *keyspace = compactor->compacting = index;
            found = true;
        }
        if (!found)
            pthread_cond_wait(&compactor->wake, &compactor->lock);
    }
    pthread_mutex_unlock(&compactor->lock);
    return found;
}

/* A range of unknown size counts as too large: regular compaction gets to it in time. */
static bool
is_worth_rewriting(const struct compactor *compactor, const struct compaction *range,
                   size_t keyspace)
{
    const char *from = range->from.data;
    const char *to = range->to.data;
    uint64_t bytes = 0;
    char *errptr = NULL;

    if (range->bytes_max == UINT64_MAX)
        return true;
    rocksdb_approximate_sizes_cf(compactor->database, compactor->families[keyspace], 1, &from,
                                 &range->from.size, &to, &range->to.size, &bytes, &errptr);
    if (errptr != NULL) {
        rocksdb_free(errptr);
        return false;
    }
    return bytes <= range->bytes_max;
}

static void *
compactor_run(void *argument)
{
    struct compactor *compactor = argument;
    rocksdb_compactoptions_t *options = rocksdb_compactoptions_create();
    struct compaction next = {.wanted = true};
    size_t keyspace = 0;

    (void)pthread_setname_np(pthread_self(), "compactor");
    priority_lower();
    buffer_init(&next.from);
    buffer_init(&next.to);
    /* Not exclusive: flushes and regular compactions go on, or writes would stall until this one
     * ends. */
    rocksdb_compactoptions_set_exclusive_manual_compaction(options, 0);
    while (compaction_take(compactor, &next, &keyspace)) {
        if (is_worth_rewriting(compactor, &next, keyspace))
            rocksdb_compact_range_cf_opt(compactor->database, compactor->families[keyspace],
                                         options, next.from.size > 0 ? next.from.data : NULL,
                                         next.from.size, next.to.size > 0 ? next.to.data : NULL,
                                         next.to.size);
    }
    buffer_release(&next.from);
    buffer_release(&next.to);
    rocksdb_compactoptions_destroy(options);
    return NULL;
}

void
compactor_init(struct compactor *compactor)
{
    pthread_mutex_init(&compactor->lock, NULL);
    pthread_cond_init(&compactor->wake, NULL);
    compactor->compacting = KV_KEYSPACE_COUNT;
    for (size_t index = 0; index < KV_KEYSPACE_COUNT; index++) {
        buffer_init(&compactor->compactions[index].from);
        buffer_init(&compactor->compactions[index].to);
    }
}

void
compactor_start(struct compactor *compactor, rocksdb_t *database,
                rocksdb_column_family_handle_t **families)
{
    compactor->database = database;
    compactor->families = families;
    compactor->running = pthread_create(&compactor->thread, NULL, compactor_run, compactor) == 0;
}

void
compactor_stop(struct compactor *compactor)
{
    pthread_mutex_lock(&compactor->lock);
    compactor->closing = true;
    pthread_cond_signal(&compactor->wake);
    pthread_mutex_unlock(&compactor->lock);
    if (compactor->running) {
        /* Aborts the compaction under way. Without it closing would wait until the range is
         * rewritten. */
        rocksdb_disable_manual_compaction(compactor->database);
        pthread_join(compactor->thread, NULL);
    }
    for (size_t index = 0; index < KV_KEYSPACE_COUNT; index++) {
        buffer_release(&compactor->compactions[index].from);
        buffer_release(&compactor->compactions[index].to);
    }
    pthread_cond_destroy(&compactor->wake);
    pthread_mutex_destroy(&compactor->lock);
}

uint32_t
compactor_pending(struct compactor *compactor)
{
    uint32_t pending = 0;

    pthread_mutex_lock(&compactor->lock);
    for (size_t index = 0; index < KV_KEYSPACE_COUNT; index++) {
        if (compactor->compacting == index || compactor->compactions[index].wanted)
            pending |= UINT32_C(1) << index;
    }
    pthread_mutex_unlock(&compactor->lock);
    return pending;
}

/* --- RocksDB's own threads --- */

/* Threads inherit the priority of the thread that starts them. RocksDB's own way of lowering it
 * goes to the lowest step, at which a busy machine would not flush at all. */
static void *
start_background_threads(void *nothing)
{
    rocksdb_env_t *env = rocksdb_create_default_env();

    (void)nothing;
    priority_lower();
    rocksdb_env_set_low_priority_background_threads(env, 1);
    rocksdb_env_set_high_priority_background_threads(env, 1);
    rocksdb_env_destroy(env);
    return NULL;
}

void
rocksdb_threads_start(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, start_background_threads, NULL) == 0)
        (void)pthread_join(thread, NULL);
}
