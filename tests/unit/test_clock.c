/* test_clock.c - the time by which relationships expire, under clocks that step, stop and lie. */
#include <criterion/criterion.h>

#include "engine/clock.h"

#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)
#define YEAR (365 * 24 * HOUR)
#define START (INT64_C(1790000000) * SECOND)
#define WALKS 10000
#define WALK_STEPS 40

/* The truth, and what the clocks make of it. */
struct world {
    struct env env;
    int64_t truth;
    int64_t wall_offset;
    int64_t frozen_at; /* 0 = the wall clock runs */
    int64_t booted;    /* the monotonic clock began then */
};

static int64_t
world_wall(void *context)
{
    const struct world *world = context;

    return world->frozen_at != 0 ? world->frozen_at : world->truth + world->wall_offset;
}

static int64_t
world_monotonic(void *context)
{
    const struct world *world = context;

    return world->truth - world->booted;
}

static struct world
world_at(int64_t truth)
{
    return (struct world){
        .env = {.wall_ns = world_wall, .monotonic_ns = world_monotonic},
        .truth = truth,
        .booted = truth - 5 * SECOND,
    };
}

static void
begin(struct clock *clock, struct world *world, const struct store_clock *kept, int64_t head_ns)
{
    world->env.context = world;
    clock_init(clock, &world->env, kept, head_ns);
}

/* --- one step at a time --- */

Test(clock, follows_the_wall_clock_while_it_runs)
{
    struct world world = world_at(START);
    struct clock clock;
    struct clock_reading reading;

    begin(&clock, &world, NULL, 0);
    world.truth += 90 * SECOND;
    reading = clock_read(&clock);
    cr_assert_eq(reading.state, ENGINE_CLOCK_AGREES);
    cr_assert(reading.now == world.truth && reading.kept == world.truth);
    cr_assert(reading.trusted == world.truth && reading.wall == world.truth);
}

Test(clock, goes_on_where_the_wall_clock_steps_back_or_stands_still)
{
    static const int64_t steps[] = {-SECOND, -HOUR, -10 * YEAR, -100 * YEAR};

    for (size_t index = 0; index <= BEHALF_COUNT_OF(steps); index++) {
        struct world world = world_at(START);
        struct clock clock;
        struct clock_reading reading;

        begin(&clock, &world, NULL, 0);
        cr_assert_eq(clock_read(&clock).now, START);
        if (index < BEHALF_COUNT_OF(steps))
            world.wall_offset = steps[index];
        else
            world.frozen_at = START;
        world.truth += 7 * SECOND;
        reading = clock_read(&clock);
        cr_assert_eq(reading.state, ENGINE_CLOCK_AGREES);
        cr_assert_eq(reading.now, START + 7 * SECOND);
        cr_assert_eq(reading.kept, START + 7 * SECOND);
    }
}

Test(clock, believes_a_step_of_an_hour_and_sweeps_not_by_it)
{
    struct world world = world_at(START);
    struct clock clock;
    struct clock_reading reading;

    begin(&clock, &world, NULL, 0);
    world.wall_offset = HOUR;
    reading = clock_read(&clock);
    cr_assert_eq(reading.state, ENGINE_CLOCK_AGREES);
    cr_assert(reading.now == START + HOUR && reading.kept == START + HOUR);
    cr_assert_eq(reading.trusted, START);
    world.wall_offset = 0; /* what was answered with is not taken back */
    cr_assert_eq(clock_read(&clock).now, START + HOUR);
}

Test(clock, follows_a_longer_step_but_keeps_nothing_of_it)
{
    static const int64_t steps[] = {HOUR + 1, 10 * YEAR};

    for (size_t index = 0; index < BEHALF_COUNT_OF(steps); index++) {
        struct world world = world_at(START);
        struct clock clock;
        struct clock_reading reading;
        struct store_clock kept;

        begin(&clock, &world, NULL, 0);
        world.wall_offset = steps[index];
        world.truth += SECOND;
        reading = clock_read(&clock);
        cr_assert_eq(reading.state, ENGINE_CLOCK_AHEAD);
        cr_assert_eq(reading.now, START + SECOND + steps[index]);
        cr_assert(reading.kept == START + SECOND && reading.trusted == START + SECOND);
        kept = clock_to_keep(&reading);
        cr_assert(kept.floor_ns == START + SECOND && kept.ahead);
        world.wall_offset = 0; /* it came back by itself */
        reading = clock_read(&clock);
        cr_assert_eq(reading.state, ENGINE_CLOCK_AGREES);
        cr_assert_eq(reading.now, START + SECOND);
    }
}

