/* fuzz_validation.c - any bytes as a validation file, an assertion and an expected subject.
 * Every part of a file has a place in it; an expected subject prints, the print parses to the same
 * parts and prints again the same; a file is rewritten without reading outside of it. */
#include <stdlib.h>

#include "base/check.h"
#include "base/datum.h"
#include "validate/validation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
same_object(const struct object *a, const struct object *b)
{
    return slice_equal(a->type, b->type) && slice_equal(a->id, b->id) &&
           slice_equal(a->relation, b->relation) && a->wildcard == b->wildcard;
}

static void
check_assertion(struct slice text, struct arena *arena)
{
    struct validation_question question;
    const char *reason;
    struct error error;

    if (validation_assertion_parse(text, arena, &question, &error) != BEHALF_OK) {
        BEHALF_ASSERT(error.column > 0);
        return;
    }
    BEHALF_ASSERT(question.asked.resource.relation.size > 0 && !question.asked.resource.wildcard);
    BEHALF_ASSERT(question.asked.caveat.size == 0 && question.asked.expires_at == 0);
    for (uint32_t index = 0; index < question.actor_count; index++)
        BEHALF_ASSERT(question.actor_columns[index] <= text.size);
    BEHALF_ASSERT(question.grant_column <= text.size &&
                  (question.grant.size > 0) == (question.grant_column > 0));
    if (question.context != NULL)
        BEHALF_ASSERT(question.context->kind == DATUM_MAP &&
                      datum_validate(question.context, &reason));
}

static void
check_expected(struct slice text, struct arena *arena)
{
    struct listed_subject first;
    struct listed_subject second;
    struct buffer out;
    struct error error;

    if (validation_expected_parse(text, arena, &first, &error) != BEHALF_OK)
        return;
    buffer_init(&out);
    validation_subject_print(&first, &out);
    BEHALF_ASSERT(validation_expected_parse(buffer_slice(&out), arena, &second, &error) ==
                  BEHALF_OK);
    BEHALF_ASSERT(same_object(&first.who.subject, &second.who.subject));
    BEHALF_ASSERT(first.who.conditional == second.who.conditional);
    BEHALF_ASSERT(first.exception_count == second.exception_count);
    BEHALF_ASSERT(first.exception_count == 0 || first.who.subject.wildcard);
    for (uint32_t index = 0; index < first.exception_count; index++) {
        BEHALF_ASSERT(
            same_object(&first.exceptions[index].subject, &second.exceptions[index].subject));
        BEHALF_ASSERT(first.exceptions[index].conditional == second.exceptions[index].conditional);
    }
    BEHALF_ASSERT(first.holder_count == second.holder_count);
    for (uint32_t index = 0; index < first.holder_count; index++)
        BEHALF_ASSERT(same_object(&first.holders[index], &second.holders[index]));
    buffer_release(&out);
}

/* What is understood of a grant is whole: parties of one kind, a scope, numbers within bounds. */
static void
check_grant(const struct validation_grant *grant, struct arena *arena)
{
    struct grant_arguments arguments;
    const struct engine_grant_terms *terms = &arguments.terms;
    const char *reason;
    struct error error;

    BEHALF_ASSERT(grant->name.text.size > 0);
    BEHALF_ASSERT(grant->arguments->kind == DATUM_MAP && datum_validate(grant->arguments, &reason));
    if (validation_grant_parse(grant->arguments, arena, &arguments, &error) != BEHALF_OK) {
        BEHALF_ASSERT(error.message[0] != '\0');
        return;
    }
    BEHALF_ASSERT((arguments.principal.type.size > 0) != (arguments.parent.size > 0));
    BEHALF_ASSERT((arguments.agent.type.size > 0) != (arguments.delegatee.type.size > 0));
    BEHALF_ASSERT(terms->scope_count > 0 && terms->max_depth <= ENGINE_DEPTH_MAX);
    BEHALF_ASSERT(terms->end.at >= 0 && terms->end.in_ns >= 0 && terms->not_before >= 0);
    for (size_t index = 0; index < terms->scope_count; index++)
        BEHALF_ASSERT(terms->scope[index].selector.size > 0 &&
                      terms->scope[index].action_count > 0);
}

static uint32_t
count_lines(struct slice text)
{
    uint32_t lines = 1;

    /* YAML ends lines at \r, and at some characters beyond ASCII, as well. */
    for (size_t at = 0; at < text.size; at++)
        lines += text.data[at] == '\n' || text.data[at] == '\r' || (text.data[at] & 0x80) != 0;
    return lines;
}

static void
check_place(const struct validation_scalar *scalar, uint32_t lines)
{
    BEHALF_ASSERT(scalar->line >= 1 && scalar->line <= lines && scalar->column >= 1);
}

static void
check_rewrite(struct slice text, const struct validation_file *file, struct arena *arena)
{
    struct validation_block *blocks =
        arena_take_array(arena, (size_t)file->relation_count + 1, sizeof *blocks);
    struct buffer out;
    struct error error;

    if (blocks == NULL || file->block_first == 0)
        return;
    for (uint32_t index = 0; index < file->relation_count; index++)
        blocks[index].key = file->relations[index].key.text;
    buffer_init(&out);
    if (validation_rewrite(text, file, blocks, file->relation_count, &out, &error) != BEHALF_OK)
        BEHALF_ASSERT(error.line == file->block_first);
    buffer_release(&out);
}

static void
check_file(struct slice text, struct arena *arena)
{
    uint32_t lines = count_lines(text);
    struct validation_file file;
    struct error error;

    if (validation_yaml_read(text, arena, &file, &error) != BEHALF_OK) {
        BEHALF_ASSERT(error.line <= lines + 1); /* behind the last one: the end came too early */
        return;
    }
    BEHALF_ASSERT(file.schema.present != file.schema_file.present);
    for (uint32_t index = 0; index < file.assertion_count; index++) {
        check_place(&file.assertions[index].source, lines);
        check_assertion(file.assertions[index].source.text, arena);
    }
    for (uint32_t index = 0; index < file.grant_count; index++) {
        check_place(&file.grants[index].name, lines);
        check_grant(&file.grants[index], arena);
    }
    for (uint32_t index = 0; index < file.relation_count; index++) {
        const struct validation_relation *relation = &file.relations[index];

        check_place(&relation->key, lines);
        for (uint32_t at = 0; at < relation->subject_count; at++) {
            check_place(&relation->subjects[at], lines);
            check_expected(relation->subjects[at].text, arena);
        }
    }
    BEHALF_ASSERT(file.block_first <= file.block_last && file.block_last <= lines);
    check_rewrite(text, &file, arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct arena arena;

    arena_init(&arena, 1 << 20);
    check_file(text, &arena);
    check_assertion(text, &arena);
    check_expected(text, &arena);
    arena_release(&arena);
    return 0;
}
