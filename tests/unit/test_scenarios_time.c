/* test_scenarios_time.c - expirations to the nanosecond, and until when an answer may be relied on.
 * Times are seconds behind the moment at which the clocks stop. */
#include "tests/unit/test_scenarios_support.h"

#include <stdio.h>
#include <string.h>

#define START INT64_C(4102444800000000000) /* 2100-01-01T00:00:00Z */
#define SECOND INT64_C(1000000000)
#define FIRST "[expiration:2100-01-01T00:00:10Z]"
#define SECOND_ONE "[expiration:2100-01-01T00:00:20Z]"
#define THIRD "[expiration:2100-01-01T00:00:30Z]"

#define CAVEATS                                                                                    \
    "use expiration caveat if_left(left_is int) { left_is == 1 } "                                 \
    "caveat faulty(divisor int) { 1 / divisor == 1 } "

#define ANY_OF(subject)                                                                            \
    subject " | " subject " with expiration | " subject " with if_left | " subject                 \
            " with if_left and expiration | " subject " with faulty and expiration"

#define OF_USER ANY_OF("user")
#define OF_ALL ANY_OF("user:*")
#define OF_PART ANY_OF("part")
#define OF_HELD ANY_OF("part#held")

static const char WORLD[] = CAVEATS
    "definition user {} definition part { relation held: " OF_USER " | " OF_HELD " } "
    "definition doc { relation sure: user relation none: user "
    "relation left: " OF_USER " relation right: " OF_USER " relation open: " OF_ALL
    " relation via: " OF_HELD " relation near: " OF_PART
    " permission sum = left + right permission both = left & right "
    "permission less = left - right permission without_left = sure - left "
    "permission without_right = sure - right "
    "permission deny_sum = without_left + without_right "
    "permission deny_both = without_left & without_right "
    "permission deny_none = without_left & none permission late_deny = left & without_right "
    "permission after_deny = right - without_left permission some = near->held "
    "permission every = near.all(held) permission public = open + left }";

static void
at_nanoseconds(int64_t behind_start)
{
    for (int side = 0; side < 2; side++)
        harness_set_time(&scenario.sides[side], START + behind_start);
    scenario.asked_count = 0;
}

/* Stops the clocks at the start. What the engine trusts is the monotonic clock, which was read some
 * nanoseconds apart from the other one when it began: it is moved to agree. */
static void
stop_clocks(void)
{
    for (int side = 0; side < 2; side++) {
        struct engine_clock clock;

        harness_set_time(&scenario.sides[side], START - SECOND);
        engine_clock_read(scenario.sides[side].engine, &clock);
        atomic_fetch_add(&scenario.sides[side].monotonic, clock.wall_ns - clock.trusted_ns);
    }
    at_nanoseconds(0);
}

/* --- to the nanosecond --- */

static void
expect_present(const char *answer)
{
    bool there = strcmp(answer, "allow") == 0;

    EXPECT("doc:1#left@user:u", answer);
    EXPECT("doc:1#via@user:u", answer);
    EXPECT("doc:1#some@user:u", answer);
    EXPECT("doc:2#via@user:u", answer);
    EXPECT("doc:2#some@user:u", answer);
    EXPECT("doc:2#every@user:u", answer);
    EXPECT("doc:3#open@user:z", answer);
    EXPECT("doc:4#less@user:u", there ? "deny" : "allow");
    /* .all counts what is there: without the edge to an object that lacks the subject it holds */
    EXPECT("doc:5#every@user:u", there ? "deny" : "allow");
    EXPECT_SUBJECTS("doc:1#left", "user", there ? "u" : "");
    EXPECT_SUBJECTS("doc:1#via", "user", there ? "u" : "");
    EXPECT_SUBJECTS("doc:3#open", "user", there ? "*{}" : "");
    EXPECT_SUBJECTS("doc:4#less", "user", there ? "" : "u");
    EXPECT_SUBJECTS("doc:5#every", "user", there ? "" : "u");
    EXPECT_RESOURCES("doc#left@user:u", there ? "1 4" : "4");
    EXPECT_RESOURCES("doc#via@user:u", there ? "1 2" : "");
    EXPECT_RESOURCES("doc#via@part:gone#held", there ? "1" : "");
    EXPECT_RESOURCES("doc#some@user:u", there ? "1 2 5" : "5");
    EXPECT_RESOURCES("doc#every@user:u", there ? "1 2" : "5");
    EXPECT_RESOURCES("doc#open@user:z", there ? "3" : "");
}

