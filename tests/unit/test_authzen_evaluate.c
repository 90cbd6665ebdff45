/* test_authzen_evaluate.c - Access Evaluation and Access Evaluations: what is asked of the engine,
 * and every byte of what is answered. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/test_authzen_support.h"

#define CONFIG                                                                                     \
    "{\"actions\":{\"document\":{\"read\":\"view\",\"write\":\"edit\"}},"                          \
    "\"resources\":[{\"type\":\"page\",\"as\":\"document:d1\"},"                                   \
    "{\"type\":\"document\",\"action\":\"list\",\"as\":\"folder:f\"}],"                            \
    "\"agents\":{\"type\":\"agent\",\"issuer\":\"https://id.example\"}}"

static struct authzen_scene scene;

static void
open_scene(void)
{
    authzen_scene_open(&scene, NULL, CONFIG);
    scene_put(&scene.scene, "document:d1#owner@user:ann\n"
                            "document:d2#viewer@user:ann\n"
                            "document:d3#owner@user:bob\n"
                            "document:d4#viewer@user:ann[office]\n");
}

static void
close_scene(void)
{
    authzen_scene_close(&scene);
}

TestSuite(authzen_evaluate, .init = open_scene, .fini = close_scene);

#define ANN "\"subject\":{\"type\":\"user\",\"id\":\"ann\"}"
#define DOCUMENT(id) "\"resource\":{\"type\":\"document\",\"id\":\"" id "\"}"
#define ACTION(name) "\"action\":{\"name\":\"" name "\"}"
#define VIEW ACTION("view")
#define ASK(id) "{" ANN "," VIEW "," DOCUMENT(id) "}"
#define ALLOW "200 {\"decision\":true}"
#define DENY "200 {\"decision\":false}"

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

/* --- AZ-3: one decision --- */

Test(authzen_evaluate, an_allow_and_a_deny)
{
    expect(ASK("d1"), ALLOW);
    expect(ASK("d3"), DENY);
    expect("{" ANN "," ACTION("edit") "," DOCUMENT("d2") "}", DENY);
}

Test(authzen_evaluate, what_is_conditional_is_no_allow)
{
    expect(ASK("d4"), DENY);
    expect("{" ANN "," VIEW "," DOCUMENT("d4") ",\"context\":{\"hour\":9}}", ALLOW);
    expect("{" ANN "," VIEW "," DOCUMENT("d4") ",\"context\":{\"hour\":19}}", DENY);
    expect("{" ANN "," VIEW "," DOCUMENT("d4") ",\"context\":{\"behalf\":{}}}",
           "200 {\"decision\":false,\"context\":{\"evaluated_at\":\"" AUTHZEN_START
           "\",\"missing\":[\"hour\"]}}");
}

Test(authzen_evaluate, a_loop_answers_what_needs_no_storage)
{
    expect(ASK("d1"), ALLOW); /* which brings it into memory */
    expect(ASK("d1"), ALLOW);
    cr_expect_gt(scene.on_loop, 0);
    scene.on_loop = 0;
    expect("{" ANN "," ACTION("fly") "," DOCUMENT("d1") "}", DENY);
    cr_expect_eq(scene.on_loop, 0, "its revision is read from the store");
}

/* AZ-2 */
Test(authzen_evaluate, unknown_types_and_actions_are_denied)
{
    expect("{" ANN "," ACTION("fly") "," DOCUMENT("d1") "}", DENY);
    expect("{" ANN "," ACTION("") "," DOCUMENT("d1") "}", DENY);
    expect("{" ANN "," VIEW ",\"resource\":{\"type\":\"spaceship\",\"id\":\"d1\"}}", DENY);
    expect("{" ANN "," VIEW ",\"resource\":{\"type\":\"\",\"id\":\"d1\"}}", DENY);
    expect("{" ANN "," VIEW ",\"resource\":{\"type\":\"No Type\",\"id\":\"d1\"}}", DENY);
    expect("{\"subject\":{\"type\":\"alien\",\"id\":\"ann\"}," VIEW "," DOCUMENT("d1") "}", DENY);
}

Test(authzen_evaluate, ids_that_were_never_stored_are_checked_like_others)
{
    expect(ASK("never"), DENY);
    expect("{\"subject\":{\"type\":\"user\",\"id\":\"nobody\"}," VIEW "," DOCUMENT("d1") "}", DENY);
}

Test(authzen_evaluate, an_answer_has_the_revision_that_at_least_takes)
{
    char body[512];

    expect(ASK("d1"), ALLOW);
    cr_assert_neq(scene.revision.text[0], '\0');
    (void)snprintf(body, sizeof body,
                   "{" ANN "," VIEW
                   "," DOCUMENT("d1") ",\"context\":{\"behalf\":{\"at_least\":\"%s\"}}}",
                   scene.revision.text);
    expect(body, "200 {\"decision\":true,\"context\":{\"evaluated_at\":\"" AUTHZEN_START "\"}}");
    expect("{" ANN "," ACTION("fly") "," DOCUMENT("d1") "}", DENY);
    cr_expect_neq(scene.revision.text[0], '\0', "of a deny by an unknown name, too");
    cr_expect_not_null(strstr(
        authzen_post(&scene, AUTHZEN_EVALUATION,
                     "{" ANN "," VIEW
                     "," DOCUMENT("d1") ",\"context\":{\"behalf\":{\"at_least\":\"AAAA\"}}}"),
        "400 "));
}

Test(authzen_evaluate, an_explanation_is_the_trace_of_the_protocol)
{
    expect(
        "{" ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"behalf\":{\"explain\":true}}}",
        "200 {\"decision\":true,\"context\":{\"evaluated_at\":\"" AUTHZEN_START
        "\",\"trace\":{\"kind\":\"member\",\"decision\":\"allow\",\"object\":\"document:d1\","
        "\"relation\":\"view\",\"children\":[{\"kind\":\"member\",\"decision\":\"allow\","
        "\"object\":\"document:d1\",\"relation\":\"owner\",\"children\":[{\"kind\":"
        "\"relationship\",\"decision\":\"allow\",\"relationship\":\"document:d1#owner@user:ann\","
        "\"children\":[]}]}]}}}");
}

