/* test_delegated.c - the decision by a grant: each condition and its reason. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "engine/record_conditions.h"
#include "engine/state.h"
#include "storage/store_internal.h"
#include "tests/unit/test_delegated_support.h"

#define VIEW "document:d1#view@user:ann"
#define EDIT "document:d1#edit@user:ann"

static struct scene scene;

static void
open_scene(void)
{
    scene_open(&scene, NULL);
    scene_put(&scene, "document:d1#owner@user:ann\n"
                      "document:d2#owner@user:ann\n"
                      "document:d3#owner@user:ben\n"
                      "vault:v1#owner@user:ann\n"
                      "folder:sub#parent@folder:top\n"
                      "document:d1#parent@folder:sub\n");
}

static void
close_scene(void)
{
    scene_close(&scene);
}

TestSuite(delegated, .init = open_scene, .fini = close_scene);

/* Asks as agent:bot. */
static const char *
ask(const char *question, const struct record_id *grant)
{
    const struct asking asking = {.grant = grant, .actors = "agent:bot"};

    return scene_check(&scene, question, &asking);
}

static const char *
ask_as(const char *question, const struct record_id *grant, const char *actors)
{
    const struct asking asking = {.grant = grant, .actors = actors};

    return scene_check(&scene, question, &asking);
}

static const char *
ask_with(const char *question, const struct record_id *grant, const char *context)
{
    const struct asking asking = {.grant = grant, .actors = "agent:bot", .context = context};

    return scene_check(&scene, question, &asking);
}

/* --- an allow --- */

Test(delegated, a_grant_passes_on_what_it_says)
{
    struct record_id grant = scene_root(&scene, NULL);

    cr_expect_str_eq(ask(VIEW, &grant), "allow until 1800");
    cr_expect_str_eq(ask(EDIT, &grant), "allow until 1800");
}

/* The same without the agent, and without the grant. */
Test(delegated, a_grant_is_shown_by_an_actor)
{
    struct record_id grant = scene_root(&scene, NULL);

    cr_expect_str_eq(ask_as(VIEW, &grant, NULL), "MALFORMED_REQUEST");
    cr_expect_str_eq(ask(VIEW, NULL), "deny no_grant");
    cr_expect_str_eq(scene_check(&scene, VIEW, NULL), "allow");
}

Test(delegated, an_actor_is_of_an_agent_type)
{
    struct record_id grant = scene_root(&scene, NULL);

    cr_expect_str_eq(ask_as(VIEW, &grant, "user:ben"), "UNKNOWN_RELATION_OR_PERMISSION");
    cr_expect_str_eq(ask_as(VIEW, &grant, "agent:bot#owner"), "MALFORMED_REQUEST");
    cr_expect_str_eq(ask_as(VIEW, &grant, "agent:*"), "WILDCARD_NOT_ALLOWED");
    cr_expect_str_eq(ask("document:d1#view@document:d1#owner", &grant), "MALFORMED_REQUEST");
}

/* --- D2 --- */

Test(delegated, a_grant_that_nobody_made_allows_nothing)
{
    struct record_id grant = scene_root(&scene, NULL);

    grant.bytes[15] ^= 1;
    cr_expect_str_eq(ask(VIEW, &grant), "deny no_grant");
}

/* Once the definition acts for nobody any more, no chain goes through its objects. */
Test(delegated, every_delegatee_is_of_an_agent_type)
{
    static const char schema[] = "definition user {}\n"
                                 "definition agent { permission acts_on_behalf_of = nil }\n"
                                 "definition service { %s }\n"
                                 "definition document { relation owner: user\n"
                                 "    permission view = owner\n"
                                 "    permission edit = owner }\n";
    struct record_id session;
    struct record_id root;
    struct record_id child;
    char text[512];

    scene_close(&scene);
    (void)snprintf(text, sizeof text, schema, "permission acts_on_behalf_of = nil");
    scene_open(&scene, text);
    scene_put(&scene, "document:d1#owner@user:ann");
    session = scene_session(&scene, "user:ann", "service:mail", NULL);
    root = scene_grant(&scene, &session, "user:ann", &(struct grant_terms){.max_depth = 1});
    child = scene_delegate(&scene, &root, "service:mail", "agent:bot", NULL);
    cr_expect_str_eq(ask(VIEW, &child), "allow until 1800");
    (void)snprintf(text, sizeof text, schema, "");
    scene_write_schema(&scene, text);
    cr_expect_str_eq(ask(VIEW, &child), "deny no_grant");
    cr_expect_str_eq(ask_as(VIEW, &root, "service:mail"), "UNKNOWN_RELATION_OR_PERMISSION");
}

