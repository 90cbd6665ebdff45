/* reach.c - nodes that hold whom a row of edges leads to: no operator but union, no condition.
 *
 * Such a node (plain.h says which) is walked breadth first: each node of the way is asked once, for
 * the edges that hold the subject by themselves, and then for those that lead on. Nearer nodes come
 * before further ones, and the queue says whose edges are needed soon, so that they are fetched
 * while others are looked at. Where many edges lead on, the subject's side is asked first
 * (reach_narrow.c): of ten thousand groups only those that may hold the subject are probed.
 *
 * What was seen stays for the whole request. A walk that ends without an answer has shown all
 * that it saw to hold nothing, so that no later walk goes there again. One that ends with an answer
 * has shown that the nodes on the way to it hold the subject; the rest is forgotten. */
#include "eval/reach_private.h"
#include "eval/limits.h"
#include "graph/limits.h"

#define FIRST_SEEN 16
#define NODE_HOLDS (TABLE_NONE - 1) /* in `seen`: instead of the number of a walk */

/* Nodes behind the one at hand whose edges are fetched already. */
#define FETCHED_AHEAD 4

/* A node to be asked, or (`from` is not 0) one of its steps that goes on behind what was read. */
struct waiting {
    uint64_t object;
    uint64_t from;
    uint16_t member;
    uint16_t step;
    uint32_t parent; /* place in the queue of the node that led here; the first one is its own */
};

struct reach_search {
    struct table seen; /* node key -> the walk that saw it last, or NODE_HOLDS */
    bool *denied;      /* by walk: it ended without an answer */
    uint32_t denied_size;
    uint32_t walk; /* at hand, or the last one */
    bool holds;    /* how it ended: at the node queue[queue_at - 1] */
    struct waiting *queue;
    uint32_t queue_count;
    uint32_t queue_size;
    uint32_t queue_at; /* behind the node at hand */
    uint32_t prepared; /* up to which nodes of the queue were loaded together */
    uint32_t walked;   /* edges that led on, in this walk */
    uint64_t *batch;   /* room for LIMIT_EDGE_BATCH_GROWN far nodes; NULL until needed */
};

void
reach_init(struct reach *reach, const struct condition_scope *scope, struct graph_view *view,
           const struct eval_subject *subject)
{
    reach->scope = *scope;
    reach->view = view;
    reach->subject = *subject;
    reach->subject_label = subject->member == SCHEMA_NONE
                               ? LABEL_NONE
                               : scope->binding->member_labels[subject->member];
    reach->search = NULL;
    reach->narrows = NULL;
    reach->wide = NULL;
    reach->visited = NULL;
    reach->hand = NULL;
}

/* --- one node --- */

static enum status
probe_edge(struct reach *reach, const struct plain_probe *probe, uint64_t object, bool *holds,
           struct error *error)
{
    const struct edge_key key = {
        .resource = object,
        .relation = probe->relation,
        .subject_relation = reach->subject_label,
        .subject =
            probe->wildcard ? NODE_WILDCARD(NODE_TYPE(reach->subject.node)) : reach->subject.node,
    };
    const struct edge_traits *traits;
    enum status status = graph_view_contains(reach->view, &key, holds, &traits, error);

    if (status == BEHALF_OK)
        *holds = *holds && traits == NULL; /* no other edge is allowed here */
    return status;
}

/* Whether one of the edges of the node, or its very name, holds the subject. `kinds`: of the edges
 * that it has. */
static enum status
probe_node(struct reach *reach, const struct plain_program *program, uint64_t object,
           uint64_t kinds, bool *holds, struct error *error)
{
    const struct eval_subject *subject = &reach->subject;
    enum status status = BEHALF_OK;

    *holds = false;
    for (uint32_t at = 0; status == BEHALF_OK && !*holds && at < program->probe_count; at++) {
        const struct plain_probe *probe = &program->probes[at];

        if (probe->type != subject->type || probe->member != subject->member)
            continue;
        if (probe->relation == LABEL_NONE)
            *holds = object == subject->node;
        else if ((probe->kind & kinds) != 0)
            status = probe_edge(reach, probe, object, holds, error);
        else
            status = budget_spend(reach->view->budget, 1, error);
    }
    return status;
}

