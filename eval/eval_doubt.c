/* eval_doubt.c - why the nodes of a solved cycle that are still open are so.
 *
 * Each open node's rewrite is evaluated once more, the open nodes of the group standing for
 * themselves as references; so its doubt tells what it hangs on from outside (missing names, an
 * error), and on which open nodes of the group, through open parts of its rewrite only. Among the
 * references Tarjan's components are found. A component with a reference through the right side of
 * an exclusion inside of it depends on its own negation: CYCLE_THROUGH_EXCLUSION. In any other,
 * each node hangs on all that the component hangs on. Components come in the order that those they
 * refer to are done.
 * The outcome depends on the intervals alone, which depend neither on the order of the walk nor on
 * the node asked first.
 * Source: Tarjan 1972, made iterative. */
#include "eval/eval_private.h"

/* One open node. Numbers of nodes are places in `nodes`. */
struct open_node {
    uint32_t entry;
    const struct doubt *doubt; /* with references, until its component is done */
    uint32_t index;            /* of the search, from 1; 0 = not met */
    uint32_t low;
    uint32_t next; /* item of the doubt to be followed next */
    bool on_stack;
};

struct classifier {
    struct eval *eval;
    struct open_node *nodes;
    uint32_t count;
    struct table places; /* entry -> place */
    uint32_t *calls;     /* the search's own stack */
    uint32_t call_count;
    uint32_t *stack; /* nodes whose component is not done */
    uint32_t stack_count;
    uint32_t index;
};

static bool
is_open(const struct value *value)
{
    return value->lower != value->upper;
}

/* Makes an open entry stand for itself: negative where an exclusion subtracts it, which reads
 * `frozen`. */
static enum status
refer(struct eval *eval, uint32_t at, struct error *error)
{
    struct eval_entry *entry = &eval->entries[at];
    struct doubt *doubts = arena_take_array(eval->arena, 2, sizeof *doubts);
    uint32_t *items = arena_take_array(eval->arena, 2, sizeof *items);

    if (doubts == NULL || items == NULL)
        return budget_memory_spent(error);
    for (uint32_t negative = 0; negative < 2; negative++) {
        items[negative] = DOUBT_REFERENCE_TO(at, negative);
        doubts[negative] = (struct doubt){.items = &items[negative], .count = 1};
    }
    entry->value.doubt = &doubts[0];
    entry->frozen = entry->value;
    entry->frozen.doubt = &doubts[1];
    return BEHALF_OK;
}

/* Collects the open nodes of the group and readies them as references. */
static enum status
collect(struct classifier *classifier, uint32_t base, struct error *error)
{
    struct eval *eval = classifier->eval;
    enum status status = BEHALF_OK;

    for (uint32_t at = base; status == BEHALF_OK && at < eval->pending_count; at++) {
        uint32_t entry = eval->pending[at];

        eval->entries[entry].frozen = eval->entries[entry].value;
        if (!is_open(&eval->entries[entry].value))
            continue;
        classifier->nodes[classifier->count].entry = entry;
        if (!table_add(&classifier->places, entry, classifier->count++))
            return budget_memory_spent(error);
        status = refer(eval, entry, error);
    }
    return status;
}

/* Whether all nodes that the doubt refers to are open nodes of this group. */
static bool
refers_inside(const struct classifier *classifier, const struct doubt *doubt)
{
    for (uint32_t i = 0; i < doubt->count; i++) {
        uint32_t item = doubt->items[i];

        if (DOUBT_IS_REFERENCE(item) &&
            table_find(&classifier->places, DOUBT_ENTRY(item)) == TABLE_NONE)
            return false;
    }
    return true;
}

static enum status
find_doubts(struct classifier *classifier, struct error *error)
{
    struct eval *eval = classifier->eval;

    for (uint32_t at = 0; at < classifier->count; at++) {
        struct open_node *node = &classifier->nodes[at];
        struct value value;
        enum status status = budget_spend(eval->view->budget, 1, error);

        if (status == BEHALF_OK)
            status = eval_again(eval, &eval->entries[node->entry], &value, error);
        if (status != BEHALF_OK)
            return status;
        if (BEHALF_UNLIKELY(!is_open(&value) || value.doubt == NULL))
            return EVAL_BROKEN(eval, eval->entries[node->entry].object,
                               eval->entries[node->entry].member,
                               "an open node of a cycle has a doubt", error);
        if (BEHALF_UNLIKELY(!refers_inside(classifier, value.doubt)))
            return EVAL_BROKEN(eval, eval->entries[node->entry].object,
                               eval->entries[node->entry].member,
                               "a doubt refers to open nodes of its own cycle", error);
        node->doubt = value.doubt;
    }
    return BEHALF_OK;
}

/* --- components --- */

static void
enter(struct classifier *classifier, uint32_t at)
{
    struct open_node *node = &classifier->nodes[at];

    node->index = node->low = ++classifier->index;
    node->on_stack = true;
    classifier->stack[classifier->stack_count++] = at;
    classifier->calls[classifier->call_count++] = at;
}

static bool
same_component(const struct classifier *classifier, uint32_t item, uint32_t first)
{
    uint32_t place = table_find(&classifier->places, DOUBT_ENTRY(item));

    return classifier->nodes[place].on_stack && classifier->nodes[place].index >= first;
}

