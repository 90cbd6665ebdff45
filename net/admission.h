/* admission.h - how many connections there may be: of all, of one address and of one key.
 *
 * Always true: each connection counts in the total, in at most one address and in at most one key;
 * a seat lives as long as a connection has it. The last `reserve` of the total are for
 * administration: the owner of the Unix socket, and who logs in with the role admin in time.
 * IPv6 counts by /64, which one host may fill with addresses; IPv4 mapped into it as IPv4.
 * Threads: any. */
#ifndef BEHALF_NET_ADMISSION_H
#define BEHALF_NET_ADMISSION_H

#include <pthread.h>

#include "base/slice.h"
#include "net/binding.h"

#define ADMISSION_BUCKETS 1024
#define ADMISSION_NAME_MAX 64

/* The connections of one address or key. */
struct seat {
    struct seat *next;
    unsigned count;
    unsigned name_size;
    char name[ADMISSION_NAME_MAX];
};

struct seats {
    pthread_mutex_t lock;
    unsigned most; /* of one name */
    struct seat *buckets[ADMISSION_BUCKETS];
};

void seats_init(struct seats *seats, unsigned most);
void seats_release(struct seats *seats); /* after all were given back */

/* NULL when the name has as many as it may. */
struct seat *seats_take(struct seats *seats, struct slice name);
void seats_give(struct seats *seats, struct seat *seat); /* accepts NULL */

struct admission {
    unsigned connections; /* of all */
    unsigned reserve;     /* of these, for administration */
    bool counts_loopback; /* by address */
    struct seats addresses;
    struct seats keys;
};

/* 0 = as limits.h has it; loopback counts by address only where `per_address` is given. */
void admission_init(struct admission *admission, unsigned connections, unsigned per_address,
                    unsigned per_key);
void admission_release(struct admission *admission);

/* What an address counts as, into `name`; empty: it does not. */
struct slice admission_origin(const struct admission *admission,
                              const union socket_address *address, char name[ADMISSION_NAME_MAX]);

#endif
