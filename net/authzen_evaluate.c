/* authzen_evaluate.c - Access Evaluation and Access Evaluations. */
#include "base/digest.h"
#include "net/authzen_answer.h"
#include "net/results.h"

/* --- decisions --- */

/* How long the grant that was shown lasts; 0 where that cannot be told. */
static enum status
grant_end(const struct authzen_asked *asked, const struct authzen_question *question, int64_t *end)
{
    const struct engine_request request = authzen_request(asked, question);
    struct engine_record_result result;
    const struct datum *body = NULL;
    const struct datum *value;
    struct error error;
    enum status status =
        engine_grant_read(asked->worker, &request, &question->delegation.grant, &result, &error);

    *end = 0;
    if (status == BEHALF_OK)
        status = datum_decode(result.record.body, asked->arena, &body, &error);
    if (status != BEHALF_OK)
        return status == BEHALF_WOULD_BLOCK ? status : BEHALF_OK;
    value = datum_field(body, SLICE_LITERAL("expires_at"));
    if (value != NULL && value->kind == DATUM_INT)
        *end = value->as.integer;
    return BEHALF_OK;
}

static enum status
put_approval(const struct authzen_asked *asked, struct json_out *json,
             const struct authzen_question *question)
{
    int64_t end;
    enum status status = grant_end(asked, question, &end);

    json_open_map(json, "approval");
    json_put_text(json, "id", question->grant);
    if (end != 0)
        json_put_time(json, "approved_until", end);
    json_close_map(json);
    return status;
}

/* The trace as the protocol has it. */
static enum status
put_trace(struct json_out *json, const struct explanation *root, struct arena *arena,
          struct error *error)
{
    struct buffer wire;
    struct wire_reader reader;
    enum status status;

    buffer_init(&wire);
    status = result_put_trace(&wire, root, arena, error);
    reader = reader_of(buffer_slice(&wire));
    if (status == BEHALF_OK && !json_put_wire(json, "trace", &reader))
        status = error_set(error, BEHALF_BUDGET_EXHAUSTED, "the explanation is too large");
    buffer_release(&wire);
    return status;
}

/* What is said of a decision beside it, where the request is delegated or asks for it. */
static enum status
put_context(const struct authzen_asked *asked, struct json_out *json,
            const struct authzen_question *question, const struct check_item *item,
            struct error *error)
{
    enum status status = BEHALF_OK;

    authzen_open_context(asked, json, &item->decision_id);
    if (item->reason != REASON_NONE)
        json_put_text(json, "reason", authzen_reason(question, item));
    if (item->decision == DECISION_CONDITIONAL) {
        json_open_list(json, "missing");
        for (size_t index = 0; index < item->missing.count; index++)
            json_put_text(json, NULL, item->missing.names[index]);
        json_close_list(json);
    }
    if (item->valid_until != 0)
        json_put_time(json, "valid_until", item->valid_until);
    if (item->decision == DECISION_ALLOW && question->delegation.given)
        status = put_approval(asked, json, question);
    authzen_put_next(asked, json, question, item);
    if (status == BEHALF_OK && item->explanation != NULL)
        status = put_trace(json, item->explanation, asked->arena, error);
    json_close_map(json);
    return status;
}

static void
put_failure(struct json_out *json, unsigned http_status, const char *message)
{
    json_open_map(json, "context");
    json_open_map(json, "error");
    json_put_unsigned(json, "status", http_status);
    json_put_text(json, "message", slice_of(message));
    json_close_map(json);
    json_close_map(json);
}

/* `item` was decided: it has a status. */
static enum status
put_decision(const struct authzen_asked *asked, struct json_out *json,
             const struct authzen_question *question, const struct check_item *item,
             struct error *error)
{
    enum status status = BEHALF_OK;

