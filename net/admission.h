/* admission.h - how many connections there may be: of all, of one address and of one key.
 *
 * Always true: each connection counts in the total, in at most one address and in at most one key;
 * a seat lives as long as a connection has it. The last `reserve` of the total are for
 * administration: the owner of the Unix socket, and who logs in with the role admin in time.
 * Threads: any. */
#ifndef BEHALF_NET_ADMISSION_H
#define BEHALF_NET_ADMISSION_H

#include "base/seats.h"
#include "base/tcp.h"

struct admission {
    unsigned connections; /* of all */
    unsigned reserve;     /* of these, for administration */
    bool counts_loopback; /* by address */
    struct seats addresses;
    struct seats keys;
    struct seats streams; /* of each key, over all its connections */
};

/* 0 = as limits.h has it; loopback counts by address only where `per_address` is given. */
void admission_init(struct admission *admission, unsigned connections, unsigned per_address,
                    unsigned per_key);
void admission_release(struct admission *admission);

/* What an address counts as (tcp_origin), into `name`; empty: it does not. */
struct slice admission_origin(const struct admission *admission, const union tcp_address *address,
                              char name[static TCP_ORIGIN_SIZE]);

#endif
