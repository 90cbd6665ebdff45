/* test_lookup_pages.c - pages of one lookup: of one revision, each of its own time, and the same
 * whether what the page before found was kept (side 0) or not (side 1). Times are seconds behind
 * the moment at which the clocks stop. */
#include "tests/unit/test_scenarios_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/page_cache.h"
#include "engine/state.h"

#define START INT64_C(4102444800000000000) /* 2100-01-01T00:00:00Z */
#define SECOND INT64_C(1000000000)

static const char WORLD[] = "use expiration definition user {} "
                            "definition doc { relation left: user | user with expiration "
                            "relation right: user | user with expiration "
                            "permission less = left - right permission both = left & right }";

static void
at_seconds(int64_t behind_start)
{
    for (int side = 0; side < 2; side++)
        harness_set_time(&scenario.sides[side], START + behind_start * SECOND);
}

/* One after the other, as ids are given out in the order of writing. */
static void
put(const char *const *relationships)
{
    at_seconds(0);
    for (; *relationships != NULL; relationships++)
        cr_assert_eq(harness_touch(&scenario, *relationships), BEHALF_OK, "%s", *relationships);
}

/* --- one page --- */

struct pages {
    const char *permission;
    bool subjects; /* of doc:1; else resources of user:1 */
    struct engine_token cursors[2];
};

static void
add_id(char *ids, struct slice id)
{
    (void)snprintf(ids + strlen(ids), 64, "%s%.*s", ids[0] == '\0' ? "" : " ", SLICE_PRINTF(id));
}

static void
ask_resources(struct harness_engine *side, const struct pages *pages, struct engine_token *cursor,
              char *ids)
{
    struct engine_request request = harness_request(side, NULL);
    struct lookup_resources lookup = {.resource_type = SLICE_LITERAL("doc"),
                                      .permission = slice_of(pages->permission),
                                      .subject = {SLICE_LITERAL("user"), SLICE_LITERAL("1"), {0}},
                                      .limit = 2,
                                      .cursor = slice_of(cursor->text)};
    struct lookup_resources_result result;
    struct error error;

    cr_assert_eq(engine_lookup_resources(side->worker, &request, &lookup, &result, &error),
                 BEHALF_OK, "%s", error.message);
    for (size_t i = 0; i < result.resource_count; i++)
        add_id(ids, result.resources[i].id);
    *cursor = result.cursor;
}

static void
ask_subjects(struct harness_engine *side, const struct pages *pages, struct engine_token *cursor,
             char *ids)
{
    struct engine_request request = harness_request(side, NULL);
    struct lookup_subjects lookup = {.resource = {SLICE_LITERAL("doc"), SLICE_LITERAL("1"), {0}},
                                     .permission = slice_of(pages->permission),
                                     .subject_type = SLICE_LITERAL("user"),
                                     .limit = 2,
                                     .cursor = slice_of(cursor->text)};
    struct lookup_subjects_result result;
    struct error error;

    cr_assert_eq(engine_lookup_subjects(side->worker, &request, &lookup, &result, &error),
                 BEHALF_OK, "%s", error.message);
    for (size_t i = 0; i < result.subject_count; i++)
        add_id(ids, result.subjects[i].id);
    *cursor = result.cursor;
}

/* The next two; "|" behind the last page. */
static void
expect_page(struct pages *pages, const char *expected)
{
    for (int side = 0; side < 2; side++) {
        char ids[1024] = "";

        if (pages->subjects)
            ask_subjects(&scenario.sides[side], pages, &pages->cursors[side], ids);
        else
            ask_resources(&scenario.sides[side], pages, &pages->cursors[side], ids);
        if (pages->cursors[side].text[0] == '\0')
            (void)snprintf(ids + strlen(ids), 2, "|");
        cr_expect_str_eq(ids, expected, "%s side %d: %s", pages->permission, side, ids);
    }
}

static size_t
kept_walks(int side)
{
    struct page_cache_stats stats;

    page_cache_stats_read(scenario.sides[side].engine->pages, &stats);
    return stats.walk_count;
}

/* --- tests --- */

static const char *const five_each[] = {
    "doc:1#left@user:1", "doc:2#left@user:1",
    "doc:3#left@user:1", "doc:4#left@user:1",
    "doc:5#left@user:1", "doc:1#left@user:2",
    "doc:1#left@user:3", "doc:1#left@user:4",
    "doc:1#left@user:5", NULL,
};

