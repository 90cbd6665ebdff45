/* authzen_counts.c - columns of statuses. */
#include "net/authzen_counts.h"

/* The last column is for what is none of these. */
static const unsigned statuses[AUTHZEN_STATUS_COUNT] = {200, 202, 400, 401, 403, 404, 405,
                                                        409, 410, 413, 429, 500, 503, 0};

unsigned
authzen_counted_status(size_t column)
{
    return statuses[column];
}

void
authzen_count_reply(struct authzen_counts *counts, enum authzen_endpoint endpoint, unsigned status)
{
    size_t column = 0;

    while (column < AUTHZEN_STATUS_COUNT - 1 && statuses[column] != status)
        column++;
    atomic_fetch_add_explicit(&counts->replies[endpoint][column], 1, memory_order_relaxed);
}
