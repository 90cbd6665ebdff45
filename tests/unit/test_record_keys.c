/* test_record_keys.c - the bytes of records: round trips, order, and what is refused. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "storage/changelog.h"

static const struct {
    enum record_kind kind;
    uint8_t size;
} ids[] = {
    {RECORD_SESSION, 16}, {RECORD_GRANT, 16},     {RECORD_USES, 16},
    {RECORD_REQUEST, 16}, {RECORD_ATTRIBUTES, 8}, {RECORD_STOP, 17},
};

static const struct {
    enum record_index index;
    uint8_t size;
} entries[] = {
    {RECORD_INDEX_ENDS, 8},     {RECORD_INDEX_PRINCIPAL, 16}, {RECORD_INDEX_AGENT, 16},
    {RECORD_INDEX_SESSION, 24}, {RECORD_INDEX_DELEGATEE, 16}, {RECORD_INDEX_PARTIES, 24},
    {RECORD_INDEX_DENIAL, 16},
};

static struct store_record_key
key_number(size_t number)
{
    struct store_record_key key = {.kind = ids[number].kind, .id_size = ids[number].size};

    for (size_t at = 0; at < key.id_size; at++)
        key.id[at] = (uint8_t)(at * 17);
    return key;
}

static bool
same_key(const struct store_record_key *a, const struct store_record_key *b)
{
    return a->kind == b->kind && a->id_size == b->id_size && memcmp(a->id, b->id, a->id_size) == 0;
}

Test(record_keys, come_back_and_no_other_size_or_kind_does)
{
    for (size_t number = 0; number < BEHALF_COUNT_OF(ids); number++) {
        struct store_record_key key = key_number(number);
        struct store_record_key back;
        char bytes[RECORD_KEY_SIZE_MAX + 1] = {0};
        struct slice encoded = record_key_encode(&key, bytes);

        cr_assert_eq(encoded.size, 1 + (size_t)ids[number].size);
        cr_assert_eq(record_key_decode(encoded, &back, NULL), BEHALF_OK);
        cr_assert(same_key(&key, &back));
        for (size_t size = 0; size <= sizeof bytes; size++)
            cr_assert_eq(record_key_decode((struct slice){bytes, size}, &back, NULL),
                         size == encoded.size ? BEHALF_OK : BEHALF_STORAGE_CORRUPT);
        for (unsigned kind = 0; kind <= UINT8_MAX; kind++) {
            bool possible = kind >= RECORD_SESSION && kind <= RECORD_STOP &&
                            ids[kind - 1].size == ids[number].size;

            bytes[0] = (char)kind;
            cr_assert_eq(record_key_decode(encoded, &back, NULL),
                         possible ? BEHALF_OK : BEHALF_STORAGE_CORRUPT, "kind %u", kind);
        }
    }
}

Test(record_keys, of_history_come_back_in_the_order_of_revisions_and_never_of_uses)
{
    static const uint64_t revisions[] = {1, 0xFF, 0x100, UINT64_MAX};

    for (size_t number = 0; number < BEHALF_COUNT_OF(ids); number++) {
        struct store_record_key key = key_number(number);
        struct store_record_key back;
        char record_key[RECORD_KEY_SIZE_MAX];
        char last[RECORD_HISTORY_KEY_SIZE_MAX] = {0};
        char bytes[RECORD_HISTORY_KEY_SIZE_MAX];
        uint64_t deleted = 0;

        for (size_t at = 0; at < BEHALF_COUNT_OF(revisions); at++) {
            struct slice encoded = record_history_key_encode(record_key_encode(&key, record_key),
                                                             revisions[at], bytes);
            enum status status = record_history_key_decode(encoded, &back, &deleted, NULL);

            cr_assert_eq(status, key.kind == RECORD_USES ? BEHALF_STORAGE_CORRUPT : BEHALF_OK);
            cr_assert(status != BEHALF_OK || (same_key(&key, &back) && deleted == revisions[at]));
            cr_assert_gt(memcmp(bytes, last, encoded.size), 0);
            memcpy(last, bytes, encoded.size);
            for (size_t size = 0; size < encoded.size; size++)
                cr_assert_eq(
                    record_history_key_decode((struct slice){bytes, size}, &back, &deleted, NULL),
                    BEHALF_STORAGE_CORRUPT);
            bytes[0] = 1; /* a direction of edges */
            cr_assert_eq(record_history_key_decode(encoded, &back, &deleted, NULL),
                         BEHALF_STORAGE_CORRUPT);
        }
    }
}

