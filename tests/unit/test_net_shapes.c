/* test_net_shapes.c - arguments: each shape, each refusal with its path.
 * Requests are written as MessagePack by hand where a packer would refuse to. */
#include "net/shapes.h"

#include <criterion/criterion.h>

#include "base/datum.h"

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

TestSuite(net_shapes, .init = begin, .fini = end);

/* Decodes as the argument `name`, so that paths have a first step. */
static enum status
decode_as(const char *name, field_decode *decode, struct slice bytes, void *into)
{
    struct decoder decoder = {.reader = reader_of(bytes), .arena = &arena, .error = &error};
    enum status status;

    cr_assert(decoder_enter(&decoder, slice_of(name)));
    status = decode(&decoder, into);
    if (status == BEHALF_OK)
        cr_assert_eq(decoder.reader.at, decoder.reader.end, "bytes are left");
    else
        cr_assert_eq(error.status, status);
    return status;
}

/* A constant initializer, which a compound literal is not. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

#define DECODE(name, function, literal, into)                                                      \
    decode_as(name, function, (struct slice){literal, sizeof(literal) - 1}, into)

Test(net_shapes, objects_as_text)
{
    struct object object;

    cr_assert_eq(DECODE("subject", decode_subject, "\xA9user:anne", &object), BEHALF_OK);
    cr_assert(slice_equal(object.id, SLICE_LITERAL("anne")) && object.relation.size == 0);
    cr_assert_eq(DECODE("subject", decode_subject, "\xB0group:eng#member", &object), BEHALF_OK);
    cr_assert(slice_equal(object.relation, SLICE_LITERAL("member")));
    cr_assert_eq(DECODE("subject", decode_subject, "\xA6user:*", &object), BEHALF_OK);
    cr_assert(object.wildcard && object.id.size == 0);
}

Test(net_shapes, objects_as_maps)
{
    struct object object;

    cr_assert_eq(DECODE("subject", decode_subject,
                        "\x83\xA4type\xA5group\xA2id\xC4\x03"
                        "a b\xA8relation\xA6member",
                        &object),
                 BEHALF_OK);
    cr_assert(slice_equal(object.type, SLICE_LITERAL("group")));
    cr_assert(slice_equal(object.id, SLICE_LITERAL("a b")));
    cr_assert(slice_equal(object.relation, SLICE_LITERAL("member")) && !object.wildcard);
    cr_assert_eq(DECODE("subject", decode_subject, "\x82\xA4type\xA4user\xA8wildcard\xC3", &object),
                 BEHALF_OK);
    cr_assert(object.wildcard);
}

Test(net_shapes, objects_that_are_refused)
{
    static const struct {
        struct slice bytes;
        enum status status;
        const char *word; /* of the message */
    } rows[] = {
        {TEXT("\xC0"), BEHALF_MALFORMED_REQUEST, "not nil"},
        {TEXT("\x90"), BEHALF_MALFORMED_REQUEST, "not an array"},
        {TEXT("\x05"), BEHALF_MALFORMED_REQUEST, "not an integer"},
        {TEXT("\xC4\x01x"), BEHALF_MALFORMED_REQUEST, "not binary"},
        {TEXT("\xA0"), BEHALF_MALFORMED_REQUEST, "argument 'subject'"},
        {TEXT("\x80"), BEHALF_MALFORMED_REQUEST, "'type' is missing"},
        {TEXT("\x81\xA4type\xA4user"), BEHALF_MALFORMED_REQUEST, "'id' is missing"},
        {TEXT("\x82\xA4type\xA4user\xA2id\xA1*"), BEHALF_INVALID_OBJECT_ID, "'subject.id'"},
        {TEXT("\x82\xA4type\xA4user\xA2id\xA0"), BEHALF_INVALID_OBJECT_ID, "'subject.id'"},
        {TEXT("\x82\xA4type\xA1U\xA2id\xA1x"), BEHALF_MALFORMED_REQUEST, "'subject.type'"},
        {TEXT("\x82\xA4type\xA4user\xA8wildcard\xC2"), BEHALF_MALFORMED_REQUEST,
         "'subject.wildcard'"},
        {TEXT("\x83\xA4type\xA4user\xA8wildcard\xC3\xA2id\xA1x"), BEHALF_WILDCARD_NOT_ALLOWED,
         "argument 'subject'"},
        {TEXT("\x83\xA4type\xA4user\xA2id\xA1x\xA2id\xA1y"), BEHALF_MALFORMED_REQUEST,
         "'id' stands twice"},
        {TEXT("\x82\xA4type\xA4user\xA3idd\xA1x"), BEHALF_UNKNOWN_ARGUMENT, "'idd'"},
        {TEXT("\x81\x01\xA1x"), BEHALF_MALFORMED_REQUEST, "strings as keys"},
    };
    struct object object;

    for (size_t index = 0; index < BEHALF_COUNT_OF(rows); index++) {
        cr_assert_eq(decode_as("subject", decode_subject, rows[index].bytes, &object),
                     rows[index].status, "row %zu: %s", index, error.message);
        cr_assert_not_null(strstr(error.message, rows[index].word), "row %zu: %s", index,
                           error.message);
    }
}

