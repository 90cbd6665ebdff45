/* test_scenarios_contexts.c - contexts that must not be taken for one another: what caches and keys
 * of others mixed up. */
#include "tests/unit/test_scenarios_support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/datum.h"

/* --- pairs of contexts --- */

/* A context is `{"given":...}`; NULL is none at all. */
static const struct {
    const char *first;
    const char *second;
} pairs[] = {
    {"[[\"a\"],\"b\"]", "[[\"a\",\"b\"]]"},
    {"[\"a,b\"]", "[\"a\",\"b\"]"},
    {"{\"a\":\"x,'b:'y\"}", "{\"a\":\"x\",\"b\":\"y\"}"},
    {"{\"a\":{\"b\":1}}", "{\"a\":1,\"b\":1}"},
    {"[]", "{}"},
    {"[[]]", "[]"},
    {"\"a\\b\"", "\"\""},
    {"\"a\\b\"", "\"a\""},
    {"\"\\u0001\"", "\"\\u0002\""},
    {"1", "\"1\""},
    {"1", "true"},
    {"1", "null"},
    {"1", NULL},
    {"1", "1.5"},
    {"\"1\"", "true"},
    {"true", "\"true\""},
    {"false", "null"},
    {"false", "0"},
    {"null", NULL},
    {"null", "\"null\""},
    {"\"\"", NULL},
    {"\"\"", "null"},
    {"9007199254740991", "9007199254740993"},
    {"9007199254740992", "9007199254740994"}, /* between them lies no double */
    {"-1", "18446744073709551615"},
    {"\"a\\u0000b\"", "\"a\""},
    {"\"a\\u0000b\"", "\"a\\u0000c\""},
    {"\"\xc3\xa9\"", "\"e\xcc\x81\""},
    {"\"x#viewer@user:a\"", "\"x#viewer@user:b\""},
    {"\"a\"", "\"a \""},
    {"\"a\"", "\"A\""},
};

#define PAIRS (sizeof pairs / sizeof *pairs)

#define SAME                                                                                       \
    "caveat same_as(given any, wanted any) { type(given) == type(wanted) && given == wanted } "

/* Makes the context of what comes; NULL where nothing is given. */
static const struct datum *
context_of(const char *given)
{
    char text[320];

    snprintf(text, sizeof text, "{\"given\":%s}", given == NULL ? "" : given);
    harness_context(&scenario, given == NULL ? NULL : text);
    return scenario.context;
}

static void
store(const char *wanted)
{
    static const char *const edges[] = {"doc:1#viewer@user:u", "doc:2#viewer@user:u",
                                        "doc:3#viewer@user:u", "doc:1#viewer@user:v"};
    char text[256];

    for (size_t i = 0; i < 4; i++) {
        snprintf(text, sizeof text, "%s[same_as:{\"wanted\":%s}]", edges[i], wanted);
        cr_assert_eq(harness_touch(&scenario, text), BEHALF_OK, "%s", text);
    }
}

static void
expect_given(const char *given, const char *expected)
{
    (void)context_of(given);
    EXPECT("doc:1#viewer@user:u", expected);
}

/* Items of one request, in turn with the one context and the other. */
static void
expect_bulk(const struct datum *first, const struct datum *second, enum decision second_is)
{
    struct check checks[6];

    for (int side = 0; side < 2; side++) {
        for (unsigned turn = 0; turn < 2; turn++) {
            struct engine_request request = harness_request(&scenario.sides[side], NULL);
            struct check_bulk_result result;
            struct error error;

            for (unsigned i = 0; i < 6; i++)
                checks[i] = (struct check){
                    .resource = {.type = SLICE_LITERAL("doc"), .id = SLICE_LITERAL("1")},
                    .permission = SLICE_LITERAL("viewer"),
                    .subject = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("u")},
                    .context = i % 2 == turn ? first : second,
                };
            cr_assert_eq(engine_check_bulk(scenario.sides[side].worker, &request, checks, 6,
                                           &result, &error),
                         BEHALF_OK, "%s", error.message);
            for (unsigned i = 0; i < 6; i++) {
                cr_expect_eq(result.items[i].status, BEHALF_OK);
                cr_expect_eq(result.items[i].decision, i % 2 == turn ? DECISION_ALLOW : second_is,
                             "item %u of turn %u", i, turn);
            }
        }
    }
}

