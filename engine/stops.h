/* stops.h - all stops, resident: one immutable set for each published state.
 *
 * A stop in force cuts off now. Its epoch, the revision that ordered it, ends for ever what was
 * granted before: a session by a stop on its principal, its agent, its client or everything with
 * epoch >= the session's made_revision, a link of a chain by a stop on its delegatee with epoch >=
 * the grant's made_revision. Restoring ends `in_force` alone.
 * Threads: any may read; made on the writer thread (and at open). Memory: reference counted. */
#ifndef BEHALF_ENGINE_STOPS_H
#define BEHALF_ENGINE_STOPS_H

#include "engine/agents.h"
#include "storage/store.h"

struct stop {
    enum stop_scope scope;
    uint64_t node; /* STOP_AGENT, STOP_PRINCIPAL */
    uint64_t epoch;
    bool in_force;
    struct slice client; /* STOP_CLIENT */
};

struct stops;

/* Those that the store holds at the snapshot's head. */
enum status stops_load(const struct store_snapshot *snapshot, struct stops **stops,
                       struct error *error) BEHALF_MUST_USE;
/* Those of `revision`, at most the snapshot's head. REVISION_EXPIRED. */
enum status stops_load_at(const struct store_snapshot *snapshot, uint64_t revision,
                          struct stops **stops, struct error *error) BEHALF_MUST_USE;
/* A copy with these in the place of those of the same scope and party. */
struct stops *stops_with(const struct stops *stops, const struct stop *changed, size_t count);
struct stops *stops_ref(struct stops *stops);
void stops_unref(struct stops *stops); /* accepts NULL */

/* The stop on a party, or NULL. One load where there are no stops at all. */
const struct stop *stops_on(const struct stops *stops, enum stop_scope scope, uint64_t node,
                            struct slice client);

/* The nodes of the agents that a stop in force cuts off, ascending: for lookups of subjects. */
const uint64_t *stops_agents(const struct stops *stops, size_t *count);

/* Whether no stop was ever ordered. */
bool stops_are_none(const struct stops *stops);

static inline bool
stop_is_in_force(const struct stop *stop)
{
    return stop != NULL && stop->in_force;
}

/* Whether it ends what was made at that revision. */
static inline bool
stop_ends(const struct stop *stop, uint64_t made_revision)
{
    return stop != NULL && stop->epoch >= made_revision;
}

/* Decodes a stored stop; its client lies in the body. */
enum status stop_decode(const struct store_record *record, struct stop *stop,
                        struct error *error) BEHALF_MUST_USE;

#endif
