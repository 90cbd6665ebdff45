/* engine.c - what questions cost inside of the process, through engine.h, from strings.
 *
 * Method: everything asked is resident; a round asks its questions over and over for ROUND_NS of
 * the thread's own CPU time; a figure is the median of MICRO_ROUNDS rounds, in CPU time per
 * question, so that what else runs on the machine counts little. Every answer is compared. Two
 * threads against one are measured by the wall clock too, as waiting costs no CPU. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/datum.h"
#include "base/memory.h"
#include "bench/micro/micro_world.h"

#define ROUND_NS INT64_C(100000000)
#define ARENA_SIZE ((size_t)64 * 1024 * 1024)
#define QUESTIONS 1000
#define THREADS 2

#define USER_GROUP_DOCUMENT                                                                        \
    "definition user {}\n"                                                                         \
    "definition group {\n relation member: user | group#member\n}\n"                               \
    "definition document {\n relation viewer: user | group#member\n permission view = viewer\n}\n"

static void
print_row(const char *number, const char *what, double us, double target)
{
    (void)printf("%-4s %-62s %10.3f us", number, what, us);
    if (target > 0)
        (void)printf("   <= %-6g %s", target, us <= target ? "reached" : "missed");
    (void)putchar('\n');
    (void)fflush(stdout);
}

/* --- checks ----------------------------------------------------------------------------------- */

/* Microseconds of CPU a question. */
static double
round_us(struct engine_worker *worker, struct arena *arena, const struct micro_question *questions,
         size_t count)
{
    int64_t begun = micro_cpu_ns();
    uint64_t asked = 0;
    int64_t now;

    do {
        for (size_t index = 0; index < count; index++)
            micro_ask(worker, arena, &questions[index]);
        asked += count;
        now = micro_cpu_ns();
    } while (now - begun < ROUND_NS);
    return (double)(now - begun) / 1000.0 / (double)asked;
}

static double
check_us(struct micro_world *world, const struct micro_question *questions, size_t count)
{
    double rounds[MICRO_ROUNDS];
    struct arena arena;

    arena_init(&arena, ARENA_SIZE);
    (void)round_us(world->worker, &arena, questions, count); /* makes all of it resident */
    for (size_t round = 0; round < MICRO_ROUNDS; round++)
        rounds[round] = round_us(world->worker, &arena, questions, count);
    arena_release(&arena);
    return micro_median(rounds, MICRO_ROUNDS);
}

static void
check_text(struct micro_world *world, const char *number, const char *what, const char *text,
           enum decision expected, double target)
{
    struct micro_question question = {.expected = expected};

    micro_parse_check(slice_of(text), &question.check);
    print_row(number, what, check_us(world, &question, 1), target);
}

/* Random questions of a workload. */
static double
check_workload(const char *number, const char *what, const char *name, uint64_t size,
               size_t question_count, double target)
{
    struct micro_question *questions;
    struct micro_world world;
    struct workload workload;
    struct buffer text;
    double us;

    micro_world_load(&world, name, size, &workload);
    questions = micro_questions(&workload, question_count, &text);
    us = check_us(&world, questions, question_count);
    print_row(number, what, us, target);
    memory_free(questions);
    buffer_release(&text);
    micro_world_close(&world);
    return us;
}

static void
check_chain(void)
{
    struct micro_world world;
    struct workload workload;

    micro_world_load(&world, "deep-arrows", 1, &workload);
    check_text(&world, "N5", "30 parents up, allow", "document:0-0#view@user:0-0", DECISION_ALLOW,
               6);
    check_text(&world, "", "  deny", "document:0-0#view@user:0-1", DECISION_DENY, 6);
    micro_world_close(&world);
}

static void
check_wide_groups(void)
{
    struct micro_world world;
    struct workload workload;

    micro_world_load(&world, "wide-groups", 1, &workload);
    check_text(&world, "N5", "81 groups x 2 levels, allow", "document:0-0#view@user:0-160",
               DECISION_ALLOW, 4);
    check_text(&world, "", "  deny", "document:0-0#view@user:0-161", DECISION_DENY, 4);
    micro_world_close(&world);
}

