/* test_lookup_grants.c - lookups and filters by a grant, by actors, and with stops: what they give
 * is what checks allow, at any size of pages, as long as the records stand. */
#include "tests/unit/test_agents_support.h"

#include <stdio.h>
#include <string.h>

#define SCHEMA                                                                                     \
    "use expiration\n"                                                                             \
    "caveat at_work(hour int) { hour >= 9 && hour < 17 }\n"                                        \
    "definition user {}\n"                                                                         \
    "definition agent {\n"                                                                         \
    "  relation principal: user\n"                                                                 \
    "  permission acts_on_behalf_of = principal\n"                                                 \
    "}\n"                                                                                          \
    "definition folder {\n"                                                                        \
    "  relation parent: folder\n"                                                                  \
    "  relation viewer: user\n"                                                                    \
    "  permission view = viewer + parent->view\n"                                                  \
    "}\n"                                                                                          \
    "definition doc {\n"                                                                           \
    "  relation parent: folder\n"                                                                  \
    "  relation viewer: user | user:* | agent | user with at_work | user with expiration\n"        \
    "  relation banned: user\n"                                                                    \
    "  relation trusted: agent | agent:* | agent with at_work\n"                                   \
    "  permission within = parent + parent->within\n"                                              \
    "  permission view = (viewer + parent->view) - banned\n"                                       \
    "  permission edit = viewer\n"                                                                 \
    "  permission agent_ceiling_edit = trusted\n"                                                  \
    "}\n"

/* folder#within needs no permission of its own: the arrow ends there. */
static const char schema[] = SCHEMA;

#define WORLD                                                                                      \
    "doc:1#viewer@user:ann", "doc:2#viewer@user:ann", "doc:3#viewer@user:ann",                     \
        "doc:4#viewer@user:ann", "doc:5#viewer@user:ann", "doc:6#viewer@user:ann[at_work]",        \
        "doc:7#viewer@user:bob", "doc:2#banned@user:ann"

#define EXPECT_TEXT(found, expected)                                                               \
    do {                                                                                           \
        const char *said = found;                                                                  \
        cr_expect_str_eq(said, expected, "%s", said);                                              \
    } while (0)

static struct question_words
by(const struct record_id *grant)
{
    return (struct question_words){.actors = "agent:bot", .grant = grant};
}

static struct record_id
viewing(const char *scope)
{
    return agents_root(agents_session((struct session_words){0}),
                       (struct grant_words){.scope = scope});
}

Test(lookup_grants, gives_what_the_principal_may_and_the_scope_selects)
{
    struct record_id all;
    struct record_id some;

    agents_open(schema, WORLD, NULL);
    all = viewing("doc:* view");
    some = viewing("doc:5 view; doc:3 view,edit; doc:2 view; doc:7 view; doc:99 view; doc:1 edit");
    for (uint32_t limit = 1; limit < 5; limit++) {
        EXPECT_TEXT(agents_resources("doc#view", limit, by(&all)), "1 3 4 5 6[...]");
        EXPECT_TEXT(agents_resources("doc#view", limit, by(&some)), "3 5");
        EXPECT_TEXT(agents_resources("doc#edit", limit, by(&all)), "");
        EXPECT_TEXT(agents_resources("folder#view", limit, by(&all)), "");
    }
    agents_close();
}

/* No grant of the chain may say more than what the others leave. */
Test(lookup_grants, every_grant_of_the_chain_narrows)
{
    struct record_id root;
    struct record_id child;

    agents_open(schema, WORLD, NULL);
    root = agents_root(agents_session((struct session_words){0}),
                       (struct grant_words){.scope = "doc:* view; doc:1 edit", .depth = 1});
    child = agents_delegate(root, "agent:bot", "agent:helper",
                            (struct grant_words){.scope = "doc:4 view; doc:1 view"});
    EXPECT_TEXT(
        agents_resources("doc#view", 1,
                         (struct question_words){.actors = "agent:helper", .grant = &child}),
        "1 4");
    EXPECT_TEXT(agents_resources(
                    "doc#view", 1,
                    (struct question_words){.actors = "agent:bot agent:helper", .grant = &child}),
                "1 4");
    EXPECT_TEXT(agents_resources("doc#view", 0, by(&root)), "1 3 4 5 6[...]");
    agents_close();
}

