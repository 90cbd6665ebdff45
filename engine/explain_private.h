/* explain_private.h - shared by the files of explain and by nobody else.
 *
 * A claim is one statement with a value: "this member of this object", "this relationship", "this
 * operator here". Its grounds are the claims that its value follows from; what does not bear on the
 * value (a denied branch of an allow) is no ground of it. Members are one claim each for one
 * subject, so claims form a graph, which may have cycles.
 *
 * Always true: a claim has the outcome of its grounds, except that an exclusion may stand on a
 * right side of the opposite one. */
#ifndef BEHALF_ENGINE_EXPLAIN_PRIVATE_H
#define BEHALF_ENGINE_EXPLAIN_PRIVATE_H

#include "engine/explain.h"

#define CLAIM_COST_NONE UINT32_MAX
#define CLAIM_WIDTH 32 /* edges of one walk that become claims */

enum outcome { OUTCOME_DENY, OUTCOME_OPEN, OUTCOME_ALLOW };

static inline enum outcome
outcome_of(const struct value *value)
{
    if (value->lower == value->upper)
        return value->lower ? OUTCOME_ALLOW : OUTCOME_DENY;
    return OUTCOME_OPEN;
}

struct claim {
    enum explanation_kind kind;
    enum outcome outcome; /* of the value */
    struct value value;
    uint64_t object;
    uint32_t member;  /* MEMBER, IDENTITY; of RELATIONSHIP, ABSENT and arrows: the relation */
    uint32_t rewrite; /* of an operator; SCHEMA_NONE: the chain of delegation, or no operator */
    const struct value *spine; /* EXCLUSION: its value, then those of the exclusions on its left */
    uint32_t scope;            /* whose membership: 0 = the subject's, i = that of the hop i - 1 */
    uint32_t subject_member;   /* RELATIONSHIP, ABSENT */
    uint64_t subject;
    const struct edge_traits *traits; /* RELATIONSHIP; NULL when it is plain */
    struct value condition;           /* the same: of the traits alone */
    const char *message;

    struct claim **grounds;
    uint32_t ground_count;
    uint32_t ground_size;
    uint32_t holding; /* beside the grounds of a deny: what holds */
    uint32_t omitted; /* edges that would be grounds, beyond CLAIM_WIDTH */

    /* How far the search for grounds is. */
    bool begun;
    bool grown;      /* all grounds were looked at */
    bool running;    /* the variant before `next` has more edges */
    uint32_t next;   /* operand, variant or hop */
    uint32_t looked; /* edges */
    uint64_t from;   /* next far node */
    bool visited;    /* a proof was looked for */
    bool hopeless;   /* no relationship could make it an allow */
    bool shown;      /* in the tree already */

    /* explain_cost.c: of an allow the relationships of its smallest proof, of a deny what is
     * missing to an allow, of an open one the conditions it hangs on. CLAIM_COST_NONE
     * = not known. */
    uint32_t cost;
    uint32_t held;            /* of the way that gives the cost: what holds on it */
    const struct claim *best; /* of alternatives: the one that gives the cost */
};

struct search_scope {
    struct eval *eval;    /* NULL until its hop is looked at */
    struct table members; /* eval_key -> number of the claim */
};

struct search {
    struct snapshot *snapshot;
    const struct schema *schema;
    struct arena *arena; /* scratch */
    const struct explain_question *question;
    struct search_scope scopes[1 + ENGINE_ACTORS_MAX];
    struct claim **claims; /* the first is the root */
    uint32_t claim_count;
    uint32_t claim_size;
    bool cut;   /* the budget is spent: claims that are not grown stay so */
    bool bound; /* some alternative of an allow was not looked at */
};

/* explain_search.c */

/* Makes the root and finds grounds, as far as the budget and the bounds allow. */
enum status search_run(struct search *search, struct error *error) BEHALF_MUST_USE;
/* Looks at the next few grounds of a claim that is not grown. */
enum status search_grow(struct search *search, struct claim *claim,
                        struct error *error) BEHALF_MUST_USE;

/* explain_cost.c */

/* Whether one allowed ground is enough for an allow: grounds are alternatives. */
bool claim_is_alternative(const struct claim *claim);
/* Grows an allowed claim along the way the evaluation went, until there is a proof of it or
 * everything that could be one was looked at. */
enum status cost_prove(struct search *search, struct claim *root,
                       struct error *error) BEHALF_MUST_USE;
/* Sets the costs of all claims. */
void cost_settle(struct search *search);
/* Whether `a` is nearer to an allow than `b`. */
bool cost_is_nearer(const struct claim *a, const struct claim *b);

#endif
