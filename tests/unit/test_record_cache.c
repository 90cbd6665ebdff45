/* Records in memory: the version of each revision, changes during loads, what is counted and
 * evicted. */
#include <criterion/criterion.h>

#include "base/memory.h"
#include "engine/record_versions.h"
#include "storage/kv.h"
#include "storage/store_internal.h"
#include "tests/support/kv_fault.h"
#include "tests/support/record_store.h"

#define PLENTY ((size_t)64 * 1024 * 1024)
#define WOULD_BLOCK (-1)
#define FAILED (-2)

static struct kv *below;
static struct kv_fault control;
static struct record_store data;
static struct graph *graph; /* for views and their pins */
static struct record_cache *cache;
static struct arena arena;

static void
open_data(size_t memory_bytes)
{
    struct store_options options = {.env = env_system()};
    struct store *store = NULL;
    struct error error;

    control = (struct kv_fault){.status = BEHALF_STORAGE_FAILED};
    cr_assert_eq(kv_open_memory(&below, &error), BEHALF_OK);
    cr_assert_eq(store_open_on(kv_fault_open(below, &control), &options, &store, &error),
                 BEHALF_OK);
    record_store_open(&data, store);
    graph = graph_new(store, 1);
    cache = record_cache_new(store, graph_readers(graph), memory_bytes);
    arena_init(&arena, PLENTY);
}

static void
close_data(void)
{
    const char *reason = NULL;

    if (cache == NULL)
        return;
    cr_assert(record_cache_validate(cache, &reason), "%s", reason);
    record_cache_free(cache);
    graph_free(graph);
    record_store_close(&data);
    kv_close(below);
    arena_release(&arena);
}

static struct record_cache_stats
stats(void)
{
    struct record_cache_stats result;

    record_cache_stats_read(cache, &result);
    return result;
}

static uint64_t
put(enum record_kind kind, uint32_t number, uint32_t value)
{
    return record_store_write(&data, cache, kind, number, value);
}

/* One request at a revision. */
static struct budget budget;

static void
view_open(struct graph_view *view, uint64_t revision, bool may_block)
{
    budget_init(&budget, env_system(), 1000, INT64_MAX, NULL);
    graph_view_init(view, graph, data.store, revision, 0, may_block, &budget);
}

/* The value; WOULD_BLOCK, FAILED. */
static int
ask_view(struct graph_view *view, enum record_kind kind, uint32_t number)
{
    struct error error;
    uint32_t value = 0;
    enum status status = record_store_ask(cache, view, kind, number, &arena, &value, &error);

    if (status == BEHALF_WOULD_BLOCK)
        return WOULD_BLOCK;
    if (status == BEHALF_STORAGE_FAILED)
        return FAILED;
    cr_assert_eq(status, BEHALF_OK, "%s", error.message);
    return (int)value;
}

static int
ask_as(enum record_kind kind, uint32_t number, uint64_t revision, bool may_block)
{
    struct graph_view view;
    int value;

    view_open(&view, revision, may_block);
    value = ask_view(&view, kind, number);
    graph_view_release(&view);
    return value;
}

static int
ask(enum record_kind kind, uint32_t number, uint64_t revision)
{
    return ask_as(kind, number, revision, true);
}

/* From memory alone. */
static int
kept(enum record_kind kind, uint32_t number, uint64_t revision)
{
    return ask_as(kind, number, revision, false);
}

TestSuite(record_cache, .fini = close_data);

Test(record_cache, a_record_is_read_once_and_then_kept)
{
    static const enum record_kind kinds[] = {RECORD_SESSION, RECORD_GRANT, RECORD_USES,
                                             RECORD_ATTRIBUTES};

    open_data(PLENTY);
    for (size_t at = 0; at < BEHALF_COUNT_OF(kinds); at++) {
        uint64_t revision = put(kinds[at], 1, 7);
        uint64_t operations;

        cr_assert_eq(kept(kinds[at], 1, revision), WOULD_BLOCK);
        cr_assert_eq(ask(kinds[at], 1, revision), 7);
        operations = control.operations;
        cr_assert_eq(ask(kinds[at], 1, revision), 7);
        cr_assert_eq(kept(kinds[at], 1, revision), 7);
        cr_assert_eq(control.operations, operations);
    }
    cr_assert_eq(stats().records, 4);
}

