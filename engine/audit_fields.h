/* audit_fields.h - writes a record of the audit log as canonical bytes (base/datum.h), in one go.
 *
 * Always true: the caller gives keys in ascending order, each once; the buffer is one of a worker
 * and keeps its memory, so a record costs no allocation.
 * Threads: none. */
#ifndef BEHALF_ENGINE_AUDIT_FIELDS_H
#define BEHALF_ENGINE_AUDIT_FIELDS_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/record_id.h"
#include "base/relationship.h"

/* Tags of base/datum.h. */
enum { AUDIT_TAG_INT = 3, AUDIT_TAG_STRING = 5, AUDIT_TAG_LIST = 6, AUDIT_TAG_MAP = 7 };

/* A map or list that is being written. */
struct audit_fields {
    struct buffer *out;
    size_t count_at;
    uint32_t count;
};

static inline void
audit_add(struct buffer *out, const void *bytes, size_t size)
{
    char *at = buffer_reserve(out, size);

    if (size > 0)
        memcpy(at, bytes, size);
    buffer_added(out, size);
}

static inline void
audit_add_count(struct buffer *out, char tag, uint32_t count)
{
    char head[5] = {tag};

    bytes_put_u32(head + 1, count);
    audit_add(out, head, sizeof head);
}

static inline struct audit_fields
audit_open_fields(struct buffer *out, char tag)
{
    audit_add_count(out, tag, 0);
    return (struct audit_fields){.out = out, .count_at = out->size - 4};
}

static inline struct audit_fields
audit_open_map(struct buffer *out)
{
    return audit_open_fields(out, AUDIT_TAG_MAP);
}

static inline void
audit_close_fields(const struct audit_fields *fields)
{
    bytes_put_u32(fields->out->data + fields->count_at, fields->count);
}

static inline void
audit_add_key(struct audit_fields *fields, const char *key, uint32_t size)
{
    char head[4];

    bytes_put_u32(head, size);
    audit_add(fields->out, head, sizeof head);
    audit_add(fields->out, key, size);
    fields->count++;
}

#define AUDIT_KEY(fields, key) audit_add_key((fields), "" key, sizeof key - 1)

/* Values; inside of a list the caller counts them. */
static inline void
audit_add_text(struct buffer *out, struct slice text)
{
    audit_add_count(out, AUDIT_TAG_STRING, (uint32_t)text.size);
    audit_add(out, text.data, text.size);
}

static inline void
audit_add_integer(struct buffer *out, uint64_t value)
{
    char bytes[9] = {AUDIT_TAG_INT};

    bytes_put_u64(bytes + 1, value);
    audit_add(out, bytes, sizeof bytes);
}

static inline void
audit_add_time(struct buffer *out, int64_t time_ns)
{
    size_t at = out->size;

    audit_add_count(out, AUDIT_TAG_STRING, 0);
    time_print(time_ns, out);
    bytes_put_u32(out->data + at + 1, (uint32_t)(out->size - at - 5));
}

static inline void
audit_add_id(struct buffer *out, const struct record_id *id, const char *prefix)
{
    struct record_id_text text;

    record_id_print(id, prefix, &text);
    audit_add_text(out, slice_of(text.text));
}

static inline void
audit_add_hex(struct buffer *out, const uint8_t digest[DIGEST_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char text[(size_t)2 * DIGEST_SIZE];

    for (size_t at = 0; at < DIGEST_SIZE; at++) {
        text[2 * at] = digits[digest[at] >> 4];
        text[2 * at + 1] = digits[digest[at] & 15];
    }
    audit_add_text(out, (struct slice){text, sizeof text});
}

/* "type:id", "type:id#relation". */
static inline void
audit_add_object(struct buffer *out, const struct object *object)
{
    size_t size = object->type.size + 1 + object->id.size +
                  (object->relation.size > 0 ? 1 + object->relation.size : 0);

    audit_add_count(out, AUDIT_TAG_STRING, (uint32_t)size);
    audit_add(out, object->type.data, object->type.size);
    audit_add(out, ":", 1);
    audit_add(out, object->id.data, object->id.size);
    if (object->relation.size > 0) {
        audit_add(out, "#", 1);
        audit_add(out, object->relation.data, object->relation.size);
    }
}

#define AUDIT_TEXT(fields, key, text)                                                              \
    do {                                                                                           \
        if ((text).size > 0) {                                                                     \
            AUDIT_KEY(fields, key);                                                                \
            audit_add_text((fields)->out, (text));                                                 \
        }                                                                                          \
    } while (0)

#endif
