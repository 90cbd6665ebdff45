/* Wide checks: answers found on a frontier are those of the evaluation, whoever helps, and whatever
 * ends the walk of one thread is the error of the question. */
#include <criterion/criterion.h>

#include <stdarg.h>
#include <stdio.h>

#include "eval/frontier.h"
#include "eval/limits.h"
#include "engine/limits.h"
#include "engine/request.h"
#include "storage/store_internal.h"
#include "tests/support/harness.h"
#include "tests/support/kv_fault.h"

#define WORKERS 3
#define OUTER 100
#define INNER 50 /* groups in each of the outer ones */
#define FAN 8    /* of the tree of others: less than a batch */
#define TEXT_SIZE 96

/* With batches of an edge or two each walk asks its ranges, and the subject's side, more often. */
#ifdef BEHALF_SHRUNK
#define SLACK 16
#else
#define SLACK 1
#endif

/* Groups that hold everybody but user:few: more than are looked at from the subject's side. */
#define OTHERS ((LIMIT_WIDE_EDGES + 1024) * LIMIT_NARROW_FACTOR)

static const char plain_schema[] = "definition user {}\n"
                                   "definition group { relation member: user | group#member }\n"
                                   "definition document {\n"
                                   "    relation viewer: user | group#member\n"
                                   "    relation reader: user\n"
                                   "    permission view = viewer\n"
                                   "    permission less = reader - viewer\n"
                                   "    permission both = reader & viewer\n"
                                   "    permission either = both + view\n"
                                   "}\n";

static const char special_schema[] =
    "caveat if_open(open bool) { open }\n"
    "definition user {}\n"
    "definition group { relation member: user | user with if_open | group#member }\n"
    "definition document {\n"
    "    relation viewer: user | group#member\n"
    "    relation reader: user\n"
    "    permission view = viewer\n"
    "}\n";

static struct kv *below;
static struct kv_fault control;
static struct harness_engine side;
static struct snapshot snapshot;
static struct eval eval;
static struct engine_request request;

/* --- the clock: something happens at one look at it, and at those that follow --- */

static atomic_uint_fast64_t looks;
static atomic_uint_fast64_t trap_at; /* 0 = never */
static atomic_bool cancelled;
static bool cancels;

static int64_t
trapped_monotonic_ns(void *context)
{
    int64_t now = env_monotonic_ns(env_system());
    uint64_t at = atomic_load(&trap_at);

    (void)context;
    if (at == 0 || atomic_fetch_add(&looks, 1) + 1 < at)
        return now;
    if (cancels)
        atomic_store(&cancelled, true);
    return cancels ? now : now + INT64_C(1000000000000);
}

static int64_t
wall_ns(void *context)
{
    (void)context;
    return env_wall_ns(env_system());
}

static void
random_bytes(void *context, void *bytes, size_t size)
{
    (void)context;
    env_system()->random_bytes(env_system()->context, bytes, size);
}

/* --- a world --- */

static struct update updates[ENGINE_UPDATES_MAX];
static char texts[ENGINE_UPDATES_MAX][TEXT_SIZE];
static size_t update_count;

static void
flush(void)
{
    struct error error;

    cr_assert_eq(harness_write_updates(&side, updates, update_count, NULL, &error), BEHALF_OK, "%s",
                 error.message);
    update_count = 0;
    arena_reset(&side.arena, SIZE_MAX);
}

static void BEHALF_PRINTF(2, 3) change(enum update_op op, const char *format, ...)
{
    char *text = texts[update_count];
    struct error error;
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, TEXT_SIZE, format, arguments);
    va_end(arguments);
    updates[update_count].op = op;
    cr_assert_eq(relationship_parse(slice_of(text), &side.arena,
                                    &updates[update_count].relationship, &error),
                 BEHALF_OK, "%s: %s", text, error.message);
    if (++update_count == ENGINE_UPDATES_MAX)
        flush();
}

#define PUT(...) change(UPDATE_TOUCH, __VA_ARGS__)

