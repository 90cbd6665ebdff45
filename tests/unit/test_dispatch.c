/* test_dispatch.c - a method that breaks its contract fails the one request with INTERNAL, which is
 * counted, and none of what it wrote is sent. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/agents.h"
#include "graph/budget.h"
#include "net/dispatch.h"
#include "tests/support/harness.h"

static struct harness_engine side;
static struct error error;

static void
begin(void)
{
    harness_engine_open(&side, 0);
}

static void
end(void)
{
    harness_engine_close(&side);
}

TestSuite(dispatch, .init = begin, .fini = end);

static enum status
says_nothing(const struct method_context *context, struct wire_reader arguments, struct buffer *out,
             struct error *problem)
{
    (void)context;
    (void)arguments;
    (void)out;
    (void)problem;
    return BEHALF_OK;
}

static enum status
fails_without_a_reason(const struct method_context *context, struct wire_reader arguments,
                       struct buffer *out, struct error *problem)
{
    (void)context;
    (void)arguments;
    (void)problem;
    buffer_add_slice(out, SLICE_LITERAL("half an answer"));
    return BEHALF_DEADLINE;
}

static uint64_t
internal_count(void)
{
    struct engine_stats stats;

    cr_assert_eq(engine_stats_read(side.engine, &stats, &error), BEHALF_OK);
    return stats.pool.internal;
}

static void
expect_refused(method_run *run)
{
    const struct method method = {.name = "check", .name_size = 5, .run = run};
    const struct method_context context = {
        .engine = side.engine, .worker = side.worker, .caller = &key_of_all};
    struct request call = {.id = 7, .method = &method, .arguments = SLICE_LITERAL("\x80")};
    uint64_t before = internal_count();
    struct buffer out;

    buffer_init(&out);
    cr_assert_eq(dispatch_run(&context, &call, &out), DISPATCH_REPLIED);
    cr_assert(memmem(out.data, out.size, "INTERNAL", 8) != NULL);
    cr_assert(memmem(out.data, out.size, "half an answer", 14) == NULL);
    cr_assert(memmem(out.data, out.size, "allow", 5) == NULL);
    cr_assert_eq(internal_count(), before + 1);
    buffer_release(&out);
}

Test(dispatch, a_method_without_an_answer_or_a_reason_fails_the_one_request)
{
    expect_refused(says_nothing);
    expect_refused(fails_without_a_reason);
}

/* --- uses --- */

static enum status
must_spend(const struct method_context *context, struct wire_reader arguments, struct buffer *out,
           struct error *problem)
{
    (void)context;
    (void)arguments;
    (void)problem;
    buffer_add_slice(out, SLICE_LITERAL("allow"));
    return BEHALF_MUST_SPEND;
}

/* What becomes of a request whose method says that a use must be taken. */
static enum dispatch_outcome
spend_with(struct engine_worker *worker, struct engine_use *use, struct buffer *out)
{
    const struct method method = {.name = "check", .name_size = 5, .run = must_spend};
    const struct method_context context = {
        .engine = side.engine, .worker = worker, .caller = &key_of_all, .use = use};
    struct request call = {.id = 7, .method = &method, .arguments = SLICE_LITERAL("\x80")};

    buffer_clear(out);
    return dispatch_run(&context, &call, out);
}

Test(dispatch, a_use_that_must_be_taken_is_no_reply)
{
    struct engine_use use = {.chain_length = 1};
    struct buffer out;

    buffer_init(&out);
    cr_expect_eq(spend_with(side.worker, NULL, &out), DISPATCH_POOL, "a loop hands it on");
    cr_expect_eq(out.size, 0);
    cr_expect_eq(spend_with(side.worker, &use, &out), DISPATCH_SPEND);
    cr_expect_eq(out.size, 0, "nothing of an allow is written");
    buffer_release(&out);
}

Test(dispatch, a_use_is_taken_once_and_from_a_chain)
{
    struct engine_use spent = {.chain_length = 1, .spent = true};
    struct engine_use empty = {.chain_length = 0};
    uint64_t before = internal_count();
    struct buffer out;

    buffer_init(&out);
    cr_expect_eq(spend_with(side.worker, &spent, &out), DISPATCH_REPLIED);
    cr_expect(memmem(out.data, out.size, "INTERNAL", 8) != NULL);
    cr_expect(memmem(out.data, out.size, "allow", 5) == NULL);
    cr_expect_eq(spend_with(side.worker, &empty, &out), DISPATCH_REPLIED);
    cr_expect(memmem(out.data, out.size, "allow", 5) == NULL);
    cr_expect_eq(internal_count(), before + 2);
    buffer_release(&out);
}

/* --- memory --- */

static enum status
takes_much(const struct method_context *context, struct wire_reader arguments, struct buffer *out,
           struct error *problem)
{
    (void)arguments;
    if (arena_take(context->arena, (size_t)1024 * 1024) == NULL)
        return error_set(problem, BEHALF_BUDGET_EXHAUSTED, "more memory than allowed");
    codec_put_nil(out);
    return BEHALF_OK;
}

/* Whether the reply to a request with an arena of this cap has the word. */
static bool
reply_has(size_t cap, const char *word)
{
    const struct method method = {.name = "test", .class = METHOD_CLASS_TRIVIAL, .run = takes_much};
    struct arena arena;
    const struct method_context context = {
        .engine = side.engine, .worker = side.worker, .arena = &arena, .caller = &key_of_all};
    struct request call = {.id = 7, .method = &method, .arguments = SLICE_LITERAL("\x80")};
    struct buffer out;
    bool has;

    buffer_init(&out);
    arena_init_request(&arena, cap);
    cr_assert_eq(dispatch_run(&context, &call, &out), DISPATCH_REPLIED);
    has = memmem(out.data, out.size, word, strlen(word)) != NULL;
    arena_release(&arena);
    buffer_release(&out);
    return has;
}

Test(dispatch, a_request_that_others_leave_no_memory_may_be_repeated)
{
    arena_bound_requests((size_t)64 * 1024);
    cr_expect(reply_has((size_t)64 * 1024 * 1024, "OVERLOADED"));
    cr_expect(reply_has((size_t)64 * 1024 * 1024, "retry_after_ms"));
    cr_expect(reply_has((size_t)32 * 1024, "BUDGET_EXHAUSTED"), "and one of its own cap may not");
}

/* An item of a bulk check, or the helper of a walk, describes its own error. */
Test(dispatch, memory_that_others_took_is_told_where_it_is_missed)
{
    struct arena arena;

    arena_bound_requests((size_t)64 * 1024);
    arena_init_request(&arena, (size_t)64 * 1024 * 1024);
    cr_assert_null(arena_take(&arena, (size_t)1024 * 1024));
    cr_expect_eq(budget_memory_spent(&error), BEHALF_OVERLOADED);
    cr_expect(error.status == BEHALF_OVERLOADED && error.retry_after_ms > 0);
    arena_reset(&arena, (size_t)32 * 1024);
    cr_assert_null(arena_take(&arena, (size_t)1024 * 1024));
    cr_expect_eq(budget_memory_spent(&error), BEHALF_BUDGET_EXHAUSTED);
    arena_release(&arena);
}