/* The cursor of a first page asked with one context is refused with any other. */
static enum status
next_resources(const struct datum *first, const struct datum *then)
{
    struct harness_engine *side = &scenario.sides[0];
    struct engine_request request = harness_request(side, NULL);
    struct lookup_resources lookup = {
        .resource_type = SLICE_LITERAL("doc"),
        .permission = SLICE_LITERAL("viewer"),
        .subject = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("u")},
        .context = first,
        .limit = 1,
    };
    struct lookup_resources_result result = {.resource_count = 0};
    struct engine_token cursor;
    struct error error;

    cr_assert_eq(engine_lookup_resources(side->worker, &request, &lookup, &result, &error),
                 BEHALF_OK, "%s", error.message);
    cursor = result.cursor;
    cr_assert_neq(cursor.text[0], '\0');
    request = harness_request(side, NULL);
    lookup.cursor = slice_of(cursor.text);
    lookup.context = then;
    return engine_lookup_resources(side->worker, &request, &lookup, &result, &error);
}

static enum status
next_subjects(const struct datum *first, const struct datum *then)
{
    struct harness_engine *side = &scenario.sides[0];
    struct engine_request request = harness_request(side, NULL);
    struct lookup_subjects lookup = {
        .resource = {.type = SLICE_LITERAL("doc"), .id = SLICE_LITERAL("1")},
        .permission = SLICE_LITERAL("viewer"),
        .subject_type = SLICE_LITERAL("user"),
        .context = first,
        .limit = 1,
    };
    struct lookup_subjects_result result = {.subject_count = 0};
    struct engine_token cursor;
    struct error error;

    cr_assert_eq(engine_lookup_subjects(side->worker, &request, &lookup, &result, &error),
                 BEHALF_OK, "%s", error.message);
    cursor = result.cursor;
    cr_assert_neq(cursor.text[0], '\0');
    request = harness_request(side, NULL);
    lookup.cursor = slice_of(cursor.text);
    lookup.context = then;
    return engine_lookup_subjects(side->worker, &request, &lookup, &result, &error);
}

/* Holds for `first` and not for `second`, however they are mixed. */
static void
expect_apart(const char *first, const char *second)
{
    const char *other = second == NULL ? "conditional on given" : "deny";
    const struct datum *one;
    const struct datum *two;

    GIVEN(SAME "definition user {} definition doc { relation viewer: user with same_as }",
          (const char *)NULL);
    store(first);
    expect_given(first, "allow");
    expect_given(second, other);
    expect_given(first, "allow");
    one = context_of(first);
    two = context_of(second);
    expect_bulk(one, two, second == NULL ? DECISION_CONDITIONAL : DECISION_DENY);
    cr_expect_eq(next_resources(one, context_of(first)), BEHALF_OK);
    cr_expect_eq(next_resources(one, two), BEHALF_INVALID_CURSOR, "%s and then %s", first, second);
    cr_expect_eq(next_subjects(one, context_of(first)), BEHALF_OK);
    cr_expect_eq(next_subjects(one, two), BEHALF_INVALID_CURSOR, "%s and then %s", first, second);
    if (second != NULL) {
        /* the other one is stored now: a write that changes nothing would keep the first */
        store(second);
        expect_given(first, "deny");
        expect_given(second, "allow");
    }
    AGREED();
}

Test(scenarios_contexts, contexts_that_look_alike_are_told_apart, .timeout = 120)
{
    for (size_t i = 0; i < PAIRS; i++) {
        expect_apart(pairs[i].first, pairs[i].second);
        if (pairs[i].second != NULL)
            expect_apart(pairs[i].second, pairs[i].first);
    }
}

