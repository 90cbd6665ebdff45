/* test_requestable.c - for which denials access may be requested, and what is decided to tell. */
#include <criterion/criterion.h>

#include "engine/denial.h"
#include "tests/unit/test_delegated_support.h"

#define VIEW "document:d1#view@user:ann"

static struct scene scene;

static void
open_scene(void)
{
    scene_open(&scene, NULL);
    scene_put(&scene, "document:d1#owner@user:ann\n"
                      "document:d3#owner@user:ben\n"
                      "document:d4#viewer@user:ann[office]\n"
                      "vault:v1#owner@user:ann\n"
                      "vault:v2#owner@user:ann\n"
                      "vault:v2#cleared@agent:bot\n"
                      "service:mail#trusted_by@user:ann\n");
}

static void
close_scene(void)
{
    scene_close(&scene);
}

TestSuite(requestable, .init = open_scene, .fini = close_scene);

static const char *
outcome(enum engine_reason reason, bool requestable)
{
    struct buffer text;
    const char *kept;

    buffer_init(&text);
    buffer_add_format(&text, "%s%.*s", requestable ? "request " : "",
                      SLICE_PRINTF(engine_reason_word(reason)));
    kept = arena_copy(&scene.arena, (struct slice){text.data, text.size + 1}).data;
    buffer_release(&text);
    return kept;
}

/* The reason, after "request " where access may be requested; of a check. */
static const char *
ask_by(const char *question, const struct asking *asking)
{
    struct engine_request request = harness_request(&scene.side, NULL);
    struct check check = scene_question(&scene, question, asking);
    struct check_result result;
    struct error error;

    check.find_requestable = true;
    cr_assert_eq(engine_check(scene.side.worker, &request, &check, &result, &error), BEHALF_OK,
                 "%s", error.message);
    return outcome(result.reason, result.requestable);
}

static const char *
ask(const char *question, const struct record_id *grant)
{
    return ask_by(question, &(struct asking){.grant = grant, .actors = "agent:bot"});
}

/* The same of the second item of a bulk. */
static const char *
ask_item(const char *question, const struct record_id *grant)
{
    struct engine_request request = harness_request(&scene.side, NULL);
    const struct asking asking = {.grant = grant, .actors = "agent:bot"};
    struct check checks[] = {scene_question(&scene, "document:d1#edit@user:ann", &asking),
                             scene_question(&scene, question, &asking)};
    struct check_bulk_result result;
    struct error error;

    checks[1].find_requestable = true;
    cr_assert_eq(engine_check_bulk(scene.side.worker, &request, checks, 2, &result, &error),
                 BEHALF_OK, "%s", error.message);
    cr_expect_not(result.items[0].requestable, "nobody asked");
    return outcome(result.items[1].reason, result.items[1].requestable);
}

/* --- reasons that need nothing else --- */

Test(requestable, without_a_grant_access_may_be_requested)
{
    cr_expect_str_eq(ask(VIEW, NULL), "request no_grant");
    cr_expect_str_eq(ask_item(VIEW, NULL), "request no_grant");
}

Test(requestable, a_grant_that_is_none_is_no_grant)
{
    struct record_id grant = scene_root(&scene, NULL);

    grant.bytes[3] ^= 1;
    cr_expect_str_eq(ask(VIEW, &grant), "request no_grant");
}

/* Whether the principal may is nothing that an agent without an active grant may learn: the answer
 * is the same where the principal may not, and where it is an agent's ceiling. */
Test(requestable, without_an_active_grant_the_principal_is_not_asked)
{
    static const char *const questions[] = {VIEW, "document:d3#view@user:ann",
                                            "document:d4#view@user:ann", "vault:v1#view@user:ann",
                                            "document:none#view@user:ann"};
    struct record_id session =
        scene_session(&scene, "user:ann", "agent:bot", &(struct session_terms){.idle = 600});
    struct record_id grant =
        scene_grant(&scene, &session, "user:ann", &(struct grant_terms){.ends = 60});
    struct record_id revoked = scene_grant(&scene, &session, "user:ann", NULL);

    scene_revoke(&scene, &revoked);
    scene_at(&scene, 60);
    for (size_t at = 0; at < BEHALF_COUNT_OF(questions); at++) {
        cr_expect_str_eq(ask(questions[at], NULL), "request no_grant");
        cr_expect_str_eq(ask(questions[at], &revoked), "request grant_revoked");
        cr_expect_str_eq(ask(questions[at], &grant), "request grant_expired");
        cr_expect_str_eq(ask_item(questions[at], &grant), "request grant_expired");
    }
    scene_at(&scene, 600);
    for (size_t at = 0; at < BEHALF_COUNT_OF(questions); at++)
        cr_expect_str_eq(ask(questions[at], &grant), "request session_idle");
    scene_at(&scene, 3600);
    for (size_t at = 0; at < BEHALF_COUNT_OF(questions); at++)
        cr_expect_str_eq(ask(questions[at], &grant), "request session_expired");
}

