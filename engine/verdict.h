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
    enum engine_reason reason; /* none, but of a decision by actors or a grant (question.h) */
    bool requestable;          /* denial.h; the same */
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

/* Whether a status ends a request of many questions: the others would fare no better. */
static inline bool
verdict_ends_request(enum status status)
{
    return status == BEHALF_WOULD_BLOCK || status == BEHALF_DEADLINE ||
           status == BEHALF_STORAGE_FAILED || status == BEHALF_STORAGE_CORRUPT ||
           status == BEHALF_REVISION_EXPIRED || status == BEHALF_INTERNAL;
}

static inline int64_t
verdict_time(int64_t until)
{
    return until == VALUE_FOR_EVER ? 0 : until;
}

#endif