/* AZ-4 */
Test(authzen_evaluate, an_error_of_the_engine_is_no_decision)
{
    scene_remove(&scene.scene, "document:d4#viewer@user:ann[office]\n");
    scene_write_schema(&scene.scene, "definition user {}\n"
                                     "definition document {\n"
                                     "    relation owner: user\n"
                                     "    relation blocked: document#view\n"
                                     "    relation viewer: user\n"
                                     "    permission view = viewer - blocked->view\n"
                                     "}\n");
    scene_put(&scene.scene, "document:d2#blocked@document:d2#view\n");
    cr_expect_not_null(strstr(authzen_post(&scene, AUTHZEN_EVALUATION, ASK("d2")), "500 "), "%s",
                       scene.answer.data);
    expect_many(
        "{" ANN "," VIEW ",\"evaluations\":[{" DOCUMENT("d2") "},{" DOCUMENT("d1") "}]}",
        "200 {\"evaluations\":[{\"decision\":false,\"context\":{\"error\":{\"status\":500,"
        "\"message\":\"the answer depends on its own negation through a cycle in the data\"}}},"
        "{\"decision\":false}]}");
}

Test(authzen_evaluate, a_context_of_the_wrong_type_is_the_callers_fault)
{
    cr_expect_not_null(strstr(authzen_post(&scene, AUTHZEN_EVALUATION,
                                           "{" ANN "," VIEW
                                           "," DOCUMENT("d4") ",\"context\":{\"hour\":\"nine\"}}"),
                              "400 "),
                       "%s", scene.answer.data);
}

/* --- to the graph --- */

Test(authzen_evaluate, actions_have_the_names_of_the_configuration)
{
    expect("{" ANN "," ACTION("read") "," DOCUMENT("d2") "}", ALLOW);
    expect("{" ANN "," ACTION("write") "," DOCUMENT("d2") "}", DENY);
    expect("{" ANN "," ACTION("write") "," DOCUMENT("d1") "}", ALLOW);
    /* Of another type they are not. */
    expect("{" ANN "," ACTION("read") ",\"resource\":{\"type\":\"vault\",\"id\":\"v\"}}", DENY);
}

Test(authzen_evaluate, resources_that_are_not_stored_are_answered_as_one_that_is)
{
    expect("{" ANN "," VIEW ",\"resource\":{\"type\":\"page\",\"id\":\"anything\"}}", ALLOW);
    expect("{" ANN "," ACTION("read") ",\"resource\":{\"type\":\"page\",\"id\":\"x\"}}", ALLOW);
    expect("{" ANN "," ACTION("fly") ",\"resource\":{\"type\":\"page\",\"id\":\"x\"}}", DENY);
    /* For one action alone. */
    expect("{" ANN "," ACTION("list") "," DOCUMENT("d1") "}", DENY);
    expect("{" ANN "," VIEW "," DOCUMENT("d1") "}", ALLOW);
}

/* --- delegated --- */

#define DELEGATED "\"evaluation_id\":\"dec_#\",\"evaluated_at\":\"" AUTHZEN_START "\","
#define DENIED_ITEM "{\"decision\":false,\"context\":{" DELEGATED
#define DENIED_BY "200 " DENIED_ITEM
#define BY_APPROVAL ",\"context\":{\"approval\":{\"id\":\"%s\"}}}"
#define BOTH(approval, grant)                                                                      \
    ",\"context\":{\"agent\":\"bot\",\"approval\":{\"id\":\"" approval "\"},\"grant\":\"" grant    \
    "\"}}"
#define BY_GRANT ",\"context\":{\"grant\":\"%s\"}}"

#define AGENT_CONTEXT(grant) ",\"context\":{\"agent\":\"bot\",\"grant\":\"" grant "\"}}"

static const char *
grant_text(const struct record_id *id)
{
    static struct record_id_text text;

    record_id_print(id, RECORD_PREFIX_GRANT, &text);
    return text.text;
}

/* The body with the grant's id in place of "%s". */
static const char *
with_grant(const char *body, const struct record_id *grant)
{
    static char text[1024];
    const char *place = strstr(body, "%s");

    cr_assert_not_null(place);
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(place - body), body, grant_text(grant),
                   place + 2);
    return text;
}

Test(authzen_evaluate, a_grant_allows_with_its_approval)
{
    struct record_id grant = scene_root(&scene.scene, NULL);

    expect(with_grant("{" ANN "," VIEW "," DOCUMENT("d1") AGENT_CONTEXT("%s"), &grant),
           "200 {\"decision\":true,\"context\":{" DELEGATED
           "\"valid_until\":\"2027-01-15T08:30:00Z\",\"approval\":{\"id\":"
           "\"gr_#\",\"approved_until\":\"2027-01-15T08:30:00Z\"}}}");
    expect(with_grant("{" ANN "," VIEW "," DOCUMENT("d3") AGENT_CONTEXT("%s"), &grant),
           DENIED_BY "\"reason\":\"principal_denied\"}}");
    expect(with_grant("{" ANN "," VIEW "," DOCUMENT("d4") AGENT_CONTEXT("%s"), &grant),
           DENIED_BY "\"reason\":\"missing_context\",\"missing\":[\"hour\"],"
                     "\"valid_until\":\"2027-01-15T08:30:00Z\"}}");
}

