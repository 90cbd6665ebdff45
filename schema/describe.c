/* describe.c - what tools ask of a text beside its meaning: how permissions were written, and which
 * statements stand outside of definitions. Each call parses anew: nobody is in a hurry here. */
#include "schema/build.h"
#include "schema/format.h"
#include "schema/parse.h"

#define DESCRIBE_ARENA_MAX ((size_t)384 * 1024 * 1024)

static enum status
source_of(const struct build *build, uint32_t member, struct arena *arena,
          struct schema_source *source, struct error *error)
{
    const struct build_source *from = &build->sources[member];
    struct buffer text;

    *source = (struct schema_source){.expression = {"", 0},
                                     .line = from->member->name.place.line,
                                     .column = from->member->name.place.column};
    if (build->members[member].kind != SCHEMA_PERMISSION)
        return BEHALF_OK;
    buffer_init(&text);
    format_expression(from->member->expression, FORMAT_AS_WRITTEN, &text);
    source->expression = arena_copy(arena, buffer_slice(&text));
    buffer_release(&text);
    if (source->expression.data == NULL)
        return error_set(error, BEHALF_SCHEMA_TYPE_ERROR, "the schema is too large");
    return BEHALF_OK;
}

enum status
schema_sources(struct slice text, struct arena *arena, struct schema_source **sources,
               size_t *count, struct error *error)
{
    struct schema_source *found = NULL;
    struct arena scratch;
    struct build build;
    enum status status;

    arena_init(&scratch, DESCRIBE_ARENA_MAX);
    status = build_schema(&build, text, BUILD_STORED, NULL, &scratch, &scratch, error);
    if (status != BEHALF_OK)
        goto done;
    found = arena_take_array(arena, (size_t)build.member_count + 1, sizeof *found);
    if (found == NULL)
        status = error_set(error, BEHALF_SCHEMA_TYPE_ERROR, "the schema is too large");
    for (uint32_t member = 0; status == BEHALF_OK && member < build.member_count; member++)
        status = source_of(&build, member, arena, &found[member], error);
    if (status == BEHALF_OK) {
        *sources = found;
        *count = build.member_count;
    }
    build_release(&build);
done:
    arena_release(&scratch);
    return status;
}

/* The keyword stands before its value, with nothing but blanks and comments between; neither of
 * them can be longer than the way back to the keyword that the parser saw. */
static uint32_t
keyword_offset(struct slice text, uint32_t value_offset, struct slice keyword)
{
    uint32_t at = value_offset;

    while (at > 0) {
        at--;
        if (slice_starts_with((struct slice){text.data + at, text.size - at}, keyword))
            return at;
    }
    return value_offset;
}

static struct slice
without_quotes(struct slice string)
{
    size_t quotes =
        string.size >= 6 && string.data[1] == string.data[0] && string.data[2] == string.data[0]
            ? 3
            : 1;

    if (string.size < 2 * quotes)
        return string;
    return (struct slice){string.data + quotes, string.size - 2 * quotes};
}

static struct schema_directive
directive_of(struct slice text, const struct ast_item *item)
{
    bool import = item->kind == AST_IMPORT;
    const struct place *place = &item->name.place;
    uint32_t offset = keyword_offset(text, place->offset,
                                     import ? SLICE_LITERAL("import") : SLICE_LITERAL("use"));

    return (struct schema_directive){
        .import = import,
        .value = import ? without_quotes(item->name.text) : item->name.text,
        .offset = offset,
        .size = place->offset + place->size - offset,
        .line = place->line,
        .column = place->column,
    };
}

enum status
schema_directives(struct slice text, struct arena *arena, struct schema_directive **directives,
                  size_t *count, struct error *error)
{
    struct schema_directive *found = NULL;
    struct ast_file *file;
    struct arena scratch;
    uint32_t capacity = 0;
    uint32_t size = 0;
    enum status status;

    arena_init(&scratch, DESCRIBE_ARENA_MAX);
    status = schema_parse(text, &scratch, &file, error);
    for (const struct ast_item *item = status == BEHALF_OK ? file->items : NULL; item != NULL;
         item = item->next) {
        if (item->kind != AST_USE && item->kind != AST_IMPORT)
            continue;
        found = arena_grow(arena, found, size, &capacity, sizeof *found);
        if (found == NULL) {
            status = error_set(error, BEHALF_SCHEMA_TYPE_ERROR, "the schema is too large");
            break;
        }
        found[size++] = directive_of(text, item);
    }
    if (status == BEHALF_OK) {
        *directives = found;
        *count = size;
    }
    arena_release(&scratch);
    return status;
}
