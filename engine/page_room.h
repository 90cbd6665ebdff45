/* page_room.h - the bytes of a reply that the rows of a page may still take.
 *
 * A row counts no less than it takes in MessagePack as docs/protocol.md has it, and mostly just as
 * much. The first row of a page is taken whatever is left, so that every page makes progress; any
 * other ends the page when it does not fit.
 * Always true: what is given back was taken before. Threads: one page, one thread. */
#ifndef BEHALF_ENGINE_PAGE_ROOM_H
#define BEHALF_ENGINE_PAGE_ROOM_H

#include "engine/engine.h"

struct page_room {
    int64_t left; /* below 0 when the first row alone is larger */
};

static inline struct page_room
page_room_of(size_t most_bytes)
{
    return (struct page_room){most_bytes == 0 || most_bytes > INT64_MAX ? INT64_MAX
                                                                        : (int64_t)most_bytes};
}

static inline bool
page_room_has(const struct page_room *room, size_t bytes)
{
    return room->left >= (int64_t)bytes;
}

static inline void
page_room_take(struct page_room *room, size_t bytes)
{
    room->left -= (int64_t)bytes;
}

static inline void
page_room_give(struct page_room *room, size_t bytes)
{
    room->left += (int64_t)bytes;
}

/* --- what rows take --- */

static inline size_t
page_string_bytes(size_t size)
{
    size_t head = size < 32 ? 1 : size < 256 ? 2 : size < 65536 ? 3 : 5;

    return head + size;
}

/* An id that is not known yet, and what of it is too much once it is. */
#define PAGE_ID_BYTES ((size_t)3 + OBJECT_ID_SIZE_MAX)

static inline size_t
page_id_spare(struct slice id)
{
    return PAGE_ID_BYTES - page_string_bytes(id.size);
}

#define PAGE_DECIDED_BYTES ((size_t)20)       /* {id, decision} without the id */
#define PAGE_CONDITIONAL_BYTES ((size_t)40)   /* {id, decision, missing} without id and names */
#define PAGE_WILDCARD_BYTES ((size_t)80)      /* {wildcard, ..., excluded, more_excluded} */
#define PAGE_UNDECIDED_BYTES ((size_t)1280)   /* {id, error} without the id */
#define PAGE_TEXT_BYTES ((size_t)16)          /* a relationship as text, without ids and names */
#define PAGE_RELATIONSHIP_BYTES ((size_t)224) /* a relationship as a map, without the same */

_Static_assert(PAGE_UNDECIDED_BYTES >= sizeof(struct error) + 256,
               "the texts of an error, its code and its reason fit");

/* As text an id may stand in quotes, with a backslash before each of its bytes. The bytes of a
 * stored context are no fewer than those it takes in a reply. */
static inline size_t
page_relationship_bytes(const struct relationship *relationship)
{
    const struct object *resource = &relationship->resource;
    const struct object *subject = &relationship->subject;
    bool as_map = relationship->caveat.size > 0 || relationship->expires_at != 0;
    size_t names = resource->type.size + resource->relation.size + subject->type.size +
                   subject->relation.size + relationship->caveat.size;
    size_t ids = resource->id.size + subject->id.size;

    return as_map ? PAGE_RELATIONSHIP_BYTES + names + ids + relationship->context.size
                  : PAGE_TEXT_BYTES + names + 2 * ids;
}

/* A row of a lookup without its id. */
static inline size_t
page_row_bytes(enum decision decision, const struct missing_context *missing)
{
    size_t bytes = PAGE_CONDITIONAL_BYTES;

    if (decision != DECISION_CONDITIONAL)
        return PAGE_DECIDED_BYTES;
    for (size_t i = 0; i < missing->count; i++)
        bytes += page_string_bytes(missing->names[i].size);
    return bytes;
}

#endif