Test(authzen_evaluate, the_agent_is_named_in_the_subject_or_in_the_context)
{
    struct record_id grant = scene_root(&scene.scene, NULL);
    static const char allow[] = "200 {\"decision\":true,";

#define BY_ACT(act)                                                                                \
    "{\"subject\":{\"type\":\"user\",\"id\":\"ann\",\"properties\":{\"act\":" act "}}," VIEW       \
    "," DOCUMENT("d1")
    static const char *const good[] = {
        BY_ACT("{\"sub\":\"bot\"}") BY_GRANT,
        BY_ACT("{\"sub\":\"bot\",\"iss\":\"https://id.example\"}") BY_APPROVAL,
        BY_ACT(
            "{\"sub\":\"bot\",\"other\":1}") ",\"context\":{\"agent\":\"bot\",\"grant\":\"%s\"}}",
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(good); index++) {
        const char *answer =
            authzen_post(&scene, AUTHZEN_EVALUATION, with_grant(good[index], &grant));

        cr_expect_eq(strncmp(answer, allow, sizeof allow - 1), 0, "%s: %s", good[index], answer);
    }
}

/* The id of a foreign agent has its issuer in it. */
Test(authzen_evaluate, agents_of_two_issuers_share_no_id)
{
    struct record_id grant = scene_root(&scene.scene, NULL);

    expect(
        with_grant(BY_ACT("{\"sub\":\"bot\",\"iss\":\"https://other.example\"}") BY_GRANT, &grant),
        DENIED_BY "\"reason\":\"actor_mismatch\"}}");
    expect(BY_ACT("{\"sub\":\"https://other.example|bot\"}") "}",
           "400 'subject.properties.act.sub' has a '|' in it, which stands between an issuer and "
           "its agents");
    expect(BY_ACT("{\"sub\":\"x|bot\",\"iss\":\"https://id.example\"}") "}",
           "400 'subject.properties.act.sub' has a '|' in it, which stands between an issuer and "
           "its agents");
    expect(BY_ACT("{\"sub\":\"bot\",\"iss\":\"a|b\"}") "}",
           "400 'subject.properties.act.iss' must be an issuer without '|'");
    expect(BY_ACT("{\"sub\":\"bot\",\"iss\":\"\"}") "}",
           "400 'subject.properties.act.iss' must be an issuer without '|'");
    expect("{" ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":\"a|bot\"}}",
           "400 'context.agent' has a '|' in it, which stands between an issuer and its agents");
}

/* The outermost `act` asks now. */
Test(authzen_evaluate, nested_acts_are_the_actors_before)
{
    struct record_id root = scene_root(&scene.scene, &(struct grant_terms){.max_depth = 1});
    struct record_id child = scene_delegate(&scene.scene, &root, "agent:bot", "agent:sub", NULL);

    cr_expect_not_null(strstr(
        authzen_post(
            &scene, AUTHZEN_EVALUATION,
            with_grant(BY_ACT("{\"sub\":\"sub\",\"act\":{\"sub\":\"bot\"}}") BY_GRANT, &child)),
        "\"decision\":true"));
    cr_expect_not_null(strstr(
        authzen_post(
            &scene, AUTHZEN_EVALUATION,
            with_grant(BY_ACT("{\"sub\":\"bot\",\"act\":{\"sub\":\"sub\"}}") BY_GRANT, &child)),
        "\"actor_mismatch\""));
    cr_expect_not_null(strstr(
        authzen_post(
            &scene, AUTHZEN_EVALUATION,
            with_grant(BY_ACT("{\"sub\":\"sub\",\"act\":{\"sub\":\"other\"}}") BY_GRANT, &child)),
        "\"act_chain_mismatch\""));
}

Test(authzen_evaluate, an_agent_without_a_grant_acts_by_its_hops)
{
    expect("{" ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":\"bot\"}}",
           DENIED_BY "\"reason\":\"no_grant\"}}");
}

Test(authzen_evaluate, what_is_no_grants_id_is_the_name_of_no_grant)
{
    static const char denied[] = DENIED_BY "\"reason\":\"no_grant\"}}";

    expect("{" ANN "," VIEW "," DOCUMENT("d1") AGENT_CONTEXT("gr_no"), denied);
    expect("{" ANN "," VIEW "," DOCUMENT("d1") AGENT_CONTEXT(""), denied);
    expect("{" ANN "," VIEW "," DOCUMENT("d1") AGENT_CONTEXT("gr_01JZ8Q6WV3T5N0R2M4K7C9X1BD"),
           denied);
}

Test(authzen_evaluate, what_names_an_agent_or_a_grant_and_cannot_be_used_is_refused)
{
    static const struct {
        const char *body;
        const char *answer;
    } rows[] = {
        {BY_ACT("null") "}", "400 'subject.properties.act' must be an object"},
        {BY_ACT("\"bot\"") "}", "400 'subject.properties.act' must be an object"},
        {BY_ACT("{}") "}", "400 'subject.properties.act.sub' is missing"},
        {BY_ACT("{\"sub\":7}") "}", "400 'subject.properties.act.sub' must be a string, not an "
                                    "integer"},
        {BY_ACT("{\"sub\":\"\"}") "}", "400 'subject.properties.act.sub' is empty"},
        {BY_ACT("{\"sub\":\"*\"}") "}",
         "400 'subject.properties.act.sub': no object can have the id '*'"},
        {BY_ACT("{\"sub\":\"bot\",\"iss\":null}") "}",
         "400 'subject.properties.act.iss' must be a string, not null"},
        {BY_ACT("{\"sub\":\"bot\",\"act\":1}") "}",
         "400 'subject.properties.act' must be an object"},
        {BY_ACT("{\"sub\":\"bot\"}") ",\"context\":{\"agent\":\"sub\"}}",
         "400 'context.agent' and 'subject.properties.act' name different agents"},
        {BY_ACT("{\"sub\":\"bot\",\"iss\":\"https://o\"}") ",\"context\":{\"agent\":\"bot\"}}",
         "400 'context.agent' and 'subject.properties.act' name different agents"},
        {"{" ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":null}}",
         "400 'context.agent' must be a string"},
        {"{" ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":{\"id\":\"bot\"}}}",
         "400 'context.agent' must be a string"},
        {"{" ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":\"\"}}",
         "400 'context.agent' is empty"},
        {"{" ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"grant\":\"gr_x\"}}",
         "400 the request names a grant, but no agent that shows it"},
        {"{" ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"approval\":{\"id\":\"gr_x\"}}}",
         "400 the request names a grant, but no agent that shows it"},
        {"{" ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":\"bot\",\"grant\":7}}",
         "400 'context.grant' must be a string"},
        {"{" ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":\"bot\",\"approval\":null}}",
         "400 'context.approval' must be an object"},
        {"{" ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":\"bot\",\"approval\":{}}}",
         "400 'context.approval.id' is missing"},
        {"{" ANN "," VIEW "," DOCUMENT("d1") BOTH("gr_a", "gr_b"),
         "400 'context.grant' and 'context.approval.id' name different grants"},
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(rows); index++)
        expect(rows[index].body, rows[index].answer);
}

