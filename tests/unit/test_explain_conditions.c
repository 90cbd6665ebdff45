/* test_explain_conditions.c - explanations of decisions by a grant or by actors. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/test_delegated_support.h"
#include "tests/unit/test_explain_support.h"

#define VIEW "document:d1#view@user:ann"

static struct scene scene;

static void
open_scene(void)
{
    scene_open(&scene, NULL);
    scene_put(&scene, "document:d1#owner@user:ann\n"
                      "document:d1#parent@folder:top\n"
                      "service:mail#trusted_by@user:ann\n"
                      "vault:v1#owner@user:ann\n");
}

static void
close_scene(void)
{
    scene_close(&scene);
}

TestSuite(explain_conditions, .init = open_scene, .fini = close_scene);

static void
expect_tree(const char *question, const struct asking *asked, const char *expected)
{
    struct asking asking = *asked;
    struct check_result result;
    struct error error;
    struct buffer out;

    asking.explain = true;
    buffer_init(&out);
    cr_assert_eq(scene_result(&scene, question, &asking, &result, &error), BEHALF_OK, "%s",
                 error.message);
    cr_assert_not_null(result.explanation);
    explanation_print(result.explanation, &out);
    cr_expect_str_eq(out.data, expected, "%s", out.data);
    buffer_release(&out);
}

Test(explain_conditions, an_allow_shows_each_condition_and_the_trees_of_the_core)
{
    struct record_id grant =
        scene_root(&scene, &(struct grant_terms){.scope = "document:*#within@folder:top view"});
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};

    expect_tree(VIEW, &asking,
                "allow intersection\n"
                "  allow condition D2 ; holds\n"
                "  allow condition D9 ; holds\n"
                "  allow condition D6 ; holds\n"
                "  allow condition D7 ; holds\n"
                "  allow condition D4 ; holds\n"
                "  allow condition D5 ; holds\n"
                "  allow condition D10a ; holds\n"
                "  allow condition D3 ; holds\n"
                "    allow member document:d1#within\n"
                "      allow member document:d1#parent\n"
                "        allow relationship document:d1#parent@folder:top\n"
                "  allow condition D8 ; holds\n"
                "  allow condition D1 ; holds\n"
                "    allow member document:d1#view\n"
                "      allow member document:d1#owner\n"
                "        allow relationship document:d1#owner@user:ann\n"
                "  allow condition D10b ; holds\n");
}

Test(explain_conditions, a_deny_shows_every_condition_that_denies)
{
    struct record_id grant = scene_root(
        &scene, &(struct grant_terms){.scope = "vault:v1 view", .method = "m", .caveat = "office"});
    const struct asking asking = {
        .grant = &grant, .actors = "agent:bot", .context = "{\"hour\":19}"};

    scene_revoke(&scene, &grant);
    scene_remove(&scene, "vault:v1#owner@user:ann");
    expect_tree(
        "vault:v1#view@user:ann", &asking,
        "deny intersection\n"
        "  allow condition D2 ; holds\n"
        "  allow condition D9 ; holds\n"
        "  allow condition D6 ; holds\n"
        "  deny condition D7 (grant_revoked) ; a grant of the chain was revoked\n"
        "  allow condition D4 ; holds\n"
        "  allow condition D5 ; holds\n"
        "  deny condition D10a (binding_mismatch) ; a grant of the chain is bound to another call\n"
        "  deny condition D3 (constraint_failed) ; a constraint of a grant does not hold\n"
        "  deny condition D8 (agent_ceiling) ; an agent lacks a ceiling of the resource's type\n"
        "    deny member vault:v1#agent_ceiling\n"
        "      deny member vault:v1#cleared\n"
        "        deny absent vault:v1#cleared@agent:bot\n"
        "  deny condition D1 (principal_denied) ; the principal does not have the permission\n"
        "    deny member vault:v1#view\n"
        "      deny member vault:v1#owner\n"
        "        deny absent vault:v1#owner@user:ann\n"
        "  allow condition D10b ; holds\n");
}

Test(explain_conditions, without_a_grant_nothing_but_the_principal_is_decided)
{
    const struct record_id nobody = {{1}};
    const struct asking asking = {.grant = &nobody, .actors = "agent:bot"};

    expect_tree(VIEW, &asking,
                "deny intersection\n"
                "  deny condition D2 (no_grant) ; "
                "a grant of the chain or its session does not exist, or an agent is none\n"
                "  allow condition D1 ; holds\n"
                "    allow member document:d1#view\n"
                "      allow member document:d1#owner\n"
                "        allow relationship document:d1#owner@user:ann\n");
}

Test(explain_conditions, an_open_condition_names_what_it_misses)
{
    struct record_id grant = scene_root(&scene, &(struct grant_terms){.caveat = "office"});
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};

    expect_tree(
        VIEW, &asking,
        "conditional intersection needs hour\n"
        "  allow condition D2 ; holds\n"
        "  allow condition D9 ; holds\n"
        "  allow condition D6 ; holds\n"
        "  allow condition D7 ; holds\n"
        "  allow condition D4 ; holds\n"
        "  allow condition D5 ; holds\n"
        "  allow condition D10a ; holds\n"
        "  conditional condition D3 (missing_context) needs hour ; depends on missing context\n"
        "  allow condition D8 ; holds\n"
        "  allow condition D1 ; holds\n"
        "    allow member document:d1#view\n"
        "      allow member document:d1#owner\n"
        "        allow relationship document:d1#owner@user:ann\n"
        "  allow condition D10b ; holds\n");
}

Test(explain_conditions, ceilings_have_a_tree_for_each_agent)
{
    struct record_id session = scene_session(&scene, "user:ann", "agent:bot", NULL);
    const struct grant_terms terms = {.scope = "vault:* edit", .max_depth = 1};
    struct record_id root = scene_grant(&scene, &session, "user:ann", &terms);
    struct record_id child = scene_delegate(&scene, &root, "agent:bot", "agent:b",
                                            &(struct grant_terms){.scope = "vault:* edit"});
    const struct asking asking = {.grant = &child, .actors = "agent:b"};

    scene_put(&scene, "vault:v1#cleared@agent:bot\nvault:v1#cleared@agent:b\n"
                      "vault:v1#editors@agent:bot");
    expect_tree(
        "vault:v1#edit@user:ann", &asking,
        "deny intersection\n"
        "  allow condition D2 ; holds\n"
        "  allow condition D9 ; holds\n"
        "  allow condition D6 ; holds\n"
        "  allow condition D7 ; holds\n"
        "  allow condition D4 ; holds\n"
        "  allow condition D5 ; holds\n"
        "  allow condition D10a ; holds\n"
        "  allow condition D3 ; holds\n"
        "  deny condition D8 (agent_ceiling) ; an agent lacks a ceiling of the resource's type\n"
        "    deny member vault:v1#agent_ceiling_edit\n"
        "      deny member vault:v1#editors\n"
        "        deny absent vault:v1#editors@agent:b\n"
        "  allow condition D1 ; holds\n"
        "    allow member vault:v1#edit\n"
        "      allow member vault:v1#owner\n"
        "        allow relationship vault:v1#owner@user:ann\n"
        "  allow condition D10b ; holds\n");
}

Test(explain_conditions, hops_alone_are_explained_as_before)
{
    const struct asking asking = {.actors = "service:mail"};

    expect_tree(VIEW, &asking,
                "allow intersection\n"
                "  allow member document:d1#view\n"
                "    allow member document:d1#owner\n"
                "      allow relationship document:d1#owner@user:ann\n"
                "  allow delegation service:mail\n"
                "    allow member service:mail#acts_on_behalf_of\n"
                "      allow member service:mail#trusted_by\n"
                "        allow relationship service:mail#trusted_by@user:ann\n");
}

Test(explain_conditions, stops_and_ceilings_of_actors_are_conditions)
{
    const struct asking asking = {.actors = "service:mail"};

    expect_tree(
        "vault:v1#view@user:ann", &asking,
        "deny intersection\n"
        "  allow condition D7 ; holds\n"
        "  deny condition D8 (agent_ceiling) ; an agent lacks a ceiling of the resource's type\n"
        "    deny member vault:v1#agent_ceiling\n"
        "      deny member vault:v1#cleared\n"
        "        deny absent vault:v1#cleared@service:mail\n"
        "  allow intersection\n"
        "    allow member vault:v1#view\n"
        "      allow member vault:v1#owner\n"
        "        allow relationship vault:v1#owner@user:ann\n"
        "    allow delegation service:mail\n"
        "      allow member service:mail#acts_on_behalf_of\n"
        "        allow member service:mail#trusted_by\n"
        "          allow relationship service:mail#trusted_by@user:ann\n");
    scene_kill(&scene, STOP_AGENT, "service:mail");
    expect_tree(VIEW, &asking,
                "deny intersection\n"
                "  deny condition D7 (agent_stopped) ; a stop cuts off one of the parties\n"
                "  allow condition D8 ; holds\n"
                "  allow intersection\n"
                "    allow member document:d1#view\n"
                "      allow member document:d1#owner\n"
                "        allow relationship document:d1#owner@user:ann\n"
                "    allow delegation service:mail\n"
                "      allow member service:mail#acts_on_behalf_of\n"
                "        allow member service:mail#trusted_by\n"
                "          allow relationship service:mail#trusted_by@user:ann\n");
}

/* However wide the selectors are, the tree is as large as one may be. */
Test(explain_conditions, all_trees_together_have_a_bounded_number_of_nodes)
{
    char scope[ENGINE_SCOPE_ELEMENTS_MAX * 48] = "";
    struct record_id grant;
    struct check_result result;
    struct error error;

    for (unsigned at = 0; at < ENGINE_SCOPE_ELEMENTS_MAX; at++)
        (void)snprintf(scope + strlen(scope), sizeof scope - strlen(scope),
                       "%sdocument:*#within@folder:f%u view", at > 0 ? "; " : "", at);
    grant = scene_root(&scene, &(struct grant_terms){.scope = scope});
    for (unsigned at = 0; at < 40; at++) {
        char lines[30 * 64] = "";

        for (unsigned next = 0; next < 30; next++)
            (void)snprintf(lines + strlen(lines), sizeof lines - strlen(lines),
                           "%sfolder:w%u#parent@folder:x%u", next > 0 ? "\n" : "", at, next);
        scene_put(&scene, lines);
        (void)snprintf(lines, sizeof lines, "document:d1#parent@folder:w%u", at);
        scene_put(&scene, lines);
    }
    {
        const struct asking asking = {.grant = &grant, .actors = "agent:bot", .explain = true};

        cr_assert_eq(scene_result(&scene, VIEW, &asking, &result, &error), BEHALF_OK);
    }
    cr_expect_eq(result.reason, REASON_SCOPE_EXCLUDED);
    cr_expect_gt(explanation_count(result.explanation), 200);
    cr_expect_leq(explanation_count(result.explanation), EXPLAIN_NODES_MAX);
}
