/* fair_queue.c - see fair_queue.h. */
#include "engine/fair_queue.h"

static void
ring_append(struct fair_queue *queue, struct engine_flow *flow)
{
    flow->next = NULL;
    if (queue->last != NULL)
        queue->last->next = flow;
    else
        queue->first = flow;
    queue->last = flow;
}

static struct engine_flow *
ring_take(struct fair_queue *queue)
{
    struct engine_flow *flow = queue->first;

    if (flow == NULL)
        return NULL;
    queue->first = flow->next;
    if (queue->first == NULL)
        queue->last = NULL;
    return flow;
}

void
fair_queue_push(struct fair_queue *queue, struct engine_queued *item)
{
    struct engine_flow *flow =
        item->flow != NULL && !queue->one_flow ? item->flow : &queue->ownerless;

    item->next = NULL;
    if (flow->last != NULL) {
        flow->last->next = item;
    } else {
        flow->first = item;
        ring_append(queue, flow);
        queue->flows++;
    }
    flow->last = item;
    flow->length++;
    queue->length++;
}

struct engine_queued *
fair_queue_pop(struct fair_queue *queue)
{
    struct engine_flow *flow = ring_take(queue);
    struct engine_queued *item;

    if (flow == NULL)
        return NULL;
    item = flow->first;
    flow->first = item->next;
    flow->length--;
    queue->length--;
    item->next = NULL;
    if (flow->first != NULL) {
        ring_append(queue, flow);
    } else {
        flow->last = NULL;
        queue->flows--;
    }
    return item;
}

uint32_t
fair_queue_ahead(const struct fair_queue *queue, const struct engine_flow *flow)
{
    uint64_t turns;

    if (flow == NULL || queue->one_flow)
        flow = &queue->ownerless;
    /* Each of its own items ahead takes a round, and so does the new one's. */
    turns = ((uint64_t)flow->length + 1) * (queue->flows + (flow->length == 0)) - 1;
    return turns < queue->length ? (uint32_t)turns : queue->length;
}

/* Takes the expired items of one flow off it. */
static void
flow_expire(struct engine_flow *flow, int64_t now_ns, int64_t *earliest_ns,
            struct engine_queued ***expired)
{
    struct engine_queued *item = flow->first;

    flow->first = NULL;
    flow->last = NULL;
    flow->length = 0;
    while (item != NULL) {
        struct engine_queued *next = item->next;

        item->next = NULL;
        if (item->deadline_ns != 0 && item->deadline_ns <= now_ns) {
            **expired = item;
            *expired = &item->next;
        } else {
            if (item->deadline_ns != 0 && item->deadline_ns < *earliest_ns)
                *earliest_ns = item->deadline_ns;
            if (flow->last != NULL)
                flow->last->next = item;
            else
                flow->first = item;
            flow->last = item;
            flow->length++;
        }
        item = next;
    }
}

struct engine_queued *
fair_queue_expire(struct fair_queue *queue, int64_t now_ns, int64_t *earliest_ns)
{
    struct engine_queued *first = NULL;
    struct engine_queued **expired = &first;
    uint32_t flows = queue->flows;

    *earliest_ns = INT64_MAX;
    for (uint32_t turn = 0; turn < flows; turn++) {
        struct engine_flow *flow = ring_take(queue);
        uint32_t before;

        BEHALF_ASSERT(flow != NULL);
        before = flow->length;
        flow_expire(flow, now_ns, earliest_ns, &expired);
        queue->length -= before - flow->length;
        if (flow->length > 0)
            ring_append(queue, flow);
        else
            queue->flows--;
    }
    return first;
}
