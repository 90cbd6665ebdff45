/* priority.c - see priority.h. */
#include "base/priority.h"

#include <linux/sched/types.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOWER_STEPS 5                   /* of niceness: 1.25^5 = 3 */
#define SHORT_SLICE_NS UINT64_C(100000) /* the shortest there is */
#define POLICY_OTHER 0

void
priority_lower(void)
{
    int nice = getpriority(PRIO_PROCESS, 0); /* of the thread, on Linux */

    (void)setpriority(PRIO_PROCESS, 0, nice + LOWER_STEPS);
}

/* The C library of Debian 12 has no word for these calls. */
void
priority_short_slice(void)
{
    struct sched_attr attributes = {.size = sizeof attributes};

    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0 ||
        attributes.sched_policy != POLICY_OTHER)
        return;
    attributes.sched_runtime = SHORT_SLICE_NS;
    (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}
