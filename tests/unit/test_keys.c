/* test_keys.c - the bytes on disk: round trips, order, and refusal of what no encoder makes. */
#include <criterion/criterion.h>

#include "storage/changelog.h"

static const uint64_t nodes[] = {
    NODE_WILDCARD(1) | 1,      NODE_WILDCARD(1) | 0xFF,
    NODE_WILDCARD(1) | 0x100,  NODE_WILDCARD(0x00FF) | 7,
    NODE_WILDCARD(0x0100) | 7, NODE_WILDCARD(0xFFFF) | (NODE_SEQUENCE_LOCAL - 1),
};
static const uint16_t labels[] = {1, 0xFF, 0x100, 0xFFFF};

static struct edge_key
key_number(size_t number)
{
    struct edge_key key;

    key.resource = nodes[number % 6];
    number /= 6;
    key.subject = nodes[number % 6];
    number /= 6;
    key.relation = labels[number % 4];
    key.subject_relation = number / 4 % 5 == 4 ? LABEL_NONE : labels[number / 4 % 5];
    return key;
}

#define KEY_COUNT ((size_t)6 * 6 * 4 * 5)

static int
compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int
logical_order(enum edge_direction direction, const struct edge_key *a, const struct edge_key *b)
{
    bool forward = direction == EDGE_FORWARD;
    int order = forward ? compare(a->resource, b->resource) : compare(a->subject, b->subject);

    if (order == 0)
        order = forward ? compare(a->relation, b->relation)
                        : compare(a->subject_relation, b->subject_relation);
    if (order == 0)
        order = forward ? compare(a->subject_relation, b->subject_relation)
                        : compare(a->relation, b->relation);
    if (order == 0)
        order = forward ? compare(a->subject, b->subject) : compare(a->resource, b->resource);
    return order;
}

Test(keys, edge_keys_come_back_and_byte_order_is_logical_order)
{
    for (int direction = EDGE_FORWARD; direction <= EDGE_REVERSE; direction++) {
        for (size_t i = 0; i < KEY_COUNT; i++) {
            struct edge_key a = key_number(i);
            struct edge_key back;
            char bytes[2][EDGE_KEY_SIZE];

            edge_key_encode((enum edge_direction)direction, &a, bytes[0]);
            cr_assert_eq(edge_key_decode((enum edge_direction)direction,
                                         (struct slice){bytes[0], EDGE_KEY_SIZE}, &back, NULL),
                         BEHALF_OK);
            cr_assert_eq(logical_order(EDGE_FORWARD, &a, &back), 0);
            for (size_t j = 0; j < KEY_COUNT; j += 7) {
                struct edge_key b = key_number(j);
                int order = logical_order((enum edge_direction)direction, &a, &b);
                int byte_order;

                edge_key_encode((enum edge_direction)direction, &b, bytes[1]);
                byte_order = memcmp(bytes[0], bytes[1], EDGE_KEY_SIZE);
                cr_assert_eq((byte_order > 0) - (byte_order < 0), order);
            }
        }
    }
}

Test(keys, impossible_edge_keys_are_refused)
{
    const struct edge_key good = {NODE_WILDCARD(1) | 1, NODE_WILDCARD(2) | 1, 3, LABEL_NONE};
    struct edge_key bad[7];
    struct edge_key back;
    struct error error;
    char bytes[EDGE_KEY_SIZE + 1] = {0};

    for (size_t index = 0; index < BEHALF_COUNT_OF(bad); index++)
        bad[index] = good;
    bad[0].resource = NODE_WILDCARD(1);                       /* a wildcard has no relations */
    bad[1].resource = 1;                                      /* type 0 */
    bad[2].subject = 1;                                       /* type 0 */
    bad[3].relation = LABEL_NONE;                             /* no relation */
    bad[4].subject = NODE_WILDCARD(2) | NODE_SEQUENCE_LOCAL;  /* request-local */
    bad[5].resource = NODE_WILDCARD(1) | NODE_SEQUENCE_LOCAL; /* request-local */
    bad[6].subject = NODE_WILDCARD(2);                        /* a wildcard userset */
    bad[6].subject_relation = 4;
    for (size_t index = 0; index < BEHALF_COUNT_OF(bad); index++) {
        edge_key_encode(EDGE_FORWARD, &bad[index], bytes);
        cr_assert_eq(
            edge_key_decode(EDGE_FORWARD, (struct slice){bytes, EDGE_KEY_SIZE}, &back, &error),
            BEHALF_STORAGE_CORRUPT, "%zu", index);
    }
    edge_key_encode(EDGE_FORWARD, &good, bytes);
    for (size_t size = 0; size <= sizeof bytes; size++)
        cr_assert_eq(edge_key_decode(EDGE_FORWARD, (struct slice){bytes, size}, &back, &error),
                     size == EDGE_KEY_SIZE ? BEHALF_OK : BEHALF_STORAGE_CORRUPT);
}

