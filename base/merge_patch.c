/* merge_patch.c - see merge_patch.h. Maps are sorted, so two are merged in one pass. The recursion
 * is as deep as the patch, at most DATUM_DEPTH_MAX. */
#include "base/merge_patch.h"

static const struct datum_field *
field_at(const struct datum *map, size_t at)
{
    return map != NULL && at < map->as.map.count ? &map->as.map.fields[at] : NULL;
}

static size_t
field_count(const struct datum *map)
{
    return map != NULL ? map->as.map.count : 0;
}

/* The fields of both, in `fields`. False when the arena is spent. */
static bool
merge_fields(const struct datum *under, const struct datum *patch, struct arena *arena,
             struct datum_field *fields, size_t *count)
{
    const struct datum_field *old = field_at(under, 0);
    const struct datum_field *new = field_at(patch, 0);
    size_t old_at = 0;
    size_t new_at = 0;

    while (old != NULL || new != NULL) {
        int order = -1;

        if (new != NULL)
            order = old == NULL ? 1 : slice_compare(old->key, new->key);
        if (order < 0) {
            fields[(*count)++] = *old;
        } else if (new->value->kind != DATUM_NULL) {
            const struct datum *value =
                merge_patch(order == 0 ? old->value : NULL, new->value, arena);

            if (value == NULL)
                return false;
            fields[(*count)++] = (struct datum_field){new->key, value};
        }
        if (order <= 0)
            old = field_at(under, ++old_at);
        if (order >= 0)
            new = field_at(patch, ++new_at);
    }
    return true;
}

const struct datum *
merge_patch(const struct datum *target, const struct datum *patch, struct arena *arena)
{
    const struct datum *under = target != NULL && target->kind == DATUM_MAP ? target : NULL;
    struct datum_field *fields;
    struct datum *merged;

    if (patch->kind != DATUM_MAP)
        return patch;
    fields = arena_take_array(arena, field_count(under) + field_count(patch) + 1, sizeof *fields);
    merged = arena_take_array(arena, 1, sizeof *merged);
    if (fields == NULL || merged == NULL)
        return NULL;
    merged->kind = DATUM_MAP;
    merged->as.map.fields = fields;
    return merge_fields(under, patch, arena, fields, &merged->as.map.count) ? merged : NULL;
}
