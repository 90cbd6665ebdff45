/* validation_tree.c - how one subject belongs to the set that an expanded tree stands for, when no
 * condition is evaluated: every caveat on the way only makes it `[...]`.
 *
 * A set is a wildcard with exceptions, perhaps, and subjects by name; both may hold the same
 * subject. Seen from one subject it is three belongings: named, covered by the wildcard, excepted
 * from it. Each operator combines them as it combines sets:
 *
 *        named                                covered           excepted
 *   +    either                               either            by both wildcards, and by name of
 *                                                               neither
 *   &    both; named here and covered there   both              by either
 *   -    named here unless there in some      unless covered    here, or named there
 *        way; excepted there and covered      there
 *        here
 *
 * Beside each goes the source it comes from, so that in the end the relations can be told that hold
 * the subject.
 *
 * The tree lies flat in the order of its levels, children of a node side by side, so that going
 * backwards over it is going upwards: its depth costs no C stack. A userset that is open further up
 * is a way back: it is worth what that one was worth in the round before, nothing in the first, and
 * rounds go on until nothing changes.
 *
 * Only active spots are looked at: those where the subject is stored and all above them. Any other
 * is worth nothing; so a subject costs what the ways to it are long, however wide the tree is.
 * Where there are ways back, all spots are active. */
#include <stdlib.h>

#include "base/memory.h"
#include "cli/validation.h"

enum spot_kind {
    SPOT_OPERATOR,
    SPOT_STORED,   /* a relation: its leaf, or the union of it and of the usersets opened */
    SPOT_WAY_BACK, /* to what is open already further up; it holds nobody itself */
};

struct spot {
    const struct expand_node *node;
    size_t parent;
    size_t first; /* children */
    enum spot_kind kind;
    uint32_t first_way_back;
    uint32_t way_back_count;
    size_t active_child; /* the first that is active; 0: none, for the root is no child */
    size_t active_next;  /* beside this one */
    size_t active_count; /* children */
    bool active;
    struct membership stored; /* the subject followed, as it stands here */
    struct membership member;
    struct membership before; /* `member` of the round before, without sources */
};

/* A userset that is open further up. */
struct way_back {
    size_t target;
    bool conditional;
};

/* Where a belonging comes from: a spot, or two sources. */
struct source {
    struct source *left; /* NULL: the spot */
    struct source *right;
    size_t spot;
    size_t collection; /* the last one that was here */
};

static enum status
spent(struct error *error)
{
    return error_set(error, BEHALF_BUDGET_EXHAUSTED, "the tree of subjects is too large");
}

static bool
same_object(const struct object *a, const struct object *b)
{
    return a->wildcard == b->wildcard && slice_equal(a->type, b->type) &&
           slice_equal(a->id, b->id) && slice_equal(a->relation, b->relation);
}

int
validation_object_compare(const void *left, const void *right)
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

