/* test_record_id.c - ids of records: one text for each id, and no other text. */
#include <criterion/criterion.h>

#include "base/record_id.h"

static bool
parses(const char *text, struct record_id *id)
{
    return record_id_parse(slice_of(text), RECORD_PREFIX_GRANT, id);
}

static void
expect_text(const uint8_t bytes[RECORD_ID_SIZE], const char *expected)
{
    struct record_id id;
    struct record_id again;
    struct record_id_text text;

    memcpy(id.bytes, bytes, sizeof id.bytes);
    record_id_print(&id, RECORD_PREFIX_GRANT, &text);
    cr_assert_str_eq(text.text, expected);
    cr_assert(parses(expected, &again));
    cr_assert(record_id_equal(&id, &again));
}

/* Random bytes that a seed repeats: each call gives what counts on from the last. */
static void
count_on(void *context, void *bytes, size_t size)
{
    uint8_t *next = context;

    for (size_t at = 0; at < size; at++)
        ((uint8_t *)bytes)[at] = (*next)++;
}

Test(record_id, prints_the_bits_from_the_most_significant_on)
{
    expect_text((const uint8_t[RECORD_ID_SIZE]){0}, "gr_00000000000000000000000000");
    expect_text((const uint8_t[RECORD_ID_SIZE]){[15] = 1}, "gr_00000000000000000000000001");
    expect_text((const uint8_t[RECORD_ID_SIZE]){[15] = 31}, "gr_0000000000000000000000000Z");
    expect_text((const uint8_t[RECORD_ID_SIZE]){[15] = 32}, "gr_00000000000000000000000010");
    expect_text((const uint8_t[RECORD_ID_SIZE]){[0] = 0x20}, "gr_10000000000000000000000000");
    expect_text((const uint8_t[RECORD_ID_SIZE]){[0] = 0xE0}, "gr_70000000000000000000000000");
    expect_text((const uint8_t[RECORD_ID_SIZE]){0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                                0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF},
                "gr_7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    expect_text((const uint8_t[RECORD_ID_SIZE]){0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF,
                                                0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10},
                "gr_014D2PF2DBSQQZXQ5TK1V58CGG");
}

Test(record_id, each_prefix_is_of_its_own_kind)
{
    static const char *const prefixes[] = {RECORD_PREFIX_SESSION, RECORD_PREFIX_GRANT,
                                           RECORD_PREFIX_DECISION};
    struct record_id id = {.bytes = {9, 8, 7}};

    for (size_t at = 0; at < BEHALF_COUNT_OF(prefixes); at++) {
        struct record_id_text text;

        record_id_print(&id, prefixes[at], &text);
        for (size_t other = 0; other < BEHALF_COUNT_OF(prefixes); other++) {
            struct record_id read = {.bytes = {1}};

            cr_assert_eq(record_id_parse(slice_of(text.text), prefixes[other], &read), at == other,
                         "%s", text.text);
            cr_assert(record_id_equal(&read, at == other ? &id : &(struct record_id){{1}}));
        }
    }
}

Test(record_id, refuses_every_text_but_the_canonical_one)
{
    static const char *const refused[] = {
        "",
        "gr_",
        "00000000000000000000000000",     /* no prefix */
        "GR_00000000000000000000000000",  /* a prefix in upper case */
        "gr_0000000000000000000000000",   /* 25 characters */
        "gr_000000000000000000000000000", /* 27 */
        "gr_80000000000000000000000000",  /* 129 bits */
        "gr_Z0000000000000000000000000",
        "gr_0000000000000000000000000a", /* lower case */
        "gr_0000000000000000000000000I", /* the letters that Crockford reads as digits, */
        "gr_0000000000000000000000000L",
        "gr_0000000000000000000000000O",
        "gr_0000000000000000000000000U", /* the one left out, */
        "gr_0000000000000-000000000000", /* and hyphens */
        "gr_0000000000000 000000000000",
        " gr_00000000000000000000000000",
        "gr_00000000000000000000000000\n",
    };

    for (size_t at = 0; at < BEHALF_COUNT_OF(refused); at++) {
        struct record_id id = {.bytes = {0xAA}};

        cr_assert_not(parses(refused[at], &id), "%s", refused[at]);
        cr_assert(record_id_equal(&id, &(struct record_id){{0xAA}}), "%s", refused[at]);
    }
}

Test(record_id, of_all_bytes_only_the_32_digits_are_read)
{
    char text[] = "gr_00000000000000000000000000";
    size_t accepted = 0;

    for (int byte = 0; byte < 256; byte++) {
        struct record_id id;
        struct record_id_text printed;

        text[20] = (char)byte;
        if (!record_id_parse((struct slice){text, sizeof text - 1}, RECORD_PREFIX_GRANT, &id))
            continue;
        record_id_print(&id, RECORD_PREFIX_GRANT, &printed);
        cr_assert_str_eq(printed.text, text);
        accepted++;
    }
    cr_assert_eq(accepted, 32);
}

Test(record_id, order_of_text_is_order_of_bytes)
{
    uint8_t next = 17;
    struct env env = {.random_bytes = count_on, .context = &next};
    struct record_id ids[64];
    struct record_id_text texts[64];

    for (size_t at = 0; at < BEHALF_COUNT_OF(ids); at++) {
        record_id_make(&env, &ids[at]);
        ids[at].bytes[at % RECORD_ID_SIZE] ^= (uint8_t)(at * 37);
        record_id_print(&ids[at], RECORD_PREFIX_SESSION, &texts[at]);
    }
    for (size_t one = 0; one < BEHALF_COUNT_OF(ids); one++)
        for (size_t other = 0; other < BEHALF_COUNT_OF(ids); other++) {
            int by_bytes = memcmp(ids[one].bytes, ids[other].bytes, RECORD_ID_SIZE);
            int by_text = strcmp(texts[one].text, texts[other].text);

            cr_assert_eq((by_bytes > 0) - (by_bytes < 0), (by_text > 0) - (by_text < 0), "%s %s",
                         texts[one].text, texts[other].text);
        }
}

Test(record_id, is_128_bits_of_the_random_source)
{
    uint8_t next = 200;
    struct env env = {.random_bytes = count_on, .context = &next};
    struct record_id first;
    struct record_id second;

    record_id_make(&env, &first);
    record_id_make(&env, &second);
    for (size_t at = 0; at < RECORD_ID_SIZE; at++) {
        cr_assert_eq(first.bytes[at], (uint8_t)(200 + at));
        cr_assert_eq(second.bytes[at], (uint8_t)(216 + at));
    }
    cr_assert_not(record_id_equal(&first, &second));
}
