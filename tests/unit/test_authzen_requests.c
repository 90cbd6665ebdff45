/* test_authzen_requests.c - access requests over HTTP: what a denial says, which requests it
 * serves, and every byte of what is answered. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "net/denial.h"
#include "tests/unit/test_authzen_support.h"

#define PDP "https://pdp.example.com"
#define CONFIG                                                                                     \
    "{\"policy_decision_point\":\"" PDP "\",\"actions\":{\"document\":{\"read\":\"view\"}},"       \
    "\"resources\":[{\"type\":\"page\",\"as\":\"document:d1\"}],"                                  \
    "\"agents\":{\"type\":\"agent\",\"issuer\":\"https://id.example\"}}"

static struct authzen_scene scene;

static void
open_scene(void)
{
    authzen_scene_open(&scene, NULL, CONFIG);
    scene_put(&scene.scene, "document:d1#owner@user:ann\n"
                            "document:d3#owner@user:bob\n");
}

static void
close_scene(void)
{
    authzen_scene_close(&scene);
}

TestSuite(authzen_requests, .init = open_scene, .fini = close_scene);

#define SUBJECT(id) "\"subject\":{\"type\":\"user\",\"id\":\"" id "\"}"
#define ANN SUBJECT("ann")
#define DOCUMENT(id) "\"resource\":{\"type\":\"document\",\"id\":\"" id "\"}"
#define ACTION(name) "\"action\":{\"name\":\"" name "\"}"
#define VIEW ACTION("view")
#define BOT "\"context\":{\"agent\":\"bot\"}"
#define WORDS ANN "," VIEW "," DOCUMENT("d1") "," BOT
#define DECIDED "\"evaluation_id\":\"dec_#\",\"evaluated_at\":\"" AUTHZEN_START "\","
#define SEALED                                                                                     \
    "\"access_request\":{\"expires_at\":\"2027-01-15T08:10:00Z\",\"binding_token\":\"#\"}"
#define DENIED(reason) "200 {\"decision\":false,\"context\":{" DECIDED "\"reason\":\"" reason "\""
#define PROBLEM(status, type, title)                                                               \
#status " {\"type\":\"urn:openid:authzen:access-request:error:" type "\",\"title\":\"" title   \
            "\",\"status\":" #status ",\"detail\":\""
#define INVALID PROBLEM(400, "invalid_denial_binding", "The request does not belong to a denial")
#define OTHER_WORDS                                                                                \
    INVALID "the denial belongs to another request: a request repeats who asked, through which "   \
            "agent, for what, as it was denied\"}"
#define TASK_URL PDP "/access/v1/requests/req_#"
#define TASK(status)                                                                               \
    "{\"task\":{\"id\":\"req_#\",\"status\":\"" status "\",\"status_endpoint\":\"" TASK_URL        \
    "\",\"expires_at\":\"2027-01-15T09:00:00Z\",\"links\":{\"cancel\":\"" TASK_URL "/cancel\"}}"
#define ACCEPTED "202 " TASK("pending") "}"

static void
expect(enum authzen_endpoint endpoint, const char *body, const char *answer)
{
    cr_expect_str_eq(authzen_post(&scene, endpoint, body), answer, "%s\n  gives %s", body,
                     scene.answer.data);
}

/* The string behind `before` in the last answer as it was; in the scene's arena. */
static const char *
text_behind(const char *before)
{
    const char *at = strstr(scene.unmasked.data, before);
    size_t size;
    char *text;

    cr_assert_not_null(at, "%s in %s", before, scene.unmasked.data);
    at += strlen(before);
    size = strcspn(at, "\"");
    text = arena_take_array(&scene.scene.arena, size + 1, 1);
    memcpy(text, at, size);
    return text;
}

/* What the last denial said. */
struct denial {
    const char *token;
    const char *evaluation_id;
    const char *expires_at;
};

/* The evaluation is denied, and access may be requested. */
static struct denial
deny(const char *body)
{
    (void)authzen_post(&scene, AUTHZEN_EVALUATION, body);
    return (struct denial){
        .token = text_behind("\"binding_token\":\""),
        .evaluation_id = text_behind("\"evaluation_id\":\""),
        .expires_at = text_behind("\"access_request\":{\"expires_at\":\""),
    };
}

/* "{WORDS,"denial":{"binding_token":"TOKEN"}}". */
static const char *
submission(const char *words, const struct denial *denial)
{
    static char text[4096];

    (void)snprintf(text, sizeof text, "{%s,\"denial\":{\"binding_token\":\"%s\"}}", words,
                   denial->token);
    return text;
}

static void
expect_request(const char *words, const struct denial *denial, const char *answer)
{
    expect(AUTHZEN_REQUESTS, submission(words, denial), answer);
}

