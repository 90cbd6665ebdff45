/* store_model.c - random histories of a store against a model that keeps every state it had.
 * Always true: the model is an array of edges and one of records per revision, and shares no code
 * with the store. A
 * world runs in memory, one in a hundred on disk with restarts in between. BEHALF_SEED=n replays
 * one world, BEHALF_WORLDS=n says how many run. */
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "storage/store_internal.h"

#define OBJECTS 5
#define SUBJECTS 4
#define RELATIONS 2
#define SUBJECT_RELATIONS 2 /* none and one */
#define CELLS (OBJECTS * RELATIONS * SUBJECTS * SUBJECT_RELATIONS)
#define RECORDS 8
#define PRINCIPALS 2
#define REVISIONS_MAX 40
#define DISK_WORLD_EACH 100

struct cell {
    uint64_t created; /* 0 = no edge */
    int64_t expires_at;
    uint16_t caveat;
    uint8_t context;
};

struct record_cell {
    uint64_t created; /* 0 = no record */
    int64_t ends;     /* 0 = never */
    uint64_t principal;
    uint8_t body;
};

/* Each cell is one record; sessions and grants are indexed. */
static const enum record_kind record_kinds[RECORDS] = {
    RECORD_SESSION, RECORD_SESSION, RECORD_SESSION, RECORD_GRANT,
    RECORD_GRANT,   RECORD_USES,    RECORD_STOP,    RECORD_ATTRIBUTES,
};

struct world {
    uint64_t seed;
    uint64_t random;
    char path[64]; /* empty = in memory */
    struct store *store;
    uint16_t document;
    uint16_t user;
    uint16_t relations[RELATIONS];
    uint16_t caveat;
    uint64_t objects[OBJECTS];
    uint64_t subjects[SUBJECTS];
    uint64_t revision;
    uint64_t horizon;
    struct store *copy;        /* made from the changelog alone */
    uint64_t schema_revisions; /* bit r: revision r wrote a schema */
    struct cell states[REVISIONS_MAX + 1][CELLS];
    struct record_cell records[REVISIONS_MAX + 1][RECORDS];
    int64_t clock;
};

static uint64_t
next(struct world *world)
{
    uint64_t z = world->random += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static uint64_t
below(struct world *world, uint64_t bound)
{
    return next(world) % bound;
}

static _Noreturn void
fail(const struct world *world, const char *what, const struct error *error)
{
    fprintf(stderr,
            "store_model: %s at revision %" PRIu64 "%s%s; replay with BEHALF_SEED=%" PRIu64 "\n",
            what, world->revision, error != NULL ? ": " : "", error != NULL ? error->message : "",
            world->seed);
    abort();
}

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != BEHALF_OK)                                                                   \
            fail(world, #call, &error);                                                            \
    } while (0)

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail(world, #condition, NULL);                                                         \
    } while (0)

static struct edge_key
cell_key(const struct world *world, size_t cell)
{
    struct edge_key key;

    key.subject_relation = cell % 2 == 0 ? LABEL_NONE : world->relations[0];
    cell /= SUBJECT_RELATIONS;
    key.subject = world->subjects[cell % SUBJECTS];
    cell /= SUBJECTS;
    key.relation = world->relations[cell % RELATIONS];
    key.resource = world->objects[cell / RELATIONS];
    if (NODE_IS_WILDCARD(key.subject))
        key.subject_relation = LABEL_NONE;
    return key;
}

/* The wildcard has no relations: its odd cells name the same edge as its even ones. */
static bool
cell_real(const struct world *world, size_t cell)
{
    return cell % 2 == 0 || !NODE_IS_WILDCARD(world->subjects[cell / SUBJECT_RELATIONS % SUBJECTS]);
}

static void
world_open(struct world *world)
{
    const struct store_options options = {
        .path = world->path[0] != '\0' ? world->path : NULL,
        .env = env_system(),
    };
    struct error error = {.message = ""};

    MUST(store_open(&options, &world->store, &error));
}

