/* resource_set.c - sorting and merging of resources.
 * Sorting is by radix, least digit first, over those bits in which the entries differ. These are
 * few, because sequences are assigned consecutively. */
#include "eval/resource_set.h"

#define FIRST_ENTRIES 16
#define RADIX_BITS 11
#define RADIX_DIGITS (1u << RADIX_BITS)
#define FEW 48 /* below this, insertion sort beats clearing a table of digits */

/* --- finding --- */

/* The first index from `at` on whose sequence is not below `sequence`, by galloping search: a pass
 * over a set costs the logarithm of each of its strides. */
static uint32_t
gallop(struct resource_set set, uint32_t at, uint64_t sequence)
{
    uint32_t step = 1;
    uint32_t low = at;
    uint32_t high;

    while (low < set.count && step < set.count - low &&
           RESOURCE_SEQUENCE(set.entries[low + step - 1]) < sequence) {
        low += step;
        step *= 2;
    }
    high = step < set.count - low ? low + step : set.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (RESOURCE_SEQUENCE(set.entries[middle]) < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t
resource_set_lower_bound(struct resource_set set, uint64_t sequence)
{
    return gallop(set, 0, sequence);
}

struct resource_set
resource_set_up_to(struct resource_set set, uint64_t to)
{
    if (set.count > 0 && RESOURCE_SEQUENCE(set.entries[set.count - 1]) > to)
        set.count = resource_set_lower_bound(set, to + 1);
    return set;
}

/* --- operations --- */

/* For equal sequences the closed entry is the smaller one, and a union is certain if either operand
 * is. */
bool
resource_set_union(struct arena *arena, struct resource_set a, struct resource_set b,
                   struct resource_set *result)
{
    uint64_t *entries = arena_take(arena, ((size_t)a.count + b.count) * sizeof *entries);
    uint32_t count = 0;
    uint32_t at_a = 0;
    uint32_t at_b = 0;

    if (entries == NULL)
        return false;
    while (at_a < a.count || at_b < b.count) {
        uint64_t in_a = at_a < a.count ? a.entries[at_a] : UINT64_MAX;
        uint64_t in_b = at_b < b.count ? b.entries[at_b] : UINT64_MAX;

        entries[count++] = in_a < in_b ? in_a : in_b;
        at_a += RESOURCE_SEQUENCE(in_a) <= RESOURCE_SEQUENCE(in_b);
        at_b += RESOURCE_SEQUENCE(in_b) <= RESOURCE_SEQUENCE(in_a);
    }
    *result = (struct resource_set){entries, count};
    return true;
}

bool
resource_set_intersection(struct arena *arena, struct resource_set a, struct resource_set b,
                          struct resource_set *result)
{
    struct resource_set few = a.count < b.count ? a : b;
    struct resource_set many = a.count < b.count ? b : a;
    uint64_t *entries = arena_take(arena, few.count * sizeof *entries);
    uint32_t count = 0;
    uint32_t at = 0;

    if (entries == NULL)
        return false;
    for (uint32_t i = 0; i < few.count; i++) {
        at = gallop(many, at, RESOURCE_SEQUENCE(few.entries[i]));
        if (at == many.count)
            break;
        if (RESOURCE_SEQUENCE(many.entries[at]) == RESOURCE_SEQUENCE(few.entries[i]))
            entries[count++] = few.entries[i] | many.entries[at];
    }
    *result = (struct resource_set){entries, count};
    return true;
}

/* A closed entry of `b` removes the resource; an open one may, so the result is open. */
bool
resource_set_difference(struct arena *arena, struct resource_set a, struct resource_set b,
                        struct resource_set *result)
{
    uint64_t *entries = arena_take(arena, a.count * sizeof *entries);
    uint32_t count = 0;
    uint32_t at = 0;

    if (entries == NULL)
        return false;
    for (uint32_t i = 0; i < a.count; i++) {
        at = gallop(b, at, RESOURCE_SEQUENCE(a.entries[i]));
        if (at == b.count || RESOURCE_SEQUENCE(b.entries[at]) != RESOURCE_SEQUENCE(a.entries[i]))
            entries[count++] = a.entries[i];
        else if (RESOURCE_OPEN(b.entries[at]))
            entries[count++] = a.entries[i] | b.entries[at];
    }
    *result = (struct resource_set){entries, count};
    return true;
}

bool
resource_set_opened(struct arena *arena, struct resource_set set, struct resource_set *result)
{
    uint64_t *entries = arena_take(arena, set.count * sizeof *entries);

    if (entries == NULL)
        return false;
    for (uint32_t i = 0; i < set.count; i++)
        entries[i] = set.entries[i] | 1;
    *result = (struct resource_set){entries, set.count};
    return true;
}

/* --- sorting --- */

static void
sort_few(uint64_t *entries, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint64_t entry = entries[i];
        uint32_t at = i;

        for (; at > 0 && entries[at - 1] > entry; at--)
            entries[at] = entries[at - 1];
        entries[at] = entry;
    }
}

static void
sort_by_digit(const uint64_t *from, uint64_t *to, uint32_t count, unsigned shift)
{
    uint32_t places[RADIX_DIGITS] = {0};
    uint32_t place = 0;

    for (uint32_t i = 0; i < count; i++)
        places[from[i] >> shift & (RADIX_DIGITS - 1)]++;
    for (uint32_t digit = 0; digit < RADIX_DIGITS; digit++) {
        uint32_t of_digit = places[digit];

        places[digit] = place;
        place += of_digit;
    }
    for (uint32_t i = 0; i < count; i++)
        to[places[from[i] >> shift & (RADIX_DIGITS - 1)]++] = from[i];
}

static void
sort_many(struct resource_gather *gather)
{
    uint64_t differing = 0;

    for (uint32_t i = 1; i < gather->count; i++)
        differing |= gather->entries[i] ^ gather->entries[0];
    for (unsigned shift = 0; shift < 64 && differing >> shift != 0; shift += RADIX_BITS) {
        uint64_t *sorted = gather->spare;

        if ((differing >> shift & (RADIX_DIGITS - 1)) == 0)
            continue;
        sort_by_digit(gather->entries, sorted, gather->count, shift);
        gather->spare = gather->entries;
        gather->entries = sorted;
    }
}

/* Keeps the first entry of each sequence, which is closed if one of them is. */
static void
leave_out_equal(struct resource_gather *gather)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < gather->count; i++) {
        uint64_t entry = gather->entries[i];

        if (kept == 0 || RESOURCE_SEQUENCE(gather->entries[kept - 1]) != RESOURCE_SEQUENCE(entry))
            gather->entries[kept++] = entry;
    }
    gather->count = kept;
}

