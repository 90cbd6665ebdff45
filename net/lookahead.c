/* lookahead.c - a glance at frames that wait: resource and subject of plain checks. */
#include "net/lookahead.h"

#include "net/codec.h"

static bool
is_text(const struct wire_value *value, const char *text, size_t size)
{
    return value->kind == VALUE_TEXT && value->bytes.size == size &&
           memcmp(value->bytes.data, text, size) == 0;
}
#define IS_TEXT(value, literal) is_text((value), (literal), sizeof(literal) - 1)

/* Up to the pairs of the map of a check. */
static bool
enter_check(struct wire_reader *reader, uint64_t *pairs)
{
    struct wire_value value;

    if (!reader_next(reader, &value) || value.kind != VALUE_ARRAY || value.number != 4 ||
        !reader_next(reader, &value) || !reader_next(reader, &value) ||
        !reader_next(reader, &value) || !IS_TEXT(&value, "check") || !reader_next(reader, &value) ||
        value.kind != VALUE_ARRAY || value.number != 1 || !reader_next(reader, &value) ||
        value.kind != VALUE_MAP)
        return false;
    *pairs = value.number;
    return true;
}

/* "type:id", and what stands behind a '#' left out; quoted ids are passed over. */
static bool
read_object(struct wire_reader *reader, struct object *object)
{
    struct wire_value value;
    const char *colon;
    const char *hash;
    size_t size;

    if (!reader_next(reader, &value) || value.kind != VALUE_TEXT || value.bytes.size == 0)
        return false;
    colon = memchr(value.bytes.data, ':', value.bytes.size);
    if (colon == NULL)
        return false;
    size = (size_t)(value.bytes.data + value.bytes.size - (colon + 1));
    hash = size == 0 ? NULL : memchr(colon + 1, '#', size);
    if (hash != NULL)
        size = (size_t)(hash - (colon + 1));
    object->type = (struct slice){value.bytes.data, (size_t)(colon - value.bytes.data)};
    object->id = (struct slice){colon + 1, size};
    return true;
}

bool
lookahead_read(struct slice frame, struct engine_pair *pair)
{
    struct wire_reader reader = reader_of(frame);
    unsigned found = 0;
    uint64_t pairs;

    if (!enter_check(&reader, &pairs))
        return false;
    *pair = (struct engine_pair){.resource = {.wildcard = false}};
    while (pairs-- > 0 && found < 2) {
        struct wire_value key;
        struct slice passed;

        if (!reader_next(&reader, &key))
            return false;
        if (IS_TEXT(&key, "resource") || IS_TEXT(&key, "subject")) {
            if (!read_object(&reader, key.bytes.size == 8 ? &pair->resource : &pair->subject))
                return false;
            found++;
        } else if (!reader_skip(&reader, &passed)) {
            return false;
        }
    }
    return found == 2;
}

void
lookahead(struct engine_worker *worker, const struct slice *frames, size_t count,
          struct lookahead *ahead)
{
    size_t found = 0;

    for (size_t at = 0; at < count; at++) {
        bool seen = count > 1 && lookahead_read(frames[at], &ahead->pairs[found]);

        ahead->of_frame[at] = seen ? &ahead->pairs[found] : NULL;
        found += seen;
    }
    if (found > 0)
        engine_prefetch(worker, ahead->pairs, found);
}
