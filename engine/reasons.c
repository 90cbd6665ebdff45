/* reasons.c - reasons of decisions, in words. */
#include "engine/agents.h"

static const struct {
    struct slice word;
    struct slice condition;
} reasons[] = {
#define X(name, condition, word)                                                                   \
    [REASON_##name] = {{word, sizeof(word) - 1}, {condition, sizeof(condition) - 1}},
#include "engine/reasons.def"
#undef X
};

struct slice
engine_reason_word(enum engine_reason reason)
{
    return reasons[reason].word;
}

struct slice
engine_reason_condition(enum engine_reason reason)
{
    return reasons[reason].condition;
}
