/* test_delegated_actors.c - actors without a grant: stops, hops and ceilings; and bulks and lists
 * beside single checks. */
#include <criterion/criterion.h>

#include "tests/unit/test_delegated_support.h"

#define VIEW "document:d1#view@user:ann"
#define VAULT "vault:v1#view@user:ann"

static struct scene scene;

static void
open_scene(void)
{
    scene_open(&scene, NULL);
    scene_put(&scene, "document:d1#owner@user:ann\n"
                      "document:d2#viewer@agent:bot\n"
                      "document:d2#viewer@service:mail\n"
                      "service:mail#trusted_by@user:ann\n"
                      "service:sort#trusted_by@service:mail\n"
                      "vault:v1#owner@user:ann\n");
}

static void
close_scene(void)
{
    scene_close(&scene);
}

TestSuite(delegated_actors, .init = open_scene, .fini = close_scene);

static const char *
ask(const char *question, const char *actors)
{
    const struct asking asking = {.actors = actors};

    return scene_check(&scene, question, &asking);
}

/* --- stops --- */

Test(delegated_actors, a_stop_on_an_actor_denies_wherever_it_stands)
{
    cr_expect_str_eq(ask(VIEW, "service:mail service:sort"), "allow");
    scene_kill(&scene, STOP_AGENT, "service:mail");
    cr_expect_str_eq(ask(VIEW, "service:mail"), "deny agent_stopped");
    cr_expect_str_eq(ask(VIEW, "service:mail service:sort"), "deny agent_stopped");
    scene_restore(&scene, STOP_AGENT, "service:mail");
    cr_expect_str_eq(ask(VIEW, "service:mail service:sort"), "allow");
    scene_kill(&scene, STOP_AGENT, "service:sort");
    cr_expect_str_eq(ask(VIEW, "service:mail service:sort"), "deny agent_stopped");
    cr_expect_str_eq(ask(VIEW, "service:mail"), "allow");
}

/* A party that was never stored has no node until the stop gives it one. */
static const char open_schema[] = "definition user {}\n"
                                  "definition agent {\n"
                                  "    relation serves: user:*\n"
                                  "    permission acts_on_behalf_of = serves\n"
                                  "}\n"
                                  "definition document {\n"
                                  "    relation viewer: user:* | agent:*\n"
                                  "    permission view = viewer\n"
                                  "}\n";

static enum decision
decide_at(struct scene *open, const char *question, const char *actors,
          const struct engine_token *token, enum engine_reason *reason)
{
    struct engine_request request = harness_request(&open->side, token);
    const struct asking asking = {.actors = actors};
    struct check check = scene_question(open, question, &asking);
    struct check_result result;
    struct error error;

    cr_assert_eq(engine_check(open->side.worker, &request, &check, &result, &error), BEHALF_OK,
                 "%s", error.message);
    *reason = result.reason;
    return result.decision;
}

Test(delegated_actors, a_stop_on_who_had_no_name_holds_at_older_revisions_too)
{
    enum engine_reason reason;
    struct engine_info info;
    struct error error;
    struct scene open;

    scene_open(&open, open_schema);
    scene_put(&open, "document:d1#viewer@agent:*\n"
                     "document:d1#viewer@user:*\n"
                     "agent:bot#serves@user:*\n");
    cr_assert_eq(engine_info_read(open.side.engine, &info, &error), BEHALF_OK);
    cr_expect_eq(decide_at(&open, "document:d1#view@agent:new", NULL, NULL, &reason),
                 DECISION_ALLOW);
    cr_expect_eq(decide_at(&open, "document:d1#view@user:new", "agent:bot", NULL, &reason),
                 DECISION_ALLOW);
    scene_kill(&open, STOP_AGENT, "agent:new");
    scene_kill(&open, STOP_PRINCIPAL, "user:new");
    cr_expect_eq(decide_at(&open, "document:d1#view@agent:new", NULL, &info.token, &reason),
                 DECISION_DENY);
    cr_expect_eq(reason, REASON_AGENT_STOPPED);
    cr_expect_eq(decide_at(&open, "document:d1#view@user:new", "agent:bot", &info.token, &reason),
                 DECISION_DENY);
    cr_expect_eq(reason, REASON_AGENT_STOPPED);
    cr_expect_eq(decide_at(&open, "document:d1#view@agent:other", NULL, &info.token, &reason),
                 DECISION_ALLOW);
    scene_close(&open);
}

