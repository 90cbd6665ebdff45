/* test_net_attributes.c - arguments of attributes.write and `properties`: each shape, each refusal
 * with its path. Requests are written as JSON and packed by the client's writer. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/datum.h"
#include "client/behalf.h"
#include "net/methods.h"

static struct arena arena;
static struct error error;
static struct behalf_writer *writer;

static void
begin(void)
{
    arena_init(&arena, LIMIT_CHECK_ARENA);
    writer = behalf_writer_new();
}

static void
end(void)
{
    behalf_writer_free(writer);
    arena_release(&arena);
}

TestSuite(net_attributes, .init = begin, .fini = end);

static struct wire_reader
packed(const char *json)
{
    struct slice bytes;

    behalf_writer_clear(writer);
    cr_assert_eq(behalf_write_json(writer, json, NULL), BEHALF_SUCCESS, "%s", json);
    bytes.data = (const char *)behalf_writer_bytes(writer, &bytes.size);
    return reader_of(bytes);
}

static enum status
prepare(const char *json, struct engine_write *write)
{
    const struct method_context context = {.arena = &arena, .caller = &key_of_all};
    enum status status;

    *write = (struct engine_write){.kind = WRITE_SCHEMA};
    status = method_find(SLICE_LITERAL("attributes.write"))
                 ->prepare(&context, packed(json), write, &error);
    if (status != BEHALF_OK)
        cr_assert_eq(error.status, status);
    return status;
}

static void
expect_refused(const char *json, enum status status, const char *words)
{
    struct engine_write write;

    cr_expect_eq(prepare(json, &write), status, "%s: %s", json, error.message);
    cr_expect_not_null(strstr(error.message, words), "%s: %s", json, error.message);
}

#define REFUSED(json, words) expect_refused((json), BEHALF_MALFORMED_REQUEST, (words))

static void
expect_json(const struct datum *datum, const char *json)
{
    struct buffer text;

    buffer_init(&text);
    datum_print_json(datum, &text);
    cr_expect(slice_equal(buffer_slice(&text), slice_of(json)), "%.*s",
              SLICE_PRINTF(buffer_slice(&text)));
    buffer_release(&text);
}

Test(net_attributes, updates_of_each_kind)
{
    const struct engine_attributes_update *updates;
    struct engine_write write;

    cr_assert_eq(prepare("{\"updates\":["
                         "{\"object\":\"user:ann\",\"op\":\"set\",\"attributes\":{\"a\":1}},"
                         "{\"object\":{\"type\":\"user\",\"id\":\"b b\"},\"op\":\"merge\","
                         "\"attributes\":{\"b\":{\"c\":null}}},"
                         "{\"object\":\"user:carl\",\"op\":\"delete\"}],"
                         "\"idempotency_key\":\"k\",\"metadata\":{\"a\":1},\"deadline_ms\":50}",
                         &write),
                 BEHALF_OK, "%s", error.message);
    cr_expect_eq(write.kind, WRITE_ATTRIBUTES);
    cr_expect(slice_equal(write.idempotency_key, SLICE_LITERAL("k")) && write.metadata.size == 4);
    cr_assert_eq(write.attributes->update_count, 3);
    updates = write.attributes->updates;
    cr_expect_eq(updates[0].op, ATTRIBUTES_SET);
    cr_expect(slice_equal(updates[0].object.id, SLICE_LITERAL("ann")));
    expect_json(updates[0].attributes, "{\"a\":1}");
    cr_expect_eq(updates[1].op, ATTRIBUTES_MERGE);
    cr_expect(slice_equal(updates[1].object.id, SLICE_LITERAL("b b")));
    expect_json(updates[1].attributes, "{\"b\":{\"c\":null}}");
    cr_expect_eq(updates[2].op, ATTRIBUTES_DELETE);
    cr_expect_null(updates[2].attributes);
}

Test(net_attributes, updates_that_are_refused)
{
    REFUSED("{}", "'updates' is missing");
    REFUSED("{\"updates\":[]}", "updates");
    REFUSED("{\"updates\":{}}", "updates");
    REFUSED("{\"updates\":[{\"op\":\"delete\"}]}", "object");
    REFUSED("{\"updates\":[{\"object\":\"user:a\"}]}", "op");
    REFUSED("{\"updates\":[{\"object\":\"user:a\",\"op\":\"touch\"}]}",
            "must be \"set\", \"merge\" or \"delete\"");
    REFUSED("{\"updates\":[{\"object\":\"user:a\",\"op\":\"set\"}]}", "'attributes' is missing");
    REFUSED("{\"updates\":[{\"object\":\"user:a\",\"op\":\"merge\"}]}", "'attributes' is missing");
    REFUSED("{\"updates\":[{\"object\":\"user:a\",\"op\":\"delete\",\"attributes\":{}}]}",
            "takes no 'attributes'");
    REFUSED("{\"updates\":[{\"object\":\"user:a\",\"op\":\"set\",\"attributes\":[1]}]}",
            "updates[0].attributes");
    REFUSED("{\"updates\":[{\"object\":\"user:a#member\",\"op\":\"delete\"}]}", "object");
    expect_refused("{\"updates\":[{\"object\":\"user:*\",\"op\":\"delete\"}]}",
                   BEHALF_WILDCARD_NOT_ALLOWED, "object");
    expect_refused("{\"updates\":[{\"object\":\"user:a\",\"op\":\"delete\",\"x\":1}]}",
                   BEHALF_UNKNOWN_ARGUMENT, "x");
    REFUSED("{\"updates\":[{\"object\":\"user:a\",\"op\":\"delete\"},"
            "{\"object\":1,\"op\":\"delete\"}]}",
            "updates[1].object");
    cr_expect_eq(error.index, 1);
}

Test(net_attributes, at_most_1000_updates)
{
    static const char update[] = "{\"object\":\"user:a\",\"op\":\"delete\"}";
    static char json[64 * 1024];
    struct engine_write write;

    for (int count = 999; count <= 1001; count++) {
        size_t size = (size_t)snprintf(json, sizeof json, "{\"updates\":[%s", update);

        for (int at = 1; at < count; at++)
            size += (size_t)snprintf(json + size, sizeof json - size, ",%s", update);
        (void)snprintf(json + size, sizeof json - size, "]}");
        cr_expect_eq(prepare(json, &write),
                     count <= 1000 ? BEHALF_OK : BEHALF_TOO_MANY_UPDATES_IN_REQUEST, "%d", count);
    }
}

/* --- properties --- */