Test(record_cache, records_come_back_whole)
{
    uint64_t revision = 0;

    open_data(PLENTY);
    for (uint32_t value = 1; value <= 70; value++) {
        (void)put(RECORD_SESSION, value, value);
        (void)put(RECORD_ATTRIBUTES, value, value);
        revision = put(RECORD_GRANT, value, value);
    }
    /* Read, and then from memory; record_store compares all that they hold. */
    for (int round = 0; round < 2; round++) {
        for (uint32_t value = 1; value <= 70; value++) {
            cr_assert_eq(ask(RECORD_SESSION, value, revision), (int)value);
            cr_assert_eq(ask(RECORD_GRANT, value, revision), (int)value);
            cr_assert_eq(ask(RECORD_ATTRIBUTES, value, revision), (int)value);
        }
    }
    cr_assert_eq(stats().records, 210);
}

Test(record_cache, an_absence_is_not_kept)
{
    uint64_t revision;

    open_data(PLENTY);
    revision = put(RECORD_SESSION, 1, 1);
    cr_assert_eq(ask(RECORD_GRANT, 1, revision), 0);
    cr_assert_eq(ask(RECORD_USES, 1, revision), 0);
    cr_assert_eq(ask(RECORD_SESSION, 2, revision), 0);
    cr_assert_eq(stats().records, 0);
    cr_assert_eq(stats().loading, 0);
    revision = put(RECORD_GRANT, 1, 3);
    cr_assert_eq(ask(RECORD_GRANT, 1, revision), 3);
}

Test(record_cache, each_revision_has_its_version)
{
    uint64_t revisions[4];
    struct graph_view pinned;
    uint64_t operations;

    open_data(PLENTY);
    for (uint32_t value = 1; value <= 3; value++) {
        revisions[value] = put(RECORD_GRANT, 1, value);
        if (value == 1) {
            view_open(&pinned, revisions[1], false);
            cr_assert_eq(ask(RECORD_GRANT, 1, revisions[1]), 1);
            cr_assert_eq(ask_view(&pinned, RECORD_GRANT, 1), 1);
        }
    }
    operations = control.operations;
    /* What is pinned is kept, what is not goes once nothing reads it; the storage has it. */
    cr_assert_eq(ask_view(&pinned, RECORD_GRANT, 1), 1);
    cr_assert_eq(kept(RECORD_GRANT, 1, revisions[1]), 1);
    cr_assert_eq(kept(RECORD_GRANT, 1, revisions[2]), WOULD_BLOCK);
    cr_assert_eq(kept(RECORD_GRANT, 1, revisions[3]), 3);
    cr_assert_eq(control.operations, operations);
    cr_assert_eq(ask(RECORD_GRANT, 1, revisions[2]), 2);
    cr_assert_gt(stats().superseded_bytes, 0);
    graph_view_release(&pinned);
    record_cache_trim(cache, revisions[3]);
    cr_assert_eq(stats().superseded_bytes, 0);
    cr_assert_eq(kept(RECORD_GRANT, 1, revisions[1]), WOULD_BLOCK);
    cr_assert_eq(ask(RECORD_GRANT, 1, revisions[1]), 1);
    cr_assert_eq(kept(RECORD_GRANT, 1, revisions[3]), 3);
}

Test(record_cache, before_publication_readers_get_the_version_before)
{
    struct record_value value = {RECORD_SESSION, 1, 2};
    uint64_t first;
    uint64_t second;

    open_data(PLENTY);
    first = put(RECORD_SESSION, 1, 1);
    cr_assert_eq(ask(RECORD_SESSION, 1, first), 1);
    second = record_store_commit(&data, &value, 1);
    record_store_tell(&data, cache, &value, 1, second, first);
    record_cache_trim(cache, first); /* not published yet */
    cr_assert_eq(kept(RECORD_SESSION, 1, first), 1);
    cr_assert_eq(kept(RECORD_SESSION, 1, second), 2);
    record_cache_trim(cache, second);
    cr_assert_eq(kept(RECORD_SESSION, 1, first), WOULD_BLOCK);
}

