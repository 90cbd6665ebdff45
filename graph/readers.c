/* readers.c - sections and pins of readers, and the blocks that wait for their end.
 *
 * Why not reference counts: every hit would write to the set, and two threads that ask for one hot
 * group would hand its line to and fro. Why not liburcu: the writer needs a place with the revision
 * of each reader in any case, and with that a section is one word more in it; threads are not
 * registered, nothing outlives the graph, no thread frees in the background, and all of it is C11
 * atomics that ThreadSanitizer understands.
 *
 * `epoch` grows with every retirement. A section writes the epoch it began in to its place, and
 * looks at the epoch again until both agree. A retirement takes the epoch before its growth as its
 * stamp, and its blocks are freed when every section there is began in a later epoch.
 *
 * Why this is enough. All these accesses are sequentially consistent. Let a section have begun in
 * epoch e, and blocks have been unlinked and then stamped s.
 *   e > s: the section read a value of `epoch` that the retirement wrote, or a later one, so the
 *          unlinking happened before all that the section reads: it does not meet the blocks.
 *   e <= s: the section's second look at `epoch` came before the growth from s, and it had written
 *          its place before that look. Whoever looks for sections after the growth finds e in the
 *          place, until the section ends, and frees nothing of stamp s.
 * The end of a section is a release, seen by an acquire before the blocks are freed. */
#include "graph/readers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"

/* A place's `section` is one of these, or the epoch in which the section began. */
#define PLACE_FREE UINT64_C(0)
#define PLACE_OUTSIDE UINT64_MAX
#define FIRST_EPOCH UINT64_C(1)

/* So much more must have been retired before it is tried again to free some. */
#define COLLECT_BLOCKS 64
#define COLLECT_BYTES ((size_t)1024 * 1024)

struct readers {
    _Alignas(64) _Atomic uint64_t epoch;
    _Alignas(64) pthread_mutex_t lock; /* guards the list */
    struct retirees waiting;           /* in order of stamps */
    size_t collect_at_count;
    size_t collect_at_bytes;
    atomic_size_t bytes; /* of the blocks that wait; written under the lock */
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
    atomic_store_explicit(&reader->section, PLACE_OUTSIDE, memory_order_release);
}

/* Takes a free place and begins a section in it at once, by one exchange: a place that holds an
 * epoch is taken. Whether the epoch is still that one is looked at afterwards, as ever. */
static bool
claim_place(const struct readers *readers, struct reader *reader)
{
    uint64_t epoch = atomic_load(&readers->epoch);
    uint64_t section = PLACE_FREE;

    /* Relaxed: a look alone; the exchange decides. */
    if (atomic_load_explicit(&reader->section, memory_order_relaxed) != PLACE_FREE ||
        !atomic_compare_exchange_strong(&reader->section, &section, epoch))
        return false;
    if (BEHALF_UNLIKELY(atomic_load(&readers->epoch) != epoch))
        reader_enter(readers, reader);
    return true;
}

/* A thread asks from about the same frame each time, so it finds the place it had before. */
struct reader *
readers_claim(struct readers *readers, const void *hint, uint64_t revision)
{
    uint64_t first = digest_hash_u64((uint64_t)(uintptr_t)hint >> 14);

    for (uint64_t at = 0; at < READERS_MAX; at++) {
        struct reader *reader = &readers->places[(first + at) % READERS_MAX];

        if (!claim_place(readers, reader))
            continue;
        /* Relaxed: a pin that is seen late costs a read of storage, never an answer. */
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
        /* Relaxed: see the claim. */
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

/* Under the lock: moves what may be freed to `gone`. */
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
