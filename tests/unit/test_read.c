/* test_read.c - pages of relationships at one revision, and the schema. */
#include <criterion/criterion.h>

#include "tests/unit/test_writer_support.h"

static const struct relationship_filter documents = {.resource_type = {"document", 8}};

static enum status
read_at(struct rig *rig, const struct relationship_filter *filter, uint32_t limit,
        struct slice cursor, const char *token, struct relationships_read_result *result,
        struct error *error)
{
    struct relationships_read read = {.filter = *filter, .limit = limit, .cursor = cursor};
    struct engine_request request = {.arena = &rig->arena};

    if (token != NULL) {
        request.consistency = CONSISTENCY_AT_EXACT_SNAPSHOT;
        request.token = slice_of(token);
    }
    return engine_relationships_read(rig->worker, &request, &read, result, error);
}

Test(read, every_page_is_of_the_revision_of_the_first)
{
    struct rig rig;
    struct relationships_read_result first;
    struct relationships_read_result next;
    struct engine_write *write;

    rig_open(&rig, rig_schema);
    write = rig_do(&rig, "touch document:1#viewer@user:a\ntouch document:2#viewer@user:a\n"
                         "touch document:3#viewer@user:a\ntouch document:4#viewer@user:a");
    cr_assert_eq(read_at(&rig, &documents, 2, (struct slice){"", 0}, NULL, &first, NULL),
                 BEHALF_OK);
    cr_assert_eq(first.relationship_count, 2);
    cr_assert_not(first.complete);
    cr_assert_str_eq(first.read_at.text, write->written_at.text);
    cr_assert_eq(rig_do(&rig, "delete document:3#viewer@user:a\ndelete document:1#viewer@user:a\n"
                              "touch document:3#viewer@user:b\ntouch document:5#viewer@user:a")
                     ->status,
                 BEHALF_OK);
    cr_assert_eq(read_at(&rig, &documents, 2, slice_of(first.cursor.text), NULL, &next, NULL),
                 BEHALF_OK);
    cr_assert_eq(next.relationship_count, 2);
    cr_assert(next.complete);
    cr_assert_str_empty(next.cursor.text);
    cr_assert_str_eq(next.read_at.text, first.read_at.text);
    cr_assert(slice_equal(next.relationships[0].resource.id, SLICE_LITERAL("3")));
    cr_assert(slice_equal(next.relationships[0].subject.id, SLICE_LITERAL("a")));
    cr_assert(slice_equal(next.relationships[1].resource.id, SLICE_LITERAL("4")));
    cr_assert_str_eq(rig_type(&rig, "document"), "document:2#viewer@user:a\n"
                                                 "document:3#viewer@user:b\n"
                                                 "document:4#viewer@user:a\n"
                                                 "document:5#viewer@user:a\n");
    rig_close(&rig);
}

Test(read, an_older_revision_by_its_token)
{
    struct rig rig;
    struct relationships_read_result result;
    struct engine_write *write;

    rig_open(&rig, rig_schema);
    write = rig_do(&rig, "touch document:1#viewer@user:a");
    cr_assert_eq(rig_do(&rig, "delete document:1#viewer@user:a")->status, BEHALF_OK);
    cr_assert_eq(
        read_at(&rig, &documents, 0, (struct slice){"", 0}, write->written_at.text, &result, NULL),
        BEHALF_OK);
    cr_assert_eq(result.relationship_count, 1);
    cr_assert_str_eq(result.read_at.text, write->written_at.text);
    cr_assert_str_eq(rig_type(&rig, "document"), "");
    rig_close(&rig);
}

Test(read, a_cursor_serves_its_own_request_only)
{
    struct relationship_filter others[] = {
        {.resource_type = SLICE_LITERAL("folder")},
        {.resource_type = SLICE_LITERAL("document"), .relation = SLICE_LITERAL("viewer")},
        {.resource_type = SLICE_LITERAL("document"), .subject_type = SLICE_LITERAL("user")},
        {.subject_type = SLICE_LITERAL("user")},
    };
    struct rig rig;
    struct relationships_read_result first;
    struct relationships_read_result next;
    struct error error;

    rig_open(&rig, rig_schema);
    cr_assert_eq(
        rig_do(&rig, "touch document:1#viewer@user:a\ntouch document:2#viewer@user:a")->status,
        BEHALF_OK);
    cr_assert_eq(read_at(&rig, &documents, 1, (struct slice){"", 0}, NULL, &first, NULL),
                 BEHALF_OK);
    for (size_t at = 0; at < BEHALF_COUNT_OF(others); at++) {
        cr_assert_eq(
            read_at(&rig, &others[at], 1, slice_of(first.cursor.text), NULL, &next, &error),
            BEHALF_INVALID_CURSOR);
        cr_assert_str_eq(error.message, "the cursor belongs to another request");
    }
    cr_assert_eq(read_at(&rig, &documents, 1, slice_of(first.read_at.text), NULL, &next, &error),
                 BEHALF_INVALID_CURSOR);
    cr_assert_eq(read_at(&rig, &documents, 1, SLICE_LITERAL("x"), NULL, &next, &error),
                 BEHALF_INVALID_CURSOR);
    cr_assert_eq(read_at(&rig, &documents, 500, slice_of(first.cursor.text), NULL, &next, &error),
                 BEHALF_OK, "the page size may change");
    cr_assert_eq(next.relationship_count, 1);
    rig_close(&rig);
}

