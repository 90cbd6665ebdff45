/* test_filter_resources.c - a filter keeps order and repeats, names what is conditional or
 * undecided, and is one snapshot. */
#include "tests/unit/test_agents_support.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

static const char schema[] =
    "caveat at_work(hour int) { hour >= 9 && hour < 17 }\n"
    "caveat faulty(divisor int) { 1 / divisor == 1 }\n"
    "definition user {}\n"
    "definition agent {\n"
    "  relation principal: user\n"
    "  permission acts_on_behalf_of = principal\n"
    "}\n"
    "definition folder { relation viewer: user\npermission view = viewer }\n"
    "definition doc {\n"
    "  relation viewer: user | user with at_work | user with faulty\n"
    "  relation banned: user\n"
    "  permission view = viewer - banned\n"
    "}\n";

#define EXPECT_TEXT(found, expected)                                                               \
    do {                                                                                           \
        const char *said = found;                                                                  \
        cr_expect_str_eq(said, expected, "%s", said);                                              \
    } while (0)

static const struct question_words ann = {0};

Test(filter_resources, keeps_order_and_repeats)
{
    agents_open(schema, "doc:1#viewer@user:ann", "doc:2#viewer@user:ann", "doc:3#viewer@user:bob",
                "folder:1#viewer@user:ann", NULL);
    EXPECT_TEXT(agents_filter("view", "doc:2 doc:1 folder:1 doc:3 doc:2 doc:9 doc:1", ann),
                "doc:2 doc:1 folder:1 doc:2 doc:1");
    EXPECT_TEXT(agents_filter("view", "", ann), "");
    EXPECT_TEXT(agents_filter("view", "doc:3 doc:9", ann), "");
    agents_close();
}

Test(filter_resources, names_what_is_conditional)
{
    agents_open(schema, "doc:1#viewer@user:ann[at_work]", "doc:2#viewer@user:ann", NULL);
    EXPECT_TEXT(agents_filter("view", "doc:1 doc:2 doc:1", ann), "doc:2 doc:1[...] doc:1[...]");
    EXPECT_TEXT(agents_filter("view", "doc:1", (struct question_words){.context = "{\"hour\":9}"}),
                "doc:1");
    EXPECT_TEXT(agents_filter("view", "doc:1", (struct question_words){.context = "{\"hour\":8}"}),
                "");
    agents_close();
}

Test(filter_resources, an_error_of_one_resource_fails_no_other)
{
    agents_open(schema, "doc:1#viewer@user:ann", "doc:2#viewer@user:ann[faulty:{\"divisor\":0}]",
                NULL);
    EXPECT_TEXT(agents_filter("view", "doc:2 nothing:1 doc:1 user:ann", ann),
                "doc:1 0?CAVEAT_EVALUATION_ERROR 1?UNKNOWN_DEFINITION "
                "3?UNKNOWN_RELATION_OR_PERMISSION");
    agents_close();
}

Test(filter_resources, errors_of_the_parties_are_of_the_request)
{
    agents_open(schema, "doc:1#viewer@user:ann", NULL);
    EXPECT_TEXT(agents_filter("view", "doc:1", (struct question_words){.subject = "nobody:1"}),
                "UNKNOWN_DEFINITION");
    EXPECT_TEXT(agents_filter("view", "doc:1", (struct question_words){.actors = "user:bob"}),
                "UNKNOWN_RELATION_OR_PERMISSION");
    EXPECT_TEXT(agents_filter("view", "doc:1", (struct question_words){.subject = "user:*"}),
                "WILDCARD_NOT_ALLOWED");
    agents_close();
}

