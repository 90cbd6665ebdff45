/* A full disk, a sync that fails, a queue that is full, segments that are too old: nothing hangs,
 * nothing is lost unsaid, and the log goes on. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "audit/files.h"
#include "base/merkle.h"
#include "tests/support/audit_folder.h"

#define OLD_NS INT64_C(1700000000000000000)

static struct audit_folder folder;
static struct audit *audit;
static struct error error;

/* Told once, by the log's thread. */
struct waiting {
    struct audit_waiter waiter;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    unsigned told;
    enum status status;
};

static void
tell(struct audit_waiter *waiter, enum status status)
{
    struct waiting *waiting = (struct waiting *)(void *)waiter;

    pthread_mutex_lock(&waiting->lock);
    waiting->told++;
    waiting->status = status;
    pthread_cond_signal(&waiting->ended);
    pthread_mutex_unlock(&waiting->lock);
}

static enum status
put(enum audit_place place, uint64_t number, struct audit_waiter *waiter)
{
    struct buffer fields;
    enum status status;

    buffer_init(&fields);
    audit_folder_fields(number, &fields);
    status = audit_put(audit, place, OLD_NS, buffer_slice(&fields), waiter, &error);
    buffer_release(&fields);
    return status;
}

static enum status
put_and_wait(uint64_t number)
{
    struct waiting waiting = {
        .waiter.done = tell, .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};

    cr_assert_eq(put(AUDIT_PLACE_DECISION, number, &waiting.waiter), BEHALF_OK, "%s",
                 error.message);
    pthread_mutex_lock(&waiting.lock);
    while (waiting.told == 0)
        pthread_cond_wait(&waiting.ended, &waiting.lock);
    pthread_mutex_unlock(&waiting.lock);
    return waiting.status;
}

static struct audit_stats
stats(void)
{
    struct audit_stats found;

    audit_stats_read(audit, &found);
    return found;
}

static struct audit_verification
verify(struct slice checkpoint)
{
    struct audit_verification found;

    cr_assert_eq(
        audit_verify(folder.path, (struct slice){NULL, 0}, checkpoint, NULL, &found, &error),
        BEHALF_OK, "%s", error.message);
    cr_expect(found.ok, "%s: %s", found.wrong_file, found.wrong);
    return found;
}

/* How often a number stands in the log. */
static unsigned
count_of(unsigned number)
{
    struct audit_reader *reader = NULL;
    struct slice line;
    char text[32];
    uint64_t seq;
    unsigned count = 0;

    (void)snprintf(text, sizeof text, "\"number\":%u,", number);
    cr_assert_eq(audit_reader_open(folder.path, &reader, &error), BEHALF_OK);
    while (audit_reader_next(reader, &seq, &line, &error) == BEHALF_OK)
        count += memmem(line.data, line.size, text, strlen(text)) != NULL;
    audit_reader_close(reader);
    return count;
}

static void
make(void)
{
    audit_folder_make(&folder);
    audit = audit_folder_open(&folder);
}

static void
drop(void)
{
    audit_close(audit);
    audit_folder_remove(&folder);
}

TestSuite(audit_faults, .init = make, .fini = drop, .timeout = 60);

/* While the log refuses. What it was given before is told and kept, and nothing more is taken. */
static void
expect_refusal(void)
{
    uint64_t refused = stats().refused;

    cr_expect_not(stats().writable);
    cr_expect_not(audit_has_room(audit, AUDIT_PLACE_DECISION));
    cr_expect_eq(put(AUDIT_PLACE_DECISION, 900, NULL), BEHALF_AUDIT_UNAVAILABLE);
    cr_expect_eq(put(AUDIT_PLACE_CHANGE, 900, NULL), BEHALF_AUDIT_UNAVAILABLE);
    cr_expect_eq(put(AUDIT_PLACE_SAMPLE, 900, NULL), BEHALF_AUDIT_UNAVAILABLE);
    cr_expect_eq(stats().refused, refused + 2);
    cr_expect_eq(stats().dropped, 1);
    cr_expect_eq(audit_flush(audit, &error), BEHALF_AUDIT_UNAVAILABLE);
}

static void
expect_recovery(void)
{
    while (audit_flush(audit, &error) != BEHALF_OK) /* tried again each second */
        continue;
    cr_expect(stats().writable);
    cr_expect_eq(put_and_wait(3), BEHALF_OK);
    cr_expect_eq(verify((struct slice){NULL, 0}).records, 4); /* log.opened, 1, 2, 3 */
    cr_expect_eq(count_of(1), 1);
    cr_expect_eq(count_of(2), 1);
    cr_expect_eq(count_of(900), 0);
}

