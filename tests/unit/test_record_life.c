/* test_record_life.c - incarnations and the stop that each but the first begins with, and when
 * sessions were used last: what belongs to one store alone. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/kv_fault.h"
#include "tests/unit/test_record_support.h"

static char path[64];

static void
make(void)
{
    store_test_directory(path);
}

static void
clean(void)
{
    store_test_directory_remove(path);
}

static void
remember(const struct store *store, uint8_t incarnation[INCARNATION_SIZE])
{
    memcpy(incarnation, store_incarnation(store).data, INCARNATION_SIZE);
}

static bool
lives_as(const struct store *store, const uint8_t incarnation[INCARNATION_SIZE])
{
    return memcmp(store_incarnation(store).data, incarnation, INCARNATION_SIZE) == 0;
}

/* What the engine does at the first open of an incarnation. */
static uint64_t
order_stop(struct store *store)
{
    struct store_transaction *transaction = store_test_begin(store);

    record_test_put(transaction, RECORD_STOP, 0, 0, "everything");
    store_transaction_stopped(transaction);
    return store_test_commit(transaction);
}

/* --- when a stop is needed --- */

Test(record_life, begins_with_a_stop_when_it_is_a_new_one, .init = make, .fini = clean)
{
    struct store *store = store_test_open(path);

    cr_assert_not(store_needs_stop(store));
    (void)store_test_write(store, "doc:a", "viewer", "user:ann");
    OK(store_renew(store, &store_error));
    cr_assert(store_needs_stop(store));
    store_close(store);
    store = store_test_open(path); /* it stays so over any number of starts */
    store_close(store);
    store = store_test_open(path);
    cr_assert(store_needs_stop(store));
    store_transaction_abort(store_test_begin(store));
    cr_assert_eq(order_stop(store), 2);
    cr_assert_not(store_needs_stop(store));
    OK(store_sync(store, &store_error));
    store_close(store);
    store = store_test_open(path);
    cr_assert_not(store_needs_stop(store));
    OK(store_verify(store, &store_error));
    store_close(store);
}

Test(record_life, of_an_aborted_stop_still_needs_one)
{
    struct store *store = store_test_open(NULL);
    struct store_transaction *transaction;

    OK(store_renew(store, &store_error));
    transaction = store_test_begin(store);
    store_transaction_stopped(transaction);
    store_transaction_abort(transaction);
    cr_assert(store_needs_stop(store));
    store_close(store);
}

/* --- crash points --- */

static struct kv *below;
static struct kv_fault control;

static enum status
open_over(struct store **store)
{
    const struct store_options options = {.env = store_test_env()};

    return store_open_on(kv_fault_open(below, &control), &options, store, &store_error);
}

static enum status
stop_or_fail(struct store *store)
{
    struct store_record record = {.key = record_test_key(RECORD_STOP, 0)};
    struct store_transaction *transaction = NULL;
    uint64_t revision;
    enum status status = store_transaction_begin(store, &transaction, &store_error);

    if (status == BEHALF_OK)
        status = store_transaction_record_put(transaction, &record, &store_error);
    if (status != BEHALF_OK) {
        store_transaction_abort(transaction);
        return status;
    }
    store_transaction_stopped(transaction);
    status = store_transaction_commit(transaction, store_test_wall_ns, &revision, &store_error);
    return status == BEHALF_OK ? store_sync(store, &store_error) : status;
}

/* The stop and the mark that it was ordered are one batch: whatever fails, a start finds both or
 * neither, and in the second case orders the stop. */
Test(record_life, that_crashes_between_renewal_and_stop_needs_the_stop_again)
{
    uint64_t fail_at = 1;
    unsigned needed = 0;
    enum status status = BEHALF_STORAGE_FAILED;

    while (status != BEHALF_OK) {
        for (int anyway = 0; anyway < 2; anyway++) {
            struct store *store = NULL;
            bool stopped;

            control = (struct kv_fault){.status = BEHALF_STORAGE_FAILED};
            OK(kv_open_memory(&below, &store_error));
            OK(open_over(&store));
            (void)record_test_write(store, RECORD_SESSION, 1, 100, "session");
            OK(store_renew(store, &store_error));
            control = (struct kv_fault){.fail_at = fail_at,
                                        .for_ever = true,
                                        .status = BEHALF_STORAGE_FAILED,
                                        .write_anyway = anyway == 1};
            status = stop_or_fail(store);
            store_close(store);
            control = (struct kv_fault){.fail_at = 0};
            OK(open_over(&store));
            stopped = record_test_read(store, store_head_revision(store), RECORD_STOP, 0).found;
            cr_assert_eq(stopped, !store_needs_stop(store), "at operation %zu", (size_t)fail_at);
            cr_assert(stopped || status != BEHALF_OK);
            needed += !stopped;
            OK(store_verify(store, &store_error));
            store_close(store);
            kv_close(below);
        }
        fail_at++;
    }
    cr_assert_gt(needed, 1);
}

