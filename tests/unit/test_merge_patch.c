/* JSON Merge Patch: the examples of RFC 7396, appendix A, and what lies between them. */
#include <criterion/criterion.h>

#include "base/merge_patch.h"

static struct arena arena;

static void
setup(void)
{
    arena_init(&arena, (size_t)1 << 20);
}

static void
teardown(void)
{
    arena_release(&arena);
}

TestSuite(merge_patch, .init = setup, .fini = teardown);

static const struct datum *
parse(const char *json)
{
    const struct datum *datum = NULL;
    struct error error;

    cr_assert_eq(datum_parse_json(slice_of(json), &arena, &datum, &error), BEHALF_OK, "%s: %s",
                 json, error.message);
    return datum;
}

static void
expect(const char *target, const char *patch, const char *result)
{
    const char *reason = NULL;
    const struct datum *merged =
        merge_patch(target == NULL ? NULL : parse(target), parse(patch), &arena);
    struct buffer text;

    cr_assert_not_null(merged);
    cr_assert(datum_validate(merged, &reason), "%s", reason);
    buffer_init(&text);
    datum_print_json(merged, &text);
    cr_expect(slice_equal(buffer_slice(&text), slice_of(result)), "%s + %s = %.*s, not %s",
              target == NULL ? "nothing" : target, patch, SLICE_PRINTF(buffer_slice(&text)),
              result);
    buffer_release(&text);
}

Test(merge_patch, the_examples_of_the_rfc)
{
    expect("{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
    expect("{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}");
    expect("{\"a\":\"b\"}", "{\"a\":null}", "{}");
    expect("{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}");
    expect("{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
    expect("{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}");
    expect("{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}");
    expect("{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}");
    expect("[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]");
    expect("{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]");
    expect("{\"a\":\"foo\"}", "null", "null");
    expect("{\"a\":\"foo\"}", "\"bar\"", "\"bar\"");
    expect("{\"e\":null}", "{\"a\":1}", "{\"a\":1,\"e\":null}");
    expect("[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}");
    expect("{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}");
}

Test(merge_patch, the_document_of_the_rfc)
{
    expect("{\"title\":\"Goodbye!\",\"author\":{\"givenName\":\"John\",\"familyName\":\"Doe\"},"
           "\"tags\":[\"example\",\"sample\"],\"content\":\"This will be unchanged\"}",
           "{\"title\":\"Hello!\",\"phoneNumber\":\"+01-123-456-7890\",\"author\":{\"familyName\":"
           "null},\"tags\":[\"example\"]}",
           "{\"author\":{\"givenName\":\"John\"},\"content\":\"This will be unchanged\","
           "\"phoneNumber\":\"+01-123-456-7890\",\"tags\":[\"example\"],\"title\":\"Hello!\"}");
}

Test(merge_patch, without_a_target_the_nulls_of_maps_are_left_out)
{
    expect(NULL, "{\"a\":1,\"b\":null,\"c\":{\"d\":null,\"e\":[null]}}",
           "{\"a\":1,\"c\":{\"e\":[null]}}");
    expect(NULL, "{}", "{}");
}

Test(merge_patch, keys_of_both_are_in_order)
{
    expect("{\"b\":1,\"d\":1,\"f\":1}", "{\"a\":2,\"c\":2,\"d\":2,\"e\":null,\"f\":null,\"g\":2}",
           "{\"a\":2,\"b\":1,\"c\":2,\"d\":2,\"g\":2}");
}

Test(merge_patch, a_spent_arena_is_said)
{
    const struct datum *patch = parse("{\"a\":{\"b\":{\"c\":1}}}");
    struct arena small;

    arena_init(&small, 16);
    cr_assert_null(merge_patch(NULL, patch, &small));
    arena_release(&small);
}
