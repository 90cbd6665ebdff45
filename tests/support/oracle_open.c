/* oracle_open.c - why a node is open: the graph of the open nodes of one subject.
 *
 * Always true: what an open node leans on is open itself, or an undecided condition. A node that is
 * open for neither reason stands in a cycle through the right side of a `-`. */
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "tests/support/oracle.h"
#include "tests/support/oracle_private.h"

#define ROW_WORDS ((WORLD_NODES_MAX + 63) / 64)

/* A set of open nodes. */
struct row {
    uint64_t words[ROW_WORDS];
};

struct open_node {
    int type;
    int id;
    int member;
    uint64_t reasons;
    bool fixed;        /* a cycle: what it reaches does not matter */
    struct row leans;  /* on these nodes */
    struct row denies; /* those of them that stand on the right of a `-` */
};

struct open_graph {
    struct oracle *oracle;
    int lane;
    struct open_node *nodes;
    int count;
    int index[WORLD_NODES_MAX]; /* into nodes, or -1 */
};

static bool
row_has(const struct row *row, int node)
{
    return (row->words[node / 64] >> (node % 64) & 1) != 0;
}

static void
row_add(struct row *row, int node)
{
    row->words[node / 64] |= UINT64_C(1) << (node % 64);
}

/* --- what a node leans on --- */

/* The operand being looked at: whose value it is part of, and whether behind a `-`. */
struct place {
    struct open_graph *graph;
    struct open_node *of;
    int type;
    int id;
};

static bool
bounds_are_open(const struct open_graph *graph, uint64_t lower, uint64_t upper)
{
    return ((upper & ~lower) >> graph->lane & 1) != 0;
}

static void
lean_on_member(struct place place, int member, bool denied)
{
    int node = world_node(place.graph->oracle->world, place.type, place.id, member);
    int index = place.graph->index[node];

    if (index < 0)
        return;
    row_add(&place.of->leans, index);
    if (denied)
        row_add(&place.of->denies, index);
}

/* A tuple's condition and what the tuple leads to, both of which must hold. */
static bool
tuple_is_open(const struct open_graph *graph, int tuple, uint64_t lower, uint64_t upper)
{
    return bounds_are_open(graph, oracle_conditioned(graph->oracle, tuple, ORACLE_LOWER, lower),
                           oracle_conditioned(graph->oracle, tuple, ORACLE_UPPER, upper));
}

static void
lean_on_relation(struct place place, int name)
{
    const struct oracle *oracle = place.graph->oracle;
    const struct world *world = oracle->world;

    for (int i = 0; i < world->tuple_count; i++) {
        const struct world_tuple *tuple = &world->tuples[i];
        uint64_t named = oracle_named_by(oracle, tuple);
        int member = -1;
        int node = -1;

        if (tuple->type != place.type || tuple->id != place.id || tuple->name != name ||
            oracle->facts->conditions[i] == ORACLE_ABSENT)
            continue;
        if (tuple->subject_name >= 0) {
            member = world_find_member(world, tuple->subject_type, tuple->subject_name);
            node = world_node(world, tuple->subject_type, tuple->subject_id, member);
        }
        if (!tuple_is_open(place.graph, i, named | (node >= 0 ? oracle->lower[node] : 0),
                           named | (node >= 0 ? oracle->upper[node] : 0)))
            continue;
        place.of->reasons |= oracle->facts->reasons[i];
        if (node >= 0)
            lean_on_member(
                (struct place){place.graph, place.of, tuple->subject_type, tuple->subject_id},
                member, false);
    }
}

static void lean_on_expression(struct place place, int expression, bool denied);

static void
lean_on_arrow(struct place place, const struct world_expression *arrow, bool denied)
{
    const struct oracle *oracle = place.graph->oracle;
    const struct world *world = oracle->world;

    for (int i = 0; i < world->tuple_count; i++) {
        const struct world_tuple *tuple = &world->tuples[i];
        struct place next = {place.graph, place.of, tuple->subject_type, tuple->subject_id};
        uint64_t bounds[2] = {0, 0};
        int member = -1;

        if (tuple->type != place.type || tuple->id != place.id || tuple->name != arrow->name ||
            oracle->facts->conditions[i] == ORACLE_ABSENT)
            continue;
        if (arrow->target >= 0)
            member = world_find_member(world, next.type, arrow->target);
        if (member >= 0) {
            bounds[0] = oracle->lower[world_node(world, next.type, next.id, member)];
            bounds[1] = oracle->upper[world_node(world, next.type, next.id, member)];
        } else if (arrow->target < 0) {
            bounds[0] = oracle_evaluate(oracle, arrow->left, next.type, next.id, ORACLE_LOWER);
            bounds[1] = oracle_evaluate(oracle, arrow->left, next.type, next.id, ORACLE_UPPER);
        }
        if (!tuple_is_open(place.graph, i, bounds[0], bounds[1]))
            continue;
        place.of->reasons |= oracle->facts->reasons[i];
        if (member >= 0)
            lean_on_member(next, member, denied);
        else if (arrow->target < 0)
            lean_on_expression(next, arrow->left, denied);
    }
}

