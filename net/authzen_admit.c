/* authzen_admit.c - what is looked at before the body of an AuthZEN request. */
#include "net/authzen_admit.h"

#include <ctype.h>

#include "net/caller.h"
#include "net/shapes_agents.h"

#define SCHEME_BEARER SLICE_LITERAL("Bearer ")
#define JSON_TYPE SLICE_LITERAL("application/json")

static bool
equal_without_case(struct slice a, struct slice b)
{
    if (a.size != b.size)
        return false;
    for (size_t index = 0; index < a.size; index++)
        if (tolower((unsigned char)a.data[index]) != tolower((unsigned char)b.data[index]))
            return false;
    return true;
}

/* The value of a field that may stand once: empty where it is absent. */
static bool
read_once(const struct http_request *request, const char *name, struct slice *value,
          struct authzen_reply *reply)
{
    size_t found = 0;

    *value = (struct slice){NULL, 0};
    for (size_t index = 0; index < request->field_count; index++) {
        if (!equal_without_case(request->fields[index].name, slice_of(name)))
            continue;
        *value = request->fields[index].value;
        found++;
    }
    if (found > 1)
        authzen_refuse(reply, 400, "the field %s stands twice", name);
    return found <= 1;
}

static bool
read_request_id(const struct http_request *request, struct slice *id, struct authzen_reply *reply)
{
    struct slice value;

    *id = (struct slice){NULL, 0};
    if (!read_once(request, "X-Request-ID", &value, reply))
        return false;
    if (value.data == NULL)
        return true;
    if (!shape_is_request_id(value)) {
        authzen_refuse(reply, 400, "X-Request-ID must have 1 to 256 visible ASCII characters");
        return false;
    }
    *id = value;
    return true;
}

static bool
check_method(enum authzen_endpoint endpoint, const struct http_request *request,
             struct authzen_reply *reply)
{
    static const char *const names[] = {
        [HTTP_GET] = "GET",       [HTTP_HEAD] = "HEAD",       [HTTP_POST] = "POST",
        [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS",
    };

    if (strstr(authzen_allows(endpoint), names[request->method]) != NULL)
        return true;
    reply->allow = authzen_allows(endpoint);
    authzen_refuse(reply, 405, "here only %s is answered", reply->allow);
    return false;
}

/* NULL with the refusal: no key, or one that is not known. */
static const struct key *
find_caller(struct keys *keys, const struct http_request *request, enum authzen_key *shown,
            struct authzen_reply *reply)
{
    const struct key *caller = NULL;
    struct slice value;

    if (keys == NULL)
        return &key_of_all;
    if (!read_once(request, "Authorization", &value, reply))
        return NULL;
    if (value.size > SCHEME_BEARER.size &&
        equal_without_case((struct slice){value.data, SCHEME_BEARER.size}, SCHEME_BEARER)) {
        value.data += SCHEME_BEARER.size;
        value.size -= SCHEME_BEARER.size;
        caller = keys_find(keys, value);
        *shown = caller != NULL ? AUTHZEN_KEY_KNOWN : AUTHZEN_KEY_UNKNOWN;
    }
    if (caller == NULL)
        authzen_refuse(reply, 401, "the request needs a key that this server knows");
    return caller;
}

static bool
check_type(const struct http_request *request, struct authzen_reply *reply)
{
    struct slice type;
    const char *end;

    if (!read_once(request, "Content-Type", &type, reply))
        return false;
    end = type.size > 0 ? memchr(type.data, ';', type.size) : NULL;
    if (end != NULL)
        type.size = (size_t)(end - type.data);
    while (type.size > 0 && (type.data[type.size - 1] == ' ' || type.data[type.size - 1] == '\t'))
        type.size--;
    if (equal_without_case(type, JSON_TYPE))
        return true;
    authzen_refuse(reply, 400, "Content-Type must be application/json");
    return false;
}

bool
authzen_admit(const struct authzen_config *config, struct keys *keys,
              const struct http_request *request, int64_t now_ns,
              struct authzen_admission *admission, struct authzen_reply *reply)
{
    struct error error;

    *admission = (struct authzen_admission){.target.endpoint = AUTHZEN_NOWHERE};
    if (!read_request_id(request, &admission->request_id, reply))
        return false;
    if (!authzen_route(config, request->path, &admission->target)) {
        authzen_refuse(reply, 404, "there is nothing at this path");
        return false;
    }
    if (!read_once(request, "Idempotency-Key", &admission->idempotency_key, reply))
        return false;
    if (!check_method(admission->target.endpoint, request, reply))
        return false;
    if (admission->target.endpoint == AUTHZEN_METADATA)
        return true;
    admission->caller = find_caller(keys, request, &admission->key, reply);
    if (admission->caller == NULL)
        return false;
    if (caller_admit(admission->caller, authzen_method(admission->target.endpoint), now_ns,
                     &error) != BEHALF_OK)
        authzen_refuse_error(reply, &error);
    else if (!authzen_has_body(admission->target.endpoint, request) || check_type(request, reply))
        return true;
    key_release(admission->caller);
    admission->caller = NULL;
    return false;
}
