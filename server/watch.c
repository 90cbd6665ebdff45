/* watch.c - one thread between signals and the watchdog. */
#include "server/watch.h"

#include <errno.h>
#include <time.h>

#include "base/log.h"
#include "engine/figures.h"

#define PINGS_IN_PERIOD 3 /* one that comes late is no death */

static bool
is_alive(const struct watch *watch)
{
    int64_t now = env_monotonic_ns(watch->env);
    int64_t period = watch->notify->watchdog_ns;

    return watch_is_alive(now, server_alive_ns(watch->server), period) &&
           watch_is_alive(now, engine_alive_ns(watch->engine), period);
}

/* The first silence is logged: the log is all that is left of a server that the manager ends. */
static void
ping(const struct watch *watch, bool *silent)
{
    bool alive = is_alive(watch);

    if (alive)
        notify_send(watch->notify, "WATCHDOG=1");
    else if (!*silent)
        log_line(LOG_ERROR, "a loop or the writer is stuck: the watchdog is not told otherwise",
                 "loops_ns=%lld writer_ns=%lld",
                 (long long)(env_monotonic_ns(watch->env) - server_alive_ns(watch->server)),
                 (long long)(env_monotonic_ns(watch->env) - engine_alive_ns(watch->engine)));
    *silent = !alive;
}

int
watch_wait(const struct watch *watch, const sigset_t *signals)
{
    int64_t pause = watch->notify->watchdog_ns / PINGS_IN_PERIOD;
    const struct timespec timeout = {pause / 1000000000, pause % 1000000000};
    bool silent = false;
    int which;

    do {
        if (pause > 0)
            ping(watch, &silent);
        which = pause > 0 ? sigtimedwait(signals, NULL, &timeout) : sigwaitinfo(signals, NULL);
    } while (which < 0);
    return which;
}
