/* compile.c - schema_compile, the life of a compiled schema, and its questions by name.
 * The build lives in an arena that is thrown away; what the contract shows is copied out of it. */
#include "base/memory.h"
#include "schema/build.h"
#include "schema/caveat.h"
#include "schema/comments.h"
#include "schema/frozen.h"

static enum status
copy_array(struct arena *arena, const void *array, size_t count, size_t size, const void **copy)
{
    void *taken = arena_take_array(arena, count + 1, size); /* one more: never of no bytes */

    *copy = taken;
    if (taken == NULL)
        return BEHALF_SCHEMA_TYPE_ERROR;
    if (count > 0)
        memcpy(taken, array, count * size);
    return BEHALF_OK;
}

static bool
copy_comment(struct arena *arena, const struct comments *comments, struct buffer *buffer,
             struct slice *copy)
{
    buffer_clear(buffer);
    comments_text(comments, buffer);
    if (buffer->size == 0)
        return true;
    *copy = arena_copy(arena, buffer_slice(buffer));
    return copy->data != NULL;
}

static bool
copy_types(struct frozen_schema *frozen, const struct build *build, struct buffer *buffer)
{
    struct schema_type *types =
        arena_take_array(&frozen->arena, (size_t)build->type_count + 1, sizeof *types);

    if (types == NULL || !names_init(&frozen->type_names, &frozen->arena, build->type_count))
        return false;
    for (uint32_t index = 0; index < build->type_count; index++) {
        const struct build_type *source = &build->types[index];
        struct schema_type *type = &types[index];

        *type = (struct schema_type){
            .name = arena_copy(&frozen->arena, source->item->name.text),
            .first_member = source->first_member,
            .member_count = source->member_count,
            .first_entry = build->type_entries[index],
            .entry_count = build->type_entries[index + 1] - build->type_entries[index],
        };
        if (type->name.data == NULL ||
            !copy_comment(&frozen->arena, &source->item->comments, buffer, &type->comment) ||
            !names_add(&frozen->type_names, 0, type->name, index))
            return false;
    }
    frozen->schema.types = types;
    frozen->schema.type_count = build->type_count;
    return true;
}

/* What is compiled lies in the schema's own arena already. */
static bool
copy_caveats(struct frozen_schema *frozen, const struct build *build, struct buffer *buffer)
{
    struct schema_caveat *caveats =
        arena_take_array(&frozen->arena, (size_t)build->caveat_count + 1, sizeof *caveats);

    if (caveats == NULL || !names_init(&frozen->caveat_names, &frozen->arena, build->caveat_count))
        return false;
    for (uint32_t index = 0; index < build->caveat_count; index++) {
        const struct ast_item *item = build->caveat_items[index];
        struct schema_caveat *caveat = &caveats[index];

        *caveat = build->caveats[index];
        caveat->name = arena_copy(&frozen->arena, item->name.text);
        if (caveat->name.data == NULL ||
            !copy_comment(&frozen->arena, &item->comments, buffer, &caveat->comment) ||
            !names_add(&frozen->caveat_names, 0, caveat->name, index))
            return false;
    }
    frozen->schema.caveats = caveats;
    frozen->schema.caveat_count = build->caveat_count;
    return true;
}

static bool
copy_members(struct frozen_schema *frozen, const struct build *build, struct buffer *buffer)
{
    struct schema_member *members =
        arena_take_array(&frozen->arena, (size_t)build->member_count + 1, sizeof *members);

    if (members == NULL || !names_init(&frozen->member_names, &frozen->arena, build->member_count))
        return false;
    for (uint32_t index = 0; index < build->member_count; index++) {
        struct schema_member *member = &members[index];

        /* Names of members lie in the text, which is the schema's own copy already. */
        *member = build->members[index];
        if (member->kind == SCHEMA_HIDDEN)
            continue;
        if (!copy_comment(&frozen->arena, &build->sources[index].member->comments, buffer,
                          &member->comment) ||
            !names_add(&frozen->member_names, member->type, member->name, index))
            return false;
    }
    frozen->schema.members = members;
    frozen->schema.member_count = build->member_count;
    return true;
}

static bool
copy_arrays(struct frozen_schema *frozen, const struct build *build)
{
    struct schema *schema = &frozen->schema;
    struct arena *arena = &frozen->arena;
    const void *variants;
    const void *rewrites;
    const void *operands;
    const void *hops;
    const void *entries;
    const void *rows;
    const void *context_names;
    const void *context_indexes;

    if (copy_array(arena, build->variants, build->variant_count, sizeof *build->variants,
                   &variants) != BEHALF_OK ||
        copy_array(arena, build->rewrites, build->rewrite_count, sizeof *build->rewrites,
                   &rewrites) != BEHALF_OK ||
        copy_array(arena, build->operands, build->operand_count, sizeof *build->operands,
                   &operands) != BEHALF_OK ||
        copy_array(arena, build->hops, build->hop_count, sizeof *build->hops, &hops) != BEHALF_OK ||
        copy_array(arena, build->entries, build->entry_count, sizeof *build->entries, &entries) !=
            BEHALF_OK ||
        copy_array(arena, build->rows, (size_t)build->member_count * 2 * build->row_words,
                   sizeof *build->rows, &rows) != BEHALF_OK ||
        copy_array(arena, build->context_names, build->context_name_count,
                   sizeof *build->context_names, &context_names) != BEHALF_OK ||
        copy_array(arena, build->context_indexes, build->context_index_count,
                   sizeof *build->context_indexes, &context_indexes) != BEHALF_OK)
        return false;
    schema->variants = variants;
    schema->rewrites = rewrites;
    schema->operands = operands;
    schema->hops = hops;
    schema->entries = entries;
    schema->variant_count = build->variant_count;
    schema->rewrite_count = build->rewrite_count;
    schema->operand_count = build->operand_count;
    schema->hop_count = build->hop_count;
    schema->entry_count = build->entry_count;
    schema->context_names = context_names;
    schema->context_indexes = context_indexes;
    schema->context_name_count = build->context_name_count;
    schema->has_expirations = build->has_expirations;
    schema->has_attributes = build->has_attributes;
    schema->has_request_attributes = build->has_request_attributes;
    schema->reserved_read = build->reserved_read;
    frozen->rows = rows;
    frozen->row_words = build->row_words;
    return true;
}

