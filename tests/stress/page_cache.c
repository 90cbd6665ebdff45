/* page_cache.c - several threads keep, find and hold walks in a cache that has room for few of
 * them. What is found is of the key and the place that was asked for, and whole, however long it is
 * held after it went out of the cache. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "engine/page_cache.h"

#define THREADS 3
#define ROUNDS 60000
#define REQUESTS 40
#define HELD 8
#define ENTRIES_MAX 300

struct user {
    struct page_cache *cache;
    pthread_t thread;
    uint64_t random;
    size_t found;
};

static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 8;
}

static struct page_key
key_of(uint64_t request)
{
    struct page_key key = {.revision = request % 3};

    key.request[0] = (uint8_t)request; /* one bucket of several requests */
    key.request[DIGEST_SIZE - 1] = (uint8_t)(request / 8);
    return key;
}

/* What an entry of a walk is, known to whoever finds it. */
static uint64_t
entry_of(const struct page_walk *walk, size_t list, size_t at)
{
    return walk->flags * 1000003 + walk->after * 101 + list * 7 + at;
}

static void
keep(struct user *user, uint64_t request)
{
    uint64_t entries[PAGE_WALK_LISTS][ENTRIES_MAX];
    struct page_walk walk = {
        .key = key_of(request),
        .after = next_random(&user->random) % 50,
        .now = 10,
        .until = 20,
        .flags = request,
    };

    walk.to = walk.after + 1 + next_random(&user->random) % 50;
    for (size_t list = 0; list < PAGE_WALK_LISTS; list++) {
        size_t count = next_random(&user->random) % ENTRIES_MAX;

        for (size_t at = 0; at < count; at++)
            entries[list][at] = entry_of(&walk, list, at);
        walk.lists[list] = (struct page_list){entries[list], count};
    }
    page_cache_keep(user->cache, &walk);
}

static void
must_be_whole(const struct page_walk *walk)
{
    for (size_t list = 0; list < PAGE_WALK_LISTS; list++)
        for (size_t at = 0; at < walk->lists[list].count; at++)
            BEHALF_ASSERT(walk->lists[list].entries[at] == entry_of(walk, list, at));
}

static const struct page_walk *
find(struct user *user, uint64_t request)
{
    struct page_key key = key_of(request);
    uint64_t after = next_random(&user->random) % 60;
    const struct page_walk *walk = page_cache_find(user->cache, &key, after, 15);

    if (walk == NULL)
        return NULL;
    BEHALF_ASSERT(walk->flags == request);
    BEHALF_ASSERT(walk->after <= after && after < walk->to);
    must_be_whole(walk);
    user->found++;
    return walk;
}

static void *
run_user(void *argument)
{
    struct user *user = argument;
    const struct page_walk *held[HELD] = {NULL};

    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint64_t request = next_random(&user->random) % REQUESTS;
        size_t place = round % HELD;

        if (next_random(&user->random) % 2 == 0) {
            keep(user, request);
            continue;
        }
        if (held[place] != NULL)
            must_be_whole(held[place]);
        page_walk_give(held[place]);
        held[place] = find(user, request);
    }
    for (size_t place = 0; place < HELD; place++)
        page_walk_give(held[place]);
    return NULL;
}

static void
run_world(size_t memory_bytes, uint64_t seed)
{
    struct page_cache *cache = page_cache_new(memory_bytes);
    struct user users[THREADS];
    const char *reason;
    size_t found = 0;

    for (size_t at = 0; at < THREADS; at++) {
        int failure;

        users[at] = (struct user){.cache = cache, .random = seed + at};
        failure = pthread_create(&users[at].thread, NULL, run_user, &users[at]);
        BEHALF_ASSERT(failure == 0);
    }
    for (size_t at = 0; at < THREADS; at++) {
        pthread_join(users[at].thread, NULL);
        found += users[at].found;
    }
    if (!page_cache_validate(cache, &reason)) {
        fprintf(stderr, "page_cache: %s\n", reason);
        abort();
    }
    BEHALF_ASSERT(found > 0);
    printf("page_cache: budget %zu: %zu walks found\n", memory_bytes, found);
    page_cache_free(cache);
}

int
main(void)
{
    static const size_t budgets[] = {16384, 65536, (size_t)16 * 1024 * 1024};
    const char *text = getenv("BEHALF_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 20261123;

    printf("page_cache: BEHALF_SEED=%llu\n", (unsigned long long)seed);
    for (size_t at = 0; at < BEHALF_COUNT_OF(budgets); at++)
        run_world(budgets[at], seed | 1);
    return 0;
}