/* --- the model's side of a read --- */

static int
key_compare(enum edge_direction direction, const struct edge_key *a, const struct edge_key *b)
{
    const uint64_t left[4] = {direction == EDGE_FORWARD ? a->resource : a->subject,
                              direction == EDGE_FORWARD ? a->relation : a->subject_relation,
                              direction == EDGE_FORWARD ? a->subject_relation : a->relation,
                              direction == EDGE_FORWARD ? a->subject : a->resource};
    const uint64_t right[4] = {direction == EDGE_FORWARD ? b->resource : b->subject,
                               direction == EDGE_FORWARD ? b->relation : b->subject_relation,
                               direction == EDGE_FORWARD ? b->subject_relation : b->relation,
                               direction == EDGE_FORWARD ? b->subject : b->resource};

    for (size_t index = 0; index < 4; index++) {
        if (left[index] != right[index])
            return left[index] < right[index] ? -1 : 1;
    }
    return 0;
}

static void
edge_expect(struct world *world, const struct edge *edge, const struct cell *cell)
{
    EXPECT(edge->created_revision == cell->created);
    EXPECT(edge->expires_at == cell->expires_at);
    EXPECT(edge->caveat == cell->caveat);
    EXPECT(edge->context.size == (cell->context != 0 ? 1 : 0));
    EXPECT(cell->context == 0 || (uint8_t)edge->context.data[0] == cell->context);
}

static size_t
cell_of(const struct world *world, const struct edge_key *key)
{
    for (size_t cell = 0; cell < CELLS; cell++) {
        struct edge_key own = cell_key(world, cell);

        if (cell_real(world, cell) && key_compare(EDGE_FORWARD, key, &own) == 0)
            return cell;
    }
    fail(world, "an edge that was never written", NULL);
}

static void
scan_check(struct world *world, const struct store_snapshot *snapshot, uint64_t revision,
           const struct edge_range *range)
{
    struct error error = {.message = ""};
    struct store_scan *scan;
    struct edge edge;
    struct edge_key last = {.resource = 0};
    size_t expected = 0;
    size_t count = 0;
    enum status status;

    for (size_t cell = 0; cell < CELLS; cell++) {
        struct edge_key key = cell_key(world, cell);

        if (cell_real(world, cell) && world->states[revision][cell].created != 0 &&
            key_compare(range->direction, &key, &range->from) >= 0 &&
            (range->unbounded || key_compare(range->direction, &key, &range->to) < 0))
            expected++;
    }
    MUST(store_scan_open(snapshot, revision, range, &scan, &error));
    while ((status = store_scan_next(scan, &edge, &error)) == BEHALF_OK) {
        EXPECT(count == 0 || key_compare(range->direction, &last, &edge.key) < 0);
        EXPECT(key_compare(range->direction, &edge.key, &range->from) >= 0);
        edge_expect(world, &edge, &world->states[revision][cell_of(world, &edge.key)]);
        last = edge.key;
        count++;
    }
    EXPECT(status == BEHALF_DONE);
    EXPECT(count == expected);
    store_scan_close(scan);
}

static void
find_check(struct world *world, const struct store_snapshot *snapshot, uint64_t revision)
{
    size_t cell = below(world, CELLS);
    struct edge_key key = cell_key(world, cell);
    struct error error = {.message = ""};
    struct edge edge;
    struct buffer context;
    bool found;

    if (!cell_real(world, cell))
        return;
    buffer_init(&context);
    MUST(store_edge_find(snapshot, revision, &key, &edge, &context, &found, &error));
    EXPECT(found == (world->states[revision][cell].created != 0));
    if (found)
        edge_expect(world, &edge, &world->states[revision][cell]);
    buffer_release(&context);
}

