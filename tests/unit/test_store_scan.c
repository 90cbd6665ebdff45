/* Scans that move from part to part, names by node, and the note of a life to the next. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/test_store_support.h"

#define NODES 30
#define SUBJECTS 5

static uint64_t random_state = 7;

static uint64_t
next_random(uint64_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (random_state >> 33) % below;
}

static struct store_snapshot *
snapshot_of(struct store *store)
{
    struct store_snapshot *snapshot = NULL;

    OK(store_snapshot_open(store, &snapshot, &store_error));
    return snapshot;
}

/* --- moving --- */

/* Documents with up to five viewers, some of which were taken away again. */
static void
write_documents(struct store *store)
{
    for (unsigned round = 0; round < 120; round++) {
        struct store_transaction *transaction = store_test_begin(store);
        struct edge_key key;
        char resource[32];
        char subject[32];
        struct store_previous previous;

        (void)snprintf(resource, sizeof resource, "doc:%u", (unsigned)next_random(NODES));
        (void)snprintf(subject, sizeof subject, "user:%u", (unsigned)next_random(SUBJECTS));
        key = store_test_key(transaction, resource, "viewer", subject);
        if (next_random(3) == 0)
            OK(store_transaction_remove(transaction, &key, &previous, &store_error));
        else
            (void)store_test_put(transaction, resource, "viewer", subject);
        (void)store_test_commit(transaction);
    }
}

static struct edge_range
part_of(enum edge_direction direction, uint64_t first, uint64_t last)
{
    struct edge_range range = {.direction = direction};

    if (direction == EDGE_FORWARD) {
        range.from.resource = first;
        range.to.resource = last + 1;
    } else {
        range.from.subject = first;
        range.to.subject = last + 1;
    }
    return range;
}

/* What is left of `moved` in its part is what a scan of its own gives; or some of it, as a reader
 * that has enough. */
static void
expect_part(const struct store_snapshot *snapshot, uint64_t revision, struct store_scan *moved,
            const struct edge_range *part)
{
    struct store_scan *alone;
    bool breaks_off = next_random(4) == 0;
    struct edge edges[2];
    enum status status;

    store_scan_move(moved, part);
    OK(store_scan_open(snapshot, revision, part, &alone, &store_error));
    do {
        status = store_scan_next(alone, &edges[0], &store_error);
        cr_assert_eq(store_scan_next(moved, &edges[1], &store_error), status);
        if (status == BEHALF_OK) {
            cr_assert_eq(edges[0].key.resource, edges[1].key.resource);
            cr_assert_eq(edges[0].key.subject, edges[1].key.subject);
            cr_assert_eq(edges[0].key.relation, edges[1].key.relation);
            cr_assert_eq(edges[0].created_revision, edges[1].created_revision);
        }
    } while (status == BEHALF_OK && !breaks_off);
    cr_assert(status == BEHALF_DONE || breaks_off);
    store_scan_close(alone);
}

static void
expect_parts(struct store *store, enum edge_direction direction, uint64_t type)
{
    struct store_snapshot *snapshot = snapshot_of(store);
    uint64_t head = store_snapshot_head(snapshot);
    struct edge_range all = part_of(direction, type, type + NODES);

    for (unsigned round = 0; round < 60; round++) {
        uint64_t revision = round % 2 == 0 ? head : 1 + next_random(head);
        struct store_scan *moved;

        OK(store_scan_open(snapshot, revision, &all, &moved, &store_error));
        for (uint64_t node = 1 + next_random(3); node <= NODES; node += 1 + next_random(9)) {
            uint64_t last = node + next_random(2);
            struct edge_range part = part_of(direction, type + node, type + last);

            expect_part(snapshot, revision, moved, &part);
            node = last;
        }
        store_scan_close(moved);
    }
    store_snapshot_close(snapshot);
}

static void
expect_both(const char *path)
{
    struct store *store = store_test_open(path);
    struct store_transaction *transaction;
    uint64_t resource;
    uint64_t subject;

    write_documents(store);
    transaction = store_test_begin(store);
    resource = store_test_node(transaction, "doc", "0");
    subject = store_test_node(transaction, "user", "0");
    store_transaction_abort(transaction);
    expect_parts(store, EDGE_FORWARD, NODE_WILDCARD(NODE_TYPE(resource)));
    expect_parts(store, EDGE_REVERSE, NODE_WILDCARD(NODE_TYPE(subject)));
    store_close(store);
}

Test(store_scan, a_scan_that_moves_gives_what_a_scan_of_each_part_gives)
{
    char path[64];

    expect_both(NULL);
    store_test_directory(path);
    expect_both(path);
    store_test_directory_remove(path);
}

/* --- names --- */