Test(lookup_pages, a_page_goes_on_in_what_the_one_before_found)
{
    struct pages resources = {.permission = "left"};
    struct pages subjects = {.permission = "left", .subjects = true};

    GIVEN(WORLD, (const char *)NULL);
    put(five_each);
    expect_page(&resources, "1 2");
    cr_expect_eq(kept_walks(0), 1);
    cr_expect_eq(kept_walks(1), 0, "no memory, and yet it keeps something");
    expect_page(&subjects, "1 2");
    cr_expect_eq(kept_walks(0), 2);
    expect_page(&resources, "3 4");
    expect_page(&subjects, "3 4");
    expect_page(&resources, "5|");
    expect_page(&subjects, "5|");
    cr_expect_eq(kept_walks(0), 2);
    AGREED();
}

Test(lookup_pages, the_last_page_keeps_nothing)
{
    struct pages resources = {.permission = "left"};
    struct pages subjects = {.permission = "left", .subjects = true};

    GIVEN(WORLD, "doc:1#left@user:1", "doc:2#left@user:1", "doc:1#left@user:2", (const char *)NULL);
    expect_page(&resources, "1 2|");
    expect_page(&subjects, "1 2|");
    cr_expect_eq(kept_walks(0), 0);
    AGREED();
}

Test(lookup_pages, a_page_may_be_asked_again)
{
    struct pages pages = {.permission = "left"};

    GIVEN(WORLD, (const char *)NULL);
    put(five_each);
    expect_page(&pages, "1 2");
    for (int times = 0; times < 3; times++) {
        struct pages again = pages;

        expect_page(&again, "3 4");
        expect_page(&again, "5|");
    }
    AGREED();
}

Test(lookup_pages, what_is_written_between_pages_is_not_shown)
{
    struct pages resources = {.permission = "left"};
    struct pages subjects = {.permission = "left", .subjects = true};
    struct pages later = {.permission = "left"};

    GIVEN(WORLD, (const char *)NULL);
    put(five_each);
    expect_page(&resources, "1 2");
    expect_page(&subjects, "1 2");
    cr_assert_eq(harness_delete(&scenario, "doc:3#left@user:1"), BEHALF_OK);
    cr_assert_eq(harness_delete(&scenario, "doc:1#left@user:3"), BEHALF_OK);
    cr_assert_eq(harness_create(&scenario, "doc:6#left@user:1"), BEHALF_OK);
    cr_assert_eq(harness_create(&scenario, "doc:1#left@user:6"), BEHALF_OK);
    expect_page(&later, "1 2");
    expect_page(&resources, "3 4");
    expect_page(&subjects, "3 4");
    expect_page(&later, "4 5");
    expect_page(&resources, "5|");
    expect_page(&subjects, "5|");
    expect_page(&later, "6|");
    AGREED();
}

Test(lookup_pages, what_expired_between_pages_is_not_shown)
{
    static const char *const relationships[] = {
        "doc:1#left@user:1",
        "doc:2#left@user:1",
        "doc:3#left@user:1[expiration:2100-01-01T00:00:10Z]",
        "doc:4#left@user:1",
        "doc:1#left@user:2",
        "doc:1#left@user:3[expiration:2100-01-01T00:00:10Z]",
        "doc:1#left@user:4",
        NULL,
    };

    for (int64_t seconds = 9; seconds <= 10; seconds++) {
        struct pages resources = {.permission = "left"};
        struct pages subjects = {.permission = "left", .subjects = true};

        GIVEN(WORLD, (const char *)NULL);
        put(relationships);
        expect_page(&resources, "1 2");
        expect_page(&subjects, "1 2");
        at_seconds(seconds);
        expect_page(&resources, seconds < 10 ? "3 4|" : "4|");
        expect_page(&subjects, seconds < 10 ? "3 4|" : "4|");
        AGREED();
    }
}

