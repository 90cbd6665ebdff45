/* fuzz_authzen.c - bodies of AuthZEN requests, from bytes to what the engine is asked.
 * What is read must be what the header says: ids that objects can have, maps where maps are
 * promised, an agent wherever a grant is; whatever names an agent is asked for one. A token made
 * for a body must open with it. A request for access has an agent, and the words of a denial of the
 * same body. */
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "net/authzen_graph.h"
#include "net/authzen_page.h"
#include "net/authzen_submission.h"
#include "net/denial.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char config_text[] =
    "{\"actions\":{\"document\":{\"read\":\"view\"}},"
    "\"resources\":[{\"type\":\"todo\",\"as\":\"todo:shared\"},"
    "{\"type\":\"user\",\"action\":\"read\",\"as\":\"directory:all\"}],"
    "\"policy_decision_point\":\"https://pdp.example\","
    "\"agents\":{\"type\":\"agent\",\"issuer\":\"https://id.example\"}}";

/* Exception: a fuzzer has no other place to keep what outlives one input. */
static struct authzen_config config;

static void
check_question(const struct authzen_words *words, const struct authzen_question *question)
{
    const struct check *check = &question->check;
    struct error error;

    BEHALF_ASSERT(!authzen_names_agent(words) || check->actor_count > 0);
    BEHALF_ASSERT(!authzen_names_grant(words) ||
                  (question->delegation.given && check->delegation == &question->delegation));
    BEHALF_ASSERT(!question->delegation.given || check->actor_count > 0);
    BEHALF_ASSERT(check->actor_count <= ENGINE_ACTORS_MAX);
    for (size_t index = 0; index < check->actor_count; index++) {
        BEHALF_ASSERT(slice_equal(check->actors[index].type, SLICE_LITERAL("agent")));
        BEHALF_ASSERT(object_id_check(check->actors[index].id, &error) == BEHALF_OK);
    }
    BEHALF_ASSERT(check->context == NULL || check->context->kind == DATUM_MAP);
    if (check->context != NULL) {
        BEHALF_ASSERT(datum_field(check->context, SLICE_LITERAL("agent")) == NULL);
        BEHALF_ASSERT(datum_field(check->context, SLICE_LITERAL("grant")) == NULL);
        BEHALF_ASSERT(datum_field(check->context, SLICE_LITERAL("behalf")) == NULL);
    }
}

static void
ask(const struct datum *item, const struct datum *defaults, unsigned needs, struct arena *arena)
{
    struct authzen_words words;
    struct authzen_question question;
    struct error error;

    if (authzen_read_words(item, defaults, needs, &words, &error) != BEHALF_OK)
        return;
    BEHALF_ASSERT((needs & AUTHZEN_SUBJECT_ID) == 0 ||
                  object_id_check(words.subject.id, &error) == BEHALF_OK);
    BEHALF_ASSERT((needs & AUTHZEN_RESOURCE_ID) == 0 ||
                  object_id_check(words.resource.id, &error) == BEHALF_OK);
    if (authzen_ask(&config, &key_of_all, &words, arena, &question, &error) == BEHALF_OK)
        check_question(&words, &question);
}

static void
turn_pages(const struct datum *body)
{
    struct authzen_page page;
    struct slice cursor;
    struct buffer token;
    struct error error;

    if (authzen_read_page(body, &page, &error) != BEHALF_OK)
        return;
    BEHALF_ASSERT(page.limit <= LIMIT_PAGE);
    (void)!authzen_page_open(body, &page, &cursor, &error);
    buffer_init(&token);
    authzen_page_token(body, &page, SLICE_LITERAL("cursor"), &token);
    page.token = buffer_slice(&token);
    BEHALF_ASSERT(authzen_page_open(body, &page, &cursor, &error) == BEHALF_OK);
    BEHALF_ASSERT(slice_equal(cursor, SLICE_LITERAL("cursor")));
    buffer_release(&token);
}

/* The words are those of an evaluation of the same body, wherever that names its agents. */
static void
submit(const struct datum *body, struct arena *arena)
{
    struct authzen_submission submission;
    const struct check *check = &submission.question.check;
    struct authzen_words words;
    struct authzen_question question;
    struct error error;
    uint8_t digests[2][DIGEST_SIZE];

    if (authzen_read_submission(&config, &key_of_all, body, arena, &submission, &error) !=
        BEHALF_OK)
        return;
    BEHALF_ASSERT(datum_field(body, SLICE_LITERAL("items")) == NULL);
    BEHALF_ASSERT(datum_field(body, SLICE_LITERAL("callback")) == NULL);
    BEHALF_ASSERT(check->actor_count > 0);
    BEHALF_ASSERT(submission.justification.size <= ENGINE_JUSTIFICATION_SIZE_MAX);
    BEHALF_ASSERT(authzen_read_words(body, NULL, AUTHZEN_EVERYTHING, &words, &error) == BEHALF_OK);
    if (!authzen_names_agent(&words))
        return;
    check_question(&words, &submission.question);
    BEHALF_ASSERT(authzen_ask(&config, &key_of_all, &words, arena, &question, &error) == BEHALF_OK);
    denial_digest(SLICE_LITERAL("caller"), check->actors, check->actor_count,
                  &submission.question.words, digests[0]);
    denial_digest(SLICE_LITERAL("caller"), question.check.actors, question.check.actor_count,
                  &question.words, digests[1]);
    BEHALF_ASSERT(memcmp(digests[0], digests[1], DIGEST_SIZE) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct authzen_evaluations evaluations;
    const struct datum *body = NULL;
    struct arena arena;
    struct error error;

    if (!config.has_agents)
        BEHALF_ASSERT(authzen_config_read(slice_of(config_text), &config, &error) == BEHALF_OK);
    arena_init(&arena, LIMIT_LOOKUP_ARENA);
    if (authzen_read_body((struct slice){(const char *)data, size}, &arena, &body, &error) ==
        BEHALF_OK) {
        ask(body, NULL, AUTHZEN_EVERYTHING, &arena);
        ask(body, NULL, AUTHZEN_RESOURCE_ID | AUTHZEN_ACTION, &arena);
        ask(body, NULL, AUTHZEN_SUBJECT_ID | AUTHZEN_ACTION, &arena);
        ask(body, NULL, AUTHZEN_SUBJECT_ID | AUTHZEN_RESOURCE_ID, &arena);
        if (authzen_read_evaluations(body, &evaluations, &error) == BEHALF_OK)
            for (size_t index = 0; index < evaluations.count; index++)
                ask(evaluations.items[index], body, AUTHZEN_EVERYTHING, &arena);
        turn_pages(body);
        submit(body, &arena);
    }
    arena_release(&arena);
    return 0;
}
