/* Borrowed bytes: equality, order, prefixes. */
#include <criterion/criterion.h>

#include "base/slice.h"

static const struct slice nothing = {NULL, 0};

Test(base_slice, equality_is_of_all_bytes)
{
    cr_assert(slice_equal(SLICE_LITERAL("abc"), slice_of("abc")));
    cr_assert_not(slice_equal(SLICE_LITERAL("abc"), SLICE_LITERAL("ab")));
    cr_assert_not(slice_equal(SLICE_LITERAL("abc"), SLICE_LITERAL("abd")));
    cr_assert_not(slice_equal(SLICE_LITERAL("a\0b"), SLICE_LITERAL("a\0c")));
    cr_assert(slice_equal(nothing, SLICE_LITERAL("")));
}

Test(base_slice, order_is_of_unsigned_bytes)
{
    cr_assert_lt(slice_compare(SLICE_LITERAL("a"), SLICE_LITERAL("b")), 0);
    cr_assert_gt(slice_compare(SLICE_LITERAL("\xFF"), SLICE_LITERAL("\x01")), 0);
    cr_assert_lt(slice_compare(SLICE_LITERAL("a"), SLICE_LITERAL("aa")), 0);
    cr_assert_gt(slice_compare(SLICE_LITERAL("b"), SLICE_LITERAL("aa")), 0);
    cr_assert_lt(slice_compare(nothing, SLICE_LITERAL("a")), 0);
    cr_assert_eq(slice_compare(nothing, SLICE_LITERAL("")), 0);
    cr_assert_eq(slice_compare(SLICE_LITERAL("a\0b"), SLICE_LITERAL("a\0b")), 0);
}

Test(base_slice, prefixes)
{
    cr_assert(slice_starts_with(SLICE_LITERAL("abc"), SLICE_LITERAL("ab")));
    cr_assert(slice_starts_with(SLICE_LITERAL("abc"), SLICE_LITERAL("abc")));
    cr_assert(slice_starts_with(SLICE_LITERAL("abc"), nothing));
    cr_assert(slice_starts_with(nothing, nothing));
    cr_assert_not(slice_starts_with(SLICE_LITERAL("ab"), SLICE_LITERAL("abc")));
    cr_assert_not(slice_starts_with(SLICE_LITERAL("abc"), SLICE_LITERAL("b")));
}
