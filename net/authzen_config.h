/* authzen_config.h - what --authzen FILE says: how the words of AuthZEN requests are those of the
 * graph.
 *
 * Always true: a configuration that was read is whole and never changes; a member that is unknown,
 * stands twice or has a value that could not be meant refuses all of it.
 * Memory: one arena holds it, until authzen_config_close. Threads: any, once it was read. */
#ifndef BEHALF_NET_AUTHZEN_CONFIG_H
#define BEHALF_NET_AUTHZEN_CONFIG_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/datum.h"
#include "base/error.h"
#include "base/relationship.h"

/* Objects of `type` are answered as the one object `as`. */
struct authzen_alias {
    struct slice type;
    struct slice action; /* of the request; empty = every action that has no alias of its own */
    struct object as;
};

struct authzen_config {
    struct slice pdp;            /* policy_decision_point, as written; empty = no metadata */
    struct slice base;           /* the same without a slash at its end */
    struct slice path;           /* of it: "/tenant", or empty */
    const struct datum *actions; /* {type: {name: permission}}; NULL = none */
    const struct authzen_alias *aliases;
    size_t alias_count;
    bool has_agents;
    struct slice agent_type;
    struct slice issuer; /* of agents; empty = none */
    struct arena arena;
};

/* Whether access can be requested here: it takes agents, and a URL under which a task is found. */
static inline bool
authzen_takes_requests(const struct authzen_config *config)
{
    return config->has_agents && config->pdp.size > 0;
}

/* Reads a file, or its text. MALFORMED_REQUEST: where, and what to do. */
enum status authzen_config_open(const char *path, struct authzen_config *config,
                                struct error *error) BEHALF_MUST_USE;
enum status authzen_config_read(struct slice text, struct authzen_config *config,
                                struct error *error) BEHALF_MUST_USE;
void authzen_config_close(struct authzen_config *config); /* accepts zeroes */

/* The permission that an action of a type means, and the other way round: the `nth` name of a
 * permission, false when it has no more. A permission whose own name means another one has none
 * but those in the file. */
struct slice authzen_permission(const struct authzen_config *config, struct slice type,
                                struct slice action);
bool authzen_action_name(const struct authzen_config *config, struct slice type,
                         struct slice permission, size_t nth, struct slice *name);

/* The alias of an object of that type for that action; NULL = it stands for itself. */
const struct authzen_alias *authzen_alias_of(const struct authzen_config *config, struct slice type,
                                             struct slice action);

#endif
