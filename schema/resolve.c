/* resolve.c - names of types, caveats and members, and the splicing of partials.
 * A partial with members can be spliced into a definition only once (a second time repeats them
 * all, which is an error), and a partial without members is dropped at once; so the work for a
 * definition is bounded by its members, however partials are nested. */
#include "schema/build.h"

struct schema_resolver {
    struct build *build;
    struct names items; /* every definition, partial and caveat: their index */
    const struct ast_item **by_index;
    uint8_t *state; /* of partials: enum visit */
    bool *has_members;
    const struct ast_member **stack; /* where the walk goes on in each open item */
    const struct ast_item **stack_items;
    uint32_t depth;
};

enum visit { UNSEEN, OPEN, DONE };

static const char *
kind_of(const struct ast_item *item)
{
    return item->kind == AST_DEFINITION ? "definition"
           : item->kind == AST_PARTIAL  ? "partial"
                                        : "caveat";
}

static enum status
refuse_import(struct build *build, const struct ast_item *item)
{
    error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR, "imports are not resolved here");
    error_hint(build->error, "the command line puts imported files into one text before it writes "
                             "a schema");
    return build_error_at(build, item->name.place);
}

/* Gives a definition or a caveat its number; a partial has none. */
static bool
number_item(struct build *build, const struct ast_item *item)
{
    if (item->kind == AST_DEFINITION) {
        build->types[build->type_count].item = item;
        return names_add(&build->type_names, 0, item->name.text, build->type_count++);
    }
    if (item->kind == AST_CAVEAT) {
        build->caveat_items[build->caveat_count] = item;
        return names_add(&build->caveat_names, 0, item->name.text, build->caveat_count++);
    }
    return true;
}

/* Enters every definition, partial and caveat under its name. */
static enum status
enter_items(struct schema_resolver *resolver)
{
    struct build *build = resolver->build;
    uint32_t count = 0;

    for (const struct ast_item *item = build->file->items; item != NULL; item = item->next) {
        uint32_t index;

        if (item->kind == AST_USE)
            continue;
        if (item->kind == AST_IMPORT)
            return refuse_import(build, item);
        index = names_find(&resolver->items, 0, item->name.text);
        if (index != SCHEMA_NONE) {
            error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR,
                      "the name '%.*s' is already that of the %s in line %u",
                      SLICE_PRINTF(item->name.text), kind_of(resolver->by_index[index]),
                      resolver->by_index[index]->name.place.line);
            return build_error_at(build, item->name.place);
        }
        if (count == SCHEMA_DEFINITIONS_MAX) {
            error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR,
                      "the schema has more than %d definitions, partials and caveats",
                      SCHEMA_DEFINITIONS_MAX);
            return build_error_at(build, item->name.place);
        }
        resolver->by_index[count] = item;
        if (!names_add(&resolver->items, 0, item->name.text, count++) || !number_item(build, item))
            return build_too_large(build);
    }
    return BEHALF_OK;
}

/* The index of the partial that `splice` names. */
static enum status
find_partial(struct schema_resolver *resolver, const struct ast_member *splice, uint32_t *partial)
{
    struct build *build = resolver->build;

    *partial = names_find(&resolver->items, 0, splice->name.text);
    if (*partial == SCHEMA_NONE) {
        error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR, "there is no partial '%.*s'",
                  SLICE_PRINTF(splice->name.text));
        return build_error_at(build, splice->name.place);
    }
    if (resolver->by_index[*partial]->kind != AST_PARTIAL) {
        error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR,
                  "'%.*s' is a %s, not a partial, and cannot be spliced in",
                  SLICE_PRINTF(splice->name.text), kind_of(resolver->by_index[*partial]));
        return build_error_at(build, splice->name.place);
    }
    return BEHALF_OK;
}

static void
push(struct schema_resolver *resolver, const struct ast_item *item)
{
    resolver->stack_items[resolver->depth] = item;
    resolver->stack[resolver->depth++] = item->members;
}

/* Names the partials on the way round. */
static enum status
circular_partials(struct schema_resolver *resolver, const struct ast_member *splice)
{
    char path[256];
    size_t size = 0;
    uint32_t from = 0;

    while (!slice_equal(resolver->stack_items[from]->name.text, splice->name.text))
        from++;
    path[0] = '\0';
    for (; from < resolver->depth && size + 140 < sizeof path; from++) {
        struct slice name = resolver->stack_items[from]->name.text;

        memcpy(path + size, name.data, name.size);
        memcpy(path + size + name.size, ", ", 3);
        size += name.size + 2;
    }
    error_set(resolver->build->error, BEHALF_SCHEMA_TYPE_ERROR,
              "partials splice each other in a circle: %s%.*s", path,
              SLICE_PRINTF(splice->name.text));
    return build_error_at(resolver->build, splice->name.place);
}

