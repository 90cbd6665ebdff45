/* audit_map.c - builds the maps of audit records. */
#include "engine/audit_map.h"

#include "base/digest.h"
#include "base/relationship.h"

void
audit_map_begin(struct audit_map *fields, struct arena *arena)
{
    *fields = (struct audit_map){.arena = arena};
}

void
audit_map_add(struct audit_map *fields, struct slice key, const struct datum *value)
{
    struct datum_field *grown = arena_grow(fields->arena, fields->fields, fields->count,
                                           &fields->size, sizeof *fields->fields);

    if (grown == NULL || value == NULL) {
        fields->failed = true;
        return;
    }
    fields->fields = grown;
    grown[fields->count++] = (struct datum_field){key, value};
}

static struct datum *
datum_new(struct arena *arena, enum datum_kind kind)
{
    struct datum *datum = arena_take(arena, sizeof *datum);

    if (datum != NULL)
        *datum = (struct datum){.kind = kind};
    return datum;
}

const struct datum *
audit_datum_text(struct arena *arena, struct slice text)
{
    struct datum *datum =
        text.size > 0 && text.data == NULL ? NULL : datum_new(arena, DATUM_STRING);

    if (datum != NULL)
        datum->as.string = text;
    return datum;
}

const struct datum *
audit_datum_time(struct arena *arena, int64_t time_ns)
{
    const struct datum *datum;
    struct buffer text;

    buffer_init(&text);
    time_print(time_ns, &text);
    datum = audit_datum_text(arena, arena_copy(arena, buffer_slice(&text)));
    buffer_release(&text);
    return datum;
}

void
audit_map_text(struct audit_map *fields, const char *key, struct slice text)
{
    if (text.size > 0)
        audit_map_add(fields, slice_of(key), audit_datum_text(fields->arena, text));
}

void
audit_map_copy(struct audit_map *fields, const char *key, struct slice text)
{
    if (text.size > 0)
        audit_map_add(fields, slice_of(key),
                      audit_datum_text(fields->arena, arena_copy(fields->arena, text)));
}

void
audit_map_number(struct audit_map *fields, const char *key, uint64_t number)
{
    struct datum *datum = datum_new(fields->arena, DATUM_INT);

    BEHALF_ASSERT(number <= UINT64_C(1) << 53);
    if (datum != NULL)
        datum->as.integer = (int64_t)number;
    audit_map_add(fields, slice_of(key), datum);
}

void
audit_map_time(struct audit_map *fields, const char *key, int64_t time_ns)
{
    audit_map_add(fields, slice_of(key), audit_datum_time(fields->arena, time_ns));
}

void
audit_map_hex(struct audit_map *fields, const char *key, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char *text = arena_take(fields->arena, 2 * size);

    for (size_t at = 0; text != NULL && at < size; at++) {
        text[2 * at] = digits[bytes[at] >> 4];
        text[2 * at + 1] = digits[bytes[at] & 15];
    }
    audit_map_add(fields, slice_of(key),
                  audit_datum_text(fields->arena, (struct slice){text, 2 * size}));
}

void
audit_map_sha256(struct audit_map *fields, const char *key, struct slice bytes)
{
    uint8_t digest[DIGEST_SIZE];

    digest_sha256(&bytes, 1, digest);
    audit_map_hex(fields, key, digest, sizeof digest);
}

const struct datum *
audit_map_end(struct audit_map *fields)
{
    struct datum *map = datum_new(fields->arena, DATUM_MAP);
    struct slice twice;
    bool sorted;

    if (fields->failed || map == NULL)
        return NULL;
    sorted = datum_sort_fields(fields->fields, fields->count, &twice);
    BEHALF_ASSERT(sorted);
    map->as.map.fields = fields->fields;
    map->as.map.count = fields->count;
    return map;
}
