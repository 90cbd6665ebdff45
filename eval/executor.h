/* executor.h - interface to threads that may help with a parallel search.
 *
 * A share is a part of some work that its owner can also do alone. The owner offers it to idle
 * threads, continues its own work, and finally withdraws the shares that no thread has taken.
 *
 * Always true: a share that was offered is either run once or withdrawn. Its owner never depends on
 * it, and keeps its memory until then. An offer delays no request.
 * Threads: any thread may offer and withdraw; a share runs on a thread of the executor. */
#ifndef BEHALF_EVAL_EXECUTOR_H
#define BEHALF_EVAL_EXECUTOR_H

#include <stdbool.h>

struct arena;

struct executor_share {
    struct executor_share *next; /* the executor's, while it is offered */
    /* `scratch` is empty before, and is reset after. */
    void (*run)(struct executor_share *share, struct arena *scratch);
};

struct executor {
    unsigned thread_count;
    void (*offer)(struct executor *executor, struct executor_share *share);
    /* True: the share has not begun and never will. False: a thread has taken it. */
    bool (*withdraw)(struct executor *executor, struct executor_share *share);
    /* Whether requests wait for a thread, so that a helper should leave. An unlocked, approximate
     * read. */
    bool (*is_wanted)(const struct executor *executor);
};

#endif
