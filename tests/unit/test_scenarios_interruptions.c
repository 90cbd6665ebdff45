/* test_scenarios_interruptions.c - requests that end before their answer, at every step; then the
 * question is asked again. What an interrupted request found must stand nowhere. And cycles, asked
 * from every side: what is found inside of one is no answer yet. */
#include "tests/unit/test_scenarios_support.h"

#include <stdio.h>

#include "tests/support/harness_ids.h"

#define SCHEMA                                                                                     \
    "caveat if_left(left_is int) { left_is == 1 } caveat if_right(right_is int) { right_is == 1 "  \
    "} "                                                                                           \
    "definition user {} definition group { relation member: user | user with if_left | "           \
    "group#member | group#member with if_right relation other: user | group#member } definition "  \
    "doc { "                                                                                       \
    "relation viewer: group#member | group#member with if_left relation banned: user with "        \
    "if_right "                                                                                    \
    "| group#member relation near: group | group with if_left permission view = viewer - banned "  \
    "permission every = near.all(member) permission some = near->member }"

/* --- the clock as a trigger --- */

enum trigger { TRIGGER_DEADLINE, TRIGGER_CANCEL };

/* Of this thread only: the engine's own threads read the clock as it is. */
static _Thread_local uint64_t looks_left; /* at the clock until something happens; 0 = nothing */
static _Thread_local enum trigger trigger;
static _Thread_local bool triggered;
static atomic_bool cancelled;

static int64_t
trapped_monotonic_ns(void *context)
{
    int64_t now = env_monotonic_ns(env_system());

    (void)context;
    if (looks_left > 0 && --looks_left == 0)
        triggered = true;
    if (!triggered)
        return now;
    if (trigger == TRIGGER_CANCEL)
        atomic_store(&cancelled, true);
    return trigger == TRIGGER_DEADLINE ? now + INT64_C(20000000000) : now;
}

static struct engine_request
trapped_request(struct harness_engine *side, uint64_t looks, enum trigger what)
{
    struct engine_request request = harness_request(side, NULL);

    atomic_store(&cancelled, false);
    request.cancelled = &cancelled;
    request.deadline_ns = env_monotonic_ns(env_system()) + INT64_C(10000000000);
    triggered = false;
    trigger = what;
    looks_left = looks;
    return request;
}

static void
disarm(void)
{
    looks_left = 0;
    triggered = false;
}

/* --- questions --- */

static const struct {
    const char *permission;
    const char *subject;
    const char *expected;
} questions[] = {
    {"view", "ann", "allow"},
    {"view", "bob", "conditional on left_is, right_is"},
    {"view", "cyd", "conditional on left_is, right_is"},
    {"view", "all", "allow"},
    {"view", "many", "conditional on left_is"},
    {"view", "eve", "deny"},
    {"view", "dan", "deny"},
    {"every", "ann", "deny"},
    {"every", "all", "conditional on left_is"},
    {"some", "bob", "conditional on left_is, right_is"},
    {"some", "eve", "deny"},
};

#define QUESTIONS (sizeof questions / sizeof *questions)

/* Conditions enough that the clock is looked at often. */
#define WIDTH 2500

static void
given_world(void)
{
    GIVEN(SCHEMA, "group:a#member@group:b#member[if_right]", "group:b#member@group:a#member",
          "group:b#member@user:bob[if_left]", "group:g0#member@group:a#member",
          "group:g70#member@user:ann", "group:g7#member@user:cyd",
          "doc:1#banned@user:cyd[if_right]", "group:g9#member@user:dan",
          "doc:1#banned@group:banned#member", "group:apart#member@user:dan",
          "group:banned#member@group:apart#member");
    harness_touch_range(&scenario, "doc:1#viewer@group:g", 0, WIDTH, "#member[if_left]");
    harness_touch_range(&scenario, "doc:1#near@group:g", 0, WIDTH, "[if_left:{\"left_is\":1}]");
    harness_touch_range(&scenario, "group:g", 0, WIDTH, "#member@user:all");
    harness_touch_range(&scenario, "group:g", 1, WIDTH - 1, "#member@user:many");
    cr_assert_eq(harness_touch(&scenario, "doc:1#viewer@group:g70#member"), BEHALF_OK);
    cr_assert_eq(harness_delete(&scenario, "group:g70#member@user:many"), BEHALF_OK);
    cr_assert_eq(harness_touch(&scenario, "doc:1#near@group:g79[if_left]"), BEHALF_OK);
    for (int side = 0; side < 2; side++)
        scenario.sides[side].env.monotonic_ns = trapped_monotonic_ns;
}

