/* test_delegated_values.c - conditions as values: open ones, errors, ends, and the order of
 * reasons. */
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
                      "document:d2#owner@user:ann\n"
                      "document:d3#owner@user:ben\n"
                      "vault:v1#owner@user:ann\n");
}

static void
close_scene(void)
{
    scene_close(&scene);
}

TestSuite(delegated_values, .init = open_scene, .fini = close_scene);

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

static const char *
ask(const char *question, const struct record_id *grant)
{
    return ask_with(question, grant, NULL);
}

static struct record_id
vault_grant(void)
{
    return scene_root(&scene, &(struct grant_terms){.scope = "vault:* view edit"});
}

/* --- values --- */

/* A relationship of the chain's hop does not make up for the grant, nor the other way round. */
Test(delegated_values, a_grant_and_a_relationship_are_never_mixed)
{
    struct record_id session;
    struct record_id grant;

    scene_put(&scene, "service:mail#trusted_by@user:ann");
    session = scene_session(&scene, "user:ann", "service:mail", NULL);
    grant = scene_grant(&scene, &session, "user:ann",
                        &(struct grant_terms){.scope = "document:d2 view"});
    cr_expect_str_eq(ask_as(VIEW, NULL, "service:mail"), "allow");
    cr_expect_str_eq(ask_as(VIEW, &grant, "service:mail"), "deny scope_excluded");
    scene_remove(&scene, "service:mail#trusted_by@user:ann");
    cr_expect_str_eq(ask_as(VIEW, NULL, "service:mail"), "deny no_grant");
    cr_expect_str_eq(ask_as("document:d2#view@user:ann", &grant, "service:mail"),
                     "allow until 1800");
}

Test(delegated_values, missing_is_the_union_of_what_the_conditions_miss)
{
    struct record_id grant = scene_root(
        &scene, &(struct grant_terms){.caveat = "small", .caveat_context = "{\"limit\":1}"});

    scene_put(&scene, "document:d4#viewer@user:ann[office]");
    cr_expect_str_eq(ask("document:d4#view@user:ann", &grant),
                     "conditional missing_context amount hour until 1800");
    cr_expect_str_eq(ask_with("document:d4#view@user:ann", &grant, "{\"amount\":1}"),
                     "conditional missing_context hour until 1800");
    cr_expect_str_eq(ask_with("document:d4#view@user:ann", &grant, "{\"amount\":1,\"hour\":9}"),
                     "allow until 1800");
}

/* An open condition does not hide that a later one denies. */
Test(delegated_values, a_later_condition_denies_what_an_earlier_one_leaves_open)
{
    struct record_id grant = scene_root(&scene, &(struct grant_terms){.caveat = "office"});

    cr_expect_str_eq(ask("document:d3#view@user:ann", &grant), "deny principal_denied");
    cr_expect_str_eq(ask_with("document:d3#view@user:ann", &grant, "{\"hour\":19}"),
                     "deny constraint_failed");
}

Test(delegated_values, an_error_of_a_condition_is_an_error_unless_another_denies)
{
    struct record_id grant = scene_root(&scene, &(struct grant_terms){.caveat = "office"});

    cr_expect_str_eq(ask_with(VIEW, &grant, "{\"hour\":\"nine\"}"), "CAVEAT_PARAMETER_TYPE_ERROR");
    cr_expect_str_eq(ask_with("document:d3#view@user:ann", &grant, "{\"hour\":\"nine\"}"),
                     "deny principal_denied");
}

Test(delegated_values, an_error_of_a_selector_is_an_error)
{
    struct record_id grant =
        scene_root(&scene, &(struct grant_terms){.scope = "document:*#within@folder:other view"});

    scene_put(&scene, "document:d2#parent@folder:other[office]");
    cr_expect_str_eq(ask_with("document:d2#view@user:ann", &grant, "{\"hour\":\"nine\"}"),
                     "CAVEAT_PARAMETER_TYPE_ERROR");
    cr_expect_str_eq(ask("document:d2#view@user:ann", &grant),
                     "conditional missing_context hour until 1800");
    cr_expect_str_eq(ask_with("document:d2#view@user:ann", &grant, "{\"hour\":19}"),
                     "deny scope_excluded");
}

Test(delegated_values, an_error_of_a_ceiling_is_an_error)
{
    struct record_id grant = vault_grant();

    scene_put(&scene, "vault:v1#cleared@agent:bot[office]");
    cr_expect_str_eq(ask_with(VAULT, &grant, "{\"hour\":\"nine\"}"), "CAVEAT_PARAMETER_TYPE_ERROR");
    cr_expect_str_eq(ask(VAULT, &grant), "conditional missing_context hour until 1800");
    cr_expect_str_eq(ask_with(VAULT, &grant, "{\"hour\":19}"), "deny agent_ceiling");
    cr_expect_str_eq(ask_with(VAULT, &grant, "{\"hour\":9}"), "allow until 1800");
}

/* --- valid_until --- */

Test(delegated_values, an_allow_holds_until_the_first_of_all_ends)
{
    struct record_id grant = scene_root(&scene, NULL);

    scene_put(&scene,
              "document:d4#viewer@user:ann[expiration:2027-01-15T08:10:00Z]"); /* 600 s after */
    cr_expect_str_eq(ask("document:d4#view@user:ann", &grant), "allow until 600");
    scene_at(&scene, 600);
    cr_expect_str_eq(ask("document:d4#view@user:ann", &grant), "deny principal_denied");
}

