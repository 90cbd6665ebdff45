/* verdict.h - translates a final value of the decision domain into the terms of an answer.
 * Always true: all methods report the same value in the same way. A value that is an error has no
 * verdict; its status is the answer.
 * Memory: names of missing context are copied into the request's arena, each once per request. */
#ifndef BEHALF_ENGINE_VERDICT_H
#define BEHALF_ENGINE_VERDICT_H

#include "engine/state.h"
#include "eval/eval.h"

struct verdict {
    enum decision decision;
    struct missing_context missing;
    int64_t valid_until; /* 0 = for ever */
};

/* Fails with the value's own error, or with BUDGET_EXHAUSTED. */
enum status verdict_of(struct snapshot *snapshot, const struct value *value,
                       struct verdict *verdict, struct error *error) BEHALF_MUST_USE;

/* Whether a status concerns one question and not the request, so that other questions may still be
 * decided. */
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