Test(record_keys, of_indexes_come_back_and_no_cut_of_them_does)
{
    for (size_t number = 0; number < BEHALF_COUNT_OF(entries); number++) {
        struct store_record_key key = key_number(number % BEHALF_COUNT_OF(ids));
        struct store_record_key back;
        enum record_index index = RECORD_INDEX_ENDS;
        struct slice entry = {NULL, 0};
        char content[24];
        char record_key[RECORD_KEY_SIZE_MAX];
        char bytes[INDEX_KEY_SIZE_MAX];
        struct slice encoded;

        memset(content, 0xFF, sizeof content);
        encoded =
            index_key_encode(entries[number].index, (struct slice){content, entries[number].size},
                             record_key_encode(&key, record_key), bytes);
        cr_assert_eq(index_key_decode(encoded, &index, &entry, &back, NULL), BEHALF_OK);
        cr_assert(index == entries[number].index && same_key(&key, &back));
        cr_assert(slice_equal(entry, (struct slice){content, entries[number].size}));
        for (size_t size = 0; size < encoded.size; size++)
            cr_assert_eq(index_key_decode((struct slice){bytes, size}, &index, &entry, &back, NULL),
                         BEHALF_STORAGE_CORRUPT, "%zu", size);
        bytes[0] = BEHALF_COUNT_OF(entries);
        cr_assert_eq(index_key_decode(encoded, &index, &entry, &back, NULL),
                     BEHALF_STORAGE_CORRUPT);
    }
}

static void
value_encode(const struct store_record *record, struct buffer *bytes)
{
    buffer_clear(bytes);
    bytes_put_u64(buffer_reserve(bytes, 8), record->created_revision);
    buffer_added(bytes, 8);
    record_tail_encode(record, bytes);
}

static enum status
value_check(const struct buffer *bytes)
{
    struct store_record back;

    return record_value_decode(buffer_slice(bytes), &back, NULL);
}

static const char zeros[24];

static struct store_record
record_of(size_t count)
{
    struct store_record record = {
        .created_revision = 9, .ends = -5, .entry_count = count, .body = SLICE_LITERAL("body")};

    for (size_t at = 0; at < count; at++)
        record.entries[at] =
            (struct store_record_entry){entries[at + 1].index, {zeros, entries[at + 1].size}};
    return record;
}

Test(record_keys, of_values_come_back_with_all_their_entries)
{
    struct buffer bytes;

    buffer_init(&bytes);
    for (size_t count = 0; count <= STORE_RECORD_INDEXES_MAX; count++) {
        struct store_record record = record_of(count);
        struct store_record back = {.entry_count = 99};

        value_encode(&record, &bytes);
        cr_assert_eq(record_value_decode(buffer_slice(&bytes), &back, NULL), BEHALF_OK);
        cr_assert(back.created_revision == 9 && back.ends == -5 && back.entry_count == count);
        cr_assert(slice_equal(back.body, record.body));
        for (size_t at = 0; at < count; at++) {
            cr_assert_eq(back.entries[at].index, record.entries[at].index);
            cr_assert(slice_equal(back.entries[at].bytes, record.entries[at].bytes));
        }
    }
    buffer_release(&bytes);
}