Test(scenarios_time, an_expiration_is_exact)
{
    GIVEN(WORLD, (const char *)NULL);
    stop_clocks();
    for (const char *const *edge =
             (const char *const[]){"doc:1#left@user:u" FIRST, "doc:1#via@part:gone#held" FIRST,
                                   "part:gone#held@user:u", "doc:1#near@part:gone" FIRST,
                                   "doc:2#via@part:p#held", "doc:2#near@part:p",
                                   "part:p#held@user:u" FIRST, "doc:3#open@user:*" FIRST,
                                   "doc:4#left@user:u", "doc:4#right@user:u" FIRST,
                                   "doc:5#near@part:empty" FIRST, "doc:5#near@part:gone", NULL};
         *edge != NULL; edge++)
        cr_assert_eq(harness_create(&scenario, *edge), BEHALF_OK, "%s", *edge);
    expect_present("allow");
    at_nanoseconds(10 * SECOND - 1);
    expect_present("allow");
    at_nanoseconds(10 * SECOND);
    expect_present("deny");
    at_nanoseconds(10 * SECOND + 1);
    expect_present("deny");
    /* what has expired is no obstacle */
    cr_expect_eq(harness_create(&scenario, "doc:1#left@user:u" SECOND_ONE), BEHALF_OK);
    EXPECT("doc:1#left@user:u", "allow");
    at_nanoseconds(20 * SECOND);
    EXPECT("doc:1#left@user:u", "deny");
    AGREED();
}

/* --- older revisions at a later time --- */

static const char *
said_at(int side, const char *member, const char *id, const struct engine_token *token)
{
    struct engine_request request = harness_request(&scenario.sides[side], token);
    struct check check = {
        .resource = {.type = SLICE_LITERAL("doc"), .id = SLICE_LITERAL("1")},
        .permission = slice_of(member),
        .subject = {.type = SLICE_LITERAL("user"), .id = slice_of(id)},
    };
    struct check_result result;
    struct error error;

    if (engine_check(scenario.sides[side].worker, &request, &check, &result, &error) != BEHALF_OK)
        return status_name(error.status);
    return result.decision == DECISION_ALLOW ? "allow" : "deny";
}

static void
tokens_of_now(struct engine_token tokens[2])
{
    for (int side = 0; side < 2; side++) {
        struct engine_info info;
        struct error error;

        cr_assert_eq(engine_info_read(scenario.sides[side].engine, &info, &error), BEHALF_OK);
        tokens[side] = info.token;
    }
}

static void
expect_then(const struct engine_token tokens[2], const char *then, const char *now)
{
    for (int side = 0; side < 2; side++) {
        cr_expect_str_eq(said_at(side, "sum", "u", &tokens[side]), then);
        cr_expect_str_eq(said_at(side, "some", "u", &tokens[side]), then);
        cr_expect_str_eq(said_at(side, "sum", "u", NULL), now);
        cr_expect_str_eq(said_at(side, "some", "u", NULL), now);
    }
}

Test(scenarios_time, an_older_revision_has_no_time_of_its_own)
{
    struct engine_token first[2];
    struct engine_token second[2];
    struct engine_write sweep = {.kind = WRITE_SWEEP};

    GIVEN(WORLD, (const char *)NULL);
    stop_clocks();
    harness_create(&scenario, "part:p#held@user:u");
    harness_create(&scenario, "doc:1#left@user:u" FIRST);
    harness_create(&scenario, "doc:1#near@part:p" FIRST);
    tokens_of_now(first);
    harness_touch(&scenario, "doc:1#left@user:u" THIRD);
    harness_touch(&scenario, "doc:1#near@part:p" THIRD);
    tokens_of_now(second);
    harness_delete(&scenario, "doc:1#left@user:u");
    harness_delete(&scenario, "doc:1#near@part:p");
    expect_then(first, "allow", "deny");
    at_nanoseconds(10 * SECOND - 1);
    expect_then(first, "allow", "deny");
    expect_then(second, "allow", "deny");
    at_nanoseconds(10 * SECOND);
    expect_then(first, "deny", "deny");
    expect_then(second, "allow", "deny");
    harness_create(&scenario, "doc:1#right@user:u" SECOND_ONE);
    harness_create(&scenario, "doc:1#near@part:p" SECOND_ONE);
    expect_then(first, "deny", "allow");
    expect_then(second, "allow", "allow");
    at_nanoseconds(30 * SECOND);
    for (int side = 0; side < 2; side++)
        cr_expect_eq(harness_submit(&scenario.sides[side], &sweep), BEHALF_OK);
    expect_then(second, "deny", "deny");
    AGREED();
}