/* What the first page left out as excluded for certain comes back. */
Test(lookup_pages, whose_exclusion_expired_between_pages_is_shown)
{
    static const char *const relationships[] = {
        "doc:1#left@user:1",
        "doc:2#left@user:1",
        "doc:3#left@user:1",
        "doc:4#left@user:1",
        "doc:3#right@user:1[expiration:2100-01-01T00:00:10Z]",
        "doc:1#left@user:2",
        "doc:1#left@user:3",
        "doc:1#left@user:4",
        "doc:1#right@user:3[expiration:2100-01-01T00:00:10Z]",
        "doc:5#left@user:1",
        "doc:1#left@user:5",
        NULL,
    };
    struct pages resources = {.permission = "less"};
    struct pages subjects = {.permission = "less", .subjects = true};

    GIVEN(WORLD, (const char *)NULL);
    put(relationships);
    expect_page(&resources, "1 2");
    expect_page(&subjects, "1 2");
    at_seconds(10);
    expect_page(&resources, "3 4");
    expect_page(&subjects, "3 4");
    expect_page(&resources, "5|");
    expect_page(&subjects, "5|");
    AGREED();
}

Test(lookup_pages, two_requests_do_not_share_their_pages)
{
    static const char *const relationships[] = {
        "doc:1#left@user:1",  "doc:2#left@user:1",  "doc:3#left@user:1",  "doc:4#left@user:1",
        "doc:1#right@user:1", "doc:2#right@user:1", "doc:4#right@user:1", NULL,
    };
    struct pages left = {.permission = "left"};
    struct pages right = {.permission = "right"};
    struct pages both = {.permission = "both"};

    GIVEN(WORLD, (const char *)NULL);
    put(relationships);
    expect_page(&left, "1 2");
    expect_page(&right, "1 2");
    expect_page(&both, "1 2");
    expect_page(&right, "4|");
    expect_page(&left, "3 4|");
    expect_page(&both, "4|");
    AGREED();
}

/* Where the wildcard hangs on a condition, all that were met are kept as well; a page behind what
 * was kept finds them anew. */
Test(lookup_pages, a_page_behind_what_was_kept_finds_all_that_were_met_anew)
{
    struct pages subjects = {.permission = "left", .subjects = true};

    GIVEN("caveat open(x int) { x == 1 } definition user {} "
          "definition doc { relation left: user | user:* with open }",
          (const char *)NULL);
    put((const char *const[]){"doc:1#left@user:*[open]", "doc:1#left@user:1", "doc:1#left@user:2",
                              "doc:1#left@user:3", "doc:1#left@user:4", "doc:1#left@user:5",
                              "doc:1#left@user:6", "doc:1#left@user:7", "doc:1#left@user:8",
                              "doc:1#left@user:9", NULL});
    expect_page(&subjects, "1"); /* behind the wildcard, which has no id */
    expect_page(&subjects, "2 3");
    expect_page(&subjects, "4 5");
    expect_page(&subjects, "6 7");
    expect_page(&subjects, "8 9|");
}

/* --- many nodes --- */

#define CHAIN 5000 /* groups: with a set of subjects for each, more than a lookup may hold */

static const char NESTED[] = "definition user {} definition group { relation member: user | "
                             "group#member } definition doc { relation viewer: group#member "
                             "relation banned: user permission less = viewer - banned }";

/* group:N holds group:N+1 and user:N. */
static void
nest(void)
{
    char left[64];
    char right[64];

    GIVEN(NESTED, "doc:1#viewer@group:0#member", "doc:1#banned@user:2");
    harness_touch_range(&scenario, "group:0#member@user:", 0, 1, "");
    for (unsigned at = 0; at < CHAIN; at++) {
        (void)snprintf(left, sizeof left, "group:%u#member@user:", at);
        harness_touch_range(&scenario, left, at, at + 1, "");
        (void)snprintf(right, sizeof right, "group:%u#member@group:", at);
        harness_touch_range(&scenario, right, (at + 1) % CHAIN, (at + 1) % CHAIN + 1, "#member");
    }
}

/* Every user of the chain but those that are left out, each once, in order. */
static void
expect_chain(const char *permission, size_t left_out)
{
    struct harness_engine *side = &scenario.sides[0];
    struct engine_token cursor = {.text = ""};
    size_t found = 0;
    long last = -1;

    do {
        struct engine_request request = harness_request(side, NULL);
        struct lookup_subjects lookup = {
            .resource = {SLICE_LITERAL("doc"), SLICE_LITERAL("1"), {0}},
            .permission = slice_of(permission),
            .subject_type = SLICE_LITERAL("user"),
            .limit = 999,
            .cursor = slice_of(cursor.text)};
        struct lookup_subjects_result result;
        struct error error;

        cr_assert_eq(engine_lookup_subjects(side->worker, &request, &lookup, &result, &error),
                     BEHALF_OK, "%s", error.message);
        for (size_t i = 0; i < result.subject_count; i++, found++) {
            long id = strtol(result.subjects[i].id.data, NULL, 10);

            cr_assert_eq(result.subjects[i].decision, DECISION_ALLOW);
            cr_assert(id != last && (left_out == 0 || id != 2));
            last = id;
        }
        cursor = result.cursor;
    } while (cursor.text[0] != '\0');
    cr_expect_eq(found, CHAIN - left_out, "%zu", found);
}

