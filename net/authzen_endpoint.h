/* authzen_endpoint.h - the endpoints of AuthZEN: the one table of them.
 * Threads: any; nothing changes. */
#ifndef BEHALF_NET_AUTHZEN_ENDPOINT_H
#define BEHALF_NET_AUTHZEN_ENDPOINT_H

#include "base/buffer.h"
#include "engine/engine.h"
#include "net/authzen_config.h"

enum authzen_endpoint {
    AUTHZEN_EVALUATION,
    AUTHZEN_EVALUATIONS,
    AUTHZEN_SEARCH_SUBJECT,
    AUTHZEN_SEARCH_RESOURCE,
    AUTHZEN_SEARCH_ACTION,
    AUTHZEN_METADATA,
};

/* False: nothing is at this path. The metadata have one path, by `policy_decision_point`. */
bool authzen_route(const struct authzen_config *config, struct slice path,
                   enum authzen_endpoint *endpoint);

/* Of all but the metadata: its path, the method of the protocol that answers the same question,
 * and the roles that may ask it, but ROLE_ADMIN. */
const char *authzen_path(enum authzen_endpoint endpoint);
const struct method *authzen_method(enum authzen_endpoint endpoint);

/* Where a request waits for a worker, and until when. */
enum engine_class authzen_class(enum authzen_endpoint endpoint, size_t body_size);
int64_t authzen_deadline_ns(enum authzen_endpoint endpoint, int64_t arrived_ns);

/* The metadata document; every URL in it begins with `policy_decision_point`. */
void authzen_put_metadata(const struct authzen_config *config, struct buffer *out);

#endif
