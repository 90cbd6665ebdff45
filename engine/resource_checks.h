/* resource_checks.h - decides one resource after another for one subject: by its own right, on
 * behalf of it by actors, or by a grant.
 *
 * Always true: what concerns all resources alike (record conditions, stops, hops) is decided once;
 * where that denies, `reason` says why, and no resource is decided. A resource's value is the one
 * that a check has, and depends on no resource that was decided before.
 * Checks of one subject share what they learn, unless conditions see the resource's attributes. One
 * that finds too little memory after others is made again on its own.
 * Threads: one request. Memory: two arenas, beside the snapshot's scratch. */
#ifndef BEHALF_ENGINE_RESOURCE_CHECKS_H
#define BEHALF_ENGINE_RESOURCE_CHECKS_H

#include "engine/delegated.h"

struct resource_checks {
    struct snapshot *snapshot;
    struct engine_worker *worker;
    struct inputs inputs;                  /* of the request */
    const struct engine_delegation *grant; /* NULL = none was named */
    struct eval_subject subject;
    struct request_chain chain; /* of actors */
    struct delegated_parties parties;
    struct delegated delegated; /* with a grant */
    struct value hops;          /* without one: all of them, AND-ed */
    enum engine_reason reason;  /* why every resource is denied; else none */
    int64_t until;              /* the earliest end of what was decided so far */
    uint32_t member;            /* that the three below are of; SCHEMA_NONE at first */
    bool by_id;                 /* a selector names objects */
    bool is_same;               /* what a grant or actors leave is the same for all resources: */
    struct value same;
    struct eval eval;
    struct inputs_attributes attributes; /* of `eval`, where caveats read any */
    struct arena evaluation;             /* of `eval`: shared by resources */
    struct arena memory;                 /* of one resource */
};

struct resource_checks_asked {
    const struct object *subject;
    const struct object *actors;
    size_t actor_count;
    const struct engine_delegation *grant; /* NULL = none */
    struct inputs inputs;                  /* with the properties that count */
    /* The answer lets calls through, so that what is bound to a call or counted matters: else it
     * lists what a check may allow. */
    bool decides;
};

/* Binds the parties and decides what concerns all resources. The caller closes it, also after a
 * failure. Errors of request.h and delegated_open. */
enum status resource_checks_open(struct resource_checks *checks, struct engine_worker *worker,
                                 struct snapshot *snapshot,
                                 const struct resource_checks_asked *asked,
                                 struct error *error) BEHALF_MUST_USE;
void resource_checks_close(struct resource_checks *checks);

/* Whether the subject acts by itself: then its own right decides alone. */
static inline bool
resource_checks_are_plain(const struct resource_checks *checks)
{
    return checks->grant == NULL && checks->chain.count == 0;
}

/* Whether a stop can take the answer away: an agent is cut off also where it acts for itself. */
static inline bool
resource_checks_can_be_stopped(const struct resource_checks *checks)
{
    return !resource_checks_are_plain(checks) ||
           binding_is_agent_type(checks->snapshot->binding, checks->subject.type);
}

/* Decides a resource of the member's type. `open`: the subject's own right is to be decided; else
 * it is known to be an allow. The value lives until the next resource. */
enum status resource_checks_decide(struct resource_checks *checks, uint64_t resource,
                                   uint32_t member, bool open, struct value *value,
                                   struct error *error) BEHALF_MUST_USE;

/* Before an answer with results leaves: whether it still holds, by the records as they are now.
 * *reason is none where it does, and the session was used if something is `allowed`; else *token is
 * of the revision that denies. */
enum status resource_checks_look_again(struct resource_checks *checks, bool allowed,
                                       enum engine_reason *reason, struct engine_token *token,
                                       struct error *error) BEHALF_MUST_USE;

#endif
