/* oracle_facts.c - what each tuple of a world is worth to a question:
 * variants, time, conditions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/datum.h"
#include "tests/support/oracle.h"

static _Noreturn void
give_up(const char *what, const char *text, const struct error *error)
{
    fprintf(stderr, "oracle: %s '%s': %s: %s\n", what, text, status_name(error->status),
            error->message);
    abort();
}

/* --- compiling --- */

static struct caveat_type *
read_type(struct arena *arena, const char *text)
{
    static const char *const names[] = {
        [CAVEAT_ANY] = "any",     [CAVEAT_BOOL] = "bool",         [CAVEAT_STRING] = "string",
        [CAVEAT_INT] = "int",     [CAVEAT_UINT] = "uint",         [CAVEAT_DOUBLE] = "double",
        [CAVEAT_BYTES] = "bytes", [CAVEAT_DURATION] = "duration", [CAVEAT_TIMESTAMP] = "timestamp",
        [CAVEAT_LIST] = "list",   [CAVEAT_MAP] = "map",           [CAVEAT_IPADDRESS] = "ipaddress",
    };
    size_t size = strcspn(text, "<>");
    struct caveat_type *type = arena_take(arena, sizeof *type);

    BEHALF_ASSERT(type != NULL);
    *type = (struct caveat_type){.kind = CAVEAT_ANY};
    for (size_t i = 0; i < BEHALF_COUNT_OF(names); i++)
        if (strlen(names[i]) == size && memcmp(names[i], text, size) == 0)
            type->kind = (enum caveat_type_kind)i;
    if (text[size] == '<')
        type->element = read_type(arena, text + size + 1);
    return type;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void
add_name(struct oracle_caveats *caveats, const char *name)
{
    for (int i = 0; i < caveats->name_count; i++)
        if (strcmp(caveats->names[i], name) == 0)
            return;
    BEHALF_ASSERT(caveats->name_count < ORACLE_NAMES_MAX);
    snprintf(caveats->names[caveats->name_count++], WORLD_NAME_SIZE, "%s", name);
}

static const struct caveat *
compile(struct oracle_caveats *caveats, const struct world_caveat *source)
{
    struct caveat_parameter parameters[WORLD_PARAMETERS_MAX];
    const struct caveat *compiled = NULL;
    struct error error;

    for (int i = 0; i < source->parameter_count; i++) {
        parameters[i].name = slice_of(source->parameters[i].name);
        parameters[i].type = *read_type(&caveats->arena, source->parameters[i].type);
        add_name(caveats, source->parameters[i].name);
    }
    if (caveat_compile(slice_of(source->name), parameters, (size_t)source->parameter_count, false,
                       slice_of(source->condition), 1, 1, NULL, &caveats->arena, &compiled,
                       &error) != BEHALF_OK)
        give_up("the condition", source->condition, &error);
    return compiled;
}

void
oracle_caveats_init(struct oracle_caveats *caveats)
{
    memset(caveats, 0, sizeof *caveats);
    arena_init(&caveats->arena, SIZE_MAX);
}

void
oracle_caveats_release(struct oracle_caveats *caveats)
{
    arena_release(&caveats->arena);
}

void
oracle_caveats_prepare(struct oracle_caveats *caveats, const struct world *world)
{
    size_t size = (size_t)world->caveat_count * sizeof world->caveats[0];

    if (world->caveat_count == caveats->count &&
        memcmp(world->caveats, caveats->sources, size) == 0)
        return;
    arena_reset(&caveats->arena, SIZE_MAX);
    memcpy(caveats->sources, world->caveats, size);
    caveats->count = world->caveat_count;
    caveats->name_count = 0;
    for (int i = 0; i < world->caveat_count; i++)
        caveats->compiled[i] = compile(caveats, &caveats->sources[i]);
    qsort(caveats->names, (size_t)caveats->name_count, sizeof caveats->names[0], compare_names);
}

/* --- evaluating --- */

static const struct datum *
read_context(const char *text, struct arena *arena)
{
    const struct datum *context = NULL;
    struct error error;

    if (text[0] != '\0' && datum_parse_json(slice_of(text), arena, &context, &error) != BEHALF_OK)
        give_up("the context", text, &error);
    return context;
}

static uint64_t
missing_names(const struct oracle_caveats *caveats, const struct world_caveat *caveat,
              uint32_t missing)
{
    uint64_t names = 0;

    for (int i = 0; i < caveat->parameter_count; i++)
        for (int name = 0; name < caveats->name_count; name++)
            if ((missing >> i & 1) != 0 &&
                strcmp(caveat->parameters[i].name, caveats->names[name]) == 0)
                names |= UINT64_C(1) << name;
    return names;
}

enum status
oracle_caveat_evaluate(const struct caveat *caveat, struct slice stored,
                       const struct datum *request, struct arena *arena,
                       struct caveat_result *result, struct error *error)
{
    const struct datum *context = NULL;
    struct buffer bytes = {0};
    enum status status = BEHALF_OK;

    buffer_init(&bytes);
    if (stored.size > 0)
        status = datum_parse_json(stored, arena, &context, error);
    if (context != NULL)
        datum_encode(context, &bytes);
    if (status == BEHALF_OK)
        status = caveat_evaluate(caveat, buffer_slice(&bytes),
                                 &(struct caveat_inputs){.context = request}, CAVEAT_STEPS_MAX,
                                 arena, result, error);
    buffer_release(&bytes);
    return status;
}

static enum oracle_condition
evaluate(const struct oracle_caveats *caveats, int caveat, const char *stored,
         const struct datum *request, struct arena *arena, uint64_t *reasons)
{
    const struct world_caveat *source = &caveats->sources[caveat - 1];
    struct caveat_result result = {.outcome = CAVEAT_FALSE};
    struct error error;

    switch ((int)oracle_caveat_evaluate(caveats->compiled[caveat - 1], slice_of(stored), request,
                                        arena, &result, &error)) {
    case BEHALF_OK:
        if (result.outcome != CAVEAT_UNKNOWN)
            return result.outcome == CAVEAT_TRUE ? ORACLE_HOLDS : ORACLE_FAILS;
        *reasons = missing_names(caveats, source, result.missing);
        BEHALF_ASSERT(*reasons != 0);
        return ORACLE_OPEN;
    case BEHALF_CAVEAT_EVALUATION_ERROR:
        *reasons = ORACLE_EVALUATION;
        return ORACLE_OPEN;
    case BEHALF_CAVEAT_PARAMETER_TYPE_ERROR:
        *reasons = ORACLE_PARAMETER;
        return ORACLE_OPEN;
    default:
        give_up("the caveat", source->name, &error);
    }
}

enum oracle_condition
oracle_condition_find(const struct oracle_caveats *caveats, int caveat, const char *stored,
                      const char *context, uint64_t *reasons)
{
    enum oracle_condition condition;
    struct arena arena;

    arena_init(&arena, SIZE_MAX);
    condition = evaluate(caveats, caveat, stored, read_context(context, &arena), &arena, reasons);
    arena_release(&arena);
    return condition;
}

void
oracle_facts_find(struct oracle_facts *facts, const struct world *world,
                  const struct oracle_caveats *caveats, const char *context, int64_t now)
{
    const struct datum *request;
    struct arena arena;

    arena_init(&arena, SIZE_MAX);
    request = read_context(context, &arena);
    facts->world = world;
    for (int i = 0; i < world->tuple_count; i++) {
        const struct world_tuple *tuple = &world->tuples[i];

        facts->reasons[i] = 0;
        if (!world_tuple_is_allowed(world, tuple) ||
            (tuple->expires_at != 0 && tuple->expires_at <= now))
            facts->conditions[i] = ORACLE_ABSENT;
        else if (tuple->caveat == 0)
            facts->conditions[i] = ORACLE_HOLDS;
        else
            facts->conditions[i] = evaluate(caveats, tuple->caveat, tuple->context, request, &arena,
                                            &facts->reasons[i]);
    }
    arena_release(&arena);
}
