/* test_audit_follow.c - changes of the changelog in the audit log, each once, whatever happens to
 * log and follower. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/datum.h"
#include "engine/audit_follow.h"
#include "engine/changes.h"
#include "tests/unit/test_consent_support.h"
#include "tests/unit/test_store_support.h"

/* A store, and what follows it. */
static struct store *store;
static struct audit *audit;
static struct audit_follow *follow;
static char directory[64];

static void
setup(void)
{
    store_test_directory(directory);
    store = store_test_open(NULL);
}

static void
follow_begin(void)
{
    const struct audit_options options = {
        .directory = directory, .origin = SLICE_LITERAL("test"), .env = env_system()};

    OK(audit_open(&options, &audit, &store_error));
    OK(audit_follow_new(store, store_test_env(), audit, directory, &follow, &store_error));
    audit_follow_start(follow, store_head_revision(store));
}

static void
follow_end(void)
{
    audit_follow_free(follow);
    audit_close(audit);
    follow = NULL;
    audit = NULL;
}

static void
teardown(void)
{
    follow_end();
    store_close(store);
    store_test_directory_remove(directory);
}

TestSuite(audit_follow, .init = setup, .fini = teardown);

/* --- writing --- */

/* A revision of so many events: a schema, or attributes of some objects. */
static uint64_t
write_events(unsigned count)
{
    const struct datum map = {.kind = DATUM_MAP};
    struct store_transaction *transaction = store_test_begin(store);
    struct buffer body;
    uint64_t revision;

    buffer_init(&body);
    datum_encode(&map, &body);
    if (count == 1)
        OK(store_transaction_schema(transaction, SLICE_LITERAL("definition user {}"),
                                    &store_error));
    for (unsigned at = 0; count > 1 && at < count; at++) {
        struct store_record record = {.key = {.kind = RECORD_ATTRIBUTES, .id_size = 8},
                                      .body = buffer_slice(&body)};
        char name[32];

        snprintf(name, sizeof name, "u%u", at);
        bytes_put_u64(record.key.id, store_test_node(transaction, "user", name));
        OK(store_transaction_record_put(transaction, &record, &store_error));
    }
    if (count == 0)
        (void)store_test_put(transaction, "document:a", "viewer", "user:ann");
    store_transaction_caller(transaction, SLICE_LITERAL("console"));
    revision = store_test_commit(transaction);
    OK(store_sync(store, &store_error));
    audit_follow_published(follow, revision);
    buffer_release(&body);
    return revision;
}

/* --- reading --- */

/* The changes in the log: their revisions, "gap FROM-TO" for a gap. */
static const char *
followed(void)
{
    static struct buffer out;
    struct audit_reader *reader = NULL;
    struct arena arena;
    struct slice line;
    uint64_t seq;
    enum status status;

    buffer_release(&out);
    buffer_init(&out);
    arena_init(&arena, SIZE_MAX / 2);
    OK(audit_reader_open(directory, &reader, &store_error));
    OK(audit_reader_seek(reader, 0, &store_error));
    while ((status = audit_reader_next(reader, &seq, &line, &store_error)) == BEHALF_OK) {
        const struct datum *map;
        const struct datum *revision;
        struct slice event;

        OK(datum_parse_json(line, &arena, &map, &store_error));
        event = datum_field(map, SLICE_LITERAL("event"))->as.string;
        revision = datum_field(map, SLICE_LITERAL("revision"));
        if (slice_equal(event, SLICE_LITERAL("log.gap")))
            buffer_add_format(&out, "gap %lld-%lld ",
                              (long long)datum_field(map, SLICE_LITERAL("from"))->as.integer,
                              (long long)datum_field(map, SLICE_LITERAL("to"))->as.integer);
        else if (revision != NULL)
            buffer_add_format(&out, "%lld ", (long long)revision->as.integer);
    }
    cr_assert_eq(status, BEHALF_DONE, "%s", store_error.message);
    audit_reader_close(reader);
    arena_release(&arena);
    return out.data;
}

/* --- every change once --- */

Test(audit_follow, each_change_is_there_once_over_any_number_of_starts)
{
    follow_begin();
    write_events(1);
    write_events(0);
    write_events(3);
    audit_follow_wait(follow, 3);
    cr_expect_eq(audit_follow_taken(follow), 3);
    cr_expect_str_eq(followed(), "1 3 3 3 ");
    follow_end();
    write_events(1);
    follow_begin();
    write_events(2);
    follow_end(); /* which takes what was published */
    cr_expect_str_eq(followed(), "1 3 3 3 4 5 5 ");
    follow_begin();
    audit_follow_wait(follow, 5);
    cr_expect_str_eq(followed(), "1 3 3 3 4 5 5 ");
}

