/* condition.c - from an edge's caveat to a value. */
#include "engine/condition.h"

#include "schema/caveat.h"

/* An evaluation takes as long as visiting some edges does. On an event loop it is paid for like
 * them, so that a loop soon gives the request to the pool; on the pool the clock is looked at the
 * sooner. */
#define CONDITION_EDGES 16

/* The names behind the bits of `missing`, as numbers that all caveats of the schema share. */
static enum status
missing_value(const struct condition_scope *scope, const struct schema_caveat *caveat,
              uint32_t missing, struct value *value, struct error *error)
{
    const uint32_t *numbers = &scope->binding->schema->context_indexes[caveat->first_context];
    struct doubt *doubt = arena_take(scope->arena, sizeof *doubt);
    uint32_t *items = arena_take_array(scope->arena, CAVEAT_PARAMETERS_MAX, sizeof *items);
    uint32_t count = 0;

    if (doubt == NULL || items == NULL)
        return budget_memory_spent(error);
    for (uint32_t at = 0; at < CAVEAT_PARAMETERS_MAX; at++) {
        uint32_t place = count;

        if ((missing >> at & 1) == 0)
            continue;
        for (; place > 0 && items[place - 1] > numbers[at]; place--)
            items[place] = items[place - 1];
        items[place] = numbers[at];
        count++;
    }
    if (BEHALF_UNLIKELY(count == 0))
        return error_internal(error, "an unknown caveat misses a parameter", __FILE__, __LINE__,
                              "schema revision %llu", (unsigned long long)scope->binding->revision);
    *doubt = (struct doubt){.items = items, .count = count};
    *value = value_open(doubt);
    return BEHALF_OK;
}

static enum status
fault_value(const struct condition_scope *scope, const struct error *problem, struct value *value,
            struct error *error)
{
    struct doubt *doubt = arena_take(scope->arena, sizeof *doubt);
    struct error *fault = arena_take(scope->arena, sizeof *fault);

    if (doubt == NULL || fault == NULL)
        return budget_memory_spent(error);
    *fault = *problem;
    *doubt = (struct doubt){.fault = fault};
    *value = value_open(doubt);
    return BEHALF_OK;
}

static enum status
pay(struct budget *budget, struct error *error)
{
    if (budget->is_inline)
        return budget_spend(budget, CONDITION_EDGES, error);
    budget_note_load(budget, CONDITION_EDGES);
    return BEHALF_OK;
}

static enum status
caveat_value(const struct condition_scope *scope, const struct schema_caveat *caveat,
             struct slice context, struct value *value, struct error *error)
{
    struct caveat_result result;
    struct error problem;
    enum status status;

    status = pay(scope->budget, error);
    if (status != BEHALF_OK)
        return status;
    status =
        caveat_evaluate(caveat->compiled, context, scope->context, scope->arena, &result, &problem);
    /* A caveat that takes too long does so for this question alone: it is its error, not the end of
     * the request. */
    if (status == BEHALF_BUDGET_EXHAUSTED && result.too_long)
        status = problem.status = BEHALF_CAVEAT_EVALUATION_ERROR;
    if (status == BEHALF_CAVEAT_EVALUATION_ERROR || status == BEHALF_CAVEAT_PARAMETER_TYPE_ERROR)
        return fault_value(scope, &problem, value, error);
    if (status != BEHALF_OK) {
        *error = problem;
        return status;
    }
    if (result.outcome == CAVEAT_UNKNOWN)
        return missing_value(scope, caveat, result.missing, value, error);
    *value = value_decision(result.outcome == CAVEAT_TRUE);
    return BEHALF_OK;
}

enum status
condition_value(const struct condition_scope *scope, const struct edge_traits *traits,
                struct value *value, struct error *error)
{
    const struct binding *binding = scope->binding;
    enum status status = BEHALF_OK;

    *value = value_decision(true);
    if (traits->caveat != LABEL_NONE) {
        uint32_t caveat = binding_caveat(binding, traits->caveat);

        if (BEHALF_UNLIKELY(caveat == SCHEMA_NONE))
            return error_internal(error, "a caveat that a relation allows is bound", __FILE__,
                                  __LINE__, "schema revision %llu",
                                  (unsigned long long)binding->revision);
        status =
            caveat_value(scope, &binding->schema->caveats[caveat], traits->context, value, error);
    }
    if (status == BEHALF_OK && traits->expires_at != 0)
        value->until = traits->expires_at;
    return status;
}
