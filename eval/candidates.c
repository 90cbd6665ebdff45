/* candidates.c - set algebra over the rewrite of a permission.
 *
 * Always true: every set in this file is an upper bound of the resources that are not a deny, and
 * its closed entries are allows. The operations of resource_set.h preserve both. So the order of
 * operands, and an operand that was skipped for its size, change which resources have to be checked
 * and never an answer.
 *
 * Example: `view = ((owner + editor) & reader) - banned`. Each relation is found by one reverse
 * walk. The union and `reader` compete with equal bounds, and the one that ends first gives the
 * candidates. The other one and `banned` then get bounds in proportion to the candidates. With
 * `view = (owner + parent->view) - banned` the permission depends on itself: one walk finds all its
 * resources, and every one that an operator could still remove is open. */
#include "eval/candidates.h"

#include "eval/limits.h"

/* How deep permissions are decomposed into sets; deeper ones are walked. Each may nest operators as
 * deep as SCHEMA_NESTING_MAX, and this file recurses: the product bounds the C stack. */
#define DEPTH_MAX 16

/* How the resources of a member are found. WAY_WALK is always sound, since a reverse walk is an
 * upper bound of any member; WAY_SETS is only more precise. */
enum way {
    WAY_UNKNOWN,
    WAY_BEING_FOUND,
    WAY_WALK, /* unions alone, or it depends on itself */
    WAY_SETS,
};

/* How far to search for an operand. */
struct bound {
    uint32_t most; /* nodes to visit; 0 = no bound */
    bool whole;    /* all its resources and not only those of the window */
};

/* The resources of an operand: all of them in (after, to], or nothing when the bound was reached
 * (`cut`). */
struct operand {
    struct resource_set set;
    uint64_t to;
    bool cut;
};

struct known_set {
    struct known_set *next;
    uint32_t member;
    bool whole;
    struct operand operand;
};

static const struct operand no_resources = {.to = RESOURCE_END};

static const struct schema *
schema_of(const struct candidates *candidates)
{
    return candidates->scope.binding->schema;
}

/* --- which permissions are decomposed --- */

static bool takes_sets(struct candidates *candidates, uint32_t member);

/* Whether the rewrite, or a permission that it refers to, contains an operator other than a union.
 * `.all` alone does not count: its entries would be open, as they are in a walk. */
static bool
rewrite_takes_sets(struct candidates *candidates, uint32_t rewrite)
{
    const struct schema *schema = schema_of(candidates);
    const struct rewrite *row = &schema->rewrites[rewrite];
    bool sets = row->op == REWRITE_INTERSECTION || row->op == REWRITE_EXCLUSION;

    switch (row->op) {
    case REWRITE_NIL:
    case REWRITE_SELF:
    case REWRITE_STORED:
        break;
    case REWRITE_COMPUTED:
        sets = takes_sets(candidates, row->member);
        break;
    case REWRITE_UNION:
    case REWRITE_INTERSECTION:
    case REWRITE_EXCLUSION:
        for (uint32_t i = 0; i < row->count; i++)
            sets = rewrite_takes_sets(candidates, schema->operands[row->first + i]) || sets;
        break;
    case REWRITE_ARROW:
    case REWRITE_ARROW_ALL:
        for (uint32_t i = 0; i < row->count; i++)
            if (schema->hops[row->first + i].member != SCHEMA_NONE)
                sets = takes_sets(candidates, schema->hops[row->first + i].member) || sets;
        break;
    }
    return sets;
}

/* Whether a member is decomposed. On a cycle of members, the member that is reached a second time
 * is walked, and so ends the recursion: the decomposition of a cycle would not terminate. */
static bool
takes_sets(struct candidates *candidates, uint32_t member)
{
    const struct schema_member *row = &schema_of(candidates)->members[member];
    bool sets;

    if (row->kind == SCHEMA_RELATION)
        return false;
    if (candidates->ways[member] == WAY_BEING_FOUND)
        candidates->ways[member] = WAY_WALK;
    if (candidates->ways[member] != WAY_UNKNOWN)
        return candidates->ways[member] == WAY_SETS;
    /* Not remembered: the member may be reached again by a shorter path. */
    if (candidates->depth == DEPTH_MAX)
        return false;
    candidates->ways[member] = WAY_BEING_FOUND;
    candidates->depth++;
    /* Marked as being found meanwhile, so that a cycle back to this member is noticed. */
    sets = rewrite_takes_sets(candidates, row->root);
    candidates->depth--;
    if (candidates->ways[member] == WAY_BEING_FOUND)
        candidates->ways[member] = sets ? WAY_SETS : WAY_WALK;
    return candidates->ways[member] == WAY_SETS;
}

/* --- walks --- */

/* A reverse walk to a member. Its window is that of the page, unless the operand is wanted
 * whole. */