/* --- D9 --- */

Test(delegated, only_the_agent_it_was_given_to_shows_a_grant)
{
    struct record_id grant = scene_root(&scene, NULL);

    cr_expect_str_eq(ask_as(VIEW, &grant, "agent:other"), "deny actor_mismatch");
    cr_expect_str_eq(ask_as(VIEW, &grant, "service:bot"), "deny actor_mismatch");
    cr_expect_str_eq(ask_as(VIEW, &grant, "agent:bot agent:other"), "deny actor_mismatch");
}

Test(delegated, several_actors_are_those_of_the_chain)
{
    struct record_id root = scene_root(&scene, &(struct grant_terms){.max_depth = 1});
    struct record_id child = scene_delegate(&scene, &root, "agent:bot", "agent:helper", NULL);

    cr_expect_str_eq(ask_as(VIEW, &child, "agent:helper"), "allow until 1800");
    cr_expect_str_eq(ask_as(VIEW, &child, "agent:bot agent:helper"), "allow until 1800");
    cr_expect_str_eq(ask_as(VIEW, &child, "agent:bot"), "deny actor_mismatch");
    cr_expect_str_eq(ask_as(VIEW, &child, "agent:other agent:helper"), "deny act_chain_mismatch");
    cr_expect_str_eq(ask_as(VIEW, &child, "agent:other agent:bot agent:helper"),
                     "deny act_chain_mismatch");
    cr_expect_str_eq(ask_as(VIEW, &root, "agent:helper agent:bot"), "deny act_chain_mismatch");
}

Test(delegated, the_subject_is_the_principal)
{
    struct record_id grant = scene_root(&scene, NULL);

    cr_expect_str_eq(ask("document:d3#view@user:ben", &grant), "deny principal_mismatch");
    cr_expect_str_eq(ask("document:d1#view@user:nobody", &grant), "deny principal_mismatch");
}

/* --- D6 --- */

Test(delegated, a_suspended_session_allows_nothing_until_it_is_resumed)
{
    struct record_id session = scene_session(&scene, "user:ann", "agent:bot", NULL);
    struct record_id grant = scene_grant(&scene, &session, "user:ann", NULL);

    scene_change(&scene, &session, SESSION_SUSPEND);
    cr_expect_str_eq(ask(VIEW, &grant), "deny session_suspended");
    scene_change(&scene, &session, SESSION_RESUME);
    cr_expect_str_eq(ask(VIEW, &grant), "allow until 1800");
    scene_change(&scene, &session, SESSION_REVOKE);
    cr_expect_str_eq(ask(VIEW, &grant), "deny session_revoked");
}

Test(delegated, a_session_ends_at_its_end)
{
    struct record_id session =
        scene_session(&scene, "user:ann", "agent:bot", &(struct session_terms){.ends = 600});
    struct record_id grant =
        scene_grant(&scene, &session, "user:ann", &(struct grant_terms){.ends = 600});

    scene_at(&scene, 599);
    cr_expect_str_eq(ask(VIEW, &grant), "allow until 600");
    scene_at(&scene, 600);
    cr_expect_str_eq(ask(VIEW, &grant), "deny session_expired");
}

/* An allow counts as use, a deny does not. */
Test(delegated, a_session_is_idle_once_nothing_was_allowed_for_its_timeout)
{
    const struct session_terms terms = {.ends = 7200, .idle = 100};
    struct record_id session = scene_session(&scene, "user:ann", "agent:bot", &terms);
    struct record_id grant =
        scene_grant(&scene, &session, "user:ann", &(struct grant_terms){.ends = 7200});

    cr_expect_str_eq(ask(VIEW, &grant), "allow until 100");
    scene_at(&scene, 90);
    cr_expect_str_eq(ask(VIEW, &grant), "allow until 100");
    scene_at(&scene, 180);
    cr_expect_str_eq(ask("document:d3#view@user:ann", &grant), "deny principal_denied");
    cr_expect_str_eq(ask(VIEW, &grant), "allow until 190");
    scene_at(&scene, 270);
    cr_expect_str_eq(ask("document:d3#view@user:ann", &grant), "deny principal_denied");
    scene_at(&scene, 280);
    cr_expect_str_eq(ask(VIEW, &grant), "deny session_idle");
    scene_at(&scene, 281);
    cr_expect_str_eq(ask(VIEW, &grant), "deny session_idle");
}