static void
lean_on_expression(struct place place, int expression, bool denied)
{
    const struct oracle *oracle = place.graph->oracle;
    const struct world_expression *at = &oracle->world->expressions[expression];

    if (!bounds_are_open(place.graph,
                         oracle_evaluate(oracle, expression, place.type, place.id, ORACLE_LOWER),
                         oracle_evaluate(oracle, expression, place.type, place.id, ORACLE_UPPER)))
        return;
    switch (at->op) {
    case WORLD_NIL:
    case WORLD_SELF:
        return;
    case WORLD_MEMBER:
        lean_on_member(place, world_find_member(oracle->world, place.type, at->name), denied);
        return;
    case WORLD_UNION:
    case WORLD_INTERSECTION:
        lean_on_expression(place, at->left, denied);
        lean_on_expression(place, at->right, denied);
        return;
    case WORLD_EXCLUSION:
        lean_on_expression(place, at->left, denied);
        lean_on_expression(place, at->right, true);
        return;
    case WORLD_ARROW:
    case WORLD_ALL:
        lean_on_arrow(place, at, denied);
        return;
    case WORLD_OP_COUNT:
        break;
    }
    BEHALF_UNREACHABLE();
}

/* --- the graph --- */

static void
add_open_nodes(struct open_graph *graph)
{
    const struct oracle *oracle = graph->oracle;
    const struct world *world = oracle->world;

    for (int type = 0; type < world->type_count; type++) {
        for (int id = 0; id < world->id_count; id++) {
            for (int member = 0; member < world->types[type].member_count; member++) {
                int node = world_node(world, type, id, member);

                graph->index[node] = -1;
                if (!bounds_are_open(graph, oracle->lower[node], oracle->upper[node]))
                    continue;
                graph->index[node] = graph->count;
                graph->nodes[graph->count++] =
                    (struct open_node){.type = type, .id = id, .member = member};
            }
        }
    }
}

/* Adds to each node's row what the rows of its row's nodes have, until nothing is new. */
static void
close_rows(const struct open_graph *graph, struct row *reaches)
{
    bool changed = true;

    while (changed) {
        changed = false;
        for (int from = 0; from < graph->count; from++) {
            for (int to = 0; to < graph->count; to++) {
                if (!row_has(&reaches[from], to))
                    continue;
                for (int word = 0; word <= graph->count / 64; word++) {
                    uint64_t more = reaches[to].words[word] & ~reaches[from].words[word];

                    reaches[from].words[word] |= more;
                    changed = changed || more != 0;
                }
            }
        }
    }
}

/* Every node of a cycle that passes the right side of a `-`. */
static void
mark_cycles(struct open_graph *graph)
{
    struct row *reaches = memory_new_array((size_t)graph->count, sizeof *reaches);

    for (int node = 0; node < graph->count; node++)
        reaches[node] = graph->nodes[node].leans;
    close_rows(graph, reaches);
    for (int from = 0; from < graph->count; from++) {
        for (int to = 0; to < graph->count; to++) {
            if (!row_has(&graph->nodes[from].denies, to) || !row_has(&reaches[to], from))
                continue;
            for (int node = 0; node < graph->count; node++) {
                if (row_has(&reaches[from], node) && row_has(&reaches[node], from)) {
                    graph->nodes[node].reasons = ORACLE_CYCLE;
                    graph->nodes[node].fixed = true;
                }
            }
        }
    }
    memory_free(reaches);
}

static void
spread_reasons(struct open_graph *graph)
{
    bool changed = true;

    while (changed) {
        changed = false;
        for (int node = 0; node < graph->count; node++) {
            struct open_node *at = &graph->nodes[node];
            uint64_t reasons = at->reasons;

            for (int to = 0; !at->fixed && to < graph->count; to++)
                if (row_has(&at->leans, to))
                    reasons |= graph->nodes[to].reasons;
            changed = changed || reasons != at->reasons;
            at->reasons = reasons;
        }
    }
}

static void
make_room(struct oracle *oracle)
{
    size_t size = (size_t)world_node_count(oracle->world) * ORACLE_LANES;

    if (size <= oracle->reason_size)
        return;
    oracle->reasons = memory_resize(oracle->reasons, size, sizeof *oracle->reasons);
    oracle->reason_size = size;
}

void
oracle_explain(struct oracle *oracle, int lane)
{
    const struct world *world = oracle->world;
    struct open_graph *graph = memory_new(sizeof *graph);
    bool denied = false;

    graph->oracle = oracle;
    graph->lane = lane;
    graph->nodes = memory_new_array((size_t)world_node_count(world), sizeof *graph->nodes);
    add_open_nodes(graph);
    for (int i = 0; i < graph->count; i++) {
        struct open_node *node = &graph->nodes[i];
        const struct world_member *member = &world->types[node->type].members[node->member];
        struct place place = {graph, node, node->type, node->id};

        if (member->root < 0)
            lean_on_relation(place, member->name);
        else
            lean_on_expression(place, member->root, false);
        for (int word = 0; word < ROW_WORDS; word++)
            denied = denied || node->denies.words[word] != 0;
    }
    if (denied)
        mark_cycles(graph);
    spread_reasons(graph);
    make_room(oracle);
    for (int i = 0; i < graph->count; i++) {
        const struct open_node *node = &graph->nodes[i];

        BEHALF_ASSERT(node->reasons != 0);
        oracle
            ->reasons[oracle_reason(world_node(world, node->type, node->id, node->member), lane)] =
            node->reasons;
    }
    oracle->explained |= UINT64_C(1) << lane;
    memory_free(graph->nodes);
    memory_free(graph);
}
