/* authzen_answer.c - what is asked of every AuthZEN request, whatever it asks. */
#include "net/authzen_answer.h"

#include "net/caller.h"

/* --- who may ask what --- */

bool
authzen_may_ask(const struct authzen_asked *asked, const struct check *check,
                struct authzen_reply *reply)
{
    unsigned roles = authzen_method(asked->endpoint)->roles & ~(unsigned)ROLE_DELEGATED;
    struct error error;

    if (caller_check_actors(asked->caller, roles, check->actors, check->actor_count, &error) ==
        BEHALF_OK)
        return true;
    authzen_refuse_error(reply, &error);
    return false;
}

/* --- answers --- */

bool
authzen_is_unknown(enum status status)
{
    return status == BEHALF_UNKNOWN_DEFINITION || status == BEHALF_UNKNOWN_RELATION_OR_PERMISSION;
}

struct engine_request
authzen_request(const struct authzen_asked *asked, const struct authzen_question *question)
{
    return (struct engine_request){
        .arena = asked->arena,
        .consistency =
            question->at_least.size > 0 ? CONSISTENCY_AT_LEAST_AS_FRESH : CONSISTENCY_FULL,
        .token = question->at_least,
        .deadline_ns = authzen_deadline_ns(asked->endpoint, asked->arrived_ns),
        .cancelled = asked->cancelled,
        .caller = {asked->caller->name, asked->caller->name_size},
        .request_id = asked->request_id,
        .gives_way = asked->gives_way,
    };
}

void
authzen_set_revision(const struct authzen_asked *asked, struct authzen_reply *reply)
{
    struct engine_info info;
    struct error error;

    BEHALF_ASSERT(!asked->on_loop);
    if (engine_info_read(asked->engine, &info, &error) == BEHALF_OK)
        reply->revision = info.token;
}

void
authzen_open_context(const struct authzen_asked *asked, struct json_out *json,
                     const struct record_id_text *decision_id)
{
    struct engine_clock clock;

    engine_clock_read(asked->engine, &clock);
    json_open_map(json, "context");
    if (decision_id->text[0] != '\0')
        json_put_text(json, "evaluation_id", slice_of(decision_id->text));
    json_put_time(json, "evaluated_at", clock.now_ns);
}

/* Once a write is done only what became of it is asked. */
static bool
reads_body(const struct authzen_asked *asked)
{
    if (asked->endpoint == AUTHZEN_REQUEST || asked->written)
        return false;
    return asked->endpoint != AUTHZEN_REQUEST_CANCEL || asked->text.size > 0;
}

static enum status
answer(const struct authzen_asked *asked, struct authzen_reply *reply, struct error *error)
{
    const struct datum *body = NULL;
    enum status status = BEHALF_OK;

    if (reads_body(asked))
        status = authzen_read_body(asked->text, asked->arena, &body, error);

    if (status == BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT) {
        authzen_refuse(reply, 413, "%s", error->message);
        return BEHALF_OK;
    }
    if (status != BEHALF_OK)
        return status;
    switch (asked->endpoint) {
    case AUTHZEN_EVALUATION:
        return authzen_evaluate(asked, body, reply, error);
    case AUTHZEN_EVALUATIONS:
        return authzen_evaluate_many(asked, body, reply, error);
    case AUTHZEN_SEARCH_SUBJECT:
    case AUTHZEN_SEARCH_RESOURCE:
    case AUTHZEN_SEARCH_ACTION:
        return authzen_search(asked, body, reply, error);
    case AUTHZEN_REQUESTS:
        return authzen_request_create(asked, body, reply, error);
    case AUTHZEN_REQUEST:
        return authzen_request_show(asked, reply, error);
    case AUTHZEN_REQUEST_CANCEL:
        return authzen_request_cancel(asked, body, reply, error);
    case AUTHZEN_METADATA:
    case AUTHZEN_NOWHERE:
    case AUTHZEN_ENDPOINT_COUNT:
        break;
    }
    BEHALF_UNREACHABLE();
}

static enum status
answer_or_refuse(const struct authzen_asked *asked, struct authzen_reply *reply)
{
    struct error error;
    enum status status;
    bool refused;

    error.status = BEHALF_OK;
    (void)arena_was_refused();
    status = answer(asked, reply, &error);
    refused = status == BEHALF_BUDGET_EXHAUSTED && arena_was_refused();
    if (status == BEHALF_OK && reply->body.size > LIMIT_MESSAGE_SIZE) {
        status = error_set(&error, BEHALF_BUDGET_EXHAUSTED,
                           "the reply would be larger than a message may be (4 MiB)");
        error_hint(&error, "ask for less at once");
    }
    if (status == BEHALF_OK)
        return BEHALF_OK;
    buffer_clear(&reply->body);
    if (status == BEHALF_MUST_SPEND || status == BEHALF_MUST_RECORD ||
        status == BEHALF_MUST_WRITE || status == BEHALF_WOULD_BLOCK)
        return status;
    if (status != error.status)
        status = error_internal(&error, "an answer says why it is none", __FILE__, __LINE__,
                                "status %d, described as %d", (int)status, (int)error.status);
    if (refused) {
        arena_describe_refusal(&error);
        status = BEHALF_OVERLOADED;
    }
    engine_worker_note(asked->worker, authzen_method(asked->endpoint)->name, status, &error);
    authzen_refuse_asked(asked->endpoint, &error, reply);
    return BEHALF_OK;
}

enum status
authzen_answer(const struct authzen_asked *asked, struct authzen_reply *reply)
{
    uint64_t before = engine_worker_edges(asked->worker);
    enum status status = answer_or_refuse(asked, reply);

    key_charge(asked->caller, engine_worker_edges(asked->worker) - before, asked->arrived_ns);
    return status;
}