Test(delegated, a_session_without_a_timeout_is_never_idle)
{
    const struct session_terms terms = {.ends = 7200, .never_idle = true};
    struct record_id session = scene_session(&scene, "user:ann", "agent:bot", &terms);
    struct record_id grant =
        scene_grant(&scene, &session, "user:ann", &(struct grant_terms){.ends = 7200});

    scene_at(&scene, 7100);
    cr_expect_str_eq(ask(VIEW, &grant), "allow until 7200");
}

/* --- D7 --- */

Test(delegated, what_hangs_on_a_revoked_grant_dies_with_it)
{
    struct record_id root = scene_root(&scene, &(struct grant_terms){.max_depth = 2});
    struct record_id child = scene_delegate(&scene, &root, "agent:bot", "agent:b",
                                            &(struct grant_terms){.max_depth = 1});
    struct record_id last = scene_delegate(&scene, &child, "agent:b", "agent:c", NULL);

    cr_expect_str_eq(ask_as(VIEW, &last, "agent:c"), "allow until 1800");
    scene_revoke(&scene, &child);
    cr_expect_str_eq(ask_as(VIEW, &last, "agent:c"), "deny grant_revoked");
    cr_expect_str_eq(ask_as(VIEW, &child, "agent:b"), "deny grant_revoked");
    cr_expect_str_eq(ask(VIEW, &root), "allow until 1800");
    scene_revoke(&scene, &root);
    cr_expect_str_eq(ask(VIEW, &root), "deny grant_revoked");
}

/* A restored agent does not get back what it was granted before; a new consent counts. */
static void
expect_stopped(enum stop_scope scope, const char *party)
{
    const struct session_terms terms = {.client = "editor"};
    struct record_id session = scene_session(&scene, "user:ann", "agent:bot", &terms);
    struct record_id grant = scene_grant(&scene, &session, "user:ann", NULL);

    cr_expect_str_eq(ask(VIEW, &grant), "allow until 1800");
    scene_kill(&scene, scope, party);
    cr_expect_str_eq(ask(VIEW, &grant), "deny agent_stopped");
    scene_restore(&scene, scope, party);
    cr_expect_str_eq(ask(VIEW, &grant), "deny agent_stopped");
    session = scene_session(&scene, "user:ann", "agent:bot", &terms);
    grant = scene_grant(&scene, &session, "user:ann", NULL);
    cr_expect_str_eq(ask(VIEW, &grant), "allow until 1800");
}

Test(delegated, a_stop_on_an_agent_ends_its_sessions)
{
    expect_stopped(STOP_AGENT, "agent:bot");
}

Test(delegated, a_stop_on_a_client_ends_its_sessions)
{
    expect_stopped(STOP_CLIENT, "editor");
}

Test(delegated, a_stop_on_a_principal_ends_its_sessions)
{
    expect_stopped(STOP_PRINCIPAL, "user:ann");
}

Test(delegated, a_stop_on_everything_ends_all_sessions)
{
    expect_stopped(STOP_EVERYTHING, NULL);
}

Test(delegated, a_stop_on_others_ends_nothing)
{
    const struct session_terms terms = {.client = "editor"};
    struct record_id session = scene_session(&scene, "user:ann", "agent:bot", &terms);
    struct record_id grant = scene_grant(&scene, &session, "user:ann", NULL);

    scene_kill(&scene, STOP_AGENT, "agent:other");
    scene_kill(&scene, STOP_CLIENT, "agent:bot");
    scene_kill(&scene, STOP_PRINCIPAL, "user:ben");
    cr_expect_str_eq(ask(VIEW, &grant), "allow until 1800");
}

/* The link to an agent that was stopped is dead, the ones above are not. */
Test(delegated, a_stop_on_an_agent_in_the_chain_ends_its_link)
{
    struct record_id root = scene_root(&scene, &(struct grant_terms){.max_depth = 2});
    const struct grant_terms deep = {.max_depth = 1};
    struct record_id child = scene_delegate(&scene, &root, "agent:bot", "agent:b", &deep);
    struct record_id last = scene_delegate(&scene, &child, "agent:b", "agent:c", NULL);

    scene_kill(&scene, STOP_AGENT, "agent:b");
    scene_restore(&scene, STOP_AGENT, "agent:b");
    cr_expect_str_eq(ask_as(VIEW, &child, "agent:b"), "deny agent_stopped");
    cr_expect_str_eq(ask_as(VIEW, &last, "agent:c"), "deny agent_stopped");
    cr_expect_str_eq(ask(VIEW, &root), "allow until 1800");
    child = scene_delegate(&scene, &root, "agent:bot", "agent:b", &deep);
    cr_expect_str_eq(ask_as(VIEW, &child, "agent:b"), "allow until 1800");
}

