/* test_writer.c - what a write of relationships accepts, refuses, and leaves behind. */
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>

#include <criterion/criterion.h>

#include "base/memory.h"
#include "tests/unit/test_writer_support.h"

struct refusal {
    const char *update;
    enum status status;
    const char *message;
    const char *hint;
};

/* The state before and after a refused write must be the same. */
static void
expect_refused(struct rig *rig, struct engine_write *write, enum status status, int64_t index,
               const char *what)
{
    uint64_t revision = rig_revision(rig);
    uint64_t count = rig_count(rig);

    cr_assert_eq(rig_run(rig, write), status, "%s: %s: %s", what, status_name(write->status),
                 write->error.message);
    cr_assert_eq(write->error.status, status, "%s", what);
    cr_assert_eq(write->error.index, index, "%s: index %lld", what, (long long)write->error.index);
    cr_assert_eq(rig_revision(rig), revision, "%s", what);
    cr_assert_eq(rig_count(rig), count, "%s", what);
}

Test(writer, writes_and_reads_back)
{
    struct rig rig;
    struct engine_write *write;

    rig_open(&rig, rig_schema);
    cr_assert_eq(rig_revision(&rig), 1);
    write = rig_do(&rig, "create document:readme#viewer@user:ann\n"
                         "touch document:readme#viewer@user:*\n"
                         "touch document:readme#viewer@group:eng#member\n"
                         "touch document:readme#viewer@group:eng#everyone\n"
                         "touch document:readme#parent@folder:root\n"
                         "delete document:readme#editor@user:ann\n");
    cr_assert_eq(write->status, BEHALF_OK, "%s", write->error.message);
    cr_assert_eq(write->revision, 2);
    cr_assert_gt(strlen(write->written_at.text), 20);
    cr_assert_eq(rig_revision(&rig), 2);
    cr_assert_eq(rig_count(&rig), 5);
    /* In the order of labels, which is that of the schema: folder#viewer made the first. */
    cr_assert_str_eq(rig_type(&rig, "document"), "document:readme#viewer@user:*\n"
                                                 "document:readme#viewer@user:ann\n"
                                                 "document:readme#viewer@group:eng#member\n"
                                                 "document:readme#viewer@group:eng#everyone\n"
                                                 "document:readme#parent@folder:root\n");
    rig_close(&rig);
}

