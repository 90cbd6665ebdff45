/* caller.c - see caller.h. */
#include "net/caller.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- who it is --- */

void
caller_init(struct caller *caller, struct keys *keys, bool is_trusted)
{
    *caller = (struct caller){
        .keys = is_trusted ? NULL : keys,
        .key = keys == NULL || is_trusted ? &key_of_all : &key_of_nobody,
        .generation = keys != NULL ? keys_generation(keys) : 0,
    };
}

void
caller_release(struct caller *caller)
{
    key_release(caller->key);
    caller->key = &key_of_nobody;
}

enum status
caller_log_in(struct caller *caller, struct slice secret, struct error *error)
{
    const struct key *key;

    if (caller->keys == NULL)
        return BEHALF_OK;
    /* Before the look, so that a set which comes meanwhile is looked at again. */
    caller->generation = keys_generation(caller->keys);
    key = keys_find(caller->keys, secret);
    caller_release(caller);
    if (key != NULL) {
        caller->key = key;
        return BEHALF_OK;
    }
    (void)error_set(error, BEHALF_UNKNOWN_KEY, "the key is not one that the server knows");
    error_hint(error, "ask whoever runs the server for a key");
    return BEHALF_UNKNOWN_KEY;
}

bool
caller_renew(struct caller *caller)
{
    const struct key *key;

    caller->generation = keys_generation(caller->keys);
    if (caller->key == &key_of_nobody)
        return true;
    key = keys_renew(caller->keys, caller->key);
    caller->key = key != NULL ? key : &key_of_nobody;
    return key != NULL;
}

bool
caller_is_owner(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    int domain = 0;
    socklen_t domain_size = sizeof domain;

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) != 0 || domain != AF_UNIX ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || size != sizeof peer)
        return false;
    return peer.uid == geteuid() || peer.uid == 0;
}

/* --- what it may --- */

static void
name_roles(unsigned roles, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (unsigned role = 1; role < ROLE_ANY && used < size; role <<= 1) {
        if (((roles | ROLE_ADMIN) & role) != 0)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "",
                                     role_name((enum role)role));
    }
}

enum status
caller_refuse(const struct key *key, const struct method *method, struct error *error)
{
    char roles[128];

    if (key == &key_of_nobody) {
        (void)error_set(error, BEHALF_UNKNOWN_KEY,
                        "this server asks for a key: nothing but auth and ping is answered before");
        error_hint(error, "log in with auth {key}; the command line takes --key-file FILE or "
                          "BEHALF_KEY_FILE");
        return BEHALF_UNKNOWN_KEY;
    }
    name_roles(method->roles, roles, sizeof roles);
    (void)error_set(error, BEHALF_ROLE_REQUIRED,
                    "the key '%s' may not call %s: roles that may are %s", key->name, method->name,
                    roles);
    error_hint(error, "use another key, or give this one the role in the keys file");
    return BEHALF_ROLE_REQUIRED;
}

enum status
caller_refuse_action(const struct key *key, struct error *error)
{
    (void)error_set(error, BEHALF_ROLE_REQUIRED,
                    "the key '%s' may read the clock; an 'action' needs the role admin", key->name);
    error_hint(error, "rejecting a right clock would revive what has expired");
    return BEHALF_ROLE_REQUIRED;
}

enum status
caller_take_request(const struct key *key, int64_t now_ns, struct error *error)
{
    uint32_t retry_after_ms = 0;

    if (key_take_request(key, now_ns, &retry_after_ms))
        return BEHALF_OK;
    (void)error_set(error, BEHALF_OVERLOADED,
                    "the key '%s' has used what its rate allows (requests=%llu/s cost=%llu/s, "
                    "0 = any)",
                    key->name, (unsigned long long)key->requests_per_s,
                    (unsigned long long)key->cost_per_s);
    error_hint(error, "repeat it after retry_after_ms");
    error->retry_after_ms = retry_after_ms;
    return BEHALF_OVERLOADED;
}

/* --- for whom --- */

static bool
is_bound_to(const struct key *key, const struct object *object)
{
    return !object->wildcard && object->relation.size == 0 &&
           slice_equal(object->type, key->actor.type) && slice_equal(object->id, key->actor.id);
}

enum status
caller_refuse_actors(const struct key *key, const struct object *actors, size_t count,
                     struct error *error)
{
    if (count == 0) {
        (void)error_set(error, BEHALF_ROLE_REQUIRED,
                        "the key '%s' asks for actors only, and no 'actor' is named", key->name);
        error_hint(error, "name the actor: without one the subject's whole right would count");
        return BEHALF_ROLE_REQUIRED;
    }
    if (!key->is_bound)
        return BEHALF_OK;
    return caller_check_bound(key, &actors[count - 1], "actor", error);
}

enum status
caller_check_bound(const struct key *key, const struct object *object, const char *argument,
                   struct error *error)
{
    if (!key->is_bound || is_bound_to(key, object))
        return BEHALF_OK;
    (void)error_set(error, BEHALF_ROLE_REQUIRED,
                    "the key '%s' is bound to %.*s:%.*s: '%s' must be that object", key->name,
                    SLICE_PRINTF(key->actor.type), SLICE_PRINTF(key->actor.id), argument);
    error_hint(error, "use a key that is not bound, or the agent's own");
    return BEHALF_ROLE_REQUIRED;
}

enum status
caller_refuse_write(const struct key *key, struct slice type, struct slice relation,
                    struct error *error)
{
    for (size_t at = 0; at < key->scope_count; at++) {
        const struct key_scope *scope = &key->scopes[at];

        if (slice_equal(scope->type, type) &&
            (scope->relation.size == 0 || slice_equal(scope->relation, relation)))
            return BEHALF_OK;
    }
    (void)error_set(
        error, BEHALF_ROLE_REQUIRED, "the key '%s' may not write, delete or ask for '%.*s#%.*s'",
        key->name, type.size > 0 ? (int)type.size : 1, type.size > 0 ? type.data : "*",
        relation.size > 0 ? (int)relation.size : 1, relation.size > 0 ? relation.data : "*");
    error_hint(error, "writes= of its line in the keys file names the types and relations that it "
                      "may write; a filter must name one of them");
    return BEHALF_ROLE_REQUIRED;
}
