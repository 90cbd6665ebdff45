/* test_base_priority.c - a thread changes its own priority and no other's. */
#include <criterion/criterion.h>

#include <pthread.h>
#include <sys/resource.h>

#include "base/priority.h"

/* The niceness of the calling thread. */
static int
niceness(void)
{
    return getpriority(PRIO_PROCESS, 0);
}

static void *
inherit(void *seen)
{
    *(int *)seen = niceness();
    return NULL;
}

static void *
lower(void *seen)
{
    int *lowered = seen;
    pthread_t thread;

    priority_lower();
    lowered[0] = niceness();
    cr_assert_eq(pthread_create(&thread, NULL, inherit, &lowered[1]), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    return NULL;
}

Test(priority, a_lowered_thread_and_those_it_starts_give_way_to_the_others)
{
    int before = niceness();
    int lowered[2] = {0, 0};
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, lower, lowered), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert(lowered[0] == before + 5 || lowered[0] == 19, "%d after %d", lowered[0], before);
    cr_assert_eq(lowered[1], lowered[0]);
    cr_assert_eq(niceness(), before);
}

Test(priority, short_slices_change_no_share)
{
    int before = niceness();

    priority_short_slice();
    cr_assert_eq(niceness(), before);
}
