/* The sentences of audit/audit.h: what is put, read, kept and proved. */
#include <criterion/criterion.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/datum.h"
#include "base/merkle.h"
#include "tests/support/audit_folder.h"

static struct audit_folder folder;

static void
make(void)
{
    audit_folder_make(&folder);
}

static void
drop(void)
{
    audit_folder_remove(&folder);
}

TestSuite(audit_contract, .init = make, .fini = drop);

static struct audit_reader *
open_reader(void)
{
    struct audit_reader *reader = NULL;
    struct error error;

    cr_assert_eq(audit_reader_open(folder.path, &reader, &error), BEHALF_OK, "%s", error.message);
    return reader;
}

static bool
holds(struct slice line, const char *text)
{
    return memmem(line.data, line.size, text, strlen(text)) != NULL;
}

static uint64_t
size_of_log(void)
{
    struct audit_reader *reader = open_reader();
    struct error error;
    uint64_t first;
    uint64_t size;

    cr_assert_eq(audit_reader_bounds(reader, &first, &size, &error), BEHALF_OK);
    audit_reader_close(reader);
    return size;
}

Test(audit_contract, what_is_put_is_read_in_order_also_while_it_grows)
{
    struct audit *audit = audit_folder_open(&folder);
    struct audit_reader *reader;
    struct error error;
    struct slice line;
    uint64_t seq;
    char number[32];

    audit_folder_put(audit, 0, 50);
    reader = open_reader();
    cr_assert_eq(audit_reader_next(reader, &seq, &line, &error), BEHALF_OK);
    cr_expect(seq == 0 && holds(line, "\"event\":\"log.opened\""));
    for (uint64_t at = 0; at < 50; at++) {
        cr_assert_eq(audit_reader_next(reader, &seq, &line, &error), BEHALF_OK);
        (void)snprintf(number, sizeof number, "\"number\":%d,", (int)at);
        cr_expect(seq == at + 1 && holds(line, number), "%.*s", SLICE_PRINTF(line));
    }
    cr_expect_eq(audit_reader_next(reader, &seq, &line, &error), BEHALF_DONE);
    audit_folder_put(audit, 50, 1);
    cr_expect_eq(audit_reader_next(reader, &seq, &line, &error), BEHALF_OK);
    cr_expect_eq(seq, 51);
    audit_reader_close(reader);
    audit_close(audit);
}

Test(audit_contract, a_line_is_canonical_json_with_the_fields_of_the_log)
{
    const struct datum event = {.kind = DATUM_STRING, .as.string = SLICE_LITERAL("a.b")};
    const struct datum text = {.kind = DATUM_STRING,
                               .as.string = SLICE_LITERAL("\b\t\n\f\r\x01\"\\/\x7f\xc3\xa4")};
    const struct datum number = {.kind = DATUM_INT, .as.integer = -9007199254740991};
    const struct datum *items[] = {&number, &event};
    const struct datum list = {.kind = DATUM_LIST, .as.list = {items, 2}};
    const struct datum yes = {.kind = DATUM_BOOL, .as.boolean = true};
    const struct datum_field inner_fields[] = {{SLICE_LITERAL("a"), &yes},
                                               {SLICE_LITERAL("seq"), &number}};
    const struct datum inner = {.kind = DATUM_MAP, .as.map = {inner_fields, 2}};
    const struct datum_field fields[] = {{SLICE_LITERAL("a"), &inner},
                                         {SLICE_LITERAL("event"), &event},
                                         {SLICE_LITERAL("s"), &text},
                                         {SLICE_LITERAL("z"), &list}};
    const struct datum map = {.kind = DATUM_MAP, .as.map = {fields, 4}};
    struct audit *audit = audit_folder_open(&folder);
    struct audit_reader *reader;
    struct buffer bytes;
    struct error error;
    struct slice line;
    uint64_t seq;

    buffer_init(&bytes);
    datum_encode(&map, &bytes);
    cr_assert_eq(audit_put(audit, AUDIT_PLACE_CHANGE, INT64_C(1700000000123456789),
                           buffer_slice(&bytes), NULL, &error),
                 BEHALF_OK, "%s", error.message);
    audit_close(audit);
    reader = open_reader();
    cr_assert_eq(audit_reader_seek(reader, 1, &error), BEHALF_OK);
    cr_assert_eq(audit_reader_next(reader, &seq, &line, &error), BEHALF_OK);
    cr_expect(slice_starts_with(line, SLICE_LITERAL("{\"a\":{\"a\":true,\"seq\":-9007199254740991},"
                                                    "\"event\":\"a.b\",\"prev\":\"")));
    cr_expect(holds(line, "\",\"s\":\"\\b\\t\\n\\f\\r\\u0001\\\"\\\\/\x7f\xc3\xa4\",\"seq\":1,"
                          "\"ts\":\"2023-11-14T22:13:20.123456789Z\",\"v\":1,"
                          "\"z\":[-9007199254740991,\"a.b\"]}"),
              "%.*s", SLICE_PRINTF(line));
    audit_reader_close(reader);
    buffer_release(&bytes);
}

