/* response.c - heads of replies. */
#include "http/response.h"

#include <stdio.h>

#include "http/characters.h"

const char *
response_reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t at = 0; at < BEHALF_COUNT_OF(reasons); at++)
        if (reasons[at].status == status)
            return reasons[at].reason;
    return "";
}

/* Written here, so that nobody else decides about them. */
static bool
is_reserved(struct slice name)
{
    static const struct slice names[] = {
        SLICE_ENTRY("content-length"),    SLICE_ENTRY("transfer-encoding"),
        SLICE_ENTRY("connection"),        SLICE_ENTRY("content-type"),
        SLICE_ENTRY("cache-control"),     SLICE_ENTRY("x-content-type-options"),
        SLICE_ENTRY("referrer-policy"),   SLICE_ENTRY("strict-transport-security"),
        SLICE_ENTRY("x-accel-buffering"),
    };

    for (size_t at = 0; at < BEHALF_COUNT_OF(names); at++)
        if (characters_equal(name, names[at]))
            return true;
    return false;
}

static bool
may_be_sent(const struct http_response *response)
{
    if (response->status < 200 || response->status > 599 || !characters_are_value(response->type))
        return false;
    for (size_t at = 0; at < response->field_count; at++) {
        const struct http_field *field = &response->fields[at];

        if (!characters_are_name(field->name) || !characters_are_value(field->value) ||
            is_reserved(field->name))
            return false;
    }
    return true;
}

static void
add_field(struct buffer *out, struct slice name, struct slice value)
{
    buffer_add_slice(out, name);
    buffer_add(out, ": ", 2);
    buffer_add_slice(out, value);
    buffer_add(out, "\r\n", 2);
}

/* RFC 9110 6.4.1: these have no content, whatever was asked. */
static bool
has_no_content(unsigned status)
{
    return status == 204 || status == 304;
}

static void
add_framing(struct buffer *out, const struct response_framing *framing,
            const struct http_response *response)
{
    if (framing->length == RESPONSE_CHUNKED)
        buffer_add_text(out, "Transfer-Encoding: chunked\r\n");
    else if (framing->length == RESPONSE_SIZED && !has_no_content(response->status))
        buffer_add_format(out, "Content-Length: %zu\r\n", response->body.size);
    if (framing->length != RESPONSE_SIZED)
        buffer_add_text(out, "X-Accel-Buffering: no\r\n");
    if (framing->closes)
        buffer_add_text(out, "Connection: close\r\n");
}

bool
response_write(struct buffer *out, const struct response_framing *framing,
               const struct http_response *response)
{
    if (!may_be_sent(response))
        return false;
    buffer_add_format(out, "HTTP/1.1 %u %s\r\n", response->status,
                      response_reason(response->status));
    if (response->type.size > 0)
        add_field(out, SLICE_LITERAL("Content-Type"), response->type);
    add_framing(out, framing, response);
    buffer_add_text(out, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
                         "Referrer-Policy: same-origin\r\n");
    if (framing->is_tls)
        buffer_add_text(out, "Strict-Transport-Security: max-age=31536000\r\n");
    for (size_t at = 0; at < response->field_count; at++)
        add_field(out, response->fields[at].name, response->fields[at].value);
    buffer_add(out, "\r\n", 2);
    if (framing->length == RESPONSE_SIZED && !framing->is_head && !has_no_content(response->status))
        buffer_add_slice(out, response->body);
    return true;
}

void
response_write_text(struct buffer *out, const struct response_framing *framing, unsigned status,
                    const char *why, const struct http_field *field)
{
    char line[256];
    int size = snprintf(line, sizeof line, "%s\n", why);
    struct http_response response = {
        .status = status,
        .type = SLICE_LITERAL("text/plain"),
        .fields = field,
        .field_count = field != NULL ? 1 : 0,
        .body = {line, (size_t)size < sizeof line ? (size_t)size : sizeof line - 1},
    };
    bool written = response_write(out, framing, &response);

    BEHALF_ASSERT(written);
}

void
response_write_chunk(struct buffer *out, struct slice bytes)
{
    BEHALF_ASSERT(bytes.size > 0); /* an empty chunk is the last one */
    buffer_add_format(out, "%zx\r\n", bytes.size);
    buffer_add_slice(out, bytes);
    buffer_add(out, "\r\n", 2);
}

void
response_write_last_chunk(struct buffer *out)
{
    buffer_add_text(out, "0\r\n\r\n");
}