Test(net_shapes, actors_are_one_or_many_but_not_none)
{
    struct actors actors;

    cr_assert_eq(DECODE("actor", decode_actors,
                        "\xA9"
                        "agent:bot",
                        &actors),
                 BEHALF_OK);
    cr_assert_eq(actors.count, 1);
    cr_assert_eq(DECODE("actor", decode_actors,
                        "\x92\xA9"
                        "agent:bot\xA9"
                        "agent:two",
                        &actors),
                 BEHALF_OK);
    cr_assert_eq(actors.count, 2);
    cr_assert(slice_equal(actors.objects[1].id, SLICE_LITERAL("two")));
    cr_assert_eq(DECODE("actor", decode_actors, "\x90", &actors), BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(DECODE("actor", decode_actors, "\xC0", &actors), BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(DECODE("actor", decode_actors, "\x91\xC0", &actors), BEHALF_MALFORMED_REQUEST);
    cr_assert_not_null(strstr(error.message, "'actor[0]'"), "%s", error.message);
    cr_assert_eq(DECODE("actor", decode_actors, "\xDC\x00\x11", &actors),
                 BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT);
}

Test(net_shapes, relationships)
{
    struct relationship relationship;

    cr_assert_eq(DECODE("relationship", decode_relationship,
                        "\xBE"
                        "document:a1#viewer@user:anne12",
                        &relationship),
                 BEHALF_OK);
    cr_assert(slice_equal(relationship.resource.relation, SLICE_LITERAL("viewer")));
    cr_assert_eq(DECODE("relationship", decode_relationship,
                        "\x85\xA8resource\x82\xA4type\xA8"
                        "document\xA2id\xA1"
                        "a\xA8relation\xA6viewer\xA7subject\xA9user:anne"
                        "\xA6"
                        "caveat\x82\xA4name\xA6"
                        "during\xA7"
                        "context\x81\xA1"
                        "h\x03\xAA"
                        "expires_at\xB4"
                        "2027-01-01T00:00:00Z",
                        &relationship),
                 BEHALF_OK);
    cr_assert(slice_equal(relationship.caveat, SLICE_LITERAL("during")));
    cr_assert(
        slice_equal(relationship.context, SLICE_LITERAL("\7\0\0\0\1\0\0\0\1h\3\0\0\0\0\0\0\0\3")));
    cr_assert_gt(relationship.expires_at, 0);
    cr_assert(slice_equal(relationship.resource.id, SLICE_LITERAL("a")));
}

/* Kept as 0, which means "never": what has long expired would be granted for ever. */
Test(net_shapes, an_expiration_at_the_epoch_is_not_never)
{
    struct relationship relationship;

    cr_assert_eq(DECODE("relationship", decode_relationship,
                        "\x84\xA8resource\xAA"
                        "document:a\xA8relation\xA6viewer\xA7subject\xA9user:anne"
                        "\xAA"
                        "expires_at\xB4"
                        "1970-01-01T00:00:00Z",
                        &relationship),
                 BEHALF_OK);
    cr_assert_eq(relationship.expires_at, 1);
}

Test(net_shapes, a_caveat_is_named_by_its_own_pattern)
{
    struct relationship relationship;

    cr_assert_eq(DECODE("relationship", decode_relationship,
                        "\x84\xA8resource\xAA"
                        "document:a\xA8relation\xA6viewer\xA7subject\xA9user:anne\xA6"
                        "caveat\x81\xA4name\xACX/is_Open-1|",
                        &relationship),
                 BEHALF_OK);
    cr_assert(slice_equal(relationship.caveat, SLICE_LITERAL("X/is_Open-1|")));
    cr_assert_eq(DECODE("relationship", decode_relationship,
                        "\x84\xA8resource\xAA"
                        "document:a\xA8relation\xA6viewer\xA7subject\xA9user:anne\xA6"
                        "caveat\x81\xA4name\xA2-a",
                        &relationship),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_not_null(strstr(error.message, "'relationship.caveat.name'"), "%s", error.message);
}

Test(net_shapes, filters)
{
    struct relationship_filter filter;

    cr_assert_eq(DECODE("filter", decode_filter,
                        "\x82\xADresource_type\xA8"
                        "document\xA7subject\x82\xA4type\xA4user\xA8relation\xA0",
                        &filter),
                 BEHALF_OK);
    cr_assert(filter.has_subject_relation && filter.subject_relation.size == 0);
    cr_assert_eq(DECODE("filter", decode_filter, "\x81\xA7subject\x81\xA4type\xA4user", &filter),
                 BEHALF_OK);
    cr_assert_not(filter.has_subject_relation || filter.subject_wildcard);
    cr_assert_eq(DECODE("filter", decode_filter,
                        "\x81\xA7subject\x82\xA4type\xA4user\xA8wildcard\xC3", &filter),
                 BEHALF_OK);
    cr_assert(filter.subject_wildcard && !filter.has_subject_relation);
    cr_assert_eq(DECODE("filter", decode_filter,
                        "\x81\xA7subject\x82\xA4type\xA4user\xA8wildcard\xC2", &filter),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(DECODE("filter", decode_filter,
                        "\x81\xA7subject\x83\xA4type\xA4user\xA8wildcard\xC3\xA2id\xA1x", &filter),
                 BEHALF_INVALID_FILTER);
    cr_assert_eq(DECODE("filter", decode_filter, "\x80", &filter), BEHALF_INVALID_FILTER);
    cr_assert_eq(DECODE("filter", decode_filter,
                        "\x82\xABresource_id\xA1x\xB2resource_id_prefix\xA1x", &filter),
                 BEHALF_INVALID_FILTER);
    cr_assert_eq(DECODE("filter", decode_filter, "\x81\xA7subject\x80", &filter),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_not_null(strstr(error.message, "'filter.subject'"), "%s", error.message);
}

Test(net_shapes, an_update_is_named_by_its_index)
{
    struct updates updates;

    cr_assert_eq(DECODE("updates", decode_updates,
                        "\x92\x82\xA2op\xA5touch\xAC"
                        "relationship\xBC"
                        "document:a1#viewer@user:anne"
                        "\x82\xA2op\xA5touch\xAC"
                        "relationship\x01",
                        &updates),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(error.index, 1);
    cr_assert_not_null(strstr(error.message, "'updates[1].relationship'"), "%s", error.message);
    cr_assert_eq(DECODE("updates", decode_updates, "\x90", &updates), BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(DECODE("updates", decode_updates, "\xDC\x03\xE9", &updates),
                 BEHALF_TOO_MANY_UPDATES_IN_REQUEST);
    cr_assert_eq(DECODE("updates", decode_updates, "\xDC\x03\xE8\x01", &updates),
                 BEHALF_MALFORMED_REQUEST); /* announces 1,000, carries one byte */
}

Test(net_shapes, consistency)
{
    struct read_arguments read = {.deadline_ms = 7};

    cr_assert_eq(DECODE("consistency", decode_consistency,
                        "\x81\xA4mode\xB0"
                        "minimize_latency",
                        &read),
                 BEHALF_OK);
    cr_assert_eq(read.consistency, CONSISTENCY_MINIMIZE_LATENCY);
    cr_assert_eq(read.deadline_ms, 7);
    cr_assert_eq(DECODE("consistency", decode_consistency,
                        "\x81\xA4mode\xB1"
                        "at_least_as_fresh",
                        &read),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(DECODE("consistency", decode_consistency, "\x80", &read),
                 BEHALF_MALFORMED_REQUEST);
}

Test(net_shapes, a_moment_of_the_past_has_a_time_and_no_token)
{
    struct read_arguments read = {.deadline_ms = 0};

    cr_assert_eq(DECODE("consistency", decode_consistency,
                        "\x82\xA4mode\xA7"
                        "at_time\xA4time\xB4"
                        "1970-01-01T00:00:07Z",
                        &read),
                 BEHALF_OK);
    cr_assert(read.consistency == CONSISTENCY_AT_TIME && read.at_ns == INT64_C(7000000000));
    read = (struct read_arguments){.deadline_ms = 0};
    cr_assert_eq(DECODE("consistency", decode_consistency,
                        "\x81\xA4mode\xA7"
                        "at_time",
                        &read),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_not_null(strstr(error.message, "needs a time"), "%s", error.message);
    cr_assert_eq(DECODE("consistency", decode_consistency,
                        "\x82\xA4mode\xB0"
                        "fully_consistent\xA4time\xB4"
                        "1970-01-01T00:00:07Z",
                        &read),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_not_null(strstr(error.message, "takes no time"), "%s", error.message);
}

Test(net_shapes, numbers_have_bounds)
{
    uint32_t number = 0;

    cr_assert_eq(DECODE("limit", decode_page_limit, "\xCE\x00\x01\x86\xA0", &number), BEHALF_OK);
    cr_assert_eq(number, 100000);
    cr_assert_eq(DECODE("limit", decode_page_limit, "\xCE\x00\x01\x86\xA1", &number),
                 BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT);
    cr_assert_eq(DECODE("limit", decode_page_limit, "\xFF", &number), BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(DECODE("limit", decode_page_limit, "\xCA\x00\x00\x00\x00", &number),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(DECODE("depth", decode_u32, "\xCF\x00\x00\x00\x01\x00\x00\x00\x00", &number),
                 BEHALF_MALFORMED_REQUEST);
}

static enum status
decode_text_with_context(size_t context_size)
{
    struct relationship relationship;
    struct buffer bytes;
    enum status status;
    size_t size = context_size + sizeof "document:a1#viewer@user:ann[during:]" - 1;

    buffer_init(&bytes);
    buffer_add(&bytes, "\xDB\x00", 2);
    buffer_add_byte(&bytes, (char)(size >> 16));
    buffer_add_byte(&bytes, (char)(size >> 8));
    buffer_add_byte(&bytes, (char)size);
    buffer_add_text(&bytes, "document:a1#viewer@user:ann[during:{\"k\":\"");
    for (size_t index = 8; index < context_size; index++)
        buffer_add_byte(&bytes, 'x');
    buffer_add_text(&bytes, "\"}]");
    status = decode_as("relationship", decode_relationship, buffer_slice(&bytes), &relationship);
    buffer_release(&bytes);
    return status;
}

Test(net_shapes, a_context_in_text_is_bounded)
{
    cr_assert_eq(decode_text_with_context(65535), BEHALF_OK);
    cr_assert_eq(decode_text_with_context(65536), BEHALF_OK);
    cr_assert_eq(decode_text_with_context(65537), BEHALF_MAX_RELATIONSHIP_CONTEXT_SIZE);
    cr_assert_str_eq(error.message, "argument 'relationship': the context has 65537 bytes; at most "
                                    "65536 are allowed");
}

Test(net_shapes, a_check_of_a_bulk_has_its_own_context)
{
    struct checks checks;
    const struct datum *hour;

    cr_assert_eq(DECODE("items", decode_checks,
                        "\x92"
                        "\x85\xA8resource\xAA"
                        "document:a\xAApermission\xA4view\xA7subject\xA8user:ann"
                        "\xA7"
                        "context\x81\xA4hour\x03\xA7"
                        "explain\xC3"
                        "\x83\xA8resource\xAA"
                        "document:a\xAApermission\xA4view\xA7subject\xA8user:ann",
                        &checks),
                 BEHALF_OK);
    hour = datum_field(checks.items[0].context, SLICE_LITERAL("hour"));
    cr_assert(hour != NULL && hour->kind == DATUM_INT && hour->as.integer == 3);
    cr_assert(checks.items[0].explain);
    cr_assert_null(checks.items[1].context);
    cr_assert_not(checks.items[1].explain);
    cr_assert_eq(DECODE("items", decode_checks,
                        "\x91\x81\xA7"
                        "context\x81\xA1k\xC4\x00",
                        &checks),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_eq(error.index, 0);
    cr_assert_not_null(strstr(error.message, "'items[0].context.k'"), "%s", error.message);
    cr_assert_eq(DECODE("items", decode_checks,
                        "\x91\x81\xA7"
                        "explain\x01",
                        &checks),
                 BEHALF_MALFORMED_REQUEST);
    cr_assert_not_null(strstr(error.message, "'items[0].explain': must be true or false"), "%s",
                       error.message);
}