Test(delegated_actors, a_stopped_agent_has_no_rights_of_its_own)
{
    cr_expect_str_eq(ask("document:d2#view@agent:bot", NULL), "allow");
    scene_kill(&scene, STOP_AGENT, "agent:bot");
    cr_expect_str_eq(ask("document:d2#view@agent:bot", NULL), "deny agent_stopped");
    cr_expect_str_eq(ask("document:d2#view@service:mail", NULL), "allow");
    scene_restore(&scene, STOP_AGENT, "agent:bot");
    cr_expect_str_eq(ask("document:d2#view@agent:bot", NULL), "allow");
}

Test(delegated_actors, a_stop_on_a_principal_cuts_off_those_who_act_for_it)
{
    scene_kill(&scene, STOP_PRINCIPAL, "user:ann");
    cr_expect_str_eq(ask(VIEW, "service:mail"), "deny agent_stopped");
    cr_expect_str_eq(ask(VIEW, NULL), "allow");
    scene_restore(&scene, STOP_PRINCIPAL, "user:ann");
    cr_expect_str_eq(ask(VIEW, "service:mail"), "allow");
}

Test(delegated_actors, a_stop_on_everything_leaves_people_their_rights)
{
    scene_kill(&scene, STOP_EVERYTHING, NULL);
    cr_expect_str_eq(ask(VIEW, "service:mail"), "deny agent_stopped");
    cr_expect_str_eq(ask("document:d2#view@agent:bot", NULL), "deny agent_stopped");
    cr_expect_str_eq(ask("document:d2#view@agent:unknown", NULL), "deny agent_stopped");
    cr_expect_str_eq(ask(VIEW, NULL), "allow");
    scene_restore(&scene, STOP_EVERYTHING, NULL);
    cr_expect_str_eq(ask(VIEW, "service:mail"), "allow");
}

/* --- reasons --- */

Test(delegated_actors, the_first_that_denies_is_the_reason)
{
    const char *const question = "vault:v2#view@user:ann";

    scene_kill(&scene, STOP_AGENT, "service:post");
    cr_expect_str_eq(ask(question, "service:post"), "deny agent_stopped");
    scene_restore(&scene, STOP_AGENT, "service:post");
    cr_expect_str_eq(ask(question, "service:post"), "deny no_grant");
    scene_put(&scene, "service:post#trusted_by@user:ann");
    cr_expect_str_eq(ask(question, "service:post"), "deny agent_ceiling");
    scene_put(&scene, "vault:v2#cleared@service:post");
    cr_expect_str_eq(ask(question, "service:post"), "deny principal_denied");
    scene_put(&scene, "vault:v2#owner@user:ann");
    cr_expect_str_eq(ask(question, "service:post"), "allow");
}

Test(delegated_actors, nobody_but_an_agent_is_given_a_reason)
{
    cr_expect_str_eq(ask("document:d3#view@user:ann", NULL), "deny");
    cr_expect_str_eq(ask("document:d3#view@agent:bot", NULL), "deny");
    cr_expect_str_eq(ask("document:d3#view@user:ann", "service:mail"), "deny principal_denied");
}

Test(delegated_actors, a_conditional_hop_misses_context)
{
    scene_put(&scene, "service:post#trusted_by@user:ann[office]");
    cr_expect_str_eq(ask(VIEW, "service:post"), "conditional missing_context hour");
    cr_expect_str_eq(ask("document:d3#view@user:ann", "service:post"), "deny principal_denied");
}

/* --- ceilings --- */

