/* validation_source.c - the relations that a belonging comes from.
 * Always true: a source is made once and never changes, so belongings share what they have in
 * common; joining two costs the same however much they hold. */
#include <stdlib.h>

#include "validate/validation.h"

/* The leaf of a relation, or two sources. */
struct source {
    struct source *left; /* NULL: the leaf */
    struct source *right;
    const struct expand_node *node;
    size_t collection; /* the last one that was here */
};

struct source *
validation_source_join(struct validation_tree *tree, struct source *left, struct source *right)
{
    struct source *made;

    if (left == NULL || left == right)
        return right;
    if (right == NULL)
        return left;
    made = arena_take(&tree->work, sizeof *made);
    if (made == NULL) {
        tree->is_spent = true;
        return left;
    }
    *made = (struct source){.left = left, .right = right};
    return made;
}

struct source *
validation_source_of(struct validation_tree *tree, const struct expand_node *node)
{
    struct source *made = arena_take(&tree->work, sizeof *made);

    if (made == NULL)
        tree->is_spent = true;
    else
        *made = (struct source){.node = node};
    return made;
}

/* --- holders ---------------------------------------------------------------------------------- */

struct collection {
    struct validation_tree *tree;
    struct object *found;
    uint32_t count;
    uint32_t capacity;
};

static bool
collect(struct collection *collection, const struct expand_node *node)
{
    struct object *grown = arena_grow(collection->tree->arena, collection->found, collection->count,
                                      &collection->capacity, sizeof *grown);

    if (grown == NULL)
        return false;
    collection->found = grown;
    grown[collection->count++] = (struct object){
        .type = node->object.type, .id = node->object.id, .relation = node->relation};
    return true;
}

static void
sort_out(struct collection *collection, struct object **holders, uint32_t *count)
{
    struct object *found = collection->found;
    uint32_t kept = 0;

    if (collection->count > 0)
        qsort(found, collection->count, sizeof *found, validation_object_compare);
    for (uint32_t index = 0; index < collection->count; index++)
        if (kept == 0 || validation_object_compare(&found[kept - 1], &found[index]) != 0)
            found[kept++] = found[index];
    *holders = found;
    *count = kept;
}

enum status
validation_tree_holders(struct validation_tree *tree, struct source *source,
                        struct object **holders, uint32_t *count, struct error *error)
{
    struct collection collection = {.tree = tree};
    struct source **open = NULL;
    uint32_t open_count = 0;
    uint32_t capacity = 0;

    tree->collections++;
    while (source != NULL) {
        if (source->collection != tree->collections) {
            source->collection = tree->collections;
            if (source->left == NULL && !collect(&collection, source->node))
                return error_set(error, BEHALF_BUDGET_EXHAUSTED,
                                 "the tree of subjects is too large");
            if (source->left != NULL) {
                open = arena_grow(&tree->work, open, open_count, &capacity, sizeof(void *));
                if (open == NULL)
                    return error_set(error, BEHALF_BUDGET_EXHAUSTED,
                                     "the tree of subjects is too large");
                open[open_count++] = source->right;
                source = source->left;
                continue;
            }
        }
        source = open_count > 0 ? open[--open_count] : NULL;
    }
    sort_out(&collection, holders, count);
    return BEHALF_OK;
}
