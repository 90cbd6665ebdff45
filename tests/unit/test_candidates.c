/* Lookups of resources through operators whose sides differ much in size: one side is not walked to
 * its end, and what that would have said is checked. Every resource found is checked as well. */
#include "tests/unit/test_scenarios_support.h"

/* More than an operand is first given, and than is spent beside a few candidates. */
#define MANY 6000

static const char WORLD[] =
    "definition user {} definition group { relation member: user } "
    "definition doc { relation few: user relation many: user relation team: group "
    "permission both = few & many permission late = many & few "
    "permission less = few - many permission more = many - few "
    "permission three = many & team->member & few permission never = many & less "
    "permission some = (few & many) + less }";

static void
given_many(void)
{
    GIVEN(WORLD, "doc:a#few@user:u", "doc:b#few@user:u", "doc:c#few@user:u", "doc:c#team@group:g",
          "doc:b#team@group:g", "group:g#member@user:u", (const char *)NULL);
    harness_touch_range(&scenario, "doc:", 1, MANY, "#many@user:u");
    cr_assert_eq(harness_touch(&scenario, "doc:b#many@user:u"), BEHALF_OK, "%s", scenario.failure);
    cr_assert_eq(harness_touch(&scenario, "doc:c#many@user:u"), BEHALF_OK);
}

Test(candidates, of_an_intersection_with_a_large_side_each_is_checked)
{
    given_many();
    EXPECT_RESOURCES("doc#both@user:u", "b c");
    EXPECT_RESOURCES("doc#late@user:u", "b c");
    EXPECT_RESOURCES("doc#three@user:u", "b c");
    AGREED();
}

Test(candidates, with_a_large_right_side_each_is_checked)
{
    given_many();
    EXPECT_RESOURCES("doc#less@user:u", "a");
    EXPECT_RESOURCES("doc#never@user:u", "");
    EXPECT_RESOURCES("doc#some@user:u", "a b c");
    AGREED();
}

Test(candidates, of_a_large_left_side_only_the_excluded_are_missing)
{
    struct harness_engine *side = &scenario.sides[0];
    struct lookup_resources lookup = {.resource_type = SLICE_LITERAL("doc"),
                                      .permission = SLICE_LITERAL("more"),
                                      .subject = {SLICE_LITERAL("user"), SLICE_LITERAL("u"), {0}},
                                      .limit = ENGINE_PAGE_MAX};
    struct lookup_resources_result result;
    struct engine_request request;
    struct error error;

    given_many();
    request = harness_request(side, NULL);
    cr_assert_eq(engine_lookup_resources(side->worker, &request, &lookup, &result, &error),
                 BEHALF_OK, "%s", error.message);
    cr_expect_eq(result.resource_count, MANY - 1);
    for (size_t i = 0; i < result.resource_count; i++)
        cr_expect(result.resources[i].id.data[0] <= '9', "%.*s",
                  SLICE_PRINTF(result.resources[i].id));
    AGREED();
}
