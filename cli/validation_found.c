/* validation_found.c - the subjects found below a permission, and the relations that hold them.
 *
 * Who is found is the engine's answer: lookup subjects for plain subjects and wildcards, a check
 * for each userset, which must also be held somewhere (it contains itself, stored or not). The
 * expand tree only says where they are stored. For one subject, a node of the tree is worth whether
 * its stored subjects let this subject through it; from the root, the nodes that the answer leans
 * on are those that can be reached through such nodes: all operands of an intersection, the left
 * side of an exclusion, the operands of a union that let it through. The subject's holders are the
 * leaves among them that name it; a leaf that holds it through a wildcard counts where none names
 * it.
 *
 * The tree lies flat in the order of its levels, children of a node side by side, so that going
 * backwards over it is going upwards: its depth costs no C stack. */
#include <stdlib.h>

#include "base/memory.h"
#include "cli/validation.h"

enum spot_kind {
    SPOT_OPERATOR,
    SPOT_STORED,    /* a relation: its leaf, or the union of it and of the usersets opened */
    SPOT_REFERENCE, /* a userset that is open already further up; it holds nobody itself */
};

struct spot {
    const struct expand_node *node;
    size_t parent;
    size_t first; /* children */
    enum spot_kind kind;
    bool names;    /* holds the subject by name */
    bool covers;   /* holds the wildcard of its type */
    bool lets;     /* the subject through */
    bool leans_on; /* the answer does */
};

/* A stored subject and where it is stored. */
struct listing {
    struct object subject;
    size_t spot;
};

struct tree {
    struct validation_world *world;
    struct arena *arena;
    struct error *error;
    const struct object *resource;
    struct spot *spots;
    size_t spot_count;
    struct listing *listings;
    uint32_t listing_count;
    uint32_t listing_capacity;
};

static enum status
spent(struct error *error)
{
    return error_set(error, BEHALF_BUDGET_EXHAUSTED, "the tree of subjects is too large");
}

static bool
same_subject(const struct object *a, const struct object *b)
{
    return a->wildcard == b->wildcard && slice_equal(a->type, b->type) &&
           slice_equal(a->id, b->id) && slice_equal(a->relation, b->relation);
}

/* Orders by text. */
static int
compare_objects(const void *left, const void *right)
{
    const struct object *a = left;
    const struct object *b = right;
    int order = slice_compare(a->type, b->type);

    if (order == 0)
        order = (int)b->wildcard - (int)a->wildcard;
    if (order == 0)
        order = slice_compare(a->id, b->id);
    return order != 0 ? order : slice_compare(a->relation, b->relation);
}

static struct object
object_of(const struct expand_node *node)
{
    return (struct object){
        .type = node->object.type, .id = node->object.id, .relation = node->relation};
}

/* --- the flat tree ---------------------------------------------------------------------------- */

static size_t
count_nodes(const struct expand_node *root)
{
    size_t capacity = 256;
    size_t count = 1;
    const struct expand_node **queue = memory_new_array(capacity, sizeof(void *));

    queue[0] = root;
    for (size_t at = 0; at < count; at++) {
        const struct expand_node *node = queue[at];

        if (count + node->child_count > capacity) {
            while (count + node->child_count > capacity)
                capacity *= 2;
            queue = memory_resize(queue, capacity, sizeof(void *));
        }
        for (size_t child = 0; child < node->child_count; child++)
            queue[count++] = node->children[child];
    }
    memory_free(queue);
    return count;
}

static bool
is_relation(const struct tree *tree, const struct expand_node *node)
{
    const struct schema *schema = tree->world->schema;
    uint32_t type = schema_find_type(schema, node->object.type);
    uint32_t member =
        type == SCHEMA_NONE ? SCHEMA_NONE : schema_find_member(schema, type, node->relation);

    return member != SCHEMA_NONE && schema->members[member].kind == SCHEMA_RELATION;
}