static const struct doubt *
own_negation(struct eval *eval)
{
    struct doubt *doubt = arena_take(eval->arena, sizeof *doubt);
    struct error *fault = arena_take(eval->arena, sizeof *fault);

    if (doubt == NULL || fault == NULL)
        return NULL;
    (void)error_set(fault, BEHALF_CYCLE_THROUGH_EXCLUSION,
                    "the answer depends on its own negation through a cycle in the data");
    error_hint(fault, "remove a relationship of the cycle that passes the right side of '-'");
    *doubt = (struct doubt){.fault = fault};
    return doubt;
}

/* What one item of a node's doubt adds to its component. NULL: nothing, it refers to
 * a node inside. */
static const struct doubt *
part_of(const struct classifier *classifier, const struct doubt *single, uint32_t first,
        bool *negated)
{
    uint32_t item = single->items[0];

    if (!DOUBT_IS_REFERENCE(item))
        return single;
    if (!same_component(classifier, item, first))
        return classifier->nodes[table_find(&classifier->places, DOUBT_ENTRY(item))].doubt;
    *negated = *negated || DOUBT_IS_NEGATIVE(item);
    return NULL;
}

/* What one node of the component adds: its fault, its names, and the doubts of the nodes it refers
 * to outside, which are done. *negated: it refers to one inside through an exclusion. */
static bool
add_doubt(struct classifier *classifier, const struct open_node *node, uint32_t first,
          const struct doubt **sum, bool *negated)
{
    struct arena *arena = classifier->eval->arena;
    const struct doubt *doubt = node->doubt;
    struct doubt *singles = arena_take_array(arena, (size_t)doubt->count + 1, sizeof *singles);

    if (singles == NULL)
        return false;
    singles[0].fault = doubt->fault;
    if (doubt->fault != NULL && !doubt_union(arena, sum, &singles[0]))
        return false;
    for (uint32_t i = 0; i < doubt->count; i++) {
        struct doubt *single = &singles[i + 1];

        *single = (struct doubt){.items = &doubt->items[i], .count = 1};
        if (!doubt_union(arena, sum, part_of(classifier, single, first, negated)))
            return false;
    }
    return true;
}

/* Takes the component whose root is `at` from the stack. */
static enum status
finish_component(struct classifier *classifier, uint32_t at, struct error *error)
{
    uint32_t first = classifier->nodes[at].index;
    uint32_t base = classifier->stack_count;
    const struct doubt *sum = NULL;
    bool negated = false;

    while (base == classifier->stack_count || classifier->stack[base] != at) {
        if (!add_doubt(classifier, &classifier->nodes[classifier->stack[--base]], first, &sum,
                       &negated))
            return budget_memory_spent(error);
    }
    if (negated) {
        sum = own_negation(classifier->eval);
        if (sum == NULL)
            return budget_memory_spent(error);
    }
    if (BEHALF_UNLIKELY(sum == NULL)) {
        const struct eval_entry *entry = &classifier->eval->entries[classifier->nodes[at].entry];

        return EVAL_BROKEN(classifier->eval, entry->object, entry->member,
                           "an open component of a cycle has a doubt", error);
    }
    for (uint32_t i = base; i < classifier->stack_count; i++) {
        struct open_node *node = &classifier->nodes[classifier->stack[i]];

        node->doubt = sum;
        node->on_stack = false;
    }
    classifier->stack_count = base;
    return BEHALF_OK;
}

/* One step of the search from the node on top of its stack. */
static enum status
step(struct classifier *classifier, struct error *error)
{
    uint32_t at = classifier->calls[classifier->call_count - 1];
    struct open_node *node = &classifier->nodes[at];
    const struct doubt *doubt = node->doubt;

    while (node->next < doubt->count) {
        uint32_t item = doubt->items[node->next];
        uint32_t place;

        if (!DOUBT_IS_REFERENCE(item)) {
            node->next++;
            continue;
        }
        place = table_find(&classifier->places, DOUBT_ENTRY(item));
        if (classifier->nodes[place].index == 0) {
            enter(classifier, place);
            return BEHALF_OK;
        }
        if (classifier->nodes[place].on_stack && classifier->nodes[place].low < node->low)
            node->low = classifier->nodes[place].low;
        node->next++;
    }
    classifier->call_count--;
    return node->low == node->index ? finish_component(classifier, at, error) : BEHALF_OK;
}

static enum status
find_components(struct classifier *classifier, struct error *error)
{
    enum status status = BEHALF_OK;

    for (uint32_t at = 0; status == BEHALF_OK && at < classifier->count; at++) {
        if (classifier->nodes[at].index == 0)
            enter(classifier, at);
        while (status == BEHALF_OK && classifier->call_count > 0)
            status = step(classifier, error);
    }
    return status;
}

enum status
eval_classify(struct eval *eval, uint32_t base, struct error *error)
{
    struct classifier classifier = {.eval = eval};
    uint32_t most = eval->pending_count - base;
    enum status status;

    classifier.nodes = arena_take_array(eval->arena, most, sizeof *classifier.nodes);
    classifier.calls = arena_take_array(eval->arena, most, sizeof *classifier.calls);
    classifier.stack = arena_take_array(eval->arena, most, sizeof *classifier.stack);
    if (classifier.nodes == NULL || classifier.calls == NULL || classifier.stack == NULL ||
        !table_init(&classifier.places, eval->arena, most))
        return budget_memory_spent(error);
    status = collect(&classifier, base, error);
    if (status == BEHALF_OK)
        status = find_doubts(&classifier, error);
    if (status == BEHALF_OK)
        status = find_components(&classifier, error);
    for (uint32_t at = 0; status == BEHALF_OK && at < classifier.count; at++)
        eval->entries[classifier.nodes[at].entry].value.doubt = classifier.nodes[at].doubt;
    return status;
}
