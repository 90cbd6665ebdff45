/* limits.h - how edges are kept in memory, and what reading them may take. Reaching a bound is
 * BUDGET_EXHAUSTED, never an absent edge. */
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
#define LIMIT_EDGE_BATCH 16         /* edges a walk first takes at a time: most nodes have fewer */
#define LIMIT_EDGE_BATCH_GROWN 1024 /* and once it has seen that there are many */
/* Of one set: some two million plain edges, which storage gives within the time of a check. */
#define LIMIT_GRAPH_SET_BYTES ((size_t)16 * 1024 * 1024)
/* A larger set of edges is kept in pieces, and a change copies one of them. */
#define LIMIT_GRAPH_PIECE_EDGES 1024
#define LIMIT_GRAPH_PIECE_BYTES ((size_t)64 * 1024) /* with the contexts of its edges */
#endif

/* Caveats, contexts and expirations of the edges of one batch. */
#define LIMIT_GRAPH_TRAITS ((size_t)64 * 1024 * 1024)

#endif
