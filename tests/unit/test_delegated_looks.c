/* test_delegated_looks.c - what changes while a decision is on its way: once more before the
 * answer. The test steps in where the engine reads the clock for its last look. */
#include <criterion/criterion.h>

#include "engine/delegated.h"
#include "tests/unit/test_delegated_support.h"

#define VIEW "document:d1#view@user:ann"

static struct scene scene;
static struct env system_env;

/* Calls `step` at the reading of the wall clock that `countdown` reaches, on the test's thread. */
static struct {
    pthread_t thread;
    atomic_bool armed;
    unsigned countdown;
    void (*step)(void);
} plan;

static int64_t
stepping_wall_ns(void *context)
{
    if (atomic_load(&plan.armed) && pthread_equal(pthread_self(), plan.thread) &&
        --plan.countdown == 0) {
        atomic_store(&plan.armed, false);
        plan.step();
    }
    return system_env.wall_ns(context);
}

static void
plan_step(unsigned reading, void (*step)(void))
{
    plan.thread = pthread_self();
    plan.countdown = reading;
    plan.step = step;
    atomic_store(&plan.armed, true);
}

static struct record_id session;
static struct record_id grant;

static void
open_scene(void)
{
    scene_open(&scene, NULL);
    scene_put(&scene, "document:d1#owner@user:ann\n"
                      "service:mail#trusted_by@user:ann\n");
    session = scene_session(&scene, "user:ann", "agent:bot", NULL);
    grant = scene_grant(&scene, &session, "user:ann", NULL);
    system_env = scene.side.env;
    scene.side.env.wall_ns = stepping_wall_ns;
}

static void
close_scene(void)
{
    cr_expect_not(atomic_load(&plan.armed), "the step was never taken");
    scene_close(&scene);
}

TestSuite(delegated_looks, .init = open_scene, .fini = close_scene);

#define AT_LAST_LOOK 2 /* the first reading is the decision's own */

static void
revoke(void)
{
    scene_revoke(&scene, &grant);
}

static void
suspend(void)
{
    scene_change(&scene, &session, SESSION_SUSPEND);
}

static void
kill_service(void)
{
    scene_kill(&scene, STOP_AGENT, "service:mail");
}

static void
grant_another(void)
{
    (void)scene_root(&scene, NULL);
}

static void
share(void)
{
    scene_put(&scene, "document:d2#owner@user:ann");
}

static void
pass_the_end(void)
{
    scene_at(&scene, 600);
}

static const char *
ask(void)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};

    return scene_check(&scene, VIEW, &asking);
}

Test(delegated_looks, a_grant_that_was_revoked_meanwhile_allows_nothing)
{
    plan_step(AT_LAST_LOOK, revoke);
    cr_expect_str_eq(ask(), "deny grant_revoked");
    cr_expect_str_eq(ask(), "deny grant_revoked");
}

Test(delegated_looks, a_session_that_was_suspended_meanwhile_allows_nothing)
{
    plan_step(AT_LAST_LOOK, suspend);
    cr_expect_str_eq(ask(), "deny session_suspended");
}

Test(delegated_looks, an_end_that_came_meanwhile_denies)
{
    grant = scene_grant(&scene, &session, "user:ann", &(struct grant_terms){.ends = 600});
    plan_step(AT_LAST_LOOK, pass_the_end);
    cr_expect_str_eq(ask(), "deny grant_expired");
}

Test(delegated_looks, what_changes_nothing_for_the_grant_denies_nothing)
{
    plan_step(AT_LAST_LOOK, grant_another);
    cr_expect_str_eq(ask(), "allow until 1800");
    plan_step(AT_LAST_LOOK, share);
    cr_expect_str_eq(ask(), "allow until 1800");
}

/* The decision was made at its own revision, whatever was looked at later. */
Test(delegated_looks, an_allow_that_stands_keeps_its_revision)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    struct check_result before;
    struct check_result during;
    struct error error;

    cr_assert_eq(scene_result(&scene, VIEW, &asking, &before, &error), BEHALF_OK);
    plan_step(AT_LAST_LOOK, grant_another);
    cr_assert_eq(scene_result(&scene, VIEW, &asking, &during, &error), BEHALF_OK);
    cr_expect_eq(during.decision, DECISION_ALLOW);
    cr_expect_str_eq(during.checked_at.text, before.checked_at.text);
}

/* The deny is of the revision that denies, the decision before it was not. */
Test(delegated_looks, a_deny_by_the_last_look_has_its_revision)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot", .explain = true};
    struct check_result before;
    struct check_result during;
    struct check_result after;
    struct error error;

    cr_assert_eq(scene_result(&scene, VIEW, &asking, &before, &error), BEHALF_OK);
    plan_step(AT_LAST_LOOK, revoke);
    cr_assert_eq(scene_result(&scene, VIEW, &asking, &during, &error), BEHALF_OK);
    cr_expect_eq(during.decision, DECISION_DENY);
    cr_expect_eq(during.explanation->decision, DECISION_DENY);
    cr_expect_eq(during.explanation->children[0]->reason, REASON_GRANT_REVOKED);
    cr_assert_eq(scene_result(&scene, VIEW, &asking, &after, &error), BEHALF_OK);
    cr_expect_str_neq(during.checked_at.text, before.checked_at.text);
    cr_expect_str_eq(during.checked_at.text, after.checked_at.text);
}

