/* validation_run.c - a validation file, step by step: schema, relationships, assertions, expected
 * relations, warnings. A step that fails ends the run: what follows would only repeat it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/lines.h"
#include "base/memory.h"
#include "validate/schema_file.h"
#include "validate/validation.h"

#define SCRATCH_MAX ((size_t)1 << 30)

struct run {
    struct arena *arena;
    struct arena scratch; /* of one question */
    struct validation_world world;
    struct validation_result *result;
    struct schema_file schema;
    enum validation_expected expected;
};

/* --- cases ------------------------------------------------------------------------------------ */

struct slice
validation_keep(struct arena *arena, struct slice text)
{
    struct slice copy = arena_copy(arena, text);

    return copy.data != NULL ? copy : SLICE_LITERAL("(no memory left to say it)");
}

struct validation_case *
validation_case_add(struct validation_result *result, enum validation_kind kind,
                    enum validation_outcome outcome, struct slice name)
{
    result->cases = memory_reserve(result->cases, result->case_count + 1, &result->capacity,
                                   sizeof *result->cases);
    result->failed_count += outcome == VALIDATION_FAILED;
    result->warning_count += outcome == VALIDATION_WARNED;
    result->cases[result->case_count] = (struct validation_case){
        .kind = kind,
        .outcome = outcome,
        .path = result->path,
        .name = name,
        .message = {"", 0},
        .why = {"", 0},
    };
    return &result->cases[result->case_count++];
}

static struct slice
keep(struct run *run, struct slice text)
{
    return validation_keep(run->arena, text);
}

static struct validation_case *
add_case(struct run *run, enum validation_kind kind, enum validation_outcome outcome,
         struct slice name)
{
    return validation_case_add(run->result, kind, outcome, name);
}

/* An error as a failed case; its place is one of the file the case is in. */
static struct validation_case *
add_error(struct run *run, enum validation_kind kind, struct slice name, const struct error *error)
{
    struct validation_case *made = add_case(run, kind, VALIDATION_FAILED, name);

    made->line = error->line;
    made->column = error->column;
    made->message = keep(run, slice_of(error->message));
    made->why = keep(run, slice_of(error->hint));
    return made;
}

/* The place of an error in a text of the file: of a column in it, where the text is as it
 * stands. */
static void
set_place(struct validation_case *made, const struct validation_scalar *scalar, uint32_t line)
{
    made->line = scalar->literal ? scalar->line + line : scalar->line;
    made->column = 0;
}

/* --- schema ----------------------------------------------------------------------------------- */

/* Columns that a literal block is indented by: what its first line with text stands behind. */
static uint32_t
block_indent(struct slice file, const struct validation_scalar *scalar)
{
    struct slice inner = scalar->text;
    struct slice line;
    struct slice outer;
    uint32_t number = 0;

    while (line_next(&inner, &line)) {
        struct slice rest = file;

        number++;
        if (line_trim(line).size == 0)
            continue;
        for (uint32_t at = 0; at < scalar->line + number; at++)
            if (!line_next(&rest, &outer))
                return 0;
        return outer.size > line.size ? (uint32_t)(outer.size - line.size) : 0;
    }
    return 0;
}

static enum status
find_schema(struct run *run, struct schema_file_error *error)
{
    const struct validation_file *file = &run->result->file;
    const char *path;

    if (file->schema.present) {
        struct schema_origin origin = {
            .path = run->result->path,
            .line = file->schema.line + (file->schema.literal ? 1 : 0),
            .aligned = file->schema.literal,
        };

        if (origin.aligned)
            origin.indent = block_indent(run->result->text, &file->schema);
        return schema_file_compose(run->arena, file->schema.text, &origin, &run->schema, error);
    }
    *error = (struct schema_file_error){.path = run->result->path};
    if (file->schema_file.text.size == 0 || file->schema_file.text.data[0] == '/' ||
        memchr(file->schema_file.text.data, '\0', file->schema_file.text.size) != NULL) {
        error_set(&error->error, BEHALF_MALFORMED_REQUEST,
                  "schemaFile is a path relative to this file");
        error_at(&error->error, file->schema_file.line, file->schema_file.column,
                 (struct slice){"", 0});
        return BEHALF_MALFORMED_REQUEST;
    }
    path = schema_path_beside(run->arena, run->result->path, file->schema_file.text);
    if (path == NULL)
        return error_set(&error->error, BEHALF_MALFORMED_REQUEST, "the file is too large");
    return schema_file_read(run->arena, path, &run->schema, error);
}