Test(writer, refuses_what_the_schema_does_not_allow)
{
    static const struct refusal refusals[] = {
        {"touch nosuch:1#viewer@user:a", BEHALF_UNKNOWN_DEFINITION,
         "the schema has no definition 'nosuch'", "list the definitions with: behalf schema read"},
        {"touch document:1#nosuch@user:a", BEHALF_UNKNOWN_RELATION_OR_PERMISSION,
         "definition 'document' has no relation or permission 'nosuch'", ""},
        {"touch document:1#view@user:a", BEHALF_CANNOT_UPDATE_PERMISSION,
         "'view' of definition 'document' is a permission, which is computed and not written",
         "write one of the relations that the permission is made of"},
        {"delete document:1#view@user:a", BEHALF_CANNOT_UPDATE_PERMISSION, NULL, NULL},
        {"touch document:1#viewer@nosuch:a", BEHALF_UNKNOWN_DEFINITION,
         "the schema has no definition 'nosuch'", "list the definitions with: behalf schema read"},
        {"touch document:1#viewer@nosuch:*", BEHALF_UNKNOWN_DEFINITION, NULL, NULL},
        {"touch document:1#viewer@group:a#nosuch", BEHALF_UNKNOWN_RELATION_OR_PERMISSION,
         "definition 'group' has no relation or permission 'nosuch'", ""},
        {"touch document:1#viewer@agent:a", BEHALF_INVALID_SUBJECT_TYPE,
         "relation 'document#viewer' does not allow 'agent'",
         "allowed: user | user:* | group#member | group#everyone"},
        {"delete document:1#viewer@agent:a", BEHALF_INVALID_SUBJECT_TYPE, NULL, NULL},
        {"touch document:1#editor@user:*", BEHALF_INVALID_SUBJECT_TYPE,
         "relation 'document#editor' does not allow 'user:*'", "allowed: user"},
        {"touch document:1#viewer@group:a", BEHALF_INVALID_SUBJECT_TYPE,
         "relation 'document#viewer' does not allow 'group'", NULL},
        {"touch document:1#viewer@group:*", BEHALF_INVALID_SUBJECT_TYPE,
         "relation 'document#viewer' does not allow 'group:*'", NULL},
        {"touch document:1#parent@folder:a#viewer", BEHALF_INVALID_SUBJECT_TYPE,
         "relation 'document#parent' does not allow 'folder#viewer'", "allowed: folder"},
        {"touch document:1#viewer@user:a[office_hours:{\"x\":1}]", BEHALF_UNKNOWN_CAVEAT,
         "the schema has no caveat 'office_hours'", NULL},
        {"touch document:1#editor@user:a[expiration:2030-01-01T00:00:00Z]",
         BEHALF_INVALID_SUBJECT_TYPE,
         "relation 'document#editor' does not allow 'user with expiration'", "allowed: user"},
        {"create document:0#editor@user:old", BEHALF_ATTEMPT_TO_RECREATE_RELATIONSHIP,
         "cannot create a relationship that exists: 'document:0#editor@user:old'",
         "touch writes a relationship whether it exists or not"},
        {"create document:first#editor@user:first", BEHALF_UPDATES_ON_SAME_RELATIONSHIP,
         "two updates of one write name 'document:first#editor@user:first'",
         "the other is update 0"},
        {"delete document:first#editor@user:first", BEHALF_UPDATES_ON_SAME_RELATIONSHIP, NULL,
         NULL},
    };
    struct rig rig;

    rig_open(&rig, rig_schema);
    cr_assert_eq(rig_do(&rig, "create document:0#editor@user:old")->status, BEHALF_OK);
    for (size_t row = 0; row < BEHALF_COUNT_OF(refusals); row++) {
        const struct refusal *refusal = &refusals[row];
        struct buffer text;
        struct engine_write *write;

        buffer_init(&text);
        buffer_add_format(&text,
                          "touch document:first#editor@user:first\n%s\n"
                          "touch document:last#editor@user:last\n",
                          refusal->update);
        write = rig_write(&rig, text.data);
        expect_refused(&rig, write, refusal->status, 1, refusal->update);
        if (refusal->message != NULL)
            cr_assert_str_eq(write->error.message, refusal->message);
        if (refusal->hint != NULL)
            cr_assert_str_eq(write->error.hint, refusal->hint);
        buffer_release(&text);
    }
    cr_assert_str_eq(rig_type(&rig, "document"), "document:0#editor@user:old\n");
    rig_close(&rig);
}

Test(writer, refuses_ids_and_wildcards_that_text_cannot_say)
{
    static char long_id[OBJECT_ID_SIZE_MAX + 1];
    struct rig rig;
    struct slice user = SLICE_LITERAL("user");
    struct slice group = SLICE_LITERAL("group");
    struct {
        struct object resource;
        struct object subject;
        enum status status;
    } rows[] = {
        {{.id = {"", 0}}, {user, {"a", 1}, {"", 0}, false}, BEHALF_INVALID_OBJECT_ID},
        {{.id = {"*", 1}}, {user, {"a", 1}, {"", 0}, false}, BEHALF_INVALID_OBJECT_ID},
        {{.wildcard = true}, {user, {"a", 1}, {"", 0}, false}, BEHALF_WILDCARD_NOT_ALLOWED},
        {{.id = {"a\0b", 3}}, {user, {"a", 1}, {"", 0}, false}, BEHALF_INVALID_OBJECT_ID},
        {{.id = {"a\nb", 3}}, {user, {"a", 1}, {"", 0}, false}, BEHALF_INVALID_OBJECT_ID},
        {{.id = {"\xff", 1}}, {user, {"a", 1}, {"", 0}, false}, BEHALF_INVALID_OBJECT_ID},
        {{.id = {long_id, sizeof long_id}},
         {user, {"a", 1}, {"", 0}, false},
         BEHALF_INVALID_OBJECT_ID},
        {{.id = {"1", 1}}, {user, {"", 0}, {"", 0}, false}, BEHALF_INVALID_OBJECT_ID},
        {{.id = {"1", 1}}, {user, {"*", 1}, {"", 0}, false}, BEHALF_INVALID_OBJECT_ID},
        {{.id = {"1", 1}}, {user, {"a\x7f", 2}, {"", 0}, false}, BEHALF_INVALID_OBJECT_ID},
        {{.id = {"1", 1}},
         {user, {long_id, sizeof long_id}, {"", 0}, false},
         BEHALF_INVALID_OBJECT_ID},
        {{.id = {"1", 1}}, {user, {"a", 1}, {"", 0}, true}, BEHALF_WILDCARD_NOT_ALLOWED},
        {{.id = {"1", 1}},
         {group, {"", 0}, SLICE_LITERAL("member"), true},
         BEHALF_WILDCARD_NOT_ALLOWED},
    };

    memset(long_id, 'x', sizeof long_id);
    rig_open(&rig, rig_schema);
    for (size_t row = 0; row < BEHALF_COUNT_OF(rows); row++) {
        struct update updates[2] = {{.op = UPDATE_TOUCH}, {.op = UPDATE_TOUCH}};
        struct engine_write *write = rig_write(&rig, NULL);
        char what[32];

        snprintf(what, sizeof what, "row %zu", row);
        updates[0] = *rig_updates(&rig, "touch document:ok#viewer@user:ok", &(size_t){0});
        updates[1].relationship.resource = rows[row].resource;
        updates[1].relationship.resource.type = SLICE_LITERAL("document");
        updates[1].relationship.resource.relation = SLICE_LITERAL("viewer");
        updates[1].relationship.subject = rows[row].subject;
        write->updates = updates;
        write->update_count = 2;
        expect_refused(&rig, write, rows[row].status, 1, what);
    }
    rig_close(&rig);
}