    BEHALF_ASSERT(item->status == BEHALF_OK || item->decision == DECISION_DENY);
    json_open_map(json, NULL);
    json_put_bool(json, "decision", item->decision == DECISION_ALLOW);
    if (item->status != BEHALF_OK)
        put_failure(json, authzen_error_status(item->status), item->error->message);
    else if (question->check.actor_count > 0 || question->has_behalf)
        status = put_context(asked, json, question, item, error);
    json_close_map(json);
    return status;
}

/* --- one --- */

/* The field Idempotency-Key, which matters where a grant is shown. */
static bool
take_key(const struct authzen_asked *asked, struct authzen_question *question,
         struct authzen_reply *reply)
{
    struct slice key = asked->idempotency_key;

    if (key.size == 0 || !question->delegation.given)
        return true;
    if (key.size > LIMIT_IDEMPOTENCY_KEY) {
        authzen_refuse(reply, 400, "Idempotency-Key must have 1 to %zu bytes",
                       LIMIT_IDEMPOTENCY_KEY);
        return false;
    }
    question->delegation.idempotency_key = key;
    digest_sha256((struct slice[]){SLICE_LITERAL("AuthZEN evaluation"),
                                   slice_of(asked->caller->name), asked->text},
                  3, question->delegation.request_digest);
    return true;
}

static enum status
decide(const struct authzen_asked *asked, const struct authzen_question *question,
       struct check_item *item, struct authzen_reply *reply, struct error *error)
{
    const struct engine_request request = authzen_request(asked, question);
    struct check_result result;
    enum status status = engine_check(asked->worker, &request, &question->check, &result, error);

    *item = (struct check_item){.status = BEHALF_OK, .decision = DECISION_DENY};
    if (authzen_is_unknown(status) && asked->on_loop)
        return BEHALF_WOULD_BLOCK; /* for the revision */
    if (authzen_is_unknown(status)) {
        authzen_set_revision(asked, reply);
        return BEHALF_OK;
    }
    if (status != BEHALF_OK)
        return status;
    item->decision = result.decision;
    item->reason = result.reason;
    item->requestable = result.requestable;
    item->decision_id = result.decision_id;
    item->missing = result.missing;
    item->valid_until = result.valid_until;
    item->explanation = result.explanation;
    reply->revision = result.checked_at;
    return BEHALF_OK;
}

enum status
authzen_evaluate(const struct authzen_asked *asked, const struct datum *body,
                 struct authzen_reply *reply, struct error *error)
{
    struct json_out json = json_begin(&reply->body);
    struct authzen_words words;
    struct authzen_question question;
    struct check_item item;
    enum status status = authzen_read_words(body, NULL, AUTHZEN_EVERYTHING, &words, error);

    if (status == BEHALF_OK)
        status = authzen_ask(asked->config, asked->caller, &words, asked->arena, &question, error);
    if (status != BEHALF_OK)
        return status;
    if (!authzen_may_ask(asked, &question.check, reply) || !take_key(asked, &question, reply))
        return BEHALF_OK;
    /* The end of the grant, which an allow names, is read: decided here it would be recorded, and
     * decided and recorded again on the pool. */
    if (asked->on_loop && question.delegation.given)
        return BEHALF_WOULD_BLOCK;
    question.check.use = asked->use;
    question.check.find_requestable = authzen_takes_requests(asked->config);
    question.check.recording = asked->recording;
    status = decide(asked, &question, &item, reply, error);
    return status == BEHALF_OK ? put_decision(asked, &json, &question, &item, error) : status;
}

/* --- many --- */

struct batch {
    const struct authzen_asked *asked;
    const struct datum *body;
    struct authzen_evaluations evaluations;
    struct authzen_question *questions; /* one for each item */
    struct check_item *results;         /* the same; a faulty one has its error */
    struct check *checks;               /* of those that are not faulty */
    size_t *places;                     /* of each of these among the items */
    size_t check_count;
    struct slice at_least; /* of all of them */
    bool names_agent;      /* the defaults or an item do */
    bool names_grant;
};

