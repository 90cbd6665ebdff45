/* schema_file.c - `import "path"`, resolved where files are: in the command line. */
#include "validate/schema_file.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "schema/schema.h"

#define IMPORT_DEPTH_MAX 64
#define FLAGS_MAX 16 /* the language has seven */

struct composer {
    struct arena *arena;
    struct schema_file_error *error;
    struct buffer out;
    struct schema_piece *pieces;
    uint32_t piece_count;
    uint32_t piece_capacity;
    const char **done; /* resolved paths */
    uint32_t done_count;
    uint32_t done_capacity;
    const char *open[IMPORT_DEPTH_MAX];
    uint32_t depth;
    struct slice flags[FLAGS_MAX];
    uint32_t flag_count;
};

static enum status
spent(struct composer *composer)
{
    return error_set(&composer->error->error, BEHALF_SCHEMA_PARSE_ERROR, "the schema is too large");
}

static void
place_in_origin(const struct schema_origin *origin, uint32_t *line, uint32_t *column)
{
    if (*line == 0)
        return;
    *line = origin->aligned ? origin->line + *line - 1 : origin->line;
    *column = origin->aligned ? origin->indent + *column : 0;
}

/* Gives the error that was set to the file it is in. */
static enum status
blame(struct composer *composer, const struct schema_origin *origin)
{
    struct schema_file_error *error = composer->error;

    error->path = origin->path;
    place_in_origin(origin, &error->error.line, &error->error.column);
    return error->error.status;
}

/* --- paths ------------------------------------------------------------------------------------ */

bool
schema_path_is_local(struct slice path)
{
    size_t from = 0;

    if (path.size == 0 || path.data[0] == '/' || memchr(path.data, '\0', path.size) != NULL ||
        memchr(path.data, '\\', path.size) != NULL)
        return false;
    for (size_t at = 0; at <= path.size; at++) {
        if (at < path.size && path.data[at] != '/')
            continue;
        if (at - from == 2 && memcmp(path.data + from, "..", 2) == 0)
            return false;
        from = at + 1;
    }
    return true;
}

const char *
schema_path_beside(struct arena *arena, const char *beside, struct slice path)
{
    const char *slash = strrchr(beside, '/');
    struct buffer joined;
    struct slice copy;

    buffer_init(&joined);
    if (slash != NULL)
        buffer_add(&joined, beside, (size_t)(slash - beside) + 1);
    buffer_add_slice(&joined, path);
    copy = arena_copy(arena, buffer_slice(&joined));
    buffer_release(&joined);
    return copy.data;
}

/* The one name of a file, however a path goes there. */
static const char *
identity_of(struct composer *composer, const char *path)
{
    char *real = realpath(path, NULL);
    struct slice copy = arena_copy(composer->arena, slice_of(real != NULL ? real : path));

    free(real);
    return copy.data;
}

static bool
is_done(const struct composer *composer, const char *identity)
{
    for (uint32_t index = 0; index < composer->done_count; index++)
        if (strcmp(composer->done[index], identity) == 0)
            return true;
    return false;
}

static bool
is_open(const struct composer *composer, const char *identity)
{
    for (uint32_t index = 0; index < composer->depth; index++)
        if (strcmp(composer->open[index], identity) == 0)
            return true;
    return false;
}

/* --- composing -------------------------------------------------------------------------------- */

static enum status
load(struct composer *composer, const char *path, struct slice *text)
{
    struct buffer bytes;
    int problem = 0;
    enum status status = BEHALF_OK;

    buffer_init(&bytes);
    if (!file_load(path, &bytes, &problem)) {
        status = error_set(&composer->error->error, BEHALF_SCHEMA_PARSE_ERROR,
                           "cannot read '%s': %s", path, strerror(problem));
        composer->error->path = path;
        composer->error->unreadable = true;
    } else {
        *text = arena_copy(composer->arena, buffer_slice(&bytes));
        if (text->data == NULL)
            status = spent(composer);
    }
    buffer_release(&bytes);
    return status;
}