Test(record_life, that_could_not_be_renewed_is_the_old_one_or_the_new_one_with_a_stop)
{
    uint8_t old[INCARNATION_SIZE];

    for (int anyway = 0; anyway < 2; anyway++) {
        struct store *store = NULL;

        control = (struct kv_fault){.status = BEHALF_STORAGE_FAILED};
        OK(kv_open_memory(&below, &store_error));
        OK(open_over(&store));
        remember(store, old);
        control.fail_writes = true;
        control.write_anyway = anyway == 1;
        FAILS(store_renew(store, &store_error), BEHALF_STORAGE_FAILED);
        store_close(store);
        control = (struct kv_fault){.fail_at = 0};
        OK(open_over(&store));
        cr_assert_eq(lives_as(store, old), !store_needs_stop(store));
        cr_assert_eq(lives_as(store, old), anyway == 0);
        store_close(store);
        kv_close(below);
    }
}

/* --- losses that are accepted --- */

static void
mark_name(char name[96])
{
    (void)snprintf(name, 96, "%s/HWM", path);
}

static size_t
mark_copy(char bytes[256])
{
    char name[96];
    FILE *file;
    size_t size;

    mark_name(name);
    file = fopen(name, "re");
    cr_assert_not_null(file);
    size = fread(bytes, 1, 256, file);
    (void)fclose(file);
    return size;
}

static void
mark_restore(const char *bytes, size_t size)
{
    char name[96];
    FILE *file;

    mark_name(name);
    file = fopen(name, "we");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}

Test(record_life, is_a_new_one_where_no_mark_says_what_was_acknowledged, .init = make,
     .fini = clean)
{
    struct store *store = store_test_open(path);
    uint8_t old[INCARNATION_SIZE];
    char name[96];

    mark_name(name);
    remember(store, old);
    store_close(store);
    cr_assert_eq(unlink(name), 0); /* of a store in which nothing was written, nothing was lost */
    store = store_test_open(path);
    cr_assert(lives_as(store, old) && !store_needs_stop(store));
    (void)store_test_write(store, "doc:a", "viewer", "user:ann");
    OK(store_sync(store, &store_error));
    store_close(store);
    cr_assert_eq(unlink(name), 0);
    store = store_test_open(path);
    cr_assert(!lives_as(store, old) && store_needs_stop(store));
    remember(store, old);
    store_close(store);
    store = store_test_open(path); /* the mark is there again */
    cr_assert(lives_as(store, old) && store_needs_stop(store));
    store_close(store);
}

/* The process may end after the new incarnation is durable and before the mark has it. */
Test(record_life, opens_with_the_mark_of_the_one_before_until_its_stop_was_ordered, .init = make,
     .fini = clean)
{
    const struct store_options options = {.path = path, .env = store_test_env()};
    struct store *store = store_test_open(path);
    char before[256];
    size_t size;

    (void)store_test_write(store, "doc:a", "viewer", "user:ann");
    OK(store_sync(store, &store_error));
    store_settle(store);
    size = mark_copy(before);
    OK(store_renew(store, &store_error));
    store_close(store);
    mark_restore(before, size);
    store = store_test_open(path);
    cr_assert(store_needs_stop(store));
    (void)order_stop(store);
    OK(store_sync(store, &store_error));
    store_close(store);
    mark_restore(before, size); /* from now on it is the mark of another store */
    FAILS(store_open(&options, &store, &store_error), BEHALF_STORAGE_CORRUPT);
    cr_assert_not_null(strstr(store_error.message, "different stores"), "%s", store_error.message);
}

/* The mark of the incarnation before still tells what was lost. */
Test(record_life, below_the_mark_of_the_one_before_is_refused, .init = make, .fini = clean)
{
    const struct store_options options = {.path = path, .env = store_test_env()};
    struct store *store = store_test_open(path);
    char early[512];
    char command[256];
    char later[256];
    size_t size;

    (void)store_test_write(store, "doc:a", "viewer", "user:ann");
    OK(store_renew(store, &store_error));
    store_close(store);
    (void)snprintf(early, sizeof early, "%s/db.early", path);
    (void)snprintf(command, sizeof command, "cp -a %s/db %s/db.early", path, path);
    cr_assert_eq(system(command), 0);
    store = store_test_open(path);
    (void)store_test_write(store, "doc:b", "viewer", "user:ann");
    OK(store_sync(store, &store_error));
    store_close(store);
    size = mark_copy(later);
    (void)snprintf(command, sizeof command, "%s/db", path);
    store_test_directory_remove(command);
    cr_assert_eq(rename(early, command), 0);
    mark_restore(later, size);
    FAILS(store_open(&options, &store, &store_error), BEHALF_STORAGE_CORRUPT);
    cr_assert_not_null(strstr(store_error.message, "acknowledged data lost"), "%s",
                       store_error.message);
}