/* A request that was made; its id. */
static const char *
make(const char *words)
{
    const struct denial denial = deny(submission(words, &(struct denial){.token = ""}));

    expect_request(words, &denial, ACCEPTED);
    return text_behind("\"id\":\"");
}

/* By an answer that begins so: how it goes on is not ours. */
static void
expect_refused(const char *body, const char *begin)
{
    cr_expect_eq(strncmp(authzen_post(&scene, AUTHZEN_REQUESTS, body), begin, strlen(begin)), 0,
                 "%s\n  gives %s", body, scene.answer.data);
}

static void
expect_task(const char *id, const char *answer)
{
    scene.task = id;
    expect(AUTHZEN_REQUEST, "", answer);
}

static void
expect_cancel(const char *id, const char *body, const char *answer)
{
    scene.task = id;
    expect(AUTHZEN_REQUEST_CANCEL, body, answer);
}

/* Ann approves by a session; the grant that it makes. */
static struct record_id
approve(const char *id, const struct record_id *session, double ends)
{
    struct engine_access_approval approval = {
        .grant = {.session = *session,
                  .terms = {.end = {.at = SCENE_START + (int64_t)(ends * SCENE_SECOND)}},
                  .approval = {.approver = {.type = {"user", 4}, .id = {"ann", 3}}}}};
    struct engine_write write = {.kind = WRITE_REQUEST_APPROVE, .access_approval = &approval};

    cr_assert(record_id_parse(slice_of(id), RECORD_PREFIX_REQUEST, &approval.request));
    cr_assert_eq(harness_submit(&scene.scene.side, &write), BEHALF_OK, "%s", write.error.message);
    return write.grant;
}

static const char *
grant_text(const struct record_id *id)
{
    static struct record_id_text text;

    record_id_print(id, RECORD_PREFIX_GRANT, &text);
    return text.text;
}

/* The evaluation of WORDS with a grant as context.grant, or as context.approval. */
static const char *
shown(const char *by, const struct record_id *grant, const char *resource)
{
    static char text[1024];

    (void)snprintf(text, sizeof text,
                   strcmp(by, "grant") == 0
                       ? "{" ANN "," VIEW ",\"resource\":{\"type\":\"document\",\"id\":\"%s\"},"
                         "\"context\":{\"agent\":\"bot\",\"grant\":\"%s\"}}"
                       : "{" ANN "," VIEW ",\"resource\":{\"type\":\"document\",\"id\":\"%s\"},"
                         "\"context\":{\"agent\":\"bot\",\"approval\":{\"id\":\"%s\"}}}",
                   resource, grant_text(grant));
    return text;
}

static void
expect_shown(const char *by, const struct record_id *grant, const char *resource,
             const char *answer)
{
    expect(AUTHZEN_EVALUATION, shown(by, grant, resource), answer);
}

/* --- denials --- */

Test(authzen_requests, a_requestable_denial_is_sealed)
{
    expect(AUTHZEN_EVALUATION, "{" WORDS "}", DENIED("no_grant") "," SEALED "}}");
    expect(AUTHZEN_EVALUATIONS,
           "{" ANN "," VIEW "," BOT ",\"evaluations\":[{" DOCUMENT("d1") "},{" DOCUMENT("d2") "}]}",
           "200 {\"evaluations\":[{\"decision\":false,\"context\":{" DECIDED
           "\"reason\":\"no_grant\"," SEALED "}},{\"decision\":false,\"context\":{" DECIDED
           "\"reason\":\"no_grant\"," SEALED "}}]}");
}

Test(authzen_requests, of_other_denials_nothing_is_sealed)
{
    struct record_id grant = scene_root(&scene.scene, NULL);

    expect_shown("grant", &grant, "d3", DENIED("principal_denied") "}}");
    expect(AUTHZEN_EVALUATION, "{" ANN "," VIEW "," DOCUMENT("d3") "}", "200 {\"decision\":false}");
    scene_kill(&scene.scene, STOP_AGENT, "agent:bot");
    expect(AUTHZEN_EVALUATION, "{" WORDS "}", DENIED("agent_stopped") "}}");
}

/* Without a URL no task could be found, and without agents none could ask. */
Test(authzen_requests, without_the_endpoint_nothing_is_requestable)
{
    struct error error;

    authzen_config_close(&scene.config);
    cr_assert_eq(authzen_config_read(SLICE_LITERAL("{\"agents\":{\"type\":\"agent\"}}"),
                                     &scene.config, &error),
                 BEHALF_OK);
    expect(AUTHZEN_EVALUATION, "{" WORDS "}", DENIED("no_grant") "}}");
}

/* --- which requests a denial serves --- */

