/* http_watch.h - GET /watch: what is committed, as server-sent events.
 *
 * Parameters, each at most once: `from` (a token; Last-Event-ID goes before it), and those of a
 * filter: resource_type, resource_id, resource_id_prefix, relation, subject_type, subject_id ("*" =
 * the wildcard), subject_relation (empty = plain subjects). Events: docs/protocol.md, "watch".
 *
 * Always true: one thread reads for all streams, a batch of LIMIT_STREAM_BATCH for each in turn,
 * so they cost checks nothing and wait for one another. Nothing is read for a stream of which
 * LIMIT_STREAM_OUTPUT was not taken by its socket. At most HTTP_WATCH_STREAMS at a time: above,
 * 503.
 * Threads: open, stop and close by one; handle and gone by the HTTP loop. An exchange belongs to
 * the watch's thread from its message on. */
#ifndef BEHALF_NET_HTTP_WATCH_H
#define BEHALF_NET_HTTP_WATCH_H

#include "http/http.h"

struct engine;
struct http_watch;
struct keys;

#define HTTP_WATCH_PATH SLICE_LITERAL("/watch")
#define HTTP_WATCH_STREAMS 16

struct http_watch_options {
    const struct env *env;
    struct engine *engine;
    struct keys *keys; /* NULL = nobody is asked */
};

enum status http_watch_open(const struct http_watch_options *options, struct http_watch **watch,
                            struct error *error) BEHALF_MUST_USE;
/* Answers an exchange of the path; never waits. */
void http_watch_handle(struct http_watch *watch, struct http_exchange *exchange);
void http_watch_gone(struct http_watch *watch);
/* Ends all streams with SERVER_STOPPING, and refuses others. Does not wait. */
void http_watch_stop(struct http_watch *watch);
/* Joins the thread, when its exchanges are answered. */
void http_watch_close(struct http_watch *watch); /* accepts NULL */

#endif