Test(record_cache, of_a_group_the_last_version_counts)
{
    uint64_t revisions[5];

    open_data(PLENTY);
    revisions[1] = put(RECORD_SESSION, 1, 1);
    cr_assert_eq(ask(RECORD_SESSION, 1, revisions[1]), 1);
    for (uint32_t at = 2; at <= 4; at++) {
        struct record_value value = {RECORD_SESSION, 1, at};

        revisions[at] = record_store_commit(&data, &value, 1);
        record_store_tell(&data, cache, &value, 1, revisions[at], revisions[1]);
    }
    cr_assert_eq(kept(RECORD_SESSION, 1, revisions[1]), 1);
    cr_assert_eq(kept(RECORD_SESSION, 1, revisions[4]), 4);
    for (uint32_t at = 2; at <= 3; at++) {
        cr_assert_eq(kept(RECORD_SESSION, 1, revisions[at]), WOULD_BLOCK);
        cr_assert_eq(ask(RECORD_SESSION, 1, revisions[at]), (int)at);
    }
}

Test(record_cache, a_newer_version_is_not_given_to_an_older_view)
{
    static const enum record_kind kinds[] = {RECORD_SESSION, RECORD_GRANT, RECORD_ATTRIBUTES};

    open_data(PLENTY);
    for (size_t at = 0; at < BEHALF_COUNT_OF(kinds); at++) {
        uint64_t before = put(kinds[at], 2, 9);
        uint64_t first = put(kinds[at], 1, 1);
        uint64_t second = put(kinds[at], 1, 2);

        /* The load that the older view asks for keeps the newest version. */
        cr_assert_eq(ask(kinds[at], 1, first), 1);
        cr_assert_eq(kept(kinds[at], 1, second), 2);
        cr_assert_eq(kept(kinds[at], 1, first), WOULD_BLOCK);
        cr_assert_eq(ask(kinds[at], 1, first), 1);
        cr_assert_eq(ask(kinds[at], 1, before), 0);
    }
}

Test(record_cache, a_removed_record_is_gone_from_its_revision_on)
{
    uint64_t first;
    uint64_t second;

    open_data(PLENTY);
    first = put(RECORD_GRANT, 1, 1);
    cr_assert_eq(ask(RECORD_GRANT, 1, first), 1);
    second = put(RECORD_GRANT, 1, 0);
    cr_assert_eq(kept(RECORD_GRANT, 1, second), WOULD_BLOCK);
    cr_assert_eq(ask(RECORD_GRANT, 1, second), 0);
    cr_assert_eq(ask(RECORD_GRANT, 1, first), 1);
    cr_assert_eq(stats().records, 0);
}

Test(record_cache, the_absence_of_attributes_is_kept)
{
    uint64_t before;
    uint64_t revision;
    uint64_t operations;

    open_data(PLENTY);
    before = put(RECORD_SESSION, 1, 1);
    revision = put(RECORD_SESSION, 2, 1);
    cr_assert_eq(kept(RECORD_ATTRIBUTES, 1, revision), WOULD_BLOCK);
    cr_assert_eq(ask(RECORD_ATTRIBUTES, 1, revision), 0);
    operations = control.operations;
    cr_assert_eq(kept(RECORD_ATTRIBUTES, 1, revision), 0);
    cr_assert_eq(control.operations, operations);
    /* Of revisions before that of the load nothing is known. */
    cr_assert_eq(kept(RECORD_ATTRIBUTES, 1, before), WOULD_BLOCK);
    cr_assert_eq(ask(RECORD_ATTRIBUTES, 1, before), 0);
    cr_assert_eq(stats().records, 1);
}