Test(keys, edge_values_come_back)
{
    static const int64_t times[] = {0, 1, -1, INT64_MAX, INT64_MIN};
    static const char context[] = {0, 1, 2};

    for (size_t number = 0; number < 5 * 2 * 4; number++) {
        struct edge edge = {.created_revision = number + 1, .expires_at = times[number % 5]};
        struct edge back = {.created_revision = 0};
        struct buffer bytes;

        if (number / 5 % 2 != 0) {
            edge.caveat = 0xFFFF;
            edge.context = (struct slice){context, number / 10};
        }
        buffer_init(&bytes);
        edge_value_encode(&edge, &bytes);
        cr_assert_eq(edge_value_decode(buffer_slice(&bytes), &back, NULL), BEHALF_OK);
        cr_assert_eq(back.created_revision, edge.created_revision);
        cr_assert_eq(back.expires_at, edge.expires_at);
        cr_assert_eq(back.caveat, edge.caveat);
        cr_assert(slice_equal(back.context, edge.context));
        buffer_release(&bytes);
    }
}

Test(keys, edge_values_cut_anywhere_or_with_unknown_flags_are_refused)
{
    const struct edge edge = {.created_revision = 9, .expires_at = 5, .caveat = 1};
    struct edge back;
    struct buffer bytes;
    struct error error;

    buffer_init(&bytes);
    edge_value_encode(&edge, &bytes);
    cr_assert_eq(bytes.size, 19);
    for (size_t size = 0; size < bytes.size; size++)
        cr_assert_eq(edge_value_decode((struct slice){bytes.data, size}, &back, &error),
                     BEHALF_STORAGE_CORRUPT, "%zu", size);
    bytes.data[8] |= 4;
    cr_assert_eq(edge_value_decode(buffer_slice(&bytes), &back, &error), BEHALF_STORAGE_CORRUPT);
    bytes.data[8] = 0; /* no flags, but bytes behind them */
    cr_assert_eq(edge_value_decode(buffer_slice(&bytes), &back, &error), BEHALF_STORAGE_CORRUPT);
    memset(bytes.data, 0, 8); /* revision 0 wrote nothing */
    bytes.data[8] = 3;
    cr_assert_eq(edge_value_decode(buffer_slice(&bytes), &back, &error), BEHALF_STORAGE_CORRUPT);
    buffer_release(&bytes);
}

Test(keys, times_sort_by_their_bytes)
{
    static const int64_t times[] = {INT64_MIN, -1000000000, -1, 0, 1, 1000000000, INT64_MAX};

    for (size_t index = 0; index < BEHALF_COUNT_OF(times); index++) {
        cr_assert_eq(time_from_bits(time_to_bits(times[index])), times[index]);
        cr_assert(index == 0 || time_to_bits(times[index - 1]) < time_to_bits(times[index]));
    }
}

Test(keys, history_sorts_by_direction_then_edge_then_revision)
{
    static const uint64_t revisions[] = {1, 0xFF, 0x100, UINT64_MAX};
    char last[HISTORY_KEY_SIZE] = {0};
    char edge_key[EDGE_KEY_SIZE];

    for (int direction = EDGE_FORWARD; direction <= EDGE_REVERSE; direction++) {
        for (uint64_t node = 1; node < 4; node++) {
            struct edge_key key = {NODE_WILDCARD(1) | node, NODE_WILDCARD(2) | node, 3, 4};

            edge_key_encode((enum edge_direction)direction, &key, edge_key);
            for (size_t index = 0; index < BEHALF_COUNT_OF(revisions); index++) {
                char bytes[HISTORY_KEY_SIZE];
                enum edge_direction back_direction;
                struct slice back_key;
                uint64_t back_revision;

                history_key_encode((enum edge_direction)direction, edge_key, revisions[index],
                                   bytes);
                cr_assert_lt(memcmp(last, bytes, sizeof bytes), 0);
                memcpy(last, bytes, sizeof bytes);
                cr_assert_eq(history_key_decode((struct slice){bytes, sizeof bytes},
                                                &back_direction, &back_key, &back_revision, NULL),
                             BEHALF_OK);
                cr_assert_eq(back_direction, (enum edge_direction)direction);
                cr_assert_eq(back_revision, revisions[index]);
                cr_assert(slice_equal(back_key, (struct slice){edge_key, EDGE_KEY_SIZE}));
            }
        }
    }
}

