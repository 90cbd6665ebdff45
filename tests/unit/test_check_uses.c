/* test_check_uses.c - a check by a grant with uses, in three steps: decide, spend, decide again. */
#include <criterion/criterion.h>

#include "tests/unit/test_delegated_support.h"

#define VIEW "document:d1#view@user:ann"

static struct scene scene;

static void
open_scene(void)
{
    scene_open(&scene, NULL);
    scene_put(&scene, "document:d1#owner@user:ann\n"
                      "document:d4#viewer@user:ann[office]\n");
}

static void
close_scene(void)
{
    scene_close(&scene);
}

TestSuite(check_uses, .init = open_scene, .fini = close_scene);

/* A check on its way. */
struct attempt {
    struct asking asking;
    const char *question;
    struct engine_use use;
    struct engine_write write;
};

static void
begin(struct attempt *attempt, const char *question, const struct record_id *grant,
      const char *actors, const char *key)
{
    *attempt = (struct attempt){
        .question = question,
        .asking = {.grant = grant, .actors = actors, .key = key, .use = &attempt->use},
    };
    attempt->use.write = &attempt->write;
}

static const char *
ask(struct attempt *attempt)
{
    return scene_check(&scene, attempt->question, &attempt->asking);
}

/* Takes the use that the first step asked for. */
static enum status
spend(struct attempt *attempt)
{
    enum status status;

    attempt->write = (struct engine_write){.kind = WRITE_USE, .use = &attempt->use};
    if (attempt->asking.key != NULL)
        attempt->write.idempotency_key = slice_of(attempt->asking.key);
    status = harness_submit(&scene.side, &attempt->write);
    attempt->use.spent = status == BEHALF_OK;
    return status;
}

/* All three steps. */
static const char *
check(const char *question, const struct record_id *grant, const char *actors, const char *key)
{
    struct attempt attempt;
    const char *answer;

    begin(&attempt, question, grant, actors, key);
    answer = ask(&attempt);
    if (strcmp(answer, "MUST_SPEND") != 0)
        return answer;
    cr_assert_eq(spend(&attempt), BEHALF_OK, "%s", attempt.write.error.message);
    return ask(&attempt);
}

static struct record_id
counted(uint64_t uses)
{
    return scene_root(&scene, &(struct grant_terms){.uses = uses, .max_depth = 1});
}

/* --- counting --- */

Test(check_uses, a_grant_allows_as_often_as_it_has_uses)
{
    struct record_id grant = counted(2);

    cr_expect_str_eq(check(VIEW, &grant, "agent:bot", NULL), "allow until 1800");
    cr_expect_str_eq(check(VIEW, &grant, "agent:bot", NULL), "allow until 1800");
    cr_expect_str_eq(check(VIEW, &grant, "agent:bot", NULL), "deny uses_exhausted");
    cr_expect_str_eq(check(VIEW, &grant, "agent:bot", NULL), "deny uses_exhausted");
}

Test(check_uses, what_is_no_allow_spends_nothing)
{
    struct record_id grant = counted(1);

    cr_expect_str_eq(check("document:d3#view@user:ann", &grant, "agent:bot", NULL),
                     "deny principal_denied");
    cr_expect_str_eq(check("document:d4#view@user:ann", &grant, "agent:bot", NULL),
                     "conditional missing_context hour until 1800");
    cr_expect_str_eq(check(VIEW, &grant, "agent:other", NULL), "deny actor_mismatch");
    cr_expect_str_eq(check(VIEW, &grant, "agent:bot", NULL), "allow until 1800");
}

/* Without uses nothing can come of the missing context. */
Test(check_uses, a_spent_grant_denies_what_would_be_conditional)
{
    struct record_id grant = counted(1);

    cr_expect_str_eq(check(VIEW, &grant, "agent:bot", NULL), "allow until 1800");
    cr_expect_str_eq(check("document:d4#view@user:ann", &grant, "agent:bot", NULL),
                     "deny uses_exhausted");
    cr_expect_str_eq(check("document:d3#view@user:ann", &grant, "agent:bot", NULL),
                     "deny principal_denied");
}

/* An ancestor's uses are spent by its descendants too. */
Test(check_uses, each_counted_grant_of_the_chain_loses_one)
{
    struct record_id root = counted(2);
    struct record_id child =
        scene_delegate(&scene, &root, "agent:bot", "agent:b", &(struct grant_terms){.uses = 5});
    struct attempt attempt;

    cr_expect_str_eq(check(VIEW, &child, "agent:b", NULL), "allow until 1800");
    cr_expect_str_eq(check(VIEW, &root, "agent:bot", NULL), "allow until 1800");
    begin(&attempt, VIEW, &child, "agent:b", NULL);
    cr_expect_str_eq(ask(&attempt), "deny uses_exhausted", "without asking the writer");
}

