/* test_token.c - tokens, cursors and denials: exactly what was sealed opens, and nothing else
 * (R-41). */
#include <criterion/criterion.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "engine/token.h"
#include "storage/store_internal.h"

#define RANDOM_MUTATIONS 300000

static struct store *
open_store(void)
{
    struct store_options options = {.env = env_system()};
    struct store *store = NULL;
    struct error error = {.status = BEHALF_OK};

    cr_assert_eq(store_open(&options, &store, &error), BEHALF_OK, "%s", error.message);
    return store;
}

static const struct cursor sample = {
    .revision = 77,
    .request_digest = UINT64_C(0xFEDCBA9876543210),
    .position = {1, 2, 3, 0xFF, 0, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0x80, 0x7F, 11, 12, 13},
};

static const struct engine_denial sample_denial = {
    .decision = {{1, 2, 3, 0xFF, 0, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0x80}},
    .ends = INT64_C(1800000000123456789),
    .words = {7, 7, 7, 0, 1, 2, 3, [31] = 0xFE},
};

static enum status
open_denial(const struct store *store, const char *text, size_t size)
{
    struct engine_denial denial = {.ends = 12345};
    struct error error = {.status = BEHALF_OK};
    enum status status =
        denial_open(store, (struct slice){text, size}, sample_denial.words, &denial, &error);

    cr_assert(status == BEHALF_OK || (status == BEHALF_DENIAL_INVALID && denial.ends == 12345 &&
                                      error.status == BEHALF_DENIAL_INVALID));
    return status;
}

static enum status
open_token(const struct store *store, const char *text, size_t size)
{
    uint64_t revision = 12345;
    struct error error = {.status = BEHALF_OK};
    enum status status = token_open(store, (struct slice){text, size}, &revision, &error);

    cr_assert(status == BEHALF_OK || (status == BEHALF_UNKNOWN_TOKEN && revision == 12345 &&
                                      error.status == BEHALF_UNKNOWN_TOKEN));
    return status;
}

static enum status
open_cursor(const struct store *store, const char *text, size_t size)
{
    struct cursor cursor = {.revision = 12345};
    struct error error = {.status = BEHALF_OK};
    enum status status =
        cursor_open(store, (struct slice){text, size}, sample.request_digest, &cursor, &error);

    cr_assert(status == BEHALF_OK || (status == BEHALF_INVALID_CURSOR && cursor.revision == 12345));
    return status;
}

Test(token, opens_what_it_sealed)
{
    static const uint64_t revisions[] = {0, 1, 2, 63, 64, 65535, 65536, UINT64_MAX - 1, UINT64_MAX};
    struct store *store = open_store();

    for (size_t at = 0; at < BEHALF_COUNT_OF(revisions); at++) {
        struct engine_token token;
        uint64_t revision = 1;

        token_seal(store, revisions[at], &token);
        cr_assert_eq(strlen(token.text), 46);
        cr_assert_eq(strspn(token.text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                        "0123456789-_"),
                     46);
        cr_assert_eq(token_open(store, slice_of(token.text), &revision, NULL), BEHALF_OK);
        cr_assert_eq(revision, revisions[at]);
    }
    store_close(store);
}

Test(token, a_cursor_carries_its_place)
{
    struct store *store = open_store();
    struct engine_token token;
    struct cursor cursor;

    cursor_seal(store, &sample, &token);
    cr_assert_eq(strlen(token.text), 94);
    cr_assert_eq(cursor_open(store, slice_of(token.text), sample.request_digest, &cursor, NULL),
                 BEHALF_OK);
    cr_assert_eq(cursor.revision, sample.revision);
    cr_assert_eq(cursor.request_digest, sample.request_digest);
    cr_assert_eq(memcmp(cursor.position, sample.position, sizeof sample.position), 0);
    cr_assert_eq(cursor_open(store, slice_of(token.text), sample.request_digest + 1, &cursor, NULL),
                 BEHALF_INVALID_CURSOR);
    store_close(store);
}