static enum status
decode(const char *json, bool trusted, const struct check_properties **properties)
{
    struct decoder decoder = {
        .reader = packed(json), .arena = &arena, .error = &error, .trusts_properties = trusted};

    *properties = NULL;
    cr_assert(decoder_enter(&decoder, SLICE_LITERAL("properties")));
    return decode_properties(&decoder, properties);
}

Test(net_attributes, properties_are_trusted_as_their_caller_is)
{
    const struct check_properties *properties;

    for (int trusted = 0; trusted < 2; trusted++) {
        cr_assert_eq(decode("{\"subject\":{\"a\":1},\"resource\":{\"b\":null},\"action\":{}}",
                            trusted != 0, &properties),
                     BEHALF_OK, "%s", error.message);
        cr_expect_eq(properties->trusted, trusted != 0);
        cr_expect_not(properties->pass_over);
        expect_json(properties->subject, "{\"a\":1}");
        expect_json(properties->resource, "{\"b\":null}");
        expect_json(properties->action, "{}");
    }
    cr_assert_eq(decode("{\"action\":{\"a\":1}}", true, &properties), BEHALF_OK);
    cr_expect_null(properties->subject);
    cr_expect_null(properties->resource);
}

Test(net_attributes, properties_that_are_refused)
{
    const struct check_properties *properties;

    cr_expect_eq(decode("[]", true, &properties), BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(decode("{\"subject\":1}", true, &properties), BEHALF_MALFORMED_REQUEST);
    cr_expect_not_null(strstr(error.message, "properties.subject"), "%s", error.message);
    cr_expect_eq(decode("{\"context\":{}}", true, &properties), BEHALF_UNKNOWN_ARGUMENT);
}

/* The arguments of a decision by a caller with these roles. */
static bool
trusts(uint32_t roles)
{
    static const struct field fields[] = {
        FIELD(check, properties, "properties", decode_properties, FIELD_REQUIRED),
    };
    const struct key key = {.roles = roles};
    const struct method_context context = {.arena = &arena, .caller = &key};
    struct check check = {.properties = NULL};

    cr_assert_eq(METHOD_DECODE(&context, packed("{\"properties\":{}}"), fields, &check, &error),
                 BEHALF_OK);
    return check.properties->trusted;
}

Test(net_attributes, the_role_makes_properties_count)
{
    cr_expect(trusts(key_of_all.roles));
    cr_expect(trusts(ROLE_CHECK | ROLE_PROPERTIES));
    cr_expect(trusts(ROLE_ADMIN));
    cr_expect_not(trusts(ROLE_ANY & ~(unsigned)(ROLE_PROPERTIES | ROLE_ADMIN)));
    cr_expect_not(trusts(ROLE_CHECK));
}
