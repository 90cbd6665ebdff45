/* cel_value.c - equality, order and containers. */
#include "schema/cel_convert.h"

#include <stdlib.h>

#define BYTES_PER_STEP 64
#define BYTES_READ_PER_STEP 8

static const char *const kind_names[] = {
    [CEL_NULL] = "null_type",
    [CEL_BOOL] = "bool",
    [CEL_INT] = "int",
    [CEL_UINT] = "uint",
    [CEL_DOUBLE] = "double",
    [CEL_STRING] = "string",
    [CEL_BYTES] = "bytes",
    [CEL_DURATION] = "duration",
    [CEL_TIMESTAMP] = "timestamp",
    [CEL_LIST] = "list",
    [CEL_MAP] = "map",
    [CEL_TYPE] = "type",
    [CEL_OPTIONAL] = "optional_type",
    [CEL_IPADDRESS] = "ipaddress",
    [CEL_DYN] = "dyn",
    [CEL_UNKNOWN] = "unknown",
    [CEL_ERROR] = "error",
};

const char *
cel_kind_name(enum cel_kind kind)
{
    return kind_names[kind];
}

bool
cel_charge(struct cel_machine *machine, size_t steps)
{
    if (machine->status != BEHALF_OK)
        return false;
    if (steps > machine->steps) {
        machine->steps = 0;
        machine->status = BEHALF_BUDGET_EXHAUSTED;
        return false;
    }
    machine->steps -= (uint32_t)steps;
    return true;
}

bool
cel_charge_bytes(struct cel_machine *machine, size_t bytes)
{
    return cel_charge(machine, bytes / BYTES_PER_STEP);
}

bool
cel_charge_reading(struct cel_machine *machine, size_t bytes)
{
    return cel_charge(machine, bytes / BYTES_READ_PER_STEP);
}

void *
cel_take(struct cel_machine *machine, size_t count, size_t size)
{
    void *block = arena_take_array(machine->arena, count, size);

    if (block == NULL)
        machine->status = BEHALF_BUDGET_EXHAUSTED;
    return block;
}

static enum cel_order
order_of(int order)
{
    return order < 0 ? CEL_LESS : order > 0 ? CEL_GREATER : CEL_SAME;
}

/* Exact: the double is split into what an integer holds and the rest. */
static enum cel_order
compare_int_double(int64_t a, double b)
{
    int64_t whole;
    double rest;

    if (b != b)
        return CEL_UNORDERED;
    if (b >= CEL_TWO_63)
        return CEL_LESS;
    if (b < -CEL_TWO_63)
        return CEL_GREATER;
    whole = (int64_t)b;
    rest = b - (double)whole;
    if (a != whole)
        return a < whole ? CEL_LESS : CEL_GREATER;
    return rest > 0 ? CEL_LESS : rest < 0 ? CEL_GREATER : CEL_SAME;
}

static enum cel_order
compare_uint_double(uint64_t a, double b)
{
    uint64_t whole;
    double rest;

    if (b != b)
        return CEL_UNORDERED;
    if (b >= CEL_TWO_64)
        return CEL_LESS;
    if (b < 0)
        return CEL_GREATER;
    whole = (uint64_t)b;
    rest = b - (double)whole;
    if (a != whole)
        return a < whole ? CEL_LESS : CEL_GREATER;
    return rest > 0 ? CEL_LESS : CEL_SAME;
}

static enum cel_order
compare_int_uint(int64_t a, uint64_t b)
{
    if (a < 0 || (uint64_t)a < b)
        return CEL_LESS;
    return (uint64_t)a > b ? CEL_GREATER : CEL_SAME;
}

static enum cel_order
turned(enum cel_order order)
{
    return order == CEL_LESS ? CEL_GREATER : order == CEL_GREATER ? CEL_LESS : order;
}

static bool
is_number(enum cel_kind kind)
{
    return kind == CEL_INT || kind == CEL_UINT || kind == CEL_DOUBLE;
}

/* `a` is of the kind that stands first in INT, UINT, DOUBLE. */
static enum cel_order
compare_mixed(const struct cel_value *a, const struct cel_value *b)
{
    if (a->kind > b->kind)
        return turned(compare_mixed(b, a));
    if (a->kind == CEL_UINT)
        return compare_uint_double(a->as.natural, b->as.real);
    if (b->kind == CEL_UINT)
        return compare_int_uint(a->as.integer, b->as.natural);
    return compare_int_double(a->as.integer, b->as.real);
}

bool
cel_comparable(enum cel_kind a, enum cel_kind b)
{
    if (a != b)
        return is_number(a) && is_number(b);
    return (a >= CEL_BOOL && a <= CEL_TIMESTAMP);
}

static enum cel_order
compare_integers(int64_t a, int64_t b)
{
    return order_of((a > b) - (a < b));
}