static void
schema_check(struct world *world, const struct store_snapshot *snapshot, uint64_t revision)
{
    struct error error = {.message = ""};
    struct buffer text;
    uint64_t written = revision;
    uint64_t stored;
    char expected[32];
    enum status status;

    while (written > 0 && (world->schema_revisions >> written & 1) == 0)
        written--;
    buffer_init(&text);
    status = store_schema_read(snapshot, revision, &text, &stored, &error);
    EXPECT(status == (written > 0 ? BEHALF_OK : BEHALF_NO_SCHEMA));
    if (status == BEHALF_OK) {
        (void)snprintf(expected, sizeof expected, "schema %" PRIu64, written);
        EXPECT(stored == written);
        EXPECT(slice_equal(buffer_slice(&text), slice_of(expected)));
    }
    buffer_release(&text);
}

/* --- records --- */

static struct store_record_key
record_key(size_t cell)
{
    struct store_record_key key = {.kind = record_kinds[cell], .id_size = 16};

    if (key.kind == RECORD_STOP)
        key.id_size = 17;
    if (key.kind == RECORD_ATTRIBUTES)
        key.id_size = 8;
    memset(key.id, (int)(0xF9 + cell), key.id_size);
    return key;
}

static size_t
record_of(struct world *world, const struct store_record_key *key)
{
    for (size_t cell = 0; cell < RECORDS; cell++) {
        struct store_record_key own = record_key(cell);

        if (own.kind == key->kind && memcmp(own.id, key->id, sizeof own.id) == 0)
            return cell;
    }
    fail(world, "a record that was never written", NULL);
}

/* The bytes by which a cell is indexed: principal and end, of a grant the session in place of the
 * principal. */
static struct slice
record_entry(size_t cell, const struct record_cell *record, char bytes[24])
{
    size_t front = record_kinds[cell] == RECORD_GRANT ? 16 : 8;

    memset(bytes, 0, 24);
    bytes[front - 1] = (char)record->principal;
    store_time_encode(record->ends, bytes + front);
    return (struct slice){bytes, front + 8};
}

static void
record_find_check(struct world *world, const struct store_snapshot *snapshot, uint64_t revision)
{
    size_t cell = below(world, RECORDS);
    bool newest = record_kinds[cell] == RECORD_USES;
    const struct record_cell *model = &world->records[newest ? world->revision : revision][cell];
    struct store_record_key key = record_key(cell);
    struct error error = {.message = ""};
    struct store_record record;
    struct buffer bytes;
    bool found;

    buffer_init(&bytes);
    MUST(store_record_find(snapshot, revision, &key, &record, &bytes, &found, &error));
    EXPECT(found == (model->created != 0));
    if (found) {
        EXPECT(record.created_revision == model->created && record.ends == model->ends);
        EXPECT(record.body.size == 1 && (uint8_t)record.body.data[0] == model->body);
    }
    buffer_release(&bytes);
}

static enum record_index
index_of(enum record_kind kind)
{
    return kind == RECORD_GRANT ? RECORD_INDEX_SESSION : RECORD_INDEX_PRINCIPAL;
}

/* A scan of one principal gives its sessions (of one session its grants) by their ends, from a
 * random end on. */
