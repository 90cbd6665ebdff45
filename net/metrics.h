/* metrics.h - all metrics of the server as one text.
 * Always true: reading takes no lock that a check takes, and walks neither graph nor store. No
 * object, id or key is named.
 * Threads: one that may wait for storage. */
#ifndef BEHALF_NET_METRICS_H
#define BEHALF_NET_METRICS_H

#include "base/buffer.h"
#include "net/http_side_reply.h"

enum status metrics_write(const struct http_side_state *state, struct buffer *out,
                          struct error *error) BEHALF_MUST_USE;

#endif
