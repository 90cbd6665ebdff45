/* condition.c - computes the value of an edge from its caveat and expiration. */
#include "eval/condition.h"

/* Prices. Evaluating a caveat takes as long as visiting some edges, and its steps are charged like
 * edges. On an event loop both are expensive, so that a loop soon hands the request to the pool:
 * 2,000 edges are at most 20,000 steps. On the pool the steps alone are charged, and a condition
 * that uses all its steps makes the budget look at the clock. */
#define CONDITION_EDGES 16
#define STEPS_PER_EDGE_INLINE 10
#define STEPS_PER_EDGE 64

/* The doubt for the parameters in the bit set `missing`. Caveats share the numbers of context
 * names, so that a name that two caveats miss is reported once. Sorted, as doubt.h requires. */
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
pay(struct budget *budget, uint32_t steps, struct error *error)
{
    if (budget->is_inline)
        return budget_spend(budget, CONDITION_EDGES + steps / STEPS_PER_EDGE_INLINE, error);
    budget_note_load(budget, CONDITION_EDGES);
    return budget_spend(budget, steps / STEPS_PER_EDGE, error);
}

/* Finds one map; what it takes to read it is paid like a condition. */
static enum status
find_map(const struct condition_scope *scope, enum caveat_reserved which, struct error *error)
{
    enum status status = pay(scope->budget, 0, error);

    if (status == BEHALF_OK)
        status = scope->attributes->find(scope->attributes, which, scope->arena, error);
    if (status == BEHALF_OK)
        scope->attributes->found |= UINT32_C(1) << which;
    return status;
}

static enum status
find_attributes(const struct condition_scope *scope, uint32_t read, struct caveat_inputs *inputs,
                struct error *error)
{
    const struct condition_attributes *attributes = scope->attributes;

    if (BEHALF_UNLIKELY(attributes == NULL))
        return error_internal(error, "a condition that reads attributes has some", __FILE__,
                              __LINE__, "schema revision %llu",
                              (unsigned long long)scope->binding->revision);
    inputs->open = attributes->open;
    for (uint32_t which = 0; which < CAVEAT_RESERVED_COUNT; which++) {
        enum status status = BEHALF_OK;

        if (((read & ~attributes->open) >> which & 1) == 0)
            continue;
        if ((attributes->found >> which & 1) == 0)
            status = find_map(scope, which, error);
        if (status != BEHALF_OK)
            return status;
        inputs->reserved[which] = attributes->maps[which];
    }
    return BEHALF_OK;
}

enum status
condition_inputs(const struct condition_scope *scope, const struct caveat *caveat,
                 struct caveat_inputs *inputs, struct error *error)
{
    uint32_t read = caveat_reserved_read(caveat);

    *inputs = (struct caveat_inputs){.context = scope->context};
    return BEHALF_LIKELY(read == 0) ? BEHALF_OK : find_attributes(scope, read, inputs, error);
}

static uint32_t
steps_allowed(const struct budget *budget)
{
    if (!budget->is_inline || budget->edges_left >= CAVEAT_STEPS_MAX / STEPS_PER_EDGE_INLINE)
        return CAVEAT_STEPS_MAX;
    return (uint32_t)budget->edges_left * STEPS_PER_EDGE_INLINE;
}

void
condition_note_steps(struct budget *budget, uint32_t steps)
{
    struct error spent;

    (void)!pay(budget, steps, &spent);
}

static enum status
caveat_value(const struct condition_scope *scope, const struct schema_caveat *caveat,
             struct slice context, struct value *value, struct error *error)
{
    uint32_t steps = steps_allowed(scope->budget);
    struct caveat_inputs inputs;
    struct caveat_result result;
    struct error problem;
    enum status status = condition_inputs(scope, caveat->compiled, &inputs, error);
    enum status paid;

    if (status != BEHALF_OK)
        return status;
    status =
        caveat_evaluate(caveat->compiled, context, &inputs, steps, scope->arena, &result, &problem);
    paid = pay(scope->budget, result.steps, error);
    if (paid != BEHALF_OK)
        return paid;
    /* The event loop allowed fewer steps than the limit; the pool finds out whether the full limit
     * suffices. */
    if (status == BEHALF_BUDGET_EXHAUSTED && result.too_long && steps < CAVEAT_STEPS_MAX)
        return BEHALF_WOULD_BLOCK;
    /* A caveat that exceeds the limit fails for this question alone: it is the error of this value
     * and does not end the request. */
    if (status == BEHALF_BUDGET_EXHAUSTED && result.too_long)
        status = problem.status = BEHALF_CAVEAT_EVALUATION_ERROR;
    else if (status == BEHALF_BUDGET_EXHAUSTED && arena_was_refused())
        return budget_memory_refused(error);
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
