/* The engine's warm-up: its thread, its note, its end. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/state.h"
#include "graph/warm.h"
#include "tests/support/harness.h"
#include "tests/support/kv_fault.h"
#include "tests/unit/test_store_support.h"

#define DOCUMENTS 200

static char path[64];

static void
make_path(void)
{
    store_test_directory(path);
}

static void
remove_path(void)
{
    store_test_directory_remove(path);
}

static void
open_side(struct harness_engine *side, struct store *store, enum engine_warm warm)
{
    struct engine_options options = {.store = store,
                                     .env = env_system(),
                                     .workers = 1,
                                     .graph_memory_bytes = (size_t)64 * 1024 * 1024,
                                     .warm = warm};
    struct error error;

    *side = (struct harness_engine){.store = store};
    cr_assert_eq(engine_open(&options, &side->engine, &error), BEHALF_OK, "%s", error.message);
    side->worker = engine_worker_new(side->engine, false);
    arena_init(&side->arena, (size_t)16 * 1024 * 1024);
}

static void
close_side(struct harness_engine *side)
{
    engine_worker_free(side->worker);
    engine_close(side->engine);
    arena_release(&side->arena);
}

static struct store *
open_store(void)
{
    struct store_options options = {.path = path, .env = env_system()};
    struct store *store = NULL;

    OK(store_open(&options, &store, &store_error));
    return store;
}

/* Documents "0" to "199", each with the viewer "u" and its number. */
static void
write_documents(struct harness_engine *side)
{
    struct update updates[DOCUMENTS];
    struct error error;

    cr_assert_eq(
        harness_write_schema(side,
                             SLICE_LITERAL("definition user {}\n"
                                           "definition document { relation viewer: user }\n"),
                             &error),
        BEHALF_OK, "%s", error.message);
    for (unsigned at = 0; at < DOCUMENTS; at++) {
        char text[64];

        (void)snprintf(text, sizeof text, "document:%u#viewer@user:u%u", at, at);
        updates[at].op = UPDATE_CREATE;
        cr_assert_eq(relationship_parse(arena_copy(&side->arena, slice_of(text)), &side->arena,
                                        &updates[at].relationship, &error),
                     BEHALF_OK);
    }
    cr_assert_eq(harness_write_updates(side, updates, DOCUMENTS, NULL, &error), BEHALF_OK, "%s",
                 error.message);
}

static struct engine_warming
warming_of(struct harness_engine *side)
{
    struct engine_stats stats;
    struct error error;

    cr_assert_eq(engine_stats_read(side->engine, &stats, &error), BEHALF_OK);
    return stats.warming;
}

/* As an event loop asks: what is not in memory is BEHALF_WOULD_BLOCK. */
static enum status
ask(struct harness_engine *side, unsigned document, enum decision *decision)
{
    struct engine_request request = harness_request(side, NULL);
    char resource[16];
    char subject[16];
    struct check check = {.permission = SLICE_LITERAL("viewer")};
    struct check_result result;
    struct error error;
    enum status status;

    (void)snprintf(resource, sizeof resource, "%u", document);
    (void)snprintf(subject, sizeof subject, "u%u", document);
    check.resource = (struct object){.type = SLICE_LITERAL("document"), .id = slice_of(resource)};
    check.subject = (struct object){.type = SLICE_LITERAL("user"), .id = slice_of(subject)};
    status = engine_check(side->worker, &request, &check, &result, &error);
    *decision = status == BEHALF_OK ? result.decision : DECISION_DENY;
    return status;
}

static struct engine_warming
wait_for_end(struct harness_engine *side)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    struct engine_warming warming = warming_of(side);

    while (warming.state == ENGINE_WARMING_HOT || warming.state == ENGINE_WARMING_ALL) {
        (void)nanosleep(&moment, NULL);
        warming = warming_of(side);
    }
    return warming;
}

static unsigned
answered_at_once(struct harness_engine *side)
{
    unsigned answered = 0;

    for (unsigned at = 0; at < DOCUMENTS; at++) {
        enum decision decision;
        enum status status = ask(side, at, &decision);

        cr_assert(status == BEHALF_OK || status == BEHALF_WOULD_BLOCK);
        if (status == BEHALF_OK)
            cr_assert_eq(decision, DECISION_ALLOW);
        answered += status == BEHALF_OK;
    }
    return answered;
}