/* --- D4 --- */

Test(delegated, a_grant_holds_between_its_times)
{
    struct record_id grant = scene_root(&scene, &(struct grant_terms){.from = 60, .ends = 120});

    scene_at(&scene, 59);
    cr_expect_str_eq(ask(VIEW, &grant), "deny grant_not_yet_valid until 60");
    scene_at(&scene, 60);
    cr_expect_str_eq(ask(VIEW, &grant), "allow until 120");
    scene_at(&scene, 119.5);
    cr_expect_str_eq(ask(VIEW, &grant), "allow until 120");
    scene_at(&scene, 120);
    cr_expect_str_eq(ask(VIEW, &grant), "deny grant_expired");
}

Test(delegated, the_times_of_every_grant_of_the_chain_count)
{
    struct record_id root = scene_root(&scene, &(struct grant_terms){.max_depth = 1, .ends = 300});
    struct record_id child = scene_delegate(&scene, &root, "agent:bot", "agent:b",
                                            &(struct grant_terms){.from = 30, .ends = 200});

    cr_expect_str_eq(ask_as(VIEW, &child, "agent:b"), "deny grant_not_yet_valid until 30");
    cr_expect_str_eq(ask(VIEW, &root), "allow until 300");
    scene_at(&scene, 30);
    cr_expect_str_eq(ask_as(VIEW, &child, "agent:b"), "allow until 200");
    scene_at(&scene, 200);
    cr_expect_str_eq(ask_as(VIEW, &child, "agent:b"), "deny grant_expired");
}

/* --- D5 --- */

/* The writer makes no such chain. */
Test(delegated, a_chain_is_as_deep_as_each_of_its_grants_allows)
{
    struct session session = {.expires_at = 100, .agent = NODE_WILDCARD(1) + 1};
    struct grant grants[2] = {{.is_root = true, .expires_at = 100}, {.expires_at = 100}};
    const struct grant *const chain[] = {&grants[0], &grants[1]};
    struct record_facts facts = {.session = &session, .chain = chain, .length = 2};
    struct engine_worker *worker = scene.side.worker;
    const struct published *published = worker_refresh(worker);
    uint16_t type = store_label_find(scene.side.store, LABEL_TYPE, SLICE_LITERAL("agent"));
    int64_t ends;
    size_t at;

    session.agent = grants[0].delegatee = NODE_WILDCARD(type) + 1;
    grants[1].delegatee = NODE_WILDCARD(type) + 2;
    facts.binding = published->binding;
    facts.stops = published->stops;
    cr_expect_eq(record_conditions(&facts, 1, &at, &ends), REASON_DEPTH_EXCEEDED);
    cr_expect_eq(at, 0);
    grants[0].max_depth = 1;
    cr_expect_eq(record_conditions(&facts, 1, &at, &ends), REASON_NONE);
    cr_expect_eq(ends, 100);
}

/* --- D10a --- */

static const char *
ask_call(const struct record_id *grant, const char *method, uint8_t digest, const char *tool,
         uint8_t sha256)
{
    const struct asking asking = {
        .grant = grant,
        .actors = "agent:bot",
        .method = method,
        .digest = digest,
        .tool = tool,
        .sha256 = sha256,
    };

    return scene_check(&scene, VIEW, &asking);
}

Test(delegated, a_bound_grant_is_for_that_call_alone)
{
    struct record_id grant = scene_root(&scene, &(struct grant_terms){.method = "jcs-sha256"});

    cr_expect_str_eq(ask_call(&grant, "jcs-sha256", 1, NULL, 0), "allow until 1800");
    cr_expect_str_eq(ask_call(&grant, "jcs-sha256", 2, NULL, 0), "deny binding_mismatch");
    cr_expect_str_eq(ask_call(&grant, "other", 1, NULL, 0), "deny binding_mismatch");
    cr_expect_str_eq(ask_call(&grant, NULL, 0, NULL, 0), "deny binding_mismatch");
    cr_expect_str_eq(ask_call(&grant, NULL, 1, NULL, 0), "deny binding_mismatch");
}

