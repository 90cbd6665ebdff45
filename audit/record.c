/* record.c - see record.h. */
#include "audit/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/datum.h"
#include "base/relationship.h"

#define OWN_FIELDS 4

static const char *const own_keys[OWN_FIELDS] = {"prev", "seq", "ts", "v"};

struct place {
    uint64_t seq;
    int64_t ts_ns;
    const uint8_t *previous;
};

static void
print_hex(const uint8_t digest[DIGEST_SIZE], struct buffer *out)
{
    static const char digits[] = "0123456789abcdef";
    char *text = buffer_reserve(out, (size_t)2 * DIGEST_SIZE);

    for (size_t at = 0; at < DIGEST_SIZE; at++) {
        text[2 * at] = digits[digest[at] >> 4];
        text[2 * at + 1] = digits[digest[at] & 15];
    }
    buffer_added(out, (size_t)2 * DIGEST_SIZE);
}

static void
print_own(size_t which, const struct place *place, struct buffer *out)
{
    buffer_add_format(out, "%s\"%s\":", out->data[out->size - 1] == '{' ? "" : ",",
                      own_keys[which]);
    if (which == 0) {
        buffer_add_byte(out, '"');
        print_hex(place->previous, out);
        buffer_add_byte(out, '"');
    } else if (which == 1) {
        buffer_add_format(out, "%" PRIu64, place->seq);
    } else if (which == 2) {
        buffer_add_byte(out, '"');
        time_print(place->ts_ns, out);
        buffer_add_byte(out, '"');
    } else {
        buffer_add_byte(out, '1');
    }
}

void
record_print(struct slice fields, uint64_t seq, int64_t ts_ns, const uint8_t previous[DIGEST_SIZE],
             struct buffer *out)
{
    const struct place place = {seq, ts_ns, previous};
    struct datum_cursor cursor;
    struct slice key;
    struct slice value;
    size_t own = 0;
    bool good = datum_open_map(fields, &cursor);

    buffer_add_byte(out, '{');
    while (good && cursor.left > 0) {
        good = datum_next_field(&cursor, &key, &value);
        while (own < OWN_FIELDS && slice_compare(slice_of(own_keys[own]), key) < 0)
            print_own(own++, &place, out);
        if (!good)
            break;
        if (out->data[out->size - 1] != '{')
            buffer_add_byte(out, ',');
        buffer_add_format(out, "\"%.*s\":", SLICE_PRINTF(key));
        datum_print_encoded(value, out);
    }
    while (own < OWN_FIELDS)
        print_own(own++, &place, out);
    buffer_add_byte(out, '}');
    BEHALF_ASSERT(good);
}

static bool
holds(struct slice line, const char *text, size_t size)
{
    return memmem(line.data, line.size, text, size) != NULL;
}

bool
record_is_next(struct slice line, uint64_t seq, const uint8_t previous[DIGEST_SIZE])
{
    struct buffer text = {NULL, 0, 0};
    size_t split;
    bool next;

    if (line.size < 2 || line.data[0] != '{' || line.data[line.size - 1] != '}')
        return false;
    buffer_init(&text);
    buffer_add_text(&text, "\"prev\":\"");
    print_hex(previous, &text);
    buffer_add_text(&text, "\"");
    split = text.size;
    buffer_add_format(&text, "\"seq\":%" PRIu64 ",", seq);
    next = holds(line, text.data, split) && holds(line, text.data + split, text.size - split);
    buffer_release(&text);
    return next;
}

/* The last one: maps inside of the line stand before it. */
bool
record_time(struct slice line, int64_t *ts_ns)
{
    static const char key[] = "\"ts\":\"";
    struct slice rest = line;
    const char *found;
    const char *at = NULL;
    const char *end;

    while ((found = memmem(rest.data, rest.size, key, sizeof key - 1)) != NULL) {
        at = found + sizeof key - 1;
        rest = (struct slice){at, (size_t)(line.data + line.size - at)};
    }
    if (at == NULL)
        return false;
    end = memchr(at, '"', rest.size);
    return end != NULL && time_parse((struct slice){at, (size_t)(end - at)}, ts_ns);
}