Test(writer, context_without_caveat_is_refused)
{
    struct rig rig;
    struct engine_write *write;
    struct update *update;
    size_t count;

    rig_open(&rig, rig_schema);
    write = rig_write(&rig, NULL);
    update = rig_updates(&rig, "touch document:1#viewer@user:a", &count);
    update->relationship.context = SLICE_LITERAL("\7\0\0\0\1\0\0\0\1a\1");
    write->updates = update;
    write->update_count = count;
    expect_refused(&rig, write, BEHALF_MALFORMED_REQUEST, 0, "context");
    rig_close(&rig);
}

/* --- counts and sizes (R-48) --- */

static struct engine_write *
numbered(struct rig *rig, size_t count)
{
    struct buffer text;
    struct slice kept;
    struct engine_write *write;

    buffer_init(&text);
    for (size_t index = 0; index < count; index++)
        buffer_add_format(&text, "touch document:d%zu#viewer@user:u%zu\n", index, index % 7);
    kept = arena_copy(&rig->arena, buffer_slice(&text));
    buffer_release(&text);
    write = rig_write(rig, kept.data);
    cr_assert_eq(write->update_count, count);
    return write;
}

Test(writer, all_of_an_oversize_write_or_an_error)
{
    static const size_t refused[] = {1001, 1002, 20000};
    struct rig rig;
    struct engine_write *write;

    rig_open(&rig, rig_schema);
    for (size_t row = 0; row < BEHALF_COUNT_OF(refused); row++) {
        write = numbered(&rig, refused[row]);
        expect_refused(&rig, write, BEHALF_TOO_MANY_UPDATES_IN_REQUEST, ERROR_NO_INDEX, "many");
    }
    write = numbered(&rig, 0);
    expect_refused(&rig, write, BEHALF_MALFORMED_REQUEST, ERROR_NO_INDEX, "none");
    cr_assert_eq(rig_run(&rig, numbered(&rig, 999)), BEHALF_OK);
    cr_assert_eq(rig_count(&rig), 999);
    cr_assert_eq(rig_run(&rig, numbered(&rig, 1000)), BEHALF_OK);
    cr_assert_eq(rig_count(&rig), 1000);
    cr_assert_eq(rig_revision(&rig), 3);
    rig_close(&rig);
}

Test(writer, metadata_is_bounded)
{
    static char metadata[4097];
    struct rig rig;
    struct engine_write *write;

    rig_open(&rig, rig_schema);
    write = numbered(&rig, 1);
    write->metadata = (struct slice){metadata, sizeof metadata};
    expect_refused(&rig, write, BEHALF_TRANSACTION_METADATA_TOO_LARGE, ERROR_NO_INDEX, "metadata");
    write->metadata.size--;
    cr_assert_eq(rig_run(&rig, write), BEHALF_OK);
    rig_close(&rig);
}

/* --- operations --- */