/* Whether anything leads on from objects of this member towards the subject. */
static bool
leads_further(const struct reach *reach, const struct plain_program *program)
{
    for (uint32_t at = 0; at < program->step_count; at++) {
        if (reach_leads_on(reach, program->steps[at].member))
            return true;
    }
    return false;
}

/* --- what was seen --- */

/* The nodes that led to the answer of the last walk hold the subject. Noted when the next one
 * begins, as mostly there is none. */
static void
note_way(struct reach_search *search)
{
    uint32_t at = search->queue_at - 1;
    uint32_t below;

    do {
        const struct waiting *node = &search->queue[at];

        table_set(&search->seen, eval_key(node->object, node->member), NODE_HOLDS);
        below = at;
        at = node->parent;
    } while (at != below);
}

static struct reach_search *
begin(struct reach *reach)
{
    struct reach_search *search = reach->search;
    bool *denied;

    if (search == NULL) {
        search = arena_take_array(reach->scope.arena, 1, sizeof *search);
        if (search == NULL || !table_init(&search->seen, reach->scope.arena, FIRST_SEEN))
            return NULL;
        reach->search = search;
    } else {
        if (search->holds)
            note_way(search);
        search->walk++;
    }
    denied = arena_grow(reach->scope.arena, search->denied, search->walk, &search->denied_size, 1);
    if (denied == NULL)
        return NULL;
    search->denied = denied;
    denied[search->walk] = false;
    search->queue_count = search->queue_at = search->walked = search->prepared = 0;
    search->holds = false;
    return search;
}

/* Puts a node into the queue unless it is known already; *holds when it is known to hold. */
static enum status
await(struct reach *reach, struct reach_search *search, uint64_t object, uint32_t member,
      bool *holds, struct error *error)
{
    uint64_t key = eval_key(object, member);
    uint32_t seen = table_find(&search->seen, key);
    struct waiting *queue;

    *holds = seen == NODE_HOLDS;
    if (BEHALF_UNLIKELY(reach->visited != NULL)) {
        bool taken;
        enum status status = reach_visit(reach, object, member, &taken, error);

        if (status != BEHALF_OK || taken)
            return status;
    }
    if (*holds || seen == search->walk || (seen != TABLE_NONE && search->denied[seen]))
        return BEHALF_OK;
    queue = arena_grow(reach->scope.arena, search->queue, search->queue_count, &search->queue_size,
                       sizeof *queue);
    if (queue == NULL)
        return budget_memory_spent(error);
    search->queue = queue;
    if (seen != TABLE_NONE)
        table_set(&search->seen, key, search->walk);
    else if (!table_add(&search->seen, key, search->walk))
        return budget_memory_spent(error);
    queue[search->queue_count++] = (struct waiting){
        .object = object,
        .member = (uint16_t)member,
        .parent = search->queue_at == 0 ? 0 : search->queue_at - 1,
    };
    return BEHALF_OK;
}

static enum status
await_rest(struct reach *reach, struct reach_search *search, const struct waiting *rest,
           struct error *error)
{
    struct waiting *queue = arena_grow(reach->scope.arena, search->queue, search->queue_count,
                                       &search->queue_size, sizeof *queue);

    if (queue == NULL)
        return budget_memory_spent(error);
    search->queue = queue;
    queue[search->queue_count++] = *rest;
    return BEHALF_OK;
}

/* --- edges that lead on --- */

/* Takes far nodes: into the queue, or, where nothing leads on from them, by their own edges at
 * once. */
