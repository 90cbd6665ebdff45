/* delegated.h - the delegated decision: may A(n), on behalf of P, by this grant, do this to that?
 *
 * It is the intersection of conditions, decided in this order; the first that denies is the reason:
 *
 *   D2    the grant, its parents up to a root and their one session exist; each A(i) is of an agent
 *         type
 *   D9    the last actor is A(n); several actors are A(1)..A(n); the subject is the principal
 *   D6    the session is active, has not ended and is not idle
 *   D7    no grant of the chain is revoked, and no stop cuts it off
 *   D4    now is within the times of every grant
 *   D5    the chain is no longer than each grant allows
 *   D10a  what is bound to a call or to tools is shown that call and tool
 *   D3    each grant selects the resource for the action, and its constraints hold
 *   D8    each A(i) has the ceilings that the resource's type defines
 *   D1    the principal has the permission
 *   D10b  every counted grant has a use left
 *
 * D2 to D5 are the record conditions. D3, D8 and D1 are values of the evaluation core, combined by
 * its intersection; the others are yes or no. A later condition is asked while it may still turn
 * the value into a deny.
 *
 * Always true: a decision is of one revision and one `now`, the newest published when the request
 * begins. Before an allow leaves, delegated_look_again decides the record conditions again where a
 * record changed or an end came since. No fault, limit or missing record is an allow.
 * Without a grant, actors are cut off by stops and bounded by the ceilings of D8 too, and an agent
 * that asks for itself by stops.
 * Threads: one request. Memory: values in the snapshot's scratch. */
#ifndef BEHALF_ENGINE_DELEGATED_H
#define BEHALF_ENGINE_DELEGATED_H

#include "engine/record_conditions.h"
#include "engine/request.h"

/* The chain of a grant as one request sees it. */
struct delegated {
    const struct engine_delegation *asked;
    const struct session *session;               /* NULL = there is none */
    const struct grant *chain[ENGINE_CHAIN_MAX]; /* from the root on */
    size_t length;                               /* 0 = a grant of the chain does not exist */
    uint64_t agents[ENGINE_CHAIN_MAX];           /* A(i): their nodes */
    int64_t last_seen;
    int64_t now;  /* at which the record conditions were decided */
    int64_t kept; /* believed time of the last look, for last_seen */
    int64_t ends; /* of an allow the earliest end of the record conditions; VALUE_FOR_EVER = none */
    enum engine_reason record_reason; /* of the first record condition that denies, else none */
    enum engine_reason reason;        /* the same with D9, in their order */
    int64_t reason_until;             /* until when it denies; VALUE_FOR_EVER = no time ends it */
    bool has_uses;
    bool has_binding_or_tools;
};

/* Who acts, bound to the snapshot. */
struct delegated_parties {
    struct eval_subject principal; /* the subject of the request */
    const uint64_t *actors;
    size_t actor_count;
};

/* MALFORMED_REQUEST beside `at_exact_snapshot`: records are read at the newest revision. For bulks,
 * which refuse before the first decision; delegated_open does so too. */
enum status delegated_check_request(const struct engine_request *request,
                                    const struct engine_delegation *asked,
                                    struct error *error) BEHALF_MUST_USE;

/* MALFORMED_REQUEST without an actor: whoever shows a grant is the agent it was given to. */
enum status delegated_check_parties(const struct delegated_parties *parties,
                                    struct error *error) BEHALF_MUST_USE;

/* Reads the chain and decides the record conditions and D9; BEHALF_OK with delegated->reason.
 * Records are read at the newest published revision, also where the snapshot is of an older one (a
 * later page). MALFORMED_REQUEST as the two above; SERVICE_READ_ONLY while the store takes no
 * writes; WOULD_BLOCK.
 * Without `parties` (NULL) it says in what state a grant is, for reading it: D9 is left out, and
 * neither a missing actor nor a store that takes no writes is an error.
 * Memory: the request's arena, so that the items of a bulk can share it. */
enum status delegated_open(struct snapshot *snapshot, const struct engine_delegation *asked,
                           const struct delegated_parties *parties, struct delegated *delegated,
                           struct error *error) BEHALF_MUST_USE;

/* D9 for other parties of the same grant: sets `reason` anew. */
void delegated_match(struct delegated *delegated, const struct delegated_parties *parties);

