/* attributes.c - see attributes.h. */
#include "engine/attributes.h"

#include "engine/request.h"

enum status
attributes_decode(struct slice body, struct arena *arena, const struct datum **attributes,
                  struct error *error)
{
    enum status status = datum_decode(body, arena, attributes, error);

    if (status != BEHALF_OK || (*attributes)->kind == DATUM_MAP)
        return status;
    return error_set(error, BEHALF_STORAGE_CORRUPT, "stored attributes are no map");
}

enum status
attributes_find(struct record_cache *cache, struct graph_view *view, uint64_t node,
                struct arena *arena, const struct datum **attributes, struct error *error)
{
    struct slice body;
    enum status status;

    *attributes = NULL;
    if (NODE_IS_LOCAL(node))
        return BEHALF_OK;
    status = record_cache_attributes(cache, view, node, arena, &body, error);
    if (status != BEHALF_OK || body.size == 0)
        return status;
    status = attributes_decode(body, arena, attributes, error);
    if (status != BEHALF_OK)
        *attributes = NULL;
    return status;
}

/* --- as a request --- */

enum status
engine_attributes_read(struct engine_worker *worker, const struct engine_request *request,
                       const struct object *object, struct engine_attributes_result *result,
                       struct error *error)
{
    struct engine_attributes_result found = {.attributes = NULL};
    struct snapshot snapshot;
    uint32_t type;
    uint64_t node;
    enum status status = snapshot_open(worker, request, REQUEST_CHECK, 0, &snapshot, error);

    if (status != BEHALF_OK)
        return status;
    status = request_resource(&snapshot, object, &type, &node, error);
    if (status == BEHALF_OK)
        status = attributes_find(snapshot.engine->records, &snapshot.view, node, request->arena,
                                 &found.attributes, error);
    found.read_at = snapshot.token;
    if (status == BEHALF_OK)
        *result = found;
    snapshot_close(&snapshot);
    return status;
}