Test(audit_follow, what_was_given_up_before_is_said_to_be_a_gap)
{
    for (int count = 0; count < 6; count++)
        write_events(1);
    OK(store_set_horizon(store, 4, &store_error));
    follow_begin();
    write_events(1);
    audit_follow_wait(follow, 7);
    cr_expect_str_eq(followed(), "gap 1-4 5 6 7 ");
    follow_end();
    for (int count = 0; count < 3; count++)
        write_events(1);
    OK(store_set_horizon(store, 9, &store_error)); /* while the audit was off */
    follow_begin();
    audit_follow_wait(follow, 10);
    cr_expect_str_eq(followed(), "gap 1-4 5 6 7 gap 8-9 10 ");
}

/* --- history that was not taken is kept --- */

Test(audit_follow, the_horizon_waits_for_it)
{
    const struct audit_options options = {
        .directory = directory, .origin = SLICE_LITERAL("test"), .env = env_system()};

    for (int count = 0; count < 6; count++)
        write_events(1);
    OK(audit_open(&options, &audit, &store_error));
    OK(audit_follow_new(store, store_test_env(), audit, directory, &follow, &store_error));
    OK(store_trim_history(store, INT64_MAX, UINT64_MAX, &store_error));
    cr_expect_eq(store_horizon(store), 0); /* nothing was taken yet */
    audit_follow_start(follow, 6);
    audit_follow_wait(follow, 6);
    write_events(0);
    write_events(0);
    OK(store_trim_history(store, INT64_MAX, UINT64_MAX, &store_error));
    cr_expect_leq(store_horizon(store), audit_follow_taken(follow));
    audit_follow_wait(follow, 8);
    OK(store_trim_history(store, INT64_MAX, UINT64_MAX, &store_error));
    cr_expect_eq(store_horizon(store), 7);
    follow_end();
    write_events(1);
    write_events(1);
    OK(store_trim_history(store, INT64_MAX, UINT64_MAX, &store_error));
    cr_expect_eq(store_horizon(store), 9); /* nobody follows any more */
    cr_expect_str_eq(followed(), "1 2 3 4 5 6 ");
}

/* --- incarnations --- */

static uint64_t
order_stop(void)
{
    struct store_transaction *transaction = store_test_begin(store);

    OK(store_transaction_schema(transaction, SLICE_LITERAL("definition agent {}"), &store_error));
    store_transaction_stopped(transaction);
    return store_test_commit(transaction);
}

static void
begin_and_stop(void)
{
    const struct audit_options options = {
        .directory = directory, .origin = SLICE_LITERAL("test"), .env = env_system()};

    OK(audit_open(&options, &audit, &store_error));
    OK(audit_follow_new(store, store_test_env(), audit, directory, &follow, &store_error));
    (void)order_stop();
    audit_follow_start(follow, store_head_revision(store));
}

Test(audit_follow, a_new_incarnation_goes_on_after_what_both_have)
{
    follow_begin();
    write_events(1);
    write_events(1);
    follow_end();
    write_events(1); /* not followed before */
    OK(store_renew(store, &store_error));
    begin_and_stop();
    follow_end();
    cr_expect_str_eq(followed(), "1 2 3 4 ");
    follow_begin();
    follow_end();
    cr_expect_str_eq(followed(), "1 2 3 4 ");
}

/* A backup of revision 2 was put in place of a store that had reached 4. */
Test(audit_follow, a_restored_store_begins_at_its_first_revision)
{
    follow_begin();
    for (int count = 0; count < 4; count++)
        write_events(1);
    follow_end();
    store_close(store);
    store = store_test_open(NULL);
    write_events(1);
    write_events(1);
    OK(store_renew(store, &store_error));
    begin_and_stop();
    write_events(2);
    follow_end();
    cr_expect_str_eq(followed(), "1 2 3 4 3 4 4 ");
    follow_begin();
    follow_end();
    cr_expect_str_eq(followed(), "1 2 3 4 3 4 4 ");
}

Test(audit_follow, an_incarnation_that_began_without_the_audit_is_followed_from_the_oldest)
{
    follow_begin();
    write_events(1);
    write_events(1);
    follow_end();
    OK(store_renew(store, &store_error));
    (void)order_stop();
    OK(store_sync(store, &store_error));
    OK(store_set_horizon(store, 1, &store_error));
    follow_begin();
    follow_end();
    cr_expect_str_eq(followed(), "1 2 gap 1-1 2 3 ");
}

Test(audit_follow, a_damaged_note_is_refused)
{
    const struct audit_options options = {
        .directory = directory, .origin = SLICE_LITERAL("test"), .env = env_system()};

    OK(audit_open(&options, &audit, &store_error));
    OK(audit_keep_note(audit, SLICE_LITERAL("damaged"), &store_error));
    FAILS(audit_follow_new(store, store_test_env(), audit, directory, &follow, &store_error),
          BEHALF_STORAGE_CORRUPT);
}

/* --- crashes --- */

