/* test_write_attributes.c - attributes that are set, merged, deleted, refused and read back. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/state.h"
#include "tests/support/harness_attributes.h"

#define NOW INT64_C(4102444800000000000) /* 2100-01-01T00:00:00Z */

static struct harness_engine side;
static struct engine_write last; /* the last write */

static const char schema[] = "definition user {}\n"
                             "definition record {\n"
                             "    relation viewer: user\n"
                             "}\n";

static void
setup(void)
{
    struct error error = {.status = BEHALF_OK};

    harness_engine_open_at(&side, 0, NOW);
    cr_assert_eq(harness_write_schema(&side, slice_of(schema), &error), BEHALF_OK, "%s",
                 error.message);
}

static void
teardown(void)
{
    harness_engine_close(&side);
}

TestSuite(write_attributes, .init = setup, .fini = teardown);

static enum status
write_lines(const char *lines)
{
    last = (struct engine_write){.kind = WRITE_ATTRIBUTES};
    return harness_write_attributes(&side, lines, &last);
}

static void
must(const char *lines)
{
    cr_assert_eq(write_lines(lines), BEHALF_OK, "%s: %s", lines, last.error.message);
}

static const char *
read_object(const char *object)
{
    return harness_read_attributes(&side, object, NULL);
}

/* Nothing of it was written. */
static void
expect_refused(const char *lines, enum status status, const char *text)
{
    uint64_t head = store_head_revision(side.store);

    cr_expect_eq(write_lines(lines), status, "%.60s: %s", lines, status_name(last.status));
    cr_expect(strstr(last.error.message, text) != NULL, "'%s' says not '%s'", last.error.message,
              text);
    cr_expect_eq(store_head_revision(side.store), head);
}

Test(write_attributes, what_was_set_is_read)
{
    must("set user:ann {\"role\":\"admin\",\"level\":3,\"teams\":[\"a\",\"b\"],\"x\":{\"y\":1.5}}");
    cr_expect_str_eq(read_object("user:ann"),
                     "{\"level\":3,\"role\":\"admin\",\"teams\":[\"a\",\"b\"],\"x\":{\"y\":1.5}}");
    cr_expect_str_eq(read_object("user:bob"), "none");
    must("set user:ann {\"role\":\"guest\"}");
    cr_expect_str_eq(read_object("user:ann"), "{\"role\":\"guest\"}");
}

Test(write_attributes, a_merge_changes_what_it_names)
{
    must("merge user:ann {\"role\":\"admin\",\"gone\":null}");
    cr_expect_str_eq(read_object("user:ann"), "{\"role\":\"admin\"}");
    must("merge user:ann {\"home\":{\"city\":\"Bern\",\"zip\":3000}}");
    must("merge user:ann {\"home\":{\"zip\":null},\"role\":null,\"age\":7}");
    cr_expect_str_eq(read_object("user:ann"), "{\"age\":7,\"home\":{\"city\":\"Bern\"}}");
}

Test(write_attributes, what_was_deleted_is_gone)
{
    must("set user:ann {\"a\":1}");
    must("delete user:ann");
    cr_expect_str_eq(read_object("user:ann"), "none");
    must("set user:ann {\"a\":1}");
    must("set user:ann {}");
    cr_expect_str_eq(read_object("user:ann"), "none");
    must("set user:ann {\"a\":1}");
    must("merge user:ann {\"a\":null}");
    cr_expect_str_eq(read_object("user:ann"), "none");
}

Test(write_attributes, one_write_is_one_revision)
{
    uint64_t head = store_head_revision(side.store);

    must("set user:ann {\"a\":1}\nmerge user:bob {\"a\":2}\nset record:r {\"a\":3}");
    cr_expect_eq(store_head_revision(side.store), head + 1);
    cr_expect_eq(last.revision, head + 1);
    cr_expect_str_eq(read_object("user:ann"), "{\"a\":1}");
    cr_expect_str_eq(read_object("user:bob"), "{\"a\":2}");
    cr_expect_str_eq(read_object("record:r"), "{\"a\":3}");
}

