/* oracle.c - the alternating fixpoint. */
#include "tests/support/oracle.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "tests/support/oracle_private.h"

struct evaluation {
    const struct oracle *oracle;
    enum oracle_source opposite; /* of ORACLE_CURRENT: where the right side of `-` is read */
};

static uint64_t evaluate(const struct evaluation *run, int expression, int type, int id,
                         enum oracle_source source);

static uint64_t
node_value(const struct evaluation *run, int type, int id, int member, enum oracle_source source)
{
    int node = world_node(run->oracle->world, type, id, member);

    if (source == ORACLE_LOWER)
        return run->oracle->lower[node];
    if (source == ORACLE_UPPER)
        return run->oracle->upper[node];
    return run->oracle->current[node];
}

/* Negation does not cancel inside an expression: `a - (b - c)` means what it means with `b - c` in
 * a permission of its own, so what stands on the right of a right side is read from the other fixed
 * end and not where the value is computed. A cycle through it is undefined, not positive. */
static enum oracle_source
opposite_of(const struct evaluation *run, enum oracle_source source)
{
    if (source == ORACLE_CURRENT)
        return run->opposite;
    return source == ORACLE_LOWER ? ORACLE_UPPER : ORACLE_LOWER;
}

/* Which bounds a value read there belongs to. */
static enum oracle_source
bound_of(const struct evaluation *run, enum oracle_source source)
{
    if (source != ORACLE_CURRENT)
        return source;
    return run->opposite == ORACLE_LOWER ? ORACLE_UPPER : ORACLE_LOWER;
}

uint64_t
oracle_conditioned(const struct oracle *oracle, int tuple, enum oracle_source bound, uint64_t lanes)
{
    switch (oracle->facts->conditions[tuple]) {
    case ORACLE_ABSENT:
    case ORACLE_FAILS:
        return 0;
    case ORACLE_OPEN:
        return bound == ORACLE_UPPER ? lanes : 0;
    case ORACLE_HOLDS:
        return lanes;
    }
    BEHALF_UNREACHABLE();
}

uint64_t
oracle_named_by(const struct oracle *oracle, const struct world_tuple *tuple)
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
evaluate_relation(const struct evaluation *run, int type, int id, int name,
                  enum oracle_source source)
{
    const struct world *world = run->oracle->world;
    uint64_t result = 0;

    for (int i = 0; i < world->tuple_count; i++) {
        const struct world_tuple *tuple = &world->tuples[i];

        uint64_t found;

        if (tuple->type != type || tuple->id != id || tuple->name != name ||
            run->oracle->facts->conditions[i] == ORACLE_ABSENT)
            continue;
        found = oracle_named_by(run->oracle, tuple);
        if (tuple->subject_name >= 0) {
            int member = world_find_member(world, tuple->subject_type, tuple->subject_name);

            BEHALF_ASSERT(member >= 0);
            found |= node_value(run, tuple->subject_type, tuple->subject_id, member, source);
        }
        result |= oracle_conditioned(run->oracle, i, bound_of(run, source), found);
    }
    return result;
}

/* What an arrow finds on the object at the other end of a tuple; a userset's `#relation` is of no
 * interest to an arrow. */
static uint64_t
evaluate_hop(const struct evaluation *run, const struct world_expression *arrow,
             const struct world_tuple *tuple, enum oracle_source source)
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
               enum oracle_source source)
{
    const struct world *world = run->oracle->world;
    uint64_t some = 0;
    uint64_t every = run->oracle->lanes;
    bool walked = false;

    for (int i = 0; i < world->tuple_count; i++) {
        const struct world_tuple *tuple = &world->tuples[i];
        uint64_t found;

        if (tuple->type != type || tuple->id != id || tuple->name != arrow->name ||
            run->oracle->facts->conditions[i] == ORACLE_ABSENT)
            continue;
        BEHALF_ASSERT(tuple->subject_id >= 0);
        found = oracle_conditioned(run->oracle, i, bound_of(run, source),
                                   evaluate_hop(run, arrow, tuple, source));
        some |= found;
        every &= found;
        walked = true;
    }
    if (arrow->op == WORLD_ARROW)
        return some;
    return walked ? every : 0;
}

