/* spend.h - a check whose chain of grants has uses, between the pool and the writer.
 *
 * A thread of the pool decides that it would allow (BEHALF_MUST_SPEND), the writer takes the uses,
 * and a thread of the pool decides it again, which is the answer. No thread is held in between.
 * Always true: after spend_begin the job is run again, or `ended` is called, exactly once.
 * Memory: embedded in whoever has the job; what the check's delegation points to lives until then.
 * Threads: one at a time. `ended` runs on the writer's thread, that of its deadlines, or one of the
 * pool, and must not block. */
#ifndef BEHALF_NET_SPEND_H
#define BEHALF_NET_SPEND_H

#include <stdatomic.h>

#include "engine/agents.h"

struct spend {
    struct engine_use use;      /* of the check */
    struct engine_write *write; /* what takes them */
    struct engine *engine;
    struct engine_job *job;
    enum engine_class class;
    struct slice caller;     /* as of engine_write */
    const atomic_bool *gone; /* nobody wants the answer any more */
    /* `error` says why the job is not run again; NULL: nobody wants it. It is that of `write` when
     * the writer refused. */
    void (*ended)(struct spend *spend, const struct error *error);
};

/* Before the check is decided first; `write` is the caller's storage. */
void spend_init(struct spend *spend, struct engine_write *write);

/* Hands the uses to the writer: `engine`, `job`, `class`, `caller`, `gone` and
 * `ended` are set. When it is
 * refused, `ended` is not called. */
enum status spend_begin(struct spend *spend, struct engine_flow *flow,
                        struct error *error) BEHALF_MUST_USE;

/* Whoever repeats the call should know that it took a use. */
void spend_hint(const struct spend *spend, struct error *error);

#endif
