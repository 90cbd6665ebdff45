/* test_subject_walk.c - a userset is a subject of itself, whichever way its subjects are found:
 * by the search of a plain member, in windows and pages of it, or by sets. */
#include "tests/unit/test_scenarios_support.h"

#include "engine/request.h"
#include "eval/subject_walk.h"

#define GROUPS                                                                                     \
    "definition user {} definition group { relation member: user | group#member relation banned: " \
    "user | group#member permission view = member permission less = member - banned permission "   \
    "both = member & view } definition club { relation member: user permission view = member } "

Test(subject_walk, a_userset_is_a_subject_of_itself)
{
    GIVEN(GROUPS, "group:a#member@user:ann");
    EXPECT("group:a#member@group:a#member", "allow");
    EXPECT_SUBJECTS("group:a#member", "group#member", "a");
    EXPECT_SUBJECTS("group:nobody#member", "group#member", "nobody");
    AGREED();
}

Test(subject_walk, so_it_is_where_no_userset_can_be_stored)
{
    GIVEN(GROUPS, "club:a#member@user:ann");
    EXPECT("club:a#view@club:a#member", "allow");
    EXPECT_SUBJECTS("club:a#member", "club#member", "a");
    EXPECT_SUBJECTS("club:a#view", "club#member", "a");
    EXPECT_SUBJECTS("club:a#view", "club#view", "a");
    EXPECT_SUBJECTS("club:a#member", "club#view", "");
    AGREED();
}

Test(subject_walk, a_permission_has_the_usersets_of_its_relations)
{
    GIVEN(GROUPS, "group:a#member@group:b#member", "group:b#member@group:c#member");
    EXPECT_SUBJECTS("group:a#view", "group#member", "a b c");
    EXPECT_SUBJECTS("group:a#view", "group#view", "a");
    AGREED();
}

Test(subject_walk, sets_have_the_userset_itself)
{
    GIVEN(GROUPS, "group:a#member@group:b#member", "group:a#banned@group:b#member",
          "group:c#member@group:d#member", "group:c#banned@group:c#member");
    EXPECT_SUBJECTS("group:a#less", "group#member", "a");
    EXPECT_SUBJECTS("group:a#less", "group#less", "a");
    EXPECT_SUBJECTS("group:a#both", "group#member", "a b");
    EXPECT_SUBJECTS("group:a#both", "group#both", "a");
    EXPECT_SUBJECTS("group:c#less", "group#member", "");
    AGREED();
}

/* In the middle of the others, by the order in which they were made. */
Test(subject_walk, pages_have_the_userset_itself_once)
{
    GIVEN(GROUPS, "group:a#member@group:b#member", "group:c#member@group:b#member",
          "group:c#member@group:d#member", "group:c#member@group:a#member",
          "group:c#member@group:e#member");
    EXPECT_SUBJECTS("group:c#member", "group#member", "a b c d e");
    EXPECT_SUBJECTS("group:c#both", "group#member", "a b c d e");
    AGREED();
}

/* The sequences that a walk from group:c finds behind `after`, a window at a time. */
static size_t
walk_windows(uint32_t window, uint64_t *sequences, size_t room)
{
    const struct object group = {.type = SLICE_LITERAL("group"), .id = SLICE_LITERAL("c")};
    struct harness_engine *side = &scenario.sides[0];
    struct engine_request request = harness_request(side, NULL);
    struct snapshot snapshot;
    struct subject_walk walk;
    struct error error;
    size_t found = 0;
    uint64_t resource;
    uint32_t type;

    cr_assert_eq(snapshot_open(side->worker, &request, REQUEST_LOOKUP, 0, &snapshot, &error),
                 BEHALF_OK);
    cr_assert_eq(request_resource(&snapshot, &group, &type, &resource, &error), BEHALF_OK);
    walk = (struct subject_walk){
        .binding = snapshot.binding,
        .view = &snapshot.view,
        .arena = snapshot.scratch,
        .kind.type = type,
        .window = window,
    };
    cr_assert_eq(schema_resolve_member(snapshot.binding->schema, type, SLICE_LITERAL("member"),
                                       &walk.kind.member, &error),
                 BEHALF_OK);
    do {
        cr_assert_eq(subject_walk(&walk, resource, walk.kind.member, &error), BEHALF_OK);
        for (size_t at = 0; at < walk.found.count; at++) {
            cr_assert_lt(found, room);
            sequences[found++] = SUBJECT_SEQUENCE(walk.found.entries[at]);
        }
        walk.after = walk.to;
    } while (walk.to != RESOURCE_END);
    snapshot_close(&snapshot);
    return found;
}

Test(subject_walk, windows_have_the_userset_itself_once)
{
    uint64_t all[32];
    uint64_t some[32];

    GIVEN(GROUPS, "group:a#member@group:b#member", "group:c#member@group:b#member");
    harness_touch_range(&scenario, "group:c#member@group:", 0, 20, "#member");
    cr_assert_eq(walk_windows(0, all, 32), 22);
    for (uint32_t window = 1; window < 24; window++) {
        size_t found = walk_windows(window, some, 32);

        cr_assert_eq(found, 22, "window %u: %zu", window, found);
        cr_assert_arr_eq(some, all, 22 * sizeof *all, "window %u", window);
    }
    AGREED();
}
