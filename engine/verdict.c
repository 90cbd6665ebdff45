/* verdict.c - decisions, missing names and times of an answer. */
#include "engine/verdict.h"

/* A copy of a name that the answer may keep, since the schema may be freed before the answer. */
static enum status
name_of(struct snapshot *snapshot, uint32_t number, struct slice *name, struct error *error)
{
    const struct schema *schema = snapshot->binding->schema;
    struct arena *arena = snapshot->request->arena;

    if (snapshot->context_names == NULL)
        snapshot->context_names =
            arena_take_array(arena, schema->context_name_count, sizeof(struct slice));
    if (snapshot->context_names == NULL)
        return budget_memory_spent(error);
    if (snapshot->context_names[number].data == NULL)
        snapshot->context_names[number] = arena_copy(arena, schema->context_names[number]);
    *name = snapshot->context_names[number];
    return name->data != NULL ? BEHALF_OK : budget_memory_spent(error);
}

static enum status
broken(const struct snapshot *snapshot, const char *violated, int line, struct error *error)
{
    return error_internal(error, violated, __FILE__, line, "revision %llu, schema revision %llu",
                          (unsigned long long)snapshot->revision,
                          (unsigned long long)snapshot->binding->revision);
}

static enum status
name_missing(struct snapshot *snapshot, const struct doubt *doubt, struct missing_context *missing,
             struct error *error)
{
    struct slice *names = arena_take_array(snapshot->request->arena, doubt->count, sizeof *names);
    enum status status = names != NULL ? BEHALF_OK : budget_memory_spent(error);

    if (BEHALF_UNLIKELY(doubt->count == 0))
        return broken(snapshot, "a conditional value misses context", __LINE__, error);
    for (uint32_t i = 0; status == BEHALF_OK && i < doubt->count; i++) {
        if (BEHALF_UNLIKELY(doubt->items[i] >= snapshot->binding->schema->context_name_count))
            return broken(snapshot, "missing context has a name", __LINE__, error);
        status = name_of(snapshot, doubt->items[i], &names[i], error);
    }
    *missing = (struct missing_context){.names = names, .count = doubt->count};
    return status;
}

enum status
verdict_of(struct snapshot *snapshot, const struct value *value, struct verdict *verdict,
           struct error *error)
{
    if (BEHALF_UNLIKELY(value->provisional))
        return broken(snapshot, "a verdict is of a final value", __LINE__, error);
    *verdict = (struct verdict){.valid_until = verdict_time(value->until)};
    if (value->lower == value->upper) {
        verdict->decision = value->lower ? DECISION_ALLOW : DECISION_DENY;
        return BEHALF_OK;
    }
    if (BEHALF_UNLIKELY(value->doubt == NULL))
        return broken(snapshot, "an open value says why", __LINE__, error);
    if (value->doubt->fault != NULL) {
        *error = *value->doubt->fault;
        return error->status;
    }
    verdict->decision = DECISION_CONDITIONAL;
    return name_missing(snapshot, value->doubt, &verdict->missing, error);
}
