/* frontiers.c - wide checks of several threads at once, whose walks are shared by a small pool,
 * while the graph changes under them.
 *
 * A document is shared with OUTER groups of INNER groups each. The writer puts one user into one of
 * the groups after the other, and takes him out again: at each revision it is known whether he may
 * view, and every answer is compared by its token. Some requests are cancelled on the way, which is
 * an error or, too late, the right answer. With a cache, with one too small, and with none. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "eval/limits.h"
#include "tests/support/harness.h"

#define OUTER 60
#define INNER 40
#define OTHERS ((LIMIT_WIDE_EDGES + 1024) * LIMIT_NARROW_FACTOR) /* groups that everybody is in */
#define WRITES 60
#define ASKERS 3
#define TEXT_SIZE 96

static const char schema[] = "definition user {}\n"
                             "definition group { relation member: user | group#member }\n"
                             "definition document {\n"
                             "    relation viewer: group#member\n"
                             "    relation owner: user\n"
                             "    permission view = viewer\n"
                             "    permission others = owner - viewer\n"
                             "}\n";

struct stress {
    struct harness_engine side;
    struct engine_token tokens[WRITES + 1]; /* at an even place the user is in no group */
    atomic_uint written;                    /* places that are filled */
    atomic_bool done;
    atomic_bool cancelled;
    atomic_uint answers;
    atomic_uint interrupted;
};

static _Noreturn void
give_up(const char *what, const struct error *error)
{
    fprintf(stderr, "frontiers: %s: %s\n", what, error->message);
    abort();
}

/* --- writing --- */

static struct engine_token
write_lines(struct stress *stress, enum update_op op, char (*lines)[TEXT_SIZE], size_t count)
{
    struct update *updates = memory_new_array(count, sizeof *updates);
    struct engine_token token;
    struct arena arena;
    struct error error;

    arena_init(&arena, SIZE_MAX);
    for (size_t at = 0; at < count; at++) {
        updates[at].op = op;
        if (relationship_parse(slice_of(lines[at]), &arena, &updates[at].relationship, &error) !=
            BEHALF_OK)
            give_up(lines[at], &error);
    }
    if (harness_write_updates(&stress->side, updates, count, &token, &error) != BEHALF_OK)
        give_up("write", &error);
    arena_release(&arena);
    memory_free(updates);
    return token;
}

static void
fill(struct stress *stress)
{
    char(*lines)[TEXT_SIZE] = memory_new_array(ENGINE_UPDATES_MAX, TEXT_SIZE);
    size_t count = 0;

    for (unsigned at = 0; at < OUTER * INNER + OTHERS; at++) {
        unsigned outer = at / INNER;
        unsigned inner = at % INNER;
        unsigned other = at - OUTER * INNER;

        if (count + 2 > ENGINE_UPDATES_MAX) {
            (void)write_lines(stress, UPDATE_TOUCH, lines, count);
            count = 0;
        }
        if (at < OUTER * INNER && inner == 0)
            (void)snprintf(lines[count++], TEXT_SIZE, "document:d#viewer@group:a%u#member", outer);
        if (at < OUTER * INNER)
            (void)snprintf(lines[count++], TEXT_SIZE, "group:a%u#member@group:b%u-%u#member", outer,
                           outer, inner);
        else
            (void)snprintf(lines[count++], TEXT_SIZE, "group:other%u#member@user:u", other);
    }
    (void)snprintf(lines[count++], TEXT_SIZE, "document:d#owner@user:u");
    stress->tokens[0] = write_lines(stress, UPDATE_TOUCH, lines, count);
    atomic_store(&stress->written, 1);
    memory_free(lines);
}