Test(authzen_requests, the_same_words_are_accepted_once)
{
    struct denial denial = deny("{" WORDS "}");

    expect_request(WORDS, &denial, ACCEPTED);
    cr_expect_str_eq(scene.location.data, text_behind("\"status_endpoint\":\""));
    cr_expect_neq(scene.revision.text[0], '\0');
    expect_request(WORDS, &denial, INVALID "denial: another request was made by it\"}");
    denial = deny("{" WORDS "}");
    expect_request(WORDS, &denial, ACCEPTED);
}

Test(authzen_requests, other_words_are_refused)
{
    static const char *const words[] = {
        SUBJECT("bob") "," VIEW "," DOCUMENT("d1") "," BOT,
        ANN "," ACTION("edit") "," DOCUMENT("d1") "," BOT,
        ANN "," VIEW "," DOCUMENT("d2") "," BOT,
        ANN "," VIEW ",\"resource\":{\"type\":\"page\",\"id\":\"d1\"}," BOT,
        ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":\"sub\"}",
        /* the same permission and the same object, by other names */
        ANN "," ACTION("read") "," DOCUMENT("d1") "," BOT,
        ANN ",\"action\":{\"name\":\"view\",\"properties\":{\"n\":1}}," DOCUMENT("d1") "," BOT,
        ANN "," VIEW
            ",\"resource\":{\"type\":\"document\",\"id\":\"d1\",\"properties\":{\"n\":1}}," BOT,
        "\"subject\":{\"type\":\"user\",\"id\":\"ann\",\"properties\":{\"n\":1}}," VIEW
        "," DOCUMENT("d1") "," BOT,
    };
    struct denial denial = deny("{" WORDS "}");

    for (size_t at = 0; at < BEHALF_COUNT_OF(words); at++)
        expect_request(words[at], &denial, OTHER_WORDS);
    expect_request(WORDS, &denial, ACCEPTED);
}

Test(authzen_requests, numbers_of_the_words_count_by_value)
{
#define NUMBER(n)                                                                                  \
    ANN "," VIEW ",\"resource\":{\"type\":\"document\",\"id\":\"d1\",\"properties\":{\"n\":" n     \
        "}}," BOT
    struct denial denial = deny("{" NUMBER("10") "}");

    expect_request(NUMBER("10.5"), &denial, OTHER_WORDS);
    expect_request(NUMBER("\"10\""), &denial, OTHER_WORDS);
    expect_request(NUMBER("1.0e1"), &denial, ACCEPTED);
}

Test(authzen_requests, another_caller_is_refused)
{
    struct denial denial = deny("{" WORDS "}");

    (void)snprintf(scene.key.name, sizeof scene.key.name, "gateway");
    expect_request(WORDS, &denial, OTHER_WORDS);
    denial = deny("{" WORDS "}");
    scene.key.name[0] = '\0';
    expect_request(WORDS, &denial, OTHER_WORDS);
}

Test(authzen_requests, a_denial_has_ten_minutes)
{
    struct denial first = deny("{" WORDS "}");
    struct denial second = deny("{" WORDS "}");

    scene_at(&scene.scene, 599);
    expect_request(
        WORDS, &first,
        "202 {\"task\":{\"id\":\"req_#\",\"status\":\"pending\",\"status_endpoint\":\"" TASK_URL
        "\",\"expires_at\":\"2027-01-15T09:09:59Z\",\"links\":{\"cancel\":\"" TASK_URL
        "/cancel\"}}}");
    scene_at(&scene.scene, 600);
    expect_request(WORDS, &second,
                   PROBLEM(410, "expired_denial",
                           "The denial has expired") "denial: it is too old; ask for a "
                                                     "decision again and use its denial\"}");
}

/* Each byte of the token, changed. */
Test(authzen_requests, a_token_that_was_changed_is_refused)
{
    static const char malformed[] =
        INVALID "the denial is malformed or was not given by this store\"}";
    struct denial denial = deny("{" WORDS "}");
    char token[111];
    struct denial changed = denial;

    changed.token = token;
    for (size_t at = 0; at < 110; at++) {
        (void)snprintf(token, sizeof token, "%s", denial.token);
        token[at] = token[at] == 'A' ? 'B' : 'A';
        expect_request(WORDS, &changed, malformed);
    }
    changed.token = "";
    expect_request(WORDS, &changed, malformed);
    expect_request(WORDS, &denial, ACCEPTED);
}