/* Whether this leaf is an arrow's way back to what is open above: it names itself, and itself
 * stands further up. */
static bool
is_way_back(const struct tree *tree, size_t at)
{
    const struct expand_node *node = tree->spots[at].node;
    struct object own = object_of(node);
    enum expand_op above;

    if (at == 0 || node->subject_count != 1 || !same_subject(&node->subjects[0].object, &own))
        return false;
    above = tree->spots[tree->spots[at].parent].node->op;
    if (above != EXPAND_ARROW && above != EXPAND_ALL)
        return false;
    for (size_t up = at; up != 0;) {
        struct object outer;

        up = tree->spots[up].parent;
        outer = object_of(tree->spots[up].node);
        if (same_subject(&outer, &own))
            return true;
    }
    return false;
}

static enum spot_kind
kind_of(const struct tree *tree, size_t at)
{
    const struct expand_node *node = tree->spots[at].node;

    if (is_relation(tree, node))
        return is_way_back(tree, at) ? SPOT_REFERENCE : SPOT_STORED;
    if (node->op != EXPAND_LEAF)
        return SPOT_OPERATOR;
    /* The leaf of `self` names its object; any other leaf of a permission is a way back. */
    return node->subject_count > 0 && node->subjects[0].object.relation.size > 0 ? SPOT_REFERENCE
                                                                          : SPOT_STORED;
}

static enum status
add_listing(struct tree *tree, const struct object *subject, size_t spot)
{
    tree->listings = arena_grow(tree->arena, tree->listings, tree->listing_count,
                                &tree->listing_capacity, sizeof *tree->listings);
    if (tree->listings == NULL)
        return spent(tree->error);
    tree->listings[tree->listing_count++] = (struct listing){*subject, spot};
    return BEHALF_OK;
}

/* What stands on a relation: the subjects of its leaf, and the usersets opened beside it. */
static enum status
list_stored(struct tree *tree, size_t at)
{
    const struct expand_node *node = tree->spots[at].node;
    struct object own = object_of(node);
    enum status status = BEHALF_OK;

    for (size_t index = 0; status == BEHALF_OK && index < node->subject_count; index++)
        status = add_listing(tree, &node->subjects[index].object, at);
    for (size_t index = 0; status == BEHALF_OK && index < node->child_count; index++) {
        struct object opened = object_of(node->children[index]);

        if (!same_subject(&opened, &own))
            status = add_listing(tree, &opened, at);
    }
    return status;
}

static enum status
tree_make(struct tree *tree, const struct expand_node *root)
{
    size_t count = count_nodes(root);
    enum status status = BEHALF_OK;

    tree->spots = arena_take_array(tree->arena, count, sizeof *tree->spots);
    if (tree->spots == NULL)
        return spent(tree->error);
    tree->spots[0].node = root;
    tree->spot_count = 1;
    for (size_t at = 0; status == BEHALF_OK && at < tree->spot_count; at++) {
        struct spot *spot = &tree->spots[at];

        spot->kind = kind_of(tree, at);
        spot->first = tree->spot_count;
        for (size_t child = 0; child < spot->node->child_count; child++)
            tree->spots[tree->spot_count++] =
                (struct spot){.node = spot->node->children[child], .parent = at};
        if (spot->kind == SPOT_STORED)
            status = list_stored(tree, at);
    }
    return status;
}

static enum status
tree_open(struct tree *tree, struct validation_world *world, const struct object *resource,
          struct arena *arena, struct error *error)
{
    struct engine_request request = {.arena = arena, .consistency = CONSISTENCY_FULL};
    struct expand expand = {.resource = {.type = resource->type, .id = resource->id},
                            .permission = resource->relation};
    struct expand_result result;
    enum status status = engine_expand(world->worker, &request, &expand, &result, error);

    if (status != BEHALF_OK)
        return status;
    *tree = (struct tree){.world = world, .arena = arena, .error = error, .resource = resource};
    return tree_make(tree, result.tree);
}