static enum status
take_room(struct batch *batch, struct error *error)
{
    struct arena *arena = batch->asked->arena;
    size_t count = batch->evaluations.count;

    batch->questions = arena_take_array(arena, count, sizeof *batch->questions);
    batch->results = arena_take_array(arena, count, sizeof *batch->results);
    batch->checks = arena_take_array(arena, count, sizeof *batch->checks);
    batch->places = arena_take_array(arena, count, sizeof *batch->places);
    if (batch->questions == NULL || batch->results == NULL || batch->checks == NULL ||
        batch->places == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED,
                         "the evaluations need more memory than the request may use");
    return BEHALF_OK;
}

/* What a map of entities names, whether or not it can be used. */
static void
look_for_names(struct batch *batch, const struct datum *map)
{
    const struct datum *subject = NULL;
    const struct datum *context = NULL;
    const struct datum *properties = NULL;
    struct authzen_words words = {.action = {NULL, 0}};

    if (map->kind != DATUM_MAP)
        return;
    subject = datum_field(map, SLICE_LITERAL("subject"));
    context = datum_field(map, SLICE_LITERAL("context"));
    if (subject != NULL && subject->kind == DATUM_MAP)
        properties = datum_field(subject, SLICE_LITERAL("properties"));
    if (properties != NULL && properties->kind == DATUM_MAP)
        words.subject.properties = properties;
    if (context != NULL && context->kind == DATUM_MAP)
        words.context = context;
    batch->names_agent = batch->names_agent || authzen_names_agent(&words);
    batch->names_grant = batch->names_grant || authzen_names_grant(&words);
}

/* An own subject or context of an item must not shed the agent or the grant of the others: it would
 * be answered with the person's whole right. */
static enum status
check_not_shed(const struct batch *batch, const struct authzen_words *words, struct error *error)
{
    if (batch->names_agent && !authzen_names_agent(words))
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "other evaluations of the request name an agent, this one does not");
    if (batch->names_grant && !authzen_names_grant(words))
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "other evaluations of the request name a grant, this one does not");
    return BEHALF_OK;
}

/* All are answered at one revision. */
static enum status
check_at_least(struct batch *batch, const struct authzen_question *question, struct error *error)
{
    if (question->at_least.size == 0)
        return BEHALF_OK;
    if (batch->at_least.size == 0)
        batch->at_least = question->at_least;
    if (slice_equal(batch->at_least, question->at_least))
        return BEHALF_OK;
    return error_set(error, BEHALF_MALFORMED_REQUEST,
                     "'context.behalf.at_least' must be the same in all evaluations of a request");
}

static enum status
ask_item(struct batch *batch, size_t index, struct error *error)
{
    const struct authzen_asked *asked = batch->asked;
    struct authzen_question *question = &batch->questions[index];
    struct authzen_words words;
    enum status status = authzen_read_words(batch->evaluations.items[index], batch->body,
                                            AUTHZEN_EVERYTHING, &words, error);

    if (status == BEHALF_OK)
        status = check_not_shed(batch, &words, error);
    if (status == BEHALF_OK)
        status = authzen_ask(asked->config, asked->caller, &words, asked->arena, question, error);
    return status == BEHALF_OK ? check_at_least(batch, question, error) : status;
}

/* A faulty item keeps its error; without room for it the request fails. */
static enum status
set_faulty(struct batch *batch, size_t index, const struct error *problem, struct error *error)
{
    struct error *kept = arena_take(batch->asked->arena, sizeof *kept);

    if (kept == NULL || problem->status == BEHALF_BUDGET_EXHAUSTED)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED,
                         "the evaluations need more memory than the request may use");
    *kept = *problem;
    batch->results[index] =
        (struct check_item){.status = problem->status, .decision = DECISION_DENY, .error = kept};
    return BEHALF_OK;
}

