/* bulk.c - what a check costs alone and in a bulk of 100, on every built-in shape.
 *
 * From the bytes of requests to those of replies, on one thread, in CPU time, without sockets: both
 * sides of a ratio are asked the same questions, each of a random object, in the order in which a
 * loop would: up to sixteen single checks at a time, looked at ahead; what a loop may not answer is
 * begun anew by a worker that may block. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bench/bench.h"
#include "bench/micro/micro_world.h"
#include "net/dispatch.h"
#include "net/frame.h"
#include "net/lookahead.h"

#define QUESTIONS 20000
#define ROUND_NS INT64_C(100000000)
#define ARENA_SIZE ((size_t)64 * 1024 * 1024)

struct asker {
    struct micro_world world;
    struct engine_worker *loop; /* that may not block */
    struct arena arena;
    struct buffer out;
};

static void
dispatch_one(struct asker *asker, struct slice frame, const struct engine_pair *ahead)
{
    struct method_context context = {.engine = asker->world.engine,
                                     .worker = asker->loop,
                                     .arena = &asker->arena,
                                     .arrived_ns = micro_wall_ns(),
                                     .caller = &key_of_all,
                                     .ahead = ahead};
    struct request request;

    arena_reset(&asker->arena, ARENA_SIZE);
    if (dispatch_frame(&context, frame, &request, &asker->out) == DISPATCH_REPLIED)
        return;
    context.worker = asker->world.worker;
    context.ahead = NULL;
    arena_reset(&asker->arena, ARENA_SIZE);
    if (dispatch_run(&context, &request, &asker->out) != DISPATCH_REPLIED)
        BEHALF_UNREACHABLE();
}

/* As many whole frames as a loop looks at together. */
static size_t
scan_window(struct slice bytes, struct slice *frames, size_t *count)
{
    size_t at = 0;

    *count = 0;
    while (at < bytes.size && *count < LIMIT_WINDOW) {
        struct frame_scanner scanner;

        frame_scanner_init(&scanner, LIMIT_MESSAGE_SIZE);
        if (frame_scan(&scanner, bytes.data + at, bytes.size - at) != FRAME_COMPLETE)
            BEHALF_UNREACHABLE();
        frames[(*count)++] = (struct slice){bytes.data + at, scanner.at};
        at += scanner.at;
    }
    return at;
}

static void
answer(struct asker *asker, struct slice bytes)
{
    struct slice frames[LIMIT_WINDOW];
    struct lookahead ahead;
    size_t at = 0;

    while (at < bytes.size) {
        size_t count;

        at += scan_window((struct slice){bytes.data + at, bytes.size - at}, frames, &count);
        buffer_clear(&asker->out);
        lookahead(asker->loop, frames, count, &ahead);
        for (size_t frame = 0; frame < count; frame++)
            dispatch_one(asker, frames[frame], ahead.of_frame[frame]);
    }
}

/* Nanoseconds of a check: the best of the rounds, as others use the caches too. */
static double
measure(struct asker *asker, const struct bench_requests *requests)
{
    double best = 0;

    for (unsigned round = 0; round <= MICRO_ROUNDS; round++) {
        int64_t begun = micro_cpu_ns();
        uint64_t answers = 0;
        double each;

        while (micro_cpu_ns() - begun < ROUND_NS) {
            answer(asker, buffer_slice(&requests->bytes));
            answers += requests->expected_count;
        }
        each = (double)(micro_cpu_ns() - begun) / (double)answers;
        if (round == 1 || (round > 0 && each < best)) /* the first one warms */
            best = each;
    }
    return best;
}

static bool
build(const struct workload *workload, enum bench_method method, struct bench_deck *deck)
{
    const struct bench_options options = {.questions = QUESTIONS, .batch = 100, .updates = 1};
    struct bench_mix mix = {.total = 1};

    mix.weights[method] = 1;
    return bench_deck_build(&options, workload, &mix, deck);
}

static void
measure_shape(const char *name, uint64_t size)
{
    struct workload workload;
    struct asker asker;
    struct bench_deck single;
    struct bench_deck bulk;
    double alone;
    double together;

    micro_world_load(&asker.world, name, size, &workload);
    asker.loop = engine_worker_new(asker.world.engine, false);
    arena_init(&asker.arena, ARENA_SIZE);
    buffer_init(&asker.out);
    if (!build(&workload, METHOD_CHECK, &single) || !build(&workload, METHOD_CHECK_BULK, &bulk))
        exit(1);
    alone = measure(&asker, &single.methods[METHOD_CHECK]);
    together = measure(&asker, &bulk.methods[METHOD_CHECK_BULK]);
    (void)printf("%-20s %10.0f ns alone %10.0f ns in a bulk %8.2f x\n", name, alone, together,
                 alone / together);
    (void)fflush(stdout);
    bench_deck_release(&single);
    bench_deck_release(&bulk);
    buffer_release(&asker.out);
    arena_release(&asker.arena);
    engine_worker_free(asker.loop);
    micro_world_close(&asker.world);
}

/* bulk [RELATIONSHIPS [SHAPE]] */
int
main(int argument_count, char **arguments)
{
    static const char *const names[] = {
        "one-hop",
        "drive",
        "github",
        "agents",
        "delegated",
        "wide-groups",
        "deep-arrows",
        "wide-direct",
        "double-wide-arrow",
        "lookup-intersection",
        "share-with",
    };
    uint64_t size = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : WORKLOAD_SMALL;

    (void)printf("bulk: CPU time of a check, %llu relationships, best of %d rounds\n",
                 (unsigned long long)size, MICRO_ROUNDS);
    for (size_t at = 0; at < BEHALF_COUNT_OF(names); at++)
        if (argument_count < 3 || strcmp(arguments[2], names[at]) == 0)
            measure_shape(names[at], size);
    return 0;
}