/* What is not in a context hangs on it; the order of keys and blanks are no part of it. */
Test(scenarios_contexts, contexts_that_are_equal_are_taken_as_equal)
{
    const struct datum *one;
    const struct datum *two;

    GIVEN(SAME "definition user {} definition doc { relation viewer: user with same_as }",
          (const char *)NULL);
    store("{\"b\":[1,2],\"a\":\"\\u0041\"}");
    harness_context(&scenario, "{\"more\":1,\"given\":{\"a\":\"A\",\"b\":[1,2]}}");
    one = scenario.context;
    EXPECT("doc:1#viewer@user:u", "allow");
    harness_context(&scenario, " { \"given\" : {\"b\": [ 1, 2 ], \"a\":\"A\"}, \"more\" :1 }");
    two = scenario.context;
    EXPECT("doc:1#viewer@user:u", "allow");
    expect_bulk(one, two, DECISION_ALLOW);
    cr_expect_eq(next_resources(one, two), BEHALF_OK);
    cr_expect_eq(next_subjects(two, one), BEHALF_OK);
    harness_context(&scenario, "{\"given\":{\"a\":\"A\",\"b\":[2,1]},\"more\":1}");
    EXPECT("doc:1#viewer@user:u", "deny");
    cr_expect_eq(next_resources(one, scenario.context), BEHALF_INVALID_CURSOR);
    AGREED();
}

/* --- delimiters --- */

Test(scenarios_contexts, delimiters_inside_ids_and_contexts_meet_nobody_else)
{
    static const char *const texts[] = {
        "a",   "a]",  "a}]",   "[same_as]", "a\\\"b", "a@user:b", "a#viewer@b", "]}[same_as:{",
        "a,b", "a|b", "a\\nb", "a\\u0000b", ":*",     " "};
    size_t count = sizeof texts / sizeof *texts;

    for (size_t stored = 0; stored < count; stored++) {
        GIVEN(SAME "definition user {} definition doc { relation viewer: user with same_as }",
              (const char *)NULL);
        for (size_t id = 0; id < count; id++) {
            char text[256];
            bool control = id == 10 || id == 11;

            /* each subject wants its own text, but for `stored`, who wants that of the next */
            snprintf(text, sizeof text, "doc:1#viewer@user:\"%s\"[same_as:{\"wanted\":\"%s\"}]",
                     texts[id], texts[id == stored ? (id + 1) % count : id]);
            cr_expect_eq(harness_touch(&scenario, text),
                         control ? BEHALF_INVALID_OBJECT_ID : BEHALF_OK, "%s", text);
        }
        for (size_t given = 0; given < count; given++) {
            size_t id = (stored + 1) % count;
            char text[256];

            snprintf(text, sizeof text, "\"%s\"", texts[given]);
            (void)context_of(text);
            if (stored != 10 && stored != 11) {
                snprintf(text, sizeof text, "doc:1#viewer@user:\"%s\"", texts[stored]);
                EXPECT(text, given == id ? "allow" : "deny");
            }
            if (id != 10 && id != 11) {
                snprintf(text, sizeof text, "doc:1#viewer@user:\"%s\"", texts[id]);
                EXPECT(text, given == id ? "allow" : "deny");
            }
        }
        AGREED();
    }
}

/* --- one relationship, one context after the other --- */

Test(scenarios_contexts, a_context_that_is_replaced_is_gone)
{
    GIVEN(SAME "definition user {} definition group { relation member: user with same_as } "
               "definition doc { relation viewer: group#member with same_as }",
          "doc:1#viewer@group:g#member[same_as:{\"wanted\":1}]",
          "group:g#member@user:u[same_as:{\"wanted\":1}]");
    expect_given("1", "allow");
    expect_given("2", "deny");
    harness_touch(&scenario, "doc:1#viewer@group:g#member[same_as:{\"wanted\":2}]");
    expect_given("1", "deny");
    expect_given("2", "deny");
    harness_touch(&scenario, "group:g#member@user:u[same_as:{\"wanted\":2}]");
    expect_given("1", "deny");
    expect_given("2", "allow");
    harness_touch(&scenario, "group:g#member@user:u[same_as]");
    expect_given("2", "conditional on wanted");
    harness_context(&scenario, "{\"given\":2,\"wanted\":2}");
    EXPECT("doc:1#viewer@user:u", "allow");
    harness_context(&scenario, "{\"given\":2,\"wanted\":3}");
    EXPECT("doc:1#viewer@user:u", "deny");
    AGREED();
}

