/* eval_cycle.c - solves a component of mutually dependent nodes by an alternating fixpoint.
 *
 * Given: a component (pending[base..]), in which each node is open because it depends on another
 * node of the component. Every node outside that they depend on is final. Wanted: the well-founded
 * model restricted to the component, where an open value from outside may turn out to be anything.
 *
 * Always true: from round to round the lower ends only grow and the upper ends only shrink. That is
 * why the rounds end, and why no round can allow what an earlier round denied.
 *
 * Method (Van Gelder 1993): every node holds an interval [lower, upper], at first [nothing,
 * everything].
 *   rise:  with `upper` fixed, `lower` grows from its current value to its least fixpoint.
 *          Subtracted nodes are taken at their upper end, so only certain facts enter.
 *   fall:  `upper` starts again at `lower` and grows to its least fixpoint. Subtracted nodes are
 *          taken at their lower end. A fact that does not return had no support but itself (an
 *          unfounded set) and is out.
 * Rise and fall repeat until neither end moves. A node whose ends still differ is undefined, or
 * depends on an error or on missing context; eval_doubt.c determines which. Without exclusion and
 * without open values from outside, one rise and one fall suffice and give the least fixpoint.
 *
 * Example: `a = b + c` and `b = a`, where c denies. Rise: neither has support, both stay 0. Fall:
 * both restart at 0 and stay there, so both are denies. With `b = x - a`, where x allows: rise
 * leaves 0 for both, since x - a is taken with the upper end 1 of a; fall gives 1 for both; the
 * next round changes nothing. Both are open and depend on their own negation.
 *
 * The whole right operand of an exclusion reads the interval as it was at the start of the phase
 * (`frozen`). So `a - (b - c)` means the same as with `b - c` in a permission of its own: negations
 * do not cancel inside an expression, and a cycle through them is undefined. It also makes each
 * phase monotone, without which the least fixpoint need not exist.
 *
 * No node is met here for the first time. The first walk took every node of the component for [0,
 * 1], which is wider than any approximation here, so it settled no operator earlier and met every
 * node that a re-evaluation can meet. */
#include "eval/eval_private.h"

static struct eval_entry *
member_at(struct eval *eval, uint32_t at)
{
    return &eval->entries[eval->pending[at]];
}

enum status
eval_again(struct eval *eval, const struct eval_entry *entry, struct value *value,
           struct error *error)
{
    /* The solver runs inside finish_frame of an outer evaluation, whose frames stay below `floor`.
     * The frame has no entry: its value goes to the caller, who moves one end of the entry only. */
    uint32_t floor = eval->frame_count;
    uint32_t root = eval->schema->members[entry->member].root;
    enum status status = eval_push(eval, entry->object, root, EVAL_NONE, false, error);

    if (status == BEHALF_OK)
        status = eval_run(eval, floor, error);
    if (status != BEHALF_OK)
        return status;
    *value = eval->result;
    if (BEHALF_UNLIKELY(value->provisional))
        return EVAL_BROKEN(eval, entry->object, entry->member,
                           "a cycle is solved with values of its own round", error);
    return eval_add_identity(eval, entry, value, error);
}

enum end { LOWER, UPPER };

/* Fixes what subtracted occurrences read for the next phase. Without it an exclusion would read an
 * end that moves within the phase, and the order of nodes could change the result. */
static void
freeze(struct eval *eval, uint32_t base)
{
    for (uint32_t at = base; at < eval->pending_count; at++)
        member_at(eval, at)->frozen = member_at(eval, at)->value;
}

/* Moves one end of an entry to that of the new value; true when it moved. The other end stays:
 * within a phase it is a constant, and re-evaluation computes it from values of mixed phases. */
static bool
move_end(struct eval *eval, struct eval_entry *entry, enum end end, const struct value *value)
{
    if (eval->domain == VALUE_DECISION) {
        bool *mine = end == LOWER ? &entry->value.lower : &entry->value.upper;
        bool theirs = end == LOWER ? value->lower : value->upper;

        if (*mine == theirs)
            return false;
        *mine = theirs;
    } else {
        const struct subject_set **mine =
            end == LOWER ? &entry->value.lower_set : &entry->value.upper_set;
        const struct subject_set *theirs = end == LOWER ? value->lower_set : value->upper_set;

        /* Identical entries and not only the same members: a concrete member beside a wildcard is
         * kept too. */
        if (subject_set_identical(*mine, theirs))
            return false;
        *mine = theirs;
    }
    return true;
}

/* Within a phase an end only rises, so a decision whose end is 1 cannot move and is skipped. */
static bool
is_up(const struct eval *eval, const struct eval_entry *entry, enum end end)
{
    return eval->domain == VALUE_DECISION &&
           (end == LOWER ? entry->value.lower : entry->value.upper);
}

/* Computes the least fixpoint of one end by rounds over all nodes. Nodes are in order of
 * completion, so operands come before the nodes that asked for them and most components settle in
 * one round. The order affects the number of rounds, and never the fixpoint. */
