/* test_scenarios_data.c - ids, sizes, and data that no longer fits the schema. */
#include "tests/unit/test_scenarios_support.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

#define NOTES "definition user {} definition doc { relation viewer: user | user:* }"

static struct object
user_called(const char *id)
{
    return (struct object){.type = SLICE_LITERAL("user"), .id = slice_of(id)};
}

static enum status
share_with(struct object subject)
{
    struct update update = {.op = UPDATE_TOUCH};
    struct error error;
    enum status status;

    update.relationship.resource = (struct object){.type = SLICE_LITERAL("doc"),
                                                   .id = SLICE_LITERAL("1"),
                                                   .relation = SLICE_LITERAL("viewer")};
    update.relationship.subject = subject;
    scenario.asked_count = 0;
    status = harness_write_updates(&scenario.sides[0], &update, 1, NULL, &error);
    cr_expect_eq(harness_write_updates(&scenario.sides[1], &update, 1, NULL, &error), status);
    return status;
}

static const char *
seen_by(const char *id)
{
    struct object doc = {.type = SLICE_LITERAL("doc"), .id = SLICE_LITERAL("1")};
    struct object subject = user_called(id);

    return harness_check_object(&scenario, &doc, "viewer", &subject);
}

Test(scenarios_data, delimiters_inside_ids_meet_nobody_else)
{
    static const char *const ids[] = {"a#b@c", "a",   "a#b", "b",  "doc:1#viewer", "a:b", "a/b",
                                      "a|b",   "a,b", " ",   "a ", "user:a",       "...", "\"a\"",
                                      "a\\b",  "*a",  "a*"};
    size_t count = sizeof ids / sizeof *ids;

    for (size_t owner = 0; owner < count; owner++) {
        GIVEN(NOTES, (const char *)NULL);
        cr_expect_eq(share_with(user_called(ids[owner])), BEHALF_OK, "'%s'", ids[owner]);
        for (size_t i = 0; i < count; i++)
            cr_expect_str_eq(seen_by(ids[i]), i == owner ? "allow" : "deny", "'%s' for '%s'",
                             ids[i], ids[owner]);
        AGREED();
    }
}

Test(scenarios_data, impossible_ids_are_refused)
{
    static const char nul[] = {'a', '\0', 'b'};
    struct object hidden = {.type = SLICE_LITERAL("user"), .id = {nul, sizeof nul}};
    char *longest = memory_new(1026);

    GIVEN(NOTES, (const char *)NULL);
    memset(longest, 'x', 1025);
    cr_expect_eq(share_with(hidden), BEHALF_INVALID_OBJECT_ID);
    cr_expect_eq(share_with(user_called("a\nb")), BEHALF_INVALID_OBJECT_ID);
    cr_expect_eq(share_with(user_called("\xc3\x28")), BEHALF_INVALID_OBJECT_ID);
    cr_expect_eq(share_with(user_called("\xc2\x85")), BEHALF_INVALID_OBJECT_ID);
    cr_expect_eq(share_with(user_called(longest)), BEHALF_INVALID_OBJECT_ID);
    cr_expect_neq(share_with(user_called("")), BEHALF_OK);
    cr_expect_neq(share_with(user_called("*")), BEHALF_OK);
    longest[1024] = '\0';
    cr_expect_eq(share_with(user_called(longest)), BEHALF_OK);
    cr_expect_str_eq(seen_by(longest), "allow");
    longest[1023] = '\0';
    cr_expect_str_eq(seen_by(longest), "deny");
    cr_expect_str_eq(seen_by("a"), "deny");
    memory_free(longest);
    AGREED();
}

Test(scenarios_data, ids_are_compared_byte_for_byte)
{
    /* cases, a blank behind, accents composed and not, full width */
    static const char *const ids[] = {
        "Alice", "alice", "ALICE", "alice ", "\xc3\xa1lice", "a\xcc\x81lice", "\xef\xbd\x81lice",
        "alicf"};
    size_t count = sizeof ids / sizeof *ids;

    for (size_t owner = 0; owner < count; owner++) {
        GIVEN(NOTES, (const char *)NULL);
        cr_expect_eq(share_with(user_called(ids[owner])), BEHALF_OK);
        for (size_t i = 0; i < count; i++)
            cr_expect_str_eq(seen_by(ids[i]), i == owner ? "allow" : "deny", "%zu %zu", i, owner);
        AGREED();
    }
}