static struct reverse_walk
walk_to(const struct candidates *candidates, uint32_t member, struct bound bound)
{
    return (struct reverse_walk){
        .view = candidates->view,
        .scope = candidates->scope,
        .target = member,
        .most = bound.most,
        .after = bound.whole ? 0 : candidates->after,
        .window = bound.whole ? 0 : LIMIT_CANDIDATES_WINDOW,
    };
}

/* Takes over the result. A cut walk counts for `until` as well: an earlier bound is always
 * sound. */
static void
take_walk(struct candidates *candidates, const struct reverse_walk *walk, struct operand *operand)
{
    *operand = (struct operand){walk->found, walk->to, walk->cut};
    if (walk->until < candidates->until)
        candidates->until = walk->until;
}

/* Finds a member by one reverse walk: all of a union-only member, or the upper bound of any
 * other. */
static enum status
walk_member(struct candidates *candidates, uint32_t member, struct bound bound,
            struct operand *operand, struct error *error)
{
    struct reverse_walk walk = walk_to(candidates, member, bound);
    enum status status = reverse_walk(&walk, candidates->subject, error);

    take_walk(candidates, &walk, operand);
    return status;
}

/* --- operators --- */

static enum status find_member(struct candidates *candidates, uint32_t member, struct bound bound,
                               struct operand *operand, struct error *error);
static enum status find_rewrite(struct candidates *candidates, uint32_t type, uint32_t rewrite,
                                struct bound bound, struct operand *operand, struct error *error);

/* Cuts two operands to the range that both cover. Beyond the smaller `to` one of them is unknown,
 * so a resource there must not be concluded absent. */
static void
meet(struct operand *a, struct operand *b)
{
    uint64_t to = a->to < b->to ? a->to : b->to;

    a->set = resource_set_up_to(a->set, to);
    b->set = resource_set_up_to(b->set, to);
    a->to = b->to = to;
}

/* A union with a cut operand is cut: an unknown operand may contribute any resource. */
static enum status
unite(struct candidates *candidates, struct operand *operand, struct operand *other,
      struct error *error)
{
    operand->cut = operand->cut || other->cut;
    meet(operand, other);
    if (operand->cut || other->set.count == 0)
        return BEHALF_OK;
    if (operand->set.count == 0) {
        operand->set = other->set;
        return BEHALF_OK;
    }
    return resource_set_union(candidates->scope.arena, operand->set, other->set, &operand->set)
               ? BEHALF_OK
               : budget_memory_spent(error);
}

/* Adds the subject itself as a resource, if it is in the window. */
static enum status
add_subject(struct candidates *candidates, struct bound bound, struct operand *operand,
            struct error *error)
{
    uint64_t sequence = candidates->subject->node & NODE_SEQUENCE_MASK;
    uint64_t *entry = arena_take(candidates->scope.arena, sizeof *entry);
    struct operand itself = no_resources;

    if (entry == NULL)
        return budget_memory_spent(error);
    if (!bound.whole && sequence <= candidates->after)
        return BEHALF_OK;
    *entry = RESOURCE_ENTRY(sequence, false);
    /* Closed: identity is an allow without any edge or condition. */
    itself.set = (struct resource_set){entry, 1};
    return unite(candidates, operand, &itself, error);
}

/* The bound of an operand that only confirms or removes candidates: in proportion to their number,
 * so a large operand never costs much more than checking the candidates one by one. */
static struct bound
bound_beside(struct bound bound, const struct operand *candidates)
{
    uint64_t most = (uint64_t)candidates->set.count * LIMIT_NARROW_FACTOR;

    if (most < LIMIT_CANDIDATES_FIRST)
        most = LIMIT_CANDIDATES_FIRST;
    return (struct bound){most < UINT32_MAX ? (uint32_t)most : UINT32_MAX, bound.whole};
}

/* Applies the other operand of an intersection or exclusion. If it was cut, it may contain or lack
 * any candidate: all candidates stay, and become open. */
static enum status
apply(struct candidates *candidates, enum value_operation operation, struct operand *operand,
      struct operand *other, struct error *error)
{
    struct arena *arena = candidates->scope.arena;
    bool made;

    /* A cut operand covers no range, so it must not shorten the candidates' range either. */
    if (!other->cut)
        meet(operand, other);
    if (other->cut)
        made = resource_set_opened(arena, operand->set, &operand->set);
    else if (operation == VALUE_INTERSECTION)
        made = resource_set_intersection(arena, operand->set, other->set, &operand->set);
    else
        made = resource_set_difference(arena, operand->set, other->set, &operand->set);
    return made ? BEHALF_OK : budget_memory_spent(error);
}

/* Every operand contributes, so all must end. The first one that is cut makes the others
 * pointless. */
static enum status
find_union(struct candidates *candidates, uint32_t type, const struct rewrite *row,
           struct bound bound, struct operand *operand, struct error *error)
{
    enum status status = BEHALF_OK;

