/* test_writer_support.c - see the header. */
#include "tests/unit/test_writer_support.h"

#include <criterion/criterion.h>

#include "base/memory.h"
#include "storage/kv_adapter.h"
#include "storage/store_internal.h"

const char rig_schema[] = "definition user {}\n"
                          "definition agent {}\n"
                          "definition group {\n"
                          "    relation member: user | group#member\n"
                          "    permission everyone = member\n"
                          "}\n"
                          "definition folder {\n"
                          "    relation viewer: user\n"
                          "}\n"
                          "definition document {\n"
                          "    relation parent: folder\n"
                          "    relation viewer: user | user:* | group#member | group#everyone\n"
                          "    relation editor: user\n"
                          "    permission view = viewer + editor + parent->viewer\n"
                          "}\n";

/* --- storage that fails on demand --- */

struct rig_storage {
    struct kv kv; /* first: kv.c dispatches on it */
    struct kv *inner;
    atomic_bool fail_syncs;
    atomic_bool fail_writes;
    atomic_uint syncs;
    atomic_uint edge_reads;
};

static struct rig_storage *
storage_of(struct kv *kv)
{
    return (struct rig_storage *)(void *)kv;
}

static void
pass_close(struct kv *kv)
{
    kv_close(storage_of(kv)->inner);
}

static void
pass_drop_hint(struct kv *kv, enum kv_keyspace keyspace, uint64_t horizon)
{
    kv_drop_hint(storage_of(kv)->inner, keyspace, horizon);
}

static void
pass_compact(struct kv *kv, enum kv_keyspace keyspace, struct slice from, struct slice to,
             uint64_t bytes_max)
{
    kv_compact(storage_of(kv)->inner, keyspace, from, to, bytes_max);
}

static enum status
pass_snapshot_open(struct kv *kv, struct kv_snapshot **snapshot, struct error *error)
{
    return kv_snapshot_open(storage_of(kv)->inner, snapshot, error);
}

static enum status
pass_get(struct kv *kv, const struct kv_snapshot *snapshot, enum kv_keyspace keyspace,
         struct slice key, struct buffer *value, bool *found, struct error *error)
{
    if (keyspace == KV_FORWARD)
        atomic_fetch_add(&storage_of(kv)->edge_reads, 1);
    return kv_get(storage_of(kv)->inner, snapshot, keyspace, key, value, found, error);
}

static enum status
pass_get_batch(struct kv *kv, const struct kv_snapshot *snapshot, enum kv_keyspace keyspace,
               const struct slice *keys, size_t count, struct kv_found *found, struct arena *arena,
               struct error *error)
{
    if (keyspace == KV_FORWARD)
        atomic_fetch_add(&storage_of(kv)->edge_reads, (unsigned)count);
    return kv_get_batch(storage_of(kv)->inner, snapshot, keyspace, keys, count, found, arena,
                        error);
}

static enum status
pass_scan_open(struct kv *kv, const struct kv_snapshot *snapshot, const struct kv_range *range,
               struct kv_scan **scan, struct error *error)
{
    return kv_scan_open(storage_of(kv)->inner, snapshot, range, scan, error);
}

static enum status
pass_write(struct kv *kv, const struct kv_change *changes, size_t count, bool durable,
           struct error *error)
{
    if (atomic_load(&storage_of(kv)->fail_writes))
        return error_set(error, BEHALF_STORAGE_FAILED, "the test made the write fail");
    return kv_write(storage_of(kv)->inner, changes, count, durable, error);
}

static enum status
pass_sync(struct kv *kv, struct error *error)
{
    atomic_fetch_add(&storage_of(kv)->syncs, 1);
    if (atomic_load(&storage_of(kv)->fail_syncs))
        return error_set(error, BEHALF_STORAGE_FAILED, "the test made the sync fail");
    return kv_sync(storage_of(kv)->inner, error);
}

static void
pass_settle(struct kv *kv)
{
    kv_settle(storage_of(kv)->inner);
}

static void
pass_stats_read(struct kv *kv, struct kv_stats *stats)
{
    kv_stats_read(storage_of(kv)->inner, stats);
}

static const struct kv_operations pass_operations = {
    .close = pass_close,
    .drop_hint = pass_drop_hint,
    .compact = pass_compact,
    .snapshot_open = pass_snapshot_open,
    .get = pass_get,
    .get_batch = pass_get_batch,
    .scan_open = pass_scan_open,
    .write = pass_write,
    .sync = pass_sync,
    .settle = pass_settle,
    .stats_read = pass_stats_read,
};

void
rig_fail_syncs(struct rig *rig, bool fail)
{
    atomic_store(&rig->storage->fail_syncs, fail);
}

