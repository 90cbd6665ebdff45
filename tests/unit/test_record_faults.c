/* test_record_faults.c - records when storage fails or the process ends between any two steps. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/kv_fault.h"
#include "tests/unit/test_record_support.h"

static struct kv *below;
static struct kv_fault control;

static enum status
open_over(struct store **store)
{
    const struct store_options options = {.env = store_test_env()};

    return store_open_on(kv_fault_open(below, &control), &options, store, &store_error);
}

/* Two versions of a grant, a stop, a session. */
static void
prepare(void)
{
    struct store *store = NULL;

    control = (struct kv_fault){.status = BEHALF_STORAGE_FAILED};
    OK(kv_open_memory(&below, &store_error));
    OK(open_over(&store));
    (void)record_test_write(store, RECORD_GRANT, 1, 50, "one");
    (void)record_test_write(store, RECORD_GRANT, 1, 50, "two");
    (void)record_test_write(store, RECORD_STOP, 2, 0, "stop");
    (void)record_test_write(store, RECORD_SESSION, 3, 40, "session");
    store_close(store);
}

static void
finish(void)
{
    kv_close(below);
}

static bool
count_one(void *context, const struct store_record *record)
{
    size_t *count = context;

    (void)record;
    (*count)++;
    return true;
}

static enum status
read_found(const struct store_snapshot *snapshot, uint64_t revision, enum record_kind kind,
           uint8_t fill, bool expected)
{
    const struct store_record_key key = record_test_key(kind, fill);
    struct store_record record;
    struct buffer bytes;
    bool found = !expected;
    enum status status;

    buffer_init(&bytes);
    status = store_record_find(snapshot, revision, &key, &record, &bytes, &found, &store_error);
    cr_assert(status != BEHALF_OK || found == expected);
    buffer_release(&bytes);
    return status;
}

/* All reads of records; the first failure ends it. What is answered is complete and true. */
static enum status
read_all(void)
{
    const struct slice all = {NULL, 0};
    struct store *store = NULL;
    struct store_snapshot *snapshot = NULL;
    struct store_record_scan *scan = NULL;
    struct store_record_key keys[4];
    struct slice entry;
    size_t count = 0;
    int64_t time_ns;
    bool found = true;
    enum status status = open_over(&store);

    if (status == BEHALF_OK)
        status = store_snapshot_open(store, &snapshot, &store_error);
    for (uint64_t revision = 0; status == BEHALF_OK && revision <= 4; revision++) {
        status = read_found(snapshot, revision, RECORD_GRANT, 1, revision > 0);
        if (status == BEHALF_OK)
            status = read_found(snapshot, revision, RECORD_STOP, 2, revision > 2);
    }
    if (status == BEHALF_OK)
        status = store_records(snapshot, RECORD_STOP, count_one, &count, &store_error);
    cr_assert(status != BEHALF_OK || count == 1);
    if (status == BEHALF_OK)
        status =
            store_record_scan_open(snapshot, RECORD_INDEX_AGENT, all, all, &scan, &store_error);
    for (count = 0; status == BEHALF_OK; count += status == BEHALF_OK)
        status = store_record_scan_next(scan, keys, &entry, &store_error);
    cr_assert(status != BEHALF_DONE || count == 1);
    store_record_scan_close(scan);
    if (status == BEHALF_DONE)
        status = store_records_ended(snapshot, 100, keys, 4, &count, &store_error);
    cr_assert(status != BEHALF_OK || count == 2);
    if (status == BEHALF_OK)
        status = store_records_written(snapshot, 3, keys, 4, &count, &store_error);
    cr_assert(status != BEHALF_OK || count == 1);
    if (status == BEHALF_OK)
        status = store_seen_read(store, keys[0].id, &time_ns, &found, &store_error);
    cr_assert(status != BEHALF_OK || !found);
    if (status == BEHALF_OK)
        status = store_verify(store, &store_error);
    store_snapshot_close(snapshot);
    store_close(store);
    return status;
}

