/* limits.h - thresholds between the ways of evaluating, and bounds of wide walks.
 *
 * The thresholds choose a method and never change an answer. A spent bound is BUDGET_EXHAUSTED,
 * never a deny. BEHALF_SHRUNK makes the thresholds tiny, so that tests reach every method. */
#ifndef BEHALF_EVAL_LIMITS_H
#define BEHALF_EVAL_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#ifdef BEHALF_SHRUNK
#define LIMIT_NARROW_FACTOR 2
#define LIMIT_CANDIDATES_FIRST UINT32_C(2)
#define LIMIT_CANDIDATES_GROWTH 2
#define LIMIT_CANDIDATES_WINDOW UINT32_C(3)
#define LIMIT_WIDE_EDGES 0
#define LIMIT_WIDE_KEYS 1
#define LIMIT_WIDE_SLICE 1
#define LIMIT_KEY_SET_BUCKETS 1
#else
/* How many nodes the reverse walk from the subject may visit per edge of the forward walk; likewise
 * an operand that only confirms candidates, per candidate. */
#define LIMIT_NARROW_FACTOR 4
/* How many nodes each operand of an intersection may visit in the first round, and the factor by
 * which that grows until one of them ends. */
#define LIMIT_CANDIDATES_FIRST UINT32_C(1024)
#define LIMIT_CANDIDATES_GROWTH 8
/* Resources that a lookup finds at a time; they take 8 bytes each. */
#define LIMIT_CANDIDATES_WINDOW (UINT32_C(256) * 1024)
/* A walk of a plain member that has read more edges is wide and starts again by another method.
 * Reading them takes about a millisecond, so repeating them costs little in comparison. */
#define LIMIT_WIDE_EDGES 4096
#define LIMIT_WIDE_KEYS 256  /* keys in the queue from which other threads are asked to help */
#define LIMIT_WIDE_SLICE 128 /* keys that a thread takes at a time: about 20 microseconds of work */
#define LIMIT_KEY_SET_BUCKETS 512
#endif

/* for visited nodes, in addition to the request's own memory */
#define LIMIT_WIDE_ARENA ((size_t)16 * 1024 * 1024)
#define LIMIT_WIDE_HELPERS 15

#endif