void
rig_fail_writes(struct rig *rig, bool fail)
{
    atomic_store(&rig->storage->fail_writes, fail);
}

unsigned
rig_syncs(struct rig *rig)
{
    return atomic_load(&rig->storage->syncs);
}

unsigned
rig_edge_reads(struct rig *rig)
{
    return atomic_load(&rig->storage->edge_reads);
}

/* --- opening --- */

static int64_t
shifted_wall_ns(void *context)
{
    struct rig *rig = context;

    return env_wall_ns(env_system()) + atomic_load(&rig->clock_shift_ns);
}

static int64_t
monotonic_ns(void *context)
{
    struct rig *rig = context;

    return env_monotonic_ns(env_system()) + atomic_load(&rig->monotonic_shift_ns);
}

void
rig_pass(struct rig *rig, int64_t ns)
{
    atomic_fetch_add(&rig->monotonic_shift_ns, ns);
    atomic_fetch_add(&rig->clock_shift_ns, ns);
}

static void
random_bytes(void *context, void *bytes, size_t size)
{
    (void)context;
    env_system()->random_bytes(env_system()->context, bytes, size);
}

void
rig_open(struct rig *rig, const char *schema)
{
    struct engine_options options = {
        .workers = 1, .env = &rig->env, .sweep_every_ns = ENGINE_SWEEP_NEVER};
    struct store_options store_options = {.env = &rig->env};
    struct error error = {.status = BEHALF_OK};

    *rig = (struct rig){.storage = memory_new(sizeof *rig->storage)};
    rig->env = (struct env){shifted_wall_ns, monotonic_ns, random_bytes, rig};
    rig->storage->kv.operations = &pass_operations;
    pthread_mutex_init(&rig->lock, NULL);
    pthread_cond_init(&rig->changed, NULL);
    arena_init(&rig->arena, (size_t)1 << 30);
    cr_assert_eq(kv_open_memory(&rig->storage->inner, &error), BEHALF_OK);
    cr_assert_eq(store_open_on(&rig->storage->kv, &store_options, &rig->store, &error), BEHALF_OK,
                 "%s", error.message);
    options.store = rig->store;
    cr_assert_eq(engine_open(&options, &rig->engine, &error), BEHALF_OK, "%s", error.message);
    rig->worker = engine_worker_new(rig->engine, true);
    if (schema != NULL) {
        struct engine_write *write = rig_schema_write(rig, schema);

        cr_assert_eq(rig_run(rig, write), BEHALF_OK, "%s", write->error.message);
    }
}

void
rig_close(struct rig *rig)
{
    engine_worker_free(rig->worker);
    engine_close(rig->engine);
    store_close(rig->store);
    memory_free(rig->storage);
    arena_release(&rig->arena);
    pthread_cond_destroy(&rig->changed);
    pthread_mutex_destroy(&rig->lock);
}

/* --- writing --- */

static enum update_op
parse_op(struct slice *line)
{
    static const struct slice words[] = {{"create ", 7}, {"touch ", 6}, {"delete ", 7}};

    for (size_t op = 0; op < BEHALF_COUNT_OF(words); op++) {
        if (slice_starts_with(*line, words[op])) {
            *line = (struct slice){line->data + words[op].size, line->size - words[op].size};
            return (enum update_op)op;
        }
    }
    cr_assert(false, "no operation: %.*s", SLICE_PRINTF(*line));
    return UPDATE_TOUCH;
}

struct update *
rig_updates(struct rig *rig, const char *text, size_t *count)
{
    struct update *updates = arena_take_array(&rig->arena, strlen(text) / 8 + 1, sizeof *updates);

    /* Parsed slices point into the text. */
    text = arena_copy(&rig->arena, slice_of(text)).data;
    for (*count = 0; *text != '\0'; (*count)++) {
        size_t size = strcspn(text, "\n");
        struct slice line = {text, size};
        struct error error = {.status = BEHALF_OK};

        updates[*count].op = parse_op(&line);
        cr_assert_eq(relationship_parse(line, &rig->arena, &updates[*count].relationship, &error),
                     BEHALF_OK, "%.*s: %s", SLICE_PRINTF(line), error.message);
        text += text[size] == '\n' ? size + 1 : size;
    }
    return updates;
}

static void
answered(struct engine_write *write)
{
    struct rig *rig = write->owner;

    pthread_mutex_lock(&rig->lock);
    if (rig->answered < BEHALF_COUNT_OF(rig->answers))
        rig->answers[rig->answered] = write;
    rig->answered++;
    pthread_cond_broadcast(&rig->changed);
    pthread_mutex_unlock(&rig->lock);
}