Test(authzen_requests, what_is_repeated_beside_the_token_must_be_what_it_seals)
{
    struct denial denial = deny("{" WORDS "}");
    struct denial other = deny("{" WORDS "}");
    char body[1024];

#define ECHO(members, ...)                                                                         \
    (snprintf(body, sizeof body, "{" WORDS ",\"denial\":{\"binding_token\":\"%s\"," members "}}",  \
              denial.token, __VA_ARGS__),                                                          \
     body)
    expect(AUTHZEN_REQUESTS, ECHO("\"evaluation_id\":\"%s\"", other.evaluation_id),
           INVALID "'denial.evaluation_id' is not that of 'denial.binding_token'\"}");
    expect(AUTHZEN_REQUESTS, ECHO("\"evaluation_id\":\"%s\"", ""),
           INVALID "'denial.evaluation_id' is not that of 'denial.binding_token'\"}");
    expect(AUTHZEN_REQUESTS, ECHO("\"expires_at\":\"%s\"", "2027-01-15T08:10:00.000000001Z"),
           INVALID "'denial.expires_at' is not that of 'denial.binding_token'\"}");
    expect(AUTHZEN_REQUESTS, ECHO("\"expires_at\":\"%s\"", "soon"),
           "400 'denial.expires_at' must be a time as 2027-01-01T00:00:00Z");
    expect(AUTHZEN_REQUESTS, ECHO("\"evaluation_id\":%s", "7"),
           "400 'denial.evaluation_id' must be a string, not an integer");
    expect(AUTHZEN_REQUESTS,
           ECHO("\"evaluation_id\":\"%s\",\"expires_at\":\"%s\",\"reason\":\"no_grant\"",
                denial.evaluation_id, denial.expires_at),
           ACCEPTED);
}

Test(authzen_requests, a_denial_is_needed)
{
    static const char missing[] =
        INVALID "'denial.binding_token' is missing: the denial of an evaluation has it as "
                "'context.access_request.binding_token'\"}";

    expect(AUTHZEN_REQUESTS, "{" WORDS "}", missing);
    expect(AUTHZEN_REQUESTS, "{" WORDS ",\"denial\":{\"evaluation_id\":\"dec_x\"}}", missing);
    expect(AUTHZEN_REQUESTS, "{" WORDS ",\"denial\":[]}",
           "400 'denial' must be an object, not an array");
    expect(AUTHZEN_REQUESTS, "{" WORDS ",\"denial\":{\"binding_token\":7}}",
           "400 'denial.binding_token' must be a string, not an integer");
}

/* --- who asks --- */

Test(authzen_requests, the_agent_is_named_in_one_of_three_ways)
{
#define ACT                                                                                        \
    "\"subject\":{\"type\":\"user\",\"id\":\"ann\","                                               \
    "\"properties\":{\"act\":{\"sub\":\"bot\"}}}," VIEW "," DOCUMENT("d1")
#define CLIENT(actor) ANN "," VIEW "," DOCUMENT("d1") ",\"client\":{\"actor\":" actor "}"
    static const char *const words[] = {
        WORDS,
        ACT,
        CLIENT("{\"id\":\"bot\"}"),
        CLIENT("{\"id\":\"bot\",\"issuer\":\"https://id.example\",\"type\":\"ai_agent\"}"),
        WORDS ",\"client\":{\"id\":\"gateway\",\"actor\":{\"id\":\"bot\"}}",
    };

    for (size_t at = 0; at < BEHALF_COUNT_OF(words); at++) {
        struct denial denial = deny(at % 2 == 0 ? "{" WORDS "}" : "{" ACT "}");

        expect_request(words[at], &denial, ACCEPTED);
    }
}

Test(authzen_requests, an_agent_that_is_lost_or_another_is_refused)
{
    struct denial denial = deny("{" WORDS "}");

    expect_request(ANN "," VIEW "," DOCUMENT("d1"), &denial,
                   INVALID "the request names no agent, and what is denied to no agent cannot be "
                           "requested\"}");
    expect_request(CLIENT("{\"id\":\"sub\"}"), &denial, OTHER_WORDS);
    expect_request(CLIENT("{\"id\":\"bot\",\"issuer\":\"https://other.example\"}"), &denial,
                   OTHER_WORDS);
    expect_request(CLIENT("{\"id\":\"bot\",\"act\":{\"sub\":\"sub\"}}"), &denial, OTHER_WORDS);
    expect_request(WORDS ",\"client\":{\"actor\":{\"id\":\"sub\"}}", &denial,
                   "400 'client.actor' names other agents than the rest of the request");
    expect_request(CLIENT("{}"), &denial, "400 'client.actor.id' is missing");
    expect_request(CLIENT("7"), &denial, "400 'client.actor' must be an object, not an integer");
    expect_request(WORDS ",\"client\":7", &denial,
                   "400 'client' must be an object, not an integer");
    expect_request(WORDS, &denial, ACCEPTED);
}

