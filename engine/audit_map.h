/* audit_map.h - maps of a record of the audit log: no null, no doubles, ASCII keys.
 * Always true: what is empty is not added; an arena that is full is found out at the end, by a NULL
 * map. Memory: data and texts in the arena. Threads: none. */
#ifndef BEHALF_ENGINE_AUDIT_MAP_H
#define BEHALF_ENGINE_AUDIT_MAP_H

#include "base/datum.h"

struct audit_map {
    struct arena *arena;
    struct datum_field *fields;
    uint32_t count;
    uint32_t size;
    bool failed;
};

void audit_map_begin(struct audit_map *fields, struct arena *arena);
/* `value` NULL: the arena is full. */
void audit_map_add(struct audit_map *fields, struct slice key, const struct datum *value);
/* Borrows the text. */
void audit_map_text(struct audit_map *fields, const char *key, struct slice text);
void audit_map_copy(struct audit_map *fields, const char *key, struct slice text);
void audit_map_number(struct audit_map *fields, const char *key, uint64_t number);
/* RFC 3339 in UTC, to the nanosecond. */
void audit_map_time(struct audit_map *fields, const char *key, int64_t time_ns);
void audit_map_hex(struct audit_map *fields, const char *key, const uint8_t *bytes, size_t size);
/* The SHA-256 of the bytes, as hex. */
void audit_map_sha256(struct audit_map *fields, const char *key, struct slice bytes);

/* NULL when the arena was full. A key that was added twice is a broken contract. */
const struct datum *audit_map_end(struct audit_map *fields);

/* Single values; NULL when the arena is full. */
const struct datum *audit_datum_text(struct arena *arena, struct slice text);
const struct datum *audit_datum_time(struct arena *arena, int64_t time_ns);

#endif