/* Each condition by itself, whatever the others say: for explanations. Without D2 the others are
 * not decided. */
struct delegated_reasons {
    enum engine_reason d2;
    enum engine_reason d9;
    enum engine_reason d6;
    enum engine_reason d7;
    enum engine_reason d4;
    enum engine_reason d5;
};

void delegated_each(const struct snapshot *snapshot, const struct delegated *delegated,
                    const struct delegated_parties *parties, struct delegated_reasons *reasons);

/* Whether a request by these is made for somebody: what it says of itself is not believed. */
static inline bool
delegated_is_asked(size_t actor_count, const struct engine_delegation *delegation)
{
    return actor_count > 0 || (delegation != NULL && delegation->given);
}

/* D10a. */
enum engine_reason delegated_call(const struct delegated *delegated);

/* How conditions that have values were decided, each by itself, as far as they were. */
enum condition_outcome { CONDITION_OPEN, CONDITION_DENY, CONDITION_CONDITIONAL, CONDITION_ALLOW };

struct condition_outcomes {
    enum condition_outcome hops; /* without a grant */
    enum condition_outcome d3;
    enum condition_outcome d8;
    enum condition_outcome d1;
};

static inline enum condition_outcome
condition_outcome(const struct value *value)
{
    if (!value->upper)
        return CONDITION_DENY;
    return value->lower ? CONDITION_ALLOW : CONDITION_CONDITIONAL;
}

/* D3 and D8 for one resource, combined, with the record conditions' end; *reason is that of the
 * first which denies, else none. `id` is the resource's, `member` the action. Sets those of the
 * outcomes. */
enum status delegated_value(struct snapshot *snapshot, const struct delegated *delegated,
                            uint64_t resource, struct slice id, uint32_t member,
                            const struct inputs *inputs, struct value *value,
                            enum engine_reason *reason, struct condition_outcomes *outcomes,
                            struct error *error) BEHALF_MUST_USE;

/* One constraint of D3, to which the principal is the subject: denies under another digest of the
 * caveat than approved. */
enum status constraint_value(struct snapshot *snapshot, const struct delegated *delegated,
                             size_t at, const struct grant_constraint *constraint,
                             uint64_t resource, const struct inputs *inputs, struct value *value,
                             struct error *error) BEHALF_MUST_USE;

/* D8 alone: the intersection over the actors; allow where the type defines no ceiling. */
enum status ceiling_value(struct snapshot *snapshot, const uint64_t *actors, size_t count,
                          uint64_t resource, uint32_t member, const struct inputs *inputs,
                          struct value *value, struct error *error) BEHALF_MUST_USE;

/* Without a grant: whether a stop in force cuts off the subject or an actor. */
enum status delegated_is_stopped(struct snapshot *snapshot, const struct delegated_parties *parties,
                                 bool *stopped, struct error *error) BEHALF_MUST_USE;

/* Whether a stop in force, as published now, names a party: the subject, an actor, and of a grant
 * (`delegated`, else NULL) whose chain was found its principal, its client and all its agents. */
enum status delegated_names_stopped(struct snapshot *snapshot, const struct delegated *delegated,
                                    const struct delegated_parties *parties, bool *stopped,
                                    struct error *error) BEHALF_MUST_USE;

/* D10b. */
enum status delegated_uses_left(struct snapshot *snapshot, const struct delegated *delegated,
                                bool *left, struct error *error) BEHALF_MUST_USE;

/* Before an allow leaves: decides the record conditions (`delegated` NULL: the stops) again, at the
 * newest revision and time, if a session, grant or stop changed since or `ends` came. *reason is
 * none where the allow stands; else *token is of the revision that denies. */
enum status delegated_look_again(struct engine_worker *worker, struct snapshot *snapshot,
                                 struct delegated *delegated,
                                 const struct delegated_parties *parties,
                                 enum engine_reason *reason, struct engine_token *token,
                                 struct error *error) BEHALF_MUST_USE;

/* After an allow, once delegated_look_again let it stand: the session was used. */
void delegated_touch(struct snapshot *snapshot, const struct delegated *delegated);

/* A new id of a decision: ids of one worker are in the order of time. */
void decision_id_make(struct engine_worker *worker, struct record_id_text *text);

#endif