Test(warming, after_a_start_everything_is_answered_without_storage, .init = make_path,
     .fini = remove_path)
{
    struct store *store = open_store();
    struct harness_engine side;
    struct engine_warming warming;

    open_side(&side, store, ENGINE_WARM_OFF);
    write_documents(&side);
    cr_assert_eq(warming_of(&side).state, ENGINE_WARMING_OFF);
    cr_assert_eq(answered_at_once(&side), 0);
    close_side(&side);
    open_side(&side, store, ENGINE_WARM_ALL);
    warming = wait_for_end(&side);
    cr_assert_eq(warming.state, ENGINE_WARMING_DONE);
    cr_assert_not(warming.full);
    cr_assert_eq(warming.sets, 2 * DOCUMENTS + 2, "with the two wildcards, which have none");
    cr_assert_eq(warming.edges, 2 * DOCUMENTS);
    cr_assert_eq(warming.names, 2 * DOCUMENTS);
    cr_assert_eq(answered_at_once(&side), DOCUMENTS);
    close_side(&side);
    store_close(store);
}

static void
write_more(struct harness_engine *side, unsigned from, unsigned count)
{
    struct arena arena;
    struct update *updates;
    struct error error;

    arena_init(&arena, SIZE_MAX / 2);
    updates = arena_take_array(&arena, count, sizeof *updates);
    for (unsigned at = 0; at < count; at++) {
        char text[64];

        (void)snprintf(text, sizeof text, "document:%u#viewer@user:u%u", from + at, from + at);
        updates[at].op = UPDATE_CREATE;
        cr_assert_eq(relationship_parse(arena_copy(&arena, slice_of(text)), &arena,
                                        &updates[at].relationship, &error),
                     BEHALF_OK);
    }
    cr_assert_eq(harness_write_updates(side, updates, count, NULL, &error), BEHALF_OK, "%s",
                 error.message);
    arena_release(&arena);
}

/* Half of what was there and a thousand more; less is left to those who ask. */
Test(warming, what_was_loaded_into_a_server_that_runs_is_warmed_up_too)
{
    const struct timespec moment = {.tv_nsec = 10000000};
    struct store *store = store_test_open(NULL);
    struct harness_engine side;
    enum decision decision;

    open_side(&side, store, ENGINE_WARM_ALL);
    write_documents(&side);
    (void)wait_for_end(&side);
    cr_assert_eq(ask(&side, 7, &decision), BEHALF_WOULD_BLOCK);
    write_more(&side, DOCUMENTS, 1000);
    while (warming_of(&side).sets < 2 * (DOCUMENTS + 1000)) /* or never, and the test is ended */
        (void)nanosleep(&moment, NULL);
    (void)wait_for_end(&side);
    cr_assert_eq(answered_at_once(&side), DOCUMENTS);
    cr_assert_eq(ask(&side, DOCUMENTS + 999, &decision), BEHALF_OK);
    cr_assert_eq(decision, DECISION_ALLOW);
    close_side(&side);
    store_close(store);
}

static void
ask_of_pool(struct harness_engine *side, unsigned from, unsigned to)
{
    engine_worker_free(side->worker);
    side->worker = engine_worker_new(side->engine, true);
    for (unsigned at = from; at < to; at++) {
        enum decision decision;

        cr_assert_eq(ask(side, at, &decision), BEHALF_OK);
        cr_assert_eq(decision, DECISION_ALLOW);
    }
    engine_worker_free(side->worker);
    side->worker = engine_worker_new(side->engine, false);
}

Test(warming, what_was_in_use_at_the_stop_is_in_memory_after_the_next_start, .init = make_path,
     .fini = remove_path)
{
    struct store *store = open_store();
    struct harness_engine side;
    enum decision decision;

    open_side(&side, store, ENGINE_WARM_HOT);
    write_documents(&side);
    ask_of_pool(&side, 50, 60);
    close_side(&side);
    store_close(store);
    for (unsigned life = 0; life < 3; life++) { /* also in lives in which nobody asks */
        store = open_store();
        open_side(&side, store, ENGINE_WARM_HOT);
        cr_assert_eq(wait_for_end(&side).sets, 10);
        if (life == 2) {
            cr_assert_eq(answered_at_once(&side), 10);
            cr_assert_eq(ask(&side, 55, &decision), BEHALF_OK);
            cr_assert_eq(ask(&side, 60, &decision), BEHALF_WOULD_BLOCK);
        }
        close_side(&side);
        store_close(store);
    }
}

