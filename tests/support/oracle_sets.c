/* oracle_sets.c - the algebra of subject sets, where nothing is open. */
#include <string.h>

#include "base/check.h"
#include "tests/support/oracle.h"
#include "tests/support/oracle_private.h"

static struct oracle_set
set_union(struct oracle_set a, struct oracle_set b)
{
    struct oracle_set result = {.wildcard = a.wildcard || b.wildcard,
                                .concrete = a.concrete | b.concrete};

    if (a.wildcard && b.wildcard)
        result.excluded = a.excluded & b.excluded;
    else if (result.wildcard)
        result.excluded = a.wildcard ? a.excluded : b.excluded;
    result.excluded &= ~result.concrete;
    return result;
}

static struct oracle_set
set_intersection(struct oracle_set a, struct oracle_set b)
{
    struct oracle_set result = {.concrete = a.concrete & b.concrete};

    if (a.wildcard)
        result.concrete |= b.concrete & ~a.excluded;
    if (b.wildcard)
        result.concrete |= a.concrete & ~b.excluded;
    if (a.wildcard && b.wildcard) {
        result.wildcard = true;
        result.excluded = a.excluded | b.excluded;
    }
    return result;
}

static struct oracle_set
set_difference(struct oracle_set a, struct oracle_set b)
{
    struct oracle_set result = {.concrete = a.concrete & ~b.concrete};

    if (b.wildcard)
        result.concrete &= b.excluded;
    if (a.wildcard && b.wildcard) {
        result.concrete |= b.excluded & ~a.excluded;
    } else if (a.wildcard) {
        result.wildcard = true;
        result.excluded = a.excluded | b.concrete;
    }
    return result;
}

/* A set of lanes (the ids in order and the stranger behind them) as wildcard and concretes. */
static struct oracle_set
set_of_lanes(const struct oracle *oracle, uint64_t lanes)
{
    int ids = oracle->world->id_count;
    uint32_t all = UINT32_MAX >> (32 - ids);
    struct oracle_set set = {.wildcard = (lanes >> ids & 1) != 0};

    set.excluded = set.wildcard ? all & ~(uint32_t)lanes : 0;
    set.concrete = set.wildcard ? 0 : all & (uint32_t)lanes;
    return set;
}

static struct oracle_set set_evaluate(struct oracle_sets *sets, int expression, int type, int id);

static struct oracle_set
set_evaluate_arrow(struct oracle_sets *sets, const struct world_expression *arrow, int type, int id)
{
    const struct world *world = sets->oracle.world;
    struct oracle_set result = {.wildcard = false};
    bool walked = false;

    for (int i = 0; i < world->tuple_count; i++) {
        const struct world_tuple *tuple = &world->tuples[i];
        struct oracle_set found = {.wildcard = false};

        if (tuple->type != type || tuple->id != id || tuple->name != arrow->name ||
            sets->oracle.facts->conditions[i] == ORACLE_ABSENT)
            continue;
        if (sets->oracle.facts->conditions[i] == ORACLE_FAILS) {
            found.wildcard = false;
        } else if (arrow->target < 0) {
            found = set_evaluate(sets, arrow->left, tuple->subject_type, tuple->subject_id);
        } else {
            int member = world_find_member(world, tuple->subject_type, arrow->target);

            if (member >= 0)
                found =
                    sets->nodes[world_node(world, tuple->subject_type, tuple->subject_id, member)];
        }
        if (!walked)
            result = found;
        else if (arrow->op == WORLD_ARROW)
            result = set_union(result, found);
        else
            result = set_intersection(result, found);
        walked = true;
    }
    return result;
}

static struct oracle_set
set_evaluate(struct oracle_sets *sets, int expression, int type, int id)
{
    const struct world *world = sets->oracle.world;
    const struct world_expression *at = &world->expressions[expression];
    uint64_t lanes;
    int member;

    switch (at->op) {
    case WORLD_NIL:
        return (struct oracle_set){.wildcard = false};
    case WORLD_SELF:
        return set_of_lanes(&sets->oracle, oracle_self(&sets->oracle, type, id));
    case WORLD_MEMBER:
        member = world_find_member(world, type, at->name);
        return sets->nodes[world_node(world, type, id, member)];
    case WORLD_UNION:
        return set_union(set_evaluate(sets, at->left, type, id),
                         set_evaluate(sets, at->right, type, id));
    case WORLD_INTERSECTION:
        return set_intersection(set_evaluate(sets, at->left, type, id),
                                set_evaluate(sets, at->right, type, id));
    case WORLD_EXCLUSION:
        /* What is subtracted is known for good: every member is decided, one by one. */
        lanes = oracle_evaluate(&sets->oracle, at->right, type, id, ORACLE_LOWER);
        return set_difference(set_evaluate(sets, at->left, type, id),
                              set_of_lanes(&sets->oracle, lanes));
    case WORLD_ARROW:
    case WORLD_ALL:
        return set_evaluate_arrow(sets, at, type, id);
    case WORLD_OP_COUNT:
        break;
    }
    BEHALF_UNREACHABLE();
}