static struct check
check_of(size_t question)
{
    return (struct check){
        .resource = {.type = SLICE_LITERAL("doc"), .id = SLICE_LITERAL("1")},
        .permission = slice_of(questions[question].permission),
        .subject = {.type = SLICE_LITERAL("user"), .id = slice_of(questions[question].subject)},
    };
}

/* What the request says, "" where it was ended. */
static const char *
ask(struct harness_engine *side, const struct engine_request *request, size_t question)
{
    struct check check = check_of(question);
    struct check_result result;
    struct error error;
    enum status status = engine_check(side->worker, request, &check, &result, &error);

    disarm();
    if (status == BEHALF_DEADLINE || status == BEHALF_BUDGET_EXHAUSTED)
        return "";
    return harness_answer(&scenario.arena, status, result.decision, &result.missing);
}

static void
expect_right(struct harness_engine *side, size_t question)
{
    struct engine_request request = harness_request(side, NULL);

    cr_expect_str_eq(ask(side, &request, question), questions[question].expected, "%s of %s",
                     questions[question].permission, questions[question].subject);
}

/* The answer is right or there is none; and right when it is asked again. */
static void
expect_none_or_right(struct harness_engine *side, const char *answer, size_t question)
{
    if (answer[0] != '\0')
        cr_expect_str_eq(answer, questions[question].expected, "%s of %s",
                         questions[question].permission, questions[question].subject);
    expect_right(side, question);
}

static void
interrupt_checks(enum trigger what)
{
    unsigned ended = 0;

    given_world();
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < QUESTIONS; i++) {
            bool met = true;

            for (uint64_t looks = 1; met; looks++) {
                struct engine_request request = trapped_request(&scenario.sides[side], looks, what);
                struct check check = check_of(i);
                struct check_result result;
                struct error error;
                enum status status =
                    engine_check(scenario.sides[side].worker, &request, &check, &result, &error);

                met = triggered;
                disarm();
                ended += status == BEHALF_DEADLINE;
                cr_expect(status == BEHALF_OK || status == BEHALF_DEADLINE, "%s",
                          status_name(status));
                expect_none_or_right(
                    &scenario.sides[side],
                    status == BEHALF_OK
                        ? harness_answer(&scenario.arena, status, result.decision, &result.missing)
                        : "",
                    i);
                cr_assert_lt(looks, 10000);
            }
        }
    }
    cr_expect_gt(ended, 20, "%u", ended);
    AGREED();
}

Test(scenarios_interruptions, a_check_is_cancelled_at_every_step, .timeout = 60)
{
    interrupt_checks(TRIGGER_CANCEL);
}

Test(scenarios_interruptions, a_check_meets_its_deadline_at_every_step, .timeout = 60)
{
    interrupt_checks(TRIGGER_DEADLINE);
}

/* The memory of results ends anywhere between nothing and enough. */
Test(scenarios_interruptions, a_check_has_no_memory_at_every_step, .timeout = 60)
{
    given_world();
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < QUESTIONS; i++) {
            const char *answer = "";

            for (size_t bytes = 0; answer[0] == '\0'; bytes += 8) {
                struct engine_request request = harness_request(&scenario.sides[side], NULL);

                arena_reset(&scenario.sides[side].arena, bytes);
                answer = ask(&scenario.sides[side], &request, i);
                expect_none_or_right(&scenario.sides[side], answer, i);
                cr_assert_lt(bytes, 1000000);
            }
        }
    }
    AGREED();
}

/* All questions in one request: an end stands for all of them. */
Test(scenarios_interruptions, a_bulk_is_interrupted_at_every_step, .timeout = 60)
{
    struct check checks[QUESTIONS];

    given_world();
    for (size_t i = 0; i < QUESTIONS; i++)
        checks[i] = check_of(i);
    for (int what = 0; what < 4; what++) {
        struct harness_engine *side = &scenario.sides[what / 2];
        bool met = true;

        for (uint64_t looks = 1; met; looks++) {
            struct engine_request request =
                trapped_request(side, looks, what % 2 == 0 ? TRIGGER_CANCEL : TRIGGER_DEADLINE);
            struct check_bulk_result result;
            struct error error;
            enum status status =
                engine_check_bulk(side->worker, &request, checks, QUESTIONS, &result, &error);

            met = triggered;
            disarm();
            cr_expect(status == BEHALF_OK || status == BEHALF_DEADLINE, "%s", status_name(status));
            for (size_t i = 0; status == BEHALF_OK && i < QUESTIONS; i++)
                cr_expect_str_eq(harness_answer(&scenario.arena, result.items[i].status,
                                                result.items[i].decision, &result.items[i].missing),
                                 questions[i].expected);
            expect_right(side, (size_t)looks % QUESTIONS);
            cr_assert_lt(looks, 10000);
        }
    }
    AGREED();
}