Test(warming, a_damaged_note_is_in_the_way_of_nothing, .init = make_path, .fini = remove_path)
{
    struct store *store = open_store();
    struct harness_engine side;
    char file[128];

    open_side(&side, store, ENGINE_WARM_ALL);
    write_documents(&side);
    ask_of_pool(&side, 50, 60);
    close_side(&side);
    (void)snprintf(file, sizeof file, "%s/NOTE", path);
    cr_assert_eq(truncate(file, 30), 0);
    open_side(&side, store, ENGINE_WARM_ALL);
    cr_assert_eq(wait_for_end(&side).state, ENGINE_WARMING_DONE);
    cr_assert_eq(answered_at_once(&side), DOCUMENTS);
    close_side(&side);
    store_close(store);
}

Test(warming, a_close_breaks_it_off)
{
    struct store *store = store_test_open(NULL);
    struct harness_engine side;

    open_side(&side, store, ENGINE_WARM_OFF);
    write_documents(&side);
    close_side(&side);
    for (unsigned time = 0; time < 100; time++) {
        open_side(&side, store, ENGINE_WARM_ALL);
        if (time % 2 == 0)
            (void)answered_at_once(&side);
        close_side(&side);
    }
    store_close(store);
}

/* --- storage that fails --- */

static struct kv *below;
static struct kv_fault control;

static struct store *
open_failing(void)
{
    struct store_options options = {.env = env_system()};
    struct harness_engine side;
    struct store *store;

    control = (struct kv_fault){.status = BEHALF_STORAGE_FAILED};
    OK(kv_open_memory(&below, &store_error));
    OK(store_open_on(kv_fault_open(below, &control), &options, &store, &store_error));
    open_side(&side, store, ENGINE_WARM_OFF);
    write_documents(&side);
    close_side(&side);
    return store;
}

Test(warming, storage_that_fails_ends_it_and_nothing_else)
{
    const pthread_t self = pthread_self();
    struct store *store = open_failing();
    struct harness_engine side;

    control.home = &self;
    open_side(&side, store, ENGINE_WARM_ALL);
    cr_assert_eq(wait_for_end(&side).state, ENGINE_WARMING_FAILED);
    ask_of_pool(&side, 0, DOCUMENTS);
    close_side(&side);
    store_close(store);
    kv_close(below);
}

/* All steps, with the operation of that number failing. Whether it was reached. */
static bool
warm_with_failure(struct store *store, uint64_t fail_at)
{
    const atomic_bool cancelled = false;
    struct graph *graph = graph_new(store, (size_t)1 << 20);
    struct name_cache *names = name_cache_new(graph_readers(graph), (size_t)1 << 20);
    struct warm_up *warm_up = warm_up_new(&(struct warm_options){.graph = graph,
                                                                 .names = names,
                                                                 .store = store,
                                                                 .env = env_system(),
                                                                 .cancelled = &cancelled,
                                                                 .all = true});
    uint64_t revision = store_head_revision(store);
    struct warm_progress progress = {.state = WARM_NOTED};
    enum status status = BEHALF_OK;
    struct graph_stats stats;
    const char *reason;
    bool reached;

    control.operations = 0;
    control.fail_at = fail_at;
    while (status == BEHALF_OK && progress.state != WARM_DONE) {
        status = warm_up_step(warm_up, revision, &store_error);
        warm_up_progress(warm_up, &progress);
    }
    reached = control.operations >= fail_at;
    control.fail_at = 0;
    cr_assert_eq(status, reached ? BEHALF_STORAGE_FAILED : BEHALF_OK);
    graph_stats_read(graph, &stats);
    cr_assert_eq(stats.loading_count, 0);
    cr_assert_eq(stats.set_count + stats.empty_count, progress.sets);
    cr_assert(graph_validate(graph, &reason), "%s", reason);
    cr_assert(name_cache_validate(names, &reason), "%s", reason);
    warm_up_free(warm_up);
    name_cache_free(names);
    graph_free(graph);
    return reached;
}

Test(warming, whatever_operation_fails_what_was_loaded_before_is_right)
{
    struct store *store = open_failing();
    uint64_t at = 1;

    while (warm_with_failure(store, at))
        at += at < 100 ? 1 : 13;
    cr_assert_gt(at, 500);
    store_close(store);
    kv_close(below);
}