/* --- when sessions were used last --- */

static bool
seen_at(struct store *store, uint8_t fill, int64_t *time_ns)
{
    struct store_record_key key = record_test_key(RECORD_SESSION, fill);
    bool found = false;

    OK(store_seen_read(store, key.id, time_ns, &found, &store_error));
    return found;
}

static void
see(struct store *store, uint8_t fill, int64_t time_ns)
{
    struct store_seen seen = {.time_ns = time_ns};

    memset(seen.session, fill, sizeof seen.session);
    OK(store_set_seen(store, &seen, 1, &store_error));
}

Test(record_life, keeps_when_sessions_were_used_and_forgets_it_with_them, .init = make,
     .fini = clean)
{
    struct store *store = store_test_open(path);
    int64_t time_ns = -1;

    (void)record_test_write(store, RECORD_SESSION, 1, 100, "");
    cr_assert_not(seen_at(store, 1, &time_ns));
    see(store, 1, 50);
    see(store, 1, 70);
    see(store, 2, 60); /* of no session: left out */
    OK(store_sync(store, &store_error));
    store_close(store);
    store = store_test_open(path);
    cr_assert(seen_at(store, 1, &time_ns));
    cr_assert_eq(time_ns, 70);
    cr_assert_not(seen_at(store, 2, &time_ns));
    (void)record_test_write(store, RECORD_SESSION, 1, 100, "changed");
    cr_assert(seen_at(store, 1, &time_ns)); /* a new version of the session keeps it */
    (void)record_test_drop(store, RECORD_SESSION, 1);
    cr_assert_not(seen_at(store, 1, &time_ns));
    OK(store_verify(store, &store_error));
    store_close(store);
}

Test(record_life, keeps_of_many_sessions_those_that_exist)
{
    struct store *store = store_test_open(NULL);
    struct store_seen seen[3] = {{.time_ns = 1}, {.time_ns = 2}, {.time_ns = 3}};
    int64_t time_ns = 0;

    for (uint8_t at = 0; at < 3; at++)
        memset(seen[at].session, at, sizeof seen[at].session);
    (void)record_test_write(store, RECORD_SESSION, 0, 100, "");
    (void)record_test_write(store, RECORD_SESSION, 2, 100, "");
    OK(store_set_seen(store, seen, 3, &store_error));
    OK(store_set_seen(store, NULL, 0, &store_error));
    cr_assert(seen_at(store, 0, &time_ns) && time_ns == 1);
    cr_assert_not(seen_at(store, 1, &time_ns));
    cr_assert(seen_at(store, 2, &time_ns) && time_ns == 3);
    store_close(store);
}

/* It takes no revision, and a replay knows nothing of it; neither does it of the stop's mark. */
Test(record_life, is_in_no_changelog_entry)
{
    struct store *store = store_test_open(NULL);
    struct store *copy = store_test_open(NULL);
    struct store_snapshot *snapshot = NULL;
    struct buffer entry;
    int64_t time_ns;

    buffer_init(&entry);
    (void)record_test_write(store, RECORD_SESSION, 1, 100, "");
    see(store, 1, 50);
    cr_assert_eq(store_head_revision(store), 1);
    OK(store_renew(store, &store_error));
    (void)order_stop(store);
    OK(store_snapshot_open(store, &snapshot, &store_error));
    for (uint64_t revision = 1; revision <= 2; revision++) {
        OK(store_changelog_read(snapshot, revision, &entry, &store_error));
        OK(store_replay(copy, buffer_slice(&entry), &store_error));
    }
    cr_assert_not(seen_at(copy, 1, &time_ns));
    cr_assert_not(store_needs_stop(copy));
    OK(store_verify(copy, &store_error));
    store_snapshot_close(snapshot);
    buffer_release(&entry);
    store_close(copy);
    store_close(store);
}

/* A failed write of it has an unknown outcome, as any: nothing is written on top. */
Test(record_life, that_cannot_be_kept_stops_writes)
{
    struct store_seen seen = {.time_ns = 1};
    struct store_transaction *transaction = NULL;
    struct store *store = NULL;

    control = (struct kv_fault){.status = BEHALF_STORAGE_FAILED};
    OK(kv_open_memory(&below, &store_error));
    OK(open_over(&store));
    (void)record_test_write(store, RECORD_SESSION, 0, 100, "");
    control.fail_writes = true;
    FAILS(store_set_seen(store, &seen, 1, &store_error), BEHALF_STORAGE_FAILED);
    control.fail_writes = false;
    FAILS(store_set_seen(store, &seen, 1, &store_error), BEHALF_SERVICE_READ_ONLY);
    FAILS(store_transaction_begin(store, &transaction, &store_error), BEHALF_SERVICE_READ_ONLY);
    store_close(store);
    kv_close(below);
}