/* A document shared with 10,000 groups, and a user in five of them, or of others. */
static void
check_many_groups(void)
{
    struct micro_world world;

    micro_world_open(&world, SLICE_LITERAL(USER_GROUP_DOCUMENT));
    for (unsigned group = 0; group < 10000; group++) {
        micro_world_put(&world, "document:d#viewer@group:g%u#member", group);
        micro_world_put(&world, "group:g%u#member@user:u%u", group, group);
    }
    for (unsigned group = 0; group < 5; group++) {
        micro_world_put(&world, "group:g%u#member@user:in", 2000 * group + 999);
        micro_world_put(&world, "group:other%u#member@user:out", group);
    }
    micro_world_flush(&world);
    check_text(&world, "N5", "10,000 groups against a member of five, allow",
               "document:d#view@user:in", DECISION_ALLOW, 3);
    check_text(&world, "", "  deny", "document:d#view@user:out", DECISION_DENY, 3);
    micro_world_close(&world);
}

/* The same check without a caveat, and with one that the stored context decides,
 * or the request's. */
static void
check_conditions(void)
{
    struct datum limit = {.kind = DATUM_INT, .as = {.integer = 3}};
    struct datum_field field = {SLICE_LITERAL("count"), &limit};
    struct datum context = {.kind = DATUM_MAP, .as = {.map = {&field, 1}}};
    struct micro_question question = {.expected = DECISION_ALLOW};
    struct micro_world world;
    double plain;
    double decided;

    micro_world_open(&world, SLICE_LITERAL("caveat below(count int, most int) { count < most }\n"
                                           "definition user {}\n"
                                           "definition document {\n"
                                           " relation viewer: user | user with below\n"
                                           " permission view = viewer\n}\n"));
    micro_world_put(&world, "document:d#viewer@user:plain");
    micro_world_put(&world, "document:d#viewer@user:bound[below:{\"most\":4}]");
    micro_world_flush(&world);
    micro_parse_check(SLICE_LITERAL("document:d#view@user:plain"), &question.check);
    plain = check_us(&world, &question, 1);
    print_row("", "one hop without a caveat", plain, 0);
    micro_parse_check(SLICE_LITERAL("document:d#view@user:bound"), &question.check);
    question.check.context = &context;
    decided = check_us(&world, &question, 1);
    print_row("", "  with one, decided by what is stored and what is asked", decided, 3 * plain);
    micro_world_close(&world);
}

/* Groups in groups: a chain of 50, and 200 such chains where each group holds two of the level
 * below, so that a walk from one at the top meets 1,275. */
static void
check_deep_groups(void)
{
    struct micro_world world;

    micro_world_open(&world, SLICE_LITERAL(USER_GROUP_DOCUMENT));
    for (unsigned level = 0; level < 49; level++)
        for (unsigned column = 0; column < 200; column++) {
            micro_world_put(&world, "group:g%u-%u#member@group:g%u-%u#member", level, column,
                            level + 1, column);
            micro_world_put(&world, "group:g%u-%u#member@group:g%u-%u#member", level, column,
                            level + 1, (column + 1) % 200);
        }
    for (unsigned column = 0; column < 200; column++)
        micro_world_put(&world, "group:g49-%u#member@user:u%u", column, column);
    micro_world_put(&world, "document:wide#viewer@group:g0-0#member");
    micro_world_put(&world, "document:deep#viewer@group:c0#member");
    for (unsigned level = 0; level < 49; level++)
        micro_world_put(&world, "group:c%u#member@group:c%u#member", level, level + 1);
    micro_world_put(&world, "group:c49#member@user:u0");
    micro_world_flush(&world);
    check_text(&world, "", "groups 50 deep, allow", "document:deep#view@user:u0", DECISION_ALLOW,
               0);
    check_text(&world, "", "  deny", "document:deep#view@user:u100", DECISION_DENY, 0);
    check_text(&world, "", "10,000 groups on 50 levels, each in two, allow",
               "document:wide#view@user:u49", DECISION_ALLOW, 0);
    check_text(&world, "", "  deny", "document:wide#view@user:u100", DECISION_DENY, 0);
    micro_world_close(&world);
}

/* --- two threads ------------------------------------------------------------------------------ */

struct engine_asker {
    pthread_t thread;
    struct engine_worker *worker;
    const struct micro_question *questions;
    pthread_barrier_t *start;
    uint64_t asked;
    int64_t wall_ns;
    int64_t cpu_ns;
};

