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
 * Only active spots are looked at: those where the subject is stored, all above them, and ways back
 * to an active spot with all above these. By name any other spot is worth nothing; so a subject
 * costs what the ways to it are long, however wide the tree is. How the wildcard covers it is the
 * same for all subjects of a type, whoever is named or excepted where: it is followed once for them
 * all. That holds where a cycle passes no exclusion; else each subject is followed with the
 * wildcard. */
#include <stdlib.h>

#include "base/memory.h"
#include "validate/validation.h"

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
    uint32_t returns;                /* the first way back that leads here, + 1; 0: none */
    struct belonging covered;        /* by the wildcard that was followed last, */
    struct belonging covered_stored; /* and that of it which is stored here */
    size_t covered_children;         /* of which so many, */
    size_t doubtful_children;        /* and of these so many under a condition */
    struct membership stored;        /* the subject followed, as it stands here */
    struct membership member;
    struct membership before; /* `member` of the round before, without sources */
};

/* A userset that is open further up. */
struct way_back {
    size_t at;
    size_t target;
    uint32_t next; /* to the same target, + 1; 0: none */
    bool conditional;
};

static enum status
spent(struct error *error)
{
    return error_set(error, BEHALF_BUDGET_EXHAUSTED, "the tree of subjects is too large");
}

