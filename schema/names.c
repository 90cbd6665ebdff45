/* names.c - open addressing over (scope, name). */
#include "schema/names.h"

#include "base/digest.h"
#include "schema/schema.h"

#define SMALLEST_SLOTS UINT32_C(16)

/* Nearly all names are short, and no two of those are the same words: bytes need no hash. */
static uint64_t
hash_of(uint32_t scope, struct slice name)
{
    struct slice_ends ends;

    if (name.size < SLICE_SHORT_MIN || name.size > SLICE_SHORT_MAX)
        return digest_hash(name) ^ digest_hash_u64(scope);
    ends = slice_ends_of(name);
    return digest_hash_u64(ends.first ^ digest_hash_u64(ends.last ^ (uint64_t)scope << 32));
}

static uint32_t
slot_of(const struct names *names, uint32_t scope, struct slice name)
{
    uint32_t at = (uint32_t)hash_of(scope, name) & names->mask;

    while (names->slots[at].value != SCHEMA_NONE &&
           (names->slots[at].scope != scope || !slice_equal(names->slots[at].name, name)))
        at = (at + 1) & names->mask;
    return at;
}

static bool
take_slots(struct names *names, uint32_t count)
{
    names->slots = arena_take_array(names->arena, count, sizeof *names->slots);
    if (names->slots == NULL)
        return false;
    for (uint32_t index = 0; index < count; index++)
        names->slots[index].value = SCHEMA_NONE;
    names->mask = count - 1;
    return true;
}

bool
names_init(struct names *names, struct arena *arena, uint32_t expected)
{
    uint32_t count = SMALLEST_SLOTS;

    while (count / 2 < expected)
        count *= 2;
    *names = (struct names){.arena = arena};
    return take_slots(names, count);
}

uint32_t
names_find(const struct names *names, uint32_t scope, struct slice name)
{
    return names->slots[slot_of(names, scope, name)].value;
}

bool
names_add(struct names *names, uint32_t scope, struct slice name, uint32_t value)
{
    if (names->count >= (names->mask + 1) / 2) {
        struct names old = *names;

        if (!take_slots(names, (old.mask + 1) * 2)) {
            *names = old;
            return false;
        }
        for (uint32_t index = 0; index <= old.mask; index++)
            if (old.slots[index].value != SCHEMA_NONE)
                names->slots[slot_of(names, old.slots[index].scope, old.slots[index].name)] =
                    old.slots[index];
    }
    names->slots[slot_of(names, scope, name)] = (struct names_slot){name, scope, value};
    names->count++;
    return true;
}
