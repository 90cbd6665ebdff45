/* relationship.h - objects and relationships in words: the text form and its parts.
 *
 *   document:readme#viewer@user:ann
 *   document:readme#viewer@group:eng#member
 *   document:readme#viewer@user:*
 *   tool:"read file"#caller@user:"ann@example.org"[during:{"hours":"day"}]
 *   document:readme#viewer@user:ann[expiration:2027-01-01T00:00:00Z]
 *
 * Always true: an id is 1 to 1,024 bytes of UTF-8 without control characters and is not "*"; ids
 * are compared byte for byte. In text an id of the plain alphabet (letters, digits, / _ | - = +)
 * stands as it is, any other as a JSON string; the name of a caveat stands as it is where a type
 * could be called so, and in quotes where not (both are read for each); printing quotes only where
 * it must, and parse(print(x)) = x. A context is JSON in text alone, read into canonical bytes and
 * printed from them. `#...` after a subject means no subject relation and is never printed.
 * Memory: parsed slices point into the text, or into the arena: contexts, and ids with escapes.
 * Threads: none; pure functions. Errors: MALFORMED_REQUEST (does not parse), INVALID_OBJECT_ID,
 * WILDCARD_NOT_ALLOWED, MAX_RELATIONSHIP_CONTEXT_SIZE, each with the column in `error->column` and
 * the offending text; BUDGET_EXHAUSTED where the arena is full. */
#ifndef BEHALF_BASE_RELATIONSHIP_H
#define BEHALF_BASE_RELATIONSHIP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"

#define OBJECT_ID_SIZE_MAX 1024
#define TYPE_NAME_SIZE_MAX 128
#define RELATION_NAME_SIZE_MAX 64
#define CAVEAT_NAME_SIZE_MAX 128
#define CONTEXT_TEXT_SIZE_MAX ((size_t)64 * 1024) /* of a context as JSON */

struct object {
    struct slice type;
    struct slice id;       /* empty exactly when `wildcard` */
    struct slice relation; /* `#relation` behind the id; empty when there is none */
    bool wildcard;         /* type:* */
};

struct relationship {
    struct object resource; /* its `relation` is the relation of the relationship */
    struct object subject;
    struct slice caveat;  /* name; empty when there is none */
    struct slice context; /* a map's canonical bytes (base/datum.h); empty when there is none */
    int64_t expires_at;   /* nanoseconds since 1970 UTC; 0 when there is none */
};

/* `type:id`, `type:id#relation` or `type:*`. */
enum status object_parse(struct slice text, struct arena *arena, struct object *object,
                         struct error *error) BEHALF_MUST_USE;
void object_print(const struct object *object, struct buffer *out);

enum status relationship_parse(struct slice text, struct arena *arena,
                               struct relationship *relationship,
                               struct error *error) BEHALF_MUST_USE;
void relationship_print(const struct relationship *relationship, struct buffer *out);

/* The name of a caveat as `[` is followed by it. */
void caveat_name_print(struct slice name, struct buffer *out);

/* The name patterns of types, relations (and permissions), and caveats. A caveat's is wider, as in
 * SpiceDB: letters of both cases, digits and _ in any place, / | - in any but the first. */
bool type_name_is_valid(struct slice name);
bool relation_name_is_valid(struct slice name);
bool caveat_name_is_valid(struct slice name);

/* BEHALF_OK, or INVALID_OBJECT_ID with a message that says which byte is wrong. */
enum status object_id_check(struct slice id, struct error *error) BEHALF_MUST_USE;

/* RFC 3339 in UTC ("2027-01-01T00:00:00.5Z") to nanoseconds and back; years 1970 to 9999. What lies
 * behind 2262-04-11T23:47:16.854775807Z, the last moment that 64 bits of nanoseconds reach, is
 * taken as that moment: "for ever" is written as some far year, and ending earlier allows nothing.
 * The printed form has no fraction where the fraction is zero. */
bool time_parse(struct slice text, int64_t *time_ns);

/* The same for an expiration, of which 0 means none: the first nanosecond of 1970 is read as the
 * second, and nobody asks so early. */
bool expiration_parse(struct slice text, int64_t *expires_at);

void time_print(int64_t time_ns, struct buffer *out);

#endif
