/* build.c - the order of the passes, and what they share. */
#include "schema/build.h"

#include "base/suggest.h"
#include "schema/caveat.h"
#include "schema/parse.h"

#define SMALLEST_ARRAY UINT32_C(64)

void *
build_grow(struct build *build, void *array, uint32_t count, uint32_t *capacity, size_t size)
{
    uint32_t wanted = *capacity < SMALLEST_ARRAY / 2 ? SMALLEST_ARRAY : *capacity * 2;
    void *grown;

    if (count < *capacity)
        return array;
    if (wanted > UINT32_MAX / 4)
        return NULL;
    grown = arena_take_array(build->arena, wanted, size);
    if (grown == NULL)
        return NULL;
    if (count > 0)
        memcpy(grown, array, count * size);
    *capacity = wanted;
    return grown;
}

enum status
build_too_large(struct build *build)
{
    error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR, "the schema is too large to compile");
    error_hint(build->error, "partials copy their members into every definition that names them");
    return BEHALF_SCHEMA_TYPE_ERROR;
}

enum status
build_error_at(struct build *build, struct place place)
{
    return schema_error_at(build->error, BEHALF_SCHEMA_TYPE_ERROR, build->file->text, place);
}

struct slice
build_type_name(const struct build *build, uint32_t type)
{
    return build->types[type].item->name.text;
}

static void
hint_nearest(struct build *build, struct slice nearest)
{
    if (nearest.size > 0)
        error_hint(build->error, "did you mean '%.*s'?", SLICE_PRINTF(nearest));
}

void
build_suggest_type(struct build *build, struct slice wanted)
{
    struct slice nearest = {NULL, 0};
    uint32_t distance = UINT32_MAX;

    for (uint32_t type = 0; type < build->type_count; type++)
        suggest(wanted, build_type_name(build, type), &nearest, &distance);
    hint_nearest(build, nearest);
}

void
build_suggest_caveat(struct build *build, struct slice wanted)
{
    struct slice nearest = {NULL, 0};
    uint32_t distance = UINT32_MAX;

    for (uint32_t caveat = 0; caveat < build->caveat_count; caveat++)
        suggest(wanted, build->caveat_items[caveat]->name.text, &nearest, &distance);
    hint_nearest(build, nearest);
}

void
build_suggest_member(struct build *build, uint32_t type, struct slice wanted)
{
    const struct build_type *owner = &build->types[type];
    struct slice nearest = {NULL, 0};
    uint32_t distance = UINT32_MAX;

    for (uint32_t at = 0; at < owner->member_count; at++)
        suggest(wanted, build->members[owner->first_member + at].name, &nearest, &distance);
    hint_nearest(build, nearest);
}

enum status
build_add_member(struct build *build, const struct schema_member *member,
                 const struct build_source *source)
{
    if (build->member_count == SCHEMA_MEMBERS_MAX) {
        error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR,
                  "the schema has more than %d relations and permissions", SCHEMA_MEMBERS_MAX);
        return build_error_at(build, source->member->name.place);
    }
    build->members = build_grow(build, build->members, build->member_count, &build->member_capacity,
                                sizeof *build->members);
    build->sources = build_grow(build, build->sources, build->member_count, &build->source_capacity,
                                sizeof *build->sources);
    if (build->members == NULL || build->sources == NULL)
        return build_too_large(build);
    build->members[build->member_count] = *member;
    build->sources[build->member_count] = *source;
    build->member_count++;
    return BEHALF_OK;
}

enum status
build_schema(struct build *build, struct slice text, enum build_origin origin,
             size_t *pattern_parts, struct arena *arena, struct arena *caveat_arena,
             struct error *error)
{
    struct ast_file *file;
    enum status status = schema_parse(text, arena, &file, error);

    if (status != BEHALF_OK)
        return status;
    *build =
        (struct build){.arena = arena,
                       .caveat_arena = caveat_arena,
                       .pattern_parts = pattern_parts,
                       .error = error,
                       .file = file,
                       .has_request_attributes = (file->flags & AST_FLAG_REQUEST_ATTRIBUTES) != 0};
    build->has_attributes =
        build->has_request_attributes || (file->flags & AST_FLAG_ATTRIBUTES) != 0;
    status = resolve_names(build);
    if (status == BEHALF_OK)
        status = build_conditions(build);
    if (status == BEHALF_OK && origin == BUILD_NEW)
        status = build_ceilings(build);
    if (status == BEHALF_OK)
        status = build_types(build);
    if (status == BEHALF_OK)
        status = build_rewrites(build);
    if (status == BEHALF_OK)
        status = build_dependencies(build);
    if (status == BEHALF_OK)
        status = build_reach(build);
    if (status != BEHALF_OK)
        build_release(build);
    return status;
}

void
build_release(struct build *build)
{
    for (uint32_t index = 0; build->caveats != NULL && index < build->caveat_count; index++)
        caveat_release(build->caveats[index].compiled);
    build->caveats = NULL;
}