Test(lookup_grants, selectors_of_members_are_decided_by_the_core)
{
    struct record_id grant;

    agents_open(schema, WORLD, "doc:3#parent@folder:f", "doc:5#parent@folder:f",
                "doc:7#parent@folder:f", NULL);
    grant = viewing("doc:*#parent@folder:f view");
    EXPECT_TEXT(agents_resources("doc#view", 1, by(&grant)), "3 5");
    agents_put("doc:4#parent@folder:f");
    EXPECT_TEXT(agents_resources("doc#view", 2, by(&grant)), "3 4 5");
    agents_close();
}

Test(lookup_grants, constraints_are_part_of_each_decision)
{
    struct record_id grant;

    agents_open(schema, WORLD, NULL);
    grant = agents_root(agents_session((struct session_words){0}),
                        (struct grant_words){.scope = "doc:* view", .caveat = "at_work"});
    EXPECT_TEXT(agents_resources("doc#view", 2, by(&grant)), "1[...] 3[...] 4[...] 5[...] 6[...]");
    EXPECT_TEXT(agents_resources("doc#view", 2,
                                 (struct question_words){.actors = "agent:bot",
                                                         .grant = &grant,
                                                         .context = "{\"hour\": 10}"}),
                "1 3 4 5 6");
    EXPECT_TEXT(agents_resources("doc#view", 2,
                                 (struct question_words){.actors = "agent:bot",
                                                         .grant = &grant,
                                                         .context = "{\"hour\": 20}"}),
                "");
    agents_close();
}

Test(lookup_grants, ceilings_hold_by_grant_and_by_actors)
{
    struct record_id grant;
    struct question_words actor = {.actors = "agent:bot"};

    agents_open(schema, WORLD, "agent:bot#principal@user:ann", "doc:3#trusted@agent:bot",
                "doc:4#trusted@agent:bot[at_work]", "doc:7#trusted@agent:*", NULL);
    grant = viewing("doc:* edit");
    EXPECT_TEXT(agents_resources("doc#edit", 1, by(&grant)), "3 4[...]");
    EXPECT_TEXT(agents_resources("doc#edit", 1, actor), "3 4[...]");
    EXPECT_TEXT(agents_resources("doc#view", 1, actor), "1 3 4 5 6[...]");
    EXPECT_TEXT(agents_filter("edit", "doc:4 doc:3 doc:1 doc:3", actor), "doc:3 doc:3 doc:4[...]");
    agents_close();
}

/* The subject itself may be what is looked for, though nothing is stored of it. */
Test(lookup_grants, an_object_without_a_name_is_found_where_it_is_the_subject)
{
    struct record_id grant;

    agents_open("use self\ndefinition user { permission act = self }\n"
                "definition agent { permission acts_on_behalf_of = nil }\n",
                NULL);
    grant = viewing("user:ann act; user:bob act");
    EXPECT_TEXT(agents_resources("user#act", 1, by(&grant)), "ann");
    EXPECT_TEXT(agents_check("user:ann#act", by(&grant)), "allow");
    agents_close();
}

/* --- without an active grant --- */

Test(lookup_grants, without_an_active_grant_all_are_empty_and_complete)
{
    struct record_id session;
    struct record_id grant;
    struct record_id none = {.bytes = {1}};
    struct question_words stranger = {.actors = "agent:other"};
    struct question_words other = {.subject = "user:bob", .actors = "agent:bot"};

    agents_open(schema, WORLD, NULL);
    session = agents_session((struct session_words){.seconds = 3600, .idle = 600});
    grant = agents_root(session, (struct grant_words){.scope = "doc:* view", .seconds = 900});
    stranger.grant = other.grant = &grant;
    EXPECT_TEXT(agents_resources("doc#view", 2, by(&none)), "reason: no_grant");
    EXPECT_TEXT(agents_resources("doc#view", 2, stranger), "reason: actor_mismatch");
    EXPECT_TEXT(agents_resources("doc#view", 2, other), "reason: principal_mismatch");
    EXPECT_TEXT(agents_filter("view", "doc:1 nothing:1", by(&none)), "reason: no_grant");
    EXPECT_TEXT(agents_filter("view", "doc:1", stranger), "reason: actor_mismatch");
    agents_change(session, SESSION_SUSPEND);
    EXPECT_TEXT(agents_resources("doc#view", 2, by(&grant)), "reason: session_suspended");
    EXPECT_TEXT(agents_filter("view", "doc:1", by(&grant)), "reason: session_suspended");
    agents_change(session, SESSION_RESUME);
    EXPECT_TEXT(agents_resources("doc#view", 2, by(&grant)), "1 3 4 5 6[...]");
    agents_at(400);
    EXPECT_TEXT(agents_resources("doc#view", 2, by(&grant)), "1 3 4 5 6[...]"); /* and is seen */
    agents_at(899);
    EXPECT_TEXT(agents_filter("view", "doc:1", by(&grant)), "doc:1");
    agents_at(900);
    EXPECT_TEXT(agents_resources("doc#view", 2, by(&grant)), "reason: grant_expired");
    EXPECT_TEXT(agents_filter("view", "doc:1", by(&grant)), "reason: grant_expired");
    agents_revoke(grant);
    EXPECT_TEXT(agents_resources("doc#view", 2, by(&grant)), "reason: grant_revoked");
    agents_at(899 + 600);
    EXPECT_TEXT(agents_resources("doc#view", 2, by(&grant)), "reason: session_idle");
    agents_close();
}

