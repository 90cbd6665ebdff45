/* authzen_submission.c - the body of an access request. */
#include "net/authzen_submission.h"

/* --- what is not taken --- */

/* Passed over they would be promised: many requests in one, and a call when it is decided. */
static enum status
check_absent(const struct datum *body, struct error *error)
{
    if (datum_field(body, SLICE_LITERAL("items")) != NULL)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "'items' is not taken: access is requested for one resource at a time");
    if (datum_field(body, SLICE_LITERAL("callback")) != NULL)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "'callback' is not taken: the task's status says when it is decided");
    return BEHALF_OK;
}

/* --- agents --- */

static void
add_field(struct datum_field *fields, size_t *count, struct slice key, const struct datum *value)
{
    if (value != NULL)
        fields[(*count)++] = (struct datum_field){key, value};
}

/* `client.actor` {id, issuer?, act?} as the properties of a subject that name the same agents:
 * {"act": {act?, iss?, sub}}. */
static enum status
read_client_actor(const struct datum *body, struct arena *arena, const struct datum **properties,
                  struct error *error)
{
    static const char path[] = "client.actor.";
    const struct datum *client = NULL;
    const struct datum *actor = NULL;
    const struct datum *id = NULL;
    const struct datum *issuer = NULL;
    struct datum_field *fields = arena_take_array(arena, 4, sizeof *fields);
    struct datum *maps = arena_take_array(arena, 2, sizeof *maps);
    size_t count = 0;
    enum status status = authzen_member(body, "", "client", DATUM_MAP, false, &client, error);

    *properties = NULL;
    if (fields == NULL || maps == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED,
                         "the request needs more memory than it may use");
    if (status == BEHALF_OK && client != NULL)
        status = authzen_member(client, "client.", "actor", DATUM_MAP, false, &actor, error);
    if (status != BEHALF_OK || actor == NULL)
        return status;
    status = authzen_member(actor, path, "id", DATUM_STRING, true, &id, error);
    if (status == BEHALF_OK)
        status = authzen_member(actor, path, "issuer", DATUM_STRING, false, &issuer, error);
    if (status != BEHALF_OK)
        return status;
    add_field(fields, &count, SLICE_LITERAL("act"), datum_field(actor, SLICE_LITERAL("act")));
    add_field(fields, &count, SLICE_LITERAL("iss"), issuer);
    add_field(fields, &count, SLICE_LITERAL("sub"), id);
    maps[0] = (struct datum){.kind = DATUM_MAP, .as.map = {fields, count}};
    fields[3] = (struct datum_field){SLICE_LITERAL("act"), &maps[0]};
    maps[1] = (struct datum){.kind = DATUM_MAP, .as.map = {&fields[3], 1}};
    *properties = &maps[1];
    return BEHALF_OK;
}

static bool
same_agents(const struct check *a, const struct check *b)
{
    bool same = a->actor_count == b->actor_count;

    for (size_t at = 0; same && at < a->actor_count; at++)
        same = slice_equal(a->actors[at].id, b->actors[at].id);
    return same;
}

/* The question of the words, with the agents of `client.actor` where the words name none. */
static enum status
ask(const struct authzen_config *config, const struct key *caller, const struct datum *body,
    struct arena *arena, struct authzen_question *question, struct error *error)
{
    struct authzen_words words;
    struct authzen_words of_client;
    struct authzen_question other;
    const struct datum *client = NULL;
    bool named;
    enum status status = authzen_read_words(body, NULL, AUTHZEN_EVERYTHING, &words, error);

    if (status == BEHALF_OK)
        status = read_client_actor(body, arena, &client, error);
    if (status != BEHALF_OK)
        return status;
    named = authzen_names_agent(&words);
    of_client = words;
    of_client.subject.properties = client;
    status = authzen_ask(config, caller, !named && client != NULL ? &of_client : &words, arena,
                         question, error);
    question->words = words; /* as they were sent */
    if (status != BEHALF_OK || !named || client == NULL)
        return status;
    of_client.context = NULL;
    status = authzen_ask(config, caller, &of_client, arena, &other, error);
    if (status == BEHALF_OK && !same_agents(&question->check, &other.check))
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "'client.actor' names other agents than the rest of the request");
    return status;
}

