/* The set of nodes visited: each key is added once, whoever adds it, and is found from then on. */
#include <criterion/criterion.h>

#include <pthread.h>

#include "base/digest.h"
#include "eval/key_set.h"
#include "eval/limits.h"

#define KEYS 100000
#define THREADS 4

static struct arena arena;
static struct key_set set;

static void
open_set(void)
{
    arena_init(&arena, (size_t)16 * 1024 * 1024);
    key_set_init(&set, &arena);
}

static void
close_set(void)
{
    key_set_release(&set);
    arena_release(&arena);
}

TestSuite(key_set, .init = open_set, .fini = close_set);

/* Keys as they come: sequences of objects above a member. */
static uint64_t
key_at(uint64_t at)
{
    return (at + 1) << 16 | 7;
}

Test(key_set, what_was_added_is_there_and_nothing_else)
{
    for (uint64_t at = 0; at < KEYS; at++) {
        cr_assert_not(key_set_has(&set, key_at(at)));
        cr_assert_eq(key_set_add(&set, key_at(at)), KEY_SET_ADDED, "key %lu", at);
        cr_assert_eq(key_set_add(&set, key_at(at / 2)), KEY_SET_PRESENT, "key %lu", at / 2);
    }
    for (uint64_t at = 0; at < 2 * (uint64_t)KEYS; at++)
        cr_assert_eq(key_set_has(&set, key_at(at)), at < KEYS, "key %lu", at);
}

Test(key_set, an_empty_one_has_nothing)
{
    cr_assert_not(key_set_has(&set, 1));
    cr_assert_eq(arena.used_bytes, 0);
}

Test(key_set, says_that_its_memory_is_spent)
{
    uint64_t added = 0;

    arena_reset(&arena, (size_t)256 * 1024);
    while (key_set_add(&set, key_at(added)) == KEY_SET_ADDED)
        added++;
    cr_assert_eq(key_set_add(&set, key_at(added)), KEY_SET_FULL);
    for (uint64_t at = 0; at < added; at++)
        cr_assert_eq(key_set_add(&set, key_at(at)), KEY_SET_PRESENT, "key %lu", at);
    cr_assert_gt(added, 0);
}

/* As many keys as fit one bucket of each level, and many more. They collide in all levels under the
 * hash as it is: no seed keeps somebody from being unlucky. */
Test(key_set, keys_of_one_bucket_do_not_fill_it)
{
    enum { COLLIDING = 600 };
    uint64_t colliding[COLLIDING];
    uint64_t key = 0;

    arena_reset(&arena, (size_t)256 * 1024);
    for (size_t found = 0; found < COLLIDING;) {
        if (digest_hash_u64(++key) % (UINT64_C(1) << 14) == 0)
            colliding[found++] = key;
    }
    for (size_t at = 0; at < COLLIDING; at++) {
        cr_assert_not(key_set_has(&set, colliding[at]));
        cr_assert_eq(key_set_add(&set, colliding[at]), KEY_SET_ADDED, "key %zu", at);
        cr_assert_eq(key_set_add(&set, colliding[at / 2]), KEY_SET_PRESENT, "key %zu", at / 2);
    }
    for (size_t at = 0; at < COLLIDING; at++)
        cr_assert(key_set_has(&set, colliding[at]), "key %zu", at);
}

/* Keys chosen by somebody who knows the mix, and not the seed. */
Test(key_set, keys_that_collide_without_the_seed_take_no_more_memory_than_others)
{
    uint64_t key = 0;

    for (size_t found = 0; found < 512; found++) {
        while (digest_mix_u64(++key) % (UINT64_C(1) << 14) != 0)
            continue;
        cr_assert_eq(key_set_add(&set, key), KEY_SET_ADDED, "key %zu", found);
    }
    cr_assert_lt(arena.used_bytes, (size_t)256 * 1024, "two levels");
}

Test(key_set, is_nearly_full_when_it_says_so)
{
    size_t places = 0;
    uint64_t added = 0;

    arena_reset(&arena, (size_t)1024 * 1024);
    while (key_set_add(&set, key_at(added)) == KEY_SET_ADDED)
        added++;
    for (size_t level = (size_t)LIMIT_KEY_SET_BUCKETS * 8;
         (places + level) * 8 < (size_t)1024 * 1024; level *= 4)
        places += level;
    cr_assert_gt(added, places - places / 8, "%lu of %zu", added, places);
}

struct adder {
    pthread_t thread;
    uint64_t first;
    uint64_t added;
};

/* All keys, each from another place on. */
static void *
add_all(void *context)
{
    struct adder *adder = context;

    for (uint64_t at = 0; at < KEYS; at++)
        adder->added += key_set_add(&set, key_at((adder->first + at) % KEYS)) == KEY_SET_ADDED;
    return NULL;
}

Test(key_set, threads_that_add_the_same_keys_add_each_once)
{
    struct adder adders[THREADS];
    uint64_t added = 0;

    for (uint64_t at = 0; at < THREADS; at++) {
        adders[at] = (struct adder){.first = at % 2 * 37};
        cr_assert_eq(pthread_create(&adders[at].thread, NULL, add_all, &adders[at]), 0);
    }
    for (uint64_t at = 0; at < THREADS; at++) {
        pthread_join(adders[at].thread, NULL);
        added += adders[at].added;
    }
    cr_assert_eq(added, KEYS);
}
