/* test_record_upgrade.c - a store of the format without records becomes one with them.
 * tests/golden/store/version-1.tar.gz is a data directory that release 0.1.0 left when it was
 * killed: five revisions, of which the last is only in the log. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/kv_fault.h"
#include "tests/unit/test_record_support.h"

#define EDGES 3

static char path[64];

static void
unpack(void)
{
    char command[256];

    store_test_directory(path);
    (void)snprintf(command, sizeof command,
                   "tar --no-same-owner -xpzf tests/golden/store/version-1.tar.gz -C %s", path);
    cr_assert_eq(system(command), 0);
}

static void
clean(void)
{
    store_test_directory_remove(path);
}

static void
expect_all(struct store *store)
{
    cr_assert_eq(store_head_revision(store), 5);
    cr_assert_eq(store_test_count(store, EDGE_FORWARD, 5), EDGES);
    cr_assert_eq(store_test_count(store, EDGE_REVERSE, 2), 2); /* one of them is in history now */
    cr_assert_not(store_needs_stop(store));
    OK(store_verify(store, &store_error));
}

Test(record_upgrade, of_a_store_of_the_former_release_keeps_all_of_it, .init = unpack,
     .fini = clean)
{
    struct store *store = store_test_open(path);
    uint8_t incarnation[INCARNATION_SIZE];

    expect_all(store);
    memcpy(incarnation, store_incarnation(store).data, sizeof incarnation);
    cr_assert_eq(record_test_write(store, RECORD_STOP, 1, 0, "stop"), 6);
    store_close(store);
    store = store_test_open(path);
    cr_assert_eq(memcmp(incarnation, store_incarnation(store).data, sizeof incarnation), 0);
    cr_assert_str_eq(record_test_read(store, 6, RECORD_STOP, 1).body, "stop");
    cr_assert_not(store_needs_stop(store));
    OK(store_verify(store, &store_error));
    store_close(store);
}

Test(record_upgrade, does_not_happen_where_a_store_is_only_read, .init = unpack, .fini = clean)
{
    const struct store_options options = {.path = path, .env = store_test_env(), .read_only = true};
    char fills[RECORD_TEXT_MAX];
    const struct slice all = {NULL, 0};

    for (int round = 0; round < 2; round++) {
        struct store *store = NULL;

        OK(store_open(&options, &store, &store_error));
        cr_assert_not(kv_is_complete(store->kv));
        expect_all(store);
        cr_assert_eq(record_test_scan(store, RECORD_INDEX_ENDS, all, all, fills), 0);
        cr_assert_not(record_test_read(store, 5, RECORD_GRANT, 1).found);
        store_close(store);
    }
}

/* --- crashes within the upgrade --- */

static struct kv *below;
static struct kv_fault control;

static enum status
open_over(struct store **store)
{
    const struct store_options options = {.env = store_test_env()};

    return store_open_on(kv_fault_open(below, &control), &options, store, &store_error);
}

/* A store as the former release makes it, in memory. */
static void
make_former(void)
{
    const struct kv_change changes[] = {
        {KV_META, false, META_FORMAT, {"\0\0\0\1", 4}},
        {KV_META, true, META_STOPPED, {NULL, 0}},
    };
    struct store *store = NULL;

    control = (struct kv_fault){.status = BEHALF_STORAGE_FAILED};
    OK(kv_open_memory(&below, &store_error));
    OK(open_over(&store));
    (void)store_test_write(store, "doc:a", "viewer", "user:ann");
    store_close(store);
    OK(kv_write(below, changes, BEHALF_COUNT_OF(changes), true, &store_error));
}

static void
expect_one_edge(struct store *store)
{
    cr_assert_eq(store_test_count(store, EDGE_FORWARD, 1), 1);
    cr_assert_not(store_needs_stop(store));
    OK(store_verify(store, &store_error));
}

Test(record_upgrade, that_is_cut_off_at_any_step_is_done_by_the_next_open)
{
    uint64_t fail_at = 1;
    enum status status = BEHALF_STORAGE_FAILED;

    /* Each failing operation in turn, once where nothing was written and once where it was. */
    while (status != BEHALF_OK) {
        for (int anyway = 0; anyway < 2; anyway++) {
            struct store *store = NULL;

            make_former();
            control = (struct kv_fault){.fail_at = fail_at,
                                        .for_ever = true,
                                        .status = BEHALF_STORAGE_FAILED,
                                        .write_anyway = anyway == 1,
                                        .incomplete = true};
            status = open_over(&store);
            store_close(store);
            control = (struct kv_fault){.incomplete = control.incomplete};
            OK(open_over(&store));
            expect_one_edge(store);
            cr_assert(kv_is_complete(store->kv));
            (void)record_test_write(store, RECORD_GRANT, 1, 5, "grant");
            store_close(store);
            kv_close(below);
        }
        fail_at++;
    }
    cr_assert_gt(fail_at, 5);
}

/* Stops would be missing with their family, and revoked consent would pass again. */
Test(record_upgrade, does_not_make_up_for_families_that_were_lost)
{
    struct store *store = NULL;

    control = (struct kv_fault){.status = BEHALF_STORAGE_FAILED};
    OK(kv_open_memory(&below, &store_error));
    OK(open_over(&store));
    store_close(store);
    control.incomplete = true;
    FAILS(open_over(&store), BEHALF_STORAGE_CORRUPT);
    cr_assert_not_null(strstr(store_error.message, "family"), "%s", store_error.message);
    cr_assert(control.incomplete);
    kv_close(below);
}