Test(audit_contract, what_is_no_record_is_refused)
{
    const struct {
        struct slice bytes;
        const char *why;
    } cases[] = {
        {SLICE_LITERAL(""), "no map"},
        {SLICE_LITERAL("\7\0\0\0\0"), "no `event`"},
        {SLICE_LITERAL("\7\0\0\0\1\0\0\0\5event\1"), "no `event`"},
        {SLICE_LITERAL("\7\0\0\0\1\0\0\0\5event\0"), "a null"},
        {SLICE_LITERAL("\7\0\0\0\1\0\0\0\1v\1"), "that the log writes"},
        {SLICE_LITERAL("\7\0\0\0\1\0\0\0\4prev\1"), "that the log writes"},
        {SLICE_LITERAL("\7\0\0\0\1\0\0\0\1a\3\0\x20\0\0\0\0\0\0"), "beyond 2^53"},
        {SLICE_LITERAL("\7\0\0\0\1\0\0\0\1a\4\0\0\0\0\0\0\0\0"), "a fraction"},
        {SLICE_LITERAL("\7\0\0\0\1\0\0\0\2\xc3\xa4\1"), "not ASCII"},
        {SLICE_LITERAL("\7\0\0\0\1\0\0\0\5event\5\0\0\0\1\xff"), "not UTF-8"},
        {SLICE_LITERAL("\7\0\0\0\1\0\0\0\5event\5\0\0\0\2a"), "no datum"},
        {SLICE_LITERAL("\7\0\0\0\1\0\0\0\5event\5\0\0\0\1ab"), "no datum"},
        {SLICE_LITERAL("\7\0\0\0\2\0\0\0\1b\1\0\0\0\1a\1"), "no datum"},
    };
    struct audit *audit = audit_folder_open(&folder);
    struct error error;

    for (size_t at = 0; at < BEHALF_COUNT_OF(cases); at++) {
        cr_expect_eq(audit_put(audit, AUDIT_PLACE_DECISION, 1, cases[at].bytes, NULL, &error),
                     BEHALF_MALFORMED_REQUEST, "case %zu", at);
        cr_expect(strstr(error.message, cases[at].why) != NULL, "case %zu: %s", at, error.message);
    }
    audit_close(audit);
    cr_expect_eq(size_of_log(), 1);
}

Test(audit_contract, files_are_for_their_owner_alone)
{
    static const char *const names[] = {"000000000000.jsonl",
                                        "000000000000.leaves",
                                        "roots",
                                        "checkpoints",
                                        "key",
                                        "key.pub",
                                        "note"};
    struct audit *audit = audit_folder_open(&folder);
    struct error error;

    audit_folder_put(audit, 0, 20);
    cr_assert_eq(audit_keep_note(audit, SLICE_LITERAL("far"), &error), BEHALF_OK);
    audit_close(audit);
    for (size_t at = 0; at < BEHALF_COUNT_OF(names); at++) {
        struct stat facts;
        char path[128];

        (void)snprintf(path, sizeof path, "%s/%s", folder.path, names[at]);
        cr_assert_eq(stat(path, &facts), 0, "%s", names[at]);
        cr_expect_eq(facts.st_mode & 07777, 0600, "%s", names[at]);
    }
}