Test(clock, steps_that_add_up_to_more_than_an_hour_are_one)
{
    struct world world = world_at(START);
    struct clock clock;

    begin(&clock, &world, NULL, 0);
    for (int step = 1; step <= 7; step++) {
        world.wall_offset += HOUR / 6;
        cr_assert_eq(clock_read(&clock).state,
                     step <= 6 ? ENGINE_CLOCK_AGREES : ENGINE_CLOCK_AHEAD);
    }
}

Test(clock, a_confirmed_step_is_the_time)
{
    struct world world = world_at(START);
    struct clock clock;
    struct clock_reading reading;

    begin(&clock, &world, NULL, 0);
    world.wall_offset = 5 * HOUR;
    cr_assert_eq(clock_read(&clock).state, ENGINE_CLOCK_AHEAD);
    reading = clock_confirm(&clock);
    cr_assert_eq(reading.state, ENGINE_CLOCK_AGREES);
    cr_assert(reading.kept == START + 5 * HOUR && reading.trusted == START + 5 * HOUR);
    world.wall_offset = 0;
    cr_assert_eq(clock_read(&clock).now, START + 5 * HOUR);
}

Test(clock, a_rejected_step_is_left_out_until_the_clocks_agree)
{
    struct world world = world_at(START);
    struct clock clock;
    struct clock_reading reading;

    begin(&clock, &world, NULL, 0);
    world.wall_offset = 10 * YEAR;
    reading = clock_reject(&clock);
    cr_assert_eq(reading.state, ENGINE_CLOCK_REJECTED);
    cr_assert(reading.now == START && reading.kept == START);
    world.truth += 2 * SECOND;
    cr_assert_eq(clock_read(&clock).now, START + 2 * SECOND);
    world.wall_offset = SECOND;
    reading = clock_read(&clock);
    cr_assert_eq(reading.state, ENGINE_CLOCK_AGREES);
    cr_assert_eq(reading.now, START + 3 * SECOND);
    clock_settle(&clock, &reading);
    world.wall_offset = 10 * YEAR; /* another step is another question */
    cr_assert_eq(clock_read(&clock).state, ENGINE_CLOCK_AHEAD);
}

Test(clock, a_rejection_can_be_taken_back)
{
    struct world world = world_at(START);
    struct clock clock;

    begin(&clock, &world, NULL, 0);
    world.wall_offset = 2 * HOUR;
    cr_assert_eq(clock_reject(&clock).state, ENGINE_CLOCK_REJECTED);
    cr_assert_eq(clock_confirm(&clock).state, ENGINE_CLOCK_AGREES);
    cr_assert_eq(clock_read(&clock).kept, START + 2 * HOUR);
}

Test(clock, nothing_is_decided_while_the_clocks_agree)
{
    struct world world = world_at(START);
    struct clock clock;

    begin(&clock, &world, NULL, 0);
    world.wall_offset = HOUR / 2;
    cr_assert_eq(clock_reject(&clock).state, ENGINE_CLOCK_AGREES);
    cr_assert_eq(clock_confirm(&clock).trusted, START);
}

/* --- starts --- */

Test(clock, a_start_never_goes_behind_what_was_answered_with)
{
    const struct store_clock kept = {.floor_ns = START + 100 * SECOND, .trusted_ns = START};
    struct world world = world_at(START + 10 * SECOND);
    struct clock clock;

    begin(&clock, &world, &kept, START + 20 * SECOND);
    cr_assert_eq(clock_read(&clock).now, START + 100 * SECOND);
    cr_assert_eq(clock_read(&clock).trusted, START + 10 * SECOND);
    begin(&clock, &world, &kept, START + 200 * SECOND);
    cr_assert_eq(clock_read(&clock).now, START + 200 * SECOND);
    begin(&clock, &world, NULL, START + 300 * SECOND);
    cr_assert_eq(clock_read(&clock).now, START + 300 * SECOND);
}

Test(clock, a_start_believes_the_clock_after_a_month_but_not_after_ten_years)
{
    static const struct {
        int64_t later;
        enum engine_clock_state state;
        bool trusted;
    } starts[] = {
        {-10 * YEAR, ENGINE_CLOCK_AGREES, false},
        {-HOUR - 1, ENGINE_CLOCK_AGREES, false},
        {-HOUR, ENGINE_CLOCK_AGREES, true},
        {30 * 24 * HOUR, ENGINE_CLOCK_AGREES, true},
        {30 * 24 * HOUR + 1, ENGINE_CLOCK_AHEAD, false},
        {10 * YEAR, ENGINE_CLOCK_AHEAD, false},
    };
    const struct store_clock kept = {.floor_ns = START, .trusted_ns = START};

    for (size_t index = 0; index < 2 * BEHALF_COUNT_OF(starts); index++) {
        int64_t wall = START + starts[index / 2].later;
        struct world world = world_at(wall);
        struct clock clock;
        struct clock_reading reading;

        begin(&clock, &world, index % 2 != 0 ? &kept : NULL, START);
        reading = clock_read(&clock);
        cr_assert_eq(reading.state, starts[index / 2].state, "start %zu", index);
        cr_assert_eq(reading.trusted, starts[index / 2].trusted ? wall : START, "start %zu", index);
        cr_assert_geq(reading.now, START);
    }
}