uint64_t
oracle_self(const struct oracle *oracle, int type, int id)
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
evaluate(const struct evaluation *run, int expression, int type, int id, enum oracle_source source)
{
    const struct world *world = run->oracle->world;
    const struct world_expression *at = &world->expressions[expression];
    int member;

    switch (at->op) {
    case WORLD_NIL:
        return 0;
    case WORLD_SELF:
        return oracle_self(run->oracle, type, id);
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
uint64_t
oracle_identity(const struct oracle *oracle, int type, int id, int name)
{
    uint64_t lanes = 0;

    for (int i = 0; i < oracle->subject_count; i++) {
        const struct oracle_subject *subject = &oracle->subjects[i];

        if (subject->type == type && subject->id == id && subject->name == name)
            lanes |= UINT64_C(1) << i;
    }
    return lanes;
}

uint64_t
oracle_evaluate(const struct oracle *oracle, int expression, int type, int id,
                enum oracle_source bound)
{
    struct evaluation run = {oracle, ORACLE_CURRENT};

    BEHALF_ASSERT(bound != ORACLE_CURRENT);
    return evaluate(&run, expression, type, id, bound);
}

static uint64_t
evaluate_node(const struct evaluation *run, int type, int id, int member)
{
    const struct world_member *at = &run->oracle->world->types[type].members[member];
    uint64_t result = oracle_identity(run->oracle, type, id, at->name);

    if (at->root < 0)
        return result | evaluate_relation(run, type, id, at->name, ORACLE_CURRENT);
    return result | evaluate(run, at->root, type, id, ORACLE_CURRENT);
}

/* Least fixpoint into `current`, from nobody upwards. */
static void
solve_round(struct oracle *oracle, enum oracle_source opposite)
{
    const struct world *world = oracle->world;
    struct evaluation run = {oracle, opposite};
    bool changed = true;

    memset(oracle->current, 0, (size_t)world_node_count(world) * sizeof oracle->current[0]);
    while (changed) {
        changed = false;
        for (int type = 0; type < world->type_count; type++) {
            for (int id = 0; id < world->id_count; id++) {
                for (int member = 0; member < world->types[type].member_count; member++) {
                    int node = world_node(world, type, id, member);
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
oracle_solve(struct oracle *oracle, const struct oracle_facts *facts,
             const struct oracle_subject *subjects, int subject_count)
{
    static uint64_t next_lower[WORLD_NODES_MAX];
    size_t node_count = (size_t)world_node_count(facts->world);
    size_t size = node_count * sizeof next_lower[0];
    bool changed = true;

    BEHALF_ASSERT(subject_count > 0 && subject_count <= ORACLE_LANES);
    oracle->world = facts->world;
    oracle->facts = facts;
    oracle->explained = 0;
    oracle->subject_count = subject_count;
    memcpy(oracle->subjects, subjects, (size_t)subject_count * sizeof *subjects);
    oracle->lanes = UINT64_MAX >> (ORACLE_LANES - subject_count);
    for (size_t node = 0; node < node_count; node++) {
        oracle->lower[node] = 0;
        oracle->upper[node] = oracle->lanes;
    }
    while (changed) {
        solve_round(oracle, ORACLE_UPPER);
        memcpy(next_lower, oracle->current, size);
        solve_round(oracle, ORACLE_LOWER);
        changed = memcmp(next_lower, oracle->lower, size) != 0 ||
                  memcmp(oracle->current, oracle->upper, size) != 0;
        memcpy(oracle->lower, next_lower, size);
        memcpy(oracle->upper, oracle->current, size);
    }
}

void
oracle_release(struct oracle *oracle)
{
    memory_free(oracle->reasons);
    oracle->reasons = NULL;
    oracle->reason_size = 0;
}

/* --- values --- */

struct oracle_value
oracle_value(struct oracle *oracle, int type, int id, int name, int lane)
{
    struct oracle_value value = {.answer = ORACLE_DENY};
    int member = world_find_member(oracle->world, type, name);
    int node;

    BEHALF_ASSERT(lane >= 0 && lane < oracle->subject_count);
    if (member < 0)
        return value;
    node = world_node(oracle->world, type, id, member);
    if ((oracle->lower[node] >> lane & 1) != 0) {
        value.answer = ORACLE_ALLOW;
        return value;
    }
    if ((oracle->upper[node] >> lane & 1) == 0)
        return value;
    if ((oracle->explained >> lane & 1) == 0)
        oracle_explain(oracle, lane);
    value.reasons = oracle->reasons[oracle_reason(node, lane)];
    value.answer = ORACLE_CONDITIONAL;
    if ((value.reasons & ORACLE_ERRORS) != 0) {
        value.answer = ORACLE_ERROR;
        value.reasons &= ORACLE_ERRORS;
    }
    return value;
}

struct oracle_value
oracle_both(struct oracle_value a, struct oracle_value b)
{
    /* In the order of the answers the least decides, and those that are equal say why together. */
    if (a.answer == b.answer)
        return (struct oracle_value){a.answer, a.reasons | b.reasons};
    return a.answer < b.answer ? a : b;
}

bool
oracle_value_equal(struct oracle_value a, struct oracle_value b)
{
    return a.answer == b.answer && a.reasons == b.reasons;
}

static const struct {
    uint64_t bit;
    enum status status;
} errors[] = {
    {ORACLE_CYCLE, BEHALF_CYCLE_THROUGH_EXCLUSION},
    {ORACLE_EVALUATION, BEHALF_CAVEAT_EVALUATION_ERROR},
    {ORACLE_PARAMETER, BEHALF_CAVEAT_PARAMETER_TYPE_ERROR},
};

void
oracle_print_value(const struct oracle_caveats *caveats, struct oracle_value value,
                   struct buffer *out)
{
    static const char *const answers[] = {"deny", "error:", "conditional on", "allow"};
    const char *between = " ";

    buffer_add_text(out, answers[value.answer]);
    for (size_t i = 0; i < BEHALF_COUNT_OF(errors); i++) {
        if ((value.reasons & errors[i].bit) == 0)
            continue;
        buffer_add_format(out, "%s%s", between, status_name(errors[i].status));
        between = " or ";
    }
    for (int i = 0; i < caveats->name_count; i++) {
        if ((value.reasons >> i & 1) == 0)
            continue;
        buffer_add_format(out, "%s%s", between, caveats->names[i]);
        between = ", ";
    }
}

bool
oracle_error_fits(struct oracle_value value, enum status status)
{
    for (size_t i = 0; i < BEHALF_COUNT_OF(errors); i++)
        if (value.answer == ORACLE_ERROR && (value.reasons & errors[i].bit) != 0 &&
            errors[i].status == status)
            return true;
    return false;
}
