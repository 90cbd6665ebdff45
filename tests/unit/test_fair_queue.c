/* test_fair_queue.c - callers are served in turn, however much one of them sends. */
#include <criterion/criterion.h>

#include "engine/fair_queue.h"

enum { ITEMS = 100 };

static struct fair_queue queue;
static struct engine_flow flows[3];
static struct engine_queued items[3][ITEMS];

static void
push(unsigned flow, unsigned item, int64_t deadline_ns)
{
    items[flow][item] = (struct engine_queued){.flow = &flows[flow], .deadline_ns = deadline_ns};
    fair_queue_push(&queue, &items[flow][item]);
}

Test(fair_queue, callers_are_served_in_turn_and_each_in_its_order)
{
    for (unsigned item = 0; item < 4; item++)
        push(0, item, 0);
    push(1, 0, 0);
    push(2, 0, 0);
    push(2, 1, 0);
    cr_assert_eq(queue.length, 7);
    cr_assert_eq(fair_queue_pop(&queue), &items[0][0]);
    cr_assert_eq(fair_queue_pop(&queue), &items[1][0]);
    cr_assert_eq(fair_queue_pop(&queue), &items[2][0]);
    cr_assert_eq(fair_queue_pop(&queue), &items[0][1]);
    push(1, 1, 0); /* comes back behind those that wait */
    cr_assert_eq(fair_queue_pop(&queue), &items[2][1]);
    cr_assert_eq(fair_queue_pop(&queue), &items[0][2]);
    cr_assert_eq(fair_queue_pop(&queue), &items[1][1]);
    cr_assert_eq(fair_queue_pop(&queue), &items[0][3]);
    cr_assert_null(fair_queue_pop(&queue));
    cr_assert_eq(queue.length, 0);
    cr_assert_eq(queue.flows, 0);
}

Test(fair_queue, items_without_a_caller_are_one_caller)
{
    struct engine_queued loose[2] = {{NULL}, {NULL}};

    push(0, 0, 0);
    fair_queue_push(&queue, &loose[0]);
    fair_queue_push(&queue, &loose[1]);
    push(0, 1, 0);
    cr_assert_eq(fair_queue_pop(&queue), &items[0][0]);
    cr_assert_eq(fair_queue_pop(&queue), &loose[0]);
    cr_assert_eq(fair_queue_pop(&queue), &items[0][1]);
    cr_assert_eq(fair_queue_pop(&queue), &loose[1]);
}

/* What is said to be ahead of an item is what is taken before it, when nobody else comes. */
Test(fair_queue, a_caller_that_sends_much_has_it_ahead_of_itself_alone)
{
    for (unsigned item = 0; item < ITEMS; item++)
        push(0, item, 0);
    push(1, 0, 0);
    cr_assert_eq(fair_queue_ahead(&queue, &flows[0]), ITEMS + 1);
    cr_assert_eq(fair_queue_ahead(&queue, &flows[2]), 2);
    cr_assert_eq(fair_queue_ahead(&queue, &flows[1]), 3);
    push(2, 0, 0);
    cr_assert_eq(fair_queue_pop(&queue), &items[0][0]);
    cr_assert_eq(fair_queue_pop(&queue), &items[1][0]);
    cr_assert_eq(fair_queue_pop(&queue), &items[2][0]);
}

Test(fair_queue, what_expired_is_taken_from_wherever_it_is)
{
    struct engine_queued *expired;
    int64_t earliest;
    unsigned count = 0;

    push(0, 0, 50);
    push(0, 1, 10);
    push(0, 2, 0);
    push(1, 0, 10);
    push(2, 0, 30);
    push(2, 1, 20);
    expired = fair_queue_expire(&queue, 20, &earliest);
    for (; expired != NULL; expired = expired->next) {
        cr_assert_leq(expired->deadline_ns, 20);
        count++;
    }
    cr_assert_eq(count, 3);
    cr_assert_eq(earliest, 30);
    cr_assert_eq(queue.length, 3);
    cr_assert_eq(queue.flows, 2);
    cr_assert_eq(flows[1].length, 0);
    push(1, 1, 0);
    cr_assert_eq(fair_queue_pop(&queue), &items[0][0]);
    cr_assert_eq(fair_queue_pop(&queue), &items[2][0]);
    cr_assert_eq(fair_queue_pop(&queue), &items[1][1]);
    cr_assert_eq(fair_queue_pop(&queue), &items[0][2]);
    cr_assert_null(fair_queue_expire(&queue, 100, &earliest));
    cr_assert_eq(earliest, INT64_MAX);
}
