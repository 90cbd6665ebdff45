/* test_at_time.c - questions about a moment of the past. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "engine/agents.h"
#include "tests/support/harness.h"

#define NOW INT64_C(4102444800000000000) /* 2100-01-01T00:00:00Z */
#define SECOND INT64_C(1000000000)

static const char schema[] = "use expiration\n"
                             "definition user {}\n"
                             "definition document {\n"
                             "    relation viewer: user | user with expiration\n"
                             "    permission view = viewer\n"
                             "}\n";

static struct harness_engine side;
static struct error error;

static void
write_one(enum update_op op, const char *text)
{
    struct update update = {.op = op};

    cr_assert_eq(relationship_parse(slice_of(text), &side.arena, &update.relationship, &error),
                 BEHALF_OK);
    cr_assert_eq(harness_write_updates(&side, &update, 1, NULL, &error), BEHALF_OK, "%s",
                 error.message);
}

/* At 10 s the schema, at 20 ann until 50, at 30 bob, at 40 bob no more. It is 60. */
static void
setup(void)
{
    harness_engine_open_at(&side, 0, NOW + 10 * SECOND);
    cr_assert_eq(harness_write_schema(&side, slice_of(schema), &error), BEHALF_OK);
    harness_set_time(&side, NOW + 20 * SECOND);
    write_one(UPDATE_CREATE, "document:a#viewer@user:ann[expiration:2100-01-01T00:00:50Z]");
    harness_set_time(&side, NOW + 30 * SECOND);
    write_one(UPDATE_CREATE, "document:a#viewer@user:bob");
    harness_set_time(&side, NOW + 40 * SECOND);
    write_one(UPDATE_DELETE, "document:a#viewer@user:bob");
    harness_set_time(&side, NOW + 60 * SECOND);
}

static void
teardown(void)
{
    harness_engine_close(&side);
}

TestSuite(at_time, .init = setup, .fini = teardown);

static struct engine_request
request_at(int64_t at_ns)
{
    struct engine_request request = harness_request(&side, NULL);

    request.consistency = CONSISTENCY_AT_TIME;
    request.at_ns = at_ns;
    return request;
}

/* "allow", "deny" or the name of an error. */
static const char *
check_at(int64_t at_ns, const char *user)
{
    struct engine_request request = request_at(at_ns);
    const struct check check = {
        .resource = {.type = SLICE_LITERAL("document"), .id = SLICE_LITERAL("a")},
        .permission = SLICE_LITERAL("view"),
        .subject = {.type = SLICE_LITERAL("user"), .id = slice_of(user)},
    };
    struct check_result result;
    enum status status = engine_check(side.worker, &request, &check, &result, &error);

    if (status != BEHALF_OK)
        return status_name(status);
    return result.decision == DECISION_ALLOW ? "allow" : "deny";
}

Test(at_time, what_was_in_force_then_is_asked)
{
    static const struct {
        int64_t at;
        const char *ann;
        const char *bob;
    } moments[] = {
        {9, "NO_SCHEMA", "NO_SCHEMA"}, {10, "deny", "deny"},  {19, "deny", "deny"},
        {20, "allow", "deny"},         {29, "allow", "deny"}, {30, "allow", "allow"},
        {39, "allow", "allow"},        {40, "allow", "deny"}, {49, "allow", "deny"},
        {50, "deny", "deny"},          {60, "deny", "deny"},
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(moments); index++) {
        int64_t at = NOW + moments[index].at * SECOND;

        cr_expect_str_eq(check_at(at, "ann"), moments[index].ann, "ann at %d",
                         (int)moments[index].at);
        cr_expect_str_eq(check_at(at, "bob"), moments[index].bob, "bob at %d",
                         (int)moments[index].at);
    }
    cr_expect_str_eq(check_at(NOW + 40 * SECOND - 1, "bob"), "allow");
    cr_expect_str_eq(check_at(NOW + 50 * SECOND - 1, "ann"), "allow");
}

