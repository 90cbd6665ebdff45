/* authzen_request.c - access requests over HTTP: the AuthZEN Access Request and Approval Profile,
 * Draft 1, on the access requests of the engine.
 *
 * A request is made or cancelled in two runs: the first makes the write ready
 * (BEHALF_MUST_WRITE), the second shows what became of the request. */
#include "net/authzen_answer.h"
#include "net/authzen_submission.h"
#include "net/caller.h"
#include "net/denial.h"

#define HTTP_ACCEPTED 202

/* --- refusals --- */

/* Which problem of the profile an error is, if any. */
static bool
find_problem(enum authzen_endpoint endpoint, enum status status, enum authzen_problem *problem)
{
    switch ((int)status) {
    case BEHALF_DENIAL_INVALID:
        *problem = AUTHZEN_INVALID_DENIAL_BINDING;
        return true;
    case BEHALF_DENIAL_EXPIRED:
        *problem = AUTHZEN_EXPIRED_DENIAL;
        return true;
    case BEHALF_UNKNOWN_DEFINITION: /* what was denied means nothing any more */
    case BEHALF_UNKNOWN_RELATION_OR_PERMISSION:
    case BEHALF_DELEGATION_REFUSED:
    case BEHALF_AGENT_STOPPED:
        *problem = AUTHZEN_NOT_REQUESTABLE;
        return true;
    case BEHALF_RECORD_NOT_ACTIVE: /* a bound key without a session of the two; a task that ended */
        *problem =
            endpoint == AUTHZEN_REQUESTS ? AUTHZEN_NOT_REQUESTABLE : AUTHZEN_INVALID_TASK_STATE;
        return true;
    case BEHALF_UNKNOWN_RECORD:
        *problem = AUTHZEN_UNKNOWN_TASK;
        return true;
    case BEHALF_IDEMPOTENCY_KEY_REUSED:
        *problem = AUTHZEN_DUPLICATE_REQUEST;
        return true;
    default:
        return false;
    }
}

void
authzen_refuse_asked(enum authzen_endpoint endpoint, const struct error *error,
                     struct authzen_reply *reply)
{
    const char *text = error->message[0] != '\0' ? error->message : status_text(error->status);
    bool is_request = endpoint == AUTHZEN_REQUESTS || endpoint == AUTHZEN_REQUEST ||
                      endpoint == AUTHZEN_REQUEST_CANCEL;
    enum authzen_problem problem;

    if (is_request && find_problem(endpoint, error->status, &problem))
        authzen_refuse_problem(reply, problem, "%s%s%s", text, error->hint[0] != '\0' ? ": " : "",
                               error->hint);
    else
        authzen_refuse_error(reply, error);
}

/* --- showing --- */

static struct engine_request
reading(const struct authzen_asked *asked)
{
    static const struct authzen_question nothing = {.has_behalf = false};
    struct engine_request request = authzen_request(asked, &nothing);

    request.bound = caller_bound(asked->caller);
    return request;
}

/* The end of the grant that an approval made. */
static enum status
read_grant_end(const struct authzen_asked *asked, const struct record_id *grant, int64_t *end,
               struct error *error)
{
    const struct engine_request request = reading(asked);
    struct engine_record_result result;
    const struct datum *body = NULL;
    const struct datum *value;
    enum status status = engine_grant_read(asked->worker, &request, grant, &result, error);

    if (status == BEHALF_OK)
        status = datum_decode(result.record.body, asked->arena, &body, error);
    if (status != BEHALF_OK)
        return status;
    value = datum_field(body, SLICE_LITERAL("expires_at"));
    if (value == NULL || value->kind != DATUM_INT)
        return error_internal(error, "a grant has an end", __FILE__, __LINE__, "%s", "");
    *end = value->as.integer;
    return BEHALF_OK;
}

static enum status
put_result(const struct authzen_asked *asked, const struct engine_access_request *found,
           struct json_out *json, struct error *error)
{
    struct record_id_text grant;
    int64_t end = 0;
    enum status status = read_grant_end(asked, &found->grant, &end, error);