Test(record_cache, a_change_reaches_the_absence_of_attributes)
{
    struct graph_view pinned;
    uint64_t none;
    uint64_t some;
    uint64_t gone;

    open_data(PLENTY);
    none = put(RECORD_SESSION, 1, 1);
    cr_assert_eq(ask(RECORD_ATTRIBUTES, 1, none), 0);
    view_open(&pinned, none, false);
    cr_assert_eq(ask_view(&pinned, RECORD_ATTRIBUTES, 1), 0);
    some = put(RECORD_ATTRIBUTES, 1, 7);
    cr_assert_eq(kept(RECORD_ATTRIBUTES, 1, some), 7);
    cr_assert_eq(ask_view(&pinned, RECORD_ATTRIBUTES, 1), 0);
    gone = put(RECORD_ATTRIBUTES, 1, 0);
    cr_assert_eq(kept(RECORD_ATTRIBUTES, 1, gone), 0);
    cr_assert_eq(ask(RECORD_ATTRIBUTES, 1, some), 7);
    cr_assert_eq(ask_view(&pinned, RECORD_ATTRIBUTES, 1), 0);
    graph_view_release(&pinned);
    record_cache_trim(cache, gone);
    cr_assert_eq(stats().superseded_bytes, 0);
    cr_assert_eq(kept(RECORD_ATTRIBUTES, 1, put(RECORD_ATTRIBUTES, 1, 8)), 8);
}

Test(record_cache, uses_are_given_as_they_are_now)
{
    uint64_t first;

    open_data(PLENTY);
    first = put(RECORD_USES, 1, 5);
    cr_assert_eq(ask(RECORD_USES, 1, first), 5);
    (void)put(RECORD_USES, 1, 4);
    cr_assert_eq(kept(RECORD_USES, 1, first), 4);
    (void)put(RECORD_USES, 1, 3);
    cr_assert_eq(kept(RECORD_USES, 1, first), 3);
    cr_assert_eq(stats().superseded_bytes, 0);
    cr_assert_eq(stats().records, 1);
}

Test(record_cache, a_grant_is_apart_from_its_uses)
{
    uint64_t revision;

    open_data(PLENTY);
    (void)put(RECORD_GRANT, 1, 8);
    revision = put(RECORD_USES, 1, 5);
    cr_assert_eq(ask(RECORD_GRANT, 1, revision), 8);
    cr_assert_eq(ask(RECORD_USES, 1, revision), 5);
    cr_assert_eq(kept(RECORD_GRANT, 1, revision), 8);
    cr_assert_eq(kept(RECORD_USES, 1, revision), 5);
}

/* --- what happens during a load --- */

/* Operations of one load. */
static uint64_t
load_operations(uint32_t number, uint64_t revision)
{
    uint64_t before = control.operations;

    cr_assert_gt(ask(RECORD_GRANT, number, revision), 0);
    return control.operations - before;
}

static uint32_t hooked;

/* Asks for a grant, with a hook at one operation of its load; whether it was called. */
static bool
ask_with(void (*hook)(void *context), uint64_t operation, bool after, uint32_t number,
         uint64_t revision, int expected)
{
    bool called;

    hooked = number;
    control.hook = hook;
    control.hook_at = control.operations + operation;
    control.hook_after = after;
    cr_assert_eq(ask(RECORD_GRANT, number, revision), expected);
    called = control.hook == NULL;
    control.hook = NULL;
    return called;
}

/* Grants 1 to 20 of value 1; *operations of the load of one. */
static uint64_t
open_grants(uint64_t *operations)
{
    uint64_t revision = 0;

    open_data(PLENTY);
    for (uint32_t number = 1; number <= 20; number++)
        revision = put(RECORD_GRANT, number, 1);
    *operations = load_operations(20, revision);
    cr_assert_leq(*operations, 9);
    return revision;
}

static void
change_hooked(void *context)
{
    (void)context;
    (void)put(RECORD_GRANT, hooked, 2);
}