static void
record_scan_check(struct world *world, const struct store_snapshot *snapshot)
{
    enum record_kind kind = below(world, 2) == 0 ? RECORD_SESSION : RECORD_GRANT;
    const struct record_cell from = {.principal = below(world, PRINCIPALS),
                                     .ends = (int64_t)below(world, 4)};
    size_t some_cell = kind == RECORD_GRANT ? 3 : 0;
    struct error error = {.message = ""};
    struct store_record_scan *scan;
    struct store_record_key key;
    struct slice entry;
    char bytes[24];
    struct slice first = record_entry(some_cell, &from, bytes);
    int64_t last = INT64_MIN;
    size_t expected = 0;
    size_t count = 0;
    enum status status;

    for (size_t cell = 0; cell < RECORDS; cell++) {
        const struct record_cell *model = &world->records[world->revision][cell];

        if (record_kinds[cell] == kind && model->created != 0 &&
            model->principal == from.principal && model->ends >= from.ends)
            expected++;
    }
    MUST(store_record_scan_open(snapshot, index_of(kind), (struct slice){bytes, first.size - 8},
                                first, &scan, &error));
    while ((status = store_record_scan_next(scan, &key, &entry, &error)) == BEHALF_OK) {
        size_t cell = record_of(world, &key);
        const struct record_cell *model = &world->records[world->revision][cell];

        EXPECT(model->created != 0 && model->principal == from.principal);
        EXPECT(model->ends >= from.ends && model->ends >= last);
        last = model->ends;
        count++;
    }
    EXPECT(status == BEHALF_DONE && count == expected);
    store_record_scan_close(scan);
}

static void
record_write(struct world *world, struct store_transaction *transaction, size_t cell,
             struct record_cell *model)
{
    struct store_record record = {.key = record_key(cell)};
    struct error error = {.message = ""};
    char entry[24];
    char body;

    if (below(world, 3) == 0) {
        MUST(store_transaction_record_remove(transaction, &record.key, &error));
        model->created = 0;
        return;
    }
    *model = (struct record_cell){.created = world->revision + 1,
                                  .ends = (int64_t)below(world, 4),
                                  .principal = below(world, PRINCIPALS),
                                  .body = (uint8_t)below(world, 3)};
    body = (char)model->body;
    record.ends = model->ends;
    record.body = (struct slice){&body, 1};
    if (record.key.kind == RECORD_SESSION || record.key.kind == RECORD_GRANT) {
        record.entries[0].index = index_of(record.key.kind);
        record.entries[0].bytes = record_entry(cell, model, entry);
        record.entry_count = 1;
    }
    MUST(store_transaction_record_put(transaction, &record, &error));
}

static void
records_write(struct world *world, struct store_transaction *transaction,
              struct record_cell after[RECORDS])
{
    for (size_t cell = 0; cell < RECORDS; cell++) {
        if (below(world, 6) == 0)
            record_write(world, transaction, cell, &after[cell]);
    }
}

/* The records that have ended are listed, earliest first, and leave with the sweep. */
static void
records_sweep(struct world *world, struct store_transaction *transaction, int64_t now,
              struct record_cell after[RECORDS])
{
    struct error error = {.message = ""};
    struct store_record_key keys[RECORDS];
    int64_t last = INT64_MIN;
    size_t ended = 0;
    size_t count = 0;

    for (size_t cell = 0; cell < RECORDS; cell++)
        ended += after[cell].created != 0 && after[cell].ends != 0 && after[cell].ends <= now;
    MUST(store_records_ended(store_transaction_snapshot(transaction), now, keys, RECORDS, &count,
                             &error));
    EXPECT(count == ended);
    for (size_t index = 0; index < count; index++) {
        struct record_cell *model = &after[record_of(world, &keys[index])];

        EXPECT(model->created != 0 && model->ends != 0 && model->ends <= now);
        EXPECT(model->ends >= last);
        last = model->ends;
        model->created = 0;
        MUST(store_transaction_record_remove(transaction, &keys[index], &error));
    }
}

/* What is in no revision must not show in the copy. */
static void
sessions_see(struct world *world)
{
    struct error error = {.message = ""};
    struct store_seen seen = {.time_ns = (int64_t)below(world, 100)};
    size_t cell = below(world, 3);
    struct store_record_key key = record_key(cell);
    int64_t time_ns;
    bool found;

    memcpy(seen.session, key.id, sizeof seen.session);
    MUST(store_set_seen(world->store, &seen, 1, &error));
    MUST(store_seen_read(world->store, key.id, &time_ns, &found, &error));
    EXPECT(found == (world->records[world->revision][cell].created != 0));
    EXPECT(!found || time_ns == seen.time_ns);
}