Test(authzen_evaluate, without_agents_in_the_configuration_none_may_be_named)
{
    struct error error;

    authzen_config_close(&scene.config);
    cr_assert_eq(authzen_config_read(SLICE_LITERAL("{}"), &scene.config, &error), BEHALF_OK);
    expect("{" ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":\"bot\"}}",
           "400 the request names an agent, but this server has none: its AuthZEN configuration "
           "needs 'agents'");
    expect(BY_ACT("{\"sub\":\"bot\"}") "}",
           "400 the request names an agent, but this server has none: its AuthZEN configuration "
           "needs 'agents'");
    expect(ASK("d1"), ALLOW);
}

/* What is for us is no context of a caveat. */
Test(authzen_evaluate, what_names_agent_and_grant_is_not_in_the_context_of_the_check)
{
    scene_remove(&scene.scene, "document:d4#viewer@user:ann[office]\n");
    scene_write_schema(&scene.scene,
                       "caveat named(agent string, hour int) { agent == \"bot\" && hour < 18 }\n"
                       "definition user {}\n"
                       "definition agent {\n"
                       "    relation user: user\n"
                       "    permission acts_on_behalf_of = user\n"
                       "}\n"
                       "definition document {\n"
                       "    relation viewer: user | user with named\n"
                       "    relation owner: user\n"
                       "    permission view = viewer\n"
                       "    permission edit = owner\n"
                       "}\n");
    scene_put(&scene.scene, "document:d5#viewer@user:ann[named]\nagent:bot#user@user:ann\n");
    expect("{" ANN "," VIEW "," DOCUMENT("d5") ",\"context\":{\"agent\":\"bot\",\"hour\":9}}",
           DENIED_BY "\"reason\":\"missing_context\",\"missing\":[\"agent\"]}}");
}

/* --- AZ-9 --- */

#define HEX "0101010101010101010101010101010101010101010101010101010101010101"
#define OTHER_HEX "0201010101010101010101010101010101010101010101010101010101010101"
#define TOOL_HEX "0202020202020202020202020202020202020202020202020202020202020202"
#define SHOWN(behalf)                                                                              \
    "{" ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":\"bot\",\"grant\":\"%s\","        \
                                        "\"behalf\":" behalf "}}"

Test(authzen_evaluate, a_binding_and_a_tool_are_those_of_the_call)
{
    struct record_id grant =
        scene_root(&scene.scene, &(struct grant_terms){.method = "POST /x", .tool = "mail"});

#define CALL(hex, tool_hex)                                                                        \
    SHOWN("{\"binding\":{\"method\":\"POST /x\",\"digest\":\"" hex                                 \
          "\"},\"tool\":{\"name\":\"mail\",\"sha256\":\"" tool_hex "\"}}")
    cr_expect_not_null(
        strstr(authzen_post(&scene, AUTHZEN_EVALUATION, with_grant(CALL(HEX, TOOL_HEX), &grant)),
               "\"decision\":true"));
    cr_expect_not_null(strstr(
        authzen_post(&scene, AUTHZEN_EVALUATION, with_grant(CALL(OTHER_HEX, TOOL_HEX), &grant)),
        "\"binding_mismatch\""));
    cr_expect_not_null(
        strstr(authzen_post(&scene, AUTHZEN_EVALUATION, with_grant(CALL(HEX, HEX), &grant)),
               "\"tool_changed\""));
}

Test(authzen_evaluate, what_is_unknown_under_behalf_is_refused)
{
    static const struct {
        const char *behalf;
        const char *answer;
    } rows[] = {
        {"1", "400 'context.behalf' must be an object"},
        {"{\"explained\":true}", "400 'context.behalf.explained' is unknown"},
        {"{\"explain\":1}", "400 'context.behalf.explain' must be true or false, not an integer"},
        {"{\"at_least\":7}", "400 'context.behalf.at_least' must be a string, not an integer"},
        {"{\"at_least\":\"\"}", "400 'context.behalf.at_least' must be a Behalf-Revision"},
        {"{\"tool\":{\"name\":\"a\",\"sha256\":\"" HEX "\"}}",
         "400 'binding' and 'tool' of 'context.behalf' need a grant"},
        {"{\"binding\":[]}", "400 'context.behalf.binding' must be an object, not an array"},
    };
    static const struct {
        const char *behalf;
        const char *answer;
    } shown[] = {
        {"{\"tool\":{\"name\":\"a\",\"sha256\":\"" HEX "\",\"more\":1}}",
         "400 'context.behalf.tool.more' is unknown"},
        {"{\"tool\":{\"name\":\"a\"}}", "400 'context.behalf.tool.sha256' is missing"},
        {"{\"tool\":{\"name\":\"a\",\"sha256\":\"xy\"}}",
         "400 'context.behalf.tool.sha256' must be 64 hex digits"},
        {"{\"binding\":{\"method\":\"\",\"digest\":\"" HEX "\"}}",
         "400 'context.behalf.binding.method' must have 1 to 256 bytes"},
        {"{\"binding\":{\"method\":\"x\",\"digest\":\"" HEX "0\"}}",
         "400 'context.behalf.binding.digest' must be 64 hex digits"},
    };
    char body[1024];

    for (size_t index = 0; index < BEHALF_COUNT_OF(rows); index++) {
        (void)snprintf(body, sizeof body,
                       "{" ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"behalf\":%s}}",
                       rows[index].behalf);
        expect(body, rows[index].answer);
    }
    for (size_t index = 0; index < BEHALF_COUNT_OF(shown); index++) {
        (void)snprintf(
            body, sizeof body,
            "{" ANN "," VIEW
            "," DOCUMENT("d1") ",\"context\":{\"agent\":\"bot\",\"grant\":\"gr_x\",\"behalf\":%s}}",
            shown[index].behalf);
        expect(body, shown[index].answer);
    }
}