Test(token, a_denial_carries_its_decision_and_its_end)
{
    static const int64_t ends[] = {0, 1, INT64_C(1800000000123456789), INT64_MAX};
    struct store *store = open_store();
    struct engine_token token;
    struct engine_denial denial;

    for (size_t at = 0; at < BEHALF_COUNT_OF(ends); at++) {
        struct engine_denial sealed = sample_denial;

        sealed.ends = ends[at];
        denial_seal(store, &sealed, &token);
        cr_assert_eq(strlen(token.text), 110);
        cr_assert_eq(denial_open(store, slice_of(token.text), sample_denial.words, &denial, NULL),
                     BEHALF_OK);
        cr_assert_eq(denial.ends, ends[at]);
        cr_assert(record_id_equal(&denial.decision, &sample_denial.decision));
        cr_assert_arr_eq(denial.words, sample_denial.words, DIGEST_SIZE);
    }
    store_close(store);
}

Test(token, a_denial_is_for_its_words_alone)
{
    struct store *store = open_store();
    struct engine_token token;

    denial_seal(store, &sample_denial, &token);
    for (size_t byte = 0; byte < DIGEST_SIZE; byte++) {
        struct engine_denial other = sample_denial;
        struct engine_denial denial;
        struct error error;

        other.words[byte] ^= 1;
        cr_assert_eq(denial_open(store, slice_of(token.text), other.words, &denial, &error),
                     BEHALF_DENIAL_INVALID, "byte %zu", byte);
        cr_assert_str_eq(error.message, "the denial belongs to another request");
    }
    store_close(store);
}

Test(token, one_kind_is_not_the_other)
{
    struct store *store = open_store();
    struct engine_token token;
    struct engine_token cursor;
    struct engine_token denial;

    token_seal(store, 5, &token);
    cursor_seal(store, &sample, &cursor);
    denial_seal(store, &sample_denial, &denial);
    cr_assert_eq(open_denial(store, cursor.text, strlen(cursor.text)), BEHALF_DENIAL_INVALID);
    cr_assert_eq(open_denial(store, token.text, strlen(token.text)), BEHALF_DENIAL_INVALID);
    cr_assert_eq(open_cursor(store, denial.text, strlen(denial.text)), BEHALF_INVALID_CURSOR);
    cr_assert_eq(open_token(store, cursor.text, strlen(cursor.text)), BEHALF_UNKNOWN_TOKEN);
    cr_assert_eq(open_cursor(store, token.text, strlen(token.text)), BEHALF_INVALID_CURSOR);
    store_close(store);
}

Test(token, of_another_store_or_incarnation)
{
    struct store *mine = open_store();
    struct store *other = open_store();
    struct engine_token token;
    struct engine_token cursor;
    struct engine_token denial;

    token_seal(other, 5, &token);
    cursor_seal(other, &sample, &cursor);
    denial_seal(other, &sample_denial, &denial);
    cr_assert_eq(open_denial(other, denial.text, strlen(denial.text)), BEHALF_OK);
    cr_assert_eq(open_denial(mine, denial.text, strlen(denial.text)), BEHALF_DENIAL_INVALID);
    cr_assert_eq(open_token(other, token.text, strlen(token.text)), BEHALF_OK);
    cr_assert_eq(open_token(mine, token.text, strlen(token.text)), BEHALF_UNKNOWN_TOKEN);
    cr_assert_eq(open_cursor(mine, cursor.text, strlen(cursor.text)), BEHALF_INVALID_CURSOR);
    /* A restored store keeps its secret and gets a new life. */
    other->incarnation[0] ^= 1;
    cr_assert_eq(open_token(other, token.text, strlen(token.text)), BEHALF_UNKNOWN_TOKEN);
    cr_assert_eq(open_cursor(other, cursor.text, strlen(cursor.text)), BEHALF_INVALID_CURSOR);
    cr_assert_eq(open_denial(other, denial.text, strlen(denial.text)), BEHALF_DENIAL_INVALID);
    store_close(other);
    store_close(mine);
}