/* document:wide is shared with OUTER groups of INNER groups each, document:half with half of them.
 * In the middle stands the one that holds user:in: a walk has to be wide to come there, and a
 * frontier begins at the other end. */
static void
fill(void)
{
    for (unsigned outer = 0; outer < OUTER; outer++) {
        PUT("document:wide#viewer@group:a%u#member", outer);
        if (outer < OUTER / 2)
            PUT("document:half#viewer@group:a%u#member", outer);
        for (unsigned inner = 0; inner < INNER; inner++)
            PUT("group:a%u#member@group:b%u-%u#member", outer, outer, inner);
    }
    PUT("group:b%u-%u#member@user:in", OUTER / 2, INNER - 1);
    PUT("group:b%u-%u#member@user:few", OUTER / 2, INNER - 1);
    for (unsigned other = 1; other < OTHERS; other++)
        PUT("group:other%u#member@group:other%u#member", other, other / FAN);
    PUT("document:late#viewer@group:a%u#member", OUTER / 2);
    for (unsigned inner = 0; inner < INNER; inner++)
        PUT("document:tail#viewer@group:b%u-%u#member", OUTER - 1, inner);
    PUT("group:other0#member@user:in");
    PUT("group:other0#member@user:out");
    PUT("document:wide#reader@user:in");
    PUT("document:wide#reader@user:out");
    flush();
}

static void
open_world(const char *schema, size_t graph_memory_bytes)
{
    struct store_options stored = {.env = &side.env};
    struct engine_options options = {.env = &side.env,
                                     .workers = WORKERS,
                                     .sweep_every_ns = ENGINE_SWEEP_NEVER,
                                     .graph_memory_bytes = graph_memory_bytes};
    struct error error;

    side.env = (struct env){wall_ns, trapped_monotonic_ns, random_bytes, NULL};
    control = (struct kv_fault){.status = BEHALF_STORAGE_FAILED};
    cr_assert_eq(kv_open_memory(&below, &error), BEHALF_OK);
    cr_assert_eq(store_open_on(kv_fault_open(below, &control), &stored, &side.store, &error),
                 BEHALF_OK);
    options.store = side.store;
    cr_assert_eq(engine_open(&options, &side.engine, &error), BEHALF_OK);
    side.worker = engine_worker_new(side.engine, true);
    arena_init(&side.arena, SIZE_MAX);
    cr_assert_eq(harness_write_schema(&side, slice_of(schema), &error), BEHALF_OK, "%s",
                 error.message);
    fill();
}

static void
open_plain(void)
{
    open_world(plain_schema, 0);
}

static void
close_world(void)
{
    engine_worker_free(side.worker);
    engine_close(side.engine);
    store_close(side.store);
    kv_close(below);
    arena_release(&side.arena);
}

TestSuite(frontier, .fini = close_world);

/* --- asking the evaluation --- */

/* An evaluation for one user, at the newest state, that may take so many edges. */
static void
begin(const char *user, uint64_t edges)
{
    struct object object = {.type = SLICE_LITERAL("user"), .id = slice_of(user)};
    struct eval_subject subject;
    struct error error;

    request = harness_request(&side, NULL);
    request.deadline_ns = env_monotonic_ns(env_system()) + INT64_C(100000000000);
    cr_assert_eq(snapshot_open(side.worker, &request, REQUEST_CHECK, 0, &snapshot, &error),
                 BEHALF_OK);
    cr_assert_eq(request_subject(&snapshot, &object, &subject, &error), BEHALF_OK);
    budget_renew(&snapshot.budget, edges);
    eval_init(&eval, VALUE_DECISION, snapshot.binding, &snapshot.view, snapshot.scratch, &subject,
              NULL, NULL);
    eval.reach.wide = &snapshot.wide;
}