static bool
is_stored(struct rig *rig, const char *type, const char *id)
{
    struct store_snapshot *snapshot = NULL;
    uint64_t node;
    bool found = false;

    cr_assert_eq(store_snapshot_open(rig->store, &snapshot, NULL), BEHALF_OK);
    cr_assert_eq(store_node_find(snapshot, store_label_find(rig->store, LABEL_TYPE, slice_of(type)),
                                 slice_of(id), &node, &found, NULL),
                 BEHALF_OK);
    store_snapshot_close(snapshot);
    return found;
}

Test(writer, delete_of_a_name_never_stored_allocates_nothing)
{
    struct rig rig;

    rig_open(&rig, rig_schema);
    cr_assert_eq(rig_do(&rig, "delete document:ghost#viewer@user:ghost")->status, BEHALF_OK);
    cr_assert_eq(rig_revision(&rig), 2);
    cr_assert_eq(rig_do(&rig, "touch document:real#viewer@user:ann")->status, BEHALF_OK);
    cr_assert_eq(rig_do(&rig, "delete document:real#viewer@user:ghost\n"
                              "delete document:ghost#viewer@user:ann")
                     ->status,
                 BEHALF_OK);
    cr_assert_not(is_stored(&rig, "document", "ghost"));
    cr_assert_not(is_stored(&rig, "user", "ghost"));
    cr_assert(is_stored(&rig, "user", "ann"));
    cr_assert_eq(rig_count(&rig), 1);
    rig_close(&rig);
}

Test(writer, a_refused_write_stores_no_names)
{
    struct rig rig;

    rig_open(&rig, rig_schema);
    cr_assert_eq(rig_do(&rig, "touch document:old#viewer@user:old")->status, BEHALF_OK);
    cr_assert_eq(rig_do(&rig, "touch document:ghost#viewer@user:ghost\n"
                              "create document:old#viewer@user:old")
                     ->status,
                 BEHALF_ATTEMPT_TO_RECREATE_RELATIONSHIP);
    cr_assert_not(is_stored(&rig, "document", "ghost"));
    rig_close(&rig);
}

Test(writer, touch_delete_and_create_go_round)
{
    struct rig rig;

    rig_open(&rig, rig_schema);
    cr_assert_eq(rig_do(&rig, "create document:1#viewer@user:a")->status, BEHALF_OK);
    cr_assert_eq(rig_do(&rig, "touch document:1#viewer@user:a")->status, BEHALF_OK);
    cr_assert_eq(rig_revision(&rig), 3, "a touch that changes nothing takes a revision");
    cr_assert_eq(rig_count(&rig), 1);
    cr_assert_eq(rig_do(&rig, "delete document:1#viewer@user:a")->status, BEHALF_OK);
    cr_assert_eq(rig_do(&rig, "delete document:1#viewer@user:a")->status, BEHALF_OK);
    cr_assert_eq(rig_count(&rig), 0);
    cr_assert_eq(rig_do(&rig, "create document:1#viewer@user:a")->status, BEHALF_OK);
    cr_assert_eq(rig_do(&rig, "create document:1#viewer@user:a")->status,
                 BEHALF_ATTEMPT_TO_RECREATE_RELATIONSHIP);
    cr_assert_eq(rig_do(&rig, "create document:1#viewer@user:*")->status, BEHALF_OK);
    cr_assert_eq(rig_do(&rig, "create document:1#viewer@user:*")->status,
                 BEHALF_ATTEMPT_TO_RECREATE_RELATIONSHIP);
    cr_assert_eq(rig_do(&rig, "delete document:1#viewer@user:*")->status, BEHALF_OK);
    cr_assert_eq(rig_count(&rig), 1);
    cr_assert_eq(rig_revision(&rig), 8);
    rig_close(&rig);
}

/* --- ids are bytes (R-22, R-49) --- */