Test(audit_faults, a_full_disk_refuses_and_goes_on_without_a_lost_line)
{
    struct rlimit old;
    struct rlimit small;

    cr_assert_eq(put_and_wait(1), BEHALF_OK);
    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    small =
        (struct rlimit){.rlim_cur = 400, .rlim_max = old.rlim_max}; /* in the middle of a line */
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    cr_expect_eq(put_and_wait(2), BEHALF_AUDIT_UNAVAILABLE);
    expect_refusal();
    cr_expect(strstr(error.message, "cannot be written") != NULL, "%s", error.message);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    expect_recovery();
}

static atomic_bool sync_fails;

static int
sync_or_fail(int fd)
{
    errno = EIO;
    return atomic_load(&sync_fails) ? -1 : fdatasync(fd);
}

Test(audit_faults, a_sync_that_fails_refuses_and_the_lines_are_written_again)
{
    audit_close(audit);
    files_sync_call = sync_or_fail;
    audit_folder_remove(&folder);
    make();
    cr_assert_eq(put_and_wait(1), BEHALF_OK);
    atomic_store(&sync_fails, true);
    cr_expect_eq(put_and_wait(2), BEHALF_AUDIT_UNAVAILABLE);
    expect_refusal();
    atomic_store(&sync_fails, false);
    expect_recovery();
}

Test(audit_faults, a_close_that_cannot_write_ends)
{
    audit_close(audit);
    files_sync_call = sync_or_fail;
    audit = audit_folder_open(&folder);
    cr_assert_eq(put_and_wait(1), BEHALF_OK);
    atomic_store(&sync_fails, true);
    cr_assert_eq(put(AUDIT_PLACE_DECISION, 2, NULL), BEHALF_OK);
    audit_close(audit);
    atomic_store(&sync_fails, false);
    audit = audit_folder_open(&folder);
    cr_assert_eq(audit_flush(audit, &error), BEHALF_OK);
    (void)verify((struct slice){NULL, 0});
    cr_expect_eq(count_of(1), 1);
}

/* --- the queue --- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool at_gate;

static int
sync_behind_gate(int fd)
{
    atomic_store(&at_gate, true);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return fdatasync(fd);
}

static uint64_t
put_until_full(enum audit_place place)
{
    while (put(place, 7, NULL) == BEHALF_OK)
        continue;
    cr_expect_eq(error.status, BEHALF_AUDIT_UNAVAILABLE);
    cr_expect(strstr(error.message, "queue is full") != NULL, "%s", error.message);
    cr_expect_not(audit_has_room(audit, place));
    return stats().queued;
}

Test(audit_faults, each_place_has_its_share_of_the_queue)
{
    struct waiting waiting = {
        .waiter.done = tell, .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};

    audit_close(audit);
    files_sync_call = sync_behind_gate;
    audit = audit_folder_open(&folder);
    cr_assert_eq(audit_flush(audit, &error), BEHALF_OK);
    pthread_mutex_lock(&gate);
    atomic_store(&at_gate, false);
    cr_assert_eq(put(AUDIT_PLACE_DECISION, 1, &waiting.waiter), BEHALF_OK);
    while (!atomic_load(&at_gate)) /* from here on nothing is taken */
        continue;
    cr_expect_eq(put_until_full(AUDIT_PLACE_SAMPLE), AUDIT_QUEUE_RECORDS / 2);
    cr_expect_eq(put_until_full(AUDIT_PLACE_STRANGER), AUDIT_QUEUE_RECORDS / 2);
    cr_expect_eq(stats().dropped, 2);
    cr_expect_eq(put_until_full(AUDIT_PLACE_CHANGE), AUDIT_QUEUE_RECORDS / 8 * 7);
    cr_expect_eq(put_until_full(AUDIT_PLACE_DECISION), AUDIT_QUEUE_RECORDS);
    cr_expect_eq(stats().dropped, 2);
    cr_expect_eq(stats().refused, 2);
    cr_expect_eq(waiting.told, 0);
    pthread_mutex_unlock(&gate);
    cr_assert_eq(audit_flush(audit, &error), BEHALF_OK);
    cr_expect(waiting.told == 1 && waiting.status == BEHALF_OK);
    cr_expect_eq(stats().queued, 0);
    cr_expect_eq(verify((struct slice){NULL, 0}).records, AUDIT_QUEUE_RECORDS + 3);
}

/* --- retention --- */

static void
put_many(uint64_t count)
{
    for (uint64_t at = 0; at < count; at += 10000)
        audit_folder_put(audit, at, 10000);
}