struct engine_write *
rig_write(struct rig *rig, const char *updates)
{
    struct engine_write *write = arena_take_array(&rig->arena, 1, sizeof *write);

    cr_assert_not_null(write);
    write->kind = WRITE_RELATIONSHIPS;
    if (updates != NULL)
        write->updates = rig_updates(rig, updates, &write->update_count);
    write->owner = rig;
    write->done = answered;
    return write;
}

struct engine_write *
rig_schema_write(struct rig *rig, const char *schema)
{
    struct engine_write *write = rig_write(rig, NULL);

    write->kind = WRITE_SCHEMA;
    write->schema_text = slice_of(schema);
    return write;
}

static void
wait_for(struct rig *rig, size_t answers)
{
    pthread_mutex_lock(&rig->lock);
    while (rig->answered < answers)
        pthread_cond_wait(&rig->changed, &rig->lock);
    pthread_mutex_unlock(&rig->lock);
}

void
rig_submit(struct rig *rig, struct engine_write *write)
{
    struct error error = {.status = BEHALF_OK};

    cr_assert_eq(engine_write_submit(rig->engine, write, &error), BEHALF_OK, "%s", error.message);
}

enum status
rig_run(struct rig *rig, struct engine_write *write)
{
    rig->answered = 0;
    rig_submit(rig, write);
    wait_for(rig, 1);
    return write->status;
}

struct engine_write *
rig_do(struct rig *rig, const char *updates)
{
    struct engine_write *write = rig_write(rig, updates);

    rig_run(rig, write);
    return write;
}

uint64_t
rig_sweep(struct rig *rig, uint32_t limit)
{
    struct engine_write *write = rig_write(rig, NULL);

    write->kind = WRITE_SWEEP;
    write->limit = limit;
    cr_assert_eq(rig_run(rig, write), BEHALF_OK, "%s", write->error.message);
    return write->count;
}

static void
wait_at_gate(struct engine_write *write)
{
    struct rig *rig = write->owner;

    pthread_mutex_lock(&rig->lock);
    rig->reached = true;
    pthread_cond_broadcast(&rig->changed);
    while (rig->held)
        pthread_cond_wait(&rig->changed, &rig->lock);
    rig->reached = false;
    pthread_mutex_unlock(&rig->lock);
}

void
rig_hold(struct rig *rig)
{
    rig->gate = (struct engine_write){.owner = rig, .done = wait_at_gate};
    rig->held = true;
    rig_submit(rig, &rig->gate); /* refused, as it is empty; what counts is where it waits */
    pthread_mutex_lock(&rig->lock);
    while (!rig->reached)
        pthread_cond_wait(&rig->changed, &rig->lock);
    rig->answered = 0;
    pthread_mutex_unlock(&rig->lock);
}

void
rig_let_go(struct rig *rig, size_t expected)
{
    pthread_mutex_lock(&rig->lock);
    rig->held = false;
    pthread_cond_broadcast(&rig->changed);
    pthread_mutex_unlock(&rig->lock);
    wait_for(rig, expected);
}

/* --- reading --- */

static struct engine_info
info_of(struct rig *rig)
{
    struct engine_info info = {.revision = 0};
    struct error error = {.status = BEHALF_OK};

    cr_assert_eq(engine_info_read(rig->engine, &info, &error), BEHALF_OK, "%s", error.message);
    return info;
}

uint64_t
rig_revision(struct rig *rig)
{
    return info_of(rig).revision;
}

uint64_t
rig_count(struct rig *rig)
{
    return info_of(rig).relationship_count;
}

const char *
rig_read(struct rig *rig, const struct relationship_filter *filter, uint32_t limit)
{
    struct relationships_read read = {.filter = *filter, .limit = limit};
    struct engine_request request = {.arena = &rig->arena};
    struct relationships_read_result result = {.complete = false};
    struct error error = {.status = BEHALF_OK};
    struct buffer text;
    struct slice kept;

    buffer_init(&text);
    do {
        enum status status =
            engine_relationships_read(rig->worker, &request, &read, &result, &error);

        if (status != BEHALF_OK) {
            buffer_release(&text);
            return status_name(status);
        }
        for (size_t index = 0; index < result.relationship_count; index++) {
            relationship_print(&result.relationships[index], &text);
            buffer_add_byte(&text, '\n');
        }
        cr_assert(limit == 0 || result.relationship_count <= limit);
        cr_assert_eq(result.complete, result.cursor.text[0] == '\0');
        read.cursor = arena_copy(&rig->arena, slice_of(result.cursor.text));
    } while (!result.complete);
    kept = arena_copy(&rig->arena, buffer_slice(&text));
    buffer_release(&text);
    return kept.data;
}

const char *
rig_type(struct rig *rig, const char *type)
{
    struct relationship_filter filter = {.resource_type = slice_of(type)};

    return rig_read(rig, &filter, 0);
}