Test(delegated, a_grant_for_tools_is_for_their_definitions)
{
    struct record_id grant = scene_root(&scene, &(struct grant_terms){.tool = "send"});

    cr_expect_str_eq(ask_call(&grant, NULL, 0, "send", 2), "allow until 1800");
    cr_expect_str_eq(ask_call(&grant, NULL, 0, "send", 3), "deny tool_changed");
    cr_expect_str_eq(ask_call(&grant, NULL, 0, "read", 2), "deny tool_changed");
    cr_expect_str_eq(ask_call(&grant, NULL, 0, NULL, 2), "deny tool_changed");
}

/* What an ancestor is bound to is not copied, and holds. */
Test(delegated, bindings_and_tools_of_every_grant_count)
{
    struct record_id root =
        scene_root(&scene, &(struct grant_terms){.max_depth = 1, .method = "m", .tool = "send"});
    struct record_id child = scene_delegate(&scene, &root, "agent:bot", "agent:b", NULL);
    struct asking asking = {.grant = &child, .actors = "agent:b"};

    cr_expect_str_eq(scene_check(&scene, VIEW, &asking), "deny binding_mismatch");
    asking.method = "m";
    asking.digest = 1;
    cr_expect_str_eq(scene_check(&scene, VIEW, &asking), "deny tool_changed");
    asking.tool = "send";
    asking.sha256 = 2;
    cr_expect_str_eq(scene_check(&scene, VIEW, &asking), "allow until 1800");
}

/* --- D3: scope --- */

Test(delegated, a_selector_of_an_object_selects_it_alone)
{
    struct record_id grant = scene_root(&scene, &(struct grant_terms){.scope = "document:d1 view"});

    cr_expect_str_eq(ask(VIEW, &grant), "allow until 1800");
    cr_expect_str_eq(ask("document:d2#view@user:ann", &grant), "deny scope_excluded");
    cr_expect_str_eq(ask(EDIT, &grant), "deny scope_excluded");
    cr_expect_str_eq(ask("vault:d1#view@user:ann", &grant), "deny scope_excluded");
    cr_expect_str_eq(ask("document:d1#owner@user:ann", &grant), "deny scope_excluded");
}

Test(delegated, a_selector_of_a_type_selects_all_of_it)
{
    struct record_id grant =
        scene_root(&scene, &(struct grant_terms){.scope = "document:* view owner"});

    cr_expect_str_eq(ask("document:d2#view@user:ann", &grant), "allow until 1800");
    cr_expect_str_eq(ask("document:d2#owner@user:ann", &grant), "allow until 1800");
    cr_expect_str_eq(ask("document:d2#edit@user:ann", &grant), "deny scope_excluded");
    cr_expect_str_eq(ask("vault:v1#view@user:ann", &grant), "deny scope_excluded");
    cr_expect_str_eq(ask("document:d3#view@user:ann", &grant), "deny principal_denied");
    cr_expect_str_eq(ask("document:new#view@user:ann", &grant), "deny principal_denied");
}

Test(delegated, a_selector_of_members_is_decided_at_each_check)
{
    struct record_id grant =
        scene_root(&scene, &(struct grant_terms){.scope = "document:*#within@folder:top view"});

    cr_expect_str_eq(ask(VIEW, &grant), "allow until 1800");
    cr_expect_str_eq(ask("document:d2#view@user:ann", &grant), "deny scope_excluded");
    scene_put(&scene, "document:d2#parent@folder:sub");
    cr_expect_str_eq(ask("document:d2#view@user:ann", &grant), "allow until 1800");
    scene_remove(&scene, "folder:sub#parent@folder:top");
    cr_expect_str_eq(ask(VIEW, &grant), "deny scope_excluded");
}

Test(delegated, a_folder_without_a_name_has_no_members)
{
    struct record_id grant =
        scene_root(&scene, &(struct grant_terms){.scope = "document:*#within@folder:later view"});

    cr_expect_str_eq(ask(VIEW, &grant), "deny scope_excluded");
    scene_put(&scene, "folder:top#parent@folder:later");
    cr_expect_str_eq(ask(VIEW, &grant), "allow until 1800");
}

Test(delegated, the_principal_of_a_selector_is_that_of_the_session)
{
    struct record_id grant =
        scene_root(&scene, &(struct grant_terms){.scope = "document:*#owner@$principal view"});

    scene_put(&scene, "document:d3#viewer@user:ann");
    cr_expect_str_eq(ask(VIEW, &grant), "allow until 1800");
    cr_expect_str_eq(ask("document:d3#view@user:ann", &grant), "deny scope_excluded");
    cr_expect_str_eq(ask("document:d3#view@user:ben", &grant), "deny principal_mismatch");
}