/* At every step of a load; after the last one, the old version has been read. */
Test(record_cache, a_change_during_a_load_wins)
{
    uint64_t operations;
    uint64_t first = open_grants(&operations);
    unsigned called = 0;

    for (uint32_t at = 0; at < 2 * operations; at++) {
        if (!ask_with(change_hooked, at / 2 + 1, at % 2 == 1, at + 1, first, 1))
            continue;
        called++;
        cr_assert_eq(kept(RECORD_GRANT, hooked, store_head_revision(data.store)), 2);
        cr_assert_eq(kept(RECORD_GRANT, hooked, first), WOULD_BLOCK);
        cr_assert_eq(ask(RECORD_GRANT, hooked, first), 1);
    }
    cr_assert_gt(called, operations);
}

/* The snapshot of a view may be older than a load's mark: what is loaded is never read from it. */
Test(record_cache, a_load_reads_no_snapshot_from_before_its_mark)
{
    const struct store_snapshot *snapshot;
    struct graph_view view;
    struct error error;
    uint64_t first;
    uint64_t second;

    open_data(PLENTY);
    first = put(RECORD_GRANT, 1, 1);
    view_open(&view, first, true);
    cr_assert_eq(graph_view_storage(&view, &snapshot, &error), BEHALF_OK);
    second = put(RECORD_GRANT, 1, 2);
    cr_assert_eq(ask_view(&view, RECORD_GRANT, 1), 1);
    graph_view_release(&view);
    cr_assert_eq(ask(RECORD_GRANT, 1, second), 2);
}

static void
describe_hooked(void *context)
{
    (void)context;
    (void)put(RECORD_ATTRIBUTES, hooked, 2);
}

Test(record_cache, attributes_written_during_a_load_are_not_remembered_as_absent)
{
    uint64_t first;
    unsigned called = 0;

    open_data(PLENTY);
    first = put(RECORD_SESSION, 1, 1);
    for (uint32_t at = 0; at < 20; at++) {
        hooked = at + 1;
        control.hook = describe_hooked;
        control.hook_at = control.operations + at / 2 + 1;
        control.hook_after = at % 2 == 1;
        cr_assert_eq(ask(RECORD_ATTRIBUTES, hooked, first), 0);
        if (control.hook == NULL) {
            called++;
            cr_assert_eq(kept(RECORD_ATTRIBUTES, hooked, store_head_revision(data.store)), 2);
        }
        control.hook = NULL;
    }
    cr_assert_gt(called, 2);
}

static void
remove_hooked(void *context)
{
    (void)context;
    (void)put(RECORD_GRANT, hooked, 0);
}

Test(record_cache, a_removal_during_a_load_leaves_nothing)
{
    uint64_t operations;
    uint64_t first = open_grants(&operations);

    for (uint32_t at = 0; at < 2 * operations; at++) {
        size_t records = stats().records;

        if (!ask_with(remove_hooked, at / 2 + 1, at % 2 == 1, at + 1, first, 1))
            continue;
        cr_assert_eq(stats().records, records);
        cr_assert_eq(ask(RECORD_GRANT, hooked, store_head_revision(data.store)), 0);
        cr_assert_eq(ask(RECORD_GRANT, hooked, first), 1);
    }
}

static void
invalidate_hooked(void *context)
{
    struct record_id id = record_store_id(hooked);
    struct store_record_key key = record_key(RECORD_GRANT, &id);

    (void)context;
    record_cache_invalidate(cache, &key);
}

Test(record_cache, what_was_forgotten_during_a_load_stays_so)
{
    uint64_t operations;
    uint64_t first = open_grants(&operations);

    for (uint32_t at = 0; at < 2 * operations; at++) {
        size_t records = stats().records;

        if (!ask_with(invalidate_hooked, at / 2 + 1, at % 2 == 1, at + 1, first, 1))
            continue;
        cr_assert_eq(kept(RECORD_GRANT, hooked, first), WOULD_BLOCK);
        cr_assert_eq(stats().loading, 0);
        cr_assert_eq(stats().records, records);
    }
}

static void
spend_hooked(void *context)
{
    (void)context;
    (void)put(RECORD_USES, hooked, 4);
}