Test(read, page_sizes_are_bounded)
{
    struct rig rig;
    struct relationships_read_result result;
    struct error error;

    rig_open(&rig, rig_schema);
    for (unsigned round = 0; round < 2; round++) {
        struct buffer text;

        buffer_init(&text);
        for (unsigned at = 0; at < 600; at++)
            buffer_add_format(&text, "touch document:%u-%u#viewer@user:a\n", round, at);
        cr_assert_eq(rig_do(&rig, text.data)->status, BEHALF_OK);
        buffer_release(&text);
    }
    cr_assert_eq(read_at(&rig, &documents, 0, (struct slice){"", 0}, NULL, &result, NULL),
                 BEHALF_OK);
    cr_assert_eq(result.relationship_count, ENGINE_PAGE_DEFAULT);
    cr_assert_not(result.complete);
    cr_assert_eq(
        read_at(&rig, &documents, ENGINE_PAGE_MAX, (struct slice){"", 0}, NULL, &result, NULL),
        BEHALF_OK);
    cr_assert_eq(result.relationship_count, 1200);
    cr_assert(result.complete);
    cr_assert_eq(read_at(&rig, &documents, 1200, (struct slice){"", 0}, NULL, &result, NULL),
                 BEHALF_OK);
    cr_assert(result.complete, "a page that holds all says so");
    cr_assert_eq(read_at(&rig, &documents, ENGINE_PAGE_MAX + 1, (struct slice){"", 0}, NULL,
                         &result, &error),
                 BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT);
    rig_close(&rig);
}

/* Reading always asks storage, so it belongs to the pool. */
Test(read, an_event_loop_is_never_made_to_wait)
{
    struct rig rig;
    struct engine_worker *worker;
    struct relationships_read read = {.filter = documents};
    struct relationships_read_result result;
    struct engine_request request = {.arena = NULL};

    rig_open(&rig, rig_schema);
    request.arena = &rig.arena;
    worker = engine_worker_new(rig.engine, false);
    cr_assert_eq(engine_relationships_read(worker, &request, &read, &result, NULL),
                 BEHALF_WOULD_BLOCK);
    engine_worker_free(worker);
    rig_close(&rig);
}

Test(read, the_schema_of_each_revision)
{
    static const char more[] = "definition user {}\n// a comment stays\ndefinition bot {}\n";
    struct rig rig;
    struct engine_request request = {.arena = NULL};
    struct schema_read_result result;
    struct engine_token old;

    rig_open(&rig, NULL);
    request.arena = &rig.arena;
    cr_assert_eq(engine_schema_read(rig.worker, &request, &result, NULL), BEHALF_NO_SCHEMA);
    cr_assert_eq(rig_run(&rig, rig_schema_write(&rig, rig_schema)), BEHALF_OK);
    cr_assert_eq(engine_schema_read(rig.worker, &request, &result, NULL), BEHALF_OK);
    cr_assert(slice_equal(result.text, slice_of(rig_schema)));
    old = result.read_at;
    cr_assert_eq(rig_run(&rig, rig_schema_write(&rig, more)), BEHALF_OK);
    cr_assert_eq(engine_schema_read(rig.worker, &request, &result, NULL), BEHALF_OK);
    cr_assert(slice_equal(result.text, slice_of(more)));
    request.consistency = CONSISTENCY_AT_EXACT_SNAPSHOT;
    request.token = slice_of(old.text);
    cr_assert_eq(engine_schema_read(rig.worker, &request, &result, NULL), BEHALF_OK);
    cr_assert(slice_equal(result.text, slice_of(rig_schema)));
    cr_assert_str_eq(result.read_at.text, old.text);
    rig_close(&rig);
}
