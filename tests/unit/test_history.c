/* test_history.c - what changed for an object, newest first, in pages of any size. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "engine/watch.h"
#include "tests/support/harness_attributes.h"

#define NOW INT64_C(4102444800000000000) /* 2100-01-01T00:00:00Z */
#define SECOND INT64_C(1000000000)

static const char schema[] =
    "use expiration\n"
    "caveat office(there bool) { there }\n"
    "definition user {}\n"
    "definition group {\n"
    "    relation member: user | group#member\n"
    "}\n"
    "definition document {\n"
    "    relation viewer: user | user with expiration | user with office |\n"
    "        group#member\n"
    "}\n";

static struct harness_engine side;
static struct error error;

static void
setup(void)
{
    harness_engine_open_at(&side, 0, NOW);
    cr_assert_eq(harness_write_schema(&side, slice_of(schema), &error), BEHALF_OK);
}

static void
teardown(void)
{
    harness_engine_close(&side);
}

TestSuite(history, .init = setup, .fini = teardown);

static uint64_t
write_one(enum update_op op, const char *text, const char *caller)
{
    struct update update = {.op = op};
    struct engine_write write = {.kind = WRITE_RELATIONSHIPS,
                                 .updates = &update,
                                 .update_count = 1,
                                 .caller = slice_of(caller),
                                 .metadata = slice_of(caller[0] != '\0' ? "\x81\xA1m\x07" : "")};

    cr_assert_eq(relationship_parse(slice_of(text), &side.arena, &update.relationship, &error),
                 BEHALF_OK);
    cr_assert_eq(harness_submit(&side, &write), BEHALF_OK, "%s", write.error.message);
    return write.revision;
}

static void
print_message(const struct watch_message *message, struct buffer *out)
{
    buffer_add_format(out, "%llu%s%s", (unsigned long long)message->revision,
                      message->is_sweep ? " sweep" : "", message->is_last ? "" : " more");
    if (message->caller.size > 0)
        buffer_add_format(out, " by %.*s %zu", SLICE_PRINTF(message->caller),
                          message->metadata.size);
    for (uint32_t at = 0; at < message->relationship_count; at++) {
        buffer_add_text(out, message->relationships[at].removed ? " -" : " +");
        relationship_print(&message->relationships[at].relationship, out);
    }
    for (uint32_t at = 0; at < message->record_count; at++)
        buffer_add_format(out, " %s %.*s %.*s", message->records[at].kind,
                          SLICE_PRINTF(message->records[at].id),
                          SLICE_PRINTF(message->records[at].event));
    buffer_add_byte(out, '\n');
}

/* All of it, in pages, a line for each message; or the name of an error. */
static const char *
history_of(const char *type, const char *id, uint32_t limit, size_t most_bytes)
{
    static struct buffer out;
    struct history history = {.object = {.type = slice_of(type), .id = slice_of(id)},
                              .limit = limit,
                              .most_bytes = most_bytes};
    struct history_result result = {.complete = false};
    char cursor[ENGINE_TOKEN_SIZE + 1];

    buffer_release(&out);
    buffer_init(&out);
    while (!result.complete) {
        struct engine_request request = harness_request(&side, NULL);
        enum status status = engine_history(side.worker, &request, &history, &result, &error);

        if (status != BEHALF_OK)
            return status_name(status);
        cr_assert(result.complete || result.message_count > 0);
        cr_assert(limit == 0 || result.message_count <= limit);
        for (uint32_t at = 0; at < result.message_count; at++)
            print_message(&result.messages[at], &out);
        memcpy(cursor, result.cursor.text, sizeof cursor);
        history.cursor = slice_of(cursor);
    }
    return out.data;
}

/* Revision 1 is the schema. */
static void
write_some(void)
{
    struct engine_write attributes = {.kind = WRITE_ATTRIBUTES};
    struct engine_write sweep = {.kind = WRITE_SWEEP};

    write_one(UPDATE_CREATE, "document:a#viewer@user:ann", "console");
    write_one(UPDATE_CREATE, "document:b#viewer@user:ann", "");
    write_one(UPDATE_TOUCH, "document:a#viewer@user:ann[office]", "");
    write_one(UPDATE_CREATE, "document:a#viewer@user:bob[expiration:2100-01-01T00:00:10Z]", "");
    write_one(UPDATE_CREATE, "group:g#member@user:ann", "");
    write_one(UPDATE_CREATE, "document:a#viewer@group:g#member", "");
    cr_assert_eq(harness_write_attributes(&side, "set document:a {\"k\":1}", &attributes),
                 BEHALF_OK);
    write_one(UPDATE_DELETE, "document:a#viewer@user:ann", "console");
    harness_set_time(&side, NOW + 20 * SECOND);
    cr_assert_eq(harness_submit(&side, &sweep), BEHALF_OK);
    cr_assert_eq(harness_write_attributes(&side, "delete document:a", &attributes), BEHALF_OK);
}

