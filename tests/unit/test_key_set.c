/* The set of nodes visited: each key is added once, whoever adds it, and is found from then on. */
#include <criterion/criterion.h>

#include <pthread.h>

#include "engine/key_set.h"

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