static void
add_lints(struct run *run)
{
    struct schema_lint *lints = NULL;
    struct error error;
    size_t count = 0;

    if (schema_lint(run->schema.text, &lints, &count, &error) != BEHALF_OK) {
        (void)add_error(run, VALIDATION_SCHEMA, SLICE_LITERAL("warnings"), &error);
        return;
    }
    for (size_t index = 0; index < count; index++) {
        struct validation_case *made =
            add_case(run, VALIDATION_LINT, VALIDATION_WARNED, slice_of(lints[index].name));

        made->line = lints[index].line;
        made->column = lints[index].column;
        made->path = schema_file_place(&run->schema, &made->line, &made->column);
        made->message = keep(run, slice_of(lints[index].message));
    }
    memory_free(lints);
}

static bool
load_schema(struct run *run, enum status composed, struct schema_file_error *error)
{
    struct slice name = SLICE_LITERAL("schema");

    if (composed == BEHALF_OK) {
        composed = validation_world_schema(&run->world, run->schema.text, &error->error);
        if (composed != BEHALF_OK)
            error->path = schema_file_place(&run->schema, &error->error.line, &error->error.column);
    }
    if (composed == BEHALF_OK)
        (void)add_case(run, VALIDATION_SCHEMA, VALIDATION_PASSED, name);
    else
        add_error(run, VALIDATION_SCHEMA, name, &error->error)->path = error->path;
    return composed == BEHALF_OK;
}

/* --- relationships ---------------------------------------------------------------------------- */

struct loaded {
    struct update *updates;
    uint32_t *lines;
    struct slice *keys; /* resource#relation@subject in canonical text */
    uint32_t count;
};

static bool
is_comment(struct slice line)
{
    return line.size == 0 || slice_starts_with(line, SLICE_LITERAL("//"));
}

static void
refuse_line(struct run *run, const struct error *error, struct slice name, uint32_t line)
{
    set_place(add_error(run, VALIDATION_RELATIONSHIPS, name, error),
              &run->result->file.relationships, line);
}

/* What makes two relationships the same one: not their caveat, nor their expiration. */
static struct slice
key_of(struct run *run, const struct relationship *relationship)
{
    struct relationship bare = {.resource = relationship->resource,
                                .subject = relationship->subject};
    struct buffer text;
    struct slice key;

    buffer_init(&text);
    relationship_print(&bare, &text);
    key = keep(run, buffer_slice(&text));
    buffer_release(&text);
    return key;
}

static bool
parse_relationships(struct run *run, struct loaded *loaded)
{
    struct slice rest = run->result->file.relationships.text;
    uint32_t number = 0;
    struct slice line;

    while (line_next(&rest, &line)) {
        struct relationship parsed;
        struct error error;

        number++;
        line = line_trim(line);
        if (is_comment(line))
            continue;
        if (relationship_parse(line, run->arena, &parsed, &error) != BEHALF_OK) {
            refuse_line(run, &error, line, number);
            continue;
        }
        loaded->updates[loaded->count] =
            (struct update){.op = UPDATE_CREATE, .relationship = parsed};
        loaded->keys[loaded->count] = key_of(run, &parsed);
        loaded->lines[loaded->count++] = number;
    }
    return run->result->failed_count == 0;
}

static int
compare_keys(const void *left, const void *right)
{
    const struct slice *a = *(const struct slice *const *)left;
    const struct slice *b = *(const struct slice *const *)right;
    int order = slice_compare(*a, *b);

    return order != 0 ? order : (a > b) - (a < b);
}

static bool
refuse_repeated(struct run *run, const struct loaded *loaded)
{
    const struct slice **sorted = memory_new_array((size_t)loaded->count + 1, sizeof(void *));

    for (uint32_t index = 0; index < loaded->count; index++)
        sorted[index] = &loaded->keys[index];
    qsort(sorted, loaded->count, sizeof(void *), compare_keys);
    for (uint32_t index = 1; index < loaded->count; index++) {
        struct validation_case at = {.line = 0};
        struct error error;

        if (!slice_equal(*sorted[index], *sorted[index - 1]))
            continue;
        set_place(&at, &run->result->file.relationships,
                  loaded->lines[sorted[index - 1] - loaded->keys]);
        error_set(&error, BEHALF_UPDATES_ON_SAME_RELATIONSHIP,
                  "the relationship stands in line %u already", at.line);
        refuse_line(run, &error, *sorted[index], loaded->lines[sorted[index] - loaded->keys]);
    }
    memory_free(sorted);
    return run->result->failed_count == 0;
}