static const char of_a[] = "11 attributes document:a removed\n"
                           "10 sweep -document:a#viewer@user:bob\n"
                           "9 by console 4 -document:a#viewer@user:ann\n"
                           "8 attributes document:a written\n"
                           "7 +document:a#viewer@group:g#member\n"
                           "5 +document:a#viewer@user:bob[expiration:2100-01-01T00:00:10Z]\n"
                           "4 +document:a#viewer@user:ann[office]\n"
                           "2 by console 4 +document:a#viewer@user:ann\n";

Test(history, is_what_changed_for_the_object_newest_first)
{
    write_some();
    cr_expect_str_eq(history_of("document", "a", 0, 0), of_a);
    cr_expect_str_eq(history_of("document", "b", 0, 0), "3 +document:b#viewer@user:ann\n");
    cr_expect_str_eq(history_of("group", "g", 0, 0),
                     "7 +document:a#viewer@group:g#member\n6 +group:g#member@user:ann\n");
    cr_expect_str_eq(history_of("user", "bob", 0, 0),
                     "10 sweep -document:a#viewer@user:bob\n"
                     "5 +document:a#viewer@user:bob[expiration:2100-01-01T00:00:10Z]\n");
    cr_expect_str_eq(history_of("user", "nobody", 0, 0), "");
    cr_expect_str_eq(history_of("thing", "x", 0, 0), "UNKNOWN_DEFINITION");
}

Test(history, is_the_same_in_pages_of_any_size)
{
    write_some();
    for (uint32_t limit = 1; limit <= 9; limit++) {
        cr_expect_str_eq(history_of("document", "a", limit, 0), of_a);
        cr_expect_str_eq(history_of("document", "a", 0, limit * 300), of_a);
    }
}

Test(history, goes_on_inside_of_a_revision_that_is_larger_than_a_page)
{
    struct update updates[40] = {{.op = UPDATE_CREATE}};
    struct engine_write write = {
        .kind = WRITE_RELATIONSHIPS, .updates = updates, .update_count = 40};
    const char *text;
    size_t changes = 0;
    size_t parts = 0;

    for (size_t at = 0; at < 40; at++) {
        char line[64];

        snprintf(line, sizeof line, "document:%c%zu#viewer@user:ann", at % 2 == 0 ? 'a' : 'b', at);
        updates[at].op = UPDATE_CREATE;
        cr_assert_eq(relationship_parse(arena_copy(&side.arena, slice_of(line)), &side.arena,
                                        &updates[at].relationship, &error),
                     BEHALF_OK);
    }
    cr_assert_eq(harness_submit(&side, &write), BEHALF_OK);
    text = history_of("user", "ann", 0, 700);
    for (const char *at = text; (at = strchr(at, '+')) != NULL; at++)
        changes++;
    for (const char *at = text; (at = strstr(at, " more")) != NULL; at++)
        parts++;
    cr_expect_eq(changes, 40, "%s", text);
    cr_expect_gt(parts, 3);
    for (size_t at = 0; at < 40; at++) {
        char line[64];

        snprintf(line, sizeof line, "document:%c%zu#viewer@user:ann", at % 2 == 0 ? 'a' : 'b', at);
        cr_expect_not_null(strstr(text, line), "%s", line);
    }
}

Test(history, ends_where_history_was_given_up)
{
    write_some();
    cr_assert_eq(store_set_horizon(side.store, 6, &error), BEHALF_OK);
    cr_expect_str_eq(history_of("document", "a", 0, 0),
                     "11 attributes document:a removed\n"
                     "10 sweep -document:a#viewer@user:bob\n"
                     "9 by console 4 -document:a#viewer@user:ann\n"
                     "8 attributes document:a written\n"
                     "7 +document:a#viewer@group:g#member\n");
    cr_expect_str_eq(history_of("document", "b", 0, 0), "");
}

Test(history, of_a_type_that_is_gone_is_still_there)
{
    write_one(UPDATE_CREATE, "document:a#viewer@user:ann", "");
    write_one(UPDATE_DELETE, "document:a#viewer@user:ann", "");
    cr_assert_eq(harness_write_schema(&side, SLICE_LITERAL("definition user {}"), &error),
                 BEHALF_OK, "%s", error.message);
    cr_expect_str_eq(history_of("document", "a", 0, 0),
                     "3 -document:a#viewer@user:ann\n2 +document:a#viewer@user:ann\n");
}