Test(authzen_evaluate, a_grant_with_uses_allows_as_often_as_it_has_some)
{
    struct record_id grant = scene_root(&scene.scene, &(struct grant_terms){.uses = 2});
    const char *body = with_grant("{" ANN "," VIEW "," DOCUMENT("d1") AGENT_CONTEXT("%s"), &grant);

    cr_expect_not_null(strstr(authzen_post(&scene, AUTHZEN_EVALUATION, body), "\"decision\":true"));
    cr_expect_not_null(
        strstr(authzen_post(&scene, AUTHZEN_EVALUATIONS, body), "\"decision\":true"));
    cr_expect_not_null(
        strstr(authzen_post(&scene, AUTHZEN_EVALUATION, body), "\"uses_exhausted\""));
}

Test(authzen_evaluate, a_repeat_with_the_same_idempotency_key_takes_no_second_use)
{
    struct record_id grant = scene_root(&scene.scene, &(struct grant_terms){.uses = 1});
    const char *body = with_grant("{" ANN "," VIEW "," DOCUMENT("d1") AGENT_CONTEXT("%s"), &grant);

    scene.idempotency_key = "call-1";
    for (int time = 0; time < 3; time++)
        cr_expect_not_null(
            strstr(authzen_post(&scene, AUTHZEN_EVALUATION, body), "\"decision\":true"));
    scene.idempotency_key = "call-2";
    cr_expect_not_null(
        strstr(authzen_post(&scene, AUTHZEN_EVALUATION, body), "\"uses_exhausted\""));
    scene.idempotency_key = NULL;
    cr_expect_not_null(
        strstr(authzen_post(&scene, AUTHZEN_EVALUATION, body), "\"uses_exhausted\""));
}

Test(authzen_evaluate, callers_do_not_share_their_idempotency_keys)
{
    struct record_id grant = scene_root(&scene.scene, &(struct grant_terms){.uses = 2});
    const char *body = with_grant("{" ANN "," VIEW "," DOCUMENT("d1") AGENT_CONTEXT("%s"), &grant);
    static const struct {
        const char *caller;
        const char *words;
    } rows[] = {
        {"one", "\"decision\":true"}, {"two", "\"decision\":true"},    {"one", "\"decision\":true"},
        {"two", "\"decision\":true"}, {"three", "\"uses_exhausted\""},
    };

    scene.idempotency_key = "call-1";
    for (size_t index = 0; index < BEHALF_COUNT_OF(rows); index++) {
        (void)snprintf(scene.key.name, sizeof scene.key.name, "%s", rows[index].caller);
        cr_expect_not_null(
            strstr(authzen_post(&scene, AUTHZEN_EVALUATION, body), rows[index].words), "%zu: %s",
            index, scene.answer.data);
    }
}

Test(authzen_evaluate, an_idempotency_key_has_at_most_128_bytes)
{
    char key[130];

    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    scene.idempotency_key = key;
    expect("{" ANN "," VIEW "," DOCUMENT("d1") AGENT_CONTEXT("gr_x"),
           "400 Idempotency-Key must have 1 to 128 bytes");
    expect(ASK("d1"), ALLOW); /* it matters where a grant is shown */
    key[128] = '\0';
    cr_expect_not_null(
        strstr(authzen_post(&scene, AUTHZEN_EVALUATION,
                            "{" ANN "," VIEW "," DOCUMENT("d1") AGENT_CONTEXT("gr_x")),
               "\"no_grant\""));
}

/* --- AZ-6: many --- */

Test(authzen_evaluate, many_are_answered_in_order)
{
    expect_many("{" ANN "," VIEW ",\"evaluations\":[{" DOCUMENT("d1") "},{" DOCUMENT(
                    "d3") "},{" DOCUMENT("d2") "}]}",
                "200 {\"evaluations\":[{\"decision\":true},{\"decision\":false},"
                "{\"decision\":true}]}");
    cr_expect_neq(scene.revision.text[0], '\0');
}

Test(authzen_evaluate, evaluations_absent_or_empty_are_a_single_one)
{
    expect_many(ASK("d1"), ALLOW);
    expect_many("{" ANN "," VIEW "," DOCUMENT("d1") ",\"evaluations\":[]}", ALLOW);
    expect_many("{" ANN "," VIEW ",\"evaluations\":[]}", "400 'resource' is missing");
    /* And nothing of a single one. */
    expect("{" ANN "," VIEW "," DOCUMENT("d1") ",\"evaluations\":7}", ALLOW);
}

Test(authzen_evaluate, an_entity_of_an_item_takes_the_place_of_the_default_as_a_whole)
{
    expect_many("{" ANN "," VIEW "," DOCUMENT(
                    "d4") ",\"context\":{\"hour\":9},\"evaluations\":[{},{\"context\":{}},"
                          "{\"context\":{\"hour\":19}},{" DOCUMENT("d1") "},{" ACTION("edit") "}]}",
                "200 {\"evaluations\":[{\"decision\":true},{\"decision\":false},"
                "{\"decision\":false},{\"decision\":true},{\"decision\":false}]}");
}

