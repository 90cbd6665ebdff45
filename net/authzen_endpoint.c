/* authzen_endpoint.c - the endpoints of AuthZEN. */
#include "net/authzen_endpoint.h"

#include "net/json_out.h"
#include "net/methods.h"

#define METADATA_PATH "/.well-known/authzen-configuration"
#define REQUESTS_PATH "/access/v1/requests"
#define CANCEL "/cancel"
#define CAPABILITY SLICE_LITERAL("urn:openid:authzen:capability:access-request")

/* An endpoint has the roles of the method that answers the same question. */
struct endpoint {
    const char *path;   /* of the API, or what all its paths look like */
    const char *member; /* of the metadata; NULL = none */
    const char *method; /* of the protocol; NULL = none */
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
    [AUTHZEN_REQUESTS] = {REQUESTS_PATH, "access_request_endpoint", "requests.create",
                          LIMIT_CHECK_DEADLINE_MS},
    [AUTHZEN_REQUEST] = {REQUESTS_PATH "/{id}", NULL, "requests.read", LIMIT_CHECK_DEADLINE_MS},
    [AUTHZEN_REQUEST_CANCEL] = {REQUESTS_PATH "/{id}" CANCEL, NULL, "requests.cancel",
                                LIMIT_CHECK_DEADLINE_MS},
    [AUTHZEN_METADATA] = {METADATA_PATH, NULL, NULL, LIMIT_CHECK_DEADLINE_MS},
    [AUTHZEN_NOWHERE] = {"other", NULL, NULL, LIMIT_CHECK_DEADLINE_MS},
};

/* --- paths --- */

/* Those with a member in the metadata have one path each. */
static bool
is_there(const struct authzen_config *config, enum authzen_endpoint endpoint)
{
    return endpoints[endpoint].member != NULL &&
           (endpoint != AUTHZEN_REQUESTS || authzen_takes_requests(config));
}

/* "/access/v1/requests/ID" or "/access/v1/requests/ID/cancel". */
static bool
route_task(struct slice path, struct authzen_target *target)
{
    static const struct slice head = {REQUESTS_PATH "/", sizeof REQUESTS_PATH};
    const char *slash;

    if (!slice_starts_with(path, head))
        return false;
    target->task = (struct slice){path.data + head.size, path.size - head.size};
    target->endpoint = AUTHZEN_REQUEST;
    if (target->task.size == 0)
        return false;
    slash = memchr(target->task.data, '/', target->task.size);
    if (slash == NULL)
        return true;
    target->endpoint = AUTHZEN_REQUEST_CANCEL;
    path = (struct slice){slash, target->task.size - (size_t)(slash - target->task.data)};
    target->task.size -= path.size;
    return target->task.size > 0 && slice_equal(path, SLICE_LITERAL(CANCEL));
}

static bool
route_metadata(const struct authzen_config *config, struct slice path)
{
    static const struct slice head = {METADATA_PATH, sizeof METADATA_PATH - 1};

    return config->pdp.size > 0 && slice_starts_with(path, head) &&
           slice_equal((struct slice){path.data + head.size, path.size - head.size}, config->path);
}

bool
authzen_route(const struct authzen_config *config, struct slice path, struct authzen_target *target)
{
    *target = (struct authzen_target){.endpoint = AUTHZEN_NOWHERE};
    for (size_t index = 0; index < AUTHZEN_METADATA; index++) {
        if (!is_there(config, (enum authzen_endpoint)index) ||
            !slice_equal(path, slice_of(endpoints[index].path)))
            continue;
        target->endpoint = (enum authzen_endpoint)index;
        return true;
    }
    if (authzen_takes_requests(config) && route_task(path, target))
        return true;
    *target = (struct authzen_target){.endpoint = AUTHZEN_NOWHERE};
    if (route_metadata(config, path))
        target->endpoint = AUTHZEN_METADATA;
    return target->endpoint == AUTHZEN_METADATA;
}

const char *
authzen_pattern(enum authzen_endpoint endpoint)
{
    return endpoints[endpoint].path;
}

const char *
authzen_allows(enum authzen_endpoint endpoint)
{
    return endpoint == AUTHZEN_METADATA || endpoint == AUTHZEN_REQUEST ? "GET, HEAD" : "POST";
}

bool
authzen_has_body(enum authzen_endpoint endpoint, const struct http_request *request)
{
    if (endpoint == AUTHZEN_REQUEST_CANCEL)
        return request->body.size > 0;
    return endpoint != AUTHZEN_METADATA && endpoint != AUTHZEN_REQUEST;
}

/* --- URLs --- */

void
authzen_put_metadata(const struct authzen_config *config, struct buffer *out)
{
    struct json_out json = json_begin(out);
    struct buffer url;

    buffer_init(&url);
    json_open_map(&json, NULL);
    json_put_text(&json, "policy_decision_point", config->pdp);
    for (size_t index = 0; index < AUTHZEN_METADATA; index++) {
        if (!is_there(config, (enum authzen_endpoint)index))
            continue;
        buffer_clear(&url);
        buffer_add_slice(&url, config->base);
        buffer_add_text(&url, endpoints[index].path);
        json_put_text(&json, endpoints[index].member, buffer_slice(&url));
    }
    if (authzen_takes_requests(config)) {
        json_open_list(&json, "capabilities");
        json_put_text(&json, NULL, CAPABILITY);
        json_close_list(&json);
    }
    json_close_map(&json);
    buffer_release(&url);
}

void
authzen_put_task_url(const struct authzen_config *config, struct slice task, const char *end,
                     struct buffer *out)
{
    buffer_add_slice(out, config->base);
    buffer_add_text(out, REQUESTS_PATH "/");
    buffer_add_slice(out, task);
    buffer_add_text(out, end);
}

/* --- what answers --- */

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
