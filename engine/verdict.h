/* verdict.h - a final value of the decision domain in the words of an answer.
 * Always true: what a value says is said in one way by all methods. A value that is an error has no
 * verdict but its status.
 * Memory: names of missing context are copied into the request's arena, each once a request. */
#ifndef BEHALF_ENGINE_VERDICT_H
#define BEHALF_ENGINE_VERDICT_H

#include "engine/state.h"
#include "eval/eval.h"

struct verdict {
    enum decision decision;
    struct missing_context missing;
    int64_t valid_until; /* 0 = for ever */
};

/* The value's own error, or BUDGET_EXHAUSTED. */
enum status verdict_of(struct snapshot *snapshot, const struct value *value,
                       struct verdict *verdict, struct error *error) BEHALF_MUST_USE;

/* Whether a status is that of one question and not of the request: others may still be decided. */
static inline bool
verdict_is_of_value(enum status status)
{
    return status == BEHALF_OK || status == BEHALF_CYCLE_THROUGH_EXCLUSION ||
           status == BEHALF_CAVEAT_EVALUATION_ERROR || status == BEHALF_CAVEAT_PARAMETER_TYPE_ERROR;
}

static inline int64_t
verdict_time(int64_t until)
{
    return until == VALUE_FOR_EVER ? 0 : until;
}

#endif