Test(write_attributes, older_snapshots_keep_what_they_had)
{
    struct engine_token before;
    struct engine_token first;
    struct engine_token second;

    must("set user:bob {\"a\":1}");
    before = last.written_at;
    must("set user:ann {\"a\":1}");
    first = last.written_at;
    must("merge user:ann {\"a\":2}");
    second = last.written_at;
    must("delete user:ann");
    cr_expect_str_eq(harness_read_attributes(&side, "user:ann", &before), "none");
    cr_expect_str_eq(harness_read_attributes(&side, "user:ann", &first), "{\"a\":1}");
    cr_expect_str_eq(harness_read_attributes(&side, "user:ann", &second), "{\"a\":2}");
    cr_expect_str_eq(read_object("user:ann"), "none");
}

Test(write_attributes, a_write_that_changes_nothing_makes_no_revision)
{
    uint64_t head;

    must("set user:ann {\"a\":1}");
    head = store_head_revision(side.store);
    must("set user:ann {\"a\":1}");
    must("merge user:ann {\"a\":1,\"b\":null}");
    must("delete user:bob");
    must("set user:carl {}");
    cr_expect_eq(store_head_revision(side.store), head);
    cr_expect_eq(last.revision, head);
    must("set user:ann {\"a\":1}\nset user:dan {\"a\":1}");
    cr_expect_eq(store_head_revision(side.store), head + 1);
}

/* A repeat must not undo what another one wrote since. */
Test(write_attributes, a_key_is_kept_though_nothing_changed)
{
    must("set user:ann {\"a\":1}");
    for (int attempt = 0; attempt < 2; attempt++) {
        last = (struct engine_write){.idempotency_key = SLICE_LITERAL("k"), .request_digest = {1}};
        cr_assert_eq(harness_write_attributes(&side, "set user:ann {\"a\":1}", &last), BEHALF_OK);
        cr_expect_eq(last.repeated, attempt == 1);
        if (attempt == 0)
            must("set user:ann {\"a\":2}");
    }
    cr_expect_str_eq(read_object("user:ann"), "{\"a\":2}");
    last = (struct engine_write){.idempotency_key = SLICE_LITERAL("k"), .request_digest = {2}};
    cr_expect_eq(harness_write_attributes(&side, "set user:ann {\"a\":9}", &last),
                 BEHALF_IDEMPOTENCY_KEY_REUSED);
}

Test(write_attributes, objects_without_attributes_get_no_name)
{
    struct store_snapshot *snapshot = NULL;
    struct error error;
    uint64_t node;
    bool found = true;

    must("delete user:eve\nset user:eva {}\nset user:ann {\"a\":1}");
    cr_assert_eq(store_snapshot_open(side.store, &snapshot, &error), BEHALF_OK);
    cr_assert_eq(store_node_find(snapshot,
                                 store_label_find(side.store, LABEL_TYPE, SLICE_LITERAL("user")),
                                 SLICE_LITERAL("eve"), &node, &found, &error),
                 BEHALF_OK);
    cr_expect_not(found);
    store_snapshot_close(snapshot);
}

Test(write_attributes, a_refused_update_refuses_the_write)
{
    must("set user:ann {\"a\":1}");
    expect_refused("set user:ann {\"a\":2}\nset nobody:x {\"a\":1}", BEHALF_UNKNOWN_DEFINITION,
                   "nobody");
    cr_expect_eq(last.error.index, 1);
    expect_refused("set user:ann {\"a\":2}\nmerge user:bob {\"a\":[null]}",
                   BEHALF_MALFORMED_REQUEST, "attributes.a[0]");
    cr_expect_eq(last.error.index, 1);
    cr_expect_str_eq(read_object("user:ann"), "{\"a\":1}");
}

Test(write_attributes, null_is_stored_nowhere)
{
    expect_refused("set user:ann {\"a\":null}", BEHALF_MALFORMED_REQUEST, "attributes.a:");
    expect_refused("set user:ann {\"a\":{\"b\":[1,{\"c\":null}]}}", BEHALF_MALFORMED_REQUEST,
                   "attributes.a.b[1].c:");
    expect_refused("merge user:ann {\"a\":[null]}", BEHALF_MALFORMED_REQUEST, "attributes.a[0]:");
}