Test(record_cache, a_use_taken_during_a_load_counts)
{
    uint64_t revision = 0;

    open_data(PLENTY);
    for (uint32_t number = 1; number <= 10; number++)
        revision = put(RECORD_USES, number, 5);
    for (hooked = 1; hooked <= 10; hooked++) {
        control.hook = spend_hooked;
        control.hook_at = control.operations + 1 + hooked / 2;
        control.hook_after = hooked % 2 == 1;
        (void)ask(RECORD_USES, hooked, revision);
        if (control.hook == NULL)
            cr_assert_eq(kept(RECORD_USES, hooked, revision), 4);
    }
    cr_assert_not_null(control.hook); /* beyond the last step */
}

static int met_value;

static void
ask_hooked(void *context)
{
    (void)context;
    met_value = ask(RECORD_GRANT, hooked, store_head_revision(data.store));
}

Test(record_cache, who_meets_a_load_reads_for_himself)
{
    uint64_t revision;

    open_data(PLENTY);
    revision = put(RECORD_GRANT, 1, 6);
    cr_assert(ask_with(ask_hooked, 1, false, 1, revision, 6));
    cr_assert_eq(met_value, 6);
    cr_assert_eq(kept(RECORD_GRANT, 1, revision), 6);
    cr_assert_eq(stats().records, 1);
}

Test(record_cache, an_unknown_outcome_forgets_the_record)
{
    uint64_t revision;

    open_data(PLENTY);
    for (hooked = 1; hooked <= 2; hooked++) {
        revision = put(RECORD_GRANT, hooked, 4);
        cr_assert_eq(ask(RECORD_GRANT, hooked, revision), 4);
    }
    hooked = 1;
    invalidate_hooked(NULL);
    cr_assert_eq(kept(RECORD_GRANT, 1, revision), WOULD_BLOCK);
    cr_assert_eq(kept(RECORD_GRANT, 2, revision), 4);
    invalidate_hooked(NULL); /* once more: it is not there */
    cr_assert_eq(ask(RECORD_GRANT, 1, revision), 4);
}

Test(record_cache, a_read_that_fails_leaves_no_mark)
{
    uint64_t revision;
    uint64_t operations;

    open_data(PLENTY);
    (void)put(RECORD_GRANT, 100, 1);
    revision = put(RECORD_GRANT, 1, 3);
    operations = load_operations(100, revision);
    for (uint64_t at = 1; at <= operations; at++) {
        control.fail_at = control.operations + at;
        cr_assert_eq(ask(RECORD_GRANT, 1, revision), FAILED);
        cr_assert_eq(stats().loading, 0);
        cr_assert_eq(kept(RECORD_GRANT, 1, revision), WOULD_BLOCK);
    }
    control.fail_at = 0;
    cr_assert_eq(ask(RECORD_GRANT, 1, revision), 3);
    cr_assert_eq(kept(RECORD_GRANT, 1, revision), 3);
}

Test(record_cache, a_change_that_a_load_brought_is_not_put_in_again)
{
    struct record_value value = {RECORD_GRANT, 1, 2};
    uint64_t first;
    uint64_t second;

    open_data(PLENTY);
    first = put(RECORD_GRANT, 1, 1);
    second = record_store_commit(&data, &value, 1);
    cr_assert_eq(ask(RECORD_GRANT, 1, first), 1);
    cr_assert_eq(kept(RECORD_GRANT, 1, second), 2);
    record_store_tell(&data, cache, &value, 1, second, first);
    cr_assert_eq(stats().superseded_bytes, 0);
    cr_assert_eq(kept(RECORD_GRANT, 1, second), 2);
}

/* --- memory --- */