/* All that it lacks but its type and id. */
Test(authzen_evaluate, an_entity_of_an_item_has_its_type_and_id_from_the_default)
{
    expect_many("{" ANN "," VIEW ",\"resource\":{\"type\":\"document\"},\"evaluations\":["
                "{\"resource\":{\"id\":\"d1\"}},{\"resource\":{\"id\":\"d3\"}},"
                "{\"resource\":{\"id\":7}},{}]}",
                "200 {\"evaluations\":[{\"decision\":true},{\"decision\":false},"
                "{\"decision\":false,\"context\":{\"error\":{\"status\":400,\"message\":"
                "\"'resource.id' must be a string, not an integer\"}}},"
                "{\"decision\":false,\"context\":{\"error\":{\"status\":400,\"message\":"
                "\"'resource.id' is missing\"}}}]}");
    expect_many("{" ANN ",\"action\":{\"name\":\"view\"}," DOCUMENT(
                    "d1") ",\"evaluations\":[{\"action\":{\"properties\":{}}}]}",
                "200 {\"evaluations\":[{\"decision\":false,\"context\":{\"error\":{\"status\":400,"
                "\"message\":\"'action.name' is missing\"}}}]}");
}

Test(authzen_evaluate, a_faulty_item_fails_alone)
{
    expect_many("{" ANN "," VIEW ",\"evaluations\":[{" DOCUMENT(
                    "d1") "},{},7,{\"resource\":null},{" DOCUMENT("d2") "}]}",
                "200 {\"evaluations\":[{\"decision\":true},"
                "{\"decision\":false,\"context\":{\"error\":{\"status\":400,\"message\":"
                "\"'resource' is missing\"}}},"
                "{\"decision\":false,\"context\":{\"error\":{\"status\":400,\"message\":"
                "\"an evaluation must be an object\"}}},"
                "{\"decision\":false,\"context\":{\"error\":{\"status\":400,\"message\":"
                "\"'resource' must be an object, not null\"}}},{\"decision\":true}]}");
    expect_many("{" ANN "," VIEW ",\"evaluations\":[{}]}",
                "200 {\"evaluations\":[{\"decision\":false,\"context\":{\"error\":{\"status\":400,"
                "\"message\":\"'resource' is missing\"}}}]}");
    cr_expect_neq(scene.revision.text[0], '\0', "where nothing was asked of the engine, too");
}

Test(authzen_evaluate, unknown_names_in_an_item_are_a_deny_and_no_fault)
{
    expect_many("{" ANN "," VIEW ",\"evaluations\":[{\"resource\":{\"type\":\"x\",\"id\":\"y\"}},"
                "{" DOCUMENT("d1") "," ACTION("fly") "}]}",
                "200 {\"evaluations\":[{\"decision\":false},{\"decision\":false}]}");
}

#define SEMANTIC(name) "\"options\":{\"evaluations_semantic\":\"" name "\"}"
#define FIVE                                                                                       \
    "\"evaluations\":[{" DOCUMENT("d1") "},{" DOCUMENT("d3") "},{" DOCUMENT(                       \
        "d2") "},{},{" DOCUMENT("d3") "}]}"
#define MISSING                                                                                    \
    "{\"decision\":false,\"context\":{\"error\":{\"status\":400,\"message\":"                      \
    "\"'resource' is missing\"}}}"

Test(authzen_evaluate, the_array_ends_where_its_semantics_say)
{
    expect_many("{" ANN "," VIEW "," SEMANTIC("execute_all") "," FIVE,
                "200 {\"evaluations\":[{\"decision\":true},{\"decision\":false},"
                "{\"decision\":true}," MISSING ",{\"decision\":false}]}");
    expect_many("{" ANN "," VIEW "," SEMANTIC("deny_on_first_deny") "," FIVE,
                "200 {\"evaluations\":[{\"decision\":true},{\"decision\":false}]}");
    expect_many("{" ANN "," VIEW "," SEMANTIC("permit_on_first_permit") "," FIVE,
                "200 {\"evaluations\":[{\"decision\":true}]}");
    expect_many("{" ANN "," VIEW
                "," SEMANTIC("deny_on_first_deny") ",\"evaluations\":[{},{" DOCUMENT("d1") "}]}",
                "200 {\"evaluations\":[" MISSING "]}");
    expect_many("{" ANN "," VIEW
                "," SEMANTIC("permit_on_first_permit") ",\"evaluations\":[{" DOCUMENT(
                    "d3") "},{" DOCUMENT("d1") "},{}]}",
                "200 {\"evaluations\":[{\"decision\":false},{\"decision\":true}]}");
}

Test(authzen_evaluate, options_and_defaults_of_the_wrong_type_refuse_all)
{
    static const char *const wrong[] = {
        "\"options\":7",      "\"options\":{\"evaluations_semantic\":7}",
        SEMANTIC("first"),    SEMANTIC(""),
        "\"evaluations\":{}", "\"evaluations\":null",
        "\"context\":[]",     "\"resource\":\"d1\"",
    };
    char body[512];

    for (size_t index = 0; index < BEHALF_COUNT_OF(wrong); index++) {
        (void)snprintf(body, sizeof body, "{" ANN "," VIEW ",%s%s}", wrong[index],
                       strstr(wrong[index], "evaluations\":") == NULL ||
                               strstr(wrong[index], "semantic") != NULL
                           ? ",\"evaluations\":[{" DOCUMENT("d1") "}]"
                           : "");
        cr_expect_eq(strncmp(authzen_post(&scene, AUTHZEN_EVALUATIONS, body), "400 ", 4), 0,
                     "%s: %s", body, scene.answer.data);
    }
    expect_many("{" ANN "," VIEW
                ",\"options\":{\"other\":1},\"evaluations\":[{" DOCUMENT("d1") "}]}",
                "200 {\"evaluations\":[{\"decision\":true}]}");
}