Test(audit_contract, a_note_is_kept_over_openings)
{
    struct audit *audit = audit_folder_open(&folder);
    struct buffer bytes;
    struct error error;
    bool found = true;

    buffer_init(&bytes);
    cr_assert_eq(audit_read_note(audit, &bytes, &found, &error), BEHALF_OK);
    cr_expect(!found && bytes.size == 0);
    cr_assert_eq(audit_keep_note(audit, SLICE_LITERAL("one"), &error), BEHALF_OK);
    cr_assert_eq(audit_keep_note(audit, SLICE_LITERAL("a\0b"), &error), BEHALF_OK);
    audit_close(audit);
    audit = audit_folder_open(&folder);
    cr_assert_eq(audit_read_note(audit, &bytes, &found, &error), BEHALF_OK);
    cr_expect(found && slice_equal(buffer_slice(&bytes), SLICE_LITERAL("a\0b")));
    cr_expect_eq(
        audit_keep_note(audit, (struct slice){folder.path, AUDIT_NOTE_SIZE_MAX + 1}, &error),
        BEHALF_MALFORMED_REQUEST);
    audit_close(audit);
    buffer_release(&bytes);
}

Test(audit_contract, one_log_has_one_writer)
{
    struct audit *audit = audit_folder_open(&folder);
    const struct audit_options options = {
        .directory = folder.path, .origin = SLICE_LITERAL("x"), .env = env_system()};
    struct audit *other = NULL;
    struct error error;

    cr_expect_eq(audit_open(&options, &other, &error), BEHALF_STORAGE_FAILED);
    cr_expect(strstr(error.message, "in use") != NULL, "%s", error.message);
    audit_close(audit);
}

Test(audit_contract, a_reader_goes_to_any_record_within_its_bounds)
{
    struct audit *audit;
    struct audit_reader *reader;
    struct error error;
    struct slice line;
    uint64_t seq;

    audit = audit_folder_open(&folder);
    audit_folder_put(audit, 0, 6000);
    reader = open_reader();
    for (uint64_t at = 0; at <= 6001; at += at > 5990 ? 1 : 97) {
        cr_assert_eq(audit_reader_seek(reader, at, &error), BEHALF_OK, "%s", error.message);
        cr_assert_eq(audit_reader_next(reader, &seq, &line, &error),
                     at < 6001 ? BEHALF_OK : BEHALF_DONE);
        cr_expect(at == 6001 || seq == at);
    }
    cr_expect_eq(audit_reader_seek(reader, 6002, &error), BEHALF_MALFORMED_REQUEST);
    audit_reader_close(reader);
    audit_close(audit);
}

/* --- who waits --- */

struct mailbox {
    struct audit_waiter waiter;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned calls;
    enum status status;
};

static void
note_done(struct audit_waiter *waiter, enum status status)
{
    struct mailbox *mailbox = (struct mailbox *)waiter;

    pthread_mutex_lock(&mailbox->lock);
    mailbox->calls++;
    mailbox->status = status;
    pthread_cond_signal(&mailbox->changed);
    pthread_mutex_unlock(&mailbox->lock);
}

Test(audit_contract, a_waiter_is_told_once_its_line_is_on_the_disk)
{
    struct audit *audit = audit_folder_open(&folder);
    struct mailbox mailbox = {.waiter.done = note_done,
                              .lock = PTHREAD_MUTEX_INITIALIZER,
                              .changed = PTHREAD_COND_INITIALIZER};
    struct buffer fields;
    struct error error;

    buffer_init(&fields);
    audit_folder_fields(7, &fields);
    cr_assert_eq(
        audit_put(audit, AUDIT_PLACE_DECISION, 1, buffer_slice(&fields), &mailbox.waiter, &error),
        BEHALF_OK);
    pthread_mutex_lock(&mailbox.lock);
    while (mailbox.calls == 0)
        pthread_cond_wait(&mailbox.changed, &mailbox.lock);
    pthread_mutex_unlock(&mailbox.lock);
    cr_expect_eq(mailbox.status, BEHALF_OK);
    cr_expect_eq(size_of_log(), 2);
    audit_close(audit);
    cr_expect_eq(mailbox.calls, 1);
    buffer_release(&fields);
}

/* --- checkpoints and proofs --- */

