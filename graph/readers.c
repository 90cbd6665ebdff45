/* readers.c - epoch-based reclamation: sections and pins of readers, and blocks in their grace
 * period.
 *
 * Why no reference counts: every hit would write to the set, and threads that ask for one hot group
 * would pass its cache line back and forth. Why not liburcu: the writer needs a place with the
 * revision of each reader in any case, and a section is one more word in that place. Threads need
 * no registration, nothing outlives the graph, no background thread frees memory, and
 * ThreadSanitizer understands plain C11 atomics.
 *
 * `epoch` grows with every retirement. A section writes the epoch it begins in to its place, then
 * reads `epoch` again, until both agree. A retirement stamps its blocks with the epoch before its
 * growth. Blocks are freed once every open section began in an epoch later than their stamp.
 *
 * Proof. All these accesses are sequentially consistent. Let a section have begun in epoch e, and
 * let blocks have been unlinked and then stamped s.
 *   e > s: the section read a value of `epoch` that the retirement wrote, or a later one. The
 *     blocks were unlinked before everything that the section reads, so it cannot reach them.
 *   e <= s: the section's second read of `epoch` came before the growth from s, and the section had
 *     written its place before that read. A scan of the places after the growth therefore finds e
 *     until the section ends, and frees nothing with stamp s.
 * A section ends with a release store, which the scan reads with an acquire before blocks are
 * freed, so no access of the section can come after the free. */
#include "graph/readers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"

/* `section` is one of these, or the epoch in which the section began. OUTSIDE is the largest
 * number, so a claimed place without a section never holds back an epoch. */
#define PLACE_FREE UINT64_C(0)
#define PLACE_OUTSIDE UINT64_MAX
#define FIRST_EPOCH UINT64_C(1)

/* Blocks and bytes that must be retired since the last collection before the next one. Each
 * collection reads all places (one cache line each), so its cost is spread over many blocks. */
#define COLLECT_BLOCKS 64
#define COLLECT_BYTES ((size_t)1024 * 1024)

struct readers {
    _Alignas(64) _Atomic uint64_t epoch;
    _Alignas(64) pthread_mutex_t lock; /* guards the list and its thresholds */
    struct retirees waiting;           /* by ascending stamp */
    size_t collect_at_count;
    size_t collect_at_bytes;
    atomic_size_t bytes; /* of waiting blocks; written under the lock */
    struct reader places[READERS_MAX];
};

struct readers *
readers_new(void)
{
    struct readers *readers = aligned_alloc(64, sizeof *readers);

    BEHALF_ASSERT(readers != NULL);
    memset(readers, 0, sizeof *readers);
    atomic_init(&readers->epoch, FIRST_EPOCH);
    pthread_mutex_init(&readers->lock, NULL);
    readers->collect_at_count = COLLECT_BLOCKS;
    readers->collect_at_bytes = COLLECT_BYTES;
    return readers;
}

void
readers_free(struct readers *readers)
{
    if (readers == NULL)
        return;
    for (size_t at = 0; at < READERS_MAX; at++)
        BEHALF_ASSERT(atomic_load(&readers->places[at].section) == PLACE_FREE);
    for (size_t at = 0; at < readers->waiting.count; at++)
        memory_free(readers->waiting.items[at].block);
    memory_free(readers->waiting.items);
    pthread_mutex_destroy(&readers->lock);
    free(readers);
}

/* --- sections --- */

void
reader_enter(const struct readers *readers, struct reader *reader)
{
    uint64_t epoch = atomic_load(&readers->epoch);
    uint64_t now;

    /* The store must precede the second read in the one order of all sequentially consistent
     * accesses; with a release store the read could overtake it, and a collection could miss this
     * section. Retries are rare: each needs a retirement in between. */
    for (;;) {
        atomic_store(&reader->section, epoch);
        now = atomic_load(&readers->epoch);
        if (now == epoch)
            return;
        epoch = now;
    }
}

void
reader_leave(struct reader *reader)
{
    /* Release: all reads of the section come before its end. */
    atomic_store_explicit(&reader->section, PLACE_OUTSIDE, memory_order_release);
}

/* Takes a free place and begins a section in one exchange: a place that holds an epoch is taken.
 * The second read of `epoch` follows as in reader_enter. */
static bool
claim_place(const struct readers *readers, struct reader *reader)
{
    uint64_t epoch = atomic_load(&readers->epoch);
    uint64_t section = PLACE_FREE;

    /* Relaxed: only a filter, the exchange decides. */
    if (atomic_load_explicit(&reader->section, memory_order_relaxed) != PLACE_FREE ||
        !atomic_compare_exchange_strong(&reader->section, &section, epoch))
        return false;
    if (BEHALF_UNLIKELY(atomic_load(&readers->epoch) != epoch))
        reader_enter(readers, reader);
    return true;
}

