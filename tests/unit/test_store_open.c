/* test_store_open.c - the data directory is made, locked, marked, and refused when not right. */
#include "tests/unit/test_store_support.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/kv_adapter.h"

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
expect_refused(enum status status, const char *words)
{
    const struct store_options options = {.path = path, .env = store_test_env()};
    struct store *store = NULL;

    FAILS(store_open(&options, &store, &store_error), status);
    cr_assert_not_null(strstr(store_error.message, words), "%s", store_error.message);
    cr_assert_not_null(strstr(store_error.message, path), "%s", store_error.message);
}

/* The newest log of the storage engine. */
static void
log_path(char name[512])
{
    char folder[96];
    const struct dirent *entry;
    DIR *listing;
    long newest = -1;

    (void)snprintf(folder, sizeof folder, "%s/db", path);
    listing = opendir(folder);
    cr_assert_not_null(listing);
    while ((entry = readdir(listing)) != NULL) {
        char *end;
        long number = strtol(entry->d_name, &end, 10);

        if (end != entry->d_name && strcmp(end, ".log") == 0 && number > newest) {
            newest = number;
            (void)snprintf(name, 512, "%s/%s", folder, entry->d_name);
        }
    }
    (void)closedir(listing);
    cr_assert_geq(newest, 0);
}

static off_t
size_of(const char *name)
{
    struct stat about;

    cr_assert_eq(stat(name, &about), 0);
    return about.st_size;
}

static void
flip_byte(const char *name, off_t at)
{
    int file = open(name, O_RDWR | O_CLOEXEC);
    char byte;

    cr_assert_geq(file, 0);
    cr_assert_eq(pread(file, &byte, 1, at), 1);
    byte = (char)~byte;
    cr_assert_eq(pwrite(file, &byte, 1, at), 1);
    (void)close(file);
}

/* Ten revisions, the first `synced` of them acknowledged, written by a process that is gone before
 * it could close the store: a clean stop would leave no log to damage. */
static void
write_ten(uint64_t synced)
{
    pid_t child = fork();
    int result = 0;

    cr_assert_geq(child, 0);
    if (child == 0) {
        struct store *store = store_test_open(path);
        char subject[16];

        for (unsigned number = 1; number <= 10; number++) {
            (void)snprintf(subject, sizeof subject, "user:%u", number);
            (void)store_test_write(store, "doc:a", "viewer", subject);
            if (number <= synced)
                OK(store_sync(store, &store_error));
        }
        (void)kill(getpid(), SIGKILL);
    }
    cr_assert_eq(waitpid(child, &result, 0), child);
    cr_assert(WIFSIGNALED(result) && WTERMSIG(result) == SIGKILL);
}

Test(store_open, what_was_synced_is_there_after_reopening, .init = make, .fini = clean)
{
    struct store *store;
    uint8_t incarnation[INCARNATION_SIZE];
    uint8_t secret[STORE_SECRET_SIZE];

    write_ten(10);
    store = store_test_open(path);
    cr_assert_eq(store_head_revision(store), 10);
    cr_assert_eq(store_test_count(store, EDGE_REVERSE, 10), 10);
    cr_assert_eq(store_test_count(store, EDGE_REVERSE, 4), 4);
    memcpy(incarnation, store_incarnation(store).data, sizeof incarnation);
    memcpy(secret, store_secret(store).data, sizeof secret);
    cr_assert_neq(store_label_find(store, LABEL_TYPE, slice_of("doc")), LABEL_NONE);
    OK(store_verify(store, &store_error));
    (void)store_test_write(store, "doc:b", "viewer", "user:1");
    OK(store_set_horizon(store, 5, &store_error));
    store_close(store);
    store = store_test_open(path);
    cr_assert_eq(store_horizon(store), 5);
    cr_assert_eq(store_head_revision(store), 11);
    cr_assert_eq(memcmp(incarnation, store_incarnation(store).data, sizeof incarnation), 0);
    cr_assert_eq(memcmp(secret, store_secret(store).data, sizeof secret), 0);
    OK(store_verify(store, &store_error));
    store_close(store);
}

