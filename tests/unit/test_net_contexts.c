/* test_net_contexts.c - values for conditions: what is taken, what is refused and where. */
#include "net/contexts.h"

#include <criterion/criterion.h>

static struct arena arena;
static struct error error;

static void
begin(void)
{
    arena_init(&arena, LIMIT_CHECK_ARENA);
}

static void
end(void)
{
    arena_release(&arena);
}

TestSuite(net_contexts, .init = begin, .fini = end);

#define BYTES(literal) ((struct slice){literal, sizeof(literal) - 1})
/* A constant initializer, which a compound literal is not. */
#define ROW(literal)                                                                               \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static enum status
decode(field_decode *function, struct slice bytes, void *into)
{
    struct decoder decoder = {.reader = reader_of(bytes), .arena = &arena, .error = &error};
    enum status status;

    cr_assert(decoder_enter(&decoder, slice_of("context")));
    status = function(&decoder, into);
    if (status == BEHALF_OK) {
        cr_assert_eq(decoder.reader.at, decoder.reader.end, "bytes are left");
        cr_assert_eq(decoder.depth, 1, "the path is as before");
    } else {
        cr_assert_eq(error.status, status);
    }
    return status;
}

/* The context as JSON, and what it is written as again. */
static void
expect_json(struct slice bytes, const char *json)
{
    const struct datum *context = NULL;
    const char *reason = NULL;
    const struct datum *again = NULL;
    struct buffer text;
    struct buffer out;

    buffer_init(&text);
    buffer_init(&out);
    cr_assert_eq(decode(decode_context, bytes, &context), BEHALF_OK, "%s", error.message);
    cr_assert(datum_validate(context, &reason), "%s", reason);
    datum_print_json(context, &text);
    cr_assert_str_eq(text.data, json);
    context_put(&out, context);
    cr_assert_eq(decode(decode_context, buffer_slice(&out), &again), BEHALF_OK);
    buffer_clear(&text);
    datum_print_json(again, &text);
    cr_assert_str_eq(text.data, json);
    buffer_release(&text);
    buffer_release(&out);
}

Test(net_contexts, values_of_every_kind)
{
    expect_json(BYTES("\x80"), "{}");
    expect_json(BYTES("\x81\xA1k\xC0"), "{\"k\":null}");
    expect_json(BYTES("\x82\xA1t\xC3\xA1"
                      "f\xC2"),
                "{\"f\":false,\"t\":true}");
    expect_json(BYTES("\x81\xA1k\x93\x01\xFF\xCB\x3F\xE0\x00\x00\x00\x00\x00\x00"),
                "{\"k\":[1,-1,0.5]}");
    expect_json(BYTES("\x81\xA1k\xA5"
                      "a\x00\xC3\xA9\""),
                "{\"k\":\"a\\u0000\xC3\xA9\\\"\"}");
    expect_json(BYTES("\x81\xA1k\x82\xA1"
                      "b\x90\xA1"
                      "a\x80"),
                "{\"k\":{\"a\":{},\"b\":[]}}");
}