Test(delegated, elements_of_a_scope_are_a_union)
{
    struct record_id grant = scene_root(
        &scene,
        &(struct grant_terms){.scope = "document:d2 view; document:*#within@folder:other view; "
                                       "document:d1 edit; document:*#within@folder:sub view"});

    cr_expect_str_eq(ask(VIEW, &grant), "allow until 1800");
    cr_expect_str_eq(ask(EDIT, &grant), "allow until 1800");
    cr_expect_str_eq(ask("document:d2#view@user:ann", &grant), "allow until 1800");
    cr_expect_str_eq(ask("document:d2#edit@user:ann", &grant), "deny scope_excluded");
}

/* Each element of members selects for its own actions. */
Test(delegated, members_are_selected_for_the_actions_of_their_element)
{
    struct record_id grant =
        scene_root(&scene, &(struct grant_terms){.scope = "document:*#within@folder:other edit; "
                                                          "document:*#within@folder:sub view"});

    cr_expect_str_eq(ask(VIEW, &grant), "allow until 1800");
    cr_expect_str_eq(ask(EDIT, &grant), "deny scope_excluded");
}

/* The child's element was narrower by its form; each check holds it within the parent's. */
Test(delegated, a_child_selects_within_its_parent_at_each_check)
{
    struct record_id root =
        scene_root(&scene, &(struct grant_terms){.max_depth = 1,
                                                 .scope = "document:*#within@folder:top view"});
    struct record_id child =
        scene_delegate(&scene, &root, "agent:bot", "agent:b",
                       &(struct grant_terms){.scope = "document:d1 view; document:d2 view"});

    cr_expect_str_eq(ask_as(VIEW, &child, "agent:b"), "allow until 1800");
    cr_expect_str_eq(ask_as("document:d2#view@user:ann", &child, "agent:b"), "deny scope_excluded");
}

/* --- D3: constraints --- */

Test(delegated, a_constraint_holds_with_the_grants_context_before_the_requests)
{
    const struct grant_terms terms = {.caveat = "small", .caveat_context = "{\"limit\":10}"};
    struct record_id grant = scene_root(&scene, &terms);

    cr_expect_str_eq(ask_with(VIEW, &grant, "{\"amount\":10}"), "allow until 1800");
    cr_expect_str_eq(ask_with(VIEW, &grant, "{\"amount\":11}"), "deny constraint_failed");
    cr_expect_str_eq(ask_with(VIEW, &grant, "{\"amount\":11,\"limit\":20}"),
                     "deny constraint_failed");
    cr_expect_str_eq(ask(VIEW, &grant), "conditional missing_context amount until 1800");
}

Test(delegated, constraints_of_every_grant_count)
{
    struct record_id root =
        scene_root(&scene, &(struct grant_terms){.max_depth = 1, .caveat = "office"});
    struct record_id child =
        scene_delegate(&scene, &root, "agent:bot", "agent:b",
                       &(struct grant_terms){.caveat = "small", .caveat_context = "{\"limit\":1}"});
    struct asking asking = {.grant = &child, .actors = "agent:b"};

    cr_expect_str_eq(scene_check(&scene, VIEW, &asking),
                     "conditional missing_context amount hour until 1800");
    asking.context = "{\"hour\":19}";
    cr_expect_str_eq(scene_check(&scene, VIEW, &asking), "deny constraint_failed");
    asking.context = "{\"hour\":9}";
    cr_expect_str_eq(scene_check(&scene, VIEW, &asking),
                     "conditional missing_context amount until 1800");
    asking.context = "{\"hour\":9,\"amount\":1}";
    cr_expect_str_eq(scene_check(&scene, VIEW, &asking), "allow until 1800");
}

static void
replace_in_schema(const char *from, const char *to)
{
    const char *at = strstr(scene_schema, from);
    struct buffer text;

    cr_assert_not_null(at);
    buffer_init(&text);
    buffer_add(&text, scene_schema, (size_t)(at - scene_schema));
    buffer_add_text(&text, to);
    buffer_add_text(&text, at + strlen(from));
    scene_write_schema(&scene, arena_copy(&scene.arena, buffer_slice(&text)).data);
    buffer_release(&text);
}

#define SMALL "caveat small(amount int, limit int) { amount <= limit }\n"