static enum status
take_far(struct reach *reach, struct reach_search *search, uint32_t member,
         const struct graph_batch *batch, bool *holds, struct error *error)
{
    const struct plain_program *program = &reach->scope.binding->plain[member];
    bool further = leads_further(reach, program) || reach->hand != NULL;
    enum status status = BEHALF_OK;

    for (size_t at = 0; status == BEHALF_OK && !*holds && at < batch->count; at++) {
        if (at % GRAPH_LOADS_MAX == 0 && !further)
            graph_view_prepare(reach->view, batch->nodes + at, batch->count - at, EDGE_FORWARD);
        if (at + FETCHED_AHEAD < batch->count && !further)
            graph_prefetch(reach->view->graph, batch->nodes[at + FETCHED_AHEAD], EDGE_FORWARD);
        status = further
                     ? await(reach, search, batch->nodes[at], member, holds, error)
                     : probe_node(reach, program, batch->nodes[at],
                                  graph_view_kinds(reach->view, batch->nodes[at]), holds, error);
    }
    return status;
}

/* Leaves out edges that are not allowed here. Before the view is asked anything else, as traits are
 * borrowed. */
static void
drop_conditional(struct graph_batch *batch)
{
    size_t kept = 0;

    if (batch->traits == NULL)
        return;
    for (size_t at = 0; at < batch->count; at++) {
        if (batch->traits[at] == NULL)
            batch->nodes[kept++] = batch->nodes[at];
    }
    batch->count = kept;
}

/* Of the objects that the subject may reach, those in the range: one of them is enough. */
static enum status
probe_narrowed(struct reach *reach, struct reach_search *search, uint32_t member,
               const struct reverse_walk *narrow, const struct graph_range *range, bool *holds,
               struct error *error)
{
    struct edge_key key = {
        .resource = range->node,
        .relation = range->relation,
        .subject_relation = range->subject_relation,
    };
    enum status status = BEHALF_OK;

    for (uint32_t at = reverse_lower_bound(narrow, range->from);
         status == BEHALF_OK && !*holds && at < narrow->found.count; at++) {
        const struct edge_traits *traits;
        bool found;

        key.subject = reverse_node(narrow, at);
        if (key.subject >= range->to)
            break;
        status = graph_view_contains(reach->view, &key, &found, &traits, error);
        if (status != BEHALF_OK || !found || traits != NULL)
            continue;
        if (!RESOURCE_OPEN(narrow->found.entries[at]))
            *holds = true;
        else
            status = await(reach, search, key.subject, member, holds, error);
    }
    return status;
}

/* Room for a batch: the first one of a step is small, as most nodes have few edges. */
static enum status
ready_batch(struct reach *reach, struct reach_search *search, bool first, struct graph_batch *batch,
            struct error *error)
{
    if (search->batch == NULL)
        search->batch =
            arena_take(reach->scope.arena, LIMIT_EDGE_BATCH_GROWN * sizeof *search->batch);
    if (search->batch == NULL)
        return budget_memory_spent(error);
    *batch = (struct graph_batch){
        .nodes = search->batch,
        .capacity = first ? LIMIT_EDGE_BATCH : LIMIT_EDGE_BATCH_GROWN,
    };
    return BEHALF_OK;
}

/* Follows one step of a node, by a batch of its edges. */
static enum status
follow(struct reach *reach, struct reach_search *search, const struct waiting *node, bool *holds,
       struct error *error)
{
    const struct plain_step *step = &reach->scope.binding->plain[node->member].steps[node->step];
    const struct reverse_walk *narrow = NULL;
    struct graph_range range = {
        .direction = EDGE_FORWARD,
        .node = node->object,
        .relation = step->relation,
        .subject_relation = step->subject_relation,
        .from = node->from != 0 ? node->from : NODE_WILDCARD(step->type) + 1,
        .to = NODE_WILDCARD(step->type) + NODE_SEQUENCE_LOCAL,
    };
    struct waiting rest = *node;
    struct graph_batch batch;
    enum status status = ready_batch(reach, search, node->from == 0, &batch, error);