Test(delegated_actors, every_actor_stays_below_the_ceiling)
{
    cr_expect_str_eq(ask(VAULT, NULL), "allow");
    cr_expect_str_eq(ask(VAULT, "service:mail service:sort"), "deny agent_ceiling");
    scene_put(&scene, "vault:v1#cleared@service:sort");
    cr_expect_str_eq(ask(VAULT, "service:mail service:sort"), "deny agent_ceiling");
    scene_put(&scene, "vault:v1#cleared@service:mail");
    cr_expect_str_eq(ask(VAULT, "service:mail service:sort"), "allow");
    cr_expect_str_eq(ask("vault:v1#edit@user:ann", "service:mail"), "deny agent_ceiling");
    scene_put(&scene, "vault:v1#editors@service:mail");
    cr_expect_str_eq(ask("vault:v1#edit@user:ann", "service:mail"), "allow");
}

/* --- items of a bulk --- */

static void
expect_item(const char *question, const struct asking *asking)
{
    cr_expect_str_eq(scene_item(&scene, question, asking), scene_check(&scene, question, asking));
}

Test(delegated_actors, an_item_is_decided_as_a_check)
{
    struct record_id root = scene_root(&scene, &(struct grant_terms){.max_depth = 1});
    struct record_id child =
        scene_delegate(&scene, &root, "agent:bot", "agent:b",
                       &(struct grant_terms){.scope = "document:d1 view", .caveat = "office"});
    const char *const actors[] = {"agent:bot",    "agent:b",  "agent:bot agent:b",
                                  "service:mail", "user:ben", NULL};
    const char *const questions[] = {VIEW, "document:d2#view@user:ann", VAULT,
                                     "document:d1#view@user:ben", "document:d2#view@agent:bot"};
    const char *const contexts[] = {NULL, "{\"hour\":9}", "{\"hour\":19}", "{\"hour\":true}"};
    const struct record_id *const grants[] = {NULL, &root, &child};

    for (size_t at = 0; at < 6 * 5 * 4 * 3; at++) {
        const struct asking asking = {
            .grant = grants[at % 3],
            .actors = actors[at / 3 % 6],
            .context = contexts[at / 18 % 4],
        };

        expect_item(questions[at / 72], &asking);
    }
}

