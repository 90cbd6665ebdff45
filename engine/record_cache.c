/* record_cache.c - records of requests: from memory, or read from storage and kept there.
 * Always true: an answer is the version in force at the view's revision. A load reads the head of a
 * snapshot that it opens after its mark (record_versions.c says why); where that is newer than the
 * view, the view's version is read beside it. */
#include "engine/record_cache.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "engine/record_versions.h"

struct record_cache {
    struct store *store;
    struct readers *readers;
    struct record_versions *versions;
};

struct record_cache *
record_cache_new(struct store *store, struct readers *readers, size_t memory_bytes)
{
    struct record_cache *cache = memory_new(sizeof *cache);

    cache->store = store;
    cache->readers = readers;
    cache->versions = record_versions_new(readers, memory_bytes);
    return cache;
}

void
record_cache_free(struct record_cache *cache)
{
    if (cache == NULL)
        return;
    record_versions_free(cache->versions);
    memory_free(cache);
}

/* --- changing --- */

static bool
is_cached(enum record_kind kind)
{
    return kind == RECORD_SESSION || kind == RECORD_GRANT || kind == RECORD_USES ||
           kind == RECORD_ATTRIBUTES;
}

void
record_cache_apply(struct record_cache *cache, const struct record_change *changes, size_t count,
                   uint64_t published)
{
    struct reader_pins pins;

    if (count == 0)
        return;
    /* Once per group: a pin that appears later costs its view a read of storage. */
    readers_pins(cache->readers, &pins);
    for (size_t at = 0; at < count; at++) {
        if (is_cached(changes[at].key.kind))
            record_versions_apply(cache->versions, &changes[at], published, &pins);
    }
}

void
record_cache_invalidate(struct record_cache *cache, const struct store_record_key *key)
{
    if (is_cached(key->kind))
        record_versions_drop(cache->versions, key->kind, (const struct record_id *)key->id);
}

void
record_cache_trim(struct record_cache *cache, uint64_t published)
{
    struct reader_pins pins;

    readers_pins(cache->readers, &pins);
    record_versions_trim(cache->versions, published, &pins);
}

/* --- reading storage --- */

/* A record as it was read: the buffers hold its bytes and its block. */
struct stored {
    struct buffer bytes;
    struct buffer block;
    uint64_t left; /* the block of uses */
    struct record_image image;
};

static void
stored_init(struct stored *stored)
{
    *stored = (struct stored){.image = {0}};
    buffer_init(&stored->bytes);
    buffer_init(&stored->block);
}

static void
stored_release(struct stored *stored)
{
    buffer_release(&stored->bytes);
    buffer_release(&stored->block);
}

static enum status
decode(struct store *store, const struct store_record *record, struct stored *stored,
       struct error *error)
{
    enum status status;

    if (record->key.kind == RECORD_USES) {
        status = record_uses(record, &stored->left, error);
        stored->image =
            (struct record_image){record->created_revision, &stored->left, sizeof stored->left};
        return status;
    }
    if (record->key.kind == RECORD_ATTRIBUTES) {
        stored->image =
            (struct record_image){record->created_revision, record->body.data, record->body.size};
        return BEHALF_OK;
    }
    status = record->key.kind == RECORD_SESSION
                 ? record_session(store, record, &stored->block, error)
                 : record_grant(store, record, &stored->block, error);
    stored->image =
        (struct record_image){record->created_revision, stored->block.data, stored->block.size};
    return status;
}

/* The version at `revision`; the image has no block where there is none, and after a failure. Of
 * attributes it says that there are none. */
static enum status
read_stored(struct record_cache *cache, const struct store_snapshot *snapshot, uint64_t revision,
            const struct store_record_key *key, struct stored *stored, struct error *error)
{
    struct store_record record;
    bool found = false;
    enum status status =
        store_record_find(snapshot, revision, key, &record, &stored->bytes, &found, error);

    stored->image = (struct record_image){.block = NULL};
    if (status == BEHALF_OK && found)
        status = decode(cache->store, &record, stored, error);
    else if (key->kind == RECORD_ATTRIBUTES)
        stored->image = (struct record_image){revision, "", 0};
    if (status != BEHALF_OK)
        stored->image.block = NULL;
    return status;
}

/* Between load_begin and load_end: reads the head for the memory, and gives what is in force at the
 * view's revision. */
static enum status
load(struct record_cache *cache, uint64_t revision, const struct store_record_key *key,
     struct record_load *mark, struct stored *stored, struct error *error)
{
    struct store_snapshot *snapshot = NULL;
    enum status status = store_snapshot_open(cache->store, &snapshot, error);
    uint64_t head = 0;

    if (status == BEHALF_OK) {
        head = store_snapshot_head(snapshot);
        status = read_stored(cache, snapshot, head, key, stored, error);
    }
    record_versions_load_end(cache->versions, mark, &stored->image, status == BEHALF_OK ? head : 0);
    /* What the head has is in force at the view's revision if it was written by then. */
    if (status == BEHALF_OK && key->kind != RECORD_USES && revision < head &&
        (stored->image.block == NULL || stored->image.revision > revision))
        status = read_stored(cache, snapshot, revision, key, stored, error);
    store_snapshot_close(snapshot);
    return status;
}