/* The agent that asked last shows the grant that it is given. */
Test(authzen_requests, the_last_of_several_agents_asks)
{
#define CHAIN(inner)                                                                               \
    "\"subject\":{\"type\":\"user\",\"id\":\"ann\",\"properties\":{\"act\":{\"sub\":\"sub\","      \
    "\"act\":{\"sub\":\"" inner "\"}}}}," VIEW "," DOCUMENT("d1")
    struct denial denial = deny("{" CHAIN("bot") "}");
    struct record_id session = scene_session(&scene.scene, "user:ann", "agent:sub", NULL);

    expect_request(CHAIN("other"), &denial, OTHER_WORDS);
    expect_request(CHAIN("bot"), &denial, ACCEPTED);
    (void)approve(text_behind("\"id\":\""), &session, 60);
}

Test(authzen_requests, a_bound_key_asks_for_its_agent_alone)
{
    const char *id = make(WORDS);
    const char *of_other = make(ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":\"sub\"}");
    struct denial denial;

    scene.key.roles = ROLE_CHECK;
    scene.key.is_bound = true;
    scene.key.actor = scene_object(&scene.scene, "agent:bot");
    expect(AUTHZEN_REQUESTS,
           "{" ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":\"sub\"},"
                                               "\"denial\":{\"binding_token\":\"\"}}",
           "403 the key '' is bound to agent:bot: 'actor' must be that object: use a key that is "
           "not bound, or the agent's own");
    expect_task(id, "200 " TASK("pending") "}");
    expect_task(of_other, PROBLEM(404, "unknown_task",
                                  "There is no such task") "there is no such request\"}");
    expect_cancel(
        of_other, "",
        PROBLEM(404, "unknown_task", "There is no such task") "there is no such request\"}");
    denial = deny("{" WORDS "}");
    expect_request(
        WORDS, &denial,
        PROBLEM(400, "not_requestable",
                "Access is not requestable") "principal: 'user:ann' has no active session "
                                             "with 'agent:bot': an agent asks "
                                             "those who gave it a session\"}");
    (void)scene_session(&scene.scene, "user:ann", "agent:bot", NULL);
    expect_request(WORDS, &denial, ACCEPTED);
}

Test(authzen_requests, what_was_denied_may_not_be_requestable_any_more)
{
    struct denial denial = deny("{" WORDS "}");

    scene_kill(&scene.scene, STOP_AGENT, "agent:bot");
    expect_request(WORDS, &denial,
                   PROBLEM(400, "not_requestable",
                           "Access is not requestable") "agent: a stop cuts off the principal, "
                                                        "an agent, the client or everything\"}");
}

/* --- what is asked for --- */

/* The body of the last request as it is stored. */
static const char *
stored(void)
{
    struct engine_request request = harness_request(&scene.scene.side, NULL);
    struct engine_record_result result;
    struct record_id id;
    struct buffer out;
    struct error error;
    const char *text;

    cr_assert(record_id_parse(slice_of(text_behind("\"id\":\"")), RECORD_PREFIX_REQUEST, &id));
    cr_assert_eq(
        engine_access_request_read(scene.scene.side.worker, &request, &id, &result, &error),
        BEHALF_OK);
    buffer_init(&out);
    datum_print_encoded(result.record.body, &out);
    text = arena_copy(&scene.scene.arena, (struct slice){out.data, out.size + 1}).data;
    buffer_release(&out);
    return text;
}

static void
expect_stored(const char *member)
{
    cr_expect_not_null(strstr(stored(), member), "%s is not in %s", member, stored());
}

Test(authzen_requests, the_request_is_what_the_words_mean)
{
#define PAGE ANN "," ACTION("read") ",\"resource\":{\"type\":\"page\",\"id\":\"7\"}," BOT
    struct denial denial = deny("{" PAGE "}");

    expect_request(PAGE, &denial, ACCEPTED);
    expect_stored("\"resource\":\"document:d1\"");
    expect_stored("\"permission\":\"view\"");
    expect_stored("\"principal\":\"user:ann\"");
    expect_stored("\"agent\":\"agent:bot\"");
}

Test(authzen_requests, a_request_may_say_why_and_until_when)
{
    struct denial denial = deny("{" WORDS "}");

    expect_request(ANN "," VIEW "," DOCUMENT(
                       "d1") ",\"context\":{\"agent\":\"bot\","
                             "\"business_justification\":\"for the review\"},\"requested_access\":"
                             "{\"requested_until\":\"2027-01-15T10:00:00Z\",\"emergency\":true}",
                   &denial, ACCEPTED);
    expect_stored("\"justification\":\"for the review\"");
    expect_stored("\"until\":1800007200000000000");
    denial = deny("{" WORDS "}");
    expect_request(WORDS ",\"requested_access\":{\"requested_until\":\"tomorrow\"}", &denial,
                   "400 'requested_access.requested_until' must be a time as "
                   "2027-01-01T00:00:00Z");
    expect_request(WORDS ",\"requested_access\":7", &denial,
                   "400 'requested_access' must be an object, not an integer");
    expect_request(ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":\"bot\","
                                                   "\"business_justification\":7}",
                   &denial,
                   "400 'context.business_justification' must be a string, not an integer");
}

