/* test_audit_log.c - the log: what is put is there in its order, and does not change unseen. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit.h"
#include "base/datum.h"
#include "base/memory.h"

#define NOW_NS INT64_C(1800000000000000000)

static char folder[64];
static struct audit *log_opened;
static struct error error;

static void
remove_files(void)
{
    DIR *entries = opendir(folder);
    struct dirent *entry;

    while (entries != NULL && (entry = readdir(entries)) != NULL)
        if (entry->d_name[0] != '.')
            (void)unlinkat(dirfd(entries), entry->d_name, 0);
    if (entries != NULL)
        (void)closedir(entries);
    (void)rmdir(folder);
}

static enum status
try_open(void)
{
    const struct audit_options options = {
        .directory = folder, .origin = SLICE_LITERAL("example.com/test"), .env = env_system()};

    return audit_open(&options, &log_opened, &error);
}

static void
open_log(void)
{
    cr_assert_eq(try_open(), BEHALF_OK, "%s", error.message);
}

static void
close_log(void)
{
    audit_close(log_opened);
    log_opened = NULL;
}

static void
set_up(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/behalf-audit-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    open_log();
}

static void
tear_down(void)
{
    close_log();
    remove_files();
}

TestSuite(audit_log, .init = set_up, .fini = tear_down);

/* {"event": "decision", "number": n, "word": "a\"b"} */
static void
put_number(int64_t number)
{
    const struct datum event = {.kind = DATUM_STRING, .as.string = SLICE_LITERAL("decision")};
    const struct datum count = {.kind = DATUM_INT, .as.integer = number};
    const struct datum word = {.kind = DATUM_STRING, .as.string = SLICE_LITERAL("a\"b")};
    const struct datum_field fields[] = {{SLICE_LITERAL("event"), &event},
                                         {SLICE_LITERAL("number"), &count},
                                         {SLICE_LITERAL("word"), &word}};
    const struct datum map = {.kind = DATUM_MAP, .as.map = {fields, BEHALF_COUNT_OF(fields)}};
    struct buffer bytes;

    buffer_init(&bytes);
    datum_encode(&map, &bytes);
    cr_assert_eq(audit_put(log_opened, AUDIT_PLACE_DECISION, NOW_NS + number, buffer_slice(&bytes),
                           NULL, &error),
                 BEHALF_OK, "%s", error.message);
    buffer_release(&bytes);
}

static void
put_numbers(int64_t count)
{
    for (int64_t number = 0; number < count; number++) {
        put_number(number);
        if (number % 10000 == 9999)
            cr_assert_eq(audit_flush(log_opened, &error), BEHALF_OK);
    }
    cr_assert_eq(audit_flush(log_opened, &error), BEHALF_OK, "%s", error.message);
}

static struct audit_verification
verify(void)
{
    struct audit_verification found;

    cr_assert_eq(audit_verify(folder, (struct slice){NULL, 0}, (struct slice){NULL, 0}, NULL,
                              &found, &error),
                 BEHALF_OK, "%s", error.message);
    return found;
}

/* The line of a record, as text that the caller frees. */
static char *
line_of(uint64_t seq)
{
    struct audit_reader *reader = NULL;
    struct slice line;
    uint64_t at;
    char *text;

    cr_assert_eq(audit_reader_open(folder, &reader, &error), BEHALF_OK, "%s", error.message);
    cr_assert_eq(audit_reader_seek(reader, seq, &error), BEHALF_OK, "%s", error.message);
    cr_assert_eq(audit_reader_next(reader, &at, &line, &error), BEHALF_OK, "%s", error.message);
    cr_assert_eq(at, seq);
    text = memory_new(line.size + 1);
    memcpy(text, line.data, line.size);
    audit_reader_close(reader);
    return text;
}

Test(audit_log, a_record_is_one_line_of_canonical_json)
{
    char *line;
    char *next;

    put_number(7);
    put_number(8);
    cr_assert_eq(audit_flush(log_opened, &error), BEHALF_OK);
    line = line_of(0);
    cr_expect_not_null(strstr(line, "\"event\":\"log.opened\""));
    cr_expect_not_null(strstr(line, "\"prev\":\"00000000000000000000000000000000000000000000000000"
                                    "00000000000000\",\"records\":0,\"seq\":0,\"ts\":\""));
    memory_free(line);
    line = line_of(1);
    cr_expect_eq(strncmp(line, "{\"event\":\"decision\",\"number\":7,\"prev\":\"", 39), 0, "%s",
                 line);
    cr_expect_not_null(strstr(line,
                              "\",\"seq\":1,\"ts\":\"2027-01-15T08:00:00.000000007Z\",\"v\":1,"
                              "\"word\":\"a\\\"b\"}"),
                       "%s", line);
    next = line_of(2);
    cr_expect_str_neq(line, next);
    memory_free(line);
    memory_free(next);
}

struct waiting {
    struct audit_waiter waiter;
    atomic_int told;
};

static void
tell(struct audit_waiter *waiter, enum status status)
{
    struct waiting *waiting = (struct waiting *)(void *)waiter;

    atomic_store(&waiting->told, status == BEHALF_OK ? 1 : 2);
}

