/* oracle.c - the alternating fixpoint, and the algebra of subject sets. */
#include "tests/support/oracle.h"

#include <string.h>

#include "base/check.h"

/* Where the value of a node is read. */
enum source { LOWER, UPPER, CURRENT };

struct evaluation {
    struct oracle *oracle;
    enum source opposite; /* of CURRENT: where the right side of `-` is read */
};

static uint64_t evaluate(const struct evaluation *run, int expression, int type, int id,
                         enum source source);

static uint64_t
node_value(const struct evaluation *run, int type, int id, int member, enum source source)
{
    int node = world_node(type, id, member);

    if (source == LOWER)
        return run->oracle->lower[node];
    if (source == UPPER)
        return run->oracle->upper[node];
    return run->oracle->current[node];
}

/* Negation does not cancel inside an expression: `a - (b - c)` means what it means with `b - c` in
 * a permission of its own, so what stands on the right of a right side is read from the other fixed
 * end and not where the value is computed. A cycle through it is undefined, not positive. */
static enum source
opposite_of(const struct evaluation *run, enum source source)
{
    if (source == CURRENT)
        return run->opposite;
    return source == LOWER ? UPPER : LOWER;
}

/* The subjects that a tuple names itself: the one, or by a wildcard all plain ones of the type. */
static uint64_t
named_by(const struct oracle *oracle, const struct world_tuple *tuple)
{
    uint64_t lanes = 0;

    for (int i = 0; i < oracle->subject_count; i++) {
        const struct oracle_subject *subject = &oracle->subjects[i];

        if (subject->type != tuple->subject_type)
            continue;
        if (tuple->subject_id < 0
                ? subject->name < 0
                : subject->id == tuple->subject_id && subject->name == tuple->subject_name)
            lanes |= UINT64_C(1) << i;
    }
    return lanes;
}

static uint64_t
evaluate_relation(const struct evaluation *run, int type, int id, int name, enum source source)
{
    const struct world *world = run->oracle->world;
    uint64_t result = 0;

    for (int i = 0; i < world->tuple_count; i++) {
        const struct world_tuple *tuple = &world->tuples[i];

        if (tuple->type != type || tuple->id != id || tuple->name != name)
            continue;
        result |= named_by(run->oracle, tuple);
        if (tuple->subject_name >= 0) {
            int member = world_find_member(world, tuple->subject_type, tuple->subject_name);

            BEHALF_ASSERT(member >= 0);
            result |= node_value(run, tuple->subject_type, tuple->subject_id, member, source);
        }
    }
    return result;
}

/* What an arrow finds on the object at the other end of a tuple; a userset's `#relation` is of no
 * interest to an arrow. */
static uint64_t
evaluate_hop(const struct evaluation *run, const struct world_expression *arrow,
             const struct world_tuple *tuple, enum source source)
{
    const struct world *world = run->oracle->world;
    int member;

    if (arrow->target < 0)
        return evaluate(run, arrow->left, tuple->subject_type, tuple->subject_id, source);
    member = world_find_member(world, tuple->subject_type, arrow->target);
    if (member < 0)
        return 0;
    return node_value(run, tuple->subject_type, tuple->subject_id, member, source);
}

static uint64_t
evaluate_arrow(const struct evaluation *run, const struct world_expression *arrow, int type, int id,
               enum source source)
{
    const struct world *world = run->oracle->world;
    uint64_t some = 0;
    uint64_t every = run->oracle->lanes;
    bool walked = false;

    for (int i = 0; i < world->tuple_count; i++) {
        const struct world_tuple *tuple = &world->tuples[i];
        uint64_t found;

        if (tuple->type != type || tuple->id != id || tuple->name != arrow->name ||
            tuple->subject_id < 0)
            continue;
        found = evaluate_hop(run, arrow, tuple, source);
        some |= found;
        every &= found;
        walked = true;
    }
    if (arrow->op == WORLD_ARROW)
        return some;
    return walked ? every : 0;
}

static uint64_t
evaluate_self(const struct oracle *oracle, int type, int id)
{
    uint64_t lanes = 0;

    for (int i = 0; i < oracle->subject_count; i++) {
        const struct oracle_subject *subject = &oracle->subjects[i];

        if (subject->type == type && subject->id == id && subject->name < 0)
            lanes |= UINT64_C(1) << i;
    }
    return lanes;
}

static uint64_t
evaluate(const struct evaluation *run, int expression, int type, int id, enum source source)
{
    const struct world *world = run->oracle->world;
    const struct world_expression *at = &world->expressions[expression];
    int member;

    switch (at->op) {
    case WORLD_NIL:
        return 0;
    case WORLD_SELF:
        return evaluate_self(run->oracle, type, id);
    case WORLD_MEMBER:
        member = world_find_member(world, type, at->name);
        BEHALF_ASSERT(member >= 0);
        return node_value(run, type, id, member, source);
    case WORLD_UNION:
        return evaluate(run, at->left, type, id, source) |
               evaluate(run, at->right, type, id, source);
    case WORLD_INTERSECTION:
        return evaluate(run, at->left, type, id, source) &
               evaluate(run, at->right, type, id, source);
    case WORLD_EXCLUSION:
        return evaluate(run, at->left, type, id, source) &
               ~evaluate(run, at->right, type, id, opposite_of(run, source));
    case WORLD_ARROW:
    case WORLD_ALL:
        return evaluate_arrow(run, at, type, id, source);
    case WORLD_OP_COUNT:
        break;
    }
    BEHALF_UNREACHABLE();
}