static enum status
ask(const char *document, const char *permission, bool *allowed)
{
    struct object object = {.type = SLICE_LITERAL("document"), .id = slice_of(document)};
    struct value value;
    uint64_t resource;
    uint32_t type;
    uint32_t member;
    struct error error;
    enum status status;

    cr_assert_eq(request_resource(&snapshot, &object, &type, &resource, &error), BEHALF_OK);
    cr_assert_eq(schema_resolve_member(snapshot.binding->schema, type, slice_of(permission),
                                       &member, &error),
                 BEHALF_OK);
    status = eval_node(&eval, resource, member, &value, &error);
    cr_assert(status != BEHALF_OK || value.lower == value.upper);
    *allowed = status == BEHALF_OK && value.lower;
    return status;
}

static void
expect(const char *document, const char *permission, bool expected)
{
    bool allowed;

    cr_assert_eq(ask(document, permission, &allowed), BEHALF_OK);
    cr_assert_eq(allowed, expected, "%s %s", document, permission);
}

/* One question in an evaluation of its own. */
static void
expect_alone(const char *user, const char *document, const char *permission, bool expected)
{
    begin(user, LIMIT_CHECK_EDGES);
    expect(document, permission, expected);
    snapshot_close(&snapshot);
}

Test(frontier, a_member_at_its_end_is_found, .init = open_plain)
{
    begin("in", LIMIT_CHECK_EDGES);
    expect("wide", "view", true);
    cr_assert_null(snapshot.wide.visited, "what was met says nothing any more");
    snapshot_close(&snapshot);
}

Test(frontier, a_stranger_is_denied_when_all_was_looked_at, .init = open_plain)
{
    begin("out", LIMIT_CHECK_EDGES);
    expect("wide", "view", false);
    cr_assert_not_null(snapshot.wide.visited);
    snapshot_close(&snapshot);
}

Test(frontier, what_it_denied_is_not_walked_again, .init = open_plain)
{
    uint64_t left;

    begin("out", LIMIT_CHECK_EDGES);
    expect("wide", "view", false);
    left = snapshot.budget.edges_left;
    expect("tail", "view", false);
    cr_assert_lt(left - snapshot.budget.edges_left, SLACK * 3 * INNER / 2);
    snapshot_close(&snapshot);
}

Test(frontier, what_it_met_before_an_allow_is_not_denied, .init = open_plain)
{
    begin("in", LIMIT_CHECK_EDGES);
    expect("wide", "view", true);
    expect("late", "view", true);
    expect("half", "view", false);
    expect("wide", "viewer", true);
    snapshot_close(&snapshot);
}

/* The walk that became wide stood somewhere among the groups when the answer came. */
Test(frontier, its_answer_says_nothing_of_where_the_walk_stood, .init = open_plain)
{
    char document[TEXT_SIZE];

    for (unsigned outer = 0; outer < OUTER; outer++)
        PUT("document:of%u#viewer@group:a%u#member", outer, outer);
    flush();
    begin("in", LIMIT_CHECK_EDGES);
    expect("wide", "view", true);
    for (unsigned outer = 0; outer < OUTER; outer++) {
        (void)snprintf(document, sizeof document, "of%u", outer);
        expect(document, "view", outer == OUTER / 2);
    }
    snapshot_close(&snapshot);
}

Test(frontier, parts_of_operators_are_walked_by_it, .init = open_plain)
{
    expect_alone("in", "wide", "less", false);
    expect_alone("out", "wide", "less", true);
    expect_alone("in", "wide", "both", true);
    expect_alone("out", "wide", "both", false);
    expect_alone("in", "wide", "either", true);
    expect_alone("out", "wide", "either", false);
}

Test(frontier, cycles_end, .init = open_plain)
{
    for (unsigned outer = 0; outer < OUTER; outer++) {
        PUT("group:b%u-%u#member@group:a%u#member", outer, 3, (outer + 1) % OUTER);
        PUT("group:b%u-%u#member@group:b%u-%u#member", outer, 7, outer, 7);
    }
    flush();
    expect_alone("out", "half", "view", false);
    expect_alone("in", "half", "view", true);
}