Test(store_scan, names_are_given_by_ascending_nodes_and_from_any_on)
{
    struct store *store = store_test_open(NULL);
    struct store_transaction *transaction = store_test_begin(store);
    struct store_snapshot *snapshot;
    struct store_names *names;
    uint64_t nodes[4];
    struct slice id;
    uint64_t node;

    nodes[0] = store_test_node(transaction, "doc", "a");
    nodes[1] = store_test_node(transaction, "doc", "b");
    nodes[2] = store_test_node(transaction, "doc", "c");
    nodes[3] = store_test_node(transaction, "user", "ann");
    (void)store_test_commit(transaction);
    snapshot = snapshot_of(store);
    OK(store_names_open(snapshot, &names, &store_error));
    OK(store_names_next(names, &node, &id, &store_error));
    cr_assert_eq(node, nodes[0], "labels are no nodes");
    cr_assert(slice_equal(id, slice_of("a")));
    store_names_move(names, nodes[2]);
    OK(store_names_next(names, &node, &id, &store_error));
    cr_assert_eq(node, nodes[2]);
    OK(store_names_next(names, &node, &id, &store_error));
    cr_assert_eq(node, nodes[3]);
    cr_assert(slice_equal(id, slice_of("ann")));
    FAILS(store_names_next(names, &node, &id, &store_error), BEHALF_DONE);
    store_names_close(names);
    store_snapshot_close(snapshot);
    store_close(store);
}

/* --- the note --- */

static char path[64];

static void
make_path(void)
{
    store_test_directory(path);
}

static void
remove_path(void)
{
    store_test_directory_remove(path);
}

static enum status
note_of(struct store *store, struct buffer *note, bool *found)
{
    buffer_clear(note);
    return store_read_note(store, note, found, &store_error);
}

Test(store_scan, a_note_is_found_by_the_next_life_of_the_store, .init = make_path,
     .fini = remove_path)
{
    struct store *store = store_test_open(path);
    struct buffer note;
    bool found;

    buffer_init(&note);
    OK(note_of(store, &note, &found));
    cr_assert_not(found);
    OK(store_leave_note(store, SLICE_LITERAL("first"), &store_error));
    OK(store_leave_note(store, SLICE_LITERAL("second"), &store_error));
    store_close(store);
    store = store_test_open(path);
    OK(note_of(store, &note, &found));
    cr_assert(found);
    cr_assert(slice_equal(buffer_slice(&note), slice_of("second")));
    OK(store_leave_note(store, SLICE_LITERAL(""), &store_error));
    OK(note_of(store, &note, &found));
    cr_assert(found);
    cr_assert_eq(note.size, 0);
    store_close(store);
    buffer_release(&note);
}

/* Each byte of the file, wrong or the last one. */
Test(store_scan, a_damaged_note_is_told_from_a_whole_one, .init = make_path, .fini = remove_path)
{
    struct store *store = store_test_open(path);
    struct buffer note;
    char file[128];
    char whole[24];
    bool found;
    int opened;

    buffer_init(&note);
    (void)snprintf(file, sizeof file, "%s/NOTE", path);
    OK(store_leave_note(store, SLICE_LITERAL("12345678"), &store_error));
    opened = open(file, O_RDWR | O_CLOEXEC);
    cr_assert_eq(read(opened, whole, sizeof whole), (ssize_t)sizeof whole);
    for (size_t at = 0; at < sizeof whole; at++) {
        char wrong = (char)(whole[at] ^ 1);

        cr_assert_eq(pwrite(opened, &wrong, 1, (off_t)at), 1);
        FAILS(note_of(store, &note, &found), BEHALF_STORAGE_CORRUPT);
        cr_assert_not(found);
        cr_assert_eq(note.size, 0);
        cr_assert_eq(pwrite(opened, &whole[at], 1, (off_t)at), 1);
    }
    OK(note_of(store, &note, &found));
    for (size_t size = sizeof whole; size-- > 0;) {
        cr_assert_eq(ftruncate(opened, (off_t)size), 0);
        FAILS(note_of(store, &note, &found), BEHALF_STORAGE_CORRUPT);
    }
    (void)close(opened);
    store_close(store);
    buffer_release(&note);
}

Test(store_scan, a_note_that_cannot_be_written_leaves_the_old_one, .init = make_path,
     .fini = remove_path)
{
    struct store *store = store_test_open(path);
    struct buffer note;
    char in_the_way[128];
    bool found;

    buffer_init(&note);
    OK(store_leave_note(store, SLICE_LITERAL("old"), &store_error));
    (void)snprintf(in_the_way, sizeof in_the_way, "%s/NOTE.new", path);
    cr_assert_eq(mkdir(in_the_way, 0700), 0);
    FAILS(store_leave_note(store, SLICE_LITERAL("new"), &store_error), BEHALF_STORAGE_FAILED);
    cr_assert_not_null(strstr(store_error.message, "NOTE.new"), "%s", store_error.message);
    OK(note_of(store, &note, &found));
    cr_assert(slice_equal(buffer_slice(&note), slice_of("old")));
    cr_assert_eq(rmdir(in_the_way), 0);
    store_close(store);
    buffer_release(&note);
}

Test(store_scan, a_store_in_memory_keeps_no_note)
{
    struct store *store = store_test_open(NULL);
    struct buffer note;
    bool found;

    buffer_init(&note);
    OK(store_leave_note(store, SLICE_LITERAL("lost"), &store_error));
    OK(note_of(store, &note, &found));
    cr_assert_not(found);
    store_close(store);
    buffer_release(&note);
}