/* 9,999, 10,000 and 10,001 of them. */
Test(filter_resources, takes_ten_thousand_resources)
{
    struct object *objects = memory_new((ENGINE_FILTER_RESOURCES_MAX + 1) * sizeof *objects);
    struct filter_resources filter = {.resources = objects, .permission = SLICE_LITERAL("view")};
    struct filter_resources_result result;
    struct error error;

    agents_open(schema, "doc:1#viewer@user:ann", NULL);
    filter.subject = agents_object("user:ann");
    for (size_t at = 0; at <= ENGINE_FILTER_RESOURCES_MAX; at++)
        objects[at] = agents_object(at % 2 == 0 ? "doc:1" : "doc:2");
    for (size_t count = ENGINE_FILTER_RESOURCES_MAX - 1; count <= ENGINE_FILTER_RESOURCES_MAX + 1;
         count++) {
        struct engine_request request = harness_request(&agents, NULL);
        enum status status;

        filter.resource_count = count;
        status = engine_filter_resources(agents.worker, &request, &filter, &result, &error);
        if (count > ENGINE_FILTER_RESOURCES_MAX) {
            cr_expect_eq(status, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT);
            continue;
        }
        cr_assert_eq(status, BEHALF_OK, "%s", error.message);
        cr_assert_eq(result.allowed_count, (count + 1) / 2);
        for (size_t at = 0; at < result.allowed_count; at++)
            cr_assert_eq(result.allowed[at], 2 * at);
    }
    agents_close();
    memory_free(objects);
}

/* Thousands of decisions with a memory of their own each, one after the other. */
Test(filter_resources, memory_of_one_resource_is_not_taken_from_the_next)
{
    struct object *objects = memory_new(ENGINE_FILTER_RESOURCES_MAX * sizeof *objects);
    struct filter_resources filter = {.resources = objects,
                                      .resource_count = ENGINE_FILTER_RESOURCES_MAX,
                                      .permission = SLICE_LITERAL("view")};
    struct filter_resources_result result;
    struct agents_question asked;
    struct engine_request request;
    struct record_id grant;
    struct error error;
    char text[32];

    agents_open(schema, NULL);
    for (size_t at = 0; at < ENGINE_FILTER_RESOURCES_MAX; at++) {
        (void)snprintf(text, sizeof text, "doc:%zu", at % 100);
        objects[at] = agents_object(text);
        if (at < 100) {
            (void)snprintf(text, sizeof text, "doc:%zu#viewer@user:ann[at_work]", at);
            agents_put(text);
        }
    }
    grant = agents_root(agents_session((struct session_words){0}),
                        (struct grant_words){.scope = "doc:* view", .caveat = "at_work"});
    agents_question((struct question_words){.actors = "agent:bot", .grant = &grant}, &asked);
    filter.subject = asked.subject;
    filter.actors = asked.actors;
    filter.actor_count = asked.actor_count;
    filter.delegation = asked.grant;
    request = harness_request(&agents, NULL);
    cr_assert_eq(engine_filter_resources(agents.worker, &request, &filter, &result, &error),
                 BEHALF_OK, "%s", error.message);
    cr_expect_eq(result.conditional_count, ENGINE_FILTER_RESOURCES_MAX);
    cr_expect_eq(result.undecided_count, 0);
    agents_close();
    memory_free(objects);
}

/* --- lookup = filter = bulk = checks --- */

/* On random small worlds, all ways to ask agree with single checks. */

#define DOCS 12

static uint64_t
draw(uint64_t *state, uint64_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*state >> 33) % below;
}

static const char *const scopes[] = {
    "doc:* view",
    "doc:3 view; doc:5 view; doc:7 view; doc:44 view",
    "doc:*#viewer@user:ann view",
    "doc:*#banned@user:bob view; doc:1 view",
    "folder:* view",
};

static void
make_world(uint64_t *seed)
{
    char text[96];

    for (int doc = 0; doc < DOCS; doc++) {
        uint64_t kind = draw(seed, 5);

        if (kind == 0)
            continue;
        (void)snprintf(text, sizeof text, "doc:%d#viewer@user:%s%s", doc,
                       draw(seed, 4) == 0 ? "bob" : "ann",
                       kind == 1   ? "[at_work]"
                       : kind == 2 ? "[faulty:{\"divisor\":0}]"
                                   : "");
        agents_put(text);
        if (draw(seed, 4) == 0) {
            (void)snprintf(text, sizeof text, "doc:%d#banned@user:%s", doc,
                           draw(seed, 2) == 0 ? "bob" : "ann");
            agents_put(text);
        }
    }
}