/* --- one subject in the tree ------------------------------------------------------------------ */

static enum status
reference_lets(struct tree *tree, const struct spot *spot, const struct object *subject, bool *lets)
{
    enum decision decision = DECISION_DENY;
    enum status status = BEHALF_OK;

    /* Going round adds no wildcard that is not stored further up. */
    if (!subject->wildcard)
        status = validation_world_check(tree->world, tree->arena, &spot->node->subjects[0].object, subject,
                                        &decision, tree->error);
    *lets = decision == DECISION_ALLOW;
    return status;
}

static bool
operator_lets(const struct tree *tree, const struct spot *spot)
{
    const struct spot *children = &tree->spots[spot->first];
    size_t count = spot->node->child_count;
    size_t letting = 0;

    for (size_t child = 0; child < count; child++)
        letting += children[child].lets;
    switch (spot->node->op) {
    case EXPAND_UNION:
    case EXPAND_ARROW:
        return letting > 0;
    case EXPAND_INTERSECTION:
    case EXPAND_ALL:
        return count > 0 && letting == count;
    case EXPAND_EXCLUSION:
        return children[0].lets && !children[1].lets;
    case EXPAND_LEAF:
        return false;
    }
    return false;
}

static void
mark_listings(struct tree *tree, const struct object *subject)
{
    for (size_t at = 0; at < tree->spot_count; at++)
        tree->spots[at].names = tree->spots[at].covers = tree->spots[at].leans_on = false;
    for (uint32_t index = 0; index < tree->listing_count; index++) {
        const struct listing *listing = &tree->listings[index];
        struct spot *spot = &tree->spots[listing->spot];

        if (same_subject(&listing->subject, subject))
            spot->names = true;
        else if (listing->subject.wildcard && subject->relation.size == 0 &&
                 slice_equal(listing->subject.type, subject->type))
            spot->covers = true;
    }
}

static void
lean_on_children(struct tree *tree, const struct spot *spot)
{
    struct spot *children = &tree->spots[spot->first];

    for (size_t child = 0; child < spot->node->child_count; child++)
        children[child].leans_on =
            children[child].lets && (spot->node->op != EXPAND_EXCLUSION || child == 0);
}

/* Fills `lets`, then `leans_on`. */
static enum status
tree_follow(struct tree *tree, const struct object *subject)
{
    enum status status = BEHALF_OK;

    mark_listings(tree, subject);
    for (size_t at = tree->spot_count; status == BEHALF_OK && at-- > 0;) {
        struct spot *spot = &tree->spots[at];

        if (spot->kind == SPOT_REFERENCE)
            status = reference_lets(tree, spot, subject, &spot->lets);
        else
            spot->lets = spot->names || spot->covers || operator_lets(tree, spot);
    }
    tree->spots[0].leans_on = tree->spots[0].lets;
    for (size_t at = 0; at < tree->spot_count; at++)
        if (tree->spots[at].leans_on)
            lean_on_children(tree, &tree->spots[at]);
    return status;
}

/* The leaves that hold the subject, sorted, each once. */
enum which { BY_NAME = 1, BY_WILDCARD = 2, NOT_LEANED_ON = 4, ANY = 8 };

static enum status
collect(struct tree *tree, unsigned which, struct object **holders, size_t *count)
{
    struct object *found = NULL;
    uint32_t capacity = 0;
    uint32_t size = 0;
    uint32_t kept = 0;

    for (size_t at = 0; at < tree->spot_count; at++) {
        const struct spot *spot = &tree->spots[at];
        bool wanted = (which & ANY) != 0 || spot->leans_on == ((which & NOT_LEANED_ON) == 0);

        if (!wanted || !(((which & BY_NAME) != 0 && spot->names) ||
                         ((which & BY_WILDCARD) != 0 && spot->covers)))
            continue;
        found = arena_grow(tree->arena, found, size, &capacity, sizeof *found);
        if (found == NULL)
            return spent(tree->error);
        found[size++] = object_of(spot->node);
    }
    if (size > 0)
        qsort(found, size, sizeof *found, compare_objects);
    for (uint32_t index = 0; index < size; index++)
        if (kept == 0 || !same_subject(&found[kept - 1], &found[index]))
            found[kept++] = found[index];
    *holders = found;
    *count = kept;
    return BEHALF_OK;
}