static void
reads_check(struct world *world)
{
    struct store_snapshot *snapshot;
    struct error error = {.message = ""};
    uint64_t span;

    MUST(store_snapshot_open(world->store, &snapshot, &error));
    EXPECT(store_snapshot_head(snapshot) == world->revision);
    span = world->revision - world->horizon + 1;
    for (size_t round = 0; round < 4; round++) {
        uint64_t revision = world->horizon + below(world, span);
        struct edge_range range = {.direction = below(world, 2) == 0 ? EDGE_FORWARD : EDGE_REVERSE,
                                   .unbounded = below(world, 3) == 0};

        if (below(world, 2) == 0)
            range.from = cell_key(world, below(world, CELLS));
        range.to = cell_key(world, below(world, CELLS));
        if (key_compare(range.direction, &range.from, &range.to) <= 0 || range.unbounded)
            scan_check(world, snapshot, revision, &range);
        find_check(world, snapshot, revision);
        schema_check(world, snapshot, revision);
        record_find_check(world, snapshot, revision);
        record_scan_check(world, snapshot);
    }
    if (world->horizon > 0) {
        struct edge_range all = {.direction = EDGE_FORWARD, .unbounded = true};
        struct store_scan *scan;

        EXPECT(store_scan_open(snapshot, world->horizon - 1, &all, &scan, &error) ==
               BEHALF_REVISION_EXPIRED);
    }
    store_snapshot_close(snapshot);
}

/* --- writing --- */

static void
names_make(struct world *world, struct store_transaction *transaction)
{
    struct error error = {.message = ""};
    char name[32];

    MUST(store_transaction_label(transaction, LABEL_TYPE, SLICE_LITERAL("document"),
                                 &world->document, &error));
    MUST(store_transaction_label(transaction, LABEL_TYPE, SLICE_LITERAL("user"), &world->user,
                                 &error));
    MUST(store_transaction_label(transaction, LABEL_CAVEAT, SLICE_LITERAL("during"), &world->caveat,
                                 &error));
    for (size_t index = 0; index < RELATIONS; index++) {
        (void)snprintf(name, sizeof name, "relation%zu", index);
        MUST(store_transaction_label(transaction, LABEL_RELATION, slice_of(name),
                                     &world->relations[index], &error));
    }
    for (size_t index = 0; index < OBJECTS; index++) {
        (void)snprintf(name, sizeof name, "d%zu", index);
        MUST(store_transaction_node(transaction, world->document, slice_of(name),
                                    &world->objects[index], &error));
    }
    world->subjects[0] = NODE_WILDCARD(world->user);
    for (size_t index = 1; index < SUBJECTS; index++) {
        (void)snprintf(name, sizeof name, "u%zu", index);
        MUST(store_transaction_node(transaction, world->user, slice_of(name),
                                    &world->subjects[index], &error));
    }
}

static void
cell_write(struct world *world, struct store_transaction *transaction, size_t index,
           const struct cell *before, struct cell *cell)
{
    struct error error = {.message = ""};
    struct edge edge = {.key = cell_key(world, index)};
    char context;
    struct store_previous previous;

    if (below(world, 3) == 0) {
        MUST(store_transaction_remove(transaction, &edge.key, &previous, &error));
        EXPECT(previous.existed == (before->created != 0));
        cell->created = 0;
        return;
    }
    cell->expires_at = below(world, 3) == 0 ? (int64_t)below(world, 3) + 1 : 0;
    cell->caveat = below(world, 3) == 0 ? world->caveat : LABEL_NONE;
    cell->context = cell->caveat != LABEL_NONE ? (uint8_t)below(world, 3) : 0;
    context = (char)cell->context;
    edge.expires_at = cell->expires_at;
    edge.caveat = cell->caveat;
    edge.context = (struct slice){&context, cell->context != 0 ? 1 : 0};
    MUST(store_transaction_put(transaction, &edge, &previous, &error));
    EXPECT(previous.existed == (before->created != 0));
    /* An edge that is exactly so already keeps its revision. */
    if (before->created == 0 || before->expires_at != cell->expires_at ||
        before->caveat != cell->caveat || before->context != cell->context)
        cell->created = world->revision + 1;
}