Test(lookup_grants, a_grant_that_is_not_valid_yet_says_until_when)
{
    struct agents_question asked;
    struct lookup_resources lookup = {.resource_type = SLICE_LITERAL("doc"),
                                      .permission = SLICE_LITERAL("view")};
    struct lookup_resources_result result;
    struct engine_request request;
    struct record_id grant;
    struct error error;

    agents_open(schema, WORLD, NULL);
    grant = agents_root(agents_session((struct session_words){0}),
                        (struct grant_words){.scope = "doc:* view", .begins = 60});
    agents_question(by(&grant), &asked);
    lookup.subject = asked.subject;
    lookup.actors = asked.actors;
    lookup.actor_count = asked.actor_count;
    lookup.delegation = asked.grant;
    request = harness_request(&agents, NULL);
    cr_assert_eq(engine_lookup_resources(agents.worker, &request, &lookup, &result, &error),
                 BEHALF_OK);
    cr_expect_eq(result.reason, REASON_GRANT_NOT_YET_VALID);
    cr_expect_eq(result.valid_until, AGENTS_START + 60 * AGENTS_SECOND);
    agents_at(60);
    request = harness_request(&agents, NULL);
    cr_assert_eq(engine_lookup_resources(agents.worker, &request, &lookup, &result, &error),
                 BEHALF_OK);
    cr_expect_eq(result.reason, REASON_NONE);
    cr_expect_eq(result.resource_count, 5);
    cr_expect_eq(result.valid_until, AGENTS_START + 1800 * AGENTS_SECOND); /* the grant's */
    agents_close();
}

Test(lookup_grants, bad_questions_are_errors)
{
    struct agents_question asked;
    struct lookup_resources lookup = {.resource_type = SLICE_LITERAL("doc"),
                                      .permission = SLICE_LITERAL("view")};
    struct lookup_resources_result result;
    struct engine_request request;
    struct engine_token token;
    struct record_id grant;
    struct error error;

    agents_open(schema, WORLD, NULL);
    grant = viewing("doc:* view");
    EXPECT_TEXT(agents_resources("doc#view", 0, (struct question_words){.grant = &grant}),
                "MALFORMED_REQUEST");
    EXPECT_TEXT(agents_filter("view", "doc:1", (struct question_words){.grant = &grant}),
                "MALFORMED_REQUEST");
    EXPECT_TEXT(agents_resources("doc#view", 0,
                                 (struct question_words){.actors = "user:bob", .grant = &grant}),
                "UNKNOWN_RELATION_OR_PERMISSION");
    agents_question(by(&grant), &asked);
    lookup.subject = asked.subject;
    lookup.actors = asked.actors;
    lookup.actor_count = asked.actor_count;
    request = harness_request(&agents, NULL);
    cr_assert_eq(engine_lookup_resources(agents.worker, &request, &lookup, &result, &error),
                 BEHALF_OK);
    token = result.looked_up_at;
    lookup.delegation = asked.grant;
    request = harness_request(&agents, &token);
    cr_expect_eq(engine_lookup_resources(agents.worker, &request, &lookup, &result, &error),
                 BEHALF_MALFORMED_REQUEST);
    agents_close();
}

/* --- stops --- */

