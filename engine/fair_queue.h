/* fair_queue.h - items of many callers, taken from one caller after the other.
 *
 * A flow is a caller: its items are taken in the order they came. Flows that have items form a ring
 * and are served in turn, one item at a time (round robin; Nagle, "On packet switches with infinite
 * storage", RFC 970), so that a caller who sends a thousand delays another one by one of them.
 *
 * Always true: a flow is in the ring exactly while it has items; the length of a queue is the sum
 * of its flows'. Nothing is allocated.
 * Threads: none; the owner of a queue locks. Memory: items and flows are their owners', and a flow
 * stays where it is while it has items. */
#ifndef BEHALF_ENGINE_FAIR_QUEUE_H
#define BEHALF_ENGINE_FAIR_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"

struct fair_queue {
    struct engine_flow *first; /* the ring, from the one whose turn it is */
    struct engine_flow *last;
    uint32_t flows;
    uint32_t length;              /* items */
    struct engine_flow ownerless; /* of items that name no flow */
    bool one_flow;                /* all items are one caller's, whatever flow they name */
};

/* `item->flow` NULL: all such items are one caller. */
void fair_queue_push(struct fair_queue *queue, struct engine_queued *item);
/* NULL when it is empty. */
struct engine_queued *fair_queue_pop(struct fair_queue *queue);

/* How many items would be taken before one that is pushed now. */
uint32_t fair_queue_ahead(const struct fair_queue *queue, const struct engine_flow *flow);

/* Takes the items whose deadline has come, linked by `next`, and gives the earliest deadline of
 * those that stay (INT64_MAX without one). Costs a look at each item. */
struct engine_queued *fair_queue_expire(struct fair_queue *queue, int64_t now_ns,
                                        int64_t *earliest_ns);

#endif