/* A batch that is refused is written again one by one, so that each bad line is named. */
static void
write_batch(struct run *run, const struct loaded *loaded, uint32_t first, uint32_t count)
{
    struct error error;

    if (validation_world_write(&run->world, &loaded->updates[first], count, &error) == BEHALF_OK) {
        run->result->relationship_count += count;
        return;
    }
    for (uint32_t index = first; index < first + count; index++) {
        if (validation_world_write(&run->world, &loaded->updates[index], 1, &error) == BEHALF_OK)
            run->result->relationship_count++;
        else
            refuse_line(run, &error, loaded->keys[index], loaded->lines[index]);
    }
}

static bool
load_relationships(struct run *run)
{
    struct slice rest = run->result->file.relationships.text;
    struct loaded loaded = {.count = 0};
    size_t lines = 0;
    struct slice line;
    bool good;

    while (line_next(&rest, &line))
        lines++;
    loaded.updates = memory_new_array(lines + 1, sizeof *loaded.updates);
    loaded.lines = memory_new_array(lines + 1, sizeof *loaded.lines);
    loaded.keys = memory_new_array(lines + 1, sizeof *loaded.keys);
    good = parse_relationships(run, &loaded) && refuse_repeated(run, &loaded);
    for (uint32_t first = 0; good && first < loaded.count; first += ENGINE_UPDATES_MAX) {
        uint32_t left = loaded.count - first;

        write_batch(run, &loaded, first, left < ENGINE_UPDATES_MAX ? left : ENGINE_UPDATES_MAX);
    }
    memory_free(loaded.updates);
    memory_free(loaded.lines);
    memory_free(loaded.keys);
    good = run->result->failed_count == 0;
    if (good && run->result->file.relationships.present)
        (void)add_case(run, VALIDATION_RELATIONSHIPS, VALIDATION_PASSED,
                       SLICE_LITERAL("relationships"));
    return good;
}

/* --- attributes ------------------------------------------------------------------------------- */

static bool
describe_objects(struct run *run)
{
    const struct validation_file *file = &run->result->file;

    for (uint32_t index = 0; index < file->attributes_count; index++) {
        const struct validation_attributes *one = &file->attributes[index];
        struct validation_case *made;
        struct error error;
        enum status status = validation_world_describe(&run->world, one, run->arena, &error);

        if (status == BEHALF_OK)
            made = add_case(run, VALIDATION_ATTRIBUTES, VALIDATION_PASSED, one->object.text);
        else
            made = add_error(run, VALIDATION_ATTRIBUTES, one->object.text, &error);
        made->line = one->object.line;
        made->column = status == BEHALF_OK ? 0 : one->object.column;
    }
    return run->result->failed_count == 0;
}

/* --- grants ----------------------------------------------------------------------------------- */

static bool
make_grants(struct run *run)
{
    const struct validation_file *file = &run->result->file;

    for (uint32_t index = 0; index < file->grant_count; index++) {
        const struct validation_grant *grant = &file->grants[index];
        struct grant_arguments arguments;
        struct validation_case *made;
        struct error error;
        enum status status =
            validation_grant_parse(grant->arguments, run->arena, &arguments, &error);

        if (status == BEHALF_OK)
            status = validation_world_grant(&run->world, grant->name.text, &arguments, &error);
        if (status == BEHALF_OK)
            made = add_case(run, VALIDATION_GRANT, VALIDATION_PASSED, grant->name.text);
        else
            made = add_error(run, VALIDATION_GRANT, grant->name.text, &error);
        made->line = grant->name.line;
        made->column = status == BEHALF_OK ? 0 : grant->name.column;
    }
    return run->result->failed_count == 0;
}

/* --- assertions ------------------------------------------------------------------------------- */

static const char *
assertion_name(enum decision expected)
{
    switch (expected) {
    case DECISION_ALLOW:
        return "assertTrue";
    case DECISION_DENY:
        return "assertFalse";
    case DECISION_CONDITIONAL:
        return "assertCaveated";
    }
    return "";
}

