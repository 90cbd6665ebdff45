/* test_schema_names.c - the table of names and the nearest name. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/suggest.h"
#include "schema/names.h"
#include "schema/schema.h"

Test(schema_names, scope_and_bytes_decide)
{
    struct arena arena;
    struct names names;

    arena_init(&arena, 1 << 20);
    cr_assert(names_init(&names, &arena, 0));
    cr_assert(names_add(&names, 1, SLICE_LITERAL("view"), 10));
    cr_assert(names_add(&names, 2, SLICE_LITERAL("view"), 20));
    cr_expect_eq(names_find(&names, 1, SLICE_LITERAL("view")), 10);
    cr_expect_eq(names_find(&names, 2, SLICE_LITERAL("view")), 20);
    cr_expect_eq(names_find(&names, 3, SLICE_LITERAL("view")), SCHEMA_NONE);
    cr_expect_eq(names_find(&names, 1, SLICE_LITERAL("View")), SCHEMA_NONE);
    cr_expect_eq(names_find(&names, 1, SLICE_LITERAL("vie")), SCHEMA_NONE);
    arena_release(&arena);
}

Test(schema_names, growth_keeps_every_name)
{
    static char texts[1000][8];
    struct arena arena;
    struct names names;

    arena_init(&arena, 1 << 20);
    cr_assert(names_init(&names, &arena, 0));
    for (uint32_t index = 0; index < 1000; index++) {
        snprintf(texts[index], sizeof texts[index], "n%u", (unsigned)index);
        cr_assert(names_add(&names, index % 3, slice_of(texts[index]), index));
    }
    for (uint32_t index = 0; index < 1000; index++)
        cr_expect_eq(names_find(&names, index % 3, slice_of(texts[index])), index);
    arena_release(&arena);
}

Test(schema_names, spent_arena_is_told)
{
    struct arena arena;
    struct names names;

    arena_init(&arena, 64);
    cr_expect_not(names_init(&names, &arena, 1000));
    arena_release(&arena);
}

static const char *
nearest(const char *wanted)
{
    static const char *const candidates[] = {"viewer", "reader", "owner", "editor"};
    struct slice best = {"", 0};
    uint32_t distance = UINT32_MAX;

    for (size_t index = 0; index < BEHALF_COUNT_OF(candidates); index++)
        suggest(slice_of(wanted), slice_of(candidates[index]), &best, &distance);
    return best.data;
}

Test(schema_names, nearest_name_is_a_slip_away)
{
    cr_expect_str_eq(nearest("viwer"), "viewer");
    cr_expect_str_eq(nearest("veiwer"), "viewer");
    cr_expect_str_eq(nearest("viewers"), "viewer");
    cr_expect_str_eq(nearest("onwer"), "owner");
    cr_expect_str_eq(nearest("banned"), "");
    cr_expect_str_eq(nearest(""), "");
}
