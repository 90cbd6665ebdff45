/* page_cache.h - what a lookup found beyond its page, kept for the pages that follow.
 *
 * A page that is not the last keeps its walk; the next one, which comes with the cursor, goes on in
 * it instead of walking again. A walk is kept under all that it depends on: the revision (and with
 * it the schema), the whole request, and the time: what it says holds from `now`, at which it was
 * made, until just before `until`, the earliest expiration it met. A page of another time walks
 * again. Nothing in here is an answer: what is open is decided anew for every page.
 *
 * Always true: a walk covers all sequences in (after, to] and says nothing of others; it never
 * changes once it is kept. No more than one walk is kept for one request and revision. The bytes of
 * all that is kept are counted exactly and stay within the budget; the oldest go first.
 * Threads: any; one lock, held for a look into one bucket and for linking, never during work.
 * Memory: a walk lives until the cache has let go of it and all who found it have as well. */
#ifndef BEHALF_ENGINE_PAGE_CACHE_H
#define BEHALF_ENGINE_PAGE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

struct page_cache;

#define PAGE_WALK_LISTS 3

struct page_key {
    uint64_t revision;
    uint8_t request[DIGEST_SIZE]; /* cursor_request_digest of the whole */
};

/* Lists of 8-byte entries that ascend by sequence; which they are is the method's matter. */
struct page_list {
    const uint64_t *entries;
    size_t count;
};

struct page_walk {
    struct page_key key;
    uint64_t after;
    uint64_t to;
    int64_t now;
    int64_t until;
    uint64_t flags; /* the method's */
    struct page_list lists[PAGE_WALK_LISTS];
};

/* No budget is no cache. */
struct page_cache *page_cache_new(size_t memory_bytes);
void page_cache_free(struct page_cache *cache); /* accepts NULL; nobody may hold a walk */

/* Copies the walk, if it fits, in place of the one that is kept for the same key. */
void page_cache_keep(struct page_cache *cache, const struct page_walk *walk);

/* The walk that covers what follows `after` and holds at `now`, or NULL; to be given back. */
const struct page_walk *page_cache_find(struct page_cache *cache, const struct page_key *key,
                                        uint64_t after, int64_t now);
void page_walk_give(const struct page_walk *walk); /* accepts NULL */

struct page_cache_stats {
    size_t bytes;
    size_t walk_count;
};

void page_cache_stats_read(struct page_cache *cache, struct page_cache_stats *stats);

/* Recounts. */
bool page_cache_validate(struct page_cache *cache, const char **reason);

#endif