Test(authzen_evaluate, at_most_a_thousand_at_once)
{
    struct buffer body;

    for (int count = 999; count <= 1001; count++) {
        size_t found = 0;

        buffer_init(&body);
        buffer_add_text(&body, "{" ANN "," VIEW "," DOCUMENT("d1") ",\"evaluations\":[{}");
        for (int index = 1; index < count; index++)
            buffer_add_text(&body, ",{}");
        buffer_add_text(&body, "]}");
        authzen_post_bytes(&scene, AUTHZEN_EVALUATIONS, buffer_slice(&body));
        for (const char *at = scene.answer.data; (at = strstr(at, "true")) != NULL; at++)
            found++;
        if (count <= 1000)
            cr_expect_eq(found, (size_t)count);
        else
            cr_expect_str_eq(scene.answer.data,
                             "400 'evaluations' has 1001 elements; at most 1000 are allowed");
        buffer_release(&body);
    }
}

/* --- an agent must not be shed --- */

#define SHED_AGENT                                                                                 \
    "{\"decision\":false,\"context\":{\"error\":{\"status\":400,\"message\":"                      \
    "\"other evaluations of the request name an agent, this one does not\"}}}"
#define SHED_GRANT                                                                                 \
    "{\"decision\":false,\"context\":{\"error\":{\"status\":400,\"message\":"                      \
    "\"other evaluations of the request name a grant, this one does not\"}}}"
#define NO_GRANT DENIED_ITEM "\"reason\":\"no_grant\"}}"

Test(authzen_evaluate, the_context_of_an_item_does_not_shed_the_agent)
{
    expect_many("{" ANN "," VIEW "," DOCUMENT(
                    "d1") ",\"context\":{\"agent\":\"bot\"},\"evaluations\":[{},{\"context\":{}},"
                          "{\"context\":{\"agent\":\"bot\"}}]}",
                "200 {\"evaluations\":[" NO_GRANT "," SHED_AGENT "," NO_GRANT "]}");
}

Test(authzen_evaluate, the_subject_of_an_item_does_not_shed_the_agent)
{
    expect_many("{\"subject\":{\"type\":\"user\",\"id\":\"ann\",\"properties\":{\"act\":{\"sub\":"
                "\"bot\"}}}," VIEW "," DOCUMENT("d1") ",\"evaluations\":[{},{" ANN "}]}",
                "200 {\"evaluations\":[" NO_GRANT "," SHED_AGENT "]}");
}

Test(authzen_evaluate, where_one_item_names_an_agent_all_must)
{
    expect_many("{" ANN "," VIEW
                "," DOCUMENT("d1") ",\"evaluations\":[{},{\"context\":{\"agent\":\"bot\"}}]}",
                "200 {\"evaluations\":[" SHED_AGENT "," NO_GRANT "]}");
    /* Even one that cannot be used. */
    expect_many("{" ANN "," VIEW
                "," DOCUMENT("d1") ",\"evaluations\":[{},{\"context\":{\"agent\":7}}]}",
                "200 {\"evaluations\":[" SHED_AGENT ",{\"decision\":false,\"context\":{\"error\":"
                "{\"status\":400,\"message\":\"'context.agent' must be a string\"}}}]}");
}

Test(authzen_evaluate, the_context_of_an_item_does_not_shed_the_grant)
{
    expect_many("{" ANN "," VIEW
                "," DOCUMENT("d1") ",\"context\":{\"agent\":\"bot\",\"grant\":\"gr_x\"},"
                                   "\"evaluations\":[{},{\"context\":{\"agent\":\"bot\"}}]}",
                "200 {\"evaluations\":[" NO_GRANT "," SHED_GRANT "]}");
    expect_many("{" ANN "," VIEW "," DOCUMENT(
                    "d1") ",\"context\":{\"agent\":\"bot\"},\"evaluations\":[{},"
                          "{\"context\":{\"agent\":\"bot\",\"approval\":{\"id\":\"gr_x\"}}}]}",
                "200 {\"evaluations\":[" SHED_GRANT "," NO_GRANT "]}");
}

Test(authzen_evaluate, many_by_a_grant_with_uses_are_denied)
{
    struct record_id grant = scene_root(&scene.scene, &(struct grant_terms){.uses = 2});

    expect_many(with_grant("{" ANN "," VIEW
                           "," DOCUMENT("d1") ",\"context\":{\"agent\":\"bot\",\"grant\":\"%s\"},"
                                              "\"evaluations\":[{}]}",
                           &grant),
                "200 {\"evaluations\":[{\"decision\":false,\"context\":{\"evaluation_id\":"
                "\"dec_#\",\"evaluated_at\":\"" AUTHZEN_START
                "\",\"reason\":\"single_check_required\"}}]}");
}

Test(authzen_evaluate, all_items_are_at_least_as_fresh_as_one_revision)
{
    char body[1024];
    char first[ENGINE_TOKEN_SIZE + 1];

    expect(ASK("d1"), ALLOW);
    (void)snprintf(first, sizeof first, "%s", scene.revision.text);
    scene_put(&scene.scene, "document:d9#owner@user:bob\n");
    expect(ASK("d1"), ALLOW);
    (void)snprintf(body, sizeof body,
                   "{" ANN "," VIEW "," DOCUMENT(
                       "d1") ",\"context\":{\"behalf\":{\"at_least\":\"%s\"}},\"evaluations\":[{},"
                             "{\"context\":{\"behalf\":{\"at_least\":\"%s\"}}}]}",
                   first, scene.revision.text);
    expect_many(
        body,
        "200 {\"evaluations\":[{\"decision\":true,\"context\":{\"evaluated_at\":\"" AUTHZEN_START
        "\"}},{\"decision\":false,\"context\":{\"error\":{\"status\":400,"
        "\"message\":\"'context.behalf.at_least' must be the same in all evaluations of a "
        "request\"}}}]}");
}