Test(authzen_requests, a_justification_has_at_most_1024_bytes)
{
    struct denial denial = deny("{" WORDS "}");
    char words[2048];

    for (size_t more = 0; more < 2; more++) {
        (void)snprintf(words, sizeof words,
                       ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":\"bot\","
                                                       "\"business_justification\":\"%0*d\"}",
                       (int)(1025 - more), 0);
        expect_request(words, &denial,
                       more == 0 ? "400 'context.business_justification' has 1025 bytes; at most "
                                   "1024 are allowed"
                                 : ACCEPTED);
    }
}

#define HEX "0101010101010101010101010101010101010101010101010101010101010101"

/* Not more than what was denied. */
Test(authzen_requests, the_call_and_the_tool_of_the_denied_evaluation_bind_the_request)
{
    struct record_id grant = scene_root(&scene.scene, &(struct grant_terms){.method = "GET /x"});
    struct denial denial;
    char words[1024];

    (void)snprintf(
        words, sizeof words,
        ANN "," VIEW "," DOCUMENT(
            "d1") ",\"context\":{\"agent\":\"bot\",\"grant\":"
                  "\"%s\",\"behalf\":{\"binding\":{\"method\":\"POST /x\",\"digest\":\"" HEX
                  "\"},\"tool\":{\"name\":\"mail\",\"sha256\":\"" HEX "\"}}}",
        grant_text(&grant));
    denial = deny(submission(words, &(struct denial){.token = ""}));
    expect_request(words, &denial, ACCEPTED);
    expect_stored("\"method\":\"POST /x\"");
    expect_stored("\"name\":\"mail\"");
}

Test(authzen_requests, many_at_once_and_callbacks_are_refused)
{
    struct denial denial = deny("{" WORDS "}");

    expect_request(WORDS ",\"items\":[]", &denial,
                   "400 'items' is not taken: access is requested for one resource at a time");
    expect_request(WORDS ",\"callback\":{\"endpoint\":\"https://pep.example.com\"}", &denial,
                   "400 'callback' is not taken: the task's status says when it is decided");
    expect_request(WORDS, &denial, ACCEPTED);
}

/* --- Idempotency-Key --- */

Test(authzen_requests, a_repeat_with_the_same_key_is_the_same_task)
{
    struct denial denial = deny("{" WORDS ",\"x\":1}");
    const char *id;

    scene.idempotency_key = "k1";
    expect_request(WORDS ",\"x\":1", &denial, ACCEPTED);
    id = text_behind("\"id\":\"");
    expect_request("\"x\":1.0, " WORDS " ", &denial, ACCEPTED);
    cr_expect_str_eq(text_behind("\"id\":\""), id);
    expect_refused(
        submission(WORDS ",\"x\":2", &denial),
        PROBLEM(
            409, "duplicate_request",
            "The Idempotency-Key belongs to another request") "the idempotency key was used for "
                                                              "another request");
    scene_at(&scene.scene, 1200);
    expect_request(WORDS ",\"x\":1", &denial, ACCEPTED);
    cr_expect_str_eq(text_behind("\"id\":\""), id, "also when the denial has expired");
}

Test(authzen_requests, a_key_has_at_most_128_bytes)
{
    struct denial denial = deny("{" WORDS "}");
    char key[130];

    memset(key, 'k', sizeof key - 1);
    key[129] = '\0';
    scene.idempotency_key = key;
    expect_request(WORDS, &denial, "400 Idempotency-Key must have 1 to 128 bytes");
    key[128] = '\0';
    expect_request(WORDS, &denial, ACCEPTED);
}

/* --- tasks --- */

Test(authzen_requests, a_task_is_pending_until_it_is_decided)
{
    const char *id = make(WORDS);
    struct record_id session = scene_session(&scene.scene, "user:ann", "agent:bot", NULL);
    struct record_id grant;

    expect_task(id, "200 " TASK("pending") "}");
    scene_at(&scene.scene, 60);
    grant = approve(id, &session, 660);
    expect_task(id,
                "200 " TASK("approved") ",\"result\":{\"mode\":\"reevaluate\",\"approval\":"
                                        "{\"id\":\"gr_#\",\"approved_at\":\"2027-01-15T08:01:00Z\","
                                        "\"approved_until\":"
                                        "\"2027-01-15T08:11:00Z\"}}}");
    cr_expect_str_eq(text_behind("\"approval\":{\"id\":\""), grant_text(&grant));
    expect_shown("approval", &grant, "d1",
                 "200 {\"decision\":true,\"context\":{\"evaluation_id\":\"dec_#\","
                 "\"evaluated_at\":\"2027-01-15T08:01:00Z\",\"valid_until\":"
                 "\"2027-01-15T08:11:00Z\",\"approval\":{\"id\":\"gr_#\",\"approved_until\":"
                 "\"2027-01-15T08:11:00Z\"}}}");
}