static enum status
add_flag(struct composer *composer, struct slice flag)
{
    uint32_t at = 0;

    if (slice_equal(flag, SLICE_LITERAL("import")))
        return BEHALF_OK;
    while (at < composer->flag_count && slice_compare(composer->flags[at], flag) < 0)
        at++;
    if (at < composer->flag_count && slice_equal(composer->flags[at], flag))
        return BEHALF_OK;
    if (composer->flag_count == FLAGS_MAX)
        return spent(composer);
    memmove(&composer->flags[at + 1], &composer->flags[at],
            (composer->flag_count - at) * sizeof *composer->flags);
    composer->flags[at] = flag;
    composer->flag_count++;
    return BEHALF_OK;
}

static uint32_t
count_lines(struct slice text)
{
    uint32_t count = 0;

    for (size_t at = 0; at < text.size; at++)
        count += text.data[at] == '\n';
    return count;
}

/* The text with its `use` and `import` statements made blank, so that every place stays. */
static enum status
add_piece(struct composer *composer, struct slice text, const struct schema_origin *origin,
          const struct schema_directive *directives, size_t count)
{
    size_t start;

    composer->pieces = arena_grow(composer->arena, composer->pieces, composer->piece_count,
                                  &composer->piece_capacity, sizeof *composer->pieces);
    if (composer->pieces == NULL)
        return spent(composer);
    if (composer->out.size > 0)
        buffer_add_text(&composer->out, "\n");
    composer->pieces[composer->piece_count++] = (struct schema_piece){
        .first_line = count_lines(buffer_slice(&composer->out)) + 1, .origin = *origin};
    start = composer->out.size;
    buffer_add_slice(&composer->out, text);
    for (size_t index = 0; index < count; index++)
        for (size_t at = 0; at < directives[index].size; at++) {
            char *byte = &composer->out.data[start + directives[index].offset + at];

            if (*byte != '\n' && *byte != '\r')
                *byte = ' ';
        }
    buffer_add_text(&composer->out, "\n");
    return BEHALF_OK;
}

static enum status include(struct composer *composer, struct slice text,
                           const struct schema_origin *origin);

static enum status
refuse_import(struct composer *composer, const struct schema_origin *origin,
              const struct schema_directive *import, const char *message)
{
    error_set(&composer->error->error, BEHALF_SCHEMA_PARSE_ERROR, "%s", message);
    error_at(&composer->error->error, import->line, import->column, import->value);
    return blame(composer, origin);
}

static enum status
follow_import(struct composer *composer, const struct schema_origin *origin,
              const struct schema_directive *import)
{
    struct schema_origin inner = {.line = 1, .aligned = true};
    const char *identity;
    struct slice text;
    enum status status;

    if (!schema_path_is_local(import->value))
        return refuse_import(composer, origin, import, "an import is a relative path without '..'");
    inner.path = schema_path_beside(composer->arena, origin->path, import->value);
    if (inner.path == NULL)
        return spent(composer);
    identity = identity_of(composer, inner.path);
    if (identity == NULL)
        return spent(composer);
    if (is_open(composer, identity))
        return refuse_import(composer, origin, import, "files import each other in a circle");
    if (is_done(composer, identity))
        return BEHALF_OK;
    if (composer->depth == IMPORT_DEPTH_MAX)
        return refuse_import(composer, origin, import, "imports are nested too deeply");
    status = load(composer, inner.path, &text);
    if (status != BEHALF_OK) {
        error_at(&composer->error->error, import->line, import->column, import->value);
        return blame(composer, origin);
    }
    composer->open[composer->depth++] = identity;
    status = include(composer, text, &inner);
    composer->depth--;
    composer->done = arena_grow(composer->arena, composer->done, composer->done_count,
                                &composer->done_capacity, sizeof *composer->done);
    if (composer->done == NULL)
        return spent(composer);
    composer->done[composer->done_count++] = identity;
    return status;
}