/* The records of a grant are decided once, who shows it for each item. */
Test(delegated_actors, items_of_one_grant_are_shown_by_whom_each_says)
{
    struct record_id grant = scene_root(&scene, NULL);
    const struct asking right = {.grant = &grant, .actors = "agent:bot"};
    const struct asking wrong = {.grant = &grant, .actors = "agent:other"};
    const struct asking nobody = {.grant = &grant};
    const struct check checks[] = {
        scene_question(&scene, VIEW, &right),
        scene_question(&scene, VIEW, &wrong),
        scene_question(&scene, VIEW, &nobody),
        scene_question(&scene, "document:d1#view@user:ben", &right),
        scene_question(&scene, VIEW, &right),
    };
    struct engine_request request = harness_request(&scene.side, NULL);
    struct check_bulk_result result;
    struct error error;

    cr_assert_eq(engine_check_bulk(scene.side.worker, &request, checks, 5, &result, &error),
                 BEHALF_OK);
    cr_expect_eq(result.items[0].decision, DECISION_ALLOW);
    cr_expect_eq(result.items[1].reason, REASON_ACTOR_MISMATCH);
    cr_expect_eq(result.items[2].status, BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(result.items[3].reason, REASON_PRINCIPAL_MISMATCH);
    cr_expect_eq(result.items[4].decision, DECISION_ALLOW);
    cr_expect_lt(strcmp(result.items[0].decision_id.text, result.items[1].decision_id.text), 0);
    cr_expect_str_eq(result.items[2].decision_id.text, "");
}

/* More items than are decided together, plain ones among them. */
Test(delegated_actors, a_long_bulk_keeps_each_items_own_guard)
{
    enum { COUNT = 100 };
    static struct check checks[COUNT];
    struct record_id grants[2] = {
        scene_root(&scene, NULL),
        scene_root(&scene, &(struct grant_terms){.scope = "vault:* view"})};
    struct engine_request request;
    struct check_bulk_result result;
    struct error error;

    for (size_t at = 0; at < COUNT; at++) {
        const struct asking asking = {
            .grant = at % 3 == 2 ? NULL : &grants[at % 3],
            .actors = at % 3 == 2 ? NULL : "agent:bot",
        };

        checks[at] = scene_question(&scene, VIEW, &asking);
    }
    request = harness_request(&scene.side, NULL);
    cr_assert_eq(engine_check_bulk(scene.side.worker, &request, checks, COUNT, &result, &error),
                 BEHALF_OK);
    for (size_t at = 0; at < COUNT; at++) {
        const struct check_item *item = &result.items[at];

        cr_assert_eq(item->status, BEHALF_OK);
        cr_expect_eq(item->decision, at % 3 == 1 ? DECISION_DENY : DECISION_ALLOW, "%zu", at);
        cr_expect_eq(item->reason, at % 3 == 1 ? REASON_SCOPE_EXCLUDED : REASON_NONE);
        cr_expect_eq(item->decision_id.text[0] != '\0', at % 3 != 2);
    }
}

Test(delegated_actors, a_grant_with_uses_takes_single_checks)
{
    struct record_id grant =
        scene_root(&scene, &(struct grant_terms){.uses = 1, .scope = "document:* view"});
    struct asking asking = {.grant = &grant, .actors = "agent:bot"};

    cr_expect_str_eq(scene_item(&scene, VIEW, &asking), "deny single_check_required");
    cr_expect_str_eq(scene_item(&scene, "document:d1#edit@user:ann", &asking),
                     "deny single_check_required");
    asking.actors = "agent:other";
    cr_expect_str_eq(scene_item(&scene, VIEW, &asking), "deny actor_mismatch");
    scene_revoke(&scene, &grant);
    asking.actors = "agent:bot";
    cr_expect_str_eq(scene_item(&scene, VIEW, &asking), "deny grant_revoked");
}

/* --- lists of permissions --- */

Test(delegated_actors, a_list_has_the_permissions_that_a_check_would_allow)
{
    struct record_id grant =
        scene_root(&scene, &(struct grant_terms){.scope = "document:d1 view; vault:v1 view edit"});
    struct asking asking = {.grant = &grant, .actors = "agent:bot"};

    cr_expect_str_eq(scene_permissions(&scene, "document:d1", "user:ann", &asking), "view");
    cr_expect_str_eq(scene_permissions(&scene, "document:d2", "user:ann", &asking), "");
    cr_expect_str_eq(scene_permissions(&scene, "vault:v1", "user:ann", &asking), "");
    scene_put(&scene, "vault:v1#cleared@agent:bot");
    cr_expect_str_eq(scene_permissions(&scene, "vault:v1", "user:ann", &asking), "view");
    scene_put(&scene, "vault:v1#editors@agent:bot");
    cr_expect_str_eq(scene_permissions(&scene, "vault:v1", "user:ann", &asking), "view edit");
    asking.actors = "agent:other";
    cr_expect_str_eq(scene_permissions(&scene, "document:d1", "user:ann", &asking),
                     "(actor_mismatch)");
    asking.actors = NULL;
    cr_expect_str_eq(scene_permissions(&scene, "document:d1", "user:ann", &asking),
                     "MALFORMED_REQUEST");
}

/* A list decides nothing: neither the call nor the uses are asked. */
Test(delegated_actors, a_list_leaves_out_bindings_tools_and_uses)
{
    struct record_id grant = scene_root(
        &scene, &(struct grant_terms){.method = "m", .tool = "t", .uses = 1, .caveat = "office"});
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};

    cr_expect_str_eq(scene_permissions(&scene, "document:d1", "user:ann", &asking),
                     "view[hour] edit[hour]");
}

Test(delegated_actors, a_list_without_an_active_grant_is_empty_and_says_why)
{
    struct record_id grant = scene_root(&scene, NULL);
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    const struct asking by_actor = {.actors = "service:mail"};

    scene_revoke(&scene, &grant);
    cr_expect_str_eq(scene_permissions(&scene, "document:d1", "user:ann", &asking),
                     "(grant_revoked)");
    cr_expect_str_eq(scene_permissions(&scene, "document:d1", "user:ann", &by_actor), "view edit");
    scene_kill(&scene, STOP_AGENT, "service:mail");
    cr_expect_str_eq(scene_permissions(&scene, "document:d1", "user:ann", &by_actor),
                     "(agent_stopped)");
}