    if (status != BEHALF_OK)
        return status;
    record_id_print(&found->grant, RECORD_PREFIX_GRANT, &grant);
    json_open_map(json, "result");
    json_put_text(json, "mode", SLICE_LITERAL("reevaluate"));
    json_open_map(json, "approval");
    json_put_text(json, "id", slice_of(grant.text));
    json_put_time(json, "approved_at", found->decided_at);
    json_put_time(json, "approved_until", end);
    json_close_map(json);
    json_close_map(json);
    return BEHALF_OK;
}

static void
put_task(const struct authzen_asked *asked, struct slice id,
         const struct engine_access_request *found, struct json_out *json)
{
    struct buffer url;

    buffer_init(&url);
    json_open_map(json, "task");
    json_put_text(json, "id", id);
    json_put_text(json, "status", engine_access_request_word(found->status));
    authzen_put_task_url(asked->config, id, "", &url);
    json_put_text(json, "status_endpoint", buffer_slice(&url));
    json_put_time(json, "expires_at", found->expires_at);
    json_open_map(json, "links");
    buffer_clear(&url);
    authzen_put_task_url(asked->config, id, "/cancel", &url);
    json_put_text(json, "cancel", buffer_slice(&url));
    json_close_map(json);
    json_close_map(json);
    buffer_release(&url);
}

/* The task as it stands now; of one that has expired nothing but that. */
static enum status
show(const struct authzen_asked *asked, const struct record_id *id, struct authzen_reply *reply,
     struct engine_access_request *found, struct error *error)
{
    const struct engine_request request = reading(asked);
    struct engine_record_result result;
    struct engine_clock clock;
    struct record_id_text text;
    struct json_out json = json_begin(&reply->body);
    enum status status = engine_access_request_read(asked->worker, &request, id, &result, error);

    if (status != BEHALF_OK)
        return status;
    *found = result.record.access_request;
    engine_clock_read(asked->engine, &clock);
    if (clock.now_ns >= found->expires_at) {
        authzen_refuse_problem(reply, AUTHZEN_TASK_EXPIRED, "the request has ended");
        return BEHALF_OK;
    }
    record_id_print(id, RECORD_PREFIX_REQUEST, &text);
    reply->revision = result.read_at;
    json_open_map(&json, NULL);
    put_task(asked, slice_of(text.text), found, &json);
    if (found->has_grant)
        status = put_result(asked, found, &json, error);
    json_close_map(&json);
    return status;
}

/* What is no id is the name of no request. */
static enum status
read_task(const struct authzen_asked *asked, struct record_id *id, struct error *error)
{
    if (record_id_parse(asked->task, RECORD_PREFIX_REQUEST, id))
        return BEHALF_OK;
    return error_set(error, BEHALF_UNKNOWN_RECORD, "there is no such request");
}

enum status
authzen_request_show(const struct authzen_asked *asked, struct authzen_reply *reply,
                     struct error *error)
{
    struct engine_access_request found;
    struct record_id id;
    enum status status = read_task(asked, &id, error);

    return status == BEHALF_OK ? show(asked, &id, reply, &found, error) : status;
}

/* --- making --- */

static void *
take(const struct authzen_asked *asked, size_t size, struct error *error)
{
    void *memory = arena_take_array(asked->arena, 1, size);

    if (memory == NULL)
        (void)error_set(error, BEHALF_BUDGET_EXHAUSTED,
                        "the request needs more memory than it may use");
    return memory;
}

/* What is said of the denial beside its seal must be what it seals. */
static enum status
check_echoes(const struct authzen_submission *submission, const struct engine_denial *denial,
             struct error *error)
{
    struct record_id id;

    if (submission->has_evaluation_id &&
        (!record_id_parse(submission->evaluation_id, RECORD_PREFIX_DECISION, &id) ||
         !record_id_equal(&id, &denial->decision)))
        return error_set(error, BEHALF_DENIAL_INVALID,
                         "'denial.evaluation_id' is not that of 'denial.binding_token'");
    if (submission->has_expires_at && submission->expires_at != denial->ends)
        return error_set(error, BEHALF_DENIAL_INVALID,
                         "'denial.expires_at' is not that of 'denial.binding_token'");
    return BEHALF_OK;
}

