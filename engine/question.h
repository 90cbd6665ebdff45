/* question.h - one question of a check, an item or a list of permissions: bound to the snapshot,
 * decided, explained.
 *
 * Always true: a question by a grant is the intersection of delegated.h; by actors alone, of the
 * stops, the hops, the ceilings and the principal's own decision, in that order; an agent that asks
 * for itself is bound by the stops. The reason is that of the first condition that denies. All
 * others have no guard, and cost one branch more than the evaluation of their node.
 * Threads: one request. Memory: guards in the request's arena, values in the snapshot's scratch. */
#ifndef BEHALF_ENGINE_QUESTION_H
#define BEHALF_ENGINE_QUESTION_H

#include "engine/delegated.h"

/* Who acts, and by what right. */
struct guard {
    struct delegated_parties parties;
    struct delegated *delegated; /* by a grant; NULL = by actors alone */
    bool stopped;                /* without a grant: a stop in force cuts it off */
    struct condition_outcomes outcomes;
};

/* What a question is asked for: a grant's conditions on calls and uses hold for some only. */
enum question_kind {
    QUESTION_CHECK,
    QUESTION_ITEM,   /* of a bulk: a chain with uses is denied */
    QUESTION_LIST,   /* of what might be asked: D10 is left out */
    QUESTION_REPLAY, /* of what was asked: D10b is left out */
};

struct question {
    enum question_kind kind;
    uint64_t resource;
    struct slice id; /* of the resource */
    uint32_t member;
    struct eval_subject subject;
    struct request_chain chain;
    struct inputs inputs;
    struct guard *guard;          /* NULL: nobody acts for another, and the subject is no agent */
    const struct engine_use *use; /* QUESTION_CHECK: of a chain with uses, or NULL */
    bool find_requestable;
    bool explain;
    const struct explanation *explanation; /* once it is decided; NULL unless asked for */

    /* The hops once they are decided: they are the same for all permissions of a resource. */
    bool chain_decided;
    struct value chain_value;
};

/* The grants that the items of a bulk name, each opened once; NULL at first. */
struct opened_grant {
    struct opened_grant *next;
    struct delegated delegated;
};

/* Binds all of a check. `ahead`: hashes made by prefetch.h, or zeros. `opened` may be NULL. */
enum status question_bind(struct snapshot *snapshot, const struct check *check,
                          const struct engine_pair *ahead, struct opened_grant **opened,
                          struct question *question, struct error *error) BEHALF_MUST_USE;

/* Binds who acts, for a question whose subject is bound: makes its guard, if it needs one. */
enum status question_guard(struct snapshot *snapshot, const struct object *subject,
                           const struct object *actors, size_t actor_count,
                           const struct engine_delegation *delegation, struct opened_grant **opened,
                           struct question *question, struct error *error) BEHALF_MUST_USE;

/* Whether the question is by actors or a grant: it has a decision id, and reasons. */
static inline bool
question_is_delegated(const struct question *question)
{
    return question->guard != NULL && question->guard->parties.actor_count > 0;
}

/* `attributes` lives as long as the eval. */
void question_init_eval(const struct question *question, struct snapshot *snapshot,
                        struct inputs_attributes *attributes, struct eval *eval);

/* Decides the question, and explains it if it is to. `known`: the value of its node, where that is
 * decided already, else NULL. */
enum status question_decide(struct snapshot *snapshot, struct eval *eval, struct question *question,
                            const struct value *known, struct verdict *verdict,
                            struct error *error) BEHALF_MUST_USE;

/* Whether the allow takes effect only once a use of the grant is taken. */
bool question_must_spend(const struct question *question, const struct verdict *verdict);

/* Gives an item its verdict, or its error where `status` is one. */
enum status item_set(struct snapshot *snapshot, enum status status, const struct verdict *verdict,
                     const struct error *problem, struct check_item *item,
                     struct error *error) BEHALF_MUST_USE;

/* Before an allow by a guard leaves: looks once more. Where it does not stand, *verdict becomes the
 * deny and *token that of its revision; where it does, the session was used. */
enum status question_look_again(struct engine_worker *worker, struct snapshot *snapshot,
                                struct guard *guard, struct verdict *verdict,
                                struct engine_token *token, struct error *error) BEHALF_MUST_USE;

#endif
