/* What is kept for the next page: found by all that it depends on, and within its budget. */
#include <criterion/criterion.h>

#include "base/check.h"
#include "engine/page_cache.h"

static struct page_cache *cache;
static uint64_t entries[1000];

static void
init(void)
{
    for (size_t i = 0; i < 1000; i++)
        entries[i] = i;
    cache = page_cache_new((size_t)64 * 1024);
}

static void
release(void)
{
    const char *reason;

    cr_expect(page_cache_validate(cache, &reason), "%s", reason);
    page_cache_free(cache);
}

TestSuite(page_cache, .init = init, .fini = release);

/* Of request `name` at revision 5; good from 100 until 200; all behind 10 up to 20. */
static struct page_walk
walk_of(uint8_t name, size_t count)
{
    return (struct page_walk){
        .key = {.revision = 5, .request = {[31] = name}},
        .after = 10,
        .to = 20,
        .now = 100,
        .until = 200,
        .flags = name,
        .lists = {{entries, count}, {entries + 1, count / 2}, {NULL, 0}},
    };
}

static void
keep(uint8_t name, size_t count)
{
    struct page_walk walk = walk_of(name, count);

    page_cache_keep(cache, &walk);
}

static bool
is_kept(uint8_t name)
{
    struct page_walk walk = walk_of(name, 0);
    const struct page_walk *found = page_cache_find(cache, &walk.key, 10, 100);
    bool kept = found != NULL;

    page_walk_give(found);
    return kept;
}

Test(page_cache, a_walk_is_found_as_it_was_kept)
{
    struct page_walk walk = walk_of(1, 100);
    const struct page_walk *found;

    page_cache_keep(cache, &walk);
    found = page_cache_find(cache, &walk.key, 15, 150);
    cr_assert_not_null(found);
    cr_expect_eq(found->after, 10);
    cr_expect_eq(found->to, 20);
    cr_expect_eq(found->until, 200);
    cr_expect_eq(found->flags, 1);
    cr_assert_eq(found->lists[0].count, 100);
    cr_assert_eq(found->lists[1].count, 50);
    cr_assert_eq(found->lists[2].count, 0);
    cr_expect_arr_eq(found->lists[0].entries, entries, 100 * sizeof *entries);
    cr_expect_arr_eq(found->lists[1].entries, entries + 1, 50 * sizeof *entries);
    page_walk_give(found);
}

Test(page_cache, another_revision_or_request_finds_nothing)
{
    struct page_key key = walk_of(1, 0).key;

    keep(1, 10);
    cr_expect(is_kept(1));
    for (size_t byte = 0; byte < DIGEST_SIZE; byte++) {
        key.request[byte] ^= 0x80;
        cr_expect_null(page_cache_find(cache, &key, 10, 100), "byte %zu", byte);
        key.request[byte] ^= 0x80;
    }
    key.revision = 4;
    cr_expect_null(page_cache_find(cache, &key, 10, 100));
    key.revision = 6;
    cr_expect_null(page_cache_find(cache, &key, 10, 100));
}

Test(page_cache, a_walk_serves_only_what_it_covers_and_while_it_holds)
{
    static const struct {
        uint64_t after;
        int64_t now;
        bool found;
    } rows[] = {
        {10, 100, true}, {9, 100, false}, {19, 100, true},  {20, 100, false},
        {10, 99, false}, {10, 199, true}, {10, 200, false},
    };
    struct page_key key = walk_of(1, 0).key;

    keep(1, 10);
    for (size_t row = 0; row < BEHALF_COUNT_OF(rows); row++) {
        const struct page_walk *found =
            page_cache_find(cache, &key, rows[row].after, rows[row].now);

        cr_expect_eq(found != NULL, rows[row].found, "row %zu", row);
        page_walk_give(found);
    }
}

Test(page_cache, a_newer_walk_of_a_request_takes_the_place_of_the_older)
{
    struct page_walk walk = walk_of(1, 10);
    struct page_cache_stats stats;

    page_cache_keep(cache, &walk);
    walk.after = 20;
    walk.to = 30;
    page_cache_keep(cache, &walk);
    cr_expect(!is_kept(1));
    page_cache_stats_read(cache, &stats);
    cr_expect_eq(stats.walk_count, 1);
}

Test(page_cache, the_oldest_go_first_and_what_is_held_stays)
{
    struct page_walk first = walk_of(0, 1000);
    const struct page_walk *held;
    struct page_cache_stats stats;

    page_cache_keep(cache, &first);
    held = page_cache_find(cache, &first.key, 10, 100);
    for (uint8_t name = 1; name <= 200; name++) {
        const char *reason;

        keep(name, 600);
        cr_expect(is_kept(name));
        cr_expect(page_cache_validate(cache, &reason), "%s", reason);
    }
    page_cache_stats_read(cache, &stats);
    cr_expect_leq(stats.bytes, 64 * 1024);
    cr_expect_gt(stats.walk_count, 1);
    for (unsigned name = 0; name <= 200; name++)
        cr_expect_eq(is_kept((uint8_t)name), name > 200 - stats.walk_count, "%u", name);
    cr_assert_not_null(held);
    cr_expect_arr_eq(held->lists[0].entries, entries, sizeof entries);
    page_walk_give(held);
}

Test(page_cache, what_is_larger_than_the_budget_is_not_kept)
{
    struct page_cache *none = page_cache_new(0);
    struct page_walk small = walk_of(1, 1);
    struct page_cache_stats stats;
    struct page_walk large = walk_of(2, 0);
    static uint64_t many[9000];

    keep(1, 1);
    large.lists[0] = (struct page_list){many, BEHALF_COUNT_OF(many)};
    page_cache_keep(cache, &large);
    cr_expect(is_kept(1));
    cr_expect(!is_kept(2));
    page_cache_keep(none, &small);
    page_cache_stats_read(none, &stats);
    cr_expect_eq(stats.walk_count, 0);
    page_cache_free(none);
}
