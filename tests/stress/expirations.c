/* expirations.c - relationships that expire while they are written, read and swept, under a wall
 * clock that jumps about.
 *
 * A reader looks at the time before and behind its read. What the read gives must not have expired
 * before it began, and what it leaves out must have expired when it ended: no sweep takes anything
 * away from a reader, and none leaves anything behind for one. Nobody ever sees the time go back,
 * whichever thread looked at it before. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "engine/engine.h"
#include "storage/store.h"

#define READERS 3
#define ROUNDS 200
#define DOCUMENTS 100
#define READS 60
#define MILLISECOND INT64_C(1000000)
#define SPAN (20 * MILLISECOND) /* the documents of a round expire within it */

static const char schema[] = "use expiration\n"
                             "definition user {}\n"
                             "definition document { relation viewer: user with expiration }\n";

struct stress {
    struct env env;
    atomic_int_fast64_t wall_shift;
    struct store *store;
    struct engine *engine;
    atomic_int_fast64_t latest; /* time that anybody saw */
    atomic_bool stop;

    /* One round: written before it is read. */
    struct update updates[DOCUMENTS];
    char ids[DOCUMENTS][8];
    int64_t expires_at[DOCUMENTS];
    pthread_barrier_t written;
    pthread_barrier_t read;
};

static int64_t
jumping_wall_ns(void *context)
{
    struct stress *stress = context;

    return env_wall_ns(env_system()) + atomic_load(&stress->wall_shift);
}

static int64_t
monotonic_ns(void *context)
{
    (void)context;
    return env_monotonic_ns(env_system());
}

static void
random_bytes(void *context, void *bytes, size_t size)
{
    (void)context;
    env_system()->random_bytes(env_system()->context, bytes, size);
}

/* The time as it stands, which is none that was already past. */
static int64_t
look(struct stress *stress)
{
    int_fast64_t before = atomic_load(&stress->latest);
    struct engine_clock clock;

    engine_clock_read(stress->engine, &clock);
    BEHALF_ASSERT(clock.state == ENGINE_CLOCK_AGREES && clock.now_ns >= before);
    while (before < clock.now_ns &&
           !atomic_compare_exchange_weak(&stress->latest, &before, clock.now_ns))
        continue;
    return clock.now_ns;
}

/* --- writing and sweeping --- */

static void
run_write(struct stress *stress, struct engine_write *write)
{
    struct error error;

    if (engine_write_wait(stress->engine, write, &error) != BEHALF_OK) {
        (void)fprintf(stderr, "expirations: %s\n", error.message);
        exit(1);
    }
}

static void
write_round(struct stress *stress, unsigned round)
{
    struct engine_write write = {
        .kind = WRITE_RELATIONSHIPS,
        .updates = stress->updates,
        .update_count = DOCUMENTS,
    };
    int64_t now = look(stress);

    for (unsigned index = 0; index < DOCUMENTS; index++) {
        struct relationship *relationship = &stress->updates[index].relationship;

        (void)snprintf(stress->ids[index], sizeof stress->ids[index], "%03u", index);
        stress->expires_at[index] = now + SPAN * (int64_t)((index * 37 + round) % DOCUMENTS) / 50;
        stress->updates[index].op = UPDATE_TOUCH;
        *relationship = (struct relationship){
            .resource = {.type = SLICE_LITERAL("document"),
                         .id = slice_of(stress->ids[index]),
                         .relation = SLICE_LITERAL("viewer")},
            .subject = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("ann")},
            .expires_at = stress->expires_at[index],
        };
    }
    run_write(stress, &write);
}

static void *
run_sweeper(void *argument)
{
    struct stress *stress = argument;

    while (!atomic_load(&stress->stop)) {
        struct engine_write sweep = {.kind = WRITE_SWEEP, .limit = 7};

        run_write(stress, &sweep);
    }
    return NULL;
}

/* Back by a year, ahead by a little, and right again. */
static void *
run_clock(void *argument)
{
    static const int64_t shifts[] = {MILLISECOND * -86400000 * 365, 0, 5 * MILLISECOND, 0};
    const struct timespec moment = {.tv_nsec = 300000};
    struct stress *stress = argument;

    for (size_t at = 0; !atomic_load(&stress->stop); at++) {
        (void)nanosleep(&moment, NULL);
        atomic_store(&stress->wall_shift, shifts[at % BEHALF_COUNT_OF(shifts)]);
    }
    return NULL;
}

