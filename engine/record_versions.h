/* record_versions.h - the memory under record_cache.h: sessions, grants, counts of uses and
 * attributes by key.
 *
 * Always true: a version that a find gives is the one in force at the revision asked for; where
 * memory cannot promise that, the answer is `storage` (the caller reads storage at its own
 * revision) or `absent` (no thread has the record: the caller may load it). Of uses it is the
 * newest. The top of record_versions.c proves the protocol.
 *
 * Threads: find and load on any thread, inside a section of readers.h; apply, drop and trim on the
 * writer thread. A find takes no lock, unless slots moved during LOOKS_MAX looks in a row. No lock
 * is held across a read of storage.
 * Memory: tables, records and superseded versions are counted, and brought under the budget of
 * their shard after each load and change. Retired blocks wait for the sections that may read them;
 * they are counted by readers.h. */
#ifndef BEHALF_ENGINE_RECORD_VERSIONS_H
#define BEHALF_ENGINE_RECORD_VERSIONS_H

#include "engine/record_block.h"
#include "engine/record_cache.h"
#include "graph/readers.h"

struct record_versions;

/* Under a smaller budget nothing is kept: every find answers `storage`. */
#define RECORD_VERSIONS_SMALLEST ((size_t)4096)

struct record_versions *record_versions_new(struct readers *readers, size_t memory_bytes);
void record_versions_free(struct record_versions *versions); /* NULL too; no load is under way */

enum record_answer { RECORD_FOUND, RECORD_STORAGE, RECORD_ABSENT };

/* Of a session, a grant or attributes. RECORD_FOUND: *copy is its block in `arena`, NULL when the
 * arena is spent. */
enum record_answer record_versions_find(struct record_versions *versions, enum record_kind kind,
                                        const struct record_id *id, uint64_t revision,
                                        struct arena *arena, const void **copy);
enum record_answer record_versions_uses(struct record_versions *versions,
                                        const struct record_id *grant, uint64_t *left);

/* A load under way. It lies in the loader's stack frame; the writer reaches it through the loading
 * mark, and only under the shard's lock. */
struct record_load {
    _Alignas(16) enum record_kind kind;
    struct record_id id;
    bool struck;       /* as all below, guarded by the shard's lock */
    uint64_t revision; /* of the newest change left here; 0 = none */
    void *left;        /* the version that it made; NULL where the record is not to be kept */
};

/* Installs the loading mark. False when the slot is taken or there is no room; the caller then
 * reads storage for itself. After true, the caller opens a storage snapshot, reads the record at
 * its head and calls record_versions_load_end exactly once, also after a failure. */
bool record_versions_load_begin(struct record_versions *versions, enum record_kind kind,
                                const struct record_id *id,
                                struct record_load *load) BEHALF_MUST_USE;

/* `head` is that of the snapshot; 0 when nothing could be read. */
void record_versions_load_end(struct record_versions *versions, struct record_load *load,
                              const struct record_image *image, uint64_t head);

/* Between commit and publication. `pins` are the revisions in use. */
void record_versions_apply(struct record_versions *versions, const struct record_change *change,
                           uint64_t published, const struct reader_pins *pins);
void record_versions_drop(struct record_versions *versions, enum record_kind kind,
                          const struct record_id *id);
/* Retires superseded versions that no reader needs. Bounded work per call; call it again and
 * again. */
void record_versions_trim(struct record_versions *versions, uint64_t published,
                          const struct reader_pins *pins);

void record_versions_stats_read(struct record_versions *versions, struct record_cache_stats *stats);
void record_versions_figures_read(struct record_versions *versions,
                                  struct record_cache_figures *figures);

/* Recounts everything; false with *reason. No other thread may use the versions. */
bool record_versions_validate(struct record_versions *versions, const char **reason);

#endif
