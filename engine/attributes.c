/* attributes.c - see attributes.h. */
#include "engine/attributes.h"

/* The stored body, copied: the map's strings point into it. */
static enum status
decode(struct slice body, struct arena *arena, const struct datum **attributes, struct error *error)
{
    const struct slice copy = arena_copy(arena, body);
    enum status status;

    if (copy.data == NULL)
        return budget_memory_spent(error);
    status = datum_decode(copy, arena, attributes, error);
    if (status != BEHALF_OK || (*attributes)->kind == DATUM_MAP)
        return status;
    return error_set(error, BEHALF_STORAGE_CORRUPT, "stored attributes are no map");
}

enum status
attributes_find(struct record_cache *cache, struct graph_view *view, uint64_t node,
                struct arena *arena, const struct datum **attributes, struct error *error)
{
    const struct store_record_key key = record_attributes_key(node);
    const struct store_snapshot *snapshot = NULL;
    struct store_record record;
    struct buffer bytes;
    bool found = false;
    enum status status;

    (void)cache;
    *attributes = NULL;
    if (NODE_IS_LOCAL(node))
        return BEHALF_OK;
    status = graph_view_storage(view, &snapshot, error);
    if (status != BEHALF_OK)
        return status;
    buffer_init(&bytes);
    status = store_record_find(snapshot, view->revision, &key, &record, &bytes, &found, error);
    if (status == BEHALF_OK && found)
        status = decode(record.body, arena, attributes, error);
    if (status != BEHALF_OK)
        *attributes = NULL;
    buffer_release(&bytes);
    return status;
}