Test(write_attributes, one_object_of_a_defined_type)
{
    expect_refused("set user:* {\"a\":1}", BEHALF_WILDCARD_NOT_ALLOWED, "object");
    expect_refused("set record:r#viewer {\"a\":1}", BEHALF_MALFORMED_REQUEST, "object");
    expect_refused("set users:ann {\"a\":1}", BEHALF_UNKNOWN_DEFINITION, "users");
    expect_refused("set user:ann [1]", BEHALF_MALFORMED_REQUEST, "a map is needed");
    expect_refused("set user:ann", BEHALF_MALFORMED_REQUEST, "a map is needed");
    expect_refused("merge user:ann 1", BEHALF_MALFORMED_REQUEST, "a map is needed");
    expect_refused("delete user:ann {\"a\":1}", BEHALF_MALFORMED_REQUEST, "delete");
    expect_refused("set user:ann {\"a\":1}\nset user:bob {}\ndelete user:ann",
                   BEHALF_MALFORMED_REQUEST, "'user:ann'; the other is update 0");
    expect_refused("", BEHALF_MALFORMED_REQUEST, "at least one");
    cr_expect_str_eq(read_object("user:*"), "WILDCARD_NOT_ALLOWED");
    cr_expect_str_eq(read_object("users:ann"), "UNKNOWN_DEFINITION");
}

/* --- limits --- */

static char text[512 * 1024];

static const char *
keys_from(const char *op, int from, int to)
{
    int size = snprintf(text, sizeof text, "%s user:ann {", op);

    for (int key = from; key < to; key++)
        size += snprintf(text + size, sizeof text - (size_t)size, "%s\"k%d\":%d",
                         key > from ? "," : "", key, key);
    (void)snprintf(text + size, sizeof text - (size_t)size, "}");
    return text;
}

Test(write_attributes, at_most_64_keys)
{
    must(keys_from("set", 0, 63));
    must(keys_from("set", 0, 64));
    expect_refused(keys_from("set", 0, 65), BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "65 keys");
    must(keys_from("merge", 10, 20));
    expect_refused(keys_from("merge", 64, 65), BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "65 keys");
    must("merge user:ann {\"k0\":null,\"k64\":1}");
}

/* A map of one key "a" and a string takes 5 + 4 + 1 + 5 bytes beside the string's. */
static const char *
string_of(int bytes)
{
    char letters[ENGINE_ATTRIBUTES_SIZE_MAX + 2];

    memset(letters, 'x', sizeof letters);
    (void)snprintf(text, sizeof text, "set user:ann {\"a\":\"%.*s\"}", bytes - 15, letters);
    return text;
}

Test(write_attributes, at_most_4096_bytes_as_stored)
{
    must(string_of(ENGINE_ATTRIBUTES_SIZE_MAX - 1));
    must(string_of(ENGINE_ATTRIBUTES_SIZE_MAX));
    expect_refused(string_of(ENGINE_ATTRIBUTES_SIZE_MAX + 1),
                   BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "4097 bytes; at most 4096");
    expect_refused("merge user:ann {\"b\":1}", BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                   "at most 4096");
}

static const char *
objects_of(int count)
{
    int size = 0;

    for (int object = 0; object < count; object++)
        size += snprintf(text + size, sizeof text - (size_t)size, "set record:%d {\"n\":%d}\n",
                         object, object);
    return text;
}

Test(write_attributes, at_most_1000_updates)
{
    must(objects_of(999));
    must(objects_of(1000));
    cr_expect_str_eq(read_object("record:999"), "{\"n\":999}");
    expect_refused(objects_of(1001), BEHALF_TOO_MANY_UPDATES_IN_REQUEST, "1001 updates");
    cr_expect_str_eq(read_object("record:1000"), "none");
}

/* --- what is left to others --- */

Test(write_attributes, no_decision_is_made_again_for_attributes)
{
    struct published *published;
    uint64_t before;

    published = engine_published(side.engine);
    before = published->records_revision;
    published_unref(published);
    must("set user:ann {\"a\":1}");
    published = engine_published(side.engine);
    cr_expect_eq(published->records_revision, before);
    published_unref(published);
}

Test(write_attributes, they_outlive_the_engine)
{
    must("set user:ann {\"a\":1}");
    harness_engine_reopen(&side, 0);
    cr_expect_str_eq(read_object("user:ann"), "{\"a\":1}");
}

/* What a worker may not wait for is asked of one that may; from then on memory has it. */
Test(write_attributes, a_loop_reads_what_memory_has)
{
    static const char *const objects[] = {"user:ann", "user:bob", "user:nobody"};
    struct engine_worker *loop = engine_worker_new(side.engine, false);
    struct engine_worker *pool = side.worker;

    must("set user:ann {\"a\":1}\nset user:bob {\"b\":1}");
    must("delete user:bob");
    for (size_t at = 0; at < BEHALF_COUNT_OF(objects); at++) {
        char expected[64];

        (void)snprintf(expected, sizeof expected, "%s", read_object(objects[at]));
        side.worker = loop;
        cr_expect_str_eq(read_object(objects[at]), expected);
        side.worker = pool;
    }
    must("set user:bob {\"b\":2}");
    must("delete user:ann");
    side.worker = loop;
    cr_expect_str_eq(read_object("user:bob"), "{\"b\":2}");
    cr_expect_str_eq(read_object("user:ann"), "none");
    side.worker = pool;
    engine_worker_free(loop);
}