Test(record_keys, of_impossible_values_are_refused)
{
    struct store_record record = record_of(2);
    struct buffer bytes;
    size_t front;

    buffer_init(&bytes);
    record.body.size = 0;
    value_encode(&record, &bytes);
    front = bytes.size; /* without a body: any cut is in the middle of something */
    for (bytes.size = 0; bytes.size < front; bytes.size++)
        cr_assert_eq(value_check(&bytes), BEHALF_STORAGE_CORRUPT, "%zu", bytes.size);
    cr_assert_eq(value_check(&bytes), BEHALF_OK);
    bytes.data[16] = STORE_RECORD_INDEXES_MAX + 1; /* entries */
    cr_assert_eq(value_check(&bytes), BEHALF_STORAGE_CORRUPT);
    bytes.data[16] = 2;
    bytes.data[17] = RECORD_INDEX_ENDS; /* the store makes this one */
    cr_assert_eq(value_check(&bytes), BEHALF_STORAGE_CORRUPT);
    bytes.data[17] = RECORD_INDEX_AGENT; /* as the second: twice, or out of order */
    cr_assert_eq(value_check(&bytes), BEHALF_STORAGE_CORRUPT);
    bytes.data[17] = RECORD_INDEX_PRINCIPAL;
    bytes.data[18] = 15; /* size of the entry */
    cr_assert_eq(value_check(&bytes), BEHALF_STORAGE_CORRUPT);
    bytes.data[18] = 16;
    cr_assert_eq(value_check(&bytes), BEHALF_OK);
    memset(bytes.data, 0, 8); /* revision 0 wrote nothing */
    cr_assert_eq(value_check(&bytes), BEHALF_STORAGE_CORRUPT);
    record.created_revision = 1;
    record.body = (struct slice){calloc(1, STORE_RECORD_SIZE_MAX + 1), STORE_RECORD_SIZE_MAX};
    value_encode(&record, &bytes);
    cr_assert_eq(value_check(&bytes), BEHALF_OK);
    buffer_add_byte(&bytes, 0);
    cr_assert_eq(value_check(&bytes), BEHALF_STORAGE_CORRUPT);
    free((void *)(uintptr_t)record.body.data);
    buffer_release(&bytes);
}

Test(record_keys, of_what_was_seen_come_back)
{
    const char key[SEEN_KEY_SIZE] = "0123456789abcde";
    char value[SEEN_VALUE_SIZE];
    struct store_seen seen;

    store_time_encode(-7, value);
    cr_assert_eq(seen_decode((struct slice){key, sizeof key}, (struct slice){value, sizeof value},
                             &seen, NULL),
                 BEHALF_OK);
    cr_assert(seen.time_ns == -7 && memcmp(seen.session, key, sizeof key) == 0);
    cr_assert_eq(
        seen_decode((struct slice){key, 15}, (struct slice){value, sizeof value}, &seen, NULL),
        BEHALF_STORAGE_CORRUPT);
    cr_assert_eq(
        seen_decode((struct slice){key, sizeof key}, (struct slice){value, 7}, &seen, NULL),
        BEHALF_STORAGE_CORRUPT);
}

/* --- the changelog --- */

static const struct changelog_header header = {.revision = 3};

static void
add(struct buffer *entry, enum changelog_kind kind, size_t number)
{
    struct store_record_key key = key_number(number);
    struct store_record record = record_of(2);
    struct buffer tail;

    buffer_init(&tail);
    record_tail_encode(&record, &tail);
    if (kind == CHANGELOG_RECORD_PUT)
        changelog_add_record_put(entry, &key, buffer_slice(&tail));
    else
        changelog_add_record_remove(entry, &key);
    buffer_release(&tail);
}