/* --- until when --- */

/* Seconds, 0 = for ever; -1 = an error, which has no time. */
static int64_t
seconds_of(enum status status, int64_t valid_until)
{
    if (status != BEHALF_OK)
        return -1;
    return valid_until == 0 ? 0 : (valid_until - START) / SECOND;
}

static struct check
parsed(const char *question)
{
    struct check check = {.context = scenario.context};
    struct relationship asked;
    struct error error;

    cr_assert_eq(relationship_parse(slice_of(question), &scenario.arena, &asked, &error), BEHALF_OK,
                 "%s", question);
    check.resource = asked.resource;
    check.permission = asked.resource.relation;
    check.resource.relation = (struct slice){NULL, 0};
    check.subject = asked.subject;
    return check;
}

static int64_t
until_alone(int side, const struct check *check)
{
    struct engine_request request = harness_request(&scenario.sides[side], NULL);
    struct check_result result = {.valid_until = 0};
    struct error error;
    enum status status =
        engine_check(scenario.sides[side].worker, &request, check, &result, &error);

    return seconds_of(status, result.valid_until);
}

/* The last of three: what was learned for those before is used again. */
static int64_t
until_in_bulk(int side, const struct check *check)
{
    struct engine_request request = harness_request(&scenario.sides[side], NULL);
    struct check checks[3] = {*check, *check, *check};
    struct check_bulk_result result;
    struct error error;

    checks[1].permission = SLICE_LITERAL("left");
    checks[1].resource.id = SLICE_LITERAL("elsewhere");
    checks[1].resource.type = SLICE_LITERAL("doc");
    cr_assert_eq(
        engine_check_bulk(scenario.sides[side].worker, &request, checks, 3, &result, &error),
        BEHALF_OK, "%s", error.message);
    return seconds_of(result.items[2].status, result.items[2].valid_until);
}

/* One of the two, where the language leaves it open; equal where not. */
static void
expect_until(const char *question, int64_t one, int64_t other)
{
    struct check check = parsed(question);

    for (int side = 0; side < 2; side++) {
        for (int method = 0; method < 2; method++) {
            int64_t until = method == 0 ? until_alone(side, &check) : until_in_bulk(side, &check);

            cr_expect(until == one || until == other, "%s until %ld, not %ld or %ld", question,
                      (long)until, (long)one, (long)other);
        }
    }
}

#define EXPECT_UNTIL(question, until) expect_until(question, until, until)

static void
given_until(const char *const *edges)
{
    GIVEN(WORLD, "doc:1#sure@user:u");
    stop_clocks();
    for (; *edges != NULL; edges++)
        cr_assert_eq(harness_create(&scenario, *edges), BEHALF_OK, "%s", *edges);
}

Test(scenarios_time, until_of_two_that_allow)
{
    given_until((const char *const[]){"doc:1#left@user:u" FIRST, "doc:1#right@user:u" SECOND_ONE,
                                      "doc:2#left@user:u" FIRST, "doc:3#right@user:u" SECOND_ONE,
                                      "doc:4#left@user:u" FIRST, "doc:4#right@user:u", NULL});
    EXPECT_UNTIL("doc:1#left@user:u", 10);
    EXPECT_UNTIL("doc:1#right@user:u", 20);
    EXPECT_UNTIL("doc:1#left@user:v", 0);
    expect_until("doc:1#sum@user:u", 10, 20);
    EXPECT_UNTIL("doc:2#sum@user:u", 10);
    EXPECT_UNTIL("doc:3#sum@user:u", 20);
    EXPECT_UNTIL("doc:4#sum@user:v", 0);
    expect_until("doc:4#sum@user:u", 0, 10);
    EXPECT_UNTIL("doc:1#both@user:u", 10);
    EXPECT_UNTIL("doc:2#both@user:u", 0);
    EXPECT_UNTIL("doc:3#both@user:u", 0);
    EXPECT_UNTIL("doc:4#both@user:u", 10);
    /* denied by the right side alone; by neither; by both */
    EXPECT_UNTIL("doc:1#less@user:u", 20);
    EXPECT_UNTIL("doc:2#less@user:u", 10);
    expect_until("doc:3#less@user:u", 0, 20);
    EXPECT_UNTIL("doc:4#less@user:u", 0);
    AGREED();
}