static void *
run_writer(void *context)
{
    struct stress *stress = context;

    for (unsigned at = 1; at <= WRITES; at++) {
        char line[1][TEXT_SIZE];
        unsigned place = at / 2;

        (void)snprintf(line[0], TEXT_SIZE, "group:b%u-%u#member@user:u", place * 7 % OUTER,
                       place * 11 % INNER);
        /* An odd one puts him where the even one before took him out of another. */
        if (at % 2 == 0)
            (void)snprintf(line[0], TEXT_SIZE, "group:b%u-%u#member@user:u",
                           (place - 1) * 7 % OUTER, (place - 1) * 11 % INNER);
        stress->tokens[at] =
            write_lines(stress, at % 2 == 1 ? UPDATE_CREATE : UPDATE_DELETE, line, 1);
        atomic_store(&stress->written, at + 1);
        atomic_store(&stress->cancelled, at % 3 == 0);
        while (atomic_load(&stress->answers) < 3 * at)
            nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    atomic_store(&stress->done, true);
    return NULL;
}

/* --- asking --- */

/* What was written last may be answered before its token is noted. */
static unsigned
place_of(struct stress *stress, const struct engine_token *token)
{
    for (;;) {
        unsigned written = atomic_load(&stress->written);

        for (unsigned at = written; at-- > 0;) {
            if (strcmp(stress->tokens[at].text, token->text) == 0)
                return at;
        }
        if (atomic_load(&stress->done) && written == atomic_load(&stress->written)) {
            fprintf(stderr, "frontiers: a token of no write: %s\n", token->text);
            abort();
        }
    }
}

static void
ask(struct stress *stress, struct engine_worker *worker, struct arena *arena, unsigned round)
{
    bool others = round % 2 == 1;
    struct engine_request request = {.arena = arena,
                                     .cancelled = round % 4 == 3 ? &stress->cancelled : NULL};
    struct check check = {.resource = {SLICE_LITERAL("document"), SLICE_LITERAL("d")},
                          .permission = others ? SLICE_LITERAL("others") : SLICE_LITERAL("view"),
                          .subject = {SLICE_LITERAL("user"), SLICE_LITERAL("u")}};
    struct check_result result;
    struct error error;
    enum status status;
    bool allowed;

    arena_reset(arena, SIZE_MAX);
    status = engine_check(worker, &request, &check, &result, &error);
    if (status == BEHALF_DEADLINE && request.cancelled != NULL) {
        atomic_fetch_add(&stress->interrupted, 1);
        return;
    }
    if (status != BEHALF_OK)
        give_up("check", &error);
    allowed = place_of(stress, &result.checked_at) % 2 == 1;
    BEHALF_ASSERT((result.decision == DECISION_ALLOW) == (allowed != others));
    BEHALF_ASSERT(result.decision != DECISION_CONDITIONAL);
    atomic_fetch_add(&stress->answers, 1);
}

static void *
run_asker(void *context)
{
    struct stress *stress = context;
    struct engine_worker *worker = engine_worker_new(stress->side.engine, true);
    struct arena arena;

    arena_init(&arena, SIZE_MAX);
    for (unsigned round = 0; !atomic_load(&stress->done); round++)
        ask(stress, worker, &arena, round);
    arena_release(&arena);
    engine_worker_free(worker);
    return NULL;
}

/* The same from the pool's own threads, which help each other and themselves. */
struct asking_job {
    struct engine_job job;
    struct stress *stress;
    atomic_bool done;
};

static void
run_job(struct engine_job *job, struct engine_worker *worker)
{
    struct asking_job *asking = (struct asking_job *)job;
    struct arena arena;

    arena_init(&arena, SIZE_MAX);
    for (unsigned round = 0; round < 4; round++)
        ask(asking->stress, worker, &arena, round);
    arena_release(&arena);
    atomic_store(&asking->done, true);
}

static void
run(size_t graph_memory_bytes)
{
    struct stress *stress = memory_new(sizeof *stress);
    pthread_t threads[ASKERS + 1];
    struct error error;

    harness_engine_open(&stress->side, graph_memory_bytes);
    if (harness_write_schema(&stress->side, slice_of(schema), &error) != BEHALF_OK)
        give_up("schema", &error);
    fill(stress);
    for (size_t at = 0; at <= ASKERS; at++) {
        int failure =
            pthread_create(&threads[at], NULL, at == ASKERS ? run_writer : run_asker, stress);

        BEHALF_ASSERT(failure == 0);
    }
    while (!atomic_load(&stress->done)) {
        struct asking_job asking = {.job = {.run = run_job}, .stress = stress};
        struct timespec moment = {.tv_nsec = 1000000};

        if (engine_submit(stress->side.engine, ENGINE_CLASS_CHECK, &asking.job, &error) !=
            BEHALF_OK)
            give_up("submit", &error);
        while (!atomic_load(&asking.done))
            nanosleep(&moment, NULL);
    }
    for (size_t at = 0; at <= ASKERS; at++)
        pthread_join(threads[at], NULL);
    printf("frontiers: budget %zu: %u answers right, %u interrupted\n", graph_memory_bytes,
           atomic_load(&stress->answers), atomic_load(&stress->interrupted));
    BEHALF_ASSERT(atomic_load(&stress->answers) > 0);
    harness_engine_close(&stress->side);
    memory_free(stress);
}

int
main(void)
{
    run(0);
    run((size_t)256 * 1024);
    run(1);
    return 0;
}