    for (uint32_t i = 0; status == BEHALF_OK && !operand->cut && i < row->count; i++) {
        struct operand other;

        status = find_rewrite(candidates, type, schema_of(candidates)->operands[row->first + i],
                              bound, &other, error);
        if (status == BEHALF_OK)
            status = unite(candidates, operand, &other, error);
    }
    return status;
}

/* Finds the operand that ends first: all get the same bound, which grows from round to round.
 * Bounds grow by a factor, so all rounds together cost a multiple of the smallest operand, however
 * large the others are. If `bound` is reached by all, the intersection is cut. */
static enum status
find_fewest(struct candidates *candidates, uint32_t type, const struct rewrite *row,
            struct bound bound, uint32_t *fewest, struct operand *operand, struct error *error)
{
    uint64_t given = LIMIT_CANDIDATES_FIRST;

    for (;;) {
        bool last = (bound.most > 0 && given >= bound.most) || given > UINT32_MAX;
        struct bound now = {last ? bound.most : (uint32_t)given, bound.whole};

        for (*fewest = 0; *fewest < row->count; (*fewest)++) {
            uint32_t rewrite = schema_of(candidates)->operands[row->first + *fewest];
            enum status status = find_rewrite(candidates, type, rewrite, now, operand, error);

            if (status != BEHALF_OK || !operand->cut)
                return status;
        }
        if (last)
            return BEHALF_OK;
        given *= LIMIT_CANDIDATES_GROWTH;
    }
}

/* Any one operand is an upper bound of an intersection, so the smallest gives the candidates. The
 * others only confirm or remove them. */
static enum status
find_intersection(struct candidates *candidates, uint32_t type, const struct rewrite *row,
                  struct bound bound, struct operand *operand, struct error *error)
{
    uint32_t fewest;
    enum status status = find_fewest(candidates, type, row, bound, &fewest, operand, error);

    for (uint32_t i = 0; i < row->count; i++) {
        struct operand other;

        /* An empty set is final for (after, to]: no operand can add to an intersection. */
        if (status != BEHALF_OK || operand->cut || operand->set.count == 0)
            break;
        if (i == fewest)
            continue;
        status = find_rewrite(candidates, type, schema_of(candidates)->operands[row->first + i],
                              bound_beside(bound, operand), &other, error);
        if (status == BEHALF_OK)
            status = apply(candidates, VALUE_INTERSECTION, operand, &other, error);
    }
    return status;
}

/* The left operand is an upper bound of an exclusion. The right operand is found only for
 * candidates that exist. */
static enum status
find_exclusion(struct candidates *candidates, uint32_t type, const struct rewrite *row,
               struct bound bound, struct operand *operand, struct error *error)
{
    const uint32_t *operands = &schema_of(candidates)->operands[row->first];
    struct operand right;
    enum status status = find_rewrite(candidates, type, operands[0], bound, operand, error);

    if (status != BEHALF_OK || operand->cut || operand->set.count == 0)
        return status;
    status =
        find_rewrite(candidates, type, operands[1], bound_beside(bound, operand), &right, error);
    if (status != BEHALF_OK)
        return status;
    return apply(candidates, VALUE_EXCLUSION, operand, &right, error);
}

/* One tupleset step of an arrow: the far objects of which the subject has the member, then the
 * resources that name these objects. The far objects are wanted whole, since the window applies to
 * resources; a far object of any sequence may lead to a resource of the window. */
static enum status
find_hop(struct candidates *candidates, const struct rewrite *row, const struct schema_hop *hop,
         struct bound bound, struct operand *operand, struct error *error)
{
    struct reverse_walk walk = walk_to(candidates, row->member, bound);
    struct operand objects;
    struct bound all = {bound.most, true};
    enum status status = find_member(candidates, hop->member, all, &objects, error);

    /* Far objects that are not all known could lead to any resource, so the operand is cut too. */
    operand->cut = objects.cut;
    if (status != BEHALF_OK || operand->cut)
        return status;
    status = reverse_name(&walk, hop->type, objects.set, error);
    take_walk(candidates, &walk, &objects);
    return status == BEHALF_OK ? unite(candidates, operand, &objects, error) : status;
}

/* An arrow is the union of its steps. For `.all`, one far object with the subject makes a resource
 * a candidate, and only a check of all far objects can make it an allow; so every entry becomes
 * open. */
static enum status
find_arrow(struct candidates *candidates, const struct rewrite *row, struct bound bound,
           struct operand *operand, struct error *error)
{
    const struct schema_hop *hops = &schema_of(candidates)->hops[row->first];
    enum status status = BEHALF_OK;

