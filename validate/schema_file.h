/* schema_file.h - a schema text with its imports resolved, and where each line of it comes from.
 *
 * Always true: an import names a file below the folder of the file that imports it: no absolute
 * path, no `..`. A file is put in once, before the first that imports it; files that import each
 * other in a circle are an error. A text without imports stays as it is, byte for byte.
 * Threads: none. Memory: everything lies in the arena. */
#ifndef BEHALF_VALIDATE_SCHEMA_FILE_H
#define BEHALF_VALIDATE_SCHEMA_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

/* Where a text stands: line n of it is line `line` + n of the file at `path`, `indent` columns to
 * the right. When not `aligned` (a quoted YAML text), only the first line is known. */
struct schema_origin {
    const char *path;
    uint32_t line;
    uint32_t indent;
    bool aligned;
};

struct schema_piece {
    uint32_t first_line; /* in the composed text, from 1 */
    struct schema_origin origin;
};

struct schema_file {
    struct slice text; /* compiles as it is */
    struct schema_piece *pieces;
    uint32_t piece_count;
    bool composed; /* had imports */
};

/* An error with the file it is in; line and column are of that file. */
struct schema_file_error {
    struct error error;
    const char *path;
    bool unreadable; /* a file could not be read */
};

/* Reads the file at `path` ("-" is standard input) and what it imports. */
enum status schema_file_read(struct arena *arena, const char *path, struct schema_file *file,
                             struct schema_file_error *error) BEHALF_MUST_USE;

/* As above for a text that was read already and stands at `origin`. */
enum status schema_file_compose(struct arena *arena, struct slice text,
                                const struct schema_origin *origin, struct schema_file *file,
                                struct schema_file_error *error) BEHALF_MUST_USE;

/* Turns a place in the composed text into one in the file it comes from, which is returned. */
const char *schema_file_place(const struct schema_file *file, uint32_t *line, uint32_t *column);

/* Whether a path is relative and stays below where it starts. */
bool schema_path_is_local(struct slice path);

/* `path`, which is relative to the folder of `beside`, NUL-terminated in the arena; NULL when the
 * arena is spent. */
const char *schema_path_beside(struct arena *arena, const char *beside, struct slice path);

#endif