Test(net_contexts, numbers_mean_what_they_do_in_json)
{
    expect_json(BYTES("\x81\xA1k\xD3\x80\x00\x00\x00\x00\x00\x00\x00"),
                "{\"k\":-9223372036854775808}");
    expect_json(BYTES("\x81\xA1k\xCF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
                "{\"k\":9223372036854775807}");
    expect_json(BYTES("\x81\xA1k\xCF\x80\x00\x00\x00\x00\x00\x00\x00"),
                "{\"k\":9.223372036854776e+18}");
    expect_json(BYTES("\x81\xA1k\xCB\x3F\xF0\x00\x00\x00\x00\x00\x00"), "{\"k\":1.0}");
    expect_json(BYTES("\x81\xA1k\xCA\x3F\x00\x00\x00"), "{\"k\":0.5}");
}

Test(net_contexts, what_is_refused_is_named)
{
    static const struct {
        struct slice bytes;
        const char *words;
    } rows[] = {
        {ROW("\xC0"), "argument 'context': must be a map, not nil"},
        {ROW("\x90"), "argument 'context': must be a map, not an array"},
        {ROW("\xA1x"), "argument 'context': must be a map, not a string"},
        {ROW("\x81\x01\x02"), "argument 'context': must be a map with strings as keys, not an "},
        {ROW("\x81\xC4\x01k\x02"), "strings as keys, not binary"},
        {ROW("\x81\xA1k\xC4\x01x"), "argument 'context.k': must be something that JSON can say, "},
        {ROW("\x81\xA1k\x92\x01\x81\xA1n\xC4\x01x"), "argument 'context.k[1].n': "},
        {ROW("\x81\xA1k\x92\x01\x92\x02\xC4\x01x"), "argument 'context.k[1][1]': "},
        {ROW("\x82\xA1k\x01\xA1k\x02"), "argument 'context': the key 'k' stands twice"},
        {ROW("\x81\xA1m\x82\xA1k\x01\xA1k\x02"), "argument 'context.m': the key 'k' stands twice"},
        {ROW("\x81\xA1k\xCB\x7F\xF0\x00\x00\x00\x00\x00\x00"),
         "argument 'context.k': the number is not finite"},
        {ROW("\x81\xA1k\xCA\x7F\xC0\x00\x00"), "argument 'context.k': the number is not finite"},
        {ROW("\x81\xA1k\xA1\xFF"), "argument 'context.k': the string is not UTF-8"},
        {ROW("\x81\xA1\xFF\x01"), "argument 'context': a key is not UTF-8"},
        {ROW("\x81\xA3k\x00"
             "k\x01"),
         "argument 'context': a key has a NUL in it"},
        {ROW("\x81\xA1k\x92\x01"), "argument 'context': the value is cut short"},
        {ROW("\x81\xA1k\xC7\x01\x05x"), "argument 'context': the value is cut short"},
    };
    const struct datum *context = NULL;

    for (size_t index = 0; index < BEHALF_COUNT_OF(rows); index++) {
        cr_assert_eq(decode(decode_context, rows[index].bytes, &context), BEHALF_MALFORMED_REQUEST,
                     "row %zu: %s", index, error.message);
        cr_assert(strstr(error.message, rows[index].words) == error.message ||
                      strncmp(rows[index].words, "argument", 8) != 0,
                  "row %zu: %s", index, error.message);
        cr_assert_not_null(strstr(error.message, rows[index].words), "row %zu: %s", index,
                           error.message);
    }
    cr_assert_null(context);
}

/* A map that holds `levels` lists in each other. */
static struct slice
nested(char *bytes, size_t levels)
{
    memcpy(bytes, "\x81\xA1k", 3);
    memset(bytes + 3, 0x91, levels);
    bytes[3 + levels] = 1;
    return (struct slice){bytes, levels + 4};
}

Test(net_contexts, nesting_has_a_bound)
{
    const struct datum *context = NULL;
    char bytes[64];

    /* The argument, the key and one step for each further list: the path is full. */
    cr_assert_eq(decode(decode_context, nested(bytes, LIMIT_DEPTH - 1), &context), BEHALF_OK);
    cr_assert_eq(decode(decode_context, nested(bytes, LIMIT_DEPTH), &context),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_not_null(strstr(error.message, "nested too deep"), "%s", error.message);
}

/* {"k": text} of a given size in MessagePack. */
static struct slice
sized(struct buffer *bytes, size_t size)
{
    buffer_clear(bytes);
    buffer_add(bytes, "\x81\xA1k\xDB\x00", 5);
    size -= 8;
    buffer_add_byte(bytes, (char)(size >> 16));
    buffer_add_byte(bytes, (char)(size >> 8));
    buffer_add_byte(bytes, (char)size);
    for (size_t index = 0; index < size; index++)
        buffer_add_byte(bytes, 'x');
    return buffer_slice(bytes);
}

Test(net_contexts, a_request_carries_64_kib)
{
    const struct datum *context = NULL;
    struct buffer bytes;

    buffer_init(&bytes);
    cr_assert_eq(decode(decode_context, sized(&bytes, 65535), &context), BEHALF_OK);
    cr_assert_eq(decode(decode_context, sized(&bytes, 65536), &context), BEHALF_OK);
    cr_assert_eq(decode(decode_context, sized(&bytes, 65537), &context),
                 BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT);
    cr_assert_str_eq(error.message, "argument 'context': 65537 bytes; at most 65536 are allowed");
    buffer_release(&bytes);
}

Test(net_contexts, counts_that_lie_ask_for_no_memory)
{
    const struct datum *context = NULL;

    arena_reset(&arena, 1024);
    cr_assert_eq(decode(decode_context, BYTES("\x81\xA1k\xDD\x0F\xFF\xFF\xFF"), &context),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(decode(decode_context, BYTES("\xDF\x0F\xFF\xFF\xFF\x01"), &context),
                 BEHALF_MALFORMED_REQUEST);
}

Test(net_contexts, memory_is_bounded)
{
    const struct datum *context = NULL;
    struct buffer bytes;

    buffer_init(&bytes);
    buffer_add(&bytes, "\x81\xA1k\xDC\xEA\x60", 6); /* 60,000 small numbers */
    for (size_t index = 0; index < 60000; index++)
        buffer_add_byte(&bytes, 1);
    arena_reset(&arena, (size_t)1024 * 1024);
    cr_assert_eq(decode(decode_context, buffer_slice(&bytes), &context), BEHALF_BUDGET_EXHAUSTED);
    cr_assert_not_null(strstr(error.message, "argument 'context.k'"), "%s", error.message);
    buffer_release(&bytes);
}

/* --- stored ones --- */

Test(net_contexts, stored_ones_are_canonical_bytes)
{
    struct slice context = {NULL, 0};

    cr_assert_eq(decode(decode_stored_context,
                        BYTES("\x82\xA1"
                              "b\xCF\x00\x00\x00\x00\x00\x00\x00\x02\xA1"
                              "a\xCB\x40\x00\x00\x00\x00\x00\x00\x00"),
                        &context),
                 BEHALF_OK);
    cr_assert(slice_equal(context, BYTES("\7\0\0\0\2"
                                         "\0\0\0\1a\4\x40\0\0\0\0\0\0\0"
                                         "\0\0\0\1b\3\0\0\0\0\0\0\0\2")));
    context = (struct slice){NULL, 0};
    cr_assert_eq(decode(decode_stored_context, BYTES("\x80"), &context), BEHALF_OK);
    cr_assert_eq(context.size, 0);
    cr_assert_eq(decode(decode_stored_context, BYTES("\xC0"), &context), BEHALF_MALFORMED_REQUEST);
}

Test(net_contexts, stored_ones_are_bounded_too)
{
    struct slice context = {NULL, 0};
    struct buffer bytes;

    buffer_init(&bytes);
    cr_assert_eq(decode(decode_stored_context, sized(&bytes, 65536), &context), BEHALF_OK);
    cr_assert_eq(context.size, 65536 - 8 + 15); /* bytes around the text: 8, and 15 stored */
    cr_assert_eq(decode(decode_stored_context, sized(&bytes, 65537), &context),
                 BEHALF_MAX_RELATIONSHIP_CONTEXT_SIZE);
    buffer_release(&bytes);
}