/* Walks the partials below `partial`, deepest first; finds circles, and which have members. */
static enum status
check_partial(struct schema_resolver *resolver, uint32_t partial)
{
    resolver->depth = 0;
    push(resolver, resolver->by_index[partial]);
    resolver->state[partial] = OPEN;
    while (resolver->depth > 0) {
        uint32_t top = resolver->depth - 1;
        const struct ast_member *member = resolver->stack[top];
        uint32_t self = names_find(&resolver->items, 0, resolver->stack_items[top]->name.text);
        uint32_t inner;
        enum status status;

        if (member == NULL) {
            resolver->state[self] = DONE;
            resolver->depth--;
            continue;
        }
        if (member->kind != AST_SPLICE) {
            resolver->has_members[self] = true;
            resolver->stack[top] = member->next;
            continue;
        }
        status = find_partial(resolver, member, &inner);
        if (status != BEHALF_OK)
            return status;
        if (resolver->state[inner] == OPEN)
            return circular_partials(resolver, member);
        if (resolver->state[inner] == UNSEEN) {
            resolver->state[inner] = OPEN;
            push(resolver, resolver->by_index[inner]);
            continue; /* looks at this splice again when the inner one is done */
        }
        resolver->has_members[self] = resolver->has_members[self] || resolver->has_members[inner];
        resolver->stack[top] = member->next;
    }
    return BEHALF_OK;
}

static enum status
add_named_member(struct schema_resolver *resolver, uint32_t type, const struct ast_member *ast)
{
    struct build *build = resolver->build;
    struct schema_member member = {.name = ast->name.text,
                                   .kind = ast->kind == AST_RELATION ? SCHEMA_RELATION
                                                                     : SCHEMA_PERMISSION,
                                   .type = type,
                                   .root = SCHEMA_NONE};
    struct build_source source = {.member = ast, .expression = ast->expression};
    uint32_t twin = names_find(&build->member_names, type, ast->name.text);

    if (twin != SCHEMA_NONE) {
        error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR,
                  "'%.*s' has a relation or permission '%.*s' already, from line %u",
                  SLICE_PRINTF(build_type_name(build, type)), SLICE_PRINTF(ast->name.text),
                  build->sources[twin].member->name.place.line);
        return build_error_at(build, ast->name.place);
    }
    if (!names_add(&build->member_names, type, ast->name.text, build->member_count))
        return build_too_large(build);
    return build_add_member(build, &member, &source);
}

/* The members of one definition, those of its partials in their place. */
static enum status
expand_definition(struct schema_resolver *resolver, uint32_t type)
{
    struct build_type *definition = &resolver->build->types[type];

    definition->first_member = resolver->build->member_count;
    resolver->depth = 0;
    push(resolver, definition->item);
    while (resolver->depth > 0) {
        const struct ast_member *member = resolver->stack[resolver->depth - 1];
        uint32_t partial;
        enum status status;

        if (member == NULL) {
            resolver->depth--;
            continue;
        }
        resolver->stack[resolver->depth - 1] = member->next;
        if (member->kind == AST_SPLICE) {
            status = find_partial(resolver, member, &partial);
            if (status == BEHALF_OK && resolver->has_members[partial])
                push(resolver, resolver->by_index[partial]);
        } else {
            status = add_named_member(resolver, type, member);
        }
        if (status != BEHALF_OK)
            return status;
    }
    definition->member_count = resolver->build->member_count - definition->first_member;
    return BEHALF_OK;
}

static bool
resolver_init(struct schema_resolver *resolver, struct build *build)
{
    size_t count = SCHEMA_DEFINITIONS_MAX + 2;

    *resolver = (struct schema_resolver){
        .build = build,
        .by_index = arena_take_array(build->arena, count, sizeof *resolver->by_index),
        .state = arena_take_array(build->arena, count, sizeof *resolver->state),
        .has_members = arena_take_array(build->arena, count, sizeof *resolver->has_members),
        .stack = arena_take_array(build->arena, count, sizeof *resolver->stack),
        .stack_items = arena_take_array(build->arena, count, sizeof *resolver->stack_items),
    };
    build->types = arena_take_array(build->arena, count, sizeof *build->types);
    build->caveat_items = arena_take_array(build->arena, count, sizeof *build->caveat_items);
    return resolver->by_index != NULL && resolver->state != NULL && resolver->has_members != NULL &&
           resolver->stack != NULL && resolver->stack_items != NULL && build->types != NULL &&
           build->caveat_items != NULL && names_init(&resolver->items, build->arena, 64) &&
           names_init(&build->type_names, build->arena, 64) &&
           names_init(&build->caveat_names, build->arena, 16) &&
           names_init(&build->member_names, build->arena, 256);
}

enum status
resolve_names(struct build *build)
{
    struct schema_resolver resolver;
    enum status status;

    if (!resolver_init(&resolver, build))
        return build_too_large(build);
    status = enter_items(&resolver);
    if (status != BEHALF_OK)
        return status;
    for (uint32_t index = 0; index < resolver.items.count; index++) {
        if (resolver.by_index[index]->kind != AST_PARTIAL || resolver.state[index] != UNSEEN)
            continue;
        status = check_partial(&resolver, index);
        if (status != BEHALF_OK)
            return status;
    }
    for (uint32_t type = 0; type < build->type_count; type++) {
        status = expand_definition(&resolver, type);
        if (status != BEHALF_OK)
            return status;
    }
    return BEHALF_OK;
}
