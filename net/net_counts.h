/* net_counts.h - what one loop counts of its requests and connections.
 *
 * Always true: the loop's thread alone writes; the reader of /metrics reads without a lock
 * (base/metric.h). A request is counted once, when its reply is written or given up. Of requests
 * answered within one wake-up the duration is that of the wake-up, up to the send; of others, from
 * the read that brought them to the wake-up that sends the reply. */
#ifndef BEHALF_NET_NET_COUNTS_H
#define BEHALF_NET_NET_COUNTS_H

#include "base/metric.h"
#include "net/dispatch.h"

#define METHOD_CLASS_COUNT 5

enum net_event {
#define X(name, family, label) NET_##name,
#include "net/net_events.def"
#undef X
    NET_EVENT_COUNT
};

struct net_counts {
    /* By method, with one row for what names none; of statuses OK and errors. */
    metric_counter requests[METHOD_INDEX_COUNT + 1][BEHALF_STATUS_COUNT];
    struct metric_histogram durations[METHOD_CLASS_COUNT];
    metric_counter events[NET_EVENT_COUNT];
    uint32_t answered[METHOD_CLASS_COUNT]; /* in this wake-up; not read by others */
    uint32_t answered_all;                 /* the sum of these */
};

_Static_assert(METHOD_CLASS_WRITE + 1 == METHOD_CLASS_COUNT, "each class has a histogram");

static inline void
net_count(struct net_counts *counts, enum net_event event)
{
    metric_add(&counts->events[event], 1);
}

static inline void
net_count_result(struct net_counts *counts, const struct request *request)
{
    size_t row = request->method != NULL ? request->method->index : METHOD_INDEX_COUNT;

    metric_add(&counts->requests[row][request->status], 1);
}

/* A request that was answered within this wake-up. */
static inline void
net_count_answered(struct net_counts *counts, const struct request *request)
{
    net_count_result(counts, request);
    if (BEHALF_UNLIKELY(request->method == NULL))
        return;
    counts->answered[request->method->class]++;
    counts->answered_all++;
}

/* The replies of this wake-up were sent. */
void net_counts_settle(struct net_counts *counts, int64_t took_ns);

/* A request that comes back from elsewhere. */
void net_count_returned(struct net_counts *counts, const struct request *request, int64_t took_ns);

/* The counts of several loops, added up. */
struct net_reading {
    uint64_t requests[METHOD_INDEX_COUNT + 1][BEHALF_STATUS_COUNT];
    struct metric_reading durations[METHOD_CLASS_COUNT];
    uint64_t events[NET_EVENT_COUNT];
    unsigned connections; /* now */
};

void net_counts_gather(const struct net_counts *counts, struct net_reading *reading);

/* Adds those of all loops of a server to `reading`. Any thread. */
void server_counts_read(const struct server *server, struct net_reading *reading);
/* As it was divided when the server was opened. */
const struct server_memory *server_memory_of(const struct server *server);

#endif