    if (status == BEHALF_OK)
        status = graph_view_read(reach->view, &range, &batch, error);
    if (status != BEHALF_OK || batch.count == 0)
        return status;
    search->walked += (uint32_t)batch.count;
    rest.from = batch.count < batch.capacity ? 0 : batch.nodes[batch.count - 1] + 1;
    drop_conditional(&batch);
    if (rest.from != 0)
        status = reach_narrowed(reach, step->member, search->walked, &narrow, error);
    if (status == BEHALF_OK && narrow != NULL)
        return probe_narrowed(reach, search, step->member, narrow, &range, holds, error);
    if (status == BEHALF_OK)
        status = take_far(reach, search, step->member, &batch, holds, error);
    if (status == BEHALF_OK && !*holds && rest.from != 0)
        status = await_rest(reach, search, &rest, error);
    return status;
}

/* Goes on from a node whose own edges do not hold the subject. */
static enum status
follow_all(struct reach *reach, struct reach_search *search, struct waiting node, uint64_t kinds,
           bool *holds, struct error *error)
{
    const struct plain_program *program = &reach->scope.binding->plain[node.member];
    enum status status = BEHALF_OK;

    for (; status == BEHALF_OK && !*holds && node.step < program->step_count; node.step++) {
        const struct plain_step *step = &program->steps[node.step];

        if (!reach_leads_on(reach, step->member))
            continue;
        status = (step->kind & kinds) != 0 ? follow(reach, search, &node, holds, error)
                                           : budget_spend(reach->view->budget, 1, error);
    }
    return status;
}

/* Asks the next node of the queue. */
static enum status
ask_next(struct reach *reach, struct reach_search *search, bool *holds, struct error *error)
{
    struct waiting node = search->queue[search->queue_at++];
    uint64_t kinds;
    enum status status;

    if (node.from != 0)
        return follow(reach, search, &node, holds, error);
    kinds = graph_view_kinds(reach->view, node.object);
    status = probe_node(reach, &reach->scope.binding->plain[node.member], node.object, kinds, holds,
                        error);
    if (status != BEHALF_OK || *holds)
        return status;
    return follow_all(reach, search, node, kinds, holds, error);
}

static void
fetch_ahead(const struct reach *reach, const struct reach_search *search)
{
    uint32_t at = search->queue_at + FETCHED_AHEAD;

    if (at < search->queue_count)
        graph_prefetch(reach->view->graph, search->queue[at].object, EDGE_FORWARD);
}

/* Where nodes of the walk were not in memory, those that wait are loaded together. */
static void
prepare_waiting(const struct reach *reach, struct reach_search *search)
{
    uint64_t nodes[GRAPH_LOADS_MAX];
    uint32_t count = 0;

    if (BEHALF_LIKELY(reach->view->loads == 0) || search->queue_at < search->prepared)
        return;
    for (uint32_t at = search->queue_at; at < search->queue_count && count < GRAPH_LOADS_MAX; at++)
        nodes[count++] = search->queue[at].object;
    search->prepared = search->queue_at + count;
    graph_view_prepare(reach->view, nodes, count, EDGE_FORWARD);
}

/* From a node whose own edges do not hold the subject. */
static enum status
walk_from(struct reach *reach, uint64_t object, uint32_t member, uint64_t kinds, bool *holds,
          struct error *error)
{
    struct reach_search *search = begin(reach);
    enum status status;