static enum status
freeze(struct frozen_schema *frozen, struct build *build)
{
    struct buffer buffer;
    bool copied;

    buffer_init(&buffer);
    /* The caveats come last: with them the schema owns what has to be released. */
    copied = copy_types(frozen, build, &buffer) && copy_members(frozen, build, &buffer) &&
             copy_arrays(frozen, build) && copy_caveats(frozen, build, &buffer);
    buffer_release(&buffer);
    return copied ? BEHALF_OK : build_too_large(build);
}

static enum status
compile(struct slice text, enum build_origin origin, size_t *pattern_parts, struct schema **schema,
        struct error *error)
{
    struct frozen_schema *frozen;
    struct arena arena;
    struct build build;
    enum status status;

    if (text.size > SCHEMA_TEXT_SIZE_MAX)
        return error_set(error, BEHALF_SCHEMA_PARSE_ERROR,
                         "the schema has %zu bytes; at most %zu are allowed", text.size,
                         SCHEMA_TEXT_SIZE_MAX);
    frozen = memory_new(sizeof *frozen);
    atomic_init(&frozen->references, 1);
    arena_init(&arena, BUILD_ARENA_MAX);
    arena_init(&frozen->arena, BUILD_ARENA_MAX);
    frozen->schema.text = arena_copy(&frozen->arena, text);
    BEHALF_ASSERT(frozen->schema.text.data != NULL);
    status = build_schema(&build, frozen->schema.text, origin, pattern_parts, &arena,
                          &frozen->arena, error);
    if (status == BEHALF_OK) {
        status = freeze(frozen, &build);
        if (status != BEHALF_OK)
            build_release(&build);
    }
    if (status == BEHALF_OK)
        *schema = &frozen->schema;
    else
        schema_unref(&frozen->schema);
    arena_release(&arena);
    return status;
}

enum status
schema_compile(struct slice text, struct schema **schema, struct error *error)
{
    size_t pattern_parts = CAVEAT_PATTERN_PARTS_MAX;

    return compile(text, BUILD_NEW, &pattern_parts, schema, error);
}

enum status
schema_compile_stored(struct slice text, struct schema **schema, struct error *error)
{
    return compile(text, BUILD_STORED, NULL, schema, error);
}

/* Only these two change a schema that is shared: its count, through the constant pointer that its
 * readers hold. */
static struct frozen_schema *
shared(const struct schema *schema)
{
    return (struct frozen_schema *)(uintptr_t)schema;
}

struct schema *
schema_ref(const struct schema *schema)
{
    /* Relaxed suffices: the caller holds a reference, so the object cannot go away meanwhile. */
    atomic_fetch_add_explicit(&shared(schema)->references, 1, memory_order_relaxed);
    return &shared(schema)->schema;
}

void
schema_unref(const struct schema *schema)
{
    if (schema == NULL)
        return;
    if (atomic_fetch_sub_explicit(&shared(schema)->references, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t index = 0; index < schema->caveat_count; index++)
        caveat_release(schema->caveats[index].compiled);
    arena_release(&shared(schema)->arena);
    memory_free(shared(schema));
}

uint32_t
schema_find_type(const struct schema *schema, struct slice name)
{
    return names_find(&frozen_of(schema)->type_names, 0, name);
}

uint32_t
schema_find_caveat(const struct schema *schema, struct slice name)
{
    return names_find(&frozen_of(schema)->caveat_names, 0, name);
}

uint32_t
schema_find_member(const struct schema *schema, uint32_t type, struct slice name)
{
    return names_find(&frozen_of(schema)->member_names, type, name);
}

uint32_t
schema_hop_member(const struct schema *schema, const struct rewrite *arrow, uint32_t type)
{
    for (uint32_t at = 0; at < arrow->count; at++) {
        if (schema->hops[arrow->first + at].type == type)
            return schema->hops[arrow->first + at].member;
    }
    return SCHEMA_NONE;
}

bool
schema_reaches(const struct schema *schema, uint32_t member, uint32_t subject_type, bool userset)
{
    const struct frozen_schema *frozen = frozen_of(schema);
    const uint64_t *row = frozen->rows + (size_t)member * 2 * frozen->row_words;

    BEHALF_ASSERT(member < schema->member_count && subject_type < schema->type_count);
    if (userset)
        row += frozen->row_words;
    return (row[subject_type / 64] >> subject_type % 64 & 1) != 0;
}
