/* write_counts.c - a table where each prefix has one place. */
#include "engine/write_counts.h"

#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "base/record_id.h"

#define PLACES 4096 /* of 24 bytes */

struct place {
    char prefix[RECORD_ID_SIZE];
    uint8_t size; /* of the prefix; 0 = nobody's */
    uint8_t index;
    uint32_t count;
};

struct write_counts {
    struct place places[PLACES];
};

struct write_counts *
write_counts_new(void)
{
    return memory_new(sizeof(struct write_counts));
}

void
write_counts_free(struct write_counts *counts)
{
    memory_free(counts);
}

static size_t
place_of(enum record_index index, struct slice prefix)
{
    return (digest_hash(prefix) + index) % PLACES;
}

bool
write_counts_find(const struct write_counts *counts, enum record_index index, struct slice prefix,
                  size_t *count)
{
    const struct place *place = &counts->places[place_of(index, prefix)];

    if (place->size != prefix.size || place->index != index ||
        memcmp(place->prefix, prefix.data, prefix.size) != 0)
        return false;
    *count = place->count;
    return true;
}

void
write_counts_keep(struct write_counts *counts, enum record_index index, struct slice prefix,
                  size_t count)
{
    struct place *place = &counts->places[place_of(index, prefix)];

    BEHALF_ASSERT(prefix.size > 0 && prefix.size <= sizeof place->prefix);
    memcpy(place->prefix, prefix.data, prefix.size);
    place->size = (uint8_t)prefix.size;
    place->index = (uint8_t)index;
    place->count = (uint32_t)count;
}