    if (search == NULL)
        return budget_memory_spent(error);
    status = await(reach, search, object, member, holds, error);
    if (search->queue_count == 0)
        return status; /* it is known */
    status = follow_all(reach, search, search->queue[search->queue_at++], kinds, holds, error);
    while (status == BEHALF_OK && !*holds && search->queue_at < search->queue_count) {
        if (BEHALF_UNLIKELY(search->walked > LIMIT_WIDE_EDGES) && reach->wide != NULL) {
            status = reach_widen(reach, object, member, search->walked, holds, error);
            search->queue_count = search->queue_at = 1; /* of the way to an answer that is known */
            break;
        }
        prepare_waiting(reach, search);
        fetch_ahead(reach, search);
        status = ask_next(reach, search, holds, error);
    }
    /* A walk that failed has shown nothing. */
    search->holds = status == BEHALF_OK && *holds;
    search->denied[search->walk] = status == BEHALF_OK && !*holds;
    return status;
}

/* --- in steps --- */

/* Which node comes next is known now, and is looked at after the steps of others. */
static enum reach_progress
progress_of(struct reach *reach, bool holds)
{
    const struct reach_search *search = reach->search;

    if (holds)
        return REACH_HOLDS;
    if (search->queue_at == search->queue_count)
        return REACH_DENIES;
    if (BEHALF_UNLIKELY(search->walked > LIMIT_WIDE_EDGES))
        return REACH_IS_WIDE;
    graph_prefetch(reach->view->graph, search->queue[search->queue_at].object, EDGE_FORWARD);
    return REACH_GOES_ON;
}

enum status
reach_begin(struct reach *reach, uint64_t object, uint32_t member, const struct reach *before,
            enum reach_progress *progress, struct error *error)
{
    const struct plain_program *program = &reach->scope.binding->plain[member];
    uint64_t kinds = graph_view_kinds(reach->view, object);
    bool holds;
    enum status status = probe_node(reach, program, object, kinds, &holds, error);
    struct reach_search *search;

    *progress = holds ? REACH_HOLDS : REACH_DENIES;
    if (status != BEHALF_OK || holds || !leads_further(reach, program))
        return status;
    search = begin(reach);
    if (search == NULL)
        return budget_memory_spent(error);
    search->batch = before != NULL ? before->search->batch : NULL;
    status = await(reach, search, object, member, &holds, error);
    if (status == BEHALF_OK)
        status = follow_all(reach, search, search->queue[search->queue_at++], kinds, &holds, error);
    if (status == BEHALF_OK)
        *progress = progress_of(reach, holds);
    return status;
}

enum status
reach_step(struct reach *reach, enum reach_progress *progress, struct error *error)
{
    bool holds = false;
    enum status status = ask_next(reach, reach->search, &holds, error);

    if (status == BEHALF_OK)
        *progress = progress_of(reach, holds);
    return status;
}

void
reach_fetch(const struct reach *reach)
{
    const struct reach_search *search = reach->search;

    /* No section: its place is nearer, and that must do. */
    if (graph_view_enter(reach->view))
        graph_prefetch_edges(reach->view->graph, search->queue[search->queue_at].object,
                             EDGE_FORWARD);
}

enum status
reach_ask(struct reach *reach, uint64_t object, uint32_t member, bool *holds, struct error *error)
{
    const struct plain_program *program = &reach->scope.binding->plain[member];
    uint64_t kinds = graph_view_kinds(reach->view, object);
    enum status status = probe_node(reach, program, object, kinds, holds, error);

    if (status != BEHALF_OK || *holds || !leads_further(reach, program))
        return status;
    return walk_from(reach, object, member, kinds, holds, error);
}

enum status
reach_look(struct reach *reach, uint64_t object, uint32_t member, bool *holds, struct error *error)
{
    const struct waiting node = {.object = object, .member = (uint16_t)member};
    struct reach_search *search = reach->search != NULL ? reach->search : begin(reach);
    enum status status;

    if (search == NULL)
        return budget_memory_spent(error);
    search->queue_count = search->queue_at = search->walked = 0;
    *holds = false;
    status = await_rest(reach, search, &node, error);
    while (status == BEHALF_OK && !*holds && search->queue_at < search->queue_count)
        status = ask_next(reach, search, holds, error);
    return status;
}