Test(store_open, the_directory_is_the_owners_alone, .init = make, .fini = clean)
{
    char inner[96];
    struct stat about;
    struct store *store;
    const struct store_options options = {.path = inner, .env = store_test_env()};

    (void)snprintf(inner, sizeof inner, "%s/data", path);
    OK(store_open(&options, &store, &store_error));
    store_close(store);
    cr_assert_eq(stat(inner, &about), 0);
    cr_assert_eq(about.st_mode & 0777, 0700);
    (void)snprintf(inner, sizeof inner, "%s/data/db", path);
    cr_assert_eq(stat(inner, &about), 0);
    cr_assert_eq(about.st_mode & 0777, 0700);
}

/* Ends a first start after so many of its files came into being. */
static bool
start_is_cut_off_after(rlim_t descriptors)
{
    const struct store_options options = {.path = path, .env = store_test_env()};
    const struct rlimit limit = {descriptors, descriptors};
    struct store *store = NULL;
    pid_t child = fork();
    int result = 0;

    cr_assert_geq(child, 0);
    if (child == 0) {
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        if (store_open(&options, &store, &store_error) == BEHALF_OK)
            _exit(0);
        (void)kill(getpid(), SIGKILL);
    }
    cr_assert_eq(waitpid(child, &result, 0), child);
    return WIFSIGNALED(result);
}

Test(store_open, a_first_start_that_is_cut_off_is_begun_again, .init = make, .fini = clean)
{
    unsigned cut_off = 0;

    for (rlim_t descriptors = 3; start_is_cut_off_after(descriptors); descriptors++) {
        cut_off++;
        store_close(store_test_open(path));
        store_test_directory_remove(path);
        store_test_directory(path);
    }
    cr_assert_gt(cut_off, 5);
}

Test(store_open, a_second_opener_is_refused_and_the_first_goes_on, .init = make, .fini = clean)
{
    struct store *store = store_test_open(path);

    expect_refused(BEHALF_STORAGE_FAILED, "used by another process");
    (void)store_test_write(store, "doc:a", "viewer", "user:1");
    OK(store_sync(store, &store_error));
    store_close(store);
    store = store_test_open(path);
    cr_assert_eq(store_head_revision(store), 1);
    store_close(store);
}

Test(store_open, another_format_version_is_refused, .init = make, .fini = clean)
{
    struct store *store = store_test_open(path);
    const struct kv_change change = {KV_META, false, META_FORMAT, {"\0\0\0\7", 4}};

    OK(kv_write(store->kv, &change, 1, true, &store_error));
    store_close(store);
    expect_refused(BEHALF_STORAGE_FAILED, "another format: version 7");
}