Test(lookup_grants, stops_leave_nothing_of_lookups_and_filters)
{
    struct record_id grant;
    struct question_words actor = {.actors = "agent:bot"};
    struct question_words itself = {.subject = "agent:bot"};

    agents_open(schema, WORLD, "agent:bot#principal@user:ann", "doc:9#viewer@agent:bot", NULL);
    grant = viewing("doc:* view");
    EXPECT_TEXT(agents_resources("doc#view", 2, itself), "9");
    agents_stop(STOP_AGENT, "agent:bot");
    EXPECT_TEXT(agents_resources("doc#view", 2, by(&grant)), "reason: agent_stopped");
    EXPECT_TEXT(agents_resources("doc#view", 2, actor), "reason: agent_stopped");
    EXPECT_TEXT(agents_resources("doc#view", 2, itself), "reason: agent_stopped");
    EXPECT_TEXT(agents_filter("view", "doc:1", actor), "reason: agent_stopped");
    EXPECT_TEXT(agents_filter("view", "doc:9", itself), "reason: agent_stopped");
    agents_restore(STOP_AGENT, "agent:bot");
    EXPECT_TEXT(agents_resources("doc#view", 2, by(&grant)), "reason: agent_stopped");
    EXPECT_TEXT(agents_resources("doc#view", 2, actor), "1 3 4 5 6[...]");
    EXPECT_TEXT(agents_resources("doc#view", 2, itself), "9");
    agents_stop(STOP_PRINCIPAL, "user:ann");
    EXPECT_TEXT(agents_resources("doc#view", 2, actor), "reason: agent_stopped");
    EXPECT_TEXT(agents_resources("doc#view", 2, (struct question_words){0}), "1 3 4 5 6[...]");
    EXPECT_TEXT(agents_resources("doc#view", 2, itself), "9");
    agents_restore(STOP_PRINCIPAL, "user:ann");
    agents_stop(STOP_EVERYTHING, NULL);
    EXPECT_TEXT(agents_resources("doc#view", 2, actor), "reason: agent_stopped");
    EXPECT_TEXT(agents_resources("doc#view", 2, itself), "reason: agent_stopped");
    EXPECT_TEXT(agents_resources("doc#view", 2, (struct question_words){0}), "1 3 4 5 6[...]");
    agents_close();
}

Test(lookup_grants, an_actor_without_relationship_and_grant_gets_nothing)
{
    agents_open(schema, WORLD, NULL);
    EXPECT_TEXT(agents_resources("doc#view", 2, (struct question_words){.actors = "agent:bot"}),
                "reason: no_grant");
    EXPECT_TEXT(agents_filter("view", "doc:1", (struct question_words){.actors = "agent:bot"}),
                "reason: no_grant");
    agents_close();
}

/* --- pages --- */

struct pager {
    struct agents_question asked;
    struct lookup_resources lookup;
    struct lookup_resources_result result;
    struct engine_token cursor;
};

static void
pager_open(struct pager *pager, struct question_words words)
{
    agents_question(words, &pager->asked);
    pager->lookup = (struct lookup_resources){.resource_type = SLICE_LITERAL("doc"),
                                              .permission = SLICE_LITERAL("view"),
                                              .subject = pager->asked.subject,
                                              .actors = pager->asked.actors,
                                              .actor_count = pager->asked.actor_count,
                                              .delegation = pager->asked.grant,
                                              .limit = 2};
    pager->cursor.text[0] = '\0';
}

static enum status
pager_next(struct pager *pager)
{
    struct engine_request request = harness_request(&agents, NULL);
    struct error error;
    enum status status;

    pager->lookup.cursor = slice_of(pager->cursor.text);
    status =
        engine_lookup_resources(agents.worker, &request, &pager->lookup, &pager->result, &error);
    if (status == BEHALF_OK)
        pager->cursor = pager->result.cursor;
    return status;
}

Test(lookup_grants, later_pages_see_relationships_of_the_first_and_records_of_now)
{
    struct record_id grant;
    struct pager pager;

    agents_open(schema, WORLD, NULL);
    grant = viewing("doc:* view");
    pager_open(&pager, by(&grant));
    cr_assert_eq(pager_next(&pager), BEHALF_OK);
    cr_assert_eq(pager.result.resource_count, 2);
    agents_remove("doc:4#viewer@user:ann"); /* still there at the cursor's revision */
    cr_assert_eq(pager_next(&pager), BEHALF_OK);
    cr_assert_eq(pager.result.resource_count, 2);
    cr_expect(slice_equal(pager.result.resources[0].id, SLICE_LITERAL("4")));
    agents_revoke(grant); /* not at the cursor's revision */
    cr_assert_eq(pager_next(&pager), BEHALF_OK);
    cr_expect_eq(pager.result.resource_count, 0);
    cr_expect_eq(pager.result.reason, REASON_GRANT_REVOKED);
    cr_expect(pager.result.complete);
    cr_expect_str_eq(pager.result.cursor.text, "");
    agents_close();
}