Test(clock, a_start_does_not_believe_a_clock_that_was_ahead_already)
{
    const struct store_clock ahead = {.floor_ns = START, .trusted_ns = START, .ahead = true};
    struct world world = world_at(START);
    struct clock clock;

    world.wall_offset = 5 * HOUR;
    begin(&clock, &world, &ahead, 0);
    cr_assert_eq(clock_read(&clock).state, ENGINE_CLOCK_AHEAD);
    world.wall_offset = SECOND;
    begin(&clock, &world, &ahead, 0);
    cr_assert_eq(clock_read(&clock).state, ENGINE_CLOCK_AGREES);
}

/* --- random walks --- */

static uint64_t
next_random(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    return digest_mix_u64(*state);
}

/* What may happen to a wall clock that is right in the beginning. */
static void
disturb(struct world *world, uint64_t *random)
{
    static const int64_t offsets[] = {
        0,     0,        SECOND,    -SECOND,   HOUR / 2,   -HOUR / 2,  HOUR,
        -HOUR, 2 * HOUR, -2 * HOUR, 10 * YEAR, -10 * YEAR, -90 * YEAR,
    };

    switch (next_random(random) % 4) {
    case 0:
        world->wall_offset = offsets[next_random(random) % BEHALF_COUNT_OF(offsets)];
        world->frozen_at = 0;
        break;
    case 1:
        world->frozen_at = world_wall(world);
        break;
    case 2:
        world->wall_offset += (int64_t)(next_random(random) % 100) * SECOND - 50 * SECOND;
        world->frozen_at = 0;
        break;
    default:
        break;
    }
}

/* A machine that was restarted with a clock that is right, or at worst slow after no time at all:
 * nobody could know better otherwise. */
static void
restart(struct clock *clock, struct world *world, uint64_t *random)
{
    struct clock_reading reading = clock_read(clock);
    const struct store_clock kept = clock_to_keep(&reading);

    world->frozen_at = 0;
    if (next_random(random) % 2 == 0) {
        world->wall_offset = 0;
        world->truth += (int64_t)(next_random(random) % 100) * HOUR / 10;
    } else if (world->wall_offset >= -HOUR) {
        world->wall_offset = 0;
    }
    world->booted = world->truth - SECOND;
    begin(clock, world, &kept, reading.kept);
    /* Down for more than an hour while the clock was in doubt: somebody has to say that it is right
     * now. */
    if (world->wall_offset == 0)
        (void)clock_confirm(clock);
}

/* The two promises: nothing is there after its end on the true timeline (now >= truth), and nothing
 * is swept before it (trusted <= truth). */
Test(clock, ten_thousand_walks_give_no_late_grant_and_no_early_sweep)
{
    uint64_t random = 7;
    size_t states[3] = {0};

    for (size_t walk = 0; walk < WALKS; walk++) {
        struct world world = world_at(START);
        struct clock clock;
        int64_t believed = 0;

        begin(&clock, &world, NULL, 0);
        for (size_t step = 0; step < WALK_STEPS; step++) {
            struct clock_reading reading;

            world.truth += (int64_t)(next_random(&random) % 600) * SECOND;
            disturb(&world, &random);
            if (next_random(&random) % 10 == 0)
                restart(&clock, &world, &random);
            if (next_random(&random) % 10 == 0 && world_wall(&world) > world.truth + HOUR)
                (void)clock_reject(&clock);
            reading = clock_read(&clock);
            clock_settle(&clock, &reading);
            states[reading.state]++;
            cr_assert_geq(reading.now, world.truth, "walk %zu, step %zu", walk, step);
            cr_assert(reading.state == ENGINE_CLOCK_AHEAD || reading.trusted <= world.truth,
                      "walk %zu, step %zu", walk, step);
            /* And what was believed once is never taken back, nor anything else kept. */
            cr_assert_geq(reading.kept, believed, "walk %zu, step %zu", walk, step);
            cr_assert_leq(reading.kept, world.truth + HOUR, "walk %zu, step %zu", walk, step);
            believed = reading.kept;
        }
    }
    for (size_t state = 0; state < BEHALF_COUNT_OF(states); state++)
        cr_assert_gt(states[state], WALKS);
}
