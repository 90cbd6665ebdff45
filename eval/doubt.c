/* doubt.c - the union of doubts. Most doubts of a request contain the same few items, so a union
 * that adds nothing returns an operand and allocates nothing. */
#include "eval/doubt.h"

static bool
includes(const struct doubt *a, const struct doubt *b)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < b->count; i++) {
        while (at < a->count && a->items[at] < b->items[i])
            at++;
        if (at == a->count || a->items[at] != b->items[i])
            return false;
    }
    return true;
}

/* The fault with the smaller status, so that the order of operands does not show in the answer. */
static const struct error *
fault_of(const struct doubt *a, const struct doubt *b)
{
    if (a->fault == NULL || (b->fault != NULL && b->fault->status < a->fault->status))
        return b->fault;
    return a->fault;
}

static const struct doubt *
merge(struct arena *arena, const struct doubt *a, const struct doubt *b)
{
    struct doubt *both = arena_take(arena, sizeof *both);
    uint32_t *items = arena_take_array(arena, (size_t)a->count + b->count, sizeof *items);
    uint32_t count = 0;
    uint32_t at_a = 0;
    uint32_t at_b = 0;

    if (both == NULL || items == NULL)
        return NULL;
    while (at_a < a->count || at_b < b->count) {
        bool from_a = at_b == b->count || (at_a < a->count && a->items[at_a] <= b->items[at_b]);
        uint32_t item = from_a ? a->items[at_a++] : b->items[at_b++];

        if (count == 0 || items[count - 1] != item)
            items[count++] = item;
    }
    *both = (struct doubt){.fault = fault_of(a, b), .items = items, .count = count};
    return both;
}

bool
doubt_union(struct arena *arena, const struct doubt **a, const struct doubt *b)
{
    if (b == NULL || *a == b)
        return true;
    if (*a == NULL) {
        *a = b;
        return true;
    }
    if (includes(*a, b) && fault_of(*a, b) == (*a)->fault)
        return true;
    if (includes(b, *a) && fault_of(*a, b) == b->fault)
        *a = b;
    else
        *a = merge(arena, *a, b);
    return *a != NULL;
}