Test(writer, every_spelling_is_an_object_of_its_own)
{
    static const char *const ids[] = {
        "Alice",
        "alice",
        "ALICE",
        "\"alice \"",
        "\" alice\"",
        "\"álice\"",
        "\"a\u0301lice\"",
        "\"\uff41lice\"",
        "\"alice\u200b\"",
        "\"a#b@c\"",
        "\"a\"",
        "\"a#b\"",
        "\"a:b\"",
        "a/b",
        "a|b",
        "\"a,b\"",
        "\"user:a\"",
        "\"a#viewer@user:b\"",
        "\"**\"",
        "\"...\"",
        "\"a\\\"b\"",
        "\"a\\\\b\"",
    };
    size_t count = BEHALF_COUNT_OF(ids);
    struct rig rig;

    rig_open(&rig, rig_schema);
    for (size_t at = 0; at < count; at++) {
        struct buffer text;

        buffer_init(&text);
        buffer_add_format(&text, "create document:%s#editor@user:%s", ids[at],
                          ids[(at + 1) % count]);
        cr_assert_eq(rig_do(&rig, text.data)->status, BEHALF_OK, "%s", ids[at]);
        buffer_release(&text);
    }
    cr_assert_eq(rig_count(&rig), count);
    for (size_t at = 0; at < count; at++) {
        struct buffer text;
        size_t lines;
        struct update *update;
        struct relationship_filter filter = {.resource_type = SLICE_LITERAL("document")};
        struct buffer expected;

        buffer_init(&text);
        buffer_init(&expected);
        buffer_add_format(&text, "touch document:%s#editor@user:%s", ids[at],
                          ids[(at + 1) % count]);
        update = rig_updates(&rig, text.data, &lines);
        filter.resource_id = update->relationship.resource.id;
        relationship_print(&update->relationship, &expected);
        buffer_add_byte(&expected, '\n');
        cr_assert_str_eq(rig_read(&rig, &filter, 0), expected.data, "%s", ids[at]);
        buffer_release(&expected);
        buffer_release(&text);
    }
    rig_close(&rig);
}

/* --- preconditions --- */

static struct relationship_filter
document_filter(const char *id)
{
    return (struct relationship_filter){
        .resource_type = SLICE_LITERAL("document"),
        .resource_id = slice_of(id),
    };
}

Test(writer, preconditions_decide_and_name_themselves)
{
    struct rig rig;
    struct engine_write *write;
    struct precondition conditions[3] = {
        {.must_match = true, .filter = document_filter("here")},
        {.must_match = false, .filter = document_filter("away")},
        {.must_match = true, .filter = document_filter("here")},
    };

    rig_open(&rig, rig_schema);
    cr_assert_eq(rig_do(&rig, "touch document:here#viewer@user:a")->status, BEHALF_OK);
    write = rig_write(&rig, "touch document:new#viewer@user:a");
    write->preconditions = conditions;
    write->precondition_count = 3;
    conditions[2].filter = document_filter("away");
    expect_refused(&rig, write, BEHALF_WRITE_OR_DELETE_PRECONDITION_FAILURE, 2, "must match");
    cr_assert_str_eq(write->error.message,
                     "precondition 2 does not hold: no relationship matches its filter");
    conditions[2] = (struct precondition){.must_match = false, .filter = document_filter("here")};
    expect_refused(&rig, write, BEHALF_WRITE_OR_DELETE_PRECONDITION_FAILURE, 2, "must not match");
    cr_assert_str_eq(write->error.message,
                     "precondition 2 does not hold: a relationship matches its filter");
    conditions[2].filter = (struct relationship_filter){.has_subject_relation = false};
    expect_refused(&rig, write, BEHALF_EMPTY_PRECONDITION, 2, "empty");
    conditions[2].filter.resource_type = SLICE_LITERAL("nosuch");
    expect_refused(&rig, write, BEHALF_UNKNOWN_DEFINITION, ERROR_NO_INDEX, "unknown");
    cr_assert_str_eq(write->error.message, "precondition 2: the schema has no definition 'nosuch'",
                     "an index would name an update");
    conditions[2].filter = document_filter("here");
    conditions[2].filter.resource_id_prefix = SLICE_LITERAL("h");
    expect_refused(&rig, write, BEHALF_INVALID_FILTER, ERROR_NO_INDEX, "contradiction");
    conditions[2] = (struct precondition){.must_match = true, .filter = document_filter("here")};
    cr_assert_eq(rig_run(&rig, write), BEHALF_OK, "%s", write->error.message);
    cr_assert_eq(rig_count(&rig), 2);
    rig_close(&rig);
}

