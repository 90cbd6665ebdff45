/* test_changes.c - changelog entries read as changes with names. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/datum.h"
#include "engine/changes.h"
#include "tests/support/harness_attributes.h"

#define NOW INT64_C(4102444800000000000) /* 2100-01-01T00:00:00Z */
#define SECOND INT64_C(1000000000)

static const char schema[] = "use expiration\n"
                             "caveat office(there bool, floor int) { there && floor > 0 }\n"
                             "definition user {}\n"
                             "definition group {\n"
                             "    relation member: user\n"
                             "}\n"
                             "definition document {\n"
                             "    relation viewer: user | user:* | group#member |\n"
                             "        user with office | user with expiration |\n"
                             "        group#member with office and expiration\n"
                             "}\n";

static struct harness_engine side;
static struct changes changes;
static struct store_snapshot *snapshot;
static struct error error;

static void
setup(void)
{
    harness_engine_open_at(&side, 0, NOW);
    changes_init(&changes, side.store);
    cr_assert_eq(harness_write_schema(&side, slice_of(schema), &error), BEHALF_OK, "%s",
                 error.message);
}

static void
teardown(void)
{
    store_snapshot_close(snapshot);
    changes_release(&changes);
    harness_engine_close(&side);
}

TestSuite(changes, .init = setup, .fini = teardown);

/* Lines of "create|touch|delete RELATIONSHIP", with a caller and metadata. */
static struct engine_write
write_lines(const char *lines, const char *caller, const char *metadata)
{
    struct engine_write write = {
        .kind = WRITE_RELATIONSHIPS, .caller = slice_of(caller), .metadata = slice_of(metadata)};
    static const char *const ops[] = {"create ", "touch ", "delete "};
    struct update *updates = arena_take_array(&side.arena, strlen(lines) + 1, sizeof *updates);

    for (size_t size; *lines != '\0'; lines += lines[size] == '\n' ? size + 1 : size) {
        struct update *update = &updates[write.update_count++];
        struct slice line;

        size = strcspn(lines, "\n");
        for (update->op = UPDATE_CREATE; strncmp(lines, ops[update->op], strlen(ops[update->op]));)
            update->op++;
        line = (struct slice){lines + strlen(ops[update->op]), size - strlen(ops[update->op])};
        cr_assert_eq(relationship_parse(line, &side.arena, &update->relationship, &error),
                     BEHALF_OK, "%s", error.message);
    }
    write.updates = updates;
    cr_assert_eq(harness_submit(&side, &write), BEHALF_OK, "%s", write.error.message);
    return write;
}

static void
print_change(const struct change *change, struct buffer *out)
{
    switch (change->stored.kind) {
    case ENTRY_EDGE_PUT:
    case ENTRY_EDGE_REMOVE:
        buffer_add_byte(out, change->stored.kind == ENTRY_EDGE_PUT ? '+' : '-');
        relationship_print(&change->relationship, out);
        break;
    case ENTRY_SCHEMA:
        buffer_add_format(out, "schema of %zu bytes", change->stored.schema.size);
        break;
    case ENTRY_RECORD_PUT:
    case ENTRY_RECORD_REMOVE:
        buffer_add_format(out, "%crecord %d ", change->stored.kind == ENTRY_RECORD_PUT ? '+' : '-',
                          (int)change->stored.record.key.kind);
        if (change->stored.record.key.kind == RECORD_ATTRIBUTES)
            object_print(&change->object, out);
        if (change->stored.record.body.size > 0)
            datum_print_encoded(change->stored.record.body, out);
        break;
    }
    buffer_add_byte(out, '\n');
}

/* All that a revision changed, a line for each change. */
static const char *
changes_of(uint64_t revision, struct store_entry *entry)
{
    static struct buffer out;
    struct change change;
    enum status status;

    buffer_release(&out);
    buffer_init(&out);
    store_snapshot_close(snapshot);
    cr_assert_eq(store_snapshot_open(side.store, &snapshot, &error), BEHALF_OK);
    status = changes_open(&changes, snapshot, revision, entry, &error);
    for (size_t count = 0;; count++) {
        if (status == BEHALF_OK)
            status = changes_next(&changes, &change, &error);
        if (status == BEHALF_DONE)
            cr_assert_eq(count, entry->change_count);
        if (status != BEHALF_OK)
            break;
        status = changes_name(&changes, &change, &error);
        print_change(&change, &out);
    }
    return status == BEHALF_DONE ? out.data : status_name(status);
}

