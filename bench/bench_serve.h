/* bench_serve.h - a server of the load tool's own, over a directory that goes with it.
 * Always true: where the machine has two cores, the server has one and this process the other, so
 * that neither is measured through the other's hunger.
 * Threads: start before making any; until stop one waits for SIGINT and SIGTERM, and on these
 * removes the directory and ends the program. Memory: the struct stays where it is until
 * bench_serve_stop, which ends the server and removes the directory, whatever state they are in.
 * Errors: false, after saying on standard error why. */
#ifndef BEHALF_BENCH_SERVE_H
#define BEHALF_BENCH_SERVE_H

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/check.h"

/* What a server is given besides. */
struct bench_serve_more {
    const char *const *arguments; /* at most 8, NULL behind the last */
    const char *directory;        /* of files for it; removed with its own */
};

struct bench_server {
    const char *program; /* NULL = behalfd beside this program */
    const char *graph_memory;
    const struct bench_serve_more *more;
    char directory[256];
    char endpoint[128];
    pid_t process;   /* 0 = none */
    cpu_set_t cores; /* that this program was given */
    pthread_t watcher;
    bool watched;
};

/* Makes the directory and starts a server with one event loop. `more` outlives it; NULL =
 * nothing. */
bool bench_serve_start(struct bench_server *server, const char *program, const char *graph_memory,
                       const struct bench_serve_more *more) BEHALF_MUST_USE;

/* Ends the server by `signal_number` and waits until it has ended; the directory stays. */
void bench_serve_end(struct bench_server *server, int signal_number);
/* Starts another one over the same directory; returns when it is ready. */
bool bench_serve_restart(struct bench_server *server) BEHALF_MUST_USE;

void bench_serve_stop(struct bench_server *server);

/* Resident memory and bytes on disk; 0 when unknown. */
uint64_t bench_serve_resident_bytes(const struct bench_server *server);
uint64_t bench_serve_disk_bytes(const struct bench_server *server);
/* What a crash would leave to be replayed. */
uint64_t bench_serve_log_bytes(const struct bench_server *server);

/* CPU time of its threads at a moment. */
#define BENCH_THREADS_MAX 64

struct bench_threads {
    size_t count;
    pid_t threads[BENCH_THREADS_MAX];
    int64_t cpu_ns[BENCH_THREADS_MAX];
};

void bench_serve_threads(const struct bench_server *server, struct bench_threads *threads);

/* CPU nanoseconds since then of the thread that used most: while checks are asked,
 * the event loop. */
int64_t bench_serve_busiest_ns(const struct bench_server *server,
                               const struct bench_threads *since);

#endif