Test(writer, a_precondition_speaks_of_the_state_before_the_write)
{
    struct rig rig;
    struct engine_write *write;
    struct precondition condition = {.must_match = false, .filter = document_filter("1")};

    rig_open(&rig, rig_schema);
    write = rig_write(&rig, "create document:1#viewer@user:a");
    write->preconditions = &condition;
    write->precondition_count = 1;
    cr_assert_eq(rig_run(&rig, write), BEHALF_OK);
    expect_refused(&rig, write, BEHALF_WRITE_OR_DELETE_PRECONDITION_FAILURE, 0, "again");
    rig_close(&rig);
}

Test(writer, too_many_preconditions)
{
    struct rig rig;
    struct engine_write *write;
    struct precondition *conditions = memory_new_array(1001, sizeof *conditions);

    rig_open(&rig, rig_schema);
    for (size_t at = 0; at < 1001; at++)
        conditions[at].filter = document_filter("nothing");
    write = rig_write(&rig, "touch document:1#viewer@user:a");
    write->preconditions = conditions;
    write->precondition_count = 1001;
    expect_refused(&rig, write, BEHALF_TOO_MANY_PRECONDITIONS_IN_REQUEST, ERROR_NO_INDEX, "1001");
    write->precondition_count = 1000;
    cr_assert_eq(rig_run(&rig, write), BEHALF_OK, "%s", write->error.message);
    rig_close(&rig);
    memory_free(conditions);
}

Test(writer, nothing_is_written_before_the_first_schema)
{
    struct rig rig;
    struct engine_write *write;

    rig_open(&rig, NULL);
    write = rig_write(&rig, "touch document:1#viewer@user:a");
    expect_refused(&rig, write, BEHALF_NO_SCHEMA, ERROR_NO_INDEX, "write");
    write = rig_write(&rig, NULL);
    write->kind = WRITE_DELETE;
    write->filter = document_filter("1");
    expect_refused(&rig, write, BEHALF_NO_SCHEMA, ERROR_NO_INDEX, "delete");
    rig_close(&rig);
}

/* --- idempotency --- */

static struct engine_write *
keyed(struct rig *rig, const char *updates, const char *key, uint8_t digest)
{
    struct engine_write *write = rig_write(rig, updates);

    write->idempotency_key = slice_of(key);
    memset(write->request_digest, digest, sizeof write->request_digest);
    return write;
}

Test(writer, a_repeated_request_gets_its_first_answer)
{
    struct rig rig;
    struct engine_write *first;
    struct engine_write *again;
    struct engine_write *other;

    rig_open(&rig, rig_schema);
    first = keyed(&rig, "create document:1#viewer@user:a", "key-1", 1);
    cr_assert_eq(rig_run(&rig, first), BEHALF_OK);
    cr_assert_eq(rig_do(&rig, "delete document:1#viewer@user:a")->status, BEHALF_OK);
    again = keyed(&rig, "create document:1#viewer@user:a", "key-1", 1);
    cr_assert_eq(rig_run(&rig, again), BEHALF_OK);
    cr_assert_eq(again->revision, first->revision);
    cr_assert(again->repeated && !first->repeated);
    cr_assert_str_eq(again->written_at.text, first->written_at.text);
    cr_assert_eq(rig_count(&rig), 0, "it is not done twice");
    cr_assert_eq(rig_revision(&rig), 3);
    other = keyed(&rig, "create document:2#viewer@user:a", "key-1", 2);
    expect_refused(&rig, other, BEHALF_IDEMPOTENCY_KEY_REUSED, ERROR_NO_INDEX, "reused");
    cr_assert_eq(rig_run(&rig, keyed(&rig, "create document:2#viewer@user:a", "key-2", 1)),
                 BEHALF_OK);
    cr_assert_eq(rig_count(&rig), 1);
    rig_close(&rig);
}

Test(writer, a_refused_request_is_not_remembered)
{
    struct rig rig;

    rig_open(&rig, rig_schema);
    cr_assert_eq(rig_run(&rig, keyed(&rig, "touch document:1#nosuch@user:a", "key", 1)),
                 BEHALF_UNKNOWN_RELATION_OR_PERMISSION);
    cr_assert_eq(rig_run(&rig, keyed(&rig, "touch document:1#viewer@user:a", "key", 2)), BEHALF_OK);
    cr_assert_eq(rig_run(&rig, keyed(&rig, "touch document:1#viewer@user:a", "key", 3)),
                 BEHALF_IDEMPOTENCY_KEY_REUSED);
    rig_close(&rig);
}

