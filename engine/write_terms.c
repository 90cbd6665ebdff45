/* write_terms.c - the terms of a grant, judged by the schema and the limits; write_grant.c judges
 * what a parent allows. */
#include "base/datum.h"
#include "engine/scope.h"
#include "engine/write_records.h"

static enum status
no_memory(struct error *error)
{
    return error_set(error, BEHALF_BUDGET_EXHAUSTED, "no memory left for the write");
}

static enum status
check_number(size_t count, size_t most, const char *prefix, const char *path, struct error *error)
{
    if (count <= most)
        return BEHALF_OK;
    return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                     "%s%s: %zu are given; at most %zu are allowed", prefix, path, count, most);
}

/* --- scope --- */

static enum status
check_element(struct write_group *group, const struct engine_scope_element *words,
              const struct party *principal, struct scope_element *element, struct error *error)
{
    struct selector *selector = &element->selector;
    enum status status;

    element->actions = words->actions;
    element->action_count = words->action_count;
    if (words->action_count == 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "an element needs at least one action");
    status = check_number(words->action_count, ENGINE_SCOPE_ACTIONS_MAX, "", "actions", error);
    if (status == BEHALF_OK)
        status = selector_parse(words->selector, &group->arena, selector, error);
    if (status != BEHALF_OK)
        return status;
    /* Of the grant that is made: one that is read back names an object. */
    if (selector->is_principal) {
        selector->object = principal->object;
        selector->is_principal = false;
    }
    return scope_check_names(group->binding->schema, element, error);
}

static struct slice
selector_text(struct write_group *group, const struct selector *selector)
{
    struct buffer text;
    struct slice copy;

    buffer_init(&text);
    selector_print(selector, &text);
    copy = arena_copy(&group->arena, buffer_slice(&text));
    buffer_release(&text);
    return copy;
}

static enum status
take_scope(struct write_group *group, const struct engine_grant_terms *terms,
           const struct party *principal, const char *prefix, struct grant_words *words,
           struct scope_element **elements, struct error *error)
{
    struct element_words *scope;
    enum status status;

    if (terms->scope_count == 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "%sscope: at least one element is needed",
                         prefix);
    status = check_number(terms->scope_count, ENGINE_SCOPE_ELEMENTS_MAX, prefix, "scope", error);
    if (status != BEHALF_OK)
        return status;
    scope = arena_take_array(&group->arena, terms->scope_count, sizeof *scope);
    *elements = arena_take_array(&group->arena, terms->scope_count, sizeof **elements);
    if (scope == NULL || *elements == NULL)
        return no_memory(error);
    for (size_t at = 0; at < terms->scope_count; at++) {
        struct scope_element *element = &(*elements)[at];

        status = check_element(group, &terms->scope[at], principal, element, error);
        if (status != BEHALF_OK) {
            error_index(error, at);
            return write_error_path(error, "%sscope[%zu]", prefix, at);
        }
        scope[at] = (struct element_words){selector_text(group, &element->selector),
                                           element->actions, element->action_count};
        if (scope[at].selector.data == NULL)
            return no_memory(error);
    }
    words->scope = scope;
    words->scope_count = terms->scope_count;
    return BEHALF_OK;
}

/* --- constraints --- */

static enum status
check_constraint(const struct schema *schema, const struct engine_constraint *constraint,
                 struct constraint_words *words, struct error *error)
{
    uint32_t caveat = schema_find_caveat(schema, constraint->caveat);

    if (caveat == SCHEMA_NONE)
        return error_set(error, BEHALF_UNKNOWN_CAVEAT, "the schema has no caveat '%.*s'",
                         SLICE_PRINTF(constraint->caveat));
    words->caveat = constraint->caveat;
    words->context = constraint->context;
    schema_caveat_digest(schema, caveat, words->digest);
    if (constraint->context.size == 0)
        return BEHALF_OK;
    return write_check_context(schema->caveats[caveat].compiled, constraint->context, error);
}

static enum status
take_constraints(struct write_group *group, const struct engine_grant_terms *terms,
                 const char *prefix, struct grant_words *words, struct error *error)
{
    size_t count = terms->constraint_count;
    struct constraint_words *constraints;
    enum status status = check_number(count, ENGINE_CONSTRAINTS_MAX, prefix, "constraints", error);

    if (status != BEHALF_OK || count == 0)
        return status;
    constraints = arena_take_array(&group->arena, count, sizeof *constraints);
    if (constraints == NULL)
        return no_memory(error);
    for (size_t at = 0; at < count; at++) {
        status = check_constraint(group->binding->schema, &terms->constraints[at], &constraints[at],
                                  error);
        if (status != BEHALF_OK)
            return write_error_path(error, "%sconstraints[%zu]", prefix, at);
    }
    words->constraints = constraints;
    words->constraint_count = count;
    return BEHALF_OK;
}

/* --- the rest --- */

static enum status
take_tools(const struct engine_grant_terms *terms, const char *prefix, struct grant_words *words,
           struct error *error)
{
    enum status status = check_number(terms->tool_count, ENGINE_TOOLS_MAX, prefix, "tools", error);

    for (size_t at = 0; status == BEHALF_OK && at < terms->tool_count; at++) {
        if (terms->tools[at].name.size == 0)
            status = error_set(error, BEHALF_MALFORMED_REQUEST, "a tool needs a name");
        else
            status =
                write_check_size(terms->tools[at].name.size, ENGINE_NAME_SIZE_MAX, "name", error);
        if (status != BEHALF_OK)
            return write_error_path(error, "%stools[%zu]", prefix, at);
    }
    words->tools = terms->tools;
    words->tool_count = terms->tool_count;
    return status;
}

static enum status
take_numbers(const struct engine_grant_terms *terms, const char *prefix, struct grant_words *words,
             struct error *error)
{
    if (terms->max_depth > ENGINE_DEPTH_MAX)
        return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                         "%smax_depth: %u hops; at most %d are allowed", prefix,
                         (unsigned)terms->max_depth, ENGINE_DEPTH_MAX);
    if (terms->uses > UINT32_MAX)
        return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                         "%suses: at most %lu are allowed", prefix, (unsigned long)UINT32_MAX);
    if (terms->not_before < 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "%snot_before: a time before 1970",
                         prefix);
    words->max_depth = terms->max_depth;
    words->uses = (uint32_t)terms->uses;
    words->not_before = terms->not_before;
    return BEHALF_OK;
}

enum status
write_terms_limits(const struct engine_grant_terms *terms, const char *prefix,
                   struct grant_words *words, struct error *error)
{
    enum status status = take_tools(terms, prefix, words, error);

    if (status == BEHALF_OK)
        status = take_numbers(terms, prefix, words, error);
    if (status != BEHALF_OK)
        return status;
    status =
        write_check_size(terms->binding.method.size, ENGINE_NAME_SIZE_MAX, "bind.method", error);
    if (status == BEHALF_OK)
        status = write_check_size(terms->purpose.size, ENGINE_PURPOSE_SIZE_MAX, "purpose", error);
    words->binding = terms->binding;
    words->purpose = terms->purpose;
    return status;
}

enum status
write_terms(struct write_group *group, const struct engine_grant_terms *terms,
            const struct party *principal, const char *prefix, struct grant_words *words,
            struct scope_element **elements, struct error *error)
{
    enum status status = take_scope(group, terms, principal, prefix, words, elements, error);

    if (status == BEHALF_OK)
        status = take_constraints(group, terms, prefix, words, error);
    return status == BEHALF_OK ? write_terms_limits(terms, prefix, words, error) : status;
}
