/* limits.h - bounds on edge sets in memory and on reading them. Reaching a bound is
 * BUDGET_EXHAUSTED or a read of storage, and never an absent edge. */
#ifndef BEHALF_GRAPH_LIMITS_H
#define BEHALF_GRAPH_LIMITS_H

#include <stddef.h>

#ifdef BEHALF_SHRUNK
#define LIMIT_EDGE_BATCH 1 /* a batch of one edge shows every mistake in resuming a walk */
#define LIMIT_EDGE_BATCH_GROWN 2
#define LIMIT_GRAPH_SET_BYTES ((size_t)4096)
#define LIMIT_GRAPH_PIECE_EDGES 3
#define LIMIT_GRAPH_PIECE_BYTES ((size_t)256)
#else
#define LIMIT_EDGE_BATCH 16         /* edges of a walk's first batch: most nodes have fewer */
#define LIMIT_EDGE_BATCH_GROWN 1024 /* of its later batches, once a node proved to be large */
/* Of one set: some two million plain edges, which storage reads within the time of one check. */
#define LIMIT_GRAPH_SET_BYTES ((size_t)16 * 1024 * 1024)
/* A larger set is kept in pieces of this size, and a change copies one piece (8 KiB of plain edges)
 * instead of the whole set. */
#define LIMIT_GRAPH_PIECE_EDGES 1024
#define LIMIT_GRAPH_PIECE_BYTES ((size_t)64 * 1024) /* with the contexts of its edges */
#endif

/* Memory for the caveats, contexts and expirations of one batch of edges. */
#define LIMIT_GRAPH_TRAITS ((size_t)64 * 1024 * 1024)

#endif