Test(record_cache, a_small_memory_is_kept_to)
{
    enum { RECORDS = 2000, BYTES = 64 * 1024 };
    uint64_t revision = 0;

    open_data(BYTES);
    for (uint32_t number = 0; number < RECORDS; number++)
        revision = put(RECORD_GRANT, number, 1 + number % 50);
    for (uint32_t number = 0; number < RECORDS; number++) {
        cr_assert_eq(ask(RECORD_GRANT, number, revision), 1 + (int)number % 50);
        cr_assert_leq(stats().bytes, (size_t)BYTES);
    }
    cr_assert_gt(stats().records, 100);
    /* Changes make no room of their own: versions that a view pins are evicted like all others. */
    for (uint32_t number = 0; number < RECORDS; number++) {
        struct graph_view view;

        view_open(&view, revision, true);
        cr_assert_gt(ask_view(&view, RECORD_GRANT, number), 0);
        revision = put(RECORD_GRANT, number, 60);
        cr_assert_leq(stats().bytes, (size_t)BYTES);
        cr_assert_eq(ask_view(&view, RECORD_GRANT, number), 1 + (int)number % 50);
        graph_view_release(&view);
    }
}

Test(record_cache, what_is_used_stays_longer)
{
    enum { RECORDS = 1000, BYTES = 64 * 1024 };
    uint64_t revision = 0;
    unsigned lost = 0;

    open_data(BYTES);
    for (uint32_t number = 0; number < RECORDS; number++)
        revision = put(RECORD_GRANT, number, 5);
    for (uint32_t number = 0; number < RECORDS; number++) {
        lost += kept(RECORD_GRANT, 0, revision) == WOULD_BLOCK;
        cr_assert_eq(ask(RECORD_GRANT, 0, revision), 5);
        cr_assert_eq(ask(RECORD_GRANT, number, revision), 5);
    }
    cr_assert_leq(lost, 1 + RECORDS / 100);
}

Test(record_cache, without_memory_the_storage_answers)
{
    uint64_t revision;

    open_data(0);
    (void)put(RECORD_SESSION, 1, 1);
    revision = put(RECORD_GRANT, 1, 1);
    cr_assert_eq(ask(RECORD_GRANT, 1, revision), 1);
    cr_assert_eq(kept(RECORD_GRANT, 1, revision), WOULD_BLOCK);
    cr_assert_eq(ask(RECORD_SESSION, 1, revision), 1);
    cr_assert_eq(ask(RECORD_USES, 1, revision), 0);
    cr_assert_eq(stats().bytes, 0);
}

Test(record_cache, a_spent_arena_is_an_error)
{
    struct graph_view view;
    struct arena small;
    struct error error;
    uint32_t value;
    uint64_t revision;

    open_data(PLENTY);
    revision = put(RECORD_GRANT, 1, 1);
    for (int round = 0; round < 2; round++) {
        arena_init(&small, 1);
        view_open(&view, revision, true);
        cr_assert_eq(record_store_ask(cache, &view, RECORD_GRANT, 1, &small, &value, &error),
                     BEHALF_BUDGET_EXHAUSTED);
        graph_view_release(&view);
        arena_release(&small);
    }
}

/* A grant as most are: from a session's principal to its agent, one element, two actions. */
Test(record_cache, a_grant_takes_little_memory)
{
    enum { GRANTS = 100000 };
    struct readers *readers = readers_new();
    struct reader *reader = readers_claim(readers, &readers, 0);
    struct record_versions *versions = record_versions_new(readers, PLENTY);
    struct {
        struct grant grant;
        struct grant_element element;
        char id[8];
        uint16_t actions[2];
    } block = {
        .grant = {.size = sizeof block,
                  .created_revision = 1,
                  .elements = {offsetof(__typeof__(block), element), 1}},
        .element = {.id = {offsetof(__typeof__(block), id), 8},
                    .actions = {offsetof(__typeof__(block), actions), 2}},
    };
    struct record_image image = {1, &block, sizeof block};
    struct record_cache_stats result;

    for (uint32_t number = 0; number < GRANTS; number++) {
        struct record_load load;

        block.grant.id = record_store_id(number);
        cr_assert(record_versions_load_begin(versions, RECORD_GRANT, &block.grant.id, &load));
        record_versions_load_end(versions, &load, &image, 1);
    }
    record_versions_stats_read(versions, &result);
    cr_assert_eq(result.records, GRANTS);
    cr_log_info("%zu bytes for a grant", result.bytes / GRANTS);
    cr_assert_leq(result.bytes / GRANTS, 256);
    reader_release(reader);
    record_versions_free(versions);
    readers_free(readers);
}

