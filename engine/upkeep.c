/* upkeep.c - the clock is watched and kept, with the times at which sessions were used; history is
 * trimmed, sweeps are timed. */
#include "engine/upkeep.h"

#include <inttypes.h>

#include "base/log.h"
#include "engine/seen.h"

#define CLOCK_KEPT_EVERY_NS (INT64_C(10) * 1000000000)
#define TRIM_EVERY_NS (INT64_C(60) * 1000000000)
#define TRIM_PART 4 /* of a retention that is shorter */
#define TRIM_OFTEN_NS INT64_C(1000000000)
#define CLOCK_KEPT_RARELY_NS (INT64_C(3600) * 1000000000) /* when nothing can expire */

static bool
can_expire(struct engine *engine)
{
    struct published *published = engine_published(engine);
    bool can = published->records_revision > 0 ||
               (published->binding != NULL && published->binding->schema->has_expirations);

    published_unref(published);
    return can;
}

static int64_t
trim_every(const struct engine *engine)
{
    int64_t part = engine->history_ns / TRIM_PART;

    if (engine->history_ns < 0 || part > TRIM_EVERY_NS)
        return TRIM_EVERY_NS;
    return part > TRIM_OFTEN_NS ? part : TRIM_OFTEN_NS;
}

void
upkeep_init(struct upkeep *upkeep, struct engine *engine)
{
    int64_t now = env_monotonic_ns(engine->env);

    *upkeep = (struct upkeep){
        .engine = engine,
        .state = ENGINE_CLOCK_AGREES,
        .keep_due_ns = now + CLOCK_KEPT_EVERY_NS,
        .sweep_due_ns = now + engine->sweep_every_ns,
        .trim_due_ns = now + trim_every(engine),
    };
}

static void
log_state(const struct clock_reading *reading)
{
    static const char *const events[] = {
        [ENGINE_CLOCK_AGREES] = "the clock is believed again",
        [ENGINE_CLOCK_AHEAD] = ("the clock ran ahead: expirations follow it, sweeping stops until "
                                "the clock is confirmed or rejected"),
        [ENGINE_CLOCK_REJECTED] = "the clock was rejected and is left out until it agrees again",
    };
    struct buffer wall;
    struct buffer trusted;

    buffer_init(&wall);
    buffer_init(&trusted);
    time_print(reading->wall, &wall);
    time_print(reading->trusted, &trusted);
    log_line(reading->state == ENGINE_CLOCK_AHEAD ? LOG_ERROR : LOG_WARN, events[reading->state],
             "clock=%.*s trusted=%.*s", SLICE_PRINTF(buffer_slice(&wall)),
             SLICE_PRINTF(buffer_slice(&trusted)));
    buffer_release(&trusted);
    buffer_release(&wall);
}

static void
keep_clock(struct upkeep *upkeep, const struct clock_reading *reading)
{
    const struct store_clock clock = clock_to_keep(reading);
    struct error error;
    bool failed = store_set_clock(upkeep->engine->store, &clock, &error) != BEHALF_OK;

    if (failed && !upkeep->keep_failed)
        log_line(LOG_WARN, "cannot keep the time", "reason=\"%s\"", error.message);
    upkeep->keep_failed = failed;
}

/* Durable with the next sync that anything needs: a time that is lost lets a session be idle
 * early. */
static void
keep_seen(struct upkeep *upkeep, bool all)
{
    struct engine *engine = upkeep->engine;
    struct error error;
    enum status status = seen_keep(engine->seen, env_monotonic_ns(engine->env), all, &error);
    bool failed = status != BEHALF_OK && status != BEHALF_DONE;

    if (failed && !upkeep->seen_failed)
        log_line(LOG_WARN, "cannot keep when sessions were used", "reason=\"%s\"", error.message);
    upkeep->seen_failed = failed;
}

/* Never by a clock that is not believed: what was given up does not come back. */
static void
trim_history(struct upkeep *upkeep, const struct clock_reading *reading)
{
    struct engine *engine = upkeep->engine;
    int64_t since = INT64_MIN;
    struct error error;
    bool failed;

    if (engine->history_ns >= 0 && reading->state == ENGINE_CLOCK_AGREES)
        since = reading->kept - engine->history_ns;
    failed = store_trim_history(engine->store, since, engine->history_bytes, &error) != BEHALF_OK;
    if (failed && !upkeep->trim_failed)
        log_line(LOG_WARN, "cannot give up old history", "reason=\"%s\"", error.message);
    upkeep->trim_failed = failed;
}

bool
upkeep_step(struct upkeep *upkeep)
{
    struct engine *engine = upkeep->engine;
    int64_t now = env_monotonic_ns(engine->env);
    struct clock_reading reading = clock_read(&engine->clock);
    bool changed = reading.state != upkeep->state;
    int64_t every = can_expire(engine) ? CLOCK_KEPT_EVERY_NS : CLOCK_KEPT_RARELY_NS;

    store_watch(engine->store);
    clock_settle(&engine->clock, &reading);
    upkeep->state = reading.state;
    if (changed)
        log_state(&reading);
    keep_seen(upkeep, false);
    /* A schema that has just learnt to expire does not wait for what was due before. */
    if (changed || now >= upkeep->keep_due_ns || upkeep->keep_due_ns > now + every) {
        upkeep->keep_due_ns = now + every;
        keep_clock(upkeep, &reading);
    }
    if (now >= upkeep->trim_due_ns) {
        upkeep->trim_due_ns = now + trim_every(engine);
        trim_history(upkeep, &reading);
    }
    return engine->sweep_every_ns > 0 && now >= upkeep->sweep_due_ns && can_expire(engine);
}

bool
upkeep_swept(struct upkeep *upkeep, const struct engine_write *sweep)
{
    bool failed = sweep->status != BEHALF_OK;
    bool more = !failed && !sweep->complete;

    upkeep->sweep_due_ns = env_monotonic_ns(upkeep->engine->env);
    if (!more)
        upkeep->sweep_due_ns += upkeep->engine->sweep_every_ns;
    if (failed && !upkeep->sweep_failed)
        log_line(LOG_WARN, "cannot sweep what expired", "reason=\"%s\"", sweep->error.message);
    upkeep->sweep_failed = failed;
    return more;
}

void
upkeep_end(struct upkeep *upkeep)
{
    struct clock_reading reading = clock_read(&upkeep->engine->clock);

    keep_seen(upkeep, true); /* before the clock, whose sync makes it durable */
    keep_clock(upkeep, &reading);
}
