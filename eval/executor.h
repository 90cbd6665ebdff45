/* executor.h - threads that may join in a wide walk.
 *
 * A share is a part of some work that its owner can do alone. He offers it to threads without
 * anything better to do, goes on himself, and takes back what nobody has begun.
 *
 * Always true: a share that was offered is run once or was withdrawn; its owner never depends on
 * its being run, and keeps its memory until either. Offers delay nobody.
 * Threads: any may offer and withdraw; a share runs on a thread of the executor. */
#ifndef BEHALF_EVAL_EXECUTOR_H
#define BEHALF_EVAL_EXECUTOR_H

#include <stdbool.h>

struct arena;

struct executor_share {
    struct executor_share *next; /* the executor's, while it is offered */
    /* `scratch` is empty, and reset afterwards. */
    void (*run)(struct executor_share *share, struct arena *scratch);
};

struct executor {
    unsigned thread_count;
    void (*offer)(struct executor *executor, struct executor_share *share);
    /* True: the share was not begun and will not be. False: a thread has taken it. */
    bool (*withdraw)(struct executor *executor, struct executor_share *share);
    /* Whether requests wait for a thread: who helps should leave. A look, without a lock. */
    bool (*is_wanted)(const struct executor *executor);
};

#endif