/* A mac that is right over a head that this version does not write. */
Test(token, of_another_version_or_kind)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    static const uint8_t heads[][2] = {{'T', 1}, {'T', 0}, {'T', 2}, {'C', 1}, {'t', 1}, {0, 0}};
    struct store *store = open_store();

    for (size_t row = 0; row < BEHALF_COUNT_OF(heads); row++) {
        uint8_t bytes[36] = {heads[row][0], heads[row][1]};
        char text[47] = "";

        memcpy(bytes + 2, store->incarnation, 8);
        bytes_put_u64(bytes + 10, 5);
        digest_mac(store_secret(store), (struct slice){(const char *)bytes, 18}, bytes + 18);
        for (size_t at = 0; at < 46; at++) {
            unsigned pair = (unsigned)bytes[at * 6 / 8] << 8 | bytes[at * 6 / 8 + 1];

            text[at] = digits[pair >> (10 - at * 6 % 8) & 63];
        }
        cr_assert_eq(open_token(store, text, 46), row == 0 ? BEHALF_OK : BEHALF_UNKNOWN_TOKEN,
                     "head %zu", row);
    }
    store_close(store);
}

/* The same of denials: no other kind has their size, so it is the letter that is looked at here. */
Test(token, a_denial_has_a_letter_of_its_own)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    static const uint8_t heads[][2] = {{'D', 1}, {'D', 0}, {'D', 2}, {'C', 1}, {'T', 1}, {'d', 1}};
    struct store *store = open_store();

    for (size_t row = 0; row < BEHALF_COUNT_OF(heads); row++) {
        uint8_t bytes[83] = {heads[row][0], heads[row][1]}; /* and one behind the last digit */
        char text[111] = "";

        memcpy(bytes + 2, store->incarnation, 8);
        memcpy(bytes + 34, sample_denial.words, DIGEST_SIZE);
        digest_mac(store_secret(store), (struct slice){(const char *)bytes, 66}, bytes + 66);
        for (size_t at = 0; at < 110; at++) {
            unsigned pair = (unsigned)bytes[at * 6 / 8] << 8 | bytes[at * 6 / 8 + 1];

            text[at] = digits[pair >> (10 - at * 6 % 8) & 63];
        }
        cr_assert_eq(open_denial(store, text, 110), row == 0 ? BEHALF_OK : BEHALF_DENIAL_INVALID,
                     "head %zu", row);
    }
    store_close(store);
}

/* Every byte at every place: one text opens. This covers the spare bits of the last digit too. */
Test(token, every_other_byte_at_every_place_is_refused)
{
    struct store *store = open_store();
    struct engine_token token;
    struct engine_token cursor;
    struct engine_token denial;
    size_t accepted = 0;

    token_seal(store, 5, &token);
    cursor_seal(store, &sample, &cursor);
    denial_seal(store, &sample_denial, &denial);
    for (size_t place = 0; place < 110; place++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            struct engine_token mutant = denial;

            mutant.text[place] = (char)byte;
            accepted += open_denial(store, mutant.text, 110) == BEHALF_OK;
            if (place >= 94)
                continue;
            mutant = cursor;
            mutant.text[place] = (char)byte;
            accepted += open_cursor(store, mutant.text, 94) == BEHALF_OK;
            if (place >= 46)
                continue;
            mutant = token;
            mutant.text[place] = (char)byte;
            accepted += open_token(store, mutant.text, 46) == BEHALF_OK;
        }
    }
    cr_assert_eq(accepted, 110 + 94 + 46, "each text itself, once per place");
    store_close(store);
}

