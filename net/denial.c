/* denial.c - the words of a denial, each part behind its length, so that no bytes of one can pass
 * for another's. */
#include "net/denial.h"

#include <math.h>

#include "base/bytes.h"

#define INT64_RANGE 9223372036854775808.0 /* 2^63: from here on a double is no integer */

/* --- numbers by value --- */

static void
put_count(struct buffer *out, size_t count)
{
    char bytes[4];

    BEHALF_ASSERT(count <= UINT32_MAX);
    bytes_put_u32(bytes, (uint32_t)count);
    buffer_add(out, bytes, sizeof bytes);
}

static void
put_text(struct buffer *out, struct slice text)
{
    put_count(out, text.size);
    if (text.size > 0)
        buffer_add_slice(out, text);
}

static void
put_number(double number, struct buffer *out)
{
    struct datum datum = {.kind = DATUM_DOUBLE, .as.real = number};

    if (number >= -INT64_RANGE && number < INT64_RANGE && floor(number) == number)
        datum = (struct datum){.kind = DATUM_INT, .as.integer = (int64_t)number};
    datum_encode(&datum, out);
}

static void
put_by_value(const struct datum *datum, size_t depth, struct buffer *out)
{
    BEHALF_ASSERT(depth <= DATUM_DEPTH_MAX);
    switch (datum->kind) {
    case DATUM_NULL:
    case DATUM_BOOL:
    case DATUM_INT:
    case DATUM_STRING:
        datum_encode(datum, out);
        break;
    case DATUM_DOUBLE:
        put_number(datum->as.real, out);
        break;
    case DATUM_LIST:
        buffer_add_byte(out, DATUM_LIST);
        put_count(out, datum->as.list.count);
        for (size_t index = 0; index < datum->as.list.count; index++)
            put_by_value(datum->as.list.items[index], depth + 1, out);
        break;
    case DATUM_MAP:
        buffer_add_byte(out, DATUM_MAP);
        put_count(out, datum->as.map.count);
        for (size_t index = 0; index < datum->as.map.count; index++) {
            const struct datum_field *field = &datum->as.map.fields[index];

            put_text(out, field->key);
            put_by_value(field->value, depth + 1, out);
        }
        break;
    }
}

void
denial_put_by_value(const struct datum *datum, struct buffer *out)
{
    put_by_value(datum, 0, out);
}

/* --- words --- */

/* NULL and an empty map are the same. */
static void
put_properties(struct buffer *out, const struct datum *properties)
{
    static const struct datum none = {.kind = DATUM_MAP};

    put_by_value(properties != NULL ? properties : &none, 0, out);
}

/* `act` names the agents, which stand in the words by themselves. */
static void
put_subject_properties(struct buffer *out, const struct datum *properties)
{
    size_t count = properties != NULL ? properties->as.map.count : 0;
    bool has_act = count > 0 && datum_field(properties, SLICE_LITERAL("act")) != NULL;

    if (!has_act) {
        put_properties(out, properties);
        return;
    }
    buffer_add_byte(out, DATUM_MAP);
    put_count(out, count - 1);
    for (size_t index = 0; index < count; index++) {
        const struct datum_field *field = &properties->as.map.fields[index];

        if (slice_equal(field->key, SLICE_LITERAL("act")))
            continue;
        put_text(out, field->key);
        put_by_value(field->value, 1, out);
    }
}

void
denial_digest(struct slice caller, const struct object *agents, size_t agent_count,
              const struct authzen_words *words, uint8_t digest[DIGEST_SIZE])
{
    struct buffer out;
    struct slice all;

    buffer_init(&out);
    put_text(&out, SLICE_LITERAL("denial"));
    put_text(&out, caller);
    put_count(&out, agent_count);
    for (size_t at = 0; at < agent_count; at++) {
        put_text(&out, agents[at].type);
        put_text(&out, agents[at].id);
    }
    put_text(&out, words->subject.type);
    put_text(&out, words->subject.id);
    put_subject_properties(&out, words->subject.properties);
    put_text(&out, words->resource.type);
    put_text(&out, words->resource.id);
    put_properties(&out, words->resource.properties);
    put_text(&out, words->action);
    put_properties(&out, words->action_properties);
    all = buffer_slice(&out);
    digest_sha256(&all, 1, digest);
    buffer_release(&out);
}