/* A plain subject whose answer only a cycle explains is held by whatever names it (the last two
 * tries). A userset that is let through nowhere has the permission by containing itself: it is
 * left without holders. */
static enum status
collect_holders(struct tree *tree, struct found_subject *found)
{
    static const unsigned tries[] = {BY_NAME, BY_WILDCARD, BY_NAME | ANY, BY_WILDCARD | ANY};
    size_t try_count = BEHALF_COUNT_OF(tries);
    enum status status = tree_follow(tree, &found->subject);

    if (found->subject.relation.size > 0 && !tree->spots[0].lets)
        try_count = 0;
    for (size_t index = 0; status == BEHALF_OK && found->holder_count == 0 && index < try_count;
         index++)
        status = collect(tree, tries[index], &found->holders, &found->holder_count);
    return status;
}

/* --- everybody -------------------------------------------------------------------------------- */

struct finder {
    struct tree tree;
    struct found_subject *found;
    uint32_t count;
    uint32_t capacity;
};

static enum status
add_found(struct finder *finder, const struct object *subject, struct object *excluded,
          size_t excluded_count)
{
    struct found_subject *grown = arena_grow(finder->tree.arena, finder->found, finder->count,
                                             &finder->capacity, sizeof *grown);

    if (grown == NULL)
        return spent(finder->tree.error);
    finder->found = grown;
    grown[finder->count] = (struct found_subject){
        .subject = *subject, .excluded = excluded, .excluded_count = excluded_count};
    return collect_holders(&finder->tree, &grown[finder->count++]);
}

static enum status
add_looked_up(struct finder *finder, struct slice type, const struct lookup_subject *row)
{
    struct object subject = {.type = type, .id = row->id, .wildcard = row->wildcard};
    struct object *excluded =
        arena_take_array(finder->tree.arena, row->excluded_count + 1, sizeof *excluded);

    if (excluded == NULL)
        return spent(finder->tree.error);
    if (row->wildcard)
        subject.id = (struct slice){"", 0};
    for (size_t index = 0; index < row->excluded_count; index++)
        excluded[index] = (struct object){.type = type, .id = row->excluded[index].id};
    if (row->excluded_count > 0)
        qsort(excluded, row->excluded_count, sizeof *excluded, compare_objects);
    return add_found(finder, &subject, excluded, row->excluded_count);
}

/* All plain subjects of a type, and its wildcard. */
static enum status
find_plain(struct finder *finder, struct slice type)
{
    struct tree *tree = &finder->tree;
    struct engine_request request = {.arena = tree->arena, .consistency = CONSISTENCY_FULL};
    struct lookup_subjects lookup = {
        .resource = {.type = tree->resource->type, .id = tree->resource->id},
        .permission = tree->resource->relation,
        .subject_type = type,
        .limit = ENGINE_PAGE_MAX,
    };
    struct lookup_subjects_result *page;
    enum status status;

    do {
        page = arena_take_array(tree->arena, 1, sizeof *page);
        if (page == NULL)
            return spent(tree->error);
        status = engine_lookup_subjects(tree->world->worker, &request, &lookup, page, tree->error);
        for (size_t index = 0; status == BEHALF_OK && index < page->subject_count; index++)
            status = add_looked_up(finder, type, &page->subjects[index]);
        lookup.cursor = slice_of(page->cursor.text);
    } while (status == BEHALF_OK && !page->complete);
    return status;
}