Test(changes, are_in_words_with_caller_metadata_and_time)
{
    struct store_entry entry;
    struct engine_write write;

    write = write_lines("create document:a#viewer@user:ann\n"
                        "create document:a#viewer@user:*\n"
                        "create document:\"a b\"#viewer@group:eng#member"
                        "[office:{\"floor\":3}][expiration:2100-01-01T00:00:10Z]",
                        "console", "{\"ticket\":7}");
    cr_expect_str_eq(changes_of(write.revision, &entry),
                     "+document:a#viewer@user:ann\n"
                     "+document:a#viewer@user:*\n"
                     "+document:\"a b\"#viewer@group:eng#member"
                     "[office:{\"floor\":3}][expiration:2100-01-01T00:00:10Z]\n");
    cr_expect_eq(entry.revision, write.revision);
    cr_expect_eq(entry.time_ns, NOW);
    cr_expect_not(entry.is_sweep);
    cr_expect(slice_equal(entry.caller, SLICE_LITERAL("console")));
    cr_expect(slice_equal(entry.metadata, SLICE_LITERAL("{\"ticket\":7}")));

    harness_set_time(&side, NOW + 5 * SECOND);
    write = write_lines("touch document:a#viewer@user:ann[office:{\"floor\":4}]", "", "");
    cr_expect_str_eq(changes_of(write.revision, &entry),
                     "+document:a#viewer@user:ann[office:{\"floor\":4}]\n");
    cr_expect_eq(entry.time_ns, NOW + 5 * SECOND);
    cr_expect_eq(entry.caller.size, 0);
    cr_expect_eq(entry.metadata.size, 0);
}

Test(changes, of_a_sweep_say_so_and_name_nobody)
{
    struct engine_write sweep = {.kind = WRITE_SWEEP, .caller = SLICE_LITERAL("console")};
    struct store_entry entry;

    write_lines("create document:a#viewer@user:ann[expiration:2100-01-01T00:00:10Z]", "", "");
    harness_set_time(&side, NOW + 11 * SECOND);
    cr_assert_eq(harness_submit(&side, &sweep), BEHALF_OK, "%s", sweep.error.message);
    cr_expect_str_eq(changes_of(sweep.revision, &entry), "-document:a#viewer@user:ann\n");
    cr_expect(entry.is_sweep);
    cr_expect_eq(entry.caller.size, 0);
}

Test(changes, of_schemas_and_attributes_are_read_too)
{
    struct engine_write write = {.kind = WRITE_ATTRIBUTES};
    struct store_entry entry;
    char expected[64];

    snprintf(expected, sizeof expected, "schema of %zu bytes\n", sizeof schema - 1);
    cr_expect_str_eq(changes_of(1, &entry), expected);
    cr_assert_eq(harness_write_attributes(&side, "set user:ann {\"a\":1}", &write), BEHALF_OK);
    cr_expect_str_eq(changes_of(write.revision, &entry), "+record 5 user:ann{\"a\":1}\n");
    cr_assert_eq(harness_write_attributes(&side, "delete user:ann", &write), BEHALF_OK);
    cr_expect_str_eq(changes_of(write.revision, &entry), "-record 5 user:ann\n");
}

Test(changes, beyond_the_head_and_up_to_the_horizon_are_errors)
{
    uint64_t revision = write_lines("create document:a#viewer@user:ann", "", "").revision;
    struct store_entry entry;

    cr_expect_str_eq(changes_of(revision + 1, &entry), "REVISION_UNKNOWN");
    cr_assert_eq(store_set_horizon(side.store, revision - 1, &error), BEHALF_OK);
    cr_expect_str_eq(changes_of(revision - 1, &entry), "REVISION_EXPIRED");
    cr_expect_str_eq(changes_of(revision, &entry), "+document:a#viewer@user:ann\n");
}

/* --- all changes together are the store --- */

#define EDGES_MAX 256
#define ROUNDS 400

struct model_edge {
    struct edge edge; /* with a context of its own */
    char text[256];
    char context[64];
};

static struct model_edge model[EDGES_MAX];
static size_t model_count;

static size_t
model_find(const struct edge_key *key)
{
    size_t at = 0;

    while (at < model_count && memcmp(&model[at].edge.key, key, sizeof *key) != 0)
        at++;
    return at;
}

static void
model_apply(const struct change *change)
{
    struct model_edge *at = &model[model_find(&change->stored.edge.key)];
    struct buffer text;

    if (change->stored.kind == ENTRY_EDGE_REMOVE) {
        cr_assert_lt(at - model, model_count, "what was removed had not been put");
        *at = model[--model_count];
        at->edge.context.data = at->context;
        return;
    }
    model_count += at == &model[model_count];
    cr_assert_lt(model_count, EDGES_MAX);
    buffer_init(&text);
    relationship_print(&change->relationship, &text);
    cr_assert(text.size < sizeof at->text &&
              change->stored.edge.context.size <= sizeof at->context);
    memcpy(at->text, text.data, text.size + 1);
    at->edge = change->stored.edge;
    if (at->edge.context.size > 0)
        memcpy(at->context, at->edge.context.data, at->edge.context.size);
    at->edge.context.data = at->context;
    buffer_release(&text);
}