static void
load_leaf(struct audit_reader *reader, uint64_t seq, uint8_t leaf[DIGEST_SIZE])
{
    struct slice line;
    struct error error;
    uint64_t got;

    cr_assert_eq(audit_reader_seek(reader, seq, &error), BEHALF_OK);
    cr_assert_eq(audit_reader_next(reader, &got, &line, &error), BEHALF_OK);
    merkle_leaf(line, leaf);
}

static void
take_checkpoint(struct audit *audit, struct buffer *text, struct audit_note *note)
{
    struct buffer key;
    struct error error;

    buffer_init(&key);
    audit_folder_load(&folder, "key.pub", &key);
    buffer_clear(text);
    cr_assert_eq(audit_checkpoint(audit, text, &error), BEHALF_OK, "%s", error.message);
    cr_assert_eq(audit_note_read(buffer_slice(text), buffer_slice(&key), note, &error), BEHALF_OK,
                 "%s", error.message);
    buffer_release(&key);
}

Test(audit_contract, every_record_is_proved_in_a_signed_tree_and_each_tree_in_the_next)
{
    struct audit *audit = audit_folder_open(&folder);
    struct audit_reader *reader = open_reader();
    struct audit_note notes[70];
    struct buffer text;
    struct error error;

    buffer_init(&text);
    for (uint64_t size = 1; size <= 69; size++) {
        struct audit_note *note = &notes[size];

        take_checkpoint(audit, &text, note);
        cr_assert_eq(note->size, size);
        cr_expect(slice_equal(note->origin, SLICE_LITERAL(AUDIT_FOLDER_ORIGIN)));
        for (uint64_t from = 1; from <= size; from++) {
            struct merkle_proof proof;
            uint8_t leaf[DIGEST_SIZE];

            cr_assert_eq(audit_prove_consistency(reader, from, size, &proof, &error), BEHALF_OK,
                         "%s", error.message);
            cr_expect(merkle_check_consistency(from, notes[from].root, size, note->root, &proof));
            cr_assert_eq(audit_prove_inclusion(reader, from - 1, size, &proof, &error), BEHALF_OK);
            load_leaf(reader, from - 1, leaf);
            cr_expect(merkle_check_inclusion(leaf, from - 1, size, &proof, note->root));
            leaf[3] ^= 1;
            cr_expect(!merkle_check_inclusion(leaf, from - 1, size, &proof, note->root));
        }
        if (size < 69)
            audit_folder_put(audit, size, 1);
    }
    {
        struct merkle_proof proof;

        cr_expect_eq(audit_prove_inclusion(reader, 69, 69, &proof, &error),
                     BEHALF_MALFORMED_REQUEST);
        cr_expect_eq(audit_prove_inclusion(reader, 0, 70, &proof, &error),
                     BEHALF_MALFORMED_REQUEST);
        cr_expect_eq(audit_prove_consistency(reader, 0, 5, &proof, &error),
                     BEHALF_MALFORMED_REQUEST);
        cr_expect_eq(audit_prove_consistency(reader, 6, 5, &proof, &error),
                     BEHALF_MALFORMED_REQUEST);
    }
    audit_reader_close(reader);
    audit_close(audit);
    buffer_release(&text);
}

Test(audit_contract, a_note_by_another_key_is_refused)
{
    struct audit *audit = audit_folder_open(&folder);
    struct audit_folder second;
    struct audit *other;
    struct audit_note note;
    struct buffer text;
    struct buffer key;
    struct error error;

    buffer_init(&text);
    buffer_init(&key);
    audit_folder_make(&second);
    other = audit_folder_open(&second);
    audit_folder_load(&second, "key.pub", &key);
    cr_assert_eq(audit_checkpoint(audit, &text, &error), BEHALF_OK);
    cr_expect_eq(audit_note_read(buffer_slice(&text), (struct slice){NULL, 0}, &note, &error),
                 BEHALF_OK);
    cr_expect_eq(audit_note_read(buffer_slice(&text), buffer_slice(&key), &note, &error),
                 BEHALF_MALFORMED_REQUEST);
    cr_expect(strstr(error.message, "not signed by the key") != NULL, "%s", error.message);
    audit_close(audit);
    audit_close(other);
    audit_folder_remove(&second);
    buffer_release(&text);
    buffer_release(&key);
}
