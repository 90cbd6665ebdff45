/* conditions.c - the caveats of a schema: parameters, their types, the expression, and the numbers
 * of the names that all of them read from contexts. */
#include <stdlib.h>

#include "schema/build.h"
#include "schema/caveat.h"

static const struct {
    const char *name;
    enum caveat_type_kind kind;
    bool has_element;
} type_rows[] = {
    {"any", CAVEAT_ANY, false},
    {"bool", CAVEAT_BOOL, false},
    {"string", CAVEAT_STRING, false},
    {"int", CAVEAT_INT, false},
    {"uint", CAVEAT_UINT, false},
    {"double", CAVEAT_DOUBLE, false},
    {"bytes", CAVEAT_BYTES, false},
    {"duration", CAVEAT_DURATION, false},
    {"timestamp", CAVEAT_TIMESTAMP, false},
    {"list", CAVEAT_LIST, true},
    {"map", CAVEAT_MAP, true},
    {"ipaddress", CAVEAT_IPADDRESS, false},
};

static enum status
unknown_type(struct build *build, const struct ast_parameter_type *type)
{
    error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR, "'%.*s' is no type of a parameter",
              SLICE_PRINTF(type->name.text));
    error_hint(build->error, "the types are any, bool, string, int, uint, double, bytes, duration, "
                             "timestamp, ipaddress, list<T> and map<T>");
    return build_error_at(build, type->name.place);
}

/* The row of a type whose arguments are as many as it takes. */
static enum status
find_row(struct build *build, const struct ast_parameter_type *type, size_t *row)
{
    size_t arguments = 0;

    for (const struct ast_parameter_type *at = type->arguments; at != NULL; at = at->next)
        arguments++;
    for (*row = 0; *row < BEHALF_COUNT_OF(type_rows); *row += 1) {
        if (!slice_equal(type->name.text, slice_of(type_rows[*row].name)))
            continue;
        if (arguments == (type_rows[*row].has_element ? 1 : 0))
            return BEHALF_OK;
        error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR, "type '%s' takes %s",
                  type_rows[*row].name,
                  type_rows[*row].has_element ? "one type in '<>'" : "no types in '<>'");
        return build_error_at(build, type->name.place);
    }
    return unknown_type(build, type);
}

/* `map<list<int>>` from the outside in: each turn of the loop is one more element. */
static enum status
declared_type(struct build *build, const struct ast_parameter_type *written,
              struct caveat_type *type)
{
    for (;;) {
        struct caveat_type *element = NULL;
        size_t row;
        enum status status = find_row(build, written, &row);

        if (status != BEHALF_OK)
            return status;
        if (type_rows[row].has_element) {
            element = arena_take_array(build->caveat_arena, 1, sizeof *element);
            if (element == NULL)
                return build_too_large(build);
        }
        *type = (struct caveat_type){.kind = type_rows[row].kind, .element = element};
        if (element == NULL)
            return BEHALF_OK;
        type = element;
        written = written->arguments;
    }
}

/* What stands under a reserved name must be what the server fills it with. */
static enum status
check_reserved(struct build *build, const struct ast_parameter *written,
               const struct caveat_type *type)
{
    if (!build->has_attributes || caveat_reserved_of(written->name.text) == CAVEAT_RESERVED_COUNT ||
        caveat_type_is_reserved(type))
        return BEHALF_OK;
    error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR,
              "the parameter '%.*s' must be of type map<any>, for the schema says 'use %s'",
              SLICE_PRINTF(written->name.text),
              build->has_request_attributes ? "request_attributes" : "attributes");
    error_hint(build->error,
               "the server fills it with attributes; declare '%.*s map<any>', or give "
               "the parameter another name",
               SLICE_PRINTF(written->name.text));
    return build_error_at(build, written->type->name.place);
}

static enum status
declared_parameters(struct build *build, const struct ast_item *item,
                    struct caveat_parameter **parameters, size_t *count)
{
    size_t room = 0;

