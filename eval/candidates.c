/* candidates.c - set algebra over the rewrite of a permission.
 * Every set in here is an upper bound of what is not a deny, in which what is not open is an allow;
 * the operations of resource_set.h keep that, so that the order of operands and what was left out
 * for its size change what has to be checked, and never an answer. */
#include "eval/candidates.h"

#include "eval/limits.h"

/* Permissions within one another that are taken apart; deeper ones are walked. Each may nest
 * operators as deep as SCHEMA_NESTING_MAX, so that is what it costs of the stack. */
#define DEPTH_MAX 16

/* How the resources of a member are found. */
enum way {
    WAY_UNKNOWN,
    WAY_BEING_FOUND,
    WAY_WALK, /* it is made of unions alone, or depends on itself */
    WAY_SETS,
};

/* How far an operand is to be found. */
struct bound {
    uint32_t most; /* nodes to visit; 0 = as many as there are */
    bool whole;    /* all its resources, not only those of the window */
};

/* What it came to: all of its resources in (after, to], or nothing when it was cut. */
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

/* --- which permissions are taken apart --- */

static bool takes_sets(struct candidates *candidates, uint32_t member);

/* Whether an operator other than a union stands in the rewrite, or in a permission that it goes on
 * to. */
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

/* On every cycle of members the one that is asked first is walked, and so ends it. */
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
    if (candidates->depth == DEPTH_MAX)
        return false;
    candidates->ways[member] = WAY_BEING_FOUND;
    candidates->depth++;
    sets = rewrite_takes_sets(candidates, row->root);
    candidates->depth--;
    if (candidates->ways[member] == WAY_BEING_FOUND)
        candidates->ways[member] = sets ? WAY_SETS : WAY_WALK;
    return candidates->ways[member] == WAY_SETS;
}

/* --- walks --- */

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

static void
take_walk(struct candidates *candidates, const struct reverse_walk *walk, struct operand *operand)
{
    *operand = (struct operand){walk->found, walk->to, walk->cut};
    if (walk->until < candidates->until)
        candidates->until = walk->until;
}

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

/* What two operands say together they say as far as both of them go. */
static void
meet(struct operand *a, struct operand *b)
{
    uint64_t to = a->to < b->to ? a->to : b->to;

    a->set = resource_set_up_to(a->set, to);
    b->set = resource_set_up_to(b->set, to);
    a->to = b->to = to;
}

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

/* The subject itself as a resource. */
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
    itself.set = (struct resource_set){entry, 1};
    return unite(candidates, operand, &itself, error);
}

/* How much to spend on an operand that is only to confirm so many candidates. */
static struct bound
bound_beside(struct bound bound, const struct operand *candidates)
{
    uint64_t most = (uint64_t)candidates->set.count * LIMIT_NARROW_FACTOR;

    if (most < LIMIT_CANDIDATES_FIRST)
        most = LIMIT_CANDIDATES_FIRST;
    return (struct bound){most < UINT32_MAX ? (uint32_t)most : UINT32_MAX, bound.whole};
}

/* Takes the other side of an operator into `operand`: where it is too large, each candidate has to
 * be checked. */
static enum status
apply(struct candidates *candidates, enum value_operation operation, struct operand *operand,
      struct operand *other, struct error *error)
{
    struct arena *arena = candidates->scope.arena;
    bool made;

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

/* The operand that ends first, all being given the same, and more each time. */
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

static enum status
find_intersection(struct candidates *candidates, uint32_t type, const struct rewrite *row,
                  struct bound bound, struct operand *operand, struct error *error)
{
    uint32_t fewest;
    enum status status = find_fewest(candidates, type, row, bound, &fewest, operand, error);

    for (uint32_t i = 0; i < row->count; i++) {
        struct operand other;

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

static enum status
find_hop(struct candidates *candidates, const struct rewrite *row, const struct schema_hop *hop,
         struct bound bound, struct operand *operand, struct error *error)
{
    struct reverse_walk walk = walk_to(candidates, row->member, bound);
    struct operand objects;
    struct bound all = {bound.most, true};
    enum status status = find_member(candidates, hop->member, all, &objects, error);

    operand->cut = objects.cut;
    if (status != BEHALF_OK || operand->cut)
        return status;
    status = reverse_name(&walk, hop->type, objects.set, error);
    take_walk(candidates, &walk, &objects);
    return status == BEHALF_OK ? unite(candidates, operand, &objects, error) : status;
}

/* Any object behind it makes a resource a candidate of `.all`, and none makes it certain. */
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

/* A userset is a subject of the member that it names, whatever the operators say. */
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

static enum status
find_member(struct candidates *candidates, uint32_t member, struct bound bound,
            struct operand *operand, struct error *error)
{
    const struct known_set *known = candidates->known;
    enum status status;

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
    if (BEHALF_UNLIKELY(operand.cut))
        return error_internal(error, "an unbounded walk is not cut", __FILE__, __LINE__,
                              "revision %llu, schema revision %llu",
                              (unsigned long long)candidates->view->revision,
                              (unsigned long long)candidates->scope.binding->revision);
    *set = operand.set;
    *to = operand.to;
    return BEHALF_OK;
}
