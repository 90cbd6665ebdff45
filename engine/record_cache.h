/* record_cache.h - sessions, grants, uses and attributes in memory, in versions by revision.
 *
 * Always true:
 * - A record in memory has every change of its key: between commit and publication the writer calls
 *   record_cache_apply, which puts a new version in front. So no reader is given a revision before
 *   the cache has its changes.
 * - A load first installs a *loading* entry and then opens a storage snapshot and reads.
 *   record_cache_apply leaves a change of that record at the entry; the load then keeps what it was
 *   left, or nothing, and never the older value: a load under way does not bring a revoked grant
 *   back.
 * - An absence is not kept, but that of attributes is: most objects have none, and a check must not
 *   wait for storage to be told so. It is a version like another: the writer's changes reach it.
 * - A version that no reader needs any more is retired (graph/readers.h).
 * - A read gives the version in force at its view's revision; where memory has it not, the storage
 *   has. It never gives another one.
 *
 * Threads: record_cache_apply and record_cache_trim on the writer thread; reads on any, without a
 * lock where the record is in memory. Memory: within `memory_bytes`, by second chance. */
#ifndef BEHALF_ENGINE_RECORD_CACHE_H
#define BEHALF_ENGINE_RECORD_CACHE_H

#include "engine/records.h"
#include "graph/graph.h"

struct record_cache;

struct record_cache *record_cache_new(struct store *store, struct readers *readers,
                                      size_t memory_bytes);
void record_cache_free(struct record_cache *cache); /* accepts NULL */

/* A record changed by a transaction that committed, as record_session and record_grant give it for
 * the committed record: the created_revision in the block is `revision` (asserted). Of attributes
 * the body. */
struct record_change {
    struct store_record_key key;
    uint64_t revision;
    bool removed;
    const void *block; /* struct session, struct grant, uint64_t of uses, or a body; borrowed */
    size_t size;
};

/* The changes of a group, in the order of their revisions. Records of other kinds are passed over.
 * `published` is the revision that readers are given until then. */
void record_cache_apply(struct record_cache *cache, const struct record_change *changes,
                        size_t count, uint64_t published);
/* After a commit with an unknown outcome: forgets the record. */
void record_cache_invalidate(struct record_cache *cache, const struct store_record_key *key);
/* After publication, and from time to time: retires versions that no reader needs. */
void record_cache_trim(struct record_cache *cache, uint64_t published);

/* Copies the record, as of the view's revision, into `arena`; *session is NULL when there is none.
 * WOULD_BLOCK when it would have to be read and the view may not block; BUDGET_EXHAUSTED or
 * OVERLOADED when the arena is spent; STORAGE_*, REVISION_EXPIRED. */
enum status record_cache_session(struct record_cache *cache, struct graph_view *view,
                                 const struct record_id *id, struct arena *arena,
                                 const struct session **session,
                                 struct error *error) BEHALF_MUST_USE;
enum status record_cache_grant(struct record_cache *cache, struct graph_view *view,
                               const struct record_id *id, struct arena *arena,
                               const struct grant **grant, struct error *error) BEHALF_MUST_USE;
/* The uses that a grant has left; *left is 0 when there is no such record. Only the newest count is
 * kept: the answer may be newer than the view. */
enum status record_cache_uses(struct record_cache *cache, struct graph_view *view,
                              const struct record_id *grant, uint64_t *left,
                              struct error *error) BEHALF_MUST_USE;

/* The stored body of the attributes of a node, copied as above; empty when it has none. */
enum status record_cache_attributes(struct record_cache *cache, struct graph_view *view,
                                    uint64_t node, struct arena *arena, struct slice *body,
                                    struct error *error) BEHALF_MUST_USE;

struct record_cache_stats {
    size_t bytes;            /* tables and records, superseded versions included */
    size_t records;          /* with all their versions */
    size_t superseded_bytes; /* part of `bytes`: versions for requests at older revisions */
    size_t loading;          /* loads under way */
};

/* Walks the whole cache: for statistics, never for a request. */
void record_cache_stats_read(struct record_cache *cache, struct record_cache_stats *stats);

/* What costs no walk: a sum over the shards. */
struct record_cache_figures {
    size_t bytes;     /* as above */
    uint64_t records; /* with loads under way */
    uint64_t evicted; /* for want of room, since the start */
};

void record_cache_figures_read(struct record_cache *cache, struct record_cache_figures *figures);

/* Recounts everything. No other thread may use the cache. */
bool record_cache_validate(struct record_cache *cache, const char **reason);

#endif
