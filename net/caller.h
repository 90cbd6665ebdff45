/* caller.h - who calls, and whether a request of theirs is admitted: one place for every door.
 *
 * For each request, before anything of it is decoded: caller_is_known, then caller_admit. For a
 * decision or a lookup, once its actors are decoded: caller_check_actors. What a bound key may see
 * of records is `bound` of engine_request and engine_write.
 * Always true: `key` is never NULL, and one reference. An error does not tell an unknown key from a
 * wrong one.
 * Threads: a caller belongs to one thread; keys are read by any. */
#ifndef BEHALF_NET_CALLER_H
#define BEHALF_NET_CALLER_H

#include "net/methods.h"

struct caller {
    struct keys *keys; /* borrowed; NULL = nobody is asked for a key */
    const struct key *key;
    uint64_t generation; /* of the keys when `key` was looked up */
};

/* Nobody, until caller_log_in; where there are no keys, or for whom the system vouches, everybody
 * who may do everything. */
void caller_init(struct caller *caller, struct keys *keys, bool is_trusted);
void caller_release(struct caller *caller);

/* Becomes the caller with this key. UNKNOWN_KEY: becomes nobody. Without keys every key will do:
 * clients can have theirs before the server does. */
enum status caller_log_in(struct caller *caller, struct slice secret,
                          struct error *error) BEHALF_MUST_USE;

/* A newer set of keys came: looks the key up again. */
bool caller_renew(struct caller *caller) BEHALF_MUST_USE;

/* False once, when the key was taken away: the caller is nobody then. */
static inline bool
caller_is_known(struct caller *caller)
{
    return BEHALF_LIKELY(caller->keys == NULL) ||
           caller->generation == keys_generation(caller->keys) || caller_renew(caller);
}

/* UNKNOWN_KEY for nobody, ROLE_REQUIRED with the roles that may, OVERLOADED with retry_after_ms. */
enum status caller_refuse(const struct key *key, const struct method *method, struct error *error);
enum status caller_take_request(const struct key *key, int64_t now_ns, struct error *error);

/* Takes the request from the rate of the key. */
static inline enum status
caller_admit(const struct key *key, const struct method *method, int64_t now_ns,
             struct error *error)
{
    if (BEHALF_UNLIKELY(!key_has_role(key, method->roles)))
        return caller_refuse(key, method, error);
    if (BEHALF_UNLIKELY(key->meter != NULL))
        return caller_take_request(key, now_ns, error);
    return BEHALF_OK;
}

/* ROLE_REQUIRED: an `action` of server.clock, which only an admin has. */
enum status caller_refuse_action(const struct key *key, struct error *error);

enum status caller_refuse_actors(const struct key *key, const struct object *actors, size_t count,
                                 struct error *error);

/* Of a decision or lookup that the key may ask for without an actor when it has one of `roles`
 * (those of the method's row but ROLE_DELEGATED). ROLE_REQUIRED when it has none of them and there
 * is no actor, or when the key is bound and the last actor is another object. */
static inline enum status
caller_check_actors(const struct key *key, unsigned roles, const struct object *actors,
                    size_t count, struct error *error)
{
    if (BEHALF_LIKELY(key_has_role(key, roles) && !key->is_bound))
        return BEHALF_OK;
    return caller_refuse_actors(key, actors, count, error);
}

/* ROLE_REQUIRED unless the key is unbound, or bound to this object. */
enum status caller_check_bound(const struct key *key, const struct object *object,
                               const char *argument, struct error *error) BEHALF_MUST_USE;

/* Whether the key may write all relationships that a filter or an update can name: its type, and
 * where the key's scopes say so its relation; an empty one is any. ROLE_REQUIRED. */
enum status caller_refuse_write(const struct key *key, struct slice type, struct slice relation,
                                struct error *error);

static inline enum status
caller_check_write(const struct key *key, struct slice type, struct slice relation,
                   struct error *error)
{
    if (BEHALF_LIKELY(key->scope_count == 0))
        return BEHALF_OK;
    return caller_refuse_write(key, type, relation, error);
}

/* The object that a key is bound to, or NULL. */
static inline const struct object *
caller_bound(const struct key *key)
{
    return key->is_bound ? &key->actor : NULL;
}

/* Whether the process at the other end of a Unix socket is of this server's user, or root. */
bool caller_is_owner(int fd);

#endif