Test(record_faults, a_read_error_is_never_an_answer, .init = prepare, .fini = finish)
{
    uint64_t fail_at = 1;
    enum status status;

    do {
        control = (struct kv_fault){.fail_at = fail_at, .status = BEHALF_STORAGE_FAILED};
        status = read_all();
        cr_assert(status == BEHALF_OK || status == BEHALF_STORAGE_FAILED, "%s at operation %zu",
                  status_name(status), (size_t)fail_at);
        fail_at++;
    } while (status != BEHALF_OK);
    cr_assert_gt(fail_at, 100);
}

static struct store *racing;

static void
give_up_history(void)
{
    control.before_scan = NULL;
    OK(store_set_horizon(racing, 3, &store_error));
}

/* The version that a reader looks for may be dropped while it looks: it is gone then, and not
 * absent. */
Test(record_faults, history_given_up_under_a_read_is_no_absence, .init = prepare, .fini = finish)
{
    const struct store_record_key key = record_test_key(RECORD_GRANT, 1);
    struct store_snapshot *snapshot = NULL;
    struct store_record record;
    struct buffer bytes;
    bool found = false;

    buffer_init(&bytes);
    OK(open_over(&racing));
    OK(store_snapshot_open(racing, &snapshot, &store_error));
    control.before_scan = give_up_history;
    FAILS(store_record_find(snapshot, 1, &key, &record, &bytes, &found, &store_error),
          BEHALF_REVISION_EXPIRED);
    cr_assert_null(control.before_scan);
    store_snapshot_close(snapshot);
    store_close(racing);
    buffer_release(&bytes);
}

/* One transaction with everything: a put over a version, a new record, a removal. */
static enum status
write_all(struct store *store)
{
    const struct store_record_key session = record_test_key(RECORD_SESSION, 3);
    struct store_record grant = {.key = record_test_key(RECORD_GRANT, 1), .ends = 60};
    struct store_record uses = {.key = record_test_key(RECORD_USES, 1), .ends = 60};
    struct store_transaction *transaction = NULL;
    uint64_t revision;
    enum status status = store_transaction_begin(store, &transaction, &store_error);

    if (status == BEHALF_OK)
        status = store_transaction_record_put(transaction, &grant, &store_error);
    if (status == BEHALF_OK)
        status = store_transaction_record_put(transaction, &uses, &store_error);
    if (status == BEHALF_OK)
        status = store_transaction_record_remove(transaction, &session, &store_error);
    if (status != BEHALF_OK) {
        store_transaction_abort(transaction);
        return status;
    }
    status = store_transaction_commit(transaction, store_test_wall_ns, &revision, &store_error);
    return status == BEHALF_OK ? store_sync(store, &store_error) : status;
}

Test(record_faults, a_write_that_ends_at_any_step_leaves_all_or_nothing)
{
    uint64_t fail_at = 1;
    unsigned counts[2] = {0, 0};
    enum status status = BEHALF_STORAGE_FAILED;

    while (status != BEHALF_OK) {
        for (int anyway = 0; anyway < 2; anyway++) {
            struct store *store = NULL;
            char fills[RECORD_TEXT_MAX];
            const struct slice all = {NULL, 0};
            bool whole;

            prepare();
            OK(open_over(&store));
            control = (struct kv_fault){.fail_at = fail_at,
                                        .for_ever = true,
                                        .status = BEHALF_STORAGE_FAILED,
                                        .write_anyway = anyway == 1};
            status = write_all(store);
            store_close(store);
            control = (struct kv_fault){.fail_at = 0};
            OK(open_over(&store));
            whole = store_head_revision(store) == 5;
            cr_assert(whole || status != BEHALF_OK);
            cr_assert_eq(record_test_read(store, 4 + whole, RECORD_GRANT, 1).ends, whole ? 60 : 50);
            cr_assert_eq(record_test_read(store, 4 + whole, RECORD_USES, 1).found, whole);
            cr_assert_eq(record_test_read(store, 4 + whole, RECORD_SESSION, 3).found, !whole);
            cr_assert_eq(record_test_scan(store, RECORD_INDEX_ENDS, all, all, fills), 2);
            cr_assert_eq(record_test_scan(store, RECORD_INDEX_PRINCIPAL, all, all, fills), !whole);
            OK(store_verify(store, &store_error));
            store_close(store);
            finish();
            counts[whole]++;
        }
        fail_at++;
    }
    cr_assert(counts[0] > 4 && counts[1] > 1, "%u and %u", counts[0], counts[1]);
}