/* Copies a file of the log as it is now; of the newest lines only some, as a power cut may leave
 * them, but never fewer than `least` bytes. */
static void
copy_file(const char *from, const char *to, const char *name, long least, unsigned cut)
{
    char path[128];
    char bytes[4096];
    FILE *in;
    FILE *out;
    size_t size;

    snprintf(path, sizeof path, "%s/%s", from, name);
    in = fopen(path, "rb");
    if (in == NULL)
        return;
    snprintf(path, sizeof path, "%s/%s", to, name);
    out = fopen(path, "wb");
    cr_assert_not_null(out);
    while ((size = fread(bytes, 1, sizeof bytes, in)) > 0)
        cr_assert_eq(fwrite(bytes, 1, size, out), size);
    if (cut > 0) {
        long end = ftell(out);
        long kept = end > least ? least + (long)(cut % (unsigned)(end - least + 1)) : end;

        cr_assert_eq(fflush(out), 0);
        cr_assert_eq(ftruncate(fileno(out), kept), 0);
    }
    (void)fclose(in);
    (void)fclose(out);
    cr_assert_eq(chmod(path, 0600), 0);
}

/* Bytes of the first `size` lines. */
static long
bytes_of_lines(const char *path, uint64_t size)
{
    FILE *in = fopen(path, "rb");
    long bytes = 0;
    int byte;

    cr_assert_not_null(in);
    while (size > 0 && (byte = fgetc(in)) != EOF) {
        size -= byte == '\n';
        bytes++;
    }
    (void)fclose(in);
    return bytes;
}

/* What is on the disk at this moment goes on as the log; the other one ends unheard. The note comes
 * first: what it says was on the disk before it. */
static void
crash(unsigned cut)
{
    static const char *const files[] = {"key", "key.pub", "roots", "checkpoints",
                                        "000000000000.leaves"};
    char copy[64];
    char lines[128];
    char note[64];
    FILE *in;
    uint64_t size = 0;
    long least;

    store_test_directory(copy);
    copy_file(directory, copy, "note", 0, 0);
    snprintf(lines, sizeof lines, "%s/note", copy);
    in = fopen(lines, "rb");
    if (in != NULL) {
        size_t read = fread(note, 1, sizeof note, in);

        /* behind a checksum: version, incarnation, revision, size */
        if (read >= 41)
            size = bytes_get_u64(note + 33);
        (void)fclose(in);
    }
    for (size_t at = 0; at < BEHALF_COUNT_OF(files); at++)
        copy_file(directory, copy, files[at], 0, 0);
    snprintf(lines, sizeof lines, "%s/000000000000.jsonl", directory);
    least = bytes_of_lines(lines, size);
    copy_file(directory, copy, "000000000000.jsonl", least, cut);
    follow_end();
    store_test_directory_remove(directory);
    memcpy(directory, copy, sizeof directory);
}

static unsigned
pick(unsigned below)
{
    static uint32_t state = 5;

    state = state * 1664525 + 1013904223;
    return (state >> 10) % below;
}

Test(audit_follow, a_kill_at_any_moment_loses_no_change_and_repeats_none)
{
    struct buffer expected;

    buffer_init(&expected);
    for (unsigned round = 0; round < 60; round++) {
        follow_begin();
        for (unsigned writes = pick(12); writes > 0; writes--) {
            unsigned events = pick(4) == 0 ? 2 + pick(20) : pick(2);
            uint64_t revision = write_events(events);

            for (unsigned at = 0; at < events; at++)
                buffer_add_format(&expected, "%llu ", (unsigned long long)revision);
            if (pick(6) == 0)
                audit_follow_wait(follow, revision);
        }
        /* Half of the time all is on the disk, and the note does not say so yet. */
        if (pick(2) == 0)
            while (audit_flush(audit, &store_error) != BEHALF_OK ||
                   strlen(followed()) < expected.size)
                continue;
        crash(1 + pick(1000000));
    }
    follow_begin();
    follow_end();
    cr_expect_str_eq(followed(), expected.data);
    buffer_release(&expected);
}

/* Files can grow no more for a while: nothing is lost, and nobody but the follower waits. */
Test(audit_follow, a_log_that_cannot_be_written_is_waited_for)
{
    const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    struct rlimit small = {4096, RLIM_INFINITY};
    struct buffer expected;
    uint64_t revision = 0;

    (void)signal(SIGXFSZ, SIG_IGN);
    buffer_init(&expected);
    follow_begin();
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int count = 0; count < 30; count++) {
        revision = write_events(2);
        buffer_add_format(&expected, "%d %d ", (int)revision, (int)revision);
    }
    while (audit_flush(audit, &store_error) == BEHALF_OK)
        continue; /* the events that do not fit are put yet */
    cr_expect_lt(audit_follow_taken(follow), revision);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
    audit_follow_wait(follow, revision);
    cr_expect_str_eq(followed(), expected.data);
    buffer_release(&expected);
}
