/* record_id.c - ids of records as Crockford's base32, most significant bits first. */
#include "base/record_id.h"

#include <string.h>

#define DIGITS 26 /* of 5 bits: the first has the 3 that are left over */
#define DIGIT_BITS 5
#define FIRST_DIGIT_MAX 7

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void
record_id_make(const struct env *env, struct record_id *id)
{
    env->random_bytes(env->context, id->bytes, sizeof id->bytes);
}

bool
record_id_parse(struct slice text, const char *prefix, struct record_id *id)
{
    size_t prefix_size = strlen(prefix);
    uint32_t bits = 0;      /* that are read and belong to no byte yet: the low `bit_count` */
    unsigned bit_count = 0; /* fewer than 8 + DIGIT_BITS */
    size_t filled = 0;
    struct record_id read;

    if (text.size != prefix_size + DIGITS || memcmp(text.data, prefix, prefix_size) != 0)
        return false;
    for (size_t at = 0; at < DIGITS; at++) {
        char character = text.data[prefix_size + at];
        /* memchr, for strchr finds the NUL. */
        const char *digit = memchr(alphabet, character, sizeof alphabet - 1);

        if (digit == NULL || (at == 0 && digit - alphabet > FIRST_DIGIT_MAX))
            return false;
        bits = bits << DIGIT_BITS | (uint32_t)(digit - alphabet);
        bit_count += at == 0 ? 3 : DIGIT_BITS;
        if (bit_count < 8)
            continue;
        bit_count -= 8;
        read.bytes[filled++] = (uint8_t)(bits >> bit_count);
    }
    BEHALF_ASSERT(filled == RECORD_ID_SIZE && bit_count == 0);
    *id = read;
    return true;
}

void
record_id_print(const struct record_id *id, const char *prefix, struct record_id_text *text)
{
    size_t size = strlen(prefix);
    uint32_t bits = 0;
    unsigned bit_count = DIGITS * DIGIT_BITS - 8 * RECORD_ID_SIZE; /* zeros before the first */

    BEHALF_ASSERT(size + DIGITS <= RECORD_ID_TEXT_SIZE);
    memcpy(text->text, prefix, size);
    for (size_t at = 0; at < RECORD_ID_SIZE; at++) {
        bits = bits << 8 | id->bytes[at];
        bit_count += 8;
        while (bit_count >= DIGIT_BITS) {
            bit_count -= DIGIT_BITS;
            text->text[size++] = alphabet[bits >> bit_count & 31];
        }
    }
    BEHALF_ASSERT(bit_count == 0);
    text->text[size] = '\0';
}

bool
record_id_equal(const struct record_id *a, const struct record_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}