static enum status
write_many(size_t count, const char *prefix)
{
    struct update *updates = memory_new_array(count, sizeof *updates);
    struct arena arena;
    struct error error;
    enum status status;

    arena_init(&arena, SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        char text[64];
        struct slice copy;

        snprintf(text, sizeof text, "doc:1#viewer@user:%s%zu", prefix, i);
        copy = arena_copy(&arena, slice_of(text));
        cr_assert_eq(relationship_parse(copy, &arena, &updates[i].relationship, &error), BEHALF_OK);
    }
    scenario.asked_count = 0;
    status = harness_write_updates(&scenario.sides[0], updates, count, NULL, &error);
    cr_expect_eq(harness_write_updates(&scenario.sides[1], updates, count, NULL, &error), status);
    arena_release(&arena);
    memory_free(updates);
    return status;
}

static struct engine_info
info(void)
{
    struct engine_info result;
    struct error error;

    cr_assert_eq(engine_info_read(scenario.sides[0].engine, &result, &error), BEHALF_OK);
    return result;
}

Test(scenarios_data, an_oversize_write_is_an_error_and_writes_nothing)
{
    struct engine_info before;

    GIVEN(NOTES, (const char *)NULL);
    cr_expect_eq(write_many(999, "a"), BEHALF_OK);
    cr_expect_eq(info().relationship_count, 999);
    cr_expect_eq(write_many(1000, "b"), BEHALF_OK);
    cr_expect_eq(info().relationship_count, 1999);
    before = info();
    cr_expect_eq(write_many(1001, "c"), BEHALF_TOO_MANY_UPDATES_IN_REQUEST);
    cr_expect_eq(write_many(20000, "d"), BEHALF_TOO_MANY_UPDATES_IN_REQUEST);
    cr_expect_eq(info().relationship_count, 1999);
    cr_expect_eq(info().revision, before.revision);
    EXPECT("doc:1#viewer@user:b999", "allow");
    EXPECT("doc:1#viewer@user:c0", "deny");
    AGREED();
}

static void
fan_out(unsigned count)
{
    static const unsigned probes[] = {0, 1, 1023, 1024, 65533, 65534, 65535, 65536, 69999, 131072};
    char text[64];

    GIVEN("definition user {} definition group { relation member: user } definition doc { relation "
          "viewer: user | group#member }",
          "doc:2#viewer@group:far#member", "group:far#member@user:last");
    harness_touch_range(&scenario, "doc:1#viewer@user:u", 0, count, "");
    harness_touch_range(&scenario, "doc:2#viewer@group:g", 0, count, "#member");
    for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) {
        struct object doc = {.type = SLICE_LITERAL("doc"), .id = SLICE_LITERAL("1")};

        snprintf(text, sizeof text, "u%u", probes[i]);
        for (int side = 0; side < 2; side++) {
            struct engine_request request = harness_request(&scenario.sides[side], NULL);
            struct check check = {.resource = doc,
                                  .permission = SLICE_LITERAL("viewer"),
                                  .subject = user_called(text)};
            struct check_result result = {.decision = DECISION_CONDITIONAL};
            struct error error;

            cr_expect_eq(
                engine_check(scenario.sides[side].worker, &request, &check, &result, &error),
                BEHALF_OK);
            cr_expect_eq(result.decision, probes[i] < count ? DECISION_ALLOW : DECISION_DENY,
                         "%s of %u", text, count);
        }
    }
    cr_expect_eq(info().relationship_count, 2 * (uint64_t)count + 2);
    cr_expect_str_eq(harness_resources(&scenario, "doc#viewer@user:last"), "2");
    snprintf(text, sizeof text, "doc#viewer@user:u%u", count - 1);
    cr_expect_str_eq(harness_resources(&scenario, text), "1");
    AGREED();
}

Test(scenarios_data, fan_outs_around_sixteen_bits, .timeout = 120)
{
    fan_out(65535);
    fan_out(65536);
    fan_out(65537);
}

Test(scenarios_data, fan_outs_beyond_sixteen_bits, .timeout = 120)
{
    fan_out(131073);
}

/* --- states made through the contract of the storage --- */

/* Replaces the schema behind the engine's back, as an older release or a repair might have, and
 * opens the engine again. */