/* The store's edges at a revision are exactly those of the model. */
static void
expect_same(uint64_t revision)
{
    const struct edge_range all = {.direction = EDGE_FORWARD, .unbounded = true};
    struct store_scan *scan;
    struct edge edge;
    size_t count = 0;

    cr_assert_eq(store_scan_open(snapshot, revision, &all, &scan, &error), BEHALF_OK);
    while (store_scan_next(scan, &edge, &error) == BEHALF_OK) {
        size_t at = model_find(&edge.key);

        cr_assert_lt(at, model_count, "revision %zu: not among the changes", (size_t)revision);
        cr_assert_eq(model[at].edge.created_revision, edge.created_revision);
        cr_assert_eq(model[at].edge.expires_at, edge.expires_at);
        cr_assert_eq(model[at].edge.caveat, edge.caveat);
        cr_assert(slice_equal(model[at].edge.context, edge.context));
        count++;
    }
    store_scan_close(scan);
    cr_assert_eq(count, model_count, "revision %zu: %zu edges, %zu by the changes",
                 (size_t)revision, count, model_count);
}

static unsigned
pick(unsigned below)
{
    static uint32_t state = 11;

    state = state * 1664525 + 1013904223;
    return (state >> 12) % below;
}

/* A subject with or without a condition. */
static void
print_subject(unsigned form, struct buffer *out)
{
    bool is_user = form % 2 == 0;

    if (form == 1)
        buffer_add_text(out, "user:*");
    else
        buffer_add_format(out, "%s%u%s", is_user ? "user:u" : "group:g", pick(4),
                          is_user ? "" : "#member");
    if (form == 4 || form == 5)
        buffer_add_format(out, "[office:{\"floor\":%u}]", pick(9));
    if (form == 5 || form == 6)
        buffer_add_format(out, "[expiration:2100-01-01T00:%02u:00Z]", 1 + pick(50));
}

static void
write_random(struct buffer *lines)
{
    unsigned first = pick(8);

    buffer_clear(lines);
    for (unsigned line = 0, count = 1 + pick(6); line < count; line++) {
        bool removes = pick(3) == 0;

        buffer_add_format(lines, "%s%s document:d%u#viewer@", line > 0 ? "\n" : "",
                          removes ? "delete" : "touch", (first + line) % 8);
        print_subject(pick(removes ? 4 : 7), lines);
    }
    write_lines(lines->data, pick(2) == 0 ? "" : "loader", "");
}

static void
apply_all(uint64_t from)
{
    store_snapshot_close(snapshot);
    cr_assert_eq(store_snapshot_open(side.store, &snapshot, &error), BEHALF_OK);
    for (uint64_t revision = from; revision <= store_snapshot_head(snapshot); revision++) {
        struct store_entry entry;
        struct change change;
        enum status status = changes_open(&changes, snapshot, revision, &entry, &error);

        while (status == BEHALF_OK &&
               (status = changes_next(&changes, &change, &error)) == BEHALF_OK) {
            status = changes_name(&changes, &change, &error);
            if (change.stored.kind == ENTRY_EDGE_PUT || change.stored.kind == ENTRY_EDGE_REMOVE)
                model_apply(&change);
        }
        cr_assert_eq(status, BEHALF_DONE, "%s", error.message);
        expect_same(revision);
    }
}

Test(changes, of_all_revisions_build_the_relationships_of_each)
{
    struct relationship_filter filter = {.resource_type = SLICE_LITERAL("document")};
    struct relationships_read read = {.filter = filter, .limit = EDGES_MAX};
    struct relationships_read_result result = {.relationship_count = 0};
    struct engine_request request;
    struct buffer text;
    size_t sweeps = 0;

    buffer_init(&text);
    for (int64_t round = 0; round < ROUNDS; round++) {
        if (round % 10 == 9) {
            struct engine_write sweep = {.kind = WRITE_SWEEP};

            harness_set_time(&side, NOW + round * 7 * SECOND);
            cr_assert_eq(harness_submit(&side, &sweep), BEHALF_OK);
            sweeps += sweep.count > 0;
        } else {
            write_random(&text);
        }
    }
    cr_assert_gt(sweeps, 10);
    apply_all(1);
    request = harness_request(&side, NULL);
    cr_assert_eq(engine_relationships_read(side.worker, &request, &read, &result, &error),
                 BEHALF_OK);
    cr_assert_gt(result.relationship_count, 20);
    for (size_t index = 0; index < result.relationship_count; index++) {
        size_t at = 0;

        buffer_clear(&text);
        relationship_print(&result.relationships[index], &text);
        while (at < model_count && strcmp(model[at].text, text.data) != 0)
            at++;
        cr_expect_lt(at, model_count, "%s is not among the changes", text.data);
    }
    buffer_release(&text);
}