static enum status
grow(struct eval *eval, uint32_t base, enum end end, struct error *error)
{
    bool moved = true;

    while (moved) {
        moved = false;
        for (uint32_t at = base; at < eval->pending_count; at++) {
            struct value value;
            enum status status;

            if (is_up(eval, member_at(eval, at), end))
                continue;
            /* A round may read no edge from the graph at all; the charge bounds cycles of any
             * size. */
            status = budget_spend(eval->view->budget, 1, error);
            if (status == BEHALF_OK)
                status = eval_again(eval, member_at(eval, at), &value, error);
            if (status != BEHALF_OK)
                return status;
            if (move_end(eval, member_at(eval, at), end, &value))
                moved = true;
        }
    }
    return BEHALF_OK;
}

/* The widest interval, which is the starting point that makes each later round a narrowing. */
static void
begin(struct eval *eval, uint32_t base)
{
    for (uint32_t at = base; at < eval->pending_count; at++) {
        struct eval_entry *entry = member_at(eval, at);

        entry->state = ENTRY_SOLVING;
        entry->value =
            eval->domain == VALUE_DECISION
                ? value_open(NULL)
                : (struct value){.lower_set = &subject_set_none, .upper_set = &subject_set_all};
    }
}

static bool
same_interval(const struct eval *eval, const struct value *a, const struct value *b)
{
    if (eval->domain == VALUE_DECISION)
        return a->lower == b->lower && a->upper == b->upper;
    return subject_set_same_members(a->lower_set, b->lower_set) &&
           subject_set_same_members(a->upper_set, b->upper_set);
}

/* Decision domain: whether an interval is valid and lies within that of the round before. This
 * checks the monotonicity that the end of the rounds and the soundness of an allow depend on. */
static bool
is_within(const struct eval *eval, const struct value *value, const struct value *before)
{
    return eval->domain != VALUE_DECISION ||
           (value->lower >= before->lower && value->upper <= before->upper &&
            value->lower <= value->upper);
}

/* One rise and one fall. *again: an end moved, and some node is still open. */
static enum status
rise_and_fall(struct eval *eval, uint32_t base, bool *again, struct error *error)
{
    uint32_t count = eval->pending_count - base;
    struct value *before = arena_take(eval->arena, count * sizeof *before);
    bool moved = false;
    bool open = false;
    enum status status;

    if (before == NULL)
        return budget_memory_spent(error);
    for (uint32_t i = 0; i < count; i++)
        before[i] = member_at(eval, base + i)->value;
    freeze(eval, base);
    status = grow(eval, base, LOWER, error);
    if (status != BEHALF_OK)
        return status;
    freeze(eval, base);
    for (uint32_t i = 0; i < count; i++) {
        struct value *value = &member_at(eval, base + i)->value;

        if (eval->domain == VALUE_DECISION)
            value->upper = value->lower;
        else
            value->upper_set = value->lower_set;
    }
    status = grow(eval, base, UPPER, error);
    for (uint32_t i = 0; status == BEHALF_OK && i < count; i++) {
        const struct eval_entry *entry = member_at(eval, base + i);
        const struct value *value = &entry->value;

        if (BEHALF_UNLIKELY(!is_within(eval, value, &before[i])))
            return EVAL_BROKEN(eval, entry->object, entry->member,
                               "each round of a cycle lies within the one before", error);
        moved = moved || !same_interval(eval, value, &before[i]);
        open = open || value_is_open(eval->domain, value);
    }
    *again = moved && open;
    return status;
}

/* Makes the nodes final. The validity of a decision is that of the whole component: any value that
 * was read may have decided it. In the subjects domain, ends with the same members become the same
 * set, so that later operators recognise an exact value by its pointers. */
static void
finish(struct eval *eval, uint32_t base)
{
    for (uint32_t at = base; at < eval->pending_count; at++) {
        struct eval_entry *entry = member_at(eval, at);

        entry->state = ENTRY_FINAL;
        if (eval->domain == VALUE_DECISION)
            entry->value.until = eval->group_until;
        else if (!value_is_open(eval->domain, &entry->value))
            entry->value.upper_set = entry->value.lower_set;
    }
    eval->pending_count = base;
}

enum status
eval_solve(struct eval *eval, uint32_t base, struct error *error)
{
    bool again = eval->pending_count > base;
    enum status status = BEHALF_OK;

    if (BEHALF_UNLIKELY(eval->solving))
        return EVAL_BROKEN(eval, 0, SCHEMA_NONE, "cycles are solved one at a time", error);
    /* The root may have settled the component: then nothing is pending, and there is nothing to
     * solve. */
    begin(eval, base);
    eval->solving = true;
    eval->group_until = VALUE_FOR_EVER;
    while (status == BEHALF_OK && again)
        status = rise_and_fall(eval, base, &again, error);
    /* The rounds end when the members are known. Which of them are concrete beside a wildcard is
     * exact only after one more rise, in which the subtracted sets are final. */
    if (status == BEHALF_OK && eval->domain == VALUE_SUBJECTS && eval->pending_count > base) {
        freeze(eval, base);
        status = grow(eval, base, LOWER, error);
    }
    /* Before `solving` is cleared: the classifier evaluates the rewrites of open nodes once
     * more. */
    if (status == BEHALF_OK && eval->domain == VALUE_DECISION)
        status = eval_classify(eval, base, error);
    eval->solving = false;
    if (status == BEHALF_OK)
        finish(eval, base);
    return status;
}