static void
force_schema(const char *text)
{
    for (int side = 0; side < 2; side++) {
        struct harness_engine *engine = &scenario.sides[side];
        struct store_transaction *transaction;
        struct error error;
        uint64_t revision;

        engine_worker_free(engine->worker);
        engine->worker = NULL;
        engine_close(engine->engine);
        engine->engine = NULL;
        cr_assert_eq(store_transaction_begin(engine->store, &transaction, &error), BEHALF_OK);
        cr_assert_eq(store_transaction_schema(transaction, slice_of(text), &error), BEHALF_OK);
        cr_assert_eq(
            store_transaction_commit(transaction, env_wall_ns(env_system()), &revision, &error),
            BEHALF_OK);
        cr_assert_eq(store_sync(engine->store, &error), BEHALF_OK);
        harness_engine_reopen(engine, side == 0 ? 0 : 1);
    }
    scenario.asked_count = 0;
}

Test(scenarios_data, relationships_of_a_previous_schema_allow_nothing)
{
    static const char first[] =
        "definition user {} definition employee {} definition doc { relation viewer: user relation "
        "parent: doc permission view = viewer + parent->viewer }";
    static const char second[] =
        "definition user {} definition employee {} definition doc { relation viewer: employee "
        "relation parent: doc permission view = viewer + parent->viewer }";

    GIVEN(first, "doc:1#viewer@user:jon", "doc:2#parent@doc:1");
    EXPECT("doc:1#view@user:jon", "allow");
    EXPECT("doc:2#view@user:jon", "allow");
    cr_expect_neq(harness_schema(&scenario, second), BEHALF_OK);
    EXPECT("doc:1#view@user:jon", "allow");
    force_schema(second);
    EXPECT("doc:1#view@user:jon", "deny");
    EXPECT("doc:1#viewer@user:jon", "deny");
    EXPECT("doc:2#view@user:jon", "deny");
    EXPECT_SUBJECTS("doc:1#view", "user", "");
    EXPECT_RESOURCES("doc#view@user:jon", "");
    AGREED();
}

/* Beside a condition: such relations are walked in another way than the plain ones above. */
Test(scenarios_data, conditional_relationships_of_a_previous_schema_allow_nothing)
{
    static const char first[] =
        "caveat if_open(open bool) { open } definition user {} definition employee {} "
        "definition doc { relation viewer: user | user with if_open relation parent: doc "
        "permission view = viewer + parent->viewer }";
    static const char second[] =
        "caveat if_open(open bool) { open } definition user {} definition employee {} "
        "definition doc { relation viewer: employee | employee with if_open relation parent: doc "
        "permission view = viewer + parent->viewer }";

    GIVEN(first, "doc:1#viewer@user:jon", "doc:1#viewer@user:ann[if_open:{\"open\":true}]",
          "doc:2#parent@doc:1");
    EXPECT("doc:2#view@user:jon", "allow");
    EXPECT("doc:2#view@user:ann", "allow");
    force_schema(second);
    EXPECT("doc:1#viewer@user:jon", "deny");
    EXPECT("doc:1#view@user:ann", "deny");
    EXPECT("doc:2#view@user:jon", "deny");
    EXPECT("doc:2#view@user:ann", "deny");
    EXPECT_SUBJECTS("doc:1#view", "user", "");
    EXPECT_RESOURCES("doc#view@user:jon", "");
    AGREED();
}

Test(scenarios_data, what_a_previous_schema_allowed_under_a_condition_is_not_unconditional)
{
    static const char first[] =
        "caveat if_open(open bool) { open } definition user {} definition group { relation member: "
        "user } definition doc { relation viewer: user with if_open | group#member with if_open "
        "permission view = viewer }";
    static const char second[] =
        "caveat if_open(open bool) { open } definition user {} definition group { relation member: "
        "user } definition doc { relation viewer: user | group#member permission view = viewer }";

    GIVEN(first, "doc:1#viewer@user:jon[if_open:{\"open\":true}]",
          "doc:2#viewer@group:g#member[if_open:{\"open\":true}]", "group:g#member@user:jon");
    EXPECT("doc:1#view@user:jon", "allow");
    EXPECT("doc:2#view@user:jon", "allow");
    force_schema(second);
    EXPECT("doc:1#view@user:jon", "deny");
    EXPECT("doc:2#view@user:jon", "deny");
    EXPECT_SUBJECTS("doc:2#view", "user", "");
    EXPECT_RESOURCES("doc#view@user:jon", "");
    AGREED();
}