/* The subject that is the very userset asked: it is a member of itself. */
static uint64_t
identity(const struct oracle *oracle, int type, int id, int name)
{
    uint64_t lanes = 0;

    for (int i = 0; i < oracle->subject_count; i++) {
        const struct oracle_subject *subject = &oracle->subjects[i];

        if (subject->type == type && subject->id == id && subject->name == name)
            lanes |= UINT64_C(1) << i;
    }
    return lanes;
}

static uint64_t
evaluate_node(const struct evaluation *run, int type, int id, int member)
{
    const struct world_member *at = &run->oracle->world->types[type].members[member];
    uint64_t result = identity(run->oracle, type, id, at->name);

    if (at->root < 0)
        return result | evaluate_relation(run, type, id, at->name, CURRENT);
    return result | evaluate(run, at->root, type, id, CURRENT);
}

/* Least fixpoint into `current`, from nobody upwards. */
static void
solve_round(struct oracle *oracle, enum source opposite)
{
    const struct world *world = oracle->world;
    struct evaluation run = {oracle, opposite};
    bool changed = true;

    memset(oracle->current, 0, sizeof oracle->current);
    while (changed) {
        changed = false;
        for (int type = 0; type < world->type_count; type++) {
            for (int id = 0; id < world->id_count; id++) {
                for (int member = 0; member < world->types[type].member_count; member++) {
                    int node = world_node(type, id, member);
                    uint64_t value = evaluate_node(&run, type, id, member);

                    BEHALF_ASSERT((oracle->current[node] & ~value) == 0);
                    changed = changed || value != oracle->current[node];
                    oracle->current[node] = value;
                }
            }
        }
    }
}

void
oracle_solve(struct oracle *oracle, const struct world *world,
             const struct oracle_subject *subjects, int subject_count)
{
    static uint64_t next_lower[WORLD_NODES_MAX];
    bool changed = true;

    BEHALF_ASSERT(subject_count > 0 && subject_count <= ORACLE_LANES);
    oracle->world = world;
    oracle->subject_count = subject_count;
    memcpy(oracle->subjects, subjects, (size_t)subject_count * sizeof *subjects);
    oracle->lanes = UINT64_MAX >> (ORACLE_LANES - subject_count);
    for (int node = 0; node < WORLD_NODES_MAX; node++) {
        oracle->lower[node] = 0;
        oracle->upper[node] = oracle->lanes;
    }
    while (changed) {
        solve_round(oracle, UPPER);
        memcpy(next_lower, oracle->current, sizeof next_lower);
        solve_round(oracle, LOWER);
        changed = memcmp(next_lower, oracle->lower, sizeof next_lower) != 0 ||
                  memcmp(oracle->current, oracle->upper, sizeof oracle->current) != 0;
        memcpy(oracle->lower, next_lower, sizeof next_lower);
        memcpy(oracle->upper, oracle->current, sizeof oracle->current);
    }
}

enum oracle_answer
oracle_answer(const struct oracle *oracle, int type, int id, int name, int lane)
{
    int member = world_find_member(oracle->world, type, name);
    int node;

    BEHALF_ASSERT(lane >= 0 && lane < oracle->subject_count);
    if (member < 0)
        return ORACLE_DENY;
    node = world_node(type, id, member);
    if ((oracle->lower[node] >> lane & 1) != 0)
        return ORACLE_ALLOW;
    return (oracle->upper[node] >> lane & 1) != 0 ? ORACLE_UNDEFINED : ORACLE_DENY;
}

enum oracle_answer
oracle_check(const struct world *world, int type, int id, int name, struct oracle_subject subject)
{
    static struct oracle oracle;

    oracle_solve(&oracle, world, &subject, 1);
    return oracle_answer(&oracle, type, id, name, 0);
}

enum oracle_answer
oracle_check_chain(const struct world *world, int type, int id, int name,
                   struct oracle_subject subject, const struct oracle_subject *actors,
                   int actor_count)
{
    int hop_name = world_find_name(world, "acts_on_behalf_of");
    enum oracle_answer result = oracle_check(world, type, id, name, subject);

    for (int i = 0; i < actor_count; i++) {
        struct oracle_subject before = i == 0 ? subject : actors[i - 1];
        enum oracle_answer hop =
            oracle_check(world, actors[i].type, actors[i].id, hop_name, before);

        /* deny < undefined < allow, and an intersection is the least of its operands */
        if (hop < result)
            result = hop;
    }
    return result;
}