Test(audit_log, who_waits_is_told_once_the_line_is_on_the_disk)
{
    static const char fields[] = "\7\0\0\0\1\0\0\0\5event\5\0\0\0\1e";
    struct waiting waiting = {.waiter.done = tell};
    struct audit_stats stats;

    cr_assert_eq(audit_put(log_opened, AUDIT_PLACE_DECISION, NOW_NS,
                           (struct slice){fields, sizeof fields - 1}, &waiting.waiter, &error),
                 BEHALF_OK);
    cr_assert_eq(audit_flush(log_opened, &error), BEHALF_OK);
    cr_expect_eq(atomic_load(&waiting.told), 1);
    audit_stats_read(log_opened, &stats);
    cr_expect_eq(stats.size, 2);
    cr_expect_eq(stats.queued, 0);
    cr_expect(stats.writable);
}

Test(audit_log, goes_on_where_it_stopped)
{
    put_numbers(3);
    close_log();
    open_log();
    put_numbers(2);
    cr_expect_eq(verify().records, 7);
    cr_expect(verify().ok);
}

Test(audit_log, a_torn_last_line_is_cut_and_said, .timeout = 60)
{
    char path[128];
    char *line;
    FILE *file;

    put_numbers(3);
    close_log();
    (void)snprintf(path, sizeof path, "%s/000000000000.jsonl", folder);
    file = fopen(path, "a");
    cr_assert_not_null(file);
    (void)fputs("{\"event\":\"half", file);
    (void)fclose(file);
    open_log();
    cr_assert_eq(audit_flush(log_opened, &error), BEHALF_OK);
    line = line_of(4);
    cr_expect_not_null(
        strstr(line, "{\"cut_bytes\":14,\"cut_leaves\":0,\"event\":\"log.recovered\""), "%s", line);
    memory_free(line);
    cr_expect(verify().ok);
}

Test(audit_log, a_log_that_lost_what_was_signed_does_not_open)
{
    char path[128];

    put_numbers(3);
    close_log();
    (void)snprintf(path, sizeof path, "%s/000000000000.jsonl", folder);
    cr_assert_eq(truncate(path, 200), 0);
    cr_expect_eq(try_open(), BEHALF_STORAGE_CORRUPT);
    cr_expect_not_null(strstr(error.message, "newest checkpoint is of 4 records"), "%s",
                       error.message);
    cr_expect_not(verify().ok);
}

/* Two full segments and a part of a third, over a stop. */
Test(audit_log, segments_are_perfect_subtrees, .timeout = 120)
{
    struct audit_reader *reader = NULL;
    struct audit_verification found;
    struct merkle_proof proof;
    struct buffer old;
    uint64_t first;
    uint64_t size;

    buffer_init(&old);
    put_numbers(70000);
    cr_assert_eq(audit_checkpoint(log_opened, &old, &error), BEHALF_OK, "%s", error.message);
    close_log();
    open_log();
    put_numbers(70000);
    found = verify();
    cr_expect(found.ok, "%s: %s", found.wrong_file, found.wrong);
    cr_expect_eq(found.records, 140002);
    cr_expect_eq(found.segments, 3);
    cr_assert_eq(
        audit_verify(folder, (struct slice){NULL, 0}, buffer_slice(&old), NULL, &found, &error),
        BEHALF_OK);
    cr_expect(found.ok, "%s", found.wrong);
    cr_assert_eq(audit_reader_open(folder, &reader, &error), BEHALF_OK);
    cr_assert_eq(audit_reader_bounds(reader, &first, &size, &error), BEHALF_OK);
    cr_expect_eq(first, 0);
    cr_expect_eq(size, 140002);
    cr_assert_eq(audit_prove_inclusion(reader, 70000, size, &proof, &error), BEHALF_OK, "%s",
                 error.message);
    cr_expect_eq(proof.count, 18);
    cr_expect_eq(audit_prove_inclusion(reader, size, size, &proof, &error),
                 BEHALF_MALFORMED_REQUEST);
    audit_reader_close(reader);
    buffer_release(&old);
}

/* --- every byte --- */

static bool
is_found(const char *name)
{
    struct audit_verification found;
    struct slice none = {NULL, 0};
    bool opens;

    if (audit_verify(folder, none, none, NULL, &found, &error) != BEHALF_OK || !found.ok)
        return true;
    opens = try_open() == BEHALF_OK;
    if (opens)
        close_log();
    cr_expect(opens, "%s", name);
    return false;
}

static size_t
flip_each_byte(const char *name, size_t *missed)
{
    char path[128];
    struct stat about;
    int fd;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = open(path, O_RDWR);
    cr_assert_geq(fd, 0, "%s", path);
    cr_assert_eq(fstat(fd, &about), 0);
    for (off_t at = 0; at < about.st_size; at++) {
        char byte;
        char flipped;

        cr_assert_eq(pread(fd, &byte, 1, at), 1);
        flipped = (char)(byte ^ (1 << (at % 8)));
        cr_assert_eq(pwrite(fd, &flipped, 1, at), 1);
        *missed += !is_found(name);
        cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
    }
    (void)close(fd);
    return (size_t)about.st_size;
}

Test(audit_log, each_byte_that_is_flipped_is_found, .timeout = 120)
{
    static const char *const names[] = {
        "000000000000.jsonl", "000000000000.leaves", "checkpoints", "key", "key.pub", "note"};
    size_t missed = 0;
    size_t bytes = 0;

    put_numbers(10);
    cr_assert_eq(audit_keep_note(log_opened, SLICE_LITERAL("up to here"), &error), BEHALF_OK);
    close_log();
    cr_assert(verify().ok);
    for (size_t at = 0; at < BEHALF_COUNT_OF(names); at++)
        bytes += flip_each_byte(names[at], &missed);
    cr_expect_eq(missed, 0, "%zu of %zu", missed, bytes);
    cr_log_info("%zu bytes flipped, all found", bytes);
    open_log();
}
