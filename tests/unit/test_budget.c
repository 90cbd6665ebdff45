/* test_budget.c - a budget that was spent stays spent, whatever comes afterwards. */
#include <criterion/criterion.h>

#include "graph/budget.h"

static int64_t clock_ns;

static int64_t
read_clock(void *context)
{
    (void)context;
    return clock_ns;
}

static const struct env env = {.monotonic_ns = read_clock};
static struct error error;

Test(budget, a_deadline_that_passed_stays_passed)
{
    struct budget budget;

    clock_ns = 100;
    budget_init(&budget, &env, 1000000, 200, NULL);
    cr_assert_eq(budget_spend(&budget, 2000, &error), BEHALF_OK);
    clock_ns = 200;
    cr_assert_eq(budget_spend(&budget, 2000, &error), BEHALF_DEADLINE);
    clock_ns = 100;
    cr_assert_eq(budget_spend(&budget, 1, &error), BEHALF_DEADLINE);
    cr_assert_eq(budget_spend(&budget, 0, &error), BEHALF_DEADLINE);
    budget_renew(&budget, 1000000);
    cr_assert_eq(budget_spend(&budget, 1, &error), BEHALF_DEADLINE);
}

Test(budget, a_caller_that_went_does_not_come_back)
{
    atomic_bool cancelled = true;
    struct budget budget;

    clock_ns = 100;
    budget_init(&budget, &env, 1000000, 200, &cancelled);
    cr_assert_eq(budget_spend(&budget, 2000, &error), BEHALF_DEADLINE);
    cancelled = false;
    cr_assert_eq(budget_spend(&budget, 1, &error), BEHALF_DEADLINE);
}

Test(budget, edges_that_ran_out_come_back_for_another_item_alone)
{
    struct budget budget;

    clock_ns = 100;
    budget_init(&budget, &env, 10, 200, NULL);
    cr_assert_eq(budget_spend(&budget, 11, &error), BEHALF_BUDGET_EXHAUSTED);
    cr_assert_eq(budget_spend(&budget, 1, &error), BEHALF_BUDGET_EXHAUSTED);
    budget_renew(&budget, 10);
    cr_assert_eq(budget_spend(&budget, 10, &error), BEHALF_OK);
    cr_assert_eq(budget_spend(&budget, 1, &error), BEHALF_BUDGET_EXHAUSTED);
    budget_init(&budget, &env, 10, 200, NULL);
    budget.is_inline = true;
    cr_assert_eq(budget_spend(&budget, 11, &error), BEHALF_WOULD_BLOCK);
    cr_assert_eq(budget_spend(&budget, 1, &error), BEHALF_WOULD_BLOCK);
}

Test(budget, a_request_that_gives_way_ends_once_others_wait_after_its_time)
{
    atomic_bool others_wait = true;
    struct budget budget;

    clock_ns = 100;
    budget_init(&budget, &env, 1000000, 1000, NULL);
    budget.yield_ns = 200;
    budget.others_wait = &others_wait;
    cr_assert_eq(budget_spend(&budget, 2000, &error), BEHALF_OK, "it has time left");
    clock_ns = 300;
    others_wait = false;
    cr_assert_eq(budget_spend(&budget, 2000, &error), BEHALF_OK, "nobody waits");
    others_wait = true;
    cr_assert_eq(budget_spend(&budget, 2000, &error), BEHALF_WOULD_BLOCK);
    others_wait = false;
    cr_assert_eq(budget_spend(&budget, 1, &error), BEHALF_WOULD_BLOCK);
}