struct oracle_resources
oracle_lookup_resources(const struct oracle *oracle, int type, int name, int lane)
{
    struct oracle_resources result = {0, 0};

    for (int id = 0; id < oracle->world->id_count; id++) {
        enum oracle_answer answer = oracle_answer(oracle, type, id, name, lane);

        if (answer == ORACLE_ALLOW)
            result.allowed |= UINT32_C(1) << id;
        if (answer == ORACLE_UNDEFINED)
            result.undecided |= UINT32_C(1) << id;
    }
    return result;
}

/* --- the algebra of subject sets --- */

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
            tuple->subject_id < 0)
            continue;
        if (arrow->target < 0) {
            found = set_evaluate(sets, arrow->left, tuple->subject_type, tuple->subject_id);
        } else {
            int member = world_find_member(world, tuple->subject_type, arrow->target);

            if (member >= 0)
                found = sets->nodes[world_node(tuple->subject_type, tuple->subject_id, member)];
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
    const struct world_expression *at = &sets->oracle.world->expressions[expression];
    struct evaluation run = {&sets->oracle, LOWER};
    uint64_t lanes;
    int member;

    switch (at->op) {
    case WORLD_NIL:
        return (struct oracle_set){.wildcard = false};
    case WORLD_SELF:
        return set_of_lanes(&sets->oracle, evaluate_self(&sets->oracle, type, id));
    case WORLD_MEMBER:
        member = world_find_member(sets->oracle.world, type, at->name);
        return sets->nodes[world_node(type, id, member)];
    case WORLD_UNION:
        return set_union(set_evaluate(sets, at->left, type, id),
                         set_evaluate(sets, at->right, type, id));
    case WORLD_INTERSECTION:
        return set_intersection(set_evaluate(sets, at->left, type, id),
                                set_evaluate(sets, at->right, type, id));
    case WORLD_EXCLUSION:
        /* What is subtracted is known for good: every member is decided, one by one. */
        lanes = evaluate(&run, at->right, type, id, LOWER);
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

        if (tuple->type != type || tuple->id != id || tuple->name != name)
            continue;
        if (tuple->subject_id < 0)
            one.wildcard = named_by(&sets->oracle, tuple) != 0;
        else
            one.concrete = (uint32_t)named_by(&sets->oracle, tuple);
        result = set_union(result, one);
        if (tuple->subject_name >= 0) {
            int member = world_find_member(world, tuple->subject_type, tuple->subject_name);

            result = set_union(
                result, sets->nodes[world_node(tuple->subject_type, tuple->subject_id, member)]);
        }
    }
    return result;
}

static struct oracle_set
set_evaluate_node(struct oracle_sets *sets, int type, int id, int member)
{
    const struct world_member *at = &sets->oracle.world->types[type].members[member];
    uint64_t itself = identity(&sets->oracle, type, id, at->name);
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
                    struct oracle_set *old = &sets->nodes[world_node(type, id, member)];
                    struct oracle_set set = set_evaluate_node(sets, type, id, member);

                    changed = changed || set.wildcard != old->wildcard ||
                              set.excluded != old->excluded || set.concrete != old->concrete;
                    *old = set;
                }
            }
        }
    }
}

/* With undefined members anywhere, the sets are read from the checks; what is not said there is
 * which of the wildcard's subjects are members by their own name too. */
static void
read_sets(struct oracle_sets *sets, int node)
{
    struct oracle *oracle = &sets->oracle;

    sets->nodes[node] = set_of_lanes(oracle, oracle->lower[node]);
    sets->nodes[node].undefined = oracle->lower[node] != oracle->upper[node];
}

/* The sets say of every subject what its check says. */
static void
compare_with_checks(struct oracle_sets *sets, int node)
{
    const struct oracle_set *set = &sets->nodes[node];
    struct oracle_set checked = set_of_lanes(&sets->oracle, sets->oracle.lower[node]);
    uint32_t members = set->concrete;

    BEHALF_ASSERT((set->excluded & set->concrete) == 0);
    BEHALF_ASSERT(set->wildcard == checked.wildcard);
    if (set->wildcard)
        BEHALF_ASSERT(set->excluded == checked.excluded);
    else
        BEHALF_ASSERT(members == checked.concrete);
}

void
oracle_solve_subjects(struct oracle_sets *sets, const struct world *world, int type, int name)
{
    struct oracle_subject subjects[ORACLE_LANES];
    int count = 0;
    bool exact = true;

    for (; count < world->id_count; count++)
        subjects[count] = (struct oracle_subject){type, count, name};
    if (name < 0)
        subjects[count++] = (struct oracle_subject){type, ORACLE_STRANGER, -1};
    oracle_solve(&sets->oracle, world, subjects, count);
    memset(sets->nodes, 0, sizeof sets->nodes);
    for (int node = 0; node < WORLD_NODES_MAX; node++)
        exact = exact && sets->oracle.lower[node] == sets->oracle.upper[node];
    if (exact)
        solve_sets(sets);
    for (int node = 0; node < WORLD_NODES_MAX; node++) {
        if (exact)
            compare_with_checks(sets, node);
        else
            read_sets(sets, node);
        sets->nodes[node].exact = exact;
    }
}