Test(authzen_requests, a_task_ends_with_its_request)
{
    const char *id = make(WORDS);
    const char *approved = make(WORDS);
    struct record_id session =
        scene_session(&scene.scene, "user:ann", "agent:bot", &(struct session_terms){.ends = 7200});

    (void)approve(approved, &session, 7000);
    scene_at(&scene.scene, 3599);
    expect_task(id, "200 " TASK("pending") "}");
    scene_at(&scene.scene, 3600);
    expect_task(id,
                PROBLEM(410, "task_expired", "The task has expired") "the request has ended\"}");
    expect_task(approved,
                PROBLEM(410, "task_expired", "The task has expired") "the request has ended\"}");
    expect_cancel(id, "",
                  PROBLEM(410, "task_expired", "The task has expired") "the request has ended\"}");
}

Test(authzen_requests, what_is_no_request_is_no_task)
{
    static const char unknown[] = PROBLEM(404, "unknown_task", "There is no such task");
    static const char *const ids[] = {
        "req_",   "x", "req_00000000000000000000000000", "gr_#", "REQ_00000000000000000000000000",
        "req_%30"};

    for (size_t at = 0; at < BEHALF_COUNT_OF(ids); at++) {
        scene.task = ids[at];
        cr_expect_eq(
            strncmp(authzen_post(&scene, AUTHZEN_REQUEST, ""), unknown, sizeof unknown - 1), 0,
            "%s: %s", ids[at], scene.answer.data);
        cr_expect_eq(
            strncmp(authzen_post(&scene, AUTHZEN_REQUEST_CANCEL, ""), unknown, sizeof unknown - 1),
            0, "%s: %s", ids[at], scene.answer.data);
    }
}

Test(authzen_requests, a_pending_task_can_be_cancelled)
{
    const char *id = make(WORDS);

    expect_cancel(id, "", "200 " TASK("cancelled") "}");
    cr_expect_neq(scene.revision.text[0], '\0');
    expect_cancel(
        id, "",
        PROBLEM(409, "invalid_task_state",
                "The task is decided") "the request is cancelled and cannot be cancelled\"}");
    expect_task(id, "200 " TASK("cancelled") "}");
}

Test(authzen_requests, whoever_cancels_may_say_why)
{
    static const struct {
        const char *body;
        const char *stored;
    } rows[] = {
        {"{}", "\"reason\":\"cancelled by whoever asked\""},
        {"{\"reason\":\"not_needed\",\"other\":1}", "\"reason\":\"not_needed\""},
        {"{\"comment\":\"done by hand\"}", "\"reason\":\"done by hand\""},
        {"{\"reason\":\"a\",\"comment\":\"b\"}", "\"reason\":\"a: b\""},
    };
    const char *id;

    for (size_t at = 0; at < BEHALF_COUNT_OF(rows); at++) {
        id = make(WORDS);
        expect_cancel(id, rows[at].body, "200 " TASK("cancelled") "}");
        expect_stored(rows[at].stored);
    }
    id = make(WORDS);
    expect_cancel(id, "{\"reason\":7}", "400 'reason' must be a string, not an integer");
    expect_cancel(id, "{\"reason\":\"\"}",
                  "400 'reason' and 'comment' together must have 1 to 1022 bytes");
    expect_cancel(id, "[]", "400 the body must be one JSON object");
    expect_task(id, "200 " TASK("pending") "}");
}

/* --- an approval that is shown and denied --- */

Test(authzen_requests, an_approval_that_ended_may_be_requested_again)
{
    struct record_id session =
        scene_session(&scene.scene, "user:ann", "agent:bot", &(struct session_terms){.idle = 900});
    struct record_id grant =
        scene_grant(&scene.scene, &session, "user:ann", &(struct grant_terms){.ends = 60});
    struct record_id revoked = scene_grant(&scene.scene, &session, "user:ann", NULL);

#define AT(time)                                                                                   \
    "200 {\"decision\":false,\"context\":{\"evaluation_id\":\"dec_#\",\"evaluated_at\":\"" time    \
    "\",\"reason\":\""
#define AGAIN(end)                                                                                 \
    "approval_expired\",\"next_action\":\"request\",\"access_request\":{\"expires_at\":\"" end     \
    "\",\"binding_token\":\"#\"}}}"
    scene_revoke(&scene.scene, &revoked);
    expect_shown("approval", &revoked, "d1", AT(AUTHZEN_START) AGAIN("2027-01-15T08:10:00Z"));
    scene_at(&scene.scene, 60);
    expect_shown("approval", &grant, "d1",
                 AT("2027-01-15T08:01:00Z") AGAIN("2027-01-15T08:11:00Z"));
    expect_shown("grant", &grant, "d1",
                 AT("2027-01-15T08:01:00Z") "grant_expired\",\"access_request\":{\"expires_at\":"
                                            "\"2027-01-15T08:11:00Z\",\"binding_token\":\"#\"}}}");
    scene_at(&scene.scene, 900);
    expect_shown("approval", &grant, "d1",
                 AT("2027-01-15T08:15:00Z") AGAIN("2027-01-15T08:25:00Z"));
    scene_at(&scene.scene, 3600);
    expect_shown("approval", &grant, "d1",
                 AT("2027-01-15T09:00:00Z") AGAIN("2027-01-15T09:10:00Z"));
}

