/* keys.h - who may call: the keys file, and what a key allows.
 *
 * Each line of the file: `name sha256-of-key role[,role...] [actor=TYPE:ID]
 * [writes=TYPE[#RELATION],...] [requests=N/s] [cost=N/s]`; '#' begins a comment line. Mode 0600 (or
 * 0640). The file holds digests, never keys.
 *
 * Always true: a key is compared with every entry, in constant time, whatever it is; an error does
 * not tell an unknown key from a wrong one. A set of keys never changes: a reload makes another one
 * and publishes it whole, or changes nothing. Refused when read: `agent` without actor=, `check`
 * beside `delegated`, with actor= any role but check, delegated, properties and agent, `properties`
 * alone, a name or a digest twice, an unknown role, a file that others may read.
 * Threads: keys_reload one; all else any. Memory: a set lives while somebody holds a reference to a
 * key of it. */
#ifndef BEHALF_NET_KEYS_H
#define BEHALF_NET_KEYS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/relationship.h"
#include "base/slice.h"

#define KEY_NAME_SIZE_MAX 64
#define KEY_TEXT_SIZE_MAX 256 /* of a key as it is shown */

/* What the key of a caller may be for. */
enum role {
    ROLE_CHECK = 1 << 0,      /* decisions */
    ROLE_DELEGATED = 1 << 1,  /* decisions that name an actor */
    ROLE_PROPERTIES = 1 << 2, /* properties of its requests count; beside one of these two */
    ROLE_AGENT = 1 << 3,      /* an agent of its own */
    ROLE_GRANTS = 1 << 4,     /* the consent service */
    ROLE_READ = 1 << 5,
    ROLE_WRITE = 1 << 6,
    ROLE_SCHEMA = 1 << 7,
    ROLE_AUDIT = 1 << 8,
    ROLE_ADMIN = 1 << 9,
    ROLE_ANY = (1 << 10) - 1,
    ROLE_NOBODY = 1 << 10, /* of a row: whoever has not logged in, too */
};

struct keys;

/* A caller as its key has it. Without a keys file everybody is `key_of_all`: every role, no bound,
 * no name. */
struct key {
    char name[KEY_NAME_SIZE_MAX + 1];
    uint8_t name_size;
    uint32_t roles;
    bool is_bound;
    struct object actor;            /* of a bound key: type and id */
    const struct key_scope *scopes; /* what `write` may write; none = everything */
    size_t scope_count;
    uint64_t requests_per_s; /* 0 = no limit */
    uint64_t cost_per_s;     /* the same */
    struct key_meter *meter; /* what it used, of a key with a rate; survives a reload under the same
                                name */
};

struct key_scope {
    struct slice type;
    struct slice relation; /* empty = all of the type */
};

extern const struct key key_of_all;
extern const struct key key_of_nobody; /* before `auth` where there is one */

/* "check"; NULL for what is not one role. role_parse: 0 when there is none of that name. */
const char *role_name(enum role role);
enum role role_parse(struct slice name);
bool key_name_is_valid(struct slice name);

/* Whether one of the roles is the key's; an admin has every one. */
static inline bool
key_has_role(const struct key *key, unsigned roles)
{
    return (key->roles & (roles | ROLE_ADMIN)) != 0;
}

/* Reads the file. MALFORMED_REQUEST with the line and what to do. keys_reload changes nothing where
 * it fails. */
enum status keys_open(const char *path, struct keys **keys, struct error *error) BEHALF_MUST_USE;
enum status keys_reload(struct keys *keys, struct error *error) BEHALF_MUST_USE;
void keys_close(struct keys *keys); /* accepts NULL; after all references were given back */

/* Grows with each reload: who holds a key of an older set looks its digest up again. */
uint64_t keys_generation(const struct keys *keys);

/* A reference to the entry with this key, or NULL. keys_renew gives the entry of the newest set
 * with the digest of `key` and gives `key` back: NULL when it is gone. */
const struct key *keys_find(struct keys *keys, struct slice secret);
const struct key *keys_renew(struct keys *keys, const struct key *key);
const struct key *key_hold(const struct key *key); /* one more reference; accepts those two */
void key_release(const struct key *key);           /* accepts NULL and those two */

/* Both rates allow a second's worth at once. key_take_request takes one request of what the key may
 * use, and one unit of its cost; false with the time after which it may again. key_charge takes the
 * rest of what the request cost (edges visited) when that is known. By the monotonic clock; both
 * cost a branch where the key has no rates. */
bool key_take_request(const struct key *key, int64_t now_ns, uint32_t *retry_after_ms);
void key_charge(const struct key *key, uint64_t cost, int64_t now_ns);

#endif
