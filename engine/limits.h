/* limits.h - what bounds a request inside the engine. Reaching a bound is BUDGET_EXHAUSTED (or
 * DEADLINE), never a deny. Limits on what a client may send are the net floor's. */
#ifndef BEHALF_ENGINE_LIMITS_H
#define BEHALF_ENGINE_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include "eval/limits.h"

#ifdef BEHALF_SHRUNK
#define LIMIT_PAGE_CACHE_BYTES ((size_t)2048)
#define LIMIT_PAGE_WALK_ENTRIES ((size_t)6)
#define LIMIT_KNOWN_DECISIONS ((size_t)5)
#else
/* What lookups found beyond their pages, kept for the pages that follow: of all, and of one. */
#define LIMIT_PAGE_CACHE_BYTES ((size_t)32 * 1024 * 1024)
#define LIMIT_PAGE_WALK_ENTRIES ((size_t)LIMIT_CANDIDATES_WINDOW)
/* Objects decided for one page of known subjects, whatever becomes of them: some 10 ms. */
#define LIMIT_KNOWN_DECISIONS ((size_t)10000)
#endif

#define LIMIT_CHECK_EDGES UINT64_C(1000000)
#define LIMIT_CHECK_SCRATCH ((size_t)16 * 1024 * 1024)
#define LIMIT_CHECK_NS INT64_C(3000000000)
#define LIMIT_LOOKUP_EDGES UINT64_C(100000000)
#define LIMIT_LOOKUP_SCRATCH ((size_t)64 * 1024 * 1024)
#define LIMIT_LOOKUP_NS INT64_C(30000000000)

/* How long the pages of a lookup by a grant may take, from the first one on. */
#define LIMIT_GRANT_CURSOR_NS (INT64_C(600) * 1000000000)

/* After which a page of an audit ends: lookups and checks, and the time they took. */
#define LIMIT_AUDIT_QUESTIONS ((size_t)10000)
#define LIMIT_AUDIT_NS INT64_C(5000000000)
/* Lines of the audit log that one page looks at. */
#define LIMIT_AUDIT_LINES UINT64_C(1000000)

/* After which a check of the pool gives way to checks that wait: some 100,000 edges. */
#define LIMIT_SLICE_NS INT64_C(10000000)
/* What a check may visit on an event loop before it is sent to the pool: some 100 microseconds. */
#define LIMIT_INLINE_EDGES UINT64_C(2000)
/* A bulk check of more items goes to the pool at once. */
#define LIMIT_INLINE_ITEMS 128
/* Items of a bulk check that tell an event loop what the others will visit. */
#define LIMIT_INLINE_SAMPLE 4

#define LIMIT_WRITE_QUEUE 10000 /* writes waiting for the writer thread */
#define LIMIT_WRITE_FRONT 1000  /* of those that go first, beside the others */
#define LIMIT_WRITE_GROUP 512   /* transactions that share one sync */
/* Updates of a group that is not the last write's alone: what is taken together is answered
 * together, after some 40 ms. */
#define LIMIT_WRITE_GROUP_UNITS 4096
/* The same beside writes that go first: some 5 ms. */
#define LIMIT_WRITE_FRONT_UNITS 512
/* Relationships beyond half of those that were there, after which a warm-up goes over all again. */
#define LIMIT_WARM_GROWTH UINT64_C(1000)
#define LIMIT_POOL_QUEUE 10000 /* jobs waiting, per class */
#define LIMIT_SCHEMAS_KEPT 16  /* compiled schemas of older revisions */
#define LIMIT_GRAPH_MEMORY_DEFAULT ((size_t)1024 * 1024 * 1024)

#endif
