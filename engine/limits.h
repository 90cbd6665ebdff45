/* limits.h - what bounds a request inside the engine. Reaching a bound is BUDGET_EXHAUSTED (or
 * DEADLINE), never a deny. Limits on what a client may send are the net floor's. */
#ifndef BEHALF_ENGINE_LIMITS_H
#define BEHALF_ENGINE_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#ifdef BEHALF_SHRUNK
#define LIMIT_NARROW_FACTOR 2
#define LIMIT_CANDIDATES_FIRST UINT32_C(2)
#define LIMIT_CANDIDATES_GROWTH 2
#define LIMIT_CANDIDATES_WINDOW UINT32_C(3)
#define LIMIT_PAGE_CACHE_BYTES ((size_t)2048)
#define LIMIT_PAGE_WALK_ENTRIES ((size_t)6)
#define LIMIT_WIDE_EDGES 0
#define LIMIT_WIDE_KEYS 1
#define LIMIT_WIDE_SLICE 1
#define LIMIT_KEY_SET_BUCKETS 1
#define LIMIT_EDGE_BATCH 1 /* a batch of one edge shows every mistake in resuming a walk */
#define LIMIT_EDGE_BATCH_GROWN 2
#define LIMIT_GRAPH_SET_BYTES ((size_t)4096)
#define LIMIT_GRAPH_PIECE_EDGES 3
#define LIMIT_GRAPH_PIECE_BYTES ((size_t)256)
#else
#define LIMIT_EDGE_BATCH 16         /* edges a walk first takes at a time: most nodes have fewer */
#define LIMIT_EDGE_BATCH_GROWN 1024 /* and once it has seen that there are many */
/* Nodes that finding the subject's own side of a wide walk may visit, for each edge walked; and an
 * operand that only confirms candidates, for each of these. */
#define LIMIT_NARROW_FACTOR 4
/* What each operand of an intersection is first given to end within, and how that grows until one
 * of them does: nodes visited. */
#define LIMIT_CANDIDATES_FIRST UINT32_C(1024)
#define LIMIT_CANDIDATES_GROWTH 8
/* Resources that a lookup finds at a time, 8 bytes each, however many there are. */
#define LIMIT_CANDIDATES_WINDOW (UINT32_C(256) * 1024)
/* What lookups found beyond their pages, kept for the pages that follow: of all, and of one. */
#define LIMIT_PAGE_CACHE_BYTES ((size_t)32 * 1024 * 1024)
#define LIMIT_PAGE_WALK_ENTRIES ((size_t)LIMIT_CANDIDATES_WINDOW)
/* A walk of a plain member that has seen so many edges is a wide one, and is begun anew: about a
 * millisecond, beside which what that costs is little. */
#define LIMIT_WIDE_EDGES 4096
#define LIMIT_WIDE_KEYS 256 /* on the frontier: other threads may help */
#define LIMIT_WIDE_SLICE 64 /* keys that a thread takes at a time: some 10 microseconds */
#define LIMIT_KEY_SET_BUCKETS 512
/* Of one set: some two million plain edges, which storage gives within the time of a check. */
#define LIMIT_GRAPH_SET_BYTES ((size_t)16 * 1024 * 1024)
/* A larger set of edges is kept in pieces, and a change copies one of them. */
#define LIMIT_GRAPH_PIECE_EDGES 1024
#define LIMIT_GRAPH_PIECE_BYTES ((size_t)64 * 1024) /* with the contexts of its edges */
#endif

/* Caveats, contexts and expirations of the edges of one batch. */
#define LIMIT_GRAPH_TRAITS ((size_t)64 * 1024 * 1024)

#define LIMIT_CHECK_EDGES UINT64_C(1000000)
#define LIMIT_CHECK_ARENA ((size_t)16 * 1024 * 1024)
#define LIMIT_WIDE_ARENA ((size_t)16 * 1024 * 1024) /* of nodes visited, beside LIMIT_CHECK_ARENA */
#define LIMIT_WIDE_HELPERS 15
#define LIMIT_CHECK_NS INT64_C(3000000000)
#define LIMIT_LOOKUP_EDGES UINT64_C(100000000)
#define LIMIT_LOOKUP_ARENA ((size_t)64 * 1024 * 1024)
#define LIMIT_LOOKUP_NS INT64_C(30000000000)

/* After which a check of the pool gives way to checks that wait: some 100,000 edges. */
#define LIMIT_SLICE_NS INT64_C(10000000)
/* What a check may visit on an event loop before it is sent to the pool: some 100 microseconds. */
#define LIMIT_INLINE_EDGES UINT64_C(2000)
/* A bulk check of more items goes to the pool at once. */
#define LIMIT_INLINE_ITEMS 128

#define LIMIT_WRITE_QUEUE 10000 /* writes waiting for the writer thread */
#define LIMIT_WRITE_GROUP 512   /* transactions that share one sync */
/* Updates of a group that is not the last write's alone: what is taken together is answered
 * together, after some 40 ms. */
#define LIMIT_WRITE_GROUP_UNITS 4096
#define LIMIT_POOL_QUEUE 10000 /* jobs waiting, per class */
#define LIMIT_SCHEMAS_KEPT 16  /* compiled schemas of older revisions */
#define LIMIT_GRAPH_MEMORY_DEFAULT ((size_t)1024 * 1024 * 1024)

#endif
