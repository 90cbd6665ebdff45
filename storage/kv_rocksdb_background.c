/* kv_rocksdb_background.c - what RocksDB does while nobody waits for it: compactions that were
 * asked for, and the priority of all of them and of flushes. */
#include "storage/kv_rocksdb_background.h"

#include "base/memory.h"
#include "base/priority.h"

/* --- compactions that were asked for --- */

void
compactor_ask(struct compactor *compactor, enum kv_keyspace keyspace, struct slice from,
              struct slice to, uint64_t bytes_max)
{
    struct compaction *compaction = &compactor->compactions[keyspace];

    pthread_mutex_lock(&compactor->lock);
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

/* The next keyspace, lowest first; false when the map is closed. */
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

/* What cannot be told is taken for too much: the range is then left to the load. */
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
    /* Others go on beside it: flushes and what the load makes necessary. */
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

/* Threads have the priority of the one that starts them. RocksDB's own way to lower it goes to the
 * last step, where a busy machine would not flush at all. */
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