Test(lookup_grants, later_pages_by_actors_see_stops_of_now)
{
    struct pager pager;

    agents_open(schema, WORLD, "agent:bot#principal@user:ann", NULL);
    pager_open(&pager, (struct question_words){.actors = "agent:bot"});
    cr_assert_eq(pager_next(&pager), BEHALF_OK);
    cr_assert_eq(pager.result.resource_count, 2);
    agents_stop(STOP_AGENT, "agent:bot");
    cr_assert_eq(pager_next(&pager), BEHALF_OK);
    cr_expect_eq(pager.result.resource_count, 0);
    cr_expect_eq(pager.result.reason, REASON_AGENT_STOPPED);
    agents_close();
}

Test(lookup_grants, cursor_of_a_grant_ends_ten_minutes_after_the_first_page)
{
    struct record_id grant;
    struct engine_token first;
    struct pager pager;

    agents_open(schema, WORLD, NULL);
    grant = viewing("doc:* view");
    agents_at(10);
    pager_open(&pager, by(&grant));
    cr_assert_eq(pager_next(&pager), BEHALF_OK);
    first = pager.cursor;
    agents_at(609);
    cr_expect_eq(pager_next(&pager), BEHALF_OK);
    cr_expect_eq(pager.result.resource_count, 2);
    agents_at(610); /* counted from the first page, not from the second */
    cr_expect_eq(pager_next(&pager), BEHALF_INVALID_CURSOR);
    pager.cursor = first;
    cr_expect_eq(pager_next(&pager), BEHALF_INVALID_CURSOR);
    agents_close();
}

Test(lookup_grants, cursors_without_a_grant_have_no_such_end)
{
    struct pager pager;

    agents_open(schema, WORLD, "agent:bot#principal@user:ann", NULL);
    pager_open(&pager, (struct question_words){.actors = "agent:bot"});
    cr_assert_eq(pager_next(&pager), BEHALF_OK);
    agents_at(3000);
    cr_expect_eq(pager_next(&pager), BEHALF_OK);
    cr_expect_eq(pager.result.resource_count, 2);
    agents_close();
}

Test(lookup_grants, cursors_bind_grant_and_actors)
{
    struct record_id session;
    struct record_id grant;
    struct record_id other;
    struct pager pager;
    struct engine_token cursor;
    struct question_words words[4];

    agents_open(schema, WORLD, "agent:bot#principal@user:ann", NULL);
    session = agents_session((struct session_words){0});
    grant = agents_root(session, (struct grant_words){.scope = "doc:* view"});
    other = agents_root(session, (struct grant_words){.scope = "doc:* view"});
    pager_open(&pager, by(&grant));
    cr_assert_eq(pager_next(&pager), BEHALF_OK);
    cursor = pager.cursor;
    words[0] = by(&other);
    words[1] = (struct question_words){.actors = "agent:bot"};
    words[2] = (struct question_words){.actors = "agent:helper", .grant = &grant};
    words[3] = (struct question_words){.subject = "user:ann"};
    for (size_t at = 0; at < BEHALF_COUNT_OF(words); at++) {
        pager_open(&pager, words[at]);
        pager.cursor = cursor;
        cr_expect_eq(pager_next(&pager), BEHALF_INVALID_CURSOR, "%zu", at);
    }
    /* And one that was made without a grant serves none. */
    pager_open(&pager, words[1]);
    cr_assert_eq(pager_next(&pager), BEHALF_OK);
    cursor = pager.cursor;
    pager_open(&pager, by(&grant));
    pager.cursor = cursor;
    cr_expect_eq(pager_next(&pager), BEHALF_INVALID_CURSOR);
    agents_close();
}

/* --- records that change while a request runs --- */

/* Called by the first look at the clock of the next request: after it has fixed what it sees. */
static void (*in_between)(void);
static int64_t (*clock_before)(void *context);
static struct record_id to_revoke;

static int64_t
interrupted_wall_ns(void *context)
{
    void (*interrupt)(void) = in_between;
    int64_t now = clock_before(context);

    in_between = NULL;
    if (interrupt != NULL)
        interrupt();
    return now;
}