Test(keys, variants_heads_and_requests_come_back)
{
    const struct edge_variant variant = {1, 2, 3, 4, 5, true, true};
    struct edge_variant back;
    struct store_head head = {.revision = 7, .time_ns = -3, .chain = {1, 2, 3}};
    struct store_head head_back;
    const uint8_t digest[REQUEST_DIGEST_SIZE] = {9};
    struct store_request request;
    char count[COUNT_KEY_SIZE];
    char bytes[HEAD_SIZE];
    char key[REQUEST_KEY_SIZE];
    char value[REQUEST_VALUE_SIZE] = {8};

    count_key_encode(&variant, count);
    cr_assert_eq(count_key_decode((struct slice){count, sizeof count}, &back, NULL), BEHALF_OK);
    cr_assert(back.resource_type == 1 && back.relation == 2 && back.subject_type == 3 &&
              back.subject_relation == 4 && back.caveat == 5 && back.wildcard && back.expiring);
    head_encode(&head, bytes);
    cr_assert_eq(head_decode((struct slice){bytes, sizeof bytes}, &head_back, NULL), BEHALF_OK);
    cr_assert(head_back.revision == 7 && head_back.time_ns == -3 && head_back.chain[2] == 3);
    request_key_encode(digest, 55, key);
    bytes_put_u64(value + DIGEST_SIZE, 77);
    cr_assert_eq(request_decode((struct slice){key, sizeof key},
                                (struct slice){value, sizeof value}, &request, NULL),
                 BEHALF_OK);
    cr_assert(request.time_ns == 55 && request.revision == 77 && request.digest[0] == 8);
}

Test(keys, clock_records_come_back_and_damaged_ones_do_not)
{
    for (unsigned ahead = 0; ahead < 2; ahead++) {
        const struct store_clock clock = {1000, -7, ahead != 0};
        struct store_clock back = {.floor_ns = 0};
        char bytes[CLOCK_SIZE];

        clock_encode(&clock, bytes);
        cr_assert_eq(clock_decode((struct slice){bytes, sizeof bytes}, &back, NULL), BEHALF_OK);
        cr_assert(back.floor_ns == 1000 && back.trusted_ns == -7);
        cr_assert_eq(back.ahead, clock.ahead);
        cr_assert_eq(clock_decode((struct slice){bytes, sizeof bytes - 1}, &back, NULL),
                     BEHALF_STORAGE_CORRUPT);
        bytes[CLOCK_SIZE - 1] = 2;
        cr_assert_eq(clock_decode((struct slice){bytes, sizeof bytes}, &back, NULL),
                     BEHALF_STORAGE_CORRUPT);
    }
}

