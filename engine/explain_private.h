/* explain_private.h - shared by the files of explain, and by no other file.
 *
 * A claim is one statement with a value: "this member of this object", "this relationship", "this
 * operator here". Its grounds are the claims that its value follows from; a claim that does not
 * affect the value (a denied branch of an allow) is not a ground. A member of an object is one
 * claim per subject, so claims form a graph, which may have cycles.
 *
 * Always true: a claim has the outcome of its grounds, except that the right operand of an
 * exclusion may have the opposite one. */
#ifndef BEHALF_ENGINE_EXPLAIN_PRIVATE_H
#define BEHALF_ENGINE_EXPLAIN_PRIVATE_H

#include "engine/explain.h"

#define CLAIM_COST_NONE UINT32_MAX
#define CLAIM_WIDTH 32 /* edges of one walk that become claims, at most */

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
    uint32_t member;  /* of MEMBER and IDENTITY; for RELATIONSHIP, ABSENT and arrows the relation */
    uint32_t rewrite; /* of an operator; SCHEMA_NONE for the delegation chain or no operator */
    /* EXCLUSION: its value, then the values of the exclusions in its left operand, outermost
     * first. */
    const struct value *spine;
    uint32_t scope;          /* whose question: 0 = the subject's, i = that of hop i - 1 */
    uint32_t subject_member; /* RELATIONSHIP, ABSENT */
    uint64_t subject;
    const struct edge_traits *traits; /* RELATIONSHIP; NULL when unconditional */
    struct value condition;           /* RELATIONSHIP: the value of the traits alone */
    const char *message;

    struct claim **grounds;
    uint32_t ground_count;
    uint32_t ground_size;
    uint32_t holding; /* operands and edges that hold in spite of the deny */
    uint32_t omitted; /* edges that would be grounds, beyond CLAIM_WIDTH */

    /* The progress of the search for grounds. */
    bool begun;
    bool grown;      /* all grounds were found */
    bool running;    /* the variant before `next` has unread edges */
    uint32_t next;   /* next operand, variant or hop */
    uint32_t looked; /* edges examined */
    uint64_t from;   /* next far node */
    bool visited;    /* cost_prove has entered it */
    bool hopeless;   /* no relationship could make it an allow */
    bool shown;      /* already in the tree */

    /* Costs: of an allow, the relationships of its smallest proof; of a deny, what is missing for
     * an allow; of an open claim, the conditions that it depends on. CLAIM_COST_NONE = unknown. */
    uint32_t cost;
    uint32_t held;            /* what already holds on the path with that cost */
    const struct claim *best; /* the alternative with that cost */
};

struct search_scope {
    struct eval *eval;    /* NULL until the hop is evaluated */
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
    bool cut;   /* the budget is spent; no claim grows any more */
    bool bound; /* an alternative of an allow was not examined */
};

/* explain_search.c */

/* Creates the root claim and finds grounds, as far as the budget and the bounds permit. */
enum status search_run(struct search *search, struct error *error) BEHALF_MUST_USE;
/* Examines the next few grounds of a claim that is not grown. */
enum status search_grow(struct search *search, struct claim *claim,
                        struct error *error) BEHALF_MUST_USE;

/* explain_cost.c */

/* Whether one allowed ground suffices for an allow: the grounds are alternatives. */
bool claim_is_alternative(const struct claim *claim);
/* Grows an allowed claim along the path of the evaluation, until it has a proof or every candidate
 * for one was examined. */
enum status cost_prove(struct search *search, struct claim *root,
                       struct error *error) BEHALF_MUST_USE;
/* Sets the costs of all claims. */
void cost_settle(struct search *search);
/* Whether `a` is nearer to an allow than `b`. */
bool cost_is_nearer(const struct claim *a, const struct claim *b);

#endif