static bool
put_in_order(struct resource_gather *gather)
{
    if (!gather->disordered)
        return true;
    if (gather->count > FEW && gather->spare == NULL) {
        gather->spare = arena_take(gather->arena, gather->size * sizeof *gather->spare);
        if (gather->spare == NULL)
            return false;
    }
    if (gather->count > FEW)
        sort_many(gather);
    else
        sort_few(gather->entries, gather->count);
    leave_out_equal(gather);
    gather->disordered = false;
    return true;
}

/* --- gathering --- */

void
resource_gather_init(struct resource_gather *gather, struct arena *arena, uint64_t after,
                     uint32_t window)
{
    *gather = (struct resource_gather){
        .arena = arena, .after = after, .to = RESOURCE_END, .window = window};
}

/* Lowers `to` to the last entry. The entries are in order. */
static void
lower_end(struct resource_gather *gather)
{
    uint64_t last = RESOURCE_SEQUENCE(gather->entries[gather->count - 1]);

    if (last < gather->to)
        gather->to = last;
}

/* Keeps the smallest entries, as many as the window has. The entries are in order. */
static void
close_window(struct resource_gather *gather)
{
    if (gather->window == 0 || gather->count <= gather->window)
        return;
    gather->count = gather->window;
    lower_end(gather);
}

static bool
grow(struct resource_gather *gather)
{
    uint32_t size = gather->size == 0 ? FIRST_ENTRIES : gather->size * 2;
    uint64_t *entries =
        size > gather->size ? arena_take(gather->arena, (size_t)size * sizeof *entries) : NULL;

    if (entries == NULL)
        return false;
    if (gather->count > 0)
        memcpy(entries, gather->entries, gather->count * sizeof *entries);
    gather->entries = entries;
    gather->size = size;
    gather->spare = NULL;
    return true;
}

static bool
make_room(struct resource_gather *gather)
{
    if (!put_in_order(gather))
        return false;
    close_window(gather);
    return (gather->size > 0 && gather->count <= gather->size / 2) || grow(gather);
}

/* A full array is sorted before it grows, because it may contain the same few resources many
 * times. */
uint64_t *
resource_gather_room(struct resource_gather *gather, uint32_t *room)
{
    if (gather->count == gather->size && !make_room(gather))
        return NULL;
    *room = gather->size - gather->count;
    return gather->entries + gather->count;
}

void
resource_gather_add(struct resource_gather *gather, uint32_t count)
{
    const uint64_t *run = gather->entries + gather->count;

    BEHALF_ASSERT(count <= gather->size - gather->count);
    if (count == 0)
        return;
    gather->disordered = gather->disordered || (gather->count > 0 && RESOURCE_SEQUENCE(run[-1]) >=
                                                                         RESOURCE_SEQUENCE(run[0]));
    gather->count += count;
    /* Before the array is full, if that needs no sorting: a smaller `to` saves reads. */
    if (!gather->disordered && gather->window > 0 && gather->count >= gather->window)
        lower_end(gather);
}

bool
resource_gather_end(struct resource_gather *gather, struct resource_set *set)
{
    if (!put_in_order(gather))
        return false;
    *set = resource_set_up_to((struct resource_set){gather->entries, gather->count}, gather->to);
    return true;
}