enum cel_order
cel_compare(const struct cel_value *a, const struct cel_value *b)
{
    if (a->kind != b->kind)
        return is_number(a->kind) && is_number(b->kind) ? compare_mixed(a, b) : CEL_UNORDERED;
    switch (a->kind) {
    case CEL_BOOL:
        return order_of(a->as.boolean - b->as.boolean);
    case CEL_INT:
    case CEL_DURATION:
        return compare_integers(a->as.integer, b->as.integer);
    case CEL_UINT:
        return order_of((a->as.natural > b->as.natural) - (a->as.natural < b->as.natural));
    case CEL_DOUBLE:
        if (a->as.real != a->as.real || b->as.real != b->as.real)
            return CEL_UNORDERED;
        return order_of((a->as.real > b->as.real) - (a->as.real < b->as.real));
    case CEL_STRING: /* order of bytes is order of code points in UTF-8 */
    case CEL_BYTES:
        return order_of(slice_compare(a->as.text, b->as.text));
    case CEL_TIMESTAMP:
        if (a->as.integer != b->as.integer)
            return compare_integers(a->as.integer, b->as.integer);
        return compare_integers(a->extra, b->extra);
    case CEL_NULL:
    case CEL_LIST:
    case CEL_MAP:
    case CEL_TYPE:
    case CEL_OPTIONAL:
    case CEL_IPADDRESS:
    case CEL_DYN:
    case CEL_UNKNOWN:
    case CEL_ERROR:
        break;
    }
    return CEL_UNORDERED;
}

static bool same_at(struct cel_machine *machine, const struct cel_value *a,
                    const struct cel_value *b, size_t depth);

static bool
same_lists(struct cel_machine *machine, const struct cel_list *a, const struct cel_list *b,
           size_t depth)
{
    if (a->count != b->count || !cel_charge(machine, a->count))
        return false;
    for (size_t index = 0; index < a->count; index++)
        if (!same_at(machine, &a->items[index], &b->items[index], depth + 1))
            return false;
    return true;
}

/* A comparison of keys takes as long as what they have in common. */
static bool
charge_key(struct cel_machine *machine, const struct cel_value *key)
{
    return cel_charge(machine,
                      1 + (key->kind == CEL_STRING ? key->as.text.size / BYTES_PER_STEP : 0));
}

static bool
same_maps(struct cel_machine *machine, const struct cel_map *a, const struct cel_map *b,
          size_t depth)
{
    if (a->count != b->count || !cel_charge(machine, a->count))
        return false;
    for (size_t index = 0; index < a->count; index++) {
        const struct cel_entry *left = &a->entries[index];
        const struct cel_entry *right = &b->entries[index];
        const struct cel_value *other = &right->value;

        if (!charge_key(machine, &left->key))
            return false;
        if (cel_key_order(&left->key, &right->key) != 0) /* or a double that is an integer there */
            other = cel_map_find(machine, b, &left->key);
        if (other == NULL || !same_at(machine, &left->value, other, depth + 1))
            return false;
    }
    return true;
}

/* Recursion: at most CEL_DEPTH_MAX deep. */
static bool
same_at(struct cel_machine *machine, const struct cel_value *a, const struct cel_value *b,
        size_t depth)
{
    if (a->kind != b->kind)
        return is_number(a->kind) && is_number(b->kind) && compare_mixed(a, b) == CEL_SAME;
    if (depth > CEL_DEPTH_MAX) {
        machine->status = BEHALF_BUDGET_EXHAUSTED;
        return false;
    }
    switch (a->kind) {
    case CEL_NULL:
        return true;
    case CEL_STRING:
    case CEL_BYTES:
        return cel_charge_bytes(machine, a->as.text.size) && slice_equal(a->as.text, b->as.text);
    case CEL_BOOL:
    case CEL_INT:
    case CEL_UINT:
    case CEL_DOUBLE:
    case CEL_DURATION:
    case CEL_TIMESTAMP:
        return cel_compare(a, b) == CEL_SAME;
    case CEL_LIST:
        return same_lists(machine, a->as.list, b->as.list, depth);
    case CEL_MAP:
        cel_look_whole(machine, a);
        cel_look_whole(machine, b);
        return same_maps(machine, a->as.map, b->as.map, depth);
    case CEL_TYPE:
        return a->as.type == b->as.type;
    case CEL_OPTIONAL:
        if (a->as.optional == NULL || b->as.optional == NULL)
            return a->as.optional == b->as.optional;
        return same_at(machine, a->as.optional, b->as.optional, depth + 1);
    case CEL_IPADDRESS:
        return a->extra == b->extra && memcmp(a->as.address, b->as.address, a->extra / 8) == 0;
    case CEL_DYN:
    case CEL_UNKNOWN:
    case CEL_ERROR:
        break;
    }
    return false;
}

bool
cel_same(struct cel_machine *machine, const struct cel_value *a, const struct cel_value *b)
{
    return same_at(machine, a, b, 0);
}