/* A thread calls from about the same stack frame each time, so its hint leads to the place it had
 * before, whose cache line it still owns. */
struct reader *
readers_claim(struct readers *readers, const void *hint, uint64_t revision)
{
    uint64_t first = digest_hash_u64((uint64_t)(uintptr_t)hint >> 14);

    for (uint64_t at = 0; at < READERS_MAX; at++) {
        struct reader *reader = &readers->places[(first + at) % READERS_MAX];

        if (!claim_place(readers, reader))
            continue;
        /* Relaxed: a pin that the writer sees late costs a read of storage, never a wrong
         * answer. */
        atomic_store_explicit(&reader->revision, revision, memory_order_relaxed);
        return reader;
    }
    return NULL;
}

void
reader_release(struct reader *reader)
{
    atomic_store_explicit(&reader->section, PLACE_FREE, memory_order_release);
}

void
readers_pins(struct readers *readers, struct reader_pins *pins)
{
    pins->count = 0;
    for (size_t at = 0; at < READERS_MAX; at++) {
        struct reader *reader = &readers->places[at];

        if (atomic_load(&reader->section) == PLACE_FREE)
            continue;
        /* Relaxed: see readers_claim. */
        pins->revisions[pins->count++] =
            atomic_load_explicit(&reader->revision, memory_order_relaxed);
    }
}

static uint64_t
oldest_section(struct readers *readers)
{
    uint64_t oldest = PLACE_OUTSIDE;

    for (size_t at = 0; at < READERS_MAX; at++) {
        uint64_t section = atomic_load(&readers->places[at].section);

        /* PLACE_OUTSIDE is never below `oldest`. */
        if (section != PLACE_FREE && section < oldest)
            oldest = section;
    }
    return oldest;
}

/* --- retiring --- */

void
retirees_add(struct retirees *retirees, void *block, size_t bytes)
{
    retirees->items = memory_reserve(retirees->items, retirees->count + 1, &retirees->capacity,
                                     sizeof *retirees->items);
    retirees->items[retirees->count++] = (struct retired){block, bytes, 0};
}

/* Under the lock: moves the blocks whose grace period is over to `gone`. Stamps ascend, so they are
 * a prefix of the list. */
static void
take_collectable(struct readers *readers, struct retirees *gone)
{
    struct retirees *waiting = &readers->waiting;
    uint64_t oldest = oldest_section(readers);
    size_t bytes = 0;
    size_t count = 0;

    while (count < waiting->count && waiting->items[count].stamp < oldest) {
        bytes += waiting->items[count].bytes;
        retirees_add(gone, waiting->items[count].block, 0);
        count++;
    }
    waiting->count -= count;
    if (count > 0 && waiting->count > 0)
        memmove(waiting->items, waiting->items + count, waiting->count * sizeof *waiting->items);
    bytes = atomic_fetch_sub(&readers->bytes, bytes) - bytes;
    readers->collect_at_count = waiting->count + COLLECT_BLOCKS;
    readers->collect_at_bytes = bytes + COLLECT_BYTES;
}

static void
free_all(struct retirees *gone)
{
    for (size_t at = 0; at < gone->count; at++)
        memory_free(gone->items[at].block);
    memory_free(gone->items);
}

void
readers_retire(struct readers *readers, struct retirees *retirees)
{
    struct retirees gone = {.count = 0};
    size_t bytes = 0;
    uint64_t stamp;

    if (retirees->count == 0)
        return;
    pthread_mutex_lock(&readers->lock);
    /* Under the lock, so that stamps enter the list in order. The blocks were unlinked before this
     * growth, as the proof assumes. */
    stamp = atomic_fetch_add(&readers->epoch, 1);
    for (size_t at = 0; at < retirees->count; at++) {
        retirees_add(&readers->waiting, retirees->items[at].block, retirees->items[at].bytes);
        readers->waiting.items[readers->waiting.count - 1].stamp = stamp;
        bytes += retirees->items[at].bytes;
    }
    bytes += atomic_fetch_add(&readers->bytes, bytes);
    if (readers->waiting.count >= readers->collect_at_count || bytes >= readers->collect_at_bytes)
        take_collectable(readers, &gone);
    pthread_mutex_unlock(&readers->lock);
    /* Freeing comes after the unlock: other threads retire meanwhile. */
    memory_free(retirees->items);
    *retirees = (struct retirees){.count = 0};
    free_all(&gone);
}

void
readers_collect(struct readers *readers)
{
    struct retirees gone = {.count = 0};

    pthread_mutex_lock(&readers->lock);
    take_collectable(readers, &gone);
    pthread_mutex_unlock(&readers->lock);
    free_all(&gone);
}

size_t
readers_retired_bytes(struct readers *readers)
{
    return atomic_load(&readers->bytes);
}
