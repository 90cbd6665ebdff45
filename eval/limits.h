/* limits.h - where one way of evaluating gives way to another, and what wide walks may take.
 * Reaching a bound is BUDGET_EXHAUSTED, never a deny. */
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
/* How many nodes the reverse walk from the subject may visit per edge of the forward walk, and an
 * operand that only confirms candidates per candidate. */
#define LIMIT_NARROW_FACTOR 4
/* How many nodes each operand of an intersection may visit in the first round, and the factor by
 * which that grows until one of them ends. */
#define LIMIT_CANDIDATES_FIRST UINT32_C(1024)
#define LIMIT_CANDIDATES_GROWTH 8
/* Resources that a lookup finds at a time, 8 bytes each, however many there are. */
#define LIMIT_CANDIDATES_WINDOW (UINT32_C(256) * 1024)
/* A walk of a plain member that has seen so many edges is a wide one, and is begun anew: about a
 * millisecond, beside which what that costs is little. */
#define LIMIT_WIDE_EDGES 4096
#define LIMIT_WIDE_KEYS 256  /* on the frontier: other threads may help */
#define LIMIT_WIDE_SLICE 128 /* keys that a thread takes at a time: some 20 microseconds */
#define LIMIT_KEY_SET_BUCKETS 512
#endif

#define LIMIT_WIDE_ARENA ((size_t)16 * 1024 * 1024) /* of nodes visited, beside the request's own */
#define LIMIT_WIDE_HELPERS 15

#endif