/* Asked again only where the answer is wrong: an explanation costs more than an answer, and one
 * that cannot be had must not stand in for it. */
static struct slice
explain(struct run *run, const struct validation_question *question)
{
    struct check_result result;
    struct buffer text;
    struct error error;
    struct slice why = {"", 0};

    if (validation_world_check(&run->world, &run->scratch, question, true, &result, &error) !=
            BEHALF_OK ||
        result.explanation == NULL)
        return why;
    buffer_init(&text);
    validation_explanation_print(result.explanation, &text);
    why = keep(run, buffer_slice(&text));
    buffer_release(&text);
    return why;
}

/* Copies the names: they lie in the memory of one question. */
static struct missing_context
keep_missing(struct run *run, const struct missing_context *missing)
{
    struct slice *names = arena_take_array(run->arena, missing->count + 1, sizeof *names);

    if (names == NULL)
        return (struct missing_context){NULL, 0};
    for (size_t index = 0; index < missing->count; index++)
        names[index] = keep(run, missing->names[index]);
    return (struct missing_context){names, missing->count};
}

static void
add_answer(struct run *run, const struct validation_assertion *assertion, struct slice name,
           const struct check_result *result, struct slice why)
{
    bool right = result->decision == assertion->expected;
    struct validation_case *made =
        add_case(run, VALIDATION_ASSERTION, right ? VALIDATION_PASSED : VALIDATION_FAILED, name);
    struct buffer text;

    made->expected = validation_decision_name(assertion->expected);
    made->answer = validation_decision_name(result->decision);
    if (right)
        return;
    buffer_init(&text);
    buffer_add_format(&text, "expected %s, the answer is %s", made->expected, made->answer);
    made->missing = keep_missing(run, &result->missing);
    made->reason = engine_reason_word(result->reason);
    validation_missing_print(&made->missing, &text);
    if (made->missing.count == 0 && made->reason.size > 0)
        buffer_add_format(&text, " (%.*s)", SLICE_PRINTF(made->reason));
    made->message = keep(run, buffer_slice(&text));
    made->why = why;
    buffer_release(&text);
}

static struct slice
assertion_text(struct run *run, const struct validation_assertion *assertion)
{
    struct buffer text;
    struct slice name;

    buffer_init(&text);
    buffer_add_format(&text, "%s ", assertion_name(assertion->expected));
    buffer_add_slice(&text, assertion->source.text);
    name = keep(run, buffer_slice(&text));
    buffer_release(&text);
    return name;
}

/* A column of a text as one of the file. Where the text is not in the file as it is (escapes, a
 * text of several lines), the column that it begins in. */
static uint32_t
file_column(struct run *run, const struct validation_scalar *scalar, uint32_t column)
{
    struct slice rest = run->result->text;
    struct slice line = {"", 0};
    size_t at = 0;

    for (uint32_t number = 0; number < scalar->line; number++)
        if (!line_next(&rest, &line))
            return scalar->column;
    /* libyaml counts characters, columns are bytes. */
    for (uint32_t left = scalar->column - 1; at < line.size && left > 0; left--)
        for (at++; at < line.size && ((unsigned char)line.data[at] & 0xC0) == 0x80;)
            at++;
    if (at < line.size && (line.data[at] == '"' || line.data[at] == '\''))
        at++;
    return slice_starts_with((struct slice){line.data + at, line.size - at}, scalar->text)
               ? (uint32_t)at + column
               : scalar->column;
}

/* The column of the actor that makes the question an error: the last one of the shortest chain that
 * is one. 0 when the question is an error without actors. The grant is left out: what it decides is
 * no error of an actor, and nothing may be spent here. */
static uint32_t
actor_column(struct run *run, const struct validation_question *question)
{
    struct validation_question shorter = *question;
    struct check_result result;
    struct error error;

    shorter.grant = (struct slice){NULL, 0};
    for (shorter.actor_count = 0; shorter.actor_count < question->actor_count;
         shorter.actor_count++)
        if (validation_world_check(&run->world, &run->scratch, &shorter, false, &result, &error) !=
            BEHALF_OK)
            break;
    return shorter.actor_count > 0 ? question->actor_columns[shorter.actor_count - 1] : 0;
}

static uint32_t
error_column(struct run *run, const struct validation_question *question)
{
    if (question->grant.size > 0 &&
        validation_world_find_grant(&run->world, question->grant) == NULL)
        return question->grant_column;
    return actor_column(run, question);
}

