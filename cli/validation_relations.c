/* validation_relations.c - expected relations against found ones. A key passes when each expected
 * subject is found, with the same mark, held by the same relations and without the same exceptions,
 * and nobody else. */
#include <stdarg.h>
#include <stdio.h>

#include "cli/validation.h"

#define SCRATCH_MAX ((size_t)1 << 30)

struct comparison {
    struct validation_world *world;
    struct arena *arena;   /* what is reported */
    struct arena *scratch; /* of one key */
    struct validation_result *result;
    const struct validation_relation *relation;
    struct listed_subject *found;
    uint32_t found_count;
    bool *met; /* per found subject: some expected one is it */
    bool silent;
    bool differs;
};

static void differ(struct comparison *comparison, uint32_t line, struct slice why,
                   const char *format, ...) BEHALF_PRINTF(4, 5);

static void
differ(struct comparison *comparison, uint32_t line, struct slice why, const char *format, ...)
{
    struct validation_case *made;
    char message[1024];
    va_list arguments;

    comparison->differs = true;
    if (comparison->silent)
        return;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    made = validation_case_add(comparison->result, VALIDATION_RELATION, VALIDATION_FAILED,
                               comparison->relation->key.text);
    made->line = line;
    made->message = validation_keep(comparison->arena, slice_of(message));
    made->why = why;
}

static bool
same_object(const struct object *a, const struct object *b)
{
    return a->wildcard == b->wildcard && slice_equal(a->type, b->type) &&
           slice_equal(a->id, b->id) && slice_equal(a->relation, b->relation);
}

static bool
contains(const struct object *objects, size_t count, const struct object *one)
{
    for (size_t index = 0; index < count; index++)
        if (same_object(&objects[index], one))
            return true;
    return false;
}

/* As sets; found holders stand once each, expected ones perhaps twice. */
static bool
same_holders(const struct listed_subject *expected, const struct listed_subject *found)
{
    for (uint32_t index = 0; index < expected->holder_count; index++)
        if (!contains(found->holders, found->holder_count, &expected->holders[index]))
            return false;
    for (uint32_t index = 0; index < found->holder_count; index++)
        if (!contains(expected->holders, expected->holder_count, &found->holders[index]))
            return false;
    return true;
}

static bool
has_exception(const struct listed_subject *listed, const struct marked_subject *one)
{
    for (uint32_t index = 0; index < listed->exception_count; index++)
        if (same_object(&listed->exceptions[index].subject, &one->subject) &&
            listed->exceptions[index].conditional == one->conditional)
            return true;
    return false;
}

static bool
same_exceptions(const struct listed_subject *expected, const struct listed_subject *found)
{
    for (uint32_t index = 0; index < expected->exception_count; index++)
        if (!has_exception(found, &expected->exceptions[index]))
            return false;
    for (uint32_t index = 0; index < found->exception_count; index++)
        if (!has_exception(expected, &found->exceptions[index]))
            return false;
    return true;
}

static struct slice
found_text(struct comparison *comparison, const struct listed_subject *found)
{
    struct buffer text;
    struct slice kept;

    buffer_init(&text);
    validation_subject_print(found, &text);
    kept = validation_keep(comparison->scratch, buffer_slice(&text));
    buffer_release(&text);
    return kept;
}

static void
compare_subject(struct comparison *comparison, const struct validation_scalar *source)
{
    struct listed_subject expected;
    struct error error;
    struct slice nothing = {"", 0};

    if (validation_expected_parse(source->text, comparison->scratch, &expected, &error) !=
        BEHALF_OK) {
        differ(comparison, source->line, nothing, "'%.*s': %s", SLICE_PRINTF(source->text),
               error.message);
        return;
    }
    for (uint32_t index = 0; index < comparison->found_count; index++) {
        const struct listed_subject *found = &comparison->found[index];
        struct slice text;

        if (!same_object(&found->who.subject, &expected.who.subject))
            continue;
        text = found_text(comparison, found);
        if (comparison->met[index])
            differ(comparison, source->line, nothing, "'%.*s' is expected twice",
                   SLICE_PRINTF(source->text));
        else if (expected.who.conditional != found->who.conditional ||
                 !same_exceptions(&expected, found) || !same_holders(&expected, found))
            differ(comparison, source->line, nothing, "expected '%.*s', found '%.*s'",
                   SLICE_PRINTF(source->text), SLICE_PRINTF(text));
        comparison->met[index] = true;
        return;
    }
    differ(comparison, source->line, nothing, "expected '%.*s', not found",
           SLICE_PRINTF(source->text));
}

