/* authzen_reply.c - answers and refusals of AuthZEN. */
#include "net/authzen_reply.h"

#include <stdarg.h>
#include <string.h>

#include "net/json_out.h"

#define HTTP_OK 200
#define RETRY_AFTER_S_MIN 1
#define PROBLEM_URN "urn:openid:authzen:access-request:error:"

void
authzen_reply_init(struct authzen_reply *reply)
{
    *reply = (struct authzen_reply){.status = HTTP_OK, .type = SLICE_LITERAL("application/json")};
    buffer_init(&reply->body);
    buffer_init(&reply->location);
}

void
authzen_reply_release(struct authzen_reply *reply)
{
    buffer_release(&reply->body);
    buffer_release(&reply->location);
}

/* Nothing of an answer is left. */
static void
begin_refusal(struct authzen_reply *reply, unsigned status, struct slice type)
{
    buffer_clear(&reply->body);
    buffer_clear(&reply->location);
    reply->status = status;
    reply->type = type;
    reply->revision.text[0] = '\0';
}

void
authzen_refuse(struct authzen_reply *reply, unsigned status, const char *format, ...)
{
    va_list arguments;

    begin_refusal(reply, status, SLICE_LITERAL("text/plain; charset=utf-8"));
    va_start(arguments, format);
    buffer_add_arguments(&reply->body, format, arguments);
    va_end(arguments);
    buffer_add_byte(&reply->body, '\n');
}

void
authzen_refuse_problem(struct authzen_reply *reply, enum authzen_problem problem,
                       const char *format, ...)
{
    static const struct {
        const char *type;
        const char *title;
        unsigned status;
    } problems[] = {
        [AUTHZEN_NOT_REQUESTABLE] = {"not_requestable", "Access is not requestable", 400},
        [AUTHZEN_EXPIRED_DENIAL] = {"expired_denial", "The denial has expired", 410},
        [AUTHZEN_INVALID_DENIAL_BINDING] = {"invalid_denial_binding",
                                            "The request does not belong to a denial", 400},
        [AUTHZEN_DUPLICATE_REQUEST] = {"duplicate_request",
                                       "The Idempotency-Key belongs to another request", 409},
        [AUTHZEN_UNKNOWN_TASK] = {"unknown_task", "There is no such task", 404},
        [AUTHZEN_TASK_EXPIRED] = {"task_expired", "The task has expired", 410},
        [AUTHZEN_INVALID_TASK_STATE] = {"invalid_task_state", "The task is decided", 409},
    };
    struct json_out json;
    struct buffer type;
    struct buffer detail;
    va_list arguments;

    begin_refusal(reply, problems[problem].status, SLICE_LITERAL("application/problem+json"));
    buffer_init(&type);
    buffer_init(&detail);
    buffer_add_format(&type, PROBLEM_URN "%s", problems[problem].type);
    va_start(arguments, format);
    buffer_add_arguments(&detail, format, arguments);
    va_end(arguments);
    json = json_begin(&reply->body);
    json_open_map(&json, NULL);
    json_put_text(&json, "type", buffer_slice(&type));
    json_put_text(&json, "title", slice_of(problems[problem].title));
    json_put_unsigned(&json, "status", problems[problem].status);
    json_put_text(&json, "detail", buffer_slice(&detail));
    json_close_map(&json);
    buffer_release(&detail);
    buffer_release(&type);
}

unsigned
authzen_error_status(enum status status)
{
    const char *code = status_code(status);

    switch ((int)status) {
    case BEHALF_UNKNOWN_KEY:
        return 401;
    case BEHALF_ROLE_REQUIRED:
        return 403;
    case BEHALF_OVERLOADED:
        return 429;
    case BEHALF_REVISION_UNKNOWN: /* of `at_least`, or of a page's token */
    case BEHALF_REVISION_EXPIRED:
    case BEHALF_IDEMPOTENCY_KEY_REUSED:
        return 400;
    default:
        break;
    }
    if (strcmp(code, "INVALID_ARGUMENT") == 0)
        return 400;
    return strcmp(code, "UNAVAILABLE") == 0 ? 503 : 500;
}

void
authzen_refuse_error(struct authzen_reply *reply, const struct error *error)
{
    const char *message = error->message[0] != '\0' ? error->message : status_text(error->status);

    authzen_refuse(reply, authzen_error_status(error->status), "%s%s%s", message,
                   error->hint[0] != '\0' ? ": " : "", error->hint);
    if (error->status == BEHALF_OVERLOADED)
        reply->retry_after_s = RETRY_AFTER_S_MIN + error->retry_after_ms / 1000;
}

size_t
authzen_reply_fields(const struct authzen_reply *reply, struct slice request_id,
                     struct http_field fields[AUTHZEN_FIELDS_MAX], struct buffer *scratch)
{
    size_t count = 0;

    if (request_id.size > 0)
        fields[count++] = (struct http_field){SLICE_LITERAL("X-Request-ID"), request_id};
    if (reply->revision.text[0] != '\0')
        fields[count++] =
            (struct http_field){SLICE_LITERAL("Behalf-Revision"), slice_of(reply->revision.text)};
    if (reply->location.size > 0)
        fields[count++] =
            (struct http_field){SLICE_LITERAL("Location"), buffer_slice(&reply->location)};
    if (reply->status == 401)
        fields[count++] =
            (struct http_field){SLICE_LITERAL("WWW-Authenticate"), SLICE_LITERAL("Bearer")};
    if (reply->allow != NULL)
        fields[count++] = (struct http_field){SLICE_LITERAL("Allow"), slice_of(reply->allow)};
    if (reply->retry_after_s > 0) {
        buffer_clear(scratch);
        buffer_add_format(scratch, "%u", reply->retry_after_s);
        fields[count++] = (struct http_field){SLICE_LITERAL("Retry-After"), buffer_slice(scratch)};
    }
    return count;
}