    for (uint32_t i = 0; status == BEHALF_OK && !operand->cut && i < row->count; i++)
        if (hops[i].member != SCHEMA_NONE)
            status = find_hop(candidates, row, &hops[i], bound, operand, error);
    if (status != BEHALF_OK || row->op == REWRITE_ARROW || operand->cut)
        return status;
    return resource_set_opened(candidates->scope.arena, operand->set, &operand->set)
               ? BEHALF_OK
               : budget_memory_spent(error);
}

/* One case for each operator of a rewrite. A relation and a computed member are members again. */
static enum status
find_rewrite(struct candidates *candidates, uint32_t type, uint32_t rewrite, struct bound bound,
             struct operand *operand, struct error *error)
{
    const struct rewrite *row = &schema_of(candidates)->rewrites[rewrite];
    const struct eval_subject *subject = candidates->subject;

    *operand = no_resources;
    switch (row->op) {
    case REWRITE_NIL:
        return BEHALF_OK;
    case REWRITE_SELF:
        return subject->member == SCHEMA_NONE && subject->type == type
                   ? add_subject(candidates, bound, operand, error)
                   : BEHALF_OK;
    case REWRITE_STORED:
    case REWRITE_COMPUTED:
        return find_member(candidates, row->member, bound, operand, error);
    case REWRITE_UNION:
        return find_union(candidates, type, row, bound, operand, error);
    case REWRITE_INTERSECTION:
        return find_intersection(candidates, type, row, bound, operand, error);
    case REWRITE_EXCLUSION:
        return find_exclusion(candidates, type, row, bound, operand, error);
    case REWRITE_ARROW:
    case REWRITE_ARROW_ALL:
        return find_arrow(candidates, row, bound, operand, error);
    }
    BEHALF_UNREACHABLE();
}

/* --- members --- */

/* Remembers an operand that ended. Its set does not depend on `bound.most`, so it serves any later
 * request for the same member and window. */
static enum status
keep_known(struct candidates *candidates, uint32_t member, bool whole,
           const struct operand *operand, struct error *error)
{
    struct known_set *known = arena_take(candidates->scope.arena, sizeof *known);

    if (known == NULL)
        return budget_memory_spent(error);
    *known = (struct known_set){candidates->known, member, whole, *operand};
    candidates->known = known;
    return BEHALF_OK;
}

/* A userset is a subject of the member that it names, whatever the operators of its rewrite
 * yield. */
static enum status
take_apart(struct candidates *candidates, uint32_t member, struct bound bound,
           struct operand *operand, struct error *error)
{
    const struct schema_member *row = &schema_of(candidates)->members[member];
    enum status status;

    candidates->depth++;
    status = find_rewrite(candidates, row->type, row->root, bound, operand, error);
    candidates->depth--;
    if (status == BEHALF_OK && candidates->subject->member == member)
        status = add_subject(candidates, bound, operand, error);
    return status;
}

/* Both ways give an upper bound. A cut operand is not remembered: a later request may have a larger
 * bound. */
static enum status
find_member(struct candidates *candidates, uint32_t member, struct bound bound,
            struct operand *operand, struct error *error)
{
    const struct known_set *known = candidates->known;
    enum status status;

    /* A whole set and that of a window are different results, and are kept apart. */
    while (known != NULL && (known->member != member || known->whole != bound.whole))
        known = known->next;
    if (known != NULL) {
        *operand = known->operand;
        return BEHALF_OK;
    }
    if (candidates->depth < DEPTH_MAX && takes_sets(candidates, member))
        status = take_apart(candidates, member, bound, operand, error);
    else
        status = walk_member(candidates, member, bound, operand, error);
    return status == BEHALF_OK && !operand->cut
               ? keep_known(candidates, member, bound.whole, operand, error)
               : status;
}

/* The whole permission without a bound, for one window. `ways` is computed per request, since the
 * depth at which a member is met decides whether it is decomposed. */
enum status
candidates_find(struct candidates *candidates, uint32_t member, struct resource_set *set,
                uint64_t *to, struct error *error)
{
    struct operand operand;
    enum status status;

    candidates->until = VALUE_FOR_EVER;
    candidates->ways = arena_take_array(candidates->scope.arena,
                                        schema_of(candidates)->member_count, sizeof(uint8_t));
    if (candidates->ways == NULL)
        return budget_memory_spent(error);
    status = find_member(candidates, member, (struct bound){0, false}, &operand, error);
    if (status != BEHALF_OK)
        return status;
    /* Without a bound nothing may be cut: an empty set would be read as "no resources". */
    if (BEHALF_UNLIKELY(operand.cut))
        return error_internal(error, "an unbounded walk is not cut", __FILE__, __LINE__,
                              "revision %llu, schema revision %llu",
                              (unsigned long long)candidates->view->revision,
                              (unsigned long long)candidates->scope.binding->revision);
    *set = operand.set;
    *to = operand.to;
    return BEHALF_OK;
}