Test(scenarios_time, until_of_denials)
{
    given_until((const char *const[]){"doc:1#left@user:u" FIRST, "doc:1#right@user:u" SECOND_ONE,
                                      "doc:2#sure@user:u", "doc:2#left@user:u" THIRD,
                                      "doc:2#right@user:u" FIRST, NULL});
    EXPECT_UNTIL("doc:1#without_left@user:u", 10);
    EXPECT_UNTIL("doc:1#without_right@user:u", 20);
    /* a union is denied only as long as all of its branches are */
    EXPECT_UNTIL("doc:1#deny_sum@user:u", 10);
    EXPECT_UNTIL("doc:2#deny_sum@user:u", 10);
    /* an intersection as long as one of them is */
    expect_until("doc:1#deny_both@user:u", 10, 20);
    expect_until("doc:1#deny_none@user:u", 0, 10);
    EXPECT_UNTIL("doc:1#late_deny@user:u", 20);
    EXPECT_UNTIL("doc:2#late_deny@user:u", 10);
    /* an exclusion allows as long as neither side changes */
    EXPECT_UNTIL("doc:1#after_deny@user:u", 10);
    EXPECT_UNTIL("doc:2#after_deny@user:u", 10);
    EXPECT_UNTIL("doc:1#without_left@user:v", 0);
    AGREED();
}

Test(scenarios_time, until_of_what_is_conditional)
{
    given_until((const char *const[]){
        "doc:1#left@user:u[if_left]" FIRST, "doc:1#right@user:u[if_left]" SECOND_ONE,
        "doc:2#left@user:u[if_left]" FIRST, "doc:2#right@user:u" SECOND_ONE,
        "doc:3#left@user:u" FIRST, "doc:3#right@user:u[if_left]" SECOND_ONE,
        "doc:4#left@user:u[if_left:{\"left_is\":0}]" FIRST, "doc:5#left@user:u[if_left]" FIRST,
        "doc:6#left@user:u[faulty:{\"divisor\":0}]" FIRST, "doc:6#right@user:u" SECOND_ONE, NULL});
    EXPECT_UNTIL("doc:1#left@user:u", 10);
    EXPECT_UNTIL("doc:1#sum@user:u", 10);
    EXPECT_UNTIL("doc:1#both@user:u", 10);
    EXPECT_UNTIL("doc:1#less@user:u", 10);
    EXPECT_UNTIL("doc:2#sum@user:u", 20);
    EXPECT_UNTIL("doc:2#both@user:u", 10);
    EXPECT_UNTIL("doc:2#less@user:u", 20);
    EXPECT_UNTIL("doc:3#sum@user:u", 10);
    EXPECT_UNTIL("doc:3#both@user:u", 10);
    EXPECT_UNTIL("doc:3#less@user:u", 10);
    /* what is false stays false, there or not */
    EXPECT_UNTIL("doc:4#left@user:u", 0);
    EXPECT_UNTIL("doc:4#sum@user:u", 0);
    EXPECT_UNTIL("doc:5#both@user:u", 0);
    EXPECT_UNTIL("doc:5#sum@user:u", 10);
    EXPECT_UNTIL("doc:6#left@user:u", -1);
    EXPECT_UNTIL("doc:6#sum@user:u", 20);
    harness_context(&scenario, "{\"left_is\":1}");
    EXPECT_UNTIL("doc:1#both@user:u", 10);
    EXPECT_UNTIL("doc:1#less@user:u", 20);
    harness_context(&scenario, "{\"left_is\":0}");
    EXPECT_UNTIL("doc:1#both@user:u", 0);
    EXPECT_UNTIL("doc:3#less@user:u", 10);
    EXPECT_UNTIL("doc:2#sum@user:u", 20);
    AGREED();
}

