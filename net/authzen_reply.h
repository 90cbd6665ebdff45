/* authzen_reply.h - the answer to one AuthZEN request, before it is HTTP.
 *
 * Always true: a reply is JSON with status 200 or 202, or with another status one line of text or
 * the problem of an access request. An error of the engine is never a decision.
 * Threads: none. Memory: authzen_reply_init, authzen_reply_release; texts are static storage. */
#ifndef BEHALF_NET_AUTHZEN_REPLY_H
#define BEHALF_NET_AUTHZEN_REPLY_H

#include "base/buffer.h"
#include "engine/engine.h"
#include "http/http.h"

/* The problems of the AuthZEN Access Request and Approval Profile. */
enum authzen_problem {
    AUTHZEN_NOT_REQUESTABLE,
    AUTHZEN_EXPIRED_DENIAL,
    AUTHZEN_INVALID_DENIAL_BINDING,
    AUTHZEN_DUPLICATE_REQUEST,
    AUTHZEN_UNKNOWN_TASK,
    AUTHZEN_TASK_EXPIRED,
    AUTHZEN_INVALID_TASK_STATE,
};

struct authzen_reply {
    unsigned status;   /* of HTTP */
    struct slice type; /* Content-Type */
    struct buffer body;
    struct buffer location;       /* of the field Location; empty = none */
    struct engine_token revision; /* of the field Behalf-Revision; empty text = none */
    uint32_t retry_after_s;       /* 0 = none */
    const char *allow;            /* methods, of a 405 */
};

void authzen_reply_init(struct authzen_reply *reply);
void authzen_reply_release(struct authzen_reply *reply);

/* Takes the place of what was written so far. The text is a line without its end. */
void authzen_refuse(struct authzen_reply *reply, unsigned status, const char *format, ...)
    BEHALF_PRINTF(3, 4);
/* The same as application/problem+json (RFC 9457), with the status that belongs to it. */
void authzen_refuse_problem(struct authzen_reply *reply, enum authzen_problem problem,
                            const char *format, ...) BEHALF_PRINTF(3, 4);
/* With the status that belongs to the error: 400 where the caller caused it, 429 where it may come
 * again, 503 where the service is not available, else 500. */
void authzen_refuse_error(struct authzen_reply *reply, const struct error *error);
unsigned authzen_error_status(enum status status);

/* The fields of the reply; `scratch` holds what they point to. `request_id` is what the request has
 * as X-Request-ID: empty = none, or not a good one. */
#define AUTHZEN_FIELDS_MAX 6
size_t authzen_reply_fields(const struct authzen_reply *reply, struct slice request_id,
                            struct http_field fields[AUTHZEN_FIELDS_MAX], struct buffer *scratch);

#endif