/* What was approved is the caveat as it was. */
Test(delegated, a_constraint_does_not_hold_under_another_caveat_of_its_name)
{
    const struct grant_terms terms = {.caveat = "small", .caveat_context = "{\"limit\":10}"};
    struct record_id grant = scene_root(&scene, &terms);

    cr_expect_str_eq(ask_with(VIEW, &grant, "{\"amount\":1}"), "allow until 1800");
    replace_in_schema("amount <= limit", "amount <= limit || true");
    cr_expect_str_eq(ask_with(VIEW, &grant, "{\"amount\":1}"), "deny constraint_failed");
    cr_expect_str_eq(ask(VIEW, &grant), "deny constraint_failed");
    replace_in_schema(SMALL, "caveat small(limit int, amount int) { amount <= limit }\n");
    scene_write_schema(&scene, scene_schema);
    cr_expect_str_eq(ask_with(VIEW, &grant, "{\"amount\":1}"), "allow until 1800");
}

Test(delegated, a_constraint_whose_caveat_is_gone_does_not_hold)
{
    const struct grant_terms terms = {.caveat = "small", .caveat_context = "{\"limit\":10}"};
    struct record_id grant = scene_root(&scene, &terms);

    replace_in_schema(SMALL, "");
    cr_expect_str_eq(ask_with(VIEW, &grant, "{\"amount\":1}"), "deny constraint_failed");
}

/* Type, action, member and the object's type of selectors. */
Test(delegated, names_that_are_gone_select_nothing)
{
    struct record_id grant =
        scene_root(&scene, &(struct grant_terms){.scope = "document:*#within@folder:top view"});

    cr_expect_str_eq(ask(VIEW, &grant), "allow until 1800");
    replace_in_schema("    permission within = parent + parent->within\n    permission view",
                      "    permission inside = parent + parent->within\n    permission view");
    cr_expect_str_eq(ask(VIEW, &grant), "deny scope_excluded");
    scene_write_schema(&scene, scene_schema);
    cr_expect_str_eq(ask(VIEW, &grant), "allow until 1800");
    replace_in_schema("permission view = owner + viewer", "permission see = owner + viewer");
    cr_expect_str_eq(ask("document:d1#see@user:ann", &grant), "deny scope_excluded");
}

/* --- D8 --- */

#define VAULT "vault:v1#view@user:ann"

static struct record_id
vault_grant(const char *agent, uint32_t max_depth)
{
    struct record_id session = scene_session(&scene, "user:ann", agent, NULL);

    return scene_grant(&scene, &session, "user:ann",
                       &(struct grant_terms){.scope = "vault:* view edit", .max_depth = max_depth});
}

Test(delegated, an_agent_stays_below_the_ceiling_of_the_type)
{
    struct record_id grant = vault_grant("agent:bot", 0);

    cr_expect_str_eq(ask(VAULT, &grant), "deny agent_ceiling");
    scene_put(&scene, "vault:v1#cleared@agent:bot");
    cr_expect_str_eq(ask(VAULT, &grant), "allow until 1800");
    cr_expect_str_eq(scene_check(&scene, VAULT, NULL), "allow");
}

/* Beside that of the type, and for this permission alone. */
Test(delegated, an_agent_stays_below_the_ceiling_of_the_permission)
{
    struct record_id grant = vault_grant("agent:bot", 0);

    scene_put(&scene, "vault:v1#cleared@agent:bot");
    cr_expect_str_eq(ask("vault:v1#edit@user:ann", &grant), "deny agent_ceiling");
    scene_put(&scene, "vault:v1#editors@agent:bot");
    cr_expect_str_eq(ask("vault:v1#edit@user:ann", &grant), "allow until 1800");
    scene_remove(&scene, "vault:v1#cleared@agent:bot");
    cr_expect_str_eq(ask("vault:v1#edit@user:ann", &grant), "deny agent_ceiling");
}

Test(delegated, every_agent_of_the_chain_stays_below_the_ceiling)
{
    struct record_id root = vault_grant("agent:bot", 1);
    struct record_id child = scene_delegate(&scene, &root, "agent:bot", "agent:b",
                                            &(struct grant_terms){.scope = "vault:v1 view"});

    scene_put(&scene, "vault:v1#cleared@agent:b");
    cr_expect_str_eq(ask_as(VAULT, &child, "agent:b"), "deny agent_ceiling");
    scene_put(&scene, "vault:v1#cleared@agent:bot");
    cr_expect_str_eq(ask_as(VAULT, &child, "agent:b"), "allow until 1800");
    scene_remove(&scene, "vault:v1#cleared@agent:b");
    cr_expect_str_eq(ask_as(VAULT, &child, "agent:b"), "deny agent_ceiling");
}