/* What single checks say, in the words of agents_resources and of agents_filter. */
static void
expect_from_checks(struct question_words words, char *ids, char *filtered)
{
    char allowed[512] = "";
    char open[512] = "";
    char faulty[512] = "";
    char text[64];

    ids[0] = '\0';
    for (int doc = 0; doc < DOCS; doc++) {
        const char *said;
        bool allow;
        bool conditional;

        (void)snprintf(text, sizeof text, "doc:%d#view", doc);
        said = agents_check(text, words);
        allow = strcmp(said, "allow") == 0;
        conditional = strncmp(said, "conditional", 11) == 0;
        if (strncmp(said, "deny", 4) == 0)
            continue;
        if (allow || conditional)
            (void)snprintf(ids + strlen(ids), 32, " %d%s", doc, allow ? "" : "[...]");
        if (allow)
            (void)snprintf(allowed + strlen(allowed), 32, " doc:%d", doc);
        else if (conditional)
            (void)snprintf(open + strlen(open), 32, " doc:%d[...]", doc);
        else
            (void)snprintf(faulty + strlen(faulty), 64, " %d?%s", doc, said);
    }
    (void)snprintf(filtered, 2048, "%s%s%s", allowed, open, faulty);
}

/* A space before each, so that an id is found as a whole: rows of a lookup are in order of
 * nodes. */
static void
expect_same_ids(const char *found, const char *expected, uint64_t seed)
{
    char padded[8300];
    char word[64];
    size_t rows = 0;
    size_t wanted = 0;

    (void)snprintf(padded, sizeof padded, " %s ", found);
    for (const char *at = padded; *at != '\0'; at++)
        rows += at[0] == ' ' && at[1] != ' ' && at[1] != '\0' && at[1] != '?';
    for (const char *at = expected; *at != '\0'; wanted++) {
        size_t size = strcspn(at + 1, " ");

        (void)snprintf(word, sizeof word, " %.*s ", (int)size, at + 1);
        cr_expect_not_null(strstr(padded, word), "seed %lu:%s is not in '%s'", (unsigned long)seed,
                           word, found);
        at += size + 1;
    }
    cr_expect_eq(rows, wanted, "seed %lu: '%s' and '%s'", (unsigned long)seed, found, expected);
}

static void
expect_all_agree(struct question_words words, uint64_t seed)
{
    static char resources[512];
    char ids[2048];
    char filtered[2048];
    const char *said;

    resources[0] = '\0';
    for (int doc = 0; doc < DOCS; doc++)
        (void)snprintf(resources + strlen(resources), 24, "%sdoc:%d", doc > 0 ? " " : "", doc);
    expect_from_checks(words, ids, filtered);
    for (uint32_t limit = 0; limit < 4; limit++) {
        said = agents_resources("doc#view", limit, words);
        if (strncmp(said, "reason", 6) == 0)
            said = "";
        expect_same_ids(said, ids, seed);
    }
    said = agents_filter("view", resources, words);
    if (strncmp(said, "reason", 6) == 0)
        said = "";
    cr_expect_str_eq(said, filtered[0] == ' ' ? filtered + 1 : filtered, "seed %lu: %s",
                     (unsigned long)seed, said);
}

Test(filter_resources, lookups_filters_and_checks_agree_on_random_worlds)
{
    for (uint64_t world = 1; world <= 40; world++) {
        uint64_t seed = world;
        struct record_id session;
        struct record_id root;
        struct record_id child;

        agents_open(schema, "agent:bot#principal@user:ann", NULL);
        make_world(&seed);
        session = agents_session((struct session_words){0});
        root = agents_root(session,
                           (struct grant_words){.scope = scopes[draw(&seed, 5)],
                                                .depth = 1,
                                                .caveat = draw(&seed, 3) == 0 ? "at_work" : NULL});
        expect_all_agree((struct question_words){0}, world);
        expect_all_agree((struct question_words){.actors = "agent:bot"}, world);
        expect_all_agree((struct question_words){.actors = "agent:bot", .grant = &root}, world);
        expect_all_agree((struct question_words){.actors = "agent:bot",
                                                 .grant = &root,
                                                 .context = "{\"hour\": 10}"},
                         world);
        if (draw(&seed, 2) == 0) {
            struct record_id wide =
                agents_root(session, (struct grant_words){.scope = "doc:* view", .depth = 1});

            child = agents_delegate(wide, "agent:bot", "agent:helper",
                                    (struct grant_words){.scope = scopes[draw(&seed, 4)]});
            expect_all_agree((struct question_words){.actors = "agent:helper", .grant = &child},
                             world);
            agents_stop(STOP_AGENT, "agent:helper");
            expect_all_agree((struct question_words){.actors = "agent:helper", .grant = &child},
                             world);
        }
        agents_close();
    }
}