/* Parameters of one name in several caveats are several parameters. */
Test(scenarios_contexts, caveats_share_names_and_nothing_else)
{
    GIVEN("caveat as_number(value int) { value > 5 } caveat as_text(value string) { value == \"7\" "
          "} caveat as_list(value list<string>) { \"7\" in value } caveat above(value int, floor "
          "int) { value > floor } definition user {} definition doc { relation one: user with "
          "as_number relation two: user with as_text relation three: user with as_list relation "
          "four: user with above permission sum = one + two permission all_of_it = one & two }",
          "doc:1#one@user:u[as_number]", "doc:1#two@user:u[as_text]", "doc:1#three@user:u[as_list]",
          "doc:1#four@user:u[above:{\"floor\":5}]", "doc:2#four@user:u[above:{\"floor\":9}]");
    EXPECT("doc:1#sum@user:u", "conditional on value");
    harness_context(&scenario, "{\"value\":7}");
    EXPECT("doc:1#one@user:u", "allow");
    EXPECT("doc:1#two@user:u", "CAVEAT_PARAMETER_TYPE_ERROR");
    EXPECT("doc:1#three@user:u", "CAVEAT_PARAMETER_TYPE_ERROR");
    EXPECT("doc:1#four@user:u", "allow");
    EXPECT("doc:2#four@user:u", "deny");
    EXPECT("doc:1#sum@user:u", "allow");
    EXPECT("doc:1#all_of_it@user:u", "CAVEAT_PARAMETER_TYPE_ERROR");
    harness_context(&scenario, "{\"value\":\"7\"}");
    EXPECT("doc:1#one@user:u", "allow");
    EXPECT("doc:1#two@user:u", "allow");
    EXPECT("doc:1#three@user:u", "CAVEAT_PARAMETER_TYPE_ERROR");
    harness_context(&scenario, "{\"value\":[\"7\"]}");
    EXPECT("doc:1#one@user:u", "CAVEAT_PARAMETER_TYPE_ERROR");
    EXPECT("doc:1#three@user:u", "allow");
    AGREED();
}

/* Addresses of version 4 in the clothes of version 6. */
/* Who is taken away of one wildcard and given back by another is named by no set: what it misses is
 * less than what others miss. */
Test(scenarios_contexts, who_is_a_subject_of_itself_misses_what_its_own_ways_miss)
{
    GIVEN("use self caveat listed(word string, words list<string>) { word in words } "
          "definition group { relation owner: group with listed "
          "relation banned: group:* with listed | group:* "
          "permission view = (owner->edit - self) + banned permission edit = banned }",
          "group:a#banned@group:*[listed:{\"word\":\"y\"}]", "group:a#owner@group:A[listed]",
          "group:A#banned@group:*");
    EXPECT("group:a#view@group:a", "conditional on words");
    EXPECT("group:a#view@group:A", "conditional on word, words");
    EXPECT_SUBJECTS("group:a#view", "group", "*[...]{a[...]}");
    AGREED();
}

Test(scenarios_contexts, mapped_addresses_are_in_their_networks)
{
    GIVEN("caveat inside(client ipaddress, network string) { client.in_cidr(network) } definition "
          "user {} definition doc { relation viewer: user | user with inside relation banned: user "
          "with inside permission view = viewer - banned }",
          "doc:1#viewer@user:u[inside:{\"network\":\"10.0.0.0/8\"}]", "doc:2#viewer@user:u",
          "doc:2#banned@user:u[inside:{\"network\":\"10.0.0.0/8\"}]",
          "doc:3#viewer@user:u[inside:{\"client\":\"::ffff:10.1.2.3\"}]");
    harness_context(&scenario, "{\"client\":\"::ffff:10.1.2.3\"}");
    EXPECT("doc:1#view@user:u", "allow");
    EXPECT("doc:2#view@user:u", "deny");
    harness_context(&scenario, "{\"client\":\"10.1.2.3\"}");
    EXPECT("doc:1#view@user:u", "allow");
    EXPECT("doc:2#view@user:u", "deny");
    harness_context(&scenario, "{\"client\":\"::ffff:11.1.2.3\",\"network\":\"10.0.0.0/8\"}");
    EXPECT("doc:1#view@user:u", "deny");
    EXPECT("doc:2#view@user:u", "allow");
    EXPECT("doc:3#view@user:u", "allow");
    harness_context(&scenario, "{\"client\":\"2001:db8::1\",\"network\":\"11.0.0.0/8\"}");
    EXPECT("doc:1#view@user:u", "deny");
    EXPECT("doc:2#view@user:u", "allow");
    EXPECT("doc:3#view@user:u", "deny");
    harness_context(&scenario, "{\"client\":\"no address\"}");
    EXPECT("doc:2#view@user:u", "CAVEAT_PARAMETER_TYPE_ERROR");
    AGREED();
}

