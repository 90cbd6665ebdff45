/* watch.h - waits for a signal, and meanwhile tells the service manager that the server is alive.
 *
 * Always true: the manager's watchdog hears of the server only while every loop and the writer had
 * a turn within the watchdog's period: a server that is stuck is started again.
 * Threads: the main thread. */
#ifndef BEHALF_SERVER_WATCH_H
#define BEHALF_SERVER_WATCH_H

#include <signal.h>
#include <stdbool.h>

#include "base/env.h"
#include "engine/engine.h"
#include "net/server.h"
#include "server/notify.h"

struct watch {
    const struct notify *notify;
    const struct env *env;
    const struct server *server; /* started */
    struct engine *engine;
};

/* The signal that came. */
int watch_wait(const struct watch *watch, const sigset_t *signals);

/* Whether what had its last turn then counts as alive. */
static inline bool
watch_is_alive(int64_t now_ns, int64_t last_turn_ns, int64_t period_ns)
{
    return now_ns - last_turn_ns <= period_ns;
}

#endif