static void
compare(struct comparison *comparison)
{
    const struct validation_relation *relation = comparison->relation;

    for (uint32_t index = 0; index < relation->subject_count; index++)
        compare_subject(comparison, &relation->subjects[index]);
    for (uint32_t index = 0; index < comparison->found_count; index++) {
        struct slice text;

        if (comparison->met[index])
            continue;
        text = found_text(comparison, &comparison->found[index]);
        differ(comparison, relation->key.line, (struct slice){"", 0}, "found '%.*s', not expected",
               SLICE_PRINTF(text));
    }
}

static enum status
find(struct comparison *comparison, struct error *error)
{
    struct object resource;
    enum status status =
        object_parse(comparison->relation->key.text, comparison->scratch, &resource, error);

    if (status == BEHALF_OK && resource.relation.size == 0)
        status = error_set(error, BEHALF_MALFORMED_REQUEST, "the key must be object#relation");
    if (status == BEHALF_OK)
        status = validation_find_stored(comparison->world, &resource, comparison->scratch,
                                        &comparison->found, &comparison->found_count, error);
    if (status != BEHALF_OK)
        return status;
    comparison->met =
        arena_take_array(comparison->scratch, (size_t)comparison->found_count + 1, sizeof(bool));
    if (comparison->met == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "too many subjects are found");
    return BEHALF_OK;
}

static bool
add_block(struct comparison *comparison, struct validation_block *block)
{
    block->key = comparison->relation->key.text;
    block->lines = arena_take_array(comparison->arena, (size_t)comparison->found_count + 1,
                                    sizeof *block->lines);
    if (block->lines == NULL)
        return false;
    for (uint32_t index = 0; index < comparison->found_count; index++)
        block->lines[block->line_count++] =
            validation_keep(comparison->arena, found_text(comparison, &comparison->found[index]));
    return true;
}

static void
rewrite(struct validation_result *result, struct arena *arena,
        const struct validation_block *blocks)
{
    struct validation_case *made;
    struct buffer text;
    struct error error;

    buffer_init(&text);
    if (validation_rewrite(result->text, &result->file, blocks, result->file.relation_count, &text,
                           &error) == BEHALF_OK) {
        result->updated = validation_keep(arena, buffer_slice(&text));
    } else {
        made = validation_case_add(result, VALIDATION_FILE, VALIDATION_FAILED,
                                   SLICE_LITERAL("--update"));
        made->line = error.line;
        made->message = validation_keep(arena, slice_of(error.message));
    }
    buffer_release(&text);
}

void
validation_relations_run(struct validation_world *world, enum validation_expected expected,
                         struct arena *arena, struct validation_result *result)
{
    const struct validation_file *file = &result->file;
    struct validation_block *blocks =
        arena_take_array(arena, (size_t)file->relation_count + 1, sizeof *blocks);
    struct arena scratch;
    bool stale = false;
    bool good = blocks != NULL;

    arena_init(&scratch, SCRATCH_MAX);
    for (uint32_t index = 0; index < file->relation_count; index++) {
        struct comparison comparison = {.world = world,
                                        .arena = arena,
                                        .scratch = &scratch,
                                        .result = result,
                                        .relation = &file->relations[index],
                                        .silent = expected == VALIDATION_REGENERATE};
        struct error error;

        result->relation_count++;
        arena_reset(&scratch, SCRATCH_MAX);
        if (find(&comparison, &error) != BEHALF_OK) {
            comparison.silent = false;
            differ(&comparison, comparison.relation->key.line,
                   validation_keep(arena, slice_of(error.hint)), "%s", error.message);
            good = false;
            continue;
        }
        compare(&comparison);
        stale = stale || comparison.differs;
        good = good && add_block(&comparison, &blocks[index]);
        if (!comparison.differs || comparison.silent)
            validation_case_add(result, VALIDATION_RELATION, VALIDATION_PASSED,
                                comparison.relation->key.text)
                ->line = comparison.relation->key.line;
    }
    arena_release(&scratch);
    if (expected == VALIDATION_REGENERATE && stale && good)
        rewrite(result, arena, blocks);
}