/* --- denial --- */

/* A moment in a member that may be absent: 0 then. */
static enum status
read_time(const struct datum *map, const char *path, const char *name, int64_t *time, bool *given,
          struct error *error)
{
    const struct datum *value = NULL;
    enum status status = authzen_member(map, path, name, DATUM_STRING, false, &value, error);

    *time = 0;
    *given = status == BEHALF_OK && value != NULL;
    if (!*given || time_parse(value->as.string, time))
        return status;
    return error_set(error, BEHALF_MALFORMED_REQUEST,
                     "'%s%s' must be a time as 2027-01-01T00:00:00Z", path, name);
}

static enum status
read_denial(const struct datum *body, struct authzen_submission *submission, struct error *error)
{
    static const char path[] = "denial.";
    const struct datum *denial = NULL;
    const struct datum *token = NULL;
    const struct datum *id = NULL;
    enum status status = authzen_member(body, "", "denial", DATUM_MAP, false, &denial, error);

    if (status == BEHALF_OK && denial != NULL)
        status = authzen_member(denial, path, "binding_token", DATUM_STRING, false, &token, error);
    if (status == BEHALF_OK && token == NULL)
        return error_set(error, BEHALF_DENIAL_INVALID,
                         "'denial.binding_token' is missing: the denial of an evaluation has it as "
                         "'context.access_request.binding_token'");
    if (status == BEHALF_OK)
        status = authzen_member(denial, path, "evaluation_id", DATUM_STRING, false, &id, error);
    if (status == BEHALF_OK)
        status = read_time(denial, path, "expires_at", &submission->expires_at,
                           &submission->has_expires_at, error);
    if (status != BEHALF_OK)
        return status;
    submission->binding_token = token->as.string;
    submission->has_evaluation_id = id != NULL;
    if (id != NULL)
        submission->evaluation_id = id->as.string;
    return BEHALF_OK;
}

/* --- what is asked for --- */

static enum status
read_terms(const struct datum *body, struct authzen_submission *submission, struct error *error)
{
    const struct datum *context = submission->question.words.context;
    const struct datum *requested = NULL;
    const struct datum *why = NULL;
    bool given;
    enum status status =
        authzen_member(body, "", "requested_access", DATUM_MAP, false, &requested, error);

    if (status == BEHALF_OK && requested != NULL)
        status = read_time(requested, "requested_access.", "requested_until",
                           &submission->requested_until, &given, error);
    if (status == BEHALF_OK && context != NULL)
        status = authzen_member(context, "context.", "business_justification", DATUM_STRING, false,
                                &why, error);
    if (status != BEHALF_OK || why == NULL)
        return status;
    if (why->as.string.size > ENGINE_JUSTIFICATION_SIZE_MAX)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "'context.business_justification' has %zu bytes; at most %d are allowed",
                         why->as.string.size, ENGINE_JUSTIFICATION_SIZE_MAX);
    submission->justification = why->as.string;
    return BEHALF_OK;
}

/* --- the whole --- */

enum status
authzen_read_submission(const struct authzen_config *config, const struct key *caller,
                        const struct datum *body, struct arena *arena,
                        struct authzen_submission *submission, struct error *error)
{
    enum status status = check_absent(body, error);

    *submission = (struct authzen_submission){.expires_at = 0};
    if (status == BEHALF_OK)
        status = ask(config, caller, body, arena, &submission->question, error);
    if (status == BEHALF_OK && submission->question.check.actor_count == 0)
        return error_set(error, BEHALF_DENIAL_INVALID,
                         "the request names no agent, and what is denied to no agent cannot be "
                         "requested");
    if (status == BEHALF_OK)
        status = read_denial(body, submission, error);
    return status == BEHALF_OK ? read_terms(body, submission, error) : status;
}
