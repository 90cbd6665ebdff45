/* shapes.h - the shapes of the protocol's arguments, as decoding functions for tables of fields.
 * Each function's comment says into what it decodes; arguments.h says what they have in common.
 * An object is text ("document:readme", "group:eng#member", "user:*") or a map {type, id,
 * relation?} or {type, wildcard: true} whose id is a string or binary and needs no quotes. */
#ifndef BEHALF_NET_SHAPES_H
#define BEHALF_NET_SHAPES_H

#include "engine/agents.h"
#include "net/arguments.h"

/* What every read carries. */
struct read_arguments {
    enum consistency_mode consistency;
    struct slice token;
    int64_t at_ns;        /* 0 = none */
    uint32_t deadline_ms; /* 0 = the default of the method */
};

/* A member of that type, by name, for the table of a method whose struct begins with it. */
#define READ_FIELDS(holder)                                                                        \
    FIELD(holder, read, "consistency", decode_consistency, FIELD_OPTIONAL),                        \
        FIELD(holder, read.deadline_ms, "deadline_ms", decode_deadline, FIELD_OPTIONAL)

field_decode decode_consistency; /* struct read_arguments: mode, token and time */
field_decode decode_deadline;    /* uint32_t */

field_decode decode_resource; /* struct object: type and id, no relation, no wildcard */
field_decode decode_subject;  /* struct object, anything */

struct actors {
    const struct object *objects;
    size_t count;
};

field_decode decode_actors; /* struct actors: an object, or an array of 1 to LIMIT_ACTORS */

field_decode decode_text;          /* struct slice: a string that is not empty */
field_decode decode_time;          /* int64_t: nanoseconds since 1970, never 0 */
field_decode decode_type_name;     /* struct slice */
field_decode decode_caveat_name;   /* struct slice */
field_decode decode_relation_name; /* struct slice */
field_decode decode_flag;          /* bool */
field_decode decode_u32;           /* uint32_t */
field_decode decode_page_limit;    /* uint32_t up to LIMIT_PAGE */
field_decode decode_delete_limit;  /* uint32_t up to LIMIT_DELETE */
field_decode decode_cursor;        /* struct slice */
field_decode decode_payload; /* struct slice: the bytes of one string or binary, header included */
field_decode decode_schema_text;     /* struct slice */
field_decode decode_metadata;        /* struct slice: the bytes of one map */
field_decode decode_idempotency_key; /* struct slice */

/* const struct check_properties *: made here, trusted as the caller is. */
field_decode decode_properties;

field_decode decode_relationship; /* struct relationship */
field_decode decode_filter;       /* struct relationship_filter */

struct preconditions {
    const struct precondition *items;
    size_t count;
};

struct updates {
    const struct update *items;
    size_t count;
};

struct checks {
    const struct check *items;
    size_t count;
};

struct resources {
    const struct object *items;
    size_t count;
};

field_decode decode_resources;     /* struct resources; at least one */
field_decode decode_preconditions; /* struct preconditions; may be empty */
field_decode decode_updates;       /* struct updates; at least one */
field_decode decode_checks;        /* struct checks; at least one */

/* What an array may hold. */
struct list_shape {
    size_t least;
    size_t largest;
    enum status too_many; /* beyond `largest` */
    size_t element_size;
    field_decode *decode; /* of an element */
};

/* The array at the cursor, into the arena. Elements need a byte each, so a count above the bytes
 * left is refused before anything is taken. */
enum status decode_list(struct decoder *decoder, const struct list_shape *shape, void **elements,
                        size_t *count) BEHALF_MUST_USE;

/* A string that is one of these words: its place among them. `what` lists them for the message. */
enum status decode_word(struct decoder *decoder, const char *const *words, size_t count,
                        const char *what, size_t *place) BEHALF_MUST_USE;

/* An unsigned integer up to `largest`; `too_large` beyond. */
enum status decode_number(struct decoder *decoder, uint64_t largest, enum status too_large,
                          uint64_t *number) BEHALF_MUST_USE;

#endif