/* For a record that memory did not have. Uses are in no history: of them the snapshot's newest. */
static enum status
read_through(struct record_cache *cache, struct graph_view *view, enum record_kind kind,
             const struct record_id *id, bool absent, struct stored *stored, struct error *error)
{
    struct store_record_key key = kind == RECORD_ATTRIBUTES
                                      ? record_attributes_key(bytes_get_u64(id->bytes))
                                      : record_key(kind, id);
    const struct store_snapshot *snapshot = NULL;
    struct record_load mark;
    enum status status;

    if (absent && record_versions_load_begin(cache->versions, kind, id, &mark))
        return load(cache, view->revision, &key, &mark, stored, error);
    status = graph_view_storage(view, &snapshot, error);
    if (status != BEHALF_OK)
        return status;
    return read_stored(cache, snapshot,
                       kind == RECORD_USES ? store_snapshot_head(snapshot) : view->revision, &key,
                       stored, error);
}

/* --- reading --- */

/* Of a session or a grant. */
static enum status
read_record(struct record_cache *cache, struct graph_view *view, enum record_kind kind,
            const struct record_id *id, struct arena *arena, const void **block,
            struct error *error)
{
    enum record_answer answer = RECORD_STORAGE;
    struct stored stored;
    enum status status;

    *block = NULL;
    if (BEHALF_LIKELY(graph_view_enter(view)))
        answer = record_versions_find(cache->versions, kind, id, view->revision, arena, block);
    if (BEHALF_LIKELY(answer == RECORD_FOUND))
        return *block != NULL ? BEHALF_OK : budget_memory_spent(error);
    if (!view->may_block)
        return BEHALF_WOULD_BLOCK;
    stored_init(&stored);
    status = read_through(cache, view, kind, id, answer == RECORD_ABSENT, &stored, error);
    if (status == BEHALF_OK && stored.image.block != NULL) {
        struct slice bytes = {stored.image.block, stored.image.size};

        *block = arena_copy(arena, bytes).data;
        if (*block == NULL)
            status = budget_memory_spent(error);
    }
    stored_release(&stored);
    return status;
}

enum status
record_cache_session(struct record_cache *cache, struct graph_view *view,
                     const struct record_id *id, struct arena *arena,
                     const struct session **session, struct error *error)
{
    const void *block;
    enum status status = read_record(cache, view, RECORD_SESSION, id, arena, &block, error);

    *session = block;
    return status;
}

enum status
record_cache_grant(struct record_cache *cache, struct graph_view *view, const struct record_id *id,
                   struct arena *arena, const struct grant **grant, struct error *error)
{
    const void *block;
    enum status status = read_record(cache, view, RECORD_GRANT, id, arena, &block, error);

    *grant = block;
    return status;
}

enum status
record_cache_uses(struct record_cache *cache, struct graph_view *view,
                  const struct record_id *grant, uint64_t *left, struct error *error)
{
    enum record_answer answer = RECORD_STORAGE;
    struct stored stored;
    enum status status;

    *left = 0;
    if (BEHALF_LIKELY(graph_view_enter(view)))
        answer = record_versions_uses(cache->versions, grant, left);
    if (BEHALF_LIKELY(answer == RECORD_FOUND))
        return BEHALF_OK;
    if (!view->may_block)
        return BEHALF_WOULD_BLOCK;
    stored_init(&stored);
    status = read_through(cache, view, RECORD_USES, grant, answer == RECORD_ABSENT, &stored, error);
    if (status == BEHALF_OK && stored.image.block != NULL)
        *left = stored.left;
    stored_release(&stored);
    return status;
}

enum status
record_cache_attributes(struct record_cache *cache, struct graph_view *view, uint64_t node,
                        struct arena *arena, struct slice *body, struct error *error)
{
    enum record_answer answer = RECORD_STORAGE;
    const struct record_attributes_block *kept = NULL;
    const void *block = NULL;
    struct record_id id = {{0}};
    struct stored stored;
    enum status status;

    *body = (struct slice){NULL, 0};
    bytes_put_u64(id.bytes, node);
    if (BEHALF_LIKELY(graph_view_enter(view)))
        answer = record_versions_find(cache->versions, RECORD_ATTRIBUTES, &id, view->revision,
                                      arena, &block);
    if (BEHALF_LIKELY(answer == RECORD_FOUND)) {
        if (block == NULL)
            return budget_memory_spent(error);
        kept = block;
        *body = (struct slice){kept->body, kept->size};
        return BEHALF_OK;
    }
    if (!view->may_block)
        return BEHALF_WOULD_BLOCK;
    stored_init(&stored);
    status =
        read_through(cache, view, RECORD_ATTRIBUTES, &id, answer == RECORD_ABSENT, &stored, error);
    if (status == BEHALF_OK && stored.image.size > 0) {
        *body = arena_copy(arena, (struct slice){stored.image.block, stored.image.size});
        if (body->data == NULL)
            status = budget_memory_spent(error);
    }
    stored_release(&stored);
    return status;
}

/* --- looking at all of it --- */

void
record_cache_stats_read(struct record_cache *cache, struct record_cache_stats *stats)
{
    record_versions_stats_read(cache->versions, stats);
}

void
record_cache_figures_read(struct record_cache *cache, struct record_cache_figures *figures)
{
    record_versions_figures_read(cache->versions, figures);
}

bool
record_cache_validate(struct record_cache *cache, const char **reason)
{
    return record_versions_validate(cache->versions, reason);
}
