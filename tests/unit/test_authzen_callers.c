/* test_authzen_callers.c - evaluations by keys that are for agents alone, or for one of them. */
#include <criterion/criterion.h>

#include "tests/unit/test_authzen_support.h"

static struct authzen_scene scene;

static void
open_scene(void)
{
    authzen_scene_open(&scene, NULL, "{\"agents\":{\"type\":\"agent\"}}");
    scene_put(&scene.scene, "document:d1#owner@user:ann\n");
}

static void
close_scene(void)
{
    authzen_scene_close(&scene);
}

TestSuite(authzen_callers, .init = open_scene, .fini = close_scene);

#define ANN "\"subject\":{\"type\":\"user\",\"id\":\"ann\"}"
#define DOCUMENT(id) "\"resource\":{\"type\":\"document\",\"id\":\"" id "\"}"
#define VIEW "\"action\":{\"name\":\"view\"}"
#define ASK(id) "{" ANN "," VIEW "," DOCUMENT(id) "}"
#define ALLOW "200 {\"decision\":true}"
#define DELEGATED "\"evaluation_id\":\"dec_#\",\"evaluated_at\":\"" AUTHZEN_START "\","
#define NO_GRANT "{\"decision\":false,\"context\":{" DELEGATED "\"reason\":\"no_grant\"}}"

static void
expect(const char *body, const char *answer)
{
    cr_expect_str_eq(authzen_post(&scene, AUTHZEN_EVALUATION, body), answer, "%s\n  gives %s", body,
                     scene.answer.data);
}

static void
expect_many(const char *body, const char *answer)
{
    cr_expect_str_eq(authzen_post(&scene, AUTHZEN_EVALUATIONS, body), answer, "%s\n  gives %s",
                     body, scene.answer.data);
}

Test(authzen_callers, a_key_with_the_role_delegated_must_name_an_agent)
{
    static const char refused[] =
        "403 the key '' asks for actors only, and no 'actor' is named: name the actor: without one "
        "the subject's whole right would count";

    scene.key.roles = ROLE_DELEGATED;
    expect(ASK("d1"), refused);
    expect_many("{" ANN "," VIEW ",\"evaluations\":[{" DOCUMENT("d1") "}]}", refused);
    expect("{" ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":\"bot\"}}",
           "200 " NO_GRANT);
    scene.key.roles = ROLE_DELEGATED | ROLE_CHECK;
    expect(ASK("d1"), ALLOW);
}

Test(authzen_callers, a_bound_key_asks_for_its_agent_alone)
{
    static const char unnamed[] =
        "403 the key '' asks for actors only, and no 'actor' is named: name the actor: without one "
        "the subject's whole right would count";
    static const char refused[] =
        "403 the key '' is bound to agent:bot: 'actor' must be that object: use a key that is not "
        "bound, or the agent's own";

    scene.key.roles = ROLE_CHECK;
    scene.key.is_bound = true;
    scene.key.actor = scene_object(&scene.scene, "agent:bot");
    expect(ASK("d1"), unnamed);
    expect("{" ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":\"sub\"}}", refused);
    expect("{" ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":\"bot\"}}",
           "200 " NO_GRANT);
    expect_many("{" ANN "," VIEW
                "," DOCUMENT("d1") ",\"evaluations\":[{\"context\":{\"agent\":\"bot\"}},"
                                   "{\"context\":{\"agent\":\"sub\"}}]}",
                refused);
}
