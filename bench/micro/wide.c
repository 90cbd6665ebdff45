/* wide.c - what one wide check costs: from the cheaper side, and as a frontier of one and two
 * threads.
 *
 * A document is shared with 369 groups of 50 groups of 5 groups each; who asks is in none of them.
 * Method: each round asks once with the pool's only thread held, so that the asker is alone, and
 * once with it free. By the wall clock, the median of ROUNDS rounds; on a busy machine the asker's
 * own CPU time says more, as it is what the wall clock would show had each thread a core: of two,
 * each does half. Warm all is resident; cold the engine has just been opened and warms nothing up,
 * so that every set is loaded from the store on the way. The store is on disk, its files in the
 * system's memory. */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "bench/micro/micro_world.h"

#define ROUNDS 15
#define ARENA_SIZE ((size_t)1024 * 1024)
#define OUTER 369
#define INNER 50
#define LEAVES 5
#define KEYS (1 + OUTER * (1 + INNER * (1 + LEAVES)))
#define MANY 20000 /* groups of a user who cannot be asked from his side */

enum { ALONE, TOGETHER, WAYS };

static void
fill(struct micro_world *world)
{
    for (unsigned a = 0; a < OUTER; a++) {
        micro_world_put(world, "document:d#viewer@group:a%u#member", a);
        for (unsigned b = 0; b < INNER; b++) {
            micro_world_put(world, "group:a%u#member@group:b%u-%u#member", a, a, b);
            for (unsigned c = 0; c < LEAVES; c++) {
                micro_world_put(world, "group:b%u-%u#member@group:c%u-%u-%u#member", a, b, a, b, c);
                micro_world_put(world, "group:c%u-%u-%u#member@user:other", a, b, c);
            }
        }
    }
    for (unsigned group = 0; group < MANY; group++) {
        micro_world_put(world, "group:own%u#member@user:many", group);
        if (group < 10)
            micro_world_put(world, "group:own%u#member@user:few", group);
    }
    micro_world_flush(world);
}

/* --- one thread or two --- */

struct holder {
    struct engine_job job;
    pthread_barrier_t barrier; /* passed when it is held, and when it is let go */
};

static void
hold(struct engine_job *job, struct engine_worker *worker)
{
    struct holder *holder = (struct holder *)job;

    (void)worker;
    (void)pthread_barrier_wait(&holder->barrier);
    (void)pthread_barrier_wait(&holder->barrier);
}

struct wide_cost {
    double wall_ms;
    double cpu_ms;
};

static struct wide_cost
ask(struct micro_world *world, const struct micro_question *question)
{
    struct arena arena;
    int64_t cpu;
    int64_t wall;
    struct wide_cost cost;

    arena_init(&arena, ARENA_SIZE);
    cpu = micro_cpu_ns();
    wall = micro_wall_ns();
    micro_ask(world->worker, &arena, question);
    cost.wall_ms = (double)(micro_wall_ns() - wall) / 1e6;
    cost.cpu_ms = (double)(micro_cpu_ns() - cpu) / 1e6;
    arena_release(&arena);
    return cost;
}

static struct wide_cost
ask_alone(struct micro_world *world, const struct micro_question *question)
{
    struct holder holder = {.job = {.run = hold}};
    struct error error;
    struct wide_cost cost;

    (void)pthread_barrier_init(&holder.barrier, NULL, 2);
    micro_must("submit", engine_submit(world->engine, ENGINE_CLASS_CHECK, &holder.job, &error),
               &error);
    (void)pthread_barrier_wait(&holder.barrier);
    cost = ask(world, question);
    (void)pthread_barrier_wait(&holder.barrier);
    (void)pthread_barrier_destroy(&holder.barrier);
    return cost;
}

static void
reopen(struct micro_world *world)
{
    struct engine_options options = {.store = world->store,
                                     .env = env_system(),
                                     .workers = 1,
                                     .graph_memory_bytes = (size_t)4 << 30};
    struct error error;

    engine_worker_free(world->worker);
    engine_close(world->engine);
    micro_must("engine", engine_open(&options, &world->engine, &error), &error);
    world->worker = engine_worker_new(world->engine, true);
}

static void
print_wide(struct micro_world *world, const char *what, const char *question, bool cold)
{
    struct micro_question asked = {.expected = DECISION_DENY};
    double walls[WAYS][ROUNDS];
    double cpus[WAYS][ROUNDS];
    double wall[WAYS];
    double cpu[WAYS];

    micro_parse_check(slice_of(question), &asked.check);
    (void)ask_alone(world, &asked);
    for (size_t round = 0; round < ROUNDS; round++) {
        for (int way = ALONE; way < WAYS; way++) {
            struct wide_cost cost;

            if (cold)
                reopen(world);
            cost = way == ALONE ? ask_alone(world, &asked) : ask(world, &asked);
            walls[way][round] = cost.wall_ms;
            cpus[way][round] = cost.cpu_ms;
        }
    }
    for (int way = ALONE; way < WAYS; way++) {
        wall[way] = micro_median(walls[way], ROUNDS);
        cpu[way] = micro_median(cpus[way], ROUNDS);
    }
    (void)printf("%-48s wall %8.2f / %8.2f ms %5.2f x   asker's CPU %8.2f / %8.2f ms %5.2f x\n",
                 what, wall[ALONE], wall[TOGETHER], wall[ALONE] / wall[TOGETHER], cpu[ALONE],
                 cpu[TOGETHER], cpu[ALONE] / cpu[TOGETHER]);
    (void)fflush(stdout);
}

int
main(void)
{
    struct micro_directory directory = {.path = ""};
    struct micro_world world;

    micro_directory_make(&directory);
    micro_world_open_at(
        &world, &directory,
        SLICE_LITERAL("definition user {}\n"
                      "definition group {\n relation member: user | group#member\n}\n"
                      "definition document {\n relation viewer: group#member\n"
                      " permission view = viewer\n}\n"));
    fill(&world);
    (void)printf("wide: a deny over %d nodes, one thread / two, median of %d\n", KEYS, ROUNDS);
    print_wide(&world, "a user of ten groups, warm", "document:d#view@user:few", false);
    print_wide(&world, "a user of 20,000 groups, warm", "document:d#view@user:many", false);
    print_wide(&world, "  cold", "document:d#view@user:many", true);
    micro_world_close(&world);
    micro_directory_remove(&directory);
    return 0;
}