/* --- reading --- */

static void
read_once(struct stress *stress, struct engine_worker *worker, struct arena *arena)
{
    const struct relationships_read read = {.filter.resource_type = SLICE_LITERAL("document")};
    struct engine_request request = {.arena = arena};
    struct relationships_read_result result;
    bool given[DOCUMENTS] = {false};
    struct error error;
    int64_t before;
    int64_t behind;

    arena_reset(arena, (size_t)1 << 24);
    before = look(stress);
    if (engine_relationships_read(worker, &request, &read, &result, &error) != BEHALF_OK) {
        (void)fprintf(stderr, "expirations: %s\n", error.message);
        exit(1);
    }
    behind = look(stress);
    BEHALF_ASSERT(result.complete);
    for (size_t index = 0; index < result.relationship_count; index++) {
        unsigned long document = strtoul(result.relationships[index].resource.id.data, NULL, 10);

        BEHALF_ASSERT(document < DOCUMENTS && !given[document]);
        given[document] = true;
    }
    for (size_t document = 0; document < DOCUMENTS; document++)
        BEHALF_ASSERT(given[document] ? stress->expires_at[document] > before
                                      : stress->expires_at[document] <= behind);
}

static void *
run_reader(void *argument)
{
    struct stress *stress = argument;
    struct engine_worker *worker = engine_worker_new(stress->engine, true);
    struct arena arena;

    arena_init(&arena, (size_t)1 << 24);
    for (unsigned round = 0; round < ROUNDS; round++) {
        (void)pthread_barrier_wait(&stress->written);
        for (unsigned read = 0; read < READS; read++)
            read_once(stress, worker, &arena);
        (void)pthread_barrier_wait(&stress->read);
    }
    arena_release(&arena);
    engine_worker_free(worker);
    return NULL;
}

/* --- all together --- */

static void
start(pthread_t *thread, void *(*run)(void *), struct stress *stress)
{
    int failure = pthread_create(thread, NULL, run, stress);

    BEHALF_ASSERT(failure == 0);
}

int
main(void)
{
    struct stress *stress = memory_new(sizeof *stress);
    struct store_options store_options = {.env = &stress->env};
    struct engine_options options = {.env = &stress->env, .workers = 1};
    struct engine_write write = {.kind = WRITE_SCHEMA, .schema_text = slice_of(schema)};
    pthread_t threads[READERS + 2];
    uint64_t revision;
    struct engine_info info;

    stress->env = (struct env){jumping_wall_ns, monotonic_ns, random_bytes, stress};
    BEHALF_ASSERT(store_open(&store_options, &stress->store, NULL) == BEHALF_OK);
    options.store = stress->store;
    BEHALF_ASSERT(engine_open(&options, &stress->engine, NULL) == BEHALF_OK);
    run_write(stress, &write);
    (void)pthread_barrier_init(&stress->written, NULL, READERS + 1);
    (void)pthread_barrier_init(&stress->read, NULL, READERS + 1);
    for (size_t at = 0; at < READERS; at++)
        start(&threads[at], run_reader, stress);
    start(&threads[READERS], run_sweeper, stress);
    start(&threads[READERS + 1], run_clock, stress);
    for (unsigned round = 0; round < ROUNDS; round++) {
        write_round(stress, round);
        (void)pthread_barrier_wait(&stress->written);
        (void)pthread_barrier_wait(&stress->read);
    }
    atomic_store(&stress->stop, true);
    for (size_t at = 0; at < BEHALF_COUNT_OF(threads); at++)
        (void)pthread_join(threads[at], NULL);
    BEHALF_ASSERT(engine_info_read(stress->engine, &info, NULL) == BEHALF_OK);
    revision = info.revision;
    engine_close(stress->engine);
    BEHALF_ASSERT(store_verify(stress->store, NULL) == BEHALF_OK);
    store_close(stress->store);
    (void)pthread_barrier_destroy(&stress->read);
    (void)pthread_barrier_destroy(&stress->written);
    memory_free(stress);
    BEHALF_ASSERT(revision > ROUNDS + 1); /* sweeps took revisions of their own */
    (void)printf("expirations: passed, %llu revisions\n", (unsigned long long)revision);
    return 0;
}
