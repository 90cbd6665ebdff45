/* record_id.c - ids of records as Crockford's base32, most significant bits first. */
#include "base/record_id.h"

#include <string.h>

#define DIGIT_BITS 5
/* The first byte has two digits, each five bytes behind it have eight. */
#define FIRST_DIGITS 2
#define GROUP_BYTES 5
#define GROUP_DIGITS 8
#define DIGITS (FIRST_DIGITS + (RECORD_ID_SIZE - 1) / GROUP_BYTES * GROUP_DIGITS)

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void
record_id_make(const struct env *env, struct record_id *id)
{
    env->random_bytes(env->context, id->bytes, sizeof id->bytes);
}

/* The value of a digit and 1; 0 is none. */
static const uint8_t values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
    ['G'] = 17, ['H'] = 18, ['J'] = 19, ['K'] = 20, ['M'] = 21, ['N'] = 22, ['P'] = 23, ['Q'] = 24,
    ['R'] = 25, ['S'] = 26, ['T'] = 27, ['V'] = 28, ['W'] = 29, ['X'] = 30, ['Y'] = 31, ['Z'] = 32,
};

/* `count` digits as one number; false when one of them is none. */
static bool
read_digits(const char *text, size_t count, uint64_t *number)
{
    bool valid = true;

    *number = 0;
    for (size_t at = 0; at < count; at++) {
        uint8_t value = values[(uint8_t)text[at]];

        valid = valid && value != 0;
        *number = *number << DIGIT_BITS | (uint64_t)(value - 1U);
    }
    return valid;
}

bool
record_id_parse(struct slice text, const char *prefix, struct record_id *id)
{
    size_t prefix_size = strlen(prefix);
    const char *digits;
    uint64_t number;
    struct record_id read;

    if (text.size != prefix_size + DIGITS || memcmp(text.data, prefix, prefix_size) != 0)
        return false;
    digits = text.data + prefix_size;
    if (!read_digits(digits, FIRST_DIGITS, &number) || number > UINT8_MAX)
        return false;
    read.bytes[0] = (uint8_t)number;
    digits += FIRST_DIGITS;
    for (size_t at = 1; at < RECORD_ID_SIZE; at += GROUP_BYTES, digits += GROUP_DIGITS) {
        if (!read_digits(digits, GROUP_DIGITS, &number))
            return false;
        for (size_t byte = GROUP_BYTES; byte > 0; byte--, number >>= 8)
            read.bytes[at + byte - 1] = (uint8_t)number;
    }
    *id = read;
    return true;
}

static void
print_digits(uint64_t number, size_t count, char *text)
{
    for (; count > 0; count--, number >>= DIGIT_BITS)
        text[count - 1] = alphabet[number & 31];
}

void
record_id_print(const struct record_id *id, const char *prefix, struct record_id_text *text)
{
    size_t size = strlen(prefix);

    BEHALF_ASSERT(size + DIGITS <= RECORD_ID_TEXT_SIZE);
    memcpy(text->text, prefix, size);
    print_digits(id->bytes[0], FIRST_DIGITS, text->text + size);
    size += FIRST_DIGITS;
    for (size_t at = 1; at < RECORD_ID_SIZE; at += GROUP_BYTES, size += GROUP_DIGITS) {
        uint64_t number = 0;

        for (size_t byte = 0; byte < GROUP_BYTES; byte++)
            number = number << 8 | id->bytes[at + byte];
        print_digits(number, GROUP_DIGITS, text->text + size);
    }
    text->text[size] = '\0';
}

bool
record_id_equal(const struct record_id *a, const struct record_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}