static void
run_assertion(struct run *run, const struct validation_assertion *assertion)
{
    struct slice name = assertion_text(run, assertion);
    struct slice why = {"", 0};
    struct validation_question question;
    struct validation_case *made;
    struct check_result result;
    struct error error;
    uint32_t column = 0;
    enum status status;

    run->result->assertion_count++;
    arena_reset(&run->scratch, SCRATCH_MAX);
    status = validation_assertion_parse(assertion->source.text, &run->scratch, &question, &error);
    if (status != BEHALF_OK) {
        column = error.column;
    } else {
        status =
            validation_world_check(&run->world, &run->scratch, &question, false, &result, &error);
        if (status != BEHALF_OK)
            column = error_column(run, &question);
    }
    if (status == BEHALF_OK && result.decision != assertion->expected)
        why = explain(run, &question);
    if (status == BEHALF_OK)
        add_answer(run, assertion, name, &result, why);
    else
        (void)add_error(run, VALIDATION_ASSERTION, name, &error);
    made = &run->result->cases[run->result->case_count - 1];
    made->line = assertion->source.line;
    made->column = column > 0 ? file_column(run, &assertion->source, column) : 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool
ends_in(const char *path, const char *suffix)
{
    size_t size = strlen(path);
    size_t tail = strlen(suffix);

    return size > tail && strcmp(path + size - tail, suffix) == 0;
}

bool
validation_is_schema(const char *path)
{
    return ends_in(path, ".zed");
}

bool
validation_is_yaml(const char *path)
{
    return ends_in(path, ".yaml") || ends_in(path, ".yml") || ends_in(path, ".zaml");
}

static struct slice
did_you_mean(struct run *run, struct slice meant)
{
    char text[64];

    if (meant.size == 0)
        return (struct slice){"", 0};
    (void)snprintf(text, sizeof text, "did you mean '%.*s'?", SLICE_PRINTF(meant));
    return keep(run, slice_of(text));
}

static void
warn_of_unknown_keys(struct run *run)
{
    const struct validation_file *file = &run->result->file;

    for (uint32_t index = 0; index < file->unknown_count; index++) {
        struct validation_case *made =
            add_case(run, VALIDATION_FILE, VALIDATION_WARNED, file->unknown[index].text);

        made->line = file->unknown[index].line;
        made->column = file->unknown[index].column;
        made->message =
            SLICE_LITERAL("no key of a validation file; what it holds is not looked at");
        made->why = did_you_mean(run, validation_key_nearest(file->unknown[index].text));
    }
}

static void
run_yaml(struct run *run)
{
    struct validation_result *result = run->result;
    struct schema_file_error error;

    if (validation_yaml_read(result->text, run->arena, &result->file, &error.error) != BEHALF_OK) {
        (void)add_error(run, VALIDATION_FILE, SLICE_LITERAL("file"), &error.error);
        return;
    }
    warn_of_unknown_keys(run);
    if (!load_schema(run, find_schema(run, &error), &error) || !load_relationships(run) ||
        !describe_objects(run) || !make_grants(run))
        return;
    for (uint32_t index = 0; index < result->file.assertion_count; index++)
        run_assertion(run, &result->file.assertions[index]);
    validation_relations_run(&run->world, run->expected, run->arena, result);
    add_lints(run);
}

static void
run_schema(struct run *run)
{
    struct schema_origin origin = {.path = run->result->path, .line = 1, .aligned = true};
    struct schema_file_error error;
    enum status composed =
        schema_file_compose(run->arena, run->result->text, &origin, &run->schema, &error);

    if (load_schema(run, composed, &error))
        add_lints(run);
}

void
validation_run(const char *path, struct slice text, enum validation_expected expected,
               struct arena *arena, struct validation_result *result)
{
    struct run run = {.arena = arena, .result = result, .expected = expected};
    struct error error;

    *result = (struct validation_result){.path = path, .text = text};
    arena_init(&run.scratch, SCRATCH_MAX);
    if (validation_world_open(&run.world, &error) != BEHALF_OK)
        (void)add_error(&run, VALIDATION_FILE, SLICE_LITERAL("engine"), &error);
    else if (validation_is_schema(path))
        run_schema(&run);
    else
        run_yaml(&run);
    validation_world_close(&run.world);
    arena_release(&run.scratch);
}