static void
transaction_run(struct world *world)
{
    struct error error = {.message = ""};
    struct store_transaction *transaction;
    const struct cell *before = world->states[world->revision];
    struct cell after[CELLS];
    struct record_cell records[RECORDS];
    bool touched[CELLS] = {false};
    bool schema = below(world, 8) == 0;
    uint64_t revision;
    char text[32];

    memcpy(after, before, sizeof after);
    memcpy(records, world->records[world->revision], sizeof records);
    MUST(store_transaction_begin(world->store, &transaction, &error));
    if (world->objects[0] == 0 || below(world, 10) == 0)
        names_make(world, transaction);
    for (size_t count = below(world, 12); count > 0; count--) {
        size_t cell = below(world, CELLS);

        if (touched[cell] || !cell_real(world, cell))
            continue;
        touched[cell] = true;
        cell_write(world, transaction, cell, &before[cell], &after[cell]);
    }
    (void)snprintf(text, sizeof text, "schema %" PRIu64, world->revision + 1);
    if (schema)
        MUST(store_transaction_schema(transaction, slice_of(text), &error));
    records_write(world, transaction, records);
    if (below(world, 4) == 0)
        store_transaction_metadata(transaction, slice_of(text));
    if (below(world, 4) == 0)
        store_transaction_caller(transaction, SLICE_LITERAL("console"));
    if (below(world, 4) == 0)
        store_transaction_request(transaction, slice_of(text), (const uint8_t[DIGEST_SIZE]){7});
    if (world->revision > 0 && below(world, 6) == 0) {
        store_transaction_abort(transaction);
        return;
    }
    world->clock += (int64_t)below(world, 1000) - 100; /* steps back now and then */
    MUST(store_transaction_commit(transaction, world->clock, &revision, &error));
    EXPECT(revision == world->revision + 1);
    world->revision = revision;
    memcpy(world->states[revision], after, sizeof after);
    memcpy(world->records[revision], records, sizeof records);
    if (schema)
        world->schema_revisions |= UINT64_C(1) << revision;
}

/* The index of expirations gives exactly the model's expired cells, in the order of time; a sweep
 * removes them, and the records that have ended. */
static void
sweep_run(struct world *world)
{
    struct error error = {.message = ""};
    int64_t now = (int64_t)below(world, 4);
    struct store_transaction *transaction;
    struct cell after[CELLS];
    struct record_cell records[RECORDS];
    struct edge_key keys[CELLS];
    size_t expired = 0;
    size_t count = 0;
    uint64_t revision;

    memcpy(after, world->states[world->revision], sizeof after);
    for (size_t cell = 0; cell < CELLS; cell++) {
        if (after[cell].created == 0 || after[cell].expires_at == 0 || after[cell].expires_at > now)
            continue;
        after[cell].created = 0;
        expired++;
    }
    MUST(store_transaction_begin(world->store, &transaction, &error));
    MUST(store_expired(store_transaction_snapshot(transaction), now, keys, CELLS, &count, &error));
    EXPECT(count == expired);
    for (size_t index = 0; index < count; index++) {
        struct store_previous previous = {.existed = false};

        MUST(store_transaction_remove(transaction, &keys[index], &previous, &error));
        EXPECT(previous.existed);
    }
    memcpy(records, world->records[world->revision], sizeof records);
    records_sweep(world, transaction, now, records);
    store_transaction_sweep(transaction, now);
    MUST(store_transaction_commit(transaction, world->clock, &revision, &error));
    world->revision = revision;
    memcpy(world->states[revision], after, sizeof after);
    memcpy(world->records[revision], records, sizeof records);
}