/* The sweep at 60 took it out of the newest state, and the past still has it. */
Test(at_time, what_was_swept_is_there_at_its_time)
{
    struct engine_write sweep = {.kind = WRITE_SWEEP};

    cr_assert_eq(harness_submit(&side, &sweep), BEHALF_OK);
    cr_assert_eq(sweep.count, 1);
    cr_expect_str_eq(check_at(NOW + 49 * SECOND, "ann"), "allow");
    cr_expect_str_eq(check_at(NOW + 50 * SECOND, "ann"), "deny");
}

Test(at_time, the_future_is_refused_and_what_is_given_up_has_expired)
{
    cr_expect_str_eq(check_at(NOW + 60 * SECOND + 1, "ann"), "MALFORMED_REQUEST");
    cr_assert_eq(store_trim_history(side.store, NOW + 30 * SECOND, UINT64_MAX, &error), BEHALF_OK);
    cr_expect_str_eq(check_at(NOW + 30 * SECOND, "bob"), "allow");
    cr_expect_str_eq(check_at(NOW + 30 * SECOND - 1, "bob"), "REVISION_EXPIRED");
}

Test(at_time, a_loop_hands_it_on_and_no_grant_goes_with_it)
{
    struct engine_worker *loop = engine_worker_new(side.engine, false);
    struct engine_request request = request_at(NOW + 30 * SECOND);
    const struct object actor = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("bob")};
    const struct engine_delegation grant = {.given = true};
    struct check check = {
        .resource = {.type = SLICE_LITERAL("document"), .id = SLICE_LITERAL("a")},
        .permission = SLICE_LITERAL("view"),
        .subject = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("bob")},
    };
    struct check_bulk_result bulk;
    struct check_result result;

    cr_expect_eq(engine_check(loop, &request, &check, &result, &error), BEHALF_WOULD_BLOCK);
    engine_worker_free(loop);
    check.actors = &actor;
    check.actor_count = 1;
    check.delegation = &grant;
    cr_expect_eq(engine_check_bulk(side.worker, &request, &check, 1, &bulk, &error),
                 BEHALF_MALFORMED_REQUEST);
    cr_expect_not_null(strstr(error.message, "at_time"), "%s", error.message);
}

/* The pages of two moments at one revision share nothing: ann is there at 49 and not at 55. */
Test(at_time, pages_of_lookups_belong_to_their_time)
{
    struct lookup_resources lookup = {
        .resource_type = SLICE_LITERAL("document"),
        .permission = SLICE_LITERAL("view"),
        .subject = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("ann")},
        .limit = 1,
    };
    struct lookup_resources_result result;
    struct engine_request request;
    char cursor[ENGINE_TOKEN_SIZE + 1];

    harness_set_time(&side, NOW + 61 * SECOND);
    write_one(UPDATE_CREATE, "document:b#viewer@user:ann[expiration:2100-01-01T00:02:00Z]");
    write_one(UPDATE_CREATE, "document:c#viewer@user:ann[expiration:2100-01-01T00:01:10Z]");
    harness_set_time(&side, NOW + 100 * SECOND);
    request = request_at(NOW + 65 * SECOND);
    cr_assert_eq(engine_lookup_resources(side.worker, &request, &lookup, &result, &error),
                 BEHALF_OK);
    cr_expect_eq(result.resource_count, 1);
    cr_assert_not(result.complete);
    memcpy(cursor, result.cursor.text, sizeof cursor);
    request = request_at(NOW + 99 * SECOND);
    lookup.cursor = slice_of(cursor);
    cr_expect_eq(engine_lookup_resources(side.worker, &request, &lookup, &result, &error),
                 BEHALF_INVALID_CURSOR);
    request = request_at(NOW + 65 * SECOND);
    cr_assert_eq(engine_lookup_resources(side.worker, &request, &lookup, &result, &error),
                 BEHALF_OK);
    cr_expect_eq(result.resource_count, 1);
    cr_expect(result.complete);
}
