/* validation_relations.c - expected relations against found ones. A key passes when each expected
 * subject is found, with the same mark, held by the same relations and without the same exceptions,
 * and nobody else. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "validate/validation.h"

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

/* Sorts what a file lists in any order, perhaps twice; what is found stands in order already. Gives
 * how many different ones there are. */
static uint32_t
sort_holders(struct object *holders, uint32_t count)
{
    uint32_t kept = 0;

    if (count > 0)
        qsort(holders, count, sizeof *holders, validation_object_compare);
    for (uint32_t index = 0; index < count; index++)
        if (kept == 0 || !same_object(&holders[kept - 1], &holders[index]))
            holders[kept++] = holders[index];
    return kept;
}

static int
compare_marked(const void *left, const void *right)
{
    const struct marked_subject *a = left;
    const struct marked_subject *b = right;
    int order = validation_object_compare(&a->subject, &b->subject);

    return order != 0 ? order : (int)a->conditional - (int)b->conditional;
}

static uint32_t
sort_exceptions(struct marked_subject *exceptions, uint32_t count)
{
    uint32_t kept = 0;

    if (count > 0)
        qsort(exceptions, count, sizeof *exceptions, compare_marked);
    for (uint32_t index = 0; index < count; index++)
        if (kept == 0 || compare_marked(&exceptions[kept - 1], &exceptions[index]) != 0)
            exceptions[kept++] = exceptions[index];
    return kept;
}

static bool
same_holders(struct listed_subject *expected, const struct listed_subject *found)
{
    uint32_t count = sort_holders(expected->holders, expected->holder_count);
    bool same = count == found->holder_count;

    for (uint32_t index = 0; same && index < count; index++)
        same = same_object(&expected->holders[index], &found->holders[index]);
    return same;
}

static bool
same_exceptions(struct listed_subject *expected, const struct listed_subject *found)
{
    uint32_t count = sort_exceptions(expected->exceptions, expected->exception_count);
    bool same = count == found->exception_count;

    for (uint32_t index = 0; same && index < count; index++)
        same = compare_marked(&expected->exceptions[index], &found->exceptions[index]) == 0;
    return same;
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

static int
compare_to_found(const void *wanted, const void *found)
{
    const struct listed_subject *listed = found;

    return validation_object_compare(wanted, &listed->who.subject);
}

/* Found subjects stand in the order of validation_object_compare. */
static void
compare_subject(struct comparison *comparison, const struct validation_scalar *source)
{
    const struct listed_subject *found;
    bool *met;
    struct listed_subject expected;
    struct error error;
    struct slice nothing = {"", 0};

    if (validation_expected_parse(source->text, comparison->scratch, &expected, &error) !=
        BEHALF_OK) {
        differ(comparison, source->line, nothing, "'%.*s': %s", SLICE_PRINTF(source->text),
               error.message);
        return;
    }
    found = comparison->found_count == 0
                ? NULL
                : bsearch(&expected.who.subject, comparison->found, comparison->found_count,
                          sizeof *found, compare_to_found);
    if (found == NULL) {
        differ(comparison, source->line, nothing, "expected '%.*s', not found",
               SLICE_PRINTF(source->text));
        return;
    }
    met = &comparison->met[found - comparison->found];
    if (*met) {
        differ(comparison, source->line, nothing, "'%.*s' is expected twice",
               SLICE_PRINTF(source->text));
    } else if (expected.who.conditional != found->who.conditional ||
               !same_exceptions(&expected, found) || !same_holders(&expected, found)) {
        struct slice text = found_text(comparison, found);

        differ(comparison, source->line, nothing, "expected '%.*s', found '%.*s'",
               SLICE_PRINTF(source->text), SLICE_PRINTF(text));
    }
    *met = true;
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
