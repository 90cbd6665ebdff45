/* fuzz_schema.c - any bytes as a schema.
 * What compiles keeps every promise, its caveats can be asked, and its source is described; what
 * parses prints canonically, and prints again the same; the canonical text means what the text
 * means. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "schema/caveat.h"
#include "schema/schema.h"

#define ARENA_MAX ((size_t)64 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Without a context a caveat may fail or stay open, but no value of it can have a wrong type. */
static void
check_caveat(const struct caveat *caveat, struct arena *arena)
{
    struct caveat_result result = {CAVEAT_FALSE, 0};
    struct slice nothing = {NULL, 0};
    struct error error;
    enum status status = caveat_evaluate(caveat, nothing, &(struct caveat_inputs){.context = NULL},
                                         CAVEAT_STEPS_MAX, arena, &result, &error);

    BEHALF_ASSERT(status == BEHALF_OK || status == BEHALF_CAVEAT_EVALUATION_ERROR ||
                  status == BEHALF_BUDGET_EXHAUSTED);
    if (status == BEHALF_OK)
        BEHALF_ASSERT((result.outcome == CAVEAT_UNKNOWN) == (result.missing != 0));
    BEHALF_ASSERT(result.missing >> caveat_parameter_count(caveat) == 0);
}

static void
check_caveats(const struct schema *schema)
{
    struct arena arena;

    arena_init(&arena, ARENA_MAX);
    for (uint32_t index = 0; index < schema->caveat_count; index++)
        check_caveat(schema->caveats[index].compiled, &arena);
    arena_release(&arena);
}

static void
check_sources(const struct schema *schema, struct slice text)
{
    struct schema_source *sources = NULL;
    struct arena arena;
    struct error error;
    size_t count = 0;

    arena_init(&arena, ARENA_MAX);
    BEHALF_ASSERT(schema_sources(text, &arena, &sources, &count, &error) == BEHALF_OK);
    BEHALF_ASSERT(count == schema->member_count);
    arena_release(&arena);
}

static void
check_same_conditions(const struct schema *a, const struct schema *b)
{
    BEHALF_ASSERT(a->caveat_count == b->caveat_count);
    BEHALF_ASSERT(a->context_name_count == b->context_name_count);
    BEHALF_ASSERT(a->has_expirations == b->has_expirations);
    for (uint32_t index = 0; index < a->caveat_count; index++) {
        BEHALF_ASSERT(slice_equal(a->caveats[index].name, b->caveats[index].name));
        BEHALF_ASSERT(slice_equal(a->caveats[index].comment, b->caveats[index].comment));
        BEHALF_ASSERT(slice_equal(caveat_text(a->caveats[index].compiled),
                                  caveat_text(b->caveats[index].compiled)));
    }
    for (uint32_t index = 0; index < a->variant_count; index++) {
        BEHALF_ASSERT(a->variants[index].caveat == b->variants[index].caveat);
        BEHALF_ASSERT(a->variants[index].expiring == b->variants[index].expiring);
        BEHALF_ASSERT(a->variants[index].repeats == b->variants[index].repeats);
    }
}

static void
check_same_meaning(const struct schema *a, const struct schema *b)
{
    BEHALF_ASSERT(a->type_count == b->type_count);
    BEHALF_ASSERT(a->member_count == b->member_count);
    BEHALF_ASSERT(a->variant_count == b->variant_count);
    check_same_conditions(a, b);
    BEHALF_ASSERT(a->rewrite_count == b->rewrite_count);
    BEHALF_ASSERT(a->operand_count == b->operand_count);
    BEHALF_ASSERT(a->hop_count == b->hop_count);
    BEHALF_ASSERT(a->entry_count == b->entry_count);
    BEHALF_ASSERT(memcmp(a->rewrites, b->rewrites, a->rewrite_count * sizeof *a->rewrites) == 0);
    BEHALF_ASSERT(memcmp(a->operands, b->operands, a->operand_count * sizeof *a->operands) == 0);
    for (uint32_t index = 0; index < a->member_count; index++) {
        if (a->members[index].kind == SCHEMA_HIDDEN)
            continue;
        BEHALF_ASSERT(slice_equal(a->members[index].name, b->members[index].name));
        BEHALF_ASSERT(slice_equal(a->members[index].comment, b->members[index].comment));
    }
}

static void
check_lints(struct slice text)
{
    struct schema_lint *lints = NULL;
    struct error error;
    size_t count = 0;

    BEHALF_ASSERT(schema_lint(text, &lints, &count, &error) == BEHALF_OK);
    for (size_t index = 0; index < count; index++)
        BEHALF_ASSERT(lints[index].line > 0 && lints[index].column > 0);
    memory_free(lints);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct schema *schema = NULL;
    struct schema *again = NULL;
    struct buffer once;
    struct buffer twice;
    struct error error;
    const char *reason = NULL;
    enum status status = schema_compile(text, &schema, &error);

    buffer_init(&once);
    buffer_init(&twice);
    if (status == BEHALF_OK) {
        BEHALF_ASSERT(schema_validate(schema, &reason));
        check_lints(text);
        check_caveats(schema);
        check_sources(schema, text);
    }
    if (schema_format(text, &once, &error) == BEHALF_OK) {
        /* Printing can push a text over the limit of size. */
        if (once.size > SCHEMA_TEXT_SIZE_MAX)
            goto done;
        BEHALF_ASSERT(schema_format(buffer_slice(&once), &twice, &error) == BEHALF_OK);
        BEHALF_ASSERT(slice_equal(buffer_slice(&once), buffer_slice(&twice)));
        BEHALF_ASSERT(schema_compile(buffer_slice(&once), &again, &error) == status);
        if (status == BEHALF_OK)
            check_same_meaning(schema, again);
    } else {
        BEHALF_ASSERT(status == BEHALF_SCHEMA_PARSE_ERROR);
    }
done:
    schema_unref(schema);
    schema_unref(again);
    buffer_release(&once);
    buffer_release(&twice);
    return 0;
}