Test(audit_faults, old_segments_are_dropped_and_the_rest_still_proves_itself)
{
    const struct audit_options options = {.directory = folder.path,
                                          .origin = SLICE_LITERAL(AUDIT_FOLDER_ORIGIN),
                                          .env = env_system(),
                                          .keep_ns = INT64_C(86400000000000)};
    struct audit_reader *reader = NULL;
    struct audit_verification found;
    struct merkle_proof proof;
    struct buffer inside;
    struct buffer edge;
    uint64_t first;
    uint64_t size;

    buffer_init(&inside);
    buffer_init(&edge);
    put_many(30000);
    cr_assert_eq(audit_checkpoint(audit, &inside, &error), BEHALF_OK);
    put_many(120000); /* two full segments, and a part of the third */
    cr_assert_eq(audit_checkpoint(audit, &edge, &error), BEHALF_OK);
    audit_close(audit);
    cr_assert_eq(audit_open(&options, &audit, &error), BEHALF_OK, "%s", error.message);
    audit_folder_put(audit, 0, 1);
    audit_close(audit); /* signs, and drops what is too old */
    cr_expect_not(audit_folder_has(&folder, "000000000000.jsonl"));
    cr_expect_not(audit_folder_has(&folder, "000000000000.leaves"));
    cr_expect(audit_folder_has(&folder, "000000000001.jsonl"));
    audit = audit_folder_open(&folder);
    cr_assert_eq(audit_flush(audit, &error), BEHALF_OK);
    cr_expect_gt(verify(buffer_slice(&edge)).records, AUDIT_SEGMENT_RECORDS);
    /* Inside of what was dropped the log's own checkpoint tells. */
    (void)verify(buffer_slice(&inside));
    cr_assert_eq(audit_verify(folder.path, (struct slice){NULL, 0}, (struct slice){NULL, 0}, NULL,
                              &found, &error),
                 BEHALF_OK);
    cr_assert_eq(audit_reader_open(folder.path, &reader, &error), BEHALF_OK);
    cr_assert_eq(audit_reader_bounds(reader, &first, &size, &error), BEHALF_OK);
    cr_expect_eq(first, AUDIT_SEGMENT_RECORDS);
    cr_expect_eq(audit_reader_seek(reader, first - 1, &error), BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(audit_prove_inclusion(reader, 5, size, &proof, &error), BEHALF_STORAGE_FAILED);
    cr_expect_eq(audit_prove_inclusion(reader, first, size, &proof, &error), BEHALF_OK);
    cr_expect_eq(audit_prove_consistency(reader, first, size, &proof, &error), BEHALF_OK);
    audit_reader_close(reader);
    buffer_release(&inside);
    buffer_release(&edge);
}

/* --- damage --- */

#define CUT_STEP 5 /* each costs a handful of syncs */

/* A file of many a length below its own: whatever was cut, opening refuses, or says what it cut and
 * has lost nothing that was signed. */
Test(audit_faults, a_file_cut_anywhere_is_refused_or_mended)
{
    static const char *const names[] = {
        "000000000000.jsonl", "000000000000.leaves", "checkpoints", "key", "key.pub", "note"};
    const struct audit_options options = {.directory = folder.path,
                                          .origin = SLICE_LITERAL(AUDIT_FOLDER_ORIGIN),
                                          .env = env_system()};
    struct buffer whole[BEHALF_COUNT_OF(names)];
    size_t refused = 0;
    size_t mended = 0;

    audit_folder_put(audit, 1, 2);
    cr_assert_eq(audit_keep_note(audit, SLICE_LITERAL("here"), &error), BEHALF_OK);
    audit_close(audit);
    for (size_t at = 0; at < BEHALF_COUNT_OF(names); at++) {
        buffer_init(&whole[at]);
        audit_folder_load(&folder, names[at], &whole[at]);
    }
    for (size_t at = 0; at < BEHALF_COUNT_OF(names); at++) {
        for (size_t size = 0; size < whole[at].size; size += CUT_STEP) {
            audit = NULL;
            audit_folder_write(&folder, names[at], (struct slice){whole[at].data, size});
            if (audit_open(&options, &audit, &error) != BEHALF_OK) {
                cr_expect_eq(error.status, BEHALF_STORAGE_CORRUPT, "%s", error.message);
                refused++;
            } else {
                cr_assert_eq(audit_flush(audit, &error), BEHALF_OK);
                cr_expect(count_of(1) == 1 && count_of(2) == 1, "%s %zu", names[at], size);
                mended++;
                audit_close(audit);
            }
            for (size_t other = 0; other < BEHALF_COUNT_OF(names); other++)
                audit_folder_write(&folder, names[other], buffer_slice(&whole[other]));
        }
    }
    cr_log_info("%zu cuts refused, %zu mended", refused, mended);
    /* The lines and the secret key are refused at every length, and mended are leaves and the end
     * of the checkpoints, from the first whole one on. */
    cr_expect_geq(refused, (whole[0].size + whole[3].size) / CUT_STEP);
    cr_expect_geq(mended, whole[1].size / CUT_STEP);
    for (size_t at = 0; at < BEHALF_COUNT_OF(names); at++)
        buffer_release(&whole[at]);
    audit = audit_folder_open(&folder);
}
