/* eval_cycle.c - the model of nodes that wait for each other.
 *
 * Given: a group of nodes, each open because it leans on another of the group; every node outside
 * that they lean on is final. Wanted: the well-founded model restricted to the group, in which an
 * error from outside may be anything.
 *
 * How (alternating fixpoint, Van Gelder 1993): every node holds an interval [lower, upper], at
 * first [nothing, everything].
 *   rise:  with `upper` fixed, `lower` grows from where it is to its least fixpoint. What an
 *          exclusion subtracts is taken at its upper end, so only the certain enters.
 *   fall:  `upper` starts again at `lower` and grows to its least fixpoint, what is subtracted now
 *          taken at its lower end. What does not come back had no support but itself: it is out.
 * Rise and fall repeat until both ends stay. Each rise only adds to `lower`, each fall only takes
 * from `upper`, so it ends. A node whose ends then differ is undefined, or hangs on an error or on
 * missing context: eval_doubt.c says which. Without exclusion and errors one rise and one fall
 * suffice, and give the least fixpoint.
 *
 * The whole right side of an exclusion sees the interval as it was when the phase began (`frozen`),
 * so that `a - (b - c)` means what it means with `b - c` in a permission of its own: negation does
 * not cancel inside an expression, and a cycle through it is undefined.
 *
 * No node is met here that the first walk did not meet: it knew less of the group than any
 * approximation here does, so it stopped no earlier. */
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

static void
freeze(struct eval *eval, uint32_t base)
{
    for (uint32_t at = base; at < eval->pending_count; at++)
        member_at(eval, at)->frozen = member_at(eval, at)->value;
}

/* Moves one end of an entry to that of the new value. True when it moved. */
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

        if (subject_set_identical(*mine, theirs))
            return false;
        *mine = theirs;
    }
    return true;
}

/* A decision that is up has nowhere to go. */
static bool
is_up(const struct eval *eval, const struct eval_entry *entry, enum end end)
{
    return eval->domain == VALUE_DECISION &&
           (end == LOWER ? entry->value.lower : entry->value.upper);
}

/* Raises one end of every node until nothing moves. In order of completion: children come before
 * those that asked for them, so most of the group settles in one pass. */
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

/* Decision domain: whether an interval is one, and lies within an earlier one. Both ends of the
 * alternating fixpoint move inwards only, which is why the rounds end. */
static bool
is_within(const struct eval *eval, const struct value *value, const struct value *before)
{
    return eval->domain != VALUE_DECISION ||
           (value->lower >= before->lower && value->upper <= before->upper &&
            value->lower <= value->upper);
}

/* One rise and fall. *again: an end moved, and some node is still open. */
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

/* Ends that mean the same members are made the same set, so that exact values stay cheap. */
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
    begin(eval, base);
    eval->solving = true;
    eval->group_until = VALUE_FOR_EVER;
    while (status == BEHALF_OK && again)
        status = rise_and_fall(eval, base, &again, error);
    /* The rounds end when the members are known. Which of them are concrete beside a wildcard is
     * known after one more rise, in which what is subtracted is exact. */
    if (status == BEHALF_OK && eval->domain == VALUE_SUBJECTS && eval->pending_count > base) {
        freeze(eval, base);
        status = grow(eval, base, LOWER, error);
    }
    if (status == BEHALF_OK && eval->domain == VALUE_DECISION)
        status = eval_classify(eval, base, error);
    eval->solving = false;
    if (status == BEHALF_OK)
        finish(eval, base);
    return status;
}