Test(frontier, a_subject_that_reaches_little_is_asked_instead, .init = open_plain)
{
    begin("few", LIMIT_CHECK_EDGES);
    expect("half", "view", false);
    cr_assert_null(snapshot.wide.visited);
    expect("wide", "view", true);
    cr_assert_gt(snapshot.budget.edges_left, LIMIT_CHECK_EDGES - 3 * LIMIT_WIDE_EDGES - 100);
    snapshot_close(&snapshot);
}

/* The very first of its nodes would be one of the resources asked about. */
Test(frontier, a_userset_that_leads_nowhere_reaches_nothing, .init = open_plain)
{
    const struct schema *schema;
    struct reverse_walk walk;
    struct error error;
    uint32_t document;

    begin("few", LIMIT_CHECK_EDGES);
    schema = snapshot.binding->schema;
    document = schema_find_type(schema, slice_of("document"));
    walk = (struct reverse_walk){
        .view = &snapshot.view,
        .scope = eval.scope,
        .target = schema_find_member(schema, document, slice_of("viewer")),
    };
    eval.subject.type = document;
    eval.subject.member = schema_find_member(schema, document, slice_of("less"));
    cr_assert_eq(reverse_walk(&walk, &eval.subject, &error), BEHALF_OK);
    cr_assert_eq(walk.found.count, 0);
    snapshot_close(&snapshot);
}

Test(frontier, an_older_revision_is_walked_as_it_was, .init = open_plain)
{
    struct check check = {.resource = {SLICE_LITERAL("document"), SLICE_LITERAL("wide")},
                          .permission = SLICE_LITERAL("view"),
                          .subject = {SLICE_LITERAL("user"), SLICE_LITERAL("in")}};
    struct check_result before;
    struct check_result result;
    struct error error;

    request = harness_request(&side, NULL);
    cr_assert_eq(engine_check(side.worker, &request, &check, &before, &error), BEHALF_OK);
    cr_assert_eq(before.decision, DECISION_ALLOW);
    change(UPDATE_DELETE, "group:b%u-%u#member@user:in", OUTER / 2, INNER - 1);
    flush();
    request = harness_request(&side, NULL);
    cr_assert_eq(engine_check(side.worker, &request, &check, &result, &error), BEHALF_OK);
    cr_assert_eq(result.decision, DECISION_DENY);
    for (unsigned round = 0; round < 30; round++) {
        request = harness_request(&side, &before.checked_at);
        cr_assert_eq(engine_check(side.worker, &request, &check, &result, &error), BEHALF_OK);
        cr_assert_eq(result.decision, DECISION_ALLOW);
    }
}

/* --- what it is not for --- */

Test(frontier, conditions_are_left_to_the_evaluation)
{
    struct check check = {.resource = {SLICE_LITERAL("document"), SLICE_LITERAL("wide")},
                          .permission = SLICE_LITERAL("view"),
                          .subject = {SLICE_LITERAL("user"), SLICE_LITERAL("maybe")}};
    struct check_result result;
    struct error error;

    open_world(special_schema, 0);
    PUT("group:other0#member@user:maybe");
    PUT("group:b%u-%u#member@user:maybe[if_open]", OUTER / 2, INNER - 1);
    flush();
    request = harness_request(&side, NULL);
    cr_assert_eq(engine_check(side.worker, &request, &check, &result, &error), BEHALF_OK);
    cr_assert_eq(result.decision, DECISION_CONDITIONAL);
    expect_alone("in", "wide", "view", true);
    begin("out", LIMIT_CHECK_EDGES);
    expect("wide", "view", false);
    cr_assert_null(snapshot.wide.visited);
    snapshot_close(&snapshot);
}

/* --- ends --- */