Test(writer, a_key_is_remembered_for_a_day)
{
    struct rig rig;

    rig_open(&rig, rig_schema);
    cr_assert_eq(rig_run(&rig, keyed(&rig, "touch document:1#viewer@user:a", "key", 1)), BEHALF_OK);
    rig_pass(&rig, INT64_C(86390) * 1000000000);
    cr_assert_eq(rig_run(&rig, keyed(&rig, "touch document:1#viewer@user:a", "key", 2)),
                 BEHALF_IDEMPOTENCY_KEY_REUSED);
    rig_pass(&rig, INT64_C(11) * 1000000000);
    cr_assert_eq(rig_run(&rig, keyed(&rig, "touch document:1#viewer@user:a", "key", 2)), BEHALF_OK);
    cr_assert_eq(rig_revision(&rig), 3);
    rig_close(&rig);
}

Test(writer, a_schema_write_can_be_repeated_a_delete_cannot)
{
    struct rig rig;
    struct engine_write *write;

    rig_open(&rig, rig_schema);
    for (int round = 0; round < 2; round++) {
        write = keyed(&rig, NULL, "schema", 1);
        write->kind = WRITE_SCHEMA;
        write->schema_text = slice_of(rig_schema);
        cr_assert_eq(rig_run(&rig, write), BEHALF_OK, "%s", write->error.message);
        cr_assert_eq(write->revision, 2);
    }
    write = keyed(&rig, NULL, "delete", 1);
    write->kind = WRITE_DELETE;
    write->filter = document_filter("1");
    expect_refused(&rig, write, BEHALF_UNKNOWN_ARGUMENT, ERROR_NO_INDEX, "delete");
    rig_close(&rig);
}

Test(writer, a_key_outlives_the_engine)
{
    struct engine_options options = {.workers = 1};
    struct rig rig;
    struct engine_write *write;

    rig_open(&rig, rig_schema);
    cr_assert_eq(rig_run(&rig, keyed(&rig, "create document:1#viewer@user:a", "key", 1)),
                 BEHALF_OK);
    engine_worker_free(rig.worker);
    engine_close(rig.engine);
    options.store = rig.store;
    options.env = &rig.env;
    cr_assert_eq(engine_open(&options, &rig.engine, NULL), BEHALF_OK);
    rig.worker = engine_worker_new(rig.engine, true);
    cr_assert_eq(rig_revision(&rig), 2);
    write = keyed(&rig, "create document:1#viewer@user:a", "key", 1);
    cr_assert_eq(rig_run(&rig, write), BEHALF_OK);
    cr_assert_eq(write->revision, 2);
    cr_assert_eq(rig_do(&rig, "create document:1#viewer@user:a")->status,
                 BEHALF_ATTEMPT_TO_RECREATE_RELATIONSHIP);
    rig_close(&rig);
}

/* The niceness of the thread with this name; -100 = there is none. */
static int
niceness_of(const char *name)
{
    DIR *threads = opendir("/proc/self/task");
    int niceness = -100;
    struct dirent *entry;

    cr_assert_not_null(threads);
    while ((entry = readdir(threads)) != NULL) {
        char path[64];
        char found[32] = "";
        FILE *file;

        (void)snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", entry->d_name);
        file = fopen(path, "r");
        if (file != NULL && fgets(found, sizeof found, file) != NULL) {
            found[strcspn(found, "\n")] = '\0';
            if (strcmp(found, name) == 0)
                niceness = getpriority(PRIO_PROCESS, (id_t)strtoul(entry->d_name, NULL, 10));
        }
        if (file != NULL)
            (void)fclose(file);
    }
    (void)closedir(threads);
    return niceness;
}

/* The same once there is one: a thread gives itself its name after it was started. */
static int
niceness_once_named(const char *name)
{
    int niceness;

    while ((niceness = niceness_of(name)) == -100)
        (void)sched_yield();
    return niceness;
}

Test(writer, gives_way_to_those_who_check)
{
    int own = getpriority(PRIO_PROCESS, 0);
    struct rig rig;

    rig_open(&rig, rig_schema);
    cr_assert_eq(rig_do(&rig, "touch document:1#viewer@user:a")->status, BEHALF_OK);
    cr_assert(niceness_once_named("writer") > own || own == 19); /* beyond which there is nothing */
    cr_assert_eq(niceness_once_named("pool"), own);
    rig_close(&rig);
}
