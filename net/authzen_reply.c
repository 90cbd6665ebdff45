/* authzen_reply.c - answers and refusals of AuthZEN. */
#include "net/authzen_reply.h"

#include <stdarg.h>
#include <string.h>

#define HTTP_OK 200
#define RETRY_AFTER_S_MIN 1

void
authzen_reply_init(struct authzen_reply *reply)
{
    *reply = (struct authzen_reply){.status = HTTP_OK};
    buffer_init(&reply->body);
}

void
authzen_reply_release(struct authzen_reply *reply)
{
    buffer_release(&reply->body);
}

void
authzen_refuse(struct authzen_reply *reply, unsigned status, const char *format, ...)
{
    va_list arguments;

    buffer_clear(&reply->body);
    va_start(arguments, format);
    buffer_add_arguments(&reply->body, format, arguments);
    va_end(arguments);
    buffer_add_byte(&reply->body, '\n');
    reply->status = status;
    reply->revision.text[0] = '\0';
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

struct slice
authzen_reply_type(const struct authzen_reply *reply)
{
    return reply->status == HTTP_OK ? SLICE_LITERAL("application/json")
                                    : SLICE_LITERAL("text/plain; charset=utf-8");
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