/* Imports first, then the text itself. As deep as imports nest, which IMPORT_DEPTH_MAX bounds. */
static enum status
include(struct composer *composer, struct slice text, const struct schema_origin *origin)
{
    struct schema_directive *directives = NULL;
    size_t count = 0;
    enum status status =
        schema_directives(text, composer->arena, &directives, &count, &composer->error->error);

    if (status != BEHALF_OK)
        return blame(composer, origin);
    for (size_t index = 0; status == BEHALF_OK && index < count; index++)
        status = directives[index].import ? follow_import(composer, origin, &directives[index])
                                          : add_flag(composer, directives[index].value);
    return status == BEHALF_OK ? add_piece(composer, text, origin, directives, count) : status;
}

static bool
has_imports(struct arena *arena, struct slice text)
{
    struct schema_directive *directives = NULL;
    struct error error;
    size_t count = 0;

    if (schema_directives(text, arena, &directives, &count, &error) != BEHALF_OK)
        return false; /* compiling will say what is wrong */
    for (size_t index = 0; index < count; index++)
        if (directives[index].import)
            return true;
    return false;
}

/* The flags of all files stand once at the head; lines move down by as many. */
static enum status
finish(struct composer *composer, struct schema_file *file)
{
    struct buffer whole;

    buffer_init(&whole);
    for (uint32_t index = 0; index < composer->flag_count; index++)
        buffer_add_format(&whole, "use %.*s\n", SLICE_PRINTF(composer->flags[index]));
    for (uint32_t index = 0; index < composer->piece_count; index++)
        composer->pieces[index].first_line += composer->flag_count;
    buffer_add_slice(&whole, buffer_slice(&composer->out));
    *file = (struct schema_file){
        .text = arena_copy(composer->arena, buffer_slice(&whole)),
        .pieces = composer->pieces,
        .piece_count = composer->piece_count,
        .composed = true,
    };
    buffer_release(&whole);
    return file->text.data != NULL ? BEHALF_OK : spent(composer);
}

enum status
schema_file_compose(struct arena *arena, struct slice text, const struct schema_origin *origin,
                    struct schema_file *file, struct schema_file_error *error)
{
    struct composer composer = {.arena = arena, .error = error};
    enum status status;

    *error = (struct schema_file_error){.path = origin->path};
    if (!has_imports(arena, text)) {
        *file = (struct schema_file){.text = text, .piece_count = 1};
        file->pieces = arena_take_array(arena, 1, sizeof *file->pieces);
        if (file->pieces == NULL)
            return spent(&composer);
        file->pieces[0] = (struct schema_piece){.first_line = 1, .origin = *origin};
        return BEHALF_OK;
    }
    buffer_init(&composer.out);
    composer.open[composer.depth++] = identity_of(&composer, origin->path);
    status = composer.open[0] == NULL ? spent(&composer) : include(&composer, text, origin);
    if (status == BEHALF_OK)
        status = finish(&composer, file);
    buffer_release(&composer.out);
    return status;
}

enum status
schema_file_read(struct arena *arena, const char *path, struct schema_file *file,
                 struct schema_file_error *error)
{
    struct schema_origin origin = {.path = path, .line = 1, .aligned = true};
    struct composer composer = {.arena = arena, .error = error};
    struct slice text = {"", 0};
    enum status status;

    *error = (struct schema_file_error){.path = path};
    status = load(&composer, path, &text);
    if (status != BEHALF_OK)
        return status;
    return schema_file_compose(arena, text, &origin, file, error);
}

const char *
schema_file_place(const struct schema_file *file, uint32_t *line, uint32_t *column)
{
    uint32_t piece = file->piece_count - 1;

    while (piece > 0 && file->pieces[piece].first_line > *line)
        piece--;
    if (*line >= file->pieces[piece].first_line)
        *line -= file->pieces[piece].first_line - 1;
    place_in_origin(&file->pieces[piece].origin, line, column);
    return file->pieces[piece].origin.path;
}
