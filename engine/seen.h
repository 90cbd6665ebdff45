/* seen.h - when a grant of each session last allowed something.
 *
 * Always true: a session's time only grows, in believed time (clock_read().kept); it moves at most
 * once a second, never once the session is idle, and is kept in the store at most every
 * SEEN_KEPT_EVERY_NS, once it moved by an eighth of the idle timeout. So no check commits; idle may
 * come early by these steps, never late. A session whose time is not kept yet stays in memory; the
 * others are read again where they were evicted. While the times that are not kept fill the memory,
 * no further session moves: those in memory are kept whatever they moved by, and make room.
 * Threads: seen_at and seen_touch on any, without a lock where the session is in memory; seen_keep
 * and seen_forget on the writer thread. */
#ifndef BEHALF_ENGINE_SEEN_H
#define BEHALF_ENGINE_SEEN_H

#include "engine/records.h"

#define SEEN_KEPT_EVERY_NS (INT64_C(10) * 1000000000)
#define SEEN_MOVES_EVERY_NS INT64_C(1000000000)

struct seen;

/* Some 80 bytes for a session. */
struct seen *seen_new(struct store *store, size_t memory_bytes);
void seen_free(struct seen *seen); /* accepts NULL; keeps nothing */

/* The session's time; `created` where it was never used. WOULD_BLOCK when it would have to be read
 * from the store and `may_block` is false. */
enum status seen_at(struct seen *seen, const struct session *session, bool may_block,
                    int64_t *time_ns, struct error *error) BEHALF_MUST_USE;
/* After an allow, by what clock_read().kept gives; the same request has asked seen_at. */
void seen_touch(struct seen *seen, const struct session *session, int64_t kept_ns);
/* Keeps what moved far enough: a part of all sessions by the time since the last call, each once in
 * SEEN_KEPT_EVERY_NS. With `all`, at the end, every time that moved. BEHALF_OK when something was
 * written (not durable until the next store_sync, and none is needed for it), BEHALF_DONE when
 * nothing was. */
enum status seen_keep(struct seen *seen, int64_t monotonic_ns, bool all,
                      struct error *error) BEHALF_MUST_USE;
/* The session was swept. */
void seen_forget(struct seen *seen, const struct record_id *session);

struct seen_stats {
    size_t bytes;
    size_t sessions;
    size_t moved; /* of them, not kept yet */
};

/* Walks all of it: for statistics and tests. */
void seen_stats_read(struct seen *seen, struct seen_stats *stats);

#endif