Test(scenarios_time, until_of_hops)
{
    given_until((const char *const[]){
        "part:p#held@user:u" SECOND_ONE, "part:q#held@user:u", "doc:1#via@part:p#held" FIRST,
        "doc:1#near@part:p" FIRST, "doc:2#via@part:p#held", "doc:2#near@part:p",
        "doc:3#via@part:q#held" FIRST, "doc:3#near@part:q" FIRST,
        "doc:4#via@part:q#held[if_left]" FIRST, "doc:4#near@part:q[if_left]" FIRST,
        "part:r#held@part:p#held" THIRD, "doc:5#via@part:r#held", "doc:5#near@part:r", NULL});
    EXPECT_UNTIL("doc:1#via@user:u", 10);
    EXPECT_UNTIL("doc:1#some@user:u", 10);
    EXPECT_UNTIL("doc:1#every@user:u", 10);
    EXPECT_UNTIL("doc:2#via@user:u", 20);
    EXPECT_UNTIL("doc:2#some@user:u", 20);
    EXPECT_UNTIL("doc:2#every@user:u", 20);
    EXPECT_UNTIL("doc:3#via@user:u", 10);
    EXPECT_UNTIL("doc:3#some@user:u", 10);
    EXPECT_UNTIL("doc:4#via@user:u", 10);
    EXPECT_UNTIL("doc:4#some@user:u", 10);
    EXPECT_UNTIL("doc:4#every@user:u", 10);
    EXPECT_UNTIL("doc:5#via@user:u", 20);
    EXPECT_UNTIL("doc:5#some@user:u", 20);
    /* nobody comes in by a hop that goes; but .all may, once what denies is gone */
    EXPECT_UNTIL("doc:1#via@user:v", 0);
    EXPECT_UNTIL("doc:1#some@user:v", 0);
    EXPECT_UNTIL("doc:1#every@user:v", 10);
    EXPECT_UNTIL("doc:2#every@user:v", 0);
    AGREED();
}

Test(scenarios_time, until_of_all)
{
    given_until((const char *const[]){
        "part:p#held@user:u" THIRD, "part:q#held@user:u", "part:s#held@user:u" FIRST,
        "doc:1#near@part:p" FIRST, "doc:1#near@part:q" SECOND_ONE, "doc:2#near@part:p",
        "doc:2#near@part:q" SECOND_ONE, "doc:3#near@part:s" SECOND_ONE, "doc:3#near@part:q",
        "doc:4#near@part:q" FIRST, "doc:4#near@part:empty" SECOND_ONE,
        "doc:5#near@part:q[if_left:{\"left_is\":0}]" FIRST,
        "doc:6#near@part:q[if_left:{\"left_is\":0}]", "doc:7#near@part:p[if_left]" FIRST,
        "doc:7#near@part:q", "doc:8#near@part:q",
        "doc:8#near@part:p[faulty:{\"divisor\":0}]" SECOND_ONE, "doc:8#near@part:empty" FIRST,
        NULL});
    EXPECT_UNTIL("doc:1#every@user:u", 10);
    EXPECT_UNTIL("doc:2#every@user:u", 20);
    EXPECT_UNTIL("doc:3#every@user:u", 10);
    expect_until("doc:4#every@user:u", 10, 20);
    EXPECT_UNTIL("doc:5#every@user:u", 10);
    EXPECT_UNTIL("doc:6#every@user:u", 0);
    EXPECT_UNTIL("doc:7#every@user:u", 10);
    EXPECT_UNTIL("doc:8#every@user:u", 10);
    EXPECT_UNTIL("doc:9#every@user:u", 0);
    at_nanoseconds(10 * SECOND);
    EXPECT_UNTIL("doc:1#every@user:u", 20);
    EXPECT_UNTIL("doc:3#every@user:u", 20);
    EXPECT_UNTIL("doc:4#every@user:u", 20);
    EXPECT_UNTIL("doc:5#every@user:u", 0);
    EXPECT_UNTIL("doc:7#every@user:u", 0);
    EXPECT_UNTIL("doc:8#every@user:u", -1);
    AGREED();
}

Test(scenarios_time, until_of_wildcards)
{
    given_until((const char *const[]){"doc:1#open@user:*" FIRST, "doc:1#left@user:u" SECOND_ONE,
                                      "doc:2#open@user:*[if_left]" FIRST,
                                      "doc:2#left@user:u" SECOND_ONE, NULL});
    expect_until("doc:1#public@user:u", 10, 20);
    EXPECT_UNTIL("doc:1#public@user:z", 10);
    EXPECT_UNTIL("doc:2#public@user:u", 20);
    EXPECT_UNTIL("doc:2#public@user:z", 10);
    AGREED();
}

