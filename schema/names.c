/* names.c - open addressing over (scope, name), and the edit distance behind suggestions. */
#include "schema/names.h"

#include "base/digest.h"
#include "schema/schema.h"

#define SMALLEST_SLOTS UINT32_C(16)
#define SUGGEST_SIZE_MAX 64 /* longer names are not worth the square of their length */

static uint32_t
slot_of(const struct names *names, uint32_t scope, struct slice name)
{
    uint64_t hash = digest_hash(name) ^ digest_hash_u64(scope);
    uint32_t at = (uint32_t)hash & names->mask;

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

/* Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
static uint32_t
edit_distance(struct slice a, struct slice b)
{
    uint32_t rows[3][SUGGEST_SIZE_MAX + 1];
    uint32_t *before = rows[0];
    uint32_t *previous = rows[1];
    uint32_t *current = rows[2];

    for (uint32_t column = 0; column <= b.size; column++)
        previous[column] = column;
    for (uint32_t row = 1; row <= a.size; row++) {
        uint32_t *oldest = before;

        current[0] = row;
        for (uint32_t column = 1; column <= b.size; column++) {
            bool same = a.data[row - 1] == b.data[column - 1];
            uint32_t least = previous[column - 1] + (same ? 0 : 1);

            if (previous[column] + 1 < least)
                least = previous[column] + 1;
            if (current[column - 1] + 1 < least)
                least = current[column - 1] + 1;
            if (row > 1 && column > 1 && a.data[row - 1] == b.data[column - 2] &&
                a.data[row - 2] == b.data[column - 1] && before[column - 2] + 1 < least)
                least = before[column - 2] + 1;
            current[column] = least;
        }
        before = previous;
        previous = current;
        current = oldest;
    }
    return previous[b.size];
}

void
names_suggest(struct slice wanted, struct slice candidate, struct slice *best, uint32_t *distance)
{
    size_t difference =
        wanted.size > candidate.size ? wanted.size - candidate.size : candidate.size - wanted.size;
    uint32_t limit = wanted.size < 5 ? 1 : wanted.size < 9 ? 2 : 3;
    uint32_t edits;

    if (difference > limit || wanted.size > SUGGEST_SIZE_MAX || candidate.size > SUGGEST_SIZE_MAX)
        return;
    edits = edit_distance(wanted, candidate);
    if (edits <= limit && edits < *distance) {
        *distance = edits;
        *best = candidate;
    }
}