static void
interrupt_by(void (*interrupt)(void))
{
    if (agents.env.wall_ns != interrupted_wall_ns) {
        clock_before = agents.env.wall_ns;
        agents.env.wall_ns = interrupted_wall_ns;
    }
    in_between = interrupt;
}

static void
revoke_now(void)
{
    agents_revoke(to_revoke);
}

static void
stop_now(void)
{
    agents_stop(STOP_AGENT, "agent:bot");
}

static void
write_now(void)
{
    agents_put("doc:8#viewer@user:ann");
}

static void
end_now(void)
{
    agents_at(1800);
}

Test(lookup_grants, what_is_revoked_while_a_lookup_runs_is_not_listed)
{
    struct record_id session;
    struct pager pager;

    agents_open(schema, WORLD, NULL);
    session = agents_session((struct session_words){0});
    to_revoke = agents_root(session, (struct grant_words){.scope = "doc:* view"});
    pager_open(&pager, by(&to_revoke));
    interrupt_by(write_now); /* what concerns no record ends nothing, */
    cr_assert_eq(pager_next(&pager), BEHALF_OK);
    cr_expect_eq(pager.result.resource_count, 2);
    interrupt_by(revoke_now);
    cr_assert_eq(pager_next(&pager), BEHALF_OK);
    cr_expect_eq(pager.result.resource_count, 0);
    cr_expect_eq(pager.result.reason, REASON_GRANT_REVOKED);
    cr_expect(pager.result.complete);
    cr_expect_str_eq(pager.result.cursor.text, "");
    cr_expect_neq(pager.result.decision_id.text[0], '\0');
    cr_assert_null(in_between);

    to_revoke = agents_root(session, (struct grant_words){.scope = "doc:* view"});
    interrupt_by(revoke_now);
    EXPECT_TEXT(agents_filter("view", "doc:1", by(&to_revoke)), "reason: grant_revoked");
    to_revoke = agents_root(session, (struct grant_words){.scope = "doc:* view"});
    interrupt_by(revoke_now); /* nothing was found: there is nothing to look at again */
    EXPECT_TEXT(agents_filter("view", "doc:7", by(&to_revoke)), "");
    agents_close();
}

Test(lookup_grants, a_denial_found_so_names_its_own_revision)
{
    struct engine_info info;
    struct error error;
    struct pager pager;

    agents_open(schema, WORLD, NULL);
    to_revoke = viewing("doc:* view");
    pager_open(&pager, by(&to_revoke));
    interrupt_by(revoke_now);
    cr_assert_eq(pager_next(&pager), BEHALF_OK);
    cr_assert_eq(engine_info_read(agents.engine, &info, &error), BEHALF_OK);
    cr_expect_str_eq(pager.result.looked_up_at.text, info.token.text);
    agents_close();
}

Test(lookup_grants, stops_that_come_while_a_lookup_by_actors_runs_count)
{
    struct question_words actor = {.actors = "agent:bot"};

    agents_open(schema, WORLD, "agent:bot#principal@user:ann", NULL);
    interrupt_by(stop_now);
    EXPECT_TEXT(agents_resources("doc#view", 0, actor), "reason: agent_stopped");
    agents_restore(STOP_AGENT, "agent:bot");
    interrupt_by(stop_now);
    EXPECT_TEXT(agents_filter("view", "doc:1", actor), "reason: agent_stopped");
    agents_close();
}

Test(lookup_grants, a_grant_that_ends_while_a_lookup_runs_lists_nothing)
{
    struct record_id grant;
    struct pager pager;

    agents_open(schema, WORLD, NULL);
    grant = viewing("doc:* view");
    agents_at(1799);
    pager_open(&pager, by(&grant));
    interrupt_by(end_now);
    cr_assert_eq(pager_next(&pager), BEHALF_OK);
    cr_expect_eq(pager.result.resource_count, 0);
    cr_expect_eq(pager.result.reason, REASON_GRANT_EXPIRED);
    agents_close();
}

/* --- what lists and what decides --- */

