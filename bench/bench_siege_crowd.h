/* bench_siege_crowd.h - many connections that use a server badly, or not at all.
 * Threads: one of its own from crowd_open to crowd_close, spread evenly over each second so that
 * it is never a burst. Memory: a crowd stays where it is between the two. */
#ifndef BEHALF_BENCH_BENCH_SIEGE_CROWD_H
#define BEHALF_BENCH_BENCH_SIEGE_CROWD_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/check.h"
#include "base/slice.h"

enum crowd_kind {
    CROWD_IDLE,        /* sends nothing */
    CROWD_SLOW_READER, /* sends `requests` at once and reads one byte a second */
    CROWD_SLOW_SENDER, /* begins a frame and sends one byte a second of it */
};

struct crowd {
    enum crowd_kind kind;
    int *descriptors;
    uint32_t count;
    pthread_t thread;
    bool driven;
    atomic_bool stop;
};

/* Connects `count` times to ADDRESS:PORT (IPv4). False after saying why; to be closed even then. */
bool crowd_open(struct crowd *crowd, enum crowd_kind kind, const char *endpoint, uint32_t count,
                struct slice requests) BEHALF_MUST_USE;
/* Those that the server has not closed. */
uint32_t crowd_standing(const struct crowd *crowd);
void crowd_close(struct crowd *crowd);

#endif