Test(record_keys, in_the_changelog_come_back_mixed_and_behind_all_else)
{
    static const enum changelog_kind kinds[] = {
        CHANGELOG_METADATA,   CHANGELOG_SWEEP,         CHANGELOG_RECORD_REMOVE,
        CHANGELOG_RECORD_PUT, CHANGELOG_RECORD_REMOVE, CHANGELOG_RECORD_PUT,
    };
    struct changelog_reader reader;
    struct changelog_header back;
    struct changelog_record record;
    struct buffer entry;
    size_t whole = 0;

    buffer_init(&entry);
    changelog_begin(&entry, &header);
    changelog_add_metadata(&entry, SLICE_LITERAL("{}"));
    changelog_add_sweep(&entry, 8);
    for (size_t at = 2; at < BEHALF_COUNT_OF(kinds); at++)
        add(&entry, kinds[at], at);
    cr_assert_eq(changelog_open(buffer_slice(&entry), &reader, &back, NULL), BEHALF_OK);
    for (size_t at = 0; at < BEHALF_COUNT_OF(kinds); at++) {
        struct store_record_key key = key_number(at);

        cr_assert_eq(changelog_next(&reader, &record, NULL), BEHALF_OK);
        cr_assert_eq(record.kind, kinds[at]);
        cr_assert(at < 2 || same_key(&record.record.key, &key));
        cr_assert(record.kind != CHANGELOG_RECORD_PUT ||
                  (record.record.ends == -5 && record.record.entry_count == 2 &&
                   slice_equal(record.record.body, SLICE_LITERAL("body"))));
    }
    cr_assert_eq(changelog_next(&reader, &record, NULL), BEHALF_DONE);
    for (size_t size = 0; size < entry.size; size++) {
        enum status status = changelog_open((struct slice){entry.data, size}, &reader, &back, NULL);

        while (status == BEHALF_OK)
            status = changelog_next(&reader, &record, NULL);
        cr_assert(status == BEHALF_DONE || status == BEHALF_STORAGE_CORRUPT);
        whole += status == BEHALF_DONE;
    }
    cr_assert_eq(whole, BEHALF_COUNT_OF(kinds)); /* cuts between records are shorter entries */
    buffer_release(&entry);
}

static enum status
entry_check(const struct buffer *entry)
{
    struct changelog_reader reader;
    struct changelog_header back;
    struct changelog_record record;
    enum status status = changelog_open(buffer_slice(entry), &reader, &back, NULL);

    while (status == BEHALF_OK)
        status = changelog_next(&reader, &record, NULL);
    return status;
}

Test(record_keys, in_the_changelog_are_refused_out_of_order_or_impossible)
{
    struct buffer entry;

    buffer_init(&entry);
    changelog_begin(&entry, &header);
    add(&entry, CHANGELOG_RECORD_PUT, 0);
    cr_assert_eq(entry_check(&entry), BEHALF_DONE);
    changelog_add_sweep(&entry, 8); /* it stands before records */
    cr_assert_eq(entry_check(&entry), BEHALF_STORAGE_CORRUPT);
    changelog_begin(&entry, &header);
    add(&entry, CHANGELOG_RECORD_REMOVE, 5);
    entry.data[CHANGELOG_HEADER_SIZE + 1] = RECORD_GRANT; /* with the id of a stop */
    cr_assert_eq(entry_check(&entry), BEHALF_STORAGE_CORRUPT);
    changelog_begin(&entry, &header);
    buffer_add_byte(&entry, CHANGELOG_RECORD_REMOVE);
    buffer_add_byte(&entry, RECORD_GRANT);
    buffer_add_byte(&entry, (char)200); /* an id that no key has room for */
    for (size_t at = 0; at < 200; at++)
        buffer_add_byte(&entry, 0);
    cr_assert_eq(entry_check(&entry), BEHALF_STORAGE_CORRUPT);
    changelog_begin(&entry, &header);
    buffer_add_byte(&entry, CHANGELOG_CALLER + 1);
    cr_assert_eq(entry_check(&entry), BEHALF_STORAGE_CORRUPT);
    buffer_release(&entry);
}