Test(scenarios_data, a_wildcard_of_a_previous_schema_allows_nobody)
{
    GIVEN("definition user {} definition group { relation member: user | user:* } definition doc { "
          "relation owner: group permission view = owner->member }",
          "group:1#member@user:*", "group:1#member@user:u", "doc:1#owner@group:1");
    EXPECT("doc:1#view@user:other", "allow");
    force_schema("definition user {} definition group { relation member: user } definition doc { "
                 "relation owner: group permission view = owner->member }");
    EXPECT("group:1#member@user:other", "deny");
    EXPECT("doc:1#view@user:other", "deny");
    EXPECT("doc:1#view@user:u", "allow");
    EXPECT_SUBJECTS("doc:1#view", "user", "u");
    EXPECT_SUBJECTS("group:1#member", "user", "u");
    EXPECT_RESOURCES("doc#view@user:other", "");
    cr_expect_eq(harness_touch(&scenario, "group:1#member@user:*"), BEHALF_INVALID_SUBJECT_TYPE);
    AGREED();
}

Test(scenarios_data, a_wildcard_of_a_previous_schema_allows_nobody_beside_conditions)
{
    GIVEN("caveat open(yes bool) { yes } definition user {} definition group { relation member: "
          "user | user with open | user:* }",
          "group:1#member@user:*", "group:1#member@user:u");
    EXPECT_SUBJECTS("group:1#member", "user", "*{} u");
    force_schema("caveat open(yes bool) { yes } definition user {} definition group { relation "
                 "member: user | user with open }");
    EXPECT("group:1#member@user:other", "deny");
    EXPECT("group:1#member@user:u", "allow");
    EXPECT_SUBJECTS("group:1#member", "user", "u");
    AGREED();
}

Test(scenarios_data, a_userset_of_a_previous_schema_is_passed_over)
{
    GIVEN("definition user {} definition group { relation member: user } definition doc { relation "
          "viewer: user | group#member relation owner: group | group#member permission view = "
          "viewer + "
          "owner->member permission all_own = owner.all(member) }",
          "group:1#member@user:u", "doc:1#viewer@group:1#member", "doc:1#owner@group:1#member",
          "doc:2#owner@group:1");
    EXPECT("doc:1#view@user:u", "allow");
    EXPECT("doc:1#all_own@user:u", "allow");
    force_schema(
        "definition user {} definition group { relation member: user } definition doc { "
        "relation viewer: user relation owner: group permission view = viewer + owner->member "
        "permission all_own = owner.all(member) }");
    EXPECT("doc:1#view@user:u", "deny");
    EXPECT("doc:1#all_own@user:u", "deny");
    EXPECT("doc:1#viewer@group:1#member", "deny");
    EXPECT("doc:2#view@user:u", "allow");
    EXPECT("doc:2#all_own@user:u", "allow");
    EXPECT_RESOURCES("doc#view@user:u", "2");
    EXPECT_RESOURCES("doc#all_own@user:u", "2");
    EXPECT_SUBJECTS("doc:1#view", "user", "");
    AGREED();
}

Test(scenarios_data, an_old_revision_is_answered_by_its_own_schema)
{
    struct object doc = {.type = SLICE_LITERAL("doc"), .id = SLICE_LITERAL("1")};
    struct check check = {
        .resource = doc, .permission = SLICE_LITERAL("view"), .subject = user_called("u")};

    GIVEN("definition user {} definition doc { relation viewer: user relation banned: user "
          "permission "
          "view = viewer }",
          "doc:1#viewer@user:u", "doc:1#banned@user:u");
    for (int side = 0; side < 2; side++) {
        struct harness_engine *engine = &scenario.sides[side];
        struct engine_info before;
        struct engine_request request;
        struct check_result result;
        struct error error;

        cr_assert_eq(engine_info_read(engine->engine, &before, &error), BEHALF_OK);
        cr_assert_eq(harness_write_schema(
                         engine,
                         SLICE_LITERAL("definition user {} definition doc { relation viewer: user "
                                       "relation banned: user permission view = viewer - banned }"),
                         &error),
                     BEHALF_OK);
        request = harness_request(engine, &before.token);
        cr_assert_eq(engine_check(engine->worker, &request, &check, &result, &error), BEHALF_OK);
        cr_expect_eq(result.decision, DECISION_ALLOW);
        request = harness_request(engine, NULL);
        cr_assert_eq(engine_check(engine->worker, &request, &check, &result, &error), BEHALF_OK);
        cr_expect_eq(result.decision, DECISION_DENY);
    }
    AGREED();
}
