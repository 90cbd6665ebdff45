/* http_watch_query.h - the query of GET /watch, read strictly.
 * Threads: pure functions. Memory: the arena's. */
#ifndef BEHALF_NET_HTTP_WATCH_QUERY_H
#define BEHALF_NET_HTTP_WATCH_QUERY_H

#include "engine/watch.h"

struct watch_query {
    struct slice from; /* empty = now */
    bool has_filter;
    struct relationship_filter filter;
};

/* `query` is what stands behind '?', with percent-encoding that is well-formed. MALFORMED_REQUEST:
 * an unknown parameter, one that stands twice or has no value, a name that is none. */
enum status watch_query_read(struct slice query, struct arena *arena, struct watch_query *read,
                             struct error *error) BEHALF_MUST_USE;

#endif