Test(lookup_pages, subjects_of_groups_in_groups_take_no_set_for_each_group)
{
    nest();
    expect_chain("viewer", 0);
}

Test(lookup_pages, so_do_those_from_which_others_are_taken_away)
{
    nest();
    expect_chain("less", 1);
}

/* --- pages that end by their bytes --- */

static const char EXCLUDED[] = "use expiration definition user {} "
                               "definition doc { relation left: user | user:* | "
                               "user:* with expiration relation right: user "
                               "permission less = left - right }";

/* One page of doc:1#less with room for a row: "*-2", and "+" where exclusions follow. */
static enum status
ask_excluded(struct harness_engine *side, struct engine_token *cursor, char *ids)
{
    struct engine_request request = harness_request(side, NULL);
    struct lookup_subjects lookup = {.resource = {SLICE_LITERAL("doc"), SLICE_LITERAL("1"), {0}},
                                     .permission = SLICE_LITERAL("less"),
                                     .subject_type = SLICE_LITERAL("user"),
                                     .most_bytes = 1,
                                     .cursor = slice_of(cursor->text)};
    struct lookup_subjects_result result;
    struct error error;
    enum status status = engine_lookup_subjects(side->worker, &request, &lookup, &result, &error);

    if (status != BEHALF_OK)
        return status;
    for (size_t i = 0; i < result.subject_count; i++) {
        const struct lookup_subject *subject = &result.subjects[i];

        add_id(ids, subject->wildcard ? SLICE_LITERAL("*") : subject->id);
        for (size_t k = 0; k < subject->excluded_count; k++)
            (void)snprintf(ids + strlen(ids), 8, "-%.*s", SLICE_PRINTF(subject->excluded[k].id));
        if (subject->more_excluded)
            (void)snprintf(ids + strlen(ids), 2, "+");
    }
    *cursor = result.cursor;
    return BEHALF_OK;
}

static void
expect_excluded(struct engine_token cursors[2], const char *expected)
{
    for (int side = 0; side < 2; side++) {
        char ids[256] = "";

        cr_assert_eq(ask_excluded(&scenario.sides[side], &cursors[side], ids), BEHALF_OK);
        cr_expect_str_eq(ids, expected, "side %d: %s", side, ids);
    }
}

Test(lookup_pages, the_wildcard_comes_again_as_long_as_its_exclusions_go_on)
{
    static const char *const relationships[] = {
        "doc:1#left@user:1",
        "doc:1#right@user:2",
        "doc:1#left@user:3",
        "doc:1#right@user:4",
        "doc:1#right@user:5",
        "doc:1#left@user:*",
        NULL,
    };
    struct engine_token cursors[2] = {{.text = ""}, {.text = ""}};

    GIVEN(EXCLUDED, (const char *)NULL);
    put(relationships);
    expect_excluded(cursors, "*-2+");
    expect_excluded(cursors, "*-4+");
    cr_expect_eq(kept_walks(0), 0, "what is kept may be cut short: it tells no exclusions");
    expect_excluded(cursors, "*-5");
    expect_excluded(cursors, "1");
    expect_excluded(cursors, "3");
    cr_expect_str_empty(cursors[0].text);
    AGREED();
}

Test(lookup_pages, a_wildcard_that_expires_between_its_exclusions_is_an_error)
{
    static const char *const relationships[] = {
        "doc:1#right@user:2",
        "doc:1#right@user:4",
        "doc:1#left@user:*[expiration:2100-01-01T00:00:10Z]",
        NULL,
    };
    struct engine_token cursors[2] = {{.text = ""}, {.text = ""}};
    char ids[256] = "";

    GIVEN(EXCLUDED, (const char *)NULL);
    put(relationships);
    expect_excluded(cursors, "*-2+");
    at_seconds(20);
    for (int side = 0; side < 2; side++)
        cr_expect_eq(ask_excluded(&scenario.sides[side], &cursors[side], ids),
                     BEHALF_INVALID_CURSOR);
    AGREED();
}