static enum status
open_denial(const struct authzen_asked *asked, const struct authzen_submission *submission,
            struct engine_denial *denial, struct error *error)
{
    const struct check *check = &submission->question.check;
    uint8_t words[DIGEST_SIZE];
    enum status status;

    denial_digest(slice_of(asked->caller->name), check->actors, check->actor_count,
                  &submission->question.words, words);
    status = engine_denial_open(asked->engine, submission->binding_token, words, denial, error);
    return status == BEHALF_OK ? check_echoes(submission, denial, error) : status;
}

/* Idempotency-Key over the body as it was parsed: blanks, the order of members and the spelling of
 * numbers do not count. */
static bool
take_key(const struct authzen_asked *asked, const struct datum *body, struct authzen_reply *reply)
{
    struct buffer value;

    if (asked->idempotency_key.size > LIMIT_IDEMPOTENCY_KEY) {
        authzen_refuse(reply, 400, "Idempotency-Key must have 1 to %zu bytes",
                       LIMIT_IDEMPOTENCY_KEY);
        return false;
    }
    if (asked->idempotency_key.size == 0)
        return true;
    buffer_init(&value);
    denial_put_by_value(body, &value);
    asked->write->idempotency_key = asked->idempotency_key;
    digest_sha256((struct slice[]){SLICE_LITERAL("AuthZEN access request"),
                                   slice_of(asked->caller->name), buffer_slice(&value)},
                  3, asked->write->request_digest);
    buffer_release(&value);
    return true;
}

static void
begin_write(const struct authzen_asked *asked, enum engine_write_kind kind)
{
    *asked->write = (struct engine_write){
        .queued.deadline_ns = authzen_deadline_ns(asked->endpoint, asked->arrived_ns),
        .kind = kind,
        .caller = slice_of(asked->caller->name),
        .bound = caller_bound(asked->caller),
    };
}

/* The request in the engine's words: the resource as the configuration maps it, and limited to the
 * call and the tool that the submission names. */
static enum status
make_request(const struct authzen_asked *asked, const struct authzen_submission *submission,
             struct error *error)
{
    const struct check *check = &submission->question.check;
    const struct engine_delegation *delegation = &submission->question.delegation;
    struct engine_new_access_request *made = take(asked, sizeof *made, error);
    struct engine_denial *denial = take(asked, sizeof *denial, error);
    struct engine_tool *tool = take(asked, sizeof *tool, error);
    enum status status;

    if (made == NULL || denial == NULL || tool == NULL)
        return error->status;
    status = open_denial(asked, submission, denial, error);
    if (status != BEHALF_OK)
        return status;
    *tool = delegation->tool;
    *made = (struct engine_new_access_request){
        .principal = check->subject,
        .agent = check->actors[check->actor_count - 1],
        .resource = check->resource,
        .permission = check->permission,
        .requested = {.until = submission->requested_until,
                      .binding = delegation->binding,
                      .tools = tool,
                      .tool_count = tool->name.size > 0 ? 1 : 0},
        .justification = submission->justification,
        .denial = denial,
    };
    begin_write(asked, WRITE_REQUEST_CREATE);
    asked->write->new_access_request = made;
    return BEHALF_OK;
}

/* The request that was made, now or when the same was asked before. */
static enum status
show_made(const struct authzen_asked *asked, struct authzen_reply *reply, struct error *error)
{
    struct engine_access_request found;
    struct record_id_text id;
    enum status status;

    if (!asked->write->has_access_request)
        return error_internal(error, "a request that was made has an id", __FILE__, __LINE__, "%s",
                              "");
    status = show(asked, &asked->write->access_request, reply, &found, error);
    if (status != BEHALF_OK || reply->status != 200)
        return status;
    record_id_print(&asked->write->access_request, RECORD_PREFIX_REQUEST, &id);
    authzen_put_task_url(asked->config, slice_of(id.text), "", &reply->location);
    reply->status = HTTP_ACCEPTED;
    return BEHALF_OK;
}