    for (const struct ast_parameter *at = item->parameters; at != NULL; at = at->next)
        room++;
    *parameters = arena_take_array(build->arena, room, sizeof **parameters);
    if (*parameters == NULL)
        return build_too_large(build);
    *count = 0;
    for (const struct ast_parameter *at = item->parameters; at != NULL; at = at->next) {
        struct caveat_parameter *parameter = &(*parameters)[(*count)++];
        enum status status = declared_type(build, at->type, &parameter->type);

        if (status == BEHALF_OK)
            status = check_reserved(build, at, &parameter->type);
        if (status != BEHALF_OK)
            return status;
        parameter->name = at->name.text;
    }
    return BEHALF_OK;
}

static enum status
compile_caveat(struct build *build, const struct ast_item *item, const struct caveat **caveat)
{
    struct caveat_parameter *parameters = NULL;
    size_t count = 0;
    enum status status = declared_parameters(build, item, &parameters, &count);

    if (status != BEHALF_OK)
        return status;
    status = caveat_compile(item->name.text, parameters, count, build->has_attributes, item->body,
                            item->body_line, item->body_column, build->pattern_parts,
                            build->caveat_arena, caveat, build->error);
    if (status == BEHALF_OK)
        build->reserved_read |= caveat_reserved_read(*caveat);
    return status == BEHALF_BUDGET_EXHAUSTED ? build_too_large(build) : status;
}

static int
compare_names(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static uint32_t
find_context_name(const struct build *build, struct slice name)
{
    const struct slice *found =
        bsearch(&name, build->context_names, build->context_name_count, sizeof name, compare_names);

    BEHALF_ASSERT(found != NULL);
    return (uint32_t)(found - build->context_names);
}

/* Sorts the names of all parameters, keeps each once, and notes which is which. */
static enum status
number_parameters(struct build *build)
{
    uint32_t kept = 0;
    uint32_t count = 0;

    build->context_names = arena_take_array(build->arena, build->context_index_count + 1,
                                            sizeof *build->context_names);
    build->context_indexes = arena_take_array(build->arena, build->context_index_count + 1,
                                              sizeof *build->context_indexes);
    if (build->context_names == NULL || build->context_indexes == NULL)
        return build_too_large(build);
    for (uint32_t index = 0; index < build->caveat_count; index++) {
        const struct caveat *caveat = build->caveats[index].compiled;

        for (size_t at = 0; at < caveat_parameter_count(caveat); at++)
            build->context_names[count++] = caveat_parameter_at(caveat, at)->name;
    }
    if (count > 0)
        qsort(build->context_names, count, sizeof *build->context_names, compare_names);
    for (uint32_t at = 0; at < count; at++)
        if (kept == 0 || !slice_equal(build->context_names[kept - 1], build->context_names[at]))
            build->context_names[kept++] = build->context_names[at];
    build->context_name_count = kept;
    for (uint32_t index = 0; index < build->caveat_count; index++) {
        const struct schema_caveat *caveat = &build->caveats[index];

        for (size_t at = 0; at < caveat_parameter_count(caveat->compiled); at++)
            build->context_indexes[caveat->first_context + at] =
                find_context_name(build, caveat_parameter_at(caveat->compiled, at)->name);
    }
    return BEHALF_OK;
}

enum status
build_conditions(struct build *build)
{
    build->caveats =
        arena_take_array(build->arena, (size_t)build->caveat_count + 1, sizeof *build->caveats);
    if (build->caveats == NULL)
        return build_too_large(build);
    for (uint32_t index = 0; index < build->caveat_count; index++) {
        struct schema_caveat *caveat = &build->caveats[index];
        enum status status = compile_caveat(build, build->caveat_items[index], &caveat->compiled);

        if (status != BEHALF_OK)
            return status;
        caveat->first_context = build->context_index_count;
        build->context_index_count += (uint32_t)caveat_parameter_count(caveat->compiled);
    }
    return number_parameters(build);
}