Test(delegated_values, a_ceiling_that_ends_bounds_an_allow)
{
    struct record_id grant = vault_grant();

    scene_put(&scene, "vault:v1#cleared@agent:bot[expiration:2027-01-15T08:10:00Z]");
    cr_expect_str_eq(ask(VAULT, &grant), "allow until 600");
    scene_at(&scene, 600);
    cr_expect_str_eq(ask(VAULT, &grant), "deny agent_ceiling");
}

/* --- the order of reasons --- */

/* All that can be wrong is; one after the other is put right. */
Test(delegated_values, the_first_condition_that_denies_is_the_reason)
{
    const struct session_terms session_terms = {.idle = 50, .ends = 7200};
    const struct grant_terms terms = {
        .scope = "document:d2 view",
        .from = 60,
        .method = "m",
        .tool = "t",
        .caveat = "office",
    };
    struct record_id session = scene_session(&scene, "user:ann", "agent:bot", &session_terms);
    struct record_id grant = scene_grant(&scene, &session, "user:ann", &terms);
    struct asking asking = {.grant = &grant, .context = "{\"hour\":19}"};

    scene_change(&scene, &session, SESSION_SUSPEND);
    asking.actors = "agent:x agent:other";
    cr_expect_str_eq(scene_check(&scene, "document:d3#view@user:ben", &asking),
                     "deny actor_mismatch");
    asking.actors = "agent:x agent:bot";
    cr_expect_str_eq(scene_check(&scene, "document:d3#view@user:ben", &asking),
                     "deny act_chain_mismatch");
    asking.actors = "agent:bot";
    cr_expect_str_eq(scene_check(&scene, "document:d3#view@user:ben", &asking),
                     "deny principal_mismatch");
    cr_expect_str_eq(scene_check(&scene, "document:d3#view@user:ann", &asking),
                     "deny session_suspended");
    scene_change(&scene, &session, SESSION_RESUME);
    scene_at(&scene, 40);
    scene_kill(&scene, STOP_AGENT, "agent:bot");
    scene_revoke(&scene, &grant);
    cr_expect_str_eq(scene_check(&scene, "document:d3#view@user:ann", &asking),
                     "deny grant_revoked");
    scene_at(&scene, 50);
    cr_expect_str_eq(scene_check(&scene, "document:d3#view@user:ann", &asking),
                     "deny session_idle");
}

Test(delegated_values, reasons_of_the_call_come_before_those_of_the_resource)
{
    const struct session_terms never_idle = {.never_idle = true, .ends = 7200};
    const struct grant_terms terms = {
        .scope = "vault:v1 view",
        .from = 60,
        .method = "m",
        .tool = "t",
        .caveat = "office",
    };
    struct record_id session = scene_session(&scene, "user:ann", "agent:bot", &never_idle);
    struct record_id grant = scene_grant(&scene, &session, "user:ann", &terms);
    struct asking asking = {.grant = &grant, .actors = "agent:bot", .context = "{\"hour\":19}"};

    scene_at(&scene, 59);
    cr_expect_str_eq(scene_check(&scene, "vault:v2#view@user:ann", &asking),
                     "deny grant_not_yet_valid until 60");
    scene_at(&scene, 60);
    cr_expect_str_eq(scene_check(&scene, "vault:v2#view@user:ann", &asking),
                     "deny binding_mismatch");
    asking.method = "m";
    asking.digest = 1;
    cr_expect_str_eq(scene_check(&scene, "vault:v2#view@user:ann", &asking), "deny tool_changed");
    asking.tool = "t";
    asking.sha256 = 2;
    cr_expect_str_eq(scene_check(&scene, "vault:v2#view@user:ann", &asking), "deny scope_excluded");
    scene_remove(&scene, "vault:v1#owner@user:ann");
    cr_expect_str_eq(scene_check(&scene, VAULT, &asking), "deny constraint_failed");
    asking.context = "{\"hour\":9}";
    cr_expect_str_eq(scene_check(&scene, VAULT, &asking), "deny agent_ceiling");
    scene_put(&scene, "vault:v1#cleared@agent:bot");
    cr_expect_str_eq(scene_check(&scene, VAULT, &asking), "deny principal_denied");
    scene_put(&scene, "vault:v1#owner@user:ann");
    cr_expect_str_eq(scene_check(&scene, VAULT, &asking), "allow until 1800");
}

/* All scopes of the chain before its constraints. */
Test(delegated_values, a_scope_further_down_is_named_before_a_constraint_further_up)
{
    struct record_id root =
        scene_root(&scene, &(struct grant_terms){.max_depth = 1, .caveat = "office"});
    struct record_id child = scene_delegate(&scene, &root, "agent:bot", "agent:b",
                                            &(struct grant_terms){.scope = "document:d2 view"});
    struct asking asking = {.grant = &child, .actors = "agent:b", .context = "{\"hour\":19}"};

    cr_expect_str_eq(scene_check(&scene, VIEW, &asking), "deny scope_excluded");
    cr_expect_str_eq(scene_check(&scene, "document:d2#view@user:ann", &asking),
                     "deny constraint_failed");
}