/* All in one request, in both orders: who comes later finds what was decided in the cycle. */
static void
expect_untils(const char *const *questions, size_t count, int64_t until)
{
    struct check checks[8];

    for (int backwards = 0; backwards < 2; backwards++) {
        for (int side = 0; side < 2; side++) {
            struct engine_request request = harness_request(&scenario.sides[side], NULL);
            struct check_bulk_result result;
            struct error error;

            for (size_t i = 0; i < count; i++)
                checks[i] = parsed(questions[backwards ? count - 1 - i : i]);
            cr_assert_eq(engine_check_bulk(scenario.sides[side].worker, &request, checks, count,
                                           &result, &error),
                         BEHALF_OK, "%s", error.message);
            for (size_t i = 0; i < count; i++)
                cr_expect_eq(seconds_of(result.items[i].status, result.items[i].valid_until), until,
                             "%s", questions[backwards ? count - 1 - i : i]);
        }
    }
}

Test(scenarios_time, until_of_cycles)
{
    static const char *const allowed[] = {"doc:1#view@user:u", "doc:2#view@user:u",
                                          "doc:3#view@user:u"};
    static const char *const open[] = {"doc:1#view@user:v", "doc:2#view@user:v",
                                       "doc:3#view@user:v"};
    static const char *const denied[] = {"doc:1#rest@user:u", "doc:2#rest@user:u",
                                         "doc:3#rest@user:u"};

    GIVEN(CAVEATS "definition user {} definition doc { relation parent: doc relation viewer: user "
                  "with expiration | user with if_left and expiration relation banned: user with "
                  "expiration permission view = parent->view + viewer permission rest = "
                  "(parent->rest + viewer) - banned }",
          "doc:1#parent@doc:2", "doc:2#parent@doc:3", "doc:3#parent@doc:1");
    stop_clocks();
    harness_create(&scenario, "doc:1#viewer@user:u" FIRST);
    harness_create(&scenario, "doc:2#viewer@user:v[if_left]" FIRST);
    harness_create(&scenario, "doc:3#viewer@user:v[if_left]" SECOND_ONE);
    harness_create(&scenario, "doc:1#banned@user:u" SECOND_ONE);
    expect_untils(allowed, 3, 10);
    expect_untils(open, 3, 10);
    EXPECT("doc:2#view@user:u", "allow");
    EXPECT("doc:3#view@user:v", "conditional on left_is");
    for (size_t i = 0; i < 3; i++)
        EXPECT(denied[i], "deny");
    at_nanoseconds(10 * SECOND);
    EXPECT("doc:2#view@user:u", "deny");
    expect_untils(open, 3, 20);
    at_nanoseconds(20 * SECOND);
    EXPECT("doc:1#view@user:v", "deny");
    AGREED();
}

Test(scenarios_time, until_of_delegation)
{
    static const struct object agent = {.type = {"agent", 5}, .id = {"x", 1}};

    GIVEN(CAVEATS "definition user {} definition agent { relation acts_on_behalf_of: user with "
                  "expiration | user with if_left and expiration } definition doc { relation left: "
                  "user with expiration }",
          (const char *)NULL);
    stop_clocks();
    harness_create(&scenario, "doc:1#left@user:u" SECOND_ONE);
    harness_create(&scenario, "doc:2#left@user:u" FIRST);
    harness_create(&scenario, "agent:x#acts_on_behalf_of@user:u" THIRD);
    harness_create(&scenario, "agent:x#acts_on_behalf_of@user:v[if_left]" FIRST);
    harness_create(&scenario, "doc:1#left@user:v" SECOND_ONE);
    for (int side = 0; side < 2; side++) {
        static const struct {
            const char *question;
            int64_t until;
        } rows[] = {{"doc:1#left@user:u", 20},
                    {"doc:2#left@user:u", 10},
                    {"doc:1#left@user:v", 10},
                    {"doc:3#left@user:u", 0}};

        for (size_t i = 0; i < 4; i++) {
            struct check check = parsed(rows[i].question);

            check.actors = &agent;
            check.actor_count = 1;
            cr_expect_eq(until_alone(side, &check), rows[i].until, "%s", rows[i].question);
        }
    }
    AGREED();
}

/* --- never too late --- */

#define WATCHED_MAX 400

struct watched {
    char question[64];
    char answer[160];
    int64_t until; /* seconds, 0 = for ever; -1 = nothing was promised */
};

static struct watched watched[WATCHED_MAX];
static size_t watched_count;