static void *
ask_along(void *context)
{
    struct engine_asker *asker = context;
    struct arena arena;
    int64_t wall;
    int64_t cpu;

    arena_init(&arena, ARENA_SIZE);
    (void)pthread_barrier_wait(asker->start);
    wall = micro_wall_ns();
    cpu = micro_cpu_ns();
    while (micro_wall_ns() - wall < ROUND_NS) {
        for (size_t index = 0; index < QUESTIONS; index++)
            micro_ask(asker->worker, &arena, &asker->questions[index]);
        asker->asked += QUESTIONS;
    }
    asker->wall_ns = micro_wall_ns() - wall;
    asker->cpu_ns = micro_cpu_ns() - cpu;
    arena_release(&arena);
    return NULL;
}

/* Questions a second of all threads together, by the wall clock and by CPU time. */
static void
rate_of_threads(struct micro_world *world, const struct micro_question *questions, size_t threads,
                double *by_wall, double *by_cpu)
{
    struct engine_asker askers[THREADS];
    pthread_barrier_t start;

    *by_wall = 0;
    *by_cpu = 0;
    (void)pthread_barrier_init(&start, NULL, (unsigned)threads);
    for (size_t index = 0; index < threads; index++) {
        int problem;

        askers[index] = (struct engine_asker){.worker = engine_worker_new(world->engine, true),
                                              .questions = questions,
                                              .start = &start};
        problem = pthread_create(&askers[index].thread, NULL, ask_along, &askers[index]);
        BEHALF_ASSERT(problem == 0);
    }
    for (size_t index = 0; index < threads; index++) {
        (void)pthread_join(askers[index].thread, NULL);
        engine_worker_free(askers[index].worker);
        *by_wall += (double)askers[index].asked * 1e9 / (double)askers[index].wall_ns;
        *by_cpu += (double)askers[index].asked * 1e9 / (double)askers[index].cpu_ns;
    }
    (void)pthread_barrier_destroy(&start);
}

static void
two_threads(const char *name)
{
    double walls[MICRO_ROUNDS];
    double cpus[MICRO_ROUNDS];
    struct micro_question *questions;
    struct micro_world world;
    struct workload workload;
    struct buffer text;
    double ratio;

    micro_world_load(&world, name, 100000, &workload);
    questions = micro_questions(&workload, QUESTIONS, &text);
    for (size_t round = 0; round < MICRO_ROUNDS; round++) {
        double wall[2];
        double cpu[2];

        rate_of_threads(&world, questions, 1, &wall[0], &cpu[0]);
        rate_of_threads(&world, questions, THREADS, &wall[1], &cpu[1]);
        walls[round] = wall[1] / wall[0];
        cpus[round] = cpu[1] / cpu[0];
    }
    ratio = micro_median(walls, MICRO_ROUNDS);
    (void)printf("N8   two threads against one, %-12s %22.2f x     >= 1.7    %s; by CPU time "
                 "%.2f x\n",
                 name, ratio, ratio >= 1.7 ? "reached" : "missed",
                 micro_median(cpus, MICRO_ROUNDS));
    memory_free(questions);
    buffer_release(&text);
    micro_world_close(&world);
}

int
main(void)
{
    double small;
    double large;

    (void)printf("engine: CPU time a question, median of %d rounds\n", MICRO_ROUNDS);
    small = check_workload("N5", "one hop, 10,000 relationships", "one-hop", WORKLOAD_SMALL,
                           QUESTIONS, 0.3);
    check_chain();
    check_wide_groups();
    (void)check_workload("N5", "double-wide arrow", "double-wide-arrow", 1, QUESTIONS, 10);
    check_many_groups();
    check_conditions();
    (void)check_workload("N5", "9,000 direct viewers", "wide-direct", 1, QUESTIONS, 0.4);
    check_deep_groups();
    (void)check_workload("", "drive, 100,000 relationships", "drive", 100000, QUESTIONS, 0);
    two_threads("one-hop");
    two_threads("drive");
    large = check_workload("N12", "one hop, 1,000,000 relationships, 200,000 questions", "one-hop",
                           WORKLOAD_MEDIUM, 200 * QUESTIONS, 0);
    (void)printf("N12  cost of a check, 1,000,000 against 10,000 %32.1f x     <= 10     %s\n",
                 large / small, large / small <= 10 ? "reached" : "missed");
    return 0;
}