/* --- a grant that holds but does not suffice --- */

Test(requestable, outside_of_the_scope_where_the_principal_may)
{
    struct record_id grant = scene_root(&scene, &(struct grant_terms){.scope = "folder:f within"});

    cr_expect_str_eq(ask(VIEW, &grant), "request scope_excluded");
    cr_expect_str_eq(ask_item(VIEW, &grant), "request scope_excluded");
    cr_expect_str_eq(ask("document:d3#view@user:ann", &grant), "scope_excluded");
    cr_expect_str_eq(ask_item("document:d3#view@user:ann", &grant), "scope_excluded");
}

Test(requestable, what_hangs_on_a_context_is_not_what_the_principal_may)
{
    struct record_id grant = scene_root(&scene, &(struct grant_terms){.scope = "folder:f within"});
    struct asking asking = {.grant = &grant, .actors = "agent:bot"};

    cr_expect_str_eq(ask_by("document:d4#view@user:ann", &asking), "scope_excluded");
    asking.context = "{\"hour\": 12}";
    cr_expect_str_eq(ask_by("document:d4#view@user:ann", &asking), "request scope_excluded");
    asking.context = "{\"hour\": 20}";
    cr_expect_str_eq(ask_by("document:d4#view@user:ann", &asking), "scope_excluded");
}

Test(requestable, outside_of_the_scope_the_ceilings_of_all_agents_count)
{
    struct record_id root = scene_root(
        &scene, &(struct grant_terms){.scope = "vault:* view; folder:f within", .max_depth = 1});
    struct record_id grant = scene_root(&scene, &(struct grant_terms){.scope = "folder:f within"});
    struct record_id child = scene_delegate(&scene, &root, "agent:bot", "agent:sub",
                                            &(struct grant_terms){.scope = "folder:f within"});
    struct asking by_sub = {.grant = &child, .actors = "agent:sub"};

    cr_expect_str_eq(ask("vault:v1#view@user:ann", &grant), "scope_excluded");
    cr_expect_str_eq(ask("vault:v2#view@user:ann", &grant), "request scope_excluded");
    cr_expect_str_eq(ask_by("vault:v2#view@user:ann", &by_sub), "scope_excluded");
    scene_put(&scene, "vault:v2#cleared@agent:sub");
    cr_expect_str_eq(ask_by("vault:v2#view@user:ann", &by_sub), "request scope_excluded");
    scene_remove(&scene, "vault:v2#cleared@agent:bot");
    cr_expect_str_eq(ask_by("vault:v2#view@user:ann", &by_sub), "scope_excluded",
                     "an agent of the chain that does not ask now");
}

Test(requestable, another_call_where_the_principal_may)
{
    struct record_id grant = scene_root(&scene, &(struct grant_terms){.method = "pay"});
    struct record_id tools = scene_root(&scene, &(struct grant_terms){.tool = "mail"});

    cr_expect_str_eq(ask(VIEW, &grant), "request binding_mismatch");
    cr_expect_str_eq(ask("document:d3#view@user:ann", &grant), "binding_mismatch");
    cr_expect_str_eq(ask(VIEW, &tools), "tool_changed", "a new grant does not end it");
}

Test(requestable, no_use_is_left_where_the_principal_may)
{
    struct record_id grant = scene_root(&scene, &(struct grant_terms){.uses = 1});
    struct engine_write write = {.status = BEHALF_OK};
    struct engine_use use = {.write = &write};
    struct asking asking = {.grant = &grant, .actors = "agent:bot", .use = &use};
    struct check check = scene_question(&scene, VIEW, &asking);
    struct engine_request request = harness_request(&scene.side, NULL);
    struct check_result result;
    struct error error;

    check.find_requestable = true;
    cr_assert_eq(engine_check(scene.side.worker, &request, &check, &result, &error),
                 BEHALF_MUST_SPEND);
    write = (struct engine_write){.kind = WRITE_USE, .use = &use};
    cr_assert_eq(harness_submit(&scene.side, &write), BEHALF_OK);
    use.spent = true;
    cr_assert_eq(engine_check(scene.side.worker, &request, &check, &result, &error), BEHALF_OK);
    cr_expect_eq(result.decision, DECISION_ALLOW);
    cr_expect_not(result.requestable);
    use = (struct engine_use){.write = &write};
    cr_expect_str_eq(ask(VIEW, &grant), "request uses_exhausted");
    scene_remove(&scene, "document:d1#owner@user:ann");
    cr_expect_str_eq(ask(VIEW, &grant), "principal_denied");
}

/* --- what no grant ends --- */