/* The bodies of a store that is replayed from the changelog are those of the store. */
static bool
same_record(void *context, const struct store_record *record)
{
    struct store *copy = context;
    struct store_snapshot *snapshot = NULL;
    struct store_record found;
    struct error error;
    struct buffer bytes;
    bool there = false;

    buffer_init(&bytes);
    cr_assert_eq(store_snapshot_open(copy, &snapshot, &error), BEHALF_OK);
    cr_assert_eq(store_record_find(snapshot, store_snapshot_head(snapshot), &record->key, &found,
                                   &bytes, &there, &error),
                 BEHALF_OK);
    cr_assert(there);
    cr_expect(slice_equal(found.body, record->body));
    cr_expect_eq(found.created_revision, record->created_revision);
    store_snapshot_close(snapshot);
    buffer_release(&bytes);
    return true;
}

Test(write_attributes, the_changelog_has_all_of_it)
{
    const struct store_options options = {.env = env_system()};
    struct store_snapshot *snapshot = NULL;
    struct store *copy = NULL;
    struct buffer entry;
    struct error error;

    must("set user:ann {\"a\":1}\nset user:bob {\"b\":1}\nset record:r {\"c\":[1,\"x\"]}");
    must("merge user:ann {\"a\":{\"b\":2}}");
    must("delete user:bob");
    cr_expect_eq(store_verify(side.store, &error), BEHALF_OK, "%s", error.message);
    cr_assert_eq(store_open(&options, &copy, &error), BEHALF_OK);
    cr_assert_eq(store_snapshot_open(side.store, &snapshot, &error), BEHALF_OK);
    buffer_init(&entry);
    for (uint64_t revision = 1; revision <= store_snapshot_head(snapshot); revision++) {
        cr_assert_eq(store_changelog_read(snapshot, revision, &entry, &error), BEHALF_OK);
        cr_assert_eq(store_replay(copy, buffer_slice(&entry), &error), BEHALF_OK, "%s",
                     error.message);
    }
    cr_expect_eq(store_verify(copy, &error), BEHALF_OK, "%s", error.message);
    cr_expect_eq(store_records(snapshot, RECORD_ATTRIBUTES, same_record, copy, &error), BEHALF_OK);
    buffer_release(&entry);
    store_snapshot_close(snapshot);
    store_close(copy);
}

/* A sweep takes what ends, and attributes never do. */
Test(write_attributes, no_sweep_takes_them)
{
    struct engine_write sweep = {.kind = WRITE_SWEEP};

    must("set user:ann {\"a\":1}");
    harness_set_time(&side, NOW + INT64_C(100) * 365 * 86400 * 1000000000);
    cr_expect_eq(harness_submit(&side, &sweep), BEHALF_OK);
    cr_expect_eq(sweep.count, 0);
    cr_expect_str_eq(read_object("user:ann"), "{\"a\":1}");
}

Test(write_attributes, they_come_back_with_their_type)
{
    struct error error = {.status = BEHALF_OK};

    must("set user:ann {\"a\":1}");
    cr_assert_eq(harness_write_schema(&side, SLICE_LITERAL("definition thing {}"), &error),
                 BEHALF_OK);
    cr_expect_str_eq(read_object("user:ann"), "UNKNOWN_DEFINITION");
    cr_assert_eq(harness_write_schema(&side, slice_of(schema), &error), BEHALF_OK);
    cr_expect_str_eq(read_object("user:ann"), "{\"a\":1}");
}

Test(write_attributes, before_the_first_schema_there_is_nothing_to_describe)
{
    struct harness_engine bare;

    harness_engine_open_at(&bare, 0, NOW);
    last = (struct engine_write){.kind = WRITE_ATTRIBUTES};
    cr_expect_eq(harness_write_attributes(&bare, "set user:ann {\"a\":1}", &last),
                 BEHALF_NO_SCHEMA);
    harness_engine_close(&bare);
}