static struct oracle_set
set_evaluate_relation(struct oracle_sets *sets, int type, int id, int name)
{
    const struct world *world = sets->oracle.world;
    struct oracle_set result = {.wildcard = false};

    for (int i = 0; i < world->tuple_count; i++) {
        const struct world_tuple *tuple = &world->tuples[i];
        struct oracle_set one = {.wildcard = false};

        if (tuple->type != type || tuple->id != id || tuple->name != name ||
            sets->oracle.facts->conditions[i] != ORACLE_HOLDS)
            continue;
        if (tuple->subject_id < 0)
            one.wildcard = oracle_named_by(&sets->oracle, tuple) != 0;
        else
            one.concrete = (uint32_t)oracle_named_by(&sets->oracle, tuple);
        result = set_union(result, one);
        if (tuple->subject_name >= 0) {
            int member = world_find_member(world, tuple->subject_type, tuple->subject_name);

            result = set_union(
                result,
                sets->nodes[world_node(world, tuple->subject_type, tuple->subject_id, member)]);
        }
    }
    return result;
}

static struct oracle_set
set_evaluate_node(struct oracle_sets *sets, int type, int id, int member)
{
    const struct world_member *at = &sets->oracle.world->types[type].members[member];
    uint64_t itself = oracle_identity(&sets->oracle, type, id, at->name);
    struct oracle_set result = at->root < 0 ? set_evaluate_relation(sets, type, id, at->name)
                                            : set_evaluate(sets, at->root, type, id);

    return set_union(result, set_of_lanes(&sets->oracle, itself));
}

/* Least fixpoint of the sets. */
static void
solve_sets(struct oracle_sets *sets)
{
    const struct world *world = sets->oracle.world;
    bool changed = true;

    for (int rounds = 0; changed; rounds++) {
        BEHALF_ASSERT(rounds < 10000);
        changed = false;
        for (int type = 0; type < world->type_count; type++) {
            for (int id = 0; id < world->id_count; id++) {
                for (int member = 0; member < world->types[type].member_count; member++) {
                    struct oracle_set *old = &sets->nodes[world_node(world, type, id, member)];
                    struct oracle_set set = set_evaluate_node(sets, type, id, member);

                    changed = changed || set.wildcard != old->wildcard ||
                              set.excluded != old->excluded || set.concrete != old->concrete;
                    *old = set;
                }
            }
        }
    }
}

/* The sets say of every subject what its check says. */
static void
compare_with_checks(struct oracle_sets *sets, int node)
{
    const struct oracle_set *set = &sets->nodes[node];
    struct oracle_set checked = set_of_lanes(&sets->oracle, sets->oracle.lower[node]);

    BEHALF_ASSERT((set->excluded & set->concrete) == 0);
    BEHALF_ASSERT(set->wildcard == checked.wildcard);
    if (set->wildcard)
        BEHALF_ASSERT(set->excluded == checked.excluded);
    else
        BEHALF_ASSERT(set->concrete == checked.concrete);
}

void
oracle_solve_subjects(struct oracle_sets *sets, const struct oracle_facts *facts, int type,
                      int name)
{
    const struct world *world = facts->world;
    size_t node_count = (size_t)world_node_count(world);
    struct oracle_subject subjects[ORACLE_LANES];
    int count = 0;

    for (; count < world->id_count; count++)
        subjects[count] = (struct oracle_subject){type, count, name};
    if (name < 0)
        subjects[count++] = (struct oracle_subject){type, ORACLE_STRANGER, -1};
    oracle_solve(&sets->oracle, facts, subjects, count);
    sets->exact = memcmp(sets->oracle.lower, sets->oracle.upper,
                         node_count * sizeof sets->oracle.lower[0]) == 0;
    for (int i = 0; i < world->tuple_count; i++)
        sets->exact = sets->exact && facts->conditions[i] != ORACLE_OPEN;
    if (!sets->exact)
        return;
    memset(sets->nodes, 0, node_count * sizeof sets->nodes[0]);
    solve_sets(sets);
    for (size_t node = 0; node < node_count; node++)
        compare_with_checks(sets, (int)node);
}