static bool
same_object(const struct object *a, const struct object *b)
{
    return validation_object_compare(a, b) == 0;
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
    size_t capacity = 0;
    size_t count = 1;
    const struct expand_node **queue = memory_reserve(NULL, count, &capacity, sizeof(void *));

    queue[0] = root;
    for (size_t at = 0; at < count; at++) {
        const struct expand_node *node = queue[at];

        queue = memory_reserve(queue, count + node->child_count, &capacity, sizeof(void *));
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
        (struct way_back){at, target, spots[target].returns, is_conditional(&userset->condition)};
    spots[target].returns = tree->way_back_count;
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
    arena_init(&tree->kept, arena->cap_bytes);
    tree->spots = arena_take_array(arena, count, sizeof *tree->spots);
    tree->active = arena_take_array(arena, count, sizeof *tree->active);
    tree->covered = arena_take_array(arena, count, sizeof *tree->covered);
    if (tree->spots == NULL || tree->active == NULL || tree->covered == NULL)
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
    arena_release(&tree->kept);
}

/* --- belongings ------------------------------------------------------------------------------- */

static const struct belonging nothing = {CERTAINTY_NO, NULL};

static struct belonging
either(struct validation_tree *tree, struct belonging a, struct belonging b)
{
    return (struct belonging){a.certainty > b.certainty ? a.certainty : b.certainty,
                              validation_source_join(tree, a.source, b.source)};
}

static struct belonging
both(struct validation_tree *tree, struct belonging a, struct belonging b)
{
    if (a.certainty == CERTAINTY_NO || b.certainty == CERTAINTY_NO)
        return nothing;
    return (struct belonging){a.certainty < b.certainty ? a.certainty : b.certainty,
                              validation_source_join(tree, a.source, b.source)};
}

static struct belonging
unless(struct validation_tree *tree, struct belonging a, struct belonging b)
{
    if (b.certainty == CERTAINTY_NO)
        return a;
    if (a.certainty == CERTAINTY_NO || b.certainty == CERTAINTY_YES)
        return nothing;
    return (struct belonging){CERTAINTY_PERHAPS, validation_source_join(tree, a.source, b.source)};
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

/* What a child gives to the spot above it. */
static struct membership
given_by(const struct validation_tree *tree, size_t at)
{
    const struct spot *child = &tree->spots[at];
    struct membership given = child->member;

    if (!child->active && tree->is_wild)
        given.covered = child->covered;
    return come_over(given, is_conditional(&child->node->condition));
}

/* Whether the wildcard covers a spot no more than perhaps, or its way to the one above is so. */
static bool
is_doubtful(const struct spot *child)
{
    return child->covered.certainty == CERTAINTY_PERHAPS ||
           (child->covered.certainty == CERTAINTY_YES && is_conditional(&child->node->condition));
}

/* The children that are not active and hold the wildcard. */
struct others {
    size_t covered;
    size_t doubtful;
};

static struct others
others_of(const struct validation_tree *tree, const struct spot *spot)
{
    struct others others = {0};

    if (!tree->is_wild || spot->covered_children == 0)
        return others;
    others = (struct others){spot->covered_children, spot->doubtful_children};
    for (size_t at = spot->active_child; at != 0; at = tree->spots[at].active_next) {
        others.covered -= tree->spots[at].covered.certainty != CERTAINTY_NO;
        others.doubtful -= is_doubtful(&tree->spots[at]);
    }
    return others;
}

static struct membership
combined_union(struct validation_tree *tree, const struct spot *spot)
{
    struct others others = others_of(tree, spot);
    struct membership made = spot->stored;

    if (tree->is_wild)
        made.covered = spot->covered_stored;
    for (uint32_t index = 0; index < spot->way_back_count; index++) {
        const struct way_back *way = &tree->ways_back[spot->first_way_back + index];

        made = set_union(tree, made, come_over(tree->spots[way->target].before, way->conditional));
    }
    for (size_t at = spot->active_child; at != 0; at = tree->spots[at].active_next)
        made = set_union(tree, made, given_by(tree, at));
    if (others.covered > 0) {
        struct membership given = {.covered = spot->covered};

        given.covered.certainty =
            others.covered > others.doubtful ? CERTAINTY_YES : CERTAINTY_PERHAPS;
        made = set_union(tree, made, given);
    }
    return made;
}

/* Whether it matters where the wildcard of the other operands comes from: some active one holds
 * the subject by its wildcard, and not for certain. */
static bool
is_wildcard_in_doubt(const struct validation_tree *tree, const struct spot *spot)
{
    for (size_t at = spot->active_child; at != 0; at = tree->spots[at].active_next) {
        struct membership given = given_by(tree, at);

        if (given.covered.certainty == CERTAINTY_PERHAPS ||
            given.excepted.certainty != CERTAINTY_NO)
            return true;
    }
    return false;
}

/* All children must hold the subject: where one is worth nothing, so are all. Those that the
 * wildcard covers for certain add nothing to who is named. */
static struct membership
combined_intersection(struct validation_tree *tree, const struct spot *spot)
{
    struct others others = others_of(tree, spot);
    struct membership made = {.covered = nothing};
    bool begun = others.covered > 0;

    if (spot->active_count + others.covered < spot->node->child_count)
        return made;
    if (others.doubtful > 0 || (begun && is_wildcard_in_doubt(tree, spot))) {
        made = set_union(tree, made, given_by(tree, spot->first));
        for (size_t child = 1; child < spot->node->child_count; child++)
            made = set_intersection(tree, made, given_by(tree, spot->first + child));
        return made;
    }
    if (begun)
        made.covered = (struct belonging){CERTAINTY_YES, spot->covered.source};
    for (size_t at = spot->active_child; at != 0; at = tree->spots[at].active_next) {
        struct membership given = given_by(tree, at);

        if (at == spot->first)
            given = set_union(tree, (struct membership){.covered = nothing}, given);
        made = begun ? set_intersection(tree, made, given) : given;
        begun = true;
    }
    return made;
}

static struct membership
combined_exclusion(struct validation_tree *tree, const struct spot *spot)
{
    struct membership made = {.covered = nothing};

    made = set_union(tree, made, given_by(tree, spot->first));
    for (size_t child = 1; child < spot->node->child_count; child++)
        made = set_exclusion(tree, made, given_by(tree, spot->first + child));
    return made;
}

static struct membership
combined(struct validation_tree *tree, const struct spot *spot)
{
    enum expand_op op = spot->node->op;

    if (op == EXPAND_EXCLUSION)
        return combined_exclusion(tree, spot);
    if (op == EXPAND_INTERSECTION || op == EXPAND_ALL)
        return combined_intersection(tree, spot);
    return combined_union(tree, spot);
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

/* Whether every way back from here was worth what it leads to. */
static bool
is_settled(const struct validation_tree *tree, const struct spot *spot)
{
    for (uint32_t index = 0; index < spot->way_back_count; index++)
        if (!is_as_before(&tree->spots[tree->ways_back[spot->first_way_back + index].target]))
            return false;
    return true;
}

static bool
run_round(struct validation_tree *tree)
{
    bool settled = true;

    for (size_t index = 0; index < tree->active_count; index++)
        tree->spots[tree->active[index]].member = combined(tree, &tree->spots[tree->active[index]]);
    for (size_t index = 0; index < tree->active_count; index++)
        settled = settled && is_settled(tree, &tree->spots[tree->active[index]]);
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

static void
activate(struct validation_tree *tree, size_t at)
{
    if (tree->spots[at].active)
        return;
    tree->spots[at].active = true;
    tree->active[tree->active_count++] = at;
}

/* Makes all active that an active spot gives something to. */
static void
activate_all(struct validation_tree *tree)
{
    for (size_t index = 0; index < tree->active_count; index++) {
        const struct spot *spot = &tree->spots[tree->active[index]];

        activate(tree, spot->parent);
        for (uint32_t way = spot->returns; way != 0; way = tree->ways_back[way - 1].next)
            activate(tree, tree->ways_back[way - 1].at);
    }
}

/* Where the subject is stored. */
static void
mark_listings(struct validation_tree *tree, const struct object *subject)
{
    for (uint32_t index = find_listing(tree, subject);
         index < tree->listing_count && same_object(&tree->listings[index].subject, subject);
         index++) {
        const struct listing *listing = &tree->listings[index];
        struct membership *stored = &tree->spots[listing->spot].stored;
        struct belonging here = {listing->conditional ? CERTAINTY_PERHAPS : CERTAINTY_YES,
                                 validation_source_of(tree, tree->spots[listing->spot].node)};

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

/* How the active spots hold the subject whose listings are marked. */
static enum status
run(struct validation_tree *tree, struct error *error)
{
    /* A value on a way back changes a few times before it settles, unless it never does. */
    size_t rounds = 8 * (size_t)tree->way_back_count + 8;

    activate_all(tree);
    link_active(tree);
    while (!run_round(tree) && !tree->is_spent && rounds > 0)
        rounds--;
    if (tree->is_spent)
        return spent(error);
    if (rounds == 0)
        return error_set(error, BEHALF_CYCLE_THROUGH_EXCLUSION,
                         "who is found depends on its own negation through a cycle in the data");
    return BEHALF_OK;
}

static void
begin(struct validation_tree *tree, bool is_wild)
{
    clear_active(tree);
    arena_reset(&tree->work, tree->work.cap_bytes);
    tree->is_spent = false;
    tree->is_wild = is_wild;
}

/* Forgets the wildcard that was followed last. */
static void
clear_covered(struct validation_tree *tree)
{
    for (size_t index = 0; index < tree->covered_count; index++) {
        struct spot *spot = &tree->spots[tree->covered[index]];

        spot->covered = spot->covered_stored = nothing;
        spot->covered_children = spot->doubtful_children = 0;
    }
    tree->covered_count = 0;
    tree->covered_type = (struct slice){NULL, 0};
}

/* Keeps how each spot holds the wildcard of a type, for all subjects of the type. */
static enum status
follow_wildcard(struct validation_tree *tree, struct slice type, struct error *error)
{
    struct arena work;
    enum status status;

    clear_covered(tree);
    begin(tree, false);
    mark_listings(tree, &(struct object){.type = type, .wildcard = true});
    status = run(tree, error);
    if (status != BEHALF_OK)
        return status;
    for (size_t index = 0; index < tree->active_count; index++) {
        struct spot *spot = &tree->spots[tree->active[index]];

        spot->covered = spot->member.covered;
        spot->covered_stored = spot->stored.covered;
        tree->covered[tree->covered_count++] = tree->active[index];
        if (spot != tree->spots) {
            tree->spots[spot->parent].covered_children += spot->covered.certainty != CERTAINTY_NO;
            tree->spots[spot->parent].doubtful_children += is_doubtful(spot);
        }
    }
    work = tree->work; /* the sources stay */
    tree->work = tree->kept;
    tree->kept = work;
    tree->covered_type = type;
    return BEHALF_OK;
}

enum status
validation_tree_follow(struct validation_tree *tree, const struct object *subject,
                       struct membership *membership, struct error *error)
{
    bool is_wild = subject->relation.size == 0 && !tree->has_negation;
    enum status status = BEHALF_OK;

    if (is_wild && !slice_equal(subject->type, tree->covered_type))
        status = follow_wildcard(tree, subject->type, error);
    if (status != BEHALF_OK)
        return status;
    *membership = (struct membership){.covered = is_wild ? tree->spots[0].covered : nothing};
    if (is_wild && subject->wildcard)
        return BEHALF_OK;
    begin(tree, is_wild);
    mark_listings(tree, subject);
    if (!is_wild && !subject->wildcard && subject->relation.size == 0)
        mark_listings(tree, &(struct object){.type = subject->type, .wildcard = true});
    status = run(tree, error);
    if (status == BEHALF_OK && tree->spots[0].active)
        *membership = tree->spots[0].member;
    return status;
}
