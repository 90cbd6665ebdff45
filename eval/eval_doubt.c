/* eval_doubt.c - determines why nodes of a solved component are still open.
 *
 * The rewrite of each open node is evaluated once more, with the open nodes of the component
 * standing for themselves as references. The doubt of the result then lists what the node depends
 * on outside of the component (missing names, an error) and which open nodes it depends on inside,
 * through open parts of its rewrite only.
 *
 * Tarjan's algorithm finds the strongly connected components of these references. A component with
 * a reference through the right operand of an exclusion to one of its own nodes depends on its own
 * negation: CYCLE_THROUGH_EXCLUSION. In any other component every node depends on everything that
 * the component depends on, so its nodes share one doubt.
 *
 * Always true: a component is finished after all components that it refers to, so their doubts
 * contain no references. The outcome is a function of the intervals alone, which depend neither on
 * the order of the walk nor on the node asked first; so an error never depends on them either.
 *
 * Source: Tarjan 1972, made iterative. */
#include "eval/eval_private.h"

/* One open node. Other nodes are named by their index in `nodes`. */
struct open_node {
    uint32_t entry;
    const struct doubt *doubt; /* with references until its component is finished */
    uint32_t index;            /* order of discovery, from 1; 0 = not visited */
    uint32_t low;
    uint32_t next; /* next item of the doubt to follow */
    bool on_stack;
};

struct classifier {
    struct eval *eval;
    struct open_node *nodes;
    uint32_t count;
    struct table places; /* entry -> index in `nodes` */
    uint32_t *calls;     /* the path of the depth-first search */
    uint32_t call_count;
    uint32_t *stack; /* nodes whose component is not finished */
    uint32_t stack_count;
    uint32_t index;
};

static bool
is_open(const struct value *value)
{
    return value->lower != value->upper;
}

/* Replaces the doubts of an open entry by references to it. An exclusion reads `frozen` for what it
 * subtracts, so putting the negative reference there tells the two kinds of use apart without a
 * change to the evaluator. */
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

/* Collects the open nodes of the component and turns them into references. `frozen` is set for
 * closed nodes too, because the last phase of the solver left an older interval there. */
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

/* Whether all nodes that the doubt refers to are open nodes of this component. Any other reference
 * would be a left-over of an earlier one, whose numbers mean nothing here. */
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

/* Evaluates each open node against the references. The intervals are the fixpoint already, so the
 * value must be open again; one that closes here contradicts the solver. */
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

/* Whether a reference leads into the component whose root was discovered as `first`. When Tarjan
 * finishes a component, the nodes on the stack from its root on are exactly its members. */
static bool
same_component(const struct classifier *classifier, uint32_t item, uint32_t first)
{
    uint32_t place = table_find(&classifier->places, DOUBT_ENTRY(item));

    return classifier->nodes[place].on_stack && classifier->nodes[place].index >= first;
}

/* The error of a component that depends on its own negation. It replaces the doubts of the
 * component, so the answer is this one error whatever else is missing. */
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

/* What one item of a node's doubt contributes to its component: itself if it is a name, the
 * finished doubt of a node outside, or NULL for a reference inside. */
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

/* Adds the doubt of one node to that of its component: its fault, its names, and the doubts of
 * nodes that it refers to outside. *negated: it refers to a node inside through an exclusion. */
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

/* Pops the component whose root is `at` and gives all its nodes the same doubt. The sum is computed
 * before any node gets it: the doubts that are read still contain the references. */
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

/* One step of the depth-first search from the node on top of its path. An item is not passed when
 * the search descends into its node: after the return the same item is read again and takes over
 * the low of the finished child, which is what recursion would do. */
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

/* Starts a search from every node that no earlier search has visited. */
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
    /* No more nodes than the component has: each is on each stack at most once. */
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
