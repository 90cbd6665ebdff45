/* fuzz_caveat.c - any text as an expression over parameters of every type: EXPRESSION [NUL
 * CONTEXT]. Compiling and evaluating end, within their memory; an outcome that is decided with half
 * of the context is the same with all of it; what is left compiles. */
#include "schema/caveat.h"

#define CAP ((size_t)8 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TYPE(name, kind, element)                                                                  \
    {                                                                                              \
        {name, sizeof(name) - 1},                                                                  \
        {                                                                                          \
            CAVEAT_##kind, element                                                                 \
        }                                                                                          \
    }

static const struct caveat_type string_type = {.kind = CAVEAT_STRING};
static const struct caveat_type int_type = {.kind = CAVEAT_INT};

static const struct caveat_parameter parameters[] = {
    TYPE("y", ANY, NULL),          TYPE("b", BOOL, NULL),     TYPE("s", STRING, NULL),
    TYPE("i", INT, NULL),          TYPE("u", UINT, NULL),     TYPE("d", DOUBLE, NULL),
    TYPE("x", BYTES, NULL),        TYPE("p", DURATION, NULL), TYPE("t", TIMESTAMP, NULL),
    TYPE("l", LIST, &string_type), TYPE("m", MAP, &int_type), TYPE("a", IPADDRESS, NULL),
};

static const char usage[] = ") && (true || [dyn(y), b, s, i, u, d, x, p, t, l, m, a] == [])";

static const char whole_context[] =
    "{\"y\":{\"k\":[1,null]},\"b\":true,\"s\":\"abc\",\"i\":7,\"u\":3,\"d\":1.5,\"x\":\"YWJj\","
    "\"p\":\"1h\",\"t\":\"2024-02-29T12:00:00Z\",\"l\":[\"abc\",\"d\"],\"m\":{\"abc\":1},"
    "\"a\":\"10.1.2.3\"}";

static void
check_residual(const struct caveat *caveat, const struct datum *part, struct arena *arena)
{
    uint32_t steps;
    const struct caveat *rest = NULL;
    struct buffer text;
    struct error error;

    buffer_init(&text);
    buffer_add_byte(&text, '(');
    if (caveat_residual(caveat, (struct slice){NULL, 0}, &(struct caveat_inputs){.context = part},
                        arena, &text, &steps, &error) == BEHALF_OK) {
        enum status status;

        buffer_add_text(&text, usage);
        status = caveat_compile(SLICE_LITERAL("c"), parameters, BEHALF_COUNT_OF(parameters), false,
                                buffer_slice(&text), 1, 1, NULL, arena, &rest, &error);
        /* Printing can make a text longer, and values deeper, than the limits. */
        BEHALF_ASSERT(status == BEHALF_OK || status == BEHALF_SCHEMA_PARSE_ERROR ||
                      status == BEHALF_BUDGET_EXHAUSTED || status == BEHALF_SCHEMA_TYPE_ERROR);
        caveat_release(rest);
    }
    buffer_release(&text);
}

static void
check_evaluation(const struct caveat *caveat, const struct datum *context, struct arena *arena)
{
    struct datum part = *context;
    struct caveat_result less;
    struct caveat_result all;
    struct error error;
    enum status less_status;
    enum status status;
    struct buffer stored;

    if (context->kind != DATUM_MAP)
        return;
    part.as.map.count /= 2;
    buffer_init(&stored);
    datum_encode(&part, &stored);
    less_status =
        caveat_evaluate(caveat, buffer_slice(&stored), &(struct caveat_inputs){.context = NULL},
                        CAVEAT_STEPS_MAX, arena, &less, &error);
    status =
        caveat_evaluate(caveat, buffer_slice(&stored), &(struct caveat_inputs){.context = context},
                        CAVEAT_STEPS_MAX, arena, &all, &error);
    buffer_release(&stored);
    if (less_status == BEHALF_OK && less.outcome != CAVEAT_UNKNOWN && status == BEHALF_OK)
        BEHALF_ASSERT(less.outcome == all.outcome);
    if (less_status == BEHALF_OK && less.outcome != CAVEAT_UNKNOWN)
        BEHALF_ASSERT(status != BEHALF_CAVEAT_EVALUATION_ERROR);
    if (less_status == BEHALF_CAVEAT_EVALUATION_ERROR)
        BEHALF_ASSERT(status != BEHALF_OK);
    if (less_status == BEHALF_OK && less.outcome == CAVEAT_UNKNOWN)
        check_residual(caveat, &part, arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = {(const char *)data, size};
    const char *end = size > 0 ? memchr(data, '\0', size) : NULL;
    struct slice json = SLICE_LITERAL(whole_context);
    const struct caveat *caveat = NULL;
    const struct datum *context = NULL;
    struct buffer text;
    struct arena arena;
    struct error error;

    if (size > 2048)
        return 0;
    if (end != NULL) {
        input.size = (size_t)(end - input.data);
        json = (struct slice){end + 1, size - input.size - 1};
    }
    arena_init(&arena, CAP);
    buffer_init(&text);
    buffer_add_byte(&text, '(');
    buffer_add_slice(&text, input);
    buffer_add_byte(&text, '\n'); /* ends a comment */
    buffer_add_text(&text, usage);
    if (caveat_compile(SLICE_LITERAL("c"), parameters, BEHALF_COUNT_OF(parameters), false,
                       buffer_slice(&text), 1, 1, NULL, &arena, &caveat, &error) != BEHALF_OK)
        BEHALF_ASSERT(error.status == BEHALF_BUDGET_EXHAUSTED ||
                      (error.line > 0 && error.column > 0));
    else if (datum_parse_json(json, &arena, &context, &error) == BEHALF_OK)
        check_evaluation(caveat, context, &arena);
    caveat_release(caveat);
    buffer_release(&text);
    arena_release(&arena);
    return 0;
}