Test(frontier, a_spent_budget_is_an_error, .init = open_plain)
{
    uint64_t needed;
    bool allowed;

    begin("out", LIMIT_CHECK_EDGES);
    expect("wide", "view", false);
    needed = LIMIT_CHECK_EDGES - snapshot.budget.edges_left;
    snapshot_close(&snapshot);
    for (unsigned part = 1; part < 32; part++) {
        begin("out", needed / 20 * part);
        if (part < 16) /* each thread may hold some that another one lacks */
            cr_assert_eq(ask("wide", "view", &allowed), BEHALF_BUDGET_EXHAUSTED, "%u/20", part);
        else if (part > 24)
            expect("wide", "view", false);
        snapshot_close(&snapshot);
    }
}

/* What differs is what each thread spends on looking from the subject's side. */
/* Nobody goes on with an evaluation that failed; should somebody, it must not say more than was
 * shown. Below an exclusion, a deny that was not would be an allow. */
Test(frontier, a_walk_that_failed_has_shown_nothing, .init = open_plain)
{
    bool allowed;

    for (uint64_t edges = 2; edges < 40; edges++) {
        begin("in", edges);
        eval.reach.wide = NULL;
        cr_assert_eq(ask("wide", "view", &allowed), BEHALF_BUDGET_EXHAUSTED);
        budget_renew(&snapshot.budget, LIMIT_CHECK_EDGES);
        expect("wide", "view", true);
        snapshot_close(&snapshot);
    }
}

Test(frontier, edges_that_were_taken_and_not_used_are_given_back, .init = open_plain)
{
    uint64_t most = 0;
    uint64_t least = UINT64_MAX;

    for (unsigned round = 0; round < 50; round++) {
        uint64_t left;

        begin("out", LIMIT_CHECK_EDGES);
        expect("wide", "view", false);
        left = snapshot.budget.edges_left;
        most = left > most ? left : most;
        least = left < least ? left : least;
        snapshot_close(&snapshot);
    }
    cr_assert_lt(most - least, SLACK * WORKERS * 160, "%lu edges", most - least);
}

/* Lets time run out, or the caller go, at one look at the clock after the other. */
static void
interrupt(bool cancel)
{
    unsigned interrupted = 0;
    enum status status = BEHALF_OK;

    cancels = cancel;
    for (uint64_t at = 1; at < 1000; at++) {
        bool allowed;

        begin("out", LIMIT_CHECK_EDGES);
        snapshot.budget.cancelled = &cancelled;
        atomic_store(&looks, 0);
        atomic_store(&trap_at, at);
        status = ask("wide", "view", &allowed);
        atomic_store(&trap_at, 0);
        atomic_store(&cancelled, false);
        snapshot_close(&snapshot);
        cr_assert_not(allowed);
        if (status == BEHALF_OK)
            break;
        cr_assert_eq(status, BEHALF_DEADLINE, "look %lu", at);
        interrupted++;
    }
    cr_assert_eq(status, BEHALF_OK);
    cr_assert_gt(interrupted, 10);
}

Test(frontier, a_deadline_ends_it, .init = open_plain)
{
    interrupt(false);
}

Test(frontier, a_caller_who_has_gone_ends_it, .init = open_plain)
{
    interrupt(true);
}

/* Every look of a helper at storage fails, none of the asker's: whether one helped in time is
 * chance, so it is tried until one has. */
Test(frontier, a_fault_met_by_a_helper_is_the_error_of_the_question)
{
    pthread_t home = pthread_self();
    unsigned failed = 0;

    open_world(plain_schema, 1);
    control.home = &home;
    for (unsigned round = 0; round < 200 && failed < 3; round++) {
        bool allowed;
        enum status status;

        begin("out", LIMIT_CHECK_EDGES);
        status = ask("wide", "view", &allowed);
        cr_assert(status == BEHALF_OK || status == BEHALF_STORAGE_FAILED);
        cr_assert_not(allowed);
        failed += status == BEHALF_STORAGE_FAILED;
        snapshot_close(&snapshot);
    }
    control.home = NULL;
    cr_assert_gt(failed, 0, "nobody helped");
    expect_alone("out", "wide", "view", false);
}