Test(authzen_requests, an_approval_without_uses_may_be_requested_again)
{
    struct record_id grant = scene_root(&scene.scene, &(struct grant_terms){.uses = 1});

    (void)authzen_post(&scene, AUTHZEN_EVALUATION, shown("approval", &grant, "d1"));
    cr_expect_not_null(strstr(scene.answer.data, "\"decision\":true"));
    expect_shown("approval", &grant, "d1", AT(AUTHZEN_START) AGAIN("2027-01-15T08:10:00Z"));
}

Test(authzen_requests, an_approval_for_something_else_may_be_requested_for_this)
{
    struct record_id grant =
        scene_root(&scene.scene, &(struct grant_terms){.scope = "document:d2 view"});
    struct record_id bound = scene_root(&scene.scene, &(struct grant_terms){.method = "pay"});
    struct record_id tools = scene_root(&scene.scene, &(struct grant_terms){.tool = "mail"});

    expect_shown("approval", &grant, "d1",
                 DENIED("out_of_scope") ",\"next_action\":\"request\"," SEALED "}}");
    expect_shown("approval", &bound, "d1",
                 DENIED("out_of_scope") ",\"next_action\":\"request\"," SEALED "}}");
    expect_shown("approval", &grant, "d3", DENIED("out_of_scope") ",\"next_action\":\"none\"}}");
    expect_shown("approval", &tools, "d1", DENIED("out_of_scope") ",\"next_action\":\"none\"}}");
}

Test(authzen_requests, what_policy_denies_no_approval_ends)
{
    struct record_id session = scene_session(&scene.scene, "user:ann", "agent:bot", NULL);
    struct record_id grant = scene_grant(&scene.scene, &session, "user:ann", NULL);
    struct record_id later =
        scene_grant(&scene.scene, &session, "user:ann", &(struct grant_terms){.from = 59.5});

    expect_shown("approval", &grant, "d3", DENIED("policy_denied") ",\"next_action\":\"none\"}}");
    expect_shown("approval", &later, "d1",
                 DENIED("grant_pending") ",\"valid_until\":\"2027-01-15T08:00:59.5Z\","
                                         "\"next_action\":\"retry\",\"retry_after\":60}}");
    scene_change(&scene.scene, &session, SESSION_SUSPEND);
    expect_shown("approval", &grant, "d1", DENIED("policy_denied") ",\"next_action\":\"none\"}}");
    scene_change(&scene.scene, &session, SESSION_RESUME);
    scene_kill(&scene.scene, STOP_PRINCIPAL, "user:ann");
    expect_shown("approval", &grant, "d1", DENIED("policy_denied") ",\"next_action\":\"none\"}}");
    scene_change(&scene.scene, &session, SESSION_REVOKE);
    expect_shown("approval", &grant, "d1",
                 DENIED("approval_expired") ",\"next_action\":\"none\"}}");
}

Test(authzen_requests, an_approval_of_others_is_not_verified)
{
    struct record_id grant = scene_root(&scene.scene, NULL);
    struct record_id none = {.bytes = {1}};
    char body[512];

    (void)snprintf(body, sizeof body,
                   "{" ANN "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":\"sub\","
                                                       "\"approval\":{\"id\":\"%s\"}}}",
                   grant_text(&grant));
    expect(AUTHZEN_EVALUATION, body, DENIED("approval_unverifiable") ",\"next_action\":\"none\"}}");
    (void)snprintf(body, sizeof body,
                   "{" SUBJECT("bob") "," VIEW "," DOCUMENT("d1") ",\"context\":{\"agent\":\"bot\","
                                                                  "\"approval\":{\"id\":\"%s\"}}}",
                   grant_text(&grant));
    expect(AUTHZEN_EVALUATION, body, DENIED("approval_unverifiable") ",\"next_action\":\"none\"}}");
    expect_shown("approval", &none, "d1",
                 DENIED("approval_unverifiable") ",\"next_action\":\"none\"}}");
    expect_shown("grant", &none, "d1", DENIED("no_grant") "," SEALED "}}");
}
