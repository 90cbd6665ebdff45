/* clock.c - three clocks become one that nothing revived can slip through. */
#include "engine/clock.h"

static int64_t
later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Times before 1970 do not exist: differences of two times never overflow. */
static int64_t
read_wall(const struct clock *clock)
{
    return later(env_wall_ns(clock->env), 0);
}

/* Where the clocks begin: at the wall clock where it can be believed, else where they were left. */
static int64_t
first_trusted(int64_t wall, const struct store_clock *kept, int64_t head_ns)
{
    /* A commit is at most a step later than what was trusted when it was made. */
    int64_t last = head_ns - CLOCK_STEP_MAX_NS;
    int64_t ahead = CLOCK_DOWN_MAX_NS;

    if (kept == NULL && head_ns == 0)
        return wall;
    if (kept == NULL)
        last = head_ns;
    else if (kept->trusted_ns > last)
        last = kept->trusted_ns;
    if (kept != NULL && kept->ahead)
        ahead = CLOCK_STEP_MAX_NS;
    return wall - last < -CLOCK_STEP_MAX_NS || wall - last > ahead ? last : wall;
}

void
clock_init(struct clock *clock, const struct env *env, const struct store_clock *kept,
           int64_t head_ns)
{
    int64_t trusted;

    clock->env = env;
    trusted = first_trusted(read_wall(clock), kept, head_ns);
    atomic_init(&clock->trusted_offset, trusted - env_monotonic_ns(env));
    atomic_init(&clock->floor, kept == NULL ? head_ns : later(kept->floor_ns, head_ns));
    atomic_init(&clock->rejected, false);
}

static void
raise_floor(struct clock *clock, int64_t time)
{
    int_fast64_t floor = atomic_load(&clock->floor);

    while (floor < time && !atomic_compare_exchange_weak(&clock->floor, &floor, time))
        continue;
}

struct clock_reading
clock_read(struct clock *clock)
{
    /* The wall clock first: a pause between the two makes it look behind, never ahead. */
    int64_t wall = read_wall(clock);
    int64_t trusted = atomic_load(&clock->trusted_offset) + env_monotonic_ns(clock->env);
    struct clock_reading reading = {.wall = wall, .trusted = trusted};

    reading.kept = later(trusted, atomic_load(&clock->floor));
    if (wall - trusted <= CLOCK_STEP_MAX_NS) {
        reading.state = ENGINE_CLOCK_AGREES;
        reading.kept = later(reading.kept, wall);
    } else if (atomic_load(&clock->rejected)) {
        reading.state = ENGINE_CLOCK_REJECTED;
    } else {
        reading.state = ENGINE_CLOCK_AHEAD;
    }
    raise_floor(clock, reading.kept);
    reading.now = reading.state == ENGINE_CLOCK_AHEAD ? later(reading.kept, wall) : reading.kept;
    return reading;
}

struct clock_reading
clock_confirm(struct clock *clock)
{
    int64_t monotonic = env_monotonic_ns(clock->env);
    struct clock_reading reading = clock_read(clock);

    if (reading.state == ENGINE_CLOCK_AGREES)
        return reading;
    atomic_store(&clock->trusted_offset, reading.wall - monotonic);
    atomic_store(&clock->rejected, false);
    return clock_read(clock);
}

struct clock_reading
clock_reject(struct clock *clock)
{
    if (clock_read(clock).state == ENGINE_CLOCK_AHEAD)
        atomic_store(&clock->rejected, true);
    return clock_read(clock);
}

void
clock_settle(struct clock *clock, const struct clock_reading *reading)
{
    if (reading->state == ENGINE_CLOCK_AGREES)
        atomic_store(&clock->rejected, false);
}

struct store_clock
clock_to_keep(const struct clock_reading *reading)
{
    return (struct store_clock){
        .floor_ns = reading->kept,
        .trusted_ns = reading->trusted,
        .ahead = reading->state != ENGINE_CLOCK_AGREES,
    };
}