static bool
is_conditional(const struct expand_condition *condition)
{
    return condition->caveat.size > 0;
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
is_relation(const struct validation_tree *tree, const struct expand_node *node)
{
    const struct schema *schema = tree->schema;
    uint32_t type = schema_find_type(schema, node->object.type);
    uint32_t member =
        type == SCHEMA_NONE ? SCHEMA_NONE : schema_find_member(schema, type, node->relation);

    return member != SCHEMA_NONE && schema->members[member].kind == SCHEMA_RELATION;
}

/* The outermost spot above that is `wanted`, or `at` when there is none. A member stands on a way
 * once, with its inner operators below it. */
static size_t
find_above(const struct validation_tree *tree, size_t at, const struct object *wanted)
{
    size_t found = at;

    for (size_t up = at; up != 0;) {
        struct object outer;

        up = tree->spots[up].parent;
        outer = object_of(tree->spots[up].node);
        if (same_object(&outer, wanted))
            found = up;
    }
    return found;
}

/* Whether a leaf of a relation is no more than an arrow's way back to what is open above: it names
 * itself alone. */
static bool
is_way_back(const struct validation_tree *tree, size_t at)
{
    const struct expand_node *node = tree->spots[at].node;
    struct object own = object_of(node);
    enum expand_op above;

    if (at == 0 || node->subject_count != 1 || !same_object(&node->subjects[0].object, &own))
        return false;
    above = tree->spots[tree->spots[at].parent].node->op;
    return (above == EXPAND_ARROW || above == EXPAND_ALL) && find_above(tree, at, &own) != at;
}

static enum spot_kind
kind_of(const struct validation_tree *tree, size_t at)
{
    const struct expand_node *node = tree->spots[at].node;

    if (is_relation(tree, node))
        return is_way_back(tree, at) ? SPOT_WAY_BACK : SPOT_STORED;
    if (node->op != EXPAND_LEAF)
        return SPOT_OPERATOR;
    /* The leaf of `self` names its object; any other leaf of a permission is a way back. */
    return node->subject_count > 0 && node->subjects[0].object.relation.size > 0 ? SPOT_WAY_BACK
                                                                                 : SPOT_STORED;
}

static enum status
add_listing(struct validation_tree *tree, const struct object *subject,
            const struct expand_condition *condition, size_t spot, struct error *error)
{
    tree->listings = arena_grow(tree->arena, tree->listings, tree->listing_count,
                                &tree->listing_capacity, sizeof *tree->listings);
    if (tree->listings == NULL)
        return spent(error);
    tree->listings[tree->listing_count++] =
        (struct listing){*subject, spot, is_conditional(condition)};
    return BEHALF_OK;
}

/* Notes whether going back passes the right side of an exclusion. A userset that is not open above
 * leads nowhere back. */
static enum status
add_way_back(struct validation_tree *tree, size_t at, const struct expand_subject *userset,
             struct error *error)
{
    struct spot *spots = tree->spots;
    size_t target = find_above(tree, at, &userset->object);

    if (target == at)
        return BEHALF_OK;
    tree->ways_back = arena_grow(tree->arena, tree->ways_back, tree->way_back_count,
                                 &tree->way_back_capacity, sizeof *tree->ways_back);
    if (tree->ways_back == NULL)
        return spent(error);
    tree->ways_back[tree->way_back_count++] =
        (struct way_back){target, is_conditional(&userset->condition)};
    spots[at].way_back_count++;
    for (size_t up = at; up != target; up = spots[up].parent) {
        const struct spot *parent = &spots[spots[up].parent];

        if (parent->node->op == EXPAND_EXCLUSION && up != parent->first)
            tree->has_negation = true;
    }
    return BEHALF_OK;
}

/* What stands on a relation: the subjects of its leaf, and the usersets opened beside it. */
static enum status
list_stored(struct validation_tree *tree, size_t at, struct error *error)
{
    const struct expand_node *node = tree->spots[at].node;
    struct object own = object_of(node);
    enum status status = BEHALF_OK;

    for (size_t index = 0; status == BEHALF_OK && index < node->subject_count; index++) {
        const struct expand_subject *subject = &node->subjects[index];

        status = add_listing(tree, &subject->object, &subject->condition, at, error);
        if (status == BEHALF_OK && subject->object.relation.size > 0)
            status = add_way_back(tree, at, subject, error);
    }
    for (size_t index = 0; status == BEHALF_OK && index < node->child_count; index++) {
        struct object opened = object_of(node->children[index]);

        if (!same_object(&opened, &own))
            status = add_listing(tree, &opened, &node->children[index]->condition, at, error);
    }
    return status;
}

/* Of one subject at one spot the unconditional place comes last, and so counts. */
static int
compare_listings(const void *left, const void *right)
{
    const struct listing *a = left;
    const struct listing *b = right;
    int order = validation_object_compare(&a->subject, &b->subject);

    if (order == 0)
        order = (a->spot > b->spot) - (a->spot < b->spot);
    return order != 0 ? order : (int)b->conditional - (int)a->conditional;
}

enum status
validation_tree_open(struct validation_tree *tree, const struct schema *schema,
                     const struct expand_node *root, struct arena *arena, struct error *error)
{
    size_t count = count_nodes(root);
    enum status status = BEHALF_OK;

    *tree = (struct validation_tree){.schema = schema, .arena = arena};
    arena_init(&tree->work, arena->cap_bytes);
    tree->spots = arena_take_array(arena, count, sizeof *tree->spots);
    tree->active = arena_take_array(arena, count, sizeof *tree->active);
    if (tree->spots == NULL || tree->active == NULL)
        return spent(error);
    tree->spots[0].node = root;
    tree->spot_count = 1;
    for (size_t at = 0; status == BEHALF_OK && at < tree->spot_count; at++) {
        struct spot *spot = &tree->spots[at];

        spot->kind = kind_of(tree, at);
        spot->first_way_back = tree->way_back_count;
        spot->first = tree->spot_count;
        for (size_t child = 0; child < spot->node->child_count; child++)
            tree->spots[tree->spot_count++] =
                (struct spot){.node = spot->node->children[child], .parent = at};
        if (spot->kind == SPOT_STORED)
            status = list_stored(tree, at, error);
        else if (spot->kind == SPOT_WAY_BACK)
            status = add_way_back(tree, at, &spot->node->subjects[0], error);
    }
    if (tree->listing_count > 0)
        qsort(tree->listings, tree->listing_count, sizeof *tree->listings, compare_listings);
    return status;
}

void
validation_tree_release(struct validation_tree *tree)
{
    arena_release(&tree->work);
}

/* --- sources ---------------------------------------------------------------------------------- */

static struct source *
join(struct validation_tree *tree, struct source *left, struct source *right)
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

static struct source *
source_of(struct validation_tree *tree, size_t spot)
{
    struct source *made = arena_take(&tree->work, sizeof *made);

    if (made == NULL)
        tree->is_spent = true;
    else
        *made = (struct source){.spot = spot};
    return made;
}

/* --- belongings ------------------------------------------------------------------------------- */

static const struct belonging nothing = {CERTAINTY_NO, NULL};

static struct belonging
either(struct validation_tree *tree, struct belonging a, struct belonging b)
{
    return (struct belonging){a.certainty > b.certainty ? a.certainty : b.certainty,
                              join(tree, a.source, b.source)};
}

static struct belonging
both(struct validation_tree *tree, struct belonging a, struct belonging b)
{
    if (a.certainty == CERTAINTY_NO || b.certainty == CERTAINTY_NO)
        return nothing;
    return (struct belonging){a.certainty < b.certainty ? a.certainty : b.certainty,
                              join(tree, a.source, b.source)};
}

static struct belonging
unless(struct validation_tree *tree, struct belonging a, struct belonging b)
{
    if (b.certainty == CERTAINTY_NO)
        return a;
    if (a.certainty == CERTAINTY_NO || b.certainty == CERTAINTY_YES)
        return nothing;
    return (struct belonging){CERTAINTY_PERHAPS, join(tree, a.source, b.source)};
}

/* Named here, and covered by the wildcard there. A wildcard that holds anyway is not named as a
 * source: the subject does not stand in it. */
static struct belonging
named_and_covered(struct validation_tree *tree, struct belonging named, struct membership there)
{
    if (there.covered.certainty == CERTAINTY_YES && there.excepted.certainty == CERTAINTY_NO)
        return named;
    return both(tree, named, unless(tree, there.covered, there.excepted));
}

static struct membership
set_union(struct validation_tree *tree, struct membership a, struct membership b)
{
    struct membership made = a;

    made.named = either(tree, a.named, b.named);
    made.covered = either(tree, a.covered, b.covered);
    if (a.covered.certainty == CERTAINTY_NO)
        made.excepted = b.excepted;
    else if (b.covered.certainty != CERTAINTY_NO)
        made.excepted = both(tree, a.excepted, b.excepted);
    made.excepted = unless(tree, made.excepted, made.named);
    return made;
}

static struct membership
set_intersection(struct validation_tree *tree, struct membership a, struct membership b)
{
    struct membership made = {
        .named = both(tree, a.named, b.named),
        .covered = both(tree, a.covered, b.covered),
        .excepted = either(tree, a.excepted, b.excepted),
    };

    made.named = either(tree, made.named, named_and_covered(tree, a.named, b));
    made.named = either(tree, made.named, named_and_covered(tree, b.named, a));
    if (made.covered.certainty == CERTAINTY_NO)
        made.excepted = nothing;
    return made;
}

/* `a` without the wildcard of `b`, whose names are gone from it already. Who is excepted there and
 * covered here stands in the result by name. */
static struct membership
without_wildcard(struct validation_tree *tree, struct membership a, struct membership b)
{
    struct membership made = a;
    struct belonging spared = unless(tree, both(tree, a.covered, b.covered), a.excepted);

    spared = both(tree, spared, b.excepted);
    spared.source = b.excepted.source;
    if (b.excepted.certainty == CERTAINTY_NO && b.covered.certainty == CERTAINTY_YES)
        made.named = nothing;
    else if (b.excepted.certainty != CERTAINTY_YES && made.named.certainty == CERTAINTY_YES)
        made.named.certainty = CERTAINTY_PERHAPS;
    if (spared.certainty != CERTAINTY_NO)
        made.named = either(tree, made.named, spared);
    made.covered = unless(tree, a.covered, b.covered);
    if (made.covered.certainty == CERTAINTY_NO)
        made.excepted = nothing;
    return made;
}

static struct membership
set_exclusion(struct validation_tree *tree, struct membership a, struct membership b)
{
    struct membership made = a;

    made.named = unless(tree, a.named, b.named);
    if (a.covered.certainty != CERTAINTY_NO)
        made.excepted = either(tree, a.excepted, b.named);
    return b.covered.certainty == CERTAINTY_NO ? made : without_wildcard(tree, made, b);
}

/* --- one subject ------------------------------------------------------------------------------ */

/* What comes over a way: less when the way hangs on a condition. */
static struct membership
come_over(struct membership given, bool conditional)
{
    if (conditional && given.named.certainty == CERTAINTY_YES)
        given.named.certainty = CERTAINTY_PERHAPS;
    if (conditional && given.covered.certainty == CERTAINTY_YES)
        given.covered.certainty = CERTAINTY_PERHAPS;
    return given;
}

static struct membership
combined(struct validation_tree *tree, const struct spot *spot)
{
    enum expand_op op = spot->node->op;
    bool adds = op == EXPAND_UNION || op == EXPAND_ARROW;
    struct membership made = spot->stored;

    for (uint32_t index = 0; index < spot->way_back_count; index++) {
        const struct way_back *way = &tree->ways_back[spot->first_way_back + index];

        made = set_union(tree, made, come_over(tree->spots[way->target].before, way->conditional));
    }
    if (!adds && op != EXPAND_EXCLUSION && spot->active_count < spot->node->child_count)
        return made; /* one of those that all must hold the subject is worth nothing */
    for (size_t at = spot->active_child; at != 0; at = tree->spots[at].active_next) {
        const struct spot *child = &tree->spots[at];
        struct membership given = come_over(child->member, is_conditional(&child->node->condition));

        if (adds || at == spot->first)
            made = set_union(tree, made, given);
        else if (op == EXPAND_EXCLUSION)
            made = set_exclusion(tree, made, given);
        else
            made = set_intersection(tree, made, given);
    }
    return made;
}

static struct membership
without_sources(struct membership member)
{
    member.named.source = member.covered.source = member.excepted.source = NULL;
    return member;
}

static bool
is_as_before(const struct spot *spot)
{
    return spot->member.named.certainty == spot->before.named.certainty &&
           spot->member.covered.certainty == spot->before.covered.certainty &&
           spot->member.excepted.certainty == spot->before.excepted.certainty;
}

/* Whether every way back was worth what it leads to. */
static bool
run_round(struct validation_tree *tree)
{
    bool settled = true;

    for (size_t index = 0; index < tree->active_count; index++)
        tree->spots[tree->active[index]].member = combined(tree, &tree->spots[tree->active[index]]);
    for (uint32_t index = 0; index < tree->way_back_count; index++)
        settled = settled && is_as_before(&tree->spots[tree->ways_back[index].target]);
    for (size_t index = 0; index < tree->active_count; index++)
        tree->spots[tree->active[index]].before =
            without_sources(tree->spots[tree->active[index]].member);
    return settled;
}

/* The first listing that is not before the subject. */
static uint32_t
find_listing(const struct validation_tree *tree, const struct object *subject)
{
    uint32_t from = 0;
    uint32_t to = tree->listing_count;

    while (from < to) {
        uint32_t middle = from + (to - from) / 2;

        if (validation_object_compare(&tree->listings[middle].subject, subject) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* Makes a spot and all above it active. */
static void
activate(struct validation_tree *tree, size_t at)
{
    while (!tree->spots[at].active) {
        tree->spots[at].active = true;
        tree->active[tree->active_count++] = at;
        at = tree->spots[at].parent;
    }
}

/* Where the subject stands, and where the wildcard of its type does. */
static void
mark_listings(struct validation_tree *tree, const struct object *subject)
{
    for (uint32_t index = find_listing(tree, subject);
         index < tree->listing_count && same_object(&tree->listings[index].subject, subject);
         index++) {
        const struct listing *listing = &tree->listings[index];
        struct membership *stored = &tree->spots[listing->spot].stored;
        struct belonging here = {listing->conditional ? CERTAINTY_PERHAPS : CERTAINTY_YES,
                                 source_of(tree, listing->spot)};

        *(subject->wildcard ? &stored->covered : &stored->named) = here;
        activate(tree, listing->spot);
    }
}

/* Of the subject that was followed before. */
static void
clear_active(struct validation_tree *tree)
{
    static const struct membership none = {.named = {CERTAINTY_NO, NULL}};

    for (size_t index = 0; index < tree->active_count; index++) {
        struct spot *spot = &tree->spots[tree->active[index]];

        spot->stored = spot->before = spot->member = none;
        spot->active_child = spot->active_next = spot->active_count = 0;
        spot->active = false;
    }
    tree->active_count = 0;
}

static int
compare_downwards(const void *left, const void *right)
{
    size_t a = *(const size_t *)left;
    size_t b = *(const size_t *)right;

    return (a < b) - (a > b);
}

/* Children come before their parents, and hang below them in their order. */
static void
link_active(struct validation_tree *tree)
{
    if (tree->active_count > 0)
        qsort(tree->active, tree->active_count, sizeof *tree->active, compare_downwards);
    for (size_t index = 0; index < tree->active_count; index++) {
        size_t at = tree->active[index];
        struct spot *parent = &tree->spots[tree->spots[at].parent];

        if (at == 0)
            break;
        tree->spots[at].active_next = parent->active_child;
        parent->active_child = at;
        parent->active_count++;
    }
}

static void
mark_stored(struct validation_tree *tree, const struct object *subject)
{
    clear_active(tree);
    mark_listings(tree, subject);
    if (!subject->wildcard && subject->relation.size == 0)
        mark_listings(tree, &(struct object){.type = subject->type, .wildcard = true});
    for (size_t at = 0; tree->way_back_count > 0 && at < tree->spot_count; at++)
        activate(tree, at);
    link_active(tree);
}

enum status
validation_tree_follow(struct validation_tree *tree, const struct object *subject,
                       struct membership *membership, struct error *error)
{
    /* A value on a way back changes a few times before it settles, unless it never does. */
    size_t rounds = 8 * (size_t)tree->way_back_count + 8;

    arena_reset(&tree->work, tree->work.cap_bytes);
    tree->is_spent = false;
    mark_stored(tree, subject);
    while (!run_round(tree) && !tree->is_spent && rounds > 0)
        rounds--;
    if (tree->is_spent)
        return spent(error);
    if (rounds == 0)
        return error_set(error, BEHALF_CYCLE_THROUGH_EXCLUSION,
                         "who is found depends on its own negation through a cycle in the data");
    *membership = tree->spots[0].member;
    return BEHALF_OK;
}

/* --- holders ---------------------------------------------------------------------------------- */

struct collection {
    struct validation_tree *tree;
    struct object *found;
    uint32_t count;
    uint32_t capacity;
};

static bool
collect(struct collection *collection, size_t spot)
{
    struct object *grown = arena_grow(collection->tree->arena, collection->found, collection->count,
                                      &collection->capacity, sizeof *grown);

    if (grown == NULL)
        return false;
    collection->found = grown;
    grown[collection->count++] = object_of(collection->tree->spots[spot].node);
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
        if (kept == 0 || !same_object(&found[kept - 1], &found[index]))
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
            if (source->left == NULL && !collect(&collection, source->spot))
                return spent(error);
            if (source->left != NULL) {
                open = arena_grow(&tree->work, open, open_count, &capacity, sizeof(void *));
                if (open == NULL)
                    return spent(error);
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