enum status
authzen_request_create(const struct authzen_asked *asked, const struct datum *body,
                       struct authzen_reply *reply, struct error *error)
{
    struct authzen_submission *submission;
    enum status status;

    if (asked->written)
        return show_made(asked, reply, error);
    submission = take(asked, sizeof *submission, error);
    if (submission == NULL)
        return error->status;
    status = authzen_read_submission(asked->config, asked->caller, body, asked->arena, submission,
                                     error);
    if (status != BEHALF_OK)
        return status;
    if (!authzen_may_ask(asked, &submission->question.check, reply))
        return BEHALF_OK;
    status = make_request(asked, submission, error);
    if (status != BEHALF_OK)
        return status;
    return take_key(asked, body, reply) ? BEHALF_MUST_WRITE : BEHALF_OK;
}

/* --- cancelling --- */

/* "reason: comment", or the one of them that there is. */
static enum status
read_reason(const struct authzen_asked *asked, const struct datum *body, struct slice *text,
            struct error *error)
{
    const struct datum *reason = NULL;
    const struct datum *comment = NULL;
    struct buffer both;
    enum status status = BEHALF_OK;

    *text = SLICE_LITERAL("cancelled by whoever asked");
    if (body == NULL)
        return BEHALF_OK;
    status = authzen_member(body, "", "reason", DATUM_STRING, false, &reason, error);
    if (status == BEHALF_OK)
        status = authzen_member(body, "", "comment", DATUM_STRING, false, &comment, error);
    if (status != BEHALF_OK || (reason == NULL && comment == NULL))
        return status;
    buffer_init(&both);
    if (reason != NULL)
        buffer_add_slice(&both, reason->as.string);
    if (reason != NULL && comment != NULL)
        buffer_add_text(&both, ": ");
    if (comment != NULL)
        buffer_add_slice(&both, comment->as.string);
    *text = arena_copy(asked->arena, buffer_slice(&both));
    if (both.size == 0 || both.size > ENGINE_REASON_SIZE_MAX)
        status = error_set(error, BEHALF_MALFORMED_REQUEST,
                           "'reason' and 'comment' together must have 1 to %d bytes",
                           ENGINE_REASON_SIZE_MAX - 2);
    else if (text->data == NULL)
        status = error_set(error, BEHALF_BUDGET_EXHAUSTED,
                           "the request needs more memory than it may use");
    buffer_release(&both);
    return status;
}

static enum status
make_refusal(const struct authzen_asked *asked, const struct datum *body,
             const struct record_id *id, struct error *error)
{
    struct engine_access_refusal *refusal = take(asked, sizeof *refusal, error);
    enum status status;

    if (refusal == NULL)
        return error->status;
    *refusal = (struct engine_access_refusal){.request = *id, .close = ACCESS_REQUEST_CANCEL};
    status = read_reason(asked, body, &refusal->reason, error);
    if (status != BEHALF_OK)
        return status;
    begin_write(asked, WRITE_REQUEST_CLOSE);
    asked->write->access_refusal = refusal;
    return BEHALF_MUST_WRITE;
}

enum status
authzen_request_cancel(const struct authzen_asked *asked, const struct datum *body,
                       struct authzen_reply *reply, struct error *error)
{
    struct engine_access_request found;
    struct record_id id;
    enum status status = read_task(asked, &id, error);

    if (status == BEHALF_OK)
        status = show(asked, &id, reply, &found, error);
    if (status != BEHALF_OK || reply->status != 200 || asked->written)
        return status;
    if (found.status != ACCESS_REQUEST_PENDING) {
        authzen_refuse_problem(reply, AUTHZEN_INVALID_TASK_STATE,
                               "the request is %.*s and cannot be cancelled",
                               SLICE_PRINTF(engine_access_request_word(found.status)));
        return BEHALF_OK;
    }
    reply->revision.text[0] = '\0';
    return make_refusal(asked, body, &id, error);
}