/* --- the same bytes after a replay --- */

static bool
is_local(struct slice key)
{
    return slice_equal(key, META_INCARNATION) || slice_equal(key, META_STOPPED) ||
           slice_equal(key, META_SECRET) || slice_equal(key, META_HORIZON) ||
           slice_equal(key, META_CLOCK);
}

static enum status
next_shared(struct kv_scan *scan, struct slice *key, struct slice *value)
{
    enum status status;

    do
        status = kv_scan_next(scan, key, value, NULL);
    while (status == BEHALF_OK && is_local(*key));
    return status;
}

static void
families_compare(struct world *world, struct store *copy)
{
    struct error error = {.message = ""};

    for (size_t index = 0; index < KV_KEYSPACE_COUNT; index++) {
        struct kv_range range = {.keyspace = (enum kv_keyspace)index};
        struct kv_scan *scans[2];
        struct slice keys[2];
        struct slice values[2];
        enum status left;

        if (world->horizon > 0 && (index == KV_HISTORY || index == KV_CHANGELOG))
            continue; /* part of it was dropped on one side */
        if (index == KV_SEEN)
            continue; /* of one store alone */
        MUST(kv_scan_open(world->store->kv, NULL, &range, &scans[0], &error));
        MUST(kv_scan_open(copy->kv, NULL, &range, &scans[1], &error));
        do {
            left = next_shared(scans[0], &keys[0], &values[0]);
            EXPECT(left == next_shared(scans[1], &keys[1], &values[1]));
            EXPECT(left != BEHALF_OK || slice_equal(keys[0], keys[1]));
            EXPECT(left != BEHALF_OK || slice_equal(values[0], values[1]));
        } while (left == BEHALF_OK);
        kv_scan_close(scans[0]);
        kv_scan_close(scans[1]);
    }
}

/* The copy takes each entry before the horizon can pass it. */
static void
copy_follow(struct world *world)
{
    struct error error = {.message = ""};
    struct store_snapshot *snapshot;
    struct buffer entry;

    buffer_init(&entry);
    MUST(store_snapshot_open(world->store, &snapshot, &error));
    for (uint64_t revision = store_head_revision(world->copy) + 1; revision <= world->revision;
         revision++) {
        MUST(store_changelog_read(snapshot, revision, &entry, &error));
        MUST(store_replay(world->copy, buffer_slice(&entry), &error));
    }
    store_snapshot_close(snapshot);
    buffer_release(&entry);
}

static void
copy_check(struct world *world)
{
    struct error error = {.message = ""};

    families_compare(world, world->copy);
    MUST(store_verify(world->copy, &error));
    store_close(world->copy);
}

/* --- the horizon --- */

static int64_t
time_of(struct world *world, uint64_t revision)
{
    struct error error = {.message = ""};
    struct changelog_reader reader;
    struct changelog_header header;
    struct store_snapshot *snapshot;
    struct buffer entry;

    buffer_init(&entry);
    MUST(store_snapshot_open(world->copy, &snapshot, &error));
    MUST(store_changelog_read(snapshot, revision, &entry, &error));
    MUST(changelog_open(buffer_slice(&entry), &reader, &header, &error));
    store_snapshot_close(snapshot);
    buffer_release(&entry);
    return header.time_ns;
}

/* The newest revision committed by a time, unless when it began is no longer known. */
static void
time_check(struct world *world, const struct store_snapshot *snapshot, int64_t time_ns)
{
    struct error error = {.message = ""};
    uint64_t expected = world->revision;
    uint64_t revision = 0;
    enum status status = store_revision_at(snapshot, time_ns, &revision, &error);

    while (expected > 0 && time_of(world, expected) > time_ns)
        expected--;
    if (world->horizon > 0 && expected <= world->horizon && expected < world->revision)
        EXPECT(status == BEHALF_REVISION_EXPIRED);
    else
        EXPECT(status == BEHALF_OK && revision == expected);
}