Test(requestable, other_reasons_are_not)
{
    struct record_id session = scene_session(&scene, "user:ann", "agent:bot", NULL);
    struct record_id grant =
        scene_grant(&scene, &session, "user:ann",
                    &(struct grant_terms){.caveat = "small", .caveat_context = "{\"limit\": 5}"});
    struct record_id vaults =
        scene_grant(&scene, &session, "user:ann", &(struct grant_terms){.scope = "vault:* view"});
    struct record_id later =
        scene_grant(&scene, &session, "user:ann", &(struct grant_terms){.from = 60});
    struct asking asking = {.grant = &grant, .actors = "agent:bot"};

    cr_expect_str_eq(ask_by(VIEW, &asking), "missing_context");
    asking.context = "{\"amount\": 9}";
    cr_expect_str_eq(ask_by(VIEW, &asking), "constraint_failed");
    cr_expect_str_eq(ask("vault:v1#view@user:ann", &vaults), "agent_ceiling");
    cr_expect_str_eq(ask(VIEW, &later), "grant_not_yet_valid");
    cr_expect_str_eq(ask("document:d1#view@user:ben", &grant), "principal_mismatch");
    asking.actors = "agent:other";
    cr_expect_str_eq(ask_by(VIEW, &asking), "actor_mismatch");
    scene_change(&scene, &session, SESSION_SUSPEND);
    cr_expect_str_eq(ask(VIEW, &later), "session_suspended");
    scene_change(&scene, &session, SESSION_REVOKE);
    cr_expect_str_eq(ask(VIEW, &later), "session_revoked");
}

Test(requestable, what_is_allowed_or_asked_by_nobody_is_not)
{
    struct record_id grant = scene_root(&scene, NULL);

    cr_expect_str_eq(ask(VIEW, &grant), "");
    cr_expect_str_eq(ask_by("document:d3#view@user:ann", NULL), "");
    cr_expect_str_eq(ask_by("document:d3#view@agent:bot", NULL), "");
}

/* --- stops --- */

Test(requestable, a_stop_in_force_on_a_party_leaves_nothing_to_request)
{
    struct record_id session = scene_session(&scene, "user:ann", "agent:bot",
                                             &(struct session_terms){.client = "browser"});
    struct record_id root =
        scene_grant(&scene, &session, "user:ann", &(struct grant_terms){.max_depth = 1});
    struct record_id child = scene_delegate(&scene, &root, "agent:bot", "agent:sub", NULL);
    static const struct {
        enum stop_scope scope;
        const char *party;
    } stops[] = {
        {STOP_AGENT, "agent:bot"}, {STOP_AGENT, "agent:sub"}, {STOP_PRINCIPAL, "user:ann"},
        {STOP_CLIENT, "browser"},  {STOP_EVERYTHING, ""},
    };
    const struct asking asking = {.grant = &child, .actors = "agent:sub"};

    scene_revoke(&scene, &root);
    cr_expect_str_eq(ask_by(VIEW, &asking), "request grant_revoked");
    for (size_t at = 0; at < BEHALF_COUNT_OF(stops); at++) {
        scene_kill(&scene, stops[at].scope, stops[at].party);
        cr_expect_str_eq(ask_by(VIEW, &asking), "grant_revoked", "%s", stops[at].party);
        scene_restore(&scene, stops[at].scope, stops[at].party);
        cr_expect_str_eq(ask_by(VIEW, &asking), "request grant_revoked", "%s", stops[at].party);
    }
    scene_kill(&scene, STOP_AGENT, "agent:other");
    scene_kill(&scene, STOP_CLIENT, "phone");
    cr_expect_str_eq(ask_by(VIEW, &asking), "request grant_revoked", "stops on others");
}

Test(requestable, of_a_grant_that_is_none_the_parties_of_the_request_count)
{
    struct record_id grant = {.bytes = {1}};

    scene_kill(&scene, STOP_AGENT, "agent:bot");
    cr_expect_str_eq(ask(VIEW, &grant), "no_grant");
    scene_restore(&scene, STOP_AGENT, "agent:bot");
    cr_expect_str_eq(ask(VIEW, &grant), "request no_grant");
    scene_kill(&scene, STOP_PRINCIPAL, "user:ann");
    cr_expect_str_eq(ask(VIEW, &grant), "no_grant");
}

/* --- unless somebody asks --- */

Test(requestable, it_is_told_to_whoever_asks)
{
    struct record_id grant = scene_root(&scene, &(struct grant_terms){.scope = "folder:f within"});
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    struct check_result result;
    struct error error;

    cr_assert_eq(scene_result(&scene, VIEW, &asking, &result, &error), BEHALF_OK);
    cr_expect_eq(result.reason, REASON_SCOPE_EXCLUDED);
    cr_expect_not(result.requestable);
}