/* --- what a thread of the pool was refused --- */

static pthread_barrier_t all_workers;
static atomic_uint refused_workers;

/* One for each thread of the pool: none takes a second before all have one. */
static void
run_refused(struct engine_job *job, struct engine_worker *worker)
{
    struct arena arena;

    (void)job;
    (void)worker;
    arena_init_request(&arena, SIZE_MAX / 2);
    cr_assert_null(arena_take(&arena, 2 * ARENA_FIRST_CHUNK));
    arena_release(&arena);
    (void)pthread_barrier_wait(&all_workers);
}

static void
run_asked(struct engine_job *job, struct engine_worker *worker)
{
    (void)job;
    (void)worker;
    atomic_fetch_add(&refused_workers, arena_was_refused());
    (void)pthread_barrier_wait(&all_workers);
}

static void
on_all_workers(void (*run)(struct engine_job *, struct engine_worker *))
{
    struct engine_job jobs[WORKERS];
    struct error error;

    for (unsigned at = 0; at < WORKERS; at++) {
        jobs[at] = (struct engine_job){.run = run};
        /* No class of requests is given all threads. */
        cr_assert_eq(engine_submit(side.engine, at == 0 ? ENGINE_CLASS_LOOKUP : ENGINE_CLASS_CHECK,
                                   &jobs[at], &error),
                     BEHALF_OK);
    }
    (void)pthread_barrier_wait(&all_workers);
}

/* Whether one helped in time is chance, so it is tried until one has. */
Test(frontier, a_helper_forgets_what_its_thread_was_refused_before)
{
    unsigned refused = WORKERS;

    open_world(plain_schema, 1);
    pthread_barrier_init(&all_workers, NULL, WORKERS + 1);
    for (unsigned round = 0; round < 200 && refused == WORKERS; round++) {
        arena_bound_requests(0);
        on_all_workers(run_refused);
        arena_bound_requests(SIZE_MAX);
        expect_alone("out", "wide", "view", false);
        atomic_store(&refused_workers, 0);
        on_all_workers(run_asked);
        refused = atomic_load(&refused_workers);
    }
    cr_assert_lt(refused, WORKERS);
    pthread_barrier_destroy(&all_workers);
}

/* --- a pool full of them --- */

struct wide_job {
    struct engine_job job;
    struct check check;
    enum decision expected;
};

#define JOBS 24

static atomic_uint jobs_done;

static void
run_wide(struct engine_job *job, struct engine_worker *worker)
{
    struct wide_job *wide = (struct wide_job *)job;
    struct check_result result;
    struct arena arena;
    struct error error;

    arena_init(&arena, (size_t)1024 * 1024);
    cr_assert_eq(engine_check(worker, &(struct engine_request){.arena = &arena}, &wide->check,
                              &result, &error),
                 BEHALF_OK);
    cr_assert_eq(result.decision, wide->expected);
    arena_release(&arena);
    atomic_fetch_add(&jobs_done, 1);
}

Test(frontier, a_pool_full_of_wide_checks_answers_all, .init = open_plain)
{
    struct wide_job jobs[JOBS];
    struct timespec moment = {.tv_nsec = 1000000};

    for (unsigned at = 0; at < JOBS; at++) {
        struct error error;

        jobs[at] = (struct wide_job){
            .job = {.run = run_wide},
            .check = {.resource = {SLICE_LITERAL("document"), SLICE_LITERAL("wide")},
                      .permission = SLICE_LITERAL("view"),
                      .subject = {SLICE_LITERAL("user"), slice_of(at % 2 == 0 ? "in" : "out")}},
            .expected = at % 2 == 0 ? DECISION_ALLOW : DECISION_DENY,
        };
        cr_assert_eq(engine_submit(side.engine, ENGINE_CLASS_CHECK, &jobs[at].job, &error),
                     BEHALF_OK);
    }
    while (atomic_load(&jobs_done) < JOBS)
        nanosleep(&moment, NULL);
}
