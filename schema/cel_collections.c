/* cel_collections.c - lists and maps. */
#include "schema/cel_convert.h"
#include "schema/cel_functions.h"

void
cel_in(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
       struct cel_value *result)
{
    (void)count;
    if (arguments[1].kind == CEL_MAP) {
        *result = cel_bool(cel_map_find(machine, arguments[1].as.map, &arguments[0]) != NULL);
        return;
    }
    if (arguments[1].kind != CEL_LIST) {
        *result = cel_error(CEL_NO_OVERLOAD);
        return;
    }
    *result = cel_bool(false);
    if (!cel_charge(machine, arguments[1].as.list->count))
        return;
    for (size_t index = 0; index < arguments[1].as.list->count; index++) {
        if (cel_same(machine, &arguments[0], &arguments[1].as.list->items[index])) {
            *result = cel_bool(true);
            return;
        }
    }
}

static void
list_item(const struct cel_list *list, const struct cel_value *key, struct cel_value *result)
{
    int64_t index = 0;
    bool whole = true;

    if (key->kind == CEL_INT)
        index = key->as.integer;
    else if (key->kind == CEL_UINT)
        index = key->as.natural <= INT64_MAX ? (int64_t)key->as.natural : INT64_MAX;
    else
        whole = key->kind == CEL_DOUBLE && cel_double_to_int(key->as.real, &index) &&
                (double)index == key->as.real;
    if (!whole)
        *result = cel_error("the index of a list is no integer");
    else if (index < 0 || (uint64_t)index >= list->count)
        *result = cel_error("the index is outside of the list");
    else
        *result = list->items[index];
}

static void
item_of(struct cel_machine *machine, const struct cel_value *container, const struct cel_value *key,
        struct cel_value *result)
{
    const struct cel_value *found;

    if (container->kind == CEL_LIST) {
        list_item(container->as.list, key, result);
        return;
    }
    if (container->kind != CEL_MAP) {
        *result = cel_error("only lists and maps have elements");
        return;
    }
    found = cel_map_find(machine, container->as.map, key);
    if (found != NULL)
        *result = *found;
    else
        cel_give_lacking(container, result);
}

/* An index into an optional gives an optional; what is not there is none. */
void
cel_index(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
          struct cel_value *result)
{
    struct cel_value item;

    (void)count;
    if (arguments[0].kind != CEL_OPTIONAL) {
        item_of(machine, &arguments[0], &arguments[1], result);
        return;
    }
    *result = (struct cel_value){.kind = CEL_OPTIONAL};
    if (arguments[0].as.optional == NULL)
        return;
    item_of(machine, arguments[0].as.optional, &arguments[1], &item);
    if (item.kind != CEL_ERROR && item.kind != CEL_UNKNOWN)
        cel_give_optional(machine, &item, result);
}

static int64_t
count_points(struct slice text)
{
    int64_t points = 0;

    for (size_t index = 0; index < text.size; index++)
        points += ((unsigned char)text.data[index] & 0xC0) != 0x80;
    return points;
}

void
cel_size(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
         struct cel_value *result)
{
    (void)count;
    cel_look_whole(machine, &arguments[0]);
    if (arguments[0].kind == CEL_LIST)
        *result = cel_int((int64_t)arguments[0].as.list->count);
    else if (arguments[0].kind == CEL_MAP)
        *result = cel_int((int64_t)arguments[0].as.map->count);
    else if (arguments[0].kind == CEL_BYTES)
        *result = cel_int((int64_t)arguments[0].as.text.size);
    else if (arguments[0].kind != CEL_STRING)
        *result = cel_error(CEL_NO_OVERLOAD);
    else if (cel_charge_bytes(machine, arguments[0].as.text.size))
        *result = cel_int(count_points(arguments[0].as.text));
}

/* Recursion: maps are nested at most CEL_DEPTH_MAX deep here. */
static bool
is_subtree(struct cel_machine *machine, const struct cel_map *small, const struct cel_map *large,
           size_t depth)
{
    if (depth > CEL_DEPTH_MAX) {
        machine->status = BEHALF_BUDGET_EXHAUSTED;
        return false;
    }
    if (!cel_charge(machine, small->count))
        return false;
    for (size_t index = 0; index < small->count; index++) {
        const struct cel_value *value = &small->entries[index].value;
        const struct cel_value *other = cel_map_find(machine, large, &small->entries[index].key);

        if (other == NULL)
            return false;
        if (value->kind == CEL_MAP && other->kind == CEL_MAP
                ? !is_subtree(machine, value->as.map, other->as.map, depth + 1)
                : !cel_same(machine, value, other))
            return false;
    }
    return true;
}

/* Every key of the map is in the other one, with an equal value or a map that is a
 * subtree of it. */
void
cel_is_subtree_of(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
                  struct cel_value *result)
{
    (void)count;
    cel_look_whole(machine, &arguments[0]);
    cel_look_whole(machine, &arguments[1]);
    if (arguments[0].kind != CEL_MAP || arguments[1].kind != CEL_MAP)
        *result = cel_error(CEL_NO_OVERLOAD);
    else
        *result = cel_bool(is_subtree(machine, arguments[0].as.map, arguments[1].as.map, 0));
}
