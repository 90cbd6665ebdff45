/* authzen_endpoint.h - the endpoints of AuthZEN: the one table of them.
 * Threads: any; nothing changes. */
#ifndef BEHALF_NET_AUTHZEN_ENDPOINT_H
#define BEHALF_NET_AUTHZEN_ENDPOINT_H

#include "base/buffer.h"
#include "engine/engine.h"
#include "http/http.h"
#include "net/authzen_config.h"

enum authzen_endpoint {
    AUTHZEN_EVALUATION,
    AUTHZEN_EVALUATIONS,
    AUTHZEN_SEARCH_SUBJECT,
    AUTHZEN_SEARCH_RESOURCE,
    AUTHZEN_SEARCH_ACTION,
    AUTHZEN_REQUESTS,       /* access is requested */
    AUTHZEN_REQUEST,        /* how a request stands */
    AUTHZEN_REQUEST_CANCEL, /* and its end */
    AUTHZEN_METADATA,
    AUTHZEN_NOWHERE, /* nothing is at the path */
    AUTHZEN_ENDPOINT_COUNT
};

/* Where a request goes. */
struct authzen_target {
    enum authzen_endpoint endpoint;
    struct slice task; /* of AUTHZEN_REQUEST and AUTHZEN_REQUEST_CANCEL: the id in the path */
};

/* False: nothing is at this path, and the endpoint is AUTHZEN_NOWHERE. The metadata have one path,
 * by `policy_decision_point`; access requests are there where authzen_takes_requests. */
bool authzen_route(const struct authzen_config *config, struct slice path,
                   struct authzen_target *target);

/* Its path, with {id} for that of a task; "other" for AUTHZEN_NOWHERE. */
const char *authzen_pattern(enum authzen_endpoint endpoint);

/* The methods of HTTP that it takes: "POST", or "GET, HEAD". */
const char *authzen_allows(enum authzen_endpoint endpoint);
/* Whether a request has a body of JSON: one that cancels may have none. */
bool authzen_has_body(enum authzen_endpoint endpoint, const struct http_request *request);

/* Of all but the metadata: the method of the protocol that answers the same question, and the roles
 * that may ask it, but ROLE_ADMIN. */
const struct method *authzen_method(enum authzen_endpoint endpoint);

/* The URL of a task, or, with an end, of what can be done with it. */
void authzen_put_task_url(const struct authzen_config *config, struct slice task, const char *end,
                          struct buffer *out);

/* Where a request waits for a worker, and until when. */
enum engine_class authzen_class(enum authzen_endpoint endpoint, size_t body_size);
int64_t authzen_deadline_ns(enum authzen_endpoint endpoint, int64_t arrived_ns);

/* The metadata document; every URL in it begins with `policy_decision_point`. */
void authzen_put_metadata(const struct authzen_config *config, struct buffer *out);

#endif