Test(scenarios_interruptions, lookups_are_interrupted_at_every_step, .timeout = 60)
{
    static const struct object doc = {.type = {"doc", 3}, .id = {"1", 1}};
    static const struct object bob = {.type = {"user", 4}, .id = {"bob", 3}};

    given_world();
    for (int what = 0; what < 4; what++) {
        struct harness_engine *side = &scenario.sides[what / 2];
        bool met = true;

        for (uint64_t looks = 1; met; looks++) {
            enum trigger by = what % 2 == 0 ? TRIGGER_CANCEL : TRIGGER_DEADLINE;
            struct engine_request request = trapped_request(side, looks, by);
            struct lookup_resources resources = {.resource_type = SLICE_LITERAL("doc"),
                                                 .permission = SLICE_LITERAL("view"),
                                                 .subject = bob};
            struct lookup_subjects subjects = {.resource = doc,
                                               .permission = SLICE_LITERAL("view"),
                                               .subject_type = SLICE_LITERAL("user")};
            struct lookup_resources_result found = {.resource_count = 0};
            struct lookup_subjects_result who = {.subject_count = 0};
            struct error error;
            enum status status =
                engine_lookup_resources(side->worker, &request, &resources, &found, &error);

            met = triggered;
            if (status == BEHALF_OK)
                cr_expect(found.complete && found.resource_count == 1 &&
                          found.resources[0].decision == DECISION_CONDITIONAL);
            cr_expect(status == BEHALF_OK || status == BEHALF_DEADLINE);
            request = trapped_request(side, looks, by);
            status = engine_lookup_subjects(side->worker, &request, &subjects, &who, &error);
            met = met || triggered;
            disarm();
            cr_expect(status == BEHALF_OK || status == BEHALF_DEADLINE);
            if (status == BEHALF_OK)
                cr_expect(who.complete && who.subject_count == 5, "%zu", who.subject_count);
            cr_assert_lt(looks, 10000);
        }
    }
    EXPECT_SUBJECTS("doc:1#view", "user", "all ann bob[...] cyd[...] many[...]");
    EXPECT_RESOURCES("doc#view@user:bob", "1[...]");
    AGREED();
}

/* --- cycles from every side --- */

static void
given_cycle(void)
{
    GIVEN(SCHEMA, "group:1#member@group:2#member", "group:2#member@group:1#member",
          "group:2#member@group:3#member[if_right]", "group:1#member@group:4#member",
          "group:4#member@user:u[if_left]", "group:3#member@group:1#member",
          "group:3#member@user:v");
}

/* The member stands behind a later branch of whichever is asked first. */
Test(scenarios_interruptions, a_cycle_asked_inside_first_and_outside_first)
{
    static const char *const orders[][4] = {
        {"1", "2", "3", "4"}, {"4", "3", "2", "1"}, {"2", "1", "4", "3"}, {"3", "1", "2", "4"}};
    char question[64];

    for (size_t order = 0; order < 4; order++) {
        given_cycle();
        for (int round = 0; round < 2; round++) {
            for (size_t i = 0; i < 4; i++) {
                const char *group = orders[order][i];

                snprintf(question, sizeof question, "group:%s#member@user:u", group);
                EXPECT(question, group[0] == '4' ? "conditional on left_is"
                                                 : "conditional on left_is, right_is");
                snprintf(question, sizeof question, "group:%s#member@user:v", group);
                EXPECT(question, group[0] == '3'   ? "allow"
                                 : group[0] == '4' ? "deny"
                                                   : "conditional on right_is");
            }
        }
        harness_context(&scenario, "{\"left_is\":1,\"right_is\":0}");
        for (size_t i = 0; i < 4; i++) {
            snprintf(question, sizeof question, "group:%s#member@user:u", orders[order][i]);
            EXPECT(question, "allow");
        }
        EXPECT_RESOURCES("group#member@user:v", "3");
        AGREED();
    }
}
