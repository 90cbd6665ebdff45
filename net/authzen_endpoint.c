/* authzen_endpoint.c - the endpoints of AuthZEN. */
#include "net/authzen_endpoint.h"

#include "net/json_out.h"
#include "net/methods.h"

#define WELL_KNOWN SLICE_LITERAL("/.well-known/authzen-configuration")

/* An endpoint has the roles of the method that answers the same question. */
struct endpoint {
    const char *path;   /* of the API; NULL = metadata */
    const char *member; /* of the metadata */
    const char *method; /* of the protocol */
    uint32_t deadline_ms;
};

static const struct endpoint endpoints[] = {
    [AUTHZEN_EVALUATION] = {"/access/v1/evaluation", "access_evaluation_endpoint", "check",
                            LIMIT_CHECK_DEADLINE_MS},
    [AUTHZEN_EVALUATIONS] = {"/access/v1/evaluations", "access_evaluations_endpoint", "check_bulk",
                             LIMIT_CHECK_DEADLINE_MS},
    [AUTHZEN_SEARCH_SUBJECT] = {"/access/v1/search/subject", "search_subject_endpoint",
                                "lookup_subjects", LIMIT_LOOKUP_DEADLINE_MS},
    [AUTHZEN_SEARCH_RESOURCE] = {"/access/v1/search/resource", "search_resource_endpoint",
                                 "lookup_resources", LIMIT_LOOKUP_DEADLINE_MS},
    [AUTHZEN_SEARCH_ACTION] = {"/access/v1/search/action", "search_action_endpoint",
                               "lookup_permissions", LIMIT_LOOKUP_DEADLINE_MS},
    [AUTHZEN_METADATA] = {NULL, NULL, NULL, LIMIT_CHECK_DEADLINE_MS},
};

bool
authzen_route(const struct authzen_config *config, struct slice path,
              enum authzen_endpoint *endpoint)
{
    for (size_t index = 0; index < AUTHZEN_METADATA; index++) {
        if (!slice_equal(path, slice_of(endpoints[index].path)))
            continue;
        *endpoint = (enum authzen_endpoint)index;
        return true;
    }
    *endpoint = AUTHZEN_METADATA;
    if (config->pdp.size == 0 || !slice_starts_with(path, WELL_KNOWN))
        return false;
    path.data += WELL_KNOWN.size;
    path.size -= WELL_KNOWN.size;
    return slice_equal(path, config->path);
}

void
authzen_put_metadata(const struct authzen_config *config, struct buffer *out)
{
    struct json_out json = json_begin(out);
    struct buffer url;

    buffer_init(&url);
    json_open_map(&json, NULL);
    json_put_text(&json, "policy_decision_point", config->pdp);
    for (size_t index = 0; index < AUTHZEN_METADATA; index++) {
        buffer_clear(&url);
        buffer_add_slice(&url, config->base);
        buffer_add_text(&url, endpoints[index].path);
        json_put_text(&json, endpoints[index].member, buffer_slice(&url));
    }
    json_close_map(&json);
    buffer_release(&url);
}

const char *
authzen_path(enum authzen_endpoint endpoint)
{
    return endpoints[endpoint].path;
}

const struct method *
authzen_method(enum authzen_endpoint endpoint)
{
    return method_find(slice_of(endpoints[endpoint].method));
}

enum engine_class
authzen_class(enum authzen_endpoint endpoint, size_t body_size)
{
    bool is_short = endpoint == AUTHZEN_EVALUATION || endpoint == AUTHZEN_EVALUATIONS;

    /* What takes long by its size must not keep short checks waiting. */
    return is_short && body_size <= LIMIT_INLINE_FRAME ? ENGINE_CLASS_CHECK : ENGINE_CLASS_LOOKUP;
}

int64_t
authzen_deadline_ns(enum authzen_endpoint endpoint, int64_t arrived_ns)
{
    return arrived_ns + (int64_t)endpoints[endpoint].deadline_ms * 1000000;
}