Test(changelog, an_entry_comes_back_record_by_record_and_no_cut_of_it_does)
{
    const struct changelog_header header = {.revision = 3, .time_ns = 4, .previous = {5}};
    const struct edge edge = {.key = {NODE_WILDCARD(1) | 1, NODE_WILDCARD(2), 3, LABEL_NONE},
                              .expires_at = 12};
    static const enum changelog_kind kinds[] = {
        CHANGELOG_LABEL,  CHANGELOG_NODE,     CHANGELOG_REMOVE,  CHANGELOG_PUT,   CHANGELOG_REMOVE,
        CHANGELOG_SCHEMA, CHANGELOG_METADATA, CHANGELOG_REQUEST, CHANGELOG_SWEEP, CHANGELOG_CALLER,
    };
    struct changelog_reader reader;
    struct changelog_header back;
    struct changelog_record record;
    struct buffer entry;
    struct buffer tail;
    struct error error;
    size_t whole = 0;
    enum status status;

    buffer_init(&entry);
    buffer_init(&tail);
    edge_tail_encode(&edge, &tail);
    changelog_begin(&entry, &header);
    changelog_add_label(&entry, LABEL_CAVEAT, 7, SLICE_LITERAL("during"));
    changelog_add_node(&entry, NODE_WILDCARD(1) | 1, SLICE_LITERAL("readme"));
    changelog_add_remove(&entry, &edge.key);
    changelog_add_put(&entry, &edge.key, buffer_slice(&tail));
    changelog_add_remove(&entry, &edge.key);
    changelog_add_schema(&entry, SLICE_LITERAL("definition user {}"));
    changelog_add_metadata(&entry, SLICE_LITERAL("{}"));
    changelog_add_request(&entry, (const uint8_t[REQUEST_DIGEST_SIZE]){1},
                          (const uint8_t[DIGEST_SIZE]){2});
    changelog_add_sweep(&entry, -8);
    changelog_add_caller(&entry, SLICE_LITERAL("console"));
    cr_assert_eq(changelog_open(buffer_slice(&entry), &reader, &back, &error), BEHALF_OK);
    cr_assert(back.revision == 3 && back.time_ns == 4 && back.previous[0] == 5);
    for (size_t index = 0; index < BEHALF_COUNT_OF(kinds); index++) {
        cr_assert_eq(changelog_next(&reader, &record, &error), BEHALF_OK);
        cr_assert_eq(record.kind, kinds[index]);
        cr_assert(record.kind != CHANGELOG_PUT || record.edge.expires_at == 12);
        cr_assert(record.kind != CHANGELOG_SWEEP || record.time_ns == -8);
        cr_assert(record.kind != CHANGELOG_CALLER ||
                  slice_equal(record.bytes, SLICE_LITERAL("console")));
    }
    cr_assert_eq(changelog_next(&reader, &record, &error), BEHALF_DONE);
    for (size_t size = 0; size < entry.size; size++) {
        status = changelog_open((struct slice){entry.data, size}, &reader, &back, &error);
        while (status == BEHALF_OK)
            status = changelog_next(&reader, &record, &error);
        cr_assert(status == BEHALF_DONE || status == BEHALF_STORAGE_CORRUPT);
        whole += status == BEHALF_DONE;
    }
    cr_assert_eq(whole, BEHALF_COUNT_OF(kinds)); /* cuts between records are shorter entries */
    buffer_release(&entry);
    buffer_release(&tail);
}

Test(changelog, records_out_of_order_or_twice_are_refused)
{
    const struct changelog_header header = {.revision = 1};
    struct changelog_reader reader;
    struct changelog_header back;
    struct changelog_record record;
    struct buffer entry;
    struct error error;

    buffer_init(&entry);
    changelog_begin(&entry, &header);
    changelog_add_schema(&entry, SLICE_LITERAL("a"));
    changelog_add_schema(&entry, SLICE_LITERAL("b"));
    cr_assert_eq(changelog_open(buffer_slice(&entry), &reader, &back, &error), BEHALF_OK);
    cr_assert_eq(changelog_next(&reader, &record, &error), BEHALF_OK);
    cr_assert_eq(changelog_next(&reader, &record, &error), BEHALF_STORAGE_CORRUPT);
    changelog_begin(&entry, &header);
    changelog_add_metadata(&entry, SLICE_LITERAL("a"));
    changelog_add_node(&entry, NODE_WILDCARD(1) | 1, SLICE_LITERAL("b"));
    cr_assert_eq(changelog_open(buffer_slice(&entry), &reader, &back, &error), BEHALF_OK);
    cr_assert_eq(changelog_next(&reader, &record, &error), BEHALF_OK);
    cr_assert_eq(changelog_next(&reader, &record, &error), BEHALF_STORAGE_CORRUPT);
    changelog_begin(&entry, &header);
    changelog_add_caller(&entry, SLICE_LITERAL("a"));
    changelog_add_caller(&entry, SLICE_LITERAL("b"));
    cr_assert_eq(changelog_open(buffer_slice(&entry), &reader, &back, &error), BEHALF_OK);
    cr_assert_eq(changelog_next(&reader, &record, &error), BEHALF_OK);
    cr_assert_eq(changelog_next(&reader, &record, &error), BEHALF_STORAGE_CORRUPT);
    changelog_begin(&entry, &header);
    buffer_add_byte(&entry, CHANGELOG_CALLER);
    buffer_add_byte(&entry, 0); /* nobody has no record */
    cr_assert_eq(changelog_open(buffer_slice(&entry), &reader, &back, &error), BEHALF_OK);
    cr_assert_eq(changelog_next(&reader, &record, &error), BEHALF_STORAGE_CORRUPT);
    buffer_release(&entry);
}