Test(token, every_other_length_is_refused)
{
    struct store *store = open_store();
    struct engine_token token;
    struct engine_token cursor;
    struct engine_token denial;
    char *long_text = memory_new((size_t)1 << 20);

    token_seal(store, 5, &token);
    cursor_seal(store, &sample, &cursor);
    denial_seal(store, &sample_denial, &denial);
    for (size_t size = 0; size < 110; size++)
        cr_assert_eq(open_denial(store, denial.text, size), BEHALF_DENIAL_INVALID);
    for (size_t size = 0; size < 46; size++)
        cr_assert_eq(open_token(store, token.text, size), BEHALF_UNKNOWN_TOKEN);
    for (size_t size = 0; size < 94; size++)
        cr_assert_eq(open_cursor(store, cursor.text, size), BEHALF_INVALID_CURSOR);
    cr_assert_eq(open_token(store, NULL, 0), BEHALF_UNKNOWN_TOKEN);
    memset(long_text, 'A', (size_t)1 << 20);
    memcpy(long_text, token.text, 46);
    for (size_t size = 47; size <= (size_t)1 << 20; size = size * 3 / 2)
        cr_assert_eq(open_token(store, long_text, size), BEHALF_UNKNOWN_TOKEN);
    memcpy(long_text, cursor.text, 94);
    for (size_t size = 95; size <= (size_t)1 << 20; size = size * 3 / 2)
        cr_assert_eq(open_cursor(store, long_text, size), BEHALF_INVALID_CURSOR);
    long_text[46] = '=';
    memcpy(long_text, token.text, 46);
    cr_assert_eq(open_token(store, long_text, 47), BEHALF_UNKNOWN_TOKEN, "padding");
    memory_free(long_text);
    store_close(store);
}

Test(token, random_mutations_are_refused)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct store *store = open_store();
    struct engine_token originals[2];
    uint64_t state = 42;

    token_seal(store, 5, &originals[0]);
    cursor_seal(store, &sample, &originals[1]);
    for (size_t round = 0; round < RANDOM_MUTATIONS; round++) {
        struct engine_token mutant = originals[round % 2];
        size_t size = strlen(mutant.text);
        size_t changes;

        state = digest_mix_u64(state + round);
        changes = 1 + state % 8;
        for (size_t change = 0; change < changes; change++) {
            state = digest_mix_u64(state + change);
            mutant.text[state % size] = digits[state >> 32 & 63];
        }
        if (strcmp(mutant.text, originals[round % 2].text) == 0)
            continue;
        if (round % 2 == 0)
            cr_assert_eq(open_token(store, mutant.text, size), BEHALF_UNKNOWN_TOKEN);
        else
            cr_assert_eq(open_cursor(store, mutant.text, size), BEHALF_INVALID_CURSOR);
    }
    store_close(store);
}

Test(token, parts_of_a_request_cannot_pass_for_each_other)
{
    static const struct slice rows[][3] = {
        {{"ab", 2}, {"c", 1}, {"", 0}},   {{"a", 1}, {"bc", 2}, {"", 0}},
        {{"abc", 3}, {"", 0}, {"", 0}},   {{"", 0}, {"abc", 3}, {"", 0}},
        {{"", 0}, {"", 0}, {"abc", 3}},   {{"", 0}, {"", 0}, {"", 0}},
        {{"a", 1}, {"b", 1}, {"c", 1}},   {{"a,b", 3}, {"c", 1}, {"", 0}},
        {{"a\0b", 3}, {"c", 1}, {"", 0}}, {{"c", 1}, {"ab", 2}, {"", 0}},
    };
    static const struct slice empty = {NULL, 0};
    uint64_t digests[2 * BEHALF_COUNT_OF(rows)];
    size_t count = 0;

    for (size_t row = 0; row < BEHALF_COUNT_OF(rows); row++) {
        digests[count++] = cursor_request_digest(rows[row], 3, NULL);
        if (rows[row][2].size > 0) /* one part less is another request as well */
            digests[count++] = cursor_request_digest(rows[row], 2, NULL);
    }
    for (size_t a = 0; a < count; a++)
        for (size_t b = 0; b < a; b++)
            cr_assert(digests[a] != digests[b] || a == b, "%zu %zu", a, b);
    cr_assert_neq(cursor_request_digest(&empty, 1, NULL), cursor_request_digest(&empty, 0, NULL));
}