static enum status
find_userset(struct finder *finder, const struct object *subject)
{
    enum decision decision;
    enum status status =
        validation_world_check(finder->tree.world, finder->tree.arena, finder->tree.resource,
                               subject, &decision, finder->tree.error);

    if (status != BEHALF_OK || decision != DECISION_ALLOW)
        return status;
    status = add_found(finder, subject, NULL, 0);
    if (status == BEHALF_OK && finder->found[finder->count - 1].holder_count == 0)
        finder->count--;
    return status;
}

static int
compare_found(const void *left, const void *right)
{
    const struct found_subject *a = left;
    const struct found_subject *b = right;

    return compare_objects(&a->subject, &b->subject);
}

/* The stored subjects, sorted: each userset once, each type of plain ones once. */
static enum status
find_all(struct finder *finder)
{
    struct tree *tree = &finder->tree;
    struct object *subjects =
        arena_take_array(tree->arena, (size_t)tree->listing_count + 1, sizeof *subjects);
    struct slice looked_up = {"", 0};
    enum status status = BEHALF_OK;

    if (subjects == NULL)
        return spent(tree->error);
    for (uint32_t index = 0; index < tree->listing_count; index++)
        subjects[index] = tree->listings[index].subject;
    if (tree->listing_count > 0)
        qsort(subjects, tree->listing_count, sizeof *subjects, compare_objects);
    for (uint32_t index = 0; status == BEHALF_OK && index < tree->listing_count; index++) {
        const struct object *subject = &subjects[index];

        if (subject->relation.size > 0) {
            if (index == 0 || !same_subject(subject, &subjects[index - 1]))
                status = find_userset(finder, subject);
        } else if (!slice_equal(looked_up, subject->type)) {
            looked_up = subject->type;
            status = find_plain(finder, subject->type);
        }
    }
    return status;
}

enum status
validation_find(struct validation_world *world, const struct object *resource, struct arena *arena,
                struct found_subject **found, size_t *count, struct error *error)
{
    struct finder finder = {.count = 0};
    enum status status = tree_open(&finder.tree, world, resource, arena, error);

    if (status == BEHALF_OK)
        status = find_all(&finder);
    if (status != BEHALF_OK)
        return status;
    if (finder.count > 0)
        qsort(finder.found, finder.count, sizeof *finder.found, compare_found);
    *found = finder.found;
    *count = finder.count;
    return BEHALF_OK;
}

enum status
validation_trace(struct validation_world *world, const struct object *resource,
                 const struct object *subject, struct arena *arena, struct validation_trace *trace,
                 struct error *error)
{
    struct validation_trace made = {.decides_count = 0};
    struct tree tree;
    enum status status = tree_open(&tree, world, resource, arena, error);

    if (status == BEHALF_OK)
        status = tree_follow(&tree, subject);
    if (status == BEHALF_OK)
        status = collect(&tree, BY_NAME | BY_WILDCARD, &made.decides, &made.decides_count);
    if (status == BEHALF_OK)
        status =
            collect(&tree, BY_NAME | BY_WILDCARD | NOT_LEANED_ON, &made.other, &made.other_count);
    if (status == BEHALF_OK)
        *trace = made;
    return status;
}

/* --- in words --------------------------------------------------------------------------------- */

void
validation_holders_print(const struct object *holders, size_t count, struct buffer *out)
{
    for (size_t index = 0; index < count; index++) {
        buffer_add_text(out, index == 0 ? "<" : "/<");
        object_print(&holders[index], out);
        buffer_add_byte(out, '>');
    }
}

void
validation_found_print(const struct found_subject *found, struct buffer *out)
{
    buffer_add_byte(out, '[');
    object_print(&found->subject, out);
    for (size_t index = 0; index < found->excluded_count; index++) {
        buffer_add_text(out, index == 0 ? " - {" : ", ");
        object_print(&found->excluded[index], out);
    }
    buffer_add_text(out, found->excluded_count > 0 ? "}] is " : "] is ");
    validation_holders_print(found->holders, found->holder_count, out);
}
