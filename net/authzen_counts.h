/* authzen_counts.h - what is counted of AuthZEN requests for /metrics.
 *
 * Always true: a request that reached AuthZEN is counted once, when it is answered, by where it
 * went and the status of its reply; a key that was shown is counted once. No key is named.
 * Threads: any. */
#ifndef BEHALF_NET_AUTHZEN_COUNTS_H
#define BEHALF_NET_AUTHZEN_COUNTS_H

#include <stdatomic.h>

#include "net/authzen_endpoint.h"

#define AUTHZEN_STATUS_COUNT 14

struct authzen_counts { /* zeros at first */
    _Atomic uint64_t replies[AUTHZEN_ENDPOINT_COUNT][AUTHZEN_STATUS_COUNT];
    _Atomic uint64_t keys_known;
    _Atomic uint64_t keys_unknown;
};

void authzen_count_reply(struct authzen_counts *counts, enum authzen_endpoint endpoint,
                         unsigned status);

/* The status of a column; 0 = another one. */
unsigned authzen_counted_status(size_t column);

#endif