/* --- keys of the same hash, large records --- */

static struct session
session_of(const struct record_id *id, uint64_t revision)
{
    return (struct session){
        .size = sizeof(struct session), .id = *id, .created_revision = revision};
}

Test(record_cache, records_of_one_slot_are_told_apart)
{
    struct record_id one = {{1, 2, 3, 4, 5, 6, 7, 8, 9}};
    struct record_id other = {{1, 2, 3, 4, 5, 6, 7, 8, 10}};
    struct readers *readers = readers_new();
    struct reader *reader = readers_claim(readers, &readers, 0);
    struct record_versions *versions = record_versions_new(readers, PLENTY);
    struct session block = session_of(&one, 1);
    struct session changed = session_of(&other, 2);
    struct record_image image = {1, &block, sizeof block};
    struct record_change change = {record_key(RECORD_SESSION, &other), 2, false, &changed,
                                   sizeof changed};
    struct reader_pins pins = {.count = 0};
    struct record_load load;
    struct record_load second;
    struct arena copies;
    const void *copy = NULL;

    arena_init(&copies, PLENTY);
    cr_assert(record_versions_load_begin(versions, RECORD_SESSION, &one, &load));
    cr_assert_not(record_versions_load_begin(versions, RECORD_SESSION, &other, &second));
    record_versions_apply(versions, &change, 1, &pins);
    record_versions_drop(versions, RECORD_SESSION, &other);
    record_versions_load_end(versions, &load, &image, 1);
    record_versions_apply(versions, &change, 1, &pins);
    record_versions_drop(versions, RECORD_SESSION, &other);
    cr_assert_eq(record_versions_find(versions, RECORD_SESSION, &other, 2, &copies, &copy),
                 RECORD_STORAGE);
    cr_assert_eq(record_versions_find(versions, RECORD_SESSION, &one, 2, &copies, &copy),
                 RECORD_FOUND);
    cr_assert(record_id_equal(&((const struct session *)copy)->id, &one));
    arena_release(&copies);
    reader_release(reader);
    record_versions_free(versions);
    readers_free(readers);
}

Test(record_cache, a_record_that_is_too_large_is_not_kept)
{
    struct readers *readers = readers_new();
    struct reader *reader = readers_claim(readers, &readers, 0);
    struct record_versions *versions = record_versions_new(readers, (size_t)16 * 1024);
    union {
        struct session session;
        char bytes[8 * 1024];
    } large = {.session = {.size = sizeof large, .created_revision = 2}};
    struct session small = session_of(&large.session.id, 1);
    struct record_image image = {2, &large, sizeof large};
    struct record_image before = {1, &small, sizeof small};
    struct record_change change = {record_key(RECORD_SESSION, &small.id), 2, false, &large,
                                   sizeof large};
    struct reader_pins pins = {.count = 0};
    struct record_cache_stats result;
    struct record_load load;

    cr_assert(record_versions_load_begin(versions, RECORD_SESSION, &small.id, &load));
    record_versions_load_end(versions, &load, &image, 2);
    record_versions_stats_read(versions, &result);
    cr_assert_eq(result.records + result.loading, 0);
    /* Nor does a change leave the version before. */
    cr_assert(record_versions_load_begin(versions, RECORD_SESSION, &small.id, &load));
    record_versions_load_end(versions, &load, &before, 1);
    record_versions_apply(versions, &change, 1, &pins);
    record_versions_stats_read(versions, &result);
    cr_assert_eq(result.records + result.loading, 0);
    cr_assert(record_versions_load_begin(versions, RECORD_SESSION, &small.id, &load));
    record_versions_apply(versions, &change, 1, &pins);
    record_versions_load_end(versions, &load, &before, 1);
    record_versions_stats_read(versions, &result);
    cr_assert_eq(result.records + result.loading, 0);
    reader_release(reader);
    record_versions_free(versions);
    readers_free(readers);
}