Test(lookup_grants, lookups_leave_out_bindings_and_uses_and_filters_do_not)
{
    struct record_id session;
    struct record_id counted;
    struct record_id bound;
    struct question_words shown = {.actors = "agent:bot", .method = "POST"};

    agents_open(schema, WORLD, NULL);
    session = agents_session((struct session_words){0});
    counted = agents_root(session, (struct grant_words){.scope = "doc:* view", .uses = 1});
    bound = agents_root(session, (struct grant_words){.scope = "doc:* view", .method = "POST"});
    EXPECT_TEXT(agents_resources("doc#view", 2, by(&counted)), "1 3 4 5 6[...]");
    EXPECT_TEXT(agents_resources("doc#view", 2, by(&bound)), "1 3 4 5 6[...]");
    EXPECT_TEXT(agents_filter("view", "doc:1", by(&counted)), "reason: single_check_required");
    EXPECT_TEXT(agents_filter("view", "doc:1", by(&bound)), "reason: binding_mismatch");
    shown.grant = &bound;
    EXPECT_TEXT(agents_filter("view", "doc:1", shown), "doc:1");
    agents_close();
}

/* A list of what it may do does not keep a session alive where nothing is on it. */
Test(lookup_grants, pages_with_results_are_a_use_of_the_session_and_empty_ones_are_not)
{
    struct record_id session;
    struct record_id grant;

    agents_open(schema, WORLD, NULL);
    session = agents_session((struct session_words){.idle = 600});
    grant = agents_root(session, (struct grant_words){.scope = "doc:* view; folder:* view"});
    agents_at(500);
    EXPECT_TEXT(agents_resources("folder#view", 0, by(&grant)), "");
    EXPECT_TEXT(agents_filter("view", "doc:7 doc:6", by(&grant)), "doc:6[...]");
    agents_at(600);
    EXPECT_TEXT(agents_resources("doc#view", 0, by(&grant)), "reason: session_idle");

    agents_at(700);
    session = agents_session((struct session_words){.idle = 600});
    grant = agents_root(session, (struct grant_words){.scope = "doc:* view"});
    agents_at(1200);
    EXPECT_TEXT(agents_resources("doc#view", 1, by(&grant)), "1 3 4 5 6[...]");
    agents_at(1700);
    EXPECT_TEXT(agents_filter("view", "doc:1", by(&grant)), "doc:1");
    agents_at(2200);
    EXPECT_TEXT(agents_resources("doc#view", 0, by(&grant)), "1 3 4 5 6[...]");
    agents_close();
}

/* --- subjects --- */

static const char *
subjects(const char *type, uint32_t limit)
{
    static char said[1024];
    struct engine_token cursor = {.text = ""};
    struct lookup_subjects lookup = {.resource = agents_object("doc:1"),
                                     .permission = SLICE_LITERAL("view"),
                                     .subject_type = slice_of(type),
                                     .limit = limit};

    said[0] = '\0';
    do {
        struct engine_request request = harness_request(&agents, NULL);
        struct lookup_subjects_result result;
        struct error error;

        lookup.cursor = slice_of(cursor.text);
        cr_assert_eq(engine_lookup_subjects(agents.worker, &request, &lookup, &result, &error),
                     BEHALF_OK, "%s", error.message);
        for (size_t at = 0; at < result.subject_count; at++) {
            const struct lookup_subject *row = &result.subjects[at];
            size_t size = strlen(said);

            (void)snprintf(said + size, sizeof said - size, "%s%s%.*s", size > 0 ? " " : "",
                           row->wildcard ? "*" : "", SLICE_PRINTF(row->id));
            for (size_t out = 0; out < row->excluded_count; out++) {
                size = strlen(said);
                (void)snprintf(said + size, sizeof said - size, " -%.*s",
                               SLICE_PRINTF(row->excluded[out].id));
            }
        }
        cursor = result.cursor;
    } while (cursor.text[0] != '\0');
    return said;
}

Test(lookup_grants, stopped_agents_are_no_subjects)
{
    agents_open("definition user {}\n"
                "definition agent { permission acts_on_behalf_of = nil }\n"
                "definition doc {\n  relation viewer: user | agent\n  relation banned: agent\n"
                "  permission view = viewer - banned\n}\n",
                "doc:1#viewer@agent:1", "doc:1#viewer@agent:2", "doc:1#viewer@agent:3",
                "doc:1#viewer@agent:4", "doc:1#banned@agent:2", "doc:1#viewer@user:ann", NULL);
    EXPECT_TEXT(subjects("agent", 0), "1 3 4");
    agents_stop(STOP_AGENT, "agent:3");
    agents_stop(STOP_PRINCIPAL, "agent:4");
    EXPECT_TEXT(subjects("agent", 0), "1 4");
    EXPECT_TEXT(subjects("agent", 1), "1 4");
    agents_stop(STOP_AGENT, "agent:1");
    EXPECT_TEXT(subjects("agent", 1), "4");
    agents_restore(STOP_AGENT, "agent:3");
    EXPECT_TEXT(subjects("agent", 1), "3 4");
    agents_stop(STOP_EVERYTHING, NULL);
    EXPECT_TEXT(subjects("agent", 1), "");
    EXPECT_TEXT(subjects("user", 1), "ann");
    agents_close();
}