static void
watch(const char *question)
{
    struct watched *row = &watched[watched_count++];

    cr_assert_leq(watched_count, WATCHED_MAX);
    snprintf(row->question, sizeof row->question, "%s", question);
    row->until = -1;
}

static void
answer_watched(const struct watched *row, int side, char answer[160], int64_t *until)
{
    struct check check = parsed(row->question);
    struct engine_request request = harness_request(&scenario.sides[side], NULL);
    struct check_result result = {.valid_until = 0};
    struct error error;
    enum status status =
        engine_check(scenario.sides[side].worker, &request, &check, &result, &error);
    size_t used;

    *until = seconds_of(status, result.valid_until);
    used = (size_t)snprintf(answer, 160, "%s %d",
                            status == BEHALF_OK ? "decided" : status_name(status),
                            status == BEHALF_OK ? (int)result.decision : -1);
    for (size_t i = 0; status == BEHALF_OK && i < result.missing.count; i++)
        used += (size_t)snprintf(answer + used, 160 - used, " %.*s",
                                 SLICE_PRINTF(result.missing.names[i]));
}

/* Second by second, the sides in turn: no decision changes before the time it
 * was promised until. */
static void
watch_until(int64_t end)
{
    for (int64_t now = 0; now <= end; now++) {
        at_nanoseconds(now * SECOND);
        for (size_t i = 0; i < watched_count; i++) {
            struct watched *row = &watched[i];
            char answer[160];
            int64_t until;

            answer_watched(row, (int)(now % 2), answer, &until);
            if (row->until == 0 || row->until > now)
                cr_expect_str_eq(answer, row->answer, "%s at %ld, promised until %ld",
                                 row->question, (long)now, (long)row->until);
            snprintf(row->answer, sizeof row->answer, "%s", answer);
            row->until = until;
        }
    }
}

static void
watch_documents(unsigned count)
{
    static const char *const members[] = {
        "left",      "sum",       "both",       "less", "without_left", "deny_sum", "deny_both",
        "deny_none", "late_deny", "after_deny", "via",  "some",         "every",    "public"};
    char text[64];

    watched_count = 0;
    for (unsigned doc = 0; doc < count; doc++)
        for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
            snprintf(text, sizeof text, "doc:%u#%s@user:u", doc, members[i]);
            watch(text);
        }
}

/* Edges whose traits are drawn by a fixed sequence. */
static void
scatter(unsigned seed, unsigned count)
{
    static const char *const edges[] = {"left@user:u",     "right@user:u",    "open@user:*",
                                        "via@part:0#held", "via@part:1#held", "near@part:0",
                                        "near@part:1",     "near@part:2"};
    static const char *const parts[] = {"0#held@part:1#held", "1#held@part:0#held",
                                        "1#held@part:2#held", "2#held@user:u", "0#held@user:u"};
    char text[160];

    for (unsigned i = 0; i < 8 * count + 5; i++) {
        const char *condition = "";
        unsigned draw;

        seed = seed * 1103515245 + 12345;
        draw = seed >> 16;
        if (draw % 4 == 0)
            continue;
        if (draw / 4 % 3 == 0)
            condition = draw / 12 % 3 == 0 ? "[if_left]" : "[if_left:{\"left_is\":0}]";
        if (i < 5)
            snprintf(text, sizeof text, "part:%s%s", parts[i], condition);
        else
            snprintf(text, sizeof text, "doc:%u#%s%s", (i - 5) / 8, edges[(i - 5) % 8], condition);
        if (draw / 64 % 5 > 0)
            snprintf(text + strlen(text), sizeof text - strlen(text),
                     "[expiration:2100-01-01T00:00:%02uZ]", 1 + draw / 512 % 12);
        cr_assert_eq(harness_create(&scenario, text), BEHALF_OK, "%s", text);
    }
}

/* Cycles of usersets, .all, denials, conditions: each promise is kept. */
Test(scenarios_time, no_promise_is_too_long, .timeout = 120)
{
    for (unsigned seed = 1; seed <= 12; seed++) {
        GIVEN(WORLD, (const char *)NULL);
        stop_clocks();
        for (unsigned doc = 0; doc < 12; doc++) {
            char text[64];

            snprintf(text, sizeof text, "doc:%u#sure@user:u", doc);
            harness_create(&scenario, text);
        }
        scatter(seed, 12);
        if (seed % 3 == 0)
            harness_context(&scenario, "{\"left_is\":1}");
        watch_documents(12);
        watch_until(13);
        AGREED();
    }
}