/* By the time at which a revision was committed: of those with the same time, the newest is the
 * state that was in force. */
static void
horizon_move(struct world *world)
{
    struct error error = {.message = ""};
    struct store_snapshot *snapshot;
    struct buffer entry;
    uint64_t wanted = world->horizon + below(world, world->revision - world->horizon + 1);
    int64_t since = wanted == 0 ? INT64_MIN : time_of(world, wanted);

    while (wanted > 0 && wanted < world->revision && time_of(world, wanted + 1) == since)
        wanted++;
    MUST(store_trim_history(world->store, since, UINT64_MAX, &error));
    wanted -= wanted > world->horizon; /* whose entry says when it began */
    EXPECT(store_horizon(world->store) == wanted);
    world->horizon = wanted;
    buffer_init(&entry);
    MUST(store_snapshot_open(world->store, &snapshot, &error));
    for (uint64_t revision = 1; revision <= world->revision; revision++)
        EXPECT(store_changelog_read(snapshot, revision, &entry, &error) ==
               (revision <= wanted ? BEHALF_REVISION_EXPIRED : BEHALF_OK));
    for (uint64_t revision = 1; revision <= world->revision; revision++)
        time_check(world, snapshot, time_of(world, revision));
    store_snapshot_close(snapshot);
    buffer_release(&entry);
    MUST(store_verify(world->store, &error));
}

/* --- worlds --- */

static int
remove_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about;
    (void)type;
    (void)walk;
    return remove(path);
}

static void
world_run(uint64_t seed, bool disk)
{
    struct world *world = memory_new(sizeof *world);
    struct error error = {.message = ""};
    uint64_t steps;

    world->seed = seed;
    world->random = seed;
    world->clock = 1000000;
    if (disk) {
        (void)snprintf(world->path, sizeof world->path, "/tmp/behalf-model-XXXXXX");
        EXPECT(mkdtemp(world->path) != NULL);
    }
    MUST(store_open(&(struct store_options){.env = env_system()}, &world->copy, &error));
    world_open(world);
    steps = 5 + below(world, REVISIONS_MAX - 5);
    for (uint64_t step = 0; step < steps; step++) {
        if (world->revision > 0 && below(world, 6) == 0)
            sweep_run(world);
        else
            transaction_run(world);
        copy_follow(world);
        reads_check(world);
        if (below(world, 4) == 0)
            sessions_see(world);
        if (below(world, 10) == 0)
            MUST(store_sync(world->store, &error));
        if (below(world, 20) == 0)
            horizon_move(world);
        if (disk && below(world, 8) == 0) {
            store_close(world->store);
            world_open(world);
        }
    }
    MUST(store_verify(world->store, &error));
    copy_check(world);
    store_close(world->store);
    if (disk)
        EXPECT(nftw(world->path, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
    memory_free(world);
}

int
main(void)
{
    const char *seed_text = getenv("BEHALF_SEED");
    const char *worlds_text = getenv("BEHALF_WORLDS");
    uint64_t worlds = worlds_text != NULL ? strtoull(worlds_text, NULL, 10) : 200;
    uint64_t seed;

    if (seed_text != NULL) {
        seed = strtoull(seed_text, NULL, 10);
        world_run(seed, seed % DISK_WORLD_EACH == 0);
        printf("store_model: seed %" PRIu64 " passed\n", seed);
        return 0;
    }
    env_system()->random_bytes(NULL, &seed, sizeof seed);
    seed >>= 16;
    printf("store_model: %" PRIu64 " worlds from BEHALF_SEED=%" PRIu64 "\n", worlds, seed);
    (void)fflush(stdout);
    for (uint64_t index = 0; index < worlds; index++)
        world_run(seed + index, (seed + index) % DISK_WORLD_EACH == 0);
    printf("store_model: passed\n");
    return 0;
}