static void
stop_a_subject_now(void)
{
    agents_stop(STOP_AGENT, "agent:3");
}

Test(lookup_grants, an_agent_that_is_stopped_while_a_lookup_runs_is_no_subject)
{
    agents_open(schema, "doc:1#viewer@agent:1", "doc:1#viewer@agent:3", NULL);
    interrupt_by(write_now); /* what concerns no stop changes nothing */
    EXPECT_TEXT(subjects("agent", 0), "1 3");
    interrupt_by(stop_a_subject_now);
    EXPECT_TEXT(subjects("agent", 0), "1");
    cr_assert_null(in_between);
    agents_close();
}

/* An agent that acts for nobody is bound by stops as well. */
Test(lookup_grants, an_agent_that_is_stopped_while_it_asks_for_itself_gets_nothing)
{
    struct question_words itself = {.subject = "agent:bot"};

    agents_open(schema, "doc:1#viewer@agent:bot", "doc:2#viewer@agent:bot", NULL);
    EXPECT_TEXT(agents_resources("doc#view", 0, itself), "1 2");
    interrupt_by(stop_now);
    EXPECT_TEXT(agents_resources("doc#view", 0, itself), "reason: agent_stopped");
    agents_restore(STOP_AGENT, "agent:bot");
    interrupt_by(stop_now);
    EXPECT_TEXT(agents_filter("view", "doc:1", itself), "reason: agent_stopped");
    cr_assert_null(in_between);
    agents_close();
}

Test(lookup_grants, wildcards_exclude_stopped_agents)
{
    agents_open("definition user {}\n"
                "definition agent { permission acts_on_behalf_of = nil }\n"
                "definition doc {\n  relation viewer: agent | agent:*\n  relation banned: agent\n"
                "  permission view = viewer - banned\n  permission open = viewer\n}\n",
                "doc:1#viewer@agent:*", "doc:1#viewer@agent:2", "doc:1#banned@agent:5",
                "doc:2#viewer@agent:7", NULL);
    EXPECT_TEXT(subjects("agent", 0), "* -5 2");
    agents_stop(STOP_AGENT, "agent:2");
    EXPECT_TEXT(subjects("agent", 0), "* -2 -5");
    agents_stop(STOP_AGENT, "agent:7");
    EXPECT_TEXT(subjects("agent", 1), "* -2 -5 -7");
    EXPECT_TEXT(agents_check("doc:1#view", (struct question_words){.subject = "agent:7"}),
                "deny agent_stopped");
    agents_restore(STOP_AGENT, "agent:2");
    EXPECT_TEXT(subjects("agent", 1), "* -5 -7 2");
    agents_close();
}

/* The same where the member is a plain union, whose subjects are walked in windows. */
Test(lookup_grants, stopped_agents_do_not_end_a_page_of_a_plain_member)
{
    char text[64];
    char expected[512] = "";

    agents_open("definition user {}\n"
                "definition agent { permission acts_on_behalf_of = nil }\n"
                "definition doc {\n  relation viewer: agent | agent:*\n"
                "  permission view = viewer\n}\n",
                "doc:1#viewer@agent:*", NULL);
    for (int at = 0; at < 60; at++) {
        (void)snprintf(text, sizeof text, "doc:1#viewer@agent:%d", at);
        agents_put(text);
    }
    for (int at = 0; at < 50; at++) {
        (void)snprintf(text, sizeof text, "agent:%d", at);
        agents_stop(STOP_AGENT, text);
    }
    (void)snprintf(expected, sizeof expected, "*");
    for (int at = 0; at < 50; at++)
        (void)snprintf(expected + strlen(expected), 16, " -%d", at);
    for (int at = 50; at < 60; at++)
        (void)snprintf(expected + strlen(expected), 16, " %d", at);
    EXPECT_TEXT(subjects("agent", 0), expected);
    EXPECT_TEXT(subjects("agent", 3), expected);
    agents_close();
}