/* The integer that a double is: an int where it fits one, else a uint. */
static bool
whole_of(double real, struct cel_value *whole)
{
    int64_t integer;
    uint64_t natural;

    if (cel_double_to_int(real, &integer) && (double)integer == real)
        *whole = cel_int(integer);
    else if (cel_double_to_uint(real, &natural) && (double)natural == real)
        *whole = cel_uint(natural);
    else
        return false;
    return true;
}

/* 0 for booleans, 1 for integers, 2 for doubles, 3 for strings. */
static int
key_class(enum cel_kind kind)
{
    return kind == CEL_BOOL ? 0 : kind == CEL_STRING ? 3 : kind == CEL_DOUBLE ? 2 : 1;
}

int
cel_key_order(const struct cel_value *a, const struct cel_value *b)
{
    if (key_class(a->kind) != key_class(b->kind))
        return key_class(a->kind) - key_class(b->kind);
    return (int)cel_compare(a, b);
}

static int
compare_entries(const void *a, const void *b)
{
    const struct cel_entry *left = a;
    const struct cel_entry *right = b;

    return cel_key_order(&left->key, &right->key);
}

/* Keys of contexts come sorted; literals may not. False: steps are spent, or a key is there twice,
 * which *twice tells. */
static bool
sort_entries(struct cel_machine *machine, struct cel_entry *entries, size_t count, bool *twice)
{
    bool sorted = true;

    *twice = false;
    for (size_t index = 1; index < count && sorted; index++) {
        if (!charge_key(machine, &entries[index].key))
            return false;
        sorted = cel_key_order(&entries[index - 1].key, &entries[index].key) < 0;
    }
    if (sorted)
        return true;
    for (size_t index = 0; index < count; index++)
        for (size_t half = count; half > 0; half /= 2)
            if (!charge_key(machine, &entries[index].key))
                return false;
    qsort(entries, count, sizeof *entries, compare_entries);
    for (size_t index = 1; index < count; index++)
        *twice = *twice || cel_key_order(&entries[index - 1].key, &entries[index].key) == 0;
    return !*twice;
}

static const struct cel_value *
find_key(struct cel_machine *machine, const struct cel_map *map, const struct cel_value *key)
{
    size_t low = 0;
    size_t high = map->count;

    if (!cel_charge(machine, 1))
        return NULL;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order;

        if (key->kind == CEL_STRING && !cel_charge_bytes(machine, key->as.text.size))
            return NULL;
        order = cel_key_order(&map->entries[middle].key, key);
        if (order == 0)
            return &map->entries[middle].value;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* A double finds the integer that it is, exactly; an integer finds no double. */
const struct cel_value *
cel_map_find(struct cel_machine *machine, const struct cel_map *map, const struct cel_value *key)
{
    const struct cel_value *found;
    struct cel_value whole;

    if (key->kind == CEL_DOUBLE) {
        if (key->as.real != key->as.real)
            return NULL;
        found = find_key(machine, map, key);
        return found != NULL || !whole_of(key->as.real, &whole) ? found
                                                                : find_key(machine, map, &whole);
    }
    if (key->kind != CEL_BOOL && key->kind != CEL_STRING && !is_number(key->kind))
        return NULL;
    return find_key(machine, map, key);
}

void
cel_give_lacking(const struct cel_value *map, struct cel_value *result)
{
    uint32_t missing = cel_lacking(map);

    *result = missing != 0 ? (struct cel_value){.kind = CEL_UNKNOWN, .as.missing = missing}
                           : cel_error("the map has no such key");
}

void
cel_give_list(struct cel_machine *machine, const struct cel_value *items, size_t count,
              struct cel_value *result)
{
    struct cel_list *list = cel_take(machine, 1, sizeof *list);

    if (list == NULL)
        return;
    *list = (struct cel_list){items, count};
    *result = (struct cel_value){.kind = CEL_LIST, .as.list = list};
}

void
cel_give_map(struct cel_machine *machine, struct cel_entry *entries, size_t count,
             struct cel_value *result)
{
    struct cel_map *map = cel_take(machine, 1, sizeof *map);
    bool twice;

    if (map == NULL)
        return;
    if (!sort_entries(machine, entries, count, &twice)) {
        if (twice)
            *result = cel_error("a key of a map stands twice");
        return;
    }
    *map = (struct cel_map){entries, count};
    *result = (struct cel_value){.kind = CEL_MAP, .as.map = map};
}

void
cel_give_optional(struct cel_machine *machine, const struct cel_value *value,
                  struct cel_value *result)
{
    struct cel_value *copy = cel_take(machine, 1, sizeof *copy);

    if (copy == NULL)
        return;
    *copy = *value;
    *result = (struct cel_value){.kind = CEL_OPTIONAL, .as.optional = copy};
}