/* --- properties --- */

static const char by_status[] = "use request_attributes\n"
                                "caveat fine(resource map<any>) { resource.status == \"fine\" }\n"
                                "caveat role(subject map<any>) { subject.role == \"boss\" }\n"
                                "caveat soft(action map<any>) { action.soft == true }\n"
                                "definition user {}\n"
                                "definition agent {\n"
                                "    relation serves: user\n"
                                "    permission acts_on_behalf_of = serves\n"
                                "}\n"
                                "definition document {\n"
                                "    relation viewer: user with fine\n"
                                "    relation boss: user with role\n"
                                "    relation remover: user with soft\n"
                                "    permission view = viewer\n"
                                "    permission edit = boss\n"
                                "    permission remove = remover\n"
                                "}\n";

#define ANN_WITH(properties)                                                                       \
    "\"subject\":{\"type\":\"user\",\"id\":\"ann\",\"properties\":" properties "}"
#define D1_WITH(properties)                                                                        \
    "\"resource\":{\"type\":\"document\",\"id\":\"d1\",\"properties\":" properties "}"
#define FINE "{\"status\":\"fine\"}"

static void
open_by_status(void)
{
    authzen_scene_open(&scene, by_status, CONFIG);
    scene_put(&scene.scene, "document:d1#viewer@user:ann[fine]\n"
                            "document:d1#boss@user:ann[role]\n"
                            "document:d1#remover@user:ann[soft]\n"
                            "agent:bot#serves@user:ann\n");
}

TestSuite(authzen_properties, .init = open_by_status, .fini = close_scene);

Test(authzen_properties, properties_of_a_trusted_caller_count)
{
    expect("{" ANN "," VIEW "," D1_WITH(FINE) "}", ALLOW);
    expect("{" ANN "," VIEW "," D1_WITH("{\"status\":\"worn\"}") "}", DENY);
    expect("{" ANN "," VIEW "," D1_WITH("{}") "}", DENY);
    expect("{" ANN "," VIEW "," DOCUMENT("d1") "}", DENY);
    expect("{" ANN_WITH("{\"role\":\"boss\"}") "," ACTION("edit") "," DOCUMENT("d1") "}", ALLOW);
    expect("{" ANN_WITH("{\"role\":\"clerk\"}") "," ACTION("edit") "," DOCUMENT("d1") "}", DENY);
    expect("{" ANN
           ",\"action\":{\"name\":\"remove\",\"properties\":{\"soft\":true}}," DOCUMENT("d1") "}",
           ALLOW);
    expect("{" ANN
           ",\"action\":{\"name\":\"remove\",\"properties\":{\"soft\":1}}," DOCUMENT("d1") "}",
           DENY);
}

Test(authzen_properties, those_of_others_are_passed_over)
{
    scene.key.roles = ROLE_CHECK;
    expect("{" ANN "," VIEW "," D1_WITH(FINE) "}", DENY);
    scene.key.roles = ROLE_CHECK | ROLE_PROPERTIES;
    expect("{" ANN "," VIEW "," D1_WITH(FINE) "}", ALLOW);
}

/* An agent's call must not describe its own resource. */
Test(authzen_properties, with_an_agent_those_of_subject_and_resource_are_passed_over)
{
    static const char agent[] = ",\"context\":{\"agent\":\"bot\"}}";
    char body[512];

    (void)snprintf(body, sizeof body, "{" ANN "," VIEW "," D1_WITH(FINE) "%s", agent);
    cr_expect_not_null(
        strstr(authzen_post(&scene, AUTHZEN_EVALUATION, body), "{\"decision\":false,"), "%s",
        scene.answer.data);
    (void)snprintf(
        body, sizeof body,
        "{" ANN
        ",\"action\":{\"name\":\"remove\",\"properties\":{\"soft\":true}}," DOCUMENT("d1") "%s",
        agent);
    cr_expect_not_null(
        strstr(authzen_post(&scene, AUTHZEN_EVALUATION, body), "{\"decision\":true,"),
        "those of the action count: %s", scene.answer.data);
}

/* The bot may by its hops; the grant that is shown is none, so it may not. */
Test(authzen_properties, a_grant_that_is_none_is_not_passed_over_for_the_hops)
{
#define SOFTLY "\"action\":{\"name\":\"remove\",\"properties\":{\"soft\":true}}"
    static const char *const grants[] = {"", "gr_no", "gr_01JZ8Q6WV3T5N0R2M4K7C9X1BD"};
    char body[512];

    cr_expect_not_null(strstr(authzen_post(&scene, AUTHZEN_EVALUATION,
                                           "{" ANN "," SOFTLY
                                           "," DOCUMENT("d1") ",\"context\":{\"agent\":\"bot\"}}"),
                              "{\"decision\":true,"));
    for (size_t index = 0; index < BEHALF_COUNT_OF(grants); index++) {
        (void)snprintf(body, sizeof body,
                       "{" ANN "," SOFTLY
                       "," DOCUMENT("d1") ",\"context\":{\"agent\":\"bot\",\"grant\":\"%s\"}}",
                       grants[index]);
        expect(body, "200 " NO_GRANT);
    }
}

Test(authzen_properties, each_item_has_its_own)
{
    expect_many("{" ANN "," VIEW ",\"evaluations\":[{" D1_WITH(FINE) "},{" DOCUMENT(
                    "d1") "},{" D1_WITH("{\"status\":\"worn\"}") "},{" D1_WITH(FINE) "}]}",
                "200 {\"evaluations\":[{\"decision\":true},{\"decision\":false},"
                "{\"decision\":false},{\"decision\":true}]}");
}