Test(check_uses, the_use_names_the_chain_from_the_root)
{
    struct record_id root = counted(2);
    struct record_id child = scene_delegate(&scene, &root, "agent:bot", "agent:b", NULL);
    struct attempt attempt;

    begin(&attempt, VIEW, &child, "agent:b", NULL);
    cr_expect_str_eq(ask(&attempt), "MUST_SPEND");
    cr_expect_eq(attempt.use.chain_length, 2);
    cr_expect(record_id_equal(&attempt.use.chain[0], &root));
    cr_expect(record_id_equal(&attempt.use.chain[1], &child));
}

Test(check_uses, a_caller_that_cannot_spend_is_told_so)
{
    struct record_id grant = counted(1);
    const struct asking asking = {.grant = &grant, .actors = "agent:bot"};

    cr_expect_str_eq(scene_check(&scene, VIEW, &asking), "MALFORMED_REQUEST");
}

/* --- between the steps --- */

Test(check_uses, what_was_revoked_before_the_use_is_taken_is_denied_and_not_spent)
{
    struct record_id grant = counted(1);
    struct attempt attempt;

    begin(&attempt, VIEW, &grant, "agent:bot", NULL);
    cr_expect_str_eq(ask(&attempt), "MUST_SPEND");
    scene_revoke(&scene, &grant);
    cr_assert_eq(spend(&attempt), BEHALF_OK);
    cr_expect(attempt.use.none_left);
    cr_expect_str_eq(ask(&attempt), "deny grant_revoked");
}

Test(check_uses, what_changes_after_the_use_is_taken_denies_and_has_spent_it)
{
    struct record_id grant = counted(1);
    struct attempt attempt;

    begin(&attempt, VIEW, &grant, "agent:bot", NULL);
    cr_expect_str_eq(ask(&attempt), "MUST_SPEND");
    cr_assert_eq(spend(&attempt), BEHALF_OK);
    scene_remove(&scene, "document:d1#owner@user:ann");
    cr_expect_str_eq(ask(&attempt), "deny principal_denied");
    scene_put(&scene, "document:d1#owner@user:ann");
    cr_expect_str_eq(check(VIEW, &grant, "agent:bot", NULL), "deny uses_exhausted");
}

Test(check_uses, a_grant_revoked_after_the_use_is_taken_denies)
{
    struct record_id grant = counted(2);
    struct attempt attempt;

    begin(&attempt, VIEW, &grant, "agent:bot", NULL);
    cr_expect_str_eq(ask(&attempt), "MUST_SPEND");
    cr_assert_eq(spend(&attempt), BEHALF_OK);
    scene_revoke(&scene, &grant);
    cr_expect_str_eq(ask(&attempt), "deny grant_revoked");
}

/* Both saw the last use; the writer gives it to one. */
Test(check_uses, two_checks_do_not_share_the_last_use)
{
    struct record_id grant = counted(1);
    struct attempt first;
    struct attempt second;

    begin(&first, VIEW, &grant, "agent:bot", NULL);
    begin(&second, VIEW, &grant, "agent:bot", NULL);
    cr_expect_str_eq(ask(&first), "MUST_SPEND");
    cr_expect_str_eq(ask(&second), "MUST_SPEND");
    cr_assert_eq(spend(&second), BEHALF_OK);
    cr_assert_eq(spend(&first), BEHALF_OK);
    cr_expect_str_eq(ask(&first), "deny uses_exhausted");
    cr_expect_str_eq(ask(&second), "allow until 1800");
}

/* --- keys --- */

/* The use may be this request's own: the writer tells, and all else is decided anew. */
Test(check_uses, a_repeat_with_its_key_takes_no_second_use)
{
    struct record_id grant = counted(1);

    cr_expect_str_eq(check(VIEW, &grant, "agent:bot", "call-1"), "allow until 1800");
    cr_expect_str_eq(check(VIEW, &grant, "agent:bot", "call-1"), "allow until 1800");
    cr_expect_str_eq(check(VIEW, &grant, "agent:bot", "call-2"), "deny uses_exhausted");
    cr_expect_str_eq(check(VIEW, &grant, "agent:bot", NULL), "deny uses_exhausted");
    scene_remove(&scene, "document:d1#owner@user:ann");
    cr_expect_str_eq(check(VIEW, &grant, "agent:bot", "call-1"), "deny principal_denied");
    scene_put(&scene, "document:d1#owner@user:ann");
    scene_revoke(&scene, &grant);
    cr_expect_str_eq(check(VIEW, &grant, "agent:bot", "call-1"), "deny grant_revoked");
}

Test(check_uses, a_late_repeat_is_refused)
{
    struct record_id grant = counted(2);
    struct attempt attempt;

    cr_expect_str_eq(check(VIEW, &grant, "agent:bot", "call-1"), "allow until 1800");
    scene_at(&scene, 61);
    begin(&attempt, VIEW, &grant, "agent:bot", "call-1");
    cr_expect_str_eq(ask(&attempt), "MUST_SPEND");
    cr_expect_eq(spend(&attempt), BEHALF_IDEMPOTENCY_KEY_REUSED);
}
