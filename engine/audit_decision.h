/* audit_decision.h - decisions, filters and lookups in the audit log.
 *
 * Always true: what is by actors or a grant is on the log's queue before it is answered; where it
 * cannot be, the answer is AUDIT_UNAVAILABLE. Of what is decided for a subject alone one in so many
 * is recorded, where there is room.
 * A record is built in the worker's buffer. With the log off, and for a decision that is not
 * sampled, all that is left is a branch or two.
 * Threads: one request. */
#ifndef BEHALF_ENGINE_AUDIT_DECISION_H
#define BEHALF_ENGINE_AUDIT_DECISION_H

#include "engine/audit.h"
#include "engine/question.h"

/* Sets when the next decision without actors is recorded. */
void audit_sample_begin(struct engine_worker *worker);
/* For audit_concerns: counts one of them; true when it is to be recorded. */
bool audit_take_sample(struct engine_worker *worker);

/* Whether a decision is to be recorded; asked once for each. */
static inline bool
audit_concerns(struct engine_worker *worker, size_t actor_count)
{
    if (BEHALF_UNLIKELY(actor_count > 0))
        return worker->engine->audit != NULL;
    return BEHALF_UNLIKELY(worker->sample_left != 0) && audit_take_sample(worker);
}

/* Whether an allow by actors or a grant, or results, must be on the disk before the answer. */
static inline bool
audit_is_strict(const struct engine_worker *worker)
{
    return BEHALF_UNLIKELY(worker->engine->audit_is_strict);
}

enum audit_kind { AUDIT_KIND_DECISION, AUDIT_KIND_FILTER, AUDIT_KIND_LOOKUP };

struct audit_decision {
    enum audit_kind kind;
    struct slice permission; /* empty = all of a resource */
    const struct object *resource;
    struct slice resource_type; /* of a lookup: all objects of the type */
    const struct object *subject;
    const struct object *actors;
    size_t actor_count;
    const struct delegated_parties *parties; /* their nodes, where there is a grant */
    const struct delegated *delegated;       /* NULL = no grant */
    bool is_stopped;                         /* without a grant */
    bool lets_through;                       /* what is bound to a call counted */
    const struct datum *context;
    const struct check_properties *properties;
    const struct condition_outcomes *outcomes; /* NULL = none */

    enum decision decision;
    enum engine_reason reason;
    struct missing_context missing;
    bool has_counts;
    uint64_t in;
    uint64_t out;
    const uint8_t *dropped_sha256; /* NULL = none */
    const struct record_id_text *decision_id;
    int64_t begun_ns; /* env_monotonic_ns */
};

/* For audit_must_leave_loop. */
bool audit_holds_back(const struct engine_worker *worker);

/* Before a use is taken for a decision that could not be recorded: AUDIT_UNAVAILABLE. */
enum status audit_check_room(const struct engine_worker *worker,
                             struct error *error) BEHALF_MUST_USE;

/* Before a request by actors is decided. True: it is one for the pool, as its answer must be on the
 * disk first, or the log's thread has fallen behind. A worker that may block waits for that thread
 * instead, for a while: who asks faster than can be recorded is slowed down, and not refused. */
static inline bool
audit_must_leave_loop(const struct engine_worker *worker, size_t actor_count)
{
    return BEHALF_UNLIKELY(actor_count > 0) && worker->engine->audit != NULL &&
           audit_holds_back(worker);
}

/* What a check is recorded by, but for its outcome. */
void audit_describe_check(const struct check *check, const struct guard *guard,
                          struct audit_decision *decision);

/* When a decision began. */
int64_t audit_now(const struct engine_worker *worker);

/* A check's answer while its record is on its way to the disk: `inside` of a recording. */
struct audit_kept {
    struct engine_recording *recording;
    enum status status;         /* of the record, once `recorded` was called */
    uint64_t publication;       /* that it was decided by */
    struct check_result result; /* of an allow: what it points to is the request's */
};

/* In the request's arena; BUDGET_EXHAUSTED. */
enum status audit_keep(const struct snapshot *snapshot, struct engine_recording *recording,
                       struct audit_kept **kept, struct error *error) BEHALF_MUST_USE;

/* Puts the record on the log's queue. `kept` NULL: nobody waits for it; else its recording is
 * called, perhaps at once, by the log's thread. AUDIT_UNAVAILABLE, WOULD_BLOCK for want of a name.
 * One without actors is a sample, and never fails. */
enum status audit_decision_put(struct engine_worker *worker, struct snapshot *snapshot,
                               const struct audit_decision *decision, struct audit_kept *kept,
                               struct error *error) BEHALF_MUST_USE;

/* Waits, on a worker that may block, until all that was put is on the disk. */
enum status audit_wait(struct engine_worker *worker, struct error *error) BEHALF_MUST_USE;

#endif