/* --- lookups beside checks --- */

#define ROUNDS 5000 /* BEHALF_ROUNDS: more, for those who have the time */

struct asker {
    pthread_t thread;
    const struct datum *context;
    bool looks_up;
    enum decision expected;
    unsigned rounds;
    unsigned wrong;
};

static struct check
has(const struct datum *context)
{
    return (struct check){
        .resource = {.type = SLICE_LITERAL("doc"), .id = SLICE_LITERAL("3")},
        .permission = SLICE_LITERAL("has"),
        .subject = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("u")},
        .context = context,
    };
}

static bool
check_is_right(struct engine_worker *worker, const struct asker *asker, struct arena *arena)
{
    struct engine_request request = {.arena = arena, .consistency = CONSISTENCY_FULL};
    struct check check = has(asker->context);
    struct check_result result;
    struct error error;

    return engine_check(worker, &request, &check, &result, &error) == BEHALF_OK &&
           result.decision == asker->expected;
}

static bool
lookup_is_right(struct engine_worker *worker, const struct asker *asker, struct arena *arena)
{
    struct engine_request request = {.arena = arena, .consistency = CONSISTENCY_FULL};
    struct lookup_resources lookup = {
        .resource_type = SLICE_LITERAL("doc"),
        .permission = SLICE_LITERAL("has"),
        .subject = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("u")},
        .context = asker->context,
    };
    struct lookup_resources_result result;
    struct error error;

    if (engine_lookup_resources(worker, &request, &lookup, &result, &error) != BEHALF_OK ||
        result.resource_count != 8)
        return false;
    for (size_t i = 0; i < 8; i++)
        if (result.resources[i].decision != asker->expected)
            return false;
    return true;
}

static void *
ask(void *context)
{
    struct asker *asker = context;
    struct engine_worker *worker = engine_worker_new(scenario.sides[0].engine, true);
    struct arena arena;

    arena_init(&arena, SIZE_MAX);
    for (unsigned round = 0; round < asker->rounds; round++) {
        arena_reset(&arena, SIZE_MAX);
        if (!(asker->looks_up ? lookup_is_right : check_is_right)(worker, asker, &arena))
            asker->wrong++;
    }
    arena_release(&arena);
    engine_worker_free(worker);
    return NULL;
}

Test(scenarios_contexts, checks_beside_lookups_with_other_contexts, .timeout = 600)
{
    const char *wanted = getenv("BEHALF_ROUNDS");
    struct asker askers[4] = {
        {.looks_up = true, .expected = DECISION_ALLOW},
        {.expected = DECISION_CONDITIONAL},
        {.expected = DECISION_DENY},
        {.expected = DECISION_ALLOW},
    };

    GIVEN("caveat answers(somecondition int) { somecondition == 42 } definition user {} definition "
          "doc { relation reader: user with answers relation writer: user relation banned: user "
          "permission has = (reader & writer) - banned }",
          "doc:9#banned@user:u", "doc:9#reader@user:u[answers]", "doc:9#writer@user:u");
    harness_touch_range(&scenario, "doc:", 0, 8, "#reader@user:u[answers]");
    harness_touch_range(&scenario, "doc:", 0, 8, "#writer@user:u");
    for (size_t i = 0; i < 4; i++) {
        static const char *const contexts[] = {"{\"somecondition\":42}", NULL,
                                               "{\"somecondition\":41}", "{\"somecondition\":42}"};

        harness_context(&scenario, contexts[i]);
        askers[i].context = scenario.context;
        askers[i].rounds = wanted != NULL ? (unsigned)strtoul(wanted, NULL, 10) : ROUNDS;
        cr_assert_eq(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(pthread_join(askers[i].thread, NULL), 0);
        cr_expect_eq(askers[i].wrong, 0, "asker %zu: %u wrong answers", i, askers[i].wrong);
    }
    harness_context(&scenario, NULL);
    EXPECT("doc:3#has@user:u", "conditional on somecondition");
    AGREED();
}
