/* seats.h - how many connections each address, or each key, has at the same time.
 * Always true: a name is kept while it has a seat; a seat lives until it is given back.
 * Threads: any. */
#ifndef BEHALF_BASE_SEATS_H
#define BEHALF_BASE_SEATS_H

#include <pthread.h>

#include "base/slice.h"

#define SEATS_BUCKETS 1024
#define SEATS_NAME_MAX 64

/* Who has some. */
struct seat {
    struct seat *next;
    unsigned count;
    unsigned name_size;
    char name[SEATS_NAME_MAX];
};

struct seats {
    pthread_mutex_t lock;
    unsigned most; /* of one name */
    struct seat *buckets[SEATS_BUCKETS];
};

void seats_init(struct seats *seats, unsigned most);
void seats_release(struct seats *seats); /* after all were given back */

/* NULL when the name has as many as it may. */
struct seat *seats_take(struct seats *seats, struct slice name);
void seats_give(struct seats *seats, struct seat *seat); /* accepts NULL */

#endif