static enum status
ask_all(struct batch *batch, struct error *error)
{
    enum status status = BEHALF_OK;

    look_for_names(batch, batch->body);
    for (size_t index = 0; index < batch->evaluations.count; index++)
        look_for_names(batch, batch->evaluations.items[index]);
    for (size_t index = 0; status == BEHALF_OK && index < batch->evaluations.count; index++) {
        struct error problem;

        if (ask_item(batch, index, &problem) != BEHALF_OK) {
            status = set_faulty(batch, index, &problem, error);
            continue;
        }
        batch->places[batch->check_count] = index;
        batch->checks[batch->check_count] = batch->questions[index].check;
        batch->checks[batch->check_count++].find_requestable =
            authzen_takes_requests(batch->asked->config);
    }
    return status;
}

static enum status
decide_all(struct batch *batch, struct authzen_reply *reply, struct error *error)
{
    const struct authzen_question first = {.at_least = batch->at_least};
    const struct engine_request request = authzen_request(batch->asked, &first);
    struct check_bulk_result result;
    enum status status;

    if (batch->check_count == 0) {
        authzen_set_revision(batch->asked, reply);
        return BEHALF_OK;
    }
    status = engine_check_bulk(batch->asked->worker, &request, batch->checks, batch->check_count,
                               &result, error);
    if (status != BEHALF_OK)
        return status;
    reply->revision = result.checked_at;
    for (size_t index = 0; index < batch->check_count; index++) {
        struct check_item *item = &batch->results[batch->places[index]];

        *item = result.items[index];
        if (item->status == BEHALF_OK)
            continue;
        item->decision = DECISION_DENY;
        if (authzen_is_unknown(item->status))
            *item = (struct check_item){.status = BEHALF_OK, .decision = DECISION_DENY};
    }
    return BEHALF_OK;
}

static bool
ends_here(enum authzen_semantic semantic, const struct check_item *item)
{
    switch (semantic) {
    case AUTHZEN_EXECUTE_ALL:
        return false;
    case AUTHZEN_DENY_ON_FIRST_DENY:
        return item->decision != DECISION_ALLOW;
    case AUTHZEN_PERMIT_ON_FIRST_PERMIT:
        return item->decision == DECISION_ALLOW;
    }
    BEHALF_UNREACHABLE();
}

static enum status
put_all(const struct batch *batch, struct buffer *out, struct error *error)
{
    struct json_out json = json_begin(out);
    enum status status = BEHALF_OK;

    json_open_map(&json, NULL);
    json_open_list(&json, "evaluations");
    for (size_t index = 0; status == BEHALF_OK && index < batch->evaluations.count; index++) {
        if (out->size > LIMIT_MESSAGE_SIZE)
            break; /* authzen_answer refuses it */
        status = put_decision(batch->asked, &json, &batch->questions[index], &batch->results[index],
                              error);
        if (ends_here(batch->evaluations.semantic, &batch->results[index]))
            break;
    }
    json_close_list(&json);
    json_close_map(&json);
    return status;
}

enum status
authzen_evaluate_many(const struct authzen_asked *asked, const struct datum *body,
                      struct authzen_reply *reply, struct error *error)
{
    struct batch batch = {.asked = asked, .body = body};
    enum status status = authzen_read_evaluations(body, &batch.evaluations, error);

    if (status == BEHALF_OK && batch.evaluations.count == 0)
        return authzen_evaluate(asked, body, reply, error);
    if (status == BEHALF_OK)
        status = take_room(&batch, error);
    if (status == BEHALF_OK)
        status = ask_all(&batch, error);
    if (status != BEHALF_OK)
        return status;
    for (size_t index = 0; index < batch.check_count; index++)
        if (!authzen_may_ask(asked, &batch.checks[index], reply))
            return BEHALF_OK;
    status = decide_all(&batch, reply, error);
    return status == BEHALF_OK ? put_all(&batch, &reply->body, error) : status;
}
