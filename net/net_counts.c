/* net_counts.c - durations, and the sums over loops. */
#include "net/net_counts.h"

static void
observe(struct net_counts *counts, enum method_class class, int64_t took_ns, uint64_t times)
{
    metric_observe(&counts->durations[class], metric_times_ns, took_ns > 0 ? (uint64_t)took_ns : 0,
                   times);
}

void
net_counts_settle(struct net_counts *counts, int64_t took_ns)
{
    for (unsigned class = 0; class < METHOD_CLASS_COUNT; class ++) {
        if (counts->answered[class] == 0)
            continue;
        observe(counts, (enum method_class) class, took_ns, counts->answered[class]);
        counts->answered[class] = 0;
    }
    counts->answered_all = 0;
}

void
net_count_returned(struct net_counts *counts, const struct request *request, int64_t took_ns)
{
    net_count_result(counts, request);
    observe(counts, request->method->class, took_ns, 1);
}

void
net_counts_gather(const struct net_counts *counts, struct net_reading *reading)
{
    for (size_t row = 0; row <= METHOD_INDEX_COUNT; row++)
        for (size_t status = 0; status < BEHALF_STATUS_COUNT; status++)
            reading->requests[row][status] += metric_read(&counts->requests[row][status]);
    for (size_t class = 0; class < METHOD_CLASS_COUNT; class ++)
        metric_gather(&counts->durations[class], &reading->durations[class]);
    for (size_t event = 0; event < NET_EVENT_COUNT; event++)
        reading->events[event] += metric_read(&counts->events[event]);
}