Test(store_open, a_file_or_a_missing_parent_is_no_store, .init = make, .fini = clean)
{
    char inner[96];
    const struct store_options options = {.path = inner, .env = store_test_env()};
    struct store *store = NULL;
    int file;

    (void)snprintf(inner, sizeof inner, "%s/no/such", path);
    FAILS(store_open(&options, &store, &store_error), BEHALF_STORAGE_FAILED);
    cr_assert_not_null(strstr(store_error.message, "No such file"), "%s", store_error.message);
    (void)snprintf(inner, sizeof inner, "%s/file", path);
    file = open(inner, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    cr_assert_geq(file, 0);
    (void)close(file);
    FAILS(store_open(&options, &store, &store_error), BEHALF_STORAGE_FAILED);
    cr_assert_not_null(strstr(store_error.message, "not a directory"), "%s", store_error.message);
}

Test(store_open, a_log_that_lost_acknowledged_revisions_is_refused, .init = make, .fini = clean)
{
    char name[512];

    write_ten(10);
    log_path(name);
    cr_assert_eq(truncate(name, size_of(name) / 2), 0);
    expect_refused(BEHALF_STORAGE_CORRUPT, "acknowledged data lost");
    expect_refused(BEHALF_STORAGE_CORRUPT, "acknowledged data lost"); /* and stays refused */
}

Test(store_open, a_log_that_is_gone_is_refused, .init = make, .fini = clean)
{
    char name[512];

    write_ten(10);
    log_path(name);
    cr_assert_eq(unlink(name), 0);
    expect_refused(BEHALF_STORAGE_CORRUPT, "acknowledged data lost");
}

Test(store_open, a_database_that_is_gone_is_refused, .init = make, .fini = clean)
{
    char name[96];

    write_ten(10);
    (void)snprintf(name, sizeof name, "%s/db", path);
    store_test_directory_remove(name);
    expect_refused(BEHALF_STORAGE_CORRUPT, "is gone");
}

Test(store_open, a_tail_behind_the_mark_may_be_torn, .init = make, .fini = clean)
{
    char name[512];
    struct store *store;

    write_ten(4);
    log_path(name);
    cr_assert_eq(truncate(name, size_of(name) - 40), 0);
    store = store_test_open(path);
    cr_assert_eq(store_head_revision(store), 9); /* the last record, and nothing else, is gone */
    cr_assert_not(store_needs_stop(store));
    OK(store_verify(store, &store_error));
    store_close(store);
}

Test(store_open, damage_behind_the_mark_is_cut_off_and_the_damaged_files_are_kept, .init = make,
     .fini = clean)
{
    char name[512];
    struct store *store;

    write_ten(4);
    log_path(name);
    flip_byte(name, size_of(name) - 30); /* in the last record: refused by the first try */
    store = store_test_open(path);
    cr_assert_eq(store_head_revision(store), 9);
    cr_assert(store_needs_stop(store)); /* a revocation may be among what was cut off */
    OK(store_verify(store, &store_error));
    (void)store_test_write(store, "doc:z", "viewer", "user:1");
    OK(store_sync(store, &store_error));
    store_close(store);
    (void)snprintf(name, sizeof name, "%s/db.damaged-1", path);
    cr_assert_eq(access(name, F_OK), 0);
    store = store_test_open(path);
    cr_assert_eq(store_head_revision(store), 10);
    OK(store_verify(store, &store_error));
    store_close(store);
}

/* Between the two renames of an accepted copy there is no `db`, and the mark is of the incarnation
 * before. */
Test(store_open, a_copy_whose_acceptance_was_cut_off_is_accepted_by_the_next_start, .init = make,
     .fini = clean)
{
    char name[512];
    char command[512];
    struct store *store;

    write_ten(4);
    log_path(name);
    flip_byte(name, size_of(name) - 30);
    (void)snprintf(command, sizeof command, "cp -a %s/HWM %s/HWM.old", path, path);
    cr_assert_eq(system(command), 0);
    store_close(store_test_open(path));
    (void)snprintf(command, sizeof command, "cd %s && mv db db.salvage && mv HWM.old HWM", path);
    cr_assert_eq(system(command), 0);
    store = store_test_open(path);
    cr_assert_eq(store_head_revision(store), 9);
    cr_assert(store_needs_stop(store));
    store_close(store);
}

Test(store_open, damage_before_the_mark_is_refused_and_touches_nothing, .init = make, .fini = clean)
{
    char name[512];
    off_t size;

    write_ten(9);
    log_path(name);
    size = size_of(name);
    flip_byte(name, size / 2);
    expect_refused(BEHALF_STORAGE_CORRUPT, "acknowledged data lost");
    cr_assert_eq(size_of(name), size);
    flip_byte(name, size / 2); /* repaired from outside, it opens again */
    store_close(store_test_open(path));
}

/* Whatever byte of the log goes bad after a kill: nothing that was acknowledged is given up. */
Test(store_open, no_damage_of_the_log_costs_what_was_acknowledged, .init = make, .fini = clean)
{
    const struct store_options options = {.path = path, .env = store_test_env()};
    char log[512];
    char name[96];
    unsigned refused = 0;
    off_t size;

    write_ten(10);
    log_path(log);
    size = size_of(log);
    cr_assert_gt(size, 1000);
    (void)snprintf(name, sizeof name, "%s/db.salvage", path);
    /* Opening may write: each attempt has a copy of what the kill left. */
    for (off_t at = size - 1; at >= 0; at -= at > size - 400 ? 9 : 97)
        for (int cut = 0; cut < 2; cut++) {
            char command[1400];
            char copy[64];
            struct store *store = NULL;

            store_test_directory(copy);
            (void)snprintf(command, sizeof command, "cp -a %s/. %s", path, copy);
            cr_assert_eq(system(command), 0);
            (void)snprintf(command, sizeof command, "%s%s", copy, log + strlen(path));
            if (cut)
                cr_assert_eq(truncate(command, at), 0);
            else
                flip_byte(command, at);
            if (store_open(&(struct store_options){.path = copy, .env = options.env}, &store,
                           &store_error) == BEHALF_OK) {
                cr_assert_eq(store_head_revision(store), 10, "byte %lld of %lld", (long long)at,
                             (long long)size);
                store_close(store);
            } else {
                cr_assert_eq(store_error.status, BEHALF_STORAGE_CORRUPT, "%s", store_error.message);
                cr_assert_not_null(strstr(store_error.message, copy), "%s", store_error.message);
                cr_assert_null(strstr(store_error.message, "salvage"), "%s", store_error.message);
                (void)snprintf(name, sizeof name, "%s/db.salvage", copy);
                cr_assert_neq(access(name, F_OK), 0);
                refused++;
            }
            store_test_directory_remove(copy);
        }
    cr_assert_gt(refused, 50);
}

/* A flipped byte of a sorted file is corruption, not a lock. */
Test(store_open, a_damaged_sorted_file_is_said_to_be_damaged, .init = make, .fini = clean)
{
    struct store *store = store_test_open(path);
    char command[256];

    for (unsigned number = 1; number <= 50; number++) {
        char subject[16];

        (void)snprintf(subject, sizeof subject, "user:%u", number);
        (void)store_test_write(store, "doc:a", "viewer", subject);
    }
    OK(store_sync(store, &store_error));
    store_close(store); /* flushes into sorted files */
    (void)snprintf(command, sizeof command,
                   "for f in %s/db/*.sst; do printf '\\377\\377' | "
                   "dd of=$f bs=1 seek=30 conv=notrunc status=none; done",
                   path);
    cr_assert_eq(system(command), 0);
    expect_refused(BEHALF_STORAGE_CORRUPT, "orruption");
}

Test(store_open, a_manifest_that_is_gone_is_named, .init = make, .fini = clean)
{
    char command[256];

    store_close(store_test_open(path));
    (void)snprintf(command, sizeof command, "rm %s/db/MANIFEST-*", path);
    cr_assert_eq(system(command), 0);
    expect_refused(BEHALF_STORAGE_CORRUPT, "/db/MANIFEST-");
    cr_assert_null(strstr(store_error.message, "salvage"), "%s", store_error.message);
}

Test(store_open, texts_of_the_storage_engine_are_classified_by_what_they_mean)
{
    static const struct {
        const char *text;
        enum status status;
        const char *shown; /* NULL = the text */
    } texts[] = {
        {"Corruption: block checksum mismatch: stored = 1, computed = 2, type = 1 in db/000012.sst",
         BEHALF_STORAGE_CORRUPT, NULL},
        {"Corruption: truncated block read from db/000012.sst", BEHALF_STORAGE_CORRUPT, NULL},
        {"Corruption: bad block handle in file lock ", BEHALF_STORAGE_CORRUPT, NULL},
        {"Corruption: No space left on device", BEHALF_STORAGE_CORRUPT, NULL},
        {"IO error: No such file or directory: While opening a file for sequentially reading: "
         "db/MANIFEST-000099: No such file or directory",
         BEHALF_STORAGE_CORRUPT, NULL},
        {"IO error: No space left on device: While appending to file: db/000004.log: No space left "
         "on device",
         BEHALF_STORAGE_FAILED, "the disk is full"},
        {"IO error: lock hold by current process, acquire time 1 acquiring thread 2: db/LOCK: No "
         "locks available",
         BEHALF_STORAGE_FAILED, "used by another process"},
        {"IO error: While lock file: db/LOCK: Resource temporarily unavailable",
         BEHALF_STORAGE_FAILED, "used by another process"},
        {"IO error: While fdatasync: db/000004.log: Input/output error", BEHALF_STORAGE_FAILED,
         NULL},
        {"IO error: While pread: db/block 12.sst: Input/output error", BEHALF_STORAGE_FAILED, NULL},
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(texts); index++) {
        const char *shown = NULL;

        cr_assert_eq(kv_rocksdb_classify(texts[index].text, &shown), texts[index].status, "%s",
                     texts[index].text);
        cr_assert_str_eq(shown,
                         texts[index].shown != NULL ? texts[index].shown : texts[index].text);
    }
}

Test(store_open, a_damaged_mark_is_refused_but_one_torn_slot_is_not, .init = make, .fini = clean)
{
    char name[96];

    write_ten(4);
    (void)snprintf(name, sizeof name, "%s/HWM", path);
    cr_assert_eq(size_of(name), 128);
    flip_byte(name, 20);
    store_close(store_test_open(path)); /* the other slot speaks, and this one is written anew */
    flip_byte(name, 70);
    store_close(store_test_open(path)); /* the new one speaks, and stays: the head is the same */
    flip_byte(name, 20);
    expect_refused(BEHALF_STORAGE_CORRUPT, "high-water mark");
}

/* Marks a revision while files may not grow beyond `size` bytes. */
static enum status
mark_within(struct directory *directory, uint64_t revision, rlim_t size)
{
    enum status status;
    static const uint8_t incarnation[INCARNATION_SIZE] = {1};
    struct rlimit before;
    struct rlimit small;

    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){size, before.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    status = directory_set_mark(directory, revision, incarnation, &store_error);
    directory_sync_mark(directory, 0, false);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    return status;
}

Test(store_open, marks_that_fail_one_after_the_other_leave_the_last_whole_one, .init = make,
     .fini = clean)
{
    struct directory *directory = NULL;
    uint8_t incarnation[INCARNATION_SIZE];
    uint64_t revision = 0;

    (void)signal(SIGXFSZ, SIG_IGN);
    OK(directory_open(path, &directory, &store_error));
    OK(mark_within(directory, 1, 1024));
    FAILS(mark_within(directory, 2, 64 + 10), BEHALF_STORAGE_FAILED);
    FAILS(mark_within(directory, 3, 16), BEHALF_STORAGE_FAILED); /* magic and counter */
    directory_close(directory);
    OK(directory_open(path, &directory, &store_error));
    cr_assert(directory_mark(directory, &revision, incarnation));
    cr_assert_eq(revision, 1);
    directory_close(directory);
}

Test(store_open, what_the_mark_cannot_cover_is_not_acknowledged, .init = make, .fini = clean)
{
    struct store *store = store_test_open(path);
    char name[96];
    int file;

    (void)store_test_write(store, "doc:a", "viewer", "user:1");
    OK(store_sync(store, &store_error));
    (void)snprintf(name, sizeof name, "%s/HWM", path);
    file = open(name, O_RDONLY | O_CLOEXEC); /* in place of the store's own: not to be written */
    cr_assert_geq(file, 0);
    for (int number = 3; number < 64; number++) {
        struct stat mark;
        struct stat about;

        if (number != file && fstat(file, &mark) == 0 && fstat(number, &about) == 0 &&
            mark.st_ino == about.st_ino && mark.st_dev == about.st_dev)
            cr_assert_eq(dup2(file, number), number);
    }
    (void)close(file);
    (void)store_test_write(store, "doc:b", "viewer", "user:1");
    FAILS(store_sync(store, &store_error), BEHALF_OUTCOME_UNKNOWN);
    cr_assert_not_null(strstr(store_error.message, "high-water mark"), "%s", store_error.message);
    store_close(store);
}

Test(store_open, a_directory_that_others_may_use_is_refused, .init = make, .fini = clean)
{
    static const mode_t open_modes[] = {0701, 0710, 0750, 0755, 0770, 0777, 01777};

    for (size_t index = 0; index < BEHALF_COUNT_OF(open_modes); index++) {
        cr_assert_eq(chmod(path, open_modes[index]), 0);
        expect_refused(BEHALF_STORAGE_FAILED, "closed to all others");
    }
    cr_assert_eq(chmod(path, 0700), 0);
    store_close(store_test_open(path));
}

Test(store_open, the_directory_of_another_user_is_refused, .init = make, .fini = clean)
{
    if (geteuid() != 0)
        cr_skip("only root gives directories away");
    cr_assert_eq(chown(path, 12345, (gid_t)-1), 0);
    expect_refused(BEHALF_STORAGE_FAILED, "belongs to user 12345");
}

Test(store_open, nothing_is_written_through_a_planted_link, .init = make, .fini = clean)
{
    static const char *const planted[] = {"HWM.new", "HWM", "LOCK"};
    char victim[96];
    char name[96];

    (void)snprintf(victim, sizeof victim, "%s/victim", path);
    for (size_t index = 0; index < BEHALF_COUNT_OF(planted); index++) {
        const struct store_options options = {.path = path, .env = store_test_env()};
        struct store *store = NULL;
        int file = open(victim, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);

        cr_assert_eq(write(file, "kept", 4), 4);
        (void)close(file);
        (void)snprintf(name, sizeof name, "%s/%s", path, planted[index]);
        (void)unlink(name);
        cr_assert_eq(symlink(victim, name), 0);
        if (store_open(&options, &store, &store_error) == BEHALF_OK)
            store_close(store);
        cr_assert_eq(size_of(victim), 4, "%s", planted[index]);
        (void)unlink(name);
    }
}

Test(store_open, a_store_opened_to_read_is_whole_and_takes_no_write, .init = make, .fini = clean)
{
    const struct store_options options = {.path = path, .env = store_test_env(), .read_only = true};
    const struct store_clock clock = {.floor_ns = 1};
    struct store *store = NULL;

    FAILS(store_open(&options, &store, &store_error), BEHALF_STORAGE_FAILED);
    cr_assert_eq(rmdir(path), 0); /* still empty */
    write_ten(10);
    OK(store_open(&options, &store, &store_error));
    cr_assert_eq(store_head_revision(store), 10);
    OK(store_verify(store, &store_error));
    cr_assert_neq(store_set_clock(store, &clock, &store_error), BEHALF_OK);
    expect_refused(BEHALF_STORAGE_FAILED, "used by another process");
    store_close(store);
}

Test(store_open, a_renewed_store_has_another_key_and_the_same_data, .init = make, .fini = clean)
{
    struct store *store;
    uint8_t incarnation[INCARNATION_SIZE];
    uint8_t secret[STORE_SECRET_SIZE];

    write_ten(10);
    store = store_test_open(path);
    memcpy(incarnation, store_incarnation(store).data, sizeof incarnation);
    memcpy(secret, store_secret(store).data, sizeof secret);
    OK(store_renew(store, &store_error));
    store_close(store);
    store = store_test_open(path);
    cr_assert_neq(memcmp(incarnation, store_incarnation(store).data, sizeof incarnation), 0);
    cr_assert_neq(memcmp(secret, store_secret(store).data, sizeof secret), 0);
    cr_assert_eq(store_head_revision(store), 10);
    OK(store_verify(store, &store_error));
    store_close(store);
}