/* --- a killed process, and a log that ends anywhere --- */

#define TRANSACTIONS 6

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

/* Revision r puts grant 1 with the body r, session r, and removes session r - 1. */
static void
write_and_be_killed(void)
{
    pid_t child = fork();
    int result = 0;

    cr_assert_geq(child, 0);
    if (child == 0) {
        struct store *store = store_test_open(path);
        char body[2] = "0";

        for (uint8_t number = 1; number <= TRANSACTIONS; number++) {
            struct store_transaction *transaction = store_test_begin(store);

            body[0] = (char)('0' + number);
            record_test_put(transaction, RECORD_GRANT, 1, 50 + number, body);
            record_test_put(transaction, RECORD_SESSION, number, 50, body);
            record_test_remove(transaction, RECORD_SESSION, (uint8_t)(number - 1));
            (void)store_test_commit(transaction);
        }
        (void)kill(getpid(), SIGKILL);
    }
    cr_assert_eq(waitpid(child, &result, 0), child);
    cr_assert(WIFSIGNALED(result) && WTERMSIG(result) == SIGKILL);
}

static uint64_t
expect_whole_revision(const char *copy)
{
    struct store *store = store_test_open(copy);
    uint64_t head = store_head_revision(store);
    char fills[RECORD_TEXT_MAX];
    const struct slice all = {NULL, 0};

    OK(store_verify(store, &store_error));
    for (uint64_t revision = 1; revision <= head; revision++) {
        struct record_seen seen = record_test_read(store, revision, RECORD_GRANT, 1);

        cr_assert(seen.found && seen.body[0] == (char)('0' + revision));
        for (uint8_t session = 1; session <= TRANSACTIONS; session++)
            cr_assert_eq(record_test_read(store, revision, RECORD_SESSION, session).found,
                         session == revision);
    }
    cr_assert_eq(record_test_scan(store, RECORD_INDEX_PRINCIPAL, all, all, fills), head > 0);
    store_close(store);
    return head;
}

/* The size of the newest log of a store, which is cut to `size` unless that is negative. */
static off_t
log_cut(const char *data, off_t size)
{
    char command[256];
    char name[256] = "";
    struct stat about;
    FILE *listing;

    (void)snprintf(command, sizeof command, "ls %s/db/*.log | sort | tail -1", data);
    listing = popen(command, "re");
    cr_assert_not_null(listing);
    cr_assert_not_null(fgets(name, sizeof name, listing));
    (void)pclose(listing);
    name[strcspn(name, "\n")] = '\0';
    if (size >= 0)
        cr_assert_eq(truncate(name, size), 0);
    cr_assert_eq(stat(name, &about), 0);
    return about.st_size;
}

Test(record_faults, a_log_cut_anywhere_has_whole_transactions, .init = make, .fini = clean)
{
    unsigned reached = 0; /* bit r: some cut left revision r as the last */
    off_t size;

    write_and_be_killed();
    size = log_cut(path, -1);
    cr_assert_gt(size, 1000);
    for (off_t at = size; at >= 0; at -= 61) {
        char command[256];
        char copy[64];

        store_test_directory(copy);
        (void)snprintf(command, sizeof command, "cp -a %s/. %s", path, copy);
        cr_assert_eq(system(command), 0);
        (void)log_cut(copy, at);
        reached |= 1U << expect_whole_revision(copy);
        store_test_directory_remove(copy);
    }
    cr_assert_eq(reached, (1U << (TRANSACTIONS + 1)) - 1);
}
