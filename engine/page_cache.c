/* page_cache.c - walks in a table of buckets and in order of age. */
#include "engine/page_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"

#define BUCKETS 1024
#define WALKS_MAX (4 * BUCKETS) /* small ones: a bucket stays short */

/* A walk and its entries, one behind the other. */
struct kept {
    struct page_walk walk;  /* first, so that who has found it has found this */
    atomic_uint references; /* one of them is the cache's */
    size_t bytes;
    struct kept *next_in_bucket;
    struct kept *older;
    struct kept *newer;
    uint64_t entries[];
};

struct page_cache {
    size_t bytes_max;
    pthread_mutex_t lock; /* guards all below, and the links of what is kept */
    size_t bytes;
    size_t count;
    struct kept *oldest;
    struct kept *newest;
    struct kept *buckets[BUCKETS];
};

struct page_cache *
page_cache_new(size_t memory_bytes)
{
    struct page_cache *cache = memory_new(sizeof *cache);

    cache->bytes_max = memory_bytes;
    pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

/* --- one walk --- */

/* The walk stands first in what is kept. */
static void
give(struct kept *kept)
{
    if (kept != NULL && atomic_fetch_sub_explicit(&kept->references, 1, memory_order_acq_rel) == 1)
        memory_free(kept);
}

void
page_walk_give(const struct page_walk *walk)
{
    give((struct kept *)(uintptr_t)walk);
}

static size_t
bytes_of(const struct page_walk *walk)
{
    size_t bytes = sizeof(struct kept);

    for (size_t i = 0; i < PAGE_WALK_LISTS; i++)
        bytes += walk->lists[i].count * sizeof(uint64_t);
    return bytes;
}

static struct kept *
copy_walk(const struct page_walk *walk)
{
    struct kept *kept = memory_new(bytes_of(walk));
    uint64_t *entries = kept->entries;

    kept->walk = *walk;
    kept->bytes = memory_block_bytes(bytes_of(walk));
    atomic_init(&kept->references, 1);
    for (size_t i = 0; i < PAGE_WALK_LISTS; i++) {
        size_t count = walk->lists[i].count;

        if (count > 0)
            memcpy(entries, walk->lists[i].entries, count * sizeof *entries);
        kept->walk.lists[i].entries = entries;
        entries += count;
    }
    return kept;
}

static bool
same_key(const struct page_key *a, const struct page_key *b)
{
    return a->revision == b->revision && memcmp(a->request, b->request, sizeof a->request) == 0;
}

/* --- under the lock --- */

static struct kept **
bucket_of(struct page_cache *cache, const struct page_key *key)
{
    return &cache->buckets[(bytes_get_u64(key->request) ^ key->revision) % BUCKETS];
}

/* The place that points to the walk of this key, or to the end of its bucket. */
static struct kept **
place_of(struct page_cache *cache, const struct page_key *key)
{
    struct kept **place = bucket_of(cache, key);

    while (*place != NULL && !same_key(&(*place)->walk.key, key))
        place = &(*place)->next_in_bucket;
    return place;
}

/* Takes out what stands at the place, and puts it before what is to be let go of. */
static void
take_out(struct page_cache *cache, struct kept **place, struct kept **gone)
{
    struct kept *kept = *place;

    *place = kept->next_in_bucket;
    if (kept->older != NULL)
        kept->older->newer = kept->newer;
    else
        cache->oldest = kept->newer;
    if (kept->newer != NULL)
        kept->newer->older = kept->older;
    else
        cache->newest = kept->older;
    cache->bytes -= kept->bytes;
    cache->count--;
    kept->next_in_bucket = *gone;
    *gone = kept;
}

static void
put_in(struct page_cache *cache, struct kept *kept)
{
    struct kept **bucket = bucket_of(cache, &kept->walk.key);

    kept->next_in_bucket = *bucket;
    *bucket = kept;
    kept->older = cache->newest;
    kept->newer = NULL;
    if (cache->newest != NULL)
        cache->newest->newer = kept;
    else
        cache->oldest = kept;
    cache->newest = kept;
    cache->bytes += kept->bytes;
    cache->count++;
}

/* --- keeping and finding --- */

void
page_cache_keep(struct page_cache *cache, const struct page_walk *walk)
{
    size_t bytes = memory_block_bytes(bytes_of(walk));
    struct kept *gone = NULL;
    struct kept **same;
    struct kept *kept;

    if (bytes > cache->bytes_max)
        return;
    kept = copy_walk(walk);
    pthread_mutex_lock(&cache->lock);
    same = place_of(cache, &walk->key);
    if (*same != NULL)
        take_out(cache, same, &gone);
    while (cache->bytes + bytes > cache->bytes_max || cache->count == WALKS_MAX)
        take_out(cache, place_of(cache, &cache->oldest->walk.key), &gone);
    put_in(cache, kept);
    pthread_mutex_unlock(&cache->lock);
    while (gone != NULL) {
        struct kept *next = gone->next_in_bucket;

        give(gone);
        gone = next;
    }
}

const struct page_walk *
page_cache_find(struct page_cache *cache, const struct page_key *key, uint64_t after, int64_t now)
{
    const struct page_walk *walk = NULL;
    struct kept *kept;

    pthread_mutex_lock(&cache->lock);
    kept = *place_of(cache, key);
    if (kept != NULL && kept->walk.after <= after && after < kept->walk.to &&
        kept->walk.now <= now && now < kept->walk.until) {
        /* Relaxed: the cache's own reference, which the lock guards, keeps it alive. */
        (void)atomic_fetch_add_explicit(&kept->references, 1, memory_order_relaxed);
        walk = &kept->walk;
    }
    pthread_mutex_unlock(&cache->lock);
    return walk;
}

/* --- looking at all of it --- */

void
page_cache_stats_read(struct page_cache *cache, struct page_cache_stats *stats)
{
    pthread_mutex_lock(&cache->lock);
    *stats = (struct page_cache_stats){.bytes = cache->bytes, .walk_count = cache->count};
    pthread_mutex_unlock(&cache->lock);
}

bool
page_cache_validate(struct page_cache *cache, const char **reason)
{
    size_t in_buckets = 0;
    size_t by_age = 0;
    size_t bytes = 0;

    *reason = NULL;
    pthread_mutex_lock(&cache->lock);
    for (const struct kept *kept = cache->oldest; kept != NULL; kept = kept->newer) {
        by_age++;
        bytes += memory_block_bytes(bytes_of(&kept->walk));
    }
    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct kept *kept = cache->buckets[i]; kept != NULL; kept = kept->next_in_bucket)
            in_buckets++;
    if (in_buckets != cache->count || by_age != cache->count)
        *reason = "the walks are counted wrong";
    if (bytes != cache->bytes)
        *reason = "the bytes are counted wrong";
    if (bytes > cache->bytes_max)
        *reason = "more is kept than the budget allows";
    pthread_mutex_unlock(&cache->lock);
    return *reason == NULL;
}

void
page_cache_free(struct page_cache *cache)
{
    if (cache == NULL)
        return;
    for (struct kept *kept = cache->oldest; kept != NULL;) {
        struct kept *newer = kept->newer;

        give(kept);
        kept = newer;
    }
    pthread_mutex_destroy(&cache->lock);
    memory_free(cache);
}