/* The session is used by what is allowed in the end. */
/* Whether access may be requested for it is decided by what is newest. */
static void
revoke_and_stop(void)
{
    scene_revoke(&scene, &grant);
    scene_kill(&scene, STOP_EVERYTHING, "");
}

Test(delegated_looks, a_deny_by_the_last_look_may_be_requestable)
{
    struct engine_request request = harness_request(&scene.side, NULL);
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};
    struct check checks[2] = {scene_question(&scene, VIEW, &asking)};
    struct check_bulk_result bulk;
    struct check_result result;
    struct error error;

    checks[0].find_requestable = true;
    checks[1] = checks[0];
    checks[1].find_requestable = false;
    plan_step(AT_LAST_LOOK, revoke);
    cr_assert_eq(engine_check(scene.side.worker, &request, checks, &result, &error), BEHALF_OK);
    cr_expect_eq(result.reason, REASON_GRANT_REVOKED);
    cr_expect(result.requestable);
    grant = scene_grant(&scene, &session, "user:ann", NULL);
    checks[0] = checks[1] = scene_question(&scene, VIEW, &asking);
    checks[0].find_requestable = true;
    plan_step(AT_LAST_LOOK, revoke);
    cr_assert_eq(engine_check_bulk(scene.side.worker, &request, checks, 2, &bulk, &error),
                 BEHALF_OK);
    cr_expect_eq(bulk.items[0].reason, REASON_GRANT_REVOKED);
    cr_expect(bulk.items[0].requestable);
    cr_expect_eq(bulk.items[1].reason, REASON_GRANT_REVOKED);
    cr_expect_not(bulk.items[1].requestable, "nobody asked");
    grant = scene_grant(&scene, &session, "user:ann", NULL);
    checks[0] = scene_question(&scene, VIEW, &asking);
    checks[0].find_requestable = true;
    plan_step(AT_LAST_LOOK, revoke_and_stop);
    cr_assert_eq(engine_check(scene.side.worker, &request, checks, &result, &error), BEHALF_OK);
    cr_expect_eq(result.reason, REASON_GRANT_REVOKED);
    cr_expect_not(result.requestable);
}

Test(delegated_looks, a_deny_by_the_last_look_is_no_use_of_the_session)
{
    struct record_id other =
        scene_grant(&scene, &session, "user:ann", &(struct grant_terms){.ends = 3600});
    const struct asking asking = {.grant = &other, .actors = "agent:bot"};

    scene_at(&scene, 1000);
    plan_step(AT_LAST_LOOK, revoke);
    cr_expect_str_eq(ask(), "deny grant_revoked");
    scene_at(&scene, 1799);
    cr_expect_str_eq(scene_check(&scene, "document:d9#view@user:ann", &asking),
                     "deny principal_denied");
    scene_at(&scene, 1800);
    cr_expect_str_eq(scene_check(&scene, VIEW, &asking), "deny session_idle");
}

Test(delegated_looks, an_item_that_was_revoked_meanwhile_allows_nothing)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};

    plan_step(AT_LAST_LOOK, revoke);
    cr_expect_str_eq(scene_item(&scene, VIEW, &asking), "deny grant_revoked");
}

Test(delegated_looks, a_list_of_permissions_that_was_revoked_meanwhile_is_empty)
{
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};

    cr_expect_str_eq(scene_permissions(&scene, "document:d1", "user:ann", &asking), "view edit");
    plan_step(AT_LAST_LOOK, revoke);
    cr_expect_str_eq(scene_permissions(&scene, "document:d1", "user:ann", &asking),
                     "(grant_revoked)");
}

/* Actors without a grant read the clock once, when the snapshot is opened. */
Test(delegated_looks, an_actor_that_was_stopped_meanwhile_is_allowed_nothing)
{
    const struct asking asking = {.actors = "service:mail"};

    cr_expect_str_eq(scene_check(&scene, VIEW, &asking), "allow");
    plan_step(1, kill_service);
    cr_expect_str_eq(scene_check(&scene, VIEW, &asking), "deny agent_stopped");
    scene_restore(&scene, STOP_AGENT, "service:mail");
    plan_step(1, kill_service);
    cr_expect_str_eq(scene_item(&scene, VIEW, &asking), "deny agent_stopped");
}

/* A clock that stands gives ascending ids all the same. */
Test(delegated_looks, ids_of_decisions_ascend_and_are_for_whoever_acts_for_another)
{
    const struct asking by_grant = {.grant = &grant, .actors = "agent:bot"};
    const struct asking by_actor = {.actors = "service:mail"};
    struct check_result results[4];
    struct error error;

    cr_assert_eq(scene_result(&scene, VIEW, &by_grant, &results[0], &error), BEHALF_OK);
    cr_assert_eq(scene_result(&scene, VIEW, &by_actor, &results[1], &error), BEHALF_OK);
    cr_assert_eq(scene_result(&scene, "document:d9#view@user:ann", &by_grant, &results[2], &error),
                 BEHALF_OK);
    cr_assert_eq(scene_result(&scene, VIEW, NULL, &results[3], &error), BEHALF_OK);
    cr_expect(strncmp(results[0].decision_id.text, "dec_", 4) == 0);
    cr_expect_eq(strlen(results[0].decision_id.text), RECORD_ID_TEXT_SIZE);
    cr_expect_lt(strcmp(results[0].decision_id.text, results[1].decision_id.text), 0);
    cr_expect_lt(strcmp(results[1].decision_id.text, results[2].decision_id.text), 0);
    cr_expect_str_eq(results[3].decision_id.text, "");
}