/* --- D1 --- */

Test(delegated, no_grant_is_more_than_the_principal_has)
{
    struct record_id grant = scene_root(&scene, NULL);

    cr_expect_str_eq(ask("document:d3#view@user:ann", &grant), "deny principal_denied");
    scene_remove(&scene, "document:d1#owner@user:ann");
    cr_expect_str_eq(ask(VIEW, &grant), "deny principal_denied");
}

/* --- chains --- */

Test(delegated, chains_of_one_to_eight_grants)
{
    struct record_id grants[ENGINE_CHAIN_MAX];
    char names[ENGINE_CHAIN_MAX][16];
    char actors[160] = "agent:bot";

    (void)snprintf(names[0], sizeof names[0], "agent:bot");
    grants[0] = scene_root(&scene, &(struct grant_terms){.max_depth = 7});
    for (unsigned at = 1; at < ENGINE_CHAIN_MAX; at++) {
        (void)snprintf(names[at], sizeof names[at], "agent:a%u", at);
        grants[at] = scene_delegate(&scene, &grants[at - 1], names[at - 1], names[at],
                                    &(struct grant_terms){.max_depth = 7 - at});
    }
    for (unsigned at = 0; at < ENGINE_CHAIN_MAX; at++) {
        if (at > 0)
            (void)snprintf(actors + strlen(actors), sizeof actors - strlen(actors), " %s",
                           names[at]);
        cr_expect_str_eq(ask_as(VIEW, &grants[at], names[at]), "allow until 1800");
        cr_expect_str_eq(ask_as(VIEW, &grants[at], actors), "allow until 1800");
        cr_expect_str_eq(ask_as("document:d3#view@user:ann", &grants[at], actors),
                         "deny principal_denied");
    }
    scene_revoke(&scene, &grants[3]);
    for (unsigned at = 0; at < ENGINE_CHAIN_MAX; at++)
        cr_expect_str_eq(ask_as(VIEW, &grants[at], names[at]),
                         at < 3 ? "allow until 1800" : "deny grant_revoked");
}

/* --- which state --- */

Test(delegated, no_grant_beside_an_exact_snapshot)
{
    struct record_id grant = scene_root(&scene, NULL);
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    struct check checks[2];
    struct check_result result;
    struct check_bulk_result bulk;
    struct error error;
    struct engine_token token;
    struct engine_request request;

    cr_assert_eq(scene_result(&scene, VIEW, &asking, &result, &error), BEHALF_OK);
    token = result.checked_at;
    checks[0] = scene_question(&scene, VIEW, NULL);
    checks[1] = scene_question(&scene, VIEW, &asking);
    request = harness_request(&scene.side, &token);
    cr_expect_eq(engine_check(scene.side.worker, &request, &checks[0], &result, &error), BEHALF_OK);
    cr_expect_eq(engine_check(scene.side.worker, &request, &checks[1], &result, &error),
                 BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(engine_check_bulk(scene.side.worker, &request, checks, 1, &bulk, &error),
                 BEHALF_OK);
    cr_expect_eq(engine_check_bulk(scene.side.worker, &request, checks, 2, &bulk, &error),
                 BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(error.index, 1);
}

/* What could not be revoked is not allowed. */
Test(delegated, no_grant_counts_while_the_store_takes_no_writes)
{
    struct record_id grant = scene_root(&scene, NULL);
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};

    scene_put(&scene, "service:mail#trusted_by@user:ann");
    atomic_store(&scene.side.store->hindered, true);
    cr_expect_str_eq(ask(VIEW, &grant), "SERVICE_READ_ONLY");
    cr_expect_str_eq(scene_item(&scene, VIEW, &asking), "SERVICE_READ_ONLY");
    cr_expect_str_eq(scene_permissions(&scene, "document:d1", "user:ann", &asking),
                     "SERVICE_READ_ONLY");
    cr_expect_str_eq(ask_as(VIEW, NULL, "service:mail"), "allow");
    cr_expect_str_eq(scene_check(&scene, VIEW, NULL), "allow");
    atomic_store(&scene.side.store->hindered, false);
    cr_expect_str_eq(ask(VIEW, &grant), "allow until 1800");
    atomic_store(&scene.side.store->failed, true);
    cr_expect_str_eq(ask(VIEW, &grant), "SERVICE_READ_ONLY");
    atomic_store(&scene.side.store->failed, false);
}
